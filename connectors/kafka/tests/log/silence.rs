//! A client from which nothing comes any more, while the broker answers everybody else.

use std::sync::Arc;
use std::time::Duration;

use batch::{Headers, Records, RecordsBuilder};
use kafka_connector::KafkaLog;
use log::{Log, TopicSettings, Written};
use testkit::{KafkaProxy, Loses};

use crate::support::{Broker, open};

fn append(log: &KafkaLog, topic: &Arc<str>, value: &str) {
    let mut records = RecordsBuilder::new();
    records.push(None, Some(value.as_bytes()), &Headers::new(), 0);
    let mut transaction = log.begin();
    transaction
        .append(Written { topic: Arc::clone(topic), partition: 0, records: records.finish() })
        .expect("appended");
    transaction.commit().expect("committed");
}

#[test]
fn a_reader_that_gets_nothing_gives_its_place_to_another_one() {
    let proxy = KafkaProxy::start();
    let advertised = format!("advertised.listeners=PLAINTEXT://{}", proxy.address);
    let broker = Broker::start_with("silence", &["--set", &advertised]);
    proxy.forward_to(&broker.servers);
    let mut settings = broker.settings("", "one");
    settings.servers = proxy.address.to_string();
    // Far below the minute after which the client itself gives a request up.
    settings.request_timeout = Duration::from_secs(5);
    let log = open(settings);
    let topic: Arc<str> = "numbers".into();
    log.ensure_topic(&TopicSettings { name: Arc::clone(&topic), partitions: 1 }).expect("a topic");
    append(&log, &topic, "first");
    let first = log.read(&topic, 0, 0, 1 << 20).expect("readable");
    let next = first.last().expect("a record").next_offset();

    proxy.lose(Loses::RecordsOfOpenConnections);
    append(&log, &topic, "second");
    log.read(&topic, 0, next, 1 << 20).expect_err("nothing comes");
    assert!(proxy.lost() > 0);
    // The same connections stay deaf; whoever reads again has others.
    let second = log.read(&topic, 0, next, 1 << 20).expect("readable");
    let values: Vec<Vec<u8>> =
        second.iter().flat_map(Records::iter).map(|record| record.value.unwrap_or_default().to_vec()).collect();
    assert_eq!(values, [b"second"]);
}
