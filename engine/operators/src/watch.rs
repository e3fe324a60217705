//! What somebody owes the engine who looks at rows on their way through a flow.

use std::sync::Arc;

use batch::Batch;

use crate::StepOutput;

/// Which rows pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passing {
    /// Rows of the input.
    #[default]
    First,
    /// Rows that come back from the dead letters.
    Again,
    /// Rows beside those that come back, read for what the document says of all its rows: nobody is shown them.
    Unseen,
}

/// Told what each step made of each batch, while it wants to know.
///
/// It is called on the task's own thread, so it must neither wait nor work: what it cannot take at once it lets go. It
/// sees each reading: a batch that is redone without its dead rows passes again, and so does a document that is proven
/// first and landed in a second reading.
pub trait Watch: Send + Sync {
    /// True if anybody looks. Asked for every batch and step.
    fn watching(&self) -> bool;

    /// A step made `after` of `before`; `again` is true for rows that come back from the dead letters.
    fn passed(&self, step: &Arc<str>, before: Batch, after: &StepOutput, again: bool);
}
