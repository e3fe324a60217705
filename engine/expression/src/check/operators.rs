//! Types and code of operators.
//!
//! Comparisons unify their sides first, except decimals, which compare exactly at any scales. Arithmetic of exact
//! numbers runs in 128 bits (256 where a product or quotient needs them) and is checked against the result's type.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{BooleanArray, Float64Array};
use arrow::compute::kernels::cmp;
use arrow::compute::{ilike as ilike_kernel, is_not_null, is_null, like as like_kernel, not};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use batch::Type;

use super::Checker;
use crate::calendar::OUT_OF_RANGE;
use crate::cast::{as_decimals, exact, exact_numbers};
use crate::column::{Arguments, Column, Fault, OVERFLOW, Outcome, falsehoods, numbers, truths};
use crate::decimal;
use crate::syntax::{Operator, Span, Syntax, SyntaxKind};
use crate::tree::{Kind, Literal, Node, Operation};

/// An operand, and where it is written.
pub(crate) type Side<'a> = (Node, &'a Span);

impl Checker<'_> {
    /// A part that must be true or false.
    pub(super) fn condition(&mut self, syntax: &Syntax) -> Option<Node> {
        let node = self.check(syntax)?;
        self.converted(node, &Type::Boolean, &syntax.span)
    }

    pub(super) fn not(&mut self, operand: &Syntax) -> Option<Node> {
        let node = self.condition(operand)?;
        Some(self.negated(node, &operand.span))
    }

    fn negated(&mut self, node: Node, span: &Span) -> Node {
        let operation = Operation::new(|arguments| {
            let values: &BooleanArray = arrow::array::AsArray::as_boolean(arguments.values(0));
            Outcome::boolean(not(values), arguments.count)
        });
        self.apply(Type::Boolean, operation, vec![node], span)
    }

    fn negated_if(&mut self, node: Node, negated: bool, span: &Span) -> Node {
        if negated { self.negated(node, span) } else { node }
    }

    pub(super) fn negate(&mut self, operand: &Syntax, span: &Span) -> Option<Node> {
        let node = self.check(operand)?;
        match &node.literal {
            Some(Literal::Integer(value)) => return self.number(&(-value).to_string(), span),
            Some(Literal::Decimal(text)) => return self.number(&format!("-{text}"), span),
            _ => {}
        }
        if node.of == Type::Double {
            let operation = Operation::new(|arguments| {
                let values = arguments.number::<Float64Type>(0).array().unary::<_, Float64Type>(|value| -value);
                Outcome::fine(Arc::new(values))
            });
            return Some(self.apply(Type::Double, operation, vec![node], span));
        }
        let zero = self.number("0", span)?;
        self.arithmetic(Operator::Subtract, (zero, span), (node, &operand.span), span)
    }

    pub(super) fn is_null(&mut self, node: Node, negated: bool, span: &Span) -> Node {
        let operation = Operation::new(move |arguments| {
            let values = arguments.values(0);
            Outcome::boolean(if negated { is_not_null(values) } else { is_null(values) }, arguments.count)
        });
        self.apply_as(Type::Boolean, false, operation, vec![node], span)
    }

    pub(super) fn is_truth(&mut self, node: Node, truth: bool, negated: bool, span: &Span) -> Node {
        let operation = Operation::new(move |arguments| {
            let values = arguments.values(0);
            let mask = if truth { truths(values) } else { falsehoods(values) };
            Outcome::fine(Arc::new(BooleanArray::new(if negated { !&mask } else { mask }, None)))
        });
        self.apply_as(Type::Boolean, false, operation, vec![node], span)
    }

    /// Operands stand with their own places, so that a remedy can repeat what was written there.
    pub(super) fn binary(&mut self, operator: Operator, left: Side<'_>, right: Side<'_>, span: &Span) -> Option<Node> {
        match operator {
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
                self.arithmetic(operator, left, right, span)
            }
            _ => self.comparison(operator, left, right, span),
        }
    }

    pub(super) fn in_list(&mut self, operand: &Syntax, list: &[Syntax], negated: bool, span: &Span) -> Option<Node> {
        let node = self.check(operand);
        let items: Vec<_> = list.iter().map(|item| self.check(item)).collect();
        let node = node?;
        let mut terms = Vec::with_capacity(items.len());
        for (item, written) in items.into_iter().zip(list) {
            terms.push(item.and_then(|item| {
                let (left, right) = ((node.clone(), &operand.span), (item, &written.span));
                self.comparison(Operator::Equal, left, right, &written.span)
            }));
        }
        let terms: Vec<Node> = terms.into_iter().collect::<Option<_>>()?;
        let nullable = terms.iter().any(|term| term.nullable);
        let any = Node::new(Type::Boolean, nullable, Kind::Logic { and: false, terms });
        Some(self.negated_if(any, negated, span))
    }

    pub(super) fn between(
        &mut self,
        operand: &Syntax,
        low: &Syntax,
        high: &Syntax,
        negated: bool,
        span: &Span,
    ) -> Option<Node> {
        let (node, low_node, high_node) = (self.check(operand), self.check(low), self.check(high));
        let (node, low_node, high_node) = (node?, low_node?, high_node?);
        let above =
            self.comparison(Operator::GreaterOrEqual, (node.clone(), &operand.span), (low_node, &low.span), &low.span);
        let below = self.comparison(Operator::LessOrEqual, (node, &operand.span), (high_node, &high.span), &high.span);
        let terms = vec![above?, below?];
        let nullable = terms.iter().any(|term| term.nullable);
        let both = Node::new(Type::Boolean, nullable, Kind::Logic { and: true, terms });
        Some(self.negated_if(both, negated, span))
    }

    /// `escape` is the character after which `%` and `_` are themselves; `\` where none is given.
    pub(super) fn like(
        &mut self,
        (operand, operand_span): (Node, Span),
        (pattern, pattern_span): (Node, Span),
        escape: Option<(Node, Span)>,
        ignore_case: bool,
        negated: bool,
    ) -> Option<Node> {
        let span = operand_span.start..pattern_span.end;
        let mut pattern = pattern;
        if let Some((escape, escape_span)) = escape {
            let (Some(Literal::Text(text)), Some(Literal::Text(character))) = (&pattern.literal, &escape.literal)
            else {
                let remedy = "write both in 'single quotes'";
                return self.error(
                    "E3305",
                    &escape_span,
                    "`escape` needs a literal pattern and character".to_owned(),
                    remedy,
                );
            };
            let mut characters = character.chars();
            let (Some(character), None) = (characters.next(), characters.next()) else {
                let remedy = "write `escape '!'`";
                return self.error("E3305", &escape_span, "`escape` takes one character".to_owned(), remedy);
            };
            pattern = super::text_constant(&with_backslashes(text, character));
        }
        let operand = self.converted(operand, &Type::Text, &operand_span);
        let pattern = self.converted(pattern, &Type::Text, &pattern_span);
        let operation = Operation::new(move |arguments| {
            let (left, right) = (arguments.datum(0), arguments.datum(1));
            let kernel = if ignore_case { ilike_kernel } else { like_kernel };
            Outcome::boolean(kernel(&*left, &*right), arguments.count)
        });
        let node = self.apply(Type::Boolean, operation, vec![operand?, pattern?], &span);
        Some(self.negated_if(node, negated, &span))
    }

    pub(crate) fn comparison(
        &mut self,
        operator: Operator,
        (left, left_span): Side<'_>,
        (right, right_span): Side<'_>,
        span: &Span,
    ) -> Option<Node> {
        let distinct = matches!(operator, Operator::Distinct | Operator::NotDistinct);
        // Numbers of different types compare by what they are: a type that holds both need not exist.
        let decimal = [&left.of, &right.of].into_iter().any(|of| matches!(of, Type::Decimal { .. }));
        let decimals = decimal && exact(&left.of).is_some() && exact(&right.of).is_some();
        let nullable = !distinct && (left.nullable || right.nullable);
        if decimals
            && left.of != right.of
            && left.literal != Some(Literal::Null)
            && right.literal != Some(Literal::Null)
        {
            let operation = compare_decimals(operator, &left.of, &right.of);
            return Some(self.apply_as(Type::Boolean, nullable, operation, vec![left, right], span));
        }
        let nodes = self.unified(vec![(left, left_span.clone()), (right, right_span.clone())], Some(span))?;
        if let Some(Type::List(_) | Type::Map(_)) = nodes.first().map(|node| &node.of) {
            let remedy = "compare elements, `element(list, position)`, or use `list_contains`";
            return self.error("E3301", span, "lists and maps cannot be compared".to_owned(), remedy);
        }
        let double = nodes.first().is_some_and(|node| node.of == Type::Double);
        let operation = Operation::new(move |arguments| {
            let side = |position: usize| {
                if double {
                    without_signed_zeros(&arguments.columns[position]).datum()
                } else {
                    arguments.datum(position)
                }
            };
            let (left, right) = (side(0), side(1));
            let kernel = match operator {
                Operator::NotEqual => cmp::neq,
                Operator::Less => cmp::lt,
                Operator::LessOrEqual => cmp::lt_eq,
                Operator::Greater => cmp::gt,
                Operator::GreaterOrEqual => cmp::gt_eq,
                Operator::Distinct => cmp::distinct,
                Operator::NotDistinct => cmp::not_distinct,
                _ => cmp::eq,
            };
            Outcome::boolean(kernel(&*left, &*right), arguments.count)
        });
        Some(self.apply_as(Type::Boolean, nullable, operation, nodes, span))
    }

    pub(crate) fn arithmetic(
        &mut self,
        operator: Operator,
        (left, left_span): Side<'_>,
        (right, right_span): Side<'_>,
        span: &Span,
    ) -> Option<Node> {
        if left.of == Type::Date || right.of == Type::Date {
            return self.date_arithmetic(operator, left, right, span);
        }
        let (mut left, mut right) = (left, right);
        let types = (left.of.clone(), right.of.clone());
        for (node, other) in [(&mut left, types.1), (&mut right, types.0)] {
            let adapts = match node.literal {
                Some(Literal::Null) => exact(&other).is_some() || other == Type::Double,
                Some(Literal::Integer(_) | Literal::Decimal(_)) => other == Type::Double,
                _ => false,
            };
            if adapts && let Some(retyped) = self.retyped(node, &other) {
                *node = retyped;
            }
        }
        if left.of == Type::Double && right.of == Type::Double {
            return Some(self.apply(Type::Double, double_arithmetic(operator), vec![left, right], span));
        }
        let (Some(_), Some(_)) = (exact(&left.of), exact(&right.of)) else {
            let cast = |span: &Span, of: &str| format!("write `cast({} as {of})`", self.written(span));
            let remedy = match (&left.of, &right.of) {
                (Type::Text, Type::Text) if operator == Operator::Add => {
                    "join texts with `||`; numbers in texts are cast first, as in `cast(x as bigint)`".to_owned()
                }
                (Type::Text, _) => cast(left_span, "bigint") + " or as a `decimal`; texts are joined with `||`",
                (_, Type::Text) => cast(right_span, "bigint") + " or as a `decimal`; texts are joined with `||`",
                (Type::Double, _) => cast(right_span, "double") + ", or cast the double to a decimal",
                (_, Type::Double) => cast(left_span, "double") + ", or cast the double to a decimal",
                _ => "arithmetic is for numbers, and for dates with days".to_owned(),
            };
            return self.error("E3301", span, format!("no arithmetic of {} and {}", left.of, right.of), &remedy);
        };
        let of = result_type(operator, &left, &right);
        let operation = exact_arithmetic(operator, &left.of, &right.of, &of);
        Some(self.apply(of, operation, vec![left, right], span))
    }

    /// `text || n + 1`, which joins before it adds and so adds to a text.
    pub(super) fn joined_before_added(
        &mut self,
        operator: Operator,
        left: &Syntax,
        right: &Syntax,
        span: &Span,
    ) -> Option<Node> {
        let (joined, other) = if left.is_joined() { (left, right) } else { (right, left) };
        let SyntaxKind::Call { arguments, .. } = &joined.kind else { return None };
        let near = if left.is_joined() { arguments.last()? } else { arguments.first()? };
        let (near_node, other_node) = (self.check(near)?, self.check(other)?);
        let sign = operator.sign();
        if other_node.of == Type::Text || matches!(near.kind, SyntaxKind::Text(_)) {
            let what = format!("no arithmetic of texts: `{sign}` is for numbers");
            return self.error("E3301", span, what, "join texts with `||`");
        }
        let cast = |node: &Node, syntax: &Syntax| {
            let written = self.written(&syntax.span);
            if node.of == Type::Text { format!("cast({written} as bigint)") } else { written.to_owned() }
        };
        let (near_text, other_text) = (cast(&near_node, near), cast(&other_node, other));
        let remedy = if left.is_joined() {
            let before = self.written(&(left.span.start..near.span.start)).to_owned();
            format!("write `{before} cast({near_text} {sign} {other_text} as text)`")
        } else {
            let after = self.written(&(near.span.end..right.span.end)).to_owned();
            format!("write `cast({other_text} {sign} {near_text} as text) {after}`")
        };
        let what = format!("`||` binds tighter than `{sign}`, so this is arithmetic with a text");
        self.error("E3301", span, what, &remedy)
    }

    /// `date + days`, `days + date`, `date - days` and `date - date`, which gives days.
    fn date_arithmetic(&mut self, operator: Operator, left: Node, right: Node, span: &Span) -> Option<Node> {
        let subtract = operator == Operator::Subtract;
        if subtract
            && left.of == Type::Date
            && (right.of == Type::Date || matches!(right.literal, Some(Literal::Text(_))))
        {
            let right = self.converted(right, &Type::Date, span)?;
            return Some(self.apply(Type::BIGINT, days_between(), vec![left, right], span));
        }
        let whole = |node: &Node| matches!(node.of, Type::Integer { .. }) || node.literal == Some(Literal::Null);
        let (date, days) = match operator {
            Operator::Add | Operator::Subtract if left.of == Type::Date && whole(&right) => (left, right),
            Operator::Add if right.of == Type::Date && whole(&left) => (right, left),
            _ => {
                let remedy = "write `date + days`, `date - days`, or `date - date`, which counts days";
                return self.error(
                    "E3301",
                    span,
                    format!("no such arithmetic of {} and {}", left.of, right.of),
                    remedy,
                );
            }
        };
        let days = self.converted(days, &Type::BIGINT, span)?;
        Some(self.apply(Type::Date, add_days(subtract), vec![date, days], span))
    }
}

