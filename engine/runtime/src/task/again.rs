//! Rows of documents that come back from the dead letters.
//!
//! The document is read again whole, by the topology as it is now, but only the rows that come back go on. They keep the
//! positions at which they failed. Once no row of a version waits any more, what the version withdraws is withdrawn.

use std::collections::BTreeSet;

use batch::{Code, DocumentId, Record};
use connect::{DocumentRecord, RowPosition};
use operators::{DocumentInput, Worked};

use super::close::Closing;
use super::document::{DocumentTask, document_input, withdrawal};
use super::unsettled::{GIVEN_UP, Position};
use crate::codes;
use crate::dead_letter::DeadLetter;
use crate::end::TaskEnd;
use crate::hold::Hold;
use crate::landing::Range;
use crate::ledger::{Receipt, ledger_of, receipts};
use crate::metadata::Progress;
use crate::retry::{EQUAL_AGAIN, Retry, RetryAction, Rework, Reworked, not_landed};

impl DocumentTask {
    /// Works the next record of the task's retries. `ahead` is the document that the task reads next: rows of it, and of
    /// those behind it, are left to that reading, to which a person has sent the flow back.
    pub(super) fn retry(&mut self, progress: Progress, ahead: i64) -> Result<Progress, TaskEnd> {
        let shared = std::sync::Arc::clone(&self.context.shared);
        let Some(_slot) = shared.slots.take(&shared.stop) else {
            return Err(TaskEnd::Stopped);
        };
        let (retries, at) = (std::sync::Arc::clone(&self.context.retries), progress.next);
        let blocks = shared.log.read(&retries.topic, retries.partition, at.offset, 1)?;
        let Some(records) = blocks.first() else {
            return Ok(progress);
        };
        let next = RowPosition { offset: records.base_offset + 1, row: 0 };
        let retry = self.context.retry_of(&records.get(0))?;
        if let Some((key, version)) = &retry.document {
            self.give_up_whole(key, *version, next)?;
            return Ok(Progress { next, topic: progress.topic, open: None, stores: Vec::new() });
        }
        let (first, last) = (retry.rows.keys().next(), retry.rows.keys().next_back());
        let place = |row: Option<&i64>| row.map(|&row| RowPosition { offset: retry.offset, row });
        let mut closing = Closing { first: place(first), last: place(last), replayed: true, ..Closing::default() };
        if retry.offset >= ahead && progress.open.is_none() {
            // Open until then, so that nothing is lost if a person changes their mind. What was given up stays so.
            if retry.action == RetryAction::Replay {
                closing.reopened = self.letters_of(&retry)?;
            }
            self.context.close(&closing, &retries, next)?;
            return Ok(Progress { next, topic: progress.topic, open: None, stores: Vec::new() });
        }
        let originals = shared.log.read(&self.context.input.topic, retries.partition, retry.offset, 1)?;
        let original = originals.first().map(|records| records.get(0));
        let Some(original) = original.filter(|record| record.offset == retry.offset) else {
            return Err(TaskEnd::Fault(format!("record {} of {} is gone", retry.offset, self.context.input.topic)));
        };
        let found = self.context.document_record(&original)?;
        closing.replayed_of = Some((found.key.clone(), found.version));
        closing.counts.rows_in = retry.rows.len() as u64;
        if retry.action == RetryAction::GiveUp {
            // Also of a version that is not the newest any more: the document may go back to what is in it.
            closing.counts.drop_rows(GIVEN_UP, closing.counts.rows_in);
        } else if self.unsettled.is_superseded(&found.key, found.version) {
            closing.superseded = self.letters_of(&retry)?;
            closing.counts.drop_rows("superseded", closing.counts.rows_in);
        } else {
            self.work_again(&retry, &original, &found, &mut closing)?;
        }
        self.land_again(&retry, &found, closing, &progress, next)?;
        Ok(Progress { next, topic: progress.topic, open: None, stores: Vec::new() })
    }

    /// Writes down that a refused document is given up, if it is refused still.
    fn give_up_whole(&mut self, key: &str, version: i64, next: RowPosition) -> Result<(), TaskEnd> {
        let (context, parts) = (&self.context, &self.context.parts);
        let entries = ledger_of(context.shared.log.as_ref(), &parts.topology, &parts.flow, context.input.partition)?;
        let mut receipts = receipts(entries).into_iter().rev();
        let last = receipts.find(|receipt| receipt.document == key && receipt.version == version);
        let given_up = last.filter(Receipt::refused).map(|receipt| receipt.after_giving_up((context.shared.clock)()));
        given_up.iter().for_each(|receipt| self.unsettled.gave_up(receipt));
        let of = Some((key.to_owned(), version));
        let closing = Closing { replayed: true, replayed_of: of, amended: given_up, ..Closing::default() };
        self.context.close(&closing, &self.context.retries, next).map(drop)
    }

