//! A large object with the memory of the process measured. It takes long, so it is not run unless it is asked for.

use std::io::{self, Read, Write};
use std::process::Command;

use connect::RawStore;
use s3_connector::S3Store;
use sha2::{Digest, Sha256};
use testkit::Random;

use crate::minio;

/// Bytes of the object.
const SIZE: u64 = 300 << 20;
/// Most memory of a process that stages, keeps and reads it, in KiB. A part and a window have 8 MiB each.
const MOST: u64 = 80 << 10;

/// Bytes that are made as they are read.
struct Made(Random, u64);

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (buffer.len() as u64).min(self.1) as usize;
        buffer[..count].copy_from_slice(&self.0.bytes(count));
        self.1 -= count as u64;
        Ok(count)
    }
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// It runs itself, so that no other test's memory is counted.
#[expect(clippy::disallowed_methods, reason = "how it was called by itself stands in its environment")]
#[test]
fn a_large_object_takes_little_memory() {
    let name = "large::a_large_object_takes_little_memory";
    let Ok(place) = std::env::var("SPOTLIGHT_TEST_LARGE") else {
        if !minio::all_is_asked_for() {
            let _ = writeln!(io::stderr(), "NOT RUN, for it takes long: {name} (services/test-minio runs it)");
        } else if minio::there(name) {
            let bucket = minio::shared().bucket();
            let place = format!("{} {}", minio::shared().address, bucket.settings.bucket);
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args(["--exact", name, "--nocapture"]).env("SPOTLIGHT_TEST_LARGE", place);
            let output = command.output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            let _ = write!(io::stderr(), "{said}");
        }
        return;
    };
    let (address, bucket) = place.split_once(' ').expect("a place");
    let staging = tempfile::tempdir().expect("a folder");
    let store = S3Store::open(&minio::settings(address, bucket), staging.path()).expect("opens");
    let before = peak();
    let staged = store.stage(&mut Made(Random::new(1), SIZE)).expect("stages");
    let kept = store.keep(&staged, "feed/load/large", 1).expect("keeps");
    let kept_with = peak();
    let mut reader = store.open(&kept.reference).expect("opens");
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    while let count @ 1.. = reader.read(&mut buffer).expect("reads") {
        hash.update(&buffer[..count]);
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((digits, kept.size), (staged.sha256, SIZE));
    let peaks = format!("{before} KiB before, {kept_with} KiB when it was kept, {} KiB when it was read", peak());
    assert!(peak() < MOST, "{peaks}");
    let _ = writeln!(io::stderr(), "{SIZE} bytes: {peaks}");
}
