//! What others find in the topics: a plain consumer at `read_committed`, the schemas of the registry by plain HTTP, and
//! the decoder of `apache-avro`. Nothing of it is this project's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// What stands in a topic.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    pub(crate) all: usize,
    /// Records that differ in where they came from, or in what they say.
    pub(crate) distinct: usize,
}

/// Reads the topics of `swaps` in a namespace to their ends.
pub(crate) fn read(servers: &str, registry: &str, namespace: &str) -> BTreeMap<String, Topic> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("isolation.level", "read_committed").set("group.id", "a stranger");
    config.set("enable.partition.eof", "true").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(30)).expect("metadata");
    let mut schemas = HashMap::new();
    let mut found = BTreeMap::new();
    for topic in metadata.topics() {
        let Some(name) = topic.name().strip_prefix(namespace).filter(|name| is_of_swaps(name)) else { continue };
        let mut list = TopicPartitionList::new();
        for partition in topic.partitions() {
            list.add_partition_offset(topic.name(), partition.id(), Offset::Beginning).expect("a partition");
        }
        consumer.assign(&list).expect("assigned");
        let (mut ends, mut all, mut seen) = (0, 0, HashSet::new());
        while ends < topic.partitions().len() {
            match consumer.poll(Duration::from_secs(30)).expect("a record or an end in time") {
                Err(KafkaError::PartitionEOF(_)) => ends += 1,
                Err(error) => panic!("{error}"),
                Ok(record) => {
                    all += 1;
                    let value = record.payload().expect("a value");
                    decode(value, registry, &mut schemas);
                    let headers = record.headers().expect("headers").iter();
                    let headers: Vec<u8> =
                        headers.flat_map(|header| header.value.unwrap_or_default().to_vec()).collect();
                    seen.insert([&headers, value].concat());
                }
            }
        }
        found.insert(name.to_owned(), Topic { all, distinct: seen.len() });
    }
    found
}

/// True if each partition of each topic has all its copies up to date.
pub(crate) fn in_sync(servers: &str) -> bool {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", servers).create().expect("a consumer");
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(30)).expect("metadata");
    let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    partitions.all(|partition| partition.isr().len() == partition.replicas().len())
}

/// The topics that people read. The engine's own begin with the name of a topology and a flow.
fn is_of_swaps(name: &str) -> bool {
    ["swaps.messages", "swaps.unique", "swaps.conflicts"].contains(&name)
}

/// Decodes a record with the schema that its first bytes name; fails unless it is a record with fields.
fn decode(value: &[u8], registry: &str, schemas: &mut HashMap<u32, Schema>) {
    let (frame, mut body) = value.split_at(5);
    assert_eq!(frame[0], 0, "the frame's magic byte");
    let id = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
    let schema = schemas.entry(id).or_insert_with(|| fetch(registry, id));
    let reader = GenericDatumReader::builder(schema).build().expect("a reader");
    let decoded = reader.read_value(&mut body).expect("it decodes");
    assert!(body.is_empty(), "bytes are left");
    assert!(matches!(decoded, Value::Record(fields) if fields.len() > 10));
}

fn fetch(registry: &str, id: u32) -> Schema {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        client.get(format!("{registry}/schemas/ids/{id}")).send().await?.error_for_status()?.text().await
    });
    let answer: serde_json::Value = serde_json::from_str(&answer.expect("answered")).expect("JSON");
    Schema::parse_str(answer["schema"].as_str().expect("a schema")).expect("an Avro schema")
}
