//! Rounds against a publisher played on loopback, with a clock by hand. The publisher speaks raw HTTP, because several
//! cases are about publishers that break it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};

use super::*;
use crate::explanations::{BAD_REDIRECT, REFUSED, TOO_LARGE};
use crate::settings::TimeLimits;

/// What the publisher does after its prepared bytes.
enum Then {
    Close,
    Stall,
    /// A byte now and then, so that it never stalls for long.
    Drip,
    GoOnForEver,
    /// Header after header.
    HeadersForEver,
}

type Reply = (String, Then);

fn reply(status: &str, headers: &[&str], body: &str) -> Reply {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    (text, Then::Close)
}

fn data(body: &str) -> Reply {
    reply("200 OK", &["Content-Type: text/plain"], body)
}

/// A publisher on loopback. It notes the head of every request.
struct Publisher {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Publisher {
    fn start(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (notes, answer) = (Arc::clone(&asked), Arc::new(answer));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, answer) = (Arc::clone(&notes), Arc::clone(&answer));
                Handle::current().spawn(async move { converse(stream, &notes, &*answer).await });
            }
        });
        Self { address, asked, _runtime: runtime }
    }

    /// The paths that were asked for, in order.
    fn paths(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect()
    }
}

async fn converse(mut stream: TcpStream, notes: &Mutex<Vec<String>>, answer: &(dyn Fn(&str, &str) -> Reply + Sync)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    notes.lock().unwrap().push(head.clone());
    let (bytes, then) = answer(&path, &head);
    if stream.write_all(bytes.as_bytes()).await.is_err() {
        return;
    }
    match then {
        Then::Close => drop(stream.shutdown().await),
        Then::Stall => std::future::pending().await,
        Then::Drip => {
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Then::GoOnForEver => while stream.write_all(&[b'x'; 65_536]).await.is_ok() {},
        Then::HeadersForEver => while stream.write_all(b"X-More: and more\r\n").await.is_ok() {},
    }
}

/// Remembers what it is told, as the engine's discovery does.
#[derive(Default)]
struct Notebook {
    now: Cell<i64>,
    lines: Vec<String>,
    known: BTreeMap<String, Known>,
    given_up: BTreeSet<String>,
    stop_at_wait: bool,
}

impl Notebook {
    fn at(moment: &str) -> Self {
        let notebook = Self::default();
        notebook.set(moment);
        notebook
    }

    fn set(&self, moment: &str) {
        self.now.set(chrono::DateTime::parse_from_rfc3339(moment).unwrap().timestamp_millis());
    }
}

impl Discovery for Notebook {
    fn now(&self) -> i64 {
        self.now.get()
    }
    fn known(&self, url: &str) -> Option<Known> {
        self.known.get(url).cloned()
    }
    fn newest(&self, _name: &str, _fields: &Fields) -> Option<connect::Newest> {
        None
    }
    fn given_up(&self, url: &str) -> bool {
        self.given_up.contains(url)
    }
    fn found(&mut self, document: Found<'_>) -> Result<bool, SourceError> {
        let mut bytes = Vec::new();
        if let Err(error) = document.content.read_to_end(&mut bytes) {
            return Err(SourceError::Transient { what: error.to_string(), retry_after: None });
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.lines.push(format!("found {} {}", document.url, text));
        let known = Known { sha256: text, validators: document.validators, fetched_at: self.now.get() };
        self.known.insert(document.url, known);
        Ok(true)
    }
    fn unchanged(&mut self, url: &str) -> Result<(), SourceError> {
        self.lines.push(format!("unchanged {url}"));
        Ok(())
    }
    fn absent(&mut self, absent: Absent) -> Result<(), SourceError> {
        self.lines.push(format!("absent {}: {}, again: {}", absent.url, absent.reason, absent.asked_again));
        if !absent.asked_again {
            self.given_up.insert(absent.url);
        }
        Ok(())
    }
    fn one_document(&mut self, others: &[String], newest: &str, _fields: &Fields) {
        self.lines.push(format!("one document: {newest} before {}", others.join(", ")));
    }
    fn not_claimed(&mut self, _url: &str) {}
    fn looked(&mut self, _place: &str, _fitting: usize, _misfit: Option<&str>) {}
    fn wait(&self, time: Duration) -> Result<(), Stop> {
        if self.stop_at_wait {
            return Err(Stop);
        }
        self.now.set(self.now.get() + i64::try_from(time.as_millis()).unwrap());
        Ok(())
    }
    fn stopping(&self) -> bool {
        false
    }
}

fn days(count: u64) -> Option<Duration> {
    Some(Duration::from_secs(count * 86_400))
}

fn calendar() -> Discover {
    Discover::Calendar {
        url: Pattern::parse("https://pub.example/d{date:%Y%m%d}.txt").unwrap(),
        from: NaiveDate::from_ymd_opt(2026, 1, 5).unwrap(),
        to_days_ago: 1,
        step_days: 1,
        weekdays_only: true,
        zone: "UTC".into(),
    }
}

fn settings(publisher: &Publisher, discover: Discover) -> HttpSettings {
    HttpSettings {
        discover,
        rate: 1_000.0,
        body_limit: 1_000_000,
        absent_statuses: vec![404],
        give_up_after: days(2),
        recheck_for: days(2),
        contact_required: false,
        contact: Some("you@example.org".to_owned()),
        version: "0.0.1",
        rewrite: Some(publisher.address.clone()),
        time_limits: TimeLimits::default(),
    }
}

fn source(settings: HttpSettings) -> HttpSource {
    HttpSource::new(settings, Arc::new(Hosts::new())).unwrap()
}

/// The code of an operator's error, or what happens otherwise.
fn outcome(result: &Result<(), SourceError>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(SourceError::Operator { code, .. }) => code.to_string(),
        Err(SourceError::Transient { retry_after, .. }) => format!("transient {retry_after:?}"),
        Err(SourceError::Stopping) => "stopping".to_owned(),
    }
}

#[test]
fn a_calendar_is_asked_newest_first_and_absent_days_are_given_up_in_time() {
    let publisher = Publisher::start(|path, _| match path {
        "/pub.example/d20260106.txt" | "/pub.example/d20260108.txt" => reply("404 Not Found", &[], ""),
        _ => data("x"),
    });
    let mut source = source(settings(&publisher, calendar()));
    let mut notebook = Notebook::at("2026-01-09T12:00:00Z");
    source.round(&mut notebook).unwrap();
    let expected = [
        "absent https://pub.example/d20260108.txt: status 404, again: true",
        "found https://pub.example/d20260107.txt x",
        "found https://pub.example/d20260105.txt x",
        "absent https://pub.example/d20260106.txt: status 404, again: false",
    ];
    assert_eq!(notebook.lines, expected);
    assert!(publisher.asked.lock().unwrap()[0].contains("user-agent: spotlight/0.0.1 (you@example.org)\r\n"));

    // Given up, and past the window of asking again: only the absent day that is still waited for, and the new days.
    notebook.lines.clear();
    notebook.set("2026-01-10T12:00:00Z");
    source.round(&mut notebook).unwrap();
    let expected = [
        "found https://pub.example/d20260109.txt x",
        "absent https://pub.example/d20260108.txt: status 404, again: true",
    ];
    assert_eq!(notebook.lines, expected);
}

#[test]
fn a_known_document_is_asked_for_conditionally_within_its_window() {
    let publisher = Publisher::start(|_, head| {
        if head.contains("if-none-match: \"one\"") && head.contains("if-modified-since: mon, 05 jan") {
            return ("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_owned(), Then::Close);
        }
        reply("200 OK", &["ETag: \"one\"", "Last-Modified: Mon, 05 Jan 2026 20:00:00 GMT"], "x")
    });
    let mut source = source(settings(&publisher, calendar()));
    let mut notebook = Notebook::at("2026-01-06T12:00:00Z");
    source.round(&mut notebook).unwrap();
    source.round(&mut notebook).unwrap();
    let url = "https://pub.example/d20260105.txt";
    assert_eq!(notebook.lines, [format!("found {url} x"), format!("unchanged {url}")]);

    notebook.set("2026-01-09T00:00:00Z");
    source.round(&mut notebook).unwrap();
    let asked = publisher.paths().iter().filter(|path| path.ends_with("d20260105.txt")).count();
    assert_eq!(asked, 2);
}

#[test]
fn links_of_a_page_are_asked_and_undated_ones_rechecked_from_first_sight() {
    let publisher = Publisher::start(|path, _| match path {
        "/pub.example/list.htm" => {
            let page = r#"<a href="/f/b.csv">b</a><a href="f/a.csv">a</a><a href="/f/b.csv#x">b</a><a href="/no">"#;
            reply("200 OK", &["Content-Type: text/html"], page)
        }
        _ => data(path),
    });
    let discover = Discover::Links {
        page: "https://pub.example/list.htm".into(),
        matching: Pattern::parse("*/f/{name}.csv").unwrap(),
    };
    let mut source = source(settings(&publisher, discover));
    let mut notebook = Notebook::at("2026-01-05T00:00:00Z");
    source.round(&mut notebook).unwrap();
    let expected = [
        "found https://pub.example/f/a.csv /pub.example/f/a.csv",
        "found https://pub.example/f/b.csv /pub.example/f/b.csv",
    ];
    assert_eq!(notebook.lines, expected);

    // Each re-fetch moves `fetched_at` on; the window must not move with it.
    for (moment, asked) in [("2026-01-06T12:00:00Z", 2), ("2026-01-07T12:00:00Z", 0)] {
        notebook.lines.clear();
        notebook.set(moment);
        source.round(&mut notebook).unwrap();
        assert_eq!(notebook.lines.len(), asked, "{moment}");
    }
}

#[test]
fn a_page_without_links_is_a_persons_matter() {
    let publisher = Publisher::start(|_, _| reply("200 OK", &["Content-Type: text/html"], "<p>new design</p>"));
    let page = "https://pub.example/list.htm".into();
    let discover = Discover::Links { page, matching: Pattern::parse("*.zip").unwrap() };
    let result = source(settings(&publisher, discover)).round(&mut Notebook::at("2026-01-06T12:00:00Z"));
    assert_eq!(outcome(&result), NO_LINKS.0);
}

#[test]
fn a_page_for_people_is_absent_and_takes_nothing_away() {
    let publisher = Publisher::start(|path, head| match path {
        "/pub.example/d20260105.txt" => reply("200 OK", &["Content-Type: text/html"], "not found"),
        _ if head.contains("if-none-match") => reply("200 OK", &[], "<html>gone"),
        _ => reply("200 OK", &["ETag: \"x\""], "Date|Symbol"),
    });
    let mut source = source(settings(&publisher, calendar()));
    let mut notebook = Notebook::at("2026-01-07T00:00:00Z");
    source.round(&mut notebook).unwrap();
    let expected = [
        "found https://pub.example/d20260106.txt Date|Symbol",
        "absent https://pub.example/d20260105.txt: an HTML page instead of data, again: true",
    ];
    assert_eq!(notebook.lines, expected);
    source.round(&mut notebook).unwrap();
    assert_eq!(notebook.lines[2..], [expected[1]]);
}

#[test]
fn a_wish_for_rest_ends_the_round_and_holds_for_all_sources_of_the_host() {
    let publisher = Publisher::start(|_, _| reply("429 Too Many Requests", &["Retry-After: 90"], ""));
    let hosts = Arc::new(Hosts::new());
    let mut first = HttpSource::new(settings(&publisher, calendar()), Arc::clone(&hosts)).unwrap();
    let mut notebook = Notebook::at("2026-01-09T00:00:00Z");
    let result = first.round(&mut notebook);
    assert_eq!(outcome(&result), "transient Some(90s)");
    assert_eq!(publisher.paths().len(), 1);

    let mut other = HttpSource::new(settings(&publisher, calendar()), hosts).unwrap();
    let before = notebook.now();
    assert!(other.round(&mut notebook).is_err());
    assert_eq!(notebook.now() - before, 90_000);
    notebook.stop_at_wait = true;
    assert_eq!(outcome(&other.round(&mut notebook)), "stopping");
}

#[test]
fn what_breaks_off_or_breaks_rules_is_no_document() {
    let head = |length: &str| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{length}\r\nDate|Symbol\n");
    type Case = (&'static str, fn(&dyn Fn(&str) -> String) -> Reply, &'static str);
    let cases: [Case; 15] = [
        ("an endless body", |head| (head(""), Then::GoOnForEver), TOO_LARGE.0),
        (
            "an announced length above the limit",
            |head| (head("Content-Length: 99999999\r\n"), Then::Stall),
            TOO_LARGE.0,
        ),
        ("a length that lies", |head| (head("Content-Length: 5000\r\n"), Then::Close), "transient None"),
        ("a stall in the body", |head| (head("Content-Length: 5000\r\n"), Then::Stall), "transient None"),
        ("a body that drips for ever", |head| (head(""), Then::Drip), "transient None"),
        ("a head that drips for ever", |_| ("HTTP/1.1 200 OK\r\n".to_owned(), Then::Drip), "transient None"),
        ("a head without end", |_| ("HTTP/1.1 200 OK\r\n".to_owned(), Then::HeadersForEver), "transient None"),
        (
            "a chunk that is cut off",
            |head| (head("Transfer-Encoding: chunked\r\n").replace("Date", "ff\r\nDate"), Then::Close),
            "transient None",
        ),
        (
            "a chunk whose length is no number",
            |head| (head("Transfer-Encoding: chunked\r\n").replace("Date", "zz\r\nDate"), Then::Close),
            "transient None",
        ),
        ("two lengths", |head| (head("Content-Length: 5\r\nContent-Length: 6\r\n"), Then::Close), "transient None"),
        ("a stall before the head", |_| (String::new(), Then::Stall), "transient None"),
        ("no answer", |_| (String::new(), Then::Close), "transient None"),
        ("no HTTP", |_| ("SSH-2.0-x\r\n\r\n".to_owned(), Then::Close), "transient None"),
        ("an error", |_| reply("502 Bad Gateway", &[], ""), "transient None"),
        ("a refusal", |_| reply("403 Forbidden", &[], ""), REFUSED.0),
    ];
    for (name, answer, expected) in cases {
        let publisher = Publisher::start(move |_, _| answer(&head));
        let mut settings = settings(&publisher, calendar());
        settings.time_limits.idle = Duration::from_millis(200);
        settings.time_limits.total = Duration::from_secs(1);
        let mut notebook = Notebook::at("2026-01-06T12:00:00Z");
        let result = source(settings).round(&mut notebook);
        assert_eq!(outcome(&result), expected, "{name}: {result:?}");
        let told = result.expect_err(name).to_string();
        assert!(told.contains("pub.example/d20260105.txt"), "{name} names no place: {told}");
        assert_eq!(notebook.lines, [""; 0], "{name}");
    }
}

/// Bytes behind the announced length are no part of the answer. Whether what came is whole, its trailer says.
#[test]
fn a_length_that_is_too_short_ends_the_document_there() {
    let publisher = Publisher::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\n";
        (format!("{head}a|b\n1|2\n3|4\n"), Then::GoOnForEver)
    });
    let mut notebook = Notebook::at("2026-01-06T12:00:00Z");
    source(settings(&publisher, calendar())).round(&mut notebook).unwrap();
    assert_eq!(notebook.lines, ["found https://pub.example/d20260105.txt a|b\n1|"]);
}

