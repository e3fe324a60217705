//! What must hold when something fails: another process of the same name, an aborted transaction, a broker that dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use batch::{Headers, Records, RecordsBuilder};
use kafka_connector::KafkaLog;
use log::{Appended, Log, LogError, Position, TopicSettings, Written};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use testkit::Random;

use crate::support::{Broker, broker, namespace, open, until};

fn topic(log: &KafkaLog, name: &str, partitions: i32) {
    log.ensure_topic(&TopicSettings { name: name.into(), partitions }).expect("a topic");
}

fn written(topic: &str, values: &[&str]) -> Written {
    let mut builder = RecordsBuilder::new();
    for value in values {
        builder.push(None, Some(value.as_bytes()), &Headers::new(), 0);
    }
    Written { topic: topic.into(), partition: 0, records: builder.finish() }
}

fn commit(log: &KafkaLog, topic: &str, values: &[&str]) -> Result<Vec<Appended>, LogError> {
    let mut transaction = log.begin();
    transaction.append(written(topic, values))?;
    transaction.commit()
}

/// All values of partition 0, with their offsets.
fn values(log: &KafkaLog, topic: &str) -> Vec<(i64, String)> {
    let mut next = 0;
    let mut found = Vec::new();
    loop {
        let blocks = log.read(topic, 0, next, 100_000).expect("readable");
        let Some(last) = blocks.last() else { return found };
        next = last.next_offset();
        let records = blocks.iter().flat_map(Records::iter);
        found.extend(
            records
                .map(|record| (record.offset, String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned())),
        );
    }
}

fn texts(log: &KafkaLog, topic: &str) -> Vec<String> {
    values(log, topic).into_iter().map(|(_, value)| value).collect()
}

/// A producer that is not ours, with a transaction open.
pub(crate) fn stranger(name: &str, id: &str) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &broker().servers).set("transactional.id", id);
    let producer: BaseProducer = config.create().expect("a producer");
    producer.init_transactions(Duration::from_secs(30)).expect("transactions");
    producer.begin_transaction().expect("a transaction");
    for value in ["stranger 1", "stranger 2"] {
        producer.send(BaseRecord::<(), str>::to(name).partition(0).payload(value)).expect("room");
    }
    // Its records are in the partition before anything that is committed after this.
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(10));
    }
    producer
}

#[test]
fn a_second_process_of_the_same_name_fences_the_first_for_ever() {
    let namespace = namespace();
    let first = broker().open(&namespace, "one");
    let other = broker().open(&namespace, "other");
    topic(&first, "prices", 1);
    commit(&first, "prices", &["a"]).expect("not fenced yet");
    let second = broker().open(&namespace, "one");
    for attempt in 0..3 {
        let outcome = commit(&first, "prices", &["lost"]);
        assert!(matches!(outcome, Err(LogError::Fenced)), "attempt {attempt}: {outcome:?}");
    }
    let mut position = first.begin();
    position.commit_position("group", "prices", 0, Position { offset: 9, metadata: String::new() }).expect("legal");
    let outcome = position.commit();
    assert!(matches!(outcome, Err(LogError::Fenced)), "{outcome:?}");
    commit(&second, "prices", &["b"]).expect("the second one writes");
    commit(&other, "prices", &["c"]).expect("another name is not fenced");
    assert_eq!(texts(&second, "prices"), ["a", "b", "c"]);
    assert_eq!(second.position("group", "prices", 0).expect("readable"), None);
    assert_eq!(texts(&first, "prices"), ["a", "b", "c"], "the fenced one may read on");
}

#[test]
fn what_a_dead_process_left_open_is_gone_when_its_name_comes_back() {
    let namespace = namespace();
    let log = broker().open(&namespace, "reader");
    topic(&log, "prices", 1);
    let dead = stranger(&format!("{namespace}prices"), &format!("{namespace}one"));
    let end = log.end("prices", 0).expect("an end");
    assert_eq!(end, 0, "an open transaction does not move the end");
    // Without this the open transaction would hide what others commit after it, until its time is over.
    let back = broker().open(&namespace, "one");
    commit(&log, "prices", &["after"]).expect("committed");
    let found = values(&log, "prices");
    assert_eq!(found.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["after"]);
    assert!(found[0].0 >= 3, "two records and a control record lie before: {found:?}");
    assert_eq!(texts(&back, "prices"), ["after"]);
    drop(dead);
}

