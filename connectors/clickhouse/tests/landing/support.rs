//! One server for all tests of this binary, a database for each test, and rows made by hand.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array};
use arrow::datatypes::{Field, Schema};
use batch::{ColumnType, PartitionBy, RowsMeaning, TableColumn, TableDefinition};
use clickhouse_connector::{ClickHouse, ClickHouseLanding, EmbeddedServer, EmbeddedSettings, Fetch, Program};
use connect::{Landing, Piece, PieceQuestion, Preflight, Provenance, RowPosition, TablePartition};

/// The server that the tests share. It ends with this process.
pub(crate) fn server() -> &'static EmbeddedServer {
    static SERVER: OnceLock<EmbeddedServer> = OnceLock::new();
    SERVER.get_or_init(|| start(&scratch("shared")))
}

/// Starts a server of one test's own.
pub(crate) fn start(data: &Path) -> EmbeddedServer {
    EmbeddedServer::start(settings(data)).expect("the embedded ClickHouse starts")
}

/// Settings of a server that this crate's child program runs.
pub(crate) fn settings(data: &Path) -> EmbeddedSettings {
    let child = vec![env!("CARGO_BIN_EXE_clickhouse-child").into()];
    EmbeddedSettings::new(data.to_owned(), Program::Library { child, library: library() })
}

/// The library from the cache of the binary, fetched if need be.
pub(crate) fn library() -> PathBuf {
    let found = Fetch::new(cache()).library(&mut |_, _| {});
    found.unwrap_or_else(|error| panic!("these tests need the embedded ClickHouse: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a test finds the user's cache as the binary does")]
fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    base.unwrap_or_else(home).join("spotlight")
}

/// A folder of this run below the build's own; those of runs that have ended are removed.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clickhouse");
    std::fs::create_dir_all(&base).expect("folder");
    for entry in std::fs::read_dir(&base).expect("folder").flatten() {
        let ended = entry.file_name().to_str().is_some_and(|process| !Path::new("/proc").join(process).exists());
        if ended {
            // Another run may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    base.join(std::process::id().to_string()).join(name)
}

pub(crate) fn client() -> ClickHouse {
    ClickHouse::new(&server().client_settings()).expect("client")
}

/// The answer of a query as text.
pub(crate) fn ask(sql: &str) -> String {
    let bytes = client().query_bytes(sql, "TSVRaw", &[]).unwrap_or_else(|error| panic!("{sql}: {error}"));
    String::from_utf8(bytes).expect("UTF-8").trim_end().to_owned()
}

pub(crate) fn run(sql: &str) {
    client().execute(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A table's definition; columns as (name, type). The first is the key.
pub(crate) fn define(
    name: &str,
    columns: &[(&str, &str)],
    rows: RowsMeaning,
    partition: PartitionBy,
) -> TableDefinition {
    let columns: Vec<TableColumn> = columns
        .iter()
        .map(|(name, column_type)| TableColumn {
            name: (*name).into(),
            column_type: ColumnType::parse(column_type).expect(column_type),
            about: format!("the column's {name}"),
        })
        .collect();
    let key = vec![Arc::clone(&columns[0].name)];
    TableDefinition { name: name.into(), about: "a table of a test".to_owned(), columns, key, partition, rows }
}

/// A landing whose table was made.
pub(crate) fn made(definition: &TableDefinition) -> ClickHouseLanding {
    let landing = ClickHouseLanding::new(client(), definition).expect("name");
    let Preflight::Missing { statements } = landing.preflight().expect("asked") else { panic!("there already") };
    landing.apply(&statements).expect("made");
    assert_eq!(landing.preflight().expect("asked"), Preflight::Ready);
    landing
}

pub(crate) fn provenance() -> Provenance {
    Provenance { landing: "some/flow/00ff".into(), partition: 3 }
}

pub(crate) fn at(offset: i64, row: i64) -> RowPosition {
    RowPosition { offset, row }
}

/// Rows with the definition's columns and the provenance of `positions`; for a table of documents also the document's key
/// and version.
pub(crate) fn rows(
    definition: &TableDefinition,
    columns: Vec<ArrayRef>,
    positions: &[(i64, i64)],
    document: Option<(&str, u64)>,
) -> RecordBatch {
    let count = positions.len();
    let provenance = provenance();
    let mut fields: Vec<Field> =
        definition.columns.iter().map(|column| column.column_type.field(&column.name)).collect();
    let mut arrays = columns;
    let mut add = |name: &str, array: ArrayRef| {
        fields.push(Field::new(name, array.data_type().clone(), false));
        arrays.push(array);
    };
    add("_landing", Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&*provenance.landing, count))));
    add("_partition", Arc::new(Int32Array::from_value(provenance.partition, count)));
    add("_offset", Arc::new(Int64Array::from_iter_values(positions.iter().map(|(offset, _)| *offset))));
    add("_row", Arc::new(Int64Array::from_iter_values(positions.iter().map(|(_, row)| *row))));
    if let Some((key, version)) = document {
        add("_document", Arc::new(StringArray::from_iter_values(std::iter::repeat_n(key, count))));
        add("_version", Arc::new(UInt64Array::from_value(version, count)));
        add("_deleted", Arc::new(UInt8Array::from_value(0, count)));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of the fields")
}

pub(crate) fn piece(rows: RecordBatch, token: &str) -> Piece {
    Piece {
        provenance: provenance(),
        table_partition: TablePartition("".into()),
        rows: vec![rows],
        token: token.to_owned(),
    }
}

pub(crate) fn question(first: RowPosition, last: RowPosition, partition: Option<&str>) -> PieceQuestion {
    let table_partition = partition.map(|text| TablePartition(text.into()));
    PieceQuestion { provenance: provenance(), table_partition, first, last }
}

pub(crate) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

pub(crate) fn integers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.iter().copied()))
}
