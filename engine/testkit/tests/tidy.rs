//! The rules of the house as tests: arrows between crates, prose at the top of every file, ceilings on files and
//! functions, and words that have no place here. A rule that nobody runs is a wish.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Most lines of a file without its tests. Catalogues (one entry, one shape) are named below.
const FILE_CEILING: usize = 600;
/// Most lines of a function outside tests.
const FUNCTION_CEILING: usize = 120;
/// Files that are catalogues, with the reason. The list only shrinks.
const CATALOGUES: [(&str, &str); 1] = [("engine/cli/src/arguments.rs", "the command line: one entry a flag")];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).expect("two folders up").to_owned()
}

/// Rust files of the crates, without build output.
fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["engine", "connectors"] {
        walk(&root().join(folder), &mut found);
    }
    found.sort();
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Lines of code before the tests of a file. Files of tests have none.
fn code_lines(path: &Path, text: &str) -> usize {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let parts = path.strip_prefix(root()).unwrap_or(path).components();
    let of_tests = ["tests", "examples", "benches"];
    let in_tests = parts.into_iter().any(|part| of_tests.iter().any(|folder| part.as_os_str() == *folder));
    if in_tests || name == "tests.rs" || name.ends_with("_tests.rs") || name == "samples.rs" {
        return 0;
    }
    text.lines().take_while(|line| *line != "mod tests {").count()
}

/// The table of ARCHITECTURE.md: crate to the crates that it may know; `None` for all.
fn allowed() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let table = text.split("## Who may know whom").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = table.expect("the table").lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    let pairs = rows.filter_map(|row| row.split_once('|')).filter(|(name, _)| *name != "crate ");
    let parsed: BTreeMap<_, _> = pairs
        .map(|(name, knows)| {
            let knows = knows.trim();
            let names = knows.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            (name.trim().to_owned(), (knows != "everything").then(|| names.collect()))
        })
        .collect();
    assert!(parsed.len() > 10, "the table of arrows was not found");
    parsed
}

#[test]
fn arrows_between_crates_are_those_of_the_architecture() {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().expect("cargo metadata");
    let ours: BTreeSet<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let allowed = allowed();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Some(allowed) = allowed.get(package.name.as_str()) else {
            wrong.push(format!("{} stands in no line of the table", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
            let forbidden = allowed.as_ref().is_some_and(|allowed| !allowed.contains(&dependency.name));
            if ours.contains(&dependency.name) && forbidden {
                wrong.push(format!("{} must not know {}", package.name, dependency.name));
            }
        }
    }
    for name in allowed.keys().filter(|name| !ours.contains(*name)) {
        wrong.push(format!("the table names {name}, which is no crate"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `./test` names the tests of its two lanes, so that they can run beside each other.
#[test]
fn every_test_has_a_lane() {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().expect("cargo metadata");
    let targets = metadata.packages.iter().flat_map(|package| &package.targets).filter(|target| target.is_test());
    let tests: BTreeSet<&str> = targets.map(|target| target.name.as_str()).collect();
    let script = fs::read_to_string(root().join("test")).expect("the script");
    let lanes = ["waiting=(", "computing=("].iter().flat_map(|begins| {
        let (_, names) = script.split_once(begins).expect("a lane");
        names.split_once(')').expect("its end").0.split_whitespace()
    });
    let mut named: Vec<&str> = lanes.collect();
    named.sort_unstable();
    assert_eq!(named, Vec::from_iter(tests));
}

#[test]
fn every_file_opens_with_prose() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|path| !fs::read_to_string(path).expect("a file").starts_with("//! "))
        .map(|path| shown(path))
        .collect();
    assert!(silent.is_empty(), "files without opening prose:\n{}", silent.join("\n"));
}

#[test]
fn files_stay_below_their_ceiling() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|path| !CATALOGUES.iter().any(|(name, _)| shown(path) == *name))
        .map(|path| (shown(path), code_lines(path, &fs::read_to_string(path).expect("a file"))))
        .filter(|(_, lines)| *lines > FILE_CEILING)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "files above {FILE_CEILING} lines:\n{}", long.join("\n"));
}

#[test]
fn functions_stay_below_their_ceiling() {
    let mut long = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a file");
        let lines: Vec<&str> = text.lines().take(code_lines(&path, &text)).collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            if !line.contains("fn ") || line.trim_start().starts_with("//") || !line.trim_end().ends_with(['{', '(']) {
                continue;
            }
            // The formatter puts a function's last brace at the indentation of its first line.
            let closing = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == closing).unwrap_or(0);
            if length > FUNCTION_CEILING {
                long.push(format!("{}:{}: {length} lines", shown(&path), start + 1));
            }
        }
    }
    assert!(long.is_empty(), "functions above {FUNCTION_CEILING} lines:\n{}", long.join("\n"));
}

#[test]
fn words_that_have_no_place_here() {
    // Written in two parts, so that this file does not find itself.
    let banned =
        [concat!("#[ign", "ore"), concat!("should_", "panic"), concat!("to", "do!("), concat!("unimple", "mented!(")];
    let mut found = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a file");
        for (number, line) in text.lines().enumerate() {
            let words = banned.iter().filter(|word| line.contains(**word));
            found.extend(words.map(|word| format!("{}:{}: {word}", shown(&path), number + 1)));
            if line.ends_with(' ') {
                found.push(format!("{}:{}: trailing space", shown(&path), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
