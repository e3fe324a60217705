//! Made-up values, as the library holds them, of the types below logical ones.

use std::collections::HashMap;

use apache_avro::types::Value;
use serde_json::{Value as Json, json};

use crate::choices::Choices;
use crate::shape::{Field, Kind, Shape};

const TEXTS: [&str; 6] = [
    "",
    "a",
    "ä€😀",
    "0",
    "null",
    "a much longer text than the others are, so that lengths take two bytes each; and more",
];

/// A value of a shape.
pub(crate) fn value(choices: &mut Choices<'_>, shape: &Shape) -> Value {
    match shape {
        Shape::Null => Value::Null,
        Shape::Boolean => Value::Boolean(choices.one_in(2)),
        Shape::Int | Shape::Date | Shape::TimeMillis => Value::Int((choices.number() >> 32) as i32),
        Shape::Long | Shape::TimeMicros | Shape::Timestamp(..) => Value::Long(choices.number()),
        Shape::Float => Value::Float(f32::from_bits((choices.number() >> 32) as u32)),
        Shape::Double => Value::Double(f64::from_bits(choices.number().cast_unsigned())),
        Shape::Bytes => Value::Bytes((0..choices.below(6)).map(|_| choices.byte()).collect()),
        Shape::Text => Value::String((*choices.choose(&TEXTS)).to_owned()),
        Shape::Uuid => Value::String(uuid(&bytes(choices, 16))),
        Shape::Decimal(precision, _) => {
            let least = 1 + choices.below(17);
            Value::Bytes(units(choices, *precision, least))
        }
        Shape::Fixed(_, size, Kind::Decimal(precision, _)) => Value::Fixed(*size, units(choices, *precision, *size)),
        Shape::Fixed(_, size, _) => Value::Fixed(*size, bytes(choices, *size)),
        Shape::Enum(_, symbols, _) => {
            let index = choices.below(symbols.len());
            Value::Enum(index as u32, symbols[index].clone())
        }
        Shape::Array(item) => Value::Array((0..choices.below(4)).map(|_| value(choices, item)).collect()),
        Shape::Map(inner) => {
            Value::Map((0..choices.below(4)).map(|at| (format!("k{at}"), value(choices, inner))).collect())
        }
        Shape::Union(branches) => {
            let index = choices.below(branches.len());
            Value::Union(index as u32, Box::new(value(choices, &branches[index])))
        }
        Shape::Record(_, fields) => {
            Value::Record(fields.iter().map(|field| (field.name.clone(), value(choices, &field.shape))).collect())
        }
    }
}

fn bytes(choices: &mut Choices<'_>, count: usize) -> Vec<u8> {
    (0..count).map(|_| choices.byte()).collect()
}

/// A number of at most so many digits, in at least so many bytes.
fn units(choices: &mut Choices<'_>, digits: u32, least: usize) -> Vec<u8> {
    let wide = i128::from(choices.number()) * i128::from(choices.number());
    let whole = minimal(&(wide % 10_i128.pow(digits)).to_be_bytes());
    widen(&whole, least)
}

/// With at least so many bytes.
pub(crate) fn widen(bytes: &[u8], least: usize) -> Vec<u8> {
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 };
    let mut whole = vec![sign; least.saturating_sub(bytes.len())];
    whole.extend_from_slice(bytes);
    whole
}

fn minimal(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    while let [first, second, ..] = rest
        && ((*first == 0 && *second < 0x80) || (*first == 0xff && *second >= 0x80))
    {
        rest = &rest[1..];
    }
    if rest == [0] { Vec::new() } else { rest.to_vec() }
}

/// The unscaled value of a decimal.
pub(crate) fn units_of(bytes: &[u8]) -> i128 {
    bytes.iter().fold(if bytes.first().is_some_and(|first| *first >= 0x80) { -1 } else { 0 }, |units, byte| {
        (units << 8) | i128::from(*byte)
    })
}

