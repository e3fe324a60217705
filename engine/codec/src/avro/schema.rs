//! Avro schemas of columns, and columns of Avro schemas.
//!
//! Avro has fewer types than people write in topology files, so each field keeps the written type in the property
//! `spotlight.type`, and its column's name in `spotlight.column` where Avro does not allow that name. Schemas from
//! elsewhere have neither; their columns follow from their Avro types, as the prose of the module above says.

use std::collections::HashSet;
use std::sync::Arc;

use apache_avro::Schema;
use batch::{ColumnType, Type};
use serde_json::{Value, json};

use super::wire::{Field, Wire};

/// The property of a field that holds its column's written type.
pub(super) const TYPE_PROPERTY: &str = "spotlight.type";

/// The property of a field that holds its column's name.
pub(super) const NAME_PROPERTY: &str = "spotlight.column";

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Not an Avro schema.
    #[error("not an Avro schema")]
    Parse {
        /// What the Avro library said.
        #[source]
        source: Box<apache_avro::Error>,
    },
    /// Not JSON.
    #[error("not JSON")]
    Json {
        /// What is wrong.
        #[from]
        source: serde_json::Error,
    },
    /// Well formed, but nothing that columns can be made of.
    #[error("the schema has {what}, which no column can hold")]
    Unsupported {
        /// What is not supported.
        what: &'static str,
    },
    /// A type contains itself.
    #[error("the type `{name}` contains itself, which no column can hold")]
    Recursive {
        /// Its full name.
        name: String,
    },
    /// Two fields have the same column.
    #[error("two fields have the column `{column}`")]
    Twice {
        /// The column.
        column: String,
    },
    /// A writer's schema does not resolve to a reader's, by the rules of Avro's specification.
    #[error("{}{why}", of_field(.field))]
    Unresolved {
        /// Names of fields down to the place; the schema itself is empty.
        field: String,
        /// What is in the way.
        why: String,
    },
    /// A column cannot hold what records have for it.
    #[error("column `{column}` is {column_type}, and was written as another type")]
    Unheld {
        /// The column.
        column: String,
        /// Its type.
        column_type: String,
    },
    /// The written type of a field does not fit its Avro type.
    #[error("field `{field}` cannot hold `{column_type}`")]
    Mismatch {
        /// The field.
        field: String,
        /// The type.
        column_type: String,
    },
    /// A column has no field and may not be null.
    #[error("the schema has no field for column `{column}`, which is never null")]
    Missing {
        /// The column.
        column: String,
    },
    /// A field has no column and may not be null.
    #[error("there is no column for field `{field}`, which is never null")]
    NoColumn {
        /// The field.
        field: String,
    },
}

/// What is said before the reason; of the record itself the reason says all.
fn of_field(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("field `{field}` cannot be read: ") }
}

pub(super) fn parse(text: &str) -> Result<Schema, SchemaError> {
    Schema::parse_str(text).map_err(|source| SchemaError::Parse { source: Box::new(source) })
}

/// The schema, as text, of records of a topic with these columns. The last part of the topic's name names the record.
#[must_use]
pub fn record_schema(topic: &str, columns: &[(Arc<str>, ColumnType)]) -> String {
    let (namespace, name) = topic.rsplit_once('.').unwrap_or(("", topic));
    let mut used = HashSet::new();
    let fields: Vec<Value> = columns.iter().map(|(name, column)| field_json(name, column, &mut used)).collect();
    let namespace: Vec<String> = namespace.split('.').filter(|part| !part.is_empty()).map(avro_name).collect();
    let mut record = json!({ "type": "record", "name": avro_name(name), "fields": fields });
    if !namespace.is_empty() {
        record["namespace"] = Value::from(namespace.join("."));
    }
    record.to_string()
}

fn field_json(name: &str, column: &ColumnType, used: &mut HashSet<String>) -> Value {
    let mut field_name = avro_name(name);
    while !used.insert(field_name.clone()) {
        field_name.push('_');
    }
    let of = type_json(&column.of);
    let mut field = json!({ "name": field_name, "type": if column.nullable { json!(["null", of]) } else { of } });
    if column.nullable {
        field["default"] = Value::Null;
    } else if matches!(column.of, Type::List(_)) {
        field["default"] = json!([]);
    } else if matches!(column.of, Type::Map(_)) {
        field["default"] = json!({});
    }
    field[TYPE_PROPERTY] = Value::from(column.to_string());
    if field_name != name {
        field[NAME_PROPERTY] = Value::from(name);
    }
    field
}

