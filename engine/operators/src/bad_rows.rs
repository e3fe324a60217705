//! What a refusal says of a document's bad rows: the first of them by its place, and how many there are of each kind.
//!
//! Rows fail at different times: all that cannot be decoded before any that a step refuses, and the steps one after
//! another. So the first that is met is rarely the first in the document, and says little of what most rows suffer from.
//!
//! Kinds are few: what decoding and the steps' expressions of one topology can raise. Of each one row is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use batch::{Code, ReadValues};

use crate::proof::Worked;

/// Kinds that a refusal names. More do not fit into a message.
const TOLD: usize = 3;
/// Characters of the first row that are shown.
const BEGINNING: usize = 60;
/// Characters of the first row's reason, and of those of other rows, which end with a word.
const REASON: (usize, usize) = (160, 100);
/// Values that the first row's expression read and that are shown, and characters of each. A wide row is cut long before
/// the cell to blame; more than a few values hide it as well.
const READ: (usize, usize) = (3, 40);
/// Characters of a member's name.
const MEMBER: usize = 80;

/// Code, step and field.
type Kind = (Code, Arc<str>, Option<Arc<str>>);

/// The bad rows of a document.
#[derive(Debug)]
pub(crate) struct BadRows {
    /// Its name. Rows of an archive stand in members of other names.
    document: Arc<str>,
    kinds: BTreeMap<Kind, Tally>,
}

#[derive(Debug)]
struct Tally {
    count: u64,
    /// The number of the first row among all rows of the document.
    row: i64,
    told: Told,
}

/// What is said of a row.
#[derive(Debug, Default)]
struct Told {
    /// Where it stands and what is wrong with it.
    place: String,
    message: String,
    /// What was read to make the field that failed; empty if decoding refused the row.
    read: String,
    /// How the row's bytes begin, fit for a terminal; empty if they are not known.
    beginning: String,
}

impl BadRows {
    /// None yet, of the document of this name.
    pub(crate) fn of(document: &Arc<str>) -> Self {
        Self { document: Arc::clone(document), kinds: BTreeMap::new() }
    }

    /// Where a row stands: its line, or its number among all rows of a document that has no lines; then its member.
    fn place(&self, member: Option<&str>, line: u64, row: i64) -> String {
        let place = if line == 0 { format!("row {}", row + 1) } else { format!("line {line}") };
        match member.filter(|member| *member != &*self.document) {
            Some(member) => format!("{place} of {}", batch::excerpt(member.as_bytes(), MEMBER)),
            None => place,
        }
    }

    /// Takes note of the bad rows of a block.
    pub(crate) fn observe(&mut self, worked: &Worked) {
        let decode: Arc<str> = "decode".into();
        for bad in &worked.bad {
            let kind = (bad.code, Arc::clone(&decode), None);
            let place = || self.place(Some(&bad.member), bad.line, bad.row);
            let place = self.is_first(&kind, bad.row).then(place).unwrap_or_default();
            self.note(kind, 1, bad.row, || Told {
                place,
                message: bad.message.clone(),
                beginning: batch::excerpt(&bad.raw, BEGINNING),
                ..Told::default()
            });
        }
        for failed in &worked.failed {
            let (_, _, members, lines) = failed.origins.place.spread(failed.origins.len());
            for failure in &failed.failures {
                let kind = (failure.code, Arc::clone(&failed.step), failure.field.clone());
                let row = failed.origins.rows.value(failure.row);
                let member = members.is_valid(failure.row).then(|| members.value(failure.row));
                let place = || self.place(member, lines.value(failure.row), row);
                let place = self.is_first(&kind, row).then(place).unwrap_or_default();
                self.note(kind, 1, row, || Told {
                    place,
                    message: failure.message.clone(),
                    read: told_read(&failure.read),
                    beginning: batch::excerpt(failed.origins.raw.value(failure.row), BEGINNING),
                });
            }
        }
    }

    /// Takes note of `count` rows that landing would refuse, of which the first has the number `row`.
    pub(crate) fn at_landing(&mut self, code: Code, count: u64, row: i64, place: String, message: String) {
        self.note((code, "landing".into(), None), count, row, || Told { place, message, ..Told::default() });
    }

