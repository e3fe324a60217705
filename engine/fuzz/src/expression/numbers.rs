//! Whole numbers and decimals, as numbers of any size.

use batch::Type;
use num_bigint::{BigInt, Sign};

use super::reference::{BY_ZERO, Cell, INVALID, LOST, Made, Maker, NOT_READ, fine};
use crate::value::Value;

pub(super) const BIGINT: Type = Type::BIGINT;

/// Units and scale.
pub(super) fn number(value: &Value) -> (&BigInt, u32) {
    if let Value::Number(units, scale) = value { (units, *scale) } else { panic!("{value:?} is no number") }
}

pub(super) fn ten(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

/// Digits before and behind the point that a type of exact numbers has at most.
fn digits(of: &Type) -> (u32, u32) {
    match of {
        Type::Integer { bits: 8, .. } => (3, 0),
        Type::Integer { bits: 16, .. } => (5, 0),
        Type::Integer { bits: 32, .. } => (10, 0),
        Type::Integer { signed: true, .. } => (19, 0),
        Type::Integer { .. } => (20, 0),
        Type::Decimal { precision, scale } => (u32::from(precision - scale), u32::from(*scale)),
        other => panic!("{other} is not exact"),
    }
}

fn decimal(precision: u32, scale: u32) -> Type {
    Type::Decimal { precision: precision.min(38) as u8, scale: scale.min(38) as u8 }
}

pub(super) fn is_exact(of: &Type) -> bool {
    matches!(of, Type::Integer { .. } | Type::Decimal { .. })
}

/// The number as a value of a type, if nothing is lost.
pub(super) fn fitted(units: &BigInt, scale: u32, of: &Type) -> Cell {
    let wanted = digits(of).1;
    let units = if wanted >= scale {
        units * ten(wanted - scale)
    } else {
        let divisor = ten(scale - wanted);
        if units % &divisor != BigInt::ZERO {
            return Err(LOST);
        }
        units / divisor
    };
    let fits = match of {
        Type::Integer { bits, signed: true } => {
            let end = BigInt::from(1) << (bits - 1);
            -&end <= units && units < end
        }
        Type::Integer { bits, signed: false } => units.sign() != Sign::Minus && units < BigInt::from(1) << *bits,
        Type::Decimal { precision, .. } => *units.magnitude() < *ten(u32::from(*precision)).magnitude(),
        _ => false,
    };
    if fits { fine(Value::Number(units, wanted)) } else { Err(LOST) }
}

/// Two numbers at one scale, and that.
pub(super) fn aligned(one: &Value, other: &Value) -> (BigInt, BigInt, u32) {
    let ((one, scale), (other, other_scale)) = (number(one), number(other));
    let common = scale.max(other_scale);
    (one * ten(common - scale), other * ten(common - other_scale), common)
}

/// `units / divisor`, rounded half away from zero.
fn rounded(units: &BigInt, divisor: &BigInt) -> BigInt {
    let (quotient, rest) = (units / divisor, units % divisor);
    let half = rest.magnitude() * 2_u32 >= *divisor.magnitude();
    let away = if (units.sign() == Sign::Minus) == (divisor.sign() == Sign::Minus) { 1 } else { -1 };
    if half { quotient + away } else { quotient }
}

/// A number as it is written with all its digits.
pub(super) fn shown(units: &BigInt, scale: u32) -> String {
    let digits = format!("{:0>width$}", units.magnitude().to_string(), width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    let sign = if units.sign() == Sign::Minus { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Reads `[+-]digits[.digits][e[+-]digits]` as units and scale.
pub(super) fn parsed(text: &str) -> Result<(BigInt, u32), &'static str> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).map_or((rest, None), |(one, two)| (one, Some(two)));
    let exponent = match exponent {
        None => 0,
        Some(text) => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(NOT_READ);
            }
            text.parse::<i64>().map_err(|_| NOT_READ)?
        }
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NOT_READ);
    }
    let units: BigInt = all.parse().map_err(|_| NOT_READ)?;
    if units == BigInt::ZERO {
        return Ok((units, 0));
    }
    let units = if negative { -units } else { units };
    let scale = fraction.len() as i64 - exponent;
    // Beyond these ends nothing fits 38 digits, whatever the units are.
    match u32::try_from(scale) {
        Ok(scale) => Ok((units, scale)),
        Err(_) if scale < -100 => Err(LOST),
        Err(_) => Ok((units * ten(scale.unsigned_abs() as u32), 0)),
    }
}

