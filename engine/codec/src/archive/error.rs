//! Why a document could not be unpacked.
//!
//! A reader over a member can only answer with `std::io::Error`; it carries an [`ArchiveError`] inside, and
//! [`ArchiveError::from_io`] takes it out again. Only [`ArchiveError::Io`] may go away by itself.

use std::io;

use batch::Code;

/// Why a document could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The bytes end too early, or are not what the archive's own checksums and tables say.
    #[error("the archive is cut off or damaged")]
    Damaged {
        /// What the unpacking library said.
        #[source]
        source: io::Error,
    },
    /// The document, or all members of an archive together, are larger than allowed.
    #[error("the document has more than {limit} bytes, unpacked; `limits: {{ unpacked: … }}` allows no more")]
    TooLarge {
        /// Most unpacked bytes.
        limit: u64,
    },
    /// A member, or all of them together, grow too much, as a bomb does.
    #[error("{what} unpacks to more than {limit} times its packed size, as an archive made to do harm does")]
    TooDense {
        /// What grows: a member or the archive.
        what: &'static str,
        /// Most unpacked bytes for each packed byte.
        limit: u64,
    },
    /// More members than allowed.
    #[error("the archive has {members} members, more than {limit}")]
    TooMany {
        /// Members that it has.
        members: usize,
        /// Most members.
        limit: usize,
    },
    /// Well formed, but packed in a way that is not read: a password, another method, one name twice.
    #[error("the archive is of an unsupported kind: {what}")]
    Unsupported {
        /// What is not supported.
        what: &'static str,
    },
    /// There is no member of this index.
    #[error("the archive has no member {index}")]
    NoMember {
        /// The index asked for.
        index: usize,
    },
    /// The document's bytes could not be read. The only case that may go away by itself.
    #[error("the document's bytes could not be read")]
    Io {
        /// What the reader said.
        #[source]
        source: io::Error,
    },
}

impl ArchiveError {
    /// The code of [`Self::Damaged`].
    pub const DAMAGED: Code = Code("E4220");

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Damaged { .. } => Self::DAMAGED,
            Self::TooLarge { .. } | Self::TooDense { .. } | Self::TooMany { .. } => Code("E4221"),
            Self::Unsupported { .. } | Self::NoMember { .. } => Code("E4222"),
            Self::Io { .. } => Code("E4223"),
        }
    }

    /// Takes the error out that a member's reader put into `error`; what is none of ours is a failure to read.
    #[must_use]
    pub fn from_io(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|source| Self::Io { source })
    }

    /// What an unpacking library's error means. These kinds come from damaged content; all others from below.
    pub(super) fn from_unpacking(source: io::Error) -> Self {
        let source = match source.downcast::<Self>() {
            Ok(ours) => return ours,
            Err(source) => source,
        };
        match source.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Damaged { source }
            }
            io::ErrorKind::Unsupported => Self::Unsupported { what: "a member is neither stored nor deflated" },
            // The zip library reports a wrong checksum under the kind `Other`.
            io::ErrorKind::Other if source.get_ref().is_some() && source.raw_os_error().is_none() => {
                Self::Damaged { source }
            }
            _ => Self::Io { source },
        }
    }

    pub(super) fn from_zip(error: zip::result::ZipError) -> Self {
        use zip::result::ZipError;
        match error {
            ZipError::Io(source) => Self::from_unpacking(source),
            ZipError::InvalidPassword | ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
                Self::Unsupported { what: "a member is encrypted" }
            }
            ZipError::UnsupportedArchive(what) => Self::Unsupported { what },
            ZipError::CompressionMethodNotSupported(_) => {
                Self::Unsupported { what: "a member is neither stored nor deflated" }
            }
            other => Self::Damaged { source: io::Error::new(io::ErrorKind::InvalidData, other) },
        }
    }
}
