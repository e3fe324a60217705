//! `rebuild`: a flow whose mapping was mended reads all once more, beside its live table, and readers see all rows of
//! before or all rows of after.

use crate::program::until;
use crate::workplace::Workplace;

/// Documents into a table of documents.
pub(crate) const SIZES: &str = r#"topology: sizes
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
pub(crate) const THROUGH: &str = r#"topology: sizes
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
    to: { clickhouse: { table: demo.sizes, rows: append, key: [id], batch: { rows: 1000, age: 100ms } } }
"#;

pub(crate) const ONCE: [&str; 3] = ["run", "sizes.yaml", "--once"];
pub(crate) const REBUILD: [&str; 2] = ["rebuild", "sizes/load"];
pub(crate) const PLAIN: &str = "cast(size as bigint)";
pub(crate) const MENDED: &str = "cast(size as bigint) * 100";

/// A folder in which three rows have landed by the mapping of before.
pub(crate) fn landed(topology: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("sizes.yaml", &topology.replace("MAPPING", PLAIN));
    workplace.write("sizes/sizes_1.txt", "Id|Size\na|1\nb|2\n");
    workplace.write("sizes/sizes_2.txt", "Id|Size\nc|3\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a1 b2 c3");
    workplace
}

pub(crate) fn mend(workplace: &Workplace, topology: &str) {
    workplace.write("sizes.yaml", &topology.replace("MAPPING", MENDED));
}

pub(crate) fn asked(workplace: &Workplace, sql: &str) -> String {
    workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output.trim().to_owned()
}

