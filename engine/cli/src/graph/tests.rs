//! Drawings of small plans, and of names that try to be more than names.

use std::path::PathBuf;

use expect_test::expect;
use topology::MemoryFiles;
use topology::plan::Topology;

use super::{Graph, dot, mermaid};

const FEED: &str = r#"topology: halts
flows:
  collect:
    from: { files: { path: PATH, file-names: ["messages_{date:%Y%m%d}*"] } }
    steps:
      - unzip: { members: "*.txt" }
      - decode: { delimited: { layouts: { one: { header: [id, kind] } } } }
      - select: { keep: [id, kind], day: document.date }
    to: { topic: demo.messages, key: [id], partitions: 4 }
  unique:
    from: { topic: demo.messages }
    steps:
      - dedupe: { name: seen, key: [id], remember: 400d, compare: content, ignore: [day] }
      - route:
          cases:
            - { when: kind = 'test', to: { drop: test } }
            - { when: kind is null, to: odd }
          default: next
    outputs:
      conflicts: { topic: demo.conflicts }
      odd: { topic: demo.odd, key: [id] }
    to: { clickhouse: { table: demo.messages, rows: append, key: [day, id], partition: month of day } }
"#;

fn plan(path: &str) -> Vec<Topology> {
    let files = MemoryFiles::default().with("halts.yaml", &FEED.replace("PATH", path));
    let loaded = topology::load(&[PathBuf::from("halts.yaml")], &files);
    let errors: Vec<_> = loaded.findings.iter().map(|finding| finding.text(false)).collect();
    assert!(!loaded.topologies.is_empty(), "{errors:?}");
    loaded.topologies
}

#[test]
fn a_flow_is_drawn_from_its_documents_to_its_tables() {
    let topologies = plan("incoming");
    let graph = Graph::of(&topologies);
    expect![[r#"
        flowchart LR
          n0[/"files<br/>incoming"/]
          n1(["halts.collect.documents"])
          n5(["demo.messages"])
          n6(["halts.dead-letters"])
          n7[("spotlight.dead_letters")]
          n8[("spotlight.receipts")]
          n10(["demo.conflicts"])
          n12(["demo.odd"])
          n14[("demo.messages")]
          subgraph f0["halts/collect"]
            n2["unzip"]
            n3["decode"]
            n4["select-3"]
          end
          subgraph f1["halts/unique"]
            n9["seen<br/>dedupe"]
            n11["route-2"]
            n13["convert"]
          end
          n0 -->|"documents"| n1
          n1 --> n2
          n2 --> n3
          n3 --> n4
          n4 --> n5
          n4 -.->|"dead letters"| n6
          n6 -.-> n7
          n4 -.->|"receipts"| n8
          n5 --> n9
          n9 -->|"conflicts"| n10
          n9 --> n11
          n11 -->|"odd"| n12
          n11 --> n13
          n13 --> n14
          n13 -.->|"dead letters"| n6
    "#]]
    .assert_eq(&mermaid(&graph));
    expect![[r#"
        digraph spotlight {
          rankdir=LR;
          node [fontname="Helvetica"];
          n0 [shape=parallelogram, label="files\nincoming"];
          n1 [shape=ellipse, label="halts.collect.documents"];
          n5 [shape=ellipse, label="demo.messages"];
          n6 [shape=ellipse, label="halts.dead-letters"];
          n7 [shape=cylinder, label="spotlight.dead_letters"];
          n8 [shape=cylinder, label="spotlight.receipts"];
          n10 [shape=ellipse, label="demo.conflicts"];
          n12 [shape=ellipse, label="demo.odd"];
          n14 [shape=cylinder, label="demo.messages"];
          subgraph cluster_0 {
            label="halts/collect";
            n2 [shape=box, label="unzip"];
            n3 [shape=box, label="decode"];
            n4 [shape=box, label="select-3"];
          }
          subgraph cluster_1 {
            label="halts/unique";
            n9 [shape=box, label="seen\ndedupe"];
            n11 [shape=box, label="route-2"];
            n13 [shape=box, label="convert"];
          }
          n0 -> n1 [label="documents"];
          n1 -> n2;
          n2 -> n3;
          n3 -> n4;
          n4 -> n5;
          n4 -> n6 [label="dead letters", style=dashed];
          n6 -> n7 [style=dashed];
          n4 -> n8 [label="receipts", style=dashed];
          n5 -> n9;
          n9 -> n10 [label="conflicts"];
          n9 -> n11;
          n11 -> n12 [label="odd"];
          n11 -> n13;
          n13 -> n14;
          n13 -> n6 [label="dead letters", style=dashed];
        }
    "#]]
    .assert_eq(&dot(&graph));
    // The same files give the same text.
    assert_eq!(mermaid(&Graph::of(&plan("incoming"))), mermaid(&graph));
}

#[test]
fn a_name_cannot_end_its_label() {
    let hostile = r#"'in"]; n0 --> n9; click n0 "javascript:x" <b>&quot;\" %% `'"#;
    let topologies = plan(hostile);
    let graph = Graph::of(&topologies);
    let (mermaid, dot) = (mermaid(&graph), dot(&graph));
    let line = |text: &str| text.lines().find(|line| line.contains("javascript")).expect("the path").to_owned();
    let drawn = line(&mermaid);
    let label = drawn.trim().strip_prefix("n0[/\"").and_then(|rest| rest.strip_suffix("\"/]")).expect("one node");
    assert!(!label.contains(['"', '`', '\\', '%', '&']) && !label.replace("<br/>", "").contains(['<', '>']), "{label}");
    let drawn = line(&dot);
    let label = drawn.trim().strip_prefix("n0 [shape=parallelogram, label=\"").expect("one node");
    let label = label.strip_suffix("\"];").expect("one label");
    let unescaped = label.replace("\\\\", "").replace("\\\"", "");
    assert!(!unescaped.contains('"') && !unescaped.replace("\\n", "").contains('\\'), "{label}");
    assert!(!label.replace("&amp;", "").contains('&'), "{label}");
}

#[test]
fn the_shipped_feeds_meet_in_one_topic() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../topologies");
    let loaded = topology::load(&[folder], &topology::DiskFiles);
    let text = mermaid(&Graph::of(&loaded.topologies));
    let declared = text.lines().filter(|line| line.contains("([\"swaps.messages\"])")).count();
    assert_eq!(declared, 1, "{text}");
    for name in ["swaps/unique", "sec-ftd/load"] {
        assert!(text.contains(&format!("[\"{name}\"]")), "{name}: {text}");
    }
}
