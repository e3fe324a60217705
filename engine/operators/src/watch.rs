//! What somebody owes the engine who looks at rows on their way through a flow.

use std::sync::Arc;

use batch::Batch;

use crate::StepOutput;

/// Told what each step made of each batch, while it wants to know.
///
/// It is called on the task's own thread, so it must neither wait nor work: what it cannot take at once it lets go. It
/// sees each reading: a batch that is redone without its dead rows passes again, and so does a document that is proven
/// first and landed in a second reading.
pub trait Watch: Send + Sync {
    /// True if anybody looks. Asked for every batch and step.
    fn watching(&self) -> bool;

    /// A step made `after` of `before`.
    fn passed(&self, step: &Arc<str>, before: Batch, after: &StepOutput);
}
