//! Names of the topics that the engine makes for itself, and keys of documents. They are an interface: changed only with a note in CHANGELOG.md.

use std::sync::Arc;

use connect::Fields;

/// Stands between the name by which a flow is recorded and its generation. No flow of a file has it in its name, and
/// topics, groups and query ids may have it.
const GENERATION: char = '_';

/// The name by which a generation of a flow is recorded: `load`, `load_2`, `load_3`. A flow, or `topology/flow`, of any
/// generation may be given. The first has no number: it is every flow that was never rebuilt.
#[must_use]
pub fn of_generation(flow: &str, generation: u32) -> String {
    match generation {
        0 | 1 => first(flow).to_owned(),
        more => format!("{}{GENERATION}{more}", first(flow)),
    }
}

/// The name of the first generation of a flow, or of `topology/flow`.
#[must_use]
pub fn first(flow: &str) -> &str {
    numbered(flow).map_or(flow, |(first, _)| first)
}

/// Which generation of its flow a name is of.
#[must_use]
pub fn generation(flow: &str) -> u32 {
    numbered(flow).map_or(1, |(_, number)| number)
}

/// The names of the generations of a flow, or of `topology/flow`, before this one.
pub fn generations_before(flow: &str) -> impl Iterator<Item = String> + '_ {
    (1..generation(flow)).map(|number| of_generation(flow, number))
}

fn numbered(flow: &str) -> Option<(&str, u32)> {
    let (first, number) = flow.rsplit_once(GENERATION)?;
    number.parse().ok().map(|number| (first, number))
}

/// The topic that carries the document records of a flow, whatever its generation, keyed by document key.
#[must_use]
pub fn documents(topology: &str, flow: &str) -> Arc<str> {
    format!("{topology}.{}.documents", first(flow)).into()
}

/// The topic in which a source's discovery remembers what it has seen, whatever the generation of its flow. One partition.
#[must_use]
pub fn discovery(topology: &str, flow: &str) -> Arc<str> {
    format!("{topology}.{}.discovery", first(flow)).into()
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

/// The topic that makes a store of a flow durable. As many partitions as the flow's input.
#[must_use]
pub fn changelog(topology: &str, flow: &str, store: &str) -> Arc<str> {
    format!("{topology}.{}.changelog", of_generation(store, generation(flow))).into()
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

/// The key of a document of a flow, `topology/flow` of any generation: see [`connect::document_key`].
#[must_use]
pub fn document(flow: &str, fields: &Fields, name: &str) -> String {
    connect::document_key(first(flow), fields, name)
}

#[cfg(test)]
mod tests {
    use super::{
        changelog, discovery, document, documents, first, generation, generations_before, group, ledger, of_generation,
    };

    #[test]
    fn generations_share_what_was_found_and_nothing_that_they_did() {
        assert_eq!(of_generation("feed/load", 2), "feed/load_2");
        assert_eq!(of_generation("feed/load_2", 3), "feed/load_3");
        assert_eq!(of_generation("feed/load_2", 1), "feed/load");
        assert_eq!([first("feed/load_12"), first("feed/load")], ["feed/load"; 2]);
        assert_eq!(["load", "load_2", "load-2", "load_12"].map(generation), [1, 2, 1, 12]);
        assert_eq!(generations_before("feed/load_3").collect::<Vec<_>>(), ["feed/load", "feed/load_2"]);
        assert_eq!(generations_before("feed/load").count(), 0);
        assert_eq!(documents("feed", "load_2"), documents("feed", "load"));
        assert_eq!(discovery("feed", "load_2"), discovery("feed", "load"));
        let key = |flow| document(flow, &connect::Fields::default(), "list.txt");
        assert_eq!(key("feed/load_2"), key("feed/load"));
        assert_ne!(group("feed", "load_2"), group("feed", "load"));
        assert_ne!(ledger("feed", "load_2"), ledger("feed", "load"));
        assert_eq!(&*changelog("feed", "load", "seen"), "feed.seen.changelog");
        assert_eq!(&*changelog("feed", "load_2", "seen"), "feed.seen_2.changelog");
    }
}
