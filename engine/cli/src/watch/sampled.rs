//! What only the log knows, for metrics and for `status`: where topics end, how far behind the tasks are that do not look,
//! which dead letters are open, and how long topics keep their records.
//!
//! A log that is elsewhere may be away, and who watches must not wait for it. So a thread of its own asks, whenever
//! somebody wants to know; who has waited long enough takes what was known before, and sees how old that is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{Log, LogError};
use runtime::{Board, Holds, OpenLetters, StopSignal, names};

use super::lag::{Lag, is_unknown};
use crate::access::{Behind, behind, stands_at};
use crate::environment;

/// Longest wait for an answer of the log.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is younger is not asked for again, in milliseconds.
const YOUNG: i64 = 1000;

/// How long it is believed how long topics keep their records, in milliseconds: somebody may change that.
const KEPT: i64 = 300_000;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Input topic of each flow, by `topology/flow` as people see it.
    pub(crate) inputs: BTreeMap<String, Arc<str>>,
    /// Group of each flow.
    pub(crate) groups: BTreeMap<String, String>,
    /// Topologies, whose dead letters count.
    pub(crate) topologies: Vec<Arc<str>>,
    /// What the tasks know.
    pub(crate) board: Arc<Board>,
    /// Flows that wait for a person.
    pub(crate) holds: Arc<Holds>,
}

/// What the log said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// When, in milliseconds since 1970 UTC; 0 if it never answered.
    pub(crate) at: i64,
    /// Input topic of each flow, by `topology/flow` as people see it.
    pub(crate) inputs: BTreeMap<String, Arc<str>>,
    /// What tasks have not read that do not know it themselves, by flow and partition.
    pub(crate) unread: BTreeMap<(String, i32), Unread>,
    /// How long topics keep a record, where that is limited.
    pub(crate) kept_for: Arc<BTreeMap<Arc<str>, Duration>>,
    /// Where each partition of a topic ends.
    pub(crate) ends: BTreeMap<Arc<str>, Vec<i64>>,
    /// Open dead letters by `topology/flow` as the log knows it, and when the oldest failed.
    pub(crate) letters: BTreeMap<String, (u64, Option<i64>)>,
}

/// What a task has not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Records, or documents.
    pub(crate) records: i64,
    /// When the oldest arrived, in milliseconds since 1970 UTC, if that is known.
    pub(crate) since: Option<i64>,
}

impl Unread {
    pub(super) fn lag(self, now: i64) -> Lag {
        let Self { records, since } = self;
        Lag { records, milliseconds: if records == 0 { 0 } else { since.map_or(0, |since| (now - since).max(0)) } }
    }
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
            let letters = wanted.topologies.iter().map(|topology| OpenLetters::of(topology)).collect();
            let mut asker = Asker { log, wanted, letters, looked: BTreeMap::new(), kept: (i64::MIN, Arc::default()) };
            while wait_for_question(&of_thread, &stopping) {
                let seen = asker.ask();
                let mut state = lock(&of_thread);
                match seen {
                    Ok(seen) => state.seen = Arc::new(seen),
                    Err(error) => tracing::debug!(reason = %error, "the log was asked in vain"),
                }
                (state.asked, state.rounds) = (false, state.rounds + 1);
                drop(state);
                of_thread.1.notify_all();
                // Now that nobody waits for it.
                if let Err(error) = asker.ask_how_long_topics_keep() {
                    tracing::debug!(reason = %error, "how long topics keep records was asked in vain");
                }
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

/// What asks the log, and what it remembers from one time to the next.
struct Asker {
    log: Arc<dyn Log>,
    wanted: Wanted,
    letters: Vec<OpenLetters>,
    /// What was behind a position when a partition ended there: to look again costs a read.
    looked: BTreeMap<(String, i32), ((i64, i64), Unread)>,
    /// How long topics keep a record, and when that was asked for.
    kept: (i64, Arc<BTreeMap<Arc<str>, Duration>>),
}

impl Asker {
    fn ask(&mut self) -> Result<Seen, LogError> {
        let (log, wanted) = (Arc::clone(&self.log), &self.wanted);
        let mut seen = Seen { at: environment::now(), inputs: wanted.inputs.clone(), ..Seen::default() };
        for topic in wanted.inputs.values() {
            if seen.ends.contains_key(topic) {
                continue;
            }
            let partitions = log.topic(topic)?.map_or(0, |state| state.partitions);
            let ends = (0..partitions).map(|partition| log.end(topic, partition)).collect::<Result<_, _>>()?;
            seen.ends.insert(Arc::clone(topic), ends);
        }
        for (topology, letters) in wanted.topologies.iter().zip(&mut self.letters) {
            letters.catch_up(log.as_ref())?;
            for (flow, open) in letters.by_flow() {
                seen.letters.insert(format!("{topology}/{flow}"), open);
            }
        }
        seen.unread = self.unread(&seen)?;
        seen.kept_for = Arc::clone(&self.kept.1);
        Ok(seen)
    }

    /// What those tasks have not read that do not know it themselves.
    fn unread(&mut self, seen: &Seen) -> Result<BTreeMap<(String, i32), Unread>, LogError> {
        let (log, wanted) = (Arc::clone(&self.log), &self.wanted);
        let held = wanted.holds.list();
        let unknown: Vec<(String, i32)> = wanted.board.look(|flows| {
            let of_flow = flows.iter().flat_map(|(name, state)| {
                let rests = state.paused || held.iter().any(|held| held.flow == *name);
                let unknown = state.tasks.iter().filter(move |(_, task)| is_unknown(task, rests));
                unknown.map(|(partition, _)| (name.clone(), *partition))
            });
            of_flow.collect()
        });
        self.looked.retain(|place, _| unknown.contains(place));
        let mut unread = BTreeMap::new();
        for place in unknown {
            let (name, partition) = (&place.0, place.1);
            let Some((topic, group)) = wanted.inputs.get(name).zip(wanted.groups.get(name)) else { continue };
            let index = usize::try_from(partition).unwrap_or(usize::MAX);
            let Some(end) = seen.ends.get(topic).and_then(|ends| ends.get(index)).copied() else { continue };
            let position = stands_at(log.as_ref(), group, topic, partition)?;
            let known = self.looked.get(&place).filter(|(at, _)| *at == (position, end));
            let found = match known {
                Some((_, found)) => *found,
                None => {
                    let Behind { records, first_arrival } = behind(log.as_ref(), topic, partition, position)?;
                    Unread { records, since: first_arrival }
                }
            };
            self.looked.insert(place.clone(), ((position, end), found));
            unread.insert(place, found);
        }
        Ok(unread)
    }

    /// Asks how long the inputs and the topics of dead letters keep their records, if that was long ago.
    fn ask_how_long_topics_keep(&mut self) -> Result<(), LogError> {
        let now = environment::now();
        if now.saturating_sub(self.kept.0) < KEPT {
            return Ok(());
        }
        let letters = self.wanted.topologies.iter().map(|topology| names::dead_letters(topology));
        let mut kept = BTreeMap::new();
        for topic in self.wanted.inputs.values().cloned().chain(letters).collect::<BTreeSet<_>>() {
            if let Some(time) = self.log.keeps_for(&topic)? {
                kept.insert(topic, time);
            }
        }
        self.kept = (now, Arc::new(kept));
        Ok(())
    }
}
