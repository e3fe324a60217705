//! Casts between types, row by row. What cannot be carried without loss is a fault.
//!
//! Text is read strictly: no blanks around it, no thousands separators. Numbers may have a sign, a point and an
//! exponent; dates are `YYYY-MM-DD`; timestamps ISO 8601, with an offset exactly for instants. A double that becomes exact
//! does so by its shortest decimal form; an exact number that becomes double takes the nearest one, a whole number only
//! if that is the same number.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, Decimal128Array, ListArray, new_null_array,
};
use arrow::compute::kernels::cast::cast as arrow_cast;
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Date32Type, Decimal128Type, DecimalType, Field, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use batch::Type;

use crate::calendar::{self, NOT_A_TIME, OUT_OF_RANGE};
use crate::column::{Arguments, Fault, Outcome, numbers, texts};
use crate::decimal::{MAY_HAVE_THOUSANDS, NOT_A_NUMBER, fitting, parse_decimal, rescale};
use crate::tree::Operation;

const NOT_A_BOOLEAN: Fault = Fault::new("E4101", "neither `true` nor `false`");
const NOT_EXACT: Fault = Fault::new("E4104", "no double is exactly this number");
const NOT_FINITE: Fault = Fault::new("E4104", "infinity or not-a-number is no exact number");
const BEYOND: Fault = Fault::new("E4104", "the number is beyond the largest double, about 1.8e308");
const NOT_MIDNIGHT: Fault = Fault::new("E4104", "the time of day would be lost");
const NOT_UTF_8: Fault = Fault::new("E4101", "the bytes are no UTF-8");
const NO_KERNEL: Fault = Fault::new("E4105", "the value cannot be converted");

/// Digits of the largest number of an integer type, or precision and scale of a decimal.
pub(crate) fn exact(of: &Type) -> Option<(u8, u8)> {
    match of {
        Type::Integer { bits: 8, .. } => Some((3, 0)),
        Type::Integer { bits: 16, .. } => Some((5, 0)),
        Type::Integer { bits: 32, .. } => Some((10, 0)),
        Type::Integer { signed: true, .. } => Some((19, 0)),
        Type::Integer { signed: false, .. } => Some((20, 0)),
        Type::Decimal { precision, scale } => Some((*precision, *scale)),
        _ => None,
    }
}

/// The code of a cast, or `None` if there is none between the two types.
pub(crate) fn caster(from: &Type, to: &Type) -> Option<Operation> {
    let (source, target) = (from.clone(), to.clone());
    let run: fn(&ArrayRef, &Type, &Type) -> Outcome = match (from, to) {
        (
            Type::Text,
            Type::Text | Type::Boolean | Type::Binary | Type::Double | Type::Date | Type::Timestamp { .. },
        ) => from_text,
        (Type::Text, to) if exact(to).is_some() => from_text,
        (Type::Binary, Type::Text) => bytes_to_text,
        (Type::List(_) | Type::Map(_), Type::Text) => return None,
        (_, Type::Text) => to_text,
        (from, to) if exact(from).is_some() && exact(to).is_some() => exact_to_exact,
        (from, Type::Double) if exact(from).is_some() => exact_to_double,
        (Type::Double, to) if exact(to).is_some() => double_to_exact,
        (Type::Date, Type::Timestamp { zone: None, .. }) | (Type::Timestamp { zone: None, .. }, Type::Date) => moments,
        (Type::Timestamp { zone: before, .. }, Type::Timestamp { zone: after, .. })
            if before.is_some() == after.is_some() =>
        {
            moments
        }
        (Type::List(from), Type::List(to)) => return list_caster(from, to),
        _ => return None,
    };
    Some(Operation::new(move |arguments| run(arguments.values(0), &source, &target)))
}

fn list_caster(from: &Type, to: &Type) -> Option<Operation> {
    let inner = if from == to {
        Operation::new(|arguments| Outcome::fine(Arc::clone(arguments.values(0))))
    } else {
        caster(from, to)?
    };
    let of = to.arrow();
    Some(Operation::new(move |arguments| each_item(arguments.values(0), &of, &inner)))
}

