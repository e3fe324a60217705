//! `extend` and `set`: add columns, or replace them in their place. Every expression sees the row as it came in.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Field, FieldRef};
use batch::Batch;
use expression::Expression;

use crate::rows::{RowFailures, assemble, evaluate, of_layout, unless_empty};
use crate::{ByLayout, Facts, Step, StepError, StepOutput};

/// The step.
#[derive(Debug)]
pub struct Extend {
    name: Arc<str>,
    columns: ByLayout<Vec<(Arc<str>, Expression)>>,
}

impl Extend {
    /// A step that makes these columns for each layout; new ones stand at the end, in this order.
    #[must_use]
    pub fn new(name: Arc<str>, columns: ByLayout<Vec<(Arc<str>, Expression)>>) -> Self {
        Self { name, columns }
    }
}

impl Step for Extend {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn process(&mut self, batch: Batch, facts: &Facts) -> Result<StepOutput, StepError> {
        let fields = batch.columns().schema_ref().fields().iter().cloned();
        let mut columns: Vec<(FieldRef, ArrayRef)> = fields.zip(batch.columns().columns().iter().cloned()).collect();
        let mut failures = RowFailures::default();
        for (name, expression) in of_layout(&self.name, &self.columns, &batch)? {
            let evaluated = evaluate(&self.name, expression, &batch, facts)?;
            failures.add(Some(name), evaluated.failures);
            let field: FieldRef = Arc::new(Field::new(&**name, evaluated.values.data_type().clone(), true));
            match columns.iter_mut().find(|(field, _)| field.name().as_str() == &**name) {
                Some(column) => *column = (field, evaluated.values),
                None => columns.push((field, evaluated.values)),
            }
        }
        let columns = assemble(&self.name, columns, batch.len())?;
        let layout = batch.layout().cloned();
        let batch = batch.with_columns(columns, layout).map_err(StepError::arrow(&self.name))?;
        let (batch, failed) = failures.part(&self.name, batch)?;
        Ok(StepOutput { next: unless_empty(batch), failed, ..StepOutput::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::Extend;
    use crate::Step;
    use crate::samples::{batch, compiled, facts, in_layout, names, shown};

    #[test]
    fn columns_are_replaced_in_place_or_added_at_the_end() {
        let rows = batch(&[("a", names(&["1", "x"])), ("b", names(&["p", "q"]))]);
        let columns = [("a", "cast(a as bigint)"), ("c", "a || b")];
        let columns = columns.map(|(name, text)| (name.into(), compiled(text, &rows))).to_vec();
        let mut step = Extend::new("more".into(), [("old".into(), columns)].into_iter().collect());
        let output = step.process(in_layout(rows, "old"), &facts()).expect("runs");
        let next = output.next.expect("a row");
        assert_eq!(shown(&next), ["a=1 b=p c=1p"]);
        assert_eq!(next.layout().map(AsRef::as_ref), Some("old"));
        assert_eq!(output.failed.expect("a row").failures[0].field.as_deref(), Some("a"));
    }
}
