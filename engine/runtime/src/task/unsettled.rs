//! What a task of documents knows of its dead rows: while rows of a version wait, nothing of earlier versions is
//! withdrawn; when a newer version is accepted, those of earlier ones are closed. And what a person gave up: it stays so
//! when the same row is read again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use log::LogError;
use xxhash_rust::xxh3::xxh3_128;

use super::TaskContext;
use crate::dead_letter::{DeadLetter, Mark};
use crate::ledger::Receipt;
use crate::letters::{self, DeadLetters};
use crate::{names, retry};

/// Position of a row: offset of the document's record, number of the row.
pub(super) type Position = (i64, i64);

/// Rows that a person gave up and that are read again, with the hash of their bytes: a topology that counts rows in
/// another way must not give up another row.
#[derive(Debug, Default)]
pub(super) struct GivenUp(HashMap<Position, u128>);

impl GivenUp {
    fn add(&mut self, letter: &DeadLetter) {
        self.0.insert((letter.offset, letter.row), xxh3_128(&letter.bytes));
    }

    /// Takes out the letters of rows that were given up. Gives how many those are.
    pub(super) fn take_out(&self, letters: &mut Vec<DeadLetter>) -> u64 {
        if self.0.is_empty() {
            return 0;
        }
        let before = letters.len();
        letters.retain(|letter| self.0.get(&(letter.offset, letter.row)) != Some(&xxh3_128(&letter.bytes)));
        (before - letters.len()) as u64
    }
}

/// Dead rows by document and version, and the newest accepted version of each document, of one partition.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    rows: HashMap<String, BTreeMap<i64, BTreeSet<Position>>>,
    accepted: HashMap<String, i64>,
    /// Receipts of the newest accepted versions, of documents whose dead rows wait.
    receipts: HashMap<String, Receipt>,
    /// Rows from the committed position on that were given up at an earlier reading.
    pub(super) given_up: GivenUp,
}

impl Unsettled {
    /// As the log says: dead letters that are open, those on their way back, and those that were given up of records
    /// from `next` on.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(super) fn read(context: &TaskContext, next: i64, retry_from: i64) -> Result<Self, LogError> {
        let (log, parts, input) = (context.shared.log.as_ref(), &context.parts, &context.input);
        let mut known = Self::default();
        let mut again = false;
        for entry in crate::ledger::ledger_of(log, &parts.topology, &parts.flow, input.partition)? {
            again |= !entry.replayed && entry.last.0 >= next;
            for receipt in entry.receipt.into_iter().chain(entry.amended).filter(Receipt::accepted) {
                known.accepted.insert(receipt.document.clone(), receipt.version);
                known.keep(receipt);
            }
        }
        let topic = names::retry(&parts.topology, &parts.flow);
        let waiting: BTreeSet<Position> =
            retry::waiting(log, &topic, input.partition, retry_from)?.into_iter().collect();
        let identity = input.identity.to_string();
        DeadLetters::read(log, &parts.topology)?.each(
            log,
            |word| word.is_none() || !waiting.is_empty() || (again && word == Some(Mark::GivenUp.word())),
            |letter, word| {
                let ours =
                    *letter.flow == *parts.flow && letter.partition == input.partition && letter.identity() == identity;
                let position = (letter.offset, letter.row);
                if ours && (word.is_none() || waiting.contains(&position)) {
                    known.dead(&letter.document, letter.version, position);
                }
                // Also while the flow has yet to hear of it.
                if ours && letter.offset >= next && word == Some(Mark::GivenUp.word()) {
                    known.given_up.add(&letter);
                }
                Ok::<_, LogError>(())
            },
        )?;
        let Self { rows, receipts, .. } = &mut known;
        receipts.retain(|document, _| rows.contains_key(document));
        Ok(known)
    }

    /// A row of a version is dead.
    pub(super) fn dead(&mut self, document: &str, version: i64, position: Position) {
        self.rows.entry(document.to_owned()).or_default().entry(version).or_default().insert(position);
    }

    /// A version was accepted. Its own dead rows stay, those of earlier versions are done with.
    pub(super) fn accepted(&mut self, document: &str, version: i64) {
        self.accepted.insert(document.to_owned(), version);
        if let Some(versions) = self.rows.get_mut(document) {
            versions.retain(|&dead, _| dead >= version);
        }
    }

    /// What became of the newest accepted version of a document so far.
    pub(super) fn keep(&mut self, receipt: Receipt) {
        self.receipts.insert(receipt.document.clone(), receipt);
    }

    /// What became of this version of a document, if it is the newest and dead rows of it waited.
    pub(super) fn receipt(&self, document: &str, version: i64) -> Option<&Receipt> {
        self.receipts.get(document).filter(|receipt| receipt.version == version)
    }

    /// A dead row came to its end.
    pub(super) fn settled(&mut self, document: &str, version: i64, position: Position) {
        if let Some(rows) = self.rows.get_mut(document).and_then(|versions| versions.get_mut(&version)) {
            rows.remove(&position);
        }
    }

    /// True if a newer version than this was accepted.
    pub(super) fn is_superseded(&self, document: &str, version: i64) -> bool {
        self.accepted.get(document).is_some_and(|&accepted| accepted > version)
    }

    /// True if rows of this version other than these still wait.
    pub(super) fn others_wait(&self, document: &str, version: i64, but: &BTreeSet<Position>) -> bool {
        let rows = self.rows.get(document).and_then(|versions| versions.get(&version));
        rows.is_some_and(|rows| !rows.is_subset(but))
    }

    /// Dead rows of this version that stand at or after `from`, or in an earlier record of it: of an earlier reading, if
    /// the reading that goes on has come so far.
    pub(super) fn read_before(&self, document: &str, version: i64, from: Position) -> BTreeSet<Position> {
        let rows = self.rows.get(document).and_then(|versions| versions.get(&version));
        let earlier = |&&(offset, row): &&Position| offset < from.0 || (offset == from.0 && row >= from.1);
        rows.map(|rows| rows.iter().filter(earlier).copied().collect()).unwrap_or_default()
    }

    /// True if dead rows of versions before this one wait.
    pub(super) fn has_earlier(&self, document: &str, version: i64) -> bool {
        let versions = self.rows.get(document);
        versions.is_some_and(|versions| versions.range(..version).any(|(_, rows)| !rows.is_empty()))
    }
}

