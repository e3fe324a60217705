//! What the ledger of one partition says of its rows, place by place, and what differs from it.
//!
//! A span is whole offsets: closed ranges that share a record are one. Between spans lie holes, which hold no rows.
//! Rows that came back from dead letters land where they failed, so within spans that had dead letters; the ledger has
//! their number, and their places only roughly. Such a span may hold between what it landed and that and its dead rows,
//! and all such spans together hold exactly what came back.
//!
//! Pure: questions to the table stand elsewhere.

use std::collections::BTreeMap;

use runtime::LedgerEntry;

/// Closed input records and what landed of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First offset.
    pub(super) first: i64,
    /// Last offset, included.
    pub(super) last: i64,
    /// Rows that landed.
    pub(super) landed: u64,
    /// Rows that failed, and may have come back.
    pub(super) dead: u64,
    /// True if rows came back, or are on their way, that may belong here.
    pub(super) reopened: bool,
}

impl Span {
    /// Most rows that may be there.
    fn most(&self) -> u64 {
        self.landed + if self.reopened { self.dead } else { 0 }
    }
}

/// The closed part of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Closed {
    /// In order, without overlap.
    pub(super) spans: Vec<Span>,
    /// Rows that came back and landed.
    pub(super) came_back: u64,
    /// Rows that are on their way back, and may have landed.
    pub(super) waiting: u64,
    /// The last closed position.
    pub(super) last: Option<(i64, i64)>,
    /// True if a person told the flow to go on from an earlier position, so that rows landed once a pass.
    pub(super) several_passes: bool,
}

/// Rows of a span or hole in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Rows.
    pub(super) rows: u64,
    /// Different positions among them.
    pub(super) distinct: u64,
}

/// Where table and ledger differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// What it is.
    pub(super) kind: Kind,
    /// Where, in words.
    pub(super) place: String,
    /// Rows by the ledger.
    pub(super) expected: u64,
    /// Rows, or positions, in the table.
    pub(super) found: u64,
}

/// Kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows that landed are not there.
    Gap,
    /// A position is there more than once.
    Repeat,
    /// Rows are there that never landed.
    Stray,
    /// Rows are there of a flow that this data folder does not know.
    Foreign,
}

impl Difference {
    /// Number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.expected.abs_diff(self.found)
    }
}

/// What a ledger can prove of a span of such a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proves {
    /// Every landed row stays.
    EachRow,
    /// Rows may have been replaced by newer ones; none may be there twice, or more than landed.
    NoMore,
}

impl Closed {
    /// Reads the ledger of one partition. `waiting` are the positions of rows on their way back.
    pub(super) fn new(entries: &[LedgerEntry], waiting: &[(i64, i64)]) -> Self {
        let (taken, replayed) = last_pass(entries);
        let several_passes = taken.len() + replayed.len() < entries.len();
        let mut spans: Vec<Span> = Vec::new();
        for entry in &taken {
            let (first, last) = (entry.first.0, entry.last.0.max(entry.first.0));
            let (landed, dead) = (entry.counts.landed, entry.counts.dead);
            match spans.last_mut().filter(|span| span.last >= first) {
                Some(span) => {
                    (span.last, span.landed, span.dead) = (last, span.landed + landed, span.dead + dead);
                }
                None => spans.push(Span { first, last, landed, dead, reopened: false }),
            }
        }
        let came_from = replayed.iter().map(|entry| (entry.first.0.min(entry.last.0), entry.first.0.max(entry.last.0)));
        let on_their_way = waiting.iter().map(|&(offset, _)| (offset, offset));
        for (first, last) in came_from.chain(on_their_way) {
            let from = spans.partition_point(|span| span.last < first);
            let touched = spans[from..].iter_mut().take_while(|span| span.first <= last);
            touched.for_each(|span| span.reopened = span.dead > 0);
        }
        Self {
            spans,
            came_back: replayed.iter().map(|entry| entry.counts.landed).sum(),
            waiting: waiting.len() as u64,
            last: taken.iter().map(|entry| entry.last).max(),
            several_passes,
        }
    }

    /// Compares what the table holds. `found` gives the rows of what begins at an offset, a span or a hole.
    pub(super) fn compare(&self, partition: usize, proves: Proves, found: &BTreeMap<i64, Found>) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut add = |kind, place: &str, expected, found| {
            differences.push(Difference { kind, place: place.to_owned(), expected, found });
        };
        let mut returned = 0;
        for span in &self.spans {
            let Found { rows, distinct } = found.get(&span.first).copied().unwrap_or_default();
            let place = place(partition, span.first, span.last);
            if proves == Proves::EachRow && distinct < span.landed {
                add(Kind::Gap, &place, span.landed, distinct);
            } else if distinct > span.most() {
                add(Kind::Stray, &place, span.most(), distinct);
            }
            // Where rows replace each other, a second pass puts each in its own place until the server merges them.
            let once = proves == Proves::EachRow || !self.several_passes;
            if rows > distinct && once {
                add(Kind::Repeat, &place, distinct, rows);
            }
            if span.reopened {
                returned += distinct.min(span.most()).saturating_sub(span.landed);
            }
        }
        if proves == Proves::EachRow {
            let place = format!("partition {partition}, rows that came back from dead letters");
            if returned < self.came_back {
                add(Kind::Gap, &place, self.came_back, returned);
            } else if returned > self.came_back + self.waiting {
                add(Kind::Stray, &place, self.came_back + self.waiting, returned);
            }
        }
        for (&begins, found) in found {
            if self.spans.binary_search_by_key(&begins, |span| span.first).is_err() {
                let next = self.spans.partition_point(|span| span.first < begins);
                let ends = self.spans.get(next).map_or(begins, |span| span.first - 1);
                add(Kind::Stray, &format!("{}, which no range closed", place(partition, begins, ends)), 0, found.rows);
            }
        }
        differences
    }

    /// What differs if nothing is left of the last span that landed rows. Where the newest position of a key wins, at
    /// least the newest row of all cannot have been replaced.
    pub(super) fn newest_is_missing(&self, partition: usize, found: &BTreeMap<i64, Found>) -> Option<Difference> {
        let span = self.spans.iter().rev().find(|span| span.landed > 0)?;
        let rows = found.get(&span.first).map_or(0, |found| found.rows);
        let place = format!("{}, the newest row", place(partition, span.first, span.last));
        (rows == 0).then_some(Difference { kind: Kind::Gap, place, expected: 1, found: 0 })
    }
}

fn place(partition: usize, first: i64, last: i64) -> String {
    if first == last {
        format!("partition {partition}, offset {first}")
    } else {
        format!("partition {partition}, offsets {first} to {last}")
    }
}

/// The entries that count, and those of rows that came back. Where a person told the flow to go on from an earlier
/// position, the entries of the last pass count.
fn last_pass(entries: &[LedgerEntry]) -> (Vec<&LedgerEntry>, Vec<&LedgerEntry>) {
    let (mut taken, mut replayed): (Vec<&LedgerEntry>, Vec<&LedgerEntry>) = (Vec::new(), Vec::new());
    for entry in entries {
        if entry.replayed {
            replayed.push(entry);
            continue;
        }
        // A range without rows ends before it begins, so that its neighbours do not overlap it.
        if taken.last().is_some_and(|earlier| earlier.last.max(earlier.first) > entry.first) {
            taken.retain(|earlier| earlier.last.max(earlier.first) < entry.first);
            replayed.retain(|earlier| earlier.last.max(earlier.first) < entry.first);
        }
        taken.push(entry);
    }
    (taken, replayed)
}

#[cfg(test)]
mod tests;
