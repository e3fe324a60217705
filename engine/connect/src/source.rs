//! What a source of documents owes the engine.
//!
//! The runtime calls [`Source::round`] at start and then as often as the topology says. A round looks at the
//! publisher once and hands each document that may be new to the [`Discovery`]. The discovery stores the bytes,
//! decides whether they are a new version, and commits the document record together with what it must remember; so a
//! source keeps nothing between rounds but its settings, and may be dropped at any moment.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use crate::Fields;

/// A document that a source has found.
pub struct Found<'a> {
    /// File name, the last part of its address.
    pub name: String,
    /// Its address or path: stable, one for each thing that the publisher offers.
    pub url: String,
    /// What the name says. Together with the source's name they are the document's key. Dates as `YYYY-MM-DD`.
    pub fields: Fields,
    /// The publisher's own words about the content's identity (an ETag, a Last-Modified), kept as [`Known::validators`].
    pub validators: Option<String>,
    /// The address that held the newest version of the document and is gone. What is found takes its place then, also
    /// if it was fetched before; and what is gone is new again should it come back.
    pub instead_of: Option<String>,
    /// The bytes. An error while they are read means that the document was not fetched: nothing is recorded of it.
    pub content: &'a mut dyn Read,
}

/// What the discovery remembers of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// SHA-256 of the bytes of its last fetch, in hexadecimal.
    pub sha256: String,
    /// What [`Found::validators`] was then.
    pub validators: Option<String>,
    /// When that was, in milliseconds since 1970 UTC.
    pub fetched_at: i64,
}

/// The newest version of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Address at which it was found.
    pub url: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Something that should be there and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// File name that was asked for.
    pub name: String,
    /// Address that was asked.
    pub url: String,
    /// What the name says.
    pub fields: Fields,
    /// Why it counts as absent, such as `status 404` or `an HTML page instead of data`.
    pub reason: String,
    /// False once the source will not ask again.
    pub asked_again: bool,
}

/// Why a source stopped before its round was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// What the engine does with what a source finds.
pub trait Discovery {
    /// Milliseconds since 1970 UTC, by the engine's clock.
    fn now(&self) -> i64;

    /// What is remembered of an address.
    fn known(&self, url: &str) -> Option<Known>;

    /// The newest version of the document that a name and what it says are the key of.
    fn newest(&self, name: &str, fields: &Fields) -> Option<Newest>;

    /// When the address was recorded as absent and not asked again: `true`.
    fn given_up(&self, url: &str) -> bool;

    /// Takes a document: reads it to its end, keeps its bytes, and appends a record if it is a new version.
    /// True if it was one.
    ///
    /// # Errors
    /// [`SourceError`] of the content's reader is passed through; the log's and the store's failures too.
    fn found(&mut self, document: Found<'_>) -> Result<bool, SourceError>;

    /// Notes that an address was asked and its content had not changed.
    ///
    /// # Errors
    /// If the log fails.
    fn unchanged(&mut self, url: &str) -> Result<(), SourceError>;

    /// Notes what is not there. Repeats of the same note are free.
    ///
    /// # Errors
    /// If the log fails.
    fn absent(&mut self, absent: Absent) -> Result<(), SourceError>;

    /// Several files or addresses are one document and say different things: the newest one counts. Said in each round for
    /// as long as they are there. `others` is not empty; the nearest before the newest comes first.
    fn one_document(&mut self, others: &[String], newest: &str, fields: &Fields) {
        let _ = (others, newest, fields);
    }

    /// Notes a file that no source of this run claims; it is named in the table at the end.
    fn not_claimed(&mut self, url: &str);

    /// Says, once a round, how many files of a folder fit. That none does is said in the table at the end; with `misfit`,
    /// which says in words what is there instead and why it does not fit, if something is.
    fn looked(&mut self, place: &str, fitting: usize, misfit: Option<&str>);

    /// Waits, for politeness or a Retry-After. `Err` if the engine is stopping.
    ///
    /// # Errors
    /// [`Stop`].
    fn wait(&self, time: Duration) -> Result<(), Stop>;

    /// True when the engine is stopping: end the round.
    fn stopping(&self) -> bool;
}

/// Finds documents.
pub trait Source: Send {
    /// Looks at the publisher once. What it found before an error stays found.
    ///
    /// # Errors
    /// Says whether to try again later or to hold.
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError>;

    /// What this source is, for people: a folder or an address. No secrets.
    fn describe(&self) -> Arc<str>;
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Trying again may help: time-outs, lost connections, 5xx, 429.
    #[error("{what}")]
    Transient {
        /// What happened.
        what: String,
        /// The publisher's wish, if it said one.
        retry_after: Option<Duration>,
    },
    /// A person must act: a folder that is not there, a refused login. Hold.
    #[error("{what}")]
    Operator {
        /// Stable code.
        code: batch::Code,
        /// What happened.
        what: String,
        /// What helps.
        remedy: String,
    },
    /// The engine is stopping.
    #[error("stopping")]
    Stopping,
}
