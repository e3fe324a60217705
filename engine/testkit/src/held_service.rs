//! A real service that one of the scripts in `services/` holds for a test.
//!
//! It is held by a pipe: `services/NAME.sh hold` kills the service when the pipe closes, and the system closes the pipe
//! when this process ends, however it ends. So nothing is left behind, and nothing else is stopped.
//!
//! A service that does not start, and a script that fails, end the test with what was said: nothing is skipped here.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A service that runs, or that a test has stopped and will start again.
#[derive(Debug)]
pub struct HeldService {
    program: PathBuf,
    folder: PathBuf,
    address: String,
    script: Child,
    pipe: Option<ChildStdin>,
}

impl HeldService {
    /// Starts a service, such as `kafka.sh`, on a free port, with its data below a folder of the test's own. `options` are
    /// those of the script's `up`.
    #[must_use]
    #[track_caller]
    pub fn start(script: &str, folder: &Path, options: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services").join(script);
        let mut command = Command::new(&program);
        command.arg("hold").arg(folder).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut script = command.spawn().expect("the script starts");
        let pipe = script.stdin.take();
        let mut line = String::new();
        BufReader::new(script.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let address = line.trim().to_owned();
        let mut reason = String::new();
        if address.is_empty() {
            let _ = script.stderr.take().expect("piped").read_to_string(&mut reason);
        }
        assert!(!address.is_empty(), "this test needs a real service, which did not start: {reason}");
        Self { program, folder: folder.to_owned(), address, script, pipe }
    }

    /// What the script printed: where the service answers.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where its data and its log lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs another command of the script on this service, and gives what it printed.
    #[track_caller]
    pub fn run(&self, command: &str, arguments: &[&str]) -> String {
        let mut line = Command::new(&self.program);
        let output = line.arg(command).arg(&self.folder).args(arguments).output().expect("the script starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command} {arguments:?}: {said}{errors}");
        said
    }

    /// Kills it as a power cut would end its process.
    #[track_caller]
    pub fn kill(&self) {
        self.run("kill", &[]);
    }

    /// Starts what does not run, on the same port, with its data; returns when it serves.
    #[track_caller]
    pub fn start_again(&self) {
        self.run("up", &[]);
    }
}

impl Drop for HeldService {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.script.wait();
    }
}

/// A folder of this process for services, below the build's own (`CARGO_TARGET_TMPDIR` of the test). Those of processes
/// that have ended are removed.
#[must_use]
#[track_caller]
pub fn service_folder(build: &Path, name: &str) -> PathBuf {
    let base = build.join(name);
    std::fs::create_dir_all(&base).expect("a folder");
    for entry in std::fs::read_dir(&base).expect("a folder").flatten() {
        let ended = entry.file_name().to_str().is_some_and(|process| !Path::new("/proc").join(process).exists());
        // The script that ends a service finds it by a file in there, and may not have come to it yet.
        if ended && !serves(&entry.path(), 3) {
            // Another run may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let folder = base.join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Whether a service of this folder, or of one some levels below, still runs.
fn serves(folder: &Path, levels: u32) -> bool {
    let process = std::fs::read_to_string(folder.join("pid")).ok();
    if process.is_some_and(|process| Path::new("/proc").join(process.trim()).exists()) {
        return true;
    }
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten();
    levels > 0 && below.filter(|entry| entry.path().is_dir()).any(|entry| serves(&entry.path(), levels - 1))
}
