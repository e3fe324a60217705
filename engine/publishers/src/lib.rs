//! Synthetic publishers: files in the true formats, served on loopback, for the demonstration and for tests.
//!
//! Every file is made from a seed: the same seed gives the same bytes on every machine and day. No row is copied from
//! a real file; names, numbers and identifiers are invented. Each file comes with its [`Truth`], counted while it was
//! written, so that whoever loads it can check what arrived.
//!
//! [`ftd`], [`short_volume`] and [`dtcc`] make files. [`World`] is the fixed set of them that the demonstration loads,
//! with the publishers' habits: days without a file, a page for people answered as 200, a wrong trailer, a silent
//! re-publication. [`Publishers`] serves a world.
//!
//! Deliberately absent: the engine's crates (what is checked must not check itself), clocks, and any address but
//! loopback.

mod archive;
mod chance;
pub mod dtcc;
mod dtcc_first;
mod dtcc_fourth;
pub mod ftd;
mod headers;
mod pages;
mod server;
pub mod short_volume;
mod truth;
mod world;

pub use server::{Publishers, PublishersError};
pub use truth::{Made, Outcome, Sum, Truth};
pub use world::{AbsentDocument, Document, Feed, Sizes, World};
