//! Rebuilds: a flow reads its whole input once more, into a table beside the live one, which then takes its place.
//!
//! What reads once more is another *generation* of the flow: a flow of its own name in the log (`names::of_generation`),
//! with positions, ledger, dead letters and stores of its own, which shares with the live one what its source has found.
//! The runtime knows tables by their landing only; who exchanges them is told when the time has come ([`Turn`]).
//!
//! What was said of rebuilds stands in the topic of what people say, [`CONTROL`], and the newest record of a key counts:
//!
//! ```text
//! key "rebuild topology/flow", the name of the first generation     value: a Rebuild as JSON
//!
//!           ┌────────────────── another mapping: begun anew ─┐
//!           ▼                                                │
//! nothing ─▶ wished ──table made──▶ building ──all is read──▶ exchanging ──▶ done
//!           │                          │
//!           └──────────▶ refused ◀─────┤ (why)
//!                        cancelled ◀───┘ (its table is to go) ──▶ nothing
//! ```
//!
//! Invariants:
//! * A number is given to one generation only: what a cancelled one has done is never taken for that of a later one.
//! * A generation takes the place of the live one once it has read all that the live one ever landed, and if each document
//!   that has rows in the live table has them in its own: a person may say that those which it refuses may go.
//! * `live` moves with the record that says that the tables are exchanged, and never back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use batch::{Headers, Records, RecordsBuilder};
use log::{Log, LogError, TopicSettings, Written};
use serde::{Deserialize, Serialize};

use crate::ledger::{Receipt, ledger, ledger_of, receipts};
use crate::metadata::Progress;
use crate::names;
use crate::stop::StopSignal;
use crate::system::CONTROL;

/// Begins the keys of these records.
const KEY: &str = "rebuild ";

/// What was said of the rebuilds of one flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild {
    /// The generation that readers have.
    pub live: u32,
    /// The last one that was begun.
    pub last: u32,
    /// What happens now.
    pub stage: Stage,
    /// Since when, in milliseconds since 1970 UTC.
    pub at: i64,
}

impl Rebuild {
    /// Of a flow of which nothing was said.
    #[must_use]
    pub fn none() -> Self {
        Self { live: 1, last: 1, stage: Stage::Nothing, at: 0 }
    }

    /// True while one is to be begun, goes on or is to be ended.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        !matches!(self.stage, Stage::Nothing | Stage::Refused { .. } | Stage::Done { .. })
    }
}

/// How far a rebuild is. Tables are `database.table`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Stage {
    /// None goes on.
    Nothing,
    /// A person wants one; the next run begins.
    Wished,
    /// The generation `last` reads all, beside the live one.
    Building {
        /// `topology::making` of the flow: by which mapping its rows are made.
        making: String,
        /// The live table.
        table: String,
        /// The table beside.
        beside: String,
        /// True if a person has said that documents which the new mapping refuses may go.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        accept_refused: bool,
    },
    /// All is read, and the tables are to be exchanged, or are.
    Exchanging {
        /// The table that readers ask.
        table: String,
        /// The table beside.
        beside: String,
        /// Which table had the first name before: the server's own name of it.
        before: String,
        /// Which takes its place.
        after: String,
    },
    /// The tables are exchanged.
    Done {
        /// Where the table of before is kept.
        beside: String,
    },
    /// A person has taken it back; the table beside is to go.
    Cancelled {
        /// The table beside, if there may be one.
        beside: Option<String>,
    },
    /// It cannot be done.
    Refused {
        /// Why.
        what: String,
        /// What helps.
        remedy: String,
    },
}

/// What was said of each flow, by `topology/flow` of its first generation.
///
/// # Errors
/// If the log cannot be read.
pub fn rebuilds(log: &dyn Log) -> Result<BTreeMap<String, Rebuild>, LogError> {
    let (mut found, mut next) = (BTreeMap::new(), 0);
    if log.topic(CONTROL)?.is_none() {
        return Ok(found);
    }
    log.await_settled(CONTROL, 0)?;
    loop {
        let blocks = log.read(CONTROL, 0, next, 1024 * 1024)?;
        let Some(last) = blocks.last() else { return Ok(found) };
        for record in blocks.iter().flat_map(Records::iter) {
            let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
            let said = record.value.and_then(|value| serde_json::from_slice::<Rebuild>(value).ok());
            if let (Some(flow), Some(said)) = (key.and_then(|key| key.strip_prefix(KEY)), said) {
                found.insert(flow.to_owned(), said);
            }
        }
        next = last.next_offset();
    }
}

