//! Zip and gzip readers with their limits.
//!
//! The first byte says whether the rest is a document as it comes, or what an archive is made of and where it is then
//! damaged. Promises:
//! * No more comes out than the limits allow, whatever the archive's tables claim, and no more members either.
//! * A member that is read twice, in other pieces, gives the same bytes and ends the same way.
//! * What is no archive passes through unchanged; an archive that nobody damaged gives back what was put in, unless a
//!   limit forbids it.
//! * Bytes in memory can always be read: no error says that another try might help.

use std::io::{Cursor, Read, Write};

use arbitrary::Unstructured;
use codec::archive::{Archive, ArchiveError, Limits, Selection, base_name, sniff_html};
use pattern::Pattern;

/// Name and content of a member.
type Member = (String, Vec<u8>);

/// What a member gave: bytes, and the code of the error that ended it.
type Reading = (Vec<u8>, Option<&'static str>);

pub(crate) fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let Ok((limits, made)) = choose(&mut choices) else { return };
    let (document, intact) = match made {
        None => (choices.take_rest().to_vec(), None),
        Some((document, members)) => (document, members),
    };
    let _ = sniff_html(&document);
    let mut archive = match Archive::open(Box::new(Cursor::new(document.clone())), "name.gz", limits) {
        Ok(archive) => archive,
        Err(error) => {
            known(&error);
            let too_many = intact.as_ref().is_none_or(|members| members.len() > limits.members);
            assert!(too_many, "an archive that is whole cannot be opened: {error}");
            return;
        }
    };
    let members = archive.members(&Selection::All).expect("no member has to be opened to be selected");
    assert!(members.len() <= limits.members.max(1), "{} members", members.len());
    let mut total = 0;
    let mut readings = Vec::new();
    for member in &members {
        assert!(!base_name(&member.name).contains(['/', '\\']));
        let first = read(&mut archive, member.index, 4096);
        let again = read(&mut archive, member.index, if limits.unpacked_bytes > 5000 { 61 } else { 1 });
        total += first.0.len() as u64;
        let most = total.max(total - first.0.len() as u64 + again.0.len() as u64);
        assert!(most <= limits.unpacked_bytes, "{most} bytes of {limits:?}");
        // How much comes out before an error depends on the pieces that were asked for; no one uses it.
        let (shorter, longer) = if first.0.len() < again.0.len() { (&first, &again) } else { (&again, &first) };
        // Which comes first may differ too, where both the limit and damage end the reading.
        let limited = [first.1, again.1].contains(&Some("E4221")) && first.1.is_some() && again.1.is_some();
        assert!(
            limited || first.1 == again.1,
            "reading member {} ends with {:?} and {:?}",
            member.index,
            first.1,
            again.1
        );
        assert!(longer.0.starts_with(&shorter.0) && (first.1.is_some() || shorter.0.len() == longer.0.len()));
        readings.push(first);
    }
    if archive.is_plain() {
        let (content, error) = &readings[0];
        match error {
            None => assert_eq!(*content, document),
            Some(code) => assert!(*code == "E4221" && document.len() as u64 > limits.unpacked_bytes, "{code}"),
        }
    }
    let pattern = Pattern::parse("*").expect("a pattern");
    for selection in [Selection::FirstLine(&pattern), Selection::Named(&pattern)] {
        match archive.members(&selection) {
            Ok(selected) => assert!(selected.len() <= members.len()),
            Err(error) => known(&error),
        }
    }
    let within = readings.iter().all(|(_, error)| *error != Some("E4221"));
    if let Some(intact) = intact.filter(|_| within) {
        let packed = |content: &[u8]| {
            [&b"PK\x03\x04"[..], b"PK\x05\x06", b"\x1f\x8b"].iter().any(|mark| content.starts_with(mark))
        };
        assert_eq!(readings.len(), intact.len());
        for ((content, error), (name, put_in)) in readings.iter().zip(&intact) {
            match error {
                None => assert_eq!(content, put_in, "{name}"),
                Some(code) => assert!(*code == "E4222" && packed(put_in), "{name}: {code}"),
            }
        }
    }
}

/// The errors that a document in memory may have.
fn known(error: &ArchiveError) {
    assert!(["E4220", "E4221", "E4222"].contains(&error.code().0), "{}: {error:?}", error.code());
}

fn read(archive: &mut Archive, index: usize, piece: usize) -> Reading {
    let mut content = Vec::new();
    let mut reader = match archive.read(index) {
        Ok(reader) => reader,
        Err(error) => {
            known(&error);
            return (content, Some(error.code().0));
        }
    };
    let mut buffer = vec![0; piece];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return (content, None),
            Ok(length) => content.extend_from_slice(&buffer[..length]),
            Err(error) => {
                let error = ArchiveError::from_io(error);
                known(&error);
                return (content, Some(error.code().0));
            }
        }
    }
}

/// Limits, and the archive if one is to be made: its bytes, and its members if nobody damaged it.
#[expect(clippy::type_complexity, reason = "named by the sentence above, and used once")]
fn choose(choices: &mut Unstructured<'_>) -> arbitrary::Result<(Limits, Option<(Vec<u8>, Option<Vec<Member>>)>)> {
    let limits = Limits {
        unpacked_bytes: *choices.choose(&[1 << 20, 1 << 20, 5000, 100])?,
        members: *choices.choose(&[10, 10, 2])?,
        ratio: 100,
    };
    let kind: u8 = choices.arbitrary()?;
    if kind.is_multiple_of(3) {
        return Ok((limits, None));
    }
    let mut members = Vec::new();
    for _ in 0..choices.int_in_range(0..=4)? {
        let name = *choices.choose(&["a.txt", "b.csv", "x/y.txt", "..\\z", "/etc/passwd", "é"])?;
        let piece: Vec<u8> = choices.arbitrary()?;
        let times = *choices.choose(&[1, 1, 1, 50, 2000])?;
        members.push((name.to_owned(), piece.repeat(if piece.len() < 64 { times } else { 1 })));
    }
    members.sort();
    members.dedup_by(|one, other| one.0 == other.0);
    let mut document = if kind % 3 == 1 {
        zipped(&members, choices.arbitrary()?)
    } else {
        members.truncate(1);
        members.iter_mut().for_each(|member| member.0 = "name".to_owned());
        gzipped(members.first().map_or(&[], |member| &member.1))
    };
    let damages = choices.int_in_range(0..=3)?;
    for _ in 0..damages {
        // From the end, where a zip has its tables, or from the beginning.
        let at = choices.int_in_range(0..=200_usize)?;
        let at = if choices.arbitrary()? { at } else { document.len().saturating_sub(at + 1) };
        match choices.int_in_range(0..=3)? {
            0 => document.truncate(at.max(4)),
            _ => {
                let byte = choices.arbitrary()?;
                if let Some(place) = document.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
    if kind % 3 == 2 && members.is_empty() {
        members.push(("name".to_owned(), Vec::new()));
    }
    Ok((limits, Some((document, (damages == 0).then_some(members)))))
}

fn zipped(members: &[Member], stored: bool) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method = if stored { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, content) in members {
        writer.start_file(name.as_str(), options).expect("no name stands twice");
        writer.write_all(content).expect("memory can be written");
    }
    writer.finish().expect("memory can be written").into_inner()
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(content).expect("memory can be written");
    writer.finish().expect("memory can be written")
}
