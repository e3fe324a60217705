//! Sends dead letters back to their flows, tries them, or gives them up: the same in the run that owns the data folder
//! and in a command that opened it itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use connect::{Landing, LandingError, Originals, Preflight};
use driver::assemble;
use runtime::{DeadLetter, DeadLetters, Part, RetryAction, SentBack, Trial, TrialReader, TrialResult};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use topology::plan;

use crate::access::Access;
use crate::exit::{Exit, failure};
use crate::flow_names;
use crate::{data, rebuild, wiring};

/// What became, or would become, of the dead letters of one flow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Replayed {
    /// `topology/flow`.
    pub(crate) flow: String,
    /// Open dead letters that were chosen.
    pub(crate) chosen: u64,
    /// How many went back.
    pub(crate) sent: u64,
    /// What a trial says.
    pub(crate) trial: Option<TrialResult>,
    /// Of a trial: why none of the rows would land, because the table is not as the flow needs it.
    #[serde(default)]
    pub(crate) table: Option<String>,
    /// True if a run is there to work them.
    pub(crate) running: bool,
    /// True if the flow is paused: they are worked once it is resumed.
    #[serde(default)]
    pub(crate) paused: bool,
}

/// What became of all that were chosen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Flow by flow.
    pub(crate) flows: Vec<Replayed>,
    /// A line for each id with which nothing was done, and for each flow that the files do not have any more.
    pub(crate) left_out: Vec<String>,
}

/// Which open dead letters are meant.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// Only those with this code.
    code: Option<String>,
    /// Only these.
    ids: Option<BTreeSet<String>>,
    /// A line for each id that was written and means no open letter.
    none: Vec<String>,
}

impl Chosen {
    /// Those with a code and, if any are named, with these ids or unique parts of them.
    pub(crate) fn new(access: &Access, code: Option<&String>, ids: &[String]) -> Result<Self> {
        let mut chosen = Self { code: code.cloned(), ..Self::default() };
        if !ids.is_empty() {
            let meant = access.meant(ids, false)?;
            (chosen.ids, chosen.none) = (Some(meant.ids), meant.none);
        }
        Ok(chosen)
    }

    /// A line for each id with which nothing was done; fails if ids were named and none of them is left.
    fn left_out(&self, done: &BTreeSet<String>, of_files: Option<&BTreeSet<String>>) -> Result<Vec<String>> {
        let Some(ids) = &self.ids else { return Ok(Vec::new()) };
        let mut lines = self.none.clone();
        for id in ids.difference(done) {
            let flow: String = id.split('/').take(2).collect::<Vec<_>>().join("/");
            lines.push(match (of_files.is_none_or(|flows| flows.contains(&flow)), &self.code) {
                (true, Some(code)) => format!("the dead letter {id} has another code than {code}"),
                (true, None) => format!("the dead letter {id} is not open any more"),
                (false, _) => format!("the dead letter {id} is of {flow}, a flow that these files do not have"),
            });
        }
        match done.is_empty() {
            true => Err(failure(Exit::Usage, lines.join("\n"), "spotlight dlq ls --all lists those that are open")),
            false => Ok(lines),
        }
    }

    fn has(&self, letter: &DeadLetter) -> bool {
        self.code.as_ref().is_none_or(|code| *code == letter.code)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&letter.id))
    }
}

/// The chosen letters of one flow: how many, and in which partitions of its input.
#[derive(Default)]
struct OfFlow {
    count: u64,
    /// Their ids, where ids were named.
    ids: BTreeSet<String>,
    partitions: BTreeSet<i32>,
}

