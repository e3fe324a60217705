//! What the rows of a document say about its encoding, against the one that its topology says it has.
//!
//! Every byte is a character of a one-byte encoding, so that text in UTF-8 would land as other text (`Ã¼` for `ü`) and
//! nobody would be told. Text in such an encoding is hardly ever valid UTF-8: a letter beyond ASCII is one byte there,
//! followed by one that cannot follow it in UTF-8. So where most such rows are valid, the document is in UTF-8: a few
//! damaged lines change nothing about that, nor do a few rows that a publisher of one-byte text took over from elsewhere.
//!
//! The members of an archive are one document of one declared encoding, so their rows count together.

use std::sync::Arc;

use batch::Code;
use encoding_rs::{Encoding, WINDOWS_1252};

use super::error::Refusal;
use super::transcode::is_wide;

/// The code of a document that is in UTF-8 against what is declared.
pub(super) const IN_UTF_8: &str = "E4214";

/// Counts rows with characters beyond ASCII, of documents in an encoding of one byte a character.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodingEvidence {
    /// Those that are valid UTF-8.
    utf_8: u64,
    /// The others.
    other: u64,
    /// The line of the first that is valid UTF-8.
    first: u64,
    /// The member in which that line is.
    member: Option<Arc<str>>,
}

impl EncodingEvidence {
    /// Looks at a row.
    pub(super) fn observe(&mut self, bytes: &[u8], line: u64) {
        if bytes.is_ascii() {
            return;
        }
        if std::str::from_utf8(bytes).is_err() {
            self.other += 1;
            return;
        }
        if self.utf_8 == 0 {
            self.first = line;
        }
        self.utf_8 += 1;
    }

    /// Adds what was seen in a member of the same document; `None` for one that is no archive.
    pub fn add(&mut self, of: &Self, member: Option<&Arc<str>>) {
        if self.utf_8 == 0 {
            (self.first, self.member) = (of.first, member.cloned());
        }
        self.utf_8 += of.utf_8;
        self.other += of.other;
    }

    /// Why the whole document is refused, if more than half of the rows that tell are UTF-8. `said`: the encoding, as the
    /// topology names it.
    #[must_use]
    pub fn refusal(&self, said: &str) -> Option<Refusal> {
        let Self { utf_8, other, first, member } = self;
        if utf_8 <= other {
            return None;
        }
        let rows = match (utf_8, other) {
            (1, 0) => "the only row with characters beyond ASCII is valid UTF-8".to_owned(),
            (all, 0) => format!("all {all} rows with characters beyond ASCII are valid UTF-8"),
            (some, other) => {
                format!("{some} of {} rows with characters beyond ASCII are valid UTF-8", some + other)
            }
        };
        let member = member.as_ref().map_or_else(String::new, |member| format!(" of member {member}"));
        let message = format!("{}: {rows}, the first at line {first}{member}", said_to_be(said));
        Some(Refusal { code: Code(IN_UTF_8), line: *first, message: batch::bounded(&message) })
    }
}

/// The beginning of what is said of a document in UTF-8.
pub(super) fn said_to_be(said: &str) -> String {
    format!("it is said to be in {said}, and is in UTF-8")
}

/// What is wrong with text that is no UTF-8: the first byte that is at odds, and which letter it is in the encoding that
/// publishers take most often beside it.
pub(super) fn not_utf_8(what: &str, bytes: &[u8]) -> Option<String> {
    let at = std::str::from_utf8(bytes).err()?.valid_up_to();
    let byte = bytes[at];
    let (letter, _) = WINDOWS_1252.decode_without_bom_handling(&bytes[at..=at]);
    let mut said = format!("the {what} is not valid UTF-8: byte {} of it is 0x{byte:02X}", at + 1);
    if letter.chars().all(|letter| !letter.is_control()) {
        said.push_str(&format!(", `{letter}` in windows-1252"));
    }
    Some(said)
}

/// The same of a document that was written in UTF-8 or UTF-16. The latter comes here as UTF-8, so that its bytes tell nobody
/// anything.
pub(super) fn no_unicode(what: &str, bytes: &[u8], written_in: &'static Encoding) -> Option<String> {
    if !is_wide(written_in) {
        return not_utf_8(what, bytes);
    }
    let at = std::str::from_utf8(bytes).err()?.valid_up_to();
    let before = String::from_utf8_lossy(&bytes[..at]).chars().count();
    let (name, which) = (written_in.name(), before + 1);
    Some(format!(
        "the {what} is not valid {name}: character {which} of it is half of one, a surrogate alone or cut off"
    ))
}

