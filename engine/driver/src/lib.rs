//! A whole topology in one thread, without a log, with the clock by hand; and the assembly of a plan into steps.
//!
//! [`assemble`] turns the plan's words into the steps and readers that do the work: the runtime's parts and the tests
//! that stand in topology files come from the same place. [`run_test`] runs such a test from bytes to rows;
//! [`transform()`] takes one document through its flow.
//!
//! What this cannot show: transactions, restarts, and what a table outside makes of the rows.

pub mod assemble;
mod compare;
#[cfg(test)]
mod extremes;
mod run;
#[cfg(test)]
mod tests;
mod transform;

pub use run::{TestOutcome, run_test};
pub use transform::{Document, OpenDocument, TransformError, columns, transform};
