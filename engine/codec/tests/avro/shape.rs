//! Made-up schemas.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use crate::choices::Choices;
use crate::values;

/// How a schema is put into words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Full,
    /// Without logical types.
    Bare,
    /// With the writer's names of fields instead of aliases.
    Library,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Date,
    TimeMillis,
    TimeMicros,
    /// Digits of the second; whether it is a wall-clock reading.
    Timestamp(u32, bool),
    Uuid,
    Decimal(u32, u32),
    Fixed(Named, usize, Kind),
    Enum(Named, Vec<String>, Option<String>),
    Array(Box<Shape>),
    Map(Box<Shape>),
    Union(Vec<Shape>),
    Record(Named, Vec<Field>),
}

/// What a `fixed` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Decimal(u32, u32),
    Uuid,
    Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub name: String,
    pub aliases: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub name: String,
    pub aliases: Vec<String>,
    /// Its name in the writer's schema.
    pub written: String,
    pub shape: Shape,
    pub default: Option<Json>,
}

impl Shape {
    pub(crate) fn json(&self, style: Style) -> String {
        self.words(style, &mut HashSet::new()).to_string()
    }

    fn words(&self, style: Style, known: &mut HashSet<String>) -> Json {
        let logical = |of: &str, name: &str| {
            if style == Style::Bare { json!(of) } else { json!({ "type": of, "logicalType": name }) }
        };
        match self {
            Self::Null => json!("null"),
            Self::Boolean => json!("boolean"),
            Self::Int => json!("int"),
            Self::Long => json!("long"),
            Self::Float => json!("float"),
            Self::Double => json!("double"),
            Self::Bytes => json!("bytes"),
            Self::Text => json!("string"),
            Self::Date => logical("int", "date"),
            Self::TimeMillis => logical("int", "time-millis"),
            Self::TimeMicros => logical("long", "time-micros"),
            Self::Timestamp(digits, local) => {
                let unit = ["millis", "micros", "nanos"][*digits as usize / 3 - 1];
                logical("long", &format!("{}timestamp-{unit}", if *local { "local-" } else { "" }))
            }
            Self::Uuid => logical("string", "uuid"),
            Self::Decimal(precision, scale) => match style {
                Style::Bare => json!("bytes"),
                _ => json!({ "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale }),
            },
            Self::Array(item) => json!({ "type": "array", "items": item.words(style, known) }),
            Self::Map(value) => json!({ "type": "map", "values": value.words(style, known) }),
            Self::Union(branches) => branches.iter().map(|branch| branch.words(style, known)).collect(),
            Self::Fixed(named, ..) | Self::Enum(named, ..) | Self::Record(named, _) => {
                if known.insert(named.name.clone()) { self.definition(named, style, known) } else { json!(named.name) }
            }
        }
    }

    fn definition(&self, named: &Named, style: Style, known: &mut HashSet<String>) -> Json {
        let mut words = json!({ "name": named.name });
        if !named.aliases.is_empty() {
            words["aliases"] = json!(named.aliases);
        }
        match self {
            Self::Fixed(_, size, kind) => {
                words["type"] = json!("fixed");
                words["size"] = json!(size);
                if style != Style::Bare {
                    match kind {
                        Kind::Plain => {}
                        Kind::Uuid => words["logicalType"] = json!("uuid"),
                        Kind::Duration => words["logicalType"] = json!("duration"),
                        Kind::Decimal(precision, scale) => {
                            words["logicalType"] = json!("decimal");
                            words["precision"] = json!(precision);
                            words["scale"] = json!(scale);
                        }
                    }
                }
            }
            Self::Enum(_, symbols, default) => {
                words["type"] = json!("enum");
                words["symbols"] = json!(symbols);
                if let Some(default) = default {
                    words["default"] = json!(default);
                }
            }
            Self::Record(_, fields) => {
                words["type"] = json!("record");
                let field = |field: &Field| {
                    let library = style == Style::Library;
                    let mut words = json!({ "name": if library { &field.written } else { &field.name } });
                    words["type"] = field.shape.words(style, known);
                    if !library && !field.aliases.is_empty() {
                        words["aliases"] = json!(field.aliases);
                    }
                    if let Some(default) = &field.default {
                        words["default"] =
                            if library { values::in_written_names(default, &field.shape) } else { default.clone() };
                    }
                    words
                };
                words["fields"] = fields.iter().map(field).collect();
            }
            _ => {}
        }
        words
    }

    pub(crate) fn named(&self) -> Option<&Named> {
        match self {
            Self::Fixed(named, ..) | Self::Enum(named, ..) | Self::Record(named, _) => Some(named),
            _ => None,
        }
    }

    /// The branch's name in the names of columns.
    pub(crate) fn branch_name(&self) -> &str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int | Self::Date | Self::TimeMillis => "int",
            Self::Long | Self::TimeMicros | Self::Timestamp(..) => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes | Self::Decimal(..) => "bytes",
            Self::Text | Self::Uuid => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Fixed(named, ..) | Self::Enum(named, ..) | Self::Record(named, _) => &named.name,
        }
    }

    /// The branches that are not null.
    pub(crate) fn some(&self) -> Vec<&Self> {
        match self {
            Self::Union(branches) => branches.iter().filter(|branch| **branch != Self::Null).collect(),
            other => vec![other],
        }
    }

