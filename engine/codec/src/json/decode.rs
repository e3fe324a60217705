//! The decoder: finds the declared fields of each object, and puts their values into columns.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use batch::{Code, ColumnType, Type};
use serde::de::IgnoredAny;

use super::number::{NotExact, double, exact};
use super::scan::{Scan, string};
use crate::avro::Fault;
use crate::avro::columns::Column;
use crate::avro::leaf::Scalar;
use crate::record::{BadRecord, Decoded};

/// What becomes of an object with fields that are not declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherFields {
    /// They are passed over.
    Ignore,
    /// The record is bad.
    Refuse,
}

/// True if JSON has values for a type.
#[must_use]
pub fn readable(of: &Type) -> bool {
    match of {
        Type::Boolean | Type::Integer { .. } | Type::Double | Type::Decimal { .. } | Type::Text => true,
        Type::Binary | Type::Date | Type::Timestamp { .. } => false,
        Type::List(of) | Type::Map(of) => readable(of),
    }
}

/// Decodes records that are one JSON object each.
#[derive(Debug)]
pub struct JsonDecoder {
    columns: Vec<(Arc<str>, ColumnType)>,
    schema: SchemaRef,
    root: Place,
    /// Number of places, the root not counted.
    places: usize,
    other_fields: OtherFields,
}

/// A place in the object that is declared, or leads to one.
#[derive(Debug, Default)]
struct Place {
    /// Counts places from 0.
    number: usize,
    /// The column that it fills.
    column: Option<usize>,
    within: Vec<(Box<str>, Place)>,
}

impl Place {
    fn add(&mut self, path: &str, column: usize, places: &mut usize) {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let at = self.within.iter().position(|(name, _)| **name == *first).unwrap_or_else(|| {
            self.within.push((first.into(), Self { number: *places, ..Self::default() }));
            *places += 1;
            self.within.len() - 1
        });
        let (_, place) = &mut self.within[at];
        match rest {
            Some(rest) => place.add(rest, column, places),
            None => place.column = Some(column),
        }
    }

    /// Finds the places of an object. Every one that is met is noted in `met`, what fills a column in `values`.
    fn find<'a>(&self, object: &'a str, found: &mut Found<'a>, other: OtherFields) -> Result<(), Trouble> {
        let mut scan = Scan::new(object);
        if !scan.enter(b'{') {
            return Err(Trouble::NoObject(None));
        }
        while let Some((name, value)) = scan.field() {
            let name = string(name).ok_or(Trouble::Name)?;
            let Some((_, place)) = self.within.iter().find(|(known, _)| **known == *name) else {
                match other {
                    OtherFields::Ignore => continue,
                    OtherFields::Refuse => return Err(Trouble::Other(batch::excerpt(name.as_bytes(), 60))),
                }
            };
            if std::mem::replace(&mut found.met[place.number], true) {
                return Err(Trouble::Twice(name.into()));
            }
            if let Some(column) = place.column {
                found.values[column] = Some(value);
            }
            if !place.within.is_empty() && value != "null" {
                place.find(value, found, other).map_err(|trouble| trouble.within(&name))?;
            }
        }
        Ok(())
    }
}

/// What was found of one record.
struct Found<'a> {
    /// Which places were met.
    met: Vec<bool>,
    /// The raw value of each column.
    values: Vec<Option<&'a str>>,
}

/// What is wrong with one record.
enum Trouble {
    /// The value is no JSON: where.
    NoJson(usize),
    /// It is no object, or the field of this path is none.
    NoObject(Option<String>),
    /// A name has half of a character.
    Name,
    /// A field stands twice.
    Twice(String),
    /// A field is not declared.
    Other(String),
    /// A column's field is not there, or null.
    Missing(usize),
    /// A column's value does not fit.
    Misfit(usize),
}

impl Trouble {
    fn within(self, name: &str) -> Self {
        let under = |path: String| if path.is_empty() { name.to_owned() } else { format!("{name}.{path}") };
        match self {
            Self::NoObject(path) => Self::NoObject(Some(under(path.unwrap_or_default()))),
            Self::Twice(path) => Self::Twice(under(path)),
            Self::Other(path) => Self::Other(under(path)),
            other => other,
        }
    }

    fn bad(self, index: usize, columns: &[(Arc<str>, ColumnType)]) -> BadRecord {
        // Only what is declared: a stranger's names would make as many groups of dead letters.
        let field = match &self {
            Self::NoObject(Some(path)) | Self::Twice(path) => Some(Arc::from(path.as_str())),
            Self::Missing(column) | Self::Misfit(column) => Some(Arc::clone(&columns[*column].0)),
            Self::NoJson(_) | Self::NoObject(None) | Self::Name | Self::Other(_) => None,
        };
        let (code, message) = match self {
            Self::NoJson(at) => ("E4311", format!("the value is no JSON from byte {at} on")),
            Self::NoObject(None) => ("E4311", "the value is JSON, and no object".to_owned()),
            Self::NoObject(Some(path)) => ("E4313", format!("field `{path}` is no object")),
            Self::Name => ("E4311", "a field's name has half of a character".to_owned()),
            Self::Twice(path) => ("E4314", format!("field `{path}` stands twice")),
            Self::Other(path) => ("E4315", format!("field `{path}` is not declared")),
            Self::Missing(column) => ("E4312", format!("field `{}` is not there, or null", columns[column].0)),
            Self::Misfit(column) => {
                let (name, of) = &columns[column];
                ("E4313", format!("field `{name}` is no {}", of.of))
            }
        };
        BadRecord { index, code: Code(code), field, message: batch::bounded(&message) }
    }
}

