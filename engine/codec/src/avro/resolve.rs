//! Makes the plan by which one writer's records are read into columns, once for each writer's schema.
//!
//! A reader is columns, and a schema where one is declared. Without one the writer's own schema is the reader's: each
//! field goes to the column of its name. Columns that neither knows are null, or empty where they are lists or maps.
//!
//! A branch of a writer's union that does not resolve fails the records that have it, not the schema; the schema fails
//! if no branch but null resolves.

use std::collections::HashMap;
use std::sync::Arc;

use batch::{ColumnType, Type};

use super::leaf::bounds;
use super::plan::{Node, NullBranch, Read, Then};
use super::read::Skip;
use super::schema::{Around, below};
use super::wire::{Field, Record, Wire};
use super::{Fault, SchemaError, defaults, matching};

/// What is done with one writer's records.
#[derive(Debug)]
pub(super) struct Plan {
    pub parts: Vec<Part>,
}

/// A field at the top of a record, or a column that it lacks.
#[derive(Debug)]
pub(super) struct Part {
    pub node: Node,
    /// The column or field to name where it fails.
    pub name: Option<Box<str>>,
}

/// Where a value goes.
struct Place<'a> {
    /// The column's name, or what the names of the columns below begin with.
    path: String,
    around: Vec<Around>,
    /// The column, and the type of its values within what is around.
    column: Option<(usize, &'a Type)>,
}

impl Place<'_> {
    fn level(&self) -> usize {
        self.around.len()
    }
}

struct Resolver<'a> {
    columns: &'a [(Arc<str>, ColumnType)],
    by_name: HashMap<&'a str, usize>,
}

impl Plan {
    /// A plan for a writer's records into columns.
    ///
    /// # Errors
    /// If the schemas do not resolve, or a column cannot hold what is meant for it.
    pub(super) fn compile(
        writer: &Arc<Record>,
        reader: Option<&Arc<Record>>,
        columns: &[(Arc<str>, ColumnType)],
    ) -> Result<Self, SchemaError> {
        let by_name = columns.iter().enumerate().map(|(index, (name, _))| (&**name, index)).collect();
        let resolver = Resolver { columns, by_name };
        let reader = reader.unwrap_or(writer);
        let top = Place { path: String::new(), around: Vec::new(), column: None };
        resolver.names_match(writer, reader, &top)?;
        let mut found = vec![false; columns.len()];
        for index in resolver.wanted(&Wire::Record(Arc::clone(reader)), &top)? {
            if std::mem::replace(&mut found[index], true) {
                return Err(SchemaError::Twice { column: columns[index].0.to_string() });
            }
        }
        let mut parts = Vec::new();
        for (path, node) in resolver.fields(writer, reader, &top)? {
            let name = (!matches!(node, Node::Skip(_))).then(|| path.into_boxed_str());
            parts.push(Part { node, name });
        }
        let absent = (0..columns.len()).filter(|index| !found[*index]);
        for index in absent {
            let (name, column) = &columns[index];
            if !column.nullable && !matches!(column.of, Type::List(_) | Type::Map(_)) {
                return Err(SchemaError::Missing { column: name.to_string() });
            }
            let node = Node::Null { columns: [index].into(), level: 0 };
            parts.push(Part { node, name: Some((&**name).into()) });
        }
        Ok(Self { parts: joined(parts) })
    }
}

/// Joins what is passed over.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match (joined.pop(), part) {
            (Some(Part { node: Node::Skip(first), .. }), Part { node: Node::Skip(second), .. }) => {
                joined.push(Part { node: Node::Skip(first.then(second)), name: None });
            }
            (last, part) => joined.extend(last.into_iter().chain([part])),
        }
    }
    joined
}

