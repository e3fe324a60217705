//! A process that writes is killed at any moment; whoever opens the folder then finds all that was acknowledged, and of
//! the rest whole transactions or nothing.
//!
//! This test is a program of its own, without the test harness: it starts itself again as the process to be killed.
//! Each transaction holds its number, once in either partition, and moves a position. The number is printed once the
//! log has acknowledged it. The kill comes after a seeded count of printed lines; where in the next transaction it hits
//! is up to the machine, and every place must do.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use batch::{Headers, RecordsBuilder};
use log::embedded::EmbeddedLog;
use log::{Log, LogError, Position, TopicSettings, Written};
use testkit::Random;

const SEED: u64 = 20_260_101;
const ROUNDS: u64 = 8;
const WRITER: &str = "write-until-killed";

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == WRITER) {
        Some(at) => write_for_ever(Path::new(&arguments[at + 1])),
        None => kill_and_look(),
    }
}

fn open(folder: &Path) -> Result<EmbeddedLog, LogError> {
    let log = EmbeddedLog::open(folder, Arc::new(|| 1))?;
    log.ensure_topic(&TopicSettings { name: "numbers".into(), partitions: 2 })?;
    Ok(log)
}

fn write_for_ever(folder: &Path) -> Outcome {
    let log = open(folder)?;
    let mut random = Random::new(SEED);
    let mut output = std::io::stdout().lock();
    loop {
        let number = log.end("numbers", 0)?;
        let mut transaction = log.begin();
        for partition in [0, 1] {
            // Of very different sizes, so that some commits also move the write-ahead log into the database.
            let most = if random.chance(100) { 3_000_000 } else { 3_000 };
            let length = random.below(most) as usize;
            let mut builder = RecordsBuilder::new();
            builder.push(Some(&number.to_le_bytes()), Some(&random.bytes(length)), &Headers::new(), 0);
            transaction.append(Written { topic: "numbers".into(), partition, records: builder.finish() })?;
        }
        let position = Position { offset: number + 1, metadata: number.to_string() };
        transaction.commit_position("group", "numbers", 0, position)?;
        transaction.commit()?;
        writeln!(output, "{number}")?;
        output.flush()?;
    }
}

fn kill_and_look() -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut random = Random::new(SEED);
    let mut expected = 0;
    for round in 0..ROUNDS {
        let mut writer =
            Command::new(std::env::current_exe()?).arg(WRITER).arg(folder.path()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(writer.stdout.take().ok_or("no output")?);
        for _ in 0..random.below(40) {
            read_number(&mut lines, &mut expected);
        }
        writer.kill()?;
        writer.wait()?;
        // Lines that it had printed before the kill reached it.
        while read_number(&mut lines, &mut expected) {}
        let held = look(folder.path())?;
        assert!(
            held == expected || held == expected + 1,
            "round {round}, {random}: {expected} transactions were acknowledged, {held} are there"
        );
        expected = held;
    }
    assert!(expected > 0, "nothing was written");
    Ok(())
}

/// Reads one whole line; a line that was cut by the kill does not count.
fn read_number(lines: &mut impl BufRead, expected: &mut i64) -> bool {
    let mut line = String::new();
    let read = lines.read_line(&mut line).is_ok();
    if !read || !line.ends_with('\n') {
        return false;
    }
    assert_eq!(line.trim().parse().ok(), Some(*expected), "the writer did not go on where it had been");
    *expected += 1;
    true
}

/// Number of transactions that are there, once all their parts agree.
fn look(folder: &Path) -> Result<i64, Box<dyn std::error::Error>> {
    let log = open(folder)?;
    let held = log.end("numbers", 0)?;
    assert_eq!(log.end("numbers", 1)?, held, "the partitions differ");
    let position = log.position("group", "numbers", 0)?;
    assert_eq!(position.map_or(0, |position| position.offset), held, "the position differs");
    for partition in [0, 1] {
        let blocks = log.read("numbers", partition, 0, usize::MAX)?;
        let numbers = blocks.iter().flat_map(batch::Records::iter).map(|record| record.key.map(<[u8]>::to_vec));
        assert!(numbers.eq((0..held).map(|number| Some(number.to_le_bytes().to_vec()))), "partition {partition}");
    }
    Ok(held)
}
