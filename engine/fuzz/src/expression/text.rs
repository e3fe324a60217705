//! Texts from strangers as expressions.
//!
//! The text may be two, with a zero byte between: the second is the type of the column that the value is for. Promises:
//! * Each error has a known code, and a place that lies in the text, between characters.
//! * What compiles, evaluates: as many values as rows, of its type; failed rows have none; what is never null is not.
//! * A row alone gives what it gives among others.

use ::expression::{Expression, ExpressionError, Scope};
use arrow::array::Array;
use batch::ColumnType;

use super::table::{COLUMNS, Table, scope};
use super::values::sound;

thread_local! {
    static SCOPE: (Scope, Table) = (scope(), table());
}

/// Three rows that are the same each time.
fn table() -> Table {
    let bytes: Vec<u8> = (0..600_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut table = Table::chosen(&mut arbitrary::Unstructured::new(&bytes)).expect("enough bytes for a table");
    table.rows.truncate(3);
    assert!(table.rows.iter().all(|row| row.len() == COLUMNS.len() + 1));
    table
}

pub(crate) fn run(bytes: &[u8]) {
    let Ok(given) = std::str::from_utf8(bytes) else { return };
    let (text, target) = given.split_once('\0').map_or((given, None), |(text, target)| (text, Some(target)));
    let target = target.and_then(|target| ColumnType::parse(target).ok());
    SCOPE.with(|(scope, table)| {
        let compiled = match &target {
            None => Expression::compile(text, scope),
            Some(target) => Expression::compile_as(text, scope, target),
        };
        match compiled {
            Err(errors) => errors.iter().for_each(|error| hold(text, error)),
            Ok(expression) => evaluate(&expression, table),
        }
    });
}

fn hold(text: &str, error: &ExpressionError) {
    assert!(::expression::EXPLANATIONS.iter().any(|known| known.code == error.code), "{error:?}");
    assert!(text.get(error.span.clone()).is_some(), "a place between characters of {text:?}: {error:?}");
    assert!(!error.message.is_empty() && error.message.len() <= 510, "{error:?}");
}

fn evaluate(expression: &Expression, table: &Table) {
    let count = table.rows.len();
    let whole = expression.evaluate(&table.columns(0..count));
    sound(expression.text(), expression.column_type(), &whole, count);
    for row in 0..count {
        let alone = expression.evaluate(&table.columns(row..row + 1));
        assert_eq!(alone.values.to_data(), whole.values.slice(row, 1).to_data(), "row {row} of {}", expression.text());
        let code = whole.failures.iter().find(|failure| failure.row == row).map(|failure| failure.code);
        assert_eq!(alone.failures.first().map(|failure| failure.code), code, "row {row} of {}", expression.text());
    }
    let none = expression.evaluate(&table.columns(0..0));
    assert!(none.values.is_empty() && none.failures.is_empty());
}
