//! Dead letters: an input that could not be processed, kept whole with the reason.
//!
//! A dead letter is a record of the topology's dead-letter topic. Its key, value and headers are the original ones; for
//! a row of a document the document's key and the row's bytes as published. All else stands in further headers, named
//! `spotlight.dead.NAME`, beside the six `__streams.errors.*` headers of Kafka Streams (KIP-1034). They stand behind the
//! original ones, which may have such names too: the record may itself have been a dead letter of others. A record with
//! `spotlight.dead.mark` says what became of an earlier dead letter; see [`Mark`].

use std::collections::BTreeMap;
use std::sync::Arc;

use batch::{Failed, Headers, Input, Place, Record, RecordsBuilder};
use operators::{BadRecord, BadRow};
use serde::Serialize;

/// A dead letter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// `topology/flow/identity of the topic/partition/offset/row`: the same whenever the same row fails.
    pub id: String,
    /// Stable code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// Topology.
    pub topology: String,
    /// Its revision.
    pub revision: String,
    /// Flow.
    pub flow: String,
    /// Step that failed.
    pub step: String,
    /// Field that could not be made; empty if none is to blame.
    pub field: String,
    /// Input topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Offset of the record.
    pub offset: i64,
    /// Row within the record.
    pub row: i64,
    /// Arrival of the record, in milliseconds since 1970 UTC.
    pub arrival: i64,
    /// Document key; empty if the row stood in none.
    pub document: String,
    /// Version of the document.
    pub version: i64,
    /// Member of the archive.
    pub member: String,
    /// Line in the member.
    pub line: u64,
    /// How often it failed.
    pub attempt: u32,
    /// When it failed first, in milliseconds since 1970 UTC.
    pub first_failed: i64,
    /// What was read to make the field, by name; `None` is null. Short forms, safe to print.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Option<String>>,
    /// The original bytes.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// True if the record had no value at all.
    #[serde(skip)]
    pub tombstone: bool,
    /// The original key.
    #[serde(skip)]
    pub key: Option<Vec<u8>>,
    /// The original headers, encoded as [`Headers`] are.
    #[serde(skip)]
    pub headers: Vec<u8>,
}

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It went back to its flow. If it fails again it is open again.
    Replayed,
    /// A newer version of its document was accepted, or the same content was read again and the row did not fail; also
    /// if it was given up before.
    Superseded,
    /// A person said that it is not wanted.
    GivenUp,
}

impl Mark {
    /// The word that records and tables use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Superseded => "superseded",
            Self::GivenUp => "given-up",
        }
    }
}

/// Starts the names of the headers that are ours.
const OURS: &str = "spotlight.dead.";
/// Name of the header that says which letter a record is about.
pub(crate) const ID_HEADER: &str = "spotlight.dead.id";
/// Name of the header that says what became of it.
pub(crate) const MARK_HEADER: &str = "spotlight.dead.mark";

/// What dead letters of one task have in common.
#[derive(Clone, Debug)]
pub struct DeadLetterOf {
    /// Topology.
    pub topology: Arc<str>,
    /// Flow.
    pub flow: Arc<str>,
    /// Revision.
    pub revision: Arc<str>,
    /// The task's input.
    pub input: Arc<Input>,
}

impl DeadLetter {
    /// Bytes that it takes in memory, near enough for a bound.
    pub(crate) fn memory(&self) -> usize {
        /// Names and places beside the record.
        const BESIDE: usize = 600;
        let values = self.values.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len) + 100);
        let beside = self.message.len() + values.sum::<usize>() + BESIDE;
        self.bytes.len() + self.key.as_ref().map_or(0, Vec::len) + self.headers.len() + beside
    }
}

impl DeadLetterOf {
    /// Id of the dead letter of an input row: the same whenever the same row fails.
    #[must_use]
    pub fn id(&self, offset: i64, row: i64) -> String {
        let Input { identity, partition, .. } = &*self.input;
        format!("{}/{}/{identity}/{partition}/{offset}/{row}", self.topology, self.flow)
    }

    fn letter(&self, offset: i64, row: i64) -> DeadLetter {
        let Input { topic, partition, .. } = &*self.input;
        DeadLetter {
            id: self.id(offset, row),
            topology: self.topology.to_string(),
            flow: self.flow.to_string(),
            revision: self.revision.to_string(),
            topic: topic.to_string(),
            partition: *partition,
            offset,
            row,
            attempt: 1,
            ..DeadLetter::default()
        }
    }

