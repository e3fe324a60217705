//! Dead letters that come back: a death on any arrow, or an insert whose outcome is not known, changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use runtime::RetryAction;
use runtime::landing::Arrow;
use testkit::{Call, Trouble};

use crate::outcomes::PASSING;
use crate::world::{Kind, Outcomes, Script, World};

/// Rows are dead under `r1`, and on their way back. Under `r2` they are good.
fn sent_back(kind: Kind, action: RetryAction) -> World {
    let world = World::in_memory(kind);
    match kind {
        Kind::Documents => {
            world.offer(&[("one", "/one", "key,part,value\na,x,1\nb,x,1\nc,y,1\ngone,z,1\n")]);
            world.run("r1", Arc::new(Script::default())).fine();
            // While b and c are dead nothing is withdrawn: not even `gone`.
            world.offer(&[("one", "/one", "key,part,value\na,x,2\n!b,x,2\n!c,y,2\nd,z,2\ne,z,2\n")]);
            world.run("r1", Arc::new(Script::default())).fine();
            assert_eq!(world.table.visible(), ["a|x|2", "b|x|1", "c|y|1", "d|z|2", "e|z|2", "gone|z|1"]);
        }
        _ => {
            world.produce(&["a,x,1", "!b,y,2", "c,x,3", "!b,y,4", "!d,x,5", "e,y,6"]);
            world.run("r1", Arc::new(Script::default())).fine();
        }
    }
    world.send_back(action);
    if kind != Kind::Documents {
        // New rows wait beside those that come back; b and d are known by then.
        world.produce(&["b,y,7", "d,x,8", "f,x,9"]);
    }
    world.trouble(|_, _| None);
    world
}

fn undisturbed(kind: Kind, action: RetryAction) -> (Outcomes, Vec<Arrow>) {
    let world = sent_back(kind, action);
    let script = Arc::new(Script::default());
    world.run("r2", Arc::clone(&script)).fine();
    (world.result("undisturbed"), script.taken())
}

#[test]
fn what_comes_back_lands_once_and_then_the_version_withdraws() {
    let cases: [(Kind, RetryAction, &[&str]); 6] = [
        (Kind::Documents, RetryAction::Replay, &["a|x|2", "b|x|200", "c|y|200", "d|z|2", "e|z|2"]),
        (Kind::Documents, RetryAction::GiveUp, &["a|x|2", "d|z|2", "e|z|2"]),
        (Kind::Append, RetryAction::Replay, &["a|x|1", "b|y|200", "c|x|3", "d|x|500", "e|y|6", "f|x|900"]),
        (Kind::Append, RetryAction::GiveUp, &["a|x|1", "b|y|700", "c|x|3", "d|x|800", "e|y|6", "f|x|900"]),
        (Kind::ByKey, RetryAction::Replay, &["a|x|1", "b|y|700", "c|x|3", "d|x|800", "e|y|6", "f|x|900"]),
        (Kind::ByKey, RetryAction::GiveUp, &["a|x|1", "b|y|700", "c|x|3", "d|x|800", "e|y|6", "f|x|900"]),
    ];
    for (kind, action, visible) in cases {
        let outcomes = undisturbed(kind, action).0;
        assert_eq!(outcomes.visible, visible, "{kind:?} {action:?}");
        // The receipt says what became of the rows that were dead, and of what the version withdrew with them.
        if let Some((_, version, _, landed, dead, withdrawn)) = outcomes.receipts.last() {
            let (wanted, gone) = if action == RetryAction::Replay { (5, 1) } else { (3, 3) };
            assert_eq!((*version, *landed, *dead, *withdrawn), (2, wanted, 0, gone), "{action:?}");
        }
    }
}

#[test]
fn deaths_while_rows_come_back_change_nothing() {
    for kind in Kind::ALL {
        for action in [RetryAction::Replay, RetryAction::GiveUp] {
            let (expected, arrows) = undisturbed(kind, action);
            let mut died_on = BTreeSet::new();
            for first in 0..arrows.len() {
                let world = sent_back(kind, action);
                world.run("r2", Script::kill_at(first));
                let script = Script::kill_at(first % 5);
                world.run("r2", Arc::clone(&script));
                died_on.extend(script.taken().last().copied());
                world.run("r2", Arc::new(Script::default())).fine();
                let context = format!("{kind:?} {action:?}: killed at {first}, then at {}", first % 5);
                assert_eq!(world.result(&context), expected, "{context}");
            }
            if action == RetryAction::Replay {
                assert!(died_on.contains(&Arrow::Ask) && died_on.contains(&Arrow::Resume), "{kind:?}: {died_on:?}");
            }
        }
    }
}

#[test]
fn unknown_outcomes_while_rows_come_back_change_nothing() {
    for kind in Kind::ALL {
        let (expected, _) = undisturbed(kind, RetryAction::Replay);
        for trouble in PASSING {
            for insert in 0..2 {
                // Without a death, and with one right after.
                for kill in [None, Some(3), Some(4)] {
                    let world = sent_back(kind, RetryAction::Replay);
                    world.trouble(move |call, before| (call == Call::Insert && before == insert).then_some(trouble));
                    if let Some(kill) = kill {
                        world.run("r2", Script::kill_at(kill));
                    }
                    world.run("r2", Arc::new(Script::default())).fine();
                    let context = format!("{kind:?}: {trouble:?} at insert {insert}, killed at {kill:?}");
                    assert_eq!(world.result(&context), expected, "{context}");
                }
            }
        }
    }
}

#[test]
fn rows_that_came_back_and_are_bad_again_hold_if_they_landed() {
    for kind in Kind::ALL {
        let (expected, arrows) = undisturbed(kind, RetryAction::Replay);
        let mut held = 0;
        for kill in 0..arrows.len().min(6) {
            for trouble in [None, Some(Trouble::StillRunning), Some(Trouble::RunningLong)] {
                let world = sent_back(kind, RetryAction::Replay);
                world.trouble(move |call, before| trouble.filter(|_| call == Call::Insert && before == 0));
                world.run("r2", Script::kill_at(kill));
                let context = format!("{kind:?}: r2 killed at {kill} with {trouble:?}, then r1");
                let life = world.run("r1", Arc::new(Script::default()));
                if life.end.failed.is_empty() {
                    let visible = world.table.rows();
                    world.table.settle();
                    assert_eq!(world.table.rows(), visible, "{context}: a row landed that is dead");
                    continue;
                }
                life.held_for("E5109");
                held += 1;
                world.run("r2", Arc::new(Script::default())).fine();
                assert_eq!(world.result(&context), expected, "{context}, then r2");
            }
        }
        assert!(held > 0, "{kind:?}");
    }
}
