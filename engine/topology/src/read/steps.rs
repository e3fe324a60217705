//! The verbs that work on rows.

use std::collections::HashMap;
use std::sync::Arc;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::fields::Walk;
use crate::language::{self, Keys};
use crate::reader::{Entry, Kind, Node};
use crate::scalars;
use crate::written::{Column, Dedupe, Destination, Step, Verb};

/// Reads the steps behind `decode`; `first` is the index of the first of them, for names.
pub(super) fn steps(walk: &Walk<'_>, nodes: &[Node], first: usize, topic: bool) -> Vec<Option<Step>> {
    nodes.iter().enumerate().map(|(index, node)| step(walk, node, first + index + 1, topic)).collect()
}

/// Reports a step that has none of the verbs, which was probably meant to be one of them.
pub(super) fn misspelt(walk: &Walk<'_>, node: &Node) -> bool {
    let Kind::Mapping(entries) = &node.kind else { return false };
    let verb = |key: &str| key != "name" && language::STEP.has(key);
    if entries.iter().any(|entry| verb(entry.key.text())) || entries.iter().all(|entry| entry.key.text() == "name") {
        return false;
    }
    walk.fields(node, &language::STEP);
    true
}

/// True unless a step that begins with `unzip` or `decode` has another verb too, which is reported.
pub(super) fn alone(walk: &Walk<'_>, node: &Node) -> bool {
    let Kind::Mapping(entries) = &node.kind else { return true };
    let has = |verbs: &[&str]| entries.iter().filter(|entry| verbs.contains(&entry.key.text())).count();
    if has(&["unzip", "decode"]) == 0 || has(&["unzip", "decode"]) + has(language::VERBS) == 1 {
        return true;
    }
    walk.fields(node, &language::STEP).and_then(|fields| fields.exactly_one()).is_some()
}

fn step(walk: &Walk<'_>, node: &Node, number: usize, topic: bool) -> Option<Step> {
    if let Some(finding) = verb_without_colon(node) {
        walk.push(finding);
        return None;
    }
    let fields = walk.fields(node, &language::STEP)?;
    for verb in ["unzip", "decode"] {
        if let Some(key) = fields.key(verb) {
            let (what, remedy) = if topic && verb == "unzip" {
                let remedy = "take it away: records are decoded as they are, and those of other flows need no `decode`";
                ("`unzip` works on documents, and a topic has records".to_owned(), remedy)
            } else if topic {
                ("`decode` comes too late".to_owned(), "`decode` is the first step where others wrote the records")
            } else {
                let remedy = "`unzip` is the first step of documents and `decode` the next; rows need neither";
                (format!("`{verb}` comes too late"), remedy)
            };
            walk.push(Diagnostic::new(codes::ORDER, key, what).remedy(remedy));
            return None;
        }
    }
    let entry = fields.one_of(language::VERBS)?;
    let given = fields.get("name").and_then(|node| walk.name(node, "a step"));
    let verb = verb(walk, &entry.key, &entry.value)?;
    let name = match (&verb, given) {
        (Verb::Dedupe(dedupe), _) => Arc::clone(&dedupe.name),
        (_, Some(name)) => name,
        _ => format!("{}-{number}", entry.key.text()).into(),
    };
    Some(Step { name, node: entry.key.clone(), verb })
}

/// `- where symbol = 'A'`, of which YAML makes a text.
fn verb_without_colon(node: &Node) -> Option<Diagnostic> {
    let text = Some(node.text()).filter(|_| node.is_scalar())?;
    let (word, value) = text.split_once([' ', '=']).unwrap_or((text, ""));
    if !language::VERBS.contains(&word) {
        return None;
    }
    let value = batch::bounded(value.trim_start_matches([' ', '=']));
    let remedy = match value.is_empty() {
        true => format!("write `- {word}:`, and what belongs to it behind the colon or below, indented"),
        false => format!("write `- {word}: {value}`, with a colon and a blank behind it"),
    };
    Some(Diagnostic::new(codes::KIND, node, format!("step `{word}` has no colon")).remedy(remedy))
}

