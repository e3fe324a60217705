//! Rebuilds, as far as they are about files, tables and people: `runtime/src/rebuilds.rs` says what they are.
//!
//! A run carries them on between two passes, when nothing of it works: [`begin`] before a pass makes tables and takes up
//! what an earlier process has left, [`exchange::settle`] after it exchanges those that are done. A wish, and a word that
//! takes it back, end the pass of a run without an end, so that the next one knows of it.
//!
//! Which generation of a flow is the live one stands in the log. A run gives it to the plan as the name by which the flow
//! is recorded, as `was` does ([`name`]); commands that read the data folder find it in `flows.json`.

mod begin;
mod exchange;
mod table;
mod wish;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use clickhouse_connector::ClickHouse;
use log::Log;
use runtime::{Rebuild, Stage, SystemTopics, names};
use topology::plan::Topology;

use crate::data::{DataFolder, KnownFlow};
use crate::exit::{Exit, failure};
use crate::flow_names;
use crate::registry::Patience;

pub(crate) use begin::{Building, begin, kept};
pub(crate) use exchange::{Settled, settle};
pub(crate) use wish::{Said, line};

/// What rebuilds are carried on with.
pub(crate) struct Means<'a> {
    pub(crate) log: &'a dyn Log,
    pub(crate) client: &'a ClickHouse,
    pub(crate) folder: &'a DataFolder,
    pub(crate) system: &'a SystemTopics,
    pub(crate) schemas: &'a dyn operators::Schemas,
    /// How long a ClickHouse that is away is waited for.
    pub(crate) patience: &'a Patience,
}

/// What was said of one flow.
struct One<'a> {
    means: &'a Means<'a>,
    /// `topology/flow` of its first generation.
    first: &'a str,
    rebuild: Rebuild,
}

impl One<'_> {
    /// `topology/flow` as the log knows the generation that readers have.
    fn live(&self) -> String {
        names::of_generation(self.first, self.rebuild.live)
    }

    /// The same of the one that was begun last.
    fn next(&self) -> String {
        names::of_generation(self.first, self.rebuild.last)
    }

    fn say(&mut self, stage: Stage) -> Result<()> {
        self.rebuild = Rebuild { stage, at: crate::environment::now(), ..self.rebuild.clone() };
        Ok(runtime::say_rebuild(self.means.log, self.first, &self.rebuild)?)
    }
}

/// The generation that readers have of each flow that was rebuilt, by `topology/flow` of the first, as the runs on a data
/// folder have last known it.
pub(crate) fn live(known: &BTreeMap<String, KnownFlow>) -> BTreeMap<String, u32> {
    // One that is only read beside the live one is called by the name that it has in the log.
    let live = known.iter().filter(|(name, known)| names::generation(name) > 1 && known.called.is_some());
    live.map(|(name, _)| (names::first(name).to_owned(), names::generation(name))).collect()
}

/// The first names of flows of which the tables are being exchanged, or may be exchanged already.
pub(crate) fn exchanging(log: &dyn Log, folder: &DataFolder) -> Result<BTreeSet<String>> {
    let said = if folder.shares_the_log() { BTreeMap::new() } else { runtime::rebuilds(log)? };
    let at_it = said.into_iter().filter(|(_, rebuild)| matches!(rebuild.stage, Stage::Exchanging { .. }));
    Ok(at_it.map(|(first, _)| first).collect())
}

/// The name by which the log knows the flow that somebody means by the first name of one that was rebuilt. Fails for the
/// name of a generation: what people say is of the flow, by its own name.
pub(crate) fn meant(known: &BTreeMap<String, KnownFlow>, written: &str) -> Result<Option<String>> {
    let first = names::first(written);
    // What is only read beside the live one is called nothing.
    let mut live = known.iter().filter(|(name, it)| names::first(name) == first && it.called.is_some());
    let live = live.next().map(|(name, it)| (name.clone(), it.called.clone().unwrap_or_default()));
    if known.contains_key(written) && names::generation(written) > 1 {
        let own = live.map_or_else(|| first.to_owned(), |(_, called)| called);
        let what = format!("`{written}` is what the log calls a generation of {own}, which goes by its own name");
        return Err(failure(Exit::Usage, what, format!("name {own}")));
    }
    let is_called = known.values().any(|it| it.called.as_deref() == Some(written));
    Ok(live.filter(|_| !known.contains_key(written) && !is_called).map(|(name, _)| name))
}

/// A condition of rows: those of a flow, `topology/flow` as the log knows it, from whatever log, and of the generations that
/// were before it, if any were. Names of flows hold letters, digits and hyphens only.
pub(crate) fn rows_of(flow: &str) -> String {
    match names::generation(flow) {
        1 => format!("startsWith(_landing, '{flow}/')"),
        _ => format!("match(_landing, '^{}(_[0-9]+)?/')", names::first(flow)),
    }
}

/// True if the ledger of a flow, by the name that the log knows, is still spoken of: it is that of the live generation, or
/// of one that is being read beside it.
pub(crate) fn counts(flow: &str, known: &BTreeMap<String, KnownFlow>, live: &BTreeMap<String, u32>) -> bool {
    let live = live.get(names::first(flow)).copied().unwrap_or(1);
    match names::generation(flow) {
        generation if generation > live => known.contains_key(flow),
        generation => generation == live,
    }
}

/// Has the flows of topologies go by the generation that readers have.
pub(crate) fn name(topologies: &mut [Topology], live: &BTreeMap<String, u32>) {
    for topology in topologies {
        let of = Arc::clone(&topology.name);
        for flow in &mut topology.flows {
            let first = names::first(flow.recorded_as()).to_owned();
            if let Some(&generation) = live.get(&format!("{of}/{first}")) {
                flow.was = Some(names::of_generation(&first, generation).into());
            }
        }
    }
}

/// Writes into `flows.json` that a generation is the live one; once more changes nothing.
fn remember(folder: &DataFolder, first: &str, live: u32) -> Result<()> {
    let (now, mut known) = (names::of_generation(first, live), folder.known_flows()?);
    let before = known.keys().filter(|name| names::first(name) == first && names::generation(name) < live);
    let before: Vec<String> = before.cloned().collect();
    let Some(last) = before.iter().max_by_key(|name| names::generation(name)) else { return Ok(()) };
    let Some(mut entry) = known.get(last).cloned() else { return Ok(()) };
    entry.changed = None;
    entry.called.get_or_insert_with(|| first.to_owned());
    if let Some(landing) = &mut entry.landing {
        let identity = landing.landing.rsplit('/').next().unwrap_or_default();
        landing.landing = format!("{now}/{identity}");
    }
    before.iter().for_each(|name| drop(known.remove(name)));
    known.insert(now, entry);
    write(folder, &known)
}

/// Takes a generation out of `flows.json` that was cancelled.
fn forget(folder: &DataFolder, generation: &str) -> Result<()> {
    let mut known = folder.known_flows()?;
    if known.remove(generation).is_some() { write(folder, &known) } else { Ok(()) }
}

fn write(folder: &DataFolder, known: &BTreeMap<String, KnownFlow>) -> Result<()> {
    Ok(folder.write("flows.json", &serde_json::to_vec_pretty(known)?)?)
}

/// The flow of topologies that a name of the log is of, whatever the generation.
fn plan_of<'a>(topologies: &'a [Topology], recorded: &str) -> Option<(&'a Topology, &'a topology::plan::Flow)> {
    let flows = topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow)));
    let first = names::first(recorded);
    flows.into_iter().find(|(one, flow)| names::first(&flow_names::recorded_as(one, flow)) == first)
}
