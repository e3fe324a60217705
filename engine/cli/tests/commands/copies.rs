//! Stray files beside documents: what is not taken for a document, and the way back from one that was.

use std::fs;

use crate::workplace::Workplace;

const ROWS: &str = "select symbol, quantity from demo.my_list order by symbol";

fn rows(workplace: &Workplace) -> String {
    workplace.say(&["sql", "--format", "TSV", ROWS]).ends(0).output
}

#[test]
fn a_stray_copy_counts_only_while_it_is_there() {
    const GOOD: &str = "Symbol|Quantity\nABC|12\nDEF|7\n2\n";
    // One that is another document, and one that is refused; found by a `files:` source, and by `--documents`.
    let stale = ("Symbol|Quantity\nABC|1\n1\n", 0, "ABC\t1\n");
    let half = ("Symbol|Quantity\nABC|12\nDE", 3, "ABC\t12\nDEF\t7\n");
    for (words, (copy, status, landed)) in [
        (&["run", "my-list.yaml", "--once"][..], stale),
        (&["run", "my-list.yaml", "--once", "--documents", "lists"], half),
    ] {
        let workplace = Workplace::new();
        workplace.write("lists/list_20260105.txt", GOOD);
        workplace.say(words).ends(0);
        workplace.write("lists/list_20260105 (1).txt", copy);
        for _ in 0..2 {
            workplace.say(words).ends(status);
            assert_eq!(rows(&workplace), landed);
        }
        fs::remove_file(workplace.path().join("lists/list_20260105 (1).txt")).expect("removed");
        for _ in 0..2 {
            workplace.say(words).ends(0);
            assert_eq!(rows(&workplace), "ABC\t12\nDEF\t7\n");
        }
        let receipts = workplace.say(&["receipts", "--all", "--format", "json"]).ends(0).json();
        assert_eq!(receipts.as_array().map(Vec::len), Some(3), "once there and once back: {receipts}");
        workplace.say(&["reconcile"]).ends(0);
    }
}

#[test]
fn what_is_unfinished_is_no_version_of_a_document() {
    let workplace = Workplace::new();
    let names = ["list_20260105.txt.part", "list_20260105.txt.crdownload", "list_20260105.txt~"];
    for name in names {
        workplace.write(&format!("lists/{name}"), "Symbol|Quantity\nABC|1\n1\n");
        workplace.write(&format!("unfinished/{name}"), "Symbol|Quantity\nABC|1\n1\n");
    }
    for words in [&["run", "my-list.yaml", "--once"][..], &["run", "my-list.yaml", "--once", "--documents", "lists"]] {
        let said = workplace.say(words).ends(0).output;
        for name in names {
            assert!(said.contains(&format!("{name} (skipped: `")), "{name}: {said}");
        }
        assert_eq!(rows(&workplace), "ABC\t12\nDEF\t7\n");
    }
    let said = workplace.say(&["run", "my-list.yaml", "--once", "--documents", "unfinished"]).ends(64).errors;
    assert!(said.contains("nothing in unfinished is a whole document") && said.contains("(skipped: `"), "{said}");
}

#[test]
fn a_copy_that_is_undone_brings_nothing_back_that_was_given_up() {
    let workplace = Workplace::new();
    workplace.write_changed("my-list.yaml", &[("  load:\n", "  load:\n    bad-rows-above: 90%\n")]);
    let once = ["run", "my-list.yaml", "--once"];
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|x\nDEF|7\n2\n");
    workplace.say(&once).ends(0);
    workplace.say(&["dlq", "give-up", "my-list/load"]).ends(0);
    workplace.say(&once).ends(0);
    let copy = "lists/list_20260105 (1).txt";
    for _ in 0..2 {
        workplace.write(copy, "Symbol|Quantity\nZZZ|3\nDEF|8\n2\n");
        workplace.say(&once).ends(0);
        assert_eq!(rows(&workplace), "DEF\t8\nZZZ\t3\n");
        fs::remove_file(workplace.path().join(copy)).expect("removed");
        let said = workplace.say(&once).ends(0).output;
        assert!(said.contains("dropped: my-list/load: 1 by `given up`") && !said.contains("old rows"), "{said}");
        assert_eq!(rows(&workplace), "DEF\t7\n", "nothing of the copy is left");
        let letters = workplace.say(&["dlq", "ls", "--format", "json"]).ends(0).json();
        assert_eq!(letters, serde_json::json!([]));
        workplace.say(&["reconcile"]).ends(0);
    }
}