pub(crate) fn days_between() -> Operation {
    Operation::new(|arguments| {
        let (left, right) = (arguments.number::<Date32Type>(0), arguments.number::<Date32Type>(1));
        numbers::<Int64Type>(arguments.count, &DataType::Int64, |row| {
            let (Some(left), Some(right)) = (left.get(row), right.get(row)) else { return Ok(None) };
            Ok(Some(i64::from(left) - i64::from(right)))
        })
    })
}

pub(crate) fn add_days(subtract: bool) -> Operation {
    Operation::new(move |arguments| {
        let (dates, days) = (arguments.number::<Date32Type>(0), arguments.number::<Int64Type>(1));
        numbers::<Date32Type>(arguments.count, &DataType::Date32, |row| {
            let (Some(date), Some(days)) = (dates.get(row), days.get(row)) else { return Ok(None) };
            let days = if subtract { days.checked_neg() } else { Some(days) };
            let sum = days.and_then(|days| i64::from(date).checked_add(days)).and_then(|sum| i32::try_from(sum).ok());
            sum.map(Some).ok_or(OUT_OF_RANGE)
        })
    })
}

fn with_backslashes(pattern: &str, escape: char) -> String {
    let mut made = String::with_capacity(pattern.len() + 4);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character == escape {
            made.push('\\');
            made.extend(characters.next());
        } else if character == '\\' {
            made.push_str("\\\\");
        } else {
            made.push(character);
        }
    }
    made
}

