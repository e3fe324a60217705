//! The page of the language names every word, and the schema agrees with the reader on all files that are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{Form, Keys, TABLE, TEMPLATE, TOPOLOGY, schema, validity};
use crate::diagnostic::Findings;
use crate::reader::{self, Kind, Node, Style};
use crate::scalars;

const PAGE: &str = include_str!("../../../../topologies/LANGUAGE.md");

/// Every key and choice that can be reached from a map.
fn words(keys: &'static Keys, found: &mut BTreeSet<&'static str>, seen: &mut Vec<&'static str>) {
    if seen.contains(&keys.about) {
        return;
    }
    seen.push(keys.about);
    for key in keys.keys {
        found.insert(key.name);
        of_form(&key.form, found, seen);
    }
    keys.others.iter().for_each(|form| of_form(form, found, seen));
}

fn of_form(form: &'static Form, found: &mut BTreeSet<&'static str>, seen: &mut Vec<&'static str>) {
    match form {
        Form::Choice(names) => found.extend(names.names()),
        Form::Map(keys) => words(keys, found, seen),
        Form::Named(named) => of_form(&named.of, found, seen),
        Form::List(inner) | Form::Filled(inner) | Form::Open(inner) => of_form(inner, found, seen),
        Form::Either(forms) => forms.iter().for_each(|form| of_form(form, found, seen)),
        Form::Text | Form::Value | Form::Expression | Form::Pattern => {}
        Form::Type | Form::Encoding | Form::Written(_) => {}
    }
}

#[test]
fn the_page_of_the_language_names_every_key_and_choice() {
    let (mut words_found, mut seen) = (BTreeSet::new(), Vec::new());
    for keys in [&TOPOLOGY, &TEMPLATE, &TABLE] {
        words(keys, &mut words_found, &mut seen);
    }
    for known in ["dedupe", "must-have", "give-up-after", "by-document", "snake_case", "list of pattern", "equals"] {
        assert!(words_found.contains(known), "not declared: {known}");
    }
    assert!(words_found.len() > 100, "{words_found:?}");
    // A word counts where it is code: in backticks, or in an example.
    let code = Regex::new(r"(?s)```yaml\n(.*?)```|`([^`\n]+)`").expect("an expression");
    let code: Vec<&str> = code.find_iter(PAGE).map(|found| found.as_str()).collect();
    let said = |word: &str| {
        let whole = Regex::new(&format!("(?:^|[^a-z_-]){word}(?:[^a-z_-]|$)")).expect("an expression");
        code.iter().any(|part| whole.is_match(part))
    };
    let missing: Vec<&&str> = words_found.iter().filter(|word| !said(word)).collect();
    assert!(missing.is_empty(), "topologies/LANGUAGE.md does not name {missing:?}");
}

/// A file as an editor hands it to a schema: scalars that look like numbers, booleans or nothing are those.
fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { .. } if node.is_null() => Value::Null,
        Kind::Scalar { text, style: Style::Plain } => {
            let number = text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from));
            match (&**text, number) {
                ("true", _) => Value::Bool(true),
                ("false", _) => Value::Bool(false),
                (_, Ok(number)) => number,
                (text, _) => text.into(),
            }
        }
        Kind::Scalar { text, .. } => (**text).into(),
        Kind::Sequence(items) => items.iter().map(value).collect(),
        Kind::Mapping(entries) => {
            entries.iter().map(|entry| (entry.key.text().to_owned(), value(&entry.value))).collect::<Map<_, _>>().into()
        }
    }
}

/// What is said of texts: `None` for one that is no YAML, else whether it is valid, with the reason.
fn judged(texts: &[(String, Vec<u8>)]) -> Vec<(String, Option<Result<(), String>>)> {
    let schema = schema();
    let validator = Validator::new(&schema);
    let judge = |bytes: &[u8]| {
        let root = reader::read("file", bytes, &Findings::default())?;
        let value = value(&root);
        let judged = validity::check(&schema, &schema, &value);
        assert_eq!(judged.is_ok(), validator.accepts(&value), "{value}");
        Some(judged)
    };
    texts.iter().map(|(name, bytes)| (name.clone(), judge(bytes))).collect()
}

/// What an independent validator says, which knows the standard and nothing of us.
struct Validator {
    schemas: boon::Schemas,
    schema: boon::SchemaIndex,
}

impl Validator {
    fn new(schema: &Value) -> Self {
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.add_resource("mem:///spotlight.json", schema.clone()).expect("a schema");
        let schema = compiler.compile("mem:///spotlight.json", &mut schemas).expect("a schema that holds together");
        Self { schemas, schema }
    }

