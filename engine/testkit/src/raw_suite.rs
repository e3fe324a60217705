//! What every raw store owes the engine, as checks with names. The contract in words stands in `connect::RawStore`.
//!
//! [`run`] gives each check a place of its own that is empty. All checks run; the failing ones are named together at
//! the end.
//!
//! Deliberately absent: what a store does when the system behind it fails. Only a connector's own tests can make its
//! system do that.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;

use connect::{RawError, RawFailure, RawStore, Stored, object_name};

use crate::Random;

/// Why a check failed.
type Failure = Box<dyn std::error::Error>;
type Check = fn(&dyn PlaceUnderTest) -> Result<(), Failure>;

/// A place where a store keeps bytes, and how to look into it past the store.
pub trait PlaceUnderTest {
    /// Opens a store there, as a process does that starts.
    fn open(&self) -> Box<dyn RawStore>;

    /// How many staged documents lie there.
    fn staged(&self) -> usize;

    /// Puts bytes there under this reference, as somebody else might.
    fn put(&self, reference: &str, content: &[u8]);

    /// References of all that is kept there, in any order.
    fn kept(&self) -> Vec<String>;
}

/// Files below a folder, by their names from there on.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().into_string().expect("a name");
        if entry.path().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found
}

/// Documents that a store has staged in a folder of this machine. Beside each folder to stage in lies the lock of the
/// process that has it.
#[must_use]
pub fn staged_in(folder: &Path) -> usize {
    files(&folder.join(".staging")).iter().filter(|name| !name.ends_with(".lock")).count()
}

/// Makes an empty place.
pub type MakePlace<'a> = &'a dyn Fn() -> Box<dyn PlaceUnderTest>;

const CHECKS: &[(&str, Check)] = &[
    ("what is staged says its hash and its size", staged_says_what_it_is),
    ("what is staged is not kept yet", staged_is_not_kept),
    ("bytes of any number come back", comes_back),
    ("content that fails leaves nothing", broken_content),
    ("what is discarded is gone, and twice is fine", discards),
    ("keeping takes what was staged, and twice is fine", keeps_twice),
    ("the same bytes fetched again are kept once", same_bytes_again),
    ("other bytes never take a name, and stay staged", other_bytes),
    ("names of any kind are told apart and stay inside", names),
    ("versions of one document lie side by side", versions),
    ("reading starts anywhere, and goes back and forth", reads_anywhere),
    ("what is not there is missing", missing),
    ("stagings at once do not mix", at_once),
    ("two writers of the same bytes both succeed", two_writers),
    ("what was kept outlives the process, what was staged does not", opens_again),
];

/// Runs all checks, each in an empty place.
///
/// # Panics
/// If a check fails; the text names all that failed.
pub fn run(make: MakePlace<'_>) {
    let failures: Vec<String> = CHECKS
        .iter()
        .filter_map(|(name, check)| check(make().as_ref()).err().map(|failure| format!("{name}: {}", told(&*failure))))
        .collect();
    assert!(failures.is_empty(), "the raw store breaks its contract:\n{}", failures.join("\n"));
}

fn told(failure: &dyn std::error::Error) -> String {
    let cause = failure.source().map(|cause| format!(": {}", told(cause)));
    format!("{failure}{}", cause.unwrap_or_default())
}

fn ensure(condition: bool, text: impl FnOnce() -> String) -> Result<(), Failure> {
    if condition { Ok(()) } else { Err(text().into()) }
}

/// Bytes that no compression makes small and no two seeds share.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    Random::new(seed).bytes(count)
}

fn stage(store: &dyn RawStore, content: &[u8]) -> Result<Stored, RawError> {
    store.stage(&mut &*content)
}

fn keep(store: &dyn RawStore, content: &[u8], key: &str, version: i64) -> Result<Stored, RawError> {
    store.keep(&stage(store, content)?, key, version)
}

fn read(store: &dyn RawStore, reference: &str) -> Result<Vec<u8>, Failure> {
    let mut found = Vec::new();
    store.open(reference)?.read_to_end(&mut found)?;
    Ok(found)
}

fn holds(store: &dyn RawStore, kept: &Stored, content: &[u8]) -> Result<(), Failure> {
    let found = read(store, &kept.reference)?;
    ensure(found == content, || format!("{}: {} bytes, not the {} kept", kept.reference, found.len(), content.len()))
}

fn staged_says_what_it_is(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let cases: [(&[u8], &str); 2] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"hello", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
    ];
    let store = place.open();
    for (content, sha256) in cases {
        let staged = stage(store.as_ref(), content)?;
        ensure(staged.sha256 == sha256 && staged.size == content.len() as u64, || format!("{staged:?}"))?;
        let kept = store.keep(&staged, "feed/load/a", 1)?;
        ensure(kept.sha256 == sha256 && kept.size == staged.size, || format!("{kept:?}"))?;
    }
    Ok(())
}

