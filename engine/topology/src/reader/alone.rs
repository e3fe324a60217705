//! Values of one character that YAML keeps for itself, such as the `|` of `separator: |`.
//!
//! Whoever writes one means the character. YAML reads the beginning of a block, a comment, an alias or a tag, and is
//! mostly heard of some lines further down.

use std::sync::Arc;

use super::node::{Kind, Node, Style};
use crate::source::{Source, Span};

/// Characters that are no text where they stand alone. `|` and `>` are not among them: a block may follow.
const SIGNS: &[char] = &['*', '&', '!', '%', '@', '`', '#', '-', '?', ',', '}', ']'];

/// Where in a line one of them is a whole value, behind `: `.
pub(super) fn sign(line: &str) -> Option<(usize, char)> {
    let (mut quote, mut last, mut before, mut bracket) = (None, ' ', ' ', false);
    for (at, character) in line.char_indices() {
        match quote {
            Some(open) if open == character => quote = None,
            Some(_) => {}
            None if matches!(character, '\'' | '"') && matches!(last, ':' | ',' | '[' | '{' | '-') => {
                quote = Some(character);
            }
            None if last == ':' && before == ' ' && SIGNS.contains(&character) && is_end(&line[at + 1..], bracket) => {
                return Some((at, character));
            }
            // The rest of the line is a comment.
            None if character == '#' && before == ' ' => return None,
            None => bracket |= matches!(character, '{' | '['),
        }
        if character != ' ' {
            last = character;
        }
        before = character;
    }
    None
}

/// True if a value ends before `rest`.
fn is_end(rest: &str, in_brackets: bool) -> bool {
    let trimmed = rest.trim_start();
    trimmed.is_empty()
        || (trimmed.starts_with('#') && trimmed.len() < rest.len())
        || (in_brackets && trimmed.starts_with([',', '}', ']']))
}

/// What to do about it.
pub(crate) fn remedy(sign: char) -> String {
    format!("put the character in quotes: `\"{sign}\"`")
}

/// Where the sign of an empty block of text stands; the scanner says where the line after it begins.
pub(super) fn block(source: &Arc<Source>, start: usize) -> Option<Span> {
    let signs = ['|', '>'];
    if source.text[start..].starts_with(signs) {
        return Some(source.span(start..start + 1));
    }
    let before = source.text[..start].trim_end();
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let at = line + before[line..].find(": ")? + 2;
    let at = at + before[at..].find(signs)?;
    Some(source.span(at..at + 1))
}

impl Node {
    /// The character that was probably meant, if YAML took a single one for itself; where it stands, and for what it
    /// was taken.
    pub(crate) fn taken_sign(&self) -> Option<(char, Span, &'static str)> {
        let Kind::Scalar { text, style } = &self.kind else { return None };
        let source = &self.span.source;
        if *style == Style::Block {
            let sign = source.text[self.span.start..].chars().next().filter(|sign| matches!(sign, '|' | '>'))?;
            let taken = "begins a block of text in YAML, and no line of it follows";
            return text.trim().is_empty().then(|| (sign, self.span.clone(), taken));
        }
        if !self.is_null() {
            return None;
        }
        if &**text == "~" {
            return Some(('~', self.span.clone(), "is nothing in YAML"));
        }
        let rest = source.text[self.span.start..].split('\n').next()?;
        let at = self.span.start + rest.find('#')?;
        let (above, comment) = (&source.text[self.span.start..at], &source.text[at + 1..self.span.start + rest.len()]);
        let alone = above.trim_start_matches(':').trim().is_empty() && is_end(comment.trim_end(), false);
        alone.then(|| ('#', source.span(at..at + 1), "begins a comment in YAML, so nothing is left of the value"))
    }
}
