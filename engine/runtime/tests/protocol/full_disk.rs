//! A log whose disk is full for a moment: whichever commit it hits, the task waits and goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use batch::Records;
use log::{Appended, Log, LogError, Position, TopicSettings, TopicState, Transaction, Written};

use crate::world::{Kind, Script, World};

/// Refuses one commit, by its number.
struct FullOnce {
    log: Arc<dyn Log>,
    commits: AtomicUsize,
    full_at: usize,
}

impl Log for FullOnce {
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
        Box::new(Refusing { log: self, inner: self.log.begin() })
    }

    fn wait(&self, seen: u64, limit: Duration) -> u64 {
        self.log.wait(seen, limit)
    }
}

struct Refusing<'a> {
    log: &'a FullOnce,
    inner: Box<dyn Transaction + 'a>,
}

impl Transaction for Refusing<'_> {
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
        if self.log.commits.fetch_add(1, Ordering::SeqCst) == self.log.full_at {
            return Err(LogError::Store(Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull))));
        }
        self.inner.commit()
    }
}

#[test]
fn a_commit_that_finds_no_room_is_tried_again() {
    for kind in [Kind::Append, Kind::ByKey] {
        let plenty = World::in_memory(kind);
        plenty.prepare();
        plenty.run("r1", Arc::new(Script::default())).fine();
        let expected = plenty.result("plenty");
        let mut full_at = 0;
        loop {
            let world = World::in_memory(kind);
            world.prepare();
            let log = Arc::new(FullOnce { log: world.log(), commits: AtomicUsize::new(0), full_at });
            let mut parts = world.parts("r1", Arc::new(Script::default()), true);
            parts.log = Arc::clone(&log) as _;
            let ended = runtime::run(parts).expect("the log works");
            assert!(ended.failed.is_empty(), "{kind:?}, commit {full_at}: {:?}", ended.failed);
            assert_eq!(world.result("full"), expected, "{kind:?}, commit {full_at}");
            if log.commits.load(Ordering::SeqCst) <= full_at {
                break;
            }
            full_at += 1;
        }
        // At least two of each range: it is opened and closed.
        assert!(full_at >= 4, "{kind:?}: {full_at}");
    }
}
