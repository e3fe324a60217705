//! A log that does what another does, but for its commits: those go through a hook, which may refuse them, lose their
//! answers or end the world.

use std::sync::Arc;
use std::time::Duration;

use batch::Records;
use log::{Appended, Log, LogError, Membership, Position, TopicSettings, TopicState, Transaction, Written};

/// What becomes of commits.
pub trait CommitHook: Send + Sync {
    /// Commits the transaction, or does not.
    ///
    /// # Errors
    /// Whatever the hook makes of it.
    fn commit(&self, transaction: Box<dyn Transaction + '_>) -> Result<Vec<Appended>, LogError>;
}

/// See the module's prose.
pub struct HookedLog<Hook> {
    /// The log that does the work.
    pub log: Arc<dyn Log>,
    /// What becomes of commits.
    pub hook: Hook,
}

impl<Hook: CommitHook> Log for HookedLog<Hook> {
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

    fn first(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.log.first(topic, partition)
    }

    fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.log.delete_before(topic, partition, offset)
    }

    fn read(&self, topic: &str, partition: i32, offset: i64, max_bytes: usize) -> Result<Vec<Records>, LogError> {
        self.log.read(topic, partition, offset, max_bytes)
    }

    fn keeps_for(&self, topic: &str) -> Result<Option<Duration>, LogError> {
        self.log.keeps_for(topic)
    }

    fn position(&self, group: &str, topic: &str, partition: i32) -> Result<Option<Position>, LogError> {
        self.log.position(group, topic, partition)
    }

    fn await_settled(&self, topic: &str, partition: i32) -> Result<(), LogError> {
        self.log.await_settled(topic, partition)
    }

    fn has_members(&self) -> bool {
        self.log.has_members()
    }

    fn join(&self, group: &str, topics: &[Arc<str>]) -> Result<Box<dyn Membership>, LogError> {
        self.log.join(group, topics)
    }

    fn begin(&self) -> Box<dyn Transaction + '_> {
        Box::new(Hooked { hook: &self.hook, inner: self.log.begin() })
    }

    fn wait(&self, seen: u64, limit: Duration) -> u64 {
        self.log.wait(seen, limit)
    }
}

struct Hooked<'a> {
    hook: &'a dyn CommitHook,
    inner: Box<dyn Transaction + 'a>,
}

impl Transaction for Hooked<'_> {
    fn claim(&mut self, group: &str, topic: &str, partition: i32) {
        self.inner.claim(group, topic, partition);
    }

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
        let Self { hook, inner } = *self;
        hook.commit(inner)
    }
}
