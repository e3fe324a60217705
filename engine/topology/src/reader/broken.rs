//! What a person is told of a file that is no YAML.
//!
//! The scanner says what it expected; that is seldom what was done. A few mistakes make up nearly all cases, and each is
//! told here by what stands in the file: a bracket that stays open, a text that needs quotes, a line whose indentation
//! fits nothing, a colon without a space. What fits none of them is told in the scanner's words.

use std::sync::Arc;

use saphyr_parser::ScanError;

use super::alone;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::source::Source;

pub(super) fn finding(source: &Arc<Source>, error: &ScanError) -> Diagnostic {
    let offset = source.offset(error.marker().line(), error.marker().col());
    let info = error.info();
    let at = |range: std::ops::Range<usize>, what: &str| {
        Diagnostic::at_span(codes::YAML, &source.span(range), format!("this is not YAML: {what}"))
    };
    let here = offset..offset + 1;
    let number = source.span(here.clone()).position().line as usize;
    let line = source.line_text(number);
    let lone = |(start, sign): (usize, char)| {
        at(start..start + 1, &format!("`{sign}` alone is no text")).remedy(alone::remedy(sign))
    };
    if let Some((column, sign)) = alone::sign(line) {
        return lone((line_start(source, offset) + column, sign));
    }
    if info.starts_with("invalid trailing content after") || info.starts_with("unexpected character") {
        // The parser says "double-quoted" of both kinds.
        let trailing = info.starts_with("invalid trailing");
        let what = if trailing { "more stands behind a text in quotes" } else { info };
        let general = "put the text in quotes";
        return at(here, &batch::bounded(what)).remedy(quoting(line).unwrap_or_else(|| general.to_owned()));
    }
    let Open { bracket, quote } = open(&source.text[..offset.min(source.text.len())]);
    if info.contains("escape") {
        let start = quote.unwrap_or(offset);
        let rest = source.text[start..].trim_start_matches('"').lines().next().unwrap_or_default();
        let text = match (rest.split_once('"'), rest.split_once('\'')) {
            // It ends with the other quote.
            (None, Some((text, _))) => text,
            (text, _) => text.map_or(rest, |(text, _)| text),
        };
        let remedy = format!("write it in single quotes, in which `\\` is itself: `'{}'`", batch::bounded(text));
        return at(start..start + 1, "in double quotes `\\` begins an escape, and YAML has none of this kind")
            .remedy(remedy);
    }
    if info.contains("anchor") {
        let what = "this alias (`*name`) has no anchor (`&name`) before it";
        return at(here, what).remedy("write the value out, or put a text that begins with `*` in quotes");
    }
    if info.contains("quoted scalar") {
        let start = quote.unwrap_or(offset);
        let sign = source.text[start..].chars().next().unwrap_or('"');
        return at(start..start + 1, "this quote is not closed").remedy(format!("close the text with `{sign}`"));
    }
    // A bracket on an earlier line that is still open swallows what follows.
    if let Some((start, sign)) = bracket.filter(|(start, _)| !source.text[*start..offset].trim_end().ends_with(','))
        && source.text[start..offset].contains('\n')
    {
        // A comment may have taken the rest of its line, and the bracket that closes it.
        let (begin, line) = (line_start(source, start), source.span(start..start + 1).position().line);
        if let Some((column, '#')) = alone::sign(source.line_text(line as usize)) {
            return lone((begin + column, '#'));
        }
        let close = if sign == '[' { ']' } else { '}' };
        return at(start..start + 1, &format!("this `{sign}` is not closed"))
            .remedy(format!("close it with `{close}`"));
    }
    if let Some((start, sign)) = bracket
        && let Some(other @ (']' | '}')) = source.text.get(offset..).and_then(|rest| rest.chars().next())
    {
        let close = if sign == '[' { ']' } else { '}' };
        if other != close {
            return at(start..start + 1, &format!("this `{sign}` is not closed"))
                .remedy(format!("close it with `{close}` before the `{other}`"));
        }
    }
    if let Some(remedy) = quoting(line) {
        return at(here, &batch::bounded(info)).remedy(remedy);
    }
    if let Some((column, key, bracket)) = before_a_bracket(line) {
        let start = line_start(source, offset) + column;
        return at(start..start + key.len(), &format!("`{}` has no colon", batch::bounded(key)))
            .remedy(format!("write `{}: {bracket}`", batch::bounded(key)));
    }
    if let Some((start, written)) = colonless(source, number, info) {
        return at(start..start + written.len(), "this line is no `key: value`")
            .remedy("write a space behind the colon, or indent the line if it goes on with the one above");
    }
    let indentation = offset <= line_start(source, offset) + line.len() - line.trim_start().len();
    if info.contains("mapping values") {
        return mapping_values(source, offset, line, &at);
    }
    if info.contains("expected '-' indicator") && indentation {
        return at(here, "this line stands among the entries of a list, and does not begin with `- `")
            .remedy("indent it less, as the key is to which it belongs, or begin it with `- `");
    }
    if indentation && (info.contains("block mapping") || info.contains("indentation")) {
        return at(here, "this line is indented as no line above it").remedy("indent it exactly as its neighbours are");
    }
    let finding = at(here, &batch::bounded(info));
    if line.matches(": ").count() > 1 {
        return finding.remedy(
            "indent the line as its neighbours are; a text that holds `: `, ` #`, `{` or `[`, or starts with one of \
             `*&!|>'\"%@`, stands in quotes",
        );
    }
    finding.remedy("check the indentation of this line and the quotes and brackets before it")
}

