//! Kafka to ClickHouse, exactly once: sixteen columns of each record into an `append` table.
//!
//! A run ends when its group's positions are at the end of the input: then all rows are in the table. They are counted and
//! their ids are added up there, and compared with what the generator wrote.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::broker::Services;
use super::positions::Positions;
use super::{INPUT, Said, start_own, write_topology};
use crate::figures::median;
use crate::process;
use crate::stage::Stage;

/// Longest run.
const PATIENCE: Duration = Duration::from_secs(600);
/// Pause between two questions; the error of a wall time is about this.
const PAUSE: Duration = Duration::from_millis(50);

/// What one run took.
struct Run {
    wall: f64,
    cpu: f64,
    /// Processor seconds for a million records, once half was committed.
    cpu_after_half: f64,
    server: f64,
    memory: f64,
}

/// Runs all rounds and gives their section.
///
/// # Errors
/// If a program is missing or a run fails, or the rows of the table are not those that were written.
pub fn section(stage: &Stage) -> Result<String> {
    let services = Services::start(stage)?;
    let records = stage.scaled(5_000_000);
    let expected = services.generate(INPUT, records)?;
    let mut runs = Vec::new();
    for round in 1..=stage.rounds {
        let run = one(stage, &services, &format!("table-{round}"), &expected)?;
        eprintln!(
            "Kafka to ClickHouse, round {round}: {:.2} s, {:.2} s of processor time, {:.2} of the server, {:.0} MiB",
            run.wall, run.cpu, run.server, run.memory
        );
        runs.push(run);
    }
    let middle = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    let walls: Vec<String> = runs.iter().map(|run| format!("{:.2}", run.wall)).collect();
    let cpu = middle(&|run| run.cpu);
    let mut report = format!(
        "## Kafka to ClickHouse, exactly once: {records} records of {} bytes, 16 columns, 4 partitions\n\n\
         | wall s: all rounds | median | records / s | CPU s own | CPU s own / million after half | CPU s server | memory MiB |\n\
         |---|---|---|---|---|---|---|\n",
        expected.get("value_bytes").context("the generator said no size")?
    );
    // Writing to a string cannot fail.
    let _written = writeln!(
        report,
        "| {} | {:.2} | {:.0} | {cpu:.2} | {:.2} | {:.2} | {:.0} |",
        walls.join(", "),
        middle(&|run| run.wall),
        records as f64 / middle(&|run| run.wall),
        middle(&|run| run.cpu_after_half),
        middle(&|run| run.server),
        middle(&|run| run.memory)
    );
    let _written = writeln!(
        report,
        "\n{:.0} rows a second of own processor time from start to end, {:.0} after half (aim: 700,000). The rows of the table \
         were counted, and their ids added up.",
        records as f64 / cpu,
        1e6 / middle(&|run| run.cpu_after_half)
    );
    Ok(report)
}

fn one(stage: &Stage, services: &Services, name: &str, expected: &Said) -> Result<Run> {
    let text = fs::read_to_string(stage.project.join("benchmarks/topologies/peer-table.yaml"))?;
    let topology = write_topology(stage, services, &text, name, INPUT)?;
    let positions = Positions::of(services.kafka(), &format!("peer-{name}.land"), INPUT)?;
    let all = positions.ends()?;
    stage.server.settle()?;
    let (server, start) = (stage.server.cpu(), Instant::now());
    let running = start_own(stage, services, topology)?;
    let process = running.0.id();
    let cpu = || process::cpu(process).context("the run ended");
    let mut half = None;
    loop {
        let done = positions.done()?;
        if done >= all {
            break;
        }
        if half.is_none() && done >= all / 2 {
            half = Some((done, cpu()?));
        }
        ensure!(start.elapsed() < PATIENCE, "{done} of {all} records: {}", said(&stage.work));
        std::thread::sleep(PAUSE);
    }
    let (wall, own, memory) = (start.elapsed().as_secs_f64(), cpu()?, process::memory(process).unwrap_or(0.0));
    let server = stage.server.cpu() - server;
    drop(running);
    let number = |name: &str| expected.get(name).with_context(|| format!("the generator said no `{name}`"));
    let good = number("records")?.parse::<u64>()? - number("bad")?.parse::<u64>()?;
    let rows = stage.server.ask("select count(), sum(toInt64(message_id)) from peer.swaps")?;
    ensure!(rows == format!("{good}\t{}", number("check_all")?), "other rows landed: {rows}, {expected:?}");
    let (at, before) = half.unwrap_or((0, 0.0));
    let cpu_after_half = (own - before) / ((all - at) as f64 / 1e6);
    Ok(Run { wall, cpu: own, cpu_after_half, server, memory })
}

/// What the run said last.
fn said(work: &Path) -> String {
    let text = fs::read_to_string(work.join("spotlight.txt")).unwrap_or_default();
    text.lines().rev().take(3).collect::<Vec<_>>().join("; ")
}
