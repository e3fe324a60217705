//! `where`: keeps the rows for which a condition is true.
//!
//! Rows for which it is false or null are dropped under the reason `where`; rows on which it fails are dead.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::prep_null_mask_filter;
use batch::Batch;
use expression::Expression;

use crate::rows::{RowFailures, evaluate, of_layout, unless_empty};
use crate::{ByLayout, Facts, Step, StepError, StepOutput};

/// The step.
#[derive(Debug)]
pub struct Where {
    name: Arc<str>,
    condition: ByLayout<Expression>,
}

impl Where {
    /// A step that keeps the rows for which the condition of their layout is true.
    #[must_use]
    pub fn new(name: Arc<str>, condition: ByLayout<Expression>) -> Self {
        Self { name, condition }
    }
}

impl Step for Where {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn process(&mut self, batch: Batch, facts: &Facts) -> Result<StepOutput, StepError> {
        let condition = of_layout(&self.name, &self.condition, &batch)?;
        let evaluated = evaluate(&self.name, condition, &batch, facts)?;
        let keep = evaluated.values.as_boolean_opt();
        let keep = keep.ok_or_else(|| StepError::plan(&self.name, "the condition is neither true nor false"))?;
        let keep = if keep.null_count() > 0 { prep_null_mask_filter(keep) } else { keep.clone() };
        if keep.true_count() == batch.len() {
            return Ok(StepOutput { next: unless_empty(batch), ..StepOutput::default() });
        }
        // The value of a failed row is null, so it is not kept.
        let mut failures = RowFailures::default();
        failures.add(None, evaluated.failures);
        let dropped = batch.len() - keep.true_count() - failures.len();
        let next = unless_empty(batch.filter(&keep).map_err(StepError::arrow(&self.name))?);
        let failed = failures.failed(&self.name, &batch)?;
        let dropped = if dropped > 0 { vec![("where".into(), dropped as u64)] } else { Vec::new() };
        Ok(StepOutput { next, failed, dropped, ..StepOutput::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::Where;
    use crate::samples::{batch, codes, compiled, facts, names, numbers, unified};
    use crate::{Step, StepError};

    #[test]
    fn false_and_null_are_dropped_and_failures_are_dead() {
        let rows = batch(&[("a", numbers(&[Some(1), None, Some(3), Some(-1)])), ("b", names(&["1", "2", "x", "4"]))]);
        // Condition, rows kept, rows dropped, rows failed.
        let cases: [(&str, &[i64], u64, &[i64]); 6] = [
            ("a > 0", &[0, 2], 2, &[]),
            ("a is null", &[1], 3, &[]),
            ("true", &[0, 1, 2, 3], 0, &[]),
            ("false", &[], 4, &[]),
            ("cast(b as bigint) > 1", &[1, 3], 1, &[2]),
            ("document.name = 'file.txt'", &[0, 1, 2, 3], 0, &[]),
        ];
        for (condition, kept, dropped, failed) in cases {
            let mut step = Where::new("filter".into(), unified(compiled(condition, &rows)));
            let output = step.process(rows.clone(), &facts()).expect(condition);
            let positions = output.next.map_or(Vec::new(), |batch| batch.origins().rows.values().to_vec());
            assert_eq!(positions, kept, "{condition}");
            assert_eq!(output.dropped.first().map_or(0, |(_, count)| *count), dropped, "{condition}");
            let dead = output.failed.map_or(Vec::new(), |failed| failed.origins.rows.values().to_vec());
            assert_eq!(dead, failed, "{condition}");
        }
    }

    #[test]
    fn a_failure_names_row_code_and_step() {
        let rows = batch(&[("b", names(&["1", "x"]))]);
        let mut step = Where::new("filter".into(), unified(compiled("cast(b as bigint) > 1", &rows)));
        let failed = step.process(rows, &facts()).expect("runs").failed.expect("one row");
        assert_eq!((&*failed.step, codes(&failed)), ("filter", vec!["E4101"]));
        assert_eq!(failed.failures[0].row, 0);
    }

    #[test]
    fn an_unknown_layout_is_a_fault_of_the_program() {
        let rows = batch(&[("b", names(&["1"]))]);
        let mut step = Where::new("filter".into(), [("old".into(), compiled("true", &rows))].into_iter().collect());
        assert!(matches!(step.process(rows, &facts()), Err(StepError::Plan { .. })));
    }
}
