//! The task of a flow that reads documents: proves each document, then lands it range by range, or refuses it whole.

use std::sync::Arc;

use arrow::array::{BooleanArray, Int64Array};
use batch::{Batch, DocumentId, Record};
use connect::{DocumentRecord, RowPosition};
use operators::{
    Block, Chain, DocumentBytes, DocumentInput, DocumentReader, Outcome, Proof, ReadError, Twice, WorkError, Worked,
    Workshop,
};

use super::TaskContext;
use super::close::Closing;
use crate::codes;
use crate::dead_letter::DeadLetterOf;
use crate::end::TaskEnd;
use crate::flow::{Destination, FlowInput, RANGE_ROWS};
use crate::hold::Hold;
use crate::landing::{Lander, Range, Withdrawal, provenance_of};
use crate::ledger::Receipt;
use crate::metadata::Progress;

/// Bytes of a range in memory: below what a landing takes as one block (200 MB).
const RANGE_BYTES: usize = 150 * 1024 * 1024;
/// Rows of one transaction of a flow that writes a topic. Larger: fewer commits and more memory.
const TRANSACTION_ROWS: u64 = 50_000;

/// Works the documents of one partition in order.
pub struct DocumentTask {
    context: TaskContext,
    reader: Arc<dyn DocumentReader>,
    chain: Chain,
    letters: DeadLetterOf,
}

impl DocumentTask {
    /// A task of a flow whose input is documents.
    #[must_use]
    pub fn new(context: TaskContext, reader: Arc<dyn DocumentReader>) -> Self {
        let parts = &context.parts;
        let letters = DeadLetterOf {
            topology: Arc::clone(&parts.topology),
            flow: Arc::clone(&parts.flow),
            revision: Arc::clone(&parts.revision),
            input: Arc::clone(&context.input),
        };
        let chain = (parts.chain)();
        Self { context, reader, chain, letters }
    }

    /// Works until nothing can come any more.
    ///
    /// # Errors
    /// If the task ends before that.
    pub fn run(&mut self) -> Result<(), TaskEnd> {
        self.context.preflight()?;
        let mut progress = self.context.progress()?;
        while let Some(records) = self.context.next_records(progress.next.offset, 1, &|context| {
            context.shared.completion.no_more_documents(&context.name)
        })? {
            let record = records.get(0);
            progress = self.document(&record, progress)?;
        }
        Ok(())
    }

    fn document(&mut self, record: &Record<'_>, progress: Progress) -> Result<Progress, TaskEnd> {
        let shared = Arc::clone(&self.context.shared);
        let Some(_slot) = shared.slots.take(&shared.stop) else {
            return Err(TaskEnd::Stopped);
        };
        let found = loop {
            match record.value.map(serde_json::from_slice::<DocumentRecord>) {
                Some(Ok(found)) => break found,
                _ => self
                    .context
                    .holder
                    .hold(Hold {
                        code: codes::DOCUMENT_RECORD,
                        what: format!("record {} of {} is no document record", record.offset, self.context.input.topic),
                        remedy: format!("spotlight release {} --from {}", self.context.name, record.offset + 1),
                    })
                    .map(|_| ())?,
            }
        };
        let partition = self.context.input.partition;
        shared.board.change(&self.context.name, |state| {
            state.started.get_or_insert((shared.clock)());
            state.working.insert(partition, found.name.clone());
        });
        let document = self.input(record, &found);
        let result = self.prove_and_land(&document, &found, progress);
        shared.board.change(&self.context.name, |state| {
            state.working.remove(&partition);
        });
        result
    }

    fn input(&self, record: &Record<'_>, found: &DocumentRecord) -> DocumentInput {
        DocumentInput {
            input: Arc::clone(&self.context.input),
            offset: record.offset,
            arrival: record.arrival,
            id: Arc::new(DocumentId { key: found.key.as_str().into(), version: found.version }),
            name: found.name.as_str().into(),
            fields: found.fields.clone(),
        }
    }

