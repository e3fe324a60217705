//! SIGINT and SIGTERM: the first ends a run in order and says what it sets aside, the second ends it at once.
//!
//! A run that does not end in time ends with status 75: all that was committed stays, the rest is done again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use runtime::{Board, StopSignal};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::exit::Exit;
use crate::show;

/// How long a run may take to end after the signal.
const SHUTDOWN: Duration = Duration::from_secs(25);

/// Documents that are named; of more the number is told.
const NAMED: usize = 3;

/// What was caught, and what a signal says when it comes.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    working: Arc<Mutex<Option<Arc<Board>>>>,
    temporary: Arc<Mutex<Option<PathBuf>>>,
}

impl Signals {
    /// Catches signals from now on.
    pub(crate) fn catch(stop: &StopSignal) -> Result<Self> {
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).context("signals cannot be caught")?;
        let (caught, count) = (Self::default(), AtomicUsize::new(0));
        let (stop, told) = (stop.clone(), caught.clone());
        let late = caught.clone();
        let work = move || {
            for _ in signals.forever() {
                if count.fetch_add(1, Ordering::Relaxed) > 0 {
                    told.end();
                }
                show::note(&told.line());
                stop.stop();
                let late = late.clone();
                // Ends the process if the run does not; the thread itself ends with it.
                let _timer = std::thread::Builder::new().name("shutdown deadline".to_owned()).spawn(move || {
                    std::thread::park_timeout(SHUTDOWN);
                    show::note(
                        "the run did not end in time; what was committed stays, the rest is done again: start it again",
                    );
                    late.end();
                });
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(work)?;
        Ok(caught)
    }

    /// From now on a signal says what this run is at.
    pub(crate) fn tell_of(&self, board: &Arc<Board>) {
        *self.working.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(board));
    }

    /// A folder that must not stay when the process ends at once.
    pub(crate) fn remove_at_once(&self, folder: &Path) {
        *self.temporary.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder.to_owned());
    }

    /// Ends the process at once.
    fn end(&self) -> ! {
        if let Some(folder) = &*self.temporary.lock().unwrap_or_else(PoisonError::into_inner) {
            // Best effort: tasks may still write there. What is left the next dry run removes.
            let _removed = std::fs::remove_dir_all(folder);
        }
        std::process::exit(Exit::Fenced as i32);
    }

    fn line(&self) -> String {
        let board = self.working.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let flows = board.map(|board| board.flows()).unwrap_or_default();
        let open: BTreeSet<&str> =
            flows.values().flat_map(|state| state.working.values()).map(String::as_str).collect();
        line(&open)
    }
}

/// What the first signal says, with the documents that are being worked on. A document whose rows are landing already is
/// closed if that takes no time; of all others the next run goes on with what has landed, or reads them again.
fn line(open: &BTreeSet<&str>) -> String {
    let named: Vec<&str> = open.iter().take(NAMED).copied().collect();
    let what = match open.len().saturating_sub(NAMED) {
        _ if open.is_empty() => String::new(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    };
    let (is, it) = if open.len() == 1 { ("is", "it is") } else { ("are", "they are") };
    match what.is_empty() {
        true => "stopping (once more to end at once)".to_owned(),
        false => format!("stopping: {what} {is} set aside unless {it} about to end (once more to end at once)"),
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_first_signal_names_what_is_set_aside() {
        let cases = [
            ("", "stopping (once more to end at once)"),
            ("a.zip", "stopping: a.zip is set aside unless it is about to end (once more to end at once)"),
            (
                "a b c d e",
                "stopping: a, b, c and 2 more are set aside unless they are about to end (once more to end at once)",
            ),
        ];
        for (open, wanted) in cases {
            assert_eq!(line(&open.split_whitespace().collect()), wanted);
        }
    }
}
