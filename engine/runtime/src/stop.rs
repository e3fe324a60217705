//! The signal to stop, and the only way to wait: every wait ends at once when the signal comes.
//!
//! A signal has children: each can be given alone, and all of them are given with their parent.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use log::LogError;

use crate::board::Board;
use crate::end::TaskEnd;

/// Shared by all threads of a run, or by those that end together before it.
#[derive(Clone, Debug, Default)]
pub struct StopSignal {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    given: Mutex<bool>,
    changed: Condvar,
    children: Mutex<Vec<Weak<Inner>>>,
}

impl Inner {
    fn give(&self) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
        let children = std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner));
        children.iter().filter_map(Weak::upgrade).for_each(|child| child.give());
    }
}

impl StopSignal {
    /// A signal that was not given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that is given when this one is, and may be given before.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        let mut children = self.inner.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&child.inner));
        drop(children);
        // It may have been given before the child was there to be told.
        if self.stopping() {
            child.stop();
        }
        child
    }

    /// Gives the signal. It stays given.
    pub fn stop(&self) {
        self.inner.give();
    }

    /// True once it was given.
    #[must_use]
    pub fn stopping(&self) -> bool {
        *self.inner.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits; true if the time passed, false as soon as the signal comes.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let given = self.inner.given.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.inner.changed.wait_timeout_while(given, time, |given| !*given);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Waits between tries: doubled each time up to a limit, with jitter so that many tasks do not come back at once.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    limit: Duration,
    seed: u64,
}

impl Backoff {
    /// From 200 ms to `limit`. `seed` makes the jitter of one task differ from another's.
    #[must_use]
    pub fn new(limit: Duration, seed: u64) -> Self {
        Self { next: Duration::from_millis(200), limit, seed: seed | 1 }
    }

    /// The next wait: between half and all of the doubled time.
    pub fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (self.next * 2).min(self.limit);
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let share = u32::try_from(self.seed % 512).unwrap_or(0);
        whole / 2 + whole * share / 1024
    }
}

/// Tries until the log does it: its disk may be full, or it is elsewhere and away. What is waited for is on the board.
///
/// # Errors
/// Of another kind, or if the signal to stop came.
pub(crate) fn until_stored<Done>(
    flow: &str,
    stop: &StopSignal,
    board: &Board,
    mut attempt: impl FnMut() -> Result<Done, TaskEnd>,
) -> Result<Done, TaskEnd> {
    let (mut backoff, mut waited) = (Backoff::new(Duration::from_secs(30), 1), false);
    loop {
        let error = match attempt() {
            Err(TaskEnd::Log(error @ (LogError::Store(_) | LogError::Away(_)))) => error,
            done => {
                if waited {
                    board.waits_for(flow, None);
                }
                return done;
            }
        };
        let (wait, cause) = (backoff.next(), std::error::Error::source(&error));
        let reason = cause.map_or_else(|| error.to_string(), ToString::to_string);
        let [topology, name] = crate::names::parts(flow);
        waited = true;
        board.waits_for(flow, Some(format!("the log: {error}: {reason}")));
        telemetry::list::FLOW_WAIT_SECONDS.observe(&[topology, name, "log"], wait.as_secs_f64());
        tracing::error!(flow, wait_ms = wait.as_millis() as u64, reason, "{error}, will try again");
        if !stop.wait(wait) {
            return Err(TaskEnd::Stopped);
        }
    }
}

/// Asks the log until it answers: one that is elsewhere may be away. What its own disk refuses is an error at once.
///
/// # Errors
/// Of another kind, or if the signal to stop came.
pub(crate) fn until_reached<Answer>(
    flow: &str,
    stop: &StopSignal,
    board: &Board,
    mut ask: impl FnMut() -> Result<Answer, LogError>,
) -> Result<Answer, TaskEnd> {
    until_stored(flow, stop, board, || match ask() {
        Err(error @ LogError::Away(_)) => Err(TaskEnd::Log(error)),
        other => Ok(other),
    })?
    .map_err(TaskEnd::from)
}

#[cfg(test)]
mod tests {
    use super::StopSignal;

    #[test]
    fn a_child_stops_alone_or_with_its_parent() {
        let parent = StopSignal::new();
        let (first, second) = (parent.child(), parent.child());
        first.stop();
        assert!(first.stopping() && !second.stopping() && !parent.stopping());
        parent.stop();
        assert!(second.stopping());
        assert!(parent.child().stopping(), "one that comes late");
    }
}
