//! The reader of topology files and of the files that they name.
//!
//! The first byte says which file of a small good set the rest takes the place of. Promises:
//! * Each finding has a known code, stands in one of the files, at a line and column that the file has, and can be shown.
//! * A file is in the findings or among the topologies, and a topology can be described.
//! * Reading again finds the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::topology::{Diagnostic, MemoryFiles, Severity, describe, load};

/// Paths and texts of the good set; those before `REPLACED` may be replaced.
const FILES: [(&str, &str); 5] = [
    ("r/feed.yaml", include_str!("topology/feed.yaml")),
    ("r/schemas/tables/d.t.yaml", include_str!("topology/d.t.yaml")),
    ("r/templates/t.yaml", include_str!("topology/t.yaml")),
    ("r/used.yaml", include_str!("topology/used.yaml")),
    ("r/schemas/topics/outside.rows.avsc", include_str!("topology/outside.rows.avsc")),
];

pub(crate) fn run(bytes: &[u8]) {
    let Some((which, content)) = bytes.split_first() else { return };
    let (path, _) = FILES[usize::from(*which) % FILES.len()];
    let mut files = MemoryFiles::default();
    for (path, text) in FILES {
        files = files.with(path, text);
    }
    files.0.insert(PathBuf::from(path), content.to_vec());
    let loaded = load(&[PathBuf::from("r")], &files);
    for finding in &loaded.findings {
        hold(finding, &files.0);
    }
    let errors = loaded.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    assert!(errors > 0 || !loaded.topologies.is_empty(), "nothing is found, and nothing is there");
    for topology in &loaded.topologies {
        assert!(!describe(topology).is_empty());
    }
    let again = load(&[PathBuf::from("r")], &files);
    assert_eq!((again.findings, again.topologies.len()), (loaded.findings, loaded.topologies.len()));
}

fn hold(finding: &Diagnostic, files: &BTreeMap<PathBuf, Vec<u8>>) {
    let codes = ::topology::EXPLANATIONS.iter().chain(::expression::EXPLANATIONS);
    assert!(codes.into_iter().any(|known| known.code == finding.code), "the code {} is explained", finding.code);
    assert!(!finding.what.is_empty() && finding.text(false).contains(finding.code.0), "{finding:?}");
    assert!(finding.text(true).len() >= finding.text(false).len());
    assert_eq!(finding.json()["code"], finding.code.0);
    for excerpt in std::iter::once(&finding.excerpt).chain(finding.related.iter().map(|related| &related.excerpt)) {
        let place = &excerpt.position;
        let content =
            files.get(Path::new(&*place.file)).unwrap_or_else(|| panic!("no file {}: {finding:?}", place.file));
        let valid = content.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let text = valid.strip_prefix('\u{feff}').unwrap_or(valid);
        let line = (place.line as usize).checked_sub(1).and_then(|line| text.split('\n').nth(line));
        // Of a file that is too large nothing is kept.
        let line =
            if content.len() > 1 << 20 { "" } else { line.unwrap_or_else(|| panic!("no such line: {finding:?}")) };
        let column =
            (place.column as usize).checked_sub(1).unwrap_or_else(|| panic!("columns count from 1: {finding:?}"));
        assert!(
            column <= line.chars().count(),
            "column {} of a line of {}: {finding:?}",
            place.column,
            line.chars().count()
        );
        let shown: String = line.chars().skip(excerpt.skipped as usize).collect();
        assert!(shown.starts_with(&excerpt.text), "{:?} is no part of {line:?}", excerpt.text);
        assert!(excerpt.length >= 1);
    }
}
