//! What a store owes the engine; the in-memory stores, their changelog records and snapshots.
//!
//! A [`Store`] is the named state of one step of one task. It lives in memory. What makes it last is the changelog: the
//! records that [`Store::changes`] gives are written in the same transaction of the log as the outputs and the input
//! position. A snapshot on disk only shortens the way back: restore = snapshot + the changelog's records from the
//! offset that the snapshot names. What a changelog holds is not needed for ever: a store says how old it is, and
//! [`Stretches`] tell from where on its changelog is needed.
//!
//! Deliberately absent: files, topics, clocks, threads. A store reads and writes what it is handed; time is the
//! arrival of records. Nothing here knows a step.

mod fingerprint_map;
mod seen_keys;
mod snapshot;
mod store;
mod stretches;

pub use seen_keys::{Seen, SeenKeys};
pub use snapshot::{SnapshotHeader, read_snapshot, write_snapshot};
pub use store::{Savepoint, Store, StoreError, TakeChange};
pub use stretches::{Age, Stretch, Stretches};
