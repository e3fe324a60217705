//! Keys that one document holds twice.
//!
//! Rows of a document that are equal in all columns count as dropped, but for the first. Rows with one key and
//! different columns are dead, all of them, because no rule says which holds. That is known only at the document's end:
//! show all its batches to one [`DocumentKeys`], then ask for the verdict and take its rows out of what is written.
//!
//! Memory: about 50 bytes a key, and 8 a row that repeats one; no values.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use batch::{Batch, Code};

use crate::rows::index_of;
use crate::{StepError, codes, fingerprint_content, fingerprint_rows};

/// Finds the keys that a document holds twice.
#[derive(Debug)]
pub struct DocumentKeys {
    name: Arc<str>,
    key: Vec<Arc<str>>,
    first: HashMap<u128, First>,
    repeats: Vec<(u128, i64)>,
}

#[derive(Debug)]
struct First {
    row: i64,
    content: u128,
    contradicted: bool,
}

/// The rows of a document that must not be written, by their numbers (`Origins::rows`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuplicateRows {
    /// Rows that equal an earlier one.
    pub dropped: BTreeSet<i64>,
    /// All rows of the keys that have several contents.
    pub dead: BTreeSet<i64>,
}

impl DocumentKeys {
    /// The code of the dead rows.
    pub const CODE: Code = codes::KEY_TWICE;

    /// Looks for rows that are equal in these columns. `name` is what errors call it.
    #[must_use]
    pub fn new(name: Arc<str>, key: Vec<Arc<str>>) -> Self {
        Self { name, key, first: HashMap::new(), repeats: Vec::new() }
    }

    /// Shows it the next batch of the document, with the columns of the table.
    ///
    /// # Errors
    /// If a column of the key is missing.
    pub fn observe(&mut self, batch: &Batch) -> Result<(), StepError> {
        let columns = batch.columns();
        let key: Vec<usize> =
            self.key.iter().map(|name| index_of(&self.name, columns, name)).collect::<Result<_, _>>()?;
        let rest: Vec<usize> = (0..columns.num_columns()).filter(|index| !key.contains(index)).collect();
        let keys = fingerprint_rows(columns, &key).map_err(StepError::arrow(&self.name))?;
        let contents = fingerprint_content(columns, &rest).map_err(StepError::arrow(&self.name))?;
        for (index, (key, content)) in keys.into_iter().zip(contents).enumerate() {
            let row = batch.origins().rows.value(index);
            match self.first.get_mut(&key) {
                None => drop(self.first.insert(key, First { row, content, contradicted: false })),
                Some(first) => {
                    first.contradicted |= first.content != content;
                    self.repeats.push((key, row));
                }
            }
        }
        Ok(())
    }

    /// What must not be written.
    #[must_use]
    pub fn verdict(&self) -> DuplicateRows {
        let mut verdict = DuplicateRows::default();
        for (key, row) in &self.repeats {
            let Some(first) = self.first.get(key) else { continue };
            if first.contradicted {
                verdict.dead.extend([first.row, *row]);
            } else {
                verdict.dropped.insert(*row);
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::DocumentKeys;
    use crate::samples::{maybe_names, names, placed};

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
            for cut in 1..=rows.len() {
                let mut keys = DocumentKeys::new("document".into(), vec!["key".into()]);
                for (part, chunk) in rows.chunks(cut).enumerate() {
                    let column = |pick: fn(&(&'static str, &'static str)) -> &'static str| {
                        names(&chunk.iter().map(pick).collect::<Vec<_>>())
                    };
                    let places: Vec<(i64, i64)> = (0..chunk.len()).map(|row| ((part * cut + row) as i64, 0)).collect();
                    let columns = [("key", column(|row| row.0)), ("content", column(|row| row.1))];
                    keys.observe(&placed(&columns, &places)).expect("the key is there");
                }
                let verdict = keys.verdict();
                assert_eq!(verdict.dropped.iter().copied().collect::<Vec<_>>(), dropped);
                assert_eq!(verdict.dead.iter().copied().collect::<Vec<_>>(), dead);
            }
        }
    }

    #[test]
    fn null_and_empty_are_two_contents() {
        let mut keys = DocumentKeys::new("document".into(), vec!["key".into()]);
        let columns = [("key", names(&["a", "a"])), ("content", maybe_names(&[None, Some("")]))];
        keys.observe(&placed(&columns, &[(0, 0), (1, 0)])).expect("the key is there");
        assert_eq!(keys.verdict().dead.len(), 2);
    }
}
