//! Which values take another type by themselves, and the common type of several.
//!
//! Three strengths: `retyped` (literals only), `converted` (arguments and branches: nothing that could fail for text,
//! numbers checked row by row), `assigned` (the result, for its column). All else is an error that names the cast.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, ListArray, new_empty_array, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use batch::Type;

use super::{Checker, constant};
use crate::cast::{caster, exact};
use crate::column::{Arguments, Column, Fault, Outcome};
use crate::syntax::{Span, Syntax, SyntaxKind};
use crate::tree::{Kind, Literal, Node, Operation};

const NULL: Fault = Fault::new("E4103", "the value is null, and its column allows none");
/// The same of a fact of the document, such as `document.date`: its parts are given by patterns.
const NOT_IN_NAME: Fault = Fault::new(
    "E4103",
    "the value is null, and its column allows none: the pattern that fits this document's name or address has no such part",
);

/// The type of a whole number by itself.
pub(crate) fn literal_integer(value: i128) -> Type {
    if i64::try_from(value).is_ok() {
        Type::BIGINT
    } else if u64::try_from(value).is_ok() {
        Type::Integer { bits: 64, signed: false }
    } else {
        Type::Decimal { precision: 38, scale: 0 }
    }
}

pub(crate) fn decimal_array(value: i128, precision: u8, scale: u8) -> ArrayRef {
    let array = Decimal128Array::from(vec![value]);
    match array.clone().with_precision_and_scale(precision, scale.cast_signed()) {
        Ok(array) => Arc::new(array),
        Err(_) => Arc::new(array),
    }
}

