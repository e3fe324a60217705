//! What may stand after the colon of a field: a class, a date, a month, a case.
//!
//! A date is real or it is no date: `20210230` does not match `{date:%Y%m%d}`.

use std::fmt::Write as _;

use chrono::NaiveDate;

use crate::FieldKind;

/// The form of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Lower,
    Upper,
    /// Ranges of characters, both ends included.
    Class(Vec<(char, char)>),
    OneOf(Vec<String>),
    Date(Vec<DatePart>),
    Month(Vec<DatePart>),
}

/// A part of a date's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatePart {
    Year,
    Month,
    Day,
    Literal(char),
}

impl Form {
    /// Reads what stands after the colon; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "lower" => Ok(Self::Lower),
            "upper" => Ok(Self::Upper),
            _ if text.starts_with('[') => class(text),
            _ if text.contains('|') => one_of(text),
            _ if text.contains('%') => date(text),
            _ => Err(format!(
                "`{text}` is no form: write a date (`%Y%m%d`), a class (`[ab]`), texts (`a|b`), `lower` or `upper`"
            )),
        }
    }

    pub(crate) fn kind(&self) -> FieldKind {
        match self {
            Self::Text | Self::Lower | Self::Upper | Self::Class(_) | Self::OneOf(_) => FieldKind::Text,
            Self::Date(_) => FieldKind::Date,
            Self::Month(_) => FieldKind::Month,
        }
    }

    /// Number of groups in [`Form::regex`].
    pub(crate) fn groups(&self) -> usize {
        match self {
            Self::Text | Self::Lower | Self::Upper | Self::Class(_) | Self::OneOf(_) => 1,
            Self::Date(parts) | Self::Month(parts) => {
                parts.iter().filter(|part| !matches!(part, DatePart::Literal(_))).count()
            }
        }
    }

    pub(crate) fn regex(&self) -> String {
        match self {
            Self::Text | Self::Lower | Self::Upper => "([^/]+?)".to_owned(),
            Self::Class(ranges) => {
                let mut class = String::from("([");
                for (first, last) in ranges {
                    // As code points, so that no character has a meaning of its own. Writing cannot fail.
                    let _ = write!(class, r"\x{{{:x}}}-\x{{{:x}}}", u32::from(*first), u32::from(*last));
                }
                class.push_str("])");
                class
            }
            Self::OneOf(texts) => {
                let escaped: Vec<String> = texts.iter().map(|text| regex::escape(text)).collect();
                format!("({})", escaped.join("|"))
            }
            Self::Date(parts) | Self::Month(parts) => parts.iter().map(DatePart::regex).collect(),
        }
    }

    /// The value that stands in the groups' texts; `None` for a day that is none.
    pub(crate) fn value(&self, groups: &[&str]) -> Option<String> {
        let (Self::Date(parts) | Self::Month(parts)) = self else { return groups.first().map(|&text| text.to_owned()) };
        let (mut year, mut month, mut day) = (None, None, None);
        let places = parts.iter().filter(|part| !matches!(part, DatePart::Literal(_)));
        for (part, &text) in places.zip(groups) {
            let place = match part {
                DatePart::Year => &mut year,
                DatePart::Month => &mut month,
                _ => &mut day,
            };
            if place.replace(text).is_some_and(|earlier| earlier != text) {
                return None;
            }
        }
        let (year, month) = (year?, month?);
        match day {
            None => Some(format!("{year}-{month}")),
            Some(day) => {
                NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
                Some(format!("{year}-{month}-{day}"))
            }
        }
    }

    /// The value as this form writes it; `None` if the value does not suit.
    pub(crate) fn written(&self, value: &str) -> Option<String> {
        if value.is_empty() {
            return None;
        }
        match self {
            Self::Text => Some(value.to_owned()),
            Self::Lower => Some(value.to_lowercase()),
            Self::Upper => Some(value.to_uppercase()),
            Self::OneOf(texts) => texts.iter().any(|text| text == value).then(|| value.to_owned()),
            Self::Class(ranges) => {
                let mut characters = value.chars();
                let first = characters.next()?;
                let inside = ranges.iter().any(|(from, to)| (*from..=*to).contains(&first));
                (inside && characters.next().is_none()).then(|| value.to_owned())
            }
            Self::Date(parts) => write_date(parts, value),
            // A day is in its month, so both say which month it is.
            Self::Month(parts) if value.len() == 7 => write_date(parts, &format!("{value}-01")),
            Self::Month(parts) => write_date(parts, value),
        }
    }
}

impl DatePart {
    fn regex(&self) -> String {
        match self {
            Self::Year => r"([0-9]{4})".to_owned(),
            Self::Month => r"(0[1-9]|1[0-2])".to_owned(),
            Self::Day => r"(0[1-9]|[12][0-9]|3[01])".to_owned(),
            Self::Literal(character) => regex::escape(character.encode_utf8(&mut [0; 4])),
        }
    }
}

fn write_date(parts: &[DatePart], value: &str) -> Option<String> {
    let day = NaiveDate::parse_from_str(value, "%Y-%m-%d").ok()?;
    let fixed = day.format("%Y%m%d").to_string();
    if fixed.len() != 8 {
        return None;
    }
    let mut written = String::new();
    for part in parts {
        match part {
            DatePart::Year => written.push_str(&fixed[..4]),
            DatePart::Month => written.push_str(&fixed[4..6]),
            DatePart::Day => written.push_str(&fixed[6..]),
            DatePart::Literal(character) => written.push(*character),
        }
    }
    Some(written)
}

fn class(text: &str) -> Result<Form, String> {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inside = inside.ok_or_else(|| format!("the class `{text}` is not closed by `]`"))?;
    if inside.is_empty() || inside.starts_with('^') {
        return Err("a class lists the characters that it stands for, as in `[ab]` or `[0-9]`".to_owned());
    }
    let characters: Vec<char> = inside.chars().collect();
    let mut ranges = Vec::new();
    let mut i = 0;
    while i < characters.len() {
        let first = characters[i];
        let last = match (characters.get(i + 1), characters.get(i + 2)) {
            (Some('-'), Some(&last)) => {
                i += 3;
                last
            }
            _ => {
                i += 1;
                first
            }
        };
        if last < first || first == '/' {
            return Err(format!("`{first}-{last}` is no range of characters"));
        }
        ranges.push((first, last));
    }
    Ok(Form::Class(ranges))
}

fn one_of(text: &str) -> Result<Form, String> {
    let texts: Vec<String> = text.split('|').map(str::to_owned).collect();
    if texts.iter().any(|text| text.is_empty() || text.contains(['/', '*'])) {
        return Err(format!("`{text}`: each of the texts has at least one character, and no `/` or `*`"));
    }
    Ok(Form::OneOf(texts))
}

fn date(text: &str) -> Result<Form, String> {
    let mut parts = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '%' => match characters.next() {
                Some('Y') => DatePart::Year,
                Some('m') => DatePart::Month,
                Some('d') => DatePart::Day,
                _ => return Err(format!("`{text}` may hold `%Y`, `%m` and `%d` only")),
            },
            literal => DatePart::Literal(literal),
        });
    }
    let has = |wanted: &DatePart| parts.contains(wanted);
    match (has(&DatePart::Year), has(&DatePart::Month), has(&DatePart::Day)) {
        (true, true, true) => Ok(Form::Date(parts)),
        (true, true, false) => Ok(Form::Month(parts)),
        _ => Err(format!("`{text}` is neither a day (`%Y`, `%m`, `%d`) nor a month (`%Y`, `%m`)")),
    }
}
