//! One verb a file: what a step does to a batch.
//!
//! A [`Step`] is told nothing but the batch, the facts of the document that it stands in, and its store; so the same
//! batch gives the same answer whenever it is processed again. No wall clock, network or randomness.

mod step;

pub use step::{Facts, Step, StepError, StepOutput};
