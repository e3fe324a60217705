//! Errors about a name that a column has elsewhere, such as in the publisher's header: they say what it is called here.
//!
//! `Amount EUR` is no name of an expression, and what the parser says of its second word helps nobody. So the text is
//! searched for such names where there is an error, whatever error that is.

use std::ops::Range;

use batch::{Code, bounded};

use crate::expression::ExpressionError;
use crate::scope::Scope;

/// A name of elsewhere in the text of an expression.
struct Found<'a> {
    span: Range<usize>,
    elsewhere: &'a str,
    here: &'a str,
    quoted: bool,
}

/// The errors of an expression; those that a name of elsewhere made are one for each place where it stands.
pub(crate) fn tell(text: &str, scope: &Scope, errors: Vec<ExpressionError>) -> Vec<ExpressionError> {
    let mut found = places(text, scope);
    // A syntax error ends the reading; one of a name stands at it.
    let caused = |found: &Found<'_>, error: &ExpressionError| {
        let touches = error.span.start < found.span.end && found.span.start < error.span.end;
        match error.code.0 {
            // One word alone is a name that was found, in whatever case.
            "E3101" if is_plain(found.elsewhere) && !found.quoted => false,
            "E3101" => error.span.start >= found.span.start && error.span.start <= found.span.end + 1,
            "E3201" | "E3202" => touches,
            _ => false,
        }
    };
    found.retain(|found| errors.iter().any(|error| caused(found, error)));
    let mut told: Vec<ExpressionError> =
        errors.into_iter().filter(|error| !found.iter().any(|found| caused(found, error))).collect();
    told.extend(found.iter().map(said));
    told.sort_by_key(|error| (error.span.start, error.span.end));
    told
}

fn said(found: &Found<'_>) -> ExpressionError {
    let here = written(found.here);
    let (message, mut remedy) = if found.elsewhere == found.here {
        (format!("the name `{}` stands without quotes", found.here), format!("write `{here}`"))
    } else {
        (format!("the column `{}` is called `{}` here", found.elsewhere, found.here), format!("write `{here}`"))
    };
    if found.quoted {
        remedy.push_str(&format!(", or `'{}'` if the text is meant", found.elsewhere.replace('\'', "''")));
    }
    ExpressionError {
        code: Code("E3201"),
        span: found.span.clone(),
        message: bounded(&message),
        remedy: Some(bounded(&remedy)),
        nearest: Some(found.here.to_owned()),
    }
}

/// A name as an expression has it.
fn written(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// True for one word of letters, digits and `_`.
fn is_plain(name: &str) -> bool {
    name.chars().all(is_part) && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn is_part(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Where names of elsewhere stand in the text, and names of here that need quotes and have none. Of names that overlap
/// the longest.
fn places<'a>(text: &str, scope: &'a Scope) -> Vec<Found<'a>> {
    let unquoted = scope.names.keys().filter(|name| !is_plain(name) && !name.contains('.')).map(|name| (name, name));
    let mut names: Vec<(&str, &str)> =
        scope.elsewhere.iter().chain(unquoted).map(|(elsewhere, here)| (&**elsewhere, &**here)).collect();
    names.sort_by_key(|(elsewhere, _)| std::cmp::Reverse(elsewhere.len()));
    let mut found: Vec<Found<'a>> = Vec::new();
    for (elsewhere, here) in names.into_iter().filter(|(elsewhere, _)| !elsewhere.is_empty()) {
        for (at, _) in text.match_indices(elsewhere) {
            let end = at + elsewhere.len();
            let (before, after) = (text[..at].chars().next_back(), text[end..].chars().next());
            let quoted = before == Some('"') && after == Some('"') && !text[..at - 1].ends_with('.');
            let word = !before.is_some_and(|before| is_part(before) || before == '.') && !after.is_some_and(is_part);
            // A name that resolves is no error; one in quotes that is the name of here is right.
            let right = elsewhere == here && quoted;
            let in_literal = text[..at].matches('\'').count() % 2 == 1;
            let span = if quoted { at - 1..end + 1 } else { at..end };
            let overlaps = found.iter().any(|other| span.start < other.span.end && other.span.start < span.end);
            if word && !right && !in_literal && !overlaps {
                found.push(Found { span, elsewhere, here, quoted });
            }
        }
    }
    found
}
