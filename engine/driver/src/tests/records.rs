//! Flows that decode what others wrote: from the bytes of records to rows.

use super::outcome_of;

/// `DECODE` stands for what is decoded, `STEPS` for what follows.
const FEED: &str = r#"topology: outside
flows:
  load:
    from: { topic: venue.trades, partitions: 3 }
    steps: [ { decode: DECODE }STEPS ]
    to: { topic: feed.trades, key: [id] }
tests:
"#;

fn outcome(decode: &str, steps: &str, test: &str) -> String {
    outcome_of(&FEED.replace("DECODE", decode).replace("STEPS", steps), &format!("{{ name: t, flow: load, {test} }}"))
}

const FIELDS: &str = "fields: { id: bigint, \"trade.price\": \"nullable decimal(9, 2)\", tags: list of text }";

#[test]
fn objects_become_rows_and_what_cannot_is_a_dead_letter_among_them() {
    let decode = format!("{{ json: {{ {FIELDS} }} }}");
    let steps = ", { select: { id: id, price: trade.price * 2, first: \"tags[1]\" } }";
    let given = r#"given: { records: [
        { value: '{"id": 1, "trade": {"price": 1.50}, "tags": ["a", "b"], "more": {}}' },
        { value: '{"id": "x"}' },
        { value: },
        { value: "" },
        { value: '{"id": 2}' } ] }"#;
    let expect = "expect: { rows: [ { id: 1, price: 3.00, first: a }, { id: 2, price: null, first: null } ],
        dead-letters: [ { code: E4313, step: decode }, { code: E4405 }, { code: E4311 } ] }";
    assert_eq!(outcome(&decode, steps, &format!("{given}, {expect}")), "passed");
}

#[test]
fn steps_see_what_records_say_beside_their_values() {
    let decode = "{ json: { fields: { id: bigint } }, key: text }";
    let steps = ", { where: record.offset <> 1 }
        , { select: { id: id, key: record.key, trace: \"cast(record.headers['trace-id'] as text)\", topic: record.topic,
              at: record.timestamp, place: record.partition * 10 + record.offset } }
        , { extend: { again: record.key || '!', gone: record.tombstone } }";
    let given = "given: { records: [
        { value: '{\"id\": 1}', key: a, headers: { trace-id: first, other: x } },
        { value: '{\"id\": 2}', key: b },
        { value: '{\"id\": 3}' } ] }";
    let expect = "expect: { dropped: { where: 1 }, rows: [
        { id: 1, key: a, trace: first, topic: venue.trades, at: '2026-01-01 00:00:00.000', place: 0, again: 'a!', gone: false },
        { id: 3, key: null, trace: null, at: '2026-01-01 00:00:00.002', place: 2, again: null } ] }";
    assert_eq!(outcome(decode, steps, &format!("{given}, {expect}")), "passed");
}

#[test]
fn tombstones_are_dead_letters_dropped_or_rows_as_declared() {
    let given = "given: { records: [ { value: '{\"id\": 1, \"tags\": [\"a\"]}', key: '7' }, { value: , key: '8' } ] }";
    let decode = |more: &str| format!("{{ json: {{ {FIELDS} }}, key: bigint{more} }}");
    let steps = ", { select: { id: record.key, gone: record.tombstone, was: id, tags: tags } }";
    let one = "{ id: 7, gone: false, was: 1, tags: [a] }";
    let dead = format!("expect: {{ rows: [ {one} ], dead-letters: [ {{ code: E4405, step: decode }} ] }}");
    assert_eq!(outcome(&decode(""), steps, &format!("{given}, {dead}")), "passed");
    let dropped = format!("expect: {{ rows: [ {one} ], dropped: {{ tombstone: 1 }} }}");
    assert_eq!(outcome(&decode(", tombstones: drop"), steps, &format!("{given}, {dropped}")), "passed");
    let kept = format!("expect: {{ rows: [ {one}, {{ id: 8, gone: true, was: null, tags: [] }} ] }}");
    assert_eq!(outcome(&decode(", tombstones: keep"), steps, &format!("{given}, {kept}")), "passed");
}

