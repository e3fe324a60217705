//! One document through `unzip`, `decode` and its proof, with little memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use batch::{DocumentId, Input, TopicIdentity};
use codec::delimited::{Format, Layout, NewColumns, Proof, RawRow, Settings, Trailer};
use indexmap::IndexMap;
use operators::{
    Chain, DelimitedReader, DelimitedSettings, DocumentBytes, DocumentInput, Members, Outcome, Scratch, ScratchFile,
    UnzipSettings, WorkingMemory, Workshop,
};
use pattern::Pattern;

use crate::bytes::Made;
use crate::counted::alone;

/// What the rows of a document may take.
pub(crate) const BUDGET: usize = 2 * 1024 * 1024;
/// Most bytes of a line.
const LINE_LIMIT: usize = 1 << 20;

/// Scratch files on the disk, so that they cost no memory.
#[derive(Debug)]
struct Files;

impl Scratch for Files {
    fn file(&self) -> io::Result<Box<dyn ScratchFile>> {
        Ok(Box::new(tempfile::tempfile()?))
    }
}

/// What was found in a document, and what it cost.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) outcome: Outcome,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) rows: u64,
    pub(crate) dead: u64,
    pub(crate) dropped: u64,
    /// Code, line and message of the first bad row.
    pub(crate) first_bad: Option<(String, u64, String)>,
    /// Members that rows came from.
    pub(crate) members: Vec<String>,
    /// True if the rows fitted into the budget.
    pub(crate) kept: bool,
    /// Most bytes that were taken of the budget at once.
    pub(crate) taken: usize,
    /// Most bytes that were in use for it at once.
    pub(crate) memory: usize,
}

fn reader(quotes: bool, encoding: &str) -> DelimitedReader {
    let names = |list: [&str; 3]| -> Vec<Arc<str>> { list.iter().map(|name| Arc::from(*name)).collect() };
    let layout =
        Layout { name: "one".into(), header: names(["A", "B", "C"]), must_have: vec![], names: names(["a", "b", "c"]) };
    let proves = vec![Proof::Count { group: "n".into() }];
    let format = Format::new(Settings {
        separator: b'|',
        quotes,
        encoding: encoding.into(),
        layouts: vec![layout],
        spill: None,
        trailers: vec![Trailer { matches: r"rows (?<n>\d+)".into(), proves }],
        trailer_required: true,
        new_columns: NewColumns::Refuse,
        empty_is_null: true,
        lines_before_header: 0,
        line_limit: LINE_LIMIT,
        wanted: None,
        raw_row: RawRow::None,
        raw: true,
    });
    let unzip =
        UnzipSettings { members: Members::Named(Pattern::parse("*").expect("a pattern")), unpacked_limit: 1 << 30 };
    DelimitedReader::new(DelimitedSettings {
        unzip: Some(unzip),
        format: Arc::new(format.expect("settings")),
        document_fields: IndexMap::new(),
        trailer_fields: Vec::new(),
        steps_need_trailer: false,
        outcomes: Vec::new(),
    })
}

/// Proves a document whose rows have the key `a`.
pub(crate) fn prove(document: &Made, quotes: bool) -> Found {
    prove_by(&reader(quotes, "utf-8"), document)
}

/// The same for one that is said to be in another encoding.
pub(crate) fn prove_in(encoding: &str, document: &Made) -> Found {
    prove_by(&reader(false, encoding), document)
}

fn prove_by(reader: &DelimitedReader, document: &Made) -> Found {
    let input = DocumentInput {
        input: Arc::new(Input { topic: "documents".into(), identity: TopicIdentity(1), partition: 0 }),
        offset: 0,
        arrival: 0,
        id: Arc::new(DocumentId { key: "feed/load/one".into(), version: 1 }),
        name: "one.txt".into(),
        fields: BTreeMap::new(),
    };
    let memory = WorkingMemory::limited(BUDGET, Arc::new(Files));
    let mut chain = Chain::new(Vec::new());
    let mut workshop = Workshop { reader, document: &input, chain: &mut chain, memory: &memory, rows_are_final: false };
    let open = || Ok(Box::new(document.clone()) as Box<dyn DocumentBytes>);
    let (proof, most) = alone(|| workshop.prove(&open, Some(&["a".into()]), 60.0));
    let mut proof = proof.expect("the bytes are there");
    let kept: Option<Vec<_>> =
        proof.kept.take().map(|kept| kept.collect::<Result<_, _>>().expect("they are in memory"));
    let blocks = kept.iter().flatten();
    let mut members: Vec<String> = blocks
        .clone()
        .filter_map(|block| block.rows.as_ref())
        .flat_map(|rows| match &rows.origins().place {
            batch::Place::Document { member, .. } => Some(member.to_string()),
            _ => None,
        })
        .collect();
    members.dedup();
    let first_bad = blocks.clone().find_map(|block| block.bad.first());
    let found = Found {
        outcome: proof.outcome,
        code: proof.code,
        message: proof.message,
        rows: proof.counts.landed,
        dead: proof.counts.dead,
        dropped: proof.counts.dropped.values().sum(),
        first_bad: first_bad.map(|bad| (bad.code.to_string(), bad.line, bad.message.clone())),
        members,
        kept: kept.is_some(),
        taken: memory.budget.most(),
        memory: most,
    };
    drop(kept);
    assert_eq!(memory.budget.taken(), 0, "all was given back");
    found
}
