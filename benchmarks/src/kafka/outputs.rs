//! Compares what two contestants wrote, without regard to order: each record's key, and its value behind the schema's id.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// Longest wait for a record.
const WAIT: Duration = Duration::from_secs(30);

/// Number of records, and the sum of their hashes.
type Sum = (u64, u64);

/// Fails unless the topics hold the same records.
pub(super) fn compare(servers: &str, topics: &[String; 2]) -> Result<()> {
    let [one, other] = [sum(servers, &topics[0])?, sum(servers, &topics[1])?];
    ensure!(one == other, "{topics:?} hold different records: {one:?} and {other:?}");
    eprintln!("  both wrote the same {} records", one.0);
    Ok(())
}

fn sum(servers: &str, topic: &str) -> Result<Sum> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("isolation.level", "read_committed").set("group.id", "compare");
    config.set("enable.partition.eof", "true").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), WAIT)?;
    let partitions = metadata.topics().first().context("no such topic")?.partitions().len();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, i32::try_from(partition)?, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let (mut ends, mut sum) = (0, (0_u64, 0_u64));
    while ends < partitions {
        match consumer.poll(WAIT).context("nothing came in time")? {
            Err(KafkaError::PartitionEOF(_)) => ends += 1,
            Err(error) => return Err(error.into()),
            Ok(record) => {
                let mut hasher = DefaultHasher::new();
                record.key().hash(&mut hasher);
                record.payload().and_then(|value| value.get(5..)).hash(&mut hasher);
                sum = (sum.0 + 1, sum.1.wrapping_add(hasher.finish()));
            }
        }
    }
    Ok(sum)
}
