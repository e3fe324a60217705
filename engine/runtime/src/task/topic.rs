//! The task of a flow that reads a topic: decode, steps, then either one transaction or the landing protocol.
//!
//! The steps run on each block as it is taken, so that a range holds what its rows have become and not the records too,
//! and ends when that takes too much memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError};

use batch::{Headers, Input, Records, RecordsBuilder};
use connect::RowPosition;
use log::LogError;
use operators::{Chain, ChainOutput, DecodedRecords, Facts, Passing, RecordReader, Share, StepError};
use telemetry::{Stopwatch, list as metrics};
use tracing::Span;

use super::TaskContext;
use super::close::Closing;
use super::taking::Taking;
use super::unsettled::{GIVEN_UP, GivenUp, letters_ahead};
use crate::changelogs::ChangelogMark;
use crate::codes;
use crate::dead_letter::{DeadLetter, DeadLetterOf};
use crate::end::TaskEnd;
use crate::hold::{Hold, TryAgain};
use crate::landing::Range;
use crate::letters;
use crate::metadata::Progress;
use crate::names;
use crate::retry::{Retry, RetryAction};
use crate::snapshots::{Changed, TaskSnapshots};
use crate::spans;
use crate::stop::until_stored;
use crate::task_state::StoreState;

/// Records over which the share of bad ones is judged.
const JUDGED_OVER: u64 = 10_000;

/// Milliseconds after which it is asked again whether the input is still the same topic.
const ASK_AGAIN: i64 = 1000;

/// Records of one range of those that come back.
const RETRIES: usize = 1000;
/// Bytes of records of one range of those that come back, and of what becomes of them.
const RETRIES_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of records that are looked at at once for those that come back.
const RETRIES_READ: usize = 1024 * 1024;

/// A range of the task's input, or of its retries, on which the steps have run.
struct Work {
    /// Where its end is committed.
    input: Arc<Input>,
    /// The offset in `input` after the last one.
    next: i64,
    /// Lowest and highest offset of the records, of those that come back as they failed.
    offsets: (i64, i64),
    /// For records that come back where they failed.
    replayed: Option<Vec<RowPosition>>,
    /// What has become of them.
    closing: Closing,
    /// What that takes of the memory, until it is closed.
    _share: Option<Share>,
    /// What a trace shows of it.
    span: Span,
}

/// Lowest and highest offset of nothing yet.
const NO_OFFSETS: (i64, i64) = (i64::MAX, i64::MIN);

fn including((first, last): (i64, i64), records: &Records) -> (i64, i64) {
    (first.min(records.base_offset), last.max(records.next_offset() - 1))
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
    /// Records that are read again and were given up.
    given_up: GivenUp,
    /// When it was last asked whether the input is still the same topic, in milliseconds.
    asked_at: Option<i64>,
}

impl TopicTask {
    /// A task of a flow whose input is a topic.
    #[must_use]
    pub fn new(context: TaskContext, reader: Box<dyn RecordReader>) -> Self {
        let (letters, mut chain) = (context.letters(), (context.parts.chain)());
        chain.tell_seconds_of(names::parts(&context.name));
        let snapshots = TaskSnapshots::new(context.shared.snapshots.clone(), Arc::clone(&context.input));
        let (ahead, given_up) = (BTreeMap::new(), GivenUp::default());
        Self {
            context,
            reader,
            chain,
            letters,
            recent: RecentShare::default(),
            snapshots,
            ahead,
            given_up,
            asked_at: None,
        }
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
        let retries = Arc::clone(&self.context.retries);
        let mut progress = self.whole_progress()?;
        self.context.preflight(&progress)?;
        let mut back = self.context.progress(&retries)?;
        self.restore(&progress)?;
        (self.ahead, self.given_up) = letters_ahead(&self.context, progress.next.offset)?;
        loop {
            // An open range is made again from the state it was made from: nothing may come between.
            if progress.open.is_none() && self.context.has_retries(back.next.offset)? {
                let work = self.take_back(&back, progress.next.offset)?;
                back = self.finish(work, &back)?;
            } else if let Some(work) = self.take(&progress, back.next.offset)? {
                progress = self.finish(work, &progress)?;
            } else if !self.context.has_retries(back.next.offset)? {
                return Ok(());
            }
        }
    }

