//! Batches that were damaged on a broker's disk, which the broker gives as they lie there.

use std::sync::Arc;

use batch::{Headers, RecordsBuilder};
use kafka_connector::KafkaLog;
use log::{Log, LogError, TopicSettings, Written};

use crate::support::{Broker, namespace, open};

/// A value of nothing but zeros. A reader that goes on within it finds heads of messages that are less than no bytes long.
const LONG: [u8; 4096] = [0; 4096];

/// A topic with a batch for each value.
fn filled(log: &KafkaLog, name: &str, values: [&[u8]; 2]) -> Arc<str> {
    let topic: Arc<str> = name.into();
    log.ensure_topic(&TopicSettings { name: Arc::clone(&topic), partitions: 1 }).expect("a topic");
    for value in values {
        let mut records = RecordsBuilder::new();
        records.push(None, Some(value), &Headers::new(), 0);
        let mut transaction = log.begin();
        let written = Written { topic: Arc::clone(&topic), partition: 0, records: records.finish() };
        transaction.append(written).expect("appended");
        transaction.commit().expect("committed");
    }
    topic
}

#[test]
fn a_damaged_batch_is_told_wherever_it_is_and_whatever_it_holds() {
    let (broker, namespace) = (Broker::start("damage"), namespace());
    let mut settings = broker.settings(&namespace, "one");
    settings.client.insert("compression.type".into(), "none".into());
    let log = open(settings);
    let head = filled(&log, "head", [&LONG, b"good"]);
    let tail = filled(&log, "tail", [b"good", &LONG]);
    let outside = [&head, &tail].map(|topic| format!("{namespace}{topic}"));
    broker.damage(&outside, |bytes| {
        let zeros = bytes.windows(LONG.len()).position(|bytes| bytes == LONG).expect("the value as it was written");
        bytes[zeros + LONG.len() / 2] = 1;
    });
    // A flow that is held looks again and again.
    for _ in 0..5 {
        let error = log.read(&head, 0, 0, 1 << 20).expect_err("its first batch is damaged");
        assert!(matches!(&error, LogError::Damaged(_)), "{error}");
    }
    let found = log.read(&tail, 0, 0, 1).expect("its first batch is whole");
    let record = found.first().and_then(|block| block.iter().next()).expect("a record");
    assert_eq!((record.offset, record.value), (0, Some(&b"good"[..])));
    let error = log.read(&tail, 0, 2, 1 << 20).expect_err("its second batch is damaged");
    assert!(matches!(&error, LogError::Damaged(_)), "{error}");
}
