//! A column while records are written from it, and how its values are written.
//!
//! As a column that is being filled, it is a row of levels, a list or a map each, and a leaf. An entry is named by its
//! row, its place within the row's list, its place within that one's list, and so on. Narrow integers are widened once
//! for the whole column.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray,
    UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, UInt64Type};
use batch::Type;

use super::Fault;
use super::encode::{long, piece};
use super::leaf::{rescaled, uuid_bytes};
use super::wire::Wire;

/// A column.
pub(super) struct Source {
    levels: Vec<Level>,
    /// `None` if no value is null.
    nulls: Option<NullBuffer>,
    values: Values,
}

struct Level {
    ends: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
    /// Of maps.
    keys: Option<StringArray>,
}

enum Values {
    Boolean(BooleanArray),
    Integer(Int64Array),
    Unsigned(UInt64Array),
    Double(Float64Array),
    Decimal(Decimal128Array, u32),
    Text(StringArray),
    Binary(BinaryArray),
    Timestamp(Int64Array, u8),
}

impl Source {
    /// `None` if its type is none of ours.
    pub(super) fn new(column: &ArrayRef) -> Option<Self> {
        let mut levels = Vec::new();
        let mut array = column.clone();
        loop {
            let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
            let next = match array.data_type() {
                DataType::List(_) => {
                    let list = array.as_list::<i32>();
                    levels.push(Level { ends: list.offsets().clone(), nulls, keys: None });
                    list.values().clone()
                }
                DataType::Map(..) => {
                    let map = array.as_map();
                    let keys = map.keys().as_string_opt::<i32>()?.clone();
                    levels.push(Level { ends: map.offsets().clone(), nulls, keys: Some(keys) });
                    map.values().clone()
                }
                _ => return Some(Self { levels, nulls, values: Values::of(&array)? }),
            };
            array = next;
        }
    }

    /// The index of an entry in its level, or of a value in the leaf.
    #[inline]
    pub(super) fn index(&self, position: &[usize]) -> usize {
        if let [row] = position {
            return *row;
        }
        let Some((row, places)) = position.split_first() else { return 0 };
        places.iter().zip(&self.levels).fold(*row, |index, (place, level)| level.ends[index] as usize + place)
    }

    /// Whether the leaf's value is null.
    #[inline]
    pub(super) fn is_null(&self, index: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index))
    }

    /// The length of a list or map; `None` for null.
    pub(super) fn length(&self, position: &[usize]) -> Option<usize> {
        let index = self.index(position);
        let level = self.levels.get(position.len() - 1)?;
        if level.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
            return None;
        }
        Some((level.ends[index + 1] - level.ends[index]) as usize)
    }

    /// The key of an entry of a map.
    pub(super) fn key(&self, position: &[usize]) -> Option<&str> {
        let keys = self.levels.get(position.len().checked_sub(2)?)?.keys.as_ref()?;
        Some(keys.value(self.index(position)))
    }

    /// Writes a value that is not null.
    #[inline]
    pub(super) fn write(&self, index: usize, wire: &Wire, out: &mut Vec<u8>) -> Result<(), Fault> {
        match (&self.values, wire) {
            (Values::Text(values), Wire::Text | Wire::Bytes) => piece(values.value(index).as_bytes(), out),
            (Values::Integer(values), Wire::Integer { long: true } | Wire::Time { micros: true }) => {
                long(values.value(index), out);
            }
            (Values::Timestamp(values, digits), Wire::Timestamp { digits: written, .. }) if digits == written => {
                long(values.value(index), out);
            }
            (Values::Timestamp(values, digits), Wire::Timestamp { digits: written, .. }) => {
                long(rescaled(values.value(index), *digits, *written)?, out);
            }
            (Values::Decimal(values, from), Wire::Decimal { scale, fixed }) => {
                let units = with_scale(values.value(index), *from, *scale)?;
                decimal(units, fixed.as_ref().map(|fixed| fixed.size), out)?;
            }
            (Values::Double(values), Wire::Double) => out.extend_from_slice(&values.value(index).to_le_bytes()),
            (Values::Boolean(values), Wire::Boolean) => out.push(u8::from(values.value(index))),
            (Values::Integer(values), wire) => whole(i128::from(values.value(index)), wire, out)?,
            (Values::Unsigned(values), wire) => whole(i128::from(values.value(index)), wire, out)?,
            (Values::Double(values), wire) => double(values.value(index), wire, out)?,
            (Values::Text(values), wire) => text(values.value(index), wire, out)?,
            (Values::Binary(values), wire) => bytes(values.value(index), wire, out)?,
            _ => return Err(Fault::Kind),
        }
        Ok(())
    }
}

