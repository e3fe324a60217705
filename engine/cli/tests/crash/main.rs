//! The crash test of the program: whatever is killed and whenever, the table ends as if nothing had been.
//!
//! A load of four files into `swaps.messages` (`load.rs`) is interrupted in three ways:
//!
//! * *kills*: the `spotlight` process gets SIGKILL after a seeded time, and is started again at once, while the ClickHouse
//!   that it left may still be ending; up to five times a load, then it runs to its end;
//! * *aborts*: the process aborts at a seeded arrow of the landing protocol (`SPOTLIGHT_TEST_ABORT_AT`), the same one each
//!   time; again up to five times a load;
//! * *outages*: the embedded ClickHouse gets SIGKILL after seeded times, three times a load; the run must go on by itself
//!   and end with 0.
//!
//! After each abort `reconcile` says 0. After each load: the same rows as the undisturbed load's, as a multiset of all published columns; each provenance once,
//! none missing before the last; dead letters, receipts and the counts of each flow as undisturbed; `reconcile` says 0; and
//! no process is left (`proof.rs`).
//!
//! `cargo test -p cli --test crash` runs a short slice. All of it, as recorded in `RESULT.md` beside this file:
//!
//! ```sh
//! SPOTLIGHT_CRASH_POINTS=all cargo test -p cli --test crash -- --nocapture
//! ```
//!
//! `SPOTLIGHT_CRASH_SEED` sets the seed, which is printed. `SPOTLIGHT_CRASH_POINTS=kill:17`, `abort:3` or `outage:5` replays
//! one point, `aborts` all of that kind. A time replays only as well as the machine repeats itself; an arrow replays exactly.

#![expect(clippy::panic, reason = "a test says what is wrong and ends")]

mod load;
#[path = "../program/mod.rs"]
mod program;
mod proof;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::Random;

use crate::load::Load;
use crate::program::{Process, clickhouses_of, now, signal, spotlight, until, variable};
use crate::proof::Proof;

/// Interruptions of one load at most.
const CHAIN: usize = 5;
/// ClickHouse's deaths in one load.
const OUTAGES: usize = 3;
/// Parts of the undisturbed time over which points spread.
const PARTS: u64 = 10_000;

/// How much is done: the first point of each kind, and how many.
struct Extent {
    rows: u64,
    kills: (usize, usize),
    aborts: (usize, usize),
    outages: (usize, usize),
}

impl Extent {
    fn asked_for() -> Self {
        let none = Self { rows: 5_000, kills: (0, 0), aborts: (0, 0), outages: (0, 0) };
        let Some(points) = variable("SPOTLIGHT_CRASH_POINTS") else {
            return Self { rows: 1_000, kills: (0, 4), aborts: (0, 4), outages: (0, 2) };
        };
        let one = |kind: &str| points.strip_prefix(kind).map(|number| (number.parse().expect("the point's number"), 1));
        match (points.as_str(), one("kill:"), one("abort:"), one("outage:")) {
            ("aborts", ..) => Self { aborts: (0, 40), ..none },
            ("all", ..) => Self { kills: (0, 100), aborts: (0, 40), outages: (0, 30), ..none },
            (_, Some(kills), ..) => Self { kills, ..none },
            (_, _, Some(aborts), _) => Self { aborts, ..none },
            (_, _, _, Some(outages)) => Self { outages, ..none },
            _ => panic!("SPOTLIGHT_CRASH_POINTS is `all`, `aborts` or a point such as kill:17"),
        }
    }
}

/// Where an interruption comes.
#[derive(Clone, Debug)]
enum Point {
    /// Part of the undisturbed time, in `PARTS`.
    Time(u64),
    /// Arrow and how many of it.
    Arrow(String),
}

/// The numbered points of a seed: point 17 is the same whether it is the only one or not.
fn point(seed: u64, kind: &str, number: usize) -> Point {
    let mut random = Random::new(seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind.len() as u64);
    if kind != "abort" {
        return Point::Time(random.below(PARTS));
    }
    // Each arrow in turn, those of a restart after one that leaves a range open. Small numbers, so that a load that was
    // interrupted four times still has as many.
    let arrows = ["insert", "resume", "withdraw", "ask", "close", "open", "take", "any"];
    let most = [5, 1, 5, 1, 5, 5, 5, 20][number % arrows.len()];
    Point::Arrow(format!("{}:{}", arrows[number % arrows.len()], 1 + random.below(most)))
}

