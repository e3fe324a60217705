//! What every format of records says: rows that were decoded, and records that were set aside.

use std::sync::Arc;

use arrow::array::RecordBatch;
use batch::Code;

/// Rows that were decoded, and records that could not be.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// One row for each good record, in order.
    pub rows: RecordBatch,
    /// Index of each row's record in the block that was given.
    pub records: Vec<u32>,
    /// The bad records in order.
    pub bad: Vec<BadRecord>,
}

/// A record that could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Its index in the block that was given.
    pub index: usize,
    /// What kind of failure.
    pub code: Code,
    /// The declared field or column to blame, if one is.
    pub field: Option<Arc<str>>,
    /// What is wrong, of bounded length, without the record's values.
    pub message: String,
}
