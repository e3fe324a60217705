//! Holds: a flow waits for a person, says what waits, why and what helps, and goes on by itself when it is mended.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use batch::Code;
use serde::{Deserialize, Serialize};

use crate::end::TaskEnd;
use crate::stop::StopSignal;

/// Why a flow waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Stable code.
    pub code: Code,
    /// What is wrong.
    pub what: String,
    /// The exact command or statement that helps.
    pub remedy: String,
}

/// A hold as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// `topology/flow`.
    pub flow: String,
    /// Partition of the flow's input; -1 for its source, -2 for a process that owns none of it.
    pub partition: i32,
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub remedy: String,
    /// When it began, in milliseconds since 1970 UTC.
    pub since: i64,
    /// How often it was tried.
    pub tries: u64,
}

/// Why a held task tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAgain {
    /// A person said so.
    Released,
    /// Enough time has passed that it may have been mended.
    InTime,
}

/// Told of holds by a task.
pub trait Holder: Send + Sync {
    /// Waits until it is worth another try.
    ///
    /// # Errors
    /// If the task must end instead.
    fn hold(&self, hold: Hold) -> Result<TryAgain, TaskEnd>;

    /// Says that it works again.
    fn mended(&self);
}

/// All holds of a run.
#[derive(Debug, Default)]
pub struct Holds {
    held: Mutex<BTreeMap<(String, i32), Held>>,
    told: Mutex<Told>,
    released: Condvar,
}

/// When a hold of a flow was logged last, by flow and code, and how often it was not logged since. The partitions of a
/// flow mostly wait for the same.
#[derive(Debug, Default)]
struct Told(BTreeMap<(String, String), (i64, u64)>);

/// Milliseconds until a hold that lasts is logged again.
const TELL_AGAIN_AFTER: i64 = 10 * 60 * 1000;

impl Told {
    /// Whether to log a hold now; how often it was tried since it was logged last.
    fn due(&mut self, flow: &str, code: &str, now: i64) -> Option<u64> {
        match self.0.entry((flow.to_owned(), code.to_owned())) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert((now, 0));
                Some(0)
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let (at, tries) = entry.get_mut();
                *tries += 1;
                // A clock that was set back must not make it silent.
                if (0..TELL_AGAIN_AFTER).contains(&(now - *at)) {
                    return None;
                }
                *at = now;
                Some(std::mem::take(tries))
            }
        }
    }

    /// Forgets a flow that goes on.
    fn forget(&mut self, flow: &str) {
        self.0.retain(|(held, _), _| held != flow);
    }
}

impl Holds {
    /// The holds there are now.
    #[must_use]
    pub fn list(&self) -> Vec<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Forgets the hold of a partition that another process has now.
    pub fn forget(&self, flow: &str, partition: i32) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&(flow.to_owned(), partition));
    }

    /// Lets the held tasks of a flow (`topology/flow`, or all of a topology by its name) try again now. Says how many.
    pub fn release(&self, flow: &str) -> usize {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let matching = held.keys().filter(|(name, _)| name == flow || name.split('/').next() == Some(flow)).count();
        self.released.notify_all();
        matching
    }
}

/// Stands for a source where a hold names a partition.
pub(crate) const OF_SOURCE: i32 = -1;
/// Stands for a process that owns no partition of the flow's input.
pub(crate) const OF_IDLE: i32 = -2;

/// The [`Holder`] of one task.
pub struct TaskHolder {
    /// All holds of the run.
    pub holds: Arc<Holds>,
    /// `topology/flow`.
    pub flow: String,
    /// Partition of the flow's input, as [`Held::partition`].
    pub partition: i32,
    /// The signal to stop.
    pub stop: StopSignal,
    /// True for a run that ends by itself: it does not wait for a person.
    pub once: bool,
    /// Milliseconds since 1970 UTC.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// How long a held task waits before it tries again by itself.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(15);

impl Holder for TaskHolder {
    fn hold(&self, hold: Hold) -> Result<TryAgain, TaskEnd> {
        let mut held = self.holds.held.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.flow.clone(), self.partition);
        let entry = held.entry(key).or_insert_with(|| Held {
            flow: self.flow.clone(),
            partition: self.partition,
            code: String::new(),
            what: String::new(),
            remedy: String::new(),
            since: (self.clock)(),
            tries: 0,
        });
        (entry.code, entry.what) = (hold.code.to_string(), hold.what);
        entry.remedy = connect::for_flow(&hold.remedy, &self.flow);
        entry.tries += 1;
        let due =
            self.holds.told.lock().unwrap_or_else(PoisonError::into_inner).due(&self.flow, &entry.code, (self.clock)());
        if let Some(tries) = due {
            tracing::error!(
                flow = self.flow,
                code = entry.code,
                reason = entry.what,
                remedy = entry.remedy,
                tries_since = tries,
                "flow on hold"
            );
        }
        if self.once {
            return Err(TaskEnd::Held);
        }
        let mut waited = Duration::ZERO;
        while waited < TRY_AGAIN_AFTER {
            if self.stop.stopping() {
                return Err(TaskEnd::Stopped);
            }
            let part = Duration::from_millis(250);
            let (guard, timeout) = self.holds.released.wait_timeout(held, part).unwrap_or_else(PoisonError::into_inner);
            held = guard;
            if !timeout.timed_out() {
                return Ok(TryAgain::Released);
            }
            waited += part;
        }
        Ok(TryAgain::InTime)
    }

    fn mended(&self) {
        let mut held = self.holds.held.lock().unwrap_or_else(PoisonError::into_inner);
        let was_held = held.remove(&(self.flow.clone(), self.partition)).is_some();
        if was_held && !held.keys().any(|(flow, _)| *flow == self.flow) {
            self.holds.told.lock().unwrap_or_else(PoisonError::into_inner).forget(&self.flow);
            tracing::info!(flow = self.flow, "flow goes on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TELL_AGAIN_AFTER, Told};

    #[test]
    fn a_hold_is_logged_once_and_then_seldom_with_a_count() {
        let mut told = Told::default();
        // Four partitions hold for one reason, at once and at each try.
        let at_once: Vec<_> = (0..4).map(|_| told.due("feed/load", "login", 1_000)).collect();
        assert_eq!(at_once, [Some(0), None, None, None]);
        assert_eq!(told.due("feed/load", "gone", 1_000), Some(0), "another reason");
        assert_eq!(told.due("feed/other", "login", 1_000), Some(0), "another flow");
        assert_eq!(told.due("feed/load", "login", 1_000 + TELL_AGAIN_AFTER - 1), None);
        assert_eq!(told.due("feed/load", "login", 1_000 + TELL_AGAIN_AFTER), Some(5));
        assert_eq!(told.due("feed/load", "login", 2_000 + TELL_AGAIN_AFTER), None);
        assert_eq!(told.due("feed/load", "login", 0), Some(2), "the clock was set back");
        told.forget("feed/load");
        assert_eq!(told.due("feed/load", "login", 1), Some(0), "it went on in between");
        assert_eq!(told.due("feed/other", "login", 1_001), None);
    }
}
