//! Runs one test of a topology file: what is given goes through the flow, and what comes out is compared.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryViewArray, Int64Array, RecordBatch};
use arrow::error::ArrowError;
use batch::{Batch, DocumentId, Failed, Headers, Input, Origins, Place, Records, RecordsBuilder, TopicIdentity, Type};
use indexmap::IndexMap;
use operators::{
    BadRow, Chain, ChainOutput, DecodedRecords, DocumentBytes, DocumentInput, Facts, KeptSchemas, MemoryScratch, Proof,
    Schemas, TOO_MANY_BAD_ROWS, Worked, WorkingMemory,
};
use telemetry::Counts;
use topology::plan::{self, Given, GivenRecord, Test, Topology};

use crate::{assemble, compare, transform};

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestOutcome {
    /// All is as expected.
    Passed,
    /// What differs, one sentence a difference.
    Failed(Vec<String>),
}

/// A dead letter as tests see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dead {
    pub(crate) code: String,
    pub(crate) step: String,
    pub(crate) field: String,
    pub(crate) line: u64,
    pub(crate) message: String,
}

/// What a document became, as tests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) outcome: &'static str,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) rows: u64,
    pub(crate) dead: u64,
}

/// All that came out of a flow.
#[derive(Debug, Default)]
pub(crate) struct Came {
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) outputs: BTreeMap<Arc<str>, Vec<RecordBatch>>,
    pub(crate) dead: Vec<Dead>,
    pub(crate) counts: Counts,
    /// Of the last document.
    pub(crate) receipt: Option<Receipt>,
    /// Why documents were refused, one sentence a document.
    pub(crate) refused: Vec<String>,
}

/// Runs a test of a topology.
#[must_use]
pub fn run_test(topology: &Topology, test: &Test) -> TestOutcome {
    let Some(flow) = topology.flows.iter().find(|flow| flow.name == test.flow) else {
        return TestOutcome::Failed(vec![format!("there is no flow `{}`", test.flow)]);
    };
    let came = match &flow.from {
        plan::From::Documents(documents) => documents_through(topology, flow, documents, &test.given),
        plan::From::Topic(topic) => rows_through(flow, topic, &test.given),
    };
    match came {
        Err(what) => TestOutcome::Failed(vec![what]),
        Ok(came) => {
            let mut differences = compare::differences(&came, &test.expect);
            if !came.counts.balanced() {
                differences.push(format!("rows are not accounted for: {:?}", came.counts));
            }
            if differences.is_empty() { TestOutcome::Passed } else { TestOutcome::Failed(differences) }
        }
    }
}

fn documents_through(
    topology: &Topology,
    flow: &plan::Flow,
    documents: &plan::Documents,
    given: &[Given],
) -> Result<Came, String> {
    let reader = assemble::document_reader(flow, documents).map_err(|error| error.to_string())?;
    let mut chain = assemble::chain(flow);
    let mut came = Came::default();
    let mut versions: BTreeMap<String, i64> = BTreeMap::new();
    for (number, given) in given.iter().enumerate() {
        let Given::Document { name, bytes } = given else {
            return Err("a flow of documents is given `document:`, not rows".to_owned());
        };
        let arrival = ARRIVAL + number as i64;
        let input = transform::document_input(topology, flow, &documents.file_names, name, arrival);
        let mut document = input.ok_or_else(|| format!("no pattern of `file-names` matches `{name}`"))?;
        document.offset = number as i64;
        let key = Arc::clone(&document.id.key);
        let version = *versions.entry(key.to_string()).and_modify(|version| *version += 1).or_insert(1);
        document.id = Arc::new(DocumentId { key, version });
        document_through(flow, &reader, &mut chain, &document, bytes, &mut came)?;
    }
    Ok(came)
}

/// Arrival of the first thing that is given: 2026-01-01 in milliseconds since 1970 UTC.
const ARRIVAL: i64 = 1_767_225_600_000;