/// Runs an operation of one argument over the items of lists; a fault of an item is one of its row.
pub(crate) fn each_item(lists: &ArrayRef, item: &DataType, inner: &Operation) -> Outcome {
    let lists: &ListArray = lists.as_list();
    let items = crate::column::Column::fine(Arc::clone(lists.values()), false);
    let count = items.values.len();
    let outcome = (inner.0)(&Arguments { columns: &[items], count });
    let offsets = lists.value_offsets();
    let mut faults: Vec<(usize, Fault)> = Vec::new();
    let mut row = 0;
    for (at, fault) in outcome.faults {
        // Items outside of every row's window, or under a null list, belong to nobody.
        while row < lists.len() && usize::try_from(offsets[row + 1]).is_ok_and(|end| end <= at) {
            row += 1;
        }
        let begun = row < lists.len() && usize::try_from(offsets[row]).is_ok_and(|start| start <= at);
        if begun && lists.is_valid(row) && faults.last().is_none_or(|(last, _)| *last != row) {
            faults.push((row, fault));
        }
    }
    let field = Arc::new(Field::new("item", item.clone(), true));
    match ListArray::try_new(Arc::clone(&field), lists.offsets().clone(), outcome.values, lists.nulls().cloned()) {
        Ok(made) => Outcome { values: Arc::new(made), faults },
        Err(_) => every_row_fails(lists.len(), &DataType::List(field)),
    }
}

fn every_row_fails(count: usize, of: &DataType) -> Outcome {
    Outcome { values: new_null_array(of, count), faults: (0..count).map(|row| (row, NO_KERNEL)).collect() }
}

/// Calls `$make` with the Arrow type that carries an integer type.
macro_rules! for_integer {
    ($bits:expr, $signed:expr, $make:ident($($argument:expr),*)) => {
        match ($bits, $signed) {
            (8, true) => $make::<Int8Type>($($argument),*),
            (16, true) => $make::<Int16Type>($($argument),*),
            (32, true) => $make::<Int32Type>($($argument),*),
            (_, true) => $make::<Int64Type>($($argument),*),
            (8, false) => $make::<UInt8Type>($($argument),*),
            (16, false) => $make::<UInt16Type>($($argument),*),
            (32, false) => $make::<UInt32Type>($($argument),*),
            (_, false) => $make::<UInt64Type>($($argument),*),
        }
    };
}

/// Makes exact numbers of a type from 128-bit units at the type's scale.
pub(crate) fn exact_numbers(
    count: usize,
    of: &Type,
    make: impl FnMut(usize) -> Result<Option<i128>, Fault>,
) -> Outcome {
    fn integers<T: ArrowPrimitiveType>(
        count: usize,
        of: &Type,
        mut make: impl FnMut(usize) -> Result<Option<i128>, Fault>,
    ) -> Outcome
    where
        T::Native: TryFrom<i128>,
    {
        const TOO_LARGE: Fault = Fault::new("E4104", "the number does not fit its type");
        numbers::<T>(count, &of.arrow(), |row| {
            make(row)?.map(|value| T::Native::try_from(value).map_err(|_| TOO_LARGE)).transpose()
        })
    }
    let mut make = make;
    match of {
        Type::Integer { bits, signed } => for_integer!(bits, signed, integers(count, of, make)),
        Type::Decimal { precision, .. } => numbers::<Decimal128Type>(count, &of.arrow(), |row| {
            make(row)?.map(|value| fitting(value, *precision)).transpose()
        }),
        _ => every_row_fails(count, &of.arrow()),
    }
}

/// Any exact numbers as decimals of their own scale; `None` cannot happen for checked types.
pub(crate) fn as_decimals(values: &ArrayRef) -> Option<Decimal128Array> {
    let wide = match values.data_type() {
        DataType::Decimal128(..) => Arc::clone(values),
        _ => arrow_cast(values, &DataType::Decimal128(20, 0)).ok()?,
    };
    wide.as_primitive_opt::<Decimal128Type>().cloned()
}

fn from_text(values: &ArrayRef, _: &Type, to: &Type) -> Outcome {
    let texts = values.as_string::<i32>();
    let count = texts.len();
    let get = |row: usize| texts.is_valid(row).then(|| texts.value(row));
    match to {
        Type::Text => Outcome::fine(Arc::clone(values)),
        Type::Binary => Outcome::fine(Arc::new(BinaryArray::from(texts.clone()))),
        Type::Integer { .. } => exact_numbers(count, to, |row| get(row).map(parse_integer).transpose()),
        Type::Decimal { precision, scale } => numbers::<Decimal128Type>(count, &to.arrow(), |row| {
            get(row).map(|text| parse_decimal(text, *precision, *scale)).transpose()
        }),
        Type::Double => numbers::<Float64Type>(count, &DataType::Float64, |row| get(row).map(parse_double).transpose()),
        Type::Date => {
            numbers::<Date32Type>(count, &DataType::Date32, |row| get(row).map(calendar::parse_iso_date).transpose())
        }
        Type::Timestamp { digits, zone } => timestamps(count, to, |row| {
            get(row).map(|text| calendar::parse_timestamp(text, *digits, zone.is_some())).transpose()
        }),
        Type::Boolean => text_to_boolean(count, get),
        Type::List(_) | Type::Map(_) => every_row_fails(count, &to.arrow()),
    }
}

