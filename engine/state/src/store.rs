//! What a store owes the engine.
//!
//! The life of a change, each arrow made by the task that owns the store:
//!
//! ```text
//!             savepoint          changes           commit
//! committed ───────────▶ batch ──────────▶ Close ───────────▶ committed
//!     ▲                  │   ▲ rewind        │
//!     │                  └───┘               │
//!     └──────────────── rollback ────────────┘
//! ```
//!
//! Invariants:
//! * What was changed since the last commit is provisional: `rollback` takes all of it back, `rewind` what was changed
//!   since the last `savepoint`. After either the store answers as if the rows had never come.
//! * The answers of a store depend on the rows that it was shown, in order, and on nothing else: not on the cut of the
//!   input into batches, not on when it was committed, and not on whether it was restored in between.
//! * Snapshots hold committed state only, whenever they are written.

use std::io::{self, Read, Write};
use std::sync::Arc;

use crate::Age;

/// Takes one record of a changelog: its key, which says of what kind it is, and its value.
pub type TakeChange<'a> = dyn FnMut(&[u8], Option<&[u8]>) + 'a;

/// A state that a store can be taken back to, until the next commit or rollback. Savepoints nest: taking the store
/// back to one forgets those that were made after it, and keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint(pub usize);

/// Why a store could not be restored or saved.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Reading or writing failed. Try again, or restore from the changelog alone.
    #[error("a snapshot could not be read or written")]
    Io(#[from] io::Error),
    /// The bytes are no snapshot. Restore from the changelog alone.
    #[error("these bytes are no snapshot")]
    NotASnapshot,
    /// The format is of another version. Restore from the changelog alone, or run the version that wrote it.
    #[error("the {what} is of version {found}; this program knows version {known}")]
    Version {
        /// What has the version.
        what: &'static str,
        /// The version that was found.
        found: u8,
        /// The version that is known.
        known: u8,
    },
    /// The bytes were changed or cut off. Restore from the changelog alone.
    #[error("the snapshot is damaged: {0}")]
    Damaged(&'static str),
    /// The snapshot belongs to another store.
    #[error("the snapshot is of store `{found}`, not of `{expected}`")]
    OtherStore {
        /// The store that it was written for.
        found: String,
        /// The store that is being restored.
        expected: Arc<str>,
    },
    /// A record of the changelog does not follow the format.
    #[error("a changelog record of store `{store}` does not follow the format: {what}")]
    Record {
        /// The store.
        store: Arc<str>,
        /// What is wrong.
        what: &'static str,
    },
    /// The store holds provisional changes: commit or roll back first.
    #[error("store `{0}` holds changes that are not committed")]
    Uncommitted(Arc<str>),
}

/// Named state of a step. Called by one thread at a time: the task that owns it.
pub trait Store: Send {
    /// Its name, as in the plan.
    fn name(&self) -> &Arc<str>;

    /// Number of entries, for a gauge.
    fn len(&self) -> usize;

    /// Memory that it takes in bytes, about, for a gauge.
    fn memory(&self) -> usize;

    /// True if there are no entries.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Marks the present state, as the start of a batch.
    fn savepoint(&mut self) -> Savepoint;

    /// Takes back what was changed since the savepoint; if it is older than the last commit, as `rollback` does.
    fn rewind(&mut self, to: Savepoint);

    /// About how many entries were changed since the last commit: what `changes` gives of them may be fewer records.
    fn changed(&self) -> usize;

    /// What must be written to the changelog so that a restored store equals this one as it stands now. To be
    /// written in the transaction of Close; `commit` follows when the transaction is committed, `rollback` when it is
    /// not. Called again without a change in between it gives the same.
    fn changes(&mut self, take: &mut TakeChange<'_>);

    /// Keeps what was changed since the last commit.
    fn commit(&mut self);

    /// Takes back what was changed since the last commit.
    fn rollback(&mut self);

    /// Forgets everything, to be restored from the start.
    fn clear(&mut self);

    /// Applies one record of the changelog, in the order of offsets, and says of how many entries it speaks. Applying a
    /// record twice does no harm.
    ///
    /// # Errors
    /// [`StoreError::Record`] if the bytes do not follow the format, [`StoreError::Version`] if it is of a later
    /// version, [`StoreError::Uncommitted`] while provisional changes exist.
    fn apply(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<usize, StoreError>;

    /// How old the committed state is; `None` for one that needs all that it ever wrote down, or knows no time yet.
    fn age(&self) -> Option<Age> {
        None
    }

    /// Writes the committed state. Use [`crate::write_snapshot`], which adds header and checksum.
    ///
    /// # Errors
    /// If writing fails.
    fn write_state(&self, to: &mut dyn Write) -> Result<(), StoreError>;

    /// Replaces the state by one that `write_state` wrote. Use [`crate::read_snapshot`], which clears the store if the
    /// bytes turn out to be damaged.
    ///
    /// # Errors
    /// If reading fails or the bytes do not follow the format. The store is then in no defined state: `clear` it.
    fn read_state(&mut self, from: &mut dyn Read) -> Result<(), StoreError>;
}
