//! Values as they should stand in columns, and as they do.

use std::collections::BTreeMap;

use apache_avro::types::Value;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};

use crate::shape::{Kind, Shape};
use crate::values;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Number(i128),
    /// Its bits.
    Double(u64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Cell>),
    /// In order of keys.
    Map(BTreeMap<String, Cell>),
}

/// The columns of a record's value.
pub(crate) fn flat(shape: &Shape, value: &Value) -> BTreeMap<String, Cell> {
    let mut cells = BTreeMap::new();
    fill(shape, Some(value), "", true, &mut cells);
    cells
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// `None` is null; at the top, outside of lists and maps, those are empty instead.
fn fill(shape: &Shape, value: Option<&Value>, path: &str, top: bool, cells: &mut BTreeMap<String, Cell>) {
    match (shape, value) {
        _ if !shape.has_column() => {}
        (Shape::Union(branches), value) => {
            let (chosen, value) = match value {
                Some(Value::Union(index, value)) => (Some(*index as usize), Some(&**value)),
                _ => (None, None),
            };
            let several = shape.some().len() > 1;
            for (index, branch) in branches.iter().enumerate() {
                let path = if several { below(path, branch.branch_name()) } else { path.to_owned() };
                fill(branch, value.filter(|_| chosen == Some(index)), &path, top, cells);
            }
        }
        (Shape::Record(_, fields), value) => {
            for (at, field) in fields.iter().enumerate() {
                let value = value.map(|value| match value {
                    Value::Record(values) => &values[at].1,
                    other => panic!("{other:?} is no record"),
                });
                fill(&field.shape, value, &below(path, &field.name), top, cells);
            }
        }
        (Shape::Array(inner), value) => {
            let mut lists = paths(inner, path, &Cell::List(Vec::new()));
            match value {
                Some(Value::Array(items)) => {
                    for item in items {
                        let mut own = BTreeMap::new();
                        fill(inner, Some(item), path, false, &mut own);
                        for (path, cell) in own {
                            if let Some(Cell::List(list)) = lists.get_mut(&path) {
                                list.push(cell);
                            }
                        }
                    }
                }
                _ if !top => lists = paths(inner, path, &Cell::Null),
                _ => {}
            }
            cells.extend(lists);
        }
        (Shape::Map(inner), value) => {
            let mut maps = paths(inner, path, &Cell::Map(BTreeMap::new()));
            match value {
                Some(Value::Map(entries)) => {
                    for (key, item) in entries {
                        let mut own = BTreeMap::new();
                        fill(inner, Some(item), path, false, &mut own);
                        for (path, cell) in own {
                            if let Some(Cell::Map(map)) = maps.get_mut(&path) {
                                map.insert(key.clone(), cell);
                            }
                        }
                    }
                }
                _ if !top => maps = paths(inner, path, &Cell::Null),
                _ => {}
            }
            cells.extend(maps);
        }
        (shape, value) => {
            cells.insert(path.to_owned(), value.map_or(Cell::Null, |value| cell(shape, value)));
        }
    }
}

/// The columns of a shape, each with this cell.
fn paths(shape: &Shape, path: &str, cell: &Cell) -> BTreeMap<String, Cell> {
    let mut cells = BTreeMap::new();
    fill(shape, None, path, false, &mut cells);
    cells.into_keys().map(|path| (path, cell.clone())).collect()
}

fn cell(shape: &Shape, value: &Value) -> Cell {
    match (shape, value) {
        (Shape::Decimal(..), Value::Bytes(bytes)) | (Shape::Fixed(_, _, Kind::Decimal(..)), Value::Fixed(_, bytes)) => {
            Cell::Number(values::units_of(bytes))
        }
        (Shape::Fixed(_, _, Kind::Uuid), Value::Fixed(_, bytes)) => Cell::Text(values::uuid(bytes)),
        (_, Value::Boolean(value)) => Cell::Boolean(*value),
        (_, Value::Int(value)) => Cell::Number(i128::from(*value)),
        (_, Value::Long(value)) => Cell::Number(i128::from(*value)),
        (_, Value::Float(value)) => Cell::Double(f64::from(*value).to_bits()),
        (_, Value::Double(value)) => Cell::Double(value.to_bits()),
        (_, Value::String(text) | Value::Enum(_, text)) => Cell::Text(text.clone()),
        (_, Value::Bytes(bytes) | Value::Fixed(_, bytes)) => Cell::Bytes(bytes.clone()),
        (shape, value) => panic!("{value:?} is no value of {shape:?}"),
    }
}

/// The value of a column.
pub(crate) fn cell_of(array: &ArrayRef, index: usize) -> Cell {
    if array.is_null(index) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Boolean => Cell::Boolean(array.as_boolean().value(index)),
        DataType::Int32 => Cell::Number(array.as_primitive::<Int32Type>().value(index).into()),
        DataType::Int64 => Cell::Number(array.as_primitive::<Int64Type>().value(index).into()),
        DataType::Float64 => Cell::Double(array.as_primitive::<Float64Type>().value(index).to_bits()),
        DataType::Decimal128(..) => Cell::Number(array.as_primitive::<Decimal128Type>().value(index)),
        DataType::Date32 => Cell::Number(array.as_primitive::<Date32Type>().value(index).into()),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Cell::Number(array.as_primitive::<TimestampMillisecondType>().value(index).into())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Cell::Number(array.as_primitive::<TimestampMicrosecondType>().value(index).into())
        }
        DataType::Timestamp(..) => Cell::Number(array.as_primitive::<TimestampNanosecondType>().value(index).into()),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(index).to_owned()),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(index).to_vec()),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(index);
            Cell::List((0..items.len()).map(|at| cell_of(&items, at)).collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(index);
            let keys = entries.column(0).as_string::<i32>();
            let entry = |at| (keys.value(at).to_owned(), cell_of(entries.column(1), at));
            Cell::Map((0..entries.len()).map(entry).collect())
        }
        other => panic!("no column has the type {other}"),
    }
}
