//! Starts the threads of a run, one a source and one a task, and joins them all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use batch::Input;
use connect::{RawStore, Source, SourceError};
use log::{Log, LogError, TopicSettings};
use operators::WorkingMemory;

use crate::board::Board;
use crate::completion::Completion;
use crate::discovery::{DiscoveryParts, FlowDiscovery};
use crate::end::TaskEnd;
use crate::faults::Faults;
use crate::flow::{Destination, FlowInput, FlowParts, SourceParts};
use crate::hold::{Hold, Holder, Holds, TaskHolder};
use crate::ledger::{LedgerEntry, LedgerLine};
use crate::names;
use crate::slots::Slots;
use crate::snapshots::SnapshotSettings;
use crate::stop::{Backoff, StopSignal};
use crate::system::SystemTopics;
use crate::task::{DocumentTask, Shared, TaskContext, TopicTask};

/// What a run is given.
pub struct RunParts {
    /// All flows, the engine's own too.
    pub flows: Vec<FlowParts>,
    /// A source for each flow that reads documents.
    pub sources: Vec<SourceParts>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// The raw store.
    pub raw: Arc<dyn RawStore>,
    /// Receipts and dead letters as topics.
    pub system: SystemTopics,
    /// True to end when all that is there has been done.
    pub once: bool,
    /// Documents in work at once.
    pub slots: usize,
    /// What they may take of memory together.
    pub memory: WorkingMemory,
    /// The signal to stop.
    pub stop: StopSignal,
    /// What people see.
    pub board: Arc<Board>,
    /// Flows that wait for a person.
    pub holds: Arc<Holds>,
    /// Snapshots of stores; without them a start reads changelogs whole.
    pub snapshots: Option<SnapshotSettings>,
    /// Kill points of tests.
    pub faults: Arc<dyn Faults>,
    /// Milliseconds since 1970 UTC.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// How a run ended.
#[derive(Debug)]
pub struct RunEnd {
    /// Ends of tasks that are no good end, with the flow's name.
    pub failed: Vec<(String, TaskEnd)>,
}

/// Runs all flows until they are done or the signal comes.
///
/// # Errors
/// If the topics cannot be made or the memory of earlier runs cannot be read.
pub fn run(parts: RunParts) -> Result<RunEnd, LogError> {
    let RunParts {
        flows,
        sources,
        log,
        raw,
        system,
        once,
        slots,
        memory,
        stop,
        board,
        holds,
        snapshots,
        faults,
        clock,
    } = parts;
    let flows: Vec<Arc<FlowParts>> = flows.into_iter().map(Arc::new).collect();
    let mut inputs = BTreeMap::new();
    for parts in &flows {
        inputs.insert(parts.name(), topics_of(parts, log.as_ref())?);
    }
    let tasks = inputs.iter().map(|(name, inputs)| (name.clone(), inputs.len())).collect();
    let completion = Arc::new(Completion::new(once, producers(&flows, &system), tasks));
    let shared = Arc::new(Shared {
        log,
        raw,
        snapshots,
        faults,
        stop: stop.clone(),
        board,
        completion,
        slots: Arc::new(Slots::new(slots)),
        memory,
        system,
        clock,
    });
    let mut earlier = HashMap::new();
    for parts in &flows {
        earlier.insert(parts.name(), read_ledger(parts, &shared)?);
    }
    let mut threads: Vec<(String, JoinHandle<Result<(), TaskEnd>>)> = Vec::new();
    for SourceParts { flow: name, source, every } in sources {
        let Some(parts) = flows.iter().find(|parts| parts.name() == name) else { continue };
        let refused = earlier.get_mut(&name).map(|earlier| std::mem::take(&mut earlier.refused)).unwrap_or_default();
        let holder = holder(&shared, &holds, &name, -1, once);
        let (shared, parts) = (Arc::clone(&shared), Arc::clone(parts));
        let thread_name = name.clone();
        threads.push((
            name,
            spawn(format!("source {thread_name}"), move || {
                let result = discover(source, every, &parts, &shared, &holder, &refused);
                shared.completion.source_done(&parts.name());
                result
            }),
        ));
    }
    for parts in &flows {
        let name = parts.name();
        for input in inputs.remove(&name).unwrap_or_default() {
            let context = TaskContext {
                shared: Arc::clone(&shared),
                parts: Arc::clone(parts),
                holder: Box::new(holder(&shared, &holds, &name, input.partition, once)),
                group: names::group(&parts.topology, &parts.flow),
                name: name.clone(),
                landed: earlier.get(&name).map_or(0, |earlier| earlier.landed),
                releases: earlier.get(&name).map_or(0, |earlier| earlier.releases),
                retries: Arc::new(retries_of(parts, &input, shared.log.as_ref())?),
                input: Arc::new(input),
            };
            let (shared, task_name) = (Arc::clone(&shared), name.clone());
            threads.push((
                name.clone(),
                spawn(format!("{name} {}", context.input.partition), move || {
                    let result = run_task(context);
                    shared.completion.task_done(&task_name);
                    result
                }),
            ));
        }
    }
    Ok(join(threads, &stop))
}

#[expect(clippy::expect_used, reason = "a process that cannot start a thread cannot run")]
fn spawn(name: String, work: impl FnOnce() -> Result<(), TaskEnd> + Send + 'static) -> JoinHandle<Result<(), TaskEnd>> {
    thread::Builder::new().name(name).spawn(work).expect("the system starts a thread")
}

/// Waits for all threads. The first bad end stops the others, except a hold, which concerns its own flow only.
fn join(mut threads: Vec<(String, JoinHandle<Result<(), TaskEnd>>)>, stop: &StopSignal) -> RunEnd {
    let mut failed = Vec::new();
    while !threads.is_empty() {
        let (ended, running): (Vec<_>, Vec<_>) = threads.into_iter().partition(|(_, thread)| thread.is_finished());
        threads = running;
        for (name, thread) in ended {
            let end = thread.join().unwrap_or_else(|_| Err(TaskEnd::Fault("a thread of the engine panicked".into())));
            match end {
                Ok(()) | Err(TaskEnd::Stopped) => {}
                Err(end) => {
                    if !matches!(end, TaskEnd::Held) {
                        tracing::error!(flow = name, reason = %end, "task failed");
                        stop.stop();
                    }
                    failed.push((name, end));
                }
            }
        }
        if !threads.is_empty() {
            thread::park_timeout(Duration::from_millis(20));
        }
    }
    RunEnd { failed }
}

fn holder(shared: &Shared, holds: &Arc<Holds>, flow: &str, partition: i32, once: bool) -> TaskHolder {
    TaskHolder {
        holds: Arc::clone(holds),
        flow: flow.to_owned(),
        partition,
        stop: shared.stop.clone(),
        once,
        clock: Arc::clone(&shared.clock),
    }
}

fn run_task(context: TaskContext) -> Result<(), TaskEnd> {
    let parts = Arc::clone(&context.parts);
    match &parts.input {
        FlowInput::Documents(input) => DocumentTask::new(context, Arc::clone(&input.reader)).run(),
        FlowInput::Topic { reader, .. } => TopicTask::new(context, reader().map_err(TaskEnd::fault)?).run(),
    }
}

/// Makes the topics of these flows where they are missing.
///
/// # Errors
/// If the log fails, or holds a topic with another number of partitions.
pub fn make_topics(flows: &[FlowParts], log: &dyn Log) -> Result<(), LogError> {
    flows.iter().try_for_each(|parts| topics_of(parts, log).map(|_| ()))
}

/// Makes the topics of a flow; gives the partitions of its input.
fn topics_of(parts: &FlowParts, log: &dyn Log) -> Result<Vec<Input>, LogError> {
    let FlowParts { topology, flow, .. } = parts;
    let ensure = |name: &Arc<str>, partitions| log.ensure_topic(&TopicSettings { name: Arc::clone(name), partitions });
    let (topic, partitions) = match &parts.input {
        FlowInput::Documents(input) => (names::documents(topology, flow), input.partitions),
        FlowInput::Topic { topic, partitions, .. } => (Arc::clone(topic), *partitions),
    };
    let state = ensure(&topic, partitions)?;
    ensure(&names::discovery(topology, flow), 1)?;
    ensure(&names::ledger(topology, flow), partitions)?;
    ensure(&names::retry(topology, flow), partitions)?;
    ensure(&names::dead_letters(topology), 1)?;
    let destination = match &parts.destination {
        Destination::Topic(topic) => Some(topic),
        Destination::Table(_) => None,
    };
    for output in parts.outputs.values().chain(destination) {
        ensure(&output.topic, output.partitions)?;
    }
    let of = |partition| Input { topic: Arc::clone(&topic), identity: state.identity, partition };
    Ok((0..partitions).map(of).collect())
}

/// The partition of a flow's retry topic that belongs to an input partition.
fn retries_of(parts: &FlowParts, input: &Input, log: &dyn Log) -> Result<Input, LogError> {
    let topic = names::retry(&parts.topology, &parts.flow);
    let unknown = || LogError::UnknownPartition { topic: Arc::clone(&topic), partition: input.partition };
    let identity = log.topic(&topic)?.ok_or_else(unknown)?.identity;
    Ok(Input { topic, identity, partition: input.partition })
}

/// Which flows write which topics.
fn producers(flows: &[Arc<FlowParts>], system: &SystemTopics) -> BTreeMap<Arc<str>, BTreeSet<String>> {
    let mut producers: BTreeMap<Arc<str>, BTreeSet<String>> = BTreeMap::new();
    for parts in flows {
        let mut writes: Vec<&Arc<str>> = parts.outputs.values().map(|output| &output.topic).collect();
        if let Destination::Topic(output) = &parts.destination {
            writes.push(&output.topic);
        }
        let reads_system =
            |topic: &Arc<str>| matches!(&parts.input, FlowInput::Topic { topic: read, .. } if read == topic);
        let system = [&system.receipts, &system.dead_letters].into_iter().flatten().map(|output| &output.topic);
        writes.extend(system.clone().filter(|_| !system.clone().any(reads_system)));
        for topic in writes {
            producers.entry(Arc::clone(topic)).or_default().insert(parts.name());
        }
    }
    producers
}

/// What earlier runs left of a flow.
#[derive(Default)]
struct Earlier {
    /// Documents that are refused, with the revision that refused them.
    refused: HashMap<String, String>,
    /// Rows that landed since a person last said where to go on.
    landed: u64,
    /// How often a person said where to go on.
    releases: u64,
}

/// Takes over the ledger of earlier runs.
fn read_ledger(parts: &FlowParts, shared: &Shared) -> Result<Earlier, LogError> {
    let (log, mut earlier) = (shared.log.as_ref(), Earlier::default());
    let partitions = log.topic(&names::ledger(&parts.topology, &parts.flow))?.map_or(0, |state| state.partitions);
    for partition in 0..partitions {
        let (mut landed, mut releases) = (0, 0);
        for line in ledger_lines(log, &parts.topology, &parts.flow, partition)? {
            let entry = match line {
                LedgerLine::Entry(entry) => *entry,
                LedgerLine::Release => {
                    landed = 0;
                    releases += 1;
                    continue;
                }
            };
            landed += entry.counts.landed;
            shared.board.restore(&parts.name(), &entry);
            if let Some(receipt) = entry.receipt {
                if operators::Outcome::of_word(&receipt.outcome).is_some_and(operators::Outcome::refused) {
                    earlier.refused.insert(receipt.document, receipt.revision);
                } else {
                    earlier.refused.remove(&receipt.document);
                }
            }
        }
        earlier.landed += landed;
        earlier.releases = earlier.releases.max(releases);
    }
    Ok(earlier)
}

/// The whole ledger of a flow: partition by partition, in order.
///
/// # Errors
/// If the log cannot be read.
pub fn ledger(log: &dyn Log, topology: &str, flow: &str) -> Result<Vec<LedgerEntry>, LogError> {
    let Some(state) = log.topic(&names::ledger(topology, flow))? else {
        return Ok(Vec::new());
    };
    let mut entries = Vec::new();
    for partition in 0..state.partitions {
        entries.extend(ledger_of(log, topology, flow, partition)?);
    }
    Ok(entries)
}

/// The ledger of one input partition of a flow, in order.
///
/// # Errors
/// If the log cannot be read.
pub fn ledger_of(log: &dyn Log, topology: &str, flow: &str, partition: i32) -> Result<Vec<LedgerEntry>, LogError> {
    let lines = ledger_lines(log, topology, flow, partition)?.into_iter();
    let entry = |line| match line {
        LedgerLine::Entry(entry) => Some(*entry),
        LedgerLine::Release => None,
    };
    Ok(lines.filter_map(entry).collect())
}

fn ledger_lines(log: &dyn Log, topology: &str, flow: &str, partition: i32) -> Result<Vec<LedgerLine>, LogError> {
    let topic = names::ledger(topology, flow);
    let (mut lines, mut offset) = (Vec::new(), 0);
    loop {
        let blocks = log.read(&topic, partition, offset, 8 * 1024 * 1024)?;
        let Some(last) = blocks.last() else { return Ok(lines) };
        offset = last.next_offset();
        let values = blocks.iter().flat_map(batch::Records::iter).filter_map(|record| record.value);
        lines.extend(values.filter_map(LedgerLine::read));
    }
}

/// Longest wait for a publisher of a run that ends by itself. One that wants to be left alone for longer is asked by the
/// next run.
const LONGEST_WAIT_OF_ONCE: Duration = Duration::from_secs(120);

/// Looks at the publisher, once or for ever.
fn discover(
    mut source: Box<dyn Source>,
    every: Duration,
    parts: &FlowParts,
    shared: &Shared,
    holder: &TaskHolder,
    refused: &HashMap<String, String>,
) -> Result<(), TaskEnd> {
    let FlowInput::Documents(input) = &parts.input else {
        return Ok(());
    };
    let mut discovery = FlowDiscovery::open(DiscoveryParts {
        topology: Arc::clone(&parts.topology),
        flow: Arc::clone(&parts.flow),
        revision: Arc::clone(&parts.revision),
        partitions: input.partitions,
        log: Arc::clone(&shared.log),
        raw: Arc::clone(&shared.raw),
        board: Arc::clone(&shared.board),
        system: shared.system.clone(),
        stop: shared.stop.clone(),
        clock: Arc::clone(&shared.clock),
    })?;
    let name = parts.name();
    if let Err(error) = discovery.try_refused_again(refused) {
        tracing::warn!(flow = name, reason = %error, "refused documents could not be tried again");
    }
    let mut backoff = Backoff::new(Duration::from_secs(300), 7);
    let (mut tries, mut wait);
    tries = 0_u32;
    loop {
        match source.round(&mut discovery) {
            Ok(()) => {
                holder.mended();
                shared.board.change(&name, |state| state.source_trouble = None);
                if shared.completion.once() {
                    return Ok(());
                }
                backoff = Backoff::new(Duration::from_secs(300), 7);
                tries = 0;
                wait = every;
            }
            Err(SourceError::Stopping) => return Err(TaskEnd::Stopped),
            Err(SourceError::Transient { what, retry_after }) => {
                tries += 1;
                wait = retry_after.unwrap_or_else(|| backoff.next());
                tracing::warn!(flow = name, wait_ms = wait.as_millis() as u64, reason = what, "source will try again");
                shared.board.change(&name, |state| state.source_trouble = Some(what.clone()));
                // A run that ends by itself cannot wait for a publisher for ever; the trouble is named at its end.
                if shared.completion.once() && (tries >= 5 || wait > LONGEST_WAIT_OF_ONCE) {
                    return Ok(());
                }
            }
            Err(SourceError::Operator { code, what, remedy }) => {
                shared.board.change(&name, |state| state.source_trouble = Some(what.clone()));
                holder.hold(Hold { code, what, remedy })?;
                wait = Duration::ZERO;
            }
        }
        if !shared.stop.wait(wait) {
            return Err(TaskEnd::Stopped);
        }
    }
}
