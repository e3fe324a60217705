//! A death on every arrow, then on every arrow of the life after it: the table ends as if nobody had died.

use std::collections::BTreeSet;
use std::sync::Arc;

use runtime::landing::Arrow;

use crate::world::{Kind, Outcomes, Script, World};

/// What an undisturbed run leaves, and the arrows that it takes.
fn undisturbed(kind: Kind) -> (Outcomes, Vec<Arrow>) {
    let world = World::in_memory(kind);
    world.prepare();
    let script = Arc::new(Script::default());
    world.run("r1", Arc::clone(&script)).fine();
    (world.result("undisturbed"), script.taken())
}

/// Kills one life after another at the given arrows, then lets one live. Gives the arrows of the last two lives.
fn lives(world: &World, kills: &[usize], expected: &Outcomes) -> (Vec<Option<Arrow>>, Vec<Arrow>) {
    world.prepare();
    let mut died_at = Vec::new();
    for kill in kills {
        let script = Script::kill_at(*kill);
        let ended = world.run("r1", Arc::clone(&script));
        died_at.push(ended.killed().then(|| script.taken().last().copied()).flatten());
    }
    let last = Arc::new(Script::default());
    world.run("r1", Arc::clone(&last)).fine();
    let context = format!("{:?} killed at {kills:?}, {died_at:?}", world.kind);
    assert_eq!(world.result(&context), *expected, "{context}");
    (died_at, last.taken())
}

#[test]
fn one_death_on_any_arrow_changes_nothing() {
    for kind in Kind::ALL {
        let (expected, arrows) = undisturbed(kind);
        assert!(!expected.visible.is_empty() && !expected.dead.is_empty(), "{expected:?}");
        let mut died_on = BTreeSet::new();
        for kill in 0..arrows.len() {
            let (died_at, _) = lives(&World::new(kind), &[kill], &expected);
            died_on.extend(died_at.into_iter().flatten());
        }
        let straight = BTreeSet::from([Arrow::Take, Arrow::Open, Arrow::Insert, Arrow::Withdraw, Arrow::Close]);
        assert_eq!(died_on, straight, "{kind:?}");
    }
}

/// Every pair of deaths. The arrows 4 and 7 exist only in the life after a death.
fn two_deaths(kind: Kind) {
    let (expected, arrows) = undisturbed(kind);
    let mut died_on = BTreeSet::new();
    for first in 0..arrows.len() {
        let (_, second_life) = lives(&World::in_memory(kind), &[first], &expected);
        for second in 0..second_life.len() {
            let (died_at, _) = lives(&World::in_memory(kind), &[first, second], &expected);
            assert!(died_at.iter().all(Option::is_some), "{kind:?} {first} {second}: {died_at:?}");
            died_on.extend(died_at.into_iter().flatten());
        }
    }
    let all_but_reopen: BTreeSet<Arrow> = Arrow::ALL.into_iter().filter(|arrow| *arrow != Arrow::Reopen).collect();
    assert_eq!(died_on, all_but_reopen, "{kind:?}");
}

#[test]
fn two_deaths_in_a_row_change_nothing_for_documents() {
    two_deaths(Kind::Documents);
}

#[test]
fn two_deaths_in_a_row_change_nothing_for_a_topic_with_state() {
    two_deaths(Kind::Append);
}

#[test]
fn two_deaths_in_a_row_change_nothing_for_a_topic_by_key() {
    two_deaths(Kind::ByKey);
}
