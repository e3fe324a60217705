//! Small documents in, rows, bad lines and verdicts out.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use arrow::array::{Array, AsArray};

use super::{
    BadRow, Block, DecodeError, Decoder, Format, Layout, NewColumns, Proof, ProofOutcome, RawRow, Settings, Trailer,
    Verdict,
};

pub(super) fn layout(name: &str, header: &str, must_have: &str) -> Layout {
    let list =
        |text: &str| -> Vec<Arc<str>> { text.split(',').filter(|part| !part.is_empty()).map(Arc::from).collect() };
    let names = list(&header.to_lowercase().replace(' ', "_"));
    Layout { name: name.into(), header: list(header), must_have: list(must_have), names }
}

pub(super) fn settings() -> Settings {
    Settings {
        separator: b'|',
        quotes: false,
        encoding: "utf-8".into(),
        layouts: vec![layout("three", "A,B,C", "")],
        spill: None,
        trailers: Vec::new(),
        trailer_required: true,
        new_columns: NewColumns::Keep,
        empty_is_null: true,
        lines_before_header: 0,
        line_limit: 1000,
        wanted: None,
        raw_row: RawRow::None,
        raw: true,
    }
}

pub(super) fn quoted() -> Settings {
    Settings { quotes: true, separator: b',', ..settings() }
}

fn with_trailers(trailers: &[(&str, Vec<Proof>)]) -> Settings {
    let trailers =
        trailers.iter().map(|(matches, proves)| Trailer { matches: (*matches).into(), proves: proves.clone() });
    Settings { trailers: trailers.collect(), ..settings() }
}

fn proven() -> Settings {
    with_trailers(&[
        (r"count (?<n>\d+)", vec![Proof::Count { group: "n".into() }]),
        (r"sum (?<n>\S+)", vec![Proof::Sum { column: "b".into(), group: "n".into() }]),
    ])
}

