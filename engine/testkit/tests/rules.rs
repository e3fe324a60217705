//! `engine/RULES.md` names a test for each rule: those tests are there.
//!
//! Whether a test goes red where its rule is taken out cannot be seen from here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Starts the cell of a rule whose feature is not there.
const NOT_BUILT: &str = "not built yet: ";
/// Fewer rules than this, and the tables were not read.
const RULES: usize = 60;

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).expect("two folders up").to_owned()
}

/// Names of all test functions, and of the files that tests read.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root().join("engine"), root().join("connectors")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                functions(&fs::read_to_string(&path).expect("a text"), &mut found);
            } else if path.ends_with(Path::new("scenarios/data").join(&name)) {
                found.insert(name);
            } else if path.ends_with(Path::new("golden/mistakes").join(&name)) {
                found.insert(format!("golden/{name}"));
            }
        }
    }
    found
}

/// Functions under `#[test]`, whatever other attributes and comments stand between.
fn functions(text: &str, found: &mut BTreeSet<String>) {
    let mut test = false;
    for line in text.lines().map(str::trim) {
        test |= line == "#[test]" || line.starts_with("#[tokio::test");
        if let Some((_, rest)) = line.split_once("fn ").filter(|_| !line.starts_with("//")) {
            if test {
                found.extend(rest.split_once('(').map(|(name, _)| name.to_owned()));
            }
            test = false;
        }
    }
}

/// Rules and what stands beside them.
fn rules() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("engine/RULES.md")).expect("RULES.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let pairs = rows.filter_map(|row| row.split_once(" | ")).filter(|(rule, _)| *rule != "rule");
    pairs.map(|(rule, tests)| (rule.to_owned(), tests.to_owned())).collect()
}

#[test]
fn each_rule_has_tests_and_they_exist() {
    let (rules, tests) = (rules(), tests());
    assert!(rules.len() >= RULES && tests.len() > 300, "{} rules, {} tests", rules.len(), tests.len());
    let mut wrong = Vec::new();
    for (rule, cell) in &rules {
        if cell.starts_with(NOT_BUILT) {
            continue;
        }
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            wrong.push(format!("no test: {rule}"));
        }
        wrong.extend(
            names.iter().filter(|name| !tests.contains(**name)).map(|name| format!("{name} is no test: {rule}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let different: BTreeSet<&String> = rules.iter().map(|(rule, _)| rule).collect();
    assert_eq!(different.len(), rules.len(), "a rule stands there twice");
}
