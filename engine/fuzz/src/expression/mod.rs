//! Expressions: texts from strangers, and well-typed expressions against a reference.
//!
//! The reference (`reference.rs` and the files of kinds beside it) is independent of the evaluator: it sees one row at a
//! time, works on plain values and numbers of any size, and was written from what the language says of itself. An
//! expression is made together with its reference, so that no text is parsed twice.

mod doubles;
mod lists;
mod logic;
mod moments;
mod numbers;
mod reference;
mod table;
pub(crate) mod text;
mod texts;
pub mod values;
