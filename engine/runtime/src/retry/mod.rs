//! Retries: dead letters on their way back to the flow that failed.
//!
//! The mark that a dead letter was replayed and its retry record are one transaction. A retry record goes to the
//! partition of the flow's retry topic that the row failed in, so that the task of its order and state gets it. It
//! carries where the row stood and when that record arrived; the row keeps both.
//!
//! A document that was refused has no dead letters. That it is given up is a retry record too, without rows: the task of
//! its order writes down what became of it.
//!
//! For rows of a document there is one record for each document, without a value: their bytes are read again from the
//! raw store. For a record of a topic the retry record has its key, value and headers.
//!
//! There may be more dead letters than fit into memory. So they go in parts, each one transaction: who is killed in
//! between finds some sent and the others open.

mod part;
mod rework;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use batch::{Headers, Record, Records, RecordsBuilder};
use connect::RowPosition;
use log::{Log, LogError, Transaction, Written};
use serde::{Deserialize, Serialize};

use crate::dead_letter::{DeadLetter, Mark};
use crate::end::TaskEnd;
use crate::letters::DeadLetters;
use crate::names;
use crate::system::SystemTopics;

pub use part::Part;
pub(crate) use rework::{EQUAL_AGAIN, Rework, Reworked};
pub use trial::{Trial, TrialReader, TrialResult};

/// Name of the header that carries a [`Retry`].
const HEADER: &str = "spotlight.retry";

/// Rows of one document in one retry record. Larger: fewer records; smaller: less to do again after a crash.
const ROWS_IN_RECORD: usize = 10_000;
/// Bytes of those rows. Larger: the document is read less often. Smaller: less memory while they come back.
const BYTES_IN_RECORD: usize = 32 * 1024 * 1024;

/// What is to be done with dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryAction {
    /// Their rows go through the flow again.
    Replay,
    /// They are not wanted any more.
    GiveUp,
}

impl RetryAction {
    fn mark(self) -> Mark {
        match self {
            Self::Replay => Mark::Replayed,
            Self::GiveUp => Mark::GivenUp,
        }
    }
}

/// Dead letters of one input record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// What is to be done.
    pub action: RetryAction,
    /// Identity of the topic that the record stood in.
    pub topic: String,
    /// Its offset.
    pub offset: i64,
    /// When it arrived, in milliseconds since 1970 UTC.
    pub arrival: i64,
    /// The rows of the record, by number.
    pub rows: BTreeMap<i64, RetryRow>,
    /// Key and version of a refused document that is given up whole; then there are no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<(String, i64)>,
}

/// One dead row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRow {
    /// How often it failed.
    pub attempt: u32,
    /// When it failed first, in milliseconds since 1970 UTC.
    pub first_failed: i64,
    /// Hash of its bytes: a topology that counts rows in another way must not replay another row.
    pub bytes: String,
}

impl RetryRow {
    /// The hash of a row's bytes.
    #[must_use]
    pub fn hash(bytes: &[u8]) -> String {
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes))
    }
}

impl Retry {
    /// Reads the header of a retry record.
    #[must_use]
    pub fn read(record: &Record<'_>) -> Option<Self> {
        let headers = Headers::decode(record.headers)?;
        let header = headers.iter().find(|header| header.name == HEADER)?;
        serde_json::from_slice(&header.value).ok()
    }

    /// The record of a topic as it was, alone in a block.
    #[must_use]
    pub fn original(&self, record: &Record<'_>) -> Records {
        let mut headers = Headers::new();
        for header in Headers::decode(record.headers).unwrap_or_default() {
            if header.name != HEADER {
                headers.push(&header.name, &header.value);
            }
        }
        let mut builder = RecordsBuilder::new();
        builder.push(record.key, record.value, &headers, self.arrival);
        let mut records = builder.finish();
        records.base_offset = self.offset;
        records
    }

