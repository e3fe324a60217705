//! What a changed topology file means for documents and rows that are there already: nothing stands twice, and nothing goes,
//! unless a person says so.

use crate::refusals::unwrapped;
use crate::workplace::{Workplace, readme_topology};

/// Documents to a topic to a table that appends: what is read twice stands there twice.
const COUNTS: &str = r#"topology: counts
about: Counts of documents, behind a topic.
flows:
  collect:
    from: { files: { path: "counts", file-names: ["counts_{number}.txt"], every: 1s } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
      - select: { id: id, size: MAPPING }
    to: { topic: demo.counts, key: [id] }
  land:
    from: { topic: demo.counts }
    steps:
      - where: id is not null
    to: { clickhouse: { table: demo.counts, rows: append, key: [id], batch: { rows: 1000, age: 100ms } } }
"#;

const ONCE: [&str; 3] = ["run", "counts.yaml", "--once"];
const PLAIN: &str = "cast(size as bigint)";

fn write(workplace: &Workplace, mapping: &str, changes: &[(&str, &str)]) {
    let mut text = COUNTS.replace("MAPPING", mapping);
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    workplace.write("counts.yaml", &text);
}

/// Each id with the number of its rows.
fn rows(workplace: &Workplace) -> String {
    let each = "select id, count() as rows from demo.counts group by id";
    let sql = format!("select arrayStringConcat(arraySort(groupArray(concat(id, toString(rows)))), ' ') from ({each})");
    workplace.say(&["sql", "--format", "TSV", &sql]).ends(0).output.trim().to_owned()
}

#[test]
fn a_refused_document_that_was_tried_again_is_read_once_when_all_is_read_again() {
    let workplace = Workplace::new();
    write(&workplace, PLAIN, &[]);
    workplace.write("counts/counts_1.txt", "Id|Size\na|1\nb|2\n");
    workplace.write("counts/counts_2.txt", "Id|Size\nc|many\n");
    workplace.say(&ONCE).ends(3);
    write(&workplace, "try(cast(size as bigint))", &[]);
    workplace.say(&ONCE).ends(0);
    assert_eq!(rows(&workplace), "a1 b1 c1");
    for times in [2, 3] {
        workplace.say(&["release", "counts/collect", "--from", "earliest"]).ends(0);
        workplace.say(&ONCE).ends(0);
        assert_eq!(rows(&workplace), format!("a{times} b{times} c{times}"));
    }
    let accepted = |name: &str| {
        let receipts = workplace.say(&["receipts", "--all", "--format", "json"]).ends(0).json();
        let all = receipts.as_array().expect("a list").clone();
        all.iter().filter(|one| one["name"] == name && one["outcome"] == "accepted").count()
    };
    assert_eq!(accepted("counts_2.txt"), accepted("counts_1.txt"), "as often as the other one");
    workplace.say(&["reconcile"]).ends(0);
}

/// A mixture could be undone by neither naming, so nothing is found before a person has said what is meant.
#[test]
fn a_document_with_rows_is_not_read_as_another_one() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    let rows = |table: &str| {
        let sql = format!("select symbol, quantity from {table} order by all");
        workplace.say(&["sql", "--format", "TSV", &sql]).ends(0).output
    };
    workplace.say(&once).ends(0);
    assert_eq!(rows("demo.my_list"), "ABC\t12\nDEF\t7\n");
    let first = readme_topology();
    let renamed = first.replace("{date:", "{day:").replace("document.date", "document.day");
    let mended = first.replace("{date:%Y%m%d}", "{date:%Y%d%m}");
    // A new file, the next version under another name, a copy of the folder: none is looked at.
    workplace.write("lists/list_20260105_corrected.txt", "Symbol|Quantity\nABC|13\nDEF|7\n2\n");
    for (text, now) in [(&renamed, "day=2026-01-05"), (&mended, "date=2026-05-01")] {
        workplace.write("my-list.yaml", text);
        let told = unwrapped(&workplace.say(&once).ends(3).output);
        for wanted in ["hold[E5120]", &format!("list_20260105.txt is the document {now}"), "landed as date=2026-01-05"]
        {
            assert!(told.contains(wanted), "{wanted}: {told}");
        }
        assert_eq!(rows("demo.my_list"), "ABC\t12\nDEF\t7\n", "nothing stands twice");
        // A rebuild goes by the parts that were kept with what was read: it would land them once more.
        workplace.say(&["rebuild", "my-list/load"]).ends(0);
        let told = workplace.say(&once).ends(3);
        assert!(told.errors.contains("is not rebuilt: E5120"), "{}", told.errors);
        assert!(!told.output.contains("its rebuild mends that"), "{}", told.output);
    }
    // As the message says: the column is called otherwise, the part of the name as before.
    workplace.write("my-list.yaml", &first);
    workplace.say(&once).ends(0);
    assert_eq!(rows("demo.my_list"), "ABC\t13\nDEF\t7\n");
    workplace.say(&["reconcile"]).ends(0);
    // Or the new ones are meant.
    let anew = renamed.replace("  load:", "  load-anew:").replace("demo.my_list", "demo.by_day");
    workplace.write("my-list.yaml", &anew.replace("flow: load", "flow: load-anew"));
    workplace.say(&once).ends(0);
    assert_eq!(rows("demo.by_day"), "ABC\t13\nDEF\t7\n");
}

