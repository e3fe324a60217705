//! What a schema says about bytes: the shape that plans are compiled from, for reading, skipping and writing.
//!
//! References to named types are replaced by what they name. So a schema that contains itself has no shape: it is
//! refused, as are schemas that are nested very deeply or that unfold to very many parts.
//!
//! A logical type whose parameters are wrong is no logical type (the specification's rule); the Avro library has dropped
//! it by then. `duration` is twelve bytes, `big-decimal` is bytes, and a `uuid` in a string is text.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::schema::{Alias, FixedSchema, InnerDecimalSchema, Name, RecordField, RecordSchema, UuidSchema};
use batch::{ColumnType, Type, TypeError};
use serde_json::Value;

use super::SchemaError;
use super::schema::{NAME_PROPERTY, TYPE_PROPERTY};

/// Levels of nesting that are followed. More would cost stack wherever a plan is walked.
const DEEPEST: usize = 32;

/// Parts of a schema with its named types unfolded. A name that stands twice in a type that stands twice, and so on,
/// would otherwise be a very large plan from a short text.
const MOST_PARTS: usize = 20_000;

/// The name of a `record`, `enum` or `fixed`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TypeName {
    /// With its namespace.
    pub full: String,
    /// Without it.
    pub plain: String,
    /// Other names that a reader knows it by, without namespaces.
    aliases: Vec<String>,
}

impl TypeName {
    fn of(name: &Name, aliases: Option<&Vec<Alias>>) -> Arc<Self> {
        let aliases = aliases.map_or(&[][..], Vec::as_slice);
        Arc::new(Self {
            full: name.fullname(None),
            plain: name.name().to_owned(),
            aliases: aliases.iter().map(|alias| alias.name().to_owned()).collect(),
        })
    }

    /// Whether a reader's type of this name reads a writer's type of that name: unqualified names count, and the
    /// reader's aliases.
    pub(super) fn reads(&self, writer: &Self) -> bool {
        self.plain == writer.plain || self.aliases.contains(&writer.plain)
    }
}

/// An `enum`.
#[derive(Debug, PartialEq)]
pub(super) struct Enumeration {
    pub name: Arc<TypeName>,
    pub symbols: Vec<String>,
    /// What a reader takes a symbol for that it does not know.
    pub default: Option<String>,
}

/// A `record`.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub name: Arc<TypeName>,
    pub fields: Vec<Field>,
}

/// A field of a record.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    pub name: String,
    pub aliases: Vec<String>,
    /// The last part of its column's name.
    pub column: String,
    /// The type of its column, where the schema says one.
    pub written: Option<Result<ColumnType, TypeError>>,
    pub default: Option<Value>,
    pub wire: Wire,
}

/// A `fixed`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fixed {
    pub name: Arc<TypeName>,
    /// In bytes.
    pub size: usize,
}

impl Fixed {
    fn of(fixed: &FixedSchema) -> Self {
        Self { name: TypeName::of(&fixed.name, fixed.aliases.as_ref()), size: fixed.size }
    }
}

/// A schema as bytes are read and written by it.
#[derive(Clone, Debug, PartialEq)]
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
    Fixed(Fixed),
    Enum(Arc<Enumeration>),
    /// In bytes that have a length, or in a `fixed`.
    Decimal {
        scale: u32,
        fixed: Option<Fixed>,
    },
    /// A `fixed` of 16 bytes.
    Uuid(Fixed),
    Date,
    /// Since midnight: milliseconds in an `int`, or microseconds in a `long`.
    Time {
        micros: bool,
    },
    /// `local`: a wall-clock reading.
    Timestamp {
        digits: u8,
        local: bool,
    },
    Array(Box<Wire>),
    Map(Box<Wire>),
    Union(Vec<Wire>),
    Record(Arc<Record>),
}

impl Wire {
    pub(super) fn of(schema: &Schema) -> Result<Self, SchemaError> {
        let mut named = HashMap::new();
        collect(schema, &mut named);
        Walk { named, open: Vec::new(), depth: 0, parts: 0 }.wire(schema)
    }

    /// The record at the top of a schema.
    pub(super) fn record_of(schema: &Schema) -> Result<Arc<Record>, SchemaError> {
        match Self::of(schema)? {
            Self::Record(record) => Ok(record),
            _ => Err(SchemaError::Unsupported { what: "no record at its top" }),
        }
    }

