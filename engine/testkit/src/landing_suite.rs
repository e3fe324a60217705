//! What every landing owes the engine, as checks with names. The contract in words stands in `connect::landing`.
//!
//! [`run`] gives each check a table of its own that does not exist yet. All checks run; the failing ones are named
//! together at the end.
//!
//! Deliberately absent: what a landing does when its server fails in the middle. Only a connector's own tests can make
//! its server do that.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use batch::{ColumnType, PartitionBy, RowsMeaning, TableColumn, TableDefinition};
use connect::{
    InsertOutcome, Landing, LandingError, Piece, PieceQuestion, Preflight, Provenance, RowPosition, TablePartition,
};

/// Why a check failed.
type Failure = Box<dyn std::error::Error>;
type Check = fn(&Bench<'_>) -> Result<(), Failure>;

/// A table under test, and how to look into it past its landing.
pub trait TableUnderTest {
    /// Its landing.
    fn landing(&self) -> &dyn Landing;

    /// Rows in a plain count, repeats included.
    fn count(&self) -> u64;

    /// What people see when they ask for `key`, `part` and `value` of the newest rows, as `key|part|value`, sorted.
    fn visible(&self) -> Vec<String>;

    /// Starts an insert with this query id that takes a while and lands at least one row when it ends by itself.
    /// Returns once it runs.
    fn start_slow(&self, query: &str);

    /// Waits until the slow insert has ended, by itself or not.
    fn wait_for_slow(&self);
}

/// Makes a table under test of a definition. The table does not exist yet.
pub type MakeTable<'a> = &'a dyn Fn(&TableDefinition) -> Box<dyn TableUnderTest>;

const CHECKS: &[(&str, Check)] = &[
    ("a preflight changes nothing and says how to make the table", preflight),
    ("an insert into a table that is missing is a person's matter", missing_table),
    ("a piece lands whole", whole),
    ("the same token changes nothing and is acknowledged", same_token),
    ("another token lands again", other_token),
    ("a piece without rows changes nothing", no_rows),
    ("a piece of two partitions is refused whole", two_partitions),
    ("a piece of other columns is refused whole", other_columns),
    ("present answers by position, both ends included", by_position),
    ("present answers by provenance and by partition", by_provenance),
    ("a table says whether it holds rows, of one landing or of whomever", holds_rows),
    ("the newest position of a key counts, in whatever order it came", newest_counts),
    ("ending queries when none runs is fine", nothing_to_end),
    ("an ended query lands nothing", ended),
    ("a query of another prefix goes on", other_prefix),
    ("a withdrawal takes what the newest version lacks, and says how much", withdraws),
    ("a second withdrawal changes nothing and says the same", withdraws_once),
    ("a withdrawal spares other documents and later versions", withdraw_spares),
    ("a withdrawn row can come back", comes_back),
    ("rows that belong to no document cannot be withdrawn", not_withdrawn),
];

/// Runs all checks, each on a fresh table.
///
/// # Panics
/// If a check fails; the text names all that failed.
pub fn run(make: MakeTable<'_>) {
    let failures: Vec<String> = CHECKS
        .iter()
        .enumerate()
        .filter_map(|(number, (name, check))| {
            let bench = Bench { make, number };
            check(&bench).err().map(|failure| format!("{name}: {failure}"))
        })
        .collect();
    assert!(failures.is_empty(), "the landing breaks its contract:\n{}", failures.join("\n"));
}

/// Makes the tables of one check.
struct Bench<'a> {
    make: MakeTable<'a>,
    number: usize,
}

impl Bench<'_> {
    fn definition(&self, rows: RowsMeaning) -> TableDefinition {
        let column = |name: &str, of: &str| -> Result<TableColumn, Failure> {
            Ok(TableColumn { name: name.into(), column_type: ColumnType::parse(of)?, about: format!("the {name}") })
        };
        let columns = [("key", "text"), ("part", "text"), ("value", "bigint")];
        let columns = columns.iter().filter_map(|(name, of)| column(name, of).ok()).collect();
        TableDefinition {
            name: format!("landing_suite.check_{}", self.number).into(),
            about: "a table of the suite".to_owned(),
            columns,
            key: vec!["part".into(), "key".into()],
            partition: PartitionBy::Column("part".into()),
            rows,
        }
    }

    fn missing(&self, rows: RowsMeaning) -> Box<dyn TableUnderTest> {
        (self.make)(&self.definition(rows))
    }

    fn made(&self, rows: RowsMeaning) -> Result<Box<dyn TableUnderTest>, Failure> {
        let table = self.missing(rows);
        let Preflight::Missing { statements } = table.landing().preflight()? else {
            return Err("the table is there already".into());
        };
        table.landing().apply(&statements)?;
        ensure(table.landing().preflight()? == Preflight::Ready, || "the table that was made is not ready".into())?;
        Ok(table)
    }
}

