//! Records by schemas of all shapes.
//!
//! The first bytes choose fields and columns, the next ones the values of some records and how they are damaged.
//! Promises:
//! * Each record decodes to what the naive reader finds, or is set aside where that finds nothing; its neighbours are
//!   not touched.
//! * The short routes of common shapes find the same as the general walk: the same records are read by a schema that
//!   says the same bytes in words that have no short route.
//! * What decodes, encodes, and decodes to the same.

use std::sync::Arc;

use arbitrary::Unstructured;
use arrow::array::BinaryArray;
use batch::{ColumnType, Type};
use codec::avro::{Decoded, RecordDecoder, RecordEncoder, frame, record_schema};

use super::naive::{Shape, read_field, written};
use crate::value::{Value, value_of};

/// A field of the writer, and the column that wants it.
struct Field {
    shape: Shape,
    column: Option<ColumnType>,
}

/// Shapes of fields, and columns that can want them.
#[rustfmt::skip]
fn pairs() -> Vec<(Shape, &'static str)> {
    use Shape::{Array, Boolean, Bytes, Date, Decimal, Double, Enum, Fixed, Float, Int, Long, Map, Null, Record, Text, Timestamp, Union};
    let or_null = |shape: Shape| Union(vec![Null, shape]);
    vec![
        (Text, "text"), (or_null(Text), "nullable text"), (Union(vec![Text, Null]), "nullable text"),
        (or_null(Text), "text"), (Text, "binary"), (Bytes, "text"), (Bytes, "binary"), (Enum(3), "text"),
        (Union(vec![Null, Text, Long]), "nullable text"),
        (Long, "bigint"), (or_null(Long), "nullable bigint"), (Union(vec![Long, Null]), "nullable bigint"),
        (or_null(Long), "bigint"), (Long, "smallint unsigned"), (Long, "bigint unsigned"), (Int, "bigint"),
        (Int, "tinyint"), (or_null(Int), "nullable integer unsigned"), (Long, "double"),
        (Union(vec![Null, Long, Text]), "nullable bigint"),
        (Float, "double"), (Double, "double"), (or_null(Double), "nullable double"),
        (Boolean, "boolean"), (or_null(Boolean), "nullable boolean"), (Fixed(3), "binary"),
        (Decimal(2, None), "decimal(18, 2)"), (Decimal(2, None), "decimal(38, 4)"), (Decimal(0, None), "bigint unsigned"),
        (Decimal(0, Some(5)), "smallint"), (or_null(Decimal(13, Some(16))), "nullable decimal(38, 13)"),
        (Date, "date"), (or_null(Date), "nullable date"),
        (Timestamp(3, false), "timestamp(3, UTC)"), (Timestamp(6, false), "timestamp(3, UTC)"),
        (Timestamp(3, false), "timestamp(6, UTC)"), (or_null(Timestamp(6, true)), "nullable timestamp(6)"),
        (Timestamp(9, true), "timestamp(0)"),
        (Array(Box::new(or_null(Text))), "list of text"), (Array(Box::new(Int)), "list of bigint"),
        (or_null(Array(Box::new(Long))), "list of bigint"),
        (Array(Box::new(Array(Box::new(Text)))), "list of list of text"),
        (Map(Box::new(or_null(Text))), "map of text to text"), (Map(Box::new(Array(Box::new(Long)))), "map of text to list of bigint"),
        (Record(vec![Long, Map(Box::new(Text)), or_null(Fixed(2))]), ""), (Null, ""),
    ]
}

pub(crate) fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let Ok((fields, bodies)) = choose(&mut choices) else { return };
    let wanted = fields.iter().enumerate().filter_map(|(at, field)| Some((name(at), field.column.clone()?)));
    let columns: Vec<(Arc<str>, ColumnType)> = wanted.collect();
    let decoded = decode(&schema(&fields, false), &columns, &bodies);
    hold(&fields, &columns, &bodies, &decoded);

    let general = decode(&schema(&fields, true), &columns, &bodies);
    assert_eq!((&general.rows, &general.records), (&decoded.rows, &decoded.records), "the routes differ");

    let own = record_schema("topic", &columns);
    let encoded = RecordEncoder::new(&own, 1).expect("our own schema").encode(&decoded.rows).expect("our own columns");
    assert!(encoded.bad.is_empty(), "{:?}", encoded.bad);
    let known = |id: u32| (id == 1).then(|| Arc::from(own.as_str()));
    let again = RecordDecoder::new(columns).decode(&encoded.values, &known);
    assert!(again.bad.is_empty(), "{:?}", again.bad);
    assert_eq!(again.rows, decoded.rows);
}

