//! Every type arrives as it was sent, at the ends of its range too, and a refusal of what does not fit.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder, StringDictionaryBuilder,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{Field, Int32Type, Schema};
use batch::{PartitionBy, RowsMeaning};
use connect::{Landing, LandingError};

use crate::support::{ask, define, made, piece, rows};

/// A column's name, its type, its values and what the server then says they are.
type Case = (&'static str, &'static str, ArrayRef, [&'static str; 3]);

fn decimal(values: [Option<i128>; 3], precision: u8, scale: i8) -> ArrayRef {
    Arc::new(Decimal128Array::from_iter(values).with_precision_and_scale(precision, scale).expect("fits"))
}

fn list() -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for items in [vec![Some("a"), None, Some("")], vec![], vec![Some("b")]] {
        items.into_iter().for_each(|item| builder.values().append_option(item));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn map() -> ArrayRef {
    let mut builder = MapBuilder::new(
        Some(arrow::array::MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() }),
        StringBuilder::new(),
        StringBuilder::new(),
    );
    for entries in [vec![("one", Some("1")), ("none", None)], vec![], vec![("", Some(""))]] {
        for (key, value) in entries {
            builder.keys().append_value(key);
            builder.values().append_option(value);
        }
        builder.append(true).expect("one value for each key");
    }
    Arc::new(builder.finish())
}

fn dictionary() -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    ["x", "y", "x"].into_iter().for_each(|value| builder.append_value(value));
    Arc::new(builder.finish())
}

/// 9999…9 with 38 digits.
const NINES: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

// 1900-01-01 and 2299-12-31 in days since 1970-01-01, and the second after the last in seconds.
const FIRST_DAY: i32 = -25_567;
const LAST_DAY: i32 = 120_529;
const FIRST_SECOND: i64 = FIRST_DAY as i64 * 86_400;
const LAST_SECOND: i64 = (LAST_DAY as i64 + 1) * 86_400 - 1;

fn cases() -> Vec<Case> {
    let number = |values: [i64; 3]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
    vec![
        ("key", "bigint", number([i64::MIN, 0, i64::MAX]), ["-9223372036854775808", "0", "9223372036854775807"]),
        ("tiny", "tinyint", Arc::new(Int8Array::from(vec![i8::MIN, 0, i8::MAX])), ["-128", "0", "127"]),
        ("small", "smallint", Arc::new(Int16Array::from(vec![i16::MIN, 0, i16::MAX])), ["-32768", "0", "32767"]),
        (
            "plain",
            "nullable integer",
            Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX)])),
            ["-2147483648", r"\N", "2147483647"],
        ),
        ("utiny", "tinyint unsigned", Arc::new(UInt8Array::from(vec![0, 1, u8::MAX])), ["0", "1", "255"]),
        ("usmall", "smallint unsigned", Arc::new(UInt16Array::from(vec![0, 1, u16::MAX])), ["0", "1", "65535"]),
        ("uplain", "integer unsigned", Arc::new(UInt32Array::from(vec![0, 1, u32::MAX])), ["0", "1", "4294967295"]),
        (
            "ubig",
            "bigint unsigned",
            Arc::new(UInt64Array::from(vec![0, 1, u64::MAX])),
            ["0", "1", "18446744073709551615"],
        ),
        ("truth", "boolean", Arc::new(BooleanArray::from(vec![true, false, true])), ["true", "false", "true"]),
        (
            "real",
            "double",
            Arc::new(Float64Array::from(vec![-0.5, f64::MAX, 1e-300])),
            ["-0.5", "1.7976931348623157e308", "1e-300"],
        ),
        (
            "wide",
            "nullable decimal(38, 13)",
            decimal([Some(NINES), None, Some(-NINES)], 38, 13),
            ["9999999999999999999999999.9999999999999", r"\N", "-9999999999999999999999999.9999999999999"],
        ),
        (
            "narrow",
            "decimal(9, 2)",
            decimal([Some(1), Some(0), Some(-999_999_999)], 9, 2),
            ["0.01", "0", "-9999999.99"],
        ),
        (
            "day",
            "date",
            Arc::new(Date32Array::from(vec![FIRST_DAY, 0, LAST_DAY])),
            ["1900-01-01", "1970-01-01", "2299-12-31"],
        ),
        (
            "seconds",
            "timestamp(0)",
            Arc::new(TimestampSecondArray::from(vec![FIRST_SECOND, 0, LAST_SECOND])),
            ["1900-01-01 00:00:00", "1970-01-01 00:00:00", "2299-12-31 23:59:59"],
        ),
        (
            "millis",
            "nullable timestamp(3)",
            Arc::new(TimestampMillisecondArray::from(vec![Some(FIRST_SECOND * 1000), None, Some(1)])),
            ["1900-01-01 00:00:00.000", r"\N", "1970-01-01 00:00:00.001"],
        ),
        (
            "micros",
            "timestamp(6, America/New_York)",
            Arc::new(
                TimestampMicrosecondArray::from(vec![0, 1_600_000_000_000_001, -1]).with_timezone("America/New_York"),
            ),
            ["1969-12-31 19:00:00.000000", "2020-09-13 08:26:40.000001", "1969-12-31 18:59:59.999999"],
        ),
        (
            "nanos",
            "timestamp(9)",
            Arc::new(TimestampNanosecondArray::from(vec![1, 9_223_372_036_854_775_807, FIRST_SECOND * 1_000_000_000])),
            ["1970-01-01 00:00:00.000000001", "2262-04-11 23:47:16.854775807", "1900-01-01 00:00:00.000000000"],
        ),
        (
            "words",
            "nullable text",
            Arc::new(StringArray::from(vec![Some("naïve"), None, Some("")])),
            ["naïve", r"\N", ""],
        ),
        ("class", "low-cardinality text", dictionary(), ["x", "y", "x"]),
        (
            "maybe_class",
            "nullable low-cardinality text",
            Arc::new(StringArray::from(vec![None, Some("A"), Some("A")])),
            [r"\N", "A", "A"],
        ),
        ("bytes", "binary", Arc::new(BinaryArray::from_vec(vec![b"\xff\x01", b"", b"z"])), ["FF01", "", "7A"]),
        ("items", "list of text", list(), ["['a',NULL,'']", "[]", "['b']"]),
        ("pairs", "map of text to text", map(), ["{'one':'1','none':NULL}", "{}", "{'':''}"]),
    ]
}

