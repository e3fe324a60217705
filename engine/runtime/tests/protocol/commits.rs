//! Commits that go wrong: whichever one it is, the task goes on, and the table holds what it would.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use log::{Appended, LogError, Transaction};
use testkit::{CommitHook, HookedLog};

use crate::world::{Kind, Script, World};

/// What becomes of the commit that goes wrong.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The disk of the log is full.
    NoRoom,
    /// The log is elsewhere and does not answer; nothing happened.
    Away,
    /// Its answer is lost, and it happened.
    UnknownAndDone,
    /// Its answer is lost, and it did not happen.
    UnknownAndNot,
}

/// Troubles one commit, by its number.
struct Once {
    commits: AtomicUsize,
    at: usize,
    trouble: Trouble,
}

impl CommitHook for Once {
    fn commit(&self, transaction: Box<dyn Transaction + '_>) -> Result<Vec<Appended>, LogError> {
        if self.commits.fetch_add(1, Ordering::SeqCst) != self.at {
            return transaction.commit();
        }
        let lost = || Box::new(std::io::Error::from(ErrorKind::ConnectionReset));
        match self.trouble {
            Trouble::NoRoom => Err(LogError::Store(Box::new(std::io::Error::from(ErrorKind::StorageFull)))),
            Trouble::Away => Err(LogError::Away(lost())),
            Trouble::UnknownAndDone => transaction.commit().and_then(|_| Err(LogError::Unknown(lost()))),
            Trouble::UnknownAndNot => Err(LogError::Unknown(lost())),
        }
    }
}

fn each_commit(kind: Kind, trouble: Trouble) {
    let plenty = World::in_memory(kind);
    plenty.prepare();
    plenty.run("r1", Arc::new(Script::default())).fine();
    let expected = plenty.result("plenty");
    let mut at = 0;
    loop {
        let world = World::in_memory(kind);
        world.prepare();
        let hook = Once { commits: AtomicUsize::new(0), at, trouble };
        let log = Arc::new(HookedLog { log: world.log(), hook });
        let mut parts = world.parts("r1", Arc::new(Script::default()), true);
        parts.log = Arc::clone(&log) as _;
        let ended = runtime::run(parts).expect("the log works");
        assert!(ended.failed.is_empty(), "{kind:?}, {trouble:?}, commit {at}: {:?}", ended.failed);
        assert_eq!(world.result("troubled"), expected, "{kind:?}, {trouble:?}, commit {at}");
        if log.hook.commits.load(Ordering::SeqCst) <= at {
            break;
        }
        at += 1;
    }
    // At least two of each range: it is opened and closed.
    assert!(at >= 4, "{kind:?}, {trouble:?}: {at}");
}

#[test]
fn a_commit_that_finds_no_room_is_tried_again() {
    Kind::ALL.into_iter().for_each(|kind| each_commit(kind, Trouble::NoRoom));
}

#[test]
fn a_commit_to_a_log_that_is_away_is_tried_again() {
    Kind::ALL.into_iter().for_each(|kind| each_commit(kind, Trouble::Away));
}

#[test]
fn whoever_does_not_know_whether_a_commit_happened_reads_where_it_stands() {
    for kind in Kind::ALL {
        each_commit(kind, Trouble::UnknownAndDone);
        each_commit(kind, Trouble::UnknownAndNot);
    }
}
