//! Snapshots of stores on disk. They shorten the way back to the committed state, and nothing depends on them: what a
//! changelog loses because nobody needs it any more (see `changelogs.rs`), no snapshot has to keep.
//!
//! What makes a store last is its changelog. A snapshot is the store's state as of one offset of the changelog, in the
//! format of [`state::write_snapshot`]; restore = snapshot + the records from that offset on. There is one file a store
//! and partition:
//!
//! ```text
//! FOLDER/CHANGELOG-PARTITION.snapshot   the newest; CHANGELOG is the topic's name
//! FOLDER/CHANGELOG-PARTITION.new        one that is being written, or was when the process died
//! ```
//!
//! Invariants:
//! * It is written after a commit and holds committed state only, so it is never ahead of a log that kept what it
//!   committed. A death between the commit and the snapshot leaves the older one, with a longer tail.
//! * It is written beside, synced and renamed: the file is whole or as it was.
//! * One that cannot be used (damaged, of a newer program, of another store, of topics that were made again, ahead of
//!   the log) is named in a warning, and the changelog is read whole. So is one that cannot be read; and where none can
//!   be written the run goes on.
//!
//! Deliberately absent: clean-up of files whose stores are gone, and sharing: a folder belongs to one process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use batch::Input;
use log::{Log, LogError, TopicSettings};
use state::{SnapshotHeader, Store, StoreError, Stretch, Stretches, read_snapshot, write_snapshot};

use crate::changelogs::{self, Changelog, ChangelogMark};
use crate::end::TaskEnd;
use crate::task_state::StoreState;

/// Changed entries after which a snapshot is due. Larger: a start reads a longer tail of the changelog, at a fraction of
/// a microsecond an entry. Smaller: stores are written out more often.
const EVERY: u64 = 500_000;

/// Bytes of one reading of a changelog.
const READ_BYTES: usize = 8 * 1024 * 1024;

/// Where and how often snapshots are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSettings {
    /// The folder; made when the first one is written. It belongs to this process.
    pub folder: PathBuf,
    /// Changed entries after which a snapshot is due: a few hundred thousand, but in tests.
    pub every: u64,
}

impl SnapshotSettings {
    /// Snapshots in this folder, as often as is good for most stores.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, every: EVERY }
    }
}

/// The stores of one task, as they stand in their changelogs.
pub(crate) struct TaskSnapshots {
    settings: Option<SnapshotSettings>,
    input: Arc<Input>,
    /// Committed position in the input.
    position: i64,
    /// One a store, in the order of the stores.
    changelogs: Vec<Changelog>,
}

/// What one closed range wrote to a changelog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changed {
    /// About how many entries changed.
    pub(crate) entries: usize,
    /// Offset after the last.
    pub(crate) end: i64,
}

impl TaskSnapshots {
    /// Of a task without stores yet.
    pub(crate) fn new(settings: Option<SnapshotSettings>, input: Arc<Input>) -> Self {
        Self { settings, input, position: 0, changelogs: Vec::new() }
    }

