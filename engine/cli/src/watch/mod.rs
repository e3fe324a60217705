//! How a run is watched: one small HTTP listener that answers from the same source as the control socket.
//!
//! ```text
//! /live       200 as long as the process turns
//! /ready      200 once each flow has its assignment and found its destination as planned, else 503 with the others; a flow
//!             that a person has paused is named and not waited for
//! /metrics    text of Prometheus
//! /status     what `spotlight status --format json` says, with lags, holds, remedies and the receipts of today
//! /topology   the plan of each topology
//! ```
//!
//! A ClickHouse or a log that is away changes neither `/live` nor `/ready`: to start the process again would mend neither.

mod address;
pub(crate) mod lag;
mod listener;
mod places;
mod process;
mod sampled;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use connect::Landing;
use operators::WorkingMemory;
use runtime::{Board, FlowParts, FlowState, Holds, SourceParts};
use serde_json::{Value, json};
use telemetry::Exporter;
use topology::plan::Topology;

use crate::access::Access;
use crate::control::Question;
use crate::flow_names;

pub(crate) use address::{Listen, Token};
use listener::Listener;
use sampled::{Sampled, Wanted};

/// What is known of a run that is going on, beside what its tasks tell.
pub(crate) struct Running {
    pub(crate) board: Arc<Board>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) memory: WorkingMemory,
    pub(crate) sampled: Sampled,
    pub(crate) wanted: Wanted,
    /// Revision, and the seconds of `fresh-within`, of each topology.
    pub(crate) topologies: BTreeMap<String, (String, Option<f64>)>,
    /// Seconds between looks of each source, by `topology/flow`.
    pub(crate) intervals: BTreeMap<String, f64>,
    /// The landings of flows that land in a table.
    pub(crate) landings: BTreeMap<String, Arc<dyn Landing>>,
    /// Share of bad rows above which a flow holds or refuses a document, between 0 and 1.
    pub(crate) limits: BTreeMap<String, f64>,
    /// The name by which the log knows a flow, by the one that people see.
    pub(crate) recorded: BTreeMap<String, String>,
    /// The plans, for people and programs.
    pub(crate) plan: Value,
}

/// What a run is made of, as far as those who watch it need it.
pub(crate) struct RunOf<'a> {
    pub(crate) topologies: &'a [Topology],
    pub(crate) flows: &'a [FlowParts],
    pub(crate) sources: &'a [SourceParts],
    pub(crate) board: Arc<Board>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) memory: WorkingMemory,
    pub(crate) log: Arc<dyn log::Log>,
}

impl Running {
    pub(crate) fn of(run: RunOf<'_>) -> Result<Self> {
        let RunOf { topologies, flows, sources, board, holds, memory, log } = run;
        let wanted = Wanted { board: Arc::clone(&board), holds: Arc::clone(&holds), ..Wanted::default() };
        let (mut wanted, mut revisions) = (wanted, BTreeMap::new());
        for flow in flows {
            let input = match &flow.input {
                runtime::FlowInput::Documents(_) => runtime::names::documents(&flow.topology, &flow.flow),
                runtime::FlowInput::Topic { topic, .. } => Arc::clone(topic),
            };
            wanted.inputs.insert(flow.name(), input);
            wanted.groups.insert(flow.name(), runtime::names::group(&flow.topology, &flow.flow));
            if !wanted.topologies.contains(&flow.topology) {
                wanted.topologies.push(Arc::clone(&flow.topology));
            }
            let plan = topologies.iter().find(|one| one.name == flow.topology);
            let fresh_within = plan.and_then(|plan| plan.alerts.fresh_within).map(|time| time.as_secs_f64());
            revisions.insert(flow.topology.to_string(), (flow.revision.to_string(), fresh_within));
        }
        let landing = |flow: &FlowParts| match &flow.destination {
            runtime::Destination::Table(table) => Some((flow.name(), Arc::clone(&table.landing))),
            runtime::Destination::Topic(_) => None,
        };
        let sampled = Sampled::start(log, wanted.clone()).context("the log watcher does not start")?;
        Ok(Self {
            board,
            holds,
            memory,
            sampled,
            wanted,
            topologies: revisions,
            intervals: sources.iter().map(|source| (source.flow.clone(), source.every.as_secs_f64())).collect(),
            landings: flows.iter().filter_map(landing).collect(),
            limits: flows.iter().map(|flow| (flow.name(), flow.bad_rows_above / 100.0)).collect(),
            recorded: flows.iter().map(|flow| (flow.name(), flow.recorded_as())).collect(),
            plan: topologies.iter().map(plan).collect(),
        })
    }
}

impl Running {
    /// Flows for which those wait who wait for the run to be ready. Not what is read again beside a live flow.
    pub(crate) fn awaited(&self) -> Vec<String> {
        let mut awaited = self.which(|state| state.is_none_or(FlowState::is_awaited));
        awaited.retain(|flow| runtime::names::generation(flow) == 1);
        awaited
    }

    /// The names of those flows of which this is so; without a state nothing of them has begun.
    fn which(&self, so: impl Fn(Option<&FlowState>) -> bool) -> Vec<String> {
        self.board.look(|flows| self.recorded.keys().filter(|name| so(flows.get(*name))).cloned().collect())
    }

