//! Prometheus' own tool, as `services/prometheus.sh` has it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{Said, root};

/// Runs it in a folder.
pub(crate) fn promtool(folder: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(root().join("services/prometheus.sh"));
    command.arg("promtool").args(words).current_dir(folder).stdin(Stdio::null());
    command.output().expect("the script starts").into()
}
