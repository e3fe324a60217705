//! The suite of the raw store's contract, run on a bucket of a real MinIO; and a zip archive read from there.

use std::io::{Cursor, Read, Write};

use connect::RawStore;
use s3_connector::S3Store;
use tempfile::TempDir;
use testkit::raw_suite::{self, PlaceUnderTest};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::minio::{self, Bucket};

struct Place {
    bucket: Bucket,
    staging: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { bucket: minio::shared().bucket(), staging: tempfile::tempdir().expect("a folder") }
    }

    fn store(&self) -> S3Store {
        S3Store::open(&self.bucket.settings, self.staging.path()).expect("opens")
    }
}

impl PlaceUnderTest for Place {
    fn open(&self) -> Box<dyn RawStore> {
        Box::new(self.store())
    }

    fn staged(&self) -> usize {
        raw_suite::staged_in(self.staging.path())
    }

    fn put(&self, reference: &str, content: &[u8]) {
        self.bucket.put(reference, content);
    }

    fn kept(&self) -> Vec<String> {
        let prefix = &self.bucket.settings.prefix;
        let objects = self.bucket.objects();
        objects.iter().map(|key| key.strip_prefix(prefix).expect("below the prefix").to_owned()).collect()
    }
}

#[test]
fn a_bucket_keeps_the_contract_of_a_raw_store() {
    if minio::there("a_bucket_keeps_the_contract_of_a_raw_store") {
        raw_suite::run(&|| Box::new(Place::new()));
    }
}

#[test]
fn an_archive_is_read_from_the_bucket() {
    if !minio::there("an_archive_is_read_from_the_bucket") {
        return;
    }
    let members: Vec<(String, Vec<u8>)> =
        (0..5).map(|number| (format!("member{number}.csv"), testkit::Random::new(number).bytes(900_000))).collect();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in &members {
        archive.start_file(name.as_str(), SimpleFileOptions::default()).expect("a member");
        archive.write_all(content).expect("written");
    }
    let archive = archive.finish().expect("an archive").into_inner();
    let place = Place::new();
    let store = place.store();
    let staged = store.stage(&mut archive.as_slice()).expect("stages");
    let kept = store.keep(&staged, "feed/load/archive", 1).expect("keeps");
    let mut read = ZipArchive::new(store.open(&kept.reference).expect("opens")).expect("an archive");
    for (name, content) in members.iter().rev() {
        let mut found = Vec::new();
        read.by_name(name).expect("a member").read_to_end(&mut found).expect("reads");
        assert!(found == *content, "{name}");
    }
}
