//! The contract: what a log takes, gives back and refuses. Why it is so stands in the crate's prose.
//!
//! A log keeps what was committed until its owner says that records are of no use any more.
//!
//! Deliberately absent: deletion of topics; retention that the log would decide by itself.

use std::sync::Arc;
use std::time::Duration;

use batch::{Records, TopicIdentity};

use crate::membership::{Membership, Partition, Sole};

/// How a topic is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// Name: ASCII letters, digits, `.`, `_`, `-`; at most 200 bytes; neither `.` nor `..`.
    pub name: Arc<str>,
    /// Number of partitions, 1 to 4,096. It cannot be changed here: a topic that exists with another number is an
    /// error, because keys would move.
    pub partitions: i32,
}

/// A topic that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    /// New each time a topic of this name is made.
    pub identity: TopicIdentity,
    /// Number of partitions.
    pub partitions: i32,
}

/// Where a group stands in one partition: the next record to read, and text of the owner's (at most 4,096 bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Offset of the next record.
    pub offset: i64,
    /// The owner's text, such as an open range.
    pub metadata: String,
}

/// Records to be appended to one partition, in order.
#[derive(Clone, Debug)]
pub struct Written {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// The records; their `base_offset` is ignored. An arrival of 0 is set by the log when it takes them, to its clock
    /// but never below an arrival that it set in this partition before. Others are kept, and do not move that bound.
    pub records: Records,
}

/// Where committed records lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Offset of the first record of that append; of an append without records, the offset they would have had.
    pub first_offset: i64,
}

/// Why a log could not do it. The variants say what to do next.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another process owns the log's folder. Give up (exit status 73).
    #[error("the data folder is in use by another process")]
    InUse,
    /// The folder was written by another version of the format. Give up, and say both numbers.
    #[error("the data folder has format {found}, this program reads format {wanted}")]
    Format {
        /// Format on disk.
        found: String,
        /// Format of this program.
        wanted: u32,
    },
    /// No such topic, or no such partition of it.
    #[error("there is no partition {partition} of topic `{topic}`")]
    UnknownPartition {
        /// Topic.
        topic: Arc<str>,
        /// Partition.
        partition: i32,
    },
    /// A topic exists with another number of partitions. Give up: the topology has to say the number that there is.
    #[error("topic `{topic}` has {found} partitions, not {wanted}")]
    Partitions {
        /// Topic.
        topic: Arc<str>,
        /// Number there is.
        found: i32,
        /// Number asked for.
        wanted: i32,
    },
    /// The offset asked for is beyond the end of the partition, or no longer kept. Hold.
    #[error("offset {offset} of partition {partition} of topic `{topic}` is not there: it holds {first} to {end}")]
    OutOfRange {
        /// Topic.
        topic: Arc<str>,
        /// Partition.
        partition: i32,
        /// Offset asked for.
        offset: i64,
        /// First offset there is.
        first: i64,
        /// Offset after the last.
        end: i64,
    },
    /// Another owner took this group's partition over: stop this task, write nothing more.
    #[error("another process has taken over")]
    Fenced,
    /// This process does not own what the transaction claims, or not any more. Nothing of it happened. End this task; if
    /// the partition comes back, start at its position.
    #[error("another process owns partition {partition} of topic `{topic}` now")]
    NotOwned {
        /// Topic.
        topic: Arc<str>,
        /// Partition.
        partition: i32,
    },
    /// A record is larger than the log takes. Keep it elsewhere and append a reference to it.
    #[error("a record of {bytes} bytes for topic `{topic}` is larger than the log takes, {limit}")]
    TooLarge {
        /// Topic.
        topic: Arc<str>,
        /// Bytes of its key, value and headers.
        bytes: usize,
        /// The most that the log takes.
        limit: usize,
    },
    /// The caller broke the contract (a name that is none, metadata too long): a bug.
    #[error("{0}")]
    Misuse(String),
    /// A stored block cannot be read. Stop: data is damaged.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// Whether the transaction happened cannot be known any more: the answer to its commit was lost. All of it happened
    /// or nothing did, and which it was is settled by now. Read the positions again: they moved with it.
    #[error("it is not known whether the transaction was committed")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store failed, such as a full disk. Nothing of the transaction happened; trying again may help.
    #[error("the store failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log is elsewhere and did not answer, or not yet as it should. Nothing of the transaction happened. Try again
    /// until it does.
    #[error("the log does not answer as it should")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A partitioned, ordered, durable, transactional log.
pub trait Log: Send + Sync {
    /// Makes the topic if it is missing; says what is there.
    ///
    /// # Errors
    /// [`LogError::Partitions`] if it exists with another number of partitions.
    fn ensure_topic(&self, settings: &TopicSettings) -> Result<TopicState, LogError>;

    /// The topic, if it exists.
    ///
    /// # Errors
    /// If the store fails.
    fn topic(&self, name: &str) -> Result<Option<TopicState>, LogError>;

    /// Names of all topics, sorted.
    ///
    /// # Errors
    /// If the store fails.
    fn topics(&self) -> Result<Vec<Arc<str>>, LogError>;