fn staged_is_not_kept(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    stage(store.as_ref(), b"hello")?;
    ensure(place.staged() == 1 && place.kept().is_empty(), || format!("{} {:?}", place.staged(), place.kept()))
}

fn comes_back(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let million = 1 << 20;
    for count in [0, 1, 65_535, 65_537, 8 * million, 8 * million + 1, 16 * million, 20 * million + 77] {
        let content = bytes(count as u64, count);
        let kept = keep(store.as_ref(), &content, &format!("feed/load/{count}"), 1)?;
        holds(store.as_ref(), &kept, &content)?;
    }
    ensure(place.staged() == 0, || format!("{} staged", place.staged()))
}

/// Content that ends in an error, and is interrupted before.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        match self.0 {
            1 => Err(io::ErrorKind::Interrupted.into()),
            2..40 => {
                buffer.fill(7);
                Ok(buffer.len())
            }
            _ => Err(io::Error::other("cut off")),
        }
    }
}

fn broken_content(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let failed = store.stage(&mut Broken(0));
    ensure(matches!(&failed, Err(error) if error.failure() == RawFailure::Content), || format!("{failed:?}"))?;
    ensure(place.staged() == 0 && place.kept().is_empty(), || format!("{} {:?}", place.staged(), place.kept()))
}

fn discards(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let staged = stage(store.as_ref(), b"hello")?;
    store.discard(&staged);
    store.discard(&staged);
    ensure(place.staged() == 0 && place.kept().is_empty(), || format!("{} {:?}", place.staged(), place.kept()))?;
    let failed = store.keep(&staged, "feed/load/a", 1);
    ensure(matches!(&failed, Err(error) if error.failure() == RawFailure::Missing), || format!("{failed:?}"))
}

fn keeps_twice(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let staged = stage(store.as_ref(), b"hello")?;
    let kept = store.keep(&staged, "feed/load/a", 1)?;
    let again = store.keep(&staged, "feed/load/a", 1)?;
    ensure(kept == again, || format!("{kept:?} {again:?}"))?;
    store.discard(&staged);
    ensure(place.staged() == 0, || format!("{} staged", place.staged()))?;
    ensure(place.kept() == [kept.reference.clone()], || format!("{:?}", place.kept()))?;
    holds(store.as_ref(), &kept, b"hello")
}

fn same_bytes_again(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    for content in [b"hello".to_vec(), bytes(1, 9 << 20)] {
        let kept = keep(store.as_ref(), &content, "feed/load/a", 1)?;
        let again = keep(store.as_ref(), &content, "feed/load/a", 1)?;
        ensure(kept == again && place.staged() == 0, || format!("{kept:?} {again:?}, {} staged", place.staged()))?;
        holds(store.as_ref(), &kept, &content)?;
    }
    ensure(place.kept().len() == 2, || format!("{:?}", place.kept()))
}

fn other_bytes(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let large = bytes(5, 9 << 20);
    let contents: [&[u8]; 2] = [b"hello", &large];
    for content in contents {
        // Of another size and of the same.
        for (version, other) in [(1, b"something else".to_vec()), (2, vec![b'x'; content.len()]), (3, Vec::new())] {
            let staged = stage(store.as_ref(), content)?;
            let reference = object_name("feed/load/a", version, &staged.sha256);
            place.put(&reference, &other);
            let refused = store.keep(&staged, "feed/load/a", version);
            let kind = refused.as_ref().err().map(RawError::failure);
            ensure(kind == Some(RawFailure::OtherBytes), || format!("{reference}: {refused:?}"))?;
            ensure(read(store.as_ref(), &reference)? == other, || format!("{reference} was written over"))?;
            ensure(place.staged() == 1, || format!("{reference}: {} staged", place.staged()))?;
            store.discard(&staged);
        }
    }
    Ok(())
}

fn names(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let long = "é".repeat(500);
    let deep = "a/".repeat(500);
    let wide = "x".repeat(1000);
    let mut keys = vec![
        "feed/load/period=202009,half=a",
        "feed/load/name=a b",
        "feed/load/name=a%20b",
        "feed/load/name=a+b",
        "../../../outside",
        "a/../b",
        "a/./b",
        "a//b",
        "a/b",
        "/a/b",
        "a/b/",
        "A/b",
        "",
        ".",
        "..",
        "~",
        "a\\b",
        "a:b*?\"<>|",
        "line\nbreak\tand\u{0}nothing",
        "naïve/数据/🚀",
        "staging/a",
        ".staging/a",
        "%",
        "&amp;<Key>#?x=1",
    ];
    let ends = [format!("{long}x"), format!("{long}y"), format!("{deep}x"), format!("{deep}y"), format!("{wide}x")];
    keys.extend(ends.iter().map(String::as_str));
    let mut references = BTreeSet::new();
    for key in &keys {
        let kept = keep(store.as_ref(), b"hello", key, 1).map_err(|error| format!("{key}: {}", told(&error)))?;
        ensure(references.insert(kept.reference.clone()), || format!("{key}: {} is taken", kept.reference))?;
    }
    let kept: BTreeSet<String> = place.kept().into_iter().collect();
    ensure(kept == references, || format!("{:?} differ", kept.symmetric_difference(&references).collect::<Vec<_>>()))?;
    for reference in &references {
        ensure(read(store.as_ref(), reference)? == b"hello", || reference.clone())?;
    }
    Ok(())
}

