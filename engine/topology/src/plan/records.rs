//! Topics that flows read, and how records that others wrote become rows.

use std::sync::Arc;

use batch::{ColumnType, RecordFact, Type};

use super::Columns;

/// Rows of a topic.
#[derive(Clone, Debug)]
pub struct TopicRead {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Columns of its values.
    pub columns: Columns,
    /// Columns of its key, a part of `columns`.
    pub key: Vec<Arc<str>>,
    /// Text of the Avro schema that `schemas/topics/` declares; `None` where the plan derives it from `columns`.
    pub schema: Option<Arc<str>>,
    /// Number of partitions.
    pub partitions: i32,
    /// How records become rows, where others wrote them; `None` where a flow of ours fills the topic.
    pub decode: Option<Box<RecordDecode>>,
    /// Facts of records that steps refer to.
    pub facts: Vec<RecordFact>,
    /// True if steps refer to fields of keys.
    pub needs_key_fields: bool,
}

impl TopicRead {
    /// What keys of its records are.
    #[must_use]
    pub fn key_type(&self) -> Type {
        match self.decode.as_ref().map(|decode| &decode.key) {
            Some(RecordKey::As(of)) => of.clone(),
            Some(RecordKey::Fields { .. }) | None => Type::Binary,
        }
    }

    /// The fields of keys by path, with the types that steps see: any of them is null where a record has no key.
    #[must_use]
    pub fn key_fields(&self) -> Columns {
        let Some(RecordKey::Fields { columns, .. }) = self.decode.as_ref().map(|decode| &decode.key) else {
            return Columns::new();
        };
        let open = |of: &ColumnType| of.nullable || !matches!(of.of, Type::List(_) | Type::Map(_));
        columns.iter().map(|(path, of)| (Arc::clone(path), ColumnType { nullable: open(of), ..of.clone() })).collect()
    }
}

/// How records that others wrote become rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDecode {
    /// What values are.
    pub values: RecordValues,
    /// What keys are.
    pub key: RecordKey,
    /// What becomes of a record without a value.
    pub tombstones: Tombstones,
}

/// What the keys of records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordKey {
    /// One value: `binary`, `text`, `integer` or `bigint`.
    As(Type),
    /// Several, in the format of values.
    Fields {
        /// JSON or Avro.
        format: RecordValues,
        /// The fields by path.
        columns: Columns,
        /// Text of the Avro schema that `schemas/topics/NAME-key.avsc` declares.
        schema: Option<Arc<str>>,
    },
}

/// Starts the names of the fields of keys in expressions.
pub const KEY_FIELD: &str = "record.key.";

/// What the values of records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordValues {
    /// Avro, framed with the id of a schema in the registry, by the topic's declared schema.
    Avro,
    /// One JSON object.
    Json {
        /// Fields by path, with their types.
        fields: Columns,
        /// True if a record with other fields is a dead letter.
        refuse_others: bool,
    },
    /// One line of delimited text.
    Delimited(DelimitedRecords),
}

/// Records that are one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelimitedRecords {
    /// Names of the columns, in the order of the cells.
    pub columns: Vec<Arc<str>>,
    /// One byte between cells.
    pub separator: u8,
    /// Whether `"` quotes cells (doubled inside).
    pub quotes: bool,
    /// Label of the WHATWG encoding standard: `utf-8`, or an encoding of one byte a character.
    pub encoding: Arc<str>,
    /// An empty cell is null (true) or empty text (false).
    pub empty_is_null: bool,
    /// A text column to which surplus cells belong.
    pub spill: Option<Arc<str>>,
}

impl RecordValues {
    /// The columns of rows; `None` where a schema says them.
    #[must_use]
    pub fn columns(&self) -> Option<Columns> {
        match self {
            Self::Avro => None,
            Self::Json { fields, .. } => Some(fields.clone()),
            Self::Delimited(lines) => {
                let text = |name: &Arc<str>| (Arc::clone(name), ColumnType::nullable(Type::Text));
                Some(lines.columns.iter().map(text).collect())
            }
        }
    }
}

/// What becomes of a record without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tombstones {
    /// It is a dead letter.
    Refuse,
    /// It is dropped and counted, under the reason `tombstone`.
    Drop,
    /// It is a row without values: null in every column.
    Keep,
}
