//! What people are told of dead letters: which there are, what a trial says of them, and which rows wait for them.

use crate::program::until;
use crate::workplace::Workplace;

/// The README's feed with a share of bad rows that small lists may have, and with other changes.
fn write(workplace: &Workplace, changes: &[(&str, &str)]) {
    let changes = [&[("  load:\n", "  load:\n    bad-rows-above: 90%\n")], changes].concat();
    workplace.write_changed("my-list.yaml", &changes);
}

const CAST: &str = "cast(quantity as bigint)";
const MENDED: &str = "cast(replace(quantity, ',', '') as bigint)";
const ONCE: [&str; 3] = ["run", "my-list.yaml", "--once"];

fn rows(workplace: &Workplace, sql: &str) -> String {
    workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output
}

/// The first words of the rows of a table.
fn column(output: &str) -> Vec<String> {
    let rows = output.lines().skip(2).take_while(|line| line.starts_with(' '));
    rows.filter_map(|row| row.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn each_dead_letter_has_an_id_that_is_listed_and_is_enough() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|x\nDEF|1,007\nGHI|z\nJKL|5\n4\n");
    let said = workplace.say(&ONCE).ends(0).output;
    assert!(
        said.contains("dead: my-list/load: 3 by E4101 at select-2\n  to see those that are open: spotlight dlq ls\n"),
        "{said}"
    );
    // A group shows the first of its ids, and how to see the others.
    let said = workplace.say(&["dlq", "ls"]).ends(0).output;
    assert!(said.contains("3 open; ") && said.contains("--all lists the ids of all"), "{said}");
    assert!(said.contains("ABC|x") && !said.contains("GHI|z"), "the first row of the group: {said}");
    let said = workplace.say(&["dlq", "ls", "--all"]).ends(0).output;
    let ids = column(&said);
    assert_eq!(ids.len(), 3, "{said}");
    for row in ["ABC|x", "DEF|1,007", "GHI|z"] {
        assert_eq!(said.lines().filter(|line| line.contains(row)).count(), 1, "{row}: {said}");
    }
    assert_eq!(said.matches("line 3").count(), 1, "{said}");
    for (id, bytes) in ids.iter().zip(["ABC|x", "DEF|1,007", "GHI|z"]) {
        assert!(workplace.say(&["dlq", "show", id]).ends(0).output.contains(bytes), "{id}");
    }
    // One is given up, one goes back, one stays.
    let said = workplace.say(&["dlq", "give-up", "--id", &ids[0]]).ends(0).output;
    assert_eq!(said, "1 dead letter given up\n");
    for (words, what) in [
        (&["dlq", "give-up", "--id", "nonsense"][..], "no dead letter that is open has the id `nonsense`"),
        (&["dlq", "give-up", "--id", "my-list/load/"], "2 dead letters begin or end with"),
        (&["dlq", "give-up", "--id", &ids[0]], "was sent back already"),
        (&["dlq", "give-up", "my-list/load", "--id", &ids[1]], "cannot be used with"),
        (&["dlq", "give-up"], "name a flow with open dead letters: my-list/load (2); or single ones with --id ID"),
    ] {
        let said = workplace.say(words).ends(64).errors;
        assert!(said.contains(what) || what == "was sent back already" && said.contains("no dead letter"), "{said}");
    }
    write(&workplace, &[(CAST, MENDED)]);
    let said = workplace.say(&["dlq", "replay", "my-list.yaml", "--id", &ids[1], "--format", "json"]).ends(0).json();
    assert_eq!((&said[0]["chosen"], &said[0]["sent"]), (&1.into(), &1.into()), "{said}");
    let said = workplace.say(&["dlq", "give-up", "--id", &ids[1]]).ends(64).errors;
    assert!(said.contains("was sent back already and waits for a run"), "{said}");
    workplace.say(&ONCE).ends(0);
    let states = "select row, state from spotlight.dead_letters order by row";
    assert_eq!(rows(&workplace, states), "0\tgiven-up\n1\treplayed\n2\topen\n");
    assert_eq!(rows(&workplace, "select symbol from demo.my_list order by symbol"), "DEF\nJKL\n");
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn rows_of_an_earlier_version_that_stay_are_told_with_what_ends_that() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|7\nGHI|5\n3\n");
    assert!(!workplace.say(&ONCE).ends(0).output.contains("old rows"));
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|13\nDEF|1,007\n2\n");
    let told = "old rows: my-list/load: 1 document may keep rows of an earlier version (at most 3) while dead rows of \
                the newest wait; they go with the next run once those were sent back (spotlight dlq replay FILE) or \
                given up (spotlight dlq give-up my-list/load, which gives up all that are open of it; --id only some)";
    for words in [&ONCE[..], &["dlq", "ls"], &["status"]] {
        let said = workplace.say(words).ends(0).output;
        assert!(said.lines().any(|line| line == told), "{words:?}: {said}");
    }
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(status["old_rows"][0]["documents"], 1, "{status}");
    // Sent back, the row still waits.
    write(&workplace, &[(CAST, MENDED)]);
    let revision = |workplace: &Workplace| {
        let all = workplace.say(&["receipts", "--format", "json"]).ends(0).json();
        all[0]["revision"].as_str().expect("a revision").to_owned()
    };
    let before = revision(&workplace);
    workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0);
    let told = "old rows: my-list/load: 1 document may keep rows of an earlier version (at most 3) until the next run: \
                their dead rows were sent back or given up, and it works them";
    for words in [&["dlq", "ls"][..], &["status"]] {
        let said = workplace.say(words).ends(0).output;
        assert!(said.lines().any(|line| line == told) && !said.contains("give-up"), "{words:?}: {said}");
    }
    let said = workplace.say(&ONCE).ends(0).output;
    assert!(!said.contains("old rows"), "{said}");
    assert!(!workplace.say(&["status"]).ends(0).output.contains("old rows"));
    // The receipt says who worked the document last, also in the table.
    let after = revision(&workplace);
    assert_ne!(before, after);
    let newest = "select revision from spotlight.receipts order by at desc limit 1";
    assert_eq!(rows(&workplace, newest), format!("{after}\n"));
    let landed = "select revision from spotlight.receipts order by at limit 1 offset 1";
    assert_eq!(rows(&workplace, landed), format!("{before}\n"));
}

