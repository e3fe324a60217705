//! Keys that were seen, each with the arrival and the content of the row that made it known.
//!
//! Time is the *arrival* of records, so that back-fill and replay decide the same. A row repeats a key if
//! `seen + remember > arrival`. Stream time is the highest arrival that the store was shown. A row that arrived more
//! than `remember` before stream time is late: its repeats may be forgotten.
//!
//! Invariants:
//! * A row that is not late needs keys seen after `arrival - remember`, that is after `stream time - 2 × remember`. So
//!   keys are kept for twice `remember`, and which of the older ones are still in memory can change no answer.
//! * Arrivals of one key only grow: a row makes its key known anew only if it arrived `remember` or more after it.
//! * An entry takes 32 bytes and the map's own byte, and no allocation of its own.
//!
//! Changelog records (whole numbers big-endian):
//!
//! ```text
//! key    0  1  2: a block of seen keys       key    0  1  1: stream time
//! value  0  1  version of the format: 1      value  0  1  version of the format: 1
//!           n  entries of 32 bytes                  1  8  stream time in milliseconds
//!
//! key    0  1  3: rows come once more
//! value  0  1  version of the format: 1
//!        1  8  arrival of the first of them, in milliseconds; the lowest number for all
//!
//! entry   0 16  fingerprint of the key
//!        16  8  arrival in milliseconds
//!        24  8  fingerprint of the content
//! ```
//!
//! Nothing in it says that a key is forgotten: whoever reads it knows by the arrivals and stream time. So a changelog
//! need not be compacted, and a block whose arrivals all lie `2 × remember` before stream time is of no use any more.
//! Arrivals in a block are at most stream time when it was written, so that tells of whole stretches of a changelog
//! whether they can go. The last record of stream time is never among them. A key is written down anew `remember`
//! after it was at the earliest, so what stays is not much more than what is in memory.
//!
//! Changelogs of earlier versions hold a record for each key, which is still read: its key is a 0 and the fingerprint,
//! its value the version, arrival and fingerprint of the content; without a value the key is forgotten.
//!
//! State in a snapshot:
//!
//! ```text
//! 0  1  version of the format: 1
//! 1  8  stream time in milliseconds; the lowest number if no row came yet
//! 9  8  number of entries
//!    n  entries of 32 bytes
//! ```
//!
//! Deliberately absent: how a key or a content is made a fingerprint; the step does that.

use std::collections::{HashMap, hash_map};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::fingerprint_map::FingerprintMap;
use crate::snapshot::take;
use crate::{Age, Savepoint, Store, StoreError, TakeChange};

const VERSION: u8 = 1;
const SEEN_KEY: u8 = 0;
const STREAM_TIME: u8 = 1;
const SEEN_KEYS: u8 = 2;
const ONCE_MORE: u8 = 3;

/// Entries of one record of the changelog. More: fewer records. Fewer: smaller ones; this many take 256 KiB.
const BLOCK: usize = 8192;
/// Bytes of an entry.
const ENTRY: usize = 32;

/// Sweeps in the time of `remember`. With more, the map is walked more often (each walk touches all entries); with
/// fewer, more forgotten keys stay in memory: one part in twice this number.
const SWEEPS: i64 = 16;

/// What a store knows about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The key is new, and known from now on.
    New,
    /// The key is known with this content.
    Repeat,
    /// The key is known with another content.
    OtherContent,
    /// The row arrived too long ago to be told from a repeat.
    Late,
}

/// The store of a dedupe step.
#[derive(Debug)]
pub struct SeenKeys {
    name: Arc<str>,
    remember: i64,
    entries: FingerprintMap<Entry>,
    stream_time: i64,
    committed_stream_time: i64,
    /// What was changed since the last commit, oldest first.
    undo: Vec<Undo>,
    /// Stream time of the last sweep.
    swept_at: i64,
    /// The only key that is read from a changelog; `None` reads all.
    only: Option<u128>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    arrival: i64,
    content: u64,
}