    /// Where its rows stood.
    pub fn positions(&self) -> impl Iterator<Item = RowPosition> {
        self.rows.keys().map(|&row| RowPosition { offset: self.offset, row })
    }

    /// Marks a letter that failed again as the later attempt that it is.
    pub fn again(&self, letter: &mut DeadLetter) {
        if let Some(row) = self.rows.get(&letter.row) {
            letter.attempt = row.attempt + 1;
            letter.first_failed = row.first_failed;
        }
    }
}

/// Sends open dead letters of one topology back to their flows, or gives them up: marks and retry records, in one
/// transaction. Says how many went; letters whose input topic is another one now stay open.
///
/// # Errors
/// If the log refuses; then nothing was changed.
pub fn send_back(
    log: &dyn Log,
    system: &SystemTopics,
    letters: &[DeadLetter],
    action: RetryAction,
) -> Result<u64, TaskEnd> {
    let mut groups: BTreeMap<(&str, &str, i32, i64), Vec<&DeadLetter>> = BTreeMap::new();
    for letter in letters {
        let state = log.topic(&letter.topic)?;
        if state.is_some_and(|state| state.identity.to_string() == letter.identity()) {
            let group = (&*letter.topology, &*letter.flow, letter.partition, letter.offset);
            groups.entry(group).or_default().push(letter);
        }
    }
    for letters in groups.values() {
        let settings = settings(log, letters[0])?;
        log.ensure_topic(&settings)?;
    }
    let mut transaction = log.begin();
    let to = transaction.as_mut();
    let mut sent = 0;
    for ((topology, flow, partition, _), letters) in groups {
        for letters in for_one_record(&letters, ROWS_IN_RECORD, BYTES_IN_RECORD) {
            let topic = names::retry(topology, flow);
            to.append(Written { topic, partition, records: record(letters, action) })?;
            settle(system, letters.iter().copied(), action.mark(), to)?;
            sent += letters.len() as u64;
        }
    }
    transaction.commit()?;
    Ok(sent)
}

/// Gives up refused documents of a flow, as the log knows it: partition of its documents, key and version of each.
///
/// # Errors
/// If the log refuses; then nothing was changed.
pub fn give_up_documents(
    log: &dyn Log,
    (topology, flow): (&str, &str),
    documents: &[(i32, String, i64)],
) -> Result<(), TaskEnd> {
    let (of, name) = (names::documents(topology, flow), names::retry(topology, flow));
    let Some(state) = log.topic(&of)?.filter(|_| !documents.is_empty()) else { return Ok(()) };
    log.ensure_topic(&log::TopicSettings { name: Arc::clone(&name), partitions: state.partitions })?;
    let mut transaction = log.begin();
    for (partition, key, version) in documents {
        let retry = Retry {
            action: RetryAction::GiveUp,
            topic: state.identity.to_string(),
            offset: 0,
            arrival: 0,
            rows: BTreeMap::new(),
            document: Some((key.clone(), *version)),
        };
        let (mut headers, mut records) = (Headers::new(), RecordsBuilder::new());
        headers.push(HEADER, &serde_json::to_vec(&retry).map_err(TaskEnd::fault)?);
        records.push(Some(key.as_bytes()), None, &headers, 0);
        transaction.append(Written { topic: Arc::clone(&name), partition: *partition, records: records.finish() })?;
    }
    Ok(transaction.commit().map(drop)?)
}

/// What was done with chosen dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentBack {
    /// Open ones that were chosen.
    pub chosen: u64,
    /// Those of them that went.
    pub sent: u64,
}

