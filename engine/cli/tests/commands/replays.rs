//! Rows that could not be processed, their topology mended, come back: each lands, once.

use crate::program::until;
use crate::workplace::Workplace;

/// The README's feed, where half of the rows may be bad.
const CAST: &str = "cast(quantity as bigint)";
const MENDED: &str = "cast(replace(quantity, ',', '') as bigint)";

/// `flows.load` with a share of bad rows that small lists may have.
fn tolerant(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all = vec![("  load:\n".to_owned(), "  load:\n    bad-rows-above: 90%\n".to_owned())];
    all.extend(changes.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())));
    all
}

fn write(workplace: &Workplace, changes: &[(&str, &str)]) {
    let changes = tolerant(changes);
    let changes: Vec<(&str, &str)> = changes.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
    workplace.write_changed("my-list.yaml", &changes);
}

fn run(workplace: &Workplace, file: &str) {
    workplace.say(&["run", file, "--once"]).ends(0);
}

fn rows(workplace: &Workplace, sql: &str) -> String {
    workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output
}

fn open(workplace: &Workplace) -> usize {
    let letters = workplace.say(&["dlq", "ls", "--format", "json"]).ends(0).json();
    letters.as_array().into_iter().flatten().filter(|letter| letter["state"] == "open").count()
}

fn reconciled(workplace: &Workplace) {
    let said = workplace.say(&["reconcile"]).ends(0).output;
    assert!(said.contains("reconciled: 0 gaps, 0 repeats"), "{said}");
}

/// What `receipts` says of each version, after the table of receipts was seen to say the same.
fn receipts(workplace: &Workplace) -> Vec<String> {
    let said = workplace.say(&["receipts", "--all", "--format", "json"]).ends(0).json();
    let shown = said.as_array().expect("a list").iter().map(|receipt| {
        let counts = &receipt["counts"];
        let dropped: u64 =
            counts["dropped"].as_object().into_iter().flatten().filter_map(|(_, rows)| rows.as_u64()).sum();
        assert_eq!(
            counts["rows_in"].as_u64(),
            Some(counts["landed"].as_u64().unwrap_or(0) + dropped + counts["dead"].as_u64().unwrap_or(0)),
            "{receipt}"
        );
        format!(
            "{}: landed {}, dropped {dropped}, dead {}, withdrawn {}",
            receipt["version"], counts["landed"], counts["dead"], receipt["withdrawn"]
        )
    });
    let shown: Vec<String> = shown.collect();
    let newest = "select format('{}: landed {}, dropped {}, dead {}, withdrawn {}', toString(version), \
                  toString(landed), toString(dropped), toString(dead), toString(withdrawn)) \
                  from spotlight.receipts order by at desc limit 1 by version";
    let mut table: Vec<String> = rows(workplace, newest).lines().map(str::to_owned).collect();
    table.sort();
    assert_eq!(table, shown);
    shown
}

#[test]
fn receipts_are_the_newest_of_each_document_and_with_all_those_before() {
    let workplace = Workplace::new();
    // The same row twice: one of them lands, and the reason is told.
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nABC|12\n2\n");
    let said = workplace.say(&["run", "my-list.yaml", "--once"]).ends(0).output;
    let told = "dropped: my-list/load: 1 by `same key twice` (equal rows of one document, of which the first landed)";
    assert!(said.lines().any(|line| line == told), "{said}");
    assert!(workplace.say(&["receipts"]).ends(0).output.contains("dropped 1: same key twice"));
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|13\n1\n");
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|13\n1\n");
    run(&workplace, "my-list.yaml");
    let versions = |words: &[&str]| -> Vec<(String, i64)> {
        let said = workplace.say(&[&["receipts", "--format", "json"], words].concat()).ends(0).json();
        let one = |receipt: &serde_json::Value| {
            (receipt["name"].as_str().unwrap_or_default().to_owned(), receipt["version"].as_i64().unwrap_or(0))
        };
        let mut all: Vec<_> = said.as_array().expect("a list").iter().map(one).collect();
        all.sort();
        all
    };
    let (five, six) = ("list_20260105.txt".to_owned(), "list_20260106.txt".to_owned());
    assert_eq!(versions(&[]), [(five.clone(), 2), (six.clone(), 1)]);
    assert_eq!(versions(&["--all"]), [(five.clone(), 1), (five, 2), (six, 1)]);
    let said = workplace.say(&["receipts", "--all"]).ends(0).output;
    let times: Vec<&str> = said.lines().skip(2).filter_map(|row| row.trim_start().get(..16)).collect();
    assert!(times.is_sorted() && times[0].starts_with("20") && times.len() == 3, "the newest last: {said}");
    let said = workplace.say(&["receipts"]).ends(0).output;
    assert!(said.contains("revision") && said.contains("1 earlier: --all"), "{said}");
}

