//! The one grammar of name patterns: `*`, `{name}`, `{date:%Y_%m_%d}`, `{half:[ab]}`. Pure text.
//!
//! API skeleton; the signatures are the contract.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {}

/// Kind of a field of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// `{name}` or `{name:[ab]}`.
    Text,
    /// `{name:%Y_%m_%d}`: a whole day. Its value is `YYYY-MM-DD`.
    Date,
    /// `{name:%Y%m}`: a month. Its value is `YYYY-MM`.
    Month,
}

/// Why a pattern is wrong: a byte offset in it, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// Byte offset.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(_text: &str) -> Result<Self, PatternError> {
        Ok(Self {})
    }
    /// The fields of a whole match, dates in their fixed form; `None` if `text` does not match.
    #[must_use]
    pub fn matches(&self, _text: &str) -> Option<BTreeMap<String, String>> {
        None
    }
    /// The text with the fields put in (dates given as `YYYY-MM-DD` are written in the pattern's form). `None` if a
    /// field is missing or the pattern has a `*`.
    #[must_use]
    pub fn fill(&self, _fields: &BTreeMap<String, String>) -> Option<String> {
        None
    }
    /// Name and kind of each field in order.
    #[must_use]
    pub fn fields(&self) -> Vec<(Arc<str>, FieldKind)> {
        Vec::new()
    }
    /// The pattern as written.
    #[must_use]
    pub fn text(&self) -> &str {
        ""
    }
}
