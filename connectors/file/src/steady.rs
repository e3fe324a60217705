//! A file read as a stream that notices when somebody else is still writing it.
//!
//! Size and times of change are looked at before the first byte and after the last. If they differ, or the bytes read
//! are not as many as the size says, the end of the file is an error instead of an end.
//!
//! Programs that copy or unpack set the time at which the content changed to an earlier one, so that a corrected file of
//! the same size has the time of the first one. When the file itself changed is the system's to say.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the file system says of a file's content without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    /// When its content changed, as whoever wrote it says.
    changed: Option<SystemTime>,
    /// When the system last changed anything of it, in seconds since 1970 UTC and nanoseconds. Nobody can set it.
    touched: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &fs::Metadata) -> Self {
        let touched = (metadata.ctime(), metadata.ctime_nsec());
        Self { size: metadata.len(), changed: metadata.modified().ok(), touched }
    }

    /// The stamp as text to be remembered; `None` where the system has no time of change.
    pub(crate) fn text(self) -> Option<String> {
        let since = self.changed?.duration_since(UNIX_EPOCH).ok()?;
        let (seconds, nanoseconds) = self.touched;
        Some(format!("size={} changed={} touched={seconds}.{nanoseconds:09}", self.size, since.as_nanos()))
    }

    /// Milliseconds since 1970 UTC of when the system last changed anything of it.
    pub(crate) fn touched_millis(self) -> i64 {
        self.touched.0.saturating_mul(1000).saturating_add(self.touched.1 / 1_000_000)
    }

    /// Milliseconds since 1970 UTC of the last change.
    pub(crate) fn changed_millis(self) -> Option<i64> {
        i64::try_from(self.changed?.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
    }
}

/// A file that must not change while it is read.
#[derive(Debug)]
pub(crate) struct SteadyFile {
    path: PathBuf,
    file: File,
    before: Stamp,
    read: u64,
    /// True once the file was seen to change.
    pub(crate) unsteady: bool,
}

impl SteadyFile {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let before = Stamp::of(&file.metadata()?);
        Ok(Self { path: path.to_owned(), file, before, read: 0, unsteady: false })
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.before
    }

    /// Asks by path, not by handle: a file that was replaced by renaming has changed too.
    fn is_unsteady(&self) -> bool {
        let after = fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata)).ok();
        after != Some(self.before) || self.read != self.before.size
    }
}

impl Read for SteadyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        if count == 0 && !buffer.is_empty() && self.is_unsteady() {
            self.unsteady = true;
            return Err(io::Error::other("the file changed while it was read"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_at_rest_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "one\ntwo\n").unwrap();
        let mut text = String::new();
        SteadyFile::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_file_of_the_same_size_and_time_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "one\n").unwrap();
        let before = fs::metadata(&path).unwrap();
        let earlier = Stamp::of(&before);
        fs::write(&path, "two\n").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        // A file system counts its time in steps of some milliseconds; what is as young as a step is read again anyway.
        let after = loop {
            file.set_modified(before.modified().unwrap()).unwrap();
            let after = fs::metadata(&path).unwrap();
            if (after.ctime(), after.ctime_nsec()) != (before.ctime(), before.ctime_nsec()) {
                break after;
            }
        };
        assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
        assert_ne!(earlier.text(), Stamp::of(&after).text());
        assert!(Stamp::of(&after).touched_millis() >= earlier.touched_millis());
    }

    #[test]
    fn a_file_that_grows_or_goes_while_it_is_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "one\n").unwrap();
        let mut growing = SteadyFile::open(&path).unwrap();
        let mut writer = File::options().append(true).open(&path).unwrap();
        writer.write_all(b"two\n").unwrap();
        assert!(growing.read_to_end(&mut Vec::new()).is_err());
        assert!(growing.unsteady);

        let mut going = SteadyFile::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(going.read_to_end(&mut Vec::new()).is_err());
    }
}