/// The generation of a flow that readers have, by `topology/flow` of its first one.
pub(crate) fn live(log: &dyn Log, first: &str) -> Result<u32, LogError> {
    Ok(rebuilds(log)?.get(first).map_or(1, |rebuild| rebuild.live))
}

/// Says it of a flow, `topology/flow` by whatever name the log knows it.
///
/// # Errors
/// If the log fails. Then nothing was said, unless the error says otherwise.
pub fn say_rebuild(log: &dyn Log, flow: &str, said: &Rebuild) -> Result<(), LogError> {
    log.ensure_topic(&TopicSettings { name: CONTROL.into(), partitions: 1 })?;
    let text = serde_json::to_vec(said).unwrap_or_default();
    let key = format!("{KEY}{}", names::first(flow));
    let mut records = RecordsBuilder::new();
    records.push(Some(key.as_bytes()), Some(&text), &Headers::new(), 0);
    let mut transaction = log.begin();
    transaction.append(Written { topic: CONTROL.into(), partition: 0, records: records.finish() })?;
    transaction.commit().map(drop)
}

/// True if a flow, `topology/flow` as the log knows it, has worked its input `topic` up to these ends of its partitions,
/// and has no range open.
///
/// # Errors
/// If the log cannot be asked.
pub fn has_read(log: &dyn Log, flow: &str, topic: &str, ends: &[i64]) -> Result<bool, LogError> {
    let [of, flow] = names::parts(flow);
    let group = names::group(of, flow);
    for (partition, end) in (0..).zip(ends) {
        let read = match log.position(&group, topic, partition)? {
            None => *end <= log.first(topic, partition)?,
            Some(at) => Progress::read(&at).is_ok_and(|at| at.open.is_none() && at.next.offset >= *end),
        };
        if !read {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Behind which record of each partition of its input `topic` a flow, `topology/flow` as the log knows it, has never landed
/// anything: not of a range that was ever closed, nor of one that is open. A flow that a person has sent back stands before
/// that, and its table has the rows all the same.
///
/// # Errors
/// If the log cannot be asked.
pub fn landed_before(log: &dyn Log, flow: &str, topic: &str) -> Result<Vec<i64>, LogError> {
    let [of, flow] = names::parts(flow);
    let group = names::group(of, flow);
    let closed = log.topic(&names::ledger(of, flow))?.map_or(0, |state| state.partitions);
    let bound = |partition| {
        let (first, end) = (log.first(topic, partition)?, log.end(topic, partition)?);
        let stands = match log.position(&group, topic, partition)?.map(|at| Progress::read(&at)) {
            None => first,
            Some(Ok(Progress { open: Some(open), .. })) => open.last.offset + 1,
            Some(Ok(Progress { next, .. })) => next.offset + i64::from(next.row > 0),
            // Nobody knows what it says.
            Some(Err(_)) => end,
        };
        let entries = if partition < closed { ledger_of(log, of, flow, partition)? } else { Vec::new() };
        // Where a range without rows ends before it begins, its record was worked all the same.
        let ever =
            entries.iter().filter(|entry| !entry.replayed).map(|entry| entry.first.0.max(entry.last.0) + 1).max();
        Ok(stands.max(ever.unwrap_or(first)).min(end))
    };
    (0..log.topic(topic)?.map_or(0, |state| state.partitions)).map(bound).collect()
}

/// Documents whose rows one generation of a flow has landed, and another one has not, as it refuses them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// The names of their files, and why they are refused, in the order of their names.
    pub documents: Vec<(String, String)>,
    /// Rows of them that the first generation has landed.
    pub rows: u64,
}

impl Lacking {
    /// True if there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.documents.is_empty()
    }
}

/// The documents whose rows stand in the table of the generation `live`, and would not in that of the generation `next`,
/// which has read all that `live` has. Both are `topology/flow` as the log knows them.
///
/// # Errors
/// If the log cannot be read.
pub fn lacking(log: &dyn Log, live: &str, next: &str) -> Result<Lacking, LogError> {
    let of = |flow: &str| {
        let [of, flow] = names::parts(flow);
        ledger(log, of, flow).map(receipts)
    };
    // What a generation has of a document: its newest version that it accepted, and why it refused the newest of all.
    let (mut has, mut refusals) = (BTreeMap::new(), BTreeMap::new());
    for receipt in of(next)? {
        if receipt.accepted() {
            let newest = has.entry(receipt.document).or_insert(receipt.version);
            *newest = receipt.version.max(*newest);
        } else {
            refusals.insert(receipt.document, format!("{} {}", receipt.code, receipt.message));
        }
    }
    let mut stand: BTreeMap<String, Receipt> = BTreeMap::new();
    for receipt in of(live)?.into_iter().filter(Receipt::accepted) {
        if stand.get(&receipt.document).is_none_or(|earlier| earlier.version <= receipt.version) {
            stand.insert(receipt.document.clone(), receipt);
        }
    }
    stand.retain(|document, receipt| {
        receipt.counts.landed > 0 && has.get(document).is_none_or(|version| *version < receipt.version)
    });
    let rows = stand.values().map(|receipt| receipt.counts.landed).sum();
    let why = |document: &str| refusals.get(document).map_or("", |why| why.trim()).to_owned();
    let named = stand.into_iter().map(|(document, receipt)| (receipt.name, why(&document)));
    let mut documents: Vec<(String, String)> = named.collect();
    documents.sort();
    Ok(Lacking { documents, rows })
}

/// Ends one pass of a run so that another one may begin: with a generation more, with another one, or with one less.
#[derive(Clone, Debug)]
pub struct Turn {
    stop: StopSignal,
    asked: Arc<AtomicBool>,
}

impl Turn {
    /// Of the pass that ends with this signal.
    #[must_use]
    pub fn of(stop: &StopSignal) -> Self {
        Self { stop: stop.clone(), asked: Arc::default() }
    }

    /// Ends the pass in order.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.stop.stop();
    }

    /// True if somebody has asked for it.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use batch::{Headers, RecordsBuilder};
    use connect::RowPosition;
    use log::memory::MemoryLog;
    use log::{Log, TopicSettings, Written};
    use telemetry::Counts;

    use super::{Lacking, Rebuild, Stage, has_read, lacking, landed_before, rebuilds, say_rebuild};
    use crate::ledger::LedgerEntry;
    use crate::metadata::Progress;
    use crate::names;
    use crate::pauses::{pause, paused_flows};

    #[test]
    fn the_last_word_counts_beside_the_pauses_of_the_same_topic() {
        let log = MemoryLog::new(Arc::new(|| 1));
        assert!(rebuilds(&log).expect("no topic yet").is_empty());
        let flows = ["a/load_2".to_owned()];
        pause(&log, &flows, true, 5).expect("said");
        let wished = Rebuild { last: 2, stage: Stage::Wished, at: 7, ..Rebuild::none() };
        say_rebuild(&log, "a/load", &wished).expect("said");
        assert_eq!(rebuilds(&log).expect("read"), [("a/load".to_owned(), wished)].into());
        let done = Rebuild { live: 2, last: 2, stage: Stage::Done { beside: "d.t".to_owned() }, at: 8 };
        say_rebuild(&log, "a/load_2", &done).expect("said");
        assert_eq!(rebuilds(&log).expect("read"), [("a/load".to_owned(), done.clone())].into());
        assert!(!done.goes_on());
        // A pause is of the flow, whatever its generation.
        assert_eq!(paused_flows(&log).expect("read"), [("a/load".to_owned(), 5)].into());
    }

    /// A ledger of one partition.
    fn closed(log: &MemoryLog, flow: &str, entries: &[LedgerEntry]) {
        let ledger = names::ledger("a", flow);
        log.ensure_topic(&TopicSettings { name: Arc::clone(&ledger), partitions: 1 }).expect("a topic");
        let mut records = RecordsBuilder::new();
        for entry in entries {
            records.push(None, Some(&serde_json::to_vec(entry).expect("JSON")), &Headers::new(), 0);
        }
        let mut transaction = log.begin();
        transaction.append(Written { topic: ledger, partition: 0, records: records.finish() }).expect("appended");
        transaction.commit().expect("committed");
    }

    #[test]
    fn a_flow_that_was_sent_back_has_landed_what_it_ever_closed() {
        let log = MemoryLog::new(Arc::new(|| 1));
        let topic = TopicSettings { name: "input".into(), partitions: 1 };
        let identity = log.ensure_topic(&topic).expect("a topic").identity;
        let mut records = RecordsBuilder::new();
        (0..9).for_each(|_| records.push(None, Some(b"x"), &Headers::new(), 0));
        let mut transaction = log.begin();
        let records = records.finish();
        transaction.append(Written { topic: "input".into(), partition: 0, records }).expect("appended");
        let next = RowPosition { offset: 2, row: 0 };
        let progress = Progress { next, topic: identity.to_string(), open: None, stores: Vec::new() };
        transaction.commit_position(&names::group("a", "load"), "input", 0, progress.position()).expect("moved");
        transaction.commit().expect("committed");
        assert_eq!(landed_before(&log, "a/load", "input").expect("asked"), [2]);
        let entry = |first, last| LedgerEntry { first, last, ..LedgerEntry::default() };
        let replayed = LedgerEntry { replayed: true, ..entry((8, 0), (8, 0)) };
        closed(&log, "load", &[entry((0, 0), (4, 1)), entry((5, 0), (4, 9)), entry((0, 0), (1, 0)), replayed]);
        assert_eq!(landed_before(&log, "a/load", "input").expect("asked"), [6]);
        assert!(!has_read(&log, "a/load", "input", &[6]).expect("asked"));
    }

    #[test]
    fn a_document_lacks_where_its_newest_rows_are_refused() {
        let log = MemoryLog::new(Arc::new(|| 1));
        let receipt = |document: &str, version, outcome: &str, landed| {
            let counts = Counts { landed, ..Counts::default() };
            let text = serde_json::json!({
                "topology": "a", "flow": "load", "document": document, "version": version, "name": format!("{document}.txt"),
                "url": "", "sha256": "", "size": 1, "outcome": outcome, "code": "E4402", "message": "so", "counts": counts,
                "withdrawn": 0, "revision": "", "fetched_at": 0, "at": version,
            });
            let receipt = Some(serde_json::from_value(text).expect("a receipt"));
            LedgerEntry { receipt, ..LedgerEntry::default() }
        };
        let both = [receipt("same", 1, "rows", 7), receipt("same", 2, "failed", 0), receipt("empty", 1, "empty", 0)];
        let live = [receipt("gone", 1, "rows", 3), receipt("older", 1, "rows", 4), receipt("older", 2, "rows", 5)];
        closed(&log, "load", &[&both[..], &live].concat());
        let next = [receipt("gone", 1, "failed", 0), receipt("older", 1, "rows", 4), receipt("older", 2, "failed", 0)];
        closed(&log, "load_2", &[&both[..], &next].concat());
        let why = || "E4402 so".to_owned();
        let documents = vec![("gone.txt".to_owned(), why()), ("older.txt".to_owned(), why())];
        assert_eq!(lacking(&log, "a/load", "a/load_2").expect("asked"), Lacking { documents, rows: 8 });
        assert!(lacking(&log, "a/load", "a/load").expect("asked").is_none());
    }

    #[test]
    fn an_empty_partition_is_read_by_who_has_not_begun_and_no_other_is() {
        let log = MemoryLog::new(Arc::new(|| 1));
        log.ensure_topic(&TopicSettings { name: "input".into(), partitions: 2 }).expect("a topic");
        assert!(has_read(&log, "a/load_2", "input", &[0, 0]).expect("asked"));
        assert!(!has_read(&log, "a/load_2", "input", &[0, 1]).expect("asked"));
    }
}
