//! Reads the dead letters of a topology one by one.
//!
//! There may be more of them than fit into memory. So a first reading notes which record says the last word of each
//! letter, 16 bytes a letter, and what comes after it hands over letter after letter, in the order in which they failed
//! last. What is written to the topic in between is not seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use batch::{Headers, Record, Records};
use log::{Log, LogError};
use xxhash_rust::xxh3::xxh3_128;

use crate::dead_letter::{DeadLetter, DeadLetterRecord, ID_HEADER, MARK_HEADER};
use crate::names;

/// Bytes of one reading of a dead-letter topic.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// Which dead letters a topology has, without what is in them.
#[derive(Debug)]
pub struct DeadLetters {
    topic: Arc<str>,
    /// Offset of the record of each, as it failed last, in order; and which word was said of it since.
    newest: Vec<(i64, Option<u16>)>,
    /// Words that say what became of a letter.
    words: Vec<String>,
}

impl DeadLetters {
    /// Finds all dead letters of a topology.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn read(log: &dyn Log, topology: &str) -> Result<Self, LogError> {
        let topic = names::dead_letters(topology);
        let mut words: Vec<String> = Vec::new();
        let mut known: HashMap<u128, (i64, Option<u16>)> = HashMap::new();
        each_record(log, &topic, 0, &mut |record| {
            let Some((id, mark)) = id_and_mark(record) else { return };
            match mark {
                None => {
                    known.insert(id, (record.offset, None));
                }
                Some(mark) => {
                    if let Some(letter) = known.get_mut(&id) {
                        let word = words.iter().position(|word| *word == mark).unwrap_or_else(|| {
                            words.push(mark);
                            words.len() - 1
                        });
                        letter.1 = u16::try_from(word).ok();
                    }
                }
            }
        })?;
        let mut newest: Vec<_> = known.into_values().collect();
        newest.sort_unstable();
        Ok(Self { topic, newest, words })
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.newest.iter().filter(|(_, word)| word.is_none()).count() as u64
    }

    /// Hands over each letter of which the word is wanted that says what became of it (`None`: it is open), until
    /// `take` fails.
    ///
    /// # Errors
    /// If the log cannot be read, or `take` fails.
    pub fn each<Error: From<LogError>>(
        &self,
        log: &dyn Log,
        wanted: impl Fn(Option<&str>) -> bool,
        mut take: impl FnMut(DeadLetter, Option<&str>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let word = |word: &Option<u16>| word.and_then(|word| self.words.get(usize::from(word))).map(String::as_str);
        let mut left = self.newest.iter().filter(|(_, of)| wanted(word(of))).peekable();
        while let Some((from, _)) = left.peek() {
            let blocks = log.read(&self.topic, 0, *from, READ_BYTES)?;
            let Some(last) = blocks.last() else { break };
            let end = last.next_offset();
            let mut records = blocks.iter().flat_map(Records::iter);
            while let Some((at, of)) = left.next_if(|(at, _)| *at < end) {
                let record = records.find(|record| record.offset == *at);
                if let Some(DeadLetterRecord::Letter(letter)) =
                    record.and_then(|record| DeadLetterRecord::read(&record))
                {
                    take(*letter, word(of))?;
                }
            }
        }
        Ok(())
    }

    /// Hands over each open letter.
    ///
    /// # Errors
    /// As [`DeadLetters::each`].
    pub fn each_open<Error: From<LogError>>(
        &self,
        log: &dyn Log,
        mut take: impl FnMut(DeadLetter) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.each(log, |word| word.is_none(), |letter, _| take(letter))
    }
}

/// The open dead letters of a topology, for who looks again and again: each look reads only what came since the last.
#[derive(Debug)]
pub struct OpenLetters {
    topic: Arc<str>,
    next: i64,
    /// Flow and time of failure of each that is open.
    open: HashMap<u128, (Arc<str>, i64)>,
    flows: BTreeSet<Arc<str>>,
}

