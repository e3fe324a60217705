//! Proves a document before its first row leaves: it is read to its end through decode and the steps, its trailers are
//! held against what was read, its keys are compared, its bad rows are counted.
//!
//! The worked rows are kept if they can be; otherwise the document is read a second time to land it.

use std::io::{self, Read};
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::error::ArrowError;
use batch::{Batch, Failed, ReadValues, RowFailure};
use codec::archive::{ArchiveError, is_packed};
use telemetry::Counts;

use crate::bad_rows::BadRows;
use crate::budget::WorkingMemory;
use crate::codes::{KEY_TWICE, TOO_MANY_BAD_ROWS};
use crate::document::{BadRow, Block, DocumentBytes, DocumentInput, DocumentReader, Outcome, ReadError};
use crate::document_keys::{ComingBack, DuplicateRows, KeysError, ToldPlaces};
use crate::kept::{Keeping, Kept};
use crate::row_set::RowSet;
use crate::{Chain, ChainOutput, DocumentKeys, Facts, StepError};

/// A share of bad rows is judged before the end of the document only from this many rows on.
const JUDGED_EARLY_FROM: u64 = 1000;

/// One block of a document after decode and all steps.
#[derive(Debug)]
pub struct Worked {
    /// Number of the row after the last one of the block.
    pub next_row: i64,
    /// Rows that go on to the destination.
    pub rows: Option<Batch>,
    /// Rows for named outputs.
    pub outputs: Vec<(Arc<str>, Batch)>,
    /// Rows that could not be decoded.
    pub bad: Vec<BadRow>,
    /// Rows that failed at a step.
    pub failed: Vec<Failed>,
    /// What became of the block's rows.
    pub counts: Counts,
}

/// Works the blocks of one document.
pub struct Workshop<'a> {
    /// Makes rows of the bytes.
    pub reader: &'a dyn DocumentReader,
    /// The document.
    pub document: &'a DocumentInput,
    /// The steps. None of them keeps state: a document is worked more than once.
    pub chain: &'a mut Chain,
    /// What it may take of memory.
    pub memory: &'a WorkingMemory,
    /// True if nothing after the steps can refuse a row, as for a table. Then the bytes as published are not kept, and
    /// rows for which there is no memory go to a file.
    pub rows_are_final: bool,
}

/// Why a reading ended without a verdict.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The bytes could not be had.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A fault of the program.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Arrow refused: a fault of the program.
    #[error("the rows of a document could not be sorted out")]
    Arrow(#[from] ArrowError),
    /// A temporary file could not be written or read: such as a full disk. Nothing is said about the document.
    #[error("a temporary file for the keys of a document failed")]
    Scratch(#[source] io::Error),
}

impl From<KeysError> for WorkError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Step(error) => Self::Step(error),
            KeysError::Scratch(source) => Self::Scratch(source),
        }
    }
}

/// What the first reading of a document says.
#[derive(Debug)]
pub struct Proof {
    /// What became of the document.
    pub outcome: Outcome,
    /// Why, as a code.
    pub code: String,
    /// Why, in a sentence.
    pub message: String,
    /// True if something says that a document without rows is meant to have none.
    pub empty_is_meant: bool,
    /// Facts that all rows share.
    pub facts: Facts,
    /// What became of all rows.
    pub counts: Counts,
    /// Rows of keys that stand twice in the document.
    pub twice: Twice,
    /// All blocks, if they could be kept.
    pub kept: Option<Kept>,
    /// Bad rows, for people.
    bad_rows: BadRows,
}

/// Rows of keys that stand twice in the document, by row number.
#[derive(Debug, Default)]
pub struct Twice {
    /// Equal to an earlier row.
    pub equal: RowSet,
    /// Those that rows of `equal` are equal to.
    pub equalled: RowSet,
    /// Of the same key as a row with other content.
    pub different: RowSet,
    /// Where the first of those stand.
    pub places: ToldPlaces,
}

