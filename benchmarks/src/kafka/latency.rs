//! How long a record takes from the broker's stamp on it to a reader of the output, beside Kafka Streams: both commit every
//! 20 ms at most, and 20,000 records come a second.
//!
//! Each run has an input of its own, which is written while it works. The first seconds are not counted.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::broker::Services;
use super::positions::Positions;
use super::{Running, Said, WORKS, of, rivals_topics, start_own, start_rival, topology};
use crate::figures::median;
use crate::stage::Stage;

/// Records a second.
const RATE: u64 = 20_000;
/// Seconds before the first that counts: the virtual machine warms up.
const WARM: u64 = 20;
/// Seconds that count.
const SECONDS: u64 = 25;
/// What the rival is told: to commit as often, and to wait for fuller requests no longer than we do.
const RIVALS_PACE: [&str; 2] = ["commit.interval.ms=20", "producer.linger.ms=5"];

/// Longest wait until all of the input has a reader, and the pause between two questions.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

/// Runs all rounds and gives their section.
///
/// # Errors
/// If a program is missing or a run fails.
pub fn section(stage: &Stage) -> Result<String> {
    let services = Services::start(stage)?;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for round in 1..=stage.rounds {
        theirs.push(rival(&services, &format!("paced-rival-{round}"))?);
        services.forget(&format!("paced-rival-{round}"))?;
        ours.push(own(stage, &services, &format!("paced-{round}"))?);
        services.forget(&format!("paced-{round}"))?;
    }
    let mut report = format!(
        "## From the broker's stamp on a record to a reader of what came out, ms: {RATE} records a second, dedupe in memory\n\n\
         | who | p99: all rounds | p50 | p90 | p99 | p99.9 | cores | broker's |\n|---|---|---|---|---|---|---|---|\n"
    );
    let middle = |runs: &[Said], name: &str| median(runs.iter().map(|run| of(run, name)).collect());
    for (who, runs) in [("Kafka Streams", &theirs), ("Spotlight", &ours)] {
        let all: Vec<String> = runs.iter().map(|run| format!("{:.0}", of(run, "p99"))).collect();
        let figures = ["p50", "p90", "p99", "p99.9"].map(|name| format!("{:.0}", middle(runs, name)));
        let cores = ["app_cores", "broker_cores"].map(|name| format!("{:.2}", middle(runs, name)));
        // Writing to a string cannot fail.
        let _written =
            writeln!(report, "| {who} | {} | {} | {} |", all.join(", "), figures.join(" | "), cores.join(" | "));
    }
    let ratio = middle(&ours, "p99") / middle(&theirs, "p99");
    Ok(format!("{report}\np99: **{ratio:.2}** of the rival's (aim: 0.75, and 60 ms).\n"))
}

fn rival(services: &Services, name: &str) -> Result<Said> {
    let (input, [output, dead]) = (format!("peer.in.{name}"), rivals_topics(name));
    services.create(&input)?;
    services.create_plain(&output)?;
    services.create_plain(&dead)?;
    let running = start_rival(services, &WORKS[0], name, &input, &RIVALS_PACE)?;
    until_ready(&Positions::of(services.kafka(), name, &output)?)?;
    paced(services, &running, &input, &output)
}

fn own(stage: &Stage, services: &Services, name: &str) -> Result<Said> {
    let (input, output) = (format!("peer.in.{name}"), format!("peer.{name}"));
    services.create(&input)?;
    let topology = topology(stage, services, &WORKS[0], name, &input)?;
    let running = start_own(stage, services, topology)?;
    until_ready(&Positions::of(services.kafka(), &format!("peer-{name}.clean"), &output)?)?;
    paced(services, &running, &input, &output)
}

/// Waits until the output is there and all of the input has a reader: nobody is to work off what came while it started.
fn until_ready(positions: &Positions) -> Result<()> {
    let start = Instant::now();
    while !positions.topic_exists()? || !positions.is_stable()? {
        ensure!(start.elapsed() < PATIENCE, "nobody reads the input");
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Writes the input at its pace and reads the output meanwhile.
fn paced(services: &Services, running: &Running, input: &str, output: &str) -> Result<Said> {
    let records = RATE * (WARM + SECONDS + 5);
    let mut generator = services.java(&["-Xmx1g", "-XX:+UseSerialGC"]);
    generator.arg("peer.Generate").args(services.at());
    generator.args([format!("topic={input}"), format!("n={records}"), format!("rate={RATE}")]);
    let generating = Running(generator.stdout(std::process::Stdio::null()).spawn().context("the generator")?);
    let said = services.latency(output, running.0.id(), WARM, SECONDS)?;
    drop(generating);
    ensure!(of(&said, "rate") > RATE as f64 * 0.8, "not all records came out: {said:?}");
    Ok(said)
}
