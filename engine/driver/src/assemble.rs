//! From the plan to what works: each word of the topology language becomes its step, reader or writer.

use std::collections::BTreeSet;
use std::sync::Arc;

use batch::TableDefinition;
use codec::delimited::{Format, Layout, NewColumns, Proof, RawRow, Settings, SettingsError, Trailer};
use operators::{
    ByLayout, Chain, Conform, Dedupe, DedupeSettings, DelimitedReader, DelimitedSettings, Destination, Drop, Extend,
    Members, Outcome, Rename, Route, Select, Step, UnzipSettings, Where,
};
use topology::plan::{self, Verb};

/// The reader of a flow's documents.
///
/// # Errors
/// If the plan holds what the codec refuses; the topology's own checks should have said so.
pub fn document_reader(flow: &plan::Flow, documents: &plan::Documents) -> Result<DelimitedReader, SettingsError> {
    let decode = &documents.decode;
    let format = Format::new(Settings {
        separator: decode.separator,
        quotes: decode.quotes,
        encoding: Arc::clone(&decode.encoding),
        layouts: decode.layouts.iter().map(layout).collect(),
        spill: decode.spill.clone(),
        trailers: decode.trailers.iter().map(trailer).collect(),
        trailer_required: decode.trailer_required,
        new_columns: match decode.new_columns {
            plan::NewColumns::Keep => NewColumns::Keep,
            plan::NewColumns::Refuse => NewColumns::Refuse,
        },
        empty_is_null: decode.empty_is_null,
        line_limit: decode.line_limit,
        wanted: wanted(flow),
        raw_row: if uses_row(flow) { RawRow::FilledCells } else { RawRow::None },
        raw: true,
    })?;
    let outcomes = decode.outcomes.iter().map(|(condition, outcome)| {
        let outcome = match outcome {
            plan::EmptyOutcome::Empty => Outcome::Empty,
            plan::EmptyOutcome::Unpublished => Outcome::Unpublished,
        };
        (condition.clone(), outcome)
    });
    Ok(DelimitedReader::new(DelimitedSettings {
        unzip: documents.unzip.as_ref().map(|unzip| UnzipSettings {
            members: match &unzip.members {
                plan::Members::Named(pattern) => Members::Named(pattern.clone()),
                plan::Members::FirstLine(pattern) => Members::FirstLine(pattern.clone()),
            },
            unpacked_limit: unzip.unpacked_limit,
        }),
        format: Arc::new(format),
        document_fields: documents.fields.clone(),
        trailer_fields: documents.trailer_fields.keys().cloned().collect(),
        steps_need_trailer: documents.steps_need_trailer,
        outcomes: outcomes.collect(),
    }))
}

fn layout(layout: &plan::Layout) -> Layout {
    let plan::Layout { name, header, must_have, names } = layout;
    Layout { name: Arc::clone(name), header: header.clone(), must_have: must_have.clone(), names: names.clone() }
}

fn trailer(trailer: &plan::Trailer) -> Trailer {
    let proves = trailer.proves.iter().map(|proof| match proof {
        plan::Proof::Count { group } => Proof::Count { group: Arc::clone(group) },
        plan::Proof::Sum { column, group } => Proof::Sum { column: Arc::clone(column), group: Arc::clone(group) },
    });
    Trailer { matches: Arc::clone(&trailer.matches), proves: proves.collect() }
}

/// The decoded columns that a step refers to before a `select` has made all columns anew; `None` if all go on.
fn wanted(flow: &plan::Flow) -> Option<BTreeSet<Arc<str>>> {
    let mut names = BTreeSet::new();
    for step in &flow.steps {
        match &step.verb {
            Verb::Where { condition } => names.extend(condition.values().flat_map(expression::Expression::names)),
            Verb::Extend { columns } => {
                names.extend(columns.values().flatten().flat_map(|(_, expression, _)| expression.names()));
            }
            Verb::Select { expressions } => {
                names.extend(expressions.values().flatten().flat_map(|(expression, _)| expression.names()));
                return Some(names);
            }
            // These name columns without expressions; decoding all is the simple answer.
            Verb::Drop { .. } | Verb::Rename { .. } | Verb::Dedupe(_) | Verb::Route { .. } => return None,
        }
    }
    None
}

fn uses_row(flow: &plan::Flow) -> bool {
    wanted(flow).is_none_or(|names| names.contains("row"))
}

/// The steps of a flow, and at the end the one that brings rows into the form of its destination.
#[must_use]
pub fn chain(flow: &plan::Flow) -> Chain {
    let mut steps: Vec<Box<dyn Step>> = flow.steps.iter().map(step).collect();
    steps.push(Box::new(Conform::new("landing".into(), columns(flow))));
    let outputs = flow.outputs.iter();
    outputs.fold(Chain::new(steps), |chain, (name, topic)| {
        chain.with_output(Arc::clone(name), Conform::new(Arc::clone(name), topic.columns.clone()))
    })
}

/// The columns of a flow's destination.
pub(crate) fn columns(flow: &plan::Flow) -> plan::Columns {
    match &flow.to {
        plan::To::Table(table) => table_columns(&table.table),
        plan::To::Topic(topic) => topic.columns.clone(),
    }
}

fn table_columns(table: &TableDefinition) -> plan::Columns {
    table.columns.iter().map(|column| (Arc::clone(&column.name), column.column_type.clone())).collect()
}

fn step(step: &plan::Step) -> Box<dyn Step> {
    let name = Arc::clone(&step.name);
    match &step.verb {
        Verb::Where { condition } => Box::new(Where::new(name, condition.clone())),
        Verb::Select { expressions } => {
            let columns: ByLayout<Vec<_>> = expressions
                .iter()
                .map(|(layout, expressions)| {
                    let names = step.output.values().next().into_iter().flat_map(|columns| columns.keys().cloned());
                    let columns = names.zip(expressions.iter().map(|(expression, _)| expression.clone()));
                    (Arc::clone(layout), columns.collect())
                })
                .collect();
            Box::new(Select::new(name, columns))
        }
        Verb::Extend { columns } => {
            let columns: ByLayout<Vec<_>> = columns
                .iter()
                .map(|(layout, columns)| {
                    let columns =
                        columns.iter().map(|(column, expression, _)| (Arc::clone(column), expression.clone()));
                    (Arc::clone(layout), columns.collect())
                })
                .collect();
            Box::new(Extend::new(name, columns))
        }
        Verb::Drop { columns } => Box::new(Drop::new(name, columns.clone())),
        Verb::Rename { columns } => Box::new(Rename::new(name, columns.clone())),
        Verb::Dedupe(dedupe) => Box::new(Dedupe::new(name, settings(dedupe))),
        Verb::Route { cases, default } => {
            let cases = cases.iter().map(|(condition, to)| (condition.clone(), destination(to)));
            Box::new(Route::new(name, cases.collect(), destination(default)))
        }
    }
}

fn settings(dedupe: &plan::Dedupe) -> DedupeSettings {
    DedupeSettings {
        store: Arc::clone(&dedupe.store),
        key: dedupe.key.clone(),
        remember: dedupe.remember,
        compare_content: dedupe.compare_content,
        ignore: dedupe.ignore.clone(),
        conflicts: dedupe.conflicts.clone(),
        late: dedupe.late.clone(),
    }
}

fn destination(destination: &plan::Destination) -> Destination {
    match destination {
        plan::Destination::Next => Destination::Next,
        plan::Destination::Output(name) => Destination::Output(Arc::clone(name)),
        plan::Destination::Drop(reason) => Destination::Drop(Arc::clone(reason)),
    }
}
