//! The crew of one flow: joins the flow's group, starts a task for each partition that this process gains, ends those
//! that it is to give up, and starts again those whose log was away.
//!
//! ```text
//!   gained ──▶ working ──ended well──▶ done
//!     │         │  ▲ ▲ │
//!     │         │  │ └─┘ after a rest: the log was away, or the outcome of a commit is unknown
//!     │         │  └────resumed────┐
//!     └─paused─▶├──paused──────▶ paused: stopped, joined, and owned still
//!               └──asked for, or lost──▶ stopped, joined, released
//! ```
//!
//! Invariants: of one partition at most one task works in this process, so that whoever holds a claim is the only one
//! that uses it; a partition is released after its task was joined.
//!
//! The partition of the flow's discovery is shared out like the others: its task is the source. While this process owns no
//! partition of the input, it looks at the destination ([`Look`]); beside others it joins only once that is as planned.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicI64;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use batch::Input;
use connect::Source;
use log::{Change, LogError, Membership, Partition};

use super::idle::Look;
use super::paused::Telling;
use super::spawn;
use crate::earlier::Earlier;
use crate::end::TaskEnd;
use crate::flow::{FlowInput, FlowParts, SourceParts};
use crate::hold::{Holds, OF_IDLE, OF_SOURCE, TaskHolder};
use crate::names;
use crate::stop::{Backoff, StopSignal, until_reached};
use crate::task::{DocumentTask, Shared, TaskContext, TopicTask};
use crate::task_state::TaskState;

/// Longest wait for a change, or for a task that ends, before the other is looked at.
const LOOK_UP: Duration = Duration::from_millis(50);
/// The same where nothing can change but by a task that ends.
const LONG_LOOK_UP: Duration = Duration::from_millis(500);
/// Longest rest of a task whose log was away.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The source of a flow, kept for when its partition comes back.
struct KeptSource {
    source: Arc<Mutex<Box<dyn Source>>>,
    every: Duration,
}

/// What happens to a partition that this process owns.
enum Work {
    /// A task works, or rests before it starts again.
    Working { stop: StopSignal, thread: JoinHandle<()> },
    /// The task came to its end, or waits for the group to say that the partition is lost.
    Over,
    /// The flow is paused.
    Paused,
}

/// A partition and what happens to it.
struct Owned {
    work: Work,
    backoff: Backoff,
    since: i64,
}

impl Owned {
    fn is_paused(&self) -> bool {
        matches!(self.work, Work::Paused)
    }
}

/// The partition of a task, and how that ended.
type Told = (Partition, Result<(), TaskEnd>);

/// See the module's prose.
pub(super) struct Crew {
    shared: Arc<Shared>,
    parts: Arc<FlowParts>,
    holds: Arc<Holds>,
    once: bool,
    source: Option<KeptSource>,
    input: Arc<str>,
    discovery: Arc<str>,
    owned: BTreeMap<Partition, Owned>,
    /// What earlier runs left: read once for all partitions that are gained together.
    earlier: Arc<Earlier>,
    ended: (Sender<Told>, Receiver<Told>),
    /// True once the group has given something for the first time.
    joined: bool,
    /// True once the group has said what this process owns, if nothing.
    assigned: bool,
    /// True while the flow is paused, or stands still because the run has told it so.
    paused: bool,
    /// True while a person has said that it is paused.
    said: bool,
    telling: Option<Telling>,
    /// The look at the destination while this process owns nothing of the input.
    look: Option<Look>,
    failed: Vec<TaskEnd>,
}

impl Crew {
    pub(super) fn new(
        shared: Arc<Shared>,
        parts: Arc<FlowParts>,
        source: Option<SourceParts>,
        holds: Arc<Holds>,
        once: bool,
    ) -> Self {
        let input = match &parts.input {
            FlowInput::Documents(_) => names::documents(&parts.topology, &parts.flow),
            FlowInput::Topic { topic, .. } => Arc::clone(topic),
        };
        let source =
            source.map(|SourceParts { source, every, .. }| KeptSource { source: Arc::new(Mutex::new(source)), every });
        Self {
            discovery: names::discovery(&parts.topology, &parts.flow),
            shared,
            parts,
            holds,
            once,
            source,
            input,
            owned: BTreeMap::new(),
            earlier: Arc::default(),
            ended: channel(),
            joined: false,
            assigned: false,
            paused: false,
            said: false,
            telling: None,
            look: None,
            failed: Vec::new(),
        }
    }

