//! Facts of records as columns beside their rows: `record.key`, `record.headers` and so on, those that steps ask for.
//!
//! Values of headers are bytes, as Kafka has them; a step that wants text says `cast(record.headers['name'] as text)`, and
//! fails for the row whose header is none. Of several headers of one name the last counts, as for Kafka's `lastHeader`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryBuilder, BooleanArray, Int32Array, Int64Array, MapArray, RecordBatch,
    StringArray, StringBuilder, StructArray, TimestampMillisecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use batch::{Batch, HeaderRanges, Input, RecordFact, Records, Type};

/// What Kafka gives for the timestamp of a record that has none.
const NO_TIMESTAMP: i64 = -1;

/// Which facts are wanted, and what keys are.
#[derive(Clone, Debug)]
pub struct RecordFacts {
    wanted: Vec<RecordFact>,
    key: Type,
    schema: Arc<Schema>,
}

/// Facts of some records.
pub(crate) struct Found {
    /// A row for each record; `None` if nothing is wanted.
    pub(crate) facts: Option<RecordBatch>,
    /// Whether each record's key can be read; `None` if all can.
    pub(crate) good: Option<BooleanArray>,
}

impl RecordFacts {
    /// These facts, with keys read as this: `binary`, `text`, `integer` or `bigint`.
    #[must_use]
    pub fn new(wanted: Vec<RecordFact>, key: Type) -> Self {
        let fields: Vec<Field> = wanted.iter().map(|fact| fact.column_type(&key).field(fact.name())).collect();
        Self { wanted, key, schema: Arc::new(Schema::new(fields)) }
    }

    /// Rows with the facts of their records beside them, one row a record. Keys that cannot be read are null.
    ///
    /// # Errors
    /// If there are not as many records as rows.
    pub fn beside(&self, batch: Batch, records: &Records, input: &Input) -> Result<Batch, ArrowError> {
        match self.of(records, input)?.facts {
            Some(facts) => batch.with_facts(facts),
            None => Ok(batch),
        }
    }

    /// The facts of records. A key that cannot be read is null, and told.
    pub(crate) fn of(&self, records: &Records, input: &Input) -> Result<Found, ArrowError> {
        if self.wanted.is_empty() {
            return Ok(Found { facts: None, good: None });
        }
        let (count, first) = (records.len(), records.base_offset);
        let mut good = None;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.wanted.len());
        for fact in &self.wanted {
            columns.push(match fact {
                RecordFact::Topic => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&input.topic, count))),
                RecordFact::Partition => Arc::new(Int32Array::from_value(input.partition, count)),
                RecordFact::Offset => Arc::new(Int64Array::from_iter_values(first..first + count as i64)),
                RecordFact::Timestamp => {
                    let times = records.arrivals.iter().map(|time| time.filter(|time| *time != NO_TIMESTAMP));
                    Arc::new(times.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
                }
                RecordFact::Key => {
                    let (keys, readable) = keys(&records.keys, &self.key);
                    good = readable;
                    keys
                }
                RecordFact::Headers => headers(&records.headers)?,
                RecordFact::Tombstone => {
                    Arc::new(BooleanArray::from_iter((0..count).map(|row| Some(records.values.is_null(row)))))
                }
            });
        }
        Ok(Found { facts: Some(RecordBatch::try_new(Arc::clone(&self.schema), columns)?), good })
    }
}

/// Keys as values of a type, and which of them are; `None` if all.
fn keys(keys: &BinaryArray, of: &Type) -> (ArrayRef, Option<BooleanArray>) {
    let read: ArrayRef = match of {
        Type::Text => Arc::new(keys.iter().map(|key| std::str::from_utf8(key?).ok()).collect::<StringArray>()),
        Type::Integer { bits: 32, .. } => {
            Arc::new(keys.iter().map(|key| Some(i32::from_be_bytes(key?.try_into().ok()?))).collect::<Int32Array>())
        }
        Type::Integer { .. } => {
            Arc::new(keys.iter().map(|key| Some(i64::from_be_bytes(key?.try_into().ok()?))).collect::<Int64Array>())
        }
        _ => Arc::new(keys.clone()),
    };
    let good = (read.null_count() > keys.null_count())
        .then(|| BooleanArray::from_iter((0..keys.len()).map(|row| Some(keys.is_null(row) || read.is_valid(row)))));
    (read, good)
}

/// A map for each record: the last header of each name, in the order of the names' first.
fn headers(headers: &BinaryArray) -> Result<ArrayRef, ArrowError> {
    let (mut names, mut values) = (StringBuilder::new(), BinaryBuilder::new());
    let mut lengths = Vec::with_capacity(headers.len());
    let mut of_record: Vec<(&[u8], &[u8])> = Vec::new();
    for row in 0..headers.len() {
        let bytes = if headers.is_valid(row) { headers.value(row) } else { b"" };
        of_record.clear();
        for (name, value) in HeaderRanges::new(bytes) {
            let (name, value) = (&bytes[name], &bytes[value]);
            match of_record.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => of_record.push((name, value)),
            }
        }
        for (name, value) in &of_record {
            names.append_value(String::from_utf8_lossy(name));
            values.append_value(value);
        }
        lengths.push(of_record.len());
    }
    let DataType::Map(entries, sorted) = Type::Map(Box::new(Type::Binary)).arrow() else {
        return Err(ArrowError::SchemaError("a map is carried by a map".to_owned()));
    };
    let DataType::Struct(fields) = entries.data_type().clone() else {
        return Err(ArrowError::SchemaError("a map has entries".to_owned()));
    };
    let pairs = StructArray::try_new(fields, vec![Arc::new(names.finish()), Arc::new(values.finish())], None)?;
    Ok(Arc::new(MapArray::try_new(entries, OffsetBuffer::from_lengths(lengths), pairs, None, sorted)?))
}
