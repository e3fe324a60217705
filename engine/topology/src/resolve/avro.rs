//! Reads the columns of a topic's Avro schema.
//!
//! `string` is text, `int` integer, `long` bigint; logical types are dates, decimals and timestamps; a union with
//! `null` is nullable. Records within records, in arrays and in maps are columns by dotted path (`trade.price`,
//! `legs.price` as a list), and so are the types of a union of several (`x.string`): the same columns as the codec gives.
//! A field's own property `"spotlight.type"` gives the exact written type where Avro has none (`bigint unsigned`,
//! `timestamp(9)`), and `"spotlight.column"` its column's name. The schema's property `"spotlight.key"` lists the columns
//! of the key of a topic that nobody here fills.

use std::collections::HashMap;
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

/// Levels of nesting that are followed, as the codec does.
const DEEPEST: usize = 32;

/// Parts of a schema with its named types unfolded, as the codec has it.
const MOST_PARTS: usize = 20_000;

/// A field that is wrong, and why.
type Wrong = (String, String);

/// Columns of a record, or the field that is wrong and why.
fn columns(value: &Value) -> Result<Columns, Wrong> {
    let wrong = |what: &str| (String::from("type"), what.to_owned());
    if value.get("type").and_then(Value::as_str) != Some("record") {
        return Err(wrong("a topic's schema is a record"));
    }
    if value.get("fields").and_then(Value::as_array).is_none() {
        return Err(wrong("a record has fields"));
    }
    let mut walk = Walk { named: HashMap::new(), columns: Columns::new(), parts: 0 };
    walk.collect(value, "", 0);
    walk.of(value, &Place { path: "", field: "type", namespace: "", depth: 0, nullable: false }, &mut Vec::new())?;
    Ok(walk.columns)
}

/// A collection around the values of a column.
#[derive(Clone, Copy)]
enum Around {
    List,
    Map,
}

#[derive(Clone, Copy)]
struct Place<'a> {
    /// The column's name so far.
    path: &'a str,
    /// The innermost field, which is named where something is wrong.
    field: &'a str,
    namespace: &'a str,
    depth: usize,
    nullable: bool,
}

struct Walk<'a> {
    /// Definitions by full name, and the namespace within each.
    named: HashMap<String, (&'a Value, String)>,
    columns: Columns,
    parts: usize,
}

/// The full name of a type that is written so in a namespace.
fn full_name(written: &str, namespace: &str) -> String {
    if written.contains('.') || namespace.is_empty() { written.to_owned() } else { format!("{namespace}.{written}") }
}

/// The full name of a definition.
fn defined(value: &Value, namespace: &str) -> Option<String> {
    let namespace = value.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
    Some(full_name(value.get("name")?.as_str()?, namespace))
}

