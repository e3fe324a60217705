//! Every code that is explained is raised by something, and the other way round.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::sync::Arc;

use arrow::array::BinaryArray;
use batch::ColumnType;

use crate::EXPLANATIONS;
use crate::archive::{Archive, ArchiveError, Limits, Selection};
use crate::avro::{Difference, RecordDecoder, Schemas, compatibility};
use crate::delimited::{
    DecodeError, Decoder, Format, Layout, LineDecoder, LineSettings, NewColumns, Proof, ProofOutcome, RawRow, Settings,
    Trailer,
};
use crate::json::{JsonDecoder, OtherFields};

fn format(quotes: bool) -> Arc<Format> {
    let names = |list: &[&str]| -> Vec<Arc<str>> { list.iter().map(|name| Arc::from(*name)).collect() };
    let layout =
        Layout { name: "two".into(), header: names(&["A", "B"]), must_have: names(&["A"]), names: names(&["a", "b"]) };
    let proves = vec![Proof::Count { group: "n".into() }];
    Arc::new(
        Format::new(Settings {
            separator: b',',
            quotes,
            encoding: "utf-8".into(),
            layouts: vec![layout],
            spill: None,
            trailers: vec![Trailer { matches: r"count (?<n>\d+)".into(), proves }],
            trailer_required: true,
            new_columns: NewColumns::Refuse,
            empty_is_null: true,
            lines_before_header: 0,
            line_limit: 50,
            wanted: None,
            raw_row: RawRow::None,
            raw: false,
        })
        .expect("settings"),
    )
}

fn codes_of_text(text: &[u8]) -> Result<BTreeSet<&'static str>, DecodeError> {
    let mut decoder = Decoder::new(text, &format(true), 0)?;
    let mut codes = BTreeSet::new();
    while let Some(block) = decoder.next()? {
        codes.extend(block.bad.iter().map(|row| row.code.0));
    }
    match decoder.finish()?.proof {
        ProofOutcome::Missing { code, .. } | ProofOutcome::Wrong { code, .. } => codes.insert(code.0),
        ProofOutcome::Proven | ProofOutcome::NoTrailerExpected => false,
    };
    Ok(codes)
}

fn code_of_archive(bytes: Vec<u8>, limits: Limits) -> Result<(), ArchiveError> {
    let mut archive = Archive::open(Box::new(Cursor::new(bytes)), "x", limits)?;
    for member in archive.members(&Selection::All)? {
        archive.read(member.index)?.read_to_end(&mut Vec::new()).map_err(ArchiveError::from_io)?;
    }
    Ok(())
}

#[test]
fn every_explained_code_is_raised() {
    let mut raised = BTreeSet::new();
    let long = "x".repeat(60);
    let rows = format!("A,B\n1,\u{fe}\n1\n{long}\n\nA,B\n\"1\"2,3\n1,2\ncount 1\n").into_bytes();
    let rows: Vec<u8> = rows.into_iter().filter(|byte| *byte != 0xc3).collect();
    raised.extend(codes_of_text(&rows).expect("accepted"));
    raised.extend(codes_of_text(b"A,B\n").expect("accepted"));
    for text in [&b"A,B\n\"1"[..], b"A,B\ncount 0\n1,2\n", b"X\n", b"A,B,C\n", b""] {
        raised.insert(codes_of_text(text).expect_err("refused").code().0);
    }
    let latin = Format::new(Settings { encoding: "windows-1252".into(), ..format(true).settings().clone() });
    let decoder = Decoder::new("A,B\n1,ü\n".as_bytes(), &Arc::new(latin.expect("settings")), 0).expect("its header");
    let evidence = decoder.finish().expect("its rows").evidence;
    raised.insert(evidence.refusal("windows-1252").expect("UTF-8").code.0);
    let small = Limits { unpacked_bytes: 1, ..Limits::default() };
    for (bytes, limits) in [(b"PK\x03\x04".to_vec(), Limits::default()), (b"plain".to_vec(), small)] {
        raised.insert(code_of_archive(bytes, limits).expect_err("refused").code().0);
    }
    raised.insert(ArchiveError::NoMember { index: 0 }.code().0);
    raised.insert(ArchiveError::from_io(std::io::ErrorKind::ConnectionReset.into()).code().0);

    let columns = vec![
        (Arc::from("a"), ColumnType::parse("smallint").expect("a type")),
        (Arc::from("b"), ColumnType::parse("nullable text").expect("a type")),
    ];
    let written =
        r#"{"type":"record","name":"r","fields":[{"name":"a","type":"long"},{"name":"b","type":["null","string"]}]}"#;
    let schemas = |id: u32| (id < 3).then(|| if id == 1 { written } else { "\"null\"" }.into());
    let schemas: &dyn Schemas = &schemas;
    let frame = |id: u8, body: &[u8]| [&[0, 0, 0, 0, id], body].concat();
    let records = [
        b"".to_vec(),
        frame(9, &[]),
        frame(1, &[]),
        frame(1, &[2, 0, 0]),
        frame(1, &[2, 4]),
        frame(1, &[2, 2, 20, b'x']),
        frame(1, &[2, 2, 2, 0xff]),
        frame(1, &[0xfe, 0xff, 0xff, 0xff, 0x0f, 0]),
        frame(2, &[]),
    ];
    let records = BinaryArray::from_iter_values(records);
    raised.extend(RecordDecoder::new(columns).decode(&records, schemas).bad.iter().map(|record| record.code.0));

    let shorter = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}"#;
    raised.extend(compatibility(shorter, written).expect("schemas").iter().map(|_| Difference::CODE.0));

    let fields = vec![(Arc::from("a"), ColumnType::parse("bigint").expect("a type"))];
    let values = ["", "{}", r#"{"a": "x"}"#, r#"{"a": 1, "a": 2}"#, r#"{"b": 1}"#].map(str::as_bytes);
    let decoded = JsonDecoder::new(fields, OtherFields::Refuse).decode(&BinaryArray::from_iter_values(values));
    raised.extend(decoded.bad.iter().map(|record| record.code.0));
    let lines = LineSettings {
        columns: vec!["a".into()],
        separator: b',',
        quotes: true,
        encoding: "utf-8".into(),
        spill: None,
        empty_is_null: true,
    };
    let lines = LineDecoder::new(lines).expect("settings").decode(&BinaryArray::from_iter_values(["1\n2"]));
    raised.extend(lines.bad.iter().map(|record| record.code.0));

    let explained: Vec<&str> = EXPLANATIONS.iter().map(|explanation| explanation.code.0).collect();
    assert_eq!(explained, raised.into_iter().collect::<Vec<_>>());
    assert!(EXPLANATIONS.iter().all(|one| !one.title.is_empty() && !one.why.is_empty() && !one.remedy.is_empty()));
}
