//! What each verb does to the columns.

use std::sync::Arc;

use batch::{ColumnType, Type};
use expression::{Expression, Scope};
use indexmap::IndexMap;

use super::chain::{Chain, unknown_type};
use super::compile;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::plan::{self, ByLayout, Columns, Verb};
use crate::reader::{Node, Style};
use crate::written::{self, Column, Step};

/// Types that columns must have when they leave a step.
pub(super) type Wanted = IndexMap<Arc<str>, ColumnType>;

/// What each step's columns must become so that the last step leaves `target`'s types.
pub(super) fn wanted(steps: &[Step], target: &Columns) -> Vec<Wanted> {
    let mut after: Wanted = target.clone();
    let mut found = Vec::new();
    for step in steps.iter().rev() {
        found.push(after.clone());
        match &step.verb {
            written::Verb::Select { .. } => after.clear(),
            written::Verb::Extend(columns) => {
                for (name, _) in columns {
                    after.shift_remove(name.text());
                }
            }
            written::Verb::Set(columns) => {
                for (name, _) in columns {
                    after.shift_remove(name.text());
                }
            }
            written::Verb::Rename(columns) => {
                let moved: Vec<(Arc<str>, Option<ColumnType>)> =
                    columns.iter().map(|(old, new)| (old.shared(), after.shift_remove(new.text()))).collect();
                for (old, of) in moved {
                    if let Some(of) = of {
                        after.insert(old, of);
                    }
                }
            }
            written::Verb::Drop(_)
            | written::Verb::Where(_)
            | written::Verb::Dedupe(_)
            | written::Verb::Route { .. } => {}
        }
    }
    found.reverse();
    found
}

/// Applies a step. `outputs` are the names that the flow declares; `partition_key` is the key of the topic it reads.
pub(super) fn step(chain: &mut Chain<'_>, step: &Step, wanted: &Wanted, outputs: &[Arc<str>], input: Input<'_>) {
    let verb = match &step.verb {
        written::Verb::Where(node) => chain.condition(node).map(|condition| Verb::Where { condition }),
        written::Verb::Select { keep, columns } => select(chain, keep, columns, wanted),
        written::Verb::Extend(columns) => extend(chain, columns, wanted),
        written::Verb::Set(columns) => set(chain, columns, wanted),
        written::Verb::Drop(names) => drop_columns(chain, names),
        written::Verb::Rename(names) => rename(chain, names),
        written::Verb::Dedupe(dedupe) => super::flow::dedupe(chain, &step.node, dedupe, outputs, input),
        written::Verb::Route { cases, default } => route(chain, cases, default, outputs),
    };
    chain.note_row(&step.verb);
    match verb {
        Some(verb) => {
            chain.note_nulls(&step.verb);
            chain.push(Arc::clone(&step.name), &step.node, verb);
        }
        None => chain.lost_step = true,
    }
}

/// What a stateful step must know about the flow's input.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    Documents,
    /// A topic.
    Topic(&'a plan::TopicRead),
}

type Compiled = Vec<(Expression, crate::diagnostic::Position)>;

