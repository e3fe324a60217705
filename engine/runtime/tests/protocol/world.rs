//! A world to run flows in: a log and a raw store that outlive a process, a table, a publisher, and flows over texts.
//!
//! Lines are `key,part,value`. Revision `r2` reads the same lines otherwise: values are a hundredfold, a line that
//! starts with `!` is good (in `r1` it is bad), and so is the header `other`. So a range that was opened under one
//! revision gives other rows under the next.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{Field, Schema};
use batch::{
    Batch, Code, ColumnType, Headers, Input, Origins, PartitionBy, Place, Records, RecordsBuilder, RowsMeaning,
    TableColumn, TableDefinition,
};
use connect::{Discovery, FolderStore, Found, Landing, Source, SourceError};
use indexmap::IndexMap;
use log::embedded::EmbeddedLog;
use log::memory::MemoryLog;
use log::{Log, TopicSettings, Written};
use operators::{
    BadRecord, BadRow, Block, Chain, DecodedRecords, Dedupe, DedupeSettings, DocumentBytes, DocumentInput,
    DocumentReader, Facts, Outcome, ReadError, RecordReader, StepError, Verdict,
};
use runtime::landing::Arrow;
use runtime::{
    Board, DeadLetterRecord, Destination, DocumentInputParts, Faults, FlowInput, FlowParts, Holds, Killed, Receipt,
    RunEnd, RunParts, SourceParts, StopSignal, SystemTopics, TableOutput,
};
use telemetry::Counts;
use testkit::{Call, ModelTable, Trouble};

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
}

/// A document as its publisher offers it: what its name says, its address, its text.
#[derive(Clone, Debug)]
pub(crate) struct Offer(pub(crate) &'static str, pub(crate) &'static str, pub(crate) String);

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
    landing: Arc<dyn Landing>,
    pub(crate) offers: Arc<Mutex<Vec<Offer>>>,
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
    pub(crate) receipts: Vec<(String, i64, String, u64)>,
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
        let meaning = match kind {
            Kind::Documents => RowsMeaning::ByDocument,
            Kind::Append => RowsMeaning::Append,
            Kind::ByKey => RowsMeaning::ByKey { version: None },
        };
        let clock = Arc::new(AtomicI64::new(1_600_000_000_000));
        let table = Arc::new(ModelTable::new(definition(meaning)));
        let keeps = keeps(&clock);
        let folder = tempfile::tempdir().expect("a folder");
        let landing = Arc::clone(&table) as Arc<dyn Landing>;
        Self { kind, folder, keeps, clock, table, landing, offers: Arc::default() }
    }

    pub(crate) fn log(&self) -> Arc<dyn Log> {
        match &self.keeps {
            Keeps::Folder => {
                Arc::new(EmbeddedLog::open(&self.folder.path().join("log"), ticking(&self.clock)).expect("a free log"))
            }
            Keeps::Memory(log) => Arc::clone(log),
        }
    }

    pub(crate) fn offer(&self, offers: &[(&'static str, &'static str, &str)]) {
        *self.offers.lock().expect("no panic") =
            offers.iter().map(|(key, url, text)| Offer(key, url, (*text).to_owned())).collect();
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
        let parts = RunParts {
            flows: vec![self.flow(revision)],
            sources: self.sources(),
            log: self.log(),
            raw: Arc::new(FolderStore::open(&self.folder.path().join("raw")).expect("a raw store")),
            system: SystemTopics::default(),
            once: true,
            slots: 1,
            stop: StopSignal::new(),
            board: Arc::new(Board::default()),
            holds: Arc::new(Holds::default()),
            faults,
            clock: ticking(&self.clock),
        };
        let holds = Arc::clone(&parts.holds);
        let end = runtime::run(parts).expect("the log works");
        Ended { end, holds: holds.list().into_iter().map(|held| (held.code, held.what)).collect() }
    }

    fn sources(&self) -> Vec<SourceParts> {
        let source = || SourceParts {
            flow: "feed/load".to_owned(),
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
                range_rows: RANGE_ROWS as u64,
            }),
            _ => FlowInput::Topic {
                topic: "events".into(),
                partitions: 1,
                reader: Box::new(move || Ok(Box::new(Lines { revision }))),
            },
        };
        let chain: Box<dyn Fn() -> Chain + Send + Sync> = match self.kind {
            Kind::Append => Box::new(|| Chain::new(vec![Box::new(Dedupe::new("once".into(), once()))])),
            _ => Box::new(|| Chain::new(Vec::new())),
        };
        FlowParts {
            topology: "feed".into(),
            flow: "load".into(),
            revision: revision.into(),
            input,
            chain,
            outputs: IndexMap::new(),
            destination: Destination::Table(TableOutput {
                landing: Arc::clone(&self.landing),
                table: definition(match self.kind {
                    Kind::Documents => RowsMeaning::ByDocument,
                    Kind::Append => RowsMeaning::Append,
                    Kind::ByKey => RowsMeaning::ByKey { version: None },
                }),
                batch_rows: RANGE_ROWS,
                batch_age: Duration::ZERO,
            }),
            bad_rows_above: 50.0,
        }
    }

    /// What is there now. Queries that still run have had their chance to land.
    pub(crate) fn result(&self, context: &str) -> Outcomes {
        self.table.settle();
        let repeats = self.table.repeats();
        assert!(repeats.is_empty(), "{context}: rows landed twice: {repeats:#?}");
        let mut counts = Counts::default();
        let mut receipts = Vec::new();
        for entry in runtime::ledger(self.log().as_ref(), "feed", "load").expect("a ledger") {
            assert!(entry.counts.balanced(), "{context}: {entry:?}");
            counts.add(&entry.counts);
            receipts.extend(
                entry.receipt.map(|Receipt { document, version, outcome, counts, .. }| {
                    (document, version, outcome, counts.landed)
                }),
            );
        }
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
        for Offer(key, url, text) in offers {
            discovery.found(Found {
                name: url.to_owned(),
                url: url.to_owned(),
                fields: BTreeMap::from([("name".to_owned(), key.to_owned())]),
                validators: None,
                content: &mut text.as_bytes(),
            })?;
        }
        Ok(())
    }

    fn describe(&self) -> Arc<str> {
        "a publisher of a test".into()
    }
}

