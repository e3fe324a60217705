//! Rows of a table that none of the ledgers here answers for, by the `_landing` that they name.
//!
//! A flow that this data folder does not know may be run on another one: several flows fill one table, and need not
//! share a log. Its rows are named and left out. All else is a stray: no landing writes such a name, or a flow of this
//! folder landed those rows from another log.

use std::collections::BTreeMap;

use super::spans::{Difference, Kind};
use crate::data::KnownFlow;

/// What these rows are: `_landing` and number of rows.
pub(super) fn others(found: &[(String, u64)], flows: &BTreeMap<String, KnownFlow>) -> Vec<Difference> {
    let difference = |(landing, rows): &(String, u64)| {
        let flow = flow_of(landing);
        let (kind, whose) = match flow {
            Some(flow) if !flows.contains_key(flow) => (Kind::Foreign, format!("of {flow}, a flow of another log")),
            Some(flow) => (Kind::Stray, format!("of {flow}, landed from another log")),
            None => (Kind::Stray, "which no landing writes".to_owned()),
        };
        let landing = batch::bounded(landing);
        Difference { kind, place: format!("_landing `{landing}`, {whose}"), expected: 0, found: *rows }
    };
    found.iter().map(difference).collect()
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
            stores: Vec::new(),
            file: None,
            encoding: None,
            making: String::new(),
            changed: None,
            gone: false,
        };
        let flows = BTreeMap::from([("feed/load".to_owned(), known)]);
        let identity = "0123456789abcdef0123456789abcdef";
        let cases = [
            (format!("other/load/{identity}"), Kind::Foreign),
            (format!("feed/other/{identity}"), Kind::Foreign),
            (format!("feed/load/{identity}"), Kind::Stray),
            (format!("feed/load/{}", identity.to_uppercase()), Kind::Stray),
            (format!("other/load/{}", &identity[1..]), Kind::Stray),
            (format!("other/{identity}"), Kind::Stray),
            (format!("//{identity}"), Kind::Stray),
            (format!("a/b/c/{identity}"), Kind::Stray),
            ("me".to_owned(), Kind::Stray),
            (String::new(), Kind::Stray),
        ];
        for (landing, kind) in cases {
            let found = others(&[(landing.clone(), 3)], &flows);
            assert_eq!((found[0].kind, found[0].rows()), (kind, 3), "{landing}");
            assert!(found[0].place.contains(&format!("`{landing}`")), "{}", found[0].place);
        }
    }
}
