//! The text beside a committed position: which row of the record is next, and the range that is being landed.
//!
//! JSON with short names, far below the 4,096 bytes that a log keeps:
//!
//! ```text
//! { "v": 1, "topic": identity of the input topic, "row": next row of the record at the position's offset,
//!   "open": { "o": last offset, "r": last row, "revision": text, "rows": number, "hash": 32 hexadecimal digits,
//!             "mixed": true if a part was landed with another hash, "at": milliseconds since 1970 UTC },
//!   "stores": [ { "s": name of a store, "t": identity of its changelog, "f": first offset that it needs, "e": offset
//!                 up to which it went } ] }
//! ```
//!
//! A task with so many stores that their marks would not fit says nothing of them.

use connect::RowPosition;
use log::Position;
use serde::{Deserialize, Serialize};

use crate::changelogs::ChangelogMark;

/// Bytes of marks of stores that fit beside all else.
const MOST_MARKS: usize = 3000;

/// What a position says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The next input row.
    pub next: RowPosition,
    /// Identity of the input topic, in hexadecimal.
    pub topic: String,
    /// The range that was opened and not closed.
    pub open: Option<OpenRange>,
    /// The changelogs of the task's stores.
    pub stores: Vec<ChangelogMark>,
}

/// A range that is being landed: it starts at [`Progress::next`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRange {
    /// Last input row, included.
    pub last: RowPosition,
    /// Revision of the topology that took it.
    pub revision: String,
    /// Rows that it lands.
    pub rows: u64,
    /// Hash over its pieces.
    pub hash: u128,
    /// True if an earlier process landed a part of it with another hash, so that rows must be asked for one by one.
    pub mixed: bool,
    /// When it was opened first, in milliseconds since 1970 UTC; 0 if that is not known.
    pub at: i64,
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    topic: String,
    row: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<WrittenRange>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stores: Vec<ChangelogMark>,
}

#[derive(Serialize, Deserialize)]
struct WrittenRange {
    o: i64,
    r: i64,
    revision: String,
    rows: u64,
    hash: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    mixed: bool,
    #[serde(default, skip_serializing_if = "unknown")]
    at: i64,
}

/// True for the time of what was opened by a program that did not note it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn unknown(at: &i64) -> bool {
    *at == 0
}

/// A position's text that this program cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the committed position holds text of another program or version")]
pub struct Unreadable;

impl Progress {
    /// The position to commit.
    #[must_use]
    pub fn position(&self) -> Position {
        let open = self.open.as_ref().map(|range| WrittenRange {
            o: range.last.offset,
            r: range.last.row,
            revision: range.revision.clone(),
            rows: range.rows,
            hash: format!("{:032x}", range.hash),
            mixed: range.mixed,
            at: range.at,
        });
        let fits = serde_json::to_string(&self.stores).is_ok_and(|text| text.len() <= MOST_MARKS);
        let stores = if fits { self.stores.clone() } else { Vec::new() };
        let written = Written { v: 1, topic: self.topic.clone(), row: self.next.row, open, stores };
        let metadata = serde_json::to_string(&written).unwrap_or_default();
        Position { offset: self.next.offset, metadata }
    }

    /// Reads a committed position.
    ///
    /// # Errors
    /// If its text is not of this form.
    pub fn read(position: &Position) -> Result<Self, Unreadable> {
        let written: Written = serde_json::from_str(&position.metadata).map_err(|_| Unreadable)?;
        if written.v != 1 {
            return Err(Unreadable);
        }
        let open = match written.open {
            None => None,
            Some(range) => Some(OpenRange {
                last: RowPosition { offset: range.o, row: range.r },
                revision: range.revision,
                rows: range.rows,
                hash: u128::from_str_radix(&range.hash, 16).map_err(|_| Unreadable)?,
                mixed: range.mixed,
                at: range.at,
            }),
        };
        let next = RowPosition { offset: position.offset, row: written.row };
        Ok(Self { next, topic: written.topic, open, stores: written.stores })
    }
}

#[cfg(test)]
mod tests {
    use super::{OpenRange, Progress};
    use crate::changelogs::ChangelogMark;
    use connect::RowPosition;

    #[test]
    fn a_position_reads_back_and_foreign_text_is_refused() {
        let range = OpenRange {
            last: RowPosition { offset: 9, row: 70 },
            revision: "r".into(),
            rows: 3,
            hash: 1 << 127,
            mixed: true,
            at: 7,
        };
        let mark = ChangelogMark { store: "once".into(), topic: "cd".into(), first: 3, end: 7 };
        let progress = Progress {
            next: RowPosition { offset: 9, row: 5 },
            topic: "ab".into(),
            open: Some(range),
            stores: vec![mark.clone()],
        };
        let mut position = progress.position();
        assert_eq!(Progress::read(&position), Ok(progress.clone()));
        let many = Progress { stores: vec![mark; 200], ..progress.clone() }.position();
        assert!(many.metadata.len() < log::MOST_METADATA);
        assert_eq!(Progress::read(&many), Ok(Progress { stores: Vec::new(), ..progress }));
        position.metadata = "{}".into();
        assert!(Progress::read(&position).is_err());
    }
}
