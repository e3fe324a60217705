//! Snapshots: a store's committed state in one file, with what is needed to go on from it.
//!
//! Whole numbers are big-endian, two's complement where signed.
//!
//! ```text
//!  0  8  magic "SPOTSNAP"
//!  8  1  version of this envelope: 2
//!  9 16  identity of the input topic
//! 25  4  number of its partition
//! 29  8  input position: the next offset that the task would read
//! 37 16  identity of the changelog topic
//! 53  8  changelog offset: the first record that is not in the snapshot
//! 61  2  number of stretches of the changelog before that, to 65,535
//! 63  n  stretches of 16 bytes: offset after the last record, 8; the store's time then, 8
//!  …  2  length of the store's name in bytes, to 65,535
//!  …  n  the store's name, UTF-8
//!  …  …  state, as the store writes it; its first byte is the version of its own format
//!  … 16  XXH3-128, seed 0, of all bytes before
//! ```
//!
//! Those of version 1 have no stretches, nor their number, and are still read.
//!
//! A snapshot is never mended: whatever does not agree is refused, and the store is restored from its changelog.
//! Whether position and offset still exist is the caller's to ask.

use std::io::{self, BufReader, BufWriter, Read, Write};

use batch::TopicIdentity;
use xxhash_rust::xxh3::Xxh3;

use crate::{Store, StoreError, Stretch};

const MAGIC: &[u8; 8] = b"SPOTSNAP";
const VERSION: u8 = 2;
/// Without stretches.
const EARLIER: u8 = 1;

/// What a snapshot says beside the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// Identity of the task's input topic.
    pub input: TopicIdentity,
    /// The task's partition of it.
    pub partition: i32,
    /// The next offset that the task would read.
    pub position: i64,
    /// Identity of the changelog topic.
    pub changelog: TopicIdentity,
    /// The first record of the changelog that is not in the snapshot.
    pub changelog_offset: i64,
    /// The stretches of the changelog before that, in order.
    pub stretches: Vec<Stretch>,
}

/// Writes the committed state of `store`. Nothing is synced or renamed: that is the caller's, who owns the file.
///
/// # Errors
/// If writing fails.
pub fn write_snapshot(to: &mut dyn Write, header: &SnapshotHeader, store: &dyn Store) -> Result<(), StoreError> {
    let mut out = Hashing { inner: BufWriter::with_capacity(1 << 16, to), hash: Xxh3::new() };
    out.write_all(MAGIC)?;
    out.write_all(&[VERSION])?;
    out.write_all(&header.input.0.to_be_bytes())?;
    out.write_all(&header.partition.to_be_bytes())?;
    out.write_all(&header.position.to_be_bytes())?;
    out.write_all(&header.changelog.0.to_be_bytes())?;
    out.write_all(&header.changelog_offset.to_be_bytes())?;
    let stretches = u16::try_from(header.stretches.len());
    let stretches = stretches.map_err(|_| io::Error::other("a changelog has more than 65,535 stretches"))?;
    out.write_all(&stretches.to_be_bytes())?;
    for Stretch { end, time } in &header.stretches {
        out.write_all(&end.to_be_bytes())?;
        out.write_all(&time.to_be_bytes())?;
    }
    let name = store.name().as_bytes();
    let length =
        u16::try_from(name.len()).map_err(|_| io::Error::other("a store's name is longer than 65,535 bytes"))?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(name)?;
    store.write_state(&mut out)?;
    let checksum = out.hash.digest128();
    out.inner.write_all(&checksum.to_be_bytes())?;
    out.inner.flush()?;
    Ok(())
}

/// Replaces the state of `store` by the snapshot's. After an error the store is empty.
///
/// # Errors
/// If reading fails, or the bytes are no whole snapshot of this store in a version that is known.
pub fn read_snapshot(from: &mut dyn Read, store: &mut dyn Store) -> Result<SnapshotHeader, StoreError> {
    store.clear();
    let read = read_checked(from, store);
    if read.is_err() {
        store.clear();
    }
    read.map_err(|error| match error {
        StoreError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => StoreError::Damaged("it was cut off"),
        other => other,
    })
}