/// What helps with a first line of which so much is zero that it is no text.
pub(super) fn mostly_zeros(header: &[u8], written_in: &'static Encoding) -> Option<&'static str> {
    let zeros = header.iter().filter(|byte| **byte == 0).count();
    // In UTF-32 three of four bytes are zero; read as UTF-16, every second character.
    if is_wide(written_in) && zeros * 3 > header.len() || zeros * 8 >= header.len() * 5 {
        return Some("so many zeros are in UTF-32, which is not read: make UTF-8 of it");
    }
    let wide = "every second byte is zero in UTF-16: say `encoding: utf-16le` or `utf-16be`";
    (zeros * 3 > header.len()).then_some(wide)
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;

    use super::{EncodingEvidence, not_utf_8};

    fn latin(text: &str) -> Vec<u8> {
        WINDOWS_1252.encode(text).0.into_owned()
    }

    fn utf_8(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    fn seen(rows: &[Vec<u8>]) -> EncodingEvidence {
        let mut evidence = EncodingEvidence::default();
        rows.iter().zip(2..).for_each(|(row, line)| evidence.observe(row, line));
        evidence
    }

    #[test]
    fn text_that_is_no_utf_8_is_told_by_its_first_byte_and_letter() {
        assert_eq!(not_utf_8("row", "Zürich".as_bytes()), None);
        let said = |bytes: &[u8]| not_utf_8("row", bytes).expect("no UTF-8");
        assert_eq!(said(b"Z\xfcrich"), "the row is not valid UTF-8: byte 2 of it is 0xFC, `ü` in windows-1252");
        assert_eq!(said(b"a\x81"), "the row is not valid UTF-8: byte 2 of it is 0x81");
        assert_eq!(
            said("Gr\u{f6}".as_bytes().split_last().expect("bytes").1),
            "the row is not valid UTF-8: byte 3 of it is 0xC3, `Ã` in windows-1252"
        );
    }

    #[test]
    fn rows_that_are_mostly_utf_8_are_not_read_as_another_encoding() {
        /// A name, rows from line 2 on, and what a refusal says.
        type Case = (&'static str, Vec<Vec<u8>>, Option<&'static str>);
        let cases: [Case; 7] = [
            ("nothing but ASCII", vec![utf_8("a|b")], None),
            ("one-byte letters", vec![utf_8("a|b"), latin("Zürich|1"), latin("Genève|2")], None),
            ("one row of UTF-8", vec![utf_8("a|b"), utf_8("Zürich|1")], Some("the only row with characters")),
            ("UTF-8", vec![utf_8("a|b"), utf_8("Zürich|1"), utf_8("Genève|2")], Some("all 2 rows")),
            ("as many of both", vec![utf_8("Zürich|1"), latin("Genève|2")], None),
            ("a line taken over", vec![latin("Genève|2"), utf_8("Zürich|1"), latin("Köln|3")], None),
            ("a damaged line", vec![latin("Genève|2"), utf_8("Zürich|1"), utf_8("Köln|3")], Some("2 of 3 rows")),
        ];
        for (name, rows, refused) in cases {
            let found = seen(&rows).refusal("iso-8859-1");
            let said = found.as_ref().map(|refusal| (refusal.code.0, refusal.line));
            assert_eq!(said, refused.map(|_| ("E4214", 3)), "{name}");
            let message = found.map(|refusal| refusal.message).unwrap_or_default();
            assert!(message.contains(refused.unwrap_or_default()), "{name}: {message}");
            assert!(refused.is_none() || message.starts_with("it is said to be in iso-8859-1, and"), "{message}");
        }
    }

    #[test]
    fn members_count_together_and_the_first_that_tells_is_named() {
        let all = |members: &[(&str, &[Vec<u8>])]| {
            let mut all = EncodingEvidence::default();
            members.iter().for_each(|(name, rows)| all.add(&seen(rows), Some(&(*name).into())));
            all.refusal("latin1").map(|refusal| refusal.message)
        };
        let (few, many) = ([utf_8("Zürich")], [latin("Genève"), latin("Köln")]);
        assert_eq!(all(&[("a", &few), ("b", &many)]), None);
        let said = all(&[("a", &[utf_8("x")]), ("b", &few), ("c", &few)]).expect("UTF-8");
        assert!(
            said.ends_with("all 2 rows with characters beyond ASCII are valid UTF-8, the first at line 2 of member b")
        );
    }
}
