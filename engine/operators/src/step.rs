//! What a step owes the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use batch::{Batch, Failed};

/// Facts that are the same for all rows of a batch: `document.NAME` and `trailer.NAME`, as arrays of one value.
pub type Facts = BTreeMap<Arc<str>, ArrayRef>;

/// What a step made of a batch.
#[derive(Debug, Default)]
pub struct StepOutput {
    /// Rows that go on to the next step.
    pub next: Option<Batch>,
    /// Rows that leave by a named output.
    pub outputs: Vec<(Arc<str>, Batch)>,
    /// Rows that failed.
    pub failed: Option<Failed>,
    /// Rows that were dropped on purpose: reason and number.
    pub dropped: Vec<(Arc<str>, u64)>,
}

/// A fault of the program, never of the data: columns that the plan promised are missing or of another type.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The columns are not what the plan promised.
    #[error("step `{step}`: {what}")]
    Plan {
        /// The step.
        step: Arc<str>,
        /// What is wrong.
        what: String,
    },
    /// Arrow refused.
    #[error("step `{step}`")]
    Arrow {
        /// The step.
        step: Arc<str>,
        /// Why.
        #[source]
        source: ArrowError,
    },
}

/// A step of a flow.
///
/// The chain calls [`Step::process`] with each batch in the order of positions. Changes of state stay provisional until
/// [`Step::commit`]; [`Step::rollback`] takes back all that was changed since the last commit. Steps without state
/// leave both as they are.
pub trait Step: Send {
    /// Name, as in the plan.
    fn name(&self) -> &Arc<str>;

    /// Processes one batch. Rows that fail are told apart in the output; every other row is in `next`, in `outputs`,
    /// or counted as dropped.
    ///
    /// # Errors
    /// Only for faults of the program.
    fn process(&mut self, batch: Batch, facts: &Facts) -> Result<StepOutput, StepError>;

    /// True if the step keeps state between batches.
    fn stateful(&self) -> bool {
        false
    }

    /// Keeps what was changed since the last commit.
    fn commit(&mut self) {}

    /// Takes back what was changed since the last commit.
    fn rollback(&mut self) {}
}
