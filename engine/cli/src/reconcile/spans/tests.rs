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
    assert_eq!((closed.spans.len(), closed.came_back, closed.last), (1, 0, Some((14, 0))));
}
