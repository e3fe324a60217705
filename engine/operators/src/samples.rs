//! Small batches for the unit tests.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use batch::{Batch, ColumnType, Failed, Input, Origins, Place, TopicIdentity, Type};
use expression::{Expression, Scope};

use crate::{ByLayout, Facts};

pub(crate) fn names(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(crate) fn maybe_names(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(crate) fn numbers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// Rows 0, 1, 2 … of the record at offset 0, which arrived at 0.
pub(crate) fn batch(columns: &[(&str, ArrayRef)]) -> Batch {
    let rows = columns[0].1.len() as i64;
    placed(columns, &(0..rows).map(|row| (row, 0)).collect::<Vec<_>>())
}

/// Rows with these numbers and arrivals.
pub(crate) fn placed(columns: &[(&str, ArrayRef)], places: &[(i64, i64)]) -> Batch {
    let columns = columns.iter().map(|(name, values)| (*name, Arc::clone(values), true));
    let columns = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let raw = places.iter().map(|(row, _)| row.to_string()).collect::<Vec<_>>();
    let origins = Origins {
        input: Arc::new(Input { topic: "input".into(), identity: TopicIdentity(1), partition: 0 }),
        offsets: Int64Array::from_value(0, places.len()),
        rows: places.iter().map(|(row, _)| Some(*row)).collect(),
        arrivals: places.iter().map(|(_, arrival)| Some(*arrival)).collect(),
        place: Place::Nowhere,
        raw: BinaryViewArray::from_iter_values(raw),
    };
    Batch::new(columns, origins, None).expect("an origin for each row")
}

pub(crate) fn in_layout(batch: Batch, layout: &str) -> Batch {
    let (columns, origins, _) = batch.into_parts();
    Batch::new(columns, origins, Some(layout.into())).expect("the same rows")
}

pub(crate) fn facts() -> Facts {
    [("document.name".into(), names(&["file.txt"]))].into_iter().collect()
}

pub(crate) fn unified<T>(value: T) -> ByLayout<T> {
    [("".into(), value)].into_iter().collect()
}

/// An expression over the columns of a batch and `document.name`.
pub(crate) fn compiled(text: &str, rows: &Batch) -> Expression {
    let mut scope = Scope::default().with_name("document.name", ColumnType::of(Type::Text));
    for field in rows.columns().schema().fields() {
        let of = Type::from_arrow(field.data_type()).expect("one of our types");
        scope = scope.with_name(field.name().as_str(), ColumnType::nullable(of));
    }
    Expression::compile(text, &scope).expect(text)
}

/// Each row as `name=value …`, nulls as `-`.
pub(crate) fn shown(batch: &Batch) -> Vec<String> {
    let columns = batch.columns();
    let cell = |column: &ArrayRef, row: usize| match column.data_type() {
        _ if column.is_null(row) => "-".to_owned(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        _ => array_value_to_string(column, row).expect("shown"),
    };
    let fields = columns.schema();
    let row = |row| {
        let cells = fields.fields().iter().zip(columns.columns());
        cells.map(|(field, column)| format!("{}={}", field.name(), cell(column, row))).collect::<Vec<_>>().join(" ")
    };
    (0..columns.num_rows()).map(row).collect()
}

pub(crate) fn codes(failed: &Failed) -> Vec<&'static str> {
    failed.failures.iter().map(|failure| failure.code.0).collect()
}
