//! How names and texts are written in ClickHouse's SQL. Whatever they hold, they cannot end the quotes.

/// A name in backticks.
#[must_use]
pub fn identifier(name: &str) -> String {
    quoted(name, '`')
}

/// A text in single quotes.
#[must_use]
pub fn literal(text: &str) -> String {
    quoted(text, '\'')
}

/// Names in backticks, separated by commas.
pub(crate) fn identifiers<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(identifier).collect::<Vec<_>>().join(", ")
}

fn quoted(text: &str, quote: char) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push(quote);
    for character in text.chars() {
        match character {
            '\\' => written.push_str("\\\\"),
            '\0' => written.push_str("\\0"),
            '\n' => written.push_str("\\n"),
            character if character == quote => {
                written.push('\\');
                written.push(character);
            }
            character => written.push(character),
        }
    }
    written.push(quote);
    written
}

#[cfg(test)]
mod tests {
    use super::{identifier, identifiers, literal};

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(literal(r"it's \' a"), r"'it\'s \\\' a'");
        assert_eq!(literal("two\nlines\0"), r"'two\nlines\0'");
        assert_eq!(identifier("a`b"), r"`a\`b`");
        assert_eq!(identifiers(["key", "_row"]), "`key`, `_row`");
    }
}
