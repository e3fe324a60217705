//! One rate of requests per host for all sources of a process.
//!
//! A publisher counts clients, not topologies: eight feeds of one host are one client. Whoever wants to ask reserves
//! the next free moment and waits for it. Times are the caller's; nothing here reads a clock or sleeps.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest rest that a host may ask for. A longer one is cut, so that a publisher's mistake cannot stop a feed for days.
pub(crate) const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

#[derive(Clone, Copy, Debug)]
struct Host {
    /// Microseconds since 1970 at which the next request may go out.
    next: i64,
    /// Microseconds between two requests: the largest that any source asked for.
    interval: i64,
}

/// When each host may be asked next. Shared by all sources of a process.
#[derive(Debug, Default)]
pub struct Hosts {
    hosts: Mutex<HashMap<String, Host>>,
}

impl Hosts {
    /// Nobody has been asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reserves the next free moment of `host` and says how long to wait for it.
    ///
    /// `now` is in milliseconds since 1970 UTC, `interval` the least time between two requests.
    #[must_use]
    pub fn reserve(&self, host: &str, interval: Duration, now: i64) -> Duration {
        let now = now.saturating_mul(1_000);
        let interval = micros(interval);
        let mut hosts = self.locked();
        let entry = hosts.entry(host.to_owned()).or_insert(Host { next: now, interval });
        entry.interval = entry.interval.max(interval);
        // A clock that was set back must not make everybody wait for the time before.
        let latest = now.saturating_add(micros(LONGEST_REST)).saturating_add(entry.interval);
        let slot = entry.next.max(now).min(latest);
        entry.next = slot.saturating_add(entry.interval);
        Duration::from_micros(u64::try_from(slot.saturating_sub(now)).unwrap_or(0))
    }

    /// Lets a host rest, as it asked for by a Retry-After.
    pub fn rest(&self, host: &str, rest: Duration, now: i64) {
        let until = now.saturating_mul(1_000).saturating_add(micros(rest.min(LONGEST_REST)));
        let mut hosts = self.locked();
        let entry = hosts.entry(host.to_owned()).or_insert(Host { next: until, interval: 0 });
        entry.next = entry.next.max(until);
    }

    /// A panic elsewhere leaves only times behind, which are as good as before.
    fn locked(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_one_host_are_spaced_and_hosts_are_apart() {
        let hosts = Hosts::new();
        let half = Duration::from_millis(500);
        assert_eq!(hosts.reserve("a", half, 1_000), Duration::ZERO);
        assert_eq!(hosts.reserve("a", half, 1_000), half);
        assert_eq!(hosts.reserve("b", half, 1_000), Duration::ZERO);
        assert_eq!(hosts.reserve("a", half, 1_900), Duration::from_millis(100));
        // A slower source slows all of the host down.
        assert_eq!(hosts.reserve("a", Duration::from_secs(4), 9_000), Duration::ZERO);
        assert_eq!(hosts.reserve("a", half, 9_000), Duration::from_secs(4));
    }

    #[test]
    fn a_rest_is_kept_and_capped_and_a_clock_set_back_does_no_harm() {
        let hosts = Hosts::new();
        let second = Duration::from_secs(1);
        hosts.rest("a", Duration::from_secs(90), 0);
        assert_eq!(hosts.reserve("a", second, 0), Duration::from_secs(90));
        hosts.rest("b", Duration::MAX, 0);
        assert_eq!(hosts.reserve("b", second, 0), LONGEST_REST);
        assert_eq!(hosts.reserve("c", second, 9_000_000_000_000), Duration::ZERO);
        assert!(hosts.reserve("c", second, 0) <= LONGEST_REST + second);
    }
}
