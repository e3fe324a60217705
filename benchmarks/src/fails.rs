//! Fails to deliver: zips with pipe-delimited texts and two trailers, into a table where a document owns its rows.
//!
//! Spotlight and Bento begin with the archives. ClickHouse is given the texts already unpacked, proves no trailer and
//! keeps no ledger: it is the bound, not a rival.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::figures::{Contest, Measured};
use crate::files::{self, Files};
use crate::process;
use crate::profile::Subject;
use crate::stage::Stage;

const BOUND: &str = "ClickHouse: INSERT … SELECT from the unpacked texts";
const OURS: &str = "Spotlight, from the zips";
const BENTO: &str = "Bento 1.10, from the zips";

/// What the profile looks at.
///
/// # Errors
/// If the files cannot be made.
pub fn subject(stage: &Stage) -> Result<Subject> {
    let files = files::fails(&stage.work, stage.scaled(200), 50_000)?;
    stage.forget(&["regsho", "bench"])?;
    let topologies = vec![stage.project.join("topologies/sec-ftd.yaml")];
    Ok(Subject { name: "ftd", topologies, documents: files.zips, data: stage.fresh("data")? })
}

/// Runs the contest.
///
/// # Errors
/// If a contestant fails or its rows are not those of the files.
pub fn contest(stage: &Stage) -> Result<Contest> {
    let files = files::fails(&stage.work, stage.scaled(200), 50_000)?;
    let topology = [stage.project.join("topologies/sec-ftd.yaml")];
    let megabytes = files.bytes as f64 / 1e6;
    let title =
        format!("Fails to deliver: {} documents, {} rows, {megabytes:.0} MB of text", files.documents, files.rows);
    let mut contest = Contest::new(title, files.rows);
    // One run that is not counted warms the page cache, and makes the table that the bound is given a copy of.
    stage.forget(&["regsho", "bench"])?;
    stage.spotlight(&topology, &files.zips, &stage.fresh("data")?)?;
    stage.server.execute("create database bench")?;
    stage.server.execute("create table bench.fails as regsho.fails_to_deliver")?;
    let bound = bound(&files)?;
    stage.statement(&bound)?;
    let mut dropped = 0;
    for round in 1..=stage.rounds {
        eprintln!("{} round {round}", contest.title);
        stage.server.execute("truncate table bench.fails sync")?;
        contest.add(BOUND, stage.statement(&bound)?);
        stage.forget(&["regsho"])?;
        contest.add(OURS, stage.spotlight(&topology, &files.zips, &stage.fresh("data")?)?);
        same_rows(stage, &files)?;
        if let Some(program) = &stage.bento {
            contest.add(BENTO, bento(stage, program, &files)?);
            dropped = files.rows - stage.server.ask("select count() from bench.bento")?.parse::<u64>()?;
        }
    }
    contest.notes.push("The rows of the first two are equal in number, sum and hash of all published columns.".into());
    if stage.bento.is_some() {
        contest.notes.push(format!(
            "Bento, as a user would write it (`benchmarks/bento/fails.yaml`), proves no trailer and drops the {dropped} rows with a stray separator."
        ));
    }
    let first = first_row(stage, &topology, &files)?;
    contest.notes.push(format!("From process start to the first row that a query sees: {first:.2} s."));
    Ok(contest)
}

