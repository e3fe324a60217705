//! Commits that go wrong: whichever one it is, the task goes on, and the table holds what it would.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use log::{Appended, LogError, Transaction};
use runtime::Board;
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

/// A commit that finds no room, and what the board says when the next one is tried.
struct Seen {
    once: Once,
    board: Arc<Board>,
    waits: Mutex<BTreeSet<String>>,
}

impl CommitHook for Seen {
    fn commit(&self, transaction: Box<dyn Transaction + '_>) -> Result<Vec<Appended>, LogError> {
        self.waits.lock().expect("no panic").extend(self.board.flows().into_values().filter_map(|flow| flow.waits_for));
        self.once.commit(transaction)
    }
}

#[test]
fn what_a_task_waits_for_is_on_the_board_until_it_goes_on() {
    for kind in Kind::ALL {
        let mut told = 0;
        for at in 0..8 {
            let world = World::in_memory(kind);
            world.prepare();
            let mut parts = world.parts("r1", Arc::new(Script::default()), true);
            let board = Arc::clone(&parts.board);
            let once = Once { commits: AtomicUsize::new(0), at, trouble: Trouble::NoRoom };
            let hook = Seen { once, board: Arc::clone(&board), waits: Mutex::default() };
            let log = Arc::new(HookedLog { log: world.log(), hook });
            parts.log = Arc::clone(&log) as _;
            assert!(runtime::run(parts).expect("the log works").failed.is_empty());
            let waits = log.hook.waits.lock().expect("no panic");
            assert!(waits.iter().all(|what| what == "the log: the store failed: no storage space"), "{waits:?}");
            told += waits.len();
            assert!(board.flows().values().all(|flow| flow.waits_for.is_none()), "{kind:?}, commit {at}");
        }
        assert!(told > 2, "{kind:?}: {told}");
    }
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
