//! Tests that stand in topology files, run: those that pass, and what is said of those that do not.

use expect_test::{Expect, expect};
use topology::MemoryFiles;

use crate::{TestOutcome, run_test};

mod records;

const FEED: &str = r#"topology: feed
flows:
  load:
    from:
      files: { path: in, file-names: ["x{date:%Y%m%d}*"] }
    steps:
      - decode:
          delimited:
            layouts:
              one: { header: [Name, Amount] }
            names: snake_case
            trailer: [ { matches: '# (?<n>\d+)', proves: { count: n } } ]
      - where: name <> 'skip'
      - select:
          day: document.date
          name: name
          amount: cast(amount as decimal(18, 2))
    to: { topic: feed.rows, key: [name] }
  lists:
    from: { topic: feed.lists }
    steps:
      - route: { cases: [ { when: "name = 'far'", to: far } ] }
    outputs: { far: { topic: feed.far, key: [name] } }
    to: { topic: feed.near, key: [name] }
tests:
"#;

const LISTS: &str = r#"{"type": "record", "name": "l", "spotlight.key": ["name"], "fields": [
    {"name": "name", "type": "string"}, {"name": "items", "type": {"type": "array", "items": "string"}},
    {"name": "more", "type": {"type": "map", "values": "string"}}]}"#;

/// Two lines in windows-1252, `Gr\xf6sse|\0A` and `1|2`, packed.
const PACKED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x73\x2f\xfa\x56\x5c\x9c\x5a\xc3\xe0\xc8\x65\x58\x63\xc4\x05\x00\x67\x9e\x0f\x85\x0e\x00\x00\x00";

fn outcome(test: &str) -> String {
    outcome_of(FEED, test)
}

fn outcome_of(feed: &str, test: &str) -> String {
    let near = LISTS.replace("\"l\"", "\"near\"");
    let mut files = MemoryFiles::default()
        .with("r/feed.yaml", &format!("{feed}  - {test}\n"))
        .with("r/schemas/topics/feed.lists.avsc", LISTS)
        .with("r/schemas/topics/feed.near.avsc", &near);
    files.0.insert("r/x.gz".into(), PACKED.to_vec());
    let loaded = topology::load(&["r".into()], &files);
    let findings: Vec<String> = loaded.findings.iter().map(|finding| finding.text(false)).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    match run_test(&loaded.topologies[0], &loaded.topologies[0].tests[0]) {
        TestOutcome::Passed => "passed".to_owned(),
        TestOutcome::Failed(differences) => differences.join("\n"),
    }
}

/// A test of `load` with one document.
fn load(text: &str, expects: &str) -> String {
    outcome(&format!(
        "{{ name: t, flow: load, given: {{ document: {{ name: x20240131.csv, text: \"{text}\" }} }}, expect: {{ {expects} }} }}"
    ))
}

fn check(came: &str, expected: &Expect) {
    expected.assert_eq(came);
}

const GOOD: &str = "Name,Amount\\nA,1.5\\nskip,0\\nB,\\n# 3\\n";

#[test]
fn what_comes_true_passes() {
    for expects in [
        "rows: [ { name: A, amount: 1.50 }, { name: B, amount: null } ]",
        "rows: [ { day: 2024-01-31, name: A }, {} ], dropped: { where: 1 }",
        "receipt: { outcome: rows, rows: 2, dead: 0 }",
    ] {
        assert_eq!(load(GOOD, expects), "passed", "{expects}");
    }
    let bad = "Name,Amount\\nA,1.5\\nB,x\\nC,1\\nD,1\\nE,1\\nF,1\\nG,1\\nH,1\\nI,1\\nJ,1\\n# 10\\n";
    let dead = "dead-letters: [ { code: E4101, field: amount, line: 3 } ]";
    assert_eq!(load(bad, dead), "passed");
    assert_eq!(load("Name,Amount\\nA,1.5\\n", "rows: [], receipt: { outcome: incomplete, code: E4211 }"), "passed");
    assert_eq!(load("<!DOCTYPE html><html></html>", "rows: [], receipt: { outcome: absent, code: E4413 }"), "passed");
}

