//! What is done with one writer's records: a tree that is walked once for each record.
//!
//! A plan is made by `resolve` for a writer's schema and a reader. It says for each part of the record, in the writer's
//! order, into which column it goes and through which conversion; nothing is looked up by name while records are read.

use super::Fault;
use super::columns::Column;
use super::leaf::Scalar;
use super::read::{Cursor, Skip};
use super::wire::Wire;

/// One part of a record.
#[derive(Debug)]
pub(super) enum Node {
    /// Passed over.
    Skip(Skip),
    /// A value into a column. A union of null and one other type is so too.
    Leaf { column: usize, null: NullBranch, read: Read },
    /// Nothing is read; these columns get a null on this level.
    Null { columns: Box<[usize]>, level: usize },
    /// One node for each of the writer's branches.
    Union(Box<[Node]>),
    /// A branch, while the columns of the reader's other branches get nulls.
    Branch { node: Box<Node>, others: Box<[usize]>, level: usize },
    /// One after another.
    Record(Box<[Node]>),
    /// The lists of these columns get the same length. `weightless`: the items have no bytes.
    Array { item: Box<Node>, columns: Box<[usize]>, level: usize, weightless: bool },
    /// The maps of these columns get the same keys.
    Map { value: Box<Node>, columns: Box<[usize]>, level: usize },
    /// Nothing is read; the reader's default is, which is kept as bytes.
    Default { bytes: Box<[u8]>, node: Box<Node> },
    /// A branch or symbol that the reader has no place for.
    Fail(Fault),
}

/// Where the null is in a union of null and one other type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NullBranch {
    /// It is no union.
    None,
    First,
    Second,
}

/// How a value is read. Common types into their usual columns have an entry of their own.
#[derive(Debug)]
pub(super) enum Read {
    /// A `string` into a column of text, which is looked at as a whole.
    Text,
    /// `bytes` into a column of bytes.
    Bytes,
    /// A number into a column that holds every one.
    Long,
    /// A number that must be in a range.
    Integer {
        least: i64,
        most: i64,
    },
    Double,
    /// Into a column of decimals, multiplied so that the digits after the point are the column's, and less than a limit.
    Decimal {
        size: Option<usize>,
        factor: i128,
        limit: u128,
    },
    /// The reader's symbol for each of the writer's.
    Symbols(Box<[Option<Box<str>>]>),
    /// All others, as this type says.
    Other {
        wire: Wire,
        then: Then,
    },
}

/// What becomes of a number between the writer's and the reader's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Keep,
    /// Milliseconds to microseconds.
    Thousandfold,
    /// Rounded to Avro's `float`.
    Single,
}

impl Node {
    /// Reads this part. `believe` that texts are UTF-8, until the columns are finished.
    #[inline]
    pub(super) fn run(&self, cursor: &mut Cursor<'_>, columns: &mut [Column], believe: bool) -> Result<(), Fault> {
        match self {
            Self::Leaf { column, null, read } => {
                let leaf = &mut columns[*column].leaf;
                if *null != NullBranch::None {
                    match (cursor.long()?, *null) {
                        (0, NullBranch::First) | (1, NullBranch::Second) => return leaf.push_null(),
                        (0 | 1, _) => {}
                        _ => return Err(Fault::Branch),
                    }
                }
                match read {
                    Read::Text if believe => leaf.push_bytes(cursor.bytes()?),
                    Read::Text => leaf.push_bytes(cursor.text()?.as_bytes()),
                    Read::Bytes => leaf.push_bytes(cursor.bytes()?),
                    Read::Long => leaf.push_long(cursor.long()?),
                    Read::Integer { least, most } => {
                        let value = cursor.long()?;
                        if value < *least || value > *most {
                            return Err(Fault::Range);
                        }
                        leaf.push_long(value)
                    }
                    Read::Double => leaf.push_double(f64::from_le_bytes(cursor.array()?)),
                    Read::Decimal { size, factor, limit } => {
                        let units = cursor.decimal(*size)?.checked_mul(*factor).ok_or(Fault::Range)?;
                        if units.unsigned_abs() >= *limit {
                            return Err(Fault::Range);
                        }
                        leaf.push_decimal(units)
                    }
                    Read::Symbols(symbols) => {
                        let symbol = cursor.branch(symbols)?.as_ref().ok_or(Fault::Unresolved)?;
                        leaf.push_bytes(symbol.as_bytes())
                    }
                    Read::Other { wire, then } => leaf.push(then.of(cursor.scalar(wire)?)?),
                }
            }
            other => other.run_rare(cursor, columns, believe),
        }
    }

    fn run_rare(&self, cursor: &mut Cursor<'_>, columns: &mut [Column], believe: bool) -> Result<(), Fault> {
        match self {
            Self::Leaf { .. } => self.run(cursor, columns, believe),
            Self::Skip(skip) => cursor.skip(skip),
            Self::Null { columns: those, level } => nulls(columns, those, *level),
            Self::Union(branches) => cursor.branch(branches)?.run(cursor, columns, believe),
            Self::Branch { node, others, level } => {
                nulls(columns, others, *level)?;
                node.run(cursor, columns, believe)
            }
            Self::Record(fields) => fields.iter().try_for_each(|field| field.run(cursor, columns, believe)),
            Self::Array { item, columns: those, level, weightless } => loop {
                let count = cursor.block()?;
                if count == 0 {
                    return those.iter().try_for_each(|column| columns[*column].close(*level));
                }
                if *weightless {
                    cursor.make_weightless(count)?;
                }
                for _ in 0..count {
                    item.run(cursor, columns, believe)?;
                }
            },
            Self::Map { value, columns: those, level } => loop {
                let count = cursor.block()?;
                if count == 0 {
                    return those.iter().try_for_each(|column| columns[*column].close(*level));
                }
                for _ in 0..count {
                    let key = cursor.text()?.as_bytes();
                    those.iter().try_for_each(|column| columns[*column].key(*level, key))?;
                    value.run(cursor, columns, believe)?;
                }
            },
            Self::Default { bytes, node } => node.run(&mut Cursor::new(bytes), columns, believe),
            Self::Fail(fault) => Err(*fault),
        }
    }

    /// This and then that.
    pub(super) fn append(self, nodes: &mut Vec<Self>) {
        match (nodes.pop(), self) {
            (Some(Self::Skip(first)), Self::Skip(second)) => nodes.push(Self::Skip(first.then(second))),
            (last, node) => nodes.extend(last.into_iter().chain([node])),
        }
    }
}

fn nulls(columns: &mut [Column], those: &[usize], level: usize) -> Result<(), Fault> {
    those.iter().try_for_each(|column| columns[*column].push_null(level))
}

impl Then {
    fn of(self, scalar: Scalar<'_>) -> Result<Scalar<'_>, Fault> {
        Ok(match (self, scalar) {
            (Self::Thousandfold, Scalar::Integer(value)) => {
                Scalar::Integer(value.checked_mul(1000).ok_or(Fault::Range)?)
            }
            (Self::Single, Scalar::Integer(value)) => Scalar::Double(f64::from(value as f32)),
            (_, scalar) => scalar,
        })
    }
}
