//! What a flow of documents knows beside its columns: facts of the document and its trailer.

use std::sync::Arc;

use batch::{ColumnType, Type};
use pattern::FieldKind;

use super::compile;
use super::{Surroundings, World};
use crate::plan;
use crate::reader::Node;
use crate::written::{Column, Documents, Step, Verb};

/// `name`, `key`, `version` and the fields of the patterns.
fn fields(documents: &Documents) -> plan::Columns {
    let mut fields = plan::Columns::new();
    fields.insert("name".into(), ColumnType::of(Type::Text));
    fields.insert("key".into(), ColumnType::of(Type::Text));
    fields.insert("version".into(), ColumnType::of(Type::BIGINT));
    for pattern in &documents.file_names {
        for (name, kind) in pattern.fields() {
            let everywhere =
                documents.file_names.iter().all(|other| other.fields().iter().any(|(known, _)| *known == name));
            let of = match kind {
                FieldKind::Date => Type::Date,
                FieldKind::Month | FieldKind::Text => Type::Text,
            };
            let found = ColumnType { of, nullable: !everywhere, low_cardinality: false };
            let known = fields.entry(name).or_insert_with(|| found.clone());
            // Two kinds of one name can only be told as text.
            if known.of != found.of {
                *known =
                    ColumnType { of: Type::Text, nullable: known.nullable || found.nullable, low_cardinality: false };
            }
        }
    }
    fields
}

/// Names of the groups of all trailers.
fn trailer_fields(decode: &plan::Delimited) -> plan::Columns {
    let mut fields = plan::Columns::new();
    for trailer in &decode.trailers {
        // The expression was compiled when it was read.
        let Ok(regex) = regex::Regex::new(&trailer.matches) else { continue };
        for name in regex.capture_names().flatten() {
            fields.insert(name.into(), ColumnType::nullable(Type::Text));
        }
    }
    fields
}

/// The plan of the documents, what expressions of the flow see, and the columns of each layout.
pub(super) fn documents(
    world: &World<'_>,
    documents: &Documents,
    steps: &[Step],
    surroundings: &Surroundings,
) -> Option<(plan::Documents, Surroundings, plan::ByLayout<plan::Columns>)> {
    let mut decode = documents.decode.clone()?;
    let fields = fields(documents);
    let trailer_fields = trailer_fields(&decode);
    let mut scope = surroundings.scope.clone();
    for (name, of) in &trailer_fields {
        scope = scope.with_name(format!("trailer.{name}"), of.clone());
    }
    let outcome_scope = scope.clone().with_name("rows", ColumnType::of(Type::BIGINT));
    for (node, outcome) in &documents.outcomes {
        if let Some(condition) =
            compile::condition(world.findings, node, &outcome_scope, &[], compile::Unseen::default())
        {
            decode.outcomes.push((condition, *outcome));
        }
    }
    for (name, of) in &fields {
        scope = scope.with_name(format!("document.{name}"), of.clone());
    }
    let has_own = decode.layouts.iter().any(|layout| layout.names.iter().any(|name| &**name == "row"));
    decode.raw_row = !has_own && wants_row(steps);
    let shape = decode.layouts.iter().map(|layout| (Arc::clone(&layout.name), decode.columns(layout))).collect();
    let plan = plan::Documents {
        source: documents.source.clone(),
        file_names: documents.file_names.clone(),
        fields,
        unzip: documents.unzip.clone(),
        decode,
        trailer_fields,
        steps_need_trailer: false,
    };
    Some((plan, Surroundings { scope }, shape))
}

/// True if a step up to the first `select` refers to `row`.
fn wants_row(steps: &[Step]) -> bool {
    let says = |node: &Node| compile::mentions(&compile::without_literals(node.text()), "row");
    let column = |(_, column): &(Node, Column)| match column {
        Column::One(node) => says(node),
        Column::Broken => false,
        Column::ByLayout { layouts, others, .. } => {
            layouts.iter().any(|(_, node)| says(node)) || others.as_ref().is_some_and(says)
        }
    };
    for step in steps {
        let wants = match &step.verb {
            Verb::Where(node) => says(node),
            Verb::Select { keep, columns } => keep.iter().any(says) || columns.iter().any(column),
            Verb::Extend(columns) => columns.iter().any(column),
            Verb::Rename(columns) => columns.iter().any(|(old, _)| says(old)),
            Verb::Route { cases, .. } => cases.iter().any(|(node, _)| says(node)),
            Verb::Set(_) | Verb::Drop(_) | Verb::Dedupe(_) => false,
        };
        if wants {
            return true;
        }
        if matches!(step.verb, Verb::Select { .. }) {
            return false;
        }
    }
    false
}
