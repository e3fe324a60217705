//! Evaluates a typed tree over the columns of one batch.
//!
//! Every node is computed for all rows, because nothing has effects; laziness means that a failure in a part which did
//! not decide a row's value is forgotten. A part that no row needs is not computed at all.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and_kleene, or_kleene};
use batch::Type;

use crate::column::{Arguments, Column, Failure, Fault, Outcome, falsehoods, merge, null_where, relabelled, truths};
use crate::expression::Names;
use crate::tree::{Kind, Node, Operation};

/// Where names get their values: the batch, or the arguments of a function around the outer frame.
pub(crate) struct Frame<'a> {
    names: &'a dyn Names,
    bound: Option<Bound<'a>>,
    /// Where failures are noted that a `try` made null, if anybody asks.
    forgiven: Option<&'a RefCell<Vec<Failure>>>,
}

struct Bound<'a> {
    names: &'a [Arc<str>],
    columns: Vec<Column>,
    outer: &'a Frame<'a>,
}

impl<'a> Frame<'a> {
    pub(crate) fn outer(names: &'a dyn Names) -> Self {
        Self { names, bound: None, forgiven: None }
    }

    /// As `outer`, and notes what `try` forgives.
    pub(crate) fn noting(names: &'a dyn Names, forgiven: &'a RefCell<Vec<Failure>>) -> Self {
        Self { names, bound: None, forgiven: Some(forgiven) }
    }

    pub(crate) fn evaluate(&self, node: &Node) -> Column {
        match &node.kind {
            Kind::Constant(values) => Column::fine(Arc::clone(values), true),
            Kind::Name(name) => self.name(name, &node.of),
            Kind::Apply { operation, arguments, context } => {
                let columns: Vec<Column> = arguments.iter().map(|argument| self.evaluate(argument)).collect();
                apply(operation, columns, context, self.names.rows())
            }
            Kind::Logic { and, terms } => self.logic(*and, terms),
            Kind::Case { branches, otherwise } => self.case(branches, otherwise.as_deref(), &node.of),
            Kind::Coalesce(parts) => self.coalesce(parts, &node.of),
            Kind::Try(inner) => {
                let column = self.evaluate(inner).without_failed();
                if let Some(noted) = self.forgiven {
                    noted.borrow_mut().extend(column.failures);
                }
                Column::fine(column.values, column.scalar)
            }
            Kind::Bind { names, arguments, body } => {
                let columns = arguments.iter().map(|argument| self.evaluate(argument).without_failed()).collect();
                let bound = Some(Bound { names, columns, outer: self });
                Frame { names: self.names, bound, forgiven: self.forgiven }.evaluate(body)
            }
        }
    }

    fn name(&self, name: &Arc<str>, of: &Type) -> Column {
        const MISSING: Fault = Fault::new("E4107", "the input has no values of this name and type");
        let mut frame = self;
        while let Some(bound) = &frame.bound {
            if let Some(position) = bound.names.iter().position(|known| known == name) {
                return bound.columns[position].clone();
            }
            frame = bound.outer;
        }
        let rows = self.names.rows();
        let found = self.names.values(name).and_then(|values| relabelled(&values, &of.arrow()));
        match found {
            Some(values) if values.len() == rows => Column::fine(values, false),
            Some(values) if values.len() == 1 => Column::fine(values, true),
            _ => Column {
                values: new_null_array(&of.arrow(), rows),
                scalar: false,
                failures: (0..rows).map(|row| Failure { row, fault: MISSING, context: Arc::clone(name) }).collect(),
            },
        }
    }

    /// `and` and `or`: a failure counts unless another term decides the row alone.
    fn logic(&self, and: bool, terms: &[Node]) -> Column {
        let rows = self.names.rows();
        let mut result: Option<(ArrayRef, Vec<Failure>)> = None;
        for term in terms {
            let term = self.evaluate(term).without_failed().spread(rows);
            result = Some(match result {
                None => (term.values, term.failures),
                Some((values, failures)) => {
                    let (left, right) = (as_boolean(&values), as_boolean(&term.values));
                    let joined = if and { and_kleene(left, right) } else { or_kleene(left, right) };
                    let joined: ArrayRef = match joined {
                        Ok(joined) => Arc::new(joined),
                        Err(_) => new_null_array(values.data_type(), rows),
                    };
                    let mut failures = merge(failures, term.failures);
                    if !failures.is_empty() {
                        let decided = if and { falsehoods(&joined) } else { truths(&joined) };
                        failures.retain(|failure| !decided.value(failure.row));
                    }
                    (joined, failures)
                }
            });
        }
        let (values, failures) = result.unwrap_or_else(|| (new_null_array(&Type::Boolean.arrow(), rows), Vec::new()));
        Column { values, scalar: false, failures }.without_failed()
    }

