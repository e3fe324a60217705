//! Plays a scenario: true tasks over a log that outlives them, tables in memory, and the clock by hand.
//!
//! A telling of a story may kill lives of the process beside those that it writes down; what it shows must not change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use arrow::array::{ArrayRef, BinaryViewArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use batch::{Batch, Headers, Input, Origins, Place, RecordsBuilder, TopicIdentity};
use connect::{Discovery, FolderStore, Found, Source, SourceError};
use driver::assemble;
use indexmap::IndexMap;
use log::memory::MemoryLog;
use log::{Log, TopicSettings, Written};
use operators::{
    AvroReader, AvroWriter, KeptSchemas, MemoryScratch, RecordReader, RecordWriter, Schemas, WorkingMemory,
};
use pattern::Pattern;
use runtime::landing::Arrow;
use runtime::{
    Board, Destination, DocumentInputParts, Faults, FlowInput, FlowParts, Holds, Killed, RANGE_ROWS, RetryAction,
    RunParts, SnapshotSettings, SourceParts, StopSignal, SystemTopics, TableOutput, TaskEnd, TopicOutput,
};
use serde_json::{Map, Value};
use testkit::ModelTable;
use topology::plan::{self, Topology};
use topology::{MemoryFiles, load};

use crate::dying_log::{Dying, DyingLog};
use crate::story::{Act, Death, Life, Scenario, Sent};

pub(crate) struct World {
    pub(crate) topology: Topology,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) tables: IndexMap<Arc<str>, Arc<ModelTable>>,
    pub(crate) schemas: Arc<dyn Schemas>,
    /// Codes of the flows that the last life left on hold.
    pub(crate) held: Vec<(String, String)>,
    files: MemoryFiles,
    pub(crate) partitions: i32,
    /// What publishers offer: name and text.
    offers: BTreeMap<String, String>,
    clock: Arc<AtomicI64>,
    folder: tempfile::TempDir,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All was done.
    Done,
    /// Where it was to die it died.
    Died,
    /// A flow is on hold, or the run was told to stop.
    Waiting,
}

/// The points of a life: kills it at one of them.
struct Points {
    death: Option<Death>,
    taken: AtomicUsize,
    of_kind: AtomicUsize,
    log: Arc<DyingLog>,
}

impl Faults for Points {
    fn pass(&self, arrow: Arrow) -> Result<(), Killed> {
        let number = self.taken.fetch_add(1, Ordering::SeqCst);
        let dies = match self.death {
            Some(Death::Arrow(None, at)) => number == at,
            Some(Death::Arrow(Some(kind), at)) => kind == arrow && self.of_kind.fetch_add(1, Ordering::SeqCst) == at,
            _ => false,
        };
        if dies {
            self.log.hook.dead.store(true, Ordering::SeqCst);
            self.log.hook.stop.stop();
        }
        if self.log.hook.dead.load(Ordering::SeqCst) { Err(Killed) } else { Ok(()) }
    }
}

