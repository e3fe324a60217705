//! A block of rows while it is collected, and the columns that it becomes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, MapArray, RecordBatch, RecordBatchOptions, StringArray, StructArray, UInt64Array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, SchemaRef};
use batch::Code;
use encoding_rs::Encoding;

use super::cells::Cell;
use super::format::{Format, RawRow};

/// Rows whose columns are built together.
const ROWS_AT_ONCE: usize = 256;

/// A line that is no row of the document's layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its number among all rows, from the decoder's first number; good and bad rows count alike.
    pub row_number: u64,
    /// Its line, from 1, the header counted.
    pub line: u64,
    /// What kind of failure.
    pub code: Code,
    /// What is wrong, of bounded length, without the row's values.
    pub message: String,
    /// Its bytes without the line end; of a line over the limit the first 64 KiB.
    pub raw: Vec<u8>,
}

/// Up to 8,192 rows, good and bad together.
#[derive(Clone, Debug)]
pub struct Block {
    /// The good rows' wanted columns under our names, in the layout's order; then `row` if the settings ask for it.
    pub rows: RecordBatch,
    /// Line of each good row, from 1, the header counted.
    pub lines: UInt64Array,
    /// Number of each good row among all rows, bad ones included.
    pub row_numbers: UInt64Array,
    /// Bytes of each good row without the line end, if the settings ask for them.
    pub raw: Option<BinaryArray>,
    /// The bad rows in order.
    pub bad: Vec<BadRow>,
}

/// What a block is built from, the same for all blocks of a document.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) schema: SchemaRef,
    /// The document's encoding: its mark says it, or the settings.
    pub(super) encoding: &'static Encoding,
    /// For each column to build, its place among the document's columns.
    pub(super) places: Vec<usize>,
    /// Number of the document's columns.
    pub(super) columns: usize,
    /// Published names of the document's columns; a repeated name says which one it is.
    pub(super) published: Vec<String>,
}

/// A block while it is collected.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Bytes of all good rows, one after another.
    pub(super) bytes: Vec<u8>,
    /// End of each good row in `bytes`, after a leading 0.
    pub(super) ends: Vec<i32>,
    /// Cells of all good rows, row by row.
    pub(super) cells: Vec<Cell>,
    pub(super) lines: Vec<u64>,
    pub(super) row_numbers: Vec<u64>,
    pub(super) bad: Vec<BadRow>,
    pub(super) bad_bytes: usize,
}

impl Collected {
    pub(super) fn new() -> Self {
        Self { ends: vec![0], ..Self::default() }
    }

    pub(super) fn rows(&self) -> usize {
        self.lines.len() + self.bad.len()
    }

    /// Line and bytes of the last row that is not blank, and whether it is good.
    pub(super) fn last(&self) -> Option<(u64, &[u8], bool)> {
        let good = self.lines.last().map(|&line| {
            let from = self.ends.iter().rev().nth(1).map_or(0, |&end| usize::try_from(end).unwrap_or(0));
            (line, &self.bytes[from.min(self.bytes.len())..], true)
        });
        let bad = self.bad.iter().rev().find(|bad| !bad.raw.is_empty()).map(|bad| (bad.line, &*bad.raw, false));
        good.into_iter().chain(bad).max_by_key(|(line, ..)| *line)
    }

    pub(super) fn into_block(self, format: &Format, shape: &Shape) -> Block {
        let columns = Columns { collected: &self, format, shape };
        let mut arrays = columns.wanted();
        if format.settings.raw_row != RawRow::None {
            arrays.push(Arc::new(columns.raw_row()));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.lines.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&shape.schema), arrays, &options)
            .expect("every column was built from the same rows and by the same list of names as the schema");
        let raw = format.settings.raw.then(|| {
            BinaryArray::new(OffsetBuffer::new(ScalarBuffer::from(self.ends)), Buffer::from_vec(self.bytes), None)
        });
        let (lines, row_numbers) = (UInt64Array::from(self.lines), UInt64Array::from(self.row_numbers));
        Block { rows, lines, row_numbers, raw, bad: self.bad }
    }
}

struct Columns<'a> {
    collected: &'a Collected,
    format: &'a Format,
    shape: &'a Shape,
}

