//! Names that are the engine's own or ClickHouse's: no file of a person may have them.
//!
//! The engine tells of its own work through a topology like any other, `spotlight`, whose topics and tables begin with that
//! name. A second topology of the name would share its positions and ledgers. What a flow wrote into a topic in which the
//! engine keeps positions or dead letters would be read as one of those.

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::reader::Node;
use crate::written::{Flow, To, Topology};

/// The engine's own topology, its database, and the first part of its topics.
const OWN: &str = "spotlight";

/// Databases that every ClickHouse server fills itself, from its documentation of system tables.
const OF_THE_SERVER: [&str; 3] = ["system", "information_schema", "INFORMATION_SCHEMA"];

/// How the names of topics end that the engine makes for a flow or a topology.
const ENDS: [&str; 6] = [".documents", ".discovery", ".ledger", ".dead-letters", ".retry", ".changelog"];

/// True for the topics that the engine makes for itself.
#[must_use]
pub fn is_own_topic(topic: &str) -> bool {
    topic.split('.').next() == Some(OWN) || ENDS.iter().any(|end| topic.ends_with(end))
}

/// Refuses what only the engine may be called.
pub(crate) fn refuse(topology: &mut Topology, findings: &Findings) {
    let before = findings.errors();
    if topology.name.text() == OWN {
        let what = "`spotlight` is the topology in which the engine tells of its own work";
        findings.push(Diagnostic::new(codes::NAME, &topology.name, what).remedy("give the feed a name of its own"));
    }
    for flow in &topology.flows {
        written(flow, findings);
    }
    topology.broken |= findings.errors() > before;
}

fn written(flow: &Flow, findings: &Findings) {
    let to = match &flow.to {
        To::Table(landing) => return table(&landing.table, findings),
        To::Topic(write) => Some(&write.topic),
        To::Broken => None,
    };
    for node in to.into_iter().chain(flow.outputs.iter().map(|(_, write)| &write.topic)) {
        let topic = node.text();
        if is_own_topic(topic) {
            let what = format!("only the engine writes to a topic `{}`", batch::bounded(topic));
            let finding = Diagnostic::new(codes::NAME, node, what);
            let finding =
                finding.note(format!("its own begin with `{OWN}.` or end with one of `{}`", ENDS.join("`, `")));
            findings.push(finding.remedy("give the topic another name"));
        }
    }
}

fn table(node: &Node, findings: &Findings) {
    let database = node.text().split('.').next().unwrap_or_default();
    let whose = match database {
        OWN => "the engine's own tables",
        _ if OF_THE_SERVER.contains(&database) => "tables that ClickHouse fills itself",
        _ => return,
    };
    let what = format!("the database `{database}` holds {whose}");
    findings.push(Diagnostic::new(codes::NAME, node, what).remedy("land the rows in a database of your own"));
}
