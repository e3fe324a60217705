//! Records that others wrote, to rows: values of a declared format, tombstones as the topology says, and facts of the
//! records beside their rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray,
    UInt32Array, new_empty_array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use batch::{Batch, Input, Records};
use codec::Decoded;
use codec::delimited::LineDecoder;
use codec::json::JsonDecoder;

use crate::avro::origins;
use crate::codes;
use crate::record::{BadRecord, DecodedRecords, RecordReader};
use crate::record_facts::{Found, RecordFacts};
use crate::{AvroReader, StepError};

/// The reason under which tombstones are dropped.
const DROPPED: &str = "tombstone";

/// What values are.
pub enum Values {
    /// Avro, framed with the id of a schema.
    Avro(Box<AvroReader>),
    /// One JSON object.
    Json(JsonDecoder),
    /// One line of delimited text.
    Lines(LineDecoder),
}

/// What becomes of a record without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tombstones {
    /// It is a dead letter.
    Refuse,
    /// It is dropped and counted.
    Drop,
    /// It is a row without values.
    Keep,
}

/// Decodes the records of a topic that others write.
pub struct OutsideReader {
    values: Values,
    tombstones: Tombstones,
    facts: RecordFacts,
    /// What the fields of keys are, where steps ask for any.
    keys: Option<Values>,
}

/// Starts the names of the fields of keys.
const KEY_FIELD: &str = "record.key.";

/// Indices of records whose key cannot be read, and why.
type BadKeys = BTreeMap<u32, String>;

impl Values {
    fn decode(&mut self, values: &BinaryArray) -> Result<Decoded, StepError> {
        match self {
            Self::Avro(reader) => reader.decode(values),
            Self::Json(decoder) => Ok(decoder.decode(values)),
            Self::Lines(decoder) => Ok(decoder.decode(values)),
        }
    }

    /// Decodes what is there; indices are those of the records.
    fn decode_present(&mut self, values: &BinaryArray) -> Result<Decoded, StepError> {
        if values.null_count() == 0 {
            return self.decode(values);
        }
        let present: Vec<u32> = (0..values.len() as u32).filter(|index| values.is_valid(*index as usize)).collect();
        let chosen: BinaryArray = present.iter().map(|index| Some(values.value(*index as usize))).collect();
        let mut decoded = self.decode(&chosen)?;
        decoded.records.iter_mut().for_each(|record| *record = present[*record as usize]);
        decoded.bad.iter_mut().for_each(|bad| bad.index = present[bad.index] as usize);
        Ok(decoded)
    }
}

impl OutsideReader {
    /// A reader of such values.
    #[must_use]
    pub fn new(values: Values, tombstones: Tombstones, facts: RecordFacts) -> Self {
        Self { values, tombstones, facts, keys: None }
    }

    /// Decodes keys too, whose fields steps see as `record.key.NAME`.
    #[must_use]
    pub fn with_keys(self, keys: Values) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// Facts of all records, and the records whose key cannot be read.
    fn facts(&mut self, records: &Records, input: &Input) -> Result<(Option<RecordBatch>, BadKeys), StepError> {
        let refused = |source| StepError::Arrow { step: "decode".into(), source };
        let Found { facts, good } = self.facts.of(records, input).map_err(refused)?;
        let misfit = || "the record's key is not of the type that `decode` says".to_owned();
        let bad = good.iter().flat_map(|good| (0..good.len() as u32).filter(|row| !good.value(*row as usize)));
        let mut bad: BadKeys = bad.map(|row| (row, misfit())).collect();
        let Some(keys) = &mut self.keys else { return Ok((facts, bad)) };
        let Decoded { rows, records: there, bad: unread } = keys.decode_present(&records.keys)?;
        bad.extend(unread.into_iter().map(|unread| (unread.index as u32, format!("the key: {}", unread.message))));
        let known: BTreeSet<u32> = there.iter().copied().collect();
        let absent = (0..records.len() as u32).filter(|record| !known.contains(record)).collect();
        let (rows, _) = with_empty_rows(&rows, there, absent).map_err(refused)?;
        let of_facts = facts.iter().flat_map(|facts| facts.schema_ref().fields().iter().zip(facts.columns()));
        let of_facts = of_facts.map(|(field, column)| (field.as_ref().clone(), Arc::clone(column)));
        let of_keys = rows.schema_ref().fields().iter().zip(rows.columns());
        let of_keys = of_keys.map(|(field, column)| {
            (field.as_ref().clone().with_name(format!("{KEY_FIELD}{}", field.name())), Arc::clone(column))
        });
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = of_facts.chain(of_keys).unzip();
        let facts = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(refused)?;
        Ok((Some(facts), bad))
    }
}

