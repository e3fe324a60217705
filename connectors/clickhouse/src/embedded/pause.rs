//! The one place of this crate that waits without an event: for a child process that is starting, fetching or ending.

use std::time::Duration;

/// How long one wait lasts. Longer, and a start that takes 0.2 s is seen late; shorter only costs processor time.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Waits up to `deadline` until `done` gives something. The time that `done` itself takes does not count.
pub(super) fn wait_for<T>(deadline: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let rounds = deadline.as_millis() / PAUSE.as_millis() + 1;
    for _ in 0..rounds {
        if let Some(found) = done() {
            return Some(found);
        }
        std::thread::sleep(PAUSE);
    }
    None
}
