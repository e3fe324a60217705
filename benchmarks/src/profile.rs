//! Where the processor time of Spotlight goes: samples of `perf`, as a flame graph and as shares of its parts.
//!
//! Each sample counts for the first of its functions, from the innermost outwards, that belongs to a part. So what the
//! kernel or the allocator does counts for the part that asked for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options as CollapseOptions};
use inferno::flamegraph::{self, Options};

use crate::stage::Stage;
use crate::{fails, swaps, topics};

/// Samples a second. More: a larger file and slower work; fewer: coarser shares.
const RATE: &str = "199";
/// Frames narrower than this share of the picture, in percent, are left out.
const NARROWEST: f64 = 0.2;
/// What nothing below names.
const REST: &str = "all else";

/// Parts, and what the names of their functions hold. The first part that fits has the sample.
const PARTS: [(&str, &[&str]); 9] = [
    ("log: read, write, commit", &["log::embedded", "sqlite3", "rusqlite"]),
    ("state and dedupe", &["state::", "operators::dedupe", "runtime::snapshots"]),
    ("keys of a document", &["operators::document_keys"]),
    (
        "decode",
        &[
            "codec::archive",
            "codec::delimited",
            "codec::avro::decode",
            "codec::avro::read",
            "operators::decode",
            "AvroReader",
            "zlib_rs",
        ],
    ),
    ("encode", &["codec::avro::encode", "AvroWriter", "origin_headers::written"]),
    (
        "expressions",
        &["expression::", "operators::select", "operators::extend", "operators::filter", "operators::conform"],
    ),
    ("kept rows", &["operators::kept"]),
    ("landing", &["runtime::landing", "clickhouse", "hyper::"]),
    ("raw store", &["stores::", "runtime::discovery", "sha2::", "file_connector"]),
];

/// What of a run is looked at.
pub struct Subject {
    /// Short name, also of the file.
    pub name: &'static str,
    /// Topology files.
    pub topologies: Vec<PathBuf>,
    /// Folder of documents.
    pub documents: PathBuf,
    /// Data folder that the run begins with.
    pub data: PathBuf,
}

/// Runs each contest's own part once under `perf`; writes the flame graphs into `folder` and answers a section of shares.
///
/// # Errors
/// If `perf` is missing or a run fails.
pub fn section(stage: &Stage, folder: &Path) -> Result<String> {
    fs::create_dir_all(folder)?;
    let mut columns = Vec::new();
    for prepare in [fails::subject, swaps::subject, topics::subject] {
        let subject = prepare(stage)?;
        eprintln!("profile of {}", subject.name);
        columns.push((subject.name, shares(stage, &subject, folder)?));
    }
    let mut text = String::from("## Where the processor time goes\n\n");
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    writeln!(text, "| part | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()))?;
    for part in PARTS.iter().map(|(part, _)| *part).chain([REST]) {
        let cells = columns.iter().map(|(_, shares)| format!("{:.0} %", shares.get(part).copied().unwrap_or(0.0)));
        writeln!(text, "| {part} | {} |", cells.collect::<Vec<_>>().join(" | "))?;
    }
    text.push_str("\nShares of the samples of Spotlight's own process. What the kernel and the allocator do counts for the part that asked for it.\n");
    let pictures = names.iter().map(|name| format!("[{name}](profiles/{name}.svg)")).collect::<Vec<_>>();
    writeln!(text, "Flame graphs: {}.", pictures.join(", "))?;
    Ok(text)
}

fn shares(stage: &Stage, subject: &Subject, folder: &Path) -> Result<BTreeMap<&'static str, f64>> {
    stage.server.settle()?;
    let samples = stage.work.join("perf.data");
    let plain = stage.command(&subject.topologies, &subject.documents, &subject.data);
    let mut command = Command::new("perf");
    command.args(["record", "--quiet", "--freq", RATE, "--call-graph", "dwarf,24000", "--output"]).arg(&samples);
    command.arg("--").arg(plain.get_program()).args(plain.get_args()).arg("--once");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().context("cannot start `perf`: install the Linux perf tools")?;
    ensure!(status.success(), "perf or spotlight ended with {status}");
    let mut script = Command::new("perf");
    script.args(["script", "--no-inline", "--input"]).arg(&samples).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut script = script.spawn().context("cannot start `perf script`")?;
    let output = script.stdout.take().context("the output of `perf script`")?;
    let mut folded = Vec::new();
    Folder::from(CollapseOptions::default()).collapse(BufReader::new(output), &mut folded)?;
    ensure!(script.wait()?.success(), "`perf script` failed");
    let folded = String::from_utf8_lossy(&folded).into_owned();
    draw(subject.name, &folded, &folder.join(format!("{}.svg", subject.name)))?;
    sum(&folded)
}

fn draw(name: &str, folded: &str, to: &Path) -> Result<()> {
    let mut options = Options::default();
    options.title = format!("spotlight: {name}");
    options.count_name = "samples".to_owned();
    options.min_width = NARROWEST;
    let mut file = BufWriter::new(File::create(to)?);
    flamegraph::from_lines(&mut options, folded.lines(), &mut file)?;
    Ok(file.flush()?)
}

/// Percent of the samples for each part. A line is `outermost;…;innermost count`.
fn sum(folded: &str) -> Result<BTreeMap<&'static str, f64>> {
    let (mut counts, mut all) = (BTreeMap::new(), 0.0);
    for line in folded.lines() {
        let (frames, count) = line.rsplit_once(' ').context("a folded line without a count")?;
        let count: f64 = count.parse()?;
        let part = frames.rsplit(';').find_map(part_of).unwrap_or(REST);
        *counts.entry(part).or_insert(0.0) += count;
        all += count;
    }
    ensure!(all > 0.0, "no samples");
    Ok(counts.into_iter().map(|(part, count)| (part, count / all * 100.0)).collect())
}

fn part_of(frame: &str) -> Option<&'static str> {
    PARTS.iter().find(|(_, names)| names.iter().any(|name| frame.contains(name))).map(|(part, _)| *part)
}

#[cfg(test)]
mod tests {
    use super::{REST, sum};

    #[test]
    fn a_sample_counts_for_the_innermost_part() {
        let folded = "main;runtime::task::run;operators::chain::Chain::pass;expression::eval;memcpy 3\n\
                      main;runtime::task::run;codec::avro::decode::attempt;mi_malloc;[kernel] 5\n\
                      main;nothing 2\n";
        let shares = sum(folded).expect("three lines");
        let share = |part| shares.get(part).copied().unwrap_or_default();
        assert_eq!((share("expressions"), share("decode"), share(REST)), (30.0, 50.0, 20.0));
        assert!(sum("").is_err() && sum("no count").is_err());
    }
}
