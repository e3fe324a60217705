//! Where a group stands, asked by a client that names the group and never joins it.
//!
//! Each group needs a client of its own. There is a question for any group (`ListConsumerGroupOffsets`), but in the
//! bundled client it ends the process when the group's coordinator moves, as it then looks for a group of the asking
//! client; and it keeps asking the old coordinator for a quarter of an hour.
#![expect(unsafe_code, reason = "the safe client cuts metadata at a zero byte; see the prose of `native`")]

use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaType;

use super::admin::{Owned, refused};
use super::{Quiet, c_name};
use crate::failure::KafkaFailure;

/// A client that asks where one group stands.
pub(crate) struct GroupReading {
    client: Client<Quiet>,
    limit: Duration,
}

impl GroupReading {
    /// A client with these settings. Nothing is connected yet. `limit` bounds each question.
    pub(crate) fn new(mut config: ClientConfig, group: &str, limit: Duration) -> Result<Self, KafkaFailure> {
        config.set("group.id", group).set_log_level(RDKafkaLogLevel::Emerg);
        let failure = |error: KafkaError| KafkaFailure::of("making a client", &error);
        let native = config.create_native_config().map_err(failure)?;
        let client = Client::new(&config, native, RDKafkaType::RD_KAFKA_CONSUMER, Quiet(None)).map_err(failure)?;
        Ok(Self { client, limit })
    }

    /// See [`position`].
    pub(crate) fn position(&self, topic: &str, partition: i32) -> Result<Option<(i64, Vec<u8>)>, KafkaFailure> {
        position(&self.client, topic, partition, self.limit)
    }
}

/// Offset and metadata that the group of a client committed; `None` if it never did. Waits while a transaction that moves
/// it is not settled.
pub(crate) fn position<Context: ClientContext>(
    client: &Client<Context>,
    topic: &str,
    partition: i32,
    limit: Duration,
) -> Result<Option<(i64, Vec<u8>)>, KafkaFailure> {
    const CALL: &str = "asking for a group's position";
    let topic = c_name(CALL, topic)?;
    let limit = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: a list of one element, freed when it goes out of scope.
    let list = unsafe { sys::rd_kafka_topic_partition_list_new(1) };
    let list = Owned::new(list, sys::rd_kafka_topic_partition_list_destroy);
    let list = list.ok_or_else(|| KafkaFailure::new(CALL, "the client is out of memory"))?;
    // SAFETY: the list and the client are alive, the name is a text of C and is copied.
    let code = unsafe {
        sys::rd_kafka_topic_partition_list_add(list.pointer, topic.as_ptr(), partition);
        sys::rd_kafka_committed(client.native_ptr(), list.pointer, limit)
    };
    refused(CALL, code, "")?;
    // SAFETY: the list has one element; its metadata are as many bytes as it says.
    unsafe {
        let found = &*(*list.pointer).elems;
        refused(CALL, found.err, "")?;
        if found.offset < 0 {
            return Ok(None);
        }
        let metadata = match found.metadata.is_null() {
            true => Vec::new(),
            false => std::slice::from_raw_parts(found.metadata.cast::<u8>(), found.metadata_size).to_vec(),
        };
        Ok(Some((found.offset, metadata)))
    }
}
