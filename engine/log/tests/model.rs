//! Random operations on a log and on a simple model of it: both must say the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use batch::{Headers, RecordsBuilder};
use log::embedded::EmbeddedLog;
use log::memory::MemoryLog;
use log::{Log, Position, TopicSettings, Written};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const TOPIC: &str = "prices";
const PARTITIONS: i32 = 3;

/// Key, value, headers, and the arrival, which is 0 where the log sets it.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    arrival: i64,
}

/// One thing that can happen to a log.
#[derive(Clone, Debug)]
enum Operation {
    Transaction {
        appends: Vec<(i32, Vec<Row>)>,
        positions: Vec<(bool, i32, i64)>,
        commits: bool,
    },
    Read {
        partition: i32,
        share: u8,
        max_bytes: usize,
    },
    Reopen,
    /// The clock shows another time, perhaps an earlier one.
    Clock(i64),
}

fn row() -> impl Strategy<Value = Row> {
    let bytes = |longest| prop::option::weighted(0.9, prop::collection::vec(any::<u8>(), 0..longest));
    let header = ("[a-z]{0,9}", prop::collection::vec(any::<u8>(), 0..9));
    let headers = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(header, 1..3)];
    let arrival = prop_oneof![4 => Just(0), 1 => any::<i64>()];
    (bytes(10), bytes(40), headers, arrival).prop_map(|(key, value, headers, arrival)| Row {
        key,
        value,
        headers,
        arrival,
    })
}

/// Rows of a block: all different, or one of them many times, whose headers are then packed.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop_oneof![5 => prop::collection::vec(row(), 0..300), 1 => (row(), 0..300_usize).prop_map(|(row, times)| vec![row; times])]
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let append = (0..PARTITIONS, rows());
    let transaction = (
        prop::collection::vec(append, 0..4),
        prop::collection::vec((any::<bool>(), 0..PARTITIONS, 0..1000_i64), 0..4),
        prop::bool::weighted(0.8),
    )
        .prop_map(|(appends, positions, commits)| Operation::Transaction { appends, positions, commits });
    let read = (0..PARTITIONS, any::<u8>(), 0..4000_usize).prop_map(|(partition, share, max_bytes)| Operation::Read {
        partition,
        share,
        max_bytes,
    });
    let clock = (1..100_i64).prop_map(Operation::Clock);
    prop::collection::vec(prop_oneof![6 => transaction, 6 => read, 1 => Just(Operation::Reopen), 2 => clock], 1..25)
}

/// What a log holds, as simply as can be.
#[derive(Default)]
struct Model {
    rows: BTreeMap<i32, Vec<Row>>,
    positions: BTreeMap<(bool, i32), i64>,
    /// The latest arrival that the log set in each partition: those that it sets never fall.
    latest: BTreeMap<i32, i64>,
    now: i64,
}

impl Model {
    fn append(&mut self, partition: i32, rows: &[Row]) {
        for row in rows {
            let mut row = row.clone();
            if row.arrival == 0 {
                let latest = self.latest.entry(partition).or_insert(i64::MIN);
                *latest = self.now.max(*latest);
                row.arrival = *latest;
            }
            self.rows.entry(partition).or_default().push(row);
        }
    }
}

fn group(first: bool) -> &'static str {
    if first { "first" } else { "second" }
}

fn transact(log: &dyn Log, model: &mut Model, operation: &Operation) -> Result<(), TestCaseError> {
    let Operation::Transaction { appends, positions, commits } = operation else { return Ok(()) };
    let mut transaction = log.begin();
    for (partition, rows) in appends {
        let mut builder = RecordsBuilder::new();
        for row in rows {
            let mut headers = Headers::new();
            row.headers.iter().for_each(|(name, value)| headers.push(name, value));
            builder.push(row.key.as_deref(), row.value.as_deref(), &headers, row.arrival);
        }
        let written = Written { topic: TOPIC.into(), partition: *partition, records: builder.finish() };
        transaction.append(written).expect("legal");
    }
    for (first, partition, offset) in positions {
        let position = Position { offset: *offset, metadata: offset.to_string() };
        transaction.commit_position(group(*first), TOPIC, *partition, position).expect("legal");
    }
    if !commits {
        return Ok(());
    }
    let appended = transaction.commit().expect("the disk works");
    prop_assert_eq!(appended.len(), appends.len());
    for ((partition, rows), appended) in appends.iter().zip(appended) {
        prop_assert_eq!(appended.first_offset, model.rows.get(partition).map_or(0, Vec::len) as i64);
        model.append(*partition, rows);
    }
    model.positions.extend(positions.iter().map(|(first, partition, offset)| ((*first, *partition), *offset)));
    Ok(())
}

