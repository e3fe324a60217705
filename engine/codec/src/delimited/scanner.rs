//! Finds where rows begin and end, over a buffer that holds little more than one row.
//!
//! A quote opens a quoted cell only at the cell's beginning; anywhere else it is text. The search for a row's end goes on
//! where it stopped when more bytes arrive, so that a hostile row costs no more than its length.
//!
//! Where a row ends, and what becomes of one that is too long, depends on the bytes alone and not on the pieces in which
//! they came. So of a row no more is looked at than the limit and one byte. Whoever stands in quotes there is refused;
//! else the row ends at the next line end, whatever is quoted before it.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use super::error::{DecodeError, refuse};

const CHUNK: usize = 256 * 1024;

/// Bytes of a line over the limit that are kept for its dead letter.
const KEPT_OF_LONG_LINE: usize = 64 * 1024;

/// What was found next.
#[derive(Debug)]
pub(super) enum Found {
    /// A row without its line end: where it stands in the buffer until the next call, and its first line.
    Row { at: Range<usize>, line: u64 },
    /// A row over the limit was passed over; its beginning.
    TooLong { beginning: Vec<u8>, line: u64 },
    /// Nothing is left.
    End,
}

pub(super) struct Scanner<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    next_line: u64,
    /// How far the row that begins at `start` was searched.
    searched: usize,
    in_quotes: bool,
    quotes: bool,
    separator: u8,
    limit: usize,
}

impl<R: Read> Scanner<R> {
    /// A scanner at the beginning of the text.
    pub(super) fn new(reader: R, quotes: bool, separator: u8, limit: usize) -> Self {
        let buffer = vec![0; CHUNK];
        Self {
            reader,
            buffer,
            start: 0,
            end: 0,
            at_end: false,
            next_line: 1,
            searched: 0,
            in_quotes: false,
            quotes,
            separator,
            limit,
        }
    }

    pub(super) fn bytes(&self, at: &Range<usize>) -> &[u8] {
        &self.buffer[at.clone()]
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Found, DecodeError> {
        self.searched = 0;
        self.in_quotes = false;
        loop {
            let (length, after) = match self.find_end() {
                Some(length) => (length, length + 1),
                None if !self.at_end && self.end - self.start <= self.limit => {
                    self.fill()?;
                    continue;
                }
                None if self.in_quotes => {
                    let what = if self.at_end {
                        format!("a quote that opens in the row of line {} is never closed", self.next_line)
                    } else {
                        format!(
                            "a quote in the row of line {} is not closed within {} bytes",
                            self.next_line, self.limit
                        )
                    };
                    return Err(refuse("E4206", self.next_line, &what));
                }
                None if self.end - self.start > self.limit => return self.pass_over(),
                None => (self.end - self.start, self.end - self.start),
            };
            if length == 0 && after == 0 {
                return Ok(Found::End);
            }
            let row = &self.buffer[self.start..self.start + length];
            let line = self.next_line;
            self.next_line += 1 + if self.quotes { count_line_ends(row) } else { 0 };
            let kept = row.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
            let at = self.start..self.start + kept;
            self.start += after;
            return Ok(Found::Row { at, line });
        }
    }

    /// Passes over one line, whatever is quoted in it. False if nothing is left.
    pub(super) fn skip_line(&mut self) -> Result<Found, DecodeError> {
        let quotes = std::mem::replace(&mut self.quotes, false);
        let found = self.next();
        self.quotes = quotes;
        found
    }

    /// Length of the row at `start`, if its line end is in the buffer and not behind the limit.
    fn find_end(&mut self) -> Option<usize> {
        let there = self.end - self.start;
        let last = self.at_end && there <= self.limit;
        let row = &self.buffer[self.start..self.start + there.min(self.limit + 1)];
        if !self.quotes {
            let found = memchr::memchr(b'\n', &row[self.searched..]);
            let found = found.map(|offset| self.searched + offset);
            self.searched = row.len();
            return found;
        }
        loop {
            if self.in_quotes {
                let Some(offset) = memchr::memchr(b'"', &row[self.searched..]) else {
                    self.searched = row.len();
                    return None;
                };
                let quote = self.searched + offset;
                match row.get(quote + 1) {
                    Some(b'"') => self.searched = quote + 2,
                    Some(_) => {
                        self.in_quotes = false;
                        self.searched = quote + 1;
                    }
                    None => {
                        // Whether it closes or is doubled shows only with the next byte; at the end it closes.
                        self.searched = quote;
                        self.in_quotes = !last;
                        if last {
                            self.searched = row.len();
                        }
                        return None;
                    }
                }
            } else {
                let Some(offset) = memchr::memchr2(b'"', b'\n', &row[self.searched..]) else {
                    self.searched = row.len();
                    return None;
                };
                let found = self.searched + offset;
                if row[found] == b'\n' {
                    return Some(found);
                }
                self.in_quotes = found == 0 || row[found - 1] == self.separator;
                self.searched = found + 1;
            }
        }
    }

    /// Skips a row that is too long, up to the next line end, in bounded memory.
    fn pass_over(&mut self) -> Result<Found, DecodeError> {
        let line = self.next_line;
        let searched = &self.buffer[self.start..=self.start + self.limit];
        self.next_line += 1 + if self.quotes { count_line_ends(searched) } else { 0 };
        let mut beginning = searched[..searched.len().min(KEPT_OF_LONG_LINE)].to_vec();
        self.start += searched.len();
        loop {
            let rest = &self.buffer[self.start..self.end];
            let found = memchr::memchr(b'\n', rest);
            let piece = &rest[..found.unwrap_or(rest.len())];
            let room = KEPT_OF_LONG_LINE - beginning.len();
            beginning.extend_from_slice(&piece[..piece.len().min(room)]);
            if let Some(offset) = found {
                self.start += offset + 1;
                break;
            }
            self.start = self.end;
            if self.at_end {
                break;
            }
            self.fill()?;
        }
        Ok(Found::TooLong { beginning, line })
    }

    fn fill(&mut self) -> Result<(), DecodeError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let doubled = (self.buffer.len() * 2).min(self.limit + CHUNK).max(self.end + 1);
            self.buffer.resize(doubled, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(length) => self.end += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(DecodeError::from_io(error)),
            }
            return Ok(());
        }
    }
}

fn count_line_ends(row: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', row).count() as u64
}
