//! Framed records to columns, by a plan for each writer's schema.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{Array, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use batch::{Code, ColumnType};

use super::columns::Column;
use super::read::Cursor;
use super::resolve::Plan;
use super::schema::{NAME_PROPERTY, TYPE_PROPERTY, parse};
use super::wire::{Record, Wire};
use super::{BadRecord, Decoded, Fault, SchemaError, unframe};

/// Finds writers' schemas by id.
pub trait Schemas {
    /// Text of the schema with this id, if there is one.
    fn schema(&self, id: u32) -> Option<Arc<str>>;
}

impl<F: Fn(u32) -> Option<Arc<str>>> Schemas for F {
    fn schema(&self, id: u32) -> Option<Arc<str>> {
        self(id)
    }
}

/// Most bytes of text for which room is made in a column before they come.
const MOST_ROOM: usize = 1024 * 1024;

/// Decodes framed records into columns.
#[derive(Debug)]
pub struct RecordDecoder {
    columns: Vec<(Arc<str>, ColumnType)>,
    schema: SchemaRef,
    /// The schema that writers' are resolved to, where one is declared.
    reader: Option<Arc<Record>>,
    /// Plans by schema id; the message of a schema that cannot be read into these columns.
    plans: HashMap<u32, Result<Plan, String>>,
    /// Records of the last block, and how many bytes of text each column had: the next will be much the same, and a
    /// buffer that grows on the way is copied each time.
    last: (usize, Vec<usize>),
}

impl RecordDecoder {
    /// A decoder into these columns, each from the writer's field of its name.
    #[must_use]
    pub fn new(columns: Vec<(Arc<str>, ColumnType)>) -> Self {
        let fields: Vec<arrow::datatypes::Field> = columns.iter().map(|(name, column)| column.field(name)).collect();
        let schema = Arc::new(arrow::datatypes::Schema::new(fields));
        Self { columns, schema, reader: None, plans: HashMap::new(), last: (0, Vec::new()) }
    }

    /// A decoder into these columns by a reader's schema, to which each writer's schema is resolved: with its aliases,
    /// defaults and promotions. The columns are those of [`columns_of`](super::columns_of), or some of them, or such as
    /// can hold the same values.
    ///
    /// # Errors
    /// If it is no schema of a record, or its own records could not be read into the columns.
    pub fn resolving(columns: Vec<(Arc<str>, ColumnType)>, reader: &str) -> Result<Self, SchemaError> {
        let reader = Wire::record_of(&parse(reader)?)?;
        Plan::compile(&reader, Some(&reader), &columns)?;
        Ok(Self { reader: Some(reader), ..Self::new(columns) })
    }

    /// The schema of the rows.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes a block of records. A null record is a bad one.
    pub fn decode(&mut self, records: &BinaryArray, schemas: &dyn Schemas) -> Decoded {
        // Texts are first believed and looked at together; only if one is none, each is looked at as it comes.
        let fast = self.attempt(records, schemas, true);
        fast.or_else(|| self.attempt(records, schemas, false)).expect("every text was looked at when it was added")
    }