/// The open dead letters of versions of a document before this one, and those of these rows of it.
///
/// # Errors
/// If the log cannot be read.
pub(super) fn superseded_letters(
    context: &TaskContext,
    document: &str,
    version: i64,
    rows: &BTreeSet<Position>,
) -> Result<Vec<DeadLetter>, LogError> {
    let (parts, partition) = (&context.parts, context.input.partition);
    let identity = context.input.identity.to_string();
    let of_rows = |letter: &DeadLetter| {
        letter.version == version
            && letter.partition == partition
            && letter.identity() == identity
            && rows.contains(&(letter.offset, letter.row))
    };
    letters::chosen(context.shared.log.as_ref(), &parts.topology, |letter, word| {
        let ours = word.is_none() && *letter.flow == *parts.flow && letter.document == document;
        ours && (letter.version < version || of_rows(letter))
    })
}

/// The open dead letters of a task's records from `offset` on, by offset, and those that were given up: of an earlier
/// reading, after which a person sent the flow back.
///
/// # Errors
/// If the log cannot be read.
pub(super) fn letters_ahead(
    context: &TaskContext,
    offset: i64,
) -> Result<(BTreeMap<i64, DeadLetter>, GivenUp), LogError> {
    let (parts, input) = (&context.parts, &context.input);
    let identity = input.identity.to_string();
    let mut given_up = GivenUp::default();
    let ahead = letters::chosen(context.shared.log.as_ref(), &parts.topology, |letter, word| {
        let ours = *letter.flow == *parts.flow && letter.partition == input.partition && letter.identity() == identity;
        let ours = ours && letter.offset >= offset;
        if ours && word == Some(Mark::GivenUp.word()) {
            given_up.add(letter);
        }
        ours && word.is_none()
    })?;
    Ok((ahead.into_iter().map(|letter| (letter.offset, letter)).collect(), given_up))
}

#[cfg(test)]
mod tests {
    use super::Unsettled;
    use std::collections::BTreeSet;

    #[test]
    fn rows_of_a_version_wait_until_they_are_settled_or_a_newer_one_is_accepted() {
        let mut known = Unsettled::default();
        known.dead("d", 1, (4, 0));
        known.dead("d", 2, (5, 1));
        known.dead("d", 2, (5, 2));
        assert!(known.has_earlier("d", 2) && !known.has_earlier("d", 1));
        known.accepted("d", 2);
        assert!(!known.has_earlier("d", 2) && known.is_superseded("d", 1) && !known.is_superseded("d", 2));
        let these: BTreeSet<_> = [(5, 1)].into();
        assert!(known.others_wait("d", 2, &these));
        // Read again from its second row on; or whole, from a record of its own.
        assert_eq!(known.read_before("d", 2, (5, 2)), [(5, 2)].into());
        assert_eq!(known.read_before("d", 2, (7, 0)), [(5, 1), (5, 2)].into());
        assert_eq!(known.read_before("d", 2, (5, 3)), BTreeSet::new());
        known.settled("d", 2, (5, 2));
        assert!(!known.others_wait("d", 2, &these));
    }
}
