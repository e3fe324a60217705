//! `plan`: what a table lacks is added, what would destroy is only said.

use crate::workplace::Workplace;

#[test]
fn plan_makes_a_table_adds_a_column_and_refuses_to_destroy() {
    let workplace = Workplace::new();
    let test = "    expect:\n      rows: [ { list_date: 2026-01-05, symbol: ABC, quantity: 12 } ]";
    let quantity = "          quantity: cast(quantity as bigint)\n";
    for (file, name) in [("wider.yaml", "half"), ("renamed.yaml", "part")] {
        let wider = format!("{quantity}          {name}: cast(quantity as bigint) / 2\n");
        workplace.write_changed(file, &[(quantity, &wider)]);
    }
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

    let said = workplace.say(&["plan", "my-list.yaml"]).ends(0).output;
    assert!(said.contains("as planned") && said.contains("`half` is filled no more"), "{said}");
    assert!(said.contains("spotlight sql 'ALTER TABLE demo.my_list DROP COLUMN `half`'"), "{said}");
    let said = workplace.say(&["plan", "renamed.yaml"]).ends(0).output;
    let rename = "spotlight sql 'ALTER TABLE `demo`.`my_list` RENAME COLUMN `half` TO `part`'";
    assert!(said.contains("has `half`, which the plan has not") && said.contains(rename), "{said}");
    // Which is meant only a person knows, and both commands do what they say.
    let said = workplace.say(&["plan", "renamed.yaml", "--apply"]).ends(2).output;
    let add = "or, if it is a new column: spotlight sql 'ALTER TABLE";
    assert!(said.contains("nothing is applied") && said.contains(rename) && said.contains(add), "{said}");
    assert_eq!(columns(), "list_date symbol quantity half");
    let statement = said.split(add).nth(1).and_then(|rest| rest.split('\'').next()).expect("a statement");
    workplace.say(&["sql", &format!("ALTER TABLE{statement}")]).ends(0);
    assert!(columns().contains("part"), "{}", columns());
    workplace.say(&["sql", "ALTER TABLE demo.my_list DROP COLUMN part"]).ends(0);

    for words in [&["plan", "other-type.yaml"][..], &["plan", "other-type.yaml", "--apply"]] {
        let said = workplace.say(words).ends(2);
        assert!(said.output.contains("to go on:") && !said.output.contains("TOPOLOGY/FLOW"), "{}", said.output);
        assert_eq!(columns(), "list_date symbol quantity half", "nothing was destroyed");
    }
}

#[test]
fn a_plan_that_asks_a_server_elsewhere_makes_no_data_folder_either() {
    let workplace = Workplace::new();
    workplace.say(&["plan", "my-list.yaml", "--clickhouse", "http://127.0.0.1:1"]).ends(69);
    assert!(!workplace.data().exists());
}

/// A publisher corrects files under their names; a source that does not look again never hears of it.
#[test]
fn a_publisher_that_is_not_asked_again_is_told() {
    let workplace = Workplace::new();
    let topology = |recheck: &str| {
        let file = format!(
            r#"topology: asked
flows:
  load:
    from:
      http:
        discover: {{ links: {{ page: "http://127.0.0.1:9/", matching: "*x_{{date:%Y%m%d}}.txt" }} }}
        file-names: ["x_{{date:%Y%m%d}}.txt"]
{recheck}
    steps:
      - decode: {{ delimited: {{ layouts: {{ one: {{ header: [A, B] }} }}, names: snake_case }} }}
      - select: {{ id: "coalesce(a, '')", b: b }}
    to: {{ clickhouse: {{ table: demo.asked, rows: by-document, key: [id] }} }}
"#
        );
        workplace.write("asked.yaml", &file);
        workplace.say(&["plan", "--offline", "asked.yaml"]).ends(0).output
    };
    let told = "load: no `recheck`: a document that is there is not asked for again";
    assert!(topology("").contains(told));
    assert!(!topology("        recheck: { for: 14d }").contains(told));
}
