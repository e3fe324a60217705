//! Whether records of one schema can be read by another, and if not, each place where not.
//!
//! The rules are those by which records are resolved (`matching`), so that a pair of schemas without a difference makes
//! no bad records, but for values: text that is no UTF-8 where bytes were promised as text, numbers beyond a column.
//! What would only fail some records is a difference too, as registries have it: a branch or symbol that the reader
//! does not know. Schemas that contain themselves are refused, as everywhere.
//!
//! A reader that is newer than its writers is backward compatible; `compatibility(old, new)` tells of forward.

use std::fmt;

use batch::Code;

use super::SchemaError;
use super::matching;
use super::resolve::pairs;
use super::schema::{below, parse};
use super::wire::{Record, Wire};

/// A place at which a reader cannot read what a writer writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Names of the reader's fields down to the place, with points between; `[]` for the items of an array and `{}` for
    /// the values of a map. Empty for the schema itself.
    pub path: String,
    /// What is in the way, in plain words.
    pub reason: String,
}

impl Difference {
    /// The code of records of a topic that cannot be read for such a reason.
    pub const CODE: Code = Code("E4310");
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => formatter.write_str(&self.reason),
            path => write!(formatter, "field `{path}`: {}", self.reason),
        }
    }
}

/// Every place at which records of the writer's schema cannot be read by the reader's; none if all can.
///
/// # Errors
/// If one of them is no schema of records.
pub fn compatibility(reader: &str, writer: &str) -> Result<Vec<Difference>, SchemaError> {
    let (reader, writer) = (Wire::record_of(&parse(reader)?)?, Wire::record_of(&parse(writer)?)?);
    let mut found = Vec::new();
    records(&writer, &reader, "", &mut found);
    Ok(found)
}

fn difference(path: &str, reason: String, found: &mut Vec<Difference>) {
    found.push(Difference { path: path.to_owned(), reason });
}

fn records(writer: &Record, reader: &Record, path: &str, found: &mut Vec<Difference>) {
    if !reader.name.reads(&writer.name) {
        let reason = format!(
            "the record is called `{}` and was called `{}`; an alias of that name is missing",
            reader.name.full, writer.name.full
        );
        difference(path, reason, found);
    }
    let readers = pairs(writer, reader);
    for (index, field) in reader.fields.iter().enumerate() {
        let own = below(path, &field.name);
        match readers.iter().position(|target| *target == Some(index)) {
            Some(written) => types(&writer.fields[written].wire, &field.wire, &own, found),
            None if field.default.is_none() => {
                difference(&own, "the field was not written before and has no default".to_owned(), found);
            }
            None => {}
        }
    }
}

fn types(writer: &Wire, reader: &Wire, path: &str, found: &mut Vec<Difference>) {
    if let Wire::Union(branches) = writer {
        for branch in branches {
            one(branch, reader, path, found);
        }
    } else {
        one(writer, reader, path, found);
    }
}

/// A writer's type that is no union.
fn one(writer: &Wire, reader: &Wire, path: &str, found: &mut Vec<Difference>) {
    let Wire::Union(branches) = reader else { return plain(writer, reader, path, found) };
    match matching::branch(writer, branches) {
        Some(index) => plain(writer, &branches[index], path, found),
        // "Nullable boolean" that was bigint: null is not what is in the way.
        None if *writer != Wire::Null && reader.some().len() == 1 => plain(writer, reader.some()[0], path, found),
        None if *writer == Wire::Null => {
            difference(path, "null may have been written and is none of the types".to_owned(), found);
        }
        None => difference(path, format!("{writer} may have been written and is none of the types"), found),
    }
}

fn plain(writer: &Wire, reader: &Wire, path: &str, found: &mut Vec<Difference>) {
    match (writer, reader) {
        (Wire::Null, Wire::Null) => {}
        (Wire::Null, _) => difference(path, format!("null may have been written, and {reader} is never null"), found),
        (Wire::Record(writer), Wire::Record(reader)) => records(writer, reader, path, found),
        (Wire::Array(writer), Wire::Array(reader)) => types(writer, reader, &format!("{path}[]"), found),
        (Wire::Map(writer), Wire::Map(reader)) => types(writer, reader, &format!("{path}{{}}"), found),
        (Wire::Enum(from), Wire::Enum(to)) => {
            if !to.name.reads(&from.name) {
                let reason = format!(
                    "the enum is called `{}` and was called `{}`; an alias of that name is missing",
                    to.name.full, from.name.full
                );
                return difference(path, reason, found);
            }
            let unknown: Vec<String> = from
                .symbols
                .iter()
                .filter(|symbol| to.default.is_none() && !to.symbols.contains(symbol))
                .map(|symbol| format!("`{symbol}`"))
                .collect();
            if !unknown.is_empty() {
                let reason = format!("the enum no longer has {} and has no default symbol", unknown.join(", "));
                difference(path, reason, found);
            }
        }
        _ => {
            if matching::scalar(writer, reader).is_none() {
                difference(path, why(writer, reader), found);
            }
        }
    }
}

/// Why two types that hold no others do not match.
fn why(writer: &Wire, reader: &Wire) -> String {
    match (writer, reader) {
        (Wire::Decimal { scale: from, .. }, Wire::Decimal { scale: to, .. }) if from > to => {
            format!("the decimal had {from} digits after the point and has {to}: digits would be lost")
        }
        _ => match (writer.fixed(), reader.fixed()) {
            (Some(from), Some(to)) if from.size != to.size => {
                format!("the fixed had {} bytes and has {}", from.size, to.size)
            }
            (Some(from), Some(to)) if !to.name.reads(&from.name) => {
                format!(
                    "the fixed is called `{}` and was called `{}`; an alias of that name is missing",
                    to.name.full, from.name.full
                )
            }
            _ => format!("the type was {writer} and is {reader}, to which it is not promoted"),
        },
    }
}