fn name(at: usize) -> Arc<str> {
    format!("f{at}").into()
}

fn choose(choices: &mut Unstructured<'_>) -> arbitrary::Result<(Vec<Field>, Vec<Vec<u8>>)> {
    let pairs = pairs();
    let mut fields = Vec::new();
    for _ in 0..choices.int_in_range(1..=5)? {
        let (shape, column) = choices.choose(&pairs)?;
        // Some fields nobody wants.
        let unwanted = column.is_empty() || choices.ratio(1_u8, 8_u8)?;
        let column = (!unwanted).then(|| ColumnType::parse(column).expect("a type"));
        fields.push(Field { shape: shape.clone(), column });
    }
    let mut bodies = Vec::new();
    for _ in 0..choices.int_in_range(1..=4)? {
        let mut body = Vec::new();
        if choices.ratio(1_u8, 8_u8)? {
            body = choices.arbitrary()?;
        } else {
            for field in &fields {
                written(&field.shape, choices, &mut body)?;
            }
            for _ in 0..choices.int_in_range(0..=2_u8)? / 2 {
                let (at, byte): (u16, u8) = choices.arbitrary()?;
                let length = body.len();
                match (byte % 4, body.get_mut(usize::from(at) % length.max(1))) {
                    (0, _) => body.truncate(usize::from(at) % length.max(1)),
                    (1, _) => body.push(byte),
                    (_, Some(place)) => *place = byte,
                    _ => {}
                }
            }
        }
        bodies.push(body);
    }
    Ok((fields, bodies))
}

/// The writer's schema. `general` words it so that no wanted field has a short route, with the same bytes.
fn schema(fields: &[Field], general: bool) -> String {
    let field = |(at, field): (usize, &Field)| {
        // Bytes for a column of bytes need not be text, so text cannot be worded as bytes there.
        let routed = field.column.as_ref().is_some_and(|column| column.of != Type::Binary);
        let of = field.shape.json(&format!("n{at}"), general && routed);
        format!(r#"{{"name":"{}","type":{of}}}"#, name(at))
    };
    let fields: Vec<String> = fields.iter().enumerate().map(field).collect();
    format!(r#"{{"type":"record","name":"r","fields":[{}]}}"#, fields.join(","))
}

fn decode(schema: &str, columns: &[(Arc<str>, ColumnType)], bodies: &[Vec<u8>]) -> Decoded {
    let framed = bodies.iter().map(|body| [&frame(7), body.as_slice()].concat());
    let records = BinaryArray::from_iter_values(framed);
    let known = |id: u32| (id == 7).then(|| Arc::from(schema));
    let decoded = RecordDecoder::new(columns.to_vec()).decode(&records, &known);
    assert!(decoded.bad.iter().all(|bad| !bad.message.contains("cannot be read")), "{:?} by {schema}", decoded.bad);
    decoded
}

fn hold(fields: &[Field], columns: &[(Arc<str>, ColumnType)], bodies: &[Vec<u8>], decoded: &Decoded) {
    let mut row = 0;
    let mut bad = decoded.bad.iter();
    for (index, body) in bodies.iter().enumerate() {
        match naive_record(fields, body) {
            None => {
                let bad = bad.next().unwrap_or_else(|| panic!("record {index} is bad and was read: {body:?}"));
                assert_eq!(bad.index, index);
                assert!(bad.message.len() <= 510);
            }
            Some(expected) => {
                assert_eq!(decoded.records.get(row).map(|record| *record as usize), Some(index), "{:?}", decoded.bad);
                for ((at, (name, of)), expected) in columns.iter().enumerate().zip(expected) {
                    assert_eq!(value_of(decoded.rows.column(at), &of.of, row), expected, "{name} of record {index}");
                }
                row += 1;
            }
        }
    }
    assert_eq!((row, decoded.rows.num_rows(), bad.next()), (decoded.records.len(), decoded.records.len(), None));
}

fn naive_record(fields: &[Field], body: &[u8]) -> Option<Vec<Option<Value>>> {
    let mut rest = body;
    let mut values = Vec::new();
    for field in fields {
        let value = read_field(&field.shape, field.column.as_ref(), &mut rest)?;
        values.extend(field.column.is_some().then_some(value));
    }
    rest.is_empty().then_some(values)
}
