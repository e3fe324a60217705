//! Membership in groups: which partitions this process owns, and the proof of it that goes with positions.
//!
//! A member is a consumer that never reads: what it is given is paused at once, and records are read by `reader`. It is
//! there for the group's word. Rebalances are incremental, so that what a member keeps goes on meanwhile.
//!
//! Invariants:
//! * A partition is in `owned` from when the group gave it until nothing works on it any more, or until it was lost.
//! * The consumer hears that a partition is given up only after `released`; until then it does not join again, so the
//!   generation that it has is either the one in which it owned the partition, or one that the broker refuses.
//!
//! The instance's name is the member's static name: a process that died and comes back soon gets what it had, and of two
//! processes of one name the older one is fenced. One that ends in order says so, and the others have its partitions at once:
//! a static member that is merely closed would be waited for until its session has passed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{Change, LogError, Membership, Partition};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::failure::KafkaFailure;
use crate::native::is_no_member;
use crate::orphans::Watch;
use crate::settings::KafkaSettings;
use crate::visibility::Place;

/// Longest that a member at its end waits until its word to the group is on its way. The broker is away, else it takes a
/// few milliseconds. Longer: a later end. Shorter: others may wait for a session.
const LEAVE: Duration = Duration::from_secs(2);
const LOOK_UP: Duration = Duration::from_millis(10);

/// A partition by its name outside.
type Outside = (String, i32);

/// What the group said.
#[derive(Debug)]
enum Said {
    Given(Vec<Outside>),
    Taken { partitions: Vec<Outside>, lost: bool },
}

/// Keeps what the group says until somebody asks.
#[derive(Default)]
pub(crate) struct Events {
    said: Mutex<VecDeque<Said>>,
    /// True once the group has said what this member owns, if nothing.
    assigned: AtomicBool,
    leaving: AtomicBool,
    let_in: AtomicBool,
}

impl Events {
    fn said(&self) -> MutexGuard<'_, VecDeque<Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of one who takes nothing and does not stay.
    pub(crate) fn leaving() -> Self {
        Self { leaving: true.into(), ..Self::default() }
    }

    /// True once the group has let one in who takes nothing.
    pub(crate) fn let_in(&self) -> bool {
        self.let_in.load(Ordering::Relaxed)
    }
}

impl ClientContext for Events {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ConsumerContext for Events {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let given = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.leaving.load(Ordering::Relaxed) {
            self.let_in.store(true, Ordering::Relaxed);
            // Nobody asks any more, and the client leaves only after an answer. A refusal means that none is waited for.
            let _ = if given { take_unread(consumer, list) } else { consumer.incremental_unassign(list) };
            return;
        }
        if given {
            self.assigned.store(true, Ordering::Relaxed);
        }
        let elements = list.elements();
        let partitions = elements.iter().map(|element| (element.topic().to_owned(), element.partition())).collect();
        self.said().push_back(match given {
            true => Said::Given(partitions),
            false => Said::Taken { partitions, lost: consumer.assignment_lost() },
        });
    }
}

/// This process in one group.
pub(crate) struct Member {
    consumer: BaseConsumer<Events>,
    owned: Mutex<HashSet<Place>>,
}

impl Member {
    fn owned(&self) -> MutexGuard<'_, HashSet<Place>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client, whose generation proves who it is.
    pub(crate) fn client(&self) -> &Client<Events> {
        self.consumer.client()
    }

    /// True if the group fenced this member: another of its name has joined.
    pub(crate) fn fenced(&self) -> bool {
        self.client().fatal_error().is_some_and(|(code, _)| code == RDKafkaErrorCode::FencedInstanceId)
    }
}

/// All memberships of this process, by the group's name outside.
#[derive(Default)]
pub(crate) struct Members(Mutex<HashMap<String, Arc<Member>>>);

impl Members {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Member>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This process in a group, if it is in it.
    pub(crate) fn find(&self, group: &str) -> Option<Arc<Member>> {
        self.known().get(group).cloned()
    }

    /// True if this process owns a partition as a member of a group.
    pub(crate) fn owns(&self, group: &str, place: &Place) -> bool {
        self.find(group).is_some_and(|member| member.owned().contains(place))
    }

    /// Joins a group with these topics, given by their names outside.
    pub(crate) fn join(
        self: &Arc<Self>,
        settings: &KafkaSettings,
        group: &str,
        topics: &[String],
    ) -> Result<KafkaMembership, LogError> {
        const CALL: &str = "joining a group";
        let failure = |error: KafkaError| KafkaFailure::of(CALL, &error);
        let mut config = settings.member(group);
        config.set_log_level(RDKafkaLogLevel::Emerg);
        let consumer: BaseConsumer<Events> = config.create_with_context(Events::default()).map_err(failure)?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(failure)?;
        let member = Arc::new(Member { consumer, owned: Mutex::default() });
        let mut known = self.known();
        if known.contains_key(group) {
            return Err(LogError::Misuse(format!("this process is a member of group `{group}` already")));
        }
        known.insert(group.to_owned(), Arc::clone(&member));
        drop(known);
        let watch = Watch::new(settings, group, topics);
        Ok(KafkaMembership {
            members: Arc::clone(self),
            member,
            group: group.to_owned(),
            settings: settings.clone(),
            watch,
        })
    }
}

