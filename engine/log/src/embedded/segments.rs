//! Where the blocks of large transactions lie: in files beside the database, each written once, one after another.
//!
//! ```text
//! blocks-1, blocks-2, …   blocks at multiples of 64 bytes, as the database's table `blocks` says; what a transaction
//!                         writes starts and ends at multiples of 4,096 bytes
//! ```
//!
//! A database writes what it takes twice, to its write-ahead file and to itself, and each time the system copies it into
//! its cache, from there to the disk. Measured on the machine of `benchmarks/RESULTS.md`, 360 MB in pieces of 1 MiB,
//! synced every 8 MiB, cost 1.1 s of processor time through the cache and 0.04 s past it; reading them cold 0.9 s and
//! 0.05 s. So these files are written and read past the system's cache where it lets us (Linux), else through it.
//!
//! What no block lies in any more is given back to the disk: a file in which nothing lies is removed, of others whole
//! pages are made holes where the system can (Linux). A hole reads as zeros; nobody reads it.
//!
//! Bytes are on the disk before the database names them. What it does not name was never committed: a start writes over
//! it. Within a run no byte is written twice, as nobody knows what a database that failed to commit left behind.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::buffer::Buffer;

use super::block;
use super::folder::sync_folder;
use crate::pending::Block;

/// What a disk takes whole: offset, length and address are multiples of it when the system's cache is passed by.
const PAGE: usize = 4096;

/// Blocks start at multiples of it, so that their columns can be used where they lie.
const ALIGNED: usize = 64;

/// Bytes after which a new file is begun. Larger: fewer files. Smaller: less to copy for who keeps copies of the folder.
const SEGMENT_BYTES: u64 = 1024 * 1024 * 1024;

/// Bytes that are gathered before they are written. Larger: fewer, longer writes, and more memory.
const STAGED_BYTES: usize = 4 * 1024 * 1024;

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Number of the file, from 1.
    pub(super) segment: u32,
    /// Its first byte there.
    pub(super) at: u64,
    /// Its length.
    pub(super) length: u32,
}

/// Up to where the database names bytes of the newest file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Number of the file; 0 if there is none yet.
    pub(super) segment: u32,
    /// Bytes of it that are taken.
    pub(super) end: u64,
}

/// The files of one folder, for readers.
pub(super) struct Segments {
    folder: PathBuf,
    files: Mutex<HashMap<u32, Arc<SegmentFile>>>,
}

impl Segments {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: Mutex::default() }
    }

    /// The bytes of a block, at a multiple of 64 in memory.
    pub(super) fn read(&self, spot: Spot) -> io::Result<Buffer> {
        let damaged = |text: &str| io::Error::new(ErrorKind::InvalidData, text);
        let aligned = spot.at.is_multiple_of(ALIGNED as u64) && spot.length as usize >= block::HEAD;
        let end = spot.at.checked_add(u64::from(spot.length)).filter(|_| aligned);
        let end = end.ok_or_else(|| damaged("no block can lie there"))?;
        let file = self.file(spot.segment)?;
        // Before memory is asked for: the place may be wrong.
        if end > file.file.metadata()?.len() {
            return Err(damaged("the file ends before it"));
        }
        let first = spot.at - spot.at % PAGE as u64;
        let skip = (spot.at - first) as usize;
        let mut pages = Pages::of((skip + spot.length as usize).next_multiple_of(PAGE));
        file.read_at(&mut pages, first)?;
        Ok(pages.into_buffer().slice_with_length(skip, spot.length as usize))
    }

    /// Closes files that are about to go.
    pub(super) fn forget(&self, segments: &[u32]) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|segment, _| !segments.contains(segment));
    }

    fn file(&self, segment: u32) -> io::Result<Arc<SegmentFile>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&segment) {
            return Ok(Arc::clone(file));
        }
        let mut options = OpenOptions::new();
        options.read(true);
        let file = Arc::new(SegmentFile::open(&path(&self.folder, segment), options)?);
        files.insert(segment, Arc::clone(&file));
        Ok(file)
    }
}

/// The one writer of the files of a folder.
pub(super) struct SegmentWriter {
    folder: PathBuf,
    reach: Reach,
    file: Option<SegmentFile>,
    staged: Staged,
}

