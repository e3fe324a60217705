//! Opens documents: zip and gzip by their first bytes; anything else is one member that passes through.
//!
//! An archive is hostile until proven otherwise. What comes out is bounded in bytes, in members and in density, whatever
//! the archive's tables claim. A member's name is text to report and to match, with the folders cut off; it is never a
//! path. Names in zips are UTF-8 where they can be, else cp437, as the format says of names without the flag. Sizes that an archive states are not believed.
//!
//! A member that is an archive itself is refused, so that no depth has to be bounded; it harms nothing while another
//! member is selected.
//!
//! Deliberately absent: unpacking archives within archives, passwords, and methods of zip other than stored and deflated.

mod directory;
mod error;
mod guard;
mod gzip;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use pattern::Pattern;
use zip::ZipArchive;

pub use error::ArchiveError;
pub use guard::MemberReader;
use guard::Unpacked;

/// Most bytes of a member that are read to see its first line.
const FIRST_LINE_LIMIT: u64 = 64 * 1024;

/// Bytes of a document that can be read from any position.
pub trait DocumentBytes: Read + Seek + Send {}

impl<T: Read + Seek + Send> DocumentBytes for T {}

/// How much an archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of all members together, unpacked. A smaller number refuses honest documents; a larger one lets one
    /// document hold up its task for longer.
    pub unpacked_bytes: u64,
    /// Most members.
    pub members: usize,
    /// Most unpacked bytes for each packed byte, of a member and of all members together. Publishers' tables reach 10 to
    /// 30; deflate ends at 1,032. So an archive of 5 MB costs no more time than half a gigabyte of rows does.
    pub ratio: u64,
}

impl Limits {
    /// Up to this size a document may be as dense as it likes: few equal lines pack very well.
    const RATIO_FLOOR: u64 = 16 * 1024 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked_bytes: 8 << 30, members: 10_000, ratio: 100 }
    }
}

/// Which members to read.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// All.
    All,
    /// Those whose name matches, folders cut off.
    Named(&'a Pattern),
    /// Those whose first line matches, read by its byte-order mark, else as UTF-8 if it can be, else as windows-1252. A
    /// line longer than 64 KiB is matched by its beginning.
    FirstLine(&'a Pattern),
}

/// One member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What [`Archive::read`] takes.
    pub index: usize,
    /// Its name as published, folders included. For people; never a path.
    pub name: Arc<str>,
}

enum Kind {
    Zip(Box<ZipArchive<Box<dyn DocumentBytes>>>),
    Gzip(Box<dyn DocumentBytes>),
    Plain(Box<dyn DocumentBytes>),
}

/// An open document.
pub struct Archive {
    kind: Kind,
    members: Vec<Member>,
    limits: Limits,
    length: u64,
    unpacked: Unpacked,
}

impl Archive {
    /// Opens a document. `name` is the document's own name, for a document that is no archive or has no table of names.
    ///
    /// # Errors
    /// If it is an archive that is damaged, too large or of an unsupported kind, or cannot be read.
    pub fn open(mut reader: Box<dyn DocumentBytes>, name: &str, limits: Limits) -> Result<Self, ArchiveError> {
        let failed = |source| ArchiveError::Io { source };
        let length = reader.seek(SeekFrom::End(0)).map_err(failed)?;
        reader.rewind().map_err(failed)?;
        let mut first = Vec::with_capacity(4);
        Read::take(&mut reader, 4).read_to_end(&mut first).map_err(failed)?;
        reader.rewind().map_err(failed)?;
        let single = |name: &str| vec![Member { index: 0, name: name.into() }];
        let (kind, members) = match first.as_slice() {
            b"PK\x03\x04" | b"PK\x05\x06" => {
                let zip = ZipArchive::new(reader).map_err(ArchiveError::from_zip)?;
                let members = zip_members(&zip, limits)?;
                let (directory, told, before) = (zip.central_directory_start(), zip.len(), zip.offset());
                let mut reader = zip.into_inner();
                if let Some(what) = directory::contradiction(&mut reader, directory, told, before).map_err(failed)? {
                    return Err(ArchiveError::Damaged { source: std::io::Error::other(what) });
                }
                let zip = ZipArchive::new(reader).map_err(ArchiveError::from_zip)?;
                (Kind::Zip(Box::new(zip)), members)
            }
            [0x1f, 0x8b, ..] => {
                let inside = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".GZ")).unwrap_or(name);
                (Kind::Gzip(reader), single(inside))
            }
            _ => (Kind::Plain(reader), single(name)),
        };
        Ok(Self { kind, members, limits, length, unpacked: Unpacked::default() })
    }

    /// True if the document is no archive and passes through as its one member.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.kind, Kind::Plain(_))
    }

    /// The selected members in the archive's order. Folders are no members.
    ///
    /// # Errors
    /// If a member has to be opened to see its first line, and cannot be.
    pub fn members(&mut self, selection: &Selection<'_>) -> Result<Vec<Member>, ArchiveError> {
        let mut selected = Vec::new();
        for position in 0..self.members.len() {
            let member = self.members[position].clone();
            let taken = match selection {
                Selection::All => true,
                Selection::Named(pattern) => pattern.matches(base_name(&member.name)).is_some(),
                Selection::FirstLine(pattern) => pattern.matches(&self.first_line(member.index)?).is_some(),
            };
            if taken {
                selected.push(member);
            }
        }
        Ok(selected)
    }

    /// The bytes of a member from its beginning. It may be read again.
    ///
    /// # Errors
    /// If there is no such member, it cannot be opened, or it is an archive itself. What is found out while reading, the
    /// reader says; see [`ArchiveError::from_io`].
    pub fn read(&mut self, index: usize) -> Result<MemberReader<'_>, ArchiveError> {
        if !self.is_plain() {
            let mut first = Vec::with_capacity(4);
            self.unpack(index)?.take(4).read_to_end(&mut first).map_err(ArchiveError::from_io)?;
            if is_packed(&first) {
                return Err(ArchiveError::Unsupported { what: "a member is an archive itself" });
            }
        }
        self.unpack(index)
    }

    fn unpack(&mut self, index: usize) -> Result<MemberReader<'_>, ArchiveError> {
        if !self.members.iter().any(|member| member.index == index) {
            return Err(ArchiveError::NoMember { index });
        }
        let length = self.length;
        let (packed, inner): (u64, Box<dyn Read + '_>) = match &mut self.kind {
            Kind::Zip(zip) => {
                let file = zip.by_index(index).map_err(ArchiveError::from_zip)?;
                // The table's own word on the packed size is not believed beyond the document's length.
                (file.compressed_size().min(length), Box::new(file))
            }
            Kind::Gzip(reader) => {
                reader.rewind().map_err(|source| ArchiveError::Io { source })?;
                (length, Box::new(gzip::Members::new(reader)))
            }
            Kind::Plain(reader) => {
                reader.rewind().map_err(|source| ArchiveError::Io { source })?;
                (length, Box::new(reader))
            }
        };
        Ok(MemberReader::new(inner, &mut self.unpacked, self.limits, index, (packed, length)))
    }

    /// Reads members to their ends, for what only their ends tell: whether they are damaged.
    ///
    /// # Errors
    /// The first thing that is wrong with one of them.
    pub fn read_through(&mut self, members: &[Member]) -> Result<(), ArchiveError> {
        members.iter().try_for_each(|member| {
            let mut bytes = self.unpack(member.index)?;
            std::io::copy(&mut bytes, &mut std::io::sink()).map_err(ArchiveError::from_io).map(drop)
        })
    }

    /// The first line of a member, as [`Selection::FirstLine`] sees it; of a long one the first 64 KiB.
    ///
    /// # Errors
    /// If there is no such member, or it cannot be opened or read.
    pub fn first_line(&mut self, index: usize) -> Result<String, ArchiveError> {
        let mut start = Vec::new();
        let mut reader = self.unpack(index)?.take(FIRST_LINE_LIMIT);
        let mut piece = [0; 4096];
        loop {
            let length = match reader.read(&mut piece) {
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ArchiveError::from_io(error)),
            };
            start.extend_from_slice(&piece[..length]);
            if let Some(line) = line_of(&start, length == 0) {
                return Ok(line);
            }
        }
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Archive").field("members", &self.members).field("limits", &self.limits).finish()
    }
}