fn compare_decimals(operator: Operator, left: &Type, right: &Type) -> Operation {
    let scale = |of: &Type| exact(of).map_or(0, |(_, scale)| scale);
    let (left_scale, right_scale) = (scale(left), scale(right));
    Operation::new(move |arguments| {
        let decimals = |position: usize| as_decimals(arguments.values(position));
        let (Some(left), Some(right)) = (decimals(0), decimals(1)) else {
            return Outcome::fine(arrow::array::new_null_array(&DataType::Boolean, arguments.count));
        };
        crate::column::booleans(arguments.count, |row| {
            let order = match (arguments.index(0, row), arguments.index(1, row)) {
                (Some(at), Some(other)) => {
                    decimal::compare(left.value(at), left_scale, right.value(other), right_scale)
                }
                (left, right) => {
                    return match operator {
                        Operator::Distinct => Some(left.is_some() || right.is_some()),
                        Operator::NotDistinct => Some(left.is_none() && right.is_none()),
                        _ => None,
                    };
                }
            };
            Some(match operator {
                Operator::NotEqual | Operator::Distinct => order != Ordering::Equal,
                Operator::Less => order == Ordering::Less,
                Operator::LessOrEqual => order != Ordering::Greater,
                Operator::Greater => order == Ordering::Greater,
                Operator::GreaterOrEqual => order != Ordering::Less,
                _ => order == Ordering::Equal,
            })
        })
    })
}

