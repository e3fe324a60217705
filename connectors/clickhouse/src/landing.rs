//! One table as a landing: how each promise of [`connect::Landing`] is kept.
//!
//! * *Whole or not at all.* A piece is one insert, the insert is one block (see `pinned.rs`), the block is one part.
//!   The server checks with us that it is of one partition.
//! * *Once.* Token = query id; the table remembers ten thousand tokens.
//! * *Seen.* A question names every provenance column and, where it can be written, the partition. It never uses FINAL:
//!   whether a row was replaced by a newer one does not matter to whether it landed.
//! * *Ended.* `KILL QUERY … SYNC` by prefix, until the server runs none.
//!
//! The table is compared with the plan before the first insert and again after every error that could mean that it
//! changed. Known exposure: a request that a server has received and not yet begun when its connection was lost is not
//! among its running queries; there the token alone keeps the piece from landing twice.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use batch::{RowsMeaning, TableDefinition};
use connect::{InsertOutcome, Landing, LandingError, Piece, PieceQuestion, Preflight, Provenance, RowPosition};

use crate::client::{ClickHouse, size_of};
use crate::codes::{BROKEN_PIECE, TABLE_DIFFERS};
use crate::ddl::Table;
use crate::errors::{ClickHouseError, operator};
use crate::memory::Memory;
use crate::pinned;
use crate::preflight::{self, Delivery};
use crate::sql::{identifier, literal};

/// How often to ask again for queries that are ending. Each time the server itself waits for them.
const ROUNDS: usize = 20;

/// Writes rows to one table of one ClickHouse.
#[derive(Debug)]
pub struct ClickHouseLanding {
    client: ClickHouse,
    table: Table,
    delivery: Delivery,
    /// The settings to send, if the table was found as planned since it last came into doubt.
    ready: Mutex<Option<Settings>>,
    memory: Memory,
}

/// Names and values.
type Settings = Vec<(&'static str, &'static str)>;

/// The statements that make a table, in order, without asking any server.
///
/// # Errors
/// If the definition cannot be a table: a sentence that says why.
pub fn statements(definition: &TableDefinition) -> Result<Vec<String>, &'static str> {
    Ok(Table::new(definition)?.create())
}

impl ClickHouseLanding {
    /// A landing into the table that `definition` describes. Asks nothing yet.
    ///
    /// # Errors
    /// If the table's name is not `database.table`.
    pub fn new(client: ClickHouse, definition: &TableDefinition) -> Result<Self, LandingError> {
        let table =
            Table::new(definition).map_err(|why| operator(TABLE_DIFFERS, format!("{}: {why}", definition.name)))?;
        Ok(Self { client, table, delivery: Delivery::ExactlyOnce, ready: Mutex::new(None), memory: Memory::new() })
    }

