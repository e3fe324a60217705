//! Where Kafka, the schema registry, ClickHouse and the object store live: what `connections.yaml` says. Inert.
//!
//! One file describes one environment, and all feeds share it; so a feed's file says nothing about addresses. [`read`]
//! judges a file as topology files are judged, with places and remedies. [`Connections::resolve`] then puts in the secrets,
//! which the caller fetches: a file below the folder of secrets, or a variable of the environment.
//!
//! Secrets are never shown:
//! * A password is no text in the file but an object that says where it is ([`Origin`]); text is a finding.
//! * A resolved one ([`Secret`]) shows `***`, whoever prints it.
//! * No finding shows what stands behind the key of a secret, or before an `@`, even where the file is no YAML (`mask`).
//!
//! Paths in the file start at the file's own folder. Nothing is filled in from anywhere else: no variable is replaced in
//! a text, and a service that the file does not name is not there.
//!
//! Deliberately absent: input and output, whether anybody answers at an address, the names of ClickHouse's databases
//! (a table is always `database.table`), and settings of one feed.

mod address;
mod client_settings;
mod codes;
mod describe;
mod language;
mod mask;
mod places;
mod read;
mod secrets;
#[cfg(test)]
mod tests;

pub use client_settings::client_settings;
pub use codes::EXPLANATIONS;
pub use describe::describe;
pub use language::{keys, schema};
pub use places::{
    Addressing, Authorities, ClickHouse, ClientCertificate, Connections, Credentials, Kafka, Login, Mechanism,
    ObjectStore, Registry, Sasl, Tls,
};
pub use read::{Reading, read};
pub use secrets::{Origin, ReadSecret, Secret, Vault};