impl OpenLetters {
    /// Of a topology; nothing is read yet.
    #[must_use]
    pub fn of(topology: &str) -> Self {
        let (open, flows) = (HashMap::new(), BTreeSet::new());
        Self { topic: names::dead_letters(topology), next: 0, open, flows }
    }

    /// Reads what was said since.
    ///
    /// # Errors
    /// If the log cannot be read. What was read until then counts.
    pub fn catch_up(&mut self, log: &dyn Log) -> Result<(), LogError> {
        let Self { topic, next, open, flows } = self;
        let from = *next;
        each_record(log, topic, from, &mut |record| {
            *next = record.offset + 1;
            let Some((id, mark, flow)) = id_mark_and_flow(record) else { return };
            if mark.is_some() {
                open.remove(&id);
                return;
            }
            let flow = match flows.get(&*flow) {
                Some(flow) => Arc::clone(flow),
                None => {
                    let flow: Arc<str> = flow.into();
                    flows.insert(Arc::clone(&flow));
                    flow
                }
            };
            open.insert(id, (flow, record.arrival));
        })
    }

    /// How many are open of each flow that ever had one, by its name as the log knows it (without the topology), and when
    /// the oldest failed, in milliseconds since 1970 UTC.
    #[must_use]
    pub fn by_flow(&self) -> BTreeMap<Arc<str>, (u64, Option<i64>)> {
        let mut by_flow: BTreeMap<_, (u64, Option<i64>)> =
            self.flows.iter().map(|flow| (Arc::clone(flow), (0, None))).collect();
        for (flow, at) in self.open.values() {
            let (count, oldest) = by_flow.entry(Arc::clone(flow)).or_default();
            *count += 1;
            *oldest = Some(oldest.map_or(*at, |oldest| oldest.min(*at)));
        }
        by_flow
    }
}

/// The letters among all of a topology that are chosen, each with the word that says what became of it.
///
/// # Errors
/// If the log cannot be read.
pub(crate) fn chosen(
    log: &dyn Log,
    topology: &str,
    mut choose: impl FnMut(&DeadLetter, Option<&str>) -> bool,
) -> Result<Vec<DeadLetter>, LogError> {
    let mut found = Vec::new();
    DeadLetters::read(log, topology)?.each(
        log,
        |_| true,
        |letter, word| {
            if choose(&letter, word) {
                found.push(letter);
            }
            Ok::<_, LogError>(())
        },
    )?;
    Ok(found)
}

/// All dead letters of a topology by id, each with the word of what became of it; `None` if it is open. For tests and
/// for topologies that are known to be small: all of them are in memory.
///
/// # Errors
/// If the log cannot be read.
pub fn dead_letters(log: &dyn Log, topology: &str) -> Result<BTreeMap<String, (DeadLetter, Option<String>)>, LogError> {
    let mut letters = BTreeMap::new();
    DeadLetters::read(log, topology)?.each(
        log,
        |_| true,
        |letter, word| {
            letters.insert(letter.id.clone(), (letter, word.map(str::to_owned)));
            Ok::<_, LogError>(())
        },
    )?;
    Ok(letters)
}

