//! Exit statuses. They are an interface: changed only with a note in CHANGELOG.md.

use std::process::ExitCode;

use clickhouse_connector::ClickHouseError;
use serde::{Deserialize, Serialize};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Exit {
    /// All went well.
    Fine = 0,
    /// A topology's tests failed, or written files are not as they would be.
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
    let (exit, remedy) = (status_of(&error), remedy_of(&error).unwrap_or_default());
    error.downcast::<Failure>().unwrap_or_else(|error| Failure { exit, what: format!("{error:#}"), remedy })
}

/// The error of a command that was given in a folder which is gone: whatever it could not do, that is why. Not of one that
/// found its data folder, and was kept from it or out of it by another process.
pub(crate) fn without_a_folder(error: anyhow::Error) -> anyhow::Error {
    match status_of(&error) {
        Exit::InUse | Exit::Fenced => error,
        _ => failure(
            Exit::Usage,
            format!("the folder that this was started in is gone: {error:#}"),
            "go to a folder that is there (cd DIR), and give the command again",
        ),
    }
}

/// What is told of a log that does not answer, if the error says that.
pub(crate) fn away(error: &anyhow::Error) -> Option<String> {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<log::LogError>());
    causes.any(|cause| matches!(cause, log::LogError::Away(_))).then(|| format!("{error:#}"))
}

/// The status of an error: that of the first cause that has one.
pub(crate) fn status_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(known).map_or(Exit::Bug, |(exit, _)| exit)
}

/// What helps against an error: the word of the first cause that has one.
pub(crate) fn remedy_of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(known).map(|(_, remedy)| remedy).filter(|remedy| !remedy.is_empty())
}

/// The status and the remedy of a cause that people can do something about.
fn known(cause: &(dyn std::error::Error + 'static)) -> Option<(Exit, String)> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some((failure.exit, failure.remedy.clone()));
    }
    if let Some(error) = cause.downcast_ref::<log::LogError>() {
        return of_log(error);
    }
    if let Some(error) = cause.downcast_ref::<ClickHouseError>() {
        use ClickHouseError::{Lost, TimedOut, Unreachable};
        let away = matches!(error, Unreachable { .. } | Lost { .. } | TimedOut { .. });
        return away.then(|| (Exit::Unreachable, "give the same command again once ClickHouse answers".to_owned()));
    }
    let error = cause.downcast_ref::<std::io::Error>()?;
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let full = matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge);
    full.then(|| (Exit::Environment, "make room on the disk, then give the same command again".to_owned()))
}

/// The status of what a log refused to a command, and what helps.
fn of_log(error: &log::LogError) -> Option<(Exit, String)> {
    use log::LogError;
    let (exit, remedy) = match error {
        LogError::Partitions { found, .. } => {
            let remedy = format!("write `partitions: {found}` in the topology; spotlight explain E5305 says more");
            return Some((Exit::Topology, remedy));
        }
        LogError::InUse => (Exit::InUse, "stop the other process, or name another folder with --data DIR"),
        LogError::Fenced => (Exit::Fenced, ""),
        LogError::Format { .. } => (Exit::Environment, "spotlight explain E5302 says what can be done"),
        LogError::Damaged(_) => (Exit::Environment, "spotlight explain E5303 says what can be done"),
        LogError::Store(_) => (
            Exit::Environment,
            "make room on the disk of the data folder, then give the same command again; spotlight explain E5304 says \
             more",
        ),
        LogError::Away(_) => {
            (Exit::Unreachable, "give the same command again once the log answers: nothing was changed")
        }
        LogError::Unknown(_) | LogError::NotOwned { .. } => {
            (Exit::Fenced, "look what was done, then give the command again")
        }
        _ => return None,
    };
    Some((exit, remedy.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use anyhow::Context;
    use clickhouse_connector::ClickHouseError;
    use log::LogError;

    use super::{Exit, as_failure, failure, remedy_of, status_of};

    #[test]
    fn what_people_can_mend_is_no_fault_of_the_program_however_deep_it_lies() {
        let full = || Error::from(ErrorKind::StorageFull);
        let of_task = |error| runtime::TaskEnd::Log(error);
        let partitions = LogError::Partitions { topic: "feed.rows".into(), found: 4, wanted: 6 };
        let cases: [(anyhow::Error, Exit, &str); 9] = [
            (partitions.into(), Exit::Topology, "`partitions: 4`"),
            (of_task(LogError::Store(Box::new(full()))).into(), Exit::Environment, "E5304"),
            (of_task(LogError::Damaged("block 7".into())).into(), Exit::Environment, "E5303"),
            (LogError::Away(Box::new(full())).into(), Exit::Unreachable, "once the log answers"),
            (LogError::Unknown(Box::new(full())).into(), Exit::Fenced, "look what was done"),
            (full().into(), Exit::Environment, "make room"),
            (
                ClickHouseError::TimedOut { address: "there".into() }.into(),
                Exit::Unreachable,
                "once ClickHouse answers",
            ),
            (failure(Exit::Usage, "wrong", "such as this"), Exit::Usage, "such as this"),
            (LogError::Misuse("a bug".into()).into(), Exit::Bug, ""),
        ];
        for (error, exit, remedy) in cases {
            let error = Err::<(), _>(error).context("while something was done").expect_err("an error");
            assert_eq!(status_of(&error), exit, "{error:#}");
            assert!(remedy_of(&error).unwrap_or_default().contains(remedy), "{error:#}");
            let sent = as_failure(error);
            assert!(sent.exit == exit && sent.remedy.contains(remedy), "{sent:?}");
        }
    }
}