    /// The committed position in the task's input.
    ///
    /// # Errors
    /// Holds as [`TaskContext::progress`] does, and while a changelog of which the position speaks is not whole: what the
    /// steps would not know any more they would let pass a second time.
    fn whole_progress(&mut self) -> Result<Progress, TaskEnd> {
        loop {
            let progress = self.context.progress(&self.context.input)?;
            let Some((store, missing)) = self.missing(&progress)? else { return Ok(progress) };
            let TaskContext { holder, name, input, .. } = &self.context;
            holder.hold(Hold {
                code: codes::MEMORY_GONE,
                what: format!("what {store} of {name} remembered is not whole: of its changelog, {missing}"),
                remedy: format!(
                    "bring the topic's records back; or, without a run, spotlight release {name} --from {} --partition \
                     {}: rows that repeat those that are not remembered then pass",
                    progress.next.offset, input.partition
                ),
            })?;
        }
    }

    /// The first store of which the changelog is not whole, and what is missing of that.
    fn missing(&mut self, progress: &Progress) -> Result<Option<(Arc<str>, String)>, TaskEnd> {
        let TaskContext { shared, parts, input, .. } = &self.context;
        for store in self.chain.stores() {
            let topic = names::changelog(&parts.topology, &parts.flow, store.name());
            let marks = (&**store.name(), progress.stores.as_slice());
            let missing = TaskSnapshots::missing(shared.log.as_ref(), &topic, input.partition, marks)?;
            if let Some(missing) = missing {
                return Ok(Some((Arc::clone(store.name()), missing)));
            }
        }
        Ok(None)
    }

    /// Brings the stores to the state as of the committed position, which was read before: what came into the changelog
    /// since then came with a later position.
    fn restore(&mut self, progress: &Progress) -> Result<(), TaskEnd> {
        let TaskContext { shared, parts, .. } = &self.context;
        for store in self.chain.stores() {
            let name = names::changelog(&parts.topology, &parts.flow, store.name());
            let changelog = log::TopicSettings { name, partitions: partitions(parts) };
            let (position, marks) = (progress.next.offset, progress.stores.as_slice());
            let name = Arc::clone(store.name());
            let mut tell = |state: StoreState| {
                self.context.tell(|task| {
                    task.stores.insert(name.to_string(), state);
                });
            };
            self.snapshots.restore(shared.log.as_ref(), &changelog, store, position, marks, &mut tell)?;
        }
        self.mark();
        Ok(())
    }

    /// Gives what the next position says of the changelogs.
    fn mark(&self) -> Vec<ChangelogMark> {
        let marks = self.snapshots.marks();
        marks.clone_into(&mut self.context.stores.lock().unwrap_or_else(PoisonError::into_inner));
        marks
    }

    /// Takes a range and runs the steps on it; exactly the open range if there is one.
    /// `None` if nothing can come any more, or if dead letters came back while nothing was there.
    fn take(&mut self, progress: &Progress, back: i64) -> Result<Option<Work>, TaskEnd> {
        let mut taking = Taking::new(&self.context, progress);
        let (mut closing, mut offsets, mut span) = (Closing::default(), NO_OFFSETS, Span::none());
        while let Some(records) = taking.next(&self.context, back)? {
            self.started();
            self.context.reads(&records);
            if offsets == NO_OFFSETS {
                span = self.span(records.base_offset);
            }
            offsets = including(offsets, &records);
            let worked = span.in_scope(|| self.run_steps(&records, None, &mut closing))?;
            taking.took(worked);
        }
        if offsets == NO_OFFSETS {
            return Ok(None);
        }
        let input = Arc::clone(&self.context.input);
        let (next, share) = taking.end();
        Ok(Some(Work { input, next, offsets, replayed: None, closing, _share: Some(share), span }))
    }

