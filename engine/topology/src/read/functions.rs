//! Named functions: types, body, examples. They are compiled and tried later.

use std::sync::Arc;

use batch::ColumnType;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::fields::Walk;
use crate::language;
use crate::reader::Node;
use crate::written::Function;

/// The functions, and the names of those that could not be read.
pub(super) fn functions(walk: &Walk<'_>, node: &Node) -> (Vec<Function>, Vec<Arc<str>>) {
    let (mut good, mut broken) = (Vec::new(), Vec::new());
    for entry in walk.entries(node, "`functions`").unwrap_or(&[]) {
        match function(walk, &entry.key, &entry.value) {
            Some(function) => good.push(function),
            None => broken.push(entry.key.shared()),
        }
    }
    (good, broken)
}

fn function(walk: &Walk<'_>, key: &Node, node: &Node) -> Option<Function> {
    let good = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    if !key.text().chars().all(good) || !key.text().starts_with(|first: char| first.is_ascii_lowercase()) {
        let finding =
            Diagnostic::new(codes::NAME, key, format!("`{}` is no name of a function", batch::bounded(key.text())));
        walk.push(finding.remedy("use lower-case letters, digits and `_`, beginning with a letter"));
        return None;
    }
    if expression::functions().iter().any(|built_in| built_in.name == key.text()) {
        let what = format!("`{}` is a function of the language, and this one would hide it", key.text());
        let why = "Whoever reads a call of that name takes it for the built-in function.";
        walk.push(Diagnostic::new(codes::NAME, key, what).because(why).remedy("give the function another name"));
        return None;
    }
    let fields = walk.fields(node, &language::FUNCTION)?;
    let takes = fields.required("takes").and_then(|node| walk.entries(node, "`takes`"));
    let gives = fields.required("gives").and_then(|node| walk.column_type(node));
    let body = fields.required("is").filter(|node| walk.text(node, "`is`").is_some());
    let mut parameters = Vec::new();
    for entry in takes? {
        parameters.push((entry.key.clone(), open(walk.column_type(&entry.value)?)));
    }
    let examples = fields.get("examples").and_then(|node| walk.items(node, "`examples`")).unwrap_or(&[]);
    Some(Function {
        name: key.clone(),
        takes: parameters,
        gives: open(gives?),
        body: body?.clone(),
        examples: examples.to_vec(),
    })
}

/// Null flows through functions, so what they take and give is nullable where the type has a null.
fn open(declared: ColumnType) -> ColumnType {
    match declared.of {
        batch::Type::List(_) | batch::Type::Map(_) => declared,
        of => ColumnType::nullable(of),
    }
}
