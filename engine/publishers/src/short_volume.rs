//! Daily short-sale volume: FINRA's files and those of the NYSE group, which differ in nearly everything.
//!
//! FINRA: LF, short before exempt, volumes that may be fractional, a set of facilities, and a last line that is the
//! count of rows. NYSE group: CRLF, exempt *before* short from 2017-07-24 on and no exempt before, no trailer.

use chrono::NaiveDate;

use crate::chance::Chance;
use crate::ftd::symbol;
use crate::truth::{Made, Sum, Truth};

/// Millionths of a share in a share.
const MICROS: u128 = 1_000_000;

/// Makes a file of FINRA for a day. `family` is `CNMS`, `FNQC` and so on.
#[must_use]
pub fn finra(seed: u64, family: &str, date: NaiveDate, rows: u64) -> Made {
    let name = format!("{family}shvol{}.txt", date.format("%Y%m%d"));
    let mut chance = Chance::new(seed, &name);
    let mut text = String::from("Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market\n");
    let mut sum = 0;
    for number in 0..rows {
        let mut symbol = symbol(number);
        if chance.one_in(60) {
            symbol.push_str("/A");
        }
        let short = chance.below(900_000);
        let exempt = chance.below(short / 50 + 1);
        let total = short + chance.below(1_200_000);
        let mut micros = u128::from(short) * MICROS;
        let mut fraction = String::new();
        if chance.one_in(20) {
            let millionths = 1 + chance.below(999_999);
            micros += u128::from(millionths);
            fraction = format!(".{millionths:06}");
        }
        sum += micros;
        let market = chance.pick(&["B,Q,N", "Q,N", "B,Q", "Q", "N"]);
        // The same fraction in both keeps the total above the short volume.
        let row = format!("{}|{symbol}|{short}{fraction}|{exempt}|{total}{fraction}|{market}\n", date.format("%Y%m%d"));
        text.push_str(&row);
    }
    text.push_str(&format!("{rows}\n"));
    let truth = Truth::of_rows(rows, 0, Some(Sum { column: "short_volume", value: sum, scale: 6 }));
    Made { name, bytes: text.into_bytes(), truth }
}

/// Which columns a file of the NYSE group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// To 2017-07-21: no exempt volume.
    Five,
    /// From 2017-07-24.
    Six,
}

/// Makes a file of the NYSE group for a day. `market` is `NYSE`, `ARCA` and so on; `date_in_rows` is the day that the
/// rows carry, which differed once. No rows make a file with a header only.
#[must_use]
pub fn nyse(seed: u64, market: &str, date: NaiveDate, rows: u64, columns: Columns, date_in_rows: NaiveDate) -> Made {
    let name = format!("{market}shvol{}.txt", date.format("%Y%m%d"));
    let mut chance = Chance::new(seed, &name);
    let letter = match market {
        "ARCA" => "P",
        "Amex" => "A",
        "National" => "C",
        "Chicago" => "M",
        _ => "N",
    };
    let mut text = match columns {
        Columns::Five => String::from("Date|Symbol|Short Volume|Total Volume|Market\r\n"),
        Columns::Six => String::from("Date|Symbol|Short Exempt Volume|Short Volume|Total Volume|Market\r\n"),
    };
    let mut sum = 0;
    let day = date_in_rows.format("%Y%m%d");
    for number in 0..rows {
        let mut symbol = symbol(number);
        if chance.one_in(60) {
            symbol.push_str(" PRA");
        }
        let short = chance.below(300_000);
        let exempt = chance.below(short / 40 + 1);
        // Rarely more is sold short than in all: the publisher's mistake, to be flagged and not dropped.
        let total = if chance.one_in(1_500) { short / 2 } else { short + chance.below(600_000) };
        sum += u128::from(short) * MICROS;
        let volumes = match columns {
            Columns::Five => format!("{short}|{total}"),
            Columns::Six => format!("{exempt}|{short}|{total}"),
        };
        text.push_str(&format!("{day}|{symbol}|{volumes}|{letter}\r\n"));
    }
    let truth = Truth::of_rows(rows, 0, Some(Sum { column: "short_volume", value: sum, scale: 6 }));
    Made { name, bytes: text.into_bytes(), truth }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::truth::{Outcome, day};

    fn rows(made: &Made, end: &str) -> Vec<Vec<String>> {
        let text = String::from_utf8(made.bytes.clone()).unwrap();
        let lines: Vec<&str> = text.split_terminator(end).collect();
        lines[1..].iter().map(|line| line.split('|').map(str::to_owned).collect()).collect()
    }

    #[test]
    fn finras_truth_is_what_the_bytes_say() {
        let made = finra(3, "CNMS", day(2026, 1, 5), 2_000);
        assert_eq!(made.name, "CNMSshvol20260105.txt");
        let mut rows = rows(&made, "\n");
        assert_eq!(rows.pop().unwrap(), ["2000"]);
        assert_eq!(rows.len() as u64, made.truth.rows);
        let micros = |text: &str| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            whole.parse::<u128>().unwrap() * MICROS + format!("{fraction:0<6}").parse::<u128>().unwrap()
        };
        assert_eq!(rows.iter().map(|row| micros(&row[2])).sum::<u128>(), made.truth.sum.unwrap().value);
        assert!(rows.iter().any(|row| row[2].contains('.')));
        let symbols: HashSet<&str> = rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(symbols.len(), 2_000);
    }

    #[test]
    fn the_nyse_group_has_two_shapes_and_its_odd_days() {
        let (one, next) = (day(2017, 7, 20), day(2017, 7, 21));
        let five = nyse(3, "NYSE", one, 100, Columns::Five, next);
        assert_eq!(five.name, "NYSEshvol20170720.txt");
        let rows_of_five = rows(&five, "\r\n");
        assert_eq!(rows_of_five.len(), 100);
        assert!(rows_of_five.iter().all(|row| row.len() == 5 && row[0] == "20170721" && row[4] == "N"));
        let six = nyse(3, "ARCA", next, 100, Columns::Six, next);
        let sum: u128 = rows(&six, "\r\n").iter().map(|row| row[3].parse::<u128>().unwrap()).sum();
        assert_eq!(sum * MICROS, six.truth.sum.unwrap().value);
        let empty = nyse(3, "National", next, 0, Columns::Six, next);
        assert_eq!(empty.truth.outcome, Outcome::Empty);
    }
}
