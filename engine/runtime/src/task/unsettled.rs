//! What a task of documents knows of its dead rows: while rows of a version wait, nothing of earlier versions is
//! withdrawn; when a newer version is accepted, those of earlier ones are closed. And what a person gave up: it stays so
//! when the same row is read again, by a later generation of the flow too.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use log::LogError;
use xxhash_rust::xxh3::xxh3_128;

use super::TaskContext;
use crate::dead_letter::{DeadLetter, Mark};
use crate::ledger::{Receipt, receipts};
use crate::letters::{self, DeadLetters};
use crate::{names, rebuilds, retry};

/// Why rows are dropped that a person gave up: the word in counts.
pub(super) const GIVEN_UP: &str = "given up";

/// Position of a row: offset of the document's record, number of the row.
pub(super) type Position = (i64, i64);

/// Dead letters that a person gave up, of rows that are read again: of a document by the numbers of its rows, of a topic
/// by the offsets of its records.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    letters: BTreeMap<i64, Vec<DeadLetter>>,
    /// Those of the rows that failed again. A range may be gathered more than once before it is closed.
    failed: BTreeSet<i64>,
}

impl GivenUp {
    fn add(&mut self, row: i64, letter: &DeadLetter) {
        self.letters.entry(row).or_default().push(letter.clone());
    }

    /// Takes out the letters of rows that were given up: they stay so. Gives how many those are. `row` is what tells
    /// rows apart here; a topology that counts them in another way must not give up another row, so the bytes are
    /// compared.
    pub(super) fn take_out(&mut self, dead: &mut Vec<DeadLetter>, row: impl Fn(&DeadLetter) -> i64) -> u64 {
        let before = dead.len();
        dead.retain(|letter| {
            let given_up = self.letters.get(&row(letter)).into_iter().flatten();
            // A generation of before may have failed it for what this one does not do.
            let alike = |given_up: &DeadLetter| {
                given_up.flow == letter.flow || (given_up.code == letter.code && given_up.field == letter.field)
            };
            let stays = given_up.into_iter().any(|given_up| given_up.bytes == letter.bytes && alike(given_up));
            if stays {
                self.failed.insert(row(letter));
            }
            !stays
        });
        (before - dead.len()) as u64
    }

    /// The letters of rows before `next`, which a range closes now, whose row did not fail this time. `dead` are the
    /// rows of the range that failed in another way.
    pub(super) fn passed(&mut self, next: i64, dead: &BTreeSet<i64>) -> Vec<DeadLetter> {
        let later = self.letters.split_off(&next);
        let closed = std::mem::replace(&mut self.letters, later).into_iter();
        closed.filter(|(row, _)| !self.failed.contains(row) && !dead.contains(row)).flat_map(|(_, of)| of).collect()
    }
}

/// Dead rows by document and version, and the newest accepted version of each document, of one partition.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    rows: HashMap<String, BTreeMap<i64, BTreeSet<Position>>>,
    accepted: HashMap<String, i64>,
    /// Receipts of the newest accepted versions, of documents whose dead rows wait.
    receipts: HashMap<String, Receipt>,
    /// Records from the committed position on of which rows were given up at an earlier reading.
    given_up: BTreeSet<i64>,
    /// Refused documents that were given up: document, content and why it was refused.
    refusals: HashSet<(String, String, String)>,
    /// The newest version of each document of which no row waits in the generation before this one: nothing of earlier
    /// versions is in the live table.
    whole_before: HashMap<String, i64>,
    /// Accepted versions that had dead rows, by the hash of their document and content.
    contents: HashMap<u128, Vec<i64>>,
}

/// What a person gave up of a document.
fn refusal(receipt: &Receipt) -> (String, String, String) {
    (receipt.document.clone(), receipt.sha256.clone(), receipt.code.clone())
}

