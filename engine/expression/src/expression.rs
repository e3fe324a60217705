//! The compiled expression and what goes in and out of it.
//!
//! An [`Expression`] is immutable and shared; evaluation keeps no state between batches.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use batch::{Code, ColumnType, ReadValues, RowFailure, bounded};

use crate::check::Checker;
use crate::column::Failure;
use crate::evaluate::Frame;
use crate::other_names;
use crate::parse::parse;
use crate::scope::Scope;
use crate::tree::Node;

/// A compiled, type-checked expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    text: Box<str>,
    node: Arc<Node>,
    column_type: ColumnType,
    names: Vec<Arc<str>>,
}

/// Why an expression is wrong. Offsets are bytes in the expression's own text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// Stable code, `E31xx` for syntax, `E32xx` for names, `E33xx` for types.
    pub code: Code,
    /// Where in the text, half open.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
    /// The nearest name, where one was misspelt.
    pub nearest: Option<String>,
}

/// What an evaluation gives: an array of as many values as rows, and the rows that failed (their values are null).
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The values.
    pub values: ArrayRef,
    /// Rows that failed, in order of rows, each once. `field` and `read` are not set.
    pub failures: Vec<RowFailure>,
}

/// Gives the values of names while a batch is evaluated. A one-element array stands for a constant.
pub trait Names {
    /// Values of the name: as many as rows, or one for all.
    fn values(&self, name: &str) -> Option<ArrayRef>;
    /// Number of rows.
    fn rows(&self) -> usize;
}

impl Expression {
    /// Parses and type-checks. An expression that is the bare `null` has type text.
    ///
    /// # Errors
    /// All independent errors.
    pub fn compile(text: &str, scope: &Scope) -> Result<Self, Vec<ExpressionError>> {
        Self::build(text, scope, None)
    }

    /// As `compile`, and the value is converted to `target` without loss, or the row fails.
    ///
    /// Numbers convert to other exact numbers, dates to wall-clock timestamps, timestamps to more digits, text literals
    /// to dates and timestamps; all else needs a `cast`. Null lists and maps become empty ones, because a column of
    /// them is never null.
    ///
    /// # Errors
    /// All independent errors; also if no conversion exists.
    pub fn compile_as(text: &str, scope: &Scope, target: &ColumnType) -> Result<Self, Vec<ExpressionError>> {
        Self::build(text, scope, Some(target))
    }

    fn build(text: &str, scope: &Scope, target: Option<&ColumnType>) -> Result<Self, Vec<ExpressionError>> {
        let told = |errors| other_names::tell(text, scope, errors);
        let syntax = parse(text).map_err(|error| told(vec![error]))?;
        let mut checker = Checker::new(text, scope);
        let node = checker.check(&syntax);
        let node = match (node, target) {
            (Some(node), Some(target)) => checker.assign(node, &syntax, target),
            (node, _) => node,
        };
        match node {
            Some(node) if checker.errors.is_empty() => {
                let column_type = target.cloned().unwrap_or_else(|| ColumnType {
                    of: node.of.clone(),
                    nullable: node.nullable,
                    low_cardinality: false,
                });
                let mut names = Vec::new();
                node.collect_names(&mut names);
                names.sort_unstable();
                names.dedup();
                Ok(Self { inside: Arc::new(Inside { text: text.into(), node: Arc::new(node), column_type, names }) })
            }
            _ => {
                checker.errors.sort_by_key(|error| (error.span.start, error.span.end));
                Err(told(checker.errors))
            }
        }
    }

    /// Type of the value and whether it can be null.
    #[must_use]
    pub fn column_type(&self) -> &ColumnType {
        &self.inside.column_type
    }

    /// Names that it refers to, sorted. Constants of the scope are folded and not among them.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        self.inside.names.clone()
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.inside.text
    }

    /// Evaluates all rows. Never panics: a name without values, or with values of another type, fails every row.
    #[must_use]
    pub fn evaluate(&self, names: &dyn Names) -> Evaluated {
        let rows = names.rows();
        let column = Frame::outer(names).evaluate(&self.inside.node).spread(rows);
        Evaluated { values: column.values, failures: column.failures.iter().map(told).collect() }
    }

    /// What failed within `try` and so became null, in the order of evaluation: why an expression that gives null does.
    #[must_use]
    pub fn forgiven(&self, names: &dyn Names) -> Vec<RowFailure> {
        let noted = RefCell::new(Vec::new());
        drop(Frame::noting(names, &noted).evaluate(&self.inside.node));
        noted.into_inner().iter().map(told).collect()
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.inside.node
    }
}

fn told(failure: &Failure) -> RowFailure {
    RowFailure {
        row: failure.row,
        code: failure.fault.code,
        field: None,
        message: bounded(&format!("`{}`: {}", failure.context, failure.fault.what)),
        read: ReadValues::default(),
    }
}
