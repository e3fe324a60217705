//! A revision that makes less than the one before it landed: the flow holds, and the earlier revision ends what it began.
//! What the ledger says landed is what the table holds, whoever landed it.

use std::sync::Arc;

use testkit::{Call, Trouble};

use crate::world::{Kind, Outcomes, Script, World};

fn undisturbed(kind: Kind) -> (Outcomes, usize) {
    let world = World::in_memory(kind);
    world.prepare();
    let script = Arc::new(Script::default());
    world.run("r1", Arc::clone(&script)).fine();
    (world.result("undisturbed"), script.taken().len())
}

/// The ledger accounts for every row of the table.
pub(crate) fn accounted_for(world: &World, context: &str) {
    let landed = world.result(context).counts.landed;
    let rows = world.table.rows().into_iter().filter(|row| !row.deleted).count() as u64;
    assert_eq!(landed, rows, "{context}: rows of the ledger and of the table");
}

/// `r1` dies at each of its arrows, then `revision` runs. If it holds, nothing has changed and `r1` comes to the end that
/// it would have come to. Says how often it held and how often it ended.
fn after_each_death(kind: Kind, revision: &'static str, trouble: Option<Trouble>) -> (u64, u64) {
    let (expected, arrows) = undisturbed(kind);
    let (mut held, mut ended) = (0, 0);
    for kill in 0..arrows {
        let world = World::in_memory(kind);
        world.prepare();
        world.trouble(move |call, before| trouble.filter(|_| call == Call::Insert && before == 0));
        world.run("r1", Script::kill_at(kill));
        let context = format!("{kind:?}: r1 killed at {kill} with {trouble:?}, then {revision}");
        let life = world.run(revision, Arc::new(Script::default()));
        if life.end.failed.is_empty() {
            ended += 1;
            accounted_for(&world, &context);
            continue;
        }
        life.held_for("E5109");
        held += 1;
        let rows = world.table.rows();
        world.table.settle();
        assert_eq!(world.table.rows(), rows, "{context}: rows landed while it was on hold");
        world.run("r1", Arc::new(Script::default())).fine();
        assert_eq!(world.result(&context), expected, "{context}, then r1");
    }
    (held, ended)
}

const TROUBLES: [Option<Trouble>; 3] = [None, Some(Trouble::StillRunning), Some(Trouble::RunningLong)];

#[test]
fn a_document_that_is_half_landed_and_then_refused_holds() {
    for trouble in TROUBLES {
        let (held, ended) = after_each_death(Kind::Documents, "refuses", trouble);
        assert!(held > 0 && ended > 0, "{trouble:?}: {held} {ended}");
    }
}

#[test]
fn a_document_that_is_shorter_than_what_landed_holds() {
    for trouble in TROUBLES {
        let (held, ended) = after_each_death(Kind::Documents, "short", trouble);
        assert!(held > 0 && ended > 0, "{trouble:?}: {held} {ended}");
    }
}

#[test]
fn rows_of_an_open_range_that_are_bad_now_hold_only_if_they_landed() {
    for kind in Kind::ALL {
        for trouble in TROUBLES {
            let (held, ended) = after_each_death(kind, "picky", trouble);
            assert!(held > 0 && ended > 0, "{kind:?} {trouble:?}: {held} {ended}");
        }
    }
}

#[test]
fn dead_rows_of_ranges_that_another_revision_closed_withhold_too() {
    let world = World::in_memory(Kind::Documents);
    world.offer(&[("one", "/one", "key,part,value\na,x,1\nb,x,1\n")]);
    world.run("r1", Arc::new(Script::default())).fine();
    world.offer(&[("one", "/one", "key,part,value\n!b,x,2\nc,x,2\nd,x,2\ne,x,2\nf,x,2\ng,x,2\nh,x,2\n")]);
    // Take, open, insert, withdraw, close of the first range: killed as the second is taken.
    let script = Script::kill_at(5);
    assert!(world.run("r1", Arc::clone(&script)).killed(), "{:?}", script.taken());
    world.run("r2", Arc::new(Script::default())).fine();
    let visible = world.table.visible();
    assert!(visible.contains(&"b|x|1".to_owned()), "b is dead, so it stays as it was: {visible:?}");
    let receipts = world.result("receipts").receipts;
    let (_, version, outcome, landed, dead, withdrawn) = &receipts[1];
    assert_eq!((*version, outcome.as_str(), *landed, *dead, *withdrawn), (2, "rows", 6, 1, 0));
    accounted_for(&world, "closed by two revisions");
}
