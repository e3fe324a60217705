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
    /// write it; `tasks`: number of tasks of each flow.
    #[must_use]
    pub fn new(once: bool, producers: BTreeMap<Arc<str>, BTreeSet<String>>, tasks: BTreeMap<String, usize>) -> Self {
        Self { once, producers, state: Mutex::new(State { sources_done: BTreeSet::new(), tasks_running: tasks }) }
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

    /// A task has ended.
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