/// Sends back, or tries, the open dead letters of the topologies in these files.
pub(crate) fn replay(access: &Access, files: &[PathBuf], chosen: &Chosen, dry: bool) -> Result<Done> {
    let mut loaded = topology::load(files, &topology::DiskFiles);
    if let Some(finding) = loaded.findings.iter().find(|finding| finding.severity == topology::Severity::Error) {
        return Err(failure(Exit::Topology, finding.text(false), "mend the file"));
    }
    rebuild::name(&mut loaded.topologies, &rebuild::live(&access.folder.known_flows()?));
    let (mut done, mut ids, paused) = (Done::default(), BTreeSet::new(), access.paused()?);
    let of_topology = |one: &plan::Topology| -> Vec<String> {
        one.flows.iter().map(|flow| flow_names::recorded_as(one, flow)).collect()
    };
    let of_files: BTreeSet<String> = loaded.topologies.iter().flat_map(of_topology).collect();
    for topology in &loaded.topologies {
        let running = access.revisions.get(&*topology.name);
        if !dry && running.is_some_and(|running| **running != *topology.revision) {
            return Err(failure(
                Exit::Usage,
                format!(
                    "the run that is going on has {} as its file was earlier: the rows would fail again",
                    topology.name
                ),
                "start the run again, then replay",
            ));
        }
        let running = running.is_some();
        let mut by_flow = letters_by_flow(access, &topology.name, chosen)?;
        for flow in &topology.flows {
            let (name, recorded) = (flow_names::called(topology, flow), flow.recorded_as());
            let Some(mut of_flow) = by_flow.remove(&**recorded) else { continue };
            ids.append(&mut of_flow.ids);
            let ours = |letter: &DeadLetter| *letter.flow == **recorded && chosen.has(letter);
            let (chosen_of, paused) = (of_flow.count, paused.contains_key(&name));
            let mut replayed =
                Replayed { flow: name, chosen: chosen_of, sent: 0, trial: None, table: None, running, paused };
            if dry {
                let trial = trial(access, topology, flow, &of_flow.partitions, &ours);
                replayed.trial = Some(trial.with_context(|| replayed.flow.clone())?);
                replayed.table = table(access, &replayed.flow, flow)?;
            } else {
                let done = send(access, &topology.name, &ours, RetryAction::Replay)?;
                (replayed.chosen, replayed.sent) = (done.chosen, done.sent);
            }
            done.flows.push(replayed);
        }
        // Of ids that were named, each is told below.
        for (flow, of_flow) in by_flow.into_iter().filter(|_| chosen.ids.is_none()) {
            let (flow, letters) = (format!("{}/{flow}", topology.name), batch::counted(of_flow.count, "dead letter"));
            done.left_out.push(format!(
                "{letters} of {flow}, a flow that {} does not have, left alone; spotlight dlq give-up {flow} closes what \
                 is not wanted",
                topology.file
            ));
        }
    }
    done.left_out.extend(chosen.left_out(&ids, Some(&of_files))?);
    Ok(done)
}

