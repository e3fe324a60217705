//! Fingerprints of 128 bits over the values of rows and batches: XXH3-128, seed 0, of a canonical encoding.
//!
//! The encoding depends on values alone: not on the machine, not on how arrays are cut, on capacity, or on what stands
//! under a null. It is part of what stores and tables keep, so it never changes.
//!
//! ```text
//! value = tag, then (whole numbers little-endian)
//!   0 null
//!   1 boolean      1 byte, 0 or 1
//!   2 integer      8 bytes signed; every width that fits, so that widening a column changes nothing
//!   3 integer      8 bytes unsigned, above the largest signed one
//!   4 decimal      1 byte scale, 16 bytes digits
//!   5 text         8 bytes length, bytes
//!   6 binary       8 bytes length, bytes
//!   7 date         4 bytes, days since 1970
//!   8 wall clock   1 byte digits of the fraction, 8 bytes units since 1970
//!   9 instant      as 8
//!  10 double       8 bytes; every NaN is the same
//!  11 list         8 bytes length, values
//!  12 map          8 bytes length, then key and value of each entry as stored
//! row      = value of each column in order
//! content  = for each column in order of names that is not null: text of the name, value
//! batch    = 8 bytes number of rows, 8 bytes number of columns, then for each column: text of its type, and
//!            0 and the bare values if it is of fixed width and no value is null; else 1 and its values
//! ```
//!
//! Deliberately absent: a defence against people who make collisions on purpose. XXH3 is no cryptographic hash.

