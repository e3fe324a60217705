//! Values that YAML or the reader takes for something else than was meant: the finding says what to write, and where.

use super::rendered;
use crate::{Loaded, MemoryFiles, describe, load};

const FEED: &str = r#"topology: feed
about: A feed.
flows:
  load:
    from: { files: { path: in, file-names: ["x{date:%Y%m%d}*"], every: EVERY } }
    steps:
      - decode:
          delimited: DELIMITED
            separator: SEPARATOR
            quotes: none
            layouts: { one: { header: [Day, Amount] } }
            trailer: [ { matches: 'end (?<n>\d+) (?<t>\S+)', proves: PROVES } ]
      STEP
    to: { topic: feed.rows, key: [Day] }
"#;

/// The feed with some values; the others are good.
fn feed(changes: &[(&str, &str)]) -> Loaded {
    let mut text = FEED.to_owned();
    for (name, value) in changes {
        text = text.replace(name, value);
    }
    text = text.replace("      STEP\n", "").replace("DELIMITED", "").replace("SEPARATOR", "\"|\"");
    text = text.replace("EVERY", "1h").replace("PROVES", "{ count: n }");
    load(&["r/feed.yaml".into()], &MemoryFiles::default().with("r/feed.yaml", &text))
}

/// One finding, at this line, that says this.
#[track_caller]
fn says(found: &Loaded, line: u32, words: &[&str]) {
    let shown = rendered(found);
    assert_eq!(found.findings.len(), 1, "{shown}");
    assert_eq!(found.findings[0].excerpt.position.line, line, "{shown}");
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in words {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn a_character_that_yaml_takes_for_itself_is_to_be_quoted_where_it_stands() {
    assert!(feed(&[]).findings.is_empty(), "{}", rendered(&feed(&[])));
    for sign in ['|', '>', '*', '&', '!', '%', '@', '`', '#', '-', '?', ',', '}', ']', '~'] {
        let wanted = format!("put the character in quotes: `\"{sign}\"`");
        for written in [format!("{sign}"), format!("{sign}   # what stands between cells")] {
            says(&feed(&[("SEPARATOR", &written)]), 9, &[&wanted]);
        }
        let quoted = feed(&[("SEPARATOR", &format!("\"{sign}\""))]);
        assert!(quoted.findings.is_empty(), "{}", rendered(&quoted));
    }
    // In brackets YAML takes some of them as they are.
    for sign in ['*', '&', '!', '%', '@', '`', '#', '-', ','] {
        let wanted = format!("put the character in quotes: `\"{sign}\"`");
        let flow = format!("{{ separator: {sign}, quotes: none, layouts: {{ one: {{ header: [Day, Amount] }} }} }}");
        says(&one_line(&flow), 8, &[&wanted]);
    }
}

/// The feed whose format stands in one line.
fn one_line(delimited: &str) -> Loaded {
    let begin = FEED.find("          delimited:").expect("it is there");
    let end = FEED.find("      STEP").expect("it is there");
    let rest = FEED[end..].split_once('\n').expect("a line").1;
    let text = format!("{}          delimited: {delimited}\n{rest}", &FEED[..begin]).replace("EVERY", "1h");
    load(&["r/feed.yaml".into()], &MemoryFiles::default().with("r/feed.yaml", &text))
}

#[test]
fn a_text_that_is_no_duration_is_told_the_nearest_that_is() {
    let units = "the units are `ms`, `s`, `m`, `h` and `d`";
    let cases: &[(&str, &[&str])] = &[
        ("100ms", &["`100ms` is too short a duration", "write a duration from `1s`, such as `15m`", units]),
        ("0s", &["`0s` is too short a duration", "from `1s`"]),
        ("10 minutes", &["`10 minutes` is no duration", "did you mean `10m`?", "write `10m`", units]),
        ("1 hour", &["write `1h`"]),
        ("1d12h", &["write `36h`"]),
        ("90", &["`90` is no duration", "write `90s` or `90m` or `90h` or `90d`"]),
        ("1.5h", &["write `90m`"]),
        ("50 milliseconds", &["write a duration from `1s`"]),
        ("soon", &["`soon` is no duration", "write a duration from `1s`", units]),
    ];
    for (every, words) in cases {
        says(&feed(&[("EVERY", every)]), 5, words);
    }
    for good in ["1s", "1000ms", "10m", "36 h"] {
        assert!(feed(&[("EVERY", good)]).findings.is_empty(), "{good}");
    }
}

#[test]
fn one_line_at_the_end_proves_a_count_a_sum_or_both() {
    let both = feed(&[("PROVES", "{ count: n, sum: Amount, equals: t }")]);
    assert!(both.findings.is_empty(), "{}", rendered(&both));
    assert!(describe(&both.topologies[0]).contains("proves count n, sum Amount equals t"));
    let cases = [
        ("{}", "`proves` needs one of `count`, `sum`"),
        ("{ count: n, equals: t }", "`proves` needs the field `sum`"),
        ("{ sum: Amount }", "`proves` needs the field `equals`"),
        ("{ count: n, sum: Amont, equals: t }", "`sum` names no column of the layout `one`"),
        ("{ count: m, sum: Amount, equals: t }", "`matches` has no group `m`"),
    ];
    for (proves, wanted) in cases {
        says(&feed(&[("PROVES", proves)]), 12, &[wanted]);
    }
}

#[test]
fn two_things_in_one_place_are_told_why_of_that_place() {
    let found = feed(&[("      STEP\n", "      - drop: [Amount]\n        where: 1 = 1\n")]);
    says(&found, 14, &["a step has `drop` and `where`", "why: A step does one thing"]);
    let found = feed(&[("topic: feed.rows, key: [Day]", "topic: { topic: x }, clickhouse: { table: d.t }")]);
    says(&found, 13, &["why: A flow has one destination"]);
}

#[test]
fn a_null_of_one_layout_has_the_type_of_the_others() {
    let feed = "topology: feed\nflows:\n  load:\n    from: { files: { path: in, file-names: [\"x*\"] } }\n    steps:\n      - decode: { delimited: { \
                layouts: { two: { header: [id, amount] }, one: { header: [id] } } } }\n      - select: { id: id, amount: { one: 'null', \
                else: 'cast(amount as bigint)' } }\n      - extend: { twice: amount * 2 }\n    to: { topic: feed.rows, key: [id] }\n";
    let loaded = load(&["r/feed.yaml".into()], &MemoryFiles::default().with("r/feed.yaml", feed));
    assert!(loaded.findings.is_empty(), "{}", rendered(&loaded));
    let described = describe(&loaded.topologies[0]);
    assert!(
        described.contains("amount nullable bigint") || described.contains("amount: nullable bigint"),
        "{described}"
    );
}
