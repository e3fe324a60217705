//! The worked rows of a document between its proof and its landing: in memory as long as the budget has room for them,
//! then in a scratch file.
//!
//! What is kept spares a second reading, and nothing else: whoever cannot keep the rows answers `None`, and the document
//! is read again. So a full disk is no failure here, and no row depends on what the file says that could not be read
//! from the document.
//!
//! In the file lie only the columns and the numbers of rows, as an Arrow stream with LZ4. What is said of rows that fail
//! stays in memory and counts; it is a small share of an accepted document. Rows with named outputs are not put there.

use std::io::{self, BufReader, BufWriter, SeekFrom};
use std::sync::Arc;

use arrow::array::{AsArray, BinaryViewArray, Int64Array, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use batch::{Batch, Origins, Place};

use crate::budget::{ScratchFile, Share, WorkingMemory};
use crate::document::DocumentInput;
use crate::proof::Worked;

/// The last column of the file: number of the row in its document.
const ROW: &str = "_row";
/// Bytes that are written and read at a time.
const BUFFER: usize = 256 * 1024;

/// Gathers worked blocks.
pub(crate) enum Keeping {
    /// In memory.
    Memory(Vec<Worked>, Share),
    /// In a file.
    File(Box<ToFile>),
    /// There was no room.
    Nothing,
}

/// Blocks on their way into a file.
pub(crate) struct ToFile {
    writer: StreamWriter<BufWriter<Box<dyn ScratchFile>>>,
    schema: SchemaRef,
    rest: Vec<Rest>,
    share: Share,
}

/// A block without its rows, and what they have in common.
#[derive(Debug)]
struct Rest {
    worked: Worked,
    rows: Option<Common>,
}

#[derive(Debug)]
struct Common {
    member: Arc<str>,
    layout: Option<Arc<str>>,
}

/// Blocks that are kept. They come in order, each once.
#[derive(Debug)]
pub struct Kept {
    blocks: Blocks,
    share: Share,
}

#[derive(Debug)]
enum Blocks {
    Memory(std::vec::IntoIter<Worked>),
    File {
        reader: Box<StreamReader<BufReader<Box<dyn ScratchFile>>>>,
        rest: std::vec::IntoIter<Rest>,
        document: DocumentInput,
    },
}

impl Keeping {
    pub(crate) fn new(memory: &WorkingMemory) -> Self {
        Self::Memory(Vec::new(), Share::of(&memory.budget))
    }

    /// Keeps a block. `to_file`: whether a file may take what memory does not.
    pub(crate) fn add(self, worked: Worked, memory: &WorkingMemory, to_file: bool) -> Self {
        match self {
            Self::Memory(mut blocks, mut share) => {
                let fits = share.take(worked.memory());
                blocks.push(worked);
                if fits {
                    return Self::Memory(blocks, share);
                }
                // All of them go, so that the landing has the memory.
                drop(share);
                if !to_file {
                    return Self::Nothing;
                }
                ToFile::with(blocks, memory).map_or(Self::Nothing, |file| Self::File(Box::new(file)))
            }
            Self::File(mut file) => match file.add(worked) {
                Ok(()) => Self::File(file),
                Err(_) => Self::Nothing,
            },
            Self::Nothing => Self::Nothing,
        }
    }

    /// What was kept, if all of it was.
    pub(crate) fn finish(self, document: &DocumentInput) -> Option<Kept> {
        match self {
            Self::Memory(blocks, share) => Some(Kept { blocks: Blocks::Memory(blocks.into_iter()), share }),
            Self::File(file) => file.finish(document).ok(),
            Self::Nothing => None,
        }
    }
}

impl ToFile {
    fn with(blocks: Vec<Worked>, memory: &WorkingMemory) -> Option<Self> {
        let columns = blocks.iter().find_map(|worked| worked.rows.as_ref())?.columns().schema();
        let mut fields: Vec<Arc<Field>> = columns.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(ROW, DataType::Int64, false)));
        let schema = Arc::new(Schema::new(fields));
        let file = BufWriter::with_capacity(BUFFER, memory.scratch.file().ok()?);
        let packed = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).ok()?;
        let writer = StreamWriter::try_new_with_options(file, &schema, packed).ok()?;
        let mut file = Self { writer, schema, rest: Vec::new(), share: Share::of(&memory.budget) };
        blocks.into_iter().try_for_each(|worked| file.add(worked)).ok()?;
        Some(file)
    }

    fn add(&mut self, mut worked: Worked) -> Result<(), ArrowError> {
        let refused = |why: &str| Err(ArrowError::InvalidArgumentError(why.to_owned()));
        let rows = worked.rows.take();
        if !worked.outputs.is_empty() || !self.share.take(worked.memory()) {
            return refused("more than a file takes");
        }
        let Some(batch) = rows else {
            self.rest.push(Rest { worked, rows: None });
            return Ok(());
        };
        let Place::Document { member, .. } = &batch.origins().place else {
            return refused("rows of no document");
        };
        let mut columns = batch.columns().columns().to_vec();
        columns.push(Arc::new(batch.origins().rows.clone()));
        // Another shape than the first block's is refused here.
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        let common = Common { member: Arc::clone(member), layout: batch.layout().cloned() };
        self.rest.push(Rest { worked, rows: Some(common) });
        Ok(())
    }

    fn finish(self, document: &DocumentInput) -> Result<Kept, ArrowError> {
        let Self { writer, rest, share, .. } = self;
        let mut file = writer.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        let reader = StreamReader::try_new(BufReader::with_capacity(BUFFER, file), None)?;
        let blocks = Blocks::File { reader: Box::new(reader), rest: rest.into_iter(), document: document.clone() };
        Ok(Kept { blocks, share })
    }
}

