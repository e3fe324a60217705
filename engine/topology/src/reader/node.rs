//! The tree of a YAML file: scalars, sequences and mappings, each with its place and its path.

use std::fmt;
use std::sync::Arc;

use crate::source::Span;

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    pub(crate) path: Path,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Scalar { text: Arc<str>, style: Style },
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Block,
}

/// A key with its value. The key is always a scalar.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Node,
    /// What stands behind it.
    pub value: Node,
}

/// Where a node stands, such as `flows.load.steps[1].dedupe`. Shared, so that deep files stay small.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path(Option<Arc<Part>>);

#[derive(Debug)]
struct Part {
    before: Path,
    name: PartName,
}

#[derive(Debug)]
enum PartName {
    Key(Arc<str>),
    Index(usize),
}

impl Node {
    /// Text of a scalar; empty for anything else.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.kind {
            Kind::Scalar { text, .. } => text,
            _ => "",
        }
    }

    /// Text of a scalar, shared.
    pub(crate) fn shared(&self) -> Arc<str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Arc::clone(text),
            _ => "".into(),
        }
    }

    /// Not a list and not a map.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        matches!(self.kind, Kind::Scalar { .. })
    }

    /// Nothing, `null` or `~`, not in quotes.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, style: Style::Plain } if matches!(&**text, "" | "null" | "~"))
    }

    /// The kind in words.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a text",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a map of keys",
        }
    }

    /// The place of a part of a scalar's text, by bytes of the text.
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Span {
        match &self.kind {
            Kind::Scalar { text, style } => super::locate::part(&self.span, text, *style, range),
            _ => self.span.clone(),
        }
    }
}

impl Path {
    pub(crate) fn key(&self, key: &Arc<str>) -> Self {
        Self(Some(Arc::new(Part { before: self.clone(), name: PartName::Key(Arc::clone(key)) })))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        Self(Some(Arc::new(Part { before: self.clone(), name: PartName::Index(index) })))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(part) = &self.0 else { return Ok(()) };
        part.before.fmt(formatter)?;
        match &part.name {
            PartName::Key(key) => {
                let dot = if part.before.0.is_some() { "." } else { "" };
                write!(formatter, "{dot}{}", key.chars().take(60).collect::<String>())
            }
            PartName::Index(index) => write!(formatter, "[{index}]"),
        }
    }
}
