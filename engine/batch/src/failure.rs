//! Rows that could not be processed, and the stable codes that say why.
//!
//! A failure never holds the value that failed: values belong in the dead letter, not in logs or metrics.

use std::fmt;
use std::sync::Arc;

use crate::Origins;

/// A stable code of something that went wrong, such as `E4102`. `spotlight explain CODE` tells more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// What `spotlight explain CODE` says. Each crate lists the codes that it raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: Code,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Why it happens and what it means for the data, in a few sentences.
    pub why: &'static str,
    /// What to do, with an example where one helps.
    pub remedy: &'static str,
}

/// Why one row of a batch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFailure {
    /// Index of the row in the batch that was being processed.
    pub row: usize,
    /// What kind of failure.
    pub code: Code,
    /// The field (column of the result) that could not be made, if one is to blame.
    pub field: Option<Arc<str>>,
    /// What happened, in a sentence of bounded length without the row's values.
    pub message: String,
}

/// Rows that failed at one step, with the origins that lead back to their bytes.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Name of the step, as in the plan.
    pub step: Arc<str>,
    /// One failure for each row of `origins`, in the same order; `row` is the index there.
    pub failures: Vec<RowFailure>,
    /// Where the failed rows came from.
    pub origins: Origins,
}

/// Cuts `text` to at most 500 bytes on a character boundary, so that a hostile input cannot fill a log.
#[must_use]
pub fn bounded(text: &str) -> String {
    const LIMIT: usize = 500;
    if text.len() <= LIMIT {
        return text.to_owned();
    }
    let mut end = LIMIT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = "ä".repeat(400);
        let cut = bounded(&text);
        assert!(cut.len() < 510 && cut.ends_with('…'));
        assert_eq!(bounded("short"), "short");
    }
}