    /// Columns of a table that is as planned, which the plan does not fill: they stay as they are.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub fn filled_no_more(&self) -> Result<Vec<String>, LandingError> {
        preflight::filled_no_more(&self.client, &self.table).map_err(ClickHouseError::of_question)
    }

    /// The same landing for `delivery: at-least-once`: a preflight no longer refuses a table without a memory of
    /// tokens, one that forces asynchronous inserts, and several servers behind one address.
    #[must_use]
    pub fn at_least_once(self) -> Self {
        Self { delivery: Delivery::AtLeastOnce, ..self }
    }

    fn ready(&self) -> MutexGuard<'_, Option<Settings>> {
        // What a panicking thread left is whole: the value is only ever replaced.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn examine(&self) -> Result<Preflight, LandingError> {
        let (verdict, window) =
            preflight::examine(&self.client, &self.table, self.delivery).map_err(ClickHouseError::of_question)?;
        self.memory.lasts(window);
        let settings = if verdict == Preflight::Ready { Some(self.settings()?) } else { None };
        *self.ready() = settings;
        Ok(verdict)
    }

    /// The settings of an insert; refuses to insert into a table that is not as planned.
    fn require_ready(&self) -> Result<Settings, LandingError> {
        if let Some(settings) = &*self.ready() {
            return Ok(settings.clone());
        }
        let name = self.table.full_name();
        match self.examine()? {
            Preflight::Ready => self.settings(),
            Preflight::Missing { statements } => Err(LandingError::Operator {
                code: TABLE_DIFFERS,
                what: format!("there is no table {name}"),
                remedy: statements.join(";\n"),
            }),
            Preflight::Behind { statements, .. } => Err(LandingError::Operator {
                code: TABLE_DIFFERS,
                what: format!("table {name} lacks columns"),
                remedy: statements.join(";\n"),
            }),
            Preflight::Different { code, what, remedy } => Err(LandingError::Operator { code, what, remedy }),
        }
    }

    fn settings(&self) -> Result<Settings, LandingError> {
        let names: Vec<String> = pinned::INSERT_WHERE_KNOWN.iter().map(|(name, _)| literal(name)).collect();
        let sql = format!("SELECT name FROM system.settings WHERE name IN ({})", names.join(", "));
        let known: Vec<String> = self.client.rows(&sql).map_err(ClickHouseError::of_question)?;
        let optional = pinned::INSERT_WHERE_KNOWN.iter().filter(|(name, _)| known.iter().any(|found| found == name));
        Ok(pinned::INSERT.iter().chain(optional).copied().collect())
    }

    /// Notes that the table may have changed, if the error says so.
    fn doubt(&self, error: ClickHouseError) -> ClickHouseError {
        if error.doubts_the_table() {
            *self.ready() = None;
        }
        error
    }

    fn check(&self, piece: &Piece) -> Result<(), LandingError> {
        let broken = |what: String| Err(operator(BROKEN_PIECE, what));
        if piece.count() > pinned::MOST_ROWS {
            return broken(format!("a piece of {} rows; at most {} make one block", piece.count(), pinned::MOST_ROWS));
        }
        let bytes: usize = piece.rows.iter().map(size_of).sum();
        if bytes > pinned::MOST_BYTES {
            return broken(format!("a piece of {bytes} bytes; at most {} make one block", pinned::MOST_BYTES));
        }
        piece.rows.iter().try_for_each(|rows| self.check_columns(rows))
    }

    fn check_columns(&self, rows: &RecordBatch) -> Result<(), LandingError> {
        let broken = |what: String| Err(operator(BROKEN_PIECE, what));
        if rows.num_columns() != self.table.sent.len() {
            return broken(format!("a piece of {} columns for {}", rows.num_columns(), self.table.sent.len()));
        }
        let schema = rows.schema();
        for ((field, array), column) in schema.fields().iter().zip(rows.columns()).zip(&self.table.sent) {
            let wanted = column.field();
            if field.name() != wanted.name() || !carries(field.data_type(), wanted.data_type()) {
                let (found, have) = (field.name(), field.data_type());
                return broken(format!(
                    "column `{found}` as {have} where `{}` as {} belongs",
                    column.name, column.carrier
                ));
            }
            if !column.nullable && array.logical_null_count() > 0 {
                return broken(format!("a null in column `{}`, which has none", column.name));
            }
        }
        Ok(())
    }

    /// Keys that a version has deleted. A merge keeps the newest row of a key also where it says that the key is gone, so
    /// they are all there until a later version has rows of them; FINAL would leave them out.
    fn withdrawn(&self, document: &str, version: u64) -> Result<u64, LandingError> {
        let (name, keys) = (self.table.full_name(), self.table.sorting_key.iter().map(|key| identifier(key)));
        let keys = keys.collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT count() FROM (SELECT DISTINCT {keys} FROM {name} \
             WHERE _document = {} AND _version = {version} AND _deleted = 1)",
            literal(document)
        );
        let count: Vec<u64> = self.client.rows(&sql).map_err(|error| self.doubt(error).of_question())?;
        Ok(count.first().copied().unwrap_or(0))
    }

    fn of_provenance(provenance: &Provenance) -> String {
        format!("_landing = {} AND _partition = {}", literal(&provenance.landing), provenance.partition)
    }
}