impl RecordReader for OutsideReader {
    fn read(&mut self, records: &Records, input: &Arc<Input>) -> Result<DecodedRecords, StepError> {
        let refused = |source| StepError::Arrow { step: "decode".into(), source };
        let Decoded { rows, records: of_rows, bad } = self.values.decode_present(&records.values)?;
        let offset = |index: usize| records.base_offset + index as i64;
        let mut bad: Vec<BadRecord> = bad
            .into_iter()
            .map(|bad| BadRecord { offset: offset(bad.index), code: bad.code, field: bad.field, message: bad.message })
            .collect();
        let empty: Vec<u32> = match records.values.null_count() {
            0 => Vec::new(),
            _ => (0..records.len() as u32).filter(|index| records.values.is_null(*index as usize)).collect(),
        };
        let (mut rows, mut of_rows, mut dropped) = (rows, of_rows, Vec::new());
        match self.tombstones {
            Tombstones::Refuse => bad.extend(empty.iter().map(|index| BadRecord {
                offset: offset(*index as usize),
                code: codes::TOMBSTONE,
                field: None,
                message: "the record has no value".to_owned(),
            })),
            Tombstones::Drop => dropped.extend((!empty.is_empty()).then(|| (DROPPED.into(), empty.len() as u64))),
            Tombstones::Keep => (rows, of_rows) = with_empty_rows(&rows, of_rows, empty).map_err(refused)?,
        }
        let (facts, bad_keys) = self.facts(records, input)?;
        if !bad_keys.is_empty() {
            let keep: BooleanArray = of_rows.iter().map(|record| Some(!bad_keys.contains_key(record))).collect();
            bad.extend(of_rows.iter().filter_map(|record| {
                let message = bad_keys.get(record)?.clone();
                Some(BadRecord { offset: offset(*record as usize), code: codes::KEY_MISFIT, field: None, message })
            }));
            rows = compute::filter_record_batch(&rows, &keep).map_err(refused)?;
            of_rows.retain(|record| !bad_keys.contains_key(record));
        }
        bad.sort_by_key(|bad| bad.offset);
        let whole = of_rows.len() == records.len();
        let of_rows = UInt32Array::from(of_rows);
        let mut origins = origins(records, input);
        if !whole {
            origins = origins.take(&of_rows).map_err(refused)?;
        }
        let mut batch = Batch::new(rows, origins, None).map_err(refused)?;
        if let Some(facts) = facts {
            let facts = if whole { facts } else { compute::take_record_batch(&facts, &of_rows).map_err(refused)? };
            batch = batch.with_facts(facts).map_err(refused)?;
        }
        Ok(DecodedRecords { batch, bad, dropped })
    }
}

/// Rows with those of tombstones among them, each at its record's place: null in every column, an empty list or map. All
/// columns may hold nulls then.
fn with_empty_rows(
    rows: &RecordBatch,
    of_rows: Vec<u32>,
    empty: Vec<u32>,
) -> Result<(RecordBatch, Vec<u32>), ArrowError> {
    let schema = nullable(rows.schema_ref());
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    if empty.is_empty() {
        let rows = RecordBatch::try_new_with_options(schema, rows.columns().to_vec(), &options)?;
        return Ok((rows, of_rows));
    }
    let last = rows.num_rows() as u32;
    let mut places: Vec<(u32, u32)> = of_rows.into_iter().zip(0..last).collect();
    places.extend(empty.into_iter().map(|record| (record, last)));
    places.sort_unstable();
    let (records, order): (Vec<u32>, Vec<u32>) = places.into_iter().unzip();
    let order = UInt32Array::from(order);
    let column = |column: &ArrayRef| {
        let nothing = nothing(column.data_type())?;
        compute::take(&compute::concat(&[column.as_ref(), nothing.as_ref()])?, &order, None)
    };
    let columns = rows.columns().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(order.len()));
    Ok((RecordBatch::try_new_with_options(schema, columns, &options)?, records))
}

fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// One value of a row without any.
fn nothing(of: &DataType) -> Result<ArrayRef, ArrowError> {
    let none = OffsetBuffer::from_lengths([0]);
    Ok(match of {
        DataType::List(item) => {
            Arc::new(ListArray::try_new(Arc::clone(item), none, new_empty_array(item.data_type()), None)?)
        }
        DataType::Map(entries, sorted) => {
            let pairs = StructArray::from(new_empty_array(entries.data_type()).to_data());
            Arc::new(MapArray::try_new(Arc::clone(entries), none, pairs, None, *sorted)?)
        }
        other => new_null_array(other, 1),
    })
}

#[cfg(test)]
mod tests;
