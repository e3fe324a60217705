//! `rebuild`: a flow whose mapping was mended reads all once more, beside its live table, and readers see all rows of
//! before or all rows of after.

use std::collections::BTreeSet;

use crate::program::until;
use crate::workplace::Workplace;

/// Documents into a table of documents.
const SIZES: &str = r#"topology: sizes
about: Sizes, each once.
flows:
  load:
    bad-rows-above: 90%
    from: { files: { path: "sizes", file-names: ["sizes_{number}.txt"], every: 1s } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
      - select: { id: id, size: MAPPING }
    to: { clickhouse: { table: demo.sizes, rows: by-document, key: [id] } }
"#;

/// The same through a topic and a step that remembers, into a table that appends: what is read twice stands there twice.
const THROUGH: &str = r#"topology: sizes
about: Sizes, each once.
flows:
  read:
    from: { files: { path: "sizes", file-names: ["sizes_{number}.txt"], every: 1s } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
    to: { topic: demo.read, key: [id] }
  load:
    from: { topic: demo.read }
    steps:
      - dedupe: { name: seen, key: [id], remember: 1d }
      - select: { id: id, size: MAPPING }
    to: { clickhouse: { table: demo.sizes, rows: append, key: [id] } }
"#;

const ONCE: [&str; 3] = ["run", "sizes.yaml", "--once"];
const REBUILD: [&str; 2] = ["rebuild", "sizes/load"];
const PLAIN: &str = "cast(size as bigint)";
const MENDED: &str = "cast(size as bigint) * 100";

/// A folder in which three rows have landed by the mapping of before.
fn landed(topology: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("sizes.yaml", &topology.replace("MAPPING", PLAIN));
    workplace.write("sizes/sizes_1.txt", "Id|Size\na|1\nb|2\n");
    workplace.write("sizes/sizes_2.txt", "Id|Size\nc|3\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a1 b2 c3");
    workplace
}

fn mend(workplace: &Workplace, topology: &str) {
    workplace.write("sizes.yaml", &topology.replace("MAPPING", MENDED));
}

fn asked(workplace: &Workplace, sql: &str) -> String {
    workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output.trim().to_owned()
}

fn rows(workplace: &Workplace) -> String {
    asked(workplace, "select arrayStringConcat(arraySort(groupArray(concat(id, toString(size)))), ' ') from demo.sizes")
}

fn tables(workplace: &Workplace) -> String {
    asked(
        workplace,
        "select arrayStringConcat(arraySort(groupArray(name)), ' ') from system.tables where database = 'demo'",
    )
}

/// The flows that people see, but for the engine's own.
fn flows(workplace: &Workplace) -> Vec<String> {
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    let flows = status["flows"].as_object().expect("flows").keys().cloned();
    flows.filter(|flow| !flow.starts_with("spotlight/")).collect()
}

fn reconciled(workplace: &Workplace) {
    let said = workplace.say(&["reconcile"]).ends(0).output;
    assert!(said.contains("reconciled: 0 gaps, 0 repeats, 0 strays"), "{said}");
    assert!(said.contains("sizes/load") && !said.contains("load_2"), "{said}");
}

fn stage(workplace: &Workplace) -> String {
    let said = workplace.say(&["rebuild", "--format", "json"]).ends(0).json();
    said[0]["stage"]["is"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn a_run_that_ends_by_itself_rebuilds_what_was_wished_for_and_goes_by_it_from_then_on() {
    for topology in [SIZES, THROUGH] {
        let workplace = landed(topology);
        mend(&workplace, topology);
        let said = workplace.say(&REBUILD).ends(0).output;
        assert!(said.contains("begins with the next run") && said.contains("demo.sizes__rebuild_2"), "{said}");
        assert_eq!(rows(&workplace), "a1 b2 c3", "a wish changes nothing");
        // What comes meanwhile is there once.
        workplace.write("sizes/sizes_3.txt", "Id|Size\nd|4\n");
        let said = workplace.say(&ONCE).ends(0);
        assert!(said.errors.contains("goes by its rebuilt table demo.sizes"), "{}", said.errors);
        assert_eq!(rows(&workplace), "a100 b200 c300 d400");
        assert_eq!(tables(&workplace), "sizes sizes__rebuild_2");
        assert_eq!(asked(&workplace, "select count() from demo.sizes__rebuild_2"), "4", "kept");
        reconciled(&workplace);
        assert_eq!(stage(&workplace), "done");

        // Documents that are read already are not read again, and what comes lands in the table that readers ask.
        let repeat = if topology == SIZES { "" } else { "a|1\n" };
        workplace.write("sizes/sizes_4.txt", &format!("Id|Size\ne|5\n{repeat}"));
        let said = workplace.say(&ONCE).ends(0).errors;
        assert!(!said.contains("has changed since"), "{said}");
        assert_eq!(rows(&workplace), "a100 b200 c300 d400 e500");
        reconciled(&workplace);
        let all: &[&str] = if topology == SIZES { &["sizes/load"] } else { &["sizes/load", "sizes/read"] };
        assert_eq!(flows(&workplace), all);
        let receipts = workplace.say(&["receipts", "--all", "--format", "json"]).ends(0).json();
        assert_eq!(receipts.as_array().map(Vec::len), Some(4), "each document once: {receipts}");

        // And once more, with the third generation.
        workplace.write("sizes.yaml", &topology.replace("MAPPING", PLAIN));
        workplace.say(&REBUILD).ends(0);
        workplace.say(&ONCE).ends(0);
        assert_eq!(rows(&workplace), "a1 b2 c3 d4 e5");
        assert_eq!(tables(&workplace), "sizes sizes__rebuild_2 sizes__rebuild_3");
        reconciled(&workplace);
    }
}

#[test]
fn a_reader_sees_all_rows_of_before_or_all_rows_of_after_while_live_rows_go_on() {
    let workplace = landed(THROUGH);
    mend(&workplace, THROUGH);
    let mut run = workplace.start(&["run", "sizes.yaml"]);
    let listening = || workplace.data().join("control").exists().then_some(());
    until("the run listens", || {
        listening()?;
        (workplace.say(&["status"]).status == 0).then_some(())
    });
    let said = workplace.say(&REBUILD).ends(0).output;
    assert!(said.contains("begins now"), "{said}");
    let mut seen = BTreeSet::new();
    // Mended rows are multiples of 100, and so is what comes now by either.
    let look = "select concat(toString(countIf(id in ('a', 'b', 'c'))), ' of ', toString(uniqExact(_landing like \
                'sizes/load\\_2/%'))) from demo.sizes";
    until("the exchange", || {
        seen.insert(asked(&workplace, look));
        workplace.said().contains("goes by its rebuilt table").then_some(())
    });
    assert_eq!(seen, BTreeSet::from(["3 of 1".to_owned()]));
    assert_eq!(rows(&workplace), "a100 b200 c300");
    workplace.write("sizes/sizes_3.txt", "Id|Size\nd|4\n");
    until("the new document", || (rows(&workplace) == "a100 b200 c300 d400").then_some(()));
    until("the run answers", || (workplace.say(&["status"]).status == 0).then_some(()));
    reconciled(&workplace);
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
    reconciled(&workplace);
}

#[test]
fn who_dies_at_any_step_of_it_leaves_it_to_the_next_run() {
    for step in ["rebuild-wished", "rebuild-made", "close", "rebuild-exchanging", "rebuild-exchanged", "rebuild-done"] {
        let workplace = landed(SIZES);
        mend(&workplace, SIZES);
        let dies = |words: &[&str]| {
            let mut command = workplace.command(words);
            let ended = command.env("SPOTLIGHT_TEST_ABORT_AT", format!("{step}:1")).output().expect("it starts");
            assert!(!ended.status.success(), "{step}: {}", String::from_utf8_lossy(&ended.stderr));
        };
        if step == "rebuild-wished" {
            dies(&REBUILD);
        } else {
            workplace.say(&REBUILD).ends(0);
            dies(&ONCE);
        }
        let after = matches!(step, "rebuild-exchanged" | "rebuild-done");
        assert_eq!(rows(&workplace), if after { "a100 b200 c300" } else { "a1 b2 c3" }, "{step}");
        workplace.write("sizes/sizes_3.txt", "Id|Size\nd|4\n");
        workplace.say(&ONCE).ends(0);
        assert_eq!(rows(&workplace), "a100 b200 c300 d400", "{step}");
        assert_eq!(tables(&workplace), "sizes sizes__rebuild_2", "{step}");
        assert_eq!(stage(&workplace), "done", "{step}");
        reconciled(&workplace);
    }
}
