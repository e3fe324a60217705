//! Keys and names by which rows are stored: another one is told before anything goes by it, and the commands that are printed
//! then lead to a table that is right.

use crate::refusals::unwrapped;
use crate::workplace::Workplace;

const FEED: &str = r#"topology: items
flows:
  collect:
    from: { files: { path: in, file-names: ["items_{date:%Y%m%d}*"] } }
    steps:
      - decode: { delimited: { layouts: { one: { header: [id, kind, note] } } } }
      - select: { id: "coalesce(id, '')", kind: "coalesce(kind, '')", note: note, day: document.date }
    to: { topic: demo.items, key: [id], partitions: 4 }
  unique:
    from: { topic: demo.items }
    steps: [ { dedupe: { name: seen, key: [id, kind], remember: 400d, compare: key } } ]
    to: { clickhouse: { table: demo.unique, rows: append, key: [id] } }
"#;

const RUN: [&str; 3] = ["run", "items.yaml", "--once"];

fn landed() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("items.yaml", FEED);
    let rows: String = (0..12).map(|row| format!("i{row},k{row},old\n")).collect();
    workplace.write("in/items_20260105.csv", &format!("id,kind,note\n{rows}"));
    workplace.say(&RUN).ends(0);
    workplace.write("in/items_20260106.csv", &format!("id,kind,note\n{rows}i12,k12,new\n"));
    workplace
}

fn rows(workplace: &Workplace) -> String {
    let sql = "select count(), uniqExact(id) from demo.unique";
    workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output
}

/// Runs the commands that a message prints behind each other.
fn follow(workplace: &Workplace, commands: &[&str], said: &str) {
    let told = format!("end the run, spotlight {}; and run again", commands.join(", spotlight "));
    assert!(unwrapped(said).contains(&told), "{told}: {said}");
    for command in commands {
        workplace.say(&command.split(' ').collect::<Vec<_>>()).ends(0);
    }
}

/// Rows of one id in two partitions are known to no `dedupe` behind the topic.
#[test]
fn a_topic_with_records_keeps_its_key() {
    let workplace = landed();
    let other = FEED.replace("demo.items, key: [id]", "demo.items, key: [kind]");
    workplace.write("items.yaml", &other);
    let planned = workplace.say(&["plan", "items.yaml"]).ends(65).errors;
    let refused = workplace.say(&RUN).ends(65).errors;
    for said in [&planned, &refused] {
        let said = unwrapped(said);
        let what = "E5121 topic demo.items: items/collect has filled it by the key [id], and items/collect would fill it by [kind]";
        assert!(said.contains(what), "{said}");
    }
    // The key as it was goes on, and so does another topic, by the commands that are told.
    workplace.write("items.yaml", FEED);
    workplace.say(&RUN).ends(0);
    assert_eq!(rows(&workplace), "13\t13\n");
    workplace.write("items.yaml", &other.replace("demo.items", "demo.by_kind"));
    workplace.say(&RUN).ends(3);
    let commands =
        ["release items/collect --from earliest", "release items/unique --from earliest", "rebuild items/unique"];
    follow(&workplace, &commands, &refused);
    workplace.say(&RUN).ends(0);
    assert_eq!(rows(&workplace), "13\t13\n");
    workplace.say(&["reconcile"]).ends(0);
    // A topic that another topology has filled has its key, too.
    let second =
        FEED.replace("topology: items", "topology: others").replace("demo.items, key: [id]", "demo.items, key: [kind]");
    workplace.write("others.yaml", &second.replace("demo.unique", "demo.others"));
    let said = workplace.say(&["run", "others.yaml", "--once"]).ends(65).errors;
    assert!(unwrapped(&said).contains("items/collect has filled it by the key [id], and others/collect"), "{said}");
}

/// By another key, were it only in another order, it would know nothing of what it has seen.
#[test]
fn a_memory_keeps_its_key() {
    let workplace = landed();
    for key in ["[kind, id]", "[id]"] {
        let other = FEED.replace("key: [id, kind]", &format!("key: {key}"));
        workplace.write("items.yaml", &other);
        let said = unwrapped(&workplace.say(&RUN).ends(65).errors);
        assert!(said.contains("E5121 step seen of items/unique remembers by the key [id text, kind text]"), "{said}");
        assert_eq!(rows(&workplace), "12\t12\n");
    }
    // As it says: another name, and a rebuild before the next run.
    let other = FEED.replace("name: seen, key: [id, kind]", "name: seen-ids, key: [id]");
    workplace.write("items.yaml", &other);
    workplace.say(&["rebuild", "items/unique"]).ends(0);
    workplace.say(&RUN).ends(0);
    assert_eq!(rows(&workplace), "13\t13\n");
    workplace.say(&["reconcile"]).ends(0);
}