/// True if `found` carries the same values as `wanted`, maybe as a dictionary or with other offsets.
fn carries(found: &DataType, wanted: &DataType) -> bool {
    match (found, wanted) {
        (DataType::Dictionary(_, values), wanted) => carries(values, wanted),
        (DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8) => true,
        (DataType::LargeBinary | DataType::BinaryView, DataType::Binary) => true,
        // The names of a list's and a map's fields do not matter.
        (DataType::List(found) | DataType::LargeList(found), DataType::List(wanted)) => {
            carries(found.data_type(), wanted.data_type())
        }
        (DataType::Map(found, _), DataType::Map(wanted, _)) => match (found.data_type(), wanted.data_type()) {
            (DataType::Struct(found), DataType::Struct(wanted)) => {
                found.len() == wanted.len()
                    && found.iter().zip(wanted).all(|(found, wanted)| carries(found.data_type(), wanted.data_type()))
            }
            _ => false,
        },
        (found, wanted) => found == wanted,
    }
}

impl Landing for ClickHouseLanding {
    fn preflight(&self) -> Result<Preflight, LandingError> {
        self.examine()
    }

    fn apply(&self, statements: &[String]) -> Result<(), LandingError> {
        *self.ready() = None;
        for statement in statements {
            // The statement holds until it is done everywhere, also where a profile says otherwise.
            let settings = [("alter_sync", "2"), ("mutations_sync", "2")];
            self.client.execute(statement, &settings).map_err(ClickHouseError::of_question)?;
        }
        Ok(())
    }

    fn insert(&self, piece: &Piece) -> Result<InsertOutcome, LandingError> {
        if piece.count() == 0 {
            return Ok(InsertOutcome::Acknowledged);
        }
        self.check(piece)?;
        let ready = self.require_ready()?;
        let mut settings: Vec<(&str, &str)> = ready;
        let token = piece.token.as_str();
        settings.extend([("insert_deduplication_token", token), ("query_id", token), ("log_comment", token)]);
        let (name, columns) = (self.table.full_name(), self.table.sent_names());
        let done = self.client.insert_arrow(&name, &columns, &piece.rows, &settings);
        done.map_err(|error| self.doubt(error).of_insert())?;
        self.memory.inserted();
        Ok(InsertOutcome::Acknowledged)
    }

    fn present(&self, question: &PieceQuestion) -> Result<Vec<RowPosition>, LandingError> {
        let RowPosition { offset: first, row: first_row } = question.first;
        let RowPosition { offset: last, row: last_row } = question.last;
        // The plain bounds are for the index, the pairs for the exact answer.
        let mut conditions = vec![
            Self::of_provenance(&question.provenance),
            format!("_offset BETWEEN {first} AND {last}"),
            format!("(_offset, _row) >= (toInt64({first}), toInt64({first_row}))"),
            format!("(_offset, _row) <= (toInt64({last}), toInt64({last_row}))"),
        ];
        conditions
            .extend(question.table_partition.as_ref().and_then(|partition| self.table.partition_condition(partition)));
        if self.table.meaning == RowsMeaning::ByDocument {
            conditions.push("_deleted = 0".to_owned());
        }
        let (name, conditions) = (self.table.full_name(), conditions.join(" AND "));
        let sql = format!("SELECT DISTINCT _offset, _row FROM {name} WHERE {conditions} ORDER BY _offset, _row");
        let rows: Vec<(i64, i64)> = self.client.rows(&sql).map_err(|error| self.doubt(error).of_question())?;
        Ok(rows.into_iter().map(|(offset, row)| RowPosition { offset, row }).collect())
    }

    fn landed_before(&self, flow: &str, provenance: &Provenance) -> Result<u64, LandingError> {
        let sql = format!(
            "SELECT count() FROM {} WHERE startsWith(_landing, {}) AND _landing != {}",
            self.table.full_name(),
            literal(&format!("{flow}/")),
            literal(&provenance.landing),
        );
        let rows: Vec<u64> = self.client.rows(&sql).map_err(|error| self.doubt(error).of_question())?;
        Ok(rows.first().copied().unwrap_or(0))
    }

    fn holds_rows(&self, landing: Option<&str>) -> Result<bool, LandingError> {
        let condition = landing.map_or_else(|| "true".to_owned(), |landing| format!("_landing = {}", literal(landing)));
        let name = self.table.full_name();
        let sql = format!("SELECT count() FROM (SELECT 1 FROM {name} WHERE {condition} LIMIT 1)");
        let rows: Vec<u64> = self.client.rows(&sql).map_err(|error| self.doubt(error).of_question())?;
        Ok(rows.first().is_some_and(|&rows| rows > 0))
    }

