//! Records whose value is one JSON object, as programs of others write them, to columns.
//!
//! A topology declares the fields that it reads, each with a type; a field of an object within the object is written as a
//! path, `trade.price`, and its column is called so, as columns of Avro are.
//!
//! * `text` takes a string; any other value as it is written: `12.50` is the text `12.50`, an object its JSON.
//! * `boolean` takes `true` and `false`.
//! * Integers, `decimal` and `double` take numbers, and strings that are one, as many programs write what must stay exact.
//!   Digits are never cut off: what does not fit is a bad record. `1.0` and `1e3` are whole numbers.
//! * `list of` takes an array, `map of text to` an object with any names; what is in them may be null.
//! * A field that is not there is as one that is null: null in a nullable column, an empty list or map, else a bad record.
//!
//! What JSON is says the library: a value is read only after it has found the whole of it good. A record that cannot be
//! read is set aside with a reason, and its neighbours are not touched.
//!
//! Deliberately absent: dates, times and bytes, which JSON does not have; a step converts them from text.

mod decode;
mod number;
mod scan;
#[cfg(test)]
mod tests;

pub use decode::{JsonDecoder, OtherFields, readable};
