//! Dedupe by examples, and against a naive model under every cut of the input.

use std::time::Duration;

use batch::TopicIdentity;
use proptest::{prop_assert_eq, proptest};
use state::{SnapshotHeader, read_snapshot, write_snapshot};

use super::{Dedupe, DedupeSettings};
use crate::samples::{batch, codes, facts, maybe_names, names, numbers, placed};
use crate::{Chain, ChainOutput, Step};

fn settings() -> DedupeSettings {
    DedupeSettings {
        store: "seen".into(),
        key: vec!["key".into()],
        remember: Duration::from_millis(10),
        compare_content: true,
        ignore: vec!["source".into()],
        conflicts: Some("conflicts".into()),
        late: Some("late".into()),
    }
}

/// Key, content and arrival.
type Row = (i64, i64, i64);

fn rows(rows: &[(i64, Row)]) -> batch::Batch {
    let column = |pick: fn(&Row) -> i64| numbers(&rows.iter().map(|(_, row)| Some(pick(row))).collect::<Vec<_>>());
    let places: Vec<(i64, i64)> = rows.iter().map(|(number, row)| (*number, row.2)).collect();
    placed(&[("key", column(|row| row.0)), ("content", column(|row| row.1)), ("source", column(|row| row.2))], &places)
}

const HEADER: SnapshotHeader = SnapshotHeader {
    input: TopicIdentity(1),
    partition: 0,
    position: 0,
    changelog: TopicIdentity(2),
    changelog_offset: 0,
    stretches: Vec::new(),
};

/// What the store of the chain would write to its changelog.
fn changes(chain: &mut Chain) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut changes = Vec::new();
    chain.stores()[0].changes(&mut |key, value| changes.push((key.to_vec(), value.map(<[u8]>::to_vec))));
    changes
}

/// What became of each row, by its number.
fn fates(output: &ChainOutput, fates: &mut [char]) {
    let mut tell = |batch: Option<&batch::Batch>, fate: char| {
        for number in batch.map_or(&[][..], |batch| batch.origins().rows.values()) {
            fates[*number as usize] = fate;
        }
    };
    tell(output.rows.as_ref(), 'n');
    for (name, batch) in &output.outputs {
        tell(Some(batch), if &**name == "late" { 'l' } else { 'c' });
    }
}

/// The rule, word by word, over all that ever came.
fn model(rows: &[Row]) -> Vec<char> {
    let mut passed: Vec<Row> = Vec::new();
    let mut stream_time = i64::MIN / 2;
    rows.iter()
        .map(|row| {
            if row.2 < stream_time - 10 {
                return 'l';
            }
            stream_time = stream_time.max(row.2);
            match passed.iter().rev().find(|known| known.0 == row.0) {
                Some(known) if known.2 + 10 > row.2 => {
                    if known.1 == row.1 {
                        'r'
                    } else {
                        'c'
                    }
                }
                _ => {
                    passed.push(*row);
                    'n'
                }
            }
        })
        .collect()
}

