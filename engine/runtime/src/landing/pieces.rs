//! Cutting a range into pieces: rows of one partition of the table, with their provenance columns.
//!
//! A partition with many rows gives several pieces, so that several inserts can go on at a time. Where they are cut
//! depends on the rows alone, and the hash over all pieces depends on the cut: if a range that was made again
//! has the hash under which it was opened, its pieces are those that were inserted then.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, UInt8Array,
    UInt32Array, UInt64Array,
};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use batch::{Batch, DocumentId, Input, Origins, PartitionBy, Place, RowsMeaning, TableDefinition};
use chrono::Datelike;
use connect::{Piece, Provenance, RowPosition, TablePartition};
use operators::fingerprint_batches;

/// The rows of one range, ready to land.
#[derive(Debug)]
pub struct Range {
    /// First input row.
    pub first: RowPosition,
    /// Last input row, included.
    pub last: RowPosition,
    /// The rows that land, in order.
    pub rows: Vec<Batch>,
    /// For rows that come back from the dead letters the positions at which they failed, scattered among rows that
    /// landed long ago; those too that do not land this time. `first` and `last` then stand in the retry topic.
    pub replayed: Option<Vec<RowPosition>>,
}

impl Range {
    /// Where in the input stands what withdraws rows. A place in the retry topic would lie behind what the flow has closed:
    /// who compares table and ledger would take the document for one that is still landing.
    #[must_use]
    pub fn withdraws_at(&self) -> RowPosition {
        self.replayed.iter().flatten().max().copied().unwrap_or(self.first)
    }

    /// Number of rows that land.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows.iter().map(|batch| batch.len() as u64).sum()
    }
}