    /// Takes records that come back and runs the steps on them: exactly those of the open range if there is one. Those at
    /// or behind `ahead`, where a person has sent the flow back to before them, are left to the reading that comes, which
    /// would land them a second time. Until then they are open again, or given up, as they were.
    fn take_back(&mut self, progress: &Progress, ahead: i64) -> Result<Work, TaskEnd> {
        self.started();
        let input = Arc::clone(&self.context.retries);
        let end = progress.open.as_ref().map_or(i64::MAX, |open| open.last.offset + 1);
        let (mut next, mut offsets, mut replayed) = (progress.next.offset, NO_OFFSETS, Vec::new());
        let mut closing = Closing { replayed: true, ..Closing::default() };
        let span = self.span(next);
        let (mut taken, mut bytes, mut reopened) = (0, 0, BTreeSet::new());
        let full = |taken: usize, bytes: usize| end == i64::MAX && (taken >= RETRIES || bytes >= RETRIES_BYTES);
        while next < end && !full(taken, bytes) {
            let read = self.context.shared.log.read(&input.topic, input.partition, next, RETRIES_READ)?;
            let Some(records) = read.first() else { break };
            for record in records.iter().filter(|record| record.offset < end) {
                let retry = self.context.retry_of(&record)?;
                // Each stands alone, at the offset at which it failed.
                let original = retry.original(&record);
                offsets = including(offsets, &original);
                if retry.offset < ahead || progress.open.is_some() {
                    bytes += original.memory();
                    bytes += span.in_scope(|| self.run_steps(&original, Some(&retry), &mut closing))?;
                    replayed.extend(retry.positions());
                } else if retry.action == RetryAction::Replay {
                    reopened.extend(retry.rows.keys().map(|&row| self.letters.id(retry.offset, row)));
                }
                (next, taken) = (record.offset + 1, taken + 1);
                if full(taken, bytes) {
                    break;
                }
            }
        }
        if !reopened.is_empty() {
            let TaskContext { shared, parts, .. } = &self.context;
            let chosen = |letter: &DeadLetter, _: Option<&str>| reopened.contains(&letter.id);
            closing.reopened = letters::chosen(shared.log.as_ref(), &parts.topology, chosen)?;
        }
        Ok(Work { input, next, offsets, replayed: Some(replayed), closing, _share: None, span })
    }

    /// What a trace shows of the range that begins with this record.
    fn span(&self, first: i64) -> Span {
        spans::range(names::parts(&self.context.name), self.context.input.partition, first)
    }

    fn started(&self) {
        let now = (self.context.shared.clock)();
        self.context.shared.board.change(&self.context.name, |state| {
            state.started.get_or_insert(now);
        });
    }

    /// Lands the rows of a range and closes it.
    fn finish(&mut self, work: Work, progress: &Progress) -> Result<Progress, TaskEnd> {
        let Work { input, next, offsets, replayed, mut closing, _share, span } = work;
        let _shown = span.enter();
        closing.counts.dead = closing.dead.len() as u64;
        spans::range_ends(&span, next - 1, closing.counts.dead);
        self.still_the_same_topic()?;
        self.judge()?;
        let range = Range {
            first: progress.next,
            last: RowPosition { offset: next - 1, row: 0 },
            rows: std::mem::take(&mut closing.rows),
            replayed,
        };
        // Records that come back are in the order in which they were sent back.
        let (first, last) = if offsets == NO_OFFSETS { (range.first.offset, range.last.offset) } else { offsets };
        closing.first = Some(RowPosition { offset: first, row: progress.next.row });
        closing.last = Some(RowPosition { offset: last, row: 0 });
        if !closing.replayed {
            closing.superseded = self.read_again(next, &closing.dead);
        }
        let mut changed = Vec::new();
        for store in self.chain.stores() {
            let mut changes = RecordsBuilder::new();
            store.changes(&mut |key, value| changes.push(Some(key), value, &Headers::new(), 0));
            changed.push((!changes.is_empty()).then(|| store.changed()));
            if !changes.is_empty() {
                let parts = &self.context.parts;
                let topic = names::changelog(&parts.topology, &parts.flow, store.name());
                closing.changes.push((topic, changes.finish()));
            }
        }
        let marks = self.mark();
        closing.hash = self.context.land(&range, &input, progress.open.as_ref(), None)?.hash;
        let at = RowPosition { offset: next, row: 0 };
        let mut ends = self.context.close(&closing, &input, at)?.into_iter();
        self.chain.commit();
        self.ahead.extend(closing.reopened.into_iter().map(|letter| (letter.offset, letter)));
        // What came back from the dead letters does not move the task in its input.
        let position = if closing.replayed { None } else { Some((next, marks.as_slice())) };
        let changed: Vec<Option<Changed>> =
            changed.into_iter().map(|entries| Some(Changed { entries: entries?, end: ends.next()? })).collect();
        let stores = self.chain.stores();
        self.snapshots.committed(self.context.shared.log.as_ref(), &stores, &changed, position);
        if !stores.is_empty() {
            self.context.tell(|task| {
                for store in &stores {
                    let state = task.stores.entry(store.name().to_string()).or_default();
                    (state.keys, state.bytes) = (store.len() as u64, store.memory() as u64);
                }
            });
        }
        Ok(Progress { next: at, topic: progress.topic.clone(), open: None, stores: Vec::new() })
    }

