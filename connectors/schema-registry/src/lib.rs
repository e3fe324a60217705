//! Schemas of writers, from a schema registry that speaks Confluent's API.
//!
//! A record of such a writer begins with five bytes ([`wire`]) that name its schema by an id. [`Registry`] fetches the
//! schema of an id, registers schemas under subjects, and asks whether one is compatible.
//!
//! * **An id is asked for once.** What it names never changes, so it is kept for ever, and goes on being known while the
//!   registry is down. Threads that want one id at the same moment wait for one request, and share its failure.
//! * **Only what was found is kept.** An id that the registry does not know is asked for again the next time: it may be
//!   a registry that lags behind.
//! * **An error says what to do** ([`RegistryError::class`]): wait, hold, or make the record a dead letter. Nothing is
//!   tried again in here.
//! * Calls block. They may come from several threads, but not from inside another asynchronous runtime.
//! * Proxies of the environment are not used, and redirects are not followed: a registry is a service of one's own, and
//!   the login goes to it alone.
//!
//! Deliberately absent: the meaning of a schema, which `codec` knows, the names of subjects, deletion, and changing a
//! subject's level of compatibility.

mod cache;
mod client;
mod error;
mod explanations;
mod registry;
mod settings;
pub mod wire;

pub use error::{Class, RegistryError};
pub use explanations::EXPLANATIONS;
pub use registry::{Compatibility, Kind, Latest, Reference, Registered, Registry, Schema};
pub use settings::{Login, RegistrySettings};
pub use wire::SchemaId;