#[test]
fn a_wish_for_an_hour_or_a_day_is_an_hour_and_costs_one_request() {
    for wish in ["Retry-After: 3600", "Retry-After: 86400", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"] {
        let publisher = Publisher::start(move |_, _| reply("429 Too Many Requests", &[wish], ""));
        let result = source(settings(&publisher, calendar())).round(&mut Notebook::at("2026-01-09T00:00:00Z"));
        assert_eq!(outcome(&result), "transient Some(3600s)", "{wish}");
        assert_eq!(publisher.paths().len(), 1, "{wish}");
    }
}

#[test]
fn redirects_to_ever_new_addresses_end() {
    let publisher = Publisher::start(|path, _| {
        let next = format!("Location: {path}x");
        reply("302 Found", &[&next], "")
    });
    let result = source(settings(&publisher, calendar())).round(&mut Notebook::at("2026-01-06T12:00:00Z"));
    assert_eq!(outcome(&result), BAD_REDIRECT.0);
    assert_eq!(publisher.paths().len(), 6);
}

#[test]
fn a_circle_of_redirects_is_a_persons_matter_and_a_plain_redirect_is_followed() {
    let publisher = Publisher::start(|path, _| match path {
        "/pub.example/d20260105.txt" => reply("302 Found", &["Location: /pub.example/there"], ""),
        "/pub.example/there" => data("moved"),
        "/pub.example/d20260106.txt" => reply("302 Found", &["Location: /pub.example/back"], ""),
        _ => reply("302 Found", &["Location: /pub.example/d20260106.txt"], ""),
    });
    let mut notebook = Notebook::at("2026-01-07T12:00:00Z");
    let result = source(settings(&publisher, calendar())).round(&mut notebook);
    assert_eq!(outcome(&result), BAD_REDIRECT.0);
    assert_eq!(notebook.lines, ["found https://pub.example/d20260105.txt moved"]);
}

