//! SQL scalar expressions: parse, type-check against columns, evaluate a batch with per-row failures.
//!
//! API skeleton; the signatures are the contract with `topology` and `operators`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use batch::{Code, ColumnType, RowFailure, Type};

/// What an expression may refer to: names with types, and functions of the topology file.
///
/// A name is a column (`quantity`), or dotted (`document.date`, `trailer.stamp`, `param.class`).
#[derive(Clone, Debug, Default)]
pub struct Scope {
    // fields are the helper's to choose; built by `with_name`, `with_constant`, `with_function`
}

/// A compiled, type-checked expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {}

/// Why an expression is wrong. Offsets are bytes in the expression's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// Stable code, `E31xx` for syntax, `E32xx` for names, `E33xx` for types.
    pub code: Code,
    /// Where in the text, half open.
    pub span: std::ops::Range<usize>,
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
    /// Rows that failed, in order of rows, each once. `field` is not set.
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
    /// Parses and type-checks.
    ///
    /// # Errors
    /// All independent errors.
    pub fn compile(_text: &str, _scope: &Scope) -> Result<Self, Vec<ExpressionError>> {
        Ok(Self {})
    }
    /// As `compile`, and the value is converted to `target` without loss, or the row fails.
    ///
    /// # Errors
    /// All independent errors; also if no conversion exists.
    pub fn compile_as(_text: &str, _scope: &Scope, _target: &ColumnType) -> Result<Self, Vec<ExpressionError>> {
        Ok(Self {})
    }
    /// Type of the value and whether it can be null.
    #[must_use]
    pub fn column_type(&self) -> &ColumnType {
        const _: Option<Type> = None;
        unimplemented!()
    }
    /// Names that it refers to, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
    /// The text it was compiled from.
    #[must_use]
    pub fn text(&self) -> &str {
        ""
    }
    /// Evaluates all rows.
    #[must_use]
    pub fn evaluate(&self, _names: &dyn Names) -> Evaluated {
        unimplemented!()
    }
}
