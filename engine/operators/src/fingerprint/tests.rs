//! Equal values have equal fingerprints however they are stored; different values have different ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::DataType;
use proptest::prelude::any;
use proptest::{prop_assert_eq, proptest};

use super::{fingerprint_batches, fingerprint_content, fingerprint_rows};
use crate::samples::{maybe_names, names, numbers};

fn record(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, values)| (*name, Arc::clone(values), true)))
        .expect("columns of one length")
}

fn rows(array: ArrayRef) -> Vec<u128> {
    fingerprint_rows(&record(&[("a", array)]), &[0]).expect("a type of ours")
}

fn lists() -> ArrayRef {
    let mut lists = ListBuilder::new(Int64Builder::new());
    lists.append_value([Some(1), None]);
    lists.append(false);
    lists.append_value([]);
    lists.append_value([Some(7)]);
    Arc::new(lists.finish())
}

fn maps() -> ArrayRef {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for (key, value) in [("a", Some("x")), ("b", None), ("", Some("")), ("a", Some("x"))] {
        maps.keys().append_value(key);
        maps.values().append_option(value);
        maps.append(true).expect("one key, one value");
    }
    Arc::new(maps.finish())
}

#[test]
fn values_of_other_kinds_never_meet() {
    let values: Vec<ArrayRef> = vec![
        maybe_names(&[None, Some(""), Some("\0"), Some("1"), Some("true")]),
        numbers(&[Some(0), Some(1), Some(-1), Some(256)]),
        Arc::new(UInt64Array::from(vec![u64::MAX])),
        Arc::new(BooleanArray::from(vec![true, false])),
        Arc::new(Float64Array::from(vec![0.0, 1.0, -0.0, f64::NAN])),
        Arc::new(Date32Array::from(vec![0, 1])),
        Arc::new(Decimal128Array::from(vec![0, 1]).with_precision_and_scale(10, 0).expect("fits")),
        Arc::new(Decimal128Array::from(vec![0, 1]).with_precision_and_scale(10, 1).expect("fits")),
        Arc::new(TimestampMicrosecondArray::from(vec![0, 1])),
        Arc::new(TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("UTC")),
        compute::cast(&names(&["", "1"]), &DataType::Binary).expect("text is bytes"),
    ];
    let all: Vec<u128> = values.into_iter().flat_map(rows).collect();
    let different: BTreeSet<u128> = all.iter().copied().collect();
    assert_eq!(different.len(), all.len());
}

#[test]
fn the_same_value_in_another_array_is_the_same() {
    let plain = names(&["x", "y"]);
    for other in [
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    ] {
        assert_eq!(rows(compute::cast(&plain, &other).expect("text")), rows(Arc::clone(&plain)), "{other}");
    }
    let wide = rows(numbers(&[Some(5), Some(-5)]));
    assert_eq!(rows(Arc::new(Int8Array::from(vec![5, -5]))), wide);
    assert_eq!(rows(Arc::new(Int32Array::from(vec![5, -5]))), wide);
    assert_eq!(rows(Arc::new(UInt64Array::from(vec![5]))), wide[..1]);
    assert_eq!(rows(Arc::new(Float64Array::from(vec![f64::NAN]))), rows(Arc::new(Float64Array::from(vec![-f64::NAN]))));
}

fn of_one(batch: &RecordBatch) -> u128 {
    fingerprint_batches(std::slice::from_ref(batch)).expect("types of ours")
}

#[test]
fn what_stands_under_a_null_does_not_count() {
    let nulls = NullBuffer::from(vec![true, false]);
    let hidden: ArrayRef = Arc::new(Int64Array::new(vec![1, 99].into(), Some(nulls)));
    let clean = numbers(&[Some(1), None]);
    assert_eq!(rows(Arc::clone(&hidden)), rows(Arc::clone(&clean)));
    assert_eq!(of_one(&record(&[("a", hidden)])), of_one(&record(&[("a", clean)])));
    let all_valid: ArrayRef = Arc::new(Int64Array::new(vec![1].into(), Some(NullBuffer::new_valid(1))));
    let no_buffer = record(&[("a", numbers(&[Some(1)]))]);
    assert_eq!(of_one(&record(&[("a", all_valid)])), of_one(&no_buffer));
}

