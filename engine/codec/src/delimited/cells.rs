//! Cuts a row into cells, and gives the text of a cell.
//!
//! A cell is a position and a length in the block's bytes, and how to read them. Most cells are plain: their text is
//! their bytes.

use std::borrow::Cow;

const LENGTH_BITS: u32 = 30;

/// Where a cell stands in the block's bytes. The upper two bits of `packed` say how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    start: u32,
    packed: u32,
}

/// How to read a cell's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// As they are.
    Plain = 0,
    /// With doubled quotes, which count once.
    Doubled = 1,
    /// As several cells of quoted text that belong together, joined by the separator.
    Joined = 2,
}

/// Why a row cannot be cut into as many cells as the header has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    TooFew(usize),
    TooMany,
    /// Text stands behind a closing quote.
    Misquoted,
}

impl Cell {
    fn new(start: usize, length: usize, reading: Reading) -> Self {
        // Rows are at most 256 MiB and blocks little more, so that both numbers fit.
        Self { start: start as u32, packed: length as u32 | (reading as u32) << LENGTH_BITS }
    }

    pub(super) fn length(self) -> usize {
        (self.packed & ((1 << LENGTH_BITS) - 1)) as usize
    }

    pub(super) fn is_plain(self) -> bool {
        self.packed >> LENGTH_BITS == Reading::Plain as u32
    }

    /// The bytes of a plain cell.
    pub(super) fn plain(self, block: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &block[start..start + self.length()]
    }

    /// The cell's text, still in the document's encoding.
    pub(super) fn text(self, block: &[u8], separator: u8) -> Cow<'_, [u8]> {
        let bytes = self.plain(block);
        match self.packed >> LENGTH_BITS {
            0 => Cow::Borrowed(bytes),
            1 => Cow::Owned(undoubled(bytes)),
            _ => {
                let mut cells = Vec::new();
                let mut splitter =
                    Splitter { separator, quotes: true, columns: usize::MAX, spill: None, starts: Vec::new() };
                // It was cut into cells before; whatever that accepted, it accepts again.
                let _ = splitter.quoted(bytes, 0, &mut cells);
                let parts: Vec<Cow<'_, [u8]>> = cells.iter().map(|cell: &Self| cell.text(bytes, separator)).collect();
                Cow::Owned(parts.join(&separator))
            }
        }
    }
}

fn undoubled(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        text.extend_from_slice(&rest[..=quote]);
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    text
}

/// Cuts rows of one document.
#[derive(Debug)]
pub(super) struct Splitter {
    pub(super) separator: u8,
    pub(super) quotes: bool,
    /// Number of cells that a row must have.
    pub(super) columns: usize,
    /// The column to which surplus cells belong.
    pub(super) spill: Option<usize>,
    /// Where each cell of the row begins, its quote included; kept only for `spill`.
    pub(super) starts: Vec<usize>,
}

impl Splitter {
    /// Adds the cells of `row`, which will stand at `base` in the block's bytes. After an error `cells` may hold some
    /// cells of the row, which the caller takes off.
    pub(super) fn split(&mut self, row: &[u8], base: usize, cells: &mut Vec<Cell>) -> Result<(), Misfit> {
        if self.quotes && memchr::memchr(b'"', row).is_some() {
            return self.quoted(row, base, cells);
        }
        let first = cells.len();
        let last = first + self.columns - 1;
        let mut start = 0;
        for end in memchr::memchr_iter(self.separator, row) {
            if cells.len() == last {
                cells.truncate(first);
                return self.spilled(row, base, cells);
            }
            cells.push(Cell::new(base + start, end - start, Reading::Plain));
            start = end + 1;
        }
        cells.push(Cell::new(base + start, row.len() - start, Reading::Plain));
        let found = cells.len() - first;
        if found == self.columns { Ok(()) } else { Err(Misfit::TooFew(found)) }
    }

    /// Cuts a header, whose number of cells is not yet known.
    pub(super) fn split_any(&mut self, row: &[u8], cells: &mut Vec<Cell>) -> Result<(), Misfit> {
        self.columns = usize::MAX;
        if self.quotes {
            return self.quoted(row, 0, cells);
        }
        let mut start = 0;
        for end in memchr::memchr_iter(self.separator, row).chain([row.len()]) {
            cells.push(Cell::new(start, end - start, Reading::Plain));
            start = end + 1;
        }
        Ok(())
    }

    /// Cuts a row of too many plain cells: so many from the left, so many from the right, the rest is one cell.
    fn spilled(&self, row: &[u8], base: usize, cells: &mut Vec<Cell>) -> Result<(), Misfit> {
        let spill = self.spill.ok_or(Misfit::TooMany)?;
        let mut start = 0;
        for end in memchr::memchr_iter(self.separator, row).take(spill) {
            cells.push(Cell::new(base + start, end - start, Reading::Plain));
            start = end + 1;
        }
        let right = self.columns - 1 - spill;
        let separators: Vec<usize> = memchr::memrchr_iter(self.separator, row).take(right).collect();
        let end = separators.last().copied().unwrap_or(row.len());
        cells.push(Cell::new(base + start, end - start, Reading::Plain));
        for (place, separator) in separators.iter().enumerate().rev() {
            let start = separator + 1;
            let end = if place == 0 { row.len() } else { separators[place - 1] };
            cells.push(Cell::new(base + start, end - start, Reading::Plain));
        }
        Ok(())
    }

    fn quoted(&mut self, row: &[u8], base: usize, cells: &mut Vec<Cell>) -> Result<(), Misfit> {
        let first = cells.len();
        self.starts.clear();
        let mut start = 0;
        loop {
            if cells.len() - first >= self.columns && self.spill.is_none() {
                return Err(Misfit::TooMany);
            }
            if self.spill.is_some() {
                self.starts.push(start);
            }
            let (cell, end) = if row.get(start) == Some(&b'"') {
                quoted_cell(row, base, start, self.separator)?
            } else {
                let end = memchr::memchr(self.separator, &row[start..]).map_or(row.len(), |offset| start + offset);
                (Cell::new(base + start, end - start, Reading::Plain), end)
            };
            cells.push(cell);
            if end == row.len() {
                break;
            }
            start = end + 1;
        }
        let found = cells.len() - first;
        // The cells of a spilled cell are cut without a number to reach.
        if self.columns == usize::MAX || found == self.columns {
            return Ok(());
        }
        let (Some(spill), true) = (self.spill, found > self.columns) else { return Err(Misfit::TooFew(found)) };
        let surplus = found - self.columns;
        let start = self.starts[spill];
        let end = self.starts.get(spill + surplus + 1).map_or(row.len(), |next| next - 1);
        let joined = Cell::new(base + start, end - start, Reading::Joined);
        cells.splice(first + spill..=first + spill + surplus, [joined]);
        Ok(())
    }
}

/// The cell whose opening quote stands at `start`, and where it ends: at a separator or the row's end.
fn quoted_cell(row: &[u8], base: usize, start: usize, separator: u8) -> Result<(Cell, usize), Misfit> {
    let mut reading = Reading::Plain;
    let mut searched = start + 1;
    loop {
        let quote =
            searched + memchr::memchr(b'"', row.get(searched..).unwrap_or_default()).ok_or(Misfit::Misquoted)?;
        match row.get(quote + 1) {
            Some(b'"') => {
                reading = Reading::Doubled;
                searched = quote + 2;
            }
            Some(byte) if *byte != separator => return Err(Misfit::Misquoted),
            _ => return Ok((Cell::new(base + start + 1, quote - start - 1, reading), quote + 1)),
        }
    }
}
