//! Rows that could not be processed, and the stable codes that say why.
//!
//! What a failure says never holds the value that failed: values belong in the dead letter, not in logs or metrics. What
//! was read goes there beside it, as [`ReadValues`], which no log prints.

use std::fmt;
use std::sync::Arc;

use crate::Origins;

/// A stable code of something that went wrong, such as `E4102`. `spotlight explain CODE` tells more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// What `spotlight explain CODE` says. Each crate lists the codes that it raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: Code,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Why it happens and what it means for the data, in a few sentences.
    pub why: &'static str,
    /// What to do, with an example where one helps.
    pub remedy: &'static str,
}

/// Why one row of a batch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFailure {
    /// Index of the row in the batch that was being processed.
    pub row: usize,
    /// What kind of failure.
    pub code: Code,
    /// The field (column of the result) that could not be made, if one is to blame.
    pub field: Option<Arc<str>>,
    /// What happened, in a sentence of bounded length without the row's values.
    pub message: String,
    /// What was read to make the field, for the dead letter.
    pub read: ReadValues,
}

/// Names and values that a failed expression read. They go into the dead letter, beside the bytes that hold them anyway,
/// and nowhere else: `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReadValues(Box<[ReadValue]>);

/// Name and value; `None` is null.
type ReadValue = (Arc<str>, Option<Box<str>>);

impl ReadValues {
    /// Most values that are kept. More: long dead letters of long expressions. Fewer: the one to blame is missing.
    pub const MOST: usize = 8;
    /// Most characters of a value.
    const LONGEST: usize = 120;

    /// Keeps the first of these values, in a form that no terminal obeys; `None` is null.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = (Arc<str>, Option<String>)>) -> Self {
        let short = |text: String| excerpt(text.as_bytes(), Self::LONGEST).into_boxed_str();
        Self(values.into_iter().take(Self::MOST).map(|(name, value)| (name, value.map(short))).collect())
    }

    /// The names and values; `None` is null.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// Bytes in memory, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.0
            .iter()
            .map(|(_, value)| size_of::<(Arc<str>, Box<str>)>() + value.as_ref().map_or(0, |text| text.len()))
            .sum()
    }
}

impl fmt::Debug for ReadValues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Rows that failed at one step, with the origins that lead back to their bytes.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Name of the step, as in the plan.
    pub step: Arc<str>,
    /// One failure for each row of `origins`, in the same order; `row` is the index there.
    pub failures: Vec<RowFailure>,
    /// Where the failed rows came from.
    pub origins: Origins,
}

/// A number of things: `1 row`, `2 rows`. For words that take an `s`.
#[must_use]
pub fn counted(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// Cuts `text` to at most 500 bytes on a character boundary, so that a hostile input cannot fill a log.
#[must_use]
pub fn bounded(text: &str) -> String {
    const LIMIT: usize = 500;
    if text.len() <= LIMIT {
        return text.to_owned();
    }
    let mut end = LIMIT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Bytes of a document as a message shows them: at most `most` characters, with `…` where more follows.
///
/// What is no UTF-8 stands as `\xNN`, and so does what a terminal would obey; other signs that nobody sees, or that turn
/// the direction of writing, stand as `\u{N}`. Letters of any script stay. It is for people: a backslash stays as it is.
#[must_use]
pub fn excerpt(bytes: &[u8], most: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    let mut add = |piece: &str| {
        length += piece.chars().count();
        let fits = length <= most;
        shown.push_str(if fits { piece } else { "…" });
        fits
    };
    let mut buffer = [0; 4];
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let fits = match character {
                '\t' | '\r' | '\n' => add(&character.escape_default().to_string()),
                '\0'..='\x1f' | '\x7f' => add(&format!("\\x{:02x}", u32::from(character))),
                unseen if is_unseen(unseen) => add(&unseen.escape_unicode().to_string()),
                seen => add(seen.encode_utf8(&mut buffer)),
            };
            if !fits {
                return shown;
            }
        }
        for byte in chunk.invalid() {
            if !add(&format!("\\x{byte:02x}")) {
                return shown;
            }
        }
    }
    shown
}

/// Controls beyond ASCII, joiners, marks of direction and of byte order.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{bounded, excerpt};

    #[test]
    fn an_excerpt_of_bytes_is_short_and_obeys_nobody() {
        for (bytes, shown) in [
            (&b"A|B"[..], "A|B"),
            ("Größe €".as_bytes(), "Größe €"),
            (b"Gr\xf6\xdfe\0", r"Gr\xf6\xdfe\x00"),
            (b"\x1b[31m\ta\r\n\x7f", r"\x1b[31m\ta\r\n\x7f"),
            ("a\u{202e}b\u{85}\u{feff}".as_bytes(), r"a\u{202e}b\u{85}\u{feff}"),
            (b"", ""),
            (b"0123456789abc", "0123456789ab…"),
            (b"\0\0\0\0", r"\x00\x00\x00…"),
            ("ääääääääääää".as_bytes(), "ääääääääääää"),
        ] {
            let most = if shown.ends_with('…') { 12 } else { 60 };
            assert_eq!(excerpt(bytes, most), shown);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = "ä".repeat(400);
        let cut = bounded(&text);
        assert!(cut.len() < 510 && cut.ends_with('…'));
        assert_eq!(bounded("short"), "short");
    }
}
