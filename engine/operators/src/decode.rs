//! `unzip` and `decode`: a document's bytes become blocks of text columns.
//!
//! The members of an archive are read one after another; rows are numbered through all of them. A document is refused
//! as soon as one member is. Trailer facts are those of the last member that has them.

use std::io::{Read, SeekFrom};
use std::sync::Arc;

use arrow::array::{Array, BinaryViewArray, BooleanArray, Date32Array, Int64Array, StringArray};
use batch::{Batch, Code, ColumnType, Origins, Place, Type};
use codec::archive::{Archive, ArchiveError, Limits, Selection, base_name, sniff_html};
use codec::delimited::{DecodeError, Decoder, EncodingEvidence, Format, ProofOutcome, Refusal};
use expression::{Expression, Names};
use indexmap::IndexMap;
use pattern::{Misfit, Pattern};

use crate::Facts;
use crate::codes::{HTML_PAGE, NO_MEMBER};
use crate::document::{BadRow, Block, DocumentBytes, DocumentInput, DocumentReader, Outcome, ReadError, Verdict};

/// Characters of a member's name that go with its rows: what file systems allow. An archive may give a name of 64 KB, and
/// it would stand in the headers of each record. What a terminal would obey is written out.
const LONGEST_NAME: usize = 255;

/// What a refusal says of an archive that holds none of the wanted members: their names, and their first lines where
/// those decide.
fn no_member(archive: &mut Archive, wanted: Option<&Members>) -> Result<String, ArchiveError> {
    const SHOWN: usize = 5;
    let members = archive.members(&Selection::All)?;
    let Some(wanted) = wanted.filter(|_| !members.is_empty()) else {
        return Ok("the archive has no members".to_owned());
    };
    let (Members::Named(pattern) | Members::FirstLine(pattern)) = wanted;
    let mut shown = Vec::new();
    // The first of those that fit furthest, and why they do not.
    let mut nearest: Option<Misfit> = None;
    for member in members.iter().take(SHOWN) {
        let mut told = format!("`{}`", batch::excerpt(member.name.as_bytes(), 80));
        let misfit = if let Members::FirstLine(_) = wanted {
            let line = archive.first_line(member.index)?;
            told.push_str(&format!(", which begins `{}`", batch::excerpt(line.as_bytes(), 60)));
            pattern.misfit(&line)
        } else {
            pattern.misfit(base_name(&member.name))
        };
        shown.push(told);
        if misfit.as_ref().is_some_and(|one| nearest.as_ref().is_none_or(|known| known.fits < one.fits)) {
            nearest = misfit;
        }
    }
    let more = if members.len() > SHOWN { format!(" and {} more", members.len() - SHOWN) } else { String::new() };
    let between = if matches!(wanted, Members::FirstLine(_)) { "; " } else { ", " };
    let why = nearest.map_or_else(String::new, |misfit| batch::excerpt(misfit.why.as_bytes(), 120));
    Ok(format!(
        "no member of the archive is one that the topology reads, `{}`; it holds {}{more}; {why}",
        pattern.text(),
        shown.join(between)
    ))
}

/// Which members of an archive are read.
#[derive(Clone, Debug)]
pub enum Members {
    /// Those whose name matches.
    Named(Pattern),
    /// Those whose first line matches.
    FirstLine(Pattern),
}

/// How archives are opened.
#[derive(Clone, Debug)]
pub struct UnzipSettings {
    /// Which members.
    pub members: Members,
    /// Most bytes of all members together, unpacked.
    pub unpacked_limit: u64,
}

/// How documents become rows.
#[derive(Debug)]
pub struct DelimitedSettings {
    /// Opens archives; without it the bytes are taken as they are.
    pub unzip: Option<UnzipSettings>,
    /// How the text is laid out.
    pub format: Arc<Format>,
    /// `document.NAME` without the prefix, with types.
    pub document_fields: IndexMap<Arc<str>, ColumnType>,
    /// `trailer.NAME` without the prefix.
    pub trailer_fields: Vec<Arc<str>>,
    /// True if a step refers to `trailer.NAME`.
    pub steps_need_trailer: bool,
    /// Conditions over `rows` and `trailer.NAME`, and what a document is for which one is the first to hold.
    pub outcomes: Vec<(Expression, Outcome)>,
}

