//! Archives made in memory, whole, damaged and made to do harm; what is read of each, and what is refused.

use std::io::{Cursor, Read, Write};

use pattern::Pattern;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Archive, ArchiveError, Limits, Selection, base_name, sniff_html};

fn zip(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).expect("a name");
        writer.write_all(bytes).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).expect("memory takes it");
    writer.finish().expect("memory takes it")
}

fn open(bytes: Vec<u8>, limits: Limits) -> Result<Archive, ArchiveError> {
    Archive::open(Box::new(Cursor::new(bytes)), "document.csv.gz", limits)
}

fn read_all(bytes: Vec<u8>, limits: Limits) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
    let mut archive = open(bytes, limits)?;
    let mut found = Vec::new();
    for member in archive.members(&Selection::All)? {
        let mut content = Vec::new();
        archive.read(member.index)?.read_to_end(&mut content).map_err(ArchiveError::from_io)?;
        found.push((member.name.to_string(), content));
    }
    Ok(found)
}

#[test]
fn zeros_behind_a_gzip_are_padding_and_other_bytes_are_damage() {
    let (two, zeros) = ([gzip(b"one\n"), gzip(b"two\n")].concat(), vec![0; 100_000]);
    for behind in [&[][..], &[0], &zeros] {
        let read = read_all([&two[..], behind].concat(), Limits::default()).expect("whole");
        assert_eq!(read, [("document.csv".to_owned(), b"one\ntwo\n".to_vec())]);
    }
    for (behind, why) in [
        (&b"x"[..], "unexpected end of file"),
        (b"something else", "invalid gzip header"),
        (b"\0x", "bytes stand behind zeros at its end"),
        (&[&[0][..], &gzip(b"three\n")].concat(), "bytes stand behind zeros at its end"),
    ] {
        match read_all([&two[..], behind].concat(), Limits::default()) {
            Err(ArchiveError::Damaged { source }) => assert_eq!(source.to_string(), why),
            other => panic!("{other:?}"),
        }
    }
}

/// What a directory and its end must agree in. The changed bytes are those of the end: 22 of them, without a comment.
#[test]
fn members_that_the_end_does_not_count_are_not_passed_over() {
    let whole = zip(&[("a.csv", b"one"), ("b.csv", b"two")], CompressionMethod::Stored);
    let damaged = |bytes: Vec<u8>| match read_all(bytes, Limits::default()) {
        Err(ArchiveError::Damaged { source }) => source.to_string(),
        other => format!("{other:?}"),
    };
    let mut fewer = whole.clone();
    let end = fewer.len() - 22;
    fewer[end + 8] = 1;
    fewer[end + 10] = 1;
    assert_eq!(damaged(fewer), "its directory has more entries than its end says");
    let both = [zip(&[("first.csv", b"lost")], CompressionMethod::Stored), whole.clone()].concat();
    assert_eq!(damaged(both), "it begins with bytes that its directory does not name");
    let mut twice = whole;
    let second = twice.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").expect("an entry");
    twice[second + 42..second + 46].fill(0);
    assert_eq!(damaged(twice), "two members are the same bytes");
}

/// Who writes places of 64 bits always has them behind the name, also that of the first member.
#[test]
fn a_place_of_64_bits_is_no_contradiction() {
    let mut bytes = zip(&[("a.csv", b"one")], CompressionMethod::Stored);
    let entry = bytes.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").expect("an entry");
    bytes[entry + 42..entry + 46].fill(0xff);
    let extra = [&[1, 0, 8, 0][..], &[0; 8]].concat();
    bytes[entry + 30] = extra.len() as u8;
    let end = bytes.len() - 22;
    bytes[end + 12] += extra.len() as u8;
    bytes.splice(end..end, extra);
    assert_eq!(read_all(bytes, Limits::default()).expect("a whole archive"), [("a.csv".to_owned(), b"one".to_vec())]);
}

#[test]
fn every_kind_gives_its_members() {
    let two: &[(&str, &[u8])] = &[("a.csv", b"one"), ("../../etc/b.csv", b"two")];
    let unpacked = vec![("a.csv".to_owned(), b"one".to_vec()), ("../../etc/b.csv".to_owned(), b"two".to_vec())];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        assert_eq!(read_all(zip(two, method), Limits::default()).expect("whole"), unpacked);
    }
    let mut streamed = ZipWriter::new_stream(Vec::new());
    streamed.start_file("s.csv", SimpleFileOptions::default()).expect("a name");
    streamed.write_all(b"with a data descriptor").expect("memory takes it");
    let streamed = streamed.finish().expect("memory takes it").into_inner();
    let expected = vec![("s.csv".to_owned(), b"with a data descriptor".to_vec())];
    assert_eq!(read_all(streamed, Limits::default()).expect("whole"), expected);
    let expected = vec![("document.csv".to_owned(), b"one".to_vec())];
    assert_eq!(read_all(gzip(b"one"), Limits::default()).expect("whole"), expected);
    let expected = vec![("document.csv.gz".to_owned(), b"plain".to_vec())];
    assert_eq!(read_all(b"plain".to_vec(), Limits::default()).expect("whole"), expected);
    assert_eq!(read_all(zip(&[], CompressionMethod::Stored), Limits::default()).expect("whole"), Vec::new());
}

