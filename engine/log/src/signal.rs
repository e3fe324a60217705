//! Waking those who wait for a commit: a number that grows with each commit, and a condition variable.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Counts commits. It starts at 1, so that a first `wait(0, …)` never waits.
#[derive(Debug)]
pub struct Signal {
    commits: Mutex<u64>,
    changed: Condvar,
}

impl Default for Signal {
    fn default() -> Self {
        Self::new()
    }
}

impl Signal {
    /// Nothing has committed.
    #[must_use]
    pub fn new() -> Self {
        Self { commits: Mutex::new(1), changed: Condvar::new() }
    }

    /// Says that a transaction has committed, after it can be seen.
    pub fn raise(&self) {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// See [`Log::wait`](crate::Log::wait).
    #[must_use]
    pub fn wait(&self, seen: u64, limit: Duration) -> u64 {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let (commits, _timed_out) = self
            .changed
            .wait_timeout_while(commits, limit, |commits| *commits == seen)
            .unwrap_or_else(PoisonError::into_inner);
        *commits
    }
}