    /// Brings the next store of the task to the committed state. `position` is the committed position in the input,
    /// which must have been read before, and `marks` what it says of changelogs, which are whole. `tell` is told how far it
    /// is.
    ///
    /// # Errors
    /// If the log fails, or its records are none of the store's.
    pub(crate) fn restore(
        &mut self,
        log: &dyn Log,
        changelog: &TopicSettings,
        store: &mut dyn Store,
        position: i64,
        marks: &[ChangelogMark],
        tell: &mut dyn FnMut(StoreState),
    ) -> Result<(), TaskEnd> {
        let (topic, partition) = (Arc::clone(&changelog.name), self.input.partition);
        let identity = log.ensure_topic(changelog)?.identity;
        self.position = position;
        log.await_settled(&topic, partition)?;
        let (first, end) = (log.first(&topic, partition)?, log.end(&topic, partition)?);
        let mut known = Changelog::new(Arc::clone(store.name()), topic, identity, first);
        if let Some((offset, stretches)) = self.read(&known, store, end) {
            known.stretches = match (stretches.is_empty(), store.age()) {
                // An earlier version said nothing of them: what it knew by then was written by then.
                (true, Some(age)) => Stretches::of(vec![Stretch { end: offset, time: age.now }]),
                _ => Stretches::of(stretches),
            };
            known.next = known.next.max(offset);
        }
        let began = known.next;
        let mut stands = |store: &dyn Store, next: i64| {
            let (keys, bytes, to_restore) =
                (store.len() as u64, store.memory() as u64, (end - began).max(next - began));
            tell(StoreState { keys, bytes, to_restore, restored: next - began });
        };
        stands(store, began);
        let from = RestoredFrom { log, changelog: &changelog.name, partition };
        known.since = from.replay(began, store, |next, store| {
            known.reached(next, store.age());
            stands(store, next);
        })?;
        if let Some(mark) = marks.iter().find(|mark| *mark.store == **store.name()) {
            known.cut(log, partition, mark);
        }
        self.changelogs.push(known);
        Ok(())
    }

    /// What the next position says of the task's changelogs.
    pub(crate) fn marks(&self) -> Vec<ChangelogMark> {
        self.changelogs.iter().map(Changelog::mark).collect()
    }

    /// What is missing of the changelogs that a position speaks of: the store's name, and what.
    ///
    /// # Errors
    /// If the log fails.
    pub(crate) fn missing(
        log: &dyn Log,
        changelog: &str,
        partition: i32,
        (store, marks): (&str, &[ChangelogMark]),
    ) -> Result<Option<String>, LogError> {
        match marks.iter().find(|mark| mark.store == store) {
            Some(mark) => changelogs::missing(log, changelog, partition, mark),
            None => Ok(None),
        }
    }

    /// Notes that a range was closed: what went to the changelog of each store, and that the task now stands at
    /// `position` in its input, if that moved, where `marks` were committed with it. Writes the snapshots that are due,
    /// and deletes what is not needed any more.
    pub(crate) fn committed(
        &mut self,
        log: &dyn Log,
        stores: &[&mut dyn Store],
        changed: &[Option<Changed>],
        committed: Option<(i64, &[ChangelogMark])>,
    ) {
        if let Some((position, marks)) = committed {
            self.position = position;
            for (changelog, mark) in self.changelogs.iter_mut().zip(marks) {
                changelog.cut(log, self.input.partition, mark);
            }
        }
        for ((changelog, changed), store) in self.changelogs.iter_mut().zip(changed).zip(stores) {
            let Some(Changed { entries, end }) = changed else { continue };
            changelog.reached(*end, store.age());
            changelog.since += *entries as u64;
        }
        let every = self.settings.as_ref().map_or(u64::MAX, |settings| settings.every);
        // A large store is written more seldom: what snapshots write stays in proportion to what changed.
        self.write(stores, |store, since| since >= every.max(store.len() as u64 / 2));
    }

    /// Writes the snapshots of all stores that changed: the task comes to an orderly end.
    pub(crate) fn ended(&mut self, stores: &[&mut dyn Store]) {
        self.write(stores, |_, since| since > 0);
    }

    fn write(&mut self, stores: &[&mut dyn Store], due: impl Fn(&dyn Store, u64) -> bool) {
        let Some(settings) = &self.settings else { return };
        for (changelog, store) in self.changelogs.iter_mut().zip(stores) {
            if !due(&**store, changelog.since) {
                continue;
            }
            let header = SnapshotHeader {
                input: self.input.identity,
                partition: self.input.partition,
                position: self.position,
                changelog: changelog.identity,
                changelog_offset: changelog.next,
                stretches: changelog.stretches.all(),
            };
            let place = place(&settings.folder, &changelog.topic, self.input.partition);
            // Also after a failure the next one waits its turn, or a full disk would be tried with every commit.
            changelog.since = 0;
            if let Err(error) = write_whole(&settings.folder, &place, &header, &**store) {
                let reason = told(&error);
                tracing::warn!(file = %place.display(), reason, "a snapshot could not be written");
            }
        }
    }

