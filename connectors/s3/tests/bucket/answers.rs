//! What answers mean, and what comes of lost ones: a made-up server says what a real one cannot be made to say.

use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_smithy_types::base64;
use connect::{RawError, RawFailure, RawStore, Stored};
use s3_connector::{Credentials, EXPLANATIONS, S3Error, S3Settings, S3Store, Secret};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::canned::{Asked, Canned, answer, refusal};
use crate::minio::{keys, settings};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

struct World {
    server: Canned,
    store: S3Store,
    _staging: TempDir,
}

fn world_with(change: impl FnOnce(&mut S3Settings), answer: impl FnMut(&Asked) -> Vec<u8> + Send + 'static) -> World {
    let server = Canned::start(answer);
    let mut settings = settings(&server.address, "documents");
    settings.patience.attempt = Duration::from_secs(2);
    settings.patience.backoff = Duration::from_millis(1);
    change(&mut settings);
    let staging = tempfile::tempdir().expect("a folder");
    World { store: S3Store::open(&settings, staging.path()).expect("opens"), server, _staging: staging }
}

fn world(answer: impl FnMut(&Asked) -> Vec<u8> + Send + 'static) -> World {
    world_with(|_| {}, answer)
}

/// A server whose answers depend on how many there were.
fn in_turn(mut answer: impl FnMut(usize, &Asked) -> Vec<u8> + Send + 'static) -> World {
    let turn = AtomicUsize::new(0);
    world(move |asked| answer(turn.fetch_add(1, Ordering::Relaxed), asked))
}

impl World {
    fn keep(&self) -> Result<Stored, RawError> {
        let staged = self.store.stage(&mut &b"hello"[..]).expect("stages");
        self.store.keep(&staged, "feed/load/a", 1)
    }

    fn read(&self) -> Result<Vec<u8>, String> {
        let mut found = Vec::new();
        let mut reader = self.store.open("a").map_err(|error| code(&error))?;
        match reader.read_to_end(&mut found) {
            Ok(_) => Ok(found),
            Err(source) => Err(code(&RawError::Store { place: "a".to_owned(), source })),
        }
    }

    fn lines(&self) -> Vec<String> {
        self.server.asked().into_iter().map(|asked| asked.line).collect()
    }
}

fn code(error: &RawError) -> String {
    S3Error::of(error).expect("an error of this crate").code().0.to_owned()
}

fn sum(content: &[u8]) -> String {
    base64::encode(Sha256::digest(content))
}

/// A part of an object, from what was asked for on.
fn part(asked: &Asked, content: &[u8], tag: &str) -> Vec<u8> {
    let (from, size) = (asked.from(), content.len());
    let range = format!("bytes {from}-{}/{size}", size - 1);
    answer(206, &[("content-range", &range), ("etag", tag)], &content[from..])
}

#[test]
fn refusals_are_told_apart() {
    let cases = [
        (404, "NoSuchKey", "E5704", RawFailure::Missing, 1),
        (404, "NoSuchBucket", "E5703", RawFailure::Missing, 1),
        (403, "AccessDenied", "E5702", RawFailure::Denied, 1),
        (403, "InvalidAccessKeyId", "E5702", RawFailure::Denied, 1),
        (403, "SignatureDoesNotMatch", "E5702", RawFailure::Denied, 1),
        (401, "Unauthorized", "E5702", RawFailure::Denied, 1),
        (400, "ExpiredToken", "E5702", RawFailure::Denied, 1),
        (412, "PreconditionFailed", "E5705", RawFailure::OtherBytes, 1),
        (400, "InvalidRequest", "E5708", RawFailure::Refused, 1),
        (301, "PermanentRedirect", "E5708", RawFailure::Refused, 1),
        (501, "NotImplemented", "E5708", RawFailure::Refused, 1),
        (503, "SlowDown", "E5701", RawFailure::Transient, 3),
        (500, "InternalError", "E5701", RawFailure::Transient, 3),
    ];
    for (status, name, expected, failure, attempts) in cases {
        let world = world(move |_| refusal(status, name));
        let error = world.store.open("a").err().expect("refused");
        assert_eq!((code(&error).as_str(), error.failure()), (expected, failure), "{name}");
        assert!(!matches!(expected, "E5708" | "E5702") || format!("{error:?}").contains("the words of the store"));
        let asked = world.server.asked().len();
        // A store that does not implement something may be asked again in vain.
        assert!(asked == attempts || status == 501, "{name}: asked {asked} times");
        assert!(asked <= 3, "{name}: asked {asked} times");
    }
}

