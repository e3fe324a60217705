//! What went wrong with the object store, and what its client's errors mean.
//!
//! A [`connect::RawError`] carries an [`S3Error`] in its source, whose kind is chosen so that
//! [`connect::RawError::failure`] tells the same; [`S3Error::of`] gets it back. No text has a secret: the client's own
//! errors are taken apart, and of an answer only the store's code and message are shown, bounded.

use std::error::Error;
use std::fmt;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use batch::{Code, bounded};
use connect::RawError;

use crate::codes;

/// Why the object store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3Error {
    /// A setting cannot be right.
    #[error("the object store's {setting} is wrong: {why}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Why.
        why: String,
    },
    /// No answer, or one that says to come again. It passes by itself.
    #[error("{place} cannot be reached: {why}")]
    Unreachable {
        /// What was asked for.
        place: String,
        /// Why.
        why: String,
    },
    /// The credentials are wrong, missing, or lack a right.
    #[error("access to {place} was refused: {why}")]
    Denied {
        /// What was asked for.
        place: String,
        /// The store's words.
        why: String,
    },
    /// There is no such bucket.
    #[error("the bucket of {place} does not exist")]
    NoBucket {
        /// What was asked for.
        place: String,
    },
    /// There is no such object.
    #[error("{place} is not there")]
    Missing {
        /// What was asked for.
        place: String,
    },
    /// The object has other bytes than it is to have. They were left alone.
    #[error("{place} has other bytes")]
    OtherBytes {
        /// The object.
        place: String,
    },
    /// What was stored is not what was sent, or what was to be sent is not what was fetched.
    #[error("bytes for {place} were damaged: {why}")]
    Damaged {
        /// What was to be stored.
        place: String,
        /// What was seen.
        why: String,
    },
    /// An answer that is none of the above.
    #[error("{place} was refused: {why}")]
    Refused {
        /// What was asked for.
        place: String,
        /// The store's words.
        why: String,
    },
}

impl S3Error {
    /// Its code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Setting { .. } => codes::WRONG_SETTING,
            Self::Unreachable { .. } => codes::UNREACHABLE,
            Self::Denied { .. } => codes::DENIED,
            Self::NoBucket { .. } => codes::NO_BUCKET,
            Self::Missing { .. } => codes::MISSING,
            Self::OtherBytes { .. } => codes::OTHER_BYTES,
            Self::Damaged { .. } => codes::DAMAGED,
            Self::Refused { .. } => codes::REFUSED,
        }
    }

    /// Whether it may pass by itself.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Damaged { .. })
    }

    /// The error within one of a raw store, if this crate made it.
    #[must_use]
    pub fn of(error: &RawError) -> Option<&Self> {
        let (RawError::Store { source, .. } | RawError::Content(source)) = error;
        source.get_ref()?.downcast_ref()
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Unreachable { .. } | Self::Damaged { .. } => io::ErrorKind::TimedOut,
            Self::Denied { .. } => io::ErrorKind::PermissionDenied,
            Self::NoBucket { .. } | Self::Missing { .. } => io::ErrorKind::NotFound,
            Self::OtherBytes { .. } => io::ErrorKind::AlreadyExists,
            Self::Setting { .. } | Self::Refused { .. } => io::ErrorKind::InvalidInput,
        }
    }
}

impl From<S3Error> for io::Error {
    fn from(error: S3Error) -> Self {
        Self::new(error.kind(), error)
    }
}

/// The error of a raw store at `place`.
pub(crate) fn raw(place: &str, error: S3Error) -> RawError {
    RawError::Store { place: place.to_owned(), source: error.into() }
}

/// What the client's error means.
pub(crate) fn explain<E>(place: &str, error: &SdkError<E>) -> S3Error
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let place = place.to_owned();
    if let SdkError::ServiceError(answer) = error {
        let status = answer.raw().status().as_u16();
        return answered(place, status, answer.err().code(), answer.err().message());
    }
    if let Some(no_credentials) = cause::<CredentialsError>(error) {
        let why = bounded(&format!("there are no credentials: {}", Causes(no_credentials)));
        return match no_credentials {
            // Whoever gives them may answer later.
            CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
                S3Error::Unreachable { place, why }
            }
            _ => S3Error::Denied { place, why },
        };
    }
    let why = match error {
        SdkError::TimeoutError(_) => "it took too long".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "it took too long".to_owned(),
        other => bounded(&Causes(other).to_string()),
    };
    match error {
        SdkError::ConstructionFailure(_) => S3Error::Refused { place, why },
        _ => S3Error::Unreachable { place, why },
    }
}

/// What an answer means that is no success. A question for the head of an object is answered without a code.
pub(crate) fn answered(place: String, status: u16, code: Option<&str>, message: Option<&str>) -> S3Error {
    let why = match (code, message) {
        (Some(code), Some(message)) => bounded(&format!("{message} ({code})")),
        (Some(code), None) => bounded(&format!("status {status} ({code})")),
        (None, _) => format!("status {status}"),
    };
    match code.unwrap_or_default() {
        "NoSuchBucket" => S3Error::NoBucket { place },
        "NoSuchKey" | "NotFound" => S3Error::Missing { place },
        "PreconditionFailed" => S3Error::OtherBytes { place },
        "BadDigest"
        | "InvalidDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "IncompleteBody" => S3Error::Damaged { place, why },
        // Another writer is at it, or the parts that were sent are gone: the next try decides anew.
        "ConditionalRequestConflict"
        | "OperationAborted"
        | "NoSuchUpload"
        | "RequestTimeout"
        | "SlowDown"
        | "SlowDownRead"
        | "SlowDownWrite" => S3Error::Unreachable { place, why },
        _ => match status {
            401 | 403 => S3Error::Denied { place, why },
            404 => S3Error::Missing { place },
            412 => S3Error::OtherBytes { place },
            // It never will.
            501 => S3Error::Refused { place, why },
            408 | 425 | 429 | 500.. => S3Error::Unreachable { place, why },
            _ if code == Some("ExpiredToken") || code == Some("InvalidToken") => S3Error::Denied { place, why },
            _ => S3Error::Refused { place, why },
        },
    }
}

/// The first cause of this type.
fn cause<'a, Cause: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a Cause> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Cause>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error and its causes, each once.
struct Causes<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        formatter.write_str(&last)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let text = error.to_string();
            if !last.contains(&text) {
                write!(formatter, ": {text}")?;
            }
            last = text;
            next = error.source();
        }
        Ok(())
    }
}
