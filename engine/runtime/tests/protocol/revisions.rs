//! A range that one revision opened and another makes again: arrow 8. What landed stays, only what is missing comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use runtime::Progress;
use runtime::landing::Arrow;
use testkit::{Call, Trouble};

use crate::less::accounted_for;
use crate::positions::topic;
use crate::world::{Kind, Script, World};

/// Positions and values of what the table holds, deletions and the first version of the document left out.
fn held(world: &World) -> BTreeMap<(i64, i64), i64> {
    let rows = world.table.rows().into_iter().filter(|row| !row.deleted);
    let rows = rows.map(|row| ((row.position.offset, row.position.row), row.cells[2].parse().expect("a number")));
    rows.collect()
}

/// The first position that is not closed.
fn closed(world: &World) -> (i64, i64) {
    let position = world.log().position("feed.load", topic(world.kind), 0).expect("a topic");
    let next = position.map(|position| Progress::read(&position).expect("our own").next);
    next.map_or((0, 0), |next| (next.offset, next.row))
}

/// The lives: `r1` until it dies, `r2` until it dies (if it is to), `r2` to its end. Checks that each row is there
/// once: with the value of the revision that landed it first, and no row of the second revision is missing.
fn reopened(kind: Kind, first: usize, second: Option<usize>, trouble: Option<Trouble>) -> Vec<Arrow> {
    let whole = World::in_memory(kind);
    whole.prepare();
    whole.run("r2", Arc::new(Script::default())).fine();
    let of_second = held(&whole);
    let world = World::in_memory(kind);
    world.prepare();
    world.trouble(move |call, before| trouble.filter(|_| call == Call::Insert && before == 0));
    world.run("r1", Script::kill_at(first));
    let landed = held(&world);
    let closed = closed(&world);
    let mut arrows = Vec::new();
    if let Some(second) = second {
        let script = Script::kill_at(second);
        world.run("r2", Arc::clone(&script));
        arrows.extend(script.taken());
    }
    let script = Arc::new(Script::default());
    let ended = world.run("r2", Arc::clone(&script));
    ended.fine();
    arrows.extend(script.taken());
    let context = format!("{kind:?}, {trouble:?}, r1 killed at {first}, r2 at {second:?}");
    world.result(&context);
    // What r1 closed is closed, with the rows that it made.
    let mut expected = of_second;
    expected.retain(|position, _| *position >= closed);
    if kind == Kind::Append {
        // Which of two rows of one key is the first depends on which were bad; keys are compared below.
        expected.retain(|position, _| !landed.contains_key(position));
    }
    expected.extend(landed.iter().map(|(position, value)| (*position, *value)));
    assert_eq!(held(&world), expected, "{context}");
    arrows
}

fn all_reopened(kind: Kind) {
    let mut taken = BTreeSet::new();
    for first in 0..16 {
        let arrows = reopened(kind, first, None, None);
        taken.extend(arrows.iter().copied());
        for second in 0..if first < 8 { arrows.len().min(8) } else { 0 } {
            taken.extend(reopened(kind, first, Some(second), None));
        }
    }
    assert!(taken.contains(&Arrow::Reopen) && taken.contains(&Arrow::Ask), "{kind:?}: {taken:?}");
}

#[test]
fn another_revision_lands_what_is_missing_of_documents() {
    all_reopened(Kind::Documents);
}

#[test]
fn another_revision_lands_what_is_missing_of_a_topic_by_key() {
    all_reopened(Kind::ByKey);
}

#[test]
fn another_revision_lands_what_is_missing_of_a_topic_with_state() {
    all_reopened(Kind::Append);
}

#[test]
fn an_insert_of_the_old_revision_that_still_runs_never_lands_beside_the_new() {
    for kind in Kind::ALL {
        for first in 2..5 {
            for trouble in [Trouble::StillRunning, Trouble::RunningLong] {
                reopened(kind, first, None, Some(trouble));
                reopened(kind, first, Some(2), Some(trouble));
            }
        }
    }
}

#[test]
fn rows_that_a_merge_took_away_are_not_landed_again_for_ever() {
    let world = World::in_memory(Kind::ByKey);
    world.produce(&["a,x,1", "a,x,2", "a,x,3", "b,y,4"]);
    world.table.merge_at_once();
    world.trouble(|_, _| None);
    // Take, open, insert of x, insert of y: killed before y.
    world.run("r1", Script::kill_at(3));
    world.run("r2", Arc::new(Script::default())).fine();
    assert!(world.table.calls(Call::Insert) < 10, "{} inserts", world.table.calls(Call::Insert));
    world.table.settle();
    let visible = world.table.visible();
    assert!(visible == ["a|x|3", "b|y|400"], "{visible:?}");
}

/// `r1` opens a range, `r2` lands rows of it that `r1` does not make, and `r1` comes again. The range is `r2`'s by then:
/// `r1` holds rather than close it with a ledger that does not know them.
#[test]
fn a_range_that_a_second_revision_opened_again_is_no_longer_the_firsts() {
    for kind in Kind::ALL {
        let mut held = 0;
        for first in 2..14 {
            for second in 2..6 {
                let world = World::in_memory(kind);
                world.prepare();
                world.run("r1", Script::kill_at(first));
                world.run("r2", Script::kill_at(second));
                let context = format!("{kind:?}: r1 killed at {first}, r2 at {second}, then r1");
                let life = world.run("r1", Arc::new(Script::default()));
                if !life.end.failed.is_empty() {
                    life.held_for("E5109");
                    held += 1;
                    world.run("r2", Arc::new(Script::default())).fine();
                }
                accounted_for(&world, &context);
            }
        }
        assert!(held > 0, "{kind:?}");
    }
}
