//! Loads topology files and folders of them.

use std::path::{Path, PathBuf};

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::files::{Files, Site};
use crate::plan::Topology;
use crate::source::Source;
use crate::{read, reader, reserved, resolve, written};

/// What loading gave.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The topologies without an error, in the order of the files.
    pub topologies: Vec<Topology>,
    /// All findings, by file and line.
    pub findings: Vec<Diagnostic>,
}

/// Loads files, and of folders all `*.yaml` directly in them. Files that are loaded together know each other's topics.
/// A topology with an error is in the findings and not in the topologies.
#[must_use]
pub fn load(paths: &[PathBuf], files: &dyn Files) -> Loaded {
    load_all(paths, files, reserved::refuse)
}

/// Loads what is part of the engine itself: [`load`], and names may be the engine's.
#[must_use]
pub fn load_own(paths: &[PathBuf], files: &dyn Files) -> Loaded {
    load_all(paths, files, |_, _| ())
}

fn load_all(paths: &[PathBuf], files: &dyn Files, refuse: fn(&mut written::Topology, &Findings)) -> Loaded {
    let findings = Findings::default();
    let mut topologies = Vec::new();
    for path in paths_of(paths, files, &findings) {
        let shown = path.display().to_string();
        let bytes = match files.read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                unreadable(&shown, &error, &findings);
                continue;
            }
        };
        let Some(root) = reader::read(&shown, &bytes, &findings) else { continue };
        let site = Site::of(files, &path);
        if let Some(mut topology) = read::topology(&root, &site, &findings) {
            refuse(&mut topology, &findings);
            topologies.push(topology);
        }
    }
    let topologies = resolve::resolve(&topologies, files, &findings);
    Loaded { topologies, findings: findings.sorted() }
}

fn paths_of(paths: &[PathBuf], files: &dyn Files, findings: &Findings) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        let is_file = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let members = if is_file { Ok(vec![path.clone()]) } else { files.list(path) };
        match members {
            Ok(members) => {
                let yaml = |member: &PathBuf| is_file || member.extension().is_some_and(|end| end == "yaml");
                for member in members.into_iter().filter(yaml) {
                    if !found.contains(&member) {
                        found.push(member);
                    }
                }
            }
            Err(no_folder) => match files.read(path) {
                // A file of another name was meant as one.
                Ok(_) => found.push(path.clone()),
                // It is there and is no folder: what is said of a folder would mislead.
                Err(error) if no_folder.kind() == std::io::ErrorKind::NotADirectory => {
                    unreadable(&path.display().to_string(), &error, findings);
                }
                Err(_) => unreadable(&path.display().to_string(), &no_folder, findings),
            },
        }
    }
    found
}

fn unreadable(shown: &str, error: &std::io::Error, findings: &Findings) {
    let source = Source::new(shown, String::new());
    let what = format!("`{}` cannot be read: {error}", Path::new(shown).display());
    findings.push(Diagnostic::at_span(codes::UNREADABLE, &source.span(0..0), what).remedy("check the path"));
}
