//! Columns while they are filled from records. A record that fails halfway is taken off again by [`Values::truncate`].

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, ListArray, MapArray, StringArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use batch::Type;

use super::Fault;

/// A value as it was read, before it is put into a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'a> {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Decimal { units: i128, scale: u32 },
    Text(&'a str),
    Bytes(&'a [u8]),
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
    List { ends: Vec<i32>, items: Box<Values> },
    Map { ends: Vec<i32>, keys: Pieces, values: Box<Values> },
}

/// Texts or byte strings, one after another.
struct Pieces {
    ends: Vec<i32>,
    bytes: Vec<u8>,
}

impl Pieces {
    fn with_capacity(rows: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { ends, bytes: Vec::with_capacity(rows * 8) }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let end = i32::try_from(self.bytes.len() + piece.len()).map_err(|_| Fault::Length)?;
        self.bytes.extend_from_slice(piece);
        self.ends.push(end);
        Ok(())
    }

    fn truncate(&mut self, length: usize) {
        self.ends.truncate(length + 1);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    fn parts(self) -> (OffsetBuffer<i32>, Buffer) {
        (OffsetBuffer::new(ScalarBuffer::from(self.ends)), Buffer::from_vec(self.bytes))
    }
}

/// One column.
pub(super) struct Values {
    of: Type,
    nullable: bool,
    valid: Vec<bool>,
    any_null: bool,
    store: Store,
}

impl Values {
    /// An empty column with room for so many rows.
    pub(super) fn new(of: &Type, nullable: bool, rows: usize) -> Self {
        let store = match of {
            Type::Boolean => Store::Boolean(Vec::with_capacity(rows)),
            Type::Integer { bits: 64, signed: false } => Store::Unsigned(Vec::with_capacity(rows)),
            Type::Integer { .. } | Type::Date | Type::Timestamp { .. } => Store::Integer(Vec::with_capacity(rows)),
            Type::Double => Store::Double(Vec::with_capacity(rows)),
            Type::Decimal { .. } => Store::Decimal(Vec::with_capacity(rows)),
            Type::Text | Type::Binary => Store::Bytes(Pieces::with_capacity(rows)),
            Type::List(item) => Store::List { ends: vec![0], items: Box::new(Self::new(item, true, 0)) },
            Type::Map(value) => {
                let values = Box::new(Self::new(value, true, 0));
                Store::Map { ends: vec![0], keys: Pieces::with_capacity(0), values }
            }
        };
        Self { of: of.clone(), nullable, valid: Vec::with_capacity(rows), any_null: false, store }
    }

    pub(super) fn len(&self) -> usize {
        self.valid.len()
    }

    /// Takes off everything from row `length` on.
    pub(super) fn truncate(&mut self, length: usize) {
        self.valid.truncate(length);
        match &mut self.store {
            Store::Boolean(values) => values.truncate(length),
            Store::Integer(values) => values.truncate(length),
            Store::Unsigned(values) => values.truncate(length),
            Store::Double(values) => values.truncate(length),
            Store::Decimal(values) => values.truncate(length),
            Store::Bytes(pieces) => pieces.truncate(length),
            Store::List { ends, items } => {
                ends.truncate(length + 1);
                items.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Store::Map { ends, keys, values } => {
                ends.truncate(length + 1);
                let entries = ends.last().map_or(0, |end| *end as usize);
                keys.truncate(entries);
                values.truncate(entries);
            }
        }
    }

    /// Adds a null; an empty list or map where those cannot be null.
    pub(super) fn push_null(&mut self) -> Result<(), Fault> {
        let collection = matches!(self.store, Store::List { .. } | Store::Map { .. });
        if !self.nullable && !collection {
            return Err(Fault::Null);
        }
        match &mut self.store {
            Store::Boolean(values) => values.push(false),
            Store::Integer(values) => values.push(0),
            Store::Unsigned(values) => values.push(0),
            Store::Double(values) => values.push(0.0),
            Store::Decimal(values) => values.push(0),
            Store::Bytes(pieces) => pieces.push(b"")?,
            Store::List { ends, .. } | Store::Map { ends, .. } => ends.push(ends.last().copied().unwrap_or(0)),
        }
        self.valid.push(!self.nullable);
        self.any_null |= self.nullable;
        Ok(())
    }

    /// The column of the items of a list whose next row is being read.
    pub(super) fn items(&mut self) -> Result<&mut Self, Fault> {
        match &mut self.store {
            Store::List { items, .. } => Ok(items),
            _ => Err(Fault::Kind),
        }
    }

    /// Adds the key of an entry of a map whose next row is being read, and gives the column of its value.
    pub(super) fn entry(&mut self, key: &str) -> Result<&mut Self, Fault> {
        match &mut self.store {
            Store::Map { keys, values, .. } => {
                keys.push(key.as_bytes())?;
                Ok(values)
            }
            _ => Err(Fault::Kind),
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.store, Store::List { .. })
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.store, Store::Map { .. })
    }

    /// Ends the row of a list or map.
    pub(super) fn close(&mut self) -> Result<(), Fault> {
        let (ends, length) = match &mut self.store {
            Store::List { ends, items } => (ends, items.len()),
            Store::Map { ends, values, .. } => (ends, values.len()),
            _ => return Err(Fault::Kind),
        };
        ends.push(i32::try_from(length).map_err(|_| Fault::Length)?);
        self.valid.push(true);
        Ok(())
    }

    /// Adds a whole number to a column of 64 bits, days, or units that the column has too: every one fits.
    pub(super) fn push_long(&mut self, value: i64) -> Result<(), Fault> {
        match &mut self.store {
            Store::Integer(values) => values.push(value),
            _ => return Err(Fault::Kind),
        }
        self.valid.push(true);
        Ok(())
    }

    /// Adds bytes to a column of text, where they are believed to be UTF-8 until [`Values::finish`] looks.
    pub(super) fn push_text_unseen(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.store {
            Store::Bytes(pieces) => pieces.push(bytes)?,
            _ => return Err(Fault::Kind),
        }
        self.valid.push(true);
        Ok(())
    }

    /// Adds a value.
    pub(super) fn push(&mut self, scalar: Scalar<'_>) -> Result<(), Fault> {
        match (&mut self.store, &self.of, scalar) {
            (Store::Boolean(values), _, Scalar::Boolean(value)) => values.push(value),
            (Store::Integer(values), Type::Integer { bits: 64, .. }, Scalar::Integer(value)) => values.push(value),
            (Store::Integer(values), Type::Integer { bits, signed }, scalar) => {
                let value = whole(scalar)?;
                let (least, most) = if *signed {
                    (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
                } else {
                    (0, (1_i128 << bits) - 1)
                };
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
            _ => return Err(Fault::Kind),
        }
        self.valid.push(true);
        Ok(())
    }

    /// The Arrow column; `None` if a text that was added unseen is no UTF-8.
    pub(super) fn finish(self) -> Option<ArrayRef> {
        let nulls = self.any_null.then(|| NullBuffer::from(self.valid));
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
            Store::List { ends, items } => {
                let field = match self.of.arrow() {
                    DataType::List(field) => field,
                    other => Arc::new(arrow::datatypes::Field::new("item", other, true)),
                };
                let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
                Arc::new(ListArray::new(field, ends, items.finish()?, nulls))
            }
            Store::Map { ends, keys, values } => {
                let (key_ends, key_bytes) = keys.parts();
                let keys = StringArray::new(key_ends, key_bytes, None);
                map_array(&self.of, ends, keys, values.finish()?, nulls)
            }
        })
    }
}

fn map_array(of: &Type, ends: Vec<i32>, keys: StringArray, values: ArrayRef, nulls: Option<NullBuffer>) -> ArrayRef {
    use arrow::datatypes::{Field, Fields};
    let fields: Fields =
        vec![Field::new("key", DataType::Utf8, false), Field::new("value", values.data_type().clone(), true)].into();
    debug_assert_eq!(
        of.arrow(),
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(fields.clone()), false)), false)
    );
    let entries = Arc::new(Field::new("entries", DataType::Struct(fields.clone()), false));
    let pairs = StructArray::new(fields, vec![Arc::new(keys), values], None);
    Arc::new(MapArray::new(entries, OffsetBuffer::new(ScalarBuffer::from(ends)), pairs, nulls, false))
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
pub(super) fn rescaled(units: i64, written: u8, digits: u8) -> Result<i64, Fault> {
    let factor = 10_i64.pow(u32::from(written.abs_diff(digits)));
    if written <= digits {
        return units.checked_mul(factor).ok_or(Fault::Range);
    }
    if units % factor == 0 { Ok(units / factor) } else { Err(Fault::Range) }
}