/// Rows of the topic of before do not come again, so nobody is told to delete them.
#[test]
fn a_flow_that_reads_another_topic_says_what_becomes_of_the_rows_of_before() {
    let workplace = landed();
    workplace.write("items.yaml", &FEED.replace("demo.items", "demo.other"));
    let held = unwrapped(&workplace.say(&RUN).ends(3).output);
    assert!(
        held.contains("hold[E5110]") && held.contains("it read demo.items before, whose rows stay in demo.unique"),
        "{held}"
    );
    // Its ledger speaks of the topic of before, and so do its rows.
    workplace.say(&["reconcile"]).ends(0);
    let said = workplace.say(&["release", "items/unique", "--from", "earliest"]).ends(0).errors;
    assert!(
        unwrapped(&said).contains("items/unique read demo.items before: its rows of that stay in the table in which"),
        "{said}"
    );
    assert!(!said.contains("delete"), "{said}");
    workplace.say(&RUN).ends(0);
    let said = unwrapped(&workplace.say(&["reconcile"]).ends(0).output);
    let left =
        "12 rows of flows that this data folder does not know, or of topics that a flow read before, are left out";
    assert!(said.contains(left), "{said}");
}

/// The topic of now is empty when its readers are sent to it: who fills it is sent back, too.
#[test]
fn a_dedupe_forgets_what_came_from_the_topic_of_before() {
    let workplace = landed();
    std::fs::remove_file(workplace.path().join("in/items_20260106.csv")).expect("removed");
    workplace.write("items.yaml", &FEED.replace("demo.items", "demo.other").replace("demo.unique", "demo.anew"));
    workplace.say(&RUN).ends(3);
    for flow in ["items/collect", "items/unique"] {
        workplace.say(&["release", flow, "--from", "earliest"]).ends(0);
    }
    let said = workplace.say(&RUN);
    let told = workplace.say(&["sql", "--format", "TSV", "select count() from demo.anew"]).output;
    assert_eq!(told, "12\n", "{}{}", said.output, said.errors);
}

