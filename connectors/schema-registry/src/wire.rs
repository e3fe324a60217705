//! The five bytes before a record that a registered schema wrote.
//!
//! ```text
//! 0      1                  5
//! ┌──────┬──────────────────┬─────────────────┐
//! │ 0x00 │ id, big-endian   │ the record      │
//! └──────┴──────────────────┴─────────────────┘
//! ```
//!
//! Source: Confluent's "wire format" of serializers. The newer form, an identifier of 16 bytes in a header of the record,
//! is not read.

use std::fmt;

/// Bytes before the record.
pub const HEADER_BYTES: usize = 5;
/// The first of them.
const MAGIC: u8 = 0;

/// The name of a schema in its registry. An id that was given never names another schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaId(pub u32);

impl fmt::Display for SchemaId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Bytes that are no record with the id of its schema. Bad data: no repetition helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Fewer bytes than the header has.
    #[error("the record has {length} bytes, and the id of its schema alone takes 5")]
    Short {
        /// Bytes that are there.
        length: usize,
    },
    /// It does not begin as it must.
    #[error("the record begins with the byte {found:#04x} instead of 0x00, so it does not name its schema")]
    Magic {
        /// The first byte.
        found: u8,
    },
}

/// Takes a record apart: the id of its schema, and what that wrote, which may be no byte at all.
///
/// # Errors
/// If it is none.
pub fn split(record: &[u8]) -> Result<(SchemaId, &[u8]), HeaderError> {
    let Some((header, rest)) = record.split_first_chunk::<HEADER_BYTES>() else {
        return Err(HeaderError::Short { length: record.len() });
    };
    let [magic, id @ ..] = *header;
    if magic != MAGIC {
        return Err(HeaderError::Magic { found: magic });
    }
    Ok((SchemaId(u32::from_be_bytes(id)), rest))
}

/// The bytes that go before a record.
#[must_use]
pub fn header(id: SchemaId) -> [u8; HEADER_BYTES] {
    let [first, second, third, fourth] = id.0.to_be_bytes();
    [MAGIC, first, second, third, fourth]
}

#[cfg(test)]
mod tests {
    use super::{HeaderError, SchemaId, header, split};

    #[test]
    fn a_record_is_taken_apart_as_it_was_made() {
        for id in [0, 1, 258, u32::MAX] {
            let record = [&header(SchemaId(id))[..], b"abc"].concat();
            assert_eq!(split(&record), Ok((SchemaId(id), &b"abc"[..])));
        }
        assert_eq!(header(SchemaId(0x0102_0304)), [0, 1, 2, 3, 4]);
        assert_eq!(split(&[0, 0, 0, 0, 7]), Ok((SchemaId(7), &[][..])));
        for length in 0..5 {
            assert_eq!(split(&vec![0; length]), Err(HeaderError::Short { length }));
        }
        assert_eq!(split(b"{\"a\":1}"), Err(HeaderError::Magic { found: b'{' }));
    }
}
