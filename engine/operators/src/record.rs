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
    /// What happened, without values.
    pub message: String,
}

/// Decoded records.
#[derive(Clone, Debug)]
pub struct DecodedRecords {
    /// The rows, one for each good record.
    pub batch: Batch,
    /// The others.
    pub bad: Vec<BadRecord>,
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
