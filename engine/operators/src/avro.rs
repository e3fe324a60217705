//! Records of a topic to rows and back, in Avro with Confluent's frame.
//!
//! A record's key is its key columns as text, joined by a unit separator (`0x1f`); null is a lone `0x00`. Where a row
//! came from travels in headers, so that a row keeps its document through any number of topics:
//!
//! ```text
//! spotlight.document   key "@" version
//! spotlight.member     name of the archive's member
//! spotlight.line       line in the member
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, BinaryArray, Int64Array, StringArray, UInt32Array, UInt64Array};
use arrow::compute;
use arrow::datatypes::DataType;
use batch::{Batch, ColumnType, Headers, Input, Origins, Place, Records, RecordsBuilder, partition_of};
use codec::avro::{self, RecordDecoder, RecordEncoder, SchemaError, SchemaIds};
use indexmap::IndexMap;

use crate::StepError;
use crate::record::{BadRecord, DecodedRecords, RecordReader, RecordWriter};

/// Keeps the schemas' text durably, whole or not at all.
pub type KeepSchemas = Box<dyn Fn(&str) -> io::Result<()> + Send + Sync>;

/// Schemas and their ids, kept by somebody while there is no registry.
pub struct Schemas {
    ids: Mutex<SchemaIds>,
    keep: KeepSchemas,
}

/// Why schemas could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemasError {
    /// A schema is none, or of a kind that is not supported.
    #[error("a schema cannot be used")]
    Schema(#[from] SchemaError),
    /// The ids could not be kept.
    #[error("the schemas' ids could not be kept")]
    Keep(#[source] io::Error),
}

impl Schemas {
    /// Schemas as they were kept; empty text for none. `keep` is called before an id is first used.
    ///
    /// # Errors
    /// If the text is of another form.
    pub fn open(text: &str, keep: KeepSchemas) -> Result<Self, SchemasError> {
        let ids = if text.is_empty() { SchemaIds::new() } else { SchemaIds::from_json(text)? };
        Ok(Self { ids: Mutex::new(ids), keep })
    }

    /// The id of a schema; a new one is kept before it is given.
    ///
    /// # Errors
    /// If it is no schema, or cannot be kept.
    pub fn id_of(&self, schema: &str) -> Result<u32, SchemasError> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ids.len();
        let id = ids.id_of(schema)?;
        if ids.len() > before {
            (self.keep)(&ids.to_json()).map_err(SchemasError::Keep)?;
        }
        Ok(id)
    }
}

impl avro::Schemas for Schemas {
    fn schema(&self, id: u32) -> Option<Arc<str>> {
        avro::Schemas::schema(&*self.ids.lock().unwrap_or_else(PoisonError::into_inner), id)
    }
}

/// Decodes the records of a topic.
pub struct AvroReader {
    schemas: Arc<Schemas>,
    decoder: RecordDecoder,
}

impl AvroReader {
    /// A reader that gives these columns.
    #[must_use]
    pub fn new(schemas: Arc<Schemas>, columns: &IndexMap<Arc<str>, ColumnType>) -> Self {
        let columns = columns.iter().map(|(name, column)| (Arc::clone(name), column.clone())).collect();
        Self { schemas, decoder: RecordDecoder::new(columns) }
    }
}

impl RecordReader for AvroReader {
    fn read(&mut self, records: &Records, input: &Arc<Input>) -> Result<DecodedRecords, StepError> {
        let failed = |source| StepError::Arrow { step: "decode".into(), source };
        let decoded = self.decoder.decode(&records.values, self.schemas.as_ref());
        let good = UInt32Array::from(decoded.records);
        let take = |array: &dyn Array| compute::take(array, &good, None).map_err(failed);
        let offsets = good.values().iter().map(|&index| records.base_offset + i64::from(index));
        let arrivals = good.values().iter().map(|&index| records.arrivals.value(index as usize));
        let raw = take(&records.values)?;
        let headers = take(&records.headers)?;
        let (Some(raw), Some(headers)) =
            (raw.as_any().downcast_ref::<BinaryArray>(), headers.as_any().downcast_ref::<BinaryArray>())
        else {
            return Err(StepError::Plan { step: "decode".into(), what: "records are not bytes".to_owned() });
        };
        let origins = Origins {
            input: Arc::clone(input),
            offsets: Int64Array::from_iter_values(offsets),
            rows: Int64Array::from_value(0, good.len()),
            arrivals: Int64Array::from_iter_values(arrivals),
            place: place(headers),
            raw: raw.clone(),
        };
        let bad = decoded.bad.into_iter().map(|bad| BadRecord {
            offset: records.base_offset + bad.index as i64,
            code: bad.code,
            message: bad.message,
        });
        let bad = bad.collect();
        Ok(DecodedRecords { batch: Batch::new(decoded.rows, origins, None).map_err(failed)?, bad })
    }
}

