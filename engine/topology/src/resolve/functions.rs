//! Compiles the named functions of a file and tries their examples.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use batch::{ColumnType, Type};
use expression::{Expression, Names, Scope, UserFunction};

use super::Surroundings;
use super::compile;
use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::reader::{Entry, Kind, Node};
use crate::written::{Function, Topology};

/// A scope with the parameters and functions of a file. Functions see those before them.
pub(super) fn scope(topology: &Topology, findings: &Findings) -> Surroundings {
    let mut scope = topology.parameters.scope(Scope::new());
    for function in &topology.functions {
        let mut inner = scope.clone();
        for (name, of) in &function.takes {
            inner = inner.with_name(name.shared(), of.clone());
        }
        let compiled = Expression::compile_as(function.body.text().trim(), &inner, &function.gives);
        let good = compiled.is_ok();
        let body = compiled.or_else(|errors| {
            compile::report(findings, &function.body, errors, &topology.poisoned(), compile::Unseen::default());
            // Callers still compile against what it promises.
            Expression::compile_as("null", &scope, &open(&function.gives))
        });
        let Ok(body) = body else { continue };
        let parameters = function.takes.iter().map(|(name, of)| (name.shared(), of.clone())).collect();
        let declared = UserFunction { name: function.name.shared(), parameters, result: function.gives.clone(), body };
        scope = scope.with_function(declared);
        for example in function.examples.iter().filter(|_| good) {
            try_example(function, example, &scope, findings);
        }
    }
    Surroundings { scope }
}

fn open(of: &ColumnType) -> ColumnType {
    ColumnType { nullable: true, ..of.clone() }
}

fn try_example(function: &Function, example: &Node, scope: &Scope, findings: &Findings) {
    let Kind::Mapping(entries) = &example.kind else {
        findings.push(Diagnostic::new(codes::KIND, example, "an example is a map of arguments and `gives`"));
        return;
    };
    let known = || function.takes.iter().map(|(name, _)| name.text()).chain(["gives"]);
    for entry in entries {
        if !known().any(|name| name == entry.key.text()) {
            let what = format!(
                "the function `{}` has no argument `{}`",
                function.name.text(),
                batch::bounded(entry.key.text())
            );
            findings.push(Diagnostic::new(codes::UNKNOWN_FIELD, &entry.key, what).names(
                entry.key.text(),
                "arguments",
                known(),
            ));
            return;
        }
    }
    let find = |name: &str| entries.iter().find(|entry: &&Entry| entry.key.text() == name).map(|entry| &entry.value);
    let Some(gives) = find("gives") else {
        let finding = Diagnostic::new(codes::MISSING, example, "an example says what the function `gives`");
        findings.push(finding.remedy("add `gives: VALUE` to the example"));
        return;
    };
    let mut arguments = Vec::new();
    for (name, of) in &function.takes {
        let literal = find(name.text()).map_or_else(|| Some(null(of)), |node| literal(node, of));
        let Some(literal) = literal else {
            let what = format!("this is no {}", of.of);
            findings.push(Diagnostic::new(codes::EXAMPLE, find(name.text()).unwrap_or(example), what));
            return;
        };
        // Within a `try` of the function a wrong argument would look like a null of the function's own.
        if evaluate(&literal, scope, &open(of)).is_err() {
            let node = find(name.text()).unwrap_or(example);
            let what =
                format!("`{}` is no {}, which the argument `{}` is", batch::bounded(node.text()), of.of, name.text());
            let finding = Diagnostic::new(codes::EXAMPLE, node, what).related(&name.span, "the argument");
            findings.push(finding.remedy(format!("give a {} in the example, or let the function take `text`", of.of)));
            return;
        }
        arguments.push(literal);
    }
    let call = format!("{}({})", function.name.text(), arguments.join(", "));
    let expected = literal(gives, &function.gives).and_then(|text| evaluate(&text, scope, &function.gives).ok());
    let Some((expected, _)) = expected else {
        findings.push(Diagnostic::new(codes::EXAMPLE, gives, format!("this is no {}", function.gives.of)));
        return;
    };
    match evaluate(&call, scope, &function.gives) {
        Ok((found, _)) if found.to_data() == expected.to_data() => {}
        Ok((found, forgiven)) => {
            let shown = arrow::util::display::array_value_to_string(&found, 0).unwrap_or_default();
            let shown = if found.is_null(0) { "null".to_owned() } else { batch::bounded(&shown) };
            let finding = Diagnostic::new(codes::EXAMPLE, gives, "this example does not come true");
            let finding =
                finding.label(format!("the function gives {shown}")).related(&function.name.span, "the function");
            findings.push(
                forgiven
                    .into_iter()
                    .take(3)
                    .fold(finding, |finding, reason| finding.note(format!("within `try`, {reason}"))),
            );
        }
        Err(reason) => {
            let finding = Diagnostic::new(codes::EXAMPLE, gives, "the function fails on this example");
            findings.push(finding.label(reason).related(&function.name.span, "the function"));
        }
    }
}

fn null(of: &ColumnType) -> String {
    format!("cast(null as {})", of.of)
}

/// A value as an expression that gives it.
fn literal(node: &Node, of: &ColumnType) -> Option<String> {
    match (&node.kind, &of.of) {
        (Kind::Sequence(items), Type::List(item)) => {
            let item = ColumnType::nullable((**item).clone());
            let parts: Option<Vec<String>> = items.iter().map(|node| literal(node, &item)).collect();
            Some(format!("[{}]", parts?.join(", ")))
        }
        (Kind::Scalar { .. }, _) if node.is_null() => Some(null(of)),
        (Kind::Scalar { text, .. }, Type::Text) => Some(compile::text_literal(text)),
        (Kind::Scalar { text, .. }, _) => Some(format!("cast({} as {})", compile::text_literal(text), of.of)),
        _ => None,
    }
}

/// The value, and what `try` forgave on the way to it.
fn evaluate(text: &str, scope: &Scope, target: &ColumnType) -> Result<(ArrayRef, Vec<String>), String> {
    let first = |errors: Vec<expression::ExpressionError>| {
        errors.into_iter().next().map_or_else(|| "it cannot be compiled".to_owned(), |error| error.message)
    };
    let compiled = Expression::compile_as(text, scope, target).map_err(first)?;
    let row = OneRow(BTreeMap::new());
    let evaluated = compiled.evaluate(&row);
    let forgiven = compiled.forgiven(&row).into_iter().map(|failure| failure.message).collect();
    match evaluated.failures.into_iter().next() {
        Some(failure) => Err(failure.message),
        None => Ok((evaluated.values.slice(0, 1), forgiven)),
    }
}

/// One row without columns.
struct OneRow(BTreeMap<Arc<str>, ArrayRef>);

impl Names for OneRow {
    fn values(&self, name: &str) -> Option<ArrayRef> {
        self.0.get(name).cloned()
    }

    fn rows(&self) -> usize {
        1
    }
}
