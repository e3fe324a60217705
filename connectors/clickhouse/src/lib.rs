//! ClickHouse: tables, inserts under the landing protocol, and the server embedded as a child process.
//!
//! [`ClickHouseLanding`] writes the rows of one table as [`connect::Landing`] promises. [`ClickHouse`] is the blocking
//! client beneath it, also used for queries that people type. [`Reader`] reads back by provenance what landed.
//! [`EmbeddedServer`] runs a real ClickHouse as a child process, and [`Fetch`] gets the library that it needs.
//!
//! Invariants: every setting that decides whether an insert is one block is pinned on the insert itself; a secret never
//! reaches a message; nothing is retried in here, for the runtime decides what to do next.
//!
//! Deliberately absent: the environment, clocks, schedules, a choice of address. They reach this crate as values.

mod client;
mod codes;
mod ddl;
mod embedded;
mod errors;
mod landing;
mod memory;
mod pinned;
mod preflight;
mod reader;
mod sql;
mod trust;

pub use client::{ClickHouse, ClickHouseSettings, Password};
pub use codes::EXPLANATIONS;
pub use embedded::{
    EmbeddedError, EmbeddedServer, EmbeddedSettings, Fetch, FetchError, Program, SERVE_USAGE, ServeError, serve,
};
pub use errors::ClickHouseError;
pub use landing::{ClickHouseLanding, statements};
pub use reader::{OffsetCount, PositionCount, Reader};
pub use sql::{identifier, literal};
