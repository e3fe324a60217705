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
//! * `live` moves with the record that says that the tables are exchanged, and never back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use batch::{Headers, Records, RecordsBuilder};
use log::{Log, LogError, TopicSettings, Written};
use serde::{Deserialize, Serialize};

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

/// Behind which record of each partition of its input `topic` a flow, `topology/flow` as the log knows it, has landed
/// nothing: not of a range that is closed, nor of one that is open.
///
/// # Errors
/// If the log cannot be asked.
pub fn landed_before(log: &dyn Log, flow: &str, topic: &str) -> Result<Vec<i64>, LogError> {
    let [of, flow] = names::parts(flow);
    let group = names::group(of, flow);
    let bound = |partition| {
        let Some(at) = log.position(&group, topic, partition)? else { return log.first(topic, partition) };
        Ok(match Progress::read(&at) {
            Ok(Progress { open: Some(open), .. }) => open.last.offset + 1,
            Ok(Progress { next, .. }) => next.offset + i64::from(next.row > 0),
            // Nobody knows what it says.
            Err(_) => log.end(topic, partition)?,
        })
    };
    (0..log.topic(topic)?.map_or(0, |state| state.partitions)).map(bound).collect()
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

    use log::memory::MemoryLog;
    use log::{Log, TopicSettings};

    use super::{Rebuild, Stage, has_read, rebuilds, say_rebuild};
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

    #[test]
    fn an_empty_partition_is_read_by_who_has_not_begun_and_no_other_is() {
        let log = MemoryLog::new(Arc::new(|| 1));
        log.ensure_topic(&TopicSettings { name: "input".into(), partitions: 2 }).expect("a topic");
        assert!(has_read(&log, "a/load_2", "input", &[0, 0]).expect("asked"));
        assert!(!has_read(&log, "a/load_2", "input", &[0, 1]).expect("asked"));
    }
}
