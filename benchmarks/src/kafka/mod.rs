//! Kafka to Kafka beside Kafka Streams: the same topic, the same records, the same guarantee, one broker, in turn.
//!
//! The rival lies in `benchmarks/kafka-streams`, a Maven project: `Generate` writes the input, `DedupeApp` is the rival and
//! `Measure` measures both, each by the same questions: the group's committed positions, `/proc`, and a consumer at
//! `read_committed` that counts what came out. Both write the same bytes behind the schema's id, which is compared once.

mod broker;
mod latency;
mod outputs;
mod positions;
mod restart;
mod table;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use self::broker::{Services, text};
pub use self::latency::section as latency;
pub use self::restart::section as restart;
pub use self::table::section as table;
use crate::figures::median;
use crate::stage::Stage;

/// The topic that both read.
const INPUT: &str = "peer.swaps";
/// As the rival's own measurements have it.
const RIVALS_HEAP: [&str; 3] = ["-Xms3g", "-Xmx3g", "-XX:+UseParallelGC"];

/// One kind of work.
struct Work {
    name: &'static str,
    what: &'static str,
    rivals_arguments: &'static [&'static str],
    /// The sum of all ids that come out is what the generator said under this name.
    check: &'static str,
    stateful: bool,
    aim: &'static str,
}

const WORKS: [Work; 2] = [
    Work {
        name: "memory",
        what: "decode, drop repeats by id, project, encode",
        rivals_arguments: &["store=memory", "codec=specific"],
        check: "check",
        stateful: true,
        aim: "5 times its records a CPU second, a third of its memory",
    },
    Work {
        name: "pass",
        what: "decode, project, encode",
        rivals_arguments: &["mode=passthrough", "codec=specific"],
        check: "check_all",
        stateful: false,
        aim: "3 times its records a CPU second",
    },
];

/// What `Measure` said of one run.
type Said = HashMap<String, String>;

/// Runs the contest and gives its section.
///
/// # Errors
/// If a program is missing or a run fails, or what came out is not what the generator wrote.
pub fn section(stage: &Stage) -> Result<String> {
    let services = Services::start(stage)?;
    let records = stage.scaled(5_000_000);
    let expected = services.generate(INPUT, records)?;
    let mut report = format!(
        "## Kafka to Kafka, exactly once: {records} records of 161 bytes, 4 partitions, 1 of 20 a repeat, beside Kafka Streams {}\n\n\
         | work | who | records / s: all rounds | median | CPU s / million | after half | broker's | memory MiB |\n|---|---|---|---|---|---|---|---|\n",
        broker::VERSION
    );
    let mut notes = String::new();
    for work in &WORKS {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for round in 1..=stage.rounds {
            eprintln!("Kafka to Kafka, {}, round {round}", work.name);
            let name = format!("{}-{round}", work.name);
            theirs.push(rival(&services, work, &format!("rival-{name}"), &expected)?);
            ours.push(own(stage, &services, work, &name, &expected)?);
            if round == 1 {
                let topics = [format!("peer.out.rival-{name}"), format!("peer.{name}")];
                outputs::compare(services.kafka(), &topics)?;
            }
            services.forget(&name)?;
        }
        for (who, runs) in [("Kafka Streams", &theirs), ("Spotlight", &ours)] {
            let all: Vec<String> = runs.iter().map(|run| format!("{:.0}", of(run, "rate_out"))).collect();
            let middle = |name: &str| median(runs.iter().map(|run| of(run, name)).collect());
            // Writing to a string cannot fail.
            let _written = writeln!(
                report,
                "| {} | {who} | {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} |",
                work.what,
                all.join(", "),
                middle("rate_out"),
                middle("app_cpu"),
                middle("app_cpu_2nd"),
                middle("broker_cpu"),
                middle("rss_mb"),
            );
        }
        let ratio = |name: &str| {
            let [theirs, ours] = [&theirs, &ours].map(|runs| median(runs.iter().map(|run| of(run, name)).collect()));
            theirs / ours
        };
        let _written = writeln!(
            notes,
            "{}: **{:.2}** times its records a CPU second from start to end, **{:.2}** times once half was done, {:.2} times \
             its records a second, {:.2} of its memory (aim: {}).",
            work.what,
            ratio("app_cpu"),
            ratio("app_cpu_2nd"),
            1.0 / ratio("rate_out"),
            1.0 / ratio("rss_mb"),
            work.aim
        );
    }
    Ok(format!(
        "{report}\n{notes}\nA run ends when its group's positions are at the end of the input. Records a second are those of the \
         output's own time stamps. \"After half\" leaves out start-up and the warm-up of the virtual machine. What came out was \
         counted and its ids were added up after each run; in the first round of each work all keys and values were compared.\n"
    ))
}