/// Gives a few bytes at a time, so that every row is met in pieces.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(self.0.len()).min(target.len());
        target[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

fn decode_by(settings: &Settings, text: &[u8], piece: usize) -> Result<(Vec<Block>, Verdict), DecodeError> {
    let format = Arc::new(Format::new(settings.clone()).expect("settings"));
    let mut decoder = Decoder::new(Drops(text, piece), &format, 0)?;
    let mut blocks = Vec::new();
    while let Some(block) = decoder.next()? {
        blocks.push(block);
    }
    Ok((blocks, decoder.finish()?))
}

pub(super) fn decode(settings: &Settings, text: &[u8]) -> Result<(Vec<Block>, Verdict), DecodeError> {
    let whole = decode_by(settings, text, usize::MAX);
    let drops = decode_by(settings, text, 1);
    match (&whole, &drops) {
        (Ok((blocks, verdict)), Ok((other_blocks, other_verdict))) => {
            assert_eq!(verdict, other_verdict);
            assert_eq!(shown(blocks), shown(other_blocks));
        }
        (Err(error), Err(other)) => assert_eq!(error.to_string(), other.to_string()),
        _ => panic!("pieces of another size decode differently"),
    }
    whole
}

/// Each good row as `line: cell/cell/…`, with `-` for null.
pub(super) fn shown(blocks: &[Block]) -> Vec<String> {
    let mut rows = Vec::new();
    for block in blocks {
        for row in 0..block.rows.num_rows() {
            let cell = |column: &Arc<dyn Array>| {
                let column = column.as_string::<i32>();
                if column.is_null(row) { "-".to_owned() } else { column.value(row).to_owned() }
            };
            let cells: Vec<String> = block.rows.columns().iter().map(cell).collect();
            rows.push(format!("{}: {}", block.lines.value(row), cells.join("/")));
        }
    }
    rows
}

fn bad(blocks: &[Block]) -> Vec<(u64, u64, &'static str)> {
    let short = |row: &BadRow| (row.row_number, row.line, row.code.0);
    blocks.iter().flat_map(|block| block.bad.iter().map(short)).collect()
}

#[test]
fn rows_become_columns() {
    let spill = Settings { spill: Some("b".into()), ..settings() };
    let quoted_spill = Settings { spill: Some("b".into()), ..quoted() };
    let western = Settings { encoding: "windows-1252".into(), ..settings() };
    let as_text = Settings { empty_is_null: false, ..settings() };
    let some = Settings { wanted: Some(BTreeSet::from(["c".into()])), ..settings() };
    let short = Settings { line_limit: 20, ..settings() };
    let short_quoted = Settings { line_limit: 20, ..quoted() };
    type Bad<'a> = &'a [(u64, u64, &'static str)];
    let cases: &[(&Settings, &[u8], &[&str], Bad<'_>)] = &[
        (&settings(), b"A|B|C\n1|2|3\n4||6\n", &["2: 1/2/3", "3: 4/-/6"], &[]),
        (&settings(), b"\xef\xbb\xbfa|b.|C\r\n1|2|3\r\n4|5|6\r", &["2: 1/2/3", "3: 4/5/6"], &[]),
        // Documents that were put together: a mark in front of a row is none of its letters, one within it is.
        (
            &settings(),
            b"\xef\xbb\xbfA|B|C\n1|2|3\n\xef\xbb\xbf4|5|6\n\xef\xbb\xbfA|B|C\n\xef\xbb\xbf7|8\n9|\xef\xbb\xbf0|1\n",
            &["2: 1/2/3", "3: 4/5/6", "6: 9/\u{feff}0/1"],
            &[(2, 4, "E4205"), (3, 5, "E4202")],
        ),
        (&settings(), b"A|B|C\n1|2|3\n\xef\xbb\xbf\n", &["2: 1/2/3"], &[]),
        (&settings(), b"A|B|C", &[], &[]),
        (&settings(), b"A|B|C\n1|2|3\n\n\r\n  \n", &["2: 1/2/3"], &[]),
        (&settings(), b"A|B|C\n\n1|2|3\n", &["3: 1/2/3"], &[(0, 2, "E4204")]),
        (
            &settings(),
            b"A|B|C\n1|2\n1|2|3|4\nA|B|C\n1|\xff|3\nx|y|z",
            &["6: x/y/z"],
            &[(0, 2, "E4202"), (1, 3, "E4202"), (2, 4, "E4205"), (3, 5, "E4201")],
        ),
        (&settings(), b"A|\0B|C\n1|\0|3\n", &["2: 1/\0/3"], &[]),
        (&settings(), b"A|B|C\n||\n1\r2|3|4\n", &["2: -/-/-", "3: 1\r2/3/4"], &[]),
        (&as_text, b"A|B|C\n1||3\n", &["2: 1//3"], &[]),
        (&some, b"A|B|C\n1|2|3\n", &["2: 3"], &[]),
        (&western, b"A|B|C\n1|M\xfcller \x80|3\n", &["2: 1/Müller €/3"], &[]),
        (&spill, b"A|B|C\n1|2|x|y|3\n1|2|3\n1||2||3\n", &["2: 1/2|x|y/3", "3: 1/2/3", "4: 1/|2|/3"], &[]),
        (&spill, b"A|B|C\n1|2\n", &[], &[(0, 2, "E4202")]),
        (&short, b"A|B|C\n1|2|3333333333333333333333333\n4|5|6\n", &["3: 4/5/6"], &[(0, 2, "E4203")]),
        (
            &quoted(),
            b"A,\"B\",C\n\"1,\n2\",\"\"\"x\"\" y\",\"\"\n4,a\"b\",6\n",
            &["2: 1,\n2/\"x\" y/-", "4: 4/a\"b\"/6"],
            &[],
        ),
        (&quoted(), b"A,B,C\n1,\"2\"x,3\n4,5,6\n1,2,\"3\"\"\"", &["3: 4/5/6", "4: 1/2/3\""], &[(0, 2, "E4213")]),
        (&quoted(), b"A,B,C\n\"1\",2\n\"1\",2,3,4\n", &[], &[(0, 2, "E4202"), (1, 3, "E4202")]),
        // Behind the limit quotes do not count, however the bytes came.
        (
            &short_quoted,
            b"A,B,C\n1,\"x\ny\",aaaaaaaaaaaaaaaaaaaa,\"z\nz\"\nx,y,z\n",
            &["5: x/y/z"],
            &[(0, 2, "E4203"), (1, 4, "E4202")],
        ),
        (&quoted_spill, b"A,B,C\n1,\"2,\"\"\",x,\"y\",\"3\"\n\"1\",2,3\n", &["2: 1/2,\",x,y/3", "3: 1/2/3"], &[]),
    ];
    for (settings, text, rows, bad_rows) in cases {
        let (blocks, verdict) = decode(settings, text).expect("accepted");
        let case = String::from_utf8_lossy(text);
        assert_eq!(shown(&blocks), *rows, "{case}");
        assert_eq!(bad(&blocks), *bad_rows, "{case}");
        assert_eq!(verdict.rows, (rows.len() + bad_rows.len()) as u64);
        assert_eq!(verdict.bad_rows, bad_rows.len() as u64);
        assert_eq!(verdict.proof, ProofOutcome::NoTrailerExpected);
    }
}

/// UTF-16 with and without its mark, of both orders, whatever is declared if there is one; halves of pairs and a last half unit make a bad row of their line.
#[test]
fn wide_text_is_read_as_narrow() {
    let text = "A|B|C\r\n1|Müller 🦀|3\n4|5|6\n";
    let wide = |little: bool, mark: bool, text: &str| -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        let units = mark.encode_utf16().chain(text.encode_utf16());
        units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let label = |label: &str| Settings { encoding: label.into(), ..settings() };
    for (label, bytes) in [
        (label("utf-8"), wide(true, true, text)),
        (label("utf-8"), wide(false, true, text)),
        (label("utf-16"), wide(true, false, text)),
        (label("utf-16"), wide(false, true, text)),
        (label("utf-16be"), wide(false, false, text)),
        (label("utf-16be"), wide(true, true, text)),
        (label("windows-1252"), wide(true, true, text)),
        // A mark of UTF-8 wins as well.
        (label("windows-1252"), format!("\u{feff}{text}").into_bytes()),
        (label("utf-16"), format!("\u{feff}{text}").into_bytes()),
    ] {
        let (blocks, verdict) = decode(&label, &bytes).expect("accepted");
        assert_eq!(shown(&blocks), ["2: 1/Müller 🦀/3", "3: 4/5/6"]);
        assert_eq!(verdict.bad_rows, 0);
    }
    let mut torn = wide(true, true, "A|B|C\n1|");
    torn.extend(0xd83e_u16.to_le_bytes());
    torn.extend(wide(true, false, "|3\n4|5|6\n7|8|9"));
    torn.push(0x41);
    let (blocks, _) = decode(&settings(), &torn).expect("accepted");
    assert_eq!(shown(&blocks), ["3: 4/5/6"]);
    assert_eq!(bad(&blocks), [(0, 2, "E4201"), (2, 4, "E4201")]);
    // Long enough for several pieces, with characters across their ends.
    let many: String =
        std::iter::once("A|B|C\n".to_owned()).chain((0..5000).map(|row| format!("{row}|ü🦀|x\n"))).collect();
    let (blocks, verdict) = decode(&settings(), &wide(false, true, &many)).expect("accepted");
    assert_eq!((verdict.rows, verdict.bad_rows), (5000, 0));
    assert_eq!(shown(&blocks)[4999], "5001: 4999/ü🦀/x");
    // A pair without its second half, and a second half alone, at the very end and everywhere.
    for units in [&[0xd83e_u16][..], &[0xdd80], &[0xd83e, 0xd83e], &[0xdd80; 20]] {
        let mut torn = wide(true, true, "A|B|C\n1|2|3\n4|5|");
        torn.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        let (blocks, _) = decode(&settings(), &torn).expect("accepted");
        assert_eq!((shown(&blocks), bad(&blocks)), (vec!["2: 1/2/3".to_owned()], vec![(1, 3, "E4201")]));
    }
    for empty in [&[0xff, 0xfe][..], &[0xfe, 0xff], &[0xff, 0xfe, 0x41]] {
        assert!(decode(&settings(), empty).is_err(), "no header");
    }
}

/// Ids longer than any integer type keep each digit, also zeros in front.
#[test]
fn long_ids_survive() {
    let (blocks, _) =
        decode(&settings(), b"A|B|C\n1234567890123456789|0000000000000000000000001|1e5\n").expect("accepted");
    assert_eq!(shown(&blocks), ["2: 1234567890123456789/0000000000000000000000001/1e5"]);
}

#[test]
fn documents_that_are_something_else_are_refused() {
    let refuse_new = Settings { new_columns: NewColumns::Refuse, ..generations() };
    let long_header = Settings { line_limit: 3, ..settings() };
    let short_quoted = Settings { line_limit: 20, ..quoted() };
    let western = Settings { encoding: "windows-1252".into(), ..settings() };
    let cases: &[(&Settings, &[u8], &str, &str)] = &[
        (
            &settings(),
            b"\x89PNG\r\x1a\0|\x1b[31m\xff\n",
            "E4208",
            r"the first line is no text in UTF-8; it begins `\x89PNG\r\x1a\x00|\x1b[31m\xff`",
        ),
        (
            &western,
            b"\x1f|\x00\x00A|B\n",
            "E4208",
            r"the first line is no text in windows-1252; it begins `\x1f|\x00\x00A|B`",
        ),
        (
            &settings(),
            b"A|B|Gr\xf6\xdfe\n",
            "E4208",
            r"the first line is no text in UTF-8; it begins `A|B|Gr\xf6\xdfe`",
        ),
        (
            &short_quoted,
            b"A,B,C\n1,\"aaaaaaaaaaaaaaaaaaaaaaaaa\",3\n",
            "E4206",
            "a quote in the row of line 2 is not closed within 20 bytes",
        ),
        (&settings(), b"", "E4212", "the document is empty"),
        (&settings(), b"\xef\xbb\xbf", "E4212", "the document is empty"),
        (&settings(), b"\nA|B|X\n1|2|3\n", "E4208", "the first line is empty, where a header is expected"),
        (&settings(), b"<html>\nA|B|X\n", "E4208", "the first line is no expected header; it reads: <html>"),
        (&settings(), b"A|C|B\n", "E4208", "layout three wants 3 columns; all are there, but in another order"),
        (&settings(), b"A|B|X\n", "E4208", "layout three wants 3 columns; missing: C; unexpected: X"),
        (&long_header, b"A|B|C\n", "E4208", "the first line is longer than 3 bytes and no header"),
        (
            &generations(),
            b"new|a\n",
            "E4208",
            "layout g2 wants 3 columns; missing: C; its `must-have` is there, all of `header` must be",
        ),
        (
            &settings(),
            b"A;B;C\n1;2;3\n",
            "E4208",
            "the line holds 3 cells when split at `;`, the layout splits at `|`; it begins `A;B;C`",
        ),
        (
            &quoted(),
            b"A\tB, more\tX\n",
            "E4208",
            "the line holds 3 cells when split at `tab`, the layout splits at `,`; it begins `A\\tB, more\\tX`",
        ),
        // Nothing of it is known, but it looks like a header, or does not.
        (
            &settings(),
            b"X,Y\n",
            "E4208",
            "the line holds 2 cells when split at `,`, the layout splits at `|`; it begins `X,Y`",
        ),
        (&settings(), b"Sorry, no data\n", "E4208", "the first line is no expected header; it reads: Sorry, no data"),
        (&refuse_new, b"c|new|a|extra\n", "E4209", "columns that layout g2 does not name: extra"),
        (&quoted(), b"A,B,C\n1,2,\"3\n4,5,6\n", "E4206", "a quote that opens in the row of line 2 is never closed"),
        (
            &short_quoted,
            b"A,B,C\n1,2,\"3\n4,5,6,7,8,9,10,11\n",
            "E4206",
            "a quote in the row of line 2 is not closed within 20 bytes",
        ),
        (&quoted(), b"A,\"B\"x,C\n", "E4208", "text stands behind a closing quote in the header"),
        (
            &proven(),
            b"A|B|C\n1|2|3\ncount 1\n4|5|6\n",
            "E4207",
            "line 3 looks like a trailer, but a row follows at line 4: `4|5|6`",
        ),
        (
            &proven(),
            b"A|B|C\n1|2|3\ncount 1\nsum 2\n\ngarbage",
            "E4207",
            "line 3 looks like a trailer, but a row follows at line 6: `garbage`",
        ),
        (&proven(), b"A|B|C\ncount 0\nsum 0\nsum 0\n", "E4207", "more than 2 trailer lines, the last at line 4"),
    ];
    for (settings, text, code, message) in cases {
        let error = decode(settings, text).expect_err(message);
        assert_eq!((error.code().0, error.to_string().as_str()), (*code, *message));
        assert!(!error.is_transient());
    }
}

fn generations() -> Settings {
    Settings { layouts: vec![layout("g1", "A,B,OLD", "old"), layout("g2", "A,New,C", "new")], ..settings() }
}

#[test]
fn columns_are_found_by_name_and_new_ones_go_to_the_raw_row() {
    let settings = Settings { raw_row: RawRow::AllCells, ..generations() };
    let format = Arc::new(Format::new(settings).expect("settings"));
    let mut decoder = Decoder::new(&b"Extra|c|NEW|a|extra\n1|2|3||5\n"[..], &format, 40).expect("a known header");
    assert_eq!(decoder.layout().name.as_ref(), "g2");
    let block = decoder.next().expect("readable").expect("a row");
    let text = |name: &str| block.rows.column_by_name(name).expect(name).as_string::<i32>().clone();
    assert!(text("a").is_null(0));
    assert_eq!((text("new").value(0), text("c").value(0)), ("3", "2"));
    assert_eq!(block.row_numbers.value(0), 40);
    let map = block.rows.column_by_name("row").expect("asked for").as_map();
    assert_eq!(map.keys().as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["Extra", "C", "New", "A", "extra"]);
    assert_eq!(map.values().as_string::<i32>().iter().nth(3), Some(None));
    assert_eq!(block.raw.as_ref().expect("asked for").value(0), b"1|2|3||5");
    assert_eq!(decoder.finish().expect("whole").new_columns, ["Extra", "extra"]);
}

#[test]
fn repeated_names_are_told_apart_by_their_order() {
    let mut layout = layout("nyse", "Symbol,Filler,Filler", "");
    layout.names = vec!["symbol".into(), "first".into(), "second".into()];
    let settings = Settings { layouts: vec![layout], raw_row: RawRow::FilledCells, ..settings() };
    let format = Arc::new(Format::new(settings).expect("settings"));
    let mut decoder = Decoder::new(&b"Symbol|Filler|Filler\nx||z\n"[..], &format, 0).expect("a known header");
    let block = decoder.next().expect("readable").expect("a row");
    assert_eq!(block.rows.column_by_name("second").expect("there").as_string::<i32>().value(0), "z");
    let map = block.rows.column_by_name("row").expect("asked for").as_map();
    assert_eq!(map.keys().as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["Symbol", "Filler (2)"]);
}

#[test]
fn a_name_that_looks_numbered_keeps_its_cell() {
    let layout = layout("odd", "X,X,X,X (2)", "");
    let settings = Settings { layouts: vec![layout], raw_row: RawRow::AllCells, ..settings() };
    let format = Arc::new(Format::new(settings).expect("settings"));
    let mut decoder = Decoder::new(&b"X|X|X|X (2)\n1|2|3|4\n"[..], &format, 0).expect("a known header");
    let block = decoder.next().expect("readable").expect("a row");
    let map = block.rows.column_by_name("row").expect("asked for").as_map();
    assert_eq!(map.keys().as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["X", "X (3)", "X (4)", "X (2)"]);
}

#[test]
fn what_is_kept_of_a_long_line_does_not_depend_on_the_pieces() {
    let short = Settings { line_limit: 20, ..settings() };
    let long = "x".repeat(70_000);
    let (blocks, _) = decode(&short, format!("A|B|C\n{long}\n1|2|3\n").as_bytes()).expect("accepted");
    assert_eq!(blocks[0].bad[0].raw.len(), 64 * 1024);
}

#[test]
fn trailers_are_proven() {
    let optional = Settings { trailer_required: false, ..proven() };
    let wrong = |message: &str| ProofOutcome::Wrong { code: batch::Code("E4210"), message: message.to_owned() };
    let missing = |which: &str, ending: &str| {
        let pattern = if which.starts_with('1') { r"count (?<n>\d+)" } else { r"sum (?<n>\S+)" };
        let (index, how) = which.split_at(1);
        let message = format!("trailer {index} of 2 (a line that matches `{pattern}`){how}; {ending}");
        ProofOutcome::Missing { code: batch::Code("E4211"), message }
    };
    let nothing = "nothing stands behind the header";
    let big = "9223372036854775807";
    let cases: &[(&Settings, String, ProofOutcome)] = &[
        (&proven(), "1|2|3\n4|.|6\n7|| \ncount 3\nsum 2.00\n\n".into(), ProofOutcome::Proven),
        (
            &proven(),
            "1\n1|2|3\n1|y\ncount 3\nsum 2\n".into(),
            wrong(
                "b: 2 rows have no number that could be added, the first is line 2: the row has 1 cell, the header \
                 has 3; the others add up to 2, as the trailer says; the last line (6) is `sum 2`",
            ),
        ),
        (&proven(), "1|2|3\n\u{feff}4|5|6\n\u{feff}count 2\nsum 7\n\u{feff}\n".into(), ProofOutcome::Proven),
        // What is no data is not counted; a row that cannot be read is.
        (&proven(), "1|2|3\nA|B|C\n\n1|5|3\ncount 2\nsum 7".into(), ProofOutcome::Proven),
        (&proven(), format!("1|{big}|3\n1|{big}|3\ncount 2\nsum 18446744073709551614"), ProofOutcome::Proven),
        (
            &proven(),
            "1|2|3\ncount 2\nsum 2".into(),
            wrong("rows: the trailer says 2, the document has 1; the last line (4) is `sum 2`"),
        ),
        (
            &proven(),
            "1|2|3\ncount 99999999999999999999999\nsum 2".into(),
            wrong("rows: the trailer says 99999999999999999999999, the document has 1; the last line (4) is `sum 2`"),
        ),
        (
            &proven(),
            "1|2|3\ncount 1\nsum 3".into(),
            wrong("b: the trailer says 3, the rows add up to 2; the last line (4) is `sum 3`"),
        ),
        (
            &proven(),
            "1|2|3\ncount 1\nsum all\n\n".into(),
            wrong("b: the trailer says all, which is no number, the rows add up to 2; the last line (4) is `sum all`"),
        ),
        (
            &proven(),
            "1|2|3\n1|x|3\ncount 2\nsum 2".into(),
            wrong(
                "b: 1 row has no number that could be added, the first is line 3: `x`; the others add up to 2, as the \
                 trailer says; the last line (5) is `sum 2`",
            ),
        ),
        (
            &proven(),
            "1|2|3\n1|x|3\ncount 2\nsum 5".into(),
            wrong(
                "b: the trailer says 5, the rows add up to 2; 1 row could not be added, the first is line 3: `x`; the \
                 last line (5) is `sum 5`",
            ),
        ),
        (&proven(), "count 0\nsum 0".into(), ProofOutcome::Proven),
        (&proven(), String::new(), missing("1 is missing", nothing)),
        (&proven(), " \n\n".into(), missing("1 is missing", nothing)),
        (
            &proven(),
            "1|2|3\n4|5|6\n\n".into(),
            missing("1 is missing", "the last line (3) is a row like the others: `4|5|6`"),
        ),
        // Its wording was changed: now it is a row like no other.
        (&proven(), "1|2|3\ncounted: 1\n".into(), missing("1 is missing", "the last line (3) is no row: `counted: 1`")),
        (
            &proven(),
            "1|2|3\ncount 1 \n".into(),
            missing(
                "1 is missing",
                "the last line (3) is no row: `count 1 `, which is one but for the blanks around it: allow them with ` *`",
            ),
        ),
        (
            &proven(),
            "1|2|3\ncounted: 1\n\n4|5|6\n".into(),
            missing("1 is missing", "the last line (5) is a row like the others: `4|5|6`"),
        ),
        (&proven(), "count 0\n".into(), missing("2 is missing", "the last line (2) is `count 0`")),
        (&proven(), "sum 0\ncount 0\n".into(), missing("1 stands in another order", "the last line (3) is `count 0`")),
        (&optional, "1|2|3\n".into(), ProofOutcome::NoTrailerExpected),
        (&optional, "count 0\n".into(), missing("2 is missing", "the last line (2) is `count 0`")),
    ];
    for (settings, text, outcome) in cases {
        let (_, verdict) = decode(settings, format!("A|B|C\n{text}").as_bytes()).expect("accepted");
        assert_eq!(verdict.proof, *outcome, "{text}");
    }
    let stamp = with_trailers(&[(r"(?<stamp>\d{14})", Vec::new())]);
    let (_, verdict) = decode(&stamp, b"A|B|C\n20260817210500\n").expect("accepted");
    assert_eq!((verdict.trailers["stamp"].as_str(), verdict.rows), ("20260817210500", 0));
}

#[test]
fn one_line_can_prove_both_the_number_of_rows_and_a_sum() {
    let count = Proof::Count { group: "rows".into() };
    let sum = Proof::Sum { column: "b".into(), group: "total".into() };
    let both = with_trailers(&[(r"end (?<rows>\d+) (?<total>\S+)", vec![count, sum])]);
    let wrong = |message: &str| ProofOutcome::Wrong { code: batch::Code("E4210"), message: message.to_owned() };
    let cases = [
        ("1|2|3\n1|5|3\nend 2 7\n", ProofOutcome::Proven),
        (
            "1|2|3\n1|5|3\nend 3 7\n",
            wrong("rows: the trailer says 3, the document has 2; the last line (4) is `end 3 7`"),
        ),
        (
            "1|2|3\n1|5|3\nend 2 8\n",
            wrong("b: the trailer says 8, the rows add up to 7; the last line (4) is `end 2 8`"),
        ),
        (
            "1|2|3\n1|5|3\nend 3 8\n",
            wrong(
                "rows: the trailer says 3, the document has 2; b: the trailer says 8, the rows add up to 7; the last \
                 line (4) is `end 3 8`",
            ),
        ),
    ];
    for (text, outcome) in cases {
        let (_, verdict) = decode(&both, format!("A|B|C\n{text}").as_bytes()).expect("accepted");
        assert_eq!(verdict.proof, outcome, "{text}");
    }
}

#[test]
fn lines_that_end_in_cr_alone_are_called_so() {
    let comma = quoted();
    let long = "1|2|3\r".repeat(300);
    let cases = [
        (&settings(), "A|B|C\r1|2|3\r4|5|6\r".to_owned()),
        (&comma, "\"A\",\"B\",\"C\"\r\"1\",\"2\",\"3\"\r".to_owned()),
        (&Settings { line_limit: 1_000, ..settings() }, format!("A|B|C\r{long}")),
    ];
    for (settings, text) in cases {
        let error = decode(settings, text.as_bytes()).expect_err("refused").to_string();
        assert!(error.contains("lines end in CR alone"), "{error}");
    }
    // One behind the other is no line of its own, and in quotes it is text.
    for text in ["A|B|C\r\n1|2|3\r\n", "A|B|C\n1|2|3\r"] {
        assert_eq!(decode(&settings(), text.as_bytes()).expect("accepted").1.rows, 1, "{text:?}");
    }
    let layout = Layout { header: vec!["A".into(), "B\rb".into()], ..layout("x", "A,B", "") };
    let strange = Settings { layouts: vec![layout], ..quoted() };
    assert_eq!(decode(&strange, b"A,\"B\rb\"\n1,2\n").expect("accepted").1.rows, 1);
}

/// What a trailer matches and captures is text, whatever bytes the document's encoding makes of it.
#[test]
fn trailers_are_matched_as_text_in_every_encoding() {
    let rules = with_trailers(&[
        (r"Anzahl Sätze: (?<n>\d+)", vec![Proof::Count { group: "n".into() }]),
        (r"Währung: (?<currency>\p{L}{3}) §", Vec::new()),
    ]);
    let text = "A|B|C\n1|Stück|3\n2|Anzahl Sätze: 2|§\nAnzahl Sätze: 2\nWährung: Öre §\n";
    for label in ["utf-8", "windows-1252", "iso-8859-15", "macintosh", "utf-16", "utf-16be"] {
        let bytes: Vec<u8> = match label {
            "utf-16" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            label => {
                let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect("a label");
                encoding.encode(text).0.into_owned()
            }
        };
        let settings = Settings { encoding: label.into(), ..rules.clone() };
        let (blocks, verdict) = decode(&settings, &bytes).expect("accepted");
        assert_eq!(shown(&blocks), ["2: 1/Stück/3", "3: 2/Anzahl Sätze: 2/§"], "{label}");
        assert_eq!((verdict.proof, verdict.trailers["currency"].as_str()), (ProofOutcome::Proven, "Öre"), "{label}");
    }
}

#[test]
fn blocks_and_memory_are_bounded() {
    let mut text = b"A|B|C\n".to_vec();
    text.extend(b"1|2|3\n".repeat(9_000));
    text.extend(b"\n".repeat(9_000));
    text.extend(b"1|2|3\n");
    let (blocks, verdict) = decode_by(&settings(), &text, usize::MAX).expect("accepted");
    let sizes: Vec<usize> = blocks.iter().map(|block| block.rows.num_rows() + block.bad.len()).collect();
    assert_eq!(sizes, [8_192, 8_192, 18_001 - 2 * 8_192]);
    assert_eq!((verdict.rows, verdict.bad_rows), (18_001, 9_000));
    assert_eq!(blocks[2].row_numbers.value(0), 18_000);
    assert_eq!(blocks[2].lines.value(0), 18_002);

    let names: Vec<String> = (0..10_000).map(|number| format!("c{number}")).collect();
    let wide = Settings { layouts: vec![layout("wide", &names.join(","), "")], line_limit: 1 << 20, ..settings() };
    let mut text = names.join("|");
    text.push('\n');
    text.push_str(&format!("{}\n", vec!["x"; 10_000].join("|")).repeat(500));
    let (blocks, verdict) = decode_by(&wide, text.as_bytes(), usize::MAX).expect("accepted");
    assert_eq!(verdict.rows, 500);
    assert!(blocks.len() > 1, "a wide table has small blocks");
    assert_eq!(blocks[1].rows.num_columns(), 10_000);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let wrong_names = Layout { names: Vec::new(), ..layout("x", "A", "") };
    let count = |group: &str| vec![Proof::Count { group: group.into() }];
    let cases = [
        Settings { encoding: "shift_jis".into(), ..settings() },
        Settings { encoding: "klingon".into(), ..settings() },
        Settings { separator: b'"', ..settings() },
        Settings { separator: 0xa6, ..settings() },
        Settings { layouts: vec![wrong_names], ..settings() },
        Settings { spill: Some("nowhere".into()), ..settings() },
        with_trailers(&[("(", Vec::new())]),
        with_trailers(&[("x", count("n"))]),
        with_trailers(&[("(?<n>x)", vec![Proof::Sum { column: "nowhere".into(), group: "n".into() }])]),
    ];
    for settings in cases {
        assert!(Format::new(settings.clone()).is_err(), "{settings:?}");
    }
}