    /// Works until the run stops, or until nothing can come any more. Gives the ends that are no good ones.
    pub(super) fn run(mut self) -> Vec<TaskEnd> {
        if let Err(end) = self.work() {
            self.note(end);
        }
        self.stop_all();
        if !self.joined {
            self.shared.completion.task_done(&self.parts.name());
        }
        self.failed
    }

    fn work(&mut self) -> Result<(), TaskEnd> {
        let revision = self.parts.revision.to_string();
        self.shared.board.change(&self.parts.name(), |state| state.revision = revision);
        let (group, name) = (names::group(&self.parts.topology, &self.parts.flow), self.parts.name());
        let mut topics = vec![Arc::clone(&self.input)];
        topics.extend(self.source.is_some().then(|| Arc::clone(&self.discovery)));
        let log = Arc::clone(&self.shared.log);
        let mut membership: Option<Box<dyn Membership>> = None;
        while self.failed.iter().all(|end| matches!(end, TaskEnd::Held)) && !self.finished() {
            self.obey()?;
            match &mut membership {
                Some(membership) => self.listen(membership.as_mut())?,
                None if self.may_join() => {
                    membership = Some(until_reached(&name, &self.shared.stop, &self.shared.board, || {
                        log.join(&group, &topics)
                    })?);
                }
                None => {
                    self.look_while_idle();
                    // Whether it is to end is asked above.
                    let _ = self.shared.stop.wait(LOOK_UP);
                }
            }
        }
        // Before the membership is dropped, which gives up what is owned.
        self.stop_all();
        Ok(())
    }

    /// Pauses, or goes on, as people have said.
    fn obey(&mut self) -> Result<(), TaskEnd> {
        let recorded = self.parts.recorded_as();
        let said = self.shared.pauses.paused(&recorded);
        let paused = said || self.shared.pauses.halted(&recorded);
        let name = self.parts.name();
        if std::mem::replace(&mut self.said, said) != said && self.paused == paused {
            // It stands still as it did; people see only what people have said.
            self.shared.board.change(&name, |state| state.paused = said);
        }
        if std::mem::replace(&mut self.paused, paused) == paused {
            return Ok(());
        }
        let all: Vec<Partition> = self.owned.keys().cloned().collect();
        if paused {
            self.end_look();
            self.tell_to_stop(&all);
            for partition in &all {
                self.halt(partition);
            }
            // Only now: who has asked for it is told that it is so.
            self.shared.board.change(&name, |state| state.paused = said);
            self.shared.pauses.stand(&recorded, true);
            tracing::info!(flow = name, "flow paused");
        } else {
            self.shared.pauses.stand(&recorded, false);
            self.shared.board.change(&name, |state| state.paused = false);
            tracing::info!(flow = name, "flow resumed");
            self.end_telling();
            self.earlier = Arc::new(self.earlier.again());
            let waiting = all.into_iter().filter(|one| self.owned.get(one).is_some_and(Owned::is_paused));
            for partition in waiting.collect::<Vec<_>>() {
                self.start(partition, Duration::ZERO);
            }
        }
        // Nobody waits for a person in a run that ends by itself.
        if paused && self.once { Err(TaskEnd::Held) } else { Ok(()) }
    }

    /// True once nothing is left to do.
    fn finished(&self) -> bool {
        let over = self.owned.values().all(|owned| !matches!(owned.work, Work::Working { .. }));
        over && (self.shared.stop.stopping() || (self.once && self.joined))
    }

    /// Waits for a while for a change, or for a task that ends.
    fn listen(&mut self, membership: &mut dyn Membership) -> Result<(), TaskEnd> {
        let stopping = self.shared.stop.stopping();
        let change = membership.next(if stopping { Duration::ZERO } else { LOOK_UP })?;
        if !self.assigned && membership.assigned() {
            self.assigned = true;
            self.shared.board.change(&self.parts.name(), |state| state.assigned = true);
        }
        match change {
            None => {}
            Some(Change::Gained(partitions)) => self.gained(partitions),
            Some(Change::Asked(partitions) | Change::Lost(partitions)) => {
                self.give_up(&partitions);
                membership.released(&partitions)?;
            }
        }
        self.look_while_idle();
        // A group that can change is listened to; one that cannot leaves the time for this.
        let wait = match membership.fixed() {
            true => LONG_LOOK_UP,
            false if stopping => LOOK_UP,
            false => Duration::ZERO,
        };
        if let Ok((partition, end)) = self.ended.1.recv_timeout(wait) {
            self.task_ended(&partition, end);
        }
        Ok(())
    }

