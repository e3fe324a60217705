//! Records of a topic to rows and back, in Avro with Confluent's frame.
//!
//! A record's key is its key columns as text, joined by a unit separator (`0x1f`); null is a lone `0x00`. Where a row
//! came from travels in headers, as `origin_headers.rs` says.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryBuilder, BinaryViewArray, Int64Array, StringArray, UInt32Array,
};
use arrow::compute;
use arrow::datatypes::DataType;
use batch::{Batch, ColumnType, Input, Origins, Records, partition_of};
use codec::Decoded;
use codec::avro::{self, RecordDecoder, RecordEncoder, SchemaError, SchemaIds};
use indexmap::IndexMap;

use crate::record::{BadRecord, DecodedRecords, RecordReader, RecordWriter};
use crate::{StepError, origin_headers};

/// Keeps the schemas' text durably, whole or not at all.
pub type KeepSchemas = Box<dyn Fn(&str) -> io::Result<()> + Send + Sync>;

/// Schemas and their ids: a registry, or what stands for one.
pub trait Schemas: avro::Schemas + Send + Sync {
    /// The id of the schema of a topic's values; a new one is kept before it is given.
    ///
    /// # Errors
    /// If it is no schema, cannot be kept, or is refused.
    fn id_of(&self, topic: &str, schema: &str) -> Result<u32, SchemasError>;

    /// Makes sure that the schema with this id can be given from now on, if there is one.
    ///
    /// # Errors
    /// [`SchemasError::Away`] if that cannot be known now.
    fn find(&self, id: u32) -> Result<(), SchemasError> {
        let _ = id;
        Ok(())
    }
}

/// Schemas and their ids, kept by somebody while there is no registry.
pub struct KeptSchemas {
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
    /// The registry cannot be asked now: try again.
    #[error("the schema registry does not answer")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The registry does not take a schema, or does not let this program ask: a person must act.
    #[error("the schema registry refuses")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl KeptSchemas {
    /// Schemas as they were kept; empty text for none. `keep` is called before an id is first used.
    ///
    /// # Errors
    /// If the text is of another form.
    pub fn open(text: &str, keep: KeepSchemas) -> Result<Self, SchemasError> {
        let ids = if text.is_empty() { SchemaIds::new() } else { SchemaIds::from_json(text)? };
        Ok(Self { ids: Mutex::new(ids), keep })
    }
}

impl Schemas for KeptSchemas {
    fn id_of(&self, _topic: &str, schema: &str) -> Result<u32, SchemasError> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ids.len();
        let id = ids.id_of(schema)?;
        if ids.len() > before {
            (self.keep)(&ids.to_json()).map_err(SchemasError::Keep)?;
        }
        Ok(id)
    }
}

impl avro::Schemas for KeptSchemas {
    fn schema(&self, id: u32) -> Option<Arc<str>> {
        avro::Schemas::schema(&*self.ids.lock().unwrap_or_else(PoisonError::into_inner), id)
    }
}

/// Decodes the records of a topic.
pub struct AvroReader {
    schemas: Arc<dyn Schemas>,
    decoder: RecordDecoder,
    /// Ids that were asked for.
    found: HashSet<u32>,
}

impl AvroReader {
    /// A reader that gives these columns.
    #[must_use]
    pub fn new(schemas: Arc<dyn Schemas>, columns: &IndexMap<Arc<str>, ColumnType>) -> Self {
        let columns = columns.iter().map(|(name, column)| (Arc::clone(name), column.clone())).collect();
        Self { schemas, decoder: RecordDecoder::new(columns), found: HashSet::new() }
    }

    /// A reader that gives these columns by the topic's declared schema: each writer's schema is resolved to it, with
    /// its aliases, defaults and promotions.
    ///
    /// # Errors
    /// If the schema cannot be used, or does not fit the columns.
    pub fn resolving(
        schemas: Arc<dyn Schemas>,
        columns: &IndexMap<Arc<str>, ColumnType>,
        schema: &str,
    ) -> Result<Self, SchemasError> {
        let columns = columns.iter().map(|(name, column)| (Arc::clone(name), column.clone())).collect();
        Ok(Self { schemas, decoder: RecordDecoder::resolving(columns, schema)?, found: HashSet::new() })
    }

    /// A reader of a topic: by its declared schema, where it has one.
    ///
    /// # Errors
    /// If the schema cannot be used, or does not fit the columns.
    pub fn of_topic(
        schemas: Arc<dyn Schemas>,
        columns: &IndexMap<Arc<str>, ColumnType>,
        schema: Option<&str>,
    ) -> Result<Self, SchemasError> {
        match schema {
            Some(schema) => Self::resolving(schemas, columns, schema),
            None => Ok(Self::new(schemas, columns)),
        }
    }

    /// Decodes values, one row each.
    ///
    /// # Errors
    /// If the registry has to be asked for a schema, and is away.
    pub(crate) fn decode(&mut self, values: &BinaryArray) -> Result<Decoded, StepError> {
        self.find_schemas(values)?;
        let schemas: &dyn avro::Schemas = self.schemas.as_ref();
        Ok(self.decoder.decode(values, schemas))
    }

    /// Makes sure that the schemas of these records can be given, where there are any.
    fn find_schemas(&mut self, records: &BinaryArray) -> Result<(), StepError> {
        let mut last = None;
        for record in records.iter().flatten() {
            let Some((id, _)) = avro::unframe(record).filter(|(id, _)| last != Some(*id)) else { continue };
            last = Some(id);
            if !self.found.contains(&id) {
                self.schemas.find(id).map_err(|error| StepError::Away(Box::new(error)))?;
                // One that is not there now may come.
                if avro::Schemas::schema(self.schemas.as_ref(), id).is_some() {
                    self.found.insert(id);
                }
            }
        }
        Ok(())
    }
}

