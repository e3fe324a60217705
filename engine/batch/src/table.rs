//! The shape of a table that people query: its columns, key and partition, and what landings into it mean.

use std::sync::Arc;

use crate::ColumnType;

/// How rows of a landing relate to the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowsMeaning {
    /// Each row once.
    Append,
    /// The newest row of each key.
    ByKey {
        /// The column that says which is newest; by default the original position.
        version: Option<Arc<str>>,
    },
    /// A document owns its rows; a new version replaces them.
    ByDocument,
}

/// What a table is partitioned by. We evaluate it ourselves, so that each insert touches one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionBy {
    /// One partition.
    Nothing,
    /// The value of a column.
    Column(Arc<str>),
    /// The year of a date or timestamp column.
    Year(Arc<str>),
    /// The year and month of a date or timestamp column.
    Month(Arc<str>),
    /// The day of a date or timestamp column.
    Day(Arc<str>),
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Name.
    pub name: Arc<str>,
    /// Type.
    pub column_type: ColumnType,
    /// What it means, for the table's own comment.
    pub about: String,
}

/// A table as the plan wants it. Provenance columns are not listed: they follow from `rows`.
///
/// The landing adds, in this order after the columns: `_landing` (low-cardinality text), `_partition` (integer),
/// `_offset` (bigint), `_row` (bigint); for [`RowsMeaning::ByDocument`] also `_document` (text), `_version` (bigint
/// unsigned) and `_deleted` (tinyint unsigned); for [`RowsMeaning::ByKey`] without a version column `_version` (text of
/// fixed order) is not needed: `_offset` and `_row` make one number; `_loaded_at` is set by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// `database.table`.
    pub name: Arc<str>,
    /// What a row is.
    pub about: String,
    /// Columns that people query, in order.
    pub columns: Vec<TableColumn>,
    /// Names of the columns that identify a row.
    pub key: Vec<Arc<str>>,
    /// Partition.
    pub partition: PartitionBy,
    /// What its landings mean. All landings of one table agree.
    pub rows: RowsMeaning,
}

impl TableDefinition {
    /// Names of the columns whose values one document may hold together in one row only: the key, and with it the version
    /// column that says which row of a key wins. Rows that are alike in these and differ elsewhere contradict each other.
    #[must_use]
    pub fn once_a_document(&self) -> Vec<Arc<str>> {
        let version = match &self.rows {
            RowsMeaning::ByKey { version } => version.clone(),
            RowsMeaning::Append | RowsMeaning::ByDocument => None,
        };
        let beside = version.filter(|version| !self.key.contains(version));
        self.key.iter().cloned().chain(beside).collect()
    }
}