/// The rows cannot be brought into the table's form: a fault of the program, for the steps before have conformed them.
#[derive(Debug, thiserror::Error)]
pub enum PieceError {
    /// A column is missing.
    #[error("the rows have no column `{0}`")]
    Missing(Arc<str>),
    /// A column that partitions has a type that cannot.
    #[error("column `{0}` cannot partition a table")]
    Partition(Arc<str>),
    /// Arrow refused.
    #[error("the rows do not fit the table's columns")]
    Arrow(#[from] ArrowError),
}

/// Whose rows the rows of this landing and input partition are.
#[must_use]
pub fn provenance_of(topology: &str, flow: &str, input: &Input) -> Provenance {
    Provenance { landing: format!("{topology}/{flow}/{}", input.identity).into(), partition: input.partition }
}

/// Rows of one partition of the table above which they are cut into pieces. Larger: fewer parts for the server to merge.
/// Smaller: more inserts at a time.
const PIECE_ROWS: usize = 64 * 1024;
/// Most pieces of one partition, unless they would be too long.
const MOST_PIECES: usize = 4;
/// Bytes of a piece that is one block for the server, with a margin for rows of very different lengths.
const PIECE_BYTES: usize = 48 * 1024 * 1024;

/// The pieces of a range in order of their partitions, without tokens, and the hash over all of them.
pub(crate) fn cut(range: &Range, table: &TableDefinition, provenance: &Provenance) -> Result<Cut, PieceError> {
    let mut partitions: BTreeMap<TablePartition, Vec<RecordBatch>> = BTreeMap::new();
    for batch in &range.rows {
        let whole = with_positions(batch, table)?;
        for (partition, rows) in groups(batch.columns(), &table.partition)? {
            let rows = match rows {
                None => whole.clone(),
                Some(rows) => compute::take_record_batch(&whole, &UInt32Array::from(rows))?,
            };
            partitions.entry(partition).or_default().push(rows);
        }
    }
    let document = document_of(range, table)?;
    let (mut pieces, mut hashes) = (Vec::new(), Vec::new());
    for (table_partition, batches) in partitions {
        for rows in parts(joined(batches)?) {
            let rows = rows.iter().map(|rows| with_provenance(rows, table, provenance, document));
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            hashes.extend_from_slice(table_partition.0.as_bytes());
            hashes.extend_from_slice(&fingerprint_batches(&rows)?.to_le_bytes());
            let (provenance, table_partition) = (provenance.clone(), table_partition.clone());
            pieces.push(Piece { provenance, table_partition, rows, token: String::new() });
        }
    }
    let hash = if pieces.is_empty() { 0 } else { xxhash_rust::xxh3::xxh3_128(&hashes) };
    Ok(Cut { pieces, hash })
}

/// Joins batches of few rows: each costs the server some hundred microseconds.
fn joined(batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, ArrowError> {
    /// Rows of a batch that is worth sending. Larger: more rows are copied. Smaller: more batches.
    const ENOUGH: usize = 1024;
    let mut joined: Vec<RecordBatch> = Vec::new();
    let mut few: Vec<RecordBatch> = Vec::new();
    let join = |few: &mut Vec<RecordBatch>, joined: &mut Vec<RecordBatch>| -> Result<(), ArrowError> {
        match few.as_slice() {
            [] => {}
            [_] => joined.append(few),
            [first, ..] => joined.push(compute::concat_batches(&first.schema(), few.iter())?),
        }
        few.clear();
        Ok(())
    };
    for batch in batches {
        few.push(batch);
        if few.iter().map(RecordBatch::num_rows).sum::<usize>() >= ENOUGH {
            join(&mut few, &mut joined)?;
        }
    }
    join(&mut few, &mut joined)?;
    Ok(joined)
}

/// Cuts the rows of one partition into pieces of about equal numbers of rows.
fn parts(batches: Vec<RecordBatch>) -> Vec<Vec<RecordBatch>> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let long: usize = batches.iter().map(bytes_of).sum::<usize>().div_ceil(PIECE_BYTES);
    let count = (rows / PIECE_ROWS).clamp(1, MOST_PIECES).max(long.min(rows));
    let mut parts = vec![Vec::new(); count];
    let mut next = 0;
    for batch in batches {
        let end = next + batch.num_rows();
        for (index, part) in parts.iter_mut().enumerate() {
            let (first, last) = ((rows * index / count).max(next), (rows * (index + 1) / count).min(end));
            if first < last {
                part.push(batch.slice(first - next, last - first));
            }
        }
        next = end;
    }
    parts
}

/// Bytes of the rows, whichever buffers they share.
fn bytes_of(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

/// Pieces of a range and the hash over all of them.
#[derive(Debug)]
pub(crate) struct Cut {
    /// In order of their partitions.
    pub(crate) pieces: Vec<Piece>,
    /// 128 bits over the columns of all pieces.
    pub(crate) hash: u128,
}

/// The document whose rows a range has, where a document owns its rows: one document gives all rows of its ranges.
fn document_of<'a>(range: &'a Range, table: &TableDefinition) -> Result<Option<&'a DocumentId>, PieceError> {
    if table.rows != RowsMeaning::ByDocument {
        return Ok(None);
    }
    let mut document = None;
    for batch in &range.rows {
        match &batch.origins().place {
            Place::Document { id, .. } if *document.get_or_insert(id) == id => {}
            _ => return Err(PieceError::Missing("_document".into())),
        }
    }
    Ok(document.map(|id| &**id))
}

/// The table's columns in the table's order, then offset and row.
fn with_positions(batch: &Batch, table: &TableDefinition) -> Result<RecordBatch, PieceError> {
    let mut columns: Vec<(Field, ArrayRef)> = Vec::with_capacity(table.columns.len() + 2);
    for column in &table.columns {
        let array = batch.columns().column_by_name(&column.name);
        let array = array.ok_or_else(|| PieceError::Missing(Arc::clone(&column.name)))?;
        columns.push((column.column_type.field(&column.name), Arc::clone(array)));
    }
    let Origins { offsets, rows, .. } = batch.origins();
    columns.push((Field::new("_offset", DataType::Int64, false), Arc::new(offsets.clone())));
    columns.push((Field::new("_row", DataType::Int64, false), Arc::new(rows.clone())));
    assembled(columns)
}

