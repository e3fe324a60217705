//! Where rows came from. An origin travels with its row from the first decode to the table or the dead letter.
//!
//! A row's *position* is (`offset`, `row`): the record of its input partition, and its number within that record.
//! Positions order the rows of a partition and never change when the same bytes are read again.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Int64Array, StringViewArray, UInt32Array, UInt64Array,
};
use arrow::compute;
use arrow::error::ArrowError;

/// The identity of a topic: a new one each time a topic is created, so that a topic deleted and made again under
/// the same name is seen to be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicIdentity(pub u128);

impl fmt::Display for TopicIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// One partition of one topic, as the input of a task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Input {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Which topic of that name.
    pub identity: TopicIdentity,
    /// Number of the partition, from 0.
    pub partition: i32,
}

/// A version of a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DocumentId {
    /// Source and what the name says, such as `sec-ftd/load/period=202009,half=a`.
    pub key: Arc<str>,
    /// Counts the changes of content, from 1.
    pub version: i64,
}

/// Which documents rows stand in.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one a batch, never one a row")]
pub enum Place {
    /// The rows never stood in a document that we know.
    Nowhere,
    /// All rows stand in one member of one document.
    Document {
        /// The document.
        id: Arc<DocumentId>,
        /// Name of the archive's member, or of the document where it is no archive.
        member: Arc<str>,
        /// Line number of each row, from 1, the header counted.
        lines: UInt64Array,
    },
    /// Rows of many documents, as a topic carries them. Null where a row has none.
    Mixed {
        /// Document key of each row.
        documents: StringViewArray,
        /// Version of each row's document.
        versions: Int64Array,
        /// Member of each row.
        members: StringViewArray,
        /// Line of each row.
        lines: UInt64Array,
    },
}

/// Takes one column out of some origins, if they have it.
type ColumnOf<'a> = &'a dyn Fn(&Origins) -> Option<ArrayRef>;

