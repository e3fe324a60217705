//! Scenarios of stream processing as data: a topology, what comes when, who dies where, and what must be seen then.
//!
//! Each file of `data/` is one scenario; `story.rs` says how it is written, and a new one needs no code. The scenarios
//! are those of Kafka Streams' own tests, which each file names, told in the words of this engine; where our answer is
//! another on purpose, the file says why. [`CLAIMED`] lists the numbers that must be there.

mod dying_log;
mod story;
mod tell;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use story::{Deaths, Scenario};

/// The scenarios that are held, with the rule of ours that each shows.
const CLAIMED: [(u32, &str); 16] = [
    (61, "a row leaves by the first case that is true; what none takes is counted or goes on, as the file says"),
    (66, "stream time is the highest arrival, and never goes back"),
    (69, "stream time survives a restart, with snapshots or without"),
    (70, "a time that cannot be is a dead letter before it moves anything, and no extreme makes a task spin"),
    (71, "only bad records: the position is past them"),
    (72, "bad records before or after good ones: the position is past all"),
    (73, "a range of bad records only is closed like any other, and the flow goes on"),
    (74, "a bad record is a dead letter and the rest is worked"),
    (78, "a dead letter is in the transaction of its range: one, whoever dies when"),
    (79, "where the dead letter cannot be written the position does not move"),
    (94, "whoever dies when, what is seen is the same"),
    (95, "the first of a key passes, repeats within the horizon do not"),
    (96, "a null in the key is a dead letter"),
    (97, "a repeat does not refresh the first"),
    (98, "too late to be told from a repeat is an outcome of its own"),
    (99, "the horizon is the whole of what the file says"),
];

/// Scenarios with their file names.
fn scenarios() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/data");
    let mut scenarios = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a text");
        scenarios
            .push((name.clone(), Scenario::read(&text).map_err(|what| format!("{name}: {what}")).expect("a scenario")));
    }
    scenarios.sort_by(|one, other| one.0.cmp(&other.0));
    scenarios
}

#[test]
fn each_scenario_shows_what_it_says() {
    let scenarios = scenarios();
    let told = |(file, scenario): &(String, Scenario)| match tell::tell(scenario) {
        Ok(0) if scenario.deaths != Deaths::None => Some(format!("{file}: nobody died")),
        Ok(_) => None,
        Err(what) => Some(format!("{}: {} ({file})\n{what}", scenario.named(), scenario.title)),
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let tellers: Vec<_> = scenarios.iter().map(|scenario| scope.spawn(|| told(scenario))).collect();
        tellers.into_iter().filter_map(|teller| teller.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn each_number_that_is_claimed_has_its_scenario() {
    let scenarios = scenarios();
    for (file, scenario) in &scenarios {
        let begins = scenario.number.map_or("rule-".to_owned(), |number| format!("{number}-"));
        assert!(file.starts_with(&begins), "{file} is {}", scenario.named());
    }
    let told: BTreeSet<u32> = scenarios.iter().filter_map(|(_, scenario)| scenario.number).collect();
    let claimed: BTreeSet<u32> = CLAIMED.iter().map(|(number, _)| *number).collect();
    let missing: Vec<_> = claimed.difference(&told).collect();
    assert!(missing.is_empty(), "claimed, and not told: {missing:?}");
}
