//! Places of the SQL parser, which counts lines and characters, as bytes of the text.

use crate::syntax::Span;

/// Byte offsets of the starts of lines; positions of `sqlparser` count lines and characters from one.
pub(crate) struct Lines<'a> {
    text: &'a str,
    ascii: bool,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, ascii: text.is_ascii(), starts }
    }

    pub(crate) fn offset(&self, line: u64, column: u64) -> usize {
        let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let start = self.starts.get(index).copied().unwrap_or(self.text.len());
        let characters = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
        // Counting characters for each token of a long line would take quadratic time.
        if self.ascii {
            return start.saturating_add(characters).min(self.text.len());
        }
        self.text[start..].char_indices().nth(characters).map_or(self.text.len(), |(at, _)| start + at)
    }

    pub(crate) fn span(&self, span: sqlparser::tokenizer::Span) -> Span {
        if span.start.line == 0 {
            return 0..0;
        }
        let start = self.offset(span.start.line, span.start.column);
        start..self.offset(span.end.line, span.end.column).max(start)
    }
}
