//! Cases of the grammar as tables.

use std::collections::BTreeMap;

use super::{FieldKind, Pattern};

/// Fields with their values; `None` where a text does not match.
type Found = Option<&'static [(&'static str, &'static str)]>;

fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn names_match_or_do_not() {
    let cases: &[(&str, &str, Found)] = &[
        ("*.csv", "a.csv", Some(&[])),
        ("*.csv", ".csv", Some(&[])),
        ("*.csv", "a.CSV", None),
        ("*", "", Some(&[])),
        ("a.c", "abc", None),
        ("SETTLEMENT DATE|*", "SETTLEMENT DATE|CUSIP", Some(&[])),
        ("cnsfails{period:%Y%m}{half:[ab]}*", "cnsfails202009a.txt", Some(&[("half", "a"), ("period", "2020-09")])),
        ("cnsfails{period:%Y%m}{half:[ab]}*", "cnsfails202009c.txt", None),
        ("cnsfails{period:%Y%m}{half:[ab]}*", "cnsfails202013a.txt", None),
        (
            "*cnsfails{period:%Y%m}{half:[ab]}*.zip",
            "/x/y/cnsfails202009b_0.zip",
            Some(&[("half", "b"), ("period", "2020-09")]),
        ),
        ("R_{date:%Y_%m_%d}*", "R_2020_02_29.zip", Some(&[("date", "2020-02-29")])),
        ("R_{date:%Y_%m_%d}*", "R_2021_02_29.zip", None),
        ("{date:%d.%m.%Y}", "01.12.2020", Some(&[("date", "2020-12-01")])),
        ("{name}.txt", "a/b.txt", None),
        ("{name}.txt", ".txt", None),
        ("{one}_{two}", "a_b_c", Some(&[("one", "a"), ("two", "b_c")])),
        ("{one}_{one}", "a_a", Some(&[("one", "a")])),
        ("{digit:[0-9]}", "7", Some(&[("digit", "7")])),
        ("{digit:[]-]}", "-", Some(&[("digit", "-")])),
        ("{v:NYSE|A.}x{d:%Y%m%d}*", "A.x20200101", Some(&[("d", "2020-01-01"), ("v", "A.")])),
        ("{v:NYSE|A.}x{d:%Y%m%d}*", "ABx20200101", None),
        ("ä{x:lower}", "äÖ", Some(&[("x", "Ö")])),
    ];
    for (pattern, text, expected) in cases {
        let found = Pattern::parse(pattern).expect(pattern).matches(text);
        assert_eq!(found, expected.map(fields), "{pattern} on {text}");
    }
}

#[test]
fn what_is_no_pattern_says_where() {
    let cases = [
        ("a{", 1, "not closed"),
        ("a{b{c}}", 1, "not closed"),
        ("a}", 1, "without"),
        ("{}", 1, "name"),
        ("{9a}", 1, "name"),
        ("{a:xyz}", 3, "no form"),
        ("{a:[b}", 3, "not closed"),
        ("{a:[]}", 3, "lists"),
        ("{a:[z-a]}", 3, "range"),
        ("{a:x||y}", 3, "at least one"),
        ("{a:%Y}", 3, "neither"),
        ("{a:%H}", 3, "only"),
        ("{a}{a:%Y%m}", 4, "twice"),
        ("x_{a}*.csv", 5, "where `{a}` ends and `*` begins: write the text that stands between them, or leave the `*`"),
        ("*{a:lower}", 1, "where `*` ends and `{a:lower}` begins"),
        ("{a}{b}", 3, "where `{a}` ends and `{b}` begins: write the text that stands between them"),
    ];
    for (text, at, word) in cases {
        let error = Pattern::parse(text).expect_err(text);
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.message.contains(word), "{text}: {error}");
    }
    assert!(Pattern::parse(&"*".repeat(5000)).is_err());
}

#[test]
fn filling_writes_what_matching_reads() {
    let known = fields(&[("date", "2020-02-29"), ("class", "RATES"), ("half", "a")]);
    let cases = [
        ("x/{class:lower}/{class}_{date:%Y_%m_%d}.zip", Some("x/rates/RATES_2020_02_29.zip")),
        ("{date:%Y%m}{half:[ab]}", Some("202002a")),
        ("{half:[xy]}", None),
        ("{class:%Y%m%d}", None),
        ("{missing}", None),
        ("{class}.*", None),
    ];
    for (pattern, expected) in cases {
        assert_eq!(Pattern::parse(pattern).expect(pattern).fill(&known).as_deref(), expected, "{pattern}");
    }
}

#[test]
fn substituting_leaves_the_other_fields_open() {
    let pattern = Pattern::parse("{j:lower}_{class}_{date:%Y_%m_%d}*").expect("good");
    let narrowed = pattern.substitute(&fields(&[("j", "CFTC"), ("class", "R*")]));
    assert_eq!(narrowed.text(), "cftc_R*_{date:%Y_%m_%d}*");
    assert_eq!(narrowed.fields(), [("date".into(), FieldKind::Date)]);
    assert!(narrowed.matches("cftc_R*_2020_01_01.zip").is_some());
    assert!(narrowed.matches("cftc_RX_2020_01_01.zip").is_none(), "a value is literal, never a pattern");
    assert_eq!(pattern.substitute(&fields(&[])), pattern);
}

#[test]
fn what_does_not_fit_is_told_with_the_first_part_that_is_wrong() {
    let day = "`{date:%Y%m%d}`, a day such as `20260131`,";
    let cases = [
        ("list_{date:%Y%m%d}*", "list_20260105.txt", None),
        (
            "list_{date:%Y%m%d}*",
            "list_2026-01-05.txt",
            Some((1, format!("it has `2026-01-05.txt` where {day} should be"))),
        ),
        ("list_{date:%Y%m%d}*", "list_20261305", Some((1, format!("it has `20261305` where {day} should be")))),
        ("list_{date:%Y%m%d}*", "list_20260230.txt", Some((3, "`20260230` is no real day".into()))),
        ("list_{date:%Y%m%d}*", "list_", Some((1, format!("it ends where {day} should be")))),
        ("list_{d}", "List_1", Some((0, "it has `List_1` where `list_` should be; capitals count".into()))),
        ("list_{d}", "", Some((0, "it ends where `list_` should be".into()))),
        ("l{date:%Y%m%d}.txt", "l20260105.txt.gz", Some((3, "`.gz` is left over at its end".into()))),
        ("{class}_{date:%Y%m%d}*", "a_b_2026", Some((2, format!("nothing behind `{{class}}_` in it fits {day}")))),
        ("*.csv", "a.CSV", Some((1, "nothing behind `*` in it fits `.csv`; capitals count".into()))),
        (
            "l{date:%Y%m%d}.txt",
            "l20260105 (1).txt",
            Some((2, "it has ` (1).txt` where `.txt` should be; it would fit if the pattern ended in `*.txt`".into())),
        ),
        (
            "l{date:%Y%m%d}.txt",
            "l20260105.TXT",
            Some((2, "it has `.TXT` where `.txt` should be; capitals count".into())),
        ),
        ("{half:[ab]}-{half:[ab]}", "a-b", Some((3, "`half` stands in it for `a` and for `b`".into()))),
        (
            "{m:%Y%m}{half:[ab]}",
            "2026",
            Some((0, "it has `2026` where `{m:%Y%m}`, a month such as `202601`, should be".into())),
        ),
    ];
    for (pattern, text, expected) in cases {
        let found = Pattern::parse(pattern).expect("a pattern").misfit(text).map(|found| (found.fits, found.why));
        assert_eq!(found, expected, "{pattern} and {text}");
    }
}
