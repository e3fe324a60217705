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

/// The same within one file: one flow twice under two names.
#[test]
fn a_flow_that_repeats_another_of_its_topology_is_refused() {
    let twice = |to: &str| {
        let collect = |name: &str, to: &str| {
            format!(
                "  {name}:
    from: {{ files: {{ path: in, file-names: [\"{{date:%Y%m%d}}.txt\"] }} }}
    steps:
      - decode: {{ delimited: {{ layouts: {{ one: {{ header: [day] }} }} }} }}
    to: {to}
"
            )
        };
        let first = "{ topic: feed.days, key: [day] }";
        loaded(&files(
            &format!("topology: feed\nabout: Rows.\nflows:\n{}{}", collect("load", first), collect("again", to)),
            TABLE,
            USER,
            TEMPLATE,
        ))
    };
    let found = twice("{ topic: feed.days, key: [day] }");
    let said = rendered(&found);
    assert_eq!(found.findings.len(), 1, "{said}");
    assert!(said.contains("E2213") && said.contains("`again` is `load` again"), "{said}");
    assert!(said.contains("r/feed.yaml:9:3") && said.contains("the first is here"), "{said}");
    // The same rows to another place.
    assert_eq!(rendered(&twice("{ topic: feed.others, key: [day] }")), "");
}
