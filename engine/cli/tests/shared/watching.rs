//! How processes on a shared log are watched, and that what a person says to one of them counts for all.

use crate::feed::Feed;
use crate::program::scrape::{Scrape, get};
use crate::program::{Process, Said, clickhouses_of, until};
use crate::services;

/// Where a run listens, as its log says.
fn address(said: impl Fn() -> String) -> String {
    until("the run listens", || {
        let said = said();
        let lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter(|line| line["message"] == "listening").find_map(|line| line["address"].as_str().map(str::to_owned))
    })
}

/// A command of another process of the feed.
fn elsewhere(feed: &Feed<'_>, words: &[&str]) -> Said {
    let mut command = feed.command_of("data-two", words);
    command.args(["--instance", "two"]).output().expect("the program starts").into()
}

/// A second process, for which the only partition of a flow is not left, is as ready as the first: once it has found the
/// table as planned, which it could land in if the first one went.
fn beside(feed: &Feed<'_>) {
    let of_second =
        |words: &[&str]| -> Said { feed.command_of("data-two", words).output().expect("the program starts").into() };
    let data = feed.data().with_file_name("data-two");
    let begin = |output: &str| {
        let place = feed.data().with_file_name(output);
        let mut command = feed.command_of("data-two", &["run", "trades.yaml", "--listen", "127.0.0.1:0"]);
        command.args(["--instance", "two"]);
        let run = Process::start(command, &place);
        (run, address(|| std::fs::read_to_string(&place).unwrap_or_default()))
    };
    let end = |mut run: Process| {
        run.signal("TERM");
        assert_eq!(run.wait().code(), Some(0));
        until("the end of its ClickHouse", || clickhouses_of(&data).is_empty().then_some(()));
    };
    // No table is none that could not be made.
    let (run, address) = begin("missing.txt");
    until("the second process is ready", || (get(&address, "/ready", "").status == 200).then_some(()));
    end(run);

    of_second(&["sql", "create database venue"]).ends(0);
    of_second(&["sql", "create table venue.trades (price String) order by ()"]).ends(0);
    let (run, address) = begin("different.txt");
    let held = until("the second process has seen the table", || {
        let status = get(&address, "/status", "");
        let status = (status.status == 200).then(|| status.json())?;
        // It waits outside the group, and takes no partition from who can land.
        assert_eq!(status["flows"]["trades/load"]["assigned"], false, "{status}");
        status["holds"].as_array()?.first().cloned()
    });
    assert_eq!(
        (&held["flow"], &held["code"], &held["partition"]),
        (&"trades/load".into(), &"E5201".into(), &(-2).into())
    );
    let ready = get(&address, "/ready", "");
    assert!(ready.status == 503 && ready.body.contains("trades/load"), "{ready:?}");
    assert_eq!(Scrape::of(&address).of_flow("spotlight_flow_ready", "trades/load"), 0.0);

    of_second(&["sql", "drop table venue.trades"]).ends(0);
    of_second(&["release", "trades/load"]).ends(0);
    until("the second process is ready", || (get(&address, "/ready", "").status == 200).then_some(()));
    let scrape = Scrape::of(&address);
    assert_eq!(scrape.of_flow("spotlight_flow_tasks", "trades/load"), 0.0, "{}", scrape.text);
    assert_eq!(scrape.of_flow("spotlight_flow_ready", "trades/load"), 1.0, "{}", scrape.text);
    assert!(!scrape.samples.iter().any(|(name, _, _)| name == "spotlight_flow_held"), "{}", scrape.text);
    end(run);
}

/// What the clients of Kafka say of themselves is told, and how long topics keep their records.
fn tells_of_kafka(address: &str) {
    let scrape = until("the clients have told their figures", || {
        let scrape = Scrape::of(address);
        let more_than_nothing = |name: &str| scrape.sum(name, &[]) > 0.0;
        let told = ["bytes_in_total", "bytes_out_total", "round_trip_seconds"]
            .iter()
            .all(|name| more_than_nothing(&format!("spotlight_kafka_{name}")));
        (told && scrape.tells("spotlight_topic_retention_seconds", "trades/load")).then_some(scrape)
    });
    assert_eq!(scrape.sum("spotlight_kafka_brokers_up", &[]), 1.0, "{}", scrape.text);
    let week = 7.0 * 24.0 * 60.0 * 60.0;
    for flow in ["trades/load", "trades/copy"] {
        for name in ["spotlight_topic_retention_seconds", "spotlight_dlq_retention_seconds"] {
            assert_eq!(scrape.of_flow(name, flow), week, "{name} of {flow} in {}", scrape.text);
        }
    }
    // Those that the engine makes are kept for ever.
    assert!(!scrape.tells("spotlight_topic_retention_seconds", "spotlight/receipts"), "{}", scrape.text);
    assert!(!scrape.tells("spotlight_dlq_retention_seconds", "spotlight/receipts"), "{}", scrape.text);
    let seen = scrape.declared();
    for name in ["spotlight_kafka_queue_messages", "spotlight_kafka_request_errors_total"] {
        assert!(seen.contains(name), "{name} in {}", scrape.text);
    }
    scrape.is_liked_by_promtool();
}

