//! What `spotlight graph` draws: the way of documents and records through the flows of a plan, as nodes and edges.
//!
//! Nodes come in the order in which the plan names them and are numbered, so that the same files give the same text and
//! no name of a file can be taken for a word of the drawing's language. Topics and tables are there once, whoever fills
//! them. [`mermaid`] and [`dot`] write the same graph.
//!
//! Deliberately absent: what the engine keeps for itself (cursors, ledgers, changelogs, retries).

mod dot;
mod mermaid;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use runtime::names;
use topology::plan::{Destination, Documents, Flow, From, SourcePlan, Step, To, Topology, Verb};

pub(crate) use dot::dot;
pub(crate) use mermaid::mermaid;

/// What a node stands for; each has a form of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// A publisher or a folder.
    Source,
    /// A topic of the log.
    Topic,
    /// A step of a flow.
    Step,
    /// A table outside the log.
    Table,
}

/// One node: its kind and the lines of its label.
#[derive(Debug)]
struct Node {
    kind: Kind,
    lines: Vec<String>,
}

/// An edge between two nodes by their numbers.
#[derive(Debug)]
struct Edge {
    from: usize,
    to: usize,
    /// What goes that way; empty for rows.
    label: String,
    /// True for what leaves a flow beside its rows: dead letters and receipts.
    aside: bool,
}

/// The steps of one flow, which are drawn together.
#[derive(Debug)]
struct Frame {
    title: String,
    nodes: Vec<usize>,
}

/// A drawing.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    frames: Vec<Frame>,
    /// Topics, tables and sources that are there already, by kind and name.
    known: HashMap<(Kind, String), usize>,
}

impl Graph {
    /// The graph of some topologies, in their order.
    pub(crate) fn of(topologies: &[Topology]) -> Self {
        let mut graph = Self::default();
        for topology in topologies {
            for flow in &topology.flows {
                graph.flow(topology, flow);
            }
        }
        graph
    }

    fn flow(&mut self, topology: &Topology, flow: &Flow) {
        let mut frame = Frame { title: format!("{}/{}", topology.name, flow.name), nodes: Vec::new() };
        let (mut last, documents) = match &flow.from {
            From::Documents(documents) => {
                let source = self.shared(Kind::Source, &source(documents));
                let stored = self.shared(Kind::Topic, &names::documents(&topology.name, flow.recorded_as()));
                self.edge(source, stored, "documents");
                (stored, Some(documents))
            }
            From::Topic(read) => (self.shared(Kind::Topic, &read.topic), None),
        };
        let mut work: Vec<(Vec<String>, Option<&Step>)> = Vec::new();
        if let Some(documents) = documents {
            work.extend(documents.unzip.is_some().then(|| (vec!["unzip".to_owned()], None)));
            work.push((vec!["decode".to_owned()], None));
        } else if matches!(&flow.from, From::Topic(read) if read.decode.is_some()) {
            work.push((vec!["decode".to_owned()], None));
        }
        work.extend(flow.steps.iter().map(|step| (step_label(step), Some(step))));
        if work.is_empty() {
            // A flow without steps still stands between its topic and its table, and can have dead letters.
            work.push((vec!["as it is".to_owned()], None));
        }
        for (lines, step) in work {
            let node = self.node(Kind::Step, lines);
            frame.nodes.push(node);
            self.edge(last, node, "");
            last = node;
            for (output, label) in step.into_iter().flat_map(outputs) {
                if let Some(write) = flow.outputs.get(output) {
                    let topic = self.shared(Kind::Topic, &write.topic);
                    self.edge(node, topic, &label);
                }
            }
        }
        let end = match &flow.to {
            To::Table(write) => self.shared(Kind::Table, &write.table.name),
            To::Topic(write) => self.shared(Kind::Topic, &write.topic),
        };
        self.edge(last, end, "");
        let dead = self.shared(Kind::Topic, &names::dead_letters(&topology.name));
        self.aside(last, dead, "dead letters");
        let table = self.shared(Kind::Table, runtime::DEAD_LETTERS);
        if !self.edges.iter().any(|edge| (edge.from, edge.to) == (dead, table)) {
            self.aside(dead, table, "");
        }
        if documents.is_some() {
            let receipts = self.shared(Kind::Table, runtime::RECEIPTS);
            self.aside(last, receipts, "receipts");
        }
        self.frames.push(frame);
    }

    fn node(&mut self, kind: Kind, lines: Vec<String>) -> usize {
        self.nodes.push(Node { kind, lines });
        self.nodes.len() - 1
    }

    /// The node of that name, which is there once.
    fn shared(&mut self, kind: Kind, name: &str) -> usize {
        if let Some(known) = self.known.get(&(kind, name.to_owned())) {
            return *known;
        }
        let node = self.node(kind, name.split('\n').map(str::to_owned).collect());
        self.known.insert((kind, name.to_owned()), node);
        node
    }

    fn edge(&mut self, from: usize, to: usize, label: &str) {
        self.edges.push(Edge { from, to, label: label.to_owned(), aside: false });
    }

    fn aside(&mut self, from: usize, to: usize, label: &str) {
        self.edges.push(Edge { from, to, label: label.to_owned(), aside: true });
    }
}

/// Where documents come from, in two lines.
fn source(documents: &Documents) -> String {
    use topology::plan::Discover;
    match &documents.source {
        SourcePlan::Files { path, .. } => format!("files\n{path}"),
        SourcePlan::Http(http) => match &http.discover {
            Discover::Calendar { url, .. } => format!("http\n{}", url.text()),
            Discover::Links { page, .. } => format!("http\n{page}"),
        },
        SourcePlan::S3(s3) => format!("s3\n{}/{}", s3.bucket, s3.prefix),
    }
}

/// The name of a step, and its verb where the name does not say it.
fn step_label(step: &Step) -> Vec<String> {
    let verb = match &step.verb {
        Verb::Where { .. } => "where",
        Verb::Select { .. } => "select",
        Verb::Extend { .. } => "extend",
        Verb::Drop { .. } => "drop",
        Verb::Rename { .. } => "rename",
        Verb::Dedupe(_) => "dedupe",
        Verb::Route { .. } => "route",
    };
    let told = step.added || step.name.starts_with(verb) || step.name.starts_with("set-");
    if told { vec![step.name.to_string()] } else { vec![step.name.to_string(), verb.to_owned()] }
}

/// The named outputs that a step fills, each with what is written at the edge.
fn outputs(step: &Step) -> Vec<(&str, String)> {
    let mut found: Vec<&str> = Vec::new();
    match &step.verb {
        Verb::Dedupe(dedupe) => {
            found.extend([&dedupe.conflicts, &dedupe.late].into_iter().flatten().map(|name| &**name));
        }
        Verb::Route { cases, default } => {
            for to in cases.iter().map(|(_, to)| to).chain([default]) {
                if let Destination::Output(name) = to
                    && !found.contains(&&**name)
                {
                    found.push(name);
                }
            }
        }
        _ => {}
    }
    found.into_iter().map(|name| (name, name.to_owned())).collect()
}

/// Text without control characters, which no label of either language can hold.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
