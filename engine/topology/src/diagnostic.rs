//! Findings in topology files: code, place, excerpt, reason, remedy, nearest name.

use std::sync::Arc;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Path of the file as given.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}
