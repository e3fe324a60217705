//! Which flows are paused: a person has said so, and it stays so until he says otherwise, whoever runs the flow.
//!
//! What was said stands in a topic of its own, [`CONTROL`], which every process follows:
//!
//! ```text
//! key "topology/flow" as the log knows it     value { "paused": true or false, "at": milliseconds since 1970 UTC }
//! ```
//!
//! It is said of a flow whatever its generation, by the name of the first. What is said of rebuilds stands in the same
//! topic, under other keys (`rebuilds.rs`).
//!
//! The newest record of a key counts. A flow that is paused keeps its place in its group and its positions; its tasks and
//! its source end as they do at the end of a run, and start again when the pause is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use batch::{Headers, Records, RecordsBuilder};
use log::{Log, LogError, TopicSettings, Written};
use serde::{Deserialize, Serialize};

use crate::names;
use crate::stop::{Backoff, StopSignal};
use crate::system::CONTROL;

/// How often it is looked whether somebody said something.
const LOOK_UP: Duration = Duration::from_millis(500);

/// What a record of the topic says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    paused: bool,
    at: i64,
}

/// The flows that are paused now.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    flows: Mutex<BTreeMap<String, Said>>,
    next: Mutex<i64>,
    /// Flows that the run itself has told to stand still, and those of them that do.
    halts: Mutex<Halts>,
}

/// By the name that the log knows, with its generation.
#[derive(Debug, Default)]
struct Halts {
    told: BTreeSet<String>,
    stand: BTreeSet<String>,
}

impl Pauses {
    /// Reads what was said so far; makes the topic if it is missing.
    pub(crate) fn read(log: &dyn Log) -> Result<Self, LogError> {
        make(log)?;
        log.await_settled(CONTROL, 0)?;
        let pauses = Self::default();
        pauses.catch_up(log)?;
        Ok(pauses)
    }

    /// True if the flow is paused; by the name that the log knows.
    pub(crate) fn paused(&self, flow: &str) -> bool {
        let flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        flows.get(names::first(flow)).is_some_and(|said| said.paused)
    }

    /// True if the run has told the flow to stand still.
    pub(crate) fn halted(&self, flow: &str) -> bool {
        self.halts.lock().unwrap_or_else(PoisonError::into_inner).told.contains(flow)
    }

    /// Tells a flow to stand still, or to go on.
    pub(crate) fn halt(&self, flow: &str, halted: bool) {
        let mut halts = self.halts.lock().unwrap_or_else(PoisonError::into_inner);
        match halted {
            true => halts.told.insert(flow.to_owned()),
            false => halts.told.remove(flow),
        };
    }

    /// A flow says that nothing of it works in this process any more, or that it goes on.
    pub(crate) fn stand(&self, flow: &str, stands: bool) {
        let mut halts = self.halts.lock().unwrap_or_else(PoisonError::into_inner);
        match stands {
            true => halts.stand.insert(flow.to_owned()),
            false => halts.stand.remove(flow),
        };
    }

    /// True if nothing of the flow works in this process.
    pub(crate) fn stands(&self, flow: &str) -> bool {
        self.halts.lock().unwrap_or_else(PoisonError::into_inner).stand.contains(flow)
    }

    /// Takes over what people say, until the run stops. While the log is away, what was said last counts.
    pub(crate) fn follow(&self, log: &dyn Log, stop: &StopSignal) {
        let (mut wait, mut backoff) = (LOOK_UP, Backoff::new(Duration::from_secs(30), 11));
        // Not the log's own wait, which knows no signal: a run that ends would wait for it.
        while stop.wait(wait) {
            wait = match self.catch_up(log) {
                Ok(()) => {
                    backoff = Backoff::new(Duration::from_secs(30), 11);
                    LOOK_UP
                }
                Err(error) => {
                    tracing::warn!(reason = %error, "which flows are paused cannot be read, will try again");
                    backoff.next()
                }
            };
        }
    }

    fn catch_up(&self, log: &dyn Log) -> Result<(), LogError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        each(log, &mut next, &mut |flow, said| {
            self.flows.lock().unwrap_or_else(PoisonError::into_inner).insert(flow.to_owned(), said);
        })
    }
}

fn make(log: &dyn Log) -> Result<(), LogError> {
    log.ensure_topic(&TopicSettings { name: CONTROL.into(), partitions: 1 }).map(drop)
}

/// Hands over what was said from an offset on, and moves the offset.
fn each(log: &dyn Log, next: &mut i64, take: &mut dyn FnMut(&str, Said)) -> Result<(), LogError> {
    loop {
        let blocks = log.read(CONTROL, 0, *next, 1024 * 1024)?;
        let Some(last) = blocks.last() else { return Ok(()) };
        for record in blocks.iter().flat_map(Records::iter) {
            let flow = record.key.and_then(|key| std::str::from_utf8(key).ok());
            let said = record.value.and_then(|value| serde_json::from_slice::<Said>(value).ok());
            // A record of another form is of a later version, and says nothing to this one.
            if let (Some(flow), Some(said)) = (flow, said) {
                take(flow, said);
            }
        }
        *next = last.next_offset();
    }
}

/// The flows that are paused, as `topology/flow` by the name that the log knows the first generation by, and since when in milliseconds since 1970
/// UTC.
///
/// # Errors
/// If the log cannot be read.
pub fn paused_flows(log: &dyn Log) -> Result<BTreeMap<String, i64>, LogError> {
    let mut paused = BTreeMap::new();
    if log.topic(CONTROL)?.is_some() {
        each(log, &mut 0, &mut |flow, said| {
            if said.paused {
                paused.entry(flow.to_owned()).or_insert(said.at);
            } else {
                paused.remove(flow);
            }
        })?;
    }
    Ok(paused)
}

/// Says that these flows (`topology/flow` by the name that the log knows) are paused from now on, or not any more.
///
/// # Errors
/// If the log fails. Then nothing was said, unless the error says otherwise.
pub fn pause(log: &dyn Log, flows: &[String], paused: bool, now: i64) -> Result<(), LogError> {
    make(log)?;
    let mut records = RecordsBuilder::new();
    for flow in flows {
        let text = serde_json::to_vec(&Said { paused, at: now }).unwrap_or_default();
        records.push(Some(names::first(flow).as_bytes()), Some(&text), &Headers::new(), 0);
    }
    let mut transaction = log.begin();
    transaction.append(Written { topic: Arc::from(CONTROL), partition: 0, records: records.finish() })?;
    transaction.commit().map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use log::memory::MemoryLog;

    use super::{Pauses, pause, paused_flows};

    #[test]
    fn the_last_word_on_a_flow_counts_and_outlives_who_said_it() {
        let log = MemoryLog::new(Arc::new(|| 1));
        assert!(paused_flows(&log).expect("no topic yet").is_empty());
        let pauses = Pauses::read(&log).expect("read");
        let flows = ["a/load".to_owned(), "a/land".to_owned()];
        pause(&log, &flows, true, 5).expect("said");
        assert!(!pauses.paused("a/load"), "nobody has looked");
        pauses.catch_up(&log).expect("read");
        assert!(pauses.paused("a/load") && pauses.paused("a/land") && !pauses.paused("b/load"));
        // Who says it again does not change since when it is so.
        pause(&log, &flows, true, 6).expect("said");
        pause(&log, &flows[1..], false, 7).expect("said");
        let another = Pauses::read(&log).expect("read");
        assert!(another.paused("a/load") && !another.paused("a/land"));
        assert_eq!(paused_flows(&log).expect("read"), [("a/load".to_owned(), 5)].into());
    }
}