fn each_record(log: &dyn Log, topic: &str, mut offset: i64, take: &mut dyn FnMut(&Record<'_>)) -> Result<(), LogError> {
    if log.topic(topic)?.is_none() {
        return Ok(());
    }
    loop {
        let blocks = log.read(topic, 0, offset, READ_BYTES)?;
        let Some(last) = blocks.last() else { return Ok(()) };
        offset = last.next_offset();
        blocks.iter().flat_map(Records::iter).for_each(|record| take(&record));
    }
}

/// Which letter a record is about, and the word that it says of it.
fn id_and_mark(record: &Record<'_>) -> Option<(u128, Option<String>)> {
    id_mark_and_flow(record).map(|(id, mark, _)| (id, mark))
}

/// The same, and the flow that the id names.
fn id_mark_and_flow(record: &Record<'_>) -> Option<(u128, Option<String>, String)> {
    let headers = Headers::decode(record.headers)?;
    // Ours begin with the id and stand behind those of the record, which may have such names too.
    let own = headers.iter().rposition(|header| header.name == ID_HEADER)?;
    let mark = headers[own..].iter().find(|header| header.name == MARK_HEADER);
    let mark = mark.map(|mark| String::from_utf8_lossy(&mark.value).into_owned());
    let flow = headers[own].value.split(|byte| *byte == b'/').nth(1).unwrap_or_default();
    Some((xxh3_128(&headers[own].value), mark, String::from_utf8_lossy(flow).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use batch::{Headers, RecordsBuilder};
    use log::memory::MemoryLog;
    use log::{Log, LogError, TopicSettings, Written};

    use super::{DeadLetters, dead_letters};
    use crate::dead_letter::{DeadLetter, Mark};
    use crate::names;

    /// A log with these dead letters and marks, each in a block of its own.
    fn log_of(said: &[(&str, Option<Mark>)]) -> MemoryLog {
        let log = MemoryLog::new(Arc::new(|| 1));
        let topic = names::dead_letters("feed");
        log.ensure_topic(&TopicSettings { name: Arc::clone(&topic), partitions: 1 }).expect("a topic");
        // The record that failed may have been a dead letter of others.
        let mut foreign = Headers::new();
        foreign.push("spotlight.dead.id", b"foreign");
        foreign.push("spotlight.dead.mark", b"given-up");
        for (number, (id, mark)) in said.iter().enumerate() {
            let mut records = RecordsBuilder::new();
            match mark {
                Some(mark) => DeadLetter::write_mark(id, *mark, &mut records),
                None => DeadLetter {
                    id: (*id).to_owned(),
                    attempt: u32::try_from(number).expect("few"),
                    bytes: vec![7; 3 * 1024 * 1024],
                    headers: foreign.as_bytes().to_vec(),
                    ..DeadLetter::default()
                }
                .write(&mut records),
            }
            let mut transaction = log.begin();
            let written = Written { topic: Arc::clone(&topic), partition: 0, records: records.finish() };
            transaction.append(written).expect("appended");
            transaction.commit().expect("committed");
        }
        log
    }

    #[test]
    fn each_letter_comes_once_as_it_failed_last_with_the_last_word_on_it() {
        let (replayed, given_up) = (Some(Mark::Replayed), Some(Mark::GivenUp));
        let said = [
            ("a", None),
            ("b", None),
            ("a", replayed),
            ("c", None),
            ("unknown", given_up),
            ("a", None),
            ("c", given_up),
            ("d", None),
            ("d", replayed),
        ];
        let log = log_of(&said);
        let letters = DeadLetters::read(&log, "feed").expect("read");
        let told = |wanted: fn(Option<&str>) -> bool| {
            let mut told = Vec::new();
            let take = |letter: DeadLetter, word: Option<&str>| {
                told.push((letter.id, letter.attempt, word.map(str::to_owned)));
                Ok::<_, LogError>(())
            };
            letters.each(&log, wanted, take).expect("read");
            told
        };
        let word = |word: &str| Some(word.to_owned());
        let all = [("b", 1, None), ("c", 3, word("given-up")), ("a", 5, None), ("d", 7, word("replayed"))];
        assert_eq!(told(|_| true), all.clone().map(|(id, attempt, word)| (id.to_owned(), attempt, word)));
        assert_eq!(told(|word| word.is_none()), [("b".to_owned(), 1, None), ("a".to_owned(), 5, None)]);
        assert_eq!(told(|word| word == Some("replayed")).len(), 1);
        assert_eq!(letters.open(), 2);
        assert_eq!(dead_letters(&log, "feed").expect("read").len(), 4);
        assert!(DeadLetters::read(&log, "other").expect("no such topic").newest.is_empty());
    }
}
