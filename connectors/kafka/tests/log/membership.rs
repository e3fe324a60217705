//! Groups: who owns a partition, and that nobody else moves its position.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use batch::{Headers, RecordsBuilder};
use kafka_connector::KafkaLog;
use log::{Change, Log, LogError, Membership, Partition, Position, TopicSettings, Written};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::Producer;
use testkit::{KafkaProxy, Loses, SILENCED};

use crate::faults::stranger;
use crate::support::{Broker, broker, namespace, open, until};

const GROUP: &str = "group";

fn topic(log: &KafkaLog, partitions: i32) -> Arc<str> {
    let name: Arc<str> = "shared".into();
    log.ensure_topic(&TopicSettings { name: Arc::clone(&name), partitions }).expect("a topic");
    name
}

/// Moves a position, as the task of a partition does.
fn commit(log: &KafkaLog, partition: i32, offset: i64) -> Result<(), LogError> {
    let mut transaction = log.begin();
    transaction.claim(GROUP, "shared", partition);
    let mut records = RecordsBuilder::new();
    records.push(None, Some(offset.to_string().as_bytes()), &Headers::new(), 0);
    transaction.append(Written { topic: "shared".into(), partition, records: records.finish() })?;
    transaction.commit_position(GROUP, "shared", partition, Position { offset, metadata: String::new() })?;
    transaction.commit().map(drop)
}

fn position(log: &KafkaLog, partition: i32) -> Option<i64> {
    log.position(GROUP, "shared", partition).expect("readable").map(|position| position.offset)
}

/// A member, what it was told and has not answered, and what it owns by that.
struct Told {
    member: Box<dyn Membership>,
    asked: Vec<Partition>,
    lost: Vec<Partition>,
    owned: Vec<i32>,
}

impl Told {
    fn join(log: &KafkaLog, topic: &Arc<str>) -> Self {
        let member = log.join(GROUP, std::slice::from_ref(topic)).expect("a member");
        Self { member, asked: Vec::new(), lost: Vec::new(), owned: Vec::new() }
    }

    fn listen(&mut self) {
        match self.member.next(Duration::from_millis(10)).expect("the group answers") {
            Some(Change::Gained(gained)) => self.owned.extend(gained.iter().map(|partition| partition.number)),
            Some(Change::Asked(asked)) => self.asked.extend(asked),
            Some(Change::Lost(lost)) => self.lost.extend(lost),
            None => {}
        }
    }

    fn release(&mut self) {
        for partitions in [std::mem::take(&mut self.asked), std::mem::take(&mut self.lost)] {
            if !partitions.is_empty() {
                self.owned.retain(|owned| partitions.iter().all(|partition| partition.number != *owned));
                self.member.released(&partitions).expect("given up");
            }
        }
    }
}

/// A log whose session nobody here would see end.
fn unawaited(broker: &Broker, namespace: &str, instance: &str) -> KafkaLog {
    let mut settings = broker.settings(namespace, instance);
    settings.session_timeout = Duration::from_mins(10);
    open(settings)
}