/// Reads delimited text, in archives or not.
#[derive(Debug)]
pub struct DelimitedReader {
    settings: DelimitedSettings,
}

impl DelimitedReader {
    /// A reader with these settings.
    #[must_use]
    pub fn new(settings: DelimitedSettings) -> Self {
        Self { settings }
    }

    fn members(&self, archive: &mut Archive) -> Result<Vec<codec::archive::Member>, ArchiveError> {
        match self.settings.unzip.as_ref().map(|unzip| &unzip.members) {
            // What is no archive passes through as one member.
            _ if archive.is_plain() => archive.members(&Selection::All),
            None => archive.members(&Selection::All),
            Some(Members::Named(pattern)) => archive.members(&Selection::Named(pattern)),
            Some(Members::FirstLine(pattern)) => archive.members(&Selection::FirstLine(pattern)),
        }
    }

    /// Reads all members. `Ok(None)` if the sink had enough.
    fn read_members(
        &self,
        document: &DocumentInput,
        archive: &mut Archive,
        reading: &mut Reading<'_>,
    ) -> Result<Option<()>, DecodeError> {
        let members = self.members(archive)?;
        if members.is_empty() {
            let message = no_member(archive, self.settings.unzip.as_ref().map(|unzip| &unzip.members))?;
            reading.refuse(Outcome::Failed, NO_MEMBER, batch::bounded(&message));
            return Ok(Some(()));
        }
        for member in members {
            let name: Arc<str> = batch::excerpt(base_name(&member.name).as_bytes(), LONGEST_NAME).into();
            // Which of several, for people.
            let shown = (!archive.is_plain()).then_some(&name);
            let here = |error| of_member(error, shown);
            let bytes = archive.read(member.index)?;
            let mut decoder = Decoder::new(bytes, &self.settings.format, reading.rows).map_err(here)?;
            let layout = Arc::clone(&decoder.layout().name);
            while let Some(block) = decoder.next().map_err(here)? {
                let next_row = (reading.rows + block.rows.num_rows() as u64 + block.bad.len() as u64).cast_signed();
                let block = match to_block(block, document, &name, &layout, next_row) {
                    Ok(block) => block,
                    Err(error) => {
                        reading.fault = Some(error.to_string());
                        return Ok(None);
                    }
                };
                reading.rows = next_row.cast_unsigned();
                reading.bad += block.bad.len() as u64;
                if !(reading.sink)(block) {
                    return Ok(None);
                }
            }
            let found = decoder.finish().map_err(here)?;
            reading.evidence.add(&found.evidence, shown);
            reading.empty_is_meant &= found.proof == ProofOutcome::Proven;
            reading.trailers.extend(found.trailers);
            for column in found.new_columns {
                if !reading.new_columns.contains(&column) {
                    reading.new_columns.push(column);
                }
            }
            match found.proof {
                ProofOutcome::Missing { code, message } | ProofOutcome::Wrong { code, message } => {
                    self.judge_encoding(reading)?;
                    reading.refuse(Outcome::Incomplete, code, in_member(&message, shown));
                    return Ok(Some(()));
                }
                _ => {}
            }
        }
        self.judge_encoding(reading)?;
        Ok(Some(()))
    }

    /// Refuses a document whose rows, of all members that were read, are in another encoding than they are said to be.
    fn judge_encoding(&self, reading: &Reading<'_>) -> Result<(), Refusal> {
        reading.evidence.refusal(&self.settings.format.settings().encoding).map_or(Ok(()), Err)
    }

    /// Why a document is refused: what was found in its text, unless that comes out of a damaged archive. The damage is
    /// told only by the ends of the members.
    fn because_damaged(&self, error: DecodeError, archive: &mut Archive) -> DecodeError {
        if archive.is_plain() || matches!(error, DecodeError::Archive(_)) {
            return error;
        }
        let read = self.members(archive).and_then(|members| archive.read_through(&members));
        match read {
            Err(worse @ (ArchiveError::Damaged { .. } | ArchiveError::Io { .. })) => worse.into(),
            _ => error,
        }
    }