fn of(said: &Said, name: &str) -> f64 {
    said.get(name).and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

/// A program that is told to end when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let process = self.0.id().to_string();
        // It may have ended by itself.
        let _ = Command::new("kill").arg(process).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

fn rival(services: &Services, work: &Work, name: &str, expected: &Said) -> Result<Said> {
    let [output, dead] = rivals_topics(name);
    services.create(&output)?;
    services.create(&dead)?;
    let start = services.now()?;
    let running = start_rival(services, work, name, INPUT, &[])?;
    services.measure(work.check, expected, start, running.0.id(), [name, &output, &dead])
}

/// The topics that the rival writes: what came out, and dead letters.
fn rivals_topics(name: &str) -> [String; 2] {
    [format!("peer.out.{name}"), format!("peer.dead.{name}")]
}

fn start_rival(services: &Services, work: &Work, name: &str, input: &str, more: &[&str]) -> Result<Running> {
    let [output, dead] = rivals_topics(name);
    let mut command = services.java(&RIVALS_HEAP);
    command.arg("peer.DedupeApp").args(services.at()).args([
        format!("app={name}"),
        format!("in={input}"),
        format!("out={output}"),
        format!("dlq={dead}"),
        format!("state={}", text(&services.folder.join("state"))?),
    ]);
    command.args(work.rivals_arguments).args(more).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Running(command.spawn().context("java")?))
}

fn own(stage: &Stage, services: &Services, work: &Work, name: &str, expected: &Said) -> Result<Said> {
    let topology = topology(stage, services, work, name, INPUT)?;
    let start = services.now()?;
    let running = start_own(stage, services, topology)?;
    let topics = [format!("peer-{name}.clean"), format!("peer.{name}"), format!("peer-{name}.dead-letters")];
    services.measure(work.check, expected, start, running.0.id(), [&topics[0], &topics[1], &topics[2]])
}

/// Starts Spotlight with a data folder and a server that know nothing.
fn start_own(stage: &Stage, services: &Services, topology: PathBuf) -> Result<Running> {
    stage.forget(&["peer"])?;
    let (data, nothing) = (stage.fresh("data")?, stage.fresh("nothing")?);
    let mut command = stage.command(&[topology], &nothing, &data);
    command.arg("--connections").arg(services.connections(&stage.work.join("documents"))?);
    let said = fs::File::create(stage.work.join("spotlight.txt"))?;
    command.stdout(said).stderr(Stdio::null());
    Ok(Running(command.spawn().context("spotlight")?))
}

/// Writes the topology of one run, and the schema of its input beside it.
fn topology(stage: &Stage, services: &Services, work: &Work, name: &str, input: &str) -> Result<PathBuf> {
    let whole = fs::read_to_string(stage.project.join("benchmarks/topologies/peer.yaml"))?;
    let kept = |line: &&str| work.stateful || !line.contains("- dedupe:");
    let lines: Vec<&str> = whole.lines().filter(kept).collect();
    write_topology(stage, services, &(lines.join("\n") + "\n"), name, input)
}

fn write_topology(stage: &Stage, services: &Services, text: &str, name: &str, input: &str) -> Result<PathBuf> {
    let folder = stage.work.join("peer-topologies");
    fs::create_dir_all(folder.join("schemas/topics"))?;
    fs::copy(services.schema("swap"), folder.join(format!("schemas/topics/{input}.avsc")))?;
    let path = folder.join(format!("peer-{name}.yaml"));
    fs::write(&path, text.replace("NAME", name).replace("INPUT", input))?;
    Ok(path)
}

/// Checks what came out against what the generator said.
fn check(said: &Said, expected: &Said) -> Result<()> {
    ensure!(said.get("ids").is_some_and(|ids| ids == "ok"), "other ids came out: {said:?}");
    let (Some(dead), Some(bad)) = (said.get("dead"), expected.get("bad")) else { bail!("no number: {said:?}") };
    ensure!(dead == bad, "{dead} dead letters, and {bad} bad records were written");
    Ok(())
}

/// `name=value` words of a text.
fn words(text: &str) -> Said {
    let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The rival's own folder.
fn project(stage: &Stage) -> PathBuf {
    stage.project.join("benchmarks/kafka-streams")
}

fn copied(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copied(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
