//! A table of the plan as ClickHouse writes it: types, columns, engine, keys and the statements that make it.
//!
//! Columns in order: those of the plan; `_landing`, `_partition`, `_offset`, `_row`; for a table whose rows belong to
//! documents `_document`, `_version`, `_deleted`; then what the server sets itself: `_version` where the newest row of a
//! key is the one with the highest position, and `_loaded_at`. Types are spelled as `system.columns` prints them, so that
//! they can be compared as text.

use arrow::datatypes::{DataType, Field};
use batch::{ColumnType, PartitionBy, RowsMeaning, TableDefinition, Type};
use connect::TablePartition;

use crate::sql::{identifier, identifiers, literal};

/// How many tokens a table that we make remembers. Fewer, and a slow second try lands twice; more, and each start of
/// the server reads a longer file.
pub(crate) const TOKENS: u32 = 10_000;

/// A column that an insert sends.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) type_name: String,
    pub(crate) carrier: DataType,
    pub(crate) nullable: bool,
    pub(crate) about: String,
}

/// A column that the server sets.
#[derive(Clone, Debug)]
pub(crate) struct ServerColumn {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    /// `DEFAULT` or `MATERIALIZED`.
    pub(crate) kind: &'static str,
    expression: &'static str,
    about: &'static str,
}

/// A table as ClickHouse is to have it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) database: String,
    pub(crate) name: String,
    pub(crate) sent: Vec<Column>,
    pub(crate) set_by_server: Vec<ServerColumn>,
    pub(crate) sorting_key: Vec<String>,
    pub(crate) partition: PartitionBy,
    pub(crate) meaning: RowsMeaning,
    about: String,
    nullable_key: bool,
}

const SAME_NUMBER_AS_POSITION: ServerColumn = ServerColumn {
    name: "_version",
    type_name: "UInt128",
    kind: "MATERIALIZED",
    expression: "bitShiftLeft(toUInt128(_offset), 64) + toUInt128(_row)",
    about: "Position of the row in its input as one number: the highest is the newest row of its key",
};

const LOADED_AT: ServerColumn = ServerColumn {
    name: "_loaded_at",
    type_name: "DateTime64(3, 'UTC')",
    kind: "DEFAULT",
    expression: "now64(3, 'UTC')",
    about: "When the server took the row in",
};

