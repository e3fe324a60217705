//! Questions while a run is going on, through its control socket, and when none is; and the end of a run.

use publishers::ftd::{Half, Options, ftd};

use crate::program::{signal, until};
use crate::workplace::Workplace;

/// Asks everything; the answers are those of the one list.
fn ask_everything(workplace: &Workplace, running: bool) {
    let rows = "select symbol, quantity from demo.my_list order by symbol";
    let said = workplace.say(&["sql", "--format", "TSV", rows]).ends(0);
    assert_eq!(said.output, "ABC\t12\nDEF\t7\n");
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(status["running"], running);
    assert_eq!(status["flows"]["my-list/load"]["total"]["landed"], 2);
    let said = workplace.say(&["status"]).ends(0).output;
    assert!(said.contains(if running { "a run is going on" } else { "no run is going on" }), "{said}");
    let receipts = workplace.say(&["receipts", "--format", "json"]).ends(0).json();
    assert_eq!(receipts.as_array().map(Vec::len), Some(1), "{receipts}");
    assert_eq!(receipts[0]["outcome"], "rows");
    assert!(workplace.say(&["receipts"]).ends(0).output.contains("list_20260105.txt"));
    assert!(!workplace.say(&["receipts", "--refused"]).ends(0).output.contains("list_20260105.txt"));
    assert!(workplace.say(&["dlq", "ls"]).ends(0).output.contains("no dead letter is open"));
    workplace.say(&["dlq", "show", "none"]).ends(64);
    let said = workplace.say(&["reconcile"]).ends(0).output;
    assert!(said.contains("my-list/load") && said.contains("reconciled: 0 gaps, 0 repeats"), "{said}");
    // Nothing is on hold, with or without a run.
    let said = workplace.say(&["release", "my-list/load"]).ends(0).output;
    assert!(said.contains("nothing to release: "), "{said}");
    let said = workplace.say(&["release", "my-list/lod"]).ends(64).errors;
    assert!(said.contains("did you mean `my-list/load`?"), "{said}");
}

#[test]
fn questions_are_answered_with_and_without_a_run_and_sigterm_ends_it_in_order() {
    let workplace = Workplace::new();
    let mut process = workplace.endless();
    ask_everything(&workplace, true);
    let said = workplace.say(&["run", "my-list.yaml", "--once"]).ends(73);
    let owner = format!("is in use by spotlight run (process {}, since 20", process.id());
    assert!(said.errors.contains(&owner), "{owner}: {}", said.errors);
    workplace.say(&["plan", "my-list.yaml"]).ends(0);
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    assert!(!workplace.data().join("control").exists(), "the socket is gone");
    ask_everything(&workplace, false);
}

#[test]
fn status_says_what_a_run_waits_for_and_that_its_file_is_another_one_now() {
    let workplace = Workplace::new();
    let mut process = workplace.endless();
    let told = || workplace.say(&["status"]).ends(0).output;
    let (before, status) = (told(), workplace.say(&["status", "--format", "json"]).ends(0).json());
    assert!(!before.contains("edited:") && status["edited"] == serde_json::json!({}), "{before} {status}");
    let [looked, again] = ["looked_at", "looks_again"].map(|at| status["flows"]["my-list/load"][at].as_i64());
    let hour = 3_600_000;
    assert!(
        looked.zip(again).is_some_and(|(looked, again)| (hour..hour + 60_000).contains(&(again - looked))),
        "{status}"
    );

    let first = std::fs::read_to_string(workplace.path().join("my-list.yaml")).expect("the file");
    let cases = [
        (format!("# Only a comment.\n{first}"), None),
        (first.replace("trim(symbol)", "upper(trim(symbol))"), Some("counts once the run is started again")),
        (first.replace("trim(symbol)", "trmi(symbol)"), Some("has mistakes, with which no run would start")),
        (first.replace("topology: my-list", "topology: your-list"), Some("is not its file any more")),
        (first, None),
    ];
    for (text, wanted) in cases {
        workplace.write("my-list.yaml", &text);
        let told = told();
        let line = told.lines().find(|line| line.starts_with("edited:"));
        assert_eq!(line.is_some(), wanted.is_some(), "{text}\n{told}");
        let joined = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(wanted.is_none_or(|wanted| joined.contains(wanted)), "{text}\n{told}");
    }
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn an_endless_run_that_ends_in_order_has_not_failed_whatever_it_refused() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n2\n");
    let mut process = workplace.start(&["run", "my-list.yaml"]);
    until("the refusal", || workplace.said().contains("document refused").then_some(()));
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    assert!(workplace.said().contains("refused: list_20260106.txt"), "{}", workplace.said());
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(3);
}

#[test]
fn a_topic_that_nobody_in_the_run_reads_is_named_with_the_file_that_does() {
    let workplace = Workplace::new();
    let load = r#"topology: letters
about: Letters.
flows:
  load:
    from: { files: { path: "letters", file-names: ["letters_{date:%Y%m%d}.txt"], every: 1h } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id] } }, names: snake_case } }
      - select: { id: id }
    to: { topic: demo.letters, key: [id] }
"#;
    let table = r#"topology: letters-table
about: Letters as a table.
flows:
  land:
    from: { topic: demo.letters }
    to: { clickhouse: { table: demo.letters, rows: append, key: [id] } }
