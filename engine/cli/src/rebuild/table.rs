//! Tables beside: made, compared, exchanged and removed.

use anyhow::{Context, Result};
use clickhouse_connector::{ClickHouse, ClickHouseError, identifier, literal};

use crate::data::chain;
use crate::exit::{Exit, failure};

/// Most flows that are named as those whose rows would be lost.
const NAMED: usize = 5;

/// The name of the table beside a live one.
pub(super) fn beside(table: &str, generation: u32) -> String {
    format!("{table}__rebuild_{generation}")
}

/// The first generation from this one on whose table beside is none yet, or an empty one that an earlier process has made.
pub(super) fn free(client: &ClickHouse, table: &str, mut generation: u32) -> Result<u32> {
    while exists(client, &beside(table, generation))? && !is_ours(client, &beside(table, generation), None)? {
        generation += 1;
    }
    Ok(generation)
}

/// True if a table can be a flow's, and has no rows but those of this flow, `topology/flow` as the log knows it, if any.
pub(super) fn is_ours(client: &ClickHouse, table: &str, flow: Option<&str>) -> Result<bool> {
    let (database, name) = parts(table);
    let (database, name) = (literal(database), literal(name));
    let has = format!("database = {database} AND table = {name} AND name = '_landing'");
    if ask(client, &format!("SELECT count() FROM system.columns WHERE {has}"))? == "0" {
        return Ok(false);
    }
    let own = flow.map_or("1".to_owned(), |flow| format!("NOT startsWith(_landing, {})", literal(&format!("{flow}/"))));
    Ok(ask(client, &format!("SELECT count() FROM (SELECT 1 FROM {} WHERE {own} LIMIT 1)", quoted(table)))? == "0")
}

/// The answer to a question, as tab-separated text.
pub(super) fn ask(client: &ClickHouse, sql: &str) -> Result<String> {
    let bytes = client.query_bytes(sql, "TSV", &[]).map_err(|error| refused(&error))?;
    Ok(String::from_utf8(bytes).context("ClickHouse gave no text")?.trim_end().to_owned())
}

/// Runs a statement to its end.
pub(super) fn execute(client: &ClickHouse, sql: &str) -> Result<()> {
    client.execute(sql, &[]).map_err(|error| refused(&error))
}

/// Gives two tables each other's names, under an id by which that is ended if nobody knows what became of it.
pub(super) fn exchange(client: &ClickHouse, one: &str, other: &str, id: &str) -> Result<()> {
    let sql = format!("EXCHANGE TABLES {} AND {}", quoted(one), quoted(other));
    client.execute(&sql, &[("query_id", id)]).map_err(|error| refused(&error))
}

/// ClickHouse is away, or has too much to do: what was asked may be asked again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Away(String);

fn refused(error: &ClickHouseError) -> anyhow::Error {
    match error.passes() {
        true => Away(chain(error)).into(),
        false => failure(Exit::Environment, chain(error), "mend what ClickHouse says"),
    }
}

/// What is told of a ClickHouse that is waited for, if the error says that.
pub(super) fn away(error: &anyhow::Error) -> Option<String> {
    error.downcast_ref::<Away>().map(ToString::to_string)
}

/// The same error for who does not wait any longer.
pub(super) fn given_up(error: anyhow::Error) -> anyhow::Error {
    match away(&error) {
        Some(what) => failure(Exit::Unreachable, what, "start ClickHouse, then this again"),
        None => error,
    }
}

/// `database.table` as the server wants it.
pub(super) fn quoted(table: &str) -> String {
    let (database, name) = parts(table);
    format!("{}.{}", identifier(database), identifier(name))
}

fn parts(table: &str) -> (&str, &str) {
    table.split_once('.').unwrap_or(("default", table))
}

pub(super) fn exists(client: &ClickHouse, table: &str) -> Result<bool> {
    Ok(ask(client, &format!("EXISTS TABLE {}", quoted(table)))? == "1")
}

/// The server's own name of a table, which it keeps whatever it is called; empty if there is no such table.
pub(super) fn identity(client: &ClickHouse, table: &str) -> Result<String> {
    let (database, name) = parts(table);
    let (database, name) = (literal(database), literal(name));
    ask(client, &format!("SELECT uuid FROM system.tables WHERE database = {database} AND name = {name}"))
}

/// Rows of a table as readers see them: neither those that others have replaced nor those that mark others as deleted.
pub(super) fn rows(client: &ClickHouse, table: &str) -> Result<u64> {
    let (database, name) = parts(table);
    let (database, name) = (literal(database), literal(name));
    let engine = format!("SELECT engine FROM system.tables WHERE database = {database} AND name = {name}");
    let newest = if ask(client, &engine)?.contains("Replacing") { "FINAL" } else { "" };
    let mark = format!("database = {database} AND table = {name} AND name = '_deleted'");
    let marked = ask(client, &format!("SELECT count() FROM system.columns WHERE {mark}"))? != "0";
    let there = if marked { "WHERE _deleted = 0" } else { "" };
    ask(client, &format!("SELECT count() FROM {} {newest} {there}", quoted(table)))?
        .parse()
        .context("a table gave no count")
}

/// Why two tables of this database cannot be exchanged in one step, if so.
pub(super) fn not_exchangeable(client: &ClickHouse, table: &str) -> Result<Option<String>> {
    let (database, name) = parts(table);
    let engine = ask(client, &format!("SELECT engine FROM system.databases WHERE name = {}", literal(database)))?;
    let of = format!("database = {} AND name = {}", literal(database), literal(name));
    let of_table = ask(client, &format!("SELECT engine FROM system.tables WHERE {of}"))?;
    Ok(match engine.as_str() {
        "Atomic" if of_table.starts_with("Replicated") => Some(format!(
            "{table} is replicated, and its database {database} is not: its tables would be exchanged on one server only"
        )),
        "Atomic" | "Replicated" | "Shared" => None,
        engine => Some(format!("the database {database} is of the engine {engine}, which cannot exchange tables")),
    })
}

/// Whose rows a table holds but those of a flow, `topology/flow` as the log knows it, and of what it was before it was
/// rebuilt: a few of them.
pub(super) fn rows_of_others(client: &ClickHouse, table: &str, flow: &str) -> Result<Vec<String>> {
    let whose = "arrayStringConcat(arraySlice(splitByChar('/', toString(_landing)), 1, 2), '/')";
    let (table, own) = (quoted(table), super::rows_of(flow));
    let sql = format!("SELECT DISTINCT {whose} AS whose FROM {table} WHERE NOT {own} ORDER BY whose LIMIT {NAMED}");
    Ok(ask(client, &sql)?
        .lines()
        .map(|line| if line.is_empty() { "nobody".to_owned() } else { line.to_owned() })
        .collect())
}
