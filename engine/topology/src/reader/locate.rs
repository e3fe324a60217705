//! Finds the place in a file of a part of a scalar's text.
//!
//! Quotes, escapes, folded lines and indentation make the text differ from what is written. Text and file are walked
//! together: white space stands for any white space, an escape for its character. Where they part, the rest of the
//! scalar is the answer; the line is right as long as no escape of several characters stood before.

use std::ops::Range;

use super::node::Style;
use crate::source::Span;

/// The place of `range` (bytes of `text`) in the scalar that stands at `span`.
pub(crate) fn part(span: &Span, text: &str, style: Style, range: Range<usize>) -> Span {
    let written = &span.source.text[span.start..];
    let mut at = match style {
        Style::Plain => 0,
        Style::SingleQuoted | Style::DoubleQuoted => usize::from(written.starts_with(['\'', '"'])),
        Style::Block if written.starts_with(['|', '>']) => written.find('\n').map_or(0, |end| end + 1),
        Style::Block => 0,
    };
    let (mut start, mut end) = (None, None);
    for (offset, character) in text.char_indices() {
        if offset >= range.end && start.is_some() {
            break;
        }
        let Some(next) = advance(written, at, character, style) else { break };
        let (found, after) = next;
        if offset >= range.start && start.is_none() {
            start = Some(found);
        }
        end = Some(after);
        at = after;
    }
    let start = start.unwrap_or(at);
    span.part(start..end.unwrap_or(start).max(start))
}

/// Where `character` is written at or after `at`: first byte of it and first byte after it.
fn advance(written: &str, mut at: usize, character: char, style: Style) -> Option<(usize, usize)> {
    if character.is_whitespace() {
        let rest = written.get(at..)?;
        let blank = rest.len() - rest.trim_start().len();
        // A blank before more blanks is taken once; the next character skips the others.
        let width = rest.chars().next().filter(|first| first.is_whitespace()).map_or(0, char::len_utf8);
        return Some((at, at + width.min(blank)));
    }
    let rest = written.get(at..)?;
    at += rest.len() - rest.trim_start().len();
    let rest = written.get(at..)?;
    let first = rest.chars().next()?;
    if first == '\\' && style == Style::DoubleQuoted {
        let escaped = rest[1..].chars().next()?;
        if escaped == '\n' {
            return advance(written, at + 2, character, style);
        }
        let width = match escaped {
            'x' => 4,
            'u' => 6,
            'U' => 10,
            other => 1 + other.len_utf8(),
        };
        return Some((at, at + width));
    }
    if first != character {
        return None;
    }
    let doubled = style == Style::SingleQuoted && rest.starts_with("''");
    Some((at, at + first.len_utf8() + usize::from(doubled)))
}
