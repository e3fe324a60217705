//! Runs one test of a topology file: what is given goes through the flow, and what comes out is compared.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryViewArray, Int64Array, RecordBatch};
use arrow::error::ArrowError;
use batch::{Batch, DocumentId, Failed, Input, Origins, Place, TopicIdentity, Type};
use indexmap::IndexMap;
use operators::{
    BadRow, Chain, ChainOutput, DocumentBytes, DocumentInput, Facts, MemoryScratch, Proof, Worked, WorkingMemory,
};
use telemetry::Counts;
use topology::plan::{self, Given, Test, Topology};

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
        came.refused.push(format!("`{name}` was refused as {outcome}: {code} {message}"));
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
    let mut rows = Vec::new();
    for given in given {
        match given {
            Given::Row(values) => rows.push(values.clone()),
            Given::Document { .. } => return Err("a flow of a topic is given `rows:`, not documents".to_owned()),
        }
    }
    let batch = batch_of(&rows, &topic.columns).map_err(|error| error.to_string())?;
    let mut chain = assemble::chain(flow);
    let mut came = Came::default();
    came.counts.rows_in = rows.len() as u64;
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
    dropped.iter().for_each(|(reason, count)| came.counts.drop_rows(reason, *count));
    Ok(came)
}

/// Rows of a topic from what a test writes; record `i` arrives one millisecond after record `i - 1`.
fn batch_of(rows: &[IndexMap<Arc<str>, plan::Value>], columns: &plan::Columns) -> Result<Batch, ArrowError> {
    let mut arrays: Vec<(&str, ArrayRef, bool)> = Vec::new();
    for (name, column) in columns {
        let absent = absent(&column.of);
        let values: Vec<&plan::Value> = rows.iter().map(|row| row.get(name).unwrap_or(&absent)).collect();
        arrays.push((name, compare::array_of(&values, &column.of)?, true));
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
