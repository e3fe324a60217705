//! The values of a column while they are filled: numbers, texts, bytes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::NullBuffer;
use batch::Type;

use super::Fault;
use super::columns::{Pieces, Validity};

/// A value as it was read, before it is put into a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar<'a> {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Decimal { units: i128, scale: u32 },
    Text(&'a str),
    Bytes(&'a [u8]),
    Uuid([u8; 16]),
    Date(i32),
    Timestamp { units: i64, digits: u8 },
}

enum Store {
    Boolean(Vec<bool>),
    Integer(Vec<i64>),
    Unsigned(Vec<u64>),
    Double(Vec<f64>),
    Decimal(Vec<i128>),
    Bytes(Pieces),
}

/// The values of a column.
pub(crate) struct Leaf {
    of: Type,
    nullable: bool,
    length: usize,
    valid: Validity,
    store: Store,
}

impl Leaf {
    /// `of` is no list or map.
    pub(crate) fn new(of: &Type, nullable: bool, rows: usize) -> Self {
        let store = match of {
            Type::Boolean => Store::Boolean(Vec::with_capacity(rows)),
            Type::Integer { bits: 64, signed: false } => Store::Unsigned(Vec::with_capacity(rows)),
            Type::Integer { .. } | Type::Date | Type::Timestamp { .. } => Store::Integer(Vec::with_capacity(rows)),
            Type::Double => Store::Double(Vec::with_capacity(rows)),
            Type::Decimal { .. } => Store::Decimal(Vec::with_capacity(rows)),
            Type::Text | Type::Binary | Type::List(_) | Type::Map(_) => Store::Bytes(Pieces::with_capacity(rows)),
        };
        Self { of: of.clone(), nullable, length: 0, valid: Validity::default(), store }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Makes room for texts of so many bytes in all.
    pub(crate) fn room(&mut self, bytes: usize) {
        if let Store::Bytes(pieces) = &mut self.store {
            pieces.room(bytes);
        }
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        if let Store::Bytes(pieces) = &self.store { pieces.bytes() } else { 0 }
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.valid.truncate(length);
        match &mut self.store {
            Store::Boolean(values) => values.truncate(length),
            Store::Integer(values) => values.truncate(length),
            Store::Unsigned(values) => values.truncate(length),
            Store::Double(values) => values.truncate(length),
            Store::Decimal(values) => values.truncate(length),
            Store::Bytes(pieces) => pieces.truncate(length),
        }
    }

    #[inline]
    fn added(&mut self) {
        self.length += 1;
        self.valid.push_value();
    }

    #[inline]
    pub(crate) fn push_null(&mut self) -> Result<(), Fault> {
        if !self.nullable {
            return Err(Fault::Null);
        }
        match &mut self.store {
            Store::Boolean(values) => values.push(false),
            Store::Integer(values) => values.push(0),
            Store::Unsigned(values) => values.push(0),
            Store::Double(values) => values.push(0.0),
            Store::Decimal(values) => values.push(0),
            Store::Bytes(pieces) => pieces.push(b"")?,
        }
        self.valid.push_null(self.length);
        self.length += 1;
        Ok(())
    }

    /// Adds a whole number that is known to fit.
    #[inline]
    pub(crate) fn push_long(&mut self, value: i64) -> Result<(), Fault> {
        match &mut self.store {
            Store::Integer(values) => values.push(value),
            _ => return Err(Fault::Kind),
        }
        self.added();
        Ok(())
    }

    #[inline]
    pub(crate) fn push_double(&mut self, value: f64) -> Result<(), Fault> {
        match &mut self.store {
            Store::Double(values) => values.push(value),
            _ => return Err(Fault::Kind),
        }
        self.added();
        Ok(())
    }

    /// Adds a decimal in the column's own scale that is known to fit.
    #[inline]
    pub(crate) fn push_decimal(&mut self, units: i128) -> Result<(), Fault> {
        match &mut self.store {
            Store::Decimal(values) => values.push(units),
            _ => return Err(Fault::Kind),
        }
        self.added();
        Ok(())
    }

    /// Adds bytes to a column of bytes, or to one of text, where they are believed to be UTF-8 until [`Self::finish`]
    /// looks.
    #[inline]
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.store {
            Store::Bytes(pieces) => pieces.push(bytes)?,
            _ => return Err(Fault::Kind),
        }
        self.added();
        Ok(())
    }

    /// Adds a value.
    pub(crate) fn push(&mut self, scalar: Scalar<'_>) -> Result<(), Fault> {
        match (&mut self.store, &self.of, scalar) {
            (Store::Boolean(values), _, Scalar::Boolean(value)) => values.push(value),
            (Store::Integer(values), Type::Integer { bits, signed }, scalar) => {
                let value = whole(scalar)?;
                let (least, most) = bounds(*bits, *signed);
                if value < least || value > most {
                    return Err(Fault::Range);
                }
                values.push(i64::try_from(value).map_err(|_| Fault::Range)?);
            }
            (Store::Unsigned(values), _, scalar) => {
                values.push(u64::try_from(whole(scalar)?).map_err(|_| Fault::Range)?);
            }
            (Store::Integer(values), Type::Date, Scalar::Date(days)) => values.push(i64::from(days)),
            (Store::Integer(values), Type::Timestamp { digits, .. }, Scalar::Timestamp { units, digits: written }) => {
                values.push(rescaled(units, written, *digits)?);
            }
            (Store::Double(values), _, Scalar::Double(value)) => values.push(value),
            (Store::Double(values), _, Scalar::Integer(value)) => values.push(value as f64),
            (Store::Decimal(values), Type::Decimal { precision, scale }, Scalar::Decimal { units, scale: written }) => {
                let up = u32::from(*scale).checked_sub(written).ok_or(Fault::Kind)?;
                let units = 10_i128.checked_pow(up).and_then(|factor| units.checked_mul(factor)).ok_or(Fault::Range)?;
                if units.unsigned_abs() >= 10_u128.pow(u32::from((*precision).min(38))) {
                    return Err(Fault::Range);
                }
                values.push(units);
            }
            (Store::Bytes(pieces), _, Scalar::Text(text)) => pieces.push(text.as_bytes())?,
            (Store::Bytes(pieces), Type::Text, Scalar::Bytes(bytes)) => {
                std::str::from_utf8(bytes).map_err(|_| Fault::Text)?;
                pieces.push(bytes)?;
            }
            (Store::Bytes(pieces), _, Scalar::Bytes(bytes)) => pieces.push(bytes)?,
            (Store::Bytes(pieces), Type::Text, Scalar::Uuid(bytes)) => pieces.push(&uuid_text(bytes))?,
            (Store::Bytes(pieces), _, Scalar::Uuid(bytes)) => pieces.push(&bytes)?,
            _ => return Err(Fault::Kind),
        }
        self.added();
        Ok(())
    }

    /// The Arrow column; `None` if a text that was added unseen is no UTF-8.
    pub(crate) fn finish(self) -> Option<ArrayRef> {
        let nulls = self.valid.finish();
        Some(match self.store {
            Store::Boolean(values) => Arc::new(BooleanArray::new(values.into(), nulls)),
            Store::Integer(values) => integers(&self.of, values, nulls),
            Store::Unsigned(values) => Arc::new(UInt64Array::new(values.into(), nulls)),
            Store::Double(values) => Arc::new(Float64Array::new(values.into(), nulls)),
            Store::Decimal(values) => {
                let array = Decimal128Array::new(values.into(), nulls);
                Arc::new(array.with_data_type(self.of.arrow()))
            }
            Store::Bytes(pieces) => {
                let (ends, bytes) = pieces.parts();
                if self.of == Type::Text {
                    Arc::new(StringArray::try_new(ends, bytes, nulls).ok()?)
                } else {
                    Arc::new(BinaryArray::new(ends, bytes, nulls))
                }
            }
        })
    }
}

/// The least and the greatest number of so many bits.
pub(crate) fn bounds(bits: u8, signed: bool) -> (i128, i128) {
    if signed { (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1) } else { (0, (1_i128 << bits) - 1) }
}

/// Every value was checked against its type's range when it was put in, so that no cast cuts anything off.
fn integers(of: &Type, values: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
    macro_rules! narrowed {
        ($array:ident, $number:ty) => {
            Arc::new($array::new(values.into_iter().map(|value| value as $number).collect(), nulls))
        };
    }
    match of {
        Type::Integer { bits: 8, signed: true } => narrowed!(Int8Array, i8),
        Type::Integer { bits: 16, signed: true } => narrowed!(Int16Array, i16),
        Type::Integer { bits: 32, signed: true } => narrowed!(Int32Array, i32),
        Type::Integer { bits: 8, signed: false } => narrowed!(UInt8Array, u8),
        Type::Integer { bits: 16, signed: false } => narrowed!(UInt16Array, u16),
        Type::Integer { bits: 32, signed: false } => narrowed!(UInt32Array, u32),
        Type::Date => narrowed!(Date32Array, i32),
        Type::Timestamp { digits, zone } => {
            let (values, zone) = (values.into(), zone.clone());
            match digits {
                0 => Arc::new(TimestampSecondArray::new(values, nulls).with_timezone_opt(zone)),
                3 => Arc::new(TimestampMillisecondArray::new(values, nulls).with_timezone_opt(zone)),
                6 => Arc::new(TimestampMicrosecondArray::new(values, nulls).with_timezone_opt(zone)),
                _ => Arc::new(TimestampNanosecondArray::new(values, nulls).with_timezone_opt(zone)),
            }
        }
        _ => Arc::new(Int64Array::new(values.into(), nulls)),
    }
}

fn whole(scalar: Scalar<'_>) -> Result<i128, Fault> {
    match scalar {
        Scalar::Integer(value) => Ok(i128::from(value)),
        Scalar::Decimal { units, scale: 0 } => Ok(units),
        _ => Err(Fault::Kind),
    }
}

/// A timestamp in another unit. To a coarser unit only if nothing is lost.
pub(crate) fn rescaled(units: i64, written: u8, digits: u8) -> Result<i64, Fault> {
    let factor = 10_i64.pow(u32::from(written.abs_diff(digits)));
    if written <= digits {
        return units.checked_mul(factor).ok_or(Fault::Range);
    }
    if units % factor == 0 { Ok(units / factor) } else { Err(Fault::Range) }
}

/// The places of a UUID's text that hold a hyphen.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The usual text of a UUID, in lower case.
fn uuid_text(bytes: [u8; 16]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut place = 0;
    for byte in bytes {
        if HYPHENS.contains(&place) {
            place += 1;
        }
        text[place] = DIGITS[usize::from(byte >> 4)];
        text[place + 1] = DIGITS[usize::from(byte & 0x0f)];
        place += 2;
    }
    text
}

/// The bytes of a UUID's usual text, in either case.
pub(crate) fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut halves = 0;
    for (place, letter) in text.iter().enumerate() {
        if HYPHENS.contains(&place) {
            (*letter == b'-').then_some(())?;
            continue;
        }
        let digit = char::from(*letter).to_digit(16)? as u8;
        bytes[halves / 2] |= if halves % 2 == 0 { digit << 4 } else { digit };
        halves += 1;
    }
    Some(bytes)
}
