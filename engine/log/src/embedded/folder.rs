//! The folder of the embedded log: its lock and the version of its format.
//!
//! ```text
//! lock        empty; locked by the process that owns the folder. The system unlocks it when that process ends
//! format      one line: `spotlight-log 3`
//! log.sqlite  the database (with `-wal` and `-shm` beside it while it is open)
//! blocks-N    records of large transactions, see `segments.rs`
//! ```
//!
//! `format` is on disk before the database is made. So a database without that file was not made by this program.
//! A folder of format 1, which had no `blocks-N`, or 2, in which each partition began at offset 0, becomes one of format
//! 3 when it is opened: first its `format`, so that no older program opens it from then on.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::LogError;

const FORMAT: u32 = 3;

/// The formats before, which are brought up to this one.
const EARLIER: [&str; 2] = ["spotlight-log 1", "spotlight-log 2"];

/// Most bytes of the file `format` that are read: enough for any version, little enough for an error's text.
const MOST_FORMAT: u64 = 100;

/// A folder that this process owns until this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing, takes its lock, and proves or writes its format.
    pub(super) fn open(path: &Path) -> Result<Self, LogError> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        match folder.read_format()? {
            Some(found) if found == wanted() => {}
            Some(found) if EARLIER.contains(&found.as_str()) => folder.write_format()?,
            Some(found) => return Err(LogError::Format { found: batch::bounded(&found), wanted: FORMAT }),
            None if folder.database().try_exists()? => {
                return Err(LogError::Format { found: "that no file names".into(), wanted: FORMAT });
            }
            None => folder.write_format()?,
        }
        Ok(folder)
    }

    /// Where the database lies.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join("log.sqlite")
    }

    /// Makes the names of files durable that were made in the folder.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        Ok(sync_folder(&self.path)?)
    }

    fn read_format(&self) -> Result<Option<String>, LogError> {
        let file = match File::open(self.path.join("format")) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(MOST_FORMAT).read_to_end(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()))
    }

    /// By way of another name, so that a crash leaves the whole line or nothing.
    fn write_format(&self) -> Result<(), LogError> {
        let draft = self.path.join("format.new");
        let mut file = File::create(&draft)?;
        writeln!(file, "{}", wanted())?;
        file.sync_all()?;
        fs::rename(&draft, self.path.join("format"))?;
        self.sync()
    }
}

/// Makes the names of files durable that were made in a folder.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    // Only Unix can open a folder; elsewhere names are durable with their files.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn wanted() -> String {
    format!("spotlight-log {FORMAT}")
}

impl From<std::io::Error> for LogError {
    fn from(error: std::io::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Folder;
    use crate::LogError;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("made/on/the/way");
        let owner = Folder::open(&path).expect("free");
        assert!(matches!(Folder::open(&path), Err(LogError::InUse)));
        drop(owner);
        assert!(Folder::open(&path).is_ok());
    }

    #[test]
    fn another_format_is_refused_and_nothing_is_written() {
        let cases = ["spotlight-log 4\n", "", "spotlight-log 10\n", "\u{fffd}"];
        for found in cases {
            let folder = tempfile::tempdir().expect("temporary folder");
            fs::write(folder.path().join("format"), found).expect("written");
            let error = Folder::open(folder.path()).err();
            assert!(matches!(error, Some(LogError::Format { wanted: 3, .. })), "{found:?}: {error:?}");
            assert_eq!(fs::read_to_string(folder.path().join("format")).expect("kept"), found);
        }
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("log.sqlite"), "of somebody else").expect("written");
        assert!(matches!(Folder::open(folder.path()), Err(LogError::Format { .. })));
    }
}