    /// Whether null is one of its values.
    pub(super) fn nullable(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Union(branches) => branches.contains(&Self::Null),
            _ => false,
        }
    }

    /// The branches of a union that are not null, or the type itself.
    pub(super) fn some(&self) -> Vec<&Self> {
        let branches = match self {
            Self::Union(branches) => branches.as_slice(),
            other => std::slice::from_ref(other),
        };
        branches.iter().filter(|branch| **branch != Self::Null).collect()
    }

    /// The `fixed` below, if it is one.
    pub(super) fn fixed(&self) -> Option<&Fixed> {
        match self {
            Self::Fixed(fixed) | Self::Uuid(fixed) | Self::Decimal { fixed: Some(fixed), .. } => Some(fixed),
            _ => None,
        }
    }

    /// Whether a column of this type may hold what is written so, and so be written. Ranges are judged value by value.
    pub(super) fn fits(&self, of: &Type) -> bool {
        match (self, of) {
            (Self::Union(branches), of) => branches.iter().any(|branch| *branch != Self::Null && branch.fits(of)),
            (Self::Boolean, Type::Boolean)
            | (Self::Integer { .. }, Type::Integer { .. } | Type::Double)
            | (Self::Time { .. }, Type::Integer { .. })
            | (Self::Float | Self::Double, Type::Double)
            | (Self::Text | Self::Bytes | Self::Uuid(_), Type::Text | Type::Binary)
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

    /// The name of a union's branch, as in Avro's JSON encoding but without a namespace: also a part of column names.
    pub(super) fn branch_name(&self) -> &str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer { long: false } | Self::Date | Self::Time { micros: false } => "int",
            Self::Integer { .. } | Self::Time { .. } | Self::Timestamp { .. } => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes | Self::Decimal { fixed: None, .. } => "bytes",
            Self::Text => "string",
            Self::Fixed(fixed) | Self::Uuid(fixed) | Self::Decimal { fixed: Some(fixed), .. } => &fixed.name.plain,
            Self::Enum(of) => &of.name.plain,
            Self::Record(of) => &of.name.plain,
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meant = match self {
            Self::Enum(of) => return write!(formatter, "enum `{}`", of.name.full),
            Self::Record(of) => return write!(formatter, "record `{}`", of.name.full),
            Self::Union(branches) => {
                formatter.write_str("union of ")?;
                for (index, branch) in branches.iter().enumerate() {
                    write!(formatter, "{}{branch}", if index == 0 { "" } else { ", " })?;
                }
                return Ok(());
            }
            Self::Array(item) => return write!(formatter, "array of {item}"),
            Self::Map(value) => return write!(formatter, "map of {value}"),
            Self::Decimal { scale, .. } => format!(" (decimal of {scale} digits after the point)"),
            Self::Uuid(_) => " (uuid)".to_owned(),
            Self::Date => " (date)".to_owned(),
            Self::Time { micros } => format!(" (time-{})", if *micros { "micros" } else { "millis" }),
            Self::Timestamp { digits, local } => {
                let unit = match digits {
                    3 => "millis",
                    6 => "micros",
                    _ => "nanos",
                };
                format!(" ({}timestamp-{unit})", if *local { "local-" } else { "" })
            }
            _ => String::new(),
        };
        match self.fixed() {
            Some(fixed) => write!(formatter, "fixed `{}` of {} bytes{meant}", fixed.name.full, fixed.size),
            None => write!(formatter, "{}{meant}", self.branch_name()),
        }
    }
}

/// Unfolds a schema.
struct Walk<'a> {
    named: HashMap<String, &'a Schema>,
    /// The records that are being unfolded.
    open: Vec<&'a Name>,
    depth: usize,
    parts: usize,
}

