//! Topics and positions that others take away: each is a hold with its code, until a person says where to go on. Nothing
//! starts over by itself, and nothing is skipped.
//!
//! What each test proves besides the hold: nothing landed meanwhile, the release that the message names helps, and then
//! each trade is there once.

use crate::feed::{Feed, RANGE};
use crate::program::until;
use crate::services;

/// Both flows of the feed wait for the same reason, and say which command helps.
#[track_caller]
fn both_wait(said: &str, code: &str, why: &str) {
    for flow in ["load", "copy"] {
        let hold = format!("hold[{code}]: trades/{flow} waits: ");
        let told = said.split(&hold).nth(1).unwrap_or_else(|| panic!("no {hold} in {said}"));
        let told = told.split("hold[").next().unwrap_or(told);
        assert!(told.contains(why) && told.contains(&format!("spotlight release trades/{flow} --from")), "{told}");
    }
}

fn release_both(feed: &Feed<'_>, from: &str) {
    for flow in ["trades/load", "trades/copy"] {
        feed.say(&["release", flow, "--from", from]).ends(0);
    }
}

/// Kafka forgets the positions in a topic with the topic.
#[test]
fn a_topic_that_is_made_again_between_two_runs_is_a_hold() {
    // A new topic that ends before the position, and one that goes on behind it.
    for (name, count) in [("again-short", 200), ("again-long", 400)] {
        let feed = Feed::new(services(), name);
        feed.trade_all(0..300);
        feed.once(0);
        assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("300 300", 300));
        feed.outsider.delete(&feed.trades());
        feed.outsider.make(&feed.trades());
        feed.trade_all(1_000..1_000 + count);
        both_wait(&feed.once(3).output, "E5110", "is gone, but its ledger has entries");
        assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("300 300", 300), "{name}");
        release_both(&feed, "earliest");
        feed.once(0);
        let all = 300 + count;
        assert_eq!(feed.landed(), format!("{all} {all}"), "{name}");
        assert_eq!(feed.records("venue.copy"), all as usize, "{name}");
        feed.balanced_but(300);
        println!("{name}: held with 300 rows, released, {all} rows");
    }
}

#[test]
fn a_topic_that_is_made_again_under_a_run_is_a_hold() {
    let feed = Feed::new(services(), "under-a-run");
    feed.trade_all(0..300);
    let mut run = feed.start();
    until("the rows and the copies of all trades", || {
        assert!(run.ended().is_none(), "the run ended: {}", feed.said());
        let there = feed.data().join("control").exists() && feed.records("venue.copy") == 300;
        (there && feed.landed() == "300 300").then_some(())
    });
    feed.outsider.delete(&feed.trades());
    feed.outsider.make(&feed.trades());
    feed.trade_all(1_000..1_400);
    for flow in ["load", "copy"] {
        feed.wait_until_held(&mut run, flow, "E5101");
    }
    assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("300 300", 300), "{}", feed.said());
    feed.end(run, 0);
    both_wait(&feed.once(3).output, "E5110", "is gone, but its ledger has entries");
    release_both(&feed, "earliest");
    feed.once(0);
    assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("700 700", 700));
    feed.balanced_but(300);
}

#[test]
fn positions_that_expired_are_a_hold() {
    let feed = Feed::new(services(), "expired");
    feed.trade_all(0..300);
    feed.once(0);
    feed.trade_all(300..400);
    assert!(feed.outsider.forget_groups(feed.namespace()) >= 2, "the groups of both flows");
    for _ in 0..2 {
        both_wait(&feed.once(3).output, "E5110", "is gone, but its ledger has entries");
        assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("300 300", 300));
    }
    release_both(&feed, "300");
    feed.once(0);
    assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("400 400", 400));
    feed.balanced();
    println!("expired: held with 300 rows, released from 300, 400 rows");
}

#[test]
fn records_that_expire_in_an_open_range_are_a_hold() {
    // Killed before the first insert of a range, and after it.
    for (name, arrow, landed) in [("cut-before", "insert:2", RANGE), ("cut-after", "close:2", 2 * RANGE)] {
        let feed = Feed::without_copy(services(), name);
        feed.trade_all(0..300);
        let mut command = feed.command(&["run", "trades.yaml", "--once"]);
        let died = command.env("SPOTLIGHT_TEST_ABORT_AT", arrow).output().expect("the program starts");
        assert_eq!(died.status.code(), None, "it was to die: {died:?}");
        feed.outsider.cut(&feed.trades(), 250);
        for _ in 0..2 {
            let said = feed.once(3).output;
            assert!(
                said.contains("hold[E5115]: trades/load waits: ") && said.contains("it holds 250 to 300"),
                "{said}"
            );
            assert!(said.contains("spotlight release trades/load --from earliest"), "{said}");
            assert_eq!(feed.landed(), format!("{landed} {landed}"), "{name}");
        }
        feed.say(&["release", "trades/load", "--from", "earliest"]).ends(0);
        feed.once(0);
        let all = landed + 50;
        assert_eq!(feed.landed(), format!("{all} {all}"), "{name}");
        println!("{name}: held with {landed} rows, released, {all} rows; {}", feed.say(&["reconcile"]).output);
    }
}

/// Nothing was read and lost then: what is still there is where it begins.
#[test]
fn a_flow_that_is_new_begins_with_what_a_topic_still_holds() {
    let feed = Feed::new(services(), "cut-first");
    feed.trade_all(0..300);
    feed.outsider.cut(&feed.trades(), 250);
    feed.once(0);
    assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("50 50", 50));
    feed.balanced();
}

/// Positions, ledger and rows are found by the first name, which the file alone says: no data folder need remember it.
#[test]
fn renamed_flows_go_on_where_they_stood_also_on_another_data_folder() {
    let feed = Feed::new(services(), "renamed");
    feed.trade_all(0..300);
    feed.once(0);
    let renamed = feed.read_file("trades.yaml");
    let renamed =
        renamed.replace("  load:\n", "  land:\n    was: load\n").replace("  copy:\n", "  pass:\n    was: copy\n");
    feed.write_file("trades.yaml", &renamed);
    std::fs::remove_file(feed.data().join("flows.json")).expect("removed");
    feed.once(0);
    assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("300 300", 300), "nothing comes again");
    feed.trade_all(300..400);
    feed.once(0);
    assert_eq!((feed.landed().as_str(), feed.records("venue.copy")), ("400 400", 400));
    let said = feed.say(&["reconcile"]).ends(0).output;
    assert!(said.contains("trades/land") && !said.contains("trades/load"), "{said}");
    let status = feed.say(&["status", "--format", "json"]).ends(0).json();
    let flows = status["flows"].as_object().expect("flows").keys().filter(|flow| flow.starts_with("trades/"));
    assert_eq!(flows.collect::<Vec<_>>(), ["trades/land", "trades/pass"]);
}
