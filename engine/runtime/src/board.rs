//! What people see of a run: the state of each flow, kept by the tasks and read by `status`, the live lines and the
//! table at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use operators::Outcome;
use serde::{Deserialize, Serialize};
use telemetry::Counts;

use crate::displaced::Displaced;
use crate::ledger::{LedgerEntry, Receipt};
use crate::standing::{Standing, Standings};
use crate::task_state::TaskState;

/// A document that two flows of a topology bring to one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twice {
    /// Its file name.
    pub name: String,
    /// `topology/flow` of the other one.
    pub other: String,
    /// The table or topic.
    pub place: String,
    /// Other documents of which that is so.
    pub more: u64,
}

/// The state of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowState {
    /// What became of all rows, from the ledger: earlier runs too.
    pub total: Counts,
    /// What became of the rows of this run.
    pub run: Counts,
    /// Rows of earlier versions that documents of this run withdrew, as their receipts say.
    #[serde(default)]
    pub withdrawn: u64,
    /// Documents of this run by outcome.
    pub documents: BTreeMap<String, u64>,
    /// Documents whose newest version is refused, now or still: key, and why.
    pub refused: BTreeMap<String, Refusal>,
    /// Those whose files are gone, and of which no row stays of an earlier version either. Whoever reads folders sets them
    /// aside from `refused`; nobody here does.
    #[serde(default)]
    pub gone: BTreeMap<String, Refusal>,
    /// The first documents of this run that are not there; `documents` counts them all.
    #[serde(default)]
    pub absent: Vec<Refusal>,
    /// Files of this run that became the newest version of a document that had another name: the first of them.
    #[serde(default)]
    pub displaced: Vec<Displaced>,
    /// The first document of this run that another flow of the topology brings to the same place.
    #[serde(default)]
    pub twice: Option<Twice>,
    /// What is being worked on, by partition.
    pub working: BTreeMap<i32, String>,
    /// Documents that a source has found in this run.
    pub found: u64,
    /// Documents or records that wait, by partition.
    pub waiting: BTreeMap<i32, i64>,
    /// Milliseconds from the first to the last thing that happened in this run.
    pub busy_ms: i64,
    /// When the first thing happened, in milliseconds since 1970 UTC.
    pub started: Option<i64>,
    /// True if the source of this flow failed in its last round, and why.
    pub source_trouble: Option<String>,
    /// What a task waits for that may pass by itself, such as room on the disk of the log, or a table's server.
    #[serde(default)]
    pub waits_for: Option<String>,
    /// The place where the source of this flow found no file that fits, in its last round.
    #[serde(default)]
    pub nothing_fits: Option<String>,
    /// What is there instead, and why it does not fit; `None` where nothing is.
    #[serde(default)]
    pub misfit: Option<String>,
    /// True once a source has looked at all that its publisher offers, in this run or in a process beside it.
    #[serde(skip)]
    pub looked: bool,
    /// Revision of the topology that runs; empty without a run.
    #[serde(default)]
    pub revision: String,
    /// How far the tasks of this process are, by partition.
    #[serde(default)]
    pub tasks: BTreeMap<i32, TaskState>,
    /// True once the group has said which partitions are this process's, if none.
    #[serde(default)]
    pub assigned: bool,
    /// True once this process has found the flow's destination as planned, by a task or while it owned nothing.
    #[serde(default)]
    pub prepared: bool,
    /// True while a person has the flow paused, and nothing of it works any more.
    #[serde(default)]
    pub paused: bool,
    /// Tasks of this run that were started again because the log was away.
    #[serde(default)]
    pub restarts: u64,
    /// Rows of this run that became dead letters, by code and step.
    #[serde(default)]
    pub dead: BTreeMap<String, BTreeMap<String, u64>>,
    /// Since when it is this process's part to look at what the publisher offers, in milliseconds since 1970 UTC.
    #[serde(default)]
    pub looks_since: Option<i64>,
    /// Looks of this run at what the publisher offers, by how they ended.
    #[serde(default)]
    pub looks: BTreeMap<String, u64>,
    /// When the last of them ended well, in milliseconds since 1970 UTC.
    #[serde(default)]
    pub looked_at: Option<i64>,
    /// When the next one begins, in milliseconds since 1970 UTC; `None` while this process looks, or is not the one that does.
    #[serde(default)]
    pub looks_again: Option<i64>,
    /// Bytes of the documents that a source has found in this run.
    #[serde(default)]
    pub found_bytes: u64,
    /// Documents that are expected, are not there, and are asked for again.
    #[serde(default)]
    pub not_yet: u64,
    /// When the newest accepted document was fetched, in milliseconds since 1970 UTC, of all runs.
    #[serde(default)]
    pub newest_document: Option<i64>,
    /// Refused documents of this run, by code.
    #[serde(default)]
    pub refusals: BTreeMap<String, u64>,
}

