//! A changed topology, and documents that are loaded already: the commands of `topologies/LANGUAGE.md`.

use crate::program::root;
use crate::workplace::Workplace;

#[test]
fn changed_logic_reaches_loaded_documents_only_when_they_are_read_again() {
    let page = std::fs::read_to_string(root().join("topologies/LANGUAGE.md")).expect("topologies/LANGUAGE.md");
    let workplace = Workplace::new();
    let rows = || {
        let query = "select symbol, quantity from demo.my_list order by symbol";
        workplace.say(&["sql", "--format", "TSV", query]).ends(0).output
    };
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    assert_eq!(rows(), "ABC\t12\nDEF\t7\n");

    // The symbol is a part of the key, so that old rows would stay beside the new ones.
    workplace.write_changed("my-list.yaml", &[("symbol: trim(symbol)", "symbol: lower(symbol)")]);
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    assert_eq!(rows(), "ABC\t12\nDEF\t7\n", "what is loaded stays as it is");

    let written = page.lines().filter_map(|line| line.strip_prefix("    spotlight "));
    let commands: Vec<String> = written
        .map(|line| line.replace("TABLE", "demo.my_list").replace("TOPOLOGY/FLOW", "my-list/load"))
        .map(|line| line.replace("FILE", "my-list.yaml"))
        .collect();
    let [delete, release, run] = commands.as_slice() else { panic!("not three commands: {commands:?}") };
    let query = delete.strip_prefix("sql ").expect("a query").trim_matches('"');
    workplace.say(&["sql", query]).ends(0);
    assert_eq!(rows(), "");
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let release = words(release);
    workplace.say(&release.iter().map(String::as_str).collect::<Vec<_>>()).ends(0);
    let run = words(run);
    workplace.say(&run.iter().map(String::as_str).chain(["--once"]).collect::<Vec<_>>()).ends(0);
    assert_eq!(rows(), "abc\t12\ndef\t7\n");
    workplace.say(&["reconcile"]).ends(0);
}

/// The same list in a table of documents, and by key through a topic.
const LISTS: &str = r#"topology: lists
about: Lists as they were published, and the newest quantity of each symbol.
flows:
  load:
    from:
      files: { path: "lists", file-names: ["list_{date:%Y%m%d}*"], every: 1h }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Symbol, Quantity] } }, names: snake_case } }
      - select: { list_date: document.date, symbol: "MAPPING", quantity: cast(quantity as bigint) }
    to: { clickhouse: { table: demo.lists, rows: by-document, key: [list_date, symbol] } }
  read:
    from:
      files: { path: "lists", file-names: ["list_{date:%Y%m%d}*"], every: 1h }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Symbol, Quantity] } }, names: snake_case } }
      - select: { symbol: symbol, quantity: cast(quantity as bigint) }
    to: { topic: demo.quantities, key: [symbol] }
  latest:
    from: { topic: demo.quantities }
    steps:
      - select: { symbol: "MAPPING", quantity: quantity }
    to: { clickhouse: { table: demo.latest, rows: by-key, key: [symbol] } }
"#;

#[test]
fn rows_that_an_earlier_logic_left_are_named_once_with_their_cause_and_the_command_that_helps() {
    let workplace = Workplace::new();
    let write = |mapping: &str| workplace.write("lists.yaml", &LISTS.replace("MAPPING", mapping));
    let once = ["run", "lists.yaml", "--once"];
    let landing = |flow: &str, status: i32| {
        let said = workplace.say(&["reconcile", "--format", "json"]).ends(status).json();
        said.as_array().expect("a list").iter().find(|one| one["flow"] == flow).expect("the landing").clone()
    };
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|7\nGHI|1\n");
    write("symbol");
    workplace.say(&once).ends(0);
    assert!(!workplace.say(&["reconcile"]).ends(0).output.contains("earlier revision"));

    // The mapping is mended: what has landed stays as it was, and reconcile says how much that is.
    write("lower(symbol)");
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\nDEF|7\nJKL|1\n");
    workplace.say(&once).ends(0);
    let left = landing("lists/latest", 0)["earlier_revisions"].as_u64().expect("a number");
    assert!((1..=3).contains(&left), "{left}");
    let said = workplace.say(&["reconcile"]).ends(0).output;
    let rows = if left == 1 { "1 row".to_owned() } else { format!("{left} rows") };
    let told = format!("{rows} of demo.latest landed by earlier revisions of the topology of lists/latest");
    assert!(said.contains(&told) && said.contains("spotlight release lists/latest --from earliest"), "{said}");

    // Read again without taking the rows out: those under keys that are not made any more stay, and are no gap.
    for (flow, table) in [("lists/load", "demo.lists"), ("lists/latest", "demo.latest")] {
        let said = workplace.say(&["release", flow, "--from", "earliest"]).ends(0).errors;
        assert!(said.contains(&format!("{table} keeps rows of {flow} under keys that")), "{said}");
    }
    workplace.say(&once).ends(0);
    // By key those are seen whose positions hold the newest row of the new key too: ABC and DEF came once more since.
    for (flow, strays) in [("lists/load", 3), ("lists/latest", 1)] {
        let landing = landing(flow, 4);
        assert_eq!((&landing["strays"], &landing["gaps"]), (&strays.into(), &0.into()), "{landing}");
    }
    let said = workplace.say(&["reconcile"]).ends(4).output;
    for flow in ["lists/load", "lists/latest"] {
        let cause = format!("strays: release --from had {flow} read its input again");
        assert_eq!(said.matches(&cause).count(), 1, "{said}");
    }
    assert!(!said.contains("strays: somebody") && !said.contains("earlier revisions"), "{said}");

    // The commands that it names.
    for (flow, table) in [("lists/load", "demo.lists"), ("lists/latest", "demo.latest")] {
        let delete = format!("delete from {table} where startsWith(_landing, '{flow}/')");
        assert!(said.contains(&format!("spotlight sql \"{delete}\"")), "{said}");
        workplace.say(&["sql", &delete]).ends(0);
        workplace.say(&["release", flow, "--from", "earliest"]).ends(0);
    }
    workplace.say(&once).ends(0);
    workplace.say(&["reconcile"]).ends(0);
}

