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
        // Of a pipe or a device nobody knows when it ends, and opening one may wait for ever.
        if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
            return Err(io::Error::other("it is a pipe or a device, and no file"));
        }
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

/// A path that a topology file names: at the place where its relative paths start, or, if nothing is there, beside the file
/// itself if something is there. Of a glob what stands before its first sign counts. An absolute path stays as it is.
#[must_use]
pub fn place_of(files: &dyn Files, file: &Path, path: &str) -> PathBuf {
    let site = Site::of(files, file);
    let fixed: PathBuf =
        Path::new(path).iter().take_while(|part| !part.to_string_lossy().contains(['*', '?', '['])).collect();
    let there = |root: &Path| files.exists(&root.join(path)) || files.exists(&root.join(&fixed));
    let beside = !there(&site.root) && there(&site.folder);
    (if beside { site.folder } else { site.root }).join(path)
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
        self.places(relative).into_iter().find(|place| self.files.exists(place))
    }

    /// Where a relative path is looked for, in words.
    pub(crate) fn looked_for(&self, relative: &str) -> String {
        let [root, folder] = self.places(relative).map(|place| batch::bounded(&place.display().to_string()));
        match root == folder {
            true => format!("it was looked for at `{root}`"),
            false => format!("it was looked for at `{root}` and at `{folder}`"),
        }
    }

    fn places(&self, relative: &str) -> [PathBuf; 2] {
        [self.root.join(relative), self.folder.join(relative)]
    }
}

#[cfg(test)]
mod tests {
    use super::{MemoryFiles, Path, place_of};

    #[test]
    fn a_path_starts_at_the_root_and_else_beside_the_file() {
        let files = MemoryFiles::default()
            .with("work/schemas/tables/a.b.yaml", "")
            .with("work/lists/one.txt", "")
            .with("work/feeds/lists/two.txt", "")
            .with("work/feeds/more/three.txt", "");
        for (path, wanted) in [
            ("lists", "work/lists"),
            ("more", "work/feeds/more"),
            ("more/*.txt", "work/feeds/more/*.txt"),
            ("lists/*.txt", "work/lists/*.txt"),
            ("nowhere", "work/nowhere"),
            ("*.txt", "work/*.txt"),
            ("/lists", "/lists"),
        ] {
            assert_eq!(place_of(&files, Path::new("work/feeds/a.yaml"), path), Path::new(wanted), "{path}");
        }
    }
}