impl Table {
    /// The table that a definition asks for, or what is wrong with its name.
    pub(crate) fn new(definition: &TableDefinition) -> Result<Self, &'static str> {
        let (database, name) = definition.name.split_once('.').ok_or("a table's name is `database.table`")?;
        if database.is_empty() || name.is_empty() || name.contains('.') {
            return Err("a table's name is `database.table`");
        }
        let planned =
            definition.columns.iter().map(|column| Column::new(&column.name, &column.column_type, &column.about));
        let mut sent: Vec<Column> = planned.collect();
        sent.extend(provenance(&definition.rows));
        let mut set_by_server = Vec::new();
        if definition.rows == (RowsMeaning::ByKey { version: None }) {
            set_by_server.push(SAME_NUMBER_AS_POSITION);
        }
        set_by_server.push(LOADED_AT);
        let mut sorting_key: Vec<String> = definition.key.iter().map(ToString::to_string).collect();
        if definition.rows == RowsMeaning::ByDocument && !sorting_key.iter().any(|name| name == "_document") {
            sorting_key.push("_document".to_owned());
        }
        let mut keys: Vec<&str> = sorting_key.iter().map(String::as_str).collect();
        keys.extend(partition_column(&definition.partition));
        let nullable_key = sent.iter().any(|column| column.nullable && keys.contains(&column.name.as_str()));
        Ok(Self {
            database: database.to_owned(),
            name: name.to_owned(),
            sent,
            set_by_server,
            sorting_key,
            partition: definition.partition.clone(),
            meaning: definition.rows.clone(),
            about: definition.about.clone(),
            nullable_key,
        })
    }

    /// The name with its database, quoted.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", identifier(&self.database), identifier(&self.name))
    }

    /// The names of the columns that an insert sends, quoted.
    pub(crate) fn sent_names(&self) -> String {
        identifiers(self.sent.iter().map(|column| column.name.as_str()))
    }

    /// The engine with its arguments.
    pub(crate) fn engine(&self) -> String {
        match &self.meaning {
            RowsMeaning::Append => "MergeTree".to_owned(),
            RowsMeaning::ByKey { version: None } => "ReplacingMergeTree(_version)".to_owned(),
            RowsMeaning::ByKey { version: Some(version) } => format!("ReplacingMergeTree({})", identifier(version)),
            RowsMeaning::ByDocument => "ReplacingMergeTree(_version, _deleted)".to_owned(),
        }
    }

    /// The partition's expression; empty if there is one partition only.
    pub(crate) fn partition_expression(&self) -> String {
        match &self.partition {
            PartitionBy::Nothing => String::new(),
            PartitionBy::Column(column) => identifier(column),
            PartitionBy::Year(column) => format!("toYear({})", identifier(column)),
            PartitionBy::Month(column) => format!("toYYYYMM({})", identifier(column)),
            PartitionBy::Day(column) => format!("toYYYYMMDD({})", identifier(column)),
        }
    }

    /// The condition that a row stands in `partition`, in a form by which the server skips all others. `None` where there
    /// is no such form, as for a column that may be null; a question then asks in all partitions.
    pub(crate) fn partition_condition(&self, partition: &TablePartition) -> Option<String> {
        let expression = self.partition_expression();
        let number = |text: &str| -> Option<String> {
            let digits: String = text.chars().filter(|character| *character != '-').collect();
            digits.parse::<u64>().ok().map(|number| format!("{expression} = {number}"))
        };
        match &self.partition {
            PartitionBy::Nothing => None,
            PartitionBy::Column(name) => {
                let column = self.sent.iter().find(|column| column.name == **name)?;
                let text = &*partition.0;
                let fits = match column.carrier {
                    _ if column.nullable => false,
                    DataType::Utf8 => true,
                    // A text that is no date or number would make the question fail instead of finding nothing.
                    DataType::Date32 => chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
                    ref carrier => carrier.is_integer() && text.parse::<i128>().is_ok(),
                };
                fits.then(|| format!("{expression} = {}", literal(text)))
            }
            PartitionBy::Year(_) | PartitionBy::Month(_) | PartitionBy::Day(_) => number(&partition.0),
        }
    }

    /// The statements that make database and table.
    pub(crate) fn create(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.sent.iter().map(Column::definition).collect();
        lines.extend(self.set_by_server.iter().map(ServerColumn::definition));
        lines.push("INDEX _provenance (_landing, _partition, _offset) TYPE minmax GRANULARITY 1".to_owned());
        if self.meaning == RowsMeaning::ByDocument {
            lines.push("INDEX _of_document _document TYPE bloom_filter GRANULARITY 1".to_owned());
        }
        let mut statement = format!("CREATE TABLE IF NOT EXISTS {}\n(\n    ", self.full_name());
        statement.push_str(&lines.join(",\n    "));
        statement.push_str(&format!("\n)\nENGINE = {}\n", self.engine()));
        let partition = self.partition_expression();
        if !partition.is_empty() {
            statement.push_str(&format!("PARTITION BY {partition}\n"));
        }
        let keys = identifiers(self.sorting_key.iter().map(String::as_str));
        statement.push_str(&format!("ORDER BY ({keys})\n"));
        let nullable = if self.nullable_key { ", allow_nullable_key = 1" } else { "" };
        statement.push_str(&format!(
            "SETTINGS non_replicated_deduplication_window = {TOKENS}, fsync_after_insert = 1{nullable}"
        ));
        if !self.about.is_empty() {
            statement.push_str(&format!("\nCOMMENT {}", literal(&self.about)));
        }
        vec![format!("CREATE DATABASE IF NOT EXISTS {}", identifier(&self.database)), statement]
    }

    /// The statement that adds a column that the table lacks, written after the column before it.
    pub(crate) fn add_column(&self, definition: &str, after: Option<&str>) -> String {
        let place = after.map_or_else(|| "FIRST".to_owned(), |name| format!("AFTER {}", identifier(name)));
        format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {definition} {place}", self.full_name())
    }
}