/// Sends the chosen ones among the open dead letters of a topology back, or gives them up: part by part, as
/// [`send_back`] does with each.
///
/// # Errors
/// If the log refuses; then the parts before have gone.
pub fn send_back_chosen(
    log: &dyn Log,
    system: &SystemTopics,
    topology: &str,
    mut choose: impl FnMut(&DeadLetter) -> bool,
    action: RetryAction,
) -> Result<SentBack, TaskEnd> {
    let (mut part, mut done) = (Part::default(), SentBack::default());
    let mut send = |letters: Vec<DeadLetter>| -> Result<(), TaskEnd> {
        done.chosen += letters.len() as u64;
        done.sent += send_back(log, system, &letters, action)?;
        Ok(())
    };
    DeadLetters::read(log, topology)?.each_open(log, |letter| match choose(&letter) {
        true => part.add(letter).map_or(Ok(()), &mut send),
        false => Ok(()),
    })?;
    send(part.rest())?;
    Ok(done)
}

/// Closes the open dead letters of a flow, as the log knows it, for which another generation has read the same input. Says
/// how many there were.
///
/// # Errors
/// If the log refuses; then the parts before are closed.
pub fn supersede(log: &dyn Log, system: &SystemTopics, topology: &str, flow: &str) -> Result<u64, TaskEnd> {
    let (mut part, mut closed) = (Part::default(), 0);
    let mut close = |letters: Vec<DeadLetter>| -> Result<(), TaskEnd> {
        closed += letters.len() as u64;
        let mut transaction = log.begin();
        settle(system, letters.iter(), Mark::Superseded, transaction.as_mut())?;
        transaction.commit()?;
        Ok(())
    };
    DeadLetters::read(log, topology)?.each_open(log, |letter| match letter.flow == flow {
        true => part.add(letter).map_or(Ok(()), &mut close),
        false => Ok(()),
    })?;
    close(part.rest())?;
    Ok(closed)
}

/// Cuts letters of one input record into as many as come back together: at least one, and no more than so many rows and
/// bytes.
fn for_one_record<'a, 'b>(letters: &'a [&'b DeadLetter], rows: usize, bytes: usize) -> Vec<&'a [&'b DeadLetter]> {
    let (mut parts, mut first, mut taken) = (Vec::new(), 0, 0);
    for (index, letter) in letters.iter().enumerate() {
        if index > first && (index - first >= rows || taken + letter.bytes.len() > bytes) {
            parts.push(&letters[first..index]);
            (first, taken) = (index, 0);
        }
        taken += letter.bytes.len();
    }
    parts.extend((first < letters.len()).then(|| &letters[first..]));
    parts
}

/// Writes what became of dead letters of one topology.
pub(crate) fn settle<'a>(
    system: &SystemTopics,
    letters: impl Iterator<Item = &'a DeadLetter>,
    mark: Mark,
    to: &mut dyn Transaction,
) -> Result<(), TaskEnd> {
    let letters: Vec<DeadLetter> = letters.cloned().collect();
    let Some(first) = letters.first() else {
        return Ok(());
    };
    let mut marks = RecordsBuilder::new();
    letters.iter().for_each(|letter| DeadLetter::write_mark(&letter.id, mark, &mut marks));
    to.append(Written { topic: names::dead_letters(&first.topology), partition: 0, records: marks.finish() })?;
    system.write_dead_letters(&letters, mark.word(), to)
}

fn settings(log: &dyn Log, letter: &DeadLetter) -> Result<log::TopicSettings, LogError> {
    let partitions = log.topic(&letter.topic)?.map_or(1, |state| state.partitions);
    Ok(log::TopicSettings { name: names::retry(&letter.topology, &letter.flow), partitions })
}

/// The retry record of dead letters of one input record.
fn record(letters: &[&DeadLetter], action: RetryAction) -> Records {
    let first = letters[0];
    let row = |letter: &&DeadLetter| {
        let row = RetryRow {
            attempt: letter.attempt,
            first_failed: letter.first_failed,
            bytes: RetryRow::hash(&letter.bytes),
        };
        (letter.row, row)
    };
    let retry = Retry {
        action,
        topic: first.identity().to_owned(),
        offset: first.offset,
        arrival: first.arrival,
        rows: letters.iter().map(row).collect(),
        document: None,
    };
    let mut headers = Headers::new();
    for header in Headers::decode(&first.headers).unwrap_or_default() {
        headers.push(&header.name, &header.value);
    }
    headers.push(HEADER, &serde_json::to_vec(&retry).unwrap_or_default());
    let of_document = first.topic == *names::documents(&first.topology, &first.flow);
    let mut builder = RecordsBuilder::new();
    match of_document {
        true => builder.push(Some(first.document.as_bytes()), None, &headers, 0),
        false => builder.push(first.key.as_deref(), first.value(), &headers, 0),
    }
    builder.finish()
}

