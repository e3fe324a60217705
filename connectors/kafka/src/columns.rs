//! Records as Kafka carries them and as the engine does.
//!
//! A record's *arrival* is Kafka's timestamp, which topics of ours let the broker set when it appends. An arrival that the
//! writer gives (a row that is tried again keeps its first one) goes into a last header of ours, `spotlight.arrival`: 8
//! bytes, a big-endian signed number of milliseconds since 1970 UTC. Reading takes it off again. So no record may bring
//! a header of that name, and none may bring one whose name holds a zero byte, at which the client would cut it off.
//!
//! What is lost: a header without a value comes back with an empty one.

use arrow::array::{Array, BinaryArray, Int64Array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use batch::{HeaderRanges, Headers, Records};
use log::LogError;
use rdkafka::message::{Header, OwnedHeaders};

use crate::native::Message;

/// Name of the header that carries a given arrival.
pub(crate) const ARRIVAL: &str = "spotlight.arrival";

/// Bytes that a record counts for beside its key, value and headers.
const AROUND: usize = 20;

/// Refuses headers that Kafka would not give back as they are.
pub(crate) fn check_headers(records: &Records) -> Result<(), LogError> {
    for index in 0..records.len() {
        let bytes = records.headers.value(index);
        if records.headers.is_null(index) || bytes.is_empty() {
            continue;
        }
        let mut ranges = HeaderRanges::new(bytes);
        let mut end = 0;
        for (name, value) in ranges.by_ref() {
            end = value.end;
            let name = &bytes[name];
            if name == ARRIVAL.as_bytes() || name.contains(&0) || std::str::from_utf8(name).is_err() {
                let name = batch::bounded(&String::from_utf8_lossy(name));
                return Err(LogError::Misuse(format!("Kafka cannot keep a header with the name {name:?}")));
            }
        }
        if end != bytes.len() {
            return Err(LogError::Misuse("the headers of a record are no list of headers".to_owned()));
        }
    }
    Ok(())
}

/// True if a record has headers for the client.
pub(crate) fn has_headers(records: &Records, index: usize) -> bool {
    let given = records.headers.is_valid(index) && !records.headers.value(index).is_empty();
    given || (records.arrivals.is_valid(index) && records.arrivals.value(index) != 0)
}

/// The headers of a record for the client; nothing if there are none. The record has passed [`check_headers`].
pub(crate) fn headers_of(records: &Records, index: usize) -> Option<OwnedHeaders> {
    if !has_headers(records, index) {
        return None;
    }
    let bytes = if records.headers.is_null(index) { &[][..] } else { records.headers.value(index) };
    let arrival = if records.arrivals.is_null(index) { 0 } else { records.arrivals.value(index) };
    let mut headers = OwnedHeaders::new();
    for (name, value) in HeaderRanges::new(bytes) {
        let key = std::str::from_utf8(&bytes[name]).unwrap_or_default();
        headers = headers.insert(Header { key, value: Some(&bytes[value]) });
    }
    if arrival != 0 {
        headers = headers.insert(Header { key: ARRIVAL, value: Some(&arrival.to_be_bytes()) });
    }
    Some(headers)
}

/// Bytes with offsets, as Arrow has them, that grow by whole values. The buffers of one column.
#[derive(Default)]
struct Bytes {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    /// Which values are there, as soon as one is not.
    valid: Option<Vec<bool>>,
}

impl Bytes {
    fn with_room(records: usize, bytes: usize) -> Self {
        Self { offsets: Vec::with_capacity(records + 1), bytes: Vec::with_capacity(bytes), valid: None }
    }

    fn push(&mut self, value: Option<&[u8]>) {
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.close(value.is_some());
    }

    /// Ends a value whose bytes were added.
    fn close(&mut self, valid: bool) {
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        if !valid || self.valid.is_some() {
            let before = self.offsets.len() - 1;
            self.valid.get_or_insert_with(|| vec![true; before]).push(valid);
        }
        // A block ends before its bytes do not fit; see `Block::ends_before`.
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    fn finish(self) -> BinaryArray {
        let nulls = self.valid.map(|valid| NullBuffer::new(BooleanBuffer::from(valid)));
        let offsets = if self.offsets.is_empty() { vec![0] } else { self.offsets };
        BinaryArray::new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(self.bytes), nulls)
    }
}

/// How large a block became.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockSize {
    records: usize,
    keys: usize,
    values: usize,
    headers: usize,
}