    /// Takes over the store's snapshot, if there is one that fits; gives the offset to go on from, and the stretches
    /// before it.
    fn read(&self, changelog: &Changelog, store: &mut dyn Store, end: i64) -> Option<(i64, Vec<Stretch>)> {
        let place = place(&self.settings.as_ref()?.folder, &changelog.topic, self.input.partition);
        let read = match File::open(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Err(error.into()),
            Ok(mut file) => read_snapshot(&mut file, store),
        };
        let reason = match read {
            Ok(header) => match self.misfit(&header, changelog, end) {
                None => return Some((header.changelog_offset, header.stretches)),
                Some(reason) => reason.to_owned(),
            },
            Err(error) => told(&error),
        };
        store.clear();
        tracing::warn!(
            file = %place.display(),
            reason,
            "a snapshot cannot be used: the store is restored from its changelog alone"
        );
        // What does not fit now must not fit by chance when the changelog has grown.
        if let Err(error) = fs::remove_file(&place) {
            tracing::warn!(file = %place.display(), reason = %error, "the snapshot could not be removed");
        }
        None
    }

    /// Why a whole snapshot is not of this task's present.
    fn misfit(&self, header: &SnapshotHeader, changelog: &Changelog, end: i64) -> Option<&'static str> {
        if header.changelog != changelog.identity {
            return Some("its changelog was deleted and made again");
        }
        if header.input != self.input.identity || header.partition != self.input.partition {
            return Some("its input is another topic or partition");
        }
        let there = (0..=end).contains(&header.changelog_offset) && header.position <= self.position;
        (!there).then_some("it is ahead of the log")
    }
}

/// Where a store is restored from.
pub(crate) struct RestoredFrom<'a> {
    pub(crate) log: &'a dyn Log,
    pub(crate) changelog: &'a str,
    pub(crate) partition: i32,
}

impl RestoredFrom<'_> {
    /// Brings a store to the state that the whole changelog tells, as far as it is kept.
    ///
    /// # Errors
    /// If the log fails, or its records are none of the store's.
    pub(crate) fn whole(&self, store: &mut dyn Store) -> Result<(), TaskEnd> {
        let first = self.log.first(self.changelog, self.partition)?;
        self.replay(first, store, |_, _| ()).map(drop)
    }

    /// Brings a store to the end of its changelog, from an offset on, and tells how far it has come. Gives the number of
    /// entries.
    fn replay(
        &self,
        mut next: i64,
        store: &mut dyn Store,
        mut reached: impl FnMut(i64, &dyn Store),
    ) -> Result<u64, TaskEnd> {
        let mut count = 0;
        loop {
            let blocks = match self.log.read(self.changelog, self.partition, next, READ_BYTES) {
                // Whoever owns the partition has just deleted what nobody needs.
                Err(LogError::OutOfRange { first, .. }) if first > next => {
                    next = first;
                    continue;
                }
                read => read?,
            };
            if blocks.is_empty() {
                return Ok(count);
            }
            for block in &blocks {
                for record in block.iter() {
                    count += store.apply(record.key.unwrap_or_default(), record.value).map_err(TaskEnd::fault)? as u64;
                }
                next = block.next_offset();
                reached(next, store);
            }
        }
    }
}

