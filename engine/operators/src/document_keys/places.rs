//! Where rows of one key stand that differ, in words for people.
//!
//! Rows of a document mostly stand on lines that follow each other, so their lines are kept as runs: of a document
//! without line breaks in its cells one for each member. How many runs, keys and rows are told is bounded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::UInt64Array;
use batch::{Batch, Place};

/// Runs that are kept. Larger: more memory (32 bytes a run). Rows after them are told by their numbers.
const MOST_RUNS: usize = 4096;
/// Keys of which the rows are told: the first ones of the document.
const MOST_KEYS: usize = 1000;
/// Rows of one key that are told.
const MOST_ROWS: usize = 8;
/// Keys that one sentence about the whole document names.
const KEYS_IN_SENTENCE: usize = 5;

/// Lines of the rows of a document.
#[derive(Debug, Default)]
pub(super) struct Lines {
    runs: Vec<Run>,
    /// True once there were more runs than are kept: rows from the last one's end on are not known.
    ended: Option<i64>,
}

/// Rows from `row` on, each a line further.
#[derive(Debug)]
struct Run {
    row: i64,
    line: u64,
    member: Arc<str>,
}

impl Run {
    fn line_of(&self, row: i64) -> u64 {
        self.line.saturating_add_signed(row - self.row)
    }
}

impl Lines {
    /// Notes where the rows of a batch stand.
    pub(super) fn observe(&mut self, batch: &Batch) {
        let Place::Document { member, lines, .. } = &batch.origins().place else { return };
        for (&row, &line) in batch.origins().rows.values().iter().zip(UInt64Array::values(lines)) {
            let follows = |run: &Run| run.line_of(row) == line && run.member == *member;
            if self.ended.is_some() || self.runs.last().is_some_and(follows) {
                continue;
            }
            if self.runs.len() == MOST_RUNS {
                self.ended = Some(row);
            } else {
                self.runs.push(Run { row, line, member: Arc::clone(member) });
            }
        }
    }

    fn line(&self, row: i64) -> Option<(u64, &str)> {
        let at = self.runs.partition_point(|run| run.row <= row).checked_sub(1)?;
        let known = self.ended.is_none_or(|ended| row < ended);
        known.then(|| (self.runs[at].line_of(row), &*self.runs[at].member))
    }

    /// The places of rows: `lines 2, 5 and 9`, of several members each with its own.
    fn words(&self, rows: &[i64], count: u64) -> String {
        let lines: Option<Vec<(u64, &str)>> = rows.iter().map(|row| self.line(*row)).collect();
        let mut parts: Vec<String> = match &lines {
            Some(lines) if lines.windows(2).all(|two| two[0].1 == two[1].1) => {
                lines.iter().map(|(line, _)| line.to_string()).collect()
            }
            Some(lines) => lines.iter().map(|(line, member)| format!("{line} of {member}")).collect(),
            None => rows.iter().map(ToString::to_string).collect(),
        };
        let more = count - rows.len() as u64;
        parts.extend((more > 0).then(|| format!("{more} more")));
        let last = parts.pop().unwrap_or_default();
        let what = if lines.is_some() { "lines" } else { "rows" };
        if parts.is_empty() { format!("{what} {last}") } else { format!("{what} {} and {last}", parts.join(", ")) }
    }
}

/// The first rows of keys that have several contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contradictions {
    /// By the first row of the key: the first rows, and how many there are.
    keys: BTreeMap<i64, (Vec<i64>, u64)>,
    /// How many keys there are.
    count: u64,
}

impl Contradictions {
    /// Notes the rows of a key, in order.
    pub(super) fn add(&mut self, first: i64, others: impl Iterator<Item = i64>, count: u64) {
        self.count += 1;
        let rows = std::iter::once(first).chain(others).take(MOST_ROWS).collect();
        self.keys.insert(first, (rows, count));
        if self.keys.len() > MOST_KEYS {
            self.keys.pop_last();
        }
    }

    /// In words.
    pub(super) fn told(self, lines: &Lines) -> ToldPlaces {
        let mut told = ToldPlaces { keys: self.count, ..ToldPlaces::default() };
        for (rows, count) in self.keys.into_values() {
            let words = lines.words(&rows, count);
            if told.words.len() < KEYS_IN_SENTENCE {
                told.first.push(words.clone());
            }
            told.of_row.extend(rows.into_iter().map(|row| (row, told.words.len())));
            told.words.push(words);
        }
        told
    }
}

