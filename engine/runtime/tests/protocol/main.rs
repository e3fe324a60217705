//! The landing protocol from end to end: a real log, a real runtime, a table that misbehaves on demand, and a process
//! that dies wherever the protocol has an arrow.

mod commits;
mod holds;
mod kills;
mod less;
mod lines;
mod losses;
mod memory;
mod outcomes;
mod positions;
mod ranges;
mod receipts;
mod replays;
mod republication;
mod rereads;
mod revisions;
mod side_by_side;
mod snapshots;
mod world;
mod years;