#[test]
fn names_that_are_no_utf8_are_those_of_the_first_pcs() {
    // The library writes names as text only, so a name is changed in place, in its member and in the table at the end.
    let mut bytes = zip(&[("Gr##en.csv", b"one"), ("Größen.txt", b"two")], CompressionMethod::Stored);
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"Gr##en")).collect();
    assert_eq!(places.len(), 2);
    places.into_iter().for_each(|at| bytes[at + 2..at + 4].copy_from_slice(&[0x94, 0xe1]));
    let mut archive = open(bytes, Limits::default()).expect("a zip");
    for (pattern, name) in [("Größen.csv", "Größen.csv"), ("Gr*en.txt", "Größen.txt")] {
        let named = Pattern::parse(pattern).expect("a pattern");
        let members = archive.members(&Selection::Named(&named)).expect("readable");
        assert_eq!(members.iter().map(|member| &*member.name).collect::<Vec<_>>(), [name]);
        let mut content = Vec::new();
        archive.read(members[0].index).expect("a member").read_to_end(&mut content).expect("whole");
        assert_eq!(content.len(), 3);
    }
}

#[test]
fn members_are_selected_by_name_or_first_line() {
    let bytes = zip(
        &[("x/one.TXT", b"\xef\xbb\xbfDATE|CUSIP\r\n1|2\n"), ("two.csv", b"NOTE\n"), ("three", b"DATE|X")],
        CompressionMethod::Deflated,
    );
    let mut archive = open(bytes, Limits::default()).expect("a zip");
    let mut names = |selection: &Selection<'_>| -> Vec<String> {
        let members = archive.members(selection).expect("readable");
        members.iter().map(|member| member.name.to_string()).collect()
    };
    let named = Pattern::parse("one.*").expect("a pattern");
    assert_eq!(names(&Selection::Named(&named)), ["x/one.TXT"]);
    let line = Pattern::parse("DATE|*").expect("a pattern");
    assert_eq!(names(&Selection::FirstLine(&line)), ["x/one.TXT", "three"]);
    let mut content = Vec::new();
    archive.read(2).expect("a member").read_to_end(&mut content).expect("whole");
    assert_eq!(content, b"DATE|X");
    assert!(matches!(archive.read(9), Err(ArchiveError::NoMember { index: 9 })));
}