impl Columns<'_> {
    /// The wanted columns, some rows at a time: the cells and bytes of all rows of a wide table do not fit the
    /// processor's cache, and every column would fetch them anew.
    fn wanted(&self) -> Vec<ArrayRef> {
        let new = |_| self.column(self.collected.lines.len());
        let mut columns: Vec<TextColumn> = self.shape.places.iter().map(new).collect();
        for rows in self.collected.cells.chunks(ROWS_AT_ONCE * self.shape.columns) {
            for (column, place) in columns.iter_mut().zip(&self.shape.places) {
                for cell in rows.iter().skip(*place).step_by(self.shape.columns) {
                    column.push(*cell, &self.collected.bytes);
                }
            }
        }
        columns.into_iter().map(|column| Arc::new(column.finish()) as ArrayRef).collect()
    }

    fn column(&self, rows: usize) -> TextColumn {
        let settings = &self.format.settings;
        TextColumn::new(settings.empty_is_null, settings.separator, self.shape.encoding, rows)
    }

    /// The column `row`: published names to cells.
    fn raw_row(&self) -> MapArray {
        let filled_only = self.format.settings.raw_row == RawRow::FilledCells;
        let count = self.collected.cells.len();
        let mut values = self.column(count);
        let (mut key_bytes, mut key_ends) = (Vec::new(), vec![0_i32]);
        let mut ends = vec![0_i32];
        for row in self.collected.cells.chunks_exact(self.shape.columns) {
            for (cell, name) in row.iter().zip(&self.shape.published) {
                if filled_only && cell.length() == 0 {
                    continue;
                }
                values.push(*cell, &self.collected.bytes);
                key_bytes.extend_from_slice(name.as_bytes());
                key_ends.push(offset(key_bytes.len()));
            }
            ends.push(offset(key_ends.len() - 1));
        }
        let keys = text_array(key_ends, key_bytes, None);
        let pairs = StructArray::new(entry_fields(), vec![Arc::new(keys), Arc::new(values.finish())], None);
        MapArray::new(entries(), OffsetBuffer::new(ScalarBuffer::from(ends)), pairs, None, false)
    }
}

// The parts of the Arrow type of `map of text to text`; a test compares them with the whole.
fn entry_fields() -> Fields {
    vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)].into()
}

fn entries() -> FieldRef {
    Arc::new(Field::new("entries", DataType::Struct(entry_fields()), false))
}

/// A column of cells.
pub(super) fn text_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

/// The schema of blocks.
pub(super) fn fields(names: &[Arc<str>], raw_row: RawRow) -> Fields {
    let mut fields: Vec<Field> = names.iter().map(|name| text_field(name)).collect();
    if raw_row != RawRow::None {
        fields.push(Field::new("row", DataType::Map(entries(), false), false));
    }
    fields.into()
}

/// A column of text while it is filled.
pub(super) struct TextColumn {
    bytes: Vec<u8>,
    ends: Vec<i32>,
    valid: Vec<bool>,
    any_null: bool,
    empty_is_null: bool,
    separator: u8,
    /// The encoding, if text has to be converted.
    encoding: Option<&'static Encoding>,
}

impl TextColumn {
    pub(super) fn new(empty_is_null: bool, separator: u8, encoding: &'static Encoding, rows: usize) -> Self {
        let encoding = (encoding != encoding_rs::UTF_8).then_some(encoding);
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self {
            bytes: Vec::new(),
            ends,
            valid: Vec::with_capacity(rows),
            any_null: false,
            empty_is_null,
            separator,
            encoding,
        }
    }

    pub(super) fn push(&mut self, cell: Cell, block: &[u8]) {
        if cell.length() == 0 {
            self.valid.push(!self.empty_is_null);
            self.any_null |= self.empty_is_null;
        } else {
            if cell.is_plain() {
                self.append(cell.plain(block));
            } else {
                self.append(&cell.text(block, self.separator));
            }
            self.valid.push(true);
        }
        self.ends.push(offset(self.bytes.len()));
    }

    fn append(&mut self, text: &[u8]) {
        match self.encoding {
            Some(encoding) if !text.is_ascii() => {
                self.bytes.extend_from_slice(encoding.decode_without_bom_handling(text).0.as_bytes());
            }
            _ => self.bytes.extend_from_slice(text),
        }
    }

    pub(super) fn finish(self) -> StringArray {
        let nulls = self.any_null.then(|| NullBuffer::from(self.valid));
        text_array(self.ends, self.bytes, nulls)
    }
}

fn offset(length: usize) -> i32 {
    i32::try_from(length).expect("the decoder ends a block long before its columns reach two gigabytes")
}

fn text_array(ends: Vec<i32>, bytes: Vec<u8>, nulls: Option<NullBuffer>) -> StringArray {
    StringArray::new(OffsetBuffer::new(ScalarBuffer::from(ends)), Buffer::from_vec(bytes), nulls)
}

#[cfg(test)]
mod tests {
    use super::{DataType, entries};
    use batch::Type;

    #[test]
    fn the_raw_row_is_a_map_of_text_to_text() {
        assert_eq!(DataType::Map(entries(), false), Type::Map(Box::new(Type::Text)).arrow());
    }
}
