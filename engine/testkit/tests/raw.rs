//! The suite of the raw store's contract, run on the store in a folder.

use std::fs;
use std::path::Path;

use connect::{FolderStore, RawStore};
use tempfile::TempDir;
use testkit::raw_suite::{self, PlaceUnderTest};

struct Folder(TempDir);

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().into_string().expect("a name");
        if entry.path().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found
}

impl PlaceUnderTest for Folder {
    fn open(&self) -> Box<dyn RawStore> {
        Box::new(FolderStore::open(self.0.path()).expect("opens"))
    }

    fn staged(&self) -> usize {
        // Beside each folder to stage in lies the lock of the process that has it.
        files(&self.0.path().join(".staging")).iter().filter(|name| !name.ends_with(".lock")).count()
    }

    fn put(&self, reference: &str, content: &[u8]) {
        let place = self.0.path().join(reference);
        fs::create_dir_all(place.parent().expect("a folder above")).expect("a folder");
        fs::write(place, content).expect("written");
    }

    fn kept(&self) -> Vec<String> {
        files(self.0.path()).into_iter().filter(|name| !name.starts_with(".staging/")).collect()
    }
}

#[test]
fn a_folder_keeps_the_contract_of_a_raw_store() {
    raw_suite::run(&|| Box::new(Folder(tempfile::tempdir().expect("a folder"))));
}
