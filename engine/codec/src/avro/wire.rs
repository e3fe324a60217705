//! What a schema says about bytes: the shape that readers, writers and skippers walk.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, Name, UuidSchema};
use batch::Type;

use super::SchemaError;

/// Levels of nesting that are followed; a schema that refers to itself ends here.
const DEEPEST: usize = 32;

/// A schema as bytes are read and written by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Null,
    Boolean,
    /// Avro's `int` and `long`: the same bytes, other ranges.
    Integer {
        long: bool,
    },
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Vec<String>),
    /// `size` is that of a `fixed`; without it the bytes have a length.
    Decimal {
        scale: u32,
        size: Option<usize>,
    },
    Date,
    /// `local`: a wall-clock reading.
    Timestamp {
        digits: u8,
        local: bool,
    },
    Array(Box<Wire>),
    Map(Box<Wire>),
    Union(Vec<Wire>),
    Record(Vec<(String, Wire)>),
}

impl Wire {
    pub(super) fn of(schema: &Schema) -> Result<Self, SchemaError> {
        let mut named = HashMap::new();
        collect(schema, &mut named);
        Self::walk(schema, &named, 0)
    }

    fn walk(schema: &Schema, named: &HashMap<Name, &Schema>, depth: usize) -> Result<Self, SchemaError> {
        if depth > DEEPEST {
            return Err(SchemaError::Unsupported { what: "a schema that contains itself or is nested very deeply" });
        }
        let inner = |schema: &Schema| Self::walk(schema, named, depth + 1);
        Ok(match schema {
            Schema::Null => Self::Null,
            Schema::Boolean => Self::Boolean,
            Schema::Int | Schema::TimeMillis => Self::Integer { long: false },
            Schema::Long | Schema::TimeMicros => Self::Integer { long: true },
            Schema::Float => Self::Float,
            Schema::Double => Self::Double,
            Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Self::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Self::Text,
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                Self::Fixed(fixed.size)
            }
            Schema::Enum(of) => Self::Enum(of.symbols.clone()),
            Schema::Decimal(decimal) => {
                let size = match &decimal.inner {
                    InnerDecimalSchema::Bytes => None,
                    InnerDecimalSchema::Fixed(fixed) => Some(fixed.size),
                };
                Self::Decimal { scale: u32::try_from(decimal.scale).unwrap_or(u32::MAX), size }
            }
            Schema::Date => Self::Date,
            Schema::TimestampMillis => Self::Timestamp { digits: 3, local: false },
            Schema::TimestampMicros => Self::Timestamp { digits: 6, local: false },
            Schema::TimestampNanos => Self::Timestamp { digits: 9, local: false },
            Schema::LocalTimestampMillis => Self::Timestamp { digits: 3, local: true },
            Schema::LocalTimestampMicros => Self::Timestamp { digits: 6, local: true },
            Schema::LocalTimestampNanos => Self::Timestamp { digits: 9, local: true },
            Schema::Array(array) => Self::Array(Box::new(inner(&array.items)?)),
            Schema::Map(map) => Self::Map(Box::new(inner(&map.types)?)),
            Schema::Union(union) => Self::Union(union.variants().iter().map(inner).collect::<Result<_, _>>()?),
            Schema::Record(record) => {
                let field = |field: &apache_avro::schema::RecordField| Ok((field.name.clone(), inner(&field.schema)?));
                Self::Record(record.fields.iter().map(field).collect::<Result<_, SchemaError>>()?)
            }
            Schema::Ref { name } => match named.get(name) {
                Some(schema) => inner(schema)?,
                None => return Err(SchemaError::Unsupported { what: "a name that the schema does not define" }),
            },
        })
    }

    /// Whether a column of this type may hold what is written so, and so be written. Ranges are judged value by value.
    pub(super) fn fits(&self, of: &Type) -> bool {
        match (self, of) {
            (Self::Union(branches), of) => branches.iter().any(|branch| *branch != Self::Null && branch.fits(of)),
            (Self::Boolean, Type::Boolean)
            | (Self::Integer { .. }, Type::Integer { .. } | Type::Double)
            | (Self::Float | Self::Double, Type::Double)
            | (Self::Text | Self::Bytes, Type::Text | Type::Binary)
            | (Self::Enum(_), Type::Text)
            | (Self::Fixed(_), Type::Binary)
            | (Self::Date, Type::Date) => true,
            (Self::Decimal { scale, .. }, Type::Integer { .. }) => *scale == 0,
            (Self::Decimal { scale: written, .. }, Type::Decimal { scale, .. }) => *written <= u32::from(*scale),
            (Self::Timestamp { local, .. }, Type::Timestamp { zone, .. }) => *local == zone.is_none(),
            (Self::Array(item), Type::List(of)) => item.fits(of),
            (Self::Map(value), Type::Map(of)) => value.fits(of),
            _ => false,
        }
    }
}

fn collect<'a>(schema: &'a Schema, named: &mut HashMap<Name, &'a Schema>) {
    match schema {
        Schema::Array(array) => collect(&array.items, named),
        Schema::Map(map) => collect(&map.types, named),
        Schema::Union(union) => union.variants().iter().for_each(|branch| collect(branch, named)),
        Schema::Record(record) => {
            named.insert(record.name.clone(), schema);
            record.fields.iter().for_each(|field| collect(&field.schema, named));
        }
        other => {
            if let Some(name) = other.name() {
                named.entry(name.clone()).or_insert(other);
            }
        }
    }
}