/// The load, its undisturbed outcome, and where folders are made.
struct Bench {
    folder: PathBuf,
    load: Load,
    seed: u64,
    undisturbed: Proof,
    took: Duration,
    loads: usize,
}

impl Bench {
    /// Makes the load and runs it undisturbed, twice: the first run warms the machine up, and both must agree.
    fn new(folder: &Path, seed: u64, rows: u64) -> Self {
        let load = load::make(folder, seed, rows);
        let mut bench = Self {
            folder: folder.to_owned(),
            load,
            seed,
            undisturbed: Proof::default(),
            took: Duration::ZERO,
            loads: 0,
        };
        for _ in 0..2 {
            let data = bench.fresh();
            let started = now();
            let status = bench.start(&data, None).wait();
            bench.took = started.elapsed();
            assert!(status.success(), "the undisturbed load ended with {status}: {}", output(&data));
            let proof = proof::of(&data, &bench.load).unwrap_or_else(|wrong| panic!("undisturbed: {wrong}"));
            assert!(bench.undisturbed == Proof::default() || bench.undisturbed == proof, "two loads differ");
            bench.undisturbed = proof;
            std::fs::remove_dir_all(&data).expect("a folder of this test");
        }
        bench
    }

    /// A new data folder.
    fn fresh(&mut self) -> PathBuf {
        self.loads += 1;
        let data = self.folder.join(format!("data-{}", self.loads));
        std::fs::create_dir(&data).expect("a folder");
        data
    }

    fn start(&self, data: &Path, abort_at: Option<&str>) -> Process {
        let mut command: Command = spotlight(["run", "--once", "--data"]);
        command.arg(data).args(&self.load.topologies).arg("--documents").arg(&self.load.documents);
        if let Some(abort_at) = abort_at {
            command.env("SPOTLIGHT_TEST_ABORT_AT", abort_at);
        }
        Process::start(command, &data.join("output.txt"))
    }

    fn time(&self, point: &Point) -> Duration {
        let Point::Time(part) = point else { return Duration::MAX };
        self.took * u32::try_from(*part).unwrap_or(0) / PARTS as u32
    }

    /// Checks a folder whose load has ended, and removes it. A folder that is wrong stays, for whoever looks into it.
    fn check(&self, data: &Path, history: &str) {
        until("the end of every ClickHouse of the folder", || clickhouses_of(data).is_empty().then_some(()));
        let place = data.display();
        match proof::of(data, &self.load) {
            Ok(proof) => assert_eq!(proof, self.undisturbed, "seed {}, {history}, {place}", self.seed),
            Err(wrong) => panic!("seed {}, {history}: {wrong}; {place}", self.seed),
        }
        std::fs::remove_dir_all(data).expect("a folder of this test");
    }

    /// Kills the process itself at points from `first` on, until it has died `wanted` times.
    fn interrupt(&mut self, kind: &str, (first, wanted): (usize, usize)) -> Tally {
        let mut tally = Tally::default();
        let mut number = first;
        while tally.struck < wanted {
            assert!(number < first + 2 * wanted, "too many points lie behind the end of the load: {tally:?}");
            let data = self.fresh();
            let (mut history, mut struck) = (Vec::new(), 0);
            while struck < CHAIN && tally.struck < wanted {
                let point = point(self.seed, kind, number);
                let reached = self.strike(&data, &point);
                history.push(format!("{kind}:{number} {point:?} {}", if reached { "struck" } else { "not reached" }));
                if reached && kind == "abort" {
                    // What is open is no gap and no repeat. After a kill the folder is left alone, for the next start's sake.
                    let reconciled = program::say(["reconcile".as_ref(), "--data".as_ref(), data.as_os_str()]);
                    assert_eq!(reconciled.status, 0, "seed {}, {}: {reconciled:?}", self.seed, history.join(", "));
                }
                if reached {
                    (struck, number) = (struck + 1, number + 1);
                    tally.struck += 1;
                    continue;
                }
                // The load came to its end before the point. A fresh load may reach it; if this one was fresh, none does.
                if struck == 0 {
                    tally.missed.push(number);
                    number += 1;
                }
                break;
            }
            let status = self.start(&data, None).wait();
            let history = history.join(", ");
            assert!(status.success(), "seed {}, {history}: {status}: {}", self.seed, output(&data));
            self.check(&data, &history);
            tally.loads += 1;
        }
        tally
    }