impl Workshop<'_> {
    /// Reads the document to its end. `key`: the key columns of its table, where a document owns its rows.
    /// `bad_rows_above`: the share of bad rows in percent above which it is refused.
    ///
    /// # Errors
    /// If the bytes cannot be had, or the program is at fault.
    pub fn prove(
        &mut self,
        open: &dyn Fn() -> Result<Box<dyn DocumentBytes>, ReadError>,
        key: Option<&[Arc<str>]>,
        bad_rows_above: f64,
    ) -> Result<Proof, WorkError> {
        self.prove_among(open, key, bad_rows_above, None)
    }

    /// Of rows that come back those that equal one which has landed, or another one that comes back: dropped, as the
    /// first reading would have dropped them.
    ///
    /// # Errors
    /// As for [`Workshop::prove`].
    pub fn equal_among(
        &mut self,
        open: &dyn Fn() -> Result<Box<dyn DocumentBytes>, ReadError>,
        key: Option<&[Arc<str>]>,
        back: ComingBack,
    ) -> Result<RowSet, WorkError> {
        // The share of bad rows was judged before.
        const ALL: f64 = 100.0;
        Ok(self.prove_among(open, key, ALL, Some(back))?.twice.equal)
    }

    fn prove_among(
        &mut self,
        open: &dyn Fn() -> Result<Box<dyn DocumentBytes>, ReadError>,
        key: Option<&[Arc<str>]>,
        bad_rows_above: f64,
        back: Option<ComingBack>,
    ) -> Result<Proof, WorkError> {
        let mut facts = self.reader.facts(self.document);
        if self.reader.steps_need_trailer() {
            facts.extend(self.reader.read(self.document, open()?, &mut |_| true)?.facts);
        }
        let mut kept = Keeping::new(self.memory);
        let (mut counts, mut too_many, mut bad_rows) = (Counts::default(), false, BadRows::of(&self.document.name));
        let keys = key.map(|key| DocumentKeys::new("landing".into(), key.to_vec(), self.memory));
        let mut keys = keys.map(|keys| keys.with_rows_back(back));
        let mut fault: Option<WorkError> = None;
        let mut fault_of_bytes = None;
        let verdict = self.reader.read(self.document, open()?, &mut |block| {
            if too_many {
                return true;
            }
            let mut worked = match work(self.chain, block, &facts) {
                Ok(worked) => worked,
                Err(error) => {
                    fault = Some(error.into());
                    return false;
                }
            };
            counts.add(&worked.counts);
            bad_rows.observe(&worked);
            if let (Some(keys), Some(rows)) = (keys.as_mut(), &worked.rows)
                && let Err(error) = keys.observe(rows)
            {
                fault = Some(error.into());
                return false;
            }
            if self.rows_are_final {
                worked.rows = worked.rows.map(Batch::settled);
            }
            kept = std::mem::replace(&mut kept, Keeping::Nothing).add(worked, self.memory, self.rows_are_final);
            too_many = counts.rows_in >= JUDGED_EARLY_FROM && above(&counts, bad_rows_above);
            if !too_many {
                return true;
            }
            kept = Keeping::Nothing;
            // A damaged archive makes bad rows, and only its end tells that it is damaged.
            packed(open).unwrap_or_else(|error| {
                fault_of_bytes = Some(error);
                false
            })
        })?;
        if let Some(error) = fault_of_bytes {
            return Err(error.into());
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        let mut proof = Proof {
            outcome: verdict.outcome,
            code: verdict.code.map(|code| code.to_string()).unwrap_or_default(),
            message: verdict.message,
            empty_is_meant: verdict.empty_is_meant,
            facts,
            counts,
            twice: Twice::default(),
            kept: None,
            bad_rows,
        };
        if !proof.outcome.refused() && !too_many {
            proof.kept = kept.finish(self.document);
        }
        if let Some(keys) = keys {
            let found = keys.verdict().map_err(WorkError::Scratch)?;
            let DuplicateRows { dropped: equal, equalled, dead: different, places } = found;
            proof.twice = Twice { equal, equalled, different, places };
            proof.count_twice();
        }
        if self.rows_are_final && !proof.twice.different.is_empty() {
            // Those rows are dead, and their bytes are needed.
            proof.kept = None;
        }
        let damaged = verdict.code == Some(ArchiveError::DAMAGED);
        if (too_many && !damaged) || (proof.outcome == Outcome::Rows && above(&proof.counts, bad_rows_above)) {
            proof.refuse_for_bad_rows(bad_rows_above, key.unwrap_or_default());
        }
        if proof.outcome.refused() {
            // How far a reader came that was told to stop says nothing: it may have read ahead.
            let held = if too_many { proof.counts.rows_in } else { proof.counts.rows_in.max(verdict.rows) };
            proof.counts = Counts { rows_in: held, held, ..Counts::default() };
        }
        Ok(proof)
    }

    /// Reads the document again and hands over each worked block until `take` answers false.
    ///
    /// # Errors
    /// As for the first reading.
    pub fn again(
        &mut self,
        bytes: Box<dyn DocumentBytes>,
        facts: &Facts,
        take: &mut dyn FnMut(Worked) -> bool,
    ) -> Result<(), WorkError> {
        let mut fault = None;
        self.reader.read(self.document, bytes, &mut |block| match work(self.chain, block, facts) {
            Ok(worked) => take(worked),
            Err(error) => {
                fault = Some(error);
                false
            }
        })?;
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}

fn work(chain: &mut Chain, block: Block, facts: &Facts) -> Result<Worked, StepError> {
    let Block { batch, bad, next_row } = block;
    let mut counts = Counts { rows_in: batch.len() as u64 + bad.len() as u64, ..Counts::default() };
    let ChainOutput { rows, outputs, failed, dropped } = chain.run(batch, facts)?;
    counts.dead = (bad.len() + failed.iter().map(|failed| failed.failures.len()).sum::<usize>()) as u64;
    counts.landed = rows.as_ref().map_or(0, |rows| rows.len() as u64);
    for (name, rows) in &outputs {
        *counts.outputs.entry(name.to_string()).or_default() += rows.len() as u64;
    }
    dropped.iter().for_each(|(reason, count)| counts.drop_rows(reason, *count));
    Ok(Worked { next_row, rows, outputs, bad, failed, counts })
}

impl Worked {
    /// Bytes that the block takes in memory, near enough for a bound.
    #[must_use]
    pub fn memory(&self) -> usize {
        /// A bad or failed row beside its bytes: code, place and message.
        const BESIDE: usize = 200;
        let rows: usize = self.rows.iter().chain(self.outputs.iter().map(|(_, rows)| rows)).map(Batch::memory).sum();
        let bad: usize = self.bad.iter().map(|bad| bad.raw.len() + BESIDE).sum();
        let failed = self.failed.iter().map(|failed| {
            let origins = &failed.origins;
            let read: usize = failed.failures.iter().map(|failure| failure.read.memory()).sum();
            origins.raw.total_bytes_len() + origins.len() * BESIDE + read
        });
        rows + bad + failed.sum::<usize>()
    }

    /// Takes out rows whose key stands twice in the document.
    ///
    /// # Errors
    /// If Arrow refuses: a fault of the program.
    pub fn once_a_key(mut self, twice: &Twice) -> Result<Self, ArrowError> {
        let Twice { equal, different, places, .. } = twice;
        let Some(rows) = self.rows.take() else {
            return Ok(self);
        };
        if equal.is_empty() && different.is_empty() {
            self.rows = Some(rows);
            return Ok(self);
        }
        let numbers = rows.origins().rows.clone();
        let mask = |test: &dyn Fn(i64) -> bool| -> BooleanArray {
            numbers.values().iter().map(|&number| Some(test(number))).collect()
        };
        let kept = rows.filter(&mask(&|number| !equal.contains(number) && !different.contains(number)))?;
        let dead = rows.origins().filter(&mask(&|number| different.contains(number)))?;
        let dropped = rows.len() - kept.len() - dead.len();
        self.counts.landed = kept.len() as u64;
        self.counts.dead += dead.len() as u64;
        self.counts.drop_rows("same key twice", dropped as u64);
        if !dead.is_empty() {
            let failures = dead.rows.values().iter().enumerate().map(|(row, &number)| RowFailure {
                row,
                code: KEY_TWICE,
                field: None,
                message: places.of(number),
                read: ReadValues::default(),
            });
            let failures = failures.collect();
            self.failed.push(Failed { step: "landing".into(), failures, origins: dead });
        }
        self.rows = Some(kept);
        Ok(self)
    }
}

/// True if the bytes are those of an archive.
fn packed(open: &dyn Fn() -> Result<Box<dyn DocumentBytes>, ReadError>) -> Result<bool, ReadError> {
    let mut first = Vec::with_capacity(4);
    open()?.take(4).read_to_end(&mut first).map_err(ReadError::Bytes)?;
    Ok(is_packed(&first))
}

fn above(counts: &Counts, percent: f64) -> bool {
    counts.rows_in > 0 && counts.dead as f64 * 100.0 > percent * counts.rows_in as f64
}

/// The share in percent that lets a document of this many bad rows pass.
fn lets_pass(dead: u64, rows: u64) -> u64 {
    let enough = |percent: &u64| u128::from(dead) * 100 <= u128::from(*percent) * u128::from(rows);
    [20, 50, 90].into_iter().find(enough).unwrap_or(100)
}

impl Proof {
    fn count_twice(&mut self) {
        let (equal, different) = (self.twice.equal.len(), self.twice.different.len());
        self.counts.landed -= equal + different;
        self.counts.drop_rows("same key twice", equal);
        self.counts.dead += different;
    }

    /// `key`: the columns that may stand once in a document, if it lands in a table.
    fn refuse_for_bad_rows(&mut self, percent: f64, key: &[Arc<str>]) {
        let (different, mut keys) = (self.twice.different.len(), String::new());
        if let Some(row) = self.twice.different.iter().next() {
            let (place, all) = (self.twice.places.rows_of(row), self.twice.places.first());
            if all != place {
                keys = format!("; {KEY_TWICE}: {all}");
            }
            self.bad_rows.at_landing(
                KEY_TWICE,
                different,
                row,
                place.to_owned(),
                format!("one key ({}) and different rows", key.join(", ")),
            );
        }
        self.outcome = Outcome::Failed;
        self.code = TOO_MANY_BAD_ROWS.to_string();
        let (dead, rows) = (self.counts.dead, batch::counted(self.counts.rows_in, "row"));
        let are = if dead == 1 { "is" } else { "are" };
        let told = self.bad_rows.told();
        let what = batch::bounded(&format!("{dead} of {rows} {are} bad, more than {percent} %{told}{keys}"));
        let lets = lets_pass(dead, self.counts.rows_in);
        let mend = match different == dead {
            true => "give the key a column that tells them apart",
            false if self.bad_rows.of_another_encoding() => {
                "say how the publisher writes letters, such as `encoding: windows-1252` beside `layouts`"
            }
            false => "mend what makes them fail",
        };
        self.message = format!("{what}; {mend}, or let them pass with `bad-rows-above: {lets}%` in the flow");
    }
}
