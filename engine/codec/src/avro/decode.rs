//! Framed records to columns, by a plan for each writer's schema.

use std::collections::HashMap;
use std::sync::Arc;

use apache_avro::Schema;
use arrow::array::{Array, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use batch::{Code, ColumnType, Type};

use super::read::Cursor;
use super::schema::{column_name, parse};
use super::values::Values;
use super::wire::Wire;
use super::{BadRecord, Fault, SchemaError, unframe};

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

/// How the fields of one writer's records reach the columns.
#[derive(Debug)]
struct Plan {
    /// Each field in the writer's order.
    fields: Vec<Field>,
    /// Columns that the writer does not know: null or empty.
    absent: Vec<usize>,
}

/// A field of a writer's record.
#[derive(Debug)]
struct Field {
    wire: Wire,
    /// The column that wants it.
    column: Option<usize>,
    route: Route,
}

/// The common shapes go a shorter way than a walk over their schema; `nullable` fields are a union of null and one other.
#[derive(Clone, Copy, Debug)]
enum Route {
    /// The walk.
    Walk,
    /// A `string` into a column of text.
    Text { null_branch: Option<i64> },
    /// A `long`, or a timestamp in the column's own unit, into a column that holds every one.
    Long { null_branch: Option<i64> },
}

/// Decodes framed records into columns.
#[derive(Debug)]
pub struct RecordDecoder {
    columns: Vec<(Arc<str>, ColumnType)>,
    schema: SchemaRef,
    /// Plans by schema id; the message of a schema that cannot be read into these columns.
    plans: HashMap<u32, Result<Plan, String>>,
}

impl RecordDecoder {
    /// A decoder into these columns.
    #[must_use]
    pub fn new(columns: Vec<(Arc<str>, ColumnType)>) -> Self {
        let fields: Vec<arrow::datatypes::Field> = columns.iter().map(|(name, column)| column.field(name)).collect();
        Self { columns, schema: Arc::new(arrow::datatypes::Schema::new(fields)), plans: HashMap::new() }
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
        let mut values: Vec<Values> =
            self.columns.iter().map(|(_, column)| Values::new(&column.of, column.nullable, rows)).collect();
        let (mut good, mut bad) = (Vec::with_capacity(rows), Vec::new());
        for index in 0..rows {
            let record = records.is_valid(index).then(|| records.value(index));
            match self.decode_one(record, schemas, &mut values, believe) {
                Ok(()) => good.push(index as u32),
                Err(failure) => {
                    for column in &mut values {
                        column.truncate(good.len());
                    }
                    bad.push(self.bad_record(index, failure));
                }
            }
        }
        let arrays = values.into_iter().map(Values::finish).collect::<Option<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(good.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("columns were built by the schema's types, and every good record added one value to each");
        Some(Decoded { rows, records: good, bad })
    }

    fn decode_one(
        &mut self,
        record: Option<&[u8]>,
        schemas: &dyn Schemas,
        values: &mut [Values],
        believe: bool,
    ) -> Result<(), Failure> {
        let (id, body) = record.and_then(unframe).ok_or(Failure::Fault(Fault::NoFrame, None))?;
        if !self.plans.contains_key(&id) {
            // An unknown id is not remembered: its schema may be found later.
            let text = schemas.schema(id).ok_or(Failure::Fault(Fault::UnknownSchema(id), None))?;
            let plan = Plan::compile(&text, &self.columns).map_err(|error| message_of(&error));
            self.plans.insert(id, plan);
        }
        let plan = match &self.plans[&id] {
            Ok(plan) => plan,
            Err(_) => return Err(Failure::Schema(id)),
        };
        let mut cursor = Cursor::new(body);
        for field in &plan.fields {
            let read = match field.column {
                None => cursor.skip(&field.wire),
                Some(index) => field.read(&mut cursor, &mut values[index], believe),
            };
            read.map_err(|fault| Failure::Fault(fault, field.column))?;
        }
        if !cursor.is_empty() {
            return Err(Failure::Fault(Fault::Trailing, None));
        }
        for index in &plan.absent {
            values[*index].push_null().map_err(|fault| Failure::Fault(fault, Some(*index)))?;
        }
        Ok(())
    }

    fn bad_record(&self, index: usize, failure: Failure) -> BadRecord {
        match failure {
            Failure::Fault(fault, column) => fault.bad(index, column.map(|column| self.columns[column].0.as_ref())),
            Failure::Schema(id) => {
                let reason = self.plans.get(&id).and_then(|plan| plan.as_ref().err()).map_or("", String::as_str);
                let message = batch::bounded(&format!("records of schema {id} cannot be read: {reason}"));
                BadRecord { index, code: Code("E4309"), message }
            }
        }
    }
}

impl Field {
    #[inline]
    fn read(&self, cursor: &mut Cursor<'_>, column: &mut Values, believe: bool) -> Result<(), Fault> {
        match self.route {
            Route::Text { null_branch } if believe => match branch(cursor, null_branch)? {
                true => column.push_null(),
                false => column.push_text_unseen(cursor.bytes()?),
            },
            Route::Long { null_branch } => match branch(cursor, null_branch)? {
                true => column.push_null(),
                false => column.push_long(cursor.long()?),
            },
            Route::Walk | Route::Text { .. } => cursor.read_into(&self.wire, column),
        }
    }
}

/// Reads the branch of a union of two; says whether it is the null.
#[inline]
fn branch(cursor: &mut Cursor<'_>, null_branch: Option<i64>) -> Result<bool, Fault> {
    let Some(null) = null_branch else { return Ok(false) };
    match cursor.long()? {
        branch @ (0 | 1) => Ok(branch == null),
        _ => Err(Fault::Branch),
    }
}

impl Route {
    fn of(wire: &Wire, of: &Type) -> Self {
        let (null_branch, value) = match wire {
            Wire::Union(branches) => match &**branches {
                [Wire::Null, value] => (Some(0), value),
                [value, Wire::Null] => (Some(1), value),
                _ => return Self::Walk,
            },
            value => (None, value),
        };
        match (value, of) {
            (Wire::Text, Type::Text) => Self::Text { null_branch },
            (Wire::Integer { long: true }, Type::Integer { bits: 64, signed: true }) => Self::Long { null_branch },
            (Wire::Timestamp { digits, .. }, Type::Timestamp { digits: wanted, .. }) if digits == wanted => {
                Self::Long { null_branch }
            }
            _ => Self::Walk,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    /// And the column to blame, if one is.
    Fault(Fault, Option<usize>),
    /// The plan of this schema id could not be made.
    Schema(u32),
}

fn message_of(error: &SchemaError) -> String {
    match std::error::Error::source(error) {
        None => error.to_string(),
        Some(source) => format!("{error}: {source}"),
    }
}

impl Plan {
    fn compile(writer: &str, columns: &[(Arc<str>, ColumnType)]) -> Result<Self, SchemaError> {
        let parsed = parse(writer)?;
        let (Schema::Record(record), Wire::Record(wires)) = (&parsed, Wire::of(&parsed)?) else {
            return Err(SchemaError::Unsupported { what: "no record at its top" });
        };
        let mut taken = vec![false; columns.len()];
        let mut fields = Vec::with_capacity(wires.len());
        for (field, (_, wire)) in record.fields.iter().zip(wires) {
            let name = column_name(field);
            let index = columns.iter().position(|(column, _)| column.as_ref() == name);
            if let Some(index) = index {
                let column = &columns[index].1;
                if !wire.fits(&column.of) || std::mem::replace(&mut taken[index], true) {
                    let column_type = column.to_string();
                    return Err(SchemaError::Mismatch { field: name.to_owned(), column_type });
                }
            }
            let route = index.map_or(Route::Walk, |index| Route::of(&wire, &columns[index].1.of));
            fields.push(Field { wire, column: index, route });
        }
        let absent: Vec<usize> = (0..columns.len()).filter(|index| !taken[*index]).collect();
        for index in &absent {
            let (name, column) = &columns[*index];
            if !column.nullable && !matches!(column.of, Type::List(_) | Type::Map(_)) {
                return Err(SchemaError::Missing { column: name.to_string() });
            }
        }
        Ok(Self { fields, absent })
    }
}
