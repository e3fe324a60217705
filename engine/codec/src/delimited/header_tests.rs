//! Lines above the header, what is said of a line that is none, and what belongs to no cell.

use std::sync::Arc;

use super::tests::{decode, layout, quoted, settings, shown};
use super::{DecodeError, Settings};

/// A header below so many lines.
fn below(lines_before_header: u64) -> Settings {
    Settings { lines_before_header, ..settings() }
}

#[test]
fn lines_above_the_header_are_passed_over_whatever_they_hold() {
    let quoted = Settings { lines_before_header: 2, line_limit: 20, ..quoted() };
    let long = format!("\"Daily list, the 5th\n{}\nA,B,C\n1,\"2\n\",3\n", "x".repeat(1000));
    let (blocks, verdict) = decode(&quoted, long.as_bytes()).expect("accepted");
    assert_eq!((shown(&blocks), verdict.rows), (vec!["4: 1/2\n/3".to_owned()], 1));
    for text in ["\n\nA|B|C\r\n1|2|3\r\n", "A|B|C\n9|9|9\nA|B|C\n1|2|3"] {
        let (blocks, _) = decode(&below(2), text.as_bytes()).expect("accepted");
        assert_eq!(shown(&blocks), ["4: 1/2/3"], "{text:?}");
    }
    let utf16: Vec<u8> = "T\nA|B|C\n1|2|3\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (blocks, _) = decode(&below(1), &[&[0xff, 0xfe][..], &utf16].concat()).expect("accepted");
    assert_eq!(shown(&blocks), ["3: 1/2/3"]);
}

#[test]
fn what_would_read_the_document_is_said_of_a_line_that_is_no_header() {
    let cases: &[(&Settings, &[u8], &str, &str)] = &[
        // A title above the header: what reads it is said.
        (
            &settings(),
            b"Daily list\n\nA|B|C\n1|2|3\n",
            "E4208",
            "the first line is no expected header; it reads: Daily list; line 3 is the header of layout three: \
             `lines-before-header: 2` reads it",
        ),
        (&below(2), b"", "E4212", "the document is empty"),
        (&below(2), b"A\n", "E4208", "the document has 1 line, and its header is to stand below 2 lines"),
        (
            &below(2),
            b"A|B|C\n1|2|3\n",
            "E4208",
            "the document has 2 lines, and its header is to stand below 2 lines; line 1, which is skipped, is the header of \
             layout three: without `lines-before-header` it is read",
        ),
        (&below(2), b"title\n1|2|3\n4|5|6\n", "E4208", "line 3 is no expected header; it reads: 4, 5, 6"),
        (
            &below(2),
            b"title\nA|B|C\n4|5|6\n",
            "E4208",
            "line 3 is no expected header; it reads: 4, 5, 6; line 2, which is skipped, is the header of layout three: `lines-before-header: 1` reads it",
        ),
        (&below(1), b"A|B\nA|B|X\n", "E4208", "layout three wants 3 columns; missing: C; unexpected: X"),
        (
            &settings(),
            b"A|B|C|\n1|2|3|\n",
            "E4208",
            "layout three wants 3 columns; the line ends in a separator, which makes an unnamed last column: add \"\" to \
             `header`",
        ),
        (
            &Settings { line_limit: 3, ..below(1) },
            b"title\nA|B|C\n",
            "E4208",
            "line 2 is longer than 3 bytes and no header",
        ),
        // All cells are quoted, and the separator is another one.
        (
            &quoted(),
            b"\"A\";\"B\";\"C\"\n\"1\";\"2\";\"3\"\n",
            "E4208",
            "the line holds 3 cells when split at `;`, the layout splits at `,`; it begins `\"A\";\"B\";\"C\"`",
        ),
    ];
    for (settings, text, code, message) in cases {
        let error = decode(settings, text).expect_err("refused");
        assert_eq!((error.code().0, error.to_string().as_str()), (*code, *message), "{}", text.escape_ascii());
    }
}

