//! Rows of earlier versions that stay in a table because dead rows of the newest version wait.
//!
//! The ledger knows how many rows each version landed, not which of them the next one replaced: so the number of rows
//! is the most that can be there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use log::{Log, LogError};
use runtime::{DeadLetters, LedgerEntry};
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::show;

/// The documents of one flow that keep rows of earlier versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OldRows {
    /// `topology/flow`.
    pub(crate) flow: String,
    /// How many documents.
    pub(crate) documents: u64,
    /// At most so many rows.
    pub(crate) rows_at_most: u64,
    /// True if no dead row of these documents is open any more: all were sent back or given up, and the next run works
    /// them.
    #[serde(default)]
    pub(crate) settled: bool,
}

impl OldRows {
    /// A line for people; `would`: of a dry run.
    pub(crate) fn line(&self, would: bool) -> String {
        let Self { flow, documents, rows_at_most, settled } = self;
        let keep = if would { "would keep" } else { "may keep" };
        let until = match settled {
            true => "until the next run: their dead rows were sent back or given up, and it works them".to_owned(),
            false => format!(
                "while dead rows of the newest wait; they go with the next run once those were sent back (spotlight dlq \
                 replay FILE) or given up (spotlight dlq give-up {flow}, which gives up all that are open of it; --id only \
                 some)"
            ),
        };
        let (documents, rows) = (show::counted(*documents, "document"), show::count(*rows_at_most));
        format!("old rows: {flow}: {documents} {keep} rows of an earlier version (at most {rows}) {until}")
    }
}

/// The newest accepted version of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Newest {
    version: i64,
    landed: u64,
    /// Rows that earlier versions landed and that may still be there.
    earlier: u64,
}

/// What the documents of a flow hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing(BTreeMap<String, Newest>);

impl Standing {
    /// Reads a ledger: partition by partition, in order.
    pub(crate) fn of(entries: impl IntoIterator<Item = LedgerEntry>) -> Self {
        let mut newest: BTreeMap<String, Newest> = BTreeMap::new();
        for entry in entries {
            if let Some(receipt) = entry.receipt.filter(runtime::Receipt::accepted) {
                let known = newest.entry(receipt.document).or_default();
                let earlier = match receipt.version.cmp(&known.version) {
                    std::cmp::Ordering::Less => continue,
                    std::cmp::Ordering::Equal => known.earlier,
                    std::cmp::Ordering::Greater => known.earlier + known.landed,
                };
                let (version, landed) = (receipt.version, receipt.counts.landed);
                // Who withdraws keeps nothing: a rebuild does where the live table has nothing of earlier versions either.
                let keeps = receipt.counts.dead > 0 && receipt.withdrawn == 0;
                *known = Newest { version, landed, earlier: if keeps { earlier } else { 0 } };
            }
            if let Some(amended) = entry.amended
                && let Some(known) = newest.get_mut(&amended.document).filter(|known| known.version == amended.version)
            {
                known.landed = amended.counts.landed;
                if amended.counts.dead == 0 {
                    known.earlier = 0;
                }
            }
        }
        Self(newest)
    }

    /// Rows that the newest versions landed.
    pub(crate) fn landed(&self) -> u64 {
        self.0.values().map(|newest| newest.landed).sum()
    }

    /// What stays of earlier versions: of documents of which dead rows are open, and of the others.
    pub(crate) fn old_rows(&self, flow: &str, open: impl Fn(&str) -> bool) -> Vec<OldRows> {
        let of = |settled: bool| -> Option<OldRows> {
            let old = || self.0.iter().filter(|(document, old)| old.earlier > 0 && open(document) != settled);
            let (documents, rows_at_most) = (old().count() as u64, old().map(|(_, old)| old.earlier).sum());
            (documents > 0).then(|| OldRows { flow: flow.to_owned(), documents, rows_at_most, settled })
        };
        [false, true].into_iter().filter_map(of).collect()
    }

    fn has_old_rows(&self) -> bool {
        self.0.values().any(|newest| newest.earlier > 0)
    }
}