#[test]
fn rows_are_compared_in_order_and_by_the_columns_that_are_named() {
    check(
        &load(GOOD, "rows: [ { name: B }, { name: A } ]"),
        &expect![[r#"
        rows 1: name: expected B, came A
        rows 2: name: expected A, came B"#]],
    );
    check(
        &load(GOOD, "rows: [ { name: A, amount: 2 } ]"),
        &expect![[r#"
        rows: expected 1, came 2
          expected: { name: A, amount: 2 }
          came:     { name: A, amount: 1.50 }
          came:     { name: B, amount: null }"#]],
    );
    check(
        &load(GOOD, "rows: []"),
        &expect![[r#"
        rows: expected 0, came 2
          came:     { day: 2024-01-31, name: A, amount: 1.50 }
          came:     { day: 2024-01-31, name: B, amount: null }"#]],
    );
    check(
        &load(GOOD, "rows: [ { day: soon }, {} ]"),
        &expect!["rows 1: day: soon is no value of type date; write it as 2026-01-31"],
    );
}

#[test]
fn drops_receipts_and_dead_letters_are_told_apart() {
    check(
        &load(GOOD, "dropped: { late: 2 }"),
        &expect![[r#"
        dropped late: expected 2, came 0
        dropped where: expected none, came 1"#]],
    );
    check(
        &load(GOOD, "receipt: { outcome: empty, rows: 3 }"),
        &expect![[r#"
        receipt outcome: expected empty, came rows
        receipt rows: expected 3, came 2"#]],
    );
    check(
        &load("Name,Amount\\nA,1\\n# 7\\n", "receipt: { outcome: rows }"),
        &expect![
            "receipt outcome: expected rows, came incomplete (rows: the trailer says 7, the document has 1; the last line (3) is `# 7`)"
        ],
    );
    check(
        &load("Name,Amount\\nA,1\\n# 7\\n", "rows: [ { name: A } ]"),
        &expect![[r#"
            rows: expected 1, came 0
              expected: { name: A }
            `x20240131.csv` was refused as incomplete: E4210 rows: the trailer says 7, the document has 1; the last line (3) is `# 7`"#]],
    );
    let rows: String = (0..19).map(|number| format!("N{number},1\\n")).collect();
    let bad = format!("Name,Amount\\n{rows}B,x\\n# 20\\n");
    check(
        &load(&bad, "receipt: { outcome: rows }"),
        &expect![
            "an unexpected dead letter: E4101 at step select-3 field amount, line 21: `cast(amount as decimal(18, 2))`: not a number"
        ],
    );
    check(
        &load(&bad, "dead-letters: []"),
        &expect![[r#"
        dead letters: expected 0, came 1
          came: E4101 at step select-3 field amount, line 21: `cast(amount as decimal(18, 2))`: not a number"#]],
    );
    check(
        &load("Name,Amount\\nA,x\\nB,1\\n# 2\\n", "dead-letters: [ { code: E4101 } ]"),
        &expect![[r#"
            dead letters: expected 1, came 0
            `x20240131.csv` was refused as failed: E4411 1 of 2 rows is bad, more than 10 %; the first is line 2: E4101 in amount: `cast(amount as decimal(18, 2))`: not a number (it read amount = `x`); that row begins `A,x`; all for E4101 at select-3 in amount; mend what makes them fail, or let them pass with `bad-rows-above: 50%` in the flow; or give it more good rows: dead letters are those of documents that are not refused"#]],
    );
    check(
        &load(&bad, "dead-letters: [ { code: E4102, step: select-3 } ]"),
        &expect!["dead letter 1 code: expected E4102, came E4101"],
    );
}

const VERSIONS: &str = r#"topology: feed
flows:
  load:
    from:
      files: { path: in, file-names: ["x{date:%Y%m%d}*"] }
    bad-rows-above: 100%
    steps:
      - decode: { delimited: { layouts: { one: { header: [name, version, text] } } } }
      - select: { name: "coalesce(name, '')", version: "coalesce(cast(version as bigint), 0)", text: text }
    to: { clickhouse: { table: demo.versions, rows: by-key, key: [name], version: version } }
tests:
"#;

#[test]
fn rows_of_a_key_contradict_each_other_only_in_one_version() {
    let text = "name,version,text\\nA,1,x\\nA,2,y\\nA,2,y\\nB,1,x\\nB,1,y\\n";
    let expects = "rows: [ { name: A, version: 1 }, { name: A, version: 2 } ], dropped: { 'same key twice': 1 }, \
                   dead-letters: [ { code: E4404, line: 5 }, { code: E4404, line: 6 } ]";
    let test = format!(
        "{{ name: t, flow: load, given: {{ document: {{ name: x20240131.csv, text: \"{text}\" }} }}, expect: {{ {expects} }} }}"
    );
    assert_eq!(outcome_of(VERSIONS, &test), "passed");
}

#[test]
fn a_document_that_no_pattern_claims_is_said() {
    let test = "{ name: t, flow: load, given: { document: { name: y.csv, text: x } }, expect: { rows: [] } }";
    check(&outcome(test), &expect!["no pattern of `file-names` matches `y.csv`"]);
}

/// A text with letters of its own passes in any encoding that the flow names: header, rows and trailer.
#[test]
fn texts_are_given_in_the_encoding_of_the_flow() {
    for encoding in ["utf-8", "windows-1252", "utf-16"] {
        let feed = FEED
            .replace("[Name, Amount]", "[Stück, Amount], as: { Stück: name }")
            .replace("'# (?<n>\\d+)'", "'Anzahl Sätze: (?<n>\\d+)'")
            .replace("names: snake_case", &format!("names: snake_case\n            encoding: {encoding}"));
        let test = "{ name: t, flow: load, given: { document: { name: x20240131.csv, text: \"Stück,Amount\\nÖl,1.5\\nAnzahl Sätze: 1\\n\" } }, expect: { rows: [ { name: Öl } ], receipt: { outcome: rows } } }";
        assert_eq!(outcome_of(&feed, test), "passed", "{encoding}");
    }
}

/// An archive without the wanted first line is refused, and the lines that it has are said.
#[test]
fn a_refused_archive_says_how_its_members_begin() {
    let feed =
        FEED.replace("      - decode:\n", "      - unzip: { members: { first-line: 'Größe*' } }\n      - decode:\n");
    let test = "{ name: t, flow: load, given: { document: { name: x20240131.gz, file: x.gz } }, expect: { receipt: { outcome: rows } } }";
    check(
        &outcome_of(&feed, test),
        &expect![[
            r#"receipt outcome: expected rows, came failed (no member of the archive is one that the topology reads, `Größe*`; it holds `x20240131`, which begins `Grösse|\x00A`; it has `Grösse|\x00A` where `Größe` should be)"#
        ]],
    );
}

#[test]
fn lists_and_maps_that_a_test_leaves_out_are_empty() {
    let given = |rows: &str, expects: &str| {
        outcome(&format!("{{ name: t, flow: lists, given: {{ rows: [ {rows} ] }}, expect: {{ {expects} }} }}"))
    };
    assert_eq!(given("{ name: a }", "rows: [ { name: a, items: [], more: {} } ]"), "passed");
    assert_eq!(given("{ name: a, items: [x, y] }", "rows: [ { items: [x, y] } ]"), "passed");
    assert_eq!(given("{ name: far }", "rows: [], outputs: { far: [ { name: far } ] }"), "passed");
    check(
        &given("{ name: far, items: [x] }", "outputs: { far: [ { items: [y] } ] }"),
        &expect!["output far 1: items: expected [y], came [x]"],
    );
    check(&given("{ name: a, items: 5 }", "rows: []"), &expect!["items: 5 is no list"]);
}
