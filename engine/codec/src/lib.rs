//! Bytes to batches and back: delimited text, JSON, Avro, zip and gzip.
//!
//! [`archive`] opens documents, [`delimited`] turns text into columns, [`json`] turns records that others wrote into
//! columns, [`avro`] turns columns into records and back.
//!
//! Deliberately absent: files, network, clocks, expressions, and the topology language; settings arrive as values.

pub mod archive;
pub mod avro;
pub mod delimited;
pub mod json;

mod explanations;
mod record;
#[cfg(test)]
mod tests;

pub use explanations::EXPLANATIONS;
pub use record::{BadRecord, Decoded};
