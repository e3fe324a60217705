//! What others do to Kafka: they write records of their own, and make, cut and delete topics, by plain clients.
//! Nothing of it is this project's.

use std::sync::OnceLock;
use std::time::Duration;

use apache_avro::Schema;
use apache_avro::types::Record;
use apache_avro::writer::datum::GenericDatumWriter;
use rdkafka::admin::{AdminClient, AdminOptions, GroupResult, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::groups::GroupInfo;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::runtime::Runtime;

use crate::program::until;

// Tests of this crate are linked as the program is, with a function of this connector in the client of Kafka.
use kafka_connector as _;

/// The schema that the venue writes by, which a topology declares too.
pub(crate) const TRADES: &str = r#"{"type": "record", "name": "trades", "namespace": "venue", "fields": [
    {"name": "number", "type": "long"}, {"name": "price", "type": "string"}]}"#;

const LIMIT: Duration = Duration::from_secs(30);

/// Somebody who writes to Kafka and rules it.
pub(crate) struct Outsider {
    servers: String,
    registry: String,
    runtime: Runtime,
    admin: AdminClient<DefaultClientContext>,
}

impl Outsider {
    pub(crate) fn new(servers: &str, registry: &str) -> Self {
        let mut config = ClientConfig::new();
        // A client that only asks puts its questions to a leader that was lost until this time has passed: 5 minutes.
        config.set("bootstrap.servers", servers).set("topic.metadata.refresh.interval.ms", "1000");
        let admin = config.create().expect("an administrator");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { servers: servers.to_owned(), registry: registry.to_owned(), runtime, admin }
    }

    /// Makes a topic of one partition, and waits until it has a leader.
    pub(crate) fn make(&self, topic: &str) {
        self.make_wide(topic, 1);
    }

    /// The same of several partitions.
    pub(crate) fn make_wide(&self, topic: &str, partitions: i32) {
        let wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let wanted = wanted.set("message.timestamp.type", "LogAppendTime");
        until("the topic to be made", || {
            let made = self.runtime.block_on(self.admin.create_topics([&wanted], &AdminOptions::new()));
            made.expect("answered").remove(0).ok()
        });
        until("the topic to have a leader", || self.bounds(topic));
    }

    /// Deletes a topic, and waits until it is gone.
    pub(crate) fn delete(&self, topic: &str) {
        let deleted = self.runtime.block_on(self.admin.delete_topics(&[topic], &AdminOptions::new()));
        deleted.expect("answered").remove(0).expect("deleted");
        until("the topic to be gone", || self.bounds(topic).is_none().then_some(()));
    }

    /// First offset and end.
    pub(crate) fn bounds(&self, topic: &str) -> Option<(i64, i64)> {
        self.admin.inner().fetch_watermarks(topic, 0, Duration::from_secs(2)).ok()
    }

