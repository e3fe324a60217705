//! Schemas from strangers.
//!
//! Promises:
//! * No text makes reading a schema panic.
//! * The columns of a schema make a schema of our own, which has the same columns.
//! * Whatever bytes a record of it has, it decodes or is set aside; what decodes comes back from our own schema.
//! * A record that is resolved to its own schema is the record that is read by columns alone.

use std::sync::Arc;

use arrow::array::BinaryArray;
use batch::ColumnType;
use codec::avro::{RecordDecoder, RecordEncoder, SchemaIds, columns_of, fingerprint, frame, normalised, record_schema};

/// The bytes are a schema, and behind a zero byte the body of a record.
pub(crate) fn run(bytes: &[u8]) {
    let (text, body) =
        bytes.iter().position(|byte| *byte == 0).map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 1..]));
    let Ok(text) = std::str::from_utf8(text) else { return };
    let known = normalised(text).is_ok();
    assert_eq!(known, fingerprint(text).is_ok());
    let _ = RecordEncoder::new(text, 1);
    let Ok(columns) = columns_of(text) else { return };
    assert!(known, "a schema is JSON");
    let own = record_schema("some.topic", &columns);
    assert_eq!(columns_of(&own).expect("our own schema"), columns);
    decode(text, &own, columns, body);
}

fn decode(text: &str, own: &str, columns: Vec<(Arc<str>, ColumnType)>, body: &[u8]) {
    let record = [&frame(1), body].concat();
    let records = BinaryArray::from_iter_values([&record]);
    let theirs = |id: u32| (id == 1).then(|| Arc::from(text));
    let decoded = RecordDecoder::new(columns.clone()).decode(&records, &theirs);
    assert_eq!(decoded.rows.num_rows() + decoded.bad.len(), 1);
    let mut resolving = RecordDecoder::resolving(columns.clone(), text).expect("a schema reads itself");
    let resolved = resolving.decode(&records, &theirs);
    assert_eq!((&resolved.rows, &resolved.bad), (&decoded.rows, &decoded.bad));
    let mut ids = SchemaIds::new();
    let id = ids.id_of(own).expect("our own schema");
    assert_eq!(SchemaIds::from_json(&ids.to_json()).expect("own list"), ids);
    let encoded = RecordEncoder::new(own, id).expect("our own schema").encode(&decoded.rows).expect("our own columns");
    assert!(encoded.bad.is_empty(), "{:?}", encoded.bad);
    let again = RecordDecoder::new(columns).decode(&encoded.values, &ids);
    assert!(again.bad.is_empty(), "{:?}", again.bad);
    assert_eq!(again.rows, decoded.rows);
}
