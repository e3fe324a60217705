//! Works chosen rows of a document again, by the topology as it is now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use operators::{
    Chain, ComingBack, DocumentBytes, DocumentInput, DocumentReader, KEY_TWICE, Passing, ReadError, WorkError, Worked,
    WorkingMemory, Workshop,
};

use super::RetryRow;
use crate::task::Only;

/// What is needed to work rows again.
pub(crate) struct Rework<'a> {
    /// Makes rows of the document.
    pub(crate) reader: &'a dyn DocumentReader,
    /// The document.
    pub(crate) document: &'a DocumentInput,
    /// The steps.
    pub(crate) chain: &'a mut Chain,
    /// Key columns of the table, where there is one.
    pub(crate) key: Option<Vec<Arc<str>>>,
    /// Share of bad rows in percent above which the document is refused.
    pub(crate) bad_rows_above: f64,
    /// What it may take of memory.
    pub(crate) memory: &'a WorkingMemory,
    /// Rows of the document that have not landed, those that come back among them; see [`Reworked::Equal`].
    pub(crate) not_landed: Option<BTreeSet<i64>>,
}

/// A fault of the program.
pub(crate) const EQUAL_AGAIN: &str = "which rows have not landed was said, and is asked for again";

/// What became of them.
pub(crate) enum Reworked {
    /// The document as a whole is refused now.
    Refused {
        /// Why, as a code.
        code: String,
        /// Why, in a sentence.
        message: String,
    },
    /// Rows that come back equal others, and it must be known which of those have landed: to be run again with
    /// `not_landed`, which costs a look through all dead letters.
    Equal,
    /// Rows, and the numbers of those that are not where they were.
    Rows(Vec<Worked>, BTreeSet<i64>),
}

impl Rework<'_> {
    /// Reads the document twice: whole, for what it says of all its rows, then for the chosen ones.
    ///
    /// # Errors
    /// If the bytes cannot be had, or the program is at fault.
    pub(crate) fn run(
        &mut self,
        open: &dyn Fn() -> Result<Box<dyn DocumentBytes>, ReadError>,
        rows: &BTreeMap<i64, RetryRow>,
    ) -> Result<Reworked, WorkError> {
        let reworked = self.work(open, rows);
        self.chain.show(Passing::First);
        reworked
    }

    fn work(
        &mut self,
        open: &dyn Fn() -> Result<Box<dyn DocumentBytes>, ReadError>,
        rows: &BTreeMap<i64, RetryRow>,
    ) -> Result<Reworked, WorkError> {
        // Whoever looks is shown the rows that come back, not all those around them once more.
        self.chain.show(Passing::Unseen);
        let (reader, document, memory) = (self.reader, self.document, self.memory);
        let mut workshop = Workshop { reader, document, chain: &mut *self.chain, memory, rows_are_final: false };
        let mut proof = workshop.prove(open, self.key.as_deref(), self.bad_rows_above)?;
        if proof.outcome.refused() {
            return Ok(Reworked::Refused { code: proof.code, message: proof.message });
        }
        let is_equal = |row: &i64| proof.twice.equal.contains(*row) || proof.twice.equalled.contains(*row);
        if rows.keys().any(is_equal) {
            let Some(not_landed) = &self.not_landed else { return Ok(Reworked::Equal) };
            let left_out = not_landed.iter().filter(|row| !rows.contains_key(row)).copied().collect();
            let back = ComingBack { rows: rows.keys().copied().collect(), left_out };
            proof.twice.equal = workshop.equal_among(open, self.key.as_deref(), back)?;
        }
        // Few of them come back, and those are made again.
        proof.kept = None;
        let only = Only::new(self.reader, rows);
        let mut blocks: Vec<Worked> = Vec::new();
        workshop.reader = &only;
        workshop.chain.show(Passing::Again);
        workshop.again(open()?, &proof.facts, &mut |block| {
            blocks.push(block);
            true
        })?;
        let worked = blocks.into_iter().map(|block| Ok(told_again(block.once_a_key(&proof.twice)?)));
        let worked: Result<Vec<Worked>, WorkError> = worked.collect();
        Ok(Reworked::Rows(worked?, only.missed()))
    }
}

/// Rows of one key that differ are dead, all of them, when a document is read first. One that comes back may meet
/// one that has landed since, and that one is not taken out again: the letter says so.
fn told_again(mut worked: Worked) -> Worked {
    let failures = worked.failed.iter_mut().flat_map(|failed| &mut failed.failures);
    for failure in failures.filter(|failure| failure.code == KEY_TWICE) {
        failure.message = batch::bounded(&format!("{}; what has landed of them stays", failure.message));
    }
    worked
}
