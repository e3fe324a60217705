//! A file that was listed, as a round has it.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use connect::listed::{Content, Listed};
use connect::{Known, SourceError};

use crate::listing::refused;
use crate::steady::SteadyFile;

/// A file whose last change is not older than this when it was fetched may have changed again within the same tick of
/// its file system's clock. Smaller misses such changes on coarse file systems; larger reads files again needlessly.
const TICK_MILLIS: i64 = 2_000;

/// A file that is there.
#[derive(Debug)]
pub(crate) struct FileOnDisk {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
}

impl Listed for FileOnDisk {
    type Content = OpenFile;

    fn name(&self) -> &str {
        &self.name
    }

    fn url(&self) -> Cow<'_, str> {
        self.path.to_string_lossy()
    }

    fn lies_beside(&self, url: &str) -> bool {
        let folder = folder_of(Path::new(url));
        folder.is_some() && folder_of(&self.path) == folder
    }

    fn open(&self) -> Result<Option<OpenFile>, SourceError> {
        match SteadyFile::open(&self.path) {
            Ok(file) => Ok(Some(OpenFile { file, path: self.path.clone() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(refused(&self.path, &error)),
        }
    }
}

/// The folder in which a file lies or lay, however its path was written.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    parent.canonicalize().ok()
}

/// A file that is open.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: SteadyFile,
    path: PathBuf,
}

impl Read for OpenFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Content for OpenFile {
    fn validators(&self) -> Option<String> {
        self.file.stamp().text()
    }

    fn is(&self, known: &Known) -> bool {
        let stamp = self.file.stamp();
        let long_ago = |changed: i64| known.fetched_at.saturating_sub(changed) > TICK_MILLIS;
        let settled = stamp.changed_millis().is_some_and(long_ago) && long_ago(stamp.touched_millis());
        settled && known.validators.is_some() && known.validators == stamp.text()
    }

    fn trouble(&mut self) -> Option<SourceError> {
        self.file.unsteady.then(|| SourceError::Transient {
            what: format!("`{}` changed while it was read; it is taken when it is at rest", self.path.display()),
            retry_after: None,
        })
    }
}