/// The rows of a flow's partition that are on their way back, and whose end is not closed: their positions in its input.
///
/// # Errors
/// If the log cannot be read.
pub fn waiting_rows(log: &dyn Log, topology: &str, flow: &str, partition: i32) -> Result<Vec<(i64, i64)>, LogError> {
    let topic = names::retry(topology, flow);
    if log.topic(&topic)?.is_none() {
        return Ok(Vec::new());
    }
    let position = log.position(&names::group(topology, flow), &topic, partition)?;
    waiting(log, &topic, partition, position.map_or(0, |position| position.offset))
}

/// The rows of an input record of a flow that have not landed: their dead letters are open, on their way back, or given
/// up. `at` is the identity of its topic, its partition and its offset.
///
/// # Errors
/// If the log cannot be read.
pub(crate) fn not_landed(
    log: &dyn Log,
    (topology, flow): (&str, &str),
    at: (&str, i32, i64),
) -> Result<BTreeSet<i64>, LogError> {
    let waiting = waiting_rows(log, topology, flow, at.1)?;
    let mut rows: BTreeSet<i64> =
        waiting.into_iter().filter(|(offset, _)| *offset == at.2).map(|(_, row)| row).collect();
    DeadLetters::read(log, topology)?.each(
        log,
        |word| word.is_none() || word == Some(Mark::GivenUp.word()),
        |letter, _| {
            if letter.flow == flow && (letter.identity(), letter.partition, letter.offset) == at {
                rows.insert(letter.row);
            }
            Ok::<_, LogError>(())
        },
    )?;
    Ok(rows)
}

/// The rows that wait in a partition of a retry topic, from `offset` on: their positions in the flow's input.
///
/// # Errors
/// If the log cannot be read.
pub(crate) fn waiting(
    log: &dyn Log,
    topic: &Arc<str>,
    partition: i32,
    mut offset: i64,
) -> Result<Vec<(i64, i64)>, LogError> {
    let mut rows = Vec::new();
    loop {
        let blocks = log.read(topic, partition, offset, 8 * 1024 * 1024)?;
        let Some(last) = blocks.last() else {
            return Ok(rows);
        };
        offset = last.next_offset();
        for retry in blocks.iter().flat_map(Records::iter).filter_map(|record| Retry::read(&record)) {
            rows.extend(retry.rows.keys().map(|&row| (retry.offset, row)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::for_one_record;
    use crate::dead_letter::DeadLetter;

    #[test]
    fn letters_come_back_by_rows_and_by_bytes() {
        let letter = |bytes: usize| DeadLetter { bytes: vec![0; bytes], ..DeadLetter::default() };
        let cases: [(&[usize], &[usize]); 6] = [
            (&[], &[]),
            (&[500], &[1]),
            (&[1, 1, 1, 1], &[3, 1]),
            (&[60, 40, 1], &[2, 1]),
            (&[101, 101], &[1, 1]),
            (&[0, 200, 0], &[1, 1, 1]),
        ];
        for (bytes, wanted) in cases {
            let letters: Vec<DeadLetter> = bytes.iter().map(|&bytes| letter(bytes)).collect();
            let letters: Vec<&DeadLetter> = letters.iter().collect();
            let parts = for_one_record(&letters, 3, 100);
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), wanted, "{bytes:?}");
            assert_eq!(parts.concat().len(), letters.len());
        }
    }
}
