//! Reading partitions in order, cheaply, at several places at once.
//!
//! A *cursor* is a partition that the client fetches ahead. A read that goes on where one ended takes what is there; it
//! asks nothing and seeks nothing. Readers of one partition at different places each get a cursor of their own, as the
//! client can fetch a partition only once: there is a client for the first cursor of each partition, another for the
//! second ones, up to four. A fifth place takes over the cursor that was idle longest, which costs a seek.
//!
//! A cursor that nobody used while many others were used is given up, as it holds what was fetched ahead for nobody.
//!
//! A read of one byte is a *look* at one record: it moves no cursor, and leaves none behind that would fetch ahead what
//! nobody reads.
//!
//! Gaps: a control record is passed when the client says so, an aborted batch when the end of the partition is reached.
//! So a cursor has two offsets: what follows the last record it gave, and up to where nothing more is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use batch::Records;
use log::{LogError, Signal};
use rdkafka::error::RDKafkaErrorCode;

use crate::columns::{Block, BlockSize};
use crate::failure::KafkaFailure;
use crate::native::{Message, PartitionQueue, Reading};
use crate::settings::KafkaSettings;
use crate::statistics::{Clients, Listening};
use crate::visibility::Place;

/// Most cursors of a partition that are kept. Each may hold what the client fetches ahead.
const MOST_CURSORS: usize = 4;
/// Reads of all partitions after which a cursor that none of them used is given up. Larger: what nobody reads is kept for
/// longer. Smaller: slow readers start again.
const STALE: u64 = 500;
/// Bytes of a read that only looks at one record.
const LOOK: usize = 1;
/// Records taken from the client at once.
const AT_ONCE: usize = 1000;
/// How long one wait for records lasts.
const WAIT: Duration = Duration::from_millis(10);

/// Where a partition is being read.
struct Cursor {
    /// Which client it uses.
    lane: usize,
    /// Taken from the client and not given out yet. Before the queue, as they belong to its client.
    pending: VecDeque<Message>,
    queue: PartitionQueue,
    /// Offset after the last record given out.
    next: i64,
    /// There is no record between `next` and this but those pending.
    reached: i64,
    /// Offset of the last end of the partition that was told.
    ended: i64,
    /// How large the last block was: the next one is much like it.
    size: BlockSize,
    /// The number of the read that used it last.
    used: u64,
    /// Records that are known to be there did not come.
    late: bool,
    client: Arc<Reading>,
}

impl Cursor {
    /// True if a read from this offset goes on here.
    fn continues(&self, offset: i64) -> bool {
        let first = self.pending.front().map_or(self.reached.max(self.next), Message::offset);
        (self.next..=first).contains(&offset)
    }

    /// Takes what is there, or waits for a while. An error is the partition's.
    fn fill(&mut self, wait: Duration) -> Result<(), RDKafkaErrorCode> {
        let mut taken = Vec::new();
        self.queue.take(AT_ONCE, wait, &mut taken);
        for message in taken {
            match message.event() {
                None => self.pending.push_back(message),
                Some(RDKafkaErrorCode::PartitionEOF) => {
                    self.ended = message.offset();
                    self.reached = self.reached.max(self.ended);
                }
                Some(code) => return Err(code),
            }
        }
        // The client moves its position by one too many at an end, so that value says nothing.
        if self.pending.is_empty()
            && let Some(passed) = self.queue.passed().filter(|passed| *passed != self.ended + 1)
        {
            self.reached = self.reached.max(passed);
        }
        Ok(())
    }

    /// Moves pending records into blocks until `bytes` reach `max_bytes`; for a look only shows the first.
    fn give(&mut self, blocks: &mut Blocks, max_bytes: usize) {
        if max_bytes <= LOOK {
            self.pending.front().into_iter().for_each(|message| blocks.push(message));
            return;
        }
        while let Some(message) = self.pending.front() {
            if blocks.bytes >= max_bytes && blocks.count > 0 {
                return;
            }
            blocks.push(message);
            self.next = message.offset() + 1;
            self.reached = self.reached.max(self.next);
            self.pending.pop_front();
        }
    }
}

/// Blocks that are being collected.
struct Blocks {
    done: Vec<Records>,
    open: Block,
    bytes: usize,
    count: usize,
}

impl Blocks {
    fn with_room(size: BlockSize) -> Self {
        Self { done: Vec::new(), open: Block::with_room(size), bytes: 0, count: 0 }
    }

    fn push(&mut self, message: &Message) {
        if self.open.ends_before(message.offset()) {
            let next = Block::with_room(self.open.size());
            self.done.extend(std::mem::replace(&mut self.open, next).finish());
        }
        self.bytes += self.open.push(message);
        self.count += 1;
    }

    fn finish(mut self) -> Vec<Records> {
        self.done.extend(self.open.finish());
        self.done
    }
}

#[derive(Default)]
struct Pool {
    idle: HashMap<Place, Vec<Cursor>>,
    /// Lanes in use by each partition, idle cursors among them.
    lanes: HashMap<Place, Vec<usize>>,
    /// Number of reads so far.
    reads: u64,
    clients: Vec<Arc<Reading>>,
}

