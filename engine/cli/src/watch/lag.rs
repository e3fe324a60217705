//! How far a flow is behind its input, in the partitions of this process: for metrics and for `status`.

use std::sync::Arc;

use runtime::{FlowState, TaskState};
use serde::{Deserialize, Serialize};

use super::sampled::Seen;

/// What is behind the committed positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lag {
    /// Records, or documents.
    pub(crate) records: i64,
    /// How long the oldest of them has been there; the least that is known.
    pub(crate) milliseconds: i64,
}

/// The lag of a flow; `None` while the log has not said where its input ends.
pub(crate) fn of(state: &FlowState, input: Option<&Arc<str>>, seen: &Seen, now: i64) -> Option<Lag> {
    let ends = seen.ends.get(input?)?;
    let mut lag = Lag::default();
    for (partition, task) in &state.tasks {
        let end = usize::try_from(*partition).ok().and_then(|partition| ends.get(partition));
        let of_task = end.map(|end| of_task(task, *end, now)).unwrap_or_default();
        lag.records += of_task.records;
        lag.milliseconds = lag.milliseconds.max(of_task.milliseconds);
    }
    Some(lag)
}

/// The lag of one task, whose input ends at `end`.
pub(crate) fn of_task(task: &TaskState, end: i64, now: i64) -> Lag {
    match task.lag(end) {
        0 => Lag::default(),
        records => Lag { records, milliseconds: (now - task.waits_since()).max(0) },
    }
}

#[cfg(test)]
mod tests {
    use runtime::TaskState;

    use super::{Lag, of_task};

    #[test]
    fn a_lag_is_told_by_the_oldest_record_that_can_wait() {
        let task = TaskState { position: Some((5, 0)), since: 100, ..TaskState::default() };
        assert_eq!(of_task(&task, 5, 1_000), Lag::default());
        let behind = |task: &TaskState, end| {
            let Lag { records, milliseconds } = of_task(task, end, 1_000);
            (records, milliseconds)
        };
        assert_eq!(behind(&task, 8), (3, 900), "since the process has it");
        // Offsets 5 and 6 are gaps: nothing was left at 7.
        let idle = TaskState { caught_up: Some((7, 950)), ..task.clone() };
        assert_eq!(behind(&idle, 7), (0, 0));
        assert_eq!(behind(&idle, 8), (1, 50), "it came after the last look");
        let busy = TaskState { working_since: Some(300), ..idle };
        assert_eq!(behind(&busy, 8), (1, 700), "the record in work");
        assert_eq!(behind(&TaskState::default(), 2), (2, 1_000), "nothing was committed yet");
    }
}
