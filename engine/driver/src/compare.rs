//! What a test expects against what came, as sentences.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, MapArray, RecordBatch, StringArray, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use batch::Type;
use indexmap::IndexMap;
use topology::plan::{Expect, Value};

use crate::run::{Came, Dead};

/// Most rows or dead letters of one kind that are shown; the number is always told.
const SHOWN: usize = 10;

type Row = IndexMap<Arc<str>, Value>;

/// All differences, none if the test passed.
pub(crate) fn differences(came: &Came, expect: &Expect) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(rows) = &expect.rows {
        compare_rows("rows", rows, &came.rows, &mut found);
    }
    for (name, rows) in &expect.outputs {
        let came = came.outputs.get(name).map(Vec::as_slice).unwrap_or_default();
        compare_rows(&format!("output {name}"), rows, came, &mut found);
    }
    if let Some(dead) = &expect.dead_letters {
        compare_dead(dead, &came.dead, &mut found);
    } else if !expect.receipt.as_ref().is_some_and(|receipt| receipt.contains_key("dead")) {
        found.extend(came.dead.iter().take(SHOWN).map(|dead| format!("an unexpected dead letter: {}", shown(dead))));
    }
    if let Some(dropped) = &expect.dropped {
        for (reason, count) in dropped {
            let really = came.counts.dropped.get(&**reason).copied().unwrap_or(0);
            if really != *count {
                found.push(format!("dropped {reason}: expected {count}, came {really}"));
            }
        }
        for (reason, count) in &came.counts.dropped {
            if !dropped.contains_key(reason.as_str()) {
                found.push(format!("dropped {reason}: expected none, came {count}"));
            }
        }
    }
    if let Some(receipt) = &expect.receipt {
        compare_receipt(receipt, came, &mut found);
    }
    // A receipt that differs has said why already.
    if !found.is_empty() && !found.iter().any(|said| said.starts_with("receipt ")) {
        found.extend(came.refused.iter().take(SHOWN).cloned());
    }
    found
}

fn compare_receipt(expected: &Row, came: &Came, found: &mut Vec<String>) {
    let Some(receipt) = &came.receipt else {
        found.push("a receipt was expected, and no document was given".to_owned());
        return;
    };
    for (field, value) in expected {
        let really = match &**field {
            "outcome" => receipt.outcome.to_owned(),
            "code" => receipt.code.clone(),
            "message" => receipt.message.clone(),
            "rows" => receipt.rows.to_string(),
            "dead" => receipt.dead.to_string(),
            other => {
                found.push(format!("receipt: there is no field `{other}`"));
                continue;
            }
        };
        if !matches!(value, Value::Scalar(text) if **text == *really) {
            let why = if receipt.message.is_empty() { String::new() } else { format!(" ({})", receipt.message) };
            found.push(format!("receipt {field}: expected {}, came {really}{why}", written(value)));
        }
    }
}

fn compare_dead(expected: &[Row], came: &[Dead], found: &mut Vec<String>) {
    if expected.len() != came.len() {
        found.push(format!("dead letters: expected {}, came {}", expected.len(), came.len()));
        found.extend(came.iter().take(SHOWN).map(|dead| format!("  came: {}", shown(dead))));
        return;
    }
    for (number, (expected, dead)) in expected.iter().zip(came).enumerate() {
        for (field, value) in expected {
            let really = match &**field {
                "code" => dead.code.clone(),
                "step" => dead.step.clone(),
                "field" => dead.field.clone(),
                "line" => dead.line.to_string(),
                other => {
                    found.push(format!("dead letter {}: there is no field `{other}`", number + 1));
                    continue;
                }
            };
            if !matches!(value, Value::Scalar(text) if **text == *really) {
                found.push(format!("dead letter {} {field}: expected {}, came {really}", number + 1, written(value)));
            }
        }
    }
}

fn shown(dead: &Dead) -> String {
    let field = if dead.field.is_empty() { String::new() } else { format!(" field {}", dead.field) };
    let line = if dead.line == 0 { String::new() } else { format!(", line {}", dead.line) };
    format!("{} at step {}{field}{line}: {}", dead.code, dead.step, dead.message)
}

fn compare_rows(what: &str, expected: &[Row], came: &[RecordBatch], found: &mut Vec<String>) {
    let count: usize = came.iter().map(RecordBatch::num_rows).sum();
    if count != expected.len() {
        found.push(format!("{what}: expected {}, came {count}", expected.len()));
        list_rows(expected, came, found);
        return;
    }
    let places = came.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    for (number, (expected, (batch, row))) in expected.iter().zip(places).enumerate() {
        for (column, value) in expected {
            if let Err(difference) = compare_value(batch, row, column, value) {
                found.push(format!("{what} {}: {column}: {difference}", number + 1));
            }
        }
    }
}

