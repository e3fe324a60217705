//! The task of a flow that reads a topic: decode, steps, then either one transaction or the landing protocol.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use batch::{Headers, Input, Records, RecordsBuilder};
use connect::RowPosition;
use operators::{Chain, ChainOutput, DecodedRecords, Facts, Passing, RecordReader};

use super::TaskContext;
use super::close::Closing;
use super::unsettled::letters_ahead;
use crate::codes;
use crate::dead_letter::{DeadLetter, DeadLetterOf};
use crate::end::TaskEnd;
use crate::flow::Destination;
use crate::hold::{Hold, TryAgain};
use crate::landing::Range;
use crate::metadata::Progress;
use crate::names;
use crate::retry::{Retry, RetryAction};
use crate::snapshots::TaskSnapshots;

/// Bytes of records that one transaction of a flow that writes a topic takes. Larger: fewer commits, more memory.
const TRANSACTION_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of records of one range that lands.
const RANGE_BYTES: usize = 48 * 1024 * 1024;
/// Records over which the share of bad ones is judged.
const JUDGED_OVER: u64 = 10_000;

/// Records of one range of those that come back.
const RETRIES: usize = 1000;

/// A range of the task's input, or of its retries.
struct Work {
    /// Where its end is committed.
    input: Arc<Input>,
    /// The records. Those that come back stand alone in a block each, at the offsets at which they failed.
    blocks: Vec<Records>,
    /// The offset in `input` after the last one.
    next: i64,
    /// For records that come back what their retry says, one a block.
    retries: Vec<Retry>,
}

/// Works the records of one partition in order.
pub struct TopicTask {
    context: TaskContext,
    reader: Box<dyn RecordReader>,
    chain: Chain,
    letters: DeadLetterOf,
    recent: RecentShare,
    snapshots: TaskSnapshots,
    /// Open dead letters of records that are read again.
    ahead: BTreeMap<i64, DeadLetter>,
}

impl TopicTask {
    /// A task of a flow whose input is a topic.
    #[must_use]
    pub fn new(context: TaskContext, reader: Box<dyn RecordReader>) -> Self {
        let (letters, chain) = (context.letters(), (context.parts.chain)());
        let snapshots = TaskSnapshots::new(context.shared.snapshots.clone(), Arc::clone(&context.input));
        Self { context, reader, chain, letters, recent: RecentShare::default(), snapshots, ahead: BTreeMap::new() }
    }

    /// Works until nothing can come any more.
    ///
    /// # Errors
    /// If the task ends before that.
    pub fn run(&mut self) -> Result<(), TaskEnd> {
        let ended = self.work();
        if matches!(ended, Ok(()) | Err(TaskEnd::Stopped)) {
            self.snapshots.ended(&self.chain.stores());
        }
        ended
    }

    fn work(&mut self) -> Result<(), TaskEnd> {
        let (input, retries) = (Arc::clone(&self.context.input), Arc::clone(&self.context.retries));
        let mut progress = self.context.progress(&input)?;
        self.context.preflight(&progress)?;
        let mut back = self.context.progress(&retries)?;
        self.restore(progress.next.offset)?;
        self.ahead = letters_ahead(&self.context, progress.next.offset)?;
        loop {
            // An open range is made again from the state it was made from: nothing may come between.
            if progress.open.is_none() && self.context.has_retries(back.next.offset)? {
                let work = self.retries(&back)?;
                back = self.process(&work, &back)?;
            } else if let Some(blocks) = self.gather(&progress, back.next.offset)? {
                let next = blocks.last().map_or(progress.next.offset, Records::next_offset);
                let work = Work { input: Arc::clone(&input), blocks, next, retries: Vec::new() };
                progress = self.process(&work, &progress)?;
            } else if !self.context.has_retries(back.next.offset)? {
                return Ok(());
            }
        }
    }

    /// Brings the stores to the state as of the committed position, which was read before: what came into the changelog
    /// since then came with a later position.
    fn restore(&mut self, position: i64) -> Result<(), TaskEnd> {
        let TaskContext { shared, parts, .. } = &self.context;
        for store in self.chain.stores() {
            let name = names::changelog(&parts.topology, store.name());
            let changelog = log::TopicSettings { name, partitions: partitions(parts) };
            self.snapshots.restore(shared.log.as_ref(), &changelog, store, position)?;
        }
        Ok(())
    }

