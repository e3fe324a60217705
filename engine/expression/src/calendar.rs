//! Days and times from text and back: ISO 8601 by hand, formats of `strftime` compiled once.
//!
//! Days count from 1970-01-01. A moment is in nanoseconds from its midnight or its epoch, as `i128` so that no year of
//! four digits overflows. A format of fixed-width digits (`%Y%m%d`) is read by hand; others by `chrono`.

use std::fmt::Write;

use batch::Type;
use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::column::Fault;

pub(crate) const NOT_A_DATE: Fault = Fault::new("E4102", "not a date");
pub(crate) const NOT_A_TIME: Fault = Fault::new("E4102", "not a timestamp");
pub(crate) const NO_OFFSET: Fault = Fault::new("E4102", "the timestamp has no `Z` or offset");
pub(crate) const HAS_OFFSET: Fault = Fault::new(
    "E4102",
    "the timestamp has a `Z` or offset where none is expected; `timestamp(0, UTC)` as the type takes it",
);
/// Digits and the signs between those of a date, but not as a cast reads them.
const NOT_AN_ISO_DATE: Fault =
    Fault::new("E4102", "not a date as `2026-01-31`; `parse_date(x, '%m/%d/%Y')` reads one of another form");
pub(crate) const NO_SUCH_TIME: Fault = Fault::new("E4102", "the clocks of the zone skip this time");
pub(crate) const FRACTION_LOST: Fault = Fault::new("E4104", "digits of the fraction of a second would be lost");
pub(crate) const OUT_OF_RANGE: Fault = Fault::new("E4104", "the date or time does not fit its type");

const NANOSECONDS_OF_DAY: i128 = 86_400_000_000_000;
/// Days from 0001-01-01 to 1970-01-01, for chrono's count of days.
const EPOCH: i32 = 719_163;

/// Days since 1970-01-01 of a date of the Gregorian calendar.
pub(crate) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = LENGTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)? + u32::from(month == 2 && leap);
    if year == 0 || year > 9999 || day == 0 || day > length {
        return None;
    }
    // Howard Hinnant's days_from_civil, for years from 1: years begin in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let total = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    i32::try_from(total).ok().map(|total| total - 719_468)
}

pub(crate) fn date_of(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(days.checked_add(EPOCH)?)
}

pub(crate) fn days_of(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - EPOCH
}

/// Reads `YYYY-MM-DD`.
pub(crate) fn parse_iso_date(text: &str) -> Result<i32, Fault> {
    let [a, b, c, d, b'-', e, f, b'-', g, h] = text.as_bytes() else {
        let other = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'/' | b'-' | b'.');
        let is_other = (6..=10).contains(&text.len()) && text.bytes().all(|byte| other(&byte));
        return Err(if is_other { NOT_AN_ISO_DATE } else { NOT_A_DATE });
    };
    let part = |digits: &[u8]| number(digits).ok_or(NOT_A_DATE);
    days(part(&[*a, *b, *c, *d])?, part(&[*e, *f])?, part(&[*g, *h])?).ok_or(NOT_A_DATE)
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))
}

/// A reading of date and time, and minutes east of Greenwich where the text says so.
pub(crate) struct Moment {
    /// Since 1970-01-01 00:00 of the same clock.
    pub(crate) nanoseconds: i128,
    pub(crate) offset_minutes: Option<i32>,
}

