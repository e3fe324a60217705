//! The task of a flow that reads documents: proves each document, then lands it range by range, or refuses it whole.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io;
use std::sync::Arc;

use batch::{DocumentId, Input, Record};
use connect::{DocumentRecord, Originals, RowPosition};
use operators::{
    Chain, DocumentBytes, DocumentInput, DocumentReader, Kept, Outcome, Proof, ReadError, Share, Twice, WorkError,
    Worked, Workshop,
};
use telemetry::{Counts, Stopwatch, list as metrics};
use tracing::Span;

use super::TaskContext;
use super::ahead::Ahead;
use super::close::Closing;
use super::cutting::Cutting;
use super::unsettled::{GIVEN_UP, GivenUp, Position, Reading, Unsettled};
use crate::codes;
use crate::dead_letter::{DeadLetter, DeadLetterOf};
use crate::end::TaskEnd;
use crate::flow::{Destination, FlowInput, RANGE_ROWS};
use crate::hold::Hold;
use crate::landing::{Range, Withdrawal};
use crate::ledger::{LedgerEntry, LedgerLine, Receipt, ledger_lines};
use crate::metadata::Progress;
use crate::names;
use crate::spans;

/// Bytes of a range in memory: well below what a landing takes as one block (200 MB). Larger: fewer inserts and commits,
/// and fewer parts for the server to merge. Smaller: less memory for each document that lands.
const RANGE_BYTES: usize = 96 * 1024 * 1024;
/// Rows of one transaction of a flow that writes a topic. Larger: fewer commits and more memory.
const TRANSACTION_ROWS: u64 = 50_000;

/// Works the documents of one partition in order.
pub struct DocumentTask {
    pub(super) context: TaskContext,
    pub(super) reader: Arc<dyn DocumentReader>,
    pub(super) chain: Chain,
    pub(super) letters: DeadLetterOf,
    pub(super) unsettled: Unsettled,
}

impl DocumentTask {
    /// A task of a flow whose input is documents.
    #[must_use]
    pub fn new(context: TaskContext, reader: Arc<dyn DocumentReader>) -> Self {
        let parts = &context.parts;
        let (mut chain, letters) = ((parts.chain)(), context.letters());
        chain.tell_seconds_of(names::parts(&context.name));
        Self { context, reader, chain, letters, unsettled: Unsettled::default() }
    }

    /// Works until nothing can come any more.
    ///
    /// # Errors
    /// If the task ends before that.
    pub fn run(&mut self) -> Result<(), TaskEnd> {
        let input = Arc::clone(&self.context.input);
        let mut progress = self.context.progress(&input)?;
        self.context.preflight(&progress)?;
        let mut back = self.context.progress(&self.context.retries)?;
        self.unsettled = Unsettled::read(&self.context, progress.next.offset, back.next.offset)?;
        loop {
            // A document that is half landed is finished first: what comes back must see it whole.
            let between = progress.next.row == 0 && progress.open.is_none();
            if between && self.context.has_retries(back.next.offset)? {
                back = self.retry(back, progress.next.offset)?;
                continue;
            }
            let records = self.context.next_records(progress.next.offset, 1, &|context| {
                let no_more = context.shared.completion.no_more_documents(&context.parts.found_by());
                Ok(no_more || context.has_retries(back.next.offset)?)
            })?;
            match records.as_deref() {
                Some([records, ..]) => progress = self.document(&records.get(0), progress)?,
                _ if self.context.has_retries(back.next.offset)? => {}
                _ => return Ok(()),
            }
        }
    }

