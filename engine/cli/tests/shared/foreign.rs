//! Records that others wrote and that are no Avro: JSON with keys, headers and tombstones, from a real broker to the table
//! and to the dead letters, and back.

use crate::feed::Feed;
use crate::outside::{OutsideRecord, read};
use crate::services;

/// Lands what a venue writes as JSON. `PRICE` is the type of the price, `MORE` what else `decode` says.
const TRADES: &str = "topology: trades
flows:
  load:
    from: { topic: venue.raw, partitions: 1 }
    steps:
      - decode: { json: { fields: { number: bigint, trade.price: PRICE } }, key: text, tombstones: MORE }
      - select:
          number: coalesce(number, 0)
          price: trade.price
          who: record.key
          trace: cast(record.headers['trace-id'] as text)
          position: record.offset
          seen: record.timestamp is not null
          gone: record.tombstone
    to: { clickhouse: { table: venue.trades, rows: append, key: [number], batch: { rows: 100, age: 500ms } } }
";

fn topology(price: &str, tombstones: &str) -> String {
    TRADES.replace("PRICE", price).replace("MORE", tombstones)
}

fn record<'a>(key: &'a [u8], value: Option<&'a [u8]>, headers: &'a [(&'a str, &'a [u8])]) -> OutsideRecord<'a> {
    OutsideRecord { key: Some(key), value, headers }
}

