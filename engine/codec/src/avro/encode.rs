//! Columns to framed records, by a plan compiled from the schema and the columns that are there.
//!
//! Columns are found by the names that [`columns_of`](super::columns_of) gives them. What reading made one is written as
//! the null where there is a choice: a record whose columns are all null or empty, and an empty list in a union of several types.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, BinaryArray, RecordBatch};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use batch::Type;

use super::schema::{Around, below, parse};
use super::source::{Source, writable};
use super::wire::{Record, Wire};
use super::{BadRecord, Fault, SchemaError, frame};

/// Records that were encoded, and rows that could not be.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// One framed record for each row; null for a bad one.
    pub values: BinaryArray,
    /// The bad rows in order.
    pub bad: Vec<BadRecord>,
}

/// Encodes rows as framed records of one schema.
#[derive(Debug)]
pub struct RecordEncoder {
    frame: [u8; super::FRAME_LENGTH],
    record: Arc<Record>,
}

impl RecordEncoder {
    /// An encoder by a schema and its id.
    ///
    /// # Errors
    /// If it is no schema of a record.
    pub fn new(schema: &str, id: u32) -> Result<Self, SchemaError> {
        Ok(Self { frame: frame(id), record: Wire::record_of(&parse(schema)?)? })
    }

    /// Encodes all rows. Columns are found by name; columns that the schema does not name are left out.
    ///
    /// # Errors
    /// If a column cannot be written as its field says, or a field that is never null has no column.
    pub fn encode(&self, rows: &RecordBatch) -> Result<Encoded, SchemaError> {
        let mut build = Build { rows, sources: Vec::new() };
        let mut parts = Vec::with_capacity(self.record.fields.len());
        for field in &self.record.fields {
            let place = build.place(None, &field.column)?;
            let part = build.part(&field.wire, &place)?;
            parts.push((place.path, part));
        }
        let sources = build.sources;
        // Columns are about as long as their records; a buffer that grows on the way is copied each time.
        let long = rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
        let mut bytes = Vec::with_capacity(long.sum::<usize>() + rows.num_rows() * 16);
        let mut lengths = Vec::with_capacity(rows.num_rows());
        let mut bad = Vec::new();
        let mut position = Vec::new();
        for row in 0..rows.num_rows() {
            let start = bytes.len();
            bytes.extend_from_slice(&self.frame);
            position.clear();
            position.push(row);
            let failed = parts.iter().find_map(|(name, part)| {
                part.write(&sources, &mut position, &mut bytes).err().map(|fault| (Some(name.as_str()), fault))
            });
            // Arrow's offsets end at two gigabytes.
            let full = bytes.len() > i32::MAX as usize;
            if let Some((name, fault)) = failed.or_else(|| full.then_some((None, Fault::Length))) {
                bytes.truncate(start);
                bad.push(fault.bad(row, name));
            }
            lengths.push(bytes.len() - start);
        }
        let nulls = (!bad.is_empty()).then(|| {
            let mut good = vec![true; rows.num_rows()];
            bad.iter().for_each(|bad| good[bad.index] = false);
            NullBuffer::from(good)
        });
        let values = BinaryArray::new(OffsetBuffer::from_lengths(lengths), Buffer::from_vec(bytes), nulls);
        Ok(Encoded { values, bad })
    }
}

/// How one part of a record is written. Sources are named by their index.
enum Part {
    /// A value, or the null of the union that it stands in.
    Leaf {
        source: usize,
        wire: Wire,
        null: Option<i64>,
        branch: Option<i64>,
    },
    Record(Vec<Part>),
    /// The lists of these sources have the same length.
    Array {
        item: Box<Part>,
        sources: Range<usize>,
    },
    /// The maps of these sources have the same keys.
    Map {
        value: Box<Part>,
        sources: Range<usize>,
    },
    /// The branches that have columns.
    Union {
        null: Option<i64>,
        branches: Vec<(i64, Part)>,
    },
}

/// Where a value comes from.
struct Place {
    path: String,
    around: Vec<Around>,
    /// The column's index, and the type of its values within what is around.
    column: Option<(usize, Type)>,
}

struct Build<'a> {
    rows: &'a RecordBatch,
    sources: Vec<Source>,
}

