//! Arrow 6 of the landing protocol, and the commit of flows that write topics: everything that ends a range moves in
//! one transaction.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use batch::{Batch, Headers, Input, Records, RecordsBuilder};
use connect::RowPosition;
use log::{Appended, Written};
use telemetry::{Counts, Stopwatch, list as metrics};

use super::TaskContext;
use crate::dead_letter::{DeadLetter, Mark};
use crate::digest::{self, Digest};
use crate::end::TaskEnd;
use crate::flow::{Destination, FlowInput};
use crate::ledger::{LedgerEntry, LedgerLine, Receipt, ledger_lines};
use crate::metadata::Progress;
use crate::names;
use crate::spans;
use crate::stop::until_stored;

/// What ends a range.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// First input row of the range.
    pub(super) first: Option<RowPosition>,
    /// Last input row of the range.
    pub(super) last: Option<RowPosition>,
    /// Rows for the destination, if it is a table.
    pub(super) rows: Vec<Batch>,
    /// Records for the destination and for named outputs, if they are topics.
    pub(super) written: Vec<Written>,
    /// Rows that could not be processed.
    pub(super) dead: Vec<DeadLetter>,
    /// Dead letters that were sent back, and are open again because the flow reads their rows anew. They are no rows of
    /// the range.
    pub(super) reopened: Vec<DeadLetter>,
    /// Changes of stores: topic and records.
    pub(super) changes: Vec<(Arc<str>, Records)>,
    /// What became of the rows.
    pub(super) counts: Counts,
    /// Hash of what was landed.
    pub(super) hash: u128,
    /// True if the rows came back from the dead letters.
    pub(super) replayed: bool,
    /// Key and version of the document that replayed rows stand in.
    pub(super) replayed_of: Option<(String, i64)>,
    /// Dead letters that a newer version of their document closes.
    pub(super) superseded: Vec<DeadLetter>,
    /// The document that ends with this range.
    pub(super) receipt: Option<Receipt>,
    /// The receipt of the document that replayed rows stand in, as it is with them.
    pub(super) amended: Option<Receipt>,
}

impl TaskContext {
    /// Adds rows that passed the steps to what leaves with the range, and gives the bytes that they take in memory. What
    /// goes to topics is encoded at once: records are fewer bytes than rows, and those of the next block find the memory
    /// of this one warm.
    pub(super) fn leave(
        &self,
        rows: Option<Batch>,
        outputs: Vec<(Arc<str>, Batch)>,
        closing: &mut Closing,
    ) -> Result<usize, TaskEnd> {
        let before = closing.written.len();
        let mut memory = 0;
        if let Some(rows) = rows.filter(|rows| !rows.is_empty()) {
            match &self.parts.destination {
                Destination::Topic(topic) => crate::system::records(topic, &rows, &mut closing.written)?,
                Destination::Table(_) => {
                    let rows = rows.settled();
                    memory += rows.memory();
                    closing.rows.push(rows);
                }
            }
        }
        for (name, rows) in outputs {
            let topic = self.parts.outputs.get(&name).ok_or_else(|| TaskEnd::Fault(format!("no output `{name}`")))?;
            crate::system::records(topic, &rows, &mut closing.written)?;
        }
        memory += closing.written[before..].iter().map(|written| written.records.memory()).sum::<usize>();
        Ok(memory)
    }

    /// Commits the end of a range of `input`, the task's own or its retries, and that the task stands at `next` there.
    /// Gives the offset after the records of each change of a store.
    ///
    /// # Errors
    /// If the task must end. Then nothing of it was committed, or that is not known.
    pub(super) fn close(&self, closing: &Closing, input: &Input, next: RowPosition) -> Result<Vec<i64>, TaskEnd> {
        if !closing.counts.balanced() {
            return Err(TaskEnd::Fault(format!("rows are not accounted for: {:?}", closing.counts)));
        }
        let at = |position: Option<RowPosition>| position.map_or((next.offset, next.row), |at| (at.offset, at.row));
        let entry = LedgerEntry {
            first: at(closing.first),
            last: at(closing.last),
            counts: closing.counts.clone(),
            hash: if closing.hash == 0 { String::new() } else { format!("{:032x}", closing.hash) },
            revision: self.parts.revision.to_string(),
            replayed: closing.replayed,
            replayed_of: closing.replayed_of.clone(),
            receipt: closing.receipt.clone(),
            amended: closing.amended.clone(),
        };
        let digest = self.digest(&entry);
        let text = match &digest {
            Some(digest) => serde_json::to_vec(digest),
            None => serde_json::to_vec(&entry),
        };
        let text = text.map_err(TaskEnd::fault)?;
        let (watch, shown) = (Stopwatch::start(), spans::commit().entered());
        let (ends, at) = until_stored(&self.name, &self.shared.stop, &self.shared.board, || {
            self.try_close(closing, &entry, &text, input, next)
        })?;
        drop(shown);
        metrics::FLOW_COMMIT_SECONDS.observe(&names::parts(&self.name), watch.seconds());
        if digest.is_some() {
            self.cut_ledger(at);
        }
        let dead = closing.dead.iter().map(|letter| (letter.code.as_str(), letter.step.as_str()));
        self.shared.board.closed(&self.name, &entry, dead, (self.shared.clock)());
        if *input == *self.input {
            self.tell(|task| task.closed((next.offset, next.row)));
        }
        self.report(&entry);
        Ok(ends)
    }

