//! Where a group stands in a topic of four partitions, asked of the broker.

use std::time::Duration;

use anyhow::Result;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, TopicPartitionList};

/// Longest wait for an answer.
const WAIT: Duration = Duration::from_secs(30);
/// Of each topic of the contest.
const PARTITIONS: i32 = 4;

/// Asks for one group and one topic.
pub(super) struct Positions {
    consumer: BaseConsumer,
    group: String,
    topic: String,
}

impl Positions {
    /// Of a group in a topic. `kafka` is an address.
    pub(super) fn of(kafka: &str, group: &str, topic: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka).set("group.id", group);
        Ok(Self { consumer: config.create()?, group: group.to_owned(), topic: topic.to_owned() })
    }

    /// What the group has committed.
    pub(super) fn committed(&self) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition(&self.topic, partition);
        }
        Ok(self.consumer.committed_offsets(list, WAIT)?)
    }

    /// Records before the committed positions, in all partitions.
    pub(super) fn done(&self) -> Result<i64> {
        Ok(self.committed()?.elements().iter().filter_map(|one| one.offset().to_raw()).map(|at| at.max(0)).sum())
    }

    /// Records of the topic.
    pub(super) fn ends(&self) -> Result<i64> {
        let ends = (0..PARTITIONS).map(|partition| Ok(self.consumer.fetch_watermarks(&self.topic, partition, WAIT)?.1));
        ends.sum()
    }

    /// True once the group has members, and each has what it is to read.
    pub(super) fn is_stable(&self) -> Result<bool> {
        let listed = self.consumer.fetch_group_list(Some(&self.group), WAIT)?;
        Ok(listed.groups().iter().any(|group| group.name() == self.group && group.state() == "Stable"))
    }

    /// True once the topic exists. Asking makes none.
    pub(super) fn topic_exists(&self) -> Result<bool> {
        Ok(self.consumer.fetch_metadata(None, WAIT)?.topics().iter().any(|topic| topic.name() == self.topic))
    }
}
