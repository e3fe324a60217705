//! What is said of documents that were refused or are no data at all, and how a run ends for them.

use std::fs;

use crate::program::until;
use crate::workplace::Workplace;

const HALF: &str = "Symbol|Quantity\nABC|12\n2\n";
const PAGE: &str = "<!DOCTYPE html>\n<html><body>Service unavailable</body></html>\n";
const ONCE: [&str; 5] = ["run", "my-list.yaml", "--documents", "lists", "--once"];

/// What people are told, without the breaks of its lines.
pub(crate) fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is said of a line that ends in a separator is enough to read the document, without a `select` too.
#[test]
fn a_cell_without_a_name_is_read_past_once_the_header_has_it() {
    for (names, first, second) in [("as-published", "A", "B"), ("snake_case", "a", "b")] {
        let workplace = Workplace::new();
        let topology = |header: &str| {
            let file = format!(
                r#"topology: plain
flows:
  load:
    from: {{ files: {{ path: plain, file-names: ["{{date:%Y%m%d}}.txt"] }} }}
    steps:
      - decode: {{ delimited: {{ layouts: {{ one: {{ header: {header} }} }}, names: {names} }} }}
      - extend: {{ id: "coalesce({first}, '')" }}
    to: {{ clickhouse: {{ table: demo.plain, rows: by-document, key: [id] }} }}
"#
            );
            workplace.write("plain.yaml", &file);
        };
        workplace.write("plain/20260105.txt", "A,B,\n1,2,\n3,4,\n");
        topology("[A, B]");
        let refused = workplace.say(&["run", "plain.yaml", "--once"]).ends(3);
        let said = unwrapped(&format!("{}{}", refused.output, refused.errors));
        assert!(said.contains("E4208") && said.contains(r#"add "" to `header`"#), "{said}");
        topology(r#"[A, B, ""]"#);
        let planned = workplace.say(&["plan", "plain.yaml"]).output;
        assert!(!planned.contains("``") && !planned.contains("`_`"), "{planned}");
        workplace.say(&["run", "plain.yaml", "--once"]).ends(0);
        let rows = format!("select {first}, {second} from demo.plain order by {first}");
        assert_eq!(workplace.say(&["sql", "--format", "TSV", &rows]).ends(0).output, "1\t2\n3\t4\n");
    }
}

#[test]
fn a_refused_file_that_was_taken_away_is_told_and_holds_no_status() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260106.txt", HALF);
    workplace.say(&ONCE).ends(3);
    fs::remove_file(workplace.path().join("lists/list_20260106.txt")).expect("removed");
    for _ in 0..2 {
        let said = unwrapped(&workplace.say(&ONCE).ends(0).output);
        assert!(said.contains("gone: list_20260106.txt (my-list/load): incomplete E4"), "{said}");
        assert!(said.contains("its file is not there any more") && !said.contains("refused: "), "{said}");
    }
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    let flow = &status["flows"]["my-list/load"];
    assert_eq!(flow["refused"], serde_json::json!({}));
    assert_eq!(flow["gone"].as_object().map(serde_json::Map::len), Some(1), "{flow}");
    assert!(workplace.say(&["status"]).ends(0).output.contains("gone: list_20260106.txt"));
    // A folder that is not there says nothing of its files, and what comes back is read anew.
    fs::rename(workplace.path().join("lists"), workplace.path().join("away")).expect("renamed");
    workplace.write("others/list_20260107.txt", "Symbol|Quantity\nABC|12\n1\n");
    let said = unwrapped(&workplace.say(&["run", "my-list.yaml", "--documents", "others", "--once"]).ends(3).output);
    assert!(said.contains("refused: list_20260106.txt") && said.contains("; found in `lists`"), "{said}");
    fs::rename(workplace.path().join("away"), workplace.path().join("lists")).expect("renamed");
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    let said = workplace.say(&ONCE).ends(0).output;
    assert!(!said.contains("gone: "), "{said}");
}

/// It counts no longer, also where it is read again; other bytes are asked about again, and so is another reason.
#[test]
fn a_refused_document_that_is_given_up_holds_no_status() {
    let workplace = Workplace::new();
    let file = "lists/list_20260106 half.txt";
    workplace.write(file, HALF);
    let said = unwrapped(&workplace.say(&ONCE).ends(3).output);
    let remedy = "spotlight dlq give-up my-list/load --document 'list_20260106 half.txt'";
    assert!(said.contains(&format!("if its publisher will not mend it: {remedy}")), "{said}");

    let give_up = ["dlq", "give-up", "my-list/load", "--document"];
    let other = workplace.say(&[&give_up[..], &["list_20260105.txt"]].concat()).ends(64).errors;
    assert!(unwrapped(&other).contains("those are: list_20260106 half.txt"), "{other}");
    workplace.say(&["dlq", "give-up", "--document", "x"]).ends(64);
    let said = unwrapped(&workplace.say(&[&give_up[..], &[file]].concat()).ends(0).output);
    assert!(said.contains("given up: list_20260106 half.txt (my-list/load), refused for E4"), "{said}");

    let outcome = || {
        let receipts = workplace.say(&["receipts", "--format", "json"]).ends(0).json();
        let receipts = receipts.as_array().expect("receipts").clone();
        let of = receipts.into_iter().find(|receipt| receipt["name"] == "list_20260106 half.txt").expect("its receipt");
        of["outcome"].as_str().expect("a word").to_owned()
    };
    assert_eq!(outcome(), "incomplete", "no run has noted it yet");
    for _ in 0..2 {
        let said = workplace.say(&ONCE).ends(0).output;
        assert!(!said.contains("refused: "), "{said}");
    }
    assert_eq!(outcome(), "given-up");
    let told = "select outcome from spotlight.receipts where name like '%half%' order by at";
    let told = workplace.say(&["sql", "--format", "TSV", told]).ends(0).output;
    assert_eq!(told.lines().last(), Some("given-up"), "{told}");
    workplace.say(&[&give_up[..], &[file]].concat()).ends(64);
    workplace.say(&["reconcile"]).ends(0);

    // Read again by a person's wish, and by a generation of its own.
    workplace.say(&["sql", "truncate table demo.my_list"]).ends(0);
    workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(outcome(), "given-up");
    workplace.say(&["rebuild", "my-list/load"]).ends(0);
    workplace.say(&ONCE).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(outcome(), "given-up");
    workplace.say(&["reconcile"]).ends(0);
    let rows = || workplace.say(&["sql", "--format", "TSV", "select count() from demo.my_list"]).ends(0).output;
    assert_eq!(rows().trim(), "2");

    workplace.write(file, "Symbol|Quantity\nABC|12\n3\n");
    workplace.say(&ONCE).ends(3);
    // The bytes that were given up.
    workplace.write(file, HALF);
    workplace.say(&ONCE).ends(0);
    workplace.write(file, "Symbol|Quantity\nABC|12\n1\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!((outcome().as_str(), rows().trim()), ("rows", "3"));
}

#[test]
fn a_run_that_goes_on_notes_that_a_refused_document_is_given_up() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260106.txt", HALF);
    let mut process = workplace.endless();
    let refused = || {
        let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
        status["flows"]["my-list/load"]["refused"].as_object().map(serde_json::Map::len)
    };
    until("the document to be refused", || (refused() == Some(1)).then_some(()));
    let words = ["dlq", "give-up", "my-list/load", "--document", "list_20260106.txt"];
    let said = unwrapped(&workplace.say(&words).ends(0).output);
    assert!(said.contains("as soon as the run that is going on has noted it"), "{said}");
    until("it to count no longer", || (refused() == Some(0)).then_some(()));
    process.signal("TERM");
    assert!(process.wait().success());
    workplace.say(&ONCE).ends(0);
}

#[test]
fn what_stays_of_an_earlier_version_is_said_where_the_newer_one_is_no_data() {
    let workplace = Workplace::new();
    workplace.say(&ONCE).ends(0);
    workplace.write("lists/list_20260105.txt", HALF);
    for words in [&ONCE[..], &["receipts"]] {
        let said = workplace.say(words);
        let told = unwrapped(&said.output);
        assert!(told.contains("; 2 rows of version 1 stay"), "{words:?}: {told}");
    }
    // Its rows are in the table: that the newer version was refused stays a matter for a person.
    fs::rename(workplace.path().join("lists/list_20260105.txt"), workplace.path().join("half")).expect("renamed");
    workplace.write("lists/list_20260104.txt", "Symbol|Quantity\nABC|12\n1\n");
    let said = unwrapped(&workplace.say(&ONCE).ends(3).output);
    assert!(said.contains("stay; its file is gone: put it back into its folder, mended or as it was before"), "{said}");
    workplace.write("lists/list_20260105.txt", PAGE);
    let said = unwrapped(&workplace.say(&ONCE).ends(0).output);
    assert!(said.contains("absent: list_20260105.txt") && said.contains("; 2 rows of version 1 stay"), "{said}");
    let rows = workplace.say(&["sql", "--format", "TSV", "select count() from demo.my_list"]).ends(0).output;
    assert_eq!(rows.trim(), "3");
}

#[test]
fn a_folder_of_pages_instead_of_data_is_said_and_gives_3() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260105.txt", PAGE);
    let dry = ["run", "my-list.yaml", "--documents", "lists", "--dry"];
    for words in [&dry[..], &ONCE, &ONCE] {
        let said = unwrapped(&workplace.say(words).ends(3).output);
        assert!(said.contains("no data: not one file in lists holds data"), "{words:?}: {said}");
    }
    let said = workplace.say(&[&ONCE[..], &["--format", "json"]].concat()).ends(3).json();
    assert_eq!(said["no_data"], "lists");
    // One list among pages is what publishers do.
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    assert!(!workplace.say(&ONCE).ends(0).output.contains("no data"));
    assert!(!workplace.say(&ONCE).ends(0).output.contains("no data"));
}

/// Two files of one date are two versions of one document. The newer one is a page; the older one holds data all the
/// same, in this run and in those after it.
#[test]
fn a_page_beside_data_of_the_same_document_is_not_a_folder_without_data() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260105_2.txt", PAGE);
    let dry = ["run", "my-list.yaml", "--documents", "lists", "--dry"];
    for words in [&dry[..], &ONCE, &ONCE] {
        let said = unwrapped(&workplace.say(words).ends(0).output);
        assert!(!said.contains("no data"), "{words:?}: {said}");
    }
    // Of the two, only the page is left.
    fs::remove_file(workplace.path().join("lists/list_20260105.txt")).expect("removed");
    let said = unwrapped(&workplace.say(&ONCE).ends(3).output);
    assert!(said.contains("no data: not one file in lists holds data"), "{said}");
}

