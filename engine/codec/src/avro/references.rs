//! Schemas that name types of other schemas, as registries have them, made whole: the named types are written where they
//! are used first. What else stands in a schema (defaults, aliases, properties of any kind) stays.
//!
//! Names follow Avro's specification: a name without a dot is one of the namespace around it. A type that is moved into
//! another namespace says its own, also if it has none.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::SchemaError;

/// Words that are types by themselves.
const PRIMITIVE: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// Types within each other that are followed.
const DEEPEST: usize = 200;

/// A schema together with the types that it names and `references` define. These may name each other.
///
/// # Errors
/// If one of the texts is no JSON, or types are within each other too deeply. Whether the result is a schema is not looked at.
pub fn with_references(schema: &str, references: &[&str]) -> Result<String, SchemaError> {
    let main: Value = serde_json::from_str(schema)?;
    let others = references.iter().map(|text| serde_json::from_str(text)).collect::<Result<Vec<Value>, _>>()?;
    let mut known = Known::default();
    for other in &others {
        known.collect(other, "", 0)?;
    }
    // What the schema defines itself it does not take from others.
    let mut own = Known::default();
    own.collect(&main, "", 0)?;
    known.types.retain(|name, _| !own.types.contains_key(name));
    let mut whole = Whole { known, written: HashSet::new() };
    Ok(whole.of(&main, "", 0)?.to_string())
}

/// The full name of a type that is written so in a namespace.
fn full_name(written: &str, namespace: &str) -> String {
    if written.contains('.') || namespace.is_empty() { written.to_owned() } else { format!("{namespace}.{written}") }
}

/// A type as it is named from any namespace. The library reads a dot before a name as no namespace.
fn reference(full: &str) -> Value {
    if full.contains('.') { full.into() } else { format!(".{full}").into() }
}

