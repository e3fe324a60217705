//! Avro records against the reference implementation's library, over schemas, values and changes of schemas that are
//! made up: the same on each run, unless `PROPTEST_RNG_SEED` names another seed. `PROPTEST_CASES` makes more of them.
//!
//! The library writes values by a made-up schema. Then three read them by a changed one: our decoder, a resolver that
//! is written by the letter of the specification (`reference`), and the library. All three must agree, value by value;
//! where the library departs from the specification the case is made so that it cannot:
//!
//! * Aliases of fields: "a reader's field matches a writer's field of one of its aliases' names". The library matches
//!   fields by name only, so its reader has the writer's names.
//! * Decimals: "any two's complement number of the unscaled value". The library refuses one whose bytes could not hold
//!   every number of the declared precision, so it is given wider ones; it does not compare scales, so those stay.
//! * Logical types: "schemas are resolved by the types below". The library refuses a reader without the writer's
//!   logical type, so it is given the values of the types below.
//! * Unions: "the first branch of the reader that matches the writer's type". The library looks at values: it takes
//!   the first named type that could hold the value, whatever its name, and narrows `long` to `int`, `double` to
//!   `float`, text to an enum and so on. Where it chose another branch than the specification it is not asked.
//! * Names: "records, enums and fixed match by their unqualified names". The library does not compare them.
//! * Defaults of bytes: "letters to U+00FF are the bytes". The library takes UTF-8, so defaults are ASCII; those of
//!   `duration` it refuses, so there are none.
//! * A record that is cut off: the library reads some as null. Ours are damaged in the module's own tests.
//!
//! What decodes is encoded again under the writer's schema, and must read back the same.
#![expect(clippy::panic, reason = "a test says in this way what it could not use")]

mod cells;
mod choices;
mod evolution;
mod reference;
mod shape;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::types::Value;
use arrow::array::BinaryArray;
use cells::{Cell, cell_of, flat};
use choices::Choices;
use codec::avro::{Decoded, RecordDecoder, RecordEncoder, columns_of, frame};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};
use shape::{Shape, Style};

const ID: u32 = 7;

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases.max(1_500),
        rng_seed: match Config::default().rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            chosen @ RngSeed::Fixed(_) => chosen,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..Config::default()
    })]

    #[test]
    fn records_resolve_as_the_specification_and_the_library_say(bytes in vec(any::<u8>(), 40..700)) {
        case(&bytes);
    }
}

fn case(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let writer = shape::record(&mut choices);
    let values: Vec<Value> = (0..=choices.below(3)).map(|_| values::value(&mut choices, &writer)).collect();
    let reader = evolution::evolved(&mut choices, &writer);
    let bodies: Vec<Vec<u8>> = values.iter().map(|value| written(&writer, value)).collect();

    let about =
        || format!("writer {}\nreader {}\nvalues {values:?}", writer.json(Style::Full), reader.json(Style::Full));
    let decoded = decode(&writer, &reader, &bodies);
    let mut row = 0;
    let mut bad = decoded.bad.iter();
    for (index, value) in values.iter().enumerate() {
        let expected = reference::resolve(&writer, value, &reader);
        agree_with_library(&writer, value, &reader, expected.as_ref(), &about);
        let Some(expected) = expected else {
            assert_eq!(bad.next().map(|bad| bad.index), Some(index), "{}", about());
            continue;
        };
        assert_eq!(
            decoded.records.get(row).map(|record| *record as usize),
            Some(index),
            "{:?}\n{}",
            decoded.bad,
            about()
        );
        assert_eq!(row_of(&decoded, row), flat(&reader, &expected), "{}", about());
        row += 1;
    }
    assert_eq!((decoded.rows.num_rows(), bad.next()), (row, None));
    comes_back(&writer, &bodies);
}

/// The library writes by the schema without logical types: they have the same bytes.
#[expect(deprecated, reason = "the short form of the library's reader and writer is enough for a comparison")]
fn written(writer: &Shape, value: &Value) -> Vec<u8> {
    let bare = parsed(writer, Style::Bare);
    let body = apache_avro::to_avro_datum(&bare, value.clone()).expect("a value of the schema");
    let full = parsed(writer, Style::Full);
    let mut rest = body.as_slice();
    let read = apache_avro::from_avro_datum(&full, &mut rest, None).expect("the library reads what it wrote");
    assert!(values::same(&values::bare(read), value), "the library reads what it wrote");
    body
}

fn parsed(shape: &Shape, style: Style) -> Schema {
    let text = shape.json(style);
    Schema::parse_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn decode(writer: &Shape, reader: &Shape, bodies: &[Vec<u8>]) -> Decoded {
    let (theirs, ours) = (writer.json(Style::Full), reader.json(Style::Full));
    let columns = columns_of(&ours).unwrap_or_else(|error| panic!("{error}: {ours}"));
    let records = framed(bodies);
    let known = |id: u32| (id == ID).then(|| Arc::from(theirs.as_str()));
    let mut decoder = RecordDecoder::resolving(columns, &ours).unwrap_or_else(|error| panic!("{error}: {ours}"));
    decoder.decode(&records, &known)
}

fn framed(bodies: &[Vec<u8>]) -> BinaryArray {
    BinaryArray::from_iter_values(bodies.iter().map(|body| [&frame(ID), body.as_slice()].concat()))
}

fn row_of(decoded: &Decoded, row: usize) -> BTreeMap<String, Cell> {
    let schema = decoded.rows.schema_ref();
    let columns = schema.fields().iter().zip(decoded.rows.columns());
    columns.map(|(field, column)| (field.name().clone(), cell_of(column, row))).collect()
}

/// The library's own resolution, where it chooses the same branches.
fn agree_with_library(
    writer: &Shape,
    value: &Value,
    reader: &Shape,
    expected: Option<&Value>,
    about: &dyn Fn() -> String,
) {
    if reference::library_departs(writer, reader) {
        return;
    }
    let theirs = values::widened(value.clone(), writer).resolve(&parsed(reader, Style::Library));
    let theirs = theirs.ok().map(values::bare);
    let agree = match (&theirs, expected) {
        (Some(theirs), Some(expected)) => values::same(theirs, expected),
        (theirs, expected) => theirs.is_some() == expected.is_some(),
    };
    assert!(agree, "library {theirs:?}, specification {expected:?}\n{}", about());
}

/// Read by its own schema, encoded under it, and read again.
fn comes_back(writer: &Shape, bodies: &[Vec<u8>]) {
    let text = writer.json(Style::Full);
    let columns = columns_of(&text).expect("read before");
    let known = |id: u32| (id == ID).then(|| Arc::from(text.as_str()));
    let mut decoder = RecordDecoder::new(columns);
    let decoded = decoder.decode(&framed(bodies), &known);
    assert!(decoded.bad.is_empty(), "{:?}", decoded.bad);
    if !writer.can_be_written() {
        return;
    }
    let encoded = RecordEncoder::new(&text, ID).expect("a schema").encode(&decoded.rows).expect("its own columns");
    assert!(encoded.bad.is_empty(), "{:?}", encoded.bad);
    let again = decoder.decode(&encoded.values, &known);
    assert!(again.bad.is_empty(), "{:?}", again.bad);
    assert_eq!(again.rows, decoded.rows);
}
