//! Functions of numbers. Exact numbers stay exact.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use batch::Type;

use super::{Call, argument};
use crate::cast::{as_decimals, exact, exact_numbers};
use crate::check::Checker;
use crate::column::{Fault, Outcome, numbers};
use crate::decimal::{Rounding, round_to};
use crate::tree::{Kind, Node, Operation};

/// The first argument, if it is a number.
fn number(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (node, span) = call.arguments.first()?;
    if exact(&node.of).is_some() || node.of == Type::Double {
        return Some(node.clone());
    }
    if node.literal == Some(crate::tree::Literal::Null) {
        return checker.converted(node.clone(), &Type::BIGINT, span);
    }
    let written = checker.written(span);
    let remedy = match call.name {
        // What is rounded has digits behind its point, which a cast to a whole number refuses.
        "round" | "floor" | "ceil" => {
            format!("write `cast({written} as decimal(18, 4))`, or `cast({written} as double)`")
        }
        _ => format!("write `cast({written} as bigint)`, or cast it to a `decimal`"),
    };
    checker.error("E3301", span, format!("`{}` takes a number, not {}", call.name, node.of), &remedy)
}

/// Applies `change` to exact numbers, which gets them as units at their scale and gives units at the result's.
fn each(of: Type, change: impl Fn(i128) -> Result<i128, Fault> + Send + Sync + 'static) -> Operation {
    Operation::new(move |arguments| {
        let Some(decimals) = as_decimals(arguments.values(0)) else {
            return Outcome::fine(arrow::array::new_null_array(&of.arrow(), arguments.count));
        };
        exact_numbers(arguments.count, &of, |row| {
            decimals.is_valid(row).then(|| change(decimals.value(row))).transpose()
        })
    })
}

fn each_double(change: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Operation {
    Operation::new(move |arguments| {
        Outcome::fine(Arc::new(arguments.number::<Float64Type>(0).array().unary::<_, Float64Type>(&change)))
    })
}

pub(super) fn abs(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let node = number(checker, call)?;
    let of = node.of.clone();
    let operation = if of == Type::Double { each_double(f64::abs) } else { each(of.clone(), |value| Ok(value.abs())) };
    Some(checker.apply(of, operation, vec![node], &call.span))
}

pub(super) fn sign(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let node = number(checker, call)?;
    let of = Type::BIGINT;
    let operation = if node.of == Type::Double {
        Operation::new(|arguments| {
            let given = arguments.number::<Float64Type>(0);
            numbers::<Int64Type>(arguments.count, &DataType::Int64, |row| {
                Ok(given.get(row).map(|value| i64::from(value > 0.0) - i64::from(value < 0.0)))
            })
        })
    } else {
        each(of.clone(), |value| Ok(value.signum()))
    };
    Some(checker.apply(of, operation, vec![node], &call.span))
}

/// Rounds to a scale that is known when the expression is compiled, because it is part of the result's type.
fn rounded(checker: &mut Checker<'_>, call: &Call, node: Node, digits: u8, direction: Rounding) -> Node {
    if node.of == Type::Double {
        let factor = 10_f64.powi(i32::from(digits));
        let operation = each_double(move |value| {
            let scaled = value * factor;
            let rounded = match direction {
                Rounding::Nearest => scaled.round(),
                Rounding::Down => scaled.floor(),
                Rounding::Up => scaled.ceil(),
            };
            // Beyond the range of the factor a double has no digits after the point.
            if scaled.is_finite() { rounded / factor } else { value }
        });
        return checker.apply(Type::Double, operation, vec![node], &call.span);
    }
    let Type::Decimal { precision, scale } = node.of else {
        // A whole number stays as it is, but is no literal any more: `-round(5)` is no `-5`.
        return Node { literal: None, ..node };
    };
    let kept = digits.min(scale);
    // Rounding up can give one digit more: 9.9 becomes 10.
    let whole = (precision - scale + u8::from(kept < scale)).min(38 - kept);
    let of = Type::Decimal { precision: (whole + kept).max(1), scale: kept };
    let operation = each(of.clone(), move |value| Ok(round_to(value, scale, kept, direction)));
    checker.apply(of, operation, vec![node], &call.span)
}

pub(super) fn round(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let node = number(checker, call);
    let mut digits = Some(0);
    if call.arguments.len() > 1 {
        let (_, span) = call.arguments.get(1)?.clone();
        digits = match argument(checker, call, 1, &Type::BIGINT)?.kind {
            Kind::Constant(values) if values.null_count() == 0 => {
                u8::try_from(values.as_primitive::<Int64Type>().value(0)).ok().filter(|digits| *digits <= 38)
            }
            _ => None,
        };
        if digits.is_none() {
            let remedy = "write a number from 0 to 38, such as `round(price, 2)`";
            checker.error::<()>(
                "E3305",
                &span,
                "the digits of `round` must be a literal from 0 to 38".to_owned(),
                remedy,
            );
        }
    }
    Some(rounded(checker, call, node?, digits?, Rounding::Nearest))
}

pub(super) fn floor(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let node = number(checker, call)?;
    Some(rounded(checker, call, node, 0, Rounding::Down))
}

pub(super) fn ceil(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let node = number(checker, call)?;
    Some(rounded(checker, call, node, 0, Rounding::Up))
}
