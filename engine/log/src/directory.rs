//! What a log knows by heart: its topics, the ends of their partitions and the positions of groups.
//!
//! Invariant: the directory changes only after the store has made a transaction durable, and then for the whole
//! transaction under one lock. So whoever sees a position sees the records that were committed with it.
//!
//! Positions stay in memory because there are few: groups times partitions, each at most 4 KiB.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batch::TopicIdentity;

use crate::pending::{Committed, PositionKey};
use crate::{LogError, Position, TopicSettings, TopicState, rules};

/// One partition of a topic, as a number of the topic and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Number of the topic in this log.
    pub(crate) topic: u32,
    /// Number of the partition.
    pub(crate) partition: u32,
}

/// How far a partition goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Offset of the first record that is kept.
    pub(crate) first: i64,
    /// Offset after the last record.
    pub(crate) end: i64,
    /// Latest arrival that the log itself has set there.
    pub(crate) latest_arrival: i64,
}

/// A topic as the directory keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) number: u32,
    pub(crate) state: TopicState,
    pub(crate) reaches: Vec<Reach>,
}

/// See the module's prose.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    topics: BTreeMap<Arc<str>, Topic>,
    names: HashMap<u32, Arc<str>>,
    positions: HashMap<String, HashMap<Place, Position>>,
}

impl Directory {
    /// The topic of this name, or what has to be made: then with a new identity and the next free number.
    pub(crate) fn find_or_plan(&self, settings: &TopicSettings) -> Result<Found, LogError> {
        rules::check_topic(settings)?;
        if let Some(topic) = self.topics.get(&settings.name) {
            if topic.state.partitions != settings.partitions {
                return Err(LogError::Partitions {
                    topic: Arc::clone(&settings.name),
                    found: topic.state.partitions,
                    wanted: settings.partitions,
                });
            }
            return Ok(Found::There(topic.state.clone()));
        }
        let number = self.names.keys().max().map_or(Some(1), |number| number.checked_add(1));
        let number = number.ok_or_else(|| LogError::Misuse("there are too many topics".into()))?;
        let state = TopicState { identity: new_identity(&settings.name), partitions: settings.partitions };
        let reaches = vec![Reach::default(); usize::try_from(settings.partitions).unwrap_or(0)];
        Ok(Found::Missing(Topic { number, state, reaches }))
    }

    /// Adds a topic that the store holds now.
    pub(crate) fn add_topic(&mut self, name: Arc<str>, topic: Topic) {
        self.names.insert(topic.number, Arc::clone(&name));
        self.topics.insert(name, topic);
    }

    /// Adds a position that the store holds now.
    pub(crate) fn set_position(&mut self, key: PositionKey, position: Position) {
        self.positions.entry(key.group).or_default().insert(key.place, position);
    }

    /// See [`Log::topic`](crate::Log::topic).
    pub(crate) fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// See [`Log::topics`](crate::Log::topics).
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.topics.keys().cloned().collect()
    }

    /// Where a partition is and how far it goes.
    pub(crate) fn partition(&self, name: &str, partition: i32) -> Result<(Place, Reach), LogError> {
        self.topics
            .get(name)
            .and_then(|topic| {
                let number = u32::try_from(partition).ok()?;
                let reach = topic.reaches.get(number as usize)?;
                Some((Place { topic: topic.number, partition: number }, *reach))
            })
            .ok_or_else(|| LogError::UnknownPartition { topic: name.into(), partition })
    }

    /// Where a partition is, once `offset` is known to be one at which reading may start.
    pub(crate) fn readable(&self, name: &str, partition: i32, offset: i64) -> Result<(Place, Reach), LogError> {
        let (place, reach) = self.partition(name, partition)?;
        if !(reach.first..=reach.end).contains(&offset) {
            let Reach { first, end, .. } = reach;
            return Err(LogError::OutOfRange { topic: name.into(), partition, offset, first, end });
        }
        Ok((place, reach))
    }

    /// Where a partition is of which the records before `offset` are of no use any more; `None` if there are none.
    pub(crate) fn cuttable(&self, name: &str, partition: i32, offset: i64) -> Result<Option<Place>, LogError> {
        let (place, reach) = self.partition(name, partition)?;
        if !(0..=reach.end).contains(&offset) {
            let Reach { first, end, .. } = reach;
            return Err(LogError::OutOfRange { topic: name.into(), partition, offset, first, end });
        }
        Ok((offset > reach.first).then_some(place))
    }

    /// Shows a partition as beginning at `first`; gives where it began until now.
    pub(crate) fn cut(&mut self, place: Place, first: i64) -> Option<i64> {
        let topic = self.topics.get_mut(self.names.get(&place.topic)?)?;
        let reach = topic.reaches.get_mut(place.partition as usize)?;
        Some(std::mem::replace(&mut reach.first, first))
    }

    /// How far a partition goes that was found before. Topics are never deleted, so it is still there.
    pub(crate) fn reach(&self, place: Place) -> Option<Reach> {
        let topic = self.topics.get(self.names.get(&place.topic)?)?;
        topic.reaches.get(place.partition as usize).copied()
    }

    /// See [`Log::position`](crate::Log::position).
    pub(crate) fn position(&self, group: &str, name: &str, partition: i32) -> Result<Option<Position>, LogError> {
        let (place, _) = self.partition(name, partition)?;
        Ok(self.positions.get(group).and_then(|places| places.get(&place)).cloned())
    }

    /// Shows a transaction that the store holds now.
    pub(crate) fn apply(&mut self, committed: Committed) {
        for (place, reach) in committed.reaches {
            let topic = self.names.get(&place.topic).and_then(|name| self.topics.get_mut(name));
            if let Some(slot) = topic.and_then(|topic| topic.reaches.get_mut(place.partition as usize)) {
                *slot = reach;
            }
        }
        for (key, position) in committed.positions {
            self.set_position(key, position);
        }
    }
}

/// What [`Directory::find_or_plan`] found.
pub(crate) enum Found {
    /// The topic exists.
    There(TopicState),
    /// It does not; it would be this one.
    Missing(Topic),
}

/// 128 bits that no other creation of a topic gets: the standard library seeds its hash maps from the system's source
/// of randomness, and the process and a counter keep two of one process apart.
fn new_identity(name: &str) -> TopicIdentity {
    static CREATED: AtomicU64 = AtomicU64::new(0);
    let created = (std::process::id(), CREATED.fetch_add(1, Ordering::Relaxed), name);
    let halves = [RandomState::new().hash_one(created), RandomState::new().hash_one(created)];
    TopicIdentity(u128::from(halves[0]) << 64 | u128::from(halves[1]))
}

#[cfg(test)]
mod tests {
    use super::new_identity;

    #[test]
    fn identities_differ_from_creation_to_creation() {
        let identities: std::collections::BTreeSet<u128> = (0..1000).map(|_| new_identity("topic").0).collect();
        assert_eq!(identities.len(), 1000);
    }
}