/// What waits for flows that are paused when a run begins is counted from their positions.
fn paused_from_the_start(feed: &Feed<'_>) {
    let before = feed.said().lines().count();
    let run = feed.start_with(&["--listen", "127.0.0.1:0"]);
    let address = address(|| feed.said().lines().skip(before).map(|line| format!("{line}\n")).collect());
    let lag = |scrape: &Scrape, flow: &str| {
        let name = "spotlight_flow_lag_records";
        scrape.tells(name, flow).then(|| scrape.of_flow(name, flow))
    };
    let scrape = until("the lags are known", || {
        let scrape = Scrape::of(&address);
        (lag(&scrape, "trades/load").is_some() && lag(&scrape, "trades/copy").is_some()).then_some(scrape)
    });
    assert_eq!((lag(&scrape, "trades/load"), lag(&scrape, "trades/copy")), (Some(50.0), Some(0.0)), "{}", scrape.text);
    assert!(scrape.of_flow("spotlight_flow_lag_seconds", "trades/load") > 0.0, "{}", scrape.text);
    let status = until("the totals are told", || {
        let status = get(&address, "/status", "").is(200).json();
        (status["flows"]["trades/load"]["total"]["landed"] == 100).then_some(status)
    });
    assert_eq!(status["flows"]["trades/load"]["waiting"]["0"], 50, "{status}");
    feed.end(run, 0);
}

#[test]
fn a_pause_counts_for_every_process_and_a_scrape_adds_up_on_kafka() {
    let feed = Feed::new(services(), "watching");
    // Somebody has limited how long dead letters are kept: as the cluster does where nobody says otherwise.
    feed.outsider.make(&feed.topic("trades.dead-letters"));
    feed.trade_all(0..100);
    let run = feed.start_with(&["--listen", "127.0.0.1:0"]);
    let address = address(|| feed.said());
    let scrape = until("all trades have landed", || {
        let scrape = Scrape::of(&address);
        let out = scrape.of_flow("spotlight_records_out_total", "trades/load");
        let rest = scrape.sum("spotlight_flow_lag_records", &[]) == 0.0;
        let copied = scrape.of_flow("spotlight_records_out_total", "trades/copy");
        (out >= 100.0 && copied >= 100.0 && rest && get(&address, "/ready", "").status == 200).then_some(scrape)
    });
    let rows = scrape.balanced();
    assert_eq!((rows["trades/load"], rows["trades/copy"]), (100.0, 100.0), "{rows:?}");
    assert!(scrape.sum("spotlight_kafka_transactions_total", &[("result", "ok")]) > 0.0, "{}", scrape.text);
    assert!(scrape.sum("spotlight_schema_refresh_total", &[("result", "ok")]) > 0.0, "{}", scrape.text);
    let status = get(&address, "/status", "").is(200).json();
    assert_eq!(status["lags"]["trades/load"]["records"], 0, "{status}");

    tells_of_kafka(&address);

    beside(&feed);
    let said = feed.say(&["rebuild", "trades/load"]).ends(64).errors;
    assert!(said.contains("a rebuild is for a log that one process has alone"), "{said}");
    let said = feed.say(&["pause", "trades/load"]).ends(0).output;
    assert!(said.contains("trades/load is paused") && said.contains("hear of it within a second"), "{said}");
    assert_eq!(Scrape::of(&address).of_flow("spotlight_flow_paused", "trades/load"), 1.0);
    feed.trade_all(100..150);
    // What the paused flow has not read shows as its lag; the other one goes on.
    until("the lag", || {
        let scrape = Scrape::of(&address);
        let lag = |flow: &str| scrape.of_flow("spotlight_flow_lag_records", flow);
        (lag("trades/load") >= 50.0 && lag("trades/copy") == 0.0).then_some(())
    });
    get(&address, "/ready", "").is(200);
    assert!(feed.say(&["pause", "trades/copy"]).ends(0).output.contains("trades/copy is paused"));
    feed.end(run, 0);
    paused_from_the_start(&feed);
    feed.say(&["resume", "trades/copy"]).ends(0);

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