/// Reads lines, out of documents and out of records.
struct Lines {
    revision: &'static str,
}

type Row = (String, String, i64);

impl Lines {
    fn row(&self, line: &str) -> Option<Row> {
        let second = self.revision == "r2";
        let line = if second { line.trim_start_matches('!') } else { line };
        let mut cells = line.split(',');
        let (key, part, value) = (cells.next()?, cells.next()?, cells.next()?.parse::<i64>().ok()?);
        let good = !key.starts_with('!') && cells.next().is_none();
        good.then(|| (key.to_owned(), part.to_owned(), if second { value * 100 } else { value }))
    }
}

/// A row with its position, its arrival and the bytes that it came from.
type Placed = (Row, (i64, i64), i64, Vec<u8>);

/// Rows with the positions, arrivals and bytes that they came from.
fn batch_of(rows: &[Placed], input: &Arc<Input>, place: Place) -> Batch {
    let text = |of: &dyn Fn(&Row) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| of(&row.0))))
    };
    let columns: Vec<ArrayRef> = vec![
        text(&|row| row.0.clone()),
        text(&|row| row.1.clone()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0.2))),
    ];
    let fields: Vec<Field> =
        definition(RowsMeaning::Append).columns.iter().map(|column| column.column_type.field(&column.name)).collect();
    let columns = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of their types");
    let origins = Origins {
        input: Arc::clone(input),
        offsets: Int64Array::from_iter_values(rows.iter().map(|row| row.1.0)),
        rows: Int64Array::from_iter_values(rows.iter().map(|row| row.1.1)),
        arrivals: Int64Array::from_iter_values(rows.iter().map(|row| row.2)),
        place,
        raw: BinaryArray::from_iter_values(rows.iter().map(|row| &row.3)),
    };
    Batch::new(columns, origins, None).expect("one origin a row")
}

impl DocumentReader for Lines {
    fn facts(&self, _: &DocumentInput) -> Facts {
        Facts::new()
    }

    fn steps_need_trailer(&self) -> bool {
        false
    }

    fn read(
        &self,
        document: &DocumentInput,
        mut bytes: Box<dyn DocumentBytes>,
        sink: &mut dyn FnMut(Block) -> bool,
    ) -> Result<Verdict, ReadError> {
        let mut text = String::new();
        bytes.read_to_string(&mut text).map_err(ReadError::Bytes)?;
        let lines: Vec<&str> = text.lines().collect();
        let known =
            lines.first() == Some(&"key,part,value") || (self.revision == "r2" && lines.first() == Some(&"other"));
        let rows = lines.len().saturating_sub(1) as u64;
        let mut verdict = Verdict {
            outcome: Outcome::Rows,
            code: None,
            message: String::new(),
            rows,
            bad: 0,
            facts: Facts::new(),
            new_columns: Vec::new(),
        };
        if !known {
            verdict.outcome = Outcome::Failed;
            return Ok(verdict);
        }
        if rows == 0 {
            verdict.outcome = Outcome::Empty;
            return Ok(verdict);
        }
        let numbered: Vec<(i64, &str)> = (0_i64..).zip(lines[1..].iter().copied()).collect();
        for lines in numbered.chunks(3) {
            let (mut good, mut bad, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
            for &(number, line) in lines {
                let at = number.cast_unsigned() + 2;
                match self.row(line) {
                    Some(row) => {
                        numbers.push(at);
                        good.push((row, (document.offset, number), document.arrival, line.as_bytes().to_vec()));
                    }
                    None => bad.push(BadRow {
                        row: number,
                        member: "lines".into(),
                        line: at,
                        code: Code("E4298"),
                        message: "no row".to_owned(),
                        raw: line.as_bytes().to_vec(),
                    }),
                }
            }
            let place = Place::Document {
                id: Arc::clone(&document.id),
                member: "lines".into(),
                lines: UInt64Array::from(numbers),
            };
            verdict.bad += bad.len() as u64;
            let next_row = lines.last().map_or(0, |(number, _)| number + 1);
            if !sink(Block { batch: batch_of(&good, &document.input, place), bad, next_row }) {
                break;
            }
        }
        Ok(verdict)
    }
}

impl RecordReader for Lines {
    fn read(&mut self, records: &Records, input: &Arc<Input>) -> Result<DecodedRecords, StepError> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for record in records.iter() {
            let value = record.value.unwrap_or_default();
            match std::str::from_utf8(value).ok().and_then(|line| self.row(line)) {
                Some(row) => good.push((row, (record.offset, 0), record.arrival, value.to_vec())),
                None => {
                    bad.push(BadRecord { offset: record.offset, code: Code("E4298"), message: "no row".to_owned() });
                }
            }
        }
        Ok(DecodedRecords { batch: batch_of(&good, input, Place::Nowhere), bad })
    }
}