    /// Dead letters of rows that failed at a step.
    #[must_use]
    pub fn failed(&self, failed: &Failed) -> Vec<DeadLetter> {
        let origins = &failed.origins;
        let (documents, versions, members, lines) = match &origins.place {
            Place::Nowhere => (None, None, None, None),
            place => {
                let (documents, versions, members, lines) = place.spread(origins.len());
                (Some(documents), Some(versions), Some(members), Some(lines))
            }
        };
        let mut letters = Vec::with_capacity(failed.failures.len());
        for failure in &failed.failures {
            let row = failure.row;
            let (offset, number) = origins.position(row);
            letters.push(DeadLetter {
                code: failure.code.to_string(),
                message: batch::bounded(&failure.message),
                step: failed.step.to_string(),
                field: failure.field.as_deref().unwrap_or_default().to_owned(),
                values: failure.read.iter().map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).collect(),
                arrival: origins.arrivals.value(row),
                first_failed: origins.arrivals.value(row),
                document: documents.as_ref().map(|array| array.value(row).to_owned()).unwrap_or_default(),
                version: versions.as_ref().map(|array| array.value(row)).unwrap_or_default(),
                member: members.as_ref().map(|array| array.value(row).to_owned()).unwrap_or_default(),
                line: lines.as_ref().map(|array| array.value(row)).unwrap_or_default(),
                bytes: origins.raw.value(row).to_vec(),
                ..self.letter(offset, number)
            });
        }
        letters
    }

    /// The dead letter of a row of a document that could not be decoded.
    #[must_use]
    pub fn bad_row(&self, bad: &BadRow, document: &batch::DocumentId, offset: i64, arrival: i64) -> DeadLetter {
        DeadLetter {
            code: bad.code.to_string(),
            message: batch::bounded(&bad.message),
            step: "decode".to_owned(),
            arrival,
            first_failed: arrival,
            document: document.key.to_string(),
            version: document.version,
            member: bad.member.to_string(),
            line: bad.line,
            bytes: bad.raw.clone(),
            ..self.letter(offset, bad.row)
        }
    }

    /// The dead letter of a record that could not be decoded.
    #[must_use]
    pub fn bad_record(&self, bad: &BadRecord, record: &Record<'_>) -> DeadLetter {
        DeadLetter {
            code: bad.code.to_string(),
            message: batch::bounded(&bad.message),
            step: "decode".to_owned(),
            field: bad.field.as_deref().unwrap_or_default().to_owned(),
            arrival: record.arrival,
            first_failed: record.arrival,
            ..self.letter(record.offset, 0)
        }
        .with_record(record)
    }
}

impl DeadLetter {
    /// With the key, value and headers of the record that failed.
    #[must_use]
    pub fn with_record(mut self, record: &Record<'_>) -> Self {
        self.bytes = record.value.unwrap_or_default().to_vec();
        self.tombstone = record.value.is_none();
        self.key = record.key.map(<[u8]>::to_vec);
        self.headers = record.headers.to_vec();
        self
    }

    /// The record's value as it was.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        (!self.tombstone).then_some(&self.bytes)
    }

    /// Identity of the input topic, as the id says.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.id.rsplit('/').nth(3).unwrap_or_default()
    }

    /// Adds its record to a block of the dead-letter topic.
    pub fn write(&self, to: &mut RecordsBuilder) {
        let mut headers = Headers::new();
        for header in Headers::decode(&self.headers).unwrap_or_default() {
            headers.push(&header.name, &header.value);
        }
        let mut put = |name: &str, value: &str| headers.push(name, value.as_bytes());
        for (name, value) in self.texts() {
            put(&format!("{OURS}{name}"), &value);
        }
        if !self.values.is_empty() {
            put(&format!("{OURS}values"), &serde_json::to_string(&self.values).unwrap_or_default());
        }
        put("__streams.errors.exception", &self.code);
        put("__streams.errors.message", &self.message);
        put("__streams.errors.stacktrace", &format!("{}/{} {} {}", self.topology, self.flow, self.step, self.field));
        put("__streams.errors.topic", &self.topic);
        put("__streams.errors.partition", &self.partition.to_string());
        put("__streams.errors.offset", &self.offset.to_string());
        let document = (!self.document.is_empty()).then_some(self.document.as_bytes());
        to.push(self.key.as_deref().or(document), self.value(), &headers, 0);
    }

    fn texts(&self) -> [(&'static str, String); 18] {
        [
            ("id", self.id.clone()),
            ("code", self.code.clone()),
            ("message", self.message.clone()),
            ("topology", self.topology.clone()),
            ("revision", self.revision.clone()),
            ("flow", self.flow.clone()),
            ("step", self.step.clone()),
            ("field", self.field.clone()),
            ("topic", self.topic.clone()),
            ("partition", self.partition.to_string()),
            ("offset", self.offset.to_string()),
            ("row", self.row.to_string()),
            ("arrival", self.arrival.to_string()),
            ("document", format!("{}@{}", self.document, self.version)),
            ("member", self.member.clone()),
            ("line", self.line.to_string()),
            ("attempt", self.attempt.to_string()),
            ("first-failed", self.first_failed.to_string()),
        ]
    }

    /// Adds the record that says what became of a dead letter.
    pub fn write_mark(id: &str, mark: Mark, to: &mut RecordsBuilder) {
        let mut headers = Headers::new();
        headers.push(ID_HEADER, id.as_bytes());
        headers.push(MARK_HEADER, mark.word().as_bytes());
        to.push(None, None, &headers, 0);
    }
}

