//! The store against a model that remembers everything and knows nothing of batches, commits or restores.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{prop_assert_eq, proptest};

use super::{Seen, SeenKeys};
use crate::{Age, Savepoint, Store, StoreError, Stretches};

const REMEMBER: i64 = 10;

/// What the store would write to its changelog.
fn changes(store: &mut SeenKeys) -> Vec<Change> {
    let mut changes = Vec::new();
    store.changes(&mut |key, value| changes.push((key.to_vec(), value.map(<[u8]>::to_vec))));
    changes
}

/// A record of the changelog.
type Change = (Vec<u8>, Option<Vec<u8>>);

/// Restores from records in their order.
fn replay(store: &mut SeenKeys, changelog: &[Change]) {
    for (key, value) in changelog {
        store.apply(key, value.as_deref()).expect("own records");
    }
}

/// The records of one key as earlier versions wrote them, for each block.
fn by_key(changelog: &[Change]) -> Vec<Change> {
    let mut records = Vec::new();
    for (key, value) in changelog {
        let value = value.as_deref().expect("no record is without a value");
        if key[..] != [2] {
            records.push((key.clone(), Some(value.to_vec())));
            continue;
        }
        for entry in value[1..].chunks_exact(32) {
            let value = [&[1], &entry[16..]].concat();
            records.push(([&[0], &entry[..16]].concat(), Some(value)));
        }
    }
    records
}

fn empty() -> SeenKeys {
    SeenKeys::new("seen".into(), Duration::from_millis(10))
}

/// All that was ever seen: each key with arrival and content of its newest row that passed.
#[derive(Clone, Default)]
struct Model {
    seen: BTreeMap<u128, (i64, u64)>,
    stream_time: Option<i64>,
}