    /// Holds if the input was deleted and made again since the task began with it. Not asked for each range, as on Kafka
    /// it is a question to the cluster: a new topic does not reach the offset of the old one within the pause.
    fn still_the_same_topic(&mut self) -> Result<(), TaskEnd> {
        let now = (self.context.shared.clock)();
        if self.asked_at.is_none_or(|asked| now < asked || now - asked >= ASK_AGAIN) {
            self.context.same_topic()?;
            self.asked_at = Some(now);
        }
        Ok(())
    }

    /// The letters of records before `next`, open or given up, that were read again and did not fail this time.
    fn read_again(&mut self, next: i64, dead: &[DeadLetter]) -> Vec<DeadLetter> {
        let later = self.ahead.split_off(&next);
        let mut passed = std::mem::replace(&mut self.ahead, later);
        dead.iter().for_each(|letter| {
            passed.remove(&letter.offset);
        });
        let dead = dead.iter().map(|letter| letter.offset).collect();
        passed.into_values().chain(self.given_up.passed(next, &dead)).collect()
    }

    /// Decodes a block and runs the steps on it. Gives the bytes that what has become of it takes in memory.
    fn run_steps(&mut self, records: &Records, retry: Option<&Retry>, closing: &mut Closing) -> Result<usize, TaskEnd> {
        let (rows_in, watch) = (records.len() as u64, Stopwatch::start());
        let _shown = spans::steps(rows_in).entered();
        closing.counts.rows_in += rows_in;
        if retry.is_some_and(|retry| retry.action == RetryAction::GiveUp) {
            closing.counts.drop_rows(GIVEN_UP, rows_in);
            return Ok(0);
        }
        let record_at = |offset: i64| records.get(usize::try_from(offset - records.base_offset).unwrap_or(0));
        let TaskContext { shared, name, input, .. } = &self.context;
        let DecodedRecords { batch, bad, dropped: left_out } =
            until_stored(name, &shared.stop, &shared.board, || match self.reader.read(records, input) {
                Err(StepError::Away(source)) => Err(TaskEnd::Log(LogError::Away(source))),
                read => read.map_err(TaskEnd::fault),
            })?;
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
            None => {
                self.recent.add(rows_in, dead.len() as u64);
                let given_up = self.given_up.take_out(&mut dead, |letter| letter.offset);
                if given_up > 0 {
                    closing.counts.drop_rows(GIVEN_UP, given_up);
                }
            }
        }
        let mut memory: usize = dead.iter().map(DeadLetter::memory).sum();
        closing.dead.extend(dead);
        closing.counts.landed += rows.as_ref().map_or(0, |rows| rows.len() as u64);
        for (name, rows) in &outputs {
            *closing.counts.outputs.entry(name.to_string()).or_default() += rows.len() as u64;
        }
        memory += self.context.leave(rows, outputs, closing)?;
        let dropped = left_out.iter().chain(&dropped);
        dropped.for_each(|(reason, count)| closing.counts.drop_rows(reason, *count));
        metrics::FLOW_STEPS_SECONDS.observe(&names::parts(&self.context.name), watch.seconds());
        Ok(memory)
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