fn type_json(of: &Type) -> Value {
    let logical = |base: &str, name: &str| json!({ "type": base, "logicalType": name });
    let decimal = |precision: u8, scale: u8| json!({ "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale });
    match of {
        Type::Boolean => json!("boolean"),
        Type::Integer { bits: 64, signed: false } => decimal(20, 0),
        Type::Integer { bits: 64, .. } | Type::Integer { bits: 32, signed: false } => json!("long"),
        Type::Integer { .. } => json!("int"),
        Type::Double => json!("double"),
        Type::Decimal { precision, scale } => decimal(*precision, *scale),
        Type::Text => json!("string"),
        Type::Binary => json!("bytes"),
        Type::Date => logical("int", "date"),
        Type::Timestamp { digits, zone } => {
            let unit = match digits {
                0 | 3 => "timestamp-millis",
                6 => "timestamp-micros",
                _ => "timestamp-nanos",
            };
            logical("long", &format!("{}{unit}", if zone.is_some() { "" } else { "local-" }))
        }
        Type::List(item) => json!({ "type": "array", "items": ["null", type_json(item)] }),
        Type::Map(value) => json!({ "type": "map", "values": ["null", type_json(value)] }),
    }
}

/// A name that Avro allows: letters, digits and `_`, no digit first.
fn avro_name(name: &str) -> String {
    let letters: String =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    if letters.chars().next().is_none_or(|first| first.is_ascii_digit()) { format!("_{letters}") } else { letters }
}

/// The columns of records of a schema, in order; see the prose of [`avro`](super).
///
/// # Errors
/// If it is no schema of a record, or has a field that no column can hold.
pub fn columns_of(schema: &str) -> Result<Vec<(Arc<str>, ColumnType)>, SchemaError> {
    let record = Wire::record_of(&parse(schema)?)?;
    let mut found = Found { columns: Vec::new(), names: HashSet::new() };
    for field in &record.fields {
        found.field(field, "", &mut Vec::new(), false)?;
    }
    Ok(found.columns)
}

/// A collection around a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    List,
    Map,
}

/// The name of a column below a place.
pub(super) fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Columns as they are found.
struct Found {
    columns: Vec<(Arc<str>, ColumnType)>,
    names: HashSet<Arc<str>>,
}

impl Found {
    fn field(
        &mut self,
        field: &Field,
        path: &str,
        around: &mut Vec<Around>,
        nullable: bool,
    ) -> Result<(), SchemaError> {
        let path = below(path, &field.column);
        let Some(written) = &field.written else { return self.wire(&field.wire, path, around, nullable) };
        let written = written.as_ref().map_err(|error| SchemaError::Unresolved {
            field: path.clone(),
            why: format!("its `{TYPE_PROPERTY}`: {error}"),
        })?;
        if !field.wire.fits(&written.of) {
            return Err(SchemaError::Mismatch { field: path, column_type: written.to_string() });
        }
        self.add(path, written, around, nullable)
    }

    fn wire(&mut self, wire: &Wire, path: String, around: &mut Vec<Around>, nullable: bool) -> Result<(), SchemaError> {
        match wire {
            Wire::Null => Ok(()),
            Wire::Union(_) => match wire.some().as_slice() {
                [only] => self.wire(only, path, around, nullable || wire.nullable()),
                several => {
                    several.iter().try_for_each(|one| self.wire(one, below(&path, one.branch_name()), around, true))
                }
            },
            Wire::Record(record) => {
                record.fields.iter().try_for_each(|field| self.field(field, &path, around, nullable))
            }
            Wire::Array(inner) | Wire::Map(inner) => {
                around.push(if matches!(wire, Wire::Array(_)) { Around::List } else { Around::Map });
                let found = self.wire(inner, path, around, nullable);
                around.pop();
                found
            }
            value => self.add(path, &ColumnType::of(inferred(value)?), around, nullable),
        }
    }

    fn add(&mut self, path: String, of: &ColumnType, around: &[Around], nullable: bool) -> Result<(), SchemaError> {
        let name: Arc<str> = path.into();
        if !self.names.insert(Arc::clone(&name)) {
            return Err(SchemaError::Twice { column: name.to_string() });
        }
        let column = if around.is_empty() {
            let open = matches!(of.of, Type::List(_) | Type::Map(_));
            ColumnType { nullable: of.nullable || (nullable && !open), ..of.clone() }
        } else {
            let wrapped = around.iter().rev().fold(of.of.clone(), |inner, around| match around {
                Around::List => Type::List(Box::new(inner)),
                Around::Map => Type::Map(Box::new(inner)),
            });
            ColumnType::of(wrapped)
        };
        self.columns.push((name, column));
        Ok(())
    }
}

/// The type of a column for values of an Avro type that holds no others.
fn inferred(wire: &Wire) -> Result<Type, SchemaError> {
    Ok(match wire {
        Wire::Boolean => Type::Boolean,
        Wire::Integer { long } | Wire::Time { micros: long } => {
            Type::Integer { bits: if *long { 64 } else { 32 }, signed: true }
        }
        Wire::Float | Wire::Double => Type::Double,
        Wire::Bytes | Wire::Fixed(_) => Type::Binary,
        Wire::Text | Wire::Enum(_) | Wire::Uuid(_) => Type::Text,
        // The precision of a schema from elsewhere is a promise; the widest column holds whatever keeps it.
        Wire::Decimal { scale, .. } => {
            let scale = u8::try_from(*scale).ok().filter(|scale| *scale <= 38);
            Type::Decimal {
                precision: 38,
                scale: scale.ok_or(SchemaError::Unsupported { what: "a decimal of more than 38 digits" })?,
            }
        }
        Wire::Date => Type::Date,
        Wire::Timestamp { digits, local } => Type::Timestamp { digits: *digits, zone: (!local).then(|| "UTC".into()) },
        Wire::Null | Wire::Array(_) | Wire::Map(_) | Wire::Union(_) | Wire::Record(_) => {
            return Err(SchemaError::Unsupported { what: "a collection where a value stands" });
        }
    })
}

/// A schema's text without its accidents of spacing.
///
/// Avro's own canonical form is of no use here: it drops logical types, and decimals of two scales would be one.
///
/// # Errors
/// If it is not JSON.
pub fn normalised(schema: &str) -> Result<String, SchemaError> {
    Ok(serde_json::from_str::<Value>(schema)?.to_string())
}

/// 128 bits that tell schemas apart: XXH3 of the normalised text.
///
/// # Errors
/// If it is not JSON.
pub fn fingerprint(schema: &str) -> Result<u128, SchemaError> {
    Ok(xxhash_rust::xxh3::xxh3_128(normalised(schema)?.as_bytes()))
}
