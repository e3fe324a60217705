//! What this process has committed is visible to it at once, and whole.
//!
//! Kafka answers a commit when its coordinator has written it down, and only then marks each partition. In between a
//! reader sees less than was committed: nothing of it, or some partitions and not others. So this module knows for each
//! partition the offset below which records are committed, its *floor*: whoever asks for an end or reads waits until
//! Kafka shows that much. And while a commit is under way, whoever has seen a part of it waits for its answer, so that
//! the floors of the rest are known when it asks for them.
//!
//! Deliberately absent: transactions of other processes. Of those Kafka shows partitions one after another.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A partition of a topic, by the name that the engine knows.
pub(crate) type Place = (Arc<str>, i32);

/// A commit whose answer is awaited.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// First offset in each partition.
    pub(crate) firsts: HashMap<Place, i64>,
    /// Groups and partitions whose positions move.
    pub(crate) positions: HashSet<(String, Place)>,
}

#[derive(Debug, Default)]
struct Known {
    floors: HashMap<Place, i64>,
    ending: Option<Ending>,
}

/// See the module's prose.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    known: Mutex<Known>,
    settled: Condvar,
}

impl Visibility {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing in here panics between two changes that belong together.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offset below which records are known to be committed.
    pub(crate) fn floor(&self, place: &Place) -> i64 {
        self.known().floors.get(place).copied().unwrap_or(0)
    }

    /// Kafka has shown this end.
    pub(crate) fn raise(&self, place: &Place, end: i64) {
        let mut known = self.known();
        match known.floors.get_mut(place) {
            Some(floor) => *floor = end.max(*floor),
            None => drop(known.floors.insert(place.clone(), end)),
        }
    }

    /// The topic is not the one that it was.
    pub(crate) fn forget(&self, topic: &str) {
        self.known().floors.retain(|(name, _), _| &**name != topic);
    }

    /// A commit starts.
    pub(crate) fn begin(&self, ending: Ending) {
        self.known().ending = Some(ending);
    }

    /// The commit's outcome is known; `ends` has the offset after its last record in each partition, or nothing if it did
    /// not happen.
    pub(crate) fn settle(&self, ends: HashMap<Place, i64>) {
        let mut known = self.known();
        known.ending = None;
        for (place, end) in ends {
            let floor = known.floors.entry(place).or_insert(0);
            *floor = end.max(*floor);
        }
        drop(known);
        self.settled.notify_all();
    }

    /// The caller saw that the partition reaches up to `end`. Returns when all that belongs to it is known.
    pub(crate) fn saw_records(&self, place: &Place, end: i64) {
        self.wait(&|ending| ending.firsts.get(place).is_some_and(|first| *first < end));
    }

    /// The caller has read a position. Returns when all that belongs to it is known.
    pub(crate) fn saw_position(&self, group: &str, place: &Place) {
        let key = (group.to_owned(), place.clone());
        self.wait(&|ending| ending.positions.contains(&key));
    }

    fn wait(&self, touches: &dyn Fn(&Ending) -> bool) {
        let known = self.known();
        let waiting = |known: &mut Known| known.ending.as_ref().is_some_and(touches);
        drop(self.settled.wait_while(known, waiting).unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::sync::mpsc;

    use super::{Ending, Place, Visibility};

    #[test]
    fn who_has_seen_a_part_waits_for_the_rest() {
        let visibility = Visibility::default();
        let (left, right): (Place, Place) = (("left".into(), 0), ("right".into(), 1));
        let positions = HashSet::from([("group".to_owned(), left.clone())]);
        visibility.begin(Ending { firsts: HashMap::from([(left.clone(), 5)]), positions });
        // None of these touches the commit.
        visibility.saw_records(&left, 5);
        visibility.saw_records(&right, 9);
        visibility.saw_position("other", &left);
        let (tell, told) = mpsc::channel();
        std::thread::scope(|scope| {
            for number in 0..2 {
                let (visibility, tell, left, right) = (&visibility, tell.clone(), &left, &right);
                scope.spawn(move || {
                    if number == 0 {
                        visibility.saw_records(left, 6);
                    } else {
                        visibility.saw_position("group", left);
                    }
                    tell.send((visibility.floor(left), visibility.floor(right))).expect("awaited");
                });
            }
            visibility.settle(HashMap::from([(left.clone(), 7), (right.clone(), 3)]));
            for _ in 0..2 {
                assert_eq!(told.recv().expect("told"), (7, 3));
            }
        });
        visibility.raise(&left, 6);
        assert_eq!(visibility.floor(&left), 7, "a floor never falls");
        visibility.forget("left");
        assert_eq!(visibility.floor(&left), 0);
    }
}