impl Checker<'_> {
    /// A literal as another type, if it has exactly that value.
    pub(crate) fn retyped(&mut self, node: &Node, target: &Type) -> Option<Node> {
        let number = exact(target).is_some() || *target == Type::Double;
        let may = match node.literal.as_ref()? {
            Literal::Null => return Some(constant(target.clone(), new_null_array(&target.arrow(), 1))),
            Literal::EmptyList => {
                let Type::List(item) = target else { return None };
                let field = Arc::new(Field::new("item", item.arrow(), true));
                let offsets = OffsetBuffer::from_lengths([0]);
                let list = ListArray::try_new(field, offsets, new_empty_array(&item.arrow()), None).ok()?;
                return Some(constant(target.clone(), Arc::new(list)));
            }
            Literal::Integer(_) | Literal::Decimal(_) => number,
            Literal::Text(_) => matches!(target, Type::Date | Type::Timestamp { .. }),
        };
        if !may {
            return None;
        }
        let Kind::Constant(values) = &node.kind else { return None };
        if node.of == *target {
            return Some(constant(target.clone(), Arc::clone(values)));
        }
        let operation = caster(&node.of, target)?;
        let outcome = (operation.0)(&Arguments { columns: &[Column::fine(Arc::clone(values), true)], count: 1 });
        outcome.faults.is_empty().then(|| constant(target.clone(), outcome.values))
    }

    /// Converts an argument to the type that its place asks for.
    pub(crate) fn converted(&mut self, node: Node, target: &Type, span: &Span) -> Option<Node> {
        if node.of == *target && node.literal != Some(Literal::Null) {
            return Some(node);
        }
        if let Some(node) = self.retyped(&node, target) {
            return Some(node);
        }
        if let (Some(Literal::Text(_)), Type::Date | Type::Timestamp { .. }) = (&node.literal, target) {
            let remedy = match target {
                Type::Date => "write it as 'YYYY-MM-DD'",
                Type::Timestamp { zone: Some(_), .. } => "write it as 'YYYY-MM-DDTHH:MM:SSZ'",
                _ => "write it as 'YYYY-MM-DDTHH:MM:SS'",
            };
            return self.error("E3302", span, format!("this text is no {target}"), remedy);
        }
        if converts(&node.of, target)
            && let Some(operation) = caster(&node.of, target)
        {
            return Some(self.apply(target.clone(), operation, vec![node], span));
        }
        let remedy = remedy(&node.of, target, self.written(span));
        self.error("E3301", span, format!("this is {}, but {target} is needed", node.of), &remedy)
    }

    /// Converts the value of the expression to the type of its column.
    pub(crate) fn assigned(&mut self, node: Node, target: &Type, span: &Span) -> Option<Node> {
        let before = self.errors.len();
        let node = self.converted(node, target, span);
        for error in &mut self.errors[before..] {
            if error.code.0 == "E3301" {
                error.code = batch::Code("E3304");
                error.message = error.message.replace("is needed", "is wanted");
            }
        }
        let node = node?;
        // A column of lists or maps is never null; nothing there is the empty list.
        if matches!(target, Type::List(_) | Type::Map(_)) && node.nullable {
            let of = target.arrow();
            let empty = Operation::new(move |arguments| Outcome::fine(without_null_lists(arguments.values(0), &of)));
            return Some(self.apply_as(target.clone(), false, empty, vec![node], span));
        }
        Some(node)
    }

    /// Reports a cast of a text that is written out and is no such value: it would fail in every row. Within `try` and
    /// `coalesce` that may be meant.
    pub(super) fn never_casts(&mut self, operand: &Syntax, node: &Node, target: &Type) -> bool {
        let (SyntaxKind::Text(text), Kind::Constant(values), 0) = (&operand.kind, &node.kind, self.forgiving) else {
            return false;
        };
        let Some(operation) = caster(&node.of, target) else { return false };
        let outcome = (operation.0)(&Arguments { columns: &[Column::fine(Arc::clone(values), true)], count: 1 });
        let Some((_, fault)) = outcome.faults.first() else { return false };
        let written = self.written(&operand.span).to_owned();
        let remedy = match target {
            _ if self.scope.resolve(text, false).is_some() => {
                format!("a name stands without quotes: write `cast({text} as {target})`")
            }
            Type::Boolean => format!("write `true` or `false`, or a comparison, as in `x = {written}`"),
            Type::Date | Type::Timestamp { .. } => {
                "write a day as '2024-01-31', a time as '2024-01-31T16:00:00'".to_owned()
            }
            _ => "write the number itself, without quotes".to_owned(),
        };
        let message = format!("{written} is no {target}, so this cast fails in every row: {}", fault.what);
        self.error::<()>("E3302", &operand.span, message, &remedy);
        true
    }

    /// Fails the rows that are null.
    pub(crate) fn required(&mut self, node: Node, span: &Span) -> Node {
        let of = node.of.clone();
        let is_fact = matches!(&node.kind, Kind::Name(name) if name.starts_with("document."));
        let fault = if is_fact { NOT_IN_NAME } else { NULL };
        let require = Operation::new(move |arguments| {
            let values = Arc::clone(arguments.values(0));
            let faults = match values.logical_nulls() {
                Some(nulls) if nulls.null_count() > 0 => {
                    (0..values.len()).filter(|row| nulls.is_null(*row)).map(|row| (row, fault)).collect()
                }
                _ => Vec::new(),
            };
            Outcome { values, faults }
        });
        self.apply_as(of, false, require, vec![node], span)
    }

    /// Values of one common type: branches of a `case`, items of a list, the sides of a comparison. What does not fit
    /// is marked where it stands, or at `marked`.
    pub(crate) fn unified(&mut self, nodes: Vec<(Node, Span)>, marked: Option<&Span>) -> Option<Vec<Node>> {
        let mut common: Option<Type> = None;
        // The value that has the common type, for the remedy.
        let mut first: Option<&Span> = None;
        // Literals adapt to the others, so those decide first.
        let decided = nodes.iter().filter(|(node, _)| node.literal.is_none());
        for (node, of_span) in decided {
            let before = *first.get_or_insert(of_span);
            common = Some(match common {
                None => node.of.clone(),
                Some(common) => match joined(&common, &node.of) {
                    Some(joined) => joined,
                    None => return self.different((&common, before), (&node.of, of_span), marked),
                },
            });
        }
        for (node, of_span) in &nodes {
            if matches!(node.literal, None | Some(Literal::Null | Literal::EmptyList)) {
                continue;
            }
            let before = *first.get_or_insert(of_span);
            common = Some(match common {
                None => node.of.clone(),
                Some(common) if self.retyped(node, &common).is_some() => common,
                Some(common) => match (joined(&common, &node.of), &common) {
                    (Some(joined), _) => joined,
                    // Reported as a wrong literal when it is converted below.
                    (None, Type::Date | Type::Timestamp { .. }) if node.of == Type::Text => common,
                    (None, _) => return self.different((&common, before), (&node.of, of_span), marked),
                },
            });
        }
        let listed =
            || nodes.iter().find(|(node, _)| node.literal == Some(Literal::EmptyList)).map(|(node, _)| node.of.clone());
        let common = common.or_else(listed).unwrap_or(Type::Text);
        let converted: Vec<_> =
            nodes.into_iter().map(|(node, span)| self.converted(node, &common, marked.unwrap_or(&span))).collect();
        converted.into_iter().collect()
    }

    fn different<T>(
        &mut self,
        (left, left_span): (&Type, &Span),
        (right, right_span): (&Type, &Span),
        marked: Option<&Span>,
    ) -> Option<T> {
        let (text, other) = if *left == Type::Text { (left_span, right_span) } else { (right_span, left_span) };
        let as_text = as_text(self.written(text), self.written(other));
        // It is the text that should become the other, unless it is written out and is none.
        let remedy = as_text.unwrap_or_else(|| match left {
            Type::Text => remedy(left, right, self.written(left_span)),
            _ => remedy(right, left, self.written(right_span)),
        });
        let what = format!("{left} and {right} have no common type");
        self.error("E3301", marked.unwrap_or(right_span), what, &remedy)
    }

    /// What was written at a place, for a remedy to repeat; `x` where it is too long for that.
    pub(crate) fn written(&self, span: &Span) -> &str {
        let text = self.text.get(span.clone()).unwrap_or("").trim();
        if text.is_empty() || text.len() > 60 || text.contains('\n') { "x" } else { text }
    }
}

