//! How long a restart takes when steps remember much: from the start of the process to the first commit of a position
//! behind records that came while it was not there. So it has read its first record earlier than that.
//!
//! What is remembered comes from a run over the contest's records, which is told to end and does so. Each round adds a
//! few records, starts the program again, waits for the first position that moves, and tells it to end.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::broker::Services;
use super::positions::Positions;
use super::{INPUT, Running, WORKS, own, topology};
use crate::figures::median;
use crate::process;
use crate::stage::Stage;

/// Name of the run, from which those of topics and group follow.
const NAME: &str = "restart";
/// Records that one round adds. They repeat what is remembered.
const MORE: u64 = 10_000;
/// Longest wait for a position to move.
const PATIENCE: Duration = Duration::from_secs(300);
/// Pause between two questions; the error of a figure is about this.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs all rounds and gives their section.
///
/// # Errors
/// If a program is missing or a run fails, or no position moves in time.
pub fn section(stage: &Stage) -> Result<String> {
    let services = Services::start(stage)?;
    let records = stage.scaled(10_600_000);
    let expected = services.generate(INPUT, records)?;
    eprintln!("restart: {records} records to remember");
    own(stage, &services, &WORKS[0], NAME, &expected)?;
    let mut all = Vec::new();
    for round in 1..=stage.rounds {
        services.generate(INPUT, MORE)?;
        let (wall, cpu) = restart(stage, &services)?;
        eprintln!("  round {round}: {wall:.2} s, {cpu:.2} s of processor time");
        all.push((wall, cpu));
    }
    let walls: Vec<String> = all.iter().map(|(wall, _)| format!("{wall:.2}")).collect();
    let [wall, cpu] =
        [median(all.iter().map(|(wall, _)| *wall).collect()), median(all.iter().map(|(_, cpu)| *cpu).collect())];
    let ids = expected.get("clean").context("the generator said no number of ids")?;
    Ok(format!(
        "## Restart with {ids} ids remembered, 4 partitions, Kafka\n\n\
         | from the start of the process to its first commit, s: all rounds | median | CPU s until then |\n|---|---|---|\n\
         | {} | {wall:.2} | {cpu:.2} |\n\nThe run before ended as it was told to (aim: 5 s to the first record).\n",
        walls.join(", ")
    ))
}

/// Starts the program with the data folder of the run before; seconds, and seconds of its processor time, until a
/// position has moved.
fn restart(stage: &Stage, services: &Services) -> Result<(f64, f64)> {
    let topology = topology(stage, services, &WORKS[0], NAME, INPUT)?;
    let nothing = stage.fresh("nothing")?;
    let positions = Positions::of(services.kafka(), &format!("peer-{NAME}.clean"), INPUT)?;
    let before = positions.committed()?;
    ensure!(before.elements().iter().any(|one| one.offset().to_raw() > Some(0)), "the run before committed nothing");
    let mut command = stage.command(&[topology], &nothing, &stage.work.join("data"));
    command.arg("--connections").arg(services.connections(&stage.work.join("documents"))?);
    command.stdout(fs::File::create(stage.work.join("spotlight.txt"))?).stderr(Stdio::null());
    let start = Instant::now();
    let running = Running(command.spawn().context("spotlight")?);
    while positions.committed()? == before {
        ensure!(start.elapsed() < PATIENCE, "no position moved");
        std::thread::sleep(PAUSE);
    }
    let wall = start.elapsed().as_secs_f64();
    let cpu = process::cpu(running.0.id()).unwrap_or(0.0);
    drop(running);
    Ok((wall, cpu))
}
