//! A world to run flows in: a log and a raw store that outlive a process, a table, a publisher, and flows over texts.
//!
//! Revisions read the same lines otherwise, see `lines.rs`. So a range that was opened under one revision gives other
//! rows under the next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use batch::{ColumnType, Headers, PartitionBy, Records, RecordsBuilder, RowsMeaning, TableColumn, TableDefinition};
use connect::{Discovery, FolderStore, Found, Landing, Source, SourceError};
use indexmap::IndexMap;
use log::embedded::EmbeddedLog;
use log::memory::MemoryLog;
use log::{Log, TopicSettings, Written};
use operators::{Chain, Dedupe, DedupeSettings, MemoryScratch, WorkingMemory};
use runtime::landing::Arrow;
use runtime::{
    Board, DeadLetterRecord, Destination, DocumentInputParts, Faults, FlowInput, FlowParts, Holds, Killed, Receipt,
    RetryAction, RunEnd, RunParts, SnapshotSettings, SourceParts, StopSignal, SystemTopics, TableOutput,
};
use telemetry::Counts;
use testkit::{Call, ModelTable, Trouble};

use crate::lines::Lines;

/// Rows of a range: small, so that a few lines make several ranges.
const RANGE_ROWS: usize = 4;
/// Inserts after which a run is taken to go round in circles.
const MOST_INSERTS: u64 = 300;

/// What kind of flow the world runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Documents that own their rows.
    Documents,
    /// A topic, each key once: the flow keeps state.
    Append,
    /// A topic, the newest row of each key.
    ByKey,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Documents, Self::Append, Self::ByKey];

    fn meaning(self) -> RowsMeaning {
        match self {
            Self::Documents => RowsMeaning::ByDocument,
            Self::Append => RowsMeaning::Append,
            Self::ByKey => RowsMeaning::ByKey { version: None },
        }
    }
}

/// A document as its publisher offers it: what its name says, its address, its text.
#[derive(Clone, Debug)]
pub(crate) struct Offer(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) String,
    /// The address that is gone, in whose place it is.
    pub(crate) Option<&'static str>,
);

/// Where the log is.
enum Keeps {
    Folder,
    Memory(Arc<dyn Log>),
}

pub(crate) struct World {
    pub(crate) kind: Kind,
    folder: tempfile::TempDir,
    keeps: Keeps,
    clock: Arc<AtomicI64>,
    pub(crate) table: Arc<ModelTable>,
    pub(crate) landing: Arc<dyn Landing>,
    /// Changed entries after which a snapshot is written; 0 for none at all.
    pub(crate) snapshots_every: u64,
    pub(crate) offers: Arc<Mutex<Vec<Offer>>>,
    /// What documents may take of memory.
    pub(crate) memory: WorkingMemory,
    /// How many pieces are inserted side by side. One at a time takes the same arrows each time.
    pub(crate) slots: usize,
}

/// The arrows that a run took, and the one at which it dies.
#[derive(Default)]
pub(crate) struct Script {
    kill_at: Option<usize>,
    taken: Mutex<Vec<Arrow>>,
}

impl Script {
    pub(crate) fn kill_at(index: usize) -> Arc<Self> {
        Arc::new(Self { kill_at: Some(index), taken: Mutex::default() })
    }

    pub(crate) fn taken(&self) -> Vec<Arrow> {
        self.taken.lock().expect("no panic").clone()
    }
}

impl Faults for Script {
    fn pass(&self, arrow: Arrow) -> Result<(), Killed> {
        let mut taken = self.taken.lock().expect("no panic");
        taken.push(arrow);
        if self.kill_at == Some(taken.len() - 1) { Err(Killed) } else { Ok(()) }
    }
}

/// All that must be the same whether or not a process died on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub(crate) visible: Vec<String>,
    pub(crate) counts: Counts,
    pub(crate) dead: BTreeSet<String>,
    /// Document, version, outcome, rows landed, dead rows, rows withdrawn.
    pub(crate) receipts: Vec<(String, i64, String, u64, u64, u64)>,
}