    /// Who cannot land takes no partition from another process that can. One that is paused, or ends by itself, waits for
    /// nobody.
    fn may_join(&self) -> bool {
        !self.shared.log.has_members() || self.once || self.paused || self.prepared()
    }

    /// True once this process has found the destination as planned.
    fn prepared(&self) -> bool {
        self.shared.board.look(|flows| flows.get(&self.parts.name()).is_some_and(|state| state.prepared))
    }

    /// Looks at the destination while this process owns nothing of the input and has not seen it. Nobody waits for that in
    /// a run that ends by itself.
    fn look_while_idle(&mut self) {
        let owns = self.owned.keys().any(|partition| partition.topic == self.input);
        if self.look.is_some() || owns || self.paused || self.once || self.shared.stop.stopping() || self.prepared() {
            return;
        }
        let holder = |stop| TaskHolder { stop, ..self.holder(&self.shared, OF_IDLE) };
        self.look = Some(Look::begin(Arc::clone(&self.parts), &self.shared, holder));
    }

    fn end_telling(&mut self) {
        if let Some(telling) = self.telling.take() {
            telling.end();
        }
    }

    fn end_look(&mut self) {
        if let Some(look) = self.look.take() {
            look.end();
            self.holds.forget(&self.parts.name(), OF_IDLE);
        }
    }

    fn gained(&mut self, partitions: Vec<Partition>) {
        let name = self.parts.name();
        if partitions.iter().any(|one| one.topic == self.input) {
            // Its tasks look.
            self.end_look();
        }
        self.earlier = Arc::new(self.earlier.again());
        self.shared.completion.tasks_start(&name, partitions.iter().filter(|one| one.topic == self.input).count());
        tracing::info!(flow = name, partitions = partitions.len(), "partitions gained");
        let finds = partitions.iter().any(|one| one.topic == self.discovery);
        let since = (self.shared.clock)();
        self.shared.board.change(&name, |state| {
            for partition in partitions.iter().filter(|one| one.topic == self.input) {
                state.tasks.insert(partition.number, TaskState { since, ..TaskState::default() });
            }
            if finds {
                state.looks_since = Some(since);
            }
        });
        if self.paused && self.telling.is_none() {
            self.telling = Some(Telling::begin(&self.parts, &self.shared, &self.earlier));
        }
        for partition in partitions {
            if self.paused {
                let owned = Owned { work: Work::Paused, backoff: Backoff::new(LONGEST_REST, 1), since: 0 };
                self.owned.insert(partition, owned);
            } else {
                self.start(partition, Duration::ZERO);
            }
        }
        if !std::mem::replace(&mut self.joined, true) {
            self.shared.completion.task_done(&name);
            if self.source.is_some() && !finds {
                // Another process looks at the publisher.
                self.shared.board.change(&name, |state| state.looked = true);
                self.shared.completion.source_done(&name);
            }
        }
    }

    /// Starts what works a partition, after a rest.
    fn start(&mut self, partition: Partition, rest: Duration) {
        let now = (self.shared.clock)();
        let seed = u64::try_from(partition.number).unwrap_or(0) + 1;
        let backoff = match self.owned.remove(&partition) {
            // What has worked for long is not held against it.
            Some(owned) if now - owned.since < 60_000 => owned.backoff,
            _ => Backoff::new(LONGEST_REST, seed),
        };
        let stop = self.shared.stop.child();
        let shared = Arc::new(Shared { stop: stop.clone(), ..(*self.shared).clone() });
        let work = match &self.source {
            Some(kept) if partition.topic == self.discovery => self.look_for_documents(shared, kept),
            _ => self.task(shared, partition.number),
        };
        let (tell, whose, resting) = (self.ended.0.clone(), partition.clone(), stop.clone());
        let name = match partition.topic == self.discovery {
            true => format!("source {}", self.parts.name()),
            false => format!("{} {}", self.parts.name(), partition.number),
        };
        let number = if partition.topic == self.discovery { OF_SOURCE } else { partition.number };
        // What is told on this thread is told of this task. Not filtered with what it tells, so of the highest level.
        let span = tracing::error_span!("task", flow = self.parts.name(), partition = number);
        let beside = self.parts.rebuilds.is_some();
        let thread = spawn(name, move || {
            let _told = span.enter();
            if beside {
                super::rebuilding::yield_to_others();
            }
            let end = catch_unwind(AssertUnwindSafe(|| match resting.wait(rest) {
                true => work(),
                false => Err(TaskEnd::Stopped),
            }));
            let end = end.unwrap_or_else(|_| Err(TaskEnd::Fault("a thread of the engine panicked".into())));
            // The crew outlives its tasks.
            let _ = tell.send((whose, end));
        });
        self.owned.insert(partition, Owned { work: Work::Working { stop, thread }, backoff, since: now });
    }

