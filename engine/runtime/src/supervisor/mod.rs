//! Starts a crew for each flow of a run, and joins them all.

mod crew;
mod idle;
mod paused;
mod rebuilding;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use connect::{Originals, RawStore};
use log::{Log, LogError, TopicSettings};
use operators::WorkingMemory;

use self::crew::Crew;
use crate::board::Board;
use crate::codes;
use crate::completion::Completion;
use crate::end::TaskEnd;
use crate::faults::Faults;
use crate::flow::{Destination, FlowInput, FlowParts, SourceParts};
use crate::hold::Holds;
use crate::names;
use crate::pauses::Pauses;
use crate::slots::Slots;
use crate::snapshots::SnapshotSettings;
use crate::stop::StopSignal;
use crate::system::SystemTopics;
use crate::task::Shared;

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
    for parts in &flows {
        topics_of(parts, log.as_ref())?;
    }
    let pauses = Arc::new(Pauses::read(log.as_ref())?);
    let following = {
        let (pauses, log, stop) = (Arc::clone(&pauses), Arc::clone(&log), stop.child());
        Following {
            stop: stop.clone(),
            thread: Some(spawn("pauses".to_owned(), move || pauses.follow(log.as_ref(), &stop))),
        }
    };
    let completion =
        Arc::new(Completion::new(once, producers(&flows, &system), flows.iter().map(|parts| parts.name())));
    let shared = Arc::new(Shared {
        log,
        raw: Arc::new(Originals::new(raw)),
        snapshots,
        faults,
        stop: stop.clone(),
        board,
        completion,
        slots: Arc::new(Slots::new(slots)),
        memory,
        system,
        beside: Arc::default(),
        pauses,
        clock,
    });
    let mut sources: BTreeMap<String, SourceParts> =
        sources.into_iter().map(|source| (source.flow.clone(), source)).collect();
    let mut threads = Vec::new();
    for parts in &flows {
        if !once && parts.rebuilds.is_some() {
            let (parts, shared, stop, holds) =
                (Arc::clone(parts), Arc::clone(&shared), stop.child(), Arc::clone(&holds));
            let watch = move || {
                rebuilding::watch(&parts, &shared, &holds, &stop);
                Vec::new()
            };
            threads.push((String::new(), spawn("rebuild".to_owned(), watch)));
        }
    }
    for parts in flows {
        let (name, source) = (parts.name(), sources.remove(&parts.name()));
        let mut shared = Arc::clone(&shared);
        if parts.rebuilds.is_some() {
            // One document at a time, and none of the slots of the others.
            shared = Arc::new(Shared { slots: Arc::new(Slots::new(1)), ..(*shared).clone() });
        }
        let crew = Crew::new(shared, parts, source, Arc::clone(&holds), once);
        threads.push((name.clone(), spawn(name, move || crew.run())));
    }
    let ended = join(threads, &stop);
    drop(following);
    Ok(ended)
}

/// The thread that follows what people say, until dropped.
struct Following {
    stop: StopSignal,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say that concerns the run.
            let _ = thread.join();
        }
    }
}

#[expect(clippy::expect_used, reason = "a process that cannot start a thread cannot run")]
fn spawn<Answer: Send + 'static>(name: String, work: impl FnOnce() -> Answer + Send + 'static) -> JoinHandle<Answer> {
    thread::Builder::new().name(name).spawn(work).expect("the system starts a thread")
}

/// Waits for all crews. The first bad end stops the others, except a hold, which concerns its own flow only.
fn join(mut threads: Vec<(String, JoinHandle<Vec<TaskEnd>>)>, stop: &StopSignal) -> RunEnd {
    let mut failed = Vec::new();
    while !threads.is_empty() {
        let (ended, running): (Vec<_>, Vec<_>) = threads.into_iter().partition(|(_, thread)| thread.is_finished());
        threads = running;
        for (name, thread) in ended {
            let ends = thread.join().unwrap_or_else(|_| vec![TaskEnd::Fault("a thread of the engine panicked".into())]);
            for end in ends {
                if !matches!(end, TaskEnd::Held) {
                    tracing::error!(flow = name, reason = %end, "task failed");
                    stop.stop();
                }
                failed.push((name.clone(), end));
            }
        }
        if !threads.is_empty() {
            thread::park_timeout(Duration::from_millis(20));
        }
    }
    RunEnd { failed }
}

/// Makes the topics of these flows where they are missing.
///
/// # Errors
/// If the log fails, or holds a topic with another number of partitions.
pub fn make_topics(flows: &[FlowParts], log: &dyn Log) -> Result<(), LogError> {
    flows.iter().try_for_each(|parts| topics_of(parts, log))
}

/// A topic that others make and fill, and that is not as a flow reads it.
#[derive(Debug, thiserror::Error)]
pub enum OutsideTopic {
    /// It is not there.
    #[error("[{code}] there is no topic `{topic}`, which {flow} reads and others are to make and fill", code = codes::NO_TOPIC)]
    Missing {
        /// Its name.
        topic: Arc<str>,
        /// `topology/flow`.
        flow: String,
    },
    /// It has another number of partitions.
    #[error(
        "[{code}] the topic `{topic}` has {}, and {flow} is declared to read {wanted}",
        batch::counted(u64::from(found.unsigned_abs()), "partition"), code = codes::NO_TOPIC
    )]
    Partitions {
        /// Its name.
        topic: Arc<str>,
        /// `topology/flow`.
        flow: String,
        /// Number there is.
        found: i32,
        /// Number in the topology.
        wanted: i32,
    },
    /// The log cannot be asked.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Looks whether the topics that others make are there, as the flows read them. They are never made here: an empty one
/// with the wrong settings would be found by those who are to fill it.
///
/// # Errors
/// Of the first that is not.
pub fn look_for_topics(flows: &[FlowParts], log: &dyn Log) -> Result<(), OutsideTopic> {
    for parts in flows {
        let FlowInput::Topic { topic, partitions, of_others: true, .. } = &parts.input else { continue };
        let (topic, flow, wanted) = (Arc::clone(topic), parts.name(), *partitions);
        match log.topic(&topic)?.map(|state| state.partitions) {
            None => return Err(OutsideTopic::Missing { topic, flow }),
            Some(found) if found != wanted => return Err(OutsideTopic::Partitions { topic, flow, found, wanted }),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Makes the topics of a flow.
fn topics_of(parts: &FlowParts, log: &dyn Log) -> Result<(), LogError> {
    let FlowParts { topology, flow, .. } = parts;
    let ensure = |name: &Arc<str>, partitions| log.ensure_topic(&TopicSettings { name: Arc::clone(name), partitions });
    let (topic, partitions) = match &parts.input {
        FlowInput::Documents(input) => (names::documents(topology, flow), input.partitions),
        FlowInput::Topic { topic, partitions, .. } => (Arc::clone(topic), *partitions),
    };
    if !matches!(&parts.input, FlowInput::Topic { of_others: true, .. }) {
        ensure(&topic, partitions)?;
    }
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
    Ok(())
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