/// A record of a dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterRecord {
    /// A dead letter.
    Letter(Box<DeadLetter>),
    /// What became of one: its id and a word.
    Mark(String, String),
}

impl DeadLetterRecord {
    /// Reads a record; `None` if it is of another form.
    #[must_use]
    pub fn read(record: &Record<'_>) -> Option<Self> {
        let headers = Headers::decode(record.headers)?;
        let own = headers.iter().rposition(|header| header.name == ID_HEADER)?;
        let texts: BTreeMap<&str, &str> = headers[own..]
            .iter()
            .filter_map(|header| Some((header.name.strip_prefix(OURS)?, std::str::from_utf8(&header.value).ok()?)))
            .collect();
        let text = |name: &str| texts.get(name).map(|text| (*text).to_owned());
        let id = text("id")?;
        if let Some(mark) = text("mark") {
            return Some(Self::Mark(id, mark));
        }
        let number = |name: &str| texts.get(name).and_then(|text| text.parse::<i64>().ok());
        let document = text("document")?;
        let (document, version) = document.rsplit_once('@')?;
        let mut original = Headers::new();
        headers[..own].iter().for_each(|header| original.push(&header.name, &header.value));
        Some(Self::Letter(Box::new(DeadLetter {
            id,
            code: text("code")?,
            message: text("message")?,
            topology: text("topology")?,
            revision: text("revision")?,
            flow: text("flow")?,
            step: text("step")?,
            field: text("field")?,
            topic: text("topic")?,
            partition: i32::try_from(number("partition")?).ok()?,
            offset: number("offset")?,
            row: number("row")?,
            arrival: number("arrival")?,
            document: document.to_owned(),
            version: version.parse().ok()?,
            member: text("member")?,
            line: number("line")?.try_into().ok()?,
            attempt: number("attempt")?.try_into().ok()?,
            first_failed: number("first-failed")?,
            // Letters of earlier versions of the program have none.
            values: text("values").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            bytes: record.value.unwrap_or_default().to_vec(),
            tombstone: record.value.is_none(),
            // Rows of documents have no key of their own: there the document's stands in its place.
            key: record.key.filter(|key| *key != document.as_bytes()).map(<[u8]>::to_vec),
            headers: original.as_bytes().to_vec(),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::{DeadLetter, DeadLetterRecord, Mark};
    use batch::{Headers, RecordsBuilder};

    #[test]
    fn a_dead_letter_and_its_mark_read_back() {
        let mut original = Headers::new();
        original.push("spotlight.document", b"of a row of a topic");
        let letter = DeadLetter {
            id: "a/b/f0/1/2/3".into(),
            code: "E4101".into(),
            document: "key@with@signs".into(),
            version: 2,
            values: [("a".into(), Some("x".into())), ("b".into(), None)].into(),
            bytes: b"1|2".to_vec(),
            key: Some(b"k".to_vec()),
            headers: original.as_bytes().to_vec(),
            ..DeadLetter::default()
        };
        let mut builder = RecordsBuilder::new();
        letter.write(&mut builder);
        DeadLetter::write_mark(&letter.id, Mark::Replayed, &mut builder);
        let records = builder.finish();
        assert_eq!(letter.identity(), "f0");
        for name in ["exception", "message", "stacktrace", "topic", "partition", "offset"] {
            let name = format!("__streams.errors.{name}");
            let headers = Headers::decode(records.get(0).headers).expect("headers");
            assert_eq!(headers.iter().filter(|header| header.name == name).count(), 1, "{name}");
        }
        assert_eq!(DeadLetterRecord::read(&records.get(0)), Some(DeadLetterRecord::Letter(Box::new(letter))));
        let mark = DeadLetterRecord::Mark("a/b/f0/1/2/3".into(), "replayed".into());
        assert_eq!(DeadLetterRecord::read(&records.get(1)), Some(mark));
    }

    /// A topic of others may itself hold dead letters, of Kafka Streams or of another Spotlight.
    #[test]
    fn a_dead_letter_of_a_dead_letter_keeps_its_headers_and_that_it_has_no_value() {
        let mut original = Headers::new();
        for name in ["__streams.errors.exception", "spotlight.dead.id", "spotlight.dead.mark", "trace", "trace"] {
            original.push(name, name.as_bytes());
        }
        let letter = DeadLetter {
            id: "a/b/f0/1/2/0".into(),
            code: "E4405".into(),
            tombstone: true,
            key: Some(b"k".to_vec()),
            headers: original.as_bytes().to_vec(),
            ..DeadLetter::default()
        };
        let mut builder = RecordsBuilder::new();
        letter.write(&mut builder);
        let records = builder.finish();
        assert_eq!(records.get(0).value, None);
        assert_eq!(DeadLetterRecord::read(&records.get(0)), Some(DeadLetterRecord::Letter(Box::new(letter))));
    }
}
