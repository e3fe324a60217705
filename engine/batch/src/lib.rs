//! What flows: rows as Arrow columns with the origin of each row, and blocks of records as a log keeps them.
//!
//! A [`Batch`] is a `RecordBatch` and, beside it, one [`Origins`] that says for each row where it came from.
//! [`Records`] are consecutive records of one partition of a topic, before they are decoded.
//! [`Type`] names the types that people write in topology and table files, and what Arrow type carries each.
//!
//! Deliberately absent: I/O, async, formats, clocks. Everybody else says these words.

mod facts;
mod failure;
mod origin;
mod partitioner;
mod records;
mod rows;
mod table;
mod types;

pub use facts::RecordFact;
pub use failure::{Code, Explanation, Failed, ReadValues, RowFailure, bounded, counted, excerpt};
pub use origin::{DocumentId, Input, Origins, Place, TopicIdentity};
pub use partitioner::partition_of;
pub use records::{Header, HeaderRanges, Headers, Record, Records, RecordsBuilder};
pub use rows::Batch;
pub use table::{PartitionBy, RowsMeaning, TableColumn, TableDefinition};
pub use types::{ColumnType, Type, TypeError};
