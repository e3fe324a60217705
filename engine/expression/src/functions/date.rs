//! Functions of dates and timestamps. Formats and zones are literals, compiled once.

use std::borrow::Cow;

use arrow::datatypes::{DataType, Date32Type, Int64Type};
use batch::Type;
use chrono::Datelike;

use super::{Call, argument, literal, zone};
use crate::calendar::{self, Format, NOT_A_DATE, OUT_OF_RANGE};
use crate::cast::{nanoseconds, timestamps};
use crate::check::Checker;
use crate::column::{Arguments, Outcome, numbers, texts};
use crate::tree::{Node, Operation};

fn wall() -> Type {
    Type::Timestamp { digits: 6, zone: None }
}

fn instant() -> Type {
    Type::Timestamp { digits: 6, zone: Some("UTC".into()) }
}

fn format(checker: &mut Checker<'_>, call: &Call) -> Option<Format> {
    let written = literal(checker, call, 1, "format")?;
    let format = Format::compile(&written).filter(|format| call.name != "format_date" || format.writes_days());
    if format.is_none() {
        let span = call.arguments.get(1)?.1.clone();
        let remedy = "formats are those of strftime, such as '%Y-%m-%d'; a date has no %H, %M or %S";
        return checker.error("E3306", &span, "this is no format for it".to_owned(), remedy);
    }
    let format = format?;
    let (good, what) = if call.name == "format_date" {
        (format.says_something(), "this format is the same for every date")
    } else {
        (format.names_a_date(), "this format does not name a whole date")
    };
    if !good {
        let span = call.arguments.get(1)?.1.clone();
        let general = "parts of a date are written with `%`: '%m/%d/%Y' for 01/31/2024, '%Y%m%d' for 20240131";
        let remedy = in_strftime(&written)
            .or_else(|| of_a_month(checker, call, &written))
            .map_or_else(|| general.to_owned(), |ours| format!("{ours}; {general}"));
        return checker.error("E3306", &span, what.to_owned(), &remedy);
    }
    if call.name == "parse_timestamp" && format.names_an_offset() {
        let span = call.arguments.get(1)?.1.clone();
        let remedy = "cut the offset off and say the zone with `at_zone`, or read the text with `to_timestamp`";
        let what = "this format names an offset, which a reading of a clock has not";
        return checker.error("E3306", &span, what.to_owned(), remedy);
    }
    Some(format)
}

/// The same format in strftime's signs, if it is one of databases or of Java: `YYYY-MM-DD HH24:MI:SS`.
fn in_strftime(written: &str) -> Option<String> {
    // Who has no large letters for the month has no minutes either, or they stand behind the hours.
    let months = if written.contains("MM") { ("MM", "%m") } else { ("mm", "%m") };
    let parts = [
        ("YYYY", "%Y"),
        ("yyyy", "%Y"),
        ("HH24", "%H"),
        ("HH", "%H"),
        ("MI", "%M"),
        ("SS", "%S"),
        ("ss", "%S"),
        ("DD", "%d"),
        ("dd", "%d"),
        months,
        ("mm", "%M"),
    ];
    let ours = parts.iter().fold(written.to_owned(), |ours, (theirs, sign)| ours.replace(theirs, sign));
    let is_other = !written.contains('%') && !ours.replace('%', "").contains("mm");
    let known = Format::compile(&ours).filter(|format| is_other && format.says_something());
    known.map(|_| format!("write '{ours}'"))
}

/// What to do where a format of `parse_date` names a month and no day.
fn of_a_month(checker: &Checker<'_>, call: &Call, written: &str) -> Option<String> {
    let with_day = format!("{written}%d");
    let whole = call.name == "parse_date" && Format::compile(&with_day).is_some_and(|format| format.names_a_date());
    let of = checker.written(&call.arguments.first()?.1);
    whole.then(|| format!("a month becomes its first day by `parse_date({of} || '01', '{with_day}')`"))
}

pub(super) fn parse_date(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (given, format) = (argument(checker, call, 0, &Type::Text), format(checker, call));
    let format = format?;
    let operation = Operation::new(move |arguments| {
        let given = arguments.text(0);
        numbers::<Date32Type>(arguments.count, &DataType::Date32, |row| {
            given.get(row).map(|text| format.parse_date(text)).transpose()
        })
    });
    Some(checker.apply(Type::Date, operation, vec![given?], &call.span))
}

pub(super) fn format_date(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (given, format) = (argument(checker, call, 0, &Type::Date), format(checker, call));
    let format = format?;
    let operation = Operation::new(move |arguments| {
        let given = arguments.number::<Date32Type>(0);
        texts(arguments.count, |row| {
            let Some(days) = given.get(row) else { return Ok(None) };
            format.write(days).map(|text| Some(Cow::Owned(text))).ok_or(OUT_OF_RANGE)
        })
    });
    Some(checker.apply(Type::Text, operation, vec![given?], &call.span))
}

