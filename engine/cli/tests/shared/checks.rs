//! `check --live` on a set-up of real services: what it says of topics and of schemas, before a run and after it, and
//! that it changes nothing.

use crate::feed::Feed;
use crate::outside::TRADES;

const CHECK: [&str; 4] = ["check", "--live", "trades.yaml", "--format"];

/// What is said of a service, as `STATE SAID`.
#[track_caller]
fn said(answer: &serde_json::Value, service: &str) -> String {
    let mut services = answer["services"].as_array().expect("services").iter();
    let found = services.find(|one| one["service"] == service).unwrap_or_else(|| panic!("no {service}: {answer}"));
    format!("{} {}", found["state"].as_str().expect("a state"), found["said"].as_str().expect("words"))
}

#[test]
fn a_live_check_holds_topics_and_schemas_to_kafka_and_the_registry() {
    let feed = Feed::new(super::services(), "livecheck");
    let check = |status| feed.say(&[&CHECK[..], &["json"]].concat()).ends(status).json();

    let answer = check(0);
    for (service, words) in [
        ("Kafka", "ok it answers"),
        ("topic venue.trades", "ok 1 partition, as planned"),
        ("topic venue.copy", "ok missing; the first run makes it with 1 partition"),
        ("schema of venue.trades", "ok it reads what was written by the newest version"),
        ("schema of venue.copy", "ok new; the first run registers it"),
    ] {
        assert_eq!(said(&answer, service), words);
    }
    assert_eq!(check(0), answer, "a look changes nothing");

    feed.trade_all(0..10);
    feed.once(0);
    let answer = check(0);
    assert_eq!(said(&answer, "topic venue.copy"), "ok 1 partition, as planned");
    assert_eq!(said(&answer, "schema of venue.copy"), "ok it reads what was written by the newest version");

    // A field that was never written and has no default, and partitions that are not there.
    let fields = "\"fields\": [";
    let venue = TRADES.replacen(fields, &format!("{fields}{{\"name\":\"venue\",\"type\":\"string\"}},"), 1);
    assert_ne!(venue, TRADES);
    feed.write_file("schemas/topics/venue.trades.avsc", &venue);
    let answer = check(78);
    let schema = said(&answer, "schema of venue.trades");
    assert!(schema.starts_with("wrong E5604 it cannot follow version 1, and the registry refuses it: "), "{schema}");
    assert!(schema.contains("field `venue`: the field was not written before and has no default"), "{schema}");
    feed.write_file("schemas/topics/venue.trades.avsc", TRADES);
    feed.write_file("trades.yaml", &feed.read_file("trades.yaml").replace("partitions: 1", "partitions: 3"));
    let answer = check(78);
    assert!(said(&answer, "topic venue.trades").starts_with("wrong it has 1 partition and 3 are planned"), "{answer}");
    assert!(said(&answer, "topic venue.copy").starts_with("wrong "), "{answer}");

    // Services that are not there.
    feed.write_file(
        "connections.yaml",
        "kafka: { servers: [\"127.0.0.1:1\"] }\nregistry: { url: \"http://127.0.0.1:1\" }\nshared-folder: shared\n",
    );
    let answer = check(69);
    assert!(said(&answer, "Kafka").starts_with("unreachable Kafka at 127.0.0.1:1 cannot be used"), "{answer}");
    assert!(said(&answer, "schema registry").starts_with("unreachable E5601"), "{answer}");
}
