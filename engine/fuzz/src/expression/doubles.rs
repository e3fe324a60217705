//! Binary floating point. Its operations are those of the machine; what they must not do is leave the numbers.

use std::cmp::Ordering;

use batch::Type;

use super::numbers::{literal, number, shown};
use super::reference::{BY_ZERO, Cell, LOST, Made, Maker, fine};
use crate::value::Value;

pub(super) fn double(value: &Value) -> f64 {
    if let Value::Double(value) = value { *value } else { panic!("{value:?} is no double") }
}

/// Zeros are equal whatever their sign. There is no other number that is not itself.
pub(super) fn compare(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).expect("no column holds what is no number")
}

fn finite(value: f64) -> Cell {
    if value.is_finite() { fine(Value::Double(value)) } else { Err(LOST) }
}

/// An exact number as a double: a whole one only if that is the same number.
pub(super) fn nearest(value: &Value) -> Cell {
    let (units, scale) = number(value);
    let text = shown(units, scale);
    let made: f64 = text.parse().expect("digits are a number");
    if scale == 0 && format!("{made:.0}") != text {
        return Err(LOST);
    }
    fine(Value::Double(made))
}

fn arithmetic(sign: char, one: &Made, other: &Made) -> Made {
    Made::apply(format!("({} {sign} {})", one.text, other.text), Type::Double, &[one, other], move |values| {
        let (one, other) = (double(&values[0]), double(&values[1]));
        match sign {
            '+' => finite(one + other),
            '-' => finite(one - other),
            '*' => finite(one * other),
            _ if other == 0.0 => Err(BY_ZERO),
            '/' => finite(one / other),
            _ => finite(one % other),
        }
    })
}

impl Maker<'_, '_> {
    pub(super) fn double(&mut self) -> Made {
        if self.leaf() {
            return match self.below(4) {
                0 => Made::new("1e0", Type::Double, |_| fine(Value::Double(1.0))),
                1 => Made::new("2.5e-1", Type::Double, |_| fine(Value::Double(0.25))),
                _ => Made::column("f"),
            };
        }
        match self.below(8) {
            0..=2 => {
                let one = self.double();
                let sign = self.one_of(&['+', '-', '*', '/', '%']);
                if self.below(4) == 0 {
                    // A number that is written out takes the type of the other side.
                    let other = literal(self.one_of(&["1", "0.1", "0", "(-2)"]));
                    let value = Made::apply(other.text.clone(), Type::Double, &[&other], |values| nearest(&values[0]));
                    return arithmetic(sign, &one, &value);
                }
                let other = self.double();
                arithmetic(sign, &one, &other)
            }
            3 => {
                let given = self.double();
                Made::apply(format!("(- {})", given.text), Type::Double, &[&given], |values| {
                    fine(Value::Double(-double(&values[0])))
                })
            }
            4 => {
                let given = self.double();
                let (name, run) = self.one_of(&[
                    ("abs", f64::abs as fn(f64) -> f64),
                    ("round", f64::round),
                    ("floor", f64::floor),
                    ("ceil", f64::ceil),
                ]);
                Made::call(name, Type::Double, &[&given], move |values| fine(Value::Double(run(double(&values[0])))))
            }
            5 => {
                let first = self.double();
                self.choice(&first)
            }
            _ => self.cast_to(&Type::Double),
        }
    }
}
