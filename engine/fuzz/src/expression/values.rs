//! Well-typed expressions over a small table.
//!
//! Promises:
//! * An expression that is made to be well typed compiles, to the type that the language says.
//! * Each row has the value of the reference, or fails with the code of the reference.
//! * A row alone has the same as the row among others.
//! * A failed row has no value, rows fail once and in order, and what is never null is never null.

use std::ops::Range;

use ::expression::{Evaluated, Expression, Scope};
use arbitrary::Unstructured;
use batch::ColumnType;

use super::reference::{Cell, Made, Maker};
use super::table::{Table, scope};
use crate::value::value_of;

thread_local! {
    static SCOPE: Scope = scope();
}

/// Gives a made-up expression over made-up rows to the evaluator and to the reference.
///
/// # Panics
/// If they differ.
pub fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let Ok(table) = Table::chosen(&mut choices) else { return };
    let made = Maker { choices: &mut choices, left: 12 }.any();
    SCOPE.with(|scope| hold(&made, &table, scope));
}

fn hold(made: &Made, table: &Table, scope: &Scope) {
    let expression = match Expression::compile(&made.text, scope) {
        Ok(expression) => expression,
        // Too deep; or a name that is compared with itself, which nobody can mean.
        Err(errors) if errors.iter().all(|error| ["E3103", "E3308"].contains(&error.code.0)) => return,
        Err(errors) => panic!("{} does not compile: {errors:#?}", made.text),
    };
    assert_eq!(expression.column_type().of, made.of, "type of {}", made.text);
    let found = cells(&expression, table, 0..table.rows.len());
    for (at, (row, found)) in table.rows.iter().zip(&found).enumerate() {
        assert_eq!(*found, (made.means)(row), "row {at} of {}: {row:?}", made.text);
        assert_eq!(cells(&expression, table, at..at + 1)[0], *found, "row {at} alone of {}", made.text);
    }
}

/// What the evaluator gives for some rows.
fn cells(expression: &Expression, table: &Table, rows: Range<usize>) -> Vec<Cell> {
    let evaluated = expression.evaluate(&table.columns(rows.clone()));
    sound(expression.text(), expression.column_type(), &evaluated, rows.len());
    let mut cells: Vec<Cell> =
        (0..rows.len()).map(|row| Ok(value_of(&evaluated.values, &expression.column_type().of, row))).collect();
    for failure in evaluated.failures {
        cells[failure.row] = Err(failure.code.0);
    }
    cells
}

/// What any evaluation owes, whatever it computes.
pub(super) fn sound(text: &str, of: &ColumnType, evaluated: &Evaluated, rows: usize) {
    assert_eq!((evaluated.values.len(), evaluated.values.data_type()), (rows, &of.of.arrow()), "{text}");
    assert!(
        evaluated.failures.iter().is_sorted_by(|one, other| one.row < other.row),
        "rows fail once, in order: {text}"
    );
    for failure in &evaluated.failures {
        assert!(evaluated.values.is_null(failure.row), "a failed row has no value: {text}");
        assert!(::expression::EXPLANATIONS.iter().any(|known| known.code == failure.code), "{}", failure.code);
        assert!(failure.message.len() <= 510, "{}", failure.message);
    }
    let nulls = (0..rows).filter(|row| evaluated.values.is_null(*row)).count();
    assert!(of.nullable || nulls == evaluated.failures.len(), "null where nothing can be null: {text}");
}
