//! A naive reader and writer of Avro's binary encoding, by the specification: one value at a time, no columns.

use arbitrary::Unstructured;
use batch::{ColumnType, Type};
use num_bigint::BigInt;

use crate::value::Value;

/// What a field of a writer's record is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// With so many symbols `s0`, `s1` ...
    Enum(usize),
    /// Digits after the point; bytes, if of one length.
    Decimal(u32, Option<usize>),
    Date,
    /// Digits of the second; whether it is a wall-clock reading.
    Timestamp(u32, bool),
    Array(Box<Shape>),
    Map(Box<Shape>),
    Union(Vec<Shape>),
    Record(Vec<Shape>),
}

impl Shape {
    /// As JSON; `name` is for types that need one. `general` avoids what has a short route: bytes stand for text, and
    /// unions get a branch that no writer uses.
    pub(super) fn json(&self, name: &str, general: bool) -> String {
        let inner = |(at, shape): (usize, &Self)| shape.json(&format!("{name}x{at}"), general);
        let logical = |of: &str, name: &str| format!(r#"{{"type":"{of}","logicalType":"{name}"}}"#);
        match self {
            Self::Null => r#""null""#.to_owned(),
            Self::Boolean => r#""boolean""#.to_owned(),
            Self::Int => r#""int""#.to_owned(),
            Self::Long => r#""long""#.to_owned(),
            Self::Float => r#""float""#.to_owned(),
            Self::Double => r#""double""#.to_owned(),
            Self::Bytes => r#""bytes""#.to_owned(),
            Self::Text => if general { r#""bytes""# } else { r#""string""# }.to_owned(),
            Self::Fixed(size) => format!(r#"{{"type":"fixed","name":"{name}","size":{size}}}"#),
            Self::Enum(count) => {
                let symbols: Vec<String> = (0..*count).map(|at| format!(r#""s{at}""#)).collect();
                format!(r#"{{"type":"enum","name":"{name}","symbols":[{}]}}"#, symbols.join(","))
            }
            Self::Decimal(scale, None) => {
                format!(r#"{{"type":"bytes","logicalType":"decimal","precision":38,"scale":{scale}}}"#)
            }
            Self::Decimal(scale, Some(size)) => format!(
                r#"{{"type":"fixed","name":"{name}","size":{size},"logicalType":"decimal","precision":{},"scale":{scale}}}"#,
                size * 2
            ),
            Self::Date => logical("int", "date"),
            Self::Timestamp(digits, local) => {
                let unit = match digits {
                    3 => "millis",
                    6 => "micros",
                    _ => "nanos",
                };
                logical("long", &format!("{}timestamp-{unit}", if *local { "local-" } else { "" }))
            }
            Self::Array(item) => format!(r#"{{"type":"array","items":{}}}"#, inner((0, item))),
            Self::Map(value) => format!(r#"{{"type":"map","values":{}}}"#, inner((0, value))),
            Self::Union(branches) => {
                let mut written: Vec<String> = branches.iter().enumerate().map(inner).collect();
                written.dedup();
                if general {
                    written.push(format!(r#"{{"type":"fixed","name":"{name}unused","size":1}}"#));
                }
                format!("[{}]", written.join(","))
            }
            Self::Record(fields) => {
                let field =
                    |(at, shape): (usize, &Self)| format!(r#"{{"name":"g{at}","type":{}}}"#, inner((at, shape)));
                let fields: Vec<String> = fields.iter().enumerate().map(field).collect();
                format!(r#"{{"type":"record","name":"{name}","fields":[{}]}}"#, fields.join(","))
            }
        }
    }
}

/// Reads a field; the inner `None` is null. The outer one says that the record is bad. Without a column it is skipped.
#[expect(clippy::option_option, reason = "no value and the value null are two things here")]
pub(super) fn read_field(shape: &Shape, column: Option<&ColumnType>, rest: &mut &[u8]) -> Option<Option<Value>> {
    match column {
        None => skip(shape, rest).map(|()| None),
        Some(column) => read(shape, &column.of, column.nullable, rest),
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// A number of at most ten bytes of seven bits each, which fit 64.
fn long(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u128;
    for place in 0..10 {
        let byte = take(rest, 1)?[0];
        value |= u128::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            let value = u64::try_from(value).ok()?;
            let half = (value / 2).cast_signed();
            return Some(if value % 2 == 0 { half } else { -half - 1 });
        }
    }
    None
}

fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(long(rest)?).ok()?;
    take(rest, length)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    Some(std::str::from_utf8(piece(rest)?).ok()?.to_owned())
}

/// Number of items of the next block. No item is shorter than a byte here.
fn block(rest: &mut &[u8]) -> Option<usize> {
    let count = long(rest)?;
    if count < 0 {
        let length = usize::try_from(long(rest)?).ok()?;
        (length <= rest.len()).then_some(())?;
    }
    let count = usize::try_from(count.unsigned_abs()).ok()?;
    (count <= rest.len()).then_some(count)
}

#[expect(clippy::option_option, reason = "as of the function that calls it")]
fn read(shape: &Shape, of: &Type, nullable: bool, rest: &mut &[u8]) -> Option<Option<Value>> {
    let value = match (shape, of) {
        (Shape::Union(branches), of) => {
            let branch = branches.get(usize::try_from(long(rest)?).ok()?)?;
            return read(branch, of, nullable, rest);
        }
        (Shape::Null, Type::List(_)) => Value::List(Vec::new()),
        (Shape::Null, Type::Map(_)) => Value::Map(Vec::new()),
        (Shape::Null, _) => return nullable.then_some(None),
        (Shape::Array(item), Type::List(of)) => {
            let mut items = Vec::new();
            loop {
                let count = block(rest)?;
                if count == 0 {
                    break Value::List(items);
                }
                for _ in 0..count {
                    items.push(read(item, of, true, rest)?);
                }
            }
        }
        (Shape::Map(value), Type::Map(of)) => {
            let mut entries = Vec::new();
            loop {
                let count = block(rest)?;
                if count == 0 {
                    break Value::Map(entries);
                }
                for _ in 0..count {
                    entries.push((text(rest)?, read(value, of, true, rest)?));
                }
            }
        }
        (Shape::Boolean, Type::Boolean) => Value::Boolean(boolean(rest)?),
        (Shape::Int, Type::Double) => Value::Double(f64::from(i32::try_from(long(rest)?).ok()?)),
        (Shape::Long, Type::Double) => Value::Double(long(rest)? as f64),
        (Shape::Int, of) => whole(BigInt::from(i32::try_from(long(rest)?).ok()?), of)?,
        (Shape::Long, of) => whole(BigInt::from(long(rest)?), of)?,
        (Shape::Float, Type::Double) => Value::Double(f64::from(f32::from_le_bytes(take(rest, 4)?.try_into().ok()?))),
        (Shape::Double, Type::Double) => Value::Double(f64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        (Shape::Bytes, Type::Binary) => Value::Bytes(piece(rest)?.to_vec()),
        (Shape::Text, Type::Binary) => Value::Bytes(text(rest)?.into_bytes()),
        (Shape::Text | Shape::Bytes, Type::Text) => Value::Text(text(rest)?),
        (Shape::Fixed(size), Type::Binary) => Value::Bytes(take(rest, *size)?.to_vec()),
        (Shape::Enum(count), Type::Text) => Value::Text(format!("s{}", symbol(*count, rest)?)),
        (Shape::Decimal(scale, size), of) => {
            let bytes = if let Some(size) = size { take(rest, *size)? } else { piece(rest)? };
            decimal(&BigInt::from_signed_bytes_be(bytes), *scale, of)?
        }
        (Shape::Date, Type::Date) => Value::Date(i32::try_from(long(rest)?).ok()?),
        (Shape::Timestamp(written, _), Type::Timestamp { digits, .. }) => {
            let nanoseconds = i128::from(long(rest)?) * 10_i128.pow(9 - written);
            let unit = 10_i128.pow(9 - u32::from(*digits));
            (nanoseconds % unit == 0).then_some(())?;
            Value::Timestamp(i64::try_from(nanoseconds / unit).ok()?)
        }
        _ => return None,
    };
    Some(Some(value))
}

fn boolean(rest: &mut &[u8]) -> Option<bool> {
    match take(rest, 1)? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

fn symbol(count: usize, rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(long(rest)?).ok().filter(|at| *at < count)
}

fn whole(value: BigInt, of: &Type) -> Option<Value> {
    let Type::Integer { bits, signed } = of else { return None };
    let one = BigInt::from(1);
    let (least, past) =
        if *signed { (-(&one << (bits - 1)), &one << (bits - 1)) } else { (BigInt::ZERO, &one << *bits) };
    (least <= value && value < past).then_some(Value::Number(value, 0))
}

fn decimal(units: &BigInt, written: u32, of: &Type) -> Option<Value> {
    let Type::Decimal { precision, scale } = of else { return whole(units.clone(), of).filter(|_| written == 0) };
    let ten = BigInt::from(10);
    let units = units * ten.pow(u32::from(*scale).checked_sub(written)?);
    (units.magnitude() < ten.pow(u32::from(*precision)).magnitude()).then_some(Value::Number(units, u32::from(*scale)))
}

/// What nobody wants is passed over, whatever its bytes mean.
fn skip(shape: &Shape, rest: &mut &[u8]) -> Option<()> {
    match shape {
        Shape::Null => {}
        Shape::Boolean => drop(take(rest, 1)?),
        Shape::Int | Shape::Date | Shape::Long | Shape::Timestamp(..) | Shape::Enum(_) => drop(long(rest)?),
        Shape::Float => drop(take(rest, 4)?),
        Shape::Double => drop(take(rest, 8)?),
        Shape::Bytes | Shape::Text | Shape::Decimal(_, None) => drop(piece(rest)?),
        Shape::Fixed(size) | Shape::Decimal(_, Some(size)) => drop(take(rest, *size)?),
        Shape::Union(branches) => skip(branches.get(usize::try_from(long(rest)?).ok()?)?, rest)?,
        Shape::Record(fields) => fields.iter().try_for_each(|field| skip(field, rest))?,
        Shape::Array(inner) | Shape::Map(inner) => loop {
            let count = long(rest)?;
            if count == 0 {
                break;
            }
            if count < 0 {
                // The block says how long it is.
                piece(rest)?;
                continue;
            }
            (usize::try_from(count).ok()? <= rest.len()).then_some(())?;
            for _ in 0..count {
                if matches!(shape, Shape::Map(_)) {
                    piece(rest)?;
                }
                skip(inner, rest)?;
            }
        },
    }
    Some(())
}

/// Writes a value of the shape that the choices say, sometimes one that no column can hold.
pub(super) fn written(shape: &Shape, choices: &mut Unstructured<'_>, out: &mut Vec<u8>) -> arbitrary::Result<()> {
    match shape {
        Shape::Null => {}
        Shape::Boolean => out.push(u8::from(choices.arbitrary::<bool>()?)),
        Shape::Int | Shape::Date => {
            let value = choices.arbitrary::<i32>()? >> choices.int_in_range(0..=31)?;
            write_long(i64::from(value), out);
        }
        Shape::Long | Shape::Timestamp(..) => {
            let value = choices.arbitrary::<i64>()? >> choices.int_in_range(0..=63)?;
            // Whole seconds fit every unit.
            let by = *choices.choose(&[1, 1, 1_000, 1_000_000, 1_000_000_000])?;
            write_long(value.checked_mul(by).unwrap_or(value), out);
        }
        Shape::Float => out.extend(choices.arbitrary::<[u8; 4]>()?),
        Shape::Double => out.extend(choices.arbitrary::<[u8; 8]>()?),
        Shape::Bytes | Shape::Decimal(_, None) => write_piece(choices.arbitrary()?, out),
        Shape::Text => write_piece(choices.arbitrary::<&str>()?.as_bytes(), out),
        Shape::Fixed(size) | Shape::Decimal(_, Some(size)) => {
            for _ in 0..*size {
                out.push(choices.arbitrary()?);
            }
        }
        Shape::Enum(count) => write_long(choices.int_in_range(0..=*count as i64)?, out),
        Shape::Union(branches) => {
            let branch = choices.choose_index(branches.len())?;
            write_long(branch as i64, out);
            written(&branches[branch], choices, out)?;
        }
        Shape::Record(fields) => fields.iter().try_for_each(|field| written(field, choices, out))?,
        Shape::Array(inner) | Shape::Map(inner) => {
            for _ in 0..choices.int_in_range(0..=2)? {
                let count = choices.int_in_range(1..=3)?;
                let mut items = Vec::new();
                for _ in 0..count {
                    if matches!(shape, Shape::Map(_)) {
                        write_piece(choices.arbitrary::<&str>()?.as_bytes(), &mut items);
                    }
                    written(inner, choices, &mut items)?;
                }
                if choices.arbitrary()? {
                    write_long(-count, out);
                    write_long(items.len() as i64, out);
                } else {
                    write_long(count, out);
                }
                out.extend(items);
            }
            out.push(0);
        }
    }
    Ok(())
}

fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = i128::from(value) * 2;
    if value < 0 {
        rest = -rest - 1;
    }
    while rest >= 0x80 {
        out.push((rest % 0x80) as u8 | 0x80);
        rest /= 0x80;
    }
    out.push(rest as u8);
}

fn write_piece(bytes: &[u8], out: &mut Vec<u8>) {
    write_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}
