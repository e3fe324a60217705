//! Files in, findings and plans out. Each case changes one thing in a good set of files.

mod copies;
mod nameless;
mod values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use expect_test::expect_file;

use crate::{DiskFiles, EXPLANATIONS, Files as _, Loaded, MemoryFiles, describe, load};

const TOPICS: &str = r#"topology: feed
about: A feed for tests.
flows:
  load:
    from:
      files: { path: in, file-names: ["x{date:%Y%m%d}*"] }
    steps:
      - decode:
          delimited:
            layouts:
              one: { header: [Day, Name, Amount] }
            names: snake_case
            trailer: [ { matches: '# (?<n>\d+)', proves: { count: n } } ]
      - select:
          day: document.date
          name: trim(name)
          amount: cast(amount as decimal(18, 2))
    to: { topic: feed.rows, key: [name] }
  unique:
    from: { topic: feed.rows }
    steps:
      - dedupe: { name: seen, key: [name, day], remember: 30d, compare: content }
    outputs: { conflicts: { topic: feed.conflicts } }
    to: { topic: feed.unique, key: [name] }
  land:
    from: { topic: feed.unique }
    to: { clickhouse: { table: d.t, rows: append } }
tests:
  - name: one row
    flow: land
    given: { rows: [ { day: 2024-01-01, name: A, amount: "1.00" } ] }
    expect: { rows: [ { name: A } ] }
"#;