#[test]
fn without_a_run_status_says_what_was_on_hold_and_what_waits() {
    let workplace = Workplace::new();
    workplace.say(&ONCE).ends(0);
    assert!(!workplace.say(&["status"]).ends(0).output.contains("hold["));
    workplace.say(&["sql", "drop table demo.my_list sync"]).ends(0);
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    workplace.say(&ONCE).ends(3);
    let said = workplace.say(&["status"]).ends(0).output;
    let hold = "hold[E5111]: my-list/load was on hold when its last run ended: table demo.my_list is missing";
    assert_eq!(said.matches(hold).count(), 1, "{said}");
    assert!(said.contains("\n  to go on: ") && said.contains("no run is going on"), "{said}");
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    let waiting = &status["flows"]["my-list/load"]["waiting"];
    let waiting: i64 = waiting.as_object().into_iter().flatten().filter_map(|(_, rows)| rows.as_i64()).sum();
    assert_eq!((waiting, status["held_when_it_ended"][0]["code"].as_str()), (1, Some("E5111")), "{status}");
    // Mended, it is gone: a run says anew what is on hold.
    workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
    workplace.say(&ONCE).ends(0);
    let said = workplace.say(&["status"]).ends(0).output;
    assert!(!said.contains("hold["), "{said}");
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(status["flows"]["my-list/load"]["waiting"].to_string().matches(":0").count(), 4, "{status}");
}

/// Documents to a topic, and from there through dedupe and a cast into a table.
const MESSAGES: &str = r#"topology: messages
about: Messages, each once.
flows:
  load:
    from:
      files: { path: "messages", file-names: ["messages_{date:%Y%m%d}.txt"], every: 1h }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Amount] } }, names: snake_case } }
      - select: { id: id, amount: amount }
    to: { topic: demo.messages, key: [id] }
  unique:
    from: { topic: demo.messages }
    bad-rows-above: 90%
    steps:
      - dedupe: { name: seen, key: [id], remember: REMEMBER }
      - select: { id: id, amount: "AMOUNT" }
    to:
      clickhouse: { table: demo.messages, rows: append, key: [id] }
"#;

