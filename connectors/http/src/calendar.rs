//! Addresses by calendar: one for each day, filled into the publisher's pattern.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, NaiveDate, Weekday};
use chrono_tz::Tz;
use connect::{Fields, SourceError};
use pattern::{FieldKind, Pattern};

use crate::candidate::Candidate;
use crate::explanations::BAD_SETTING;

/// Most days of one calendar: over a hundred years. A wrong year in `from` must not fill the memory.
const MOST_DAYS: usize = 40_000;

/// Days as the topology file says them.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    pub(crate) url: Pattern,
    pub(crate) from: NaiveDate,
    pub(crate) to_days_ago: i64,
    pub(crate) step_days: u32,
    pub(crate) weekdays_only: bool,
}

impl Calendar {
    /// Every address from the first day to the last as of `today`.
    pub(crate) fn candidates(&self, today: NaiveDate) -> Result<Vec<Candidate>, SourceError> {
        let ago = Days::new(self.to_days_ago.unsigned_abs());
        let last = if self.to_days_ago < 0 { today.checked_add_days(ago) } else { today.checked_sub_days(ago) };
        let step = Days::new(u64::from(self.step_days.max(1)));
        let mut candidates = Vec::new();
        let mut next = Some(self.from);
        while let (Some(day), Some(last)) = (next, last) {
            if day > last || candidates.len() >= MOST_DAYS {
                break;
            }
            if !self.weekdays_only || !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
                candidates.push(self.candidate(day)?);
            }
            next = day.checked_add_days(step);
        }
        Ok(candidates)
    }

    /// Whether days can be filled in at all, and make an address of the web.
    pub(crate) fn check(&self) -> Result<(), SourceError> {
        let url = self.candidate(self.from)?.url;
        let is_web = url::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if is_web { Ok(()) } else { Err(bad_url(&self.url, "it is no address of the web")) }
    }

    fn candidate(&self, day: NaiveDate) -> Result<Candidate, SourceError> {
        let fields = self.fields(day)?;
        let url = self.url.fill(&fields).ok_or_else(|| bad_url(&self.url, "it cannot be filled with a day"))?;
        Ok(Candidate::new(url, &self.url, fields))
    }

    fn fields(&self, day: NaiveDate) -> Result<Fields, SourceError> {
        let mut fields = Fields::new();
        for (name, kind) in self.url.fields() {
            let value = match kind {
                FieldKind::Date => day.format("%Y-%m-%d"),
                FieldKind::Month => day.format("%Y-%m"),
                FieldKind::Text => return Err(bad_url(&self.url, &format!("the calendar cannot fill `{{{name}}}`"))),
            };
            fields.insert(name.to_string(), value.to_string());
        }
        Ok(fields)
    }
}

fn bad_url(url: &Pattern, why: &str) -> SourceError {
    SourceError::Operator {
        code: BAD_SETTING,
        what: format!("the address `{}` does not suit a calendar: {why}", url.text()),
        remedy: "use placeholders of days or months only, such as `{date:%Y%m%d}`, and no `*`".to_owned(),
    }
}

/// The zone of this name.
pub(crate) fn zone(name: &Arc<str>) -> Result<Tz, SourceError> {
    name.parse().map_err(|_| SourceError::Operator {
        code: BAD_SETTING,
        what: format!("`{name}` is no time zone"),
        remedy: "use an IANA name such as `America/New_York` or `UTC`".to_owned(),
    })
}

/// How many days ago a day was, as a calendar counts them; negative for days to come. `now` is in milliseconds since
/// 1970 UTC.
///
/// # Errors
/// [`SourceError::Operator`] if there is no such zone.
pub fn days_since(day: NaiveDate, zone_name: &Arc<str>, now: i64) -> Result<i64, SourceError> {
    Ok((today(zone(zone_name)?, now) - day).num_days())
}

/// What day it is in a zone. `now` is in milliseconds since 1970 UTC.
pub(crate) fn today(zone: Tz, now: i64) -> NaiveDate {
    DateTime::from_timestamp_millis(now).map_or(NaiveDate::MIN, |moment| moment.with_timezone(&zone).date_naive())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(url: &str) -> Calendar {
        let from = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        Calendar { url: Pattern::parse(url).unwrap(), from, to_days_ago: 1, step_days: 1, weekdays_only: true }
    }

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn days_are_filled_in_up_to_yesterday_without_weekends() {
        let found = calendar("https://a/{date:%Y_%m_%d}.zip").candidates(day(2026, 1, 7)).unwrap();
        let names: Vec<&str> = found.iter().map(|candidate| candidate.name.as_str()).collect();
        assert_eq!(names, ["2026_01_01.zip", "2026_01_02.zip", "2026_01_05.zip", "2026_01_06.zip"]);
        assert_eq!(found[0].fields["date"], "2026-01-01");
    }

    #[test]
    fn extremes_end() {
        assert!(calendar("https://a/{date:%Y%m%d}").candidates(day(2025, 12, 31)).unwrap().is_empty());
        let mut far = calendar("https://a/{date:%Y%m%d}");
        far.to_days_ago = i64::MIN;
        assert!(far.candidates(day(2026, 1, 1)).unwrap().is_empty());
        far.to_days_ago = -100_000;
        assert_eq!(far.candidates(day(2026, 1, 1)).unwrap().len(), MOST_DAYS);
    }

    #[test]
    fn placeholders_that_are_no_days_are_an_error() {
        for url in ["https://a/{class}.zip", "https://a/{date:%Y%m%d}*"] {
            assert!(calendar(url).candidates(day(2026, 1, 7)).is_err(), "{url}");
        }
    }

    #[test]
    fn today_depends_on_the_zone() {
        let just_after_midnight = 1_767_657_900_000; // 2026-01-06T00:05:00Z
        assert_eq!(today(Tz::UTC, just_after_midnight), day(2026, 1, 6));
        assert_eq!(today(Tz::America__New_York, just_after_midnight), day(2026, 1, 5));
        assert_eq!(days_since(day(2026, 1, 1), &"America/New_York".into(), just_after_midnight).unwrap(), 4);
        assert!(days_since(day(2026, 1, 1), &"Nowhere".into(), just_after_midnight).is_err());
    }
}
