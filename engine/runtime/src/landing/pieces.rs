//! Cutting a range into pieces: the rows of one partition of the table, with their provenance columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt32Array,
    UInt64Array,
};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use batch::{Batch, Input, Origins, PartitionBy, Place, RowsMeaning, TableDefinition};
use chrono::Datelike;
use connect::{Piece, Provenance, RowPosition, TablePartition};
use operators::fingerprint_batch;

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

/// The pieces of a range in order of their partitions, without tokens, and the hash over all of them.
pub(crate) fn cut(range: &Range, table: &TableDefinition, provenance: &Provenance) -> Result<Cut, PieceError> {
    let Some(first) = range.rows.first() else {
        return Ok(Cut { pieces: Vec::new(), hash: 0 });
    };
    let columns = compute::concat_batches(&first.columns().schema(), range.rows.iter().map(Batch::columns))?;
    let origins = Origins::concat(&range.rows.iter().map(Batch::origins).collect::<Vec<_>>())?;
    let whole = with_provenance(&columns, &origins, table, provenance)?;
    let groups = groups(&columns, &table.partition)?;
    let mut pieces = Vec::with_capacity(groups.len());
    let mut hashes = Vec::new();
    for (partition, rows) in groups {
        let piece_rows = match rows {
            None => whole.clone(),
            Some(rows) => compute::take_record_batch(&whole, &UInt32Array::from(rows))?,
        };
        hashes.extend_from_slice(partition.0.as_bytes());
        hashes.extend_from_slice(&fingerprint_batch(&piece_rows)?.to_le_bytes());
        pieces.push(Piece {
            provenance: provenance.clone(),
            table_partition: partition,
            rows: piece_rows,
            token: String::new(),
        });
    }
    Ok(Cut { pieces, hash: xxhash_rust::xxh3::xxh3_128(&hashes) })
}

/// Pieces of a range and the hash over all of them.
#[derive(Debug)]
pub(crate) struct Cut {
    /// In order of their partitions.
    pub(crate) pieces: Vec<Piece>,
    /// 128 bits over the columns of all pieces.
    pub(crate) hash: u128,
}

/// The table's columns in the table's order, then the provenance columns that its landings fill.
fn with_provenance(
    columns: &RecordBatch,
    origins: &Origins,
    table: &TableDefinition,
    provenance: &Provenance,
) -> Result<RecordBatch, PieceError> {
    let rows = columns.num_rows();
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for column in &table.columns {
        let array =
            columns.column_by_name(&column.name).ok_or_else(|| PieceError::Missing(Arc::clone(&column.name)))?;
        fields.push(column.column_type.field(&column.name));
        arrays.push(Arc::clone(array));
    }
    let mut push = |name: &str, array: ArrayRef| {
        fields.push(Field::new(name, array.data_type().clone(), false));
        arrays.push(array);
    };
    push("_landing", Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&*provenance.landing, rows))));
    push("_partition", Arc::new(Int32Array::from_value(provenance.partition, rows)));
    push("_offset", Arc::new(origins.offsets.clone()));
    push("_row", Arc::new(origins.rows.clone()));
    if table.rows == RowsMeaning::ByDocument {
        let (documents, versions, _, _) = match &origins.place {
            place @ Place::Document { .. } => place.spread(rows),
            _ => return Err(PieceError::Missing("_document".into())),
        };
        push("_document", Arc::new(documents));
        push("_version", Arc::new(unsigned(&versions)));
        push("_deleted", Arc::new(UInt8Array::from_value(0, rows)));
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn unsigned(versions: &Int64Array) -> UInt64Array {
    versions.iter().map(|version| version.map(i64::cast_unsigned)).collect()
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
    use super::{Groups, groups};
    use arrow::array::{Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
    use batch::PartitionBy;
    use std::sync::Arc;

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
