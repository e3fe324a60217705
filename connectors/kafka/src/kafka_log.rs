//! The log itself: topics, ends, reads, positions and transactions, put together from the rooms of this crate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use batch::{Records, TopicIdentity};
use log::{
    Appended, Log, LogError, Membership, Position, Signal, TopicSettings, TopicState, Transaction, Written, rules,
};
use rdkafka::error::RDKafkaErrorCode;

use crate::columns::check_headers;
use crate::failure::KafkaFailure;
use crate::membership::Members;
use crate::native::{self, GroupReading, Reading};
use crate::reader::{Question, Reader};
use crate::settings::{AROUND_A_RECORD, KafkaSettings, SettingsError};
use crate::statistics::Clients;
use crate::visibility::{Place, Visibility};
use crate::watchdog::Stuck;
use crate::writer::{Job, Writer};

/// Most clients that are kept to ask for positions, one a group. Each has threads of its own; fewer are made again more
/// often.
const MOST_GROUPS: usize = 32;

/// How long to wait before asking again for what Kafka will show in a moment.
const IN_A_MOMENT: Duration = Duration::from_millis(2);

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting cannot be used. Give up (exit status 78).
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Kafka did not do its part, or cannot be reached: try again, or give up (exit status 69).
    #[error("Kafka cannot be used")]
    Log(#[from] LogError),
}

/// A log on Apache Kafka; see the crate's prose.
pub struct KafkaLog {
    settings: KafkaSettings,
    topics: Mutex<HashMap<Arc<str>, TopicState>>,
    visibility: Arc<Visibility>,
    signal: Arc<Signal>,
    writer: Writer,
    reader: Reader,
    /// The one that was used last stands last.
    groups: Mutex<Vec<(String, Arc<GroupReading>)>>,
    members: Arc<Members>,
    /// Asks for ends without regard to open transactions.
    asking_of_all: Reading,
}

/// Asks until there is an answer, for so long.
fn until<Answer>(
    limit: Duration,
    mut ask: impl FnMut() -> Result<Option<Answer>, LogError>,
) -> Result<Option<Answer>, LogError> {
    // Kafka tells nobody when it comes to show a thing.
    for _ in 0..=limit.as_millis() / IN_A_MOMENT.as_millis() {
        if let Some(answer) = ask()? {
            return Ok(Some(answer));
        }
        std::thread::sleep(IN_A_MOMENT);
    }
    Ok(None)
}

impl KafkaLog {
    /// Connects, fences other processes of the same name and waits until what they left open is settled.
    ///
    /// `stuck` is told the name of a call into the client that does not return; the process must end then, as nothing
    /// else can end that call.
    ///
    /// # Errors
    /// If a setting cannot be used, or Kafka cannot be reached.
    pub fn open(settings: KafkaSettings, stuck: Stuck) -> Result<Self, OpenError> {
        settings.check()?;
        let (visibility, signal) = (Arc::<Visibility>::default(), Arc::<Signal>::default());
        let (members, figures) = (Arc::<Members>::default(), Arc::<Clients>::default());
        let shown = (Arc::clone(&visibility), Arc::clone(&signal));
        let writer = Writer::start(settings.clone(), shown, Arc::clone(&members), Arc::clone(&figures), stuck)?;
        let reader = Reader::new(settings.clone(), Arc::clone(&signal), figures).map_err(LogError::from)?;
        let asking_of_all = Reading::new(&mut settings.asking_of_all(), Arc::clone(&signal), settings.request_timeout);
        let asking_of_all = asking_of_all.map_err(LogError::from)?;
        let (topics, groups) = (Mutex::default(), Mutex::default());
        Ok(Self { settings, topics, visibility, signal, writer, reader, groups, members, asking_of_all })
    }

