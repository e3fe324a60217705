//! The SQLite database of the embedded log.
//!
//! ```text
//! topics     number      integer, primary key: number of the topic in this log, from 1
//!            name        text, unique
//!            identity    blob of 16 bytes, big-endian: new with each creation
//!            partitions  integer
//! blocks     topic, partition, base: together unique; base = offset of the first record
//!            count       integer: records in the block
//!            latest      integer: latest arrival that the log had set in this partition after this block
//!            block       blob: see `block.rs`; empty if the block lies in a segment
//!            segment     integer: the file that it lies in; 0 if it lies here
//!            at, length  integers: its first byte there, and its length
//! segments   number      integer, primary key: one row for each file, see `segments.rs`
//!            reach       integer: up to where its bytes are taken
//! positions  owner, topic, partition: together the primary key; owner = name of the group
//!            next        integer: offset of the next record
//!            metadata    text
//! ```
//!
//! Blocks of a transaction lie here as long as they are few bytes: one sync of the disk is enough then.
//!
//! Records that nobody needs any more go as whole blocks: their rows first, then their bytes in segments. A death in
//! between leaves bytes that no row names; they go with their file.
//!
//! A partition begins at the base of its first block. The end of a partition is base + count of its last block, which
//! is never deleted; it is stored nowhere else. The write-ahead log is synced
//! to the disk at each commit (`synchronous = full`). Readers have connections of their own, so that they neither wait
//! for the writer nor hold it up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use batch::{Records, TopicIdentity};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::block;
use super::segments::{Reach as SegmentReach, SegmentWriter, Segments, Spot};
use crate::directory::{Directory, Place, Reach, Topic};
use crate::pending::{PositionKey, Settled};
use crate::{LogError, Position, TopicState};

/// Bytes of a page. Blocks are much larger than pages, so larger pages mean fewer of them to chain; much larger ones
/// make a commit of a single record dearer, as it writes whole pages.
const PAGE: i64 = 16 * 1024;

/// Pages after which a commit moves the write-ahead log into the database: 16 MiB. Larger means a longer pause then and
/// more to read at a start after a crash; smaller means more pauses.
const PAGES_BETWEEN_CHECKPOINTS: i64 = 1024;

/// Bytes to which the file of the write-ahead log is cut back after a large transaction.
const WRITE_AHEAD_LIMIT: i64 = 64 * 1024 * 1024;

/// How long a statement waits for another connection. Only short steps of SQLite itself ever lock one out.
const BUSY: Duration = Duration::from_secs(30);

/// Idle readers that are kept. More only cost file handles; fewer are opened again.
const MOST_IDLE_READERS: usize = 8;

/// Bytes of a transaction from which on its blocks go to a segment. Larger: more is written twice. Smaller: more commits
/// wait for two syncs of the disk.
const SEGMENT_FROM: usize = 64 * 1024;

/// Blocks of at most this many records are put together for the reader, up to 8,192 records.
const SMALL_BLOCK: usize = 256;
const MOST_JOINED: usize = 8192;

const TABLES: &str = "
    create table if not exists topics(
        number integer primary key, name text not null unique, identity blob not null, partitions integer not null);
    create table if not exists blocks(
        topic integer not null, partition integer not null, base integer not null, count integer not null,
        latest integer not null, block blob not null, segment integer not null default 0,
        at integer not null default 0, length integer not null default 0, unique(topic, partition, base));
    create table if not exists segments(number integer primary key, reach integer not null);
    create table if not exists positions(
        owner text not null, topic integer not null, partition integer not null, next integer not null,
        metadata text not null, primary key(owner, topic, partition)) without rowid;
";

/// What a database lacks that was made for folders of format 1.
const ADDED: [&str; 3] = ["segment", "at", "length"];

/// Tells in which files blocks lie. What a database lacks that was made for folders of format 2.
const IN_SEGMENTS: &str = "create index if not exists blocks_in_segments on blocks(segment) where segment > 0";

/// The database of one folder, opened once, and the segments beside it.
pub(super) struct Store {
    path: PathBuf,
    segments: Segments,
    writer: Mutex<Writing>,
    readers: Mutex<Vec<Connection>>,
}

/// What whoever writes needs.
struct Writing {
    connection: Connection,
    segments: SegmentWriter,
}

