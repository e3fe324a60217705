//! The places at which a process can die, as the tests use them.
//!
//! The landing protocol passes a [`Faults`] on each arrow of its state machine. In production nothing happens there. A
//! test answers [`Killed`] at a chosen arrow: the task ends as if the process had died between the two steps, and all
//! that it held in memory is gone.

use crate::landing::Arrow;

/// The task was killed here by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed;

/// Told of each arrow before it is taken.
pub trait Faults: Send + Sync {
    /// Lets the task pass, or kills it.
    ///
    /// # Errors
    /// [`Killed`].
    fn pass(&self, arrow: Arrow) -> Result<(), Killed>;
}

/// Nothing fails on purpose.
#[derive(Clone, Copy, Debug)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn pass(&self, _: Arrow) -> Result<(), Killed> {
        Ok(())
    }
}
