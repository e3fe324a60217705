//! `explain`: what a code means, offline.

use anyhow::Result;
use batch::Explanation;

use crate::arguments::Explain;
use crate::exit::{Exit, failure};
use crate::show;

/// Crates and their codes.
const CRATES: &[(&str, &[Explanation])] = &[
    ("topology", topology::EXPLANATIONS),
    ("expression", expression::EXPLANATIONS),
    ("codec", codec::EXPLANATIONS),
    ("operators", operators::EXPLANATIONS),
    ("runtime", runtime::EXPLANATIONS),
    ("spotlight-log", log::EXPLANATIONS),
    ("clickhouse-connector", clickhouse_connector::EXPLANATIONS),
    ("file-connector", file_connector::EXPLANATIONS),
    ("http-connector", http_connector::EXPLANATIONS),
    ("kafka-connector", kafka_connector::EXPLANATIONS),
    ("schema-registry-connector", schema_registry_connector::EXPLANATIONS),
    ("s3-connector", s3_connector::EXPLANATIONS),
    ("s3-connector", s3_connector::SOURCE_EXPLANATIONS),
    ("connections", connections::EXPLANATIONS),
];

/// All codes of all crates, in order.
pub(crate) fn explanations() -> Vec<&'static Explanation> {
    let mut all: Vec<&Explanation> = CRATES.iter().flat_map(|(_, explanations)| *explanations).collect();
    all.sort_by_key(|explanation| explanation.code);
    all
}

pub(crate) fn explain(arguments: &Explain) -> Result<Exit> {
    let all = explanations();
    let Some(code) = &arguments.code else {
        for explanation in all {
            show::prose(&format!("{}  {}", explanation.code, explanation.title));
        }
        return Ok(Exit::Fine);
    };
    let found = known(code)?;
    show::paragraphs(&format!("{}: {}\n\n{}\n\nWhat to do: {}", found.code, found.title, found.why, found.remedy));
    Ok(Exit::Fine)
}

