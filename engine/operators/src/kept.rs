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