pub(crate) fn definition(rows: RowsMeaning) -> TableDefinition {
    let columns = [("key", "text"), ("part", "text"), ("value", "bigint")];
    TableDefinition {
        name: "protocol.rows".into(),
        about: "rows of a test".to_owned(),
        columns: columns
            .iter()
            .map(|(name, of)| TableColumn {
                name: (*name).into(),
                column_type: ColumnType::parse(of).expect("a type"),
                about: String::new(),
            })
            .collect(),
        key: vec!["part".into(), "key".into()],
        partition: PartitionBy::Column("part".into()),
        rows,
    }
}

impl World {
    /// A world whose log is the embedded one, in a folder.
    pub(crate) fn new(kind: Kind) -> Self {
        Self::of(kind, |_| Keeps::Folder)
    }

    /// A world whose log is in memory, for the many runs of an exhaustive search.
    pub(crate) fn in_memory(kind: Kind) -> Self {
        Self::of(kind, |clock| Keeps::Memory(Arc::new(MemoryLog::new(ticking(clock)))))
    }

    fn of(kind: Kind, keeps: impl FnOnce(&Arc<AtomicI64>) -> Keeps) -> Self {
        let clock = Arc::new(AtomicI64::new(1_600_000_000_000));
        let table = Arc::new(ModelTable::new(definition(kind.meaning())));
        let keeps = keeps(&clock);
        let folder = tempfile::tempdir().expect("a folder");
        let landing = Arc::clone(&table) as Arc<dyn Landing>;
        let memory = WorkingMemory::new(Arc::new(MemoryScratch));
        Self {
            kind,
            folder,
            keeps,
            clock,
            table,
            landing,
            snapshots_every: 1,
            offers: Arc::default(),
            memory,
            slots: 1,
        }
    }

    pub(crate) fn log(&self) -> Arc<dyn Log> {
        match &self.keeps {
            Keeps::Folder => {
                Arc::new(EmbeddedLog::open(&self.folder.path().join("log"), ticking(&self.clock)).expect("a free log"))
            }
            Keeps::Memory(log) => Arc::clone(log),
        }
    }

    /// From now on rows go to this table; a new one that does not exist yet if none is given.
    pub(crate) fn use_table(&mut self, table: Option<Arc<ModelTable>>) {
        self.table = table.unwrap_or_else(|| Arc::new(ModelTable::new(definition(self.kind.meaning()))));
        self.landing = Arc::clone(&self.table) as _;
    }

    pub(crate) fn offer(&self, offers: &[(&'static str, &'static str, &str)]) {
        *self.offers.lock().expect("no panic") =
            offers.iter().map(|(key, url, text)| Offer(key, url, (*text).to_owned(), None)).collect();
    }

    /// The same, where one address is gone.
    pub(crate) fn offer_instead_of(&self, gone: &'static str, offers: &[(&'static str, &'static str, &str)]) {
        self.offer(offers);
        self.offers.lock().expect("no panic").iter_mut().for_each(|offer| offer.3 = Some(gone));
    }

    /// Time passes.
    pub(crate) fn later(&self, time: Duration) {
        self.clock.fetch_add(time.as_millis() as i64, Ordering::Relaxed);
    }

    /// The first offset of the one partition of a topic, and its end.
    pub(crate) fn log_bounds(&self, topic: &str) -> (i64, i64) {
        let log = self.log();
        (log.first(topic, 0).expect("there"), log.end(topic, 0).expect("there"))
    }

    /// Appends a record for each line to the input topic.
    pub(crate) fn produce(&self, lines: &[&str]) {
        let log = self.log();
        log.ensure_topic(&TopicSettings { name: "events".into(), partitions: 1 }).expect("a topic");
        let mut records = RecordsBuilder::new();
        lines.iter().for_each(|line| records.push(Some(b"key"), Some(line.as_bytes()), &Headers::new(), 0));
        let mut transaction = log.begin();
        let written = Written { topic: "events".into(), partition: 0, records: records.finish() };
        transaction.append(written).expect("appended");
        transaction.commit().expect("committed");
    }

