//! Before a pass: what an earlier process has left is taken up, and what was wished for begins.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use runtime::{Board, Rebuild, Stage, names};
use topology::plan::{Flow, From, TableWrite, To, Topology};

use super::table::{away, given_up};
use super::{Means, One, name, plan_of, remember, table, wish};
use crate::abort;
use crate::earlier::{self, Earlier};
use crate::{show, wiring};

/// A generation that is read beside the live one in this pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Building {
    /// `topology/flow` of it, as the log knows it.
    pub(crate) flow: String,
    /// The table beside.
    pub(crate) beside: String,
    /// True if a person has said that documents which it refuses may go.
    pub(crate) accept_refused: bool,
}

/// What a pass begins with.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// The generations that are read beside the live ones.
    pub(crate) building: Vec<Building>,
    /// What was said of rebuilds, by flow.
    said: BTreeMap<String, Rebuild>,
}

impl Begun {
    /// The first names of those that are being rebuilt.
    pub(crate) fn going_on(&self) -> BTreeSet<&str> {
        self.said.iter().filter(|(_, rebuild)| rebuild.goes_on()).map(|(first, _)| first.as_str()).collect()
    }

    /// True if somebody has said something since.
    pub(crate) fn is_behind(&self, means: &Means<'_>) -> Result<bool> {
        Ok(!means.folder.shares_the_log() && runtime::rebuilds(means.log)? != self.said)
    }
}

/// Carries on what was said of rebuilds, and has the topologies go by the generations that readers have.
pub(crate) fn begin(means: &Means<'_>, topologies: &mut [Topology]) -> Result<Begun> {
    let (mut begun, mut live) = (Begun::default(), BTreeMap::new());
    if means.folder.shares_the_log() {
        return Ok(begun);
    }
    for (first, rebuild) in runtime::rebuilds(means.log)? {
        let mut one = One { means, first: &first, rebuild };
        if matches!(one.rebuild.stage, Stage::Exchanging { .. }) {
            // Before all else: until it is known which table is which, nothing may land in either.
            let of = || format!("the rebuild of {first}, whose tables are being exchanged");
            if plan_of(topologies, &first).is_some() {
                means.patience.wait(|| one.finish(), away).map_err(given_up).with_context(of)?;
            } else if let Err(error) = one.finish() {
                // No other topology waits for that.
                show::note(&format!("{} waits for a run of its topology: {error:#}", of()));
            }
        }
        if let Err(error) = means.patience.wait(|| one.carry_on(topologies), away) {
            show::note(&format!("the rebuild of {first} waits for the next run: {error:#}"));
        } else if let Stage::Building { beside, accept_refused, .. } = &one.rebuild.stage
            && plan_of(topologies, &first).is_some()
        {
            let (beside, accept_refused) = (beside.clone(), *accept_refused);
            begun.building.push(Building { flow: one.next(), beside, accept_refused });
        }
        if one.rebuild.live > 1 {
            remember(means.folder, &first, one.rebuild.live)?;
            live.insert(first.clone(), one.rebuild.live);
        }
        let rebuild = one.rebuild;
        begun.said.insert(first, rebuild);
    }
    name(topologies, &live);
    Ok(begun)
}

