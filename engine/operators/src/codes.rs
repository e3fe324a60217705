//! The codes that steps raise, and what `spotlight explain` says about them.

use batch::{Code, Explanation};

/// A column that is never null has no value.
pub(crate) const NULL: Code = Code("E4103");
/// A number does not fit its column.
pub(crate) const TOO_LARGE: Code = Code("E4104");
/// A date or time is outside what the column can hold.
pub(crate) const OUT_OF_RANGE: Code = Code("E4106");
/// A row has no key.
pub(crate) const NULL_KEY: Code = Code("E4107");
/// A row is too old for dedupe.
pub(crate) const LATE: Code = Code("E4108");
/// One key has several contents in a document.
pub(crate) const KEY_TWICE: Code = Code("E4109");

/// The codes of this crate.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: NULL,
        title: "a column that is never null has no value",
        why: "The column is declared without `nullable`, and the row gave null for it. The row is a dead letter.",
        remedy: "If the publisher may leave the value out, declare the column `nullable`; else give a value, as in \
                 `coalesce(column, 0)`.",
    },
    Explanation {
        code: TOO_LARGE,
        title: "a number does not fit its column",
        why: "The number has more digits than the column's type holds. Numbers are never cut or rounded in silence, so \
              the row is a dead letter.",
        remedy: "Widen the column, as in `decimal(38, 13)`, and replay the dead letter.",
    },
    Explanation {
        code: OUT_OF_RANGE,
        title: "a date or time is outside what the column can hold",
        why: "Tables hold dates from 1900-01-01 to 2299-12-31, and timestamps of nine digits to April 2262. Publishers \
              write 9999-12-31 for `open ended`, which is no date.",
        remedy: "Say what such a value means, as in `nullif(end_date, date '9999-12-31')`, and replay the dead letter.",
    },
    Explanation {
        code: NULL_KEY,
        title: "a row has no key",
        why: "A column of the key of a stateful step is null, so the row belongs to no key: two rows without one are \
              neither equal nor different.",
        remedy: "Leave such rows out with `where: column is not null`, or make a key, as in `coalesce(column, 'none')`.",
    },
    Explanation {
        code: LATE,
        title: "a row arrived too long ago for dedupe",
        why: "The row's arrival is further back than the time that keys are remembered, as happens when an old dead \
              letter is replayed. Its repeats may be forgotten, so it cannot be told from a repeat.",
        remedy: "Name an output for such rows (`late`), or remember keys for longer.",
    },
    Explanation {
        code: KEY_TWICE,
        title: "one key has several contents in a document",
        why: "Several rows of one document have the same key and other values. No rule says which of them holds, so \
              all of them are dead letters. Rows that are equal in all columns are counted as dropped instead.",
        remedy: "Add the column that tells the rows apart to the key, or ask the publisher.",
    },
];

#[cfg(test)]
mod tests {
    use super::EXPLANATIONS;

    #[test]
    fn each_code_is_explained_once() {
        let mut codes: Vec<&str> = EXPLANATIONS.iter().map(|entry| entry.code.0).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), EXPLANATIONS.len());
    }
}