/// The table's columns, then the provenance columns that its landings fill. What is the same for all rows is added last:
/// joining batches would repeat it, and a server refuses a dictionary that repeats itself.
fn with_provenance(
    rows: &RecordBatch,
    table: &TableDefinition,
    provenance: &Provenance,
    document: Option<&DocumentId>,
) -> Result<RecordBatch, PieceError> {
    let count = rows.num_rows();
    let own = |index: usize| (rows.schema().field(index).clone(), Arc::clone(rows.column(index)));
    let fixed = |name: &str, array: ArrayRef| (Field::new(name, array.data_type().clone(), false), array);
    let width = table.columns.len();
    let mut columns: Vec<(Field, ArrayRef)> = (0..width).map(own).collect();
    columns.push(fixed("_landing", repeated(&provenance.landing, count)?));
    columns.push(fixed("_partition", Arc::new(Int32Array::from_value(provenance.partition, count))));
    columns.extend([own(width), own(width + 1)]);
    if let Some(DocumentId { key, version }) = document {
        columns.push(fixed("_document", repeated(key, count)?));
        columns.push(fixed("_version", Arc::new(UInt64Array::from_value(version.cast_unsigned(), count))));
        columns.push(fixed("_deleted", Arc::new(UInt8Array::from_value(0, count))));
    }
    assembled(columns)
}

fn assembled(columns: Vec<(Field, ArrayRef)>) -> Result<RecordBatch, PieceError> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// The same text for all rows, kept once.
fn repeated(text: &str, rows: usize) -> Result<ArrayRef, ArrowError> {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((rows > 0).then_some(text)));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(Int32Array::from_value(0, rows), texts)?))
}

/// Rows of each partition of the table; `None` stands for all rows.
type Groups = BTreeMap<TablePartition, Option<Vec<u32>>>;

fn groups(columns: &RecordBatch, by: &PartitionBy) -> Result<Groups, PieceError> {
    let name = match by {
        PartitionBy::Nothing => return Ok(BTreeMap::from([(TablePartition("".into()), None)])),
        PartitionBy::Column(name) | PartitionBy::Year(name) | PartitionBy::Month(name) | PartitionBy::Day(name) => name,
    };
    let column = columns.column_by_name(name).ok_or_else(|| PieceError::Missing(Arc::clone(name)))?;
    let mut found: BTreeMap<TablePartition, Vec<u32>> = BTreeMap::new();
    if matches!(by, PartitionBy::Column(_)) {
        for row in 0..column.len() {
            let text = if column.is_null(row) { String::new() } else { array_value_to_string(column, row)? };
            found.entry(TablePartition(text.into())).or_default().push(row as u32);
        }
    } else {
        let days = days(column).ok_or_else(|| PieceError::Partition(Arc::clone(name)))?;
        let mut of_day: BTreeMap<Option<i32>, Vec<u32>> = BTreeMap::new();
        for row in 0..days.len() {
            of_day.entry(days.is_valid(row).then(|| days.value(row))).or_default().push(row as u32);
        }
        for (day, mut rows) in of_day {
            found.entry(TablePartition(partition_text(day, by).into())).or_default().append(&mut rows);
        }
        found.values_mut().for_each(|rows| rows.sort_unstable());
    }
    if let [(_, _)] = found.iter().collect::<Vec<_>>().as_slice() {
        return Ok(found.into_keys().map(|partition| (partition, None)).collect());
    }
    Ok(found.into_iter().map(|(partition, rows)| (partition, Some(rows))).collect())
}

/// Days since 1970 of a date or timestamp column; a timestamp's day is the UTC one, as the table's expression says.
fn days(column: &ArrayRef) -> Option<Date32Array> {
    if let Some(dates) = column.as_any().downcast_ref::<Date32Array>() {
        return Some(dates.clone());
    }
    let DataType::Timestamp(unit, _) = column.data_type() else {
        return None;
    };
    let per_day = match unit {
        TimeUnit::Second => 86_400,
        TimeUnit::Millisecond => 86_400_000,
        TimeUnit::Microsecond => 86_400_000_000,
        TimeUnit::Nanosecond => 86_400_000_000_000_i64,
    };
    let numbers = compute::cast(column, &DataType::Int64).ok()?;
    let numbers = numbers.as_any().downcast_ref::<Int64Array>()?;
    Some(numbers.iter().map(|value| value.and_then(|value| i32::try_from(value.div_euclid(per_day)).ok())).collect())
}

