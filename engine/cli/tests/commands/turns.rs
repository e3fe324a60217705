//! Commands and runs that meet on one data folder: who only asks waits its turn, and a second run does not.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::program::until;
use crate::workplace::Workplace;

/// True once a process has the lock.
fn is_locked(place: &Path) -> bool {
    let Ok(file) = File::open(place) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

#[test]
fn commands_and_runs_wait_for_a_command_that_works_with_the_folder() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    for words in
        [&["status"][..], &["receipts"], &["sql", "--format", "TSV", "select 1"], &["run", "my-list.yaml", "--once"]]
    {
        let mut first = workplace.start(&["sql", "select sleep(3)"]);
        until("the folder taken", || is_locked(&workplace.data().join("log/lock")).then_some(()));
        workplace.say(words).ends(0);
        assert_eq!(first.wait().code(), Some(0), "{}", workplace.said());
    }
}

#[test]
fn who_waits_for_a_command_says_for_which() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let turn = File::options().write(true).open(workplace.data().join("turn")).expect("the file of turns");
    turn.lock().expect("the turn");
    workplace.write("spotlight-data/turn", "spotlight sql (process 4711)\n");
    for words in [&["status"][..], &["run", "my-list.yaml", "--once"]] {
        let mut waiting = workplace.start(words);
        let told = "waits for spotlight sql (process 4711)";
        until(told, || workplace.said().contains(told).then_some(()));
        assert!(waiting.ended().is_none(), "{words:?}: {}", workplace.said());
        waiting.signal("KILL");
        waiting.wait();
        std::fs::remove_file(workplace.path().join("output.txt")).expect("removed");
    }
    let mut waiting = workplace.start(&["status"]);
    until("the words", || workplace.said().contains("waits for").then_some(()));
    drop(turn);
    assert_eq!(waiting.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn who_asks_a_run_that_stands_still_is_told_and_gets_the_answer_once_it_goes_on() {
    let workplace = Workplace::new();
    let run = workplace.endless();
    run.signal("STOP");
    let mut asking = workplace.start(&["status"]);
    until("a word to who asks", || workplace.said().contains("the run has not answered yet").then_some(()));
    assert!(asking.ended().is_none(), "{}", workplace.said());
    run.signal("CONT");
    assert_eq!(asking.wait().code(), Some(0), "{}", workplace.said());
    assert!(workplace.said().contains("my-list/load"), "{}", workplace.said());
}
