//! How far back a table remembers inserts: for people only, nothing is decided by it.
//!
//! A replicated table forgets a token after a time, or after so many others. A plain one knows only the latter, so its
//! memory lasts for as long as that many inserts take. Those of this process are counted; of others in the same table
//! nothing is known.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use telemetry::Stopwatch;

/// After how many inserts, and after what time, a table forgets one. What is `None` is no reason to forget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) inserts: Option<u64>,
    pub(crate) time: Option<Duration>,
}

/// Inserts of which the times are kept. More: a finer answer, and more memory.
const MARKS: u64 = 100;
/// Shorter than this no pace is told by: the first inserts of a process come at once.
const PACE_OVER: f64 = 60.0;

/// See the module's prose.
#[derive(Debug)]
pub(crate) struct Memory {
    watch: Stopwatch,
    inserts: Mutex<Inserts>,
}

#[derive(Debug, Default)]
struct Inserts {
    window: Window,
    /// How many there were in this process.
    count: u64,
    /// The numbers of some of them, ascending, and when each was, in seconds since the start.
    marks: VecDeque<(u64, f64)>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { watch: Stopwatch::start(), inserts: Mutex::default() }
    }

    fn inserts(&self) -> MutexGuard<'_, Inserts> {
        self.inserts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the table says of its memory.
    pub(crate) fn lasts(&self, window: Window) {
        self.inserts().window = window;
    }

    /// Notes an insert.
    pub(crate) fn inserted(&self) {
        self.inserts().inserted(self.watch.seconds());
    }

    /// For how long the table remembers, if that is known.
    pub(crate) fn lasts_for(&self) -> Option<Duration> {
        let inserts = self.inserts();
        let by_count = inserts.window.inserts.and_then(|window| inserts.seconds_of(window, self.watch.seconds()));
        let by_count = by_count.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        by_count.into_iter().chain(inserts.window.time).min()
    }
}

impl Inserts {
    fn inserted(&mut self, now: f64) {
        let Some(window) = self.window.inserts else { return };
        let apart = (window / MARKS).max(1);
        if self.count.is_multiple_of(apart) {
            self.marks.push_back((self.count, now));
            // One is kept from before the window, so that its beginning is known.
            while self.marks.get(1).is_some_and(|(number, _)| *number + window <= self.count) {
                self.marks.pop_front();
            }
        }
        self.count += 1;
    }

    /// Seconds since the oldest insert that is among the last ones of this number; while there are fewer, the time in
    /// which there would be as many.
    fn seconds_of(&self, window: u64, now: f64) -> Option<f64> {
        if window == 0 || self.count == 0 {
            return None;
        }
        if self.count < window {
            return Some(now.max(PACE_OVER) * window as f64 / self.count as f64);
        }
        let remembered = |(number, _): &&(u64, f64)| *number + window >= self.count;
        self.marks.iter().find(remembered).map(|(_, at)| now - at)
    }
}

#[cfg(test)]
mod tests {
    use super::{Inserts, MARKS, Window};

    fn inserts(window: u64, count: u32, every: f64) -> Inserts {
        let window = Window { inserts: Some(window), time: None };
        let mut inserts = Inserts { window, ..Inserts::default() };
        (0..count).for_each(|number| inserts.inserted(f64::from(number) * every));
        inserts
    }

    #[test]
    fn the_memory_of_a_count_lasts_as_long_as_that_many_inserts_take() {
        assert_eq!(inserts(1000, 0, 1.0).seconds_of(1000, 70.0), None, "no pace is known");
        assert_eq!(inserts(1000, 100, 1.0).seconds_of(1000, 100.0), Some(1000.0), "at this pace");
        assert_eq!(inserts(1000, 10, 0.01).seconds_of(1000, 0.1), Some(6000.0), "not by the first moment");
        for count in [1000, 1005, 1999, 50_000] {
            let many = inserts(1000, count, 1.0);
            let seconds = many.seconds_of(1000, f64::from(count)).unwrap_or_default();
            // The oldest of them was 1,000 s ago; at most one part of the window less is told.
            assert!((990.0..=1000.0).contains(&seconds), "{count}: {seconds}");
            assert!(many.marks.len() as u64 <= MARKS + 2, "{}", many.marks.len());
        }
        // A burst after a long rest is seen for what it is.
        let mut burst = inserts(100, 1000, 10.0);
        (0..100).for_each(|_| burst.inserted(20_000.0));
        assert_eq!(burst.seconds_of(100, 20_001.0), Some(1.0));
        assert_eq!(inserts(0, 10, 1.0).seconds_of(0, 10.0), None, "it remembers nothing");
    }
}
