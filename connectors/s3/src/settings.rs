//! Where the bucket is, with which rights it is asked, and how long the store is waited for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::errors::S3Error;

/// Most bytes of a prefix: an object's key has 1,024, of which the document's name may take 750.
const PREFIX_BYTES: usize = 250;

/// A text that no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Where the bucket stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `https://BUCKET.host/KEY`.
    VirtualHosted,
    /// `https://host/BUCKET/KEY`.
    PathStyle,
}

/// With which rights the store is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Those that the machine was given: environment, profile, web identity, container or instance.
    Ambient,
    /// These keys.
    Keys {
        /// The name of the key.
        access_key_id: Secret,
        /// The key.
        secret_access_key: Secret,
        /// The token of keys that end.
        session_token: Option<Secret>,
    },
}

/// How long the store is waited for. All of it is bounded: a call ends after `attempts` times `attempt` and what is
/// waited between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest time of one attempt, which sends or reads at most a few MiB. Shorter, and a slow line never gets a part
    /// through; longer, and a store that hangs is noticed late.
    pub attempt: Duration,
    /// Attempts of a request, the first included; at least one.
    pub attempts: u32,
    /// Longest wait before the second attempt; it doubles with each, up to five seconds.
    pub backoff: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            attempt: Duration::from_mins(1),
            attempts: 4,
            backoff: Duration::from_secs(1),
        }
    }
}

/// A bucket and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// The bucket. It must exist.
    pub bucket: String,
    /// Its region, such as `us-east-1`.
    pub region: String,
    /// Put before each key; empty, or ends with `/`. At most 250 bytes.
    pub prefix: String,
    /// The address of a store that is not Amazon's, such as `http://localhost:9000`.
    pub endpoint: Option<String>,
    /// Where the bucket stands in an address.
    pub addressing: Addressing,
    /// With which rights.
    pub credentials: Credentials,
    /// A file of certificates (PEM) that are trusted beside the system's.
    pub authorities: Option<PathBuf>,
    /// How long the store is waited for.
    pub patience: Patience,
}

impl S3Settings {
    /// A bucket of Amazon's, without a prefix, with the machine's rights.
    #[must_use]
    pub fn new(bucket: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            region: region.into(),
            prefix: String::new(),
            endpoint: None,
            addressing: Addressing::VirtualHosted,
            credentials: Credentials::Ambient,
            authorities: None,
            patience: Patience::default(),
        }
    }

    /// What can be seen to be wrong without asking anyone.
    pub(crate) fn check(&self) -> Result<(), S3Error> {
        let wrong = |setting, why: &str| Err(S3Error::Setting { setting, why: why.to_owned() });
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if self.bucket.len() < 3 || self.bucket.len() > 63 || !self.bucket.bytes().all(plain) {
            return wrong("bucket", "a bucket's name has 3 to 63 letters, digits, dots and dashes");
        }
        if self.region.is_empty() || !self.region.bytes().all(plain) {
            return wrong("region", "a region's name has letters, digits and dashes, such as us-east-1");
        }
        if self.prefix.len() > PREFIX_BYTES {
            return wrong("prefix", "it is longer than 250 bytes");
        }
        if !self.prefix.is_empty() && (!self.prefix.ends_with('/') || self.prefix.starts_with('/')) {
            return wrong("prefix", "it is empty, or ends with `/` and does not begin with one");
        }
        let strange = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(char::is_control);
        if self.prefix.split_terminator('/').any(strange) {
            return wrong("prefix", "it has a part that is empty, `.`, `..`, or not to be printed");
        }
        if let Some(endpoint) = &self.endpoint {
            let rest = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
            let Some(rest) = rest.filter(|rest| !rest.trim_matches('/').is_empty()) else {
                return wrong("endpoint", "it is no address of the form https://HOST:PORT");
            };
            if rest.contains('@') {
                return wrong("endpoint", "it holds a user or a password; credentials have fields of their own");
            }
            if rest.contains(['?', '#', ' ']) || rest.contains(char::is_control) {
                return wrong("endpoint", "it is no address of the form https://HOST:PORT");
            }
        }
        if self.patience.attempts == 0 {
            return wrong("patience", "there is at least one attempt");
        }
        Ok(())
    }

    /// Whether anything may be asked with TLS: the store, or whoever gives credentials.
    pub(crate) fn encrypts(&self) -> bool {
        let plain = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        !plain || self.credentials == Credentials::Ambient
    }
}
