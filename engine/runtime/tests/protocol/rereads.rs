//! A flow that a person sent back to the start: dead letters of the earlier reading are closed where the row did not
//! fail again, and stay where it did, whatever dies on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect::RowPosition;
use runtime::Progress;

use crate::positions::{commit, topic};
use crate::world::{Kind, Script, World};

/// Rows 0, 3 and 6 are dead under `r1`, and the flow stands at the start again. Ranges are shorter than the document.
fn sent_to_the_start(kind: Kind) -> World {
    let lines = ["!a,x,1", "b,x,2", "c,x,3", "!d,x,4", "e,y,5", "f,x,6", "!g,x,7", "h,y,8"];
    let world = World::in_memory(kind);
    match kind {
        Kind::Documents => {
            world.offer(&[("one", "/one", &format!("key,part,value\n{}\n", lines.join("\n")))]);
        }
        _ => world.produce(&lines),
    }
    world.run("r1", Arc::new(Script::default())).fine();
    let identity = world.log().topic(topic(kind)).expect("asked").expect("there").identity;
    let next = RowPosition { offset: 0, row: 0 };
    commit(&world, "feed.load", Progress { next, topic: identity.to_string(), open: None }.position());
    world
}

/// What became of each dead row, by its number.
fn letters(world: &World) -> BTreeMap<i64, String> {
    let letters = runtime::dead_letters(world.log().as_ref(), "feed").expect("dead letters");
    let number = |letter: &runtime::DeadLetter| if world.kind == Kind::Documents { letter.row } else { letter.offset };
    let state = |mark: Option<String>| mark.unwrap_or_else(|| "open".to_owned());
    letters.into_values().map(|(letter, mark)| (number(&letter), state(mark))).collect()
}

#[test]
fn letters_of_an_earlier_reading_are_closed_where_the_row_passes_and_stay_where_it_fails() {
    let closed = [(0, "superseded"), (3, "superseded"), (6, "superseded")];
    let again: [(i64, &str); 4] = [(0, "open"), (2, "open"), (3, "open"), (6, "open")];
    for kind in Kind::ALL {
        for (revision, expected) in [("r2", &closed[..]), ("picky", &again[..])] {
            let expected: BTreeMap<i64, String> =
                expected.iter().map(|&(row, state)| (row, state.to_owned())).collect();
            let script = Arc::new(Script::default());
            let world = sent_to_the_start(kind);
            world.run(revision, Arc::clone(&script)).fine();
            assert_eq!(letters(&world), expected, "{kind:?} {revision}");
            for kill in 0..script.taken().len() {
                let world = sent_to_the_start(kind);
                world.run(revision, Script::kill_at(kill));
                world.run(revision, Arc::new(Script::default())).fine();
                assert_eq!(letters(&world), expected, "{kind:?} {revision}, killed at {kill}");
            }
        }
    }
}
