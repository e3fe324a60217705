//! `dedupe`: lets the first row of each key pass.
//!
//! A repeat within `remember` of the first row's arrival is dropped under the reason `repeat`; a repeat does not
//! refresh the first. With `compare: content` a repeat that says something else leaves by an output instead. Rows are
//! judged one after another, so it makes no difference how they are cut into batches.
//!
//! A null in a key column is a failure: rows without a key are neither equal nor different.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use batch::{Batch, Code, ReadValues, RowFailure};
use state::{Seen, SeenKeys, Store};

use crate::rows::{RowFailures, index_of, pick};
use crate::{Facts, Step, StepError, StepOutput, codes, fingerprint_content, fingerprint_rows};

/// What a dedupe is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DedupeSettings {
    /// Name of its store.
    pub store: Arc<str>,
    /// Columns of the key.
    pub key: Vec<Arc<str>>,
    /// How long a key is remembered after its arrival.
    pub remember: Duration,
    /// Whether a repeat with other columns is a conflict.
    pub compare_content: bool,
    /// Columns that do not count as content.
    pub ignore: Vec<Arc<str>>,
    /// Output of conflicts. Without one they are dropped under the reason `conflict`.
    pub conflicts: Option<Arc<str>>,
    /// Output of rows that arrived too long ago. Without one they are dead.
    pub late: Option<Arc<str>>,
}

/// The step.
#[derive(Debug)]
pub struct Dedupe {
    name: Arc<str>,
    settings: DedupeSettings,
    seen: SeenKeys,
}

impl Dedupe {
    /// A step with an empty store.
    #[must_use]
    pub fn new(name: Arc<str>, settings: DedupeSettings) -> Self {
        let seen = SeenKeys::new(Arc::clone(&settings.store), settings.remember);
        Self { name, settings, seen }
    }

    /// The fingerprint of each row's content; 0, which is unknown, where it does not count.
    fn contents(&self, columns: &RecordBatch, key: &[usize]) -> Result<Vec<u64>, StepError> {
        if !self.settings.compare_content {
            return Ok(vec![0; columns.num_rows()]);
        }
        let ignored = |name: &str| self.settings.ignore.iter().any(|ignored| &**ignored == name);
        let fields = columns.schema_ref().fields().iter().enumerate();
        let counts = fields.filter(|(index, field)| !key.contains(index) && !ignored(field.name()));
        let counts: Vec<usize> = counts.map(|(index, _)| index).collect();
        let contents = fingerprint_content(columns, &counts).map_err(StepError::arrow(&self.name))?;
        Ok(contents.into_iter().map(|content| (content as u64).max(1)).collect())
    }

    fn null_keys(&self, columns: &RecordBatch, key: &[usize]) -> RowFailures {
        let mut failures = RowFailures::default();
        for (name, index) in self.settings.key.iter().zip(key) {
            let values = columns.column(*index);
            if let Some(nulls) = values.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
                let rows = (0..values.len()).filter(|row| nulls.is_null(*row));
                failures.add(Some(name), rows.map(|row| failure(row, codes::NULL_KEY, "a column of the key is null")));
            }
        }
        failures
    }
}

fn failure(row: usize, code: Code, message: &str) -> RowFailure {
    RowFailure { row, code, field: None, message: message.to_owned(), read: ReadValues::default() }
}

impl Step for Dedupe {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn process(&mut self, batch: Batch, _facts: &Facts) -> Result<StepOutput, StepError> {
        let columns = batch.columns();
        let key: Vec<usize> =
            self.settings.key.iter().map(|name| index_of(&self.name, columns, name)).collect::<Result<_, _>>()?;
        let mut failures = self.null_keys(columns, &key);
        let keys = fingerprint_rows(columns, &key).map_err(StepError::arrow(&self.name))?;
        let contents = self.contents(columns, &key)?;
        let (mut next, mut conflicts, mut late, mut repeats) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for row in 0..batch.len() {
            if failures.contains(row) {
                continue;
            }
            let arrival = batch.origins().arrivals.value(row);
            match self.seen.observe(keys[row], contents[row], arrival) {
                Seen::New => next.push(row as u32),
                Seen::Repeat => repeats += 1,
                Seen::OtherContent => conflicts.push(row as u32),
                Seen::Late if self.settings.late.is_some() => late.push(row as u32),
                Seen::Late => {
                    failures.add(
                        None,
                        [failure(row, codes::LATE, "the row arrived too long ago to be told from a repeat")],
                    );
                }
            }
        }
        let mut output = StepOutput { failed: failures.failed(&self.name, &batch)?, ..StepOutput::default() };
        if repeats > 0 {
            output.dropped.push(("repeat".into(), repeats));
        }
        match &self.settings.conflicts {
            Some(name) => {
                let part = pick(&self.name, &batch, conflicts)?;
                output.outputs.extend(part.map(|part| (Arc::clone(name), part)));
            }
            None if conflicts.is_empty() => {}
            None => output.dropped.push(("conflict".into(), conflicts.len() as u64)),
        }
        if let Some(name) = &self.settings.late {
            let part = pick(&self.name, &batch, late)?;
            output.outputs.extend(part.map(|part| (Arc::clone(name), part)));
        }
        output.next = pick(&self.name, &batch, next)?;
        Ok(output)
    }

    fn stateful(&self) -> bool {
        true
    }

    fn store(&mut self) -> Option<&mut dyn Store> {
        Some(&mut self.seen)
    }

    fn failure_is_of_the_row(&self, code: Code) -> bool {
        code != codes::LATE
    }

    fn columns_depend_on_state(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
