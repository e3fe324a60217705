//! Sorted runs of keys in one scratch file, merged at the end.
//!
//! The file holds run after run; an entry is 40 bytes, five little-endian `u64`: the key's fingerprint (high half, low
//! half), the row's number, the fingerprint of the other columns (high half, low half). The file belongs to one
//! document in one process: nothing else ever reads it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, SeekFrom};

use crate::budget::ScratchFile;

/// Bytes of an entry, in memory and in the file.
pub(super) const ENTRY_BYTES: usize = 40;

/// Bytes that all runs together may hold in memory while they are merged.
const MERGE_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes that are read of a run at once.
const READ_BYTES: usize = 64 * 1024;

/// One row of a document. The order is that of keys, then of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) key: [u64; 2],
    pub(super) row: i64,
    pub(super) content: [u64; 2],
}

impl Entry {
    pub(super) fn new(key: u128, row: i64, content: u128) -> Self {
        let halves = |number: u128| [(number >> 64) as u64, number as u64];
        Self { key: halves(key), row, content: halves(content) }
    }

    fn write(&self, to: &mut Vec<u8>) {
        for number in [self.key[0], self.key[1], self.row.cast_unsigned(), self.content[0], self.content[1]] {
            to.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |index: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
            u64::from_le_bytes(eight)
        };
        Self { key: [number(0), number(1)], row: number(2).cast_signed(), content: [number(3), number(4)] }
    }
}

/// The runs of one document.
#[derive(Debug)]
pub(super) struct Runs {
    file: Box<dyn ScratchFile>,
    /// Where each run ends, in bytes.
    ends: Vec<u64>,
}

impl Runs {
    pub(super) fn new(file: Box<dyn ScratchFile>) -> Self {
        Self { file, ends: Vec::new() }
    }

    /// Adds a sorted run.
    pub(super) fn push(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(READ_BYTES);
        for some in entries.chunks(READ_BYTES / ENTRY_BYTES) {
            bytes.clear();
            some.iter().for_each(|entry| entry.write(&mut bytes));
            self.file.write_all(&bytes)?;
        }
        let start = self.ends.last().copied().unwrap_or(0);
        self.ends.push(start + (entries.len() * ENTRY_BYTES) as u64);
        Ok(())
    }

    /// Hands over all entries in order.
    pub(super) fn merged(mut self, mut take: impl FnMut(Entry)) -> io::Result<()> {
        let at_once = (MERGE_BYTES / self.ends.len().max(1)).clamp(ENTRY_BYTES, READ_BYTES) / ENTRY_BYTES * ENTRY_BYTES;
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut runs: Vec<Run> =
            starts.zip(&self.ends).map(|(next, &end)| Run { next, end, bytes: Vec::new(), at: 0 }).collect();
        let mut heap = BinaryHeap::with_capacity(runs.len());
        for (index, run) in runs.iter_mut().enumerate() {
            heap.extend(run.next(self.file.as_mut(), at_once)?.map(|entry| Reverse((entry, index))));
        }
        while let Some(mut smallest) = heap.peek_mut() {
            let Reverse((entry, index)) = *smallest;
            match runs[index].next(self.file.as_mut(), at_once)? {
                Some(next) => *smallest = Reverse((next, index)),
                None => drop(std::collections::binary_heap::PeekMut::pop(smallest)),
            }
            take(entry);
        }
        Ok(())
    }
}

/// One run that is being merged.
struct Run {
    next: u64,
    end: u64,
    bytes: Vec<u8>,
    at: usize,
}

impl Run {
    fn next(&mut self, file: &mut dyn ScratchFile, at_once: usize) -> io::Result<Option<Entry>> {
        if self.at == self.bytes.len() {
            if self.next == self.end {
                return Ok(None);
            }
            let length = (self.end - self.next).min(at_once as u64);
            self.bytes.resize(length as usize, 0);
            file.seek(SeekFrom::Start(self.next))?;
            file.read_exact(&mut self.bytes)?;
            (self.next, self.at) = (self.next + length, 0);
        }
        let entry = Entry::read(&self.bytes[self.at..self.at + ENTRY_BYTES]);
        self.at += ENTRY_BYTES;
        Ok(Some(entry))
    }
}
