//! Whether the directory of a zip and its end say the same.
//!
//! A reader of zips takes as many entries of the directory as the end of the archive says. Old programs write that number
//! modulo 65,536, and two archives behind one another have two directories, of which only the last is read: members would
//! be passed over without a word. See PKWARE's APPNOTE, 4.3.12 (entries) and 4.3.16 (the end).

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Bytes of an entry before its name.
const ENTRY: usize = 46;
/// What an entry begins with.
const SIGNATURE: &[u8] = b"PK\x01\x02";

fn two(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

/// What is wrong with a directory that begins at `start`, if its end says that it has `told` entries and that the archive
/// begins behind `before` bytes.
///
/// # Errors
/// If the bytes cannot be read.
pub(super) fn contradiction(
    reader: &mut (impl Read + Seek),
    start: u64,
    told: usize,
    before: u64,
) -> io::Result<Option<&'static str>> {
    let mut reader = BufReader::new(reader);
    reader.seek(SeekFrom::Start(start))?;
    let (mut places, mut far, mut entries) = (HashSet::new(), false, 0_usize);
    let mut entry = Vec::with_capacity(ENTRY);
    loop {
        entry.clear();
        reader.by_ref().take(ENTRY as u64).read_to_end(&mut entry)?;
        // Behind the last entry comes the end, which is shorter than an entry or longer.
        if entry.len() < ENTRY || !entry.starts_with(SIGNATURE) {
            break;
        }
        entries += 1;
        if entries > told {
            return Ok(Some("its directory has more entries than its end says"));
        }
        let place = u32::from_le_bytes([entry[42], entry[43], entry[44], entry[45]]);
        // The largest one stands for another number, behind the name.
        far |= place == u32::MAX;
        if place != u32::MAX && !places.insert(place) {
            return Ok(Some("two members are the same bytes"));
        }
        let behind = two(&entry, 28) + two(&entry, 30) + two(&entry, 32);
        reader.seek_relative(behind as i64)?;
    }
    if entries < told {
        return Ok(Some("its directory has fewer entries than its end says"));
    }
    if entries > 0 && (before > 0 || !(far || places.contains(&0))) {
        return Ok(Some("it begins with bytes that its directory does not name"));
    }
    Ok(None)
}
