//! `select`: makes all columns anew. Every expression sees the row as it came in.
//!
//! A row that fails in several columns is told once, with the first of them. What leaves has one shape, whatever
//! layout came in.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{Field, FieldRef};
use batch::Batch;
use expression::Expression;

use crate::rows::{RowFailures, assemble, evaluate, of_layout, unless_empty};
use crate::{ByLayout, Facts, Step, StepError, StepOutput};

/// The step.
#[derive(Debug)]
pub struct Select {
    name: Arc<str>,
    columns: ByLayout<Vec<(Arc<str>, Expression)>>,
}

impl Select {
    /// A step that makes these columns, in this order, for each layout.
    #[must_use]
    pub fn new(name: Arc<str>, columns: ByLayout<Vec<(Arc<str>, Expression)>>) -> Self {
        Self { name, columns }
    }
}

impl Step for Select {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn process(&mut self, batch: Batch, facts: &Facts) -> Result<StepOutput, StepError> {
        let mut failures = RowFailures::default();
        let mut columns = Vec::new();
        for (name, expression) in of_layout(&self.name, &self.columns, &batch)? {
            let evaluated = evaluate(&self.name, expression, &batch, facts)?;
            failures.add(Some(name), evaluated.failures);
            let field: FieldRef = Arc::new(Field::new(&**name, evaluated.values.data_type().clone(), true));
            columns.push((field, evaluated.values));
        }
        let columns = assemble(&self.name, columns, batch.len())?;
        let batch = batch.with_columns(columns, None).map_err(StepError::arrow(&self.name))?;
        let (batch, failed) = failures.part(&self.name, batch)?;
        Ok(StepOutput { next: unless_empty(batch), failed, ..StepOutput::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::Select;
    use crate::Step;
    use crate::samples::{batch, codes, compiled, facts, in_layout, names, numbers, shown, unified};

    fn select(rows: &batch::Batch, columns: &[(&str, &str)]) -> Select {
        let columns = columns.iter().map(|(name, text)| ((*name).into(), compiled(text, rows))).collect();
        Select::new("shape".into(), unified(columns))
    }

    #[test]
    fn columns_are_made_from_the_row_as_it_came_in() {
        let rows = batch(&[("a", numbers(&[Some(1), Some(2)])), ("b", names(&["x", "y"]))]);
        let mut step = select(&rows, &[("b", "a"), ("a", "b"), ("c", "'same'"), ("d", "document.name")]);
        let next = step.process(rows, &facts()).expect("runs").next.expect("rows");
        assert_eq!(shown(&next), ["b=1 a=x c=same d=file.txt", "b=2 a=y c=same d=file.txt"]);
    }

    #[test]
    fn a_row_that_fails_twice_is_told_once_with_its_first_column() {
        let rows = batch(&[("a", names(&["1", "x", "3", "y"])), ("b", names(&["1", "x", "z", "4"]))]);
        let mut step = select(&rows, &[("p", "cast(a as bigint)"), ("q", "cast(b as bigint)")]);
        let output = step.process(rows, &facts()).expect("runs");
        assert_eq!(shown(&output.next.expect("a row")), ["p=1 q=1"]);
        let failed = output.failed.expect("rows");
        let told: Vec<_> = failed.failures.iter().map(|one| (one.row, one.field.as_deref().unwrap_or(""))).collect();
        assert_eq!(told, [(0, "p"), (1, "q"), (2, "p")]);
        assert_eq!(failed.origins.rows.values(), &[1, 2, 3]);
        assert_eq!(codes(&failed), ["E4101", "E4101", "E4101"]);
    }

    #[test]
    fn the_layout_chooses_the_expressions_and_is_gone_afterwards() {
        let rows = batch(&[("a", names(&["x"]))]);
        let columns = |text| vec![("out".into(), compiled(text, &rows))];
        let by_layout = [("old".into(), columns("'was ' || a")), ("new".into(), columns("'is ' || a"))];
        let mut step = Select::new("shape".into(), by_layout.into_iter().collect());
        for (layout, expected) in [("old", "out=was x"), ("new", "out=is x")] {
            let output = step.process(in_layout(rows.clone(), layout), &facts()).expect("runs");
            let next = output.next.expect("a row");
            assert_eq!((shown(&next), next.layout()), (vec![expected.to_owned()], None));
        }
    }

    #[test]
    fn a_batch_of_failures_leaves_nothing() {
        let rows = batch(&[("a", names(&["x"]))]);
        let output = select(&rows, &[("p", "cast(a as bigint)")]).process(rows, &facts()).expect("runs");
        assert!(output.next.is_none() && output.failed.is_some());
    }
}
