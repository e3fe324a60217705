//! What tables of each meaning are made of.

use std::sync::Arc;

use batch::{ColumnType, PartitionBy, RowsMeaning, TableColumn, TableDefinition};
use connect::TablePartition;
use expect_test::expect;

use super::{Table, type_name};

fn definition(rows: RowsMeaning, partition: PartitionBy) -> TableDefinition {
    let column = |name: &str, column_type: &str, about: &str| TableColumn {
        name: name.into(),
        column_type: ColumnType::parse(column_type).expect(column_type),
        about: about.to_owned(),
    };
    TableDefinition {
        name: "sec.fails".into(),
        about: "Fails to deliver, as the publisher's list has them".to_owned(),
        columns: vec![
            column("settlement_date", "date", "Day of settlement"),
            column("symbol", "low-cardinality text", "Ticker; the publisher's own"),
            column("price", "nullable decimal(18, 4)", ""),
        ],
        key: vec!["settlement_date".into(), "symbol".into()],
        partition,
        rows,
    }
}

#[test]
fn types_are_spelled_as_the_server_prints_them() {
    let cases = [
        ("text", "String"),
        ("nullable low-cardinality text", "LowCardinality(Nullable(String))"),
        ("bigint unsigned", "UInt64"),
        ("tinyint", "Int8"),
        ("nullable decimal(38, 13)", "Nullable(Decimal(38, 13))"),
        ("date", "Date32"),
        ("timestamp(3)", "DateTime64(3, 'UTC')"),
        ("nullable timestamp(6, America/New_York)", "Nullable(DateTime64(6, 'America/New_York'))"),
        ("list of text", "Array(Nullable(String))"),
        ("list of list of date", "Array(Array(Nullable(Date32)))"),
        ("map of text to decimal(9, 2)", "Map(String, Nullable(Decimal(9, 2)))"),
        ("boolean", "Bool"),
        ("double", "Float64"),
        ("binary", "String"),
    ];
    for (written, expected) in cases {
        assert_eq!(type_name(&ColumnType::parse(written).expect(written)), expected, "{written}");
    }
}

#[test]
fn an_append_table() {
    let table =
        Table::new(&definition(RowsMeaning::Append, PartitionBy::Month("settlement_date".into()))).expect("name");
    expect![[r"
        CREATE DATABASE IF NOT EXISTS `sec`;
        CREATE TABLE IF NOT EXISTS `sec`.`fails`
        (
            `settlement_date` Date32 COMMENT 'Day of settlement',
            `symbol` LowCardinality(String) COMMENT 'Ticker; the publisher\'s own',
            `price` Nullable(Decimal(18, 4)),
            `_landing` LowCardinality(String) COMMENT 'Which landing wrote the row: topology, flow and identity of the topic',
            `_partition` Int32 COMMENT 'Partition of the input',
            `_offset` Int64 COMMENT 'Offset of the record in its partition',
            `_row` Int64 COMMENT 'Number of the row within its record',
            `_loaded_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When the server took the row in',
            INDEX _provenance (_landing, _partition, _offset) TYPE minmax GRANULARITY 1
        )
        ENGINE = MergeTree
        PARTITION BY toYYYYMM(`settlement_date`)
        ORDER BY (`settlement_date`, `symbol`)
        SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1
        COMMENT 'Fails to deliver, as the publisher\'s list has them'"]]
    .assert_eq(&table.create().join(";\n"));
}

#[test]
fn replacing_tables_name_their_version() {
    let engine = |rows| Table::new(&definition(rows, PartitionBy::Nothing)).expect("name").create().swap_remove(1);
    let by_position = engine(RowsMeaning::ByKey { version: None });
    assert!(by_position.contains("ENGINE = ReplacingMergeTree(_version)\nORDER BY (`settlement_date`, `symbol`)"));
    assert!(by_position.contains("`_version` UInt128 MATERIALIZED bitShiftLeft(toUInt128(_offset), 64)"));
    let by_column = engine(RowsMeaning::ByKey { version: Some("settlement_date".into()) });
    assert!(by_column.contains("ReplacingMergeTree(`settlement_date`)") && !by_column.contains("_version"));
    let by_document = engine(RowsMeaning::ByDocument);
    assert!(by_document.contains("ENGINE = ReplacingMergeTree(_version, _deleted)"));
    assert!(by_document.contains("ORDER BY (`settlement_date`, `symbol`, `_document`)"));
}

#[test]
fn a_null_in_a_key_must_be_allowed() {
    let mut wanted = definition(RowsMeaning::Append, PartitionBy::Nothing);
    wanted.key.push("price".into());
    let table = Table::new(&wanted).expect("name");
    assert!(table.create()[1].contains("allow_nullable_key = 1"));
}

#[test]
fn a_table_without_a_database_is_refused() {
    for name in ["fails", "sec.", ".fails", "a.b.c"] {
        let mut wanted = definition(RowsMeaning::Append, PartitionBy::Nothing);
        wanted.name = Arc::from(name);
        assert!(Table::new(&wanted).is_err(), "{name}");
    }
}

#[test]
fn partitions_become_conditions_that_the_server_can_prune_by() {
    let cases = [
        (PartitionBy::Nothing, "", None),
        (PartitionBy::Year("settlement_date".into()), "2019", Some("toYear(`settlement_date`) = 2019")),
        (PartitionBy::Month("settlement_date".into()), "202009", Some("toYYYYMM(`settlement_date`) = 202009")),
        (PartitionBy::Day("settlement_date".into()), "2020-09-01", Some("toYYYYMMDD(`settlement_date`) = 20200901")),
        (PartitionBy::Day("settlement_date".into()), "1' OR 1", None),
        (PartitionBy::Column("symbol".into()), "O'K", Some(r"`symbol` = 'O\'K'")),
        (PartitionBy::Column("settlement_date".into()), "2020-09-01", Some("`settlement_date` = '2020-09-01'")),
        (PartitionBy::Column("settlement_date".into()), "2020", None),
        (PartitionBy::Column("price".into()), "1.5", None),
        (PartitionBy::Column("_offset".into()), "-5", Some("`_offset` = '-5'")),
        (PartitionBy::Column("_offset".into()), "five", None),
    ];
    for (partition, text, expected) in cases {
        let table = Table::new(&definition(RowsMeaning::Append, partition.clone())).expect("name");
        let found = table.partition_condition(&TablePartition(text.into()));
        assert_eq!(found.as_deref(), expected, "{partition:?} {text}");
    }
}