fn ensure(condition: bool, text: impl FnOnce() -> String) -> Result<(), Failure> {
    if condition { Ok(()) } else { Err(text().into()) }
}

fn same<Item: std::fmt::Debug + PartialEq<Other>, Other: std::fmt::Debug>(
    found: &[Item],
    expected: &[Other],
) -> Result<(), Failure> {
    ensure(found == expected, || format!("found {found:?}, expected {expected:?}"))
}

fn provenance() -> Provenance {
    Provenance { landing: "suite/flow/00ff".into(), partition: 3 }
}

fn at(offset: i64, row: i64) -> RowPosition {
    RowPosition { offset, row }
}

/// A piece of rows `(key, value, offset, row)` in one partition; with a document also its key and version.
fn piece(part: &str, rows: &[(&str, i64, i64, i64)], document: Option<(&str, u64)>, token: &str) -> Piece {
    let parts = vec![part; rows.len()];
    piece_of(&parts, rows, document, token)
}

fn piece_of(parts: &[&str], rows: &[(&str, i64, i64, i64)], document: Option<(&str, u64)>, token: &str) -> Piece {
    let provenance = provenance();
    let count = rows.len();
    let texts = |texts: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(texts)) };
    let numbers = |numbers: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(numbers)) };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("key", texts(rows.iter().map(|row| row.0).collect())),
        ("part", texts(parts.to_vec())),
        ("value", numbers(rows.iter().map(|row| row.1).collect())),
        ("_landing", texts(vec![&provenance.landing; count])),
        ("_partition", Arc::new(Int32Array::from_value(provenance.partition, count))),
        ("_offset", numbers(rows.iter().map(|row| row.2).collect())),
        ("_row", numbers(rows.iter().map(|row| row.3).collect())),
    ];
    if let Some((key, version)) = document {
        columns.push(("_document", texts(vec![key; count])));
        columns.push(("_version", Arc::new(UInt64Array::from_value(version, count))));
        columns.push(("_deleted", Arc::new(UInt8Array::from_value(0, count))));
    }
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), false)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
    Piece {
        provenance,
        table_partition: TablePartition(parts.first().copied().unwrap_or_default().into()),
        rows: vec![batch.expect("columns of one length and of their fields' types")],
        token: token.to_owned(),
    }
}

fn question(first: RowPosition, last: RowPosition, part: Option<&str>) -> PieceQuestion {
    let table_partition = part.map(|part| TablePartition(part.into()));
    PieceQuestion { provenance: provenance(), table_partition, first, last }
}

fn acknowledged(landing: &dyn Landing, piece: &Piece) -> Result<(), Failure> {
    let outcome = landing.insert(piece)?;
    ensure(outcome == InsertOutcome::Acknowledged, || format!("{}: {outcome:?}", piece.token))
}

/// The refusal must be one that a person mends: an unknown outcome would be asked for in vain, for ever.
fn refused(landing: &dyn Landing, piece: &Piece) -> Result<(), Failure> {
    match landing.insert(piece) {
        Err(LandingError::Operator { remedy, .. }) => ensure(!remedy.is_empty(), || "no remedy is named".into()),
        other => Err(format!("{}: {other:?}", piece.token).into()),
    }
}

const THREE: &[(&str, i64, i64, i64)] = &[("a", 1, 5, 0), ("b", 2, 5, 1), ("c", 3, 6, 0)];

fn preflight(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.missing(RowsMeaning::Append);
    let looks = [table.landing().preflight()?, table.landing().preflight()?];
    let Preflight::Missing { statements } = &looks[0] else { return Err(format!("{:?}", looks[0]).into()) };
    ensure(looks[0] == looks[1] && !statements.is_empty(), || format!("{looks:?}"))?;
    table.landing().apply(statements)?;
    // Two tasks of one landing may both have seen it missing.
    table.landing().apply(statements)?;
    ensure(table.landing().preflight()? == Preflight::Ready, || "not ready after it was made".into())
}

fn missing_table(bench: &Bench<'_>) -> Result<(), Failure> {
    refused(bench.missing(RowsMeaning::Append).landing(), &piece("x", THREE, None, "missing"))
}

fn whole(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    acknowledged(table.landing(), &piece("x", THREE, None, "whole"))?;
    same(&table.visible(), &["a|x|1", "b|x|2", "c|x|3"])?;
    same(&table.landing().present(&question(at(0, 0), at(9, 0), None))?, &[at(5, 0), at(5, 1), at(6, 0)])
}

