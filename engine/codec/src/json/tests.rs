//! What is read, what is refused with which code, and that any object comes back as it was written.

use std::sync::Arc;

use arrow::array::{Array, BinaryArray};
use arrow::util::display::array_value_to_string;
use batch::ColumnType;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::{Map, Value, json};

use super::number::{Exact, NotExact, exact};
use super::{JsonDecoder, OtherFields};
use crate::record::Decoded;

fn decoder(fields: &[(&str, &str)], other: OtherFields) -> JsonDecoder {
    let columns = fields.iter().map(|(name, of)| (Arc::from(*name), ColumnType::parse(of).expect("a type")));
    JsonDecoder::new(columns.collect(), other)
}

fn decode(fields: &[(&str, &str)], values: &[&[u8]]) -> Decoded {
    decoder(fields, OtherFields::Ignore).decode(&BinaryArray::from_iter_values(values))
}

/// The values of the rows' columns as text; what is null is `-`.
fn shown(decoded: &Decoded) -> Vec<String> {
    let value = |column: &Arc<dyn Array>, row: usize| match column.is_null(row) {
        true => "-".to_owned(),
        false => array_value_to_string(column, row).expect("shown"),
    };
    let row = |row: usize| decoded.rows.columns().iter().map(|column| value(column, row)).collect::<Vec<_>>().join("|");
    (0..decoded.rows.num_rows()).map(row).collect()
}

/// What one value of one type becomes, or its code.
fn one(of: &str, value: &str) -> String {
    let decoded = decode(&[("x", of)], &[format!(" {{ \"x\" : {value} }} ").as_bytes()]);
    assert_eq!(decoded.rows.num_rows() + decoded.bad.len(), 1);
    decoded.bad.first().map_or_else(|| shown(&decoded).remove(0), |bad| bad.code.to_string())
}