const TABLE: &str = "table: d.t
about: Rows of the feed.
key: [day, name]
partition: month of day
columns:
  day: { type: date }
  name: { type: low-cardinality text, about: who }
  amount: { type: \"decimal(18, 2)\", unit: EUR }
  note: { type: nullable text }
";

const USER: &str = "topology: used
use: templates/t.yaml
with: { class: RATES, from: 2024-01-01 }
";

const TEMPLATE: &str = r#"template: t
parameters:
  class: { type: enum, of: [RATES, FOREX] }
  from: { type: date }
  old: { type: list of pattern, default: [] }
functions:
  amount:
    takes: { v: text }
    gives: decimal(18, 2)
    is: cast(replace(v, ',', '') as decimal(18, 2))
    examples: [ { v: "1,000", gives: 1000 }, { v: null, gives: null } ]
flows:
  load:
    from:
      http:
        discover:
          calendar: { from: param.from, to: yesterday, zone: UTC }
          url: "https://example.org/{class:lower}/{date:%Y%m%d}.csv"
        file-names: ["{class}_{date:%Y%m%d}*"]
        old-file-names: param.old
    steps:
      - decode:
          delimited:
            layouts:
              one: { header: [Name, Amount] }
              two: { header: [Name, Amount, More] }
            names: snake_case
      - set: { class: param.class, day: document.date }
      - select:
          keep: [class, day]
          name: { one: name, else: "coalesce(more, name)" }
          amount: amount(amount)
      - where: name <> ''
    to: { clickhouse: { table: d.used, rows: by-document, key: [day, name], partition: year of day } }
"#;

fn files(feed: &str, table: &str, user: &str, template: &str) -> MemoryFiles {
    MemoryFiles::default()
        .with("r/feed.yaml", feed)
        .with("r/used.yaml", user)
        .with("r/schemas/tables/d.t.yaml", table)
        .with("r/templates/t.yaml", template)
}

fn loaded(files: &MemoryFiles) -> Loaded {
    load(&[PathBuf::from("r")], files)
}

fn rendered(loaded: &Loaded) -> String {
    let texts: Vec<String> = loaded.findings.iter().map(|finding| finding.text(false)).collect();
    texts.join("\n\n")
}

/// Code, what is replaced, and by what; the files of a case are searched for the text in order.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("E1001", "topology: feed\n", "topology: [feed\n"),
    ("E1001", "about: A feed for tests.", "about: A feed: for tests."),
    ("E1001", "  unique:\n", " unique:\n"),
    ("E1002", "    to: { topic: feed.rows", "\tto: { topic: feed.rows"),
    ("E1003", "about: A feed for tests.", "about: A\nabout: B"),
    ("E1004", "    expect: { rows: [ { name: A } ] }\n", "    expect: { rows: [] }\n---\ntopology: other\n"),
    ("E1005", "topology: feed", "topology: !text feed"),
    ("E1006", "about: A feed for tests.", "<<: { about: A }"),
    (
        "E1007",
        "about: A feed for tests.",
        "about: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    ),
    ("E1009", "about: A feed for tests.", "? [a]\n: b"),
    ("E1010", "about: A feed for tests.", "about: &x [*x]"),
    ("E2101", "from: { topic: feed.unique }", "from: feed.unique"),
    ("E2101", "name: trim(name)", "name: [name]"),
    ("E2102", ", remember: 30d", ""),
    ("E2103", "remember: 30d", "remember: 30 days"),
    ("E2103", "            names: snake_case\n", "            names: snake_case\n            encoding: shift_jis\n"),
    ("E2104", "topology: feed", "topology: Feed"),
    ("E2105", "          day: document.date", "          keep: [name]\n          day: document.date"),
    ("E2105", "topology: used", "topology: feed"),
    (
        "E2106",
        "to: { clickhouse: { table: d.t, rows: append } }",
        "to: { clickhouse: { table: d.t, rows: append }, topic: x }",
    ),
    ("E2107", "key: [name, day], remember", "keys: [name, day], remember"),
    ("E2107", "- dedupe:", "- dedup:"),
    ("E2108", "x{date:%Y%m%d}*", "x{date:%Q}*"),
    ("E2109", "type: nullable text", "type: nullable txt"),
    (
        "E2110",
        "      - decode:\n          delimited:\n            layouts:\n              one: { header: [Day",
        "      - where: 1 = 1\n      - decode:\n          delimited:\n            layouts:\n              one: { header: [Day",
    ),
    ("E2111", "name: seen, ", ""),
    ("E2112", r"(?<n>\d+)'", r"(?<n>\d+'"),
    ("E2113", "[Day, Name, Amount]", "[Day, Name, NAME]"),
    ("E2114", "topology: feed", "about_: feed"),
    ("E2115", "  unique:\n", "  unique:\n    was: unique\n"),
    ("E2201", "table: d.t\n", "table: d.u\n"),
    ("E2202", "header: [Day, Name, Amount]", "header: headers/none.txt"),
    (
        "E2212",
        "from: { topic: feed.unique }\n",
        "from: { topic: feed.unique }\n    steps: [ { decode: { json: { fields: { name: text } } } } ]\n",
    ),
    ("E2203", "from: { topic: feed.unique }", "from: { topic: feed.uniqe }"),
    ("E2204", "flow: land", "flow: lands"),
    ("E2205", "outputs: { conflicts:", "outputs: { conflict:"),
    ("E2206", "name: trim(name)", "name: { two: trim(name), else: name }"),
    ("E2207", "key: [name, day], remember", "key: [nmae, day], remember"),
    ("E2209", "from: { topic: feed.rows }", "from: { topic: feed.unique }"),
    ("E2210", "feed.conflicts", "feed.unique"),
    ("E2301", "name: trim(name)", "name: trim(name)\n          nmae: name"),
    ("E2302", "          amount: cast(amount as decimal(18, 2))\n", ""),
    ("E2303", "cast(amount as decimal(18, 2))\n    to", "trim(amount)\n    to"),
    (
        "E2304",
        "      - select:\n          keep: [class, day]\n          name: { one: name, else: \"coalesce(more, name)\" }\n",
        "      - extend:\n",
    ),
    ("E2305", "v: \"1,000\", gives: 1000", "v: \"1,000\", gives: 100"),
    ("E2306", "- dedupe:", "- where: amount\n      - dedupe:"),
    ("E2401", ", from: 2024-01-01 }", " }"),
    ("E2402", "with: { class: RATES", "with: { clas: FOREX, class: RATES"),
    ("E2403", "class: RATES", "class: RATE"),
    ("E2403", "from: 2024-01-01", "from: 2024-13-01"),
    ("E2404", "about: A feed for tests.", "with: { a: b }"),
    ("E2501", "rows: by-document", "rows: append"),
    ("E2502", "rows: append", "rows: by-document"),
    ("E2503", "key: [day, name], partition: year of day", "key: [name], partition: year of day"),
    ("E2504", "table: d.t, rows", "table: d.none, rows"),
    (
        "E2505",
        "      - select:\n          day",
        "      - dedupe: { name: early, key: [name], remember: 1d }\n      - select:\n          day",
    ),
    ("E2506", "key: [name, day], remember", "key: [day], remember"),
    (
        "E2507",
        "tests:\n",
        "  again:\n    from: { topic: feed.unique }\n    to: { clickhouse: { table: d.t, rows: by-key } }\ntests:\n",
    ),
    ("E2510", "- where: name <> ''", "- where: name is null or name <> ''"),
    ("E2510", "- where: name <> ''", "- where: amount > 0"),
    ("E2511", "from: { topic: feed.unique }", "from: { topic: feed.rows }"),
    ("E3", "name: trim(name)", "name: trm(name)"),
    ("E3", "name: trim(name)", "name: trim(nmae)"),
    ("E3", "name: trim(name)", "name: >\n            trim(name)\n            || nmae"),
    ("E3", "day: document.date\n          name", "day: document.dat\n          name"),
    // Mistakes that people make, beyond one of each code.
    ("E1001", "          name: trim(name)\n", "            name: trim(name)\n"),
    ("E1001", "          name: trim(name)\n", "         name: trim(name)\n"),
    ("E1001", "name: trim(name)", "name: coalesce(name, 'a: b')"),
    ("E1001", "file-names: [\"x{date:%Y%m%d}*\"]", "file-names: x{date:%Y%m%d}*"),
    ("E1002", "about: A feed for tests.", "about:\tA feed for tests."),
    ("E1003", "  land:\n", "  unique:\n"),
    ("E1011", "type: \"decimal(18, 2)\", unit", "type: decimal(18, 2), unit"),
    ("E1011", "header: [Day, Name, Amount]", "header: [Day, Name (first, last), Amount]"),
    ("E2101", "    steps:\n      - dedupe:", "    steps:\n      dedupe:"),
    ("E2101", "about: A feed for tests.", "about:"),
    ("E2101", "with: { class: RATES, from: 2024-01-01 }", "with: [RATES]"),
    ("E2102", "    to: { topic: feed.rows, key: [name] }\n", ""),
    ("E2102", "expect: { rows: [ { name: A } ] }", "expect: {}"),
    ("E2102", "key: [day, name]\npartition", "partition"),
    ("E2102", "v: \"1,000\", gives: 1000", "v: \"1,000\""),
    ("E2103", "rows: append", "rows: apend"),
    ("E2103", "file-names: [\"x{date:%Y%m%d}*\"]", "file-names: [\"x{date:%Y%m%d}*\"], every: 0s"),
    ("E2103", "remember: 30d", "remember: 0d"),
    ("E2104", "table: d.t, rows", "table: t, rows"),
    ("E2104", "table: d.t, rows", "table: halts, rows"),
    (
        "E2107",
        "      - decode:\n          delimited:\n            layouts:\n              one: { header: [Day",
        "      - decod:\n          delimited:\n            layouts:\n              one: { header: [Day",
    ),
    ("E2504", "table: d.t, rows", "table: d.tt, rows"),
    ("E3202", "name: trim(name)", "name: strip(name)"),
    ("E2103", "partition: year of day", "partition: week of day"),
    ("E2103", "    to: { topic: feed.rows", "    bad-rows-above: 10\n    to: { topic: feed.rows"),
    ("E2103", "key: [day, name]\npartition", "key: [day, note]\npartition"),
    ("E2103", "partition: month of day", "partition: month of name"),
    (
        "E2103",
        "given: { rows: [ { day: 2024-01-01, name: A, amount: \"1.00\" } ] }",
        "given: { document: { name: x, text: y } }",
    ),
    ("E2103", "\"https://example", "\"ftp://example"),
    ("E2105", "tests:\n", "tests:\n  - { name: one row, flow: land, given: { rows: [] }, expect: { rows: [] } }\n"),
    ("E2105", "- dedupe:", "- rename: { amount: day }\n      - dedupe:"),
    ("E2106", "- dedupe: {", "- where: amount > 1\n        dedupe: {"),
    ("E2108", "[\"{class}_{date", "[\"{class}_{half:[ab]}_{date"),
    ("E2107", "rows: append", "rows: append, password: x"),
    ("E2107", "rows: append", "rows: append, version: day"),
    ("E2107", "v: \"1,000\", gives: 1000", "w: \"1,000\", gives: 1000"),
    ("E2108", "/{date:%Y%m%d}.csv", "/x.csv"),
    ("E2109", "gives: decimal(18, 2)", "gives: decimal(50, 2)"),
    ("E2110", "- dedupe:", "- unzip: { members: { name: '*' } }\n      - dedupe:"),
    ("E2112", "proves: { count: n }", "proves: { count: m }"),
    ("E2113", "one: { header: [Day, Name, Amount] }", "one: { header: [Day, Name, Amount], must-have: [Daye] }"),
    ("E2202", "use: templates/t.yaml", "use: templates/tt.yaml"),
    ("E2205", "- dedupe:", "- route: { cases: [ { when: amount > 0, to: bad } ] }\n      - dedupe:"),
    ("E2207", "proves: { count: n }", "proves: { sum: nope, equals: n }"),
    ("E2207", "expect: { rows: [ { name: A } ] }", "expect: { rows: [ { nam: A } ] }"),
    ("E2207", "- dedupe:", "- drop: [day]\n      - dedupe:"),
    ("E2207", "key: [day, name]\npartition", "key: [day, nam]\npartition"),
    ("E2207", "key: [name] }\n  unique", "key: [nam] }\n  unique"),
    (
        "E2210",
        "tests:\n",
        "  other:\n    from: { topic: feed.rows }\n    steps: [ { drop: [amount] } ]\n    to: { topic: feed.unique, key: [name] }\ntests:\n",
    ),
    ("E2508", "rows: by-document", "rows: by-key"),
    ("E2509", "rows: append }", "rows: by-key, version: amount }"),
    (
        "E2507",
        "tests:\n",
        "  again:\n    from: { topic: feed.unique }\n    to: { clickhouse: { table: d.t, rows: append, key: [name] } }\ntests:\n",
    ),
    ("E3101", "name: trim(name)", "name: \"'open\""),
    ("E3201", "name: trim(name)", "name: param.class"),
    ("E3201", "name: trim(name)", "name: coalesce(name, \"x\")"),
    ("E3201", "cast(amount as decimal(18, 2))\n    to", "cast(trailer.m as decimal(18, 2))\n    to"),
    ("E3201", "class: param.class,", "class: param.clas,"),
    ("E3301", "- dedupe:", "- where: name = 5\n      - dedupe:"),
    ("E3304", "is: cast(replace(v, ',', '') as decimal(18, 2))", "is: replace(v, ',', '')"),
    // Findings whose general remedy would not fit.
    ("E1001", "name: trim(name)", "name: 'K' || name"),
    ("E1001", "name: trim(name)", "name: \"Name\" || 'it''s'"),
    ("E1001", "- set: { class: param.class,", "- set: { class: 'A' || 'B',"),
    ("E1001", "- dedupe:", "- where: 'A' = name\n      - dedupe:"),
    ("E1001", "name: trim(name)", "name: @name"),
    (
        "E1007",
        "about: A feed for tests.",
        "about: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\nalias: [[[[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]]]",
    ),
    (
        "E2102",
        "      - dedupe: { name: seen, key: [name, day], remember: 30d, compare: content }\n    outputs: { conflicts: { topic: feed.conflicts } }",
        "      - route: { cases: [ { when: amount > 0, to: bad } ] }\n    outputs: { bad: { topic: feed.bad } }",
    ),
    ("E2103", "            names: snake_case\n", "            names: snake_case\n            encoding: windows1252\n"),
    ("E2103", "            names: snake_case\n", "            names: snake_case\n            encoding: ansi_x\n"),
    ("E2103", "            names: snake_case\n", "            names: snake_case\n            separator: §\n"),
    ("E2103", "            names: snake_case\n", "            names: snake_case\n            separator: '||'\n"),
    ("E2103", "            names: snake_case\n", "            names: snake_case\n            quotes: single\n"),
    ("E2103", "to: yesterday", "to: never"),
    ("E2103", "key: [day, name], partition: year", "key: [], partition: year"),
    ("E2103", "key: [day, name]\npartition", "key: []\npartition"),
    ("E2106", "given: { rows: [ { day: 2024-01-01, name: A, amount: \"1.00\" } ] }", "given: {}"),
    (
        "E2106",
        "given: { rows: [ { day: 2024-01-01, name: A, amount: \"1.00\" } ] }",
        "given: { rows: [], documents: [] }",
    ),
    ("E2112", "proves: { count: n }", "proves: { count: total }"),
    ("E2112", r"(?<n>\d+)", r"(\d+)"),
    ("E2113", "one: { header: [Day, Name, Amount] }", "one: { header: [] }"),
    ("E2113", "one: { header: [Day, Name, Amount] }", "one: { header: [Day, Name, Amount], must-have: [Quantity] }"),
    ("E3201", "x{date:%Y%m%d}*", "x*"),
    ("E3201", "day: document.date\n          name", "day: document.market\n          name"),
    ("E3201", "- dedupe:", "- where: document.date is not null\n      - dedupe:"),
    ("E3201", "cast(amount as decimal(18, 2))\n    to", "cast(trailer.total as decimal(18, 2))\n    to"),
    ("E3303", "cast(amount as decimal(18, 2))\n    to", "cast(amount as numbr)\n    to"),
];

fn broken(from: &str, to: &str) -> MemoryFiles {
    let mut texts = [TOPICS, TABLE, USER, TEMPLATE].map(str::to_owned);
    let place = texts.iter_mut().find(|text| text.contains(from)).unwrap_or_else(|| panic!("{from}"));
    *place = place.replacen(from, to, 1);
    files(&texts[0], &texts[1], &texts[2], &texts[3])
}

#[test]
fn good_files_have_no_findings_and_a_stable_plan() {
    let files = files(TOPICS, TABLE, USER, TEMPLATE);
    let found = loaded(&files);
    assert_eq!(rendered(&found), "");
    let plans: Vec<String> = found.topologies.iter().map(describe).collect();
    expect_file!["golden/plan.txt"].assert_eq(&plans.join("\n"));
    let again = loaded(&files);
    assert_eq!(found.topologies[0].revision, again.topologies[0].revision);
    assert_eq!(found.topologies[0].revision.len(), 16);
    assert_ne!(found.topologies[0].revision, found.topologies[1].revision);
}

#[test]
fn each_mistake_is_one_finding_that_says_what_to_do() {
    let mut shown = String::new();
    let mut wrong = Vec::new();
    for (code, from, to) in MISTAKES {
        let found = loaded(&broken(from, to));
        if found.findings.len() != 1 || !found.findings[0].code.0.starts_with(code) {
            wrong.push(format!("{code}: {from} -> {to}\n{}", rendered(&found)));
        }
        shown.push_str(&rendered(&found));
        shown.push_str("\n\n");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let general = "durations `500ms`";
    assert!(!shown.contains(general), "a value's finding says what that field takes, not what all fields take");
    expect_file!["golden/findings.txt"].assert_eq(&shown);
}

/// A file of `golden/mistakes` with one mistake, and every file of its own kind that has it.
pub(crate) struct Mistake {
    pub(crate) name: String,
    /// The files that were changed: the topology, or the table that only it uses.
    pub(crate) written: Vec<(PathBuf, String)>,
}

/// All files of the folder, by name. A table `broken.NAME` belongs to the topology `table-file-NAME`.
pub(crate) fn mistakes(folder: &Path) -> Vec<Mistake> {
    let mut paths = DiskFiles.list(folder).unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    let read = |path: PathBuf| {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let table = name.strip_prefix("table-file-");
        let table = table.map(|table| folder.join(format!("schemas/tables/broken.{table}.yaml")));
        let text = |path: PathBuf| {
            let bytes = DiskFiles.read(&path).unwrap_or_default();
            (path, String::from_utf8_lossy(&bytes).into_owned())
        };
        Mistake { name, written: vec![text(table.unwrap_or(path))] }
    };
    paths.into_iter().map(read).collect()
}

/// Each file is one mistake that people make. Beside it stands what `check` prints in a folder of its own: one finding.
#[test]
fn each_file_with_a_mistake_gives_the_finding_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/golden/mistakes");
    let mistakes = mistakes(&folder);
    assert!(mistakes.len() >= 100, "{}", mistakes.len());
    let here = format!("{}/", folder.display());
    let mut wrong = Vec::new();
    for mistake in &mistakes {
        let found = load(&[folder.join(format!("{}.yaml", mistake.name))], &DiskFiles);
        let printed = rendered(&found).replace(&here, "");
        if found.findings.len() != 1 {
            wrong.push(format!("{}: {} findings", mistake.name, found.findings.len()));
        }
        let said = |line: &&str| line.chars().count() > 80 && (line.contains(" = ") || line.starts_with("error["));
        wrong.extend(printed.lines().find(said).map(|line| format!("{}: too wide: {line}", mistake.name)));
        expect_file![folder.join(format!("{}.txt", mistake.name))].assert_eq(&(printed + "\n"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_is_explained_and_raised() {
    let mut raised: BTreeSet<&str> = MISTAKES.iter().map(|(code, ..)| *code).collect();
    let base = || files(TOPICS, TABLE, USER, TEMPLATE);
    let mut latin = base();
    latin.0.insert("r/feed.yaml".into(), b"topology: f\xe9".to_vec());
    let avro = base().with(
        "r/schemas/topics/feed.rows.avsc",
        "{\"type\": \"record\", \"fields\": [{\"name\": \"day\", \"type\": \"what\"}]}",
    );
    let copy = base().with("r/other.yaml", &TOPICS.replace("topology: feed", "topology: other"));
    for (code, found) in [
        ("E1008", loaded(&latin)),
        ("E2001", load(&[PathBuf::from("none.yaml")], &base())),
        ("E2211", loaded(&avro)),
        ("E2213", loaded(&copy)),
    ] {
        assert_eq!(found.findings.len(), 1, "{code}: {}", rendered(&found));
        assert_eq!(found.findings[0].code.0, code);
        raised.insert(code);
    }
    let explained: BTreeSet<&str> = EXPLANATIONS.iter().map(|explanation| explanation.code.0).collect();
    assert_eq!(explained.len(), EXPLANATIONS.len());
    raised.retain(|code| !code.starts_with("E3"));
    assert_eq!(raised, explained);
}

#[test]
fn independent_mistakes_are_found_in_one_run_in_the_order_of_the_file() {
    let text = TOPICS
        .replace("trim(name)", "trim(nmae)")
        .replace("amount as decimal", "amount as decimel")
        .replace("remember:", "remembr:");
    let found = loaded(&files(&text, TABLE, USER, TEMPLATE));
    let lines: Vec<u32> = found.findings.iter().map(|finding| finding.excerpt.position.line).collect();
    assert_eq!(lines.len(), 3, "{}", rendered(&found));
    assert!(lines.is_sorted(), "{lines:?}");
    expect_file!["golden/three.txt"].assert_eq(&rendered(&found));
    assert_eq!(found.topologies.len(), 1, "the other file is good");
}

/// What a mistake hides is not reported: the function, the topic and the parameters that could not be read.
#[test]
fn no_finding_is_caused_by_another() {
    for (from, to) in [
        ("gives: decimal(18, 2)", "gives: decimal(50, 2)"),
        ("    to: { topic: feed.rows, key: [name] }\n", ""),
        ("with: { class: RATES, from: 2024-01-01 }", "with: [RATES]"),
    ] {
        assert_eq!(loaded(&broken(from, to)).findings.len(), 1, "{to}");
    }
}

/// Flows written from the last to the first, each behind the one that follows it in the file, and one at the end of all.
#[test]
fn flows_are_resolved_in_the_order_of_their_topics_however_they_are_written() {
    let chain = |first: &str, count: usize, steps: &str| {
        let link = |at: usize| {
            let from = if at == 0 { first.to_owned() } else { format!("link.{}", at - 1) };
            let outcome = format!("    to: {{ topic: link.{at}, key: [name] }}\n");
            format!("  link{at}:\n    from: {{ topic: {from} }}\n    steps: [ {{ where: name <> '{at}' }} ]\n{outcome}")
        };
        let links: String = (0..count).rev().map(link).collect();
        let to = "    to: { topic: feed.end, key: [name] }\n";
        let flows = format!("flows:\n  both:\n    from: {{ topic: feed.both }}\n{steps}{to}");
        // One topic that the first and the last of them fill.
        let both = |name: &str, from: &str| {
            format!("  {name}:\n    from: {{ topic: {from} }}\n{steps}    to: {{ topic: feed.both, key: [name] }}\n")
        };
        let early = both("early", "feed.rows").replace(steps, "");
        let ends = early + &both("late", &format!("link.{}", count - 1));
        loaded(&broken("flows:\n", &format!("{flows}{links}{ends}")))
    };
    let found = chain("feed.rows", 300, "");
    assert_eq!(rendered(&found), "");
    assert_eq!(found.topologies[0].flows.len(), 3 + 300 + 3);
    // `both` waits for all that fill its topic: as the last of them is wrong, it is left alone.
    let found = chain("feed.rows", 5, "    steps: [ { where: nope > 1 } ]\n");
    assert_eq!(found.findings.len(), 1, "{}", rendered(&found));
    // In a circle nothing can be the first: the finding names the circle alone, and not the flows behind it.
    let found = chain("link.9", 40, "");
    assert_eq!(found.findings.len(), 1, "{}", rendered(&found));
    assert_eq!((found.findings[0].code.0, found.findings[0].related.len()), ("E2209", 10));
}

/// Two topologies that fill one table or topic are compared, as two flows of one are.
#[test]
fn topologies_that_share_a_table_agree() {
    let other = |rows: &str| {
        format!(
            "topology: other\nflows:\n  land:\n    from: {{ topic: feed.unique }}\n    steps: [ {{ where: name <> '' }} ]\n    to: {{ clickhouse: {{ table: d.t, rows: {rows} }} }}\n"
        )
    };
    for (rows, good) in [("append", true), ("by-key", false), ("by-key, version: day", false)] {
        let files = files(TOPICS, TABLE, USER, TEMPLATE).with("r/other.yaml", &other(rows));
        let found = loaded(&files);
        let codes: Vec<&str> = found.findings.iter().map(|finding| finding.code.0).collect();
        assert_eq!(codes, if good { vec![] } else { vec!["E2507"] }, "{}", rendered(&found));
    }
}

/// A test's text becomes the bytes that the flow's encoding makes of it.
#[test]
fn texts_of_tests_are_in_the_encoding_of_their_flow() {
    let feed = |encoding: &str, text: &str| {
        let written = TOPICS
            .replace(
                "            names: snake_case\n",
                &format!("            names: snake_case\n            encoding: {encoding}\n"),
            )
            .replace("flow: land", "flow: load")
            .replace(
                "rows: [ { day: 2024-01-01, name: A, amount: \"1.00\" } ]",
                &format!("document: {{ name: x20240131, text: \"{text}\" }}"),
            );
        loaded(&files(&written, TABLE, USER, TEMPLATE))
    };
    let bytes = |encoding: &str, text: &str| {
        let found = feed(encoding, text);
        assert_eq!(rendered(&found), "", "{encoding}");
        match &found.topologies[0].tests[0].given[0] {
            crate::plan::Given::Document { bytes, .. } => bytes.to_vec(),
            _ => panic!("a document"),
        }
    };
    for (encoding, expected) in [
        ("utf-8", &b"\xc3\xbc \xe2\x82\xac"[..]),
        ("windows-1252", b"\xfc \x80"),
        ("iso-8859-15", b"\xfc \xa4"),
        ("latin-9", b"\xfc \xa4"),
        ("utf-16", b"\xfc\0 \0\xac\x20"),
        ("utf-16be", b"\0\xfc\0 \x20\xac"),
    ] {
        assert_eq!(bytes(encoding, "ü €"), expected, "{encoding}");
    }
    assert_eq!(bytes("utf-16", "\\uFEFFa"), b"\xff\xfea\0");
    let found = feed("windows-1252", "Name\\nüж");
    assert_eq!(found.findings.len(), 1, "{}", rendered(&found));
    expect_file!["golden/encoding.txt"].assert_eq(&rendered(&found));
}

#[test]
fn findings_print_as_json_and_in_colour() {
    let found = loaded(&broken("key: [name, day], remember", "keys: [name, day], remember"));
    let json = found.findings[0].json();
    assert_eq!((&json["code"], &json["line"], &json["nearest"]), (&"E2107".into(), &22.into(), &"key".into()));
    assert!(json["why"].as_str().is_some_and(|why| why.contains("misspelt")));
    assert!(found.findings[0].text(true).contains('\u{1b}'));
}

#[test]
fn a_declared_topic_gives_its_readers_columns() {
    let schema = r#"{"type": "record", "name": "u", "fields": [
        {"name": "day", "type": {"type": "int", "logicalType": "date"}}, {"name": "name", "type": "string"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}},
        {"name": "note", "type": ["null", "string"]}], "spotlight.key": ["name"]}"#;
    let feed = "topology: reader\nflows:\n  land:\n    from: { topic: far.rows }\n    to: { clickhouse: { table: d.t, rows: append } }\n";
    let files = files(feed, TABLE, USER, TEMPLATE).with("r/schemas/topics/far.rows.avsc", schema);
    let found = loaded(&files);
    assert_eq!(rendered(&found), "");
    assert!(describe(&found.topologies[0]).contains("from topic far.rows key [name] partitions 4"));
}

#[test]
fn cut_files_never_panic() {
    for text in [TOPICS, TEMPLATE] {
        for end in (0..text.len()).step_by(41) {
            let cut = &text[..end];
            let set = if text == TOPICS { files(cut, TABLE, USER, TEMPLATE) } else { files(TOPICS, TABLE, USER, cut) };
            let found = loaded(&set);
            assert!(found.topologies.len() == 2 || !found.findings.is_empty() || end < 500, "{end}");
        }
    }
}

#[test]
fn shipped_files_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../topologies");
    let found = load(std::slice::from_ref(&folder), &DiskFiles);
    assert_eq!(rendered(&found), "");
    let shipped = DiskFiles.list(&folder).unwrap_or_default();
    let shipped = shipped.iter().filter(|file| file.extension().is_some_and(|end| end == "yaml")).count();
    assert_eq!(found.topologies.len(), shipped);
}