use arrow::array::types::{
    Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, RecordBatch, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute;
use arrow::datatypes::{ArrowPrimitiveType, DataType, TimeUnit};
use arrow::error::ArrowError;
use batch::Type;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The fingerprint of each row over the columns with these indices, in the order given.
///
/// # Errors
/// If a column has a type that is none of ours, or an index is out of bounds.
pub fn fingerprint_rows(batch: &RecordBatch, indices: &[usize]) -> Result<Vec<u128>, ArrowError> {
    let columns = batch.project(indices)?.columns().iter().map(Column::new).collect::<Result<Vec<_>, _>>()?;
    let mut bytes = Vec::new();
    let row = |row| {
        bytes.clear();
        for column in &columns {
            column.encode(row, &mut bytes);
        }
        xxh3_128(&bytes)
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// The fingerprint of what each row says in the columns with these indices: by name, nulls left out. Neither the order
/// of columns nor a new column that is null changes it.
///
/// # Errors
/// If a column has a type that is none of ours, or an index is out of bounds.
pub fn fingerprint_content(batch: &RecordBatch, indices: &[usize]) -> Result<Vec<u128>, ArrowError> {
    let chosen = batch.project(indices)?;
    let mut columns = Vec::with_capacity(indices.len());
    for (field, values) in chosen.schema_ref().fields().iter().zip(chosen.columns()) {
        columns.push((field.name().clone(), Column::new(values)?));
    }
    columns.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut bytes = Vec::new();
    let row = |row| {
        bytes.clear();
        for (name, column) in &columns {
            if !column.is_null(row) {
                put_bytes(5, name.as_bytes(), &mut bytes);
                column.encode(row, &mut bytes);
            }
        }
        xxh3_128(&bytes)
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// The fingerprint of the rows of batches with the same columns, in order, over all columns. Names do not count, nor how
/// the rows are cut into batches; types do.
///
/// # Errors
/// If a column has a type that is none of ours.
pub fn fingerprint_batches(batches: &[RecordBatch]) -> Result<u128, ArrowError> {
    const ENOUGH: usize = 1 << 16;
    let mut hash = Xxh3::new();
    let mut bytes = Vec::with_capacity(ENOUGH * 2);
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let width = batches.first().map_or(0, RecordBatch::num_columns);
    bytes.extend_from_slice(&(rows as u64).to_le_bytes());
    bytes.extend_from_slice(&(width as u64).to_le_bytes());
    for index in 0..width {
        let parts = batches.iter().map(|batch| Column::new(batch.column(index))).collect::<Result<Vec<_>, _>>()?;
        let [first, ..] = parts.as_slice() else { break };
        put_bytes(5, first.name_of_type.as_bytes(), &mut bytes);
        if first.cells.can_be_bare() && parts.iter().all(|part| part.nulls.is_none()) {
            bytes.push(0);
            for part in &parts {
                part.cells.put_bare(&mut bytes);
                hash.update(&bytes);
                bytes.clear();
            }
            continue;
        }
        bytes.push(1);
        for (part, batch) in parts.iter().zip(batches) {
            for row in 0..batch.num_rows() {
                part.encode(row, &mut bytes);
                if bytes.len() >= ENOUGH {
                    hash.update(&bytes);
                    bytes.clear();
                }
            }
        }
    }
    hash.update(&bytes);
    Ok(hash.digest128())
}

/// One column, ready to be read by row.
struct Column {
    name_of_type: String,
    /// `None` if no value is null.
    nulls: Option<NullBuffer>,
    cells: Cells,
}

enum Cells {
    Boolean(BooleanArray),
    Signed8(ScalarBuffer<i8>),
    Signed16(ScalarBuffer<i16>),
    Signed32(ScalarBuffer<i32>),
    Signed64(ScalarBuffer<i64>),
    Unsigned8(ScalarBuffer<u8>),
    Unsigned16(ScalarBuffer<u16>),
    Unsigned32(ScalarBuffer<u32>),
    Unsigned64(ScalarBuffer<u64>),
    Double(ScalarBuffer<f64>),
    Decimal(u8, ScalarBuffer<i128>),
    Date(ScalarBuffer<i32>),
    Timestamp { tag: u8, digits: u8, units: ScalarBuffer<i64> },
    Text(StringArray),
    Binary(BinaryArray),
    List(OffsetBuffer<i32>, Box<Column>),
    Map(OffsetBuffer<i32>, Box<Column>, Box<Column>),
    Nothing,
}

impl Column {
    fn new(values: &ArrayRef) -> Result<Self, ArrowError> {
        let plain = match values.data_type() {
            DataType::Dictionary(_, of) => compute::cast(values, of)?,
            _ => values.clone(),
        };
        let values = match plain.data_type() {
            DataType::LargeUtf8 | DataType::Utf8View => compute::cast(&plain, &DataType::Utf8)?,
            DataType::LargeBinary | DataType::BinaryView => compute::cast(&plain, &DataType::Binary)?,
            _ => plain,
        };
        if values.data_type() == &DataType::Null {
            return Ok(Self { name_of_type: String::new(), nulls: None, cells: Cells::Nothing });
        }
        let of = Type::from_arrow(values.data_type());
        let of = of.ok_or_else(|| ArrowError::NotYetImplemented(format!("fingerprint of {}", values.data_type())))?;
        let nulls = values.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
        Ok(Self { name_of_type: of.to_string(), nulls, cells: Cells::new(&values)? })
    }

    fn is_null(&self, row: usize) -> bool {
        matches!(self.cells, Cells::Nothing) || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    fn encode(&self, row: usize, bytes: &mut Vec<u8>) {
        if self.is_null(row) { bytes.push(0) } else { self.cells.encode(row, bytes) }
    }
}

impl Cells {
    fn new(values: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(match values.data_type() {
            DataType::Boolean => Self::Boolean(values.as_boolean().clone()),
            DataType::Int8 => Self::Signed8(raw::<Int8Type>(values)),
            DataType::Int16 => Self::Signed16(raw::<Int16Type>(values)),
            DataType::Int32 => Self::Signed32(raw::<Int32Type>(values)),
            DataType::Int64 => Self::Signed64(raw::<Int64Type>(values)),
            DataType::UInt8 => Self::Unsigned8(raw::<UInt8Type>(values)),
            DataType::UInt16 => Self::Unsigned16(raw::<UInt16Type>(values)),
            DataType::UInt32 => Self::Unsigned32(raw::<UInt32Type>(values)),
            DataType::UInt64 => Self::Unsigned64(raw::<UInt64Type>(values)),
            DataType::Float64 => Self::Double(raw::<Float64Type>(values)),
            DataType::Decimal128(_, scale) => Self::Decimal(scale.cast_unsigned(), raw::<Decimal128Type>(values)),
            DataType::Date32 => Self::Date(raw::<Date32Type>(values)),
            DataType::Timestamp(unit, zone) => {
                let (digits, units) = match unit {
                    TimeUnit::Second => (0, raw::<TimestampSecondType>(values)),
                    TimeUnit::Millisecond => (3, raw::<TimestampMillisecondType>(values)),
                    TimeUnit::Microsecond => (6, raw::<TimestampMicrosecondType>(values)),
                    TimeUnit::Nanosecond => (9, raw::<TimestampNanosecondType>(values)),
                };
                Self::Timestamp { tag: if zone.is_some() { 9 } else { 8 }, digits, units }
            }
            DataType::Utf8 => Self::Text(values.as_string().clone()),
            DataType::Binary => Self::Binary(values.as_binary().clone()),
            DataType::List(_) => {
                let list = values.as_list::<i32>();
                Self::List(list.offsets().clone(), Box::new(Column::new(list.values())?))
            }
            DataType::Map(..) => {
                let map = values.as_map();
                let part = |part| Column::new(part).map(Box::new);
                Self::Map(map.offsets().clone(), part(map.keys())?, part(map.values())?)
            }
            other => return Err(ArrowError::NotYetImplemented(format!("fingerprint of {other}"))),
        })
    }

    fn encode(&self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Nothing => bytes.push(0),
            Self::Boolean(values) => bytes.extend_from_slice(&[1, u8::from(values.value(row))]),
            Self::Signed8(values) => put(2, i64::from(values[row]).to_le_bytes(), bytes),
            Self::Signed16(values) => put(2, i64::from(values[row]).to_le_bytes(), bytes),
            Self::Signed32(values) => put(2, i64::from(values[row]).to_le_bytes(), bytes),
            Self::Signed64(values) => put(2, values[row].to_le_bytes(), bytes),
            Self::Unsigned8(values) => put(2, u64::from(values[row]).to_le_bytes(), bytes),
            Self::Unsigned16(values) => put(2, u64::from(values[row]).to_le_bytes(), bytes),
            Self::Unsigned32(values) => put(2, u64::from(values[row]).to_le_bytes(), bytes),
            Self::Unsigned64(values) => {
                let tag = if i64::try_from(values[row]).is_ok() { 2 } else { 3 };
                put(tag, values[row].to_le_bytes(), bytes);
            }
            Self::Double(values) => put(10, canonical(values[row]), bytes),
            Self::Decimal(scale, values) => {
                bytes.extend_from_slice(&[4, *scale]);
                bytes.extend_from_slice(&values[row].to_le_bytes());
            }
            Self::Date(values) => put(7, values[row].to_le_bytes(), bytes),
            Self::Timestamp { tag, digits, units } => {
                bytes.extend_from_slice(&[*tag, *digits]);
                bytes.extend_from_slice(&units[row].to_le_bytes());
            }
            Self::Text(values) => put_bytes(5, values.value(row).as_bytes(), bytes),
            Self::Binary(values) => put_bytes(6, values.value(row), bytes),
            Self::List(offsets, items) => {
                for index in start_range(11, offsets, row, bytes) {
                    items.encode(index, bytes);
                }
            }
            Self::Map(offsets, keys, values) => {
                for index in start_range(12, offsets, row, bytes) {
                    keys.encode(index, bytes);
                    values.encode(index, bytes);
                }
            }
        }
    }

    /// True for a column of fixed width.
    fn can_be_bare(&self) -> bool {
        !matches!(
            self,
            Self::Boolean(_) | Self::Text(_) | Self::Binary(_) | Self::List(..) | Self::Map(..) | Self::Nothing
        )
    }

    /// Puts all values of a column of fixed width without tags.
    fn put_bare(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Signed8(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Signed16(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Signed32(values) | Self::Date(values) => {
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Self::Signed64(values) | Self::Timestamp { units: values, .. } => {
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Self::Unsigned8(values) => bytes.extend_from_slice(values),
            Self::Unsigned16(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Unsigned32(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Unsigned64(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Double(values) => bytes.extend(values.iter().flat_map(|value| canonical(*value))),
            Self::Decimal(_, values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Boolean(_) | Self::Text(_) | Self::Binary(_) | Self::List(..) | Self::Map(..) | Self::Nothing => {}
        }
    }
}

fn raw<T: ArrowPrimitiveType>(values: &ArrayRef) -> ScalarBuffer<T::Native> {
    values.as_primitive::<T>().values().clone()
}

fn canonical(value: f64) -> [u8; 8] {
    if value.is_nan() { f64::NAN.to_bits().to_le_bytes() } else { value.to_bits().to_le_bytes() }
}

fn put<const N: usize>(tag: u8, value: [u8; N], bytes: &mut Vec<u8>) {
    bytes.push(tag);
    bytes.extend_from_slice(&value);
}

fn put_bytes(tag: u8, value: &[u8], bytes: &mut Vec<u8>) {
    put(tag, (value.len() as u64).to_le_bytes(), bytes);
    bytes.extend_from_slice(value);
}

fn start_range(tag: u8, offsets: &OffsetBuffer<i32>, row: usize, bytes: &mut Vec<u8>) -> std::ops::Range<usize> {
    // Arrow's own invariant: offsets start at 0 or more and never fall.
    let range = offsets[row].cast_unsigned() as usize..offsets[row + 1].cast_unsigned() as usize;
    put(tag, (range.len() as u64).to_le_bytes(), bytes);
    range
}

#[cfg(test)]
mod tests;