    fn prove_and_land(
        &mut self,
        document: &DocumentInput,
        found: &DocumentRecord,
        progress: Progress,
    ) -> Result<Progress, TaskEnd> {
        let parts = Arc::clone(&self.context.parts);
        let key: Option<Vec<Arc<str>>> = match &parts.destination {
            Destination::Table(table) => Some(table.table.key.clone()),
            Destination::Topic(_) => None,
        };
        let reader = Arc::clone(&self.reader);
        let raw = Arc::clone(&self.context.shared.raw);
        let open = || -> Result<Box<dyn DocumentBytes>, ReadError> {
            let bytes = raw.open(&found.stored).map_err(|error| ReadError::Bytes(std::io::Error::other(error)))?;
            Ok(Box::new(bytes))
        };
        let mut workshop = Workshop { reader: reader.as_ref(), document, chain: &mut self.chain };
        let mut proof = self.context.readable(found, || workshop.prove(&open, key.as_deref(), parts.bad_rows_above))?;
        let receipt = self.context.receipt(found, &proof);
        let end = RowPosition { offset: document.offset + 1, row: 0 };
        // An accepted document without rows goes on: it withdraws what its earlier versions landed.
        if !matches!(proof.outcome, Outcome::Rows | Outcome::Empty) {
            let counts = proof.counts.clone();
            self.context.close(&Closing { counts, receipt: Some(receipt), ..Closing::default() }, end)?;
            return Ok(Progress { next: end, topic: progress.topic, open: None });
        }
        let mut ranges = Ranges::new(&self.context, &self.letters, &proof.twice, document, progress.clone());
        let fresh = progress.next.row == 0 && progress.open.is_none();
        match proof.kept.take().filter(|_| fresh) {
            Some(kept) => {
                for worked in kept {
                    ranges.take(worked)?;
                }
            }
            None => {
                let last = progress.open.as_ref().map(|open| open.last.row + 1);
                let cuts = [Some(progress.next.row), last];
                let cutting = Cutting { reader: reader.as_ref(), cuts: cuts.into_iter().flatten().collect() };
                workshop.reader = &cutting;
                self.context
                    .readable(found, || {
                        ranges.start_over();
                        let mut ended = None;
                        workshop.again(open()?, &proof.facts, &mut |worked| {
                            if worked.next_row > ranges.next_row {
                                ended = ranges.take(worked).err();
                            }
                            ended.is_none()
                        })?;
                        Ok(ended)
                    })?
                    .map_or(Ok(()), Err)?;
            }
        }
        ranges.finish(receipt, &proof)?;
        Ok(Progress { next: end, topic: progress.topic, open: None })
    }
}

impl TaskContext {
    /// Runs `read` until the raw store gives the document's bytes.
    fn readable<T>(
        &self,
        found: &DocumentRecord,
        mut read: impl FnMut() -> Result<T, WorkError>,
    ) -> Result<T, TaskEnd> {
        loop {
            let error = match read() {
                Ok(done) => {
                    self.holder.mended();
                    return Ok(done);
                }
                Err(WorkError::Read(ReadError::Bytes(error))) => error,
                Err(error) => return Err(TaskEnd::fault(error)),
            };
            self.holder
                .hold(Hold {
                    code: codes::RAW_STORE,
                    what: format!("the bytes of {} cannot be read: {error}", found.name),
                    remedy: format!("put {} back into the raw store", found.stored),
                })
                .map(|_| ())?;
        }
    }

    fn receipt(&self, found: &DocumentRecord, proof: &Proof) -> Receipt {
        let outcome = match proof.outcome {
            Outcome::Rows if proof.counts.rows_in == 0 => Outcome::Empty,
            outcome => outcome,
        };
        Receipt {
            topology: self.parts.topology.to_string(),
            flow: self.parts.flow.to_string(),
            document: found.key.clone(),
            version: found.version,
            name: found.name.clone(),
            url: found.url.clone(),
            sha256: found.sha256.clone(),
            size: found.size,
            outcome: outcome.word().to_owned(),
            code: proof.code.clone(),
            message: proof.message.clone(),
            counts: proof.counts.clone(),
            withdrawn: 0,
            revision: self.parts.revision.to_string(),
            fetched_at: found.fetched_at,
            at: (self.shared.clock)(),
        }
    }
}

/// Gathers worked blocks into ranges and brings each to its end.
struct Ranges<'a> {
    context: &'a TaskContext,
    letters: &'a DeadLetterOf,
    twice: &'a Twice,
    document: &'a DocumentInput,
    progress: Progress,
    next_row: i64,
    memory: usize,
    pending: Closing,
}

impl<'a> Ranges<'a> {
    fn new(
        context: &'a TaskContext,
        letters: &'a DeadLetterOf,
        twice: &'a Twice,
        document: &'a DocumentInput,
        progress: Progress,
    ) -> Self {
        let next_row = progress.next.row;
        Self { context, letters, twice, document, progress, next_row, memory: 0, pending: Closing::default() }
    }

    /// Forgets what was gathered and not closed; closed rows stay closed.
    fn start_over(&mut self) {
        self.pending = Closing::default();
        self.memory = 0;
        self.next_row = self.progress.next.row;
    }

