//! Topic to topic on the embedded log: decode, drop repeats by id, project, encode. No table takes part; what is counted
//! is rows a second of the process's own processor time.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::figures::Contest;
use crate::files;
use crate::process;
use crate::profile::Subject;
use crate::stage::Stage;

const OURS: &str = "Spotlight: decode → dedupe → select → encode";

/// What the profile looks at: the second of the two flows, over a topic that the first has filled.
///
/// # Errors
/// If the files cannot be made, or the topic cannot be filled.
pub fn subject(stage: &Stage) -> Result<Subject> {
    let folder = files::messages(&stage.work, 8, stage.scaled(2_000_000) / 8)?;
    let topologies = topologies(stage);
    stage.forget(&["bench"])?;
    let data = stage.fresh("data")?;
    stage.spotlight(&topologies[..1], &folder, &data)?;
    Ok(Subject { name: "topics", topologies, documents: stage.fresh("nothing")?, data })
}

fn topologies(stage: &Stage) -> Vec<PathBuf> {
    let path = |name| stage.project.join(format!("benchmarks/topologies/bench-{name}.yaml"));
    ["fill", "unique"].map(path).to_vec()
}

/// Runs the contest.
///
/// # Errors
/// If a run fails or its rows are not those of the files.
pub fn contest(stage: &Stage) -> Result<Contest> {
    let rows = stage.scaled(2_000_000);
    let folder = files::messages(&stage.work, 8, rows / 8)?;
    let topologies = topologies(stage);
    let mut contest =
        Contest::new(format!("Topic to topic on the embedded log: {rows} records, 1 of 20 a repeat"), rows);
    let nothing = stage.fresh("nothing")?;
    let mut paces = Vec::new();
    for round in 1..=stage.rounds {
        eprintln!("{} round {round}", contest.title);
        stage.forget(&["bench"])?;
        let data = stage.fresh("data")?;
        stage.spotlight(&topologies[..1], &folder, &data)?;
        paces.push(format!("{:.3}", process::pace()));
        contest.add(OURS, stage.spotlight(&topologies, &nothing, &data)?);
        let said = fs::read_to_string(stage.work.join("spotlight.txt"))?;
        ensure!(said.contains("bench-unique/unique"), "the flow did not run: {said}");
    }
    let cpu = contest.contestants[0].medians().own.cpu;
    contest.notes.push(format!(
        "{:.0} records a second of processor time, start and end of the process included (aim: 500,000).",
        rows as f64 / cpu
    ));
    contest.notes.push(format!("Pace of the processor before each round: {} s.", paces.join(", ")));
    Ok(contest)
}
