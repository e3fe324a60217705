//! Exit statuses. They are an interface: changed only with a note in CHANGELOG.md.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Exit {
    /// All went well.
    Fine = 0,
    /// A topology's tests failed.
    TestsFailed = 1,
    /// `plan` found something destructive.
    Destructive = 2,
    /// A run ended with a document refused (now or still) or a flow on hold.
    Refused = 3,
    /// `reconcile` found a gap or a repeat.
    NotReconciled = 4,
    /// The command line is wrong.
    Usage = 64,
    /// A topology file is wrong.
    Topology = 65,
    /// A service cannot be reached.
    Unreachable = 69,
    /// A fault of the program.
    Bug = 70,
    /// The data folder is in use by another process.
    InUse = 73,
    /// Another process has taken over: start this one again.
    Fenced = 75,
    /// The connections or the environment are wrong.
    Environment = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that a person can act on, with the status that it ends the program with.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) what: String,
    /// What helps.
    pub(crate) remedy: String,
}

/// A failure as an `anyhow` error.
pub(crate) fn failure(exit: Exit, what: impl Into<String>, remedy: impl Into<String>) -> anyhow::Error {
    Failure { exit, what: what.into(), remedy: remedy.into() }.into()
}

/// An error as it travels to another process.
pub(crate) fn as_failure(error: anyhow::Error) -> Failure {
    error.downcast::<Failure>().unwrap_or_else(|error| Failure {
        exit: status_of(&error),
        what: format!("{error:#}"),
        remedy: String::new(),
    })
}

/// The status of an error: that of the first cause that has one.
pub(crate) fn status_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.exit;
        }
        match cause.downcast_ref::<log::LogError>() {
            Some(log::LogError::InUse) => return Exit::InUse,
            Some(log::LogError::Fenced) => return Exit::Fenced,
            Some(log::LogError::Format { .. }) => return Exit::Environment,
            _ => {}
        }
    }
    Exit::Bug
}
