//! Encodings of documents: which names are known, and a test's text as a publisher would send it.
//!
//! Names are labels of the WHATWG encoding standard. Read are UTF-8, UTF-16 and every encoding of one byte a character;
//! in all others a separator can be half of a character.

use std::sync::Arc;

use encoding_rs::{EncoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Names that a finding suggests.
pub(crate) const COMMON: [&str; 12] = [
    "utf-8",
    "utf-16",
    "utf-16be",
    "windows-1252",
    "iso-8859-1",
    "latin1",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "us-ascii",
    "ibm866",
    "macintosh",
];

/// The name under which the codec knows an encoding that is read.
pub(crate) fn label(text: &str) -> Option<Arc<str>> {
    let mut label = text.to_ascii_lowercase();
    // People write these; the standard has the numbers without the stroke, and some of them as `l9` only.
    if let Some(number) = label.strip_prefix("latin-").or_else(|| label.strip_prefix("latin")) {
        label = format!("l{number}");
    }
    let found = Encoding::for_label(label.as_bytes())?;
    let read = is_wide(found) || found == UTF_8 || found.is_single_byte();
    // What the standard knows stays as it was written.
    let written = text.to_ascii_lowercase();
    read.then(|| if Encoding::for_label(written.as_bytes()).is_some() { written.into() } else { label.into() })
}

fn is_wide(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// Text as bytes of an encoding, without a mark that the text does not have.
///
/// # Errors
/// Where the first character stands that the encoding has not, in bytes.
pub(crate) fn encoded(text: &str, label: &str) -> Result<Vec<u8>, usize> {
    let encoding = Encoding::for_label(label.as_bytes()).unwrap_or(UTF_8);
    if encoding == UTF_8 {
        return Ok(text.as_bytes().to_vec());
    }
    if is_wide(encoding) {
        let bytes = |unit: u16| if encoding == UTF_16LE { unit.to_le_bytes() } else { unit.to_be_bytes() };
        return Ok(text.encode_utf16().flat_map(bytes).collect());
    }
    let mut encoder = encoding.new_encoder();
    let room = encoder.max_buffer_length_from_utf8_without_replacement(text.len()).unwrap_or(text.len());
    let mut bytes = Vec::with_capacity(room);
    let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(text, &mut bytes, true);
    match result {
        EncoderResult::InputEmpty => Ok(bytes),
        EncoderResult::Unmappable(character) => Err(read - character.len_utf8()),
        EncoderResult::OutputFull => Err(read),
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMON, encoded, label};

    #[test]
    fn names_are_those_of_the_standard_and_of_people() {
        for (written, known) in [
            ("UTF-8", Some("utf-8")),
            ("latin1", Some("latin1")),
            ("Latin-1", Some("l1")),
            ("latin-9", Some("l9")),
            ("latin9", Some("l9")),
            ("windows-1252", Some("windows-1252")),
            ("shift_jis", None),
            ("latin", None),
            ("klingon", None),
        ] {
            assert_eq!(label(written).as_deref(), known, "{written}");
        }
        assert!(COMMON.iter().all(|name| label(name).is_some()));
    }

    #[test]
    fn what_an_encoding_has_not_is_found() {
        assert_eq!(encoded("aüж", "windows-1252"), Err(3));
        assert_eq!(encoded("ж", "us-ascii"), Err(0));
        assert_eq!(encoded("", "windows-1252"), Ok(Vec::new()));
        let long = "ü".repeat(100_000);
        assert_eq!(encoded(&long, "windows-1252"), Ok(vec![0xfc; 100_000]));
    }
}
