//! What the ledger says of each document that owns its rows, and what differs from it.
//!
//! The newest accepted version holds what it landed and what came back of it; nothing else is there. Only while dead
//! letters of that version are open may rows of earlier versions stay, because they may be the rows that failed.

use std::collections::{BTreeMap, BTreeSet};

use runtime::LedgerEntry;

use super::spans::{Difference, Kind};

/// The newest accepted version of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Newest {
    version: i64,
    landed: u64,
    /// Dead rows that neither came back nor were given up.
    open: u64,
    /// Rows on their way back.
    waiting: u64,
}

/// What the closed documents of a flow hold.
#[derive(Debug, Default)]
pub(super) struct Documents(BTreeMap<String, Newest>);

impl Documents {
    /// Reads the ledgers of all partitions, and the positions of rows on their way back in each.
    pub(super) fn new(ledger: &[Vec<LedgerEntry>], waiting: &[Vec<(i64, i64)>]) -> Self {
        let mut newest: BTreeMap<String, Newest> = BTreeMap::new();
        for receipt in ledger.iter().flatten().filter_map(|entry| entry.receipt.as_ref()) {
            let known = newest.get(&receipt.document);
            if receipt.accepted() && known.is_none_or(|known| receipt.version >= known.version) {
                let (landed, open) = (receipt.counts.landed, receipt.counts.dead);
                newest.insert(receipt.document.clone(), Newest { version: receipt.version, landed, open, waiting: 0 });
            }
        }
        for entry in ledger.iter().flatten() {
            if let Some((document, version)) = &entry.replayed_of
                && let Some(known) = newest.get_mut(document).filter(|known| known.version == *version)
            {
                known.landed += entry.counts.landed;
                known.open = known.open.saturating_sub(entry.counts.rows_in.saturating_sub(entry.counts.dead));
            }
        }
        for (entries, waiting) in ledger.iter().zip(waiting) {
            let at: BTreeMap<i64, (&str, i64)> = entries
                .iter()
                .filter_map(|entry| Some((entry.first.0, entry.receipt.as_ref()?)))
                .map(|(offset, receipt)| (offset, (&*receipt.document, receipt.version)))
                .collect();
            for (document, version) in waiting.iter().filter_map(|(offset, _)| at.get(offset)) {
                if let Some(known) = newest.get_mut(*document).filter(|known| known.version == *version) {
                    known.waiting += 1;
                }
            }
        }
        Self(newest)
    }

    /// Rows that all of them hold, without those of `open` documents.
    pub(super) fn landed(&self, open: &BTreeSet<String>) -> u64 {
        self.0.iter().filter(|(document, _)| !open.contains(*document)).map(|(_, newest)| newest.landed).sum()
    }

    /// Compares the rows that the table holds: document, version, rows that are not deleted.
    pub(super) fn compare(&self, found: &[(String, i64, u64)], open: &BTreeSet<String>) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut add = |kind, document: &str, version: i64, expected, found| {
            let place = format!("document {document}, version {version}");
            differences.push(Difference { kind, place, expected, found });
        };
        let mut there: BTreeMap<&str, u64> = BTreeMap::new();
        for (document, version, rows) in found.iter().filter(|(document, ..)| !open.contains(document)) {
            match self.0.get(document) {
                Some(newest) if newest.version == *version => {
                    there.insert(document, *rows);
                }
                // Rows of an earlier version wait for the dead ones of the newest.
                Some(newest) if newest.version > *version && newest.open > 0 => {}
                _ => add(Kind::Stray, document, *version, 0, *rows),
            }
        }
        for (document, newest) in self.0.iter().filter(|(document, _)| !open.contains(*document)) {
            let rows = there.get(&**document).copied().unwrap_or(0);
            let most = newest.landed + newest.waiting;
            if rows < newest.landed {
                add(Kind::Gap, document, newest.version, newest.landed, rows);
            } else if rows > most {
                add(Kind::Stray, document, newest.version, most, rows);
            }
        }
        differences
    }
}