impl World {
    /// # Errors
    /// What `check` says of the topology.
    pub(crate) fn new(scenario: &Scenario) -> Result<Self, String> {
        let files = scenario.files.iter();
        let files = files.fold(MemoryFiles::default(), |files, (name, text)| files.with(&format!("r/{name}"), text));
        let topology = topology_of(&files, scenario.partitions)?;
        let clock = Arc::new(AtomicI64::new(1_767_225_600_000));
        let told = Arc::clone(&clock);
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new(Arc::new(move || told.load(Ordering::SeqCst))));
        let tables = topology.flows.iter().filter_map(|flow| match &flow.to {
            plan::To::Table(write) => {
                Some((Arc::clone(&write.table.name), Arc::new(ModelTable::new(write.table.clone()))))
            }
            plan::To::Topic(_) => None,
        });
        Ok(Self {
            tables: tables.collect(),
            schemas: Arc::new(KeptSchemas::open("", Box::new(|_| Ok(()))).expect("no schemas yet")),
            held: Vec::new(),
            folder: tempfile::tempdir().expect("a folder"),
            topology,
            files,
            partitions: scenario.partitions,
            offers: BTreeMap::new(),
            log,
            clock,
        })
    }

    fn mend(&mut self) -> Result<(), String> {
        let later: Vec<_> = self.files.0.iter().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        for (path, bytes) in later {
            if let Ok(name) = path.strip_prefix("r/later") {
                self.files.0.insert(Path::new("r").join(name), bytes);
            }
        }
        self.topology = topology_of(&self.files, self.partitions)?;
        Ok(())
    }

    /// Does what a line of the story says; runs and what is shown are the teller's.
    pub(crate) fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Clock(at) => self.clock.store(*at, Ordering::SeqCst),
            Act::Send { topic, times, arrival, what } => {
                for _ in 0..*times {
                    self.send(topic, *arrival, what)?;
                }
            }
            Act::Mend => self.mend()?,
            Act::LoseSnapshots => std::fs::remove_dir_all(self.snapshots()).map_err(|error| error.to_string())?,
            Act::Publish { name, lines } => {
                self.offers.insert(name.clone(), lines.iter().map(|line| format!("{line}\n")).collect());
            }
            Act::SendBack | Act::Run(_) | Act::Shows(_) => {}
        }
        Ok(())
    }

    fn send(&self, topic: &str, arrival: i64, what: &Sent) -> Result<(), String> {
        let reads = |flow: &plan::Flow| match &flow.from {
            plan::From::Topic(read) if &*read.topic == topic => Some(read.clone()),
            _ => None,
        };
        let read = self.topology.flows.iter().find_map(reads).ok_or(format!("no flow reads {topic}"))?;
        let settings = TopicSettings { name: Arc::clone(&read.topic), partitions: read.partitions };
        self.log.ensure_topic(&settings).map_err(|error| error.to_string())?;
        let mut written = match what {
            Sent::Bytes(bytes) => {
                let mut records = RecordsBuilder::new();
                records.push(None, Some(bytes), &Headers::new(), 0);
                vec![(0, records.finish())]
            }
            Sent::Row(row) => {
                let batch = batch_of(row, &read.columns)?;
                let (key, schema) = (read.key.clone(), read.schema.as_deref());
                let writer = AvroWriter::new(self.schemas.as_ref(), &read.topic, &read.columns, key, schema);
                let writer = writer.map_err(|error| error.to_string())?;
                writer.write(&batch, read.partitions).map_err(|error| error.to_string())?
            }
        };
        let mut transaction = self.log.begin();
        for (partition, mut records) in written.drain(..) {
            records.arrivals = Int64Array::from_value(arrival, records.len());
            let topic = Arc::clone(&read.topic);
            transaction.append(Written { topic, partition, records }).map_err(|error| error.to_string())?;
        }
        transaction.commit().map(|_| ()).map_err(|error| error.to_string())
    }

    /// The log of one life.
    fn dying(&self, death: Option<Death>, full: bool) -> Arc<DyingLog> {
        let hook =
            Dying { death, full, commits: AtomicUsize::new(0), dead: AtomicBool::new(false), stop: StopSignal::new() };
        Arc::new(DyingLog { log: Arc::clone(&self.log), hook })
    }

    /// Sends all open dead letters back, with a death or without.
    pub(crate) fn send_back(&self, death: Option<Death>) -> Ended {
        let log = self.dying(death, false);
        let letters = runtime::dead_letters(self.log.as_ref(), &self.topology.name).expect("the log works");
        let open = letters.into_values().filter(|(_, mark)| mark.is_none());
        let open: Vec<_> = open.map(|(letter, _)| letter).collect();
        let sent = runtime::send_back(log.as_ref(), &SystemTopics::default(), &open, RetryAction::Replay);
        assert!(death.is_some() || sent.is_ok(), "{sent:?}");
        if log.hook.dead.load(Ordering::SeqCst) { Ended::Died } else { Ended::Done }
    }

    /// One life of the process.
    pub(crate) fn live(&mut self, life: Life) -> Ended {
        let death = if let Life::Killed(death) = life { Some(death) } else { None };
        let log = self.dying(death, life == Life::FullDisk);
        let points =
            Arc::new(Points { death, taken: AtomicUsize::new(0), of_kind: AtomicUsize::new(0), log: Arc::clone(&log) });
        let (stop, holds) = (log.hook.stop.clone(), Arc::new(Holds::default()));
        let parts = self.parts(Arc::clone(&log), points, Arc::clone(&holds));
        let end = thread::scope(|scope| {
            let run = scope.spawn(|| runtime::run(parts).expect("the log can be read"));
            while life == Life::FullDisk && log.hook.commits.load(Ordering::SeqCst) == 0 && !run.is_finished() {
                thread::park_timeout(Duration::from_millis(1));
            }
            if life == Life::FullDisk {
                stop.stop();
            }
            run.join().expect("no panic")
        });
        self.held = holds.list().into_iter().map(|held| (held.flow, held.code)).collect();
        if log.hook.dead.load(Ordering::SeqCst) {
            return Ended::Died;
        }
        let faults: Vec<_> = end.failed.iter().filter(|(_, end)| !matches!(end, TaskEnd::Held)).collect();
        assert!(faults.is_empty(), "{faults:?}");
        if life == Life::FullDisk || !end.failed.is_empty() { Ended::Waiting } else { Ended::Done }
    }

    fn parts(&self, log: Arc<DyingLog>, points: Arc<Points>, holds: Arc<Holds>) -> RunParts {
        let clock = Arc::clone(&self.clock);
        RunParts {
            flows: self.topology.flows.iter().map(|flow| self.flow(flow)).collect(),
            sources: self.sources(),
            stop: log.hook.stop.clone(),
            log,
            raw: Arc::new(FolderStore::open(&self.folder.path().join("raw")).expect("a raw store")),
            system: SystemTopics::default(),
            once: true,
            slots: 1,
            memory: WorkingMemory::new(Arc::new(MemoryScratch)),
            board: Arc::new(Board::default()),
            holds,
            snapshots: Some(SnapshotSettings { folder: self.snapshots(), every: 1 }),
            faults: points,
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
        }
    }

    fn sources(&self) -> Vec<SourceParts> {
        let documents = self.topology.flows.iter().filter_map(|flow| match &flow.from {
            plan::From::Documents(documents) => Some((flow, &**documents)),
            plan::From::Topic(_) => None,
        });
        let source = |(flow, documents): (&plan::Flow, &plan::Documents)| SourceParts {
            flow: format!("{}/{}", self.topology.name, flow.name),
            source: Box::new(Publisher { patterns: documents.file_names.clone(), offers: self.offers.clone() }),
            every: Duration::from_secs(3600),
        };
        documents.map(source).collect()
    }

    fn snapshots(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }

    fn flow(&self, flow: &plan::Flow) -> FlowParts {
        let input = match &flow.from {
            plan::From::Documents(documents) => FlowInput::Documents(DocumentInputParts {
                partitions: self.partitions,
                reader: Arc::new(assemble::document_reader(flow, documents).expect("what `check` accepts")),
                identify: Arc::new(|_, _| None),
                range_rows: RANGE_ROWS,
            }),
            plan::From::Topic(read) => {
                let (schemas, columns) = (Arc::clone(&self.schemas), read.columns.clone());
                FlowInput::Topic {
                    topic: Arc::clone(&read.topic),
                    partitions: read.partitions,
                    of_others: false,
                    reader: Box::new(move || Ok(Box::new(AvroReader::new(Arc::clone(&schemas), &columns)))),
                }
            }
        };
        let of = flow.clone();
        FlowParts {
            topology: Arc::clone(&self.topology.name),
            called: Arc::clone(&flow.name),
            flow: Arc::clone(flow.recorded_as()),
            revision: Arc::clone(&self.topology.revision),
            input,
            chain: Box::new(move || assemble::chain(&of)),
            outputs: flow.outputs.iter().map(|(name, topic)| (Arc::clone(name), self.output(topic))).collect(),
            destination: match &flow.to {
                plan::To::Topic(topic) => Destination::Topic(self.output(topic)),
                plan::To::Table(write) => Destination::Table(TableOutput {
                    was: None,
                    kept: Box::default(),
                    earlier_flows: Vec::new(),
                    landing: Arc::clone(&self.tables[&write.table.name]) as _,
                    table: write.table.clone(),
                    batch_rows: write.batch_rows,
                    batch_age: write.batch_age,
                }),
            },
            bad_rows_above: flow.bad_rows_above,
            beside: Vec::new(),
            rebuilds: None,
        }
    }

    fn output(&self, topic: &plan::TopicWrite) -> TopicOutput {
        let plan::TopicWrite { topic: name, columns, key, schema, partitions } = topic;
        let writer = AvroWriter::new(self.schemas.as_ref(), name, columns, key.clone(), schema.as_deref());
        let writer = writer.expect("a schema that `check` accepts");
        TopicOutput { topic: Arc::clone(name), partitions: *partitions, writer: Arc::new(writer) }
    }

    /// The rows of a topic, a text each, in order of partitions and offsets.
    pub(crate) fn rows_of(&self, topic: &plan::TopicWrite) -> Vec<String> {
        let mut rows = Vec::new();
        let Some(state) = self.log.topic(&topic.topic).expect("the log works") else { return rows };
        let mut reader = AvroReader::new(Arc::clone(&self.schemas), &topic.columns);
        for partition in 0..topic.partitions {
            let input = Input { topic: Arc::clone(&topic.topic), identity: state.identity, partition };
            for records in self.log.read(&topic.topic, partition, 0, usize::MAX).expect("the log works") {
                let read = reader.read(&records, &Arc::new(input.clone())).expect("our own records");
                assert!(read.bad.is_empty(), "what we wrote we can read");
                let columns = read.batch.columns();
                rows.extend((0..columns.num_rows()).map(|row| text_of(columns, row)));
            }
        }
        rows
    }
}

