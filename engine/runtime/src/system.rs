//! Receipts and dead letters as rows of topics of their own, so that they become tables like any other.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array,
};
use arrow::array::{BinaryViewArray, UInt32Array};
use arrow::error::ArrowError;
use batch::{Batch, Input, Origins, Place, TopicIdentity};
use log::{Transaction, Written};

use crate::dead_letter::DeadLetter;
use crate::end::TaskEnd;
use crate::flow::TopicOutput;
use crate::ledger::Receipt;
use crate::names;

/// Name of the topic, and of the table, of receipts.
pub const RECEIPTS: &str = "spotlight.receipts";
/// Name of the topic, and of the table, of dead letters.
pub const DEAD_LETTERS: &str = "spotlight.dead_letters";
/// Name of the topic in which people say which flows are paused.
pub const CONTROL: &str = "spotlight.control";

/// The topics that carry them; `None` in a run without tables.
#[derive(Clone, Default)]
pub struct SystemTopics {
    /// One row a receipt.
    pub receipts: Option<TopicOutput>,
    /// One row each time the state of a dead letter changes; the newest of an `id` counts.
    pub dead_letters: Option<TopicOutput>,
}

impl SystemTopics {
    /// Adds receipts to a transaction.
    ///
    /// # Errors
    /// If the log refuses.
    pub fn write_receipts(&self, receipts: &[&Receipt], to: &mut dyn Transaction) -> Result<(), TaskEnd> {
        let Some(topic) = self.receipts.as_ref().filter(|_| !receipts.is_empty()) else {
            return Ok(());
        };
        append(topic, &batch(receipt_columns(receipts), receipts.len()).map_err(TaskEnd::fault)?, to)
    }

    /// Adds dead letters, now in `state`, to a transaction.
    ///
    /// # Errors
    /// If the log refuses.
    pub fn write_dead_letters(
        &self,
        letters: &[DeadLetter],
        state: &str,
        to: &mut dyn Transaction,
    ) -> Result<(), TaskEnd> {
        let Some(topic) = self.dead_letters.as_ref().filter(|_| !letters.is_empty()) else {
            return Ok(());
        };
        append(topic, &batch(letter_columns(letters, state), letters.len()).map_err(TaskEnd::fault)?, to)
    }
}

/// Adds a batch to a topic within a transaction.
fn append(topic: &TopicOutput, rows: &Batch, to: &mut dyn Transaction) -> Result<(), TaskEnd> {
    let mut written = Vec::new();
    records(topic, rows, &mut written)?;
    written.into_iter().try_for_each(|written| to.append(written)).map_err(TaskEnd::from)
}

/// Encodes a batch for a topic.
pub(crate) fn records(topic: &TopicOutput, rows: &Batch, to: &mut Vec<Written>) -> Result<(), TaskEnd> {
    for (partition, records) in topic.writer.write(rows, topic.partitions).map_err(TaskEnd::fault)? {
        to.push(Written { topic: Arc::clone(&topic.topic), partition, records });
    }
    Ok(())
}

fn batch(columns: Result<RecordBatch, ArrowError>, rows: usize) -> Result<Batch, ArrowError> {
    let origins = Origins {
        input: Arc::new(Input { topic: "".into(), identity: TopicIdentity(0), partition: 0 }),
        offsets: Int64Array::from_value(0, rows),
        rows: Int64Array::from_value(0, rows),
        arrivals: Int64Array::from_value(0, rows),
        place: Place::Nowhere,
        raw: BinaryViewArray::from_iter_values(std::iter::repeat_n(b"", rows)),
    };
    Batch::new(columns?, origins, None)
}

