//! The types that people write, and the Arrow type that carries each.
//!
//! Written form, case ignored: `text`, `boolean`, `tinyint | smallint | integer | bigint [unsigned]`, `double`,
//! `decimal(P, S)` with P to 38, `date`, `timestamp(DIGITS[, ZONE])` with 0, 3, 6 or 9 digits, `binary`,
//! `list of TYPE`, `map of text to TYPE`; for columns `nullable TYPE` and `low-cardinality text` before it.
//! A timestamp with a zone is an instant; one without is a wall-clock reading.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

/// Most lists and maps within each other that are read, so that no text exhausts a thread's stack.
const DEEPEST: usize = 40;

/// A type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// True or false.
    Boolean,
    /// A whole number of 8, 16, 32 or 64 bits.
    Integer {
        /// Width.
        bits: u8,
        /// Whether it can be negative.
        signed: bool,
    },
    /// A binary floating-point number of 64 bits. Never for money or ids.
    Double,
    /// An exact decimal.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// A day of the proleptic Gregorian calendar.
    Date,
    /// A point in time.
    Timestamp {
        /// Digits of the fraction of a second: 0, 3, 6 or 9.
        digits: u8,
        /// Name of the zone in which it is shown, for an instant; `None` for a wall-clock reading.
        zone: Option<Arc<str>>,
    },
    /// Values of one type in order; each may be null.
    List(Box<Type>),
    /// Text keys to values, in the order in which they were put in; each value may be null.
    Map(Box<Type>),
}

/// A type of a column: the values' type, whether they may be null, and how the table stores them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnType {
    /// Type of the values.
    pub of: Type,
    /// Whether null is a value.
    pub nullable: bool,
    /// Whether the table keeps a dictionary of the values.
    pub low_cardinality: bool,
}

/// Why a written type is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// No type of this name.
    #[error("there is no type `{0}`")]
    Unknown(String),
    /// The numbers in brackets are wrong.
    #[error("{0}")]
    Arguments(&'static str),
}

impl Type {
    /// A signed integer of 64 bits.
    pub const BIGINT: Self = Self::Integer { bits: 64, signed: true };