#[test]
fn one_bad_document_keeps_none_away_but_a_dead_publisher_ends_the_round() {
    let publisher = Publisher::start(|path, _| match path {
        "/pub.example/d20260107.txt" => reply("410 Gone", &[], ""),
        "/pub.example/d20260106.txt" => reply("500 Oops", &[], ""),
        _ => data("x"),
    });
    let mut notebook = Notebook::at("2026-01-09T00:00:00Z");
    let result = source(settings(&publisher, calendar())).round(&mut notebook);
    assert_eq!(outcome(&result), REFUSED.0);
    assert!(
        matches!(&result, Err(SourceError::Operator { what, .. }) if what.ends_with("; 1 other document failed in this round too")),
        "{result:?}"
    );
    assert_eq!(notebook.lines.len(), 2);

    let dead = Publisher::start(|_, _| reply("500 Oops", &[], ""));
    let result = source(settings(&dead, calendar())).round(&mut Notebook::at("2026-02-09T00:00:00Z"));
    assert_eq!(outcome(&result), "transient None");
    assert_eq!(dead.paths().len(), 3);
}

/// Taken first, the correction would be replaced by the original, whose rows would stand for good.
#[test]
fn a_later_version_waits_for_one_that_fails_and_other_documents_do_not() {
    let fails = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&fails);
    let publisher = Publisher::start(move |path, _| match path {
        "/pub.example/list.htm" => {
            let names = ["list_20260105-v10.csv", "list_20260105-v9.csv", "list_20260105.csv", "list_20260104.csv"];
            let links: String = names.iter().map(|name| format!("<a href=\"/{name}\">x</a>")).collect();
            reply("200 OK", &["Content-Type: text/html"], &links)
        }
        "/pub.example/list_20260105-v9.csv" if down.load(Ordering::SeqCst) => reply("500 Oops", &[], ""),
        _ => data(path),
    });
    let discover = Discover::Links {
        page: "https://pub.example/list.htm".into(),
        matching: Pattern::parse("*/list_{date:%Y%m%d}*.csv").unwrap(),
    };
    let mut source = source(settings(&publisher, discover));
    let mut notebook = Notebook::at("2026-01-06T12:00:00Z");
    let result = source.round(&mut notebook);
    let told = "; 1 later version of a document that failed waits for it";
    assert!(matches!(&result, Err(SourceError::Transient { what, .. }) if what.ends_with(told)), "{result:?}");
    let found = |notebook: &mut Notebook| -> Vec<String> {
        let names = notebook.lines.iter().filter_map(|line| line.strip_prefix("found https://pub.example/list_"));
        let names = names.map(|name| name.split(' ').next().unwrap().to_owned()).collect();
        notebook.lines.clear();
        names
    };
    assert_eq!(found(&mut notebook), ["20260105.csv", "20260104.csv"]);
    fails.store(false, Ordering::SeqCst);
    source.round(&mut notebook).unwrap();
    let said = "one document: https://pub.example/list_20260105-v10.csv before https://pub.example/list_20260105-v9.csv, \
                https://pub.example/list_20260105.csv";
    assert_eq!(notebook.lines.last().unwrap(), said);
    assert_eq!(found(&mut notebook), ["20260105-v9.csv", "20260105-v10.csv"]);
}

