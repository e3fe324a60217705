//! Brings rows into the columns of a table or a topic, and checks every value against what the column can hold.
//!
//! The last step before a destination. What leaves has exactly the declared columns, in order, with their exact Arrow
//! types; a row that does not fit is dead here, because after this point a refusal is nobody's to mend.
//!
//! Facts about ClickHouse, from its documentation: `Date32` and `DateTime64` hold 1900-01-01 to 2299-12-31, and
//! `DateTime64(9)` to 2262-04-11, where its 64 bits end. Timestamps are compared in UTC.
//!
//! Deliberately absent: conversions that mean something (text to number, wall clock to instant). Those stand in the
//! topology file; here they are a fault of the program.

use std::sync::Arc;

use arrow::array::types::{
    Date32Type, Decimal128Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, RecordBatchOptions, new_empty_array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{self, CastOptions};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, FieldRef, Schema, TimeUnit};
use batch::{Batch, Code, ColumnType, ReadValues, RowFailure, Type};
use indexmap::IndexMap;

use crate::rows::{RowFailures, assemble, note_read, unless_empty};
use crate::{Facts, Step, StepError, StepOutput, codes};

/// 1900-01-01 and 2299-12-31, in days since 1970.
const DAYS: (i64, i64) = (-25_567, 120_529);

/// The step.
#[derive(Debug)]
pub struct Conform {
    name: Arc<str>,
    columns: IndexMap<Arc<str>, ColumnType>,
}

/// What is told of a value that does not fit: row, code, what is wrong.
type Tell<'a> = dyn FnMut(usize, Code, &'static str) + 'a;

impl Conform {
    /// A step that brings rows into these columns.
    #[must_use]
    pub fn new(name: Arc<str>, columns: IndexMap<Arc<str>, ColumnType>) -> Self {
        Self { name, columns }
    }

    /// The columns as Arrow fields.
    #[must_use]
    pub fn schema(&self) -> Schema {
        Schema::new(self.columns.iter().map(|(name, of)| of.field(name)).collect::<Vec<_>>())
    }

    /// The values of a column in its exact type.
    fn bring(
        &self,
        name: &str,
        of: &ColumnType,
        columns: &RecordBatch,
        tell: &mut Tell<'_>,
    ) -> Result<ArrayRef, StepError> {
        let target = of.of.arrow();
        let rows = columns.num_rows();
        let Some(values) = columns.column_by_name(name) else {
            return match (&target, of.nullable) {
                (DataType::List(item), _) => Ok(empty_lists(item, rows)),
                (DataType::Map(entries, _), _) => Ok(empty_maps(entries, rows)),
                (_, true) => Ok(new_null_array(&target, rows)),
                _ => Err(StepError::plan(&self.name, format!("column `{name}` is missing and never null"))),
            };
        };
        if values.data_type() == &target {
            return Ok(Arc::clone(values));
        }
        if values.data_type() == &DataType::Null {
            return Ok(new_null_array(&target, rows));
        }
        if !convertible(values.data_type(), &target) {
            let what = format!("column `{name}` is of type {}, not {}", values.data_type(), of.of);
            return Err(StepError::plan(&self.name, what));
        }
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let cast = compute::cast_with_options(values, &target, &options).map_err(StepError::arrow(&self.name))?;
        if cast.null_count() > values.logical_null_count() {
            for row in (0..rows).filter(|row| cast.is_null(*row) && !values.is_null(*row)) {
                tell(row, codes::TOO_LARGE, "the number does not fit the column");
            }
        }
        Ok(cast)
    }
}

impl Step for Conform {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn process(&mut self, batch: Batch, _facts: &Facts) -> Result<StepOutput, StepError> {
        let mut failures = RowFailures::default();
        let mut columns: Vec<(FieldRef, ArrayRef)> = Vec::with_capacity(self.columns.len());
        for (name, of) in &self.columns {
            let mut told = Vec::new();
            let mut tell = |row, code, message: &str| {
                let (message, read) = (message.to_owned(), ReadValues::default());
                told.push(RowFailure { row, code, field: None, message, read });
            };
            let values = self.bring(name, of, batch.columns(), &mut tell)?;
            check(&values, &of.of, &mut tell);
            if !of.nullable && values.null_count() > 0 {
                for row in (0..values.len()).filter(|row| values.is_null(*row)) {
                    tell(row, codes::NULL_VALUE, "the column is never null, and the row has no value");
                }
            }
            if let (false, Some(values)) = (told.is_empty(), batch.columns().column_by_name(name)) {
                note_read(&mut told, &[(Arc::clone(name), Arc::clone(values))]);
            }
            failures.add(Some(name), told);
            columns.push((Arc::new(Field::new(&**name, of.of.arrow(), true)), values));
        }
        // Nulls stand where they must not until the failed rows are gone.
        let columns = assemble(&self.name, columns, batch.len())?;
        let batch = batch.with_columns(columns, None).map_err(StepError::arrow(&self.name))?;
        let (batch, failed) = failures.part(&self.name, batch)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.len()));
        let arrays = batch.columns().columns().to_vec();
        let exact = RecordBatch::try_new_with_options(Arc::new(self.schema()), arrays, &options)
            .and_then(|columns| batch.with_columns(columns, None))
            .map_err(StepError::arrow(&self.name))?;
        Ok(StepOutput { next: unless_empty(exact), failed, ..StepOutput::default() })
    }
}

