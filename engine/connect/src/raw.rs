//! The raw store: where documents' bytes are kept, so that a document is read again from the same bytes whatever its
//! publisher does meanwhile.
//!
//! A folder holds `DOCUMENT-KEY/VERSION-HASH`, where each part of the key is one folder name with every byte outside
//! `A-Za-z0-9._=,-` written as `%XX`, and the hash is the first 16 digits of the SHA-256. A file is written beside its
//! place, synced, and renamed into it; so a name that exists is whole.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

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
    /// The store failed, such as a full disk.
    #[error("the raw store failed at {place}")]
    Store {
        /// What was touched.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Keeps documents' bytes.
pub trait RawStore: Send + Sync {
    /// Reads `content` to its end into a temporary place and hashes it. Nothing refers to it yet.
    ///
    /// # Errors
    /// If the content or the store fails.
    fn stage(&self, content: &mut dyn Read) -> Result<Stored, RawError>;

    /// Gives a staged document its final place, durable when this returns. Doing it twice is harmless.
    ///
    /// # Errors
    /// If the store fails.
    fn keep(&self, staged: &Stored, key: &str, version: i64) -> Result<Stored, RawError>;

    /// Throws a staged document away.
    fn discard(&self, staged: &Stored);

    /// Opens what was kept.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    fn open(&self, reference: &str) -> Result<Box<dyn ReadSeek>, RawError>;
}

/// A raw store in a folder.
#[derive(Debug)]
pub struct FolderStore {
    folder: PathBuf,
}

impl FolderStore {
    /// Opens or makes the folder, and clears what an earlier process had staged.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, RawError> {
        let staging = folder.join("staging");
        if staging.exists() {
            fs::remove_dir_all(&staging).map_err(|source| failed(&staging, source))?;
        }
        fs::create_dir_all(&staging).map_err(|source| failed(&staging, source))?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn path(&self, reference: &str) -> PathBuf {
        self.folder.join(reference)
    }
}

impl RawStore for FolderStore {
    fn stage(&self, content: &mut dyn Read) -> Result<Stored, RawError> {
        let staging = self.folder.join("staging");
        let mut number = 0_u64;
        let (reference, mut file) = loop {
            let reference = format!("staging/{number}");
            match File::create_new(self.path(&reference)) {
                Ok(file) => break (reference, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed(&staging, error)),
            }
        };
        let copied = copy_hashed(content, &mut file);
        let (sha256, size) = match copied {
            Ok(done) => done,
            Err(error) => {
                // Best effort: what stays behind is cleared when the store is opened again.
                let _cleared = fs::remove_file(self.path(&reference));
                return Err(error);
            }
        };
        file.sync_all().map_err(|source| failed(&staging, source))?;
        Ok(Stored { reference, sha256, size })
    }

    fn keep(&self, staged: &Stored, key: &str, version: i64) -> Result<Stored, RawError> {
        let folder: PathBuf = key.split('/').map(escaped).collect();
        let reference = folder.join(format!("{version}-{}", &staged.sha256[..16]));
        let place = self.folder.join(&reference);
        let parent = place.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
        fs::rename(self.path(&staged.reference), &place).map_err(|source| failed(&place, source))?;
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(|source| failed(parent, source))?;
        let reference = reference.to_string_lossy().into_owned();
        Ok(Stored { reference, sha256: staged.sha256.clone(), size: staged.size })
    }

    fn discard(&self, staged: &Stored) {
        // Best effort: what stays behind is cleared when the store is opened again.
        let _cleared = fs::remove_file(self.path(&staged.reference));
    }

    fn open(&self, reference: &str) -> Result<Box<dyn ReadSeek>, RawError> {
        let place = self.path(reference);
        let file = File::open(&place).map_err(|source| failed(&place, source))?;
        Ok(Box::new(file))
    }
}

fn copy_hashed(content: &mut dyn Read, file: &mut File) -> Result<(String, u64), RawError> {
    let mut hash = Sha256::new();
    let mut size = 0_u64;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(RawError::Content(error)),
        };
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(|source| failed(Path::new("staging"), source))?;
        size += count as u64;
    }
    let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((digest, size))
}

fn escaped(part: &str) -> String {
    let mut name = String::with_capacity(part.len());
    for byte in part.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"._=,-".contains(&byte);
        if plain && !(name.is_empty() && byte == b'.') {
            name.push(byte as char);
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name
}

fn failed(place: &Path, source: io::Error) -> RawError {
    RawError::Store { place: place.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{FolderStore, RawError, RawStore};

    #[test]
    fn bytes_come_back_and_names_stay_inside() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FolderStore::open(folder.path()).expect("opens");
        let staged = store.stage(&mut &b"hello"[..]).expect("stages");
        assert_eq!(staged.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        let kept = store.keep(&staged, "feed/load/../name=a b", 1).expect("keeps");
        assert_eq!(kept.reference, "feed/load/%2E./name=a%20b/1-2cf24dba5fb0a30e");
        let mut text = String::new();
        store.open(&kept.reference).expect("opens").read_to_string(&mut text).expect("reads");
        assert_eq!(text, "hello");
    }

    #[test]
    fn a_reader_that_fails_leaves_nothing() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("cut off"))
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let store = FolderStore::open(folder.path()).expect("opens");
        assert!(matches!(store.stage(&mut Broken), Err(RawError::Content(_))));
        assert_eq!(std::fs::read_dir(folder.path().join("staging")).expect("there").count(), 0);
    }
}
