//! Keys that one document holds twice.
//!
//! Rows of a document that are equal in all columns count as dropped, but for the first. Rows with one key and
//! different columns are dead, all of them, because no rule says which holds. That is known only at the document's end:
//! show all its batches to one [`DocumentKeys`], then ask for the verdict and take its rows out of what is written.
//!
//! Where rows come back, others of the document have landed and stay: those go first, whatever their place. What has not
//! landed and does not come back is no row to equal.
//!
//! Memory: 40 bytes a row, as long as the budget has them; then what was gathered goes to a scratch file, sorted, and
//! the verdict merges what lies there. No values.

mod places;
mod runs;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use arrow::error::ArrowError;
use batch::{Batch, Code};

use crate::budget::{Share, WorkingMemory};
use crate::row_set::RowSet;
use crate::rows::index_of;
use crate::{StepError, codes, fingerprint_content, fingerprint_rows};
use places::{Contradictions, Lines};
use runs::{ENTRY_BYTES, Entry, Runs};

pub use places::ToldPlaces;

/// Most rows whose keys are gathered in memory (10 MiB). Larger: fewer runs to merge. Smaller: less memory for each
/// document in work.
const ROWS_IN_MEMORY: usize = 256 * 1024;

/// Finds the keys that a document holds twice.
#[derive(Debug)]
pub struct DocumentKeys {
    name: Arc<str>,
    key: Vec<Arc<str>>,
    gathered: Vec<Entry>,
    share: Share,
    memory: WorkingMemory,
    spilled: Option<Runs>,
    lines: Lines,
    back: Option<ComingBack>,
}

/// Rows of a document, by their numbers, of which some come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComingBack {
    /// Those that come back.
    pub rows: BTreeSet<i64>,
    /// Those that have not landed and do not come back.
    pub left_out: BTreeSet<i64>,
}

/// Added to the number of a row that comes back, so that it is behind all that have landed.
const BEHIND: i64 = 1 << 62;

/// The rows of a document that must not be written, by their numbers (`Origins::rows`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuplicateRows {
    /// Rows that equal an earlier one.
    pub dropped: RowSet,
    /// The rows that those equal.
    pub equalled: RowSet,
    /// All rows of the keys that have several contents.
    pub dead: RowSet,
    /// Where the first of those stand.
    pub places: ToldPlaces,
}

/// Why keys could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A column of the key is missing: a fault of the program.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The scratch file failed, such as a full disk.
    #[error("a temporary file for the keys of a document failed")]
    Scratch(#[from] io::Error),
}

impl DocumentKeys {
    /// The code of the dead rows.
    pub const CODE: Code = codes::KEY_TWICE;

    /// Looks for rows that are equal in these columns. `name` is what errors call it.
    #[must_use]
    pub fn new(name: Arc<str>, key: Vec<Arc<str>>, memory: &WorkingMemory) -> Self {
        let share = Share::of(&memory.budget);
        let (gathered, memory, lines) = (Vec::new(), memory.clone(), Lines::default());
        Self { name, key, gathered, share, memory, spilled: None, lines, back: None }
    }

    /// The same where rows come back.
    #[must_use]
    pub fn with_rows_back(self, back: Option<ComingBack>) -> Self {
        Self { back, ..self }
    }