/// One column in all layouts. After a finding the types are placeholders and the column is poisoned.
fn column(
    chain: &mut Chain<'_>,
    seen: &Seen,
    name: &Node,
    column: &Column,
    wanted: Option<&ColumnType>,
) -> Vec<Option<(Expression, Node)>> {
    let Seen { scopes: layouts, beside } = seen;
    if let Column::ByLayout { layouts: given, node, .. } = column {
        for (layout, _) in given {
            if !chain.shape.contains_key(layout.text()) {
                let finding = Diagnostic::new(
                    codes::NO_LAYOUT,
                    layout,
                    format!("there is no layout `{}` here", batch::bounded(layout.text())),
                );
                let finding =
                    finding.names(layout.text(), "layouts", chain.shape.keys().map(|name| &**name).chain(["else"]));
                chain.findings.push(if chain.shape.contains_key("") {
                    finding.note("after a `select` all rows have one shape")
                } else {
                    finding
                });
                chain.poison(name.text());
                return layouts.iter().map(|_| None).collect();
            }
        }
        let lacking = layouts.iter().find(|(layout, _)| pick(column, layout).is_none());
        if let Some((layout, _)) = lacking {
            let what = format!("`{}` says nothing for rows of the layout `{layout}`", batch::bounded(name.text()));
            let finding = Diagnostic::new(codes::MISSING, node, what);
            chain.findings.push(finding.remedy(format!("add `{layout}:` or `else:`")));
            chain.poison(name.text());
            return layouts.iter().map(|_| None).collect();
        }
    }
    if matches!(column, Column::Broken) {
        chain.poison(name.text());
        return layouts.iter().map(|_| None).collect();
    }
    // Its own name is no reason to look for the column in another step.
    let beside: Vec<Arc<str>> = beside.iter().filter(|made| &***made != name.text()).cloned().collect();
    let mut found = Vec::new();
    let mut failed = false;
    for (layout, scope) in layouts {
        let Some(node) = pick(column, layout) else { continue };
        if failed {
            found.push(None);
            continue;
        }
        // A null list or map is an empty one.
        let has_null = |wanted: &ColumnType| wanted.nullable || matches!(wanted.of, Type::List(_) | Type::Map(_));
        if let Some(wanted) = wanted.filter(|wanted| is_null(node) && !has_null(wanted)) {
            let what = format!("`{}` would always be null, and as {wanted} it cannot be", batch::bounded(name.text()));
            let finding = Diagnostic::new(codes::NOT_FILLED, node, what);
            chain.findings.push(finding.remedy("write a value, or make the column nullable where it is declared"));
            chain.poison(name.text());
            return layouts.iter().map(|_| None).collect();
        }
        let unseen = compile::Unseen { beside: &beside, layouts: Some((layout, &chain.shape)), keeps: chain.keeps };
        let compiled = compile::expression(chain.findings, node, scope, wanted, &chain.poisoned, unseen);
        failed = compiled.is_none();
        found.push(compiled.map(|compiled| (compiled, node.clone())));
    }
    if failed {
        chain.poison(name.text());
        return layouts.iter().map(|_| None).collect();
    }
    for (compiled, _) in found.iter().flatten() {
        chain.seen(compiled);
    }
    found
}

fn is_null(node: &Node) -> bool {
    node.text().trim().eq_ignore_ascii_case("null")
}

fn pick<'a>(column: &'a Column, layout: &str) -> Option<&'a Node> {
    match column {
        Column::One(node) => Some(node),
        Column::Broken => None,
        Column::ByLayout { layouts, others, .. } => {
            layouts.iter().find(|(name, _)| name.text() == layout).map(|(_, node)| node).or(others.as_ref())
        }
    }
}

/// What the expressions of one step see.
struct Seen {
    /// For rows of each layout, in the order of the layouts.
    scopes: Vec<(Arc<str>, Scope)>,
    /// The columns that the step makes, which its expressions do not see.
    beside: Vec<Arc<str>>,
}

impl Seen {
    fn by(chain: &Chain<'_>, columns: &[(Node, Column)]) -> Self {
        Self { scopes: chain.scopes(), beside: columns.iter().map(|(name, _)| name.shared()).collect() }
    }
}

/// One type for a column of all layouts: nullable if one is. `None` after a finding.
fn one_type(chain: &mut Chain<'_>, seen: &Seen, name: &Node, found: &mut [Option<(Expression, Node)>]) -> ColumnType {
    // A null has the type of the others.
    let nulls = found.iter().flatten().filter(|(_, node)| is_null(node)).count();
    let typed = found.iter().flatten().filter(|(_, node)| nulls == found.len() || !is_null(node));
    let mut types = typed.map(|(compiled, _)| compiled.column_type().clone());
    let Some(mut of) = types.next() else { return unknown_type() };
    of.nullable |= nulls > 0;
    for other in types {
        if other.of != of.of {
            let what = format!("`{}` is {of} for one layout and {other} for another", batch::bounded(name.text()));
            let finding = Diagnostic::new(codes::SHAPES, name, what);
            chain.findings.push(finding.remedy("give all of them one type with `cast`"));
            chain.poison(name.text());
            return of;
        }
        of.nullable |= other.nullable;
    }
    for (slot, (_, scope)) in found.iter_mut().zip(&seen.scopes) {
        if let Some((compiled, node)) = slot
            && *compiled.column_type() != of
            && let Ok(again) = Expression::compile_as(node.text().trim(), scope, &of)
        {
            *compiled = again;
        }
    }
    of
}