    /// Starts the load and lets it die at a point. False if it ended by itself before.
    fn strike(&self, data: &Path, point: &Point) -> bool {
        let abort_at = if let Point::Arrow(arrow) = point { Some(arrow.as_str()) } else { None };
        let mut process = self.start(data, abort_at);
        let ended = match point {
            Point::Time(_) => process.wait_for(self.time(point)),
            Point::Arrow(_) => Some(process.wait()),
        };
        match ended {
            None => process.kill(),
            Some(status) if status.code().is_none() => {}
            Some(status) => {
                assert!(status.success(), "the load ended with {status}: {}", output(data));
                return false;
            }
        }
        true
    }

    /// Kills ClickHouse at points from `first` on, until it has died `wanted` times; the runs must not care.
    fn outages(&mut self, (first, wanted): (usize, usize)) -> Tally {
        let mut tally = Tally::default();
        let mut next = first;
        while tally.struck < wanted {
            assert!(next < first + 2 * wanted, "too many points lie behind the end of the load: {tally:?}");
            let data = self.fresh();
            let numbers = next..next + OUTAGES.min(wanted - tally.struck);
            next = numbers.end;
            let mut points: Vec<(Duration, usize)> =
                numbers.map(|number| (self.time(&point(self.seed, "outage", number)), number)).collect();
            points.sort_unstable();
            let history = format!("outages {points:?}");
            let started = now();
            let mut process = self.start(&data, None);
            for (time, number) in points {
                let _ended_or_not = process.wait_for(time.saturating_sub(started.elapsed()));
                // At its start and between two lives there is no ClickHouse; its next life is the one that ends.
                let found = until("a ClickHouse, or the end of the run", || {
                    process.clickhouse().map(Some).or_else(|| process.ended().map(|_| None))
                });
                match found {
                    Some(clickhouse) if signal(clickhouse, "KILL") => tally.struck += 1,
                    _ => tally.missed.push(number),
                }
            }
            let status = process.wait();
            assert!(status.success(), "seed {}, {history}: {status}: {}", self.seed, output(&data));
            self.check(&data, &history);
            tally.loads += 1;
        }
        tally
    }
}

/// What was done.
#[derive(Debug, Default)]
struct Tally {
    struck: usize,
    loads: usize,
    /// Points that lie behind the end of the load.
    missed: Vec<usize>,
}

/// What the program said in a folder, at the end.
fn output(data: &Path) -> String {
    let text = std::fs::read_to_string(data.join("output.txt")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    format!("{}\n{}", data.display(), lines[lines.len().saturating_sub(30)..].join("\n"))
}

#[test]
fn whatever_dies_the_table_ends_as_if_nothing_had_been() {
    let seed = variable("SPOTLIGHT_CRASH_SEED").map_or(20_261_121, |text| text.parse().expect("a number"));
    let extent = Extent::asked_for();
    println!("SPOTLIGHT_CRASH_SEED={seed}");
    let scratch = tempfile::Builder::new().prefix("crash").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    // Kept if the test fails: what a wrong folder holds is the only witness.
    let folder = scratch.keep();
    let started = now();
    let mut bench = Bench::new(&folder, seed, extent.rows);
    println!("undisturbed: {:?}, {:?}", bench.took, bench.load);
    let kills = bench.interrupt("kill", extent.kills);
    println!("kill: {kills:?} after {:?}", started.elapsed());
    let aborts = bench.interrupt("abort", extent.aborts);
    println!("abort: {aborts:?} after {:?}", started.elapsed());
    let outages = bench.outages(extent.outages);
    println!("outage: {outages:?} after {:?}", started.elapsed());
    std::fs::remove_dir_all(&folder).expect("a folder of this test");
}
