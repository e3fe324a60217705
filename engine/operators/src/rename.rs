//! `rename`: gives columns other names, all at once, so that two can change places. Rows of a layout that lacks one of
//! them pass as they are.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::FieldRef;
use batch::Batch;

use crate::rows::{assemble, unless_empty};
use crate::{Facts, Step, StepError, StepOutput};

/// The step.
#[derive(Debug)]
pub struct Rename {
    name: Arc<str>,
    columns: Vec<(Arc<str>, Arc<str>)>,
}

impl Rename {
    /// A step that renames columns: old and new name of each.
    #[must_use]
    pub fn new(name: Arc<str>, columns: Vec<(Arc<str>, Arc<str>)>) -> Self {
        Self { name, columns }
    }
}

impl Step for Rename {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn process(&mut self, batch: Batch, _facts: &Facts) -> Result<StepOutput, StepError> {
        let fields = batch.columns().schema_ref().fields().iter().map(|field| {
            let change = self.columns.iter().find(|(old, _)| field.name().as_str() == &**old);
            change.map_or_else(
                || FieldRef::clone(field),
                |(_, new)| Arc::new(field.as_ref().clone().with_name(new.to_string())),
            )
        });
        let columns: Vec<(FieldRef, ArrayRef)> = fields.zip(batch.columns().columns().iter().cloned()).collect();
        let columns = assemble(&self.name, columns, batch.len())?;
        let layout = batch.layout().cloned();
        let batch = batch.with_columns(columns, layout).map_err(StepError::arrow(&self.name))?;
        Ok(StepOutput { next: unless_empty(batch), ..StepOutput::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::Rename;
    use crate::Step;
    use crate::samples::{batch, facts, names, shown};

    #[test]
    fn names_change_and_columns_stay_where_they_are() {
        let rows = batch(&[("a", names(&["1"])), ("b", names(&["2"]))]);
        let cases: [(&[(&str, &str)], &str); 3] =
            [(&[("a", "c")], "c=1 b=2"), (&[("a", "b"), ("b", "a")], "b=1 a=2"), (&[("absent", "c")], "a=1 b=2")];
        for (changes, expected) in cases {
            let changes = changes.iter().map(|(old, new)| ((*old).into(), (*new).into())).collect();
            let next = Rename::new("names".into(), changes).process(rows.clone(), &facts()).expect("runs").next;
            assert_eq!(shown(&next.expect("a row")), [expected]);
        }
    }
}
