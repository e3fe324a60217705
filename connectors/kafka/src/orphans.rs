//! Partitions that a group has given to nobody, and a way to have it give them again.
//!
//! In an incremental rebalance a partition changes hands in two rounds: its owner gives it up and joins again, and only
//! then another one gets it. An owner that dies between the rounds and comes back under its static name is handed what it
//! had, less what it was to give up, and no second round follows: nobody owns those partitions until a member comes or
//! goes. Seen with Kafka 4.3 and the bundled client, after a broker hung; Kafka's own clients are no different there.
//!
//! So each member looks now and then whether every partition of its topics is somebody's. When one was nobody's twice
//! in a group that is at rest, the first member *knocks*: it lets a stranger join the group, who wants none of these
//! partitions, and leave. The group hands out its partitions anew at that, and all keep what they have.

use std::collections::HashSet;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::groups::GroupMemberInfo;
use rdkafka::metadata::MetadataTopic;

use crate::failure::KafkaFailure;
use crate::membership::Events;
use crate::settings::KafkaSettings;

/// How long one question may take. Nothing else of the member goes on meanwhile.
const ASK: Duration = Duration::from_secs(2);
/// Looks in a session.
const LOOKS: u32 = 3;

/// A member's watch over the partitions of its group.
pub(crate) struct Watch {
    settings: KafkaSettings,
    /// Names outside, as all here.
    group: String,
    topics: Vec<String>,
    /// Since the last look, as far as it is known.
    waited: Duration,
    /// What was nobody's at the last look.
    orphans: HashSet<(String, i32)>,
    knocking: Option<Knock>,
}

/// A stranger at the door, and how long it has been there.
struct Knock {
    stranger: BaseConsumer<Events>,
    waited: Duration,
}

impl Watch {
    pub(crate) fn new(settings: &KafkaSettings, group: &str, topics: &[String]) -> Self {
        Self {
            settings: settings.clone(),
            group: group.to_owned(),
            topics: topics.to_vec(),
            waited: Duration::ZERO,
            orphans: HashSet::new(),
            knocking: None,
        }
    }

    /// Told after each time in which the group said nothing. What Kafka refuses is looked at again later.
    pub(crate) fn quiet_for(&mut self, time: Duration, member: &BaseConsumer<Events>) {
        self.waited += time;
        if let Some(knock) = &mut self.knocking {
            knock.waited += time;
            if knock.is_over(self.settings.session_timeout) {
                self.knocking = None;
            }
        } else if self.waited >= self.settings.session_timeout / LOOKS {
            self.waited = Duration::ZERO;
            // A group that cannot be asked now is asked the next time.
            let Ok(Some(orphans)) = self.look(member) else { return };
            let still = orphans.iter().any(|orphan| self.orphans.contains(orphan));
            self.orphans = orphans;
            if still {
                self.orphans.clear();
                self.knocking = self.knock(member).ok();
            }
        }
    }

    /// What is nobody's; `None` if the group is not at rest, or another member looks after it.
    fn look(&self, member: &BaseConsumer<Events>) -> Result<Option<HashSet<(String, i32)>>, KafkaFailure> {
        let failure = |error: KafkaError| KafkaFailure::of("asking who owns partitions", &error);
        let groups = member.fetch_group_list(Some(&self.group), ASK).map_err(failure)?;
        let Some(group) = groups.groups().iter().find(|group| group.name() == self.group && group.state() == "Stable")
        else {
            return Ok(None);
        };
        let first = group.members().iter().map(GroupMemberInfo::id).min();
        let own = format!("{}-", self.settings.outside(&self.settings.instance));
        if first.is_none_or(|first| !first.starts_with(&own)) {
            return Ok(None);
        }
        let owned = group.members().iter().filter_map(|member| assigned(member.assignment()?));
        let owned: HashSet<(String, i32)> = owned.flatten().collect();
        let mut orphans = HashSet::new();
        for name in &self.topics {
            let metadata = member.fetch_metadata(Some(name), ASK).map_err(failure)?;
            let numbers =
                metadata.topics().iter().filter(|topic| topic.name() == name).flat_map(MetadataTopic::partitions);
            let places = numbers.map(|partition| (name.clone(), partition.id()));
            orphans.extend(places.filter(|place| !owned.contains(place)));
        }
        Ok(Some(orphans))
    }

    fn knock(&self, member: &BaseConsumer<Events>) -> Result<Knock, KafkaFailure> {
        let failure = |error: KafkaError| KafkaFailure::of("knocking at a group", &error);
        let metadata = member.fetch_metadata(None, ASK).map_err(failure)?;
        let names = metadata.topics().iter().map(MetadataTopic::name);
        let mut beside = names.filter(|name| name.starts_with(&self.settings.namespace) && !name.starts_with("__"));
        // Where there is no other topic it is given some of these partitions, for a moment.
        let beside = beside.find(|name| self.topics.iter().all(|topic| topic != name)).unwrap_or(&self.topics[0]);
        let mut config = self.settings.member(&self.group);
        config.remove("group.instance.id").set_log_level(RDKafkaLogLevel::Emerg);
        let stranger: BaseConsumer<Events> = config.create_with_context(Events::leaving()).map_err(failure)?;
        stranger.subscribe(&[beside]).map_err(failure)?;
        Ok(Knock { stranger, waited: Duration::ZERO })
    }
}

impl Knock {
    /// True once the group has let the stranger in, or did not for two sessions.
    fn is_over(&self, session: Duration) -> bool {
        let _ = self.stranger.poll(Duration::ZERO);
        self.stranger.context().let_in() || self.waited > 2 * session
    }
}

/// Topics and partitions of a member's assignment, as Kafka's consumers write it: a version, then each topic's name and
/// its partitions. See <https://kafka.apache.org/protocol>. `None` if it is not written so.
fn assigned(bytes: &[u8]) -> Option<Vec<(String, i32)>> {
    let mut rest = bytes.get(2..)?;
    let mut take = |count: usize| -> Option<&[u8]> {
        let (taken, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(taken)
    };
    let mut found = Vec::new();
    let number = |bytes: &[u8]| bytes.try_into().ok().map(i32::from_be_bytes);
    for _ in 0..number(take(4)?)? {
        let length = u16::from_be_bytes(take(2)?.try_into().ok()?);
        let name = std::str::from_utf8(take(usize::from(length))?).ok()?.to_owned();
        for _ in 0..number(take(4)?)? {
            found.push((name.clone(), number(take(4)?)?));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn an_assignment_is_read_and_one_that_is_cut_is_none() {
        let whole =
            [&[0, 1, 0, 0, 0, 2][..], b"\0\x02ab\0\0\0\x02\0\0\0\x03\0\0\0\x05", b"\0\x01c\0\0\0\0\0\0\0\0"].concat();
        let expected = [("ab".to_owned(), 3), ("ab".to_owned(), 5)];
        assert_eq!(assigned(&whole).expect("whole"), expected);
        for length in 0..whole.len() - 4 {
            assert_eq!(assigned(&whole[..length]), None, "{length}");
        }
        assert_eq!(assigned(b"\0\x01\x7f\xff\xff\xff"), None, "a count that lies");
        assert_eq!(assigned(b"\0\0\xff\xff\xff\xff"), Some(Vec::new()), "nothing");
    }
}
