//! Keeps the client from reading on at a wrong place when it meets a batch that was damaged on a broker's disk.
//!
//! The client compares each batch with its checksum. One that does not fit is told as an error, and the client means to go
//! on behind it: it moves to a place counted from the beginning of the answer by a number that counts from the batch
//! (`rd_kafka_msgset_reader_v2` of librdkafka 2.12.1, where `rd_kafka_buf_skip_to` is given `crc_len`). If the answer began
//! with that batch it lands among the values of its records and takes them for the head of another one. The process dies
//! of an assertion, or asks the broker for an offset that nobody named.
//!
//! The function of this module stands in the place of the one that marks off what the checksum is of, as in
//! [`super::leader_hints`]. It has the client's reader and the bytes, so it compares them first, and moves the reader of a
//! damaged batch behind it. The client then finds the same damage, tells it, cannot move back, and leaves the rest of
//! the answer alone. Two sums for each batch cost less than a hundredth of what reading its records does.
//!
//! To be taken out when the client skips a damaged batch by what remains of it.
#![expect(unsafe_code, reason = "it takes the place of a function of C")]

use std::ffi::{c_int, c_void};
use std::ptr;

/// The client's `rd_slice_t`, by its size: it is only copied here.
#[repr(C)]
#[derive(Clone, Copy)]
struct Slice([usize; 5]);

/// Bytes of a batch before what its checksum is of: offset 8, length 4, epoch 4, format 1, checksum 4.
/// See <https://kafka.apache.org/documentation/#recordbatch>.
const BEFORE: usize = 21;
/// The length counts from behind itself, so also epoch, format and checksum.
const COUNTED_BEFORE: usize = 9;
/// Bytes that the checksum of a batch without records is of.
const LEAST: usize = 40;
/// The number of this format.
const FORMAT: u8 = 2;

/// Marks off `size` bytes from where a reader stands, without moving it: 1 if there are so many, else 0. Called where the
/// checksum of a batch was just read, and, with a message of an older format, where its checksum was.
///
/// # Safety
/// As the client calls it: the reader is in an answer that came whole, and `marked` has room for a slice.
// SAFETY: the name is the linker's for what stands in the place of the client's function; nobody else uses it. The
// arguments and the answer are as the client declares them.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_slice_narrow_copy_relative(
    reader: *mut Slice,
    marked: *mut Slice,
    size: usize,
) -> c_int {
    // A negative length, which the client takes for a large one and adds.
    if isize::try_from(size).is_err() {
        return 0;
    }
    // SAFETY: the caller's promise.
    let there = unsafe { __real_rd_slice_narrow_copy_relative(reader, marked, size) };
    // SAFETY: as above, and so many bytes are there from the reader's place on.
    if there == 1 && unsafe { is_damaged(*reader, *marked, size) } {
        // SAFETY: as above. Without a place to write to, the bytes are only passed.
        unsafe { rd_slice_read(reader, ptr::null_mut(), size) };
    }
    there
}

/// True if these are the bytes of a batch and its checksum is of others.
///
/// # Safety
/// `size` bytes are there from the reader's place on, and `marked` is a slice of just those.
unsafe fn is_damaged(mut reader: Slice, mut marked: Slice, size: usize) -> bool {
    if size < LEAST {
        return false;
    }
    // SAFETY: a copy of a live slice, which is moved instead of it.
    let bytes = unsafe { rd_slice_ensure_contig(&raw mut reader, size) };
    if bytes.is_null() {
        return false;
    }
    // SAFETY: an answer is one block of memory with a head of its own, so there are bytes before these that were read.
    let before: [u8; BEFORE] = unsafe { bytes.cast::<u8>().sub(BEFORE).cast::<[u8; BEFORE]>().read() };
    let [.., l0, l1, l2, l3, _, _, _, _, format, c0, c1, c2, c3] = before;
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    if format != FORMAT || u32::try_from(size + COUNTED_BEFORE) != Ok(length) {
        return false;
    }
    // SAFETY: a copy of a live slice, which is read to its end.
    let sum = unsafe { rd_slice_crc32c(&raw mut marked) };
    sum != u32::from_be_bytes([c0, c1, c2, c3])
}

unsafe extern "C" {
    /// The client's own function, by the name that the linker gives it where it was replaced.
    fn __real_rd_slice_narrow_copy_relative(reader: *const Slice, marked: *mut Slice, size: usize) -> c_int;
    /// Moves a reader over so many bytes, which it writes to a place if that is not null. Returns how many.
    fn rd_slice_read(reader: *mut Slice, to: *mut c_void, size: usize) -> usize;
    /// So many bytes in one block, and moves the reader behind them; null if they are not in one.
    fn rd_slice_ensure_contig(reader: *mut Slice, size: usize) -> *const c_void;
    /// CRC-32C of what is left, and moves the reader to the end.
    fn rd_slice_crc32c(reader: *mut Slice) -> u32;
}