proptest! {
    #[test]
    fn no_cut_commit_rollback_or_restart_changes_what_becomes_of_a_row(
        input in proptest::collection::vec((0_i64..8, 0_i64..2, -13_i64..6), 1..80),
        cuts in proptest::collection::vec((1_usize..12, 0_u8..8), 1..30),
    ) {
        let mut time = 1_000;
        let input: Vec<Row> = input
            .into_iter()
            .map(|(key, content, advance)| { time += advance.max(0); (key, content, time + advance.min(0)) })
            .collect();
        let numbered: Vec<(i64, Row)> = input.iter().enumerate().map(|(number, row)| (number as i64, *row)).collect();
        let mut chain = Chain::new(vec![Box::new(Dedupe::new("once".into(), settings()))]);
        let mut found = vec!['r'; input.len()];
        let (mut start, mut cuts) = (0, cuts.into_iter().cycle());
        let mut committed = 0;
        let mut changelog: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        let mut snapshot: Option<(Vec<u8>, usize)> = None;
        while start < input.len() {
            let (length, then) = cuts.next().expect("a cycle has no end");
            let end = (start + length).min(input.len());
            let output = chain.run(rows(&numbered[start..end]), &facts()).expect("runs");
            fates(&output, &mut found);
            start = end;
            match then {
                0 | 4 => {
                    changelog.extend(changes(&mut chain));
                    chain.commit();
                    committed = start;
                }
                // A snapshot holds what was committed, whenever it is written.
                5 => {
                    let mut bytes = Vec::new();
                    write_snapshot(&mut bytes, &HEADER, &*chain.stores()[0]).expect("memory does not fail");
                    snapshot = Some((bytes, changelog.len()));
                }
                // The process ended, and another one goes on from the snapshot and the changelog behind it. What was not
                // committed is read again, in one batch.
                6 => {
                    chain = Chain::new(vec![Box::new(Dedupe::new("once".into(), settings()))]);
                    let mut known = 0;
                    if let Some((bytes, length)) = &snapshot {
                        read_snapshot(&mut bytes.as_slice(), chain.stores().remove(0)).expect("own bytes");
                        known = *length;
                    }
                    for (key, value) in &changelog[known..] {
                        chain.stores()[0].apply(key, value.as_deref()).expect("own records");
                    }
                    if committed < start {
                        found[committed..start].fill('r');
                        let output = chain.run(rows(&numbered[committed..start]), &facts()).expect("runs");
                        fates(&output, &mut found);
                    }
                }
                // Taken back and read again, up to the same place, in one batch.
                1 if committed < start => {
                    chain.rollback();
                    found[committed..start].fill('r');
                    let output = chain.run(rows(&numbered[committed..start]), &facts()).expect("runs");
                    fates(&output, &mut found);
                }
                _ => {}
            }
        }
        prop_assert_eq!(found, model(&input));
    }

    #[test]
    fn repeats_are_counted(keys in proptest::collection::vec(0_i64..5, 1..40)) {
        let input: Vec<(i64, Row)> = keys.iter().enumerate().map(|(number, key)| (number as i64, (*key, 0, 0))).collect();
        let output = Dedupe::new("once".into(), settings()).process(rows(&input), &facts()).expect("runs");
        let dropped: u64 = output.dropped.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(output.next.map_or(0, |batch| batch.len()) as u64 + dropped, keys.len() as u64);
    }
}

#[test]
fn the_usual_example() {
    let input = [1, 2, 1, 1, 2, 3, 3, 1, 2].into_iter().enumerate();
    let input: Vec<(i64, Row)> = input.map(|(number, key)| (number as i64, (key, 0, 0))).collect();
    let output = Dedupe::new("once".into(), settings()).process(rows(&input), &facts()).expect("runs");
    assert_eq!(output.next.expect("rows").origins().rows.values(), &[0, 1, 5]);
    assert_eq!(output.dropped, [("repeat".into(), 6)]);
}

#[test]
fn what_content_is() {
    // Second row of one key; whether it counts as other content.
    let row = |content: &str, source: &str| {
        batch(&[("key", names(&["k"])), ("content", names(&[content])), ("source", names(&[source]))])
    };
    let cases = [("a", "here", false), ("a", "there", false), ("b", "here", true)];
    for (content, source, conflict) in cases {
        for compare_content in [true, false] {
            let mut step = Dedupe::new("once".into(), DedupeSettings { compare_content, ..settings() });
            step.process(row("a", "here"), &facts()).expect("runs");
            let output = step.process(row(content, source), &facts()).expect("runs");
            assert!(output.next.is_none());
            assert_eq!(!output.outputs.is_empty(), conflict && compare_content, "{content} {source}");
        }
    }
}

#[test]
fn a_null_in_the_key_fails_the_row() {
    let rows = batch(&[("key", maybe_names(&[Some("a"), None, None])), ("content", names(&["", "", ""]))]);
    let output = Dedupe::new("once".into(), settings()).process(rows, &facts()).expect("runs");
    let failed = output.failed.expect("rows");
    assert_eq!(codes(&failed), ["E4402", "E4402"]);
    assert_eq!(failed.failures[0].field.as_deref(), Some("key"));
    assert_eq!(output.next.expect("a row").len(), 1);
}

#[test]
fn a_late_row_is_dead_where_nobody_wants_it() {
    for late in [None, Some("late".into())] {
        let mut step = Dedupe::new("once".into(), DedupeSettings { late: late.clone(), ..settings() });
        let output = step.process(rows(&[(0, (1, 1, 100)), (1, (2, 1, 89))]), &facts()).expect("runs");
        assert_eq!(output.outputs.len(), usize::from(late.is_some()));
        assert_eq!(output.failed.map(|failed| codes(&failed)), late.is_none().then(|| vec!["E4403"]));
    }
}
