//! Documents made to do harm, or damaged: none of them costs much, none panics, and each is told with what is wrong,
//! where, and what to do.

use batch::Explanation;
use operators::Outcome;

use crate::bytes::{Made, Part, gzipped, overlapping, text, zipped};
use crate::reading::{Found, prove, prove_in};

/// Most bytes that any of these documents may cost.
const MOST: usize = 40 * 1024 * 1024;
const HUNDRED_MEGABYTES: u64 = 100_000_000;

/// What is to become of a document.
enum Expected {
    /// Nothing lands: outcome, code, what the message says.
    Refused(Outcome, &'static str, &'static str),
    /// It is accepted: rows, dead rows; code and line of the first bad row, and what its message says.
    Accepted(u64, u64, Option<(&'static str, u64, &'static str)>),
}
use Expected::{Accepted, Refused};
use Outcome::{Failed, Incomplete};

fn made(content: impl AsRef<[u8]>) -> Made {
    Made::of(&[text(content)])
}

/// A document of a header, these parts and its trailer.
fn around(parts: &[Part], rows: u64) -> Made {
    Made::of(&[vec![text("A|B|C\n")], parts.to_vec(), vec![text(format!("rows {rows}\n"))]].concat())
}

fn remedy(code: &str) -> Option<&'static str> {
    let known: Vec<&Explanation> = codec::EXPLANATIONS.iter().chain(operators::EXPLANATIONS).collect();
    known.iter().find(|known| known.code.0 == code).map(|known| known.remedy).filter(|remedy| !remedy.is_empty())
}

fn check(name: &str, document: &Made, quotes: bool, expected: &Expected) -> Found {
    let found = prove(document, quotes);
    assert!(found.memory <= MOST, "{name}: {} bytes", found.memory);
    assert!(found.message.len() <= 510, "{name}: {}", found.message);
    match expected {
        Refused(outcome, code, what) => {
            assert_eq!((found.outcome, &*found.code, found.rows), (*outcome, *code, 0), "{name}: {found:?}");
            assert!(found.message.contains(what), "{name}: {}", found.message);
            assert!(remedy(code).is_some(), "{name}: nobody says what to do about {code}");
        }
        Accepted(rows, dead, bad) => {
            assert_eq!((found.outcome, found.rows, found.dead), (Outcome::Rows, *rows, *dead), "{name}: {found:?}");
            if let Some((code, line, what)) = bad {
                let (found_code, found_line, message) = found.first_bad.clone().expect(name);
                assert_eq!((&*found_code, found_line), (*code, *line), "{name}");
                assert!(message.contains(what), "{name}: {message}");
                assert!(remedy(code).is_some(), "{name}: nobody says what to do about {code}");
            }
        }
    }
    found
}

