//! A table in memory that keeps the promises of [`connect::Landing`] and can be told to misbehave in every way that a
//! real server does.
//!
//! What it holds is kept row by row, repeats and replaced rows too, so that a test sees what a query over the newest
//! rows would hide. It forgets nothing: neither rows nor tokens.
//!
//! A misbehaviour is chosen call by call by a function that the test gives ([`ModelTable::misbehave`]). An insert that
//! goes on running lands right after the next question was answered, or the one after it: the worst moments there are.
//! Unless its query was ended before; but a request that was received and not begun is no query yet, and nobody can end
//! it.
//!
//! Deliberately absent: a memory of tokens that runs out, and replication.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, RecordBatch};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use batch::{Code, PartitionBy, RowsMeaning, TableDefinition};
use connect::{InsertOutcome, Landing, LandingError, Piece, PieceQuestion, Preflight, Provenance, RowPosition};

/// The code of every error that a person must mend.
pub const MODEL_TROUBLE: Code = Code("E5298");

/// A call of the landing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// `preflight`.
    Preflight,
    /// `apply`.
    Apply,
    /// `insert`.
    Insert,
    /// `present`.
    Present,
    /// `end_queries`.
    EndQueries,
    /// `withdraw`.
    Withdraw,
}

/// What goes wrong with a call. Where a call changes nothing, the unknown ones are transient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// It did not happen; trying again may help.
    Transient,
    /// It did not happen; a person must act.
    Operator,
    /// The connection was lost before anything happened.
    LostBefore,
    /// It happened, and the connection was lost before the answer.
    LostAfter,
    /// The connection was lost and the query still runs; it lands after the next question.
    StillRunning,
    /// The connection was lost and the query still runs; it lands after the second question. A query of its id is
    /// refused until then.
    RunningLong,
    /// The connection was lost before the server began with the request. It is no query that could be ended, and lands
    /// after the next question, if its token is new then.
    NotBegun,
    /// The server restarted: it kept the token and lost the part.
    LostPart,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Transient,
        Self::Operator,
        Self::LostBefore,
        Self::LostAfter,
        Self::StillRunning,
        Self::RunningLong,
        Self::NotBegun,
        Self::LostPart,
    ];
}

/// A row as the table holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// Value of `_landing`.
    pub landing: String,
    /// Value of `_partition`.
    pub partition: i32,
    /// Values of `_offset` and `_row`.
    pub position: RowPosition,
    /// The table's own columns, as text.
    pub cells: Vec<String>,
    /// Values of `_document` and `_version`, where a document owns its rows.
    pub document: Option<(String, u64)>,
    /// True for a row that says that its key is gone.
    pub deleted: bool,
}

type Misbehave = Box<dyn FnMut(Call, u64) -> Option<Trouble> + Send>;

/// The table.
pub struct ModelTable {
    definition: TableDefinition,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    made: bool,
    merging: bool,
    by_range_only: bool,
    rows: Vec<ModelRow>,
    tokens: HashSet<String>,
    running: Vec<Running>,
    misbehave: Option<Misbehave>,
    calls: BTreeMap<Call, u64>,
}

/// An insert that goes on, and after how many questions it lands.
struct Running {
    query: String,
    rows: Vec<ModelRow>,
    questions: u32,
    /// False while it is only a request.
    begun: bool,
}

impl ModelTable {
    /// A table that does not exist yet: a preflight tells how to make it.
    #[must_use]
    pub fn new(definition: TableDefinition) -> Self {
        Self { definition, state: Mutex::default() }
    }

    /// From now on rows that a newer row of their key replaces go away at once, as a merge would have it.
    pub fn merge_at_once(&self) {
        self.state().merging = true;
    }

    /// From now on a question is answered for all partitions of the table, as where a partition cannot be named.
    pub fn answer_for_all_partitions(&self) {
        self.state().by_range_only = true;
    }

    /// From now on `choose` says what goes wrong with each call; it is told how many calls of its kind came before.
    pub fn misbehave(&self, choose: impl FnMut(Call, u64) -> Option<Trouble> + Send + 'static) {
        let mut state = self.state();
        state.misbehave = Some(Box::new(choose));
        state.calls.clear();
    }

    /// From now on nothing goes wrong any more.
    pub fn behave(&self) {
        self.state().misbehave = None;
    }

    /// How many calls of a kind came since the table was last told to misbehave.
    #[must_use]
    pub fn calls(&self, call: Call) -> u64 {
        self.state().calls.get(&call).copied().unwrap_or(0)
    }