/// Stands for a document with this content.
fn content(document: &str, sha256: &str) -> u128 {
    xxh3_128(format!("{sha256} {document}").as_bytes())
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
        // A later generation reads what those before it have read.
        let mut again = names::generation(&parts.flow) > 1;
        for entry in crate::ledger::ledger_of(log, &parts.topology, &parts.flow, input.partition)? {
            again |= !entry.replayed && entry.last.0 >= next;
            let of_entry = || entry.receipt.iter().chain(&entry.amended);
            of_entry().for_each(|receipt| known.gave_up(receipt));
            for receipt in of_entry().filter(|receipt| receipt.accepted()).cloned() {
                known.accepted.insert(receipt.document.clone(), receipt.version);
                known.had_dead(&receipt);
                known.keep(receipt);
            }
        }
        let (first, own) = (names::first(&parts.flow), names::generation(&parts.flow));
        // What readers have is asked only where there is more than the first generation.
        let live = if own > 1 { rebuilds::live(log, &format!("{}/{first}", parts.topology))? } else { own };
        for before in names::generations_before(&parts.flow) {
            // One that was taken back before it began has none.
            if log.topic(&names::ledger(&parts.topology, &before))?.is_none() {
                continue;
            }
            let receipts = receipts(crate::ledger::ledger_of(log, &parts.topology, &before, input.partition)?);
            receipts.iter().for_each(|receipt| known.gave_up(receipt));
            let whole = |receipt: &Receipt| {
                names::generation(&before) == live && receipt.accepted() && receipt.counts.dead == 0
            };
            let whole = receipts.into_iter().filter(whole);
            known.whole_before.extend(whole.map(|receipt| (receipt.document, receipt.version)));
        }
        let topic = names::retry(&parts.topology, &parts.flow);
        let waiting: BTreeSet<Position> =
            retry::waiting(log, &topic, input.partition, retry_from)?.into_iter().collect();
        let identity = input.identity.to_string();
        DeadLetters::read(log, &parts.topology)?.each(
            log,
            |word| word.is_none() || !waiting.is_empty() || (again && word == Some(Mark::GivenUp.word())),
            |letter, word| {
                let here = letter.partition == input.partition && letter.identity() == identity;
                let ours = here && *letter.flow == *parts.flow;
                let position = (letter.offset, letter.row);
                if ours && (word.is_none() || waiting.contains(&position)) {
                    known.dead(&letter.document, letter.version, position);
                }
                // Also while the flow has yet to hear of it.
                let given_up = here && word == Some(Mark::GivenUp.word()) && is_of_generations(&letter, &parts.flow);
                if given_up && letter.offset >= next {
                    known.given_up.insert(letter.offset);
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

    /// Notes a document that was refused and given up.
    pub(super) fn gave_up(&mut self, receipt: &Receipt) {
        if receipt.given_up() {
            self.refusals.insert(refusal(receipt));
        }
    }

    /// The receipt of a document that is read now: given up where the same bytes were, for the same reason.
    pub(super) fn judged(&self, receipt: Receipt) -> Receipt {
        let at = receipt.at;
        match receipt.refused() && self.refusals.contains(&refusal(&receipt)) {
            true => receipt.after_giving_up(at),
            false => receipt,
        }
    }

    /// Notes an accepted version if rows of it were dead, whatever became of them.
    pub(super) fn had_dead(&mut self, receipt: &Receipt) {
        let had = receipt.counts.dead > 0 || receipt.counts.dropped.contains_key(GIVEN_UP);
        if had && !receipt.sha256.is_empty() {
            let versions = self.contents.entry(content(&receipt.document, &receipt.sha256)).or_default();
            if !versions.contains(&receipt.version) {
                versions.push(receipt.version);
            }
        }
    }

    /// Whose dead letters say what is known already of the rows of a document that is read now.
    pub(super) fn known_letters(&self, of: &Reading<'_>) -> KnownLetters {
        let Reading { document, version, sha256, from } = *of;
        let alike = self.contents.get(&content(document, sha256)).into_iter().flatten();
        KnownLetters {
            read_before: self.read_before(document, version, from),
            alike: alike.copied().filter(|&earlier| earlier < version).collect(),
            superseded: self.has_earlier(document, version),
            given_up: self.given_up.contains(&from.0),
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

    /// True if no reader of the live table sees rows of versions before this one, though rows of it fail by this generation.
    pub(super) fn is_whole_in_the_live_table(&self, document: &str, version: i64) -> bool {
        self.whole_before.get(document).is_some_and(|&whole| whole >= version)
    }

    /// Dead rows of this version that stand at or after `from`, or in an earlier record of it: of an earlier reading, if
    /// the reading that goes on has come so far.
    fn read_before(&self, document: &str, version: i64, from: Position) -> BTreeSet<Position> {
        let rows = self.rows.get(document).and_then(|versions| versions.get(&version));
        let earlier = |&&(offset, row): &&Position| offset < from.0 || (offset == from.0 && row >= from.1);
        rows.map(|rows| rows.iter().filter(earlier).copied().collect()).unwrap_or_default()
    }

    /// True if dead rows of versions before this one wait.
    fn has_earlier(&self, document: &str, version: i64) -> bool {
        let versions = self.rows.get(document);
        versions.is_some_and(|versions| versions.range(..version).any(|(_, rows)| !rows.is_empty()))
    }
}

/// A document that is read now.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) document: &'a str,
    pub(super) version: i64,
    pub(super) sha256: &'a str,
    /// Its first row that no range has closed.
    pub(super) from: Position,
}

/// Whose dead letters are to be looked up for a document that is read now.
#[derive(Debug)]
pub(super) struct KnownLetters {
    /// Dead rows of earlier readings of this version.
    pub(super) read_before: BTreeSet<Position>,
    /// Earlier versions with the same bytes, that had dead rows: the publisher, or a folder, went back to them.
    alike: Vec<i64>,
    /// True if dead rows of earlier versions wait.
    superseded: bool,
    /// True if rows of the document's own record were given up.
    given_up: bool,
}

impl KnownLetters {
    /// The open dead letters of versions of the document before this one, and those of the rows of it that were read
    /// before; and what was given up of the rows that are read now. One look through all letters, if there is a reason.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(super) fn find(&self, context: &TaskContext, of: &Reading<'_>) -> Result<(Vec<DeadLetter>, GivenUp), LogError> {
        let mut given_up = GivenUp::default();
        if self.read_before.is_empty() && self.alike.is_empty() && !self.superseded && !self.given_up {
            return Ok((Vec::new(), given_up));
        }
        let (parts, partition) = (&context.parts, context.input.partition);
        let identity = context.input.identity.to_string();
        let superseded = letters::chosen(context.shared.log.as_ref(), &parts.topology, |letter, word| {
            if !is_of_generations(letter, &parts.flow) || letter.document != of.document {
                return false;
            }
            let here = letter.partition == partition && letter.identity() == identity;
            let same_row = letter.offset == of.from.0 || self.alike.contains(&letter.version);
            if here && same_row && letter.row >= of.from.1 && word == Some(Mark::GivenUp.word()) {
                given_up.add(letter.row, letter);
            }
            let read_before = self.read_before.contains(&(letter.offset, letter.row));
            let of_rows = letter.version == of.version && here && read_before;
            *letter.flow == *parts.flow && word.is_none() && (letter.version < of.version || of_rows)
        })?;
        Ok((superseded, given_up))
    }
}

/// True if a letter is of this generation of a flow, or of one before it, which read the same input: what a person gave up
/// there stays so. A letter whose row passes here is superseded, also where the rebuild is taken back later: then the row
/// is an open dead letter when it fails again, and nothing is dropped in silence.
fn is_of_generations(letter: &DeadLetter, flow: &str) -> bool {
    names::first(&letter.flow) == names::first(flow) && names::generation(&letter.flow) <= names::generation(flow)
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
        let here = letter.partition == input.partition && letter.identity() == identity && letter.offset >= offset;
        if here && word == Some(Mark::GivenUp.word()) && is_of_generations(letter, &parts.flow) {
            given_up.add(letter.offset, letter);
        }
        here && *letter.flow == *parts.flow && word.is_none()
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