/// Offers documents, each at an address of its own.
struct Publisher {
    patterns: Vec<Pattern>,
    offers: BTreeMap<String, String>,
}

impl Source for Publisher {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        for (name, text) in &self.offers {
            let Some(fields) = self.patterns.iter().find_map(|pattern| pattern.matches(name)) else { continue };
            let (url, content) = (format!("/{name}"), &mut text.as_bytes());
            discovery.found(Found { name: name.clone(), url, fields, validators: None, instead_of: None, content })?;
        }
        Ok(())
    }

    fn describe(&self) -> Arc<str> {
        "a publisher of a scenario".into()
    }
}

/// The topology of these files, with as many partitions as the scenario says.
fn topology_of(files: &MemoryFiles, partitions: i32) -> Result<Topology, String> {
    let mut loaded = load(&["r".into()], files);
    if let Some(finding) = loaded.findings.first() {
        return Err(finding.text(false));
    }
    let mut topology = loaded.topologies.pop().ok_or("no topology")?;
    for flow in &mut topology.flows {
        if let plan::From::Topic(read) = &mut flow.from {
            read.partitions = partitions;
        }
        if let plan::To::Topic(write) = &mut flow.to {
            write.partitions = partitions;
        }
        flow.outputs.values_mut().for_each(|write| write.partitions = partitions);
    }
    Ok(topology)
}

