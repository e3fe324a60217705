//! Documents from folders, globs and single files.
//!
//! [`FileSource`] is the `files:` source of a topology: each round lists what is there and offers it in order of name.
//! [`Claims`] shares the files of one folder out among many sources, for `run --documents DIR`, before anything is
//! read; [`ClaimedFiles`] then offers to one source exactly what it was given, and [`WatchedFolder`] what comes later too.
//!
//! A file that is still being written is not taken: the bytes read must be the bytes that the file system told of
//! before and after. Nor is one whose name says that it is an unfinished download, an editor's copy or hidden, unless a
//! pattern spells that. Names that are not UTF-8 match no pattern; they are shown lossily.
//!
//! What is deleted stays in the tables. But where the file of a document's newest version is gone and another one of
//! the same document is still there, that one's content is the newest again.
//!
//! Deliberately absent: watching by notification (the runtime asks for rounds), hidden files, deletion of what was
//! read.

mod claims;
mod explanations;
mod file;
mod listing;
mod source;
mod steady;
mod watched;

pub use claims::{Assigned, ClaimError, ClaimedFile, ClaimedFiles, Claims};
pub use explanations::{CLAIMED_TWICE, EXPLANATIONS, FILE_REFUSED, NOT_A_GLOB, NOT_THERE};
pub use listing::no_file;
pub use source::{FileSettings, FileSource};
pub use watched::{Sources, WatchedFolder};
