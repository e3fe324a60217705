//! Several processes of the program on one Kafka, one schema registry and one ClickHouse, all of them real: whatever
//! happens to the processes, the table and the topics end as if nothing had.
//!
//! A load of four files into `swaps.messages` is worked by two instances that share its partitions. A seed decides what
//! happens meanwhile, a few times: one is killed (SIGKILL) and started again under its name, or under another; one is
//! stopped for longer than its session and wakes up; one is asked to end and started again; one more comes and goes.
//! At the end: each row once in the table, the dead letters and receipts as published, `reconcile` says 0; and a consumer
//! and a decoder that are not ours find each row once in the topics, by the schemas of the registry.
//!
//! `cargo test --test shared` takes three seeds. More, or one again:
//!
//! ```sh
//! SPOTLIGHT_SHARED_SEEDS=200 cargo test --test shared -- --nocapture
//! SPOTLIGHT_SHARED_SEED=17 cargo test --test shared -- --nocapture
//! ```

#![expect(clippy::panic, reason = "a test that cannot go on says why")]

mod aborts;
mod answers;
mod brokers;
mod bucket;
mod checks;
mod clickhouse_proxy;
mod feed;
mod foreign;
mod independent;
#[path = "../crash/load.rs"]
mod load;
mod memories;
mod outages;
mod outside;
mod poison;
#[path = "../program/mod.rs"]
mod program;
mod services;
mod soak;
mod tables;
mod topics;
mod watching;
mod world;

use std::sync::OnceLock;

use testkit::Random;

use crate::program::{Said, root, spotlight, variable};
use crate::services::Services;
use crate::world::{Size, World};

/// The section "Run it on Kafka", as it stands there. The services have other ports, as those may be taken.
#[test]
fn the_demonstration_moves_onto_kafka_by_the_readme() {
    let services = services();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let blocks = |language: &str| {
        let fence = format!("```{language}\n");
        readme.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect::<Vec<_>>()
    };
    let connections = blocks("yaml").into_iter().find(|block| block.starts_with("# connections.yaml"));
    let connections = connections.expect("a file of connections in README.md");
    let ours = connections
        .replace("127.0.0.1:29092", services.kafka())
        .replace("http://127.0.0.1:28081/apis/ccompat/v7", services.registry());
    assert_ne!(connections, ours);
    std::fs::write(folder.path().join("connections.yaml"), ours).expect("a file");

    let commands = blocks("sh").into_iter().find(|block| block.contains("services/kafka.sh")).expect("the commands");
    let (scripts, program): (Vec<&str>, Vec<&str>) = commands.lines().partition(|line| line.starts_with("services/"));
    for line in scripts {
        let script = line.split_whitespace().next().expect("a script");
        assert!(root().join(script).is_file(), "{line}");
        assert!(line.contains(" up ") || line.contains(" down "), "{line}");
    }
    assert_eq!(program.len(), 1, "{program:?}");
    // Once to load, once more to find nothing new.
    for words in ["All is as the publishers know it", "Nothing new"] {
        let mut command = spotlight(program[0].split_whitespace().skip(1));
        let said: Said = command.current_dir(folder.path()).output().expect("the program starts").into();
        let said = said.ends(0);
        assert!(said.output.contains(words), "{}", said.output);
    }
    let topics = independent::read(services.kafka(), services.registry(), "demo.");
    assert!(topics["swaps.unique"].all > 10_000, "{topics:?}");
    assert!(topics.values().all(|topic| topic.all == topic.distinct), "{topics:?}");
}

/// One of each for all tests of this program.
fn services() -> &'static Services {
    static SERVICES: OnceLock<Services> = OnceLock::new();
    // Removed by a later run: this process ends before its services do.
    SERVICES.get_or_init(|| Services::start("processes"))
}

/// The seeds that were asked for, or so many.
fn seeds(count: u64) -> Vec<u64> {
    let number = |text: String| text.parse().expect("a number of a seed, or of seeds");
    match (variable("SPOTLIGHT_SHARED_SEED"), variable("SPOTLIGHT_SHARED_SEEDS")) {
        (Some(seed), _) => vec![number(seed)],
        (None, wanted) => (1..=wanted.map_or(count, number)).collect(),
    }
}

#[test]
fn whatever_happens_to_the_processes_each_row_is_there_once() {
    let scratch = tempfile::Builder::new().prefix("processes").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    // Kept if the test fails: what the processes said is the only witness.
    let folder = scratch.expect("a folder").keep();
    let services = services();
    for seed in seeds(3) {
        let mut world = World::new(services, &folder, ("processes", seed), Size { rows: 1_500, at_once: true });
        let mut random = Random::new(seed);
        world.start("one");
        world.start("two");
        for _ in 0..4 {
            world.wait_for_some_rows(&mut random);
            match random.below(5) {
                0 => world.kill_and_start_again(&mut random),
                1 => world.kill_and_replace(&mut random),
                2 => world.stop_past_its_session(&mut random),
                3 => world.end_and_start_again(&mut random),
                _ => world.come_and_go(),
            }
        }
        world.finish();
        println!("seed {seed}: {}", world.history());
    }
    std::fs::remove_dir_all(&folder).expect("a folder of this test");
}
