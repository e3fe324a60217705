//! Records of others in one block: each is a row, a bad record or left out, and what belongs to it stays with it.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::util::display::array_value_to_string;
use batch::{Batch, ColumnType, Headers, Input, RecordFact, Records, RecordsBuilder, TopicIdentity, Type};
use codec::avro::frame;
use codec::json::{JsonDecoder, OtherFields};
use indexmap::IndexMap;

use crate::record::DecodedRecords;
use crate::{AvroReader, KeptSchemas, OutsideReader, RecordFacts, RecordReader, Schemas, Tombstones, Values};

/// Key, value and headers of records from offset 100 on.
type Given<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [(&'a str, &'a [u8])]);

fn records(given: &[Given<'_>]) -> Records {
    let mut builder = RecordsBuilder::new();
    for (number, (key, value, headers)) in given.iter().enumerate() {
        let mut encoded = Headers::new();
        headers.iter().for_each(|(name, value)| encoded.push(name, value));
        builder.push(*key, *value, &encoded, if number == 0 { -1 } else { number as i64 * 1000 });
    }
    let mut records = builder.finish();
    records.base_offset = 100;
    records
}

fn read(values: Values, tombstones: Tombstones, key: Type, records: &Records) -> DecodedRecords {
    let input = Arc::new(Input { topic: "venue.trades".into(), identity: TopicIdentity(1), partition: 2 });
    let facts = RecordFacts::new(RecordFact::ALL.to_vec(), key);
    OutsideReader::new(values, tombstones, facts).read(records, &input).expect("no fault")
}

fn json() -> Values {
    let fields = [("id", "bigint"), ("tags", "list of text"), ("more", "map of text to bigint")];
    let fields = fields.map(|(name, of)| (Arc::from(name), ColumnType::parse(of).expect("a type")));
    Values::Json(JsonDecoder::new(fields.to_vec(), OtherFields::Ignore))
}

/// Each row with its columns and facts.
fn shown(batch: &Batch) -> Vec<String> {
    let facts = batch.facts().expect("facts");
    let columns = batch.columns().columns().iter().chain(facts.columns());
    let columns: Vec<_> = columns.collect();
    let value = |column: &Arc<dyn Array>, row: usize| match column.is_null(row) {
        true => "-".to_owned(),
        false => array_value_to_string(column, row).expect("shown"),
    };
    let row = |row: usize| columns.iter().map(|column| value(column, row)).collect::<Vec<_>>().join(" | ");
    (0..batch.len()).map(row).collect()
}

const GIVEN: [Given<'static>; 6] = [
    (None, Some(br#"{"id": 1, "tags": ["a"]}"#), &[]),
    (Some(b"k"), None, &[]),
    (Some(b"bad"), Some(b"nothing"), &[("x", b"1")]),
    (Some(b"\xff"), Some(br#"{"id": 3}"#), &[]),
    (Some(b"k4"), Some(br#"{"id": 4, "more": {"n": 5}}"#), &[("x", b"1"), ("y", b"\xff\x00"), ("x", b"2")]),
    (None, None, &[]),
];

#[test]
fn facts_stay_with_their_rows() {
    let decoded = read(json(), Tombstones::Keep, Type::Text, &records(&GIVEN));
    let rows = [
        "1 | [a] | {} | venue.trades | 2 | 100 | - | - | {} | false",
        "- | [] | {} | venue.trades | 2 | 101 | 1970-01-01T00:00:01Z | k | {} | true",
        "4 | [] | {n: 5} | venue.trades | 2 | 104 | 1970-01-01T00:00:04Z | k4 | {x: 32, y: ff00} | false",
        "- | [] | {} | venue.trades | 2 | 105 | 1970-01-01T00:00:05Z | - | {} | true",
    ];
    assert_eq!(shown(&decoded.batch), rows);
    assert_eq!(decoded.batch.origins().offsets.values().to_vec(), [100, 101, 104, 105]);
    let bad: Vec<(i64, &str)> = decoded.bad.iter().map(|bad| (bad.offset, bad.code.0)).collect();
    assert_eq!(bad, [(102, "E4311"), (103, "E4406")]);
    assert!(decoded.dropped.is_empty());
}

#[test]
fn every_record_is_a_row_a_bad_record_or_left_out() {
    for (tombstones, rows, bad, dropped) in
        [(Tombstones::Refuse, 3, 3, 0), (Tombstones::Drop, 3, 1, 2), (Tombstones::Keep, 5, 1, 0)]
    {
        for from in 0..=GIVEN.len() {
            let decoded = read(json(), tombstones, Type::Binary, &records(&GIVEN[from..]));
            let left_out: u64 = decoded.dropped.iter().map(|(_, count)| count).sum();
            let all = decoded.batch.len() + decoded.bad.len() + left_out as usize;
            assert_eq!(all, GIVEN.len() - from, "{tombstones:?} from {from}");
            if from == 0 {
                assert_eq!((decoded.batch.len(), decoded.bad.len(), left_out), (rows, bad, dropped));
            }
        }
    }
}

#[test]
fn keys_are_what_kafkas_serializers_write() {
    let numbers = [
        (Type::BIGINT, &b"\xff\xff\xff\xff\xff\xff\xff\xfe"[..], "-2"),
        (Type::Integer { bits: 32, signed: true }, b"\0\0\x01\0", "256"),
    ];
    for (of, key, expected) in numbers {
        let given: [Given<'_>; 3] =
            [(Some(key), Some(br#"{"id": 1}"#), &[]), (Some(&key[1..]), Some(br#"{"id": 2}"#), &[]), (None, None, &[])];
        let decoded = read(json(), Tombstones::Keep, of.clone(), &records(&given));
        let keys = decoded.batch.facts().expect("facts").column_by_name("record.key").expect("keys").clone();
        assert_eq!(array_value_to_string(&keys, 0).expect("shown"), expected);
        assert!(keys.len() == 2 && keys.is_null(1), "{of}");
        assert_eq!(decoded.bad.iter().map(|bad| (bad.offset, bad.code.0)).collect::<Vec<_>>(), [(101, "E4406")]);
    }
}

#[test]
fn avro_of_others_has_tombstones_too() {
    let schemas: Arc<dyn Schemas> = Arc::new(KeptSchemas::open("", Box::new(|_| Ok(()))).expect("none"));
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"id","type":"long"}]}"#;
    let id = schemas.id_of("r", schema).expect("an id");
    let columns: IndexMap<Arc<str>, ColumnType> =
        [(Arc::from("id"), ColumnType::parse("nullable bigint").expect("a type"))].into_iter().collect();
    let values = || {
        Values::Avro(Box::new(AvroReader::of_topic(Arc::clone(&schemas), &columns, Some(schema)).expect("a reader")))
    };
    let good = [&frame(id)[..], &[14]].concat();
    let given: [Given<'_>; 4] =
        [(None, None, &[]), (Some(b"a"), Some(&good), &[]), (Some(b"b"), None, &[]), (None, Some(b"\0"), &[])];
    let decoded = read(values(), Tombstones::Keep, Type::Text, &records(&given));
    assert_eq!(
        decoded.batch.columns().column(0).as_primitive::<arrow::datatypes::Int64Type>().iter().collect::<Vec<_>>(),
        [None, Some(7), None]
    );
    assert_eq!(decoded.bad.iter().map(|bad| (bad.offset, bad.code.0)).collect::<Vec<_>>(), [(103, "E4301")]);
    let decoded = read(values(), Tombstones::Refuse, Type::Text, &records(&given));
    let bad: Vec<(i64, &str)> = decoded.bad.iter().map(|bad| (bad.offset, bad.code.0)).collect();
    assert_eq!(bad, [(100, "E4405"), (102, "E4405"), (103, "E4301")]);
}

#[test]
fn keys_in_avro_have_fields_beside_the_rows() {
    let schemas: Arc<dyn Schemas> = Arc::new(KeptSchemas::open("", Box::new(|_| Ok(()))).expect("none"));
    let schema = r#"{"type":"record","name":"k","fields":[{"name":"id","type":"long"}]}"#;
    let id = schemas.id_of("k", schema).expect("an id");
    let columns: IndexMap<Arc<str>, ColumnType> =
        [(Arc::from("id"), ColumnType::parse("bigint").expect("a type"))].into_iter().collect();
    let keys = AvroReader::of_topic(Arc::clone(&schemas), &columns, Some(schema)).expect("a reader");
    let key = [&frame(id)[..], &[14]].concat();
    let given: [Given<'_>; 4] = [
        (None, Some(br#"{"id": 1}"#), &[]),
        (Some(&key), Some(br#"{"id": 2}"#), &[]),
        (Some(&key[..5]), Some(br#"{"id": 3}"#), &[]),
        (Some(&key[..5]), Some(b"{"), &[]),
    ];
    let input = Arc::new(Input { topic: "venue.trades".into(), identity: TopicIdentity(1), partition: 2 });
    let facts = RecordFacts::new(vec![RecordFact::Offset], Type::Binary);
    let reader = OutsideReader::new(json(), Tombstones::Refuse, facts);
    let decoded = reader.with_keys(Values::Avro(Box::new(keys))).read(&records(&given), &input).expect("no fault");
    assert_eq!(shown(&decoded.batch), ["1 | [] | {} | 100 | -", "2 | [] | {} | 101 | 7"]);
    let bad: Vec<(i64, &str, &str)> = decoded.bad.iter().map(|bad| (bad.offset, bad.code.0, &*bad.message)).collect();
    assert_eq!(bad[0], (102, "E4406", "the key: the record is cut off, column id"));
    assert_eq!((bad.len(), bad[1].0, bad[1].1), (2, 103, "E4311"));
}
