//! Exact sums of decimal text, and the comparison of a sum with what a trailer says.

use std::fmt;

/// A decimal: `units` divided by ten to the `scale`. Trailing zeros of the fraction are allowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decimal {
    units: i128,
    scale: u32,
}

impl Decimal {
    /// Reads an optional sign, digits, optionally a point and digits, and optionally an exponent, as `cast` does; commas
    /// between digits count for nothing. `None` if it is anything else or does not fit.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (digits, exponent) = match digits.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&digits[..at], exponent(&digits[at + 1..])?),
            None => (digits, 0),
        };
        let (mut units, mut scale, mut in_fraction, mut any) = (0_i128, 0_u32, false, false);
        for byte in digits {
            match byte {
                b'0'..=b'9' => {
                    units = units.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                    scale += u32::from(in_fraction);
                    any = true;
                }
                b'.' if !in_fraction => in_fraction = true,
                b',' if any && !in_fraction => {}
                _ => return None,
            }
        }
        let read = Self { units: if negative { -units } else { units }, scale };
        if any { read.shifted(exponent) } else { None }
    }

    /// The number times ten to a power.
    fn shifted(self, power: i64) -> Option<Self> {
        let (mut units, mut scale) = (self.units, i64::from(self.scale) - power);
        if power == 0 || units == 0 {
            return Some(self);
        }
        // `1500e-4` is `0.15`: zeros at the end would only take places.
        while power < 0 && scale > 0 && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        match u32::try_from(scale) {
            Ok(scale) if scale <= 38 => Some(Self { units, scale }),
            Ok(_) => None,
            Err(_) => {
                let zeros = u32::try_from(-scale).ok()?;
                Some(Self { units: units.checked_mul(10_i128.checked_pow(zeros)?)?, scale: 0 })
            }
        }
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        self.units.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    fn plus(self, other: Self) -> Option<Self> {
        if self.scale == other.scale {
            return Some(Self { units: self.units.checked_add(other.units)?, scale: self.scale });
        }
        let scale = self.scale.max(other.scale);
        Some(Self { units: self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?, scale })
    }

    /// True if both are the same number; 1.50 is 1.5.
    pub(super) fn equals(self, other: Self) -> bool {
        let scale = self.scale.max(other.scale);
        matches!((self.at_scale(scale), other.at_scale(scale)), (Some(left), Some(right)) if left == right)
    }
}

/// The digits behind an `e`, with a sign or without one: what `cast` reads.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let digits = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    if digits.is_empty() || digits.len() > 6 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

