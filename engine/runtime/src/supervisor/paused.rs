//! What a process does for a flow that is paused: it tells people what earlier runs left of it, as its tasks would.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::spawn;
use crate::earlier::Earlier;
use crate::flow::FlowParts;
use crate::stop::{StopSignal, until_reached};
use crate::task::Shared;

/// Tells it, on a thread of its own: a ledger may be long, and the group wants to be listened to.
pub(super) struct Telling {
    stop: StopSignal,
    thread: JoinHandle<()>,
}

impl Telling {
    pub(super) fn begin(parts: &Arc<FlowParts>, shared: &Arc<Shared>, earlier: &Arc<Earlier>) -> Self {
        let (parts, shared, earlier) = (Arc::clone(parts), Arc::clone(shared), Arc::clone(earlier));
        let stop = shared.stop.child();
        let ended = stop.clone();
        let thread = spawn(format!("earlier {}", parts.name()), move || {
            // Who goes on with the flow reads it again, and says what is wrong with it.
            let _told = until_reached(&parts.name(), &ended, &shared.board, || earlier.landed(&parts, &shared));
        });
        Self { stop, thread }
    }

    /// Ends it. What it has not told, the tasks tell.
    pub(super) fn end(self) {
        self.stop.stop();
        let _ = self.thread.join();
    }
}