fn read_checked(from: &mut dyn Read, store: &mut dyn Store) -> Result<SnapshotHeader, StoreError> {
    let mut input = Hashing { inner: BufReader::with_capacity(1 << 16, from), hash: Xxh3::new() };
    let magic: [u8; 8] = take(&mut input)?;
    if magic != *MAGIC {
        return Err(StoreError::NotASnapshot);
    }
    let [version] = take(&mut input)?;
    if version != VERSION && version != EARLIER {
        return Err(StoreError::Version { what: "snapshot", found: version, known: VERSION });
    }
    let mut header = SnapshotHeader {
        input: TopicIdentity(u128::from_be_bytes(take(&mut input)?)),
        partition: i32::from_be_bytes(take(&mut input)?),
        position: i64::from_be_bytes(take(&mut input)?),
        changelog: TopicIdentity(u128::from_be_bytes(take(&mut input)?)),
        changelog_offset: i64::from_be_bytes(take(&mut input)?),
        stretches: Vec::new(),
    };
    let count = if version == EARLIER { 0 } else { u16::from_be_bytes(take(&mut input)?) };
    for _ in 0..count {
        let end = i64::from_be_bytes(take(&mut input)?);
        header.stretches.push(Stretch { end, time: i64::from_be_bytes(take(&mut input)?) });
    }
    let mut name = vec![0; usize::from(u16::from_be_bytes(take(&mut input)?))];
    input.read_exact(&mut name)?;
    if name != store.name().as_bytes() {
        let found = String::from_utf8_lossy(&name).into_owned();
        return Err(StoreError::OtherStore { found, expected: store.name().clone() });
    }
    store.read_state(&mut input)?;
    let checksum = input.hash.digest128();
    let mut stored = [0; 16];
    input.inner.read_exact(&mut stored)?;
    if u128::from_be_bytes(stored) != checksum {
        return Err(StoreError::Damaged("its checksum does not agree"));
    }
    if input.inner.read(&mut [0])? != 0 {
        return Err(StoreError::Damaged("bytes follow its end"));
    }
    Ok(header)
}

/// Reads exactly `N` bytes.
pub(crate) fn take<const N: usize>(from: &mut dyn Read) -> Result<[u8; N], io::Error> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Hashes what passes through.
struct Hashing<T> {
    inner: T,
    hash: Xxh3,
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.hash.update(&into[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use batch::TopicIdentity;

    use super::{SnapshotHeader, read_snapshot, write_snapshot};
    use crate::{Seen, SeenKeys, Store, StoreError, Stretch};

    fn header() -> SnapshotHeader {
        SnapshotHeader {
            input: TopicIdentity(7),
            partition: 3,
            position: 1_000,
            changelog: TopicIdentity(8),
            changelog_offset: 55,
            stretches: vec![Stretch { end: 30, time: -7 }, Stretch { end: 55, time: 19 }],
        }
    }

    fn store(name: &str) -> SeenKeys {
        SeenKeys::new(name.into(), Duration::from_millis(100))
    }

    fn written() -> Vec<u8> {
        let mut seen = store("seen");
        for key in 0..20 {
            seen.observe(key, 1, i64::try_from(key).expect("small"));
        }
        seen.commit();
        let mut bytes = Vec::new();
        write_snapshot(&mut bytes, &header(), &seen).expect("memory does not fail");
        bytes
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut seen = store("seen");
        assert_eq!(read_snapshot(&mut written().as_slice(), &mut seen).expect("whole"), header());
        assert_eq!(seen.len(), 20);
        assert_eq!(seen.observe(19, 1, 20), Seen::Repeat);
        assert_eq!(seen.observe(20, 1, 20), Seen::New);
    }

    #[test]
    fn one_of_the_version_before_is_read() {
        let mut whole = written();
        whole[8] = 1;
        whole.drain(61..61 + 2 + 2 * 16);
        let body = whole.len() - 16;
        let checksum = xxhash_rust::xxh3::xxh3_128(&whole[..body]).to_be_bytes();
        whole[body..].copy_from_slice(&checksum);
        let mut seen = store("seen");
        let read = read_snapshot(&mut whole.as_slice(), &mut seen).expect("whole");
        assert_eq!(read, SnapshotHeader { stretches: Vec::new(), ..header() });
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn every_damaged_byte_is_refused_and_leaves_the_store_empty() {
        let whole = written();
        for i in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[i] ^= 0x55;
            let mut seen = store("seen");
            assert!(read_snapshot(&mut damaged.as_slice(), &mut seen).is_err(), "byte {i}");
            assert!(seen.is_empty(), "byte {i}");
        }
    }

    #[test]
    fn every_cut_is_refused_as_damage() {
        let whole = written();
        for length in 0..whole.len() {
            let mut seen = store("seen");
            let error = read_snapshot(&mut &whole[..length], &mut seen).expect_err("cut off");
            assert!(matches!(error, StoreError::Damaged(_)), "{length}: {error}");
            assert!(seen.is_empty(), "{length}");
        }
    }

    #[test]
    fn what_is_not_this_snapshot_is_told_apart() {
        let mut longer = written();
        longer.push(0);
        let mut later = written();
        later[8] = 3;
        let check =
            |bytes: &[u8], name: &str| read_snapshot(&mut &*bytes, &mut store(name)).expect_err("refused").to_string();
        assert_eq!(check(&longer, "seen"), "the snapshot is damaged: bytes follow its end");
        assert_eq!(check(&later, "seen"), "the snapshot is of version 3; this program knows version 2");
        assert_eq!(check(&written(), "other"), "the snapshot is of store `seen`, not of `other`");
        assert_eq!(check(b"PK\x03\x04 something", "seen"), "these bytes are no snapshot");
    }
}
