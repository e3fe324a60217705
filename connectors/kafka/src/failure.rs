//! What went wrong with Kafka, as text: which call, the client's code and its reason. No type of the client leaves this crate.

use log::LogError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// A call that Kafka or its client refused, or did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("Kafka: {call} failed: {reason}")]
pub struct KafkaFailure {
    call: &'static str,
    reason: String,
    code: Option<RDKafkaErrorCode>,
}

impl KafkaFailure {
    /// A failure with a reason of ours.
    pub(crate) fn new(call: &'static str, reason: impl Into<String>) -> Self {
        Self { call, reason: reason.into(), code: None }
    }

    /// A failure that the client has a code for. `detail` may be empty.
    pub(crate) fn coded(call: &'static str, code: RDKafkaErrorCode, detail: &str) -> Self {
        let reason = if detail.is_empty() { code.to_string() } else { format!("{code}: {detail}") };
        Self { call, reason, code: Some(code) }
    }

    /// A failure of the safe client.
    pub(crate) fn of(call: &'static str, error: &KafkaError) -> Self {
        match error {
            KafkaError::Transaction(error) => Self::coded(call, error.code(), &error.string()),
            other => Self { call, reason: other.to_string(), code: other.rdkafka_error_code() },
        }
    }

    /// Adds what the client last said about its connections, which is often the cause.
    pub(crate) fn because(mut self, cause: Option<String>) -> Self {
        if let Some(cause) = cause {
            self.reason = format!("{} (last said by the client: {cause})", self.reason);
        }
        self
    }

    /// True if asking again in a moment will do: a leader or a coordinator is being found, or a transaction settled.
    pub(crate) fn passes(&self) -> bool {
        use RDKafkaErrorCode as Code;
        matches!(
            self.code,
            Some(
                Code::CoordinatorLoadInProgress
                    | Code::CoordinatorNotAvailable
                    | Code::LeaderNotAvailable
                    | Code::NotCoordinator
                    | Code::NotLeaderForPartition
                    | Code::UnknownPartition
                    | Code::UnknownTopic
                    | Code::UnknownTopicOrPartition
                    | Code::UnstableOffsetCommit
            )
        )
    }

    pub(crate) fn code(&self) -> Option<RDKafkaErrorCode> {
        self.code
    }
}

/// Nothing happened; trying again may help.
impl From<KafkaFailure> for LogError {
    fn from(failure: KafkaFailure) -> Self {
        Self::Away(Box::new(failure))
    }
}