#[test]
fn an_aborted_transaction_is_never_seen_and_what_follows_can_be_read() {
    let namespace = namespace();
    let log = broker().open(&namespace, "one");
    topic(&log, "prices", 1);
    let outside = format!("{namespace}prices");
    let mut expected = Vec::new();
    for round in 0..3 {
        let value = format!("kept {round}");
        commit(&log, "prices", &[&value]).expect("committed");
        expected.push(value);
        let producer = stranger(&outside, "aborting");
        producer.abort_transaction(Duration::from_secs(30)).expect("aborted");
        // The partition ends with what nobody may see.
        let last = values(&log, "prices").last().expect("records").0;
        until("the end passes the aborted records", &mut || log.end("prices", 0).expect("an end") > last + 4);
        let end = log.end("prices", 0).expect("an end");
        for offset in last + 1..=end {
            assert!(log.read("prices", 0, offset, 1000).expect("readable").is_empty(), "from {offset} of {end}");
        }
        assert_eq!(texts(&log, "prices"), expected);
    }
    for offset in 0..log.end("prices", 0).expect("an end") {
        let found = log.read("prices", 0, offset, 1).expect("readable");
        assert!(found.first().is_none_or(|block| block.base_offset >= offset), "from {offset}");
    }
}

#[test]
fn a_job_that_is_refused_does_not_take_others_along() {
    let namespace = namespace();
    let log = broker().open(&namespace, "one");
    topic(&log, "prices", 1);
    topic(&log, "small", 1);
    // A topic that somebody else made takes less than this log's largest record, which only the broker knows.
    let outside = format!("{namespace}narrow");
    broker().make_topic(&outside, "max.message.bytes=1000");
    // Nothing that becomes small when it is compressed.
    let mut random = Random::new(1);
    let large: String = (0..10_000).map(|_| char::from(b' ' + random.below(90) as u8)).collect();
    std::thread::scope(|scope| {
        let bad = scope.spawn(|| (0..5).map(|_| commit(&log, "narrow", &[&large])).collect::<Vec<_>>());
        let good = scope.spawn(|| (0..20).map(|_| commit(&log, "prices", &["good"])).collect::<Vec<_>>());
        for outcome in bad.join().expect("no panic") {
            assert!(matches!(outcome, Err(LogError::Away(_))), "{outcome:?}");
        }
        for outcome in good.join().expect("no panic") {
            assert!(outcome.is_ok(), "{outcome:?}");
        }
    });
    assert_eq!(texts(&log, "prices").len(), 20);
    assert!(texts(&log, "narrow").is_empty());
}

#[test]
fn a_record_above_the_limit_is_refused_before_it_is_sent() {
    let namespace = namespace();
    let mut settings = broker().settings(&namespace, "one");
    settings.largest_record = 1000;
    let log = open(settings);
    topic(&log, "prices", 1);
    let mut transaction = log.begin();
    transaction.append(written("prices", &[&"x".repeat(1000)])).expect("the limit itself is legal");
    let refused = transaction.append(written("prices", &["ok", &"x".repeat(1001)]));
    assert!(matches!(refused, Err(LogError::TooLarge { bytes: 1001, limit: 1000, .. })), "{refused:?}");
    transaction.commit().expect("what was legal is committed");
    assert_eq!(texts(&log, "prices").len(), 1);
}

#[test]
fn records_of_another_process_wake_who_has_read_to_the_end() {
    let namespace = namespace();
    let (reader, writer) = (broker().open(&namespace, "reader"), broker().open(&namespace, "writer"));
    topic(&reader, "prices", 1);
    for round in 0..5 {
        assert_eq!(texts(&reader, "prices").len(), round);
        let mut seen = reader.wait(0, Duration::ZERO);
        let next = values(&reader, "prices").last().map_or(0, |(offset, _)| offset + 1);
        let text = round.to_string();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                // It may wake for less than a record, as the prose of `wait` allows; never too late.
                while reader.read("prices", 0, next, 1000).expect("readable").is_empty() {
                    let now = reader.wait(seen, Duration::from_mins(1));
                    assert_ne!(now, seen, "nothing woke the reader for a minute");
                    seen = now;
                }
            });
            commit(&writer, "prices", &[&text]).expect("committed");
            waiter.join().expect("no panic");
        });
    }
}

