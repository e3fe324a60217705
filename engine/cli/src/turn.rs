//! Whose turn it is on a data folder: `turn`, a file that is locked by who works with the folder and says who that is.
//!
//! A command keeps its turn to its end; others wait for it, as it does not take long. A run keeps it only until it owns
//! the log, and signs `owner`: who comes next has the turn at once, and finds that the folder is in use, and by whom.

use std::fs::{File, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use runtime::StopSignal;

use crate::environment;
use crate::exit::{Exit, failure};
use crate::show;

/// Name of the file.
const FILE: &str = "turn";
/// The file in which a run that owns the folder says who it is. True as long as somebody has the lock of the log.
const OWNER: &str = "owner";
/// How long a command is waited for. Longer: a script hangs behind a query that never ends.
const AT_MOST: Duration = Duration::from_secs(30);
/// After so long people are told for whom they wait.
const TOLD_AFTER: Duration = Duration::from_secs(1);
/// Time between two looks. Smaller: more work for nothing; larger: commands that follow each other take longer.
const PAUSE: Duration = Duration::from_millis(50);

/// Who takes a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A run, which others do not wait for.
    Run,
    /// A command that asks or changes something and ends.
    Command,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    /// `None` where the folder cannot be written: its log then says what is wrong.
    _file: Option<File>,
}

impl Turn {
    /// Waits for the turn on a folder.
    ///
    /// # Errors
    /// If a command still works with the folder after [`AT_MOST`], or once `stop` was given.
    pub(crate) fn take(folder: &Path, stop: &StopSignal) -> Result<Self> {
        // Never emptied here: until the lock is ours it says who has it.
        let options = File::options().read(true).write(true).create(true).truncate(false).open(folder.join(FILE));
        let Ok(mut file) = options else { return Ok(Self { _file: None }) };
        let (mut waited, mut is_told) = (Duration::ZERO, false);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(error.into()),
                Err(TryLockError::WouldBlock) => {}
            }
            if waited >= TOLD_AFTER && !is_told {
                show::note(&format!(
                    "waits for {}, which works with the data folder {}",
                    owner(folder),
                    folder.display()
                ));
                is_told = true;
            }
            if waited >= AT_MOST || !stop.wait(PAUSE) {
                return Err(failure(
                    Exit::InUse,
                    format!("the data folder {} is in use by {}", folder.display(), owner(folder)),
                    "wait for its end or stop it, or name another folder with --data DIR",
                ));
            }
            waited += PAUSE;
        }
        // What cannot be written is only a name: the lock is what keeps others out.
        let _ = sign(&mut file);
        Ok(Self { _file: Some(file) })
    }

    /// The turn, if this role keeps it once the folder is owned.
    pub(crate) fn kept_by(self, role: Role) -> Option<Self> {
        (role == Role::Command).then_some(self)
    }
}

/// Writes down who has the turn.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{} (process {})", environment::command(), std::process::id())
}

/// Writes down which run owns the folder. What cannot be written is only a name.
pub(crate) fn sign_owner(folder: &Path) {
    let since = show::time(environment::now());
    let text = format!("{} (process {}, since {since})\n", environment::command(), std::process::id());
    let _ = std::fs::write(folder.join(OWNER), text);
}

/// That a run has the folder that is to be opened.
pub(crate) fn in_use(folder: &Path) -> anyhow::Error {
    failure(
        Exit::InUse,
        format!("the data folder {} is in use by {}", folder.display(), named(folder, OWNER)),
        "stop that process, or name another folder with --data DIR",
    )
}

/// Who has the turn, for the middle of a sentence.
fn owner(folder: &Path) -> String {
    named(folder, FILE)
}

/// Who is named in a file of the folder.
fn named(folder: &Path, file: &str) -> String {
    let said = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let first = said.lines().next().unwrap_or_default().trim();
    if first.is_empty() { "another process".to_owned() } else { first.to_owned() }
}
