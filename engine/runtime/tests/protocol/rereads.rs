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

/// The numbers of the rows that are dead under `r1`.
const ALL_DEAD: [i64; 3] = [0, 3, 6];

/// As `spotlight release --from earliest` does it.
fn send_to_the_start(world: &World) {
    let log = world.log();
    let records = Release { released_to: (0, 0), at: 1, onto: None }.records().expect("written");
    let mut transaction = log.begin();
    transaction.append(Written { topic: "feed.load.ledger".into(), partition: 0, records }).expect("appended");
    transaction.commit().expect("committed");
    let identity = world.log().topic(topic(world.kind)).expect("asked").expect("there").identity;
    let next = RowPosition { offset: 0, row: 0 };
    commit(
        world,
        "feed.load",
        Progress { next, topic: identity.to_string(), open: None, stores: Vec::new() }.position(),
    );
}

/// Numbers of the dead rows in this state.
fn letters_in(world: &World, state: &str) -> Vec<i64> {
    letters(world).into_iter().filter(|(_, of)| of == state).map(|(row, _)| row).collect()
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
                let rows: Vec<i64> = letters_in(&world, "given-up");
                assert_eq!(rows.len(), 2);
                (world, rows)
            };
            let check = |world: &World, rows: &[i64], context: &str| {
                // What landed after all is not given up any more.
                let (given_up, superseded) = if revision == "r1" { (rows, &[][..]) } else { (&[][..], &ALL_DEAD[..]) };
                assert_eq!(letters_in(world, "given-up"), given_up, "{context}");
                assert_eq!(letters_in(world, "superseded"), superseded, "{context}");
                let open = letters_in(world, "open").len();
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

#[test]
fn what_was_sent_back_before_it_is_read_again_lands_once() {
    let sent_back = |kind: Kind| {
        let world = sent_to_the_start(kind);
        let letters = runtime::dead_letters(world.log().as_ref(), "feed").expect("dead letters");
        let chosen: Vec<_> = letters.into_values().map(|(letter, _)| letter).collect();
        let system = SystemTopics::default();
        let sent = runtime::send_back(world.log().as_ref(), &system, &chosen, RetryAction::Replay).expect("sent back");
        assert_eq!(sent, 3);
        world
    };
    for kind in Kind::ALL {
        for (revision, state) in [("r2", "superseded"), ("r1", "open")] {
            let check = |world: &World, context: &str| {
                assert_eq!(letters_in(world, state), ALL_DEAD, "{kind:?} {revision} {context}");
                // They had not landed before: the others may stand there from the first reading.
                let number = |row: &testkit::ModelRow| match kind {
                    Kind::Documents => row.position.row,
                    _ => row.position.offset,
                };
                let rows = world.table.rows();
                let landed: Vec<i64> = rows.iter().map(number).filter(|row| ALL_DEAD.contains(row)).collect();
                let once = if revision == "r2" { ALL_DEAD.len() } else { 0 };
                assert_eq!(landed.len(), once, "{kind:?} {revision} {context}: {landed:?}");
            };
            let script = Arc::new(Script::default());
            let world = sent_back(kind);
            world.run(revision, Arc::clone(&script)).fine();
            check(&world, "");
            for kill in 0..script.taken().len() {
                let world = sent_back(kind);
                world.run(revision, Script::kill_at(kill));
                world.run(revision, Arc::new(Script::default())).fine();
                check(&world, &format!("killed at {kill}"));
            }
        }
    }
}

/// A document of which a dead row was given up, then another version, then the first content again: not yet run.
fn gone_back() -> World {
    const FIRST: &str = "key,part,value\n!a,x,1\nb,x,2\nc,x,3\nd,x,4\ne,y,5\n!f,x,6\ng,x,7\nh,x,8\ni,y,9\nj,x,10\n";
    let world = World::in_memory(Kind::Documents);
    world.offer(&[("one", "/one", FIRST)]);
    world.run("r1", Arc::new(Script::default())).fine();
    let letters = runtime::dead_letters(world.log().as_ref(), "feed").expect("dead letters");
    let chosen: Vec<_> = letters.into_values().map(|(letter, _)| letter).collect();
    let system = SystemTopics::default();
    runtime::send_back(world.log().as_ref(), &system, &chosen, RetryAction::GiveUp).expect("given up");
    world.run("r1", Arc::new(Script::default())).fine();
    world.offer(&[("one", "/one", "key,part,value\nb,x,20\nz,y,1\n")]);
    world.run("r1", Arc::new(Script::default())).fine();
    assert_eq!(world.table.visible(), ["b|x|20", "z|y|1"]);
    world.offer(&[("one", "/one", FIRST)]);
    world
}

#[test]
fn a_document_that_goes_back_to_earlier_content_keeps_what_was_given_up_of_it() {
    // Under `r2` the rows do not fail any more: then they land.
    for (revision, rows, state) in [("r1", 8, "given-up"), ("r2", 10, "superseded")] {
        let check = |world: &World, context: &str| {
            let visible = world.table.visible();
            assert_eq!(visible.len(), rows, "{revision} {context}: {visible:?}");
            assert!(!visible.iter().any(|row| row.starts_with('z')), "{revision} {context}: {visible:?}");
            let letters = runtime::dead_letters(world.log().as_ref(), "feed").expect("dead letters");
            let states: Vec<_> = letters.into_values().filter_map(|(_, state)| state).collect();
            assert_eq!(states, [state, state], "{revision} {context}");
        };
        let script = Arc::new(Script::default());
        let world = gone_back();
        world.run(revision, Arc::clone(&script)).fine();
        check(&world, "");
        for kill in 0..script.taken().len() {
            let world = gone_back();
            world.run(revision, Script::kill_at(kill));
            world.run(revision, Arc::new(Script::default())).fine();
            check(&world, &format!("killed at {kill}"));
        }
    }
}
