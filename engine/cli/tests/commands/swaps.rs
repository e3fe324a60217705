//! After a `rebuild` the table of before is kept, and somebody may put it back. And what a person said before a rebuild
//! counts after it.

use crate::rebuilds::{ONCE, PLAIN, REBUILD, SIZES, THROUGH, asked, landed, mend, reconciled, rows};
use crate::workplace::Workplace;

const BACK: &str = "exchange tables demo.sizes and demo.sizes__rebuild_2";

/// A folder in which the table of before a rebuild is in its place again. Gives what the run after says.
fn put_back(topology: &str) -> (Workplace, String) {
    let workplace = landed(topology);
    mend(&workplace, topology);
    workplace.say(&REBUILD).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a100 b200 c300");
    workplace.say(&["sql", BACK]).ends(0);
    assert_eq!(rows(&workplace), "a1 b2 c3");
    let said = workplace.say(&ONCE).ends(3).output;
    (workplace, said)
}

/// The first query that is told between quotes.
#[track_caller]
fn told(said: &str) -> String {
    let (_, rest) = said.split_once("spotlight sql \"").expect("a query");
    rest.split('"').next().expect("its end").replace('\n', " ")
}

#[test]
fn a_table_of_before_that_was_put_back_is_known_and_both_ways_on_help() {
    let by_key = THROUGH.replace("rows: append", "rows: by-key");
    for topology in [SIZES, THROUGH, &by_key] {
        let (workplace, said) = put_back(topology);
        let hold = "hold[E5113]: sizes/load waits: table demo.sizes holds 3 rows of the generation of sizes/load before its \
                    rebuild and none since, though 3 rows landed in it";
        assert!(said.contains(hold), "{said}");
        assert!(said.contains(&format!("spotlight sql \"{BACK}\"; or spotlight rebuild sizes/load")), "{said}");
        workplace.say(&["sql", &told(&said)]).ends(0);
        workplace.say(&ONCE).ends(0);
        assert_eq!(rows(&workplace), "a100 b200 c300");
        reconciled(&workplace);

        // Or it is rebuilt again: rows of its own generation of before are no other flow's.
        workplace.say(&["sql", BACK]).ends(0);
        workplace.say(&ONCE).ends(3);
        workplace.say(&REBUILD).ends(0);
        workplace.say(&ONCE).ends(0);
        assert_eq!(rows(&workplace), "a100 b200 c300");
        reconciled(&workplace);
    }
}

#[test]
fn a_table_of_before_whose_rebuilt_one_is_gone_is_made_again() {
    let (workplace, _) = put_back(THROUGH);
    workplace.say(&["sql", "drop table demo.sizes__rebuild_2"]).ends(0);
    let said = workplace.say(&ONCE).ends(3).output;
    assert!(said.contains("to go on: bring those since its rebuild back; or spotlight rebuild sizes/load"), "{said}");
    workplace.say(&REBUILD).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a100 b200 c300");
    reconciled(&workplace);
}

#[test]
fn a_release_deletes_what_generations_before_have_landed_and_they_are_strays_beside_it() {
    let (workplace, _) = put_back(THROUGH);
    let release = ["release", "sizes/load", "--from", "earliest"];
    let said = workplace.say(&release).ends(0).errors;
    let delete = told(&said);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a1 a100 b2 b200 c3 c300", "nothing was deleted");
    let said = workplace.say(&["reconcile"]).ends(4).output;
    assert!(said.contains(", of sizes/load, the generation before its rebuild: 0 expected, 3 found"), "{said}");
    assert!(!said.contains("another log"), "{said}");
    workplace.say(&["sql", &told(&said)]).ends(0);
    reconciled(&workplace);
    assert_eq!(rows(&workplace), "a100 b200 c300");

    // As a release says it, rows of all generations go.
    workplace.say(&["sql", "insert into demo.sizes select * from demo.sizes__rebuild_2"]).ends(0);
    workplace.say(&["sql", &delete]).ends(0);
    assert_eq!(asked(&workplace, "select count() from demo.sizes"), "0", "{delete}");
    workplace.say(&release).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a100 b200 c300");
    reconciled(&workplace);
}

#[test]
fn what_was_given_up_stays_so_when_the_flow_is_rebuilt() {
    for topology in [SIZES, THROUGH] {
        let workplace = Workplace::new();
        workplace.write("sizes.yaml", &topology.replace("MAPPING", PLAIN));
        workplace.write("sizes/sizes_1.txt", "Id|Size\na|1\nb|2\n");
        workplace.say(&ONCE).ends(0);
        workplace.write("sizes/sizes_1.txt", "Id|Size\na|3\nb|x\nc|y\n");
        workplace.say(&ONCE).ends(0);
        workplace.say(&["dlq", "give-up", "sizes/load"]).ends(0);
        workplace.say(&ONCE).ends(0);
        let before = rows(&workplace);
        // Without a change, with one by which they fail in another way, and with one by which a row passes.
        let otherwise =
            format!("case when size in ('x', 'y') then 9223372036854775807 + length(size) else {PLAIN} end");
        let mended = format!("case when size = 'y' then 9 else {PLAIN} end");
        let (open, fails, passes) = if topology == SIZES { (2, "a3", "a3 c9") } else { (1, "a1 b2", "a1 b2 c9") };
        for (mapping, after, open) in [(PLAIN, before.as_str(), 0), (&otherwise, fails, open), (&mended, passes, 0)] {
            workplace.write("sizes.yaml", &topology.replace("MAPPING", &format!("\"{mapping}\"")));
            workplace.say(&REBUILD).ends(0);
            workplace.say(&ONCE).ends(0);
            assert_eq!(rows(&workplace), after, "{mapping}");
            let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
            assert_eq!(status["open_dead_letters"], open, "{mapping}: {status}");
            assert_eq!(status["accounted_for"]["sizes/load"], true, "{mapping}: {status}");
            reconciled(&workplace);
        }
    }
}

