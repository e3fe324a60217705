//! What a discovery remembers between runs, as it stands in the log.
//!
//! The memory is the flow's `discovery` topic, one JSON record a change, read whole at the start:
//!
//! ```text
//! key "url ADDRESS"   value { sha256, validators, fetched_at } or { absent: reason, given_up, fetched_at, document: [KEY, name] }
//! key "doc KEY"       value: the document record that was appended last
//! key "again KEY"     value: [version, revision] for which a refused document was appended again
//! ```

use std::collections::{BTreeMap, HashMap};

use batch::{Headers, RecordsBuilder};
use log::{Log, LogError};
use serde::{Deserialize, Serialize};

use crate::names;

/// What is remembered of an address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Address {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) validators: Option<String>,
    #[serde(default)]
    pub(super) fetched_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) absent: Option<String>,
    #[serde(default)]
    pub(super) given_up: bool,
    /// Key and name of the document that is absent.
    #[serde(default, rename = "document", skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<(String, String)>,
}

/// A document that is expected and is not there, as it was when its publisher was asked last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Document key; empty if a program noted it that did not keep that.
    pub document: String,
    /// File name; of such a program the end of the address.
    pub name: String,
    /// Where it was asked for.
    pub url: String,
    /// Why it counts as absent, such as `status 404`.
    pub reason: String,
    /// True if it is asked for again.
    pub asked_again: bool,
    /// When it was found to be absent, in milliseconds since 1970 UTC.
    pub at: i64,
}

/// The documents of a flow that are not there, by their addresses.
///
/// # Errors
/// If the log cannot be read.
pub fn absences(log: &dyn Log, topology: &str, flow: &str) -> Result<Vec<Absence>, LogError> {
    let topic = names::discovery(topology, flow);
    let mut absent: BTreeMap<String, Absence> = BTreeMap::new();
    if log.topic(&topic)?.is_none() {
        return Ok(Vec::new());
    }
    each_memory(log, &topic, &mut |key, value| {
        let Some(url) = key.strip_prefix("url ") else { return };
        let Ok(address) = serde_json::from_slice::<Address>(value) else { return };
        match address.absent {
            None => drop(absent.remove(url)),
            Some(reason) => {
                let end = || url.rsplit('/').next().unwrap_or(url).to_owned();
                let (document, name) = address.of.unwrap_or_else(|| (String::new(), end()));
                let (url, asked_again, at) = (url.to_owned(), !address.given_up, address.fetched_at);
                absent.insert(url.clone(), Absence { document, name, url, reason, asked_again, at });
            }
        }
    })?;
    Ok(absent.into_values().collect())
}

/// Name and address of the newest version of each document of a flow, by their keys.
///
/// # Errors
/// If the log cannot be read.
pub(crate) fn named(log: &dyn Log, topology: &str, flow: &str) -> Result<HashMap<String, (String, String)>, LogError> {
    let (topic, mut found) = (names::discovery(topology, flow), HashMap::new());
    if log.topic(&topic)?.is_none() {
        return Ok(found);
    }
    each_memory(log, &topic, &mut |key, value| {
        if let (Some(key), Ok(Latest { name, url, .. })) = (key.strip_prefix("doc "), serde_json::from_slice(value)) {
            found.insert(key.to_owned(), (name, url));
        }
    })?;
    Ok(found)
}

/// What is remembered of a document key: what the record says that was appended last. Not all of it, because there is
/// one for each document that a publisher ever had.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Latest {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) sha256: String,
}

/// Hands over all that is remembered, in order: key and value.
pub(super) fn each_memory(log: &dyn Log, topic: &str, take: &mut dyn FnMut(&str, &[u8])) -> Result<(), LogError> {
    let mut offset = 0;
    loop {
        let blocks = log.read(topic, 0, offset, 8 * 1024 * 1024)?;
        let Some(last) = blocks.last() else {
            return Ok(());
        };
        offset = last.next_offset();
        for record in blocks.iter().flat_map(batch::Records::iter) {
            if let (Some(Ok(key)), Some(value)) = (record.key.map(std::str::from_utf8), record.value) {
                take(key, value);
            }
        }
    }
}

pub(super) fn remember_address(url: &str, address: &Address, to: &mut RecordsBuilder) -> Result<(), serde_json::Error> {
    let text = serde_json::to_vec(address)?;
    to.push(Some(format!("url {url}").as_bytes()), Some(&text), &Headers::new(), 0);
    Ok(())
}