    fn known_topics(&self) -> MutexGuard<'_, HashMap<Arc<str>, TopicState>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks Kafka for the topic and remembers it.
    fn ask_topic(&self, name: &str) -> Result<Option<TopicState>, LogError> {
        let described = self.reader.asking().describe_topic(&self.settings.topic_outside(name))?;
        let state = described.map(|described| TopicState {
            identity: TopicIdentity(described.identity),
            partitions: described.partitions,
        });
        let mut known = self.known_topics();
        let before = match &state {
            Some(state) => known.insert(name.into(), state.clone()),
            None => known.remove(name),
        };
        drop(known);
        if before.is_some_and(|before| state.as_ref().is_none_or(|state| state.identity != before.identity)) {
            self.visibility.forget(name);
            self.reader.forget(name);
        }
        Ok(state)
    }

    /// The place of a partition that exists.
    fn place(&self, topic: &str, partition: i32) -> Result<Place, LogError> {
        let found = |known: &HashMap<Arc<str>, TopicState>| {
            let (name, state) = known.get_key_value(topic)?;
            (0..state.partitions).contains(&partition).then(|| (Arc::clone(name), partition))
        };
        if let Some(place) = found(&self.known_topics()) {
            return Ok(place);
        }
        // It may have been made meanwhile, by this process or another.
        self.ask_topic(topic)?;
        found(&self.known_topics()).ok_or_else(|| LogError::UnknownPartition { topic: topic.into(), partition })
    }

    /// The client that asks for a group's positions.
    fn group(&self, group: &str) -> Result<Arc<GroupReading>, LogError> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let found = groups.iter().position(|(name, _)| name == group).map(|index| groups.remove(index).1);
        let client = match found {
            Some(client) => client,
            None => {
                let outside = self.settings.outside(group);
                Arc::new(GroupReading::new(self.settings.reading(), &outside, self.settings.request_timeout)?)
            }
        };
        groups.push((group.to_owned(), Arc::clone(&client)));
        let old = (groups.len() > MOST_GROUPS).then(|| groups.remove(0));
        drop(groups);
        drop(old);
        Ok(client)
    }

    /// First offset and end of a partition, once Kafka shows all that this process has committed there.
    fn bounds(&self, place: &Place) -> Result<(i64, i64), LogError> {
        let client = self.reader.asking();
        let outside = self.settings.topic_outside(&place.0);
        let shown = until(self.settings.request_timeout, || match client.bounds(&outside, place.1) {
            Ok((first, end)) if end >= self.visibility.floor(place) => {
                self.visibility.raise(place, end);
                self.visibility.saw_records(place, end);
                Ok(Some((first, end)))
            }
            Ok(_) => Ok(None),
            Err(failure) if failure.passes() => self.still_there(place),
            Err(failure) => Err(failure.into()),
        })?;
        let reason = "what was committed is not shown: there is no leader, or another writer's transaction stays open";
        shown.ok_or_else(|| KafkaFailure::new("asking for a partition's end", reason).into())
    }

    /// Nothing, unless the topic of a partition is gone: one that was just made has no leader yet, one that was taken
    /// away never will.
    fn still_there<Answer>(&self, place: &Place) -> Result<Option<Answer>, LogError> {
        match self.ask_topic(&place.0)? {
            Some(_) => Ok(None),
            None => Err(LogError::UnknownPartition { topic: Arc::clone(&place.0), partition: place.1 }),
        }
    }
}

impl Log for KafkaLog {
    fn ensure_topic(&self, settings: &TopicSettings) -> Result<TopicState, LogError> {
        rules::check_topic(settings)?;
        let name = &settings.name;
        let mut state = self.ask_topic(name)?;
        if state.is_none() {
            if let Some(outside) = self.settings.elsewhere.get(&**name) {
                return Err(LogError::Misuse(format!("topic {outside} of others is missing, and is never made here")));
            }
            let wanted = [
                ("message.timestamp.type", "LogAppendTime".to_owned()),
                ("max.message.bytes", (self.settings.largest_record + AROUND_A_RECORD).to_string()),
                ("retention.ms", "-1".to_owned()),
                ("retention.bytes", "-1".to_owned()),
            ];
            let replication = self.settings.replication.unwrap_or(-1);
            let made = self.reader.asking().create_topic(
                &self.settings.topic_outside(name),
                settings.partitions,
                replication,
                &wanted,
            );
            made.map_err(|failure| match failure.code() {
                // Kafka takes `a.b` and `a_b` for one name.
                Some(RDKafkaErrorCode::InvalidTopic) => LogError::Misuse(failure.to_string()),
                _ => failure.into(),
            })?;
            // Brokers hear of a topic a moment after it was made.
            state = until(self.settings.request_timeout, || self.ask_topic(name))?;
        }
        let state = state.ok_or_else(|| KafkaFailure::new("making a topic", "it was made and cannot be seen"))?;
        if state.partitions != settings.partitions {
            return Err(LogError::Partitions {
                topic: Arc::clone(name),
                found: state.partitions,
                wanted: settings.partitions,
            });
        }
        Ok(state)
    }

