//! What turns records of a topic into rows, and rows into records, owes the engine.

use std::sync::Arc;

use batch::{Batch, Code, Input, Records};

use crate::StepError;

/// A record that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Its offset.
    pub offset: i64,
    /// What kind of failure.
    pub code: Code,
    /// The declared field or column to blame, if one is.
    pub field: Option<Arc<str>>,
    /// What happened, without values.
    pub message: String,
}

/// Decoded records.
#[derive(Clone, Debug)]
pub struct DecodedRecords {
    /// The rows, one for each good record that was not left out.
    pub batch: Batch,
    /// Those that could not be decoded.
    pub bad: Vec<BadRecord>,
    /// Those that were left out on purpose: reason and number.
    pub dropped: Vec<(Arc<str>, u64)>,
}

/// Turns records into rows. A new one is made for each task.
pub trait RecordReader: Send {
    /// Decodes a block of records. One bad record does not harm its neighbours.
    ///
    /// # Errors
    /// Only for faults of the program.
    fn read(&mut self, records: &Records, input: &Arc<Input>) -> Result<DecodedRecords, StepError>;
}

/// Turns rows into records of one topic, and says which partition each belongs to.
pub trait RecordWriter: Send + Sync {
    /// Encodes rows: for each partition that gets any, its records in the order of the rows. The origin of each row
    /// travels in its headers.
    ///
    /// # Errors
    /// Only for faults of the program: the rows have been conformed to the topic's columns before.
    fn write(&self, batch: &Batch, partitions: i32) -> Result<Vec<(i32, Records)>, StepError>;
}