    fn case(&self, branches: &[(Node, Node)], otherwise: Option<&Node>, of: &Type) -> Column {
        let rows = self.names.rows();
        let mut open = BooleanBuffer::new_set(rows);
        let mut result = Column::fine(new_null_array(&of.arrow(), 1), true).spread(rows);
        for (condition, value) in branches {
            if open.count_set_bits() == 0 {
                break;
            }
            let mut condition = self.evaluate(condition).without_failed().spread(rows);
            condition.failures.retain(|failure| open.value(failure.row));
            let taken = &truths(&condition.values) & &open;
            open = &open & &!&taken;
            if !condition.failures.is_empty() {
                open = &open & &!&failed_rows(&condition.failures, rows);
                result.failures = merge(result.failures, condition.failures);
            }
            self.take_branch(&mut result, value, &taken, rows);
        }
        if let Some(otherwise) = otherwise {
            self.take_branch(&mut result, otherwise, &open, rows);
        }
        result.without_failed()
    }

    fn take_branch(&self, result: &mut Column, value: &Node, taken: &BooleanBuffer, rows: usize) {
        if taken.count_set_bits() == 0 {
            return;
        }
        let column = self.evaluate(value);
        let mask = BooleanArray::new(taken.clone(), None);
        if let Ok(values) = zip(&mask, &*column.datum(), &Arc::clone(&result.values)) {
            result.values = values;
        }
        if !column.failures.is_empty() {
            let column = column.spread(rows);
            let reached = column.failures.into_iter().filter(|failure| taken.value(failure.row)).collect();
            result.failures = merge(std::mem::take(&mut result.failures), reached);
        }
    }

    fn coalesce(&self, parts: &[Node], of: &Type) -> Column {
        let rows = self.names.rows();
        let mut result: Option<Column> = None;
        for part in parts {
            match &mut result {
                None => result = Some(self.evaluate(part).without_failed().spread(rows)),
                Some(result) => {
                    let Some(nulls) = result.values.logical_nulls() else { break };
                    let mut open = !nulls.inner();
                    if !result.failures.is_empty() {
                        open = &open & &!&failed_rows(&result.failures, rows);
                    }
                    self.take_branch(result, part, &open, rows);
                }
            }
        }
        result.unwrap_or_else(|| Column::fine(new_null_array(&of.arrow(), rows), false)).without_failed()
    }
}

fn as_boolean(values: &ArrayRef) -> &BooleanArray {
    arrow::array::AsArray::as_boolean(values)
}

fn failed_rows(failures: &[Failure], rows: usize) -> BooleanBuffer {
    let mut mask = vec![false; rows];
    for failure in failures {
        mask[failure.row] = true;
    }
    BooleanBuffer::from(mask)
}

/// Runs an operation; a row fails if an argument of it failed, or the operation did.
pub(crate) fn apply(operation: &Operation, mut columns: Vec<Column>, context: &Arc<str>, rows: usize) -> Column {
    let scalar = columns.iter().all(|column| column.scalar);
    let count = if scalar { 1 } else { rows };
    let mut failures = Vec::new();
    for column in &mut columns {
        if !column.failures.is_empty() {
            let own = Column {
                values: Arc::clone(&column.values),
                scalar: column.scalar,
                failures: std::mem::take(&mut column.failures),
            };
            // A scalar's failure counts for every row; its value is null for all of them already.
            failures = merge(failures, if scalar { own.failures } else { own.spread(rows).failures });
        }
    }
    let Outcome { values, faults } = (operation.0)(&Arguments { columns: &columns, count });
    debug_assert_eq!(values.len(), count, "an operation gives a value for each row: {context}");
    let own = faults.into_iter().map(|(row, fault)| Failure { row, fault, context: Arc::clone(context) }).collect();
    let column = Column { values, scalar, failures: merge(failures, own) };
    if column.failures.is_empty() { column } else { column.without_failed() }
}

/// `left`, but null where it equals something: `mask` is true.
pub(crate) fn null_if(arguments: &Arguments<'_>) -> Outcome {
    let spread = |position: usize| arguments.columns[position].clone().spread(arguments.count).values;
    let (values, mask) = (spread(0), spread(1));
    Outcome::fine(null_where(&values, &BooleanArray::new(truths(&mask), None)))
}
