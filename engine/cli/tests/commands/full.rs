//! A disk without room, while a command writes into the log: nothing is half done, and what is said is no fault of the
//! program.
//!
//! A limit on the size of files stands for the full disk: the log's store meets it at the same call.

use std::process::Command;

use crate::program::Said;
use crate::workplace::Workplace;

/// Runs a command that can write no byte behind the first 32 KiB of a file, which is as much as the store needs to open.
fn without_room(workplace: &Workplace, words: &[&str]) -> Said {
    let command = workplace.command(words);
    // The shell makes the limit; the program catches the signal that would end it instead of the write.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 64; exec \"$@\"", "sh"]).arg(command.get_program());
    limited.args(command.get_args()).current_dir(workplace.path()).env_remove("SPOTLIGHT_LOG");
    limited.output().expect("the shell starts").into()
}

fn open(workplace: &Workplace) -> u64 {
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    status["open_dead_letters"].as_u64().expect("a number")
}

#[test]
fn a_full_disk_leaves_all_as_it_was_and_is_told_as_one() {
    let workplace = Workplace::new();
    workplace.write_changed("my-list.yaml", &[("  load:\n", "  load:\n    bad-rows-above: 90%\n")]);
    // Large enough that what is written of them passes the limit.
    let row = |symbol: &str| format!("{symbol}|{}\n", "x".repeat(90_000));
    workplace.write("lists/list_20260105.txt", &format!("Symbol|Quantity\n{}{}DEF|7\n3\n", row("ABC"), row("GHI")));
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    assert_eq!(open(&workplace), 2);
    for words in [&["dlq", "give-up", "my-list/load"][..], &["dlq", "replay", "my-list.yaml"]] {
        let said = without_room(&workplace, words).ends(78).errors;
        let place =
            format!("my-list: the log in {} failed", workplace.data().join("log").parent().expect("it").display());
        for part in [&*place, "open as it was", "to go on: make room on the disk", "spotlight explain E5304"] {
            assert!(said.contains(part), "{words:?}: {part}: {said}");
        }
        assert!(!said.contains("fault of Spotlight"), "{said}");
        assert_eq!(open(&workplace), 2, "{words:?}");
        // Its retries too are as they were: a run finds nothing to do.
        workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
        let letters = workplace.say(&["dlq", "ls", "--format", "json"]).ends(0).json();
        assert_eq!((&letters[0]["attempt"], &letters[1]["attempt"]), (&1.into(), &1.into()), "{letters}");
    }
    workplace.say(&["dlq", "give-up", "my-list/load"]).ends(0);
    assert_eq!(open(&workplace), 0);
}

#[test]
fn a_flow_is_not_moved_by_a_release_that_could_not_be_written() {
    let workplace = Workplace::new();
    // What is written of so many partitions passes the limit.
    workplace.write("many.yaml", MANY);
    workplace.write("letters/letters_1.txt", "Id\na\nb\n");
    workplace.say(&["run", "many.yaml", "--once"]).ends(0);
    let release = ["release", "many/land", "--from", "earliest"];
    let said = without_room(&workplace, &release).ends(78).errors;
    for part in ["many/land stays where it stands: the log in ", "to go on: make room on the disk"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    workplace.say(&["run", "many.yaml", "--once"]).ends(0);
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(status["flows"]["many/land"]["total"]["rows_in"], 2, "nothing was read again: {status}");
    workplace.say(&release).ends(0);
    workplace.say(&["run", "many.yaml", "--once"]).ends(0);
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(status["flows"]["many/land"]["total"]["rows_in"], 4, "{status}");
}

const MANY: &str = r#"topology: many
about: Letters over many partitions.
flows:
  load:
    from:
      files: { path: "letters", file-names: ["letters_{number}.txt"], every: 1h }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id] } }, names: snake_case } }
      - select: { id: id }
    to: { topic: demo.many, key: [id], partitions: 64 }
  land:
    from: { topic: demo.many }
    to: { clickhouse: { table: demo.many, rows: by-key, key: [id] } }
"#;
