//! A document that is three times as large costs as much memory, and so does one of which every row stands twice.

use operators::Outcome;

use crate::bytes::{Made, Part, ROW, text};
use crate::reading::{BUDGET, Found, prove};

/// What a reading takes beside the budget: the block in the making and its copies.
const BESIDE: usize = 16 * 1024 * 1024;

/// Rows, twice each if `twice`; `more` is what the trailer says too much.
fn document(rows: u64, twice: bool, more: u64) -> Found {
    let mut parts = vec![text("A|B|C\n"), Part::Rows(rows)];
    parts.extend(twice.then_some(Part::Rows(rows)));
    let said = rows * if twice { 2 } else { 1 } + more;
    prove(&Made::of(&[parts, vec![text(format!("rows {said}\n"))]].concat()), false)
}

#[test]
fn memory_does_not_grow_with_the_document() {
    let small = document(60_000, false, 0);
    assert_eq!((small.outcome, small.rows, small.kept), (Outcome::Rows, 60_000, false));
    for twice in [false, true] {
        let large = document(180_000, twice, 0);
        assert_eq!((large.outcome, large.rows, large.kept), (Outcome::Rows, 180_000, false));
        assert_eq!(large.dropped, if twice { 180_000 } else { 0 });
        assert!(large.taken <= BUDGET, "{large:?}");
        assert!(large.memory <= BUDGET + BESIDE, "{large:?}");
        // Less than half of what the keys alone would be. How many blocks are on their way between the thread that reads
        // and the one that works differs from run to run, so it is not less.
        assert!(large.memory <= small.memory + 180_000 * ROW / 2, "{} and {}", small.memory, large.memory);
    }
}

#[test]
fn a_trailer_at_the_end_of_a_large_document_refuses_all_of_it() {
    let wrong = document(60_000, false, 1);
    assert_eq!((wrong.outcome, &*wrong.code, wrong.rows), (Outcome::Incomplete, "E4210", 0));
    assert!(wrong.message.contains("the trailer says 60001, the document has 60000"), "{wrong:?}");
}

#[test]
fn a_small_document_is_kept_and_read_once() {
    let small = document(10_000, false, 0);
    assert!(small.kept && small.taken > 10_000 * ROW, "{small:?}");
}
