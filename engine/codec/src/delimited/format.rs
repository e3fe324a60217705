//! What a document's text must look like: [`Settings`] as given, and [`Format`], checked and compiled once.

use std::collections::BTreeSet;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};
use regex::bytes::{Regex, RegexSet};

use super::transcode::is_wide;

/// Longest line that may be allowed, so that positions in a block fit their numbers.
pub(super) const LINE_CEILING: usize = 256 * 1024 * 1024;

/// How delimited text is laid out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// One ASCII byte between cells.
    pub separator: u8,
    /// Whether `"` quotes cells (RFC 4180: doubled inside, line ends allowed inside).
    pub quotes: bool,
    /// Label of the WHATWG encoding standard: UTF-8, UTF-16 or any encoding of one byte a character. It holds for
    /// documents without a byte-order mark; a mark wins.
    pub encoding: Arc<str>,
    /// Lines above the header that are passed over unread, such as a title. They are lines as such: no quote joins two.
    pub lines_before_header: u64,
    /// Header layouts in the order in which they are tried.
    pub layouts: Vec<Layout>,
    /// A text column to which surplus cells belong, by our name.
    pub spill: Option<Arc<str>>,
    /// Lines at the end that are no rows, in order.
    pub trailers: Vec<Trailer>,
    /// Whether a document without any trailer lacks something.
    pub trailer_required: bool,
    /// What happens to columns that the layout does not name.
    pub new_columns: NewColumns,
    /// An empty cell is null (true) or empty text (false).
    pub empty_is_null: bool,
    /// Longest line (with quotes: longest row) in bytes.
    pub line_limit: usize,
    /// Our names of the columns to build; `None` builds all.
    pub wanted: Option<BTreeSet<Arc<str>>>,
    /// Whether to add the last column `row`: published names to cells.
    pub raw_row: RawRow,
    /// Whether to hand out the bytes of each good row. Bad rows always keep theirs.
    pub raw: bool,
}

/// One header layout of a publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its name.
    pub name: Arc<str>,
    /// All published names in order.
    pub header: Vec<Arc<str>>,
    /// Published names that must be there for this layout to be taken; empty means all of `header`, in that order.
    pub must_have: Vec<Arc<str>>,
    /// Our name for each entry of `header`; empty for one that is read past.
    pub names: Vec<Arc<str>>,
}

/// One line at the end of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// A regular expression that matches the whole line; its named groups are handed out.
    pub matches: Arc<str>,
    /// What it proves; nothing, one thing or several.
    pub proves: Vec<Proof>,
}

/// What a trailer proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The number of rows, bad ones included.
    Count {
        /// Named group that says it.
        group: Arc<str>,
    },
    /// What a column adds up to, over all rows. Blank cells and a lone point count zero.
    Sum {
        /// Our name of the column.
        column: Arc<str>,
        /// Named group that says it.
        group: Arc<str>,
    },
}

/// What happens to columns that the layout does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewColumns {
    /// They appear in `row` only, and their names in the verdict.
    Keep,
    /// The document is refused.
    Refuse,
}

/// What the column `row` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawRow {
    /// There is no such column.
    None,
    /// Every cell under its published name; empty ones as the settings say.
    AllCells,
    /// Only cells that are not empty. Many publishers' rows are mostly empty, and the names cost more than the cells.
    FilledCells,
}

/// Why settings make no sense.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No such encoding, or one whose characters hide separators.
    #[error("`{label}` is neither UTF-8, UTF-16 nor an encoding of one byte a character")]
    Encoding {
        /// The label.
        label: Arc<str>,
    },
    /// A separator that would be mistaken for something else.
    #[error("the separator must be one ASCII character other than a quote or a line end")]
    Separator,
    /// Not a regular expression.
    #[error("a trailer's pattern is wrong")]
    Trailer {
        /// What is wrong.
        #[source]
        source: regex::Error,
    },
    /// A proof names a group that its pattern lacks.
    #[error("the trailer's pattern has no group `{group}`")]
    Group {
        /// The name.
        group: Arc<str>,
    },
    /// `spill` or a proof names a column that no layout has.
    #[error("no layout has a column `{column}`")]
    Column {
        /// The name.
        column: Arc<str>,
    },
    /// A layout has not one of our names for each published name.
    #[error("layout `{layout}` has not one name for each column of its header")]
    Names {
        /// The layout.
        layout: Arc<str>,
    },
}

/// Settings, checked and compiled. Made once, used for every document.
#[derive(Debug)]
pub struct Format {
    pub(super) settings: Settings,
    /// Of documents without a mark.
    pub(super) encoding: &'static Encoding,
    pub(super) trailer_rules: Vec<Regex>,
    pub(super) any_trailer: RegexSet,
}

impl Format {
    /// Checks and compiles settings.
    ///
    /// # Errors
    /// If they make no sense.
    pub fn new(mut settings: Settings) -> Result<Self, SettingsError> {
        let label = || SettingsError::Encoding { label: Arc::clone(&settings.encoding) };
        let encoding = Encoding::for_label(settings.encoding.as_bytes()).ok_or_else(label)?;
        if encoding != UTF_8 && !is_wide(encoding) && !encoding.is_single_byte() {
            return Err(label());
        }
        if !settings.separator.is_ascii() || b"\"\r\n".contains(&settings.separator) {
            return Err(SettingsError::Separator);
        }
        for layout in &settings.layouts {
            if layout.names.len() != layout.header.len() {
                return Err(SettingsError::Names { layout: Arc::clone(&layout.name) });
            }
        }
        settings.line_limit = settings.line_limit.clamp(1, LINE_CEILING);
        let whole: Vec<String> = settings.trailers.iter().map(|rule| format!("^(?:{})$", rule.matches)).collect();
        let compiled = |source| SettingsError::Trailer { source };
        let trailer_rules: Vec<Regex> =
            whole.iter().map(|rule| Regex::new(rule)).collect::<Result<_, _>>().map_err(compiled)?;
        let any_trailer = RegexSet::new(&whole).map_err(compiled)?;
        let format = Self { settings, encoding, trailer_rules, any_trailer };
        format.check_names()?;
        Ok(format)
    }

    /// The settings; the line limit may have been lowered to what is possible.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn check_names(&self) -> Result<(), SettingsError> {
        let known = |column: &Arc<str>| self.settings.layouts.iter().any(|layout| layout.names.contains(column));
        let mut columns: Vec<&Arc<str>> = self.settings.spill.iter().collect();
        let rules = self.settings.trailers.iter().zip(&self.trailer_rules);
        for (proof, rule) in rules.flat_map(|(trailer, rule)| trailer.proves.iter().map(move |proof| (proof, rule))) {
            let group = match proof {
                Proof::Count { group } => group,
                Proof::Sum { column, group } => {
                    columns.push(column);
                    group
                }
            };
            if !rule.capture_names().flatten().any(|name| name == group.as_ref()) {
                return Err(SettingsError::Group { group: Arc::clone(group) });
            }
        }
        match columns.into_iter().find(|column| !known(column)) {
            Some(column) => Err(SettingsError::Column { column: Arc::clone(column) }),
            None => Ok(()),
        }
    }
}