    /// True if no row of this kind is known that stands before this one.
    fn is_first(&self, kind: &Kind, row: i64) -> bool {
        self.kinds.get(kind).is_none_or(|tally| row < tally.row)
    }

    fn note(&mut self, kind: Kind, count: u64, row: i64, told: impl FnOnce() -> Told) {
        if let Some(tally) = self.kinds.get_mut(&kind) {
            tally.count += count;
            if row < tally.row {
                (tally.row, tally.told) = (row, told());
            }
            return;
        }
        self.kinds.insert(kind, Tally { count, row, told: told() });
    }

    /// True if the most frequent fault is that of text in another encoding, whose letters are known.
    pub(crate) fn of_another_encoding(&self) -> bool {
        let most = self.kinds.iter().max_by_key(|(_, tally)| tally.count);
        most.is_some_and(|((code, ..), tally)| code.0 == "E4201" && tally.told.message.contains("` in windows-1252"))
    }

    /// The first row with its reason, then the most frequent kinds with a row of each. Empty if there are none.
    pub(crate) fn told(&self) -> String {
        let Some((first, tally)) = self.kinds.iter().min_by_key(|(_, tally)| tally.row) else {
            return String::new();
        };
        let field = first.2.as_deref().map(|field| format!(" in {field}")).unwrap_or_default();
        let reason = told_reason(&tally.told.message, REASON.0);
        let are = if tally.told.place.contains(" and ") { "are" } else { "is" };
        let mut text = format!("; the first {are} {}: {}{field}: {reason}", tally.told.place, first.0);
        text.push_str(&tally.told.read);
        if !tally.told.beginning.is_empty() {
            text.push_str(&format!("; that row begins `{}`", tally.told.beginning));
        }
        let mut kinds: Vec<(&Kind, &Tally)> = self.kinds.iter().collect();
        kinds.sort_by_key(|(_, tally)| (std::cmp::Reverse(tally.count), tally.row));
        if let [(kind, _)] = kinds[..] {
            text.push_str(&format!("; all for {}", named(kind)));
            return text;
        }
        for (kind, tally) in kinds.iter().take(TOLD) {
            text.push_str(&format!("; {} for {}", tally.count, named(kind)));
            if *kind != first {
                let reason = told_reason(&tally.told.message, REASON.1);
                text.push_str(&format!(", such as {}: {reason}", tally.told.place));
            }
        }
        if let Some(more) = kinds.len().checked_sub(TOLD).filter(|more| *more > 0) {
            text.push_str(&format!("; and {}", batch::counted(more as u64, "more kind")));
        }
        text
    }
}

/// The beginning of a reason, to the end of a word.
fn told_reason(message: &str, most: usize) -> String {
    let text = batch::excerpt(message.as_bytes(), most);
    match text.strip_suffix('…').and_then(|cut| cut.rsplit_once(' ')) {
        Some((whole, _)) => format!("{whole} …"),
        None => text,
    }
}

/// The cells that an expression read: the one to blame is among them, wherever it stands in its row.
fn told_read(read: &ReadValues) -> String {
    let cells = read.iter().take(READ.0).map(|(name, value)| match value {
        Some(value) => {
            format!("{} = `{}`", batch::excerpt(name.as_bytes(), READ.1), batch::excerpt(value.as_bytes(), READ.1))
        }
        None => format!("{} = null", batch::excerpt(name.as_bytes(), READ.1)),
    });
    let cells: Vec<String> = cells.collect();
    if cells.is_empty() { String::new() } else { format!(" (it read {})", cells.join(", ")) }
}

