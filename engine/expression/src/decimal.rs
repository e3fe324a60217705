//! Exact decimals of up to 38 digits: reading, changing the scale, and arithmetic that loses nothing in silence.
//!
//! A value is an `i128` of units of the last digit, as Arrow keeps it.

use arrow::datatypes::i256;

use crate::column::{Fault, OVERFLOW};

pub(crate) const NOT_A_NUMBER: Fault = Fault::new("E4101", "not a number");
const HAS_COMMAS: Fault = Fault::new("E4101", "not a number; commas in it go by `replace(x, ',', '')`");
pub(crate) const DIGITS_LOST: Fault = Fault::new("E4104", "digits after the point would be lost");
pub(crate) const MAY_HAVE_THOUSANDS: Fault =
    Fault::new("E4104", "a whole number is written without a point and three zeros: `1.000` may be a thousand or one");
const TOO_LARGE: Fault = Fault::new("E4104", "the number does not fit its type");
pub(crate) const DIVIDED_BY_ZERO: Fault = Fault::new("E4106", "division by zero");

/// Powers of ten to 10^38, the largest that an `i128` holds.
const POWERS: [i128; 39] = {
    let mut powers = [1_i128; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// 10 to the power; the largest there is for powers above 38.
pub(crate) fn power(exponent: usize) -> i128 {
    POWERS[exponent.min(38)]
}

/// `value` if it has at most `precision` digits.
pub(crate) fn fitting(value: i128, precision: u8) -> Result<i128, Fault> {
    if value.unsigned_abs() < power(usize::from(precision)).unsigned_abs() { Ok(value) } else { Err(TOO_LARGE) }
}

/// Reads `[+-]digits[.digits][e[+-]digits]` as a decimal. Digits that the scale cannot hold must be zeros.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: u8) -> Result<i128, Fault> {
    let bytes = text.as_bytes();
    let (negative, rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    // Up to 18 digits cannot overflow 64 bits: the usual case needs no check for each digit.
    if rest.len() <= 19
        && let Some((units, digits_after)) = short(rest)
        && digits_after <= usize::from(scale)
    {
        let units = i128::from(units);
        let units = units.checked_mul(power(usize::from(scale) - digits_after)).ok_or(TOO_LARGE)?;
        return fitting(if negative { -units } else { units }, precision);
    }
    long(rest, negative, precision, scale)
}

/// Reads up to 18 plain digits with at most one point.
fn short(bytes: &[u8]) -> Option<(u64, usize)> {
    let (mut units, mut point, mut digits) = (0_u64, None, 0);
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                units = units * 10 + u64::from(byte - b'0');
                digits += 1;
            }
            b'.' if point.is_none() => point = Some(i),
            _ => return None,
        }
    }
    if digits == 0 || digits > 18 {
        return None;
    }
    Some((units, point.map_or(0, |at| bytes.len() - at - 1)))
}

fn long(bytes: &[u8], negative: bool, precision: u8, scale: u8) -> Result<i128, Fault> {
    let exponent_at = bytes.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match exponent_at {
        None => (bytes, 0),
        Some(at) => (&bytes[..at], parse_exponent(&bytes[at + 1..])?),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        None => (mantissa, &[][..]),
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
    };
    if whole.len() + fraction.len() == 0 || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        let with_commas = |byte: &u8| byte.is_ascii_digit() || *byte == b',';
        let has_commas = whole.contains(&b',') && whole.iter().all(with_commas);
        return Err(if has_commas { HAS_COMMAS } else { NOT_A_NUMBER });
    }
    // Position of a digit counts from the last one that the scale holds.
    let mut position = i64::try_from(whole.len()).map_err(|_| TOO_LARGE)? + exponent + i64::from(scale);
    let mut units = 0_i128;
    for digit in whole.iter().chain(fraction).map(|byte| i128::from(byte - b'0')) {
        position -= 1;
        if digit == 0 {
            continue;
        }
        if position < 0 {
            return Err(DIGITS_LOST);
        }
        let place = usize::try_from(position).ok().filter(|place| *place <= 37).ok_or(TOO_LARGE)?;
        units += digit * power(place);
    }
    fitting(if negative { -units } else { units }, precision)
}

fn parse_exponent(bytes: &[u8]) -> Result<i64, Fault> {
    let digits = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    if digits.is_empty() || digits.len() > 6 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NOT_A_NUMBER);
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Ok(if bytes[0] == b'-' { -value } else { value })
}

/// The same number at another scale.
pub(crate) fn rescale(value: i128, from: u8, to: u8) -> Result<i128, Fault> {
    if to >= from {
        return value.checked_mul(power(usize::from(to - from))).ok_or(TOO_LARGE);
    }
    let divisor = power(usize::from(from - to));
    if value % divisor == 0 { Ok(value / divisor) } else { Err(DIGITS_LOST) }
}