#[test]
fn a_key_that_is_not_of_its_type_is_a_dead_letter_where_it_is_asked_for() {
    let given = "given: { records: [ { value: '{\"id\": 1}', key: abcd } ] }";
    let decode = "{ json: { fields: { id: bigint } }, key: KEY }";
    let asked = ", { select: { id: id, key: record.key } }";
    let number = "expect: { rows: [] }";
    let said = outcome(&decode.replace("KEY", "integer"), asked, &format!("{given}, {number}"));
    assert_eq!(said, "the key `abcd` is no integer");
    let text = "expect: { rows: [ { id: 1, key: abcd } ] }";
    assert_eq!(outcome(&decode.replace("KEY", "text"), asked, &format!("{given}, {text}")), "passed");
    assert_eq!(
        outcome(&decode.replace("KEY", "binary"), "", &format!("{given}, expect: {{ rows: [ {{ id: 1 }} ] }}")),
        "passed"
    );
}

#[test]
fn lines_become_rows_of_text() {
    let decode = "{ delimited: { columns: [id, note, amount], separator: '|', spill: note, empty: text } }";
    let steps = ", { select: { id: cast(id as bigint), note: note, amount: amount } }";
    let given = "given: { records: [ { value: \"1|a|b|2\" }, { value: \"2|'x|\\n\" }, { value: \"3|\" }, { value: \"4|a|b\\n5|c|d\" },
        { value: \"six|a|b\" } ] }";
    let expect = "expect: { rows: [ { id: 1, note: 'a|b', amount: '2' }, { id: 2, note: \"'x\", amount: '' } ],
        dead-letters: [ { code: E4202, step: decode }, { code: E4316, step: decode }, { code: E4101, field: id } ] }";
    assert_eq!(outcome(decode, steps, &format!("{given}, {expect}")), "passed");
}

#[test]
fn keys_may_have_fields_of_their_own() {
    let decode = "{ json: { fields: { price: text } }, key: { json: { fields: { id: bigint, venue.code: text } } },
        tombstones: keep }";
    let steps = ", { where: record.key.id is not null }
        , { select: { id: record.key.id, venue: record.key.venue.code, price: price, gone: record.tombstone } }";
    let given = r#"given: { records: [
        { value: '{"price": 1}', key: '{"id": 7, "venue": {"code": "X"}}' },
        { value: '{"price": 2}', key: '{"id": 8}' },
        { value: '{"price": 3}' },
        { value: , key: '{"id": 9, "venue": {"code": "Y"}}' } ] }"#;
    let expect = "expect: { rows: [ { id: 7, venue: X, price: '1', gone: false }, { id: 9, venue: Y, price: null, gone: true } ],
        dropped: { where: 1 }, dead-letters: [ { code: E4406, step: decode } ] }";
    assert_eq!(outcome(decode, steps, &format!("{given}, {expect}")), "passed");
}

/// Records in Avro are given as rows, which have no keys.
#[test]
fn rows_that_are_given_have_facts_and_no_keys() {
    let feed = FEED
        .replace("venue.trades", "feed.lists")
        .replace("DECODE", "{ avro: registry, key: { json: { fields: { id: bigint, tags: list of text } } } }")
        .replace(
            "STEPS",
            ", { select: { id: \"coalesce(record.key.id, record.offset)\", tags: record.key.tags, name: name } }",
        );
    let test = "{ name: t, flow: load, given: { rows: [ { name: a }, { name: b } ] },
        expect: { rows: [ { id: 0, name: a, tags: [] }, { id: 1, name: b, tags: [] } ] } }";
    assert_eq!(outcome_of(&feed, test), "passed");
}