fn verb(walk: &Walk<'_>, key: &Node, node: &Node) -> Option<Verb> {
    match key.text() {
        "where" => Some(Verb::Where(expression(walk, node)?)),
        "select" => {
            let keep = match &node.kind {
                Kind::Mapping(entries) => entries.iter().find(|entry| entry.key.text() == "keep"),
                _ => None,
            };
            let keep = keep.map_or_else(Vec::new, |entry| walk.texts(&entry.value, "`keep`"));
            let columns = columns(walk, node, "step `select`", &language::SELECT)?;
            duplicates(walk, keep.iter().chain(columns.iter().map(|(name, _)| name)));
            Some(Verb::Select { keep, columns })
        }
        "extend" => Some(Verb::Extend(columns(walk, node, "step `extend`", &language::EXTEND)?)),
        "set" => {
            let entries = walk.entries(node, "step `set`")?;
            let good = |node: &Node| node.is_scalar() || walk.text(node, "a value of `set`").is_some();
            let read = entries.iter().filter(|entry| good(&entry.value) && named(walk, &entry.key));
            Some(Verb::Set(read.map(|entry| (entry.key.clone(), entry.value.clone())).collect()))
        }
        "drop" => Some(Verb::Drop(walk.texts(node, "step `drop`"))),
        "rename" => {
            let entries = walk.entries(node, "step `rename`")?;
            let good = |node: &Node| walk.text(node, "the new name").is_some() && named(walk, node);
            let read = entries.iter().filter(|entry| good(&entry.value));
            Some(Verb::Rename(read.map(|entry| (entry.key.clone(), entry.value.clone())).collect()))
        }
        "dedupe" => Some(Verb::Dedupe(Box::new(dedupe(walk, key, node)?))),
        _ => route(walk, node),
    }
}

/// A text that is an expression. A list or map is mostly one that should stand in quotes.
fn expression(walk: &Walk<'_>, node: &Node) -> Option<Node> {
    if node.is_scalar() && !node.text().is_empty() {
        return Some(node.clone());
    }
    if node.is_null() {
        let finding = Diagnostic::new(codes::KIND, node, "an expression is missing");
        walk.push(finding.remedy("write an expression; a null is written `\"null\"`"));
    } else {
        walk.wrong_kind(node, "an expression", "a text");
    }
    None
}

/// `id document.number` or `id = document.number`, of which YAML makes a name without a value.
fn no_colon(entry: &Entry) -> Option<Diagnostic> {
    let text = entry.key.text();
    let (name, value) = text.split_once([' ', '='])?;
    let value = value.trim_start_matches([' ', '=']);
    let is_name = name.starts_with(|sign: char| sign.is_alphabetic() || sign == '_')
        && name.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
    if !entry.value.is_null() || !is_name || value.is_empty() || text.len() > 100 {
        return None;
    }
    let finding = Diagnostic::new(codes::KIND, &entry.key, "a column without an expression");
    Some(finding.remedy(format!("write `{name}: {value}`, with a colon and a blank behind it")))
}

fn columns(walk: &Walk<'_>, node: &Node, what: &str, keys: &Keys) -> Option<Vec<(Node, Column)>> {
    let entries = walk.entries(node, what)?;
    let mut found = Vec::new();
    if let Some(finding) = entries.iter().find_map(no_colon) {
        walk.push(finding);
        return None;
    }
    for entry in entries.iter().filter(|entry| !keys.has(entry.key.text()) && named(walk, &entry.key)) {
        let column = match &entry.value.kind {
            Kind::Mapping(layouts) => {
                let mut by_layout = Vec::new();
                let mut others = None;
                let mut broken = false;
                for layout in layouts {
                    let Some(value) = expression(walk, &layout.value) else {
                        broken = true;
                        continue;
                    };
                    if layout.key.text() == "else" {
                        others = Some(value);
                    } else {
                        by_layout.push((layout.key.clone(), value));
                    }
                }
                if broken {
                    Column::Broken
                } else {
                    Column::ByLayout { layouts: by_layout, others, node: entry.value.clone() }
                }
            }
            _ => match expression(walk, &entry.value) {
                Some(value) => Column::One(value),
                None => Column::Broken,
            },
        };
        found.push((entry.key.clone(), column));
    }
    Some(found)
}