fn same_token(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    acknowledged(table.landing(), &piece("x", THREE, None, "first"))?;
    acknowledged(table.landing(), &piece("x", THREE, None, "first"))?;
    for number in 0..20 {
        acknowledged(table.landing(), &piece("y", &[("n", number, 10 + number, 0)], None, &format!("other {number}")))?;
    }
    acknowledged(table.landing(), &piece("x", THREE, None, "first"))?;
    ensure(table.count() == 23, || format!("{} rows instead of 23", table.count()))
}

fn other_token(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    for token in ["one/0", "one/1"] {
        acknowledged(table.landing(), &piece("x", THREE, None, token))?;
    }
    ensure(table.count() == 6, || format!("{} rows instead of 6", table.count()))
}

fn no_rows(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    acknowledged(table.landing(), &piece("x", &[], None, "empty"))?;
    ensure(table.count() == 0, || format!("{} rows", table.count()))
}

fn two_partitions(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    refused(table.landing(), &piece_of(&["x", "x", "y"], THREE, None, "two"))?;
    ensure(table.count() == 0, || format!("{} rows landed", table.count()))
}

fn other_columns(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    let mut lacking = piece("x", THREE, None, "lacking");
    let without_value = [0, 1, 3, 4, 5, 6];
    lacking.rows = vec![lacking.rows[0].project(&without_value)?];
    refused(table.landing(), &lacking)?;
    let mut renamed = piece("x", THREE, None, "renamed");
    let fields: Vec<Field> = renamed.rows[0].schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let fields: Vec<Field> = fields
        .into_iter()
        .map(|field| if field.name() == "value" { Field::new("worth", DataType::Int64, false) } else { field })
        .collect();
    renamed.rows = vec![RecordBatch::try_new(Arc::new(Schema::new(fields)), renamed.rows[0].columns().to_vec())?];
    refused(table.landing(), &renamed)?;
    ensure(table.count() == 0, || format!("{} rows landed", table.count()))
}

fn by_position(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    let rows = [("a", 1, 4, 9), ("b", 2, 5, 0), ("c", 3, 5, 1), ("d", 4, 5, 10), ("e", 5, 6, 0), ("f", 6, 60, 0)];
    acknowledged(table.landing(), &piece("x", &rows, None, "rows"))?;
    let cases: [(RowPosition, RowPosition, &[RowPosition]); 6] = [
        (at(5, 0), at(5, 10), &[at(5, 0), at(5, 1), at(5, 10)]),
        (at(5, 1), at(5, 1), &[at(5, 1)]),
        (at(4, 10), at(5, 9), &[at(5, 0), at(5, 1)]),
        (at(5, 2), at(6, 0), &[at(5, 10), at(6, 0)]),
        (at(7, 0), at(59, 99), &[]),
        (at(60, 0), at(i64::MAX, i64::MAX), &[at(60, 0)]),
    ];
    for (first, last, expected) in cases {
        same(&table.landing().present(&question(first, last, None))?, expected)?;
        same(&table.landing().present(&question(first, last, Some("x")))?, expected)?;
    }
    Ok(())
}

fn by_provenance(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    acknowledged(table.landing(), &piece("x", &THREE[..2], None, "x"))?;
    acknowledged(table.landing(), &piece("it's y", &THREE[2..], None, "y"))?;
    let all = |part| question(at(0, 0), at(9, 9), part);
    same(&table.landing().present(&all(Some("x")))?, &[at(5, 0), at(5, 1)])?;
    same(&table.landing().present(&all(Some("it's y")))?, &[at(6, 0)])?;
    same(&table.landing().present(&all(Some("z")))?, &[] as &[RowPosition])?;
    let mut other_partition = all(None);
    other_partition.provenance.partition = 4;
    same(&table.landing().present(&other_partition)?, &[] as &[RowPosition])?;
    let mut other_landing = all(None);
    other_landing.provenance.landing = "suite/flow/00fe".into();
    same(&table.landing().present(&other_landing)?, &[] as &[RowPosition])
}

fn holds_rows(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::ByDocument)?;
    same(&[table.landing().holds_rows(None)?], &[false])?;
    acknowledged(table.landing(), &piece("x", &[("a", 1, 1, 0)], Some(("it's a", 1)), "one"))?;
    // The next version is empty: what is left is deleted, and was landed all the same.
    withdraw(table.as_ref(), 2, 2)?;
    same(&table.visible(), &[] as &[&str])?;
    for (landing, expected) in [(None, true), (Some("suite/flow/00ff"), true), (Some("suite/flow/00fe"), false)] {
        same(&[table.landing().holds_rows(landing)?], &[expected])?;
    }
    Ok(())
}

