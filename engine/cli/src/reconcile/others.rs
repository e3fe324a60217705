//! Rows of a table that none of the ledgers here answers for, by the `_landing` that they name.
//!
//! A flow that this data folder does not know may be run on another one: several flows fill one table, and need not
//! share a log. Its rows are named and left out, and so are those that a flow of this folder landed from a topic that it
//! read before: they do not come again by themselves. All else is a stray: no landing writes such a name, or a flow of this
//! folder landed those rows from another log, or before it was rebuilt.

use std::collections::BTreeMap;

use anyhow::Result;
use log::Log;
use runtime::names;

use super::spans::{Difference, Kind};
use crate::data::KnownFlow;

/// Ends what is told of rows that a rebuild replaced.
pub(crate) const BEFORE_REBUILD: &str = "the generation before its rebuild";

/// The topics that flows of this folder read before the one of now, by what `_landing` says of rows from there. A topic
/// that is gone from the log stands there under its flow alone: what it was called in `_landing` is not known any more.
pub(super) fn read_before(log: &dyn Log, flows: &BTreeMap<String, KnownFlow>) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (flow, known) in flows {
        for topic in known.landing.iter().flat_map(|landing| &landing.read) {
            let landing = log.topic(topic)?.map_or_else(|| flow.clone(), |found| format!("{flow}/{}", found.identity));
            all.insert(landing, topic.clone());
        }
    }
    Ok(all)
}

/// What these rows are: `_landing` and number of rows.
pub(super) fn others(
    found: &[(String, u64)],
    flows: &BTreeMap<String, KnownFlow>,
    read_before: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let difference = |(landing, rows): &(String, u64)| {
        let flow = flow_of(landing);
        let (kind, whose) = match flow {
            Some(flow) if was_rebuilt(flow, flows) => (Kind::Stray, format!("of {flow}, {BEFORE_REBUILD}")),
            Some(flow) if !flows.contains_key(flow) => (Kind::Foreign, format!("of {flow}, a flow of another log")),
            Some(flow) => match read_before.get(landing).or_else(|| read_before.get(flow)) {
                Some(topic) => (Kind::Foreign, format!("of {flow}, from the topic {topic} that it read before")),
                None => (Kind::Stray, format!("of {flow}, landed from another log")),
            },
            None => (Kind::Stray, "which no landing writes".to_owned()),
        };
        let landing = batch::bounded(landing);
        Difference { kind, place: format!("_landing `{landing}`, {whose}"), expected: 0, found: *rows }
    };
    found.iter().map(difference).collect()
}

/// True if a generation is not known any more, as a later one took its place.
fn was_rebuilt(flow: &str, flows: &BTreeMap<String, KnownFlow>) -> bool {
    let (first, generation) = (names::first(flow), names::generation(flow));
    let later = |name: &String| names::first(name) == first && names::generation(name) > generation;
    !flows.contains_key(flow) && flows.keys().any(later)
}

/// `topology/flow` of what a landing writes: topology, flow, and the identity of the topic in 32 hexadecimal digits.
fn flow_of(landing: &str) -> Option<&str> {
    let (flow, identity) = landing.rsplit_once('/')?;
    let (topology, name) = flow.split_once('/')?;
    let hexadecimal = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    let whole = identity.len() == 32 && identity.bytes().all(hexadecimal);
    (whole && !topology.is_empty() && !name.is_empty() && !name.contains('/')).then_some(flow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_flows_elsewhere_are_foreign_and_all_others_are_strays() {
        let known = KnownFlow {
            topic: "t".to_owned(),
            reads: None,
            called: None,
            landing: None,
            fills: None,
            keys: BTreeMap::new(),
            stores: Vec::new(),
            file: None,
            encoding: None,
            making: String::new(),
            changed: None,
            gone: false,
        };
        let flows = BTreeMap::from([("feed/load".to_owned(), known.clone()), ("feed/made_3".to_owned(), known)]);
        let identity = "0123456789abcdef0123456789abcdef";
        let before = "1123456789abcdef0123456789abcdef";
        let read_before = BTreeMap::from([
            (format!("feed/load/{before}"), "demo.items".to_owned()),
            ("feed/made_3".to_owned(), "demo.gone".to_owned()),
        ]);
        let cases = [
            (format!("feed/load/{before}"), Kind::Foreign),
            (format!("feed/made_3/{identity}"), Kind::Foreign),
            (format!("other/load/{identity}"), Kind::Foreign),
            (format!("feed/other/{identity}"), Kind::Foreign),
            (format!("feed/load/{identity}"), Kind::Stray),
            (format!("feed/made/{identity}"), Kind::Stray),
            (format!("feed/made_2/{identity}"), Kind::Stray),
            (format!("feed/made_4/{identity}"), Kind::Foreign),
            (format!("feed/load/{}", identity.to_uppercase()), Kind::Stray),
            (format!("other/load/{}", &identity[1..]), Kind::Stray),
            (format!("other/{identity}"), Kind::Stray),
            (format!("//{identity}"), Kind::Stray),
            (format!("a/b/c/{identity}"), Kind::Stray),
            ("me".to_owned(), Kind::Stray),
            (String::new(), Kind::Stray),
        ];
        for (landing, kind) in cases {
            let found = others(&[(landing.clone(), 3)], &flows, &read_before);
            assert_eq!((found[0].kind, found[0].rows()), (kind, 3), "{landing}");
            let place = &found[0].place;
            assert!(place.contains(&format!("`{landing}`")), "{place}");
            assert_eq!(
                place.ends_with(BEFORE_REBUILD),
                landing.starts_with("feed/made") && kind == Kind::Stray,
                "{place}"
            );
        }
    }
}
