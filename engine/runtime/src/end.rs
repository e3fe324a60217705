//! How a task ends.

use log::LogError;

/// Why a task ended before its input did. A closed list: the supervisor matches on it.
#[derive(Debug, thiserror::Error)]
pub enum TaskEnd {
    /// The engine is stopping.
    #[error("stopped")]
    Stopped,
    /// A test killed it.
    #[error("killed by a test")]
    Killed,
    /// A person must act, and the run was told to end rather than wait.
    #[error("on hold")]
    Held,
    /// Another process has taken over: exit status 75.
    #[error("another process has taken over")]
    Fenced,
    /// The log failed: exit status 70 unless the supervisor starts the task again.
    #[error("the log failed")]
    Log(#[source] LogError),
    /// A fault of the program: exit status 70.
    #[error("a fault of the program: {0}")]
    Fault(String),
}

impl TaskEnd {
    /// A fault of the program, with the whole chain of causes.
    pub fn fault(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        Self::Fault(text)
    }
}

impl From<LogError> for TaskEnd {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Fenced => Self::Fenced,
            error => Self::Log(error),
        }
    }
}
