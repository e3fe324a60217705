//! Swap messages: 110 columns of CSV into the 95 of `swaps.messages`, straight from the document to a table where a
//! document owns its rows.
//!
//! The mapping is the shipped one: the template is copied with another destination, and the table with a key that fits
//! it. ClickHouse gets the same expressions in its own words, `swaps.sql`. With the raw column, and through the topic
//! and dedupe, stand as figures of their own.

use std::fs;
use std::path::PathBuf;
use std::slice::from_ref;

use anyhow::{Context, Result, ensure};

use crate::figures::Contest;
use crate::files::{self, Files};
use crate::profile::Subject;
use crate::stage::Stage;

const BOUND: &str = "ClickHouse: INSERT … SELECT of the same expressions";
const OURS: &str = "Spotlight, from the zips";
const RAW: &str = "Spotlight, with the raw column";
const WHOLE: &str = "Spotlight, raw column, through topics and dedupe";
/// One line a column: its name, a colon, its expression.
const EXPRESSIONS: &str = include_str!("swaps.sql");
/// The template's functions.
const FUNCTIONS: [&str; 7] = [
    "bench_amount as v -> toDecimal128(nullif(replaceAll(trim(trailing '+' from trim(v)), ',', ''), ''), 13)",
    "bench_capped as v -> endsWith(trim(v), '+')",
    "bench_day as v -> toDate32(nullif(nullif(trim(v), ''), '9999-12-31'))",
    "bench_instant as v -> toDateTime64(trim(trailing 'Z' from trim(v)), 6, 'UTC')",
    "bench_flag as v -> multiIf(upper(trim(v)) = 'Y', true, upper(trim(v)) = 'N', false, \
     cast(lower(trim(v)) as Nullable(Bool)))",
    "bench_class as v -> if(upper(trim(v)) in ('IR', 'CR', 'EQ', 'FX', 'CO'), upper(trim(v)), null)",
    "bench_clearing as v -> multiIf(upper(trim(v)) = 'C', 'Y', upper(trim(v)) = 'U', 'N', upper(trim(v)))",
];
/// A list of none is empty.
const LIST: &str = "bench_list as v -> if(v is null, [], splitByChar(';', assumeNotNull(v)))";

/// Which ways of Spotlight run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// Straight into the table, without the raw column: what the bound does too.
    Direct,
    /// With the raw column, and through the topics and dedupe.
    Whole,
}

/// What the profile looks at: one document, straight into the table.
///
/// # Errors
/// If the files cannot be made.
pub fn subject(stage: &Stage) -> Result<Subject> {
    let files = files::swaps(&stage.work, 1, stage.scaled(1_000_000))?;
    let topology = project(stage, "direct", false)?;
    stage.forget(&["bench", "swaps"])?;
    Ok(Subject { name: "swaps", topologies: vec![topology], documents: files.zips, data: stage.fresh("data")? })
}

/// Runs the contest over so many documents of one size.
///
/// # Errors
/// If a contestant fails or its rows are not those of the files.
pub fn contest(stage: &Stage, documents: u64, ways: Ways) -> Result<Contest> {
    let files = files::swaps(&stage.work, documents, stage.scaled(1_000_000) / documents)?;
    let megabytes = files.bytes as f64 / 1e6;
    let title = format!(
        "Swap messages: {documents} document(s), {} rows of 110 columns, {megabytes:.0} MB of text",
        files.rows
    );
    let mut contest = Contest::new(title, files.rows);
    let direct = project(stage, "direct", false)?;
    let raw = project(stage, "raw", true)?;
    for function in FUNCTIONS.iter().chain(&[LIST]) {
        stage.server.execute(&format!("create or replace function {function}"))?;
    }
    stage.forget(&["bench", "swaps"])?;
    stage.spotlight(from_ref(&direct), &files.zips, &stage.fresh("data")?)?;
    stage.server.execute("create database own")?;
    stage.server.execute("create table own.messages as bench.messages")?;
    let bound = bound(stage, &files)?;
    stage.statement(&bound)?;
    for round in 1..=stage.rounds {
        eprintln!("{} round {round}", contest.title);
        stage.server.execute("truncate table own.messages sync")?;
        contest.add(BOUND, stage.statement(&bound)?);
        stage.forget(&["bench"])?;
        if ways == Ways::Direct {
            contest.add(OURS, stage.spotlight(from_ref(&direct), &files.zips, &stage.fresh("data")?)?);
            same_rows(stage, &files)?;
            continue;
        }
        contest.add(RAW, stage.spotlight(from_ref(&raw), &files.zips, &stage.fresh("data")?)?);
        stage.forget(&["swaps"])?;
        let shipped = ["topologies/dtcc-cftc-rates.yaml", "topologies/swaps.yaml"].map(|name| stage.project.join(name));
        contest.add(WHOLE, stage.spotlight(&shipped, &files.zips, &stage.fresh("data")?)?);
        let rows = stage.server.ask("select count() from swaps.messages")?;
        ensure!(rows == files.rows.to_string(), "{rows} rows came through the topics");
    }
    stage.server.execute("drop database own sync")?;
    if ways == Ways::Direct {
        let equal = "The rows of both are equal in number, sum of notionals and hash of all columns.";
        contest.notes.push(equal.into());
    }
    Ok(contest)
}

