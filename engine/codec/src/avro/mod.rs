//! Columns to Avro records and back, in Confluent's frame.
//!
//! A value in a topic is a frame and a body:
//!
//! ```text
//! byte 0       0
//! bytes 1–4    id of the writer's schema, big-endian
//! bytes 5–     the record in Avro's binary encoding
//! ```
//!
//! Schemas are parsed by the Avro library; records are not. A plan compiled from a schema writes straight from Arrow
//! columns and reads straight into them, so that no tree of values is made for a row. A record that cannot be read or
//! written is set aside with a reason, and its neighbours are not touched.
//!
//! **Columns.** A topology sees plain columns, which expressions can name and ClickHouse can hold; there are no structs.
//!
//! * The fields of a record within a record are columns by dotted path: `price` of `trade` is `trade.price`. Where the
//!   record may be null, they all may: a null record is one whose columns are all null (its lists and maps empty).
//! * An array of records is a list for each field, all of one length: `legs.price` and `legs.side`. So ClickHouse keeps
//!   `Nested`. A map of records is a map for each field, all with the same keys.
//! * A union of null and one type is a nullable column of that type. Lists and maps are empty, never null, at the top;
//!   within lists and maps they may be null.
//! * A union of several types is a nullable column for each, named by the type as Avro's JSON encoding does, without a
//!   namespace: `x.string`, `x.long`, `x.Trade.price`. At most one of them is not null.
//! * A field with a written type in its property `spotlight.type` is one column, whatever it is: of a union of several types
//!   it takes the branches that it can hold, and a record with another is bad.
//! * What is always null, and a record without fields, has no column.
//! * A `uuid` is text, also in a `fixed`. `float` is double. Times of the day are numbers of their units. `duration` and
//!   `big-decimal` are their bytes.
//!
//! **Reading.** A writer's schema is resolved to the reader's by the rules of Avro's specification: by names and aliases,
//! with promotions and the reader's defaults; `matching` says where more is allowed. Fields without a column are
//! passed over, never made. Without a reader's schema, columns are found by name, and those that the writer lacks are null
//! or empty.
//!
//! Deliberately absent: a registry (ids and schemas are asked of a [`Schemas`]), schemas that contain themselves, and
//! structs: a list of columns cannot say how many empty records an array had.

#[cfg(test)]
mod case_tests;
pub(crate) mod columns;
mod compatibility;
mod decode;
mod defaults;
mod encode;
mod ids;
pub(crate) mod leaf;
mod matching;
mod plan;
mod read;
mod references;
mod resolve;
mod schema;
mod source;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use batch::Code;

pub use crate::record::{BadRecord, Decoded};
pub use compatibility::{Difference, compatibility};
pub use decode::{RecordDecoder, Schemas};
pub use encode::{Encoded, RecordEncoder};
pub use ids::SchemaIds;
pub use references::with_references;
pub use schema::{SchemaError, columns_of, fingerprint, normalised, record_schema};

/// Length of the frame before a record's body.
pub const FRAME_LENGTH: usize = 5;

/// The id of the writer's schema and the body of a framed record; `None` if it has no such frame.
#[must_use]
pub fn unframe(value: &[u8]) -> Option<(u32, &[u8])> {
    let (frame, body) = value.split_first_chunk::<FRAME_LENGTH>()?;
    let [0, id @ ..] = frame else { return None };
    Some((u32::from_be_bytes(*id), body))
}

/// The frame of a record whose writer's schema has this id.
#[must_use]
pub fn frame(id: u32) -> [u8; FRAME_LENGTH] {
    let [first, second, third, fourth] = id.to_be_bytes();
    [0, first, second, third, fourth]
}

/// What is wrong with one record; the caller knows which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    NoFrame,
    UnknownSchema(u32),
    CutOff,
    Trailing,
    Branch,
    Length,
    Text,
    Range,
    Null,
    Kind,
    Unresolved,
    Lists,
}

impl Fault {
    fn code(self) -> Code {
        Code(match self {
            Self::NoFrame => "E4301",
            Self::UnknownSchema(_) => "E4302",
            Self::CutOff => "E4303",
            Self::Trailing => "E4304",
            Self::Branch => "E4305",
            Self::Length | Self::Lists => "E4306",
            Self::Text => "E4307",
            Self::Range | Self::Null => "E4308",
            Self::Kind | Self::Unresolved => "E4309",
        })
    }

    fn bad(self, index: usize, column: Option<&str>) -> BadRecord {
        let mut message = match self {
            Self::NoFrame => "the value has no frame with a schema id".to_owned(),
            Self::UnknownSchema(id) => format!("the schema id {id} is not known"),
            Self::CutOff => "the record is cut off".to_owned(),
            Self::Trailing => "bytes follow the record".to_owned(),
            Self::Branch => "a union or enum has no branch of the number that is written".to_owned(),
            Self::Length => "a length is negative or longer than the record".to_owned(),
            Self::Text => "text is not valid UTF-8".to_owned(),
            Self::Range => "a value does not fit its type".to_owned(),
            Self::Null => "a value is null where null is no value".to_owned(),
            Self::Kind => "a value is of a kind that the column cannot hold".to_owned(),
            Self::Unresolved => {
                "a union's branch or an enum's symbol is none that the topic's schema has now".to_owned()
            }
            Self::Lists => "the columns of one array or map have not as many entries, or not the same keys".to_owned(),
        };
        let column = column.filter(|column| !column.is_empty());
        if let Some(column) = column {
            message.push_str(&format!(", column {column}"));
        }
        BadRecord { index, code: self.code(), field: column.map(Arc::from), message: batch::bounded(&message) }
    }
}