#[test]
fn a_run_without_an_end_reads_a_file_that_is_dropped_into_its_folder() {
    let workplace = Workplace::new();
    let mut process = workplace.start(&["run", "my-list.yaml", "--documents", "lists"]);
    let landed = |name: &str| {
        let name = name.to_owned();
        until(&name, || {
            let listening = workplace.data().join("control").exists();
            let receipts = listening.then(|| workplace.say(&["receipts", "--format", "json"]))?;
            (receipts.status == 0 && receipts.output.contains(&name)).then_some(())
        });
    };
    landed("list_20260105.txt");
    // The topology asks for a look an hour.
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    workplace.write("lists/other.txt", "nobody's");
    landed("list_20260106.txt");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    let said = unwrapped(&workplace.said());
    assert!(said.contains("not claimed: lists/other.txt: no source"), "{said}");
}

#[test]
fn a_run_that_is_stopped_before_its_end_says_how_many_documents_wait() {
    let workplace = Workplace::new();
    for day in 6..13 {
        workplace.write(&format!("lists/list_202601{day:02}.txt"), "Symbol|Quantity\nABC|12\n1\n");
    }
    // The table is there, and ClickHouse stands still from its start on: documents are found, and none lands.
    workplace.say(&["plan", "my-list.yaml", "--apply"]).ends(0);
    let mut process = workplace.start(&ONCE);
    let clickhouse = until("the run answers", || {
        assert!(process.ended().is_none(), "the run ended: {}", workplace.said());
        workplace.data().join("control").exists().then(|| process.clickhouse()).flatten()
    });
    crate::program::signal(clickhouse, "STOP");
    until("all documents are found", || (workplace.said().matches("document found").count() == 8).then_some(()));
    process.signal("TERM");
    until("the run ends", || workplace.said().contains("stopping").then_some(()));
    crate::program::signal(clickhouse, "CONT");
    assert_eq!(process.wait().code(), Some(75), "{}", workplace.said());
    // As many as had no receipt: some may have landed before it stood still.
    let receipts = workplace.say(&["receipts", "--format", "json"]).ends(0).json();
    let left = 8 - receipts.as_array().map_or(0, Vec::len);
    assert!(left > 0, "{receipts}");
    let s = if left == 1 { "" } else { "s" };
    let wanted = format!("stopped before the end: {left} document{s} left to the next run");
    assert!(workplace.said().contains(&wanted), "{wanted}: {}", workplace.said());
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    let waiting = status["flows"]["my-list/load"]["waiting"].as_object().expect("partitions");
    assert_eq!(waiting.values().filter_map(serde_json::Value::as_u64).sum::<u64>(), left as u64, "{status}");
    workplace.say(&ONCE).ends(0);
}

