//! Ledgers and tables made up; what is found.

use runtime::LedgerEntry;
use telemetry::Counts;

use super::*;

fn entry(first: (i64, i64), last: (i64, i64), landed: u64, dead: u64) -> LedgerEntry {
    LedgerEntry {
        first,
        last,
        counts: Counts { rows_in: landed + dead, landed, dead, ..Counts::default() },
        ..LedgerEntry::default()
    }
}

fn topic(first: i64, last: i64, landed: u64, dead: u64) -> LedgerEntry {
    entry((first, 0), (last, 0), landed, dead)
}

fn back(first: i64, last: i64, landed: u64) -> LedgerEntry {
    LedgerEntry { replayed: true, ..topic(first, last, landed, 0) }
}

/// Of each span or hole: where it begins, rows, different positions.
type Table<'a> = &'a [(i64, u64, u64)];
type Places<'a> = &'a [&'a str];

/// Each difference as `kind place expected found`.
fn shown(closed: &Closed, proves: Proves, found: Table<'_>) -> Vec<String> {
    let found = found.iter().map(|&(begins, rows, distinct)| (begins, Found { rows, distinct })).collect();
    let differences = closed.compare(0, proves, &found).into_iter();
    differences.map(|one| format!("{:?} {} {} {}", one.kind, one.place, one.expected, one.found)).collect()
}

#[test]
fn gaps_repeats_and_strays_are_named_by_their_place() {
    let closed = Closed::new(&[topic(0, 9, 10, 0), topic(10, 19, 8, 0), topic(22, 22, 1, 0)], &[]);
    let cases: [(Table<'_>, Places<'_>, Places<'_>); 5] = [
        (&[(0, 10, 10), (10, 8, 8), (22, 1, 1)], &[], &[]),
        // One row less here and one twice there: the counts of the whole table agree.
        (
            &[(0, 9, 9), (10, 9, 8), (22, 1, 1)],
            &["Gap partition 0, offsets 0 to 9 10 9", "Repeat partition 0, offsets 10 to 19 8 9"],
            &["Repeat partition 0, offsets 10 to 19 8 9"],
        ),
        (
            &[(0, 10, 9), (10, 8, 8)],
            &[
                "Gap partition 0, offsets 0 to 9 10 9",
                "Repeat partition 0, offsets 0 to 9 9 10",
                "Gap partition 0, offset 22 1 0",
            ],
            &["Repeat partition 0, offsets 0 to 9 9 10"],
        ),
        (
            &[(0, 10, 10), (10, 9, 9), (22, 1, 1)],
            &["Stray partition 0, offsets 10 to 19 8 9"],
            &["Stray partition 0, offsets 10 to 19 8 9"],
        ),
        (
            &[(0, 10, 10), (10, 8, 8), (20, 2, 2), (22, 1, 1)],
            &["Stray partition 0, offsets 20 to 21, which no range closed 0 2"],
            &["Stray partition 0, offsets 20 to 21, which no range closed 0 2"],
        ),
    ];
    for (found, each_row, no_more) in cases {
        assert_eq!(shown(&closed, Proves::EachRow, found), each_row, "{found:?}");
        assert_eq!(shown(&closed, Proves::NoMore, found), no_more, "{found:?}");
    }
}

#[test]
fn rows_that_came_back_belong_to_ranges_that_had_dead_ones() {
    let ranges = [topic(0, 9, 8, 2), topic(10, 19, 10, 0), topic(20, 29, 9, 1), topic(30, 39, 9, 1)];
    let mut ledger = ranges.to_vec();
    ledger.push(back(3, 25, 2));
    let closed = Closed::new(&ledger, &[]);
    assert_eq!(closed.spans.iter().map(|span| span.reopened).collect::<Vec<_>>(), [true, false, true, false]);
    let cases: [(Table<'_>, Places<'_>); 5] = [
        (&[(0, 9, 9), (10, 10, 10), (20, 10, 10), (30, 9, 9)], &[]),
        (&[(0, 10, 10), (10, 10, 10), (20, 9, 9), (30, 9, 9)], &[]),
        (
            &[(0, 9, 9), (10, 10, 10), (20, 9, 9), (30, 9, 9)],
            &["Gap partition 0, rows that came back from dead letters 2 1"],
        ),
        (
            &[(0, 10, 10), (10, 10, 10), (20, 10, 10), (30, 9, 9)],
            &["Stray partition 0, rows that came back from dead letters 2 3"],
        ),
        (&[(0, 9, 9), (10, 9, 9), (20, 10, 10), (30, 9, 9)], &["Gap partition 0, offsets 10 to 19 10 9"]),
    ];
    for (found, differences) in cases {
        assert_eq!(shown(&closed, Proves::EachRow, found), differences, "{found:?}");
    }
    // One more is on its way: it may be there already.
    let closed = Closed::new(&ledger, &[(31, 0)]);
    for there in [9, 10] {
        let found = [(0, 9, 9), (10, 10, 10), (20, 10, 10), (30, there, there)];
        assert_eq!(shown(&closed, Proves::EachRow, &found), [""; 0], "{there}");
    }
}

#[test]
fn ranges_within_one_record_are_one_span_and_a_later_pass_takes_the_place_of_an_earlier() {
    let documents = [
        entry((0, 0), (0, 99), 100, 0),
        entry((0, 100), (0, 149), 50, 0),
        entry((1, 0), (1, -1), 0, 0),
        entry((2, 0), (2, 9), 10, 0),
    ];
    let closed = Closed::new(&documents, &[]);
    let places: Vec<_> = closed.spans.iter().map(|span| (span.first, span.last, span.landed)).collect();
    assert_eq!(places, [(0, 0, 150), (1, 1, 0), (2, 2, 10)]);
    assert_eq!(closed.last, Some((2, 9)));
    let again = [topic(0, 9, 10, 0), topic(10, 19, 9, 1), back(12, 12, 1), topic(5, 14, 10, 0)];
    let closed = Closed::new(&again, &[]);
    assert_eq!((closed.spans.len(), closed.came_back, closed.last), (2, 0, Some((14, 0))));
    // So far: what the earlier pass closed behind that does not count.
    let closed = Closed::new(&[topic(0, 9, 10, 0), topic(5, 6, 2, 0)], &[]);
    assert_eq!((closed.spans.len(), closed.last), (2, Some((6, 0))));
}

#[test]
fn a_record_that_was_read_again_alone_is_a_second_pass() {
    // Told to begin with the only, or the last, record again.
    for (ledger, spans) in [
        (vec![topic(0, 0, 1, 0), topic(0, 0, 1, 0)], vec![(0, 0, 1)]),
        (vec![topic(0, 4, 5, 0), topic(5, 5, 1, 0), topic(5, 5, 0, 0)], vec![(0, 4, 5), (5, 5, 0)]),
    ] {
        let closed = Closed::new(&ledger, &[]);
        assert_eq!(closed.spans.iter().map(|span| (span.first, span.last, span.landed)).collect::<Vec<_>>(), spans);
        assert!(closed.several_passes);
    }
    // A range without rows, or of a refused document, is none.
    let refused = runtime::Receipt { outcome: "failed".to_owned(), ..receipt() };
    let refused = LedgerEntry { receipt: Some(refused), ..topic(1, 1, 0, 0) };
    for before in [entry((1, 0), (1, -1), 0, 0), refused] {
        let closed = Closed::new(&[topic(0, 0, 1, 0), before, topic(1, 1, 1, 0)], &[]);
        assert!(!closed.several_passes);
        assert_eq!(closed.spans.iter().map(|span| span.landed).sum::<u64>(), 2);
    }
}

fn receipt() -> runtime::Receipt {
    serde_json::from_value(serde_json::json!({
        "topology": "t", "flow": "f", "document": "d", "version": 1, "name": "", "url": "", "sha256": "", "size": 0,
        "outcome": "rows", "code": "", "message": "", "withdrawn": 0, "revision": "", "fetched_at": 0, "at": 0,
        "counts": Counts::default(),
    }))
    .expect("a receipt")
}

#[test]
fn rows_that_an_earlier_pass_left_are_strays_where_rows_replace_each_other() {
    let closed = Closed::new(&[topic(0, 9, 10, 0), topic(0, 9, 8, 0)], &[]);
    assert!(closed.newest_only(Proves::NoMore) && !closed.newest_only(Proves::EachRow));
    let cases: [(Table<'_>, Places<'_>); 4] = [
        (&[(0, 8, 8)], &[]),
        // Others have replaced some.
        (&[(0, 5, 5)], &[]),
        // Rows that the last pass left out, and rows whose key is another one now.
        (&[(0, 10, 10)], &["Stray partition 0, offsets 0 to 9 8 10"]),
        (&[(0, 7, 5)], &["Stray partition 0, offsets 0 to 9 5 7"]),
    ];
    for (found, strays) in cases {
        assert_eq!(shown(&closed, Proves::NoMore, found), strays, "{found:?}");
    }
}

#[test]
fn what_an_earlier_revision_closed_ends_where_the_newest_begins() {
    let by =
        |revision: &str, first: i64, last: i64| LedgerEntry { revision: revision.into(), ..topic(first, last, 9, 0) };
    let cases = [
        (vec![by("a", 0, 4), by("a", 5, 9)], None),
        (vec![by("a", 0, 4), by("b", 5, 9), by("c", 10, 19), by("c", 20, 29)], Some((9, 0))),
        // All of it was read again.
        (vec![by("a", 0, 4), by("a", 5, 9), by("b", 0, 9)], None),
    ];
    for (ledger, revised_after) in cases {
        assert_eq!(Closed::new(&ledger, &[]).revised_after, revised_after, "{ledger:?}");
    }
}

#[test]
fn a_range_that_was_read_again_from_its_middle_on_counts_up_to_there() {
    // Ten records, eight of which landed; from the seventh on again, of which all land; and then from the fourth on.
    let closed = Closed::new(&[topic(0, 9, 8, 2), topic(6, 9, 4, 0)], &[]);
    let places: Vec<_> = closed.spans.iter().map(|span| (span.first, span.last, span.landed, span.maybe)).collect();
    assert_eq!(places, [(0, 5, 4, 2), (6, 9, 4, 0)]);
    let cases: [(Table<'_>, Places<'_>); 4] = [
        (&[(0, 4, 4), (6, 4, 4)], &[]),
        (&[(0, 6, 6), (6, 4, 4)], &[]),
        (&[(0, 3, 3), (6, 4, 4)], &["Gap partition 0, offsets 0 to 5 4 3"]),
        (&[(0, 7, 7), (6, 4, 4)], &["Stray partition 0, offsets 0 to 5 6 7"]),
    ];
    for (found, differences) in cases {
        assert_eq!(shown(&closed, Proves::EachRow, found), differences, "{found:?}");
    }
    assert!(closed.several_passes);
    let closed = Closed::new(&[topic(0, 9, 8, 2), topic(6, 9, 4, 0), topic(3, 9, 7, 0)], &[]);
    let places: Vec<_> = closed.spans.iter().map(|span| (span.first, span.last, span.landed, span.maybe)).collect();
    assert_eq!(places, [(0, 2, 1, 2), (3, 9, 7, 0)]);
    // What came back on both sides of the middle may have come back before it.
    let closed = Closed::new(&[topic(0, 9, 7, 3), back(2, 8, 2), topic(5, 9, 5, 0)], &[]);
    for there in 2..=5 {
        assert_eq!(shown(&closed, Proves::EachRow, &[(0, there, there), (5, 5, 5)]), [""; 0], "{there}");
    }
}
