//! A real MinIO that dies, hangs, refuses, or is lost on the way.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use connect::{RawError, RawFailure, RawStore, Stored};
use s3_connector::{S3Error, S3Settings, S3Store};
use tempfile::TempDir;
use testkit::Random;

use crate::minio::{self, Bucket, LOGIN, MinIo, keys};
use crate::proxy::{Fault, Proxy, Way};

const MILLION: usize = 1 << 20;

struct World {
    store: S3Store,
    staging: TempDir,
}

impl World {
    fn new(settings: &S3Settings) -> Self {
        let staging = tempfile::tempdir().expect("a folder");
        Self { store: S3Store::open(settings, staging.path()).expect("opens"), staging }
    }

    fn through(bucket: &Bucket, proxy: &Proxy) -> Self {
        let mut settings = bucket.settings.clone();
        settings.endpoint = Some(proxy.address.clone());
        Self::new(&settings)
    }

    fn stage(&self, content: &[u8]) -> Stored {
        self.store.stage(&mut &*content).expect("stages")
    }

    fn keep(&self, content: &[u8]) -> Stored {
        self.store.keep(&self.stage(content), "feed/load/a", 1).expect("keeps")
    }

    fn staged(&self) -> usize {
        testkit::raw_suite::staged_in(self.staging.path())
    }

    fn holds(&self, kept: &Stored, content: &[u8]) {
        let mut found = Vec::new();
        self.store.open(&kept.reference).expect("opens").read_to_end(&mut found).expect("reads");
        assert!(found == content, "{} bytes of {}", found.len(), content.len());
    }
}

fn code(error: &RawError) -> &'static str {
    S3Error::of(error).unwrap_or_else(|| panic!("an error of this crate: {error:?}")).code().0
}

fn content(seed: u64, size: usize) -> Vec<u8> {
    Random::new(seed).bytes(size)
}

/// The reference under which this content is kept.
fn reference(staged: &Stored) -> String {
    connect::object_name("feed/load/a", 1, &staged.sha256)
}

#[test]
fn wrong_keys_and_missing_buckets_are_told() {
    if !minio::there("wrong_keys_and_missing_buckets_are_told") {
        return;
    }
    let bucket = minio::shared().bucket();
    let there = World::new(&bucket.settings);
    there.store.check().expect("all is well");
    let kept = there.keep(b"hello");
    let mut wrong = Vec::new();
    for (name, key) in [(LOGIN.0, "not-the-secret"), ("nobody-known", LOGIN.1)] {
        wrong.push((
            "E5702",
            RawFailure::Denied,
            S3Settings { credentials: keys(name, key), ..bucket.settings.clone() },
        ));
    }
    wrong.push(("E5703", RawFailure::Missing, S3Settings { bucket: minio::name(), ..bucket.settings.clone() }));
    for (expected, failure, settings) in wrong {
        let world = World::new(&settings);
        assert_eq!(world.store.check().map_err(|error| error.code().0), Err(expected));
        let errors = [7, 9 * MILLION].map(|size| {
            let staged = world.stage(&content(1, size));
            world.store.keep(&staged, "feed/load/b", 1).expect_err("not kept")
        });
        let read = world.store.open(&kept.reference).err().expect("not read");
        for error in errors.iter().chain([&read]) {
            assert_eq!((code(error), error.failure()), (expected, failure), "{error:?}");
            let shown = format!("{error:?} {error}");
            assert!(!shown.contains("not-the-secret") && !shown.contains(LOGIN.1) && !shown.contains("nobody-known"));
        }
        assert_eq!(world.staged(), 2, "what was not kept stays, so that it can be tried again");
    }
    // The name of a bucket that is made later is good from then on.
    let late = minio::shared().bucket();
    World::new(&late.settings).keep(b"hello");
}