/// Records with consecutive offsets that are being collected.
#[derive(Default)]
pub(crate) struct Block {
    base: i64,
    keys: Bytes,
    values: Bytes,
    headers: Bytes,
    arrivals: Vec<i64>,
}

impl Block {
    /// Most records of a block, and most bytes unless one record has more; as the embedded log cuts them.
    const MOST_RECORDS: usize = 8192;
    const MOST_BYTES: usize = 4 * 1024 * 1024;

    /// An empty one with room for as much as another had: buffers that grow are copied, and their memory is touched twice.
    pub(crate) fn with_room(size: BlockSize) -> Self {
        let records = size.records;
        Self {
            base: 0,
            keys: Bytes::with_room(records, size.keys),
            values: Bytes::with_room(records, size.values),
            headers: Bytes::with_room(records, size.headers),
            arrivals: Vec::with_capacity(records),
        }
    }

    /// How large it is.
    pub(crate) fn size(&self) -> BlockSize {
        let Self { keys, values, headers, arrivals, .. } = self;
        let [keys, values, headers] = [keys, values, headers].map(|column| column.bytes.len());
        BlockSize { records: arrivals.len(), keys, values, headers }
    }

    /// True if a record at this offset must start another block.
    pub(crate) fn ends_before(&self, offset: i64) -> bool {
        let bytes = self.keys.bytes.len() + self.values.bytes.len() + self.headers.bytes.len();
        !self.arrivals.is_empty()
            && (self.base + self.arrivals.len() as i64 != offset
                || self.arrivals.len() >= Self::MOST_RECORDS
                || bytes >= Self::MOST_BYTES)
    }

    /// Adds a record; gives the bytes that it counts for.
    pub(crate) fn push(&mut self, message: &Message) -> usize {
        if self.arrivals.is_empty() {
            self.base = message.offset();
        }
        let (key, value) = (message.key(), message.value());
        let start = self.headers.bytes.len();
        let mut given = None;
        message.each_header(&mut |name, value| {
            let arrival = (name == ARRIVAL.as_bytes()).then(|| <[u8; 8]>::try_from(value).ok()).flatten();
            if let Some(arrival) = arrival {
                given = Some(i64::from_be_bytes(arrival));
            } else {
                Headers::append(&String::from_utf8_lossy(name), value, &mut self.headers.bytes);
            }
        });
        let headers = self.headers.bytes.len() - start;
        self.headers.close(true);
        self.keys.push(key);
        self.values.push(value);
        self.arrivals.push(given.unwrap_or_else(|| message.timestamp()));
        key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers + AROUND
    }

    /// The records, if there are any.
    pub(crate) fn finish(self) -> Option<Records> {
        (!self.arrivals.is_empty()).then(|| Records {
            base_offset: self.base,
            keys: self.keys.finish(),
            values: self.values.finish(),
            headers: self.headers.finish(),
            arrivals: Int64Array::from(self.arrivals),
        })
    }
}

#[cfg(test)]
mod tests {
    use batch::{Headers, RecordsBuilder};
    use log::LogError;

    use super::{ARRIVAL, check_headers};

    #[test]
    fn headers_that_would_not_come_back_are_refused() {
        let named = |name: &str| {
            let mut headers = Headers::new();
            headers.push(name, b"value");
            headers
        };
        let cases = [
            (Headers::new(), true),
            (named("code"), true),
            (named(""), true),
            (named("ä"), true),
            (named(ARRIVAL), false),
            (named("a\0b"), false),
        ];
        for (headers, legal) in cases {
            let mut builder = RecordsBuilder::new();
            builder.push(None, None, &Headers::new(), 0);
            builder.push(None, None, &headers, 0);
            let mut records = builder.finish();
            let outcome = check_headers(&records);
            assert_eq!(outcome.is_ok(), legal, "{headers:?}");
            assert!(legal || matches!(outcome, Err(LogError::Misuse(_))), "{headers:?}");
            let broken = arrow::array::BinaryArray::from_iter_values([&b""[..], &[9, 0, 0, 0]]);
            records.headers = broken;
            assert!(check_headers(&records).is_err(), "bytes that are no headers");
        }
    }
}
