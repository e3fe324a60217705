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
    /// Rows more that may have landed: of a range that a person had read again from its middle on, the ledger has the
    /// number for the whole range.
    pub(super) maybe: u64,
    /// Rows that failed, and may have come back.
    pub(super) dead: u64,
    /// True if rows came back, or are on their way, that may belong here.
    pub(super) reopened: bool,
}

impl Span {
    /// Most rows that may be there.
    fn most(&self) -> u64 {
        self.landed + self.maybe + if self.reopened { self.dead } else { 0 }
    }

    /// Rows that landed, where the ledger leaves it open by those that are found.
    pub(super) fn landed_by(&self, found: &BTreeMap<i64, Found>) -> u64 {
        let distinct = found.get(&self.first).map_or(0, |found| found.distinct);
        distinct.clamp(self.landed, self.landed + self.maybe)
    }
}

/// The closed part of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Closed {
    /// In order, without overlap.
    pub(super) spans: Vec<Span>,
    /// Rows that came back and landed.
    pub(super) came_back: u64,
    /// Rows more that may have come back: of such as came back from both sides of where a later pass begins.
    pub(super) maybe_came_back: u64,
    /// Rows that are on their way back, and may have landed.
    pub(super) waiting: u64,
    /// The last closed position.
    pub(super) last: Option<(i64, i64)>,
    /// True if a person told the flow to go on from an earlier position, so that rows landed once a pass.
    pub(super) several_passes: bool,
    /// The last position that was closed by another revision than the last one of this partition.
    pub(super) revised_after: Option<(i64, i64)>,
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
        let whole = |pass: &[Taken<'_>]| pass.iter().filter(|one| one.until.is_none()).count();
        let several_passes = whole(&taken) + whole(&replayed) < entries.len();
        let mut spans: Vec<Span> = Vec::new();
        for one in &taken {
            let (first, last) = (one.entry.first.0, one.last());
            let (landed, maybe, dead) = one.landed();
            match spans.last_mut().filter(|span| span.last >= first) {
                Some(span) => {
                    (span.last, span.landed, span.dead) = (last, span.landed + landed, span.dead + dead);
                    span.maybe += maybe;
                }
                None => spans.push(Span { first, last, landed, maybe, dead, reopened: false }),
            }
        }
        let came_from = replayed.iter().map(|one| (one.entry.first.0.min(one.entry.last.0), one.last()));
        let on_their_way = waiting.iter().map(|&(offset, _)| (offset, offset));
        for (first, last) in came_from.chain(on_their_way) {
            let from = spans.partition_point(|span| span.last < first);
            let touched = spans[from..].iter_mut().take_while(|span| span.first <= last);
            touched.for_each(|span| span.reopened = span.dead > 0);
        }
        Self {
            spans,
            came_back: replayed.iter().map(|one| one.landed().0).sum(),
            maybe_came_back: replayed.iter().map(|one| one.landed().1).sum(),
            waiting: waiting.len() as u64,
            last: taken.iter().map(Taken::end).max(),
            several_passes,
            revised_after: taken.last().and_then(|newest| {
                let other = taken.iter().rev().find(|one| one.entry.revision != newest.entry.revision);
                other.map(Taken::end)
            }),
        }
    }

    /// True if rows are counted as those who query the table see them. Where rows replace each other, a later pass puts
    /// each in its own place, and the earlier one stands in the table until the server merges them.
    pub(super) fn newest_only(&self, proves: Proves) -> bool {
        proves == Proves::NoMore && self.several_passes
    }

    /// Compares what the table holds. `found` gives the rows of what begins at an offset, a span or a hole, counted as
    /// [`Closed::newest_only`] says.
    pub(super) fn compare(&self, partition: usize, proves: Proves, found: &BTreeMap<i64, Found>) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut add = |kind, place: &str, expected, found| {
            differences.push(Difference { kind, place: place.to_owned(), expected, found });
        };
        // At least, and at most.
        let (mut returned, mut may_have) = (0, 0);
        for span in &self.spans {
            let Found { rows, distinct } = found.get(&span.first).copied().unwrap_or_default();
            let place = place(partition, span.first, span.last);
            if proves == Proves::EachRow && distinct < span.landed {
                add(Kind::Gap, &place, span.landed, distinct);
            } else if self.newest_only(proves) {
                // More rows than the last pass made, or one position under two keys: an earlier pass left them.
                let left = rows.saturating_sub(span.most()).max(rows - distinct);
                if left > 0 {
                    add(Kind::Stray, &place, rows - left, rows);
                }
            } else if distinct > span.most() {
                add(Kind::Stray, &place, span.most(), distinct);
            }
            if rows > distinct && !self.newest_only(proves) {
                add(Kind::Repeat, &place, distinct, rows);
            }
            if span.reopened {
                let more = distinct.min(span.most()).saturating_sub(span.landed);
                (returned, may_have) = (returned + more.saturating_sub(span.maybe), may_have + more);
            }
        }
        if proves == Proves::EachRow {
            let place = format!("partition {partition}, rows that came back from dead letters");
            let most = self.came_back + self.maybe_came_back + self.waiting;
            if may_have < self.came_back {
                add(Kind::Gap, &place, self.came_back, may_have);
            } else if returned > most {
                add(Kind::Stray, &place, most, returned);
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

/// Input offsets, in words.
pub(super) fn place(partition: usize, first: i64, last: i64) -> String {
    if first == last {
        format!("partition {partition}, offset {first}")
    } else {
        format!("partition {partition}, offsets {first} to {last}")
    }
}

/// A closed range that counts, whole or its beginning.
#[derive(Clone, Copy)]
struct Taken<'a> {
    entry: &'a LedgerEntry,
    /// The offset from which on a later pass counts, if that is within it.
    until: Option<i64>,
}

impl Taken<'_> {
    /// Last offset, included.
    fn last(&self) -> i64 {
        let last = self.entry.last.0.max(self.entry.first.0);
        self.until.map_or(last, |until| last.min(until - 1))
    }

    /// Last position, included.
    fn end(&self) -> (i64, i64) {
        if self.until.is_some() { (self.last(), i64::MAX) } else { self.entry.last }
    }

    /// Rows that landed at least, those that may have landed besides, and dead ones at most. Of a range that does not
    /// count to its end each record is one row: documents are read again from their first row on.
    fn landed(&self) -> (u64, u64, u64) {
        let (landed, dead) = (self.entry.counts.landed, self.entry.counts.dead);
        if self.until.is_none() {
            return (landed, 0, dead);
        }
        let low = self.entry.first.0.min(self.entry.last.0);
        let high = self.entry.first.0.max(self.entry.last.0);
        let (kept, lost) = ((self.last() - low + 1).max(0).unsigned_abs(), (high - self.last()).unsigned_abs());
        let (least, most) = (landed.saturating_sub(lost), landed.min(kept));
        (least, most.saturating_sub(least), dead.min(kept))
    }
}

