//! Columns while they are filled from records. A record that fails halfway is taken off again by [`Column::truncate`].
//!
//! A type has at most one type within it, so a column is a row of levels, a list or a map each, and a leaf: the values.
//! Level 0 has an entry for each row, level 1 for each item of level 0, and the leaf for each item of the last level.
//! A value is put into the leaf at once, however deep it stands; an array is ended by [`Column::close`] on its level.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, StringArray, StructArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use batch::{ColumnType, Type};

use super::Fault;
use super::leaf::Leaf;

/// Texts or byte strings, one after another.
pub(crate) struct Pieces {
    ends: Vec<i32>,
    bytes: Vec<u8>,
}

impl Pieces {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { ends, bytes: Vec::with_capacity(rows * 8) }
    }

    /// Makes room for so many bytes in all.
    pub(crate) fn room(&mut self, bytes: usize) {
        self.bytes.reserve(bytes.saturating_sub(self.bytes.len()));
    }

    /// Bytes of all pieces.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let end = i32::try_from(self.bytes.len() + piece.len()).map_err(|_| Fault::Length)?;
        self.bytes.extend_from_slice(piece);
        self.ends.push(end);
        Ok(())
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.ends.truncate(length + 1);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    pub(crate) fn parts(self) -> (OffsetBuffer<i32>, Buffer) {
        (OffsetBuffer::new(ScalarBuffer::from(self.ends)), Buffer::from_vec(self.bytes))
    }
}

/// Which values are not null. Until the first null nothing is kept.
#[derive(Default)]
pub(crate) struct Validity(Option<Vec<bool>>);

impl Validity {
    #[inline]
    pub(crate) fn push_value(&mut self) {
        if let Some(valid) = &mut self.0 {
            valid.push(true);
        }
    }

    /// Notes a null behind so many values.
    #[inline]
    pub(crate) fn push_null(&mut self, before: usize) {
        self.0.get_or_insert_with(|| vec![true; before]).push(false);
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        if let Some(valid) = &mut self.0 {
            valid.truncate(length);
        }
    }

    pub(crate) fn finish(self) -> Option<NullBuffer> {
        self.0.map(NullBuffer::from).filter(|nulls| nulls.null_count() > 0)
    }
}

/// The lists or maps of one level.
struct Level {
    ends: Vec<i32>,
    /// Of maps.
    keys: Option<Pieces>,
    nullable: bool,
    valid: Validity,
}

impl Level {
    fn close(&mut self, length: usize) -> Result<(), Fault> {
        self.ends.push(i32::try_from(length).map_err(|_| Fault::Length)?);
        self.valid.push_value();
        Ok(())
    }

    fn push_null(&mut self) {
        if self.nullable {
            self.valid.push_null(self.ends.len() - 1);
        } else {
            self.valid.push_value();
        }
        self.ends.push(self.ends.last().copied().unwrap_or(0));
    }

    /// Gives the number of entries that are left in the next level.
    fn truncate(&mut self, length: usize) -> usize {
        self.ends.truncate(length + 1);
        self.valid.truncate(length);
        let entries = self.ends.last().map_or(0, |end| *end as usize);
        if let Some(keys) = &mut self.keys {
            keys.truncate(entries);
        }
        entries
    }
}

/// One column.
pub(crate) struct Column {
    levels: Vec<Level>,
    /// The values.
    pub leaf: Leaf,
}

impl Column {
    /// An empty column with room for so many rows.
    pub(crate) fn new(of: &ColumnType, rows: usize) -> Self {
        let (mut inner, mut levels) = (&of.of, Vec::new());
        loop {
            let (next, keys) = match inner {
                Type::List(item) => (item, None),
                Type::Map(value) => (value, Some(Pieces::with_capacity(0))),
                leaf => {
                    let outermost = levels.is_empty();
                    let leaf = Leaf::new(leaf, of.nullable || !outermost, if outermost { rows } else { 0 });
                    return Self { levels, leaf };
                }
            };
            // Items are always nullable.
            let nullable = of.nullable || !levels.is_empty();
            levels.push(Level { ends: vec![0], keys, nullable, valid: Validity::default() });
            inner = next;
        }
    }

    /// Takes off everything from row `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        let entries = self.levels.iter_mut().fold(length, |entries, level| level.truncate(entries));
        self.leaf.truncate(entries);
    }

    /// Adds a null on a level, the leaf's being the last; an empty list or map where those cannot be null.
    #[inline]
    pub(crate) fn push_null(&mut self, level: usize) -> Result<(), Fault> {
        match self.levels.get_mut(level) {
            Some(level) => {
                level.push_null();
                Ok(())
            }
            None => self.leaf.push_null(),
        }
    }

    /// Adds the key of an entry of the map that is being read on a level.
    pub(crate) fn key(&mut self, level: usize, key: &[u8]) -> Result<(), Fault> {
        self.levels.get_mut(level).and_then(|level| level.keys.as_mut()).ok_or(Fault::Kind)?.push(key)
    }

    /// Ends the list or map of a level.
    pub(crate) fn close(&mut self, level: usize) -> Result<(), Fault> {
        let length = match self.levels.get(level + 1) {
            Some(next) => next.ends.len() - 1,
            None => self.leaf.len(),
        };
        self.levels.get_mut(level).ok_or(Fault::Kind)?.close(length)
    }

    /// The Arrow column; `None` if a text that was added unseen is no UTF-8.
    pub(crate) fn finish(self) -> Option<ArrayRef> {
        let mut array = self.leaf.finish()?;
        for level in self.levels.into_iter().rev() {
            let ends = OffsetBuffer::new(ScalarBuffer::from(level.ends));
            let nulls = level.valid.finish();
            array = match level.keys {
                None => {
                    let field = Arc::new(Field::new("item", array.data_type().clone(), true));
                    Arc::new(ListArray::new(field, ends, array, nulls))
                }
                Some(keys) => {
                    let (key_ends, key_bytes) = keys.parts();
                    // Keys were looked at when they were read.
                    map_array(ends, StringArray::new(key_ends, key_bytes, None), array, nulls)
                }
            };
        }
        Some(array)
    }
}

fn map_array(ends: OffsetBuffer<i32>, keys: StringArray, values: ArrayRef, nulls: Option<NullBuffer>) -> ArrayRef {
    let fields: Fields =
        vec![Field::new("key", DataType::Utf8, false), Field::new("value", values.data_type().clone(), true)].into();
    let entries = Arc::new(Field::new("entries", DataType::Struct(fields.clone()), false));
    let pairs = StructArray::new(fields, vec![Arc::new(keys), values], None);
    Arc::new(MapArray::new(entries, ends, pairs, nulls, false))
}
