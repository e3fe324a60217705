//! The ledger of a flow: one JSON record a closed range, in the transaction that closed it.
//!
//! `reconcile` and `status` read it: rows in = landed + outputs + dropped + dead + held, for each range and so for the
//! flow. The record that ends a document carries its receipt. A record of another form says that a person chose where
//! the flow goes on, or stands for all records before it: see `digest.rs`.

use std::collections::{BTreeMap, HashMap};

use batch::{Headers, Records, RecordsBuilder};
use log::{Log, LogError};
use operators::Outcome;
use serde::{Deserialize, Serialize};
use telemetry::Counts;

use crate::digest::Digest;
use crate::names;

/// What became of one range of input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Offset and row of the first input row.
    pub first: (i64, i64),
    /// Offset and row of the last input row; before `first` for a range without rows.
    pub last: (i64, i64),
    /// What became of its rows.
    pub counts: Counts,
    /// Hash over what was landed, in hexadecimal; empty if nothing was.
    pub hash: String,
    /// Revision of the topology.
    pub revision: String,
    /// True for rows that came back from the dead letters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// Key and version of the document that replayed rows stand in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_of: Option<(String, i64)>,
    /// The document that ended with this range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// What became of the document by now, of which replayed rows came to their end: in place of its receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended: Option<Receipt>,
}

/// What became of each document, in the order in which they were closed: what came back of one is in its receipt.
#[must_use]
pub fn receipts(entries: Vec<LedgerEntry>) -> Vec<Receipt> {
    let mut receipts: Vec<Receipt> = Vec::new();
    let mut last: HashMap<(String, i64), usize> = HashMap::new();
    for entry in entries {
        if let Some(receipt) = entry.receipt {
            last.insert((receipt.document.clone(), receipt.version), receipts.len());
            receipts.push(receipt);
        }
        if let Some(amended) = entry.amended
            && let Some(&at) = last.get(&(amended.document.clone(), amended.version))
        {
            receipts[at] = amended;
        }
    }
    receipts
}

/// A person said where a flow goes on in one input partition. The table need not hold any more what landed before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Offset and row of the next input row.
    pub released_to: (i64, i64),
    /// When, in milliseconds since 1970 UTC.
    pub at: i64,
    /// The identity of the topic that is read from here on, where what stands before in the ledger is of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onto: Option<String>,
}

impl Release {
    /// As a record of the ledger.
    ///
    /// # Errors
    /// Never by itself: it has no value that JSON cannot hold.
    pub fn records(&self) -> Result<Records, serde_json::Error> {
        let mut records = RecordsBuilder::new();
        records.push(None, Some(&serde_json::to_vec(self)?), &Headers::new(), 0);
        Ok(records.finish())
    }
}

/// What a ledger says, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum LedgerLine {
    /// A closed range, or several that follow one another.
    Entry(Box<LedgerEntry>),
    /// What a person said.
    Release(Release),
}

impl LedgerLine {
    /// Adds what a record says; nothing if it is of another form.
    fn read(value: &[u8], lines: &mut Vec<Self>) {
        if let Ok(line) = serde_json::from_slice(value) {
            lines.push(line);
        } else if let Ok(Digest { digest }) = serde_json::from_slice(value) {
            *lines = digest;
        }
    }
}

impl Receipt {
    /// True if the document took the place of its earlier versions.
    #[must_use]
    pub fn accepted(&self) -> bool {
        matches!(Outcome::of_word(&self.outcome), Some(Outcome::Rows | Outcome::Empty))
    }

    /// True if not one row of the document may land, and somebody has to do something about it.
    #[must_use]
    pub fn refused(&self) -> bool {
        Outcome::of_word(&self.outcome).is_some_and(Outcome::refused)
    }

    /// True if the document was refused and a person has given it up.
    #[must_use]
    pub fn given_up(&self) -> bool {
        Outcome::of_word(&self.outcome) == Some(Outcome::GivenUp)
    }

    /// This receipt of a refused document after a person has given it up.
    #[must_use]
    pub(crate) fn after_giving_up(self, at: i64) -> Self {
        Self { outcome: Outcome::GivenUp.word().to_owned(), at, ..self }
    }

    /// This receipt after dead rows of the document came to their end: replayed or given up. `counts` says what became
    /// of them, `withdrawn` how many rows of earlier versions went with the last of them. `revision` worked them, if
    /// they were worked: it is the receipt's from now on, whose numbers are its work.
    #[must_use]
    pub(crate) fn after(mut self, counts: &Counts, withdrawn: u64, at: i64, revision: Option<&str>) -> Self {
        self.counts.add(counts);
        // They were counted as rows, and as dead ones, when the document was closed.
        self.counts.rows_in = self.counts.rows_in.saturating_sub(counts.rows_in);
        self.counts.dead = self.counts.dead.saturating_sub(counts.rows_in);
        self.withdrawn += withdrawn;
        self.at = at;
        self.revision = revision.map_or(self.revision, str::to_owned);
        self
    }
}

