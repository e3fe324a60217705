//! What the verbs share: evaluating expressions over a batch, and parting failed rows from good ones.
//!
//! Columns that are made on the way may always hold nulls, whatever the expression's type promises: only
//! [`crate::Conform`] says what a table or topic must hold, and it tells the row that breaks it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute;
use arrow::datatypes::{FieldRef, Schema};
use arrow::util::display::array_value_to_string;
use batch::{Batch, Failed, ReadValues, RowFailure};
use expression::{Evaluated, Expression, Names};
use indexmap::IndexMap;

use crate::{Facts, StepError};

/// One value for each header layout by name; the name of rows without a layout is empty.
pub type ByLayout<T> = IndexMap<Arc<str>, T>;

/// The names that an expression sees: columns of the row, then facts of its record, then those of its document.
struct RowNames<'a> {
    columns: &'a RecordBatch,
    of_records: Option<&'a RecordBatch>,
    facts: &'a Facts,
}

impl Names for RowNames<'_> {
    fn values(&self, name: &str) -> Option<ArrayRef> {
        let of_record = || self.of_records.and_then(|facts| facts.column_by_name(name));
        self.columns.column_by_name(name).or_else(of_record).or_else(|| self.facts.get(name)).cloned()
    }

    fn rows(&self) -> usize {
        self.columns.num_rows()
    }
}

/// Evaluates an expression; as many values as rows.
pub(crate) fn evaluate(
    step: &Arc<str>,
    expression: &Expression,
    batch: &Batch,
    facts: &Facts,
) -> Result<Evaluated, StepError> {
    let rows = batch.len();
    let names = RowNames { columns: batch.columns(), of_records: batch.facts(), facts };
    let Evaluated { values, mut failures } = expression.evaluate(&names);
    if !failures.is_empty() {
        let read = expression.names().into_iter().filter_map(|name| names.values(&name).map(|values| (name, values)));
        note_read(&mut failures, &read.collect::<Vec<_>>());
    }
    if values.len() == rows {
        return Ok(Evaluated { values, failures });
    }
    if values.len() != 1 {
        return Err(StepError::plan(step, format!("{} values for {rows} rows", values.len())));
    }
    let spread = UInt32Array::from_value(0, rows);
    let values = compute::take(&values, &spread, None).map_err(StepError::arrow(step))?;
    Ok(Evaluated { values, failures })
}

/// Notes with each failure what its row has in these columns; of one value alone, all rows have that. Lists and maps, such
/// as `row`, say less than the bytes.
pub(crate) fn note_read(failures: &mut [RowFailure], columns: &[(Arc<str>, ArrayRef)]) {
    let plain: Vec<_> = columns.iter().filter(|(_, values)| !values.data_type().is_nested()).collect();
    for failure in failures {
        let value = |values: &ArrayRef| {
            let row = if values.len() == 1 { 0 } else { failure.row };
            let known = row < values.len() && !values.is_null(row);
            known.then(|| array_value_to_string(values, row).unwrap_or_default())
        };
        failure.read = ReadValues::of(plain.iter().map(|(name, values)| (Arc::clone(name), value(values))));
    }
}

/// What the settings say for the batch's layout.
pub(crate) fn of_layout<'a, T>(step: &Arc<str>, by_layout: &'a ByLayout<T>, batch: &Batch) -> Result<&'a T, StepError> {
    let layout = batch.layout().map_or("", |layout| layout);
    by_layout.get(layout).ok_or_else(|| StepError::plan(step, format!("nothing is said for layout `{layout}`")))
}

/// Index of a column that the plan promised.
pub(crate) fn index_of(step: &Arc<str>, columns: &RecordBatch, name: &str) -> Result<usize, StepError> {
    columns.schema_ref().index_of(name).map_err(|_| StepError::plan(step, format!("column `{name}` is missing")))
}

/// Makes a record batch, also one without columns.
pub(crate) fn assemble(
    step: &Arc<str>,
    columns: Vec<(FieldRef, ArrayRef)>,
    rows: usize,
) -> Result<RecordBatch, StepError> {
    let (fields, arrays): (Vec<FieldRef>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(StepError::arrow(step))
}

/// The batch, unless it has no rows.
pub(crate) fn unless_empty(batch: Batch) -> Option<Batch> {
    (!batch.is_empty()).then_some(batch)
}

/// The rows with these indices, unless there are none. All rows are passed on without a copy.
pub(crate) fn pick(step: &Arc<str>, batch: &Batch, indices: Vec<u32>) -> Result<Option<Batch>, StepError> {
    if indices.is_empty() {
        return Ok(None);
    }
    if indices.len() == batch.len() {
        return Ok(Some(batch.clone()));
    }
    batch.take(&UInt32Array::from(indices)).map(Some).map_err(StepError::arrow(step))
}

/// The first failure of each row that has one.
#[derive(Debug, Default)]
pub(crate) struct RowFailures {
    by_row: BTreeMap<usize, RowFailure>,
}

impl RowFailures {
    /// Adds failures in `field`. A row that failed before keeps its first.
    pub(crate) fn add(&mut self, field: Option<&Arc<str>>, failures: impl IntoIterator<Item = RowFailure>) {
        for failure in failures {
            self.by_row.entry(failure.row).or_insert(RowFailure { field: field.cloned(), ..failure });
        }
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        self.by_row.contains_key(&row)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_row.len()
    }

    /// The failed rows with their origins, and the good rows.
    pub(crate) fn part(self, step: &Arc<str>, batch: Batch) -> Result<(Batch, Option<Failed>), StepError> {
        if self.by_row.is_empty() {
            return Ok((batch, None));
        }
        let keep = BooleanArray::from_iter((0..batch.len()).map(|row| Some(!self.contains(row))));
        let failed = self.failed(step, &batch)?;
        Ok((batch.filter(&keep).map_err(StepError::arrow(step))?, failed))
    }

    /// The failed rows with their origins.
    pub(crate) fn failed(self, step: &Arc<str>, batch: &Batch) -> Result<Option<Failed>, StepError> {
        if self.by_row.is_empty() {
            return Ok(None);
        }
        let indices: UInt32Array = self.by_row.keys().map(|row| Some(*row as u32)).collect();
        let origins = batch.origins().take(&indices).map_err(StepError::arrow(step))?;
        let failures = self.by_row.into_values().enumerate();
        let failures = failures.map(|(row, failure)| RowFailure { row, ..failure }).collect();
        Ok(Some(Failed { step: Arc::clone(step), failures, origins }))
    }
}
