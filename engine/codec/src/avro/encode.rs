//! Columns to framed records, by a plan compiled from the schema.

use apache_avro::Schema;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Float64Array, GenericByteArray, Int64Array,
    ListArray, MapArray, RecordBatch, StringArray, UInt64Array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{BinaryType, DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, UInt64Type};
use batch::Type;

use super::schema::{column_name, parse};
use super::values::rescaled;
use super::wire::Wire;
use super::{BadRecord, Fault, SchemaError, frame};

/// Records that were encoded, and rows that could not be.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// One framed record for each row; null for a bad one.
    pub values: BinaryArray,
    /// The bad rows in order.
    pub bad: Vec<BadRecord>,
}

/// Encodes rows as framed records of one schema.
#[derive(Debug)]
pub struct RecordEncoder {
    frame: [u8; super::FRAME_LENGTH],
    /// Column's name and shape of each field.
    fields: Vec<(String, Wire)>,
}

impl RecordEncoder {
    /// An encoder by a schema and its id.
    ///
    /// # Errors
    /// If it is no schema of a record.
    pub fn new(schema: &str, id: u32) -> Result<Self, SchemaError> {
        let parsed = parse(schema)?;
        let (Schema::Record(record), Wire::Record(wires)) = (&parsed, Wire::of(&parsed)?) else {
            return Err(SchemaError::Unsupported { what: "no record at its top" });
        };
        let names = record.fields.iter().map(|field| column_name(field).to_owned());
        Ok(Self { frame: frame(id), fields: names.zip(wires.into_iter().map(|(_, wire)| wire)).collect() })
    }

    /// Encodes all rows. Columns are found by name; columns that the schema does not name are left out.
    ///
    /// # Errors
    /// If a column cannot be written as its field says, or a field that is never null has no column.
    pub fn encode(&self, rows: &RecordBatch) -> Result<Encoded, SchemaError> {
        let mut writers = Vec::with_capacity(self.fields.len());
        for (name, wire) in &self.fields {
            writers.push(match rows.column_by_name(name) {
                Some(column) => Writer::new(name, column, wire)?,
                None if matches!(wire, Wire::Union(branches) if branches.contains(&Wire::Null)) => Writer::absent(wire),
                None => return Err(SchemaError::NoColumn { field: name.clone() }),
            });
        }
        let mut bytes = Vec::with_capacity(rows.num_rows() * 128);
        let mut lengths = Vec::with_capacity(rows.num_rows());
        let mut bad = Vec::new();
        for row in 0..rows.num_rows() {
            let start = bytes.len();
            bytes.extend_from_slice(&self.frame);
            let failed = writers
                .iter()
                .enumerate()
                .find_map(|(index, writer)| writer.write(row, &mut bytes).err().map(|fault| (index, fault)));
            // Arrow's offsets end at two gigabytes.
            let full = bytes.len() > i32::MAX as usize;
            if let Some((index, fault)) = failed.or_else(|| full.then_some((0, Fault::Length))) {
                bytes.truncate(start);
                bad.push(fault.bad(row, Some(&self.fields[index].0)));
            }
            lengths.push(bytes.len() - start);
        }
        let nulls = (!bad.is_empty()).then(|| {
            let mut good = vec![true; rows.num_rows()];
            bad.iter().for_each(|bad| good[bad.index] = false);
            NullBuffer::from(good)
        });
        let values = BinaryArray::new(OffsetBuffer::from_lengths(lengths), Buffer::from_vec(bytes), nulls);
        Ok(Encoded { values, bad })
    }
}

/// A column, ready to be read value by value. Narrow integers are widened once for the whole column.
enum Source {
    Absent,
    Boolean(BooleanArray),
    Integer(Int64Array),
    Unsigned(UInt64Array),
    Double(Float64Array),
    Decimal(Decimal128Array, u32),
    Text(StringArray),
    Binary(GenericByteArray<BinaryType>),
    Timestamp(Int64Array, u8),
    List(ListArray, Box<Writer>),
    Map(MapArray, Box<Writer>),
}

