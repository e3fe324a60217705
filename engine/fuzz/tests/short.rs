//! Every target, briefly: all files that are kept, and a fixed number of cases made from them by a fixed seed.
//!
//! Each file of `corpus/TARGET/` is an input that found something once, or that leads far into the reader. A case is a
//! file, or bytes that look random, with some bytes changed as a fuzzer does it. Nothing here depends on time.

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};
use testkit::Random;

/// Most bytes of a file that is kept: inputs are for people to look at.
const LARGEST: usize = 8 * 1024;

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let entries = fs::read_dir(&folder).expect("each target has its folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

/// Names the input if the target panics.
struct Named<'a> {
    what: String,
    bytes: &'a [u8],
}

#[expect(clippy::print_stderr, reason = "whoever reads a failed test needs the input")]
impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {}", self.what, self.bytes.escape_ascii());
        }
    }
}

fn run(target: &Target, what: String, bytes: &[u8]) {
    let _named = Named { what, bytes };
    (target.run)(bytes);
}

/// Changes some bytes: another value, a bit, a piece left out, twice, or from another file.
fn changed(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let until = (at + 1 + random.below(16) as usize).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.number() as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.drain(at..until)),
            3 => {
                let piece = bytes[at..until].to_vec();
                bytes.splice(at..at, piece);
            }
            4 if !other.is_empty() => {
                let from = random.below(other.len() as u64) as usize;
                let piece = other[from..(from + 1 + random.below(32) as usize).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let length = random.below(8) as usize;
                let piece = random.bytes(length);
                bytes.splice(at..at, piece);
            }
        }
    }
}

fn briefly(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let files = corpus(target);
    assert!(!files.is_empty(), "the folder of {name} holds something");
    for (path, bytes) in &files {
        assert!(bytes.len() <= LARGEST, "{} has {} bytes", path.display(), bytes.len());
        run(target, path.display().to_string(), bytes);
    }
    let mut random = Random::new(20_261_121);
    for case in 0..target.short_cases {
        let mut bytes = if case % 3 == 0 {
            let length = random.below(400) as usize;
            random.bytes(length)
        } else {
            files[random.below(files.len() as u64) as usize].1.clone()
        };
        let other = &files[random.below(files.len() as u64) as usize].1;
        changed(&mut random, &mut bytes, other);
        run(target, format!("case {case} of {name}, {random}"), &bytes);
    }
}

#[test]
fn archive() {
    briefly("archive");
}

#[test]
fn avro_schema() {
    briefly("avro-schema");
}

#[test]
fn avro_values() {
    briefly("avro-values");
}

#[test]
fn blocks() {
    briefly("blocks");
}

#[test]
fn delimited() {
    briefly("delimited");
}

#[test]
fn expression_text() {
    briefly("expression-text");
}

#[test]
fn expression_values() {
    briefly("expression-values");
}

#[test]
fn topology() {
    briefly("topology");
}

#[test]
fn every_folder_has_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    targets.sort_unstable();
    assert_eq!(names, targets);
}