/// Flows of other topologies that ran here before are not of the run, and no zeros are told of them. What a mended file has
/// not read yet is not told as if it had refused it.
#[test]
fn status_and_the_end_of_a_run_tell_of_what_the_run_has_done() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260106.txt", "Symbol|Amount\nABC|12\n1\n");
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(3);
    let mended =
        "v1: { header: [Symbol, Quantity] }\n              v2: { header: [Symbol, Amount], as: { Amount: quantity } }";
    let wider = ("quantity: cast(quantity as bigint)", "quantity: cast(quantity as double)");
    workplace.write_changed("my-list.yaml", &[("v1: { header: [Symbol, Quantity] }", mended), wider]);
    let said = unwrapped(&workplace.say(&["run", "my-list.yaml", "--once"]).ends(3).output);
    assert!(said.contains("hold[E5201]"), "{said}");
    assert!(said.contains("refused: list_20260106.txt") && said.contains("that of now has not read it yet"), "{said}");

    workplace.write_changed(
        "our-list.yaml",
        &[("topology: my-list", "topology: our-list"), ("demo.my_list", "demo.our_list")],
    );
    workplace.write("ours/list_20260107.txt", "Symbol|Quantity\nABC|12\n1\n");
    let mut process = workplace.start(&["run", "our-list.yaml", "--documents", "ours"]);
    let status = until("a run that answers", || {
        let listening = workplace.data().join("control").exists();
        let status = listening.then(|| workplace.say(&["status", "--format", "json"]))?;
        (status.status == 0 && status.output.contains("our-list/load")).then(|| status.json())
    });
    let flows: Vec<&String> = status["flows"].as_object().expect("flows").keys().collect();
    assert!(!flows.iter().any(|flow| flow.starts_with("my-list/")), "{flows:?}");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    assert!(workplace.say(&["status"]).ends(0).output.contains("my-list/load"), "all, without a run");
}