/// A number that is written out.
pub(super) fn literal(text: &str) -> Made {
    let plain = text.trim_matches(['(', ')']);
    let (units, scale) = parsed(plain).expect("a number");
    // A whole number with a point behind it would be a decimal; none is written so.
    let of = if plain.contains('.') {
        let before = plain.trim_start_matches('-').split('.').next().unwrap_or("").trim_start_matches('0').len() as u32;
        let scale = plain.split('.').nth(1).map_or(0, str::len) as u32;
        decimal((before + scale).max(1), scale)
    } else if i64::try_from(&units).is_ok() {
        BIGINT
    } else if u64::try_from(&units).is_ok() {
        Type::Integer { bits: 64, signed: false }
    } else {
        decimal(38, 0)
    };
    let whole = !plain.contains('.') && units.sign() != Sign::Minus;
    let wanted = of.clone();
    let made = Made::new(text, of, move |_| fitted(&units, scale, &wanted));
    Made { literal: Some(whole), ..made }
}

const LITERALS: [&str; 14] = [
    "0",
    "1",
    "2",
    "(-1)",
    "7",
    "0.5",
    "1.10",
    "(-2.345)",
    "9223372036854775807",
    "(-9223372036854775808)",
    "18446744073709551615",
    "99999999999999999999999999999999999999",
    "0.00000000000000000000000000000000000001",
    "10",
];

/// Types that numbers are cast to.
#[rustfmt::skip]
pub(super) const EXACT: [&str; 13] = [
    "tinyint", "smallint", "integer", "bigint", "bigint unsigned", "tinyint unsigned", "integer unsigned", "decimal(18, 2)",
    "decimal(38, 13)", "decimal(38, 38)", "decimal(5, 1)", "decimal(38, 0)", "decimal(1, 1)",
];

/// The type of `a + b` and so on; see the prose of the crate `expression`.
fn result_type(sign: char, one: &Made, other: &Made) -> Type {
    let ((before, behind), (other_before, other_behind)) = (digits(&one.of), digits(&other.of));
    let (whole, scale) = (before.max(other_before), behind.max(other_behind));
    let both_whole = [one, other].iter().all(|part| matches!(part.of, Type::Integer { .. }));
    let unsigned = |part: &Made| part.literal.unwrap_or(matches!(part.of, Type::Integer { signed: false, .. }));
    match sign {
        '/' => decimal(38, scale.max(6)),
        _ if both_whole => {
            let both_literal = one.literal.is_some() && other.literal.is_some();
            let signed = both_literal || sign == '-' || !(unsigned(one) && unsigned(other));
            Type::Integer { bits: 64, signed }
        }
        '*' => decimal(before + behind + other_before + other_behind, behind + other_behind),
        '%' => decimal(whole + scale, scale),
        _ => decimal(whole + scale + 1, scale),
    }
}

pub(super) fn arithmetic(sign: char, one: &Made, other: &Made) -> Made {
    let of = result_type(sign, one, other);
    let wanted = of.clone();
    Made::apply(format!("({} {sign} {})", one.text, other.text), of, &[one, other], move |values| {
        let (one, other, scale) = aligned(&values[0], &values[1]);
        let (units, scale) = match sign {
            '+' => (one + other, scale),
            '-' => (one - other, scale),
            '*' => (one * other, 2 * scale),
            _ if other == BigInt::ZERO => return Err(BY_ZERO),
            '%' => (one % other, scale),
            _ => {
                let behind = digits(&wanted).1;
                (rounded(&(one * ten(behind)), &other), behind)
            }
        };
        fitted(&units, scale, &wanted)
    })
}

/// Cuts digits behind the point off, in one of three directions.
fn cut(name: &str, given: &Made, kept: u32, written: &str) -> Made {
    let (before, behind) = digits(&given.of);
    let stays = kept.min(behind);
    let of = match given.of {
        Type::Integer { .. } => given.of.clone(),
        _ => {
            let whole = (before + u32::from(stays < behind)).min(38 - stays);
            decimal((whole + stays).max(1), stays)
        }
    };
    let (wanted, direction) = (of.clone(), name.to_owned());
    Made::apply(format!("{name}({}{written})", given.text), of, &[given], move |values| {
        let (units, scale) = number(&values[0]);
        let stays = digits(&wanted).1;
        let divisor = ten(scale - stays);
        let (quotient, rest) = (units / &divisor, units % &divisor);
        let units = match direction.as_str() {
            "round" => rounded(units, &divisor),
            "floor" if rest.sign() == Sign::Minus => quotient - 1,
            "ceil" if rest.sign() == Sign::Plus => quotient + 1,
            _ => quotient,
        };
        fitted(&units, stays, &wanted)
    })
}

