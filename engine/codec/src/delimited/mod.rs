//! Delimited text to columns of text, as a stream.
//!
//! A [`Decoder`] reads one member of a document: its first line chooses a header layout, every other line is a row, a
//! bad row, or a trailer at the end. It hands out [`Block`]s of up to 8,192 rows and at last a [`Verdict`], which says
//! whether the document's trailers agree with what was read. Memory is bounded by the line limit and the block, never by
//! the document.
//!
//! How it is fast: the bytes of a block's rows are copied once into one buffer, which becomes the column of raw bytes.
//! Cells are pairs of numbers into that buffer. Columns are then built one after another, and only the wanted ones.
//!
//! A byte-order mark wins over the declared encoding. A document in UTF-16 is read as its UTF-8 form.
//!
//! Line ends are LF or CRLF, with as many CR as there are; CRs that end the document count as one. Any other CR is text. NUL bytes are text.
//!
//! A [`LineDecoder`] reads records that are one line each, in the same words.
//!
//! Deliberately absent: types (every column is nullable text), expressions, and any judgement about outcomes.

mod block;
mod cells;
mod decoder;
mod error;
mod evidence;
mod format;
mod header;
#[cfg(test)]
mod header_tests;
mod lines;
mod scanner;
mod sum;
#[cfg(test)]
mod tests;
mod trailer;
mod transcode;

pub use block::{BadRow, Block};
pub use decoder::{Decoder, Verdict};
pub use error::{DecodeError, Refusal};
pub use evidence::EncodingEvidence;
pub use format::{Format, Layout, NewColumns, Proof, RawRow, Settings, SettingsError, Trailer};
pub use lines::{LineDecoder, LineSettings};
pub use trailer::ProofOutcome;
pub use transcode::read_as;
