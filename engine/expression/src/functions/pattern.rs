//! Regular expressions, compiled once from a literal, in the syntax of the `regex` crate: no look-around, linear time.

use std::borrow::Cow;

use batch::Type;
use regex::Regex;

use super::text::{LONGEST, TOO_LONG};
use super::{Call, argument, literal};
use crate::check::Checker;
use crate::column::{Fault, booleans, texts};
use crate::tree::{Node, Operation};
use arrow::datatypes::Int64Type;

fn pattern(checker: &mut Checker<'_>, call: &Call) -> Option<Regex> {
    let written = literal(checker, call, 1, "pattern")?;
    match Regex::new(&written) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let reason = match error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                // The last line says what is wrong; those before draw the pattern.
                error => error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
            };
            let span = call.arguments.get(1)?.1.clone();
            let remedy = "patterns are those of Rust's `regex`: without look-around and back-references";
            checker.error("E3306", &span, format!("this is no pattern: {reason}"), remedy)
        }
    }
}

pub(super) fn matches(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (given, pattern) = (argument(checker, call, 0, &Type::Text), pattern(checker, call));
    let pattern = pattern?;
    let operation = Operation::new(move |arguments| {
        let given = arguments.text(0);
        booleans(arguments.count, |row| given.get(row).map(|text| pattern.is_match(text)))
    });
    Some(checker.apply(Type::Boolean, operation, vec![given?], &call.span))
}

pub(super) fn extract(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    const NO_GROUP: Fault = Fault::new("E4105", "the pattern has no group of this number");
    let (given, pattern) = (argument(checker, call, 0, &Type::Text), pattern(checker, call));
    let group = match call.arguments.len() {
        3 => argument(checker, call, 2, &Type::BIGINT),
        _ => Some(crate::check::constant(Type::BIGINT, std::sync::Arc::new(arrow::array::Int64Array::from(vec![0])))),
    };
    let pattern = pattern?;
    let operation = Operation::new(move |arguments| {
        let (given, groups) = (arguments.text(0), arguments.number::<Int64Type>(1));
        texts(arguments.count, |row| {
            let (Some(text), Some(group)) = (given.get(row), groups.get(row)) else { return Ok(None) };
            let group = usize::try_from(group).ok().filter(|group| *group < pattern.captures_len()).ok_or(NO_GROUP)?;
            let found = pattern.captures(text).and_then(|captures| captures.get(group));
            Ok(found.map(|found| Cow::Borrowed(found.as_str())))
        })
    });
    Some(checker.apply_as(Type::Text, true, operation, vec![given?, group?], &call.span))
}

/// The text with all that matches replaced.
fn replaced<'t>(pattern: &Regex, text: &'t str, by: &str) -> Result<Cow<'t, str>, Fault> {
    // Each match may be empty, and each `$` may stand for all of the text.
    let most = (text.len() + 1).saturating_mul(by.len().saturating_add(by.matches('$').count() * text.len()));
    if most <= LONGEST {
        return Ok(pattern.replace_all(text, by));
    }
    let (mut made, mut end) = (String::new(), 0);
    for captures in pattern.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        made.push_str(&text[end..found.start()]);
        captures.expand(by, &mut made);
        end = found.end();
        if made.len() > LONGEST {
            return Err(TOO_LONG);
        }
    }
    if end == 0 && made.is_empty() {
        return Ok(Cow::Borrowed(text));
    }
    made.push_str(&text[end..]);
    Ok(Cow::Owned(made))
}

pub(super) fn replace(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (given, pattern) = (argument(checker, call, 0, &Type::Text), pattern(checker, call));
    let by = argument(checker, call, 2, &Type::Text);
    let pattern = pattern?;
    let operation = Operation::new(move |arguments| {
        let (given, by) = (arguments.text(0), arguments.text(1));
        texts(arguments.count, |row| {
            let (Some(text), Some(by)) = (given.get(row), by.get(row)) else { return Ok(None) };
            replaced(&pattern, text, by).map(Some)
        })
    });
    Some(checker.apply(Type::Text, operation, vec![given?, by?], &call.span))
}
