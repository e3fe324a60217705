//! `reconcile` on tables that somebody damaged: what is missing, twice or foreign is found, and its place is named.

use crate::program::{Process, until};
use crate::workplace::Workplace;

/// A table of each kind that a topic fills, two records a range, all of one key and so in one partition.
const MESSAGES: &str = r#"topology: messages
about: Messages, each once, and the newest of each.
flows:
  load:
    from:
      files: { path: "messages", file-names: ["messages_{date:%Y%m%d}.txt"], every: 1h }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Amount] } }, names: snake_case } }
      - select: { list: "'x'", id: id, amount: cast(amount as bigint) }
    to: { topic: demo.messages, key: [list] }
  each:
    from: { topic: demo.messages }
    to: { clickhouse: { table: demo.messages, rows: append, key: [id], batch: { rows: 2 } } }
  latest:
    from: { topic: demo.messages }
    to: { clickhouse: { table: demo.latest, rows: by-key, key: [list, id], batch: { rows: 2 } } }
"#;

const FLOWS: [&str; 3] = ["messages/each", "messages/latest", "my-list/load"];

/// A run with a table of each kind, all its rows landed.
fn running(workplace: &Workplace) -> Process {
    workplace.write("messages.yaml", MESSAGES);
    workplace.write("messages/messages_20260105.txt", "Id|Amount\na|1\nb|2\nc|3\nd|4\ne|5\na|6\n");
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|1\nDEF|2\nGHI|3\n3\n");
    let mut process = workplace.start(&["run", "my-list.yaml", "messages.yaml"]);
    until("all rows have landed", || {
        assert!(process.ended().is_none(), "the run ended: {}", workplace.said());
        let listening = workplace.data().join("control").exists();
        let status = listening.then(|| workplace.say(&["status", "--format", "json"]).ends(0).json())?;
        let landed = FLOWS.map(|flow| status["flows"][flow]["total"]["landed"].as_u64());
        (landed == [Some(6), Some(6), Some(5)]).then_some(())
    });
    process
}

#[test]
fn a_change_of_rows_that_the_server_cannot_carry_out_is_told() {
    let workplace = Workplace::new();
    let mut process = workplace.endless();
    assert!(!workplace.say(&["reconcile"]).ends(0).output.contains("failed: "));
    workplace.say(&["sql", "alter table demo.my_list delete where throwIf(quantity > 0)"]).ends(64);
    let said = until("the change has failed", || {
        let said = workplace.say(&["reconcile"]).ends(0).output;
        said.contains("failed: ").then_some(said)
    });
    assert!(said.contains("a change of demo.my_list that somebody ordered is not done"), "{said}");
    let (_, remedy) = said.split_once("To take it back: spotlight sql \"").expect("a remedy");
    sql(&workplace, remedy.split('"').next().expect("a query"));
    assert!(!workplace.say(&["reconcile"]).ends(0).output.contains("failed: "));
    process.signal("TERM");
    process.wait();
}

fn sql(workplace: &Workplace, sql: &str) {
    workplace.say(&["sql", sql]).ends(0);
}

/// Each difference as `flow: kind place expected found`.
fn differences(workplace: &Workplace, status: i32) -> Vec<String> {
    let said = workplace.say(&["reconcile", "--format", "json"]).ends(status).json();
    let mut shown = Vec::new();
    for landing in said.as_array().expect("a list") {
        for one in landing["differences"].as_array().expect("a list") {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            shown.push(format!(
                "{}: {} {} {} {}",
                landing["flow"].as_str().unwrap_or_default(),
                text("kind"),
                text("place"),
                one["expected"],
                one["found"]
            ));
        }
    }
    shown
}