#[derive(Clone, Copy, Debug)]
enum Undo {
    /// What an entry was before it was changed, and what it became.
    Entry(u128, Option<Entry>, Entry),
    /// Stream time at a savepoint, which is the place after this.
    Savepoint(i64),
}

impl SeenKeys {
    /// An empty store. `remember` counts in whole milliseconds.
    #[must_use]
    pub fn new(name: Arc<str>, remember: Duration) -> Self {
        Self {
            name,
            remember: i64::try_from(remember.as_millis()).unwrap_or(i64::MAX),
            entries: FingerprintMap::default(),
            stream_time: i64::MIN,
            committed_stream_time: i64::MIN,
            undo: Vec::new(),
            swept_at: i64::MIN,
            only: None,
        }
    }

    /// An empty store that reads no other key than this one from a changelog.
    #[must_use]
    pub fn of_one_key(name: Arc<str>, remember: Duration, key: u128) -> Self {
        Self { only: Some(key), ..Self::new(name, remember) }
    }

    /// Shows the store a row: fingerprint of its key, fingerprint of its content, arrival in milliseconds since 1970.
    /// A content of 0 on either side is unknown and equals every other.
    pub fn observe(&mut self, key: u128, content: u64, arrival: i64) -> Seen {
        // Sums of 128 bits: where 64 stop at their ends, the last arrival there is would not repeat itself.
        let remember = i128::from(self.remember);
        if i128::from(arrival) + remember < i128::from(self.stream_time) {
            return Seen::Late;
        }
        self.stream_time = self.stream_time.max(arrival);
        let entry = Entry { arrival, content };
        let found = match self.entries.entry(key) {
            hash_map::Entry::Vacant(place) => {
                place.insert(entry);
                None
            }
            hash_map::Entry::Occupied(mut found) => {
                let before = *found.get();
                if i128::from(before.arrival) + remember > i128::from(arrival) {
                    let same = before.content == content || before.content == 0 || content == 0;
                    return if same { Seen::Repeat } else { Seen::OtherContent };
                }
                Some(found.insert(entry))
            }
        };
        self.undo.push(Undo::Entry(key, found, entry));
        Seen::New
    }

    /// The highest arrival that the store was shown, in milliseconds since 1970.
    #[must_use]
    pub fn stream_time(&self) -> Option<i64> {
        (self.stream_time != i64::MIN).then_some(self.stream_time)
    }

    /// When a key was made known, in milliseconds since 1970, and the fingerprint of its content then. A key is kept for
    /// longer than it is remembered.
    #[must_use]
    pub fn get(&self, key: u128) -> Option<(i64, u64)> {
        self.entries.get(key).map(|entry| (entry.arrival, entry.content))
    }

    /// The record of a changelog that says: rows which arrived from then on, or all, come once more. What they made known
    /// is forgotten with it.
    pub fn once_more(from: Option<i64>, take: &mut TakeChange<'_>) {
        let mut value = [VERSION; 9];
        value[1..].copy_from_slice(&from.unwrap_or(i64::MIN).to_be_bytes());
        take(&[ONCE_MORE], Some(&value));
    }

    fn take_back(&mut self, length: usize, stream_time: i64) {
        for undo in self.undo.drain(length.min(self.undo.len())..).rev() {
            match undo {
                Undo::Entry(key, Some(entry), _) => drop(self.entries.insert(key, entry)),
                Undo::Entry(key, None, _) => drop(self.entries.remove(key)),
                Undo::Savepoint(_) => {}
            }
        }
        self.stream_time = stream_time;
    }

    /// Forgets what can change no answer any more, if stream time has moved far enough since that was done last.
    fn sweep(&mut self) {
        let pause = (self.remember / SWEEPS).max(1);
        if self.stream_time.saturating_sub(self.swept_at) >= pause {
            let (remember, stream_time) = (i128::from(self.remember), i128::from(self.stream_time));
            self.entries.retain(|entry| i128::from(entry.arrival) + 2 * remember > stream_time);
            self.swept_at = self.stream_time;
        }
    }