impl Store {
    /// Opens the database, makes it if it is missing, and reads what the directory has to know.
    pub(super) fn open(path: &Path) -> Result<(Self, Directory), StoreError> {
        let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        writer.pragma_update(None, "page_size", PAGE)?;
        let mode: String = writer.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            // Such as a network folder without shared memory: commits would not be what the contract says.
            let cause = std::io::Error::from(std::io::ErrorKind::Unsupported);
            return Err(StoreError(LogError::Store(Box::new(cause))));
        }
        writer.pragma_update(None, "synchronous", "full")?;
        // Only some systems know it: there a plain sync stops at the disk's cache.
        writer.pragma_update(None, "fullfsync", true)?;
        writer.pragma_update(None, "wal_autocheckpoint", PAGES_BETWEEN_CHECKPOINTS)?;
        writer.pragma_update(None, "journal_size_limit", WRITE_AHEAD_LIMIT)?;
        writer.execute_batch(TABLES)?;
        add_columns(&writer)?;
        writer.execute_batch(IN_SEGMENTS)?;
        let directory = read_directory(&writer)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let segments = SegmentWriter::new(folder, read_reach_of_segments(&writer)?);
        let store = Self {
            path: path.to_owned(),
            segments: Segments::new(folder),
            writer: Mutex::new(Writing { connection: writer, segments }),
            readers: Mutex::default(),
        };
        Ok((store, directory))
    }

    /// Brings the write-ahead file into the database and empties it.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.connection.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))?;
        Ok(())
    }

    /// Closes files that are about to go, for readers too.
    pub(super) fn forget(&self, files: &[u32]) {
        self.segments.forget(files);
    }

    /// The right to write, one at a time. Held from giving out offsets until they can be seen.
    pub(super) fn writer(&self) -> Writer<'_> {
        // A writer that panicked left an open transaction at most; `write` takes it back.
        Writer(self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Blocks of a partition from `offset` on, below `end`. `offset` is below `end`.
    pub(super) fn read(
        &self,
        (name, place): (&str, Place),
        (offset, end): (i64, i64),
        max_bytes: usize,
    ) -> Result<Vec<Records>, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        };
        let answer = read_blocks((&reader, &self.segments), (name, place), (offset, end), max_bytes);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < MOST_IDLE_READERS {
            readers.push(reader);
        }
        answer
    }
}

/// The right to write.
pub(super) struct Writer<'a>(std::sync::MutexGuard<'a, Writing>);