#[test]
fn archives() {
    let good = around(&[text("a|1|x\nb|2|y\n")], 2);
    let rows = around(&[Part::Rows(2_000)], 2_000);
    let zip = zipped(&[("one.txt", rows.clone())]);
    let mut cut = zip.clone();
    cut.truncate(zip.len() / 2);
    let mut broken = zip.clone();
    broken[60..64].fill(0xff);
    let gzip = gzipped(&rows);
    // Rows that are all bad, early and in a short document, in archives that are whole and such whose end is damaged.
    let bad = around(&[text("no row\n".repeat(200_000))], 200_000);
    let bad_zip = zipped(&[("one.txt", bad.clone()), ("two.txt", rows.clone())]);
    let mut bad_gzip = gzipped(&bad);
    let gzip_of_bad = bad_gzip.clone();
    let checksum = bad_gzip.len() - 8;
    bad_gzip[checksum] ^= 1;
    let mut wrong_sum = bad_zip.clone();
    let directory = bad_zip.windows(4).position(|four| four == b"PK\x01\x02").expect("a zip");
    wrong_sum[directory + 16] ^= 1;
    let mut no_header = zipped(&[("one.txt", made("X|Y\n1|2\n".repeat(10_000)))]);
    let directory = no_header.windows(4).position(|four| four == b"PK\x01\x02").expect("a zip");
    let whole_of_no_header = no_header.clone();
    no_header[directory + 16] ^= 1;
    let bomb = around(&[Part::Fill(b'x', 60_000_000), text("\n")], 1);
    let part = around(&[Part::Fill(b'x', 12_000_000), text("\n")], 1);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let parts: Vec<(&str, Made)> = names.iter().map(|name| (*name, part.clone())).collect();
    let one = zipped(&[("a", part)]);
    let endless = "n".repeat(60_000);
    let cases: Vec<(&str, Vec<u8>, Expected)> = vec![
        ("a zip cut off", cut.clone(), Refused(Failed, "E4220", "cut off or damaged")),
        ("a zip with broken bytes", broken, Refused(Failed, "E4220", "cut off or damaged")),
        ("a gzip cut off", gzip[..gzip.len() / 2].to_vec(), Refused(Failed, "E4220", "cut off or damaged")),
        ("bad rows in a whole zip", bad_zip, Refused(Failed, "E4411", "the first is line 2: E4202")),
        ("bad rows in a whole gzip", gzip_of_bad, Refused(Failed, "E4411", "the first is line 2: E4202")),
        ("bad rows in a damaged zip", wrong_sum, Refused(Failed, "E4220", "cut off or damaged")),
        ("bad rows in a damaged gzip", bad_gzip, Refused(Failed, "E4220", "cut off or damaged")),
        ("another header in a whole zip", whole_of_no_header, Refused(Failed, "E4208", "")),
        ("another header in a damaged zip", no_header, Refused(Failed, "E4220", "cut off or damaged")),
        ("nothing but a zip's first bytes", b"PK\x03\x04".to_vec(), Refused(Failed, "E4220", "cut off or damaged")),
        (
            "a bomb in a zip",
            zipped(&[("a", bomb.clone())]),
            Refused(Failed, "E4221", "a member unpacks to more than 100 times"),
        ),
        ("a bomb in a gzip", gzipped(&bomb), Refused(Failed, "E4221", "a member unpacks to more than 100 times")),
        (
            "a bomb of small members",
            zipped(&parts),
            Refused(Failed, "E4221", "the archive unpacks to more than 100 times"),
        ),
        (
            "members that share their bytes",
            overlapping(&one, 8),
            Refused(Failed, "E4220", "two members are the same bytes"),
        ),
        (
            "a bomb in a zip in a zip",
            zipped(&[("a.zip", made(zipped(&[("a", bomb)])))]),
            Refused(Failed, "E4222", "an archive itself"),
        ),
        ("a zip without members", zipped(&[]), Refused(Failed, "E4412", "the archive has no members")),
        ("a zip of an empty member", zipped(&[("a", made(""))]), Refused(Failed, "E4212", "the document is empty")),
        ("names that lead elsewhere", zipped(&[("../../etc/passwd", good.clone())]), Accepted(2, 0, None)),
        ("an absolute name", zipped(&[("/etc/shadow", good.clone())]), Accepted(2, 0, None)),
        ("the other slash", zipped(&[("..\\..\\windows\\win.ini", good.clone())]), Accepted(2, 0, None)),
        ("a name of 60 KB", zipped(&[(&endless, good.clone())]), Accepted(2, 0, None)),
        ("a name that a terminal obeys", zipped(&[("a\x1b[2Jb", good)]), Accepted(2, 0, None)),
        // Where a zip begins and ends its table says, which stands at its end: what stands behind it says nothing.
        ("text behind a zip", [&zip[..], b"and so on\n"].concat(), Accepted(2_000, 0, None)),
        ("text behind a gzip", [&gzip[..], b"and so on\n"].concat(), Refused(Failed, "E4220", "cut off or damaged")),
    ];
    let mut members = Vec::new();
    for (name, bytes, expected) in cases {
        members.extend(check(name, &made(bytes), false, &expected).members);
    }
    let bounded = format!("{}…", "n".repeat(255));
    let expected = ["passwd", "shadow", "win.ini", &bounded, "a\\x1b[2Jb", "one.txt"];
    assert_eq!(members, expected, "a name is a name, never a path");
}

#[test]
fn text_that_is_none_and_lines_without_end() {
    let long = |byte| [Part::Fill(byte, HUNDRED_MEGABYTES), text("\n")];
    let behind = [&long(b'x')[..], &[text("a|1|x\nb|2|y\n")]].concat();
    let columns = |separator: &str| vec!["column"; 10_000].join(separator);
    let cases: Vec<(&str, Made, Expected)> = vec![
        ("nothing", made(""), Refused(Failed, "E4212", "the document is empty")),
        ("a header and no more", made("A|B|C\n"), Refused(Incomplete, "E4211", "is missing; nothing stands behind")),
        ("a line of 100 MB", around(&behind, 3), Accepted(2, 1, Some(("E4203", 2, "longer than 1048576 bytes")))),
        ("a first line of 100 MB", Made::of(&long(b'x')), Refused(Failed, "E4208", "the first line is longer than")),
        (
            "100 MB of nothing",
            Made::of(&[Part::Fill(0, HUNDRED_MEGABYTES)]),
            Refused(Failed, "E4208", "the first line"),
        ),
        ("a row of 100 MB of nothing", around(&long(0), 1), Refused(Failed, "E4411", "line 2: E4203")),
        (
            "blank lines",
            Made::of(&[text("A|B|C\n"), Part::Fill(b'\n', 3_000_000), text("a|1|x\n")]),
            Refused(Failed, "E4411", "line 2: E4204"),
        ),
        (
            "separators",
            around(&[Part::Fill(b'|', 3_000_000), text("\na|1|x\n")], 2),
            Accepted(1, 1, Some(("E4203", 2, "longer"))),
        ),
        (
            "bytes that are no text",
            around(&[text(b"a|1|\xff\xfe\nb|2|y\n")], 2),
            Accepted(1, 1, Some(("E4201", 2, "UTF-8"))),
        ),
        ("zero bytes", around(&[text(b"a\0|1|\0\nb|2|y\n")], 2), Accepted(2, 0, None)),
        ("a header of zero bytes", made(b"A|B\0B|C\n"), Refused(Failed, "E4208", "no text in UTF-8")),
        ("10,000 columns", made(columns("|") + "\n"), Refused(Failed, "E4208", "and 9990 more")),
        (
            "10,000 cells",
            around(&[text(columns("|") + "\na|1|x\n")], 2),
            Accepted(1, 1, Some(("E4202", 2, "more cells"))),
        ),
        ("the header twice", around(&[text("a|1|x\nA|B|C\n")], 1), Accepted(1, 1, Some(("E4205", 3, "repeated")))),
        (
            "rows behind the trailer",
            made("A|B|C\na|1|x\nrows 1\nb|2|y\n"),
            Refused(Failed, "E4207", "line 3 looks like a trailer, but a row follows at line 4"),
        ),
        (
            "noise behind the trailer",
            made(b"A|B|C\na|1|x\nrows 1\n\x1a\0\0"),
            Refused(Failed, "E4207", "a row follows at line 4"),
        ),
        ("two trailers", made("A|B|C\na|1|x\nrows 1\nrows 1\n"), Refused(Failed, "E4207", "line 4")),
        (
            "a count beyond every number",
            made(format!("A|B|C\na|1|x\nrows {}\n", "9".repeat(1_000))),
            Refused(Incomplete, "E4210", "the trailer says 999"),
        ),
    ];
    for (name, document, expected) in cases {
        check(name, &document, false, &expected);
    }
}