/// True of a name that a column can have; reports it otherwise.
pub(super) fn named(walk: &Walk<'_>, node: &Node) -> bool {
    let good = !node.text().trim().is_empty();
    if !good {
        let finding = Diagnostic::new(codes::NAME, node, "a column without a name");
        walk.push(finding.remedy("give it a name, such as `day`"));
    }
    good
}

fn duplicates<'a>(walk: &Walk<'_>, names: impl Iterator<Item = &'a Node>) {
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    for name in names {
        if let Some(first) = seen.get(name.text()) {
            let finding = Diagnostic::new(
                codes::DUPLICATE_NAME,
                name,
                format!("a second column `{}`", batch::bounded(name.text())),
            );
            walk.push(finding.related(&first.span, "the first is here").remedy("keep one of them"));
        }
        seen.entry(name.text()).or_insert(name);
    }
}

fn dedupe(walk: &Walk<'_>, verb: &Node, node: &Node) -> Option<Dedupe> {
    let fields = walk.fields(node, &language::DEDUPE)?;
    let name = match fields.get("name") {
        Some(node) => walk.name(node, "a step"),
        None => {
            let finding = Diagnostic::new(codes::UNNAMED, verb, "`dedupe` keeps state and needs a name");
            walk.push(finding.remedy("add `name: seen`; the state is kept under it"));
            None
        }
    };
    let key_node = fields.required("key");
    let key = key_node.and_then(|node| super::landing::key(walk, node));
    let remember = fields.required("remember");
    let remember = remember.and_then(|node| walk.read(node, &language::REMEMBER, scalars::span));
    let compare = fields.get("compare");
    let compare = compare.and_then(|node| walk.choice(node, "value of `compare`", &language::COMPARE));
    Some(Dedupe {
        was: super::renames::earlier_name(walk, &fields, "a step"),
        ignore: fields.get("ignore").map_or_else(Vec::new, |node| walk.texts(node, "`ignore`")),
        name: name?,
        key: key?,
        key_node: key_node?.clone(),
        remember: remember?,
        compare_content: compare.unwrap_or(false),
    })
}

fn route(walk: &Walk<'_>, node: &Node) -> Option<Verb> {
    let fields = walk.fields(node, &language::ROUTE)?;
    let cases = fields.required("cases").and_then(|node| walk.items(node, "`cases`"));
    let default = fields.get("default").map_or(Some(Destination::Next), |node| destination(walk, node));
    let read = |item| {
        let fields = walk.fields(item, &language::CASE)?;
        let when = fields.required("when").and_then(|node| expression(walk, node));
        let to = fields.required("to").and_then(|node| destination(walk, node));
        Some((when?, to?))
    };
    Some(Verb::Route { cases: cases?.iter().filter_map(read).collect(), default: default? })
}

/// `next`, an output's name, or `{ drop: reason }`.
fn destination(walk: &Walk<'_>, node: &Node) -> Option<Destination> {
    if let Kind::Mapping(_) = &node.kind {
        let fields = walk.fields(node, &language::DROPPED_TO)?;
        return Some(Destination::Drop(walk.name(fields.required("drop")?, "a reason")?));
    }
    let text = walk.text(node, "a destination")?;
    Some(if &*text == "next" { Destination::Next } else { Destination::Output(walk.value(node).clone()) })
}