impl Writer<'_> {
    /// Makes a new topic durable.
    pub(super) fn add_topic(&mut self, name: &str, topic: &Topic) -> Result<(), StoreError> {
        self.write(|connection| {
            let identity = topic.state.identity.0.to_be_bytes();
            connection
                .prepare_cached("insert into topics(number, name, identity, partitions) values(?, ?, ?, ?)")?
                .execute(params![topic.number, name, identity, topic.state.partitions])?;
            Ok(())
        })
    }

    /// Makes a transaction durable, or none of it.
    pub(super) fn commit(&mut self, settled: &Settled) -> Result<(), StoreError> {
        let bytes: usize = settled.blocks.iter().map(|block| block::most_bytes(&block.records)).sum();
        let spots = match bytes >= SEGMENT_FROM {
            true => Some(self.0.segments.write(&settled.blocks)?),
            false => None,
        };
        let reach = self.0.segments.reach();
        self.write(|connection| {
            let mut insert = connection.prepare_cached(
                "insert into blocks(topic, partition, base, count, latest, block, segment, at, length)
                     values(?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            let mut bytes = Vec::new();
            for (index, block) in settled.blocks.iter().enumerate() {
                bytes.clear();
                let spot = spots.as_ref().and_then(|spots| spots.get(index));
                if spot.is_none() {
                    block::encode(block.place, &block.records, &mut bytes);
                }
                insert.execute(params![
                    block.place.topic,
                    block.place.partition,
                    block.records.base_offset,
                    block.records.len() as i64,
                    block.latest_arrival,
                    bytes,
                    spot.map_or(0, |spot| spot.segment),
                    spot.map_or(0, |spot| spot.at.cast_signed()),
                    spot.map_or(0, |spot| spot.length),
                ])?;
            }
            if spots.is_some() {
                connection
                    .prepare_cached("insert or replace into segments(number, reach) values(?, ?)")?
                    .execute(params![reach.segment, reach.end.cast_signed()])?;
            }
            let mut replace = connection.prepare_cached(
                "insert or replace into positions(owner, topic, partition, next, metadata) values(?, ?, ?, ?, ?)",
            )?;
            for (PositionKey { group, place }, position) in &settled.committed.positions {
                replace.execute(params![group, place.topic, place.partition, position.offset, position.metadata])?;
            }
            Ok(())
        })
    }

    /// Base of the block that holds `offset`, or of the last one before it.
    pub(super) fn block_of(&self, place: Place, offset: i64) -> Result<Option<i64>, StoreError> {
        let mut statement = self
            .0
            .connection
            .prepare_cached("select max(base) from blocks where topic = ? and partition = ? and base <= ?")?;
        Ok(statement.query_row(params![place.topic, place.partition, offset], |row| row.get(0))?)
    }

    /// Deletes the blocks of a partition that start before `base`, and says what of the segments is free with them.
    pub(super) fn delete_blocks(&mut self, place: Place, base: i64) -> Result<Freed, StoreError> {
        let newest = self.0.segments.reach().segment;
        let mut freed = Freed::default();
        self.write(|connection| {
            let key = params![place.topic, place.partition, base];
            let below = "topic = ? and partition = ? and base < ?";
            let mut lying = connection.prepare_cached(&format!(
                "select segment, at, length from blocks where {below} and segment > 0 order by segment, at"
            ))?;
            let mut rows = lying.query(key)?;
            while let Some(row) = rows.next()? {
                let at = row.get::<_, i64>(1)?.cast_unsigned();
                freed.spots.push(Spot { segment: row.get(0)?, at, length: row.get(2)? });
            }
            connection.prepare_cached(&format!("delete from blocks where {below}"))?.execute(key)?;
            // The newest one's row says up to where its bytes are taken.
            let mut empty = connection.prepare_cached(
                "select number from segments where number < ?
                     and not exists(select 1 from blocks where segment = number and segment > 0)",
            )?;
            let mut rows = empty.query(params![newest])?;
            while let Some(row) = rows.next()? {
                freed.files.push(row.get(0)?);
            }
            Ok(())
        })?;
        Ok(freed)
    }

    /// Gives the disk back what nothing names any more.
    pub(super) fn free(&mut self, freed: &Freed) -> Result<(), StoreError> {
        self.0.segments.free(&freed.spots, &freed.files)?;
        if freed.files.is_empty() {
            return Ok(());
        }
        self.write(|connection| {
            let mut delete = connection.prepare_cached("delete from segments where number = ?")?;
            freed.files.iter().try_for_each(|number| delete.execute(params![number]).map(drop))
        })
    }

    fn write(&mut self, statements: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let connection = &mut self.0.connection;
        if !connection.is_autocommit() {
            // An earlier commit failed and could not be taken back then.
            connection.execute_batch("rollback")?;
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        statements(&transaction)?;
        transaction.commit()?;
        Ok(())
    }
}

/// What of the segments no block lies in any more.
#[derive(Default)]
pub(super) struct Freed {
    /// Where deleted blocks lay, in the order of files and bytes.
    spots: Vec<Spot>,
    /// Files in which nothing lies.
    pub(super) files: Vec<u32>,
}

/// What went wrong, in the log's words. A type of its own, so that nobody outside meets the database's errors.
pub(super) struct StoreError(LogError);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        let damaged = match &error {
            // The tables are ours alone: a value of another type was not written by this program.
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) => true,
            other => {
                matches!(other.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            }
        };
        Self(if damaged { LogError::Damaged(error.to_string()) } else { LogError::Store(Box::new(error)) })
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self(error.into())
    }
}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> Self {
        error.0
    }
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Brings a database of format 1 up to this one.
fn add_columns(connection: &Connection) -> Result<(), StoreError> {
    for column in ADDED {
        let there: bool = connection.query_row(
            "select count(*) from pragma_table_info('blocks') where name = ?",
            params![column],
            |row| row.get(0),
        )?;
        if !there {
            connection.execute_batch(&format!("alter table blocks add column {column} integer not null default 0"))?;
        }
    }
    Ok(())
}

fn read_reach_of_segments(connection: &Connection) -> Result<SegmentReach, StoreError> {
    let mut statement = connection.prepare("select number, reach from segments order by number desc limit 1")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(SegmentReach::default()) };
    Ok(SegmentReach { segment: row.get(0)?, end: row.get::<_, i64>(1)?.cast_unsigned() })
}