const LIST: &str = "select symbol, quantity, _row from demo.my_list order by symbol";

#[test]
fn rows_of_a_document_come_back_and_the_earlier_version_stays_until_then() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|7\nGHI|5\n3\n");
    run(&workplace, "my-list.yaml");
    // A second version: one row gone, one row that cannot be read.
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|13\nDEF|1,007\n2\n");
    run(&workplace, "my-list.yaml");
    assert_eq!(rows(&workplace, LIST), "ABC\t13\t0\nDEF\t7\t1\nGHI\t5\t2\n", "nothing is withdrawn yet");
    assert_eq!(open(&workplace), 1);
    assert_eq!(
        receipts(&workplace),
        ["1: landed 3, dropped 0, dead 0, withdrawn 0", "2: landed 1, dropped 0, dead 1, withdrawn 0"]
    );
    reconciled(&workplace);

    // By the topology as it was it fails again, as the second attempt of the same dead letter.
    let said = workplace.say(&["dlq", "replay", "--dry", "my-list.yaml"]).ends(0).output;
    assert!(said.contains("1 would fail again: E4101"), "{said}");
    assert_eq!(open(&workplace), 1, "a trial changes nothing");
    workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0);
    assert_eq!(open(&workplace), 0, "it is on its way");
    // Nothing is lost out of sight: until a run works it, it waits.
    let said = workplace.say(&["dlq", "ls"]).ends(0).output;
    assert!(said.contains(" waiting ") && said.contains("0 open, 1 waiting to be replayed by a run"), "{said}");
    let id = said.lines().nth(2).and_then(|row| row.split_whitespace().last()).expect("an id");
    assert!(workplace.say(&["dlq", "show", id]).ends(0).output.contains("state: waiting"));
    let said = workplace.say(&["status"]).ends(0).output;
    assert!(said.contains("open dead letters: 0, waiting to be replayed: 1"), "{said}");
    reconciled(&workplace);
    run(&workplace, "my-list.yaml");
    let letters = workplace.say(&["dlq", "ls", "--format", "json"]).ends(0).json();
    assert_eq!((letters[0]["attempt"].as_u64(), letters[1].is_null()), (Some(2), true), "{letters}");
    assert_eq!(rows(&workplace, "select state, attempt from spotlight.dead_letters"), "open\t2\n");

    write(&workplace, &[(CAST, MENDED)]);
    let said = workplace.say(&["dlq", "replay", "--dry", "my-list.yaml", "--format", "json"]).ends(0).json();
    assert_eq!((said[0]["chosen"].as_u64(), said[0]["trial"]["pass"].as_u64()), (Some(1), Some(1)), "{said}");
    workplace.say(&["dlq", "replay", "my-list.yaml", "--code", "E4102"]).ends(0);
    assert_eq!(open(&workplace), 1, "of another code");
    workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0);
    run(&workplace, "my-list.yaml");
    assert_eq!(
        rows(&workplace, LIST),
        "ABC\t13\t0\nDEF\t1007\t1\n",
        "it landed, and what the version withdrew is gone"
    );
    assert_eq!(rows(&workplace, "select state, attempt from spotlight.dead_letters"), "replayed\t2\n");
    // Its receipt says what became of the document by now: two rows came, two landed.
    assert_eq!(receipts(&workplace)[1], "2: landed 2, dropped 0, dead 0, withdrawn 1");
    run(&workplace, "my-list.yaml");
    assert_eq!(rows(&workplace, LIST), "ABC\t13\t0\nDEF\t1007\t1\n", "once");
    reconciled(&workplace);
    // All documents once more, by the topology as it is now: the rows replace themselves.
    workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
    run(&workplace, "my-list.yaml");
    assert_eq!(rows(&workplace, LIST), "ABC\t13\t0\nDEF\t1007\t1\n");
    reconciled(&workplace);
}