#[test]
fn cells_do_not_run_into_each_other() {
    let left = record(&[("a", names(&["ab"])), ("b", names(&["c"]))]);
    let right = record(&[("a", names(&["a"])), ("b", names(&["bc"]))]);
    assert_ne!(fingerprint_rows(&left, &[0, 1]).ok(), fingerprint_rows(&right, &[0, 1]).ok());
    assert_ne!(fingerprint_rows(&left, &[0, 1]).ok(), fingerprint_rows(&left, &[1, 0]).ok());
    assert_ne!(of_one(&left), of_one(&right));
}

#[test]
fn content_goes_by_name_and_leaves_nulls_out() {
    let before = record(&[("a", names(&["x"])), ("b", names(&["y"]))]);
    let after = record(&[("b", names(&["y"])), ("new", maybe_names(&[None])), ("a", names(&["x"]))]);
    let swapped = record(&[("b", names(&["x"])), ("a", names(&["y"]))]);
    let content = |batch: &RecordBatch| {
        let all: Vec<usize> = (0..batch.num_columns()).collect();
        fingerprint_content(batch, &all).expect("types of ours")
    };
    assert_eq!(content(&before), content(&after));
    assert_ne!(content(&before), content(&swapped));
}

#[test]
fn cutting_changes_nothing() {
    let whole = record(&[
        ("list", lists()),
        ("map", maps()),
        ("text", maybe_names(&[Some("a"), None, Some(""), Some("d")])),
        ("number", numbers(&[Some(1), Some(2), None, Some(4)])),
        ("truth", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]))),
    ]);
    let all = [0, 1, 2, 3, 4];
    let expected = fingerprint_rows(&whole, &all).expect("types of ours");
    assert_eq!(expected.iter().collect::<BTreeSet<_>>().len(), 4);
    for start in 0..4 {
        for length in 0..=4 - start {
            let cut = whole.slice(start, length);
            assert_eq!(fingerprint_rows(&cut, &all).expect("types"), expected[start..start + length]);
            let indices: UInt32Array = (start..start + length).map(|row| Some(row as u32)).collect();
            let copied = compute::take_record_batch(&whole, &indices).expect("in bounds");
            assert_eq!(of_one(&cut), of_one(&copied));
            let parts =
                [whole.slice(0, start), whole.slice(start, length), whole.slice(start + length, 4 - start - length)];
            assert_eq!(fingerprint_batches(&parts).expect("types of ours"), of_one(&whole));
        }
    }
    // One part has a null and the others have none.
    let dense = record(&[("number", numbers(&[Some(1), None, Some(3)]))]);
    let parts = [dense.slice(0, 1), dense.slice(1, 1), dense.slice(2, 1)];
    assert_eq!(fingerprint_batches(&parts).expect("types of ours"), of_one(&dense));
}

#[test]
fn the_fingerprints_never_change() {
    // Stores and tables keep these numbers: a change here needs a new version of their formats.
    let batch = record(&[("a", names(&["key"])), ("b", numbers(&[Some(7)]))]);
    let bytes = [&[5, 3, 0, 0, 0, 0, 0, 0, 0][..], b"key", &[2, 7, 0, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(fingerprint_rows(&batch, &[0, 1]).expect("types"), [super::xxh3_128(&bytes)]);
    let types = |name: &str| [&[5, name.len() as u8, 0, 0, 0, 0, 0, 0, 0][..], name.as_bytes()].concat();
    let whole = [
        vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        types("text"),
        [&[1, 5, 3, 0, 0, 0, 0, 0, 0, 0][..], b"key"].concat(),
        types("bigint"),
        vec![0, 7, 0, 0, 0, 0, 0, 0, 0],
    ];
    assert_eq!(of_one(&batch), super::xxh3_128(&whole.concat()));
}

proptest! {
    #[test]
    fn rows_are_equal_exactly_if_their_values_are(
        left in any::<(Option<String>, Option<i64>)>(),
        right in any::<(Option<String>, Option<i64>)>(),
    ) {
        let text = StringArray::from(vec![left.0.as_deref(), right.0.as_deref(), left.0.as_deref()]);
        let number = Int64Array::from(vec![left.1, right.1, left.1]);
        let found = fingerprint_rows(&record(&[("a", Arc::new(text)), ("b", Arc::new(number))]), &[0, 1]).expect("types");
        prop_assert_eq!(found[0], found[2]);
        prop_assert_eq!(found[0] == found[1], left == right);
    }
}
