//! What commands answer where there is nothing, where a name means nothing, and while a run is going on.

use crate::workplace::Workplace;

const ONCE: [&str; 3] = ["run", "my-list.yaml", "--once"];

/// The README's feed and another one beside it, with one dead row each.
fn two_feeds() -> Workplace {
    let workplace = Workplace::new();
    let tolerant = ("  load:\n", "  load:\n    bad-rows-above: 90%\n");
    workplace.write_changed("my-list.yaml", &[tolerant]);
    workplace.write_changed(
        "other.yaml",
        &[tolerant, ("topology: my-list", "topology: other"), ("demo.my_list", "demo.other")],
    );
    workplace
}

#[test]
fn where_there_is_nothing_words_say_so() {
    let workplace = two_feeds();
    std::fs::rename(workplace.path().join("lists"), workplace.path().join("later")).expect("moved");
    std::fs::create_dir(workplace.path().join("lists")).expect("a folder");
    workplace.say(&ONCE).ends(0);
    let cases: [(&[&str], &str); 7] = [
        (&["dlq", "ls"], "no dead letter is open or waits to be replayed\n"),
        (&["dlq", "ls", "--all", "--code", "e4101"], "no dead letter with the code E4101 is open or waits"),
        (&["dlq", "ls", "--flow", "my-list"], "no dead letter of my-list is open or waits"),
        (&["receipts"], "there are no receipts: no document has come to its end yet\n"),
        (&["receipts", "--refused"], "no document is refused now\n"),
        (&["tap", "--topics"], "there are no topics of topologies\n"),
        (&["reconcile"], "no flow of this data folder has landed rows in a table yet: there is nothing to compare\n"),
    ];
    for (words, told) in cases {
        let said = workplace.say(words).ends(0).output;
        assert!(said.starts_with(told) && !said.contains('─'), "{words:?}: {said}");
    }
    for (words, told) in [
        (&["dlq", "ls", "--flow", "my-lst"][..], "there is no flow or topology `my-lst`"),
        (&["dlq", "ls", "--code", "E9999"], "there is no code `E9999`"),
    ] {
        let said = workplace.say(words).ends(64).errors;
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn ids_that_mean_nothing_or_belong_elsewhere_are_told_one_by_one() {
    let workplace = two_feeds();
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|x\nDEF|y\nGHI|5\n3\n");
    workplace.say(&["run", "my-list.yaml", "other.yaml", "--once"]).ends(0);
    let listed = |words: &[&str]| workplace.say(&[&["dlq", "ls", "--format", "json"], words].concat()).ends(0).json();
    let ids = |flow: &str| -> Vec<String> {
        let letters = listed(&["--flow", flow]);
        let ids = letters.as_array().expect("a list").iter().filter_map(|one| one["id"].as_str());
        ids.map(str::to_owned).collect()
    };
    assert_eq!(listed(&[]).as_array().map(Vec::len), Some(4));
    assert_eq!(listed(&["--code", "E4102"]).as_array().map(Vec::len), Some(0));
    let (ours, theirs) = (ids("my-list/load"), ids("other"));
    assert_eq!((ours.len(), theirs.len()), (2, 2), "{ours:?} {theirs:?}");
    let said = workplace.say(&["dlq", "ls", "--flow", "other/load"]).ends(0).output;
    assert!(said.contains("2 open; ") && !said.contains("my-list/load"), "{said}");

    // Of another file, and of nothing: nothing is done, and 64 says so.
    let replay = ["dlq", "replay", "my-list.yaml", "--id"];
    for id in [theirs[0].as_str(), "nonsense"] {
        let said = workplace.say(&[&replay[..], &[id]].concat()).ends(64);
        assert!(said.errors.contains(id) && said.output.is_empty(), "{said:?}");
    }
    let said = workplace.say(&[&replay[..], &[&theirs[0]]].concat()).ends(64).errors;
    assert!(said.contains("is of other/load, a flow that these files do not have"), "{said}");
    let said = workplace.say(&[&replay[..], &[&ours[0], "--code", "E4102"]].concat()).ends(64).errors;
    assert!(said.contains("has another code than E4102"), "{said}");
    assert_eq!(ids("my-list").len(), 2);
    // Among others: a line for each, and the others go.
    let words = [&replay[..], &[&ours[0], "--id", &theirs[0], "--id", "nonsense", "--format", "json"]].concat();
    let said = workplace.say(&words).ends(0);
    assert_eq!(said.json()[0]["sent"], 1, "{said:?}");
    assert_eq!(said.errors.lines().count(), 2, "{said:?}");
    assert!(said.errors.contains("has the id `nonsense`") && said.errors.contains(&theirs[0]), "{said:?}");
    let said = workplace.say(&["dlq", "give-up", "--id", &theirs[0], "nonsense"]).ends(0);
    assert_eq!((said.output.as_str(), said.errors.lines().count()), ("1 dead letter given up\n", 1), "{said:?}");

    // What a person gave up stays so when the documents are read again.
    workplace.say(&["run", "other.yaml", "--once"]).ends(0);
    workplace.say(&["release", "other/load", "--from", "earliest"]).ends(0);
    workplace.say(&["run", "other.yaml", "--once"]).ends(0);
    assert_eq!(ids("other"), theirs[1..]);
    let query = "select state from spotlight.dead_letters where topology = 'other' order by row";
    let states = workplace.say(&["sql", "--format", "TSV", query]).ends(0).output;
    assert_eq!(states.lines().filter(|state| *state == "given-up").count(), 1, "{states}");
    // A flow that the file lost is told too.
    workplace.write_changed(
        "my-list.yaml",
        &[("  load:\n", "  fetch:\n    bad-rows-above: 90%\n"), ("flow: load", "flow: fetch")],
    );
    let said = workplace.say(&["dlq", "replay", "my-list.yaml"]).ends(0).errors;
    assert!(said.contains("of my-list/load, a flow that ") && said.contains("my-list.yaml does not have"), "{said}");
}

#[test]
fn a_plan_is_answered_while_a_run_is_going_on() {
    let workplace = Workplace::new();
    workplace.write_changed(
        "wider.yaml",
        &[(
            "          quantity: cast(quantity as bigint)\n",
            "          quantity: cast(quantity as bigint)\n          half: cast(quantity as bigint) / 2\n",
        )],
    );
    let mut process = workplace.endless();
    let said = workplace.say(&["plan", "my-list.yaml"]).ends(0).output;
    assert!(said.contains("table demo.my_list: as planned"), "{said}");
    let said = workplace.say(&["plan", "wider.yaml"]).ends(0).output;
    assert!(said.contains("table demo.my_list: lacks columns; --apply would run:"), "{said}");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn a_table_that_differs_is_told_with_what_helps_and_that_helps() {
    let workplace = Workplace::new();
    workplace.say(&ONCE).ends(0);
    let told = |status: i32| workplace.say(&["reconcile"]).ends(status).output;
    let commands = |said: &str, kind: &str| -> Vec<String> {
        let line = said.lines().find(|line| line.starts_with(kind)).expect(kind);
        let parts = line.split("spotlight ").skip(1);
        parts.map(|part| part.split([',', ';']).next().unwrap_or_default().trim().to_owned()).collect()
    };
    let release = |line: &str| workplace.say(&line.split(' ').collect::<Vec<_>>()).ends(0);
    let query = |line: &str| {
        let query = line.strip_prefix("sql ").expect("a query").trim_matches('"').to_owned();
        workplace.say(&["sql", &query]).ends(0)
    };
    // A row is gone.
    workplace.say(&["sql", "delete from demo.my_list where symbol = 'DEF'"]).ends(0);
    let said = told(4);
    assert!(said.contains("gaps: rows were deleted from demo.my_list"), "{said}");
    release(&commands(&said, "gaps: ")[0]);
    workplace.say(&ONCE).ends(0);
    told(0);
    // Rows that somebody wrote, under a name of nobody.
    let stray =
        "insert into demo.my_list select * replace ('ZZZ' as symbol, 'me' as _landing) from demo.my_list limit 1";
    workplace.say(&["sql", stray]).ends(0);
    let said = told(4);
    query(&commands(&said, "strays: ")[0]);
    told(0);
}

#[test]
fn a_query_that_is_refused_is_told_by_its_place_and_what_there_is() {
    let workplace = Workplace::new();
    workplace.say(&ONCE).ends(0);
    let cases = [
        ("select nope from demo.my_list", "`nope`\n", "\"describe table demo.my_list\" lists the columns"),
        ("select * from demo.nope", "'demo.nope'\n", "\"show tables from demo\" lists the tables"),
        ("select * from nowhere.nope", "nowhere", "spotlight sql \"show "),
        (
            "select symbol\nfrom demo.my_list x y",
            "  from demo.my_list x y\n                      ^\n",
            "mend the query",
        ),
    ];
    for (query, what, remedy) in cases {
        let said = workplace.say(&["sql", query]).ends(64).errors;
        assert!(said.contains(what) && said.contains(remedy), "{query}: {said}");
        assert!(!said.contains("DB::Exception") && !said.contains("version"), "{query}: {said}");
    }
    let said = workplace.say(&["sql", "--format", "TSVWithNames", "select * except '^_' from demo.my_list"]).ends(0);
    assert!(said.output.starts_with("list_date\tsymbol\tquantity\n"), "{}", said.output);
}