#[test]
fn json_of_others_lands_and_what_cannot_is_kept_whole_and_comes_back() {
    let feed = Feed::without_schema(services(), "foreign", &topology("\"decimal(9, 2)\"", "drop"));
    let raw = feed.topic("venue.raw");
    feed.outsider.make(&raw);
    let mut records = vec![
        record(
            b"ann",
            Some(br#"{"number": 1, "trade": {"price": 1.50}}"#),
            &[("trace-id", b"t1"), ("trace-id", b"t2")],
        ),
        record(b"bob", None, &[]),
        record(b"cy", Some(b"{\"number\": 2, "), &[("trace-id", b"t3"), ("__streams.errors.topic", b"upstream")]),
        record(
            b"dee",
            Some(br#"{"number": 3, "trade": {"price": "1.505"}}"#),
            &[("trace-id", b"t4"), ("raw", b"\xff\x00")],
        ),
        record(b"\xff", Some(br#"{"number": 4, "trade": {"price": 2}}"#), &[]),
        record(b"eve", Some(br#"{"number": 5, "trade": {"price": 3}}"#), &[("trace-id", b"\xff")]),
    ];
    records.extend((6..100).map(|_| record(b"fin", Some(br#"{"number": 6, "trade": {"price": "7.25"}}"#), &[])));
    feed.outsider.write_records(&raw, "lz4", &records);
    feed.once(0);
    let all = "select number, price, who, trace, position, seen, gone from venue.trades order by position";
    assert_eq!(feed.ask(&format!("{all} limit 1")), "1\t1.5\tann\tt2\t0\ttrue\tfalse");
    assert_eq!(
        feed.ask("select count(), min(position), max(position) from venue.trades where price = 7.25"),
        "94\t6\t99"
    );
    feed.balanced();

    let letters = read(feed.servers(), &feed.topic("trades.dead-letters"));
    let told: Vec<(&str, &str)> = letters
        .iter()
        .map(|letter| (letter.header("spotlight.dead.code"), letter.header("__streams.errors.offset")))
        .collect();
    assert_eq!(told, [("E4311", "2"), ("E4313", "3"), ("E4406", "4"), ("E4101", "5")]);
    assert_eq!(letters[1].header("spotlight.dead.field"), "trade.price");
    let listed = feed.say(&["dlq", "ls", "--code", "E4313", "--format", "json"]).ends(0).json();
    let shown = feed.say(&["dlq", "show", listed[0]["id"].as_str().expect("an id")]).ends(0).output;
    assert!(shown.contains(" field: trade.price\n") && shown.contains(" read: trade.price = `\"1.505\"`\n"), "{shown}");
    for letter in &letters {
        let original = &records[letter.header("spotlight.dead.offset").parse::<usize>().expect("an offset")];
        assert_eq!((letter.key.as_deref(), letter.value.as_deref()), (original.key, original.value));
        let headers: Vec<(&str, &[u8])> = letter.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(headers[..original.headers.len()], *original.headers);
        assert_eq!(letter.header("__streams.errors.topic"), "venue.raw");
        assert_eq!(
            (letter.header("__streams.errors.partition"), letter.header("spotlight.dead.partition")),
            ("0", "0")
        );
        for name in ["exception", "message", "stacktrace"] {
            assert!(!letter.header(&format!("__streams.errors.{name}")).is_empty(), "{name}");
        }
    }

    // With one digit more, and with tombstones: what comes back has its key, headers and place.
    feed.write_file("trades.yaml", &topology("\"nullable decimal(9, 3)\"", "drop"));
    feed.say(&["sql", "alter table venue.trades modify column price Nullable(Decimal(9, 3))"]).ends(0);
    feed.say(&["dlq", "replay", "trades.yaml", "--code", "E4313"]).ends(0);
    feed.once(0);
    assert_eq!(
        feed.ask(&format!("{} where number = 3", all.replace(" order by position", ""))),
        "3\t1.505\tdee\tt4\t3\ttrue\tfalse"
    );
    assert_eq!(feed.open_letters(), 3);
    feed.balanced();
}

#[test]
fn a_tombstone_nobody_has_declared_comes_back_as_one() {
    let feed = Feed::without_schema(services(), "tombstones", &topology("\"nullable decimal(9, 2)\"", "refuse"));
    let raw = feed.topic("venue.raw");
    feed.outsider.make(&raw);
    let good = (0..20).map(|_| record(b"ann", Some(br#"{"number": 1}"#), &[]));
    let records: Vec<OutsideRecord<'_>> = good.chain([record(b"bob", None, &[("trace-id", b"t")])]).collect();
    feed.outsider.write_records(&raw, "none", &records);
    feed.once(0);
    assert_eq!((feed.ask("select count() from venue.trades"), feed.open_letters()), ("20".to_owned(), 1));
    let letters = read(feed.servers(), &feed.topic("trades.dead-letters"));
    assert_eq!((letters[0].value.as_deref(), letters[0].key.as_deref()), (None, Some(&b"bob"[..])));
    feed.write_file("trades.yaml", &topology("\"nullable decimal(9, 2)\"", "keep"));
    feed.say(&["dlq", "replay", "trades.yaml"]).ends(0);
    feed.once(0);
    assert_eq!(
        feed.ask("select number, who, trace, position, gone from venue.trades where gone"),
        "0\tbob\tt\t20\ttrue"
    );
    assert_eq!(feed.open_letters(), 0);
    feed.balanced();
}

#[test]
fn a_topic_of_others_is_never_made_here() {
    let feed = Feed::without_schema(services(), "not-there", &topology("\"nullable decimal(9, 2)\"", "drop"));
    let said = feed.say(&["run", "trades.yaml", "--once"]).ends(78);
    assert!(
        said.errors.contains("[E5117]") && said.errors.contains("there is no topic `venue.raw`"),
        "{}",
        said.errors
    );
    assert!(said.errors.contains("its `namespace`") && !said.errors.contains("--connections"), "{}", said.errors);
    assert_eq!(feed.outsider.bounds(&feed.topic("venue.raw")), None);
    feed.outsider.make(&feed.topic("venue.raw"));
    feed.write_file(
        "trades.yaml",
        &topology("\"nullable decimal(9, 2)\"", "drop").replace("partitions: 1", "partitions: 3"),
    );
    let said = feed.say(&["run", "trades.yaml", "--once"]).ends(78);
    assert!(said.errors.contains("[E5117]") && said.errors.contains("has 1 partition,"), "{}", said.errors);
}

/// What every venue's prices are, as a subject of its own; a trade names it, and it names a currency.
const CURRENCY: &str = r#"{"type": "enum", "name": "Currency", "namespace": "common", "symbols": ["EUR", "USD"]}"#;
const MONEY: &str = r#"{"type": "record", "name": "Money", "namespace": "common", "fields": [
    {"name": "amount", "type": "string"}, {"name": "currency", "type": "Currency"}]}"#;
const DEAL: &str = r#"{"type": "record", "name": "deals", "namespace": "venue", "fields": [
    {"name": "number", "type": "long"}, {"name": "price", "type": "common.Money"}]}"#;
/// The same in one, as the topology declares it.
const WHOLE: &str = r#"{"type": "record", "name": "deals", "namespace": "venue", "fields": [
    {"name": "number", "type": "long"}, {"name": "price", "type": {"type": "record", "name": "Money", "namespace": "common",
    "fields": [{"name": "amount", "type": "string"}, {"name": "currency", "type":
    {"type": "enum", "name": "Currency", "symbols": ["EUR", "USD"]}}]}}]}"#;

/// What the keys of deals are.
const KEY: &str =
    r#"{"type": "record", "name": "key", "namespace": "venue", "fields": [{"name": "number", "type": "long"}]}"#;

const DEALS: &str = "topology: trades
flows:
  load:
    from: { topic: venue.deals, partitions: 1 }
    steps:
      - decode: { avro: registry, key: { avro: registry }, tombstones: keep }
      - select: { number: \"coalesce(record.key.number, 0)\", price: price.amount, unit: price.currency, gone: record.tombstone }
    to: { clickhouse: { table: venue.deals, rows: append, key: [number], batch: { rows: 100, age: 500ms } } }
";

#[test]
fn a_schema_that_names_types_of_other_subjects_is_read() {
    let feed = Feed::without_schema(services(), "references", DEALS);
    feed.write_file("schemas/topics/venue.deals.avsc", WHOLE);
    feed.write_file("schemas/topics/venue.deals-key.avsc", KEY);
    let topic = feed.topic("venue.deals");
    feed.outsider.make(&topic);
    let subject = |name: &str| feed.topic(name);
    let reference = |name: &str, of: &str| serde_json::json!([{ "name": name, "subject": subject(of), "version": 1 }]);
    feed.outsider.register(&subject("currency"), CURRENCY, &serde_json::json!([]));
    feed.outsider.register(&subject("money"), MONEY, &reference("common.Currency", "currency"));
    let id = feed.outsider.register(&format!("{topic}-value"), DEAL, &reference("common.Money", "money"));
    // 7, "1.25", USD.
    let value = [&[0][..], &id.to_be_bytes(), &[14, 8], b"1.25", &[2]].concat();
    let key_id = feed.outsider.register(&format!("{topic}-key"), KEY, &serde_json::json!([]));
    let [seven, eight] = [14, 16].map(|number| [&[0][..], &key_id.to_be_bytes(), &[number]].concat());
    feed.outsider.write_records(&topic, "none", &[record(&seven, Some(&value), &[]), record(&eight, None, &[])]);
    feed.once(0);
    let rows = feed.ask("select number, price, unit, gone from venue.deals order by number");
    assert_eq!(rows, "7\t1.25\tUSD\tfalse\n8\t\\N\t\\N\ttrue");
    assert_eq!(feed.open_letters(), 0);
}
