//! The delimited decoder, against a naive one, and against itself with other pieces.
//!
//! The first bytes choose the settings; the rest is the document. Promises:
//! * What comes out does not depend on the pieces in which the bytes came.
//! * Every row is accounted for, good or bad, once, with ascending numbers and lines.
//! * The bytes of a row stand in the document, at the line that the row names.
//! * Cells are those that the naive reader finds.

mod naive;

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use arbitrary::Unstructured;
use arrow::array::{Array, AsArray};
use codec::delimited::{
    BadRow, DecodeError, Decoder, Format, Layout, NewColumns, Proof, RawRow, Settings, Trailer, Verdict,
};

use naive::{Fate, Line};

/// Gives its bytes in pieces of one length.
struct Pieces<'a> {
    rest: &'a [u8],
    length: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        let length = self.length.min(self.rest.len()).min(target.len());
        let (given, rest) = self.rest.split_at(length);
        target[..length].copy_from_slice(given);
        self.rest = rest;
        Ok(length)
    }
}

/// A good row: number, line, bytes, cells, and the cells by published name.
#[derive(Clone, Debug, PartialEq)]
struct Good {
    number: u64,
    line: u64,
    raw: Vec<u8>,
    cells: Vec<Option<String>>,
    published: BTreeMap<String, Option<String>>,
}

/// All that a document gave.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    good: Vec<Good>,
    bad: Vec<BadRow>,
    verdict: Verdict,
}

/// Code, line and words of a refusal.
type Refused = (&'static str, u64, String);

pub(crate) fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let Ok((settings, piece)) = settings(&mut choices) else { return };
    let document = choices.take_rest();
    let Ok(format) = Format::new(settings).map(Arc::new) else { return };
    let whole = decode(&format, document, usize::MAX);
    let pieces = decode(&format, document, piece);
    assert_eq!(whole, pieces, "pieces of {piece} bytes give something else");
    match &whole {
        Ok(found) => hold(format.settings(), document, found),
        Err((code, _, message)) => {
            assert!(code.starts_with("E42") && *code != "E4223", "{code}: bytes in memory can be read");
            assert!(message.len() <= 510, "{message}");
        }
    }
}

fn settings(choices: &mut Unstructured<'_>) -> arbitrary::Result<(Settings, usize)> {
    let names = |text: &str| -> Vec<Arc<str>> { text.split(' ').map(Arc::from).collect() };
    let flags: u8 = choices.arbitrary()?;
    let flag = |bit: u8| flags & (1 << bit) != 0;
    let trailers = match choices.arbitrary::<u8>()? % 4 {
        0 | 1 => Vec::new(),
        2 => vec![Trailer { matches: r"rows (?<n>[0-9]*)".into(), proves: vec![Proof::Count { group: "n".into() }] }],
        _ => vec![
            Trailer { matches: "end.*".into(), proves: Vec::new() },
            Trailer {
                matches: r"sum (?<total>\S+)".into(),
                proves: vec![Proof::Sum { column: "b".into(), group: "total".into() }],
            },
        ],
    };
    let exact = Layout { name: "three".into(), header: names("A B C"), must_have: Vec::new(), names: names("a b c") };
    let loose = Layout { name: "two".into(), header: names("B A"), must_have: names("A B"), names: names("b a") };
    let settings = Settings {
        separator: *choices.choose(b",|\t; ")?,
        quotes: flag(0),
        encoding: (*choices.choose(&["utf-8", "utf-8", "windows-1252", "utf-16le", "utf-16be"])?).into(),
        layouts: vec![exact, loose],
        spill: flag(1).then(|| "b".into()),
        trailers,
        trailer_required: flag(2),
        new_columns: if flag(3) { NewColumns::Refuse } else { NewColumns::Keep },
        empty_is_null: flag(4),
        lines_before_header: 0,
        line_limit: *choices.choose(&[1 << 20, 1 << 20, 1000, 40, 8])?,
        wanted: flag(5).then(|| names("a c").into_iter().collect()),
        raw_row: match (flag(6), flag(7)) {
            (false, _) => RawRow::None,
            (true, false) => RawRow::AllCells,
            (true, true) => RawRow::FilledCells,
        },
        raw: true,
    };
    let piece = *choices.choose(&[1, 1, 2, 3, 7, 100])?;
    // By the same choice: kept cases go on to mean what they meant.
    let lines_before_header = [(3, 1), (7, 2)].into_iter().find(|(of, _)| *of == piece).map_or(0, |(_, lines)| lines);
    Ok((Settings { lines_before_header, ..settings }, piece))
}

