//! A flow that a person sent back to the start: dead letters of the earlier reading are closed where the row did not
//! fail again, and stay where it did, whatever dies on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect::RowPosition;
use log::Written;
use runtime::{Progress, Release, RetryAction, SystemTopics};

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
    send_to_the_start(&world);
    world
}

/// As `spotlight release --from earliest` does it.
fn send_to_the_start(world: &World) {
    let log = world.log();
    let records = Release { released_to: (0, 0), at: 1 }.records().expect("written");
    let mut transaction = log.begin();
    transaction.append(Written { topic: "feed.load.ledger".into(), partition: 0, records }).expect("appended");
    transaction.commit().expect("committed");
    let identity = world.log().topic(topic(world.kind)).expect("asked").expect("there").identity;
    let next = RowPosition { offset: 0, row: 0 };
    commit(world, "feed.load", Progress { next, topic: identity.to_string(), open: None }.position());
}

/// Numbers of the dead rows that were given up.
fn letters_given_up(world: &World) -> Vec<i64> {
    letters(world).into_iter().filter(|(_, state)| state == "given-up").map(|(row, _)| row).collect()
}

/// What became of each dead row, by its number.
fn letters(world: &World) -> BTreeMap<i64, String> {
    let letters = runtime::dead_letters(world.log().as_ref(), "feed").expect("dead letters");
    let number = |letter: &runtime::DeadLetter| if world.kind == Kind::Documents { letter.row } else { letter.offset };
    let state = |mark: Option<String>| mark.unwrap_or_else(|| "open".to_owned());
    letters.into_values().map(|(letter, mark)| (number(&letter), state(mark))).collect()
}

#[test]
fn what_a_person_gave_up_stays_so_when_it_is_read_again() {
    for kind in Kind::ALL {
        // Under `r1` the same rows fail again, under `r2` they do not: then they land.
        for revision in ["r1", "r2"] {
            let given_up = || {
                let world = sent_to_the_start(kind);
                let letters = runtime::dead_letters(world.log().as_ref(), "feed").expect("dead letters");
                let chosen: Vec<_> = letters.into_values().map(|(letter, _)| letter).collect();
                let (log, system) = (world.log(), SystemTopics::default());
                runtime::send_back(log.as_ref(), &system, &chosen[..2], RetryAction::GiveUp).expect("given up");
                // The flow hears of it, and is sent back once more.
                drop(log);
                world.run("r1", Arc::new(Script::default())).fine();
                send_to_the_start(&world);
                let rows: Vec<i64> = letters_given_up(&world);
                assert_eq!(rows.len(), 2);
                (world, rows)
            };
            let check = |world: &World, rows: &[i64], context: &str| {
                assert_eq!(letters_given_up(world), rows, "{context}");
                let open = letters(world).values().filter(|state| *state == "open").count();
                assert_eq!(open, usize::from(revision == "r1"), "{context}");
            };
            let script = Arc::new(Script::default());
            let (world, rows) = given_up();
            world.run(revision, Arc::clone(&script)).fine();
            check(&world, &rows, &format!("{kind:?} {revision}"));
            let whole = |world: &World, context: &str| {
                let rows = if revision == "r1" { 5 } else { 8 };
                assert!(kind == Kind::Append || world.table.visible().len() == rows, "{kind:?} {revision} {context}");
            };
            whole(&world, "");
            for kill in 0..script.taken().len() {
                let (world, rows) = given_up();
                world.run(revision, Script::kill_at(kill));
                world.run(revision, Arc::new(Script::default())).fine();
                check(&world, &rows, &format!("{kind:?} {revision}, killed at {kill}"));
                whole(&world, &format!("killed at {kill}"));
            }
        }
    }
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