impl From<u64> for Decimal {
    fn from(count: u64) -> Self {
        Self { units: i128::from(count), scale: 0 }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = self.units.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if scale == 0 {
            return write!(formatter, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(formatter, "{sign}{whole}.{fraction}")
    }
}

/// What stands between thousands elsewhere, in words.
const BETWEEN_THOUSANDS: [(char, &str); 6] = [
    ('.', "points between thousands"),
    (' ', "blanks between thousands"),
    ('\u{a0}', "blanks between thousands"),
    ('\u{202f}', "blanks between thousands"),
    ('\'', "apostrophes between thousands"),
    ('’', "apostrophes between thousands"),
];

/// A number in a form that [`Decimal::parse`] does not read, or reads as another one, such as `1.234`, `1.234,50`, `1 234`
/// or `12,5`: what it is in that form, and the form in words. None of `1,234`, which both read alike.
pub(super) fn in_other_form(text: &[u8]) -> Option<(Decimal, &'static str)> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let sign = &text[..text.len() - digits.len()];
    let (before, fraction) = digits.split_once(',').map_or((digits, None), |(before, after)| (before, Some(after)));
    if fraction.is_some_and(|fraction| !all_digits(fraction)) {
        return None;
    }
    let number = |whole: &str| Decimal::parse(format!("{sign}{whole}.{}", fraction.unwrap_or_default()).as_bytes());
    for (between, form) in BETWEEN_THOUSANDS {
        let mut groups = before.split(between);
        let first = groups.next().filter(|first| all_digits(first) && first.len() <= 3);
        let (whole, mut many) = (before.replace(between, ""), false);
        let of_three = groups.all(|group| {
            many = true;
            all_digits(group) && group.len() == 3
        });
        if first.is_some() && many && of_three {
            return number(&whole).map(|number| (number, form));
        }
    }
    let comma = all_digits(before) && fraction.is_some_and(|fraction| fraction.len() != 3);
    comma.then(|| number(before)).flatten().map(|number| (number, "a decimal comma"))
}

/// The sum of a column.
#[derive(Debug, Default)]
pub(super) struct Sum {
    total: Decimal,
    /// Rows whose cell could not be added; the sum proves nothing if there is any.
    pub(super) not_added: u64,
    /// The first of them, for people: its line and what stands there.
    pub(super) first_not_added: Option<String>,
}

impl Sum {
    /// Adds a cell of a line. Blank cells and a lone point count zero.
    pub(super) fn add(&mut self, text: &[u8], line: u64) {
        let text = text.trim_ascii();
        if text.is_empty() || text == b"." {
            return;
        }
        match Decimal::parse(text).and_then(|value| self.total.plus(value)) {
            Some(total) => self.total = total,
            None => self.skip(line, || format!("`{}`", shown(text))),
        }
    }

    /// Notes a row that has nothing to add, and why.
    pub(super) fn skip(&mut self, line: u64, why: impl FnOnce() -> String) {
        self.not_added += 1;
        self.first_not_added.get_or_insert_with(|| format!("line {line}: {}", why()));
    }

    pub(super) fn total(&self) -> Decimal {
        self.total
    }
}

/// Most characters of a publisher's text that a message shows: enough to tell a trailer from a row.
const SHOWN: usize = 120;

/// A publisher's text in a message, bounded.
pub(super) fn shown(bytes: &[u8]) -> String {
    batch::excerpt(bytes, SHOWN)
}

#[cfg(test)]
mod tests {
    use super::{Decimal, SHOWN, Sum, shown};

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        for (text, shown) in [
            ("0", Some("0")),
            ("-1,234.50", Some("-1234.50")),
            (" +7 ", Some("7")),
            (".05", Some("0.05")),
            ("99999999999999999999", Some("99999999999999999999")),
            ("", None),
            (".", None),
            ("1E3", Some("1000")),
            ("-1.5e+2", Some("-150")),
            ("1,234.5e-1", Some("123.45")),
            ("1500e-4", Some("0.15")),
            ("0e999999", Some("0")),
            ("e3", None),
            ("1e", None),
            ("1e1.5", None),
            ("1e39", None),
            ("1e-39", None),
            ("1e1000000", None),
            ("1.2.3", None),
            (",1", None),
            ("999999999999999999999999999999999999999999", None),
        ] {
            let read = Decimal::parse(text.as_bytes()).map(|value| value.to_string());
            assert_eq!(read.as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn sums_go_beyond_64_bits_and_mix_scales() {
        let mut sum = Sum::default();
        for cell in ["9223372036854775807", "9223372036854774807", "1E3", "0.25", "", " . ", "-0.250"] {
            sum.add(cell.as_bytes(), 2);
        }
        assert_eq!(sum.not_added, 0);
        assert!(sum.total().equals(Decimal::parse(b"18446744073709551614").expect("a number")));
        sum.add(b"many", 7);
        sum.add(b"more", 8);
        assert_eq!((sum.not_added, sum.first_not_added.as_deref()), (2, Some("line 7: `many`")));
    }

    #[test]
    fn a_publishers_text_is_shown_bounded() {
        assert_eq!(shown(b"Trailer count 7\xff"), r"Trailer count 7\xff");
        let long = "é".repeat(100_000);
        assert_eq!(shown(long.as_bytes()), format!("{}…", "é".repeat(SHOWN)));
    }
}
