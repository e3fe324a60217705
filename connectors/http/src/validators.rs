//! What is remembered of an answer, as a small text: one `name: value` a line.
//!
//! `etag` and `last-modified` go back to the publisher with the next request. `first-seen` is ours, in milliseconds
//! since 1970 UTC: it says how long a document without a date is asked for again.

use std::fmt::Write as _;

/// Longest value that is kept; a longer one is not worth remembering.
const LONGEST: usize = 512;

/// What an answer said of its content's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    pub(crate) first_seen: Option<i64>,
}

impl Validators {
    /// Reads what [`Self::text`] wrote. Lines that mean nothing are ignored.
    pub(crate) fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
            match name {
                "etag" => found.etag = Some(value.to_owned()),
                "last-modified" => found.last_modified = Some(value.to_owned()),
                "first-seen" => found.first_seen = value.parse().ok(),
                _ => {}
            }
        }
        found
    }

    /// `None` if there is nothing to remember.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = String::new();
        for (name, value) in [("etag", &self.etag), ("last-modified", &self.last_modified)] {
            if let Some(value) = value.as_ref().filter(|value| is_plain(value)) {
                // Writing to a string cannot fail.
                let _written = writeln!(text, "{name}: {value}");
            }
        }
        if let Some(moment) = self.first_seen {
            let _written = writeln!(text, "first-seen: {moment}");
        }
        (!text.is_empty()).then_some(text)
    }
}

fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.len() <= LONGEST && !value.contains(|letter: char| letter.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let cases = [
            (Some("\"a: b\""), Some("Wed, 21 Oct 2026 07:28:00 GMT"), Some(-5)),
            (None, None, Some(7)),
            (Some("W/\"x\""), None, None),
        ];
        for (etag, last_modified, first_seen) in cases {
            let written = Validators {
                etag: etag.map(str::to_owned),
                last_modified: last_modified.map(str::to_owned),
                first_seen,
            };
            assert_eq!(Validators::parse(&written.text().unwrap()), written);
        }
        assert_eq!(Validators::default().text(), None);
    }

    #[test]
    fn hostile_values_are_not_kept() {
        let hostile = Validators { etag: Some("x".repeat(10_000)), last_modified: None, first_seen: None };
        assert_eq!(hostile.text(), None);
        assert_eq!(Validators::parse("etag\nfirst-seen: soon\n: :\n"), Validators::default());
    }
}
