//! Why a document is refused as a whole.

use std::io;

use batch::Code;

use crate::archive::ArchiveError;

/// Why a document is refused as a whole: its content is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// Line that is to blame, from 1; 0 for the document as a whole.
    pub line: u64,
    /// What is wrong, for people, of bounded length.
    pub message: String,
}

/// Why decoding ended early.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The document's content is not what was expected.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The member could not be unpacked or read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl DecodeError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Archive(error) => error.code(),
        }
    }

    /// True if the same bytes may decode another time: they could not be read.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Archive(ArchiveError::Io { .. }))
    }

    /// The same, to blame another line.
    pub(super) fn at_line(mut self, line: u64) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.line = line;
        }
        self
    }

    /// The same with more to say, for what is refused.
    pub(super) fn and(mut self, more: &str) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.message = batch::bounded(&format!("{}; {more}", refusal.message));
        }
        self
    }

    pub(super) fn from_io(error: io::Error) -> Self {
        Self::Archive(ArchiveError::from_io(error))
    }
}

pub(super) fn refuse(code: &'static str, line: u64, message: &str) -> DecodeError {
    DecodeError::Refused(Refusal { code: Code(code), line, message: batch::bounded(message) })
}
