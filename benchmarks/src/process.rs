//! One child process from its start to its end: wall time, CPU time, the most memory it had.
//!
//! The figures come from `/proc` (Linux): the processor time of a process is read while it waits to be reaped, its
//! memory while it runs. Children of the child count only once it has reaped them.

use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often a running process is looked at; the error of a wall time is at most this.
const LOOK: Duration = Duration::from_millis(2);
/// Ticks of `/proc/PID/stat` in a second: fixed at 100 for programs, whatever the kernel's own rate is.
const TICKS: f64 = 100.0;

/// What one run cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of processor time of the process.
    pub cpu: f64,
    /// Most resident memory, in MiB.
    pub memory: f64,
}

/// Runs a command to its end.
///
/// # Errors
/// If it cannot be started or watched.
pub fn run(command: &mut Command) -> Result<(ExitStatus, Cost)> {
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let mut cost = Cost::default();
    while !ended(&child) {
        cost.memory = cost.memory.max(memory(child.id()).unwrap_or(0.0));
        sleep(LOOK);
    }
    cost.wall = start.elapsed().as_secs_f64();
    cost.cpu = cpu(child.id()).unwrap_or(0.0);
    Ok((child.wait()?, cost))
}

/// Processor seconds that a process has used so far, or had used when it ended, if it was not reaped yet.
#[must_use]
pub fn cpu(process: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in brackets and may hold anything; what follows it is fixed: user and system time are the 14th
    // and the 15th of all.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

fn ended(child: &Child) -> bool {
    let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    text.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// Most resident memory of a running process so far, in MiB.
#[must_use]
pub fn memory(process: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse::<f64>().ok().map(|kibibytes| kibibytes / 1024.0)
}

/// Seconds that a fixed computation takes now, the best of three times. Processors are slower while others use their cores'
/// other halves, or when they are hot: figures of two runs can be compared by this.
#[must_use]
pub fn pace() -> f64 {
    let once = || {
        let start = Instant::now();
        let mut state = 1_u64;
        let mut numbers: Vec<u64> = (0..2_000_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state
            })
            .collect();
        numbers.sort_unstable();
        std::hint::black_box(numbers);
        start.elapsed().as_secs_f64()
    };
    [once(), once(), once()].into_iter().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_cost_and_a_status() {
        let (status, cost) =
            run(Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 3"]))
                .expect("it runs");
        assert_eq!(status.code(), Some(3));
        assert!(cost.cpu > 0.0 && cost.wall > 0.0 && cost.memory > 0.1, "{cost:?}");
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert!(run(&mut Command::new("no-such-program-anywhere")).is_err());
    }
}