/// `name=value name=value`.
fn text_of(columns: &RecordBatch, row: usize) -> String {
    let fields = columns.schema();
    let cells = fields.fields().iter().zip(columns.columns()).map(|(field, column)| {
        let null = column.is_null(row).then(|| "null".to_owned());
        let text = || arrow::util::display::array_value_to_string(column, row).expect("it can be shown");
        format!("{}={}", field.name(), null.unwrap_or_else(text))
    });
    cells.collect::<Vec<_>>().join(" ")
}

/// A row from what a scenario writes; a column that it does not name is null.
fn batch_of(row: &Map<String, Value>, columns: &plan::Columns) -> Result<Batch, String> {
    if let Some(unknown) = row.keys().find(|name| !columns.contains_key(name.as_str())) {
        return Err(format!("no column `{unknown}`"));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let mut arrays: Vec<(&str, ArrayRef, bool)> = Vec::new();
    for (name, column) in columns {
        let text = match row.get(&**name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        let text = StringArray::from(vec![text]);
        let array = cast_with_options(&text, &column.of.arrow(), &options).map_err(|error| error.to_string())?;
        arrays.push((name, array, true));
    }
    let columns = RecordBatch::try_from_iter_with_nullable(arrays).map_err(|error| error.to_string())?;
    let origins = Origins {
        input: Arc::new(Input { topic: "a scenario".into(), identity: TopicIdentity(0), partition: 0 }),
        offsets: vec![0].into(),
        rows: vec![0].into(),
        arrivals: vec![0].into(),
        place: Place::Nowhere,
        raw: BinaryViewArray::from_iter_values([b""]),
    };
    Batch::new(columns, origins, None).map_err(|error| error.to_string())
}
