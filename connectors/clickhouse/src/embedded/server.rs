//! The parent's side: starts the child, waits until it answers, starts it again if it died, and ends it.
//!
//! The port is chosen here and kept over a restart, so that clients need not learn a new address; it changes only if
//! something else took it meanwhile. The pipe to the child's standard input is what it lives by: it ends when the pipe
//! does, however this process ends.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::configuration::{Files, USER};
use super::pause::wait_for;
use crate::client::{ClickHouse, ClickHouseSettings, Password};
use crate::codes;
use crate::errors::{ClickHouseError, chain};

/// How often the child is started at most when its port was taken between choice and use, or when it was killed.
const TRIES: usize = 5;

/// What ClickHouse says when another process has its folder.
const FOLDER_IN_USE: &str = "Another server instance in same directory is already running";

/// How long the child may take to end after its input has ended. It takes 5 to 120 ms; a large merge may hold it up.
const END: Duration = Duration::from_secs(10);

/// What the child runs.
#[derive(Clone, Debug)]
pub enum Program {
    /// ClickHouse as a library, loaded by a child of ours.
    Library {
        /// How to start the child: a program and its first arguments; those of [`super::serve`] follow.
        child: Vec<OsString>,
        /// The library's file.
        library: PathBuf,
    },
    /// A `clickhouse` program, run as a full server.
    Binary(PathBuf),
}

/// How to run an embedded server.
#[derive(Clone, Debug)]
pub struct EmbeddedSettings {
    /// Its folder, made if missing. One server at a time.
    pub data: PathBuf,
    /// What to run.
    pub program: Program,
    /// Threads for merges. The default follows the cores and is 2 on a small machine, which falls behind many inserts.
    pub background_threads: u16,
    /// How long the server may take to answer after its start.
    pub start_deadline: Duration,
}

impl EmbeddedSettings {
    /// Settings with 8 threads for merges and a minute to start.
    #[must_use]
    pub fn new(data: PathBuf, program: Program) -> Self {
        Self { data, program, background_threads: 8, start_deadline: Duration::from_secs(60) }
    }
}

/// Why an embedded server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The folder cannot be used.
    #[error("cannot prepare the folder {folder}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// The child could not be started.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// There is no command to start.
    #[error("the command of the child is empty")]
    NoCommand,
    /// No port of the loopback interface is free.
    #[error("no free port on the loopback interface")]
    Port(#[source] io::Error),
    /// The child ended before it answered.
    #[error("the embedded ClickHouse ended with {status}: {output}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// What it said, its cause first.
        output: String,
    },
    /// The child did not answer in time.
    #[error("the embedded ClickHouse did not answer in time: {output}")]
    Silent {
        /// What it said, its cause first, and the last error of a login.
        output: String,
    },
    /// The client could not be made.
    #[error("cannot make a client of the embedded ClickHouse")]
    Client(#[source] ClickHouseError),
}

impl EmbeddedError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> batch::Code {
        codes::NO_START
    }
}

/// A running server. Dropping it ends the server.
#[derive(Debug)]
pub struct EmbeddedServer {
    settings: EmbeddedSettings,
    files: Files,
    password: Password,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    port: u16,
    /// Its standard input is the pipe that it lives by.
    child: Option<Child>,
}