/// Writes the values of one column.
struct Writer {
    source: Source,
    /// `None` if no value is null.
    nulls: Option<NullBuffer>,
    wire: Wire,
    /// Number of the union's branch for null and for a value, where the field is a union.
    null_branch: Option<i64>,
    value_branch: Option<i64>,
}

impl Writer {
    fn absent(wire: &Wire) -> Self {
        let (null_branch, value_branch, wire) = branches(wire, None);
        Self { source: Source::Absent, nulls: None, wire, null_branch, value_branch }
    }

    fn new(name: &str, column: &ArrayRef, wire: &Wire) -> Result<Self, SchemaError> {
        let mismatch = || SchemaError::Mismatch { field: name.to_owned(), column_type: column.data_type().to_string() };
        let of = Type::from_arrow(column.data_type()).ok_or_else(mismatch)?;
        if !writable(wire, &of) {
            return Err(mismatch());
        }
        let (null_branch, value_branch, wire) = branches(wire, Some(&of));
        let widened = |to: DataType| cast(column, &to).map_err(|_| mismatch());
        let source = match (&of, &wire) {
            (Type::Boolean, _) => Source::Boolean(column.as_boolean().clone()),
            (Type::Integer { bits: 64, signed: false }, _) => {
                Source::Unsigned(column.as_primitive::<UInt64Type>().clone())
            }
            (Type::Integer { .. }, _) => Source::Integer(widened(DataType::Int64)?.as_primitive::<Int64Type>().clone()),
            (Type::Double, _) => Source::Double(column.as_primitive::<Float64Type>().clone()),
            (Type::Decimal { scale, .. }, _) => {
                Source::Decimal(column.as_primitive::<Decimal128Type>().clone(), u32::from(*scale))
            }
            (Type::Text, _) => Source::Text(column.as_string::<i32>().clone()),
            (Type::Binary, _) => Source::Binary(column.as_binary::<i32>().clone()),
            (Type::Date, _) => {
                let days = column.as_primitive::<Date32Type>();
                Source::Integer(days.unary(i64::from))
            }
            (Type::Timestamp { digits, .. }, _) => {
                Source::Timestamp(widened(DataType::Int64)?.as_primitive::<Int64Type>().clone(), *digits)
            }
            (Type::List(_), Wire::Array(item)) => {
                let list = column.as_list::<i32>().clone();
                let items = Self::new(name, list.values(), item)?;
                Source::List(list, Box::new(items))
            }
            (Type::Map(_), Wire::Map(value)) => {
                let map = column.as_map().clone();
                let values = Self::new(name, map.values(), value)?;
                Source::Map(map, Box::new(values))
            }
            _ => return Err(mismatch()),
        };
        let nulls = column.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        Ok(Self { source, nulls, wire, null_branch, value_branch })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        if matches!(self.source, Source::Absent) || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            long(self.null_branch.ok_or(Fault::Null)?, out);
            return Ok(());
        }
        if let Some(branch) = self.value_branch {
            long(branch, out);
        }
        match &self.source {
            Source::Absent => return Err(Fault::Null),
            Source::Boolean(values) => out.push(u8::from(values.value(row))),
            Source::Integer(values) if self.wire == (Wire::Integer { long: true }) => long(values.value(row), out),
            Source::Integer(values) => self.whole(i128::from(values.value(row)), out)?,
            Source::Unsigned(values) => self.whole(i128::from(values.value(row)), out)?,
            Source::Double(values) => match self.wire {
                Wire::Double => out.extend_from_slice(&values.value(row).to_le_bytes()),
                _ => return Err(Fault::Kind),
            },
            Source::Decimal(values, scale) => match self.wire {
                Wire::Decimal { scale: written, size } => {
                    let up = written.checked_sub(*scale).ok_or(Fault::Kind)?;
                    let factor = 10_i128.checked_pow(up).ok_or(Fault::Range)?;
                    decimal(values.value(row).checked_mul(factor).ok_or(Fault::Range)?, size, out)?;
                }
                _ => return Err(Fault::Kind),
            },
            Source::Text(values) => self.text(values.value(row), out)?,
            Source::Binary(values) => self.bytes(values.value(row), out)?,
            Source::Timestamp(values, digits) => match self.wire {
                Wire::Timestamp { digits: written, .. } => long(rescaled(values.value(row), *digits, written)?, out),
                _ => return Err(Fault::Kind),
            },
            Source::List(list, items) => {
                let (first, end) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
                if end > first {
                    long((end - first) as i64, out);
                    for index in first..end {
                        items.write(index, out)?;
                    }
                }
                out.push(0);
            }
            Source::Map(map, values) => {
                let (first, end) = (map.value_offsets()[row] as usize, map.value_offsets()[row + 1] as usize);
                if end > first {
                    long((end - first) as i64, out);
                    let keys = map.keys().as_string::<i32>();
                    for index in first..end {
                        piece(keys.value(index).as_bytes(), out);
                        values.write(index, out)?;
                    }
                }
                out.push(0);
            }
        }
        Ok(())
    }

    fn whole(&self, value: i128, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self.wire {
            Wire::Integer { long: true } => long(i64::try_from(value).map_err(|_| Fault::Range)?, out),
            Wire::Integer { long: false } | Wire::Date => {
                long(i64::from(i32::try_from(value).map_err(|_| Fault::Range)?), out);
            }
            Wire::Decimal { scale: 0, size } => decimal(value, size, out)?,
            _ => return Err(Fault::Kind),
        }
        Ok(())
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
        match &self.wire {
            Wire::Text | Wire::Bytes => piece(text.as_bytes(), out),
            Wire::Enum(symbols) => {
                let index = symbols.iter().position(|symbol| symbol == text).ok_or(Fault::Branch)?;
                long(index as i64, out);
            }
            _ => return Err(Fault::Kind),
        }
        Ok(())
    }

    fn bytes(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        match &self.wire {
            Wire::Bytes => piece(bytes, out),
            Wire::Fixed(size) if *size == bytes.len() => out.extend_from_slice(bytes),
            Wire::Fixed(_) => return Err(Fault::Length),
            _ => return Err(Fault::Kind),
        }
        Ok(())
    }
}