    fn try_close(
        &self,
        closing: &Closing,
        entry: &LedgerEntry,
        line: &[u8],
        input: &Input,
        next: RowPosition,
    ) -> Result<(Vec<i64>, i64), TaskEnd> {
        let parts = &self.parts;
        let mut transaction = self.begin();
        let to = transaction.as_mut();
        // First of all, so that the log's answer tells where they are.
        for (topic, records) in &closing.changes {
            let written =
                Written { topic: Arc::clone(topic), partition: self.input.partition, records: records.clone() };
            to.append(written)?;
        }
        for written in &closing.written {
            to.append(written.clone())?;
        }
        for open in [&closing.dead, &closing.reopened] {
            if open.is_empty() {
                continue;
            }
            let mut records = RecordsBuilder::new();
            open.iter().for_each(|letter| letter.write(&mut records));
            let topic = names::dead_letters(&parts.topology);
            to.append(Written { topic, partition: 0, records: records.finish() })?;
            self.shared.system.write_dead_letters(open, "open", to)?;
        }
        crate::retry::settle(&self.shared.system, closing.superseded.iter(), Mark::Superseded, to)?;
        let receipts: Vec<&Receipt> = entry.receipt.iter().chain(&entry.amended).collect();
        self.shared.system.write_receipts(&receipts, to)?;
        let mut ledger = RecordsBuilder::new();
        ledger.push(None, Some(line), &Headers::new(), 0);
        let topic = names::ledger(&parts.topology, &parts.flow);
        to.append(Written { topic, partition: self.input.partition, records: ledger.finish() })?;
        let stores = if *input == *self.input { self.marks() } else { Vec::new() };
        let progress = Progress { next, topic: input.identity.to_string(), open: None, stores };
        to.commit_position(&self.group, &input.topic, input.partition, progress.position())?;
        let appended = transaction.commit()?;
        let line_at = appended.last().map_or(0, |ledger| ledger.first_offset);
        let end = |(appended, (_, records)): (Appended, &(_, Records))| appended.first_offset + records.len() as i64;
        Ok((appended.into_iter().zip(&closing.changes).map(end).collect(), line_at))
    }

    /// The digest that takes the place of a range's line in the ledger, if one is due.
    fn digest(&self, entry: &LedgerEntry) -> Option<Digest> {
        let of_topic = matches!(self.parts.input, FlowInput::Topic { .. });
        if !of_topic || self.ledger_records.fetch_add(1, Ordering::Relaxed) < digest::DUE {
            return None;
        }
        // Also if there is none now, the next one waits its turn.
        self.ledger_records.store(0, Ordering::Relaxed);
        let (log, parts) = (self.shared.log.as_ref(), &self.parts);
        let lines = ledger_lines(log, &parts.topology, &parts.flow, self.input.partition);
        let mut lines =
            lines.inspect_err(|error| tracing::warn!(flow = self.name, "no digest of the ledger: {error}")).ok()?;
        lines.push(LedgerLine::Entry(Box::new(entry.clone())));
        Digest::of(lines)
    }

    /// Deletes what a digest at this offset of the ledger stands for.
    fn cut_ledger(&self, at: i64) {
        let ledger = names::ledger(&self.parts.topology, &self.parts.flow);
        if let Err(error) = self.shared.log.delete_before(&ledger, self.input.partition, at) {
            tracing::warn!(flow = self.name, "{error}: records of the ledger that nobody needs stay for now");
        }
    }

    /// One structured line for each event that matters. What stands in the document is for the receipt alone.
    fn report(&self, entry: &LedgerEntry) {
        let counts = &entry.counts;
        if let Some(receipt) = &entry.receipt {
            if receipt.refused() {
                tracing::warn!(
                    flow = self.name,
                    document = receipt.name,
                    version = receipt.version,
                    outcome = receipt.outcome,
                    code = receipt.code,
                    reason = without_excerpts(&receipt.message),
                    "document refused"
                );
            } else {
                tracing::info!(
                    flow = self.name,
                    document = receipt.name,
                    version = receipt.version,
                    outcome = receipt.outcome,
                    rows = receipt.counts.landed,
                    dead = receipt.counts.dead,
                    withdrawn = receipt.withdrawn,
                    "document closed"
                );
            }
        } else {
            tracing::debug!(flow = self.name, rows = counts.landed, dead = counts.dead, "range closed");
        }
    }
}

/// A message without what it shows of a document, which stands between backticks.
fn without_excerpts(message: &str) -> String {
    let mut parts = message.split('`');
    let mut told = parts.next().unwrap_or_default().to_owned();
    while let Some(_excerpt) = parts.next() {
        told.push('…');
        told.push_str(parts.next().unwrap_or_default());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::without_excerpts;

    #[test]
    fn a_reason_is_told_without_what_stands_in_the_document() {
        assert_eq!(without_excerpts("the last line (3) is `AB 1`; not `n`"), "the last line (3) is …; not …");
        assert_eq!(without_excerpts("cut off: `AB"), "cut off: …");
        assert_eq!(without_excerpts("nothing"), "nothing");
    }
}