/// Absent documents of a flow that are named. Larger: more memory, and more lines at the end of a first run that asks
/// for years of documents.
const ABSENT_NAMED: usize = 10;

/// Pairs of files of one document that are named. Larger: more lines at the end of a run.
const DISPLACED_NAMED: usize = 10;

impl FlowState {
    /// True if it has its assignment, and has found its destination as planned. A destination that goes away later changes
    /// nothing.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.assigned && self.prepared
    }

    /// True while those who wait for the run to be ready wait for this flow. Nobody waits for one that a person has paused,
    /// though it has not looked at its destination: a pause is his wish and no failure of what was deployed.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.paused && !self.ready()
    }

    /// True if a source finds documents for it, as far as this state knows.
    #[must_use]
    pub fn finds_documents(&self) -> bool {
        self.looks_since.is_some() || self.newest_document.is_some() || !self.refused.is_empty()
    }

    /// Changes the state of a task of this process. One that was given up meanwhile has none.
    pub(crate) fn of_task(&mut self, partition: i32, change: impl FnOnce(&mut TaskState)) {
        if let Some(task) = self.tasks.get_mut(&partition) {
            change(task);
        }
    }

    /// Counts a look at what the publisher offers, by how it ended.
    pub(crate) fn look_ended(&mut self, how: &str) {
        *self.looks.entry(how.to_owned()).or_default() += 1;
    }

    /// Documents of this run that are not there.
    #[must_use]
    pub fn not_there(&self) -> u64 {
        self.documents.get(Outcome::Absent.word()).copied().unwrap_or(0)
    }

    /// Documents of this run that were read, whatever became of them.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.documents.values().sum::<u64>() - self.not_there()
    }

    /// Takes note of a file that took the place of others, in place of what was told of that document before.
    pub(crate) fn note_displaced(&mut self, displaced: Displaced) {
        self.displaced.retain(|one| one.fields != displaced.fields || one.fields == Displaced::NO_FIELDS);
        if self.displaced.len() < DISPLACED_NAMED && !self.displaced.contains(&displaced) {
            self.displaced.push(displaced);
        }
    }

    /// Takes note of a document that another flow brings too.
    pub(crate) fn note_twice(&mut self, twice: Twice) {
        match &mut self.twice {
            Some(first) => first.more += 1,
            None => self.twice = Some(twice),
        }
    }

    /// Counts a document of this run by its outcome.
    pub(crate) fn note(&mut self, receipt: &Receipt, stays: Option<Standing>) {
        *self.documents.entry(receipt.outcome.clone()).or_default() += 1;
        if receipt.refused() {
            *self.refusals.entry(receipt.code.clone()).or_default() += 1;
        }
        if receipt.outcome == Outcome::Absent.word() && self.absent.len() < ABSENT_NAMED {
            self.absent.push(Refusal::of(receipt, stays));
        }
    }
}

/// Why a document was refused, or is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// File name.
    pub name: String,
    /// Outcome.
    pub outcome: String,
    /// Code.
    pub code: String,
    /// Why.
    pub message: String,
    /// Where it was found.
    #[serde(default)]
    pub url: String,
    /// What stays of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays: Option<Standing>,
    /// The topology's revision that refused it.
    #[serde(default)]
    pub revision: String,
    /// The version that was refused.
    #[serde(default)]
    pub version: i64,
}

/// The state of all flows.
#[derive(Debug, Default)]
pub struct Board {
    flows: Mutex<BTreeMap<String, FlowState>>,
    not_claimed: Mutex<BTreeSet<String>>,
    /// By flow. Apart from the states, which are copied for each look at them.
    standings: Mutex<HashMap<String, Standings>>,
}

