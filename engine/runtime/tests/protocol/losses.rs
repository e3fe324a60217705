//! Tables and bytes that are not where they should be: nothing starts over by itself, and nothing is promised before it
//! is kept.

use std::io::{self, Read};
use std::sync::Arc;

use connect::{Preflight, RawError, RawStore, ReadSeek, Stored};
use log::{Log, Position};
use runtime::StopSignal;

use crate::world::{Kind, Script, World};

const LINES: [&str; 3] = ["a,x,1", "b,y,2", "c,x,3"];

/// A world in which three rows landed.
fn landed(kind: Kind) -> World {
    let world = World::in_memory(kind);
    begin(&world);
    world.run("r1", Arc::new(Script::default())).fine();
    assert_eq!(world.table.visible(), ["a|x|1", "b|y|2", "c|x|3"]);
    world
}

fn begin(world: &World) {
    match world.kind {
        Kind::Documents => world.offer(&[("one", "/one", &format!("key,part,value\n{}\n", LINES.join("\n")))]),
        _ => world.produce(&LINES),
    }
}

#[test]
fn a_table_that_is_gone_although_rows_landed_holds() {
    for kind in Kind::ALL {
        let mut world = landed(kind);
        world.use_table(None);
        world.run("r1", Arc::new(Script::default())).held_for("E5111");
        assert!(matches!(world.landing.preflight(), Ok(Preflight::Missing { .. })), "{kind:?}: it was made again");
    }
}

#[test]
fn a_table_that_is_empty_although_rows_landed_holds() {
    for kind in Kind::ALL {
        let mut world = landed(kind);
        world.use_table(None);
        let Ok(Preflight::Missing { statements }) = world.landing.preflight() else { panic!("it is there") };
        world.landing.apply(&statements).expect("made");
        world.run("r1", Arc::new(Script::default())).held_for("E5113");
        assert!(world.table.rows().is_empty(), "{kind:?}");
    }
}

#[test]
fn a_table_with_rows_of_another_log_holds() {
    for kind in Kind::ALL {
        let before = landed(kind);
        let mut world = World::in_memory(kind);
        world.use_table(Some(Arc::clone(&before.table)));
        begin(&world);
        let rows = world.table.rows();
        world.run("r1", Arc::new(Script::default())).held_for("E5112");
        assert_eq!(world.table.rows(), rows, "{kind:?}: landed beside them");
    }
}

/// A position whose records the log does not hold, as after a retention or in a topic that was cut.
#[test]
fn records_that_are_gone_hold_and_nothing_is_skipped() {
    for kind in Kind::ALL {
        let world = landed(kind);
        let (log, group) = (world.log(), runtime::names::group("feed", "load"));
        let topic = if kind == Kind::Documents { "feed.load.documents" } else { "events" };
        let position = log.position(&group, topic, 0).expect("readable").expect("a position");
        let mut transaction = log.begin();
        let beyond = Position { offset: position.offset + 100, ..position.clone() };
        transaction.commit_position(&group, topic, 0, beyond.clone()).expect("a position");
        transaction.commit().expect("committed");
        world.run("r1", Arc::new(Script::default())).held_for("E5115");
        assert_eq!(log.position(&group, topic, 0).expect("readable"), Some(beyond), "{kind:?}: it went on by itself");
        let mut transaction = log.begin();
        transaction.commit_position(&group, topic, 0, position).expect("a position");
        transaction.commit().expect("committed");
        world.run("r1", Arc::new(Script::default())).fine();
    }
}

/// A raw store that cannot keep anything. It ends the run when it was asked to.
struct Full {
    log: Arc<dyn Log>,
    stop: StopSignal,
}

impl RawStore for Full {
    fn stage(&self, content: &mut dyn Read) -> Result<Stored, RawError> {
        io::copy(content, &mut io::sink()).expect("a text");
        Ok(Stored { reference: "staged".to_owned(), sha256: "00".repeat(32), size: 1 })
    }

    fn keep(&self, _: &Stored, _: &str, _: i64) -> Result<Stored, RawError> {
        assert_eq!(self.log.end("feed.load.documents", 0).expect("a topic"), 0, "a record before its bytes");
        self.stop.stop();
        Err(RawError::Store { place: "raw".to_owned(), source: io::ErrorKind::StorageFull.into() })
    }

    fn discard(&self, _: &Stored) {}

    fn open(&self, _: &str) -> Result<Box<dyn ReadSeek>, RawError> {
        Err(RawError::Store { place: "raw".to_owned(), source: io::ErrorKind::NotFound.into() })
    }
}

#[test]
fn a_document_whose_bytes_cannot_be_kept_is_not_found_yet() {
    let world = World::in_memory(Kind::Documents);
    begin(&world);
    let mut parts = world.parts("r1", Arc::new(Script::default()), true);
    parts.raw = Arc::new(Full { log: world.log(), stop: parts.stop.clone() });
    runtime::run(parts).expect("the log works");
    assert_eq!(world.log().end("feed.load.documents", 0).expect("a topic"), 0);
    world.run("r1", Arc::new(Script::default())).fine();
    assert_eq!(world.table.visible(), ["a|x|1", "b|y|2", "c|x|3"]);
}
