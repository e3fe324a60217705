//! Days and moments, by counting years, months and days.

use batch::Type;

use super::numbers::{BIGINT, as_bigint, number};
use super::reference::{LOST, Made, Maker, NO_MOMENT, fine, quoted, text};
use crate::value::Value;

pub(super) const NANOSECONDS_OF_DAY: i128 = 86_400_000_000_000;

/// Days from 1970-01-01 to the ends of what has a name: the years -262143 and 262142.
const NAMED_DAYS: std::ops::RangeInclusive<i64> = -96_465_292..=95_026_236;

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day, by walking from 1970; cycles of 400 years, which are alike, at a stride.
fn civil(days: i64) -> (i64, i64, i64) {
    const CYCLE: i64 = 146_097;
    let mut year = 1970 + 400 * days.div_euclid(CYCLE);
    let mut rest = days.rem_euclid(CYCLE);
    while rest >= 365 + i64::from(leap(year)) {
        rest -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    while rest >= length(year, month) {
        rest -= length(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

/// Days since 1970 of a day that there is, in the years 1 to 9999.
fn days(year: i64, month: i64, day: i64) -> Option<i32> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > length(year, month) {
        return None;
    }
    let years: i64 = if year >= 1970 {
        (1970..year).map(|year| 365 + i64::from(leap(year))).sum()
    } else {
        -(year..1970).map(|year| 365 + i64::from(leap(year))).sum::<i64>()
    };
    let months: i64 = (1..month).map(|month| length(year, month)).sum();
    i32::try_from(years + months + day - 1).ok()
}

/// Reads a text of digits in the places where `pattern` has letters, such as `YYYY-MM-DD`.
fn by_places(given: &str, pattern: &str) -> Option<i32> {
    let (given, pattern) = (given.as_bytes(), pattern.as_bytes());
    let (mut year, mut month, mut day) = (0, 0, 0);
    if given.len() != pattern.len() {
        return None;
    }
    for (byte, sign) in given.iter().zip(pattern) {
        let part = match sign {
            b'Y' => &mut year,
            b'M' => &mut month,
            b'D' => &mut day,
            sign if sign == byte => continue,
            _ => return None,
        };
        *part = *part * 10 + i64::from(char::from(*byte).to_digit(10)?);
    }
    days(year, month, day)
}

pub(super) fn parse_day(given: &str) -> Option<i32> {
    by_places(given, "YYYY-MM-DD")
}

/// A day as `YYYY-MM-DD`; outside of four digits the year has a sign. What has no name fits no text.
pub(super) fn date_text(days: i32) -> Result<String, &'static str> {
    if !NAMED_DAYS.contains(&i64::from(days)) {
        return Err(LOST);
    }
    let (year, month, day) = civil(i64::from(days));
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+05}") };
    Ok(format!("{year}-{month:02}-{day:02}"))
}

fn date(value: &Value) -> i32 {
    if let Value::Date(days) = value { *days } else { panic!("{value:?} is no date") }
}

fn timestamp(value: &Value) -> i64 {
    if let Value::Timestamp(units) = value { *units } else { panic!("{value:?} is no timestamp") }
}

fn wall() -> Type {
    Type::Timestamp { digits: 6, zone: None }
}

fn instant_of(digits: u8) -> Type {
    Type::Timestamp { digits, zone: Some("UTC".into()) }
}

/// Formats of fixed width, as `strftime` and by places.
const FORMATS: [(&str, &str); 4] =
    [("%Y%m%d", "YYYYMMDD"), ("%Y-%m-%d", "YYYY-MM-DD"), ("%m/%d/%Y", "MM/DD/YYYY"), ("%d.%m.%Y", "DD.MM.YYYY")];

impl Maker<'_, '_> {
    pub(super) fn moment(&mut self) -> Made {
        if self.below(3) == 0 { self.timestamp() } else { self.date() }
    }

    pub(super) fn date(&mut self) -> Made {
        if self.leaf() {
            return match self.below(3) {
                0 => Made::new("date '2020-02-29'", Type::Date, |_| fine(Value::Date(18_321))),
                _ => Made::column("day"),
            };
        }
        match self.below(7) {
            0 | 1 => {
                let (given, days) = (self.date(), as_bigint(&self.whole_number()));
                let sum = |days: &Value, count: &Value, sign: i64| {
                    let sum = num_bigint::BigInt::from(date(days)) + number(count).0 * sign;
                    i32::try_from(sum).map(|days| Some(Value::Date(days))).map_err(|_| LOST)
                };
                match self.below(3) {
                    0 => Made::call("date_add_days", Type::Date, &[&given, &days], move |values| {
                        sum(&values[0], &values[1], 1)
                    }),
                    1 => Made::apply(
                        format!("({} + {})", given.text, days.text),
                        Type::Date,
                        &[&given, &days],
                        move |values| sum(&values[0], &values[1], 1),
                    ),
                    _ => Made::apply(
                        format!("({} - {})", given.text, days.text),
                        Type::Date,
                        &[&given, &days],
                        move |values| sum(&values[0], &values[1], -1),
                    ),
                }
            }
            2 => {
                let given = self.text();
                let (format, places) = self.one_of(&FORMATS);
                Made::apply(
                    format!("parse_date({}, {})", given.text, quoted(format)),
                    Type::Date,
                    &[&given],
                    move |values| {
                        by_places(text(&values[0]), places).map(|days| Some(Value::Date(days))).ok_or(NO_MOMENT)
                    },
                )
            }
            3 => self.date_of(),
            4 => {
                let first = self.date();
                self.choice(&first)
            }
            _ => self.cast_to(&Type::Date),
        }
    }

    /// A whole number: days are counted in such.
    fn whole_number(&mut self) -> Made {
        let given = self.number();
        if matches!(given.of, Type::Integer { .. }) { given } else { Made::column("tiny") }
    }

    fn date_of(&mut self) -> Made {
        let day = |nanoseconds: i128| {
            let days = nanoseconds.div_euclid(NANOSECONDS_OF_DAY);
            i32::try_from(days).map(|days| Some(Value::Date(days))).map_err(|_| LOST)
        };
        if self.below(2) == 0 {
            let given = self.wall();
            return Made::call("date_of", Type::Date, &[&given], move |values| {
                day(i128::from(timestamp(&values[0])) * 1_000)
            });
        }
        let given = self.instant();
        let Type::Timestamp { digits, .. } = given.of.clone() else { return given };
        Made::apply(format!("date_of({}, 'UTC')", given.text), Type::Date, &[&given], move |values| {
            let nanoseconds = i128::from(timestamp(&values[0])) * 10_i128.pow(9 - u32::from(digits));
            named(nanoseconds)?;
            day(nanoseconds)
        })
    }

    pub(super) fn timestamp(&mut self) -> Made {
        if self.below(2) == 0 { self.wall() } else { self.instant() }
    }

    /// A reading of clocks in microseconds.
    pub(super) fn wall(&mut self) -> Made {
        if self.leaf() {
            return match self.below(3) {
                0 => Made::new("timestamp '2021-01-04T00:00:00'", wall(), |_| {
                    fine(Value::Timestamp(1_609_718_400_000_000))
                }),
                _ => Made::column("at"),
            };
        }
        if self.below(2) == 0 {
            let first = self.wall();
            return self.choice(&first);
        }
        self.cast_to(&wall())
    }

    /// An instant in thousandths or millionths of a second.
    pub(super) fn instant(&mut self) -> Made {
        if self.leaf() {
            return Made::column("seen");
        }
        match self.below(3) {
            0 => {
                let first = self.instant();
                self.choice(&first)
            }
            1 => {
                let given = self.wall();
                Made::apply(format!("at_zone({}, 'UTC')", given.text), instant_of(6), &[&given], |values| {
                    named(i128::from(timestamp(&values[0])) * 1_000)?;
                    fine(values[0].clone())
                })
            }
            _ => {
                let digits = self.one_of(&[0, 3, 6, 9]);
                self.cast_to(&instant_of(digits))
            }
        }
    }

    pub(super) fn part_of_day(&mut self) -> Made {
        if self.below(3) == 0 {
            let (later, earlier) = (self.date(), self.date());
            let run = |values: &[Value]| {
                fine(Value::Number((i64::from(date(&values[0])) - i64::from(date(&values[1]))).into(), 0))
            };
            if self.below(2) == 0 {
                return Made::call("date_diff_days", BIGINT, &[&later, &earlier], run);
            }
            return Made::apply(format!("({} - {})", later.text, earlier.text), BIGINT, &[&later, &earlier], run);
        }
        let given = self.date();
        let name = self.one_of(&["year", "month", "day"]);
        Made::call(name, BIGINT, &[&given], move |values| {
            let days = i64::from(date(&values[0]));
            if !NAMED_DAYS.contains(&days) {
                return Err(NO_MOMENT);
            }
            let (year, month, day) = civil(days);
            let part = match name {
                "year" => year,
                "month" => month,
                _ => day,
            };
            fine(Value::Number(part.into(), 0))
        })
    }

    pub(super) fn day_as_text(&mut self) -> Made {
        let given = self.date();
        let (format, places) = self.one_of(&FORMATS);
        Made::apply(format!("format_date({}, {})", given.text, quoted(format)), Type::Text, &[&given], move |values| {
            // Year, month and day from how the day is written.
            let written = date_text(date(&values[0]))?;
            let (rest, day) = written.rsplit_once('-').expect("a day");
            let (year, month) = rest.rsplit_once('-').expect("a month");
            fine(Value::Text(places.replace("YYYY", year).replace("MM", month).replace("DD", day)))
        })
    }
}

/// Whether a moment lies in the years that have names.
fn named(nanoseconds: i128) -> Result<(), &'static str> {
    let days = nanoseconds.div_euclid(NANOSECONDS_OF_DAY);
    i64::try_from(days).ok().filter(|days| NAMED_DAYS.contains(days)).map(|_| ()).ok_or(LOST)
}