    /// Takes an entry of a changelog.
    fn take(&mut self, key: u128, entry: Option<Entry>) {
        if self.only.is_some_and(|only| only != key) {
            return;
        }
        match entry {
            Some(entry) => self.entries.insert(key, entry),
            None => self.entries.remove(key),
        };
    }

    fn malformed(&self, what: &'static str) -> StoreError {
        StoreError::Record { store: Arc::clone(&self.name), what }
    }

    fn settle(&mut self) {
        self.undo.clear();
        self.committed_stream_time = self.stream_time;
    }
}

impl Store for SeenKeys {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn memory(&self) -> usize {
        self.entries.memory()
    }

    fn savepoint(&mut self) -> Savepoint {
        self.undo.push(Undo::Savepoint(self.stream_time));
        Savepoint(self.undo.len())
    }

    fn rewind(&mut self, to: Savepoint) {
        let marked = to.0.checked_sub(1).and_then(|index| self.undo.get(index));
        if let Some(Undo::Savepoint(stream_time)) = marked {
            self.take_back(to.0, *stream_time);
        } else {
            // The savepoint is older than the last commit or was itself taken back: the commit is the nearest.
            self.rollback();
        }
    }

    fn changed(&self) -> usize {
        self.undo.len()
    }

    fn changes(&mut self, take: &mut TakeChange<'_>) {
        let mut block = Vec::new();
        for undo in &self.undo {
            let Undo::Entry(key, _, entry) = undo else { continue };
            if block.is_empty() {
                block.push(VERSION);
            }
            block.extend(entry.bytes(*key));
            if block.len() > BLOCK * ENTRY {
                take(&[SEEN_KEYS], Some(&block));
                block.clear();
            }
        }
        if !block.is_empty() {
            take(&[SEEN_KEYS], Some(&block));
        }
        if self.stream_time != self.committed_stream_time {
            let mut value = [VERSION; 9];
            value[1..].copy_from_slice(&self.stream_time.to_be_bytes());
            take(&[STREAM_TIME], Some(&value));
        }
    }

    fn commit(&mut self) {
        self.settle();
        self.sweep();
    }

    fn rollback(&mut self) {
        self.take_back(0, self.committed_stream_time);
        self.settle();
    }

    fn clear(&mut self) {
        let new = Self::new(Arc::clone(&self.name), Duration::ZERO);
        *self = Self { remember: self.remember, only: self.only, ..new };
    }