impl Access {
    /// Rows of earlier versions that stay, of each flow that has any.
    pub(crate) fn old_rows(&self) -> Result<Vec<OldRows>> {
        let (mut found, names) = (Vec::new(), self.folder.flow_names()?);
        for (flow, known) in self.folder.known_flows()? {
            if known.landing.is_none_or(|by| by.rows != "by-document") {
                continue;
            }
            let standing = standing(self.log.as_ref(), &flow)?;
            if standing.has_old_rows() {
                let open = self.documents_with_open_letters(&flow)?;
                found.extend(standing.old_rows(&names.shown(&flow), |document| open.contains(document)));
            }
        }
        Ok(found)
    }

    fn documents_with_open_letters(&self, flow: &str) -> Result<BTreeSet<String>> {
        let (topology, name) = flow.split_once('/').unwrap_or((flow, ""));
        let mut open = BTreeSet::new();
        DeadLetters::read(self.log.as_ref(), topology)?.each_open(self.log.as_ref(), |letter| {
            if letter.flow == name {
                open.insert(letter.document);
            }
            Ok::<_, LogError>(())
        })?;
        Ok(open)
    }
}

/// What the documents of a flow, `topology/flow`, hold by its ledger.
pub(crate) fn standing(log: &dyn Log, flow: &str) -> Result<Standing> {
    let (topology, name) = flow.split_once('/').unwrap_or((flow, ""));
    Ok(Standing::of(runtime::ledger(log, topology, name)?))
}

#[cfg(test)]
mod tests {
    use runtime::{LedgerEntry, Receipt};
    use serde_json::json;
    use telemetry::Counts;

    use super::Standing;

    /// The end of a document: version, rows that landed, rows that are dead; whether its rows came back.
    fn entry((version, landed, dead, back): (i64, u64, u64, bool)) -> LedgerEntry {
        let receipt: Receipt = serde_json::from_value(json!({
            "topology": "t", "flow": "f", "document": "d", "version": version, "name": "", "url": "", "sha256": "",
            "size": 0, "outcome": "rows", "code": "", "message": "", "withdrawn": 0, "revision": "", "fetched_at": 0,
            "at": 0, "counts": Counts { rows_in: landed + dead, landed, dead, ..Counts::default() },
        }))
        .expect("a receipt");
        let (receipt, amended) = if back { (None, Some(receipt)) } else { (Some(receipt), None) };
        LedgerEntry { receipt, amended, ..LedgerEntry::default() }
    }

    #[test]
    fn rows_of_earlier_versions_stay_until_no_row_of_the_newest_waits() {
        let first = (1, 3, 0, false);
        type Case<'a> = (&'a [(i64, u64, u64, bool)], u64, Option<u64>);
        let cases: [Case<'_>; 8] = [
            (&[first], 3, None),
            (&[(1, 3, 2, false)], 3, None),
            (&[first, (2, 2, 0, false)], 2, None),
            (&[first, (2, 2, 1, false)], 2, Some(3)),
            (&[first, (2, 2, 2, false), (2, 3, 1, true)], 3, Some(3)),
            (&[first, (2, 2, 1, false), (2, 3, 0, true)], 3, None),
            (&[first, (2, 2, 1, false), (3, 4, 1, false)], 4, Some(5)),
            (&[first, (2, 2, 1, false), (3, 4, 0, false), (4, 1, 1, false), (4, 1, 1, false)], 1, Some(4)),
        ];
        for (entries, landed, old) in cases {
            let standing = Standing::of(entries.iter().copied().map(entry));
            assert_eq!(standing.landed(), landed, "{entries:?}");
            for open in [true, false] {
                let found = standing.old_rows("t/f", |document| open && document == "d");
                let found: Vec<_> = found.iter().map(|old| (old.documents, old.rows_at_most, old.settled)).collect();
                assert_eq!(found, old.map(|rows| (1, rows, !open)).into_iter().collect::<Vec<_>>(), "{entries:?}");
            }
        }
    }
}
