//! What other flows did before that a flow is about to do: under an earlier name, under that of a topology which is gone,
//! or as the copy of one. Told to each flow before a run, so that it lands nothing a second time by itself.
//!
//! All names are `topology/flow` as the log knows them. What no run on this data folder knew is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use batch::RowsMeaning;
use runtime::{Destination, EarlierFlow, FlowBeside, FlowInput, FlowParts, Identify, names};
use topology::plan::Topology;

use crate::access::is_documents;
use crate::data::KnownFlow;
use crate::flow_names;

/// Tells each flow which table it landed in before its topology named another one; which flows landed in its table and
/// may be this one under another name; and which other flows bring documents to where it does.
pub(crate) fn tell(flows: &mut [FlowParts], known: &BTreeMap<String, KnownFlow>, topologies: &[Topology]) {
    let files: BTreeMap<&str, Option<PathBuf>> =
        topologies.iter().map(|one| (&*one.name, std::path::absolute(&*one.file).ok())).collect();
    // Their topology's file is gone, or is that of another one now.
    let renamed = |name: &str, known: &KnownFlow| {
        let Some((topology, file)) = name.split('/').next().zip(known.file.as_ref()) else { return false };
        !files.contains_key(topology) && (!file.exists() || files.values().flatten().any(|one| one == file))
    };
    let of_run: BTreeSet<String> = flows.iter().map(FlowParts::recorded_as).collect();
    let makings = makings(topologies);
    let bringing = bringing(flows, known);
    let claims = |parts: &FlowParts| match &parts.input {
        FlowInput::Documents(input) => Some((parts.recorded_as(), Arc::clone(&input.identify))),
        FlowInput::Topic { .. } => None,
    };
    let claims: BTreeMap<String, Identify> = flows.iter().filter_map(claims).collect();
    for parts in flows {
        let (own, topology) = (parts.recorded_as(), format!("{}/", parts.topology));
        let by_key = replaces(&parts.destination);
        if !by_key && matches!(parts.input, FlowInput::Documents(_)) {
            let same_place = bringing.get(&**place(&parts.destination)).into_iter().flatten();
            let others = same_place.filter(|flow| names::first(flow) != names::first(&own));
            let beside = |flow: &String| FlowBeside {
                flow: flow.clone(),
                claims: claims.get(flow).filter(|_| flow.starts_with(&topology)).cloned(),
            };
            parts.beside = others.map(beside).collect();
        }
        let Destination::Table(output) = &mut parts.destination else { continue };
        if let Some(landing) = known.get(&own).and_then(|known| known.landing.as_ref()) {
            output.was = landing.tables_before(&output.table.name).pop();
        }
        let reads = match &parts.input {
            FlowInput::Documents(_) => None,
            FlowInput::Topic { topic, .. } => Some(topic),
        };
        let making = makings.get(&own);
        let may_be_this = |(name, known): (&String, &KnownFlow)| {
            let landed_here = known.landing.as_ref().is_some_and(|by| *by.table == *output.table.name);
            let gone = name.starts_with(&topology) && !of_run.contains(name);
            let copied = !name.starts_with(&topology)
                && reads.is_some_and(|topic| **topic == *known.topic)
                && making.is_some_and(|making| *making == known.making);
            // Rows of one key replace each other, whoever lands them.
            let other = !by_key && (renamed(name, known) || copied);
            let copied = copied && !renamed(name, known);
            (landed_here && (gone || other)).then(|| EarlierFlow { flow: name.clone(), copied })
        };
        output.earlier_flows = known.iter().filter_map(may_be_this).collect();
    }
}

/// True if rows that come again take the place of those that are there.
fn replaces(destination: &Destination) -> bool {
    matches!(destination, Destination::Table(output) if matches!(output.table.rows, RowsMeaning::ByKey { .. }))
}

fn place(destination: &Destination) -> &Arc<str> {
    match destination {
        Destination::Table(output) => &output.table.name,
        Destination::Topic(output) => &output.topic,
    }
}

/// [`topology::making`] of each flow.
fn makings(topologies: &[Topology]) -> BTreeMap<String, String> {
    let each = topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow)));
    each.map(|(one, flow)| (flow_names::recorded_as(one, flow), topology::making(one, flow))).collect()
}

/// The flows of this run and of earlier ones that read documents, by the table or topic to which they bring their rows.
fn bringing(flows: &[FlowParts], known: &BTreeMap<String, KnownFlow>) -> BTreeMap<String, BTreeSet<String>> {
    let of_run = flows.iter().filter(|parts| matches!(parts.input, FlowInput::Documents(_)));
    let of_run = of_run.map(|parts| (place(&parts.destination).to_string(), parts.recorded_as()));
    let before = known.iter().filter(|(_, known)| is_documents(&known.topic)).filter_map(|(flow, known)| {
        let place = known.landing.as_ref().map(|by| &by.table).or(known.fills.as_ref())?;
        Some((place.clone(), flow.clone()))
    });
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (place, flow) in of_run.chain(before) {
        all.entry(place).or_default().insert(flow);
    }
    all
}
