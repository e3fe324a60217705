//! What a reader of the archives must find in them.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Read};

use super::*;
use crate::truth::day;

/// Header and rows of the one member. Enough of CSV for what is made here: quotes, but none inside a cell.
fn rows(made: &Made) -> (String, Vec<String>, Vec<Vec<String>>) {
    let mut archive = zip::ZipArchive::new(Cursor::new(&made.bytes)).unwrap();
    let mut member = archive.by_index(0).unwrap();
    let name = member.name().unwrap().into_owned();
    let mut text = String::new();
    member.read_to_string(&mut text).unwrap();
    let mut lines = text.lines().map(|line| {
        let mut cells = vec![String::new()];
        let mut is_quoted = false;
        for letter in line.chars() {
            match letter {
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => cells.push(String::new()),
                _ => cells.last_mut().unwrap().push(letter),
            }
        }
        cells
    });
    let header = lines.next().unwrap();
    (name, header, lines.collect())
}

fn column<'a>(header: &[String], rows: &'a [Vec<String>], name: &str) -> Vec<&'a str> {
    let place = header.iter().position(|column| column == name).unwrap();
    rows.iter().map(|row| row[place].as_str()).collect()
}

const FULL: Contents = Contents { fresh: 400, bad: 5, repeats: 30, conflicts: 2 };

#[test]
fn a_file_of_the_fourth_generation_reads_as_it_should() {
    let (monday, tuesday) = (day(2026, 1, 5), day(2026, 1, 6));
    for class in Class::ALL {
        let made = cumulative(1, Generation::Fourth, (Jurisdiction::Cftc, class), tuesday, Some(monday), FULL);
        let (member, header, rows) = rows(&made);
        assert_eq!(member, made.name.replace(".zip", ".csv"));
        assert_eq!(header.len(), 110);
        assert!(rows.iter().all(|row| row.len() == 110));
        assert_eq!(rows.len() as u64, made.truth.rows + made.truth.dead);
        let ids = column(&header, &rows, "Dissemination Identifier");
        assert!(ids.iter().all(|id| id.len() == 19 && id.parse::<u64>().is_ok()));
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), rows.len());
        let notionals = column(&header, &rows, "Notional amount-Leg 1");
        assert_eq!(notionals.iter().filter(|amount| **amount == "n/a").count() as u64, made.truth.dead);
        assert!(notionals.contains(&"250,000,000+"));
        let verbs: HashSet<&str> = column(&header, &rows, "Action type").into_iter().collect();
        assert_eq!(verbs, HashSet::from(["NEWT", "MODI", "CORR", "TERM", "EROR"]));
        assert!(column(&header, &rows, "Other payment amount").iter().any(|list| list.contains(';')));
        assert!(column(&header, &rows, "Expiration Date").contains(&"9999-12-31"));
    }
}

#[test]
fn repeats_are_word_for_word_and_conflicts_differ_in_the_notional() {
    let (monday, tuesday) = (day(2026, 1, 5), day(2026, 1, 6));
    let none = Contents { repeats: 0, conflicts: 0, ..FULL };
    for generation in [Generation::First, Generation::Fourth] {
        let (_, header, before) =
            rows(&cumulative(1, generation, (Jurisdiction::Sec, Class::Rates), monday, None, none));
        let (_, _, after) =
            rows(&cumulative(1, generation, (Jurisdiction::Sec, Class::Rates), tuesday, Some(monday), FULL));
        let before: HashMap<&str, &Vec<String>> = before.iter().map(|row| (row[0].as_str(), row)).collect();
        let shared = after.iter().filter_map(|row| before.get(row[0].as_str()).map(|earlier| (*earlier, row)));
        let (same, other): (Vec<_>, Vec<_>) = shared.partition(|(earlier, later)| earlier == later);
        assert_eq!((same.len() as u64, other.len() as u64), (FULL.repeats, FULL.conflicts));
        for (earlier, later) in other {
            let differing = header.iter().zip(earlier).zip(later).filter(|((_, left), right)| left != right);
            let names: Vec<String> = differing.map(|((name, _), _)| name.to_lowercase()).collect();
            assert!(!names.is_empty() && names.iter().all(|name| name.contains("notional")), "{names:?}");
        }
    }
}

#[test]
fn a_file_of_the_first_generation_reads_as_it_should() {
    let made = cumulative(1, Generation::First, (Jurisdiction::Cftc, Class::Credits), day(2026, 1, 5), None, FULL);
    assert_eq!((made.truth.rows, made.truth.dead, made.truth.repeats), (395, 5, 0));
    let (member, header, rows) = rows(&made);
    assert_eq!(member, "CREDITS_2026_01_05.csv");
    assert_eq!(header.len(), 44);
    assert!(rows.iter().all(|row| row.len() == 44));
    let verbs: HashSet<&str> = column(&header, &rows, "ACTION").into_iter().collect();
    assert_eq!(verbs, HashSet::from(["NEW", "CANCEL", "CORRECT"]));
    let amounts = column(&header, &rows, "ROUNDED_NOTIONAL_AMOUNT_1").into_iter();
    let sum: u128 =
        amounts.filter_map(|amount| amount.replace(',', "").trim_end_matches('+').parse::<u128>().ok()).sum();
    assert_eq!(made.truth.sum.unwrap().value, sum);
    // Each correct has its cancel, of the same original, at the id before.
    let cell = |row: &Vec<String>, place: usize| row[place].parse::<u64>().unwrap();
    let cancels: HashSet<(u64, u64)> =
        rows.iter().filter(|row| row[2] == "CANCEL").map(|row| (cell(row, 0), cell(row, 1))).collect();
    for row in rows.iter().filter(|row| row[2] == "CORRECT") {
        assert!(cancels.contains(&(cell(row, 0) - 1, cell(row, 1))));
    }
}

#[test]
fn amounts_have_separators() {
    for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (250_000_000, "250,000,000")] {
        assert_eq!(with_separators(number), expected);
    }
}
