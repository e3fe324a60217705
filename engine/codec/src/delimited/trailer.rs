//! Lines at the end of a document that are no rows: found, captured, and proven against what was read.
//!
//! Whether a line is at the end shows only when the document ends. So a line that looks like a trailer is held back, and
//! so are blank lines; a row behind a held trailer means that the document is not what it seems.

use std::collections::BTreeMap;
use std::sync::Arc;

use batch::Code;
use regex::bytes::{Regex, RegexBuilder};

use super::error::{DecodeError, refuse};
use super::format::{Format, Proof};
use super::sum::{Decimal, Sum, in_other_form, shown};

/// Whether a document's trailers agree with what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofOutcome {
    /// All trailers are there and agree.
    Proven,
    /// The format has none, or the document has none and need not have any.
    NoTrailerExpected,
    /// A trailer is not there.
    Missing {
        /// The stable code.
        code: Code,
        /// What is missing, for people.
        message: String,
    },
    /// A trailer says something else than what was read.
    Wrong {
        /// The stable code.
        code: Code,
        /// Both numbers, for people.
        message: String,
    },
}

/// Lines that may turn out to be the end.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Blank lines since the last row, and where they begin.
    pub(super) blank_lines: u64,
    pub(super) first_blank: u64,
    trailers: Vec<Vec<u8>>,
    first_trailer: u64,
    /// Line of the last trailer, or of the last row, and the row's beginning as people see it.
    last_line: u64,
    last_row: String,
    last_row_is_good: bool,
}

impl Tail {
    pub(super) fn push_blank(&mut self, line: u64) {
        if self.blank_lines == 0 {
            self.first_blank = line;
        }
        self.blank_lines += 1;
    }

    /// Holds a line, as text, that looks like a trailer; more of them than there are rules are an error.
    pub(super) fn push_trailer(&mut self, format: &Format, bytes: &[u8], line: u64) -> Result<(), DecodeError> {
        if self.trailers.is_empty() {
            self.first_trailer = line;
        }
        if self.trailers.len() == format.trailer_rules.len() {
            let wanted = self.trailers.len();
            return Err(refuse("E4207", line, &format!("more than {wanted} trailer lines, the last at line {line}")));
        }
        self.trailers.push(bytes.to_vec());
        self.last_line = line;
        Ok(())
    }

    /// Notes the last row so far, to be shown if no trailer follows it.
    pub(super) fn last_row(&mut self, line: u64, bytes: &[u8], good: bool) {
        if self.trailers.is_empty() {
            self.last_line = line;
        }
        (self.last_row, self.last_row_is_good) = (shown(bytes), good);
    }

    /// How the document ends, for a person who must tell a cut-off document from a changed trailer.
    fn ending(&self) -> String {
        match self.trailers.last() {
            Some(last) => format!("the last line ({}) is `{}`", self.last_line, shown(last)),
            None if self.last_row.is_empty() => "nothing stands behind the header".to_owned(),
            None => {
                let what = if self.last_row_is_good { "a row like the others" } else { "no row" };
                format!("the last line ({}) is {what}: `{}`", self.last_line, self.last_row)
            }
        }
    }

