//! Records against the reference implementation of Avro, and records that are damaged.

use std::collections::HashMap;
use std::sync::Arc;

use apache_avro::Schema;
use arrow::array::{Array, AsArray, BinaryArray, RecordBatch};
use batch::{ColumnType, Type};
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::columns::Column;
use super::leaf::Scalar;
use super::{RecordDecoder, RecordEncoder, SchemaIds, Schemas, columns_of, fingerprint, record_schema};

type Columns = Vec<(Arc<str>, ColumnType)>;

const TYPES: &[&str] = &[
    "boolean",
    "nullable tinyint",
    "smallint",
    "integer",
    "nullable bigint",
    "tinyint unsigned",
    "smallint unsigned",
    "nullable integer unsigned",
    "bigint unsigned",
    "double",
    "decimal(38, 13)",
    "nullable decimal(9, 2)",
    "text",
    "nullable low-cardinality text",
    "binary",
    "nullable date",
    "timestamp(0)",
    "timestamp(3, UTC)",
    "nullable timestamp(6, America/New_York)",
    "timestamp(9, UTC)",
    "list of text",
    "list of decimal(20, 4)",
    "list of list of bigint unsigned",
    "map of text to text",
    "map of text to list of date",
];

fn columns(types: &[&str]) -> Columns {
    let column =
        |(index, text): (usize, &&str)| (Arc::from(format!("c{index}")), ColumnType::parse(text).expect("a type"));
    types.iter().enumerate().map(column).collect()
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Numbers near zero and near the ends matter more than those between.
        match mixed % 5 {
            0 => mixed >> 58,
            1 => (mixed >> 58).wrapping_neg(),
            _ => mixed ^ (mixed >> 31),
        }
    }

    fn fill(&mut self, of: &Type, level: usize, values: &mut Column) {
        let number = self.next();
        let text = "aä€😀".repeat((number % 4) as usize);
        let scalar = match of {
            Type::Boolean => Scalar::Boolean(number.is_multiple_of(2)),
            Type::Integer { bits, signed: true } => Scalar::Integer(number.cast_signed() >> (64 - bits)),
            Type::Integer { bits, signed: false } => {
                Scalar::Decimal { units: i128::from(number >> (64 - bits)), scale: 0 }
            }
            Type::Double => Scalar::Double(number as f64 / 7.0),
            Type::Decimal { precision, scale } => {
                let wide = i128::from(number.cast_signed()) * i128::from(self.next());
                Scalar::Decimal { units: wide % 10_i128.pow(u32::from(*precision)), scale: u32::from(*scale) }
            }
            Type::Text => Scalar::Text(&text),
            Type::Binary => Scalar::Bytes(text.as_bytes()),
            Type::Date => Scalar::Date(number as i32),
            Type::Timestamp { digits, .. } => Scalar::Timestamp { units: number.cast_signed() / 1000, digits: *digits },
            Type::List(item) => {
                for _ in 0..number % 4 {
                    self.fill_or_null(item, level + 1, values);
                }
                return values.close(level).expect("a list");
            }
            // One entry at most: the other reader keeps maps in no order.
            Type::Map(value) => {
                if !number.is_multiple_of(3) {
                    values.key(level, text.as_bytes()).expect("a map");
                    self.fill_or_null(value, level + 1, values);
                }
                return values.close(level).expect("a map");
            }
        };
        values.leaf.push(scalar).expect("in range");
    }

    fn fill_or_null(&mut self, of: &Type, level: usize, values: &mut Column) {
        if self.next().is_multiple_of(4) {
            values.push_null(level).expect("nullable");
        } else {
            self.fill(of, level, values);
        }
    }

    fn rows(&mut self, columns: &Columns, count: usize) -> RecordBatch {
        let fields: Vec<_> = columns.iter().map(|(name, column)| column.field(name)).collect();
        let arrays = columns.iter().map(|(_, column)| {
            let mut values = Column::new(column, 0);
            for _ in 0..count {
                if column.nullable {
                    self.fill_or_null(&column.of, 0, &mut values);
                } else {
                    self.fill(&column.of, 0, &mut values);
                }
            }
            values.finish().expect("texts are texts")
        });
        let arrays = arrays.collect();
        RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), arrays).expect("columns of one length")
    }
}

