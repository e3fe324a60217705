//! Reads back by provenance what landed, for `reconcile`: gaps and repeats of a table into which each row lands once.
//!
//! Deliberately absent: any judgement. What ought to be there stands in the log and its ledger.

use batch::TableDefinition;
use connect::{LandingError, Provenance, RowPosition};

use crate::client::ClickHouse;
use crate::codes::TABLE_DIFFERS;
use crate::ddl::Table;
use crate::errors::{ClickHouseError, operator};
use crate::sql::literal;

/// How many rows of one record a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetCount {
    /// Offset of the record.
    pub offset: i64,
    /// Rows of the table, repeats counted.
    pub rows: u64,
    /// Different row numbers among them.
    pub distinct: u64,
}

/// How often a table holds one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionCount {
    /// Position of the row.
    pub position: RowPosition,
    /// How often it is there.
    pub rows: u64,
}

/// Reads one table by provenance.
#[derive(Debug)]
pub struct Reader {
    client: ClickHouse,
    table: Table,
}

impl Reader {
    /// A reader of the table that `definition` names.
    ///
    /// # Errors
    /// If the table's name is not `database.table`.
    pub fn new(client: ClickHouse, definition: &TableDefinition) -> Result<Self, LandingError> {
        let table =
            Table::new(definition).map_err(|why| operator(TABLE_DIFFERS, format!("{}: {why}", definition.name)))?;
        Ok(Self { client, table })
    }

    /// Rows of each record from offset `first` to `last`, both included, in order of offset. Records without rows are
    /// left out.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub fn count_by_offset(
        &self,
        provenance: &Provenance,
        first: i64,
        last: i64,
    ) -> Result<Vec<OffsetCount>, LandingError> {
        let sql = format!(
            "SELECT _offset, count(), uniqExact(_row) FROM {} WHERE {} AND _offset BETWEEN {first} AND {last} \
             GROUP BY _offset ORDER BY _offset",
            self.table.full_name(),
            whose(provenance),
        );
        let rows: Vec<(i64, u64, u64)> = self.client.rows(&sql).map_err(ClickHouseError::of_question)?;
        Ok(rows.into_iter().map(|(offset, rows, distinct)| OffsetCount { offset, rows, distinct }).collect())
    }

    /// The next `limit` positions after `after`, in order, each with how often it is there. An empty answer is the end.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub fn positions(
        &self,
        provenance: &Provenance,
        after: RowPosition,
        limit: u32,
    ) -> Result<Vec<PositionCount>, LandingError> {
        let RowPosition { offset, row } = after;
        let sql = format!(
            "SELECT _offset, _row, count() FROM {} WHERE {} AND _offset >= {offset} \
             AND (_offset, _row) > (toInt64({offset}), toInt64({row})) \
             GROUP BY _offset, _row ORDER BY _offset, _row LIMIT {limit}",
            self.table.full_name(),
            whose(provenance),
        );
        let rows: Vec<(i64, i64, u64)> = self.client.rows(&sql).map_err(ClickHouseError::of_question)?;
        let count = |(offset, row, rows)| PositionCount { position: RowPosition { offset, row }, rows };
        Ok(rows.into_iter().map(count).collect())
    }
}

fn whose(provenance: &Provenance) -> String {
    format!("_landing = {} AND _partition = {}", literal(&provenance.landing), provenance.partition)
}
