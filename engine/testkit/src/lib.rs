//! Seeded faults, conformance suites, and the rules of the house as tests.

pub mod log_suite;
mod random;

pub use random::Random;
