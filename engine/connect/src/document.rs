//! A document as the `documents` topic of a flow carries it: one JSON record, keyed by the document's key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::raw::Stored;

/// What a document's name says: field name to text, such as `date` to `2021-01-27`.
pub type Fields = BTreeMap<String, String>;

/// One version of one document, and where its bytes lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Source and what the name says, such as `sec-ftd/load/period=202009,half=a`.
    pub key: String,
    /// Counts the changes of content of this key, from 1.
    pub version: i64,
    /// File name, the last part of its address.
    pub name: String,
    /// Where it was found: an address or a path.
    pub url: String,
    /// What the name says. Dates are `YYYY-MM-DD` whatever the publisher's form.
    pub fields: Fields,
    /// SHA-256 of the bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Number of bytes.
    pub size: u64,
    /// When it was fetched, in milliseconds since 1970 UTC.
    pub fetched_at: i64,
    /// Where the raw store keeps the bytes.
    pub stored: String,
}

impl DocumentRecord {
    /// What the raw store keeps of it.
    #[must_use]
    pub fn kept(&self) -> Stored {
        Stored { reference: self.stored.clone(), sha256: self.sha256.clone(), size: self.size }
    }
}
