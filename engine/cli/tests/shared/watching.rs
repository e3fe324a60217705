//! How processes on a shared log are watched, and that what a person says to one of them counts for all.

use crate::feed::Feed;
use crate::program::scrape::{Scrape, get};
use crate::program::{Said, until};
use crate::services;

/// Where a run listens, as its log says.
fn address(feed: &Feed<'_>) -> String {
    until("the run listens", || {
        let said = feed.said();
        let lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter(|line| line["message"] == "listening").find_map(|line| line["address"].as_str().map(str::to_owned))
    })
}

/// A command of another process of the feed.
fn elsewhere(feed: &Feed<'_>, words: &[&str]) -> Said {
    let mut command = feed.command_of("data-two", words);
    command.args(["--instance", "two"]).output().expect("the program starts").into()
}

#[test]
fn a_pause_counts_for_every_process_and_a_scrape_adds_up_on_kafka() {
    let feed = Feed::new(services(), "watching");
    feed.trade_all(0..100);
    let run = feed.start_with(&["--listen", "127.0.0.1:0"]);
    let address = address(&feed);
    let scrape = until("all trades have landed", || {
        let scrape = Scrape::of(&address);
        let out = scrape.of_flow("spotlight_records_out_total", "trades/load");
        let rest = scrape.sum("spotlight_flow_lag_records", &[]) == 0.0;
        (out >= 100.0 && rest && get(&address, "/ready", "").status == 200).then_some(scrape)
    });
    let rows = scrape.balanced();
    assert_eq!((rows["trades/load"], rows["trades/copy"]), (100.0, 100.0), "{rows:?}");
    assert!(scrape.sum("spotlight_kafka_transactions_total", &[("result", "ok")]) > 0.0, "{}", scrape.text);
    assert!(scrape.sum("spotlight_schema_refresh_total", &[("result", "ok")]) > 0.0, "{}", scrape.text);
    let status = get(&address, "/status", "").is(200).json();
    assert_eq!(status["lags"]["trades/load"]["records"], 0, "{status}");

    assert!(feed.say(&["pause", "trades/load"]).ends(0).output.contains("trades/load is paused"));
    until("the run obeys", || {
        (Scrape::of(&address).of_flow("spotlight_flow_paused", "trades/load") == 1.0).then_some(())
    });
    feed.trade_all(100..150);
    // What the paused flow has not read shows as its lag; the other one goes on.
    until("the lag", || {
        let scrape = Scrape::of(&address);
        let lag = |flow: &str| scrape.of_flow("spotlight_flow_lag_records", flow);
        (lag("trades/load") >= 50.0 && lag("trades/copy") == 0.0).then_some(())
    });
    get(&address, "/ready", "").is(200);
    feed.end(run, 0);

    // Whoever runs it next, with whatever data folder.
    let said = elsewhere(&feed, &["run", "trades.yaml", "--once"]).ends(3).output;
    assert!(said.contains("paused: trades/load reads nothing"), "{said}");
    assert_eq!(feed.landed(), "100 100");
    let said = elsewhere(&feed, &["resume", "trades"]).ends(0).output;
    assert!(said.contains("trades/load goes on") && said.contains("trades/copy is not paused"), "{said}");
    feed.once(0);
    assert_eq!(feed.landed(), "150 150");
    feed.balanced();
}