#[expect(deprecated, reason = "the short form of the library's reader and writer is enough for a comparison")]
fn rewritten(schema: &Schema, body: &[u8]) -> Vec<u8> {
    let mut rest = body;
    let value = apache_avro::from_avro_datum(schema, &mut rest, None).expect("the library reads what we write");
    assert!(rest.is_empty());
    apache_avro::to_avro_datum(schema, value).expect("the library writes what it read")
}

proptest! {
    #![proptest_config(Config { cases: 64, ..Config::default() })]

    #[test]
    fn records_come_back_and_the_library_agrees(
        chosen in proptest::collection::vec(0..TYPES.len(), 1..8),
        seed in any::<u64>(),
        count in 0_usize..20,
    ) {
        let types: Vec<&str> = chosen.iter().map(|index| TYPES[*index]).collect();
        let columns = columns(&types);
        let rows = Numbers(seed).rows(&columns, count);
        let schema = record_schema("some.topic-1", &columns);
        prop_assert_eq!(&columns_of(&schema).expect("our own schema"), &columns);
        let mut ids = SchemaIds::new();
        let id = ids.id_of(&schema).expect("a schema");
        let encoded = RecordEncoder::new(&schema, id).expect("a schema").encode(&rows).expect("columns fit");
        prop_assert!(encoded.bad.is_empty());
        let decoded = RecordDecoder::new(columns).decode(&encoded.values, &ids);
        prop_assert!(decoded.bad.is_empty(), "{:?}", decoded.bad);
        prop_assert_eq!(&decoded.rows, &rows);
        let parsed = Schema::parse_str(&schema).expect("a schema");
        for value in encoded.values.iter().flatten() {
            prop_assert_eq!(rewritten(&parsed, &value[5..]), &value[5..]);
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_fail(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let columns = columns(TYPES);
        let mut ids = SchemaIds::new();
        let id = ids.id_of(&record_schema("t", &columns)).expect("a schema");
        let whole = Numbers(7).rows(&columns, 1);
        let good = RecordEncoder::new(&record_schema("t", &columns), id).expect("a schema").encode(&whole).expect("fits");
        let framed = [&super::frame(id)[..], &bytes].concat();
        let records = BinaryArray::from_iter_values([good.values.value(0), &framed, good.values.value(0)]);
        let decoded = RecordDecoder::new(columns).decode(&records, &ids);
        prop_assert_eq!(decoded.rows.num_rows() + decoded.bad.len(), 3);
        prop_assert_eq!(&decoded.rows.slice(0, 1), &whole);
        prop_assert_eq!(&decoded.rows.slice(decoded.rows.num_rows() - 1, 1), &whole);
    }
}

#[test]
fn bytes_are_as_the_format_says() {
    let columns = columns(&["bigint", "nullable text", "decimal(9, 2)", "list of text"]);
    let mut rows = Numbers(1).rows(&columns, 0);
    let mut values: Vec<Column> = columns.iter().map(|(_, column)| Column::new(column, 0)).collect();
    values[0].leaf.push(Scalar::Integer(-3)).expect("fits");
    values[1].leaf.push(Scalar::Text("x")).expect("fits");
    values[2].leaf.push(Scalar::Decimal { units: -129, scale: 2 }).expect("fits");
    values[3].push_null(1).expect("nullable");
    values[3].close(0).expect("a list");
    let arrays = values.into_iter().map(|values| values.finish().expect("texts are texts")).collect();
    rows = RecordBatch::try_new(rows.schema(), arrays).expect("one row");
    let encoded =
        RecordEncoder::new(&record_schema("t", &columns), 258).expect("a schema").encode(&rows).expect("fits");
    assert_eq!(encoded.values.value(0), [0, 0, 0, 1, 2, 5, 2, 2, b'x', 4, 0xff, 0x7f, 2, 0, 0]);
    assert_eq!(super::unframe(encoded.values.value(0)).expect("framed").0, 258);
}

#[test]
fn old_and_new_schemas_meet() {
    let old = columns(&["integer", "text", "nullable date"]);
    let rows = Numbers(3).rows(&old, 5);
    let mut ids = SchemaIds::new();
    let schema = record_schema("t", &old);
    let id = ids.id_of(&schema).expect("a schema");
    let values = RecordEncoder::new(&schema, id).expect("a schema").encode(&rows).expect("fits").values;
    let column = |name: &str, of: &str| (Arc::from(name), ColumnType::parse(of).expect("a type"));
    let new = vec![
        column("c0", "bigint"),
        column("new", "nullable text"),
        column("more", "list of text"),
        column("c2", "nullable date"),
    ];
    let decoded = RecordDecoder::new(new).decode(&values, &ids);
    assert_eq!(decoded.rows.num_rows(), 5);
    assert_eq!(decoded.rows.column(3), rows.column(2));
    assert_eq!(decoded.rows.column(1).null_count(), 5);
    assert_eq!(decoded.rows.column(2).as_list::<i32>().values().len(), 0);
    let narrow = vec![column("c0", "bigint"), column("needed", "text")];
    let refused = RecordDecoder::new(narrow).decode(&values, &ids);
    assert_eq!(refused.bad.len(), 5);
    assert!(refused.bad[0].message.contains("no field for column `needed`"), "{}", refused.bad[0].message);
}

#[test]
fn rows_that_the_schema_cannot_hold_are_set_aside() {
    let rows = {
        let mut values = Column::new(&ColumnType::nullable(Type::BIGINT), 0);
        values.leaf.push(Scalar::Integer(1)).expect("fits");
        values.leaf.push(Scalar::Integer(i64::MAX)).expect("fits");
        values.push_null(0).expect("nullable");
        RecordBatch::try_from_iter_with_nullable([("a", values.finish().expect("no text"), true)]).expect("one column")
    };
    let schema =
        r#"{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","long"]}]}"#;
    let encoded = RecordEncoder::new(schema, 1).expect("a schema").encode(&rows).expect("the types fit");
    let bad: Vec<(usize, &str)> = encoded.bad.iter().map(|record| (record.index, record.code.0)).collect();
    assert_eq!(bad, [(1, "E4308"), (2, "E4308")]);
    assert_eq!(encoded.values.value(0), [0, 0, 0, 0, 1, 2, 0]);
    assert!(encoded.values.is_null(1));
    for wrong in ["\"int\"", "nonsense", r#"{"type":"record","name":"r","fields":[{"name":"a","type":"string"}]}"#] {
        let made = RecordEncoder::new(wrong, 1);
        assert!(made.is_err() || made.is_ok_and(|encoder| encoder.encode(&rows).is_err()), "{wrong}");
    }
}

#[test]
fn schemas_from_elsewhere_give_columns() {
    let fields = [
        (r#""int""#, Some("integer")),
        (r#"["null","long"]"#, Some("nullable bigint")),
        (r#"["string","null"]"#, Some("nullable text")),
        (r#""float""#, Some("double")),
        (r#"{"type":"enum","name":"e","symbols":["A"]}"#, Some("text")),
        (r#"{"type":"fixed","name":"f","size":4}"#, Some("binary")),
        (r#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}"#, Some("decimal(38, 2)")),
        (r#"{"type":"long","logicalType":"timestamp-micros"}"#, Some("timestamp(6, UTC)")),
        (r#"{"type":"long","logicalType":"local-timestamp-millis"}"#, Some("timestamp(3)")),
        (r#"{"type":"array","items":"string"}"#, Some("list of text")),
        (r#"["null",{"type":"map","values":"int"}]"#, Some("map of text to integer")),
        (r#"{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}"#, Some("text")),
        (r#"{"type":"int","logicalType":"time-millis"}"#, Some("integer")),
        (r#"["null","outer"]"#, None),
    ];
    for (of, expected) in fields {
        let schema = format!(r#"{{"type":"record","name":"outer","fields":[{{"name":"x","type":{of}}}]}}"#);
        let columns = columns_of(&schema);
        assert_eq!(columns.ok().map(|columns| columns[0].1.to_string()).as_deref(), expected, "{of}");
    }
}

#[test]
fn names_that_avro_does_not_allow_come_back() {
    let text = ColumnType::of(Type::Text);
    let columns: Columns = ["a b", "a_b", "1st", "Größe"].iter().map(|name| (Arc::from(*name), text.clone())).collect();
    let schema = record_schema("swaps.raw-messages", &columns);
    assert!(schema.contains(r#""name":"raw_messages""#) && schema.contains(r#""namespace":"swaps""#), "{schema}");
    assert_eq!(columns_of(&schema).expect("our own schema"), columns);
}

#[test]
fn ids_are_kept() {
    let mut ids = SchemaIds::new();
    let first = ids.id_of("\"int\"").expect("a schema");
    let spaced = r#"{ "type": "array",  "items": "int" }"#;
    let second = ids.id_of(spaced).expect("a schema");
    assert_eq!((first, second, ids.id_of(&spaced.replace(' ', "")).expect("a schema"), ids.len()), (1, 2, 2, 2));
    assert!(ids.id_of("{}").is_err() && ids.id_of("no").is_err());
    let read = SchemaIds::from_json(&ids.to_json()).expect("what was written");
    assert_eq!(read, ids);
    assert_eq!(read.schema(2).as_deref(), Some(r#"{"type":"array","items":"int"}"#));
    assert_eq!((read.schema(0), read.schema(3)), (None, None));
    assert!(SchemaIds::from_json("{}").is_err() && SchemaIds::from_json(r#"{"version":2,"schemas":[]}"#).is_err());
    let distinct: HashMap<u128, u32> =
        [(fingerprint("\"int\"").expect("JSON"), 1), (fingerprint("\"long\"").expect("JSON"), 2)].into();
    assert_eq!(distinct.len(), 2);
}

/// Texts are believed at first; one that is none must harm its own record only, also among nulls and other branches.
#[test]
fn a_text_that_is_none_harms_no_neighbour() {
    let columns: Vec<(Arc<str>, ColumnType)> = vec![
        ("id".into(), ColumnType::parse("bigint").expect("a type")),
        ("name".into(), ColumnType::parse("nullable text").expect("a type")),
    ];
    let schema = record_schema("texts", &columns);
    let ids = arrow::array::Int64Array::from(vec![1, -200, i64::MAX, i64::MIN]);
    let names = arrow::array::StringArray::from(vec![Some("one"), None, Some("SPOIL"), Some("")]);
    let rows: Vec<(&str, arrow::array::ArrayRef, bool)> =
        vec![("id", Arc::new(ids), false), ("name", Arc::new(names), true)];
    let rows = RecordBatch::try_from_iter_with_nullable(rows).expect("columns of one length");
    let encoded = RecordEncoder::new(&schema, 7).expect("a schema").encode(&rows).expect("fits");
    let spoilt: Vec<Vec<u8>> = encoded
        .values
        .iter()
        .flatten()
        .map(|record| {
            let mut record = record.to_vec();
            if let Some(at) = record.windows(5).position(|window| window == b"SPOIL") {
                record[at + 2] = 0xff;
            }
            record
        })
        .collect();
    let records = BinaryArray::from_iter_values(&spoilt);
    let known = |id| (id == 7).then(|| Arc::<str>::from(schema.as_str()));
    let decoded = RecordDecoder::new(columns).decode(&records, &known);
    assert_eq!((decoded.records, decoded.bad.len(), decoded.bad[0].index), (vec![0, 1, 3], 1, 2));
    assert!(decoded.bad[0].message.contains("name"), "{}", decoded.bad[0].message);
    let rest = arrow::compute::take_record_batch(&rows, &arrow::array::UInt32Array::from(vec![0, 1, 3])).expect("rows");
    assert_eq!(decoded.rows.columns(), rest.columns());
}
