//! Documents that are made while they are read, so that large ones cost nothing by themselves; and archives.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// These bytes.
    Text(Arc<[u8]>),
    /// So many bytes of one value.
    Fill(u8, u64),
    /// So many rows `NUMBER|1|ROW OF A LARGE DOCUMENT`, numbered in twelve digits.
    Rows(u64),
}

/// Bytes of a row of [`Part::Rows`].
pub(crate) const ROW: usize = 40;

fn row(number: u64) -> String {
    let text = format!("{number:012}|1|ROW OF A LARGE DOCUMENT\n");
    format!("{text:>ROW$}")
}

pub(crate) fn text(text: impl AsRef<[u8]>) -> Part {
    Part::Text(text.as_ref().into())
}

/// Parts one after another.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    parts: Arc<[Part]>,
    position: u64,
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Self::Text(bytes) => bytes.len() as u64,
            Self::Fill(_, length) => *length,
            Self::Rows(count) => count * ROW as u64,
        }
    }

    fn read(&self, at: u64, target: &mut [u8]) -> usize {
        let length = (self.length() - at).min(target.len() as u64) as usize;
        let target = &mut target[..length];
        match self {
            Self::Text(bytes) => target.copy_from_slice(&bytes[at as usize..at as usize + length]),
            Self::Fill(byte, _) => target.fill(*byte),
            Self::Rows(_) => {
                let mut done = 0;
                while done < length {
                    let at = at + done as u64;
                    let (row, within) = (row(at / ROW as u64), (at % ROW as u64) as usize);
                    let some = &row.as_bytes()[within..ROW.min(within + length - done)];
                    target[done..done + some.len()].copy_from_slice(some);
                    done += some.len();
                }
            }
        }
        length
    }
}

impl Made {
    pub(crate) fn of(parts: &[Part]) -> Self {
        Self { parts: parts.into(), position: 0 }
    }

    fn length(&self) -> u64 {
        self.parts.iter().map(Part::length).sum()
    }
}

impl Read for Made {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut start = 0;
        for part in self.parts.iter() {
            if self.position < start + part.length() {
                let read = part.read(self.position - start, target);
                self.position += read as u64;
                return Ok(read);
            }
            start += part.length();
        }
        Ok(0)
    }
}

impl Seek for Made {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => i128::from(at),
            SeekFrom::End(back) => i128::from(self.length()) + i128::from(back),
            SeekFrom::Current(on) => i128::from(self.position) + i128::from(on),
        };
        self.position = u64::try_from(at).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// A zip of these members.
pub(crate) fn zipped(members: &[(&str, Made)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file(*name, options).expect("a name");
        io::copy(&mut content.clone(), &mut writer).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

/// A gzip of a document.
pub(crate) fn gzipped(content: &Made) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    io::copy(&mut content.clone(), &mut writer).expect("memory takes it");
    writer.flush().expect("memory takes it");
    writer.finish().expect("memory takes it")
}

/// A zip whose table names the one member of `zip` so often, by names of its own, each time with the same packed bytes.
pub(crate) fn overlapping(zip: &[u8], times: u8) -> Vec<u8> {
    let at = |mark: &[u8]| zip.windows(4).rposition(|four| four == mark).expect("a zip");
    let (directory, end) = (at(b"PK\x01\x02"), at(b"PK\x05\x06"));
    let entry = &zip[directory..end];
    let mut bytes = zip[..directory].to_vec();
    for time in 0..times {
        let mut entry = entry.to_vec();
        // The name stands behind 46 bytes of fixed length.
        entry[46] = b'A' + time;
        bytes.extend(entry);
    }
    let (count, size) = (u16::from(times), (entry.len() * usize::from(times)) as u32);
    let mut tail = zip[end..].to_vec();
    tail[8..10].copy_from_slice(&count.to_le_bytes());
    tail[10..12].copy_from_slice(&count.to_le_bytes());
    tail[12..16].copy_from_slice(&size.to_le_bytes());
    bytes.extend(tail);
    bytes
}