/// Whether values of one type are values of the other, whatever the array looks like.
fn convertible(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Dictionary(_, of), to) => &**of == to || convertible(of, to),
        (DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8) => true,
        (DataType::LargeBinary | DataType::BinaryView, DataType::Binary) => true,
        (DataType::Decimal128(_, from), DataType::Decimal128(_, to)) => from <= to,
        (DataType::Timestamp(from, Some(_)), DataType::Timestamp(to, Some(_))) => from == to,
        (from, to) if from.is_integer() && to.is_integer() => true,
        // The same type with other names inside.
        (from, to) => Type::from_arrow(from).is_some_and(|of| of.arrow() == *to),
    }
}

fn empty_lists(item: &FieldRef, rows: usize) -> ArrayRef {
    let items = new_empty_array(item.data_type());
    Arc::new(ListArray::new(Arc::clone(item), OffsetBuffer::new_zeroed(rows), items, None))
}

fn empty_maps(entries: &FieldRef, rows: usize) -> ArrayRef {
    let none = new_empty_array(entries.data_type());
    let none = none.as_struct().clone();
    Arc::new(MapArray::new(Arc::clone(entries), OffsetBuffer::new_zeroed(rows), none, None, false))
}

/// Tells each row with a value that a column of this type cannot hold. A row may be told more than once.
fn check(values: &ArrayRef, of: &Type, tell: &mut Tell<'_>) {
    match (of, values.data_type()) {
        (Type::Date, DataType::Date32) => {
            within::<Date32Type>(values, DAYS.0 as i32, DAYS.1 as i32, &mut |row| {
                tell(row, codes::OUT_OF_RANGE, "the date is before 1900-01-01 or after 2299-12-31");
            });
        }
        (Type::Timestamp { digits, .. }, DataType::Timestamp(unit, _)) => {
            let mut outside = |row| tell(row, codes::OUT_OF_RANGE, "the timestamp is outside what the column can hold");
            let (lowest, highest) = timestamps(*digits);
            match unit {
                TimeUnit::Second => within::<TimestampSecondType>(values, lowest, highest, &mut outside),
                TimeUnit::Millisecond => within::<TimestampMillisecondType>(values, lowest, highest, &mut outside),
                TimeUnit::Microsecond => within::<TimestampMicrosecondType>(values, lowest, highest, &mut outside),
                TimeUnit::Nanosecond => within::<TimestampNanosecondType>(values, lowest, highest, &mut outside),
            }
        }
        (Type::Decimal { precision, .. }, DataType::Decimal128(..)) => {
            let highest = 10_i128.saturating_pow(u32::from(*precision)).saturating_sub(1);
            within::<Decimal128Type>(values, -highest, highest, &mut |row| {
                tell(row, codes::TOO_LARGE, "the number has more digits than the column holds");
            });
        }
        (Type::List(item), DataType::List(_)) => {
            let list = values.as_list::<i32>();
            check_inside(values, list.offsets(), list.values(), item, tell);
        }
        (Type::Map(value), DataType::Map(..)) => {
            let map = values.as_map();
            check_inside(values, map.offsets(), map.values(), value, tell);
        }
        _ => {}
    }
}

fn check_inside(rows: &ArrayRef, offsets: &OffsetBuffer<i32>, items: &ArrayRef, of: &Type, tell: &mut Tell<'_>) {
    check(items, of, &mut |item, code, message| {
        // The last row that starts at or before the item; items outside of all rows, or under a null, are no values.
        let row = offsets.partition_point(|start| start.cast_unsigned() as usize <= item).checked_sub(1);
        if let Some(row) = row.filter(|row| *row < rows.len() && !rows.is_null(*row)) {
            tell(row, code, message);
        }
    });
}

fn within<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    lowest: T::Native,
    highest: T::Native,
    outside: &mut dyn FnMut(usize),
) {
    let array = values.as_primitive::<T>();
    let fits = |value: &T::Native| *value >= lowest && *value <= highest;
    if array.values().iter().all(fits) {
        return;
    }
    for (row, value) in array.values().iter().enumerate() {
        if !fits(value) && array.is_valid(row) {
            outside(row);
        }
    }
}

/// The lowest and the highest timestamp with so many digits of a second, in its units since 1970.
fn timestamps(digits: u8) -> (i64, i64) {
    let units = i128::from(10_u64.saturating_pow(u32::from(digits))) * 86_400;
    let within = |units: i128| i64::try_from(units).unwrap_or(i64::MAX);
    (within(i128::from(DAYS.0) * units), within(i128::from(DAYS.1 + 1) * units - 1))
}

#[cfg(test)]
mod tests;