#[test]
fn rows_that_a_release_landed_twice_and_otherwise_are_told_with_what_takes_them_out() {
    let workplace = landed(THROUGH);
    mend(&workplace, THROUGH);
    let deletes = "spotlight release sizes/load --from earliest, without a run, which deletes nothing by itself";
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(said.contains("what it read before stays as it was made then") && said.contains(deletes), "{said}");
    let said = workplace.say(&["status"]).ends(0).output;
    assert!(
        said.contains("--from earliest without a run, has all made again, but deletes nothing by itself"),
        "{said}"
    );
    workplace.write("sizes.yaml", &THROUGH.replace("MAPPING", &format!("{PLAIN} + 1")));
    let release = ["release", "sizes/load", "--from", "earliest"];
    workplace.say(&release).ends(0);
    // What was ordered is nothing to warn of, nor to be told that it is not done.
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(!said.contains("snapshot cannot be used") && !said.contains("stays as it was made then"), "{said}");
    assert_eq!(rows(&workplace), "a1 a2 b2 b3 c3 c4");
    let said = workplace.say(&["reconcile"]).ends(4).output;
    let (_, again) = said.split_once("To land all of it again").expect("a way");
    workplace.say(&["sql", &told(again)]).ends(0);
    workplace.say(&release).ends(0);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a2 b3 c4");
    reconciled(&workplace);
}

#[test]
fn a_document_that_both_generations_refuse_is_told_once() {
    let workplace = landed(SIZES);
    // A document whose rows are all bad is refused.
    workplace.write("sizes/sizes_3.txt", "Id|Size\nd|x\n");
    workplace.say(&ONCE).ends(3);
    mend(&workplace, SIZES);
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(3).output;
    assert_eq!(said.matches("refused: sizes_3.txt (sizes/load)").count(), 1, "{said}");
    assert_eq!(said.matches("refused: ").count(), 1, "{said}");
}

/// Rows of an earlier version stay beside dead ones of the newest only where a reader of the live table sees them.
#[test]
fn rows_that_were_withdrawn_do_not_come_back_by_a_rebuild() {
    let workplace = Workplace::new();
    workplace.write("sizes.yaml", &SIZES.replace("MAPPING", "\"try(cast(size as bigint))\""));
    workplace.write("sizes/sizes_1.txt", "Id|Size\na|1\nb|2\n");
    workplace.say(&ONCE).ends(0);
    workplace.write("sizes/sizes_1.txt", "Id|Size\nc|x\nd|4\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(asked(&workplace, "select count() from demo.sizes final"), "2");
    workplace.write("sizes.yaml", &SIZES.replace("MAPPING", PLAIN));
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(0).output;
    assert_eq!(rows(&workplace), "d4");
    assert!(!said.contains("old rows"), "{said}");
    reconciled(&workplace);
    // What comes after that goes by the table that readers have now.
    workplace.write("sizes/sizes_1.txt", "Id|Size\nd|5\ne|y\n");
    let said = workplace.say(&ONCE).ends(0).output;
    assert_eq!(rows(&workplace), "d5", "{said}");
    workplace.write("sizes/sizes_1.txt", "Id|Size\nf|6\ng|z\n");
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "d5 f6", "it may be the row that failed");
    reconciled(&workplace);
}

/// A rebuild reads as a flow of its own, whose name stands in no file: people are told of it as what it is, and the numbers
/// of its line are those of the documents that are named.
#[test]
fn the_end_of_a_run_names_a_rebuild_by_its_flow() {
    let topology = SIZES.replace("bad-rows-above: 90%", "bad-rows-above: 0%");
    let workplace = landed(&topology);
    let refuses = topology.replace("MAPPING", "\"cast(replace(size, '3', 'x') as bigint)\"");
    workplace.write("sizes.yaml", &refuses);
    workplace.say(&REBUILD).ends(0);
    let said = workplace.say(&ONCE).ends(3).output;
    assert!(!said.contains("load_2") && !said.contains("dlq give-up"), "{said}");
    let of_rebuild = said.lines().find(|line| line.contains("sizes/load (its rebuild)")).expect("its line");
    let numbers: Vec<&str> = of_rebuild.split_whitespace().collect();
    assert_eq!(numbers[numbers.len() - 3], "1", "{said}");
    assert!(said.contains("refused: sizes_2.txt (sizes/load (its rebuild)): failed E4411"), "{said}");
}
