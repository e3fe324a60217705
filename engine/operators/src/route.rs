//! `route`: sends each row to the first destination whose condition is true.
//!
//! A null condition is not true. A condition that fails on a row fails the row, unless an earlier one already sent it.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use batch::Batch;
use expression::Expression;
use indexmap::IndexMap;

use crate::rows::{RowFailures, evaluate, of_layout, pick};
use crate::{ByLayout, Facts, Step, StepError, StepOutput};

/// Where a routed row goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// On through the flow.
    Next,
    /// A named output.
    Output(Arc<str>),
    /// Nowhere; counted under this reason.
    Drop(Arc<str>),
}

/// The step.
#[derive(Debug)]
pub struct Route {
    name: Arc<str>,
    cases: Vec<(ByLayout<Expression>, Destination)>,
    default: Destination,
}

impl Route {
    /// A step that tries the cases in order, and sends to `default` what none of them takes.
    #[must_use]
    pub fn new(name: Arc<str>, cases: Vec<(ByLayout<Expression>, Destination)>, default: Destination) -> Self {
        Self { name, cases, default }
    }
}

impl Step for Route {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn process(&mut self, batch: Batch, facts: &Facts) -> Result<StepOutput, StepError> {
        let mut failures = RowFailures::default();
        let mut open: Vec<u32> = (0..batch.len() as u32).collect();
        let mut parts: IndexMap<&Destination, Vec<u32>> = IndexMap::new();
        for (condition, destination) in &self.cases {
            let condition = of_layout(&self.name, condition, &batch)?;
            let mut evaluated = evaluate(&self.name, condition, &batch, facts)?;
            let truths = evaluated.values.as_boolean_opt();
            let truths = truths.ok_or_else(|| StepError::plan(&self.name, "a condition is neither true nor false"))?;
            // `open` is in order of rows, so a row that was sent or failed before is not found in it.
            evaluated.failures.retain(|failure| open.binary_search(&(failure.row as u32)).is_ok());
            failures.add(None, evaluated.failures);
            let part = parts.entry(destination).or_default();
            open.retain(|row| {
                let index = *row as usize;
                let sent = truths.is_valid(index) && truths.value(index);
                if sent {
                    part.push(*row);
                }
                !sent && !failures.contains(index)
            });
        }
        parts.entry(&self.default).or_default().extend(open);
        let mut output = StepOutput::default();
        for (destination, mut rows) in parts {
            rows.sort_unstable();
            match destination {
                Destination::Drop(_) if rows.is_empty() => {}
                Destination::Drop(reason) => output.dropped.push((Arc::clone(reason), rows.len() as u64)),
                Destination::Next => output.next = pick(&self.name, &batch, rows)?,
                Destination::Output(name) => {
                    let part = pick(&self.name, &batch, rows)?;
                    output.outputs.extend(part.map(|part| (Arc::clone(name), part)));
                }
            }
        }
        output.failed = failures.failed(&self.name, &batch)?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::{Destination, Route};
    use crate::Step;
    use crate::samples::{batch, compiled, facts, names, shown, unified};

    #[test]
    fn each_row_goes_to_the_first_that_takes_it() {
        let rows = batch(&[("a", names(&["1", "x", "20", "30", "drop", "2"]))]);
        let case = |text, to| (unified(compiled(text, &rows)), to);
        let mut step = Route::new(
            "route".into(),
            vec![
                case("a = 'drop'", Destination::Drop("unwanted".into())),
                case("cast(a as bigint) > 25", Destination::Output("large".into())),
                case("cast(a as bigint) > 15", Destination::Output("middle".into())),
                case("a = '1'", Destination::Output("large".into())),
            ],
            Destination::Next,
        );
        let output = step.process(rows, &facts()).expect("runs");
        assert_eq!(shown(&output.next.expect("a row")), ["a=2"]);
        let outputs: Vec<_> = output.outputs.iter().map(|(name, batch)| (&**name, shown(batch))).collect();
        assert_eq!(
            outputs,
            [("large", vec!["a=1".to_owned(), "a=30".to_owned()]), ("middle", vec!["a=20".to_owned()])]
        );
        assert_eq!(output.dropped, [("unwanted".into(), 1)]);
        let failed = output.failed.expect("a row");
        assert_eq!(failed.origins.rows.values(), &[1]);
    }
}