/// What became of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Topology.
    pub topology: String,
    /// Flow.
    pub flow: String,
    /// Document key.
    pub document: String,
    /// Version of the document.
    pub version: i64,
    /// File name.
    pub name: String,
    /// Where it was found.
    pub url: String,
    /// SHA-256 of its bytes; empty if there were none.
    pub sha256: String,
    /// Number of bytes.
    pub size: u64,
    /// `rows`, `empty`, `unpublished`, `absent`, `incomplete`, `failed` or `given-up`.
    pub outcome: String,
    /// Why, as a stable code; empty if there is nothing to say.
    pub code: String,
    /// Why, in a sentence.
    pub message: String,
    /// Rows of the whole document.
    pub counts: Counts,
    /// Rows of earlier versions that this version withdrew.
    pub withdrawn: u64,
    /// Revision of the topology that worked the document, or rows of it that came back, last.
    pub revision: String,
    /// When it was fetched, in milliseconds since 1970 UTC.
    pub fetched_at: i64,
    /// When the receipt was written, in milliseconds since 1970 UTC.
    pub at: i64,
}
/// The whole ledger of a flow: partition by partition, in order.
///
/// # Errors
/// If the log cannot be read.
pub fn ledger(log: &dyn Log, topology: &str, flow: &str) -> Result<Vec<LedgerEntry>, LogError> {
    let Some(state) = log.topic(&names::ledger(topology, flow))? else {
        return Ok(Vec::new());
    };
    let mut entries = Vec::new();
    for partition in 0..state.partitions {
        entries.extend(ledger_of(log, topology, flow, partition)?);
    }
    Ok(entries)
}

/// The documents of a flow that are refused now, each with the partition that it is in.
///
/// # Errors
/// If the log cannot be read.
pub fn refused_documents(log: &dyn Log, topology: &str, flow: &str) -> Result<Vec<(i32, Receipt)>, LogError> {
    let mut refused = Vec::new();
    for partition in 0..log.topic(&names::ledger(topology, flow))?.map_or(0, |state| state.partitions) {
        let mut last: BTreeMap<String, Receipt> = BTreeMap::new();
        for receipt in receipts(ledger_of(log, topology, flow, partition)?) {
            last.insert(receipt.document.clone(), receipt);
        }
        refused.extend(last.into_values().filter(Receipt::refused).map(|receipt| (partition, receipt)));
    }
    Ok(refused)
}

/// The ledger of one input partition of a flow, in order.
///
/// # Errors
/// If the log cannot be read.
pub fn ledger_of(log: &dyn Log, topology: &str, flow: &str, partition: i32) -> Result<Vec<LedgerEntry>, LogError> {
    let lines = ledger_lines(log, topology, flow, partition)?.into_iter();
    let entry = |line| match line {
        LedgerLine::Entry(entry) => Some(*entry),
        LedgerLine::Release(_) => None,
    };
    Ok(lines.filter_map(entry).collect())
}

/// What of the ledger of one input partition is of the topic that the flow reads now, and the identity of that topic where
/// the flow was sent to it from another one.
///
/// # Errors
/// If the log cannot be read.
pub fn ledger_of_now(
    log: &dyn Log,
    topology: &str,
    flow: &str,
    partition: i32,
) -> Result<(Vec<LedgerEntry>, Option<String>), LogError> {
    let (mut entries, mut topic) = (Vec::new(), None);
    for line in ledger_lines(log, topology, flow, partition)? {
        match line {
            LedgerLine::Entry(entry) => entries.push(*entry),
            LedgerLine::Release(Release { onto: Some(onto), .. }) => {
                entries.clear();
                topic = Some(onto);
            }
            LedgerLine::Release(_) => {}
        }
    }
    Ok((entries, topic))
}

/// All lines of the ledger of one input partition, in order.
///
/// # Errors
/// If the log cannot be read.
pub(crate) fn ledger_lines(
    log: &dyn Log,
    topology: &str,
    flow: &str,
    partition: i32,
) -> Result<Vec<LedgerLine>, LogError> {
    let topic = names::ledger(topology, flow);
    let (mut lines, mut offset) = (Vec::new(), log.first(&topic, partition)?);
    loop {
        let blocks = match log.read(&topic, partition, offset, 8 * 1024 * 1024) {
            // A task has just put all this into a digest.
            Err(LogError::OutOfRange { first, .. }) if first > offset => {
                (lines, offset) = (Vec::new(), first);
                continue;
            }
            read => read?,
        };
        let Some(last) = blocks.last() else { return Ok(lines) };
        offset = last.next_offset();
        let values = blocks.iter().flat_map(Records::iter).filter_map(|record| record.value);
        values.for_each(|value| LedgerLine::read(value, &mut lines));
    }
}
