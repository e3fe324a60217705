//! What was lost from outside is told, and nothing starts over by itself.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::refusals::unwrapped;
use crate::workplace::Workplace;

fn rows(workplace: &Workplace) -> String {
    workplace.say(&["sql", "--format", "TSV", "select count() from demo.my_list"]).ends(0).output
}

#[test]
fn a_lost_log_or_table_is_a_hold_and_release_starts_over() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.say(&once).ends(0);
    // The log is gone, the table is not.
    std::fs::rename(workplace.data().join("log"), workplace.data().join("log-before")).expect("moved");
    let said = workplace.say(&once).ends(3).output;
    assert!(said.contains("hold[E5112]: my-list/load waits: table demo.my_list holds 2 rows"), "{said}");
    assert_eq!(said.matches("hold[E5112]: my-list/load").count(), 1, "once, not once a partition: {said}");
    // It is back, and all is well.
    std::fs::remove_dir_all(workplace.data().join("log")).expect("removed");
    std::fs::rename(workplace.data().join("log-before"), workplace.data().join("log")).expect("moved");
    workplace.say(&once).ends(0);
    workplace.say(&["reconcile"]).ends(0);
    // The table is gone, the log is not. It is held each time, and nobody makes the table anew behind it.
    workplace.say(&["sql", "drop table demo.my_list sync"]).ends(0);
    for _ in 0..2 {
        let said = workplace.say(&once).ends(3).output;
        assert!(said.contains("hold[E5111]: my-list/load waits: table demo.my_list is missing"), "{said}");
        assert_eq!(workplace.say(&["sql", "--format", "TSV", "exists demo.my_list"]).ends(0).output, "0\n");
    }
    let said = workplace.say(&["reconcile"]).ends(4).output;
    assert!(said.contains("gap of my-list/load: table demo.my_list is missing: 2 expected, 0 found"), "{said}");
    let said = workplace.say(&["reconcile", "--format", "json"]).ends(4).json();
    let landing =
        said.as_array().expect("a list").iter().find(|one| one["flow"] == "my-list/load").expect("the landing");
    assert_eq!((&landing["table_missing"], &landing["gaps"]), (&true.into(), &2.into()), "{landing}");
    workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
    workplace.say(&once).ends(0);
    assert_eq!(rows(&workplace), "2\n");
    workplace.say(&["reconcile"]).ends(0);
}

/// Behind a lost data folder the versions of a document are counted from 1 again: rows of an earlier version 2 would hide
/// those of the next correction, without a word.
#[test]
fn behind_a_lost_data_folder_no_earlier_version_hides_a_newer_one() {
    let list = |quantity: u32| format!("Symbol|Quantity\nABC|{quantity}\nDEF|7\n2\n");
    let once = ["run", "my-list.yaml", "--once"];
    for released in [false, true] {
        let workplace = Workplace::new();
        workplace.say(&once).ends(0);
        workplace.write("lists/list_20260105.txt", &list(13));
        workplace.say(&once).ends(0);
        std::fs::remove_dir_all(workplace.data().join("log")).expect("removed");
        workplace.write("lists/list_20260105.txt", &list(14));
        let mut said = unwrapped(&workplace.say(&once).ends(3).output);
        assert!(said.contains("hold[E5112]: my-list/load waits: table demo.my_list holds "), "{said}");
        // Receipts do not replace each other.
        workplace.say(&["release", "spotlight/receipts", "--from", "earliest"]).ends(0);
        if released {
            workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
            said = unwrapped(&workplace.say(&once).ends(3).output);
            assert!(said.contains("hold[E5122]: my-list/load waits: table demo.my_list holds "), "{said}");
            assert!(said.contains("the versions of a document are counted from 1"), "{said}");
        }
        let delete = said.split("spotlight sql \"").nth(1).and_then(|rest| rest.split('"').next());
        workplace.say(&["sql", delete.expect("a statement")]).ends(0);
        workplace.say(&once).ends(0);
        let quantity = ["sql", "--format", "TSV", "select quantity from demo.my_list final where symbol = 'ABC'"];
        assert_eq!(workplace.say(&quantity).ends(0).output, "14\n");
    }
}

