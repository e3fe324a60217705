//! Folders of dry runs, and of plans without a data folder: gone at their end, and where they ended too soon for that, at
//! the next start.
//!
//! Each holds a file that its process keeps locked. A folder whose file can be locked belongs to nobody any more.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

const PREFIX: &str = "spotlight-dry-";

/// The file that is locked as long as the folder is in use.
const LOCK: &str = "lock";

/// A folder that is removed when dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// Makes one, and removes those that nobody uses any more.
    pub(crate) fn make() -> Result<Self> {
        let place = tempfile::env::temp_dir();
        sweep(&place);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place).context("no temporary folder")?;
        let lock = File::create(folder.path().join(LOCK)).context("no file in the temporary folder")?;
        lock.try_lock().context("the temporary folder is used by another process")?;
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes folders of processes that were killed. Best effort: what cannot be removed is left for another day.
fn sweep(place: &Path) {
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // No link is followed: others may write to this place too.
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            let _removed = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::{LOCK, PREFIX, sweep};

    #[test]
    fn what_nobody_uses_any_more_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = |name: &str, locked: bool| {
            let path = place.path().join(name);
            std::fs::create_dir(&path).expect("a folder");
            let file = File::create(path.join(LOCK)).expect("a file");
            if locked {
                file.try_lock().expect("nobody has it");
            }
            (path, file)
        };
        let (left, left_lock) = folder(&format!("{PREFIX}left"), false);
        drop(left_lock);
        let (used, _used_lock) = folder(&format!("{PREFIX}used"), true);
        let (other, _other_lock) = folder("other", false);
        std::os::unix::fs::symlink(&other, place.path().join(format!("{PREFIX}link"))).expect("a link");
        sweep(place.path());
        assert_eq!([left.exists(), used.exists(), other.join(LOCK).exists()], [false, true, true]);
    }
}
