//! What a landing owes the engine: the outside half of the landing protocol.
//!
//! The runtime cuts a range of input positions into *pieces*, one or a few for each partition of the table, and inserts
//! each with a token, maybe several at a time. Promises of a landing:
//!
//! 1. A piece lands whole or not at all.
//! 2. A second insert with the same token, while the table remembers it, changes nothing and is acknowledged.
//! 3. [`Landing::present`] sees every piece that was acknowledged.
//! 4. After [`Landing::end_queries`] has returned, no earlier insert whose query id starts with the prefix can land.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use batch::Code;

/// One partition of the table, as its rows' common value: text that is equal exactly for rows of one partition, and
/// readable (`2019`, `202009`, `2020-09-01`, `NYSE`); empty for an unpartitioned table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TablePartition(pub Arc<str>);

/// A row's position in its input partition: offset of the record, number of the row within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowPosition {
    /// Offset of the record.
    pub offset: i64,
    /// Row within the record.
    pub row: i64,
}

/// Which landing and input partition rows belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provenance {
    /// `topology/flow/identity of the topic`, the value of `_landing`.
    pub landing: Arc<str>,
    /// Number of the input partition, the value of `_partition`.
    pub partition: i32,
}

/// Rows of one range that go into one partition of the table.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Whose rows.
    pub provenance: Provenance,
    /// The table's partition.
    pub table_partition: TablePartition,
    /// All columns of the table but those that the server sets, provenance included, in the table's order; the same
    /// columns in each batch. How the rows are cut into batches says nothing.
    pub rows: Vec<RecordBatch>,
    /// Token and query id.
    pub token: String,
}

impl Piece {
    /// Number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Asks for rows of a range in one partition of the table.
#[derive(Clone, Debug)]
pub struct PieceQuestion {
    /// Whose rows.
    pub provenance: Provenance,
    /// The table's partition; `None` asks in all of them.
    pub table_partition: Option<TablePartition>,
    /// First position, included.
    pub first: RowPosition,
    /// Last position, included.
    pub last: RowPosition,
}

/// How an insert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOutcome {
    /// The server said that it is done.
    Acknowledged,
}

/// Why a landing could not do it. The variants say what to do next.
#[derive(Debug, thiserror::Error)]
pub enum LandingError {
    /// It is not known whether the insert happened (time-out, lost connection, server restarted). Ask.
    #[error("it is not known whether the insert happened: {what}")]
    Unknown {
        /// What happened.
        what: String,
    },
    /// It did not happen and trying again may help: overload, too many parts, memory.
    #[error("{what}")]
    Transient {
        /// What happened.
        what: String,
    },
    /// A person must act: missing table, refused login, a setting that breaks the promise, a refusal of data after the
    /// check, or an error that we do not know. Hold.
    #[error("{what}")]
    Operator {
        /// Stable code.
        code: Code,
        /// What happened.
        what: String,
        /// The exact statement or command that helps.
        remedy: String,
    },
}

/// Stands for the flow in the remedies of a landing, which does not know it.
pub const FLOW: &str = "TOPOLOGY/FLOW";

/// A remedy of a landing, for a flow.
#[must_use]
pub fn for_flow(remedy: &str, flow: &str) -> String {
    remedy.replace(FLOW, flow)
}

/// What a look at the table found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preflight {
    /// The table is as the plan wants it.
    Ready,
    /// The table is missing; these statements make it.
    Missing {
        /// Statements in order.
        statements: Vec<String>,
    },
    /// The table lacks columns that can be added without touching a row; these statements add them.
    Behind {
        /// Statements in order.
        statements: Vec<String>,
        /// What the table has instead.
        left_over: LeftOver,
    },
    /// The table differs in a way that a person must settle.
    Different {
        /// Stable code.
        code: Code,
        /// What differs.
        what: String,
        /// What helps.
        remedy: String,
    },
}

/// Columns that people filled and the plan does not have, such as the earlier name of one that was renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOver {
    /// Their names.
    pub columns: Vec<String>,
    /// The command that gives one of them the name that the plan has, where one column alone is missing and one alone could
    /// be it.
    pub rename: Option<String>,
}

/// A statement as a command that can be typed as it stands, for shells.
#[must_use]
pub fn command(statement: &str) -> String {
    format!("spotlight sql '{}'", statement.replace('\'', r"'\''"))
}

/// Those that add the columns which a table lacks.
#[must_use]
pub fn commands(statements: &[String]) -> String {
    statements.iter().map(|statement| command(statement)).collect::<Vec<_>>().join(" and ")
}

/// The end of a sentence that says which columns a table lacks: those that it has instead.
#[must_use]
pub fn told_left_over(table: &str, left_over: &LeftOver) -> String {
    if left_over.columns.is_empty() {
        return String::new();
    }
    let names = batch::bounded(&left_over.columns.join("`, `"));
    let any = || format!("spotlight sql 'ALTER TABLE {table} RENAME COLUMN BEFORE TO NOW'");
    let rename = left_over.rename.clone().unwrap_or_else(any);
    format!(
        ", and has `{names}`, which the plan has not; a column that was only renamed keeps what landed if it is renamed \
         there too: {rename}"
    )
}

/// Writes rows to one table outside the log. See the module's prose for what it promises.
pub trait Landing: Send + Sync {
    /// Compares the table with the plan and checks what could break the promises. Changes nothing.
    ///
    /// # Errors
    /// If the server cannot be asked.
    fn preflight(&self) -> Result<Preflight, LandingError>;

    /// Runs the statements of a preflight.
    ///
    /// # Errors
    /// If the server refuses one.
    fn apply(&self, statements: &[String]) -> Result<(), LandingError>;

    /// Inserts a piece under its token.
    ///
    /// # Errors
    /// Says whether it may have happened.
    fn insert(&self, piece: &Piece) -> Result<InsertOutcome, LandingError>;

    /// The positions among those asked for that the table holds, deleted rows not counted.
    ///
    /// # Errors
    /// If the server cannot be asked.
    fn present(&self, question: &PieceQuestion) -> Result<Vec<RowPosition>, LandingError>;

    /// How many rows the same flow (`topology/flow`) landed under another value of `_landing` than this one: from a topic
    /// that is gone.
    ///
    /// # Errors
    /// If the server cannot be asked.
    fn landed_before(&self, flow: &str, provenance: &Provenance) -> Result<u64, LandingError>;

    /// True if the table holds any row, deleted ones too: of this value of `_landing`, or of whomever. Asked once at the
    /// start, so it must not read the table to its end.
    ///
    /// # Errors
    /// If the server cannot be asked.
    fn holds_rows(&self, landing: Option<&str>) -> Result<bool, LandingError>;

    /// Ends all running inserts whose query id starts with `prefix`, and waits until none runs.
    ///
    /// # Errors
    /// If the server cannot be asked.
    fn end_queries(&self, prefix: &str) -> Result<(), LandingError>;

    /// `ByDocument` only: deletes the rows of `document` whose newest version is below `version`; says how many keys
    /// this version has deleted in all, whenever it did. So doing it twice changes nothing more and says the same.
    ///
    /// # Errors
    /// As for an insert.
    fn withdraw(
        &self,
        document: &str,
        version: u64,
        provenance: &Provenance,
        at: RowPosition,
    ) -> Result<u64, LandingError>;

    /// For how long the table remembers a token, as far as that is known since the last preflight. Asks nothing. `None`
    /// too of a table that remembers none, or for ever.
    fn remembers_for(&self) -> Option<Duration> {
        None
    }
}
