//! How the flows of the world read: lines of `key,part,value`, out of documents and out of records.
//!
//! Revisions read the same lines otherwise:
//!
//! | revision | reads |
//! |---|---|
//! | `r1` | as it is; a line that starts with `!` is bad, a header other than `key,part,value` is refused |
//! | `r2` | values a hundredfold; a line that starts with `!` is good, and so is the header `other` |
//! | `refuses` | no header |
//! | `short` | only the first two rows of a document |
//! | `picky` | lines of the keys `c` and `d` are bad too |
//!
//! A document may say that it has no rows: by a header of `key,part,value`, and `no rows` behind it. All but `picky` take
//! its word for it.

use std::io::Read;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryViewArray, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{Field, Schema};
use batch::{Batch, Code, Input, Origins, Place, Records, RowsMeaning};
use operators::{
    BadRecord, BadRow, Block, DecodedRecords, DocumentBytes, DocumentInput, DocumentReader, Facts, Outcome, ReadError,
    RecordReader, StepError, Verdict,
};

use crate::world::definition;

/// Reads lines, out of documents and out of records.
pub(crate) struct Lines {
    pub(crate) revision: &'static str,
}

type Row = (String, String, i64);

impl Lines {
    fn row(&self, line: &str) -> Option<Row> {
        let second = self.revision == "r2";
        let line = if second { line.trim_start_matches('!') } else { line };
        let mut cells = line.split(',');
        let (key, part, value) = (cells.next()?, cells.next()?, cells.next()?.parse::<i64>().ok()?);
        let picky = self.revision == "picky" && ["c", "d"].contains(&key);
        let good = !key.starts_with('!') && !picky && cells.next().is_none();
        good.then(|| (key.to_owned(), part.to_owned(), if second { value * 100 } else { value }))
    }
}

/// A row with its position, its arrival and the bytes that it came from.
type Placed = (Row, (i64, i64), i64, Vec<u8>);

/// Rows with the positions, arrivals and bytes that they came from.
fn batch_of(rows: &[Placed], input: &Arc<Input>, place: Place) -> Batch {
    let text = |of: &dyn Fn(&Row) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| of(&row.0))))
    };
    let columns: Vec<ArrayRef> = vec![
        text(&|row| row.0.clone()),
        text(&|row| row.1.clone()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0.2))),
    ];
    let fields: Vec<Field> =
        definition(RowsMeaning::Append).columns.iter().map(|column| column.column_type.field(&column.name)).collect();
    let columns = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of their types");
    let origins = Origins {
        input: Arc::clone(input),
        offsets: Int64Array::from_iter_values(rows.iter().map(|row| row.1.0)),
        rows: Int64Array::from_iter_values(rows.iter().map(|row| row.1.1)),
        arrivals: Int64Array::from_iter_values(rows.iter().map(|row| row.2)),
        place,
        raw: BinaryViewArray::from_iter_values(rows.iter().map(|row| &row.3)),
    };
    Batch::new(columns, origins, None).expect("one origin a row")
}

impl DocumentReader for Lines {
    fn facts(&self, _: &DocumentInput) -> Facts {
        Facts::new()
    }

    fn steps_need_trailer(&self) -> bool {
        false
    }

    fn read(
        &self,
        document: &DocumentInput,
        mut bytes: Box<dyn DocumentBytes>,
        sink: &mut dyn FnMut(Block) -> bool,
    ) -> Result<Verdict, ReadError> {
        let mut text = String::new();
        bytes.read_to_string(&mut text).map_err(ReadError::Bytes)?;
        let most = if self.revision == "short" { 3 } else { usize::MAX };
        let lines: Vec<&str> = text.lines().take(most).collect();
        let known = match self.revision {
            "refuses" => false,
            "r2" => ["key,part,value", "other"].iter().any(|header| lines.first() == Some(header)),
            _ => lines.first() == Some(&"key,part,value"),
        };
        let rows = lines.len().saturating_sub(1) as u64;
        let mut verdict = Verdict {
            outcome: Outcome::Rows,
            code: None,
            message: String::new(),
            rows,
            bad: 0,
            empty_is_meant: self.revision != "picky",
            facts: Facts::new(),
            new_columns: Vec::new(),
        };
        if !known {
            verdict.outcome = Outcome::Failed;
            return Ok(verdict);
        }
        let said = lines.get(1) == Some(&"no rows");
        verdict.empty_is_meant &= said;
        if rows == 0 || said {
            verdict.rows = 0;
            verdict.outcome = Outcome::Empty;
            return Ok(verdict);
        }
        let numbered: Vec<(i64, &str)> = (0_i64..).zip(lines[1..].iter().copied()).collect();
        for lines in numbered.chunks(3) {
            let (mut good, mut bad, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
            for &(number, line) in lines {
                let at = number.cast_unsigned() + 2;
                match self.row(line) {
                    Some(row) => {
                        numbers.push(at);
                        good.push((row, (document.offset, number), document.arrival, line.as_bytes().to_vec()));
                    }
                    None => bad.push(BadRow {
                        row: number,
                        member: "lines".into(),
                        line: at,
                        code: Code("E4298"),
                        message: "no row".to_owned(),
                        raw: line.as_bytes().to_vec(),
                    }),
                }
            }
            let place = Place::Document {
                id: Arc::clone(&document.id),
                member: "lines".into(),
                lines: UInt64Array::from(numbers),
            };
            verdict.bad += bad.len() as u64;
            let next_row = lines.last().map_or(0, |(number, _)| number + 1);
            if !sink(Block { batch: batch_of(&good, &document.input, place), bad, next_row }) {
                break;
            }
        }
        Ok(verdict)
    }
}

impl RecordReader for Lines {
    fn read(&mut self, records: &Records, input: &Arc<Input>) -> Result<DecodedRecords, StepError> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for record in records.iter() {
            let value = record.value.unwrap_or_default();
            match std::str::from_utf8(value).ok().and_then(|line| self.row(line)) {
                Some(row) => good.push((row, (record.offset, 0), record.arrival, value.to_vec())),
                None => {
                    let (code, message) = (Code("E4298"), "no row".to_owned());
                    bad.push(BadRecord { offset: record.offset, code, field: None, message });
                }
            }
        }
        Ok(DecodedRecords { batch: batch_of(&good, input, Place::Nowhere), bad, dropped: Vec::new() })
    }
}
