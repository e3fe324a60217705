//! What a partitioned, transactional log owes the engine, and the log that is embedded on one machine.
//!
//! A [`Log`] keeps topics. A topic has a fixed number of partitions; a partition is an ordered sequence of records
//! with offsets that rise: from 0 without gaps on the logs of this crate, with gaps on others. So a reader goes on at
//! [`batch::Records::next_offset`] of the last block, takes an empty read for the end, and never counts records by
//! subtracting offsets. A [`Transaction`] moves records of any partitions and the positions of a group in one step: all
//! of it is there after `commit`, or none. Only what was committed can be read.
//!
//! All calls block. A caller that must not wait uses a thread of its own. The suite in
//! `engine/testkit/src/log_suite.rs` is this contract as code; every log runs it.
//!
//! [`embedded::EmbeddedLog`] is durable, for one process at a time. [`memory::MemoryLog`] forgets, for tests and the
//! driver. Both keep topics, ends and positions in the same directory in memory, so that they cannot differ there.
//!
//! Deliberately absent: formats of values, clocks (the log is given one), threads.

mod contract;
mod directory;
pub mod embedded;
mod explanations;
mod membership;
pub mod memory;
mod pending;
pub mod rules;
mod signal;

pub use contract::{Appended, Log, LogError, Position, TopicSettings, TopicState, Transaction, Written};
pub use explanations::EXPLANATIONS;
pub use membership::{Change, Membership, Partition, Sole};
pub use rules::{LARGEST_RECORD, MOST_METADATA};
pub use signal::Signal;
