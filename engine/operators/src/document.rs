//! What turns a document's bytes into blocks of rows owes the engine.
//!
//! A document may be read several times: once to prove it, again to land it in parts. Each reading gives the same
//! blocks, rows and line numbers, because nothing but the bytes and the settings decides them.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};
use std::sync::Arc;

use batch::{Batch, Code, DocumentId, Input};

use crate::Facts;

/// Bytes of a document; archives need to jump in them.
pub trait DocumentBytes: Read + Seek + Send {}
impl<T: Read + Seek + Send> DocumentBytes for T {}

/// Which document is read, and where its record stands.
#[derive(Clone, Debug)]
pub struct DocumentInput {
    /// The partition of the `documents` topic.
    pub input: Arc<Input>,
    /// Offset of the document's record.
    pub offset: i64,
    /// When the record arrived, in milliseconds since 1970 UTC.
    pub arrival: i64,
    /// Key and version.
    pub id: Arc<DocumentId>,
    /// File name.
    pub name: Arc<str>,
    /// What the name says; dates as `YYYY-MM-DD`.
    pub fields: BTreeMap<String, String>,
}

/// A row that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Number among all rows of the document, from 0, bad ones included.
    pub row: i64,
    /// Member of the archive.
    pub member: Arc<str>,
    /// Line in the member, from 1.
    pub line: u64,
    /// What kind of failure.
    pub code: Code,
    /// What happened, without values.
    pub message: String,
    /// The row's bytes as published.
    pub raw: Vec<u8>,
}

/// Rows that were decoded together.
#[derive(Clone, Debug)]
pub struct Block {
    /// Rows with their origins.
    pub batch: Batch,
    /// Rows between them that could not be decoded.
    pub bad: Vec<BadRow>,
    /// Number of the row after the last one of this block, bad ones included.
    pub next_row: i64,
}

/// What became of a document. Refused are `Incomplete` and `Failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It has rows.
    Rows,
    /// A published list with nothing on it.
    Empty,
    /// Not published yet.
    Unpublished,
    /// Not there, or an HTML page instead.
    Absent,
    /// Its trailer is missing or wrong, or it has no rows and nothing says that this is meant.
    Incomplete,
    /// It could not be read.
    Failed,
    /// It was refused, and a person has said that it is not waited for any more.
    GivenUp,
}

impl Outcome {
    /// The word that receipts use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Empty => "empty",
            Self::Unpublished => "unpublished",
            Self::Absent => "absent",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::GivenUp => "given-up",
        }
    }

    /// The outcome of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        use Outcome::{Absent, Empty, Failed, GivenUp, Incomplete, Rows, Unpublished};
        let all = [Rows, Empty, Unpublished, Absent, Incomplete, Failed, GivenUp];
        all.into_iter().find(|outcome| outcome.word() == word)
    }

    /// True if not one row of the document may land.
    #[must_use]
    pub fn refused(self) -> bool {
        matches!(self, Self::Incomplete | Self::Failed)
    }
}

/// What a whole reading of a document found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What became of it, as far as decoding can say.
    pub outcome: Outcome,
    /// Why, where it is not `Rows`.
    pub code: Option<Code>,
    /// Why, in a sentence for people; empty if there is nothing to say.
    pub message: String,
    /// Rows, bad ones included.
    pub rows: u64,
    /// Bad rows.
    pub bad: u64,
    /// True if something says that a document without rows is meant to have none: a trailer that counts them or adds
    /// them up, or a rule of the topology. False for one that may have been cut behind its header.
    pub empty_is_meant: bool,
    /// `document.*` and, if the document was read to its end, `trailer.*`.
    pub facts: Facts,
    /// Published columns that no layout names.
    pub new_columns: Vec<String>,
}

/// Why a reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The raw store failed. Nothing is said about the document.
    #[error("the document's bytes could not be read")]
    Bytes(#[source] io::Error),
    /// The columns are not what the plan promised: a fault of the program.
    #[error("{0}")]
    Fault(String),
}

/// Turns documents' bytes into rows: `unzip` and `decode`.
pub trait DocumentReader: Send + Sync {
    /// The facts that are known before the document is read: `document.*`.
    fn facts(&self, document: &DocumentInput) -> Facts;

    /// True if a later step refers to `trailer.*`, so that the facts of a whole reading must be there before the first
    /// row goes on.
    fn steps_need_trailer(&self) -> bool;

    /// Reads the document and hands each block to `sink`, in order, until it answers false.
    ///
    /// # Errors
    /// Only if the bytes could not be had; everything that is wrong with the document is in the verdict.
    fn read(
        &self,
        document: &DocumentInput,
        bytes: Box<dyn DocumentBytes>,
        sink: &mut dyn FnMut(Block) -> bool,
    ) -> Result<Verdict, ReadError>;
}
