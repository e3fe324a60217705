//! `benchmarks`: runs the same work through Spotlight, through what bounds it and through a rival, and prints ratios.
//!
//! All contestants of a round run one after another on one machine against one warm server; figures are medians of
//! several rounds. Rows are compared after each run, so a fast wrong answer ends the benchmark. Nothing here is a test:
//! no figure makes anything fail.

#![expect(clippy::disallowed_methods, reason = "a program of its own: it measures time and reads its environment")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its report goes to a terminal")]

mod conditions;
mod fails;
mod figures;
mod files;
mod kafka;
mod memory;
mod process;
mod profile;
mod scrape;
mod server;
mod stage;
mod swaps;
mod topics;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use crate::server::Server;
use crate::stage::Stage;
use crate::swaps::Ways;

/// Runs the same work through Spotlight and through others, and prints the ratios.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  ./bench                          all contests of speed at full size, three rounds\n  ./bench ftd --scale 0.1 --rounds 1\n  ./bench --keep benchmarks/RESULTS.md\n  ./bench memory                   what 2 GB and 10,000 documents take of memory"
)]
struct Arguments {
    /// Contests to run; all that need no more than the project by default.
    contests: Vec<Which>,
    /// Rounds of each contest.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Share of the full size.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Bento's program. `benchmarks/bento` says how to build it; without it Bento takes no part, and the report says so.
    #[arg(long, value_name = "PROGRAM")]
    bento: Option<PathBuf>,
    /// Writes the report into this file too.
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// Where files are made and kept.
    #[arg(long, value_name = "DIR", default_value = "target/benchmarks")]
    work: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Fails to deliver, from zips to a table.
    Ftd,
    /// DTCC's 110 columns in one document, from the document to a table.
    Swaps,
    /// The same in ten documents.
    SwapsTen,
    /// The same in one document with the raw column, and through the topics and dedupe.
    SwapsWhole,
    /// Topic to topic on the embedded log.
    Topics,
    /// Kafka to Kafka beside Kafka Streams. Only if it is named: it needs `java` and `mvn`, which build the rival.
    Kafka,
    /// Kafka to ClickHouse, exactly once. Only if it is named: as above.
    KafkaTable,
    /// How long a record takes through Kafka, beside Kafka Streams. Only if it is named: as above.
    Latency,
    /// How long a start takes that comes back to 10,000,000 remembered ids, on Kafka. Only if it is named: as above.
    Restart,
    /// What large documents and many of them take of memory. Only if it is named: it needs 5 GB of disk and minutes.
    Memory,
    /// What a scrape of the metrics of fifty flows takes of a processor. Only if it is named.
    Scrape,
    /// Where the processor time goes, as flame graphs in `benchmarks/profiles`. Only if it is named: it needs `perf`.
    Profile,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the project's folder")?.to_owned();
    let own = std::env::current_exe()?;
    let programs = own.parent().context("the folder of the programs")?.to_owned();
    std::fs::create_dir_all(&arguments.work)?;
    let work = arguments.work.canonicalize()?;
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let cache = cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("spotlight");
    let server = Server::start(&programs, &work.join("server"), cache)?;
    let Arguments { rounds, scale, bento, .. } = arguments;
    let stage = Stage { project, programs, work, server, rounds, scale, bento };
    let wanted = |which| arguments.contests.is_empty() || arguments.contests.contains(&which);
    let mut report = conditions::header(&stage)?;
    let mut show = |section: String| {
        println!("{section}");
        report += &section;
        report.push('\n');
    };
    if wanted(Which::Ftd) {
        show(fails::contest(&stage)?.section());
    }
    if wanted(Which::Swaps) {
        show(swaps::contest(&stage, 1, Ways::Direct)?.section());
    }
    if wanted(Which::SwapsTen) {
        show(swaps::contest(&stage, 10, Ways::Direct)?.section());
    }
    if wanted(Which::SwapsWhole) {
        show(swaps::contest(&stage, 1, Ways::Whole)?.section());
    }
    if wanted(Which::Topics) {
        show(topics::contest(&stage)?.section());
    }
    if arguments.contests.contains(&Which::Kafka) {
        show(kafka::section(&stage)?);
    }
    if arguments.contests.contains(&Which::KafkaTable) {
        show(kafka::table(&stage)?);
    }
    if arguments.contests.contains(&Which::Latency) {
        show(kafka::latency(&stage)?);
    }
    if arguments.contests.contains(&Which::Restart) {
        show(kafka::restart(&stage)?);
    }
    if arguments.contests.contains(&Which::Memory) {
        show(memory::section(&stage)?);
    }
    if arguments.contests.contains(&Which::Scrape) {
        show(scrape::section(&stage)?);
    }
    if arguments.contests.contains(&Which::Profile) {
        show(profile::section(&stage, &stage.project.join("benchmarks/profiles"))?);
    }
    if let Some(file) = &arguments.keep {
        std::fs::write(file, report)?;
    }
    Ok(())
}
