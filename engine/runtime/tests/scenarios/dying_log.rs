//! A log as a dying process sees it: at one commit the process is gone, before it or after it, and says nothing more.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use log::{Appended, LogError, Transaction};
use runtime::StopSignal;
use testkit::{CommitHook, HookedLog};

use crate::story::Death;

/// The log of one life.
pub(crate) type DyingLog = HookedLog<Dying>;

/// How a life ends.
pub(crate) struct Dying {
    /// Only deaths at commits are its own.
    pub(crate) death: Option<Death>,
    /// True if no commit finds room.
    pub(crate) full: bool,
    pub(crate) commits: AtomicUsize,
    pub(crate) dead: AtomicBool,
    /// Given with the death: nothing in a dead process waits.
    pub(crate) stop: StopSignal,
}

impl Dying {
    fn die(&self) -> LogError {
        self.dead.store(true, Ordering::SeqCst);
        self.stop.stop();
        // What a process is told that must write nothing more.
        LogError::Fenced
    }
}

impl CommitHook for Dying {
    fn commit(&self, transaction: Box<dyn Transaction + '_>) -> Result<Vec<Appended>, LogError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        if self.full {
            return Err(LogError::Store(Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull))));
        }
        if self.dead.load(Ordering::SeqCst) || self.death == Some(Death::Before(number)) {
            return Err(self.die());
        }
        let appended = transaction.commit()?;
        if self.death == Some(Death::After(number)) { Err(self.die()) } else { Ok(appended) }
    }
}
