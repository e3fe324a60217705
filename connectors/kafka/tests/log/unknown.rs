//! Commits whose answer is lost: the caller is told that it is unknown, and finds by its position what happened.

use std::time::Duration;

use batch::{Headers, Records, RecordsBuilder};
use kafka_connector::KafkaLog;
use log::{Log, LogError, Position, TopicSettings, Written};
use testkit::{KafkaProxy, Loses};

use crate::support::{Broker, open};

fn commit(log: &KafkaLog, number: i64) -> Result<(), LogError> {
    let mut builder = RecordsBuilder::new();
    builder.push(None, Some(number.to_string().as_bytes()), &Headers::new(), 0);
    let mut transaction = log.begin();
    transaction.append(Written { topic: "numbers".into(), partition: 0, records: builder.finish() })?;
    let position = Position { offset: number + 1, metadata: String::new() };
    transaction.commit_position("group", "numbers", 0, position)?;
    transaction.commit().map(drop)
}

fn texts(log: &KafkaLog) -> Vec<String> {
    let (mut next, mut found) = (0, Vec::new());
    loop {
        let blocks = log.read("numbers", 0, next, 100_000).expect("readable");
        let Some(last) = blocks.last() else { return found };
        next = last.next_offset();
        let values = blocks.iter().flat_map(Records::iter).map(|record| record.value.unwrap_or_default().to_vec());
        found.extend(values.map(|value| String::from_utf8_lossy(&value).into_owned()));
    }
}

#[test]
fn a_lost_commit_is_unknown_and_the_position_tells() {
    let proxy = KafkaProxy::start();
    let advertised = format!("advertised.listeners=PLAINTEXT://{}", proxy.address);
    let broker = Broker::start_with("proxied", &["--set", &advertised]);
    proxy.forward_to(&broker.servers);
    let mut settings = broker.settings("", "one");
    settings.servers = proxy.address.to_string();
    settings.transaction_timeout = Duration::from_secs(5);
    settings.stuck_after = Duration::from_secs(20);
    let log = open(settings);
    log.ensure_topic(&TopicSettings { name: "numbers".into(), partitions: 1 }).expect("a topic");
    let mut next = 0;
    let mut expected = Vec::new();
    for loses in [Loses::Nothing, Loses::CommitAnswers, Loses::CommitRequests, Loses::CommitAnswers] {
        proxy.lose(loses);
        let outcome = commit(&log, next);
        if loses == Loses::Nothing {
            assert!(outcome.is_ok(), "{outcome:?}");
        } else {
            assert!(matches!(outcome, Err(LogError::Unknown(_))), "{loses:?}: {outcome:?}");
            assert!(proxy.lost() > 0);
        }
        // As a task does: what is committed is told by the position, and no late request changes it any more.
        let position = log.position("group", "numbers", 0).expect("readable").map_or(0, |position| position.offset);
        let happened = position == next + 1;
        assert_eq!(happened, loses != Loses::CommitRequests, "{loses:?}");
        if happened {
            expected.push(next.to_string());
            next += 1;
        }
        assert_eq!(texts(&log), expected, "{loses:?}");
    }
    commit(&log, next).expect("the new producer writes");
    expected.push(next.to_string());
    assert_eq!(texts(&log), expected);
}
