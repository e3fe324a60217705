//! Compiles expressions of a file and puts their errors into the file's lines.

use std::sync::Arc;

use batch::{ColumnType, Type};
use expression::{Expression, ExpressionError, Scope};

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::plan::{ByLayout, Columns};
use crate::reader::{Kind, Node, Style};

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

/// What an expression does not see, and what a finding should say of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Unseen<'a> {
    /// The columns that the same step makes.
    pub(super) beside: &'a [Arc<str>],
    /// The layout of the rows that the expression is for, and the columns of all layouts.
    pub(super) layouts: Option<(&'a str, &'a ByLayout<Columns>)>,
    /// True where columns of a document that no layout has stand in `row` alone.
    pub(super) keeps: bool,
}

impl Unseen<'_> {
    /// Where the column may be, if the document has more of them than its layouts name.
    fn kept(&self, written: &str) -> Option<String> {
        (self.keeps && !written.contains('.')).then(|| {
            "by `new-columns: keep` a column that no `header` names stands in `row` alone: add it to `header`, or write \
             `row['...']` with the name that the publisher gives it"
                .to_owned()
        })
    }

    /// What explains that there is no name `written`, and what to do.
    fn explained(&self, written: &str) -> (Option<String>, Option<String>) {
        let of_others = self.layouts.and_then(|(layout, shapes)| {
            let has = |columns: &Columns| columns.keys().any(|known| known.eq_ignore_ascii_case(written));
            if shapes.get(layout).is_some_and(has) {
                return None;
            }
            let have: Vec<String> =
                shapes.iter().filter(|(_, columns)| has(columns)).map(|(name, _)| format!("`{name}`")).collect();
            let first = have.first()?;
            let note = format!(
                "rows of the layout `{layout}` have no `{written}`; those of {} have it",
                batch::bounded(&have.join(", "))
            );
            Some((
                Some(note),
                Some(format!(
                    "write one expression for each layout: {{ {}: ..., else: ... }}",
                    first.trim_matches('`')
                )),
            ))
        });
        let made = self.beside.iter().find(|made| made.eq_ignore_ascii_case(written));
        of_others.or_else(|| {
            let remedy = format!(
                "`{}` is made by this very step, whose expressions see the rows before it: make it in a step of its own \
                 before this one, or write its expression here",
                made?
            );
            Some((None, Some(remedy)))
        }).unwrap_or_else(|| (self.kept(written), None))
    }
}

/// Reports errors of an expression at their places. Errors about a `poisoned` name, which is wrong for a reason that
/// is already known, are left out.
pub(super) fn report(
    findings: &Findings,
    node: &Node,
    errors: Vec<ExpressionError>,
    poisoned: &[Arc<str>],
    unseen: Unseen<'_>,
) {
    let text = node.text();
    // Surrounding blanks are not given to the compiler.
    let skipped = text.len() - text.trim_start().len();
    if poisoned.iter().any(|name| mentions(text, name)) {
        return;
    }
    for error in errors {
        let range = error.span.start + skipped..error.span.end + skipped;
        let mut finding = Diagnostic::new(error.code, node, error.message.clone());
        finding.excerpt = node.part(range).excerpt();
        let nearest = error.nearest.is_some();
        finding.remedy = error.remedy.clone().filter(|remedy| !(nearest && remedy.starts_with("did you mean")));
        if let (Some(remedy), Some(whole)) = (&finding.remedy, Some(text.trim()).filter(|whole| whole.len() <= 60))
            && error.code.0 == "E3304"
        {
            finding.remedy = Some(remedy.replace("cast(x as ", &format!("cast({whole} as ")));
        }
        let (note, there) = missing_name(text, skipped, &error).map(|name| unseen.explained(name)).unwrap_or_default();
        finding = note.into_iter().fold(finding, Diagnostic::note);
        let better = eaten_by_yaml(node, &error).or(there);
        let is_better = better.is_some();
        finding.remedy = better.or(finding.remedy);
        if let Some(nearest) = error.nearest.filter(|_| !is_better) {
            // A name in double quotes is mostly a text: then the remedy says that first, and the nearest name behind it.
            if finding.remedy.as_ref().is_none_or(|remedy| !remedy.starts_with("text stands in")) {
                finding.label = Some(format!("did you mean `{nearest}`?"));
            }
            finding.nearest = Some(nearest);
        }
        findings.push(finding);
    }
}

/// What YAML has made of the text before it came here, where that explains an error: what to write.
fn eaten_by_yaml(node: &Node, error: &ExpressionError) -> Option<String> {
    let Kind::Scalar { text, style } = &node.kind else { return None };
    if *style == Style::Plain {
        let behind = node.span.source.text.get(node.span.end..)?.split('\n').next()?;
        let comment = behind.trim_start().starts_with('#') && behind.starts_with(char::is_whitespace);
        return comment.then(|| {
            let whole = format!("{text}{}", behind.trim_end());
            format!("` #` begins a comment of YAML; write the whole text in quotes: {}", in_quotes(&whole))
        });
    }
    let name = error.code.0 == "E3201" && (error.span.start, error.span.end) == (0, text.len());
    let quote = if *style == Style::SingleQuoted { '\'' } else { '"' };
    (name && *style != Style::Block).then(|| {
        format!("the quotes {quote}{quote} are YAML's; if the text is meant: {}", in_quotes(&text_literal(text)))
    })
}

/// The name that an error says is not there, as it is written.
fn missing_name<'a>(text: &'a str, skipped: usize, error: &ExpressionError) -> Option<&'a str> {
    let missing = error.code.0 == "E3201" && error.message.starts_with("there is no name");
    let written = text.get(error.span.start + skipped..error.span.end + skipped)?;
    missing.then(|| written.trim_matches('"'))
}

/// A text in double quotes, as YAML reads it whole.
/// As YAML has it in double quotes.
pub(super) fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Compiles, as `target` where there is one. `None` after findings.
pub(super) fn expression(
    findings: &Findings,
    node: &Node,
    scope: &Scope,
    target: Option<&ColumnType>,
    poisoned: &[Arc<str>],
    unseen: Unseen<'_>,
) -> Option<Expression> {
    let text = node.text().trim();
    let compiled = match target {
        Some(target) => Expression::compile_as(text, scope, target),
        None => Expression::compile(text, scope),
    };
    compiled.map_err(|errors| report(findings, node, errors, poisoned, unseen)).ok()
}

/// Compiles a condition.
pub(super) fn condition(
    findings: &Findings,
    node: &Node,
    scope: &Scope,
    poisoned: &[Arc<str>],
    unseen: Unseen<'_>,
) -> Option<Expression> {
    let compiled = expression(findings, node, scope, None, poisoned, unseen)?;
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
