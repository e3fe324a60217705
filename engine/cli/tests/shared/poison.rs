//! What others write into a topic and nobody can read: single records become dead letters, a batch that a disk has
//! damaged is waited for. Nothing of either lands, and nothing that is good is skipped.

use crate::feed::Feed;
use crate::outages::troubled;
use crate::program::until;
use crate::services;

/// Bad records of a batch and its first one, each bad in its own way.
fn spoil(good: &[u8], way: usize) -> Vec<u8> {
    match way % 5 {
        // No frame of the registry.
        0 => [&[1][..], &good[1..]].concat(),
        // Ends within a field.
        1 => good[..good.len() - 2].to_vec(),
        // Goes on behind the last field.
        2 => [good, b"more"].concat(),
        // Shorter than a frame.
        3 => good[..3].to_vec(),
        // A text that is longer than the record.
        _ => [&good[..7], &[0xfe, 0xff, 0xff, 0x0f][..]].concat(),
    }
}

#[test]
fn bad_records_of_others_become_dead_letters_and_nothing_else() {
    let feed = Feed::new(services(), "poison");
    let (mut good, mut bad) = (0, 0);
    // Two batches, one of them compressed; each begins with a bad record, and one in a hundred is bad.
    for (compression, numbers) in [("none", 0..1_000), ("lz4", 1_000..2_000)] {
        let values: Vec<Vec<u8>> = numbers
            .map(|number| match number % 100 {
                0 => {
                    bad += 1;
                    spoil(&feed.trade(number), bad)
                }
                _ => {
                    good += 1;
                    feed.trade(number)
                }
            })
            .collect();
        feed.outsider.write(&feed.trades(), compression, &values);
    }
    feed.once(0);
    assert_eq!(feed.landed(), format!("{good} {good}"));
    assert_eq!(feed.records("venue.copy"), good);
    assert_eq!(feed.open_letters(), 2 * bad, "one of each flow for each bad record");
    feed.balanced();
    println!("poison: {good} rows, {bad} bad records");
}

/// The broker gives a batch as it lies on its disk, and does not look whether it is whole.
#[test]
fn a_batch_that_was_damaged_on_a_disk_is_waited_for() {
    let services = troubled();
    let feeds = ["none", "lz4"].map(|compression| {
        let feed = Feed::without_copy(&services, &format!("damaged-{compression}"));
        feed.trade_all(0..100);
        let values: Vec<Vec<u8>> = (100..200).map(|number| feed.trade(number)).collect();
        feed.outsider.write(&feed.trades(), compression, &values);
        feed
    });
    let mut whole = Vec::new();
    services.without_broker(|broker| {
        for feed in &feeds {
            let place = broker.join(format!("broker1/data/{}-0/00000000000000000000.log", feed.trades()));
            let bytes = std::fs::read(&place).expect("a segment");
            // The price of the last trade, 99.25, if it can be seen; else what is compressed last.
            let mut damaged = bytes.clone();
            let last = damaged.windows(5).rposition(|text| text == b"99.25").unwrap_or(damaged.len() - 8);
            damaged[last] ^= 1;
            std::fs::write(&place, damaged).expect("written");
            whole.push((place, bytes));
        }
    });
    let mut runs = feeds.each_ref().map(Feed::start);
    for (feed, run) in feeds.iter().zip(&mut runs) {
        feed.wait_until_held(run, "load", "E5116");
        let there = feed.landed();
        assert!(there == "0 0" || there == "100 100", "{there}: {}", feed.said());
        println!("{}held with E5116, {there} rows", feed.namespace());
    }
    services.without_broker(|_| whole.iter().for_each(|(place, bytes)| std::fs::write(place, bytes).expect("written")));
    for (feed, mut run) in feeds.iter().zip(runs) {
        until("all rows", || {
            assert!(run.ended().is_none(), "{}", feed.said());
            (feed.landed() == "200 200").then_some(())
        });
        assert_eq!(feed.ask("select count() from venue.trades where price != number % 100 + 0.25"), "0");
        feed.end(run, 0);
        feed.balanced();
    }
}
