//! A flow that runs for long: what its store and its ledger need no more is deleted, whatever dies meanwhile, and nothing
//! that a row can ask for goes with it. What goes by another hand is a hold.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use batch::{Headers, RecordsBuilder};
use connect::RowPosition;
use log::Written;
use runtime::Progress;
use testkit::Random;

use crate::positions::commit;
use crate::world::{Kind, Script, World};

const CHANGELOG: &str = "feed.once.changelog";
const LEDGER: &str = "feed.load.ledger";

/// For how long keys are remembered, and how far one life is from the next.
const REMEMBER: i64 = 3_600_000;
const BETWEEN: Duration = Duration::from_mins(20);

/// Lines of one life: some keys are new, some come again after a time that a seed decides.
fn lines(random: &mut Random, life: usize) -> Vec<String> {
    let key = |random: &mut Random| match random.below(2) {
        0 => format!("of-{life}-{}", random.below(40)),
        _ => format!("of-{}-{}", life.saturating_sub(random.below(12) as usize), random.below(40)),
    };
    (0..60).map(|number| format!("{},x,{number}", key(random))).collect()
}

/// All lives of a seed; `snapshots` are taken or not. Gives the world after them and the rows that it must hold.
fn years(seed: u64, snapshots: u64) -> (World, Vec<String>) {
    let (mut world, mut random) = (World::in_memory(Kind::Append), Random::new(seed));
    world.snapshots_every = snapshots;
    let (mut seen, mut expected) = (BTreeMap::<String, i64>::new(), Vec::new());
    for life in 0..50 {
        world.later(BETWEEN);
        let lines = lines(&mut random, life);
        let texts: Vec<&str> = lines.iter().map(String::as_str).collect();
        let from =
            world.log().topic("events").expect("asked").map_or(0, |_| world.log().end("events", 0).expect("there"));
        world.produce(&texts);
        let arrival = world.log().read("events", 0, from, 1).expect("there")[0].arrivals.value(0);
        for line in &texts {
            let key = line.split(',').next().expect("a key").to_owned();
            if seen.get(&key).is_none_or(|seen| seen + REMEMBER <= arrival) {
                seen.insert(key, arrival);
                expected.push(line.replace(',', "|"));
            }
        }
        for _ in 0..random.below(3) {
            world.run("r1", Script::kill_at(random.below(40) as usize));
        }
        if random.below(4) == 0 {
            // Another machine goes on.
            let _ = fs::remove_dir_all(world.snapshots());
        }
        world.run("r1", Arc::new(Script::default())).fine();
    }
    expected.sort();
    (world, expected)
}

#[test]
fn a_changelog_is_cut_and_no_row_is_decided_otherwise() {
    for (seed, snapshots) in [(1, 1), (2, 1_000_000), (3, 0)] {
        let (world, expected) = years(seed, snapshots);
        let mut visible = world.result("years").visible;
        visible.sort();
        assert_eq!(visible, expected, "seed {seed}");
        let (first, end) = world.log_bounds(CHANGELOG);
        assert!(first > end / 3 && first < end, "seed {seed}: {first} to {end} are kept");
    }
}

#[test]
fn what_another_hand_takes_from_a_changelog_holds_until_a_person_says_so() {
    let (world, expected) = years(4, 1);
    let before = world.result("before");
    assert_eq!(before.visible.len(), expected.len());
    let log = world.log();
    let (_, end) = world.log_bounds(CHANGELOG);
    log.delete_before(CHANGELOG, 0, end).expect("there");
    world.produce(&["new,x,1"]);
    let ended = world.run("r1", Arc::new(Script::default()));
    ended.held_for("E5118");
    assert!(ended.holds[0].1.contains("what once of feed/load remembered is not whole"), "{:?}", ended.holds);
    assert_eq!(world.result("held"), before);
    // A person says that repeats may pass.
    let identity = log.topic("events").expect("asked").expect("there").identity;
    let next = RowPosition { offset: log.end("events", 0).expect("there") - 1, row: 0 };
    let progress = Progress { next, topic: identity.to_string(), open: None, stores: Vec::new() };
    commit(&world, "feed.load", progress.position());
    world.run("r1", Arc::new(Script::default())).fine();
    assert_eq!(world.result("released").visible.len(), expected.len() + 1);
    // From then on it is watched again.
    world.produce(&["newer,x,1"]);
    world.run("r1", Arc::new(Script::default())).fine();
}

#[test]
fn a_ledger_is_put_together_and_says_the_same() {
    let world = World::in_memory(Kind::ByKey);
    let lines = vec!["!bad,x,1"; 25_000];
    world.produce(&lines);
    let log = world.log();
    log.ensure_topic(&log::TopicSettings { name: LEDGER.into(), partitions: 1 }).expect("a topic");
    let mut records = RecordsBuilder::new();
    for offset in 0..25_000 {
        let counts =
            r#""counts":{"rows_in":1,"expanded":0,"landed":0,"outputs":{},"dropped":{"d":1},"dead":0,"held":0}"#;
        let line = format!(r#"{{"first":[{offset},0],"last":[{offset},0],{counts},"hash":"","revision":"r1"}}"#);
        records.push(None, Some(line.as_bytes()), &Headers::new(), 0);
    }
    let mut transaction = log.begin();
    transaction.append(Written { topic: LEDGER.into(), partition: 0, records: records.finish() }).expect("appended");
    transaction.commit().expect("committed");
    let identity = log.topic("events").expect("asked").expect("there").identity;
    let next = RowPosition { offset: 25_000, row: 0 };
    let progress = Progress { next, topic: identity.to_string(), open: None, stores: Vec::new() };
    commit(&world, "feed.load", progress.position());

    for life in 0..3 {
        world.produce(&["a,x,1", "b,y,2", "c,x,3", "d,x,4", "e,x,5"]);
        world.run("r1", Arc::new(Script::default())).fine();
        let entries = runtime::ledger(log.as_ref(), "feed", "load").expect("a ledger");
        assert!(entries.len() <= 1010, "{} lines", entries.len());
        let mut counts = telemetry::Counts::default();
        entries.iter().for_each(|entry| counts.add(&entry.counts));
        let landed = (life + 1) * 5;
        assert_eq!((counts.rows_in, counts.dropped["d"], counts.landed), (25_000 + landed, 25_000, landed));
        assert!(entries.windows(2).all(|pair| pair[0].last < pair[1].first), "in order, without overlap");
        assert_eq!(entries.first().map(|entry| entry.first), Some((0, 0)));
        assert_eq!(entries.last().map(|entry| entry.last.0), Some(25_000 + landed as i64 - 1));
        let (first, end) = world.log_bounds(LEDGER);
        assert!(first >= 25_000 && end - first < 10, "{first} to {end} are kept");
    }
}