    /// Takes a range: until rows, bytes or age say stop; exactly the open range if there is one.
    /// `None` if nothing can come any more, or if dead letters came back while nothing was there.
    fn gather(&self, progress: &Progress, back: i64) -> Result<Option<Vec<Records>>, TaskEnd> {
        let (rows, bytes, age) = match &self.context.parts.destination {
            Destination::Topic(_) => (usize::MAX, TRANSACTION_BYTES, std::time::Duration::ZERO),
            Destination::Table(table) => (table.batch_rows, RANGE_BYTES, table.batch_age),
        };
        let end = progress.open.as_ref().map(|open| open.last.offset + 1);
        let rows = end.map_or(rows, |end| usize::try_from(end - progress.next.offset).unwrap_or(0));
        let topic = self.context.input.topic.as_ref();
        let no_more = |context: &TaskContext| context.shared.completion.no_more_records(topic);
        let mut blocks: Vec<Records> = Vec::new();
        let (mut count, mut size, mut next) = (0, 0, progress.next.offset);
        let clock = &self.context.shared.clock;
        let mut started = None;
        while count < rows && (size < bytes || end.is_some()) {
            let waited = started.map_or(0, |started: i64| clock() - started);
            // Once something is taken, more is waited for only as long as the range may fill.
            let enough =
                !blocks.is_empty() && end.is_none() && (waited >= age.as_millis() as i64 || no_more(&self.context));
            if enough && self.context.shared.log.end(topic, self.context.input.partition)? <= next {
                break;
            }
            let Some(records) = self.context.next_records(next, 1024 * 1024, &|context| {
                let enough = no_more(context) || (!blocks.is_empty() && end.is_none());
                Ok(enough || (blocks.is_empty() && end.is_none() && context.has_retries(back)?))
            })?
            else {
                if blocks.is_empty() || end.is_some() {
                    break;
                }
                if !self.context.shared.stop.wait(std::time::Duration::from_millis(20)) {
                    return Err(TaskEnd::Stopped);
                }
                continue;
            };
            let records = records.slice(0, records.len().min(rows - count));
            started.get_or_insert_with(|| clock());
            count += records.len();
            size += value_bytes(&records);
            next = records.next_offset();
            blocks.push(records);
        }
        Ok((!blocks.is_empty()).then_some(blocks))
    }

    /// Takes records that come back: exactly those of the open range if there is one.
    fn retries(&self, progress: &Progress) -> Result<Work, TaskEnd> {
        let input = Arc::clone(&self.context.retries);
        let wanted = progress
            .open
            .as_ref()
            .map_or(RETRIES, |open| usize::try_from(open.last.offset + 1 - progress.next.offset).unwrap_or(RETRIES));
        let (mut next, mut blocks, mut retries) = (progress.next.offset, Vec::new(), Vec::new());
        while blocks.len() < wanted {
            let read = self.context.shared.log.read(&input.topic, input.partition, next, TRANSACTION_BYTES)?;
            let Some(records) = read.first() else { break };
            let records = records.slice(0, records.len().min(wanted - blocks.len()));
            for record in records.iter() {
                let retry = self.context.retry_of(&record)?;
                blocks.push(retry.original(&record));
                retries.push(retry);
            }
            next = records.next_offset();
        }
        Ok(Work { input, blocks, next, retries })
    }

    /// Runs the steps on a range, lands its rows and closes it.
    fn process(&mut self, work: &Work, progress: &Progress) -> Result<Progress, TaskEnd> {
        let now = (self.context.shared.clock)();
        self.context.shared.board.change(&self.context.name, |state| {
            state.started.get_or_insert(now);
        });
        let mut closing = Closing { replayed: !work.retries.is_empty(), ..Closing::default() };
        for (index, records) in work.blocks.iter().enumerate() {
            self.run_steps(records, work.retries.get(index), &mut closing)?;
        }
        closing.counts.dead = closing.dead.len() as u64;
        self.judge()?;
        let range = Range {
            first: progress.next,
            last: RowPosition { offset: work.next - 1, row: 0 },
            rows: std::mem::take(&mut closing.rows),
            replayed: closing.replayed.then(|| work.retries.iter().flat_map(Retry::positions).collect()),
        };
        // Records that come back are in the order in which they were sent back.
        let first = work.blocks.iter().map(|records| records.base_offset).min().unwrap_or(range.first.offset);
        let last = work.blocks.iter().map(|records| records.next_offset() - 1).max().unwrap_or(range.last.offset);
        closing.first = Some(RowPosition { offset: first, row: progress.next.row });
        closing.last = Some(RowPosition { offset: last, row: 0 });
        if !closing.replayed {
            closing.superseded = self.read_again(work.next, &closing.dead);
        }
        let mut changed = Vec::new();
        for store in self.chain.stores() {
            let mut changes = RecordsBuilder::new();
            store.changes(&mut |key, value| changes.push(Some(key), value, &Headers::new(), 0));
            changed.push(changes.len() as u64);
            if !changes.is_empty() {
                let topic = names::changelog(&self.context.parts.topology, store.name());
                closing.changes.push((topic, changes.finish()));
            }
        }
        closing.hash = self.context.land(&range, &work.input, progress.open.as_ref(), None)?.hash;
        closing.rows = range.rows;
        let next = RowPosition { offset: work.next, row: 0 };
        self.context.close(&closing, &work.input, next)?;
        self.chain.commit();
        // What came back from the dead letters does not move the task in its input.
        let position = if closing.replayed { None } else { Some(work.next) };
        self.snapshots.committed(&self.chain.stores(), &changed, position);
        Ok(Progress { next, topic: progress.topic.clone(), open: None })
    }

