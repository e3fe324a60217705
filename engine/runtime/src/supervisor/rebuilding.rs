//! Watches a generation that is read beside the live one, in a run without an end, and says when it can take its place.
//!
//! ```text
//! reading ──it has read what was there a moment ago──▶ the live one stands still ──it has read all──▶ the pass ends
//!    ▲                                                          │
//!    └───────────── not in time: the live one goes on ◀─────────┘
//! ```
//!
//! It does not begin with that while either is paused, the one beside is on hold, or documents are refused whose rows the
//! live one has landed.
//!
//! The live one stands still, with its source, only while the rest of a moment is read: until the other one stands where
//! it stands, or behind that, in every partition. Nothing of this is kept: a process that dies begins with reading.

use std::sync::Arc;
use std::time::Duration;

use log::{Log, LogError};

use crate::flow::{FlowInput, FlowParts, Rebuilds};
use crate::hold::Holds;
use crate::names;
use crate::rebuilds::{has_read, lacking, landed_before};
use crate::stop::StopSignal;
use crate::task::Shared;

/// Niceness of threads of a rebuild: they get what the others leave, and about a tenth of a processor that others want too.
/// Larger: slower where the machine is busy. Smaller: live rows wait for longer.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How often it is looked how far it is.
const LOOK_UP: Duration = Duration::from_millis(300);
/// How often while the live flow stands still.
const SHORT_LOOK_UP: Duration = Duration::from_millis(20);
/// How long the live flow stands still at most, before it goes on and is tried again later. Longer: readers wait for
/// longer where the table is on hold. Shorter: documents that take long are never read in time.
const STANDS_STILL: Duration = Duration::from_secs(60);

/// Looks that pass, about half a minute, before it is asked again whether documents are refused that the live one has
/// landed: the ledgers are read whole for that.
const LOOKS_BETWEEN: u32 = 100;

/// Watches until the pass ends, and ends it.
pub(super) fn watch(parts: &FlowParts, shared: &Shared, holds: &Holds, stop: &StopSignal) {
    let Some(rebuilds) = &parts.rebuilds else { return };
    let topic = match &parts.input {
        FlowInput::Documents(_) => names::documents(&parts.topology, &parts.flow),
        FlowInput::Topic { topic, .. } => Arc::clone(topic),
    };
    let look = Look { log: shared.log.as_ref(), flow: parts.recorded_as(), topic };
    let (mut ends, mut wait): (Option<Vec<i64>>, u32) = (None, 0);
    while stop.wait(LOOK_UP) {
        if wait > 0 {
            wait -= 1;
            continue;
        }
        let read = match &ends {
            Some(ends) => look.has_read(ends),
            None => Ok(false),
        };
        ends = look.ends().ok();
        // A log that is away is asked again. Who waits for a person is not exchanged.
        let rests =
            || shared.pauses.paused(&rebuilds.recorded) || holds.list().iter().any(|it| it.flow == parts.name());
        if !read.unwrap_or(false) || rests() {
            continue;
        }
        match lacking(look.log, &rebuilds.recorded, &look.flow) {
            Ok(lacking) if !lacking.is_none() && !rebuilds.accept_refused => {
                tracing::error!(
                    flow = rebuilds.called,
                    documents = lacking.documents.len(),
                    rows = lacking.rows,
                    "the rebuild waits: it refuses documents whose rows are in the live table; `spotlight rebuild` names them"
                );
                wait = LOOKS_BETWEEN;
            }
            Ok(_) if take_over(&look, rebuilds, shared, stop) => return,
            _ => {}
        }
    }
}

/// Has the live flow stand still until all is read. False if that did not come about.
fn take_over(look: &Look<'_>, rebuilds: &Rebuilds, shared: &Shared, stop: &StopSignal) -> bool {
    let live = &rebuilds.recorded;
    shared.pauses.halt(live, true);
    let mut waited = Duration::ZERO;
    let mut landed: Option<Vec<i64>> = None;
    while waited < STANDS_STILL && stop.wait(SHORT_LOOK_UP) {
        waited += SHORT_LOOK_UP;
        if landed.is_none() && shared.pauses.stands(live) {
            // Nothing of it works any more, so it lands no more than this.
            landed = landed_before(look.log, live, &look.topic).ok();
        }
        if landed.as_ref().is_some_and(|ends| look.has_read(ends).unwrap_or(false)) {
            rebuilds.turn.ask();
            return true;
        }
    }
    if !stop.stopping() {
        tracing::warn!(flow = rebuilds.called, "the rebuild is not done in time, will try again: the flow goes on");
    }
    shared.pauses.halt(live, false);
    false
}

/// What is asked again and again.
struct Look<'a> {
    log: &'a dyn Log,
    flow: String,
    topic: Arc<str>,
}

impl Look<'_> {
    fn ends(&self) -> Result<Vec<i64>, LogError> {
        let partitions = self.log.topic(&self.topic)?.map_or(0, |state| state.partitions);
        (0..partitions).map(|partition| self.log.end(&self.topic, partition)).collect()
    }

    fn has_read(&self, ends: &[i64]) -> Result<bool, LogError> {
        has_read(self.log, &self.flow, &self.topic, ends)
    }
}

/// What is read beside the live flow has what the others leave of the processors: on Linux a thread has a niceness of its
/// own, as long as it lives. Elsewhere it would be the whole process's.
pub(super) fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(reason = %error, "a thread keeps the priority of the others");
    }
}