    fn document(&mut self, record: &Record<'_>, progress: Progress) -> Result<Progress, TaskEnd> {
        let found = self.context.document_record(record)?;
        // Offsets may have gaps: a range starts at the record, not where a position stood before it.
        let between = progress.next.row == 0 && progress.open.is_none();
        let offset = if between { record.offset } else { progress.next.offset };
        let progress = Progress { next: RowPosition { offset, ..progress.next }, ..progress };
        if between && found.again && self.context.has_read(&found, offset)? {
            let next = RowPosition { offset: offset + 1, row: 0 };
            self.context.close(&Closing::default(), &self.context.input, next)?;
            return Ok(Progress { next, ..progress });
        }
        loop {
            if between {
                self.context.is_not_brought(&found, offset)?;
            }
            if let Some(progress) = self.work(record, &found, progress.clone())? {
                return Ok(progress);
            }
        }
    }

    /// Works a document. `None` if another topology brings it meanwhile.
    fn work(
        &mut self,
        record: &Record<'_>,
        found: &DocumentRecord,
        progress: Progress,
    ) -> Result<Option<Progress>, TaskEnd> {
        let shared = Arc::clone(&self.context.shared);
        let ([topology, flow], watch) = (names::parts(&self.context.name), Stopwatch::start());
        let Some(_slot) = shared.slots.take(&shared.stop) else {
            return Err(TaskEnd::Stopped);
        };
        metrics::FLOW_WAIT_SECONDS.observe(&[topology, flow, "slot"], watch.seconds());
        self.context.tell(|task| task.reads(record.arrival, record.arrival));
        let partition = self.context.input.partition;
        shared.board.change(&self.context.name, |state| {
            state.started.get_or_insert((shared.clock)());
            state.working.insert(partition, found.name.clone());
        });
        let document = document_input(&self.context.input, record, found);
        let span = spans::document([topology, flow], partition, document.offset, &found.name);
        let result = span.in_scope(|| self.prove_and_land(&document, found, progress));
        shared.board.change(&self.context.name, |state| {
            state.working.remove(&partition);
        });
        result
    }

