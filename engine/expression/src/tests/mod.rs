//! Tests of the whole crate: tables of expressions over small columns.

mod arithmetic;
mod habits;
mod literals;
mod mistakes;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, MapArray, StringArray, UInt64Array,
};
use batch::{ColumnType, Type};

use crate::cast::caster;
use crate::column::{Arguments, Column};
use crate::{Constant, Expression, Names, Scope, UserFunction};

struct Rows {
    count: usize,
    columns: BTreeMap<&'static str, ArrayRef>,
}

impl Names for Rows {
    fn values(&self, name: &str) -> Option<ArrayRef> {
        self.columns.get(name).cloned()
    }

    fn rows(&self) -> usize {
        self.count
    }
}

/// Four rows: good values, bad values, an empty text, nulls.
fn rows() -> Rows {
    let text = |values: [Option<&str>; 4]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let mut columns: BTreeMap<&'static str, ArrayRef> = BTreeMap::new();
    columns.insert("price", text([Some("8.11"), Some("."), Some(""), None]));
    columns.insert("day", text([Some("20210104"), Some("20210230"), Some("9999-12-31"), None]));
    columns.insert("quantity", Arc::new(UInt64Array::from(vec![Some(9011), Some(0), Some(u64::MAX), None])));
    columns.insert("change", Arc::new(Int64Array::from(vec![Some(-5), Some(0), Some(i64::MAX), None])));
    columns.insert("yes", Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true), None])));
    columns.insert("settled", Arc::new(Date32Array::from(vec![Some(18_631), Some(0), Some(-1), None])));
    columns.insert("document.date", Arc::new(Date32Array::from(vec![18_631])));
    columns.insert("list", text([Some("1.5;2"), Some("x;1"), Some(""), None]));
    let keys = ["Symbol", "Market Category"];
    let maps = MapArray::new_from_strings(
        keys.into_iter().chain(keys).chain(keys),
        &StringArray::from(vec!["A", "B", "C", "D", "E", "F"]),
        &[0, 2, 4, 6, 6],
    )
    .unwrap();
    columns.insert("row", Arc::new(maps));
    Rows { count: 4, columns }
}

fn scope() -> Scope {
    let nullable = |of: &str| ColumnType::nullable(Type::parse(of).unwrap());
    let base = Scope::new()
        .with_name("price", nullable("text"))
        .with_name("day", nullable("text"))
        .with_name("quantity", nullable("bigint unsigned"))
        .with_name("change", nullable("bigint"))
        .with_name("yes", nullable("boolean"))
        .with_name("settled", nullable("date"))
        .with_name("document.date", ColumnType::of(Type::Date))
        .with_name("list", nullable("text"))
        .with_name("row", ColumnType::of(Type::parse("map of text to text").unwrap()))
        .with_constant("param.class", Constant::Text("RATES".into()))
        .with_constant("param.from", Constant::Date(chrono::NaiveDate::from_ymd_opt(2021, 1, 4).unwrap()));
    let parameter = ColumnType::of(Type::Text);
    let result = nullable("decimal(38, 13)");
    let inside = Scope::new().with_name("v", parameter.clone());
    let text = "cast(replace(rtrim(v, '+'), ',', '') as decimal(38, 13))";
    let body = Expression::compile_as(text, &inside, &result).unwrap();
    base.with_function(UserFunction { name: "amount".into(), parameters: vec![("v".into(), parameter)], result, body })
}

/// Values of all rows as text: `null`, `!CODE` where the row failed.
fn shown(expression: &Expression, rows: &Rows) -> Vec<String> {
    let evaluated = expression.evaluate(rows);
    assert_eq!(evaluated.values.len(), rows.count);
    assert_eq!(evaluated.values.data_type(), &expression.column_type().of.arrow(), "{}", expression.text());
    let mut shown: Vec<String> =
        (0..rows.count).map(|row| show(&evaluated.values, &expression.column_type().of, row)).collect();
    assert!(evaluated.failures.is_sorted_by(|left, right| left.row < right.row), "each row once, in order");
    for failure in evaluated.failures {
        assert_eq!(shown[failure.row], "null", "a failed row has no value");
        shown[failure.row] = format!("!{}", failure.code);
    }
    shown
}

fn show(values: &ArrayRef, of: &Type, row: usize) -> String {
    if values.is_null(row) {
        return "null".to_owned();
    }
    if let Type::List(item) = of {
        let items = values.as_list::<i32>().value(row);
        let items: Vec<_> = (0..items.len()).map(|row| show(&items, item, row)).collect();
        return format!("[{}]", items.join(", "));
    }
    if let Type::Map(_) = of {
        return format!("{} entries", values.as_map().value_length(row));
    }
    if *of == Type::Text {
        return values.as_string::<i32>().value(row).to_owned();
    }
    let operation = caster(of, &Type::Text).unwrap();
    let outcome =
        (operation.0)(&Arguments { columns: &[Column::fine(Arc::clone(values), false)], count: values.len() });
    outcome.values.as_string::<i32>().value(row).to_owned()
}

fn compiled(text: &str) -> Expression {
    match Expression::compile(text, &scope()) {
        Ok(expression) => expression,
        Err(errors) => panic!("{text}: {errors:?}"),
    }
}