    /// Takes the records before an offset away, as retention does.
    pub(crate) fn cut(&self, topic: &str, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(before)).expect("a partition");
        let cut = self.runtime.block_on(self.admin.delete_records(&list, &AdminOptions::new()));
        cut.expect("answered");
        until("the records to be gone", || self.bounds(topic).filter(|(first, _)| *first == before).map(|_| ()));
    }

    /// Lets the positions of all groups of a namespace expire; says how many groups that were.
    pub(crate) fn forget_groups(&self, namespace: &str) -> usize {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &self.servers).create().expect("a consumer");
        let groups = consumer.fetch_group_list(None, LIMIT).expect("a list");
        let names: Vec<&str> = groups.groups().iter().map(GroupInfo::name).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| name.starts_with(namespace)).collect();
        // A process that has ended stays a member until its session is over.
        until("the groups to be without members", || {
            let deleted = self.runtime.block_on(self.admin.delete_groups(&names, &AdminOptions::new()));
            let gone = |one: &GroupResult| matches!(one, Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)));
            deleted.expect("answered").iter().all(gone).then_some(())
        });
        names.len()
    }

    /// The number that the registry gives the schema of trades, under a topic's subject.
    pub(crate) fn schema_id(&self, topic: &str) -> u32 {
        self.register(&format!("{topic}-value"), TRADES, &serde_json::json!([]))
    }

    /// The number that the registry gives a schema under a subject. References are as the registry takes them.
    pub(crate) fn register(&self, subject: &str, schema: &str, references: &serde_json::Value) -> u32 {
        let body = serde_json::json!({ "schema": schema, "references": references }).to_string();
        let url = format!("{}/subjects/{subject}/versions", self.registry);
        let answer = self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build()?;
            let request = client.post(url).header("content-type", "application/vnd.schemaregistry.v1+json").body(body);
            request.send().await?.error_for_status()?.text().await
        });
        let answer: serde_json::Value = serde_json::from_str(&answer.expect("answered")).expect("JSON");
        u32::try_from(answer["id"].as_u64().expect("an id")).expect("a small number")
    }

    /// Writes values, compressed or not, in one batch where they fit.
    pub(crate) fn write(&self, topic: &str, compression: &str, values: &[Vec<u8>]) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers).set("compression.type", compression).set("linger.ms", "200");
        config.set("enable.idempotence", "true");
        let producer: BaseProducer = config.create().expect("a producer");
        for value in values {
            producer.send(BaseRecord::<(), [u8]>::to(topic).partition(0).payload(value)).expect("room");
        }
        producer.flush(LIMIT).expect("written");
    }

    /// Writes records to the only partition of a topic.
    pub(crate) fn write_records(&self, topic: &str, compression: &str, records: &[OutsideRecord<'_>]) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers).set("compression.type", compression).set("linger.ms", "200");
        config.set("enable.idempotence", "true");
        let producer: BaseProducer = config.create().expect("a producer");
        for OutsideRecord { key, value, headers } in records {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(0);
            (record.key, record.payload) = (*key, *value);
            let insert =
                |all: OwnedHeaders, (key, value): &(&str, &[u8])| all.insert(Header { key, value: Some(*value) });
            producer.send(record.headers(headers.iter().fold(OwnedHeaders::new(), insert))).expect("room");
        }
        producer.flush(LIMIT).expect("written");
    }
}

/// A record as others write it.
#[derive(Clone, Copy)]
pub(crate) struct OutsideRecord<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
}

/// A record as others read it.
pub(crate) struct ReadRecord {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl ReadRecord {
    /// The text of the last header of a name; empty without one.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().rfind(|(known, _)| known == name);
        found.map_or("", |(_, value)| std::str::from_utf8(value).expect("text"))
    }
}

/// A trade as the venue writes it: the frame of the registry, and Avro.
pub(crate) fn trade(schema_id: u32, number: i64) -> Vec<u8> {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| Schema::parse_str(TRADES).expect("a schema"));
    let mut record = Record::new(schema).expect("a record");
    record.put("number", number);
    record.put("price", format!("{}.25", number % 100));
    let writer = GenericDatumWriter::builder(schema).build().expect("a writer");
    let body = writer.write_value_to_vec(record).expect("it encodes");
    [&[0][..], &schema_id.to_be_bytes(), &body].concat()
}

/// Number of records of the only partition of a topic that a reader of committed ones sees.
pub(crate) fn count(servers: &str, topic: &str) -> usize {
    read(servers, topic).len()
}

/// Records of the only partition of a topic that a reader of committed ones sees.
pub(crate) fn read(servers: &str, topic: &str) -> Vec<ReadRecord> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("isolation.level", "read_committed").set("group.id", "a counter");
    config.set("enable.partition.eof", "true").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&list).expect("assigned");
    let mut found = Vec::new();
    loop {
        match consumer.poll(LIMIT).expect("a record or the end in time") {
            Ok(message) => found.push(ReadRecord {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message.headers().map_or_else(Vec::new, |headers| {
                    let header =
                        |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.unwrap_or_default().to_vec());
                    headers.iter().map(header).collect()
                }),
            }),
            Err(KafkaError::PartitionEOF(_)) => return found,
            Err(error) => panic!("{error}"),
        }
    }
}
