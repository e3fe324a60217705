//! The typed plan: what a topology file means once every name is resolved and every expression is type-checked.
//!
//! The plan is inert. It holds no clock, thread, connection or connector; it can be printed ([`crate::describe`]) and
//! compared. The driver and the runtime turn it into steps.
//!
//! A document is decoded by one of several header *layouts*, and each layout has columns of its own until a `select`
//! gives all of them one shape. Whatever depends on the columns is therefore kept [`ByLayout`].

mod records;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use batch::{ColumnType, TableDefinition, Type};
use expression::Expression;
use indexmap::{IndexMap, IndexSet};
use pattern::Pattern;

use crate::diagnostic::Position;

pub use records::{DelimitedRecords, KEY_FIELD, RecordDecode, RecordKey, RecordValues, Tombstones, TopicRead};

/// One value for each header layout by name. After a `select`, and for rows from a topic, the one name is empty.
pub type ByLayout<T> = IndexMap<Arc<str>, T>;

/// Names and types of columns in order.
pub type Columns = IndexMap<Arc<str>, ColumnType>;

/// One topology file: one feed.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Its name: lower-case letters, digits and `-`.
    pub name: Arc<str>,
    /// What the feed is.
    pub about: String,
    /// Path of the file as given.
    pub file: Arc<str>,
    /// Changes whenever the meaning of the file may have changed: a hash of the description, 16 hexadecimal digits.
    pub revision: Arc<str>,
    /// Functions and parameters that expressions may refer to, a line each. They are compiled into the expressions;
    /// here they are for the description, so that a change of one is a new revision.
    pub definitions: Vec<String>,
    /// Flows in the order of the file.
    pub flows: Vec<Flow>,
    /// When somebody should look.
    pub alerts: Alerts,
    /// Tests that stand in the file or its template.
    pub tests: Vec<Test>,
}

/// One line of work.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name, unique in the topology.
    pub name: Arc<str>,
    /// The name that it had first, if that was another one.
    pub was: Option<Arc<str>>,
    /// Where its rows come from.
    pub from: From,
    /// What happens to them, in order.
    pub steps: Vec<Step>,
    /// Topics of the named outputs, such as `conflicts`.
    pub outputs: IndexMap<Arc<str>, TopicWrite>,
    /// Where the rows go.
    pub to: To,
    /// Share of bad rows in percent above which a document is refused or a flow of a topic holds. 10 by default.
    pub bad_rows_above: f64,
}

impl Flow {
    /// The name by which the log and tables know it: the one that it had first. It stays when the flow is renamed.
    #[must_use]
    pub fn recorded_as(&self) -> &Arc<str> {
        self.was.as_ref().unwrap_or(&self.name)
    }
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum From {
    /// Documents of a publisher.
    Documents(Box<Documents>),
    /// Records of a topic.
    Topic(TopicRead),
}

/// Documents of a publisher, and how they become rows.
#[derive(Clone, Debug)]
pub struct Documents {
    /// What finds them.
    pub source: SourcePlan,
    /// Names of files that belong to this source when `--documents DIR` gives it a folder.
    pub file_names: Vec<Pattern>,
    /// What `document.NAME` may say in expressions: `name`, `key`, `version` and the fields of the patterns, with types.
    pub fields: Columns,
    /// Opens archives; `None` takes the bytes as they are.
    pub unzip: Option<Unzip>,
    /// Turns bytes into rows.
    pub decode: Delimited,
    /// Names of `trailer.NAME` with types; always nullable text.
    pub trailer_fields: Columns,
    /// True if a step refers to `trailer.NAME`, so that the trailer must be read before the first row is made.
    pub steps_need_trailer: bool,
}

/// What finds documents.
#[derive(Clone, Debug)]
pub enum SourcePlan {
    /// A folder, a glob, or one file.
    Files {
        /// The path as written; relative ones start at the topology file's root.
        path: Arc<str>,
        /// How often to look.
        every: Duration,
    },
    /// A publisher's web server.
    Http(Box<HttpPlan>),
    /// A bucket.
    S3(S3Plan),
}

/// A bucket of an object store.
#[derive(Clone, Debug)]
pub struct S3Plan {
    /// Its name in the file of connections.
    pub bucket: Arc<str>,
    /// Where that stands in the file, for what only a run can know.
    pub at: Position,
    /// The folder in it: empty, or ends with `/`.
    pub prefix: Arc<str>,
    /// How often to look.
    pub every: Duration,
}

/// A publisher's web server.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpPlan {
    /// How addresses are found.
    pub discover: Discover,
    /// How often to look.
    pub every: Duration,
    /// Requests a second to one host.
    pub rate: f64,
    /// Largest body in bytes.
    pub body_limit: u64,
    /// Statuses that mean that the document is not there.
    pub absent_statuses: Vec<u16>,
    /// How long after the document's date to go on asking; `None` for ever.
    pub give_up_after: Option<Duration>,
    /// How long after its date (or first sight, where the name has no date) a document is asked for again to see
    /// whether it changed. `None` never.
    pub recheck_for: Option<Duration>,
    /// Whether the publisher wants a contact address in the client's name.
    pub contact_required: bool,
}