    fn prove_and_land(
        &mut self,
        document: &DocumentInput,
        found: &DocumentRecord,
        progress: Progress,
    ) -> Result<Option<Progress>, TaskEnd> {
        let parts = Arc::clone(&self.context.parts);
        let key = parts.destination.once_a_document();
        let stop = &self.context.shared.stop;
        let reader = Ahead { reader: &*self.reader, stop };
        let open = || self.context.open(found);
        let memory = &self.context.shared.memory;
        let rows_are_final = matches!(parts.destination, Destination::Table(_));
        let mut workshop = Workshop { reader: &reader, document, chain: &mut self.chain, memory, rows_are_final };
        let watch = Stopwatch::start();
        let proving = || workshop.prove(&open, key.as_deref(), parts.bad_rows_above);
        let steps = spans::steps(1);
        let mut proof = steps.in_scope(|| self.context.readable(found, proving))?;
        drop(steps);
        metrics::FLOW_STEPS_SECONDS.observe(&names::parts(&self.context.name), watch.seconds());
        if stop.stopping() {
            // It may have been read in part only, and nothing of it has left: the next run reads it again.
            return Err(TaskEnd::Stopped);
        }
        let fresh = progress.next.row == 0 && progress.open.is_none();
        if fresh {
            self.context.doubt_an_empty(&document.id, &mut proof)?;
        }
        let receipt = self.unsettled.judged(self.context.receipt(found, &proof));
        spans::document_ends(&Span::current(), &receipt.outcome, &receipt.code);
        let end = RowPosition { offset: document.offset + 1, row: 0 };
        if !receipt.accepted() {
            if !fresh {
                let what = format!("{} is half landed and refused now: {} {}", found.name, proof.code, proof.message);
                return Err(self.context.hold_landed_otherwise(&progress, &what));
            }
            let counts = proof.counts.clone();
            let closing = Closing { counts, receipt: Some(receipt), ..Closing::default() };
            self.context.close(&closing, &self.context.input, end)?;
            return Ok(Some(Progress { next: end, topic: progress.topic, open: None, stores: Vec::new() }));
        }
        // What this flow has landed in part is its own, whoever claims it.
        let brings = receipt.counts.landed == 0 || self.context.brings(found);
        if !brings && fresh {
            return Ok(None);
        }
        if fresh && receipt.counts.landed > 0 {
            self.context.tell_of_twice(found)?;
        }
        let DocumentId { key, version } = &*document.id;
        let from = (document.offset, progress.next.row);
        let reading = Reading { document: key, version: *version, sha256: &found.sha256, from };
        let known = self.unsettled.known_letters(&reading);
        let mut ranges = Ranges::new(&self.context, &self.letters, &proof.twice, document, progress.clone())?;
        (ranges.superseded, ranges.given_up) = known.find(&self.context, &reading)?;
        let landed = match proof.kept.take().filter(|_| fresh) {
            Some(kept) => ranges.take_kept(kept)?,
            None => false,
        };
        if !landed {
            let Progress { next, open: opened, .. } = ranges.progress.clone();
            let cuts = [Some(next.row), opened.map(|open| open.last.row + 1)];
            let cutting = Cutting { reader: &reader, cuts: cuts.into_iter().flatten().collect() };
            workshop.reader = &cutting;
            self.context
                .readable(found, || {
                    ranges.start_over();
                    let mut ended = None;
                    workshop.again(open()?, &proof.facts, &mut |worked| {
                        ranges.rows_seen = ranges.rows_seen.max(worked.next_row);
                        if worked.next_row > ranges.next_row {
                            ended = ranges.take(worked).err();
                        }
                        ended.is_none()
                    })?;
                    Ok(ended)
                })?
                .map_or(Ok(()), Err)?;
            if stop.stopping() {
                return Err(TaskEnd::Stopped);
            }
        }
        if ranges.rows_seen < progress.next.row {
            let what = format!(
                "{} of {} landed, of which this revision finds only {}",
                batch::counted(progress.next.row.unsigned_abs(), "row"),
                found.name,
                ranges.rows_seen
            );
            return Err(self.context.hold_landed_otherwise(&progress, &what));
        }
        // Rows that failed may be rows of the earlier version: those stay until the dead letters are settled.
        ranges.withheld = (ranges.has_dead() || self.unsettled.others_wait(key, *version, &known.read_before))
            && !self.unsettled.is_whole_in_the_live_table(key, *version);
        let Finished { dead, settled, receipt } = ranges.finish(receipt)?;
        self.unsettled.accepted(key, *version);
        settled.into_iter().for_each(|position| self.unsettled.settled(key, *version, position));
        receipt.iter().for_each(|receipt| self.unsettled.had_dead(receipt));
        receipt.into_iter().filter(|_| !dead.is_empty()).for_each(|receipt| self.unsettled.keep(receipt));
        dead.into_iter().for_each(|position| self.unsettled.dead(key, *version, position));
        Ok(Some(Progress { next: end, topic: progress.topic, open: None, stores: Vec::new() }))
    }
}

/// Which document a record of a `documents` topic names.
pub(crate) fn document_input(input: &Arc<Input>, record: &Record<'_>, found: &DocumentRecord) -> DocumentInput {
    DocumentInput {
        input: Arc::clone(input),
        offset: record.offset,
        arrival: record.arrival,
        id: Arc::new(DocumentId { key: found.key.as_str().into(), version: found.version }),
        name: found.name.as_str().into(),
        fields: found.fields.clone(),
    }
}

/// The bytes of a document as they were fetched. An error says its cause: it is shown where only one line is.
pub(crate) fn bytes_of(raw: &Originals, found: &DocumentRecord) -> Result<Box<dyn DocumentBytes>, ReadError> {
    let bytes = raw.open(&found.kept()).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        ReadError::Bytes(io::Error::other(format!("{error}{cause}")))
    })?;
    Ok(Box::new(bytes))
}