#[test]
fn a_trial_judges_rows_by_what_the_steps_know_and_by_the_table() {
    // For how long keys are remembered, and what becomes of the rows: passed, dropped, why they fail.
    for (remember, counts, why) in [("30d", [1, 2], ""), ("1ms", [0, 0], "E4403")] {
        let workplace = Workplace::new();
        let topology = MESSAGES.replace("REMEMBER", remember);
        workplace.write("messages.yaml", &topology.replace("AMOUNT", "cast(amount as bigint)"));
        workplace.write("messages/messages_20260105.txt", "Id|Amount\na|1\nb|2,5\nc|1,0\nc|1,0\n");
        workplace.say(&["run", "messages.yaml", "--once"]).ends(0);
        // In between b comes once more and can be read; and time goes by.
        workplace.write("messages/messages_20260106.txt", "Id|Amount\nb|25\nz|1\ny|1\nx|1\nw|1\nv|1\nu|1\nt|1\ns|1\n");
        workplace.say(&["run", "messages.yaml", "--once"]).ends(0);
        workplace.write("messages.yaml", &topology.replace("AMOUNT", "cast(replace(amount, ',', '') as bigint)"));
        let dry = ["dlq", "replay", "--dry", "messages.yaml", "--format", "json"];
        let said = workplace.say(&dry).ends(0).json();
        let trial = &said[0]["trial"];
        assert_eq!(
            [&trial["pass"], &trial["dropped"]].map(|it| it.as_u64().unwrap_or(99)),
            counts,
            "{remember}: {said}"
        );
        let fails: u64 = trial["fail"].as_object().into_iter().flatten().filter_map(|(_, rows)| rows.as_u64()).sum();
        assert_eq!(fails + counts.iter().sum::<u64>(), 3, "{said}");
        assert!(trial["fail"].to_string().contains(why), "{said}");
        // A run agrees.
        workplace.say(&["dlq", "replay", "messages.yaml"]).ends(0);
        workplace.say(&["run", "messages.yaml", "--once"]).ends(0);
        let count = "select countIf(amount = 10) from demo.messages";
        assert_eq!(rows(&workplace, count).trim(), counts[0].to_string());
        let left = workplace.say(&["dlq", "ls", "--format", "json"]).ends(0).json();
        assert_eq!(left.as_array().map(Vec::len), Some(fails as usize), "{left}");
    }
}

#[test]
fn bytes_of_other_encodings_and_of_records_are_shown_as_a_person_reads_them() {
    let workplace = Workplace::new();
    let topology = MESSAGES.replace("REMEMBER", "30d").replace("AMOUNT", "cast(amount as bigint)");
    let topology = topology.replace("names: snake_case", "names: snake_case, encoding: windows-1252");
    workplace.write("messages.yaml", &topology.replace("  load:\n", "  load:\n    bad-rows-above: 90%\n"));
    workplace.write("messages/messages_20260105.txt", "");
    let document = workplace.path().join("messages/messages_20260105.txt");
    // A row with one cell, and one whose amount is no number for the flow of the topic.
    std::fs::write(document, b"Id|Amount\nGr\xf6\xdfe\n\xd6l|x\nABC|1\n").expect("a document");
    workplace.say(&["run", "messages.yaml", "--once"]).ends(0);
    let shown = |flow: &str, lines: &[&str]| {
        let letters = workplace.say(&["dlq", "ls", "--flow", flow, "--format", "json"]).ends(0).json();
        let id = letters[0]["id"].as_str().expect("a letter").to_owned();
        let said = workplace.say(&["dlq", "show", &id]).ends(0).output;
        assert!(said.ends_with(&format!("{}\n", lines.join("\n"))), "{said}");
    };
    shown("messages/load", &["        bytes, read as windows-1252:", "Größe"]);
    shown("messages/unique", &["        bytes, read as Avro:", r#"{"id":"Öl","amount":"x"}"#]);
    let listed = workplace.say(&["dlq", "ls", "--flow", "messages/unique"]).ends(0).output;
    assert!(listed.contains("Öl") && !listed.contains("\\x00"), "{listed}");
}

#[test]
fn a_trial_says_that_the_table_would_not_take_the_rows() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|x\nDEF|7\n2\n");
    workplace.say(&ONCE).ends(0);
    let dry = ["dlq", "replay", "--dry", "my-list.yaml"];
    assert!(!workplace.say(&dry).ends(0).output.contains("hold"));
    // It can be read now, into a column that the table does not have so.
    write(&workplace, &[(CAST, "quantity"), ("quantity: 12 }", "quantity: \"12\" }")]);
    let said = workplace.say(&dry).ends(0).output;
    assert!(said.contains("my-list/load: a run would be on hold[E52"), "{said}");
    workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0);
    workplace.say(&ONCE).ends(3);
}

#[test]
fn rows_of_one_key_that_differ_are_all_named() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|1\nDEF|7\nABC|2\nGHI|x\n4\n");
    workplace.say(&ONCE).ends(0);
    let said = workplace.say(&["dlq", "ls", "--all"]).ends(0).output;
    assert_eq!(said.matches("lines 2 and 4 of the document have the same key and differ").count(), 2, "{said}");
    // So many that the document is refused.
    workplace
        .write_changed("strict.yaml", &[("topology: my-list", "topology: strict"), ("demo.my_list", "demo.strict")]);
    let said = workplace.say(&["run", "strict.yaml", "--once"]).ends(3).output;
    let told = "3 of 4 rows are bad, more than 10 %; the first are lines 2 and 4: E4404: one key (list_date, symbol) and \
                different rows; 2 for E4404 at landing; 1 for E4101 at select-2 in quantity, such as line 5: ";
    assert!(said.contains(told), "{said}");
}

