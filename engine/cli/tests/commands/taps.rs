//! `tap`: rows of a running flow, and the records of a topic with and without a run.

use crate::program::{Process, until};
use crate::workplace::Workplace;

/// Letters into a topic, looked for all the time.
const LETTERS: &str = r#"topology: letters
about: Letters.
flows:
  load:
    from: { files: { path: "letters", file-names: ["letters_{number}.txt"], every: 1s } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
      - where: size <> '0'
      - select: { id: id, size: cast(size as integer), share: "cast(size as decimal(4, 2))" }
    to: { topic: demo.letters, key: [id] }
"#;

/// A folder with the feed of letters and one document of two rows, one of which is dropped and one dead.
fn letters() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("letters.yaml", LETTERS);
    write(&workplace, 0);
    workplace
}

/// Another document.
fn write(workplace: &Workplace, number: usize) {
    let good: String = (1..12).map(|size| format!("{number}-{size}|{size}\n")).collect();
    workplace.write(&format!("letters/letters_{number}.txt"), &format!("Id|Size\nnone|0\n{good}bad|x\n"));
}

/// Starts a command; what it says goes to a file of its own.
fn start(workplace: &Workplace, words: &[&str], to: &str) -> Process {
    Process::start(workplace.command(words), &workplace.path().join(to))
}

/// Starts the feed without an end and waits until the first document is closed.
fn endless(workplace: &Workplace) -> Process {
    let mut process = workplace.start(&["run", "letters.yaml"]);
    until("the first document", || {
        assert!(process.ended().is_none(), "the run ended: {}", workplace.said());
        workplace.said().contains("document closed").then_some(())
    });
    process
}

/// Publishes documents until a tap has seen enough; gives what it said.
fn publish_until_ended(workplace: &Workplace, words: &[&str], first: usize) -> String {
    let mut tap = start(workplace, words, "tap.txt");
    let mut number = first;
    let ended = until("the end of the tap", || {
        number += 1;
        write(workplace, number);
        tap.wait_for(std::time::Duration::from_millis(300))
    });
    let said = std::fs::read_to_string(workplace.path().join("tap.txt")).expect("a file");
    std::fs::remove_file(workplace.path().join("tap.txt")).expect("removed");
    assert_eq!(ended.code(), Some(0), "{said}");
    said
}

/// A tap without an end that has shown rows.
fn looking(workplace: &Workplace, first: usize) -> Process {
    let place = workplace.path().join("tap.txt");
    let mut tap = start(workplace, &["tap", "letters/load"], "tap.txt");
    let mut number = first;
    until("rows", || {
        number += 1;
        write(workplace, number);
        assert!(tap.wait_for(std::time::Duration::from_millis(300)).is_none(), "the tap ended");
        std::fs::read_to_string(&place).unwrap_or_default().contains("id=").then_some(())
    });
    tap
}

