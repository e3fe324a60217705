//! The source of a flow: looks at its publisher, once or for ever, as long as this process owns the flow's discovery.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use connect::{Source, SourceError};

use crate::discovery::{DiscoveryParts, FlowDiscovery};
use crate::end::TaskEnd;
use crate::flow::{FlowInput, FlowParts};
use crate::hold::{Hold, Holder, TaskHolder};
use crate::stop::Backoff;
use crate::task::Shared;

/// Longest wait for a publisher of a run that ends by itself. One that wants to be left alone for longer is asked by the
/// next run.
const LONGEST_WAIT_OF_ONCE: Duration = Duration::from_secs(120);

/// Looks at the publisher, once or for ever.
pub(super) fn discover(
    (source, every): (&mut dyn Source, Duration),
    parts: &FlowParts,
    shared: &Shared,
    holder: &TaskHolder,
    refused: &HashMap<String, i64>,
    landed: HashSet<String>,
) -> Result<(), TaskEnd> {
    let FlowInput::Documents(input) = &parts.input else {
        return Ok(());
    };
    let mut discovery = FlowDiscovery::open(DiscoveryParts {
        topology: Arc::clone(&parts.topology),
        flow: Arc::clone(&parts.flow),
        name: parts.name(),
        revision: Arc::clone(&parts.revision),
        partitions: input.partitions,
        owns_rows: parts.destination.owned_by_documents(),
        identify: Arc::clone(&input.identify),
        landed,
        log: Arc::clone(&shared.log),
        raw: Arc::clone(&shared.raw),
        board: Arc::clone(&shared.board),
        system: shared.system.clone(),
        stop: shared.stop.clone(),
        clock: Arc::clone(&shared.clock),
    })?;
    let name = parts.name();
    // Before anything lands by the parts of now: a mixture could be undone by neither naming.
    while let Some(misnamed) = discovery.misnamed() {
        holder.hold(misnamed.hold())?;
    }
    if let Err(error) = discovery.try_refused_again(refused) {
        if let Some(ended) = discovery.ended() {
            return Err(ended.into());
        }
        tracing::warn!(flow = name, reason = %error, "refused documents could not be tried again");
    }
    let mut backoff = Backoff::new(Duration::from_secs(300), 7);
    let (mut tries, mut wait);
    tries = 0_u32;
    loop {
        match source.round(&mut discovery) {
            Ok(()) => {
                holder.mended();
                let (now, not_yet) = ((shared.clock)(), discovery.not_yet());
                shared.board.change(&name, |state| {
                    state.source_trouble = None;
                    state.looked = true;
                    state.look_ended("ok");
                    (state.looked_at, state.not_yet) = (Some(now), not_yet);
                });
                if shared.completion.once() {
                    return Ok(());
                }
                backoff = Backoff::new(Duration::from_secs(300), 7);
                tries = 0;
                wait = every;
            }
            Err(SourceError::Stopping) => return Err(discovery.ended().map_or(TaskEnd::Stopped, TaskEnd::from)),
            Err(SourceError::Transient { what, retry_after }) => {
                tries += 1;
                wait = retry_after.unwrap_or_else(|| backoff.next());
                tracing::warn!(flow = name, wait_ms = wait.as_millis() as u64, reason = what, "source will try again");
                shared.board.change(&name, |state| {
                    state.source_trouble = Some(what.clone());
                    state.look_ended("transient");
                });
                // A run that ends by itself cannot wait for a publisher for ever; the trouble is named at its end.
                if shared.completion.once() && (tries >= 5 || wait > LONGEST_WAIT_OF_ONCE) {
                    return Ok(());
                }
            }
            Err(SourceError::Operator { code, what, remedy }) => {
                shared.board.change(&name, |state| {
                    state.source_trouble = Some(what.clone());
                    state.look_ended("operator");
                });
                holder.hold(Hold { code, what, remedy })?;
                wait = Duration::ZERO;
            }
        }
        let again = (shared.clock)().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        shared.board.change(&name, |state| state.looks_again = Some(again));
        if !shared.stop.wait(wait) {
            return Err(TaskEnd::Stopped);
        }
        shared.board.change(&name, |state| state.looks_again = None);
    }
}
