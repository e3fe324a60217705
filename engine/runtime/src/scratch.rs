//! Temporary files in a folder of the data folder: what does not fit into memory while a document is worked on.
//!
//! The files have no name, so that nothing of them stays behind however the process ends.

use std::io;
use std::path::{Path, PathBuf};

use operators::{Scratch, ScratchFile};

/// A folder for files without a name.
#[derive(Clone, Debug)]
pub struct ScratchFolder {
    folder: PathBuf,
}

impl ScratchFolder {
    /// Files are made in `folder`, which is made with the first of them.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }
}

impl Scratch for ScratchFolder {
    fn file(&self) -> io::Result<Box<dyn ScratchFile>> {
        std::fs::create_dir_all(&self.folder)?;
        Ok(Box::new(tempfile::tempfile_in(&self.folder)?))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use operators::Scratch;

    use super::ScratchFolder;

    #[test]
    fn a_file_holds_what_is_written_and_has_no_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let scratch = ScratchFolder::new(&folder.path().join("scratch"));
        let mut file = scratch.file().expect("a file");
        file.write_all(b"hello").expect("written");
        file.rewind().expect("rewound");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, "hello");
        assert_eq!(std::fs::read_dir(folder.path().join("scratch")).expect("there").count(), 0);
    }
}
