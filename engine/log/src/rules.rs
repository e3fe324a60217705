//! What callers may hand in: names, sizes, shapes. Every log asks here first, whichever crate it stands in.
//!
//! A breach is [`LogError::Misuse`], found before anything is buffered.

use batch::Records;

use crate::{LogError, Position, TopicSettings};

/// Most bytes of a position's metadata. Larger would not fit into what other logs allow there.
pub const MOST_METADATA: usize = 4096;

/// Most bytes of one record's key, value and headers together. The store's own limit is twice that; a record that
/// cannot be read back would block its partition for ever.
pub const LARGEST_RECORD: usize = 512 * 1024 * 1024;

/// Most bytes of a topic's name.
const LONGEST_NAME: usize = 200;

/// Most bytes of a group's name.
const LONGEST_GROUP: usize = 1000;

/// Most partitions of a topic. Each costs a little memory for ever; thousands on one machine are a mistake.
const MOST_PARTITIONS: i32 = 4096;

/// Says whether a topic may be made like this.
///
/// # Errors
/// [`LogError::Misuse`] if not.
pub fn check_topic(settings: &TopicSettings) -> Result<(), LogError> {
    let name = settings.name.as_ref();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > LONGEST_NAME || name == "." || name == ".." || !name.bytes().all(legal) {
        return Err(LogError::Misuse(format!("`{}` is not a name of a topic", batch::bounded(name))));
    }
    if !(1..=MOST_PARTITIONS).contains(&settings.partitions) {
        return Err(LogError::Misuse(format!(
            "topic `{name}` cannot have {} partitions, only 1 to {MOST_PARTITIONS}",
            settings.partitions
        )));
    }
    Ok(())
}

/// Says whether a group may commit this position.
///
/// # Errors
/// [`LogError::Misuse`] if not.
pub fn check_position(group: &str, position: &Position) -> Result<(), LogError> {
    if group.is_empty() || group.len() > LONGEST_GROUP {
        return Err(LogError::Misuse(format!("`{}` is not a name of a group", batch::bounded(group))));
    }
    if position.offset < 0 {
        return Err(LogError::Misuse(format!("position {} of group `{group}` is negative", position.offset)));
    }
    if position.metadata.len() > MOST_METADATA {
        return Err(LogError::Misuse(format!(
            "metadata of {} bytes of group `{group}` is longer than {MOST_METADATA}",
            position.metadata.len()
        )));
    }
    Ok(())
}

/// Says whether the columns of a block have one length.
///
/// # Errors
/// [`LogError::Misuse`] if not.
pub fn check_columns(records: &Records) -> Result<(), LogError> {
    use arrow::array::Array;
    let lengths = [records.keys.len(), records.values.len(), records.headers.len(), records.arrivals.len()];
    if lengths.iter().any(|length| *length != lengths[0]) {
        return Err(LogError::Misuse(format!("columns of a block have different lengths: {lengths:?}")));
    }
    Ok(())
}

/// Bytes of key, value and headers of one record.
#[must_use]
pub fn record_bytes(records: &Records, index: usize) -> usize {
    [&records.keys, &records.values, &records.headers]
        .iter()
        .map(|column| usize::try_from(column.value_length(index)).unwrap_or(0))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{check_position, check_topic};
    use crate::{Position, TopicSettings};

    #[test]
    fn names_and_numbers_are_checked() {
        let long = "n".repeat(201);
        let cases = [
            ("prices.v1_A-b", 1, true),
            (&long[..200], 4096, true),
            (long.as_str(), 1, false),
            ("", 1, false),
            ("..", 1, false),
            ("a/b", 1, false),
            ("ä", 1, false),
            ("a b", 1, false),
            ("a", 0, false),
            ("a", -1, false),
            ("a", i32::MAX, false),
        ];
        for (name, partitions, legal) in cases {
            let settings = TopicSettings { name: name.into(), partitions };
            assert_eq!(check_topic(&settings).is_ok(), legal, "{name} with {partitions}");
        }
    }

    #[test]
    fn positions_are_checked() {
        let cases = [
            ("group", 0, 4096, true),
            ("group", i64::MAX, 0, true),
            ("group", 0, 4097, false),
            ("group", -1, 0, false),
            ("", 0, 0, false),
        ];
        for (group, offset, length, legal) in cases {
            let position = Position { offset, metadata: "m".repeat(length) };
            assert_eq!(check_position(group, &position).is_ok(), legal, "{group} {offset} {length}");
        }
    }
}