#[test]
fn dead_letters_of_an_earlier_version_are_superseded_and_others_can_be_given_up() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|x\nDEF|7\n2\n");
    run(&workplace, "my-list.yaml");
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|1\nDEF|x\n2\n");
    run(&workplace, "my-list.yaml");
    let states = "select version, state from spotlight.dead_letters order by version";
    assert_eq!(rows(&workplace, states), "1\tsuperseded\n2\topen\n");
    assert_eq!(rows(&workplace, LIST), "ABC\t1\t0\nDEF\t7\t1\n");
    // Given up, the row holds nothing back any more: the new version has no DEF.
    let said = workplace.say(&["dlq", "give-up", "my-list/load"]).ends(0).output;
    assert!(said.contains("1 dead letter given up"), "{said}");
    run(&workplace, "my-list.yaml");
    assert_eq!(rows(&workplace, states), "1\tsuperseded\n2\tgiven-up\n");
    assert_eq!(rows(&workplace, LIST), "ABC\t1\t0\n");
    assert_eq!(receipts(&workplace)[1], "2: landed 1, dropped 1, dead 0, withdrawn 1");
    assert_eq!(open(&workplace), 0);
    reconciled(&workplace);
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(status["accounted_for"]["my-list/load"], true, "{status}");
}

#[test]
fn a_document_that_is_read_again_closes_the_dead_letters_of_the_earlier_reading() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|x\nDEF|7\nGHI|1,000\nJKL|y\n4\n");
    run(&workplace, "my-list.yaml");
    assert_eq!(open(&workplace), 3);
    // One row lands now, one is left out on purpose, one fails again.

    let select = "      - select:\n";
    let changes = [(CAST, MENDED), (select, &*format!("      - where: symbol <> 'ABC'\n{select}"))];
    write(&workplace, &changes);
    workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
    run(&workplace, "my-list.yaml");
    assert_eq!(rows(&workplace, LIST), "DEF\t7\t1\nGHI\t1000\t2\n");
    let states = "select row, state from spotlight.dead_letters order by row";
    assert_eq!(rows(&workplace, states), "0\tsuperseded\n2\tsuperseded\n3\topen\n");
    assert_eq!(open(&workplace), 1);
    reconciled(&workplace);
    // The one that is left comes back as ever.
    let given_up = workplace.say(&["dlq", "give-up", "my-list/load"]).ends(0).output;
    assert!(given_up.contains("1 dead letter given up"), "{given_up}");
    run(&workplace, "my-list.yaml");
    assert_eq!(open(&workplace), 0);
    reconciled(&workplace);
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
      - dedupe: { name: seen, key: [id], remember: 30d }
      - select: { id: id, amount: "AMOUNT" }
    to:
      clickhouse: { table: demo.messages, rows: append, key: [id] }
"#;

