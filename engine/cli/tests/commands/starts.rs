//! Signals while a run starts: whenever they come, it ends in order, with the status that its help names.

use crate::program::{Process, clickhouses_of, until};
use crate::workplace::Workplace;

/// How far a start has come, as it can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// The process catches SIGINT and SIGTERM.
    Catches,
    /// The log is open, or about to be.
    Log,
    /// ClickHouse is a process.
    ClickHouse,
    /// Questions are answered.
    Answers,
    /// The first document was found.
    Document,
    /// It waits for a ClickHouse that does not answer.
    Waits,
}

impl Point {
    fn is_reached(self, process: &Process, workplace: &Workplace) -> bool {
        match self {
            Self::Catches => caught(process.id()),
            Self::Log => workplace.data().join("log").exists() && caught(process.id()),
            Self::ClickHouse => process.clickhouse().is_some(),
            Self::Answers => workplace.data().join("control").exists(),
            Self::Document => workplace.said().contains("document found"),
            Self::Waits => workplace.said().contains("waiting for ClickHouse"),
        }
    }
}

/// True if a process has handlers of its own for SIGINT and SIGTERM.
fn caught(process: u32) -> bool {
    const BOTH: u64 = 1 << (2 - 1) | 1 << (15 - 1);
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & BOTH == BOTH)
}

/// Starts a run, sends a signal at a point of its start, and sees how it ends and what it leaves.
fn stop_at(point: Point, signal: &str, words: &[&str], status: i32) {
    let workplace = Workplace::new();
    let mut process = workplace.start(&[&["run", "my-list.yaml"], words].concat());
    until(&format!("{point:?}"), || {
        assert!(process.ended().is_none(), "{point:?}: the run ended: {}", workplace.said());
        point.is_reached(&process, &workplace).then_some(())
    });
    process.signal(signal);
    let ended = process.wait();
    let context = format!("{point:?} {signal}: {}", workplace.said());
    assert_eq!(ended.code(), Some(status), "{context}");
    assert!(workplace.said().contains("stopping"), "{context}");
    assert!(!workplace.data().join("control").exists(), "{context}");
    assert_eq!(clickhouses_of(&workplace.data()), Vec::<u32>::new(), "{context}");
    // Nothing of it is in the way of the next run.
    if point != Point::Waits {
        workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
        workplace.say(&["reconcile"]).ends(0);
    }
}

#[test]
fn a_run_that_is_stopped_while_it_starts_ends_in_order_with_0() {
    for point in [Point::Catches, Point::Log, Point::ClickHouse, Point::Answers, Point::Document] {
        for signal in ["TERM", "INT"] {
            stop_at(point, signal, &[], 0);
        }
    }
}

#[test]
fn one_that_was_to_end_by_itself_ends_with_75() {
    // It cannot come to its end before the signal: its ClickHouse does not answer.
    let words = ["--once", "--service-wait", "600", "--clickhouse", "http://127.0.0.1:1"];
    for (point, signal) in
        [(Point::Catches, "INT"), (Point::Log, "TERM"), (Point::Waits, "TERM"), (Point::Waits, "INT")]
    {
        stop_at(point, signal, &words, 75);
    }
}