    /// Lets all inserts that still run land, if their tokens are new.
    pub fn settle(&self) {
        let mut state = self.state();
        while !state.running.is_empty() {
            state.settle(&self.definition);
        }
    }

    /// Starts an insert of a row that lands with the next question unless it is ended before.
    pub fn start(&self, query: &str, row: ModelRow) {
        self.state().running.push(Running { query: query.to_owned(), rows: vec![row], questions: 1, begun: true });
    }

    /// Every row that was ever inserted and not merged away, in the order of inserts.
    #[must_use]
    pub fn rows(&self) -> Vec<ModelRow> {
        self.state().rows.clone()
    }

    /// What a query sees: the table's own columns, one text a row, sorted.
    #[must_use]
    pub fn visible(&self) -> Vec<String> {
        let state = self.state();
        let mut texts: Vec<String> = state
            .newest(&self.definition)
            .into_iter()
            .filter(|row| !row.deleted)
            .map(|row| row.cells.join("|"))
            .collect();
        texts.sort();
        texts
    }

    /// Rows, deletions left out, that are there more than once by their provenance: whose, where and how often.
    #[must_use]
    pub fn repeats(&self) -> Vec<String> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for row in self.state().rows.iter().filter(|row| !row.deleted) {
            let ModelRow { landing, partition, position: RowPosition { offset, row }, .. } = row;
            *counts.entry(format!("{landing}/{partition} at {offset}.{row}")).or_default() += 1;
        }
        counts.into_iter().filter(|(_, count)| *count > 1).map(|(row, count)| format!("{row}: {count} times")).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(what: impl Into<String>) -> LandingError {
        LandingError::Operator { code: MODEL_TROUBLE, what: what.into(), remedy: "mend the test".to_owned() }
    }

    /// The rows of a piece, if it is one: the columns are the table's and the rows of one partition.
    fn read(&self, piece: &Piece) -> Result<Vec<ModelRow>, LandingError> {
        let names: Vec<&str> = self.definition.columns.iter().map(|column| &*column.name).collect();
        let fields = piece.rows.first().map(|rows| rows.schema().fields().clone()).unwrap_or_default();
        let found: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let mut wanted = names.clone();
        wanted.extend(["_landing", "_partition", "_offset", "_row"]);
        if self.definition.rows == RowsMeaning::ByDocument {
            wanted.extend(["_document", "_version", "_deleted"]);
        }
        if found != wanted {
            return Err(Self::broken(format!("columns {found:?} instead of {wanted:?}")));
        }
        let read = |rows| read_rows(rows, names.len()).map_err(|error| Self::broken(error.to_string()));
        let rows = piece.rows.iter().map(read).collect::<Result<Vec<_>, _>>()?.concat();
        let partitions: HashSet<String> = rows.iter().map(|row| partition_of(&self.definition, row)).collect();
        if partitions.len() > 1 {
            return Err(Self::broken(format!("a piece of several partitions: {partitions:?}")));
        }
        Ok(rows)
    }
}

impl State {
    fn next(&mut self, call: Call) -> Option<Trouble> {
        let count = self.calls.entry(call).or_default();
        *count += 1;
        let before = *count - 1;
        self.misbehave.as_mut().and_then(|choose| choose(call, before))
    }

    /// Trouble with a call that may be made again at will.
    fn question(&mut self, call: Call) -> Result<(), LandingError> {
        match self.next(call) {
            None => Ok(()),
            Some(Trouble::Operator) => Err(ModelTable::broken("told to misbehave")),
            Some(trouble) => Err(LandingError::Transient { what: format!("told to misbehave: {trouble:?}") }),
        }
    }

    fn land(&mut self, definition: &TableDefinition, token: &str, rows: Vec<ModelRow>) {
        if self.tokens.insert(token.to_owned()) {
            self.rows.extend(rows);
        }
        if self.merging {
            self.rows = self.newest(definition).into_iter().cloned().collect();
        }
    }

    fn settle(&mut self, definition: &TableDefinition) {
        for running in std::mem::take(&mut self.running) {
            if running.questions > 1 {
                self.running.push(Running { questions: running.questions - 1, ..running });
            } else {
                self.land(definition, &running.query, running.rows);
            }
        }
    }