    /// Whether there is a column for it.
    pub(crate) fn has_column(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Array(inner) | Self::Map(inner) => inner.has_column(),
            Self::Union(_) => self.some().iter().any(|branch| branch.has_column()),
            Self::Record(_, fields) => fields.iter().any(|field| field.shape.has_column()),
            _ => true,
        }
    }

    /// False where a part that is not null has no column: a list of nulls, whose length is lost.
    pub(crate) fn can_be_written(&self) -> bool {
        match self {
            Self::Array(inner) | Self::Map(inner) => inner.has_column() && inner.can_be_written(),
            // Of several branches each must be told from null by its columns.
            Self::Union(_) => {
                let some = self.some();
                some.iter().all(|branch| branch.can_be_written() && (some.len() == 1 || branch.has_column()))
                    && (some.len() < 2 || some.iter().all(|branch| is_filled(branch)))
            }
            Self::Record(_, fields) => fields.iter().all(|field| field.shape.can_be_written()),
            _ => true,
        }
    }
}

/// Whether a value of this branch can never look like none: not all null or empty.
fn is_filled(shape: &Shape) -> bool {
    match shape {
        Shape::Null | Shape::Array(_) | Shape::Map(_) | Shape::Union(_) => false,
        Shape::Record(_, fields) => fields.iter().any(|field| is_filled(&field.shape)),
        _ => true,
    }
}

/// A record for the top.
pub(crate) fn record(choices: &mut Choices<'_>) -> Shape {
    record_within(choices, 3, &mut Vec::new())
}

fn record_within(choices: &mut Choices<'_>, depth: usize, known: &mut Vec<Shape>) -> Shape {
    let name = choices.name("R");
    let count = 1 + choices.below(if depth == 3 { 5 } else { 3 });
    let field = |at: usize, choices: &mut Choices<'_>, known: &mut Vec<Shape>| {
        // Each record has a byte at least: of what has none there are not more in a block than bytes in the record.
        let shape = if at > 0 && choices.one_in(20) { Shape::Null } else { shape(choices, depth - 1, known) };
        let name = choices.name("f");
        let default = choices.one_in(4).then(|| values::default(choices, &shape)).flatten();
        Field { written: name.clone(), name, aliases: Vec::new(), shape, default }
    };
    let fields = (0..count).map(|at| field(at, choices, known)).collect();
    let made = Shape::Record(Named { name, aliases: Vec::new() }, fields);
    known.push(made.clone());
    made
}

/// Any shape but null.
pub(crate) fn shape(choices: &mut Choices<'_>, depth: usize, known: &mut Vec<Shape>) -> Shape {
    match choices.below(if depth == 0 { 14 } else { 22 }) {
        14 => Shape::Array(Box::new(shape(choices, depth - 1, known))),
        15 => Shape::Map(Box::new(shape(choices, depth - 1, known))),
        16 | 17 => record_within(choices, depth, known),
        18 if !known.is_empty() => choices.choose(known).clone(),
        18..=20 => {
            let some = shape_but_union(choices, depth - 1, known);
            Shape::Union(if choices.one_in(3) { vec![some, Shape::Null] } else { vec![Shape::Null, some] })
        }
        21 => union(choices, depth - 1, known),
        _ => plain(choices, known),
    }
}

fn shape_but_union(choices: &mut Choices<'_>, depth: usize, known: &mut Vec<Shape>) -> Shape {
    match shape(choices, depth, known) {
        Shape::Union(branches) => branches.into_iter().find(|branch| *branch != Shape::Null).unwrap_or(Shape::Int),
        other => other,
    }
}

fn union(choices: &mut Choices<'_>, depth: usize, known: &mut Vec<Shape>) -> Shape {
    let mut branches: Vec<Shape> = Vec::new();
    for _ in 0..2 + choices.below(3) {
        let branch = if choices.one_in(4) { Shape::Null } else { shape_but_union(choices, depth, known) };
        if branches.iter().all(|other| other.branch_name() != branch.branch_name()) {
            branches.push(branch);
        }
    }
    Shape::Union(branches)
}

fn plain(choices: &mut Choices<'_>, known: &mut Vec<Shape>) -> Shape {
    let digits = 3 * (1 + choices.below(3) as u32);
    let precision = 1 + choices.below(38) as u32;
    let scale = choices.below(precision as usize + 1) as u32;
    let made = match choices.below(22) {
        0 | 1 => Shape::Int,
        2 | 3 => Shape::Long,
        4 | 5 => Shape::Text,
        6 => Shape::Boolean,
        7 => Shape::Float,
        8 => Shape::Double,
        9 => Shape::Bytes,
        10 => Shape::Date,
        11 => Shape::TimeMillis,
        12 => Shape::TimeMicros,
        13 | 14 => Shape::Timestamp(digits, choices.one_in(2)),
        15 => Shape::Uuid,
        16 | 17 => Shape::Decimal(precision, scale),
        18 | 19 => {
            let named = Named { name: choices.name("F"), aliases: Vec::new() };
            match choices.below(4) {
                0 => Shape::Fixed(named, 1 + choices.below(20), Kind::Plain),
                1 => Shape::Fixed(named, 16, Kind::Uuid),
                2 => Shape::Fixed(named, 12, Kind::Duration),
                // 17 bytes hold 38 digits and more.
                _ => Shape::Fixed(named, 17, Kind::Decimal(precision, scale)),
            }
        }
        _ => {
            let symbols: Vec<String> = (0..1 + choices.below(4)).map(|at| format!("s{at}")).collect();
            let default = choices.one_in(2).then(|| choices.choose(&symbols).clone());
            Shape::Enum(Named { name: choices.name("E"), aliases: Vec::new() }, symbols, default)
        }
    };
    if made.named().is_some() {
        known.push(made.clone());
    }
    made
}