/// Where the rows of records come from, one row a record.
pub(crate) fn origins(records: &Records, input: &Arc<Input>) -> Origins {
    let first = records.base_offset;
    Origins {
        input: Arc::clone(input),
        offsets: (first..first + records.len() as i64).collect::<Vec<_>>().into(),
        rows: Int64Array::from_value(0, records.len()),
        arrivals: records.arrivals.clone(),
        place: origin_headers::place(&records.headers),
        raw: BinaryViewArray::from(&records.values),
    }
}

impl RecordReader for AvroReader {
    fn read(&mut self, records: &Records, input: &Arc<Input>) -> Result<DecodedRecords, StepError> {
        let failed = |source| StepError::Arrow { step: "decode".into(), source };
        let decoded = self.decode(&records.values)?;
        let first = records.base_offset;
        let mut origins = origins(records, input);
        if !decoded.bad.is_empty() {
            origins = origins.take(&UInt32Array::from(decoded.records)).map_err(failed)?;
        }
        let bad = decoded.bad.into_iter().map(|bad| BadRecord {
            offset: first + bad.index as i64,
            code: bad.code,
            field: bad.field,
            message: bad.message,
        });
        let bad = bad.collect();
        let batch = Batch::new(decoded.rows, origins, None).map_err(failed)?;
        Ok(DecodedRecords { batch, bad, dropped: Vec::new() })
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
        schemas: &dyn Schemas,
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
        let id = schemas.id_of(topic, schema)?;
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
        let headers = origin_headers::written(batch.origins());
        let records = Records {
            base_offset: 0,
            keys,
            values: encoded.values,
            headers,
            arrivals: Int64Array::from_value(0, batch.len()),
        };
        if partitions == 1 {
            return Ok(vec![(0, records)]);
        }
        let mut rows_of: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
        for row in 0..batch.len() {
            rows_of.entry(partition_of(records.keys.value(row), partitions)).or_default().push(row as u32);
        }
        if let Some(only) = rows_of.keys().next().copied().filter(|_| rows_of.len() == 1) {
            return Ok(vec![(only, records)]);
        }
        let chosen = rows_of.into_iter().map(|(partition, rows)| {
            let records = records.take(&UInt32Array::from(rows)).map_err(|error| self.fault(error.to_string()))?;
            Ok((partition, records))
        });
        chosen.collect()
    }
}

/// The key of each row, as the module's prose says.
fn keys(batch: &Batch, names: &[Arc<str>]) -> Result<BinaryArray, String> {
    let mut columns = Vec::with_capacity(names.len());
    for name in names {
        let column = batch.columns().column_by_name(name).ok_or_else(|| format!("no key column `{name}`"))?;
        let texts: ArrayRef = compute::cast(column, &DataType::Utf8).map_err(|error| error.to_string())?;
        columns.push(texts.as_any().downcast_ref::<StringArray>().ok_or("a key column is no text")?.clone());
    }
    if let [texts] = &*columns
        && texts.null_count() == 0
    {
        return Ok(BinaryArray::from(texts.clone()));
    }
    let mut keys = BinaryBuilder::with_capacity(batch.len(), batch.len() * 16);
    let mut key = Vec::new();
    for row in 0..batch.len() {
        key.clear();
        for (position, texts) in columns.iter().enumerate() {
            if position > 0 {
                key.push(0x1f);
            }
            if texts.is_null(row) {
                key.push(0);
            } else {
                key.extend_from_slice(texts.value(row).as_bytes());
            }
        }
        keys.append_value(&key);
    }
    Ok(keys.finish())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, BinaryArray, Int64Array};
    use arrow::util::display::array_value_to_string;
    use batch::{ColumnType, Input, Records, TopicIdentity};
    use codec::avro::{columns_of, frame};
    use indexmap::IndexMap;

    use super::{AvroReader, KeptSchemas, RecordReader, Schemas};

    /// What was written before a field was renamed and another was added is read by the schema of now.
    #[test]
    fn records_are_resolved_to_the_declared_schema() {
        let schemas = Arc::new(KeptSchemas::open("", Box::new(|_| Ok(()))).expect("none"));
        let old = r#"{"type":"record","name":"r","fields":[{"name":"cost","type":"int"}]}"#;
        let new = r#"{"type":"record","name":"r","fields":[{"name":"price","type":"long","aliases":["cost"]},
            {"name":"venue","type":{"type":"record","name":"v","fields":[{"name":"code","type":"string"}]},"default":{"code":"XNAS"}}]}"#;
        let id = schemas.id_of("r", old).expect("a schema");
        let columns: IndexMap<Arc<str>, ColumnType> = columns_of(new).expect("columns").into_iter().collect();
        let mut reader = AvroReader::resolving(schemas, &columns, new).expect("a schema");
        let values = BinaryArray::from_iter_values([[&frame(id)[..], &[6]].concat()]);
        let records = Records {
            base_offset: 4,
            keys: BinaryArray::from_iter_values([b""]),
            values,
            headers: BinaryArray::from_iter_values([b""]),
            arrivals: Int64Array::from_value(0, 1),
        };
        let read = reader
            .read(&records, &Arc::new(Input { topic: "t".into(), identity: TopicIdentity(1), partition: 0 }))
            .expect("records");
        assert!(read.bad.is_empty(), "{:?}", read.bad.len());
        let shown = |name: &str| {
            let column = read.batch.columns().column_by_name(name).expect("a column");
            assert_eq!(column.len(), 1);
            array_value_to_string(column, 0).expect("shown")
        };
        assert_eq!((shown("price"), shown("venue.code")), ("3".to_owned(), "XNAS".to_owned()));
    }
}