impl Column {
    fn new(name: &str, column_type: &ColumnType, about: &str) -> Self {
        Self {
            name: name.to_owned(),
            type_name: type_name(column_type),
            carrier: column_type.of.arrow(),
            nullable: column_type.nullable,
            about: about.to_owned(),
        }
    }

    /// The column's line in CREATE TABLE and ALTER TABLE.
    pub(crate) fn definition(&self) -> String {
        let comment = if self.about.is_empty() { String::new() } else { format!(" COMMENT {}", literal(&self.about)) };
        format!("{} {}{comment}", identifier(&self.name), self.type_name)
    }

    /// The field as an insert sends it.
    pub(crate) fn field(&self) -> Field {
        Field::new(&self.name, self.carrier.clone(), self.nullable)
    }
}

impl ServerColumn {
    /// The column's line in CREATE TABLE and ALTER TABLE.
    pub(crate) fn definition(&self) -> String {
        let Self { name, type_name, kind, expression, about } = self;
        format!("{} {type_name} {kind} {expression} COMMENT {}", identifier(name), literal(about))
    }
}

/// The column whose value, or a part of it, is the partition.
pub(crate) fn partition_column(partition: &PartitionBy) -> Option<&str> {
    match partition {
        PartitionBy::Nothing => None,
        PartitionBy::Column(name) | PartitionBy::Year(name) | PartitionBy::Month(name) | PartitionBy::Day(name) => {
            Some(name)
        }
    }
}

fn provenance(meaning: &RowsMeaning) -> Vec<Column> {
    let integer = |bits, signed| ColumnType::of(Type::Integer { bits, signed });
    let names = ColumnType { of: Type::Text, nullable: false, low_cardinality: true };
    let mut columns = vec![
        Column::new("_landing", &names, "Which landing wrote the row: topology, flow and identity of the topic"),
        Column::new("_partition", &integer(32, true), "Partition of the input"),
        Column::new("_offset", &integer(64, true), "Offset of the record in its partition"),
        Column::new("_row", &integer(64, true), "Number of the row within its record"),
    ];
    if *meaning == RowsMeaning::ByDocument {
        columns.extend([
            Column::new("_document", &ColumnType::of(Type::Text), "Key of the document that owns the row"),
            Column::new("_version", &integer(64, false), "Version of the document: the highest counts"),
            Column::new("_deleted", &integer(8, false), "1 if the newest version of the document lacks the row"),
        ]);
    }
    columns
}

/// A column's type as ClickHouse prints it.
pub(crate) fn type_name(column: &ColumnType) -> String {
    let plain = value_type(&column.of);
    let nullable = if column.nullable { nullable(&plain, &column.of) } else { plain };
    if column.low_cardinality { format!("LowCardinality({nullable})") } else { nullable }
}

fn value_type(of: &Type) -> String {
    match of {
        Type::Boolean => "Bool".to_owned(),
        Type::Integer { bits, signed: true } => format!("Int{bits}"),
        Type::Integer { bits, signed: false } => format!("UInt{bits}"),
        Type::Double => "Float64".to_owned(),
        Type::Decimal { precision, scale } => format!("Decimal({precision}, {scale})"),
        Type::Text | Type::Binary => "String".to_owned(),
        Type::Date => "Date32".to_owned(),
        // A wall-clock reading is kept as if it were UTC, so that no zone moves it.
        Type::Timestamp { digits, zone } => {
            format!("DateTime64({digits}, {})", literal(zone.as_deref().unwrap_or("UTC")))
        }
        Type::List(item) => format!("Array({})", nullable(&value_type(item), item)),
        Type::Map(value) => format!("Map(String, {})", nullable(&value_type(value), value)),
    }
}

/// ClickHouse has no null array and no null map.
fn nullable(written: &str, of: &Type) -> String {
    if matches!(of, Type::List(_) | Type::Map(_)) { written.to_owned() } else { format!("Nullable({written})") }
}

#[cfg(test)]
mod tests;
