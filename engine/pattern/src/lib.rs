//! The one grammar of name patterns, for names of files, members of archives and addresses. Pure text.
//!
//! | written | stands for | its value |
//! |---|---|---|
//! | `*` | any characters, also none | |
//! | `{name}` | one or more characters but `/`, as few as will do | as found |
//! | `{name:[ab]}` | one character of the class; ranges as in `[0-9]` | as found |
//! | `{name:NYSE|ARCA}` | one of these texts | as found |
//! | `{name:%Y_%m_%d}` | a real day; any order and any text between | `YYYY-MM-DD` |
//! | `{name:%Y%m}` | a month | `YYYY-MM` |
//! | `{name:lower}`, `{name:upper}` | as `{name}`; [`Pattern::fill`] writes the value in that case | as found |
//!
//! Everything else is literal, and case matters. A name that stands twice must have the same value twice.
//! A pattern is one anchored regular expression, so matching takes time linear in the text whatever the pattern is.
//! Deliberately absent: escapes (`{{`), nested alternatives, and anything that reads a clock.

mod form;
mod misfit;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use regex::{Captures, Regex, RegexBuilder};

use form::Form;
pub use misfit::Misfit;

/// Longest pattern in bytes; addresses are far shorter.
const LENGTH_LIMIT: usize = 4096;

/// A pattern. Two are equal if they match and fill the same.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Arc<str>,
    segments: Arc<[Segment]>,
    regex: Regex,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Anything,
    Field { name: Arc<str>, form: Form, written: Arc<str> },
}

/// Kind of a field of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// `{name}` or `{name:[ab]}`.
    Text,
    /// `{name:%Y_%m_%d}`: a whole day. Its value is `YYYY-MM-DD`.
    Date,
    /// `{name:%Y%m}`: a month. Its value is `YYYY-MM`.
    Month,
}

/// Why a pattern is wrong: a byte offset in it, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// Byte offset.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > LENGTH_LIMIT {
            return Err(PatternError {
                at: LENGTH_LIMIT,
                message: format!("a pattern has at most {LENGTH_LIMIT} bytes"),
            });
        }
        let segments = segments(text)?;
        Self::build(text.into(), segments).map_err(|message| PatternError { at: 0, message })
    }

    /// The fields of a whole match, dates in their fixed form; `None` if `text` does not match.
    #[must_use]
    pub fn matches(&self, text: &str) -> Option<BTreeMap<String, String>> {
        let captures = self.regex.captures(text)?;
        let mut found = BTreeMap::new();
        let mut group = 1;
        for segment in self.segments.iter() {
            let Segment::Field { name, form, .. } = segment else { continue };
            let value = form.value(&groups(&captures, group, form.groups())?)?;
            group += form.groups();
            if let Some(earlier) = found.insert(name.to_string(), value.clone())
                && earlier != value
            {
                return None;
            }
        }
        Some(found)
    }

    /// The text with the fields put in (dates given as `YYYY-MM-DD` are written in the pattern's form). `None` if a
    /// field is missing or the pattern has a `*`.
    #[must_use]
    pub fn fill(&self, fields: &BTreeMap<String, String>) -> Option<String> {
        let mut filled = String::new();
        for segment in self.segments.iter() {
            match segment {
                Segment::Literal(text) => filled.push_str(text),
                Segment::Anything => return None,
                Segment::Field { name, form, .. } => filled.push_str(&form.written(fields.get(&**name)?)?),
            }
        }
        Some(filled)
    }

    /// The same pattern with the given fields put in as literal text; the others stay open. A value that does not
    /// suit its field, such as a text for a date, leaves the field open.
    #[must_use]
    pub fn substitute(&self, fields: &BTreeMap<String, String>) -> Self {
        let mut text = String::new();
        let mut segments: Vec<Segment> = Vec::new();
        for segment in self.segments.iter() {
            let literal = match segment {
                Segment::Literal(literal) => Some(literal.clone()),
                Segment::Field { name, form, .. } => fields.get(&**name).and_then(|value| form.written(value)),
                Segment::Anything => None,
            };
            match (literal, segments.last_mut()) {
                (Some(literal), Some(Segment::Literal(last))) => {
                    text.push_str(&literal);
                    last.push_str(&literal);
                }
                (Some(literal), _) => {
                    text.push_str(&literal);
                    segments.push(Segment::Literal(literal));
                }
                (None, _) => {
                    match segment {
                        Segment::Field { written, .. } => text.push_str(written),
                        _ => text.push('*'),
                    }
                    segments.push(segment.clone());
                }
            }
        }
        Self::build(text.into(), segments).unwrap_or_else(|_| self.clone())
    }

    /// Name and kind of each field in order of first place.
    #[must_use]
    pub fn fields(&self) -> Vec<(Arc<str>, FieldKind)> {
        let mut fields: Vec<(Arc<str>, FieldKind)> = Vec::new();
        for segment in self.segments.iter() {
            if let Segment::Field { name, form, .. } = segment
                && !fields.iter().any(|(known, _)| known == name)
            {
                fields.push((Arc::clone(name), form.kind()));
            }
        }
        fields
    }

    /// The pattern as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn build(text: Arc<str>, segments: Vec<Segment>) -> Result<Self, String> {
        let mut source = String::from(r"\A");
        for segment in &segments {
            match segment {
                Segment::Literal(literal) => source.push_str(&regex::escape(literal)),
                Segment::Anything => source.push_str("(?s:.*)"),
                Segment::Field { form, .. } => {
                    // Writing to a string cannot fail.
                    let _ = write!(source, "{}", form.regex());
                }
            }
        }
        source.push_str(r"\z");
        let regex = RegexBuilder::new(&source).size_limit(1 << 20).build().map_err(|error| error.to_string())?;
        Ok(Self { text, segments: segments.into(), regex })
    }
}

