//! `run --dry`: what would land is shown, and nothing is written anywhere.

use std::path::{Path, PathBuf};

use crate::program::{Process, Said, until};
use crate::workplace::Workplace;

/// Two flows that meet in a topic: letters, once each, as a table.
const LETTERS: &str = r#"topology: letters
about: Letters, each once.
flows:
  load:
    from: { files: { path: "letters", file-names: ["letters_{date:%Y%m%d}.txt"], every: 1h } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
      - select: { id: id, size: cast(size as integer) }
    to: { topic: demo.letters, key: [id] }
  land:
    from: { topic: demo.letters }
    steps:
      - dedupe: { name: once, key: [id], remember: 1d }
    to: { clickhouse: { table: demo.letters, rows: append, key: [id] } }
"#;

/// Runs without any ClickHouse to be had, with temporary files in `temporary/`, which must be empty afterwards.
fn dry(workplace: &Workplace, words: &[&str]) -> Said {
    let temporary = workplace.path().join("temporary");
    std::fs::create_dir_all(&temporary).expect("a folder");
    let nowhere = workplace.path().join("nowhere");
    let mut command = workplace.command(&[&["run", "--dry"], words].concat());
    command.env("PATH", &nowhere).env("XDG_CACHE_HOME", &nowhere).env("TMPDIR", &temporary);
    let said = command.output().expect("the program starts").into();
    assert_eq!(files_in(&temporary), Vec::<(PathBuf, Vec<u8>)>::new(), "something was left behind");
    said
}

/// All files below a folder, with what they hold.
fn files_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() {
            files.extend(files_in(&path));
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).expect("a file");
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

#[test]
fn a_dry_run_shows_what_would_land_and_ends_as_a_run_would() {
    let good = "Symbol|Quantity\nABC|12\nDEF|7\n2\n";
    // What is published, exit status, rows that would land, dead rows, refused documents, what is said.
    let cases: [(&[&str], i32, [u64; 3], &str); 4] = [
        (&[good], 0, [2, 0, 0], "dry run: nothing was written"),
        (
            &[good, "Symbol|Quantity\nABC|12\n2\n"],
            3,
            [2, 0, 1],
            "refused: list_20260106.txt (my-list/load): incomplete",
        ),
        (&["Nothing of the kind\n"], 3, [0, 0, 1], "failed E4208"),
        (&[], 0, [0, 0, 0], "there is no file in lists: nothing was read"),
    ];
    for (documents, status, numbers, told) in cases {
        let workplace = Workplace::new();
        std::fs::remove_file(workplace.path().join("lists/list_20260105.txt")).expect("removed");
        for (day, text) in documents.iter().enumerate() {
            workplace.write(&format!("lists/list_2026010{}.txt", day + 5), text);
        }
        let words = ["my-list.yaml", "--documents", "lists"];
        let said = dry(&workplace, &words).ends(status).output;
        assert!(said.contains(told), "{documents:?}: {said}");
        let json = dry(&workplace, &[&words[..], &["--format", "json"]].concat()).ends(status).json();
        let flow = &json["flows"]["my-list/load"];
        let refused = flow["refused"].as_object().map_or(0, serde_json::Map::len) as u64;
        let found = [&flow["run"]["landed"], &flow["run"]["dead"]].map(|number| number.as_u64().unwrap_or(0));
        assert_eq!(([found[0], found[1], refused], &json["dry"]), (numbers, &true.into()), "{documents:?}: {json}");
        assert!(!workplace.data().exists(), "a dry run makes no data folder");
    }
}

#[test]
fn the_first_dead_letters_of_a_dry_run_are_told_with_their_rows() {
    let workplace = Workplace::new();
    workplace.write("letters.yaml", LETTERS);
    let rows: String = (0..200).map(|number| format!("{number}|{number}\n")).collect();
    let bad: String = (0..12).map(|number| format!("bad-{number}|x{number}\n")).collect();
    workplace.write("letters/letters_20260105.txt", &format!("Id|Size\n{rows}7|7\n{bad}"));
    let said = dry(&workplace, &["letters.yaml", "--documents", "letters"]).ends(0).output;
    assert!(said.contains("would land") && !said.contains("landed"), "{said}");
    assert!(said.contains("dead: letters/load E41"), "{said}");
    assert!(said.contains("letters_20260105.txt line 203: bad-0|x0") || said.contains("line 203: bad-0|x0"), "{said}");
    assert_eq!(said.matches("dead: letters/load").count(), 10, "{said}");
    assert!(said.contains("and 2 more dead letters"), "{said}");
    let words = ["letters.yaml", "--documents", "letters", "--format", "json"];
    let json = dry(&workplace, &words).ends(0).json();
    assert_eq!(json["dead_letters"].as_array().map(Vec::len), Some(12), "{json}");
    assert_eq!(json["dead_letters"][0]["bytes"], "bad-0|x0");
    let landed = &json["flows"]["letters/land"]["run"];
    assert_eq!((&landed["landed"], &landed["dropped"]["repeat"]), (&200.into(), &1.into()), "{json}");
}

#[test]
fn what_a_dry_run_that_was_ended_at_once_leaves_behind_the_next_one_removes() {
    let workplace = Workplace::new();
    let rows: String = (0..200_000).map(|number| format!("S{number}|{number}\n")).collect();
    workplace.write("lists/list_20260106.txt", &format!("Symbol|Quantity\n{rows}200000\n"));
    let temporary = workplace.path().join("temporary");
    std::fs::create_dir_all(&temporary).expect("a folder");
    let words = ["my-list.yaml", "--documents", "lists"];
    for signals in [&["INT", "INT"][..], &["KILL"]] {
        let mut command = workplace.command(&[&["run", "--dry"], &words[..]].concat());
        command.env("TMPDIR", &temporary);
        let mut process = Process::start(command, &workplace.path().join("said.txt"));
        until("the folder of the run", || {
            assert!(process.ended().is_none(), "it ended");
            let folder = std::fs::read_dir(&temporary).expect("a folder").flatten().next()?;
            folder.path().join("log").exists().then_some(())
        });
        signals.iter().for_each(|signal| process.signal(signal));
        process.wait();
        if signals == ["KILL"] {
            assert!(!files_in(&temporary).is_empty(), "a process that is killed removes nothing");
        }
        // It looks whether anything is left.
        dry(&workplace, &words).ends(0);
        assert_eq!(std::fs::read_dir(&temporary).expect("a folder").count(), 0);
    }
}

#[test]
fn a_dry_run_touches_no_data_folder_and_needs_none_of_its_own() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(0);
    let before = files_in(&workplace.data());
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nGHI|1\n1\n");
    let said = dry(&workplace, &["my-list.yaml", "--documents", "lists"]).ends(0).output;
    assert!(said.lines().any(|line| line.contains("my-list/load") && line.contains('3')), "{said}");
    assert!(files_in(&workplace.data()) == before, "the data folder changed");
    let mut process = workplace.endless();
    dry(&workplace, &["my-list.yaml"]).ends(0);
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn of_several_versions_of_a_document_the_newest_would_stand() {
    let workplace = Workplace::new();
    std::fs::remove_file(workplace.path().join("lists/list_20260105.txt")).expect("removed");
    // Three versions of one list, by the names of the files; the last one has a row that cannot be read.
    workplace.write("lists/list_20260105-v1.txt", "Symbol|Quantity\nABC|12\nDEF|7\nGHI|5\n3\n");
    workplace.write("lists/list_20260105-v2.txt", "Symbol|Quantity\nABC|13\nDEF|7\n2\n");
    let said = dry(&workplace, &["my-list.yaml", "--documents", "lists"]).ends(0).output;
    let row = said.lines().find(|line| line.trim_start().starts_with("my-list/load")).expect("the flow");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[1..5], ["2", "5", "2", "3"], "{said}");
    assert!(said.contains("replaced: rows of a version of a document that a newer version"), "{said}");
    assert!(!said.contains("old rows"), "{said}");

    workplace.write("lists/list_20260105-v3.txt", "Symbol|Quantity\nABC|13\nDEF|x\n2\n");
    let words = ["mine.yaml", "--documents", "lists"];
    workplace.write_changed("mine.yaml", &[("  load:\n", "  load:\n    bad-rows-above: 90%\n")]);
    let said = dry(&workplace, &words).ends(0).output;
    assert!(
        said.contains("old rows: my-list/load: 1 document would keep rows of an earlier version (at most 2)"),
        "{said}"
    );
    let json = dry(&workplace, &[&words[..], &["--format", "json"]].concat()).ends(0).json();
    assert_eq!((&json["replaced"]["my-list/load"], &json["old_rows"][0]["rows_at_most"]), (&5.into(), &2.into()));
}
