//! Topologies that are copies of one another.

use super::{TABLE, TEMPLATE, TOPICS, USER, files, loaded, rendered};

/// A copy of a file under another name would do all of its work twice; what reads or makes something else is no copy.
#[test]
fn a_copy_of_a_topology_is_refused_beside_the_first() {
    let other = |changes: &[(&str, &str)]| {
        let mut text = TOPICS.replace("topology: feed", "topology: other");
        for (old, new) in changes {
            assert!(text.contains(old), "{old}");
            text = text.replace(old, new);
        }
        loaded(&files(TOPICS, TABLE, USER, TEMPLATE).with("r/other.yaml", &text))
    };
    let path = ("path: in", "path: elsewhere");
    let found = other(&[]);
    assert_eq!(found.findings.len(), 1, "{}", rendered(&found));
    let said = rendered(&found);
    assert!(said.contains("r/other.yaml:1:11") && said.contains("`load` is `feed/load` again"), "{said}");
    assert!(said.contains("`feed.rows`") && said.contains("the first is here"), "{said}");
    // Other documents into the same topic; but then the topic's rows land twice.
    assert!(rendered(&other(&[path])).contains("`unique` is `feed/unique` again"));
    let topics = [("topic: feed.unique", "topic: other.unique"), ("topic: feed.conflicts", "topic: other.conflicts")];
    assert_eq!(rendered(&other(&[path, topics[0], topics[1]])), "");
    // Rows of one key replace each other, whoever lands them.
    let second = |rows: &str| {
        let flow =
            format!("from: {{ topic: feed.unique }}\n    to: {{ clickhouse: {{ table: d.t, rows: {rows} }} }}\n");
        let feed = TOPICS.replace("rows: append", &format!("rows: {rows}"));
        let second = format!("topology: second\nabout: Rows.\nflows:\n  again:\n    {flow}");
        loaded(&files(&feed, TABLE, USER, TEMPLATE).with("r/second.yaml", &second))
    };
    assert!(rendered(&second("append")).contains("`again` is `feed/land` again"));
    assert_eq!(rendered(&second("by-key, version: day")), "");
}