    fn newest(&self, definition: &TableDefinition) -> Vec<&ModelRow> {
        if definition.rows == RowsMeaning::Append {
            return self.rows.iter().collect();
        }
        let mut newest: BTreeMap<Vec<&str>, &ModelRow> = BTreeMap::new();
        for row in &self.rows {
            let key = key_of(definition, row);
            // Of equal versions the one inserted last counts.
            if newest.get(&key).is_none_or(|known| version(definition, known) <= version(definition, row)) {
                newest.insert(key, row);
            }
        }
        newest.into_values().collect()
    }
}

/// The sorting key of a row: its document, where it has one, and the key columns.
fn key_of<'a>(definition: &TableDefinition, row: &'a ModelRow) -> Vec<&'a str> {
    let mut key = vec![row.document.as_ref().map_or("", |(document, _)| document)];
    let named = definition.columns.iter().zip(&row.cells);
    key.extend(named.filter(|(column, _)| definition.key.contains(&column.name)).map(|(_, cell)| cell.as_str()));
    key
}

/// What decides which row of a key is the newest.
fn version(definition: &TableDefinition, row: &ModelRow) -> (i128, i64) {
    match (&definition.rows, &row.document) {
        (RowsMeaning::ByKey { version: Some(name) }, _) => {
            let cell = definition.columns.iter().zip(&row.cells).find(|(column, _)| column.name == *name);
            (cell.and_then(|(_, cell)| cell.parse().ok()).unwrap_or(0), 0)
        }
        (_, Some((_, version))) => (i128::from(*version), 0),
        _ => (i128::from(row.position.offset), row.position.row),
    }
}

/// The partition of a row, in the words of [`connect::TablePartition`].
fn partition_of(definition: &TableDefinition, row: &ModelRow) -> String {
    let cell = |name: &str| {
        let found = definition.columns.iter().zip(&row.cells).find(|(column, _)| &*column.name == name);
        found.map(|(_, cell)| cell.clone()).unwrap_or_default()
    };
    let part = |name: &str, length: usize| cell(name).get(..length).unwrap_or_default().to_owned();
    match &definition.partition {
        PartitionBy::Nothing => String::new(),
        PartitionBy::Column(name) => cell(name),
        PartitionBy::Year(name) => part(name, 4),
        PartitionBy::Month(name) => part(name, 7).replace('-', ""),
        PartitionBy::Day(name) => part(name, 10),
    }
}

fn read_rows(rows: &RecordBatch, columns: usize) -> Result<Vec<ModelRow>, ArrowError> {
    let text = |column: usize, row: usize| -> Result<String, ArrowError> {
        let array = rows.column(column);
        if array.is_null(row) { Ok(String::new()) } else { array_value_to_string(array, row) }
    };
    let number = |column: usize, row: usize| -> Result<i64, ArrowError> {
        text(column, row)?.parse().map_err(|_| ArrowError::CastError(format!("column {column} is no number")))
    };
    let documents = rows.num_columns() > columns + 4;
    (0..rows.num_rows())
        .map(|row| {
            let document = documents.then(|| -> Result<_, ArrowError> {
                Ok((text(columns + 4, row)?, number(columns + 5, row)?.cast_unsigned()))
            });
            Ok(ModelRow {
                landing: text(columns, row)?,
                partition: number(columns + 1, row)? as i32,
                position: RowPosition { offset: number(columns + 2, row)?, row: number(columns + 3, row)? },
                cells: (0..columns).map(|column| text(column, row)).collect::<Result<_, _>>()?,
                document: document.transpose()?,
                deleted: documents && number(columns + 6, row)? != 0,
            })
        })
        .collect()
}

impl Landing for ModelTable {
    fn preflight(&self) -> Result<Preflight, LandingError> {
        let mut state = self.state();
        state.question(Call::Preflight)?;
        let statements = vec![format!("make {}", self.definition.name)];
        Ok(if state.made { Preflight::Ready } else { Preflight::Missing { statements } })
    }

    fn apply(&self, statements: &[String]) -> Result<(), LandingError> {
        let mut state = self.state();
        state.question(Call::Apply)?;
        state.made |= statements.iter().any(|statement| statement.starts_with("make "));
        Ok(())
    }

