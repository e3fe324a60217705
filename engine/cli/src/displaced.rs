//! Files of other names that took each other's place as versions of one document, as the end of a run names them.

use std::collections::{BTreeMap, BTreeSet};

use batch::RowsMeaning;
use runtime::FlowState;
use topology::plan::{Flow, To, Topology};

use crate::flow_names;

/// True if a document owns its rows in the table of this flow, so that a version takes those of another one away.
pub(crate) fn owns_rows(flow: &Flow) -> bool {
    matches!(&flow.to, To::Table(table) if table.table.rows == RowsMeaning::ByDocument)
}

/// Those flows, by the name that people see.
pub(crate) fn owners(topologies: &[Topology]) -> BTreeSet<String> {
    let flows = topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow)));
    flows.filter(|(_, flow)| owns_rows(flow)).map(|(topology, flow)| flow_names::called(topology, flow)).collect()
}

/// A line of each pair.
pub(crate) fn lines(owners: &BTreeSet<String>, flows: &BTreeMap<String, FlowState>) -> Vec<String> {
    let of = |(name, state): (&String, &FlowState)| {
        let lines = state.displaced.iter().map(|pair| format!("one document ({name}): {}", pair.line()));
        lines.collect::<Vec<_>>()
    };
    flows.iter().filter(|(name, _)| owners.contains(*name)).flat_map(of).collect()
}