impl One<'_> {
    /// Ends what was taken back, and begins what is wished for, or what is of another mapping by now.
    fn carry_on(&mut self, topologies: &[Topology]) -> Result<()> {
        if let Stage::Cancelled { beside } = self.rebuild.stage.clone() {
            self.clean(beside.as_deref())?;
            return self.say(Stage::Nothing);
        }
        let Some((topology, flow)) = plan_of(topologies, self.first) else { return Ok(()) };
        let now = topology::making(topology, flow);
        if let Stage::Building { making, table, beside, .. } = self.rebuild.stage.clone() {
            let same_table = matches!(&flow.to, To::Table(write) if *write.table.name == *table);
            if making == now && same_table {
                return Ok(());
            }
            show::note(&format!("{} has changed since its rebuild began: it begins anew", self.first));
            self.clean(Some(&beside))?;
            self.rebuild = Rebuild { last: self.rebuild.last + 1, ..self.rebuild.clone() };
            self.say(Stage::Wished)?;
        }
        if self.rebuild.stage == Stage::Wished { self.start(topology, flow, now) } else { Ok(()) }
    }

    /// What is in the way of reading the flow's topic from its beginning by the schema that it has now. Rows that the live
    /// flow has landed would be dead letters.
    fn unreadable(&self, topology: &Topology, flow: &Flow) -> Result<Option<Earlier>> {
        let From::Topic(read) = &flow.from else { return Ok(None) };
        let mut topology = topology.clone();
        // Who fills the topic is named in what helps.
        let fills = |one: &Flow| matches!(&one.to, To::Topic(write) if write.topic == read.topic);
        topology.flows.retain(|one| one.name == flow.name || fills(one));
        let [_, next] = names::parts(&self.next()).map(str::to_owned);
        let own = topology.flows.iter_mut().filter(|one| one.name == flow.name);
        own.for_each(|one| one.was = Some(next.as_str().into()));
        let found = earlier::earlier(&[topology], self.means.log, self.means.schemas)?;
        let unreadable = found.into_iter().find(|one| one.is_of(&read.topic) && one.stops());
        Ok(unreadable.map(|one| one.of_rebuild(self.first)))
    }

    fn start(&mut self, topology: &Topology, flow: &Flow, making: String) -> Result<()> {
        let To::Table(write) = &flow.to else {
            let what = format!("{} lands in no table", self.first);
            return self.refuse(what, "rebuild the flows that land what it makes".to_owned());
        };
        if !flow.outputs.is_empty() {
            let outputs: Vec<&str> = flow.outputs.keys().map(|name| &**name).collect();
            let (what, remedy) = wish::also_writes(self.first, &outputs);
            return self.refuse(what, remedy);
        }
        let name = write.table.name.to_string();
        let known = self.means.folder.known_flows()?;
        if let Some((what, remedy)) =
            wish::refusal(self.means.log, Some(self.means.client), &known, &self.live(), &name)?
        {
            return self.refuse(what, remedy);
        }
        if let From::Documents(documents) = &flow.from {
            let (live, identify) = (self.live(), wiring::identify(documents));
            let [topology, recorded] = names::parts(&live);
            if let Some(misnamed) = runtime::misnamed_of(self.means.log, (topology, recorded), &identify)? {
                let hold = misnamed.hold();
                return self.refuse(format!("{} {}", hold.code, hold.what), hold.remedy);
            }
        }
        if let Some(unreadable) = self.unreadable(topology, flow)? {
            return self.refuse(unreadable.text(), unreadable.way_of_all());
        }
        self.rebuild.last = table::free(self.means.client, &name, self.rebuild.last)?;
        let beside = table::beside(&name, self.rebuild.last);
        let new = write_to(write, &beside);
        let landing = |write| wiring::landing(self.means.client, write);
        self.make(&name, &beside, &landing(write)?, &landing(&new)?)?;
        abort::taken("rebuild-made");
        let (table, accept_refused) = (name.clone(), false);
        self.say(Stage::Building { making, table, beside: beside.clone(), accept_refused })?;
        show::note(&format!(
            "{} is read again from its beginning into {beside}, beside {name}, which stays as it is meanwhile",
            self.first
        ));
        Ok(())
    }
}

/// The same landing into another table.
pub(crate) fn write_to(write: &TableWrite, table: &str) -> TableWrite {
    let mut write = write.clone();
    write.table.name = table.into();
    write
}

/// The same landing into each table that a rebuild of a flow may have kept, the latest last. `flow` is the name of its live
/// generation as the log knows it.
pub(crate) fn kept(write: &TableWrite, flow: &str) -> impl Iterator<Item = TableWrite> {
    (2..=names::generation(flow)).map(|generation| write_to(write, &table::beside(&write.table.name, generation)))
}

impl Building {
    /// The topology and the plan of the flow that lands beside, and the name of the live one as the log knows it.
    pub(crate) fn plan<'a>(&self, topologies: &'a [Topology]) -> Option<(&'a Topology, Flow, String)> {
        let (topology, live) = plan_of(topologies, &self.flow)?;
        let [_, own] = names::parts(&self.flow);
        let mut flow = live.clone();
        (flow.name, flow.was) = (own.into(), None);
        if let To::Table(write) = &mut flow.to {
            *write = write_to(write, &self.beside);
        }
        Some((topology, flow, crate::flow_names::recorded_as(topology, live)))
    }

    /// Leaves out documents that this generation refuses where the live flow, by whose name people know them, does too.
    pub(crate) fn tell_once(&self, topologies: &[Topology], board: &Board) {
        let Some((topology, live)) = plan_of(topologies, &self.flow) else { return };
        let live = format!("{}/{}", topology.name, live.name);
        let told = board.look(|flows| flows.get(&live).map(|state| state.refused.clone()).unwrap_or_default());
        board.change(&self.flow, |state| state.refused.retain(|document, _| !told.contains_key(document)));
    }
}
