//! From [`crate::written`] to the plan: tables, topics, columns and types.
//!
//! Flows are resolved in the order in which topics feed them, across all files that are loaded together. What could
//! not be resolved is `broken`: others that depend on it are left alone, so that no finding is caused by another.

mod avro;
mod chain;
mod compile;
mod copies;
mod documents;
mod flow;
mod functions;
mod landing;
mod order;
mod repeats;
mod target;
mod tests;
mod topics;
mod verbs;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use expression::Scope;

use crate::codes;
use crate::describe;
use crate::diagnostic::{Diagnostic, Findings};
use crate::files::Files;
use crate::plan;
use crate::written::{Table, Topology};

/// What the resolution of all files shares.
pub(crate) struct World<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) findings: &'a Findings,
    /// Tables by file; `None` for one with findings.
    tables: BTreeMap<PathBuf, Option<Arc<Table>>>,
    topics: topics::Topics,
    landings: landing::Landings,
}

/// Resolves all files; those with an error are left out.
pub(crate) fn resolve(written: &[Topology], files: &dyn Files, findings: &Findings) -> Vec<plan::Topology> {
    duplicate_topologies(written, findings);
    let topics = topics::Topics::gather(written, findings);
    let mut world = World { files, findings, tables: BTreeMap::new(), topics, landings: landing::Landings::default() };
    let mut scopes = Vec::new();
    let mut good: Vec<bool> = Vec::new();
    for topology in written {
        let before = findings.errors();
        scopes.push(functions::scope(topology, findings));
        good.push(!topology.broken && findings.errors() == before);
    }
    let mut flows: Vec<Vec<Option<plan::Flow>>> =
        written.iter().map(|topology| topology.flows.iter().map(|_| None).collect()).collect();
    for (file, index) in order::order(written, findings, &mut world.topics) {
        let flow = &written[file].flows[index];
        let before = findings.errors();
        match flow::flow(&mut world, &written[file], flow, &scopes[file]) {
            Some(plan) if findings.errors() == before => flows[file][index] = Some(plan),
            _ => world.topics.break_outputs(flow),
        }
    }
    let mut plans = Vec::new();
    for ((topology, flows), good) in written.iter().zip(flows).zip(good) {
        let before = findings.errors();
        let tests = tests::tests(topology, &flows, findings);
        let flows: Option<Vec<plan::Flow>> = flows.into_iter().collect();
        if let (Some(flows), true) = (flows, good && findings.errors() == before) {
            plans.push(finished(topology, flows, tests));
        }
    }
    copies::find(written, &plans, findings);
    repeats::find(written, &plans, findings);
    plans
}

fn finished(topology: &Topology, flows: Vec<plan::Flow>, tests: Vec<plan::Test>) -> plan::Topology {
    let mut plan = plan::Topology {
        name: topology.name.shared(),
        about: topology.about.clone(),
        file: Arc::clone(&topology.file),
        revision: "".into(),
        definitions: definitions(topology),
        flows,
        alerts: topology.alerts.clone(),
        tests,
    };
    plan.revision = describe::revision(&plan);
    plan
}

fn definitions(topology: &Topology) -> Vec<String> {
    let mut found = topology.parameters.lines();
    for function in &topology.functions {
        let takes: Vec<String> = function.takes.iter().map(|(name, of)| format!("{} {of}", name.text())).collect();
        let (name, body) = (function.name.text(), function.body.text().trim());
        found.push(format!("function {name}({}) gives {} is {body}", takes.join(", "), function.gives));
    }
    found
}

fn duplicate_topologies(written: &[Topology], findings: &Findings) {
    for (index, topology) in written.iter().enumerate() {
        if let Some(first) = written[..index].iter().find(|earlier| earlier.name.text() == topology.name.text()) {
            let what = format!("two files are called `{}`", topology.name.text());
            let finding = Diagnostic::new(codes::DUPLICATE_NAME, &topology.name, what);
            findings
                .push(finding.related(&first.name.span, "the first is here").remedy("give one of them another name"));
        }
    }
}

/// What every expression of a flow sees beside its columns.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) scope: Scope,
}