impl TaskContext {
    /// What a record of the `documents` topic says.
    ///
    /// # Errors
    /// Holds if it is none of ours.
    pub(super) fn document_record(&self, record: &Record<'_>) -> Result<DocumentRecord, TaskEnd> {
        loop {
            if let Some(Ok(found)) = record.value.map(serde_json::from_slice::<DocumentRecord>) {
                return Ok(found);
            }
            self.holder.hold(Hold {
                code: codes::DOCUMENT_RECORD,
                what: format!("record {} of {} is no document record", record.offset, self.input.topic),
                remedy: format!(
                    "spotlight release {} --from {} --partition {}",
                    self.name,
                    record.offset + 1,
                    self.input.partition
                ),
            })?;
        }
    }

    /// True if an earlier record of this version of a document was accepted since the flow was last sent back: then the
    /// one at `offset`, which tries it again, would bring its rows a second time.
    fn has_read(&self, found: &DocumentRecord, offset: i64) -> Result<bool, TaskEnd> {
        let parts = &self.parts;
        let lines = ledger_lines(self.shared.log.as_ref(), &parts.topology, &parts.flow, self.input.partition)?;
        let accepted = |entry: &LedgerEntry| {
            let receipt = entry.receipt.as_ref().filter(|receipt| receipt.accepted());
            receipt.is_some_and(|of| of.document == found.key && of.version == found.version) && entry.first.0 <= offset
        };
        Ok(lines.iter().fold(false, |read, line| match line {
            LedgerLine::Entry(entry) => read || accepted(entry),
            LedgerLine::Release(_) => false,
        }))
    }

    /// The bytes of a document.
    pub(super) fn open(&self, found: &DocumentRecord) -> Result<Box<dyn DocumentBytes>, ReadError> {
        bytes_of(&self.shared.raw, found)
    }