    /// Shows it the next batch of the document, with the columns of the table.
    ///
    /// # Errors
    /// If a column of the key is missing, or the scratch file fails.
    pub fn observe(&mut self, batch: &Batch) -> Result<(), KeysError> {
        self.lines.observe(batch);
        let columns = batch.columns();
        let key: Vec<usize> =
            self.key.iter().map(|name| index_of(&self.name, columns, name)).collect::<Result<_, _>>()?;
        let rest: Vec<usize> = (0..columns.num_columns()).filter(|index| !key.contains(index)).collect();
        let compared = with_one_zero(columns, &key).map_err(StepError::arrow(&self.name))?;
        let keys = fingerprint_rows(&compared, &key).map_err(StepError::arrow(&self.name))?;
        let contents = fingerprint_content(columns, &rest).map_err(StepError::arrow(&self.name))?;
        let bytes = keys.len() * ENTRY_BYTES;
        if self.gathered.len() + keys.len() > ROWS_IN_MEMORY || !self.share.take(bytes) {
            self.spill()?;
            self.share.take_anyway(bytes);
        }
        let rows = batch.origins().rows.values();
        let entries = keys.into_iter().zip(contents).zip(rows);
        let entries = entries.map(|((key, content), &row)| Entry::new(key, row, content));
        match &self.back {
            None => self.gathered.extend(entries),
            Some(ComingBack { rows, left_out }) => {
                let compared = entries.filter(|entry| !left_out.contains(&entry.row));
                let behind = |row: i64| if rows.contains(&row) { row + BEHIND } else { row };
                self.gathered.extend(compared.map(|entry| Entry { row: behind(entry.row), ..entry }));
            }
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.gathered.sort_unstable();
        let runs = match &mut self.spilled {
            Some(runs) => runs,
            none => none.insert(Runs::new(self.memory.scratch.file()?)),
        };
        runs.push(&self.gathered)?;
        self.gathered.clear();
        self.share.give_all();
        Ok(())
    }

    /// What must not be written.
    ///
    /// # Errors
    /// If the scratch file fails.
    pub fn verdict(mut self) -> io::Result<DuplicateRows> {
        if self.spilled.is_some() {
            self.spill()?;
            self.gathered = Vec::new();
        }
        let mut groups = Groups::default();
        match self.spilled {
            Some(runs) => runs.merged(|entry| groups.push(entry))?,
            None => {
                self.gathered.sort_unstable();
                self.gathered.into_iter().for_each(|entry| groups.push(entry));
            }
        }
        groups.end_group();
        Ok(DuplicateRows { places: groups.contradictions.told(&self.lines), ..groups.verdict })
    }
}

/// The columns with `0` for each `-0` of a key. A table compares the two as one number, so of rows whose version is `0` and
/// `-0` none would be the newer.
fn with_one_zero(columns: &RecordBatch, key: &[usize]) -> Result<RecordBatch, ArrowError> {
    let mut arrays = columns.columns().to_vec();
    for &index in key {
        if let Some(doubles) = arrays[index].as_primitive_opt::<Float64Type>() {
            let one_zero = |value: f64| if value == 0.0 { 0.0 } else { value };
            arrays[index] = Arc::new(doubles.unary::<_, Float64Type>(one_zero));
        }
    }
    RecordBatch::try_new(columns.schema(), arrays)
}

/// Judges rows that come in order of key and row.
#[derive(Default)]
struct Groups {
    verdict: DuplicateRows,
    first: Option<Entry>,
    repeats: RowSet,
    contradicted: bool,
    contradictions: Contradictions,
}

impl Groups {
    fn push(&mut self, entry: Entry) {
        match self.first {
            Some(first) if first.key == entry.key => {
                self.contradicted |= first.content != entry.content;
                self.repeats.insert(entry.row & !BEHIND);
            }
            _ => {
                self.end_group();
                self.first = Some(Entry { row: entry.row & !BEHIND, ..entry });
            }
        }
    }

    fn end_group(&mut self) {
        if self.repeats.is_empty() {
            return;
        }
        if std::mem::take(&mut self.contradicted) {
            if let Some(first) = &self.first {
                self.contradictions.add(first.row, self.repeats.iter(), self.repeats.len() + 1);
            }
            self.verdict.dead.append(&mut self.repeats);
            self.first.iter().for_each(|first| self.verdict.dead.insert(first.row));
        } else {
            self.verdict.dropped.append(&mut self.repeats);
            self.first.iter().for_each(|first| self.verdict.equalled.insert(first.row));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array};
    use proptest::prelude::*;

    use super::{ComingBack, DocumentKeys, DuplicateRows};
    use crate::samples::{maybe_names, names, placed};
    use crate::{MemoryScratch, WorkingMemory};

    fn memory(limit: usize) -> WorkingMemory {
        WorkingMemory::limited(limit, Arc::new(MemoryScratch))
    }

    /// What is found in rows of key and content that come in batches of `cut`, with so many bytes of memory.
    fn verdict(rows: &[(&str, &str)], cut: usize, limit: usize) -> DuplicateRows {
        let memory = memory(limit);
        let mut keys = DocumentKeys::new("document".into(), vec!["key".into()], &memory);
        for (part, chunk) in rows.chunks(cut).enumerate() {
            let (key, content): (Vec<&str>, Vec<&str>) = chunk.iter().copied().unzip();
            let places: Vec<(i64, i64)> = (0..chunk.len()).map(|row| ((part * cut + row) as i64, 0)).collect();
            keys.observe(&placed(&[("key", names(&key)), ("content", names(&content))], &places)).expect("the key");
            assert!(memory.budget.most() <= limit.max(cut * super::ENTRY_BYTES));
        }
        let verdict = keys.verdict().expect("memory does not fail");
        assert_eq!(memory.budget.taken(), 0);
        verdict
    }

    #[test]
    fn equal_rows_are_dropped_and_different_ones_are_dead() {
        // Key, content; how the rows are cut; rows dropped, rows dead.
        type Case<'a> = (&'a [(&'static str, &'static str)], &'a [i64], &'a [i64]);
        let cases: [Case<'_>; 5] = [
            (&[("a", "1"), ("b", "1")], &[], &[]),
            (&[("a", "1"), ("b", "1"), ("a", "1"), ("a", "1")], &[2, 3], &[]),
            (&[("a", "1"), ("a", "2"), ("b", "1")], &[], &[0, 1]),
            (&[("a", "1"), ("a", "1"), ("b", "1"), ("a", "2")], &[], &[0, 1, 3]),
            (&[("a", "1"), ("a", "2"), ("b", "1"), ("b", "1"), ("a", "1")], &[3], &[0, 1, 4]),
        ];
        for (rows, dropped, dead) in cases {
            for (cut, limit) in (1..=rows.len()).flat_map(|cut| [(cut, 0), (cut, 100), (cut, usize::MAX)]) {
                let verdict = verdict(rows, cut, limit);
                assert_eq!(verdict.dropped.iter().collect::<Vec<_>>(), dropped);
                assert_eq!(verdict.dead.iter().collect::<Vec<_>>(), dead);
            }
        }
    }

