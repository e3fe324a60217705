//! What a step remembers, on Kafka: its changelog is cut behind it, another machine goes on with what is left, and what
//! others take away is a hold with a code until a person says where to go on.

use crate::feed::Feed;
use crate::services;

/// Each trade once, each in a range of its own, for a time that is over by the next run.
const ONCE: &str = "topology: trades
flows:
  load:
    from: { topic: venue.trades, key: [number], partitions: 1 }
    steps:
      - dedupe: { name: once, key: [number], remember: 100ms }
      - select: { number: number, price: \"cast(price as decimal(18, 2))\" }
    to: { clickhouse: { table: venue.trades, rows: append, key: [number], batch: { rows: 1, age: 500ms } } }
";

fn feed(name: &str) -> Feed<'static> {
    let feed = Feed::without_copy(services(), name);
    feed.write_file("trades.yaml", ONCE);
    feed
}

fn changelog(feed: &Feed<'_>) -> String {
    feed.topic("trades.once.changelog")
}

#[test]
fn a_changelog_is_cut_and_another_machine_goes_on() {
    let feed = feed("remembers");
    let mut firsts = Vec::new();
    for part in 0..3 {
        feed.trade_all(part * 20..(part + 1) * 20);
        // It has no snapshots of the machine before, and no names of flows.
        for folder in ["snapshots", "flows.json"] {
            let place = feed.data().join(folder);
            let removed = if place.is_dir() { std::fs::remove_dir_all(place) } else { std::fs::remove_file(place) };
            assert!(part == 0 || removed.is_ok(), "{folder}: {removed:?}");
        }
        feed.once(0);
        let rows = (part + 1) * 20;
        assert_eq!(feed.landed(), format!("{rows} {rows}"), "after part {part}");
        firsts.push(feed.outsider.bounds(&changelog(&feed)).expect("a changelog"));
    }
    let [(0, _), (second, _), (third, end)] = firsts[..] else { panic!("{firsts:?}") };
    assert!(second >= 32 && third >= second + 32 && third < end, "{firsts:?}");
    feed.balanced();
    println!("first offset and end after each part: {firsts:?}");
}

#[test]
fn what_others_take_of_a_changelog_is_a_hold() {
    for (name, told) in [("memory-cut", "its records from 0 to"), ("memory-gone", "it was deleted")] {
        let feed = feed(name);
        feed.trade_all(0..20);
        feed.once(0);
        let (_, end) = feed.outsider.bounds(&changelog(&feed)).expect("a changelog");
        if name == "memory-cut" {
            feed.outsider.cut(&changelog(&feed), end);
        } else {
            feed.outsider.delete(&changelog(&feed));
        }
        feed.trade_all(20..30);
        for _ in 0..2 {
            let said = feed.once(3).output;
            assert!(said.contains("hold[E5118]: trades/load waits: what once of trades/load remembered"), "{said}");
            assert!(said.contains(told) && said.contains("spotlight release trades/load --from 20"), "{said}");
            assert_eq!(feed.landed(), "20 20", "{name}");
        }
        feed.say(&["release", "trades/load", "--from", "20", "--partition", "0"]).ends(0);
        feed.once(0);
        assert_eq!(feed.landed(), "30 30", "{name}");
        feed.balanced();
    }
}