fn compare(log: &dyn Log, model: &Model, partition: i32, start: usize, max_bytes: usize) -> Result<(), TestCaseError> {
    let kept = model.rows.get(&partition).map_or(&[][..], Vec::as_slice);
    prop_assert_eq!(log.end(TOPIC, partition).expect("there"), kept.len() as i64);
    let blocks = log.read(TOPIC, partition, start as i64, max_bytes).expect("in range");
    let mut next = start;
    for record in blocks.iter().flat_map(batch::Records::iter) {
        prop_assert_eq!(record.offset, next as i64);
        let headers = Headers::decode(record.headers).expect("own headers");
        let found = Row {
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.into_iter().map(|header| (header.name, header.value)).collect(),
            arrival: record.arrival,
        };
        prop_assert_eq!(&found, &kept[next]);
        next += 1;
    }
    prop_assert!(next > start || start == kept.len(), "nothing read at {start} of {}", kept.len());
    prop_assert!(max_bytes < usize::MAX || next == kept.len(), "not everything read");
    for first in [true, false] {
        let position = log.position(group(first), TOPIC, partition).expect("there");
        let expected = model.positions.get(&(first, partition)).copied();
        let expected = expected.map(|offset| Position { offset, metadata: offset.to_string() });
        prop_assert_eq!(position, expected);
    }
    Ok(())
}

fn run(
    mut log: Box<dyn Log>,
    clock: &AtomicI64,
    reopen: &dyn Fn(Box<dyn Log>) -> Box<dyn Log>,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    log.ensure_topic(&TopicSettings { name: TOPIC.into(), partitions: PARTITIONS }).expect("legal");
    let mut model = Model { now: clock.load(Ordering::SeqCst), ..Model::default() };
    for operation in operations {
        match operation {
            Operation::Transaction { .. } => transact(&*log, &mut model, operation)?,
            Operation::Read { partition, share, max_bytes } => {
                let length = model.rows.get(partition).map_or(0, Vec::len);
                compare(&*log, &model, *partition, length * usize::from(*share) / 255, *max_bytes)?;
            }
            Operation::Reopen => log = reopen(log),
            Operation::Clock(now) => {
                clock.store(*now, Ordering::SeqCst);
                model.now = *now;
            }
        }
    }
    for partition in 0..PARTITIONS {
        compare(&*log, &model, partition, 0, usize::MAX)?;
    }
    Ok(())
}

/// A clock by hand, and how the log reads it.
fn clock() -> (Arc<AtomicI64>, Arc<dyn Fn() -> i64 + Send + Sync>) {
    let hand = Arc::new(AtomicI64::new(1));
    let read = Arc::clone(&hand);
    (hand, Arc::new(move || read.load(Ordering::SeqCst)))
}

fn check(cases: u32, test: impl Fn(Vec<Operation>) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    // The same cases on every run.
    let source = prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, source).run(&operations(), test);
    assert!(outcome.is_ok(), "{}", outcome.err().map_or_else(String::new, |failure| failure.to_string()));
}

#[test]
fn the_memory_log_does_what_the_model_does() {
    check(100, |operations| {
        let (hand, clock) = clock();
        run(Box::new(MemoryLog::new(clock)), &hand, &|log| log, &operations)
    });
}

#[test]
fn the_embedded_log_does_what_the_model_does() {
    check(24, |operations| {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (hand, clock) = clock();
        let open = |folder: &Path| EmbeddedLog::open(folder, Arc::clone(&clock)).expect("whole");
        let reopen = |log: Box<dyn Log>| {
            drop(log);
            Box::new(open(folder.path())) as Box<dyn Log>
        };
        run(Box::new(open(folder.path())), &hand, &reopen, &operations)
    });
}
