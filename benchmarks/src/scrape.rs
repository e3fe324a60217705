//! What it costs to watch a run: processor time of a scrape of `/metrics`, at fifty flows that have worked and are idle.
//!
//! What the run takes anyway, which at rest is looking for more, is measured before and taken off.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::stage::Stage;

/// Flows of a topology: one reads documents, one lands.
const FLOWS: usize = 2;
/// Topologies.
const TOPOLOGIES: usize = 25;
/// Rows of each document that land; one more is a dead letter.
const ROWS: u64 = 100;
/// How long the run is watched at rest.
const AT_REST: Duration = Duration::from_secs(20);
/// Scrapes in a row.
const SCRAPES: u32 = 200;
/// Seconds between the scrapes of a Prometheus.
const INTERVAL: f64 = 15.0;

/// Measures; a section of a report.
///
/// # Errors
/// If the run does not come to rest with all rows landed, or does not answer.
pub fn section(stage: &Stage) -> Result<String> {
    let mut rounds = Vec::new();
    for _ in 0..stage.rounds {
        rounds.push(round(stage)?);
    }
    rounds.sort_by(|one, other| one.cpu.total_cmp(&other.cpu));
    let Round { cpu, wall, rest, bytes, series } = rounds[rounds.len() / 2];
    Ok(format!(
        "## A scrape of {} flows\n\nMedian of {} rounds of {SCRAPES} scrapes.\n\n\
         | a scrape takes | |\n|---|---:|\n\
         | processor time | {:.2} ms |\n| of one core, every {INTERVAL} s | {:.3} % |\n| wall time | {:.2} ms |\n\
         | text | {:.0} kB, {series} series |\n| of one core at rest, without scrapes | {:.2} % |\n",
        FLOWS * TOPOLOGIES,
        stage.rounds,
        cpu * 1e3,
        cpu / INTERVAL * 100.0,
        wall * 1e3,
        bytes as f64 / 1e3,
        rest * 100.0,
    ))
}

/// One round: seconds of a scrape, the share of a core at rest, and how much is told.
#[derive(Clone, Copy)]
struct Round {
    cpu: f64,
    wall: f64,
    rest: f64,
    bytes: usize,
    series: usize,
}

/// A run; killed when dropped.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        // Its data is made anew for each round.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn round(stage: &Stage) -> Result<Round> {
    stage.forget(&["scrapes"])?;
    let ground = stage.fresh("scrape")?;
    let topologies = feeds(&ground)?;
    let said = ground.join("said.txt");
    let mut command = stage.command(&topologies, &ground.join("documents"), &ground.join("data"));
    command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(File::create(&said)?);
    let mut run = Run(command.spawn().context("spotlight does not start")?);
    let address = until(&mut run, || {
        let said = fs::read_to_string(&said).unwrap_or_default();
        let lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut listening = lines.filter(|line| line["message"] == "listening");
        Ok(listening.find_map(|line| line["address"].as_str().map(str::to_owned)))
    })?;
    let wanted = ROWS * TOPOLOGIES as u64;
    until(&mut run, || Ok((landed(&scrape(&address)?) == wanted).then_some(())))?;
    let cpu = || process::cpu(run.0.id()).context("the run has ended");

    let before = cpu()?;
    sleep(AT_REST);
    let rest = (cpu()? - before) / AT_REST.as_secs_f64();
    let (before, start) = (cpu()?, Instant::now());
    for _ in 0..SCRAPES {
        scrape(&address)?;
    }
    let wall = start.elapsed().as_secs_f64();
    let spent = cpu()? - before - rest * wall;
    let text = scrape(&address)?;
    let series = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    let each = f64::from(SCRAPES);
    Ok(Round { cpu: spent / each, wall: wall / each, rest, bytes: text.len(), series })
}

/// Writes the topologies, and a document for each.
fn feeds(ground: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(ground.join("documents"))?;
    let mut files = Vec::new();
    for number in 0..TOPOLOGIES {
        let text = format!(
            "topology: feed-{number}\nabout: A feed.\nflows:\n  read:\n    from: {{ files: {{ path: x, file-names: \
             [\"feed{number}_{{date:%Y%m%d}}.txt\"], every: 1h }} }}\n    steps:\n      - decode: {{ delimited: {{ separator: \
             \"|\", layouts: {{ v1: {{ header: [Id] }} }}, names: snake_case }} }}\n      - select: {{ id: cast(id as \
             bigint) }}\n    to: {{ topic: feed-{number}.rows, key: [id] }}\n  land:\n    from: {{ topic: \
             feed-{number}.rows }}\n    steps:\n      - dedupe: {{ name: seen, key: [id], remember: 1d }}\n    to: {{ \
             clickhouse: {{ table: scrapes.feed_{number}, rows: append, key: [id] }} }}\n"
        );
        let file = ground.join(format!("feed-{number}.yaml"));
        fs::write(&file, text)?;
        files.push(file);
        let rows: String = (0..ROWS).map(|row| format!("{row}\n")).collect();
        fs::write(ground.join(format!("documents/feed{number}_20260105.txt")), format!("Id\n{rows}none\n"))?;
    }
    Ok(files)
}

/// Waits for an answer of a run, for at most five minutes.
fn until<Answer>(run: &mut Run, mut look: impl FnMut() -> Result<Option<Answer>>) -> Result<Answer> {
    let start = Instant::now();
    loop {
        if let Some(answer) = look()? {
            return Ok(answer);
        }
        ensure!(run.0.try_wait()?.is_none(), "the run has ended");
        ensure!(start.elapsed() < Duration::from_secs(300), "the run does not come to rest");
        sleep(Duration::from_millis(200));
    }
}

fn scrape(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    ensure!(text.starts_with("HTTP/1.1 200 "), "no scrape: {}", text.lines().next().unwrap_or_default());
    Ok(text.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
}

/// Rows that have landed, as a scrape says it.
fn landed(text: &str) -> u64 {
    let lines =
        text.lines().filter(|line| line.starts_with("spotlight_records_out_total{") && line.contains("\"land\""));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::landed;

    #[test]
    fn only_what_landed_counts() {
        let text = "# HELP x\nspotlight_records_out_total{topology=\"a\",flow=\"read\",output=\"destination\"} 7\n\
                    spotlight_records_out_total{topology=\"a\",flow=\"land\",output=\"destination\"} 5\n\
                    spotlight_records_out_total{topology=\"b\",flow=\"land\",output=\"destination\"} 6\n";
        assert_eq!(landed(text), 11);
    }
}