/// A project folder with the shipped mapping, another destination, and its table. Answers the topology file.
fn project(stage: &Stage, name: &str, with_raw: bool) -> Result<PathBuf> {
    let folder = stage.fresh(&format!("project-{name}"))?;
    let (topologies, tables) = (folder.join("topologies"), folder.join("schemas/tables"));
    fs::create_dir_all(topologies.join("templates"))?;
    fs::create_dir_all(topologies.join("headers"))?;
    fs::create_dir_all(&tables)?;
    let shipped = |path: &str| fs::read_to_string(stage.project.join(path)).with_context(|| path.to_owned());
    for header in fs::read_dir(stage.project.join("topologies/headers"))?.flatten() {
        fs::copy(header.path(), topologies.join("headers").join(header.file_name()))?;
    }
    let template = shipped("topologies/templates/dtcc-cumulative.yaml")?;
    let (mapping, destination) = template.rsplit_once("    to:\n").context("the template's destination")?;
    ensure!(destination.contains("topic: swaps.messages"), "the template's destination is {destination}");
    let mapping = lines_without(mapping, "          raw:  ", with_raw)?;
    let destination = "    to:\n      clickhouse: { table: bench.messages, rows: by-document }\n";
    fs::write(topologies.join("templates/dtcc-cumulative.yaml"), mapping + destination)?;
    let table = shipped("schemas/tables/swaps.messages.yaml")?;
    let key = "key: [sdr, jurisdiction, asset_class, message_id]";
    ensure!(table.contains(key), "the key of swaps.messages is no longer {key}");
    let table = table
        .replace("table: swaps.messages", "table: bench.messages")
        .replace(key, "key: [sdr, jurisdiction, asset_class, file_date, message_id]");
    fs::write(tables.join("bench.messages.yaml"), lines_without(&table, "  raw:  ", with_raw)?)?;
    let topology = topologies.join("dtcc-cftc-rates.yaml");
    let text = shipped("topologies/dtcc-cftc-rates.yaml")?;
    let (text, _) = text.split_once("\ntests:\n").context("the topology's tests")?;
    fs::write(&topology, text)?;
    Ok(topology)
}

/// The text without the one line that begins so, or all of it.
fn lines_without(text: &str, beginning: &str, keep: bool) -> Result<String> {
    ensure!(
        text.lines().filter(|line| line.starts_with(beginning)).count() == 1,
        "not one line begins with {beginning:?}"
    );
    Ok(text.lines().filter(|line| keep || !line.starts_with(beginning)).map(|line| format!("{line}\n")).collect())
}

/// Column and expression of each line of `swaps.sql`.
fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    EXPRESSIONS.lines().filter(|line| !line.starts_with("--")).filter_map(|line| line.split_once(": "))
}

fn bound(stage: &Stage, files: &Files) -> Result<String> {
    let header = fs::read_to_string(stage.project.join("topologies/headers/dtcc-g4.txt"))?;
    let structure: Vec<String> = header
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|name| format!("`{name}` Nullable(String)"))
        .collect();
    let names: Vec<&str> = columns().map(|(name, _)| name).collect();
    let expressions: Vec<&str> = columns().map(|(_, expression)| expression).collect();
    // By itself a SELECT uses all cores, and the INSERT behind it one.
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "insert into own.messages ({}, _landing, _partition, _offset, _row, _document, _version, _deleted) \
         select {}, 'bench', 0, 0, rowNumberInAllBlocks(), _file, 1, 0 \
         from file('{}/*.txt', 'CSVWithNames', '{}') \
         settings max_insert_threads = {cores}, max_partitions_per_insert_block = 0, input_format_csv_empty_as_default = 1, \
         input_format_with_names_use_header = 1",
        names.join(", "),
        expressions.join(", "),
        Stage::text(&files.texts)?,
        structure.join(", "),
    ))
}

fn same_rows(stage: &Stage, files: &Files) -> Result<()> {
    let names: Vec<&str> = columns().map(|(name, _)| name).collect();
    let ask = |table: &str| {
        stage.server.ask(&format!(
            "select count(), toString(toInt128(sum(notional_1))), sum(cityHash64(toString(tuple({})))) from {table}",
            names.join(", ")
        ))
    };
    let (ours, theirs) = (ask("bench.messages")?, ask("own.messages")?);
    ensure!(ours == theirs, "Spotlight's rows are {ours}, ClickHouse's {theirs}");
    let known = format!("{}\t{}\t", files.rows, files.sum);
    ensure!(ours.starts_with(&known), "the rows are {ours}, the publisher's {known}");
    Ok(())
}