/// Reads `YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]][Z|(+|-)HH[[:]MM]]]`.
pub(crate) fn parse_iso(text: &str) -> Result<Moment, Fault> {
    let date = text.get(..10).ok_or(NOT_A_TIME)?;
    let midnight = i128::from(parse_iso_date(date).map_err(|_| NOT_A_TIME)?) * NANOSECONDS_OF_DAY;
    let rest = &text.as_bytes()[10..];
    let [b'T' | b't' | b' ', a, b, b':', c, d, rest @ ..] = rest else {
        return if rest.is_empty() {
            Ok(Moment { nanoseconds: midnight, offset_minutes: None })
        } else {
            Err(NOT_A_TIME)
        };
    };
    let part = |digits: &[u8]| number(digits).ok_or(NOT_A_TIME);
    let (hour, minute) = (part(&[*a, *b])?, part(&[*c, *d])?);
    let (mut second, mut fraction, mut rest) = (0, 0, rest);
    if let [b':', e, f, after @ ..] = rest {
        second = part(&[*e, *f])?;
        rest = after;
        if let [b'.' | b',', after @ ..] = rest {
            (fraction, rest) = parse_fraction(after)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err(NOT_A_TIME);
    }
    let time = i128::from(hour * 3600 + minute * 60 + second) * 1_000_000_000 + i128::from(fraction);
    Ok(Moment { nanoseconds: midnight + time, offset_minutes: parse_offset(rest)? })
}

/// Reads the digits after the point; more than nine only if the others are zeros.
fn parse_fraction(bytes: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(length);
    if digits.is_empty() {
        return Err(NOT_A_TIME);
    }
    let (kept, dropped) = digits.split_at(digits.len().min(9));
    if dropped.iter().any(|digit| *digit != b'0') {
        return Err(FRACTION_LOST);
    }
    let value = number(kept).ok_or(NOT_A_TIME)?;
    Ok((value * 10_u32.pow(u32::try_from(9 - kept.len()).unwrap_or(0)), rest))
}

fn parse_offset(bytes: &[u8]) -> Result<Option<i32>, Fault> {
    let (sign, a, b, minutes) = match bytes {
        [] => return Ok(None),
        [b'Z' | b'z'] => return Ok(Some(0)),
        [sign, a, b] => (sign, a, b, [b'0', b'0']),
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, a, b, [*c, *d]),
        _ => return Err(NOT_A_TIME),
    };
    let hours = number(&[*a, *b]).filter(|hours| *hours < 24).ok_or(NOT_A_TIME)?;
    let minutes = number(&minutes).filter(|minutes| *minutes < 60).ok_or(NOT_A_TIME)?;
    let total = (hours * 60 + minutes).cast_signed();
    match sign {
        b'+' => Ok(Some(total)),
        b'-' => Ok(Some(-total)),
        _ => Err(NOT_A_TIME),
    }
}

impl Moment {
    /// The instant, for text that must say its offset.
    pub(crate) fn instant(&self) -> Result<i128, Fault> {
        let minutes = self.offset_minutes.ok_or(NO_OFFSET)?;
        Ok(self.nanoseconds - i128::from(minutes) * 60_000_000_000)
    }

    /// The wall-clock reading, for text that must not.
    pub(crate) fn wall(&self) -> Result<i128, Fault> {
        if self.offset_minutes.is_some() { Err(HAS_OFFSET) } else { Ok(self.nanoseconds) }
    }
}

/// Nanoseconds of one unit of a timestamp with that many digits.
pub(crate) fn unit(digits: u8) -> i128 {
    match digits {
        0 => 1_000_000_000,
        3 => 1_000_000,
        6 => 1_000,
        _ => 1,
    }
}

/// Nanoseconds in the unit of a column, without loss.
pub(crate) fn to_unit(nanoseconds: i128, digits: u8) -> Result<i64, Fault> {
    if nanoseconds % unit(digits) != 0 {
        return Err(FRACTION_LOST);
    }
    i64::try_from(nanoseconds / unit(digits)).map_err(|_| OUT_OF_RANGE)
}

/// Reads text for a column of timestamps.
pub(crate) fn parse_timestamp(text: &str, digits: u8, instant: bool) -> Result<i64, Fault> {
    let moment = parse_iso(text)?;
    to_unit(if instant { moment.instant()? } else { moment.wall()? }, digits)
}

pub(crate) fn naive(nanoseconds: i128) -> Option<NaiveDateTime> {
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
    DateTime::from_timestamp(seconds, rest).map(|moment| moment.naive_utc())
}