    /// Reads a written type; see the module's prose.
    ///
    /// # Errors
    /// If `text` is no type.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        Self::parse_within(text, DEEPEST)
    }

    fn parse_within(text: &str, levels: usize) -> Result<Self, TypeError> {
        const TOO_DEEP: TypeError = TypeError::Arguments("lists and maps stand in each other too deeply");
        let inner = |of: &str| Self::parse_within(of, levels.checked_sub(1).ok_or(TOO_DEEP)?).map(Box::new);
        let text = text.trim();
        let after = |words: &str| {
            let head = text.get(..words.len()).filter(|head| head.eq_ignore_ascii_case(words))?;
            text.get(head.len()..)
        };
        if let Some(item) = after("list of ") {
            return Ok(Self::List(inner(item)?));
        }
        if let Some(value) = after("map of text to ") {
            return Ok(Self::Map(inner(value)?));
        }
        let lower = text.to_ascii_lowercase();
        let (name, arguments) = match text.split_once('(') {
            None => (lower.as_str().to_owned(), Vec::new()),
            Some((name, rest)) => {
                let inside = rest.trim_end().strip_suffix(')').ok_or_else(|| TypeError::Unknown(text.to_owned()))?;
                (name.trim().to_ascii_lowercase(), inside.split(',').map(|part| part.trim().to_owned()).collect())
            }
        };
        let (name, signed) = match name.strip_suffix(" unsigned") {
            Some(name) => (name.trim_end().to_owned(), false),
            None => (name, true),
        };
        let integer = |bits| Self::Integer { bits, signed };
        let found = match (name.as_str(), arguments.as_slice()) {
            ("tinyint", []) => integer(8),
            ("smallint", []) => integer(16),
            ("integer" | "int", []) => integer(32),
            ("bigint", []) => integer(64),
            ("decimal" | "numeric", arguments) if signed => Self::decimal(arguments)?,
            ("timestamp", arguments) if signed => Self::timestamp(arguments)?,
            (name, []) if signed => Self::plain(name).ok_or_else(|| TypeError::Unknown(text.to_owned()))?,
            _ => return Err(TypeError::Unknown(text.to_owned())),
        };
        Ok(found)
    }

    fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" | "bool" => Self::Boolean,
            "double" | "double precision" | "float64" => Self::Double,
            "text" | "string" | "varchar" => Self::Text,
            "binary" | "bytes" => Self::Binary,
            "date" => Self::Date,
            _ => return None,
        })
    }

    fn decimal(arguments: &[String]) -> Result<Self, TypeError> {
        const WRONG: TypeError =
            TypeError::Arguments("a decimal is `decimal(P, S)` with P from 1 to 38 and S from 0 to P");
        let number = |text: &String| text.parse::<u8>().map_err(|_| WRONG);
        let (precision, scale) = match arguments {
            [precision] => (number(precision)?, 0),
            [precision, scale] => (number(precision)?, number(scale)?),
            _ => return Err(WRONG),
        };
        if !(1..=38).contains(&precision) || scale > precision {
            return Err(WRONG);
        }
        Ok(Self::Decimal { precision, scale })
    }

    fn timestamp(arguments: &[String]) -> Result<Self, TypeError> {
        const WRONG: TypeError = TypeError::Arguments(
            "a timestamp is `timestamp(DIGITS)` or `timestamp(DIGITS, ZONE)` with 0, 3, 6 or 9 digits",
        );
        let (digits, zone) = match arguments {
            [] => ("6", None),
            [digits] => (digits.as_str(), None),
            [digits, zone] => (digits.as_str(), Some(Arc::from(zone.as_str()))),
            _ => return Err(WRONG),
        };
        match digits {
            "0" | "3" | "6" | "9" => Ok(Self::Timestamp { digits: digits.as_bytes()[0] - b'0', zone }),
            _ => Err(WRONG),
        }
    }

    /// The Arrow type that carries it: `Utf8`, `Decimal128`, `Date32`, `Timestamp` of the unit, `List` and `Map` with
    /// nullable items.
    #[must_use]
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer { bits: 8, signed: true } => DataType::Int8,
            Self::Integer { bits: 16, signed: true } => DataType::Int16,
            Self::Integer { bits: 32, signed: true } => DataType::Int32,
            Self::Integer { signed: true, .. } => DataType::Int64,
            Self::Integer { bits: 8, signed: false } => DataType::UInt8,
            Self::Integer { bits: 16, signed: false } => DataType::UInt16,
            Self::Integer { bits: 32, signed: false } => DataType::UInt32,
            Self::Integer { signed: false, .. } => DataType::UInt64,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(*precision, (*scale).cast_signed()),
            Self::Text => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp { digits, zone } => {
                let unit = match digits {
                    0 => TimeUnit::Second,
                    3 => TimeUnit::Millisecond,
                    6 => TimeUnit::Microsecond,
                    _ => TimeUnit::Nanosecond,
                };
                DataType::Timestamp(unit, zone.clone())
            }
            Self::List(item) => DataType::List(Arc::new(Field::new("item", item.arrow(), true))),
            Self::Map(value) => {
                let entries = vec![Field::new("key", DataType::Utf8, false), Field::new("value", value.arrow(), true)];
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
            }
        }
    }

    /// The type that an Arrow type carries, if it is one of ours.
    #[must_use]
    pub fn from_arrow(carrier: &DataType) -> Option<Self> {
        let integer = |bits, signed| Self::Integer { bits, signed };
        Some(match carrier {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => integer(8, true),
            DataType::Int16 => integer(16, true),
            DataType::Int32 => integer(32, true),
            DataType::Int64 => integer(64, true),
            DataType::UInt8 => integer(8, false),
            DataType::UInt16 => integer(16, false),
            DataType::UInt32 => integer(32, false),
            DataType::UInt64 => integer(64, false),
            DataType::Float64 => Self::Double,
            DataType::Decimal128(precision, scale) => {
                Self::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
            }
            DataType::Utf8 => Self::Text,
            DataType::Binary => Self::Binary,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(unit, zone) => {
                let digits = match unit {
                    TimeUnit::Second => 0,
                    TimeUnit::Millisecond => 3,
                    TimeUnit::Microsecond => 6,
                    TimeUnit::Nanosecond => 9,
                };
                Self::Timestamp { digits, zone: zone.clone() }
            }
            DataType::List(item) => Self::List(Box::new(Self::from_arrow(item.data_type())?)),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) => Self::Map(Box::new(Self::from_arrow(fields.get(1)?.data_type())?)),
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => formatter.write_str("boolean"),
            Self::Integer { bits, signed } => {
                let name = match bits {
                    8 => "tinyint",
                    16 => "smallint",
                    32 => "integer",
                    _ => "bigint",
                };
                write!(formatter, "{name}{}", if *signed { "" } else { " unsigned" })
            }
            Self::Double => formatter.write_str("double"),
            Self::Decimal { precision, scale } => write!(formatter, "decimal({precision}, {scale})"),
            Self::Text => formatter.write_str("text"),
            Self::Binary => formatter.write_str("binary"),
            Self::Date => formatter.write_str("date"),
            Self::Timestamp { digits, zone: None } => write!(formatter, "timestamp({digits})"),
            Self::Timestamp { digits, zone: Some(zone) } => write!(formatter, "timestamp({digits}, {zone})"),
            Self::List(item) => write!(formatter, "list of {item}"),
            Self::Map(value) => write!(formatter, "map of text to {value}"),
        }
    }
}

