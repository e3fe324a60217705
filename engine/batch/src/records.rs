//! Records as a log keeps them: key, value, headers and arrival time, many at once in shared buffers.
//!
//! On disk and between crates a block of headers is, per header, a little-endian `u32` length and the name's bytes,
//! then a `u32` length and the value's bytes. An empty list of headers is no bytes at all.

use std::ops::Range;

use arrow::array::{Array, AsArray, BinaryArray, BinaryBuilder, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::error::ArrowError;

/// A header of a record: a name and bytes. Names may repeat; their order is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name.
    pub name: String,
    /// Value.
    pub value: Vec<u8>,
}

/// The headers of one record, encoded as the module's prose says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<u8>);

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        Self::append(name, value, &mut self.0);
    }

    /// Adds a header at the end of encoded ones.
    pub fn append(name: &str, value: &[u8], bytes: &mut Vec<u8>) {
        for part in [name.as_bytes(), value] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&part[..length as usize]);
        }
    }

    /// The encoded bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads encoded headers. `None` if the bytes are no list of headers.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Vec<Header>> {
        let mut ranges = HeaderRanges::new(bytes);
        let header = |(name, value): (Range<usize>, Range<usize>)| {
            Some(Header { name: String::from_utf8(bytes[name].to_vec()).ok()?, value: bytes[value].to_vec() })
        };
        let headers = ranges.by_ref().map(header).collect::<Option<Vec<_>>>()?;
        (!ranges.damaged).then_some(headers)
    }
}

/// Where names and values of encoded headers lie, one header after another. Ends at the first that is damaged.
#[derive(Clone, Debug)]
pub struct HeaderRanges<'a> {
    bytes: &'a [u8],
    at: usize,
    damaged: bool,
}

impl<'a> HeaderRanges<'a> {
    /// The headers of one record.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, damaged: false }
    }

    fn part(&mut self) -> Option<Range<usize>> {
        let length = self.bytes.get(self.at..)?.first_chunk::<4>()?;
        let start = self.at + 4;
        let end = start.checked_add(u32::from_le_bytes(*length) as usize).filter(|end| *end <= self.bytes.len())?;
        self.at = end;
        Some(start..end)
    }
}

impl Iterator for HeaderRanges<'_> {
    type Item = (Range<usize>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.damaged || self.at == self.bytes.len() {
            return None;
        }
        let pair = self.part().and_then(|name| self.part().map(|value| (name, value)));
        self.damaged = pair.is_none();
        pair
    }
}

/// Consecutive records of one partition.
///
/// All columns have one length. Record `i` has offset `base_offset + i`.
#[derive(Clone, Debug)]
pub struct Records {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Key of each record; null where it has none.
    pub keys: BinaryArray,
    /// Value of each record; null for a tombstone.
    pub values: BinaryArray,
    /// Encoded headers of each record; see [`Headers`].
    pub headers: BinaryArray,
    /// When each record was appended, in milliseconds since 1970 UTC.
    pub arrivals: Int64Array,
}

/// Bytes between the first and the last offset: a slice of a column shares the data of the whole.
fn data_bytes(column: &BinaryArray) -> usize {
    let offsets = column.value_offsets();
    let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    usize::try_from(last - first).unwrap_or(0)
}

/// One record, borrowed from a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Offset in its partition.
    pub offset: i64,
    /// Key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Encoded headers; see [`Headers`].
    pub headers: &'a [u8],
    /// When it was appended, in milliseconds since 1970 UTC.
    pub arrival: i64,
}

impl Records {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes that they take in memory, near enough for a bound.
    #[must_use]
    pub fn memory(&self) -> usize {
        let data = [&self.keys, &self.values, &self.headers].map(data_bytes);
        data.iter().sum::<usize>() + self.len() * (size_of::<i64>() + 3 * size_of::<i32>())
    }

    /// Bytes of all values.
    #[must_use]
    pub fn value_bytes(&self) -> usize {
        data_bytes(&self.values)
    }

    /// True if there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.base_offset + self.len() as i64
    }

    /// Record `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Record<'_> {
        Record {
            offset: self.base_offset + index as i64,
            key: self.keys.is_valid(index).then(|| self.keys.value(index)),
            value: self.values.is_valid(index).then(|| self.values.value(index)),
            headers: self.headers.value(index),
            arrival: self.arrivals.value(index),
        }
    }

    /// All records in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// `length` records from index `start` on, without a copy.
    #[must_use]
    pub fn slice(&self, start: usize, length: usize) -> Self {
        Self {
            base_offset: self.base_offset + start as i64,
            keys: self.keys.slice(start, length),
            values: self.values.slice(start, length),
            headers: self.headers.slice(start, length),
            arrivals: self.arrivals.slice(start, length),
        }
    }
}

impl Records {
    /// The records with these indices, in this order, as records of another place: offsets count from 0.
    ///
    /// # Errors
    /// If an index is out of bounds, or the bytes are more than one column holds.
    pub fn take(&self, indices: &UInt32Array) -> Result<Self, ArrowError> {
        let bytes = |column: &BinaryArray| Ok::<_, ArrowError>(take(column, indices, None)?.as_binary().clone());
        Ok(Self {
            base_offset: 0,
            keys: bytes(&self.keys)?,
            values: bytes(&self.values)?,
            headers: bytes(&self.headers)?,
            arrivals: take(&self.arrivals, indices, None)?.as_primitive().clone(),
        })
    }
}

/// Collects records that are to be appended to one partition. The log sets offsets and arrival times.
#[derive(Debug, Default)]
pub struct RecordsBuilder {
    keys: BinaryBuilder,
    values: BinaryBuilder,
    headers: BinaryBuilder,
    arrivals: Vec<i64>,
}

impl RecordsBuilder {
    /// An empty block.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record. Its arrival is 0 until the log sets it, or kept if it is not 0: a replayed row keeps its first
    /// arrival.
    pub fn push(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, headers: &Headers, arrival: i64) {
        self.keys.append_option(key);
        self.values.append_option(value);
        self.headers.append_value(headers.as_bytes());
        self.arrivals.push(arrival);
    }

    /// Number of records so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// True if no record was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// The block, with offsets from 0.
    #[must_use]
    pub fn finish(mut self) -> Records {
        Records {
            base_offset: 0,
            keys: self.keys.finish(),
            values: self.values.finish(),
            headers: self.headers.finish(),
            arrivals: Int64Array::from(self.arrivals),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, Headers, RecordsBuilder};

    #[test]
    fn headers_survive_encoding_and_damage_is_seen() {
        let mut headers = Headers::new();
        headers.push("code", b"E4102");
        headers.push("empty", b"");
        let decoded = Headers::decode(headers.as_bytes()).expect("whole");
        assert_eq!(decoded[0], Header { name: "code".into(), value: b"E4102".to_vec() });
        assert_eq!(decoded.len(), 2);
        assert!(Headers::decode(&headers.as_bytes()[..7]).is_none());
        assert!(Headers::decode(&[255, 255, 255, 255]).is_none());
    }

    #[test]
    fn a_slice_keeps_its_offsets() {
        let mut builder = RecordsBuilder::new();
        for number in 0..3_u8 {
            builder.push(None, Some(&[number]), &Headers::new(), 0);
        }
        let mut records = builder.finish();
        records.base_offset = 10;
        let slice = records.slice(1, 2);
        assert_eq!(slice.get(0).offset, 11);
        assert_eq!(slice.get(1).value, Some(&[2_u8][..]));
        assert_eq!(slice.next_offset(), 13);
    }
}
