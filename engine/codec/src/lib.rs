//! Bytes to batches and back: delimited text, Avro, zip and gzip.
//!
//! [`archive`] opens documents, [`delimited`] turns text into columns, [`avro`] turns columns into records and back.
//!
//! Deliberately absent: files, network, clocks, expressions, and the topology language; settings arrive as values.

pub mod archive;
pub mod avro;
pub mod delimited;

mod explanations;
#[cfg(test)]
mod tests;

pub use explanations::EXPLANATIONS;
