//! The order in which topics feed flows, across all files.

use std::collections::{BTreeSet, HashMap};

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
///
/// In rounds: each takes the flows that read nothing a later one would fill, in the order of the files. Every flow and
/// every topic is looked at once, however long the chain of flows is.
pub(super) fn order(written: &[Topology], findings: &Findings, topics: &mut Topics) -> Vec<FlowPlace> {
    let flow = |place: FlowPlace| &written[place.0].flows[place.1];
    let mut waiting: BTreeSet<FlowPlace> = BTreeSet::new();
    for (file, topology) in written.iter().enumerate() {
        waiting.extend((0..topology.flows.len()).map(|index| (file, index)));
    }
    // How many of the waiting flows fill each topic, and which read it.
    let mut filling: HashMap<&str, usize> = HashMap::new();
    let mut reading: HashMap<&str, Vec<FlowPlace>> = HashMap::new();
    for &place in &waiting {
        writes(flow(place)).for_each(|topic| *filling.entry(topic.text()).or_default() += 1);
        reads(flow(place)).into_iter().for_each(|topic| reading.entry(topic.text()).or_default().push(place));
    }
    let mut ordered = Vec::new();
    let mut round: Vec<FlowPlace> = waiting
        .iter()
        .copied()
        .filter(|&place| reads(flow(place)).is_none_or(|topic| !filling.contains_key(topic.text())))
        .collect();
    while !round.is_empty() {
        let mut next = Vec::new();
        for place in &round {
            waiting.remove(place);
            for topic in writes(flow(*place)) {
                let Some(left) = filling.get_mut(topic.text()) else { continue };
                *left -= 1;
                if *left == 0 {
                    next.extend(reading.remove(topic.text()).unwrap_or_default());
                }
            }
        }
        ordered.append(&mut round);
        next.sort_unstable();
        round = next;
    }
    if let Some(first) = waiting.first() {
        report(*first, &waiting, &flow, findings);
        for place in &waiting {
            topics.break_outputs(flow(*place));
        }
    }
    ordered
}

fn report<'a>(
    first: FlowPlace,
    waiting: &BTreeSet<FlowPlace>,
    flow: &dyn Fn(FlowPlace) -> &'a Flow,
    findings: &Findings,
) {
    let mut producers: HashMap<&str, FlowPlace> = HashMap::new();
    for &place in waiting {
        for topic in writes(flow(place)) {
            producers.entry(topic.text()).or_insert(place);
        }
    }
    // Going upstream from any of them leads into the circle.
    let mut trail = vec![first];
    let mut seen = HashMap::from([(first, 0)]);
    loop {
        let Some(topic) = trail.last().and_then(|place| reads(flow(*place))) else { return };
        let Some(&producer) = producers.get(topic.text()) else { return };
        if let Some(&start) = seen.get(&producer) {
            trail.drain(..start);
            break;
        }
        seen.insert(producer, trail.len());
        trail.push(producer);
    }
    trail.sort_unstable();
    let Some(topic) = trail.first().and_then(|place| reads(flow(*place))) else { return };
    let mut finding = Diagnostic::new(codes::CYCLE, topic, "these flows feed each other in a circle");
    for place in &trail {
        finding = finding.related(&flow(*place).name.span, "a flow of the circle");
    }
    findings.push(finding.remedy("let one of them read a topic that none of them fills"));
}
