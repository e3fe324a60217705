//! What a partitioned, transactional log owes the engine, and the log that is embedded on one machine.
//!
//! A [`Log`] keeps topics. A topic has a fixed number of partitions; a partition is an ordered sequence of records
//! with offsets from 0 without gaps (on other logs: with gaps that no reader has to understand). A [`Transaction`]
//! moves records of any partitions and the positions of a group in one step: all of it is there after `commit`, or
//! none. Only what was committed can be read.
//!
//! All calls block. A caller that must not wait uses a thread of its own. The suite in
//! `engine/testkit/src/log_suite.rs` is this contract as code; every log runs it.
//!
//! Deliberately absent: formats of values, clocks (the log is given one), threads.

mod contract;
pub mod embedded;

pub use contract::{
    Appended, Log, LogError, Position, TopicSettings, TopicState, Transaction, Written,
};
