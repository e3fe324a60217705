//! The rows that expressions see: a column of each kind, filled with nulls, ends and usual values.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::expression::{Constant, Expression, Names, Scope, UserFunction};
use arbitrary::Unstructured;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array, ListBuilder, MapBuilder,
    StringArray, StringBuilder, TimestampMicrosecondArray, TimestampMillisecondArray, UInt64Array,
};
use batch::{ColumnType, Type};
use num_bigint::BigInt;

use crate::value::Value;

/// Names and types of the columns, all nullable but the map.
pub(super) const COLUMNS: [(&str, &str); 15] = [
    ("b", "boolean"),
    ("c", "boolean"),
    ("tiny", "tinyint"),
    ("whole", "bigint"),
    ("other", "bigint"),
    ("big", "bigint unsigned"),
    ("money", "decimal(18, 2)"),
    ("wide", "decimal(38, 13)"),
    ("f", "double"),
    ("s", "text"),
    ("t", "text"),
    ("day", "date"),
    ("at", "timestamp(6)"),
    ("seen", "timestamp(3, UTC)"),
    ("l", "list of text"),
];
/// The column of maps.
pub(super) const MAP: &str = "row";

/// One row: a value for each column, the map last.
pub(super) type Row = [Option<Value>];

/// Index of a column in a row.
pub(super) fn place(name: &str) -> usize {
    COLUMNS.iter().position(|(known, _)| *known == name).unwrap_or(COLUMNS.len())
}

/// The scope of all expressions: the columns, two constants and two functions.
pub(super) fn scope() -> Scope {
    let nullable = |of: &str| ColumnType::nullable(Type::parse(of).expect("a type"));
    let mut scope = Scope::new()
        .with_name(MAP, ColumnType::of(Type::Map(Box::new(Type::Text))))
        .with_constant("param.word", Constant::Text("a;b".into()))
        .with_constant("param.many", Constant::Integer(7));
    for (name, of) in &COLUMNS[..14] {
        scope = scope.with_name(*name, nullable(of));
    }
    scope = scope.with_name("l", ColumnType::of(Type::List(Box::new(Type::Text))));
    let function = |name: &str, parameters: &[(&str, &str)], gives: &str, is: &str| {
        let inside = parameters.iter().fold(Scope::new(), |scope, (name, of)| scope.with_name(*name, nullable(of)));
        UserFunction {
            name: name.into(),
            parameters: parameters.iter().map(|(name, of)| (Arc::from(*name), nullable(of))).collect(),
            result: nullable(gives),
            body: Expression::compile_as(is, &inside, &nullable(gives)).expect("a good function"),
        }
    };
    scope.with_function(function("twice", &[("v", "bigint")], "bigint", "v + v")).with_function(function(
        "label",
        &[("s", "text"), ("t", "text")],
        "text",
        "coalesce(s, t) || '!'",
    ))
}

/// Some rows.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) rows: Vec<Vec<Option<Value>>>,
}

/// Columns of some rows of a table, by name.
pub(super) struct Columns {
    columns: BTreeMap<&'static str, ArrayRef>,
    rows: usize,
}

impl Names for Columns {
    fn values(&self, name: &str) -> Option<ArrayRef> {
        self.columns.get(name).cloned()
    }

    fn rows(&self) -> usize {
        self.rows
    }
}

impl Table {
    pub(super) fn chosen(choices: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let count = *choices.choose(&[1, 2, 3, 5])?;
        let row = |choices: &mut Unstructured<'_>| {
            let mut values = Vec::new();
            for (_, of) in COLUMNS {
                let null = of != "list of text" && choices.ratio(1_u8, 5_u8)?;
                values.push(if null { None } else { Some(value(of, choices)?) });
            }
            values.push(Some(map(choices)?));
            Ok(values)
        };
        Ok(Self { rows: (0..count).map(|_| row(choices)).collect::<arbitrary::Result<_>>()? })
    }

    /// The columns of some rows.
    pub(super) fn columns(&self, rows: std::ops::Range<usize>) -> Columns {
        let rows = &self.rows[rows];
        let mut columns: BTreeMap<&'static str, ArrayRef> = BTreeMap::new();
        for (at, (name, of)) in COLUMNS.into_iter().enumerate() {
            columns.insert(name, column(of, rows.iter().map(|row| row[at].as_ref())));
        }
        columns.insert(MAP, column("map", rows.iter().map(|row| row[COLUMNS.len()].as_ref())));
        Columns { columns, rows: rows.len() }
    }
}

const WHOLES: [i64; 10] = [0, 1, -1, 2, 7, -100, i64::MAX, i64::MIN, 1_000_000_007, i64::MAX - 1];
const DECIMALS: [i128; 8] = [0, 1, -1, 150, -12_345, 999_999_999_999_999_999, -999_999_999_999_999_999, 100];
const DOUBLES: [f64; 12] = [0.0, -0.0, 1.5, -2.5, 0.1, 1e300, -1e300, 5e-324, 1e15, 0.5, 2.5, -7.0];
/// 0000-01-01, 0001-01-01, 9999-12-31, around 1970, a leap day, and the ends of the type.
const DAYS: [i32; 10] = [-719_528, -719_162, 2_932_896, 0, -1, 18_631, 18_321, i32::MAX, i32::MIN, 19_782];
const MOMENTS: [i64; 8] =
    [0, -1, 1_609_754_400_000_000, 1_609_718_400_000, i64::MAX, i64::MIN, 86_400_000_000, 1_609_718_400_123];