/// The code of this name, however its letters are written, and without its letter too.
pub(super) fn known(code: &str) -> Result<&'static Explanation> {
    let written = code.trim().to_ascii_uppercase();
    let bare = written.starts_with(|first: char| first.is_ascii_digit());
    let wanted = if bare { format!("E{written}") } else { written };
    let all = explanations();
    if let Some(found) = all.iter().find(|explanation| explanation.code.0 == wanted) {
        return Ok(found);
    }
    let names: Vec<&str> = all.iter().map(|explanation| explanation.code.0).collect();
    let what = format!("there is no code `{code}`{}", show::meant(&wanted, &names));
    Err(failure(Exit::Usage, what, "spotlight explain lists all codes"))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};

    use regex::Regex;

    use super::{CRATES, explanations};
    use crate::arguments::Arguments;

    /// A source without its tests.
    struct Source {
        name: String,
        /// It declares and explains codes, so a constant's name in it raises nothing.
        explains: bool,
        text: String,
    }

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn sources() -> Vec<Source> {
        let mut folders = vec![root().join("engine"), root().join("connectors")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let name = entry.file_name().into_string().unwrap();
                let of_tests = ["tests", "target", "testkit"].contains(&name.as_str());
                if path.is_dir() && !of_tests {
                    folders.push(path);
                } else if name.ends_with(".rs") && !of_tests {
                    let text = fs::read_to_string(&path).unwrap();
                    if name.ends_with("tests.rs") && text.contains("#[test]") {
                        continue;
                    }
                    let text = text.lines().take_while(|line| *line != "mod tests {").collect::<Vec<_>>().join("\n");
                    let explains = name == "explanations.rs" || name == "codes.rs";
                    found.push(Source { name: path.display().to_string(), explains, text });
                }
            }
        }
        assert!(found.len() > 100, "the sources are elsewhere");
        found
    }

    /// The words of a command, with values for the placeholders that the grammar would not take as they are written.
    fn typed(line: &str) -> impl Iterator<Item = &str> {
        line.split_whitespace().map(|word| if word == "N" { "0" } else { word })
    }

    /// Placeholders of a command that stand where the grammar wants something else.
    fn misplaced(command: &clap::Command, matches: &clap::ArgMatches) -> Vec<String> {
        let mut wrong = Vec::new();
        let given = |argument: &&clap::Arg| {
            let id = argument.get_id().as_str();
            matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
        };
        for argument in command.get_arguments().filter(given) {
            let name = argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
            let fits: &[&str] = match name {
                "FLOW" => &["TOPOLOGY/FLOW", "TOPOLOGY"],
                "WHERE" => &["OFFSET"],
                name => &[name],
            };
            let values = matches.get_raw(argument.get_id().as_str()).into_iter().flatten();
            let values = values.map(|value| value.to_string_lossy().into_owned());
            let placeholder = |value: &String| value.chars().all(|sign| sign.is_ascii_uppercase() || sign == '/');
            wrong.extend(values.filter(|value| placeholder(value) && !fits.contains(&value.as_str())));
        }
        if let Some((name, matches)) = matches.subcommand() {
            wrong.extend(misplaced(command.find_subcommand(name).expect("it was matched"), matches));
        }
        wrong
    }

    #[test]
    fn each_command_of_a_page_can_be_typed_as_it_stands() {
        use clap::CommandFactory;

        let quoted = Regex::new("`(spotlight [^`]+)`").unwrap();
        let mut commands = 0;
        for explanation in explanations() {
            let text = format!("{} {}", explanation.why, explanation.remedy);
            for line in quoted.captures_iter(&text).map(|found| found[1].to_owned()) {
                let mut grammar = Arguments::command();
                let matches = grammar.try_get_matches_from_mut(typed(&line));
                let matches = matches.unwrap_or_else(|error| panic!("{}: `{line}`: {error}", explanation.code));
                let wrong = misplaced(&grammar, &matches);
                assert!(wrong.is_empty(), "{}: `{line}`: {wrong:?}", explanation.code);
                commands += 1;
            }
            assert!(!quoted.replace_all(&text, "").contains("spotlight "), "{}: without ` around it", explanation.code);
        }
        assert!(commands > 15, "the pages are written in another way");
        let wrong = |line: &str| {
            let mut grammar = Arguments::command();
            let matches = grammar.try_get_matches_from_mut(typed(line)).unwrap();
            misplaced(&grammar, &matches)
        };
        assert_eq!(wrong("spotlight dlq give-up FILE"), ["FILE"]);
        assert_eq!(wrong("spotlight release TOPOLOGY/FLOW --from DIR --partition N"), ["DIR"]);
    }

    /// Where the file is read and checked it has a name.
    const OF_CONNECTIONS: [&str; 4] =
        ["engine/connections/src/", "cli/src/commands/connections.rs", "cli/src/arguments.rs", "cli/src/examples.rs"];

    #[test]
    fn no_remedy_names_a_file_of_settings_that_nothing_reads() {
        let others = |source: &Source| OF_CONNECTIONS.iter().all(|place| !source.name.contains(place));
        for source in sources().into_iter().filter(others) {
            assert!(!source.text.contains("connections.yaml"), "{}", source.name);
        }
    }

    #[test]
    fn every_code_is_explained_once() {
        let all = explanations();
        for pair in all.windows(2) {
            let titles = (pair[0].title, pair[1].title);
            assert!(pair[0].code != pair[1].code, "{} is explained twice: {titles:?}", pair[0].code);
        }
        for explanation in &all {
            assert!(!explanation.title.is_empty(), "{}", explanation.code);
            assert!(!explanation.why.is_empty() && !explanation.remedy.is_empty(), "{}", explanation.code);
        }
    }

    /// A code stands in the source as a literal, or under the name of a constant.
    #[test]
    fn codes_are_raised_and_explained_alike() {
        let explained: BTreeSet<&str> = explanations().iter().map(|explanation| explanation.code.0).collect();
        let literal = Regex::new(r#""(E\d{4})""#).unwrap();
        let constant = Regex::new(r#"\b([A-Z][A-Z_]+)(?:: Code = Code\(| = )"(E\d{4})""#).unwrap();
        let declared = Regex::new(r#"(explanation\(\s*|[A-Z_]+: Code = Code\(|[A-Z_]+ = )"E\d{4}""#).unwrap();
        let explaining = Regex::new(r#"code: Code\("E\d{4}"\)"#).unwrap();
        let passed_on = Regex::new(r"(?m)^\s*(pub |pub\(crate\) )?(use [^;]*|const [A-Z_]+: Code = [^;]*);").unwrap();
        let word = Regex::new(r"\b[A-Z][A-Z_]+\b").unwrap();
        let sources = sources();
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut raised: BTreeMap<&str, &str> = BTreeMap::new();
        for source in &sources {
            for found in constant.captures_iter(&source.text) {
                names.entry(found.get(1).unwrap().as_str()).or_default().insert(found.get(2).unwrap().as_str());
            }
            for found in literal.captures_iter(&source.text) {
                let code = found.get(1).unwrap().as_str();
                assert!(explained.contains(code), "{code} of {} is not explained", source.name);
            }
            let rest = declared.replace_all(&source.text, "").into_owned();
            let rest = if source.explains { explaining.replace_all(&rest, "").into_owned() } else { rest };
            for found in literal.captures_iter(&rest) {
                raised.extend(explained.get(&found[1]).map(|code| (*code, source.name.as_str())));
            }
        }
        for source in sources.iter().filter(|source| !source.explains) {
            let text = passed_on.replace_all(&source.text, "");
            for code in word.find_iter(&text).filter_map(|found| names.get(found.as_str())).flatten() {
                raised.insert(code, &source.name);
            }
        }
        let idle: Vec<_> = explained.iter().filter(|code| !raised.contains_key(*code)).collect();
        assert!(idle.is_empty(), "explained and never raised: {idle:?}");
    }

    /// The crate to which a file belongs, such as `engine/cli`.
    fn crate_of(path: &Path) -> String {
        let inside = path.strip_prefix(root()).unwrap_or(path).components().take(2);
        inside.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
    }

    /// What tests say, by crate: their sources, and the files that they compare with.
    fn said_by_tests() -> BTreeMap<String, String> {
        let mut folders = vec![(root().join("engine"), false), (root().join("connectors"), false)];
        folders.push((root().join("topologies"), false));
        let mut said: BTreeMap<String, String> = BTreeMap::new();
        while let Some((folder, of_tests)) = folders.pop() {
            for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let of_tests = of_tests || ["tests", "system", "golden", "testkit"].contains(&name.as_str());
                let said = said.entry(crate_of(&path)).or_default();
                if path.is_dir() {
                    folders.push((path, of_tests));
                } else if of_tests || name == "tests.rs" || name.ends_with("_tests.rs") {
                    said.push_str(&fs::read_to_string(&path).unwrap_or_default());
                } else if name.ends_with(".rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    said.extend(text.split_once("\nmod tests {\n").map(|(_, tests)| tests.to_owned()));
                } else if name.ends_with(".yaml") {
                    let text = fs::read_to_string(&path).unwrap();
                    said.extend(text.split_once("\ntests:\n").map(|(_, tests)| tests.to_owned()));
                }
            }
        }
        said
    }

    /// Codes that no test names, each with the reason. The list only shrinks.
    const UNTESTED: &[(&str, &str)] = &[
        ("E5106", "needs a record of another writer in a topic of documents"),
        ("E5107", "needs a dead letter whose row lies elsewhere when it is replayed, so another version of its bytes"),
        ("E5108", "needs a record of another writer in a topic of retries"),
        ("E5206", "engine/cli/tests/commands/statuses.rs asks where nothing listens, and looks at the status (69)"),
        ("E5207", "needs a machine without the package client"),
        ("E5210", "needs a library that loads and does not start"),
        ("E5301", "engine/log/src/explanations.rs makes the error; running.rs opens a folder twice and gets status 73"),
        ("E5302", "engine/log/src/explanations.rs makes the error, and looks whether its code is explained"),
    ];
    /// Crates whose own test raises every code and compares the set with what is explained.
    const WHOLE: &[(&str, &str)] =
        &[("codec", "engine/codec/src/tests.rs"), ("topology", "engine/topology/src/tests.rs")];

    /// Each code is named by a test, as a literal or under the name of its constant.
    #[test]
    fn every_code_is_named_by_a_test() {
        let constant = Regex::new(r#"\b([A-Z][A-Z_]+)(?:: Code = Code\(| = )"(E\d{4})""#).unwrap();
        let mut said = said_by_tests();
        // The list above is no test.
        let here = include_str!("explain.rs").split_once("\nmod tests {\n").map_or("", |(_, tests)| tests);
        said.values_mut().for_each(|said| *said = said.replace(here, ""));
        let literal = Regex::new(r"\bE\d{4}\b").unwrap();
        let word = Regex::new(r"\b[A-Z][A-Z_]+\b").unwrap();
        let mut named: BTreeSet<String> =
            said.values().flat_map(|said| literal.find_iter(said)).map(|found| found.as_str().to_owned()).collect();
        // Two crates can give two codes one name.
        for source in sources() {
            let Some(said) = said.get(&crate_of(Path::new(&source.name))) else { continue };
            let words: BTreeSet<&str> = word.find_iter(said).map(|found| found.as_str()).collect();
            let declared = constant.captures_iter(&source.text).filter(|found| words.contains(&found[1]));
            named.extend(declared.map(|found| found[2].to_owned()));
        }
        for (name, test) in WHOLE {
            let text = fs::read_to_string(root().join(test)).unwrap();
            assert!(text.contains("EXPLANATIONS") && text.contains("raised"), "{test}");
            let codes = CRATES.iter().filter(|(owner, _)| owner == name).flat_map(|(_, codes)| *codes);
            named.extend(codes.map(|explanation| explanation.code.0.to_owned()));
        }
        let untested: BTreeSet<&str> = UNTESTED.iter().map(|(code, _)| *code).collect();
        let missing: Vec<&str> = explanations().iter().map(|explanation| explanation.code.0).collect();
        let missing: Vec<&str> =
            missing.into_iter().filter(|code| !named.contains(*code) && !untested.contains(code)).collect();
        assert!(missing.is_empty(), "no test names {missing:?}");
        let idle: Vec<&&str> = untested.iter().filter(|code| named.contains(**code)).collect();
        assert!(idle.is_empty(), "named by a test after all: {idle:?}");
    }

    /// The ranges of ARCHITECTURE.md do not overlap, and each crate keeps to its own.
    #[test]
    fn codes_lie_in_the_range_of_their_crate() {
        let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
        let row = Regex::new(r"(?m)^\| ([a-z0-9-]+) \| (E\d{4})-(E\d{4}) \|").unwrap();
        let mut ranges: Vec<(String, String, String)> = row
            .captures_iter(&text)
            .map(|found| (found[2].to_owned(), found[3].to_owned(), found[1].to_owned()))
            .collect();
        ranges.sort();
        for pair in ranges.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{pair:?} overlap");
        }
        for (name, explanations) in CRATES {
            for code in explanations.iter().map(|explanation| explanation.code.0) {
                let owner = ranges.iter().find(|(first, last, _)| first.as_str() <= code && code <= last.as_str());
                assert_eq!(owner.map(|(.., owner)| owner.as_str()), Some(*name), "{code}");
            }
        }
    }

    /// The pages of `docs/`, at whatever depth.
    fn pages() -> Vec<PathBuf> {
        let (mut folders, mut found) = (vec![root().join("docs")], vec![root().join("packaging/README.md")]);
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }

    /// Commands between the words of a page; those in its blocks are run by the test `commands`.
    #[test]
    fn each_command_within_a_sentence_of_the_pages_can_be_typed() {
        use clap::CommandFactory;

        let quoted = Regex::new("`(spotlight [^`\n]+)`").unwrap();
        let mut commands = 0;
        for page in pages() {
            let text = fs::read_to_string(&page).unwrap();
            for line in quoted.captures_iter(&text).map(|found| found[1].replace(['"', '\''], "")) {
                let mut grammar = Arguments::command();
                let line = line.split(" > ").next().unwrap_or_default();
                // The name of a command alone.
                if let Some(name) = line.strip_prefix("spotlight ").filter(|name| !name.contains(' ')) {
                    assert!(grammar.find_subcommand(name).is_some(), "{}: `{line}`", page.display());
                    continue;
                }
                let matches = grammar.try_get_matches_from_mut(typed(line));
                let matches = matches.unwrap_or_else(|error| panic!("{}: `{line}`: {error}", page.display()));
                let wrong = misplaced(&grammar, &matches);
                assert!(wrong.is_empty(), "{}: `{line}`: {wrong:?}", page.display());
                commands += 1;
            }
        }
        assert!(commands > 30, "only {commands} commands: the pages are written in another way");
    }

    /// Codes that people are shown in the feeds and pages exist.
    #[test]
    fn documented_codes_exist() {
        let explained: BTreeSet<&str> = explanations().iter().map(|explanation| explanation.code.0).collect();
        let code = Regex::new(r"\bE\d{4}\b").unwrap();
        let mut pages = pages();
        pages.extend([root().join("README.md"), root().join("CHANGELOG.md")]);
        let feeds = fs::read_dir(root().join("topologies")).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(feeds.filter(|path| path.is_file()));
        for page in pages {
            for found in code.find_iter(&fs::read_to_string(&page).unwrap()) {
                assert!(explained.contains(found.as_str()), "{} of {}", found.as_str(), page.display());
            }
        }
    }
}