#[test]
fn first_lines_are_read_by_their_mark_and_an_archive_within_harms_nothing_unread() {
    let wide = |text: &str, little: bool| -> Vec<u8> {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    // The first letter of the second has the byte of a line end in it, and so has the last one of its line.
    let little = wide("DATE|CUSIP\r\n1|2\n", true);
    let big = wide("\u{10a}DATE|\u{a00}\n1|2\n", false);
    let inner = zip(&[("x", b"DATE|X\n")], CompressionMethod::Stored);
    let bytes = zip(&[("one", &little), ("two", &big), ("old.zip", &inner)], CompressionMethod::Deflated);
    let mut archive = open(bytes, Limits::default()).expect("a zip");
    for (line, name) in [("DATE|CUSIP", "one"), ("\u{10a}DATE|\u{a00}", "two")] {
        let pattern = Pattern::parse(line).expect("a pattern");
        let members = archive.members(&Selection::FirstLine(&pattern)).expect("readable");
        assert_eq!(members.iter().map(|member| &*member.name).collect::<Vec<_>>(), [name]);
        archive.read(members[0].index).expect("a member");
    }
    assert_eq!(archive.read(2).expect_err("an archive").code().0, "E4222");
}

/// Without a mark a first line is UTF-8 if it can be, and else windows-1252.
#[test]
fn first_lines_without_a_mark_are_read_as_utf_8_or_windows_1252() {
    let long = format!("Größe|{}\n1|2\n", "ü".repeat(40_000));
    let late = format!("{}Größe\n1|2\n", "x".repeat(4094));
    let bytes = zip(
        &[
            ("narrow", b"Gr\xf6\xdfe|Preis \x80\r\n1|\xc3\n"),
            ("utf", "Größe|Preis €\n\u{fc}".as_bytes()),
            ("next line is none", b"Gr\xc3\xb6\xc3\x9fe|Preis \xe2\x82\xac\n\xff\xfe\n"),
            ("other", b"Grosse|Preis\n"),
            ("long", long.as_bytes()),
            ("late", late.as_bytes()),
        ],
        CompressionMethod::Deflated,
    );
    let mut archive = open(bytes, Limits::default()).expect("a zip");
    for (line, names) in [
        ("Größe|Preis €", &["narrow", "utf", "next line is none"][..]),
        ("Größe*", &["narrow", "utf", "next line is none", "long"]),
        ("*xGröße", &["late"]),
    ] {
        let pattern = Pattern::parse(line).expect("a pattern");
        let members = archive.members(&Selection::FirstLine(&pattern)).expect("readable");
        assert_eq!(members.iter().map(|member| &*member.name).collect::<Vec<_>>(), names, "{line}");
    }
}

fn with_flag(mut bytes: Vec<u8>, local: usize, central: usize, value: u8) -> Vec<u8> {
    let directory = bytes.windows(4).position(|four| four == b"PK\x01\x02").expect("a directory");
    bytes[local] = value;
    bytes[directory + central] = value;
    bytes
}

#[test]
fn hostile_archives_are_refused() {
    let noise: Vec<u8> = (0..20_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let zipped = zip(&[("a", &noise)], CompressionMethod::Deflated);
    let cut_zip = zipped[..zipped.len() / 2].to_vec();
    let mut changed = zip(&[("a", b"hello hello")], CompressionMethod::Stored);
    let at = changed.windows(5).position(|five| five == b"hello").expect("stored as it is");
    changed[at] = b'j';
    let mut cut_gzip = gzip(&noise);
    cut_gzip.truncate(1000);
    let stored = zip(&[("a", b"x")], CompressionMethod::Stored);
    let small = Limits { unpacked_bytes: 1000, ..Limits::default() };
    let bomb = vec![0_u8; 40 << 20];
    let dense = zip(&[("a", &bomb)], CompressionMethod::Deflated);
    let empty = zip(&[], CompressionMethod::Stored);
    let cases = [
        ("cut zip", cut_zip, Limits::default(), "E4220"),
        ("wrong checksum", changed, Limits::default(), "E4220"),
        ("cut gzip", cut_gzip, Limits::default(), "E4220"),
        ("zip over the limit", zipped.clone(), small, "E4221"),
        ("gzip over the limit", gzip(&noise), small, "E4221"),
        ("plain over the limit", noise.clone(), small, "E4221"),
        (
            "two within, together over",
            zip(&[("a", &[1; 600]), ("b", &[2; 600])], CompressionMethod::Stored),
            small,
            "E4221",
        ),
        ("bomb in a gzip", gzip(&bomb), Limits::default(), "E4221"),
        ("bomb in a zip", zip(&[("a", &bomb)], CompressionMethod::Deflated), Limits::default(), "E4221"),
        ("members", zip(&[("a", b""), ("b", b"")], CompressionMethod::Stored), Limits { members: 1, ..small }, "E4221"),
        ("zip in a zip", zip(&[("a.zip", &stored)], CompressionMethod::Stored), Limits::default(), "E4222"),
        ("gzip in a zip", zip(&[("a.gz", &gzip(b"x"))], CompressionMethod::Deflated), Limits::default(), "E4222"),
        ("empty zip in a zip", zip(&[("a.zip", &empty)], CompressionMethod::Stored), Limits::default(), "E4222"),
        ("zip in a gzip", gzip(&stored), Limits::default(), "E4222"),
        ("gzip in a gzip", gzip(&gzip(b"x")), Limits::default(), "E4222"),
        ("bomb in a zip in a zip", zip(&[("a", &dense)], CompressionMethod::Stored), Limits::default(), "E4222"),
        ("encrypted", with_flag(stored.clone(), 6, 8, 1), Limits::default(), "E4222"),
        ("another method", with_flag(stored, 8, 10, 14), Limits::default(), "E4222"),
    ];
    for (what, bytes, limits, code) in cases {
        let error = read_all(bytes, limits).expect_err(what);
        assert_eq!(error.code().0, code, "{what}: {error}");
    }
}

#[test]
fn a_member_read_twice_counts_once() {
    let bytes = zip(&[("a", &[7; 900])], CompressionMethod::Deflated);
    let mut archive = open(bytes, Limits { unpacked_bytes: 1000, ..Limits::default() }).expect("a zip");
    for _ in 0..3 {
        let mut content = Vec::new();
        archive.read(0).expect("a member").read_to_end(&mut content).expect("within the limit");
        assert_eq!(content.len(), 900);
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::ConnectionReset.into())
    }
}

impl std::io::Seek for Broken {
    fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
        Ok(0)
    }
}

#[test]
fn bytes_that_cannot_be_read_are_no_damage() {
    let error = Archive::open(Box::new(Broken), "a", Limits::default()).expect_err("broken");
    assert_eq!(error.code().0, "E4223");
}

#[test]
fn names_lose_their_folders_and_pages_are_seen() {
    for (name, base) in [("a", "a"), ("../../a", "a"), ("c:\\x\\a.txt", "a.txt"), ("/", "")] {
        assert_eq!(base_name(name), base);
    }
    for (first, page) in [
        (&b"\xef\xbb\xbf \r\n<!DOCTYPE html><html>"[..], true),
        (b"<HTML lang=en>", true),
        (b"SETTLEMENT DATE|CUSIP", false),
        (b"<?xml version=\"1.0\"?>", false),
        (b"\xff\xfe<\0h\0t\0m\0l\0>\0", true),
        (b"\xfe\xff\0D\0A\0T\0E", false),
        (b"", false),
    ] {
        assert_eq!(sniff_html(first), page);
    }
}
