//! What can go wrong when a registry is asked, by what to do next.

use batch::Code;

use crate::explanations::{INCOMPATIBLE, INVALID, LOGIN, UNAVAILABLE, UNKNOWN_ID, UNKNOWN_SUBJECT, UNUSABLE};
use crate::wire::SchemaId;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Try again later, for ever: it ends by itself.
    Transient,
    /// A record that nobody can read: a dead letter. Other records of its topic may be good.
    BadData,
    /// Somebody must mend something first.
    Operator,
}

/// Why a registry did not do what was asked. Each message is complete and bounded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, answers too late, or cannot serve now (429, 5xx).
    #[error("the schema registry cannot be asked: {what}")]
    Unavailable {
        /// What happened.
        what: String,
    },
    /// It does not know the id (40403).
    #[error("the schema registry knows no schema with the id {id}")]
    UnknownId {
        /// The id.
        id: SchemaId,
    },
    /// It does not know the subject (40401).
    #[error("the schema registry knows no subject `{subject}`")]
    UnknownSubject {
        /// The subject.
        subject: String,
    },
    /// It does not know this version of the subject (40402).
    #[error("the schema registry knows no such version of the subject `{subject}`")]
    UnknownVersion {
        /// The subject.
        subject: String,
    },
    /// The subject is there, and not with this schema (40403).
    #[error("the schema is not registered under the subject `{subject}`, and may not be registered here")]
    NotRegistered {
        /// The subject.
        subject: String,
    },
    /// The subject does not take the schema (409).
    #[error("the subject `{subject}` does not take the schema: {}", reasons.join("; "))]
    Incompatible {
        /// The subject.
        subject: String,
        /// The registry's reasons, field by field where it gives them.
        reasons: Vec<String>,
    },
    /// The login is refused (401), or does not allow this (403).
    #[error("the schema registry refuses the login (status {status})")]
    Login {
        /// The status.
        status: u16,
    },
    /// What was sent is no schema (422).
    #[error("the schema registry cannot read the schema: {what}")]
    Invalid {
        /// The registry's words.
        what: String,
    },
    /// Settings that cannot work, or an answer that means nothing here.
    #[error("the schema registry cannot be used: {what}")]
    Unusable {
        /// What is wrong.
        what: String,
    },
}

impl RegistryError {
    /// What to do about it. Whether an unknown id is bad data or a wrong address, only the caller can know: one among
    /// good ones is bad data, the first of all is rather the address.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Unavailable { .. } => Class::Transient,
            Self::UnknownId { .. } => Class::BadData,
            Self::UnknownSubject { .. } | Self::UnknownVersion { .. } | Self::NotRegistered { .. } => Class::Operator,
            Self::Incompatible { .. } | Self::Login { .. } | Self::Invalid { .. } | Self::Unusable { .. } => {
                Class::Operator
            }
        }
    }

    /// Under which people find more.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unavailable { .. } => UNAVAILABLE,
            Self::UnknownId { .. } => UNKNOWN_ID,
            Self::UnknownSubject { .. } | Self::UnknownVersion { .. } | Self::NotRegistered { .. } => UNKNOWN_SUBJECT,
            Self::Incompatible { .. } => INCOMPATIBLE,
            Self::Login { .. } => LOGIN,
            Self::Invalid { .. } => INVALID,
            Self::Unusable { .. } => UNUSABLE,
        }
    }
}
