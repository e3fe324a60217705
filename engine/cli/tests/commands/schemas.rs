//! What a change of a file means for what is there already: records of an earlier schema, rows in an earlier table.

use crate::workplace::Workplace;

const COLLECT: &str = r#"topology: sales
flows:
  collect:
    from: { files: { path: sales, file-names: ["sales_{date:%Y%m%d}.txt"] } }
    steps:
      - decode: { delimited: { layouts: { one: { header: [id, amount] } } } }
      - select: { id: id, amount: cast(amount as bigint), day: document.date }
    to: { topic: demo.sales, key: [id] }
"#;

const LAND: &str = r#"  land:
    from: { topic: demo.sales }
    steps: [ { where: id is not null } ]
    to: { topic: demo.seen, key: [id] }
"#;

#[test]
fn records_of_an_earlier_schema_are_told_before_anything_is_started() {
    let workplace = Workplace::new();
    let file = |text: &str| workplace.write("sales.yaml", text);
    let both = format!("{COLLECT}{LAND}");
    let changed = both.replace("cast(amount as bigint)", "\"cast(amount as bigint) > 5\"");
    let (run, plan) = (["run", "sales.yaml", "--once"], ["plan", "sales.yaml"]);
    workplace.write("sales/sales_20260105.txt", "id,amount\na,5\nb,6\n");
    file(COLLECT);
    workplace.say(&run).ends(0);

    // Two records wait for a flow that is new.
    file(&changed);
    let planned = workplace.say(&plan).ends(2).output;
    let refused = workplace.say(&run).ends(65).errors;
    for said in [&planned, &refused] {
        assert!(said.contains("E4310 topic demo.sales: 2 records wait for sales/land"), "{said}");
        assert!(said.contains("\n  field `amount`: the type was long and is boolean"), "{said}");
        assert!(said.contains("to go on: take the change back and run once more"), "{said}");
        assert!(!said.contains("--from end"), "a flow that has never run cannot be sent on: {said}");
    }
    // What is said to help helps: they are read by their own schema, and then the change hinders nobody.
    file(&both);
    workplace.say(&run).ends(0);
    file(&changed);
    let planned = workplace.say(&plan).ends(0).output;
    assert!(planned.contains("topic demo.sales: its newest record is of an earlier schema"), "{planned}");
    workplace.write("sales/sales_20260106.txt", "id,amount\nc,7\n");
    let said = workplace.say(&run).ends(0);
    assert!(said.errors.contains("topic demo.sales: its newest record is of an earlier schema"), "{}", said.errors);
    assert!(said.errors.contains("none of them can be sent back to one"), "{}", said.errors);
    // The newest record is of the schema of now.
    assert!(!workplace.say(&plan).ends(0).output.contains("newest record is of an earlier schema"));
    // A change that earlier records can be read by is no matter.
    file(&both.replace("day: document.date", "day: document.date, more: \"nullif(id, 'a')\""));
    assert!(workplace.say(&plan).ends(0).output.contains("demo.sales"), "planned");
}

/// What a flow cannot read it is not sent back to, and what waits for it can be left out.
#[test]
fn a_flow_is_not_sent_back_to_records_of_an_earlier_schema() {
    let workplace = Workplace::new();
    let both = format!("{COLLECT}{LAND}");
    let changed = both.replace("cast(amount as bigint)", "\"cast(amount as bigint) > 5\"");
    let (run, release) = (["run", "sales.yaml", "--once"], ["release", "sales/land", "--from"]);
    let from = |place: &'static str| [&release[..], &[place]].concat();
    workplace.write("sales/sales_20260105.txt", "id,amount\na,5\nb,6\n");
    workplace.write("sales.yaml", &both);
    workplace.say(&run).ends(0);
    workplace.say(&from("earliest")).ends(0);
    // Two records wait for a flow that has run.
    workplace.write("sales.yaml", &changed);
    let refused = workplace.say(&run).ends(65).errors;
    assert!(refused.contains("E4310 topic demo.sales: 2 records wait for sales/land"), "{refused}");
    let told = refused.replace("\n", " ");
    let told: Vec<&str> = told.split_whitespace().collect();
    assert!(told.join(" ").contains("or leave out what waits: spotlight release sales/land --from end"), "{refused}");
    workplace.say(&from("end")).ends(0);
    workplace.say(&run).ends(0);
    // As it runs now it cannot read them, from the beginning or from an offset.
    for place in ["earliest", "0"] {
        let words = [&from(place)[..], if place == "0" { &["--all-partitions"] } else { &[] }].concat();
        let said = workplace.say(&words).ends(64).errors;
        assert!(said.contains("E4310 topic demo.sales: behind that place are records of an earlier schema"), "{said}");
        assert!(said.contains("\n  field `amount`: the type was long and is boolean"), "{said}");
        assert!(said.contains("spotlight release sales/land --from end"), "{said}");
    }
    workplace.say(&from("end")).ends(0);
    workplace.say(&run).ends(0);
    // What is said to help helps.
    workplace.write("sales.yaml", &both);
    workplace.say(&run).ends(0);
    workplace.say(&from("earliest")).ends(0);
    workplace.say(&run).ends(0);
}

