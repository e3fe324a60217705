//! A process that dies at each arrow of the landing protocol, the same one each time, and is started again on Kafka: the
//! table and the topics end as if it had lived.
//!
//! One process works a load. It aborts at an arrow (`SPOTLIGHT_TEST_ABORT_AT`), is started again and aborts at the next
//! one, until the load is over; a fresh load takes the arrows that are left. Then a second process joins, and everything is
//! looked at.

use testkit::Random;

use crate::seeds;
use crate::world::{Size, World};

/// Arrows, and the most of each kind that are passed before the death. Those of a start after a death stand behind one
/// that leaves a range open. Small numbers, so that a load that was interrupted before still has as many.
const DEATHS: [(&str, u64); 8] =
    [("take", 3), ("open", 3), ("insert", 3), ("resume", 1), ("withdraw", 2), ("ask", 1), ("close", 3), ("any", 20)];

#[test]
fn wherever_a_landing_dies_each_row_is_there_once() {
    let services = super::services();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    for seed in seeds(1) {
        let mut random = Random::new(seed);
        let mut left: Vec<String> =
            DEATHS.iter().rev().map(|(arrow, most)| format!("{arrow}:{}", 1 + random.below(*most))).collect();
        let mut loads = 0;
        while !left.is_empty() {
            let (size, before) = (Size { rows: 1_000, at_once: true }, left.len());
            let mut world = World::new(services, folder.path(), ("aborts", seed * 100 + loads), size);
            while left.last().is_some_and(|arrow| world.dies_at("one", arrow)) {
                left.pop();
            }
            assert!(left.len() < before, "no load comes to {:?}", left.last());
            world.start("one");
            world.start("two");
            world.finish();
            println!("{}", world.history());
            loads += 1;
        }
    }
}
