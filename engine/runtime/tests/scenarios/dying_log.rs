//! A log as a dying process sees it: at one commit the process is gone, before it or after it, and says nothing more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use batch::Records;
use log::{Appended, Log, LogError, Position, TopicSettings, TopicState, Transaction, Written};
use runtime::StopSignal;

use crate::story::Death;

/// The log of one life.
pub(crate) struct DyingLog {
    pub(crate) log: Arc<dyn Log>,
    /// Only deaths at commits are its own.
    pub(crate) death: Option<Death>,
    /// True if no commit finds room.
    pub(crate) full: bool,
    pub(crate) commits: AtomicUsize,
    pub(crate) dead: AtomicBool,
    /// Given with the death: nothing in a dead process waits.
    pub(crate) stop: StopSignal,
}

impl DyingLog {
    fn die(&self) -> LogError {
        self.dead.store(true, Ordering::SeqCst);
        self.stop.stop();
        // What a process is told that must write nothing more.
        LogError::Fenced
    }
}

impl Log for DyingLog {
    fn ensure_topic(&self, settings: &TopicSettings) -> Result<TopicState, LogError> {
        self.log.ensure_topic(settings)
    }

    fn topic(&self, name: &str) -> Result<Option<TopicState>, LogError> {
        self.log.topic(name)
    }

    fn topics(&self) -> Result<Vec<Arc<str>>, LogError> {
        self.log.topics()
    }

    fn end(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.log.end(topic, partition)
    }

    fn read(&self, topic: &str, partition: i32, offset: i64, max_bytes: usize) -> Result<Vec<Records>, LogError> {
        self.log.read(topic, partition, offset, max_bytes)
    }

    fn position(&self, group: &str, topic: &str, partition: i32) -> Result<Option<Position>, LogError> {
        self.log.position(group, topic, partition)
    }

    fn begin(&self) -> Box<dyn Transaction + '_> {
        Box::new(DyingTransaction { log: self, inner: self.log.begin() })
    }

    fn wait(&self, seen: u64, limit: Duration) -> u64 {
        self.log.wait(seen, limit)
    }
}

struct DyingTransaction<'a> {
    log: &'a DyingLog,
    inner: Box<dyn Transaction + 'a>,
}

impl Transaction for DyingTransaction<'_> {
    fn append(&mut self, written: Written) -> Result<(), LogError> {
        self.inner.append(written)
    }

    fn commit_position(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        position: Position,
    ) -> Result<(), LogError> {
        self.inner.commit_position(group, topic, partition, position)
    }

    fn commit(self: Box<Self>) -> Result<Vec<Appended>, LogError> {
        let Self { log, inner } = *self;
        let number = log.commits.fetch_add(1, Ordering::SeqCst);
        if log.full {
            return Err(LogError::Store(Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull))));
        }
        if log.dead.load(Ordering::SeqCst) || log.death == Some(Death::Before(number)) {
            return Err(log.die());
        }
        let appended = inner.commit()?;
        if log.death == Some(Death::After(number)) { Err(log.die()) } else { Ok(appended) }
    }
}