/// What README says of a document that should not have been loaded, and of an expression that was wrong.
#[test]
fn rows_that_should_not_be_there_go_by_an_empty_version_or_by_reading_again() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    let rows = || {
        let query = "select symbol, quantity from demo.my_list order by all";
        workplace.say(&["sql", "--format", "TSV", query]).ends(0).output
    };
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nGHI|5\n1\n");
    let said = workplace.say(&once).ends(0);
    assert!(!said.errors.contains("has changed since"), "{}", said.errors);
    assert_eq!(rows(), "ABC\t12\nDEF\t7\nGHI\t5\n");
    std::fs::remove_file(workplace.path().join("lists/list_20260106.txt")).expect("removed");
    workplace.say(&once).ends(0);
    assert_eq!(rows(), "ABC\t12\nDEF\t7\nGHI\t5\n", "a file that is gone takes nothing with it");
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\n0\n");
    workplace.say(&once).ends(0);
    assert_eq!(rows(), "ABC\t12\nDEF\t7\n");
    // Another expression; what only decides how often the source is asked is no change.
    workplace.write_changed("my-list.yaml", &[("every: 1h", "every: 2h")]);
    assert!(!workplace.say(&once).ends(0).errors.contains("has changed since"));
    workplace.write_changed("my-list.yaml", &[("cast(quantity as bigint)", "cast(quantity as bigint) * 100")]);
    let told = workplace.say(&once).ends(0).errors;
    assert!(
        told.contains("my-list/load has changed since it last ran") && told.contains("release my-list/load"),
        "{told}"
    );
    assert_eq!(rows(), "ABC\t12\nDEF\t7\n", "what landed stays");
    // Status says it as long as that is so; not once the file is as it was.
    let changed =
        || workplace.say(&["status"]).ends(0).output.contains("changed: my-list/load makes other rows since 20");
    assert!(!workplace.say(&once).ends(0).errors.contains("has changed since"));
    assert!(changed());
    let file = std::fs::read_to_string(workplace.path().join("my-list.yaml")).expect("the file");
    workplace.write("my-list.yaml", &file.replace(" * 100", ""));
    workplace.say(&once).ends(0);
    assert!(!changed());
    workplace.write("my-list.yaml", &file);
    workplace.say(&once).ends(0);
    assert!(changed());
    // A person may say that this is right.
    let kept = ["release", "my-list", "--keep-rows"];
    assert!(workplace.say(&kept).ends(0).output.contains("the rows of my-list/load stay as they are"));
    assert!(!changed());
    workplace.say(&once).ends(0);
    assert!(!changed() && workplace.say(&kept).ends(0).output.contains("nothing to keep"));
    assert_eq!(rows(), "ABC\t12\nDEF\t7\n");
    workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
    let told = workplace.say(&once).ends(0).errors;
    assert!(!told.contains("has changed since") && !changed(), "once: {told}");
    assert_eq!(rows(), "ABC\t1200\nDEF\t700\n");
    workplace.say(&["reconcile"]).ends(0);
}

