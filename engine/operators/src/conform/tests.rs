//! What fits a column passes in its exact type; what does not is told with its code.

use std::sync::Arc;

use arrow::array::builder::{Date32Builder, ListBuilder};
use arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Array, Int64Array, NullArray, TimestampNanosecondArray,
    TimestampSecondArray,
};
use arrow::compute;
use arrow::datatypes::DataType;
use batch::ColumnType;
use chrono::NaiveDate;

use super::Conform;
use crate::samples::{batch, codes, facts, maybe_names, names, numbers, shown};
use crate::{Step, StepError, StepOutput};

fn conform(columns: &[(&str, &str)], rows: &[(&str, ArrayRef)]) -> Result<StepOutput, StepError> {
    let columns = columns.iter().map(|(name, of)| ((*name).into(), ColumnType::parse(of).expect(of)));
    Conform::new("table".into(), columns.collect()).process(batch(rows), &facts())
}

fn days(year: i32, month: u32, day: u32) -> i32 {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day").to_epoch_days()
}

fn decimals(values: Vec<i128>, precision: u8, scale: i8) -> ArrayRef {
    Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale).expect("a type"))
}

/// Rows that failed, each with its code.
fn dead(output: &StepOutput) -> Vec<(i64, &'static str)> {
    let rows = |failed: &batch::Failed| failed.origins.rows.values().iter().copied().zip(codes(failed)).collect();
    output.failed.as_ref().map_or(Vec::new(), rows)
}

#[test]
fn columns_come_in_order_with_what_is_missing() {
    let columns = [
        ("b", "bigint"),
        ("gone", "nullable text"),
        ("list", "list of text"),
        ("map", "map of text to text"),
        ("a", "text"),
    ];
    let rows = [("a", names(&["x", "y"])), ("extra", names(&["", ""])), ("b", numbers(&[Some(1), Some(2)]))];
    let output = conform(&columns, &rows).expect("fits");
    let next = output.next.expect("rows");
    assert_eq!(shown(&next), ["b=1 gone=- list=[] map={} a=x", "b=2 gone=- list=[] map={} a=y"]);
    let exact = columns.map(|(name, of)| ColumnType::parse(of).expect(of).field(name));
    assert_eq!(next.columns().schema().fields().iter().map(|field| (**field).clone()).collect::<Vec<_>>(), exact);
}

#[test]
fn values_that_do_not_fit_are_told() {
    let nanos = |values: Vec<i64>| -> ArrayRef { Arc::new(TimestampNanosecondArray::from(values)) };
    let seconds = |values: Vec<i64>| -> ArrayRef { Arc::new(TimestampSecondArray::from(values)) };
    let first = i64::from(days(1900, 1, 1)) * 86_400;
    let last = i64::from(days(2300, 1, 1)) * 86_400 - 1;
    let dates =
        [days(1899, 12, 31), days(1900, 1, 1), days(2299, 12, 31), days(2300, 1, 1), days(9999, 12, 31), i32::MAX];
    // Type of the column, values, rows that fail.
    type Case = (&'static str, ArrayRef, &'static [(i64, &'static str)]);
    let cases: [Case; 10] = [
        ("text", maybe_names(&[Some(""), None]), &[(1, "E4103")]),
        ("list of text", Arc::new(NullArray::new(1)), &[(0, "E4103")]),
        (
            "date",
            Arc::new(Date32Array::from(dates.to_vec())),
            &[(0, "E4401"), (3, "E4401"), (4, "E4401"), (5, "E4401")],
        ),
        (
            "timestamp(0)",
            seconds(vec![first - 1, first, last, last + 1, i64::MIN]),
            &[(0, "E4401"), (3, "E4401"), (4, "E4401")],
        ),
        ("timestamp(9)", nanos(vec![i64::MAX, i64::MIN, 0, first * 1_000_000_000]), &[(1, "E4401")]),
        ("decimal(3, 1)", decimals(vec![999, 1_000, -999, -1_000], 3, 1), &[(1, "E4104"), (3, "E4104")]),
        ("decimal(3, 1)", decimals(vec![99, 100], 3, 0), &[(1, "E4104")]),
        ("tinyint", numbers(&[Some(127), Some(128)]), &[(1, "E4104")]),
        ("nullable smallint unsigned", numbers(&[Some(-1), Some(65_535), None]), &[(0, "E4104")]),
        ("decimal(38, 0)", decimals(vec![i128::MAX, i128::MIN, 1], 38, 0), &[(0, "E4104"), (1, "E4104")]),
    ];
    for (of, values, expected) in cases {
        let rows = values.len();
        let output = conform(&[("a", of)], &[("a", values)]).expect(of);
        assert_eq!(dead(&output), expected, "{of}");
        assert_eq!(output.next.map_or(0, |batch| batch.len()), rows - expected.len(), "{of}");
    }
}

#[test]
fn values_inside_lists_are_looked_at() {
    let mut lists = ListBuilder::new(Date32Builder::new());
    for list in [vec![0, 1], vec![], vec![days(2300, 1, 1), 0], vec![0], vec![0, i32::MIN]] {
        lists.append_value(list.into_iter().map(Some));
    }
    let lists: ArrayRef = Arc::new(lists.finish());
    let cases: [(ArrayRef, &[(i64, &str)]); 2] =
        [(Arc::clone(&lists), &[(2, "E4401"), (4, "E4401")]), (lists.slice(1, 3), &[(1, "E4401")])];
    for (values, expected) in cases {
        assert_eq!(dead(&conform(&[("a", "list of date")], &[("a", values)]).expect("a list")), expected);
    }
}

#[test]
fn a_row_is_told_once_with_its_first_column() {
    let rows = [("a", maybe_names(&[None, Some("x")])), ("b", numbers(&[None, None]))];
    let failed = conform(&[("a", "text"), ("b", "bigint")], &rows).expect("runs").failed.expect("rows");
    let fields: Vec<_> = failed.failures.iter().map(|failure| failure.field.as_deref().unwrap_or("")).collect();
    assert_eq!(fields, ["a", "b"]);
}

#[test]
fn arrays_of_another_make_become_the_exact_type() {
    for make in [
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    ] {
        let values = compute::cast(&names(&["x", "y"]), &make).expect("text");
        let output = conform(&[("a", "text")], &[("a", values)]).expect("text");
        assert_eq!(shown(&output.next.expect("rows")), ["a=x", "a=y"], "{make}");
    }
}

#[test]
fn what_the_plan_should_have_refused_is_a_fault_of_the_program() {
    let cases: [(&str, &str, ArrayRef); 4] = [
        ("missing", "text", names(&["x"])),
        ("a", "bigint", names(&["1"])),
        ("a", "decimal(3, 1)", decimals(vec![1], 3, 2)),
        ("a", "timestamp(0, UTC)", Arc::new(TimestampSecondArray::from(vec![1]))),
    ];
    for (name, of, values) in cases {
        assert!(matches!(conform(&[(name, of)], &[("a", values)]), Err(StepError::Plan { .. })), "{of}");
    }
    let wide: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert!(conform(&[("a", "integer")], &[("a", wide)]).is_ok());
}
