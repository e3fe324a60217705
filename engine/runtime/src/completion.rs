//! When a run that ends by itself is done: a flow is done when nothing can come any more and all that came is closed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Knows which flows feed which topics, and what has come to its end.
#[derive(Debug, Default)]
pub struct Completion {
    once: bool,
    producers: BTreeMap<Arc<str>, BTreeSet<String>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sources_done: BTreeSet<String>,
    tasks_running: BTreeMap<String, usize>,
}

impl Completion {
    /// For an endless run nothing ever comes to its end. `producers`: for each topic the flows (`topology/flow`) that
    /// write it. Each of the `flows` counts as one task that runs, until it is known which partitions are this
    /// process's own.
    #[must_use]
    pub fn new(
        once: bool,
        producers: BTreeMap<Arc<str>, BTreeSet<String>>,
        flows: impl IntoIterator<Item = String>,
    ) -> Self {
        let tasks_running = flows.into_iter().map(|flow| (flow, 1)).collect();
        Self { once, producers, state: Mutex::new(State { sources_done: BTreeSet::new(), tasks_running }) }
    }

    /// True for a run that ends by itself.
    #[must_use]
    pub fn once(&self) -> bool {
        self.once
    }

    /// A source has looked once and will not look again.
    pub fn source_done(&self, flow: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).sources_done.insert(flow.to_owned());
    }

    /// So many tasks of a flow start.
    pub fn tasks_start(&self, flow: &str, count: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.tasks_running.entry(flow.to_owned()).or_default() += count;
    }

    /// A task has ended, and will not start again.
    pub fn task_done(&self, flow: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = state.tasks_running.get_mut(flow) {
            *running = running.saturating_sub(1);
        }
    }

    /// True if no more documents of a flow can come.
    #[must_use]
    pub fn no_more_documents(&self, flow: &str) -> bool {
        self.once && self.state.lock().unwrap_or_else(PoisonError::into_inner).sources_done.contains(flow)
    }

    /// True if no more records of a topic can come from this run.
    #[must_use]
    pub fn no_more_records(&self, topic: &str) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let running = |flow: &String| state.tasks_running.get(flow).is_some_and(|&count| count > 0);
        self.once && !self.producers.get(topic).is_some_and(|flows| flows.iter().any(running))
    }
}