fn newest_counts(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::ByKey { version: None })?;
    for (token, row) in [("new", ("a", 3, 7, 1)), ("old", ("a", 1, 6, 900)), ("older", ("a", 2, 7, 0))] {
        acknowledged(table.landing(), &piece("x", &[row], None, token))?;
    }
    same(&table.visible(), &["a|x|3"])
}

fn nothing_to_end(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    table.landing().end_queries("suite/nothing/")?;
    Ok(())
}

fn ended(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    let query = format!("suite/{}/it's slow/0-9/0", bench.number);
    table.start_slow(&query);
    table.landing().end_queries(&format!("suite/{}/it's slow/0-9/", bench.number))?;
    table.wait_for_slow();
    table.landing().present(&question(at(0, 0), at(9, 9), None))?;
    ensure(table.count() == 0, || format!("{} rows landed after the query was ended", table.count()))
}

fn other_prefix(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    table.start_slow(&format!("suite/{}/slow/0-90/0", bench.number));
    // Neither a prefix of a sibling nor a pattern's wild card is a prefix of it.
    for other in ["slow/0-9/", "slow/0_90/", "%"] {
        table.landing().end_queries(&format!("suite/{}/{other}", bench.number))?;
    }
    table.wait_for_slow();
    table.landing().present(&question(at(0, 0), at(9, 9), None))?;
    ensure(table.count() > 0, || "the query was ended".into())
}

/// Two versions of one document: the second has lost `a` and `c`, changed `b`, and has a new `d`.
fn two_versions(table: &dyn TableUnderTest) -> Result<(), Failure> {
    let document = |version| Some(("it's a", version));
    acknowledged(table.landing(), &piece("x", &[("a", 1, 1, 0), ("b", 1, 1, 1)], document(1), "one x"))?;
    acknowledged(table.landing(), &piece("y", &[("c", 1, 1, 2)], document(1), "one y"))?;
    acknowledged(table.landing(), &piece("x", &[("a", 7, 2, 0)], Some(("b", 1)), "other"))?;
    acknowledged(table.landing(), &piece("x", &[("b", 2, 3, 0), ("d", 2, 3, 1)], document(2), "two x"))
}

fn withdraw(table: &dyn TableUnderTest, version: u64, offset: i64) -> Result<u64, Failure> {
    Ok(table.landing().withdraw("it's a", version, &provenance(), at(offset, 0))?)
}

fn withdraws(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::ByDocument)?;
    two_versions(table.as_ref())?;
    let gone = withdraw(table.as_ref(), 2, 3)?;
    ensure(gone == 2, || format!("{gone} rows withdrawn instead of 2"))?;
    same(&table.visible(), &["a|x|7", "b|x|2", "d|x|2"])?;
    // The rows that say so are no rows of the range.
    same(&table.landing().present(&question(at(3, 0), at(3, 9), None))?, &[at(3, 0), at(3, 1)])
}

fn withdraws_once(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::ByDocument)?;
    two_versions(table.as_ref())?;
    withdraw(table.as_ref(), 2, 3)?;
    let before = table.visible();
    let gone = withdraw(table.as_ref(), 2, 3)?;
    ensure(gone == 2, || format!("{gone} rows withdrawn in all, instead of 2"))?;
    same(&table.visible(), &before)
}

fn withdraw_spares(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::ByDocument)?;
    two_versions(table.as_ref())?;
    acknowledged(table.landing(), &piece("x", &[("a", 3, 4, 0)], Some(("it's a", 3)), "three x"))?;
    // Version 2 comes late: what version 3 holds stays.
    let gone = withdraw(table.as_ref(), 2, 3)?;
    ensure(gone == 1, || format!("{gone} rows withdrawn instead of 1"))?;
    same(&table.visible(), &["a|x|3", "a|x|7", "b|x|2", "d|x|2"])
}

fn comes_back(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::ByDocument)?;
    two_versions(table.as_ref())?;
    withdraw(table.as_ref(), 2, 3)?;
    acknowledged(table.landing(), &piece("x", &[("a", 3, 4, 0)], Some(("it's a", 3)), "three x"))?;
    let gone = withdraw(table.as_ref(), 3, 4)?;
    ensure(gone == 2, || format!("{gone} rows withdrawn instead of 2"))?;
    same(&table.visible(), &["a|x|3", "a|x|7"])
}

fn not_withdrawn(bench: &Bench<'_>) -> Result<(), Failure> {
    let table = bench.made(RowsMeaning::Append)?;
    acknowledged(table.landing(), &piece("x", THREE, None, "rows"))?;
    let refused = table.landing().withdraw("it's a", 2, &provenance(), at(9, 0));
    ensure(matches!(refused, Err(LandingError::Operator { .. })), || format!("{refused:?}"))?;
    ensure(table.count() == 3, || format!("{} rows instead of 3", table.count()))
}
