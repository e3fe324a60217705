//! The raw store as the engine uses it: what is opened is what was fetched.
//!
//! A record of the `documents` topic says the hash and the size of its document. Whoever reads those bytes again, perhaps
//! a year later, is told when the store has others: a disk that failed, a backup put back in part, a hand that "mended" a
//! file. Bytes that this process has kept or held against their hash itself are not hashed once more, or each look at a
//! large document would cost as much as fetching it.

use std::collections::VecDeque;
use std::io::{self, Read, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use crate::folder::hashed;
use crate::raw::{RawError, RawStore, ReadSeek, Stored};

/// How many references are remembered as held against their hash: more than are read at one time, and small.
const REMEMBERED: usize = 4096;

/// A raw store whose bytes are held against what was recorded of them.
pub struct Originals {
    store: Arc<dyn RawStore>,
    /// References of bytes that this process knows to be the ones that were fetched; the newest last.
    proven: Mutex<VecDeque<String>>,
}

impl Originals {
    /// Over a store.
    #[must_use]
    pub fn new(store: Arc<dyn RawStore>) -> Self {
        Self { store, proven: Mutex::default() }
    }

    /// See [`RawStore::stage`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn stage(&self, content: &mut dyn Read) -> Result<Stored, RawError> {
        self.store.stage(content)
    }

    /// See [`RawStore::keep`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn keep(&self, staged: &Stored, key: &str, version: i64) -> Result<Stored, RawError> {
        let kept = self.store.keep(staged, key, version)?;
        self.remember(&kept.reference);
        Ok(kept)
    }

    /// See [`RawStore::discard`].
    pub fn discard(&self, staged: &Stored) {
        self.store.discard(staged);
    }

    /// Opens what was kept, at its start, after it was held against its size in bytes and its SHA-256 in lower-case
    /// hexadecimal.
    ///
    /// # Errors
    /// Those of the store, and [`crate::RawFailure::Refused`] if the bytes are others.
    pub fn open(&self, kept: &Stored) -> Result<Box<dyn ReadSeek>, RawError> {
        let mut bytes = self.store.open(&kept.reference)?;
        let failed = |source| RawError::Store { place: kept.reference.clone(), source };
        // Always asked, as it costs next to nothing.
        let size = bytes.seek(SeekFrom::End(0)).map_err(failed)?;
        bytes.rewind().map_err(failed)?;
        if size != kept.size {
            return Err(failed(others(&format!("it has {size} bytes, and {} were fetched", kept.size))));
        }
        if !self.is_proven(&kept.reference) {
            let (found, _) = hashed(&mut bytes).map_err(failed)?;
            if found != kept.sha256 {
                let recorded = &kept.sha256;
                return Err(failed(others(&format!("its SHA-256 is {found}, and what was fetched had {recorded}"))));
            }
            bytes.rewind().map_err(failed)?;
            self.remember(&kept.reference);
        }
        Ok(bytes)
    }

    fn is_proven(&self, reference: &str) -> bool {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.iter().any(|known| known == reference)
    }

    fn remember(&self, reference: &str) {
        let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        if proven.len() == REMEMBERED {
            proven.pop_front();
        }
        proven.push_back(reference.to_owned());
    }
}

fn others(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the bytes are not those that were fetched: {what}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::sync::Arc;

    use super::Originals;
    use crate::{FolderStore, RawFailure};

    #[test]
    fn bytes_that_are_not_those_that_were_fetched_are_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let originals = || Originals::new(Arc::new(FolderStore::open(folder.path()).expect("opens")));
        let first = originals();
        let kept = first.keep(&first.stage(&mut &b"of one"[..]).expect("staged"), "feed/load/a", 1).expect("kept");
        let read = |originals: &Originals| {
            let mut found = Vec::new();
            originals.open(&kept).map(|mut bytes| bytes.read_to_end(&mut found))?.expect("readable");
            Ok::<_, crate::RawError>(found)
        };
        assert_eq!(read(&originals()).expect("the same"), b"of one");

        let place = folder.path().join(&kept.reference);
        for (other, reason) in [(&b"of onf"[..], "its SHA-256 is "), (b"of one and more", "it has 15 bytes, and 6")] {
            fs::write(&place, other).expect("written");
            let refused = read(&originals()).expect_err("other bytes");
            assert_eq!(refused.failure(), RawFailure::Refused);
            let told = std::error::Error::source(&refused).expect("a reason").to_string();
            assert!(told.contains(reason), "{told}");
        }
        fs::write(&place, b"of one").expect("written");
        assert_eq!(read(&originals()).expect("put back"), b"of one");
    }
}