#[test]
fn rows_of_a_running_flow_are_shown_before_and_after_a_step_and_as_they_leave() {
    let workplace = letters();
    let mut run = endless(&workplace);
    let words = ["tap", "letters/load.select-3", "--limit", "12", "--format", "json"];
    let said = publish_until_ended(&workplace, &words, 0);
    let rows: Vec<serde_json::Value> = said.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(rows.len(), 12, "{said}");
    assert_eq!((&rows[0]["before"]["size"], &rows[0]["after"]["size"]), (&"1".into(), &1.into()), "{said}");
    assert!(said.contains(r#""share":1.00"#), "{said}");
    assert_eq!((&rows[0]["flow"], &rows[0]["line"]), (&"letters/load".into(), &3.into()), "{said}");
    assert!(rows.iter().any(|row| row["dead"]["code"].as_str().is_some_and(|code| code.starts_with("E41"))), "{said}");

    let said = publish_until_ended(&workplace, &["tap", "letters/load.where-2", "--limit", "2"], 1_000);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with(" line 2") && lines[1] == "  before  id=none  size=0", "{said}");
    assert!(lines[2].starts_with("  dropped") && lines[5].starts_with("  after   id=") && lines.len() == 6, "{said}");

    let said = publish_until_ended(&workplace, &["tap", "letters/load", "--limit", "3"], 2_000);
    assert!(said.lines().count() == 3 && said.lines().all(|row| row.contains("share=")), "{said}");

    let words = ["tap", "--topic", "demo.letters", "--from", "end", "--limit", "2"];
    let said = publish_until_ended(&workplace, &words, 3_000);
    assert!(said.lines().count() == 2 && said.contains("  id=") && !said.contains("  id=0-"), "{said}");

    for (place, told) in [
        ("letters/lod", "no flow `letters/lod` is running; did you mean `letters/load`?"),
        ("letters/load.selct-3", "has no step `selct-3`; did you mean `select-3`?"),
    ] {
        let said = workplace.say(&["tap", place]).ends(64).errors;
        assert!(said.contains(told), "{said}");
    }

    // Ctrl-C ends a tap, and the run goes on.
    let mut tap = looking(&workplace, 4_000);
    tap.signal("INT");
    assert_eq!(tap.wait().code(), Some(0));
    std::fs::remove_file(workplace.path().join("tap.txt")).expect("removed");
    // A tap that looks when the run ends says so.
    let mut tap = looking(&workplace, 5_000);
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
    assert_eq!(tap.wait().code(), Some(0));
    let said = std::fs::read_to_string(workplace.path().join("tap.txt")).expect("a file");
    assert!(said.ends_with("the run has ended\n"), "{said}");
    // The run's own output never holds a value.
    assert!(!workplace.said().contains("0-11"), "{}", workplace.said());
}

#[test]
fn rows_that_come_back_are_marked_and_those_around_them_are_not_shown_again() {
    let workplace = letters();
    let mut run = endless(&workplace);
    let mut tap = start(&workplace, &["tap", "letters/load.select-3", "--limit", "1"], "tap.txt");
    // It fails again each time, so it can be sent back until the tap looks.
    let ended = until("the end of the tap", || {
        workplace.say(&["dlq", "replay", "letters.yaml"]).ends(0);
        tap.wait_for(std::time::Duration::from_millis(300))
    });
    let said = std::fs::read_to_string(workplace.path().join("tap.txt")).expect("a file");
    assert_eq!(ended.code(), Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with(" line 14 (replayed)") && lines[1] == "  before  id=bad  size=x", "{said}");
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn a_topic_can_be_looked_at_with_and_without_a_run() {
    let workplace = letters();
    let mut run = endless(&workplace);
    for running in [true, false] {
        if !running {
            run.signal("TERM");
            assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
        }
        let said = workplace.say(&["tap", "--topic", "demo.letters"]).ends(0).output;
        assert!(said.lines().count() == 11 && said.contains("  id=0-11  size=11  share=11.00"), "{said}");
        let words = ["tap", "--topic", "demo.letters", "--limit", "4", "--format", "json"];
        let said = workplace.say(&words).ends(0).output;
        assert_eq!(said.lines().count(), 4, "{said}");
        let row: serde_json::Value = serde_json::from_str(said.lines().next().expect("a row")).expect("JSON");
        assert_eq!((&row["key"], &row["offset"]), (&row["row"]["id"], &0.into()), "{said}");
        // Topics of the engine are shown as they are.
        let said = workplace.say(&["tap", "--topic", "letters.load.ledger"]).ends(0).output;
        assert!(said.contains("\"landed\""), "{said}");
        let said = workplace.say(&["tap", "--topic", "demo.leters"]).ends(64).errors;
        assert!(said.contains("there is no topic `demo.leters`; did you mean `demo.letters`?"), "{said}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = workplace.command(&["tap", "--topic", "demo.letters"]);
        let said: crate::program::Said = command.stdout(writer).output().expect("the program starts").into();
        assert_eq!((said.status, said.errors.as_str()), (0, ""));
    }
    for words in [&["tap", "letters/load"][..], &["tap", "--topic", "demo.letters", "--from", "end"]] {
        let said = workplace.say(words).ends(69).errors;
        assert!(said.contains("no run is going on") && said.contains("spotlight run FILE"), "{said}");
    }
    let said = workplace.say(&["tap"]).ends(64).errors;
    assert!(said.contains("--topic NAME") && said.contains("TOPOLOGY/FLOW"), "{said}");
    let said = workplace.say(&["tap", "--topics"]).ends(0).output;
    assert!(!said.contains(".ledger") && said.contains("that the engine made for itself: "), "{said}");
    let said = workplace.say(&["tap", "--topics", "--format", "json"]).ends(0).json();
    assert!(said.as_array().is_some_and(|all| all.iter().all(|one| one["internal"] == false)), "{said}");
    let said = workplace.say(&["tap", "--topics", "--all"]).ends(0).output;
    assert!(said.contains(".ledger") && !said.contains("for itself"), "{said}");
    assert!(said.lines().any(|line| line.trim_start().starts_with("demo.letters ")), "{said}");
    let said = workplace.say(&["tap", "--topic", "nosuch"]).ends(64).errors;
    assert!(said.contains("the topics nearest to it: "), "{said}");
    workplace.say(&["tap", "letters/load", "--data", "nowhere"]).ends(78);
}