impl<'a> Walk<'a> {
    fn wire(&mut self, schema: &'a Schema) -> Result<Wire, SchemaError> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(SchemaError::Unsupported { what: "more than 20,000 parts" });
        }
        Ok(match schema {
            Schema::Null => Wire::Null,
            Schema::Boolean => Wire::Boolean,
            Schema::Int => Wire::Integer { long: false },
            Schema::Long => Wire::Integer { long: true },
            Schema::TimeMillis => Wire::Time { micros: false },
            Schema::TimeMicros => Wire::Time { micros: true },
            Schema::Float => Wire::Float,
            Schema::Double => Wire::Double,
            Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Wire::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Wire::Text,
            Schema::Uuid(UuidSchema::Fixed(fixed)) => Wire::Uuid(Fixed::of(fixed)),
            Schema::Fixed(fixed) | Schema::Duration(fixed) => Wire::Fixed(Fixed::of(fixed)),
            Schema::Enum(of) => Wire::Enum(Arc::new(Enumeration {
                name: TypeName::of(&of.name, of.aliases.as_ref()),
                symbols: of.symbols.clone(),
                default: of.default.clone(),
            })),
            Schema::Decimal(decimal) => {
                let fixed = match &decimal.inner {
                    InnerDecimalSchema::Bytes => None,
                    InnerDecimalSchema::Fixed(fixed) => Some(Fixed::of(fixed)),
                };
                Wire::Decimal { scale: u32::try_from(decimal.scale).unwrap_or(u32::MAX), fixed }
            }
            Schema::Date => Wire::Date,
            Schema::TimestampMillis => Wire::Timestamp { digits: 3, local: false },
            Schema::TimestampMicros => Wire::Timestamp { digits: 6, local: false },
            Schema::TimestampNanos => Wire::Timestamp { digits: 9, local: false },
            Schema::LocalTimestampMillis => Wire::Timestamp { digits: 3, local: true },
            Schema::LocalTimestampMicros => Wire::Timestamp { digits: 6, local: true },
            Schema::LocalTimestampNanos => Wire::Timestamp { digits: 9, local: true },
            Schema::Array(array) => Wire::Array(Box::new(self.inner(&array.items)?)),
            Schema::Map(map) => Wire::Map(Box::new(self.inner(&map.types)?)),
            Schema::Union(union) => {
                Wire::Union(union.variants().iter().map(|branch| self.inner(branch)).collect::<Result<_, _>>()?)
            }
            Schema::Record(record) => self.record(record)?,
            Schema::Ref { name } => match self.named.get(&name.fullname(None)) {
                Some(schema) => self.wire(schema)?,
                None => return Err(SchemaError::Unsupported { what: "a name that the schema does not define" }),
            },
        })
    }

    fn inner(&mut self, schema: &'a Schema) -> Result<Wire, SchemaError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(SchemaError::Unsupported { what: "more than 32 levels of nesting" });
        }
        let wire = self.wire(schema)?;
        self.depth -= 1;
        Ok(wire)
    }

    fn record(&mut self, record: &'a RecordSchema) -> Result<Wire, SchemaError> {
        if self.open.contains(&&record.name) {
            return Err(SchemaError::Recursive { name: record.name.fullname(None) });
        }
        self.open.push(&record.name);
        let fields = record.fields.iter().map(|field| self.field(field)).collect::<Result<_, SchemaError>>()?;
        self.open.pop();
        Ok(Wire::Record(Arc::new(Record { name: TypeName::of(&record.name, record.aliases.as_ref()), fields })))
    }

    fn field(&mut self, field: &'a RecordField) -> Result<Field, SchemaError> {
        let property = |name| field.custom_attributes.get(name).and_then(Value::as_str);
        Ok(Field {
            name: field.name.clone(),
            aliases: field.aliases.clone(),
            column: property(NAME_PROPERTY).unwrap_or(&field.name).to_owned(),
            written: property(TYPE_PROPERTY).map(ColumnType::parse),
            default: field.default.clone(),
            wire: self.inner(&field.schema)?,
        })
    }
}

/// What names stand for; aliases too, which a reference may use.
fn collect<'a>(schema: &'a Schema, named: &mut HashMap<String, &'a Schema>) {
    if let Some(name) = schema.name()
        && !matches!(schema, Schema::Ref { .. })
    {
        named.entry(name.fullname(None)).or_insert(schema);
        for alias in schema.aliases().into_iter().flatten() {
            named.entry(alias.fullname(name.namespace())).or_insert(schema);
        }
    }
    match schema {
        Schema::Array(array) => collect(&array.items, named),
        Schema::Map(map) => collect(&map.types, named),
        Schema::Union(union) => union.variants().iter().for_each(|branch| collect(branch, named)),
        Schema::Record(record) => record.fields.iter().for_each(|field| collect(&field.schema, named)),
        _ => {}
    }
}
