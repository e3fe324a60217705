//! Files of other names that took each other's place as versions of one document, and documents that two flows brought to
//! one place, as the end of a run names them.

use std::collections::{BTreeMap, BTreeSet};

use batch::RowsMeaning;
use runtime::{FlowState, Twice};
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

/// A line of each flow whose documents another one brought to the same place.
pub(crate) fn twice(flows: &BTreeMap<String, FlowState>) -> Vec<String> {
    flows.iter().filter_map(|(flow, state)| Some(twice_line(flow, state.twice.as_ref()?))).collect()
}

/// What there is to tell of a flow of which that is so.
pub(crate) fn twice_line(flow: &str, twice: &Twice) -> String {
    let Twice { name, other, place, more } = twice;
    let name = batch::excerpt(name.as_bytes(), 200);
    let (more, each) = match more {
        0 => (String::new(), "its rows"),
        1 => (" and another document".to_owned(), "their rows"),
        more => (format!(" and {more} other documents"), "their rows"),
    };
    format!(
        "claimed twice: {flow} and {other} both claim `{name}`{more}, and both bring {each} to {place}; if one is to do \
         so, have `file-names` of the other leave out what it is not to bring"
    )
}

/// True if a flow brings what it reads beside what is there: rows of one key do not replace each other.
pub(crate) fn adds(flow: &Flow) -> bool {
    !matches!(&flow.to, To::Table(table) if matches!(table.table.rows, RowsMeaning::ByKey { .. }))
}

/// A line of each pair.
pub(crate) fn lines(owners: &BTreeSet<String>, flows: &BTreeMap<String, FlowState>) -> Vec<String> {
    let of = |(name, state): (&String, &FlowState)| {
        let lines = state.displaced.iter().map(|pair| format!("one document ({name}): {}", pair.line()));
        lines.collect::<Vec<_>>()
    };
    flows.iter().filter(|(name, _)| owners.contains(*name)).flat_map(of).collect()
}
