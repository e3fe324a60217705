//! Taps: live rows of a running flow for a person who asks.
//!
//! A task hands each batch over as it is, without a copy and without waiting; what a tap has no room for is let go and
//! counted. Turning rows into text happens on the tap's own thread. Values go to who asked over the control socket, which
//! only the folder's owner can open, and nowhere else: never to a log.

pub(crate) mod frame;
mod seen;
pub(crate) mod topic;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use batch::Batch;
use operators::{StepOutput, Watch};
use topology::plan::Topology;

use crate::exit::{Exit, failure};
use crate::{environment, show};
use frame::{Frame, Wire};
use seen::{Once, Seen};

/// Batches that wait for a tap. Larger: fewer rows are let go, and more memory is kept.
const WAITING: usize = 16;

/// Taps on one flow at a time. More would keep more memory and look at the same rows.
const TAPS: usize = 8;

/// How often a quiet tap says that it is still there, and so finds out that nobody listens.
const BEAT: Duration = Duration::from_millis(500);

/// The last step of every flow: what passes it leaves the flow.
const LAST: &str = "landing";

/// The flows of a run that can be looked at.
#[derive(Default)]
pub(crate) struct Taps {
    flows: BTreeMap<String, Arc<FlowTaps>>,
}

/// The taps on one flow.
pub(crate) struct FlowTaps {
    /// Names of its steps, in order.
    steps: Vec<Arc<str>>,
    watching: AtomicBool,
    open: Mutex<Vec<Tap>>,
}

struct Tap {
    /// The step to look at; `None` for what leaves the flow.
    step: Option<Arc<str>>,
    to: SyncSender<Seen>,
    missed: Arc<AtomicU64>,
}

/// One tap, as it is read.
pub(crate) struct Looking {
    flow: String,
    step: Option<Arc<str>>,
    from: Receiver<Seen>,
    missed: Arc<AtomicU64>,
}

/// How a tap shows rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Rows after which it ends.
    pub(crate) limit: Option<u64>,
    /// One JSON object a row.
    pub(crate) json: bool,
}

impl Taps {
    /// Of all flows of these topologies.
    pub(crate) fn new(topologies: &[Topology]) -> Self {
        let mut flows = BTreeMap::new();
        for (topology, flow) in topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow))) {
            let steps = flow.steps.iter().map(|step| Arc::clone(&step.name)).chain([Arc::from(LAST)]).collect();
            let taps = FlowTaps { steps, watching: AtomicBool::new(false), open: Mutex::default() };
            flows.insert(format!("{}/{}", topology.name, flow.name), Arc::new(taps));
        }
        Self { flows }
    }

    /// Who looks at the rows of a flow.
    pub(crate) fn of(&self, flow: &str) -> Option<Arc<FlowTaps>> {
        self.flows.get(flow).cloned()
    }

    /// Opens a tap on `topology/flow` or `topology/flow.step`.
    pub(crate) fn open(&self, place: &str) -> Result<Looking> {
        let (name, step) = match place.rsplit_once('.').filter(|_| !self.flows.contains_key(place)) {
            Some((flow, step)) => (flow, Some(step)),
            None => (place, None),
        };
        let known: Vec<&str> = self.flows.keys().map(String::as_str).collect();
        let Some(flow) = self.flows.get(name) else {
            let what = format!("no flow `{name}` is running{}", show::meant(name, &known));
            let near = show::nearest_first(name, &known, "spotlight status");
            return Err(failure(Exit::Usage, what, format!("these are: {near}")));
        };
        let step = match step {
            None => None,
            Some(step) => Some(flow.step(name, step)?),
        };
        let mut open = flow.open.lock().unwrap_or_else(PoisonError::into_inner);
        // One that nobody reads any more is found out only when rows come.
        open.retain(|tap| Arc::strong_count(&tap.missed) > 1);
        if open.len() >= TAPS {
            let what = format!("{TAPS} taps look at {name} already");
            return Err(failure(Exit::Usage, what, "end one of them with Ctrl-C"));
        }
        let (to, from) = sync_channel(WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        open.push(Tap { step: step.clone(), to, missed: Arc::clone(&missed) });
        flow.watching.store(true, Ordering::Relaxed);
        Ok(Looking { flow: name.to_owned(), step, from, missed })
    }
}

impl FlowTaps {
    fn step(&self, flow: &str, wanted: &str) -> Result<Arc<str>> {
        let found = self.steps.iter().find(|step| &***step == wanted).cloned();
        found.ok_or_else(|| {
            let known: Vec<&str> = self.steps.iter().map(|step| &**step).collect();
            let what = format!("{flow} has no step `{wanted}`{}", show::meant(wanted, &known));
            failure(Exit::Usage, what, format!("its steps after decoding are: {}", known.join(", ")))
        })
    }
}

impl Watch for FlowTaps {
    fn watching(&self) -> bool {
        self.watching.load(Ordering::Relaxed)
    }

    fn passed(&self, step: &Arc<str>, before: Batch, after: &StepOutput, again: bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|tap| {
            let wanted = match &tap.step {
                Some(wanted) => wanted == step,
                None => &**step == LAST || !after.outputs.is_empty(),
            };
            if !wanted {
                return true;
            }
            match tap.to.try_send(Seen::new(step, before.clone(), after, again)) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    tap.missed.fetch_add(before.len() as u64, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            }
        });
        if open.is_empty() {
            self.watching.store(false, Ordering::Relaxed);
        }
    }
}

impl Looking {
    /// Shows rows until there were enough of them, or nobody listens, or the run has ended.
    pub(crate) fn show(self, manner: Manner, wire: &mut Wire<'_>) -> Result<()> {
        let (mut shown, mut once) = (0, Once::default());
        // So that who asked knows that rows are taken from now on.
        wire.send(&Frame::Beat)?;
        loop {
            match self.from.recv_timeout(BEAT) {
                Ok(seen) => {
                    let began = environment::now();
                    for row in seen.rows(&self.flow, self.step.is_some(), manner.json, &mut once)? {
                        wire.send_row(&row)?;
                        shown += 1;
                        if manner.limit.is_some_and(|limit| shown >= limit) {
                            self.tell_missed(wire)?;
                            return wire.send(&Frame::Enough);
                        }
                    }
                    // Beside the rows they are missing from: who looks at a busy flow may never see a pause.
                    self.tell_missed(wire)?;
                    // Text costs more than what the tasks do: a tap takes a quarter of one core at most.
                    let took = u64::try_from(environment::now() - began).unwrap_or(0);
                    std::thread::park_timeout(Duration::from_millis(took.saturating_mul(3)).min(BEAT));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.tell_missed(wire)?;
                    wire.send(&Frame::Beat)?;
                }
                Err(RecvTimeoutError::Disconnected) => return self.tell_missed(wire),
            }
        }
    }

    fn tell_missed(&self, wire: &mut Wire<'_>) -> Result<()> {
        match self.missed.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            rows => wire.send(&Frame::Missed(rows)),
        }
    }
}

#[cfg(test)]
mod tests;
