//! Seeded faults, conformance suites, and the rules of the house as tests.
