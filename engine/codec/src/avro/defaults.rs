//! A reader's default, which a schema says in JSON, as the bytes of a record.
//!
//! Bytes and `fixed` are text whose letters to U+00FF are the bytes; a logical type's default is one of the type below
//! it; a union's is one of its first branch that has such a value. So says the specification.

use serde_json::Value;

use super::encode::{long, piece};
use super::wire::{Record, Wire};

/// Appends a default in Avro's binary encoding.
///
/// # Errors
/// If it is no value of the type; says what is wrong.
pub(super) fn encode(value: &Value, wire: &Wire, out: &mut Vec<u8>) -> Result<(), String> {
    let wrong = |wanted: &str| format!("its default is not {wanted}");
    match wire {
        Wire::Null => value.as_null().ok_or_else(|| wrong("null")),
        Wire::Boolean => {
            out.push(u8::from(value.as_bool().ok_or_else(|| wrong("a boolean"))?));
            Ok(())
        }
        Wire::Integer { long: false } | Wire::Date | Wire::Time { micros: false } => {
            let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
            long(number.ok_or_else(|| wrong("an int"))?.into(), out);
            Ok(())
        }
        Wire::Integer { .. } | Wire::Time { .. } | Wire::Timestamp { .. } => {
            long(value.as_i64().ok_or_else(|| wrong("a long"))?, out);
            Ok(())
        }
        Wire::Float => {
            let number = double(value).ok_or_else(|| wrong("a number"))?;
            out.extend_from_slice(&(number as f32).to_le_bytes());
            Ok(())
        }
        Wire::Double => {
            out.extend_from_slice(&double(value).ok_or_else(|| wrong("a number"))?.to_le_bytes());
            Ok(())
        }
        Wire::Text => {
            piece(value.as_str().ok_or_else(|| wrong("a text"))?.as_bytes(), out);
            Ok(())
        }
        Wire::Bytes | Wire::Decimal { fixed: None, .. } => {
            piece(&bytes(value).ok_or_else(|| wrong("a text of bytes"))?, out);
            Ok(())
        }
        Wire::Fixed(fixed) | Wire::Uuid(fixed) | Wire::Decimal { fixed: Some(fixed), .. } => {
            let found = bytes(value).filter(|found| found.len() == fixed.size);
            out.extend_from_slice(&found.ok_or_else(|| wrong("a text of as many bytes as the type has"))?);
            Ok(())
        }
        Wire::Enum(of) => {
            let symbol = value.as_str().and_then(|symbol| of.symbols.iter().position(|known| known == symbol));
            long(symbol.ok_or_else(|| wrong("one of the symbols"))? as i64, out);
            Ok(())
        }
        Wire::Array(item) => {
            let items = value.as_array().ok_or_else(|| wrong("an array"))?;
            if !items.is_empty() {
                long(items.len() as i64, out);
            }
            items.iter().try_for_each(|value| encode(value, item, out))?;
            out.push(0);
            Ok(())
        }
        Wire::Map(inner) => {
            let entries = value.as_object().ok_or_else(|| wrong("an object"))?;
            if !entries.is_empty() {
                long(entries.len() as i64, out);
            }
            for (key, value) in entries {
                piece(key.as_bytes(), out);
                encode(value, inner, out)?;
            }
            out.push(0);
            Ok(())
        }
        Wire::Union(branches) => union(value, branches, out),
        Wire::Record(of) => record(value, of, out),
    }
}

fn union(value: &Value, branches: &[Wire], out: &mut Vec<u8>) -> Result<(), String> {
    let start = out.len();
    for (index, branch) in branches.iter().enumerate() {
        long(index as i64, out);
        if encode(value, branch, out).is_ok() {
            return Ok(());
        }
        out.truncate(start);
    }
    Err("its default is of none of the union's branches".to_owned())
}

/// Fields that the default leaves out have defaults of their own.
fn record(value: &Value, of: &Record, out: &mut Vec<u8>) -> Result<(), String> {
    let fields = value.as_object().ok_or("its default is not an object")?;
    for field in &of.fields {
        let value = fields.get(&field.name).or(field.default.as_ref());
        encode(value.ok_or_else(|| format!("its default lacks `{}`", field.name))?, &field.wire, out)?;
    }
    Ok(())
}

/// A number; JSON has none for those that are no numbers or infinite, which are texts.
fn double(value: &Value) -> Option<f64> {
    match value.as_str() {
        None => value.as_f64(),
        Some("NaN") => Some(f64::NAN),
        Some("INF" | "Infinity") => Some(f64::INFINITY),
        Some("-INF" | "-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_str()?.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect()
}
