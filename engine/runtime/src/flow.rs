//! A flow as the runtime is given it: every part made by others, known here by its trait only.

use std::sync::Arc;
use std::time::Duration;

use batch::{RowsMeaning, TableDefinition};
use connect::{Landing, LandingError, Preflight, Source};
use indexmap::IndexMap;
use operators::{Chain, DocumentReader, RecordReader, RecordWriter, StepError};

use crate::board::Board;
use crate::codes;
use crate::identity::Identify;
use crate::rebuilds::Turn;
use crate::stop::{Backoff, StopSignal};

/// Makes a new chain of steps for a task. Each task has its own.
pub type MakeChain = Box<dyn Fn() -> Chain + Send + Sync>;

/// Makes a new reader of records for a task.
pub type MakeReader = Box<dyn Fn() -> Result<Box<dyn RecordReader>, StepError> + Send + Sync>;

/// One flow, ready to run.
pub struct FlowParts {
    /// Name of the topology.
    pub topology: Arc<str>,
    /// Name of the flow, as people see it.
    pub called: Arc<str>,
    /// The name by which its topics, positions, records and rows are found: the one that it had first. It stays when the
    /// flow is renamed.
    pub flow: Arc<str>,
    /// Changes whenever the meaning of the topology may have changed.
    pub revision: Arc<str>,
    /// Where rows come from.
    pub input: FlowInput,
    /// What happens to them.
    pub chain: MakeChain,
    /// Topics of named outputs.
    pub outputs: IndexMap<Arc<str>, TopicOutput>,
    /// Where they go.
    pub destination: Destination,
    /// Share of bad rows in percent above which a document is refused, or a flow of a topic holds.
    pub bad_rows_above: f64,
    /// Other flows that read documents and bring their rows to the same place: a document that one of them brought is not
    /// brought again. None for a table in which rows of one key replace each other.
    pub beside: Vec<FlowBeside>,
    /// Of a generation that is read beside the live one: which it is to take the place of.
    pub rebuilds: Option<Rebuilds>,
}

/// A flow that brings rows of documents to the same place as another one.
#[derive(Clone)]
pub struct FlowBeside {
    /// `topology/flow`, as [`FlowParts::recorded_as`].
    pub flow: String,
    /// Of a flow of the same topology: what its patterns say now. Where two flows of one file claim a document, both may be
    /// meant to bring rows of it, and people are told; where one does so no more, the document has moved to the other.
    pub claims: Option<Identify>,
}

impl FlowBeside {
    /// True if this flow may have brought what the other one is not to bring again.
    pub(crate) fn may_have_brought(&self, name: &str, url: &str) -> bool {
        !self.brings_too(name, url)
    }

    /// True if it is of the same topology, and claims the document too.
    pub(crate) fn brings_too(&self, name: &str, url: &str) -> bool {
        self.claims.as_ref().is_some_and(|claims| claims(name, url).is_some())
    }
}

/// What a generation that is read beside the live one knows of that.
#[derive(Clone, Debug)]
pub struct Rebuilds {
    /// `topology/flow` of the live one, as people see it.
    pub called: String,
    /// The same as the log knows it.
    pub recorded: String,
    /// True if a person has said that documents which it refuses may go.
    pub accept_refused: bool,
    /// Told once all is read that the live one may have landed.
    pub turn: Turn,
}

impl FlowParts {
    /// `topology/flow`, as people see it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.topology, self.called)
    }

    /// `topology/flow`, as documents' keys and rows' `_landing` say it.
    #[must_use]
    pub fn recorded_as(&self) -> String {
        format!("{}/{}", self.topology, self.flow)
    }

    /// `topology/flow`, as people see it, of the flow whose source finds its documents.
    #[must_use]
    pub fn found_by(&self) -> String {
        self.rebuilds.as_ref().map_or_else(|| self.name(), |rebuilds| rebuilds.called.clone())
    }
}

/// Where the rows of a flow come from.
pub enum FlowInput {
    /// Documents that a source finds.
    Documents(DocumentInputParts),
    /// Records of a topic.
    Topic {
        /// Name of the topic.
        topic: Arc<str>,
        /// Number of its partitions.
        partitions: i32,
        /// True if others make and fill it, so that it is never made here.
        of_others: bool,
        /// Decodes records.
        reader: MakeReader,
    },
}

/// A source, and the flow that its documents belong to. One thread owns it.
pub struct SourceParts {
    /// `topology/flow`, as people see it.
    pub flow: String,
    /// Finds documents.
    pub source: Box<dyn Source>,
    /// How often it looks; only once when a run ends by itself.
    pub every: Duration,
}