/// Texts that mean something to one function or another.
#[rustfmt::skip]
pub(super) const TEXTS: [&str; 40] = [
    "", " ", "a", "A b ", "  x", "é", "naïve", "ß", "日本語", "😀a", "1", "-1", "0.50", "1e3", "-0", "+7", "12345678901234567890",
    "0.00000000000001", "true", "FALSE", "2021-01-04", "20210104", "2020-02-29", "2021-02-29", "9999-12-31", "0000-01-01", "0001-01-01",
    "a;b;;c", ";", "%", "_", "\\", "a%b", "a\nb", "İ", "ﬁ", "12;x", "1;2", ".", "1e-20",
];

fn value(of: &str, choices: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    Ok(match of {
        "boolean" => Value::Boolean(choices.arbitrary()?),
        "tinyint" => Value::Number(choices.choose(&[0, 1, -1, 127, -128, 5])?.to_owned().into(), 0),
        "bigint" => Value::Number(
            BigInt::from(if choices.ratio(1_u8, 4_u8)? { choices.arbitrary()? } else { *choices.choose(&WHOLES)? }),
            0,
        ),
        "bigint unsigned" => Value::Number(BigInt::from(*choices.choose(&[0, 1, 7, u64::MAX, 1 << 63, 9_011])?), 0),
        "decimal(18, 2)" => Value::Number(BigInt::from(*choices.choose(&DECIMALS)?), 2),
        "decimal(38, 13)" => {
            let ends = [
                0,
                10_i128.pow(38) - 1,
                1 - 10_i128.pow(38),
                1,
                -15_000_000_000_000,
                10_i128.pow(37),
                25_000_000_000_000,
            ];
            Value::Number(BigInt::from(*choices.choose(&ends)?), 13)
        }
        "double" => Value::Double(*choices.choose(&DOUBLES)?),
        "text" => Value::Text(text(choices)?),
        "date" => Value::Date(*choices.choose(&DAYS)?),
        "list of text" => {
            let mut items = Vec::new();
            for _ in 0..choices.int_in_range(0..=3)? {
                items.push(if choices.ratio(1_u8, 5_u8)? { None } else { Some(Value::Text(text(choices)?)) });
            }
            Value::List(items)
        }
        _ => Value::Timestamp(*choices.choose(&MOMENTS)?),
    })
}

fn text(choices: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    Ok(if choices.ratio(1_u8, 8_u8)? { choices.arbitrary()? } else { (*choices.choose(&TEXTS)?).to_owned() })
}

fn map(choices: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    let mut entries = Vec::new();
    for key in ["a", "Market Category", "é"] {
        if choices.ratio(2_u8, 3_u8)? {
            entries.push((key.to_owned(), (!choices.ratio(1_u8, 5_u8)?).then_some(Value::Text(text(choices)?))));
        }
    }
    Ok(Value::Map(entries))
}

fn column<'a>(of: &str, values: impl Iterator<Item = Option<&'a Value>>) -> ArrayRef {
    macro_rules! made {
        ($array:ident, $pattern:pat => $value:expr) => {
            values
                .map(|value| {
                    value.map(|value| match value {
                        $pattern => $value,
                        other => unreachable!("{other:?}"),
                    })
                })
                .collect::<$array>()
        };
    }
    let fits = "chosen from what fits";
    match of {
        "boolean" => Arc::new(made!(BooleanArray, Value::Boolean(value) => *value)),
        "tinyint" => Arc::new(made!(Int8Array, Value::Number(value, _) => value.try_into().expect(fits))),
        "bigint" => Arc::new(made!(Int64Array, Value::Number(value, _) => value.try_into().expect(fits))),
        "bigint unsigned" => Arc::new(made!(UInt64Array, Value::Number(value, _) => value.try_into().expect(fits))),
        "decimal(18, 2)" | "decimal(38, 13)" => {
            let array = made!(Decimal128Array, Value::Number(value, _) => i128::try_from(value).expect(fits));
            Arc::new(array.with_data_type(Type::parse(of).expect("a type").arrow()))
        }
        "double" => Arc::new(made!(Float64Array, Value::Double(value) => *value)),
        "text" => Arc::new(made!(StringArray, Value::Text(value) => value.as_str())),
        "date" => Arc::new(made!(Date32Array, Value::Date(value) => *value)),
        "timestamp(6)" => Arc::new(made!(TimestampMicrosecondArray, Value::Timestamp(value) => *value)),
        "timestamp(3, UTC)" => {
            Arc::new(made!(TimestampMillisecondArray, Value::Timestamp(value) => *value).with_timezone("UTC"))
        }
        "list of text" => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            for value in values {
                let Some(Value::List(items)) = value else { unreachable!("{value:?}") };
                builder.append_value(items.iter().map(|item| match item {
                    Some(Value::Text(text)) => Some(text.as_str()),
                    _ => None,
                }));
            }
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
            for value in values {
                let Some(Value::Map(entries)) = value else { unreachable!("{value:?}") };
                for (key, value) in entries {
                    builder.keys().append_value(key);
                    match value {
                        Some(Value::Text(text)) => builder.values().append_value(text),
                        _ => builder.values().append_null(),
                    }
                }
                builder.append(true).expect("keys and values of one length");
            }
            Arc::new(builder.finish())
        }
    }
}
