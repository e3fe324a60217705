//! What is said of documents that were refused or are no data at all, and how a run ends for them.

use std::fs;

use crate::program::until;
use crate::workplace::Workplace;

const HALF: &str = "Symbol|Quantity\nABC|12\n2\n";
const PAGE: &str = "<!DOCTYPE html>\n<html><body>Service unavailable</body></html>\n";
const ONCE: [&str; 5] = ["run", "my-list.yaml", "--documents", "lists", "--once"];

/// What people are told, without the breaks of its lines.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
    assert!(said.contains("refused: list_20260106.txt") && said.contains("; found in lists"), "{said}");
    fs::rename(workplace.path().join("away"), workplace.path().join("lists")).expect("renamed");
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    let said = workplace.say(&ONCE).ends(0).output;
    assert!(!said.contains("gone: "), "{said}");
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
