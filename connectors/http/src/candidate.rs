//! An address that may hold a document, and the order in which addresses are asked.
//!
//! What is new comes first: addresses of the fresh window from the newest to the oldest, then all others from the
//! oldest to the newest, so that today's document never waits behind years of back-fill. Addresses of one key stay in
//! order of name, because they are versions in that order, as files of a folder are.

use std::cmp::Ordering;
use std::time::Duration;

use chrono::{Datelike, Days, NaiveDate};
use connect::Fields;
use pattern::{FieldKind, Pattern};

/// How far back "what is new" reaches where the source does not recheck.
const FRESH_DAYS: u64 = 7;

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The publisher's address.
    pub(crate) url: String,
    /// Its last part, with the query if there is one.
    pub(crate) name: String,
    /// What it says.
    pub(crate) fields: Fields,
    /// The last day that its fields speak of: the day itself or the last of the month.
    pub(crate) date: Option<NaiveDate>,
}

impl Candidate {
    pub(crate) fn new(url: String, pattern: &Pattern, fields: Fields) -> Self {
        let date = document_date(pattern, &fields);
        Self { name: last_part(&url).to_owned(), url, fields, date }
    }

    /// What tells documents of one source apart: what their addresses say, or the name itself where that is nothing.
    pub(crate) fn key(&self) -> (Fields, String) {
        (self.fields.clone(), if self.fields.is_empty() { self.name.clone() } else { String::new() })
    }

    /// True until `time` after the end of the document's day. `None` if it has no date.
    pub(crate) fn is_within(&self, time: Duration, now: i64) -> Option<bool> {
        let day_end = self.date?.checked_add_days(Days::new(1))?.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis();
        let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Some(now < day_end.saturating_add(time))
    }
}

/// The last part of an address: what follows the last `/` of its path.
pub(crate) fn last_part(url: &str) -> &str {
    let path_end = url.find(['?', '#']).unwrap_or(url.len());
    let start = url[..path_end].rfind('/').map_or(0, |slash| slash + 1);
    &url[start..]
}

fn document_date(pattern: &Pattern, fields: &Fields) -> Option<NaiveDate> {
    let dates = pattern.fields().into_iter().filter_map(|(name, kind)| {
        let value = fields.get(&*name)?;
        match kind {
            FieldKind::Text => None,
            FieldKind::Date => NaiveDate::parse_from_str(value, "%Y-%m-%d").ok(),
            FieldKind::Month => month_end(value),
        }
    });
    dates.max()
}

fn month_end(month: &str) -> Option<NaiveDate> {
    let first = NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").ok()?;
    let (year, next) = if first.month() == 12 { (first.year() + 1, 1) } else { (first.year(), first.month() + 1) };
    NaiveDate::from_ymd_opt(year, next, 1)?.pred_opt()
}

/// Puts candidates into the order in which they are asked, each address once.
pub(crate) fn order(candidates: &mut Vec<Candidate>, today: NaiveDate, recheck_for: Option<Duration>) {
    let days = recheck_for.map_or(FRESH_DAYS, |time| time.as_secs() / 86_400);
    let fresh_from = today.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN);
    let is_fresh = |candidate: &Candidate| candidate.date.is_some_and(|date| date >= fresh_from);
    candidates.sort_by(|left, right| {
        let by_key = (left.date, &left.fields).cmp(&(right.date, &right.fields));
        let by_age = match (is_fresh(left), is_fresh(right)) {
            (true, true) => by_key.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => by_key,
        };
        by_age
            .then_with(|| connect::version_order(left.name.as_bytes(), right.name.as_bytes()))
            .then_with(|| left.url.cmp(&right.url))
    });
    candidates.dedup_by(|left, right| left.url == right.url);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_keeps_its_query() {
        for (url, expected) in [
            ("https://a/b/c.zip", "c.zip"),
            ("https://a/b/download?date=2026-01-05&path=/x", "download?date=2026-01-05&path=/x"),
            ("https://a/", ""),
        ] {
            assert_eq!(last_part(url), expected);
        }
    }

    #[test]
    fn fresh_ones_come_first_newest_first_then_history_forwards() {
        let pattern = Pattern::parse("https://a/{date:%Y%m%d}*").unwrap();
        let urls = ["20260101", "20260110", "20251201", "20260109_0", "20260109", "20251101", "20260110"];
        let mut candidates: Vec<Candidate> = urls
            .iter()
            .map(|text| {
                let url = format!("https://a/{text}");
                let fields = pattern.matches(&url).unwrap();
                Candidate::new(url, &pattern, fields)
            })
            .collect();
        let today = NaiveDate::from_ymd_opt(2026, 1, 10).unwrap();
        order(&mut candidates, today, Some(Duration::from_secs(3 * 86_400)));
        let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
        assert_eq!(names, ["20260110", "20260109", "20260109_0", "20251101", "20251201", "20260101"]);
    }

    #[test]
    fn addresses_of_one_document_are_versions_by_name_as_files_are() {
        let pattern = Pattern::parse("https://a/list_{date:%Y%m%d}*.csv").unwrap();
        let names = ["list_20260106-v10.csv", "list_20260106-v9.csv", "list_20260106.csv"];
        let candidate = |name: &&str| {
            let url = format!("https://a/{name}");
            let fields = pattern.matches(&url).unwrap();
            Candidate::new(url, &pattern, fields)
        };
        let today = NaiveDate::from_ymd_opt(2026, 1, 10).unwrap();
        // Among what is new and among history alike.
        for recheck_for in [0, 30 * 86_400].map(Duration::from_secs) {
            let mut candidates: Vec<Candidate> = names.iter().map(candidate).collect();
            order(&mut candidates, today, Some(recheck_for));
            let found: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
            assert_eq!(found, ["list_20260106.csv", "list_20260106-v9.csv", "list_20260106-v10.csv"]);
        }
    }

    #[test]
    fn a_month_ends_with_its_last_day() {
        for (month, day) in [("2024-02", 29), ("2025-12", 31), ("2025-04", 30)] {
            assert_eq!(month_end(month).map(|date| date.day()), Some(day));
        }
        assert_eq!(month_end("2025-13"), None);
    }
}