    /// Answers a row at `line`: nothing that was held may be a trailer.
    pub(super) fn row_follows(&self, line: u64, row: &[u8]) -> Result<(), DecodeError> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        let first = self.first_trailer;
        let row = shown(row);
        Err(refuse(
            "E4207",
            line,
            &format!("line {first} looks like a trailer, but a row follows at line {line}: `{row}`"),
        ))
    }

    /// What the trailers say and whether it agrees, at the document's end.
    pub(super) fn prove(
        &self,
        format: &Format,
        rows: u64,
        sums: &[(Arc<str>, Sum)],
    ) -> (BTreeMap<String, String>, ProofOutcome) {
        let mut captured = BTreeMap::new();
        let rules = &format.trailer_rules;
        if rules.is_empty() || (self.trailers.is_empty() && !format.settings.trailer_required) {
            return (captured, ProofOutcome::NoTrailerExpected);
        }
        let mut wrong = None;
        for (index, rule) in rules.iter().enumerate() {
            let line = self.trailers.get(index).map(Vec::as_slice);
            let Some(found) = line.and_then(|line| rule.captures(line)) else {
                let missing = if line.is_some() { "stands in another order" } else { "is missing" };
                let pattern = shown(format.settings.trailers[index].matches.as_bytes());
                let which = format!("trailer {} of {} (a line that matches `{pattern}`)", index + 1, rules.len());
                let hint = if self.trailers.is_empty() { almost(rules, &self.last_row) } else { "" };
                let message = batch::bounded(&format!("{which} {missing}; {}{hint}", self.ending()));
                return (captured, ProofOutcome::Missing { code: Code("E4211"), message });
            };
            for name in rule.capture_names().flatten() {
                if let Some(value) = found.name(name) {
                    captured.insert(name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
                }
            }
            let group = |name: &Arc<str>| found.name(name).map_or(&b""[..], |value| value.as_bytes());
            let disagreement = |proof: &Proof| match proof {
                Proof::Count { group: name } => {
                    let (claimed, found) = (group(name), Decimal::from(rows));
                    // A number of rows has no fraction: `1.234` of them are 1,234.
                    let grouped = in_other_form(claimed).is_some_and(|(number, _)| number.equals(found));
                    let told = || disagreement("rows", claimed, &Sum::default(), found, "the document has");
                    (!grouped).then(told).flatten()
                }
                Proof::Sum { column, group: name } => match sums.iter().find(|(of, _)| of == column) {
                    None => Some(format!("the document has no column {column} to add up")),
                    Some((_, sum)) => disagreement(column, group(name), sum, sum.total(), "the rows add up to"),
                },
            };
            // One line that is wrong twice says both.
            let wrongs: Vec<String> = format.settings.trailers[index].proves.iter().filter_map(disagreement).collect();
            wrong = wrong.or((!wrongs.is_empty()).then(|| wrongs.join("; ")));
        }
        match wrong {
            None => (captured, ProofOutcome::Proven),
            Some(message) => {
                let message = batch::bounded(&format!("{message}; {}", self.ending()));
                (captured, ProofOutcome::Wrong { code: Code("E4210"), message })
            }
        }
    }
}

fn disagreement(what: &str, claimed: &[u8], sum: &Sum, found: Decimal, verb: &str) -> Option<String> {
    let number = Decimal::parse(claimed);
    if number.is_some_and(|number| number.equals(found)) && sum.not_added == 0 {
        return None;
    }
    let shown = batch::excerpt(claimed, 60);
    if let (Some(first), true) = (&sum.first_not_added, number.is_some_and(|number| number.equals(found))) {
        // Both numbers would be the same and say nothing.
        let have = if sum.not_added == 1 { "row has" } else { "rows have" };
        let others = format!("the others add up to {shown}, as the trailer says");
        return Some(format!(
            "{what}: {} {have} no number that could be added, the first is {first}; {others}",
            sum.not_added
        ));
    }
    if claimed.trim_ascii().is_empty() {
        return Some(format!("{what}: the trailer says nothing where the number stands, {verb} {found}"));
    }
    let form = match in_other_form(claimed) {
        Some((meant, form)) if meant.equals(found) => {
            format!(", which with {form} is {meant}: sums are read with a decimal point and commas between thousands")
        }
        Some((meant, form)) => format!(", which with {form} is {meant}"),
        None if number.is_none() && claimed.len() > 38 && claimed.iter().all(u8::is_ascii_digit) => {
            ", a number of more digits than can be added".to_owned()
        }
        None if number.is_none() => ", which is no number".to_owned(),
        None => String::new(),
    };
    let not_added = match &sum.first_not_added {
        None => String::new(),
        Some(first) => {
            let rows = if sum.not_added == 1 { "row" } else { "rows" };
            format!("; {} {rows} could not be added, the first is {first}", sum.not_added)
        }
    };
    Some(format!("{what}: the trailer says {shown}{form}, {verb} {found}{not_added}"))
}