    /// What every scenario of kills starts from: for documents a first version has landed and a second is published.
    pub(crate) fn prepare(&self) {
        match self.kind {
            Kind::Documents => {
                self.offer(&[("one", "/one", "key,part,value\na,x,1\nb,x,1\nc,y,1\ngone,z,1\nmoved,x,1\n")]);
                self.run("r1", Arc::new(Script::default())).fine();
                self.offer(&[
                    ("one", "/one", "key,part,value\na,x,2\nb,x,1\nc,y,3\nd,x,4\nmoved,y,2\ne,x,5\nf,y,6\ng,x,7\n"),
                    ("two", "/two", "key,part,value\na,x,9\n!bad,x,9\nb,y,9\nc,y,9\n"),
                ]);
            }
            Kind::Append => {
                self.produce(&["a,x,1", "b,y,2", "a,x,3", "c,x,4", "!bad,x,5", "d,y,6", "b,y,7", "c,x,8", "e,x,9"]);
            }
            Kind::ByKey => {
                self.produce(&["a,x,1", "b,y,2", "a,x,3", "c,x,4", "!bad,x,5", "d,y,6", "b,y,7", "c,x,8", "e,x,9"]);
            }
        }
        // What goes round in circles ends as a hold, not as a test that hangs.
        self.trouble(|_, _| None);
    }

    /// Makes the table misbehave, and sees to it that nothing goes on for ever.
    pub(crate) fn trouble(&self, mut choose: impl FnMut(Call, u64) -> Option<Trouble> + Send + 'static) {
        self.table.misbehave(
            move |call, before| {
                if before > MOST_INSERTS { Some(Trouble::Operator) } else { choose(call, before) }
            },
        );
    }

    /// One life of the process: ends when all is done, or at the scripted arrow.
    pub(crate) fn run(&self, revision: &'static str, faults: Arc<Script>) -> Ended {
        let parts = self.parts(revision, faults, true);
        let holds = Arc::clone(&parts.holds);
        let end = runtime::run(parts).expect("the log works");
        Ended { end, holds: holds.list().into_iter().map(|held| (held.code, held.what)).collect() }
    }

    /// What a run is given; `once` for one that ends when all is done or it is on hold.
    pub(crate) fn parts(&self, revision: &'static str, faults: Arc<Script>, once: bool) -> RunParts {
        RunParts {
            flows: vec![self.flow(revision)],
            sources: self.sources(revision),
            log: self.log(),
            raw: Arc::new(FolderStore::open(&self.folder.path().join("raw")).expect("a raw store")),
            system: SystemTopics::default(),
            once,
            slots: self.slots,
            memory: self.memory.clone(),
            stop: StopSignal::new(),
            board: Arc::new(Board::default()),
            holds: Arc::new(Holds::default()),
            snapshots: (self.snapshots_every > 0)
                .then(|| SnapshotSettings { folder: self.snapshots(), every: self.snapshots_every }),
            faults,
            clock: ticking(&self.clock),
        }
    }

    /// The folder of snapshots.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }

    /// Sends all open dead letters back to their flow, or gives them up.
    pub(crate) fn send_back(&self, action: RetryAction) {
        let log = self.log();
        let letters = runtime::dead_letters(log.as_ref(), "feed").expect("dead letters").into_values();
        let open: Vec<_> = letters.filter(|(_, mark)| mark.is_none()).map(|(letter, _)| letter).collect();
        let sent = runtime::send_back(log.as_ref(), &SystemTopics::default(), &open, action).expect("sent");
        assert!(sent > 0 && sent == open.len() as u64, "{sent} of {}", open.len());
    }

    fn sources(&self, revision: &str) -> Vec<SourceParts> {
        let source = || SourceParts {
            flow: format!("feed/{}", called(revision)),
            source: Box::new(Publisher(Arc::clone(&self.offers))),
            every: Duration::from_secs(3600),
        };
        if self.kind == Kind::Documents { vec![source()] } else { Vec::new() }
    }

    fn flow(&self, revision: &'static str) -> FlowParts {
        let input = match self.kind {
            Kind::Documents => FlowInput::Documents(DocumentInputParts {
                partitions: 1,
                reader: Arc::new(Lines { revision }),
                identify: Arc::new(|_, _| None),
                range_rows: RANGE_ROWS as u64,
            }),
            _ => FlowInput::Topic {
                topic: "events".into(),
                partitions: 1,
                of_others: false,
                reader: Box::new(move || Ok(Box::new(Lines { revision }))),
            },
        };
        let chain: Box<dyn Fn() -> Chain + Send + Sync> = match self.kind {
            Kind::Append => Box::new(|| Chain::new(vec![Box::new(Dedupe::new("once".into(), once()))])),
            _ => Box::new(|| Chain::new(Vec::new())),
        };
        FlowParts {
            topology: "feed".into(),
            called: called(revision).into(),
            flow: "load".into(),
            revision: revision.into(),
            input,
            chain,
            outputs: IndexMap::new(),
            destination: Destination::Table(TableOutput {
                was: None,
                kept: Box::default(),
                earlier_flows: Vec::new(),
                landing: Arc::clone(&self.landing),
                table: definition(self.kind.meaning()),
                batch_rows: RANGE_ROWS,
                batch_age: Duration::ZERO,
            }),
            bad_rows_above: 50.0,
            beside: Vec::new(),
            rebuilds: None,
        }
    }

