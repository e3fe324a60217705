//! The landing protocol: how the rows of one input partition reach a table outside the log, each once.
//!
//! # The machine
//!
//! One machine runs for each input partition of a landing flow. It has six states. The committed position of the
//! group, with its metadata, is the only thing that outlives a process.
//!
//! ```text
//!                 1 take             2 open              3 insert            5 withdraw           6 close
//!   S0 between ─────────▶ S1 taken ─────────▶ S2 opened ─────────▶ S3 inserting ─────────▶ S4 landed ─────────▶ S0
//!       │                                        ▲                  │   ▲  │                    ▲
//!       │ 7 resume: the position names           │                  │   │  │ 4 ask: the outcome │
//!       │   an open range; its rows are          │                  └───┘  │   is not known     │
//!       └── made again ──▶ S1' remade ───────────┤   next piece            ▼                    │
//!                              │  same hash      │                     S3? asked ───────────────┘
//!                              │ 8 reopen: another hash                    last piece is there
//!                              └────────────────▶┘ (rows are asked for one by one from here on)
//! ```
//!
//! | state | in memory | committed position | table |
//! |---|---|---|---|
//! | S0 between | nothing | first, no range | no row at or after first |
//! | S1 taken | rows of [first, last], without those that failed; pieces; hash | first, no range | no row of the range |
//! | S2 opened | the same | first, open [first, last] with revision, count, hash | no row of the range |
//! | S3 inserting | the same, pieces done so far | the same | the pieces done so far, whole; perhaps one more |
//! | S4 landed | the same | the same | every row of the range |
//! | S5 = S0 closed | nothing | last + 1, no range | every row of the range |
//!
//! # The arrows, and why a death on each is harmless
//!
//! 1. *take*: nothing is committed. The next process takes some range again, perhaps another one.
//! 2. *open*: one commit. Before it: as 1. After it: the next process must land exactly this range.
//! 3. *insert*, once for each piece: a piece is one insert, one block, one part, whole or not there. A death leaves
//!    the position open, so the next process goes by 7. Pieces of a range are inserted side by side, each on its own
//!    way through 3 and 4, with a token of its own; 5 waits for all of them. Where rows are asked for one by one (8), and
//!    for rows that come back, they go one after another, because that question ends all queries of the range.
//! 4. *ask*: whenever the outcome is not known. Running queries of the piece are ended first: so that the answer stays
//!    true, and because a server refuses a query whose id (which is the token) still runs. There: done. Not there: the same token again. Acknowledged and still not there: the server kept the token
//!    and lost the part, so the attempt counts up and the token changes.
//! 5. *withdraw*: deletes the rows of a document's earlier versions that the new one no longer holds. Doing it twice
//!    deletes nothing more.
//! 6. *close*: one transaction of dead letters, named outputs, receipt, changelog, ledger and position. Before it: as
//!    3. After it: S0.
//! 7. *resume*: rows are made again from the same bytes, from the state as of first. The hash says whether they are
//!    the same rows. If so every piece is asked for before it is inserted.
//! 8. *reopen*: the hash differs (another revision or program). All queries of the range are ended and the table is
//!    asked for rows of the range that were not made this time. If there are none, the range is opened again with the
//!    new hash and marked as mixed, and only rows that are not there are inserted.
//!
//! # A revision that makes less
//!
//! A row is known by its position. What one revision landed of an open range stays, whatever the next one makes at the
//! same position; so a document that was half landed by one revision may hold rows of both. What must not happen is a
//! row in the table that no ledger knows. So the flow holds (E5109), and leaves position, range and table as they are
//! for the revision that opened the range, if the new one
//!
//! * refuses a document of which rows were closed or a range is open: a document is accepted whole or refused whole;
//! * finds fewer rows in a document than were closed already;
//! * does not make rows of the open range that are in the table (they are bad now, or dropped, or not found).
//!
//! In each case the queries of the open range are ended first, under the positions at which it was opened. An open range
//! always ends where it was opened to end: a document with more rows gives the rest to the next range, one with fewer
//! closes it short.
//!
//! State is never applied before 6, so a replay sees the state as of first.

mod lander;
mod machine;
mod pieces;

pub(crate) use lander::landed_otherwise;
pub use lander::{Landed, Lander, Withdrawal};
pub use machine::{Arrow, Machine, State};
pub use pieces::{PieceError, Range, provenance_of};
