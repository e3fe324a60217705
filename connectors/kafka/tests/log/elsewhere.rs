//! Topics of others, whose names do not begin with the namespace of a log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use batch::{Headers, Records, RecordsBuilder};
use log::{Change, Log, LogError, Position, TopicSettings, Written};

use crate::support::{broker, namespace, open, until};

#[test]
fn a_topic_of_others_is_read_under_a_name_of_ours() {
    let (broker, ours, theirs) = (broker(), namespace(), namespace());
    let whole = format!("{theirs}trades.v1");
    let writer = broker.open(&theirs, "others");
    let topic: Arc<str> = "trades.v1".into();
    let made = writer.ensure_topic(&TopicSettings { name: Arc::clone(&topic), partitions: 1 }).expect("a topic");
    let mut records = RecordsBuilder::new();
    records.push(None, Some(b"one"), &Headers::new(), 0);
    let mut transaction = writer.begin();
    transaction.append(Written { topic, partition: 0, records: records.finish() }).expect("appended");
    transaction.commit().expect("committed");

    let mut settings = broker.settings(&ours, "reader");
    settings.elsewhere = BTreeMap::from([("trades".to_owned(), whole), ("gone".to_owned(), format!("{theirs}gone"))]);
    let log = open(settings);
    // The same topic, by its identity; and found where people list what there is.
    assert_eq!(log.topic("trades").expect("asked").expect("there").identity, made.identity);
    assert_eq!(log.topics().expect("asked"), ["trades".into()] as [Arc<str>; 1]);
    let read = log.read("trades", 0, 0, 10_000).expect("readable");
    let values: Vec<Vec<u8>> =
        read.iter().flat_map(Records::iter).map(|record| record.value.unwrap_or_default().to_vec()).collect();
    assert_eq!(values, [b"one"]);

    // A member of a group of ours owns its partition, and moves its position.
    let mut member = log.join("group", &["trades".into()]).expect("a member");
    until("the member owns the partition", &mut || match member.next(Duration::from_millis(10)).expect("answers") {
        Some(Change::Gained(gained)) => gained.iter().any(|partition| &*partition.topic == "trades"),
        _ => false,
    });
    let mut transaction = log.begin();
    transaction.claim("group", "trades", 0);
    let position = Position { offset: 1, metadata: String::new() };
    transaction.commit_position("group", "trades", 0, position).expect("its own");
    transaction.commit().expect("committed");
    assert_eq!(log.position("group", "trades", 0).expect("asked").expect("one").offset, 1);

    // What others make is never made here, nor is its namesake of the namespace there.
    let made = log.ensure_topic(&TopicSettings { name: "gone".into(), partitions: 1 });
    assert!(matches!(made, Err(LogError::Misuse(_))), "{made:?}");
    let namesakes = broker.open(&ours, "namesakes");
    namesakes.ensure_topic(&TopicSettings { name: "gone".into(), partitions: 1 }).expect("a topic");
    assert_eq!(log.topics().expect("asked"), ["trades".into()] as [Arc<str>; 1]);
    assert!(log.topic("gone").expect("asked").is_none());
}
