//! The log that is embedded on one machine: durable, in one folder, for one process at a time.
//!
//! The database is SQLite; why, and what it does per second, stands in this crate's `README.md`. What lies on disk is
//! drawn in the modules that own it: the folder in `folder.rs`, the tables in `store.rs`, the files of large
//! transactions in `segments.rs`, a block in `block.rs`.
//!
//! A commit takes the one writer, gives out offsets and arrivals, writes all blocks and positions in one transaction
//! of the database, which is on the disk when that returns, and then shows them to readers in one step. Readers go
//! through connections of their own and never wait for a commit.
//!
//! Deliberately absent: compression (the codec's bytes are dense already), fencing between processes (the
//! lock of the folder makes it pointless), threads.

mod block;
#[doc(hidden)]
pub mod blocks;
mod folder;
mod segments;
mod store;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use batch::Records;

use self::folder::Folder;
use self::store::Store;
use crate::directory::{Directory, Found};
use crate::pending::Pending;
use crate::signal::Signal;
use crate::{Appended, Log, LogError, Position, TopicSettings, TopicState, Transaction, Written};

/// See the module's prose.
pub struct EmbeddedLog {
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    directory: RwLock<Directory>,
    signal: Signal,
    // Fields are dropped in this order: the database is closed before the folder is unlocked.
    store: Store,
    _folder: Folder,
}

impl EmbeddedLog {
    /// Opens the log in `folder`, and makes it if it is missing. `clock` gives milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`LogError::InUse`] if another process (or another `EmbeddedLog` of this one) has it open; [`LogError::Format`]
    /// if another version wrote it; [`LogError::Damaged`] if the database cannot be read; else if the disk fails.
    pub fn open(folder: &Path, clock: Arc<dyn Fn() -> i64 + Send + Sync>) -> Result<Self, LogError> {
        let folder = Folder::open(folder)?;
        let (store, directory) = Store::open(&folder.database())?;
        folder.sync()?;
        Ok(Self { clock, directory: RwLock::new(directory), signal: Signal::new(), store, _folder: folder })
    }

    /// Brings all that is committed from the write-ahead file into the database. SQLite takes damage in the former for
    /// its end; in the latter it is found. At the end of a run there is time for it.
    ///
    /// # Errors
    /// If the store fails; nothing is lost then.
    pub fn settle(&self) -> Result<(), LogError> {
        Ok(self.store.settle()?)
    }

    fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        // Nothing panics while it holds the directory.
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_directory(&self, change: impl FnOnce(&mut Directory)) {
        change(&mut self.directory.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Log for EmbeddedLog {
    fn ensure_topic(&self, settings: &TopicSettings) -> Result<TopicState, LogError> {
        let mut writer = self.store.writer();
        let found = self.directory().find_or_plan(settings)?;
        match found {
            Found::There(state) => Ok(state),
            Found::Missing(topic) => {
                writer.add_topic(&settings.name, &topic)?;
                let state = topic.state.clone();
                self.change_directory(|directory| directory.add_topic(Arc::clone(&settings.name), topic));
                Ok(state)
            }
        }
    }

    fn topic(&self, name: &str) -> Result<Option<TopicState>, LogError> {
        Ok(self.directory().topic(name).map(|topic| topic.state.clone()))
    }

    fn topics(&self) -> Result<Vec<Arc<str>>, LogError> {
        Ok(self.directory().names())
    }

    fn end(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        Ok(self.directory().partition(topic, partition)?.1.end)
    }

    fn first(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        Ok(self.directory().partition(topic, partition)?.1.first)
    }

    fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        let mut writer = self.store.writer();
        let Some(place) = self.directory().cuttable(topic, partition, offset)? else { return Ok(()) };
        let Some(first) = writer.block_of(place, offset)? else { return Ok(()) };
        if self.directory().reach(place).is_none_or(|reach| reach.first >= first) {
            return Ok(());
        }
        // Before they go, so that who reads meanwhile knows why it finds nothing.
        let mut before = None;
        self.change_directory(|directory| before = directory.cut(place, first));
        let deleted = writer.delete_blocks(place, first);
        if deleted.is_err() {
            self.change_directory(|directory| {
                before.and_then(|before| directory.cut(place, before));
            });
        }
        let freed = deleted?;
        self.store.forget(&freed.files);
        writer.free(&freed)?;
        Ok(())
    }

    fn read(&self, topic: &str, partition: i32, offset: i64, max_bytes: usize) -> Result<Vec<Records>, LogError> {
        let (place, reach) = self.directory().readable(topic, partition, offset)?;
        if offset == reach.end {
            return Ok(Vec::new());
        }
        self.store.read((topic, place), (offset, reach.end), max_bytes).or_else(|error| {
            // They may have been deleted after they were found: then that is what is wrong with them.
            self.directory().readable(topic, partition, offset)?;
            Err(error.into())
        })
    }

    fn position(&self, group: &str, topic: &str, partition: i32) -> Result<Option<Position>, LogError> {
        self.directory().position(group, topic, partition)
    }

    fn begin(&self) -> Box<dyn Transaction + '_> {
        Box::new(EmbeddedTransaction { log: self, pending: Pending::default() })
    }

    fn wait(&self, seen: u64, limit: Duration) -> u64 {
        self.signal.wait(seen, limit)
    }
}

struct EmbeddedTransaction<'a> {
    log: &'a EmbeddedLog,
    pending: Pending,
}

impl Transaction for EmbeddedTransaction<'_> {
    fn append(&mut self, written: Written) -> Result<(), LogError> {
        self.pending.append(&self.log.directory(), written)
    }

    fn commit_position(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        position: Position,
    ) -> Result<(), LogError> {
        self.pending.commit_position(&self.log.directory(), (group, topic, partition), position)
    }

    fn commit(self: Box<Self>) -> Result<Vec<Appended>, LogError> {
        let Self { log, pending } = *self;
        let changes = !pending.changes_nothing();
        let mut writer = log.store.writer();
        let settled = pending.settle(&log.directory(), (log.clock)());
        if changes {
            writer.commit(&settled)?;
            log.change_directory(|directory| directory.apply(settled.committed));
            log.signal.raise();
        }
        Ok(settled.appended)
    }
}