    /// What a source does.
    fn look_for_documents(
        &self,
        shared: Arc<Shared>,
        kept: &KeptSource,
    ) -> Box<dyn FnOnce() -> Result<(), TaskEnd> + Send> {
        let (source, every) = (Arc::clone(&kept.source), kept.every);
        let (parts, earlier, topic) = (Arc::clone(&self.parts), Arc::clone(&self.earlier), Arc::clone(&self.discovery));
        let holder = self.holder(&shared, OF_SOURCE);
        Box::new(move || {
            shared.log.await_settled(&topic, 0)?;
            let refused = earlier.refused_by_others(&parts, &shared)?;
            let landed = earlier.documents(&parts, &shared)?;
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            super::source::discover((source.as_mut(), every), &parts, &shared, &holder, &refused, landed)
        })
    }

    /// What the task of a partition of the input does.
    fn task(&self, shared: Arc<Shared>, partition: i32) -> Box<dyn FnOnce() -> Result<(), TaskEnd> + Send> {
        let (parts, earlier, topic) = (Arc::clone(&self.parts), Arc::clone(&self.earlier), Arc::clone(&self.input));
        let holder = Box::new(self.holder(&shared, partition));
        Box::new(move || {
            let retry = names::retry(&parts.topology, &parts.flow);
            for (topic, partition) in [
                (&retry, partition),
                (&names::ledger(&parts.topology, &parts.flow), partition),
                (&names::dead_letters(&parts.topology), 0),
            ] {
                shared.log.await_settled(topic, partition)?;
            }
            let (landed, releases) = earlier.landed(&parts, &shared)?;
            let ledger = names::ledger(&parts.topology, &parts.flow);
            let ledger_records = shared.log.end(&ledger, partition)? - shared.log.first(&ledger, partition)?;
            let context = TaskContext {
                holder,
                group: names::group(&parts.topology, &parts.flow),
                name: parts.name(),
                landed,
                releases,
                read_before: earlier.read_before(&parts, &shared, partition)?,
                retries: Arc::new(input_of(&shared, &retry, partition)?),
                input: Arc::new(input_of(&shared, &topic, partition)?),
                parts: Arc::clone(&parts),
                stores: Mutex::default(),
                ledger_records: AtomicI64::new(ledger_records),
                shared,
            };
            match &parts.input {
                FlowInput::Documents(input) => DocumentTask::new(context, Arc::clone(&input.reader)).run(),
                FlowInput::Topic { reader, .. } => TopicTask::new(context, reader().map_err(TaskEnd::fault)?).run(),
            }
        })
    }

    fn holder(&self, shared: &Shared, partition: i32) -> TaskHolder {
        TaskHolder {
            holds: Arc::clone(&self.holds),
            flow: self.parts.name(),
            partition,
            stop: shared.stop.clone(),
            once: self.once,
            clock: Arc::clone(&shared.clock),
        }
    }

    /// Notes how the task of a partition ended, and what is to happen to the partition.
    fn task_ended(&mut self, partition: &Partition, end: Result<(), TaskEnd>) {
        let stopping = self.shared.stop.stopping();
        let Some(owned) = self.owned.get_mut(partition) else { return };
        if let Work::Working { thread, .. } = std::mem::replace(&mut owned.work, Work::Over) {
            // It has told its end, and does nothing more.
            let _ = thread.join();
        }
        let passes =
            |end: &TaskEnd| matches!(end, TaskEnd::Stopped | TaskEnd::Log(LogError::Away(_) | LogError::Unknown(_)));
        if self.paused && !stopping && end.as_ref().is_err_and(passes) {
            owned.work = Work::Paused;
            return;
        }
        match end {
            Err(TaskEnd::Log(error @ (LogError::Away(_) | LogError::Unknown(_)))) if !stopping => {
                let rest = owned.backoff.next();
                self.shared.board.change(&self.parts.name(), |state| state.restarts += 1);
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(
                    flow = self.parts.name(),
                    partition = partition.number,
                    wait_ms = rest.as_millis() as u64,
                    reason = cause,
                    "{error}: the task starts again"
                );
                self.earlier = Arc::new(self.earlier.again());
                self.start(partition.clone(), rest);
                return;
            }
            Err(TaskEnd::Log(LogError::NotOwned { .. })) => {
                // The group has said so or will, and then this is given up.
                tracing::info!(flow = self.parts.name(), partition = partition.number, "another process has it now");
            }
            Ok(()) | Err(TaskEnd::Stopped) => {}
            Err(end) => self.note(end),
        }
        self.is_over(partition);
    }

