//! Holds of a run that does not end by itself.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use connect::{Discovery, Source, SourceError};
use testkit::{Call, Trouble};

use crate::world::{Kind, Script, World};

/// Looks until it is so, for a minute at most.
pub(crate) fn until(what: &str, so: impl Fn() -> bool) {
    let came = (0..6000).any(|_| {
        let came = so();
        if !came {
            thread::park_timeout(Duration::from_millis(10));
        }
        came
    });
    assert!(came, "{what} did not come");
}

/// Stops a run when it is dropped: a test that fails beside it must not wait for it for ever.
struct Stopping(runtime::StopSignal);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A publisher that wants to be left alone for an hour.
struct Resting;

impl Source for Resting {
    fn round(&mut self, _: &mut dyn Discovery) -> Result<(), SourceError> {
        Err(SourceError::Transient { what: "status 429".to_owned(), retry_after: Some(Duration::from_secs(3600)) })
    }

    fn describe(&self) -> Arc<str> {
        "a publisher that rests".into()
    }
}

#[test]
fn a_run_that_ends_by_itself_does_not_wait_an_hour_for_a_publisher() {
    let world = World::in_memory(Kind::Documents);
    let mut parts = world.parts("r1", Arc::new(Script::default()), true);
    parts.sources[0].source = Box::new(Resting);
    let (board, stop) = (Arc::clone(&parts.board), parts.stop.clone());
    thread::scope(|scope| {
        let run = scope.spawn(|| runtime::run(parts).expect("the log works"));
        let ended = (0..6000).any(|_| {
            thread::park_timeout(Duration::from_millis(10));
            run.is_finished()
        });
        stop.stop();
        assert!(ended, "it waits for the publisher");
        assert!(run.join().expect("no panic").failed.is_empty());
    });
    assert_eq!(board.flows()["feed/load"].source_trouble.as_deref(), Some("status 429"));
}

#[test]
fn a_hold_is_listed_until_the_insert_that_it_is_for_succeeds() {
    for kind in [Kind::Append, Kind::ByKey] {
        let world = World::in_memory(kind);
        world.produce(&["a,x,1", "b,x,2"]);
        world.trouble(|call, before| (call == Call::Insert && before == 0).then_some(Trouble::Operator));
        let parts = world.parts("r1", Arc::new(Script::default()), false);
        let (holds, stop) = (Arc::clone(&parts.holds), parts.stop.clone());
        thread::scope(|scope| {
            let run = scope.spawn(|| runtime::run(parts).expect("the log works"));
            let _stopping = Stopping(stop.clone());
            until("the hold", || !holds.list().is_empty());
            assert_eq!(holds.list()[0].code, testkit::MODEL_TROUBLE.0);
            // The held task may not wait yet when the first release comes.
            until("the rows", || {
                holds.release("feed/load");
                world.table.visible() == ["a|x|1", "b|x|2"]
            });
            until("the close", || runtime::ledger(world.log().as_ref(), "feed", "load").expect("a ledger").len() == 1);
            stop.stop();
            let end = run.join().expect("no panic");
            assert!(end.failed.is_empty(), "{:?}", end.failed);
        });
        assert!(holds.list().is_empty(), "{kind:?}: {:?}", holds.list());
    }
}
