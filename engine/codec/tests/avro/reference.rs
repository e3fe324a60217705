//! Schema resolution, value by value, by the letter of the specification; but for the branch of a union: the first of
//! the same type is taken before the first that matches by promotion.

use apache_avro::types::Value;

use crate::shape::{Kind, Named, Shape};
use crate::values;

/// The reader's value; `None` if the writer's does not resolve.
pub(crate) fn resolve(writer: &Shape, value: &Value, reader: &Shape) -> Option<Value> {
    if !reader.has_column() {
        // Passed over, whatever it is.
        return Some(Value::Null);
    }
    if let (Shape::Union(branches), Value::Union(index, value)) = (writer, value) {
        return resolve(&branches[*index as usize], value, reader);
    }
    if let Shape::Union(branches) = reader {
        let index = branch(writer, branches)?;
        return Some(Value::Union(index as u32, Box::new(resolve(writer, value, &branches[index])?)));
    }
    Some(match (writer, reader, value) {
        (Shape::Record(from, fields), Shape::Record(to, wanted), Value::Record(values)) => {
            reads(to, from).then_some(())?;
            let mut resolved = Vec::new();
            for field in wanted {
                let found = fields.iter().position(|written| written.name == field.name);
                let found = found.or_else(|| fields.iter().position(|written| field.aliases.contains(&written.name)));
                let value = match found {
                    Some(at) => resolve(&fields[at].shape, &values[at].1, &field.shape)?,
                    None => values::of_default(field.default.as_ref()?, &field.shape),
                };
                resolved.push((field.name.clone(), value));
            }
            Value::Record(resolved)
        }
        (Shape::Array(from), Shape::Array(to), Value::Array(items)) => {
            Value::Array(items.iter().map(|item| resolve(from, item, to)).collect::<Option<_>>()?)
        }
        (Shape::Map(from), Shape::Map(to), Value::Map(entries)) => {
            let entry = |(key, value): (&String, &Value)| Some((key.clone(), resolve(from, value, to)?));
            Value::Map(entries.iter().map(entry).collect::<Option<_>>()?)
        }
        (Shape::Enum(from, ..), Shape::Enum(to, symbols, default), Value::Enum(_, symbol)) => {
            reads(to, from).then_some(())?;
            let symbol = if symbols.contains(symbol) { symbol } else { default.as_ref()? };
            Value::Enum(symbols.iter().position(|known| known == symbol)? as u32, symbol.clone())
        }
        (from, to, value) => scalar(base(from), value, base(to), from, to)?,
    })
}

/// The type below a logical one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed,
    Other,
}

fn base(shape: &Shape) -> Base {
    match shape {
        Shape::Null => Base::Null,
        Shape::Boolean => Base::Boolean,
        Shape::Int | Shape::Date | Shape::TimeMillis => Base::Int,
        Shape::Long | Shape::TimeMicros | Shape::Timestamp(..) => Base::Long,
        Shape::Float => Base::Float,
        Shape::Double => Base::Double,
        Shape::Bytes | Shape::Decimal(..) => Base::Bytes,
        Shape::Text | Shape::Uuid => Base::Text,
        Shape::Fixed(..) => Base::Fixed,
        Shape::Enum(..) | Shape::Array(_) | Shape::Map(_) | Shape::Union(_) | Shape::Record(..) => Base::Other,
    }
}

fn scalar(from: Base, value: &Value, to: Base, writer: &Shape, reader: &Shape) -> Option<Value> {
    matches_plainly(writer, reader).then_some(())?;
    if let (Some(written), Some(wanted), Value::Bytes(bytes) | Value::Fixed(_, bytes)) =
        (decimal(writer), decimal(reader), value)
    {
        return rescaled(bytes, wanted - written, reader);
    }
    Some(match (value, to) {
        (Value::Int(number), Base::Long) if (writer, reader) == (&Shape::TimeMillis, &Shape::TimeMicros) => {
            Value::Long(i64::from(*number) * 1000)
        }
        (Value::Int(number), Base::Long) => Value::Long(i64::from(*number)),
        (Value::Int(number), Base::Float) => Value::Float(*number as f32),
        (Value::Int(number), Base::Double) => Value::Double(f64::from(*number)),
        (Value::Long(number), Base::Float) => Value::Float(*number as f32),
        (Value::Long(number), Base::Double) => Value::Double(*number as f64),
        (Value::Float(number), Base::Double) => Value::Double(f64::from(*number)),
        (Value::String(text), Base::Bytes) => Value::Bytes(text.clone().into_bytes()),
        (Value::Bytes(bytes), Base::Text) => Value::String(String::from_utf8(bytes.clone()).ok()?),
        (value, to) if from == to => value.clone(),
        _ => return None,
    })
}

