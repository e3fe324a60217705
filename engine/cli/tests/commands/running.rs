//! Questions while a run is going on, through its control socket, and when none is; and the end of a run.

use crate::program::signal;
use crate::workplace::Workplace;

/// Asks everything; the answers are those of the one list.
fn ask_everything(workplace: &Workplace, running: bool) {
    let rows = "select symbol, quantity from demo.my_list order by symbol";
    let said = workplace.say(&["sql", "--format", "TSV", rows]).ends(0);
    assert_eq!(said.output, "ABC\t12\nDEF\t7\n");
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(status["running"], running);
    assert_eq!(status["flows"]["my-list/load"]["total"]["landed"], 2);
    let said = workplace.say(&["status"]).ends(0).output;
    assert!(said.contains(if running { "a run is going on" } else { "no run is going on" }), "{said}");
    let receipts = workplace.say(&["receipts", "--format", "json"]).ends(0).json();
    assert_eq!(receipts.as_array().map(Vec::len), Some(1), "{receipts}");
    assert_eq!(receipts[0]["outcome"], "rows");
    assert!(workplace.say(&["receipts"]).ends(0).output.contains("list_20260105.txt"));
    assert!(!workplace.say(&["receipts", "--refused"]).ends(0).output.contains("list_20260105.txt"));
    assert!(workplace.say(&["dlq", "ls"]).ends(0).output.contains("0 open"));
    workplace.say(&["dlq", "show", "none"]).ends(64);
    let said = workplace.say(&["reconcile"]).ends(0).output;
    assert!(said.contains("my-list/load") && said.contains("reconciled: 0 gaps, 0 repeats"), "{said}");
    // Nothing is held, with or without a run.
    workplace.say(&["release", "my-list/load"]).ends(64);
}

#[test]
fn questions_are_answered_with_and_without_a_run_and_sigterm_ends_it_in_order() {
    let workplace = Workplace::new();
    let mut process = workplace.endless();
    ask_everything(&workplace, true);
    for words in [&["run", "my-list.yaml", "--once"][..], &["plan", "my-list.yaml"]] {
        let said = workplace.say(words).ends(73);
        assert!(said.errors.contains("is in use by another process"), "{}", said.errors);
    }
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    assert!(!workplace.data().join("control").exists(), "the socket is gone");
    ask_everything(&workplace, false);
}

#[test]
fn a_run_that_cannot_reach_clickhouse_waits_and_ends_in_order_too() {
    let workplace = Workplace::new();
    let mut process = workplace.start(&["run", "my-list.yaml", "--clickhouse", "http://127.0.0.1:1"]);
    crate::program::until("the run says that it waits", || {
        assert!(process.ended().is_none(), "the run ended: {}", workplace.said());
        workplace.said().contains("waiting for ClickHouse").then_some(())
    });
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn a_second_signal_ends_a_run_that_cannot_end_in_order() {
    let workplace = Workplace::new();
    let mut process = workplace.endless();
    let clickhouse = process.clickhouse().expect("a run has a ClickHouse");
    // It stands still, so the next list can neither land nor be refused.
    signal(clickhouse, "STOP");
    process.signal("TERM");
    crate::program::until("the run says that it stops", || workplace.said().contains("stopping:").then_some(()));
    if process.ended().is_none() {
        process.signal("TERM");
    }
    let ended = process.wait();
    signal(clickhouse, "CONT");
    assert_eq!(ended.code(), Some(75), "{}", workplace.said());
}
