//! `topologies/LANGUAGE.md` names everything that the reader knows.
//!
//! The keys stand in the reader's own lists, so the lists are taken from its source: a key that is added there and not
//! explained turns this red.

use std::collections::BTreeSet;

use regex::Regex;

const PAGE: &str = include_str!("../../../topologies/LANGUAGE.md");
const READERS: [&str; 9] = [
    include_str!("read/decode.rs"),
    include_str!("read/functions.rs"),
    include_str!("read/landing.rs"),
    include_str!("read/source.rs"),
    include_str!("read/steps.rs"),
    include_str!("read/table.rs"),
    include_str!("read/tests.rs"),
    include_str!("read/topology.rs"),
    include_str!("parameters.rs"),
];

/// Lists of keys, `&["a", "b"]`, and choices, `("a", value)`.
fn words() -> BTreeSet<String> {
    let list = Regex::new(r#"&\[\s*((?:"[a-z_-]+",?\s*)+)\]"#).expect("an expression");
    let word = Regex::new(r#""([a-z_-]+)""#).expect("an expression");
    let choice = Regex::new(r#"\("([a-z_ -]+)", (?:true|false|\(\)|\d|"|[A-Z])"#).expect("an expression");
    let mut found = BTreeSet::new();
    for source in READERS {
        for keys in list.captures_iter(source) {
            found.extend(word.captures_iter(&keys[1]).map(|key| key[1].to_owned()));
        }
        found.extend(choice.captures_iter(source).map(|choice| choice[1].to_owned()));
    }
    found
}

#[test]
fn the_page_of_the_language_names_every_key_and_choice() {
    let words = words();
    for known in ["dedupe", "must-have", "give-up-after", "by-document", "snake_case", "list of pattern", "equals"] {
        assert!(words.contains(known), "the lists of keys are not found any more: {known}");
    }
    assert!(words.len() > 100, "{words:?}");
    // A word counts where it is code: in backticks, or in an example.
    let code = Regex::new(r"(?s)```yaml\n(.*?)```|`([^`\n]+)`").expect("an expression");
    let code: Vec<&str> = code.find_iter(PAGE).map(|found| found.as_str()).collect();
    let said = |word: &str| {
        let whole = Regex::new(&format!("(?:^|[^a-z_-]){word}(?:[^a-z_-]|$)")).expect("an expression");
        code.iter().any(|part| whole.is_match(part))
    };
    let missing: Vec<&String> = words.iter().filter(|word| !said(word)).collect();
    assert!(missing.is_empty(), "topologies/LANGUAGE.md does not name {missing:?}");
}
