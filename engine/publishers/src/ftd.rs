//! The SEC's fails-to-deliver files: one zip for each half month.
//!
//! The member is `|`-separated text with one header, LF, Windows-1252 bytes, no quoting, and two trailers (count and
//! sum). Some descriptions hold the separator, some end in blanks, some prices are `.`. Half `a` has the settlement
//! days 1 to 14, half `b` the rest. Rows are sorted by date, then CUSIP; a pair of them stands once.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate, Weekday};

use crate::archive::zip_of;
use crate::chance::Chance;
use crate::truth::{Made, Outcome, Sum, Truth};

/// Half of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Days 1 to 14.
    A,
    /// Days 15 to the last.
    B,
}

/// How a file differs from a plain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The count trailer says one row too many.
    pub wrong_trailer: bool,
    /// So many rows have a settlement date that does not exist.
    pub dead_rows: u64,
    /// 1 for the first publication. From 2 on some quantities differ and the last row is withdrawn.
    pub revision: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { wrong_trailer: false, dead_rows: 0, revision: 1 }
    }
}

const HEADER: &str = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE\n";
/// Of so many rows one differs between two revisions.
const CHANGED_ONE_IN: u64 = 1_000;
const FIRST_WORDS: [&str; 12] = [
    "ALDER",
    "BRISTLE",
    "COPPERFIELD",
    "DUNMORE",
    "EASTWICK",
    "FERNHILL",
    "GRANITE BAY",
    "HOLLOWAY",
    "IRONWOOD",
    "JUNIPER",
    "KESTREL",
    "LARKSPUR",
];
const SECOND_WORDS: [&str; 8] = [
    "HOLDINGS INC",
    "CORP COM",
    "PLC ORD",
    "TRUST UNITS",
    "INDUSTRIES LTD",
    "BANCORP",
    "ENERGY PARTNERS",
    "ETF SHARES",
];

/// Makes the file of half a month. `period` is the year and the month.
#[must_use]
pub fn ftd(seed: u64, period: (i32, u32), half: Half, rows: u64, options: Options) -> Made {
    let letter = if half == Half::A { 'a' } else { 'b' };
    let stem = format!("cnsfails{:04}{:02}{letter}", period.0, period.1);
    let days = settlement_days(period, half);
    let per_day = rows.div_ceil((days.len() as u64).max(1)).max(1);
    // The same rows in every revision; what differs is decided by numbers of its own.
    let mut chance = Chance::new(seed, &stem);
    let mut changes = Chance::new(seed, &format!("{stem} revision {}", options.revision));
    let withdrawn = u64::from(options.revision > 1);
    let mut text = HEADER.as_bytes().to_vec();
    let (mut landed, mut dead, mut landed_sum, mut trailer_sum) = (0, 0, 0, 0);
    for number in 0..rows {
        let bound = if chance.one_in(50) { 5_000_000 } else { 20_000 };
        let mut quantity = 1 + chance.below(bound);
        let tail = tail_of_row(&mut chance, number % per_day);
        if options.revision > 1 && (number == 0 || changes.one_in(CHANGED_ONE_IN)) {
            quantity += 1 + changes.below(500);
        }
        if number + withdrawn >= rows {
            break;
        }
        let day = days.get((number / per_day) as usize).copied().unwrap_or_default();
        let mut date = day.format("%Y%m%d").to_string();
        trailer_sum += quantity;
        if number < options.dead_rows {
            date = format!("{}30", &date[..4]) + "02";
            dead += 1;
        } else {
            landed += 1;
            landed_sum += u128::from(quantity);
        }
        let (cusip, symbol) = (cusip(number % per_day), symbol(number % per_day));
        text.extend_from_slice(format!("{date}|{cusip}|{symbol}|{quantity}|").as_bytes());
        text.extend_from_slice(&tail);
    }
    let count = landed + dead + u64::from(options.wrong_trailer);
    let trailer = format!("Trailer record count {count}\nTrailer total quantity of shares {trailer_sum}\n");
    text.extend_from_slice(trailer.as_bytes());
    let mut truth = Truth::of_rows(landed, dead, Some(Sum { column: "quantity", value: landed_sum, scale: 0 }));
    if options.wrong_trailer {
        truth.outcome = Outcome::Incomplete;
    }
    Made { name: format!("{stem}.zip"), bytes: zip_of(&format!("{stem}.txt"), &text), truth }
}

/// Description and price, with the publisher's oddities.
fn tail_of_row(chance: &mut Chance, security: u64) -> Vec<u8> {
    let words = (FIRST_WORDS[(security % 12) as usize], SECOND_WORDS[(security / 12 % 8) as usize]);
    let mut tail = format!("{} {}", words.0, words.1).into_bytes();
    match chance.below(100) {
        // A stray separator.
        0 => tail.extend_from_slice(b" |CL A"),
        // Windows-1252: e with acute, and a curly apostrophe.
        1 => tail.extend_from_slice(b" CAF\xe9"),
        2 => tail.extend_from_slice(b" PARTNER\x92S"),
        3 => tail.extend_from_slice(b" \"B\" =?!"),
        4..=16 => tail.push(b' '),
        _ => {}
    }
    let price = chance.below(40_000);
    let price = if chance.one_in(100) { ".".to_owned() } else { format!("{}.{:02}", price / 100, price % 100) };
    tail.push(b'|');
    tail.extend_from_slice(price.as_bytes());
    tail.push(b'\n');
    tail
}