#[test]
fn a_row_that_passed_dedupe_and_then_failed_lands_once() {
    let workplace = Workplace::new();
    workplace.write("messages.yaml", &MESSAGES.replace("AMOUNT", "cast(amount as bigint)"));
    workplace.write("messages/messages_20260105.txt", "Id|Amount\na|1\nb|2,5\nc|3\nb|2,5\na|1\n");
    run(&workplace, "messages.yaml");
    let all = "select id, amount from demo.messages order by id";
    assert_eq!(rows(&workplace, all), "a\t1\nc\t3\n");
    assert_eq!(open(&workplace), 2, "a dead row leaves no trace in the store, so both rows of b failed");
    let snapshots = std::fs::read_dir(workplace.data().join("snapshots")).map_or(0, Iterator::count);
    assert!(snapshots > 0, "a run that ends in order leaves what its store knows");

    let listens = || {
        until("the run listens", || workplace.data().join("control").exists().then_some(()));
    };
    let mut process = workplace.start(&["run", "messages.yaml"]);
    listens();
    workplace.write("messages.yaml", &MESSAGES.replace("AMOUNT", "cast(replace(amount, ',', '') as bigint)"));
    let said = workplace.say(&["dlq", "replay", "messages.yaml"]).ends(64);
    assert!(said.errors.contains("start the run again, then replay"), "{}", said.errors);
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    let mut process = workplace.start(&["run", "messages.yaml"]);
    listens();
    workplace.say(&["dlq", "replay", "messages.yaml"]).ends(0);
    until("b in the table", || {
        assert!(process.ended().is_none(), "the run ended: {}", workplace.said());
        (rows(&workplace, all) == "a\t1\nb\t25\nc\t3\n").then_some(())
    });
    until("both replayed rows closed", || {
        let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
        (status["flows"]["messages/unique"]["total"]["rows_in"] == 7).then_some(())
    });
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    run(&workplace, "messages.yaml");
    assert_eq!(rows(&workplace, all), "a\t1\nb\t25\nc\t3\n", "once");
    assert_eq!(open(&workplace), 0);
    reconciled(&workplace);
}

/// A row that failed while another one of its key landed, and is read as another one than that.
#[test]
fn a_row_that_comes_back_to_a_key_that_has_landed_is_dead_again() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nABC|1,000\nDEF|7\n3\n");
    run(&workplace, "my-list.yaml");
    write(&workplace, &[(CAST, MENDED)]);
    let why = "E4404 lines 2 and 3 of the document have the same key and differ; what has landed of them stays";
    let said = workplace.say(&["dlq", "replay", "--dry", "my-list.yaml"]).ends(0).output;
    assert!(said.contains(&format!("1 would fail again: {why}")), "{said}");
    workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0);
    run(&workplace, "my-list.yaml");
    let letters = workplace.say(&["dlq", "ls", "--format", "json"]).ends(0).json();
    let told = format!("{} {}", letters[0]["code"], letters[0]["message"]).replace('"', "");
    assert_eq!((told.as_str(), letters[0]["attempt"].as_u64(), open(&workplace)), (why, Some(2), 1), "{letters}");
    assert_eq!(rows(&workplace, LIST), "ABC\t12\t0\nDEF\t7\t2\n");
    reconciled(&workplace);
}

/// Rows that are read as one that has landed are that row, wherever they stand; of those that have not one lands.
#[test]
fn a_row_that_comes_back_and_equals_one_that_has_landed_is_dropped() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    let text = "Symbol|Quantity\nABC|1,000\nABC|1000\nDEF|2,0\nDEF|2,0\nGHI|7\n5\n";
    workplace.write("lists/list_20260105.txt", text);
    run(&workplace, "my-list.yaml");
    assert_eq!((rows(&workplace, LIST).as_str(), open(&workplace)), ("ABC\t1000\t1\nGHI\t7\t4\n", 3));
    write(&workplace, &[(CAST, MENDED)]);
    let said = workplace.say(&["dlq", "replay", "--dry", "my-list.yaml", "--format", "json"]).ends(0).json();
    let trial = &said[0]["trial"];
    assert_eq!((trial["pass"].as_u64(), trial["dropped"].as_u64()), (Some(1), Some(2)), "{said}");
    // The second of two that are alike, while the first one is open; then the others.
    let letters = workplace.say(&["dlq", "ls", "--all", "--format", "json"]).ends(0).json();
    let mut ids = letters.as_array().into_iter().flatten().filter_map(|letter| letter["id"].as_str());
    let last = ids.find(|id| id.ends_with("/3")).expect("the letter of the row").to_owned();
    workplace.say(&["dlq", "replay", "my-list.yaml", "--id", &last]).ends(0);
    run(&workplace, "my-list.yaml");
    assert_eq!(rows(&workplace, LIST), "ABC\t1000\t1\nDEF\t20\t3\nGHI\t7\t4\n");
    reconciled(&workplace);
    workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0);
    run(&workplace, "my-list.yaml");
    assert_eq!(rows(&workplace, LIST), "ABC\t1000\t1\nDEF\t20\t3\nGHI\t7\t4\n");
    assert_eq!(
        (open(&workplace), receipts(&workplace)),
        (0, vec!["1: landed 3, dropped 2, dead 0, withdrawn 0".into()])
    );
    reconciled(&workplace);
}