/// The kernels order doubles by their bits, in which zero with a sign is less than zero; as numbers they are equal.
pub(crate) fn without_signed_zeros(column: &Column) -> Column {
    let doubles: &Float64Array = arrow::array::AsArray::as_primitive(&column.values);
    if !doubles.values().iter().any(|value| *value == 0.0 && value.is_sign_negative()) {
        return column.clone();
    }
    let plain = doubles.unary::<_, Float64Type>(|value| if value == 0.0 { 0.0 } else { value });
    Column::fine(Arc::new(plain), column.scalar)
}

fn double_arithmetic(operator: Operator) -> Operation {
    Operation::new(move |arguments| {
        let (left, right) = (arguments.number::<Float64Type>(0), arguments.number::<Float64Type>(1));
        numbers::<Float64Type>(arguments.count, &DataType::Float64, |row| {
            let (Some(left), Some(right)) = (left.get(row), right.get(row)) else { return Ok(None) };
            let value = match operator {
                Operator::Add => left + right,
                Operator::Subtract => left - right,
                Operator::Multiply => left * right,
                Operator::Divide | Operator::Remainder if right == 0.0 => return Err(decimal::DIVIDED_BY_ZERO),
                Operator::Divide => left / right,
                _ => left % right,
            };
            if value.is_finite() { Ok(Some(value)) } else { Err(OVERFLOW) }
        })
    })
}

