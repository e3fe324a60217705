//! What a topology file means: reader with positions, diagnostics, typed plan, description. Inert.
//!
//! A file goes through four forms, each in a module of its own: `reader` makes a tree of nodes with positions;
//! `read` walks it by hand into `written`, whose structure is right; `resolve` brings in tables, topics and templates,
//! type-checks every expression, and gives the [`plan`]; [`describe`] prints that. Findings of all forms are collected,
//! so that one run shows all that are independent of each other.
//!
//! Rules of the language that are decided here:
//! * The field decides what a scalar means; a text field that holds `NO`, `010` or `2024-01-01` gets that text.
//! * A value of `set` is a text, unless it is plain and begins with `document.`, `trailer.`, `record.` or `param.`.
//! * A plain `param.NAME` in any field of a template stands for the value that the user gave.
//! * Columns that leave the last step have exactly the types of the table's or topic's file; where the last `select`
//!   does not see to that, the plan has a step `convert` of its own. Nullable columns, lists and maps that the flow
//!   does not fill are left to the landing.
//!
//! Deliberately absent: clocks, threads, connectors, the environment. Files come through [`Files`].

mod codes;
pub mod declared;
pub mod describe;
pub mod diagnostic;
mod encodings;
mod fields;
mod files;
mod language;
mod load;
mod parameters;
pub mod plan;
mod read;
mod reader;
mod render;
mod reserved;
mod resolve;
mod scalars;
mod sketch;
mod source;
mod stored;
#[cfg(test)]
mod tests;
mod written;

pub use codes::EXPLANATIONS;
pub use describe::{describe, making};
pub use diagnostic::{Diagnostic, Excerpt, Position, Related, Severity, distance, nearest};
pub use files::{DiskFiles, Files, MemoryFiles, place_of};
pub use language::schema;
pub use load::{Loaded, load, load_own};
pub use reserved::is_own_topic;
