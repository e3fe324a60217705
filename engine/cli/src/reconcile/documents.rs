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
        // In order: a version that was read again, from an earlier position, brought all of its rows anew.
        for entry in ledger.iter().flatten() {
            if let Some(receipt) = entry.receipt.as_ref().filter(|receipt| receipt.accepted()) {
                let known = newest.get(&receipt.document);
                if known.is_none_or(|known| receipt.version >= known.version) {
                    let (landed, open) = (receipt.counts.landed, receipt.counts.dead);
                    let version = receipt.version;
                    newest.insert(receipt.document.clone(), Newest { version, landed, open, waiting: 0 });
                }
            }
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

    /// Compares the rows that the table holds: document, version, rows that are not deleted. Gives what differs, and the
    /// versions of documents that have rows too many.
    pub(super) fn compare(
        &self,
        found: &[(String, i64, u64)],
        open: &BTreeSet<String>,
    ) -> (Vec<Difference>, BTreeSet<(String, i64)>) {
        let (mut differences, mut strays) = (Vec::new(), BTreeSet::new());
        let mut add = |kind, document: &str, version: i64, expected, found| {
            if kind == Kind::Stray {
                strays.insert((document.to_owned(), version));
            }
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
        (differences, strays)
    }
}

#[cfg(test)]
mod tests {
    use runtime::Receipt;
    use telemetry::Counts;

    use super::*;

    fn counts(landed: u64, dead: u64) -> Counts {
        Counts { rows_in: landed + dead, landed, dead, ..Counts::default() }
    }

    fn entry(offset: i64, counts: Counts) -> LedgerEntry {
        LedgerEntry { first: (offset, 0), last: (offset, 9), counts, ..LedgerEntry::default() }
    }

    fn closed(offset: i64, document: &str, version: i64, outcome: &str, counts: Counts) -> LedgerEntry {
        let text = String::new;
        let receipt = Receipt {
            topology: text(),
            flow: text(),
            document: document.to_owned(),
            version,
            name: text(),
            url: text(),
            sha256: text(),
            size: 0,
            outcome: outcome.to_owned(),
            code: text(),
            message: text(),
            counts: counts.clone(),
            withdrawn: 0,
            revision: text(),
            fetched_at: 0,
            at: 0,
        };
        LedgerEntry { receipt: Some(receipt), ..entry(offset, counts) }
    }

    fn came_back(offset: i64, document: &str, version: i64, counts: Counts) -> LedgerEntry {
        LedgerEntry { replayed: true, replayed_of: Some((document.to_owned(), version)), ..entry(offset, counts) }
    }

    fn shown(ledger: &[LedgerEntry], waiting: &[(i64, i64)], found: &[(&str, i64, u64)]) -> Vec<String> {
        let documents = Documents::new(&[ledger.to_vec()], &[waiting.to_vec()]);
        let found: Vec<_> = found.iter().map(|(name, version, rows)| ((*name).to_owned(), *version, *rows)).collect();
        let (differences, _) = documents.compare(&found, &BTreeSet::from(["open".to_owned()]));
        let differences = differences.into_iter();
        differences.map(|one| format!("{:?} {} {} {}", one.kind, one.place, one.expected, one.found)).collect()
    }

    #[test]
    fn the_newest_accepted_version_holds_its_rows_and_no_other_does() {
        let ledger = [
            closed(0, "a", 1, "rows", counts(9, 0)),
            closed(1, "a", 2, "rows", counts(5, 0)),
            closed(2, "a", 3, "failed", counts(0, 0)),
            closed(3, "b", 1, "empty", counts(0, 0)),
            closed(4, "open", 1, "rows", counts(7, 0)),
        ];
        assert_eq!(shown(&ledger, &[], &[("a", 2, 5), ("open", 2, 1)]), [""; 0]);
        assert_eq!(shown(&ledger, &[], &[("a", 2, 4)]), ["Gap document a, version 2 5 4"]);
        assert_eq!(shown(&ledger, &[], &[]), ["Gap document a, version 2 5 0"]);
        let strays = [("a", 1, 1), ("a", 2, 6), ("b", 1, 1), ("c", 1, 2)];
        assert_eq!(
            shown(&ledger, &[], &strays),
            [
                "Stray document a, version 1 0 1",
                "Stray document c, version 1 0 2",
                "Stray document a, version 2 5 6",
                "Stray document b, version 1 0 1",
            ]
        );
    }

    #[test]
    fn rows_of_an_earlier_version_may_stay_while_dead_ones_of_the_newest_are_open() {
        let mut ledger = vec![closed(0, "a", 1, "rows", counts(9, 0)), closed(1, "a", 2, "rows", counts(7, 2))];
        assert_eq!(shown(&ledger, &[], &[("a", 1, 2), ("a", 2, 7)]), [""; 0]);
        // One comes back, first on its way, then closed; the other fails again.
        for there in [7, 8] {
            assert_eq!(shown(&ledger, &[(1, 3)], &[("a", 1, 1), ("a", 2, there)]), [""; 0]);
        }
        assert_eq!(shown(&ledger, &[(1, 3)], &[("a", 2, 9)]), ["Stray document a, version 2 8 9"]);
        ledger.push(came_back(1, "a", 2, counts(1, 1)));
        assert_eq!(shown(&ledger, &[], &[("a", 1, 1), ("a", 2, 8)]), [""; 0]);
        assert_eq!(shown(&ledger, &[], &[("a", 1, 1), ("a", 2, 7)]), ["Gap document a, version 2 8 7"]);
        // The other is given up: nothing holds the earlier version any more.
        ledger.push(came_back(1, "a", 2, Counts { rows_in: 1, ..Counts::default() }));
        assert_eq!(shown(&ledger, &[], &[("a", 2, 8)]), [""; 0]);
        assert_eq!(shown(&ledger, &[], &[("a", 1, 1), ("a", 2, 8)]), ["Stray document a, version 1 0 1"]);
    }
}
