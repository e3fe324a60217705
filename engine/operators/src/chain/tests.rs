//! A dead row leaves no trace: the chain against a run of row after row.

use std::collections::BTreeSet;
use std::time::Duration;

use batch::{Batch, ColumnType};
use proptest::prelude::any;
use proptest::{prop_assert_eq, proptest};

use super::{Chain, ChainOutput};
use crate::samples::{batch, codes, compiled, facts, names, placed, shown, unified};
use crate::{Conform, Dedupe, DedupeSettings, Select, Step, Where};

fn dedupe() -> Box<dyn Step> {
    let settings = DedupeSettings {
        store: "seen".into(),
        key: vec!["key".into()],
        remember: Duration::from_secs(1),
        compare_content: true,
        ignore: Vec::new(),
        conflicts: Some("conflicts".into()),
        late: None,
    };
    Box::new(Dedupe::new("once".into(), settings))
}

fn sample(rows: &[(&str, &str)], first: i64) -> Batch {
    let keys: Vec<&str> = rows.iter().map(|row| row.0).collect();
    let values: Vec<&str> = rows.iter().map(|row| row.1).collect();
    let places: Vec<(i64, i64)> = (0..rows.len() as i64).map(|row| (first + row, 0)).collect();
    placed(&[("key", names(&keys)), ("value", names(&values))], &places)
}

/// Drops `skip`, lets each key pass once, then reads the value as a number.
fn chain() -> Chain {
    let rows = batch(&[("key", names(&[])), ("value", names(&[]))]);
    let columns =
        vec![("key".into(), compiled("key", &rows)), ("value".into(), compiled("cast(value as bigint)", &rows))];
    Chain::new(vec![
        Box::new(Where::new("filter".into(), unified(compiled("key <> 'skip'", &rows)))),
        dedupe(),
        Box::new(Select::new("shape".into(), unified(columns))),
    ])
}

fn numbers_of(batch: Option<&Batch>) -> Vec<i64> {
    batch.map_or(Vec::new(), |batch| batch.origins().rows.values().to_vec())
}

fn dead(output: &ChainOutput) -> Vec<i64> {
    output.failed.iter().flat_map(|failed| failed.origins.rows.values().to_vec()).collect()
}

#[test]
fn the_repeat_of_a_dead_row_passes() {
    let mut chain = chain();
    let output = chain.run(sample(&[("a", "bad"), ("a", "1"), ("b", "2"), ("a", "1")], 0), &facts()).expect("runs");
    assert_eq!(shown(output.rows.as_ref().expect("rows")), ["key=a value=1", "key=b value=2"]);
    assert_eq!((dead(&output), codes(&output.failed[0])), (vec![0], vec!["E4101"]));
    assert_eq!(&*output.failed[0].step, "shape");
    assert_eq!(output.dropped, [("repeat".into(), 1)]);
    assert!(output.outputs.is_empty(), "the dead row made no conflict");
    assert_eq!(chain.stores()[0].len(), 2);
}

#[test]
fn a_dead_row_leaves_no_trace_for_later_batches() {
    for committed in [false, true] {
        let mut chain = chain();
        chain.run(sample(&[("a", "bad"), ("b", "1")], 0), &facts()).expect("runs");
        if committed {
            chain.commit();
        }
        let output = chain.run(sample(&[("a", "1"), ("b", "1")], 2), &facts()).expect("runs");
        assert_eq!(numbers_of(output.rows.as_ref()), [2]);
    }
}

#[test]
fn many_repeats_of_one_bad_row_all_die() {
    let rows: Vec<(&str, &str)> = (0..64).map(|row| ("a", if row == 40 { "7" } else { "bad" })).collect();
    let mut chain = chain();
    let output = chain.run(sample(&rows, 0), &facts()).expect("runs");
    assert_eq!(numbers_of(output.rows.as_ref()), [40]);
    // What follows the good row is another content of its key, and dies in no later step.
    assert_eq!(dead(&output), (0..40).collect::<Vec<_>>());
    assert_eq!(numbers_of(output.outputs.first().map(|(_, batch)| batch)), (41..64).collect::<Vec<_>>());
}

#[test]
fn a_row_that_a_destination_refuses_leaves_no_trace_either() {
    let mut chain = chain();
    let rows = sample(&[("a", "1"), ("a", "1"), ("b", "2")], 0);
    let output = chain.run(rows.clone(), &facts()).expect("runs");
    assert_eq!(numbers_of(output.rows.as_ref()), [0, 2]);
    let output = chain.run_without(&rows, &facts(), &BTreeSet::from([0])).expect("runs");
    assert_eq!(numbers_of(output.rows.as_ref()), [1, 2]);
    let output = chain.run_without(&rows, &facts(), &BTreeSet::from([0, 1])).expect("runs");
    assert_eq!(numbers_of(output.rows.as_ref()), [2]);
    assert_eq!(chain.stores()[0].len(), 1);
}

#[test]
fn a_named_output_holds_what_its_topic_can() {
    let columns = [("key".into(), ColumnType::parse("text").expect("a type"))].into_iter().collect();
    let conflicts = Conform::new("to-conflicts".into(), columns);
    let mut chain = chain().with_output("conflicts".into(), conflicts);
    let output = chain.run(sample(&[("a", "1"), ("a", "2")], 0), &facts()).expect("runs");
    assert_eq!(shown(&output.outputs[0].1), ["key=a"]);
}

#[test]
fn rollback_takes_all_batches_back() {
    let mut chain = chain();
    chain.run(sample(&[("a", "1")], 0), &facts()).expect("runs");
    chain.run(sample(&[("b", "1")], 1), &facts()).expect("runs");
    let mut changes = 0;
    let store = &mut chain.stores()[0];
    store.changes(&mut |_, _| changes += 1);
    // A block of keys, and stream time.
    assert_eq!((&**store.name(), changes), ("seen", 2));
    chain.rollback();
    assert_eq!(chain.stores()[0].len(), 0);
}

proptest! {
    #[test]
    fn a_batch_gives_what_its_rows_give_one_by_one(
        input in proptest::collection::vec((0_usize..5, 0_usize..4), 1..50),
        whole in any::<bool>(),
    ) {
        let (keys, values) = (["a", "b", "c", "d", "skip"], ["1", "2", "bad", "worse"]);
        let rows: Vec<(&str, &str)> = input.iter().map(|(key, value)| (keys[*key], values[*value])).collect();
        let mut together = chain();
        let length = if whole { rows.len() } else { rows.len().div_ceil(3) };
        let (mut found, mut expected) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
        let note = |output: &ChainOutput, into: &mut Vec<Vec<i64>>| {
            into[0].extend(numbers_of(output.rows.as_ref()));
            into[1].extend(dead(output));
            into[2].extend(numbers_of(output.outputs.first().map(|(_, batch)| batch)));
        };
        for (part, chunk) in rows.chunks(length).enumerate() {
            note(&together.run(sample(chunk, (part * length) as i64), &facts()).expect("runs"), &mut found);
        }
        let mut alone = chain();
        for (number, row) in rows.iter().enumerate() {
            let output = alone.run(sample(&[*row], number as i64), &facts()).expect("runs");
            note(&output, &mut expected);
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(together.stores()[0].len(), alone.stores()[0].len());
    }
}
