//! Numbers of JSON, exactly.

/// A number as whole units of a power of ten: `12.50` is 125 units of 10^-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    /// Units, of which the last digit is not 0 unless there are none or `scale` is 0.
    pub(super) units: i128,
    /// Digits behind the point.
    pub(super) scale: u32,
}

/// Why a text is no exact number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotExact {
    /// It is no number of JSON.
    NoNumber,
    /// It has more digits than are carried, 38.
    TooLong,
}

/// The parts of a JSON number: its sign, digits before and behind the point, and exponent.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: &'a str,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (number, exponent) = rest.split_once(['e', 'E']).map_or((rest, None), |(number, of)| (number, Some(of)));
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, of)| (whole, Some(of)));
    let led_by_zero = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || led_by_zero || !digits(whole) || fraction.is_some_and(|of| of.is_empty() || !digits(of)) {
        return None;
    }
    if let Some(exponent) = exponent {
        let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if bare.is_empty() || !digits(bare) {
            return None;
        }
    }
    Some(Parts { negative, whole, fraction: fraction.unwrap_or_default(), exponent: exponent.unwrap_or("0") })
}

/// Reads a number of JSON.
pub(super) fn exact(text: &str) -> Result<Exact, NotExact> {
    let Parts { negative, whole, fraction, exponent } = parts(text).ok_or(NotExact::NoNumber)?;
    let mut digits = whole.bytes().chain(fraction.bytes()).map(|byte| i128::from(byte - b'0'));
    let significant = (whole.len() + fraction.len())
        - fraction.bytes().rev().chain(whole.bytes().rev()).take_while(|byte| *byte == b'0').count();
    let mut units = 0_i128;
    for digit in digits.by_ref().take(significant) {
        let next = units.checked_mul(10).and_then(|units| units.checked_add(digit));
        units = next.ok_or(NotExact::TooLong)?;
    }
    if units == 0 {
        return Ok(Exact { units, scale: 0 });
    }
    // Exponents of any length may stand there: what is far out of reach is told from what is not.
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().map_err(|_| NotExact::TooLong)?;
    let behind = i64::try_from(significant).unwrap_or(i64::MAX) - i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let scale = behind.checked_sub(exponent).ok_or(NotExact::TooLong)?;
    if negative {
        units = -units;
    }
    if scale >= 0 {
        return Ok(Exact { units, scale: u32::try_from(scale).map_err(|_| NotExact::TooLong)? });
    }
    let factor = u32::try_from(-scale).ok().and_then(|zeros| 10_i128.checked_pow(zeros));
    let units = factor.and_then(|factor| units.checked_mul(factor)).ok_or(NotExact::TooLong)?;
    Ok(Exact { units, scale: 0 })
}

/// Reads a number of JSON as the nearest floating-point number; `None` if it is none, or beyond all of them.
pub(super) fn double(text: &str) -> Option<f64> {
    parts(text)?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
