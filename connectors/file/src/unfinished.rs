//! Names that say that a file is none yet, or somebody's working copy: half of a download, what an editor keeps beside the
//! file that it edits, what is hidden.
//!
//! `*` at the end of a pattern takes any name that begins right, and half of a document would be a version of it. So a
//! name with such a mark is taken only by a pattern that spells the mark. Copies like `list (1).txt` have no such mark:
//! they may as well be what a publisher calls a correction.

use std::path::Path;

use connect::Fields;
use pattern::Pattern;

/// What browsers, transfer programs and editors put at the end of names. In lower case.
const ENDINGS: &[&str] = &[".part", ".partial", ".crdownload", ".download", ".tmp", "~"];

/// What the patterns of a source say of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is taken, and this is what it says.
    Taken(Fields),
    /// It would be, but for this mark.
    Skipped(&'static str),
    /// No pattern fits.
    No,
}

/// What a source with these patterns does with a file of this name.
pub(crate) fn claim(patterns: &[Pattern], name: &str) -> Claim {
    let mut claim = Claim::No;
    for pattern in patterns {
        let Some(fields) = pattern.matches(name) else { continue };
        match mark(name).filter(|mark| !spells(pattern.text(), mark)) {
            None => return Claim::Taken(fields),
            Some(mark) => claim = Claim::Skipped(mark),
        }
    }
    claim
}

/// The mark of a name.
pub(crate) fn mark(name: &str) -> Option<&'static str> {
    if name.starts_with('.') {
        return Some(".");
    }
    ENDINGS.iter().copied().find(|ending| ends(name, ending))
}

/// True if a pattern or a path has the mark in its own text.
pub(crate) fn spells(text: &str, mark: &str) -> bool {
    if mark == "." { text.starts_with('.') } else { ends(text, mark) }
}

fn ends(text: &str, ending: &str) -> bool {
    text.to_ascii_lowercase().ends_with(ending)
}

/// A file that was skipped, with the reason, as people are told of it.
pub(crate) fn skipped(path: &Path, mark: &str) -> String {
    match mark {
        "." => format!("{} (skipped: a hidden file)", path.display()),
        ending => format!("{} (skipped: `{ending}` ends names of unfinished downloads or copies)", path.display()),
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
                (Claim::Skipped(mark), Some(skipped)) if mark == *skipped => {}
                (claim, _) => panic!("{name}: {claim:?}"),
            }
        }
        assert_eq!(claim(&[Pattern::parse("b*").unwrap()], "aa.part"), Claim::No);
    }
}