pub(super) fn parse_timestamp(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (given, format) = (argument(checker, call, 0, &Type::Text), format(checker, call));
    let format = format?;
    let operation = Operation::new(move |arguments| {
        let given = arguments.text(0);
        timestamps(arguments.count, &wall(), |row| {
            let Some(text) = given.get(row) else { return Ok(None) };
            calendar::to_unit(format.parse_moment(text)?, 6).map(Some)
        })
    });
    Some(checker.apply(wall(), operation, vec![given?], &call.span))
}

pub(super) fn at_zone(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (node, _) = call.arguments.first()?;
    // Digits of the reading are kept.
    let digits = if let Type::Timestamp { digits, zone: None } = node.of { digits } else { 6 };
    let from = Type::Timestamp { digits, zone: None };
    let of = Type::Timestamp { digits, zone: Some("UTC".into()) };
    let (given, zone) = (argument(checker, call, 0, &from), zone(checker, call, 1));
    let (zone, made) = (zone?, of.clone());
    let operation = Operation::new(move |arguments| {
        let given = nanoseconds(arguments.values(0), &from);
        timestamps(arguments.count, &made, |row| {
            let Some(reading) = given(row) else { return Ok(None) };
            calendar::to_unit(calendar::at_zone(reading, zone)?, digits).map(Some)
        })
    });
    Some(checker.apply(of, operation, vec![given?], &call.span))
}

pub(super) fn to_timestamp(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let given = argument(checker, call, 0, &Type::Text);
    if call.arguments.len() == 1 {
        let operation = Operation::new(|arguments| {
            let given = arguments.text(0);
            timestamps(arguments.count, &instant(), |row| {
                given.get(row).map(|text| calendar::parse_timestamp(text, 6, true)).transpose()
            })
        });
        return Some(checker.apply(instant(), operation, vec![given?], &call.span));
    }
    let zone = zone(checker, call, 1)?;
    let operation = Operation::new(move |arguments| {
        let given = arguments.text(0);
        timestamps(arguments.count, &instant(), |row| {
            let Some(text) = given.get(row) else { return Ok(None) };
            let reading = calendar::parse_iso(text)?.wall()?;
            calendar::to_unit(calendar::at_zone(reading, zone)?, 6).map(Some)
        })
    });
    Some(checker.apply(instant(), operation, vec![given?], &call.span))
}

pub(super) fn date_of(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (node, span) = call.arguments.first()?.clone();
    let zone = match (&node.of, call.arguments.len()) {
        (Type::Timestamp { zone: None, .. }, 1) => None,
        (Type::Timestamp { zone: Some(_), .. }, 2) => Some(zone(checker, call, 1)?),
        (Type::Timestamp { zone: Some(_), .. }, _) => {
            let remedy = format!("write `date_of({}, zone)`", checker.written(&span));
            return checker.error("E3301", &span, "the day of an instant depends on the zone".to_owned(), &remedy);
        }
        _ => {
            let remedy = "write `date_of(timestamp)` or `date_of(instant, zone)`";
            return checker.error("E3301", &span, format!("`date_of` cannot take {} here", node.of), remedy);
        }
    };
    let of = node.of.clone();
    let operation = Operation::new(move |arguments| {
        let given = nanoseconds(arguments.values(0), &of);
        numbers::<Date32Type>(arguments.count, &DataType::Date32, |row| {
            let Some(moment) = given(row) else { return Ok(None) };
            match zone {
                Some(zone) => calendar::day_in_zone(moment, zone).map(Some),
                None => calendar::day(moment).map(Some).ok_or(OUT_OF_RANGE),
            }
        })
    });
    Some(checker.apply(Type::Date, operation, vec![node], &call.span))
}

fn part(arguments: &Arguments<'_>, part: impl Fn(chrono::NaiveDate) -> i64) -> Outcome {
    let given = arguments.number::<Date32Type>(0);
    numbers::<Int64Type>(arguments.count, &DataType::Int64, |row| {
        given.get(row).map(|days| calendar::date_of(days).map(&part).ok_or(NOT_A_DATE)).transpose()
    })
}

pub(super) fn year(arguments: &Arguments<'_>) -> Outcome {
    part(arguments, |date| i64::from(date.year()))
}

pub(super) fn month(arguments: &Arguments<'_>) -> Outcome {
    part(arguments, |date| i64::from(date.month()))
}

pub(super) fn day(arguments: &Arguments<'_>) -> Outcome {
    part(arguments, |date| i64::from(date.day()))
}

pub(super) fn add_days(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (date, days) = (argument(checker, call, 0, &Type::Date), argument(checker, call, 1, &Type::BIGINT));
    Some(checker.apply(Type::Date, crate::check::add_days(false), vec![date?, days?], &call.span))
}

pub(super) fn diff_days(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (later, earlier) = (argument(checker, call, 0, &Type::Date), argument(checker, call, 1, &Type::Date));
    Some(checker.apply(Type::BIGINT, crate::check::days_between(), vec![later?, earlier?], &call.span))
}