impl SegmentWriter {
    /// Goes on after what the database names.
    pub(super) fn new(folder: &Path, reach: Reach) -> Self {
        Self { folder: folder.to_owned(), reach, file: None, staged: Staged::default() }
    }

    /// Up to where bytes are taken.
    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    /// Writes blocks and says where each lies. They are on the disk when this returns. Where it fails, the database was
    /// told nothing of it, and the next writes over it.
    pub(super) fn write(&mut self, blocks: &[Block]) -> io::Result<Vec<Spot>> {
        let before = self.reach;
        let written = self.write_on(blocks);
        if written.is_err() {
            self.reach = before;
            self.file = None;
        }
        written
    }

    /// Gives back what deleted blocks took, in the order of files and bytes, and removes files in which nothing lies.
    /// Where the system makes no holes, only those.
    pub(super) fn free(&self, spots: &[Spot], files: &[u32]) -> io::Result<()> {
        for &segment in files {
            match fs::remove_file(path(&self.folder, segment)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let mut runs: Vec<(u32, Range<u64>)> = Vec::new();
        for spot in spots.iter().filter(|spot| !files.contains(&spot.segment)) {
            let end = spot.at.saturating_add(u64::from(spot.length));
            match runs.last_mut() {
                // No block starts in less than what blocks are aligned to.
                Some((segment, run))
                    if *segment == spot.segment && spot.at < run.end.saturating_add(ALIGNED as u64) =>
                {
                    run.end = end.max(run.end);
                }
                _ => runs.push((spot.segment, spot.at..end)),
            }
        }
        for (segment, run) in runs {
            let file = OpenOptions::new().write(true).open(path(&self.folder, segment))?;
            // The place may be wrong.
            if run.end > file.metadata()?.len() {
                continue;
            }
            let pages = run.start.next_multiple_of(PAGE as u64)..run.end - run.end % PAGE as u64;
            if !pages.is_empty() && !make_hole(&file, &pages)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn write_on(&mut self, blocks: &[Block]) -> io::Result<Vec<Spot>> {
        if self.reach.segment == 0 || self.reach.end >= SEGMENT_BYTES {
            self.reach = Reach { segment: self.reach.segment + 1, end: 0 };
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(SegmentFile::create(&self.folder, self.reach.segment)?),
        };
        self.staged.clear();
        let mut spots = Vec::with_capacity(blocks.len());
        for block in blocks {
            let bytes = self.staged.add(block);
            let at = self.reach.end + bytes.start as u64;
            // A block is bounded by the largest record.
            let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
            spots.push(Spot { segment: self.reach.segment, at, length });
            if self.staged.len() >= STAGED_BYTES {
                let whole = self.staged.len() / PAGE * PAGE;
                Self::put(file, &mut self.staged, &mut self.reach, whole)?;
            }
        }
        self.staged.fill_up();
        let rest = self.staged.len();
        Self::put(file, &mut self.staged, &mut self.reach, rest)?;
        file.file.sync_data()?;
        Ok(spots)
    }

    fn put(file: &SegmentFile, staged: &mut Staged, reach: &mut Reach, length: usize) -> io::Result<()> {
        file.write_at(staged.first(length), reach.end)?;
        reach.end += length as u64;
        staged.drop_first(length);
        Ok(())
    }
}

fn path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(format!("blocks-{segment}"))
}

/// A file that passes the system's cache by, as long as the system lets it.
struct SegmentFile {
    path: PathBuf,
    file: File,
    /// The same file through the cache, once the system has refused to do without.
    cached: Mutex<Option<Arc<File>>>,
    direct: AtomicBool,
    options: OpenOptions,
}

impl SegmentFile {
    fn create(folder: &Path, segment: u32) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = Self::open(&path(folder, segment), options)?;
        sync_folder(folder)?;
        Ok(file)
    }

    fn open(path: &Path, options: OpenOptions) -> io::Result<Self> {
        let direct = open_direct(path, &options);
        let (file, direct) = match direct {
            Some(Ok(file)) => (file, true),
            Some(Err(error)) if error.kind() != ErrorKind::InvalidInput => return Err(error),
            _ => (options.open(path)?, false),
        };
        Ok(Self { path: path.to_owned(), file, cached: Mutex::default(), direct: AtomicBool::new(direct), options })
    }

    fn read_at(&self, pages: &mut Pages, at: u64) -> io::Result<()> {
        self.with(|file| read_pages(file, pages.as_mut(), at))
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.with(|file| file.write_all_at(bytes, at))
    }

    /// Some file systems take the flag and refuse the first read or write.
    fn with(&self, mut work: impl FnMut(&File) -> io::Result<()>) -> io::Result<()> {
        if self.direct.load(Ordering::Relaxed) {
            match work(&self.file) {
                Err(error) if error.kind() == ErrorKind::InvalidInput => self.direct.store(false, Ordering::Relaxed),
                done => return done,
            }
        }
        work(&*self.through_cache()?)
    }

    fn through_cache(&self) -> io::Result<Arc<File>> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*cached {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.options.open(&self.path)?);
        *cached = Some(Arc::clone(&file));
        Ok(file)
    }
}

/// Opens a file so that the system's cache is passed by; nothing where no way is known.
fn open_direct(path: &Path, options: &OpenOptions) -> Option<io::Result<File>> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flag = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).ok()?;
        Some(options.clone().custom_flags(flag).open(path))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (path, options);
        None
    }
}

