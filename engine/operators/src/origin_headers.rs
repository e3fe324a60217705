//! Where a row came from, as headers of its record, so that a row keeps its document through any number of topics.
//!
//! ```text
//! spotlight.document   key "@" version
//! spotlight.member     name of the archive's member
//! spotlight.line       line in the member
//! ```
//!
//! Neighbouring rows mostly stand in one document: what is equal to the row before is neither made nor read again, and
//! names that were read are views of the headers' own bytes.

use std::io::Write as _;
use std::ops::Range;

use arrow::array::{Array, BinaryArray, Int64Array, StringViewArray, StringViewBuilder, UInt64Array};
use arrow::buffer::{Buffer, OffsetBuffer};
use batch::{HeaderRanges, Headers, Origins, Place};

const DOCUMENT: &str = "spotlight.document";
const MEMBER: &str = "spotlight.member";
const LINE: &str = "spotlight.line";

/// The headers of each row.
pub(crate) fn written(origins: &Origins) -> BinaryArray {
    let rows = origins.len();
    if matches!(origins.place, Place::Nowhere) {
        return BinaryArray::new(OffsetBuffer::new_zeroed(rows), Buffer::default(), None);
    }
    let (documents, versions, members, lines) = origins.place.spread(rows);
    let same = |row: usize| {
        let text = |array: &StringViewArray| {
            (array.is_null(row), array.value(row)) == (array.is_null(row - 1), array.value(row - 1))
        };
        text(&documents) && versions.value(row) == versions.value(row - 1) && text(&members)
    };
    let mut bytes = Vec::with_capacity(rows * 128);
    let mut lengths = Vec::with_capacity(rows);
    let (mut shared, mut line) = (Headers::new(), Vec::new());
    for row in 0..rows {
        if row == 0 || !same(row) {
            shared = Headers::new();
            if documents.is_valid(row) {
                let document = format!("{}@{}", documents.value(row), versions.value(row));
                shared.push(DOCUMENT, document.as_bytes());
            }
            if members.is_valid(row) {
                shared.push(MEMBER, members.value(row).as_bytes());
            }
        }
        let start = bytes.len();
        bytes.extend_from_slice(shared.as_bytes());
        if lines.is_valid(row) {
            line.clear();
            // Writing to memory cannot fail.
            let _written = write!(line, "{}", lines.value(row));
            Headers::append(LINE, &line, &mut bytes);
        }
        lengths.push(bytes.len() - start);
    }
    BinaryArray::new(OffsetBuffer::from_lengths(lengths), Buffer::from_vec(bytes), None)
}