/// The table remembers the tokens under which the rows were there: a second time under the same ones would change
/// nothing and be acknowledged.
#[test]
fn rows_that_a_person_took_out_land_again_as_often_as_that_happens() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.say(&once).ends(0);
    for _ in 0..2 {
        workplace.say(&["sql", "delete from demo.my_list where startsWith(_landing, 'my-list/load/')"]).ends(0);
        assert_eq!(rows(&workplace), "0\n");
        workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
        workplace.say(&once).ends(0);
        assert_eq!(rows(&workplace), "2\n");
        workplace.say(&["reconcile"]).ends(0);
    }
}

#[test]
fn a_table_that_lost_all_rows_is_a_hold_until_they_are_back_or_a_person_says_where_to_go_on() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.say(&once).ends(0);
    workplace.say(&["sql", "create table demo.saved as demo.my_list"]).ends(0);
    workplace.say(&["sql", "insert into demo.saved select * from demo.my_list"]).ends(0);
    workplace.say(&["sql", "truncate table demo.my_list"]).ends(0);
    for _ in 0..2 {
        let said = workplace.say(&once).ends(3).output;
        assert!(said.contains("hold[E5113]: my-list/load waits: table demo.my_list holds no row"), "{said}");
        assert!(said.contains("--from earliest to land all again"), "{said}");
    }
    // Its rows come back, and the flow goes on by itself.
    workplace.say(&["sql", "insert into demo.my_list select * from demo.saved"]).ends(0);
    workplace.say(&once).ends(0);
    workplace.say(&["reconcile"]).ends(0);
    // Or a person goes on without them, which reconcile does not forget.
    workplace.say(&["sql", "truncate table demo.my_list"]).ends(0);
    workplace.say(&once).ends(3);
    workplace.say(&["release", "my-list/load", "--from", "end"]).ends(0);
    workplace.say(&once).ends(0);
    workplace.say(&["reconcile"]).ends(4);
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|1\n1\n");
    workplace.say(&once).ends(0);
    assert_eq!(rows(&workplace), "1\n");
    // A document whose next version has no rows leaves deleted ones, which are enough.
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\n0\n");
    workplace.say(&once).ends(0);
    assert_eq!(rows(&workplace), "0\n");
    workplace.say(&once).ends(0);
}

