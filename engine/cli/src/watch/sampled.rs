//! What only the log knows, for metrics and for `status`: where topics end, and which dead letters are open.
//!
//! A log that is elsewhere may be away, and who watches must not wait for it. So a thread of its own asks, whenever
//! somebody wants to know; who has waited long enough takes what was known before, and sees how old that is.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{Log, LogError};
use runtime::{OpenLetters, StopSignal};

use crate::environment;

/// Longest wait for an answer of the log.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is younger is not asked for again, in milliseconds.
const YOUNG: i64 = 1000;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Input topic of each flow, by `topology/flow` as people see it.
    pub(crate) inputs: BTreeMap<String, Arc<str>>,
    /// Topologies, whose dead letters count.
    pub(crate) topologies: Vec<Arc<str>>,
}

/// What the log said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// When, in milliseconds since 1970 UTC; 0 if it never answered.
    pub(crate) at: i64,
    /// Where each partition of a topic ends.
    pub(crate) ends: BTreeMap<Arc<str>, Vec<i64>>,
    /// Open dead letters by `topology/flow` as the log knows it, and when the oldest failed.
    pub(crate) letters: BTreeMap<String, (u64, Option<i64>)>,
}

#[derive(Debug, Default)]
struct State {
    seen: Arc<Seen>,
    /// True while somebody wants to know.
    asked: bool,
    /// How often the log was asked.
    rounds: u64,
}

/// See the module's prose. The thread ends when this is dropped, as soon as the log has answered it.
#[derive(Debug)]
pub(crate) struct Sampled {
    shared: Arc<(Mutex<State>, Condvar)>,
    stop: StopSignal,
}

impl Sampled {
    /// Starts the thread.
    pub(crate) fn start(log: Arc<dyn Log>, wanted: Wanted) -> std::io::Result<Self> {
        let (shared, stop) = (Arc::<(Mutex<State>, Condvar)>::default(), StopSignal::new());
        let (of_thread, stopping) = (Arc::clone(&shared), stop.clone());
        let work = move || {
            let mut letters: Vec<OpenLetters> =
                wanted.topologies.iter().map(|topology| OpenLetters::of(topology)).collect();
            while wait_for_question(&of_thread, &stopping) {
                let seen = ask(log.as_ref(), &wanted, &mut letters);
                let mut state = lock(&of_thread);
                match seen {
                    Ok(seen) => state.seen = Arc::new(seen),
                    Err(error) => tracing::debug!(reason = %error, "the log was asked in vain"),
                }
                (state.asked, state.rounds) = (false, state.rounds + 1);
                of_thread.1.notify_all();
            }
        };
        // Nobody joins it: it may wait for a log that is away, and writes nothing.
        let _thread = std::thread::Builder::new().name("log watcher".to_owned()).spawn(work)?;
        Ok(Self { shared, stop })
    }

    /// What the log says now, or has said last.
    pub(crate) fn look(&self) -> Arc<Seen> {
        let mut state = lock(&self.shared);
        if environment::now() - state.seen.at < YOUNG {
            return Arc::clone(&state.seen);
        }
        let rounds = state.rounds;
        state.asked = true;
        self.shared.1.notify_all();
        let waited = self.shared.1.wait_timeout_while(state, PATIENCE, |state| state.rounds == rounds);
        Arc::clone(&waited.unwrap_or_else(PoisonError::into_inner).0.seen)
    }
}

impl Drop for Sampled {
    fn drop(&mut self) {
        self.stop.stop();
        self.shared.1.notify_all();
    }
}

fn lock(shared: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// False once nobody will ask any more.
fn wait_for_question(shared: &(Mutex<State>, Condvar), stop: &StopSignal) -> bool {
    let mut state = lock(shared);
    while !state.asked {
        if stop.stopping() {
            return false;
        }
        // Woken by a question; now and then it looks whether it is to end.
        state = shared.1.wait_timeout(state, Duration::from_secs(1)).unwrap_or_else(PoisonError::into_inner).0;
    }
    !stop.stopping()
}

fn ask(log: &dyn Log, wanted: &Wanted, letters: &mut [OpenLetters]) -> Result<Seen, LogError> {
    let mut seen = Seen { at: environment::now(), ..Seen::default() };
    for topic in wanted.inputs.values() {
        if seen.ends.contains_key(topic) {
            continue;
        }
        let partitions = log.topic(topic)?.map_or(0, |state| state.partitions);
        let ends = (0..partitions).map(|partition| log.end(topic, partition)).collect::<Result<_, _>>()?;
        seen.ends.insert(Arc::clone(topic), ends);
    }
    for (topology, letters) in wanted.topologies.iter().zip(letters) {
        letters.catch_up(log)?;
        for (flow, open) in letters.by_flow() {
            seen.letters.insert(format!("{topology}/{flow}"), open);
        }
    }
    Ok(seen)
}