/// Neither a rebuild nor a release reads what is of a schema that does not fit. The way that is told does, word for word.
#[test]
fn what_a_topic_has_of_an_earlier_type_is_made_again_by_the_way_that_is_told() {
    let workplace = Workplace::new();
    let table = "to: { clickhouse: { table: demo.seen, rows: append, key: [id] } }";
    let both = format!("{COLLECT}{LAND}").replace("to: { topic: demo.seen, key: [id] }", table);
    let typed = both.replace("cast(amount as bigint)", "cast(amount as double)");
    let once = ["run", "sales.yaml", "--once"];
    let rows =
        || workplace.say(&["sql", "select id, amount * 1.5 from demo.seen order by id", "--format", "CSV"]).output;
    workplace.write("sales/sales_20260105.txt", "id,amount\na,5\nb,6\n");
    workplace.write("sales.yaml", &both);
    workplace.say(&once).ends(0);

    workplace.write("sales.yaml", &both.replace("cast(amount as bigint)", "amount"));
    let commands =
        ["release sales/collect --from earliest", "release sales/land --from earliest", "rebuild sales/land"];
    let way = format!("end the run, spotlight {}; and run again", commands.join(", spotlight "));
    let planned = workplace.say(&["plan", "sales.yaml"]).ends(2).output;
    assert!(planned.contains(&way), "{planned}");
    assert!(workplace.say(&once).ends(3).errors.contains(&way), "a run tells it too");
    workplace.say(&["rebuild", "sales/land"]).ends(0);
    let refused = workplace.say(&once).ends(3).errors;
    assert!(refused.contains("is not rebuilt") && refused.matches(&way).count() == 2, "{refused}");

    workplace.write("sales.yaml", &typed.replace("topic: demo.sales", "topic: demo.typed"));
    let held = workplace.say(&once).ends(3).output;
    assert!(held.contains("hold[E5110]"), "{held}");
    for command in commands {
        workplace.say(&command.split(' ').collect::<Vec<_>>()).ends(0);
    }
    workplace.say(&once).ends(0);
    assert_eq!(rows(), "\"a\",7.5\n\"b\",9\n");
    assert!(workplace.say(&["reconcile"]).ends(0).output.contains("sales/land"), "all there");
}

#[test]
fn a_table_that_is_renamed_in_the_file_is_told_by_its_earlier_name() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    workplace.write_changed("my-list.yaml", &[("demo.my_list", "demo.our_list")]);
    let before = workplace.say(&["plan", "my-list.yaml", "--apply"]).ends(2).output;
    assert!(before.contains("table demo.our_list: missing; my-list/load has landed in demo.my_list"), "{before}");
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(3);
    let after = workplace.say(&["plan", "my-list.yaml"]).ends(2).output;
    assert!(after.contains("table demo.our_list: missing; my-list/load has landed in demo.my_list"), "{after}");
    let said = workplace.say(&["reconcile"]).ends(4).output;
    assert!(
        said.contains("my-list/load landed in demo.my_list before the topology named demo.our_list: 2 of its"),
        "{said}"
    );
    // What is said to help helps.
    let help = "rename table demo.my_list to demo.our_list";
    assert!(said.contains(help), "{said}");
    workplace.say(&["sql", help]).ends(0);
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let said = workplace.say(&["reconcile"]).ends(0).output;
    assert!(!said.contains("demo.my_list"), "{said}");
}

/// A key's partition follows from their number, so a topic keeps the one that it was made with.
#[test]
fn another_number_of_partitions_is_told_with_the_number_that_there_is() {
    let workplace = Workplace::new();
    let (run, plan) = (["run", "sales.yaml", "--once"], ["plan", "sales.yaml"]);
    let planned = |number: u32| {
        let key = format!("key: [id], partitions: {number}");
        workplace.write("sales.yaml", &COLLECT.replace("key: [id]", &key));
    };
    workplace.write("sales/sales_20260105.txt", "id,amount\na,5\n");
    planned(3);
    workplace.say(&run).ends(0);
    planned(6);
    for words in [&run[..], &plan] {
        let said = workplace.say(words).ends(65).errors;
        assert!(said.contains("E5305 topic `demo.sales` has 3 partitions, not 6"), "{said}");
        assert!(said.contains("write `partitions: 3` where sales.yaml names it"), "{said}");
    }
    planned(3);
    workplace.say(&run).ends(0);
}
