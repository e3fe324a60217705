//! The two names of a flow that was renamed with `was`: the one that people use, and the first one, by which topics,
//! ledgers, dead letters, keys of documents and rows' `_landing` know it for ever.
//!
//! The file alone says which is the first: all who run it, on whatever data folder, mean the same. What a data folder
//! remembers serves to translate between the two, and to refuse files that would begin anew unseen: see [`refuse`].

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use log::{Log, Position};
use runtime::{LedgerEntry, Progress, Receipt, names};
use topology::plan::{Flow, To, Topology};

use crate::data::{Changed, KnownFlow};
use crate::environment;
use crate::exit::{Exit, failure};
use crate::stores::{self, KnownStore};

/// The flows that have another name now. All names are `topology/flow`.
#[derive(Debug, Default)]
pub(crate) struct FlowNames {
    /// First name, and the name of now.
    renamed: BTreeMap<String, String>,
}

impl FlowNames {
    /// As the last runs on a data folder had them.
    pub(crate) fn of_known(known: &BTreeMap<String, KnownFlow>) -> Self {
        let renamed = known.iter().filter_map(|(first, known)| Some((first.clone(), known.called.clone()?)));
        Self { renamed: renamed.collect() }
    }

    /// As topology files have them.
    pub(crate) fn of_topologies(topologies: &[Topology]) -> Self {
        let renamed = each(topologies).filter(|(_, flow)| flow.was.is_some());
        Self { renamed: renamed.map(|(one, flow)| (recorded_as(one, flow), called(one, flow))).collect() }
    }

    /// The name that people see, of one by which the log knows the flow.
    pub(crate) fn shown(&self, recorded: &str) -> String {
        self.renamed.get(recorded).map_or(recorded, String::as_str).to_owned()
    }

    /// The same for a flow of a topology: its name alone.
    pub(crate) fn shown_of(&self, topology: &str, flow: &str) -> String {
        let shown = self.shown(&format!("{topology}/{flow}"));
        shown.split_once('/').map_or_else(|| flow.to_owned(), |(_, flow)| flow.to_owned())
    }

    /// The name by which the log knows what people wrote, be it a flow's name of now, its first one, or a topology.
    pub(crate) fn recorded(&self, written: &str) -> String {
        let renamed = self.renamed.iter().find(|(_, called)| *called == written);
        renamed.map_or(written, |(first, _)| first).to_owned()
    }
}

/// `topology/flow` as people see it.
pub(crate) fn called(topology: &Topology, flow: &Flow) -> String {
    format!("{}/{}", topology.name, flow.name)
}

/// `topology/flow` as the log knows it.
pub(crate) fn recorded_as(topology: &Topology, flow: &Flow) -> String {
    format!("{}/{}", topology.name, flow.recorded_as())
}

pub(crate) fn each(topologies: &[Topology]) -> impl Iterator<Item = (&Topology, &Flow)> {
    topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow)))
}

/// Refuses a file in which a flow, or a step with state, that went on under a `was` would begin anew: because `was` is
/// gone, says a later name instead of the first, or came after the flow had run by itself. What it reads once more would
/// land or leave once more, and nobody would be asked.
pub(crate) fn refuse(topologies: &[Topology], known: &BTreeMap<String, KnownFlow>, log: &dyn Log) -> Result<()> {
    let here: Vec<String> = each(topologies).map(|(one, flow)| recorded_as(one, flow)).collect();
    let gone = || known.iter().filter(|(first, _)| !here.contains(first));
    for (topology, flow) in each(topologies) {
        let (name, recorded) = (called(topology, flow), recorded_as(topology, flow));
        let its = |earlier: &KnownFlow| earlier.called.as_ref().is_some_and(|it| *it == name || *it == recorded);
        for (first, _) in gone().filter(|(_, earlier)| its(earlier)) {
            // What has read nothing begins anew under any name.
            if began(first, known, log)? {
                let first = names::first(first.split_once('/').map_or(first.as_str(), |(_, first)| first));
                return Err(begins_anew(&format!("the flow {name}"), first));
            }
        }
        if name != recorded && !known.contains_key(&recorded) {
            let left = gone().map(|(first, _)| first.as_str());
            let left = left.filter(|first| names::parts(first)[0] == &*topology.name && names::generation(first) == 1);
            let mut begun = Vec::new();
            for first in left {
                if began(first, known, log)? {
                    begun.push(first);
                }
            }
            if let Some(one) = begun.first() {
                let nearest = topology::nearest(&recorded, &begun).unwrap_or_else(|| (*one).to_owned());
                let first = names::parts(&nearest)[1];
                let what = format!(
                    "{name} says that it was {recorded}, and no such flow has run here: it would begin anew and read all \
                     once more, beside what {nearest} has read"
                );
                let remedy = format!("write `was: {first}`; or take `was` away, if it is a new flow");
                return Err(failure(Exit::Topology, what, remedy));
            }
        }
        if name != recorded && began(&name, known, log)? {
            let what = format!(
                "{name} says that it was {recorded}, and has run by itself before: what it read since then would be read \
                 once more"
            );
            let remedy = "take `was` away, or give the flow a name that no flow of its topology has had";
            return Err(failure(Exit::Topology, what, remedy));
        }
        let before = known.get(&recorded).map_or(&[][..], |known| &known.stores);
        if let Some((step, first)) = forgotten(before, &stores::of(flow)) {
            return Err(begins_anew(&format!("the step {step} of {name}"), &first));
        }
    }
    Ok(())
}

