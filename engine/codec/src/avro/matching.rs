//! Which of a reader's types reads which of a writer's: the rules of Avro's specification under "Schema resolution".
//!
//! Where both sides have a logical type, each says what its numbers mean: units of time are converted, and what means
//! another thing does not match, though the type below it would: a day is no instant, a wall-clock reading neither, and
//! a text no decimal. Where one side has none, the other's meaning holds.
//! Decimals match whether they stand in bytes or in a `fixed`, and those of fewer digits after the point match those of
//! more; the specification wants equal ones.
//!
//! Of a reader's union the first branch of the same type (and name) is taken, and only then the first that matches by
//! promotion, as the reference implementation does. By the letter it would be the first that matches in either way, and
//! a text read by its own schema `["bytes", "string"]` would come back as bytes.

use super::plan::Then;
use super::wire::Wire;

/// How a value of a writer's type that holds no others is read for a reader's type: the type that says what its bytes
/// mean, and what becomes of a number then. `None` if the types do not match. Enums are `None`: they have symbols.
pub(super) fn scalar(writer: &Wire, reader: &Wire) -> Option<(Wire, Then)> {
    let keep = |wire: &Wire| Some((wire.clone(), Then::Keep));
    match (writer, reader) {
        (Wire::Boolean, Wire::Boolean)
        | (Wire::Float, Wire::Float | Wire::Double)
        | (Wire::Double, Wire::Double)
        | (Wire::Text, Wire::Text | Wire::Bytes)
        | (Wire::Bytes, Wire::Bytes | Wire::Text) => keep(writer),
        (Wire::Fixed(from), Wire::Fixed(to)) | (Wire::Uuid(from), Wire::Uuid(to) | Wire::Fixed(to)) => {
            (to.size == from.size && to.name.reads(&from.name)).then_some((writer.clone(), Then::Keep))
        }
        (Wire::Fixed(from), Wire::Uuid(to)) => {
            (to.size == from.size && to.name.reads(&from.name)).then_some((reader.clone(), Then::Keep))
        }
        (Wire::Decimal { scale: from, fixed: from_fixed }, Wire::Decimal { scale: to, fixed: to_fixed }) => {
            let named = match (from_fixed, to_fixed) {
                (Some(from), Some(to)) => to.size == from.size && to.name.reads(&from.name),
                _ => true,
            };
            (named && from <= to).then_some((writer.clone(), Then::Keep))
        }
        (Wire::Decimal { fixed: None, .. }, Wire::Bytes) | (Wire::Bytes, Wire::Decimal { fixed: None, .. }) => {
            keep(reader)
        }
        (Wire::Decimal { fixed: Some(from), .. }, Wire::Fixed(to))
        | (Wire::Fixed(from), Wire::Decimal { fixed: Some(to), .. }) => {
            (to.size == from.size && to.name.reads(&from.name)).then_some((reader.clone(), Then::Keep))
        }
        _ => number(writer, reader),
    }
}

/// The whole numbers, with what they mean.
fn number(writer: &Wire, reader: &Wire) -> Option<(Wire, Then)> {
    let (from, to) = (long(writer)?, reader);
    match to {
        Wire::Float => return Some((Wire::Integer { long: from }, Then::Single)),
        Wire::Double => return Some((Wire::Integer { long: from }, Then::Keep)),
        _ => {}
    }
    let wide = long(to)?;
    if from && !wide {
        return None;
    }
    match (writer, to) {
        (Wire::Integer { .. } | Wire::Date | Wire::Time { .. } | Wire::Timestamp { .. }, Wire::Integer { .. }) => {
            Some((Wire::Integer { long: from }, Then::Keep))
        }
        (Wire::Integer { .. }, meant) => Some((meant.clone(), Then::Keep)),
        (Wire::Time { micros: false }, Wire::Time { micros: true }) => Some((writer.clone(), Then::Thousandfold)),
        (Wire::Timestamp { local, .. }, Wire::Timestamp { local: wanted, .. }) if local != wanted => None,
        (Wire::Date, Wire::Date)
        | (Wire::Time { .. }, Wire::Time { .. })
        | (Wire::Timestamp { .. }, Wire::Timestamp { .. }) => Some((writer.clone(), Then::Keep)),
        _ => None,
    }
}

/// Whether a whole number is a `long`, and `None` for what is none.
fn long(wire: &Wire) -> Option<bool> {
    match wire {
        Wire::Integer { long } | Wire::Time { micros: long } => Some(*long),
        Wire::Date => Some(false),
        Wire::Timestamp { .. } => Some(true),
        _ => None,
    }
}

/// The branch of a reader's union for a writer's type that is no union.
pub(super) fn branch(writer: &Wire, reader: &[Wire]) -> Option<usize> {
    let found = |matches: &dyn Fn(&Wire) -> bool| reader.iter().position(matches);
    found(&|reader| same(writer, reader, true))
        .or_else(|| found(&|reader| same(writer, reader, false)))
        .or_else(|| found(&|reader| scalar(writer, reader).is_some()))
}

/// Whether it is the same type, whatever it means; a named one by its full name, or as names match.
fn same(writer: &Wire, reader: &Wire, full: bool) -> bool {
    let names = |writer: &super::wire::TypeName, reader: &super::wire::TypeName| {
        if full { writer.full == reader.full } else { reader.reads(writer) }
    };
    match (writer, reader) {
        (Wire::Record(writer), Wire::Record(reader)) => names(&writer.name, &reader.name),
        (Wire::Enum(writer), Wire::Enum(reader)) => names(&writer.name, &reader.name),
        _ => match (writer.fixed(), reader.fixed()) {
            (Some(from), Some(to)) => from.size == to.size && names(&from.name, &to.name),
            (None, None) => kind(writer) == kind(reader) && kind(writer).is_some(),
            _ => false,
        },
    }
}

/// A number for each type without a name.
fn kind(wire: &Wire) -> Option<u8> {
    Some(match wire {
        Wire::Null => 0,
        Wire::Boolean => 1,
        Wire::Float => 2,
        Wire::Double => 3,
        Wire::Bytes | Wire::Decimal { fixed: None, .. } => 4,
        Wire::Text => 5,
        Wire::Array(_) => 6,
        Wire::Map(_) => 7,
        other => return long(other).map(|long| if long { 9 } else { 8 }),
    })
}
