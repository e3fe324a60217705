//! The raw store: where documents' bytes are kept, so that a document is read again from the same bytes whatever its
//! publisher does meanwhile.
//!
//! Bytes are *staged* while nobody knows yet whether they are new, and *kept* under a name made of the document's key,
//! its version and their hash ([`object_name`]). A name that is there is whole, and is never given other bytes.
//! What every store owes the engine stands in these words; `testkit::raw_suite` has it as checks.
//!
//! Deliberately absent: removing what was kept, and listing it. Records of the log are the only ones that refer to it.

use std::io::{self, Read, Seek};

use sha2::{Digest, Sha256};

/// Bytes that can be read from any place, as archives need it.
pub trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// How to find it again; opaque to all but the store.
    pub reference: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Number of bytes.
    pub size: u64,
}

/// Why the raw store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The content's own reader failed: the document was not fetched.
    #[error("the document could not be read")]
    Content(#[source] io::Error),
    /// The store failed, such as a full disk. [`RawError::failure`] tells kinds apart.
    #[error("the raw store failed at {place}")]
    Store {
        /// What was touched.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What kind of trouble it is: what a caller decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawFailure {
    /// The content could not be read, not the store.
    Content,
    /// It may pass by itself, such as a lost connection or a full disk.
    Transient,
    /// What was asked for, or the store itself, is not there.
    Missing,
    /// The store does not let us.
    Denied,
    /// Other bytes have this name. They were left alone.
    OtherBytes,
    /// The store refuses it for another reason, and would do so again.
    Refused,
}

impl RawFailure {
    /// The kind of an error that a store's reader gave.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied,
            io::ErrorKind::AlreadyExists => Self::OtherBytes,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Unsupported => Self::Refused,
            _ => Self::Transient,
        }
    }
}

impl RawError {
    /// What kind of trouble it is.
    #[must_use]
    pub fn failure(&self) -> RawFailure {
        match self {
            Self::Content(_) => RawFailure::Content,
            Self::Store { source, .. } => RawFailure::of(source),
        }
    }
}

/// Keeps documents' bytes.
pub trait RawStore: Send + Sync {
    /// Reads `content` to its end into a temporary place and hashes it. Nothing refers to it yet. Memory is bounded,
    /// however large the content is.
    ///
    /// # Errors
    /// If the content or the store fails. Nothing is left behind then.
    fn stage(&self, content: &mut dyn Read) -> Result<Stored, RawError>;

    /// Gives a staged document its final place, durable when this returns. Doing it twice is harmless, and so is
    /// keeping bytes that are there already: the staged ones are gone then.
    ///
    /// # Errors
    /// If the store fails, or if other bytes have that name: they stay as they are. What was staged stays too, so that
    /// it can be tried again.
    fn keep(&self, staged: &Stored, key: &str, version: i64) -> Result<Stored, RawError>;

    /// Throws a staged document away. Harmless when it is gone already.
    fn discard(&self, staged: &Stored);

    /// Opens what was kept. Memory is bounded, however large it is. After an error the reader stands where it stood,
    /// so the read can be tried again.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    fn open(&self, reference: &str) -> Result<Box<dyn ReadSeek>, RawError>;
}

/// Most bytes of one part of a name; folders have a limit of 255.
const PART_BYTES: usize = 200;
/// Most bytes of all parts; a key of a bucket has a limit of 1,024, and some of it is a prefix.
const NAME_BYTES: usize = 700;

/// The name under which a version of a document is kept: `DOCUMENT-KEY/VERSION-HASH`, at most 750 bytes.
///
/// Each part of the key has every byte outside `A-Za-z0-9._=,-` and a dot at its start written as `%XX`; an empty part
/// is `%`. A part, or all of them together, that would be too long is cut and ends in `~` and a hash of the whole. So
/// two keys never share a name, and no name leaves the place where it stands. The last hash is the first 16 digits of
/// the content's SHA-256.
#[must_use]
pub fn object_name(key: &str, version: i64, sha256: &str) -> String {
    let parts: Vec<String> = key.split('/').map(part_name).collect();
    let mut name = parts.join("/");
    if name.len() > NAME_BYTES {
        let mut room = NAME_BYTES - 34;
        let fitting = parts.iter().take_while(|part| {
            let fits = part.len() < room;
            room = room.saturating_sub(part.len() + 1);
            fits
        });
        name = fitting.map(String::as_str).collect::<Vec<_>>().join("/");
        name.push_str(&format!("/~{}", short_hash(key)));
    }
    format!("{name}/{version}-{}", sha256.get(..16).unwrap_or(sha256))
}

fn part_name(part: &str) -> String {
    let mut name = String::with_capacity(part.len());
    for byte in part.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"._=,-".contains(&byte);
        if plain && !(name.is_empty() && byte == b'.') {
            name.push(byte as char);
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.is_empty() {
        name.push('%');
    }
    if name.len() > PART_BYTES {
        name.truncate(PART_BYTES - 33);
        name.push('~');
        name.push_str(&short_hash(part));
    }
    name
}

/// 32 digits: enough that nobody finds two texts with the same ones.
fn short_hash(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes())[..16])
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io;

    use super::{RawError, RawFailure, object_name};

    const HASH: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn names_are_safe_and_tell_keys_apart() {
        let cases = [
            ("feed/load/period=202009,half=a", "feed/load/period=202009,half=a/1-2cf24dba5fb0a30e"),
            ("feed/load/../name=a b", "feed/load/%2E./name=a%20b/1-2cf24dba5fb0a30e"),
            ("é/~", "%C3%A9/%7E/1-2cf24dba5fb0a30e"),
            ("/a//", "%/a/%/%/1-2cf24dba5fb0a30e"),
            ("", "%/1-2cf24dba5fb0a30e"),
            ("a%2Fb", "a%252Fb/1-2cf24dba5fb0a30e"),
        ];
        for (key, expected) in cases {
            assert_eq!(object_name(key, 1, HASH), expected, "{key}");
        }
    }

    #[test]
    fn long_keys_become_names_that_every_store_takes() {
        let long = |unit: &str, count: usize| [format!("{}x", unit.repeat(count)), format!("{}y", unit.repeat(count))];
        let keys = [long("a", 999), long("é", 500), long("a/", 500), long("abcdefgh ijk/", 80), long("/", 5000)];
        let keys: Vec<String> = keys.into_iter().flatten().collect();
        let names: BTreeSet<String> = keys.iter().map(|key| object_name(key, i64::MIN, HASH)).collect();
        assert_eq!(names.len(), keys.len(), "{names:?}");
        for name in &names {
            assert!(name.len() <= 750 && name.split('/').all(|part| part.len() <= 200), "{name}");
        }
    }

    #[test]
    fn kinds_of_trouble_are_told_apart() {
        let cases = [
            (io::ErrorKind::NotFound, RawFailure::Missing),
            (io::ErrorKind::PermissionDenied, RawFailure::Denied),
            (io::ErrorKind::AlreadyExists, RawFailure::OtherBytes),
            (io::ErrorKind::InvalidData, RawFailure::Refused),
            (io::ErrorKind::StorageFull, RawFailure::Transient),
            (io::ErrorKind::ConnectionReset, RawFailure::Transient),
        ];
        for (kind, expected) in cases {
            assert_eq!(RawError::Store { place: "there".to_owned(), source: kind.into() }.failure(), expected);
        }
        assert_eq!(RawError::Content(io::ErrorKind::NotFound.into()).failure(), RawFailure::Content);
    }
}
