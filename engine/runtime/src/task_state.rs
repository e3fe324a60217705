//! How far a task is: what it tells the board about itself, for people and for metrics.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metadata::Progress;

/// The state of one task of this process: of one partition of a flow's input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// Committed position: the offset of the next record and the next row in it. `None` until it was read.
    pub position: Option<(i64, i64)>,
    /// The range that was opened and not closed.
    pub open: Option<OpenSince>,
    /// When the oldest record in work arrived, in milliseconds since 1970 UTC.
    pub working_since: Option<i64>,
    /// When the newest record arrived that was read, in milliseconds since 1970 UTC.
    pub newest_read: Option<i64>,
    /// When the newest record arrived whose range was closed, in milliseconds since 1970 UTC.
    pub newest_closed: Option<i64>,
    /// Where the input ended when nothing of it was left, and when that was in milliseconds since 1970 UTC. On a log whose
    /// offsets have gaps that may lie behind the position.
    pub caught_up: Option<(i64, i64)>,
    /// Since when this process has it, in milliseconds since 1970 UTC.
    pub since: i64,
    /// What its steps remember, by the name of the store.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, StoreState>,
}

/// A range that was opened and not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSince {
    /// Rows that it lands.
    pub rows: u64,
    /// When it was opened, in milliseconds since 1970 UTC; 0 if an earlier version of the program opened it.
    pub at: i64,
}

/// How a store stands in one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreState {
    /// Keys.
    pub keys: u64,
    /// Memory that it takes, about, in bytes.
    pub bytes: u64,
    /// Records of its changelog that are to be read before the task begins.
    pub to_restore: i64,
    /// How many of them were read.
    pub restored: i64,
}

impl TaskState {
    /// Records behind the position, if the input ends at `end`. On a log whose offsets have gaps it may be too large by as
    /// many as there are.
    #[must_use]
    pub fn lag(&self, end: i64) -> i64 {
        let caught_up = self.caught_up.map_or(0, |(end, _)| end);
        self.position.map_or(end, |(offset, _)| end - offset.max(caught_up)).max(0)
    }

    /// When the oldest record arrived that is not done, in milliseconds since 1970 UTC: if it was not read yet, the
    /// earliest that can be.
    #[must_use]
    pub fn waits_since(&self) -> i64 {
        let caught_up = self.caught_up.map_or(0, |(_, at)| at);
        self.working_since.unwrap_or_else(|| self.since.max(self.newest_closed.unwrap_or(0)).max(caught_up))
    }

    /// Takes over a committed position.
    pub(crate) fn stands_at(&mut self, progress: &Progress) {
        self.position = Some((progress.next.offset, progress.next.row));
        self.open = progress.open.as_ref().map(|open| OpenSince { rows: open.rows, at: open.at });
    }

    /// Notes that records were read which arrived from `first` to `last`.
    pub(crate) fn reads(&mut self, first: i64, last: i64) {
        self.working_since = Some(self.working_since.map_or(first, |since| since.min(first)));
        self.newest_read = self.newest_read.max(Some(last));
    }

    /// Notes that a range was closed, and where the task stands then.
    pub(crate) fn closed(&mut self, next: (i64, i64)) {
        (self.position, self.open) = (Some(next), None);
        // Within a document more of it is in work.
        if next.1 == 0 {
            self.working_since = None;
            self.newest_closed = self.newest_closed.max(self.newest_read);
        }
    }
}
