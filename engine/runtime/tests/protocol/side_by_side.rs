//! Pieces of one range that are inserted side by side: a death, trouble or a hold of one of them harms no other.

use std::sync::Arc;

use testkit::{Call, MODEL_TROUBLE, Trouble};

use crate::world::{Kind, Outcomes, Script, World};

fn world(kind: Kind) -> World {
    let mut world = World::in_memory(kind);
    world.slots = 3;
    world
}

/// What one insert at a time leaves, and how many arrows it takes.
fn one_by_one(kind: Kind) -> (Outcomes, usize) {
    let world = World::in_memory(kind);
    world.prepare();
    let script = Arc::new(Script::default());
    world.run("r1", Arc::clone(&script)).fine();
    (world.result("one by one"), script.taken().len())
}

#[test]
fn a_death_while_pieces_are_inserted_side_by_side_changes_nothing() {
    for kind in Kind::ALL {
        let (expected, arrows) = one_by_one(kind);
        for kill in 0..arrows {
            let world = world(kind);
            world.prepare();
            let ended = world.run("r1", Script::kill_at(kill));
            assert!(ended.killed(), "{kind:?} {kill}");
            world.run("r1", Arc::default()).fine();
            let context = format!("{kind:?} killed at {kill}");
            assert_eq!(world.result(&context), expected, "{context}");
        }
    }
}

#[test]
fn trouble_with_one_piece_harms_no_other() {
    for kind in Kind::ALL {
        let (expected, _) = one_by_one(kind);
        let troubles = Trouble::ALL.into_iter().filter(|trouble| *trouble != Trouble::Operator);
        for (trouble, troubled) in troubles.flat_map(|trouble| (0..4).map(move |insert| (trouble, insert))) {
            let world = world(kind);
            world.prepare();
            world.trouble(move |call, before| (call == Call::Insert && before == troubled).then_some(trouble));
            world.run("r1", Arc::default()).fine();
            let context = format!("{kind:?} {trouble:?} with insert {troubled}");
            assert_eq!(world.result(&context), expected, "{context}");
        }
    }
}

#[test]
fn what_one_piece_is_on_hold_for_is_listed_though_its_neighbour_lands() {
    let (expected, _) = one_by_one(Kind::Documents);
    for held in 0..2 {
        let world = world(Kind::Documents);
        world.prepare();
        world.trouble(move |call, before| (call == Call::Insert && before == held).then_some(Trouble::Operator));
        let ended = world.run("r1", Arc::default());
        ended.held_for(MODEL_TROUBLE.0);
        world.trouble(|_, _| None);
        world.run("r1", Arc::default()).fine();
        assert_eq!(world.result("after the hold"), expected);
    }
}