/// Whether types match that are neither unions nor hold others.
fn matches_plainly(writer: &Shape, reader: &Shape) -> bool {
    if let (Shape::Fixed(from, from_size, _), Shape::Fixed(to, to_size, _)) = (writer, reader) {
        return reads(to, from) && from_size == to_size;
    }
    if let (Some(from), Some(to)) = (time(writer), time(reader))
        && from != to
    {
        // Both say what they mean, and it is not the same; only times of the day are converted to a finer unit.
        return (writer, reader) == (&Shape::TimeMillis, &Shape::TimeMicros);
    }
    if let (Shape::Decimal(..), Shape::Text | Shape::Uuid) | (Shape::Text | Shape::Uuid, Shape::Decimal(..)) =
        (writer, reader)
    {
        return false;
    }
    match (decimal(writer), decimal(reader)) {
        // In bytes or in a `fixed`.
        (Some(from), Some(to)) if base(writer) != base(reader) => return from <= to,
        (Some(from), Some(to)) if from > to => return false,
        _ => {}
    }
    let promoted = matches!(
        (base(writer), base(reader)),
        (Base::Int, Base::Long | Base::Float | Base::Double)
            | (Base::Long, Base::Float | Base::Double)
            | (Base::Float, Base::Double)
            | (Base::Text, Base::Bytes)
            | (Base::Bytes, Base::Text)
    );
    promoted || (base(writer) == base(reader) && base(writer) != Base::Other)
}

/// Digits after the point.
fn decimal(shape: &Shape) -> Option<u32> {
    match shape {
        Shape::Decimal(_, scale) | Shape::Fixed(_, _, Kind::Decimal(_, scale)) => Some(*scale),
        _ => None,
    }
}

/// A decimal with other digits after the point; of no more than 38 digits.
fn rescaled(bytes: &[u8], by: u32, reader: &Shape) -> Option<Value> {
    let units = values::units_of(bytes).checked_mul(10_i128.checked_pow(by)?)?;
    (units.unsigned_abs() < 10_u128.pow(38)).then_some(())?;
    Some(match reader {
        Shape::Fixed(_, size, _) => Value::Fixed(*size, values::widen(&units.to_be_bytes(), *size)),
        _ => Value::Bytes(units.to_be_bytes().to_vec()),
    })
}

/// What a number means that is a time.
fn time(shape: &Shape) -> Option<(u32, bool)> {
    match shape {
        Shape::Date => Some((100, false)),
        Shape::TimeMillis => Some((101, false)),
        Shape::TimeMicros => Some((102, false)),
        Shape::Timestamp(digits, local) => Some((*digits, *local)),
        _ => None,
    }
}

/// The branch of a reader's union for a writer's type.
pub(crate) fn branch(writer: &Shape, branches: &[Shape]) -> Option<usize> {
    let same = |reader: &Shape| match (writer, reader) {
        (Shape::Array(_), Shape::Array(_)) | (Shape::Map(_), Shape::Map(_)) => true,
        (Shape::Record(from, _), Shape::Record(to, _)) | (Shape::Enum(from, ..), Shape::Enum(to, ..)) => {
            reads(to, from)
        }
        (Shape::Fixed(..), Shape::Fixed(..)) => matches_plainly(writer, reader),
        _ => base(writer) == base(reader) && !matches!(base(writer), Base::Other | Base::Fixed),
    };
    let found = branches.iter().position(same);
    found.or_else(|| branches.iter().position(|reader| matches_plainly(writer, reader)))
}

fn reads(reader: &Named, writer: &Named) -> bool {
    reader.name == writer.name || reader.aliases.contains(&writer.name)
}

/// Whether the library may resolve otherwise; see the prose of `main`.
pub(crate) fn library_departs(writer: &Shape, reader: &Shape) -> bool {
    let branches = |shape: &Shape| match shape {
        Shape::Union(branches) => branches.clone(),
        other => vec![other.clone()],
    };
    match (writer, reader) {
        _ if !reader.has_column() => (writer, reader) != (&Shape::Null, &Shape::Null),
        (Shape::Union(_), _) | (_, Shape::Union(_)) => {
            let (from, to) = (branches(writer), branches(reader));
            let looked_at =
                |shape: &&Shape| shape.named().is_some() || matches!(shape, Shape::Map(_) | Shape::Array(_));
            to.iter().filter(looked_at).count() > 1
                || from.iter().any(|branch| match self::branch(branch, &to) {
                    None => *branch != Shape::Null,
                    Some(at) => {
                        (base(branch) != base(&to[at])
                            && (reader.some().len() > 1 || to[at] == Shape::Uuid || decimal(&to[at]).is_some()))
                            || library_departs(branch, &to[at])
                    }
                })
        }
        (Shape::Array(from), Shape::Array(to)) | (Shape::Map(from), Shape::Map(to)) => library_departs(from, to),
        (Shape::Record(_, fields), Shape::Record(_, wanted)) => wanted.iter().any(|field| {
            let found = fields.iter().find(|written| written.name == field.written);
            found.is_some_and(|written| library_departs(&written.shape, &field.shape))
        }),
        // The wider bytes would be seen.
        (Shape::Decimal(..), Shape::Decimal(..)) => false,
        (Shape::Decimal(..), _) => true,
        (Shape::Fixed(_, _, Kind::Decimal(..)), Shape::Fixed(_, _, Kind::Plain)) => false,
        _ => false,
    }
}