/// What a block takes of the budget is given back with it. An error says that the file could not be read: read the
/// document again.
impl Iterator for Kept {
    type Item = Result<Worked, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.blocks {
            Blocks::Memory(blocks) => {
                let worked = blocks.next()?;
                self.share.give(worked.memory());
                Some(Ok(worked))
            }
            Blocks::File { reader, rest, document } => {
                let Rest { mut worked, rows } = rest.next()?;
                self.share.give(worked.memory());
                if let Some(common) = rows {
                    let read =
                        reader.next().unwrap_or_else(|| Err(ArrowError::IpcError("the file is too short".into())));
                    match read.and_then(|columns| restored(&columns, document, common)) {
                        Ok(rows) => worked.rows = Some(rows),
                        Err(error) => return Some(Err(error)),
                    }
                }
                Some(Ok(worked))
            }
        }
    }
}

/// Rows as they were, without the bytes and lines that only a dead row needs.
fn restored(columns: &RecordBatch, document: &DocumentInput, common: Common) -> Result<Batch, ArrowError> {
    let count = columns.num_rows();
    let last = columns.num_columns().saturating_sub(1);
    let rows = columns.column(last).as_primitive_opt::<Int64Type>();
    let rows = rows.ok_or_else(|| ArrowError::SchemaError(format!("no {ROW}")))?.clone();
    let columns = columns.project(&(0..last).collect::<Vec<_>>())?;
    let origins = Origins {
        input: Arc::clone(&document.input),
        offsets: Int64Array::from_value(document.offset, count),
        rows,
        arrivals: Int64Array::from_value(document.arrival, count),
        place: Place::Document {
            id: Arc::clone(&document.id),
            member: common.member,
            lines: UInt64Array::from_value(0, count),
        },
        raw: BinaryViewArray::from_iter_values(std::iter::repeat_n(b"", count)),
    };
    Batch::new(columns, origins, common.layout)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::Arc;

    use arrow::array::UInt64Array;
    use batch::{Batch, DocumentId, Place};

    use super::Keeping;
    use crate::document::{BadRow, DocumentInput};
    use crate::proof::Worked;
    use crate::samples::{maybe_names, numbers, placed, shown};
    use crate::{MemoryScratch, Scratch, ScratchFile, WorkingMemory};

    fn document() -> DocumentInput {
        let id = Arc::new(DocumentId { key: "feed/load/a".into(), version: 2 });
        let input = block(0, 1, 0).rows.expect("a row").origins().input.clone();
        DocumentInput { input, offset: 0, arrival: 5, id, name: "a".into(), fields: BTreeMap::new() }
    }

    /// Rows `first` to `first + count`, and so many bad ones.
    fn block(first: i64, count: i64, bad: i64) -> Worked {
        let texts: Vec<Option<String>> =
            (first..first + count).map(|row| (row % 3 > 0).then(|| format!("{row}"))).collect();
        let texts = maybe_names(&texts.iter().map(Option::as_deref).collect::<Vec<_>>());
        let values = numbers(&(first..first + count).map(|row| (row % 5 > 0).then_some(row)).collect::<Vec<_>>());
        let places: Vec<(i64, i64)> = (first..first + count).map(|row| (row, 5)).collect();
        let (columns, mut origins, layout) = placed(&[("text", texts), ("value", values)], &places).into_parts();
        let id = Arc::new(DocumentId { key: "feed/load/a".into(), version: 2 });
        let lines = UInt64Array::from_iter_values(places.iter().map(|(row, _)| row.cast_unsigned() + 2));
        origins.place = Place::Document { id, member: format!("member {}", first / 100).into(), lines };
        let rows = Batch::new(columns, origins, layout).expect("an origin for each row");
        let row = |row| BadRow {
            row,
            member: "a".into(),
            line: 1,
            code: crate::codes::KEY_TWICE,
            message: "bad".into(),
            raw: b"raw".to_vec(),
        };
        Worked {
            next_row: first + count + bad,
            rows: (count > 0).then_some(rows),
            outputs: Vec::new(),
            bad: (first + count..first + count + bad).map(row).collect(),
            failed: Vec::new(),
            counts: Default::default(),
        }
    }

    fn blocks() -> Vec<Worked> {
        vec![block(0, 40, 0), block(40, 0, 3), block(43, 7, 1), block(51, 60, 0), block(111, 0, 0), block(111, 1, 0)]
    }

    /// What a block says of its rows: numbers, provenance, cells.
    fn said(worked: &Worked) -> String {
        let rows = worked.rows.as_ref();
        let origins = rows.map(Batch::origins);
        let positions = origins.into_iter().flat_map(|origins| {
            (0..origins.len()).map(move |row| {
                let (offset, number) = origins.position(row);
                (offset, number, origins.arrivals.value(row))
            })
        });
        let place = origins.map(|origins| match &origins.place {
            Place::Document { id, member, .. } => format!("{id:?} {member}"),
            other => format!("{other:?}"),
        });
        let (positions, cells): (Vec<_>, _) = (positions.collect(), rows.map(shown));
        format!("{} {} {positions:?} {cells:?} {place:?}", worked.next_row, worked.bad.len())
    }

    #[test]
    fn rows_come_back_as_they_were_from_memory_and_from_a_file() {
        for limit in [0, 600, 3_000, usize::MAX] {
            let memory = WorkingMemory::limited(limit, Arc::new(MemoryScratch));
            let mut keeping = Keeping::new(&memory);
            for worked in blocks() {
                keeping = keeping.add(worked, &memory, true);
            }
            assert!(memory.budget.most() <= limit);
            let in_file = matches!(keeping, Keeping::File(_));
            let Some(kept) = keeping.finish(&document()) else {
                assert!(limit < 1_000, "{limit} has room for what is said of bad rows");
                continue;
            };
            assert_eq!(in_file, limit < usize::MAX, "{limit}");
            assert!(limit >= 1_000);
            let kept: Vec<Worked> = kept.collect::<Result<_, _>>().expect("the file is there");
            assert_eq!(kept.iter().map(said).collect::<Vec<_>>(), blocks().iter().map(said).collect::<Vec<_>>());
            assert_eq!(memory.budget.taken(), 0);
        }
    }

    #[test]
    fn what_does_not_fit_and_may_not_go_to_a_file_is_not_kept() {
        #[derive(Debug)]
        struct Full;
        impl Scratch for Full {
            fn file(&self) -> io::Result<Box<dyn ScratchFile>> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let with_output =
            || Worked { outputs: vec![("late".into(), block(0, 1, 0).rows.expect("a row"))], ..block(0, 1, 0) };
        let cases: [(Vec<Worked>, Arc<dyn Scratch>, bool); 3] = [
            (blocks(), Arc::new(MemoryScratch), false),
            (blocks(), Arc::new(Full), true),
            (vec![block(0, 40, 0), with_output()], Arc::new(MemoryScratch), true),
        ];
        for (blocks, scratch, to_file) in cases {
            let memory = WorkingMemory::limited(1_000, scratch);
            let keep = |keeping: Keeping, worked| keeping.add(worked, &memory, to_file);
            assert!(blocks.into_iter().fold(Keeping::new(&memory), keep).finish(&document()).is_none());
            assert_eq!(memory.budget.taken(), 0);
        }
    }
}
