//! A raw store in a folder.
//!
//! It holds what was kept under the names of [`object_name`], and `.staging`, which no such name can begin with. A file
//! is written in `.staging`, synced, and renamed into its place; so a name that exists is whole. A process owns its
//! folder: what an earlier one had staged is cleared when it is opened.

use std::fs::{self, File};
use std::io::{self, Read, Write};
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
    /// Held from the look at a name to its rename: a rename would replace what another thread has put there meanwhile.
    keeping: Mutex<()>,
}

impl FolderStore {
    /// Opens or makes the folder, and clears what an earlier process had staged.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, RawError> {
        let staging = folder.join(STAGING);
        if staging.exists() {
            fs::remove_dir_all(&staging).map_err(|source| failed(&staging, source))?;
        }
        fs::create_dir_all(&staging).map_err(|source| failed(&staging, source))?;
        Ok(Self { folder: folder.to_owned(), keeping: Mutex::new(()) })
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
        let staging = self.folder.join(STAGING);
        let mut number = 0_u64;
        let (reference, mut file) = loop {
            let reference = format!("{STAGING}/{number}");
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

fn hashed(file: &mut File) -> Result<(String, u64), io::Error> {
    copy(file, &mut io::sink()).map_err(|(Copy::From(error) | Copy::To(error))| error)
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
