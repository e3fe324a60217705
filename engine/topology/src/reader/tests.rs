//! The reader on YAML of all styles: places of nodes and of parts of their texts.

use super::{Kind, Node, read};
use crate::diagnostic::Findings;

fn tree(text: &str) -> Node {
    let findings = Findings::default();
    let root = read("a.yaml", text.as_bytes(), &findings);
    let texts: Vec<String> = findings.sorted().iter().map(|finding| finding.text(false)).collect();
    root.unwrap_or_else(|| panic!("{}", texts.join("\n")))
}

fn value<'a>(root: &'a Node, key: &str) -> &'a Node {
    let Kind::Mapping(entries) = &root.kind else { panic!("no map") };
    &entries.iter().find(|entry| entry.key.text() == key).expect(key).value
}

#[test]
fn scalars_stay_text() {
    let root = tree("a: NO\nb: 010\nc: 2024-01-01\nd: ~\ne: \"\"\nf:\n");
    for (key, text, null) in
        [("a", "NO", false), ("b", "010", false), ("c", "2024-01-01", false), ("d", "~", true), ("e", "", false)]
    {
        assert_eq!((value(&root, key).text(), value(&root, key).is_null()), (text, null), "{key}");
    }
    assert!(value(&root, "f").is_null());
}

#[test]
fn parts_of_scalars_have_places() {
    let text = "plain: one bad two\nsingle: 'it''s bad'\ndouble: \"a\\\"b\\u00e4 bad\"\nfolded: >\n  one two\n  three bad four\nliteral: |\n  first\n    bad second\nlong: one\n  two bad\n";
    let root = tree(text);
    for (key, line, column) in
        [("plain", 1, 12), ("single", 2, 16), ("double", 3, 21), ("folded", 6, 9), ("literal", 9, 5), ("long", 11, 7)]
    {
        let node = value(&root, key);
        let at = node.text().find("bad").expect("the word is in the text");
        let excerpt = node.part(at..at + 3).excerpt();
        assert_eq!(
            (excerpt.position.line, excerpt.position.column, excerpt.length),
            (line, column, 3),
            "{key}: {}",
            excerpt.text
        );
    }
}

#[test]
fn paths_say_where_a_node_stands() {
    let root = tree("flows:\n  load:\n    steps:\n      - where: a\n      - select: { b: c }\n");
    let steps = value(value(value(&root, "flows"), "load"), "steps");
    let Kind::Sequence(items) = &steps.kind else { panic!("no list") };
    assert_eq!(value(value(&items[1], "select"), "b").path.to_string(), "flows.load.steps[1].select.b");
}

#[test]
fn aliases_stand_for_their_values_and_cost_as_much() {
    let root = tree("a: &x [1, 2]\nb: *x\n");
    assert!(matches!(&value(&root, "b").kind, Kind::Sequence(items) if items.len() == 2));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb.push_str(&format!("a{i}: &a{i} [{items}]\n"));
    }
    let mut deep = String::from("a0: &a0 [x]\n");
    for i in 1..200 {
        deep.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
    }
    for text in [bomb, deep] {
        let findings = Findings::default();
        assert!(read("a.yaml", text.as_bytes(), &findings).is_none());
        assert_eq!(findings.sorted()[0].code.0, "E1007");
    }
}

#[test]
fn tabs_inside_texts_are_allowed() {
    let root = tree("a: |\n  one\ttwo\n  \tthree\nb: \"x\ty\"\n");
    assert_eq!(value(&root, "a").text(), "one\ttwo\n\tthree\n");
}