    fn apply(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<usize, StoreError> {
        if !self.undo.is_empty() || self.stream_time != self.committed_stream_time {
            return Err(StoreError::Uncommitted(Arc::clone(&self.name)));
        }
        if let Some([version, ..]) = value
            && *version != VERSION
        {
            return Err(StoreError::Version { what: "changelog record", found: *version, known: VERSION });
        }
        let entries = match (key.split_first(), value) {
            (Some((&SEEN_KEYS, [])), Some(value)) => {
                let (entries, []) = value.get(1..).unwrap_or_default().as_chunks::<ENTRY>() else {
                    return Err(self.malformed("a block of another length"));
                };
                for bytes in entries {
                    let (key, entry) = Entry::read(bytes);
                    // The record of stream time comes after its blocks, and a reader may stop between them.
                    self.stream_time = self.stream_time.max(entry.arrival);
                    self.take(key, Some(entry));
                }
                entries.len()
            }
            (Some((&SEEN_KEY, rest)), value) => {
                let key = rest.try_into().map_err(|_| self.malformed("a key of another length"))?;
                let entry = match value {
                    None => None,
                    Some(value) => {
                        Some(Entry::alone(value).ok_or_else(|| self.malformed("a value of another length"))?)
                    }
                };
                self.stream_time = self.stream_time.max(entry.map_or(i64::MIN, |entry| entry.arrival));
                self.take(u128::from_be_bytes(key), entry);
                1
            }
            (Some((&STREAM_TIME, [])), Some(value)) => {
                let time = value.get(1..).and_then(|rest| rest.try_into().ok());
                let time = i64::from_be_bytes(time.ok_or_else(|| self.malformed("a time of another length"))?);
                self.stream_time = self.stream_time.max(time);
                // So that a changelog with years in it takes no more memory than the store did.
                self.sweep();
                0
            }
            (Some((&ONCE_MORE, [])), Some(value)) => {
                let from = value.get(1..).and_then(|rest| rest.try_into().ok());
                let from = i64::from_be_bytes(from.ok_or_else(|| self.malformed("a time of another length"))?);
                self.entries.retain(|entry| entry.arrival < from);
                // Else all of them would be late.
                self.stream_time = self.stream_time.min(from);
                self.swept_at = self.stream_time;
                0
            }
            _ => return Err(self.malformed("an unknown kind of key")),
        };
        self.settle();
        Ok(entries)
    }

    fn age(&self) -> Option<Age> {
        let now = self.committed_stream_time;
        let outdated = i128::from(now) - 2 * i128::from(self.remember);
        // With a time that is further back than there are numbers, nothing is ever outdated.
        (now != i64::MIN).then_some(Age { now, outdated: i64::try_from(outdated).unwrap_or(i64::MIN) })
    }

    fn write_state(&self, to: &mut dyn Write) -> Result<(), StoreError> {
        // What the changed entries were at the last commit: the oldest of their undo entries.
        let mut before: HashMap<u128, Option<Entry>> = HashMap::new();
        for undo in &self.undo {
            if let Undo::Entry(key, entry, _) = undo {
                before.entry(*key).or_insert(*entry);
            }
        }
        let added = before.values().filter(|entry| entry.is_none()).count();
        to.write_all(&[VERSION])?;
        to.write_all(&self.committed_stream_time.to_be_bytes())?;
        to.write_all(&((self.entries.len() - added) as u64).to_be_bytes())?;
        for (key, entry) in self.entries.iter() {
            if let Some(entry) = before.get(&key).copied().unwrap_or(Some(*entry)) {
                to.write_all(&entry.bytes(key))?;
            }
        }
        Ok(())
    }

    fn read_state(&mut self, from: &mut dyn Read) -> Result<(), StoreError> {
        self.clear();
        let [version] = take(from)?;
        if version != VERSION {
            return Err(StoreError::Version { what: "state of a dedupe", found: version, known: VERSION });
        }
        self.stream_time = i64::from_be_bytes(take(from)?);
        let count = u64::from_be_bytes(take(from)?);
        // A damaged count must not reserve memory that the bytes cannot fill.
        self.entries.reserve(usize::try_from(count.min(1 << 20)).unwrap_or(0));
        for _ in 0..count {
            let (key, entry) = Entry::read(&take(from)?);
            if self.entries.insert(key, entry).is_some() {
                return Err(StoreError::Damaged("one key stands there twice"));
            }
        }
        self.settle();
        Ok(())
    }
}

impl Entry {
    fn bytes(self, key: u128) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..16].copy_from_slice(&key.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.arrival.to_be_bytes());
        bytes[24..].copy_from_slice(&self.content.to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8; ENTRY]) -> (u128, Self) {
        let (mut key, mut arrival, mut content) = ([0; 16], [0; 8], [0; 8]);
        key.copy_from_slice(&bytes[..16]);
        arrival.copy_from_slice(&bytes[16..24]);
        content.copy_from_slice(&bytes[24..]);
        let entry = Self { arrival: i64::from_be_bytes(arrival), content: u64::from_be_bytes(content) };
        (u128::from_be_bytes(key), entry)
    }

    /// The value of a record for one key.
    fn alone(value: &[u8]) -> Option<Self> {
        let (_, rest) = value.split_first()?;
        let (arrival, content) = rest.split_at_checked(8)?;
        let arrival = i64::from_be_bytes(arrival.try_into().ok()?);
        Some(Self { arrival, content: u64::from_be_bytes(content.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests;