/// The statement that makes the same rows of the same texts.
fn bound(files: &Files) -> Result<String> {
    let texts = Stage::text(&files.texts)?;
    // By itself a SELECT uses all cores, and the INSERT behind it one.
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "insert into bench.fails (settlement_date, cusip, symbol, quantity, description, price, \
         _landing, _partition, _offset, _row, _document, _version, _deleted) \
         select toDate32(cells[1]), trim(cells[2]), nullif(trim(cells[3]), ''), \
         toUInt64(nullif(nullif(trim(cells[4]), '.'), '')), \
         nullif(trim(if(isValidUTF8(words), words, convertCharset(words, 'windows-1252', 'utf-8'))), ''), \
         toDecimal64(nullif(nullif(trim(cells[-1]), '.'), ''), 4), \
         'bench', 0, 0, rowNumberInAllBlocks(), _file, 1, 0 \
         from (select _file, splitByChar('|', line) as cells, \
         if(length(cells) = 6, cells[5], arrayStringConcat(arraySlice(cells, 5, length(cells) - 5), '|')) as words \
         from file('{texts}/*.txt', 'LineAsString', 'line String') \
         where not startsWith(line, 'SETTLEMENT DATE') and not startsWith(line, 'Trailer ')) \
         settings max_insert_threads = {cores}, max_partitions_per_insert_block = 0"
    ))
}

fn same_rows(stage: &Stage, files: &Files) -> Result<()> {
    let ask = |table: &str| {
        stage.server.ask(&format!(
            "select count(), sum(quantity), sum(cityHash64(settlement_date, cusip, ifNull(symbol, ''), \
             ifNull(quantity, 0), ifNull(description, ''), ifNull(toString(price), ''))) from {table}"
        ))
    };
    let (ours, theirs) = (ask("regsho.fails_to_deliver")?, ask("bench.fails")?);
    ensure!(ours == theirs, "Spotlight's rows are {ours}, ClickHouse's {theirs}");
    let known = format!("{}\t{}\t", files.rows, files.sum);
    ensure!(ours.starts_with(&known), "the rows are {ours}, the publisher's {known}");
    Ok(())
}

fn bento(stage: &Stage, program: &Path, files: &Files) -> Result<Measured> {
    stage.server.execute("drop table if exists bench.bento sync")?;
    stage.server.execute(
        "create table bench.bento (settlement_date Date32, cusip String, symbol Nullable(String), \
         quantity Nullable(UInt64), description Nullable(String), price Nullable(Decimal(18, 4))) engine = MergeTree \
         partition by toYYYYMM(settlement_date) order by (settlement_date, cusip) settings fsync_after_insert = 1",
    )?;
    let written = fs::read_to_string(stage.project.join("benchmarks/bento/fails.yaml"))?;
    let configuration = stage.work.join("bento.yaml");
    let (user, password) = stage.server.login();
    let filled = written
        .replace("DOCUMENTS", Stage::text(&files.zips)?)
        .replace("ADDRESS", &stage.server.url())
        .replace("USER", user)
        .replace("PASSWORD", password);
    fs::write(&configuration, filled)?;
    stage.server.settle()?;
    let mut command = Command::new(program);
    let said = fs::File::create(stage.work.join("bento.txt"))?;
    command.arg("-c").arg(&configuration).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    let before = stage.server.cpu();
    let (status, own) = process::run(&mut command)?;
    ensure!(status.success(), "Bento ended with {status}, see {}", stage.work.join("bento.txt").display());
    Ok(Measured { own, server: stage.server.cpu() - before })
}

/// Seconds from the start of a process until its first rows can be queried, with all documents waiting.
fn first_row(stage: &Stage, topology: &[std::path::PathBuf], files: &Files) -> Result<f64> {
    stage.forget(&["regsho"])?;
    stage.server.settle()?;
    let data = stage.fresh("data")?;
    let mut command = stage.command(topology, &files.zips, &data);
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let deadline = Duration::from_secs(60);
    let seen = loop {
        // Not there yet is an error as well as none.
        let rows = stage.server.ask("select count() from regsho.fails_to_deliver").unwrap_or_default();
        if !matches!(rows.as_str(), "" | "0") || start.elapsed() > deadline {
            break start.elapsed();
        }
        sleep(Duration::from_millis(2));
    };
    child.kill()?;
    child.wait()?;
    ensure!(seen < deadline, "no row within {} s", deadline.as_secs());
    Ok(seen.as_secs_f64())
}