#[test]
fn partitions_move_when_their_owner_lets_go() {
    let (broker, namespace) = (broker(), namespace());
    let (first, second) = (broker.open(&namespace, "first"), broker.open(&namespace, "second"));
    let topic = topic(&first, 4);
    let error = commit(&first, 0, 1).expect_err("nobody is a member yet");
    assert!(matches!(error, LogError::NotOwned { partition: 0, .. }), "{error}");

    let mut one = Told::join(&first, &topic);
    until("the first member owns all", &mut || {
        one.listen();
        one.owned.len() == 4
    });
    assert!(matches!(first.join(GROUP, &[Arc::clone(&topic)]).map(drop), Err(LogError::Misuse(_))));
    for partition in 0..4 {
        commit(&first, partition, 10).expect("its own");
    }

    let mut two = Told::join(&second, &topic);
    until("the first member is asked for two", &mut || {
        one.listen();
        two.listen();
        one.asked.len() == 2
    });
    let moving: Vec<i32> = one.asked.iter().map(|partition| partition.number).collect();
    // Until it lets go they are its own, though the group is in the middle of a change.
    for &partition in &moving {
        commit(&first, partition, 11).expect("still its own");
        let error = commit(&second, partition, 99).expect_err("not yet its own");
        assert!(matches!(error, LogError::NotOwned { .. }), "{error}");
    }
    assert_eq!(two.owned, [0; 0]);
    one.release();
    until("the second member has them", &mut || {
        one.listen();
        two.listen();
        two.owned.len() == 2
    });
    let mut owned = two.owned.clone();
    owned.sort_unstable();
    let mut expected = moving.clone();
    expected.sort_unstable();
    assert_eq!(owned, expected);
    for &partition in &moving {
        let error = commit(&first, partition, 99).expect_err("no longer its own");
        assert!(matches!(error, LogError::NotOwned { .. }), "{error}");
        second.await_settled("shared", partition).expect("settled");
        assert_eq!(position(&second, partition), Some(11));
        commit(&second, partition, 12).expect("its own");
    }
    // What stayed where it was went on.
    for &partition in &one.owned {
        commit(&first, partition, 11).expect("still its own");
    }

    // Another process of a name that is in the group fences the one that has it.
    let third = broker.open(&namespace, "second");
    let mut three = Told::join(&third, &topic);
    let mut fenced = false;
    until("the second member is fenced", &mut || {
        one.listen();
        three.listen();
        fenced |= matches!(two.member.next(Duration::from_millis(10)), Err(LogError::Fenced));
        fenced && three.owned.len() == 2
    });
    let refused = commit(&second, moving[0], 99).expect_err("another of its name is there");
    assert!(matches!(refused, LogError::Fenced), "{refused}");
    commit(&third, moving[0], 13).expect("its own");
}

#[test]
fn a_member_that_ends_in_order_is_not_waited_for() {
    let (broker, namespace) = (broker(), namespace());
    let [first, second] = ["first", "second"].map(|instance| unawaited(broker, &namespace, instance));
    let topic = topic(&first, 4);
    let (mut one, mut two) = (Told::join(&first, &topic), Told::join(&second, &topic));
    until("both have a part", &mut || {
        one.listen();
        two.listen();
        one.release();
        two.release();
        one.owned.len() == 2 && two.owned.len() == 2
    });
    drop(one);
    until("the other one has all", &mut || {
        two.listen();
        two.release();
        two.owned.len() == 4
    });
}

/// The client leaves only once it is answered what the group has given last.
#[test]
fn a_member_that_ends_before_it_hears_what_it_is_given_is_not_waited_for() {
    let (broker, namespace) = (broker(), namespace());
    let [first, second] = ["first", "second"].map(|instance| unawaited(broker, &namespace, instance));
    let topic = topic(&first, 4);
    let one = Told::join(&first, &topic);
    let asking: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &broker.servers).create().expect("a client that joins nothing");
    let group = format!("{namespace}{GROUP}");
    until("the group has given the first one something", &mut || {
        let groups = asking.fetch_group_list(Some(&group), Duration::from_secs(10)).expect("the broker answers");
        groups.groups().iter().any(|known| known.state() == "Stable" && known.members().len() == 1)
    });
    drop(one);
    let mut two = Told::join(&second, &topic);
    until("the other one has all", &mut || {
        two.listen();
        two.owned.len() == 4
    });
}

/// A process that the group takes for dead, but whose producer works: what it still writes for a partition that
/// another owns is refused.
#[test]
fn the_group_refuses_an_owner_that_it_took_for_dead() {
    let proxy = KafkaProxy::start();
    let advertised = format!("advertised.listeners=PLAINTEXT://{}", proxy.address);
    let broker = Broker::start_with("silenced", &["--set", &advertised]);
    proxy.forward_to(&broker.servers);
    let settings = |instance: &str| {
        let mut settings = broker.settings("", instance);
        settings.servers = proxy.address.to_string();
        settings.session_timeout = Duration::from_secs(6);
        settings
    };
    let mut silenced = settings("silenced");
    silenced.client.insert("client.id".into(), SILENCED.into());
    let (first, second) = (open(silenced), open(settings("second")));
    let topic = topic(&first, 1);
    let mut one = Told::join(&first, &topic);
    until("the first member owns the partition", &mut || {
        one.listen();
        one.owned.len() == 1
    });
    commit(&first, 0, 1).expect("its own");
    proxy.lose(Loses::SignsOfLife);
    let mut two = Told::join(&second, &topic);
    // The first one is not asked any more what it hears: it believes that the partition is its own.
    until("the second member owns the partition", &mut || {
        two.listen();
        two.owned.len() == 1
    });
    assert!(proxy.lost() > 0);
    commit(&second, 0, 2).expect("its own");
    let error = commit(&first, 0, 99).expect_err("it is taken for dead");
    assert!(matches!(error, LogError::Away(_) | LogError::NotOwned { .. }), "{error}");
    proxy.lose(Loses::Nothing);
    until("the first member hears of it", &mut || {
        one.listen();
        two.listen();
        !one.lost.is_empty()
    });
    let error = commit(&first, 0, 99).expect_err("lost");
    assert!(matches!(error, LogError::NotOwned { .. }), "{error}");
    one.release();
    assert_eq!(position(&second, 0), Some(2));
    commit(&second, 0, 3).expect("its own");
}

