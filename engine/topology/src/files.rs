//! Where files come from: a folder on disk, or a test's memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Gives the bytes of files. Paths are as the caller gave them, with `/`-separated parts added.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// If it is missing or cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files directly in a folder, in order of name.
    ///
    /// # Errors
    /// If it is no folder or cannot be read.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// True for a file or folder that is there.
    fn exists(&self, path: &Path) -> bool;
}

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        use io::Read as _;
        // Whoever names a huge file by mistake gets a finding, not a full memory. Fixtures may be larger than topologies.
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(64 << 20).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if !entry.path().is_dir() {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

/// Files in memory, for tests and for an editor's unsaved text.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(pub BTreeMap<PathBuf, Vec<u8>>);

impl MemoryFiles {
    /// Adds a file.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(PathBuf::from(path), text.as_bytes().to_vec());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let found: Vec<PathBuf> = self.0.keys().filter(|file| file.parent() == Some(path)).cloned().collect();
        if found.is_empty() { Err(io::Error::from(io::ErrorKind::NotFound)) } else { Ok(found) }
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.keys().any(|file| file.starts_with(path))
    }
}

/// Where the relative paths of a topology file start: the nearest folder above it that holds `schemas/`, or its own.
#[must_use]
pub fn root_of(files: &dyn Files, file: &Path) -> PathBuf {
    Site::of(files, file).root
}

/// Where the files that a topology names are looked for.
#[derive(Clone)]
pub(crate) struct Site<'a> {
    pub(crate) files: &'a dyn Files,
    /// The nearest folder above the topology file that holds `schemas/`, or the file's own.
    pub(crate) root: PathBuf,
    /// The topology file's own folder.
    pub(crate) folder: PathBuf,
}

impl<'a> Site<'a> {
    pub(crate) fn of(files: &'a dyn Files, file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut root = folder.clone();
        let mut above = Some(folder.as_path());
        while let Some(candidate) = above {
            if files.exists(&candidate.join("schemas")) {
                root = candidate.to_path_buf();
                break;
            }
            above = candidate.parent();
        }
        // A relative path says nothing about the folders above the one that the command runs in; `..` does.
        if !files.exists(&root.join("schemas")) && folder.is_relative() {
            let mut candidate = PathBuf::from("..");
            for _ in 0..8 {
                if files.exists(&candidate.join("schemas")) {
                    root = candidate;
                    break;
                }
                candidate.push("..");
            }
        }
        Self { files, root, folder }
    }

    /// Names of the tables that `schemas/tables/` declares.
    pub(crate) fn tables(&self) -> Vec<String> {
        let files = self.files.list(&self.root.join("schemas").join("tables")).unwrap_or_default();
        let name = |file: &PathBuf| Some(file.file_name()?.to_str()?.strip_suffix(".yaml")?.to_owned());
        files.iter().filter_map(name).collect()
    }

    /// The first place where a relative path leads to a file: from the root, then beside the topology file.
    pub(crate) fn find(&self, relative: &str) -> Option<PathBuf> {
        let places = [self.root.join(relative), self.folder.join(relative)];
        places.into_iter().find(|place| self.files.exists(place))
    }
}