/// Not more dead letters help a document in another encoding, but its name.
#[test]
fn a_document_in_another_encoding_is_refused_with_the_cure() {
    let workplace = Workplace::new();
    let document = workplace.path().join("lists/list_20260106.txt");
    fs::write(document, b"Symbol|Quantity\nCaf\xe9|12\nM\xfcller|7\n2\n").expect("a document");
    let said = unwrapped(&workplace.say(&["run", "my-list.yaml", "--once"]).ends(3).output);
    assert!(said.contains("byte 4 of it is 0xE9, `é` in windows-1252"), "{said}");
    assert!(
        said.contains("say how the publisher writes letters, such as `encoding: windows-1252` beside `layouts`"),
        "{said}"
    );
    workplace.write_changed(
        "my-list.yaml",
        &[("            quotes: none\n", "            quotes: none\n            encoding: windows-1252\n")],
    );
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let rows = workplace.say(&[
        "sql",
        "--format",
        "TSV",
        "select symbol from demo.my_list where quantity in (7, 12) order by 1",
    ]);
    assert!(rows.output.contains("Café\n") && rows.output.contains("Müller\n"), "{}", rows.output);
}

/// To give a version up takes nothing out of a table, and the command says so; of several, the end of a run counts the others.
#[test]
fn what_stays_of_an_earlier_version_is_said_where_a_newer_one_is_given_up() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    workplace.say(&ONCE).ends(0);
    let rows = || workplace.say(&["sql", "--format", "TSV", "select count() from demo.my_list final"]).ends(0).output;
    let before = rows();
    workplace.write("lists/list_20260106.txt", HALF);
    workplace.write("lists/list_20260107.txt", HALF);
    let said = unwrapped(&workplace.say(&ONCE).ends(3).output);
    assert!(said.contains("; 1 more likewise, each by its flow and name: spotlight receipts --refused"), "{said}");

    let give_up = ["dlq", "give-up", "my-list/load", "--document"];
    let said = unwrapped(&workplace.say(&[&give_up[..], &["list_20260106.txt"]].concat()).ends(0).output);
    assert!(said.contains("; 1 row of version 1 stays, and nothing is withdrawn"), "{said}");
    let said = unwrapped(&workplace.say(&[&give_up[..], &["list_20260107.txt"]].concat()).ends(0).output);
    assert!(said.ends_with("; no row of an earlier version is there"), "{said}");
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(), before);
}