/// The documents that the headers name. What cannot be read is as if it were not there.
pub(crate) fn place(headers: &BinaryArray) -> Place {
    let offsets = headers.value_offsets();
    if offsets.first() == offsets.last() {
        return Place::Nowhere;
    }
    let mut documents = Names::new(headers);
    let mut members = Names::new(headers);
    let (mut versions, mut lines) = (Vec::with_capacity(headers.len()), Vec::with_capacity(headers.len()));
    let mut version_of: (Range<usize>, Option<i64>) = (0..0, None);
    for (row, start) in offsets.iter().take(headers.len()).enumerate() {
        let (start, bytes) = (*start as usize, headers.value(row));
        let (mut document, mut member, mut line) = (None, None, None);
        for (name, value) in HeaderRanges::new(bytes) {
            match &bytes[name] {
                name if name == DOCUMENT.as_bytes() => document = Some(value),
                name if name == MEMBER.as_bytes() => member = Some(value),
                name if name == LINE.as_bytes() => line = number(&bytes[value]),
                _ => {}
            }
        }
        let split = document.and_then(|range| {
            let at = bytes[range.clone()].iter().rposition(|byte| *byte == b'@')?;
            Some((range.start..range.start + at, range.start + at + 1..range.end))
        });
        let (key, version) = split.unzip();
        let version = version.and_then(|range| {
            let whole = start + range.start..start + range.end;
            if headers.values().get(version_of.0.clone()) != Some(&bytes[range.clone()]) || version_of.0.is_empty() {
                version_of = (whole, number(&bytes[range]));
            }
            version_of.1
        });
        documents.push(key.map(|range| start + range.start..start + range.end));
        members.push(member.map(|range| start + range.start..start + range.end));
        versions.push(version);
        lines.push(line);
    }
    Place::Mixed {
        documents: documents.finish(),
        versions: Int64Array::from(versions),
        members: members.finish(),
        lines: UInt64Array::from(lines),
    }
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A column of names that stand in the headers' bytes.
struct Names {
    views: StringViewBuilder,
    block: u32,
}

impl Names {
    fn new(headers: &BinaryArray) -> Self {
        let mut views = StringViewBuilder::with_capacity(headers.len());
        let block = views.append_block(headers.values().clone());
        Self { views, block }
    }

    fn push(&mut self, range: Option<Range<usize>>) {
        // Offsets of a column are 31 bits wide. What is no text is no name.
        let added = range.map(|range| self.views.try_append_view(self.block, range.start as u32, range.len() as u32));
        if !matches!(added, Some(Ok(()))) {
            self.views.append_null();
        }
    }

    fn finish(mut self) -> StringViewArray {
        self.views.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::BinaryViewArray;
    use batch::{Input, TopicIdentity};

    use super::*;

    type Row<'a> = (Option<&'a str>, Option<i64>, Option<&'a str>, Option<u64>);

    fn origins(rows: &[Row<'_>]) -> Origins {
        Origins {
            input: Arc::new(Input { topic: "input".into(), identity: TopicIdentity(1), partition: 0 }),
            offsets: Int64Array::from_value(0, rows.len()),
            rows: Int64Array::from_value(0, rows.len()),
            arrivals: Int64Array::from_value(0, rows.len()),
            place: Place::Mixed {
                documents: rows.iter().map(|row| row.0).collect(),
                versions: rows.iter().map(|row| row.1).collect(),
                members: rows.iter().map(|row| row.2).collect(),
                lines: rows.iter().map(|row| row.3).collect(),
            },
            raw: BinaryViewArray::from_iter_values(rows.iter().map(|_| b"")),
        }
    }

    type Read = (Option<String>, Option<i64>, Option<String>, Option<u64>);

    fn read(place: &Place, rows: usize) -> Vec<Read> {
        let (documents, versions, members, lines) = place.spread(rows);
        (0..rows)
            .map(|row| {
                (
                    documents.is_valid(row).then(|| documents.value(row).to_owned()),
                    versions.is_valid(row).then(|| versions.value(row)),
                    members.is_valid(row).then(|| members.value(row).to_owned()),
                    lines.is_valid(row).then(|| lines.value(row)),
                )
            })
            .collect()
    }

    #[test]
    fn origins_survive_headers() {
        let long = "a-document-with-a-long-name-and-an-@-in-it.zip";
        let rows: Vec<Row<'_>> = vec![
            (Some(long), Some(1), Some("member.csv"), Some(2)),
            (Some(long), Some(1), Some("member.csv"), Some(3)),
            (Some(long), Some(2), Some("member.csv"), None),
            (Some("short"), Some(11), Some("other.csv"), Some(u64::MAX)),
            (Some("short"), Some(1), None, Some(0)),
            (None, None, Some("alone"), Some(1)),
            (None, None, None, None),
            (Some(""), Some(-1), Some(""), Some(1)),
        ];
        for first in 0..rows.len() {
            let headers = written(&origins(&rows[first..]));
            let expected: Vec<_> = rows[first..]
                .iter()
                .map(|row| (row.0.map(str::to_owned), row.1, row.2.map(str::to_owned), row.3))
                .collect();
            assert_eq!(read(&place(&headers), headers.len()), expected, "from {first}");
            let rest = headers.len() / 2;
            let sliced = headers.slice(rest, headers.len() - rest);
            assert_eq!(read(&place(&sliced), sliced.len()), expected[rest..], "a slice from {first}");
        }
    }

    #[test]
    fn no_headers_are_no_place_and_strange_ones_no_name() {
        let none = BinaryArray::from_vec(vec![b"", b""]);
        assert!(matches!(place(&none), Place::Nowhere));
        let mut other = Headers::new();
        other.push("trace", b"1");
        other.push(DOCUMENT, b"\xff@1");
        other.push(LINE, b"many");
        let cut = &other.as_bytes()[..other.as_bytes().len() - 1];
        for strange in [other.as_bytes(), cut, b"\xff\xff\xff\xff", b"\0"] {
            let headers = BinaryArray::from_vec(vec![strange]);
            let (document, _, member, line) = read(&place(&headers), 1).remove(0);
            assert_eq!((document, member, line), (None, None, None));
        }
    }
}