fn read_directory(connection: &Connection) -> Result<Directory, StoreError> {
    let mut topics = BTreeMap::new();
    let mut statement = connection.prepare("select number, name, identity, partitions from topics")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (number, name): (u32, Arc<str>) = (row.get(0)?, row.get(1)?);
        let identity = TopicIdentity(u128::from_be_bytes(row.get(2)?));
        let partitions: i32 = row.get(3)?;
        let reaches = (0..u32::try_from(partitions).unwrap_or(0))
            .map(|partition| read_reach(connection, Place { topic: number, partition }))
            .collect::<Result<_, _>>()?;
        topics.insert(number, (name, Topic { number, state: TopicState { identity, partitions }, reaches }));
    }
    let mut directory = Directory::default();
    for (name, topic) in topics.into_values() {
        directory.add_topic(name, topic);
    }
    let mut statement = connection.prepare("select owner, topic, partition, next, metadata from positions")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let place = Place { topic: row.get(1)?, partition: row.get(2)? };
        let position = Position { offset: row.get(3)?, metadata: row.get(4)? };
        directory.set_position(PositionKey { group: row.get(0)?, place }, position);
    }
    Ok(directory)
}

fn read_reach(connection: &Connection, place: Place) -> Result<Reach, StoreError> {
    let mut statement = connection.prepare_cached(
        "select base, count, latest, (select min(base) from blocks where topic = ?1 and partition = ?2)
             from blocks where topic = ?1 and partition = ?2 order by base desc limit 1",
    )?;
    let mut rows = statement.query(params![place.topic, place.partition])?;
    let Some(row) = rows.next()? else { return Ok(Reach::default()) };
    let (base, count, first): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(3)?);
    let end = base.checked_add(count).ok_or_else(|| {
        let text = format!("last block of partition {} of topic number {}", place.partition, place.topic);
        StoreError(LogError::Damaged(text))
    })?;
    Ok(Reach { first, end, latest_arrival: row.get(2)? })
}

fn read_blocks(
    (reader, segments): (&Connection, &Segments),
    (name, place): (&str, Place),
    (offset, end): (i64, i64),
    max_bytes: usize,
) -> Result<Vec<Records>, StoreError> {
    let damaged = |at: i64, why: &str| {
        let partition = place.partition;
        let text = format!("block at offset {at} of partition {partition} of topic `{name}`: {why}");
        StoreError(LogError::Damaged(text))
    };
    let mut statement = reader.prepare_cached(
        "select base, count, block, segment, at, length from blocks where topic = ?1 and partition = ?2 and base < ?4 and base >=
             (select max(base) from blocks where topic = ?1 and partition = ?2 and base <= ?3)
         order by base",
    )?;
    let mut rows = statement.query(params![place.topic, place.partition, offset, end])?;
    let mut blocks = Vec::new();
    let mut next = offset;
    let mut bytes = 0;
    while next < end && (blocks.is_empty() || bytes < max_bytes) {
        let row = rows.next()?.ok_or_else(|| damaged(next, "it is missing"))?;
        let (base, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        let stored = match row.get(3)? {
            0 => block::aligned(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?),
            segment => {
                let spot = Spot { segment, at: row.get::<_, i64>(4)?.cast_unsigned(), length: row.get(5)? };
                segments.read(spot).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => damaged(base, &format!("the file blocks-{segment} is missing")),
                    std::io::ErrorKind::InvalidData => damaged(base, &format!("in blocks-{segment}: {error}")),
                    _ => StoreError::from(error),
                })?
            }
        };
        let length = stored.len();
        let whole = block::decode(place, base, stored).map_err(|error| damaged(base, &error.to_string()))?;
        let skip = next.checked_sub(base).and_then(|skip| usize::try_from(skip).ok());
        let kept = skip.and_then(|skip| whole.len().checked_sub(skip)).filter(|kept| *kept > 0);
        let (Some(skip), Some(kept), true) = (skip, kept, whole.len() as i64 == count) else {
            return Err(damaged(next, "the blocks before it end elsewhere"));
        };
        // A block of which only the end is asked for counts as that part.
        bytes += length / whole.len() * kept;
        next = whole.next_offset();
        blocks.push(if skip == 0 { whole } else { whole.slice(skip, kept) });
    }
    Ok(block::join_small(blocks, SMALL_BLOCK, MOST_JOINED))
}