impl Board {
    /// All flows by `topology/flow`.
    #[must_use]
    pub fn flows(&self) -> BTreeMap<String, FlowState> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at all flows by `topology/flow`, without a copy. Tasks wait meanwhile.
    pub fn look<Seen>(&self, look: impl FnOnce(&BTreeMap<String, FlowState>) -> Seen) -> Seen {
        look(&self.flows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Files that no source claims.
    #[must_use]
    pub fn not_claimed(&self) -> Vec<String> {
        self.not_claimed.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Notes a file that no source claims.
    pub fn note_not_claimed(&self, url: &str) {
        self.not_claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned());
    }

    /// Changes the state of a flow.
    pub fn change(&self, flow: &str, change: impl FnOnce(&mut FlowState)) {
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        change(flows.entry(flow.to_owned()).or_default());
    }

    /// Says what a task of a flow waits for that may pass by itself, or that it goes on.
    pub fn waits_for(&self, flow: &str, what: Option<String>) {
        self.change(flow, |state| state.waits_for = what);
    }

    /// True if the newest reading of this file of a document found no data, in this run or before.
    #[must_use]
    pub fn is_no_data(&self, flow: &str, document: &str, name: &str) -> bool {
        let standings = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
        standings.get(flow).is_some_and(|of_flow| of_flow.is_no_data(document, name))
    }

    /// What stays of earlier versions of the document that an entry ends, if that is no data.
    fn stays(&self, flow: &str, entry: &LedgerEntry) -> Option<Standing> {
        let mut standings = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
        let of_flow = standings.entry(flow.to_owned()).or_default();
        entry.amended.iter().for_each(|receipt| of_flow.amend(receipt));
        entry.receipt.as_ref().and_then(|receipt| of_flow.take(receipt))
    }

    /// Takes over what the ledger says of earlier runs.
    pub fn restore(&self, flow: &str, entry: &LedgerEntry) {
        let stays = self.stays(flow, entry);
        self.change(flow, |state| {
            state.total.add(&entry.counts);
            note_refused(state, entry, stays);
        });
    }

    /// Notes a closed range of this run, and the code and step of each of its dead letters.
    pub fn closed<'a>(
        &self,
        flow: &str,
        entry: &LedgerEntry,
        dead: impl Iterator<Item = (&'a str, &'a str)>,
        now: i64,
    ) {
        let stays = self.stays(flow, entry);
        self.change(flow, |state| {
            state.total.add(&entry.counts);
            state.run.add(&entry.counts);
            for (code, step) in dead {
                *state.dead.entry(code.to_owned()).or_default().entry(step.to_owned()).or_default() += 1;
            }
            state.waits_for = None;
            let started = *state.started.get_or_insert(now);
            state.busy_ms = now - started;
            // Of an amended receipt too: a document with rows that wait withdraws nothing until the last of them is done.
            state.withdrawn += entry.receipt.iter().chain(&entry.amended).map(|receipt| receipt.withdrawn).sum::<u64>();
            if let Some(receipt) = &entry.receipt {
                state.note(receipt, stays);
            }
            note_refused(state, entry, stays);
        });
    }
}

impl Refusal {
    fn of(receipt: &Receipt, stays: Option<Standing>) -> Self {
        Self {
            name: receipt.name.clone(),
            outcome: receipt.outcome.clone(),
            code: receipt.code.clone(),
            message: receipt.message.clone(),
            url: receipt.url.clone(),
            stays,
            revision: receipt.revision.clone(),
            version: receipt.version,
        }
    }
}

/// Which documents are refused, behind an entry. One that was given up is not any more, unless a newer version is.
fn note_refused(state: &mut FlowState, entry: &LedgerEntry, stays: Option<Standing>) {
    if let Some(receipt) = &entry.receipt {
        if receipt.accepted() {
            state.newest_document = state.newest_document.max(Some(receipt.fetched_at));
        }
        if receipt.refused() {
            state.refused.insert(receipt.document.clone(), Refusal::of(receipt, stays));
        } else {
            state.refused.remove(&receipt.document);
        }
    }
    if let Some(receipt) = entry.amended.as_ref().filter(|receipt| receipt.given_up()) {
        let is_it = state.refused.get(&receipt.document).is_some_and(|refused| refused.version == receipt.version);
        drop(is_it.then(|| state.refused.remove(&receipt.document)));
    }
}
