//! The page of holds: each code that can hold a flow, with what `explain` says of it.

use std::path::PathBuf;

use batch::Explanation;

use crate::{compare, section};

/// What stands above the codes. Written here, so that the page has one author.
const HEAD: &str = "\
# Holds: what waits for a person, and how it goes on

<!-- Made of the code's own declarations; the test `docs` writes and compares it. -->

A flow that meets what only a person can mend is *on hold*. It keeps its place, lands nothing more, and loses nothing while
its input is kept. Other flows go on. `spotlight status` says what waits, since when, why, and what helps; so do the log and
the metric `spotlight_flow_held`.

How a hold ends:

1. Mend what the message names.
2. The flow tries again by itself every 15 seconds. `spotlight release TOPOLOGY/FLOW` lets it try at once.
3. Where the position itself is the matter, say where to go on while no run is going on:
   `spotlight release TOPOLOGY/FLOW --from earliest`, `--from end`, or `--from OFFSET --partition N`. It says what it moves.
4. `spotlight reconcile` proves afterwards that each row of the ledger is in its table, once.

Nothing is ever skipped by itself, and no hold ends by waiting. With `--once` a run does not wait: it ends with status 3.
How long a hold may last before it becomes a loss depends on who keeps the input: topics that Spotlight makes are kept for
ever, as is the raw store; a topic that others fill by its own retention (`SpotlightInputExpires` in [alerts.md](alerts.md)).

";

/// What connectors explain and what holds no flow, by the beginning of its title: landings wait for a server that is away, and a run that
/// has no server does not start.
const NO_HOLDS: [&str; 4] = [
    "ClickHouse cannot be reached",
    "the embedded ClickHouse could not be fetched",
    "the embedded ClickHouse did not start",
    "the address of ClickHouse is wrong",
];

#[test]
fn the_page_of_holds_says_what_explain_says() {
    let mut text = HEAD.to_owned();
    let groups: [(&str, Vec<&[Explanation]>); 3] = [
        ("# Of the engine", vec![runtime::EXPLANATIONS]),
        ("# Of ClickHouse", vec![clickhouse_connector::EXPLANATIONS]),
        (
            "# Of sources",
            vec![http_connector::EXPLANATIONS, file_connector::EXPLANATIONS, s3_connector::SOURCE_EXPLANATIONS],
        ),
    ];
    let (mut told, mut passed) = (0, 0);
    for (title, lists) in groups {
        text.push_str(&format!("#{title}\n\n"));
        let mut codes: Vec<&Explanation> = lists.into_iter().flatten().collect();
        codes.sort_by_key(|explanation| explanation.code);
        for explanation in codes {
            if NO_HOLDS.iter().any(|title| explanation.title.starts_with(title)) {
                passed += 1;
                continue;
            }
            text.push_str(&section(explanation).replacen("## ", "### ", 1));
            told += 1;
        }
    }
    assert_eq!((told >= 30, passed), (true, NO_HOLDS.len()), "{told} codes");
    compare(&PathBuf::from("docs/holds.md"), &format!("{}\n", text.trim_end()));
}