fn document_through(
    flow: &plan::Flow,
    reader: &operators::DelimitedReader,
    chain: &mut Chain,
    document: &DocumentInput,
    bytes: &Arc<[u8]>,
    came: &mut Came,
) -> Result<(), String> {
    let open = || -> Result<Box<dyn DocumentBytes>, operators::ReadError> { Ok(Box::new(Cursor::new(bytes.to_vec()))) };
    let memory = WorkingMemory::new(Arc::new(MemoryScratch));
    let (mut rows, mut outputs, mut dead) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |worked: Worked| {
        rows.extend(worked.rows.map(|rows| rows.columns().clone()));
        outputs.extend(worked.outputs);
        dead.extend(worked.bad.iter().map(undecoded));
        dead.extend(worked.failed.iter().flat_map(failures));
        true
    };
    let Proof { outcome, code, message, counts, .. } =
        transform::work(flow, reader, chain, document, &memory, &open, &mut take).map_err(|error| error.to_string())?;
    came.counts.add(&counts);
    if !code.is_empty() {
        let (name, outcome) = (&document.name, outcome.word());
        let few = if code == TOO_MANY_BAD_ROWS.0 {
            "; or give it more good rows: dead letters are those of documents that are not refused"
        } else {
            ""
        };
        came.refused.push(format!("`{name}` was refused as {outcome}: {code} {message}{few}"));
    }
    came.receipt = Some(Receipt { outcome: outcome.word(), code, message, rows: counts.landed, dead: counts.dead });
    came.rows.extend(rows);
    came.dead.extend(dead);
    for (name, rows) in outputs {
        came.outputs.entry(name).or_default().push(rows.columns().clone());
    }
    Ok(())
}

fn rows_through(flow: &plan::Flow, topic: &plan::TopicRead, given: &[Given]) -> Result<Came, String> {
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    for given in given {
        match given {
            Given::Row(values) => rows.push(values.clone()),
            Given::Record(record) => records.push(record),
            Given::Document { .. } => return Err("a flow of a topic is given no documents".to_owned()),
        }
    }
    let input = input(&topic.topic);
    let decoded = if records.is_empty() {
        let batch = batch_of(&rows, &topic.columns).map_err(compare::words)?;
        let alike = vec![GivenRecord { value: Some("".into()), ..GivenRecord::default() }; rows.len()];
        let alike = records_of(&alike.iter().collect::<Vec<_>>(), &Type::Binary)?;
        let facts = assemble::record_facts(topic);
        let batch = facts.beside(batch, &alike, &input).and_then(|batch| without_keys(batch, topic));
        let batch = batch.map_err(|error| error.to_string())?;
        DecodedRecords { batch, bad: Vec::new(), dropped: Vec::new() }
    } else {
        let schemas = KeptSchemas::open("", Box::new(|_| Ok(()))).map_err(|error| error.to_string())?;
        let schemas: Arc<dyn Schemas> = Arc::new(schemas);
        let mut reader = assemble::record_reader(topic, &schemas).map_err(|error| error.to_string())?;
        let records = records_of(&records, &topic.key_type())?;
        reader.read(&records, &input).map_err(|error| error.to_string())?
    };
    through(flow, decoded, given.len() as u64)
}

/// Rows that are given have no keys: the fields of those are null.
fn without_keys(batch: Batch, topic: &plan::TopicRead) -> Result<Batch, ArrowError> {
    if !topic.needs_key_fields {
        return Ok(batch);
    }
    let of_facts = batch.facts().into_iter().flat_map(|facts| facts.schema_ref().fields().iter().zip(facts.columns()));
    let mut columns: Vec<(String, ArrayRef)> =
        of_facts.map(|(field, column)| (field.name().clone(), Arc::clone(column))).collect();
    for (path, of) in topic.key_fields() {
        let absent = absent(&of.of);
        let values = compare::array_of(&vec![&absent; batch.len()], &of.of)?;
        columns.push((format!("{}{path}", plan::KEY_FIELD), values));
    }
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    batch.with_facts(RecordBatch::try_from_iter_with_nullable(columns)?)
}

/// Records as a test writes them; record `i` arrives one millisecond after record `i - 1`.
fn records_of(given: &[&GivenRecord], key: &Type) -> Result<Records, String> {
    let mut records = RecordsBuilder::new();
    for (number, GivenRecord { value, key: written, headers }) in given.iter().enumerate() {
        let key = written.as_ref().map(|written| key_of(written, key)).transpose()?;
        let mut encoded = Headers::new();
        headers.iter().for_each(|(name, value)| encoded.push(name, value.as_bytes()));
        records.push(key.as_deref(), value.as_deref().map(str::as_bytes), &encoded, ARRIVAL + number as i64);
    }
    Ok(records.finish())
}

