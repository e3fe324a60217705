//! Runs the program as a user does, under a watchdog.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A slow machine may take so long; a program that hangs must not hang the tests.
const WATCHDOG: Duration = Duration::from_secs(400);

/// A fresh folder below the build's own.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("an old folder is removed");
    }
    std::fs::create_dir_all(folder.parent().expect("it has a parent")).expect("a folder is made");
    folder
}

/// Runs the program to its end. The folder that it runs in holds nothing of the repository.
#[expect(clippy::disallowed_methods, reason = "a watchdog beside the program")]
pub(crate) fn spotlight(arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spotlight"));
    command.args(arguments).arg("--data").arg(data).current_dir(env!("CARGO_TARGET_TMPDIR"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the program starts");
    let process = child.id();
    let (done, ended) = mpsc::channel();
    let watch = thread::spawn(move || {
        if ended.recv_timeout(WATCHDOG).is_err() {
            let _ended = Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
    });
    let output = child.wait_with_output().expect("the program ends");
    done.send(()).ok();
    watch.join().expect("the watch ends");
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the program said, after it ended as it should.
pub(crate) fn said(arguments: &[&str], data: &Path, status: i32) -> String {
    let output = spotlight(arguments, data);
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{said}\n{errors}");
    said
}