/// Removes the snapshot of one partition of a store, if there is one in the folder: a person has sent its flow back, and it
/// would be ahead of the log. The store is then restored from its changelog. Not while a task has the partition.
///
/// # Errors
/// If it is there and stays.
pub fn remove_snapshot(folder: &Path, changelog: &str, partition: i32) -> io::Result<()> {
    match fs::remove_file(place(folder, changelog, partition)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn place(folder: &Path, changelog: &str, partition: i32) -> PathBuf {
    folder.join(format!("{changelog}-{partition}.snapshot"))
}

fn write_whole(folder: &Path, place: &Path, header: &SnapshotHeader, store: &dyn Store) -> Result<(), StoreError> {
    fs::create_dir_all(folder)?;
    let beside = place.with_extension("new");
    let mut file = File::create(&beside)?;
    write_snapshot(&mut file, header, store)?;
    file.sync_all()?;
    Ok(fs::rename(&beside, place)?)
}

fn told(error: &StoreError) -> String {
    match error {
        StoreError::Io(cause) => format!("{error}: {cause}"),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::time::Duration;

    use batch::{Headers, Input, RecordsBuilder, TopicIdentity};
    use log::memory::MemoryLog;
    use log::{Log, TopicSettings, Written};
    use state::{Seen, SeenKeys, SnapshotHeader, Store};

    use super::{SnapshotSettings, TaskSnapshots, write_whole};

    const CHANGELOG: &str = "feed.once.changelog";

    /// A task with one store whose changelog holds the keys 0 to 9, and a folder.
    struct Bench {
        log: MemoryLog,
        input: Arc<Input>,
        folder: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let log = MemoryLog::new(Arc::new(|| 1));
            let input = Arc::new(Input { topic: "events".into(), identity: TopicIdentity(5), partition: 0 });
            let bench = Self { log, input, folder: tempfile::tempdir().expect("a folder") };
            bench.log.ensure_topic(&changelog()).expect("a topic");
            bench.append(0..10);
            bench
        }

        /// So many entries, up to the changelog's end.
        fn changed(&self, entries: usize) -> Option<super::Changed> {
            let end = self.log.end(&changelog().name, 0).expect("there");
            Some(super::Changed { entries, end })
        }

        /// Writes keys to the changelog, as the task would: each as a block of its own, with stream time.
        fn append(&self, keys: std::ops::Range<u128>) {
            let mut records = RecordsBuilder::new();
            for key in keys {
                let mut store = empty();
                show(&mut store, std::iter::once(key));
                store.changes(&mut |key, value| records.push(Some(key), value, &Headers::new(), 0));
            }
            let mut transaction = self.log.begin();
            let written = Written { topic: CHANGELOG.into(), partition: 0, records: records.finish() };
            transaction.append(written).expect("appended");
            transaction.commit().expect("committed");
        }

        fn place(&self) -> std::path::PathBuf {
            super::place(self.folder.path(), CHANGELOG, 0)
        }

        fn header(&self) -> SnapshotHeader {
            SnapshotHeader {
                input: self.input.identity,
                partition: 0,
                position: 4,
                changelog: self.log.topic(CHANGELOG).expect("asked").expect("there").identity,
                changelog_offset: 6,
                stretches: Vec::new(),
            }
        }

        /// A snapshot that knows one key more than the changelog, 99: so it is seen whether it was used.
        fn write(&self, header: &SnapshotHeader) {
            let mut store = empty();
            show(&mut store, [0, 1, 2, 99].into_iter());
            store.commit();
            write_whole(self.folder.path(), &self.place(), header, &store).expect("written");
        }

        fn restored(&self) -> (TaskSnapshots, SeenKeys) {
            let settings = SnapshotSettings { folder: self.folder.path().to_owned(), every: 3 };
            let (mut snapshots, mut store) = (TaskSnapshots::new(Some(settings), Arc::clone(&self.input)), empty());
            snapshots.restore(&self.log, &changelog(), &mut store, 4, &[], &mut |_| {}).expect("restored");
            (snapshots, store)
        }
    }

    fn changelog() -> TopicSettings {
        TopicSettings { name: CHANGELOG.into(), partitions: 1 }
    }

    fn empty() -> SeenKeys {
        SeenKeys::new("once".into(), Duration::from_millis(100))
    }

    fn show(store: &mut SeenKeys, mut keys: impl Iterator<Item = u128>) {
        assert!(keys.all(|key| store.observe(key, 1, 1) == Seen::New));
    }

    #[test]
    fn a_store_comes_back_from_its_snapshot_and_the_rest_of_its_changelog() {
        let bench = Bench::new();
        assert_eq!(bench.restored().1.len(), 10, "there is no snapshot");
        bench.write(&bench.header());
        let (_, mut store) = bench.restored();
        assert_eq!(store.observe(99, 1, 1), Seen::Repeat, "of the snapshot");
        assert_eq!(store.observe(9, 1, 1), Seen::Repeat, "of the changelog");
        assert_eq!(store.len(), 11);
    }

    #[test]
    fn what_is_not_of_the_present_is_left_aside_for_good() {
        let other = TopicIdentity(77);
        let bench = Bench::new();
        let header = bench.header();
        for (wrong, why) in [
            (SnapshotHeader { changelog: other, ..header.clone() }, "the changelog was made again"),
            (SnapshotHeader { input: other, ..header.clone() }, "the input was made again"),
            (SnapshotHeader { partition: 1, ..header.clone() }, "another partition"),
            (SnapshotHeader { changelog_offset: 21, ..header.clone() }, "beyond the changelog's end"),
            (SnapshotHeader { changelog_offset: -1, ..header.clone() }, "no offset"),
            (SnapshotHeader { position: 5, ..header.clone() }, "after the committed position"),
        ] {
            bench.write(&wrong);
            let (_, mut store) = bench.restored();
            assert_eq!(store.observe(99, 1, 1), Seen::New, "{why}");
            assert_eq!(store.len(), 11, "{why}");
            assert!(!bench.place().exists(), "{why}");
        }
    }

    #[test]
    fn a_damaged_or_newer_one_is_left_aside() {
        let bench = Bench::new();
        bench.write(&bench.header());
        let whole = fs::read(bench.place()).expect("there");
        let mut newer = whole.clone();
        newer[8] = 3;
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for bytes in [&newer[..], &flipped, &whole[..whole.len() - 1], b"", b"something else"] {
            fs::write(bench.place(), bytes).expect("written");
            let (_, mut store) = bench.restored();
            assert_eq!((store.observe(99, 1, 1), store.len()), (Seen::New, 11));
        }
    }

    #[test]
    fn it_is_written_when_it_is_due_and_at_the_end_and_never_holds_what_is_not_committed() {
        let bench = Bench::new();
        bench.write(&SnapshotHeader { changelog_offset: 20, ..bench.header() });
        let before = fs::read(bench.place()).expect("there");
        let (mut snapshots, mut store) = bench.restored();
        snapshots.ended(&[&mut store]);
        assert!(fs::read(bench.place()).expect("there") == before, "nothing changed");
        // A store of 4 keys: due from three entries on.
        bench.append(20..21);
        store.observe(20, 1, 1);
        store.commit();
        snapshots.committed(&bench.log, &[&mut store], &[bench.changed(2)], Some((5, &[])));
        assert!(fs::read(bench.place()).expect("there") == before, "not due");
        bench.append(21..22);
        store.observe(21, 1, 1);
        store.commit();
        store.observe(50, 1, 1);
        snapshots.committed(&bench.log, &[&mut store], &[bench.changed(2)], Some((6, &[])));
        let (mut snapshots, mut again) = (TaskSnapshots { position: 0, ..snapshots }, empty());
        snapshots.changelogs.clear();
        snapshots.restore(&bench.log, &changelog(), &mut again, 6, &[], &mut |_| {}).expect("restored");
        assert_eq!(snapshots.changelogs[0].since, 0, "it is as of the changelog's end");
        assert_eq!((again.observe(21, 1, 1), again.observe(50, 1, 1)), (Seen::Repeat, Seen::New));
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let bench = Bench::new();
        let settings = SnapshotSettings { folder: bench.folder.path().join("file/below"), every: 1 };
        fs::write(bench.folder.path().join("file"), b"no folder").expect("written");
        let (mut snapshots, mut store) = (TaskSnapshots::new(Some(settings), Arc::clone(&bench.input)), empty());
        snapshots.restore(&bench.log, &changelog(), &mut store, 4, &[], &mut |_| {}).expect("restored");
        snapshots.ended(&[&mut store]);
        assert_eq!(store.len(), 10);
    }
}