#[test]
fn no_code_is_explained_that_no_test_here_raises() {
    let raised: BTreeSet<&str> =
        ["E5701", "E5702", "E5703", "E5704", "E5705", "E5706", "E5707", "E5708"].into_iter().collect();
    let explained: BTreeSet<&str> = EXPLANATIONS.iter().map(|explanation| explanation.code.0).collect();
    assert_eq!(raised, explained);
}

#[test]
fn a_document_is_put_once_with_its_sum() {
    let world = world(|_| answer(200, &[("etag", "\"t\""), ("x-amz-checksum-sha256", &sum(b"hello"))], b""));
    let kept = world.keep().expect("kept");
    assert_eq!((kept.reference.as_str(), kept.sha256.as_str()), ("feed/load/a/1-2cf24dba5fb0a30e", HELLO));
    let asked = world.server.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].line.starts_with("PUT /documents/documents/of%20us/feed/load/a/1-2cf24dba5fb0a30e"), "{asked:?}");
    assert_eq!(asked[0].header("if-none-match"), Some("*"));
    assert_eq!(asked[0].header("x-amz-checksum-sha256"), Some(sum(b"hello").as_str()));
}

#[test]
fn what_the_store_acknowledges_is_compared() {
    // The store says that it has something else.
    let other = world(|_| answer(200, &[("etag", "\"t\""), ("x-amz-checksum-sha256", &sum(b"hellO"))], b""));
    assert_eq!(code(&other.keep().expect_err("other bytes")), "E5707");
    // It says that what came is not what was signed.
    let digest = world(|_| refusal(400, "BadDigest"));
    assert_eq!(code(&digest.keep().expect_err("other bytes")), "E5707");
    // It says nothing: the bytes are read back.
    for (there, expected) in [(b"hello", Ok(())), (b"hellO", Err("E5705".to_owned()))] {
        let silent = world(move |asked| match asked.line.starts_with("PUT") {
            true => answer(200, &[("etag", "\"t\"")], b""),
            false => part(asked, there, "\"t\""),
        });
        assert_eq!(silent.keep().map(|_| ()).map_err(|error| code(&error)), expected);
        assert_eq!(silent.lines().len(), 2, "{:?}", silent.lines());
    }
}

#[test]
fn a_staged_file_that_has_changed_is_not_kept() {
    let world = world(|_| answer(200, &[("etag", "\"t\"")], b""));
    let staged = world.store.stage(&mut &b"hello"[..]).expect("stages");
    let changed = Stored { sha256: HELLO.replace('2', "3"), ..staged };
    assert_eq!(code(&world.store.keep(&changed, "feed/load/a", 1).expect_err("changed")), "E5707");
    assert!(world.lines().is_empty(), "{:?}", world.lines());
}

#[test]
fn a_lost_answer_to_a_put_is_found_out() {
    // The first attempt is stored and its answer lost; the second finds the name taken, by these bytes or others.
    for (there, expected) in [(b"hello", Ok(())), (b"hellO", Err("E5705".to_owned()))] {
        let world = in_turn(move |turn, asked| match turn {
            0 => Vec::new(),
            1 => refusal(412, "PreconditionFailed"),
            _ => part(asked, there, "\"t\""),
        });
        assert_eq!(world.keep().map(|_| ()).map_err(|error| code(&error)), expected);
    }
}