    #[test]
    fn rows_that_come_back_are_behind_those_that_have_landed() {
        // Contents of rows of one key; those that come back, those that are left out; rows dropped, rows dead.
        type Case<'a> = (&'a [&'static str], &'a [i64], &'a [i64], &'a [i64], &'a [i64]);
        let cases: [Case<'_>; 6] = [
            (&["1", "1"], &[], &[], &[1], &[]),
            (&["1", "1"], &[0], &[], &[0], &[]),
            (&["1", "1", "1"], &[0, 1], &[], &[0, 1], &[]),
            // Nothing that it equals has landed.
            (&["1", "1"], &[1], &[0], &[], &[]),
            (&["1", "1"], &[0, 1], &[], &[1], &[]),
            (&["1", "2"], &[0], &[], &[], &[0, 1]),
        ];
        for (contents, rows, left_out, dropped, dead) in cases {
            for limit in [0, usize::MAX] {
                let of = |rows: &[i64]| rows.iter().copied().collect::<BTreeSet<i64>>();
                let back = Some(ComingBack { rows: of(rows), left_out: of(left_out) });
                let keys = DocumentKeys::new("document".into(), vec!["key".into()], &memory(limit));
                let mut keys = keys.with_rows_back(back);
                for (row, content) in contents.iter().enumerate() {
                    let columns = [("key", names(&["a"])), ("content", names(&[content]))];
                    keys.observe(&placed(&columns, &[(row as i64, 0)])).expect("the key");
                }
                let verdict = keys.verdict().expect("memory does not fail");
                assert_eq!(verdict.dropped.iter().collect::<Vec<_>>(), dropped, "{contents:?}, {rows:?} back");
                assert_eq!(verdict.dead.iter().collect::<Vec<_>>(), dead, "{contents:?}, {rows:?} back");
            }
        }
    }

    proptest! {
        /// However little memory there is, the verdict is that of a plain map of all rows.
        #[test]
        fn little_memory_changes_nothing(
            rows in prop::collection::vec((0_usize..12, 0_usize..2), 1..120),
            cut in 1_usize..20,
            limit in 0_usize..3_000,
        ) {
            const TEXTS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
            let rows: Vec<(&str, &str)> = rows.into_iter().map(|(key, content)| (TEXTS[key], TEXTS[content])).collect();
            let mut model: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
            rows.iter().enumerate().for_each(|(row, (key, _))| model.entry(key).or_default().push(row as i64));
            let (mut dropped, mut dead) = (BTreeSet::new(), BTreeSet::new());
            for of_key in model.into_values() {
                let contents: BTreeSet<&str> = of_key.iter().map(|&row| rows[row as usize].1).collect();
                if contents.len() > 1 { dead.extend(of_key) } else { dropped.extend(of_key.into_iter().skip(1)) }
            }
            let found = verdict(&rows, cut, limit);
            prop_assert_eq!(found.dropped.iter().collect::<BTreeSet<_>>(), dropped);
            prop_assert_eq!(found.dead.iter().collect::<BTreeSet<_>>(), dead);
        }
    }

    #[test]
    fn zero_has_no_sign_in_a_key() {
        let doubles = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
        for (contents, dropped, dead) in [(["x", "y"], 0, 2), (["x", "x"], 1, 0)] {
            let key = vec!["key".into(), "version".into()];
            let mut keys = DocumentKeys::new("document".into(), key, &memory(1000));
            let columns =
                [("key", names(&["a", "a"])), ("version", doubles(&[0.0, -0.0])), ("content", names(&contents))];
            keys.observe(&placed(&columns, &[(0, 0), (1, 0)])).expect("the key is there");
            let verdict = keys.verdict().expect("memory does not fail");
            assert_eq!((verdict.dropped.len(), verdict.dead.len()), (dropped, dead), "{contents:?}");
        }
    }

    #[test]
    fn null_and_empty_are_two_contents() {
        let mut keys = DocumentKeys::new("document".into(), vec!["key".into()], &memory(1000));
        let columns = [("key", names(&["a", "a"])), ("content", maybe_names(&[None, Some("")]))];
        keys.observe(&placed(&columns, &[(0, 0), (1, 0)])).expect("the key is there");
        assert_eq!(keys.verdict().expect("memory does not fail").dead.len(), 2);
    }
}