/// The text of a UUID.
pub(crate) fn uuid(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// A default in JSON; a union's is of its first branch. `None` for what the library refuses.
pub(crate) fn default(choices: &mut Choices<'_>, shape: &Shape) -> Option<Json> {
    let letters = |count: usize, choices: &mut Choices<'_>| -> String {
        (0..count).map(|_| char::from(choices.byte() & 0x7f)).collect()
    };
    Some(match shape {
        Shape::Null => Json::Null,
        Shape::Boolean => json!(choices.one_in(2)),
        Shape::Int | Shape::Date | Shape::TimeMillis => json!((choices.number() >> 32) as i32),
        Shape::Long | Shape::TimeMicros | Shape::Timestamp(..) => json!(choices.number()),
        Shape::Float => json!(f32::from(choices.byte()) / 4.0),
        // Of few digits: the library's reader of JSON is not exact in the last place of longer ones.
        Shape::Double => json!((choices.number() >> 32) as f64 / 8.0),
        Shape::Bytes => json!(letters(choices.below(4), choices)),
        Shape::Text => json!(*choices.choose(&TEXTS)),
        Shape::Uuid => json!(uuid(&bytes(choices, 16))),
        // Nothing but zeros fits each precision; the library wants it wide.
        Shape::Decimal(..) | Shape::Fixed(_, _, Kind::Decimal(..)) => {
            let size = if let Shape::Fixed(_, size, _) = shape { *size } else { 20 };
            json!("\0".repeat(size))
        }
        Shape::Fixed(_, _, Kind::Duration) => return None,
        Shape::Fixed(_, size, _) => json!(letters(*size, choices)),
        Shape::Enum(_, symbols, _) => json!(choices.choose(symbols)),
        Shape::Array(item) => (0..choices.below(3)).map(|_| default(choices, item)).collect::<Option<Vec<_>>>()?.into(),
        Shape::Map(inner) => {
            let count = choices.below(3);
            let entry = |at: usize| Some((format!("d{at}"), default(choices, inner)?));
            let entries: Option<serde_json::Map<_, _>> = (0..count).map(entry).collect();
            entries?.into()
        }
        // Of several branches the library takes the one that a JSON value looks like.
        Shape::Union(branches) if branches[0] != Shape::Null && shape.some().len() > 1 => return None,
        Shape::Union(branches) => default(choices, branches.first()?)?,
        Shape::Record(_, fields) => {
            let mut values = serde_json::Map::new();
            for field in fields {
                // Those with a default of their own may be left out.
                if field.default.is_none() || choices.one_in(2) {
                    values.insert(field.name.clone(), default(choices, &field.shape)?);
                }
            }
            values.into()
        }
    })
}

/// A default with the writer's names of fields.
pub(crate) fn in_written_names(json: &Json, shape: &Shape) -> Json {
    match (json, shape) {
        (Json::Array(items), Shape::Array(item)) => items.iter().map(|json| in_written_names(json, item)).collect(),
        (Json::Object(entries), Shape::Map(inner)) => {
            entries.iter().map(|(key, json)| (key.clone(), in_written_names(json, inner))).collect()
        }
        (json, Shape::Union(branches)) => branches.first().map_or(Json::Null, |first| in_written_names(json, first)),
        (Json::Object(entries), Shape::Record(_, fields)) => {
            let field = |field: &Field| {
                let json = entries.get(&field.name)?;
                Some((field.written.clone(), in_written_names(json, &field.shape)))
            };
            fields.iter().filter_map(field).collect()
        }
        (json, _) => json.clone(),
    }
}

/// A default as a value.
pub(crate) fn of_default(json: &Json, shape: &Shape) -> Value {
    let whole = || json.as_i64().expect("a number");
    let letters = || json.as_str().expect("a text").bytes().collect::<Vec<u8>>();
    match shape {
        Shape::Null => Value::Null,
        Shape::Boolean => Value::Boolean(json.as_bool().expect("a boolean")),
        Shape::Int | Shape::Date | Shape::TimeMillis => Value::Int(whole() as i32),
        Shape::Long | Shape::TimeMicros | Shape::Timestamp(..) => Value::Long(whole()),
        Shape::Float => Value::Float(json.as_f64().expect("a number") as f32),
        Shape::Double => Value::Double(json.as_f64().expect("a number")),
        Shape::Bytes | Shape::Decimal(..) => Value::Bytes(letters()),
        Shape::Text | Shape::Uuid => Value::String(json.as_str().expect("a text").to_owned()),
        Shape::Fixed(_, size, _) => Value::Fixed(*size, letters()),
        Shape::Enum(_, symbols, _) => {
            let symbol = json.as_str().expect("a symbol");
            let index = symbols.iter().position(|known| known == symbol).expect("a symbol");
            Value::Enum(index as u32, symbol.to_owned())
        }
        Shape::Array(item) => {
            Value::Array(json.as_array().expect("an array").iter().map(|json| of_default(json, item)).collect())
        }
        Shape::Map(inner) => {
            let entries = json.as_object().expect("an object").iter();
            Value::Map(entries.map(|(key, json)| (key.clone(), of_default(json, inner))).collect())
        }
        Shape::Union(branches) => Value::Union(0, Box::new(of_default(json, &branches[0]))),
        Shape::Record(_, fields) => {
            let values = fields.iter().map(|field| {
                let json = json.get(&field.name).or(field.default.as_ref()).expect("a value or a default");
                (field.name.clone(), of_default(json, &field.shape))
            });
            Value::Record(values.collect())
        }
    }
}

