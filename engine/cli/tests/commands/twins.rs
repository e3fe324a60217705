//! A topology file that was copied under another name: what the first one brought does not stand there a second time, and
//! two topologies may fill one table all the same.

use crate::workplace::Workplace;

const NAME: (&str, &str) = ("topology: my-list", "topology: our-list");
const PATH: (&str, &str) = ("path: \"lists\"", "path: \"ours\"");
const OURS: [&str; 3] = ["run", "our-list.yaml", "--once"];
const MINE: [&str; 3] = ["run", "my-list.yaml", "--once"];
const BOTH: [&str; 4] = ["run", "my-list.yaml", "our-list.yaml", "--once"];

fn rows(workplace: &Workplace) -> String {
    let sql = "select count(), uniqExact(symbol) from demo.my_list";
    workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output.trim().replace('\t', " of ")
}

#[test]
fn a_document_that_another_topology_landed_is_not_landed_beside_it() {
    let workplace = Workplace::new();
    // Found elsewhere, and so no copy to `check`; yet the same document.
    workplace.write("ours/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|7\n2\n");
    workplace.write_changed("our-list.yaml", &[NAME, PATH]);
    workplace.say(&MINE).ends(0);
    let held = |words: &[&str]| {
        let said = workplace.say(words).ends(3).output;
        let hold = "hold[E5119]: our-list/load waits: my-list/load landed the rows of list_20260105.txt in table \
                    demo.my_list";
        assert!(said.contains(hold) && said.contains("run only one of them"), "{said}");
        assert_eq!(rows(&workplace), "2 of 2");
    };
    held(&OURS);
    held(&BOTH);
    // A day that only this one has lands, and the other reads on.
    workplace.write("ours/list_20260106.txt", "Symbol|Quantity\nGHI|1\n1\n");
    workplace.write("lists/list_20260107.txt", "Symbol|Quantity\nJKL|1\n1\n");
    workplace.say(&BOTH).ends(3);
    assert_eq!(rows(&workplace), "4 of 4");
    workplace.say(&["reconcile"]).ends(0);

    // Either the first one's rows are taken out, as the hold says; or a person says, once, that both are to stand there.
    let said = workplace.say(&OURS).ends(3).output;
    let release = said.split("spotlight release ").nth(1).and_then(|rest| rest.split(", without").next());
    let release = release.unwrap_or_else(|| panic!("{said}"));
    let words: Vec<&str> = ["release"].into_iter().chain(release.split(' ')).collect();
    workplace.say(&words).ends(0);
    workplace.say(&OURS).ends(0);
    assert_eq!(rows(&workplace), "6 of 4");
    workplace.say(&["reconcile"]).ends(0);
}

