//! The order of names, in which files of one document are its versions.

use std::cmp::Ordering;

/// By name without its ending, then by the whole name: `list-2.txt` comes after `list.txt`, and `list_10` after `list_9`.
#[must_use]
pub fn by_name(left: &[u8], right: &[u8]) -> Ordering {
    by_number(stem(left), stem(right)).then_with(|| left.cmp(right))
}

/// A name without its ending. One that begins with its only dot has none.
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
