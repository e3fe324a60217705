//! Made-up transactions of several threads, compared record by record with the log in memory.
//!
//! Each transaction also appends one record to a topic of its own, whose order is the order of commits. The log in memory
//! gets the transactions one after another in that order; then both must hold the same.

use std::sync::Arc;

use batch::{Headers, Record, Records, RecordsBuilder};
use log::memory::MemoryLog;
use log::{Log, LogError, Position, TopicSettings, Written};
use testkit::Random;

use crate::support::{broker, namespace};

const THREADS: u64 = 4;
const TRANSACTIONS: u64 = 25;
const TOPICS: [(&str, i32); 3] = [("left", 2), ("right", 1), ("order", 1)];

#[derive(Clone, Default)]
struct Made {
    appends: Vec<Written>,
    positions: Vec<(String, &'static str, i32, Position)>,
}

fn records(random: &mut Random) -> Records {
    let mut builder = RecordsBuilder::new();
    for _ in 0..random.below(6) {
        let mut part = |most: u64| {
            let length = random.below(most) as usize;
            random.chance(800).then(|| random.bytes(length))
        };
        let (key, value, header) = (part(9), part(2000), part(12));
        let mut headers = Headers::new();
        if let Some(header) = header {
            headers.push("made", &header);
            headers.push("", b"");
        }
        // An arrival of 0 would be set by each log to another time.
        let arrival = random.below(1_000_000) as i64 - 10;
        let arrival = if arrival == 0 { 1 } else { arrival };
        builder.push(key.as_deref(), value.as_deref(), &headers, arrival);
    }
    builder.finish()
}

fn made(random: &mut Random, name: &str) -> Made {
    let mut made = Made::default();
    for _ in 0..=random.below(4) {
        let (topic, partitions) = TOPICS[random.below(2) as usize];
        let partition = random.below(partitions as u64) as i32;
        made.appends.push(Written { topic: topic.into(), partition, records: records(random) });
    }
    for _ in 0..random.below(3) {
        let (topic, partitions) = TOPICS[random.below(2) as usize];
        let group = format!("group {}", random.below(2));
        let offset = random.below(1000) as i64;
        let metadata = format!("{name} {}", "m".repeat(random.below(50) as usize));
        let partition = random.below(partitions as u64) as i32;
        made.positions.push((group, topic, partition, Position { offset, metadata }));
    }
    let mut builder = RecordsBuilder::new();
    builder.push(None, Some(name.as_bytes()), &Headers::new(), 1);
    made.appends.push(Written { topic: "order".into(), partition: 0, records: builder.finish() });
    made
}

/// Commits it, or drops it.
fn apply(log: &dyn Log, made: &Made, keep: bool) -> Result<(), LogError> {
    let mut transaction = log.begin();
    for append in &made.appends {
        transaction.append(append.clone())?;
    }
    for (group, topic, partition, position) in &made.positions {
        transaction.commit_position(group, topic, *partition, position.clone())?;
    }
    if keep { transaction.commit().map(drop) } else { Ok(()) }
}

fn all(log: &dyn Log, topic: &str, partition: i32) -> Vec<Records> {
    let mut blocks: Vec<Records> = Vec::new();
    loop {
        let next = blocks.last().map_or(0, Records::next_offset);
        let more = log.read(topic, partition, next, 5_000).expect("readable");
        if more.is_empty() {
            return blocks;
        }
        assert!(more[0].base_offset >= next);
        blocks.extend(more);
    }
}

/// A record without its offset, which differs where the log has gaps.
fn content<'a>(record: &Record<'a>) -> Record<'a> {
    Record { offset: 0, ..*record }
}

fn compare(seed: u64) {
    let kafka = broker().open(&namespace(), "model");
    let memory = MemoryLog::new(Arc::new(|| 1));
    for (name, partitions) in TOPICS {
        for log in [&kafka as &dyn Log, &memory] {
            log.ensure_topic(&TopicSettings { name: name.into(), partitions }).expect("a topic");
        }
    }
    let work: Vec<Vec<(Made, bool)>> = (0..THREADS)
        .map(|thread| {
            let mut random = Random::new(seed * 1000 + thread);
            let each = (0..TRANSACTIONS).map(|number| {
                let keep = !random.chance(200);
                (made(&mut random, &format!("{thread} {number}")), keep)
            });
            each.collect()
        })
        .collect();
    let kafka = &kafka;
    std::thread::scope(|scope| {
        for own in &work {
            scope.spawn(move || {
                for (made, keep) in own {
                    apply(kafka, made, *keep).expect("committed");
                }
            });
        }
    });
    let order = all(kafka, "order", 0);
    let mut kept = 0;
    for record in order.iter().flat_map(Records::iter) {
        let name = String::from_utf8_lossy(record.value.unwrap_or_default());
        let (thread, number) = name.split_once(' ').expect("a name of ours");
        let (thread, number): (usize, usize) = (thread.parse().expect("a number"), number.parse().expect("a number"));
        let (made, keep) = &work[thread][number];
        assert!(*keep, "seed {seed}: {name} was dropped and can be seen");
        apply(&memory, made, true).expect("legal");
        kept += 1;
    }
    assert_eq!(kept, work.iter().flatten().filter(|(_, keep)| *keep).count(), "seed {seed}");
    for (topic, partitions) in TOPICS {
        for partition in 0..partitions {
            let (found, expected) = (all(kafka, topic, partition), all(&memory, topic, partition));
            let found: Vec<_> = found.iter().flat_map(Records::iter).map(|record| content(&record)).collect();
            let expected: Vec<_> = expected.iter().flat_map(Records::iter).map(|record| content(&record)).collect();
            assert_eq!(found.len(), expected.len(), "seed {seed}: {topic}/{partition}");
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found, expected, "seed {seed}: record {index} of {topic}/{partition}");
            }
            for group in ["group 0", "group 1"] {
                let positions = [kafka as &dyn Log, &memory].map(|log| log.position(group, topic, partition));
                let [found, expected] = positions.map(|position| position.expect("readable"));
                assert_eq!(found, expected, "seed {seed}: {group} in {topic}/{partition}");
            }
        }
    }
}

#[test]
fn transactions_of_several_threads_leave_what_the_log_in_memory_has() {
    for seed in 1..=5 {
        compare(seed);
    }
}