/// The type of a result; see the crate's prose.
fn result_type(operator: Operator, left: &Node, right: &Node) -> Type {
    let unsigned = |node: &Node| match node.literal {
        Some(Literal::Integer(value)) => value >= 0,
        _ => matches!(node.of, Type::Integer { signed: false, .. }),
    };
    let (left_exact, right_exact) = (exact(&left.of).unwrap_or((38, 0)), exact(&right.of).unwrap_or((38, 0)));
    let ((left_precision, left_scale), (right_precision, right_scale)) = (left_exact, right_exact);
    let whole = (left_precision - left_scale).max(right_precision - right_scale);
    let scale = left_scale.max(right_scale);
    let both_whole = matches!((&left.of, &right.of), (Type::Integer { .. }, Type::Integer { .. }));
    match operator {
        Operator::Divide => Type::Decimal { precision: 38, scale: scale.max(6) },
        _ if both_whole => {
            let both_literal = left.literal.is_some() && right.literal.is_some();
            let signed = both_literal || operator == Operator::Subtract || !(unsigned(left) && unsigned(right));
            Type::Integer { bits: 64, signed }
        }
        Operator::Multiply => Type::Decimal {
            precision: left_precision.saturating_add(right_precision).min(38),
            scale: (left_scale + right_scale).min(38),
        },
        Operator::Remainder => Type::Decimal { precision: (whole + scale).min(38), scale },
        _ => Type::Decimal { precision: (whole + scale + 1).min(38), scale },
    }
}

fn exact_arithmetic(operator: Operator, left: &Type, right: &Type, of: &Type) -> Operation {
    let scale = |of: &Type| exact(of).map_or(0, |(_, scale)| scale);
    let (left_scale, right_scale, result_scale) = (scale(left), scale(right), scale(of));
    let of = of.clone();
    let excess = usize::from((left_scale + right_scale).saturating_sub(result_scale));
    let shift = usize::from(result_scale + right_scale - left_scale.min(result_scale + right_scale));
    let compute = move |left: i128, right: i128| -> Result<i128, Fault> {
        match operator {
            Operator::Multiply => decimal::multiply(left, right, excess),
            Operator::Divide => decimal::divide(left, right, shift),
            Operator::Remainder => decimal::remainder((left, left_scale), (right, right_scale)),
            _ => decimal::add((left, left_scale), (right, right_scale), operator == Operator::Subtract),
        }
    };
    Operation::new(move |arguments: &Arguments<'_>| {
        let decimals = |position: usize| as_decimals(arguments.values(position));
        let (Some(left), Some(right)) = (decimals(0), decimals(1)) else {
            return Outcome::fine(arrow::array::new_null_array(&of.arrow(), arguments.count));
        };
        exact_numbers(arguments.count, &of, |row| match (arguments.index(0, row), arguments.index(1, row)) {
            (Some(left_index), Some(right_index)) => {
                compute(left.value(left_index), right.value(right_index)).map(Some)
            }
            _ => Ok(None),
        })
    })
}