/// Puts one column of several origins together.
type Join<'a> = &'a dyn Fn(ColumnOf<'_>) -> Result<ArrayRef, ArrowError>;

/// The origin of each row of a batch, as columns of equal length.
#[derive(Clone, Debug)]
pub struct Origins {
    /// The partition that the rows were read from.
    pub input: Arc<Input>,
    /// Offset of the record that each row was read from.
    pub offsets: Int64Array,
    /// Number of each row within its record, from 0. Bad rows count too.
    pub rows: Int64Array,
    /// When each row's record arrived in the log, in milliseconds since 1970 UTC.
    pub arrivals: Int64Array,
    /// The documents that the rows stand in.
    pub place: Place,
    /// The bytes that each row was decoded from, for its dead letter. Views: taking rows copies none of them.
    pub raw: BinaryViewArray,
}

impl Origins {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// True if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Bytes that they take in memory, near enough for a bound.
    pub(crate) fn memory(&self) -> usize {
        /// A number, and the view of a text or of bytes.
        const NUMBER: usize = size_of::<i64>();
        const VIEW: usize = size_of::<u128>();
        let place = match &self.place {
            Place::Nowhere => 0,
            Place::Document { .. } => self.len() * NUMBER,
            Place::Mixed { documents, .. } => {
                // Keys and members are views of the same headers, which stay in memory as long as one of them does.
                let headers: usize = documents.data_buffers().iter().map(arrow::buffer::Buffer::len).sum();
                self.len() * 2 * (NUMBER + VIEW) + headers
            }
        };
        self.len() * (3 * NUMBER + VIEW) + self.raw.total_bytes_len() + place
    }

    /// Position of row `index`: offset of its record and number within it.
    #[must_use]
    pub fn position(&self, index: usize) -> (i64, i64) {
        (self.offsets.value(index), self.rows.value(index))
    }

    /// The rows for which `keep` is true.
    ///
    /// # Errors
    /// If `keep` has another length.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Self, ArrowError> {
        self.map(&|array| compute::filter(array, keep))
    }

    /// The rows with these indices, in this order.
    ///
    /// # Errors
    /// If an index is out of bounds.
    pub fn take(&self, indices: &UInt32Array) -> Result<Self, ArrowError> {
        self.map(&|array| compute::take(array, indices, None))
    }

    /// `length` rows from `offset` on, without a copy.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        let sliced = self.map(&|array| Ok(array.slice(offset, length)));
        sliced.expect("slicing arrays of one length keeps their types")
    }

    /// The rows of all parts, one after another. The parts share an input.
    ///
    /// # Errors
    /// If there are no parts, or their places are of different kinds.
    pub fn concat(parts: &[&Self]) -> Result<Self, ArrowError> {
        let first = parts.first().ok_or_else(|| ArrowError::InvalidArgumentError("no origins".into()))?;
        let join = |column: ColumnOf<'_>| -> Result<ArrayRef, ArrowError> {
            let arrays: Vec<ArrayRef> = parts.iter().filter_map(|part| column(part)).collect();
            if arrays.len() != parts.len() {
                return Err(ArrowError::InvalidArgumentError("origins of different kinds".into()));
            }
            let borrowed: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            compute::concat(&borrowed)
        };
        let same_member = |part: &Self| match (&first.place, &part.place) {
            (Place::Document { id, member, .. }, Place::Document { id: other, member: other_member, .. }) => {
                id == other && member == other_member
            }
            (Place::Nowhere, Place::Nowhere) | (Place::Mixed { .. }, Place::Mixed { .. }) => true,
            _ => false,
        };
        let place = if parts.iter().all(|part| same_member(part)) {
            match &first.place {
                Place::Nowhere => Place::Nowhere,
                Place::Document { id, member, .. } => Place::Document {
                    id: Arc::clone(id),
                    member: Arc::clone(member),
                    lines: cast(join(&|part| part.place.lines())?)?,
                },
                Place::Mixed { .. } => Self::mixed(&join)?,
            }
        } else {
            Self::mixed(&join)?
        };
        Ok(Self {
            input: Arc::clone(&first.input),
            offsets: cast(join(&|part| Some(Arc::new(part.offsets.clone())))?)?,
            rows: cast(join(&|part| Some(Arc::new(part.rows.clone())))?)?,
            arrivals: cast(join(&|part| Some(Arc::new(part.arrivals.clone())))?)?,
            place,
            raw: cast(join(&|part| Some(Arc::new(part.raw.clone())))?)?,
        })
    }

    fn mixed(join: Join<'_>) -> Result<Place, ArrowError> {
        Ok(Place::Mixed {
            documents: cast(join(&|part| Some(Arc::new(part.place.spread(part.len()).0)))?)?,
            versions: cast(join(&|part| Some(Arc::new(part.place.spread(part.len()).1)))?)?,
            members: cast(join(&|part| Some(Arc::new(part.place.spread(part.len()).2)))?)?,
            lines: cast(join(&|part| Some(Arc::new(part.place.spread(part.len()).3)))?)?,
        })
    }

    fn map(&self, change: &dyn Fn(&dyn Array) -> Result<ArrayRef, ArrowError>) -> Result<Self, ArrowError> {
        let place = match &self.place {
            Place::Nowhere => Place::Nowhere,
            Place::Document { id, member, lines } => {
                Place::Document { id: Arc::clone(id), member: Arc::clone(member), lines: cast(change(lines)?)? }
            }
            Place::Mixed { documents, versions, members, lines } => Place::Mixed {
                documents: cast(change(documents)?)?,
                versions: cast(change(versions)?)?,
                members: cast(change(members)?)?,
                lines: cast(change(lines)?)?,
            },
        };
        Ok(Self {
            input: Arc::clone(&self.input),
            offsets: cast(change(&self.offsets)?)?,
            rows: cast(change(&self.rows)?)?,
            arrivals: cast(change(&self.arrivals)?)?,
            place,
            raw: cast(change(&self.raw)?)?,
        })
    }
}

impl Place {
    /// Document key, version, member and line of each of `rows` rows; null where there is none.
    #[must_use]
    pub fn spread(&self, rows: usize) -> (StringViewArray, Int64Array, StringViewArray, UInt64Array) {
        match self {
            Self::Nowhere => (
                StringViewArray::new_null(rows),
                Int64Array::new_null(rows),
                StringViewArray::new_null(rows),
                UInt64Array::new_null(rows),
            ),
            Self::Document { id, member, lines } => (
                repeated(&id.key, rows),
                Int64Array::from_value(id.version, rows),
                repeated(member, rows),
                lines.clone(),
            ),
            Self::Mixed { documents, versions, members, lines } => {
                (documents.clone(), versions.clone(), members.clone(), lines.clone())
            }
        }
    }

    fn lines(&self) -> Option<ArrayRef> {
        match self {
            Self::Nowhere => None,
            Self::Document { lines, .. } | Self::Mixed { lines, .. } => Some(Arc::new(lines.clone())),
        }
    }
}

/// One text for many rows, kept once.
fn repeated(text: &str, rows: usize) -> StringViewArray {
    let one = StringViewArray::from_iter_values(std::iter::once(text));
    let views = std::iter::repeat_n(one.views()[0], rows).collect::<Vec<_>>();
    StringViewArray::new(views.into(), one.data_buffers().to_vec(), None)
}

fn cast<T: Array + Clone + 'static>(array: impl AsRef<dyn Array>) -> Result<T, ArrowError> {
    let array = array.as_ref();
    let found = array.as_any().downcast_ref::<T>().cloned();
    found.ok_or_else(|| ArrowError::CastError(format!("unexpected {} in an origin", array.data_type())))
}
