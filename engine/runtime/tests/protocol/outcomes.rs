//! Inserts whose outcome is not known, with and without a death right after.

use std::sync::Arc;

use testkit::{Call, Random, Trouble};

use crate::world::{Kind, Outcomes, Script, World};

fn expected(kind: Kind) -> Outcomes {
    let world = World::in_memory(kind);
    world.prepare();
    world.run("r1", Arc::new(Script::default())).fine();
    world.result("undisturbed")
}

/// What can go wrong with an insert without a person being needed.
pub(crate) const PASSING: [Trouble; 7] = [
    Trouble::Transient,
    Trouble::LostBefore,
    Trouble::LostAfter,
    Trouble::StillRunning,
    Trouble::RunningLong,
    Trouble::NotBegun,
    Trouble::LostPart,
];

#[test]
fn each_trouble_at_each_insert_changes_nothing() {
    for kind in Kind::ALL {
        let expected = expected(kind);
        for trouble in PASSING {
            for insert in 0..3 {
                let world = World::in_memory(kind);
                world.prepare();
                world.trouble(move |call, before| (call == Call::Insert && before == insert).then_some(trouble));
                world.run("r1", Arc::new(Script::default())).fine();
                let context = format!("{kind:?}: {trouble:?} at insert {insert}");
                assert!(world.table.calls(Call::Insert) > insert, "{context} was not reached");
                assert_eq!(world.result(&context), expected, "{context}");
            }
        }
    }
}

#[test]
fn a_death_right_after_each_trouble_changes_nothing() {
    for kind in Kind::ALL {
        let expected = expected(kind);
        for trouble in PASSING {
            // The process dies on each of the arrows around the troubled insert.
            for kill in 0..6 {
                let world = World::in_memory(kind);
                world.prepare();
                world.trouble(move |call, before| (call == Call::Insert && before == 0).then_some(trouble));
                world.run("r1", Script::kill_at(kill));
                world.run("r1", Arc::new(Script::default())).fine();
                let context = format!("{kind:?}: {trouble:?}, killed at {kill}");
                assert_eq!(world.result(&context), expected, "{context}");
            }
        }
    }
}

#[test]
fn an_answer_for_the_whole_range_is_not_taken_for_a_pieces_own() {
    for kind in Kind::ALL {
        let expected = expected(kind);
        for insert in 0..4 {
            let world = World::in_memory(kind);
            world.prepare();
            world.table.answer_for_all_partitions();
            world
                .trouble(move |call, before| (call == Call::Insert && before == insert).then_some(Trouble::LostBefore));
            world.run("r1", Arc::new(Script::default())).fine();
            assert_eq!(world.result("asked by range"), expected, "{kind:?}: insert {insert}");
        }
    }
}

#[test]
fn random_troubles_and_deaths_change_nothing() {
    for kind in Kind::ALL {
        let expected = expected(kind);
        for seed in 0..4 {
            let mut random = Random::new(seed);
            let world = World::in_memory(kind);
            world.prepare();
            let mut chooser = Random::new(seed ^ 0xff);
            world.trouble(move |call, _| {
                let often = if call == Call::Insert { 350 } else { 60 };
                chooser.chance(often).then(|| PASSING[chooser.below(PASSING.len() as u64) as usize])
            });
            for _ in 0..random.below(4) {
                world.run("r1", Script::kill_at(random.below(8) as usize));
            }
            world.run("r1", Arc::new(Script::default())).fine();
            let context = format!("{kind:?} {random}");
            assert_eq!(world.result(&context), expected, "{context}");
        }
    }
}

#[test]
fn a_refusal_holds_and_goes_on_when_it_is_mended() {
    for kind in Kind::ALL {
        let expected = expected(kind);
        let world = World::in_memory(kind);
        world.prepare();
        world.trouble(|call, _| (call == Call::Insert).then_some(Trouble::Operator));
        world.run("r1", Arc::new(Script::default())).held_for(testkit::MODEL_TROUBLE.0);
        world.trouble(|_, _| None);
        world.run("r1", Arc::new(Script::default())).fine();
        assert_eq!(world.result("mended"), expected, "{kind:?}");
    }
}
