//! A topology file as written: its structure is right, and nothing that depends on columns is known yet.
//!
//! Expressions and names of columns are still nodes, so that findings about them have a place.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use batch::{ColumnType, PartitionBy, RowsMeaning, TableDefinition};

use crate::parameters::Parameters;
use crate::plan::{Alerts, Delimited, EmptyOutcome, Expect, Given, RecordDecode, SourcePlan, Unzip};
use crate::reader::Node;

#[derive(Clone, Debug)]
pub(crate) struct Topology {
    pub(crate) name: Node,
    pub(crate) about: String,
    pub(crate) file: Arc<str>,
    pub(crate) root: PathBuf,
    pub(crate) parameters: Parameters,
    pub(crate) functions: Vec<Function>,
    /// Names of functions that could not be read.
    pub(crate) broken_functions: Vec<Arc<str>>,
    pub(crate) flows: Vec<Flow>,
    /// Names of all flows, those included that could not be read.
    pub(crate) flow_names: Vec<Arc<str>>,
    pub(crate) alerts: Alerts,
    pub(crate) tests: Vec<Test>,
    /// Errors were found in it; it is resolved for more findings, and not run.
    pub(crate) broken: bool,
}

impl Topology {
    /// Names in expressions that are wrong for a reason that is already reported.
    pub(crate) fn poisoned(&self) -> Vec<Arc<str>> {
        let mut names = self.parameters.broken_names();
        names.extend(self.broken_functions.iter().cloned());
        names
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: Node,
    pub(crate) takes: Vec<(Node, ColumnType)>,
    pub(crate) gives: ColumnType,
    pub(crate) body: Node,
    pub(crate) examples: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) name: Node,
    pub(crate) was: Option<Node>,
    pub(crate) from: From,
    /// Up to the first that could not be read.
    pub(crate) steps: Vec<Step>,
    /// A step could not be read, so the columns behind it are not known.
    pub(crate) cut: bool,
    pub(crate) outputs: Vec<(Node, TopicWrite)>,
    pub(crate) to: To,
    pub(crate) bad_rows_above: f64,
}

#[derive(Clone, Debug)]
pub(crate) enum From {
    Documents(Box<Documents>),
    Topic(TopicRead),
    /// A finding says what is wrong.
    Broken,
}

#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) source: SourcePlan,
    pub(crate) file_names: Vec<pattern::Pattern>,
    /// A pattern could not be read, so the fields are not known.
    pub(crate) names_broken: bool,
    pub(crate) unzip: Option<Unzip>,
    /// Without outcomes; `None` after a finding.
    pub(crate) decode: Option<Delimited>,
    pub(crate) outcomes: Vec<(Node, EmptyOutcome)>,
}

#[derive(Clone, Debug)]
pub(crate) struct TopicRead {
    pub(crate) topic: Node,
    pub(crate) key: Option<Vec<Node>>,
    pub(crate) partitions: Option<i32>,
    /// How records that others wrote become rows, and where that stands.
    pub(crate) decode: Option<Box<(Node, RecordDecode)>>,
}

#[derive(Clone, Debug)]
pub(crate) struct TopicWrite {
    pub(crate) topic: Node,
    pub(crate) key: Option<Vec<Node>>,
    pub(crate) partitions: Option<i32>,
}

#[derive(Clone, Debug)]
pub(crate) enum To {
    Table(Box<Landing>),
    Topic(TopicWrite),
    /// A finding says what is wrong.
    Broken,
}

#[derive(Clone, Debug)]
pub(crate) struct Landing {
    pub(crate) table: Node,
    pub(crate) rows: RowsMeaning,
    pub(crate) rows_node: Node,
    pub(crate) version: Option<Node>,
    pub(crate) key: Option<Vec<Node>>,
    pub(crate) partition: Option<Partition>,
    pub(crate) batch_rows: usize,
    pub(crate) batch_age: Duration,
    pub(crate) at_least_once: bool,
}

/// A partition and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub(crate) by: PartitionBy,
    pub(crate) node: Node,
}

/// A table's file. `rows` of the definition is a placeholder until a landing says it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) definition: TableDefinition,
    pub(crate) name: Node,
    pub(crate) columns: Vec<Node>,
    pub(crate) partition: Option<Node>,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: Arc<str>,
    /// The verb's key.
    pub(crate) node: Node,
    pub(crate) verb: Verb,
}

/// What a column is: one expression, or one for each layout.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    One(Node),
    /// A finding says what is wrong.
    Broken,
    ByLayout {
        layouts: Vec<(Node, Node)>,
        others: Option<Node>,
        node: Node,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Verb {
    Where(Node),
    Select { keep: Vec<Node>, columns: Vec<(Node, Column)> },
    Extend(Vec<(Node, Column)>),
    Set(Vec<(Node, Node)>),
    Drop(Vec<Node>),
    Rename(Vec<(Node, Node)>),
    Dedupe(Box<Dedupe>),
    Route { cases: Vec<(Node, Destination)>, default: Destination },
}

#[derive(Clone, Debug)]
pub(crate) struct Dedupe {
    pub(crate) name: Arc<str>,
    pub(crate) was: Option<Node>,
    pub(crate) key: Vec<Node>,
    pub(crate) key_node: Node,
    pub(crate) remember: Duration,
    pub(crate) compare_content: bool,
    pub(crate) ignore: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(crate) enum Destination {
    Next,
    Output(Node),
    Drop(Arc<str>),
}

#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) name: Arc<str>,
    pub(crate) node: Node,
    pub(crate) flow: Node,
    pub(crate) given: Vec<Given>,
    /// For each document that is given, the node of its text, if it is one.
    pub(crate) texts: Vec<Option<Node>>,
    /// Names of columns in given rows, expected rows, and expected rows of outputs.
    pub(crate) given_columns: Vec<Node>,
    pub(crate) row_columns: Vec<Node>,
    pub(crate) outputs: Vec<Node>,
    pub(crate) expect: Expect,
    pub(crate) gives_documents: bool,
}
