//! How far a flow is behind its input, in the partitions of this process: for metrics and for `status`.
//!
//! A task that works knows its position and where its input ended when it last looked. One that does not, because its flow
//! is paused, held or not begun, is asked of the log: see `sampled`.

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

/// True for a task that does not know how far it is behind: it has not read its position, or has not come to the end of its
/// input and does not try to.
pub(super) fn is_unknown(task: &TaskState, rests: bool) -> bool {
    task.position.is_none() || (rests && task.caught_up.is_none())
}

/// The lag of a flow by its name; `rests` while it is paused or held. `None` while it has no assignment, or the log has not
/// said where its input ends or its group stands.
pub(crate) fn of(name: &str, state: &FlowState, rests: bool, seen: &Seen, now: i64) -> Option<Lag> {
    let ends = seen.ends.get(seen.inputs.get(name)?)?;
    if !state.assigned {
        return None;
    }
    let mut lag = Lag::default();
    for (partition, task) in &state.tasks {
        let of_task = match seen.unread.get(&(name.to_owned(), *partition)) {
            Some(unread) if is_unknown(task, rests) => unread.lag(now),
            _ => {
                task.position?;
                let end = usize::try_from(*partition).ok().and_then(|partition| ends.get(partition));
                end.map(|end| of_task(task, *end, now)).unwrap_or_default()
            }
        };
        lag.records += of_task.records;
        lag.milliseconds = lag.milliseconds.max(of_task.milliseconds);
    }
    Some(lag)
}

/// The lag of one task that knows its position, and whose input ends at `end`.
fn of_task(task: &TaskState, end: i64, now: i64) -> Lag {
    match task.lag(end) {
        0 => Lag::default(),
        records => Lag { records, milliseconds: (now - task.waits_since()).max(0) },
    }
}

#[cfg(test)]
mod tests {
    use runtime::{FlowState, TaskState};

    use super::super::sampled::{Seen, Unread};
    use super::{Lag, of, of_task};

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
    }

    #[test]
    fn what_a_task_does_not_know_the_log_says() {
        let seen = |unread: Option<Unread>| Seen {
            inputs: [("a/b".to_owned(), "t".into())].into(),
            ends: [("t".into(), vec![80])].into(),
            unread: unread.into_iter().map(|unread| (("a/b".to_owned(), 0), unread)).collect(),
            ..Seen::default()
        };
        let state = |task: TaskState| FlowState { assigned: true, tasks: [(0, task)].into(), ..FlowState::default() };
        let begun = TaskState { position: Some((70, 0)), ..TaskState::default() };
        let lag = |task: &TaskState, rests, unread| {
            let lag = of("a/b", &state(task.clone()), rests, &seen(unread), 1_000)?;
            Some((lag.records, lag.milliseconds))
        };
        let nothing = Some(Unread { records: 0, since: None });
        let five = Some(Unread { records: 5, since: Some(400) });
        assert_eq!(lag(&TaskState::default(), true, nothing), Some((0, 0)), "not 80");
        assert_eq!(lag(&TaskState::default(), false, five), Some((5, 600)));
        assert_eq!(lag(&TaskState::default(), true, None), None, "better none than a wrong one");
        assert_eq!(lag(&begun, true, five), Some((5, 600)), "without the gaps between 70 and 80");
        assert_eq!(lag(&begun, false, five), Some((10, 1_000)), "it works, and knows better");
        let unassigned = FlowState { assigned: false, ..state(begun) };
        assert_eq!(of("a/b", &unassigned, true, &seen(five), 1_000), None);
    }
}
