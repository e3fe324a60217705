//! Rows of documents that reach a table of `append` through topics without a `dedupe` on their way: those of a corrected
//! document would stand beside those of the document before.

use std::collections::HashSet;

use batch::RowsMeaning;

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings, Severity};
use crate::plan::{Destination, Flow, From, To, Topology, Verb};
use crate::written;

/// Warns of each such table.
pub(super) fn find(written: &[written::Topology], plans: &[Topology], findings: &Findings) {
    for topology in written {
        let Some(plan) = plans.iter().find(|plan| *plan.name == *topology.name.text()) else { continue };
        for flow in &topology.flows {
            let written::To::Table(landing) = &flow.to else { continue };
            let made = plan.flows.iter().find(|made| *made.name == *flow.name.text());
            if landing.rows != RowsMeaning::Append
                || !made.is_some_and(|made| repeats(made, plans, &mut HashSet::new()))
            {
                continue;
            }
            let what = format!(
                "`{}` would have the rows of each version of a document: nothing between drops those that were there",
                batch::bounded(landing.table.text())
            );
            let mut finding = Diagnostic::new(codes::REPEATS_LAND, &landing.rows_node, what);
            finding.severity = Severity::Warning;
            findings.push(finding);
        }
    }
}

/// True if rows of documents come into this flow and none of those that they pass drops the ones it knows.
fn repeats<'a>(flow: &'a Flow, plans: &'a [Topology], seen: &mut HashSet<&'a str>) -> bool {
    if flow.steps.iter().any(|step| matches!(step.verb, Verb::Dedupe(_))) {
        return false;
    }
    let From::Topic(read) = &flow.from else { return true };
    if !seen.insert(&read.topic) {
        return false;
    }
    let mut fillers = plans.iter().flat_map(|topology| &topology.flows).filter(|one| fills(one, &read.topic));
    fillers.any(|one| repeats(one, plans, seen))
}

/// True if rows of the flow go to the topic, not only those that a step found fault with.
fn fills(flow: &Flow, topic: &str) -> bool {
    let routed = |destination: &Destination| match destination {
        Destination::Output(name) => flow.outputs.get(name).is_some_and(|output| *output.topic == *topic),
        _ => false,
    };
    let routes = flow.steps.iter().any(|step| match &step.verb {
        Verb::Route { cases, default } => cases.iter().any(|(_, to)| routed(to)) || routed(default),
        _ => false,
    });
    routes || matches!(&flow.to, To::Topic(write) if *write.topic == *topic)
}