impl Model {
    fn observe(&mut self, key: u128, content: u64, arrival: i64) -> Seen {
        if self.stream_time.is_some_and(|time| arrival < time - REMEMBER) {
            return Seen::Late;
        }
        self.stream_time = self.stream_time.max(Some(arrival));
        match self.seen.get(&key) {
            Some((seen, known)) if seen + REMEMBER > arrival => {
                if *known == content {
                    Seen::Repeat
                } else {
                    Seen::OtherContent
                }
            }
            _ => {
                self.seen.insert(key, (arrival, content));
                Seen::New
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Action {
    Row {
        key: u128,
        content: u64,
        advance: i64,
    },
    Savepoint,
    Rewind(usize),
    Commit,
    Rollback,
    /// The task ended between `changes` and `commit`: its transaction did not happen.
    CommitThatFails,
    TakeSnapshot,
    RestoreFromChangelog {
        by_key: bool,
    },
    /// From the snapshot so many before the last, and the changelog from so many records before where that stood.
    RestoreFromSnapshot {
        back: usize,
        earlier: usize,
    },
}

/// Steps of time: mostly small, and some after which everything is forgotten, or far too late.
fn advance() -> impl Strategy<Value = i64> {
    prop_oneof![20 => -14_i64..8, 1 => Just(25), 1 => Just(-200), 1 => 9_i64..12]
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let row =
        (0_u128..12, 1_u64..3, advance()).prop_map(|(key, content, advance)| Action::Row { key, content, advance });
    let action = prop_oneof![
        20 => row,
        2 => Just(Action::Savepoint),
        2 => (0_usize..4).prop_map(Action::Rewind),
        4 => Just(Action::Commit),
        1 => Just(Action::Rollback),
        1 => Just(Action::CommitThatFails),
        1 => Just(Action::TakeSnapshot),
        1 => any::<bool>().prop_map(|by_key| Action::RestoreFromChangelog { by_key }),
        2 => (0_usize..3, 0_usize..4).prop_map(|(back, earlier)| Action::RestoreFromSnapshot { back, earlier }),
    ];
    proptest::collection::vec(action, 0..200)
}

proptest! {
    #[test]
    fn the_store_answers_as_the_model_whatever_happens_between_rows(actions in actions()) {
        let (mut store, mut model) = (empty(), Model::default());
        let mut committed = Model::default();
        let mut marked: Vec<(Savepoint, Model)> = Vec::new();
        let mut changelog: Vec<Change> = Vec::new();
        // What of it is outdated is never read again.
        let (mut stretches, mut needed) = (Stretches::default(), 0);
        // State, and the number of records of the changelog that are in it.
        let mut snapshots: Vec<(Vec<u8>, usize)> = Vec::new();
        for action in actions {
            match action {
                Action::Row { key, content, advance } => {
                    let arrival = model.stream_time.unwrap_or(1_000) + advance;
                    prop_assert_eq!(store.observe(key, content, arrival), model.observe(key, content, arrival));
                }
                Action::Savepoint => {
                    marked.push((store.savepoint(), model.clone()));
                }
                Action::Rewind(back) => {
                    if !marked.is_empty() {
                        marked.truncate(marked.len() - back % marked.len());
                        let (savepoint, then) = marked[marked.len() - 1].clone();
                        store.rewind(savepoint);
                        model = then;
                    }
                }
                Action::Commit => {
                    changelog.extend(changes(&mut store));
                    store.commit();
                    committed = model.clone();
                    marked.clear();
                    if let Some(age) = store.age() {
                        stretches.reached(changelog.len() as i64, age);
                        needed = stretches.needed(age).map_or(needed, |offset| offset as usize);
                    }
                }
                Action::Rollback => {
                    store.rollback();
                    model = committed.clone();
                    marked.clear();
                }
                Action::CommitThatFails => {
                    let written = changes(&mut store);
                    prop_assert_eq!(changes(&mut store), written);
                    store.rollback();
                    model = committed.clone();
                    marked.clear();
                }
                Action::TakeSnapshot => {
                    let mut bytes = Vec::new();
                    store.write_state(&mut bytes).expect("memory does not fail");
                    snapshots.push((bytes, changelog.len()));
                }
                Action::RestoreFromChangelog { by_key: alone } => {
                    store = empty();
                    if alone {
                        replay(&mut store, &by_key(&changelog[needed..]));
                    } else {
                        replay(&mut store, &changelog[needed..]);
                    }
                    model = committed.clone();
                    marked.clear();
                }
                Action::RestoreFromSnapshot { back, earlier } => {
                    let Some((bytes, known)) = snapshots.iter().rev().nth(back) else { continue };
                    store = empty();
                    store.read_state(&mut bytes.as_slice()).expect("own bytes");
                    // Applying a record twice does no harm.
                    replay(&mut store, &changelog[needed.max(known.saturating_sub(earlier))..]);
                    model = committed.clone();
                    marked.clear();
                }
            }
        }
        prop_assert_eq!(store.stream_time(), model.stream_time);
    }

    #[test]
    fn hostile_changelog_records_do_not_panic(key in any::<Vec<u8>>(), value in any::<Option<Vec<u8>>>()) {
        let _ = empty().apply(&key, value.as_deref());
    }

    #[test]
    fn hostile_state_does_not_panic(bytes in any::<Vec<u8>>()) {
        let _ = empty().read_state(&mut bytes.as_slice());
    }
}

#[test]
fn the_horizon_is_the_horizon() {
    // Key 1 at 0, 6 and 12 with 10 to remember: a repeat does not refresh.
    let mut store = empty();
    let cases = [(0, Seen::New), (6, Seen::Repeat), (9, Seen::Repeat), (10, Seen::New), (19, Seen::Repeat)];
    for (arrival, expected) in cases {
        assert_eq!(store.observe(1, 1, arrival), expected, "{arrival}");
    }
}

#[test]
fn a_row_older_than_stream_time_less_remember_is_late() {
    let mut store = empty();
    store.observe(1, 1, 100);
    assert_eq!(store.observe(2, 1, 90), Seen::New);
    assert_eq!(store.observe(3, 1, 89), Seen::Late);
    assert_eq!(store.stream_time(), Some(100));
}

#[test]
fn old_keys_leave_memory_also_while_a_changelog_is_read() {
    let (mut store, mut restored) = (empty(), empty());
    let mut most = (0, 0);
    for arrival in 0..2_000_i64 {
        store.observe(u128::from(arrival.unsigned_abs()), 1, arrival);
        if arrival % 3 == 0 {
            replay(&mut restored, &changes(&mut store));
            store.commit();
            most = (most.0.max(store.len()), most.1.max(restored.len()));
        }
    }
    assert!(most.0 <= 25 && most.1 <= 25, "{most:?} keys in memory");
}

#[test]
fn a_large_commit_is_cut_into_records() {
    let mut store = empty();
    (0..20_000).for_each(|key| assert_eq!(store.observe(key, 1, 5), Seen::New));
    assert_eq!(store.changed(), 20_000);
    let records = changes(&mut store);
    let sizes: Vec<usize> = records.iter().map(|(_, value)| value.as_ref().map_or(0, Vec::len)).collect();
    assert_eq!(sizes, [1 + 8192 * 32, 1 + 8192 * 32, 1 + 3616 * 32, 9]);
    let mut restored = empty();
    let entries: usize =
        records.iter().map(|(key, value)| restored.apply(key, value.as_deref()).expect("own records")).sum();
    assert_eq!((entries, restored.len()), (20_000, 20_000));
}

#[test]
fn rows_that_come_once_more_are_no_repeats_and_not_late() {
    // By when rows come once more: what is known of keys 1, 2 and 3, which arrived at 5, 50 and 500, with 10 to remember.
    let cases = [
        (None, [Seen::New, Seen::New, Seen::New]),
        (Some(50), [Seen::Late, Seen::New, Seen::New]),
        (Some(501), [Seen::Late, Seen::Late, Seen::Repeat]),
    ];
    for (from, expected) in cases {
        let mut store = empty();
        let rows = [(1, 5), (2, 50), (3, 500)];
        let mut records = Vec::new();
        for (key, arrival) in rows {
            store.observe(key, 1, arrival);
            records.extend(changes(&mut store));
            store.commit();
        }
        SeenKeys::once_more(from, &mut |key, value| records.push((key.to_vec(), value.map(<[u8]>::to_vec))));
        let mut again = empty();
        replay(&mut again, &records);
        let seen = rows.map(|(key, arrival)| again.observe(key, 1, arrival));
        assert_eq!(seen, expected, "{from:?}");
    }
}

#[test]
fn one_key_can_be_looked_for_alone() {
    let mut store = empty();
    (0..100).for_each(|key| assert_eq!(store.observe(key, 7, 5), Seen::New));
    for records in [changes(&mut store), by_key(&changes(&mut store))] {
        let mut one = SeenKeys::of_one_key("seen".into(), Duration::from_millis(10), 42);
        replay(&mut one, &records);
        assert_eq!((one.len(), one.get(42), one.get(41)), (1, Some((5, 7)), None));
    }
}

#[test]
fn changes_can_be_asked_for_again() {
    let mut store = empty();
    store.observe(1, 1, 5);
    let first = changes(&mut store);
    assert_eq!(first.len(), 2);
    assert_eq!(first, changes(&mut store));
    store.rollback();
    assert!(changes(&mut store).is_empty() && store.is_empty());
}

#[test]
fn a_snapshot_between_commits_holds_what_was_committed() {
    let mut store = empty();
    store.observe(1, 1, 0);
    store.commit();
    store.observe(1, 2, 50);
    store.observe(2, 1, 51);
    let mut bytes = Vec::new();
    store.write_state(&mut bytes).expect("memory does not fail");
    let mut restored = empty();
    restored.read_state(&mut bytes.as_slice()).expect("own bytes");
    assert_eq!((restored.len(), restored.stream_time()), (1, Some(0)));
    assert_eq!(restored.observe(1, 2, 1), Seen::OtherContent);
}

#[test]
fn what_was_written_is_needed_for_twice_the_time() {
    let mut store = empty();
    assert_eq!(store.age(), None, "it has seen nothing");
    store.observe(1, 1, 1000);
    assert_eq!(store.age(), None, "nothing is committed");
    store.commit();
    assert_eq!(store.age(), Some(Age { now: 1000, outdated: 980 }));
    let mut restored = empty();
    let mut value = vec![1];
    value.extend(super::Entry { arrival: 7, content: 1 }.bytes(5));
    restored.apply(&[super::SEEN_KEYS], Some(&value)).expect("a block");
    assert_eq!(restored.age(), Some(Age { now: 7, outdated: -13 }), "before the record of stream time is read");
    let mut far = SeenKeys::new("seen".into(), Duration::MAX);
    far.observe(1, 1, 5);
    far.commit();
    assert_eq!(far.age(), Some(Age { now: 5, outdated: i64::MIN }));
}

#[test]
fn the_changelog_bytes_do_not_change() {
    let mut store = empty();
    store.observe(0x0102, 0x0304, 0x0506);
    let records = changes(&mut store);
    let mut block = vec![0; 33];
    (block[0], block[15], block[16], block[23], block[24], block[31], block[32]) = (1, 1, 2, 5, 6, 3, 4);
    assert_eq!(records[0], (vec![2], Some(block)));
    assert_eq!(records[1], (vec![1], Some(vec![1, 0, 0, 0, 0, 0, 0, 5, 6])));
}

#[test]
fn what_earlier_versions_wrote_is_read() {
    let mut key = vec![0; 17];
    key[15..].copy_from_slice(&[1, 2]);
    let mut store = empty();
    store.apply(&key, Some(&[1, 0, 0, 0, 0, 0, 0, 5, 6, 0, 0, 0, 0, 0, 0, 3, 4])).expect("a key");
    assert_eq!(store.get(0x0102), Some((0x0506, 0x0304)));
    store.apply(&key, None).expect("forgotten");
    assert!(store.is_empty());
}

#[test]
fn foreign_records_are_refused() {
    let key = [0; 17];
    let value = [1; 17];
    let cases = [
        (&[][..], None, "an unknown kind of key"),
        (&[9], None, "an unknown kind of key"),
        (&[0, 1], None, "a key of another length"),
        (&key, Some(&value[..9]), "a value of another length"),
        (&[1], Some(&value[..5]), "a time of another length"),
        (&[2], Some(&value), "a block of another length"),
        (&[2], None, "an unknown kind of key"),
        (&key, Some(&[2]), "version 2"),
    ];
    for (key, value, expected) in cases {
        let error = empty().apply(key, value).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let mut changed = empty();
    changed.observe(1, 1, 1);
    assert!(matches!(changed.apply(&key, Some(&value)), Err(StoreError::Uncommitted(_))));
}
