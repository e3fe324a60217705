//! The order in which topics feed flows, across all files.

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::reader::Node;
use crate::written::{Flow, From, To, Topology};

use super::topics::Topics;

/// Place of a flow: file and index in it.
type FlowPlace = (usize, usize);

/// Topics that a flow writes.
pub(super) fn writes(flow: &Flow) -> impl Iterator<Item = &Node> {
    let to = match &flow.to {
        To::Topic(write) => Some(&write.topic),
        To::Table(_) | To::Broken => None,
    };
    to.into_iter().chain(flow.outputs.iter().map(|(_, write)| &write.topic))
}

fn reads(flow: &Flow) -> Option<&Node> {
    match &flow.from {
        From::Topic(read) => Some(&read.topic),
        From::Documents(_) | From::Broken => None,
    }
}

/// All flows, producers before readers. Flows in a circle, and those behind it, are left out.
pub(super) fn order(written: &[Topology], findings: &Findings, topics: &mut Topics) -> Vec<FlowPlace> {
    let mut waiting: Vec<FlowPlace> = Vec::new();
    for (file, topology) in written.iter().enumerate() {
        waiting.extend((0..topology.flows.len()).map(|index| (file, index)));
    }
    let flow = |place: FlowPlace| &written[place.0].flows[place.1];
    let mut ordered = Vec::new();
    loop {
        let ready: Vec<FlowPlace> = waiting
            .iter()
            .copied()
            .filter(|place| {
                reads(flow(*place)).is_none_or(|topic| {
                    !waiting.iter().any(|other| writes(flow(*other)).any(|written| written.text() == topic.text()))
                })
            })
            .collect();
        if ready.is_empty() {
            break;
        }
        waiting.retain(|place| !ready.contains(place));
        ordered.extend(ready);
    }
    if let Some(first) = waiting.first() {
        report(*first, &waiting, &flow, findings);
        for place in &waiting {
            topics.break_outputs(flow(*place));
        }
    }
    ordered
}

fn report<'a>(first: FlowPlace, waiting: &[FlowPlace], flow: &dyn Fn(FlowPlace) -> &'a Flow, findings: &Findings) {
    // Going upstream from any of them leads into the circle.
    let mut trail = vec![first];
    loop {
        let Some(topic) = trail.last().and_then(|place| reads(flow(*place))) else { return };
        let producer = waiting.iter().find(|other| writes(flow(**other)).any(|written| written.text() == topic.text()));
        let Some(producer) = producer else { return };
        if let Some(start) = trail.iter().position(|place| place == producer) {
            trail.drain(..start);
            break;
        }
        trail.push(*producer);
    }
    trail.reverse();
    trail.sort_by_key(|place| *place);
    let Some(topic) = trail.first().and_then(|place| reads(flow(*place))) else { return };
    let mut finding = Diagnostic::new(codes::CYCLE, topic, "these flows feed each other in a circle");
    for place in &trail {
        finding = finding.related(&flow(*place).name.span, "a flow of the circle");
    }
    findings.push(finding.remedy("let one of them read a topic that none of them fills"));
}
