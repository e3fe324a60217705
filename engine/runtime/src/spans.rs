//! What a trace shows of the work: one span for each range of a topic or document, and below it its parts.
//!
//! ```text
//! range | document     first position to commit; a document's says its name and what became of it
//! ├ steps              decode and all steps: on one block of records, or on a document while it is proved
//! ├ insert             one insert into the table, each try one
//! └ commit             the transaction that ends the range, tries included; a document of several ranges has several
//! ```
//!
//! Spans say names, numbers and outcomes, never values of records. Where nobody collects them they cost next to nothing.

use tracing::Span;
use tracing::field::Empty;

/// The target of these spans, by which they are told from what is for the log.
pub const TRACES: &str = "spotlight_traces";

/// A range of the records of a topic, that begins with the record at this offset.
pub(crate) fn range([topology, flow]: [&str; 2], partition: i32, first: i64) -> Span {
    tracing::info_span!(target: TRACES, "range", topology, flow, partition, first, last = Empty, dead = Empty)
}

/// Says where a range ends.
pub(crate) fn range_ends(span: &Span, last: i64, dead: u64) {
    span.record("last", last).record("dead", dead);
}

/// A document, from its first byte to its receipt.
pub(crate) fn document([topology, flow]: [&str; 2], partition: i32, offset: i64, name: &str) -> Span {
    tracing::info_span!(target: TRACES, "document", topology, flow, partition, offset, document = name, outcome = Empty, code = Empty)
}

/// Says what became of a document.
pub(crate) fn document_ends(span: &Span, outcome: &str, code: &str) {
    span.record("outcome", outcome);
    if !code.is_empty() {
        span.record("code", code);
    }
}

/// Decode and steps.
pub(crate) fn steps(records: u64) -> Span {
    tracing::info_span!(target: TRACES, "steps", records)
}

/// An insert of so many rows.
pub(crate) fn insert(rows: u64) -> Span {
    tracing::info_span!(target: TRACES, "insert", rows, failed = Empty)
}

/// The transaction that ends a range.
pub(crate) fn commit() -> Span {
    tracing::info_span!(target: TRACES, "commit")
}
