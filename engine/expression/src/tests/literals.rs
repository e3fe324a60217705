//! Values that are written out where another is meant, and facts of a document that its name does not have.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Date32Array;
use batch::{ColumnType, Type};

use super::mistakes::described;
use super::{Rows, scope};
use crate::{Expression, Scope};

/// The errors of one expression in a line each.
#[track_caller]
fn says(text: &str, wanted: &str) {
    let errors = Expression::compile(text, &scope()).map(|_| ()).expect_err(text);
    assert_eq!(described(text, &errors).trim_end(), wanted);
}

#[test]
fn a_value_behind_when_is_compared_as_in_the_one_before() {
    let what = "`when` takes a condition, and this is a value";
    says(
        "case when price = 'M' then 'market' when 'L' then 'limit' end",
        &format!("E3301 `'L'` {what} | write `when price = 'L'`"),
    );
    says("case when 5 < change then 'a' when 7 then 'b' end", &format!("E3301 `7` {what} | write `when change < 7`"));
    says(
        "case when yes then 1 when 'L' then 2 end",
        &format!("E3301 `'L'` {what} | write `when x = 'L'`, or the name once, as in `case x when 'L' then ...`"),
    );
    says("left(price, '5')", "E3301 `'5'` this is text, but bigint is needed | write `5` without quotes");
    says("not 'L'", "E3301 `'L'` this is text, but boolean is needed | write a comparison, as in `x = 'L'`");
}

#[test]
fn a_cast_of_a_literal_that_can_never_succeed_is_refused() {
    says(
        "cast('L' as boolean)",
        "E3302 `'L'` 'L' is no boolean, so this cast fails in every row: neither `true` nor `false` | write `true` or \
         `false`, or a comparison, as in `x = 'L'`",
    );
    says(
        "case when yes then 'x'::bigint end",
        "E3302 `'x'` 'x' is no bigint, so this cast fails in every row: not a number | write the number itself, without \
         quotes",
    );
    says(
        "cast('price' as bigint)",
        "E3302 `'price'` 'price' is no bigint, so this cast fails in every row: not a number | a name stands without \
         quotes: write `cast(price as bigint)`",
    );
    says(
        "cast('2021-02-29' as date)",
        "E3302 `'2021-02-29'` '2021-02-29' is no date, so this cast fails in every row: not a date | write a \
         day as '2024-01-31', a time as '2024-01-31T16:00:00'",
    );
    says(
        "cast('1,234' as bigint)",
        "E3302 `'1,234'` '1,234' is no bigint, so this cast fails in every row: not a number; commas in it go by \
         `replace(x, ',', '')` | write the number itself, without quotes",
    );
    says(
        "cast('01/31/2026' as date)",
        "E3302 `'01/31/2026'` '01/31/2026' is no date, so this cast fails in every row: not a date as `2026-01-31`; \
         `parse_date(x, '%m/%d/%Y')` reads one of another form | write a day as '2024-01-31', a time as \
         '2024-01-31T16:00:00'",
    );
    says(
        "cast('2026-01-31T10:00:00Z' as timestamp(0))",
        "E3302 `'2026-01-31T10:00:00Z'` '2026-01-31T10:00:00Z' is no timestamp(0), so this cast fails in every row: the \
         timestamp has a `Z` or offset where none is expected; `timestamp(0, UTC)` as the type takes it | write a day as \
         '2024-01-31', a time as '2024-01-31T16:00:00'",
    );
    for good in [
        "cast('7' as bigint)",
        "cast(replace('1,234', ',', '') as bigint)",
        "parse_date('01/31/2026', '%m/%d/%Y')",
        "cast('2026-01-31T10:00:00Z' as timestamp(0, UTC))",
        "cast('true' as boolean)",
        "try(cast('x' as bigint))",
        "try_cast('x' as bigint)",
        "coalesce(change, cast('x' as bigint))",
        "case price when 'L' then 1 end",
        "cast(param.class as bigint)",
    ] {
        assert!(Expression::compile(good, &scope()).is_ok(), "{good}");
    }
}

#[test]
fn a_fact_that_the_name_does_not_have_is_told_as_that() {
    let date = || ColumnType::nullable(Type::Date);
    let told = |name: &'static str| {
        let scope = Scope::new().with_name(name, date());
        let expression = Expression::compile_as(name, &scope, &ColumnType::of(Type::Date)).expect("a date");
        let values = Arc::new(Date32Array::from(vec![None]));
        let rows = Rows { count: 1, columns: BTreeMap::from([(name, values as _)]) };
        let failure = expression.evaluate(&rows).failures.remove(0);
        (failure.code.0, failure.message)
    };
    let (code, message) = told("document.date");
    assert_eq!(code, "E4103");
    assert!(message.contains("the pattern that fits this document's name or address has no such part"), "{message}");
    let (code, message) = told("day");
    assert_eq!(code, "E4103");
    assert!(!message.contains("pattern"), "{message}");
}