fn partition_text(day: Option<i32>, by: &PartitionBy) -> String {
    let Some(date) = day.and_then(chrono::NaiveDate::from_epoch_days) else {
        return String::new();
    };
    match by {
        PartitionBy::Year(_) => format!("{:04}", date.year()),
        PartitionBy::Month(_) => format!("{:04}{:02}", date.year(), date.month()),
        _ => date.format("%Y-%m-%d").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Groups, MOST_PIECES, PIECE_ROWS, Range, cut, groups, joined, parts, provenance_of};
    use arrow::array::{
        AsArray, BinaryViewArray, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
        UInt64Array,
    };
    use arrow::datatypes::{Int32Type, Int64Type};
    use batch::{
        Batch, ColumnType, DocumentId, Input, Origins, PartitionBy, Place, RowsMeaning, TableColumn, TableDefinition,
        TopicIdentity, Type,
    };
    use connect::{Piece, RowPosition};
    use std::sync::Arc;

    /// Batches of so many rows, numbered through.
    fn numbered(lengths: &[usize]) -> Vec<RecordBatch> {
        let mut next = 0;
        let batch = |&length: &usize| {
            let numbers = Int64Array::from_iter_values(next..next + length as i64);
            next += length as i64;
            RecordBatch::try_from_iter([("number", Arc::new(numbers) as _)]).expect("a batch")
        };
        lengths.iter().map(batch).collect()
    }

    fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
        batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
    }

    #[test]
    fn many_rows_are_cut_by_their_number_alone() {
        for (lengths, wanted) in [
            (vec![], 1),
            (vec![1, 2], 1),
            (vec![2 * PIECE_ROWS - 1], 1),
            (vec![PIECE_ROWS, PIECE_ROWS], 2),
            (vec![1, 2 * PIECE_ROWS, 7], 2),
            (vec![MOST_PIECES * PIECE_ROWS * 2], MOST_PIECES),
        ] {
            let rows: usize = lengths.iter().sum();
            let pieces = parts(numbered(&lengths));
            let sizes: Vec<usize> = pieces.iter().map(|piece| numbers(piece).len()).collect();
            assert_eq!(
                pieces.concat().iter().flat_map(|batch| numbers(std::slice::from_ref(batch))).collect::<Vec<_>>(),
                (0..rows as i64).collect::<Vec<_>>()
            );
            assert_eq!(sizes.len(), wanted, "{lengths:?}");
            // The same rows in one batch are cut at the same places.
            let whole: Vec<usize> = parts(numbered(&[rows])).iter().map(|piece| numbers(piece).len()).collect();
            assert_eq!(sizes, whole, "{lengths:?}");
        }
    }

    /// A server takes a piece as one block only below 200 MB.
    #[test]
    fn long_rows_are_cut_by_their_bytes() {
        let text = "x".repeat(30_000_000);
        let batch = |count: usize| {
            let texts = StringArray::from_iter_values(std::iter::repeat_n(&text, count));
            RecordBatch::try_from_iter([("text", Arc::new(texts) as _)]).expect("a batch")
        };
        for (lengths, wanted) in [(vec![1], 1), (vec![1, 1], 2), (vec![4], 3), (vec![1; 10], 6)] {
            let pieces = parts(lengths.iter().map(|&length| batch(length)).collect());
            let rows: Vec<usize> =
                pieces.iter().map(|piece| piece.iter().map(RecordBatch::num_rows).sum::<usize>()).collect();
            assert_eq!(rows.len(), wanted, "{lengths:?}");
            assert_eq!(rows.iter().sum::<usize>(), lengths.iter().sum::<usize>());
            assert!(rows.iter().all(|rows| *rows > 0 && rows * text.len() < 200_000_000), "{rows:?}");
        }
    }

    /// Documents that are read again after a dead letter give rows of few lines a batch: the server refuses a dictionary
    /// that repeats itself.
    #[test]
    fn what_all_rows_share_stands_once_in_a_joined_batch() {
        let table = TableDefinition {
            name: "some.table".into(),
            about: String::new(),
            columns: vec![TableColumn {
                name: "number".into(),
                column_type: ColumnType::of(Type::BIGINT),
                about: String::new(),
            }],
            key: vec!["number".into()],
            rows: RowsMeaning::ByDocument,
            partition: PartitionBy::Nothing,
        };
        let id = Arc::new(DocumentId { key: "feed/load/a".into(), version: 2 });
        let input = Arc::new(Input { topic: "documents".into(), identity: TopicIdentity(1), partition: 0 });
        let batch = |columns: RecordBatch| {
            let count = columns.num_rows();
            let zeros = Int64Array::from_value(0, count);
            let place =
                Place::Document { id: Arc::clone(&id), member: "a".into(), lines: UInt64Array::from_value(0, count) };
            let (input, rows) = (Arc::clone(&input), columns.column(0).as_primitive::<Int64Type>().clone());
            let raw = BinaryViewArray::from_iter_values(std::iter::repeat_n(b"", count));
            let origins = Origins { input, offsets: zeros.clone(), rows, arrivals: zeros, place, raw };
            Batch::new(columns, origins, None).expect("an origin for each row")
        };
        let at = |row| RowPosition { offset: 0, row };
        let rows = numbered(&[2, 3, 1]).into_iter().map(batch).collect();
        let range = Range { first: at(0), last: at(5), rows, replayed: None };
        let provenance = provenance_of("feed", "load", &input);
        let pieces = cut(&range, &table, &provenance).expect("the table's columns").pieces;
        let [Piece { rows, .. }] = pieces.as_slice() else { panic!("{} pieces", pieces.len()) };
        assert_eq!(numbers(rows), [0, 1, 2, 3, 4, 5]);
        for name in ["_landing", "_document"] {
            let column = rows[0].column_by_name(name).expect(name).as_dictionary::<Int32Type>();
            assert_eq!((rows.len(), column.len(), column.values().len()), (1, 6, 1), "{name}");
        }
    }

    #[test]
    fn batches_of_few_rows_are_joined_in_order() {
        for lengths in [vec![], vec![3], vec![1; 3000], vec![2000, 1, 1, 5000, 3]] {
            let rows: usize = lengths.iter().sum();
            let joined = joined(numbered(&lengths)).expect("one schema");
            assert_eq!(numbers(&joined), (0..rows as i64).collect::<Vec<_>>());
            assert!(joined.len() <= rows / 1024 + 1, "{lengths:?} {}", joined.len());
        }
    }

    fn texts(groups: Groups) -> Vec<(String, Option<Vec<u32>>)> {
        groups.into_iter().map(|(partition, rows)| (partition.0.to_string(), rows)).collect()
    }

    #[test]
    fn rows_are_grouped_by_what_the_table_is_partitioned_by() {
        let rows = RecordBatch::try_from_iter([
            ("day", Arc::new(Date32Array::from(vec![0, 31, -1, 1])) as _),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![-1, 0, 86_400_000_000, 0])) as _),
            ("venue", Arc::new(StringArray::from(vec!["a", "b", "a", "a"])) as _),
        ])
        .expect("a batch");
        let cases = [
            (PartitionBy::Nothing, vec![("".to_owned(), None)]),
            (
                PartitionBy::Month("day".into()),
                vec![
                    ("196912".to_owned(), Some(vec![2])),
                    ("197001".to_owned(), Some(vec![0, 3])),
                    ("197002".to_owned(), Some(vec![1])),
                ],
            ),
            (
                PartitionBy::Year("at".into()),
                vec![("1969".to_owned(), Some(vec![0])), ("1970".to_owned(), Some(vec![1, 2, 3]))],
            ),
            (
                PartitionBy::Column("venue".into()),
                vec![("a".to_owned(), Some(vec![0, 2, 3])), ("b".to_owned(), Some(vec![1]))],
            ),
            (
                PartitionBy::Day("day".into()),
                vec![
                    ("1969-12-31".to_owned(), Some(vec![2])),
                    ("1970-01-01".to_owned(), Some(vec![0])),
                    ("1970-01-02".to_owned(), Some(vec![3])),
                    ("1970-02-01".to_owned(), Some(vec![1])),
                ],
            ),
        ];
        for (by, wanted) in cases {
            assert_eq!(texts(groups(&rows, &by).expect("groups")), wanted, "{by:?}");
        }
    }
}
