//! The bytes of one block of records.
//!
//! All numbers are little-endian; every section starts at a multiple of 8 and is filled up with zeros, so that the
//! columns can be used where they lie once the block is in aligned memory.
//!
//! ```text
//! byte  length  what
//!  0    1       version of this layout: 1, or 2 if a column is kept as 3
//!  1    3       for keys, values and headers, how the column is kept: 0 = every record has none (null; for headers:
//!               empty), no sections follow; 1 = every record has one; 2 = some are null; 3 = every record has one, and
//!               the data is one LZ4 block (headers only: neighbours repeat each other)
//!  4    4       number of records, 1 to 2^31 - 1
//!  8    8       xxh3 (64 bits) of: topic number u32, partition u32, base offset i64, then bytes 0-7 of the block and
//!               everything from byte 16 on
//! 16    3 x 4   bytes of data of keys, of values, of headers, as they are kept
//! 28    4       zero
//! 32    8 x n   arrivals
//!               then for each of keys, values and headers that is kept as 1, 2 or 3:
//!       4 x n+4   offsets into the data, from 0
//!       n bits    (kept as 2 only) 1 = has one, 0 = null; least significant bit first
//!       ...       data
//! ```
//!
//! The checksum covers the place, so a block that lies in the wrong place is found as surely as one with a wrong bit.
//! Still everything is checked again while decoding: no bytes can make it panic.

use arrow::array::{Array, AsArray, BinaryArray, Int64Array};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::concat;
use batch::Records;
use xxhash_rust::xxh3::Xxh3Default;

use crate::directory::Place;

const PLAIN: u8 = 1;
const PACKING: u8 = 2;
/// Length of what stands before the columns.
pub(super) const HEAD: usize = 32;

/// How a column is kept.
const NONE: u8 = 0;
const ALL: u8 = 1;
const SOME: u8 = 2;
const PACKED: u8 = 3;

/// An LZ4 block holds no more than this many times its own length.
const MOST_PACKED: usize = 255;

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BlockError {
    #[error("it is cut short or has bytes at its end")]
    Length,
    #[error("its layout has another version")]
    Version,
    #[error("its checksum does not match")]
    Checksum,
    #[error("its columns do not fit together")]
    Columns,
}

/// Adds the bytes of `records`, which lie at `place`. Columns of the same length, at most 2 GiB of data each; no null
/// among arrivals and headers. Nothing of what stands before is touched.
pub(super) fn encode(place: Place, records: &Records, to: &mut Vec<u8>) {
    let columns = [&records.keys, &records.values, &records.headers];
    let packed = packed(data_of(columns[2]));
    let headers = packed.as_deref().unwrap_or_else(|| data_of(columns[2]));
    let data = [data_of(columns[0]), data_of(columns[1]), headers];
    to.reserve(most_bytes(records));
    let mut bytes = Section { start: to.len(), bytes: to };
    let headers_kept = if packed.is_some() { PACKED } else { kept(columns[2], false) };
    let kept = [kept(columns[0], true), kept(columns[1], true), headers_kept];
    bytes.add(&[if packed.is_some() { PACKING } else { PLAIN }]);
    bytes.add(&kept);
    bytes.add(&length(records.len()));
    bytes.add(&[0; 8]);
    for data in data {
        bytes.add(&length(data.len()));
    }
    bytes.add(&[0; 4]);
    bytes.bytes.extend(records.arrivals.values().iter().flat_map(|arrival| arrival.to_le_bytes()));
    for ((column, data), kept) in columns.into_iter().zip(data).zip(kept) {
        encode_column(kept, column, data, &mut bytes);
    }
    let start = bytes.start;
    reseal(place, records.base_offset, &mut to[start..]);
}

/// No block of these records is longer.
pub(super) fn most_bytes(records: &Records) -> usize {
    let data = [&records.keys, &records.values, &records.headers].map(|column| data_of(column).len());
    // Arrivals, three columns of offsets, two of nulls, and zeros between them.
    HEAD + records.len() * (8 + 3 * 4 + 1) + data.iter().sum::<usize>() + 128
}

/// A block in the making, at the end of other bytes.
struct Section<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
}

impl Section<'_> {
    fn add(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
    }

    fn fill_up(&mut self) {
        let length = (self.bytes.len() - self.start).next_multiple_of(8);
        self.bytes.resize(self.start + length, 0);
    }
}

