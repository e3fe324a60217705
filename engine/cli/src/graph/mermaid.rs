//! A graph as text of Mermaid, which GitHub and most wikis draw.

use std::fmt::Write as _;

use super::{Graph, Kind, printable};

/// The graph as a flowchart.
pub(crate) fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    let framed = |node: usize| graph.frames.iter().any(|frame| frame.nodes.contains(&node));
    // Writing to a string cannot fail.
    for node in (0..graph.nodes.len()).filter(|node| !framed(*node)) {
        let _ = writeln!(out, "  {}", declared(graph, node));
    }
    for (number, frame) in graph.frames.iter().enumerate() {
        let _ = writeln!(out, "  subgraph f{number}[\"{}\"]", escaped(&frame.title));
        for node in &frame.nodes {
            let _ = writeln!(out, "    {}", declared(graph, *node));
        }
        let _ = writeln!(out, "  end");
    }
    for edge in &graph.edges {
        let arrow = if edge.aside { "-.->" } else { "-->" };
        let label = if edge.label.is_empty() { String::new() } else { format!("|\"{}\"|", escaped(&edge.label)) };
        let _ = writeln!(out, "  n{} {arrow}{label} n{}", edge.from, edge.to);
    }
    out
}

fn declared(graph: &Graph, number: usize) -> String {
    let Some(node) = graph.nodes.get(number) else { return String::new() };
    let label = node.lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>");
    let (opened, closed) = match node.kind {
        Kind::Source => ("[/", "/]"),
        Kind::Topic => ("([", "])"),
        Kind::Step => ("[", "]"),
        Kind::Table => ("[(", ")]"),
    };
    format!("n{number}{opened}\"{label}\"{closed}")
}

/// Text within quotes: what Mermaid or HTML would take for its own is written by its number.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '"' | '#' | '&' | '<' | '>' | '`' | ';' | '\\' | '%' => {
                let _ = write!(out, "#{};", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out
}
