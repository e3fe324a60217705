//! What is true of a file that was made.

use chrono::NaiveDate;

/// What should become of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Rows.
    Rows,
    /// A published list with nothing on it.
    Empty,
    /// Its trailer is wrong or missing: refused whole.
    Incomplete,
}

/// What a column adds up to, over the rows that should land.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Our name of the column.
    pub column: &'static str,
    /// The sum times ten to the power of `scale`.
    pub value: u128,
    /// Digits after the point.
    pub scale: u32,
}

/// What is true of a file, counted while it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// What should become of it.
    pub outcome: Outcome,
    /// Rows that should land, or would if the document were not refused.
    pub rows: u64,
    /// Rows that should become dead letters.
    pub dead: u64,
    /// Of `rows`, those that repeat a message of another file of the same feed word for word.
    pub repeats: u64,
    /// Of `rows`, those that have the key of another file's message and other content.
    pub conflicts: u64,
    /// What a column of `rows` adds up to, without those that repeat or conflict.
    pub sum: Option<Sum>,
}

impl Truth {
    pub(crate) fn of_rows(rows: u64, dead: u64, sum: Option<Sum>) -> Self {
        let outcome = if rows + dead == 0 { Outcome::Empty } else { Outcome::Rows };
        Self { outcome, rows, dead, repeats: 0, conflicts: 0, sum }
    }
}

/// A file that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its name, as the publisher names it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What is true of it.
    pub truth: Truth,
}

/// A day that the code names. 1970-01-01 if there is no such day, which a test excludes.
pub(crate) fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}