/// With a row too many or too few, comparing by number says nothing: both sides are shown, in the columns of interest.
fn list_rows(expected: &[Row], came: &[RecordBatch], found: &mut Vec<String>) {
    let mut columns: Vec<&str> = Vec::new();
    for name in expected.iter().flat_map(IndexMap::keys) {
        if !columns.contains(&&**name) {
            columns.push(name);
        }
    }
    let row_of = |batch: &RecordBatch, row: usize| -> String {
        let fields = batch.schema();
        let named = fields.fields().iter().enumerate().filter(|(_, field)| {
            // A test that expects no row at all names no column.
            columns.is_empty() || columns.contains(&field.name().as_str())
        });
        let cells =
            named.map(|(index, field)| format!("{}: {}", field.name(), text_of(&batch.column(index).slice(row, 1))));
        format!("{{ {} }}", cells.collect::<Vec<_>>().join(", "))
    };
    let wanted = |row: &Row| {
        let cells: Vec<String> = row.iter().map(|(name, value)| format!("{name}: {}", written(value))).collect();
        format!("{{ {} }}", cells.join(", "))
    };
    let came = came.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    found.extend(expected.iter().take(SHOWN).map(|row| format!("  expected: {}", wanted(row))));
    found.extend(came.take(SHOWN).map(|(batch, row)| format!("  came:     {}", row_of(batch, row))));
}

fn compare_value(batch: &RecordBatch, row: usize, column: &str, expected: &Value) -> Result<(), String> {
    let array = batch.column_by_name(column).ok_or("there is no such column")?;
    let of = Type::from_arrow(array.data_type()).ok_or("its type cannot be compared")?;
    let wanted = array_of(&[expected], &of).map_err(words)?;
    let came = array.slice(row, 1);
    if came.to_data() == wanted.to_data() || text_of(&came) == text_of(&wanted) {
        return Ok(());
    }
    Err(format!("expected {}, came {}", text_of(&wanted), text_of(&came)))
}

fn text_of(array: &ArrayRef) -> String {
    if array.is_null(0) {
        return "null".to_owned();
    }
    arrow::util::display::array_value_to_string(array, 0).unwrap_or_else(|error| error.to_string())
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Scalar(text) => text.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}: {}", written(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// An array of a type from what a test writes. Scalars are read by Arrow's own casts from text.
pub(crate) fn array_of(values: &[&Value], of: &Type) -> Result<ArrayRef, ArrowError> {
    match of {
        Type::List(item) => list_of(values, item),
        Type::Map(value) => map_of(values, value),
        _ => {
            let texts: Vec<Option<&str>> = values
                .iter()
                .map(|value| match value {
                    Value::Null => Ok(None),
                    Value::Scalar(text) => Ok(Some(&**text)),
                    other => Err(ArrowError::CastError(format!("{} is no scalar", written(other)))),
                })
                .collect::<Result<_, _>>()?;
            let options = compute::CastOptions { safe: false, ..compute::CastOptions::default() };
            let cast =
                |texts: Vec<Option<&str>>| compute::cast_with_options(&StringArray::from(texts), &of.arrow(), &options);
            cast(texts.clone()).map_err(|error| {
                let wrong = texts.into_iter().flatten().find(|text| cast(vec![Some(text)]).is_err());
                wrong.map_or(error, |text| {
                    ArrowError::CastError(format!("{text} is no value of type {of}{}", such_as(of)))
                })
            })
        }
    }
}

/// How a value of a type is written, as the end of a sentence.
fn such_as(of: &Type) -> &'static str {
    match of {
        Type::Date => "; write it as 2026-01-31",
        Type::Timestamp { zone: Some(_), .. } => "; write it as 2026-01-31T09:30:00Z",
        Type::Timestamp { zone: None, .. } => "; write it as 2026-01-31T09:30:00",
        _ => "",
    }
}

/// Why an array could not be made, without what Arrow says before it.
pub(crate) fn words(error: ArrowError) -> String {
    match error {
        ArrowError::CastError(what) => what,
        error => error.to_string(),
    }
}

fn list_of(values: &[&Value], item: &Type) -> Result<ArrayRef, ArrowError> {
    let mut items: Vec<&Value> = Vec::new();
    let mut lengths = Vec::new();
    for value in values {
        match value {
            Value::List(list) => {
                items.extend(list);
                lengths.push(list.len());
            }
            Value::Null => lengths.push(0),
            other => return Err(ArrowError::CastError(format!("{} is no list", written(other)))),
        }
    }
    let field = Arc::new(Field::new("item", item.arrow(), true));
    let nulls = NullBuffer::from_iter(values.iter().map(|value| **value != Value::Null));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, array_of(&items, item)?, Some(nulls))?))
}

fn map_of(values: &[&Value], of: &Type) -> Result<ArrayRef, ArrowError> {
    let mut keys: Vec<&str> = Vec::new();
    let mut items: Vec<&Value> = Vec::new();
    let mut lengths = Vec::new();
    for value in values {
        match value {
            Value::Map(entries) => {
                keys.extend(entries.keys().map(|key| &**key));
                items.extend(entries.values());
                lengths.push(entries.len());
            }
            Value::Null => lengths.push(0),
            other => return Err(ArrowError::CastError(format!("{} is no map", written(other)))),
        }
    }
    let whole = Type::Map(Box::new(of.clone())).arrow();
    let DataType::Map(field, sorted) = &whole else {
        return Ok(new_null_array(&whole, values.len()));
    };
    let DataType::Struct(fields) = field.data_type() else {
        return Ok(new_null_array(&whole, values.len()));
    };
    let arrays: Vec<ArrayRef> = vec![Arc::new(StringArray::from(keys)), array_of(&items, of)?];
    let entries = arrow::array::StructArray::try_new(fields.clone(), arrays, None)?;
    let nulls = NullBuffer::from_iter(values.iter().map(|value| **value != Value::Null));
    let map = MapArray::try_new(Arc::clone(field), OffsetBuffer::from_lengths(lengths), entries, Some(nulls), *sorted)?;
    Ok(Arc::new(map))
}
