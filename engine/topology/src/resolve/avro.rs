//! Reads the columns of a topic's Avro schema.
//!
//! `string` is text, `int` integer, `long` bigint; logical types are dates, decimals and timestamps; a union with
//! `null` is nullable. A field's own property `"spotlight.type"` gives the exact written type where Avro has none
//! (`bigint unsigned`, `timestamp(9)`). The schema's property `"spotlight.key"` lists the columns of the key of a
//! topic that nobody here fills.

use std::path::Path;
use std::sync::Arc;

use batch::{ColumnType, Type};
use serde_json::Value;

use super::World;
use super::topics::Schema;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::plan::Columns;
use crate::reader::Node;
use crate::source::Source;

/// Reads a schema file. `None` after a finding.
pub(super) fn read(world: &World<'_>, path: &Path, topic: &Node) -> Option<Schema> {
    let shown = path.display().to_string();
    let text = match world.files.read(path) {
        Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
        Err(error) => {
            world.findings.push(Diagnostic::new(
                codes::UNREADABLE,
                topic,
                format!("`{shown}` cannot be read: {error}"),
            ));
            return None;
        }
    };
    let source = Source::new(&shown, text);
    let value: Value = match serde_json::from_str(&source.text) {
        Ok(value) => value,
        Err(error) => {
            let offset = source.offset(error.line(), error.column().saturating_sub(1));
            let finding = Diagnostic::at_span(
                codes::AVRO,
                &source.span(offset..offset + 1),
                format!("this is not JSON: {error}"),
            );
            world.findings.push(finding);
            return None;
        }
    };
    match columns(&value) {
        Ok(columns) => {
            let key = value.get("spotlight.key").and_then(Value::as_array);
            let key = key.map_or_else(Vec::new, |key| key.iter().filter_map(Value::as_str).map(Arc::from).collect());
            Some(Schema { text: source.text.as_str().into(), columns, key, source })
        }
        Err((field, reason)) => {
            let offset = source.text.find(&format!("\"{field}\"")).unwrap_or(0);
            let span = source.span(offset..offset + field.len() + 2);
            world
                .findings
                .push(Diagnostic::at_span(codes::AVRO, &span, reason).related(&topic.span, "the topic is used here"));
            None
        }
    }
}

/// Columns of a record, or the field that is wrong and why.
fn columns(value: &Value) -> Result<Columns, (String, String)> {
    let wrong = |what: &str| (String::from("type"), what.to_owned());
    if value.get("type").and_then(Value::as_str) != Some("record") {
        return Err(wrong("a topic's schema is a record"));
    }
    let fields = value.get("fields").and_then(Value::as_array).ok_or_else(|| wrong("a record has fields"))?;
    let mut columns = Columns::new();
    for field in fields {
        let name = field.get("name").and_then(Value::as_str).ok_or_else(|| wrong("a field has a name"))?;
        let found = match field.get("spotlight.type").and_then(Value::as_str) {
            Some(written) => ColumnType::parse(written).map_err(|error| (name.to_owned(), error.to_string()))?,
            None => field
                .get("type")
                .and_then(column)
                .ok_or_else(|| (name.to_owned(), format!("the type of the field `{name}` is none that we carry")))?,
        };
        if columns.insert(name.into(), found).is_some() {
            return Err((name.to_owned(), format!("the field `{name}` stands twice")));
        }
    }
    Ok(columns)
}

fn column(value: &Value) -> Option<ColumnType> {
    if let Value::Array(branches) = value {
        let mut others = branches.iter().filter(|branch| branch.as_str() != Some("null"));
        let of = of(others.next()?, 0)?;
        let nullable = others.next().is_none() && branches.len() == 2;
        // Lists and maps are empty, never null; a null among the values reads as empty.
        let open = matches!(of, Type::List(_) | Type::Map(_));
        return nullable.then_some(ColumnType { of, nullable: !open, low_cardinality: false });
    }
    Some(ColumnType::of(of(value, 0)?))
}

fn of(value: &Value, depth: usize) -> Option<Type> {
    if depth > 8 {
        return None;
    }
    let integer = |bits| Type::Integer { bits, signed: true };
    let digits = |digits| Type::Timestamp { digits, zone: Some("UTC".into()) };
    let wall = |digits| Type::Timestamp { digits, zone: None };
    let name = value.as_str().or_else(|| value.get("type").and_then(Value::as_str));
    let logical = value.get("logicalType").and_then(Value::as_str);
    let nested = |key: &str| {
        let inner = value.get(key)?;
        let inner = match inner {
            Value::Array(branches) => branches.iter().find(|branch| branch.as_str() != Some("null"))?,
            other => other,
        };
        of(inner, depth + 1).map(Box::new)
    };
    Some(match (name?, logical) {
        ("int", Some("date")) => Type::Date,
        ("long", Some("timestamp-millis")) => digits(3),
        ("long", Some("timestamp-micros")) => digits(6),
        ("long", Some("timestamp-nanos")) => digits(9),
        ("long", Some("local-timestamp-millis")) => wall(3),
        ("long", Some("local-timestamp-micros")) => wall(6),
        ("bytes" | "fixed", Some("decimal")) => {
            let number =
                |key: &str| value.get(key).and_then(Value::as_u64).and_then(|number| u8::try_from(number).ok());
            let (precision, scale) = (number("precision")?, number("scale").unwrap_or(0));
            if !(1..=38).contains(&precision) || scale > precision {
                return None;
            }
            Type::Decimal { precision, scale }
        }
        ("boolean", _) => Type::Boolean,
        ("int", _) => integer(32),
        ("long", _) => integer(64),
        ("double" | "float", _) => Type::Double,
        ("string" | "enum", _) => Type::Text,
        ("bytes" | "fixed", _) => Type::Binary,
        ("array", _) => Type::List(nested("items")?),
        ("map", _) => Type::Map(nested("values")?),
        // `{ "type": { "type": ... } }`
        _ => return None,
    })
}
