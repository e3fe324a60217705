//! What a source, a landing and a raw store owe the engine; the raw store as a folder; the document record; what sources
//! share that list named things ([`listed`]).
//!
//! A [`Source`] finds documents. A [`RawStore`] keeps their bytes. A [`Landing`] writes rows to a table outside the
//! log under the landing protocol of ARCHITECTURE.md. All calls block; a connector that is asynchronous inside owns
//! its own runtime.
//!
//! Deliberately absent: any outside system by name, formats, threads.

mod document;
mod folder;
mod landing;
pub mod listed;
mod originals;
mod raw;
mod source;
mod versions;

pub use document::{DocumentRecord, Fields, document_key};
pub use folder::FolderStore;
pub use landing::{
    FLOW, InsertOutcome, Landing, LandingError, LeftOver, Piece, PieceQuestion, Preflight, Provenance, RowPosition,
    TablePartition, command, commands, for_flow, told_left_over,
};
pub use originals::Originals;
pub use raw::{RawError, RawFailure, RawStore, ReadSeek, Stored, object_name};
pub use source::{Absent, Discovery, Found, Known, Newest, Source, SourceError, Stop};
pub use versions::{tell_one_document, version_order};
