//! How far changelogs are needed, and whether they are still whole.
//!
//! A changelog would grow for as long as its flow runs. What its store needs no more is deleted from it (see
//! [`state::Stretches`]): no snapshot is needed for that, so any process that comes to own the partition, on any
//! machine, restores the same state from what is left.
//!
//! The committed position of a task says of each of its changelogs which topic it is, from which record on it is needed,
//! and up to where it goes. That is how a loss is found: a state that came back with less than it had would let repeats
//! pass in silence, so the task holds instead.
//!
//! ```text
//!          plan                    close                      delete
//! needed ─────────▶ next position ───────▶ position says so ─────────▶ records are gone
//! ```
//!
//! Invariants:
//! * Only what a committed position says is not needed is deleted. A death before the deletion leaves records, which the
//!   next owner's deletes take.
//! * A process that lost the partition and does not know it can delete no more than what the newest owner needs no more:
//!   it knows an earlier position, and positions only move that bound up.
//! * A deletion that fails stops nothing: the next one takes those records too.

use std::sync::Arc;

use batch::TopicIdentity;
use log::{Log, LogError};
use serde::{Deserialize, Serialize};
use state::{Age, Stretches};

/// Records that are deleted at once at the least. More: more of them stay for nothing. Fewer: a question to the log, for
/// few records, more often.
const CUT_AT_ONCE: i64 = 32;

/// What a committed position says of the changelog of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangelogMark {
    /// Name of the store.
    #[serde(rename = "s")]
    pub store: String,
    /// Identity of its changelog, in hexadecimal.
    #[serde(rename = "t")]
    pub topic: String,
    /// The store needs it from this offset on.
    #[serde(rename = "f")]
    pub first: i64,
    /// It went at least to this offset.
    #[serde(rename = "e")]
    pub end: i64,
}

/// The changelog of one store, as far as its task has come.
pub(crate) struct Changelog {
    pub(crate) store: Arc<str>,
    pub(crate) topic: Arc<str>,
    pub(crate) identity: TopicIdentity,
    /// The first record that is not in the store.
    pub(crate) next: i64,
    /// Entries that changed since the last snapshot.
    pub(crate) since: u64,
    pub(crate) stretches: Stretches,
    /// The first record that is needed, as the next position will say.
    first: i64,
    /// The records before it were deleted, or it was tried.
    cut: i64,
}

impl Changelog {
    /// One that begins at `first`.
    pub(crate) fn new(store: Arc<str>, topic: Arc<str>, identity: TopicIdentity, first: i64) -> Self {
        let stretches = Stretches::default();
        Self { store, topic, identity, next: first, since: 0, stretches, first, cut: first }
    }

    /// What the next position says of it.
    pub(crate) fn mark(&self) -> ChangelogMark {
        ChangelogMark {
            store: self.store.to_string(),
            topic: self.identity.to_string(),
            first: self.first,
            end: self.next,
        }
    }

    /// It goes to `end` now; the store has committed that, and is so old.
    pub(crate) fn reached(&mut self, end: i64, age: Option<Age>) {
        self.next = end;
        let Some(age) = age else { return };
        self.stretches.reached(end, age);
        if let Some(needed) = self.stretches.needed(age).filter(|needed| needed - self.first >= CUT_AT_ONCE) {
            self.first = needed;
        }
    }

    /// Deletes what is not needed, as `mark` says, which a committed position holds.
    pub(crate) fn cut(&mut self, log: &dyn Log, partition: i32, mark: &ChangelogMark) {
        if mark.topic != self.identity.to_string() || mark.first <= self.cut {
            return;
        }
        self.cut = mark.first;
        self.first = self.first.max(mark.first);
        self.stretches.cut(mark.first);
        if let Err(error) = log.delete_before(&self.topic, partition, mark.first) {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(
                changelog = &*self.topic,
                partition,
                before = mark.first,
                reason = cause,
                "{error}: records that nobody needs stay for now"
            );
        }
    }
}

