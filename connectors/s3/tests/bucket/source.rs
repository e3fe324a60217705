//! The source of documents in a bucket: what a made-up server cannot be trusted to say is asked of a real MinIO, and what
//! a real one cannot be made to say of a made-up one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connect::listed::{FileNames, Pattern};
use connect::{Absent, Discovery, Fields, Found, Known, Newest, Source, SourceError, Stop};
use s3_connector::{S3Settings, S3Source, SOURCE_EXPLANATIONS};

use crate::canned::{Asked, Canned, answer, refusal};
use crate::minio::{self, keys, settings};

/// Remembers what was offered.
#[derive(Default)]
struct Notebook {
    lines: Vec<String>,
    known: BTreeMap<String, Known>,
    newest: BTreeMap<Fields, Newest>,
    fetched: usize,
    /// It lets nobody wait.
    hurries: bool,
    stopping: bool,
}

impl Discovery for Notebook {
    fn now(&self) -> i64 {
        0
    }
    fn known(&self, url: &str) -> Option<Known> {
        self.known.get(url).cloned()
    }
    fn newest(&self, _name: &str, fields: &Fields) -> Option<Newest> {
        self.newest.get(fields).cloned()
    }
    fn given_up(&self, _url: &str) -> bool {
        false
    }
    fn found(&mut self, document: Found<'_>) -> Result<bool, SourceError> {
        self.fetched += 1;
        let mut text = String::new();
        if let Err(error) = document.content.read_to_string(&mut text) {
            return Err(SourceError::Transient { what: error.to_string(), retry_after: None });
        }
        let gone = document.instead_of.map(|gone| format!(" instead of {gone}")).unwrap_or_default();
        self.lines.push(format!("{} {:?} {text}{gone}", document.url, document.fields));
        self.newest.insert(document.fields, Newest { url: document.url.clone(), sha256: text.clone() });
        let known = Known { sha256: text, validators: document.validators, fetched_at: 0 };
        self.known.insert(document.url, known);
        Ok(true)
    }
    fn unchanged(&mut self, url: &str) -> Result<(), SourceError> {
        self.lines.push(format!("unchanged {url}"));
        Ok(())
    }
    fn absent(&mut self, absent: Absent) -> Result<(), SourceError> {
        self.lines.push(format!("absent {}", absent.name));
        Ok(())
    }
    fn one_document(&mut self, others: &[String], newest: &str, _fields: &Fields) {
        self.lines.push(format!("one document: {newest} before {}", others.join(", ")));
    }
    fn not_claimed(&mut self, url: &str) {
        self.lines.push(format!("not claimed {url}"));
    }
    fn looked(&mut self, place: &str, fitting: usize, misfit: Option<&str>) {
        let misfit = misfit.map(|misfit| format!(": {misfit}")).unwrap_or_default();
        self.lines.push(format!("{fitting} fit in {place}{misfit}"));
    }
    fn wait(&self, _time: Duration) -> Result<(), Stop> {
        if self.hurries { Err(Stop) } else { Ok(()) }
    }
    fn stopping(&self) -> bool {
        self.stopping
    }
}

