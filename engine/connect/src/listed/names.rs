//! Which names a source takes, and names that say that a file is none yet, or somebody's working copy: half of a download, what an editor keeps beside the
//! file that it edits, what is hidden.
//!
//! `*` at the end of a pattern takes any name that begins right, and half of a document would be a version of it. So a
//! name with such a mark is taken only by a pattern that spells the mark. Copies like `list (1).txt` have no such mark:
//! they may as well be what a publisher calls a correction, and are a version of `list.txt` where the rest of a pattern
//! takes the ` (1)`. Where a field would take it, as in `{market}.txt`, the copy would be a document of a market that does
//! not exist, beside the first: it is left out and named.

use pattern::Pattern;

use super::Misfits;
use crate::Fields;

/// What browsers, transfer programs and editors put at the end of names. In lower case.
const ENDINGS: &[&str] = &[".part", ".partial", ".crdownload", ".download", ".tmp", "~"];

/// What the patterns of a source say of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is taken, and this is what it says.
    Taken(Fields),
    /// It would be, but for this.
    Skipped(Aside),
    /// No pattern fits.
    No,
}

/// Why a file is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aside {
    /// Its name has this mark.
    Marked(&'static str),
    /// Its name is that of a copy, and this field of the pattern would take the mark for a part of its value.
    Copy(String),
}

/// What the sources of a run take from one place, by the names of things.
#[derive(Clone, Debug, PartialEq)]
pub struct FileNames {
    own: Vec<Pattern>,
    of_others: Vec<Pattern>,
}

impl FileNames {
    /// What a source takes, and what the other sources of the run take from the same place.
    #[must_use]
    pub fn new(own: Vec<Pattern>, of_others: Vec<Pattern>) -> Self {
        Self { own, of_others }
    }

    /// What the source does with this name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Claim {
        claim(&self.own, name)
    }

    /// What the others do with it.
    #[must_use]
    pub fn claim_of_others(&self, name: &str) -> Claim {
        claim(&self.of_others, name)
    }

    /// Why none of the names fits that are there; `None` if there is none.
    #[must_use]
    pub fn misfit(&self, misfits: &Misfits) -> Option<String> {
        misfits.told(&self.own)
    }
}

/// What a source with these patterns does with a file of this name.
#[must_use]
pub fn claim(patterns: &[Pattern], name: &str) -> Claim {
    let mut claim = Claim::No;
    for pattern in patterns {
        let Some(fields) = pattern.matches(name) else { continue };
        let marked = mark(name).filter(|mark| !spells(pattern.text(), mark)).map(Aside::Marked);
        match marked.or_else(|| field_of_copy(pattern, name, &fields).map(Aside::Copy)) {
            None => return Claim::Taken(fields),
            Some(aside) => claim = Claim::Skipped(aside),
        }
    }
    claim
}

/// The field of a pattern that has another value for a copy than for what was copied. None of a pattern that spells a
/// bracket: it knows such names.
fn field_of_copy(pattern: &Pattern, name: &str, fields: &Fields) -> Option<String> {
    if pattern.text().contains(['(', ')']) {
        return None;
    }
    let first = pattern.matches(&copied(name)?)?;
    fields.iter().find(|(field, value)| first.get(*field) != Some(value)).map(|(field, _)| field.clone())
}

/// `list.txt` of `list (1).txt` and `list(1).txt`, as browsers name what was fetched before.
fn copied(name: &str) -> Option<String> {
    const DIGITS: usize = 3;
    let open = name.rfind('(')?;
    let (before, inside) = (&name[..open], &name[open + 1..]);
    let (number, after) = inside.split_once(')')?;
    let is_number = (1..=DIGITS).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let before = before.strip_suffix(' ').unwrap_or(before);
    let ends = after.is_empty() || after.starts_with('.');
    (is_number && ends && !before.is_empty()).then(|| format!("{before}{after}"))
}