impl<'a> Resolver<'a> {
    fn child(&self, place: &Place<'a>, name: &str) -> Result<Place<'a>, SchemaError> {
        let path = below(&place.path, name);
        let mut column = None;
        if let Some(index) = self.by_name.get(path.as_str()) {
            let whole = &self.columns[*index].1;
            let mut of = &whole.of;
            for around in &place.around {
                of = match (around, of) {
                    (Around::List, Type::List(inner)) | (Around::Map, Type::Map(inner)) => inner,
                    _ => return Err(SchemaError::Unheld { column: path, column_type: whole.to_string() }),
                };
            }
            column = Some((*index, of));
        }
        Ok(Place { path, around: place.around.clone(), column })
    }

    fn within(&self, place: &Place<'a>, around: Around) -> Result<Place<'a>, SchemaError> {
        let column = match (place.column, around) {
            (None, _) => None,
            (Some((index, Type::List(inner))), Around::List) | (Some((index, Type::Map(inner))), Around::Map) => {
                Some((index, &**inner))
            }
            (Some((index, _)), _) => return Err(self.mismatch(index, place)),
        };
        let around = place.around.iter().copied().chain([around]).collect();
        Ok(Place { path: place.path.clone(), around, column })
    }

    fn mismatch(&self, index: usize, place: &Place<'_>) -> SchemaError {
        SchemaError::Unheld { column: place.path.clone(), column_type: self.columns[index].1.to_string() }
    }

    /// The columns of a reader's type.
    fn wanted(&self, reader: &Wire, place: &Place<'a>) -> Result<Vec<usize>, SchemaError> {
        if let Some((index, _)) = place.column {
            return Ok(vec![index]);
        }
        let mut found = Vec::new();
        match reader {
            Wire::Array(inner) => found = self.wanted(inner, &self.within(place, Around::List)?)?,
            Wire::Map(inner) => found = self.wanted(inner, &self.within(place, Around::Map)?)?,
            Wire::Record(record) => {
                for field in &record.fields {
                    found.extend(self.wanted(&field.wire, &self.child(place, &field.column)?)?);
                }
            }
            Wire::Union(_) => match reader.some().as_slice() {
                [only] => found = self.wanted(only, place)?,
                several => {
                    for one in several {
                        found.extend(self.wanted(one, &self.child(place, one.branch_name())?)?);
                    }
                }
            },
            _ => {}
        }
        Ok(found)
    }

    fn node(&self, writer: &Wire, reader: &Wire, place: &Place<'a>) -> Result<Node, SchemaError> {
        if self.wanted(reader, place)?.is_empty() {
            return Ok(Node::Skip(Skip::of(writer)));
        }
        let Wire::Union(branches) = writer else { return self.chosen(writer, reader, place) };
        let mut nodes = Vec::with_capacity(branches.len());
        let (mut resolved, mut first_error) = (false, None);
        for branch in branches {
            let null = *branch == Wire::Null;
            nodes.push(match self.chosen(branch, reader, place) {
                Ok(node) => {
                    resolved |= !null;
                    node
                }
                Err(_) if null => Node::Fail(Fault::Null),
                Err(error) => {
                    first_error.get_or_insert(error);
                    Node::Fail(Fault::Unresolved)
                }
            });
        }
        match first_error {
            Some(error) if !resolved => Err(error),
            _ => Ok(united(nodes)),
        }
    }

    /// Resolves a writer's type that is no union.
    fn chosen(&self, writer: &Wire, reader: &Wire, place: &Place<'a>) -> Result<Node, SchemaError> {
        let Wire::Union(branches) = reader else { return self.plain(writer, reader, place) };
        // One column for a union: it takes the branches that it can hold.
        let index = matching::branch(writer, branches).ok_or_else(|| unresolved(writer, reader, place))?;
        let branch = &branches[index];
        let all = self.wanted(reader, place)?;
        if *branch == Wire::Null {
            return Ok(Node::Null { columns: all.into(), level: place.level() });
        }
        if place.column.is_some() || reader.some().len() == 1 {
            return self.plain(writer, branch, place);
        }
        let own = self.child(place, branch.branch_name())?;
        let node = self.plain(writer, branch, &own)?;
        let own = self.wanted(branch, &own)?;
        let others: Box<[usize]> = all.into_iter().filter(|column| !own.contains(column)).collect();
        if others.is_empty() {
            return Ok(node);
        }
        Ok(Node::Branch { node: Box::new(node), others, level: place.level() })
    }

    /// Resolves types neither of which is a union.
    fn plain(&self, writer: &Wire, reader: &Wire, place: &Place<'a>) -> Result<Node, SchemaError> {
        let columns = self.wanted(reader, place)?;
        if columns.is_empty() {
            return Ok(Node::Skip(Skip::of(writer)));
        }
        match (writer, reader) {
            (Wire::Null, Wire::Null) => Ok(Node::Null { columns: columns.into(), level: place.level() }),
            (Wire::Record(writer), Wire::Record(reader)) => {
                self.names_match(writer, reader, place)?;
                if let Some((index, _)) = place.column {
                    return Err(self.mismatch(index, place));
                }
                let mut nodes = Vec::new();
                for (_, node) in self.fields(writer, reader, place)? {
                    node.append(&mut nodes);
                }
                Ok(Node::Record(nodes.into()))
            }
            (Wire::Array(writer), Wire::Array(reader)) => {
                let item = self.node(writer, reader, &self.within(place, Around::List)?)?;
                let weightless = Skip::of(writer) == Skip::Bytes(0);
                Ok(Node::Array { item: Box::new(item), columns: columns.into(), level: place.level(), weightless })
            }
            (Wire::Map(writer), Wire::Map(reader)) => {
                let value = self.node(writer, reader, &self.within(place, Around::Map)?)?;
                Ok(Node::Map { value: Box::new(value), columns: columns.into(), level: place.level() })
            }
            _ => match place.column {
                Some((column, of)) => {
                    let read = self.read(writer, reader, of, column, place)?;
                    Ok(Node::Leaf { column, null: NullBranch::None, read })
                }
                None => Err(unresolved(writer, reader, place)),
            },
        }
    }

    fn names_match(&self, writer: &Record, reader: &Record, place: &Place<'_>) -> Result<(), SchemaError> {
        if reader.name.reads(&writer.name) {
            return Ok(());
        }
        let why = format!(
            "the writer's record is `{}`, the reader's is `{}` and has no alias of that name",
            writer.name.full, reader.name.full
        );
        Err(SchemaError::Unresolved { field: place.path.clone(), why })
    }

    /// The fields in the writer's order with their paths, and then those that it lacks.
    fn fields(&self, writer: &Record, reader: &Record, place: &Place<'a>) -> Result<Vec<(String, Node)>, SchemaError> {
        let readers = pairs(writer, reader);
        let mut nodes = Vec::with_capacity(writer.fields.len());
        for (field, target) in writer.fields.iter().zip(&readers) {
            nodes.push(match target {
                None => (String::new(), Node::Skip(Skip::of(&field.wire))),
                Some(target) => {
                    let target = &reader.fields[*target];
                    let own = self.child(place, &target.column)?;
                    let node = self.node(&field.wire, &target.wire, &own)?;
                    (own.path, node)
                }
            });
        }
        let mut found = vec![false; reader.fields.len()];
        readers.iter().flatten().for_each(|index| found[*index] = true);
        for (field, found) in reader.fields.iter().zip(found) {
            if !found {
                let own = self.child(place, &field.column)?;
                if let Some(node) = self.default(field, &own)? {
                    nodes.push((own.path, node));
                }
            }
        }
        Ok(nodes)
    }

    fn default(&self, field: &Field, place: &Place<'a>) -> Result<Option<Node>, SchemaError> {
        let refused = |why| SchemaError::Unresolved { field: place.path.clone(), why };
        let default = field.default.as_ref().ok_or_else(|| {
            refused("the writer's record has no such field, and the reader's field has no default".to_owned())
        })?;
        let mut bytes = Vec::new();
        defaults::encode(default, &field.wire, &mut bytes).map_err(refused)?;
        let columns = self.wanted(&field.wire, place)?;
        if columns.is_empty() {
            return Ok(None);
        }
        if default.is_null() {
            return Ok(Some(Node::Null { columns: columns.into(), level: place.level() }));
        }
        let node = self.node(&field.wire, &field.wire, place)?;
        Ok(Some(Node::Default { bytes: bytes.into(), node: Box::new(node) }))
    }

    fn read(
        &self,
        writer: &Wire,
        reader: &Wire,
        of: &Type,
        column: usize,
        place: &Place<'_>,
    ) -> Result<Read, SchemaError> {
        if let (Wire::Enum(from), Wire::Enum(to)) = (writer, reader) {
            if !to.name.reads(&from.name) {
                return Err(unresolved(writer, reader, place));
            }
            if !reader.fits(of) {
                return Err(self.mismatch(column, place));
            }
            let symbol = |symbol: &String| {
                let known = if to.symbols.contains(symbol) { Some(symbol) } else { to.default.as_ref() };
                known.map(|symbol| symbol.as_str().into())
            };
            return Ok(Read::Symbols(from.symbols.iter().map(symbol).collect()));
        }
        let (wire, then) = matching::scalar(writer, reader).ok_or_else(|| unresolved(writer, reader, place))?;
        if !wire.fits(of) || !reader.fits(of) {
            return Err(self.mismatch(column, place));
        }
        Ok(Read::of(wire, then, of))
    }
}

/// The reader's field for each of the writer's: of its name, or the first that has it as an alias.
pub(super) fn pairs(writer: &Record, reader: &Record) -> Vec<Option<usize>> {
    let mut readers: Vec<Option<usize>> = vec![None; writer.fields.len()];
    let by_name: HashMap<&str, usize> =
        writer.fields.iter().enumerate().map(|(index, field)| (field.name.as_str(), index)).collect();
    let mut missing = Vec::new();
    for (index, field) in reader.fields.iter().enumerate() {
        match by_name.get(field.name.as_str()) {
            Some(written) => readers[*written] = Some(index),
            None => missing.push(index),
        }
    }
    for index in missing {
        let known = reader.fields[index].aliases.iter().filter_map(|alias| by_name.get(alias.as_str()));
        if let Some(written) = known.copied().find(|written| readers[*written].is_none()) {
            readers[written] = Some(index);
        }
    }
    readers
}

fn unresolved(writer: &Wire, reader: &Wire, place: &Place<'_>) -> SchemaError {
    let why = format!("it was written as {writer} and is {reader} now, to which it is not promoted");
    SchemaError::Unresolved { field: place.path.clone(), why }
}

/// A union of nodes; one of null and a value is a leaf.
fn united(mut nodes: Vec<Node>) -> Node {
    let pair = match nodes.as_slice() {
        [Node::Null { columns, .. }, Node::Leaf { column, null: NullBranch::None, .. }] => {
            (**columns == [*column]).then_some((1, NullBranch::First))
        }
        [Node::Leaf { column, null: NullBranch::None, .. }, Node::Null { columns, .. }] => {
            (**columns == [*column]).then_some((0, NullBranch::Second))
        }
        _ => None,
    };
    match pair.map(|(value, null)| (nodes.swap_remove(value), null)) {
        Some((Node::Leaf { column, read, .. }, null)) => Node::Leaf { column, null, read },
        _ => Node::Union(nodes.into()),
    }
}

impl Read {
    /// The shortest way for a type into values of a column that it fits.
    fn of(wire: Wire, then: Then, of: &Type) -> Self {
        let within = |bits: u8, signed: bool, long: bool| {
            let (least, most) = bounds(bits, signed);
            let (lowest, highest) = bounds(if long { 64 } else { 32 }, true);
            let narrow = |bound: i128| i64::try_from(bound).ok();
            Some(Self::Integer { least: narrow(least.max(lowest))?, most: narrow(most.min(highest))? })
        };
        let short = match (&wire, of) {
            _ if then != Then::Keep => None,
            (Wire::Text, Type::Text) => Some(Self::Text),
            (Wire::Bytes, Type::Binary) => Some(Self::Bytes),
            (Wire::Double, Type::Double) => Some(Self::Double),
            (Wire::Integer { long: true } | Wire::Time { micros: true }, Type::Integer { bits: 64, signed: true }) => {
                Some(Self::Long)
            }
            // Columns of unsigned 64 bits have a store of their own.
            (Wire::Integer { .. } | Wire::Time { .. }, Type::Integer { bits: 64, signed: false }) => None,
            (Wire::Integer { long } | Wire::Time { micros: long }, Type::Integer { bits, signed }) => {
                within(*bits, *signed, *long)
            }
            (Wire::Date, Type::Date) => within(32, true, false),
            (Wire::Timestamp { digits, .. }, Type::Timestamp { digits: wanted, .. }) if digits == wanted => {
                Some(Self::Long)
            }
            (Wire::Decimal { scale: written, fixed }, Type::Decimal { precision, scale }) => {
                let up = u32::from(*scale).checked_sub(*written);
                up.and_then(|up| 10_i128.checked_pow(up)).map(|factor| Self::Decimal {
                    size: fixed.as_ref().map(|fixed| fixed.size),
                    factor,
                    limit: 10_u128.pow(u32::from((*precision).min(38))),
                })
            }
            _ => None,
        };
        short.unwrap_or(Self::Other { wire, then })
    }
}