/// Which rows have one key and differ, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldPlaces {
    words: Vec<String>,
    of_row: HashMap<i64, usize>,
    first: Vec<String>,
    keys: u64,
}

impl ToldPlaces {
    /// What is wrong with a row.
    #[must_use]
    pub fn of(&self, row: i64) -> String {
        match self.of_row.get(&row).and_then(|at| self.words.get(*at)) {
            Some(words) => format!("{words} of the document have the same key and differ"),
            None => "another row of the document has the same key and differs".to_owned(),
        }
    }

    /// Where the rows stand that have the key of this one; empty if they are not among those that are told.
    #[must_use]
    pub(crate) fn rows_of(&self, row: i64) -> &str {
        self.of_row.get(&row).and_then(|at| self.words.get(*at)).map_or("", String::as_str)
    }

    /// Where the first keys stand.
    #[must_use]
    pub fn first(&self) -> String {
        let more = self.keys.saturating_sub(self.first.len() as u64);
        let more = if more > 0 { format!("; and {more} more such keys") } else { String::new() };
        format!("{}{more}", self.first.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::UInt64Array;
    use batch::{Batch, DocumentId, Place};

    use super::{Contradictions, Lines, MOST_KEYS, MOST_RUNS};
    use crate::samples::{names, placed};

    fn lines(of: &[(i64, u64, &str)]) -> Lines {
        let mut known = Lines::default();
        for (row, line, member) in of {
            let (columns, mut origins, layout) = placed(&[("key", names(&["a"]))], &[(*row, 0)]).into_parts();
            let id = Arc::new(DocumentId { key: "feed/load/a".into(), version: 1 });
            let lines = UInt64Array::from_value(*line, 1);
            origins.place = Place::Document { id, member: (*member).into(), lines };
            known.observe(&Batch::new(columns, origins, layout).expect("one row"));
        }
        known
    }

    #[test]
    fn rows_are_told_by_their_lines_and_members() {
        let of_one = lines(&[(0, 2, "a"), (1, 3, "a"), (2, 4, "a"), (4, 7, "a"), (5, 8, "a")]);
        assert_eq!(of_one.runs.len(), 2, "lines that follow each other are one run");
        let cases: [(&[i64], u64, &str); 4] = [
            (&[0, 1], 2, "lines 2 and 3"),
            (&[0, 2, 5], 3, "lines 2, 4 and 8"),
            (&[1, 4], 9, "lines 3, 7 and 7 more"),
            (&[4], 1, "lines 7"),
        ];
        for (rows, count, wanted) in cases {
            assert_eq!(of_one.words(rows, count), wanted);
        }
        let of_two = lines(&[(0, 2, "a"), (1, 2, "b")]);
        assert_eq!(of_two.words(&[0, 1], 2), "lines 2 of a and 2 of b");
        assert_eq!(Lines::default().words(&[0, 1], 2), "rows 0 and 1");
    }

    #[test]
    fn however_many_there_are_few_are_kept() {
        let many: Vec<(i64, u64, &str)> = (0..MOST_RUNS as i64 + 9).map(|row| (row, row as u64 * 2, "a")).collect();
        let known = lines(&many);
        assert_eq!(known.runs.len(), MOST_RUNS);
        let last = MOST_RUNS as i64 - 1;
        assert_eq!(known.words(&[0, last], 2), format!("lines 0 and {}", last * 2));
        assert_eq!(known.words(&[0, last + 1], 2), format!("rows 0 and {}", last + 1));

        let mut found = Contradictions::default();
        (0..3_000_i64).rev().for_each(|key| found.add(key * 10, (1..=9).map(|row| key * 10 + row), 10));
        let told = found.told(&Lines::default());
        assert_eq!(told.words.len(), MOST_KEYS);
        assert!(told.of(10).starts_with("rows 10, 11, 12, 13, 14, 15, 16, 17 and 2 more of"), "{}", told.of(10));
        assert!(told.of(19).starts_with("another row"), "{}", told.of(19));
        assert!(told.of(29_990).starts_with("another row"), "the first ones are told");
        assert!(told.first().ends_with("; and 2995 more such keys"), "{}", told.first());
        assert_eq!(told.first().matches("; ").count(), 5);
    }
}