#[test]
fn a_lost_answer_to_the_end_of_an_upload_in_parts_is_found_out() {
    let content = testkit::Random::new(1).bytes(9 << 20);
    let mut other = content.clone();
    other[9 << 19] ^= 1;
    let cases = [
        ((404, "NoSuchUpload"), Some(content.clone()), Ok(())),
        ((412, "PreconditionFailed"), Some(content.clone()), Ok(())),
        ((412, "PreconditionFailed"), Some(other), Err("E5705".to_owned())),
        // Somebody has aborted it: it is begun again, as often as anything is.
        ((404, "NoSuchUpload"), None, Err("E5701".to_owned())),
    ];
    for ((status, name), there, expected) in cases {
        let upload = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
        let world = world(move |asked| match asked.line.split_once(' ').map(|(method, _)| method) {
            Some("POST") if asked.line.contains("uploads") => answer(200, &[], upload.as_bytes()),
            Some("POST") => refusal(status, name),
            Some("PUT") => {
                let sum = asked.header("x-amz-checksum-sha256").unwrap_or_default();
                answer(200, &[("etag", "\"p\""), ("x-amz-checksum-sha256", sum)], b"")
            }
            Some("DELETE") => answer(204, &[], b""),
            _ => there.as_ref().map_or_else(|| refusal(404, "NoSuchKey"), |there| part(asked, there, "\"t\"")),
        });
        let staged = world.store.stage(&mut content.as_slice()).expect("stages");
        let kept = world.store.keep(&staged, "feed/load/a", 1).map(|_| ()).map_err(|error| code(&error));
        assert_eq!(kept, expected, "{status} {name}");
        let ends = world.lines().iter().filter(|line| line.starts_with("POST") && !line.contains("uploads")).count();
        assert_eq!(ends, if there_is_nothing(&expected) { 3 } else { 1 }, "{:?}", world.lines());
    }
}

fn there_is_nothing(expected: &Result<(), String>) -> bool {
    expected.as_ref().err().is_some_and(|code| code == "E5701")
}

#[test]
fn a_writer_in_the_way_is_waited_for() {
    let busy = || refusal(409, "ConditionalRequestConflict");
    let passes = in_turn(move |turn, _| match turn {
        0 | 1 => busy(),
        _ => answer(200, &[("x-amz-checksum-sha256", &sum(b"hello"))], b""),
    });
    passes.keep().expect("kept in the end");
    let stays = world(move |_| busy());
    assert_eq!(code(&stays.keep().expect_err("for ever")), "E5701");
    assert_eq!(stays.lines().len(), 3, "{:?}", stays.lines());
}

#[test]
fn a_cut_answer_is_asked_for_again_from_where_it_ended() {
    let content: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    let whole = content.clone();
    let world = in_turn(move |turn, asked| {
        let mut answer = part(asked, &whole, "\"t\"");
        if turn < 2 {
            answer.truncate(answer.len() / 2);
        }
        answer
    });
    assert_eq!(world.read(), Ok(content));
    let asked = world.server.asked();
    assert_eq!(asked.len(), 3);
    assert!(0 < asked[1].from() && asked[1].from() < asked[2].from(), "{asked:?}");
    let tags: Vec<_> = asked.iter().map(|asked| asked.header("if-match")).collect();
    assert_eq!(tags, [None, Some("\"t\""), Some("\"t\"")]);
}

#[test]
fn answers_that_are_of_no_use_end_a_read() {
    let content = vec![7; 300_000];
    // Half comes, and then nothing any more: what came is given before the error is.
    let whole = content.clone();
    let cut = in_turn(move |turn, asked| {
        let mut answer = part(asked, &whole, "\"t\"");
        answer.truncate(if turn == 0 { answer.len() / 2 } else { answer.len() - (whole.len() - asked.from()) });
        answer
    });
    let (mut found, mut reader) = (Vec::new(), cut.store.open("a").expect("its beginning"));
    let error = reader.read_to_end(&mut found).expect_err("cut for ever");
    assert_eq!((RawFailure::of(&error), found.len() > 100_000), (RawFailure::Transient, true), "{error:?}");
    assert_eq!(reader.stream_position().expect("a place"), found.len() as u64);
    assert_eq!(cut.lines().len(), 6, "three attempts for the first window, and three for the next");
    // Another object under the same name after the first window.
    let whole = content.clone();
    let replaced = in_turn(move |turn, asked| {
        let mut answer = part(asked, &whole, if turn == 0 { "\"t\"" } else { "\"u\"" });
        if turn == 0 {
            answer.truncate(answer.len() / 2);
        }
        answer
    });
    assert_eq!(replaced.read().err(), Some("E5705".to_owned()));
    // The whole object where a part was asked for, another part, and one without a tag.
    for headers in
        [vec![("etag", "\"t\"")], vec![("content-range", "bytes 7-9/10")], vec![("content-range", "bytes 0-2/3")]]
    {
        let strange = world(move |_| answer(if headers.len() > 1 { 206 } else { 200 }, &headers, b"abc"));
        assert_eq!(strange.read().err(), Some("E5708".to_owned()));
    }
}

