//! What the kernel says of this process. Elsewhere than on Linux it says nothing.

use std::fs;

use telemetry::list as metrics;

/// Ticks of the kernel's clock in a second, as it tells times to programs: the same on every machine.
const TICKS: f64 = 100.0;
/// Bytes of a page, on the machines that this program runs on.
const PAGE: f64 = 4096.0;

/// Tells what can be told as gauges.
pub(super) fn tell() {
    let stat = Stat::read();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let open = fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
    // The look itself has one open.
    let open = open.map(|count| count.saturating_sub(1) as f64);
    for (metric, value) in [
        (metrics::PROCESS_RESIDENT, stat.as_ref().and_then(|stat| Some(stat.number(23)? * PAGE))),
        (metrics::PROCESS_VIRTUAL, stat.as_ref().and_then(|stat| stat.number(22))),
        (metrics::PROCESS_THREADS, stat.as_ref().and_then(|stat| stat.number(19))),
        (metrics::PROCESS_START, stat.as_ref().and_then(|stat| Some(stat.number(21)? / TICKS + booted()?))),
        (metrics::PROCESS_OPEN_FDS, open),
        (metrics::PROCESS_MAX_FDS, most_open(&limits)),
    ] {
        if let Some(value) = value {
            metric.set(&[], value);
        }
    }
}

/// The counter of processor time, as a text of Prometheus: it counts parts of seconds.
pub(super) fn cpu() -> String {
    let seconds = Stat::read().and_then(|stat| Some((stat.number(13)? + stat.number(14)?) / TICKS));
    seconds.map_or(String::new(), |seconds| metrics::PROCESS_CPU.text(seconds))
}

/// `/proc/self/stat` from its third field on.
struct Stat(String);

impl Stat {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name stands in brackets and may hold anything.
        stat.rsplit_once(") ").map(|(_, rest)| Self(rest.to_owned()))
    }

    /// A field by its number in proc(5), counted from 0.
    fn number(&self, field: usize) -> Option<f64> {
        self.0.split_whitespace().nth(field - 2)?.parse().ok()
    }
}

/// When the machine was started, in seconds since 1970 UTC.
fn booted() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn most_open(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