#[test]
fn a_folder_without_a_file_that_fits_is_told_and_what_is_no_file_is_named() {
    let workplace = Workplace::new();
    std::fs::create_dir_all(workplace.path().join("documents/older")).expect("a folder");
    let once = ["run", "my-list.yaml", "--documents", "documents", "--once"];
    for words in [&once, &["run", "my-list.yaml", "--documents", "documents", "--dry"]] {
        let said = workplace.say(words).ends(64).errors;
        assert!(said.contains("no file in documents, and folders within are not looked into"), "{said}");
        assert!(said.contains("`--documents documents/older`"), "{said}");
    }
    std::fs::remove_dir(workplace.path().join("documents/older")).expect("removed");
    let said = workplace.say(&once).ends(0).output;
    assert_eq!(said.matches("there is no file in documents: nothing was read").count(), 1, "{said}");
    // Files of which not one is read: nobody may take that for an end of the work.
    workplace.write("documents/readme.md", "nothing");
    workplace.write("documents/List_20260105.txt", "Symbol|Quantity\nABC|12\n1\n");
    for words in [&once, &["run", "my-list.yaml", "--documents", "documents", "--dry"]] {
        let said = workplace.say(words).ends(64).errors;
        for part in [
            "not one of the 2 files in documents",
            "my-list/load reads `list_{date:%Y%m%d}*`",
            "`List_20260105.txt` is near: ",
            "capitals count",
            "to go on: ",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    // One that is read is enough, and an endless run stays up for what comes.
    workplace.write("documents/list_20260105.txt", "Symbol|Quantity\nABC|12\n1\n");
    for name in [&b"list_20260105\xff"[..], b"list_20260105\xfe"] {
        std::fs::write(workplace.path().join("documents").join(OsStr::from_bytes(name)), "nothing").expect("a file");
    }
    let said = workplace.say(&once).ends(0).output;
    for name in [r"documents/list_20260105\xff (its name is not UTF-8", r"documents/list_20260105\xfe (its name"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(said.contains("not claimed: documents/readme.md: no source of these topologies has a pattern"), "{said}");
    assert!(
        said.contains("documents/List_20260105.txt (my-list/load reads `list_{date:%Y%m%d}*`: it has `List_"),
        "{said}"
    );
    std::fs::remove_file(workplace.path().join("lists/list_20260105.txt")).expect("removed");
    symlink("nowhere", workplace.path().join("lists/list_20260106.txt")).expect("a link");
    std::fs::create_dir(workplace.path().join("lists/list_20260107.d")).expect("a folder");
    std::fs::create_dir(workplace.path().join("lists/archive")).expect("a folder");
    let said = workplace.say(&["run", "my-list.yaml", "--once"]).ends(0).output;
    assert!(said.contains("there is no file in `") && said.contains("lists` for my-list/load"), "{said}");
    for name in ["list_20260106.txt", "list_20260107.d"] {
        assert!(said.contains(&format!("{name} (no file")), "{name}: {said}");
    }
    assert!(!said.contains("archive"), "a folder of another name lies there for other reasons: {said}");
    // Files are there, and nobody may take that for an end of the work either.
    workplace.write("lists/list_2026-01-08.txt", "Symbol|Quantity\nABC|1\n1\n");
    for words in [&["run", "my-list.yaml", "--once"][..], &["run", "my-list.yaml", "--dry"]] {
        let said = workplace.say(words).ends(3).output;
        let told = "lists fits the `file-names` of my-list/load: it reads `list_{date:%Y%m%d}*`; the only file there is \
                    `list_2026-01-08.txt`: it has `2026-01-08.txt` where `{date:%Y%m%d}`, a day such as `20260131`, should be";
        assert!(said.contains(told), "{said}");
    }
    workplace.write("lists/list_20260108.txt", "Symbol|Quantity\nABC|1\n1\n");
    let said = workplace.say(&["run", "my-list.yaml", "--once"]).ends(0).output;
    assert!(!said.contains("fits"), "{said}");
}

#[test]
fn what_is_no_file_is_named_and_a_folder_without_data_is_told() {
    let workplace = Workplace::new();
    workplace.write("documents/list_20260105.txt", "Symbol|Quantity\nABC|12\n1\n");
    let documents = workplace.path().join("documents");
    std::fs::create_dir(documents.join("older")).expect("a folder");
    symlink("nowhere", documents.join("list_20260106.txt")).expect("a link");
    symlink("list_20260107.txt", documents.join("list_20260107.txt")).expect("a link to itself");
    let said = workplace.say(&["run", "my-list.yaml", "--documents", "documents", "--once"]).ends(0).output;
    for name in ["older", "list_20260106.txt", "list_20260107.txt"] {
        assert!(said.contains(&format!("{name} (no file")), "{name}: {said}");
    }
    let from: &[&str] = &["release", "my-list/load", "--from", "earliest"];
    for command in [&["status"][..], &["receipts"], &["reconcile"], &["release", "my-list/load"], from] {
        let said = workplace.say(&[command, &["--data", "mistyped"]].concat()).ends(78);
        assert!(said.errors.contains("there is no data of Spotlight in mistyped"), "{}", said.errors);
    }
    for words in [&["release", "my-list/load"][..], &["release", "my-list/load", "--from", "earliest"]] {
        let said = workplace.say(&[words, &["--data", "mistyped"]].concat()).ends(78);
        assert!(said.errors.contains("there is no data of Spotlight in mistyped"), "{}", said.errors);
    }
    assert!(!workplace.path().join("mistyped").exists(), "asking makes no folder");
}

#[test]
fn a_run_that_is_stopped_before_its_end_does_not_say_that_all_is_fine() {
    let workplace = Workplace::new();
    // Long enough to be met while it is read.
    let mut text = "Symbol|Quantity\n".to_owned();
    for number in 0..400_000 {
        text.push_str(&format!("S{number}|{number}\n"));
    }
    workplace.write("lists/list_20260105.txt", &format!("{text}400000\n"));
    let mut process = workplace.start(&["run", "my-list.yaml", "--once"]);
    crate::program::until("the document found", || workplace.said().contains("document found").then_some(()));
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(75), "{}", workplace.said());
    assert!(workplace.said().contains("stopped before the end"), "{}", workplace.said());
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    assert_eq!(rows(&workplace), "400000\n");
}

#[test]
fn a_column_that_cannot_be_null_is_not_invented_for_rows_that_are_there() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let column = |cast: &str| format!("          quantity: cast(quantity as bigint)\n          twice: {cast}\n");
    let old = "          quantity: cast(quantity as bigint)\n";
    workplace.write_changed(
        "my-list.yaml",
        &[(old, &column("cast(2 as bigint)")), ("quantity: 12 }", "quantity: 12, twice: 2 }")],
    );
    let said = workplace.say(&["plan", "my-list.yaml"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(format!("{}{}", said.output, said.errors).contains("invented values"), "{said:?}");
    let said = workplace.say(&["run", "my-list.yaml", "--once"]).ends(3).output;
    assert!(said.contains("hold[E5201]") && said.contains("`twice`"), "{said}");
    let place = "in schemas/tables/demo.my_list.yaml, with `twice: { type: nullable bigint }`";
    assert!(said.contains(place), "{said}");
    workplace.write_changed(
        "my-list.yaml",
        &[
            (old, &column("nullif(cast(2 as bigint), cast(2 as bigint))")),
            ("quantity: 12 }", "quantity: 12, twice: 2 }"),
        ],
    );
    workplace.say(&["plan", "my-list.yaml", "--apply"]).ends(0);
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let said = workplace.say(&["sql", "--format", "TSV", "select distinct twice from demo.my_list"]).ends(0).output;
    assert_eq!(said, "\\N\n");
}

#[test]
fn a_table_that_is_another_one_now_is_named_and_keeps_nobody_from_looking_at_the_others() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.say(&once).ends(0);
    workplace.say(&["sql", "rename table demo.my_list to demo.kept"]).ends(0);
    for another in ["create table demo.my_list (a String) order by a", "create view demo.my_list as select 1 as a"] {
        workplace.say(&["sql", another]).ends(0);
        let said = workplace.say(&["reconcile"]).ends(4).output;
        for part in [
            "gap of my-list/load: table demo.my_list is not as the flow landed in it: 2 expected, 0 found",
            "spotlight plan FILE shows how the table should be",
            "spotlight/receipts",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        workplace.say(&["sql", "drop table demo.my_list sync"]).ends(0);
    }
    workplace.say(&["sql", "rename table demo.kept to demo.my_list"]).ends(0);
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn a_file_of_the_data_folder_that_somebody_damaged_is_named_with_what_helps() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.say(&once).ends(0);
    workplace.write("spotlight-data/holds.json", "[]");
    for (name, remedy) in [
        ("flows.json", "the next run of each topology writes its flows anew"),
        ("schemas.json", "bring it back from a copy"),
        ("holds.json", "remove it"),
    ] {
        let place = workplace.data().join(name);
        let whole = std::fs::read(&place).expect("the file");
        std::fs::write(&place, "[{").expect("written");
        for words in [&["status"][..], &once] {
            let said = workplace.say(words).ends(78).errors;
            for part in [name, " is damaged: ", remedy] {
                assert!(said.contains(part), "{words:?}: {part}: {said}");
            }
        }
        std::fs::write(&place, whole).expect("written");
    }
    // What the remedy of the first says.
    std::fs::remove_file(workplace.data().join("flows.json")).expect("removed");
    workplace.say(&once).ends(0);
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn a_data_folder_too_deep_for_a_socket_is_no_fault_of_the_program() {
    let workplace = Workplace::new();
    let deep = format!("{}/data", "d".repeat(100));
    let said = workplace.say(&["run", "my-list.yaml", "--once", "--data", &deep]).ends(78).errors;
    assert!(said.contains("cannot listen at ") && said.contains("a shorter path with --data DIR"), "{said}");
}

#[test]
fn a_flow_that_was_renamed_does_not_land_its_rows_a_second_time_by_itself() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.say(&once).ends(0);
    let renamed =
        |name: &str| workplace.write_changed("my-list.yaml", &[("  load:\n", name), ("flow: load", "flow: loaded")]);
    renamed("  loaded:\n");
    let said = workplace.say(&once).ends(3).output;
    let hold = "hold[E5112]: my-list/loaded waits: table demo.my_list holds 2 rows that my-list/load landed";
    assert!(said.contains(hold) && said.contains("to go on: if it is, write `was: load` below the flow"), "{said}");
    assert_eq!(rows(&workplace), "2\n");
    // With `was`, as the hold says, or under its name it goes on where it stood.
    let goes_on = || {
        assert!(workplace.say(&once).ends(0).output.contains(" 0 "));
        assert_eq!(rows(&workplace), "2\n");
        let status = workplace.say(&["status"]).ends(0).output;
        assert_eq!(status.matches("my-list/").count(), 1, "one flow: {status}");
    };
    renamed("  loaded:\n    was: load\n");
    goes_on();
    workplace.write_changed("my-list.yaml", &[]);
    goes_on();
    // What would have helped the other name would now take its rows out, and is not said any more.
    for words in [&["status"][..], &["release", "my-list"]] {
        let said = workplace.say(words);
        let said = format!("{}{}", said.output, said.errors);
        assert!(!said.contains("delete from") && !said.contains("my-list/loaded was on hold"), "{words:?}: {said}");
    }
    // Or its rows are taken out, as the hold says.
    renamed("  loaded:\n");
    workplace.say(&once).ends(3);
    workplace.say(&["reconcile"]).ends(0);
    workplace.say(&["sql", "delete from demo.my_list where startsWith(_landing, 'my-list/load/')"]).ends(0);
    workplace.say(&once).ends(0);
    assert_eq!(rows(&workplace), "2\n");
    // The flow that is gone has no gap for ever.
    let said = workplace.say(&["reconcile"]).ends(0).output;
    assert!(said.contains("my-list/loaded") && !said.contains("my-list/load "), "{said}");
}

/// The bytes of a document are read again long after they were fetched, when nobody remembers what was in them.
#[test]
fn bytes_that_are_not_those_that_were_fetched_hold_until_they_are_put_back() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.say(&once).ends(0);
    let kept = workplace.kept_documents();
    let [document] = kept.as_slice() else { panic!("one document: {kept:?}") };
    let fetched = std::fs::read(document).expect("readable");
    let mut other = fetched.clone();
    // Of the same size, and a date that every reader takes.
    let last = other.iter_mut().rev().find(|byte| byte.is_ascii_digit()).expect("a digit");
    *last = if *last == b'1' { b'2' } else { b'1' };
    std::fs::write(document, &other).expect("written");
    workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
    let said = workplace.say(&once).ends(3).output;
    let hold = "hold[E5104]: my-list/load waits: the bytes of ";
    assert!(
        said.contains(hold) && said.contains("the bytes are not those that were fetched: its SHA-256 is"),
        "{said}"
    );
    assert_eq!(rows(&workplace), "2\n", "what landed stays");
    std::fs::write(document, &fetched).expect("written");
    workplace.say(&once).ends(0);
    assert_eq!(rows(&workplace), "2\n");
    workplace.say(&["reconcile"]).ends(0);
}

/// A topology has no `was`: its name is in the keys of documents and in `_landing`. So its rows would stand twice.
#[test]
fn a_topology_that_was_renamed_does_not_land_its_rows_a_second_time_by_itself() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.say(&once).ends(0);
    // In the same file, and in another one.
    let name: [(&str, &str); 1] = [("topology: my-list", "topology: our-list")];
    workplace.write_changed("my-list.yaml", &name);
    let held = |words: &[&str]| {
        let said = workplace.say(words).ends(3).output;
        let hold = "hold[E5112]: our-list/load waits: table demo.my_list holds 2 rows that my-list/load landed, a flow of \
                    a topology that has no file any more";
        assert!(said.contains(hold) && said.contains("call the topology `my-list` again"), "{said}");
        assert_eq!(rows(&workplace), "2\n");
    };
    held(&once);
    std::fs::remove_file(workplace.path().join("my-list.yaml")).expect("removed");
    workplace.write_changed("our-list.yaml", &name);
    held(&["run", "our-list.yaml", "--once"]);
    // With both files there it is a copy, and as little is wanted twice.
    workplace.write_changed("my-list.yaml", &[]);
    let said = workplace.say(&["run", "our-list.yaml", "--once"]).ends(3).output;
    assert!(said.contains("hold[E5119]: our-list/load waits: my-list/load landed the rows of"), "{said}");
    assert_eq!(rows(&workplace), "2\n");
    workplace.say(&once).ends(0);
    assert_eq!(rows(&workplace), "2\n");
}

#[test]
fn files_of_other_names_that_are_one_document_are_named_and_corrections_are_not() {
    let workplace = Workplace::new();
    let from = "files: { path: \"lists\", file-names: [\"list_{date:%Y%m%d}*\"]";
    workplace.write_changed("my-list.yaml", &[(from, &from.replace("list_{", "*_{"))]);
    workplace.write("lists/list_20260105_corrected.txt", "Symbol|Quantity\nABC|12\nDEF|8\n2\n");
    let dry = ["run", "my-list.yaml", "--dry"];
    let live = ["check", "--live", "my-list.yaml"];
    let once = ["run", "my-list.yaml", "--once"];
    for words in [&dry[..], &live] {
        let said = workplace.say(words).ends(0).output;
        assert!(!said.contains("` takes the place of `"), "{said}");
    }
    workplace.write("lists/nyse_20260105.txt", "Symbol|Quantity\nXYZ|1\n1\n");
    for words in [&live[..], &dry, &once] {
        let said = workplace.say(words).ends(0).output;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = "`nyse_20260105.txt` takes the place of `list_20260105_corrected.txt` and of another file: all are \
                    date=2026-01-05";
        assert_eq!(said.matches(told).count(), 1, "{words:?}: {said}");
    }
    // For as long as both lie there, and which of them came last is told as it was.
    let told = |line: &str| {
        let said = unwrapped(&workplace.say(&once).ends(0).output);
        assert_eq!(said.matches(line).count(), 1, "{said}");
    };
    told("`nyse_20260105.txt` takes the place of `list_20260105_corrected.txt` and of another file");
    workplace.write("lists/arca_20260105.txt", "Symbol|Quantity\nTUV|1\n1\n");
    for _ in 0..2 {
        told(
            "`arca_20260105.txt` takes the place of `nyse_20260105.txt` and of 2 other files: all are date=2026-01-05",
        );
    }
    // A folder of other files is told before a run.
    let lost = &from.replace("list_{date:%Y%m%d}", "odd_{date:%Y%m%d}");
    workplace.write_changed("my-list.yaml", &[(from, lost)]);
    let said = workplace.say(&live).ends(78).output;
    assert!(said.contains("no file there fits the `file-names`"), "{said}");
}
