//! The conditions under which figures were measured: without them a figure says nothing.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::stage::Stage;

/// The beginning of a report.
///
/// # Errors
/// If the server cannot be asked.
pub fn header(stage: &Stage) -> Result<String> {
    let version = stage.server.ask("select version()")?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(&stage.project).output().ok();
        output.map_or_else(|| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = said("git", &["describe", "--always", "--dirty"]);
    let day = chrono::Utc::now().format("%Y-%m-%d");
    let bento = match &stage.bento {
        Some(program) => said(&program.to_string_lossy(), &["--version"]).lines().next().unwrap_or_default().to_owned(),
        None => "took no part: no program was given with --bento".to_owned(),
    };
    Ok(format!(
        "# Measured\n\nMade by `./bench`; medians of {rounds} rounds, all ways in turn, one warm server. Ratios are to the first line.\n\n\
         | condition | |\n|---|---|\n| day, commit | {day}, {commit} |\n| processor | {cores} × {processor} |\n\
         | memory | {memory} |\n| load before | {load} |\n\
         | pace of the processor: 2,000,000 numbers sorted on one core | {pace:.3} s before |\n| ClickHouse | {version}, embedded, as Spotlight runs it |\n\
         | Bento | {bento} |\n| scale | {scale} |\n\n",
        rounds = stage.rounds,
        processor = field("/proc/cpuinfo", "model name"),
        memory = field("/proc/meminfo", "MemTotal"),
        load = fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default(),
        pace = process::pace(),
        scale = stage.scale,
    ))
}

/// The first value of a name in a file of `name: value` lines.
fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_once(':').map(|(_, value)| value.trim().to_owned()));
    value.unwrap_or_else(|| "unknown".to_owned())
}
