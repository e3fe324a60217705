//! A graph as text of Graphviz: `dot -Tsvg` draws it.

use std::fmt::Write as _;

use super::{Graph, Kind, printable};

/// The graph as a directed graph with a cluster for each flow.
pub(crate) fn dot(graph: &Graph) -> String {
    let mut out = String::from("digraph spotlight {\n  rankdir=LR;\n  node [fontname=\"Helvetica\"];\n");
    let framed = |node: usize| graph.frames.iter().any(|frame| frame.nodes.contains(&node));
    // Writing to a string cannot fail.
    for node in (0..graph.nodes.len()).filter(|node| !framed(*node)) {
        let _ = writeln!(out, "  {}", declared(graph, node));
    }
    for (number, frame) in graph.frames.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label=\"{}\";", escaped(&frame.title));
        for node in &frame.nodes {
            let _ = writeln!(out, "    {}", declared(graph, *node));
        }
        let _ = writeln!(out, "  }}");
    }
    for edge in &graph.edges {
        let mut attributes = Vec::new();
        if !edge.label.is_empty() {
            attributes.push(format!("label=\"{}\"", escaped(&edge.label)));
        }
        if edge.aside {
            attributes.push("style=dashed".to_owned());
        }
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let _ = writeln!(out, "  n{} -> n{}{attributes};", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

fn declared(graph: &Graph, number: usize) -> String {
    let Some(node) = graph.nodes.get(number) else { return String::new() };
    let label = node.lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\\n");
    let shape = match node.kind {
        Kind::Source => "parallelogram",
        Kind::Topic => "ellipse",
        Kind::Step => "box",
        Kind::Table => "cylinder",
    };
    format!("n{number} [shape={shape}, label=\"{label}\"];")
}

/// Text within quotes. Graphviz reads `\N` and the like in labels, and names of characters such as `&lt;`.
fn escaped(text: &str) -> String {
    printable(text).replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}