    fn topic(&self, name: &str) -> Result<Option<TopicState>, LogError> {
        let settings = TopicSettings { name: name.into(), partitions: 1 };
        // Kafka refuses to look for a name that is none.
        if rules::check_topic(&settings).is_err() { Ok(None) } else { self.ask_topic(name) }
    }

    fn topics(&self) -> Result<Vec<Arc<str>>, LogError> {
        let all = self.reader.asking().topic_names()?;
        let own = all.iter().filter_map(|name| self.settings.topic_inside(name));
        // Kafka's own topics start like this, and may be somebody's namespace.
        let mut names: Vec<Arc<str>> = own.filter(|name| !name.starts_with("__")).map(Arc::from).collect();
        names.sort();
        Ok(names)
    }

    fn end(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.writer.settled()?;
        Ok(self.bounds(&self.place(topic, partition)?)?.1)
    }

    fn first(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.writer.settled()?;
        Ok(self.bounds(&self.place(topic, partition)?)?.0)
    }

    fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.writer.settled()?;
        let place = self.place(topic, partition)?;
        let (first, end) = self.bounds(&place)?;
        if !(0..=end).contains(&offset) {
            return Err(LogError::OutOfRange { topic: topic.into(), partition, offset, first, end });
        }
        if offset > first {
            self.reader.asking().delete_records(&self.settings.topic_outside(topic), partition, offset)?;
        }
        Ok(())
    }

    fn read(&self, topic: &str, partition: i32, offset: i64, max_bytes: usize) -> Result<Vec<Records>, LogError> {
        self.writer.settled()?;
        let place = self.place(topic, partition)?;
        let question = Question {
            place: &place,
            offset,
            max_bytes,
            bounds: &|| self.bounds(&place),
            floor: &|| self.visibility.floor(&place),
        };
        let blocks = self.reader.read(&question)?;
        if let Some(last) = blocks.last() {
            self.visibility.saw_records(&place, last.next_offset());
        }
        Ok(blocks)
    }

    fn keeps_for(&self, topic: &str) -> Result<Option<Duration>, LogError> {
        Ok(self.reader.asking().retention(&self.settings.outside(topic))?)
    }

    fn position(&self, group: &str, topic: &str, partition: i32) -> Result<Option<Position>, LogError> {
        self.writer.settled()?;
        let place = self.place(topic, partition)?;
        let (outside, limit) = (self.settings.topic_outside(topic), self.settings.request_timeout);
        // A member asks by its own client; another client for its group would take a connection and threads of its own.
        let member = self.members.find(&self.settings.outside(group));
        let ask = || match &member {
            Some(member) => Ok(native::position(member.client(), &outside, partition, limit)),
            None => Ok::<_, LogError>(self.group(group)?.position(&outside, partition)),
        };
        let found = until(limit, || match ask()? {
            Err(failure) if failure.passes() => Ok(None),
            outcome => Ok(Some(outcome?)),
        })?;
        let reason = "a transaction that moves it stays open, or the group has no coordinator";
        let found = found.ok_or_else(|| KafkaFailure::new("asking for a group's position", reason))?;
        self.visibility.saw_position(group, &place);
        let Some((offset, metadata)) = found else { return Ok(None) };
        let metadata = String::from_utf8(metadata)
            .map_err(|_| LogError::Damaged(format!("the metadata of group `{group}` is no text")))?;
        Ok(Some(Position { offset, metadata }))
    }

    fn await_settled(&self, topic: &str, partition: i32) -> Result<(), LogError> {
        self.writer.settled()?;
        let place = self.place(topic, partition)?;
        let (outside, client) = (self.settings.topic_outside(topic), self.reader.asking());
        // A process that died leaves its transaction open until the brokers abort it.
        let limit = self.settings.transaction_timeout + self.settings.request_timeout;
        let mut whole = None;
        let settled = until(limit, || {
            let asked = match whole {
                None => self.asking_of_all.bounds(&outside, partition),
                Some(_) => client.bounds(&outside, partition),
            };
            match (asked, whole) {
                (Ok((_, end)), None) => {
                    whole = Some(end);
                    Ok(None)
                }
                (Ok((_, end)), Some(whole)) if end >= whole => {
                    self.visibility.raise(&place, end);
                    Ok(Some(()))
                }
                (Ok(_), _) => Ok(None),
                (Err(failure), _) if failure.passes() => self.still_there(&place),
                (Err(failure), _) => Err(failure.into()),
            }
        })?;
        let reason = format!("a transaction in partition {partition} of `{topic}` stays open");
        settled.ok_or_else(|| KafkaFailure::new("waiting for what was committed", reason).into())
    }

    fn has_members(&self) -> bool {
        true
    }

    fn join(&self, group: &str, topics: &[Arc<str>]) -> Result<Box<dyn Membership>, LogError> {
        for topic in topics {
            self.place(topic, 0)?;
        }
        let outside: Vec<String> = topics.iter().map(|topic| self.settings.topic_outside(topic)).collect();
        Ok(Box::new(self.members.join(&self.settings, &self.settings.outside(group), &outside)?))
    }

    fn begin(&self) -> Box<dyn Transaction + '_> {
        Box::new(KafkaTransaction {
            log: self,
            appends: Vec::new(),
            positions: Vec::new(),
            claims: Vec::new(),
            bytes: 0,
        })
    }

    fn wait(&self, seen: u64, limit: Duration) -> u64 {
        self.signal.wait(seen, limit)
    }
}