#[test]
fn days_that_fail_keep_no_others_from_being_asked_and_have_none_asked_twice() {
    let publisher = Publisher::start(|path, _| match path {
        "/pub.example/d20260108.txt" | "/pub.example/d20260107.txt" | "/pub.example/d20260106.txt" => {
            reply("500 Oops", &[], "")
        }
        _ => data("x"),
    });
    let mut source = source(HttpSettings { recheck_for: days(30), ..settings(&publisher, calendar()) });
    let mut notebook = Notebook::at("2026-01-14T00:00:00Z");
    let told = |result: Result<(), SourceError>| match result {
        Err(SourceError::Transient { what, .. }) => what,
        other => outcome(&other),
    };
    // The 13th, 12th, 9th; three that fail; the 5th is left.
    let first = told(source.round(&mut notebook));
    assert!(first.ends_with("; 2 other documents failed in this round too; 1 more is asked next time"), "{first}");
    assert_eq!((publisher.paths().len(), notebook.lines.len()), (6, 3));
    // The 5th, and those that failed; what was answered is not asked again for their sake.
    let second = told(source.round(&mut notebook));
    assert!(!second.contains("next time"), "{second}");
    assert_eq!((publisher.paths().len(), notebook.lines.len()), (10, 4));
    assert!(publisher.paths()[6].contains("d20260105"), "{:?}", publisher.paths());
    // As long as a round may take to be tried again, and then once more.
    notebook.set("2026-01-14T00:11:00Z");
    told(source.round(&mut notebook));
    assert_eq!(publisher.paths().len(), 17);
}