fn groups<'a>(captures: &Captures<'a>, first: usize, count: usize) -> Option<Vec<&'a str>> {
    (first..first + count).map(|index| captures.get(index).map(|group| group.as_str())).collect()
}

fn segments(text: &str) -> Result<Vec<Segment>, PatternError> {
    let mut segments = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let start = at;
        let segment = match character {
            '*' => Segment::Anything,
            '}' => return Err(PatternError { at, message: "`}` without `{`".into() }),
            '{' => {
                let inside = &text[at + 1..];
                let end = inside.find(['{', '}']).filter(|end| inside[*end..].starts_with('}'));
                let end = end.ok_or_else(|| PatternError { at, message: "`{` is not closed by `}`".into() })?;
                let field = field(&inside[..end], at + 1)?;
                check_kind(&segments, &field, at + 1)?;
                at += end + 1;
                field
            }
            other => {
                literal.push(other);
                at += other.len_utf8();
                continue;
            }
        };
        at += 1;
        if !literal.is_empty() {
            segments.push(Segment::Literal(std::mem::take(&mut literal)));
        }
        check_end(segments.last(), &segment, start)?;
        segments.push(segment);
    }
    if !literal.is_empty() {
        segments.push(Segment::Literal(literal));
    }
    Ok(segments)
}

fn field(inside: &str, at: usize) -> Result<Segment, PatternError> {
    let (name, form) = inside.split_once(':').map_or((inside, None), |(name, form)| (name, Some(form)));
    let good = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    if name.is_empty() || !name.chars().all(good) || !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        let message = "a field's name is a letter and then letters, digits, `_` or `-`".into();
        return Err(PatternError { at, message });
    }
    let form = match form {
        None => Form::Text,
        Some(form) => Form::parse(form).map_err(|message| PatternError { at: at + name.len() + 1, message })?,
    };
    Ok(Segment::Field { name: name.into(), form, written: format!("{{{inside}}}").into() })
}

/// Between a field of any characters and what takes any too there must be a text. Else the one would have a single
/// character, and documents that differ behind it would be one.
fn check_end(before: Option<&Segment>, segment: &Segment, at: usize) -> Result<(), PatternError> {
    let of_any =
        |segment: &Segment| matches!(segment, Segment::Field { form: Form::Text | Form::Lower | Form::Upper, .. });
    let open = |segment: &Segment| matches!(segment, Segment::Anything) || of_any(segment);
    let written = |segment: &Segment| match segment {
        Segment::Field { written, .. } => written.to_string(),
        _ => "*".to_owned(),
    };
    let Some(before) = before.filter(|before| open(before) && open(segment)) else { return Ok(()) };
    if !of_any(before) && !of_any(segment) {
        return Ok(());
    }
    let (first, second) = (written(before), written(segment));
    let without = if of_any(before) && of_any(segment) { "" } else { ", or leave the `*` away" };
    let message = format!(
        "nothing says where `{first}` ends and `{second}` begins: write the text that stands between them{without}"
    );
    Err(PatternError { at, message })
}

/// One name has one kind, else its value would depend on which place is looked at.
fn check_kind(segments: &[Segment], field: &Segment, at: usize) -> Result<(), PatternError> {
    let Segment::Field { name, form, .. } = field else { return Ok(()) };
    let other = segments.iter().any(|segment| {
        matches!(segment, Segment::Field { name: known, form: known_form, .. }
            if known == name && known_form.kind() != form.kind())
    });
    if other {
        return Err(PatternError { at, message: format!("`{name}` stands twice and in forms of two kinds") });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
