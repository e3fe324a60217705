//! What a step owes the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use batch::{Batch, Code, Failed};
use state::Store;

/// Facts that are the same for all rows of a batch: `document.NAME` and `trailer.NAME`, as arrays of one value.
pub type Facts = BTreeMap<Arc<str>, ArrayRef>;

/// What a step made of a batch.
#[derive(Debug, Default)]
pub struct StepOutput {
    /// Rows that go on to the next step; `None` if there are none.
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
    /// What it has to ask is away: the same again, later.
    #[error("what a step has to ask is away")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
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

impl StepError {
    pub(crate) fn plan(step: &Arc<str>, what: impl Into<String>) -> Self {
        Self::Plan { step: Arc::clone(step), what: what.into() }
    }

    /// Names the step to which Arrow refused.
    pub(crate) fn arrow(step: &Arc<str>) -> impl Fn(ArrowError) -> Self + use<> {
        let step = Arc::clone(step);
        move |source| Self::Arrow { step: Arc::clone(&step), source }
    }
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
    /// or counted as dropped. Batches in the output are never empty.
    ///
    /// # Errors
    /// Only for faults of the program.
    fn process(&mut self, batch: Batch, facts: &Facts) -> Result<StepOutput, StepError>;

    /// True if the step keeps state between batches.
    fn stateful(&self) -> bool {
        false
    }

    /// The step's store, for those who save, restore and take back state. A stateful step has one.
    fn store(&mut self) -> Option<&mut dyn Store> {
        None
    }

    /// True if a failure with this code depends on the row alone, and would come again whatever rows came before.
    fn failure_is_of_the_row(&self, _code: Code) -> bool {
        !self.stateful()
    }

    /// True if the columns of a row that passes depend on the rows that came before.
    fn columns_depend_on_state(&self) -> bool {
        self.stateful()
    }

    /// Keeps what was changed since the last commit.
    fn commit(&mut self) {
        if let Some(store) = self.store() {
            store.commit();
        }
    }

    /// Takes back what was changed since the last commit.
    fn rollback(&mut self) {
        if let Some(store) = self.store() {
            store.rollback();
        }
    }
}