impl Notebook {
    /// What was said since the last time.
    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

fn source(settings: &S3Settings, folder: &str, patterns: &[&str]) -> S3Source {
    let patterns = patterns.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect();
    S3Source::new(settings, folder, FileNames::new(patterns, Vec::new())).expect("settings")
}

/// Settings of a made-up server, without a prefix.
fn made_up(server: &Canned) -> S3Settings {
    let mut settings = settings(&server.address, "documents");
    settings.prefix = String::new();
    settings.patience.attempt = Duration::from_secs(2);
    settings.patience.backoff = Duration::from_millis(1);
    settings
}

/// A page of these keys, as they stand in it, and where the next one begins.
fn page(keys: &[&str], folders: &[&str], next: Option<&str>) -> Vec<u8> {
    let mut body =
        format!("<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>", next.is_some());
    body.extend(next.map(|next| format!("<NextContinuationToken>{next}</NextContinuationToken>")));
    body.extend(keys.iter().map(|key| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2026-01-05T00:00:00.250Z</LastModified><ETag>&quot;t&quot;</ETag>\
             <Size>5</Size></Contents>"
        )
    }));
    body.extend(folders.iter().map(|folder| format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>")));
    body.push_str("</ListBucketResult>");
    answer(200, &[("content-type", "application/xml")], body.as_bytes())
}

fn object(tag: &str, content: &[u8]) -> Vec<u8> {
    let range = format!("bytes 0-{}/{}", content.len() - 1, content.len());
    answer(206, &[("content-range", &range), ("etag", tag)], content)
}

fn is_list(asked: &Asked) -> bool {
    asked.line.contains("list-type=2")
}

fn operator(error: SourceError) -> (&'static str, String, String) {
    match error {
        SourceError::Operator { code, what, remedy } => (code.0, what, remedy),
        other => panic!("{other:?}"),
    }
}

fn transient(error: SourceError) -> String {
    match error {
        SourceError::Transient { what, .. } => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_pages_are_read_and_offered_in_order_of_name_and_what_is_known_is_not_fetched() {
    let server = Canned::start(|asked| match is_list(asked) {
        true if asked.line.contains("continuation-token=two") => {
            page(&["in/a_2-2.csv", "in/a_2.csv", "in/x.txt"], &[], None)
        }
        true => page(
            &["in/", "in/.hidden", "in/a_1.csv", "in/a_1.csv.part", "in/a_10.csv"],
            &["in/sub/", "in/a_3.csv/"],
            Some("two"),
        ),
        false => object("\"t\"", b"bytes"),
    });
    let mut source = source(&made_up(&server), "in/", &["a_{n:[0-9]}*"]);
    assert_eq!(&*source.describe(), "s3://documents/in/");
    let mut notebook = Notebook::default();
    source.round(&mut notebook).expect("a round");
    assert_eq!(
        notebook.said(),
        [
            "not claimed s3://documents/in/a_3.csv/ (a folder: what lies in it is not looked into)",
            "not claimed s3://documents/in/a_1.csv.part (skipped: `.part` ends names of unfinished downloads or copies)",
            "not claimed s3://documents/in/x.txt",
            "4 fit in s3://documents/in/",
            r#"s3://documents/in/a_1.csv {"n": "1"} bytes"#,
            r#"s3://documents/in/a_2.csv {"n": "2"} bytes"#,
            r#"s3://documents/in/a_2-2.csv {"n": "2"} bytes"#,
            r#"s3://documents/in/a_10.csv {"n": "1"} bytes"#,
        ]
    );
    let known = &notebook.known["s3://documents/in/a_1.csv"];
    assert_eq!(known.validators.as_deref(), Some("etag=t size=5 changed=1767571200.250000000"));
    let asked = server.asked();
    let lists: Vec<&str> = asked.iter().filter(|asked| is_list(asked)).map(|asked| asked.line.as_str()).collect();
    assert_eq!(lists.len(), 2, "{lists:?}");
    for part in ["delimiter=%2F", "encoding-type=url", "prefix=in%2F"] {
        assert!(lists.iter().all(|line| line.contains(part)), "{part}: {lists:?}");
    }
    let mut objects = asked.iter().filter(|asked| !is_list(asked));
    assert!(objects.all(|asked| asked.header("if-match") == Some("\"t\"")), "{asked:?}");

    source.round(&mut notebook).expect("a round");
    let said = notebook.said();
    assert_eq!(said.iter().filter(|line| line.starts_with("unchanged")).count(), 4, "{said:?}");
    assert_eq!(server.asked().len(), asked.len() + 2, "nothing but the listing is asked for");
}

#[test]
fn odd_keys_do_no_harm() {
    let server = Canned::start(|asked| match is_list(asked) {
        true => page(
            &["..", "%2E", "a+b%2Bc%25.csv", "d%0A%1B.csv", "e%FF.csv", "%E2%82%AC%3F%23.csv"],
            &["%2F", "../"],
            None,
        ),
        false => object("t", b"bytes"),
    });
    let mut notebook = Notebook::default();
    source(&made_up(&server), "", &["{name}.csv"]).round(&mut notebook).expect("a round");
    assert_eq!(
        notebook.said(),
        [
            "not claimed s3://documents/e\u{fffd}.csv".to_owned(),
            "4 fit in s3://documents/".replace('4', "3"),
            "s3://documents/a b+c%.csv {\"name\": \"a b+c%\"} bytes".to_owned(),
            "s3://documents/d\n\u{1b}.csv {\"name\": \"d\\n\\u{1b}\"} bytes".to_owned(),
            "s3://documents/\u{20ac}?#.csv {\"name\": \"\u{20ac}?#\"} bytes".to_owned(),
        ]
    );
    let asked: Vec<String> =
        server.asked().into_iter().filter(|asked| !is_list(asked)).map(|asked| asked.line).collect();
    let path = |line: &String| line.split(['?', ' ']).nth(1).map(str::to_owned).expect("a path");
    assert_eq!(
        asked.iter().map(path).collect::<Vec<_>>(),
        ["/documents/a%20b%2Bc%25.csv", "/documents/d%0A%1B.csv", "/documents/%E2%82%AC%3F%23.csv"]
    );
}

#[test]
fn nothing_that_fits_is_told_with_what_comes_nearest() {
    let server = Canned::start(|_| page(&["a_x.csv", "b.csv"], &[], None));
    let mut notebook = Notebook::default();
    source(&made_up(&server), "", &["a_{n:[0-9]}.csv"]).round(&mut notebook).expect("a round");
    let said = notebook.said();
    let told = said.last().expect("a line");
    assert!(
        told.starts_with("0 fit in s3://documents/: it reads `a_{n:[0-9]}.csv`; of the 2 files there `a_x.csv`"),
        "{told}"
    );
}

#[test]
fn an_object_that_changes_while_it_is_read_is_read_in_the_next_round() {
    type Broken = fn(&Asked) -> Vec<u8>;
    let cases: [(&str, Broken); 5] = [
        ("changed while it was read", |_| refusal(412, "PreconditionFailed")),
        ("changed while it was read", |_| object("\"other\"", b"bytes")),
        ("changed while it was read", |_| object("\"t\"", b"longer bytes")),
        ("went away before it was read", |_| refusal(404, "NoSuchKey")),
        ("the answer ended early", |asked| {
            let range = format!("bytes {}-4/5", asked.from());
            answer(206, &[("content-range", &range), ("etag", "\"t\"")], &b"byt"[asked.from()..])
        }),
    ];
    for (words, broken) in cases {
        let mended = Arc::new(AtomicBool::new(false));
        let is_mended = Arc::clone(&mended);
        let server = Canned::start(move |asked| match is_list(asked) {
            true => page(&["a_1.csv", "a_2.csv"], &[], None),
            false if asked.line.contains("a_1") && !is_mended.load(Ordering::Relaxed) => broken(asked),
            false => object("\"t\"", b"bytes"),
        });
        let mut source = source(&made_up(&server), "", &["a_{n:[0-9]}.csv"]);
        let mut notebook = Notebook::default();
        let what = transient(source.round(&mut notebook).expect_err(words));
        assert!(what.contains(words) && what.contains("s3://documents/a_1.csv"), "{words}: {what}");
        let taken =
            |notebook: &mut Notebook| notebook.said().into_iter().filter(|line| line.ends_with(" bytes")).count();
        assert_eq!(taken(&mut notebook), 1, "{words}: the other one is taken");
        mended.store(true, Ordering::Relaxed);
        source.round(&mut notebook).expect(words);
        assert_eq!(taken(&mut notebook), 1, "{words}");
    }
}

#[test]
fn what_a_person_must_mend_is_told_from_what_passes() {
    let mut raised = BTreeSet::new();
    let cases = [
        (403, "AccessDenied", "E5711", "s3:ListBucket"),
        (403, "InvalidAccessKeyId", "E5711", "credentials"),
        (403, "SignatureDoesNotMatch", "E5711", "credentials"),
        (404, "NoSuchBucket", "E5712", "correct `bucket`"),
        (404, "Whatever", "E5712", "correct `bucket`"),
        (301, "PermanentRedirect", "E5713", "`region`"),
        (400, "AuthorizationHeaderMalformed", "E5713", "`region`"),
    ];
    for (status, name, code, words) in cases {
        let server = Canned::start(move |_| refusal(status, name));
        let error = source(&made_up(&server), "in/", &["*"]).round(&mut Notebook::default()).expect_err(name);
        let (found, what, remedy) = operator(error);
        assert_eq!(found, code, "{name}");
        assert!(what.contains("s3://documents/in/") && remedy.contains(words), "{name}: {what}: {remedy}");
        assert!(!what.contains("spotlight-secret"), "{what}");
        raised.insert(found);
    }
    for (status, name) in [(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout")] {
        let server = Canned::start(move |_| refusal(status, name));
        let error = source(&made_up(&server), "in/", &["*"]).round(&mut Notebook::default()).expect_err(name);
        assert!(transient(error).contains("cannot be reached"), "{name}");
    }
    assert_eq!(raised, SOURCE_EXPLANATIONS.iter().map(|one| one.code.0).collect());
}

#[test]
fn one_object_that_may_not_be_read_keeps_no_other_away() {
    let server = Canned::start(|asked| match is_list(asked) {
        true => page(&["a_1.csv", "a_2.csv"], &[], None),
        false if asked.line.contains("a_1") => refusal(403, "InvalidObjectState"),
        false => object("\"t\"", b"bytes"),
    });
    let mut notebook = Notebook::default();
    let error = source(&made_up(&server), "", &["a_{n:[0-9]}.csv"]).round(&mut notebook).expect_err("refused");
    let (code, what, _) = operator(error);
    assert_eq!(code, "E5711");
    assert!(what.contains("s3://documents/a_1.csv") && what.contains("InvalidObjectState"), "{what}");
    assert_eq!(notebook.known.keys().collect::<Vec<_>>(), ["s3://documents/a_2.csv"]);
}

#[test]
fn an_outage_ends_the_round_and_an_object_that_is_never_given_does_not() {
    let keys = ["a_1.csv", "a_2.csv", "a_3.csv", "a_4.csv", "a_5.csv"];
    let cases: [(&[&str], usize, usize); 3] = [
        // Those that are not given, how many are asked for, and how many are taken.
        (&keys, 3, 0),
        (&keys[..2], 5, 3),
        (&["a_1.csv", "a_2.csv", "a_4.csv", "a_5.csv"], 5, 1),
    ];
    for (broken, wanted, taken) in cases {
        let broken: Vec<String> = broken.iter().map(|name| format!("/{name}")).collect();
        let server = Canned::start(move |asked| match is_list(asked) {
            true => page(&keys, &[], None),
            false if broken.iter().any(|name| asked.line.contains(name)) => refusal(500, "InternalError"),
            false => object("\"t\"", b"bytes"),
        });
        let mut notebook = Notebook::default();
        let error = source(&made_up(&server), "", &["a_{n:[0-9]}.csv"]).round(&mut notebook).expect_err("an outage");
        transient(error);
        assert_eq!((notebook.fetched, notebook.known.len()), (wanted, taken));
    }
}

#[test]
fn a_store_that_hangs_does_not_keep_a_process_from_ending() {
    // It takes connections and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let mut settings = settings(&address, "documents");
    settings.patience.attempt = Duration::from_secs(600);
    let mut notebook = Notebook { stopping: true, ..Notebook::default() };
    let error = source(&settings, "in/", &["*"]).round(&mut notebook).expect_err("stopped");
    assert!(matches!(error, SourceError::Stopping), "{error:?}");
}

#[test]
fn who_waits_for_no_second_page_is_told_of_the_first() {
    let server = Canned::start(|_| page(&["a_1.csv", "b"], &[], Some("more")));
    let mut notebook = Notebook { hurries: true, ..Notebook::default() };
    let error = source(&made_up(&server), "", &["a_{n:[0-9]}.csv"]).round(&mut notebook).expect_err("stopped");
    assert!(matches!(error, SourceError::Stopping), "{error:?}");
    assert_eq!(notebook.said(), ["not claimed s3://documents/b", "1 fit in s3://documents/"]);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_real_bucket_gives_what_is_new_and_what_was_written_over() {
    if !minio::there("a_real_bucket_gives_what_is_new_and_what_was_written_over") {
        return;
    }
    let bucket = minio::shared().bucket();
    // More than a page.
    let name = |number: usize| format!("in/a_{number:04}.csv");
    (0..1_005).for_each(|number| bucket.put(&name(number), number.to_string().as_bytes()));
    bucket.put("in/empty_1.csv", b"");
    bucket.put("in/deep/a_0001.csv", b"not looked into");
    let large = "0123456789".repeat(90_000);
    bucket.put("in/large_1.csv", large.as_bytes());
    let patterns = ["a_{n}-v*", "a_{n}.csv", "{kind:empty|large}_{n:[0-9]}*"];
    let mut source = source(&bucket.settings, "in/", &patterns);
    let mut notebook = Notebook::default();
    source.round(&mut notebook).expect("a round");
    assert_eq!((notebook.fetched, notebook.known.len()), (1_007, 1_007));
    let url = |name: &str| format!("s3://{}/{}{name}", bucket.settings.bucket, bucket.settings.prefix);
    assert_eq!(notebook.known[&url("in/large_1.csv")].sha256, large);
    assert_eq!(notebook.known[&url("in/empty_1.csv")].sha256, "");

    source.round(&mut notebook).expect("a round");
    assert_eq!(notebook.fetched, 1_007, "nothing is fetched again");

    bucket.put(&name(7), b"seven");
    bucket.put("in/a_0008-v2.csv", b"eight");
    notebook.said();
    source.round(&mut notebook).expect("a round");
    let new: Vec<String> = notebook.said().into_iter().filter(|line| line.starts_with("s3:")).collect();
    let of = |name: &str, n: &str, text: &str| format!("{} {{\"n\": \"{n}\"}} {text}", url(name));
    assert_eq!(new, [of("in/a_0007.csv", "0007", "seven"), of("in/a_0008-v2.csv", "0008", "eight")]);

    // The newest version goes: the one that is still there is the newest again.
    bucket.remove("in/a_0008-v2.csv");
    source.round(&mut notebook).expect("a round");
    let back: Vec<String> = notebook.said().into_iter().filter(|line| line.contains(" instead of ")).collect();
    assert_eq!(back, [of("in/a_0008.csv", "0008", &format!("8 instead of {}", url("in/a_0008-v2.csv")))]);
    // What is gone alone stays.
    bucket.remove(&name(9));
    source.round(&mut notebook).expect("a round");
    assert!(notebook.said().iter().all(|line| line.starts_with("unchanged") || line.starts_with("1006 fit")));
}

#[test]
fn a_real_bucket_gives_objects_of_odd_names() {
    if !minio::there("a_real_bucket_gives_objects_of_odd_names") {
        return;
    }
    let bucket = minio::shared().bucket();
    let long = "x".repeat(200);
    let names = [
        "a b.csv",
        "a+b.csv",
        "a%2Fb.csv",
        "a\u{20ac}?#&.csv",
        "a\"'<>.csv",
        "a\u{1}\n.csv",
        "..a.csv",
        "a...csv",
        &long,
    ];
    names.iter().for_each(|name| bucket.put(&format!("odd ones/{name}"), name.as_bytes()));
    let mut notebook = Notebook::default();
    source(&bucket.settings, "odd ones/", &["{name}.csv", "..{name}.csv", "x*"]).round(&mut notebook).expect("a round");
    let found: BTreeSet<&str> = notebook.known.values().map(|known| known.sha256.as_str()).collect();
    assert_eq!(found, names.into_iter().collect());
}

#[test]
fn a_real_bucket_refuses_as_told() {
    if !minio::there("a_real_bucket_refuses_as_told") {
        return;
    }
    let bucket = minio::shared().bucket();
    let refused = |change: &dyn Fn(&mut S3Settings)| {
        let mut settings = bucket.settings.clone();
        change(&mut settings);
        source(&settings, "in/", &["*"]).round(&mut Notebook::default()).expect_err("refused")
    };
    assert_eq!(operator(refused(&|it| it.credentials = keys("spotlight", "another-secret"))).0, "E5711");
    assert_eq!(operator(refused(&|it| it.credentials = keys("nobody", "another-secret"))).0, "E5711");
    assert_eq!(operator(refused(&|it| it.bucket = "not-there".to_owned())).0, "E5712");
    assert_eq!(operator(refused(&|it| it.region = "eu-west-2".to_owned())).0, "E5713");
    let away = transient(refused(&|it| it.endpoint = Some("http://127.0.0.1:1".to_owned())));
    assert!(away.contains("cannot be reached"), "{away}");
}