/// The entries that count, and those of rows that came back. Where a person told the flow to go on from an earlier
/// position, the entries of the last pass count, and what earlier ones closed before it.
fn last_pass(entries: &[LedgerEntry]) -> (Vec<Taken<'_>>, Vec<Taken<'_>>) {
    let (mut taken, mut replayed): (Vec<Taken<'_>>, Vec<Taken<'_>>) = (Vec::new(), Vec::new());
    for entry in entries {
        let one = Taken { entry, until: None };
        if entry.replayed {
            replayed.push(one);
            continue;
        }
        let begins = entry.first;
        let reaches = |one: &Taken<'_>| one.until.is_none_or(|until| until > begins.0) && reaches(one.entry, begins);
        if taken.last().is_some_and(reaches) {
            for pass in [&mut taken, &mut replayed] {
                pass.retain_mut(|one| {
                    let cut = reaches(one);
                    if cut {
                        one.until = Some(begins.0);
                    }
                    !cut || one.entry.first.0.min(one.entry.last.0) < begins.0
                });
            }
        }
        taken.push(one);
    }
    (taken, replayed)
}

/// True if a closed range has rows at a position or behind it. A range without rows ends before it begins, and that of a
/// refused document stands where the next one begins: neither overlaps its neighbours.
fn reaches(entry: &LedgerEntry, position: (i64, i64)) -> bool {
    let refused = entry.receipt.as_ref().is_some_and(|receipt| !receipt.accepted());
    let empty = refused || entry.last < entry.first;
    entry.first.max(entry.last) > position || (!empty && entry.last == position)
}

#[cfg(test)]
mod tests;
