//! The suite of the raw store's contract, run on the store in a folder.

use std::fs;

use connect::{FolderStore, RawStore};
use tempfile::TempDir;
use testkit::raw_suite::{self, PlaceUnderTest, files};

struct Folder(TempDir);

impl PlaceUnderTest for Folder {
    fn open(&self) -> Box<dyn RawStore> {
        Box::new(FolderStore::open(self.0.path()).expect("opens"))
    }

    fn staged(&self) -> usize {
        raw_suite::staged_in(self.0.path())
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
