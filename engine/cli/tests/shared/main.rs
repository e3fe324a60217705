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

mod independent;
#[path = "../crash/load.rs"]
mod load;
#[path = "../program/mod.rs"]
mod program;
mod world;

use testkit::Random;

use crate::program::variable;
use crate::world::{Services, World};

#[test]
fn whatever_happens_to_the_processes_each_row_is_there_once() {
    let seeds: Vec<u64> = match (variable("SPOTLIGHT_SHARED_SEED"), variable("SPOTLIGHT_SHARED_SEEDS")) {
        (Some(seed), _) => vec![seed.parse().expect("SPOTLIGHT_SHARED_SEED is a number")],
        (None, count) => {
            (1..=count.map_or(3, |count| count.parse().expect("SPOTLIGHT_SHARED_SEEDS is a number"))).collect()
        }
    };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let services = Services::start(folder.path());
    for seed in seeds {
        let mut world = World::new(&services, folder.path(), seed);
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
}
