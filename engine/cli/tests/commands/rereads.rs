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