/// Patterns see names and no folders, so that the lists of two markets would be one, of which one is lost.
#[test]
fn files_of_one_name_in_two_folders_are_named() {
    let workplace = Workplace::new();
    let of_all = readme_topology().replace("path: \"lists\"", "path: \"in/*/list_*.txt\"");
    workplace.write("my-list.yaml", &of_all);
    workplace.write("in/nyse/list_20260105.txt", "Symbol|Quantity\nABC|12\n1\n");
    workplace.write("in/psx/list_20260105.txt", "Symbol|Quantity\nABC|12\n1\n");
    let once = ["run", "my-list.yaml", "--once"];
    assert!(!workplace.say(&once).ends(0).output.contains("one document"), "they say the same");
    workplace.write("in/psx/list_20260105.txt", "Symbol|Quantity\nXYZ|7\n1\n");
    let mut said = vec![workplace.say(&once).ends(0).output, workplace.say(&once).ends(0).output];
    said.push(workplace.say(&["run", "my-list.yaml", "--dry"]).ends(0).output);
    said.push(workplace.say(&["check", "my-list.yaml", "--live"]).ends(0).output);
    for said in said {
        let said = unwrapped(&said);
        let pair = "in/psx/list_20260105.txt` takes the place of `";
        assert!(said.contains(pair) && said.contains("in/nyse/list_20260105.txt`: both are date=2026-01-05"), "{said}");
        assert!(said.contains("patterns see names and no folders"), "{said}");
    }
}

/// What was refused for a wrong pattern has no rows that could stand beside those of the mended one.
#[test]
fn a_refused_document_is_tried_again_by_the_parts_of_now() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    let first = readme_topology();
    let strict = first.replace(
        "cast(quantity as bigint)",
        "\"cast(case when document.date < date '2026-02-01' then quantity else 'late' end as bigint)\"",
    );
    assert_ne!(strict, first);
    workplace.write("my-list.yaml", &strict.replace("{date:%Y%m%d}", "{date:%Y%d%m}"));
    workplace.say(&once).ends(3);
    assert!(workplace.say(&["receipts", "--refused"]).ends(0).output.contains("list_20260105.txt"));
    workplace.write("my-list.yaml", &strict);
    let said = workplace.say(&once).ends(0).output;
    assert!(!said.contains("refused: "), "{said}");
    let rows = workplace.say(&["sql", "--format", "TSV", "select _document, symbol from demo.my_list order by all"]);
    assert_eq!(rows.ends(0).output, "my-list/load/date=2026-01-05\tABC\nmy-list/load/date=2026-01-05\tDEF\n");
    // Once.
    workplace.say(&once).ends(0);
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn a_rebuild_that_makes_no_row_waits_for_a_person() {
    let workplace = Workplace::new();
    write(&workplace, PLAIN, &[]);
    workplace.write("counts/counts_1.txt", "Id|Size\na|1\nb|2\n");
    workplace.say(&ONCE).ends(0);
    write(&workplace, PLAIN, &[("id is not null", "size > 1000")]);
    workplace.say(&ONCE).ends(0);
    workplace.say(&["rebuild", "counts/land"]).ends(0);
    for _ in 0..2 {
        let said = workplace.say(&ONCE).ends(3).errors;
        assert!(said.contains("makes no row of what made the 2 rows that are there"), "{said}");
        assert_eq!(rows(&workplace), "a1 b1");
    }
    workplace.say(&["rebuild", "counts/land", "--accept-refused"]).ends(0);
    let said = workplace.say(&ONCE).ends(0).errors;
    assert!(said.contains("demo.counts has 2 rows, and 0 take their place"), "{said}");
    assert_eq!(rows(&workplace), "");
    workplace.say(&["reconcile"]).ends(0);
}

#[test]
fn a_rebuild_behind_a_topic_says_which_columns_its_records_do_not_have() {
    let workplace = Workplace::new();
    write(&workplace, PLAIN, &[]);
    workplace.write("counts/counts_1.txt", "Id|Size\na|1\nb|2\n");
    workplace.say(&ONCE).ends(0);
    // A new mapping of the same columns: nothing is said.
    write(&workplace, PLAIN, &[("id is not null", "id <> 'x'")]);
    workplace.say(&ONCE).ends(0);
    assert!(!workplace.say(&["rebuild", "counts/land"]).ends(0).errors.contains("warning"));
    workplace.say(&["rebuild", "counts/land", "--cancel"]).ends(0);
    write(&workplace, PLAIN, &[("size: cast", "amount: cast")]);
    workplace.say(&ONCE).ends(3);
    let said = workplace.say(&["rebuild", "counts/land"]).ends(0).errors;
    assert!(said.contains("records of demo.counts were written before it had `amount`"), "{said}");
    assert!(said.contains("rebuild counts/land --cancel"), "{said}");
    // What fills a topic lands nowhere, so a rebuild of it is not offered.
    let status = workplace.say(&["status"]).ends(0).output;
    let status = status.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(status.contains("changed: counts/collect") && !status.contains("rebuild counts/collect"), "{status}");
}
