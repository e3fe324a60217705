//! The columns of a flow from step to step, for each header layout.
//!
//! A column whose expression has an error stays in the shape as `poisoned`, so that later steps can be checked and
//! say nothing about what follows from it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use batch::{ColumnType, RecordFact, Type};
use expression::{Expression, Scope};
use indexmap::IndexMap;

use super::compile;
use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::plan::{ByLayout, Columns, KEY_FIELD, Step, Verb};
use crate::reader::Node;
use crate::written;

pub(super) struct Chain<'a> {
    pub(super) findings: &'a Findings,
    scope: Scope,
    pub(super) shape: ByLayout<Columns>,
    /// What columns are called by their publisher, and here, where that differs.
    pub(super) published: Vec<(Arc<str>, Arc<str>)>,
    /// All keys that the column `row` can have, while it is the decoder's and they are known.
    pub(super) row_keys: Option<Arc<[Arc<str>]>>,
    /// True if `row` has columns that no layout names.
    pub(super) keeps: bool,
    /// Columns whose nulls a `where` keeps out.
    there: Vec<String>,
    pub(super) steps: Vec<Step>,
    places: HashMap<Arc<str>, Node>,
    pub(super) poisoned: Vec<Arc<str>>,
    /// Columns of rows that leave by a named output, and the key of the step that fills it.
    pub(super) outputs: IndexMap<Arc<str>, (Columns, Vec<Arc<str>>)>,
    pub(super) needs_trailer: bool,
    /// What expressions ask of each row's record.
    pub(super) facts: BTreeSet<RecordFact>,
    pub(super) needs_key_fields: bool,
    /// A step could not be resolved, so what it would fill is not known.
    pub(super) lost_step: bool,
    /// Something is wrong, whether or not it was a finding of its own.
    pub(super) failed: bool,
}

impl<'a> Chain<'a> {
    pub(super) fn new(findings: &'a Findings, scope: Scope, shape: ByLayout<Columns>) -> Self {
        Self {
            findings,
            scope,
            shape,
            published: Vec::new(),
            row_keys: None,
            keeps: false,
            there: Vec::new(),
            steps: Vec::new(),
            places: HashMap::new(),
            poisoned: Vec::new(),
            outputs: IndexMap::new(),
            needs_trailer: false,
            facts: BTreeSet::new(),
            needs_key_fields: false,
            lost_step: false,
            failed: false,
        }
    }

    /// What expressions see for rows of a layout.
    pub(super) fn scope(&self, columns: &Columns) -> Scope {
        let scope =
            columns.iter().fold(self.scope.clone(), |scope, (name, of)| scope.with_name(Arc::clone(name), of.clone()));
        let scope = match &self.row_keys {
            Some(keys) if columns.contains_key("row") => scope.with_keys("row", Arc::clone(keys)),
            _ => scope,
        };
        let here = self
            .published
            .iter()
            .filter(|(published, ours)| columns.contains_key(ours) && !columns.contains_key(published));
        here.fold(scope, |scope, (published, ours)| scope.with_name_elsewhere(Arc::clone(published), Arc::clone(ours)))
    }

    /// The same for each layout. A step asks once: of thousands of columns a scope is large.
    pub(super) fn scopes(&self) -> Vec<(Arc<str>, Scope)> {
        self.shape.iter().map(|(layout, columns)| (Arc::clone(layout), self.scope(columns))).collect()
    }