impl ColumnType {
    /// A column of this type that is never null.
    #[must_use]
    pub fn of(of: Type) -> Self {
        Self { of, nullable: false, low_cardinality: false }
    }

    /// A column of this type that may be null.
    #[must_use]
    pub fn nullable(of: Type) -> Self {
        Self { of, nullable: true, low_cardinality: false }
    }

    /// Reads a written column type; see the module's prose.
    ///
    /// # Errors
    /// If `text` is no type of a column.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        let (mut rest, mut nullable, mut low_cardinality) = (text.trim(), false, false);
        loop {
            if let Some(after) = word(rest, "nullable") {
                (rest, nullable) = (after, true);
            } else if let Some(after) = word(rest, "low-cardinality") {
                (rest, low_cardinality) = (after, true);
            } else {
                break;
            }
        }
        let of = Type::parse(rest)?;
        if low_cardinality && of != Type::Text {
            return Err(TypeError::Arguments("only `text` can be low-cardinality"));
        }
        if nullable && matches!(of, Type::List(_) | Type::Map(_)) {
            return Err(TypeError::Arguments("lists and maps are empty, never null"));
        }
        Ok(Self { of, nullable, low_cardinality })
    }

    /// An Arrow field of this type.
    #[must_use]
    pub fn field(&self, name: &str) -> Field {
        Field::new(name, self.of.arrow(), self.nullable)
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nullable {
            formatter.write_str("nullable ")?;
        }
        if self.low_cardinality {
            formatter.write_str("low-cardinality ")?;
        }
        self.of.fmt(formatter)
    }
}

fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = text.get(word.len()..)?;
    (head.eq_ignore_ascii_case(word) && rest.starts_with(' ')).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::{ColumnType, Type};

    #[test]
    fn what_is_written_reads_back_the_same() {
        for text in [
            "text",
            "nullable text",
            "low-cardinality text",
            "nullable low-cardinality text",
            "bigint unsigned",
            "smallint",
            "nullable decimal(38, 13)",
            "nullable timestamp(6, America/New_York)",
            "timestamp(0)",
            "list of text",
            "list of decimal(38, 13)",
            "list of timestamp(6, America/New_York)",
            "map of text to text",
            "nullable date",
            "double",
        ] {
            let read = ColumnType::parse(text).expect(text);
            assert_eq!(read.to_string(), text);
            assert_eq!(Type::from_arrow(&read.of.arrow()).as_ref(), Some(&read.of), "{text}");
        }
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in
            ["", "txt", "decimal(39, 0)", "decimal(5, 6)", "timestamp(4)", "nullable list of text", "text unsigned"]
        {
            assert!(ColumnType::parse(text).is_err(), "{text}");
        }
        for deep in ["list of ", "map of text to "] {
            assert!(ColumnType::parse(&(deep.repeat(100_000) + "text")).is_err());
            assert!(ColumnType::parse(&(deep.repeat(40) + "text")).is_ok());
        }
    }
}