#[test]
fn every_type_arrives_as_it_was_sent() {
    let cases = cases();
    let columns: Vec<(&str, &str)> = cases.iter().map(|(name, column_type, ..)| (*name, *column_type)).collect();
    let definition = define("types.every", &columns, RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    let planned = define("types.every", &columns, RowsMeaning::Append, PartitionBy::Nothing);
    let arrays: Vec<ArrayRef> = cases.iter().map(|case| Arc::clone(&case.2)).collect();
    let sent = with_carriers(&planned, &arrays);
    landing.insert(&piece(sent, "every")).expect("inserted");
    for (name, column_type, _, expected) in cases {
        let shown = if column_type == "binary" { format!("hex({name})") } else { name.to_owned() };
        let found = ask(&format!(
            "SELECT {shown} FROM types.every ORDER BY _row FORMAT TSVRaw SETTINGS session_timezone = 'UTC'"
        ));
        // An empty last line is cut off with its end.
        let mut found: Vec<&str> = found.split('\n').collect();
        found.resize(3, "");
        assert_eq!(found, expected, "{name} {column_type}");
    }
}

/// Rows whose fields have the arrays' own types, for a dictionary stands for texts.
fn with_carriers(definition: &batch::TableDefinition, arrays: &[ArrayRef]) -> RecordBatch {
    let plain: Vec<ArrayRef> =
        arrays.iter().map(|array| arrow::compute::cast(array, &plain_type(array)).expect("cast")).collect();
    let made = rows(definition, plain, &[(7, 0), (7, 1), (7, 2)], None);
    let mut columns = made.columns().to_vec();
    columns[..arrays.len()].clone_from_slice(arrays);
    let schema = made.schema();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), field.is_nullable()))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("same lengths")
}

fn plain_type(array: &ArrayRef) -> arrow::datatypes::DataType {
    match array.data_type() {
        arrow::datatypes::DataType::Dictionary(_, values) => (**values).clone(),
        other => other.clone(),
    }
}

#[test]
fn rows_of_another_shape_are_refused_before_they_are_sent() {
    let columns = [("key", "bigint"), ("name", "text")];
    let definition = define("types.shape", &columns, RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    let integers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let whole = rows(&definition, vec![Arc::clone(&integers), Arc::clone(&texts)], &[(0, 0)], None);
    let lacking = whole.project(&[0, 2, 3, 4, 5]).expect("columns");
    let turned = whole.project(&[1, 0, 2, 3, 4, 5]).expect("columns");
    let nullable = define(
        "types.shape",
        &[("key", "nullable bigint"), ("name", "text")],
        RowsMeaning::Append,
        PartitionBy::Nothing,
    );
    let null = rows(&nullable, vec![Arc::new(Int64Array::from(vec![None])), texts], &[(0, 0)], None);
    for (what, broken) in [("a column is missing", lacking), ("columns in another order", turned), ("a null", null)] {
        let error = landing.insert(&piece(broken, what)).expect_err(what);
        assert!(matches!(&error, LandingError::Operator { code, .. } if code.0 == "E5208"), "{what}: {error}");
    }
    let many: ArrayRef = Arc::new(Int64Array::from_value(1, 1_000_001));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n("", 1_000_001)));
    let positions: Vec<(i64, i64)> = (0..1_000_001).map(|row| (0, row)).collect();
    let error =
        landing.insert(&piece(rows(&definition, vec![many, words], &positions, None), "many")).expect_err("many");
    assert!(error.to_string().contains("1000001 rows"), "{error}");
    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(200_000_001)]));
    let error = landing.insert(&piece(rows(&definition, vec![integers, long], &[(0, 0)], None), "long"));
    assert!(error.expect_err("long").to_string().contains("at most 200000000 make one block"));
    assert_eq!(ask("SELECT count() FROM types.shape"), "0");
}