/// Gives the bytes of whole pages back to the disk; false where that cannot be done.
fn make_hole(file: &File, pages: &Range<u64>) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(file, flags, pages.start, pages.end - pages.start) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, pages);
        Ok(false)
    }
}

/// Fills pages, as far as the file goes. Whoever asked has seen that it goes far enough.
fn read_pages(file: &File, mut pages: &mut [u8], mut at: u64) -> io::Result<()> {
    while !pages.is_empty() {
        match file.read_at(pages, at) {
            Ok(read) if read.is_multiple_of(PAGE) && read > 0 => {
                pages = &mut pages[read..];
                at += read as u64;
            }
            // Only the end of a file lies within a page; the rest stays zero.
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Zeros at a multiple of a page's size in memory.
struct Pages {
    bytes: Vec<u8>,
    range: Range<usize>,
}

impl Pages {
    fn of(length: usize) -> Self {
        let bytes = vec![0; length + PAGE];
        let start = to_page(bytes.as_ptr());
        Self { bytes, range: start..start + length }
    }

    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.range.clone()]
    }

    fn into_buffer(self) -> Buffer {
        Buffer::from_vec(self.bytes).slice_with_length(self.range.start, self.range.len())
    }
}

/// Bytes to the next multiple of a page's size.
fn to_page(pointer: *const u8) -> usize {
    // Never more in a running program; if it were, the system would refuse and the cache be used.
    pointer.align_offset(PAGE).min(PAGE)
}

/// What is to be written next, at a multiple of a page's size in memory.
#[derive(Default)]
struct Staged {
    bytes: Vec<u8>,
    start: usize,
}

impl Staged {
    fn clear(&mut self) {
        if self.bytes.capacity() > 4 * STAGED_BYTES {
            // One very large record is no reason to keep so much.
            *self = Self::default();
        }
        self.bytes.truncate(self.start);
    }

    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Adds a block and says where it lies, from the first byte that is staged.
    fn add(&mut self, block: &Block) -> Range<usize> {
        self.room(ALIGNED + block::most_bytes(&block.records));
        self.resize(self.len().next_multiple_of(ALIGNED));
        let first = self.len();
        block::encode(block.place, &block.records, &mut self.bytes);
        first..self.len()
    }

    /// Makes room for so many bytes more, and for the end of the last page.
    fn room(&mut self, more: usize) {
        let more = more + PAGE;
        if self.bytes.capacity() - self.bytes.len() >= more {
            return;
        }
        let mut larger = Vec::with_capacity((self.len() + more).max(STAGED_BYTES + STAGED_BYTES / 2) + PAGE);
        let start = to_page(larger.as_ptr());
        larger.resize(start, 0);
        larger.extend_from_slice(&self.bytes[self.start..]);
        (self.bytes, self.start) = (larger, start);
    }

    fn fill_up(&mut self) {
        self.room(0);
        self.resize(self.len().next_multiple_of(PAGE));
    }

    fn resize(&mut self, length: usize) {
        self.bytes.resize(self.start + length, 0);
    }

    fn first(&self, length: usize) -> &[u8] {
        &self.bytes[self.start..self.start + length]
    }

    fn drop_first(&mut self, length: usize) {
        let rest = self.len() - length;
        self.bytes.copy_within(self.start + length.., self.start);
        self.resize(rest);
    }
}
