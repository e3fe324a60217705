//! `graph`: draws the way through the flows of topologies, as text for Mermaid or Graphviz. Starts nothing.

use anyhow::Result;

use super::check::load_without_warnings;
use crate::arguments::{Graph, GraphFormat};
use crate::exit::Exit;
use crate::{graph, show};

pub(crate) fn graph(arguments: &Graph) -> Result<Exit> {
    let topologies = load_without_warnings(&arguments.files)?;
    let drawn = graph::Graph::of(&topologies);
    let text = match arguments.format {
        GraphFormat::Mermaid => graph::mermaid(&drawn),
        GraphFormat::Dot => graph::dot(&drawn),
    };
    show::line(text.trim_end());
    Ok(Exit::Fine)
}
