//! A file's text and places in it.
//!
//! A [`Span`] keeps its file, so whoever has a span can show the line. Offsets are bytes; what people see are lines
//! and characters from 1.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Excerpt, Position};

/// Longest excerpt in characters; a line of a hostile file can have a million.
const EXCERPT_LIMIT: usize = 240;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path as given.
    pub(crate) path: Arc<str>,
    /// Its whole text.
    pub(crate) text: String,
    line_starts: Vec<usize>,
    /// Where each [`MARKED`]th character begins: places are found without walking a line from its start, which of a
    /// header of thousands of names would be done once a name.
    marks: Vec<usize>,
}

/// Characters from one mark to the next. Larger: less memory; smaller: fewer steps to a place.
const MARKED: usize = 256;

/// A place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) source: Arc<Source>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: String) -> Arc<Self> {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
            .collect();
        let marks = text.char_indices().step_by(MARKED).map(|(at, _)| at).collect();
        Arc::new(Self { path: path.into(), text, line_starts, marks })
    }

    /// Byte offset of a line from 1 and a column in characters from 0, as the YAML scanner counts.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let Some(&start) = self.line_starts.get(line.saturating_sub(1)) else { return self.text.len() };
        let character = self.character_at(start) + column;
        let Some(&mark) = self.marks.get(character / MARKED) else { return self.text.len() };
        let rest = &self.text[mark..];
        mark + rest.char_indices().nth(character % MARKED).map_or(rest.len(), |(at, _)| at)
    }

    /// The number of characters before a byte offset, which must be the start of one or the end of the text.
    fn character_at(&self, offset: usize) -> usize {
        let Some(mark) = self.marks.partition_point(|mark| *mark <= offset).checked_sub(1) else { return 0 };
        let start = self.marks.get(mark).copied().unwrap_or(0);
        mark * MARKED + self.text[start..offset].chars().count()
    }

    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    pub(crate) fn line_text(&self, line: usize) -> &str {
        let start = self.line_starts.get(line - 1).copied().unwrap_or(self.text.len());
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    pub(crate) fn span(self: &Arc<Self>, range: Range<usize>) -> Span {
        let mut start = range.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = range.end.clamp(start, self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Span { source: Arc::clone(self), start, end }
    }
}

impl Span {
    pub(crate) fn position(&self) -> Position {
        let line = self.source.line_of(self.start);
        let line_start = self.source.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self.source.character_at(self.start) - self.source.character_at(line_start) + 1;
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Position { file: Arc::clone(&self.source.path), line: number(line), column: number(column) }
    }

    /// The first line of the place, for people.
    pub(crate) fn excerpt(&self) -> Excerpt {
        let mut position = self.position();
        let line = self.source.line_text(position.line as usize);
        let written = self.source.text[self.start..self.end].lines().next().unwrap_or("");
        let mut length = written.trim_end().chars().count().max(1);
        let skip = (position.column as usize - 1).saturating_sub(EXCERPT_LIMIT / 2);
        let (skip, shown) = if line.chars().count() > EXCERPT_LIMIT {
            (skip, line.chars().skip(skip).take(EXCERPT_LIMIT).collect())
        } else {
            (0, line.to_owned())
        };
        length = length.min(EXCERPT_LIMIT);
        position.line = position.line.max(1);
        Excerpt { position, length: length as u32, text: shown, skipped: skip as u32 }
    }

    /// A part of this place, by bytes from its start.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        self.source.span(self.start + range.start..self.start + range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::{MARKED, Source};

    #[test]
    fn places_are_those_of_a_walk_from_the_start_of_the_line() {
        let line = "aö€😀".repeat(MARKED);
        let text = format!("first\n{line}\r\n\n{line}");
        let source = Source::new("a.yaml", text.clone());
        let mut start = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            for (column, (at, character)) in line.char_indices().enumerate() {
                assert_eq!(source.offset(number + 1, column), start + at);
                let position = source.span(start + at..start + at + character.len_utf8()).position();
                assert_eq!((position.line as usize, position.column as usize), (number + 1, column + 1));
            }
            start += line.len();
        }
        assert_eq!((source.offset(4, 4 * MARKED), source.offset(9, 0)), (text.len(), text.len()));
        assert_eq!(Source::new("empty.yaml", String::new()).offset(1, 3), 0);
    }
}