/// Decimals so wide that the library takes them for any precision.
pub(crate) fn widened(value: Value, shape: &Shape) -> Value {
    match (value, shape) {
        (Value::Bytes(bytes), Shape::Decimal(..)) => Value::Bytes(widen(&bytes, 20)),
        (Value::Array(items), Shape::Array(item)) => {
            Value::Array(items.into_iter().map(|value| widened(value, item)).collect())
        }
        (Value::Map(entries), Shape::Map(inner)) => {
            Value::Map(entries.into_iter().map(|(key, value)| (key, widened(value, inner))).collect())
        }
        (Value::Union(index, value), Shape::Union(branches)) => {
            Value::Union(index, Box::new(widened(*value, &branches[index as usize])))
        }
        (Value::Record(values), Shape::Record(_, fields)) => {
            let pairs = values.into_iter().zip(fields);
            Value::Record(pairs.map(|((name, value), field)| (name, widened(value, &field.shape))).collect())
        }
        (other, _) => other,
    }
}

/// What stands for a decimal of whatever width.
const DECIMAL: usize = usize::MAX;

/// Without logical types.
pub(crate) fn bare(value: Value) -> Value {
    match value {
        Value::Date(number) | Value::TimeMillis(number) => Value::Int(number),
        Value::TimeMicros(number)
        | Value::TimestampMillis(number)
        | Value::TimestampMicros(number)
        | Value::TimestampNanos(number)
        | Value::LocalTimestampMillis(number)
        | Value::LocalTimestampMicros(number)
        | Value::LocalTimestampNanos(number) => Value::Long(number),
        Value::Decimal(decimal) => {
            // The library writes a byte for zero, and gives none back where none was read.
            Value::Fixed(DECIMAL, minimal(&Vec::<u8>::try_from(&decimal).unwrap_or_default()))
        }
        Value::Uuid(uuid) => Value::String(uuid.to_string()),
        Value::Duration(duration) => Value::Fixed(12, <[u8; 12]>::from(duration).to_vec()),
        Value::Array(items) => Value::Array(items.into_iter().map(bare).collect()),
        Value::Map(entries) => Value::Map(entries.into_iter().map(|(key, value)| (key, bare(value))).collect()),
        Value::Union(index, value) => Value::Union(index, Box::new(bare(*value))),
        Value::Record(fields) => Value::Record(fields.into_iter().map(|(name, value)| (name, bare(value))).collect()),
        other => other,
    }
}

/// Whether two values without logical types are the same; fields by their place.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    let entries = |left: &HashMap<String, Value>, right: &HashMap<String, Value>| {
        left.len() == right.len()
            && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
    };
    match (left, right) {
        (Value::Fixed(DECIMAL, units), Value::Bytes(bytes) | Value::Fixed(_, bytes))
        | (Value::Bytes(bytes) | Value::Fixed(_, bytes), Value::Fixed(DECIMAL, units)) => {
            minimal(units) == minimal(bytes)
        }
        (Value::String(text), Value::Fixed(16, bytes)) | (Value::Fixed(16, bytes), Value::String(text)) => {
            *text == uuid(bytes)
        }
        (Value::Float(left), Value::Float(right)) => left.to_bits() == right.to_bits(),
        (Value::Double(left), Value::Double(right)) => left.to_bits() == right.to_bits(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => entries(left, right),
        (Value::Union(left_at, left), Value::Union(right_at, right)) => left_at == right_at && same(left, right),
        (Value::Record(left), Value::Record(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|((_, left), (_, right))| same(left, right))
        }
        (left, right) => left == right,
    }
}