    /// Runs `read` until the raw store gives the document's bytes.
    pub(super) fn readable<T>(
        &self,
        found: &DocumentRecord,
        mut read: impl FnMut() -> Result<T, WorkError>,
    ) -> Result<T, TaskEnd> {
        let mut held = false;
        loop {
            let hold = match read() {
                Ok(done) => {
                    // Only the hold from here: rows land while a document is read, and may be on hold themselves.
                    if held {
                        self.holder.mended();
                    }
                    return Ok(done);
                }
                Err(WorkError::Read(ReadError::Bytes(error))) => Hold {
                    code: codes::RAW_STORE,
                    what: format!("the bytes of {} cannot be read: {error}", found.name),
                    remedy: format!("put {} back into the raw store", found.stored),
                },
                Err(WorkError::Scratch(error)) => Hold {
                    code: codes::SCRATCH,
                    what: format!("a temporary file for {} failed: {error}", found.name),
                    remedy: "make room on the disk of the data folder".to_owned(),
                },
                Err(error) => return Err(TaskEnd::fault(error)),
            };
            self.holder.hold(hold)?;
            held = true;
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
    /// What was given up of the rows that are read.
    given_up: GivenUp,
    twice: &'a Twice,
    document: &'a DocumentInput,
    progress: Progress,
    next_row: i64,
    /// What the rows of the range take of the budget.
    share: Share,
    memory: usize,
    pending: Closing,
    /// Dead rows of the document, those of closed ranges too.
    dead: Vec<Position>,
    /// Open dead letters of earlier versions, which the last range closes, and of earlier readings of this one: what
    /// stood in the document's own record is closed with the range that its row is in.
    superseded: Vec<DeadLetter>,
    /// Positions of those of this version that were closed.
    done: Vec<Position>,
    /// Number of the row after the last one that was found, those of closed ranges too.
    rows_seen: i64,
    /// What became of the rows of closed ranges, whichever revision closed them.
    closed: Counts,
    /// True if nothing of earlier versions is withdrawn yet.
    withheld: bool,
}

/// What is known when a document has come to its end.
struct Finished {
    /// Positions of its dead rows.
    dead: Vec<Position>,
    /// Positions of dead rows of earlier readings of this version that are closed now.
    settled: Vec<Position>,
    /// Its receipt as written.
    receipt: Option<Receipt>,
}

impl<'a> Ranges<'a> {
    fn new(
        context: &'a TaskContext,
        letters: &'a DeadLetterOf,
        twice: &'a Twice,
        document: &'a DocumentInput,
        progress: Progress,
    ) -> Result<Self, TaskEnd> {
        let next_row = progress.next.row;
        let closed = if next_row == 0 { Counts::default() } else { closed_counts(context, document.offset)? };
        Ok(Self {
            context,
            letters,
            given_up: GivenUp::default(),
            twice,
            document,
            progress,
            next_row,
            share: Share::of(&context.shared.memory.budget),
            memory: 0,
            pending: Closing::default(),
            dead: Vec::new(),
            superseded: Vec::new(),
            done: Vec::new(),
            rows_seen: 0,
            closed,
            withheld: false,
        })
    }

    /// Forgets what was gathered and not closed; closed rows stay closed.
    fn start_over(&mut self) {
        self.pending = Closing::default();
        self.release();
        self.next_row = self.progress.next.row;
    }

    fn release(&mut self) {
        self.share.give_all();
        self.memory = 0;
    }

    /// Counts a block. If the budget has no room for it, the range ends before it, unless it must end elsewhere.
    fn make_room(&mut self, bytes: usize) -> Result<(), TaskEnd> {
        if !self.share.take(bytes) {
            if self.progress.open.is_none() && self.memory > 0 {
                let next = RowPosition { offset: self.document.offset, row: self.next_row };
                self.flush(next, None, None)?;
            }
            self.share.take_anyway(bytes);
        }
        self.memory += bytes;
        Ok(())
    }

    /// Takes all blocks that were kept. False if they could not be had to the end: the document is read again then.
    fn take_kept(&mut self, kept: Kept) -> Result<bool, TaskEnd> {
        for worked in kept {
            match worked {
                Ok(worked) => self.take(worked)?,
                Err(error) => {
                    let flow = self.context.name.as_str();
                    tracing::warn!(flow, reason = %error, "kept rows cannot be read; the document is read again");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn take(&mut self, worked: Worked) -> Result<(), TaskEnd> {
        let worked = worked.once_a_key(self.twice).map_err(TaskEnd::fault)?;
        self.make_room(worked.memory())?;
        self.next_row = worked.next_row;
        self.context.leave(worked.rows, worked.outputs, &mut self.pending)?;
        let DocumentInput { id, offset, arrival, .. } = self.document;
        let undecoded = worked.bad.iter().map(|bad| self.letters.bad_row(bad, id, *offset, *arrival));
        let mut dead: Vec<DeadLetter> = undecoded.collect();
        dead.extend(worked.failed.iter().flat_map(|failed| self.letters.failed(failed)));
        self.pending.counts.add(&worked.counts);
        let given_up = self.given_up.take_out(&mut dead, |letter| letter.row);
        if given_up > 0 {
            self.pending.counts.dead -= given_up;
            self.pending.counts.drop_rows(GIVEN_UP, given_up);
        }
        self.pending.dead.extend(dead);
        let full = match &self.context.parts.destination {
            Destination::Table(_) => self.pending.counts.rows_in >= self.range_rows() || self.memory >= RANGE_BYTES,
            Destination::Topic(_) => self.pending.counts.rows_in >= TRANSACTION_ROWS || self.memory >= RANGE_BYTES,
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

    /// True if rows have failed in the ranges of this reading.
    fn has_dead(&self) -> bool {
        !self.dead.is_empty() || !self.pending.dead.is_empty()
    }

    /// Lands what is left and closes the document.
    fn finish(mut self, mut receipt: Receipt) -> Result<Finished, TaskEnd> {
        let withdrawal = (!self.withheld).then(|| withdrawal(self.context, &self.document.id)).flatten();
        // What became of the rows, not what this revision would have made of them: another one may have closed some.
        receipt.counts = std::mem::take(&mut self.closed);
        receipt.counts.add(&self.pending.counts);
        let next = RowPosition { offset: self.document.offset + 1, row: 0 };
        let receipt = self.flush(next, withdrawal.as_ref(), Some(receipt))?;
        Ok(Finished { dead: self.dead, settled: self.done, receipt })
    }

    /// The letters that a range closes: of its own rows those that did not fail again, given up or not, and with the
    /// last range all that are open.
    fn superseded(&mut self, range: &Range, last: bool, dead: &[DeadLetter]) -> Vec<DeadLetter> {
        let DocumentInput { id, offset, .. } = self.document;
        let in_range = |letter: &DeadLetter| {
            letter.version == id.version
                && letter.offset == *offset
                && (range.first.row..=range.last.row).contains(&letter.row)
        };
        let (closed, later) =
            std::mem::take(&mut self.superseded).into_iter().partition(|letter| last || in_range(letter));
        self.superseded = later;
        let again: BTreeSet<&str> = dead.iter().map(|letter| letter.id.as_str()).collect();
        let mut closed: Vec<DeadLetter> = closed;
        closed.retain(|letter| !again.contains(letter.id.as_str()));
        let own = closed.iter().filter(|letter| letter.version == id.version);
        self.done.extend(own.map(|letter| (letter.offset, letter.row)));
        let dead = dead.iter().map(|letter| letter.row).collect();
        closed.extend(self.given_up.passed(range.last.row + 1, &dead));
        closed
    }

    fn flush(
        &mut self,
        next: RowPosition,
        withdrawal: Option<&Withdrawal>,
        receipt: Option<Receipt>,
    ) -> Result<Option<Receipt>, TaskEnd> {
        let context = self.context;
        let mut closing = std::mem::take(&mut self.pending);
        let offset = self.document.offset;
        let range = Range {
            first: self.progress.next,
            // As it was opened, also if this revision finds fewer rows: its queries and rows are found by that.
            last: self.progress.open.as_ref().map_or(RowPosition { offset, row: self.next_row - 1 }, |open| open.last),
            rows: std::mem::take(&mut closing.rows),
            replayed: None,
        };
        closing.superseded = self.superseded(&range, receipt.is_some(), &closing.dead);
        (closing.first, closing.last) = (Some(range.first), Some(range.last));
        let landed = context.land(&range, &context.input, self.progress.open.as_ref(), withdrawal)?;
        closing.hash = landed.hash;
        closing.receipt = receipt.map(|receipt| Receipt { withdrawn: landed.withdrawn, ..receipt });
        context.close(&closing, &context.input, next)?;
        self.closed.add(&closing.counts);
        self.dead.extend(closing.dead.iter().map(|letter| (letter.offset, letter.row)));
        self.progress = Progress { next, topic: self.progress.topic.clone(), open: None, stores: Vec::new() };
        self.release();
        Ok(closing.receipt)
    }
}

/// What became of the rows of a document's ranges that are closed already.
fn closed_counts(context: &TaskContext, offset: i64) -> Result<Counts, TaskEnd> {
    let (log, parts) = (context.shared.log.as_ref(), &context.parts);
    let mut counts = Counts::default();
    for entry in crate::ledger::ledger_of(log, &parts.topology, &parts.flow, context.input.partition)? {
        if entry.first.0 == offset && entry.receipt.is_none() && !entry.replayed {
            counts.add(&entry.counts);
        }
    }
    Ok(counts)
}

/// What an accepted version of a document withdraws from the flow's table.
pub(super) fn withdrawal(context: &TaskContext, document: &DocumentId) -> Option<Withdrawal> {
    let Destination::Table(table) = &context.parts.destination else {
        return None;
    };
    let owns = table.table.rows == batch::RowsMeaning::ByDocument && document.version > 1;
    owns.then(|| Withdrawal { document: Arc::clone(&document.key), version: document.version.cast_unsigned() })
}