/// A header with letters beyond ASCII says by itself that another encoding is declared than the document has.
#[test]
fn a_header_in_utf_8_under_another_encoding_says_so() {
    let umlauts =
        || Settings { encoding: "iso-8859-1".into(), layouts: vec![layout("two", "Größe,Preis", "")], ..settings() };
    let refused = |text: &str| match decode(&umlauts(), text.as_bytes()) {
        Err(DecodeError::Refused(refusal)) => (refusal.code.0, refusal.line, refusal.message),
        other => panic!("{text}: {other:?}"),
    };
    let said = "it is said to be in iso-8859-1, and is in UTF-8";
    let (code, line, message) = refused("Größe|Preis\n1|2\n");
    assert_eq!((code, line, message), ("E4214", 1, format!("{said}: so read, its header is that of layout two")));
    let (code, line, message) = refused("Größe|Menge\n1|2\n");
    assert_eq!((code, line), ("E4208", 1));
    assert!(
        message.starts_with("layout two wants 2 columns; missing: Preis; unexpected: Menge; it is said"),
        "{message}"
    );
    assert!(message.ends_with("as its header shows"), "{message}");
    // In its own encoding it is read; a name that no layout has tells as much as a row does.
    let latin = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    let (_, verdict) = decode(&umlauts(), &latin("Größe|Preis\n1|ü\n")).expect("its own encoding");
    assert_eq!(verdict.evidence.refusal("x"), None);
    let open = Settings { layouts: vec![layout("any", "A", "A")], ..umlauts() };
    let (_, verdict) = decode(&open, "A|Größe\n1|2\n".as_bytes()).expect("a new column");
    assert_eq!(verdict.evidence.refusal("x").map(|refusal| refusal.line), Some(1));
}

#[test]
fn marks_line_ends_and_nameless_cells_belong_to_no_value() {
    let western = Settings { encoding: "windows-1252".into(), ..settings() };
    let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    let mut trailing = layout("trailing", "A,B", "");
    (trailing.header, trailing.names) = (names(&["A", "", "B", ""]), names(&["a", "", "b", ""]));
    let nameless = Settings { layouts: vec![trailing], ..settings() };
    let cases: &[(&Settings, &[u8], &[&str])] = &[
        // Documents that were put together, in an encoding that has no mark.
        (&western, b"A|B|C\n1|\xe9|3\n\xef\xbb\xbf4|5|6\n", &["2: 1/\u{e9}/3", "3: 4/5/6"]),
        // As many CRs as there are before a line's end belong to it.
        (&settings(), b"A|B|C\r\r\n1|2|3\r\r\n4|5|6\r\r", &["2: 1/2/3", "3: 4/5/6"]),
        (&quoted(), b"A,B,C\r\r\n1,2,\"3\r\"\r\r\n", &["2: 1/2/3\r"]),
        (&nameless, b"A||B|\n1|x|2|\n3||4|5\n", &["2: 1/2", "3: 3/4"]),
    ];
    for (settings, text, rows) in cases {
        let (blocks, verdict) = decode(settings, text).expect("accepted");
        assert_eq!((shown(&blocks), verdict.bad_rows), (rows.iter().map(|row| (*row).to_owned()).collect(), 0));
    }
}

#[test]
fn text_in_wide_encodings_is_told_by_their_names() {
    let little = |units: &[u16]| -> Vec<u8> { units.iter().flat_map(|unit| unit.to_le_bytes()).collect() };
    let wide = |text: &str| little(&text.encode_utf16().collect::<Vec<_>>());
    let utf_16 = Settings { encoding: "utf-16".into(), ..settings() };
    let torn = [wide("A|B|C\n1|\u{fc}"), little(&[0xd83e]), wide("|3\n")].concat();
    let (blocks, _) = decode(&utf_16, &torn).expect("accepted");
    let said = "the row is not valid UTF-16LE: character 4 of it is half of one, a surrogate alone or cut off";
    assert_eq!(blocks[0].bad[0].message, said);

    let four = |text: &str, order: fn(u32) -> [u8; 4]| -> Vec<u8> {
        text.chars().flat_map(|character| order(character.into())).collect()
    };
    let refused = |settings: &Settings, document: &[u8]| decode(settings, document).expect_err("no text").to_string();
    let header = [wide("A|X"), little(&[0xd83e]), wide("|C\n")].concat();
    let said = refused(&utf_16, &header);
    assert_eq!(said, "the first line is no text in utf-16; it begins `A|X\u{fffd}|C`");
    for mark in ["", "\u{feff}"] {
        let text = format!("{mark}A|B|C\n1|2|3\n");
        for document in [four(&text, u32::to_le_bytes), four(&text, u32::to_be_bytes)] {
            let said = refused(&settings(), &document);
            assert!(said.contains("UTF-32, which is not read: make UTF-8 of it"), "{said}");
            assert!(!said.contains("utf-16le"), "{said}");
        }
    }
}
