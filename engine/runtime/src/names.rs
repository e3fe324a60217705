//! Names of the topics that the engine makes for itself, and keys of documents. They are an interface: changed only with a note in CHANGELOG.md.

use std::sync::Arc;

/// The topic that carries the document records of a flow, keyed by document key.
#[must_use]
pub fn documents(topology: &str, flow: &str) -> Arc<str> {
    format!("{topology}.{flow}.documents").into()
}

/// The topic in which a source's discovery remembers what it has seen. One partition.
#[must_use]
pub fn discovery(topology: &str, flow: &str) -> Arc<str> {
    format!("{topology}.{flow}.discovery").into()
}

/// The topic that says what became of each range of a flow's input. As many partitions as the input.
#[must_use]
pub fn ledger(topology: &str, flow: &str) -> Arc<str> {
    format!("{topology}.{flow}.ledger").into()
}

/// The topic of a topology's dead letters: original bytes, key and headers. One partition.
#[must_use]
pub fn dead_letters(topology: &str) -> Arc<str> {
    format!("{topology}.dead-letters").into()
}

/// The topic through which dead letters come back to the flow that failed. As many partitions as the flow's input.
#[must_use]
pub fn retry(topology: &str, flow: &str) -> Arc<str> {
    format!("{topology}.{flow}.retry").into()
}

/// The topic that makes a store durable. As many partitions as the flow's input.
#[must_use]
pub fn changelog(topology: &str, store: &str) -> Arc<str> {
    format!("{topology}.{store}.changelog").into()
}

/// The consumer group of a flow.
#[must_use]
pub fn group(topology: &str, flow: &str) -> String {
    format!("{topology}.{flow}")
}

/// Topology and flow of what is written `topology/flow`.
#[must_use]
pub fn parts(name: &str) -> [&str; 2] {
    name.split_once('/').map_or([name, ""], |(topology, flow)| [topology, flow])
}
