//! Documents from folders, globs and single files.
//!
//! [`FileSource`] is the `files:` source of a topology: each round lists what is there and offers it in order of name.
//! [`Claims`] shares the files of one folder out among many sources, for `run --documents DIR`, before anything is
//! read; [`ClaimedFiles`] then offers to one source exactly what it was given.
//!
//! A file that is still being written is not taken: the bytes read must be the bytes that the file system told of
//! before and after. Names that are not UTF-8 match no pattern; they are shown lossily.
//!
//! Deliberately absent: watching by notification (the runtime asks for rounds), hidden files, deletion of what was
//! read.

mod claims;
mod explanations;
mod listing;
mod offer;
mod source;
mod steady;

pub use claims::{Assigned, ClaimError, ClaimedFile, ClaimedFiles, Claims};
pub use explanations::{EXPLANATIONS, FILE_REFUSED, NOT_A_GLOB, NOT_THERE};
pub use listing::no_file;
pub use source::{FileSettings, FileSource};
