//! SQL scalar expressions: parse, type-check against columns, evaluate a batch with per-row failures.
//!
//! `parse` turns text into a tree with byte spans, `check` gives it types and makes a tree of operations,
//! `evaluate` runs that over Arrow columns. A row whose cast or function fails has a null value and a [`RowFailure`];
//! the other rows are not touched. Null flows through every function and operator that does not say otherwise.
//!
//! Rules worth knowing:
//! * Numbers are exact. `+ - *` of whole numbers give 64 bits, of decimals the SQL precision up to 38 digits; what does
//!   not fit fails the row. `/` gives a decimal with at least six digits after the point, rounded half away from zero,
//!   also for whole numbers. Doubles mix with doubles only.
//! * Exact numbers compare by what they are, whatever their types. Of doubles, zero equals zero with a sign.
//! * Text is never read as a number or a date without `cast` or a function; a literal beside a date is read at compile time.
//! * `case`, `coalesce`, `and` and `or` fail a row only if the part that decides its value failed.
//! * `||` and `concat` are null if a part is; `greatest` and `least` too.
//! * Unquoted names are looked up as written, then without regard to case; `"quoted"` names only as written.
//!
//! Deliberately absent: clocks, I/O, randomness, aggregates, subqueries, session settings.

mod brackets;
mod calendar;
mod cast;
mod check;
mod column;
mod decimal;
mod evaluate;
mod explanations;
mod expression;
mod functions;
mod habits;
mod lines;
mod other_names;
mod parse;
mod scope;
mod syntax;
mod tree;

#[cfg(test)]
mod tests;

pub use batch::{Code, ColumnType, RowFailure, Type};
pub use explanations::{EXPLANATIONS, NULL_VALUE, TOO_LARGE};
pub use expression::{Evaluated, Expression, ExpressionError, Names};
pub use functions::{FunctionDoc, functions};
pub use habits::type_elsewhere;
pub use scope::{Constant, Scope, UserFunction};
