//! The signal to stop, and the only way to wait: every wait ends at once when the signal comes.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use log::LogError;

use crate::end::TaskEnd;

/// Shared by all threads of a run.
#[derive(Clone, Debug, Default)]
pub struct StopSignal {
    inner: Arc<(Mutex<bool>, Condvar)>,
}

impl StopSignal {
    /// A signal that was not given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal. It stays given.
    pub fn stop(&self) {
        *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.inner.1.notify_all();
    }

    /// True once it was given.
    #[must_use]
    pub fn stopping(&self) -> bool {
        *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits; true if the time passed, false as soon as the signal comes.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let stopped = self.inner.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.inner.1.wait_timeout_while(stopped, time, |stopped| !*stopped);
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
/// Commits until the log's store takes it, such as a disk that was full.
///
/// # Errors
/// Of another kind, or if the signal to stop came.
pub(crate) fn until_stored(
    flow: &str,
    stop: &StopSignal,
    mut commit: impl FnMut() -> Result<(), TaskEnd>,
) -> Result<(), TaskEnd> {
    let mut backoff = Backoff::new(Duration::from_secs(30), 1);
    loop {
        match commit() {
            Err(TaskEnd::Log(LogError::Store(source))) => {
                let wait = backoff.next();
                tracing::error!(flow, reason = %source, "the log's store failed, will try again");
                if !stop.wait(wait) {
                    return Err(TaskEnd::Stopped);
                }
            }
            done => return done,
        }
    }
}