/// A number of any exact type, converted as a place that wants a `bigint` does.
pub(super) fn as_bigint(given: &Made) -> Made {
    let text = given.text.clone();
    Made {
        literal: given.literal,
        ..Made::apply(text, BIGINT, &[given], |values| {
            let (units, scale) = number(&values[0]);
            fitted(units, scale, &BIGINT)
        })
    }
}

impl Maker<'_, '_> {
    /// A number of any exact type.
    pub(super) fn number(&mut self) -> Made {
        if self.leaf() {
            return if self.below(3) == 0 {
                literal(self.one_of(&LITERALS))
            } else {
                Made::column(self.one_of(&["tiny", "whole", "other", "big", "money", "wide"]))
            };
        }
        match self.below(16) {
            0..=4 => {
                let (one, other) = (self.number(), self.number());
                arithmetic(self.one_of(&['+', '-', '*', '/', '%']), &one, &other)
            }
            5 => {
                let given = self.number();
                if given.literal.is_some() {
                    return given;
                }
                Made { text: format!("(- {})", given.text), ..arithmetic('-', &literal("0"), &given) }
            }
            6 => {
                let given = self.number();
                let of = given.of.clone();
                Made::call("abs", given.of.clone(), &[&given], move |values| {
                    let (units, scale) = number(&values[0]);
                    fitted(&BigInt::from(units.magnitude().clone()), scale, &of)
                })
            }
            7 => {
                let given = self.number();
                Made::call("sign", BIGINT, &[&given], |values| {
                    let sign = match number(&values[0]).0.sign() {
                        Sign::Minus => -1,
                        Sign::NoSign => 0,
                        Sign::Plus => 1,
                    };
                    fine(Value::Number(sign.into(), 0))
                })
            }
            8 => {
                let (name, given) = (self.one_of(&["round", "floor", "ceil"]), self.number());
                let kept = if name == "round" { self.one_of(&[0, 1, 2, 20]) } else { 0 };
                cut(name, &given, kept, &if kept == 0 { String::new() } else { format!(", {kept}") })
            }
            9 | 10 => {
                let of = Type::parse(self.one_of(&EXACT)).expect("a type");
                self.cast_to(&of)
            }
            11 => {
                let first = self.number();
                self.choice(&first)
            }
            12 => self.count(),
            13 => {
                let given = as_bigint(&self.number());
                Made::call("twice", BIGINT, &[&given], |values| {
                    let (units, _) = number(&values[0]);
                    fitted(&(units * 2), 0, &BIGINT)
                })
            }
            14 => self.part_of_day(),
            _ => self.whole_item(),
        }
    }

    /// Functions of texts that count.
    fn count(&mut self) -> Made {
        let characters = |text: &str| Value::Number(text.chars().count().into(), 0);
        let given = self.text();
        if self.below(2) == 0 {
            return Made::call("length", BIGINT, &[&given], move |values| {
                fine(characters(super::reference::text(&values[0])))
            });
        }
        let sought = self.text();
        Made::call("strpos", BIGINT, &[&given, &sought], |values| {
            let (given, sought): (Vec<char>, Vec<char>) = (
                super::reference::text(&values[0]).chars().collect(),
                super::reference::text(&values[1]).chars().collect(),
            );
            let found = (0..=given.len()).find(|at| given[*at..].starts_with(&sought));
            fine(Value::Number(found.map_or(0, |at| at + 1).into(), 0))
        })
    }

    /// A number from 1 that is small enough to be a place; what is not one is no argument.
    pub(super) fn small(&mut self) -> Made {
        literal(self.one_of(&["1", "2", "3", "0", "(-1)", "5", "9223372036854775807", "(-9223372036854775808)"]))
    }
}

/// A place in a text or list, from 1; `None` if it is none.
pub(super) fn place(value: &Value) -> Option<usize> {
    usize::try_from(number(value).0).ok().filter(|place| *place > 0)
}

/// What refuses a place that is none.
pub(super) const NO_PLACE: &str = INVALID;