pub(crate) fn rows(workplace: &Workplace) -> String {
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

pub(crate) fn reconciled(workplace: &Workplace) {
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
        assert!(!workplace.say(&["status"]).ends(0).output.contains("changed: "));
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

        // What people say of the flow is of the generation that counts.
        if topology == THROUGH {
            let said = workplace.say(&["state", "get", "sizes/load.seen", "a"]).ends(0).output;
            assert!(said.contains("(a) was seen at"), "{said}");
            workplace.say(&["pause", "sizes/load"]).ends(0);
            let said = workplace.say(&ONCE).ends(3).output;
            assert!(said.contains("paused: sizes/load reads nothing"), "{said}");
            workplace.say(&["resume", "sizes/load"]).ends(0);
            workplace.say(&ONCE).ends(0);
        }
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
    // Documents come all the while. Rows are by the one mapping or by the other, each is there once, and none goes.
    let look = "select concat(toString(count()), ' ', toString(uniqExact(id)), ' ', toString(uniqExact(_landing like \
                'sizes/load\\_2/%'))) from demo.sizes";
    let (mut before, mut written) = (3, 2);
    until("the exchange, and a document after it", || {
        let exchanged = workplace.said().contains("goes by its rebuilt table");
        let seen: Vec<u64> = asked(&workplace, look).split(' ').map(|one| one.parse().expect("a number")).collect();
        assert_eq!((seen[0], seen[2]), (seen[1], 1), "{seen:?}");
        assert!(seen[0] >= before, "{seen:?} after {before}");
        before = seen[0];
        if !exchanged && before == written + 1 {
            written += 1;
            workplace.write(&format!("sizes/sizes_{written}.txt"), &format!("Id|Size\nx{written}|{written}\n"));
        }
        (exchanged && before == written + 1).then_some(())
    });
    assert!(rows(&workplace).starts_with("a100 b200 c300 x"), "{}", rows(&workplace));
    reconciled(&workplace);
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
    reconciled(&workplace);
}

#[test]
fn a_flow_that_was_sent_back_keeps_its_rows_until_all_is_read_again() {
    let workplace = landed(SIZES);
    mend(&workplace, SIZES);
    // It stands before its first record, and so does the generation beside.
    workplace.say(&["release", "sizes/load", "--from", "earliest"]).ends(0);
    workplace.say(&["pause", "sizes/load"]).ends(0);
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(3);
    assert!(said.output.contains("paused: sizes/load reads nothing"), "{}", said.output);
    assert_eq!((&*rows(&workplace), &*stage(&workplace)), ("a1 b2 c3", "building"), "{}", said.errors);
    // Nobody sends it back while it is rebuilt.
    let said = workplace.say(&["release", "sizes/load", "--from", "earliest"]).ends(64).errors;
    assert!(said.contains("sizes/load is being rebuilt"), "{said}");
    workplace.say(&["resume", "sizes/load"]).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!((&*rows(&workplace), &*stage(&workplace)), ("a100 b200 c300", "done"));
    reconciled(&workplace);
}

/// Documents of which all rows fail by the new mapping, above the limit.
#[test]
fn documents_that_the_new_mapping_refuses_keep_their_rows_until_a_person_says_otherwise() {
    let topology = SIZES.replace("bad-rows-above: 90%", "bad-rows-above: 0%");
    let mapping = |mapping: &str| topology.replace("MAPPING", mapping);
    let workplace = landed(&topology);
    let refuses = mapping("\"cast(replace(size, '3', 'x') as bigint)\"");
    workplace.write("sizes.yaml", &refuses);
    // Its publisher has it no more.
    std::fs::remove_file(workplace.path().join("sizes/sizes_2.txt")).expect("removed");
    let waits = |said: &str| {
        let line = "refuses 1 document whose rows are in demo.sizes: sizes_2.txt (E";
        assert!(said.contains(line) && said.contains("; 1 row would be gone"), "{said}");
        assert!(said.contains("spotlight rebuild sizes/load --accept-refused"), "{said}");
    };
    workplace.say(&["rebuild", "sizes/load", "--accept-refused"]).ends(64);
    workplace.say(&REBUILD).ends(0);
    for _ in 0..2 {
        waits(&workplace.say(&ONCE).ends(3).errors);
        assert_eq!((&*rows(&workplace), &*stage(&workplace)), ("a1 b2 c3", "building"));
    }
    waits(&workplace.say(&["rebuild"]).ends(0).output);
    waits(&workplace.say(&["status"]).ends(0).output);

    // A run without an end goes on without an exchange.
    let mut run = workplace.start(&["run", "sizes.yaml"]);
    until("it says that the rebuild waits", || workplace.said().contains("the rebuild waits").then_some(()));
    waits(&workplace.say(&["status"]).ends(0).output);
    workplace.write("sizes/sizes_4.txt", "Id|Size\nd|4\n");
    until("live rows go on", || (rows(&workplace) == "a1 b2 c3 d4").then_some(()));
    // A person lets them go.
    let said = workplace.say(&["rebuild", "sizes/load", "--accept-refused"]).ends(0).output;
    assert!(said.contains("the rebuild of sizes/load goes on"), "{said}");
    until("the exchange", || workplace.said().contains("goes by its rebuilt table").then_some(()));
    assert_eq!(rows(&workplace), "a1 b2 d4");
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
    reconciled(&workplace);

    // Or the file is mended, and the rebuild begins anew.
    let workplace = landed(&topology);
    workplace.write("sizes.yaml", &refuses);
    workplace.say(&REBUILD).ends(0);
    waits(&workplace.say(&ONCE).ends(3).errors);
    workplace.write("sizes.yaml", &mapping(MENDED));
    workplace.say(&ONCE).ends(0);
    assert_eq!((&*rows(&workplace), &*tables(&workplace)), ("a100 b200 c300", "sizes sizes__rebuild_3"));
    reconciled(&workplace);
}

/// A folder whose rebuild has died at this step.
fn died_at(step: &str) -> Workplace {
    let workplace = landed(SIZES);
    mend(&workplace, SIZES);
    workplace.say(&REBUILD).ends(0);
    let mut command = workplace.command(&ONCE);
    let ended = command.env("SPOTLIGHT_TEST_ABORT_AT", format!("{step}:1")).output().expect("it starts");
    assert!(!ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    workplace
}

#[test]
fn while_tables_are_exchanged_nothing_is_said_of_what_they_hold() {
    for step in ["rebuild-exchanging", "rebuild-exchanged"] {
        let workplace = died_at(step);
        let said = workplace.say(&["reconcile"]).ends(3).output;
        assert!(said.contains("sizes/load is not compared: its tables are being exchanged"), "{said}");
        assert!(!said.contains("stray") || !said.contains("delete"), "{said}");
        let said = workplace.say(&["status"]).ends(0).output;
        assert!(said.contains("sizes/load: its tables are being exchanged"), "{said}");
        let said = workplace.say(&["release", "sizes/load", "--from", "earliest"]).ends(64).errors;
        assert!(said.contains("its tables are being exchanged") && said.contains("start a run"), "{said}");
        workplace.say(&["release", "sizes/load_2", "--from", "earliest"]).ends(64);
        workplace.say(&ONCE).ends(0);
        assert_eq!(rows(&workplace), "a100 b200 c300", "{step}");
        reconciled(&workplace);
    }
}

#[test]
fn a_table_beside_that_is_gone_ends_the_rebuild_and_no_run() {
    let workplace = died_at("rebuild-exchanging");
    workplace.say(&["sql", "drop table demo.sizes__rebuild_2 sync"]).ends(0);
    let others = SIZES.replace("MAPPING", PLAIN).replace("topology: sizes", "topology: others");
    workplace.write("others.yaml", &others.replace("demo.sizes", "demo.others"));
    let said = workplace.say(&["run", "others.yaml", "--once"]).ends(0).errors;
    assert_eq!(asked(&workplace, "select count() from demo.others"), "3");
    let why = "sizes/load is not rebuilt: demo.sizes__rebuild_2, the table that was to take the place of demo.sizes, was \
               removed or replaced";
    assert!(said.contains(why), "{said}");
    workplace.say(&ONCE).ends(0);
    assert_eq!((&*rows(&workplace), &*stage(&workplace)), ("a1 b2 c3", "refused"));
    workplace.say(&["reconcile"]).ends(0);
    workplace.say(&REBUILD).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a100 b200 c300");
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn a_table_that_somebody_has_made_stays_and_the_next_number_is_taken() {
    let workplace = landed(SIZES);
    mend(&workplace, SIZES);
    let theirs = "create table demo.sizes__rebuild_2 engine = MergeTree order by tuple() as select 42 as mine";
    workplace.say(&["sql", theirs]).ends(0);
    let is_there = || assert_eq!(asked(&workplace, "select mine from demo.sizes__rebuild_2"), "42");
    let said = workplace.say(&REBUILD).ends(0).output;
    assert!(said.contains("demo.sizes__rebuild_3"), "{said}");
    let said = workplace.say(&["rebuild", "sizes/load", "--cancel"]).ends(0).output;
    assert!(said.contains("no table was made yet"), "{said}");
    is_there();
    // One that is made after the wish, of rows that could be those of a flow.
    workplace.say(&REBUILD).ends(0);
    let theirs = "create table demo.sizes__rebuild_4 engine = MergeTree order by tuple() as select * from demo.sizes";
    workplace.say(&["sql", theirs]).ends(0);
    workplace.say(&ONCE).ends(0);
    is_there();
    assert_eq!(rows(&workplace), "a100 b200 c300");
    assert_eq!(tables(&workplace), "sizes sizes__rebuild_2 sizes__rebuild_4 sizes__rebuild_5");
    assert_eq!(asked(&workplace, "select count() from demo.sizes__rebuild_4"), "3");
    // Rows that somebody puts into the table beside, which is taken back then.
    workplace.say(&["pause", "sizes/load"]).ends(0);
    workplace.say(&REBUILD).ends(0);
    workplace.say(&ONCE).ends(3);
    workplace.say(&["sql", "insert into demo.sizes__rebuild_6 select * from demo.sizes__rebuild_4"]).ends(0);
    let said = workplace.say(&["rebuild", "sizes/load", "--cancel"]).ends(0).errors;
    assert!(said.contains("demo.sizes__rebuild_6 stays: it is not of this rebuild alone"), "{said}");
    assert_eq!(asked(&workplace, "select count() from demo.sizes__rebuild_6"), "3");
    assert_eq!(rows(&workplace), "a100 b200 c300");
}

#[test]
fn a_flow_that_was_rebuilt_goes_by_its_own_name() {
    let workplace = landed(SIZES);
    mend(&workplace, SIZES);
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(said.contains("demo.sizes has 3 rows, and 3 take their place"), "{said}");
    assert!(!said.contains("has changed since it last ran"), "{said}");
    for words in [
        ["pause", "sizes/load_2"],
        ["resume", "sizes/load_2"],
        ["rebuild", "sizes/load_2"],
        ["release", "sizes/load_2"],
    ] {
        let said = workplace.say(&words).ends(64).errors;
        assert!(said.contains("name sizes/load") && !said.contains("did you mean"), "{words:?}: {said}");
    }
    let said = workplace.say(&["pause", "sizes/lod"]).ends(64).errors;
    assert!(said.contains("did you mean `sizes/load`?"), "{said}");
    // Documents in place of others are counted as readers see them.
    workplace.write("sizes/sizes_2.txt", "Id|Size\nc|4\n");
    workplace.say(&ONCE).ends(0);
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(said.contains("demo.sizes has 3 rows, and 3 take their place"), "{said}");
    // While one is read beside it, too: a pause has it wait.
    workplace.say(&["pause", "sizes/load"]).ends(0);
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(3).output;
    assert!(said.contains("spotlight resume sizes/load") && !said.contains("resume sizes/load_"), "{said}");
    let said = workplace.say(&["resume", "sizes/load"]).ends(0).output;
    assert_eq!(said.trim(), "sizes/load goes on");
    workplace.say(&ONCE).ends(0);
    // Another name without `was` is told the first one.
    let file = SIZES.replace("MAPPING", MENDED).replace("  load:", "  loader:");
    workplace.write("sizes.yaml", &file);
    let said = workplace.say(&ONCE);
    assert!(said.errors.contains("write `was: load`") || said.output.contains("write `was: load`"), "{}", said.errors);
    workplace.write("sizes.yaml", &file.replace("  loader:", "  loader:\n    was: load"));
    workplace.say(&ONCE).ends(0);
    for written in ["sizes/loader", "sizes/load"] {
        let said = workplace.say(&["pause", written]).ends(0).output;
        assert!(said.contains("sizes/loader is paused"), "{said}");
        workplace.say(&["resume", written]).ends(0);
    }
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

#[test]
fn a_file_that_is_mended_again_has_the_rebuild_begin_anew() {
    let workplace = landed(SIZES);
    workplace.write("sizes.yaml", &SIZES.replace("MAPPING", "cast(size as bigint) * 7"));
    workplace.say(&REBUILD).ends(0);
    let mut command = workplace.command(&ONCE);
    let killed = command.env("SPOTLIGHT_TEST_ABORT_AT", "close:1").output().expect("the program starts");
    assert!(!killed.status.success());
    assert_eq!(stage(&workplace), "building");
    mend(&workplace, SIZES);
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(said.contains("has changed since its rebuild began"), "{said}");
    assert_eq!(rows(&workplace), "a100 b200 c300");
    assert_eq!(tables(&workplace), "sizes sizes__rebuild_3");
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn dead_letters_are_those_of_the_mapping_that_counts() {
    let workplace = Workplace::new();
    let write = |mapping: &str| workplace.write("sizes.yaml", &SIZES.replace("MAPPING", mapping));
    write(PLAIN);
    workplace.write("sizes/sizes_1.txt", "Id|Size\na|1\nb|many\nc|3\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a1 c3");
    // What failed passes, and what passed fails.
    write("case when size = 'many' then 7 when id = 'c' then cast(id as bigint) else cast(size as bigint) end");
    workplace.say(&REBUILD).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a1 b7");
    let letters = workplace.say(&["dlq", "ls", "--all", "--format", "json"]).ends(0).json();
    assert_eq!(letters.as_array().map(Vec::len), Some(1), "{letters}");
    assert_eq!(letters[0]["flow"], "load", "{letters}");
    let receipts = workplace.say(&["receipts", "--format", "json"]).ends(0).json();
    assert_eq!(
        (&receipts[0]["counts"]["landed"], &receipts[0]["counts"]["dead"]),
        (&2.into(), &1.into()),
        "{receipts}"
    );
    reconciled(&workplace);
    // It comes back to the generation that failed it.
    write("case when size = 'many' then 7 else cast(size as bigint) end");
    workplace.say(&["dlq", "replay", "sizes.yaml"]).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a1 b7 c3");
    assert!(workplace.say(&["dlq", "ls"]).ends(0).output.contains("no dead letter is open"));
    let states =
        "select arrayStringConcat(arraySort(groupArray(concat(flow, ' ', state))), ', ') from spotlight.dead_letters";
    assert_eq!(asked(&workplace, states), "load replayed, load superseded");
    reconciled(&workplace);
}

#[test]
fn what_is_taken_back_leaves_no_table_and_its_number_is_not_used_again() {
    let workplace = landed(SIZES);
    mend(&workplace, SIZES);
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&["rebuild", "sizes/load", "--cancel"]).ends(0).output;
    assert!(said.contains("is taken back"), "{said}");
    assert_eq!(stage(&workplace), "none");
    workplace.say(&ONCE).ends(0);
    assert_eq!((&*rows(&workplace), &*tables(&workplace)), ("a1 b2 c3", "sizes"));
    let said = workplace.say(&["rebuild", "sizes/load", "--cancel"]).ends(64).errors;
    assert!(said.contains("is not being rebuilt"), "{said}");

    // Beside a run, while it is at it: a pause holds it up.
    workplace.say(&["pause", "sizes/load"]).ends(0);
    workplace.say(&REBUILD).ends(0);
    let mut run = workplace.start(&["run", "sizes.yaml"]);
    until("the table beside", || (workplace.said().contains("is read again from its beginning")).then_some(()));
    until("the run listens", || workplace.data().join("control").exists().then_some(()));
    let said = workplace.say(&["rebuild"]).ends(0).output;
    assert!(
        said.contains("sizes/load: is rebuilt into demo.sizes__rebuild_3") && said.contains("0 of 2 records"),
        "{said}"
    );
    assert_eq!(tables(&workplace), "sizes sizes__rebuild_3");
    workplace.say(&["rebuild", "sizes/load", "--cancel"]).ends(0);
    until("the table is gone", || (tables(&workplace) == "sizes").then_some(()));
    workplace.say(&["resume", "sizes/load"]).ends(0);
    workplace.write("sizes/sizes_3.txt", "Id|Size\nd|4\n");
    until("the flow goes on", || (rows(&workplace) == "a1 b2 c3 d400").then_some(()));
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
    reconciled(&workplace);
    assert_eq!(flows(&workplace), ["sizes/load"]);
}

#[test]
fn what_cannot_be_rebuilt_is_refused_with_the_reason() {
    let workplace = landed(THROUGH);
    let refused = |flow: &str, why: &str| {
        let said = workplace.say(&["rebuild", flow]).ends(64).errors;
        assert!(said.contains(why), "{flow}: {said}");
    };
    refused("sizes/lod", "did you mean `sizes/load`?");
    refused("sizes", "`sizes` is a topology: a rebuild is of one flow");
    refused("sizes/read", "lands in no table");
    refused("spotlight/receipts", "spotlight/receipts is the engine's own");
    refused("spotlight/dead-letters", "spotlight/dead-letters is the engine's own");
    workplace.say(&["rebuild", "--cancel"]).ends(64);
    workplace.say(&REBUILD).ends(0);
    refused("sizes/load", "sizes/load is being rebuilt already");
    workplace.say(&["rebuild", "sizes/load", "--cancel"]).ends(0);

    // Rows of whomever would be lost.
    let strange = "insert into demo.sizes select * replace('others/flow/1' as _landing) from demo.sizes where id = 'a'";
    workplace.say(&["sql", strange]).ends(0);
    refused("sizes/load", "demo.sizes also holds rows of others/flow, which would be lost");
    workplace.say(&["sql", "delete from demo.sizes where _landing = 'others/flow/1'"]).ends(0);
    // They come after the wish: the run sees them before it begins.
    workplace.say(&REBUILD).ends(0);
    workplace.say(&["sql", strange]).ends(0);
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(said.contains("sizes/load is not rebuilt: demo.sizes also holds rows of others/flow"), "{said}");
    assert_eq!((&*stage(&workplace), &*tables(&workplace)), ("refused", "sizes"));
    workplace.say(&["sql", "delete from demo.sizes where _landing = 'others/flow/1'"]).ends(0);

    // A second flow lands there.
    let second = "  second:\n    from: { topic: demo.read }\n    steps:\n      - select: { id: upper(id), size: cast(size as bigint) }\n    to: { \
                  clickhouse: { table: demo.sizes, rows: append, key: [id], batch: { rows: 1000, age: 100ms } } }\n";
    workplace.write("sizes.yaml", &format!("{}{second}", THROUGH.replace("MAPPING", PLAIN)));
    workplace.say(&ONCE).ends(0);
    refused("sizes/load", "demo.sizes also holds rows of sizes/second");
}

#[test]
fn a_flow_that_has_outputs_besides_is_not_rebuilt() {
    let workplace = landed(THROUGH);
    let with = THROUGH.replace("MAPPING", PLAIN).replace(
        "    from: { topic: demo.read }\n",
        "    from: { topic: demo.read }\n    outputs: { conflicts: { topic: demo.conflicts } }\n",
    );
    workplace.write("sizes.yaml", &with.replace("name: seen,", "name: seen, compare: content,"));
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(said.contains("sizes/load is not rebuilt: sizes/load also writes conflicts"), "{said}");
    assert_eq!((&*stage(&workplace), &*tables(&workplace)), ("refused", "sizes"));
    assert_eq!(rows(&workplace), "a1 b2 c3");
}

#[test]
fn what_the_schema_of_now_cannot_read_is_not_left_out_of_a_rebuild() {
    let workplace = landed(THROUGH);
    let text = THROUGH.replace("MAPPING", PLAIN);
    let decoded = text.lines().find(|line| line.contains("- decode:")).expect("a line");
    let typed = format!("{decoded}\n      - select: {{ id: id, size: cast(size as bigint) }}");
    workplace.write("sizes.yaml", &text.replace(decoded, &typed));
    workplace.say(&ONCE).ends(0);
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(
        said.contains("sizes/load is not rebuilt: ") && said.contains("that the schema of now cannot read"),
        "{said}"
    );
    assert_eq!((&*stage(&workplace), &*rows(&workplace)), ("refused", "a1 b2 c3"));
}

/// What the server cannot change in place comes with the new table.
#[test]
fn a_table_of_another_key_is_made_as_the_topology_says() {
    let workplace = landed(SIZES);
    let other =
        SIZES.replace("key: [id]", "key: [size, id]").replace("MAPPING", "\"coalesce(cast(size as bigint), 0)\"");
    workplace.write("sizes.yaml", &other);
    let said = workplace.say(&ONCE).ends(3).output;
    assert!(said.contains("hold["), "{said}");
    workplace.say(&REBUILD).ends(0);
    // What was on hold is settled by it.
    let said = workplace.say(&ONCE).ends(0).output;
    assert!(!said.contains("hold["), "{said}");
    assert!(!workplace.say(&["status"]).ends(0).output.contains("hold["));
    assert_eq!(stage(&workplace), "done");
    let key = "select sorting_key from system.tables where database = 'demo' and name = 'sizes'";
    assert_eq!(asked(&workplace, key), "size, id, _document");
    workplace.write("sizes/sizes_3.txt", "Id|Size\nd|4\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a1 b2 c3 d4");
    reconciled(&workplace);
}

/// A run that has the file as it was earlier would make the rows of before once more.
#[test]
fn a_run_of_an_earlier_file_leaves_the_rebuild_to_the_next() {
    let workplace = landed(SIZES);
    let mut run = workplace.start(&["run", "sizes.yaml"]);
    until("the run listens", || workplace.data().join("control").exists().then_some(()));
    mend(&workplace, SIZES);
    let said = workplace.say(&REBUILD).ends(0).output;
    assert!(said.contains("begins when the run is started again"), "{said}");
    assert_eq!(tables(&workplace), "sizes");
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a100 b200 c300");
    reconciled(&workplace);
}
