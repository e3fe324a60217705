//! Whether documents that have rows would be other documents by the patterns of now.
//!
//! What the named parts of a name say is the identity of a document, by which a newer version takes the place of an older
//! one. It is kept with what was read. Where the parts have changed since, or their form was mended, the next version would
//! stand beside the rows of before, or take those of another document away. So nothing more is found until a person has
//! said what is meant.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use connect::Fields;
use log::{Log, LogError};

use crate::codes;
use crate::discovery;
use crate::hold::Hold;
use crate::ledger::{LedgerLine, Receipt, ledger_lines};
use crate::names;

/// What the patterns of now say of a document, by its name and address; `None` where none of them fits.
pub type Identify = Arc<dyn Fn(&str, &str) -> Option<Fields> + Send + Sync>;

/// A document with rows that would be another one now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misnamed {
    /// Name of its file.
    pub name: String,
    /// Its identity, as its rows have it.
    pub before: String,
    /// What it would be now.
    pub now: String,
    /// How many others there are.
    pub others: usize,
}

impl Misnamed {
    /// The hold of it.
    #[must_use]
    pub fn hold(&self) -> Hold {
        let Self { name, before, now, others } = self;
        let others = match others {
            0 => String::new(),
            1 => ", and 1 more".to_owned(),
            more => format!(", and {more} more"),
        };
        Hold {
            code: codes::ANOTHER_IDENTITY,
            what: format!(
                "by the named parts of `file-names` as they are now {name} is the document {now}, and its rows landed as \
                 {before}{others}: a next version would stand beside them, or take the rows of another document away"
            ),
            remedy: "name the parts of `file-names` as they were: a column may be called otherwise, as in `day: \
                     document.date`; or, if the new ones are meant, land in a table of another name by a flow of another \
                     name, which reads all anew"
                .to_owned(),
        }
    }
}

/// Notes of a document whether it has rows.
pub(crate) fn note_landed(landed: &mut HashSet<String>, receipt: &Receipt) {
    if receipt.refused() || receipt.given_up() {
        // What an earlier version has stays.
    } else if receipt.counts.landed > 0 {
        landed.insert(receipt.document.clone());
    } else {
        landed.remove(&receipt.document);
    }
}

/// The first document, by its key, that has rows and would be another one now. `documents`: key, name and address.
pub(crate) fn misnamed<'a>(
    flow: &str,
    documents: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
    landed: &HashSet<String>,
    identify: &Identify,
) -> Option<Misnamed> {
    let other = |(key, name, url): (&'a str, &'a str, &'a str)| {
        let now = names::document(flow, &identify(name, url)?, name);
        (now != key && landed.contains(key)).then_some((key, name, now))
    };
    let mut found: Vec<_> = documents.filter_map(other).collect();
    found.sort_unstable();
    let (key, name, now) = found.first()?;
    let of = |key: &str| batch::bounded(key.splitn(3, '/').last().unwrap_or(key));
    Some(Misnamed { name: batch::bounded(name), before: of(key), now: of(now), others: found.len() - 1 })
}

/// The same, of what the log says of a flow, `flow` of any generation.
///
/// # Errors
/// If the log cannot be read.
pub fn misnamed_of(
    log: &dyn Log,
    (topology, flow): (&str, &str),
    identify: &Identify,
) -> Result<Option<Misnamed>, LogError> {
    let mut landed = HashSet::new();
    let partitions = log.topic(&names::ledger(topology, flow))?.map_or(0, |state| state.partitions);
    for partition in 0..partitions {
        for line in ledger_lines(log, topology, flow, partition)? {
            if let LedgerLine::Entry(entry) = line
                && let Some(receipt) = &entry.receipt
            {
                note_landed(&mut landed, receipt);
            }
        }
    }
    let documents: HashMap<String, (String, String)> = discovery::named(log, topology, flow)?;
    let each = documents.iter().map(|(key, (name, url))| (key.as_str(), name.as_str(), url.as_str()));
    Ok(misnamed(&format!("{topology}/{flow}"), each, &landed, identify))
}
