//! Tables of cases: what resolves to what, damaged and hostile bytes, what is written again, and what is compatible.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::util::display::array_value_to_string;

use super::{Decoded, RecordDecoder, RecordEncoder, SchemaError, columns_of, compatibility, frame};

const UUID: &str = r#"{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}"#;
const TRADE: &str =
    r#"{"type":"record","name":"T","fields":[{"name":"price","type":"int"},{"name":"side","type":"string"}]}"#;

/// A record of one field `x`; what follows its type, a default say, may stand behind it.
fn one(of: &str) -> String {
    format!(r#"{{"type":"record","name":"r","fields":[{{"name":"x","type":{of}}}]}}"#)
}

fn decimal(scale: u8) -> String {
    format!(r#"{{"type":"bytes","logicalType":"decimal","precision":20,"scale":{scale}}}"#)
}

fn logical(of: &str, name: &str) -> String {
    format!(r#"{{"type":"{of}","logicalType":"{name}"}}"#)
}

fn decode(writer: &str, reader: &str, bodies: &[&[u8]]) -> Result<Decoded, SchemaError> {
    let mut decoder = RecordDecoder::resolving(columns_of(reader)?, reader)?;
    let records = BinaryArray::from_iter_values(bodies.iter().map(|body| [&frame(1), *body].concat()));
    let known = |id: u32| (id == 1).then(|| Arc::from(writer));
    Ok(decoder.decode(&records, &known))
}

/// The columns of the only row, or the code and message of the only bad record.
fn outcome(decoded: &Decoded) -> String {
    if let [bad] = decoded.bad.as_slice() {
        return format!("{} {}", bad.code.0, bad.message);
    }
    let shown = decoded.rows.schema_ref().fields().iter().zip(decoded.rows.columns()).map(|(field, column)| {
        let value =
            if column.is_null(0) { "null".to_owned() } else { array_value_to_string(column, 0).expect("shown") };
        format!("{}={value}", field.name())
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn writers_resolve_to_readers() {
    let union = |branches: &[&str]| format!("[{}]", branches.join(","));
    let millis = logical("long", "timestamp-millis");
    let micros = logical("long", "timestamp-micros");
    let nested = |price: &str, more: &str| {
        format!(r#"{{"type":"record","name":"T","fields":[{{"name":"price","type":{price}}}{more}]}}"#)
    };
    let enumeration = |name: &str, symbols: &str, more: &str| {
        format!(r#"{{"type":"enum","name":"{name}","symbols":[{symbols}]{more}}}"#)
    };
    let cases: Vec<(String, String, &[u8], &str)> = vec![
        // promotions
        (r#""int""#.into(), r#""long""#.into(), &[5], "x=-3"),
        (r#""int""#.into(), r#""float""#.into(), &[5], "x=-3.0"),
        (r#""long""#.into(), r#""double""#.into(), &[5], "x=-3.0"),
        // 2^24 + 1 has no float of its own.
        (r#""long""#.into(), r#""float""#.into(), &[0x82, 0x80, 0x80, 0x10], "x=16777216.0"),
        (r#""string""#.into(), r#""bytes""#.into(), &[2, b'a'], "x=61"),
        (r#""bytes""#.into(), r#""string""#.into(), &[2, b'a'], "x=a"),
        (r#""bytes""#.into(), r#""string""#.into(), &[2, 0xff], "E4307 text is not"),
        (r#""long""#.into(), r#""int""#.into(), &[5], "E4309 records of an earlier schema (1) cannot be read: field `x` cannot be read: it was written as long and is int now"),
        (r#""double""#.into(), r#""float""#.into(), &[0; 8], "E4309"),
        // logical types
        (millis.clone(), micros.clone(), &[6], "x=1970-01-01T00:00:00.003Z"),
        (micros.clone(), millis.clone(), &[0xd0, 0x0f], "x=1970-01-01T00:00:00.001Z"),
        (micros.clone(), millis.clone(), &[6], "E4308"),
        (r#""long""#.into(), millis.clone(), &[6], "x=1970-01-01T00:00:00.003Z"),
        (millis.clone(), r#""long""#.into(), &[6], "x=3"),
        (millis.clone(), logical("long", "local-timestamp-millis"), &[6], "E4309"),
        (logical("int", "date"), millis, &[6], "E4309"),
        (logical("int", "time-millis"), logical("long", "time-micros"), &[6], "x=3000"),
        (logical("int", "date"), r#""int""#.into(), &[6], "x=3"),
        (decimal(2), decimal(3), &[2, 0x7f], "x=1.270"),
        (decimal(3), decimal(2), &[2, 0x7f], "E4309"),
        (decimal(2), decimal(2), &[34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], "x=0.07"),
        (decimal(2), decimal(2), &[34, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], "E4308"),
        (decimal(0), decimal(0), &[32, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], "E4308"),
        (decimal(2), r#""bytes""#.into(), &[2, 0x7f], "x=7f"),
        (UUID.into(), UUID.into(), &[0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], "x=ab010203-0405-0607-0809-0a0b0c0d0e0f"),
        // unions
        (r#"["null","string"]"#.into(), r#""string""#.into(), &[2, 2, b'a'], "x=a"),
        (r#"["null","string"]"#.into(), r#""string""#.into(), &[0], "E4308 a value is null where null is no value, column x"),
        (r#""int""#.into(), r#"["string","null","long"]"#.into(), &[6], "x.string=null x.long=3"),
        (r#"["null","int","string"]"#.into(), r#"["null","long"]"#.into(), &[4, 2, b'a'], "E4309 a union's branch"),
        (r#"["null","int","string"]"#.into(), r#"["null","long"]"#.into(), &[2, 6], "x=3"),
        (r#"["null","int","string"]"#.into(), r#"["string","null"]"#.into(), &[0], "x=null"),
        (r#"["int","string"]"#.into(), r#""boolean""#.into(), &[0, 6], "E4309 records of an earlier schema (1)"),
        (r#"["bytes","string"]"#.into(), r#"["bytes","string"]"#.into(), &[2, 2, b'a'], "x.bytes=null x.string=a"),
        (union(&[r#""null""#, TRADE, r#""int""#]), union(&[r#""null""#, TRADE, r#""int""#]), &[2, 6, 2, b'B'], "x.T.price=3 x.T.side=B x.int=null"),
        (union(&[r#""null""#, TRADE, r#""int""#]), union(&[r#""null""#, TRADE, r#""int""#]), &[0], "x.T.price=null x.T.side=null x.int=null"),
        // enums
        (enumeration("e", r#""A","B""#, ""), enumeration("e", r#""B","A""#, ""), &[2], "x=B"),
        (enumeration("e", r#""A","B""#, ""), enumeration("e", r#""A""#, r#","default":"A""#), &[2], "x=A"),
        (enumeration("e", r#""A","B""#, ""), enumeration("e", r#""A""#, ""), &[2], "E4309 a union's branch or an enum's symbol"),
        (enumeration("e", r#""A""#, ""), enumeration("e2", r#""A""#, ""), &[0], "E4309 records of an earlier schema (1)"),
        (enumeration("e", r#""A""#, ""), enumeration("e2", r#""A""#, r#","aliases":["e"]"#), &[0], "x=A"),
        (enumeration("e", r#""A""#, ""), enumeration("e", r#""A""#, ""), &[2], "E4305"),
        // fixed
        (r#"{"type":"fixed","name":"f","size":2}"#.into(), r#"{"type":"fixed","name":"f","size":2}"#.into(), &[1, 2], "x=0102"),
        (r#"{"type":"fixed","name":"f","size":2}"#.into(), r#"{"type":"fixed","name":"f","size":3}"#.into(), &[1, 2], "E4309"),
        // records
        (TRADE.into(), nested(r#""long""#, ""), &[6, 2, b'B'], "x.price=3"),
        (nested(r#""int""#, ""), nested(r#""int""#, r#",{"name":"more","type":"bytes","default":"ÿa"}"#), &[6], "x.price=3 x.more=ff61"),
        (nested(r#""int""#, ""), nested(r#""int""#, r#",{"name":"more","type":"string"}"#), &[6], "E4309 records of an earlier schema (1) cannot be read: field `x.more` cannot be read: the writer's record has no such field"),
        (nested(r#""int""#, ""), r#"{"type":"record","name":"T","fields":[{"name":"cost","aliases":["price"],"type":"int"}]}"#.into(), &[6], "x.cost=3"),
        (r#"["null",{"type":"record","name":"T","fields":[{"name":"a","type":{"type":"array","items":"int"}},{"name":"b","type":"int"}]}]"#.into(),
         r#"["null",{"type":"record","name":"T","fields":[{"name":"a","type":{"type":"array","items":"int"}},{"name":"b","type":"int"}]}]"#.into(), &[0], "x.a=[] x.b=null"),
        // collections
        (format!(r#"{{"type":"array","items":{TRADE}}}"#), format!(r#"{{"type":"array","items":{TRADE}}}"#), &[4, 2, 2, b'B', 4, 2, b'S', 0], "x.price=[1, 2] x.side=[B, S]"),
        (format!(r#"{{"type":"array","items":["null",{TRADE}]}}"#), format!(r#"{{"type":"array","items":["null",{TRADE}]}}"#), &[3, 10, 0, 2, 2, 2, b'B', 0], "x.price=[, 1] x.side=[, B]"),
        (format!(r#"{{"type":"map","values":{TRADE}}}"#), format!(r#"{{"type":"map","values":{TRADE}}}"#), &[2, 2, b'k', 2, 2, b'B', 0], "x.price={k: 1} x.side={k: B}"),
        (r#"{"type":"array","items":"int"}"#.into(), r#"{"type":"array","items":["null","double"]}"#.into(), &[2, 6, 0], "x=[3.0]"),
    ];
    for (writer, reader, body, expected) in cases {
        let found = outcome(&decode(&one(&writer), &one(&reader), &[body]).expect("a reader"));
        assert!(found.starts_with(expected), "{writer} by {reader}: {found}, not {expected}");
    }
}

/// Missing fields take the reader's default, whatever their type.
#[test]
fn defaults_of_all_types() {
    let cases = [
        (r#""boolean","default":true"#, "x=true"),
        (r#""int","default":-7"#, "x=-7"),
        (r#""double","default":0.5"#, "x=0.5"),
        (r#""float","default":"NaN""#, "x=NaN"),
        (r#""bytes","default":"\u00ff""#, "x=ff"),
        (r#"{"type":"fixed","name":"f","size":2},"default":"a\u0080""#, "x=6180"),
        (r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2},"default":"\u0001\u0000""#, "x=2.56"),
        (r#"{"type":"int","logicalType":"date"},"default":1"#, "x=1970-01-02"),
        (r#"["null","int"],"default":null"#, "x=null"),
        (r#"["int","null"],"default":3"#, "x=3"),
        (r#"["int","string"],"default":"a""#, "x.int=null x.string=a"),
        (r#"{"type":"enum","name":"e","symbols":["A","B"]},"default":"B""#, "x=B"),
        (r#"{"type":"array","items":["null","int"]},"default":[]"#, "x=[]"),
        (r#"{"type":"array","items":"string"},"default":["a","b"]"#, "x=[a, b]"),
        (r#"{"type":"map","values":"int"},"default":{"k":1}"#, "x={k: 1}"),
        (
            r#"{"type":"record","name":"T","fields":[{"name":"a","type":"int"},{"name":"b","type":"string","default":"z"}]},"default":{"a":1}"#,
            "x.a=1 x.b=z",
        ),
        (
            r#""string""#,
            "E4309 records of an earlier schema (1) cannot be read: field `x` cannot be read: the writer's record has no such field",
        ),
    ];
    let writer = r#"{"type":"record","name":"r","fields":[]}"#;
    for (of, expected) in cases {
        let found = outcome(&decode(writer, &one(of), &[&[]]).expect("a reader"));
        assert!(found.starts_with(expected), "{of}: {found}, not {expected}");
    }
}

/// No field is to blame for the record itself.
#[test]
fn a_record_of_another_name_is_told_without_a_field() {
    let record = |name: &str| format!(r#"{{"type":"record","name":"{name}","fields":[]}}"#);
    let decoded = decode(&record("quote"), &record("trade"), &[&[]]).expect("a reader");
    let expected = "E4309 records of an earlier schema (1) cannot be read: the writer's record is `quote`, the reader's is \
                    `trade` and has no alias of that name";
    assert_eq!(outcome(&decoded), expected);
}

/// Each record is bad for a reason, and those before and behind it are read.
#[test]
fn damaged_and_hostile_records_harm_no_neighbour() {
    let of = format!(
        r#"{{"type":"record","name":"r","fields":[{{"name":"n","type":"long"}},{{"name":"l","type":{{"type":"array","items":{TRADE}}}}},
        {{"name":"s","type":["null","string"]}},{{"name":"m","type":{{"type":"map","values":"int"}}}}]}}"#
    );
    let reader_without_lists =
        r#"{"type":"record","name":"r","fields":[{"name":"n","type":"long"},{"name":"s","type":["null","string"]}]}"#;
    let good: &[u8] = &[6, 2, 2, 2, b'B', 0, 2, 2, b'x', 0];
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let eleven = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0];
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "E4303"),
        (vec![6, 2, 2], "E4303"),
        (good[..9].to_vec(), "E4303"),
        ([good, &[0]].concat(), "E4304"),
        (eleven.to_vec(), "E4308"),
        ([&[0x80; 9][..], &[2]].concat(), "E4308"),
        // a block of i64::MIN items, of very many, and one longer than the record
        ([&[6], &huge[..], &[0]].concat(), "E4306"),
        (vec![6, 0xfe, 0xff, 0xff, 0xff, 0x0f], "E4306"),
        (vec![6, 1, 0x80, 0x80, 0x01, 2, 2, b'B', 0, 0, 0], "E4306"),
        (vec![6, 1, 1, 0, 0, 0], "E4306"),
        // a text of negative and of impossible length, a union's third branch
        (vec![6, 0, 2, 1, 0], "E4306"),
        (vec![6, 0, 2, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0], "E4306"),
        (vec![6, 0, 4, 0], "E4305"),
        (vec![6, 0, 1, 0], "E4305"),
        (vec![6, 0, 2, 2, 0xff, 0], "E4307"),
        (vec![6, 0, 0, 2, 2, 0xff, 0, 0], "E4307"),
    ];
    for (body, code) in &cases {
        for reader in [&*of, reader_without_lists] {
            let decoded = decode(&of, reader, &[good, body, good]).expect("a reader");
            // What nobody wants need not be text.
            let text_in_map = *code == "E4307" && body.len() == 8 && reader == reader_without_lists;
            if text_in_map {
                assert!(decoded.bad.is_empty());
                continue;
            }
            let found: Vec<(usize, &str)> = decoded.bad.iter().map(|bad| (bad.index, bad.code.0)).collect();
            assert_eq!((found.len(), decoded.bad[0].index), (1, 1), "{body:?} by {reader}");
            // A length that nobody believes may be found short instead.
            assert!(found[0].1 == *code || reader != of, "{body:?}: {found:?}, not {code}");
            assert_eq!(decoded.records, [0, 2]);
            assert_eq!(decoded.rows.slice(0, 1), decoded.rows.slice(1, 1));
        }
    }
    let records = BinaryArray::from_opt_vec(vec![Some(&[0, 0, 0, 0, 9][..]), None, Some(&[1, 0]), Some(&[])]);
    let unknown = RecordDecoder::new(columns_of(&of).expect("columns")).decode(&records, &|_: u32| None);
    assert_eq!(unknown.bad.iter().map(|bad| bad.code.0).collect::<Vec<_>>(), ["E4302", "E4301", "E4301", "E4301"]);
}

/// A few bytes cannot ask for very many items that have none.
#[test]
fn items_without_bytes_are_no_more_than_bytes() {
    let nothing = r#"{"type":"array","items":{"type":"fixed","name":"z","size":0}}"#;
    let of = one(&format!(r#"{{"type":"array","items":{nothing}}}"#));
    let lists = |count: u8| [vec![2 * count], [6, 0].repeat(usize::from(count)), vec![0]].concat();
    assert_eq!(outcome(&decode(&of, &of, &[&[4, 2, 0, 2, 0, 0]]).expect("a reader")), "x=[[], []]");
    // Eight lists of three in 18 bytes.
    assert!(outcome(&decode(&of, &of, &[&lists(8)]).expect("a reader")).starts_with("E4306"));
    let unwanted = r#"{"type":"record","name":"r","fields":[]}"#;
    let nulls = one(r#"{"type":"array","items":"null"}"#);
    assert!(decode(&nulls, unwanted, &[&[0xfe, 0xff, 0xff, 0xff, 0x0f, 0]]).expect("a reader").bad.is_empty());
}

#[test]
fn schemas_that_cannot_be_unfolded_are_refused() {
    let recursive = r#"{"type":"record","name":"r","fields":[{"name":"next","type":["null","r"]}]}"#;
    assert_eq!(
        columns_of(recursive).expect_err("recursive").to_string(),
        "the type `r` contains itself, which no column can hold"
    );
    let deep = one(&format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(40), "}".repeat(40)));
    assert!(columns_of(&deep).expect_err("deep").to_string().contains("32 levels"));
    // Each type holds the one before twice: two to the power of 25 parts from 26 lines.
    let mut types = r#"{"type":"record","name":"t0","fields":[]}"#.to_owned();
    for level in 1..=25 {
        let before = level - 1;
        types = format!(
            r#"{{"type":"record","name":"t{level}","fields":[{{"name":"a","type":{types}}},{{"name":"b","type":"t{before}"}}]}}"#
        );
    }
    assert!(columns_of(&types).expect_err("large").to_string().contains("20,000 parts"));
    let twice = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","spotlight.column":"a"}]}"#;
    assert!(columns_of(twice).expect_err("twice").to_string().contains("two fields have the column `a`"));
}

fn written(schema: &str, columns: Vec<(&str, ArrayRef)>) -> Vec<Result<Vec<u8>, String>> {
    let columns: Vec<(&str, ArrayRef, bool)> = columns.into_iter().map(|(name, column)| (name, column, true)).collect();
    let rows = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let encoded = RecordEncoder::new(schema, 1).expect("a schema").encode(&rows).expect("columns fit");
    let of = |row: usize| match encoded.bad.iter().find(|bad| bad.index == row) {
        Some(bad) => Err(format!("{} {}", bad.code.0, bad.message)),
        None => Ok(encoded.values.value(row)[5..].to_vec()),
    };
    (0..rows.num_rows()).map(of).collect()
}

#[test]
fn what_a_schema_cannot_hold_is_a_bad_record() {
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), Some(0.1), Some(f64::INFINITY), None]));
    let floats = written(&one(r#""float""#), vec![("x", Arc::clone(&doubles))]);
    assert_eq!(floats[0], Ok(0.5_f32.to_le_bytes().to_vec()));
    assert!(floats[1].as_ref().is_err_and(|bad| bad.starts_with("E4308")) && floats[2].is_ok());
    assert_eq!(floats[3], Err("E4308 a value is null where null is no value, column x".to_owned()));
    let whole = written(&one(r#""int""#), vec![("x", Arc::new(Float64Array::from(vec![3.0, 0.5, 1e10, 9.3e18])))]);
    assert_eq!(whole.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, false]);
    let money = Decimal128Array::from(vec![1230, 1234]).with_precision_and_scale(38, 3).expect("fits");
    let money = written(&one(&decimal(2)), vec![("x", Arc::new(money))]);
    assert_eq!((money[0].as_deref(), money[1].is_err()), (Ok(&[2, 123][..]), true));
    let ids = StringArray::from(vec![
        "AB010203-0405-0607-0809-0a0b0c0d0e0f",
        "ab0102030405060708090a0b0c0d0e0f",
        "+b010203-0405-0607-0809-0a0b0c0d0e0f",
    ]);
    let ids = written(&one(UUID), vec![("x", Arc::new(ids))]);
    assert_eq!(ids[0], Ok(vec![0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
    assert!(ids[1].is_err() && ids[2].is_err());
}

#[test]
fn dotted_columns_are_written_as_records() {
    let union = one(&format!(r#"["null",{TRADE},"long"]"#));
    let numbers = |values: Vec<Option<i32>>| -> ArrayRef { Arc::new(arrow::array::Int32Array::from(values)) };
    let texts = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let rows = written(
        &union,
        vec![
            ("x.T.price", numbers(vec![Some(3), None, None, Some(3), Some(3)])),
            ("x.T.side", texts(vec![Some("B"), None, None, Some("B"), None])),
            ("x.long", Arc::new(Int64Array::from(vec![None, Some(4), None, Some(4), None]))),
        ],
    );
    assert_eq!(rows[..3], [Ok(vec![2, 6, 2, b'B']), Ok(vec![4, 8]), Ok(vec![0])]);
    assert!(rows[3].as_ref().is_err_and(|bad| bad.starts_with("E4305")));
    assert!(rows[4].as_ref().is_err_and(|bad| bad.starts_with("E4308")));
    let list = |values: Vec<Vec<Option<i32>>>| -> ArrayRef {
        let lists = values.into_iter().map(Some);
        Arc::new(arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(lists))
    };
    let pairs = one(
        r#"{"type":"array","items":{"type":"record","name":"P","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","int"]}]}}"#,
    );
    let rows = written(
        &pairs,
        vec![
            ("x.a", list(vec![vec![Some(1), Some(2)], vec![], vec![Some(1)], vec![None]])),
            ("x.b", list(vec![vec![None, Some(2)], vec![], vec![], vec![Some(1)]])),
        ],
    );
    assert_eq!(rows[..2], [Ok(vec![4, 2, 0, 4, 2, 4, 0]), Ok(vec![0])]);
    assert!(rows[2].as_ref().is_err_and(|bad| bad.contains("not as many entries")));
    assert!(rows[3].as_ref().is_err_and(|bad| bad.starts_with("E4308")));
}

#[test]
fn differences_of_schemas_are_told_by_field() {
    let cases: Vec<(String, String, &[&str])> = vec![
        (one(r#""int""#), one(r#""long""#), &[]),
        (one(r#""long""#), one(r#""int""#), &["field `x`: the type was long and is int, to which it is not promoted"]),
        (one(r#"["null","int"]"#), one(r#""int""#), &["field `x`: null may have been written, and int is never null"]),
        (
            one(r#""int""#),
            one(r#"["null","string"]"#),
            &["field `x`: the type was int and is string, to which it is not promoted"],
        ),
        (
            one(r#"["null","int"]"#),
            one(r#"["string","int"]"#),
            &["field `x`: null may have been written and is none of the types"],
        ),
        (one(r#""int""#), r#"{"type":"record","name":"r","fields":[]}"#.into(), &[]),
        (
            r#"{"type":"record","name":"r","fields":[]}"#.into(),
            one(r#""int""#),
            &["field `x`: the field was not written before and has no default"],
        ),
        (r#"{"type":"record","name":"r","fields":[]}"#.into(), one(r#""int","default":1"#), &[]),
        (
            one(r#""int""#),
            one(r#""int""#).replace("\"r\"", "\"s\""),
            &["the record is called `s` and was called `r`; an alias of that name is missing"],
        ),
        (one(r#""int""#), one(r#""int""#).replace("\"r\"", "\"s\",\"aliases\":[\"r\"]"), &[]),
        (
            one(r#"{"type":"enum","name":"e","symbols":["A","B","C"]}"#),
            one(r#"{"type":"enum","name":"e","symbols":["C"]}"#),
            &["field `x`: the enum no longer has `A`, `B` and has no default symbol"],
        ),
        (
            one(r#"{"type":"enum","name":"e","symbols":["A","B"]}"#),
            one(r#"{"type":"enum","name":"e","symbols":["A"],"default":"A"}"#),
            &[],
        ),
        (
            one(r#"{"type":"fixed","name":"f","size":2}"#),
            one(r#"{"type":"fixed","name":"f","size":3}"#),
            &["field `x`: the fixed had 2 bytes and has 3"],
        ),
        (
            one(r#"{"type":"fixed","name":"f","size":2}"#),
            one(r#"{"type":"fixed","name":"g","size":2}"#),
            &["field `x`: the fixed is called `g` and was called `f`; an alias of that name is missing"],
        ),
        (
            one(&decimal(4)),
            one(&decimal(2)),
            &["field `x`: the decimal had 4 digits after the point and has 2: digits would be lost"],
        ),
        (one(&decimal(2)), one(&decimal(4)), &[]),
        (
            one(&logical("long", "timestamp-millis")),
            one(&logical("long", "local-timestamp-millis")),
            &[
                "field `x`: the type was long (timestamp-millis) and is long (local-timestamp-millis), to which it is not promoted",
            ],
        ),
        (
            one(&format!(r#"{{"type":"array","items":{TRADE}}}"#)),
            one(
                r#"{"type":"array","items":{"type":"record","name":"T","fields":[{"name":"price","type":"string"},{"name":"day","type":"int"}]}}"#,
            ),
            &[
                "field `x[].price`: the type was int and is string, to which it is not promoted",
                "field `x[].day`: the field was not written before and has no default",
            ],
        ),
        (
            one(r#"{"type":"map","values":["null","int"]}"#),
            one(r#"{"type":"map","values":"int"}"#),
            &["field `x{}`: null may have been written, and int is never null"],
        ),
    ];
    for (writer, reader, expected) in cases {
        let found = compatibility(&reader, &writer).expect("schemas");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{writer} by {reader}");
    }
    assert!(compatibility(r#""int""#, &one(r#""int""#)).is_err());
}
