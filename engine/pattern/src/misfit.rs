//! Why a text is not one of a pattern's, in words for people: the first part of the pattern that nothing fits.

use std::fmt::Write as _;

use regex::Regex;

use crate::form::Form;
use crate::{Pattern, Segment, groups};

/// Why a text does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// How many parts of the pattern fit, from its beginning on: the more, the nearer.
    pub fits: usize,
    /// What is wrong, with pieces of the text, which may be long.
    pub why: String,
    /// True if it would fit further with letters of another case.
    pub is_of_another_case: bool,
}

impl Pattern {
    /// Why a text does not match; `None` if it does.
    #[must_use]
    pub fn misfit(&self, text: &str) -> Option<Misfit> {
        if self.matches(text).is_some() {
            return None;
        }
        if let Some(why) = self.no_value(text) {
            return Some(Misfit { fits: self.segments.len(), why, is_of_another_case: false });
        }
        // The longest beginning of the pattern that a beginning of the text fits.
        let fitting = (0..=self.segments.len()).rev().find_map(|fits| Some((fits, self.beginning(fits, text)?)));
        let (fits, end) = fitting.unwrap_or_default();
        let rest = &text[end..];
        let Some(segment) = self.segments.get(fits) else {
            let why = format!("`{rest}` is left over at its end");
            return Some(Misfit { fits, why, is_of_another_case: false });
        };
        let before = &self.segments[..fits];
        let open = |segment: &Segment| match segment {
            Segment::Anything => true,
            Segment::Field { form, .. } => matches!(form, Form::Text | Form::Lower | Form::Upper),
            Segment::Literal(_) => false,
        };
        let part = told(segment);
        let why = match (before.iter().any(open), rest) {
            (true, _) => {
                let before: String = before.iter().map(written).collect();
                format!("nothing behind `{before}` in it fits {part}")
            }
            (false, "") => format!("it ends where {part} should be"),
            (false, _) => format!("it has `{rest}` where {part} should be"),
        };
        let is_of_another_case = match segment {
            Segment::Literal(literal) => {
                !rest.contains(&**literal) && rest.to_lowercase().contains(&literal.to_lowercase())
            }
            _ => false,
        };
        let more = match self.with_anything_before_the_last(text) {
            _ if is_of_another_case => "; capitals count".to_owned(),
            Some(ending) => format!("; it would fit if the pattern ended in `{ending}`"),
            None => String::new(),
        };
        Some(Misfit { fits, why: format!("{why}{more}"), is_of_another_case })
    }

    /// How the pattern would end, if it is only its last text that stands too early in it for this text: a copy's number,
    /// or a word such as `_corrected`, stands in front of the ending.
    fn with_anything_before_the_last(&self, text: &str) -> Option<String> {
        let (last, before) = self.segments.split_last()?;
        let Segment::Literal(literal) = last else { return None };
        let ending = format!("*{literal}");
        let before: String = before.iter().map(written).collect();
        Self::parse(&format!("{before}{ending}")).ok()?.matches(text)?;
        Some(ending)
    }

    /// Why a field of a text that has the form of the pattern has no value: a day that is none, or two values.
    fn no_value(&self, text: &str) -> Option<String> {
        let captures = self.regex.captures(text)?;
        let (mut group, mut found) = (1, Vec::new());
        for segment in self.segments.iter() {
            let Segment::Field { name, form, .. } = segment else { continue };
            let (first, last) = (captures.get(group)?, captures.get(group + form.groups() - 1)?);
            let value = form.value(&groups(&captures, group, form.groups())?);
            group += form.groups();
            let Some(value) = value else {
                return Some(format!("`{}` is no real day", &text[first.start()..last.end()]));
            };
            if let Some((_, earlier)) = found.iter().find(|(known, earlier)| *known == name && *earlier != value) {
                return Some(format!("`{name}` stands in it for `{earlier}` and for `{value}`"));
            }
            found.push((name, value));
        }
        None
    }

    /// Where the first parts of the pattern end in a text that begins with them.
    fn beginning(&self, parts: usize, text: &str) -> Option<usize> {
        let mut source = String::from(r"\A");
        for segment in &self.segments[..parts] {
            match segment {
                Segment::Literal(literal) => source.push_str(&regex::escape(literal)),
                Segment::Anything => source.push_str("(?s:.*?)"),
                Segment::Field { form, .. } => {
                    // Writing to a string cannot fail.
                    let _ = write!(source, "{}", form.regex());
                }
            }
        }
        Some(Regex::new(&source).ok()?.find(text)?.end())
    }
}

/// A part of a pattern as it was written.
fn written(segment: &Segment) -> &str {
    match segment {
        Segment::Literal(literal) => literal,
        Segment::Anything => "*",
        Segment::Field { written, .. } => written,
    }
}

/// A part of a pattern, with an example where its form is of signs that not everybody reads.
fn told(segment: &Segment) -> String {
    let part = written(segment);
    let Segment::Field { form, .. } = segment else { return format!("`{part}`") };
    let example = match form {
        Form::Date(_) => form.written("2026-01-31").map(|day| format!(", a day such as `{day}`,")),
        Form::Month(_) => form.written("2026-01").map(|month| format!(", a month such as `{month}`,")),
        _ => None,
    };
    format!("`{part}`{}", example.unwrap_or_default())
}
