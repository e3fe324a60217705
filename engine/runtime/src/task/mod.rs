//! Tasks: one flow on one partition of its input. One thread, one order, one commit point between batches.

mod again;
mod ahead;
mod beside;
mod close;
mod cutting;
mod document;
mod emptied;
mod input;
mod taking;
mod topic;
mod unsettled;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

use batch::Input;
use connect::{Originals, RowPosition};
use log::{Log, LogError, Transaction};
use operators::WorkingMemory;

use beside::Beside;
pub(crate) use cutting::Only;
pub use document::DocumentTask;
pub(crate) use document::{bytes_of, document_input};
pub use topic::TopicTask;

use crate::board::Board;
use crate::changelogs::ChangelogMark;
use crate::completion::Completion;
use crate::dead_letter::DeadLetterOf;
use crate::end::TaskEnd;
use crate::faults::Faults;
use crate::flow::{Destination, FlowParts};
use crate::hold::{Hold, Holder};
use crate::landing::{Landed, Lander, Range, Withdrawal, landed_otherwise, provenance_of};
use crate::metadata::{OpenRange, Progress};
use crate::pauses::Pauses;
use crate::slots::Slots;
use crate::snapshots::SnapshotSettings;
use crate::stop::StopSignal;
use crate::system::SystemTopics;
use crate::task_state::TaskState;

/// Where an input begins that was never cut.
const BEGINNING: RowPosition = RowPosition { offset: 0, row: 0 };

/// What all tasks of a run share.
#[derive(Clone)]
pub struct Shared {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Where documents' bytes are.
    pub raw: Arc<Originals>,
    /// Snapshots of stores, if there are any.
    pub snapshots: Option<SnapshotSettings>,
    /// Kill points of tests.
    pub faults: Arc<dyn Faults>,
    /// The signal to stop: the run's, or one task's.
    pub stop: StopSignal,
    /// What people see.
    pub board: Arc<Board>,
    /// What has come to its end, for a run that ends by itself.
    pub completion: Arc<Completion>,
    /// How many documents are in memory at once.
    pub slots: Arc<Slots>,
    /// What documents may take of memory, all tasks together.
    pub memory: WorkingMemory,
    /// Receipts and dead letters as topics that become tables.
    pub system: SystemTopics,
    /// Who brought which document where.
    pub(crate) beside: Arc<Beside>,
    /// Flows that people have paused.
    pub(crate) pauses: Arc<Pauses>,
    /// Milliseconds since 1970 UTC.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// One task's place in the run.
pub struct TaskContext {
    /// What all tasks share.
    pub shared: Arc<Shared>,
    /// The flow.
    pub parts: Arc<FlowParts>,
    /// Its input partition.
    pub input: Arc<Input>,
    /// The partition of the flow's retry topic with the same number.
    pub retries: Arc<Input>,
    /// Consumer group of the flow.
    pub group: String,
    /// `topology/flow`.
    pub name: String,
    /// Rows of the whole flow that landed in earlier runs, since a person last said where to go on.
    pub landed: u64,
    /// How often a person has said where the flow goes on. The same range may land anew after each time.
    pub releases: u64,
    /// The input row after the last one that was closed before a person last said where the flow goes on.
    pub read_before: RowPosition,
    /// What the next position in its input says of the changelogs of its stores.
    pub stores: Mutex<Vec<ChangelogMark>>,
    /// Records of its ledger since the last digest, about.
    pub ledger_records: AtomicI64,
    /// Where it tells that a person must act.
    pub holder: Box<dyn Holder>,
}

impl TaskContext {
    /// A transaction that happens only while this process owns the task's partition.
    pub(crate) fn begin(&self) -> Box<dyn Transaction + '_> {
        let mut transaction = self.shared.log.begin();
        transaction.claim(&self.group, &self.input.topic, self.input.partition);
        transaction
    }

    /// What the next position in the task's input says of the changelogs of its stores.
    pub(crate) fn marks(&self) -> Vec<ChangelogMark> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True if this task has never closed a range: only then may it start at the beginning by itself.
    fn never_closed(&self) -> Result<bool, TaskEnd> {
        let ledger = crate::names::ledger(&self.parts.topology, &self.parts.flow);
        let (log, partition) = (self.shared.log.as_ref(), self.input.partition);
        Ok(log.read(&ledger, partition, log.first(&ledger, partition)?, 1)?.is_empty())
    }

