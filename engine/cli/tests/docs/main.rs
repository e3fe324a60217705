//! The pages in `docs/` and the files in `packaging/`, held to the code: reference pages and the page of holds are made
//! of the code's own declarations, links lead somewhere, and what Compose and systemd are given is read by their own
//! readers. The commands of the pages are run by the test `commands`.
//!
//! `UPDATE_EXPECT=1 cargo test --workspace --test docs` writes the pages that are made anew.

mod compose;
mod holds;
mod image;
mod links;
#[path = "../program/mod.rs"]
mod program;
mod reference;
mod systemd;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::program::root;

/// Compares a page with what it must say, and writes it if `UPDATE_EXPECT` says so.
#[track_caller]
fn compare(page: &Path, text: &str) {
    assert!(!text.lines().any(|line| line.ends_with(' ')), "{} has a blank at the end of a line", page.display());
    expect_test::expect_file![root().join(page)].assert_eq(text);
}

/// Fails if a folder of made pages has one that nothing makes any more.
#[track_caller]
fn only(folder: &str, made: &BTreeSet<PathBuf>) {
    let there = std::fs::read_dir(root().join(folder)).expect("a folder").flatten().map(|entry| entry.path());
    let there: BTreeSet<PathBuf> = there.filter(|path| path.is_file()).collect();
    let made: BTreeSet<PathBuf> = made.iter().map(|page| root().join(page)).collect();
    let stale: Vec<_> = there.difference(&made).collect();
    assert!(stale.is_empty(), "nothing makes {stale:?} any more: remove them");
}

/// A code with what `explain` says of it, as a section.
fn section(explanation: &batch::Explanation) -> String {
    let batch::Explanation { code, title, why, remedy } = explanation;
    format!("## {code}: {title}\n\n{why}\n\n**What to do.** {remedy}\n\n")
}

/// All pages of `docs/` and the pages that they belong to, as their paths from the top.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from("docs")];
    let mut found = vec![PathBuf::from("README.md"), PathBuf::from("packaging/README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).expect("a folder").flatten() {
            let path = folder.join(entry.file_name());
            match root().join(&path).is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}