/// Whether a value of one type becomes the other without being asked to. Numbers that do not fit fail their row.
fn converts(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Date, Type::Timestamp { zone: None, .. }) => true,
        (Type::Timestamp { zone: before, .. }, Type::Timestamp { zone: after, .. }) => {
            before.is_some() == after.is_some()
        }
        (Type::List(from), Type::List(to)) => from == to || converts(from, to),
        (from, to) => exact(from).is_some() && exact(to).is_some(),
    }
}

/// The type that holds the values of both.
pub(crate) fn joined(left: &Type, right: &Type) -> Option<Type> {
    match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (Type::Integer { bits, signed }, Type::Integer { bits: other, signed: other_signed }) => {
            if signed == other_signed {
                return Some(Type::Integer { bits: *bits.max(other), signed: *signed });
            }
            let (unsigned, with_sign) = if *signed { (*other, *bits) } else { (*bits, *other) };
            if unsigned == 64 {
                return Some(Type::Decimal { precision: 20, scale: 0 });
            }
            Some(Type::Integer { bits: with_sign.max(unsigned * 2), signed: true })
        }
        (Type::Timestamp { digits, zone }, Type::Timestamp { digits: other, zone: other_zone })
            if zone.is_some() == other_zone.is_some() =>
        {
            Some(Type::Timestamp { digits: *digits.max(other), zone: zone.clone() })
        }
        (Type::List(left), Type::List(right)) => Some(Type::List(Box::new(joined(left, right)?))),
        (left, right) => {
            let ((precision, scale), (other_precision, other_scale)) = (exact(left)?, exact(right)?);
            let whole = (precision - scale).max(other_precision - other_scale);
            let scale = scale.max(other_scale);
            Some(Type::Decimal { precision: (whole + scale).min(38), scale })
        }
    }
}