/// Whether a column of this type can be written so. Stricter than reading: nothing may be lost on the way.
fn writable(wire: &Wire, of: &Type) -> bool {
    match (wire, of) {
        (Wire::Union(branches), of) => branches.iter().any(|branch| *branch != Wire::Null && writable(branch, of)),
        (Wire::Decimal { scale: written, .. }, Type::Decimal { scale, .. }) => *written >= u32::from(*scale),
        (Wire::Timestamp { digits: written, local }, Type::Timestamp { digits, zone }) => {
            *local == zone.is_none() && written >= digits
        }
        (Wire::Array(item), Type::List(of)) | (Wire::Map(item), Type::Map(of)) => writable(item, of),
        (Wire::Text, Type::Binary) | (Wire::Float, _) | (Wire::Integer { .. }, Type::Double) => false,
        (wire, of) => wire.fits(of),
    }
}

/// The branch for null, the branch for a value, and the shape of a value.
fn branches(wire: &Wire, of: Option<&Type>) -> (Option<i64>, Option<i64>, Wire) {
    let Wire::Union(branches) = wire else { return (None, None, wire.clone()) };
    let place = |found: Option<usize>| found.map(|index| index as i64);
    let null = branches.iter().position(|branch| *branch == Wire::Null);
    let value = of.and_then(|of| branches.iter().position(|branch| *branch != Wire::Null && writable(branch, of)));
    let shape = value.map_or(Wire::Null, |index| branches[index].clone());
    (place(null), place(value), shape)
}

/// Avro's variable-length zig-zag number.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn piece(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
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
