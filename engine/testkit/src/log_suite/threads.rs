//! Checks of a log with several threads: waiting, writing and reading at once.
//!
//! Whatever order the threads run in, a right log passes; nothing here sleeps or counts on a race.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::{Log, LogError};

use super::{Failure, commit, ensure, topic, values};

/// Long enough for any commit; a wait that takes this long has failed.
const LONG: Duration = Duration::from_secs(60);

pub(super) fn wait(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let seen = log.wait(0, LONG);
    ensure(log.wait(seen, Duration::ZERO) == seen, || "it changed without a commit".into())?;
    drop(log.begin());
    ensure(log.wait(seen, Duration::ZERO) == seen, || "it changed by an abort".into())?;
    commit(log, &[("prices", 0, &["a"])], None)?;
    let next = log.wait(seen, LONG);
    ensure(next != seen, || "it did not change by a commit".into())?;
    commit(log, &[], Some(("group", "prices", 0, 1)))?;
    ensure(log.wait(next, LONG) != next, || "it did not change by a position".into())
}

pub(super) fn wait_in_thread(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let seen = log.wait(0, LONG);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| (log.wait(seen, LONG), log.end("prices", 0)));
        commit(log, &[("prices", 0, &["a"])], None)?;
        let (woken, end) = waiter.join().map_err(|_| "the waiting thread panicked")?;
        ensure(woken != seen && end? >= 1, || "it was woken before the commit could be seen".into())
    })
}

pub(super) fn concurrent_writers(log: &dyn Log) -> Result<(), Failure> {
    const WRITERS: usize = 4;
    const COMMITS: usize = 20;
    topic(log, "prices", 2)?;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    for number in 0..COMMITS {
                        let text = format!("{writer} {number}");
                        let position = ("group", "prices", 0, number as i64);
                        commit(log, &[("prices", 0, &[&text, &text]), ("prices", 1, &[&text])], Some(position))?;
                    }
                    Ok::<(), LogError>(())
                })
            })
            .collect();
        for writer in writers {
            writer.join().map_err(|_| "a writer panicked")??;
        }
        Ok::<(), Failure>(())
    })?;
    let pairs = values(log, "prices", 0)?;
    let once = values(log, "prices", 1)?;
    ensure(pairs.chunks(2).map(|pair| &pair[0]).eq(once.iter()), || "partitions have different orders".into())?;
    ensure(pairs.chunks(2).all(|pair| pair[0] == pair[1]), || "an append was torn apart".into())?;
    for writer in 0..WRITERS {
        let start = format!("{writer} ");
        let own = once.iter().filter_map(|text| text.strip_prefix(&start)?.parse::<usize>().ok());
        ensure(own.eq(0..COMMITS), || format!("writer {writer} lost something"))?;
    }
    Ok(())
}

pub(super) fn concurrent_reader(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "in", 1)?;
    topic(log, "out", 1)?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = false;
            // One more round after the writer is done, so that the final state is seen as well.
            while !last {
                last = done.load(Ordering::SeqCst);
                let position = log.position("group", "in", 0)?.map_or(0, |position| position.offset);
                let found = log.read("out", 0, position.max(1) - 1, usize::MAX)?;
                let count: i64 = found.iter().map(|block| block.len() as i64).sum();
                if count < position.min(1) || log.end("in", 0)? < position {
                    return Ok::<Option<i64>, LogError>(Some(position));
                }
            }
            Ok(None)
        });
        for number in 0..30_i64 {
            let appends: &[(&str, i32, &[&str])] = &[("in", 0, &["a"]), ("out", 0, &["b"])];
            commit(log, appends, Some(("group", "in", 0, number + 1)))?;
        }
        done.store(true, Ordering::SeqCst);
        let torn = reader.join().map_err(|_| "the reader panicked")??;
        ensure(torn.is_none(), || format!("a position came before its records: {torn:?}"))
    })
}
