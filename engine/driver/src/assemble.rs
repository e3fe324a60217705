//! From the plan to what works: each word of the topology language becomes its step, reader or writer.

use std::collections::BTreeSet;
use std::sync::Arc;

use batch::TableDefinition;
use codec::delimited::{
    Format, Layout, LineDecoder, LineSettings, NewColumns, Proof, RawRow, Settings, SettingsError, Trailer,
};
use codec::json::{JsonDecoder, OtherFields};
use operators::{
    AvroReader, ByLayout, Chain, Conform, Dedupe, DedupeSettings, DelimitedReader, DelimitedSettings, Destination,
    Drop, Extend, Members, Outcome, OutsideReader, RecordFacts, RecordReader, Rename, Route, Schemas, SchemasError,
    Select, Step, Tombstones, UnzipSettings, Values, Where,
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
        lines_before_header: decode.lines_before_header,
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

/// Why no reader of a topic's records can be made.
#[derive(Debug, thiserror::Error)]
pub enum RecordReaderError {
    /// The topic's declared schema cannot be used, or not now.
    #[error("the topic's schema cannot be used")]
    Schemas(#[from] SchemasError),
    /// The plan holds what the codec refuses; the topology's own checks should have said so.
    #[error("the decoder of the flow cannot be made")]
    Settings(#[from] SettingsError),
}

/// The reader of a topic's records.
///
/// # Errors
/// If it cannot be made.
pub fn record_reader(
    read: &plan::TopicRead,
    schemas: &Arc<dyn Schemas>,
) -> Result<Box<dyn RecordReader>, RecordReaderError> {
    let avro = || AvroReader::of_topic(Arc::clone(schemas), &read.columns, read.schema.as_deref());
    let (values, tombstones) = match &read.decode {
        None if read.facts.is_empty() => return Ok(Box::new(avro()?)),
        None => (Values::Avro(Box::new(avro()?)), Tombstones::Refuse),
        Some(decode) => {
            let values = match &decode.values {
                plan::RecordValues::Avro => Values::Avro(Box::new(avro()?)),
                plan::RecordValues::Json { fields, refuse_others } => Values::Json(json(fields, *refuse_others)),
                plan::RecordValues::Delimited(lines) => Values::Lines(line_decoder(lines)?),
            };
            let tombstones = match decode.tombstones {
                plan::Tombstones::Refuse => Tombstones::Refuse,
                plan::Tombstones::Drop => Tombstones::Drop,
                plan::Tombstones::Keep => Tombstones::Keep,
            };
            (values, tombstones)
        }
    };
    let reader = OutsideReader::new(values, tombstones, record_facts(read));
    Ok(Box::new(match key_fields(read, schemas)? {
        Some(keys) => reader.with_keys(keys),
        None => reader,
    }))
}

/// What decodes the fields of keys, where steps ask for any.
fn key_fields(read: &plan::TopicRead, schemas: &Arc<dyn Schemas>) -> Result<Option<Values>, RecordReaderError> {
    let key = read.decode.as_ref().map(|decode| &decode.key).filter(|_| read.needs_key_fields);
    let Some(plan::RecordKey::Fields { format, columns, schema }) = key else { return Ok(None) };
    Ok(Some(match format {
        plan::RecordValues::Avro => {
            Values::Avro(Box::new(AvroReader::of_topic(Arc::clone(schemas), columns, schema.as_deref())?))
        }
        plan::RecordValues::Json { fields, refuse_others } => Values::Json(json(fields, *refuse_others)),
        plan::RecordValues::Delimited(lines) => Values::Lines(line_decoder(lines)?),
    }))
}

/// What steps ask of the records of a topic.
pub(crate) fn record_facts(read: &plan::TopicRead) -> RecordFacts {
    RecordFacts::new(read.facts.clone(), read.key_type())
}

fn line_decoder(lines: &plan::DelimitedRecords) -> Result<LineDecoder, SettingsError> {
    LineDecoder::new(LineSettings {
        columns: lines.columns.clone(),
        separator: lines.separator,
        quotes: lines.quotes,
        encoding: Arc::clone(&lines.encoding),
        spill: lines.spill.clone(),
        empty_is_null: lines.empty_is_null,
    })
}

fn json(fields: &plan::Columns, refuse_others: bool) -> JsonDecoder {
    let others = if refuse_others { OtherFields::Refuse } else { OtherFields::Ignore };
    JsonDecoder::new(fields.iter().map(|(path, of)| (Arc::clone(path), of.clone())).collect(), others)
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
        store: Arc::clone(dedupe.store()),
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