/// The documents that the headers name.
fn place(headers: &BinaryArray) -> Place {
    if headers.iter().all(|header| header.unwrap_or_default().is_empty()) {
        return Place::Nowhere;
    }
    let rows = headers.len();
    let (mut documents, mut versions) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let (mut members, mut lines) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for header in headers {
        let found = Headers::decode(header.unwrap_or_default()).unwrap_or_default();
        let text = |name: &str| {
            let header = found.iter().find(|header| header.name == name)?;
            String::from_utf8(header.value.clone()).ok()
        };
        let document = text("spotlight.document");
        let split = document.as_deref().and_then(|document| document.rsplit_once('@'));
        documents.push(split.map(|(key, _)| key.to_owned()));
        versions.push(split.and_then(|(_, version)| version.parse::<i64>().ok()));
        members.push(text("spotlight.member"));
        lines.push(text("spotlight.line").and_then(|line| line.parse::<u64>().ok()));
    }
    Place::Mixed {
        documents: StringArray::from(documents),
        versions: Int64Array::from(versions),
        members: StringArray::from(members),
        lines: UInt64Array::from(lines),
    }
}

/// Encodes rows for a topic.
pub struct AvroWriter {
    encoder: RecordEncoder,
    key: Vec<Arc<str>>,
    topic: Arc<str>,
}

impl AvroWriter {
    /// A writer for a topic with these columns. `schema` is the declared one; without it one is derived.
    ///
    /// # Errors
    /// If the schema cannot be used.
    pub fn new(
        schemas: &Schemas,
        topic: &Arc<str>,
        columns: &IndexMap<Arc<str>, ColumnType>,
        key: Vec<Arc<str>>,
        schema: Option<&str>,
    ) -> Result<Self, SchemasError> {
        let columns: Vec<_> = columns.iter().map(|(name, column)| (Arc::clone(name), column.clone())).collect();
        let derived;
        let schema = match schema {
            Some(schema) => schema,
            None => {
                derived = avro::record_schema(topic, &columns);
                &derived
            }
        };
        let id = schemas.id_of(schema)?;
        Ok(Self { encoder: RecordEncoder::new(schema, id)?, key, topic: Arc::clone(topic) })
    }

    fn fault(&self, what: String) -> StepError {
        StepError::Plan { step: format!("topic {}", self.topic).into(), what }
    }
}

impl RecordWriter for AvroWriter {
    fn write(&self, batch: &Batch, partitions: i32) -> Result<Vec<(i32, Records)>, StepError> {
        let encoded = self.encoder.encode(batch.columns()).map_err(|error| self.fault(error.to_string()))?;
        if let Some(bad) = encoded.bad.first() {
            // The steps before have conformed the rows: nothing may fail here.
            return Err(self.fault(format!("row {}: {} {}", bad.index, bad.code, bad.message)));
        }
        let keys = keys(batch, &self.key).map_err(|what| self.fault(what))?;
        let headers = headers(batch.origins());
        let mut builders: BTreeMap<i32, RecordsBuilder> = BTreeMap::new();
        for row in 0..batch.len() {
            let partition = if partitions == 1 { 0 } else { partition_of(&keys[row], partitions) };
            let builder = builders.entry(partition).or_default();
            builder.push(Some(&keys[row]), Some(encoded.values.value(row)), &headers[row], 0);
        }
        Ok(builders.into_iter().map(|(partition, builder)| (partition, builder.finish())).collect())
    }
}

/// The key of each row, as the module's prose says.
fn keys(batch: &Batch, names: &[Arc<str>]) -> Result<Vec<Vec<u8>>, String> {
    let mut keys = vec![Vec::new(); batch.len()];
    for (position, name) in names.iter().enumerate() {
        let column = batch.columns().column_by_name(name).ok_or_else(|| format!("no key column `{name}`"))?;
        let texts: ArrayRef = compute::cast(column, &DataType::Utf8).map_err(|error| error.to_string())?;
        let texts = texts.as_any().downcast_ref::<StringArray>().ok_or("a key column is no text")?;
        for (row, key) in keys.iter_mut().enumerate() {
            if position > 0 {
                key.push(0x1f);
            }
            if texts.is_null(row) {
                key.push(0);
            } else {
                key.extend_from_slice(texts.value(row).as_bytes());
            }
        }
    }
    Ok(keys)
}

/// The headers of each row, as the module's prose says.
fn headers(origins: &Origins) -> Vec<Headers> {
    if matches!(origins.place, Place::Nowhere) {
        return vec![Headers::new(); origins.len()];
    }
    let (documents, versions, members, lines) = origins.place.spread(origins.len());
    let one = |row: usize| {
        let mut headers = Headers::new();
        if documents.is_valid(row) {
            let document = format!("{}@{}", documents.value(row), versions.value(row));
            headers.push("spotlight.document", document.as_bytes());
        }
        if members.is_valid(row) {
            headers.push("spotlight.member", members.value(row).as_bytes());
        }
        if lines.is_valid(row) {
            headers.push("spotlight.line", lines.value(row).to_string().as_bytes());
        }
        headers
    };
    (0..origins.len()).map(one).collect()
}