#[test]
fn values_are_read_by_their_declared_type() {
    let cases = [
        ("text", r#""a \"b\" \u00e9\ud83d\ude00""#, "a \"b\" é😀"),
        ("text", "12.50", "12.50"),
        ("text", r#"{"a": [1, "}"]}"#, r#"{"a": [1, "}"]}"#),
        ("text", "true", "true"),
        ("text", r#""\ud83d""#, "E4313"),
        ("text", "null", "E4312"),
        ("nullable text", "null", "-"),
        ("boolean", "false", "false"),
        ("boolean", "1", "E4313"),
        ("boolean", r#""true""#, "E4313"),
        ("bigint", "-9223372036854775808", "-9223372036854775808"),
        ("bigint", "9223372036854775808", "E4313"),
        ("bigint", "1.0", "1"),
        ("bigint", "1e3", "1000"),
        ("bigint", "1.5", "E4313"),
        ("bigint", r#""17""#, "17"),
        ("bigint", r#""017""#, "E4313"),
        ("bigint", r#"" 17""#, "E4313"),
        ("bigint", r#""""#, "E4313"),
        ("bigint", "true", "E4313"),
        ("tinyint", "128", "E4313"),
        ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
        ("bigint unsigned", "-1", "E4313"),
        ("decimal(38, 10)", "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"),
        ("decimal(4, 2)", r#""12.5""#, "12.50"),
        ("decimal(4, 2)", "12.500", "12.50"),
        ("decimal(4, 2)", "12.345", "E4313"),
        ("decimal(4, 2)", "123", "E4313"),
        ("decimal(4, 2)", "1e-2", "0.01"),
        ("decimal(4, 2)", "1e99999999999999999999", "E4313"),
        ("decimal(4, 2)", "0e99999999999999999999", "0.00"),
        ("double", "0.1", "0.1"),
        ("double", r#""2.5e-3""#, "0.0025"),
        ("double", "1e999", "E4313"),
        ("double", r#""nan""#, "E4313"),
        ("list of text", "[]", "[]"),
        ("list of text", "null", "[]"),
        ("list of bigint", "[1, null , 3]", "[1, , 3]"),
        ("list of bigint", "[1, \"a\"]", "E4313"),
        ("list of bigint", "{}", "E4313"),
        ("list of list of bigint", "[[1],[],null,[2,3]]", "[[1], [], , [2, 3]]"),
        ("map of text to bigint", r#"{"a": 1, "b": null}"#, "{a: 1, b: }"),
        ("map of text to bigint", r#"{"a": 1, "\u0061": 2}"#, "E4313"),
        ("map of text to bigint", "[]", "E4313"),
    ];
    for (of, value, expected) in cases {
        assert_eq!(one(of, value), expected, "{value} as {of}");
    }
}

#[test]
fn fields_of_objects_within_objects_are_paths() {
    let fields =
        [("trade.price", "nullable decimal(9, 2)"), ("trade", "nullable text"), ("trade.venue.code", "nullable text")];
    let values: [&[u8]; 5] = [
        br#"{"other": {"price": 9}, "trade": {"price": 1.5, "venue": {"code": "X", "more": [1]}}}"#,
        br#"{"trade": null}"#,
        br#"{}"#,
        br#"{"trade": 7}"#,
        br#"{"trade": {"venue": []}}"#,
    ];
    let decoded = decode(&fields, &values);
    let whole = r#"{"price": 1.5, "venue": {"code": "X", "more": [1]}}"#;
    assert_eq!(shown(&decoded), [format!("1.50|{whole}|X"), "-|-|-".into(), "-|-|-".into()]);
    assert_eq!(decoded.records, [0, 1, 2]);
    let bad: Vec<&str> = decoded.bad.iter().map(|bad| &*bad.message).collect();
    assert_eq!(bad, ["field `trade` is no object", "field `trade.venue` is no object"]);
    let fields: Vec<Option<&str>> = decoded.bad.iter().map(|bad| bad.field.as_deref()).collect();
    assert_eq!(fields, [Some("trade"), Some("trade.venue")]);
}

#[test]
fn each_bad_record_has_its_code_and_its_neighbours_are_rows() {
    let values: [(&[u8], &str); 14] = [
        (br#"{"id": 1, "tags": ["a"]}"#, ""),
        (b"", "E4311"),
        (b"nothing", "E4311"),
        (b"{\"id\": 1", "E4311"),
        (b"{\"id\": 1} {}", "E4311"),
        (b"[1]", "E4311"),
        (b"{\"id\": \"\xff\"}", "E4311"),
        (br#"{"\ud83d": 1}"#, "E4311"),
        (br#"{"tags": ["half"]}"#, "E4312"),
        (br#"{"id": 2, "tags": ["kept", 1, {}], "more": 1}"#, ""),
        (br#"{"tags": ["half", "of"], "id": "x"}"#, "E4313"),
        (br#"{"id": 1, "id": 1}"#, "E4314"),
        (br#"{"id": 1, "\u0069d": 1}"#, "E4314"),
        (br#"{"id": 3}"#, ""),
    ];
    let bytes: Vec<&[u8]> = values.iter().map(|(value, _)| *value).collect();
    let decoded = decode(&[("id", "bigint"), ("tags", "list of text")], &bytes);
    let mut codes = vec![String::new(); values.len()];
    decoded.bad.iter().for_each(|bad| codes[bad.index] = bad.code.to_string());
    assert_eq!(codes, values.map(|(_, code)| code));
    assert_eq!(decoded.records, [0, 9, 13]);
    assert_eq!(shown(&decoded), ["1|[a]", "2|[kept, 1, {}]", "3|[]"]);

    let strict = decoder(&[("a.b", "nullable text")], OtherFields::Refuse);
    let values: [&[u8]; 3] = [br#"{"a": {"b": "x"}}"#, br#"{"a": {"b": "x", "c": 1}}"#, br#"{"d": 1}"#];
    let decoded = strict.decode(&BinaryArray::from_iter_values(values));
    let bad: Vec<String> = decoded.bad.iter().map(|bad| format!("{} {}", bad.code, bad.message)).collect();
    assert_eq!(bad, ["E4315 field `a.c` is not declared", "E4315 field `d` is not declared"]);
    assert!(decoded.bad.iter().all(|bad| bad.field.is_none()), "names of strangers are no groups");
}

#[test]
fn what_is_no_value_of_a_record_is_told_without_it() {
    let secret = br#"{"id": "4111-1111"}"#;
    let decoded = decode(&[("id", "bigint")], &[secret]);
    assert_eq!(decoded.bad[0].message, "field `id` is no bigint");
    assert_eq!(decoded.bad[0].field.as_deref(), Some("id"));
    let decoded = decode(&[("id", "bigint")], &[b"{\"id\": 1,\n \"x\": ?}"]);
    assert_eq!(decoded.bad[0].message, "the value is no JSON from byte 16 on");
}

#[test]
fn numbers_are_exact_or_none() {
    let cases = [
        ("0", Ok((0, 0))),
        ("-0.00e5", Ok((0, 0))),
        ("100", Ok((100, 0))),
        ("12.50", Ok((125, 1))),
        ("-12.5E+1", Ok((-125, 0))),
        ("0.001e1", Ok((1, 2))),
        ("1e-40", Ok((1, 40))),
        ("01", Err(NotExact::NoNumber)),
        (".5", Err(NotExact::NoNumber)),
        ("5.", Err(NotExact::NoNumber)),
        ("+5", Err(NotExact::NoNumber)),
        ("1e", Err(NotExact::NoNumber)),
        ("1e+", Err(NotExact::NoNumber)),
        ("0x10", Err(NotExact::NoNumber)),
        ("", Err(NotExact::NoNumber)),
        ("1e39", Err(NotExact::TooLong)),
        ("1234567890123456789012345678901234567890", Err(NotExact::TooLong)),
    ];
    for (text, expected) in cases {
        assert_eq!(exact(text), expected.map(|(units, scale)| Exact { units, scale }), "{text}");
    }
}

/// Any JSON that fits into a few levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("a number of JSON", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let name = prop_oneof!["[a-c]", any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    /// The library's own tree says what each field of any object is, however it is written.
    #[test]
    fn any_object_gives_the_fields_that_the_library_finds(value in any_json(), a in any_json(), pretty in any::<bool>()) {
        let object = json!({ "first": value, "a": a, "last": [1, {"a": "}"}] });
        let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) };
        let text = text.expect("text");
        let decoded = decode(&[("a", "nullable text"), ("last", "list of text")], &[text.as_bytes()]);
        assert!(decoded.bad.is_empty(), "{:?}", decoded.bad);
        let column = decoded.rows.column(0);
        match (&a, column.is_null(0)) {
            (Value::Null, null) => assert!(null),
            (Value::String(text), _) => assert_eq!(*text, array_value_to_string(column, 0).expect("shown")),
            (other, _) => {
                let shown = array_value_to_string(column, 0).expect("shown");
                // As the library reads it back: of some numbers the last digit is another then.
                let again: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(again["a"], serde_json::from_str::<Value>(&shown).expect("JSON"), "{other}");
            }
        }
    }

    /// Bytes of any kind are a row or a bad record, and never harm the next.
    #[test]
    fn any_bytes_are_a_row_or_a_bad_record(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0_usize..40) {
        let good = br#"{"a": "b", "n": [{"x": "\"]"}, 1.5e3]}"#;
        let cut = &good[..cut.min(good.len())];
        let decoded = decode(&[("a", "text"), ("n", "list of text")], &[&bytes, good, cut, good]);
        assert_eq!(decoded.records.len() + decoded.bad.len(), 4);
        assert!(decoded.records.contains(&1) && decoded.records.contains(&3));
        assert_eq!(decoded.records.contains(&2), cut.len() == good.len());
    }

    /// Exact numbers are what they say: written out again they are the same value.
    #[test]
    fn exact_numbers_are_what_was_written(units in -(10_i128.pow(30))..10_i128.pow(30), scale in 0_u32..8) {
        let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
        let point = if scale > 0 { "." } else { "" };
        let text = format!("{}{whole}{point}{fraction}", if units < 0 { "-" } else { "" });
        let number = exact(&text).expect("a number");
        assert_eq!(number.units * 10_i128.pow(scale - number.scale), units, "{text}");
    }
}