/// Weekdays of half a month.
fn settlement_days(period: (i32, u32), half: Half) -> Vec<NaiveDate> {
    let days = match half {
        Half::A => 1..=14,
        Half::B => 15..=31,
    };
    days.filter_map(|day| NaiveDate::from_ymd_opt(period.0, period.1, day))
        .filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
        .collect()
}

/// Nine characters in rising order, some of them digits only. The check digit is not a true one.
fn cusip(security: u64) -> String {
    let middle = match security % 3 {
        0 => '1',
        1 => 'A',
        _ => 'X',
    };
    format!("{security:06}{middle}{:02}", security % 97)
}

/// A ticker: four letters or five.
pub(crate) fn symbol(security: u64) -> String {
    let mut text = String::new();
    let mut rest = security;
    for _ in 0..4 {
        // Writing to a string cannot fail.
        let _written = write!(text, "{}", char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    let mut symbol: String = text.chars().rev().collect();
    if rest > 0 {
        symbol.push(char::from(b'A' + (rest % 26) as u8));
    }
    symbol
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::{Cursor, Read};

    use super::*;

    fn lines(made: &Made) -> Vec<Vec<u8>> {
        let mut archive = zip::ZipArchive::new(Cursor::new(&made.bytes)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut text = Vec::new();
        archive.by_index(0).unwrap().read_to_end(&mut text).unwrap();
        text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// Date, CUSIP and quantity of each row.
    fn rows(made: &Made) -> Vec<(String, String, u128)> {
        let lines = lines(made);
        assert_eq!(lines[0], HEADER.trim_end().as_bytes());
        let rows = &lines[1..lines.len() - 3];
        let cells = rows.iter().map(|line| line.split(|byte| *byte == b'|').map(String::from_utf8_lossy));
        cells
            .map(|mut cells| {
                let (date, cusip) = (cells.next().unwrap().into_owned(), cells.next().unwrap().into_owned());
                (date, cusip, cells.nth(1).unwrap().parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn the_truth_is_what_the_bytes_say() {
        let options = Options { dead_rows: 3, ..Options::default() };
        let made = ftd(7, (2025, 12), Half::A, 5_000, options);
        assert_eq!(made.name, "cnsfails202512a.zip");
        let rows = rows(&made);
        assert_eq!(rows.len() as u64, made.truth.rows + made.truth.dead);
        assert_eq!(rows.iter().filter(|row| row.0 == "20253002").count(), 3);
        let landed: u128 = rows.iter().filter(|row| row.0 != "20253002").map(|row| row.2).sum();
        assert_eq!(made.truth.sum.unwrap().value, landed);
        let total: u128 = rows.iter().map(|row| row.2).sum();
        let lines = lines(&made);
        assert_eq!(lines[lines.len() - 3], b"Trailer record count 5000");
        assert_eq!(lines[lines.len() - 2], format!("Trailer total quantity of shares {total}").as_bytes());
        let keys: HashSet<(&str, &str)> = rows.iter().map(|row| (row.0.as_str(), row.1.as_str())).collect();
        assert_eq!(keys.len(), 5_000);
        let sorted = rows[3..].windows(2).all(|pair| (&pair[0].0, &pair[0].1) < (&pair[1].0, &pair[1].1));
        assert!(sorted, "sorted by date and CUSIP");
    }

    #[test]
    fn oddities_are_there() {
        let text = lines(&ftd(7, (2025, 12), Half::B, 5_000, Options::default())).concat();
        for oddity in [&b" |CL A|"[..], b"CAF\xe9|", b"PARTNER\x92S|", b"|.2", b"\"B\" =?!", b" |"] {
            assert!(text.windows(oddity.len()).any(|window| window == oddity), "{}", String::from_utf8_lossy(oddity));
        }
    }

    #[test]
    fn a_revision_changes_some_rows_and_withdraws_one() {
        let first = rows(&ftd(7, (2025, 12), Half::A, 3_000, Options::default()));
        let second = ftd(7, (2025, 12), Half::A, 3_000, Options { revision: 2, ..Options::default() });
        assert_eq!(second.truth.rows, 2_999);
        let second = rows(&second);
        assert_eq!(second.len(), 2_999);
        let changed = first.iter().zip(&second).filter(|(left, right)| left != right).count();
        assert!((1..50).contains(&changed), "{changed}");
        assert!(first.iter().zip(&second).all(|(left, right)| (&left.0, &left.1) == (&right.0, &right.1)));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_odd_sizes_give_files() {
        let made = |seed, rows| ftd(seed, (2025, 2), Half::B, rows, Options::default());
        assert_eq!(made(1, 50), made(1, 50));
        assert_ne!(made(1, 50).bytes, made(2, 50).bytes);
        assert_eq!(made(1, 0).truth.rows, 0);
        assert_eq!(made(1, 1).truth.rows, 1);
        let wrong = ftd(1, (2025, 2), Half::A, 10, Options { wrong_trailer: true, ..Options::default() });
        assert_eq!(wrong.truth.outcome, Outcome::Incomplete);
        assert!(lines(&wrong).contains(&b"Trailer record count 11".to_vec()));
    }
}
