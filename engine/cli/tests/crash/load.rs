//! What is loaded: four generated files of swap messages, and the shipped topologies with smaller ranges.
//!
//! The files are two pairs. The second of a pair repeats messages of the first, some word for word and some with other
//! content, so that the outcome depends on what the flow remembers. Which of two equal messages stays depends on their
//! order, so both files of a pair stand in one partition of the flow's documents, where order is kept; the pairs stand in
//! different ones and are worked at the same time. The days lie in two years, by which the table is partitioned, so that
//! ranges have several pieces.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use batch::partition_of;
use chrono::NaiveDate;
use publishers::dtcc::{Class, Contents, Generation, cumulative};

use crate::program::root;

/// Partitions of a flow's documents.
const DOCUMENT_PARTITIONS: i32 = 4;

/// Rows of one range that lands. The shipped topology has 500,000; with fewer a small load opens many ranges.
const RANGE_ROWS: u64 = 1_000;

/// Files and topologies of a load, and what is true of them.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) documents: PathBuf,
    pub(crate) topologies: [PathBuf; 2],
    /// Rows that must be in the table.
    pub(crate) unique: u64,
    /// Rows that must be dead letters.
    pub(crate) dead: u64,
    pub(crate) files: u64,
}

/// Makes the load below a folder. `rows`: fresh messages of each of the four files.
pub(crate) fn make(folder: &Path, seed: u64, rows: u64) -> Load {
    let documents = folder.join("documents");
    std::fs::create_dir_all(&documents).expect("a folder");
    let [first, second] = pairs();
    let (mut unique, mut dead, mut files) = (0, 0, 0);
    for (day, previous) in
        [(first[0], None), (first[1], Some(first[0])), (second[0], None), (second[1], Some(second[0]))]
    {
        let repeated = if previous.is_some() { rows / 10 } else { 0 };
        let contents = Contents { fresh: rows, bad: rows / 100, repeats: repeated, conflicts: repeated / 10 };
        let made = cumulative(seed, Generation::First, Class::Rates, day, previous, contents);
        std::fs::write(documents.join(&made.name), &made.bytes).expect("a file");
        unique += made.truth.rows - made.truth.repeats - made.truth.conflicts;
        dead += made.truth.dead;
        files += 1;
    }
    Load { documents, topologies: topologies(folder), unique, dead, files }
}

/// Two pairs of days, each within one partition, and each day with ids of its own.
fn pairs() -> [[NaiveDate; 2]; 2] {
    let partition =
        |day: NaiveDate| partition_of(format!("dtcc-cftc-rates/fetch/date={day}").as_bytes(), DOCUMENT_PARTITIONS);
    let days = |year| (0..80).filter_map(move |day| NaiveDate::from_yo_opt(year, 100 + day));
    let pair = |wanted: i32, skip: usize| {
        let of_year =
            |year| days(year).filter(|day| partition(*day) == wanted).nth(skip).expect("a day of each partition");
        [of_year(2018), of_year(2019)]
    };
    [pair(0, 0), pair(1, 3)]
}

/// The shipped topologies beside each other, with a smaller range.
fn topologies(folder: &Path) -> [PathBuf; 2] {
    let here = folder.join("topologies");
    std::fs::create_dir_all(&here).expect("a folder");
    symlink(root().join("schemas"), folder.join("schemas")).expect("a link");
    for shared in ["templates", "headers", "fixtures"] {
        symlink(root().join("topologies").join(shared), here.join(shared)).expect("a link");
    }
    let text = |name: &str| std::fs::read_to_string(root().join("topologies").join(name)).expect("a shipped topology");
    let landing = "table: swaps.messages, rows: append";
    let swaps = text("swaps.yaml");
    assert!(swaps.contains(landing), "the shipped topology lands otherwise now");
    let swaps = swaps.replace(landing, &format!("{landing}, batch: {{ rows: {RANGE_ROWS}, age: 1s }}"));
    let places = [here.join("dtcc-cftc-rates.yaml"), here.join("swaps.yaml")];
    std::fs::write(&places[0], text("dtcc-cftc-rates.yaml")).expect("a file");
    std::fs::write(&places[1], swaps).expect("a file");
    places
}