/// What to say of flows that make other rows than when they last ran, and have read something: what left them stays as it
/// is, which a person who has mended an expression may not expect. `rebuilt` are first names of flows that are being rebuilt.
/// Of a log that is `shared` none is.
pub(crate) fn changed(
    topologies: &[Topology],
    known: &BTreeMap<String, KnownFlow>,
    rebuilt: &BTreeSet<&str>,
    (log, shared): (&dyn Log, bool),
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for (topology, flow) in each(topologies) {
        let (name, recorded) = (called(topology, flow), recorded_as(topology, flow));
        let before = known.get(&recorded).map_or("", |known| &known.making);
        let settled = before.is_empty() || before == topology::making(topology, flow);
        let rebuilt = rebuilt.contains(names::first(&recorded));
        // What a person has sent back reads all again by the file as it is now.
        let stays = known.get(&recorded).map(|known| has_read(&recorded, known, log)).transpose()?;
        if settled || rebuilt || stays != Some(true) {
            continue;
        }
        let (beside, deletes) = match &flow.to {
            To::Table(_) if flow.outputs.is_empty() && !shared => (
                format!("spotlight rebuild {name}, beside its table; or "),
                ", which deletes nothing by itself and says what to delete before",
            ),
            To::Table(_) => (String::new(), ", which deletes nothing by itself and says what to delete before"),
            To::Topic(_) => (String::new(), ""),
        };
        notes.push(format!(
            "{name} has changed since it last ran: what it read before stays as it was made then; to make it again by the \
             file as it is now: {beside}spotlight release {name} --from earliest, without a run{deletes}"
        ));
    }
    Ok(notes)
}

/// Since when a flow makes other rows than those that it has read, if so: until it is rebuilt, reads all again from the
/// earliest record on, or its file is as it was before.
pub(crate) fn changed_since(
    before: Option<&KnownFlow>,
    recorded: &str,
    making: &str,
    log: &dyn Log,
) -> Result<Option<Changed>> {
    let Some(before) = before.filter(|before| !before.making.is_empty()) else { return Ok(None) };
    if before.making == making {
        return Ok(before.changed.clone());
    }
    if before.changed.as_ref().is_some_and(|changed| changed.before == making) || !has_made(recorded, before, log)? {
        return Ok(None);
    }
    let now = || Changed { at: environment::now(), before: before.making.clone() };
    Ok(Some(before.changed.clone().unwrap_or_else(now)))
}

/// True if the flow has begun, and with more than documents of which it refused all: those it tries again.
fn has_made(recorded: &str, known: &KnownFlow, log: &dyn Log) -> Result<bool> {
    let Some((topology, flow)) = recorded.split_once('/') else { return Ok(false) };
    if !has_read(recorded, known, log)? {
        return Ok(false);
    }
    let entries = runtime::ledger(log, topology, flow)?;
    let refused =
        |entry: &LedgerEntry| entry.counts.landed == 0 && entry.receipt.as_ref().is_some_and(Receipt::refused);
    Ok(entries.is_empty() || !entries.iter().all(refused))
}

/// True if the flow stands behind the first record of a partition, or has begun with it.
fn has_read(recorded: &str, known: &KnownFlow, log: &dyn Log) -> Result<bool> {
    let Some((topology, flow)) = recorded.split_once('/') else { return Ok(false) };
    let group = names::group(topology, flow);
    for partition in 0..log.topic(&known.topic)?.map_or(0, |state| state.partitions) {
        let first = log.first(&known.topic, partition)?;
        let behind = |position: Position| {
            let begun = Progress::read(&position).is_ok_and(|at| at.open.is_some() || at.next.row > 0);
            begun || position.offset > first
        };
        if log.position(&group, &known.topic, partition)?.is_some_and(behind) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A step that has kept its state under a first name and would keep it under another one now, and that first name.
fn forgotten(before: &[KnownStore], now: &[KnownStore]) -> Option<(String, String)> {
    let lost = |old: &&KnownStore| old.step != old.store && now.iter().all(|step| step.store != old.store);
    before.iter().filter(lost).find_map(|old| {
        let step = now.iter().find(|step| old.step == step.step || old.step == step.store)?;
        Some((step.step.clone(), old.store.clone()))
    })
}

/// True if the flow has a position: it has read something, or a person has said where it goes on.
pub(crate) fn began(recorded: &str, known: &BTreeMap<String, KnownFlow>, log: &dyn Log) -> Result<bool> {
    let (Some(known), Some((topology, flow))) = (known.get(recorded), recorded.split_once('/')) else {
        return Ok(false);
    };
    let group = names::group(topology, flow);
    for partition in 0..log.topic(&known.topic)?.map_or(0, |state| state.partitions) {
        if log.position(&group, &known.topic, partition)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn begins_anew(what: &str, first: &str) -> anyhow::Error {
    let what = format!("{what} has run with `was: {first}`: without that it would begin anew");
    let remedy = format!(
        "write `was: {first}`, the first name, which stays whatever it is called later; or, if it is to begin anew, give \
         it a name that it has not had"
    );
    failure(Exit::Topology, what, remedy)
}