/// What makes rows of documents.
pub struct DocumentInputParts {
    /// Number of partitions of the `documents` topic: how many documents are worked on side by side.
    pub partitions: i32,
    /// Makes rows of their bytes.
    pub reader: Arc<dyn DocumentReader>,
    /// What the patterns of the source say of a document.
    pub identify: Identify,
    /// Most rows of a range that lands; [`RANGE_ROWS`] but in tests.
    pub range_rows: u64,
}

/// Rows of a range of a document: below what a landing takes as one block (1,000,000), with room for the block that
/// ends it.
pub const RANGE_ROWS: u64 = 900_000;

/// A topic that a flow writes.
#[derive(Clone)]
pub struct TopicOutput {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number of its partitions.
    pub partitions: i32,
    /// Encodes rows.
    pub writer: Arc<dyn RecordWriter>,
}

/// Where the rows of a flow go.
pub enum Destination {
    /// A topic.
    Topic(TopicOutput),
    /// A table outside the log.
    Table(TableOutput),
}

impl Destination {
    /// Columns that a document may hold once in a table, see [`TableDefinition::once_a_document`]; `None` for a topic.
    #[must_use]
    pub fn once_a_document(&self) -> Option<Vec<Arc<str>>> {
        match self {
            Self::Table(table) => Some(table.table.once_a_document()),
            Self::Topic(_) => None,
        }
    }

    /// True if documents own their rows there: a newer version takes the place of an older one.
    #[must_use]
    pub fn owned_by_documents(&self) -> bool {
        matches!(self, Self::Table(table) if table.table.rows == RowsMeaning::ByDocument)
    }
}

/// A flow that landed in a table: of the same topology, which does not have it any more, or of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierFlow {
    /// `topology/flow`, as rows' `_landing` says it.
    pub flow: String,
    /// True if its topology has a file, and it made the same rows of the same topic. False if it has none any more.
    pub copied: bool,
}

/// A landing and what it is told.
pub struct TableOutput {
    /// Writes rows.
    pub landing: Arc<dyn Landing>,
    /// The table.
    pub table: TableDefinition,
    /// The table that the topology named before, if it named another one.
    pub was: Option<String>,
    /// The tables in which rebuilds of the flow may have kept what this one was before, with their names.
    pub kept: Box<[(String, Arc<dyn Landing>)]>,
    /// Flows that landed in this table, and of which this one may be one under another name.
    pub earlier_flows: Vec<EarlierFlow>,
    /// Most rows of a range of a topic.
    pub batch_rows: usize,
    /// Longest wait for such a range to fill.
    pub batch_age: Duration,
}

impl TableOutput {
    /// Looks at the table: `None` if it is as planned, the statements that make it if it is missing.
    ///
    /// # Errors
    /// `Operator` if it differs from the plan or lacks columns; else if the server cannot be asked.
    pub(crate) fn as_planned(&self) -> Result<Option<Vec<String>>, LandingError> {
        match self.landing.preflight()? {
            Preflight::Ready => Ok(None),
            Preflight::Missing { statements } => Ok(Some(statements)),
            Preflight::Behind { statements, left_over } => Err(LandingError::Operator {
                code: codes::TABLE_BEHIND,
                what: format!(
                    "table {0} lacks columns that the plan has{1}",
                    self.table.name,
                    connect::told_left_over(&self.table.name, &left_over)
                ),
                // Which of the two is meant only a person knows, so `plan --apply` adds nothing either.
                remedy: match left_over.rename {
                    Some(_) => {
                        format!("that command; or, if it is a new column: {}", connect::commands(&statements))
                    }
                    None => format!("spotlight plan FILE --apply, which runs: {}", statements.join("; ")),
                },
            }),
            Preflight::Different { code, what, remedy } => Err(LandingError::Operator { code, what, remedy }),
        }
    }

    /// Rests before another look at a table that could not be asked, which people see meanwhile. False as soon as the signal
    /// to stop comes.
    pub(crate) fn rest(&self, why: &str, flow: &str, board: &Board, stop: &StopSignal, backoff: &mut Backoff) -> bool {
        board.waits_for(flow, Some(format!("table {}: {why}", self.table.name)));
        let wait = backoff.next();
        tracing::warn!(flow, wait_ms = wait.as_millis() as u64, reason = why, "preflight will try again");
        stop.wait(wait)
    }
}
