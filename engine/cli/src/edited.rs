//! Files of topologies that were written to since the run began that is going on: it goes on by what it has read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is different in the file of a topology that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Edited {
    /// It, or a file that it uses, means something else.
    Differs,
    /// It has mistakes, so that no run would begin.
    Broken,
    /// It is gone, or is another topology's.
    Gone,
}

impl Edited {
    /// What `status` says of it.
    pub(crate) fn line(self, topology: &str, file: &str) -> String {
        match self {
            Self::Differs => format!(
                "edited: {file} has changed since this run of {topology} began, and counts once the run is started again; \
                 spotlight check {file} looks at it first"
            ),
            Self::Broken => format!(
                "edited: {file} has changed since this run of {topology} began, and has mistakes, with which no run would \
                 start: spotlight check {file}"
            ),
            Self::Gone => format!("edited: {topology} runs, and {file} is not its file any more"),
        }
    }
}

/// What is different in the files of topologies that run: each by its name, with its revision and its file. They are read
/// together, as the run has read them.
pub(crate) fn edited(running: &BTreeMap<String, (String, PathBuf)>) -> BTreeMap<String, Edited> {
    let there: BTreeSet<PathBuf> =
        running.values().map(|(_, file)| file).filter(|file| file.exists()).cloned().collect();
    let loaded = topology::load(&there.iter().cloned().collect::<Vec<_>>(), &topology::DiskFiles);
    let broken = |file: &PathBuf| {
        let name = file.display().to_string();
        let wrong = |finding: &topology::Diagnostic| {
            finding.severity == topology::Severity::Error && *finding.excerpt.position.file == *name
        };
        loaded.findings.iter().any(wrong)
    };
    let of = |(name, (revision, file)): (&String, &(String, PathBuf))| {
        let now = loaded.topologies.iter().find(|one| *one.name == **name);
        let edited = match now {
            Some(now) if *now.revision == **revision => return None,
            Some(_) => Edited::Differs,
            None if there.contains(file) && broken(file) => Edited::Broken,
            None => Edited::Gone,
        };
        Some((name.clone(), edited))
    };
    running.iter().filter_map(of).collect()
}