fn versions(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let contents: [&[u8]; 3] = [b"first", b"second", b"first"];
    let mut kept = Vec::new();
    for (version, content) in (1..).zip(contents) {
        kept.push((keep(store.as_ref(), content, "feed/load/a", version)?, content));
    }
    ensure(place.kept().len() == 3, || format!("{:?}", place.kept()))?;
    kept.iter().try_for_each(|(kept, content)| holds(store.as_ref(), kept, content))
}

fn reads_anywhere(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let content = bytes(3, (3 << 20) + 5);
    let kept = keep(store.as_ref(), &content, "feed/load/a", 1)?;
    let mut reader = store.open(&kept.reference)?;
    let size = content.len() as u64;
    ensure(reader.seek(SeekFrom::End(0))? == size, || "another size".to_owned())?;
    ensure(reader.read(&mut [0; 8])? == 0, || "bytes after the end".to_owned())?;
    let mut random = Random::new(7);
    for _ in 0..60 {
        let position = random.below(size);
        let to = match random.below(3) {
            0 => SeekFrom::Start(position),
            1 => SeekFrom::End(position as i64 - size as i64),
            _ => SeekFrom::Current(position as i64 - reader.stream_position()? as i64),
        };
        ensure(reader.seek(to)? == position, || format!("{to:?} led elsewhere"))?;
        let expected = &content[position as usize..(position + random.below(100_000)).min(size) as usize];
        let mut found = vec![0; expected.len()];
        reader.read_exact(&mut found)?;
        ensure(found == expected, || format!("other bytes at {position}"))?;
    }
    ensure(reader.seek(SeekFrom::Start(size + 10))? == size + 10, || "no place after the end".to_owned())?;
    ensure(reader.read(&mut [0; 8])? == 0, || "bytes far after the end".to_owned())?;
    ensure(reader.seek(SeekFrom::End(-1 - size as i64)).is_err(), || "a place before the beginning".to_owned())?;
    reader.seek(SeekFrom::End(-3))?;
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest)?;
    ensure(rest == content[content.len() - 3..], || format!("{rest:?} at the end"))
}

fn missing(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    for reference in ["feed/load/a/1-0123456789abcdef", "nothing"] {
        let failure = store.open(reference).err().map(|error| error.failure());
        ensure(failure == Some(RawFailure::Missing), || format!("{reference}: {failure:?}"))?;
    }
    Ok(())
}

fn at_once(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let contents: Vec<Vec<u8>> = (0..4).map(|number| bytes(number, 700_000)).collect();
    let kept = side_by_side(contents.iter().enumerate().collect(), |(number, content): (usize, &Vec<u8>)| {
        keep(store.as_ref(), content, &format!("feed/load/{number}"), 1)
    });
    for (kept, content) in kept?.into_iter().zip(&contents) {
        holds(store.as_ref(), &kept?, content)?;
    }
    Ok(())
}

fn two_writers(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    for (round, size) in [(0, 100_000), (1, 9 << 20)] {
        let same = bytes(round, size);
        let staged = vec![stage(store.as_ref(), &same)?, stage(store.as_ref(), &same)?];
        let key = format!("feed/same/{round}");
        for kept in side_by_side(staged, |staged: Stored| store.keep(&staged, &key, 1))? {
            holds(store.as_ref(), &kept?, &same)?;
        }
    }
    ensure(place.kept().len() == 2 && place.staged() == 0, || format!("{:?}, {}", place.kept(), place.staged()))
}

/// Does all at once, each in a thread.
fn side_by_side<Item: Send, Done: Send>(
    items: Vec<Item>,
    work: impl Fn(Item) -> Done + Sync,
) -> Result<Vec<Done>, Failure> {
    let work = &work;
    thread::scope(|scope| {
        let running: Vec<_> = items.into_iter().map(|item| scope.spawn(move || work(item))).collect();
        running.into_iter().map(|one| one.join().map_err(|_| "a thread panicked".into())).collect()
    })
}

fn opens_again(place: &dyn PlaceUnderTest) -> Result<(), Failure> {
    let store = place.open();
    let keys = ["feed/load/a", "staging/a", ".staging/a"];
    let kept: Result<Vec<Stored>, RawError> = keys.iter().map(|key| keep(store.as_ref(), b"hello", key, 1)).collect();
    stage(store.as_ref(), b"left behind")?;
    drop(store);
    let store = place.open();
    ensure(place.staged() == 0, || format!("{} staged", place.staged()))?;
    kept?.iter().try_for_each(|kept| holds(store.as_ref(), kept, b"hello"))
}