/// Writes the checksum of a block; nothing for bytes too short to be one.
pub(super) fn reseal(place: Place, base_offset: i64, bytes: &mut [u8]) {
    if bytes.len() >= HEAD {
        let checksum = checksum(place, base_offset, bytes);
        bytes[8..16].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The bytes as an LZ4 block, if that is worth it.
fn packed(data: &[u8]) -> Option<Vec<u8>> {
    const WORTH_IT: usize = 256;
    let packed = (data.len() >= WORTH_IT).then(|| lz4_flex::block::compress(data))?;
    (packed.len() < data.len() / 2).then_some(packed)
}

fn kept(column: &BinaryArray, nullable: bool) -> u8 {
    if nullable && column.null_count() == column.len() || !nullable && data_of(column).is_empty() {
        NONE
    } else if column.null_count() > 0 {
        SOME
    } else {
        ALL
    }
}

fn length(length: usize) -> [u8; 4] {
    // Offsets of the columns are 32-bit, so no length is larger.
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// The bytes between the first and the last offset: a slice of a column shares the data of the whole.
fn data_of(column: &BinaryArray) -> &[u8] {
    let offsets = column.value_offsets();
    let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    column.value_data().get(first as usize..last as usize).unwrap_or_default()
}

fn encode_column(kept: u8, column: &BinaryArray, data: &[u8], bytes: &mut Section<'_>) {
    if kept == NONE {
        return;
    }
    let first = column.value_offsets().first().copied().unwrap_or(0);
    bytes.bytes.extend(column.value_offsets().iter().flat_map(|offset| (offset - first).to_le_bytes()));
    bytes.fill_up();
    if let (SOME, Some(nulls)) = (kept, column.nulls()) {
        bytes.add(nulls.inner().sliced().as_slice().get(..column.len().div_ceil(8)).unwrap_or_default());
        bytes.fill_up();
    }
    bytes.add(data);
    bytes.fill_up();
}

fn checksum(place: Place, base_offset: i64, bytes: &[u8]) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.update(&place.topic.to_le_bytes());
    hash.update(&place.partition.to_le_bytes());
    hash.update(&base_offset.to_le_bytes());
    hash.update(&bytes[..8]);
    hash.update(&bytes[16..]);
    hash.digest()
}

/// Bytes at a place where Arrow may use the columns in them.
pub(super) fn aligned(bytes: &[u8]) -> Buffer {
    let mut aligned = MutableBuffer::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    aligned.into()
}

/// The records of a block that was found at `place` with this first offset. `bytes` start at a multiple of 8 in memory.
pub(super) fn decode(place: Place, base_offset: i64, bytes: Buffer) -> Result<Records, BlockError> {
    if bytes.len() < HEAD {
        return Err(BlockError::Length);
    }
    if !(PLAIN..=PACKING).contains(&bytes[0]) {
        return Err(BlockError::Version);
    }
    if checksum(place, base_offset, &bytes).to_le_bytes() != bytes[8..16] {
        return Err(BlockError::Checksum);
    }
    let count = number(&bytes, 4)?;
    base_offset.checked_add(count as i64).ok_or(BlockError::Columns)?;
    let (kept, lengths) = ([bytes[1], bytes[2], bytes[3]], [16, 20, 24].map(|at| number(&bytes, at)));
    let mut sections = Sections { bytes, at: HEAD };
    let arrivals = sections.take(count.checked_mul(8).ok_or(BlockError::Length)?)?;
    let arrivals = Int64Array::new(ScalarBuffer::new(arrivals, 0, count), None);
    let [keys, values, headers] = lengths;
    let keys = sections.column(kept[0], count, keys?)?;
    let values = sections.column(kept[1], count, values?)?;
    let headers = sections.column(kept[2], count, headers?)?;
    if sections.at != sections.bytes.len() {
        return Err(BlockError::Length);
    }
    Ok(Records {
        base_offset,
        keys: keys.unwrap_or_else(|| BinaryArray::new_null(count)),
        values: values.unwrap_or_else(|| BinaryArray::new_null(count)),
        headers: headers.unwrap_or_else(|| BinaryArray::new(OffsetBuffer::new_zeroed(count), Buffer::default(), None)),
        arrivals,
    })
}

fn number(bytes: &[u8], at: usize) -> Result<usize, BlockError> {
    let number = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(BlockError::Length)?;
    i32::try_from(u32::from_le_bytes(*number)).map(|number| number as usize).map_err(|_| BlockError::Columns)
}

/// The sections of a block, taken one after the other.
struct Sections {
    bytes: Buffer,
    at: usize,
}

impl Sections {
    /// The next `length` bytes; then steps over the zeros after them.
    fn take(&mut self, length: usize) -> Result<Buffer, BlockError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(BlockError::Length)?;
        let section = self.bytes.slice_with_length(self.at, length);
        self.at = end.next_multiple_of(8);
        Ok(section)
    }

    fn column(&mut self, kept: u8, count: usize, length: usize) -> Result<Option<BinaryArray>, BlockError> {
        if kept == NONE {
            return Ok(None);
        }
        if kept > PACKED {
            return Err(BlockError::Columns);
        }
        let offsets = ScalarBuffer::<i32>::new(self.take(4 * (count + 1))?, 0, count + 1);
        if offsets[0] != 0 || (kept != PACKED && offsets[count] as usize != length) || !offsets.is_sorted() {
            return Err(BlockError::Columns);
        }
        let nulls = match kept {
            SOME => Some(NullBuffer::new(BooleanBuffer::new(self.take(count.div_ceil(8))?, 0, count))),
            _ => None,
        };
        let mut data = self.take(length)?;
        if kept == PACKED {
            let whole = offsets[count] as usize;
            // No more memory is asked for than the bytes can fill.
            if whole > length.saturating_mul(MOST_PACKED) {
                return Err(BlockError::Columns);
            }
            let unpacked = lz4_flex::block::decompress(&data, whole).map_err(|_| BlockError::Columns)?;
            if unpacked.len() != whole {
                return Err(BlockError::Columns);
            }
            data = Buffer::from_vec(unpacked);
        }
        BinaryArray::try_new(OffsetBuffer::new(offsets), data, nulls).map(Some).map_err(|_| BlockError::Columns)
    }
}

/// Puts neighbouring small blocks together, up to `most` records, so that many small transactions do not become many
/// small arrays. Blocks follow one another without a gap.
pub(super) fn join_small(blocks: Vec<Records>, small: usize, most: usize) -> Vec<Records> {
    let mut joined = Vec::new();
    let mut run: Vec<Records> = Vec::new();
    let mut length = 0;
    for block in blocks {
        if block.len() > small || length + block.len() > most {
            flush(&mut run, &mut joined);
            length = 0;
        }
        if block.len() > small {
            joined.push(block);
        } else {
            length += block.len();
            run.push(block);
        }
    }
    flush(&mut run, &mut joined);
    joined
}

fn flush(run: &mut Vec<Records>, joined: &mut Vec<Records>) {
    match join(run) {
        Some(records) if run.len() > 1 => {
            run.clear();
            joined.push(records);
        }
        _ => joined.append(run),
    }
}

/// One block of all of these; nothing if there are none, or if together they are too large for one column.
fn join(run: &[Records]) -> Option<Records> {
    let column = |of: fn(&Records) -> &dyn Array| {
        let columns: Vec<&dyn Array> = run.iter().map(of).collect();
        concat(&columns).ok()
    };
    Some(Records {
        base_offset: run.first()?.base_offset,
        keys: column(|records| &records.keys)?.as_binary_opt()?.clone(),
        values: column(|records| &records.values)?.as_binary_opt()?.clone(),
        headers: column(|records| &records.headers)?.as_binary_opt()?.clone(),
        arrivals: column(|records| &records.arrivals)?.as_primitive_opt()?.clone(),
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, Int64Array};
    use batch::{Headers, Records, RecordsBuilder};

    use super::{BlockError, aligned, join_small};
    use crate::directory::Place;

    /// Bytes may stand before a block.
    fn encode(place: Place, records: &Records) -> Vec<u8> {
        let mut bytes = vec![7; 5];
        super::encode(place, records, &mut bytes);
        assert_eq!(bytes[..5], [7; 5]);
        assert!(bytes.len() - 5 <= super::most_bytes(records));
        bytes.split_off(5)
    }

    fn decode(place: Place, base_offset: i64, bytes: &[u8]) -> Result<Records, BlockError> {
        super::decode(place, base_offset, aligned(bytes))
    }

    const PLACE: Place = Place { topic: 3, partition: 1 };

    type Row = (Option<&'static [u8]>, Option<&'static [u8]>, &'static str);

    fn records(rows: &[Row]) -> Records {
        let mut builder = RecordsBuilder::new();
        for (number, (key, value, header)) in rows.iter().enumerate() {
            let mut headers = Headers::new();
            if !header.is_empty() {
                headers.push(header, b"x");
            }
            builder.push(*key, *value, &headers, number as i64 - 1);
        }
        let mut records = builder.finish();
        records.base_offset = 40;
        records
    }

    fn same(left: &Records, right: &Records) -> bool {
        left.base_offset == right.base_offset && left.iter().eq(right.iter())
    }

    #[test]
    fn every_shape_of_column_survives() {
        let shapes: [&[Row]; 6] = [
            &[(None, None, "")],
            &[(Some(b"k"), Some(b"v"), "h")],
            &[(Some(b""), Some(b""), "")],
            &[(None, Some(b"v"), ""), (Some(b"k"), None, "code")],
            &[(None, Some(b"one"), ""), (None, Some(b""), ""), (None, Some(b"three"), "")],
            &[(Some(&b"a"[..]), None, "h"); 100],
        ];
        for shape in shapes {
            let whole = records(shape);
            for start in 0..whole.len().min(3) {
                let slice = whole.slice(start, whole.len() - start);
                let bytes = encode(PLACE, &slice);
                let decoded = decode(PLACE, slice.base_offset, &bytes).expect("whole");
                assert!(same(&decoded, &slice), "{shape:?} from {start}: {decoded:?}");
                assert_eq!(encode(PLACE, &decoded), bytes, "the same records have the same bytes");
            }
        }
    }

    #[test]
    fn every_wrong_bit_and_every_cut_is_found() {
        let block = records(&[(None, Some(b"v"), ""), (Some(b"k"), None, "code")]);
        let bytes = encode(PLACE, &block);
        for at in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(decode(PLACE, 40, &damaged).is_err(), "bit {at}");
        }
        for length in 0..bytes.len() {
            assert!(decode(PLACE, 40, &bytes[..length]).is_err(), "cut at {length}");
        }
        assert_eq!(decode(PLACE, 41, &bytes).err(), Some(BlockError::Checksum));
        assert_eq!(decode(Place { topic: 4, ..PLACE }, 40, &bytes).err(), Some(BlockError::Checksum));
        assert!(decode(PLACE, 40, &bytes).is_ok());
    }

    /// The checksum is made to fit, so that the checks behind it are reached.
    #[test]
    fn no_bytes_make_decoding_panic() {
        let block = records(&[(None, Some(b"v"), ""), (Some(b"k"), None, "code")]);
        let bytes = encode(PLACE, &block);
        for at in (1..bytes.len()).filter(|at| !(8..16).contains(at)) {
            for wrong in [0, 1, 2, 3, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = wrong;
                super::reseal(PLACE, 40, &mut damaged);
                if let Ok(decoded) = decode(PLACE, 40, &damaged) {
                    assert_eq!(decoded.iter().count(), decoded.len());
                }
            }
        }
    }

    /// Headers that repeat each other, so that they are packed.
    fn packed_block() -> Records {
        records(&[(Some(&b"k"[..]), Some(&b"v"[..]), "a name of a header that is long enough"); 40])
    }

    #[test]
    fn headers_that_repeat_are_packed_and_survive_damage() {
        let block = packed_block();
        let bytes = encode(PLACE, &block);
        assert_eq!((bytes[0], bytes[3]), (2, 3));
        assert!(bytes.len() < 40 * 40, "{} bytes", bytes.len());
        assert!(same(&decode(PLACE, 40, &bytes).expect("whole"), &block));
        for at in (1..bytes.len()).filter(|at| !(8..16).contains(at)) {
            for wrong in [0, 1, 0x10, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = wrong;
                super::reseal(PLACE, 40, &mut damaged);
                if let Ok(decoded) = decode(PLACE, 40, &damaged) {
                    assert_eq!(decoded.iter().count(), decoded.len());
                }
            }
        }
    }

    /// Written blocks must stay readable: these are the bytes of version 1.
    #[test]
    fn the_bytes_of_version_1_do_not_change() {
        let block = Records {
            base_offset: 7,
            keys: BinaryArray::from_opt_vec(vec![None, Some(b"k")]),
            values: BinaryArray::from_opt_vec(vec![Some(b"ab"), Some(b"c")]),
            headers: BinaryArray::from_vec(vec![b"", b""]),
            arrivals: Int64Array::from(vec![1, 2]),
        };
        #[rustfmt::skip]
        let rest: &[u8] = &[
            1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
            2, 0, 0, 0, 0, 0, 0, 0,
            b'k', 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
            b'a', b'b', b'c', 0, 0, 0, 0, 0,
        ];
        let bytes = encode(PLACE, &block);
        assert_eq!(bytes[..8], [1, 2, 1, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[16..], *rest);
        assert_eq!(u64::from_le_bytes(*bytes[8..].first_chunk().expect("8 bytes")), CHECKSUM_OF_VERSION_1);
    }

    const CHECKSUM_OF_VERSION_1: u64 = 665_933_639_544_555_691;

    #[test]
    fn small_neighbours_are_joined_and_large_ones_left() {
        let block = |base_offset, length| {
            let mut block = records(&vec![(None, Some(&b"v"[..]), "h"); length]);
            block.base_offset = base_offset;
            block
        };
        let blocks = vec![block(0, 1), block(1, 2), block(3, 9), block(12, 1), block(13, 4), block(17, 4)];
        let joined = join_small(blocks, 4, 6);
        let shape: Vec<(i64, usize)> = joined.iter().map(|block| (block.base_offset, block.len())).collect();
        assert_eq!(shape, [(0, 3), (3, 9), (12, 5), (17, 4)]);
        assert!(joined.iter().flat_map(Records::iter).map(|record| record.offset).eq(0..21));
    }
}
