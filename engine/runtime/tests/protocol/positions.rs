//! Positions that cannot be used: the flow holds, and starts over only when a person says so.

use std::sync::Arc;

use batch::{Headers, RecordsBuilder};
use connect::RowPosition;
use log::{Position, TopicSettings, Written};
use runtime::Progress;

use crate::world::{Kind, Script, World};

pub(crate) fn topic(kind: Kind) -> &'static str {
    if kind == Kind::Documents { "feed.load.documents" } else { "events" }
}

pub(crate) fn commit(world: &World, group: &str, position: Position) {
    let log = world.log();
    let mut transaction = log.begin();
    transaction.commit_position(group, topic(world.kind), 0, position).expect("a position");
    transaction.commit().expect("committed");
}

#[test]
fn a_position_of_another_topic_or_program_holds() {
    for kind in Kind::ALL {
        for (code, metadata) in [
            (
                "E5101",
                Progress {
                    next: RowPosition { offset: 1, row: 0 },
                    topic: "00ff".to_owned(),
                    open: None,
                    stores: Vec::new(),
                }
                .position()
                .metadata,
            ),
            ("E5102", "written by somebody else".to_owned()),
        ] {
            let world = World::in_memory(kind);
            world.prepare();
            world.run("r1", Arc::new(Script::default())).fine();
            let before = world.result("before");
            commit(&world, "feed.load", Position { offset: 1, metadata });
            world.run("r1", Arc::new(Script::default())).held_for(code);
            assert_eq!(world.result("held"), before, "{kind:?} {code}");
        }
    }
}

#[test]
fn a_position_that_is_gone_while_the_ledger_has_entries_holds() {
    for kind in Kind::ALL {
        let world = World::in_memory(kind);
        world.log().ensure_topic(&TopicSettings { name: "feed.load.ledger".into(), partitions: 1 }).expect("a topic");
        let entry = br#"{"first":[0,0],"last":[3,0],"counts":{"rows_in":0,"expanded":0,"landed":0,"outputs":{},"dropped":{},"dead":0,"held":0},"hash":"","revision":"r1"}"#;
        let mut records = RecordsBuilder::new();
        records.push(None, Some(entry), &Headers::new(), 0);
        let log = world.log();
        let mut transaction = log.begin();
        let written = Written { topic: "feed.load.ledger".into(), partition: 0, records: records.finish() };
        transaction.append(written).expect("appended");
        transaction.commit().expect("committed");
        world.offer(&[("one", "/one", "key,part,value\na,x,1\n")]);
        world.produce(&["a,x,1"]);
        world.run("r1", Arc::new(Script::default())).held_for("E5110");
        assert!(world.table.rows().is_empty(), "{kind:?}");
        // A person says where to go on.
        let identity = log.topic(topic(kind)).expect("asked").expect("there").identity;
        let next = RowPosition { offset: 0, row: 0 };
        commit(
            &world,
            "feed.load",
            Progress { next, topic: identity.to_string(), open: None, stores: Vec::new() }.position(),
        );
        world.run("r1", Arc::new(Script::default())).fine();
        assert_eq!(world.table.visible(), ["a|x|1"], "{kind:?}");
    }
}