/// The instant at which clocks of `zone` show `nanoseconds`: the earlier one where they show it twice.
pub(crate) fn at_zone(nanoseconds: i128, zone: Tz) -> Result<i128, Fault> {
    let shown = naive(nanoseconds).ok_or(OUT_OF_RANGE)?;
    let instant = zone.from_local_datetime(&shown).earliest().ok_or(NO_SUCH_TIME)?;
    let fraction = nanoseconds.rem_euclid(1_000_000_000);
    Ok(i128::from(instant.timestamp()) * 1_000_000_000 + fraction)
}

/// The day that clocks of `zone` show at an instant.
pub(crate) fn day_in_zone(nanoseconds: i128, zone: Tz) -> Result<i32, Fault> {
    let instant = naive(nanoseconds).ok_or(OUT_OF_RANGE)?;
    // Its table of changes need not be searched.
    let there = if zone == Tz::UTC { instant.date() } else { zone.from_utc_datetime(&instant).date_naive() };
    Ok(days_of(there))
}

pub(crate) fn midnight(days: i32) -> i128 {
    i128::from(days) * NANOSECONDS_OF_DAY
}

/// The day of a wall-clock reading.
pub(crate) fn day(nanoseconds: i128) -> Option<i32> {
    i32::try_from(nanoseconds.div_euclid(NANOSECONDS_OF_DAY)).ok()
}

/// Writes a timestamp as ISO 8601: instants in UTC with `Z`, readings without.
pub(crate) fn write_timestamp(nanoseconds: i128, of: &Type) -> Option<String> {
    let Type::Timestamp { digits, zone } = of else { return None };
    let moment = naive(nanoseconds)?;
    let mut text = moment.format("%Y-%m-%dT%H:%M:%S").to_string();
    if *digits > 0 {
        let fraction = i128::from(moment.nanosecond()) / unit(*digits);
        write!(text, ".{fraction:0width$}", width = usize::from(*digits)).ok()?;
    }
    if zone.is_some() {
        text.push('Z');
    }
    Some(text)
}

/// A compiled format of `strftime`.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    fixed: Option<Vec<Piece>>,
    items: Vec<Item<'static>>,
}

#[derive(Clone, Copy, Debug)]
enum Piece {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Byte(u8),
}

impl Format {
    /// Compiles a format, or `None` if it is none.
    pub(crate) fn compile(format: &str) -> Option<Self> {
        let items = StrftimeItems::new(format).parse_to_owned().ok()?;
        Some(Self { fixed: fixed(format), items })
    }

    /// Whether a day alone can be written with it.
    pub(crate) fn writes_days(&self) -> bool {
        self.write(0).is_some()
    }