impl EmbeddedServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// If the folder cannot be used, or the child ends or stays silent.
    pub fn start(mut settings: EmbeddedSettings) -> Result<Self, EmbeddedError> {
        let folder = |source| EmbeddedError::Folder { folder: settings.data.clone(), source };
        // The child's configuration names its files from the root.
        let absolute = std::path::absolute(&settings.data).map_err(folder)?;
        let files = Files::in_folder(&absolute);
        let password = files.prepare().map_err(folder)?;
        settings.data = absolute;
        let state = Mutex::new(State { port: free_port()?, child: None });
        let server = Self { settings, files, password, state };
        server.launch(&mut server.state())?;
        Ok(server)
    }

    /// The address of its HTTP interface.
    #[must_use]
    pub fn url(&self) -> String {
        address(self.state().port)
    }

    /// The user to log in as.
    #[must_use]
    pub fn user(&self) -> &'static str {
        USER
    }

    /// That user's password.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.password
    }

    /// Settings of a client of this server.
    #[must_use]
    pub fn client_settings(&self) -> ClickHouseSettings {
        ClickHouseSettings::new(self.url(), USER, self.password.clone())
    }

    /// The child's process number, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.state().child.as_ref().map(Child::id)
    }

    /// True while the child runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        alive(&mut self.state())
    }

    /// Starts the server again if it has died; says whether it had. To be called now and then, and after a lost connection.
    ///
    /// # Errors
    /// As [`EmbeddedServer::start`].
    pub fn ensure_alive(&self) -> Result<bool, EmbeddedError> {
        let mut state = self.state();
        if alive(&mut state) {
            // A process that was killed refuses connections a little before it is gone.
            let refused = TcpStream::connect(("127.0.0.1", state.port))
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
            if !refused {
                return Ok(false);
            }
        }
        self.launch(&mut state)?;
        Ok(true)
    }

    /// Ends the server and starts it again.
    ///
    /// # Errors
    /// As [`EmbeddedServer::start`].
    pub fn restart(&self) -> Result<(), EmbeddedError> {
        let mut state = self.state();
        end(&mut state);
        self.launch(&mut state)
    }

    /// Ends the server and waits until it is gone.
    pub fn stop(&self) {
        end(&mut self.state());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in between leaves a child or none; both are handled.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self, state: &mut State) -> Result<(), EmbeddedError> {
        end(state);
        let folder = |source| EmbeddedError::Folder { folder: self.settings.data.clone(), source };
        self.files.prepare().map_err(folder)?;
        let (mut attempt, mut in_use) = (1, None);
        // Waits by tries, each of which takes some 0.2 s itself: about as long as the server may take to answer.
        let launched = wait_for(self.settings.start_deadline / 10, || match self.launch_once(state) {
            // The child of a process that was killed is still ending; it has the folder until then.
            Err(error @ EmbeddedError::Ended { .. }) if error.to_string().contains(FOLDER_IN_USE) => {
                in_use = Some(error);
                None
            }
            Err(EmbeddedError::Ended { output, .. })
                if attempt < TRIES && output.contains("Address already in use") =>
            {
                attempt += 1;
                state.port = free_port().ok()?;
                None
            }
            // Something killed it before it answered, such as a lack of memory that may pass.
            Err(EmbeddedError::Ended { status, .. }) if attempt < TRIES && status.signal().is_some() => {
                attempt += 1;
                None
            }
            done => Some(done),
        });
        launched.unwrap_or_else(|| {
            let silent = || EmbeddedError::Silent { output: "every start failed".to_owned() };
            Err(in_use.take().unwrap_or_else(silent))
        })
    }

    fn launch_once(&self, state: &mut State) -> Result<(), EmbeddedError> {
        let folder = |source| EmbeddedError::Folder { folder: self.settings.data.clone(), source };
        let threads = self.settings.background_threads;
        let (mut command, program) = match &self.settings.program {
            Program::Library { child, library } => {
                self.files.write_library_config(threads).map_err(folder)?;
                let (program, first) = child.split_first().ok_or(EmbeddedError::NoCommand)?;
                let mut command = Command::new(program);
                command.args(first).arg(library).arg(&self.settings.data).arg(state.port.to_string());
                (command, PathBuf::from(program))
            }
            Program::Binary(binary) => {
                self.files.write_server_config(threads, state.port).map_err(folder)?;
                (full_server(binary, &self.files.config), binary.clone())
            }
        };
        let output = fs::File::create(&self.files.output).map_err(folder)?;
        let errors = output.try_clone().map_err(folder)?;
        command.stdin(Stdio::piped()).stdout(output).stderr(errors);
        // A Ctrl-C in a terminal goes to the whole group of processes. Ours may still have rows to land then.
        command.process_group(0);
        let child = command.spawn().map_err(|source| EmbeddedError::Spawn { program, source })?;
        state.child = Some(child);
        let started = self.wait_until_it_answers(state);
        if started.is_err() {
            end(state);
        }
        started
    }

    fn wait_until_it_answers(&self, state: &mut State) -> Result<(), EmbeddedError> {
        let mut settings = ClickHouseSettings::new(address(state.port), USER, self.password.clone());
        settings.timeout = Duration::from_secs(5);
        let client = ClickHouse::new(&settings).map_err(EmbeddedError::Client)?;
        let mut last_error = String::new();
        let answered = wait_for(self.settings.start_deadline, || {
            let status = state.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = status {
                return Some(Err(EmbeddedError::Ended { status, output: told(&self.files.output) }));
            }
            // A login proves that it is our server, and not another one on the same port.
            match client.execute("SELECT 1 FORMAT Null", &[]) {
                Ok(()) => Some(Ok(())),
                Err(error) => {
                    last_error = chain(&error);
                    None
                }
            }
        });
        answered.unwrap_or_else(|| {
            let output = format!("{} {last_error}", told(&self.files.output));
            Err(EmbeddedError::Silent { output: output.trim().to_owned() })
        })
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A full server lives by its signals, not by its input; a shell in between ends it when the pipe ends. Not tried against
/// every packaging of the program; the library is the way that the tests go.
fn full_server(binary: &Path, config: &Path) -> Command {
    const SCRIPT: &str = r#"exec 3<&0
"$1" server --config-file="$2" & server=$!
{ cat <&3 >/dev/null; kill "$server" 2>/dev/null; } &
wait "$server""#;
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "sh"]).arg(binary).arg(config);
    command.env("CLICKHOUSE_WATCHDOG_ENABLE", "0");
    command
}

fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn free_port() -> Result<u16, EmbeddedError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(EmbeddedError::Port)?;
    Ok(listener.local_addr().map_err(EmbeddedError::Port)?.port())
}

fn alive(state: &mut State) -> bool {
    state.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
}

fn end(state: &mut State) {
    let Some(mut child) = state.child.take() else { return };
    drop(child.stdin.take());
    let ended = wait_for(END, || child.try_wait().ok().flatten());
    if ended.is_none() {
        // What is acknowledged is on disk already; only the pleasantness of the end is lost.
        let _ = child.kill();
    }
    let _ = child.wait();
}

/// What the child said, its cause first. The file is of this start alone.
fn told(path: &Path) -> String {
    /// A start says little; a child that says more than this has said why long before.
    const BYTES: u64 = 1024 * 1024;
    let mut said = Vec::new();
    // Best effort: what can be read of it is better than nothing.
    let _ = fs::File::open(path).and_then(|file| file.take(BYTES).read_to_end(&mut said));
    cause(&String::from_utf8_lossy(&said))
}

/// What a server said from the line on that names its error, cut at its end; without such a line its first words.
fn cause(said: &str) -> String {
    let names_error = |line: &str| line.contains("Exception: ") || line.starts_with("error: ");
    let mut lines = said.lines().skip_while(|line| !names_error(line));
    let Some(first) = lines.next() else {
        return batch::bounded(said.trim());
    };
    // A time and the name of a thread may stand before the code.
    let first = first.find("Code: ").map_or(first, |at| &first[at..]);
    let words = first.split_whitespace().chain(lines.flat_map(str::split_whitespace));
    batch::bounded(&words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::cause;

    #[test]
    fn a_long_message_is_cut_at_its_end_and_begins_with_its_cause() {
        let error =
            "Code: 76. DB::Exception: Cannot lock file /data/status. Another server instance runs. (CANNOT_OPEN_FILE)";
        let before = "2026.01.05 10:00:00 <Information> starting\n".repeat(200);
        let after = "\n0. DB::Exception::Exception(...) @ 0x0000abcd in /lib/server.so".repeat(200);
        for said in [error.to_owned(), format!("{error}{after}"), format!("{before}2026.01.05 <Error> {error}{after}")]
        {
            let told = cause(&said);
            assert!(told.starts_with(error) && told.len() <= 503, "{told}");
        }
        let lost = "clickhouse: error while loading shared libraries: libssl.so.3";
        assert_eq!(cause(&format!("  {lost}\n")), lost);
        assert!(cause(&before).ends_with('…') && cause(&before).starts_with("2026"));
        assert_eq!(cause(""), "");
    }
}