    /// The letters of records before `next` that were read again and did not fail this time.
    fn read_again(&mut self, next: i64, dead: &[DeadLetter]) -> Vec<DeadLetter> {
        let later = self.ahead.split_off(&next);
        let mut passed = std::mem::replace(&mut self.ahead, later);
        dead.iter().for_each(|letter| {
            passed.remove(&letter.offset);
        });
        passed.into_values().collect()
    }

    /// Decodes a block and runs the steps on it.
    fn run_steps(&mut self, records: &Records, retry: Option<&Retry>, closing: &mut Closing) -> Result<(), TaskEnd> {
        let rows_in = records.len() as u64;
        closing.counts.rows_in += rows_in;
        if retry.is_some_and(|retry| retry.action == RetryAction::GiveUp) {
            closing.counts.drop_rows("given up", rows_in);
            return Ok(());
        }
        let record_at = |offset: i64| records.get(usize::try_from(offset - records.base_offset).unwrap_or(0));
        let DecodedRecords { batch, bad } = self.reader.read(records, &self.context.input).map_err(TaskEnd::fault)?;
        let mut dead: Vec<DeadLetter> =
            bad.iter().map(|bad| self.letters.bad_record(bad, &record_at(bad.offset))).collect();
        self.chain.show(if retry.is_some() { Passing::Again } else { Passing::First });
        let ChainOutput { rows, outputs, failed, dropped } =
            self.chain.run(batch, &Facts::default()).map_err(TaskEnd::fault)?;
        for letter in failed.iter().flat_map(|failed| self.letters.failed(failed)) {
            let offset = letter.offset;
            dead.push(letter.with_record(&record_at(offset)));
        }
        match retry {
            Some(retry) => dead.iter_mut().for_each(|letter| retry.again(letter)),
            None => self.recent.add(rows_in, dead.len() as u64),
        }
        closing.dead.extend(dead);
        closing.counts.landed += rows.as_ref().map_or(0, |rows| rows.len() as u64);
        closing.rows.extend(rows.filter(|rows| !rows.is_empty()));
        for (name, rows) in outputs {
            *closing.counts.outputs.entry(name.to_string()).or_default() += rows.len() as u64;
            closing.outputs.push((name, rows));
        }
        dropped.iter().for_each(|(reason, count)| closing.counts.drop_rows(reason, *count));
        Ok(())
    }

    /// Holds when too many of the last records were bad: that is a change of schema, not bad data.
    fn judge(&mut self) -> Result<(), TaskEnd> {
        while self.recent.above(self.context.parts.bad_rows_above) {
            let again = self.context.holder.hold(Hold {
                code: codes::TOO_MANY_BAD_RECORDS,
                what: format!("{} of the last {} records are bad", self.recent.bad, self.recent.all),
                remedy: format!("mend the topology or the producer, then spotlight release {}", self.context.name),
            })?;
            // Time mends nothing here: only a person can say that these records are to be dead letters.
            if again == TryAgain::Released {
                self.recent = RecentShare::default();
                self.context.holder.mended();
            }
        }
        Ok(())
    }
}

/// Bytes of the values. A block may be a part of a larger one, whose buffer it shares.
fn value_bytes(records: &Records) -> usize {
    let offsets = records.values.value_offsets();
    let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    usize::try_from(last - first).unwrap_or(0)
}

fn partitions(parts: &crate::flow::FlowParts) -> i32 {
    match &parts.input {
        crate::flow::FlowInput::Documents(input) => input.partitions,
        crate::flow::FlowInput::Topic { partitions, .. } => *partitions,
    }
}

/// The share of bad records among the last ones.
#[derive(Debug, Default)]
struct RecentShare {
    parts: VecDeque<(u64, u64)>,
    all: u64,
    bad: u64,
}

impl RecentShare {
    fn add(&mut self, all: u64, bad: u64) {
        self.parts.push_back((all, bad));
        self.all += all;
        self.bad += bad;
        while let Some(&(oldest_all, oldest_bad)) = self.parts.front() {
            if self.all - oldest_all < JUDGED_OVER {
                break;
            }
            self.all -= oldest_all;
            self.bad -= oldest_bad;
            self.parts.pop_front();
        }
    }

    /// Judged from 1,000 records on, so that the first bad record of a quiet topic stops nothing.
    fn above(&self, percent: f64) -> bool {
        self.all >= 1000 && self.bad as f64 * 100.0 > percent * self.all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::RecentShare;

    #[test]
    fn only_the_last_ten_thousand_records_are_judged() {
        let mut recent = RecentShare::default();
        recent.add(900, 900);
        assert!(!recent.above(10.0), "too few to judge");
        recent.add(100, 0);
        assert!(recent.above(10.0));
        for _ in 0..100 {
            recent.add(100, 0);
        }
        assert!(!recent.above(10.0), "the bad ones are long gone");
        assert_eq!(recent.bad, 0);
    }
}
