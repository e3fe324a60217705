//! Takes secrets out of findings.
//!
//! A finding shows the line where it is, and often quotes it. That line may hold a password that somebody wrote as a
//! text, and the finding may be about something else in the line, or say that the file is no YAML at all. So a secret is
//! found by what stands in the text, not by the tree: behind a key that sounds like one, and before an `@`. What is
//! found is replaced in every line and every quote of every finding. It may hide too much; that is the right side.
//!
//! `secret:` and `env:` say where a secret is, and are shown.

use topology::{Diagnostic, Excerpt, distance};

/// Keys behind which a secret stands, in any writing.
const WORDS: [&str; 8] = ["password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "access-key"];
/// Keys that sound like it and hold none.
const NAMES: [&str; 6] = ["secret", "secrets", "env", "access-key-id", "credentials", "key"];
/// What a secret's own characters are shown as in the line, so that all places in it stay right.
const STAR: char = '*';

/// The lines of a file without its secrets, and the secrets.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    lines: Vec<String>,
    values: Vec<String>,
}

/// What the lines after one belong to.
#[derive(Clone, Copy)]
enum Open {
    Nothing,
    /// A text that ends with this quote.
    Quote(char),
    /// All lines that are indented deeper than this.
    Deeper(usize),
}

impl Mask {
    pub(crate) fn of(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut mask = Self::default();
        let mut open = Open::Nothing;
        for line in text.split('\n') {
            let mut shown: Vec<char> = line.trim_end_matches('\r').chars().collect();
            open = mask.line(&mut shown, open);
            mask.logins(&mut shown);
            mask.lines.push(shown.into_iter().collect());
        }
        mask.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        mask.values.dedup();
        mask
    }

    /// Masks a line; says what the next one belongs to.
    fn line(&mut self, line: &mut [char], open: Open) -> Open {
        let mut at = 0;
        match open {
            Open::Nothing => {}
            Open::Quote(quote) => match end_of_quote(line, 0, quote) {
                Some(end) => {
                    self.hide(line, 0..end);
                    at = end;
                }
                None => {
                    self.hide(line, 0..line.len());
                    return Open::Quote(quote);
                }
            },
            Open::Deeper(indentation) => {
                let blank = line.iter().all(|character| character.is_whitespace());
                let start = indentation_of(line);
                if blank {
                    return Open::Deeper(indentation);
                }
                if start > indentation {
                    if !says_where(&line[start..]) {
                        self.hide(line, start..line.len());
                    }
                    return Open::Deeper(indentation);
                }
            }
        }
        while let Some((key_start, value_start)) = next_secret_key(line, at) {
            let in_braces = line[..key_start].contains(&'{');
            let indentation = indentation_of(line);
            let Some(first) = line.get(value_start).copied() else { return Open::Deeper(indentation) };
            let rest = &line[value_start..];
            if first == '{' && says_where(rest[1..].trim_ascii_start_chars()) {
                at = value_start + 1;
                continue;
            }
            if matches!(first, '\'' | '"') {
                let Some(end) = end_of_quote(line, value_start + 1, first) else {
                    self.hide(line, value_start..line.len());
                    return Open::Quote(first);
                };
                self.hide(line, value_start..end);
                at = end;
                continue;
            }
            let end = if in_braces { end_in_braces(line, value_start) } else { line.len() };
            self.hide(line, value_start..end);
            if !in_braces {
                return Open::Deeper(indentation);
            }
            at = end;
        }
        Open::Nothing
    }

    /// Masks what stands before an `@`, back to the blank, quote, bracket or `//` before it.
    fn logins(&mut self, line: &mut [char]) {
        let mut from = 0;
        while let Some(at) = (from..line.len()).rev().find(|at| line[*at] == '@') {
            let ends = |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '[' | '{');
            let word = (0..at).rev().find(|before| ends(line[*before])).map_or(0, |before| before + 1);
            let scheme = (word..at.saturating_sub(2)).find(|start| line[*start..].starts_with(&[':', '/', '/']));
            self.hide(line, scheme.map_or(word, |start| start + 3)..at);
            from = at + 1;
        }
    }

    fn hide(&mut self, line: &mut [char], range: std::ops::Range<usize>) {
        let value: String = line[range.clone()].iter().collect();
        let value = value.trim().trim_matches(['"', '\'']);
        // A variable's name in another tool's writing is no secret, and the remedy names it.
        if value.starts_with('$') {
            return;
        }
        let parts = value.split([' ', ',', '{', '}', '[', ']', '"', '\'', ':', '#']).filter(|part| part.len() > 2);
        self.values.extend(parts.map(str::to_owned));
        if !value.is_empty() {
            self.values.push(value.to_owned());
        }
        for character in &mut line[range] {
            if !character.is_whitespace() {
                *character = STAR;
            }
        }
    }

    pub(crate) fn apply(&self, finding: &mut Diagnostic) {
        self.excerpt(&mut finding.excerpt);
        for related in &mut finding.related {
            self.excerpt(&mut related.excerpt);
            self.text(&mut related.label);
        }
        self.text(&mut finding.what);
        self.text(&mut finding.at);
        finding.notes.iter_mut().for_each(|note| self.text(note));
        for text in [&mut finding.label, &mut finding.remedy, &mut finding.nearest].into_iter().flatten() {
            self.text(text);
        }
    }

    fn excerpt(&self, excerpt: &mut Excerpt) {
        let Some(line) = self.lines.get((excerpt.position.line as usize).saturating_sub(1)) else { return };
        let count = excerpt.text.chars().count();
        excerpt.text = line.chars().skip(excerpt.skipped as usize).take(count).collect();
    }

    /// Short secrets are replaced only where a quote is nothing else, or half the words would be gone.
    fn text(&self, text: &mut String) {
        for value in &self.values {
            if value.chars().count() > 2 {
                *text = text.replace(value.as_str(), "***");
            } else {
                *text = text.replace(&format!("`{value}`"), "`***`");
            }
        }
    }
}