/// What to do where a text that is written out, and is no number, stands beside what is no text.
fn as_text(text: &str, other: &str) -> Option<String> {
    let words = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let is_word = words.starts_with(char::is_alphabetic) && !["true", "false"].contains(&words.to_lowercase().as_str());
    let number = other.chars().all(|sign| sign.is_ascii_digit());
    let quoted = if number { format!("`'{other}'` or ") } else { String::new() };
    is_word.then(|| format!("make the other a text too: {quoted}`cast({other} as text)`"))
}

/// What to write instead of `written`, which has one type and should have the other.
fn remedy(from: &Type, to: &Type, written: &str) -> String {
    match (from, to) {
        // Of a text that is written out no cast makes a condition.
        (Type::Text, Type::Boolean) if written.starts_with('\'') => {
            format!("write a comparison, as in `x = {written}`")
        }
        (Type::Text, to) if written.starts_with('\'') && (exact(to).is_some() || *to == Type::Double) => {
            let text = written.trim_matches('\'');
            match text.parse::<f64>() {
                Ok(_) => format!("write `{text}` without quotes"),
                Err(_) => "write a number; a name stands without quotes".to_owned(),
            }
        }
        (Type::Text, Type::Date) => {
            format!("write `cast({written} as date)` for YYYY-MM-DD, or `parse_date({written}, format)`")
        }
        (Type::Text, Type::Timestamp { zone: Some(_), .. }) => {
            format!("write `to_timestamp({written})` or `to_timestamp({written}, zone)`")
        }
        (Type::Text, Type::Timestamp { .. }) => format!("write `parse_timestamp({written}, format)`"),
        (Type::Timestamp { zone: Some(_), .. }, Type::Date) => format!("write `date_of({written}, zone)`"),
        (Type::Timestamp { zone: None, .. }, Type::Date) => format!("write `date_of({written})`"),
        (Type::Timestamp { zone: None, .. }, Type::Timestamp { .. }) => format!("write `at_zone({written}, zone)`"),
        (Type::Date, Type::Timestamp { .. }) => format!("write `at_zone(cast({written} as timestamp(6)), zone)`"),
        (from, to) if caster(from, to).is_some() => format!("write `cast({written} as {to})`"),
        (from, to) if caster(to, from).is_some() => format!("cast the other side to {from}"),
        _ => "use values of one type".to_owned(),
    }
}

fn without_null_lists(values: &ArrayRef, of: &arrow::datatypes::DataType) -> ArrayRef {
    if values.null_count() == 0 {
        return Arc::clone(values);
    }
    let made: Option<ArrayRef> = match values.as_list_opt::<i32>() {
        Some(lists) => {
            // A null list may still cover items, which must not come to light.
            let covers = (0..lists.len()).any(|row| lists.is_null(row) && lists.value_length(row) > 0);
            if covers {
                compacted(values, of)
            } else {
                let field = match of {
                    arrow::datatypes::DataType::List(field) => Arc::clone(field),
                    _ => return Arc::clone(values),
                };
                ListArray::try_new(field, lists.offsets().clone(), Arc::clone(lists.values()), None)
                    .ok()
                    .map(|lists| Arc::new(lists) as ArrayRef)
            }
        }
        None => compacted(values, of),
    };
    made.unwrap_or_else(|| Arc::clone(values))
}

/// Takes an empty list or map from a second array wherever the first is null.
fn compacted(values: &ArrayRef, of: &arrow::datatypes::DataType) -> Option<ArrayRef> {
    let empty =
        arrow::array::make_array(arrow::array::ArrayData::new_null(of, 1).into_builder().nulls(None).build().ok()?);
    let indices: Vec<(usize, usize)> =
        (0..values.len()).map(|row| if values.is_null(row) { (1, 0) } else { (0, row) }).collect();
    arrow::compute::interleave(&[values.as_ref(), empty.as_ref()], &indices).ok()
}