    /// Whether the format says anything of a date, rather than being literal text.
    pub(crate) fn says_something(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Numeric(..) | Item::Fixed(_)))
    }

    /// Whether the format reads an offset from UTC or the name of a zone.
    pub(crate) fn names_an_offset(&self) -> bool {
        use chrono::format::Fixed::{
            RFC2822, RFC3339, TimezoneName, TimezoneOffset, TimezoneOffsetColon, TimezoneOffsetColonZ,
            TimezoneOffsetDoubleColon, TimezoneOffsetTripleColon, TimezoneOffsetZ,
        };
        let is_offset = |item: &Item<'_>| {
            matches!(
                item,
                Item::Fixed(
                    TimezoneName
                        | TimezoneOffset
                        | TimezoneOffsetColon
                        | TimezoneOffsetColonZ
                        | TimezoneOffsetDoubleColon
                        | TimezoneOffsetTripleColon
                        | TimezoneOffsetZ
                        | RFC2822
                        | RFC3339
                )
            )
        };
        self.items.iter().any(is_offset)
    }

    /// Whether a text of this format names a whole date: one that is written with it is read again.
    pub(crate) fn names_a_date(&self) -> bool {
        // A Tuesday whose year, month and day cannot be taken for each other.
        let Some(sample) = NaiveDate::from_ymd_opt(2031, 11, 25).and_then(|day| day.and_hms_opt(22, 33, 44)) else {
            return false;
        };
        let mut text = String::new();
        let written = write!(text, "{}", sample.and_utc().format_with_items(self.items.iter()));
        written.is_ok() && self.parse_date(&text) == Ok(days_of(sample.date()))
    }

    pub(crate) fn write(&self, days: i32) -> Option<String> {
        let mut text = String::new();
        write!(text, "{}", date_of(days)?.format_with_items(self.items.iter())).ok()?;
        Some(text)
    }

    pub(crate) fn parse_date(&self, text: &str) -> Result<i32, Fault> {
        if let Some(pieces) = &self.fixed {
            return parse_fixed(pieces, text).map(|(days, _)| days).ok_or(NOT_A_DATE);
        }
        let date = self.parsed(text).and_then(|parsed| parsed.to_naive_date().ok()).ok_or(NOT_A_DATE)?;
        if (1..=9999).contains(&date.year()) { Ok(days_of(date)) } else { Err(NOT_A_DATE) }
    }

    /// Reads a wall-clock reading; a format without a time gives midnight.
    pub(crate) fn parse_moment(&self, text: &str) -> Result<i128, Fault> {
        if let Some(pieces) = &self.fixed {
            let (days, seconds) = parse_fixed(pieces, text).ok_or(NOT_A_TIME)?;
            return Ok(midnight(days) + i128::from(seconds) * 1_000_000_000);
        }
        let parsed = self.parsed(text).ok_or(NOT_A_TIME)?;
        let date = parsed.to_naive_date().map_err(|_| NOT_A_TIME)?;
        let has_time = parsed.hour_div_12().is_some() || parsed.hour_mod_12().is_some();
        let time = if has_time { parsed.to_naive_time().map_err(|_| NOT_A_TIME)? } else { NaiveTime::MIN };
        if !(1..=9999).contains(&date.year()) || time.nanosecond() >= 1_000_000_000 {
            return Err(NOT_A_TIME);
        }
        let of_day = i128::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i128::from(time.nanosecond());
        Ok(midnight(days_of(date)) + of_day)
    }

    fn parsed(&self, text: &str) -> Option<Parsed> {
        let mut parsed = Parsed::new();
        chrono::format::parse(&mut parsed, text, self.items.iter()).ok()?;
        Some(parsed)
    }
}

/// The format as pieces of fixed width, if it is of such and names a whole date.
fn fixed(format: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut bytes = format.bytes();
    let mut seen = [false; 3];
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            // chrono reads a blank as any number of them.
            if byte.is_ascii_whitespace() || !byte.is_ascii() {
                return None;
            }
            pieces.push(Piece::Byte(byte));
            continue;
        }
        pieces.push(match bytes.next()? {
            b'Y' => {
                seen[0] = true;
                Piece::Year
            }
            b'm' => {
                seen[1] = true;
                Piece::Month
            }
            b'd' => {
                seen[2] = true;
                Piece::Day
            }
            b'H' => Piece::Hour,
            b'M' => Piece::Minute,
            b'S' => Piece::Second,
            _ => return None,
        });
    }
    seen.iter().all(|seen| *seen).then_some(pieces)
}

/// Days, and seconds of the day.
fn parse_fixed(pieces: &[Piece], text: &str) -> Option<(i32, u32)> {
    let mut rest = text.as_bytes();
    let (mut year, mut month, mut day, mut hour, mut minute, mut second) = (0, 0, 0, 0, 0, 0);
    for piece in pieces {
        let (field, width) = match piece {
            Piece::Byte(byte) => {
                rest = rest.strip_prefix(&[*byte])?;
                continue;
            }
            Piece::Year => (&mut year, 4),
            Piece::Month => (&mut month, 2),
            Piece::Day => (&mut day, 2),
            Piece::Hour => (&mut hour, 2),
            Piece::Minute => (&mut minute, 2),
            Piece::Second => (&mut second, 2),
        };
        let (digits, after) = rest.split_at_checked(width)?;
        *field = number(digits)?;
        rest = after;
    }
    if !rest.is_empty() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((days(year, month, day)?, hour * 3600 + minute * 60 + second))
}