/// The bytes of a key: of a number those that Kafka's serializers write.
fn key_of(written: &str, of: &Type) -> Result<Vec<u8>, String> {
    let misfit = || format!("the key `{}` is no {of}", batch::bounded(written));
    Ok(match of {
        Type::Integer { bits: 32, .. } => written.parse::<i32>().map_err(|_| misfit())?.to_be_bytes().to_vec(),
        Type::Integer { .. } => written.parse::<i64>().map_err(|_| misfit())?.to_be_bytes().to_vec(),
        _ => written.as_bytes().to_vec(),
    })
}

fn through(flow: &plan::Flow, decoded: DecodedRecords, rows_in: u64) -> Result<Came, String> {
    let DecodedRecords { batch, bad, dropped: left_out } = decoded;
    let mut chain = assemble::chain(flow);
    let mut came = Came::default();
    came.counts.rows_in = rows_in;
    came.dead.extend(bad.into_iter().map(|bad| Dead {
        code: bad.code.to_string(),
        step: "decode".to_owned(),
        message: bad.message,
        ..Dead::default()
    }));
    let ChainOutput { rows, outputs, failed, dropped } =
        chain.run(batch, &Facts::default()).map_err(|error| error.to_string())?;
    came.counts.landed = rows.as_ref().map_or(0, |rows| rows.len() as u64);
    came.rows.extend(rows.map(|rows| rows.columns().clone()));
    for (name, rows) in outputs {
        *came.counts.outputs.entry(name.to_string()).or_default() += rows.len() as u64;
        came.outputs.entry(name).or_default().push(rows.columns().clone());
    }
    came.dead.extend(failed.iter().flat_map(failures));
    came.counts.dead = came.dead.len() as u64;
    left_out.iter().chain(&dropped).for_each(|(reason, count)| came.counts.drop_rows(reason, *count));
    Ok(came)
}

/// Rows of a topic from what a test writes; record `i` arrives one millisecond after record `i - 1`.
fn batch_of(rows: &[IndexMap<Arc<str>, plan::Value>], columns: &plan::Columns) -> Result<Batch, ArrowError> {
    let mut arrays: Vec<(&str, ArrayRef, bool)> = Vec::new();
    for (name, column) in columns {
        let absent = absent(&column.of);
        let values: Vec<&plan::Value> = rows.iter().map(|row| row.get(name).unwrap_or(&absent)).collect();
        let values = compare::array_of(&values, &column.of)
            .map_err(|error| ArrowError::CastError(format!("{name}: {}", compare::words(error))))?;
        arrays.push((name, values, true));
    }
    let count = rows.len();
    let columns = RecordBatch::try_from_iter_with_nullable(arrays)?;
    let numbers = |from: i64| (0..count as i64).map(|number| from + number).collect::<Vec<_>>();
    let origins = Origins {
        input: input("rows"),
        offsets: numbers(0).into(),
        rows: Int64Array::from_value(0, count),
        arrivals: numbers(ARRIVAL).into(),
        place: Place::Nowhere,
        raw: BinaryViewArray::from_iter_values(std::iter::repeat_n(b"", count)),
    };
    Batch::new(columns, origins, None)
}

/// What a row has in a column that the test does not name: lists and maps are empty, because they know no null.
fn absent(of: &Type) -> plan::Value {
    match of {
        Type::List(_) => plan::Value::List(Vec::new()),
        Type::Map(_) => plan::Value::Map(IndexMap::new()),
        _ => plan::Value::Null,
    }
}

fn input(topic: &str) -> Arc<Input> {
    Arc::new(Input { topic: topic.into(), identity: TopicIdentity(0), partition: 0 })
}

fn undecoded(bad: &BadRow) -> Dead {
    Dead {
        code: bad.code.to_string(),
        step: "decode".to_owned(),
        line: bad.line,
        message: bad.message.clone(),
        ..Dead::default()
    }
}

fn failures(failed: &Failed) -> Vec<Dead> {
    let lines = failed.origins.place.spread(failed.origins.len()).3;
    let dead = failed.failures.iter().map(|failure| Dead {
        code: failure.code.to_string(),
        step: failed.step.to_string(),
        field: failure.field.as_deref().unwrap_or_default().to_owned(),
        line: if lines.is_valid(failure.row) { lines.value(failure.row) } else { 0 },
        message: failure.message.clone(),
    });
    dead.collect()
}
