//! What a process does for a flow of which it owns no partition: it looks whether it could work it.
//!
//! A process beside others may own nothing for a while, or for good where there are more processes than partitions. It is
//! ready all the same, once it has found the destination as planned: who replaces processes by newer ones must learn that the
//! newer ones cannot land before the older ones are gone.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use connect::LandingError;

use super::spawn;
use crate::board::Board;
use crate::flow::{Destination, FlowParts, TableOutput};
use crate::hold::{Hold, Holder, TaskHolder};
use crate::stop::{Backoff, StopSignal};
use crate::task::Shared;

/// Longest rest between looks at a server that is away.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// A look at the destination of a flow, on a thread of its own: a server may take its time, and the group wants to be
/// listened to.
pub(super) struct Look {
    stop: StopSignal,
    thread: JoinHandle<()>,
}

impl Look {
    /// Looks until the destination is as planned, or until the end of this.
    pub(super) fn begin(parts: Arc<FlowParts>, shared: &Shared, holder: impl FnOnce(StopSignal) -> TaskHolder) -> Self {
        let stop = shared.stop.child();
        let holder = holder(stop.clone());
        let board = Arc::clone(&shared.board);
        let thread = spawn(format!("look {}", parts.name()), move || {
            let fits = match &parts.destination {
                Destination::Topic(_) => true,
                Destination::Table(table) => fits(table, &holder, &board),
            };
            if fits {
                board.change(&parts.name(), |state| (state.prepared, state.waits_for) = (true, None));
            }
        });
        Self { stop, thread }
    }

    /// Ends it. What it has not seen, the tasks look at.
    pub(super) fn end(self) {
        self.stop.stop();
        // A panic there is told by the thread.
        let _ = self.thread.join();
    }
}

/// Waits until the table is as planned, or missing, which the first task makes good. False if it is to end before.
fn fits(table: &TableOutput, holder: &TaskHolder, board: &Board) -> bool {
    let mut backoff = Backoff::new(LONGEST_REST, 5);
    loop {
        match table.as_planned() {
            Ok(_) => {
                holder.mended();
                return true;
            }
            Err(LandingError::Operator { code, what, remedy }) => {
                if holder.hold(Hold { code, what, remedy }).is_err() {
                    return false;
                }
            }
            Err(LandingError::Unknown { what } | LandingError::Transient { what }) => {
                if !table.rest(&what, &holder.flow, board, &holder.stop, &mut backoff) {
                    return false;
                }
            }
        }
    }
}
