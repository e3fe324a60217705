//! A whole topology in one thread, without a log, with the clock by hand; and the assembly of a plan into steps.