/// Collects until it is committed; Kafka hears of it then.
struct KafkaTransaction<'a> {
    log: &'a KafkaLog,
    appends: Vec<Written>,
    positions: Vec<(String, Place, Position)>,
    claims: Vec<(String, Place)>,
    bytes: usize,
}

impl Transaction for KafkaTransaction<'_> {
    fn claim(&mut self, group: &str, topic: &str, partition: i32) {
        self.claims.push((self.log.settings.outside(group), (topic.into(), partition)));
    }

    fn append(&mut self, written: Written) -> Result<(), LogError> {
        self.log.place(&written.topic, written.partition)?;
        rules::check_columns(&written.records)?;
        check_headers(&written.records)?;
        let limit = self.log.settings.largest_record;
        let mut sum = 0;
        for index in 0..written.records.len() {
            let bytes = rules::record_bytes(&written.records, index);
            if bytes > limit {
                return Err(LogError::TooLarge { topic: written.topic, bytes, limit });
            }
            sum += bytes;
        }
        self.bytes += sum;
        self.appends.push(written);
        Ok(())
    }

    fn commit_position(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        position: Position,
    ) -> Result<(), LogError> {
        let place = self.log.place(topic, partition)?;
        rules::check_position(group, &position)?;
        self.positions.push((group.to_owned(), place, position));
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Vec<Appended>, LogError> {
        let Self { log, appends, positions, claims, bytes } = *self;
        let places: Vec<(Arc<str>, i32)> =
            appends.iter().map(|append| (Arc::clone(&append.topic), append.partition)).collect();
        let nothing = positions.is_empty() && appends.iter().all(|append| append.records.is_empty());
        let firsts = match nothing {
            true => vec![None; places.len()],
            false => log.writer.commit(Job { appends, positions, claims, bytes })?,
        };
        let appended = places.into_iter().zip(firsts).map(|((topic, partition), first)| {
            // An append without records in a partition that this transaction wrote nothing to.
            let first_offset = first.map_or_else(|| log.end(&topic, partition), Ok)?;
            Ok(Appended { topic, partition, first_offset })
        });
        appended.collect()
    }
}