    /// True if a `where` keeps rows out in which the column is null.
    pub(super) fn is_there(&self, name: &str) -> bool {
        self.there.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Notes what a step says about nulls: a comparison is true of no row whose column is null.
    pub(super) fn note_nulls(&mut self, verb: &written::Verb) {
        let made =
            |columns: &[&Node], name: &str| columns.iter().any(|column| column.text().eq_ignore_ascii_case(name));
        match verb {
            written::Verb::Where(node) if !compile::mentions(&node.text().to_lowercase(), "or") => {
                let text = node.text().to_lowercase();
                let columns = text.split(" and ").filter_map(|part| {
                    let tested = part.trim().strip_suffix("is not null");
                    let column = tested.or_else(|| part.split_once(['=', '<', '>', '!']).map(|(column, _)| column));
                    column.map(|column| column.trim().trim_matches('"').to_owned())
                });
                self.there.extend(columns);
            }
            written::Verb::Select { keep, .. } => {
                self.there.retain(|name| made(&keep.iter().collect::<Vec<_>>(), name));
            }
            written::Verb::Extend(columns) => {
                let columns: Vec<&Node> = columns.iter().map(|(column, _)| column).collect();
                self.there.retain(|name| !made(&columns, name));
            }
            written::Verb::Set(columns) => {
                let columns: Vec<&Node> = columns.iter().map(|(column, _)| column).collect();
                self.there.retain(|name| !made(&columns, name));
            }
            written::Verb::Rename(columns) => {
                for name in &mut self.there {
                    if let Some((_, new)) = columns.iter().find(|(old, _)| old.text().eq_ignore_ascii_case(name)) {
                        *name = new.text().to_owned();
                    }
                }
            }
            _ => {}
        }
    }

    /// Notes a step that makes a `row` of its own.
    pub(super) fn note_row(&mut self, verb: &written::Verb) {
        let makes = match verb {
            written::Verb::Select { columns, .. } | written::Verb::Extend(columns) => {
                columns.iter().any(|(name, _)| name.text() == "row")
            }
            written::Verb::Set(columns) => columns.iter().any(|(name, _)| name.text() == "row"),
            written::Verb::Rename(columns) => columns.iter().any(|(_, new)| new.text() == "row"),
            _ => false,
        };
        if makes {
            self.row_keys = None;
            self.keeps = false;
        }
    }

    /// What a published name is called here.
    fn called(&self, published: &str, columns: &Columns) -> Option<&str> {
        let known = self.published.iter().find(|(known, ours)| **known == *published && columns.contains_key(ours));
        known.map(|(_, ours)| &**ours)
    }

    /// Where a column was made.
    pub(super) fn place(&self, name: &str) -> Option<&Node> {
        self.places.get(name)
    }

    pub(super) fn made(&mut self, name: &Node) {
        self.places.insert(name.shared(), name.clone());
    }

    pub(super) fn is_poisoned(&self, name: &str) -> bool {
        self.poisoned.iter().any(|poisoned| &**poisoned == name)
    }

    pub(super) fn poison(&mut self, name: &str) {
        self.failed = true;
        if !self.is_poisoned(name) {
            self.poisoned.push(name.into());
        }
    }

    pub(super) fn seen(&mut self, expression: &Expression) {
        let names = expression.names();
        self.needs_trailer |= names.iter().any(|name| name.starts_with("trailer."));
        self.needs_key_fields |= names.iter().any(|name| name.starts_with(KEY_FIELD));
        self.facts.extend(names.iter().filter_map(|name| RecordFact::of_name(name)));
    }

    /// The layouts' shapes, which must be one. `None` after a finding.
    pub(super) fn one_shape(&self, at: &Node) -> Option<Columns> {
        let mut shapes = self.shape.iter();
        let (first_name, first) = shapes.next()?;
        for (name, shape) in shapes {
            if shape == first {
                continue;
            }
            let differs = first.keys().find(|column| shape.get(*column) != first.get(*column));
            let differs = differs.or_else(|| shape.keys().find(|column| !first.contains_key(*column)));
            let differs = differs.map_or("", |column| &**column);
            let what = format!(
                "rows of the layouts `{first_name}` and `{name}` have different columns here, such as `{differs}`"
            );
            let finding = Diagnostic::new(codes::SHAPES, at, what);
            self.findings.push(finding.remedy("put a `select` over all layouts before it"));
            return None;
        }
        Some(first.clone())
    }

    /// A name in a list must be a column of every layout. False after a finding.
    pub(super) fn known(&self, node: &Node) -> bool {
        let lacking = self.shape.iter().find(|(_, columns)| !columns.contains_key(node.text()));
        let Some((layout, columns)) = lacking else { return true };
        let rows = if self.shape.len() > 1 { format!(" in rows of the layout `{layout}`") } else { String::new() };
        let what = format!("there is no column `{}`{rows}", batch::bounded(node.text()));
        let mut finding = Diagnostic::new(codes::NO_COLUMN, node, what);
        finding = finding.names(node.text(), "columns", columns.keys().map(|name| &**name));
        if let Some(ours) = self.called(node.text(), columns) {
            finding.what = format!("the column `{}` is called `{ours}` here", batch::bounded(node.text()));
            finding = finding.meant(ours).label("the publisher's name").remedy(format!("write `{ours}`"));
        }
        self.findings.push(finding);
        false
    }

    /// A condition for each layout; errors are reported for the first layout that has one.
    pub(super) fn condition(&mut self, node: &Node) -> Option<ByLayout<Expression>> {
        let mut found = ByLayout::new();
        for (layout, columns) in &self.shape {
            let scope = self.scope(columns);
            let unseen = compile::Unseen {
                layouts: Some((layout, &self.shape)),
                keeps: self.keeps,
                ..compile::Unseen::default()
            };
            let Some(condition) = compile::condition(self.findings, node, &scope, &self.poisoned, unseen) else {
                self.failed = true;
                return None;
            };
            found.insert(Arc::clone(layout), condition);
        }
        found.values().for_each(|condition| self.seen(condition));
        Some(found)
    }

    /// True if the column can become `wanted` in every layout.
    pub(super) fn converts(&self, name: &str, wanted: &ColumnType) -> bool {
        let text = compile::name(name);
        self.shape.values().all(|columns| Expression::compile_as(&text, &self.scope(columns), wanted).is_ok())
    }

    /// A step that is not in the file: keeps these columns, in these types.
    pub(super) fn project(&mut self, step: &str, columns: Vec<(Arc<str>, ColumnType)>, at: &Node) {
        let position = at.span.position();
        let mut expressions = ByLayout::new();
        for (layout, shape) in &self.shape {
            let scope = self.scope(shape);
            let mut compiled = Vec::new();
            for (name, wanted) in &columns {
                match Expression::compile_as(&compile::name(name), &scope, wanted) {
                    Ok(expression) => compiled.push((expression, position.clone())),
                    Err(_) => return, // the column is poisoned or was reported
                }
            }
            expressions.insert(Arc::clone(layout), compiled);
        }
        let output: Columns = columns.into_iter().collect();
        self.shape = ByLayout::from_iter([(Arc::<str>::from(""), output)]);
        let name = self.free_name(step);
        self.push(name, at, Verb::Select { expressions });
        if let Some(step) = self.steps.last_mut() {
            step.added = true;
        }
    }

    fn free_name(&self, wanted: &str) -> Arc<str> {
        let taken = |name: &str| self.steps.iter().any(|step| &*step.name == name);
        let name = if taken(wanted) { format!("{wanted}-{}", self.steps.len() + 1) } else { wanted.to_owned() };
        name.into()
    }

    /// Adds a step that leaves the present shape.
    pub(super) fn push(&mut self, name: Arc<str>, at: &Node, verb: Verb) {
        self.steps.push(Step { name, at: at.span.position(), verb, output: self.shape.clone(), added: false });
    }
}

/// The type that stands for a column with an error.
pub(super) fn unknown_type() -> ColumnType {
    ColumnType::nullable(Type::Text)
}