    fn judge_empty(&self, reading: &mut Reading<'_>) {
        if reading.refused.is_some() {
            return;
        }
        let facts = OutcomeFacts { rows: reading.rows, trailers: trailer_facts(&self.settings, &reading.trailers) };
        for (condition, outcome) in &self.settings.outcomes {
            let evaluated = condition.evaluate(&facts);
            let holds = evaluated.failures.is_empty()
                && evaluated
                    .values
                    .as_any()
                    .downcast_ref::<BooleanArray>()
                    .is_some_and(|value| value.len() == 1 && value.is_valid(0) && value.value(0));
            if holds {
                reading.outcome = *outcome;
                reading.empty_is_meant = true;
                return;
            }
        }
        if reading.rows == 0 {
            reading.outcome = Outcome::Empty;
        }
    }
}

/// What is gathered while a document is read.
struct Reading<'a> {
    sink: &'a mut dyn FnMut(Block) -> bool,
    rows: u64,
    bad: u64,
    trailers: std::collections::BTreeMap<String, String>,
    new_columns: Vec<String>,
    evidence: EncodingEvidence,
    /// Of what was read so far; a trailer that proves nothing may stand behind rows that are missing.
    empty_is_meant: bool,
    outcome: Outcome,
    refused: Option<(Code, String)>,
    fault: Option<String>,
}

impl Reading<'_> {
    fn refuse(&mut self, outcome: Outcome, code: Code, message: String) {
        self.outcome = outcome;
        self.refused = Some((code, message));
    }
}

impl DocumentReader for DelimitedReader {
    fn facts(&self, document: &DocumentInput) -> Facts {
        let mut facts = Facts::new();
        for (name, column) in &self.settings.document_fields {
            let text = match &**name {
                "key" => Some(document.id.key.to_string()),
                "name" => Some(document.name.to_string()),
                "version" => Some(document.id.version.to_string()),
                field => document.fields.get(field).cloned(),
            };
            facts.insert(format!("document.{name}").into(), constant(text.as_deref(), &column.of));
        }
        facts
    }

    fn steps_need_trailer(&self) -> bool {
        self.settings.steps_need_trailer
    }

    fn read(
        &self,
        document: &DocumentInput,
        mut bytes: Box<dyn DocumentBytes>,
        sink: &mut dyn FnMut(Block) -> bool,
    ) -> Result<Verdict, ReadError> {
        let html = is_html(bytes.as_mut()).map_err(ReadError::Bytes)?;
        let mut reading = Reading {
            sink,
            rows: 0,
            bad: 0,
            trailers: std::collections::BTreeMap::new(),
            new_columns: Vec::new(),
            evidence: EncodingEvidence::default(),
            empty_is_meant: self.settings.format.settings().trailers.iter().any(|one| !one.proves.is_empty()),
            outcome: Outcome::Rows,
            refused: None,
            fault: None,
        };
        if html {
            reading.refuse(Outcome::Absent, HTML_PAGE, "an HTML page instead of data".into());
        } else {
            let limit = self.settings.unzip.as_ref().map(|unzip| unzip.unpacked_limit);
            let limits =
                Limits { unpacked_bytes: limit.unwrap_or(Limits::default().unpacked_bytes), ..Limits::default() };
            let read = Archive::open(Box::new(bytes), &document.name, limits).map_err(DecodeError::from).and_then(
                |mut archive| {
                    let read = self.read_members(document, &mut archive, &mut reading);
                    read.map_err(|error| self.because_damaged(error, &mut archive))
                },
            );
            match read {
                Ok(_) => {}
                Err(DecodeError::Archive(ArchiveError::Io { source })) => return Err(ReadError::Bytes(source)),
                Err(error) => reading.refuse(Outcome::Failed, error.code(), chain_of(&error)),
            }
        }
        if let Some(fault) = reading.fault {
            return Err(ReadError::Fault(fault));
        }
        self.judge_empty(&mut reading);
        let mut facts = self.facts(document);
        facts.extend(trailer_facts(&self.settings, &reading.trailers));
        let (code, message) = match reading.refused {
            Some((code, message)) => (Some(code), message),
            None => (None, String::new()),
        };
        Ok(Verdict {
            outcome: reading.outcome,
            code,
            message,
            rows: reading.rows,
            bad: reading.bad,
            empty_is_meant: reading.empty_is_meant,
            facts,
            new_columns: reading.new_columns,
        })
    }
}