/// A copy that was tried once and landed nothing is in nobody's way, once its file is gone.
#[test]
fn a_copy_without_rows_does_not_hinder_a_rebuild() {
    let workplace = Workplace::new();
    workplace.write_changed("our-list.yaml", &[NAME]);
    workplace.say(&MINE).ends(0);
    workplace.say(&OURS).ends(3);
    let refused = workplace.say(&["rebuild", "my-list/load"]).ends(64).errors;
    assert!(refused.contains("demo.my_list is the table of our-list/load too"), "{refused}");
    std::fs::remove_file(workplace.path().join("our-list.yaml")).expect("a file");
    workplace.say(&["rebuild", "my-list/load"]).ends(0);
    workplace.say(&MINE).ends(0);
    assert_eq!(rows(&workplace), "2 of 2");
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn the_rows_of_the_first_taken_out_make_room_for_the_copy() {
    let workplace = Workplace::new();
    workplace.write_changed("our-list.yaml", &[NAME]);
    workplace.say(&MINE).ends(0);
    workplace.say(&OURS).ends(3);
    workplace.say(&["sql", "delete from demo.my_list where startsWith(_landing, 'my-list/load/')"]).ends(0);
    workplace.say(&OURS).ends(0);
    assert_eq!(rows(&workplace), "2 of 2");
}

#[test]
fn copies_in_one_run_are_refused_or_take_turns() {
    let workplace = Workplace::new();
    workplace.write_changed("our-list.yaml", &[NAME]);
    let said = workplace.say(&BOTH).ends(65).errors;
    assert!(said.contains("error[E2213]") && said.contains("`load` is `my-list/load` again"), "{said}");
    // Found elsewhere: whoever comes first lands it.
    workplace.write("ours/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|7\n2\n");
    workplace.write_changed("our-list.yaml", &[NAME, PATH]);
    let said = workplace.say(&BOTH).ends(3).output;
    assert_eq!(said.matches("hold[E5119]").count(), 1, "{said}");
    assert_eq!(rows(&workplace), "2 of 2");
}

/// Documents of no row are alike without being the same: an empty day of two publishers.
#[test]
fn documents_without_rows_are_alike_and_hold_nobody() {
    let workplace = Workplace::new();
    let empty = "Symbol|Quantity\n0\n";
    for folder in ["lists", "ours"] {
        workplace.write(&format!("{folder}/list_20260105.txt"), empty);
    }
    workplace.write_changed("our-list.yaml", &[NAME, PATH]);
    workplace.say(&MINE).ends(0);
    workplace.say(&OURS).ends(0);
}

/// Documents to a topic to a table: neither half of a copy does its work once more.
#[test]
fn the_flows_of_a_copy_that_meet_in_topics_do_nothing_twice() {
    const LETTERS: &str = r#"topology: letters
about: Letters.
flows:
  load:
    from: { files: { path: "letters", file-names: ["letters_{number}.txt"], every: 1s } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
    to: { topic: demo.letters, key: [id] }
  land:
    from: { topic: demo.letters }
    steps: [ { select: { id: id, size: cast(size as integer) } } ]
    to: { clickhouse: { table: demo.letters, rows: append, key: [id] } }
"#;
    let workplace = Workplace::new();
    workplace.write("letters.yaml", LETTERS);
    workplace.write("copy.yaml", &LETTERS.replace("topology: letters", "topology: copy"));
    workplace.write("letters/letters_1.txt", "Id|Size\na|1\nb|2\n");
    workplace.say(&["run", "letters.yaml", "--once"]).ends(0);
    let said = workplace.say(&["run", "copy.yaml", "--once"]).ends(3).output;
    assert!(said.contains("hold[E5119]: copy/load waits: letters/load wrote the rows of letters_1.txt"), "{said}");
    assert!(said.contains("hold[E5112]: copy/land waits: table demo.letters holds 2 rows"), "{said}");
    workplace.say(&["run", "letters.yaml", "--once"]).ends(0);
    let count = workplace.say(&["sql", "--format", "TSV", "select count() from demo.letters"]).ends(0).output;
    assert_eq!(count, "2\n");
}

/// A feed is split: what one flow landed the other claims now. Its rows are not landed beside the first's.
#[test]
fn a_document_that_moved_to_another_flow_of_the_file_is_not_landed_twice() {
    let flow = |name: &str, markets: &str| {
        format!(
            "  {name}:
    from: {{ files: {{ path: in, file-names: [\"{{market:{markets}}}_{{date:%Y%m%d}}.csv\"] }} }}
    steps: [ {{ decode: {{ delimited: {{ layouts: {{ one: {{ header: [id] }} }} }} }} }}, {{ select: {{ id: \"coalesce(id, '')\", market: document.market }} }} ]
    to: {{ clickhouse: {{ table: demo.shorts, rows: by-document, key: [id] }} }}
"
        )
    };
    let workplace = Workplace::new();
    let write =
        |flows: &[String]| workplace.write("shorts.yaml", &format!("topology: shorts\nflows:\n{}", flows.concat()));
    let once = ["run", "shorts.yaml", "--once"];
    let rows = || {
        let sql = "select market, count() from demo.shorts final group by market order by market";
        workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output
    };
    workplace.write("in/arca_20260105.csv", "id\na\nb\n");
    workplace.write("in/nyse_20260105.csv", "id\nc\n");
    write(&[flow("load", "arca|nyse")]);
    workplace.say(&once).ends(0);
    assert_eq!(rows(), "arca\t2\nnyse\t1\n");
    write(&[flow("load", "nyse|amex"), flow("arca", "arca|national")]);
    let held = crate::refusals::unwrapped(&workplace.say(&once).ends(3).output);
    assert!(
        held.contains("hold[E5119]: shorts/arca waits: shorts/load landed the rows of arca_20260105.csv"),
        "{held}"
    );
    assert!(held.contains("give what is left of it another name too"), "{held}");
    assert_eq!(rows(), "arca\t2\nnyse\t1\n");
    // As it says.
    write(&[flow("rest", "nyse|amex"), flow("arca", "arca|national")]);
    let delete = held.split("spotlight sql \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a statement");
    workplace.say(&["sql", delete]).ends(0);
    workplace.say(&once).ends(0);
    assert_eq!(rows(), "arca\t2\nnyse\t1\n");
    workplace.say(&["reconcile"]).ends(0);
    // Two flows that both claim a document may be meant to: both bring it, and it is told before and behind.
    write(&[flow("rest", "nyse|amex"), flow("arca", "arca|national"), flow("more", "arca|nyse")]);
    let told = "shorts/more and shorts/arca both claim `arca_20260105.csv` and another document, and both bring their rows \
                to demo.shorts";
    for args in [&["check", "--live", "shorts.yaml"][..], &["run", "shorts.yaml", "--once", "--dry"]] {
        let said = crate::refusals::unwrapped(&workplace.say(args).ends(0).output);
        assert!(said.contains("claimed twice: ") && said.contains("both claim `"), "{args:?}: {said}");
    }
    let said = crate::refusals::unwrapped(&workplace.say(&once).ends(0).output);
    assert!(
        said.contains(told) || said.contains("shorts/more and shorts/rest both claim `nyse_20260105.csv`"),
        "{said}"
    );
    assert_eq!(rows(), "arca\t4\nnyse\t2\n");
}
