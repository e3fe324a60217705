//! The ledger of a flow of a topic in few records, however long the flow has run.
//!
//! Such a flow closes a range many times a second, and whoever starts it, asks for its status or reconciles it reads the
//! ledger whole. So once in a while a task writes, in place of the record of a range, a *digest*: all lines of its
//! partition until then and that range's, with those of neighbouring ranges put together. The records before it are of
//! no use then, and are deleted.
//!
//! ```text
//! ledger of a partition    range range … range DIGEST range range …
//!                          └── deleted once the ──┘
//!                              digest is committed
//! ```
//!
//! Invariants:
//! * A digest is written in the transaction that closes its last range, so it is there with that range or not at all.
//! * What the lines of a digest add up to is what the lines that it stands for added up to: counts, first and last row.
//! * Ranges of several revisions, those read again after a person sent the flow back, and those that came back from dead
//!   letters keep lines of their own. The newest lines stay as they are.
//! * A death before the deletion leaves records before the digest. Whoever reads on to it forgets them.
//!
//! Deliberately absent: flows of documents. Their ledger has about a line for each document, with its receipt, and is
//! what people ask for.

use serde::{Deserialize, Serialize};

use crate::ledger::{LedgerEntry, LedgerLine};

/// Records of a ledger's partition after which a digest is due. More: a start reads more. Fewer: the ledger is read and
/// written anew more often.
pub(crate) const DUE: i64 = 20_000;

/// Newest lines that stay as they are, so that `reconcile` can say where a row is missing.
const NEWEST: usize = 500;
/// Most lines of the older ranges.
const OLDER: usize = 500;

/// As a record of the ledger.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digest {
    pub(crate) digest: Vec<LedgerLine>,
}

impl Digest {
    /// The digest of these lines, or `None` if they cannot be put together to few enough.
    pub(crate) fn of(mut lines: Vec<LedgerLine>) -> Option<Self> {
        let newest = lines.split_off(lines.len().saturating_sub(NEWEST));
        while lines.len() > OLDER {
            let before = lines.len();
            lines = in_pairs(lines);
            if lines.len() == before {
                return None;
            }
        }
        lines.extend(newest);
        Some(Self { digest: lines })
    }
}

/// Puts each two neighbours together that can be.
fn in_pairs(lines: Vec<LedgerLine>) -> Vec<LedgerLine> {
    let (mut paired, mut open) = (Vec::with_capacity(lines.len()), false);
    for line in lines {
        open = match (paired.last_mut(), line) {
            (Some(LedgerLine::Entry(last)), LedgerLine::Entry(next)) if open && follows(last, &next) => {
                last.last = next.last.max(last.last);
                last.counts.add(&next.counts);
                last.hash.clear();
                false
            }
            (_, line) => {
                paired.push(line);
                true
            }
        };
    }
    paired
}

/// True if a range is the next one behind another, and nothing sets it apart.
fn follows(last: &LedgerEntry, next: &LedgerEntry) -> bool {
    let plain = |entry: &LedgerEntry| {
        !entry.replayed && entry.replayed_of.is_none() && entry.receipt.is_none() && entry.amended.is_none()
    };
    plain(last) && plain(next) && last.revision == next.revision && next.first > last.first.max(last.last)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use batch::{Headers, RecordsBuilder};
    use log::memory::MemoryLog;
    use log::{Log, TopicSettings, Written};
    use telemetry::Counts;

    use super::{Digest, NEWEST, OLDER};
    use crate::ledger::{LedgerEntry, LedgerLine, Release, ledger_lines};

    fn range(number: i64, revision: &str) -> LedgerLine {
        let counts = Counts { rows_in: 3, landed: 2, dead: 1, ..Counts::default() };
        let (first, last) = ((number * 10, 0), (number * 10 + 7, 0));
        let (hash, revision) = ("ab".to_owned(), revision.to_owned());
        LedgerLine::Entry(Box::new(LedgerEntry { first, last, counts, hash, revision, ..LedgerEntry::default() }))
    }

    fn sum<'a>(lines: impl IntoIterator<Item = &'a LedgerLine>) -> (Counts, (i64, i64)) {
        let (mut counts, mut last) = (Counts::default(), (0, 0));
        for line in lines {
            let LedgerLine::Entry(entry) = line else { continue };
            counts.add(&entry.counts);
            last = last.max(entry.last);
        }
        (counts, last)
    }

    #[test]
    fn a_digest_is_short_and_adds_up_to_what_it_stands_for() {
        let mut lines = Vec::new();
        // As if a task had run for long: digests of digests.
        for round in 0..20 {
            lines.extend((0..7_001).map(|number| range(round * 7_001 + number, "r")));
            let before = sum(&lines);
            lines = Digest::of(lines).expect("all of one kind").digest;
            assert!(lines.len() <= NEWEST + OLDER, "{} lines", lines.len());
            assert_eq!(sum(&lines), before);
        }
        let newest = &lines[lines.len() - NEWEST..];
        assert!(newest.iter().all(|line| sum([line]).0.rows_in == 3), "the newest are as they were");
        let ordered = lines.windows(2).all(|pair| sum([&pair[0]]).1 < sum([&pair[1]]).1);
        assert!(ordered, "they stay in order");
        let text = serde_json::to_vec(&Digest { digest: lines }).expect("JSON");
        assert!(text.len() < 512 * 1024, "{} bytes", text.len());
    }

    /// As when a process dies after the commit and before the records are deleted.
    #[test]
    fn who_reads_on_to_a_digest_forgets_what_came_before_it() {
        let log = MemoryLog::new(Arc::new(|| 1));
        log.ensure_topic(&TopicSettings { name: "feed.load.ledger".into(), partitions: 1 }).expect("legal");
        let mut records = RecordsBuilder::new();
        let lines: Vec<LedgerLine> = (0..3000).map(|number| range(number, "r")).collect();
        for line in &lines {
            records.push(None, Some(&serde_json::to_vec(line).expect("JSON")), &Headers::new(), 0);
        }
        let digest = Digest::of(lines).expect("all of one kind");
        records.push(None, Some(&serde_json::to_vec(&digest).expect("JSON")), &Headers::new(), 0);
        records.push(None, Some(&serde_json::to_vec(&range(3000, "r")).expect("JSON")), &Headers::new(), 0);
        let mut transaction = log.begin();
        let written = Written { topic: "feed.load.ledger".into(), partition: 0, records: records.finish() };
        transaction.append(written).expect("legal");
        transaction.commit().expect("in memory");
        let mut expected = digest.digest;
        expected.push(range(3000, "r"));
        assert_eq!(ledger_lines(&log, "feed", "load", 0).expect("it reads"), expected);
    }

    #[test]
    fn what_is_apart_stays_apart() {
        let release = || LedgerLine::Release(Release { released_to: (5, 0), at: 7, onto: None });
        let replayed = match range(3, "r") {
            LedgerLine::Entry(entry) => LedgerLine::Entry(Box::new(LedgerEntry { replayed: true, ..*entry })),
            release @ LedgerLine::Release(_) => release,
        };
        // Revisions, a person's word, rows that came back, and what is read again.
        let lines = || vec![range(1, "r"), range(2, "s"), release(), range(3, "s"), replayed.clone(), range(2, "s")];
        assert_eq!(super::in_pairs(lines()), lines());
        let many: Vec<LedgerLine> = (0..NEWEST + 2 * OLDER).map(|_| release()).collect();
        assert_eq!(Digest::of(many), None);
    }
}