    fn take(&mut self, worked: Worked) -> Result<(), TaskEnd> {
        let worked = worked.once_a_key(self.twice).map_err(TaskEnd::fault)?;
        self.next_row = worked.next_row;
        self.memory += worked.rows.as_ref().map_or(0, Batch::memory);
        self.pending.rows.extend(worked.rows.filter(|rows| !rows.is_empty()));
        self.pending.outputs.extend(worked.outputs);
        let DocumentInput { id, offset, arrival, .. } = self.document;
        let undecoded = worked.bad.iter().map(|bad| self.letters.bad_row(bad, id, *offset, *arrival));
        self.pending.dead.extend(undecoded);
        self.pending.dead.extend(worked.failed.iter().flat_map(|failed| self.letters.failed(failed)));
        self.pending.counts.add(&worked.counts);
        let full = match &self.context.parts.destination {
            Destination::Table(_) => self.pending.counts.rows_in >= self.range_rows() || self.memory >= RANGE_BYTES,
            Destination::Topic(_) => self.pending.counts.rows_in >= TRANSACTION_ROWS,
        };
        let here_ends_the_open_range = match &self.progress.open {
            Some(open) => self.next_row > open.last.row,
            None => full,
        };
        if here_ends_the_open_range {
            let next = RowPosition { offset: self.document.offset, row: self.next_row };
            self.flush(next, None, None)?;
        }
        Ok(())
    }

    fn range_rows(&self) -> u64 {
        match &self.context.parts.input {
            FlowInput::Documents(input) => input.range_rows,
            FlowInput::Topic { .. } => RANGE_ROWS,
        }
    }

    fn finish(mut self, receipt: Receipt, proof: &Proof) -> Result<(), TaskEnd> {
        let by_document = match &self.context.parts.destination {
            Destination::Table(table) => table.table.rows == batch::RowsMeaning::ByDocument,
            Destination::Topic(_) => false,
        };
        let DocumentId { key, version } = &*self.document.id;
        // Rows that failed may be rows of the earlier version: those stay until the dead letters are settled.
        let withdrawal = (by_document && *version > 1 && proof.counts.dead == 0)
            .then(|| Withdrawal { document: Arc::clone(key), version: version.cast_unsigned() });
        let next = RowPosition { offset: self.document.offset + 1, row: 0 };
        self.flush(next, withdrawal.as_ref(), Some(receipt))
    }

    fn flush(
        &mut self,
        next: RowPosition,
        withdrawal: Option<&Withdrawal>,
        receipt: Option<Receipt>,
    ) -> Result<(), TaskEnd> {
        let context = self.context;
        let mut closing = std::mem::take(&mut self.pending);
        let offset = self.document.offset;
        let range = Range {
            first: self.progress.next,
            last: RowPosition { offset, row: self.next_row - 1 },
            rows: std::mem::take(&mut closing.rows),
        };
        closing.first = Some(range.first);
        closing.last = Some(range.last);
        closing.receipt = receipt;
        match &context.parts.destination {
            Destination::Topic(_) => closing.rows = range.rows,
            Destination::Table(table) => {
                let lander = Lander {
                    log: context.shared.log.as_ref(),
                    landing: table.landing.as_ref(),
                    table: &table.table,
                    group: &context.group,
                    name: &context.name,
                    revision: &context.parts.revision,
                    input: Arc::clone(&context.input),
                    provenance: provenance_of(&context.parts.topology, &context.parts.flow, &context.input),
                    faults: context.shared.faults.as_ref(),
                    stop: &context.shared.stop,
                    holder: context.holder.as_ref(),
                };
                let landed = lander.land(&range, self.progress.open.as_ref(), withdrawal)?;
                closing.hash = landed.hash;
                if let Some(receipt) = &mut closing.receipt {
                    receipt.withdrawn = landed.withdrawn;
                }
            }
        }
        context.close(&closing, next)?;
        self.progress = Progress { next, topic: self.progress.topic.clone(), open: None };
        self.memory = 0;
        Ok(())
    }
}

/// Cuts blocks at given row numbers, so that a range that an earlier process opened can be made again exactly.
struct Cutting<'a> {
    reader: &'a dyn DocumentReader,
    cuts: Vec<i64>,
}

impl DocumentReader for Cutting<'_> {
    fn facts(&self, document: &DocumentInput) -> operators::Facts {
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
    ) -> Result<operators::Verdict, ReadError> {
        let mut fault = None;
        let verdict = self.reader.read(document, bytes, &mut |block| match split(block, &self.cuts) {
            Ok(blocks) => blocks.into_iter().all(&mut *sink),
            Err(error) => {
                fault = Some(ReadError::Fault(error.to_string()));
                false
            }
        });
        fault.map_or(verdict, Err)
    }
}

fn split(block: Block, cuts: &[i64]) -> Result<Vec<Block>, arrow::error::ArrowError> {
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
