//! The engine's log on Apache Kafka: partitioned, ordered, transactional topics that many processes share.
//!
//! [`KafkaLog`] keeps the contract of [`log::Log`], and runs the same suite as the embedded log, on a real broker. What
//! Kafka adds to the contract's words:
//!
//! * **Offsets have gaps.** A transaction ends with a control record in each partition, and one that was aborted leaves
//!   records that nobody sees. A read gives one block for each stretch without a gap.
//! * **One transactional producer writes for the whole process**, on one thread (`writer`). Commits that wait go into one
//!   transaction of Kafka together.
//! * **What this process committed it sees at once and whole** (`visibility`), though Kafka shows it partition by partition,
//!   a moment after it has answered. Of another process's transaction a reader may for a moment see one partition and
//!   not yet the next; positions are never read before they are settled.
//! * **Arrival** is the broker's time of appending, in topics that this log makes. An arrival that is given travels in a
//!   header (`columns`).
//! * **A topic's identity** is Kafka's topic id.
//! * **The instance's name is the transactional id**, and its static name in groups: of two processes of one name the
//!   older one is fenced for ever.
//! * **A position moves only with the generation of the group** in which this process is a member (`membership`).
//!
//! Deliberately absent: making topics with compaction or retention by time, any format of values. Nothing is tried again behind
//! the caller's back but what cannot have happened.

mod client_settings;
mod columns;
mod explanations;
mod failure;
mod kafka_log;
mod membership;
mod native;
mod orphans;
mod reader;
mod settings;
mod statistics;
mod visibility;
mod watchdog;
mod writer;

pub use explanations::EXPLANATIONS;

/// Version of the client library, such as `2.12.1`.
#[must_use]
pub fn client_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

/// What was built into the client library, such as `ssl` and `zstd`, with commas between.
#[must_use]
pub fn client_features() -> String {
    let settings = rdkafka::ClientConfig::new().create_native_config();
    settings.and_then(|settings| settings.get("builtin.features")).unwrap_or_default()
}

pub use failure::KafkaFailure;
pub use kafka_log::{KafkaLog, OpenError};
pub use settings::{KafkaSettings, SettingsError};
pub use watchdog::Stuck;