/// How addresses are found.
#[derive(Clone, Debug, PartialEq)]
pub enum Discover {
    /// One address a day.
    Calendar {
        /// Address with placeholders; [`Pattern::fill`] makes one from the date.
        url: Pattern,
        /// First day, included.
        from: chrono::NaiveDate,
        /// Last day: this many days before today in `zone` (`yesterday` is 1).
        to_days_ago: i64,
        /// Step in days.
        step_days: u32,
        /// Only Monday to Friday.
        weekdays_only: bool,
        /// Zone that says what day it is.
        zone: Arc<str>,
    },
    /// The links of a page whose address matches.
    Links {
        /// Address of the page.
        page: Arc<str>,
        /// What a link's address must look like.
        matching: Pattern,
    },
}

/// Opens archives: zip and gzip by their first bytes; anything else passes through as one member.
#[derive(Clone, Debug)]
pub struct Unzip {
    /// Which members to read.
    pub members: Members,
    /// Largest size of all members together, unpacked, in bytes.
    pub unpacked_limit: u64,
}

/// Which members of an archive to read.
#[derive(Clone, Debug)]
pub enum Members {
    /// Those whose name matches, folders cut off.
    Named(Pattern),
    /// Those whose first line matches.
    FirstLine(Pattern),
}

/// Delimited text.
#[derive(Clone, Debug)]
pub struct Delimited {
    /// One byte between cells.
    pub separator: u8,
    /// Whether `"` quotes cells (doubled inside).
    pub quotes: bool,
    /// Label of the WHATWG encoding standard, such as `utf-8` or `windows-1252`. A document's byte-order mark wins.
    pub encoding: Arc<str>,
    /// Header layouts in the order in which they are tried.
    pub layouts: Vec<Layout>,
    /// Names of columns that a layout does not rename.
    pub names: Naming,
    /// A last text column to which surplus cells belong, by our name.
    pub spill: Option<Arc<str>>,
    /// Lines at the end that are no rows, in order.
    pub trailers: Vec<Trailer>,
    /// What a document without its trailer is: true for incomplete; only if `trailers` is not empty.
    pub trailer_required: bool,
    /// What happens to columns that no layout names.
    pub new_columns: NewColumns,
    /// An empty cell is null (true) or empty text (false).
    pub empty_is_null: bool,
    /// Special outcomes; the first condition that holds. Conditions see `rows` and `trailer.NAME`.
    pub outcomes: Vec<(Expression, EmptyOutcome)>,
    /// Lines above the header that are passed over unread.
    pub lines_before_header: u64,
    /// Longest line in bytes.
    pub line_limit: usize,
    /// True if a step refers to `row`, the map from every published name to its cell: only then is it made, as the
    /// last column of each layout.
    pub raw_row: bool,
}

impl Delimited {
    /// Columns that leave the decoder for rows of a layout: every cell as nullable text, and `row` where it is wanted.
    #[must_use]
    pub fn columns(&self, layout: &Layout) -> Columns {
        let mut columns: Columns =
            layout.columns().map(|name| (Arc::clone(name), ColumnType::nullable(Type::Text))).collect();
        if self.raw_row {
            columns.insert("row".into(), ColumnType::of(Type::Map(Box::new(Type::Text))));
        }
        columns
    }

    /// All keys that `row` can have: the published names of all layouts, where a document with others is refused. A
    /// name that a header has twice is `Filler` and `Filler (2)`.
    pub(crate) fn row_keys(&self) -> Option<Vec<Arc<str>>> {
        if !self.raw_row || self.new_columns == NewColumns::Keep {
            return None;
        }
        let mut keys: IndexSet<Arc<str>> = IndexSet::new();
        self.layouts.iter().for_each(|layout| keys.extend(distinct(&layout.header)));
        Some(keys.into_iter().collect())
    }

    /// What columns are called in the publisher's headers, and here, where that differs.
    pub(crate) fn published(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let pairs = self.layouts.iter().flat_map(|layout| layout.header.iter().zip(&layout.names));
        let named = pairs.filter(|(published, ours)| published != ours && !ours.is_empty());
        named.map(|(one, other)| (one.clone(), other.clone())).collect()
    }
}

