//! Plain values, and those of an Arrow column. What is compared here was made in two ways that share no code.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, UInt64Type};
use batch::Type;
use num_bigint::BigInt;

/// A value that is not null.
#[derive(Clone, Debug)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number or a decimal: units of the last digit, and digits after the point.
    Number(BigInt, u32),
    /// Binary floating point.
    Double(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Units of a timestamp since 1970, by the digits of its type.
    Timestamp(i64),
    /// Items in order.
    List(Vec<Option<Value>>),
    /// Entries in order.
    Map(Vec<(String, Option<Value>)>),
}

/// Equal in every bit: a zero with a sign is another than one without, and what is no number equals itself.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Boolean(one), Self::Boolean(other)) => one == other,
            (Self::Number(one, scale), Self::Number(other, other_scale)) => one == other && scale == other_scale,
            (Self::Double(one), Self::Double(other)) => one.to_bits() == other.to_bits(),
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Bytes(one), Self::Bytes(other)) => one == other,
            (Self::Date(one), Self::Date(other)) => one == other,
            (Self::Timestamp(one), Self::Timestamp(other)) => one == other,
            (Self::List(one), Self::List(other)) => one == other,
            (Self::Map(one), Self::Map(other)) => one == other,
            _ => false,
        }
    }
}

/// The value of a row; `None` for null.
///
/// # Panics
/// If the column is not of the type.
#[must_use]
pub fn value_of(column: &ArrayRef, of: &Type, row: usize) -> Option<Value> {
    if column.is_null(row) {
        return None;
    }
    let long = |column: &ArrayRef| {
        let wide = cast(column, &DataType::Int64).expect("whole numbers become wider");
        wide.as_primitive::<Int64Type>().value(row)
    };
    Some(match of {
        Type::Boolean => Value::Boolean(column.as_boolean().value(row)),
        Type::Integer { bits: 64, signed: false } => {
            Value::Number(column.as_primitive::<UInt64Type>().value(row).into(), 0)
        }
        Type::Integer { .. } => Value::Number(long(column).into(), 0),
        Type::Double => Value::Double(column.as_primitive::<Float64Type>().value(row)),
        Type::Decimal { scale, .. } => {
            Value::Number(column.as_primitive::<Decimal128Type>().value(row).into(), u32::from(*scale))
        }
        Type::Text => Value::Text(column.as_string::<i32>().value(row).to_owned()),
        Type::Binary => Value::Bytes(column.as_binary::<i32>().value(row).to_vec()),
        Type::Date => Value::Date(column.as_primitive::<Date32Type>().value(row)),
        Type::Timestamp { .. } => Value::Timestamp(long(column)),
        Type::List(item) => {
            let items = column.as_list::<i32>().value(row);
            Value::List((0..items.len()).map(|at| value_of(&items, item, at)).collect())
        }
        Type::Map(value) => {
            let entries = column.as_map().value(row);
            let keys = entries.column(0).as_string::<i32>();
            let entry = |at: usize| (keys.value(at).to_owned(), value_of(entries.column(1), value, at));
            Value::Map((0..entries.len()).map(entry).collect())
        }
    })
}