#[test]
fn requests_are_spaced_by_the_rate() {
    let publisher = Publisher::start(|_, _| data("x"));
    let mut settings = settings(&publisher, calendar());
    settings.rate = 0.25;
    let mut notebook = Notebook::at("2026-01-09T00:00:00Z");
    let before = notebook.now();
    source(settings).round(&mut notebook).unwrap();
    // Four days: the first at once, each other four seconds later.
    assert_eq!(notebook.now() - before, 12_000);
}

#[test]
fn bytes_stay_as_they_were_published() {
    let publisher = Publisher::start(|_, head| {
        assert!(head.contains("accept-encoding: identity\r\n"));
        reply("200 OK", &["Content-Encoding: gzip"], "not really gzip")
    });
    let mut notebook = Notebook::at("2026-01-06T12:00:00Z");
    source(settings(&publisher, calendar())).round(&mut notebook).unwrap();
    assert_eq!(notebook.lines, ["found https://pub.example/d20260105.txt not really gzip"]);
}

#[test]
fn settings_that_cannot_work_are_refused_and_a_missing_contact_holds() {
    let publisher = Publisher::start(|_, _| data("x"));
    let good = settings(&publisher, calendar());
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
        let result = HttpSource::new(HttpSettings { rate, ..good.clone() }, Arc::new(Hosts::new()));
        assert_eq!(outcome(&result.map(drop)), BAD_SETTING.0, "{rate}");
    }
    let page = Discover::Links { page: "ftp://pub.example".into(), matching: Pattern::parse("*").unwrap() };
    let result = HttpSource::new(HttpSettings { discover: page, ..good.clone() }, Arc::new(Hosts::new()));
    assert_eq!(outcome(&result.map(drop)), BAD_SETTING.0);

    let silent = HttpSettings { contact_required: true, contact: Some(" ".to_owned()), ..good };
    let result = source(silent).round(&mut Notebook::at("2026-01-06T12:00:00Z"));
    assert_eq!(outcome(&result), CONTACT_MISSING.0);
    assert!(publisher.paths().is_empty());
}