impl JsonDecoder {
    /// A decoder of these fields, whose types are [`readable`].
    #[must_use]
    pub fn new(columns: Vec<(Arc<str>, ColumnType)>, other_fields: OtherFields) -> Self {
        let fields: Vec<Field> = columns.iter().map(|(name, column)| column.field(name)).collect();
        let (mut root, mut places) = (Place::default(), 0);
        for (index, (path, _)) in columns.iter().enumerate() {
            root.add(path, index, &mut places);
        }
        Self { columns, schema: Arc::new(Schema::new(fields)), root, places, other_fields }
    }

    /// The schema of the rows.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes a block of records. A null record is a bad one.
    #[must_use]
    pub fn decode(&self, records: &BinaryArray) -> Decoded {
        let rows = records.len();
        let mut columns: Vec<Column> = self.columns.iter().map(|(_, of)| Column::new(of, rows)).collect();
        let (mut good, mut bad) = (Vec::with_capacity(rows), Vec::new());
        for index in 0..rows {
            let value = if records.is_valid(index) { records.value(index) } else { b"" };
            match self.read(value, &mut columns) {
                Ok(()) => good.push(index as u32),
                Err(trouble) => {
                    columns.iter_mut().for_each(|column| column.truncate(good.len()));
                    bad.push(trouble.bad(index, &self.columns));
                }
            }
        }
        let arrays = columns.into_iter().map(|column| column.finish().expect("only texts were put into texts"));
        let options = RecordBatchOptions::new().with_row_count(Some(good.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays.collect(), &options)
            .expect("columns were built by the schema's types, and every good record added one value to each");
        Decoded { rows, records: good, bad }
    }

    fn read(&self, value: &[u8], columns: &mut [Column]) -> Result<(), Trouble> {
        let text = std::str::from_utf8(value).map_err(|error| Trouble::NoJson(error.valid_up_to()))?;
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| Trouble::NoJson(place_of(text, &error)))?;
        let mut found = Found { met: vec![false; self.places], values: vec![None; self.columns.len()] };
        self.root.find(text, &mut found, self.other_fields)?;
        for (index, (column, value)) in columns.iter_mut().zip(&found.values).enumerate() {
            let of = &self.columns[index].1.of;
            match value.filter(|value| *value != "null") {
                None => column.push_null(0).map_err(|_| Trouble::Missing(index))?,
                Some(value) => fill(column, of, 0, value).map_err(|_| Trouble::Misfit(index))?,
            }
        }
        Ok(())
    }
}

/// Where the library found a text to be no JSON, in bytes.
fn place_of(text: &str, error: &serde_json::Error) -> usize {
    let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    (before + error.column().saturating_sub(1)).min(text.len())
}

/// Puts a value that is not null into a level of a column, the leaf's being the last.
fn fill(column: &mut Column, of: &Type, level: usize, value: &str) -> Result<(), Fault> {
    let mut scan = Scan::new(value);
    match of {
        Type::List(of) => {
            if !scan.enter(b'[') {
                return Err(Fault::Kind);
            }
            while let Some(item) = scan.item() {
                fill_inner(column, of, level + 1, item)?;
            }
            column.close(level)
        }
        Type::Map(of) => {
            if !scan.enter(b'{') {
                return Err(Fault::Kind);
            }
            let mut names = HashSet::new();
            while let Some((name, value)) = scan.field() {
                let name = string(name).ok_or(Fault::Text)?;
                column.key(level, name.as_bytes())?;
                fill_inner(column, of, level + 1, value)?;
                if !names.insert(name) {
                    return Err(Fault::Kind);
                }
            }
            column.close(level)
        }
        of => match value {
            "true" | "false" if *of == Type::Boolean => column.leaf.push(Scalar::Boolean(value == "true")),
            _ if *of == Type::Text && !value.starts_with('"') => column.leaf.push(Scalar::Text(value)),
            _ => number_or_text(column, of, value),
        },
    }
}

fn fill_inner(column: &mut Column, of: &Type, level: usize, value: &str) -> Result<(), Fault> {
    if value == "null" { column.push_null(level) } else { fill(column, of, level, value) }
}

/// Puts a string into a text, or a number, bare or in a string, into a column of numbers.
fn number_or_text(column: &mut Column, of: &Type, value: &str) -> Result<(), Fault> {
    let unquoted = if value.starts_with('"') { string(value).ok_or(Fault::Text)? } else { value.into() };
    match of {
        Type::Text => column.leaf.push(Scalar::Text(&unquoted)),
        Type::Double => column.leaf.push(Scalar::Double(double(&unquoted).ok_or(Fault::Range)?)),
        Type::Integer { .. } | Type::Decimal { .. } => {
            let number = exact(&unquoted).map_err(|error| match error {
                NotExact::NoNumber => Fault::Kind,
                NotExact::TooLong => Fault::Range,
            })?;
            column.leaf.push(Scalar::Decimal { units: number.units, scale: number.scale })
        }
        _ => Err(Fault::Kind),
    }
}