/// The mark of a name.
#[must_use]
pub fn mark(name: &str) -> Option<&'static str> {
    if name.starts_with('.') {
        return Some(".");
    }
    ENDINGS.iter().copied().find(|ending| ends(name, ending))
}

/// True if a pattern or a path has the mark in its own text.
#[must_use]
pub fn spells(text: &str, mark: &str) -> bool {
    if mark == "." { text.starts_with('.') } else { ends(text, mark) }
}

fn ends(text: &str, ending: &str) -> bool {
    text.to_ascii_lowercase().ends_with(ending)
}

/// A file that was skipped, with the reason, as people are told of it.
#[must_use]
pub fn skipped(path: &str, aside: &Aside) -> String {
    match aside {
        Aside::Marked(".") => format!("{path} (skipped: a hidden file)"),
        Aside::Marked(ending) => format!("{path} (skipped: `{ending}` ends names of unfinished downloads or copies)"),
        Aside::Copy(field) => {
            format!("{path} (skipped: named as a browser names a copy, and the number would be part of `{{{field}}}`)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pattern_that_spells_the_mark_takes_the_name() {
        let cases: &[(&[&str], &str, Option<&str>)] = &[
            (&["a{half:[ab]}*"], "aa.zip", None),
            (&["a{half:[ab]}*"], "aa (1).zip", None),
            (&["a{half:[ab]}*"], "aa.zip.part", Some(".part")),
            (&["a{half:[ab]}*"], "aa.zip.PART", Some(".part")),
            (&["a{half:[ab]}*"], "aa.zip.crdownload", Some(".crdownload")),
            (&["a{half:[ab]}*"], "aa.zip.download", Some(".download")),
            (&["a{half:[ab]}*"], "aa.tmp", Some(".tmp")),
            (&["a{half:[ab]}*"], "aa.zip~", Some("~")),
            (&["a{half:[ab]}*", "a{half:[ab]}.part"], "aa.part", None),
            (&["a{half:[ab]}.part", "*"], "aa.part", None),
            (&["*"], ".aa.zip", Some(".")),
            (&[".a*"], ".aa.zip", None),
        ];
        for (patterns, name, skipped) in cases {
            let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect();
            match (claim(&patterns, name), skipped) {
                (Claim::Taken(_), None) => {}
                (Claim::Skipped(Aside::Marked(mark)), Some(skipped)) if mark == *skipped => {}
                (claim, _) => panic!("{name}: {claim:?}"),
            }
        }
        assert_eq!(claim(&[Pattern::parse("b*").unwrap()], "aa.part"), Claim::No);
    }

    #[test]
    fn a_copy_is_no_document_of_another_field_value() {
        let cases = [
            ("{market}.txt", "nyse (1).txt", Some("market")),
            ("{market}.txt", "nyse(1).txt", Some("market")),
            ("{market}", "nyse (12)", Some("market")),
            ("{day:%Y%m%d}-{market}.tar.gz", "20260105-nyse (1).tar.gz", Some("market")),
            // The rest of the pattern takes the mark: a version of the same document.
            ("{day:%Y%m%d}*", "20260105 (1).txt", None),
            ("{market:NYSE|ARCA}*", "NYSE (1).txt", None),
            ("*.txt", "nyse (1).txt", None),
            // A pattern that knows such names, and names that are no copies.
            ("{title} ({part}).txt", "report (1).txt", None),
            ("{title}.txt", "report (2026).txt", None),
            ("{title}.txt", "report (final).txt", None),
            ("{title}.txt", "report (1) of two.txt", None),
            ("{title}.txt", "(1).txt", None),
        ];
        for (pattern, name, field) in cases {
            let patterns = [Pattern::parse(pattern).unwrap()];
            match (claim(&patterns, name), field) {
                (Claim::Taken(_), None) => {}
                (Claim::Skipped(Aside::Copy(of)), Some(field)) if of == field => {}
                (claim, _) => panic!("{pattern} {name}: {claim:?}"),
            }
        }
    }
}