"#;
    workplace.write("feeds/letters.yaml", load);
    workplace.write("letters/letters_20260105.txt", "Id\na\nb\n");
    let alone = ["run", "feeds/letters.yaml", "--documents", "letters", "--once"];
    let what = "topic demo.letters has rows of letters/load, and no flow of this run reads it";
    let said = workplace.say(&alone).ends(0).output;
    assert!(said.lines().any(|line| line == what), "{said}");
    workplace.write("feeds/table.yaml", table);
    let said = workplace.say(&alone).ends(0).output;
    assert!(said.contains(&format!("{what}: run feeds/table.yaml too")), "{said}");
    let said = workplace.say(&["run", "feeds", "--documents", "letters", "--once"]).ends(0).output;
    assert!(!said.contains("no flow of this run"), "{said}");
}

#[test]
fn a_run_that_cannot_reach_clickhouse_waits_and_ends_in_order_too() {
    let workplace = Workplace::new();
    let mut process = workplace.start(&["run", "my-list.yaml", "--clickhouse", "http://127.0.0.1:1"]);
    until("the run says that it waits", || {
        assert!(process.ended().is_none(), "the run ended: {}", workplace.said());
        workplace.said().contains("waiting for ClickHouse").then_some(())
    });
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn a_second_signal_ends_a_run_that_cannot_end_in_order() {
    let workplace = Workplace::new();
    workplace.write_changed("my-list.yaml", &[("every: 1h", "every: 1s")]);
    let mut process = workplace.endless();
    let clickhouse = process.clickhouse().expect("a run has a ClickHouse");
    // It stands still, so a run that was told to end waits for its end: ten seconds, which the second signal cuts short.
    signal(clickhouse, "STOP");
    workplace.write("lists/list_20260107.txt", "Symbol|Quantity\nGHI|1\n1\n");
    until("a document is being worked on", || {
        let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
        status["flows"]["my-list/load"]["working"].to_string().contains("list_20260107.txt").then_some(())
    });
    process.signal("INT");
    until("the run says what it sets aside", || {
        workplace.said().contains("stopping: list_20260107.txt is set aside unless ").then_some(())
    });
    process.signal("TERM");
    let ended = process.wait();
    signal(clickhouse, "CONT");
    assert_eq!(ended.code(), Some(75), "{}", workplace.said());
}

#[test]
fn a_run_that_is_stopped_at_work_ends_in_order_and_the_next_one_goes_on() {
    let workplace = Workplace::new();
    let files = [(8, Half::A), (8, Half::B), (9, Half::A), (9, Half::B)];
    let files = files.map(|(month, half)| ftd(7, (2020, month), half, 5_000, Options::default()));
    for file in &files {
        std::fs::create_dir_all(workplace.path().join("documents")).expect("a folder");
        std::fs::write(workplace.path().join("documents").join(&file.name), &file.bytes).expect("a file");
    }
    let words = ["run", "topologies/sec-ftd.yaml", "--documents", "documents"];
    let mut process = workplace.start(&words);
    until("the first document is found", || workplace.said().contains("document found").then_some(()));
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    workplace.say(&["reconcile"]).ends(0);
    workplace.say(&[&words[..], &["--once"]].concat()).ends(0);
    let said = workplace.say(&["sql", "--format", "TSV", "select count() from regsho.fails_to_deliver"]).ends(0);
    assert_eq!(said.output.trim(), files.iter().map(|file| file.truth.rows).sum::<u64>().to_string());
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn rows_of_a_range_that_is_open_are_no_repeats() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(0);
    // One row is another, one is gone: the new version has inserted, and has not yet withdrawn or closed.
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|13\n1\n");
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    for arrow in ["withdraw:1", "close:1"] {
        let mut command = workplace.command(&["run", "my-list.yaml", "--documents", "lists", "--once"]);
        let died = command.env("SPOTLIGHT_TEST_ABORT_AT", arrow).output().expect("the program starts");
        assert_eq!(died.status.code(), None, "{arrow}: it did not die: {died:?}");
        workplace.say(&["reconcile"]).ends(0);
    }
    let said = workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(0).output;
    let cells = |start: &str| -> Vec<String> {
        let line = said.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_else(|| panic!("{said}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    let at = cells("flow").iter().position(|cell| cell == "withdrawn").unwrap_or_else(|| panic!("{said}"));
    assert_eq!(cells("my-list/load")[at], "1", "{said}");
    assert!(said.contains("withdrawn: rows of earlier versions"), "{said}");
    let again = workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(0).output;
    assert!(!again.contains("withdrawn"), "{again}");
    let rows = "select toString(list_date), symbol, quantity from demo.my_list order by all";
    let said = workplace.say(&["sql", "--format", "TSV", rows]).ends(0);
    assert_eq!(said.output, "2026-01-05\tABC\t13\n2026-01-06\tABC\t12\n");
    assert!(workplace.say(&["reconcile"]).ends(0).output.contains("my-list/load"));
}

#[test]
fn relative_paths_start_at_the_topology_file_and_not_where_the_program_runs() {
    let workplace = Workplace::new();
    let data = workplace.data();
    let mut command = crate::program::spotlight(["run", "--once", "--data"]);
    command.arg(&data).arg(workplace.path().join("my-list.yaml")).current_dir("/");
    let said: crate::program::Said = command.output().expect("the program starts").into();
    said.ends(0);
    assert!(workplace.say(&["receipts"]).ends(0).output.contains("list_20260105.txt"));
    // What is not there, from the folder above that holds `schemas/`, is looked for beside the file.
    workplace
        .write_changed("feeds/beside.yaml", &[("topology: my-list", "topology: beside"), ("\"lists\"", "\"here\"")]);
    workplace.write("feeds/here/list_20260107.txt", "Symbol|Quantity\nABC|12\n1\n");
    workplace.say(&["run", "feeds/beside.yaml", "--once"]).ends(0);
    assert!(workplace.say(&["receipts"]).ends(0).output.contains("list_20260107.txt"));
}