/// A second `: ` in a line is mostly text; a first one in a line that is indented too far is a key.
fn mapping_values(
    source: &Arc<Source>,
    offset: usize,
    line: &str,
    at: &dyn Fn(std::ops::Range<usize>, &str) -> Diagnostic,
) -> Diagnostic {
    let start = line_start(source, offset);
    let before = &source.text[start..offset];
    let key_end = before.find(": ").map(|end| end + 2);
    match key_end {
        Some(value) => {
            let value = value + before[value..].len() - before[value..].trim_start().len();
            let text = line[value..].split(" #").next().unwrap_or("").trim_end();
            let quoted = if text.contains('"') && !text.contains('\'') {
                format!("'{text}'")
            } else {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            };
            at(offset..offset + 1, "a second `: ` in one line")
                .remedy(format!("put the text in quotes: `{}`", batch::bounded(&quoted)))
        }
        None => {
            let finding = at(offset..offset + 1, "a key stands where the value of the line above goes on");
            let above = source.text[..start].trim_end();
            let begins = above.rfind('\n').map_or(0, |end| end + 1);
            let indented = begins + above[begins..].len() - above[begins..].trim_start().len();
            if let Some(step) = bare_step(&above[indented..]) {
                let start = above.len() - step.len();
                return at(start..above.len(), &format!("`{step}` has no colon"))
                    .remedy(format!("write `- {step}:`, and its keys below it, indented"));
            }
            let remedy = "indent the two lines alike: either may be the one that is wrong";
            match above.is_empty() {
                true => finding.remedy("indent the line as its neighbours are"),
                false => finding.related(&source.span(indented..above.len()), "the line above").remedy(remedy),
            }
        }
    }
}

/// The word of a line such as `- select`, under which keys stand: its colon is missing.
fn bare_step(above: &str) -> Option<&str> {
    let word = above.strip_prefix("- ")?.trim();
    let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
    (!word.is_empty() && word.len() <= 60 && word.chars().all(plain)).then_some(word)
}

fn line_start(source: &Source, offset: usize) -> usize {
    source.text[..offset].rfind('\n').map_or(0, |end| end + 1)
}

/// A key that stands before a bracket without a colon, or with another sign in its place: its column, itself, the bracket.
fn before_a_bracket(line: &str) -> Option<(usize, &str, char)> {
    let is_key = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
    for (at, bracket) in line.match_indices(['[', '{']) {
        let before = line[..at].trim_end();
        let before = before.strip_suffix([';', '=']).unwrap_or(before).trim_end();
        let start = before.rfind(|sign| !is_key(sign)).map_or(0, |end| end + 1);
        let key = before[start..].trim_start_matches('-');
        let ahead = line[..before.len() - key.len()].trim_end();
        let begins = ahead.is_empty() || ahead.ends_with(['{', ',']) || ahead.trim_start() == "-";
        if begins && key.starts_with(|first: char| first.is_ascii_alphabetic()) && at > before.len() {
            return Some((before.len() - key.len(), key, bracket.chars().next()?));
        }
    }
    None
}

