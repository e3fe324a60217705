//! The calls of the C client that its safe crate does not offer, and nothing else. All unsafe code of this crate is here.
//!
//! What is missing there: the identity of a topic, the name that a group gave to a member, the metadata of positions as
//! they were written, positions sent without a consumer of the group, and records taken from a partition and handed to one many at a time (about half the
//! processor time of the safe calls, by the measurement in this crate's `README.md`).
//!
//! Invariants: each pointer that C gives is wrapped in a type that frees it once; nothing borrowed from an answer
//! outlives it; a partition's queue is dropped before the client that it belongs to.

mod admin;
mod damaged_batches;
mod group;
mod heartbeats;
mod leader_hints;
mod member;
mod offsets;
mod partition;
mod produce;

use std::ffi::{CStr, CString, c_char};
use std::sync::Arc;
use std::time::Duration;

use log::Signal;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaType;

pub(crate) use group::{GroupReading, position};
pub(crate) use member::is_no_member;
pub(crate) use offsets::send_offsets;
pub(crate) use partition::{Message, PartitionQueue};
pub(crate) use produce::{ProducedTopic, flush};

use crate::failure::KafkaFailure;
use crate::statistics::{EVERY, OneClient};

/// Says nothing, or only its figures. What the client logs would pile up in a queue that nobody reads, so it is also told
/// to log nothing.
pub(crate) struct Quiet(Option<OneClient>);

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}
    fn error(&self, _error: KafkaError, _reason: &str) {}

    fn stats(&self, said: Statistics) {
        if let Some(client) = &self.0 {
            client.says(&said);
        }
    }
}

/// A client that reads and asks.
pub(crate) struct Reading {
    client: Client<Quiet>,
    /// Raised from the client's threads when records come to an empty queue.
    arrived: Arc<Signal>,
    limit: Duration,
}

impl Reading {
    /// A client with these settings. Nothing is connected yet. `limit` bounds each question.
    pub(crate) fn new(config: &mut ClientConfig, arrived: Arc<Signal>, limit: Duration) -> Result<Self, KafkaFailure> {
        Self::with(config, arrived, limit, Quiet(None))
    }

    /// The same for one that says how it is. [`Reading::listen`] must be called now and then, or that piles up.
    pub(crate) fn telling(
        config: &mut ClientConfig,
        arrived: Arc<Signal>,
        limit: Duration,
        figures: OneClient,
    ) -> Result<Self, KafkaFailure> {
        config.set("statistics.interval.ms", EVERY);
        Self::with(config, arrived, limit, Quiet(Some(figures)))
    }

    fn with(
        config: &mut ClientConfig,
        arrived: Arc<Signal>,
        limit: Duration,
        context: Quiet,
    ) -> Result<Self, KafkaFailure> {
        config.set_log_level(RDKafkaLogLevel::Emerg);
        let failure = |error: KafkaError| KafkaFailure::of("making a client", &error);
        let native = config.create_native_config().map_err(failure)?;
        let client = Client::new(config, native, RDKafkaType::RD_KAFKA_CONSUMER, context).map_err(failure)?;
        Ok(Self { client, arrived, limit })
    }

    /// First offset and last stable offset of a partition.
    pub(crate) fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaFailure> {
        let bounds = self.client.fetch_watermarks(topic, partition, self.limit);
        bounds.map_err(|error| KafkaFailure::of("asking for a partition's end", &error))
    }

    /// Names of all topics, in no order, Kafka's own among them.
    pub(crate) fn topic_names(&self) -> Result<Vec<String>, KafkaFailure> {
        let failure = |error: KafkaError| KafkaFailure::of("listing topics", &error);
        let metadata = self.client.fetch_metadata(None, self.limit).map_err(failure)?;
        let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
        Ok(there.map(|topic| topic.name().to_owned()).collect())
    }
}

/// A name for C. A name with a zero byte is none that Kafka could have.
fn c_name(call: &'static str, name: &str) -> Result<CString, KafkaFailure> {
    CString::new(name)
        .map_err(|_| KafkaFailure::coded(call, RDKafkaErrorCode::InvalidArgument, "a zero byte in a name"))
}

/// A text of C's, copied.
///
/// # Safety
/// `text` is null or points to bytes that end with a zero.
#[expect(unsafe_code, reason = "the caller vouches for the text")]
unsafe fn c_text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