impl Values {
    fn of(array: &ArrayRef) -> Option<Self> {
        let widened = |to: DataType| Some(cast(array, &to).ok()?.as_primitive::<Int64Type>().clone());
        Some(match Type::from_arrow(array.data_type())? {
            Type::Boolean => Self::Boolean(array.as_boolean().clone()),
            Type::Integer { bits: 64, signed: false } => Self::Unsigned(array.as_primitive::<UInt64Type>().clone()),
            Type::Integer { .. } => Self::Integer(widened(DataType::Int64)?),
            Type::Double => Self::Double(array.as_primitive::<Float64Type>().clone()),
            Type::Decimal { scale, .. } => {
                Self::Decimal(array.as_primitive::<Decimal128Type>().clone(), u32::from(scale))
            }
            Type::Text => Self::Text(array.as_string::<i32>().clone()),
            Type::Binary => Self::Binary(array.as_binary::<i32>().clone()),
            Type::Date => Self::Integer(array.as_primitive::<Date32Type>().unary(i64::from)),
            Type::Timestamp { digits, .. } => Self::Timestamp(widened(DataType::Int64)?, digits),
            Type::List(_) | Type::Map(_) => return None,
        })
    }
}

/// Whether values of this type can be written so. What would lose something fails value by value.
pub(super) fn writable(wire: &Wire, of: &Type) -> bool {
    match (wire, of) {
        (Wire::Union(branches), of) => branches.iter().any(|branch| *branch != Wire::Null && writable(branch, of)),
        (Wire::Decimal { .. }, Type::Decimal { .. }) | (Wire::Integer { .. } | Wire::Float, Type::Double) => true,
        (Wire::Array(item), Type::List(of)) | (Wire::Map(item), Type::Map(of)) => writable(item, of),
        (wire, of) => wire.fits(of),
    }
}

fn whole(value: i128, wire: &Wire, out: &mut Vec<u8>) -> Result<(), Fault> {
    match wire {
        Wire::Integer { long: true } | Wire::Time { micros: true } => {
            long(i64::try_from(value).map_err(|_| Fault::Range)?, out);
        }
        Wire::Integer { long: false } | Wire::Time { micros: false } | Wire::Date => {
            long(i64::from(i32::try_from(value).map_err(|_| Fault::Range)?), out);
        }
        Wire::Decimal { scale: 0, fixed } => decimal(value, fixed.as_ref().map(|fixed| fixed.size), out)?,
        _ => return Err(Fault::Kind),
    }
    Ok(())
}

/// Only if the same number comes back.
fn double(value: f64, wire: &Wire, out: &mut Vec<u8>) -> Result<(), Fault> {
    match wire {
        Wire::Float => {
            let single = value as f32;
            if f64::from(single).to_bits() != value.to_bits() && !value.is_nan() {
                return Err(Fault::Range);
            }
            out.extend_from_slice(&single.to_le_bytes());
            Ok(())
        }
        Wire::Integer { .. } => {
            let number = value as i64;
            // A float of 2^63 and more is cut to the greatest number, which reads back as the same float.
            if (number as f64).to_bits() != value.to_bits() || number == i64::MAX {
                return Err(Fault::Range);
            }
            whole(i128::from(number), wire, out)
        }
        _ => Err(Fault::Kind),
    }
}

fn text(text: &str, wire: &Wire, out: &mut Vec<u8>) -> Result<(), Fault> {
    match wire {
        Wire::Enum(of) => {
            let index = of.symbols.iter().position(|symbol| symbol == text).ok_or(Fault::Branch)?;
            long(index as i64, out);
        }
        Wire::Uuid(_) => out.extend_from_slice(&uuid_bytes(text).ok_or(Fault::Range)?),
        _ => return Err(Fault::Kind),
    }
    Ok(())
}

fn bytes(bytes: &[u8], wire: &Wire, out: &mut Vec<u8>) -> Result<(), Fault> {
    match wire {
        Wire::Bytes => piece(bytes, out),
        Wire::Text => {
            std::str::from_utf8(bytes).map_err(|_| Fault::Text)?;
            piece(bytes, out);
        }
        Wire::Fixed(fixed) | Wire::Uuid(fixed) if fixed.size == bytes.len() => out.extend_from_slice(bytes),
        Wire::Fixed(_) | Wire::Uuid(_) => return Err(Fault::Length),
        _ => return Err(Fault::Kind),
    }
    Ok(())
}

/// A decimal with other digits after the point, if nothing is lost.
fn with_scale(units: i128, from: u32, to: u32) -> Result<i128, Fault> {
    if from == to {
        return Ok(units);
    }
    let factor = 10_i128.checked_pow(from.abs_diff(to));
    if from <= to {
        return units.checked_mul(factor.ok_or(Fault::Range)?).ok_or(Fault::Range);
    }
    match factor {
        Some(factor) if units % factor == 0 => Ok(units / factor),
        None if units == 0 => Ok(0),
        _ => Err(Fault::Range),
    }
}

/// The shortest two's complement big-endian form, or one of `size` bytes.
fn decimal(units: i128, size: Option<usize>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let whole = units.to_be_bytes();
    let sign = if units < 0 { 0xff } else { 0x00 };
    let mut first = 0;
    while first < 15 && whole[first] == sign && (whole[first + 1] ^ sign) & 0x80 == 0 {
        first += 1;
    }
    let shortest = &whole[first..];
    match size {
        None => piece(shortest, out),
        Some(size) => {
            let padding = size.checked_sub(shortest.len()).ok_or(Fault::Range)?;
            out.resize(out.len() + padding, sign);
            out.extend_from_slice(shortest);
        }
    }
    Ok(())
}