/// What hinders the last line from being a trailer, where that is little.
fn almost(rules: &[Regex], line: &str) -> &'static str {
    let fits = |line: &str| rules.iter().any(|rule| rule.is_match(line.as_bytes()));
    let in_any_case = |rule: &Regex| RegexBuilder::new(rule.as_str()).case_insensitive(true).build();
    let digits_alone = |line: &str| -> String {
        let signs: Vec<char> = line.chars().collect();
        let between =
            |at: usize| at > 0 && signs[at - 1].is_ascii_digit() && signs.get(at + 1).is_some_and(char::is_ascii_digit);
        signs.iter().enumerate().filter(|(at, sign)| **sign != ',' || !between(*at)).map(|(_, sign)| *sign).collect()
    };
    if fits(line.trim()) {
        ", which is one but for the blanks around it: allow them with ` *`"
    } else if rules.iter().any(|rule| in_any_case(rule).is_ok_and(|rule| rule.is_match(line.as_bytes()))) {
        ", which is one but for capital letters: begin the pattern with `(?i)`"
    } else if fits(&digits_alone(line)) {
        ", which is one but for the commas in its number: allow them with `[\\d,]+`"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delimited::tests::{decode, settings};
    use crate::delimited::{Settings, Trailer};

    fn said(what: &str, claimed: &str, found: u64) -> Option<String> {
        let verb = if what == "rows" { "the document has" } else { "the rows add up to" };
        disagreement(what, claimed.as_bytes(), &Sum::default(), Decimal::from(found), verb)
    }

    #[test]
    fn a_number_in_another_form_is_told_with_what_it_is_there() {
        let read = "sums are read with a decimal point and commas between thousands";
        let cases = [
            ("1.234", format!(", which with points between thousands is 1234: {read}")),
            ("1.234,00", format!(", which with points between thousands is 1234.00: {read}")),
            ("1234,0", format!(", which with a decimal comma is 1234.0: {read}")),
            ("1 234", format!(", which with blanks between thousands is 1234: {read}")),
            ("1\u{a0}234", format!(", which with blanks between thousands is 1234: {read}")),
            ("1'234", format!(", which with apostrophes between thousands is 1234: {read}")),
            ("-1.235", ", which with points between thousands is -1235".to_owned()),
            ("1.2345", String::new()),
            ("1,235", String::new()),
            ("all", ", which is no number".to_owned()),
            ("1.23.456", ", which is no number".to_owned()),
            (&"9".repeat(39), ", a number of more digits than can be added".to_owned()),
            ("1.234,5x", ", which is no number".to_owned()),
        ];
        for (claimed, form) in cases {
            let expected = format!(
                "b: the trailer says {}{form}, the rows add up to 1234",
                batch::excerpt(claimed.as_bytes(), 60)
            );
            assert_eq!(said("b", claimed, 1234), Some(expected), "{claimed}");
        }
        for same in ["1234", "1,234", "1234.00"] {
            assert_eq!(said("b", same, 1234), None, "{same}");
        }
    }

    /// A number of rows is a whole one, so that points in it can only stand between thousands.
    #[test]
    fn a_count_with_thousands_in_another_form_proves_the_rows() {
        let trailer = Trailer { matches: r"Total: (?<n>.*)".into(), proves: vec![Proof::Count { group: "n".into() }] };
        let totalled = Settings { trailers: vec![trailer], trailer_required: true, ..settings() };
        let rows = "1|2|3\n".repeat(1_234);
        for (count, proven) in [("1.234", true), ("1 234", true), ("1234", true), ("1.235", false), ("1,2", false)] {
            let text = format!("A|B|C\n{rows}Total: {count}\n");
            let (_, verdict) = decode(&totalled, text.as_bytes()).expect("accepted");
            assert_eq!(verdict.proof == ProofOutcome::Proven, proven, "{count}: {:?}", verdict.proof);
        }
    }

    #[test]
    fn a_line_that_is_nearly_a_trailer_is_told_with_what_is_in_the_way() {
        let trailer = |text: &str| Trailer { matches: text.into(), proves: vec![Proof::Count { group: "n".into() }] };
        let counted = |text| Settings { trailers: vec![trailer(text)], trailer_required: true, ..settings() };
        for (pattern, line, hint) in [
            (r"Count (?<n>\d+)", "COUNT 1", "but for capital letters: begin the pattern with `(?i)`"),
            (r"(?i)Count (?<n>\d+)", "COUNT 1", ""),
            (r"Count (?<n>\d+)", "Count 1,000", r"but for the commas in its number: allow them with `[\d,]+`"),
            (r"Count (?<n>\d+)", " Count 1", "but for the blanks around it: allow them with ` *`"),
            (r"Count (?<n>\d+)", "Counts 1", "no row: `Counts 1`"),
        ] {
            let (_, verdict) = decode(&counted(pattern), format!("A|B|C\n1|2|3\n{line}\n").as_bytes()).expect("read");
            match verdict.proof {
                ProofOutcome::Missing { message, .. } => assert!(message.ends_with(hint), "{line}: {message}"),
                proof => assert_eq!((proof, hint), (ProofOutcome::Proven, ""), "{line}"),
            }
        }
    }
}