/// Rows of the topic of before do not come again: no remedy that is printed may take them out with others.
#[test]
fn a_gap_of_a_flow_that_reads_another_topic_is_not_mended_by_taking_all_its_rows_out() {
    let feed = "topology: items
flows:
  one:
    from: { files: { path: one, file-names: [\"items_{date:%Y%m%d}*\"] } }
    steps: [ { decode: { delimited: { layouts: { one: { header: [id, note] } } } } }, { select: { id: \"coalesce(id, '')\", note: note } } ]
    to: { topic: demo.one, key: [note], partitions: 2 }
  other:
    from: { files: { path: other, file-names: [\"items_{date:%Y%m%d}*\"] } }
    steps: [ { decode: { delimited: { layouts: { one: { header: [id, note] } } } } }, { select: { id: \"coalesce(id, '')\", note: note } } ]
    to: { topic: demo.other, key: [note], partitions: 2 }
  land:
    from: { topic: demo.one }
    to: { clickhouse: { table: demo.items, rows: append, key: [id] } }
";
    let workplace = Workplace::new();
    let gap = |status: i32| {
        let said = workplace.say(&["reconcile"]).ends(status);
        unwrapped(&format!("{}{}", said.output, said.errors))
    };
    let delete = |id: &str| workplace.say(&["sql", &format!("delete from demo.items where id = '{id}'")]).ends(0);
    workplace.write("items.yaml", feed);
    // All in one partition: the other one has no ledger.
    workplace.write("one/items_20260105.csv", "id,note\na,same\nb,same\nc,same\n");
    workplace.write("other/items_20260105.csv", "id,note\nx,same\ny,same\n");
    workplace.say(&RUN).ends(0);
    workplace.write("items.yaml", &feed.replace("from: { topic: demo.one }", "from: { topic: demo.other }"));
    let held = unwrapped(&workplace.say(&RUN).ends(3).output);
    assert!(held.contains("hold[E5110]") && !held.contains("E5112"), "{held}");
    delete("a");
    let said = gap(4);
    let back = "These rows are of demo.one, which items/land read before. First give it that topic back in its file";
    assert!(said.contains(back) && said.contains("delete from demo.items where _landing = 'items/land/"), "{said}");
    assert!(!said.contains("startsWith(_landing"), "{said}");
    // Word by word.
    let statement = || said.split("spotlight sql \"").nth(1).and_then(|rest| rest.split('"').next());
    workplace.write("items.yaml", feed);
    workplace.say(&["sql", statement().expect("a statement")]).ends(0);
    workplace.say(&RUN).ends(3);
    workplace.say(&["release", "items/land", "--from", "earliest"]).ends(0);
    workplace.say(&RUN).ends(0);
    gap(0);
    workplace.write("items.yaml", &feed.replace("from: { topic: demo.one }", "from: { topic: demo.other }"));
    workplace.say(&RUN);
    workplace.say(&["release", "items/land", "--from", "earliest"]).ends(0);
    workplace.say(&RUN).ends(0);
    let rows = || workplace.say(&["sql", "--format", "TSV", "select id from demo.items order by id"]).ends(0).output;
    assert_eq!(rows(), "a\nb\nc\nx\ny\n");
    gap(0);
    // Behind the release a gap is of the topic of now, and only its rows are taken out.
    delete("x");
    let said = gap(4);
    let statement = said.split("spotlight sql \"").nth(1).and_then(|rest| rest.split('"').next());
    workplace.say(&["sql", statement.expect("a statement")]).ends(0);
    assert_eq!(rows(), "a\nb\nc\n");
    workplace.say(&["release", "items/land", "--from", "earliest"]).ends(0);
    workplace.say(&RUN).ends(0);
    assert_eq!(rows(), "a\nb\nc\nx\ny\n");
    gap(0);
}

/// The newest row of a key is the one with the highest place, and places of two topics cannot be compared.
#[test]
fn rows_of_another_topic_do_not_hide_newer_ones() {
    let feed = "topology: items
flows:
  collect:
    from: { files: { path: in, file-names: [\"items_{date:%Y%m%d}*\"] } }
    steps: [ { decode: { delimited: { layouts: { one: { header: [id, note] } } } } }, { select: { id: \"coalesce(id, '')\", note: note } } ]
    to: { topic: demo.items, key: [id], partitions: 2 }
  land:
    from: { topic: demo.items }
    to: { clickhouse: { table: demo.items, rows: by-key, key: [id] } }
";
    let document =
        |note: &str| format!("id,note\n{}", (0..6).map(|row| format!("i{row},{note}\n")).collect::<String>());
    let rebuild = ["rebuild", "items/land"];
    for rebuilt in [false, true] {
        let workplace = Workplace::new();
        let rows = || {
            let sql = "select note, count() from demo.items final group by note order by note";
            workplace.say(&["sql", "--format", "TSV", sql]).ends(0).output
        };
        workplace.write("items.yaml", feed);
        for day in 1..4 {
            workplace.write(&format!("in/items_2026010{day}.csv"), &document("old"));
        }
        workplace.say(&RUN).ends(0);
        workplace.write("in/items_20260109.csv", &document("new"));
        workplace.write("items.yaml", &feed.replace("topic: demo.items", "topic: demo.others"));
        let told = |words: &[&str], status: i32| {
            let said = workplace.say(words).ends(status);
            unwrapped(&format!("{}{}", said.output, said.errors))
        };
        let held = told(&RUN, 3);
        assert!(held.contains("hold[E5110]"), "{held}");
        let said = told(&["release", "items/land", "--from", "earliest"], 0);
        assert!(said.contains("so it waits for what E5122 says"), "{said}");
        // Its ledger speaks of the topic of before, of which nothing is missed.
        workplace.say(&["reconcile"]).ends(0);
        let told = told(&RUN, 3);
        assert!(told.contains("hold[E5122]: items/land waits: table demo.items holds "), "{told}");
        assert_eq!(rows(), "old\t6\n", "nothing was landed");
        workplace.say(&["reconcile"]).ends(0);
        if rebuilt {
            assert!(told.contains("spotlight rebuild items/land"), "{told}");
            workplace.say(&rebuild).ends(0);
            workplace.say(&RUN).ends(0);
        } else {
            let delete =
                told.split("spotlight sql \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a statement");
            workplace.say(&["sql", delete]).ends(0);
        }
        workplace.say(&RUN).ends(0);
        assert_eq!(rows(), "new\t6\n", "{rebuilt}");
        workplace.say(&["reconcile"]).ends(0);
    }
}

/// By other columns a repeat may be other content. That is told, as nothing else would tell it; and a flow with outputs is
/// offered no rebuild, which it could not have.
#[test]
fn a_memory_that_compares_other_columns_says_so() {
    let workplace = Workplace::new();
    let feed = FEED.replace("compare: key } }", "compare: content, ignore: [day] } }").replace(
        "    to: { clickhouse: { table: demo.unique",
        "    outputs: { conflicts: { topic: demo.conflicts } }\n    to: { clickhouse: { table: demo.unique",
    );
    workplace.write("items.yaml", &feed);
    workplace.write("in/items_20260105.csv", "id,kind,note\na,k,x\n");
    let told = |words: &[&str]| {
        let said = workplace.say(words).ends(0);
        unwrapped(&format!("{}{}", said.output, said.errors))
    };
    assert!(!told(&RUN).contains("compares content"));
    let note = "step seen of items/unique compares content, from now on with up text: a repeat of what it has seen before goes \
                to `conflicts` where such a column has a value; what is not to count stands in `ignore`";
    workplace.write("items.yaml", &feed.replace("[ { dedupe:", "[ { extend: { up: upper(note) } }, { dedupe:"));
    assert!(told(&["plan", "items.yaml", "--apply"]).contains(note));
    let said = told(&RUN);
    assert!(said.contains(note), "{said}");
    assert!(
        said.contains("items/unique has changed since it last ran") && !said.contains("spotlight rebuild"),
        "{said}"
    );
    assert!(!told(&RUN).contains("compares content"));
    assert!(!told(&["status"]).contains("spotlight rebuild"));
    let refused = workplace.say(&["rebuild", "items/unique"]).ends(64).errors;
    assert!(unwrapped(&refused).contains("items/unique also writes demo.conflicts"), "{refused}");
    let ignored =
        feed.replace("[ { dedupe:", "[ { extend: { up: upper(note) } }, { dedupe:").replace("[day]", "[day, up]");
    workplace.write("items.yaml", &ignored);
    assert!(told(&RUN).contains("from now on without up text:"));
}