fn receipt_columns(receipts: &[&Receipt]) -> Result<RecordBatch, ArrowError> {
    let text = |of: &dyn Fn(&Receipt) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(receipts.iter().map(|receipt| of(receipt))))
    };
    let count = |of: &dyn Fn(&Receipt) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(receipts.iter().map(|receipt| of(receipt))))
    };
    let time = |of: &dyn Fn(&Receipt) -> i64| -> ArrayRef {
        let values = TimestampMillisecondArray::from_iter_values(receipts.iter().map(|receipt| of(receipt)));
        Arc::new(values.with_timezone("UTC"))
    };
    RecordBatch::try_from_iter([
        ("topology", text(&|receipt| &receipt.topology)),
        ("flow", text(&|receipt| names::first(&receipt.flow))),
        ("document", text(&|receipt| &receipt.document)),
        ("version", Arc::new(Int64Array::from_iter_values(receipts.iter().map(|receipt| receipt.version))) as ArrayRef),
        ("name", text(&|receipt| &receipt.name)),
        ("url", text(&|receipt| &receipt.url)),
        ("sha256", text(&|receipt| &receipt.sha256)),
        ("size", count(&|receipt| receipt.size)),
        ("outcome", text(&|receipt| &receipt.outcome)),
        ("code", text(&|receipt| &receipt.code)),
        ("message", text(&|receipt| &receipt.message)),
        ("rows_in", count(&|receipt| receipt.counts.rows_in)),
        ("landed", count(&|receipt| receipt.counts.landed)),
        ("dropped", count(&|receipt| receipt.counts.dropped.values().sum())),
        ("dead", count(&|receipt| receipt.counts.dead)),
        ("held", count(&|receipt| receipt.counts.held)),
        ("withdrawn", count(&|receipt| receipt.withdrawn)),
        ("revision", text(&|receipt| &receipt.revision)),
        ("fetched_at", time(&|receipt| receipt.fetched_at)),
        ("at", time(&|receipt| receipt.at)),
    ])
}

/// Longest text of a dead letter that its table shows; the dead-letter topic keeps all of it.
const SHOWN: usize = 16 * 1024;

fn letter_columns(letters: &[DeadLetter], state: &str) -> Result<RecordBatch, ArrowError> {
    let text = |of: &dyn Fn(&DeadLetter) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(letters.iter().map(of)))
    };
    let number = |of: &dyn Fn(&DeadLetter) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(letters.iter().map(of)))
    };
    let time = |of: &dyn Fn(&DeadLetter) -> i64| -> ArrayRef {
        Arc::new(TimestampMillisecondArray::from_iter_values(letters.iter().map(of)).with_timezone("UTC"))
    };
    let shown = letters
        .iter()
        .map(|letter| String::from_utf8_lossy(&letter.bytes[..letter.bytes.len().min(SHOWN)]).into_owned());
    RecordBatch::try_from_iter([
        ("id", text(&|letter| &letter.id)),
        ("state", Arc::new(StringArray::from_iter_values(std::iter::repeat_n(state, letters.len()))) as ArrayRef),
        ("topology", text(&|letter| &letter.topology)),
        ("flow", text(&|letter| names::first(&letter.flow))),
        ("step", text(&|letter| &letter.step)),
        ("field", text(&|letter| &letter.field)),
        ("code", text(&|letter| &letter.code)),
        ("message", text(&|letter| &letter.message)),
        ("document", text(&|letter| &letter.document)),
        ("version", number(&|letter| letter.version)),
        ("member", text(&|letter| &letter.member)),
        ("line", number(&|letter| letter.line.cast_signed())),
        ("topic", text(&|letter| &letter.topic)),
        ("partition", Arc::new(Int32Array::from_iter_values(letters.iter().map(|letter| letter.partition)))),
        ("offset", number(&|letter| letter.offset)),
        ("row", number(&|letter| letter.row)),
        ("attempt", Arc::new(UInt32Array::from_iter_values(letters.iter().map(|letter| letter.attempt)))),
        ("arrival", time(&|letter| letter.arrival)),
        ("first_failed", time(&|letter| letter.first_failed)),
        ("bytes", Arc::new(StringArray::from_iter_values(shown))),
    ])
}