fn namespace_of(full: &str) -> &str {
    full.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

/// The full name of a definition of a named type.
fn defined(definition: &Map<String, Value>, namespace: &str) -> Option<String> {
    let kind = definition.get("type")?.as_str()?;
    let name = definition.get("name")?.as_str()?;
    let namespace = definition.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
    matches!(kind, "record" | "error" | "enum" | "fixed").then(|| full_name(name, namespace))
}

fn too_deep(depth: usize) -> Result<(), SchemaError> {
    let what = "types within each other more than 200 deep";
    if depth > DEEPEST { Err(SchemaError::Unsupported { what }) } else { Ok(()) }
}

/// The types that schemas define, by full name.
#[derive(Default)]
struct Known {
    types: HashMap<String, Map<String, Value>>,
}

impl Known {
    fn collect(&mut self, value: &Value, namespace: &str, depth: usize) -> Result<(), SchemaError> {
        too_deep(depth)?;
        match value {
            Value::Array(branches) => branches.iter().try_for_each(|branch| self.collect(branch, namespace, depth + 1)),
            Value::Object(of) => {
                let full = defined(of, namespace);
                let inner = full.as_deref().map_or(namespace, namespace_of).to_owned();
                if let Some(full) = full {
                    self.types.entry(full).or_insert_with(|| of.clone());
                }
                for field in of.get("fields").and_then(Value::as_array).into_iter().flatten() {
                    field.get("type").map_or(Ok(()), |of| self.collect(of, &inner, depth + 1))?;
                }
                for key in ["type", "items", "values"] {
                    of.get(key).map_or(Ok(()), |of| self.collect(of, &inner, depth + 1))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

struct Whole {
    known: Known,
    /// Full names of the types that stand in the result already.
    written: HashSet<String>,
}

impl Whole {
    fn of(&mut self, value: &Value, namespace: &str, depth: usize) -> Result<Value, SchemaError> {
        too_deep(depth)?;
        Ok(match value {
            Value::String(name) if !PRIMITIVE.contains(&name.as_str()) => self.named(name, namespace, depth)?,
            Value::Array(branches) => {
                let of = branches.iter().map(|branch| self.of(branch, namespace, depth + 1));
                Value::Array(of.collect::<Result<_, _>>()?)
            }
            Value::Object(of) => self.object(of, namespace, depth)?,
            other => other.clone(),
        })
    }

    /// A type that is named: its definition, if it is another schema's and stands nowhere yet.
    fn named(&mut self, name: &str, namespace: &str, depth: usize) -> Result<Value, SchemaError> {
        // Java's library also finds a name without a dot that has no namespace.
        let candidates = [full_name(name, namespace), name.to_owned()];
        let Some(full) = candidates.into_iter().find(|full| self.known.types.contains_key(full)) else {
            return Ok(Value::from(name));
        };
        if self.written.contains(&full) {
            return Ok(reference(&full));
        }
        let mut definition = self.known.types[&full].clone();
        definition.insert("name".into(), full.rsplit('.').next().unwrap_or(&full).into());
        definition.insert("namespace".into(), namespace_of(&full).into());
        self.object(&definition, namespace, depth)
    }

    fn object(&mut self, of: &Map<String, Value>, namespace: &str, depth: usize) -> Result<Value, SchemaError> {
        let full = defined(of, namespace);
        let inner = full.as_deref().map_or(namespace, namespace_of).to_owned();
        if let Some(full) = full
            && !self.written.insert(full.clone())
        {
            return Ok(reference(&full));
        }
        let mut made = of.clone();
        if let Some(fields) = made.get_mut("fields").and_then(Value::as_array_mut) {
            for field in fields {
                if let Some(of) = field.get("type").cloned() {
                    field["type"] = self.of(&of, &inner, depth + 1)?;
                }
            }
        }
        for key in ["type", "items", "values"] {
            let is_word = |of: &Value| {
                of.as_str().is_some_and(|word| matches!(word, "record" | "error" | "enum" | "fixed" | "array" | "map"))
            };
            if let Some(of) = made.get(key).filter(|of| key != "type" || !is_word(of)).cloned() {
                made.insert(key.into(), self.of(&of, &inner, depth + 1)?);
            }
        }
        Ok(Value::Object(made))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{columns_of, with_references};

    fn columns(schema: &str, references: &[&str]) -> Vec<String> {
        let whole = with_references(schema, references).expect("JSON");
        let columns = columns_of(&whole).unwrap_or_else(|error| panic!("{error:?}: {whole}"));
        columns.into_iter().map(|(name, of)| format!("{name} {of}")).collect()
    }

    const MONEY: &str = r#"{"type": "record", "name": "Money", "namespace": "venue.common", "fields": [
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "currency", "type": {"type": "enum", "name": "Currency", "symbols": ["EUR", "USD"]}}]}"#;

    #[test]
    fn types_of_other_schemas_are_written_where_they_are_used_first() {
        let schema = r#"{"type": "record", "name": "Trade", "namespace": "venue", "fields": [
            {"name": "in", "type": "venue.common.Currency"},
            {"name": "price", "type": "venue.common.Money", "default": {"amount": "", "currency": "EUR"}},
            {"name": "fees", "type": {"type": "array", "items": "venue.common.Money"}},
            {"name": "by", "type": ["null", {"type": "map", "values": "venue.common.Money"}], "default": null}]}"#;
        let expected = [
            "in text",
            "price.amount decimal(38, 2)",
            "price.currency text",
            "fees.amount list of decimal(38, 2)",
            "fees.currency list of text",
            "by.amount map of text to decimal(38, 2)",
            "by.currency map of text to text",
        ];
        assert_eq!(columns(schema, &[MONEY]), expected);
        // What is there already is not changed.
        let whole = with_references(schema, &[MONEY]).expect("JSON");
        assert_eq!(with_references(&whole, &[MONEY]).expect("JSON"), whole);
        assert!(whole.contains(r#""default":{"amount":"","currency":"EUR"}"#), "{whole}");
    }

    #[test]
    fn names_are_those_of_their_own_schema() {
        // Without a namespace, used in one; and in one, of a name that another one has too.
        let bare = r#"{"type": "record", "name": "Side", "fields": [{"name": "code", "type": "Code"}]}"#;
        let code = r#"{"type": "fixed", "name": "Code", "size": 2}"#;
        let other = r#"{"type": "enum", "name": "Code", "namespace": "venue", "symbols": ["A"]}"#;
        let schema = r#"{"type": "record", "name": "venue.Trade", "fields": [
            {"name": "side", "type": "Side"}, {"name": "code", "type": "Code"}, {"name": "again", "type": ["null", "Side"]}]}"#;
        let expected = ["side.code binary", "code text", "again.code nullable binary"];
        assert_eq!(columns(schema, &[bare, code, other]), expected);
    }

    #[test]
    fn what_nobody_defines_stays_and_circles_end() {
        let unknown = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"venue.Nothing"}]}"#;
        assert_eq!(with_references(unknown, &[MONEY]).expect("JSON"), unknown);
        let left = r#"{"type":"record","name":"Left","fields":[{"name":"right","type":["null","Right"]}]}"#;
        let right = r#"{"type":"record","name":"Right","fields":[{"name":"left","type":["null","Left"]}]}"#;
        let whole = with_references(left, &[right]).expect("JSON");
        assert!(whole.len() < 300 && columns_of(&whole).is_err(), "{whole}");
        let mut deep = "\"long\"".to_owned();
        for _ in 0..100 {
            deep = format!("{{\"type\":\"array\",\"items\":{deep}}}");
        }
        assert!(with_references(&deep, &[]).is_ok());
        assert!(with_references("{", &[]).is_err() && with_references("\"long\"", &["{"]).is_err());
    }
}