    /// `None` if a text that was believed is none.
    fn attempt(&mut self, records: &BinaryArray, schemas: &dyn Schemas, believe: bool) -> Option<Decoded> {
        let rows = records.len();
        let mut columns: Vec<Column> = self.columns.iter().map(|(_, of)| Column::new(of, rows)).collect();
        let (of_rows, texts) = &self.last;
        for (column, bytes) in columns.iter_mut().zip(texts).filter(|_| *of_rows > 0) {
            // Somewhat more. A text of gigabytes says nothing of the next, and room for it is not taken unseen.
            column.leaf.room(((bytes / of_rows + 1) * rows * 9 / 8).min(MOST_ROOM));
        }
        let mut reading = Reading { columns: &mut columns, good: Vec::with_capacity(rows), bad: Vec::new(), believe };
        let mut index = 0;
        while index < rows {
            // Records of one schema mostly stand together: the plan is looked up once for all of them.
            let Some((id, _)) = record(records, index) else {
                reading.bad.push(Fault::NoFrame.bad(index, None));
                index += 1;
                continue;
            };
            let plan = match self.plan(id, schemas) {
                Ok(plan) => plan,
                Err(refused) => {
                    reading.bad.push(BadRecord { index, ..refused });
                    index += 1;
                    continue;
                }
            };
            while let Some((_, body)) = record(records, index).filter(|(next, _)| *next == id) {
                reading.read(index, plan, body);
                index += 1;
            }
        }
        let Reading { good, bad, .. } = reading;
        self.last = (rows, columns.iter().map(|column| column.leaf.bytes()).collect());
        let arrays = columns.into_iter().map(Column::finish).collect::<Option<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(good.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("columns were built by the schema's types, and every good record added one value to each");
        Some(Decoded { rows, records: good, bad })
    }

    /// The plan for a schema's records, or what is wrong with each of them.
    fn plan(&mut self, id: u32, schemas: &dyn Schemas) -> Result<&Plan, BadRecord> {
        let plan = match self.plans.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                // An unknown id is not remembered: its schema may be found later.
                let text = schemas.schema(id).ok_or_else(|| Fault::UnknownSchema(id).bad(0, None))?;
                let writer = parse(&text).and_then(|schema| Wire::record_of(&schema));
                let plan = writer.and_then(|writer| Plan::compile(&writer, self.reader.as_ref(), &self.columns));
                vacant.insert(plan.map_err(|error| message_of(&error, &text)))
            }
        };
        plan.as_ref().map_err(|reason| {
            let message = batch::bounded(&format!("records of an earlier schema ({id}) cannot be read: {reason}"));
            BadRecord { index: 0, code: Code("E4309"), field: None, message }
        })
    }
}

/// Id and body of a record; `None` if it has no frame.
#[inline]
fn record(records: &BinaryArray, index: usize) -> Option<(u32, &[u8])> {
    (index < records.len() && records.is_valid(index)).then(|| unframe(records.value(index))).flatten()
}

/// What is gathered while a block is read.
struct Reading<'a> {
    columns: &'a mut [Column],
    good: Vec<u32>,
    bad: Vec<BadRecord>,
    believe: bool,
}

impl Reading<'_> {
    #[inline]
    fn read(&mut self, index: usize, plan: &Plan, body: &[u8]) {
        let mut cursor = Cursor::new(body);
        let mut failed = None;
        for part in &plan.parts {
            if let Err(fault) = part.node.run(&mut cursor, self.columns, self.believe) {
                failed = Some((fault, part.name.as_deref()));
                break;
            }
        }
        if failed.is_none() && !cursor.is_empty() {
            failed = Some((Fault::Trailing, None));
        }
        match failed {
            None => self.good.push(index as u32),
            Some((fault, name)) => {
                for column in &mut *self.columns {
                    column.truncate(self.good.len());
                }
                self.bad.push(fault.bad(index, name));
            }
        }
    }
}

fn message_of(error: &SchemaError, writer: &str) -> String {
    if let SchemaError::Unheld { column, column_type } = error
        && let Some(written) = written_type(writer, column)
    {
        return format!("column `{column}` is {column_type}, and was written as {written}");
    }
    match std::error::Error::source(error) {
        None => error.to_string(),
        Some(source) => format!("{error}: {source}"),
    }
}

/// The type of a column as the writer's schema has it, for people.
fn written_type(writer: &str, column: &str) -> Option<String> {
    let schema: serde_json::Value = serde_json::from_str(writer).ok()?;
    let is = |field: &&serde_json::Value| {
        let name = field.get(NAME_PROPERTY).or_else(|| field.get("name"));
        name.and_then(serde_json::Value::as_str) == Some(column)
    };
    let field = schema.get("fields")?.as_array()?.iter().find(is)?;
    match field.get(TYPE_PROPERTY).or_else(|| field.get("type"))? {
        serde_json::Value::String(written) => Some(written.clone()),
        other => Some(other.to_string()),
    }
}