/// The names of a header, each once: as the codec tells apart those that stand twice. A number that another column is
/// called by already is passed over.
fn distinct(header: &[Arc<str>]) -> Vec<Arc<str>> {
    let mut taken: HashSet<Arc<str>> = header.iter().cloned().collect();
    let mut seen: HashMap<&Arc<str>, usize> = HashMap::new();
    let mut numbered = |name| {
        let times = seen.entry(name).or_default();
        *times += 1;
        if *times == 1 {
            return Arc::clone(name);
        }
        loop {
            let candidate: Arc<str> = format!("{name} ({times})").into();
            if taken.insert(Arc::clone(&candidate)) {
                return candidate;
            }
            *times += 1;
        }
    };
    header.iter().map(&mut numbered).collect()
}

/// How columns get their names where a layout does not give one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As published.
    AsPublished,
    /// Lower case, with one `_` for each run of other characters than letters and digits.
    SnakeCase,
}

/// What happens to columns that no layout names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewColumns {
    /// They go to the raw row (`row`), are counted and can be alerted on.
    Keep,
    /// The document is refused.
    Refuse,
}

/// One header layout of a publisher.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Its name.
    pub name: Arc<str>,
    /// All published names in order.
    pub header: Vec<Arc<str>>,
    /// Published names that must be there for this layout to be taken; empty means all of `header`, and then their
    /// order must be the publisher's too.
    pub must_have: Vec<Arc<str>>,
    /// Our name for each entry of `header`; empty for cells without a name, which are read past.
    pub names: Vec<Arc<str>>,
}

impl Layout {
    /// Our names of the columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter().filter(|name| !name.is_empty())
    }
}

/// One line at the end of a document.
#[derive(Clone, Debug)]
pub struct Trailer {
    /// What the line must look like, whole; named groups become `trailer.NAME`.
    pub matches: Arc<str>,
    /// What it proves; nothing, one thing or several.
    pub proves: Vec<Proof>,
}

/// What a trailer proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// That there were so many rows: the group that says it.
    Count {
        /// Name of the group.
        group: Arc<str>,
    },
    /// That a column adds up to so much.
    Sum {
        /// Our name of the column.
        column: Arc<str>,
        /// Name of the group.
        group: Arc<str>,
    },
}

/// What a document without rows can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyOutcome {
    /// A published list with nothing on it.
    Empty,
    /// Not published yet, or for a day that never comes.
    Unpublished,
}

/// A topic that is written.
#[derive(Clone, Debug)]
pub struct TopicWrite {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Columns of its values.
    pub columns: Columns,
    /// Columns of its key; never empty.
    pub key: Vec<Arc<str>>,
    /// Text of the Avro schema that `schemas/topics/` declares; `None` where the plan derives it from `columns`.
    pub schema: Option<Arc<str>>,
    /// Number of partitions.
    pub partitions: i32,
}

/// Where the rows of a flow go.
#[derive(Clone, Debug)]
pub enum To {
    /// A table outside the log.
    Table(TableWrite),
    /// A topic.
    Topic(TopicWrite),
}

/// A landing.
#[derive(Clone, Debug)]
pub struct TableWrite {
    /// The table.
    pub table: TableDefinition,
    /// Most rows of a range.
    pub batch_rows: usize,
    /// Longest wait for a range to fill.
    pub batch_age: Duration,
    /// True for `delivery: at-least-once`: preflight may find what breaks exactly-once.
    pub at_least_once: bool,
    /// Where the table's file declares each column, for run-time errors; empty for a table without a file.
    pub declared: IndexMap<Arc<str>, Position>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name: given, or the verb and its place, such as `select-3`. Stateful steps have given names.
    pub name: Arc<str>,
    /// Where it stands in the file, for run-time errors.
    pub at: Position,
    /// What it does.
    pub verb: Verb,
    /// Columns that leave it.
    pub output: ByLayout<Columns>,
    /// True if it stands in no file: it brings rows into the columns of where they go.
    pub added: bool,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Keeps the rows for which the condition is true.
    Where {
        /// The condition.
        condition: ByLayout<Expression>,
    },
    /// Makes all columns anew. Expressions see the row as it came in. Column `i` of `output` is expression `i`.
    Select {
        /// One expression for each column of the step's output, each with its line in the file.
        expressions: ByLayout<Vec<(Expression, Position)>>,
    },
    /// Adds or replaces columns (`set` and `extend`). Expressions see the row as it came in.
    Extend {
        /// Name and expression of each.
        columns: ByLayout<Vec<(Arc<str>, Expression, Position)>>,
    },
    /// Removes columns.
    Drop {
        /// Their names.
        columns: Vec<Arc<str>>,
    },
    /// Renames columns.
    Rename {
        /// Old and new name of each.
        columns: Vec<(Arc<str>, Arc<str>)>,
    },
    /// Lets the first row of each key pass.
    Dedupe(Dedupe),
    /// Sends each row to the first output whose condition is true.
    Route {
        /// Conditions and destinations in order.
        cases: Vec<(ByLayout<Expression>, Destination)>,
        /// Where the others go.
        default: Destination,
    },
}