/// The line before the one where the scanner gave up, if it has a key and a value without a space between.
fn colonless<'a>(source: &'a Source, number: usize, info: &str) -> Option<(usize, &'a str)> {
    if !info.contains("simple key") {
        return None;
    }
    let above = (1..number).rev().map(|line| source.line_text(line)).find(|line| !line.trim().is_empty())?;
    let written = above.trim();
    (!written.contains(": ") && !written.ends_with(':')).then_some(())?;
    // A line's text is a part of the file's.
    let start = above.as_ptr() as usize - source.text.as_ptr() as usize + above.len() - above.trim_start().len();
    Some((start, written))
}

/// What is open at the end of a text.
struct Open {
    bracket: Option<(usize, char)>,
    quote: Option<usize>,
}

/// Quotes count where a value can begin, brackets outside quotes and comments. Blocks of text are taken for lines of
/// their own, so a bracket in one can mislead; then the scanner's place is as good.
fn open(text: &str) -> Open {
    let mut brackets: Vec<(usize, char)> = Vec::new();
    let mut quote: Option<(usize, char)> = None;
    let (mut comment, mut before, mut last) = (false, '\n', '\n');
    for (at, character) in text.char_indices() {
        match (quote, character) {
            _ if comment => comment = character != '\n',
            (Some((_, sign)), _) if sign == character && before != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '#') if before.is_whitespace() => comment = true,
            (None, '\'' | '"') if matches!(last, '\n' | ':' | ',' | '[' | '{' | '-') => quote = Some((at, character)),
            (None, '[' | '{') if !brackets.is_empty() || matches!(last, '\n' | ':' | '-') => {
                brackets.push((at, character));
            }
            (None, ']' | '}') => {
                let wanted = if character == ']' { '[' } else { '{' };
                // One bracket closed by the sign of another is itself what is not closed.
                if brackets.last().is_some_and(|(_, open)| *open != wanted) {
                    break;
                }
                brackets.pop();
            }
            _ => {}
        }
        if !matches!(character, ' ' | '\t') {
            last = character;
        }
        before = character;
    }
    Open { bracket: brackets.last().copied(), quote: quote.map(|(at, _)| at) }
}

/// What to do about a value that YAML takes for something else because of its first sign, as it does with the quote of
/// `'K' || name`.
fn quoting(line: &str) -> Option<String> {
    let mut from = 0;
    loop {
        let start = value_start(line, from)?;
        let value = line[start..].split(" #").next().unwrap_or("").trim_end();
        let first = value.chars().next()?;
        let rest = if matches!(first, '\'' | '"') { behind_quote(value, first)?.trim_start() } else { value };
        if rest.is_empty() || rest.starts_with([',', '}', ']', '#', ':']) {
            from = start + value.len() - rest.len();
            continue;
        }
        let reason = if rest.len() == value.len() {
            format!("a text cannot begin with `{first}`")
        } else {
            "YAML ends the text at its second quote".to_owned()
        };
        // Where the text ends within brackets, nobody knows before it is quoted.
        if line[..start].contains(['{', '[']) {
            return Some(format!("put the whole text in double quotes, as in `\"'a' || b\"`: {reason}"));
        }
        let quoted = if value.contains('"') && !value.contains('\'') {
            format!("'{value}'")
        } else {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        return Some(format!("put the whole text in quotes, `{}`: {reason}", batch::bounded(&quoted)));
    }
}

/// Where a value begins, at `from` or later, with a quote or a sign that YAML keeps for itself.
fn value_start(line: &str, from: usize) -> Option<usize> {
    let (mut before, mut last, mut bracket) = (' ', '-', false);
    for (at, character) in line.char_indices() {
        let sign = matches!(character, '\'' | '"' | '@' | '`' | '%' | '&' | '*' | '!');
        bracket |= matches!(character, '{' | '[');
        let begins =
            matches!(last, '{' | '[') || (last == ',' && bracket) || (matches!(last, ':' | '-') && before == ' ');
        if sign && begins && at >= from && at > 0 {
            return Some(at);
        }
        if character != ' ' {
            last = character;
        }
        before = character;
    }
    None
}

/// What stands behind the quote that ends a quoted text.
fn behind_quote(value: &str, quote: char) -> Option<&str> {
    let mut rest = &value[1..];
    loop {
        let at = rest.find(|character| character == quote || (character == '\\' && quote == '"'))?;
        let after = &rest[at + 1..];
        // A single quote is doubled within, and a double one stands behind a backslash.
        rest = if rest[at..].starts_with('\\') || (quote == '\'' && after.starts_with('\'')) {
            let next = after.chars().next()?;
            &after[next.len_utf8()..]
        } else {
            return Some(after);
        };
    }
}