/// Rounds half away from zero to a smaller scale; toward the side that `direction` says where it is not zero.
pub(crate) fn round_to(value: i128, from: u8, to: u8, direction: Rounding) -> i128 {
    if to >= from {
        return value;
    }
    let divisor = power(usize::from(from - to));
    let (quotient, remainder) = (value / divisor, value % divisor);
    match direction {
        Rounding::Nearest if remainder.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2) => {
            quotient + value.signum()
        }
        Rounding::Down if remainder < 0 => quotient - 1,
        Rounding::Up if remainder > 0 => quotient + 1,
        _ => quotient,
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Rounding {
    Nearest,
    Down,
    Up,
}

/// Compares exactly across scales.
pub(crate) fn compare(left: i128, left_scale: u8, right: i128, right_scale: u8) -> std::cmp::Ordering {
    if left_scale == right_scale {
        return left.cmp(&right);
    }
    if left_scale > right_scale {
        return compare(right, right_scale, left, left_scale).reverse();
    }
    match left.checked_mul(power(usize::from(right_scale - left_scale))) {
        Some(left) => left.cmp(&right),
        // Beyond 128 bits is beyond any 38 digits, so the sign decides.
        None => left.cmp(&0),
    }
}

/// Adds or subtracts two values, each at its scale; the sum has the larger one.
pub(crate) fn add(left: (i128, u8), right: (i128, u8), subtract: bool) -> Result<i128, Fault> {
    if let Some((left, right)) = aligned(left, right) {
        let sum = if subtract { left.checked_sub(right) } else { left.checked_add(right) };
        return sum.ok_or(OVERFLOW);
    }
    // One side alone may be too wide at the common scale where the sum is not.
    let (left, right) = aligned_wide(left, right);
    let sum = if subtract { left.checked_sub(right) } else { left.checked_add(right) };
    sum.and_then(i256::to_i128).ok_or(OVERFLOW)
}

/// Two values at the larger of their scales, if 128 bits hold both.
fn aligned((left, left_scale): (i128, u8), (right, right_scale): (i128, u8)) -> Option<(i128, i128)> {
    let common = left_scale.max(right_scale);
    let left = left.checked_mul(power(usize::from(common - left_scale)))?;
    Some((left, right.checked_mul(power(usize::from(common - right_scale)))?))
}

/// As `aligned`; 38 digits moved by 38 fit 256 bits.
fn aligned_wide((left, left_scale): (i128, u8), (right, right_scale): (i128, u8)) -> (i256, i256) {
    let common = left_scale.max(right_scale);
    let wide = |value: i128, scale: u8| {
        i256::from_i128(value).wrapping_mul(i256::from_i128(power(usize::from(common - scale))))
    };
    (wide(left, left_scale), wide(right, right_scale))
}

/// Multiplies; `excess` is by how much the scales' sum is larger than the result's.
pub(crate) fn multiply(left: i128, right: i128, excess: usize) -> Result<i128, Fault> {
    if excess == 0
        && let Some(product) = left.checked_mul(right)
    {
        return Ok(product);
    }
    let product = i256::from_i128(left).checked_mul(i256::from_i128(right)).ok_or(OVERFLOW)?;
    let divisor = i256::from_i128(power(excess));
    if product.checked_rem(divisor) != Some(i256::ZERO) {
        return Err(DIGITS_LOST);
    }
    product.checked_div(divisor).and_then(i256::to_i128).ok_or(OVERFLOW)
}

/// Divides, after shifting the dividend by `shift` digits; rounds half away from zero.
pub(crate) fn divide(left: i128, right: i128, shift: usize) -> Result<i128, Fault> {
    if right == 0 {
        return Err(DIVIDED_BY_ZERO);
    }
    let mut dividend = i256::from_i128(left);
    for part in [shift.min(38), shift.saturating_sub(38)] {
        dividend = dividend.checked_mul(i256::from_i128(power(part))).ok_or(OVERFLOW)?;
    }
    let divisor = i256::from_i128(right);
    let quotient = dividend.checked_div(divisor).and_then(i256::to_i128).ok_or(OVERFLOW)?;
    let remainder = dividend.checked_rem(divisor).and_then(i256::to_i128).ok_or(OVERFLOW)?;
    // |remainder| >= |divisor| - |remainder| is the half without doubling.
    let half = remainder.unsigned_abs() >= right.unsigned_abs() - remainder.unsigned_abs();
    if remainder == 0 || !half {
        return Ok(quotient);
    }
    quotient.checked_add(left.signum() * right.signum()).ok_or(OVERFLOW)
}

/// What is left of a division, with the dividend's sign; two values, each at its scale, the rest at the larger one.
pub(crate) fn remainder(left: (i128, u8), right: (i128, u8)) -> Result<i128, Fault> {
    if right.0 == 0 {
        return Err(DIVIDED_BY_ZERO);
    }
    if let Some((left, right)) = aligned(left, right) {
        return Ok(left.checked_rem(right).unwrap_or(0));
    }
    let (left, right) = aligned_wide(left, right);
    left.checked_rem(right).and_then(i256::to_i128).ok_or(OVERFLOW)
}
