//! Functions of text. Positions and lengths count characters; all fast where the text is ASCII.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Int64Array, ListBuilder, StringBuilder};
use arrow::compute::kernels::comparison;
use arrow::datatypes::{DataType, Int64Type};

use crate::column::{Arguments, Fault, INVALID, Outcome, numbers, texts};

const EMPTY_SEPARATOR: Fault = Fault::new("E4105", "the separator is empty");
pub(super) const TOO_LONG: Fault = Fault::new("E4105", "the text would be longer than 1 MiB");
/// Bound of what padding and replacing make, so that a number or a text in the data cannot exhaust the memory.
pub(super) const LONGEST: usize = 1 << 20;

/// Applies `change` to each text.
fn each(arguments: &Arguments<'_>, change: impl for<'t> Fn(&'t str) -> Cow<'t, str>) -> Outcome {
    let given = arguments.text(0);
    texts(arguments.count, |row| Ok(given.get(row).map(&change)))
}

/// Applies `cut` to each text and the characters of the optional second argument; blanks if there is none.
fn cut(arguments: &Arguments<'_>, cut: impl for<'t> Fn(&'t str, &dyn Fn(char) -> bool) -> &'t str) -> Outcome {
    let given = arguments.text(0);
    if arguments.columns.len() < 2 {
        // As SQL has it: blanks, not every white space.
        return texts(arguments.count, |row| Ok(given.get(row).map(|text| Cow::Borrowed(cut(text, &|c| c == ' ')))));
    }
    let characters = arguments.text(1);
    texts(arguments.count, |row| {
        let (Some(text), Some(characters)) = (given.get(row), characters.get(row)) else { return Ok(None) };
        Ok(Some(Cow::Borrowed(cut(text, &|character| characters.contains(character)))))
    })
}

pub(super) fn trim(arguments: &Arguments<'_>) -> Outcome {
    cut(arguments, |text, which| text.trim_matches(which))
}

pub(super) fn ltrim(arguments: &Arguments<'_>) -> Outcome {
    cut(arguments, |text, which| text.trim_start_matches(which))
}

pub(super) fn rtrim(arguments: &Arguments<'_>) -> Outcome {
    cut(arguments, |text, which| text.trim_end_matches(which))
}

pub(super) fn upper(arguments: &Arguments<'_>) -> Outcome {
    each(arguments, |text| Cow::Owned(text.to_uppercase()))
}

pub(super) fn lower(arguments: &Arguments<'_>) -> Outcome {
    each(arguments, |text| Cow::Owned(text.to_lowercase()))
}

pub(super) fn length(arguments: &Arguments<'_>) -> Outcome {
    let given = arguments.text(0);
    numbers::<Int64Type>(arguments.count, &DataType::Int64, |row| {
        Ok(given.get(row).map(|text| i64::try_from(text.chars().count()).unwrap_or(i64::MAX)))
    })
}

/// The characters from `start` (from 0) to `end`, cut to what is there.
fn slice(text: &str, start: usize, end: usize) -> &str {
    if end <= start {
        return "";
    }
    if text.is_ascii() {
        return &text[start.min(text.len())..end.min(text.len())];
    }
    let at = |position: usize| text.char_indices().nth(position).map_or(text.len(), |(at, _)| at);
    &text[at(start)..at(end)]
}

fn position(value: i64) -> usize {
    usize::try_from(value.max(0)).unwrap_or(usize::MAX)
}

pub(super) fn substring(arguments: &Arguments<'_>) -> Outcome {
    const NEGATIVE: Fault = Fault::new("E4105", "the length is negative");
    let (given, starts) = (arguments.text(0), arguments.number::<Int64Type>(1));
    let lengths = (arguments.columns.len() > 2).then(|| arguments.number::<Int64Type>(2));
    texts(arguments.count, |row| {
        let (Some(text), Some(start)) = (given.get(row), starts.get(row)) else { return Ok(None) };
        let start = start.saturating_sub(1);
        let end = match &lengths {
            None => i64::MAX,
            Some(lengths) => match lengths.get(row) {
                None => return Ok(None),
                Some(length) if length < 0 => return Err(NEGATIVE),
                Some(length) => start.saturating_add(length),
            },
        };
        Ok(Some(Cow::Borrowed(slice(text, position(start), position(end)))))
    })
}

fn end_of(arguments: &Arguments<'_>, from_left: bool) -> Outcome {
    let (given, lengths) = (arguments.text(0), arguments.number::<Int64Type>(1));
    texts(arguments.count, |row| {
        let (Some(text), Some(length)) = (given.get(row), lengths.get(row)) else { return Ok(None) };
        let whole = if text.is_ascii() { text.len() } else { text.chars().count() };
        // A negative number leaves out that many characters at the other end.
        let kept = if length < 0 {
            whole.saturating_sub(usize::try_from(length.unsigned_abs()).unwrap_or(whole))
        } else {
            position(length).min(whole)
        };
        let (start, end) = if from_left { (0, kept) } else { (whole - kept, whole) };
        Ok(Some(Cow::Borrowed(slice(text, start, end))))
    })
}

pub(super) fn left(arguments: &Arguments<'_>) -> Outcome {
    end_of(arguments, true)
}

pub(super) fn right(arguments: &Arguments<'_>) -> Outcome {
    end_of(arguments, false)
}

pub(super) fn replace(arguments: &Arguments<'_>) -> Outcome {
    let (given, from, to) = (arguments.text(0), arguments.text(1), arguments.text(2));
    texts(arguments.count, |row| {
        let (Some(text), Some(from), Some(to)) = (given.get(row), from.get(row), to.get(row)) else { return Ok(None) };
        // Only what can become too long is counted first.
        if to.len() > from.len()
            && !from.is_empty()
            && (text.len() / from.len()).saturating_mul(to.len()) > LONGEST
            && text.matches(from).count().saturating_mul(to.len() - from.len()).saturating_add(text.len()) > LONGEST
        {
            return Err(TOO_LONG);
        }
        Ok(Some(match from.as_bytes() {
            // A single character of ASCII, as mostly, needs no search for texts.
            [one] if text.as_bytes().contains(one) => Cow::Owned(text.replace(char::from(*one), to)),
            [_, _, ..] if text.contains(from) => Cow::Owned(text.replace(from, to)),
            _ => Cow::Borrowed(text),
        }))
    })
}

pub(super) fn concat(arguments: &Arguments<'_>) -> Outcome {
    let parts: Vec<_> = (0..arguments.columns.len()).map(|position| arguments.text(position)).collect();
    texts(arguments.count, |row| {
        let parts: Option<Vec<&str>> = parts.iter().map(|part| part.get(row)).collect();
        Ok(parts.map(|parts| Cow::Owned(parts.concat())))
    })
}

pub(super) fn starts_with(arguments: &Arguments<'_>) -> Outcome {
    Outcome::boolean(comparison::starts_with(&*arguments.datum(0), &*arguments.datum(1)), arguments.count)
}

pub(super) fn ends_with(arguments: &Arguments<'_>) -> Outcome {
    Outcome::boolean(comparison::ends_with(&*arguments.datum(0), &*arguments.datum(1)), arguments.count)
}

pub(super) fn contains(arguments: &Arguments<'_>) -> Outcome {
    Outcome::boolean(comparison::contains(&*arguments.datum(0), &*arguments.datum(1)), arguments.count)
}

pub(super) fn strpos(arguments: &Arguments<'_>) -> Outcome {
    let (given, sought) = (arguments.text(0), arguments.text(1));
    let values: Int64Array = (0..arguments.count)
        .map(|row| {
            let (text, sought) = (given.get(row)?, sought.get(row)?);
            let found = text.find(sought).map_or(0, |at| text[..at].chars().count() + 1);
            i64::try_from(found).ok()
        })
        .collect();
    Outcome::fine(Arc::new(values))
}

pub(super) fn split(arguments: &Arguments<'_>) -> Outcome {
    let (given, separators) = (arguments.text(0), arguments.text(1));
    let mut builder = ListBuilder::with_capacity(StringBuilder::new(), arguments.count);
    let mut faults = Vec::new();
    for row in 0..arguments.count {
        match (given.get(row), separators.get(row)) {
            (Some(_), Some("")) => {
                faults.push((row, EMPTY_SEPARATOR));
                builder.append_null();
            }
            // Nothing holds no parts.
            (Some(""), Some(_)) => builder.append(true),
            (Some(text), Some(separator)) => builder.append_value(text.split(separator).map(Some)),
            _ => builder.append_null(),
        }
    }
    Outcome { values: Arc::new(builder.finish()), faults }
}

pub(super) fn split_part(arguments: &Arguments<'_>) -> Outcome {
    let (given, separators, places) = (arguments.text(0), arguments.text(1), arguments.number::<Int64Type>(2));
    texts(arguments.count, |row| {
        let (Some(text), Some(separator), Some(place)) = (given.get(row), separators.get(row), places.get(row)) else {
            return Ok(None);
        };
        if separator.is_empty() {
            return Err(EMPTY_SEPARATOR);
        }
        let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1)).ok_or(INVALID)?;
        Ok(Some(Cow::Borrowed(text.split(separator).nth(place).unwrap_or_default())))
    })
}

fn pad(arguments: &Arguments<'_>, from_left: bool) -> Outcome {
    let (given, lengths) = (arguments.text(0), arguments.number::<Int64Type>(1));
    let fills = (arguments.columns.len() > 2).then(|| arguments.text(2));
    texts(arguments.count, |row| {
        let fill = match &fills {
            None => Some(" "),
            Some(fills) => fills.get(row),
        };
        let (Some(text), Some(length), Some(fill)) = (given.get(row), lengths.get(row), fill) else { return Ok(None) };
        let (length, whole) = (position(length), text.chars().count());
        if length > LONGEST {
            return Err(TOO_LONG);
        }
        if whole >= length {
            return Ok(Some(Cow::Borrowed(slice(text, 0, length))));
        }
        let padding: String = fill.chars().cycle().take(length - whole).collect();
        Ok(Some(Cow::Owned(if from_left { padding + text } else { text.to_owned() + &padding })))
    })
}

pub(super) fn lpad(arguments: &Arguments<'_>) -> Outcome {
    pad(arguments, true)
}

pub(super) fn rpad(arguments: &Arguments<'_>) -> Outcome {
    pad(arguments, false)
}
