//! What a row's record says beside its value: `record.NAME` in expressions.

use crate::{ColumnType, Type};

/// A fact of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordFact {
    /// Name of the topic.
    Topic,
    /// Number of the partition.
    Partition,
    /// Offset in the partition.
    Offset,
    /// Kafka's timestamp: when the record was made, or appended, as the topic is set. Null where it has none.
    Timestamp,
    /// The key. Null where the record has none.
    Key,
    /// The last header of each name.
    Headers,
    /// Whether the record has no value.
    Tombstone,
}

impl RecordFact {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Topic, Self::Partition, Self::Offset, Self::Timestamp, Self::Key, Self::Headers, Self::Tombstone];

    /// The name that expressions use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "record.topic",
            Self::Partition => "record.partition",
            Self::Offset => "record.offset",
            Self::Timestamp => "record.timestamp",
            Self::Key => "record.key",
            Self::Headers => "record.headers",
            Self::Tombstone => "record.tombstone",
        }
    }

    /// The fact of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| fact.name() == name)
    }

    /// Its type; `key` is what the record's key is read as.
    #[must_use]
    pub fn column_type(self, key: &Type) -> ColumnType {
        match self {
            Self::Topic => ColumnType::of(Type::Text),
            Self::Partition => ColumnType::of(Type::Integer { bits: 32, signed: true }),
            Self::Offset => ColumnType::of(Type::BIGINT),
            Self::Timestamp => ColumnType::nullable(Type::Timestamp { digits: 3, zone: Some("UTC".into()) }),
            Self::Key => ColumnType::nullable(key.clone()),
            Self::Headers => ColumnType::of(Type::Map(Box::new(Type::Binary))),
            Self::Tombstone => ColumnType::of(Type::Boolean),
        }
    }
}
