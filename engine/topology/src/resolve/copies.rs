//! Topologies that are copies of one another: a flow of one reads what a flow of the other reads, makes the same rows of
//! it, and brings them to the same place. Under another name it has a position of its own, so each row would stand
//! there twice. Two flows of one topology do the same.
//!
//! Several topologies may fill one table on purpose, as the feeds of one publisher do: they read other documents, or make
//! other rows of them. Rows of one key replace each other, so a table by key takes no harm.

use std::collections::HashMap;

use batch::RowsMeaning;

use crate::codes;
use crate::describe;
use crate::diagnostic::{Diagnostic, Findings};
use crate::plan::{Flow, To, Topology};
use crate::written;

/// Tells of each topology that repeats an earlier one, by the first of its flows that does, and of each flow that repeats
/// one of its own topology.
pub(super) fn find(written: &[written::Topology], plans: &[Topology], findings: &Findings) {
    let mut known: HashMap<String, (&Topology, &Flow)> = HashMap::new();
    let mut told: Vec<&str> = Vec::new();
    for topology in plans {
        for flow in topology.flows.iter().filter(|flow| !replaces(&flow.to)) {
            let work = format!("{}{}", describe::input(flow), describe::making(topology, flow));
            let (first, twin) = *known.entry(work).or_insert((topology, flow));
            if std::ptr::eq(twin, flow) {
                continue;
            }
            let place = |name: &str| written.iter().find(|one| one.name.text() == name);
            let Some((here, there)) = place(&topology.name).zip(place(&first.name)) else { continue };
            let name = &flow.name;
            let repeats = |twin: &str| {
                format!("`{name}` is `{twin}` again: its rows would stand twice in `{}`", destination(&flow.to))
            };
            if first.name == topology.name {
                let Some((here, there)) = flow_of(here, name).zip(flow_of(there, &twin.name)) else { continue };
                let remedy = "take one of the two flows away, or name another table or topic in this one";
                let finding = Diagnostic::new(codes::COPY, &here.name, repeats(&twin.name));
                findings.push(finding.related(&there.name.span, "the first is here").remedy(remedy));
            } else if !told.contains(&&*topology.name) {
                told.push(&topology.name);
                let remedy = "run one of the two files, or name another table or topic in this one";
                let what = repeats(&format!("{}/{}", first.name, twin.name));
                let finding = Diagnostic::new(codes::COPY, &here.name, what);
                findings.push(finding.related(&there.name.span, "the first is here").remedy(remedy));
            }
        }
    }
}

fn flow_of<'w>(topology: &'w written::Topology, name: &str) -> Option<&'w written::Flow> {
    topology.flows.iter().find(|flow| flow.name.text() == name)
}

/// True if rows that come again take the place of those that are there.
fn replaces(to: &To) -> bool {
    matches!(to, To::Table(write) if matches!(write.table.rows, RowsMeaning::ByKey { .. }))
}

fn destination(to: &To) -> &str {
    match to {
        To::Topic(write) => &write.topic,
        To::Table(write) => &write.table.name,
    }
}