    fn land_again(
        &mut self,
        retry: &Retry,
        found: &DocumentRecord,
        mut closing: Closing,
        progress: &Progress,
        next: RowPosition,
    ) -> Result<(), TaskEnd> {
        let dead: BTreeSet<Position> = closing.dead.iter().map(|letter| (letter.offset, letter.row)).collect();
        let settled: BTreeSet<Position> =
            retry.rows.keys().map(|&row| (retry.offset, row)).filter(|position| !dead.contains(position)).collect();
        let (key, version) = (&found.key, found.version);
        let waits = self.unsettled.others_wait(key, version, &settled) || self.unsettled.is_superseded(key, version);
        let document = DocumentId { key: key.as_str().into(), version };
        let withdrawal = (!waits).then(|| withdrawal(&self.context, &document)).flatten();
        let range = Range {
            first: progress.next,
            last: progress.next,
            rows: std::mem::take(&mut closing.rows),
            replayed: Some(retry.positions().collect()),
        };
        let retries = std::sync::Arc::clone(&self.context.retries);
        let landed = self.context.land(&range, &retries, progress.open.as_ref(), withdrawal.as_ref())?;
        closing.hash = landed.hash;
        if let Some(receipt) = self.unsettled.receipt(key, version).filter(|_| !settled.is_empty()) {
            let now = (self.context.shared.clock)();
            let worked = (retry.action == RetryAction::Replay).then_some(&*self.context.parts.revision);
            closing.amended = Some(receipt.clone().after(&closing.counts, landed.withdrawn, now, worked));
        }
        self.context.close(&closing, &retries, next)?;
        closing.amended.into_iter().for_each(|receipt| self.unsettled.keep(receipt));
        settled.into_iter().for_each(|position| self.unsettled.settled(key, version, position));
        Ok(())
    }

    /// Reads the document again and gathers what becomes of the rows.
    fn work_again(
        &mut self,
        retry: &Retry,
        original: &Record<'_>,
        found: &DocumentRecord,
        closing: &mut Closing,
    ) -> Result<(), TaskEnd> {
        let document = document_input(&self.context.input, original, found);
        let (context, parts) = (&self.context, &self.context.parts);
        let mut rework = Rework {
            reader: &*self.reader,
            document: &document,
            chain: &mut self.chain,
            key: parts.destination.once_a_document(),
            bad_rows_above: parts.bad_rows_above,
            memory: &context.shared.memory,
            not_landed: None,
        };
        let open = || context.open(found);
        let mut reworked = context.readable(found, || rework.run(&open, &retry.rows))?;
        if matches!(reworked, Reworked::Equal) {
            let at = (retry.topic.as_str(), context.input.partition, retry.offset);
            let log = context.shared.log.as_ref();
            rework.not_landed = Some(not_landed(log, (&parts.topology, &parts.flow), at)?);
            reworked = context.readable(found, || rework.run(&open, &retry.rows))?;
        }
        match reworked {
            Reworked::Equal => return Err(TaskEnd::Fault(EQUAL_AGAIN.to_owned())),
            Reworked::Refused { code, message } => {
                closing.counts.dead = closing.counts.rows_in;
                closing.dead = self.fail_again(retry, retry.rows.keys().copied(), &code, &message)?;
            }
            Reworked::Rows(worked, missed) => {
                for worked in worked {
                    self.gather_again(retry, &document, worked, closing)?;
                }
                let Code(code) = codes::ROW_MOVED;
                let what = "the topology as it is now does not find this row where it was";
                let moved = self.fail_again(retry, missed.into_iter(), code, what)?;
                closing.counts.dead += moved.len() as u64;
                closing.dead.extend(moved);
            }
        }
        Ok(())
    }

    fn gather_again(
        &self,
        retry: &Retry,
        document: &DocumentInput,
        worked: Worked,
        closing: &mut Closing,
    ) -> Result<(), TaskEnd> {
        let undecoded =
            worked.bad.iter().map(|bad| self.letters.bad_row(bad, &document.id, document.offset, document.arrival));
        let failed = worked.failed.iter().flat_map(|failed| self.letters.failed(failed));
        for mut letter in undecoded.chain(failed) {
            retry.again(&mut letter);
            closing.dead.push(letter);
        }
        let rows_in = closing.counts.rows_in;
        closing.counts.add(&worked.counts);
        closing.counts.rows_in = rows_in;
        self.context.leave(worked.rows, worked.outputs, closing)?;
        Ok(())
    }

    /// The letters that these rows had, as failed once more.
    fn fail_again(
        &self,
        retry: &Retry,
        rows: impl Iterator<Item = i64>,
        code: &str,
        message: &str,
    ) -> Result<Vec<DeadLetter>, TaskEnd> {
        let rows: BTreeSet<i64> = rows.collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut letters = self.letters_of(retry)?;
        letters.retain(|letter| rows.contains(&letter.row));
        for letter in &mut letters {
            retry.again(letter);
            (letter.code, letter.message) = (code.to_owned(), batch::bounded(message));
            letter.revision = self.context.parts.revision.to_string();
        }
        Ok(letters)
    }

    /// The letters of the rows as they were.
    fn letters_of(&self, retry: &Retry) -> Result<Vec<DeadLetter>, TaskEnd> {
        let ids: BTreeSet<String> = retry.rows.keys().map(|&row| self.letters.id(retry.offset, row)).collect();
        let (log, topology) = (self.context.shared.log.as_ref(), &self.context.parts.topology);
        Ok(crate::letters::chosen(log, topology, |letter, _| ids.contains(&letter.id))?)
    }
}

impl super::TaskContext {
    /// What a retry record says.
    ///
    /// # Errors
    /// Holds if it is none of ours, or of another input topic.
    pub(super) fn retry_of(&self, record: &Record<'_>) -> Result<Retry, TaskEnd> {
        let identity = self.input.identity.to_string();
        loop {
            if let Some(retry) = Retry::read(record).filter(|retry| retry.topic == identity) {
                return Ok(retry);
            }
            self.holder.hold(Hold {
                code: codes::RETRY_RECORD,
                what: format!("record {} of {} is no retry record of this topic", record.offset, self.retries.topic),
                remedy: "run the version of Spotlight that wrote it".to_owned(),
            })?;
        }
    }
}
