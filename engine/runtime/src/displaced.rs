//! Files of different names that are versions of one document: the later one takes the place of the earlier one, and its
//! rows. That is meant of a list and its correction, and never of the lists of two publishers.

use connect::Fields;
use serde::{Deserialize, Serialize};

/// A file that became the newest version of a document in the place of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Displaced {
    /// Name of the version before.
    pub older: String,
    /// Name of the newest version.
    pub newer: String,
    /// What both names say, such as `date=2026-01-05`.
    pub fields: String,
    /// Other versions whose place it took.
    #[serde(default)]
    pub more: usize,
}

impl Displaced {
    /// Stands for the fields of names that say nothing but themselves.
    pub(crate) const NO_FIELDS: &str = "of one name";

    /// What there is to tell of two versions of a document with these fields: nothing where they have one name, or names
    /// as publishers give to versions.
    pub(crate) fn between(older: &str, newer: &str, fields: &Fields) -> Option<Self> {
        let document = fields;
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let told = || Self { older: older.to_owned(), newer: newer.to_owned(), fields: fields.join(", "), more: 0 };
        let is_cut = |value: &str| of_digits(older, value) != of_digits(newer, value);
        let are_versions = are_versions(older, newer) && !document.values().any(|value| is_cut(value));
        (!are_versions).then(told)
    }

    /// What there is to tell of several files or addresses of one document: of names as publishers give to versions
    /// nothing, of files of one name in two folders always. The first of the others is named.
    #[must_use]
    pub fn of(others: &[String], newest: &str, fields: &Fields) -> Option<Self> {
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let newer = name(newest);
        let pair = |other: &String| match name(other) {
            older if older == newer => Some(Self::of_one_name(other, newest, fields)),
            older => Self::between(&older, &newer, fields),
        };
        let mut told = others.iter().filter_map(pair);
        let first = told.next()?;
        Some(Self { more: told.count(), ..first })
    }

    /// Files of one name in two folders, by their paths.
    fn of_one_name(older: &str, newer: &str, fields: &Fields) -> Self {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let fields = if fields.is_empty() { Self::NO_FIELDS.to_owned() } else { fields.join(", ") };
        Self { older: older.to_owned(), newer: newer.to_owned(), fields, more: 0 }
    }

    /// A line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { older, newer, fields, more } = self;
        let [older, newer, fields] = [older, newer, fields].map(|text| batch::excerpt(text.as_bytes(), 200));
        let end = |path: &str| path.rsplit('/').next().map(str::to_owned);
        let two = if older.contains('/') && end(&older) == end(&newer) {
            "patterns see names and no folders: give the files other names, or each folder a flow of its own"
        } else {
            "give what differs in their names a name in `file-names`, as in `{market}_{date:%Y%m%d}*`"
        };
        let (more, all) = match more {
            0 => (String::new(), "both are"),
            1 => (" and of another file".to_owned(), "all are"),
            more => (format!(" and of {more} other files"), "all are"),
        };
        format!(
            "`{newer}` takes the place of `{older}`{more}: {all} {fields}, so one document; if they are several, {two}"
        )
    }
}

/// The digits among which a number stands in a name. Where those of two names differ, a pattern took only a part of them
/// for the number, as `{part:[0-9]}` does of `10`: the names mean two documents.
fn of_digits<'a>(name: &'a str, number: &str) -> Option<&'a str> {
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let all = |at: usize, text: &str| text[at..].bytes().take_while(u8::is_ascii_digit).count();
    let each = name.match_indices(number).filter(|_| is_number);
    let begins = each.map(|(at, _)| at - name[..at].bytes().rev().take_while(u8::is_ascii_digit).count());
    let runs: Vec<&str> = begins.map(|at| &name[at..at + all(at, name)]).collect();
    runs.iter().find(|run| **run == number).or(runs.first()).copied()
}

/// True if one name goes on, behind a sign between, where the other ends (`list` and `list_corrected`), or they differ in a number at their end
/// (`list_9` and `list_10`, `list-v1` and `list-v2`); endings such as `.csv` are not compared.
fn are_versions(one: &str, other: &str) -> bool {
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    let (one, other) = (stem(one), stem(other));
    let rest = one.strip_prefix(&other).or_else(|| other.strip_prefix(&one));
    if rest.is_some_and(|rest| !rest.starts_with(char::is_alphabetic)) {
        return true;
    }
    let base = |stem: &str| {
        let base = stem.trim_end_matches(')').trim_end_matches(|sign: char| sign.is_ascii_digit());
        let base = base.strip_suffix(['v', 'V']).unwrap_or(base);
        base.strip_suffix(['_', '-', '.', ' ', '(']).map(str::to_owned)
    };
    base(&one).is_some_and(|of_one| base(&other) == Some(of_one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_publishers_give_to_versions_are_told_from_those_of_two_documents() {
        let cases = [
            ("list_20260105.txt", "list_20260105.txt", false),
            ("list_20260105.txt", "list_20260105_corrected.txt", false),
            ("list_20260105_2.csv", "list_20260105.txt", false),
            ("cnsfails202601a_0.zip", "cnsfails202601a_1.zip", false),
            ("list-v9.txt", "list-v10.txt", false),
            ("list (1).txt", "list (2).txt", false),
            ("20260105_arca.csv", "20260105_arcaedge.csv", true),
            ("arca_20260105.csv", "nyse_20260105.csv", true),
            ("20260105_arca.csv", "20260105_nyse.csv", true),
            ("venue1_20260105.csv", "venue2_20260105.csv", true),
        ];
        let fields = Fields::from([("date".to_owned(), "2026-01-05".to_owned())]);
        let number = Fields::from([("number".to_owned(), "1".to_owned())]);
        assert!(Displaced::between("a_1.csv", "a_10.csv", &number).is_some(), "a number that was cut");
        assert!(Displaced::between("a_1_9.csv", "a_1_10.csv", &number).is_none(), "versions of one number");
        for (older, newer, told) in cases {
            let displaced = Displaced::between(older, newer, &fields);
            assert_eq!(displaced.is_some(), told, "{older} {newer}");
            if let Some(displaced) = displaced {
                let start =
                    format!("`{newer}` takes the place of `{older}`: both are date=2026-01-05, so one document;");
                assert!(displaced.line().starts_with(&start), "{}", displaced.line());
            }
        }
    }
}