/// Where a table has a version, rows of one key and several versions pass, in a trial as in a run.
#[test]
fn a_trial_compares_keys_as_a_run_does() {
    let workplace = Workplace::new();
    let by_version =
        ("rows: by-document, key: [list_date, symbol]", "rows: by-key, key: [list_date, symbol], version: quantity");
    let quantity = |cast: &str| format!("coalesce({cast}, 0)");
    let (before, after) = (quantity(CAST), quantity(MENDED));
    write(&workplace, &[by_version, (CAST, &before)]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nABC|1,000\n2\n");
    run(&workplace, "my-list.yaml");
    write(&workplace, &[by_version, (CAST, &after)]);
    let said = workplace.say(&["dlq", "replay", "--dry", "my-list.yaml", "--format", "json"]).ends(0).json();
    assert_eq!(said[0]["trial"]["pass"].as_u64(), Some(1), "{said}");
    workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0);
    run(&workplace, "my-list.yaml");
    assert_eq!(rows(&workplace, "select symbol, quantity from demo.my_list final"), "ABC\t1000\n");
}

#[test]
fn a_replay_asks_for_the_file_and_says_that_a_paused_flow_works_it_later() {
    let workplace = Workplace::new();
    write(&workplace, &[]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|1,007\n2\n");
    let mut process = workplace.endless();
    // The name of a flow, as `dlq give-up` and `pause` take it, of a topology, and of nothing.
    let file = workplace.path().join("my-list.yaml").canonicalize().expect("a file").display().to_string();
    for (name, file) in [("my-list/load", file.as_str()), ("my-list", &file), ("other/load", "FILE")] {
        let said = workplace.say(&["dlq", "replay", name]).ends(64).errors;
        assert!(said.contains(&format!("`{name}` names no file: dlq replay takes topology files")), "{said}");
        assert!(said.contains(&format!("to go on: spotlight dlq replay {file}, for all of its flows")), "{said}");
    }
    assert!(workplace.say(&["dlq", "replay", "none.yaml"]).ends(65).errors.contains("E2001"));

    workplace.say(&["pause", "my-list/load"]).ends(0);
    let said = workplace.say(&["dlq", "replay", &file]).ends(0).output;
    assert!(said.contains("once it is resumed: it is paused") && !said.contains("now, by the run"), "{said}");
    assert!(said.contains("\n  to go on: spotlight resume my-list/load"), "{said}");
    let waiting = || workplace.say(&["dlq", "ls", "--format", "json"]).ends(0).json()[0]["state"].clone();
    assert_eq!(waiting(), "waiting");
    workplace.say(&["resume", "my-list/load"]).ends(0);
    until("it is worked", || (waiting() == "open").then_some(()));
    let said = workplace.say(&["dlq", "replay", &file, "--format", "json"]).ends(0).json();
    assert_eq!((said[0]["running"].as_bool(), said[0]["paused"].as_bool()), (Some(true), Some(false)), "{said}");
    process.signal("TERM");
    process.wait();
}