fn letters_by_flow(access: &Access, topology: &str, chosen: &Chosen) -> Result<BTreeMap<String, OfFlow>> {
    let mut by_flow: BTreeMap<String, OfFlow> = BTreeMap::new();
    let log = access.log.as_ref();
    DeadLetters::read(log, topology)?.each_open(log, |letter| {
        if chosen.has(&letter) {
            let of_flow = by_flow.entry(letter.flow.clone()).or_default();
            of_flow.count += 1;
            if chosen.ids.is_some() {
                of_flow.ids.insert(letter.id.clone());
            }
            of_flow.partitions.insert(letter.partition);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(by_flow)
}

/// Closes open dead letters for good: of a flow, of a topology, or of all if ids say which.
pub(crate) fn give_up(access: &Access, flow: Option<&str>, chosen: &Chosen) -> Result<Value> {
    let of_flow = |letter: &DeadLetter| {
        flow.is_none_or(|flow| letter.topology == flow || format!("{}/{}", letter.topology, letter.flow) == flow)
    };
    let (mut done, ids) = (SentBack::default(), std::cell::RefCell::new(BTreeSet::new()));
    for topology in access.topologies_with_letters()? {
        let of_topology = flow.is_none_or(|flow| flow.split('/').next() == Some(&topology));
        if of_topology {
            let wanted = |letter: &DeadLetter| {
                let wanted = of_flow(letter) && chosen.has(letter);
                if wanted && chosen.ids.is_some() {
                    ids.borrow_mut().insert(letter.id.clone());
                }
                wanted
            };
            let one = send(access, &topology, &wanted, RetryAction::GiveUp)?;
            (done.chosen, done.sent) = (done.chosen + one.chosen, done.sent + one.sent);
        }
    }
    let left_out = chosen.left_out(&ids.borrow(), None)?;
    Ok(json!({ "chosen": done.chosen, "given_up": done.sent, "left_out": left_out }))
}

fn send(
    access: &Access,
    topology: &str,
    chosen: &dyn Fn(&DeadLetter) -> bool,
    action: RetryAction,
) -> Result<SentBack> {
    let sent = runtime::send_back_chosen(access.log.as_ref(), &access.system, topology, chosen, action);
    // As it is, so that its status and remedy are found: a full disk is no fault of the program.
    sent.map_err(anyhow::Error::from).with_context(|| {
        format!("{}: {} failed; what did not go before that is open as it was", topology, access.folder.log_name())
    })
}

fn trial(
    access: &Access,
    topology: &plan::Topology,
    flow: &plan::Flow,
    partitions: &BTreeSet<i32>,
    chosen: &dyn Fn(&DeadLetter) -> bool,
) -> Result<TrialResult> {
    let reader = match &flow.from {
        plan::From::Documents(documents) => TrialReader::Documents {
            reader: Box::new(assemble::document_reader(flow, documents)?),
            key: match &flow.to {
                plan::To::Table(table) => Some(table.table.once_a_document()),
                plan::To::Topic(_) => None,
            },
            bad_rows_above: flow.bad_rows_above,
        },
        plan::From::Topic(topic) => TrialReader::Records(assemble::record_reader(topic, &access.schemas)?),
    };
    let (log, raw, memory) =
        (Arc::clone(&access.log), Arc::new(Originals::new(Arc::clone(&access.raw))), access.folder.memory());
    let mut trial = Trial { log, raw, reader, chain: assemble::chain(flow), memory, partition: None };
    let mut result = TrialResult::default();
    let letters = DeadLetters::read(access.log.as_ref(), &topology.name)?;
    let keeps_state = !trial.chain.stores().is_empty();
    // Steps have the state of one partition at a time, so its letters come together.
    let rounds: Vec<Option<i32>> =
        if keeps_state { partitions.iter().copied().map(Some).collect() } else { vec![None] };
    for round in rounds {
        let mut part = Part::default();
        let mut run = |letters: Vec<DeadLetter>| {
            trial.run(&letters, &mut result).map_err(|error| anyhow::anyhow!("{}", data::chain(&error)))
        };
        letters.each_open(access.log.as_ref(), |letter| {
            let now = round.is_none_or(|partition| partition == letter.partition) && chosen(&letter);
            if now { part.add(letter).map_or(Ok(()), &mut run) } else { Ok(()) }
        })?;
        run(part.rest())?;
    }
    Ok(result)
}

/// Why nothing of a flow would land now; `None` if its table is as it must be, or is made by the next run.
fn table(access: &Access, called: &str, flow: &plan::Flow) -> Result<Option<String>> {
    let plan::To::Table(table) = &flow.to else { return Ok(None) };
    let name = &table.table.name;
    let Some(client) = &access.client else {
        return Ok(Some(format!("table {name} was not looked at, because ClickHouse cannot be reached")));
    };
    let landing = wiring::landing(client, table)?;
    Ok(match landing.preflight() {
        Ok(Preflight::Ready | Preflight::Missing { .. }) => None,
        Ok(Preflight::Behind { .. }) => Some(format!(
            "a run would be on hold: table {name} lacks columns that the plan has; spotlight plan FILE --apply adds them"
        )),
        Ok(Preflight::Different { code, what, remedy }) | Err(LandingError::Operator { code, what, remedy }) => {
            let remedy = connect::for_flow(&remedy, called);
            Some(format!("a run would be on hold[{code}]: {what}; to go on: {remedy}"))
        }
        Err(LandingError::Unknown { what } | LandingError::Transient { what }) => {
            Some(format!("table {name} was not looked at: {what}"))
        }
    })
}
