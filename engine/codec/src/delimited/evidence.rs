//! What the rows of a document say about its encoding, against the one that its topology says it has.
//!
//! Every byte is a character of a one-byte encoding, so that text in UTF-8 would land as other text (`Ã¼` for `ü`) and
//! nobody would be told. Text in such an encoding is hardly ever valid UTF-8: a letter beyond ASCII is one byte there,
//! followed by one that cannot follow it in UTF-8. So where all such rows are valid, they are UTF-8.

use encoding_rs::Encoding;

use super::error::{DecodeError, refuse};

/// Counts rows with characters beyond ASCII.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Those that are valid UTF-8.
    utf_8: u64,
    /// The line of the first of those.
    first: u64,
    /// True if one is none.
    other: bool,
}

impl Evidence {
    /// Looks at a row of a document in an encoding of one byte a character.
    pub(super) fn observe(&mut self, bytes: &[u8], line: u64) {
        if self.other || bytes.is_ascii() {
            return;
        }
        self.other = std::str::from_utf8(bytes).is_err();
        if self.utf_8 == 0 {
            self.first = line;
        }
        self.utf_8 += 1;
    }

    /// Refuses a document whose rows are all UTF-8.
    pub(super) fn judge(&self, said: &'static Encoding) -> Result<(), DecodeError> {
        if self.other || self.utf_8 == 0 {
            return Ok(());
        }
        let (rows, have) = (batch::counted(self.utf_8, "row"), if self.utf_8 == 1 { "has" } else { "have" });
        let (said, first) = (said.name().to_lowercase(), self.first);
        let message = format!(
            "it is said to be in {said}, and is in UTF-8: {rows} {have} characters beyond ASCII, and all are valid UTF-8"
        );
        Err(refuse("E4214", first, &message))
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;

    use super::Evidence;

    #[test]
    fn rows_that_are_all_utf_8_are_not_read_as_another_encoding() {
        let latin = |text: &str| WINDOWS_1252.encode(text).0.into_owned();
        let utf_8 = |text: &str| text.as_bytes().to_vec();
        /// A name, rows, and the line that a refusal names.
        type Case = (&'static str, Vec<Vec<u8>>, Option<u64>);
        let cases: [Case; 5] = [
            ("nothing but ASCII", vec![utf_8("a|b")], None),
            ("one-byte letters", vec![utf_8("a|b"), latin("Zürich|1"), latin("Genève|2")], None),
            ("UTF-8", vec![utf_8("a|b"), utf_8("Zürich|1"), utf_8("Genève|2")], Some(1)),
            ("both", vec![utf_8("Zürich|1"), latin("Genève|2")], None),
            ("both, the other way", vec![latin("Genève|2"), utf_8("Zürich|1")], None),
        ];
        for (name, rows, refused) in cases {
            let mut evidence = Evidence::default();
            rows.iter().zip(0..).for_each(|(row, line)| evidence.observe(row, line));
            let found = evidence.judge(WINDOWS_1252).err().map(|error| match error {
                super::DecodeError::Refused(refusal) => (refusal.code.0, refusal.line),
                other => panic!("{name}: {other}"),
            });
            assert_eq!(found, refused.map(|line| ("E4214", line)), "{name}");
        }
    }
}
