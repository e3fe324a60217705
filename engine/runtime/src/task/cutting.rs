//! Readers of documents that cut or choose among the blocks of another reader.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use arrow::array::{BooleanArray, Int64Array};
use arrow::error::ArrowError;
use operators::{Block, DocumentBytes, DocumentInput, DocumentReader, Facts, ReadError, Verdict};

use crate::retry::RetryRow;

/// Gives only some rows of a document: those with these numbers that still have the same bytes.
pub(crate) struct Only<'a> {
    reader: &'a dyn DocumentReader,
    rows: &'a BTreeMap<i64, RetryRow>,
    given: Mutex<BTreeSet<i64>>,
}

impl<'a> Only<'a> {
    pub(crate) fn new(reader: &'a dyn DocumentReader, rows: &'a BTreeMap<i64, RetryRow>) -> Self {
        Self { reader, rows, given: Mutex::default() }
    }

    /// The rows that it did not find.
    pub(crate) fn missed(self) -> BTreeSet<i64> {
        let given = self.given.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.rows.keys().copied().filter(|row| !given.contains(row)).collect()
    }

    fn wants(&self, row: i64, bytes: &[u8]) -> bool {
        let wanted = self.rows.get(&row).is_some_and(|row| row.bytes == RetryRow::hash(bytes));
        if wanted {
            self.given.lock().unwrap_or_else(PoisonError::into_inner).insert(row);
        }
        wanted
    }

    fn choose(&self, block: Block) -> Result<Block, ArrowError> {
        let origins = block.batch.origins();
        let keep: BooleanArray = (0..block.batch.len())
            .map(|index| Some(self.wants(origins.rows.value(index), origins.raw.value(index))))
            .collect();
        let batch = block.batch.filter(&keep)?;
        let bad = block.bad.into_iter().filter(|bad| self.wants(bad.row, &bad.raw)).collect();
        Ok(Block { batch, bad, next_row: block.next_row })
    }
}

impl DocumentReader for Only<'_> {
    fn facts(&self, document: &DocumentInput) -> Facts {
        self.reader.facts(document)
    }

    fn steps_need_trailer(&self) -> bool {
        self.reader.steps_need_trailer()
    }

    fn read(
        &self,
        document: &DocumentInput,
        bytes: Box<dyn DocumentBytes>,
        sink: &mut dyn FnMut(Block) -> bool,
    ) -> Result<Verdict, ReadError> {
        read_through(self.reader, document, bytes, &mut |block| {
            let block = self.choose(block)?;
            Ok((block.batch.is_empty() && block.bad.is_empty()) || sink(block))
        })
    }
}

/// Cuts blocks at given row numbers, so that a range that an earlier process opened can be made again exactly.
pub(super) struct Cutting<'a> {
    pub(super) reader: &'a dyn DocumentReader,
    pub(super) cuts: Vec<i64>,
}

impl DocumentReader for Cutting<'_> {
    fn facts(&self, document: &DocumentInput) -> Facts {
        self.reader.facts(document)
    }

    fn steps_need_trailer(&self) -> bool {
        self.reader.steps_need_trailer()
    }

    fn read(
        &self,
        document: &DocumentInput,
        bytes: Box<dyn DocumentBytes>,
        sink: &mut dyn FnMut(Block) -> bool,
    ) -> Result<Verdict, ReadError> {
        read_through(self.reader, document, bytes, &mut |block| {
            Ok(split(block, &self.cuts)?.into_iter().all(&mut *sink))
        })
    }
}

/// Reads with a sink that may fail, which is a fault of the program.
fn read_through(
    reader: &dyn DocumentReader,
    document: &DocumentInput,
    bytes: Box<dyn DocumentBytes>,
    sink: &mut dyn FnMut(Block) -> Result<bool, ArrowError>,
) -> Result<Verdict, ReadError> {
    let mut fault = None;
    let verdict = reader.read(document, bytes, &mut |block| {
        sink(block).unwrap_or_else(|error| {
            fault = Some(ReadError::Fault(error.to_string()));
            false
        })
    });
    fault.map_or(verdict, Err)
}

fn split(block: Block, cuts: &[i64]) -> Result<Vec<Block>, ArrowError> {
    let numbers: &Int64Array = &block.batch.origins().rows;
    let first = numbers.values().first().copied().unwrap_or(block.next_row);
    let first = block.bad.iter().map(|bad| bad.row).min().map_or(first, |bad| bad.min(first));
    let mut bounds: Vec<i64> = cuts.iter().copied().filter(|&cut| cut > first && cut < block.next_row).collect();
    if bounds.is_empty() {
        return Ok(vec![block]);
    }
    bounds.sort_unstable();
    bounds.dedup();
    bounds.push(block.next_row);
    let (mut from, mut parts) = (i64::MIN, Vec::new());
    for until in bounds {
        let inside = |number: i64| number >= from && number < until;
        let keep: BooleanArray = numbers.values().iter().map(|&number| Some(inside(number))).collect();
        parts.push(Block {
            batch: block.batch.filter(&keep)?,
            bad: block.bad.iter().filter(|bad| inside(bad.row)).cloned().collect(),
            next_row: until,
        });
        from = until;
    }
    debug_assert_eq!(parts.iter().map(|part| part.batch.len()).sum::<usize>(), numbers.len());
    Ok(parts)
}