/// A list with a wrong trailer, mended while the table is behind the topology.
#[test]
fn a_mended_document_that_waited_for_its_table_is_read_once() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nGHI|5\nJKL|6\n9\n");
    workplace.say(&once);
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nGHI|5\nJKL|6\n2\n");
    workplace
        .write_changed("my-list.yaml", &[("symbol: trim(symbol)", "symbol: trim(symbol)\n          again: symbol")]);
    let held = workplace.say(&once);
    assert!(held.errors.contains("E5105"), "{}", held.errors);
    workplace.say(&["plan", "my-list.yaml", "--apply"]).ends(0);
    for _ in 0..2 {
        workplace.say(&once).ends(0);
        let receipts = workplace.say(&["receipts", "--all", "--format", "json"]).ends(0).json();
        let receipts = receipts.as_array().expect("a list");
        let of = |version: i64| {
            let of_version = receipts.iter().filter(|one| one["version"] == version);
            of_version.filter(|one| one["name"] == "list_20260106.txt").count()
        };
        assert_eq!(of(2), 1, "{receipts:?}");
    }
    workplace.say(&["reconcile"]).ends(0);
}

/// A flow that reads `NAME_DATE.txt` by a decode with `more` behind its layouts.
fn flow_of_lists(name: &str, more: &str) -> String {
    format!(
        r#"
  {name}:
    from: {{ files: {{ path: "lists", file-names: ["{name}_{{date:%Y%m%d}}*"], every: 1h }} }}
    steps:
      - decode: {{ delimited: {{ separator: "|", layouts: {{ v1: {{ header: [Symbol, Quantity] }} }}, names: snake_case{more} }} }}
      - select: {{ list_date: document.date, symbol: symbol, quantity: cast(quantity as bigint) }}
    to: {{ clickhouse: {{ table: demo.{name}, rows: by-document, key: [list_date, symbol] }} }}"#
    )
}

/// An upload that was cut behind its header looks like a list that takes all its rows back.
#[test]
fn rows_go_by_an_empty_version_only_where_a_trailer_or_a_rule_says_so() {
    let workplace = Workplace::new();
    let (count, mark) = (r"matches: '(?<n>\d+)', proves: { count: n }", "matches: END");
    let ruled = ", outcome: [ { when: rows = 0, is: empty } ]";
    let counted = |without: &str| format!(", trailer: [ {{ {count} }} ], without-trailer: {without}");
    let marked = format!(", trailer: [ {{ {mark} }} ], without-trailer: incomplete");
    let write = |plain: &str| {
        let flows = [
            flow_of_lists("plain", plain),
            flow_of_lists("ruled", ruled),
            flow_of_lists("counted", &counted("incomplete")),
            flow_of_lists("uncounted", &counted("accept")),
            flow_of_lists("marked", &marked),
        ];
        workplace
            .write("cut.yaml", &format!("topology: cut\nabout: Lists that may be cut.\nflows:{}\n", flows.concat()));
    };
    let once = ["run", "cut.yaml", "--once"];
    let rows = |name: &str| {
        let query = format!("select symbol, quantity from demo.{name} order by all");
        workplace.say(&["sql", "--format", "TSV", &query]).ends(0).output
    };
    // What stands behind the header, first of a whole list and then of one without rows; whether its rows go.
    let lists = [
        ("plain", "ABC|12\n", "", false),
        ("ruled", "ABC|12\n", "", true),
        ("counted", "ABC|12\n1\n", "0\n", true),
        ("uncounted", "ABC|12\n1\n", "", false),
        ("marked", "ABC|12\nEND\n", "END\n", false),
    ];
    let offer = |of: fn(&(&'static str, &'static str, &'static str, bool)) -> &'static str| {
        for list in &lists {
            workplace.write(&format!("lists/{}_20260105.txt", list.0), &format!("Symbol|Quantity\n{}", of(list)));
        }
    };
    write("");
    offer(|list| list.1);
    workplace.say(&once).ends(0);
    offer(|list| list.2);
    for _ in 0..2 {
        let said = workplace.say(&once).ends(3).output;
        for (name, .., goes) in lists {
            assert_eq!(rows(name), if goes { "" } else { "ABC\t12\n" }, "{name}");
            let told = format!("{name}_20260105.txt (cut/{name}): incomplete E4414: no row behind its header");
            assert_eq!(said.contains(&told), !goes, "{name}: {said}");
        }
        assert_eq!(said.matches("; 1 row of version 1 stays").count(), 3, "{said}");
        let remedy = format!("say in `delimited`, beside `layouts`: `{}`", &ruled[2..]);
        assert_eq!(said.matches(&remedy).count(), 3, "the remedy: {said}");
    }

    // A person says that it is meant. The rule may go again: what was accepted stays so.
    for plain in [ruled, ""] {
        write(plain);
        let said = workplace.say(&once).ends(3).output;
        assert!(!said.contains("plain_20260105.txt"), "{said}");
        assert_eq!(rows("plain"), "");
        assert_eq!(rows("marked"), "ABC\t12\n");
    }
    workplace.say(&["reconcile"]).ends(0);
}
