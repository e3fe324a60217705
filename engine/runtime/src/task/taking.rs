//! Takes a range of a topic, block by block: until rows, bytes, memory or age say stop. An open range is taken exactly.

use std::collections::VecDeque;
use std::time::Duration;

use batch::Records;
use operators::Share;

use super::TaskContext;
use crate::end::TaskEnd;
use crate::flow::Destination;
use crate::metadata::Progress;

/// Bytes of records that one transaction of a flow that writes a topic takes. Larger: fewer commits, more memory.
const TRANSACTION_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of records of one range that lands.
const RANGE_BYTES: usize = 48 * 1024 * 1024;
/// Bytes of memory that what has become of one range takes. Larger: fewer inserts, fewer parts for the server to merge.
const RANGE_MEMORY: usize = 64 * 1024 * 1024;
/// Bytes of records that are read at once.
const READ_BYTES: usize = 1024 * 1024;

/// Longest wait for a record that a range of which something is taken may still get, before the clock is looked at.
const LOOK_UP: Duration = Duration::from_millis(20);

/// A range in the taking.
pub(super) struct Taking {
    rows: usize,
    bytes: usize,
    age: Duration,
    /// The offset after the open range, if there is one: then nothing else says stop.
    end: Option<i64>,
    next: i64,
    taken_rows: usize,
    taken_bytes: usize,
    memory: usize,
    /// Memory that the range may take though the budget has no room.
    least: usize,
    /// True once the budget has no room for more of it.
    no_room: bool,
    /// How often the rows are there while they land: a table's partitions are cut out of them.
    copies: usize,
    share: Share,
    /// When the first records were taken, in milliseconds.
    started: Option<i64>,
    /// What was read and is not taken yet.
    read: VecDeque<Records>,
}

impl Taking {
    /// A range that starts where the task stands.
    pub(super) fn new(context: &TaskContext, progress: &Progress) -> Self {
        let (rows, bytes, age, copies) = match &context.parts.destination {
            Destination::Topic(_) => (usize::MAX, TRANSACTION_BYTES, Duration::ZERO, 1),
            Destination::Table(table) => (table.batch_rows, RANGE_BYTES, table.batch_age, 2),
        };
        Self {
            rows,
            bytes,
            age,
            end: progress.open.as_ref().map(|open| open.last.offset + 1),
            next: progress.next.offset,
            taken_rows: 0,
            taken_bytes: 0,
            memory: 0,
            least: context.shared.memory.budget.least(),
            no_room: false,
            copies,
            share: Share::of(&context.shared.memory.budget),
            started: None,
            read: VecDeque::new(),
        }
    }

    /// The next records of the range. `None` at its end, if nothing can come any more, or if dead letters came back at
    /// or after the offset `back` of the retries while nothing was taken.
    pub(super) fn next(&mut self, context: &TaskContext, back: i64) -> Result<Option<Records>, TaskEnd> {
        while !self.full() {
            if let Some(records) = self.read.pop_front() {
                return Ok(self.cut(&records));
            }
            if self.old_enough(context) {
                // Only what is there already. Offsets may have gaps, so that the end says nothing.
                match context.read(self.next, READ_BYTES)? {
                    Some(read) if read.is_empty() => break,
                    read => self.read.extend(read.into_iter().flatten()),
                }
                continue;
            }
            let (nothing, exact) = (self.started.is_none(), self.end.is_some());
            let no_more = |context: &TaskContext| {
                let enough = context.shared.completion.no_more_records(&context.input.topic) || !(nothing || exact);
                Ok(enough || (nothing && !exact && context.has_retries(back)?))
            };
            match context.next_records(self.next, READ_BYTES, &no_more)? {
                Some(read) => {
                    self.started.get_or_insert_with(|| (context.shared.clock)());
                    self.read.extend(read);
                }
                None if nothing || exact => break,
                None if !context.shared.stop.wait(LOOK_UP) => return Err(TaskEnd::Stopped),
                None => {}
            }
        }
        Ok(None)
    }

    /// Counts what has become of the records that were given last: so many bytes of memory.
    pub(super) fn took(&mut self, memory: usize) {
        self.memory += memory;
        if !self.share.take(memory * self.copies) {
            // They are there already, and the range ends with them unless it is very short.
            self.share.take_anyway(memory * self.copies);
            self.no_room |= self.memory >= self.least;
        }
    }

    /// The offset after the last record that was taken, and what holds the range's memory.
    pub(super) fn end(self) -> (i64, Share) {
        (self.next, self.share)
    }

    fn full(&self) -> bool {
        match self.end {
            Some(end) => self.next >= end,
            None => {
                let long = self.taken_rows >= self.rows || self.taken_bytes >= self.bytes;
                long || self.memory >= RANGE_MEMORY || self.no_room
            }
        }
    }

    /// Once something is taken, more is waited for only as long as the range may fill.
    fn old_enough(&self, context: &TaskContext) -> bool {
        self.end.is_none()
            && self.started.is_some_and(|started| {
                let waited = (context.shared.clock)() - started;
                waited >= i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX)
                    || context.shared.completion.no_more_records(&context.input.topic)
            })
    }

    /// As much of a block as the range takes.
    fn cut(&mut self, records: &Records) -> Option<Records> {
        let most = match self.end {
            Some(end) => usize::try_from(end - records.base_offset).unwrap_or(0),
            None => self.rows - self.taken_rows,
        };
        if most == 0 {
            self.next = self.end.unwrap_or(self.next);
            return None;
        }
        let records = records.slice(0, records.len().min(most));
        self.taken_rows += records.len();
        self.taken_bytes += records.value_bytes();
        self.next = records.next_offset();
        Some(records)
    }
}