fn select(chain: &mut Chain<'_>, keep: &[Node], columns: &[(Node, Column)], wanted: &Wanted) -> Option<Verb> {
    let layouts: Vec<Arc<str>> = chain.shape.keys().cloned().collect();
    let mut expressions: Vec<Compiled> = layouts.iter().map(|_| Vec::new()).collect();
    let mut output = Columns::new();
    let before = chain.findings.errors();
    let kept = keep.iter().map(|name| (name.clone(), None));
    let given = columns.iter().map(|(name, column)| (name.clone(), Some(column)));
    let mut poisoned = Vec::new();
    let seen = Seen::by(chain, columns);
    for (name, given) in kept.chain(given) {
        let was_poisoned = chain.is_poisoned(name.text());
        let mut found = match given {
            Some(given) => column(chain, &seen, &name, given, wanted.get(name.text())),
            None if !chain.known(&name) => {
                poisoned.push(name.shared());
                Vec::new()
            }
            None => kept_column(chain, &seen, &name, wanted.get(name.text())),
        };
        let of = match wanted.get(name.text()) {
            Some(of) => of.clone(),
            None => one_type(chain, &seen, &name, &mut found),
        };
        // A name that was wrong before is right again if this expression is.
        let failed = chain.is_poisoned(name.text()) && (found.is_empty() || found.iter().any(Option::is_none));
        if failed || (was_poisoned && given.is_none()) {
            poisoned.push(name.shared());
        }
        for (list, slot) in expressions.iter_mut().zip(found) {
            if let Some((compiled, node)) = slot {
                list.push((compiled, node.span.position()));
            }
        }
        output.insert(name.shared(), of);
        chain.made(&name);
    }
    // Names outside the rows stay what they are.
    poisoned.extend(chain.poisoned.iter().filter(|name| &***name == "document" || name.starts_with("param.")).cloned());
    chain.poisoned = poisoned;
    chain.shape = ByLayout::from_iter([(Arc::<str>::from(""), output)]);
    (chain.findings.errors() == before)
        .then(|| Verb::Select { expressions: layouts.into_iter().zip(expressions).collect() })
}

fn kept_column(
    chain: &mut Chain<'_>,
    seen: &Seen,
    name: &Node,
    wanted: Option<&ColumnType>,
) -> Vec<Option<(Expression, Node)>> {
    let text = compile::name(name.text());
    let mut found = Vec::new();
    for (_, scope) in &seen.scopes {
        let compiled = match wanted {
            Some(wanted) => Expression::compile_as(&text, scope, wanted),
            None => Expression::compile(&text, scope),
        };
        match compiled {
            Ok(compiled) => found.push(Some((compiled, name.clone()))),
            Err(errors) => {
                if !chain.is_poisoned(name.text()) {
                    let reason = errors.into_iter().next().map_or_else(String::new, |error| error.message);
                    let what = format!("`{}` cannot be kept as it is: {reason}", batch::bounded(name.text()));
                    let finding = Diagnostic::new(codes::NOT_CONVERTIBLE, name, what);
                    chain.findings.push(finding.remedy("take it out of `keep` and write an expression for it"));
                    chain.poison(name.text());
                }
                return chain.shape.values().map(|_| None).collect();
            }
        }
    }
    found
}

fn extend(chain: &mut Chain<'_>, columns: &[(Node, Column)], wanted: &Wanted) -> Option<Verb> {
    let before = chain.findings.errors();
    let layouts: Vec<Arc<str>> = chain.shape.keys().cloned().collect();
    let mut added: Vec<Vec<(Arc<str>, Expression, crate::diagnostic::Position)>> =
        layouts.iter().map(|_| Vec::new()).collect();
    let mut shape = chain.shape.clone();
    let seen = Seen::by(chain, columns);
    for (name, given) in columns {
        let found = column(chain, &seen, name, given, wanted.get(name.text()));
        for (index, slot) in found.into_iter().enumerate() {
            let of = match (&slot, wanted.get(name.text())) {
                (_, Some(of)) => of.clone(),
                (Some((compiled, _)), None) => compiled.column_type().clone(),
                (None, None) => unknown_type(),
            };
            if let Some((_, columns)) = shape.get_index_mut(index) {
                columns.insert(name.shared(), of);
            }
            if let (Some((compiled, node)), Some(list)) = (slot, added.get_mut(index)) {
                list.push((name.shared(), compiled, node.span.position()));
            }
        }
        chain.made(name);
    }
    chain.shape = shape;
    (chain.findings.errors() == before).then(|| Verb::Extend { columns: layouts.into_iter().zip(added).collect() })
}

