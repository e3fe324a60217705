//! Several files or addresses of one document: which is the later version, and what is told of those that are not meant
//! to be one.
//!
//! The order is by name, and the same wherever documents are found: a publisher's list must not mean one thing in a folder
//! and another on a page.

use std::cmp::Ordering;

use crate::document::Fields;
use crate::source::Discovery;

/// Puts names of versions into their order: by name without its ending, numbers by their value, then by the whole name:
/// `list-2.txt` comes after `list.txt`, and `list_10` after `list_9`.
#[must_use]
pub fn version_order(left: &[u8], right: &[u8]) -> Ordering {
    by_number(stem(left), stem(right)).then_with(|| left.cmp(right))
}

/// A name without its ending; a dot at its start begins none.
fn stem(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|byte| *byte == b'.') {
        None | Some(0) => name,
        Some(dot) => &name[..dot],
    }
}

/// Compares bytes; where both have digits, the numbers.
fn by_number(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while let (Some(first), Some(second)) = (left.first(), right.first()) {
        let ordering = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (one, other) = (take_number(&mut left), take_number(&mut right));
            one.len().cmp(&other.len()).then_with(|| one.cmp(other))
        } else {
            let ordering = first.cmp(second);
            (left, right) = (&left[1..], &right[1..]);
            ordering
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    left.len().cmp(&right.len())
}

/// Takes the digits at the start, and gives them without zeros before them.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    &digits[digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len())..]
}

/// Tells the discovery of the addresses of one document, in their order, that say other things than its newest version.
/// Each round does, because who sees rows missing looks at the last run, and not at the one in which a file took another
/// one's place. `name`: the name of one of them.
pub fn tell_one_document(discovery: &mut dyn Discovery, name: &str, fields: &Fields, urls: &[String]) {
    let [.., last] = urls else { return };
    if urls.len() < 2 {
        return;
    }
    // Who only looks remembers nothing: there the last one would be the newest.
    let newest = discovery.newest(name, fields).map_or_else(|| last.clone(), |newest| newest.url);
    let content = |url: &str| discovery.known(url).map(|known| known.sha256);
    let of_newest = content(&newest);
    let differs = |url: &&String| {
        let own = content(url);
        **url != newest && (own.is_none() || own != of_newest)
    };
    // The nearest one first: it is the one that a newer version takes the place of.
    let others: Vec<String> = urls.iter().rev().filter(differs).cloned().collect();
    if !others.is_empty() {
        discovery.one_document(&others, &newest, fields);
    }
}

#[cfg(test)]
mod tests {
    use super::version_order;

    #[test]
    fn later_versions_stand_after_earlier_ones() {
        let wanted = [
            ".list.txt",
            "list_1.txt",
            "list_9.csv",
            "list_9.txt",
            "list_10.txt",
            "list_20260106.txt",
            "list_20260106 (corrected).txt",
            "list_20260106-v2.txt",
            "list_20260106-v10.txt",
            "list_20260106_0.txt",
            "list_20260106_corrected.txt",
            "list_99999999999999999999999999999999999999999.txt",
        ];
        let mut names: Vec<&str> = wanted.into_iter().rev().collect();
        names.sort_by(|left, right| version_order(left.as_bytes(), right.as_bytes()));
        assert_eq!(names, wanted);
    }
}