#[test]
fn an_empty_object_is_read() {
    let world = world(|asked| match asked.line.starts_with("HEAD") {
        true => answer(200, &[("etag", "\"t\""), ("content-length", "0")], b""),
        false => refusal(416, "InvalidRange"),
    });
    assert_eq!(world.read(), Ok(Vec::new()));
}

#[test]
fn silence_ends() {
    let nobody = tempfile::tempdir().expect("a folder");
    let mut settings = settings("http://127.0.0.1:9", "documents");
    settings.patience.attempts = 2;
    let store = S3Store::open(&settings, nobody.path()).expect("opens");
    assert_eq!(store.check().map_err(|error| error.code().0), Err("E5701"));
    // A server that takes the question and says nothing for longer than an attempt.
    let (answer, wait) = std::sync::mpsc::channel::<()>();
    let world = world_with(
        |settings| {
            settings.patience.attempt = Duration::from_millis(50);
            settings.patience.attempts = 2;
        },
        move |_| {
            let _ = wait.recv();
            Vec::new()
        },
    );
    let error = world.store.open("a").err().expect("no answer");
    drop(answer);
    assert_eq!((code(&error).as_str(), error.failure()), ("E5701", RawFailure::Transient));
    assert!(format!("{error:?}").contains("too long"), "{error:?}");
}

#[test]
fn keys_with_a_token_sign_and_are_not_shown() {
    let change = |settings: &mut S3Settings| {
        settings.credentials = Credentials::Keys {
            access_key_id: Secret::new("NAMEOFKEY"),
            secret_access_key: Secret::new("hush-hush"),
            session_token: Some(Secret::new("for-an-hour")),
        };
        let shown = format!("{settings:?}");
        assert!(!["NAMEOFKEY", "hush-hush", "for-an-hour"].iter().any(|secret| shown.contains(secret)), "{shown}");
    };
    let world = world_with(change, |_| refusal(403, "SignatureDoesNotMatch"));
    let error = world.store.open("a").err().expect("refused");
    let shown = format!("{error} {error:?} {:?} {:?}", world.store, S3Error::of(&error));
    assert!(!["NAMEOFKEY", "hush-hush", "for-an-hour"].iter().any(|secret| shown.contains(secret)), "{shown}");
    let asked = world.server.asked();
    assert!(asked[0].header("authorization").is_some_and(|name| name.contains("Credential=NAMEOFKEY/")));
    assert_eq!(asked[0].header("x-amz-security-token"), Some("for-an-hour"));
    let wrong = keys("a", "b");
    assert_eq!(format!("{wrong:?}").matches("Secret(…)").count(), 2);
}

/// The rights of the machine are looked for in its environment, so this test runs itself with another one.
#[expect(clippy::disallowed_methods, reason = "how it was called by itself stands in its environment")]
#[test]
fn the_rights_of_the_machine_are_found_or_missed() {
    let name = "answers::the_rights_of_the_machine_are_found_or_missed";
    let Ok(expected) = std::env::var("SPOTLIGHT_TEST_AMBIENT") else {
        for (expected, given) in [("found", Some("NAMEOFKEY")), ("missed", None)] {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args(["--exact", name]).env_clear().env("HOME", "/nowhere");
            command.env("SPOTLIGHT_TEST_AMBIENT", expected).env("AWS_EC2_METADATA_DISABLED", "true");
            if let Some(given) = given {
                command.env("AWS_ACCESS_KEY_ID", given).env("AWS_SECRET_ACCESS_KEY", "hush-hush");
            }
            let output = command.output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && said.contains("1 passed"), "{expected}: {said}");
        }
        return;
    };
    let ambient = |settings: &mut S3Settings| settings.credentials = Credentials::Ambient;
    let world = world_with(ambient, |_| refusal(404, "NoSuchKey"));
    let error = world.store.open("a").err().expect("nothing is there");
    let asked = world.server.asked();
    if expected == "found" {
        assert_eq!(code(&error), "E5704", "{error:?}");
        assert!(asked[0].header("authorization").is_some_and(|name| name.contains("Credential=NAMEOFKEY/")));
    } else {
        assert_eq!((code(&error).as_str(), asked.len()), ("E5702", 0), "{error:?}");
    }
}
