//! The Avro codec: records by fixed and by made-up schemas, and schemas from strangers.

mod naive;
pub(crate) mod schema;
pub(crate) mod values;