#[test]
fn what_is_removed_or_replaced_is_told() {
    if !minio::there("what_is_removed_or_replaced_is_told") {
        return;
    }
    let bucket = minio::shared().bucket();
    let world = World::new(&bucket.settings);
    let whole = content(2, 3 * MILLION);
    let kept = world.keep(&whole);
    let mut reader = world.store.open(&kept.reference).expect("opens");
    let mut part = vec![0; MILLION / 8];
    reader.read_exact(&mut part).expect("reads");
    bucket.put(&kept.reference, &whole[1..]);
    let error = reader.read_to_end(&mut part).expect_err("another object");
    assert_eq!(RawFailure::of(&error), RawFailure::OtherBytes, "{error:?}");
    bucket.remove(&kept.reference);
    assert_eq!(world.store.open(&kept.reference).err().map(|error| code(&error)), Some("E5704"));
}

#[test]
fn a_server_that_dies_during_an_upload_gets_it_once_it_is_back() {
    if !minio::there("a_server_that_dies_during_an_upload_gets_it_once_it_is_back") {
        return;
    }
    let server = Arc::new(MinIo::start("dies-uploading", &[]));
    let bucket = server.bucket();
    let proxy = Proxy::start(&server.address);
    let world = World::through(&bucket, &proxy);
    for (seed, size, after) in [(3, 5 * MILLION, 2 * MILLION), (4, 24 * MILLION, 12 * MILLION)] {
        let whole = content(seed, size);
        let staged = world.stage(&whole);
        let victim = Arc::clone(&server);
        let deed: Box<dyn FnMut() + Send> = Box::new(move || victim.kill());
        proxy.inject(Fault { way: Way::Up, after, again: 0, times: 1, deed: Some(deed) });
        let error = world.store.keep(&staged, "feed/load/a", 1).expect_err("nobody is there");
        assert_eq!((code(&error), error.failure(), proxy.done()), ("E5701", RawFailure::Transient, 1), "{error:?}");
        server.start_again();
        let gone = world.store.open(&reference(&staged)).err().map(|error| code(&error));
        assert_eq!(gone, Some("E5704"), "nothing of it is there");
        let kept = world.store.keep(&staged, "feed/load/a", 1).expect("keeps");
        world.holds(&kept, &whole);
        assert_eq!(world.staged(), 0);
    }
}

#[test]
fn a_read_goes_on_once_a_dead_server_is_back() {
    if !minio::there("a_read_goes_on_once_a_dead_server_is_back") {
        return;
    }
    let server = Arc::new(MinIo::start("dies-reading", &[]));
    let bucket = server.bucket();
    let proxy = Proxy::start(&server.address);
    let world = World::through(&bucket, &proxy);
    let whole = content(5, 20 * MILLION);
    let kept = world.keep(&whole);
    let victim = Arc::clone(&server);
    let deed: Box<dyn FnMut() + Send> = Box::new(move || victim.kill());
    proxy.inject(Fault { way: Way::Down, after: 5 * MILLION, again: 0, times: 1, deed: Some(deed) });
    let mut reader = world.store.open(&kept.reference).expect("opens");
    let mut found = Vec::new();
    let error = reader.read_to_end(&mut found).expect_err("nobody is there");
    assert_eq!(RawFailure::of(&error), RawFailure::Transient, "{error:?}");
    assert!(found.len() > 3 * MILLION && found == whole[..found.len()], "{} bytes", found.len());
    server.start_again();
    reader.read_to_end(&mut found).expect("goes on");
    assert!(found == whole, "{} bytes", found.len());
}

