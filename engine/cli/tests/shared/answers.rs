//! Answers that are lost, late or wrong, under a run: of Kafka to transactions, of ClickHouse to inserts. What was asked
//! for has happened or not, and whoever asked must find out. Each trade lands once and is copied once.

use testkit::{KafkaProxy, Loses};

use crate::clickhouse_proxy::{ClickHouseProxy, Insert};
use crate::feed::Feed;
use crate::program::{Process, until};
use crate::services::Services;

/// Trades of one fault.
const TRADES: i64 = 150;

/// Waits until all trades so far are in the table and in the other topic, each once.
#[track_caller]
fn until_there(feed: &Feed<'_>, run: &mut Process, count: i64) {
    until(&format!("{count} rows and copies: {}", feed.said()), || {
        assert!(run.ended().is_none(), "{}", feed.said());
        let said = feed.say(&["sql", "--format", "TSV", "select count(), uniqExact(number) from venue.trades"]);
        let landed = said.output.trim() == format!("{count}\t{count}");
        (landed && feed.records("venue.copy") as i64 == count).then_some(())
    });
}

#[test]
fn a_commit_or_a_record_whose_answer_is_lost_or_late_counts_once() {
    let proxy = KafkaProxy::start();
    let services = Services::behind("answers", &proxy);
    let feed = Feed::new(&services, "answers");
    let mut run = feed.start();
    until("the run to listen", || feed.data().join("control").exists().then_some(()));
    feed.trade_all(0..TRADES);
    until_there(&feed, &mut run, TRADES);
    let faults = [Loses::CommitAnswers, Loses::CommitRequests, Loses::ProduceAnswer, Loses::ProduceUntilGivenUp];
    let mut count = TRADES;
    for loses in faults.into_iter().chain(faults) {
        proxy.lose(loses);
        feed.trade_all(count..count + TRADES);
        count += TRADES;
        until(&format!("{loses:?} to happen: {}", feed.said()), || (proxy.lost() > 0).then_some(()));
        until_there(&feed, &mut run, count);
        proxy.lose(Loses::Nothing);
    }
    feed.end(run, 0);
    feed.balanced();
    assert_eq!(feed.landed(), format!("{count} {count}"));
}

#[test]
fn an_insert_whose_answer_is_lost_late_or_wrong_lands_once() {
    let services = crate::services();
    let settings = services.clickhouse_settings();
    let proxy = ClickHouseProxy::start(&settings.url);
    let feed = Feed::new(services, "inserts");
    feed.connect(&format!(
        "clickhouse:\n  url: \"{}\"\n  timeout: 5s\n  login: {{ user: {}, password: {{ env: TEST_PASSWORD }} }}\n",
        proxy.address, settings.user
    ));
    feed.know_secret(settings.password.reveal());
    services.clickhouse().execute("DROP DATABASE IF EXISTS venue SYNC", &[]).expect("dropped");
    let mut run = feed.start();
    until("the run to listen", || feed.data().join("control").exists().then_some(()));
    feed.trade_all(0..TRADES);
    until_there(&feed, &mut run, TRADES);
    let faults = [Insert::TurnedAway, Insert::Unanswered, Insert::SaidToHaveFailed, Insert::AnsweredTooLate];
    let mut count = TRADES;
    for insert in faults.into_iter().chain(faults) {
        proxy.spoil(insert);
        feed.trade_all(count..count + TRADES);
        count += TRADES;
        until(&format!("{insert:?} to happen: {}", feed.said()), || proxy.happened().then_some(()));
        until_there(&feed, &mut run, count);
    }
    feed.end(run, 0);
    feed.balanced();
    assert_eq!(feed.landed(), format!("{count} {count}"));
}