impl Build<'_> {
    /// The place of this name at the top, or below another.
    fn place(&self, outer: Option<&Place>, name: &str) -> Result<Place, SchemaError> {
        let path = below(outer.map_or("", |outer| &outer.path), name);
        let around = outer.map_or_else(Vec::new, |outer| outer.around.clone());
        let Ok(index) = self.rows.schema_ref().index_of(&path) else { return Ok(Place { path, around, column: None }) };
        let mismatch = || self.mismatch(index, &path);
        let mut of = Type::from_arrow(self.rows.column(index).data_type()).ok_or_else(mismatch)?;
        for around in &around {
            of = match (around, of) {
                (Around::List, Type::List(inner)) | (Around::Map, Type::Map(inner)) => *inner,
                _ => return Err(mismatch()),
            };
        }
        Ok(Place { path, around, column: Some((index, of)) })
    }

    fn within(&self, place: &Place, around: Around) -> Result<Place, SchemaError> {
        let column = match (&place.column, around) {
            (None, _) => None,
            (Some((index, Type::List(inner))), Around::List) | (Some((index, Type::Map(inner))), Around::Map) => {
                Some((*index, (**inner).clone()))
            }
            (Some((index, _)), _) => return Err(self.mismatch(*index, &place.path)),
        };
        let around = place.around.iter().copied().chain([around]).collect();
        Ok(Place { path: place.path.clone(), around, column })
    }

    fn mismatch(&self, index: usize, path: &str) -> SchemaError {
        let column_type = self.rows.column(index).data_type().to_string();
        SchemaError::Mismatch { field: path.to_owned(), column_type }
    }

    /// How a type is written, with or without columns.
    fn part(&mut self, wire: &Wire, place: &Place) -> Result<Part, SchemaError> {
        if let Some(part) = self.found(wire, place)? {
            return Ok(part);
        }
        blank(wire).ok_or_else(|| SchemaError::NoColumn { field: place.path.clone() })
    }

    /// `None` if there is no column for it or for anything in it.
    fn found(&mut self, wire: &Wire, place: &Place) -> Result<Option<Part>, SchemaError> {
        match wire {
            Wire::Union(branches) => self.union(wire, branches, place),
            Wire::Record(record) => {
                if let Some((index, _)) = place.column {
                    return Err(self.mismatch(index, &place.path));
                }
                self.record(record, place)
            }
            Wire::Array(inner) => {
                let start = self.sources.len();
                let item = self.found(inner, &self.within(place, Around::List)?)?;
                let sources = start..self.sources.len();
                Ok(item.map(|item| Part::Array { item: Box::new(item), sources }))
            }
            Wire::Map(inner) => {
                let start = self.sources.len();
                let value = self.found(inner, &self.within(place, Around::Map)?)?;
                let sources = start..self.sources.len();
                Ok(value.map(|value| Part::Map { value: Box::new(value), sources }))
            }
            leaf => {
                let Some((index, of)) = &place.column else { return Ok(None) };
                if !writable(leaf, of) {
                    return Err(self.mismatch(*index, &place.path));
                }
                let column = self.rows.column(*index);
                let source = Source::new(column).ok_or_else(|| self.mismatch(*index, &place.path))?;
                self.sources.push(source);
                let source = self.sources.len() - 1;
                Ok(Some(Part::Leaf { source, wire: leaf.clone(), null: None, branch: None }))
            }
        }
    }

    fn record(&mut self, record: &Record, place: &Place) -> Result<Option<Part>, SchemaError> {
        let mut parts = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            let own = self.place(Some(place), &field.column)?;
            parts.push((self.found(&field.wire, &own)?, own.path));
        }
        if parts.iter().all(|(part, _)| part.is_none()) {
            return Ok(None);
        }
        let whole = parts.into_iter().zip(&record.fields).map(|((part, field_path), field)| {
            part.or_else(|| blank(&field.wire)).ok_or(SchemaError::NoColumn { field: field_path })
        });
        Ok(Some(Part::Record(whole.collect::<Result<_, _>>()?)))
    }

    fn union(&mut self, wire: &Wire, branches: &[Wire], place: &Place) -> Result<Option<Part>, SchemaError> {
        let null = number_of(branches.iter().position(|branch| *branch == Wire::Null));
        let several = wire.some().len() > 1;
        let mut found = Vec::new();
        for (number, branch) in branches.iter().enumerate().filter(|(_, branch)| **branch != Wire::Null) {
            let number = number as i64;
            let part = match &place.column {
                // One column for all branches: the first that can be written from it.
                Some((_, of)) if several => {
                    if !writable(branch, of) {
                        continue;
                    }
                    self.found(branch, place)?.map(|part| (number, part))
                }
                None if several => {
                    let own = self.place(Some(place), branch.branch_name())?;
                    self.found(branch, &own)?.map(|part| (number, part))
                }
                _ => self.found(branch, place)?.map(|part| (number, part)),
            };
            found.extend(part);
            if place.column.is_some() && !found.is_empty() {
                break;
            }
        }
        if found.is_empty() {
            return match place.column {
                Some((index, _)) => Err(self.mismatch(index, &place.path)),
                None => Ok(None),
            };
        }
        if let [(number, Part::Leaf { null: inner_null, branch, .. })] = found.as_mut_slice() {
            (*inner_null, *branch) = (null, Some(*number));
            return Ok(found.pop().map(|(_, part)| part));
        }
        Ok(Some(Part::Union { null, branches: found }))
    }
}

