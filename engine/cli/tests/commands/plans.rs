//! `plan`: what a table lacks is added, what would destroy is only said.

use crate::workplace::Workplace;

#[test]
fn plan_makes_a_table_adds_a_column_and_refuses_to_destroy() {
    let workplace = Workplace::new();
    let test = "    expect:\n      rows: [ { list_date: 2026-01-05, symbol: ABC, quantity: 12 } ]";
    workplace.write_changed(
        "wider.yaml",
        &[(
            "          quantity: cast(quantity as bigint)\n",
            "          quantity: cast(quantity as bigint)\n          half: cast(quantity as bigint) / 2\n",
        )],
    );
    workplace.write_changed(
        "other-type.yaml",
        &[("cast(quantity as bigint)", "quantity"), (test, &test.replace("quantity: 12", "quantity: \"12\""))],
    );
    let columns = || {
        let query = "select arrayStringConcat(groupArray(name), ' ') from system.columns \
                     where database = 'demo' and table = 'my_list' and name not like '\\_%'";
        workplace.say(&["sql", "--format", "TSV", query]).ends(0).output.trim().to_owned()
    };

    let said = workplace.say(&["plan", "my-list.yaml"]).ends(0);
    assert!(said.output.contains("table demo.my_list: missing; --apply would run:"), "{}", said.output);
    assert!(!workplace.data().exists(), "plan alone makes nothing: a run that starts meanwhile has the folder");
    let said_before = said.output;
    workplace.say(&["plan", "my-list.yaml", "--apply"]).ends(0);
    workplace.say(&["sql", "drop table demo.my_list"]).ends(0);
    assert_eq!(columns(), "");
    let said = workplace.say(&["plan", "my-list.yaml"]).ends(0);
    assert_eq!(said.output, said_before, "where there is no ClickHouse yet the same would be made");
    assert_eq!(columns(), "", "plan alone changes nothing");
    workplace.say(&["plan", "my-list.yaml", "--apply"]).ends(0);
    assert_eq!(columns(), "list_date symbol quantity");
    let said = workplace.say(&["plan", "my-list.yaml"]).ends(0);
    assert!(said.output.contains("table demo.my_list: as planned"), "{}", said.output);

    let said = workplace.say(&["plan", "wider.yaml"]).ends(0);
    assert!(said.output.contains("table demo.my_list: lacks columns; --apply would run:"), "{}", said.output);
    workplace.say(&["plan", "wider.yaml", "--apply"]).ends(0);
    assert_eq!(columns(), "list_date symbol quantity half");

    for words in [&["plan", "other-type.yaml"][..], &["plan", "other-type.yaml", "--apply"]] {
        let said = workplace.say(words).ends(2);
        assert!(said.output.contains("to go on:"), "{}", said.output);
        assert_eq!(columns(), "list_date symbol quantity half", "nothing was destroyed");
    }
}

#[test]
fn a_plan_that_asks_a_server_elsewhere_makes_no_data_folder_either() {
    let workplace = Workplace::new();
    workplace.say(&["plan", "my-list.yaml", "--clickhouse", "http://127.0.0.1:1"]).ends(69);
    assert!(!workplace.data().exists());
}
