//! One document through its flow: proven first, then row by row to who takes them. No log, no table, no memory of others.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use batch::{DocumentId, Input, TopicIdentity};
use codec::delimited::SettingsError;
use operators::{
    Chain, DelimitedReader, DocumentBytes, DocumentInput, Outcome, Proof, ReadError, WorkError, Worked, WorkingMemory,
    Workshop,
};
use pattern::Pattern;
use topology::plan::{self, Flow, Topology};

use crate::assemble;

/// Opens the bytes of a document; it is read more than once.
pub type OpenDocument<'a> = &'a dyn Fn() -> Result<Box<dyn DocumentBytes>, ReadError>;

/// A document and the flow that reads it.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// The topology.
    pub topology: &'a Topology,
    /// Its flow.
    pub flow: &'a Flow,
    /// File name, which says its fields.
    pub name: &'a str,
    /// When it came, in milliseconds since 1970 UTC.
    pub arrival: i64,
}

/// Why a document was not worked at all.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// The flow reads a topic. Name another one.
    #[error("the flow reads a topic, not documents")]
    NotDocuments,
    /// No pattern of the flow fits the name. Give it the name under which it is published.
    #[error("no pattern of `file-names` matches `{0}`")]
    Name(String),
    /// The plan holds what the codec refuses.
    #[error("the decoder of the flow cannot be made")]
    Settings(#[from] SettingsError),
    /// The bytes could not be had, or the program is at fault.
    #[error(transparent)]
    Work(#[from] WorkError),
}

/// Proves a document and, if it is accepted, hands its rows over block by block until `take` answers false.
///
/// # Errors
/// If it cannot be worked at all. What is wrong with the document is in the proof.
pub fn transform(
    document: Document<'_>,
    memory: &WorkingMemory,
    open: OpenDocument<'_>,
    take: &mut dyn FnMut(Worked) -> bool,
) -> Result<Proof, TransformError> {
    let Document { topology, flow, name, arrival } = document;
    let plan::From::Documents(documents) = &flow.from else { return Err(TransformError::NotDocuments) };
    let reader = assemble::document_reader(flow, documents)?;
    let input = document_input(topology, flow, &documents.file_names, name, arrival);
    let input = input.ok_or_else(|| TransformError::Name(name.to_owned()))?;
    Ok(work(flow, &reader, &mut assemble::chain(flow), &input, memory, open, take)?)
}

/// The columns of the rows that leave a flow.
#[must_use]
pub fn columns(flow: &Flow) -> Schema {
    let columns = assemble::columns(flow);
    Schema::new(columns.iter().map(|(name, column)| column.field(name)).collect::<Vec<Field>>())
}

/// A document as a flow's first input; `None` if no pattern fits its name.
pub(crate) fn document_input(
    topology: &Topology,
    flow: &Flow,
    file_names: &[Pattern],
    name: &str,
    arrival: i64,
) -> Option<DocumentInput> {
    let fields = file_names.iter().find_map(|pattern| pattern.matches(name))?;
    let key = connect::document_key(&format!("{}/{}", topology.name, flow.recorded_as()), &fields, name);
    Some(DocumentInput {
        input: Arc::new(Input { topic: "documents".into(), identity: TopicIdentity(0), partition: 0 }),
        offset: 0,
        arrival,
        id: Arc::new(DocumentId { key: key.into(), version: 1 }),
        name: name.into(),
        fields,
    })
}

/// Proves a document, then hands its rows over if it is accepted. The proof says `Empty` of one without rows.
pub(crate) fn work(
    flow: &Flow,
    reader: &DelimitedReader,
    chain: &mut Chain,
    document: &DocumentInput,
    memory: &WorkingMemory,
    open: OpenDocument<'_>,
    take: &mut dyn FnMut(Worked) -> bool,
) -> Result<Proof, WorkError> {
    let key = match &flow.to {
        plan::To::Table(table) => Some(table.table.once_a_document()),
        plan::To::Topic(_) => None,
    };
    let mut workshop = Workshop { reader, document, chain, memory, rows_are_final: false };
    let mut proof = workshop.prove(open, key.as_deref(), flow.bad_rows_above)?;
    if proof.outcome == Outcome::Rows && proof.counts.rows_in == 0 {
        proof.outcome = Outcome::Empty;
    }
    if proof.outcome != Outcome::Rows {
        return Ok(proof);
    }
    if let Some(kept) = proof.kept.take() {
        for worked in kept {
            if !take(worked?.once_a_key(&proof.twice)?) {
                break;
            }
        }
        return Ok(proof);
    }
    let mut fault = None;
    workshop.again(open()?, &proof.facts, &mut |worked| match worked.once_a_key(&proof.twice) {
        Ok(worked) => take(worked),
        Err(error) => {
            fault = Some(error);
            false
        }
    })?;
    fault.map_or(Ok(proof), |fault| Err(fault.into()))
}