/// All cursors of a log.
pub(crate) struct Reader {
    settings: KafkaSettings,
    arrived: Arc<Signal>,
    /// Reads nothing: a broker answers one connection in order, so a question would wait behind a fetch that waits.
    asking: Reading,
    figures: Arc<Clients>,
    listening: Listening,
    pool: Mutex<Pool>,
}

/// What a read has to know from its caller.
pub(crate) struct Question<'a> {
    pub(crate) place: &'a Place,
    pub(crate) offset: i64,
    pub(crate) max_bytes: usize,
    /// First offset and end of the partition. Asked only if the read does not go on where one ended.
    pub(crate) bounds: &'a dyn Fn() -> Result<(i64, i64), LogError>,
    /// The offset below which all records are known to be committed.
    pub(crate) floor: &'a dyn Fn() -> i64,
}

impl Reader {
    /// No cursors. `arrived` is raised when records come to a partition that was read to its end.
    pub(crate) fn new(
        settings: KafkaSettings,
        arrived: Arc<Signal>,
        figures: Arc<Clients>,
    ) -> Result<Self, KafkaFailure> {
        let asking = Reading::new(&mut settings.asking(), Arc::clone(&arrived), settings.request_timeout)?;
        let listening = Listening::start().map_err(|error| KafkaFailure::new("making a thread", error.to_string()))?;
        Ok(Self { settings, arrived, asking, figures, listening, pool: Mutex::default() })
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client for questions that are no reads.
    pub(crate) fn asking(&self) -> &Reading {
        &self.asking
    }

    fn client(&self, pool: &mut Pool, lane: usize) -> Result<Arc<Reading>, KafkaFailure> {
        while pool.clients.len() <= lane {
            pool.clients.push(self.fresh()?);
        }
        Ok(Arc::clone(&pool.clients[lane]))
    }

    fn fresh(&self) -> Result<Arc<Reading>, KafkaFailure> {
        let (mut config, arrived) = (self.settings.reading(), Arc::clone(&self.arrived));
        let client = Reading::telling(&mut config, arrived, self.settings.request_timeout, self.figures.one())?;
        let client = Arc::new(client);
        self.listening.to(&client);
        Ok(client)
    }

    /// See [`Log::read`](log::Log::read).
    pub(crate) fn read(&self, question: &Question<'_>) -> Result<Vec<Records>, LogError> {
        let (mut cursor, kept) = match self.going_on(question.place, question.offset) {
            Some(cursor) => (cursor, true),
            None => (self.start(question)?, question.max_bytes > LOOK),
        };
        let outcome = self.collect(&mut cursor, question);
        if cursor.late {
            self.retire(cursor.lane, &cursor.client);
        }
        // After a failure the partition is started again: what the client has is of no use.
        if kept && outcome.is_ok() {
            self.keep(question.place, cursor);
        } else {
            self.release(question.place, cursor);
        }
        outcome
    }

    /// Puts a cursor into the pool, and gives up those of its partition that nobody uses any more.
    fn keep(&self, place: &Place, mut cursor: Cursor) {
        let stale: Vec<Cursor> = {
            let mut pool = self.pool();
            pool.reads += 1;
            let now = pool.reads;
            cursor.used = now;
            let idle = pool.idle.entry(place.clone()).or_default();
            idle.push(cursor);
            idle.extract_if(.., |cursor| now - cursor.used > STALE).collect()
        };
        stale.into_iter().for_each(|cursor| self.release(place, cursor));
    }

    /// Gives up a client from which nothing comes, with all cursors that wait in it. Where a broker stood still for a
    /// while, the client has been seen to take it out of its list (`Broker handle destroyed without termination`) and to
    /// ask nobody any more, for minutes, while a new client reads at once.
    fn retire(&self, lane: usize, client: &Arc<Reading>) {
        let mut waiting: Vec<(Place, Cursor)> = Vec::new();
        {
            let mut pool = self.pool();
            if !pool.clients.get(lane).is_some_and(|known| Arc::ptr_eq(known, client)) {
                return;
            }
            match self.fresh() {
                Ok(fresh) => pool.clients[lane] = fresh,
                // The read has failed already, and whoever waits in vain next tries it again.
                Err(_) => return,
            }
            for (place, idle) in &mut pool.idle {
                let gone = idle.extract_if(.., |cursor| Arc::ptr_eq(&cursor.client, client));
                waiting.extend(gone.map(|cursor| (place.clone(), cursor)));
            }
        }
        waiting.into_iter().for_each(|(place, cursor)| self.release(&place, cursor));
    }

    /// Takes the cursor that stands there out of the pool.
    fn going_on(&self, place: &Place, offset: i64) -> Option<Cursor> {
        let mut pool = self.pool();
        let idle = pool.idle.get_mut(place)?;
        let index = idle.iter().position(|cursor| cursor.continues(offset))?;
        Some(idle.remove(index))
    }

    fn start(&self, question: &Question<'_>) -> Result<Cursor, LogError> {
        let (place, offset) = (question.place, question.offset);
        let (first, end) = (question.bounds)()?;
        if offset < first || offset > end {
            return Err(LogError::OutOfRange { topic: Arc::clone(&place.0), partition: place.1, offset, first, end });
        }
        let (lane, client) = {
            let mut pool = self.pool();
            let taken = pool.lanes.entry(place.clone()).or_default();
            let free = (0..).find(|lane| !taken.contains(lane)).unwrap_or(taken.len());
            let idle = pool.idle.get_mut(place).filter(|idle| !idle.is_empty());
            let (lane, old) = match idle {
                Some(idle) if free >= MOST_CURSORS => {
                    let old = idle.remove(0);
                    (old.lane, Some(old))
                }
                _ => {
                    pool.lanes.entry(place.clone()).or_default().push(free);
                    (free, None)
                }
            };
            let client = self.client(&mut pool, lane)?;
            drop(pool);
            // Stopped outside of the lock, and before its partition is started again.
            drop(old);
            (lane, client)
        };
        let queue = PartitionQueue::start(&client, &self.settings.topic_outside(&place.0), place.1, offset);
        let queue = queue.inspect_err(|_| self.free(place, lane))?;
        Ok(Cursor {
            lane,
            client,
            late: false,
            pending: VecDeque::new(),
            queue,
            next: offset,
            reached: offset,
            ended: -1,
            size: BlockSize::default(),
            used: 0,
        })
    }

    fn collect(&self, cursor: &mut Cursor, question: &Question<'_>) -> Result<Vec<Records>, LogError> {
        let mut blocks = Blocks::with_room(cursor.size);
        let mut waits = self.settings.request_timeout.as_millis() / WAIT.as_millis();
        if question.max_bytes > LOOK {
            cursor.next = cursor.next.max(question.offset);
        }
        loop {
            if cursor.pending.is_empty() {
                cursor.fill(Duration::ZERO).map_err(|code| self.refused(question, code))?;
            }
            let before = blocks.count;
            cursor.give(&mut blocks, question.max_bytes);
            if blocks.count > 0 && blocks.bytes >= question.max_bytes {
                cursor.size = blocks.open.size();
                return Ok(blocks.finish());
            }
            if cursor.pending.is_empty() && blocks.count == before {
                if cursor.reached >= (question.floor)() {
                    return Ok(blocks.finish());
                }
                if waits == 0 {
                    cursor.late = blocks.count == 0;
                    return self.late(blocks, question);
                }
                waits -= 1;
                cursor.fill(WAIT).map_err(|code| self.refused(question, code))?;
            }
        }
    }

    /// What is said when committed records did not come in time.
    fn late(&self, blocks: Blocks, question: &Question<'_>) -> Result<Vec<Records>, LogError> {
        if blocks.count > 0 {
            return Ok(blocks.finish());
        }
        let Question { place: (topic, partition), offset, .. } = question;
        let reason = format!(
            "nothing came from offset {offset} of partition {partition} of `{topic}` on within {:?}",
            self.settings.request_timeout
        );
        Err(KafkaFailure::new("reading", reason).into())
    }

    /// The error of a partition. Records that are gone are out of range, by the bounds that the partition has now. A batch
    /// whose checksum is wrong, or that cannot be unpacked, is damaged where it lies.
    fn refused(&self, question: &Question<'_>, code: RDKafkaErrorCode) -> LogError {
        if code == RDKafkaErrorCode::AutoOffsetReset
            && let Ok((first, end)) = (question.bounds)()
            && !(first..=end).contains(&question.offset)
        {
            let (topic, partition) = (Arc::clone(&question.place.0), question.place.1);
            return LogError::OutOfRange { topic, partition, offset: question.offset, first, end };
        }
        if matches!(code, RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::BadCompression) {
            let (topic, partition) = question.place;
            let (offset, reason) = (question.offset, KafkaFailure::coded("reading", code, ""));
            return LogError::Damaged(format!("`{topic}`, partition {partition}, offset {offset} or after: {reason}"));
        }
        KafkaFailure::coded("reading", code, "").into()
    }

    fn release(&self, place: &Place, cursor: Cursor) {
        let lane = cursor.lane;
        drop(cursor);
        self.free(place, lane);
    }

    fn free(&self, place: &Place, lane: usize) {
        if let Some(taken) = self.pool().lanes.get_mut(place) {
            taken.retain(|other| *other != lane);
        }
    }

    /// Drops the cursors of a topic that is not the one that it was.
    pub(crate) fn forget(&self, topic: &str) {
        let mut pool = self.pool();
        let places: Vec<Place> = pool.idle.keys().filter(|(name, _)| &**name == topic).cloned().collect();
        for place in places {
            let cursors = pool.idle.remove(&place).unwrap_or_default();
            if let Some(taken) = pool.lanes.get_mut(&place) {
                taken.retain(|lane| cursors.iter().all(|cursor| cursor.lane != *lane));
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Before the clients, which would wait for them.
        self.pool().idle.clear();
    }
}