fn bytes_to_text(values: &ArrayRef, _: &Type, _: &Type) -> Outcome {
    let bytes = values.as_binary::<i32>();
    texts(bytes.len(), |row| {
        let text = bytes.is_valid(row).then(|| std::str::from_utf8(bytes.value(row)));
        Ok(text.transpose().map_err(|_| NOT_UTF_8)?.map(Cow::Borrowed))
    })
}

fn text_to_boolean<'a>(count: usize, get: impl Fn(usize) -> Option<&'a str>) -> Outcome {
    let mut faults = Vec::new();
    let values: BooleanArray = (0..count)
        .map(|row| {
            let text = get(row)?;
            let value = text.eq_ignore_ascii_case("true");
            if !value && !text.eq_ignore_ascii_case("false") {
                faults.push((row, NOT_A_BOOLEAN));
                return None;
            }
            Some(value)
        })
        .collect();
    Outcome { values: Arc::new(values), faults }
}

fn parse_integer(text: &str) -> Result<i128, Fault> {
    let bytes = text.as_bytes();
    // The usual case: few plain digits.
    if !bytes.is_empty() && bytes.len() <= 18 && bytes.iter().all(u8::is_ascii_digit) {
        return Ok(i128::from(bytes.iter().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'))));
    }
    let value = parse_decimal(text, 38, 0)?;
    // Zero is zero in both readings.
    if value != 0 && text.ends_with(THREE_ZEROS) { Err(MAY_HAVE_THOUSANDS) } else { Ok(value) }
}

/// The end of `1.000`: the thousand of those who write a point between groups of three, and the one of those who do not.
/// Beside it `1.060` fails; this would be wrong in silence, by a factor of a thousand.
///
/// Of `12345.000` it is clear that the point is none between groups. It fails all the same: a publisher writes a column in
/// one form, so that either all of its numbers are whole or none is. Were it to pass, the small numbers of a column would
/// be dead letters, few enough to be overlooked, and the large ones would land.
const THREE_ZEROS: &str = ".000";

fn parse_double(text: &str) -> Result<f64, Fault> {
    // Rust also reads `inf` and `nan`.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    let value: f64 = text.parse().ok().filter(|_| plain).ok_or(NOT_A_NUMBER)?;
    if value.is_finite() { Ok(value) } else { Err(BEYOND) }
}

/// Makes timestamps of any number of digits.
pub(crate) fn timestamps(count: usize, of: &Type, make: impl FnMut(usize) -> Result<Option<i64>, Fault>) -> Outcome {
    let carrier = of.arrow();
    match of {
        Type::Timestamp { digits: 0, .. } => numbers::<TimestampSecondType>(count, &carrier, make),
        Type::Timestamp { digits: 3, .. } => numbers::<TimestampMillisecondType>(count, &carrier, make),
        Type::Timestamp { digits: 6, .. } => numbers::<TimestampMicrosecondType>(count, &carrier, make),
        Type::Timestamp { .. } => numbers::<TimestampNanosecondType>(count, &carrier, make),
        _ => every_row_fails(count, &carrier),
    }
}

/// Nanoseconds since the epoch of dates (their midnight) or timestamps.
pub(crate) fn nanoseconds(values: &ArrayRef, of: &Type) -> impl Fn(usize) -> Option<i128> {
    let digits = if let Type::Timestamp { digits, .. } = of { Some(*digits) } else { None };
    let raw = match digits {
        Some(_) => arrow_cast(values, &DataType::Int64),
        None => arrow_cast(values, &DataType::Int32).and_then(|days| arrow_cast(&days, &DataType::Int64)),
    };
    let raw = raw.ok().and_then(|raw| raw.as_primitive_opt::<Int64Type>().cloned());
    move |row| {
        let raw = raw.as_ref()?;
        raw.is_valid(row).then(|| {
            let value = i128::from(raw.value(row));
            digits.map_or(value * calendar::midnight(1), |digits| value * calendar::unit(digits))
        })
    }
}

fn moments(values: &ArrayRef, from: &Type, to: &Type) -> Outcome {
    let get = nanoseconds(values, from);
    match to {
        Type::Date => numbers::<Date32Type>(values.len(), &DataType::Date32, |row| {
            let Some(value) = get(row) else { return Ok(None) };
            let day = calendar::day(value).ok_or(OUT_OF_RANGE)?;
            if calendar::midnight(day) == value { Ok(Some(day)) } else { Err(NOT_MIDNIGHT) }
        }),
        Type::Timestamp { digits, .. } => {
            timestamps(values.len(), to, |row| get(row).map(|value| calendar::to_unit(value, *digits)).transpose())
        }
        _ => every_row_fails(values.len(), &to.arrow()),
    }
}

fn to_text(values: &ArrayRef, from: &Type, _: &Type) -> Outcome {
    let count = values.len();
    match from {
        Type::Date => {
            let days = values.as_primitive::<Date32Type>();
            // By hand: the kernel would fail the whole column for one day that has no name.
            texts(count, |row| {
                let day = days.is_valid(row).then(|| calendar::date_of(days.value(row)).ok_or(OUT_OF_RANGE));
                Ok(day.transpose()?.map(|day| Cow::Owned(day.to_string())))
            })
        }
        Type::Timestamp { .. } => {
            let get = nanoseconds(values, from);
            texts(count, |row| {
                let Some(value) = get(row) else { return Ok(None) };
                calendar::write_timestamp(value, from).map(|text| Some(Cow::Owned(text))).ok_or(NOT_A_TIME)
            })
        }
        _ => Outcome::from_kernel(arrow_cast(values, &DataType::Utf8), count, &DataType::Utf8),
    }
}

fn exact_to_exact(values: &ArrayRef, from: &Type, to: &Type) -> Outcome {
    let count = values.len();
    let (Some((from_precision, from_scale)), Some((to_precision, to_scale))) = (exact(from), exact(to)) else {
        return every_row_fails(count, &to.arrow());
    };
    let into_wide = match (from, to) {
        (Type::Integer { bits, signed }, Type::Integer { bits: to_bits, signed: to_signed }) => {
            signed == to_signed && bits <= to_bits || !signed && *to_signed && bits < to_bits
        }
        (_, Type::Decimal { .. }) => to_scale >= from_scale && to_precision - to_scale >= from_precision - from_scale,
        _ => false,
    };
    if into_wide && let Ok(values) = arrow_cast(values, &to.arrow()) {
        return Outcome::fine(values);
    }
    let Some(decimals) = as_decimals(values) else { return every_row_fails(count, &to.arrow()) };
    exact_numbers(count, to, |row| {
        decimals.is_valid(row).then(|| rescale(decimals.value(row), from_scale, to_scale)).transpose()
    })
}

fn exact_to_double(values: &ArrayRef, from: &Type, _: &Type) -> Outcome {
    let count = values.len();
    let (Some(decimals), Some((_, scale))) = (as_decimals(values), exact(from)) else {
        return every_row_fails(count, &DataType::Float64);
    };
    numbers::<Float64Type>(count, &DataType::Float64, |row| {
        if decimals.is_null(row) {
            return Ok(None);
        }
        let value = decimals.value(row);
        if scale == 0 {
            #[expect(clippy::cast_precision_loss, reason = "the next line refuses what was lost")]
            let double = value as f64;
            return if double as i128 == value { Ok(Some(double)) } else { Err(NOT_EXACT) };
        }
        // The standard library rounds a decimal's digits to the nearest double; a division of doubles would not.
        Decimal128Type::format_decimal(value, 38, scale.cast_signed()).parse().map(Some).map_err(|_| NOT_A_NUMBER)
    })
}

fn double_to_exact(values: &ArrayRef, _: &Type, to: &Type) -> Outcome {
    let doubles = values.as_primitive::<Float64Type>();
    let (precision, scale) = exact(to).unwrap_or((38, 0));
    let precision = if matches!(to, Type::Decimal { .. }) { precision } else { 38 };
    exact_numbers(doubles.len(), to, |row| {
        if doubles.is_null(row) {
            return Ok(None);
        }
        let value = doubles.value(row);
        if !value.is_finite() {
            return Err(NOT_FINITE);
        }
        if value.is_zero() {
            return Ok(Some(0));
        }
        parse_decimal(&format!("{value:e}"), precision, scale).map(Some)
    })
}