/// The beginning of a text, in the encoding that its mark says, without the mark.
fn beginning(bytes: &[u8]) -> Cow<'_, str> {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((UTF_8, 0));
    encoding.decode_without_bom_handling(&bytes[mark..]).0
}

/// The first line of a text, without its end; `None` if more of the line may follow.
fn line_of(start: &[u8], is_all: bool) -> Option<String> {
    let text = match Encoding::for_bom(start) {
        Some((encoding, mark)) => encoding.decode_without_bom_handling(&start[mark..]).0,
        None => match start.iter().position(|byte| *byte == b'\n') {
            Some(end) => unmarked(&start[..=end]),
            None if is_all => unmarked(start),
            None => return None,
        },
    };
    let line = match text.split_once('\n') {
        Some((line, _)) => line,
        None if is_all => &*text,
        None => return None,
    };
    Some(line.trim_end_matches('\r').to_owned())
}

/// A line of a text without a mark: UTF-8 if it can be. What cannot is mostly windows-1252, in which every line is text.
/// Nobody says more here: the encoding of `decode` is that of the members that are chosen.
fn unmarked(line: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(line) {
        // The limit may cut a character in two.
        Err(error) if error.error_len().is_none() && line.len() as u64 == FIRST_LINE_LIMIT => {
            String::from_utf8_lossy(&line[..error.valid_up_to()])
        }
        Err(_) => WINDOWS_1252.decode_without_bom_handling(line).0,
        Ok(text) => Cow::Borrowed(text),
    }
}

/// True if these first bytes of a document begin a zip or gzip.
#[must_use]
pub fn is_packed(first: &[u8]) -> bool {
    [&b"PK\x03\x04"[..], b"PK\x05\x06", b"\x1f\x8b"].iter().any(|mark| first.starts_with(mark))
}

/// The name without its folders, whichever way their separators lean.
#[must_use]
pub fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// True if these first bytes of a document begin an HTML page: a publisher's way to say that there is no data.
#[must_use]
pub fn sniff_html(first: &[u8]) -> bool {
    let text = beginning(first);
    let text = text.trim_ascii_start();
    ["<!doctype html", "<html"]
        .iter()
        .any(|mark| text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark)))
}

fn zip_members(zip: &ZipArchive<Box<dyn DocumentBytes>>, limits: Limits) -> Result<Vec<Member>, ArchiveError> {
    if zip.len() > limits.members {
        return Err(ArchiveError::TooMany { members: zip.len(), limit: limits.members });
    }
    if zip.has_duplicate_names() {
        return Err(ArchiveError::Unsupported { what: "two members have one name" });
    }
    let mut members = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let entry = zip.by_index_data(index).map_err(ArchiveError::from_zip)?;
        if !entry.is_dir() {
            // A name that is no UTF-8 is one of cp437, whatever its flag says: that cannot fail.
            let name = entry.name().unwrap_or_else(|_| String::from_utf8_lossy(entry.name_raw()));
            members.push(Member { index, name: name.as_ref().into() });
        }
    }
    Ok(members)
}
