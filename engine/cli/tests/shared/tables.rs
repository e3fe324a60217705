//! A ClickHouse that makes trouble while the rows come from Kafka: what a person must mend is a hold with its code, and
//! then the flow goes on by itself with each row once. That each trouble is seen at all is what the connector's own tests
//! are for; here several partitions, positions in Kafka and a group come on top.

use crate::feed::Feed;
use crate::program::until;
use crate::services;

#[track_caller]
fn until_landed(feed: &Feed<'_>, count: i64) {
    until(&format!("{count} rows: {}", feed.said()), || {
        let said = feed.say(&["sql", "--format", "TSV", "select count(), uniqExact(number) from venue.trades"]);
        (said.output.trim() == format!("{count}\t{count}")).then_some(())
    });
}

#[test]
fn a_table_that_others_drop_alter_or_fill_up_is_waited_for_until_it_is_mended() {
    let feed = Feed::without_copy(services(), "tables");
    let mut run = feed.start();
    until("the run to listen", || feed.data().join("control").exists().then_some(()));
    feed.trade_all(0..300);
    until_landed(&feed, 300);

    // Moved away, as a person who drops it and has a copy would: it holds, and goes on when it is back.
    feed.say(&["sql", "rename table venue.trades to venue.moved"]).ends(0);
    feed.trade_all(300..500);
    feed.wait_until_held(&mut run, "load", "E5201");
    feed.say(&["sql", "rename table venue.moved to venue.trades"]).ends(0);
    until_landed(&feed, 500);

    feed.end(run, 0);
    feed.balanced();

    // Another type, which would take what the plan does not mean: it is refused before the first row.
    feed.trade_all(500..700);
    feed.say(&["sql", "alter table venue.trades modify column price String"]).ends(0);
    let said = feed.once(3).output;
    assert!(said.contains("hold[E5201]: trades/load waits: "), "{said}");
    assert_eq!(feed.landed(), "500 500");
    feed.say(&["sql", "alter table venue.trades modify column price Decimal(18, 2)"]).ends(0);

    // A table that keeps no memory of tokens is refused before the first row.
    feed.say(&["sql", "alter table venue.trades modify setting non_replicated_deduplication_window = 0"]).ends(0);
    let said = feed.once(3).output;
    assert!(said.contains("hold[E5203]: trades/load waits: "), "{said}");
    assert_eq!(feed.landed(), "500 500");
    feed.say(&["sql", "alter table venue.trades modify setting non_replicated_deduplication_window = 10000"]).ends(0);

    // A disk that is full: the table may not take the last bytes.
    let all = "alter table venue.trades modify setting";
    feed.say(&["sql", &format!("{all} min_free_disk_bytes_to_perform_insert = 1000000000000000")]).ends(0);
    let mut run = feed.start();
    until("a try that the full disk refuses", || {
        assert!(run.ended().is_none(), "{}", feed.said());
        feed.said().contains("NOT_ENOUGH_SPACE").then_some(())
    });
    assert_eq!(feed.landed(), "500 500");
    feed.say(&["sql", &format!("{all} min_free_disk_bytes_to_perform_insert = 0")]).ends(0);
    until_landed(&feed, 700);
    feed.end(run, 0);
    feed.balanced();
}