/// Blanks at the start of a part of a line.
trait TrimStart {
    fn trim_ascii_start_chars(&self) -> &[char];
}

impl TrimStart for [char] {
    fn trim_ascii_start_chars(&self) -> &[char] {
        &self[indentation_of(self)..]
    }
}

fn indentation_of(line: &[char]) -> usize {
    line.iter().position(|character| !character.is_whitespace()).unwrap_or(line.len())
}

/// True if what follows says where a secret is: `secret:` or `env:`, with or without a brace.
fn says_where(rest: &[char]) -> bool {
    let rest: String = rest.iter().take(40).filter(|character| !matches!(character, '{' | '"' | '\'' | ' ')).collect();
    rest.starts_with("secret:") || rest.starts_with("env:")
}

/// Where the next key of a secret begins, and where its value does.
fn next_secret_key(line: &[char], from: usize) -> Option<(usize, usize)> {
    let in_word = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
    let mut at = from;
    while at < line.len() {
        if !in_word(line[at]) {
            at += 1;
            continue;
        }
        let end = (at..line.len()).find(|end| !in_word(line[*end])).unwrap_or(line.len());
        let mut colon = end;
        while line.get(colon).is_some_and(|character| matches!(character, '"' | '\'' | ' ' | '\t')) {
            colon += 1;
        }
        let key: String = line[at..end].iter().collect::<String>().to_ascii_lowercase().replace(['_', '.'], "-");
        if matches!(line.get(colon), Some(':' | '=')) && is_secret(&key) {
            let value = colon + 1 + indentation_of(&line[colon + 1..]);
            return Some((at, value));
        }
        at = end;
    }
    None
}

fn is_secret(key: &str) -> bool {
    if NAMES.contains(&key) {
        return false;
    }
    let near = |word: &&str| word.len() > 5 && distance(key, word) <= 2;
    WORDS.iter().any(|word| key.contains(word)) || ["password", "secret-access-key", "session-token"].iter().any(near)
}

/// Behind the quote that ends a text.
fn end_of_quote(line: &[char], from: usize, quote: char) -> Option<usize> {
    let mut at = from;
    while at < line.len() {
        match line[at] {
            '\\' if quote == '"' => at += 2,
            found if found == quote && quote == '\'' && line.get(at + 1) == Some(&'\'') => at += 2,
            found if found == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// Where a value between braces ends: before `, key:`, or before the last closing braces of the line.
fn end_in_braces(line: &[char], from: usize) -> usize {
    let in_word = |character: &char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '"' | '\'');
    for at in from..line.len() {
        if line[at] != ',' {
            continue;
        }
        let key = at + 1 + indentation_of(&line[at + 1..]);
        let colon = (key..line.len()).find(|end| !in_word(&line[*end])).unwrap_or(line.len());
        if colon > key && line.get(colon) == Some(&':') && line.get(colon + 1).is_none_or(|next| *next == ' ') {
            return at;
        }
    }
    let closing = |character: &&char| character.is_whitespace() || **character == '}';
    let behind = line[from..].iter().rev().take_while(closing).count();
    line.len() - behind
}

#[cfg(test)]
mod tests {
    use super::Mask;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let cases = [
            ("password: hunter2", "password: *******"),
            ("password:hunter2", "password:*******"),
            ("Password = hunter2 # mine", "Password = ******* * ****"),
            ("pasword: hunter2", "pasword: *******"),
            ("a: { user: x, password: hunter2, ca: y }", "a: { user: x, password: *******, ca: y }"),
            ("a: { password: hun, ter2 }", "a: { password: **** **** }"),
            ("a: { password: hun}ter2 }", "a: { password: ******** }"),
            ("a: { password: 'hun, b: ''ter2', ca: y }", "a: { password: ***** ** *******, ca: y }"),
            ("password: \"hun\\\"ter2\"  # x", "password: ***********  # x"),
            ("password: { secret: kafka/password }", "password: { secret: kafka/password }"),
            ("password: { env: KAFKA_PASSWORD }", "password: { env: KAFKA_PASSWORD }"),
            ("password: { hunter2 }", "password: * ******* *"),
            ("password: [hunter2]", "password: *********"),
            ("password: ${KAFKA_PASSWORD}", "password: ${KAFKA_PASSWORD}"),
            ("secret-access-key: hunter2", "secret-access-key: *******"),
            ("access-key-id: AKIA", "access-key-id: AKIA"),
            ("secrets: /run/secrets", "secrets: /run/secrets"),
            ("url: https://me:hun/ter@2@host:1", "url: https://************@host:1"),
            ("servers: [me:hunter2@host:1, b:2]", "servers: [**********@host:1, b:2]"),
            ("password: |\n  hunter2\n\n  b\nca: x", "password: *\n  *******\n\n  *\nca: x"),
            ("password:\n  hunter2\nca: x", "password:\n  *******\nca: x"),
            ("password:\n  secret: a/b\nca: x", "password:\n  secret: a/b\nca: x"),
            ("password: \"hun\n  ter2\" # x\nca: x", "password: ****\n  ***** # x\nca: x"),
        ];
        for (text, expected) in cases {
            assert_eq!(Mask::of(text).lines.join("\n"), expected, "{text}");
        }
    }
}