/// See [`Membership`].
pub(crate) struct KafkaMembership {
    members: Arc<Members>,
    member: Arc<Member>,
    group: String,
    settings: KafkaSettings,
    watch: Watch,
}

impl KafkaMembership {
    fn inside(&self, partitions: &[Outside]) -> Vec<Partition> {
        let name = |topic: &str| self.settings.topic_inside(topic).unwrap_or(topic).into();
        partitions.iter().map(|(topic, number)| Partition { topic: name(topic), number: *number }).collect()
    }

    fn take(&self, said: Said) -> Result<Option<Change>, LogError> {
        let refused = |error: KafkaError| KafkaFailure::of("taking partitions over", &error);
        match said {
            Said::Given(partitions) => {
                let mut list = listed(&partitions);
                take_unread(&self.member.consumer, &mut list).map_err(refused)?;
                if partitions.is_empty() {
                    return Ok(None);
                }
                let gained = self.inside(&partitions);
                self.member.owned().extend(gained.iter().map(place));
                Ok(Some(Change::Gained(gained)))
            }
            Said::Taken { partitions, lost } => {
                let taken = self.inside(&partitions);
                if partitions.is_empty() {
                    self.give_up(&taken)?;
                    return Ok(None);
                }
                if !lost {
                    return Ok(Some(Change::Asked(taken)));
                }
                let mut owned = self.member.owned();
                owned.retain(|owned| taken.iter().all(|partition| place(partition) != *owned));
                drop(owned);
                Ok(Some(Change::Lost(taken)))
            }
        }
    }

    /// Tells the group. Where it cannot be told, the session passes.
    fn leave(&self) {
        let consumer = &self.member.consumer;
        // Closing tells nobody, see the top.
        if self.member.fenced() {
            return;
        }
        consumer.unsubscribe();
        for _ in 0..LEAVE.as_millis() / LOOK_UP.as_millis() {
            // Here it hears that it is to give up what it has, and does.
            let _ = consumer.poll(LOOK_UP);
            if is_no_member(self.member.client()) {
                return;
            }
        }
    }

    fn give_up(&self, partitions: &[Partition]) -> Result<(), LogError> {
        let mut list = TopicPartitionList::new();
        for Partition { topic, number } in partitions {
            list.add_partition(&self.settings.topic_outside(topic), *number);
        }
        let given_up = self.member.consumer.incremental_unassign(&list);
        Ok(given_up.map_err(|error| KafkaFailure::of("giving partitions up", &error))?)
    }
}

fn listed(partitions: &[Outside]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, number) in partitions {
        list.add_partition(topic, *number);
    }
    list
}

/// Answers the group that partitions are taken, of which nothing is ever read.
fn take_unread(consumer: &BaseConsumer<Events>, list: &mut TopicPartitionList) -> Result<(), KafkaError> {
    // Any place will do, and this one asks the group for nothing.
    list.set_all_offsets(Offset::End)?;
    consumer.incremental_assign(list)?;
    consumer.pause(list)
}

fn place(partition: &Partition) -> Place {
    (Arc::clone(&partition.topic), partition.number)
}

impl Membership for KafkaMembership {
    fn assigned(&self) -> bool {
        self.member.consumer.context().assigned.load(Ordering::Relaxed)
    }

    fn next(&mut self, limit: Duration) -> Result<Option<Change>, LogError> {
        let next = || self.member.consumer.context().said().pop_front();
        let said = match next() {
            Some(said) => Some(said),
            None => {
                // A record that was fetched before the pause is of no interest; what troubles the client passes or is fatal.
                let _ = self.member.consumer.poll(limit);
                next()
            }
        };
        if self.member.fenced() {
            return Err(LogError::Fenced);
        }
        if said.is_none() {
            self.watch.quiet_for(limit, &self.member.consumer);
        }
        said.map_or(Ok(None), |said| self.take(said))
    }

    fn released(&mut self, partitions: &[Partition]) -> Result<(), LogError> {
        let mut owned = self.member.owned();
        owned.retain(|owned| partitions.iter().all(|partition| place(partition) != *owned));
        drop(owned);
        self.give_up(partitions)
    }
}

impl Drop for KafkaMembership {
    fn drop(&mut self) {
        self.member.owned().clear();
        self.member.consumer.context().leaving.store(true, Ordering::Relaxed);
        // What nobody has answered would keep the consumer from leaving and from closing.
        let unanswered = std::mem::take(&mut *self.member.consumer.context().said());
        for said in unanswered {
            // A refusal means that no answer is waited for.
            let _ = match said {
                Said::Given(partitions) => take_unread(&self.member.consumer, &mut listed(&partitions)),
                Said::Taken { partitions, .. } => self.member.consumer.incremental_unassign(&listed(&partitions)),
            };
        }
        self.leave();
        self.members.known().remove(&self.group);
    }
}
