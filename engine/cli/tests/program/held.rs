//! A service that one of the scripts in `services/` holds for a test: it ends with the test, however that ends, as the
//! script waits for the end of its input.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::root;

/// A service that runs.
pub(crate) struct Held {
    script: Child,
    pipe: Option<ChildStdin>,
    /// What the script printed: where the service answers.
    pub(crate) address: String,
}

impl Held {
    /// Starts a service on a free port, in a folder of the test's own.
    #[track_caller]
    pub(crate) fn start(script: &str, folder: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(root().join("services").join(script));
        command.arg("hold").arg(folder).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut script = command.spawn().expect("the script starts");
        let pipe = script.stdin.take();
        let mut line = String::new();
        BufReader::new(script.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let mut reason = String::new();
        if line.trim().is_empty() {
            let _ = script.stderr.take().expect("piped").read_to_string(&mut reason);
        }
        assert!(!line.trim().is_empty(), "this test needs a real service, which did not start: {reason}");
        Self { script, pipe, address: line.trim().to_owned() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.script.wait();
    }
}