    /// Flows whose newest document is older than their topology declares, by `topology/flow`.
    pub(crate) fn late(&self, now: i64) -> BTreeSet<String> {
        self.board.look(|flows| {
            let late = |(name, state): (&String, &FlowState)| {
                let within = self.topologies.get(runtime::names::parts(name)[0])?.1?;
                let age = (now - state.newest_document?) as f64 / 1000.0;
                (self.intervals.contains_key(name) && age > within).then(|| name.clone())
            };
            flows.iter().filter_map(late).collect()
        })
    }
}

/// A topology as `/topology` shows it.
fn plan(topology: &Topology) -> Value {
    use topology::plan::{From, To};
    let flows = topology.flows.iter().map(|flow| {
        let from = match &flow.from {
            From::Documents(_) => {
                json!({ "documents": &*runtime::names::documents(&topology.name, flow.recorded_as()) })
            }
            From::Topic(topic) => json!({ "topic": &*topic.topic }),
        };
        let to = match &flow.to {
            To::Table(table) => json!({ "table": &*table.table.name }),
            To::Topic(topic) => json!({ "topic": &*topic.topic }),
        };
        let outputs: BTreeMap<&str, &str> = flow.outputs.iter().map(|(name, topic)| (&**name, &*topic.topic)).collect();
        let steps: Vec<&str> = flow.steps.iter().map(|step| &*step.name).collect();
        json!({
            "flow": flow_names::called(topology, flow), "from": from, "steps": steps, "to": to, "outputs": outputs,
        })
    });
    json!({
        "topology": &*topology.name,
        "about": topology.about,
        "revision": &*topology.revision,
        "flows": flows.collect::<Vec<_>>(),
        "plan": topology::describe(topology),
    })
}

/// A run that is watched, and what answers for it.
#[derive(Clone)]
struct Answering {
    running: Arc<Running>,
    access: Arc<Access>,
}

/// A process that is watched, and where.
pub(crate) struct Watched {
    watch: Arc<Watch>,
    listener: Option<Listener>,
}

impl Watched {
    /// Listens from now on.
    pub(crate) fn start(listen: Listen) -> Result<Self> {
        let watch = Arc::new(Watch::new()?);
        let listener = Listener::start(listen, Arc::clone(&watch))?;
        Ok(Self { watch, listener })
    }

    /// Where.
    pub(crate) fn address(&self) -> Option<String> {
        self.listener.as_ref().map(|listener| format!("http://{}", listener.address()))
    }

    /// From now on it answers for this run, or for none.
    pub(crate) fn of_run(&self, run: Option<(Arc<Running>, Arc<Access>)>) {
        self.watch.of_run(run);
    }
}

/// Answers for a process, before its run has begun too.
pub(crate) struct Watch {
    exporter: Exporter,
    run: RwLock<Option<Answering>>,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    content_type: &'static str,
    body: String,
}

/// What Prometheus wants to be told of a text of it.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

impl Watch {
    pub(crate) fn new() -> Result<Self> {
        let exporter = Exporter::install().context("metrics cannot be recorded")?;
        Ok(Self { exporter, run: RwLock::default() })
    }

    /// From now on it answers for this run, or for none.
    pub(crate) fn of_run(&self, run: Option<(Arc<Running>, Arc<Access>)>) {
        let answering = run.map(|(running, access)| Answering { running, access });
        *self.run.write().unwrap_or_else(PoisonError::into_inner) = answering;
    }

    fn run(&self) -> Option<Answering> {
        self.run.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn live() -> Answer {
        Answer { status: 200, content_type: TEXT, body: "live\n".to_owned() }
    }

    fn ready(&self) -> Answer {
        let not_ready = |body: String| Answer { status: 503, content_type: TEXT, body };
        let Some(Answering { running, .. }) = self.run() else {
            return not_ready("not ready: the run has not begun\n".to_owned());
        };
        let unseen = running.which(|state| state.is_some_and(|state| state.paused && !state.ready()));
        let paused = match unseen.is_empty() {
            true => String::new(),
            false => format!("paused, so that it is not known whether they would be: {}\n", unseen.join(", ")),
        };
        let awaited = running.awaited();
        match awaited.is_empty() {
            true => Answer { status: 200, content_type: TEXT, body: format!("ready\n{paused}") },
            false => not_ready(format!("not ready: {}\n{paused}", awaited.join(", "))),
        }
    }

    fn metrics(&self) -> Answer {
        let run = self.run();
        let mut body = self.exporter.scrape(|| states::tell(run.as_ref().map(|run| &*run.running)));
        body.push_str(&process::cpu());
        Answer { status: 200, content_type: METRICS, body }
    }

    fn status(&self) -> Answer {
        let Some(Answering { access, .. }) = self.run() else {
            return json_answer(503, &json!({ "error": "the run has not begun" }));
        };
        match access.answer(&Question::Status) {
            Ok(status) => json_answer(200, &status),
            Err(error) => json_answer(503, &json!({ "error": format!("{error:#}") })),
        }
    }

    fn topology(&self) -> Answer {
        match self.run() {
            Some(Answering { running, .. }) => json_answer(200, &running.plan),
            None => json_answer(503, &json!({ "error": "the run has not begun" })),
        }
    }
}

fn json_answer(status: u16, body: &Value) -> Answer {
    Answer { status, content_type: JSON, body: format!("{body}\n") }
}