fn number_of(place: Option<usize>) -> Option<i64> {
    place.map(|index| index as i64)
}

/// How a type is written for which there is no column: null, or nothing.
fn blank(wire: &Wire) -> Option<Part> {
    match wire {
        Wire::Null => Some(Part::Record(Vec::new())),
        Wire::Union(branches) => {
            let null = number_of(branches.iter().position(|branch| *branch == Wire::Null))?;
            Some(Part::Union { null: Some(null), branches: Vec::new() })
        }
        Wire::Record(record) => {
            let parts = record.fields.iter().map(|field| blank(&field.wire));
            parts.collect::<Option<_>>().map(Part::Record)
        }
        _ => None,
    }
}

impl Part {
    #[inline]
    fn write(&self, sources: &[Source], position: &mut Vec<usize>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Leaf { source, wire, null, branch } => {
                let source = &sources[*source];
                let index = source.index(position);
                if source.is_null(index) {
                    long(null.ok_or(Fault::Null)?, out);
                    return Ok(());
                }
                if let Some(branch) = branch {
                    long(*branch, out);
                }
                source.write(index, wire, out)
            }
            other => other.write_rare(sources, position, out),
        }
    }

    fn write_rare(&self, sources: &[Source], position: &mut Vec<usize>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Leaf { .. } => self.write(sources, position, out),
            Self::Record(parts) => parts.iter().try_for_each(|part| part.write(sources, position, out)),
            Self::Array { item, sources: those } => {
                let count = entries(&sources[those.clone()], position)?;
                if count > 0 {
                    long(count as i64, out);
                }
                for index in 0..count {
                    position.push(index);
                    item.write(sources, position, out)?;
                    position.pop();
                }
                out.push(0);
                Ok(())
            }
            Self::Map { value, sources: those } => {
                let those = &sources[those.clone()];
                let count = entries(those, position)?;
                if count > 0 {
                    long(count as i64, out);
                }
                for index in 0..count {
                    position.push(index);
                    let mut keys = those.iter().map(|source| source.key(position));
                    let key = keys.next().flatten().ok_or(Fault::Kind)?;
                    if keys.any(|other| other != Some(key)) {
                        return Err(Fault::Lists);
                    }
                    piece(key.as_bytes(), out);
                    value.write(sources, position, out)?;
                    position.pop();
                }
                out.push(0);
                Ok(())
            }
            Self::Union { null, branches } => {
                let branch = chosen(branches, sources, position)?;
                let Some((number, part)) = branch.or_else(|| if null.is_none() { only(branches) } else { None }) else {
                    long(null.ok_or(Fault::Null)?, out);
                    return Ok(());
                };
                long(*number, out);
                part.write(sources, position, out)
            }
        }
    }

    /// Whether there is a value, and not a null. `filled`: an empty list is none either.
    fn is_there(&self, sources: &[Source], position: &[usize], filled: bool) -> bool {
        match self {
            Self::Leaf { source, .. } => {
                let source = &sources[*source];
                !source.is_null(source.index(position))
            }
            Self::Record(parts) => parts.iter().any(|part| part.is_there(sources, position, true)),
            Self::Union { branches, .. } => branches.iter().any(|(_, part)| part.is_there(sources, position, true)),
            Self::Array { sources: those, .. } | Self::Map { sources: those, .. } => sources[those.clone()]
                .iter()
                .any(|source| source.length(position).is_some_and(|length| length > 0 || !filled)),
        }
    }
}

/// The branch that has a value.
fn chosen<'a>(
    branches: &'a [(i64, Part)],
    sources: &[Source],
    position: &[usize],
) -> Result<Option<&'a (i64, Part)>, Fault> {
    let filled = branches.len() > 1;
    let mut there = branches.iter().filter(|(_, part)| part.is_there(sources, position, filled));
    match (there.next(), there.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => Err(Fault::Branch),
    }
}

/// The branch of a union without null where no branch has a value: the one of lists or maps, which are empty then.
fn only(branches: &[(i64, Part)]) -> Option<&(i64, Part)> {
    match branches {
        [only] => Some(only),
        several => several.iter().find(|(_, part)| matches!(part, Part::Array { .. } | Part::Map { .. })),
    }
}

/// The number of entries of lists or maps that belong together.
fn entries(sources: &[Source], position: &[usize]) -> Result<usize, Fault> {
    let mut lengths = sources.iter().map(|source| source.length(position));
    let first = lengths.next().flatten().ok_or(Fault::Null)?;
    if lengths.any(|length| length != Some(first)) { Err(Fault::Lists) } else { Ok(first) }
}

/// Avro's variable-length zig-zag number.
#[inline]
pub(super) fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[inline]
pub(super) fn piece(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}