    /// Where the next committed record will be at the earliest; 0 for an empty partition. All records that can be read
    /// lie below. On a log whose offsets have gaps there may be none between the last record and this.
    ///
    /// # Errors
    /// If there is no such partition, or the store fails.
    fn end(&self, topic: &str, partition: i32) -> Result<i64, LogError>;

    /// Offset of the first record that is kept, or one before it where offsets have gaps; the end of a partition that
    /// holds none.
    ///
    /// # Errors
    /// If there is no such partition, or the log fails.
    fn first(&self, topic: &str, partition: i32) -> Result<i64, LogError>;

    /// Says that nobody needs the records before `offset` any more. They can be gone as soon as this is called, and they
    /// never come back; some may stay, such as those of the block in which `offset` lies. Offsets do not change. Of an
    /// offset before the first record nothing is to be done.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] if `offset` is negative or beyond the end; if there is no such partition, or the log
    /// fails: then some of the records may be gone.
    fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError>;

    /// Committed records from `offset` on, in order: at least one if there is one, then blocks until `max_bytes` are
    /// reached, so that the answer is larger by at most its last block (4 MiB, or one record). Empty at the end of the
    /// partition. The first record returned is the first one at `offset` or after it: offsets may have gaps, which only
    /// lie between blocks, as the records of one block are consecutive.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] if `offset` is before the first record that is kept, or beyond the end.
    fn read(&self, topic: &str, partition: i32, offset: i64, max_bytes: usize) -> Result<Vec<Records>, LogError>;

    /// How long a topic keeps a record before it may take it away by itself; `None` if it never does, or if that cannot be
    /// known. A log of one process never does.
    ///
    /// # Errors
    /// If the log fails.
    fn keeps_for(&self, topic: &str) -> Result<Option<Duration>, LogError> {
        let _ = topic;
        Ok(None)
    }

    /// Committed position of a group in a partition; `None` if it never committed one.
    ///
    /// # Errors
    /// If there is no such partition, or the store fails.
    fn position(&self, group: &str, topic: &str, partition: i32) -> Result<Option<Position>, LogError>;

    /// Returns once all that was committed before this call in a partition, by any process, can be read. A new owner of a
    /// partition asks this before it reads what the last owner left. On a log of one process that is always so.
    ///
    /// # Errors
    /// If there is no such partition, or the log fails.
    fn await_settled(&self, topic: &str, partition: i32) -> Result<(), LogError> {
        let _ = (topic, partition);
        Ok(())
    }

    /// True if groups may have members in other processes, so that partitions go from one to another.
    fn has_members(&self) -> bool {
        false
    }

    /// Joins a group whose members share the partitions of these topics, which exist. A log of one process gives it all
    /// of them at once.
    ///
    /// # Errors
    /// If a topic is missing, this process is a member of the group already, or the log fails.
    fn join(&self, group: &str, topics: &[Arc<str>]) -> Result<Box<dyn Membership>, LogError> {
        let _ = group;
        let mut partitions = Vec::new();
        for topic in topics {
            let unknown = || LogError::UnknownPartition { topic: Arc::clone(topic), partition: 0 };
            let count = self.topic(topic)?.ok_or_else(unknown)?.partitions;
            partitions.extend((0..count).map(|number| Partition { topic: Arc::clone(topic), number }));
        }
        Ok(Box::new(Sole::of(partitions)))
    }

    /// Starts a transaction. Nothing of it can be seen before it commits; dropping it is an abort.
    fn begin(&self) -> Box<dyn Transaction + '_>;

    /// Waits until any transaction has committed since `seen` (a number that an earlier call gave; 0 at first, which
    /// never waits) or until `limit` has passed. Gives the number to wait on next. A commit between two calls is
    /// never missed: take the number, read, then wait on it. Of transactions of other processes only records in
    /// partitions that this process has read to their end wake it; a caller that needs more gives a short limit.
    fn wait(&self, seen: u64, limit: Duration) -> u64;
}

/// Appends and positions that move together.
pub trait Transaction {
    /// Says that the transaction may happen only while this process owns the partition as a member of the group. On a log
    /// of one process it always does.
    fn claim(&mut self, group: &str, topic: &str, partition: i32) {
        let _ = (group, topic, partition);
    }

    /// Adds records to the end of a partition, after those of earlier calls.
    ///
    /// # Errors
    /// If there is no such partition, or a record is too large. The transaction is as it was before the call.
    fn append(&mut self, written: Written) -> Result<(), LogError>;

    /// Sets a group's position. The last call for a partition counts.
    ///
    /// # Errors
    /// If there is no such partition, or the metadata is too long.
    fn commit_position(&mut self, group: &str, topic: &str, partition: i32, position: Position)
    -> Result<(), LogError>;

    /// Makes all of it durable and visible in one step, and says where each `append` went, in order.
    /// When this returns an error of the store, nothing of it happened. (If the machine dies before the store could
    /// take the failed write back, all of it may be there after a start: positions tell, as they moved with it.)
    ///
    /// # Errors
    /// If the store fails, another process has fenced this one, or a claim does not hold. [`LogError::Unknown`] if it cannot
    /// be told.
    fn commit(self: Box<Self>) -> Result<Vec<Appended>, LogError>;
}