    fn end_queries(&self, prefix: &str) -> Result<(), LandingError> {
        if prefix.is_empty() {
            // Everything starts with nothing.
            return Err(operator(BROKEN_PIECE, "an empty prefix would end every query of the server".to_owned()));
        }
        let condition = format!("startsWith(query_id, {}) AND user = currentUser()", literal(prefix));
        for _ in 0..ROUNDS {
            let kill = format!("KILL QUERY WHERE {condition} SYNC");
            self.client.execute(&kill, &[]).map_err(ClickHouseError::of_question)?;
            let count = format!("SELECT count() FROM system.processes WHERE {condition}");
            let running: Vec<u64> = self.client.rows(&count).map_err(ClickHouseError::of_question)?;
            if running.first() == Some(&0) {
                return Ok(());
            }
        }
        Err(LandingError::Transient { what: format!("queries of {prefix} are still ending") })
    }

    fn withdraw(
        &self,
        document: &str,
        version: u64,
        provenance: &Provenance,
        at: RowPosition,
    ) -> Result<u64, LandingError> {
        if self.table.meaning != RowsMeaning::ByDocument {
            let what = format!("rows of {} belong to no document", self.table.full_name());
            return Err(operator(BROKEN_PIECE, what));
        }
        self.require_ready()?;
        let (name, columns) = (self.table.full_name(), self.table.sent_names());
        // FINAL leaves out what is deleted already, so a second time finds nothing. `_version` is asked after the newest
        // row of each key was chosen: the server must not choose among old rows only.
        let newest = format!("FROM {name} FINAL WHERE _document = {} AND _version < {version}", literal(document));
        let settings =
            "SETTINGS optimize_move_to_prewhere_if_final = 0, do_not_merge_across_partitions_select_final = 0";
        let count = format!("SELECT count() {newest} {settings}");
        let found: Vec<u64> = self.client.rows(&count).map_err(|error| self.doubt(error).of_question())?;
        if found.first().is_none_or(|&found| found == 0) {
            return self.withdrawn(document, version);
        }
        let sent = self.table.sent.iter().map(|column| match column.name.as_str() {
            "_landing" => literal(&provenance.landing),
            "_partition" => format!("toInt32({})", provenance.partition),
            "_offset" => format!("toInt64({})", at.offset),
            "_row" => format!("toInt64({})", at.row),
            "_version" => format!("toUInt64({version})"),
            "_deleted" => "toUInt8(1)".to_owned(),
            name => format!("old.{}", identifier(name)),
        });
        let sent = sent.collect::<Vec<_>>().join(", ");
        let sql =
            format!("INSERT INTO {name} ({columns}) SELECT {sent} FROM (SELECT {columns} {newest}) AS old {settings}");
        // Many partitions and blocks are fine here: what is missing after a failure is found the next time.
        let pinned = [
            ("async_insert", "0"),
            ("insert_deduplicate", "0"),
            ("max_partitions_per_insert_block", "0"),
            ("insert_null_as_default", "0"),
            ("max_insert_threads", "1"),
        ];
        self.client.execute(&sql, &pinned).map_err(|error| self.doubt(error).of_insert())?;
        self.withdrawn(document, version)
    }

    fn remembers_for(&self) -> Option<Duration> {
        self.memory.lasts_for()
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use batch::Type;

    use super::carries;

    #[test]
    fn other_arrow_forms_of_the_same_values_are_taken() {
        let dictionary = |values| DataType::Dictionary(Box::new(DataType::Int32), Box::new(values));
        assert!(carries(&dictionary(DataType::Utf8), &DataType::Utf8));
        assert!(carries(&DataType::Utf8View, &DataType::Utf8));
        assert!(!carries(&dictionary(DataType::Int64), &DataType::Utf8));
        assert!(!carries(&DataType::Decimal128(10, 2), &DataType::Decimal128(10, 3)));
        let map = Type::Map(Box::new(Type::Text)).arrow();
        assert!(carries(&map, &map));
        assert!(!carries(&map, &Type::Map(Box::new(Type::BIGINT)).arrow()));
    }
}
