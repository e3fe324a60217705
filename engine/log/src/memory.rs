//! A log that forgets: everything is in memory, for tests and for the driver.
//!
//! It passes the same suite as the durable logs. A test can make a commit fail as a full disk would.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use batch::Records;

use crate::directory::{Directory, Found, Place};
use crate::pending::Pending;
use crate::signal::Signal;
use crate::{Appended, Log, LogError, Position, TopicSettings, TopicState, Transaction, Written};

/// See the module's prose.
pub struct MemoryLog {
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    contents: Mutex<Contents>,
    signal: Signal,
}

#[derive(Default)]
struct Contents {
    directory: Directory,
    blocks: HashMap<Place, Vec<Records>>,
    failures: VecDeque<std::io::ErrorKind>,
}

impl MemoryLog {
    /// An empty log. `clock` gives milliseconds since 1970 UTC.
    #[must_use]
    pub fn new(clock: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        Self { clock, contents: Mutex::default(), signal: Signal::new() }
    }

    /// Makes the next commit that changes anything fail with [`LogError::Store`]; nothing of it happens. Called twice,
    /// the next two fail.
    pub fn fail_next_commit(&self, kind: std::io::ErrorKind) {
        self.contents().failures.push_back(kind);
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // Nothing in here panics between two changes that belong together.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for MemoryLog {
    fn ensure_topic(&self, settings: &TopicSettings) -> Result<TopicState, LogError> {
        let mut contents = self.contents();
        match contents.directory.find_or_plan(settings)? {
            Found::There(state) => Ok(state),
            Found::Missing(topic) => {
                let state = topic.state.clone();
                contents.directory.add_topic(Arc::clone(&settings.name), topic);
                Ok(state)
            }
        }
    }

    fn topic(&self, name: &str) -> Result<Option<TopicState>, LogError> {
        Ok(self.contents().directory.topic(name).map(|topic| topic.state.clone()))
    }

    fn topics(&self) -> Result<Vec<Arc<str>>, LogError> {
        Ok(self.contents().directory.names())
    }

    fn end(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        Ok(self.contents().directory.partition(topic, partition)?.1.end)
    }

    fn first(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        Ok(self.contents().directory.partition(topic, partition)?.1.first)
    }

    fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        let mut contents = self.contents();
        let Some(place) = contents.directory.cuttable(topic, partition, offset)? else { return Ok(()) };
        let Contents { directory, blocks, .. } = &mut *contents;
        if let Some(blocks) = blocks.get_mut(&place) {
            // Whole blocks, and never the last one, as on disk.
            let gone = blocks.partition_point(|block| block.next_offset() <= offset).min(blocks.len() - 1);
            blocks.drain(..gone);
            directory.cut(place, blocks[0].base_offset);
        }
        Ok(())
    }

    fn read(&self, topic: &str, partition: i32, offset: i64, max_bytes: usize) -> Result<Vec<Records>, LogError> {
        let contents = self.contents();
        let (place, _) = contents.directory.readable(topic, partition, offset)?;
        let blocks = contents.blocks.get(&place).map_or(&[][..], Vec::as_slice);
        let first = blocks.partition_point(|block| block.next_offset() <= offset);
        let mut answer = Vec::new();
        let mut bytes = 0;
        for block in &blocks[first..] {
            let skip = usize::try_from(offset - block.base_offset).unwrap_or(0);
            let block = block.slice(skip, block.len() - skip);
            bytes += bytes_of(&block);
            answer.push(block);
            if bytes >= max_bytes {
                break;
            }
        }
        Ok(answer)
    }

    fn position(&self, group: &str, topic: &str, partition: i32) -> Result<Option<Position>, LogError> {
        self.contents().directory.position(group, topic, partition)
    }

    fn begin(&self) -> Box<dyn Transaction + '_> {
        Box::new(MemoryTransaction { log: self, pending: Pending::default() })
    }

    fn wait(&self, seen: u64, limit: Duration) -> u64 {
        self.signal.wait(seen, limit)
    }
}

/// Bytes of a block as the embedded log would roughly count them: arrivals and lengths are 20 bytes a record.
fn bytes_of(block: &Records) -> usize {
    (0..block.len()).map(|index| crate::rules::record_bytes(block, index) + 20).sum()
}

struct MemoryTransaction<'a> {
    log: &'a MemoryLog,
    pending: Pending,
}

impl Transaction for MemoryTransaction<'_> {
    fn append(&mut self, written: Written) -> Result<(), LogError> {
        self.pending.append(&self.log.contents().directory, written)
    }

    fn commit_position(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        position: Position,
    ) -> Result<(), LogError> {
        self.pending.commit_position(&self.log.contents().directory, (group, topic, partition), position)
    }

    fn commit(self: Box<Self>) -> Result<Vec<Appended>, LogError> {
        let Self { log, pending } = *self;
        let changes = !pending.changes_nothing();
        let mut contents = log.contents();
        if changes && let Some(kind) = contents.failures.pop_front() {
            return Err(LogError::Store(Box::new(std::io::Error::from(kind))));
        }
        let settled = pending.settle(&contents.directory, (log.clock)());
        for block in settled.blocks {
            contents.blocks.entry(block.place).or_default().push(block.records);
        }
        contents.directory.apply(settled.committed);
        drop(contents);
        if changes {
            log.signal.raise();
        }
        Ok(settled.appended)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::Arc;

    use super::MemoryLog;
    use crate::{Log, LogError, Position, TopicSettings};

    #[test]
    fn an_injected_failure_leaves_nothing_and_passes() {
        let log = MemoryLog::new(Arc::new(|| 1));
        log.ensure_topic(&TopicSettings { name: "prices".into(), partitions: 1 }).expect("legal");
        log.fail_next_commit(ErrorKind::StorageFull);
        let commit = |offset| {
            let mut transaction = log.begin();
            let position = Position { offset, metadata: String::new() };
            transaction.commit_position("group", "prices", 0, position).expect("legal");
            transaction.commit()
        };
        assert!(log.begin().commit().is_ok(), "a transaction that changes nothing does not reach the store");
        assert!(matches!(commit(1), Err(LogError::Store(_))));
        assert_eq!(log.position("group", "prices", 0).expect("exists"), None);
        assert!(commit(2).is_ok());
        assert_eq!(log.position("group", "prices", 0).expect("exists").map(|position| position.offset), Some(2));
    }
}
