//! Who works which partitions, when several processes share a log.
//!
//! A process joins a *group* with the topics whose partitions its members share. It is told what it gains and what it
//! loses. At any moment one member owns a partition, and only the owner can commit what it has claimed
//! ([`Transaction::claim`](crate::Transaction::claim)).
//!
//! A log that one process owns whole gives that process every partition at once, for ever ([`Sole`]).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::contract::LogError;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// Topic.
    pub topic: Arc<str>,
    /// Number, from 0.
    pub number: i32,
}

/// What has changed for this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It owns these from now on. Positions and records that an earlier owner committed can be read once
    /// [`Log::await_settled`](crate::Log::await_settled) has returned for their partitions.
    Gained(Vec<Partition>),
    /// It is to give these up: end the work on them, commit or not, then say [`Membership::released`]. Until then it
    /// owns them, and the others wait.
    Asked(Vec<Partition>),
    /// Another may own these already: nothing that claims them can be committed any more. End the work on them, then
    /// say [`Membership::released`].
    Lost(Vec<Partition>),
}

/// A process as a member of a group. Dropping it gives up what it owns; nothing may work on that any more.
pub trait Membership: Send {
    /// The next change; `None` if there was none within `limit`. Must be called again within a minute or so, or the
    /// group takes the member for dead.
    ///
    /// # Errors
    /// [`LogError::Fenced`] if another process of the same name has joined.
    fn next(&mut self, limit: Duration) -> Result<Option<Change>, LogError>;

    /// True once the group has said what this process owns, if nothing.
    fn assigned(&self) -> bool;

    /// True once nothing will ever change again: nobody need ask.
    fn fixed(&self) -> bool {
        false
    }

    /// Says that nothing works on these partitions any more: all those of one change.
    ///
    /// # Errors
    /// If the log fails.
    fn released(&mut self, partitions: &[Partition]) -> Result<(), LogError>;
}

/// The only member there can be: it owns all partitions.
#[derive(Debug)]
pub struct Sole {
    changes: VecDeque<Change>,
}

impl Sole {
    /// The owner of these.
    #[must_use]
    pub fn of(partitions: Vec<Partition>) -> Self {
        Self { changes: [Change::Gained(partitions)].into() }
    }
}

impl Membership for Sole {
    /// Never waits: after the first change there is no other.
    fn next(&mut self, _limit: Duration) -> Result<Option<Change>, LogError> {
        Ok(self.changes.pop_front())
    }

    fn assigned(&self) -> bool {
        true
    }

    fn fixed(&self) -> bool {
        self.changes.is_empty()
    }

    fn released(&mut self, _partitions: &[Partition]) -> Result<(), LogError> {
        Ok(())
    }
}
