//! What became of each document last, and which rows of an earlier version stay where the newest is none: refused, or no
//! data at all. Made of receipts in the order in which they were written.

use std::collections::{HashMap, HashSet};

use operators::Outcome;
use serde::{Deserialize, Serialize};

use crate::ledger::Receipt;

/// Rows of an earlier version of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The version.
    pub version: i64,
    /// How many rows of it left the flow.
    pub rows: u64,
}

/// See the module's prose. One for each flow.
#[derive(Clone, Debug, Default)]
pub struct Standings {
    /// The newest version that was accepted, by document.
    accepted: HashMap<String, Option<Standing>>,
    /// Files whose newest reading found no data, by document and name: several files may be versions of one document.
    no_data: HashSet<(String, String)>,
}

impl Standings {
    /// Takes the next receipt. Where the version is no data or was refused, gives what stays of an earlier one.
    pub fn take(&mut self, receipt: &Receipt) -> Option<Standing> {
        if receipt.outcome == Outcome::Absent.word() {
            self.no_data.insert((receipt.document.clone(), receipt.name.clone()));
        } else if !self.no_data.is_empty() {
            self.no_data.remove(&(receipt.document.clone(), receipt.name.clone()));
        }
        if !self.accepted.contains_key(&receipt.document) {
            self.accepted.insert(receipt.document.clone(), None);
        }
        let accepted = self.accepted.get_mut(&receipt.document)?;
        if receipt.accepted() {
            *accepted = Some(Standing { version: receipt.version, rows: receipt.counts.landed });
            return None;
        }
        // What an earlier reading of the same version landed may have been taken out before it was read again.
        accepted.filter(|standing| standing.version < receipt.version && standing.rows > 0)
    }

    /// Takes a receipt again after rows of its document came back.
    pub fn amend(&mut self, receipt: &Receipt) {
        let known = self.accepted.get_mut(&receipt.document).and_then(Option::as_mut);
        if let Some(standing) = known.filter(|standing| standing.version == receipt.version) {
            standing.rows = receipt.counts.landed;
        }
    }

    /// True if the newest reading of this file of a document found no data: it is not there, or a page for people.
    #[must_use]
    pub fn is_no_data(&self, document: &str, name: &str) -> bool {
        self.no_data.contains(&(document.to_owned(), name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use telemetry::Counts;

    use super::*;

    fn receipt(version: i64, outcome: &str, landed: u64) -> Receipt {
        let text = String::new;
        Receipt {
            topology: text(),
            flow: text(),
            document: "a".to_owned(),
            version,
            name: text(),
            url: text(),
            sha256: text(),
            size: 0,
            outcome: outcome.to_owned(),
            code: text(),
            message: text(),
            counts: Counts { landed, ..Counts::default() },
            withdrawn: 0,
            revision: text(),
            fetched_at: 0,
            at: 0,
        }
    }

    #[test]
    fn rows_stay_under_what_is_no_data_until_a_version_is_accepted() {
        let mut standings = Standings::default();
        let two_of_one = Some(Standing { version: 1, rows: 2 });
        for (version, outcome, landed, stays) in [
            (1, "rows", 2, None),
            (2, "incomplete", 0, two_of_one),
            (3, "absent", 0, two_of_one),
            // Read again by another revision.
            (1, "failed", 0, None),
            (4, "empty", 0, None),
            (5, "failed", 0, None),
        ] {
            assert_eq!(standings.take(&receipt(version, outcome, landed)), stays, "{version} {outcome}");
            assert_eq!(standings.is_no_data("a", ""), outcome == "absent", "{version} {outcome}");
            standings.amend(&receipt(9, "rows", 5));
        }
        standings.take(&receipt(6, "rows", 1));
        standings.amend(&receipt(6, "rows", 3));
        assert_eq!(standings.take(&receipt(7, "failed", 0)), Some(Standing { version: 6, rows: 3 }));
        assert!(!standings.is_no_data("b", ""));
        // Another file of the same document says nothing of this one.
        standings.take(&Receipt { name: "page".to_owned(), ..receipt(8, "absent", 0) });
        assert!(standings.is_no_data("a", "page") && !standings.is_no_data("a", ""));
    }
}
