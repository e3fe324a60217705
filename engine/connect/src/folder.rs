//! A raw store in a folder.
//!
//! It holds what was kept under the names of [`object_name`], and `.staging`, which no such name can begin with. A file
//! is written below `.staging`, synced, and renamed into its place; so a name that exists is whole.
//!
//! Several processes may share the folder. Each stages in a folder of its own, `.staging/NAME`, and holds the lock of
//! `.staging/NAME.lock` for as long as it lives. Whoever opens the store clears what is left of those whose lock nobody
//! holds, and touches nothing else.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::raw::{RawError, RawStore, ReadSeek, Stored, hexadecimal, object_name};

/// Where files lie until they are kept.
const STAGING: &str = ".staging";

/// A raw store in a folder.
#[derive(Debug)]
pub struct FolderStore {
    folder: PathBuf,
    /// Where this process stages, from `folder` on.
    staging: String,
    /// The lock that says that this process lives.
    _alive: File,
    /// Held from the look at a name to its rename: a rename would replace what another thread has put there meanwhile.
    keeping: Mutex<()>,
}

impl FolderStore {
    /// Opens or makes the folder, and clears what processes that are gone had staged.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, RawError> {
        let all = folder.join(STAGING);
        fs::create_dir_all(&all).map_err(|source| failed(&all, source))?;
        let (name, alive) = own_staging(&all).map_err(|source| failed(&all, source))?;
        // Best effort: what stays behind is cleared by who opens the store next.
        let _cleared = clear(&all);
        Ok(Self {
            folder: folder.to_owned(),
            staging: format!("{STAGING}/{name}"),
            _alive: alive,
            keeping: Mutex::new(()),
        })
    }

    fn path(&self, reference: &str) -> PathBuf {
        self.folder.join(reference)
    }

    /// Renames a staged file to its place, unless the place has its bytes already.
    fn place(&self, staged: &Stored, place: &Path) -> Result<(), RawError> {
        let staging = self.path(&staged.reference);
        let _one_at_a_time = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let there = match File::open(place) {
            Ok(mut file) => Some(hashed(&mut file).map_err(|source| failed(place, source))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(place, error)),
        };
        match there {
            None => fs::rename(&staging, place).map_err(|source| failed(place, source)),
            Some(there) if there == (staged.sha256.clone(), staged.size) => {
                self.discard(staged);
                Ok(())
            }
            Some(_) => Err(failed(place, io::ErrorKind::AlreadyExists.into())),
        }
    }
}

impl RawStore for FolderStore {
    fn stage(&self, content: &mut dyn Read) -> Result<Stored, RawError> {
        let staging = self.folder.join(&self.staging);
        let mut number = 0_u64;
        let (reference, mut file) = loop {
            let reference = format!("{}/{number}", self.staging);
            match File::create_new(self.path(&reference)) {
                Ok(file) => break (reference, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed(&staging, error)),
            }
        };
        let copied = copy_hashed(content, &mut file)
            .and_then(|done| file.sync_all().map(|()| done).map_err(|source| failed(&staging, source)));
        match copied {
            Ok((sha256, size)) => Ok(Stored { reference, sha256, size }),
            Err(error) => {
                // Best effort: what stays behind is cleared when the store is opened again.
                let _cleared = fs::remove_file(self.path(&reference));
                Err(error)
            }
        }
    }

    fn keep(&self, staged: &Stored, key: &str, version: i64) -> Result<Stored, RawError> {
        let reference = object_name(key, version, &staged.sha256);
        let place = self.path(&reference);
        let parent = place.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
        self.place(staged, &place)?;
        // A folder is as durable as its name in the one above, and who made it may not have synced that yet.
        for folder in parent.ancestors().take_while(|folder| folder.starts_with(&self.folder)) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| failed(folder, source))?;
        }
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

/// Makes a folder to stage in that no other process has, and the lock that says so.
fn own_staging(all: &Path) -> io::Result<(String, File)> {
    // Two machines may have processes of one number.
    let mut number = 0_u64;
    loop {
        let name = format!("{}-{number}", std::process::id());
        number += 1;
        let place = lock_of(all, &name);
        let lock = match File::create_new(&place) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            // A file system without locks cannot be shared: nobody would know who lives.
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) if is_at(&lock, &place) => {}
            // Somebody who clears has come between, and has taken it for one of the dead.
            Ok(()) | Err(TryLockError::WouldBlock) => continue,
        }
        fs::create_dir(all.join(&name))?;
        return Ok((name, lock));
    }
}

fn lock_of(all: &Path, name: &str) -> PathBuf {
    all.join(format!("{name}.lock"))
}

fn is_at(file: &File, place: &Path) -> bool {
    let same = |one: &fs::Metadata, other: &fs::Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    matches!((file.metadata(), fs::metadata(place)), (Ok(one), Ok(other)) if same(&one, &other))
}

/// Removes what those have staged whose lock nobody holds.
fn clear(all: &Path) -> io::Result<()> {
    for entry in fs::read_dir(all)? {
        let place = entry?.path();
        let Some(folder) = place.extension().filter(|ending| *ending == "lock").map(|_| place.with_extension(""))
        else {
            continue;
        };
        let Ok(lock) = File::open(&place) else { continue };
        if lock.try_lock().is_ok() && is_at(&lock, &place) {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => fs::remove_file(&place)?,
            }
        }
    }
    Ok(())
}

/// Why a copy ended.
enum Copy {
    From(io::Error),
    To(io::Error),
}

fn copy_hashed(content: &mut dyn Read, file: &mut File) -> Result<(String, u64), RawError> {
    copy(content, file).map_err(|end| match end {
        Copy::From(error) => RawError::Content(error),
        Copy::To(error) => failed(Path::new(STAGING), error),
    })
}

/// SHA-256 and number of bytes of what is left to read.
pub(crate) fn hashed(content: &mut dyn Read) -> Result<(String, u64), io::Error> {
    copy(content, &mut io::sink()).map_err(|(Copy::From(error) | Copy::To(error))| error)
}

/// Copies to the end and says hash and number of bytes.
fn copy(content: &mut dyn Read, to: &mut dyn Write) -> Result<(String, u64), Copy> {
    let mut hash = Sha256::new();
    let mut size = 0_u64;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Copy::From(error)),
        };
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count]).map_err(Copy::To)?;
        size += count as u64;
    }
    Ok((hexadecimal(&hash.finalize()), size))
}

fn failed(place: &Path, source: io::Error) -> RawError {
    RawError::Store { place: place.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{FolderStore, STAGING};
    use crate::raw::RawStore;

    #[test]
    fn processes_that_share_a_folder_stage_apart_and_clear_only_what_the_dead_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = FolderStore::open(folder.path()).expect("opens");
        let staged = one.stage(&mut &b"of one"[..]).expect("staged");
        let two = FolderStore::open(folder.path()).expect("opens beside the first");
        let other = two.stage(&mut &b"of the other"[..]).expect("staged");
        assert_ne!(staged.reference, other.reference);
        let kept = one.keep(&staged, "feed/load/a", 1).expect("what it staged is still there");
        assert_eq!(fs::read(folder.path().join(kept.reference)).expect("readable"), b"of one");
        drop(one);
        // As after a death: nobody holds the lock, and the file lies there.
        drop(two);
        let entries = || fs::read_dir(folder.path().join(STAGING)).expect("a folder").count();
        assert_eq!(entries(), 4);
        let three = FolderStore::open(folder.path()).expect("opens");
        assert_eq!(entries(), 2, "what the dead left is cleared");
        three.stage(&mut &b"more"[..]).expect("staged");
    }
}