fn named((code, step, field): &Kind) -> String {
    let field = field.as_deref().map(|field| format!(" in {field}")).unwrap_or_default();
    format!("{code} at {step}{field}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::UInt64Array;
    use batch::{Batch, Code, DocumentId, Failed, Origins, Place, ReadValues, RowFailure};
    use telemetry::Counts;

    use super::BadRows;
    use crate::BadRow;
    use crate::proof::Worked;
    use crate::samples::{names, placed};

    /// Origins of rows with these numbers; row 0 stands in line 2.
    fn origins(rows: &[i64]) -> Origins {
        let places: Vec<(i64, i64)> = rows.iter().map(|row| (*row, 0)).collect();
        let batch: Batch = placed(&[("a", names(&vec!["x"; rows.len()]))], &places);
        let lines: UInt64Array = rows.iter().map(|row| Some(row.cast_unsigned() + 2)).collect();
        let id = Arc::new(DocumentId { key: "feed/one".into(), version: 1 });
        let place = Place::Document { id, member: "one".into(), lines };
        Origins { place, ..batch.origins().clone() }
    }

    fn failed(step: &str, code: &'static str, field: &str, rows: &[i64]) -> Failed {
        let failure = |row| RowFailure {
            row,
            code: Code(code),
            field: Some(field.into()),
            message: "no".into(),
            read: ReadValues::default(),
        };
        Failed { step: step.into(), failures: (0..rows.len()).map(failure).collect(), origins: origins(rows) }
    }

    #[test]
    fn the_cell_that_failed_is_shown_however_wide_its_row_is() {
        let mut wide = failed("set", "E4101", "price", &[0]);
        wide.failures[0].read = ReadValues::of([
            ("price".into(), Some(format!("1,5{}", "0".repeat(60)))),
            ("unit".into(), None),
            ("third".into(), Some("c".to_owned())),
            ("fourth".into(), Some("d".to_owned())),
        ]);
        let cell = format!("price = `1,5{}…`, unit = null, third = `c`", "0".repeat(37));
        let expected = format!(
            "; the first is line 2: E4101 in price: no (it read {cell}); that row begins `0`; all for E4101 at set in price"
        );
        assert_eq!(told(&[], vec![wide]), expected);
    }

    #[test]
    fn a_reason_is_not_cut_within_a_word() {
        let number =
            "`cast(quantity as bigint)`: a whole number is written without a point and without zeros behind it";
        assert_eq!(super::told_reason(number, 64), "`cast(quantity as bigint)`: a whole number is written without a …");
        assert_eq!(super::told_reason("no", 64), "no");
    }

    fn told(bad: &[i64], failed: Vec<Failed>) -> String {
        told_of("one", bad, failed)
    }

    fn told_of(document: &str, bad: &[i64], failed: Vec<Failed>) -> String {
        let bad = bad.iter().map(|&row| BadRow {
            row,
            member: "one".into(),
            line: row.cast_unsigned() + 2,
            code: Code("E4205"),
            message: "repeated header".into(),
            raw: b"a;1.060\x1b[2J".to_vec(),
        });
        let mut rows = BadRows::of(&document.into());
        let (bad, counts) = (bad.collect(), Counts::default());
        rows.observe(&Worked { next_row: 0, rows: None, outputs: Vec::new(), bad, failed, counts });
        rows.told()
    }

    #[test]
    fn the_first_row_is_the_first_by_its_place_and_kinds_are_told_by_their_number() {
        let cases: Vec<(&str, String, &str)> = vec![
            ("none", told(&[], vec![]), ""),
            (
                "one kind",
                told(&[3, 1], vec![]),
                "; the first is line 3: E4205: repeated header; that row begins `a;1.060\\x1b[2J`; all for E4205 at decode",
            ),
            (
                "a step's row before one that decoding met first",
                told(&[4], vec![failed("set", "E4101", "price", &[0, 1, 2])]),
                "; the first is line 2: E4101 in price: no; that row begins `0`; 3 for E4101 at set in price; 1 for E4205 at decode, such as \
                 line 6: repeated header",
            ),
            (
                "members of an archive",
                told_of("all.zip", &[4], vec![failed("set", "E4101", "price", &[0])]),
                "; the first is line 2 of one: E4101 in price: no; that row begins `0`; 1 for E4101 at set in price; 1 for E4205 at \
                 decode, such as line 6 of one: repeated header",
            ),
            (
                "a later step, an earlier row, and more kinds than are told",
                told(
                    &[9],
                    vec![
                        failed("set", "E4101", "a", &[5, 6]),
                        failed("set", "E4101", "b", &[7, 8]),
                        failed("where", "E4102", "c", &[1]),
                        failed("where", "E4102", "d", &[2]),
                    ],
                ),
                "; the first is line 3: E4102 in c: no; that row begins `1`; 2 for E4101 at set in a, such as line 7: no; 2 for E4101 at set in \
                 b, such as line 9: no; 1 for E4102 at where in c; and 2 more kinds",
            ),
        ];
        for (name, found, expected) in cases {
            assert_eq!(found, expected, "{name}");
        }
    }
}