    fn accepts(&self, value: &Value) -> bool {
        self.schemas.validate(value, self.schema).is_ok()
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|file| file.path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    found.sort();
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read(&path).expect("a file"));
    found.into_iter().map(read).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn all_shipped_files_are_valid() {
    let mut texts = Vec::new();
    for folder in ["topologies", "topologies/templates", "schemas/tables"] {
        let found = files(&root().join(folder));
        assert!(found.len() >= 2, "{folder}");
        texts.extend(found);
    }
    let example = Regex::new(r"(?s)```yaml\n(.*?)```").expect("an expression");
    for (number, found) in example.captures_iter(PAGE).enumerate() {
        texts.push((format!("example {number} of the page"), found[1].as_bytes().to_vec()));
    }
    for (name, judged) in judged(&texts) {
        assert_eq!(judged, Some(Ok(())), "{name}");
    }
}

/// Mistakes that the schema sees are those of structure; it never refuses what `check` takes.
#[test]
fn mistakes_of_structure_are_not_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/golden/mistakes");
    let mistakes = crate::tests::mistakes(&folder);
    let texts: Vec<(String, Vec<u8>)> = mistakes
        .iter()
        .flat_map(|mistake| mistake.written.iter().map(|(_, text)| (mistake.name.clone(), text.clone().into_bytes())))
        .collect();
    let refused: BTreeSet<String> =
        judged(&texts).into_iter().filter(|(_, judged)| matches!(judged, Some(Err(_)))).map(|(name, _)| name).collect();
    expect_test::expect_file!["../golden/seen-by-schema.txt"]
        .assert_eq(&refused.iter().map(|name| format!("{name}\n")).collect::<String>());
    assert!(refused.len() >= 10, "{refused:?}");
}

/// The schema's expressions take what the reader takes.
#[test]
fn written_forms_of_schema_and_reader_agree() {
    use super::*;
    type Reads = fn(&str) -> bool;
    let forms: [(&Written, Reads, &[&str]); 9] = [
        (
            &REMEMBER,
            |text| scalars::span(text).is_some(),
            &["400d", "500ms", "1 d", "0d", "30 days", "1.5h", "d", "20d"],
        ),
        (&EVERY, |text| scalars::span(text).is_some(), &["15m", "1s", "0s", "1 hour"]),
        (&BATCH_AGE, |text| scalars::duration(text).is_some(), &["5s", "0s", "5"]),
        (&SIZE, |text| scalars::some_size(text).is_some(), &["500MiB", "512", "8 GiB", "0MiB", "500M", "1kB", "5MB"]),
        (&RATE, |text| scalars::rate(text).is_some(), &["5/s", "1 per 4s", "30/m", "0/s", "5", "5 per s", "1 / s"]),
        (&SHARE, |text| scalars::percent(text).is_some(), &["10%", "2.5 percent", "10", "10 %", "x%"]),
        (&DAY, |text| scalars::day(text).is_some(), &["2024-01-31", "2024-1-31", "31.01.2024", "20240131"]),
        (
            &STATUS,
            |text| text.parse::<u16>().is_ok_and(|status| (100..600).contains(&status)),
            &["404", "99", "600", "x"],
        ),
        (&PARTITIONS, |text| text.parse::<i32>().is_ok(), &["4", "1000", "four", ""]),
    ];
    for (form, reads, samples) in forms {
        let whole = Regex::new(&format!("^(?: *(?:{}) *)$", form.pattern)).expect(form.wanted);
        for sample in samples {
            assert_eq!(whole.is_match(sample), reads(sample), "{sample}: {}", form.wanted);
        }
    }
}

#[test]
fn every_reference_leads_to_a_definition_with_a_description() {
    let schema = schema();
    let text = schema.to_string();
    let reference = Regex::new(r##""#/\$defs/([a-z-]+)""##).expect("an expression");
    let definitions = schema["$defs"].as_object().expect("definitions");
    assert!(definitions.len() > 40, "{}", definitions.len());
    for found in reference.captures_iter(&text) {
        assert!(definitions[&found[1]]["description"].is_string(), "{}", &found[1]);
    }
    for (name, definition) in definitions {
        assert_eq!(definition["type"], json!("object"), "{name}");
        for (key, value) in definition["properties"].as_object().expect("properties") {
            assert!(value["description"].as_str().is_some_and(|said| said.len() > 5), "{name}.{key}");
        }
    }
}
