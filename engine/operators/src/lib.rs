//! One verb a file: what a step does to a batch.
//!
//! A [`Step`] is told nothing but the batch, the facts of the document that it stands in, and its store; so the same
//! batch gives the same answer whenever it is processed again. No wall clock, network or randomness.
//!
//! A [`Chain`] runs the steps of a flow and keeps the promise that a dead row leaves no trace. [`DocumentKeys`] finds
//! keys that a document holds twice. [`fingerprint_rows`] and [`fingerprint_batches`] give rows and pieces a number of
//! 128 bits that is the same on every machine.
//!
//! Deliberately absent: the topology language. Each verb has settings of its own, which the driver fills from the plan.

mod avro;
mod bad_rows;
mod budget;
mod chain;
mod codes;
mod conform;
mod decode;
mod dedupe;
mod document;
mod document_keys;
mod drop;
mod extend;
mod filter;
mod fingerprint;
mod kept;
mod origin_headers;
mod outside;
mod proof;
mod record;
mod record_facts;
mod rename;
mod route;
mod row_set;
mod rows;
mod select;
mod step;
mod watch;

#[cfg(test)]
mod samples;

pub use avro::{AvroReader, AvroWriter, KeepSchemas, KeptSchemas, Schemas, SchemasError};
pub use budget::{Budget, MemoryScratch, Scratch, ScratchFile, Share, WorkingMemory};
pub use chain::{Chain, ChainOutput};
pub use codes::{EMPTIED, EXPLANATIONS, KEY_TWICE, TOO_MANY_BAD_ROWS};
pub use conform::Conform;
pub use decode::{DelimitedReader, DelimitedSettings, Members, UnzipSettings};
pub use dedupe::{Dedupe, DedupeSettings};
pub use document::{BadRow, Block, DocumentBytes, DocumentInput, DocumentReader, Outcome, ReadError, Verdict};
pub use document_keys::{ComingBack, DocumentKeys, DuplicateRows, KeysError, ToldPlaces};
pub use drop::Drop;
pub use extend::Extend;
pub use filter::Where;
pub use fingerprint::{fingerprint_batches, fingerprint_content, fingerprint_rows};
pub use kept::Kept;
pub use outside::{OutsideReader, Tombstones, Values};
pub use proof::{Proof, Twice, WorkError, Worked, Workshop};
pub use record::{BadRecord, DecodedRecords, RecordReader, RecordWriter};
pub use record_facts::RecordFacts;
pub use rename::Rename;
pub use route::{Destination, Route};
pub use row_set::RowSet;
pub use rows::ByLayout;
pub use select::Select;
pub use step::{Facts, Step, StepError, StepOutput};
pub use watch::{Passing, Watch};