/// A plain value that is a dotted name of the scope is that name; every other value is a text.
fn set(chain: &mut Chain<'_>, columns: &[(Node, Node)], wanted: &Wanted) -> Option<Verb> {
    let columns: Vec<(Node, Column)> = columns
        .iter()
        .map(|(name, value)| {
            let mut node = value.clone();
            let text = if value.is_null() {
                "cast(null as text)".to_owned()
            } else if is_dotted(value) {
                value.text().to_owned()
            } else {
                compile::text_literal(value.text())
            };
            node.kind = crate::reader::Kind::Scalar { text: text.into(), style: Style::Plain };
            (name.clone(), Column::One(node))
        })
        .collect();
    extend(chain, &columns, wanted)
}

fn is_dotted(node: &Node) -> bool {
    let crate::reader::Kind::Scalar { text, style: Style::Plain } = &node.kind else { return false };
    ["document.", "trailer.", "record.", "param."].iter().any(|start| text.starts_with(start))
}

fn drop_columns(chain: &mut Chain<'_>, names: &[Node]) -> Option<Verb> {
    let before = chain.findings.errors();
    for name in names {
        // One layout that has it is enough: the others need not drop it.
        if chain.shape.values().all(|columns| !columns.contains_key(name.text())) {
            chain.known(name);
        }
    }
    for columns in chain.shape.values_mut() {
        for name in names {
            columns.shift_remove(name.text());
        }
    }
    (chain.findings.errors() == before).then(|| Verb::Drop { columns: names.iter().map(Node::shared).collect() })
}

fn rename(chain: &mut Chain<'_>, names: &[(Node, Node)]) -> Option<Verb> {
    let before = chain.findings.errors();
    for (old, new) in names {
        chain.known(old);
        let moved = names.iter().any(|(other, _)| other.text() == new.text());
        let twice = names.iter().filter(|(_, other)| other.text() == new.text()).count() > 1;
        if twice || (!moved && chain.shape.values().any(|columns| columns.contains_key(new.text()))) {
            let finding = Diagnostic::new(
                codes::DUPLICATE_NAME,
                new,
                format!("a second column `{}`", batch::bounded(new.text())),
            );
            chain.findings.push(finding.remedy("choose another name, or drop the other column before"));
        }
        chain.made(new);
    }
    for columns in chain.shape.values_mut() {
        let renamed = columns.iter().map(|(name, of)| {
            let new = names
                .iter()
                .find(|(old, _)| *old.text() == **name)
                .map_or_else(|| Arc::clone(name), |(_, new)| new.shared());
            (new, of.clone())
        });
        *columns = renamed.collect();
    }
    for (_, ours) in &mut chain.published {
        if let Some((_, new)) = names.iter().find(|(old, _)| *old.text() == **ours) {
            *ours = new.shared();
        }
    }
    let columns = names.iter().map(|(old, new)| (old.shared(), new.shared())).collect();
    (chain.findings.errors() == before).then_some(Verb::Rename { columns })
}

fn route(
    chain: &mut Chain<'_>,
    cases: &[(Node, written::Destination)],
    default: &written::Destination,
    outputs: &[Arc<str>],
) -> Option<Verb> {
    let before = chain.findings.errors();
    let mut found = Vec::new();
    for (when, to) in cases {
        let condition = chain.condition(when);
        let to = destination(chain, to, outputs);
        if let (Some(condition), Some(to)) = (condition, to) {
            found.push((condition, to));
        }
    }
    let default = destination(chain, default, outputs)?;
    (chain.findings.errors() == before).then_some(Verb::Route { cases: found, default })
}

fn destination(chain: &mut Chain<'_>, to: &written::Destination, outputs: &[Arc<str>]) -> Option<plan::Destination> {
    match to {
        written::Destination::Next => Some(plan::Destination::Next),
        written::Destination::Drop(reason) => Some(plan::Destination::Drop(Arc::clone(reason))),
        written::Destination::Output(node) => {
            let name = node.shared();
            if !outputs.contains(&name) {
                let finding = Diagnostic::new(
                    codes::NO_OUTPUT,
                    node,
                    format!("the flow has no output `{}`", batch::bounded(&name)),
                );
                let finding = finding.names(&name, "outputs", outputs.iter().map(|name| &**name).chain(["next"]));
                chain.findings.push(
                    finding.remedy(format!("add `outputs: {{ {name}: {{ topic: ..., key: [...] }} }}` to the flow")),
                );
                return None;
            }
            let shape = chain.one_shape(node)?;
            chain.outputs.insert(Arc::clone(&name), (shape, Vec::new()));
            Some(plan::Destination::Output(name))
        }
    }
}
