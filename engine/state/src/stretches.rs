//! Which part of a changelog a store needs no more.
//!
//! A store says how old it is: how far it has come in its own time, and up to which time nothing that it wrote down
//! then can change an answer any more. A changelog is so a row of stretches, each with the store's time at its end. What
//! was written in a stretch was known to the store by then, so it is outdated when its time is.
//!
//! Invariants:
//! * A stretch never claims an earlier time than the store had when any of its records was written. It may claim a later
//!   one: then the records stay for longer.
//! * There are about as many stretches as [`PARTS`], however long the changelog is: they grow until they span a part of
//!   the time for which the store needs what it writes.
//!
//! Stretches go with snapshots, as whoever starts from a snapshot does not read what lies before it.

use std::collections::VecDeque;

/// Parts of the time for which a store needs what it writes. More: a changelog is cut closer. Fewer: it is cut more
/// seldom, and what is outdated stays for one part of that time.
const PARTS: i64 = 32;

/// How old a store is, in its own time, as committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// How far it has come.
    pub now: i64,
    /// What it wrote down at this time or before it needs no more.
    pub outdated: i64,
}

/// Records of a changelog that follow those of the stretch before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Offset after its last record.
    pub end: i64,
    /// Latest time of the store while they were written.
    pub time: i64,
}

/// The stretches of one changelog, from its first record on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretches {
    all: VecDeque<Stretch>,
    /// Time at the beginning of the last one.
    since: i64,
}

impl Stretches {
    /// Stretches that were kept with a snapshot.
    #[must_use]
    pub fn of(stretches: Vec<Stretch>) -> Self {
        let since = stretches.last().map_or(i64::MIN, |last| last.time);
        Self { all: stretches.into(), since }
    }

    /// All of them, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Stretch> {
        self.all.iter().copied().collect()
    }

    /// The changelog reaches to `end` now, and the store is so old.
    pub fn reached(&mut self, end: i64, age: Age) {
        let part = age.now.saturating_sub(age.outdated) / PARTS;
        match self.all.back_mut() {
            Some(last) if age.now.saturating_sub(self.since) <= part => {
                *last = Stretch { end, time: last.time.max(age.now) };
            }
            _ => {
                self.all.push_back(Stretch { end, time: age.now });
                self.since = age.now;
            }
        }
    }

    /// Offset of the first record that the store needs, if there are others before it.
    #[must_use]
    pub fn needed(&self, age: Age) -> Option<i64> {
        self.all.iter().take_while(|stretch| stretch.time <= age.outdated).last().map(|stretch| stretch.end)
    }

    /// Forgets what lies before an offset.
    pub fn cut(&mut self, offset: i64) {
        while self.all.front().is_some_and(|first| first.end <= offset) {
            self.all.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Age, PARTS, Stretch, Stretches};

    fn age(now: i64) -> Age {
        Age { now, outdated: now - 3200 }
    }

    #[test]
    fn what_is_needed_begins_behind_what_is_outdated_and_not_much_later() {
        let (mut stretches, mut needed) = (Stretches::default(), 0);
        for now in 0..20_000 {
            stretches.reached(now + 1, age(now));
            // What was cut stays so.
            needed = stretches.needed(age(now)).unwrap_or(needed);
            // The record at each offset was written at that time.
            assert!(needed <= (now - 3200).max(0) + 1, "{needed} of {now}: a record that is needed");
            assert!(needed >= now - 3200 - 3200 / PARTS - 1, "{needed} of {now}: kept for too long");
            stretches.cut(needed);
            assert!(stretches.all().len() as i64 <= PARTS + 2, "{} stretches", stretches.all().len());
        }
    }

    #[test]
    fn time_that_goes_back_keeps_what_was_written_before() {
        let mut stretches = Stretches::default();
        stretches.reached(10, age(100_000));
        stretches.reached(20, age(5));
        stretches.reached(30, age(6));
        assert_eq!(stretches.needed(age(50_000)), None, "the first ones are of a later time");
        stretches.reached(40, age(103_200));
        assert_eq!(stretches.needed(age(103_199)), None);
        assert_eq!(stretches.needed(age(103_200)), Some(30));
    }

    #[test]
    fn those_of_a_snapshot_go_on_in_new_ones() {
        let kept = vec![Stretch { end: 5, time: 100 }, Stretch { end: 9, time: 200 }];
        let mut stretches = Stretches::of(kept.clone());
        assert_eq!(stretches.all(), kept);
        stretches.reached(12, age(2000));
        assert_eq!(stretches.all().len(), 3);
        stretches.cut(9);
        assert_eq!(stretches.all(), [Stretch { end: 12, time: 2000 }]);
    }
}
