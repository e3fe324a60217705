//! A batch: rows as Arrow columns, with the origin of each row beside them, and what steps ask of each row's record.

use std::sync::Arc;

use arrow::array::{Array, BinaryViewArray, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute;
use arrow::error::ArrowError;

use crate::{Origins, Place};

/// Rows as columns, with one origin a row.
///
/// Invariant: `columns.num_rows() == origins.len()`, and so many rows have the facts, where there are any.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: RecordBatch,
    origins: Origins,
    layout: Option<Arc<str>>,
    facts: Option<RecordBatch>,
}

impl Batch {
    /// Joins columns and origins. `layout` names the header layout by which the rows were decoded, until a `select`
    /// has given all layouts one shape.
    ///
    /// # Errors
    /// If the lengths differ.
    pub fn new(columns: RecordBatch, origins: Origins, layout: Option<Arc<str>>) -> Result<Self, ArrowError> {
        if columns.num_rows() != origins.len() {
            let message = format!("{} rows with {} origins", columns.num_rows(), origins.len());
            return Err(ArrowError::InvalidArgumentError(message));
        }
        Ok(Self { columns, origins, layout, facts: None })
    }

    /// The same rows with facts of the record that each of them came from, such as its key: what expressions see beside the
    /// columns. They go with their rows through all steps, and to no table or topic.
    ///
    /// # Errors
    /// If `facts` has another number of rows.
    pub fn with_facts(self, facts: RecordBatch) -> Result<Self, ArrowError> {
        if facts.num_rows() != self.len() {
            let message = format!("{} rows with facts of {}", self.len(), facts.num_rows());
            return Err(ArrowError::InvalidArgumentError(message));
        }
        Ok(Self { facts: Some(facts), ..self })
    }

    /// Facts of the record that each row came from, where a step asks for any.
    #[must_use]
    pub fn facts(&self) -> Option<&RecordBatch> {
        self.facts.as_ref()
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &RecordBatch {
        &self.columns
    }

    /// Where the rows came from.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The header layout that decoded the rows, if they still have its shape.
    #[must_use]
    pub fn layout(&self) -> Option<&Arc<str>> {
        self.layout.as_ref()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.num_rows()
    }

    /// True if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same rows with other columns.
    ///
    /// # Errors
    /// If `columns` has another number of rows.
    pub fn with_columns(self, columns: RecordBatch, layout: Option<Arc<str>>) -> Result<Self, ArrowError> {
        let facts = self.facts;
        Ok(Self { facts, ..Self::new(columns, self.origins, layout)? })
    }

    /// The rows for which `keep` is true.
    ///
    /// # Errors
    /// If `keep` has another length.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Self, ArrowError> {
        let columns = compute::filter_record_batch(&self.columns, keep)?;
        let facts = self.facts.as_ref().map(|facts| compute::filter_record_batch(facts, keep)).transpose()?;
        Ok(Self { facts, ..Self::new(columns, self.origins.filter(keep)?, self.layout.clone())? })
    }

    /// The rows with these indices, in this order.
    ///
    /// # Errors
    /// If an index is out of bounds.
    pub fn take(&self, indices: &UInt32Array) -> Result<Self, ArrowError> {
        let columns = compute::take_record_batch(&self.columns, indices)?;
        let facts = self.facts.as_ref().map(|facts| compute::take_record_batch(facts, indices)).transpose()?;
        Ok(Self { facts, ..Self::new(columns, self.origins.take(indices)?, self.layout.clone())? })
    }

    /// `length` rows from `offset` on, without a copy.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self {
            columns: self.columns.slice(offset, length),
            origins: self.origins.slice(offset, length),
            layout: self.layout.clone(),
            facts: self.facts.as_ref().map(|facts| facts.slice(offset, length)),
        }
    }

    /// Columns, origins and layout.
    #[must_use]
    pub fn into_parts(self) -> (RecordBatch, Origins, Option<Arc<str>>) {
        (self.columns, self.origins, self.layout)
    }

    /// The same rows without what only steps, dead letters and topics need: facts of their records, the bytes that they were
    /// decoded from, and the places that each of them names. For rows that can no longer fail and leave for a table.
    #[must_use]
    pub fn settled(self) -> Self {
        let raw = BinaryViewArray::from_iter_values(std::iter::repeat_n(b"", self.len()));
        let place = match self.origins.place {
            Place::Mixed { .. } => Place::Nowhere,
            place => place,
        };
        Self { origins: Origins { raw, place, ..self.origins }, facts: None, ..self }
    }

    /// Bytes that the rows take in memory, near enough for a bound.
    #[must_use]
    pub fn memory(&self) -> usize {
        let facts = self.facts.iter().flat_map(RecordBatch::columns);
        let columns: usize = self.columns.columns().iter().chain(facts).map(slice_memory).sum();
        columns + self.origins.memory()
    }
}

fn slice_memory(array: &arrow::array::ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
}