    /// What is there now. Queries that still run have had their chance to land.
    pub(crate) fn result(&self, context: &str) -> Outcomes {
        self.table.settle();
        let repeats = self.table.repeats();
        assert!(repeats.is_empty(), "{context}: rows landed twice: {repeats:#?}");
        let mut counts = Counts::default();
        let entries = runtime::ledger(self.log().as_ref(), "feed", "load").expect("a ledger");
        for entry in &entries {
            assert!(entry.counts.balanced(), "{context}: {entry:?}");
            counts.add(&entry.counts);
        }
        let shown = |Receipt { document, version, outcome, counts, withdrawn, .. }| {
            assert!(counts.balanced(), "{context}: the receipt of {document}: {counts:?}");
            (document, version, outcome, counts.landed, counts.dead, withdrawn)
        };
        let receipts = runtime::receipts(entries).into_iter().map(shown).collect();
        Outcomes { visible: self.table.visible(), counts, dead: self.dead(context), receipts }
    }

    /// Positions of all dead letters; none of them may be there twice.
    fn dead(&self, context: &str) -> BTreeSet<String> {
        let log = self.log();
        let mut dead = BTreeSet::new();
        let blocks = log.read("feed.dead-letters", 0, 0, usize::MAX).expect("dead letters");
        for record in blocks.iter().flat_map(Records::iter) {
            if let Some(DeadLetterRecord::Letter(letter)) = DeadLetterRecord::read(&record) {
                let at = format!("{}/{}.{}", letter.partition, letter.offset, letter.row);
                assert!(dead.insert(at), "{context}: dead letter {} is there twice", letter.id);
            }
        }
        dead
    }
}

/// How a life ended.
pub(crate) struct Ended {
    pub(crate) end: RunEnd,
    pub(crate) holds: Vec<(String, String)>,
}

impl Ended {
    pub(crate) fn fine(&self) {
        assert!(self.end.failed.is_empty(), "{:?} {:?}", self.end.failed, self.holds);
    }

    pub(crate) fn killed(&self) -> bool {
        self.end.failed.iter().any(|(_, end)| matches!(end, runtime::TaskEnd::Killed))
    }

    pub(crate) fn held_for(&self, code: &str) {
        assert!(self.holds.iter().any(|(held, _)| held == code), "{:?} {:?}", self.end.failed, self.holds);
    }
}

fn once() -> DedupeSettings {
    DedupeSettings {
        store: "once".into(),
        key: vec!["key".into()],
        remember: Duration::from_secs(3600),
        compare_content: false,
        ignore: Vec::new(),
        conflicts: None,
        late: None,
    }
}

fn ticking(clock: &Arc<AtomicI64>) -> Arc<dyn Fn() -> i64 + Send + Sync> {
    let clock = Arc::clone(clock);
    Arc::new(move || clock.fetch_add(1, Ordering::Relaxed))
}

struct Publisher(Arc<Mutex<Vec<Offer>>>);

impl Source for Publisher {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        let offers = self.0.lock().expect("no panic").clone();
        for Offer(key, url, text, gone) in offers {
            discovery.found(Found {
                name: url.to_owned(),
                url: url.to_owned(),
                fields: BTreeMap::from([("name".to_owned(), key.to_owned())]),
                validators: None,
                instead_of: gone.map(str::to_owned),
                content: &mut text.as_bytes(),
            })?;
        }
        Ok(())
    }

    fn describe(&self) -> Arc<str> {
        "a publisher of a test".into()
    }
}

/// What people call the flow: every later revision renames it too, which changes nothing.
fn called(revision: &str) -> &'static str {
    if revision == "r1" { "load" } else { "renamed" }
}
