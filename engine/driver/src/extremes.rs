//! Dates and times at the ends of what can be written, counted or stored: from a document's text, through expressions,
//! to what the table's columns hold. Each value arrives as it is, or its row is a dead letter; none is bent.

use topology::MemoryFiles;

use crate::{TestOutcome, run_test};

const FEED: &str = r#"topology: feed
flows:
  load:
    bad-rows-above: 100%
    from:
      files: { path: in, file-names: ["x{number:[0-9]}"] }
    steps:
      - decode:
          delimited:
            separator: "|"
            layouts:
              one: { header: [id, a] }
      - select:
          id: id
          value: "EXPRESSION"
    to:
      clickhouse: { table: feed.values, rows: by-document }
tests:
  - name: extremes
    flow: load
    given: { document: { name: x1, text: "id|a\nTEXT" } }
    expect: { rows: [ ROWS ], dead-letters: [ DEAD ] }
"#;

const TABLE: &str = "table: feed.values
about: values at the ends
key: [id]
columns:
  id: { type: text, about: number of the row }
  value: { type: \"TYPE\", about: the value }
";

/// What becomes of texts in a column of this type, if it is what they are expected to become: a value, or after `!` the
/// code of a dead letter.
fn outcome(of: &str, expression: &str, cases: &[(&str, &str)]) -> String {
    let (mut text, mut rows, mut dead) = (String::new(), Vec::new(), Vec::new());
    for (number, (value, expected)) in cases.iter().enumerate() {
        text += &format!("{number}|{value}\\n");
        match expected.strip_prefix('!') {
            Some(code) => dead.push((code, number + 2)),
            None => rows.push(format!("{{ id: \"{number}\", value: {expected} }}")),
        }
    }
    // What fails in an expression is told before what the column does not hold.
    let told = ["E4103", "E4401"];
    dead.sort_by_key(|(code, line)| (told.iter().position(|known| known == code), *line));
    let dead = dead.iter().map(|(code, line)| format!("{{ line: {line}, code: {code}, field: value }}"));
    let dead: Vec<String> = dead.collect();
    let feed = FEED.replace("EXPRESSION", expression).replace("TEXT", &text);
    let feed = feed.replace("ROWS", &rows.join(", ")).replace("DEAD", &dead.join(", "));
    let files = MemoryFiles::default()
        .with("r/feed.yaml", &feed)
        .with("r/schemas/tables/feed.values.yaml", &TABLE.replace("TYPE", of));
    let loaded = topology::load(&["r".into()], &files);
    let findings: Vec<String> = loaded.findings.iter().map(|finding| finding.text(false)).collect();
    assert!(findings.is_empty(), "{}\n{feed}", findings.join("\n"));
    match run_test(&loaded.topologies[0], &loaded.topologies[0].tests[0]) {
        TestOutcome::Passed => "passed".to_owned(),
        TestOutcome::Failed(differences) => differences.join("\n"),
    }
}

#[test]
fn each_value_arrives_as_it_is_or_not_at_all() {
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
    let cases: &[Case<'_>] = &[
        (
            "date",
            "parse_date(a, '%Y-%m-%d')",
            &[
                ("0000-01-01", "!E4102"),
                ("0001-01-01", "!E4401"),
                ("1899-12-31", "!E4401"),
                ("1900-01-01", "1900-01-01"),
                ("2299-12-31", "2299-12-31"),
                ("2300-01-01", "!E4401"),
                ("9999-12-31", "!E4401"),
                ("10000-01-01", "!E4102"),
                ("-0001-01-01", "!E4102"),
                ("2021-02-29", "!E4102"),
                ("", "!E4103"),
            ],
        ),
        (
            "date",
            "date_add_days(date '2021-01-01', cast(a as bigint))",
            &[
                ("0", "2021-01-01"),
                ("9223372036854775807", "!E4104"),
                ("-9223372036854775808", "!E4104"),
                ("9223372036854775808", "!E4104"),
                ("2147483647", "!E4104"),
            ],
        ),
        (
            "timestamp(9)",
            "cast(a as timestamp(9))",
            &[
                ("2262-04-11 23:47:16.854775807", "2262-04-11T23:47:16.854775807"),
                ("2262-04-11 23:47:16.854775808", "!E4104"),
                ("1677-09-21 00:12:43.145224193", "!E4401"),
                ("1677-09-21 00:12:43.145224191", "!E4104"),
                ("1900-01-01 00:00:00", "1900-01-01T00:00:00.000000000"),
                ("9999-12-31 23:59:59.999999999", "!E4104"),
                ("0000-01-01 00:00:00", "!E4102"),
            ],
        ),
        (
            "timestamp(6, UTC)",
            "to_timestamp(a, 'UTC')",
            &[
                ("2299-12-31 23:59:59.999999", "2299-12-31T23:59:59.999999Z"),
                ("2300-01-01 00:00:00", "!E4401"),
                ("0001-01-01 00:00:00", "!E4401"),
                ("9999-12-31 23:59:59.999999", "!E4401"),
                ("0000-12-31 00:00:00", "!E4102"),
            ],
        ),
        (
            "bigint",
            "cast(a as bigint)",
            &[
                ("9223372036854775807", "9223372036854775807"),
                ("-9223372036854775808", "-9223372036854775808"),
                ("9223372036854775808", "!E4104"),
                ("1e19", "!E4104"),
            ],
        ),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .map(|(of, expression, values)| format!("{expression} as {of}: {}", outcome(of, expression, values)))
        .filter(|told| !told.ends_with(": passed"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
