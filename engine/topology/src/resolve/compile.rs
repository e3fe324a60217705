//! Compiles expressions of a file and puts their errors into the file's lines.

use batch::{ColumnType, Type};
use expression::{Expression, ExpressionError, Scope};

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::reader::Node;

/// A text as an SQL literal.
pub(super) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column's name as an expression.
pub(super) fn name(column: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    // Words of SQL would be read as such; quotes never hurt a name that is known.
    if column.chars().all(plain)
        && column.contains('_')
        && column.starts_with(|first: char| first.is_ascii_alphabetic())
    {
        return column.to_owned();
    }
    format!("\"{}\"", column.replace('"', "\"\""))
}

/// A column's name as people write it.
pub(super) fn shown_name(column: &str) -> String {
    let plain = column.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if plain { column.to_owned() } else { name(column) }
}

/// Reports errors of an expression at their places. Errors about a `poisoned` name, which is wrong for a reason that
/// is already known, are left out.
pub(super) fn report(findings: &Findings, node: &Node, errors: Vec<ExpressionError>, poisoned: &[std::sync::Arc<str>]) {
    let text = node.text();
    // Surrounding blanks are not given to the compiler.
    let skipped = text.len() - text.trim_start().len();
    if poisoned.iter().any(|name| mentions(text, name)) {
        return;
    }
    for error in errors {
        let range = error.span.start + skipped..error.span.end + skipped;
        let mut finding = Diagnostic::new(error.code, node, error.message);
        finding.excerpt = node.part(range).excerpt();
        let nearest = error.nearest.is_some();
        finding.remedy = error.remedy.filter(|remedy| !(nearest && remedy.starts_with("did you mean")));
        if let (Some(remedy), Some(whole)) = (&finding.remedy, Some(text.trim()).filter(|whole| whole.len() <= 60))
            && error.code.0 == "E3304"
        {
            finding.remedy = Some(remedy.replace("cast(x as ", &format!("cast({whole} as ")));
        }
        if let Some(nearest) = error.nearest {
            // A name in double quotes is mostly a text: then the remedy says that first, and the nearest name behind it.
            if finding.remedy.as_ref().is_none_or(|remedy| !remedy.starts_with("text stands in")) {
                finding.label = Some(format!("did you mean `{nearest}`?"));
            }
            finding.nearest = Some(nearest);
        }
        findings.push(finding);
    }
}

/// Compiles, as `target` where there is one. `None` after findings.
pub(super) fn expression(
    findings: &Findings,
    node: &Node,
    scope: &Scope,
    target: Option<&ColumnType>,
    poisoned: &[std::sync::Arc<str>],
) -> Option<Expression> {
    let text = node.text().trim();
    let compiled = match target {
        Some(target) => Expression::compile_as(text, scope, target),
        None => Expression::compile(text, scope),
    };
    compiled.map_err(|errors| report(findings, node, errors, poisoned)).ok()
}

/// Compiles a condition.
pub(super) fn condition(
    findings: &Findings,
    node: &Node,
    scope: &Scope,
    poisoned: &[std::sync::Arc<str>],
) -> Option<Expression> {
    let compiled = expression(findings, node, scope, None, poisoned)?;
    if compiled.column_type().of == Type::Boolean {
        return Some(compiled);
    }
    let what = format!("a condition is true or false, and this is {}", compiled.column_type());
    findings.push(Diagnostic::new(codes::CONDITION, node, what).remedy("write a comparison, such as `quantity > 0`"));
    None
}

/// True if `name` stands in `text` as a word of its own.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    let part = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// The text of an expression without what stands in single quotes.
pub(super) fn without_literals(text: &str) -> String {
    text.split('\'').step_by(2).collect::<Vec<_>>().join(" ")
}