    fn insert(&self, piece: &Piece) -> Result<InsertOutcome, LandingError> {
        let rows = self.read(piece)?;
        let mut state = self.state();
        if !state.made {
            return Err(Self::broken("there is no such table"));
        }
        if state.running.iter().any(|running| running.begun && running.query == piece.token) {
            return Err(Self::broken(format!("query {} is still running", piece.token)));
        }
        let trouble = state.next(Call::Insert);
        let unknown = |what: &str| Err(LandingError::Unknown { what: what.to_owned() });
        match trouble {
            None => {
                state.land(&self.definition, &piece.token, rows);
                Ok(InsertOutcome::Acknowledged)
            }
            Some(Trouble::Transient) => Err(LandingError::Transient { what: "overloaded".to_owned() }),
            Some(Trouble::Operator) => Err(Self::broken("told to misbehave")),
            Some(Trouble::LostBefore) => unknown("lost before it happened"),
            Some(Trouble::LostAfter) => {
                state.land(&self.definition, &piece.token, rows);
                unknown("lost after it happened")
            }
            Some(trouble @ (Trouble::StillRunning | Trouble::RunningLong | Trouble::NotBegun)) => {
                let questions = if trouble == Trouble::RunningLong { 2 } else { 1 };
                let begun = trouble != Trouble::NotBegun;
                state.running.push(Running { query: piece.token.clone(), rows, questions, begun });
                unknown("still running")
            }
            Some(Trouble::LostPart) => {
                state.tokens.insert(piece.token.clone());
                unknown("the server restarted")
            }
        }
    }

    fn landed_before(&self, flow: &str, provenance: &Provenance) -> Result<u64, LandingError> {
        let mut state = self.state();
        state.question(Call::Preflight)?;
        let of_flow = format!("{flow}/");
        let before = |row: &&ModelRow| row.landing.starts_with(&of_flow) && *row.landing != *provenance.landing;
        Ok(state.rows.iter().filter(before).count() as u64)
    }

    fn holds_rows(&self, landing: Option<&str>) -> Result<bool, LandingError> {
        let mut state = self.state();
        state.question(Call::Preflight)?;
        Ok(state.rows.iter().any(|row| landing.is_none_or(|landing| *row.landing == *landing)))
    }

    fn present(&self, question: &PieceQuestion) -> Result<Vec<RowPosition>, LandingError> {
        let mut state = self.state();
        state.question(Call::Present)?;
        let PieceQuestion { provenance, table_partition, first, last } = question;
        let by_range_only = state.by_range_only;
        let asked = |row: &&ModelRow| {
            *row.landing == *provenance.landing
                && row.partition == provenance.partition
                && (*first..=*last).contains(&row.position)
                && !row.deleted
                && table_partition
                    .as_ref()
                    .filter(|_| !by_range_only)
                    .is_none_or(|asked| *asked.0 == *partition_of(&self.definition, row))
        };
        let mut found: Vec<RowPosition> = state.rows.iter().filter(asked).map(|row| row.position).collect();
        found.sort_unstable();
        found.dedup();
        state.settle(&self.definition);
        Ok(found)
    }

    fn end_queries(&self, prefix: &str) -> Result<(), LandingError> {
        let mut state = self.state();
        state.question(Call::EndQueries)?;
        state.running.retain(|running| !running.begun || !running.query.starts_with(prefix));
        Ok(())
    }

    fn withdraw(
        &self,
        document: &str,
        version: u64,
        provenance: &Provenance,
        at: RowPosition,
    ) -> Result<u64, LandingError> {
        if self.definition.rows != RowsMeaning::ByDocument {
            return Err(Self::broken("rows of this table belong to no document"));
        }
        let mut state = self.state();
        let trouble = state.next(Call::Withdraw);
        match trouble {
            None | Some(Trouble::LostAfter) => {}
            Some(Trouble::Transient) => return Err(LandingError::Transient { what: "overloaded".to_owned() }),
            Some(Trouble::Operator) => return Err(Self::broken("told to misbehave")),
            Some(_) => return Err(LandingError::Unknown { what: "lost before it happened".to_owned() }),
        }
        let old = |row: &&ModelRow| {
            !row.deleted && row.document.as_ref().is_some_and(|(key, of)| key == document && *of < version)
        };
        let gone: Vec<ModelRow> = state.newest(&self.definition).into_iter().filter(old).cloned().collect();
        state.rows.extend(gone.into_iter().map(|row| ModelRow {
            landing: provenance.landing.to_string(),
            partition: provenance.partition,
            position: at,
            document: Some((document.to_owned(), version)),
            deleted: true,
            ..row
        }));
        if trouble.is_some() {
            return Err(LandingError::Unknown { what: "lost after it happened".to_owned() });
        }
        let deleted = |row: &&ModelRow| {
            row.deleted && row.document.as_ref().is_some_and(|(key, of)| key == document && *of == version)
        };
        let keys: HashSet<Vec<&str>> =
            state.rows.iter().filter(deleted).map(|row| key_of(&self.definition, row)).collect();
        Ok(keys.len() as u64)
    }
}
