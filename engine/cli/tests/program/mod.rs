//! The program as its users have it: the built binary, folders of a test's own, and processes that are waited for.
//!
//! Nothing here reaches into the program: a test sees what is printed, how a process ends, and what is in the tables.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod scrape;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that a test waits for. Long enough for a machine that has other work.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).expect("two folders up").to_owned()
}

/// A variable of the environment, for what the prose of a test says can be set.
#[expect(clippy::disallowed_methods, reason = "a test is told by its caller how much to do")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Now. Tests of processes cannot be given a clock.
#[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The program, not yet started, in the workspace's folder, without an input and without settings of its caller.
pub(crate) fn spotlight<Word: AsRef<std::ffi::OsStr>>(words: impl IntoIterator<Item = Word>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spotlight"));
    command.args(words).current_dir(root()).stdin(Stdio::null()).env_remove("SPOTLIGHT_LOG");
    command.env("SPOTLIGHT_LISTEN", "off").env_remove("SPOTLIGHT_LOG_FORMAT").env_remove("SPOTLIGHT_LISTEN_TOKEN");
    command
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Said {
    /// Fails unless the command ended with this status.
    #[track_caller]
    pub(crate) fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "output:\n{}\nerrors:\n{}", self.output, self.errors);
        self
    }

    /// The output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.output).expect("the output is JSON")
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn say<Word: AsRef<std::ffi::OsStr>>(words: impl IntoIterator<Item = Word>) -> Said {
    spotlight(words).output().expect("the program starts").into()
}

/// Waits until something is so; fails at the deadline.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that a test started. It is killed when the test ends before it.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a command; its output goes to a file.
    pub(crate) fn start(mut command: Command, output: &Path) -> Self {
        let file = std::fs::File::options().create(true).append(true).open(output).expect("a file");
        let errors = file.try_clone().expect("a file");
        Self(command.stdout(file).stderr(errors).spawn().expect("the program starts"))
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child can be asked")
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the end of a process", || self.ended())
    }

    /// Waits for its end, at most so long.
    pub(crate) fn wait_for(&mut self, time: Duration) -> Option<ExitStatus> {
        let started = now();
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            let left = time.checked_sub(started.elapsed())?;
            std::thread::sleep(left.min(Duration::from_millis(2)));
        }
    }

    /// Ends it at once: SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("a child can be killed");
        self.0.wait().expect("a child can be waited for");
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// The child of this process that is ClickHouse.
    pub(crate) fn clickhouse(&self) -> Option<u32> {
        processes().into_iter().find(|process| process.parent == self.id() && process.is_clickhouse()).map(|one| one.id)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // Best effort: the test has failed already.
            let _killed = self.0.kill();
            let _ended = self.0.wait();
        }
    }
}

/// Sends a signal to a process of this test. False if it is gone.
pub(crate) fn signal(process: u32, name: &str) -> bool {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).stderr(Stdio::null()).status();
    sent.expect("there is a kill").success()
}

/// A process of the system.
#[derive(Debug)]
struct Running {
    id: u32,
    parent: u32,
    words: String,
}

impl Running {
    fn is_clickhouse(&self) -> bool {
        self.words.contains(" clickhouse-child ")
    }
}

/// All processes that live; those that have ended and were not waited for are none.
fn processes() -> Vec<Running> {
    let read = |id: u32| -> Option<Running> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name stands in brackets and may hold anything; state and parent follow it.
        let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
        let (state, parent) = (rest.next()?, rest.next()?.parse().ok()?);
        let words = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        (!matches!(state, "Z" | "X")).then_some(Running { id, parent, words })
    };
    let entries = std::fs::read_dir("/proc").expect("the list of processes").flatten();
    entries.filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// ClickHouse processes of a data folder, whoever their parent is.
pub(crate) fn clickhouses_of(data: &Path) -> Vec<u32> {
    let folder = format!("{}/clickhouse ", data.canonicalize().unwrap_or_else(|_| data.to_owned()).display());
    let of_folder = |process: &Running| process.is_clickhouse() && process.words.contains(&folder);
    processes().into_iter().filter(of_folder).map(|process| process.id).collect()
}