/// The client tells that all is lost before it joins again, and its heartbeats meanwhile have no id: its broker would take
/// them for those of another process of this name, and the client would be of no use any more.
#[test]
fn a_session_that_passes_while_the_broker_is_away_fences_nobody() {
    let (broker, namespace) = (Broker::start("sessions"), namespace());
    let mut settings = broker.settings(&namespace, "one");
    settings.session_timeout = Duration::from_secs(3);
    let log = open(settings);
    let topic = topic(&log, 1);
    let mut one = Told::join(&log, &topic);
    until("the member owns the partition", &mut || {
        one.listen();
        one.owned.len() == 1
    });
    broker.kill();
    until("its session has passed", &mut || {
        one.listen();
        !one.lost.is_empty()
    });
    broker.start_again();
    // Its owner takes its time, for several heartbeats.
    (0..300).for_each(|_| one.listen());
    one.release();
    assert!(one.owned.is_empty());
    until("it has joined again", &mut || {
        one.listen();
        one.owned.len() == 1
    });
    commit(&log, 0, 1).expect("its own");
}

/// A new owner reads all that the last one left: it waits while a transaction is open that may still be committed.
#[test]
fn what_is_settled_has_no_open_transaction_before_it() {
    let (broker, namespace) = (broker(), namespace());
    let log = broker.open(&namespace, "one");
    topic(&log, 1);
    let other = stranger(&format!("{namespace}shared"), &format!("{namespace}stranger"));
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            log.await_settled("shared", 0).expect("settled");
            let blocks = log.read("shared", 0, 0, 1 << 20).expect("readable");
            tell.send(blocks.iter().map(batch::Records::len).sum::<usize>()).expect("awaited");
        });
        assert_eq!(told.recv_timeout(Duration::from_millis(300)), Err(mpsc::RecvTimeoutError::Timeout));
        other.commit_transaction(Duration::from_secs(30)).expect("committed");
        assert_eq!(told.recv_timeout(Duration::from_mins(1)), Ok(2));
    });
}

/// The first round of a change has taken partitions from an owner, and the owner dies before it has given them up. Under
/// its name it is handed what it keeps, and Kafka hands the rest to nobody.
#[test]
fn partitions_that_an_owner_was_to_give_up_when_it_died_are_given_out() {
    let (broker, namespace) = (broker(), namespace());
    let open = |name: &str| {
        let mut settings = broker.settings(&namespace, name);
        settings.session_timeout = Duration::from_secs(3);
        open(settings)
    };
    let (first, second) = (open("first"), open("second"));
    let topic = topic(&first, 4);
    let mut one = Told::join(&first, &topic);
    until("the first member owns all", &mut || {
        one.listen();
        one.owned.len() == 4
    });
    let mut two = Told::join(&second, &topic);
    until("the first member is asked for two", &mut || {
        one.listen();
        two.listen();
        one.asked.len() == 2
    });
    // As a killed process would: it says nothing more, and does not leave.
    std::mem::forget(one);
    let again = open("first");
    let mut three = Told::join(&again, &topic);
    until("all partitions are owned", &mut || {
        two.listen();
        three.listen();
        two.release();
        three.release();
        let mut owned = [&two.owned[..], &three.owned].concat();
        owned.sort_unstable();
        owned == [0, 1, 2, 3]
    });
}