/// Lets the first row of each key pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Dedupe {
    /// Name of the step.
    pub name: Arc<str>,
    /// The name that it had first, if that was another one.
    pub was: Option<Arc<str>>,
    /// Columns of the key.
    pub key: Vec<Arc<str>>,
    /// How long a key is remembered after its arrival.
    pub remember: Duration,
    /// True for `compare: content`: a repeat with other columns is a conflict, not a repeat.
    pub compare_content: bool,
    /// Columns that do not count as content, such as those that say where a row came from.
    pub ignore: Vec<Arc<str>>,
    /// Output of rows with a known key and other content; needed with `compare_content`.
    pub conflicts: Option<Arc<str>>,
    /// Output of rows that arrived too late to be told from repeats. Without one they are dead letters.
    pub late: Option<Arc<str>>,
}

impl Dedupe {
    /// Name of its store: the name that the step had first. It stays when the step is renamed.
    #[must_use]
    pub fn store(&self) -> &Arc<str> {
        self.was.as_ref().unwrap_or(&self.name)
    }
}

/// Where a routed row goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// On through the flow.
    Next,
    /// A named output.
    Output(Arc<str>),
    /// Nowhere; counted under this reason.
    Drop(Arc<str>),
}

/// When somebody should look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerts {
    /// The newest document should not be older.
    pub fresh_within: Option<Duration>,
    /// Most dead letters `per day` or `per document`, as written.
    pub dead_letters: Option<Arc<str>>,
}

/// A test that stands in a topology file.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it shows.
    pub name: Arc<str>,
    /// Where it stands.
    pub at: Position,
    /// The flow that is run.
    pub flow: Arc<str>,
    /// What goes in, in order. Several documents of one key are its versions.
    pub given: Vec<Given>,
    /// What must come out.
    pub expect: Expect,
}

/// What goes into a test.
#[derive(Clone, Debug)]
pub enum Given {
    /// A document.
    Document {
        /// File name; the source's patterns say the rest.
        name: Arc<str>,
        /// Its bytes.
        bytes: Arc<[u8]>,
    },
    /// A row of the flow's topic: values by column. A column left out is null.
    Row(IndexMap<Arc<str>, Value>),
    /// A record of the flow's topic, as others write it.
    Record(GivenRecord),
}

/// A record as a test writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenRecord {
    /// Its value; `None` for a tombstone.
    pub value: Option<Arc<str>>,
    /// Its key; a number, where keys are numbers.
    pub key: Option<Arc<str>>,
    /// Its headers in order.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
}

/// A value as a test writes it. The type of the column decides what a scalar means.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// A scalar as written.
    Scalar(Arc<str>),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(IndexMap<Arc<str>, Value>),
}

/// What must come out of a test. What is `None` is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// All rows in order; each names only the columns of interest.
    pub rows: Option<Vec<IndexMap<Arc<str>, Value>>>,
    /// Rows of named outputs, in order.
    pub outputs: IndexMap<Arc<str>, Vec<IndexMap<Arc<str>, Value>>>,
    /// All dead letters in order: any of `code`, `step`, `field`, `line`.
    pub dead_letters: Option<Vec<IndexMap<Arc<str>, Value>>>,
    /// Dropped rows by reason (`where`, `repeat`, or the route's own word).
    pub dropped: Option<IndexMap<Arc<str>, u64>>,
    /// The receipt of the last document: any of `outcome`, `rows`, `dead`, `code`.
    pub receipt: Option<IndexMap<Arc<str>, Value>>,
}

#[cfg(test)]
mod tests {
    use super::{Arc, distinct};

    /// The same as of the decoder, in `engine/codec/src/delimited/tests.rs`.
    #[test]
    fn a_name_that_stands_twice_passes_over_numbers_that_are_taken() {
        let cases: [(&[&str], &[&str]); 4] = [
            (&["X", "Y", "X"], &["X", "Y", "X (2)"]),
            (&["X", "X", "X (2)"], &["X", "X (3)", "X (2)"]),
            (&["X", "X", "X", "X (2)"], &["X", "X (3)", "X (4)", "X (2)"]),
            (&["X (2)", "X (2)", "X", "X"], &["X (2)", "X (2) (2)", "X", "X (3)"]),
        ];
        for (header, keys) in cases {
            let header: Vec<Arc<str>> = header.iter().map(|name| Arc::from(*name)).collect();
            let found = distinct(&header);
            assert_eq!(found.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), keys);
        }
    }
}