#[test]
fn gaps_repeats_and_strays_of_each_kind_of_table_are_found_and_named() {
    let workplace = Workplace::new();
    let mut process = running(&workplace);
    assert_eq!(differences(&workplace, 0), [""; 0]);
    let words = workplace.say(&["reconcile"]).ends(0).output;
    for compared in ["compared append:", "compared by-key:", "compared by-document:", "0 gaps, 0 repeats, 0 strays"] {
        assert!(words.contains(compared), "{words}");
    }

    // One row is gone from each.
    let gone =
        [("demo.messages", "_offset = 1"), ("demo.latest", "_offset IN (4, 5)"), ("demo.my_list", "symbol = 'GHI'")];
    for (table, row) in gone {
        sql(&workplace, &format!("ALTER TABLE {table} DELETE WHERE {row} SETTINGS mutations_sync = 2"));
    }
    let gaps = [
        "messages/each: gap partition 2, offsets 0 to 1 2 1",
        "messages/latest: gap partition 2, offsets 4 to 5, the newest row 1 0",
        "my-list/load: gap document my-list/load/date=2026-01-06, version 1 3 2",
    ];
    assert_eq!(differences(&workplace, 4), gaps);

    // Another is there twice, so that the counts agree again. A merge would take it away where rows replace each other.
    let twice = [
        ("demo.messages", "_offset = 2"),
        ("demo.latest", "_offset = 2"),
        ("demo.my_list", "symbol = 'DEF' AND list_date = '2026-01-05'"),
    ];
    for (table, row) in twice {
        sql(&workplace, &format!("SYSTEM STOP MERGES {table}"));
        sql(&workplace, &format!("INSERT INTO {table} SELECT * FROM {table} WHERE {row} LIMIT 1"));
    }
    let both = [
        gaps[0],
        "messages/each: repeat partition 2, offsets 2 to 3 2 3",
        "messages/latest: repeat partition 2, offsets 2 to 3 2 3",
        gaps[1],
        "my-list/load: repeat partition 3, offset 0 2 3",
        gaps[2],
    ];
    assert_eq!(differences(&workplace, 4), both);
    let said = workplace.say(&["reconcile"]).ends(4).output;
    let named = "gap of messages/each: partition 2, offsets 0 to 1: 2 expected, 1 found";
    assert!(said.contains(named) && said.contains("NOT reconciled"), "{said}");

    // A row of a version that is no longer the newest, and one of a document that was never accepted.
    for change in ["'ZZZ' AS symbol, 0 AS _version", "'else' AS _document"] {
        let row = "(SELECT * FROM demo.my_list WHERE symbol = 'ABC' AND list_date = '2026-01-05' LIMIT 1)";
        sql(&workplace, &format!("INSERT INTO demo.my_list SELECT * REPLACE ({change}) FROM {row}"));
    }
    let found = differences(&workplace, 4);
    for stray in ["document else, version 1 0 1", "document my-list/load/date=2026-01-05, version 0 0 1"] {
        let stray = format!("my-list/load: stray {stray}");
        assert!(found.contains(&stray), "{stray} is not in {found:?}");
    }
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn rows_of_no_landing_of_this_folder_are_named_whatever_kind_of_table_they_stand_in() {
    let workplace = Workplace::new();
    let mut process = running(&workplace);
    let add = |table: &str, landing: &str| {
        let row = format!(
            "(SELECT * FROM {table} WHERE {} LIMIT 1)",
            if table == "demo.my_list" { "symbol = 'ABC'" } else { "id = 'b'" }
        );
        let own = if table == "demo.my_list" { "'own' AS symbol" } else { "'own' AS id" };
        sql(&workplace, &format!("INSERT INTO {table} SELECT * REPLACE ({own}, {landing} AS _landing) FROM {row}"));
    };
    // A flow elsewhere may fill the same table: its rows are named and left out.
    let elsewhere = "concat('else/where/', repeat('0a', 16))";
    ["demo.messages", "demo.my_list"].iter().for_each(|table| add(table, elsewhere));
    let foreign =
        "foreign _landing `else/where/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a`, of else/where, a flow of another log 0 1";
    assert_eq!(differences(&workplace, 0), [format!(": {foreign}"), format!(": {foreign}")]);
    let said = workplace.say(&["reconcile"]).ends(0).output;
    for words in [
        "2 rows of flows that this data folder does not know, or of topics that a flow read before, are left out",
        "foreign of demo.my_list: _landing",
        "reconciled: ",
    ] {
        assert!(said.contains(words), "{said}");
    }
    // Nothing that a landing here or elsewhere can have written.
    add("demo.messages", "'nonsense'");
    add("demo.latest", "''");
    add("demo.my_list", "concat('my-list/load/', repeat('0a', 16))");
    let found = differences(&workplace, 4);
    for stray in [
        ": stray _landing `nonsense`, which no landing writes 0 1",
        ": stray _landing ``, which no landing writes 0 1",
        ": stray _landing `my-list/load/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a`, of my-list/load, landed from another log 0 1",
    ] {
        assert!(found.iter().any(|found| found == stray), "{stray} is not in {found:#?}");
    }
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}