#[test]
fn many_readers_of_one_partition_do_not_disturb_each_other() {
    let namespace = namespace();
    let log = broker().open(&namespace, "one");
    topic(&log, "prices", 1);
    let expected: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    for part in expected.chunks(100) {
        commit(&log, "prices", &part.iter().map(String::as_str).collect::<Vec<_>>()).expect("committed");
    }
    // More readers than cursors are kept.
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..7).map(|_| scope.spawn(|| texts(&log, "prices"))).collect();
        for reader in readers {
            assert_eq!(reader.join().expect("no panic"), expected);
        }
    });
}

#[test]
fn a_topic_made_again_is_another_topic() {
    let namespace = namespace();
    let log = broker().open(&namespace, "one");
    topic(&log, "prices", 1);
    commit(&log, "prices", &["old", "old", "old"]).expect("committed");
    assert_eq!(texts(&log, "prices").len(), 3);
    let before = log.topic("prices").expect("readable").expect("there").identity;
    broker().delete_topic(&format!("{namespace}prices"));
    until("the topic is gone", &mut || log.topic("prices").expect("readable").is_none());
    topic(&log, "prices", 1);
    let after = log.topic("prices").expect("readable").expect("there").identity;
    assert_ne!(before, after);
    assert_eq!(log.end("prices", 0).expect("an end"), 0);
}

/// One thread commits a number and a position in each transaction, whatever happens, as a task does: after an unknown
/// outcome it reads its position again.
fn count_up(log: &KafkaLog, stop: &AtomicBool, outcomes: &mut Vec<String>) -> i64 {
    let mut next = 0_i64;
    while !stop.load(Ordering::SeqCst) || next == 0 {
        let mut transaction = log.begin();
        let text = next.to_string();
        transaction.append(written("numbers", &[&text, &text])).expect("legal");
        let position = Position { offset: next + 1, metadata: format!("after {next}") };
        transaction.commit_position("group", "numbers", 0, position).expect("legal");
        match transaction.commit() {
            Ok(_) => next += 1,
            Err(LogError::Away(error)) => outcomes.push(format!("{next}: nothing happened: {error}")),
            Err(LogError::Unknown(error)) => {
                // While the brokers are away nobody can know where it stands.
                let position = loop {
                    match log.position("group", "numbers", 0) {
                        Err(LogError::Away(_)) => {}
                        known => break known.expect("readable"),
                    }
                };
                outcomes.push(format!("{next}: unknown: {error}; then {position:?}"));
                next = position.map_or(0, |position| position.offset);
            }
            Err(other) => panic!("{other:?} after {outcomes:#?}"),
        }
    }
    next
}

#[test]
fn a_broker_killed_amid_transactions_leaves_each_once() {
    let broker = Broker::start("killed");
    let mut settings = broker.settings("", "one");
    settings.request_timeout = Duration::from_mins(1);
    // Shorter than the outage, so that transactions fail instead of only taking longer.
    settings.transaction_timeout = Duration::from_secs(5);
    let log = Arc::new(open(settings));
    topic(&log, "numbers", 1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut outcomes = Vec::new();
            (count_up(&log, &stop, &mut outcomes), outcomes)
        });
        for kill in 1..=2 {
            let reached = kill * 20;
            until("the writer goes on", &mut || {
                log.position("group", "numbers", 0).expect("readable").is_some_and(|found| found.offset >= reached)
            });
            broker.kill();
            broker.start_again();
        }
        until("the writer goes on after the last start", &mut || {
            log.position("group", "numbers", 0).expect("readable").is_some_and(|found| found.offset >= 60)
        });
        stop.store(true, Ordering::SeqCst);
        let (count, outcomes) = writer.join().expect("no panic");
        let expected: Vec<String> = (0..count).flat_map(|number| [number.to_string(), number.to_string()]).collect();
        assert_eq!(texts(&log, "numbers"), expected, "{outcomes:#?}");
        let position = log.position("group", "numbers", 0).expect("readable").map(|position| position.offset);
        assert_eq!(position, Some(count));
    });
    // Another process finds the same.
    let fresh = open(broker.settings("", "two"));
    assert_eq!(texts(&fresh, "numbers"), texts(&log, "numbers"));
}
