//! A document as the `documents` topic of a flow carries it: one JSON record, keyed by the document's key.

use std::borrow::Cow;
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
    /// True if this version was refused by an earlier topology and is tried again: there is an earlier record of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

impl DocumentRecord {
    /// What the raw store keeps of it.
    #[must_use]
    pub fn kept(&self) -> Stored {
        Stored { reference: self.stored.clone(), sha256: self.sha256.clone(), size: self.size }
    }
}

/// The key of a document: its flow as `topology/flow` and what its name says as `FIELD=VALUE`, divided by commas; the name
/// itself if that is nothing.
///
/// Two documents never have one key: a value that could end itself and begin the next field, because it holds `,` and `=`,
/// or that looks like one of those (`%`), has these three signs as `%2C`, `%3D` and `%25`. All others stay as they are.
#[must_use]
pub fn document_key(flow: &str, fields: &Fields, name: &str) -> String {
    let said: Vec<String> = fields.iter().map(|(field, value)| format!("{field}={}", unmistakable(value))).collect();
    let said = if said.is_empty() { name.to_owned() } else { said.join(",") };
    format!("{flow}/{said}")
}

fn unmistakable(value: &str) -> Cow<'_, str> {
    if value.contains('%') || (value.contains(',') && value.contains('=')) {
        return value.replace('%', "%25").replace(',', "%2C").replace('=', "%3D").into();
    }
    value.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[(&str, &str)]) -> String {
        let fields = values.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect();
        document_key("feed/load", &fields, "name.csv")
    }

    #[test]
    fn what_two_names_say_is_two_keys() {
        assert_eq!(key(&[]), "feed/load/name.csv");
        assert_eq!(key(&[("day", "2026-01-05"), ("half", "a")]), "feed/load/day=2026-01-05,half=a");
        assert_eq!(key(&[("a", "1,2"), ("b", "x=y")]), "feed/load/a=1,2,b=x=y");
        let [one, other, third] =
            [[("a", "1,b=2"), ("b", "3")], [("a", "1"), ("b", "2,b=3")], [("a", "1%2Cb%3D2"), ("b", "3")]]
                .map(|it| key(&it));
        assert_eq!(one, "feed/load/a=1%2Cb%3D2,b=3");
        assert!(one != other && one != third && other != third, "{one} {other} {third}");
    }
}
