//! Random operations on a log and on a simple model of it: both must say the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use batch::{Headers, RecordsBuilder};
use log::embedded::EmbeddedLog;
use log::memory::MemoryLog;
use log::{Log, Position, TopicSettings, Written};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const TOPIC: &str = "prices";
const PARTITIONS: i32 = 3;

/// One thing that can happen to a log.
#[derive(Clone, Debug)]
enum Operation {
    Transaction { appends: Vec<(i32, Vec<Option<Vec<u8>>>)>, positions: Vec<(bool, i32, i64)>, commits: bool },
    Read { partition: i32, share: u8, max_bytes: usize },
    Reopen,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let value = prop::option::weighted(0.9, prop::collection::vec(any::<u8>(), 0..40));
    let append = (0..PARTITIONS, prop::collection::vec(value, 0..300));
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
    prop::collection::vec(prop_oneof![6 => transaction, 6 => read, 1 => Just(Operation::Reopen)], 1..25)
}

/// What a log holds, as simply as can be.
#[derive(Default)]
struct Model {
    values: BTreeMap<i32, Vec<Option<Vec<u8>>>>,
    positions: BTreeMap<(bool, i32), i64>,
}

fn group(first: bool) -> &'static str {
    if first { "first" } else { "second" }
}

fn transact(log: &dyn Log, model: &mut Model, operation: &Operation) -> Result<(), TestCaseError> {
    let Operation::Transaction { appends, positions, commits } = operation else { return Ok(()) };
    let mut transaction = log.begin();
    for (partition, values) in appends {
        let mut builder = RecordsBuilder::new();
        for value in values {
            builder.push(Some(&partition.to_le_bytes()), value.as_deref(), &Headers::new(), 0);
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
    for ((partition, values), appended) in appends.iter().zip(appended) {
        let kept = model.values.entry(*partition).or_default();
        prop_assert_eq!(appended.first_offset, kept.len() as i64);
        kept.extend(values.iter().cloned());
    }
    model.positions.extend(positions.iter().map(|(first, partition, offset)| ((*first, *partition), *offset)));
    Ok(())
}

fn compare(log: &dyn Log, model: &Model, partition: i32, start: usize, max_bytes: usize) -> Result<(), TestCaseError> {
    let kept = model.values.get(&partition).map_or(&[][..], Vec::as_slice);
    prop_assert_eq!(log.end(TOPIC, partition).expect("there"), kept.len() as i64);
    let blocks = log.read(TOPIC, partition, start as i64, max_bytes).expect("in range");
    let mut next = start;
    for record in blocks.iter().flat_map(batch::Records::iter) {
        prop_assert_eq!(record.offset, next as i64);
        prop_assert_eq!(record.value, kept[next].as_deref());
        prop_assert_eq!(record.key, Some(&partition.to_le_bytes()[..]));
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
    reopen: &dyn Fn(Box<dyn Log>) -> Box<dyn Log>,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    log.ensure_topic(&TopicSettings { name: TOPIC.into(), partitions: PARTITIONS }).expect("legal");
    let mut model = Model::default();
    for operation in operations {
        match operation {
            Operation::Transaction { .. } => transact(&*log, &mut model, operation)?,
            Operation::Read { partition, share, max_bytes } => {
                let length = model.values.get(partition).map_or(0, Vec::len);
                compare(&*log, &model, *partition, length * usize::from(*share) / 255, *max_bytes)?;
            }
            Operation::Reopen => log = reopen(log),
        }
    }
    for partition in 0..PARTITIONS {
        compare(&*log, &model, partition, 0, usize::MAX)?;
    }
    Ok(())
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
    check(100, |operations| run(Box::new(MemoryLog::new(Arc::new(|| 1))), &|log| log, &operations));
}

#[test]
fn the_embedded_log_does_what_the_model_does() {
    let open = |folder: &Path| EmbeddedLog::open(folder, Arc::new(|| 1)).expect("whole");
    check(16, |operations| {
        let folder = tempfile::tempdir().expect("temporary folder");
        let reopen = |log: Box<dyn Log>| {
            drop(log);
            Box::new(open(folder.path())) as Box<dyn Log>
        };
        run(Box::new(open(folder.path())), &reopen, &operations)
    });
}