/// What is missing of a changelog that a position speaks of; `None` if nothing is.
///
/// # Errors
/// If the log fails.
pub(crate) fn missing(
    log: &dyn Log,
    changelog: &str,
    partition: i32,
    mark: &ChangelogMark,
) -> Result<Option<String>, LogError> {
    let Some(found) = log.topic(changelog)? else {
        return Ok(Some("it was deleted".to_owned()));
    };
    if found.identity.to_string() != mark.topic {
        return Ok(Some("it was deleted and made again".to_owned()));
    }
    log.await_settled(changelog, partition)?;
    let (first, end) = (log.first(changelog, partition)?, log.end(changelog, partition)?);
    Ok(if first > mark.first {
        Some(format!("its records from {} to {} are gone", mark.first, first - 1))
    } else if end < mark.end {
        Some(format!("it ends at {end}, and went to {}", mark.end))
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use batch::{Headers, RecordsBuilder};
    use log::memory::MemoryLog;
    use log::{Log, TopicSettings, Written};
    use state::Age;

    use super::{CUT_AT_ONCE, Changelog, ChangelogMark, missing};

    const TOPIC: &str = "feed.once.changelog";

    fn log_of(records: i64) -> MemoryLog {
        let log = MemoryLog::new(Arc::new(|| 1));
        log.ensure_topic(&TopicSettings { name: TOPIC.into(), partitions: 1 }).expect("legal");
        for _ in 0..records {
            let mut builder = RecordsBuilder::new();
            builder.push(Some(b"k"), Some(b"v"), &Headers::new(), 0);
            let mut transaction = log.begin();
            let written = Written { topic: TOPIC.into(), partition: 0, records: builder.finish() };
            transaction.append(written).expect("legal");
            transaction.commit().expect("in memory");
        }
        log
    }

    fn changelog(log: &MemoryLog) -> Changelog {
        let identity = log.topic(TOPIC).expect("asked").expect("there").identity;
        Changelog::new("once".into(), TOPIC.into(), identity, 0)
    }

    fn age(now: i64) -> Option<Age> {
        Some(Age { now, outdated: now - 1000 })
    }

    #[test]
    fn only_what_a_position_has_said_is_deleted() {
        let log = log_of(1000);
        let mut changelog = changelog(&log);
        let mut mark = changelog.mark();
        for end in 1..=500 {
            changelog.reached(end, age(end * 10));
            // The position before this one.
            changelog.cut(&log, 0, &mark);
            assert_eq!(log.first(TOPIC, 0).expect("there"), mark.first);
            mark = changelog.mark();
            let needed = (end - 100).max(0);
            assert!(mark.first <= needed && needed - mark.first < 2 * CUT_AT_ONCE, "{mark:?} of {needed}");
            assert_eq!(mark.end, end);
        }
        assert!(mark.first > 250, "{mark:?}");
    }

    #[test]
    fn a_loss_is_told_and_what_is_not_needed_is_none() {
        let log = log_of(10);
        let mark = ChangelogMark { first: 3, end: 10, ..changelog(&log).mark() };
        assert_eq!(missing(&log, TOPIC, 0, &mark).expect("answers"), None);
        log.delete_before(TOPIC, 0, 3).expect("there");
        assert_eq!(missing(&log, TOPIC, 0, &mark).expect("answers"), None);
        let told = |log: &MemoryLog, mark: &ChangelogMark| missing(log, TOPIC, 0, mark).expect("answers");
        let further = ChangelogMark { end: 11, ..mark.clone() };
        assert_eq!(told(&log, &further).as_deref(), Some("it ends at 10, and went to 11"));
        let other = ChangelogMark { topic: "00".to_owned(), ..mark.clone() };
        assert_eq!(told(&log, &other).as_deref(), Some("it was deleted and made again"));
        log.delete_before(TOPIC, 0, 5).expect("there");
        assert_eq!(told(&log, &mark).as_deref(), Some("its records from 3 to 4 are gone"));
        assert_eq!(told(&MemoryLog::new(Arc::new(|| 1)), &mark).as_deref(), Some("it was deleted"));
    }
}