fn decode(format: &Arc<Format>, document: &[u8], piece: usize) -> Result<Found, Refused> {
    let refused = |error: DecodeError| {
        let line = if let DecodeError::Refused(refusal) = &error { refusal.line } else { 0 };
        (error.code().0, line, error.to_string())
    };
    let mut decoder = Decoder::new(Pieces { rest: document, length: piece }, format, 0).map_err(refused)?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    while let Some(block) = decoder.next().map_err(refused)? {
        assert!(!block.bad.is_empty() || block.rows.num_rows() > 0, "an empty block");
        let raw = block.raw.as_ref().expect("the settings ask for the bytes");
        let maps = block.rows.column_by_name("row").map(|column| column.as_map().clone());
        let texts = block.rows.columns().len() - usize::from(maps.is_some());
        for row in 0..block.rows.num_rows() {
            let text = |column: &dyn Array| {
                let column = column.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            let cells = block.rows.columns()[..texts].iter().map(|column| text(column)).collect();
            let published = maps.iter().flat_map(|maps| {
                let entries = maps.value(row);
                let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
                let value = |at: usize| values.is_valid(at).then(|| values.value(at).to_owned());
                (0..entries.len()).map(|at| (keys.value(at).to_owned(), value(at))).collect::<Vec<_>>()
            });
            good.push(Good {
                number: block.row_numbers.value(row),
                line: block.lines.value(row),
                raw: raw.value(row).to_vec(),
                cells,
                published: published.collect(),
            });
        }
        bad.extend(block.bad);
    }
    Ok(Found { good, bad, verdict: decoder.finish().map_err(refused)? })
}

/// What a decoded document owes.
fn hold(settings: &Settings, document: &[u8], found: &Found) {
    let Found { good, bad, verdict } = found;
    assert_eq!((verdict.rows, verdict.bad_rows), ((good.len() + bad.len()) as u64, bad.len() as u64));
    let mut rows: Vec<(u64, u64)> = good.iter().map(|row| (row.number, row.line)).collect();
    rows.extend(bad.iter().map(|row| (row.row_number, row.line)));
    rows.sort_unstable();
    assert!(rows.iter().map(|row| row.0).eq(0..verdict.rows), "numbers of rows: {rows:?}");
    assert!(rows.iter().is_sorted_by(|one, other| one.1 < other.1), "lines of rows: {rows:?}");

    let text = naive::Text::of(document, &settings.encoding);
    let lines = naive::lines(settings, &text);
    let (header, expected) = lines.split_first().expect("an accepted document has a header");
    let header = header.written.clone();
    let width = naive::cells(&header, settings).map_or(0, |cells| cells.len());
    let is_trailer =
        |line: &Line| settings.trailers.iter().any(|trailer| naive::is_trailer(&trailer.matches, &line.bytes, &text));
    // Lines that are no rows: trailers, and blank ones behind the last row.
    let mut bad = bad.iter().peekable();
    let mut good = good.iter().peekable();
    let last =
        expected.iter().rposition(|line| !line.is_blank(settings.separator) && (line.too_long || !is_trailer(line)));
    for line in &expected[..last.map_or(0, |last| last + 1)] {
        match naive::fate(line, &header, width, settings, &text) {
            Fate::Bad(code) => {
                let found = bad.next().expect("a bad row for each line that is none");
                assert_eq!(
                    (found.line, found.code.0),
                    (line.number, code),
                    "{:?}",
                    String::from_utf8_lossy(&line.bytes)
                );
                let kept = if code == "E4204" { &[][..] } else { &line.written };
                assert_eq!(found.raw, kept[..kept.len().min(64 * 1024)], "bytes of line {}", line.number);
            }
            Fate::Good(cells) => {
                let found = good.next().expect("a good row for each line that is one");
                assert_eq!((found.line, &found.raw), (line.number, &line.bytes));
                check_cells(settings, &header, &cells, found, &text, &verdict.layout);
            }
        }
    }
    assert!(bad.next().is_none() && good.next().is_none(), "rows that no line holds");
}

fn check_cells(settings: &Settings, header: &[u8], cells: &[Vec<u8>], found: &Good, text: &naive::Text, layout: &str) {
    let published: Vec<String> =
        naive::cells(header, settings).unwrap_or_default().iter().map(|name| text.shown(name)).collect();
    let value = |cell: &[u8]| {
        let shown = text.shown(cell);
        (!shown.is_empty() || !settings.empty_is_null).then_some(shown)
    };
    let values: Vec<Option<String>> = cells.iter().map(|cell| value(cell)).collect();
    let names: Vec<String> = published.iter().map(|name| naive::letters(name)).collect();
    let order: &[&str] = if layout == "three" { &["a", "b", "c"] } else { &["b", "a"] };
    let wanted = |name: &&&str| settings.wanted.as_ref().is_none_or(|wanted| wanted.contains(**name));
    let places = order.iter().filter(wanted).map(|name| naive::place_of(name, &published));
    let expected: Vec<Option<String>> =
        places.map(|place| values[place.expect("the layout's columns are there")].clone()).collect();
    assert_eq!(found.cells, expected, "cells of line {}", found.line);
    if settings.raw_row != RawRow::None {
        let filled = |cell: &&(usize, &Vec<u8>)| settings.raw_row == RawRow::AllCells || !cell.1.is_empty();
        let count = cells.iter().enumerate().filter(|cell| filled(&cell)).count();
        assert_eq!(found.published.len(), count, "the map of line {}", found.line);
        // A column of the layout stands under the name that was declared, which another one may be published under.
        let alone = |name: &str| names.iter().filter(|known| **known == naive::letters(name)).count() == 1;
        for (name, value) in published.iter().zip(&values) {
            if alone(name) && found.published.contains_key(name) {
                assert_eq!(&found.published[name], value);
            }
        }
    }
}