    /// Reads the committed position in the task's input, or in its retries.
    ///
    /// # Errors
    /// Holds if it belongs to a topic of the same name that is gone, cannot be read, or is gone itself while the
    /// ledger says that ranges were closed.
    pub fn progress(&self, input: &Input) -> Result<Progress, TaskEnd> {
        let Input { topic, identity, partition } = input;
        loop {
            let Some(position) = self.shared.log.position(&self.group, topic, *partition)? else {
                if *input != *self.input || self.never_closed()? {
                    self.holder.mended();
                    return self.earliest(input).map(|progress| self.stands_at(input, progress));
                }
                self.holder
                    .hold(Hold {
                        code: crate::codes::POSITION_GONE,
                        what: input::no_position(&self.name, topic),
                        remedy: format!(
                            "spotlight release {} --from earliest, or end, or OFFSET --partition {partition}",
                            self.name
                        ),
                    })
                    .map(|_| ())?;
                continue;
            };
            match Progress::read(&position) {
                Ok(progress) if progress.topic == identity.to_string() => {
                    self.holder.mended();
                    // What a person means by `earliest`: nothing was closed from there on, and nothing is open.
                    let begins = progress.next == BEGINNING && progress.open.is_none();
                    let progress = if begins { self.earliest(input)? } else { progress };
                    return Ok(self.stands_at(input, progress));
                }
                Ok(_) => self
                    .holder
                    .hold(Hold {
                        code: crate::codes::TOPIC_CHANGED,
                        what: format!("topic {topic} was deleted and made again since {} read it", self.name),
                        remedy: format!("spotlight release {} --from earliest", self.name),
                    })
                    .map(|_| ())?,
                Err(error) => self
                    .holder
                    .hold(Hold {
                        code: crate::codes::POSITION_UNREADABLE,
                        what: error.to_string(),
                        remedy: format!(
                            "run the version that wrote it, or spotlight release {} --from OFFSET --partition {partition}",
                            self.name
                        ),
                    })
                    .map(|_| ())?,
            }
        }
    }

    /// Tells people where the task stands in its input; where it stands in its retries is of no interest.
    fn stands_at(&self, input: &Input, progress: Progress) -> Progress {
        if *input == *self.input {
            self.tell(|task| task.stands_at(&progress));
        }
        progress
    }

    /// Changes what people see of the task.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut TaskState)) {
        self.shared.board.change(&self.name, |state| state.of_task(self.input.partition, change));
    }

    /// The beginning of an input, which is the first record that it still holds: others may have cut their topic.
    fn earliest(&self, input: &Input) -> Result<Progress, TaskEnd> {
        let Input { topic, identity, partition } = input;
        let next = RowPosition { offset: self.reached(|log| log.first(topic, *partition))?, ..BEGINNING };
        Ok(Progress { next, topic: identity.to_string(), open: None, stores: Vec::new() })
    }

    /// Brings the rows of a range of `input` to the flow's table. Rows for a topic leave with the transaction that
    /// closes the range.
    pub(crate) fn land(
        &self,
        range: &Range,
        input: &Arc<Input>,
        open: Option<&OpenRange>,
        withdrawal: Option<&Withdrawal>,
    ) -> Result<Landed, TaskEnd> {
        let opened = |progress: &Progress| drop(self.stands_at(input, progress.clone()));
        match self.lander(input, &opened) {
            Some(lander) => lander.land(range, open, withdrawal),
            None => Ok(Landed::default()),
        }
    }

    /// Holds, for as long as the run goes on, because rows of a document landed that this revision does not make. No
    /// insert of the open range lands after that.
    pub(crate) fn hold_landed_otherwise(&self, progress: &Progress, what: &str) -> TaskEnd {
        if let (Some(open), Some(lander)) = (&progress.open, self.lander(&self.input, &|_| {}))
            && let Err(end) = lander.end_range(progress.next, open.last)
        {
            return end;
        }
        let revision = match &progress.open {
            Some(open) => open.revision.clone(),
            // Whoever closed the last range.
            None => match self.last_revision() {
                Ok(revision) => revision,
                Err(error) => return error.into(),
            },
        };
        loop {
            if let Err(end) = self.holder.hold(landed_otherwise(what.to_owned(), &revision)) {
                return end;
            }
        }
    }

    /// The revision that closed the newest range of this partition.
    fn last_revision(&self) -> Result<String, LogError> {
        let FlowParts { topology, flow, .. } = &*self.parts;
        let ledger = crate::ledger::ledger_of(self.shared.log.as_ref(), topology, flow, self.input.partition)?;
        Ok(ledger.into_iter().next_back().map(|entry| entry.revision).unwrap_or_default())
    }

    fn lander<'a>(&'a self, input: &Arc<Input>, opened: &'a (dyn Fn(&Progress) + Sync)) -> Option<Lander<'a>> {
        let Destination::Table(table) = &self.parts.destination else {
            return None;
        };
        Some(Lander {
            log: self.shared.log.as_ref(),
            landing: table.landing.as_ref(),
            table: &table.table,
            group: &self.group,
            name: &self.name,
            recorded_as: self.parts.recorded_as(),
            revision: &self.parts.revision,
            input: Arc::clone(input),
            owned: Arc::clone(&self.input),
            // Whose rows they are never changes, not even when they come back.
            provenance: provenance_of(&self.parts.topology, &self.parts.flow, &self.input),
            faults: self.shared.faults.as_ref(),
            stop: &self.shared.stop,
            board: &self.shared.board,
            holder: self.holder.as_ref(),
            opened,
            clock: self.shared.clock.as_ref(),
            inserts_at_once: self.shared.slots.count(),
            releases: self.releases,
            read_before: self.read_before,
            stores: if **input == *self.input { self.marks() } else { Vec::new() },
        })
    }

    /// What the dead letters of this task have in common.
    pub(crate) fn letters(&self) -> DeadLetterOf {
        DeadLetterOf {
            topology: Arc::clone(&self.parts.topology),
            flow: Arc::clone(&self.parts.flow),
            revision: Arc::clone(&self.parts.revision),
            input: Arc::clone(&self.input),
        }
    }
}
