//! `drop`: removes columns. Rows of a layout that lacks one of them pass as they are.

use std::sync::Arc;

use batch::Batch;

use crate::rows::unless_empty;
use crate::{Facts, Step, StepError, StepOutput};

/// The step.
#[derive(Debug)]
pub struct Drop {
    name: Arc<str>,
    columns: Vec<Arc<str>>,
}

impl Drop {
    /// A step that removes these columns.
    #[must_use]
    pub fn new(name: Arc<str>, columns: Vec<Arc<str>>) -> Self {
        Self { name, columns }
    }
}

impl Step for Drop {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn process(&mut self, batch: Batch, _facts: &Facts) -> Result<StepOutput, StepError> {
        let fields = batch.columns().schema_ref().fields().iter().enumerate();
        let stays = |name: &str| !self.columns.iter().any(|gone| &**gone == name);
        let kept: Vec<usize> = fields.filter(|(_, field)| stays(field.name())).map(|(index, _)| index).collect();
        let columns = batch.columns().project(&kept).map_err(StepError::arrow(&self.name))?;
        let layout = batch.layout().cloned();
        let batch = batch.with_columns(columns, layout).map_err(StepError::arrow(&self.name))?;
        Ok(StepOutput { next: unless_empty(batch), ..StepOutput::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::Drop;
    use crate::Step;
    use crate::samples::{batch, facts, names, shown};

    #[test]
    fn columns_go_and_rows_stay() {
        let rows = batch(&[("a", names(&["1", "2"])), ("b", names(&["p", "q"]))]);
        let cases: [(&[&str], [&str; 2]); 3] =
            [(&["a"], ["b=p", "b=q"]), (&["absent"], ["a=1 b=p", "a=2 b=q"]), (&["b", "a"], ["", ""])];
        for (gone, expected) in cases {
            let mut step = Drop::new("less".into(), gone.iter().map(|name| (*name).into()).collect());
            let next = step.process(rows.clone(), &facts()).expect("runs").next.expect("rows");
            assert_eq!(shown(&next), expected);
        }
    }
}
