//! Tells the caller when a call into the client never returns.
//!
//! The C client has calls that ignore their time-out. Nothing inside a process can end such a call, so the caller is
//! told and ends the process; another takes over where the last transaction was committed.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Told the name of the call that is stuck.
pub type Stuck = Arc<dyn Fn(&'static str) + Send + Sync>;

#[derive(Default)]
struct State {
    /// The call that runs, and how many ran before.
    call: Option<&'static str>,
    count: u64,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that watches one call at a time.
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A call is watched until this is dropped.
pub(crate) struct Watched<'a>(&'a Shared);

impl Watchdog {
    /// Starts to watch: a call that takes longer than `limit` is told to `stuck`, once.
    pub(crate) fn start(limit: Duration, stuck: Stuck) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let watched = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("kafka watchdog".to_owned());
        let thread = thread.spawn(move || watch(&watched, limit, &stuck))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Watches until the answer is dropped.
    pub(crate) fn watch(&self, call: &'static str) -> Watched<'_> {
        let mut state = self.shared.state();
        state.call = Some(call);
        state.count += 1;
        drop(state);
        self.shared.changed.notify_all();
        Watched(&self.shared)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.state().call = None;
        self.0.changed.notify_all();
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It cannot panic but in the caller's own function.
            let _ = thread.join();
        }
    }
}

fn watch(shared: &Shared, limit: Duration, stuck: &Stuck) {
    let mut state = shared.state();
    while !state.closed {
        let Some(call) = state.call else {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let count = state.count;
        let same = |state: &mut State| !state.closed && state.call.is_some() && state.count == count;
        let (after, waited) =
            shared.changed.wait_timeout_while(state, limit, same).unwrap_or_else(PoisonError::into_inner);
        state = after;
        if waited.timed_out() && same(&mut state) {
            drop(state);
            stuck(call);
            state = shared.changed.wait_while(shared.state(), same).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::Watchdog;

    #[test]
    fn only_a_call_that_does_not_return_is_told() {
        let (tell, told) = mpsc::channel();
        let stuck = Arc::new(move |call| tell.send(call).expect("awaited"));
        let watchdog = Watchdog::start(Duration::from_millis(200), stuck).expect("a thread");
        for _ in 0..1000 {
            drop(watchdog.watch("fast"));
        }
        let slow = watchdog.watch("slow");
        assert_eq!(told.recv_timeout(Duration::from_mins(1)), Ok("slow"));
        drop(slow);
        drop(watchdog);
        assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected), "it was told once");
    }
}