fn namespace_of(full: &str) -> &str {
    full.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

impl<'a> Walk<'a> {
    /// Notes what names stand for.
    fn collect(&mut self, value: &'a Value, namespace: &str, depth: usize) {
        if depth > 2 * DEEPEST {
            return;
        }
        if let Value::Array(branches) = value {
            branches.iter().for_each(|branch| self.collect(branch, namespace, depth + 1));
            return;
        }
        let mut within = namespace.to_owned();
        let kind = value.get("type").and_then(Value::as_str);
        if let (Some("record" | "enum" | "fixed"), Some(full)) = (kind, defined(value, namespace)) {
            within = namespace_of(&full).to_owned();
            self.named.entry(full).or_insert((value, within.clone()));
        }
        for key in ["type", "items", "values"] {
            if let Some(inner) = value.get(key).filter(|inner| !inner.is_string()) {
                self.collect(inner, &within, depth + 1);
            }
        }
        for field in value.get("fields").and_then(Value::as_array).into_iter().flatten() {
            if let Some(of) = field.get("type") {
                self.collect(of, &within, depth + 1);
            }
        }
    }

    fn of(&mut self, value: &'a Value, place: &Place<'_>, around: &mut Vec<Around>) -> Result<(), Wrong> {
        self.parts += 1;
        if place.depth > DEEPEST || self.parts > MOST_PARTS {
            let what = "the schema contains itself, has more than 32 levels, or 20,000 parts: no column can hold that";
            return Err((place.field.to_owned(), what.to_owned()));
        }
        let deeper = Place { depth: place.depth + 1, ..*place };
        match value {
            Value::Array(branches) => return self.union(branches, place, around),
            Value::String(name) => {
                if name == "null" {
                    return Ok(());
                }
                let full = full_name(name, place.namespace);
                if let Some((definition, namespace)) = self.named.get(&full).cloned() {
                    return self.of(definition, &Place { namespace: &namespace, ..deeper }, around);
                }
            }
            Value::Object(object) => match object.get("type") {
                Some(Value::String(kind)) if kind == "record" => return self.fields(value, &deeper, around),
                Some(Value::String(kind)) if kind == "array" || kind == "map" => {
                    let (key, kind) = if kind == "array" { ("items", Around::List) } else { ("values", Around::Map) };
                    let inner = object.get(key).ok_or_else(|| none(place))?;
                    around.push(kind);
                    let found = self.of(inner, &deeper, around);
                    around.pop();
                    return found;
                }
                Some(inner @ (Value::Object(_) | Value::Array(_))) => return self.of(inner, &deeper, around),
                Some(name @ Value::String(_)) if plain(value).is_none() => return self.of(name, &deeper, around),
                _ => {}
            },
            _ => {}
        }
        let of = plain(value).ok_or_else(|| none(place))?;
        self.add(&ColumnType { of, nullable: place.nullable, low_cardinality: false }, place, around)
    }

    fn union(&mut self, branches: &'a [Value], place: &Place<'_>, around: &mut Vec<Around>) -> Result<(), Wrong> {
        let some: Vec<&Value> = branches.iter().filter(|branch| branch.as_str() != Some("null")).collect();
        let deeper = Place { depth: place.depth + 1, ..*place };
        if let [only] = some.as_slice() {
            let nullable = place.nullable || some.len() < branches.len();
            return self.of(only, &Place { nullable, ..deeper }, around);
        }
        for branch in some {
            let written =
                branch.as_str().or_else(|| branch.get("name")?.as_str()).or_else(|| branch.get("type")?.as_str());
            let name = written.ok_or_else(|| none(place))?;
            let path = below(place.path, name.rsplit_once('.').map_or(name, |(_, name)| name));
            self.of(branch, &Place { path: &path, nullable: true, ..deeper }, around)?;
        }
        Ok(())
    }

    fn fields(&mut self, record: &'a Value, place: &Place<'_>, around: &mut Vec<Around>) -> Result<(), Wrong> {
        let full = defined(record, place.namespace).unwrap_or_default();
        for field in record.get("fields").and_then(Value::as_array).ok_or_else(|| none(place))? {
            let property = |key: &str| field.get(key).and_then(Value::as_str);
            let name = property("name").ok_or_else(|| (String::from("type"), String::from("a field has a name")))?;
            let path = below(place.path, property("spotlight.column").unwrap_or(name));
            let own = Place { path: &path, field: name, namespace: namespace_of(&full), ..*place };
            match property("spotlight.type") {
                Some(written) => {
                    let of = ColumnType::parse(written).map_err(|error| (name.to_owned(), error.to_string()))?;
                    self.add(&ColumnType { nullable: of.nullable || place.nullable, ..of }, &own, around)?;
                }
                None => self.of(field.get("type").ok_or_else(|| none(&own))?, &own, around)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, of: &ColumnType, place: &Place<'_>, around: &[Around]) -> Result<(), Wrong> {
        let wrapped = around.iter().rev().fold(of.of.clone(), |inner, around| match around {
            Around::List => Type::List(Box::new(inner)),
            Around::Map => Type::Map(Box::new(inner)),
        });
        // Lists and maps are empty, never null; a null among the values reads as empty.
        let open = matches!(wrapped, Type::List(_) | Type::Map(_));
        let column = ColumnType {
            of: wrapped,
            nullable: of.nullable && !open,
            low_cardinality: of.low_cardinality && around.is_empty(),
        };
        match self.columns.insert(place.path.into(), column) {
            None => Ok(()),
            Some(_) => Err((place.field.to_owned(), format!("the field `{}` stands twice", place.path))),
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn none(place: &Place<'_>) -> Wrong {
    (place.field.to_owned(), format!("the type of the field `{}` is none that we carry", place.field))
}

/// The type of what holds no others.
fn plain(value: &Value) -> Option<Type> {
    let integer = |bits| Type::Integer { bits, signed: true };
    let digits = |digits| Type::Timestamp { digits, zone: Some("UTC".into()) };
    let wall = |digits| Type::Timestamp { digits, zone: None };
    let name = value.as_str().or_else(|| value.get("type").and_then(Value::as_str));
    let logical = value.get("logicalType").and_then(Value::as_str);
    let number = |key: &str| value.get(key).and_then(Value::as_u64);
    Some(match (name?, logical) {
        ("int", Some("date")) => Type::Date,
        ("long", Some("timestamp-millis")) => digits(3),
        ("long", Some("timestamp-micros")) => digits(6),
        ("long", Some("timestamp-nanos")) => digits(9),
        ("long", Some("local-timestamp-millis")) => wall(3),
        ("long", Some("local-timestamp-micros")) => wall(6),
        ("long", Some("local-timestamp-nanos")) => wall(9),
        ("bytes" | "fixed", Some("decimal")) => {
            let small = |number: u64| u8::try_from(number).ok();
            let (precision, scale) = (small(number("precision")?)?, small(number("scale").unwrap_or(0))?);
            if !(1..=38).contains(&precision) || scale > precision {
                return None;
            }
            Type::Decimal { precision, scale }
        }
        ("fixed", Some("uuid")) if number("size") == Some(16) => Type::Text,
        ("boolean", _) => Type::Boolean,
        ("int", _) => integer(32),
        ("long", _) => integer(64),
        ("double" | "float", _) => Type::Double,
        ("string" | "enum", _) => Type::Text,
        ("bytes" | "fixed", _) => Type::Binary,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::columns;

    fn found(of: &Value) -> String {
        let schema = json!({ "type": "record", "name": "a.r", "fields": [{ "name": "x", "type": of }] });
        match columns(&schema) {
            Ok(columns) => columns.iter().map(|(name, of)| format!("{name}: {of}")).collect::<Vec<_>>().join("; "),
            Err((field, reason)) => format!("{field}! {reason}"),
        }
    }

    #[test]
    fn records_in_records_are_columns_by_path() {
        let trade = json!({ "type": "record", "name": "T", "fields": [
            { "name": "price", "type": { "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 } },
            { "name": "tags", "type": { "type": "array", "items": "string" } },
            { "name": "kind", "type": "string", "spotlight.type": "low-cardinality text", "spotlight.column": "a kind" },
        ]});
        let cases = [
            (trade.clone(), "x.price: decimal(9, 2); x.tags: list of text; x.a kind: low-cardinality text"),
            (
                json!(["null", trade]),
                "x.price: nullable decimal(9, 2); x.tags: list of text; x.a kind: nullable low-cardinality text",
            ),
            (
                json!({ "type": "array", "items": trade }),
                "x.price: list of decimal(9, 2); x.tags: list of list of text; x.a kind: list of text",
            ),
            (
                json!({ "type": "map", "values": ["null", trade] }),
                "x.price: map of text to decimal(9, 2); x.tags: map of text to list of text; x.a kind: map of text to text",
            ),
            (json!(["null", "long", "string"]), "x.long: nullable bigint; x.string: nullable text"),
            (json!(["null", { "type": "array", "items": "int" }]), "x: list of integer"),
            (
                json!({ "type": "record", "name": "Pair", "fields": [
                    { "name": "a", "type": { "type": "enum", "name": "b.E", "symbols": ["A"] } },
                    { "name": "b", "type": "b.E" },
                    { "name": "c", "type": { "type": "fixed", "name": "U", "size": 16, "logicalType": "uuid" } },
                    { "name": "d", "type": ["null", "a.U"] },
                    { "name": "e", "type": "null" },
                ]}),
                "x.a: text; x.b: text; x.c: text; x.d: nullable text",
            ),
            (json!({ "type": { "type": "long", "logicalType": "local-timestamp-nanos" } }), "x: timestamp(9)"),
            (json!("what"), "x! the type of the field `x` is none that we carry"),
            (
                json!(["null", "r"]),
                "x! the schema contains itself, has more than 32 levels, or 20,000 parts: no column can hold that",
            ),
        ];
        for (of, expected) in cases {
            assert_eq!(found(&of), expected, "{of}");
        }
    }
}
