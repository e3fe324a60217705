//! Flows and steps under another name: with `was` they go on where they stood, and nothing lands a second time.

use crate::program::Said;
use crate::workplace::{Workplace, readme_topology};

/// Documents to a topic to a table that appends, so that a row which landed twice would stand there twice.
const LETTERS: &str = r#"topology: letters
about: Letters, each once.
flows:
  load:
    bad-rows-above: 90%
    from: { files: { path: "letters", file-names: ["letters_{number}.txt"], every: 1s } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
      - select: { id: id, size: cast(size as integer) }
    to: { topic: demo.letters, key: [id] }
  land:
    from: { topic: demo.letters }
    steps:
      - dedupe: { name: seen, key: [id], remember: 1d }
      - select: { id: id, size: size, half: 100 / size }
    to: { clickhouse: { table: demo.letters, rows: append, key: [id] } }
"#;

const ONCE: [&str; 3] = ["run", "letters.yaml", "--once"];

/// The topology with these changes.
fn write(workplace: &Workplace, changes: &[(&str, &str)]) {
    let mut text = LETTERS.to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    workplace.write("letters.yaml", &text);
}

const READ: (&str, &str) = ("  load:\n", "  read:\n    was: load\n");
const STORE: (&str, &str) = ("  land:\n", "  store:\n    was: land\n");
const ONE: (&str, &str) = ("name: seen", "name: one, was: seen");

fn ids(workplace: &Workplace) -> String {
    let sql = "select arrayStringConcat(arraySort(groupArray(id))) from demo.letters";
    workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output.trim().to_owned()
}

fn reconciled(workplace: &Workplace) -> String {
    let said = workplace.say(&["reconcile"]).ends(0).output;
    assert!(said.contains("reconciled: 0 gaps, 0 repeats, 0 strays"), "{said}");
    said
}

fn flows(workplace: &Workplace) -> Vec<String> {
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    let flows = status["flows"].as_object().expect("flows").keys().cloned();
    flows.filter(|flow| !flow.starts_with("spotlight/")).collect()
}

#[test]
fn renamed_flows_and_steps_go_on_where_they_stood() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    // One row fails in the first flow, one in the second.
    workplace.write("letters/letters_1.txt", "Id|Size\na|1\nb|2\nc|many\nz|0\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(ids(&workplace), "ab");

    write(&workplace, &[READ, STORE, ONE]);
    workplace.say(&ONCE).ends(0);
    assert_eq!(ids(&workplace), "ab", "nothing lands again");
    assert_eq!(flows(&workplace), ["letters/read", "letters/store"]);
    let said = reconciled(&workplace);
    assert!(said.contains("letters/store") && !said.contains("letters/land"), "{said}");
    let receipts = workplace.say(&["receipts", "--all", "--format", "json"]).ends(0).json();
    let receipts: Vec<&str> =
        receipts.as_array().into_iter().flatten().filter_map(|one| one["flow"].as_str()).collect();
    assert_eq!(receipts, ["read"], "one document, read once");

    // What comes lands; what the step saw under its earlier name is a repeat.
    workplace.write("letters/letters_2.txt", "Id|Size\na|1\nd|4\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(ids(&workplace), "abd");
    let said = workplace.say(&["state", "get", "letters/store.one", "a"]).ends(0).output;
    assert!(said.starts_with("(a) was seen at"), "{said}");
    assert_eq!(workplace.say(&["state", "get", "letters/land.one", "a"]).ends(0).output, said);

    // The dead letters of the earlier names are those of the flows.
    for (flow, name) in [("letters/read", "letters/read"), ("letters/land", "letters/store")] {
        let letters = workplace.say(&["dlq", "ls", "--flow", flow, "--format", "json"]).ends(0).json();
        let flows: Vec<String> = letters.as_array().into_iter().flatten().map(named).collect();
        assert_eq!(flows, [name], "{letters}");
    }
    let mended = [
        ("cast(size as integer)", "\"cast(replace(size, 'many', '9') as integer)\""),
        ("100 / size", "100 / (size + 1)"),
    ];
    let changes = [&[READ, STORE, ONE], &mended[..]].concat();
    write(&workplace, &changes);
    let said = workplace.say(&["dlq", "replay", "letters.yaml"]).ends(0).output;
    assert!(said.contains("letters/read") && said.contains("letters/store"), "{said}");
    workplace.say(&ONCE).ends(0);
    assert_eq!(ids(&workplace), "abcdz");
    assert!(workplace.say(&["dlq", "ls"]).ends(0).output.contains("no dead letter"));
    reconciled(&workplace);

    // A person starts the flow over: by its name, and the rows to take out are named as the table names them.
    let said = workplace.say(&["release", "letters/store", "--from", "end"]).ends(0).output;
    assert!(said.contains("letters/store goes on from end"), "{said}");
    let said = workplace.say(&["release", "letters/store", "--from", "earliest"]).ends(0).errors;
    assert!(said.contains("rows of letters/store") && said.contains("startsWith(_landing, 'letters/land/')"), "{said}");
    workplace.say(&["sql", "delete from demo.letters where startsWith(_landing, 'letters/land/')"]).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(ids(&workplace), "abcdz");
    reconciled(&workplace);
}

/// `topology/flow` of a letter.
fn named(letter: &serde_json::Value) -> String {
    let text = |name: &str| letter[name].as_str().unwrap_or_default();
    format!("{}/{}", text("topology"), text("flow"))
}

#[test]
fn a_later_name_keeps_the_first_as_was_and_what_would_begin_anew_is_refused() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("letters/letters_1.txt", "Id|Size\na|1\n");
    workplace.say(&ONCE).ends(0);
    write(&workplace, &[READ, STORE, ONE]);
    workplace.say(&ONCE).ends(0);

    // Renamed once more: `was` stays the first name.
    let refused = [
        ([("  load:\n", "  fetch:\n    was: read\n"), STORE, ONE], "the flow letters/fetch has run with `was: load`"),
        ([("  load:\n", "  read:\n"), STORE, ONE], "the flow letters/read has run with `was: load`"),
        (
            [READ, STORE, ("name: seen", "name: two, was: one")],
            "the step two of letters/store has run with `was: seen`",
        ),
        ([READ, STORE, ("name: seen", "name: one")], "the step one of letters/store has run with `was: seen`"),
    ];
    for (changes, told) in refused {
        write(&workplace, &changes);
        let said = workplace.say(&ONCE).ends(65).errors;
        assert!(said.contains(told) && said.contains("the first name, which stays"), "{said}");
        assert!(workplace.say(&["plan", "letters.yaml"]).ends(65).errors.contains(told));
    }
    write(&workplace, &[("  load:\n", "  fetch:\n    was: load\n"), STORE, ("name: seen", "name: two, was: seen")]);
    workplace.say(&ONCE).ends(0);
    assert_eq!(flows(&workplace), ["letters/fetch", "letters/store"]);
    // And back, where it is as if nothing had been.
    write(&workplace, &[]);
    workplace.write("letters/letters_2.txt", "Id|Size\na|1\nb|1\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(flows(&workplace), ["letters/land", "letters/load"]);
    assert_eq!(ids(&workplace), "ab");
    reconciled(&workplace);

    // A slip in `was` is none of the flows that have run, and is mended where it stands.
    write(&workplace, &[("  load:\n", "  mine:\n    was: laod\n")]);
    let said = workplace.say(&ONCE).ends(65).errors;
    assert!(said.contains("it was letters/laod, and no such flow has run here"), "{said}");
    assert!(said.contains("write `was: load`"), "{said}");

    // Without `was` it would begin anew: what the first one wrote is not written a second time, and `was` mends it.
    let without = |name: &str| {
        write(&workplace, &[("  load:\n", &format!("  {name}:\n"))]);
        let said = crate::refusals::unwrapped(&workplace.say(&ONCE).ends(3).output);
        let hold = format!("hold[E5119]: letters/{name} waits: letters/load wrote the rows of letters_1.txt");
        let mend = format!("if letters/{name} is letters/load under another name, write `was: load`");
        assert!(said.contains(&hold) && said.contains(&mend), "{said}");
        said
    };
    without("kept");
    write(&workplace, &[("  load:\n", "  kept:\n    was: load\n")]);
    workplace.say(&ONCE).ends(0);
    assert_eq!(flows(&workplace), ["letters/kept", "letters/land"]);

    // A person may say that it is another one, which then is not the first any more. Here the step behind drops what
    // comes again.
    let said = without("mine");
    let commands = said.split("spotlight release ").skip(1).filter_map(|rest| rest.split_once(", without a run"));
    for (command, _) in commands {
        workplace.say(&[&["release"][..], &command.split(' ').collect::<Vec<_>>()].concat()).ends(0);
    }
    workplace.say(&ONCE).ends(0);
    assert_eq!(ids(&workplace), "ab");
    write(&workplace, &[("  load:\n", "  mine:\n    was: load\n")]);
    let said = workplace.say(&ONCE).ends(65).errors;
    assert!(said.contains("letters/mine says that it was letters/load, and has run by itself before"), "{said}");
}

/// Wherever the process dies, the range that it was landing is that of the flow under its new name.
#[test]
fn a_range_that_was_half_landed_is_closed_under_the_new_name() {
    let workplace = Workplace::new();
    let write = |name: &str| {
        let was = if name == "load" { "" } else { "    was: load\n" };
        let text = readme_topology().replace("  load:\n", &format!("  {name}:\n{was}"));
        workplace.write("my-list.yaml", &text.replace("flow: load", &format!("flow: {name}")));
    };
    let sql = "select count(), uniqExact(_landing), uniqExact(_document) from demo.my_list";
    let once = ["run", "my-list.yaml", "--once"];
    let renames = [("open:1", "load", "first"), ("insert:1", "first", "second"), ("close:1", "second", "load")];
    for (day, (arrow, name, new)) in renames.into_iter().enumerate() {
        workplace.write(&format!("lists/list_2026020{}.txt", day + 1), "Symbol|Quantity\nABC|12\nDEF|7\n2\n");
        write(name);
        let died = workplace.command(&once).env("SPOTLIGHT_TEST_ABORT_AT", arrow).output().expect("the program starts");
        assert_eq!(died.status.code(), None, "{arrow}: it did not die: {died:?}");
        write(new);
        let said: Said = workplace.say(&once);
        let said = said.ends(0).output;
        assert!(said.contains(&format!("my-list/{new}")), "{said}");
        let rows = workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output;
        assert_eq!(rows, format!("{}\t1\t{}\n", 2 * (day + 2), day + 2), "{arrow}");
        reconciled(&workplace);
    }
}