/// The same error with the member of the archive to which it belongs, where its bytes are not to blame.
fn of_member(error: DecodeError, member: Option<&Arc<str>>) -> DecodeError {
    match error {
        DecodeError::Refused(refusal) => Refusal { message: in_member(&refusal.message, member), ..refusal }.into(),
        error @ DecodeError::Archive(_) => error,
    }
}

fn in_member(message: &str, member: Option<&Arc<str>>) -> String {
    match member {
        None => message.to_owned(),
        Some(member) => batch::bounded(&format!("member {}: {message}", batch::excerpt(member.as_bytes(), 80))),
    }
}

/// Values that the conditions of outcomes may name.
struct OutcomeFacts {
    rows: u64,
    trailers: Facts,
}

impl Names for OutcomeFacts {
    fn values(&self, name: &str) -> Option<arrow::array::ArrayRef> {
        if name == "rows" {
            return Some(Arc::new(Int64Array::from(vec![self.rows.cast_signed()])));
        }
        self.trailers.get(name).cloned()
    }

    fn rows(&self) -> usize {
        1
    }
}

fn trailer_facts(settings: &DelimitedSettings, said: &std::collections::BTreeMap<String, String>) -> Facts {
    let fact = |name: &Arc<str>| {
        let text = said.get(&**name).map(String::as_str);
        (Arc::from(format!("trailer.{name}")), constant(text, &Type::Text))
    };
    settings.trailer_fields.iter().map(fact).collect()
}

/// An array of one value.
fn constant(text: Option<&str>, of: &Type) -> arrow::array::ArrayRef {
    match of {
        Type::Date => {
            let date = text.and_then(|text| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
            Arc::new(Date32Array::from(vec![date.map(|date| date.to_epoch_days())]))
        }
        Type::Integer { .. } => Arc::new(Int64Array::from(vec![text.and_then(|text| text.parse().ok())])),
        _ => Arc::new(StringArray::from(vec![text])),
    }
}

fn is_html(bytes: &mut dyn DocumentBytes) -> std::io::Result<bool> {
    let mut first = Vec::with_capacity(1024);
    Read::take(&mut *bytes, 1024).read_to_end(&mut first)?;
    bytes.seek(SeekFrom::Start(0))?;
    Ok(sniff_html(&first))
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    batch::bounded(&text)
}

fn to_block(
    block: codec::delimited::Block,
    document: &DocumentInput,
    member: &Arc<str>,
    layout: &Arc<str>,
    next_row: i64,
) -> Result<Block, arrow::error::ArrowError> {
    let rows = block.rows.num_rows();
    let origins = Origins {
        input: Arc::clone(&document.input),
        offsets: Int64Array::from_value(document.offset, rows),
        rows: block.row_numbers.values().iter().map(|number| number.cast_signed()).collect::<Vec<_>>().into(),
        arrivals: Int64Array::from_value(document.arrival, rows),
        place: Place::Document { id: Arc::clone(&document.id), member: Arc::clone(member), lines: block.lines },
        raw: block.raw.map_or_else(
            || BinaryViewArray::from_iter_values(std::iter::repeat_n(b"", rows)),
            |raw| BinaryViewArray::from(&raw),
        ),
    };
    let bad = block.bad.into_iter().map(|bad| BadRow {
        row: bad.row_number.cast_signed(),
        member: Arc::clone(member),
        line: bad.line,
        code: bad.code,
        message: bad.message,
        raw: bad.raw,
    });
    let bad = bad.collect();
    Ok(Block { batch: Batch::new(block.rows, origins, Some(Arc::clone(layout)))?, bad, next_row })
}