    /// Tells those who wait for it that nothing comes any more from a partition of this process.
    fn is_over(&self, partition: &Partition) {
        let name = self.parts.name();
        if partition.topic == self.input {
            self.shared.completion.task_done(&name);
        } else {
            self.shared.completion.source_done(&name);
        }
    }

    /// Ends the work on partitions, and forgets them.
    fn give_up(&mut self, partitions: &[Partition]) {
        self.tell_to_stop(partitions);
        for partition in partitions {
            self.end(partition);
            self.owned.remove(partition);
            let input = partition.topic == self.input;
            self.shared.board.change(&self.parts.name(), |state| match input {
                true => {
                    state.waiting.remove(&partition.number);
                    state.working.remove(&partition.number);
                    state.tasks.remove(&partition.number);
                }
                false => (state.looks_since, state.looks_again) = (None, None),
            });
            self.forget_hold(partition);
        }
    }

    /// Stops the work on partitions, without waiting for its end.
    fn tell_to_stop(&self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(Owned { work: Work::Working { stop, .. }, .. }) = self.owned.get(partition) {
                stop.stop();
            }
        }
    }

    /// Forgets that a partition was on hold.
    fn forget_hold(&self, partition: &Partition) {
        let holder_of = if partition.topic == self.input { partition.number } else { OF_SOURCE };
        self.holds.forget(&self.parts.name(), holder_of);
    }

    /// Ends the work on a partition that stays this process's: it begins again where it stood when the pause is over.
    fn halt(&mut self, partition: &Partition) {
        let Some(owned) = self.owned.get_mut(partition) else { return };
        match std::mem::replace(&mut owned.work, Work::Paused) {
            // What has come to its end stays there.
            Work::Over => owned.work = Work::Over,
            Work::Paused => {}
            Work::Working { stop, thread } => {
                stop.stop();
                // It tells its end; a panic too.
                let _ = thread.join();
                self.forget_hold(partition);
                self.shared.board.change(&self.parts.name(), |state| drop(state.working.remove(&partition.number)));
                self.hear(partition);
            }
        }
    }

    /// Takes in what tasks told at their end, of which that of `partition` is of no interest but for what is wrong with the
    /// program.
    fn hear(&mut self, partition: &Partition) {
        let told: Vec<_> = self.ended.1.try_iter().collect();
        for (whose, end) in told {
            if whose != *partition {
                self.task_ended(&whose, end);
            } else if let Err(end @ (TaskEnd::Fault(_) | TaskEnd::Killed | TaskEnd::Fenced)) = end {
                self.note(end);
            }
        }
    }

    /// Ends the work on one partition.
    fn end(&mut self, partition: &Partition) {
        let Some(owned) = self.owned.get_mut(partition) else { return };
        match std::mem::replace(&mut owned.work, Work::Over) {
            Work::Over => return,
            Work::Paused => {}
            Work::Working { stop, thread } => {
                stop.stop();
                // It tells its end; a panic too.
                let _ = thread.join();
            }
        }
        self.is_over(partition);
        self.hear(partition);
    }

    fn stop_all(&mut self) {
        self.end_telling();
        self.end_look();
        let all: Vec<Partition> = self.owned.keys().cloned().collect();
        self.tell_to_stop(&all);
        all.iter().for_each(|partition| self.end(partition));
    }

    fn note(&mut self, end: TaskEnd) {
        if !matches!(end, TaskEnd::Stopped) {
            self.failed.push(end);
        }
    }
}

/// A partition of a topic, with its identity.
fn input_of(shared: &Shared, topic: &Arc<str>, partition: i32) -> Result<Input, LogError> {
    let unknown = || LogError::UnknownPartition { topic: Arc::clone(topic), partition };
    let identity = shared.log.topic(topic)?.ok_or_else(unknown)?.identity;
    Ok(Input { topic: Arc::clone(topic), identity, partition })
}