#[test]
fn quotes_that_never_close() {
    let open = |rest: &[Part]| Made::of(&[&[text("A|B|C\na|1|\"x\n")], rest].concat());
    let never = || Refused(Failed, "E4206", "a quote that opens in the row of line 2 is never closed");
    // It may be closed behind what is held in memory.
    let far = || Refused(Failed, "E4206", "a quote in the row of line 2 is not closed within 1048576 bytes");
    let cases: Vec<(&str, Made, Expected)> = vec![
        ("at the end", open(&[]), never()),
        ("with 100 MB behind it", open(&[Part::Fill(b'y', HUNDRED_MEGABYTES)]), far()),
        ("with rows behind it", open(&[Part::Rows(100_000)]), far()),
        ("in the header", Made::of(&[text("A|B|\"C\n"), Part::Rows(100_000)]), Refused(Failed, "E4206", "line 1")),
        ("100 MB of quotes", open(&[Part::Fill(b'"', HUNDRED_MEGABYTES)]), Refused(Failed, "E4206", "line 2")),
        (
            "text behind a closed one",
            around(&[text("a|1|\"x\"y\nb|2|y\n")], 2),
            Accepted(1, 1, Some(("E4213", 2, "closing quote"))),
        ),
    ];
    for (name, document, expected) in cases {
        check(name, &document, true, &expected);
    }
}

/// The members of an archive are one document: what their rows say of its encoding counts together.
#[test]
fn an_archive_in_another_encoding_than_it_is_said_to_be() {
    let latin = |rows: &[u8], count: u64| around(&[text(rows)], count);
    let one_byte = latin(b"a|1|Gen\xe8ve\nb|2|K\xf6ln\n", 2);
    let utf_8 = latin("c|1|Zürich\n".as_bytes(), 1);
    let damaged = latin(b"d|1|Z\xc3\xbcrich\ne|2|K\xf6ln\nf|3|Gen\xc3\xa8ve\n", 3);
    type Case<'a> = (&'a [(&'a str, Made)], Result<u64, &'a str>);
    let cases: [Case<'_>; 4] = [
        (&[("one.txt", one_byte.clone())], Ok(2)),
        (&[("one.txt", one_byte.clone()), ("two.txt", utf_8.clone())], Ok(3)),
        (&[("one.txt", made("A|B|C\nrows 0\n")), ("two.txt", utf_8)], Err("the first at line 2 of member two.txt")),
        (&[("one.txt", damaged)], Err("2 of 3 rows with characters beyond ASCII are valid UTF-8, the first at line 2")),
    ];
    for (members, expected) in cases {
        let found = prove_in("iso-8859-1", &made(zipped(members)));
        match expected {
            Ok(rows) => assert_eq!((found.outcome, found.rows), (Outcome::Rows, rows), "{found:?}"),
            Err(what) => {
                assert_eq!((found.outcome, &*found.code, found.rows), (Failed, "E4214", 0), "{found:?}");
                assert!(found.message.starts_with("it is said to be in iso-8859-1, and is in UTF-8: "), "{found:?}");
                assert!(found.message.contains(what), "{found:?}");
            }
        }
    }
    // What else refuses a member says which one, too.
    let another = zipped(&[("one.txt", one_byte), ("two.txt", made("X|Y\n1|2\n"))]);
    check("a member with another header", &made(another), false, &Refused(Failed, "E4208", "member two.txt: "));
}
