//! How many documents are worked on at once, when thousands wait. What they may take of memory together is the budget's
//! to say.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::stop::StopSignal;

/// A number of slots that tasks take and give back.
#[derive(Debug)]
pub struct Slots {
    count: usize,
    free: Mutex<usize>,
    given_back: Condvar,
}

/// A slot; given back when dropped.
#[derive(Debug)]
pub struct Slot<'a>(&'a Slots);

impl Slots {
    /// `count` slots, at least one. More: more documents side by side and more memory. Fewer: idle cores.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let count = count.max(1);
        Self { count, free: Mutex::new(count), given_back: Condvar::new() }
    }

    /// How many there are, taken or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Waits for a slot; `None` once the run is stopping.
    pub fn take(&self, stop: &StopSignal) -> Option<Slot<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            if stop.stopping() {
                return None;
            }
            let waited = self.given_back.wait_timeout(free, Duration::from_millis(100));
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        Some(Slot(self))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}