#[test]
fn a_page_instead_of_a_document_is_told_as_absent() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260106.txt", "<!DOCTYPE html><html><body>Not found</body></html>\n");
    let said = workplace.say(&ONCE).ends(0).output;
    let row = said.lines().find(|line| line.trim_start().starts_with("my-list/load")).expect("the flow");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[1..3], ["1", "1"], "{said}");
    assert!(said.lines().next().is_some_and(|header| header.contains("absent")), "{said}");
    assert!(said.contains("absent: list_20260106.txt (my-list/load): E4413"), "{said}");
}

/// What a process took of memory at most, in KiB.
fn most_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn many_dead_letters_are_sent_back_and_given_up_in_little_memory() {
    /// Bytes of the rows: several times what a part holds.
    const BYTES: usize = 96 * 1024 * 1024;
    const ROW: usize = 48 * 1024;
    let workplace = Workplace::new();
    write(
        &workplace,
        &[("            names: snake_case", "            line-limit: 1MiB\n            names: snake_case")],
    );
    let long = "y".repeat(ROW);
    let mut text = "Symbol|Quantity\n".to_owned();
    let count = BYTES / ROW;
    for number in 0..count {
        text.push_str(&format!("S{number}|{long}\nT{number}|1\n"));
    }
    workplace.write("lists/list_20260105.txt", &format!("{text}{}\n", count * 2));
    workplace.say(&ONCE).ends(0);
    for words in [&["dlq", "replay", "my-list.yaml"][..], &["dlq", "give-up", "my-list/load"]] {
        let mut process = workplace.start(words);
        let mut most = 0;
        until("the end of the command", || {
            most = most_memory(process.id()).unwrap_or(0).max(most);
            process.ended()
        });
        assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
        assert!(most > 10 * 1024, "it was seen: {most} KiB");
        assert!(most < 2 * BYTES as u64 / 1024, "{words:?} took {most} KiB");
        // They fail again, and are open again.
        workplace.say(&ONCE).ends(0);
    }
    let states = "select state, count() from spotlight.dead_letters group by state";
    assert_eq!(rows(&workplace, states), format!("given-up\t{count}\n"));
}

/// Which value of the input failed: of a row by its columns, of a JSON record by its field.
#[test]
fn a_dead_letter_names_the_values_that_were_read() {
    let workplace = Workplace::new();
    write(&workplace, &[(CAST, "cast(quantity as bigint) / length(symbol)")]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|many\nDEF|8\n2\n");
    let run = workplace.say(&ONCE).ends(0);
    assert!(!format!("{}{}", run.output, run.errors).contains("many"), "a run tells no values: {}", run.output);
    let id = column(&workplace.say(&["dlq", "ls", "--all"]).ends(0).output).remove(0);
    let said = workplace.say(&["dlq", "show", &id]).ends(0).output;
    assert!(said.contains("field: quantity\n"), "{said}");
    assert!(said.contains(" read: quantity = `many`\n") && said.contains(" read: symbol = `ABC`\n"), "{said}");
    let letter = workplace.say(&["dlq", "show", &id, "--format", "json"]).ends(0).json();
    assert_eq!(letter["values"], serde_json::json!({ "quantity": "many", "symbol": "ABC" }));
}

/// What withdraws rows of an earlier version once the last dead row of the newest is given up stands where that version does,
/// also behind many replays: else the document would count as one that is landing, and not be compared.
#[test]
fn a_document_whose_dead_rows_were_replayed_and_given_up_is_compared() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.say(&ONCE).ends(0);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|x\nGHI|3\n3\n");
    workplace.say(&ONCE).ends(0);
    for _ in 0..3 {
        workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0);
        workplace.say(&ONCE).ends(0);
    }
    workplace.say(&["dlq", "give-up", "my-list/load"]).ends(0);
    workplace.say(&ONCE).ends(0);
    let found = || {
        let told = workplace.say(&["reconcile", "--format", "json"]).json();
        let of = told.as_array().expect("flows").iter().find(|one| one["flow"] == "my-list/load").expect("the flow");
        ["ledger", "table_rows", "gaps"].map(|name| of[name].as_u64().expect("a number"))
    };
    assert_eq!(found(), [2, 2, 0]);
    workplace.say(&["sql", "delete from demo.my_list where symbol = 'GHI'"]).ends(0);
    assert_eq!(found(), [2, 1, 1]);
}