#[test]
fn a_server_that_was_started_again_or_hung_is_used_again() {
    if !minio::there("a_server_that_was_started_again_or_hung_is_used_again") {
        return;
    }
    let server = MinIo::start("comes-back", &[]);
    let bucket = server.bucket();
    let mut settings = bucket.settings.clone();
    let world = World::new(&settings);
    let kept = world.keep(b"hello");
    server.stop();
    let error = world.store.open(&kept.reference).err().expect("nobody is there");
    assert_eq!(code(&error), "E5701", "{error:?}");
    server.start_again();
    world.holds(&kept, b"hello");
    settings.patience.attempt = Duration::from_millis(400);
    settings.patience.attempts = 2;
    let hasty = World::new(&settings);
    server.pause();
    let errors =
        [hasty.store.open(&kept.reference).err(), hasty.store.keep(&hasty.stage(b"more"), "feed/load/b", 1).err()];
    server.resume();
    for error in errors {
        let error = error.expect("it hangs");
        assert!(code(&error) == "E5701" && format!("{error:?}").contains("too long"), "{error:?}");
    }
    world.holds(&kept, b"hello");
}

#[test]
fn cut_connections_are_mended_within_a_call() {
    if !minio::there("cut_connections_are_mended_within_a_call") {
        return;
    }
    let bucket = minio::shared().bucket();
    let proxy = Proxy::start(&minio::shared().address);
    let world = World::through(&bucket, &proxy);
    let whole = content(6, 20 * MILLION);
    proxy.inject(Fault { way: Way::Up, after: 3 * MILLION, again: 12 * MILLION, times: 2, deed: None });
    let kept = world.keep(&whole);
    assert_eq!(proxy.done(), 2, "the upload was cut");
    assert_eq!(bucket.open_uploads(&kept.reference), 0);
    proxy.inject(Fault { way: Way::Down, after: MILLION, again: 3 * MILLION, times: 4, deed: None });
    world.holds(&kept, &whole);
    assert_eq!(proxy.done(), 4, "the read was cut");
}

#[test]
fn an_upload_that_fails_is_aborted() {
    if !minio::there("an_upload_that_fails_is_aborted") {
        return;
    }
    let bucket = minio::shared().bucket();
    let proxy = Proxy::start(&minio::shared().address);
    let world = World::through(&bucket, &proxy);
    let whole = content(7, 24 * MILLION);
    let staged = world.stage(&whole);
    // The second part fails as often as it is tried; what comes after it gets through.
    proxy.inject(Fault { way: Way::Up, after: 10 * MILLION, again: MILLION, times: 3, deed: None });
    let error = world.store.keep(&staged, "feed/load/a", 1).expect_err("cut again and again");
    assert_eq!((code(&error), proxy.done()), ("E5701", 3), "{error:?}");
    assert_eq!(bucket.open_uploads(&reference(&staged)), 0);
    assert!(bucket.objects().is_empty());
    let kept = world.store.keep(&staged, "feed/load/a", 1).expect("keeps");
    world.holds(&kept, &whole);
    // A conditional write that finds the name taken aborts its parts too.
    let again = world.stage(&whole);
    world.store.keep(&again, "feed/load/a", 1).expect("is there");
    assert_eq!(bucket.open_uploads(&kept.reference), 0);
}

#[test]
fn a_lost_answer_to_the_end_of_an_upload_is_found_out() {
    if !minio::there("a_lost_answer_to_the_end_of_an_upload_is_found_out") {
        return;
    }
    for size in [2 * MILLION, 17 * MILLION] {
        let bucket = minio::shared().bucket();
        let proxy = Proxy::start(&minio::shared().address);
        let world = World::through(&bucket, &proxy);
        let whole = content(8, size);
        let staged = world.stage(&whole);
        // Each answer is lost once: that to the last request is among them.
        let answers = if size > 8 * MILLION { 5 } else { 1 };
        proxy.inject(Fault { way: Way::Down, after: 1, again: 700, times: answers, deed: None });
        match world.store.keep(&staged, "feed/load/a", 1) {
            Ok(kept) => world.holds(&kept, &whole),
            Err(error) => {
                assert_eq!(code(&error), "E5701", "{error:?}");
                proxy.inject(Fault { way: Way::Down, after: 0, again: 0, times: 0, deed: None });
                world.holds(&world.store.keep(&staged, "feed/load/a", 1).expect("keeps"), &whole);
            }
        }
        assert_eq!(bucket.objects().len(), 1);
    }
}
