//! The listener: what it answers, to whom, and what it makes of those who send something else.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::address;
use crate::program::scrape::{Scrape, get, send};
use crate::program::{signal, until};
use crate::workplace::Workplace;

const FREE_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[test]
fn a_run_answers_from_the_source_that_commands_ask() {
    let workplace = Workplace::new();
    let mut process = workplace.endless_with(&FREE_PORT);
    let address = address(&workplace);
    get(&address, "/live", "").is(200);
    until("the run is ready", || (get(&address, "/ready", "").status == 200).then_some(()));

    let status = get(&address, "/status", "").is(200).json();
    let said = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(status["listens"], format!("http://{address}"));
    for same in ["running", "holds", "accounted_for", "receipts_today", "ready"] {
        assert_eq!(status[same], said[same], "{same}");
    }
    let flow = &status["flows"]["my-list/load"];
    assert_eq!(flow["total"], said["flows"]["my-list/load"]["total"]);
    let documents: i64 =
        flow["tasks"].as_object().expect("tasks").values().filter_map(|task| task["position"][0].as_i64()).sum();
    assert_eq!(documents, 1, "{flow}");
    assert_eq!(status["lags"]["my-list/load"]["records"], 0, "{status}");
    assert_eq!(status["receipts_today"][0]["name"], "list_20260105.txt", "{status}");

    let topology = get(&address, "/topology", "").is(200).json();
    assert_eq!(topology[0]["topology"], "my-list", "{topology}");
    assert_eq!(topology[0]["revision"], flow["revision"]);
    assert_eq!(topology[0]["flows"][0]["to"]["table"], "demo.my_list");
    assert!(topology[0]["plan"].as_str().expect("a plan").contains("step select-"), "{topology}");
    for answer in ["/status", "/topology", "/metrics"].map(|page| get(&address, page, "").is(200).body) {
        assert!(!answer.contains("password"), "{answer}");
    }

    // Who may not have the folder does not listen.
    let second = ["run", "my-list.yaml", "--once", "--listen", "127.0.0.1:0"];
    let said = workplace.say(&second).ends(73).errors;
    assert!(!said.contains("listening"), "{said}");

    // What ClickHouse does changes neither.
    let clickhouse = process.clickhouse().expect("a run has a ClickHouse");
    signal(clickhouse, "STOP");
    workplace.write("lists/list_20260107.txt", "Symbol|Quantity\nGHI|1\n1\n");
    get(&address, "/live", "").is(200);
    get(&address, "/ready", "").is(200);
    signal(clickhouse, "CONT");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn what_is_no_question_is_refused_and_harms_nobody() {
    let workplace = Workplace::new();
    let mut process =
        workplace.start(&["run", "my-list.yaml", "--clickhouse", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"]);
    let address = address(&workplace);
    // The run waits for ClickHouse: it lives, and is not ready.
    get(&address, "/live", "").is(200);
    let answer = get(&address, "/ready", "").is(503);
    assert_eq!(answer.body, "not ready: the run has not begun\n");
    get(&address, "/status", "").is(503);
    let metrics = get(&address, "/metrics", "").is(200).body;
    assert!(metrics.contains("\nprocess_cpu_seconds_total ") && metrics.contains("spotlight_build_info"), "{metrics}");

    let answer = get(&address, "/", "").is(404);
    assert!(answer.body.contains("/metrics"), "{}", answer.body);
    let answer =
        send(&address, "POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert!(answer.is(405).head.to_lowercase().contains("allow: get, head"));
    let body = "GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    send(&address, body).is(413);
    let answer = send(&address, "HEAD /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is(200);
    assert_eq!(answer.body, "");
    // A page in a browser that was led to the loopback address under another name.
    send(&address, "GET /live HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").is(403);
    let long = format!("X-Long: {}\r\n", "a".repeat(40_000));
    assert_ne!(get(&address, "/live", &long).status, 200);
    assert_ne!(send(&address, "\u{1}\u{2}\u{3} nonsense\r\n\r\n").status, 200);
    // Who says nothing takes a connection, and nobody else's.
    let silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(&address).expect("a connection")).collect();
    let mut half = TcpStream::connect(&address).expect("a connection");
    half.write_all(b"GET /live HTTP/1.1\r\nHost: local").expect("sent");
    get(&address, "/live", "").is(200);
    // In the end it is told to go.
    let mut rest = Vec::new();
    half.read_to_end(&mut rest).expect("closed");
    drop(silent);
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn who_sends_or_reads_nothing_keeps_no_place_from_others() {
    let workplace = Workplace::new();
    let mut process =
        workplace.start(&["run", "my-list.yaml", "--clickhouse", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"]);
    let address = address(&workplace);
    let connect = || TcpStream::connect(&address).expect("a connection");
    let asks = |how_many: &str| {
        get(&address, "/live", "").is(200);
        assert_eq!(get(&address, "/ready", "").is(503).body, "not ready: the run has not begun\n", "{how_many}");
        get(&address, "/metrics", "").is(200);
    };
    let silent: Vec<TcpStream> = (0..200).map(|_| connect()).collect();
    asks("200 are silent");
    // More answers than fit on the way to one who does not read them.
    let question = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(4_000);
    let deaf: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = connect();
            stream.set_nonblocking(true).expect("a socket");
            // As much as it takes.
            let _sent = stream.write(question.as_bytes());
            stream
        })
        .collect();
    until("a place in the queue", || (get(&address, "/metrics", "").status == 200).then_some(()));
    get(&address, "/live", "").is(200);
    get(&address, "/ready", "").is(503);
    let more: Vec<TcpStream> = (0..200).map(|_| connect()).collect();
    get(&address, "/live", "").is(200);
    // The first ones have given their places away.
    let mut rest = Vec::new();
    for mut stream in silent {
        stream.read_to_end(&mut rest).expect("closed");
    }
    assert!(rest.is_empty());
    drop((deaf, more));
    asks("all have gone");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn a_dry_run_listens_where_it_is_told_to_and_nothing_is_nowhere() {
    let workplace = Workplace::new();
    // A publisher that does not answer, so that the run waits.
    let publisher = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = publisher.local_addr().expect("an address");
    let from = format!(
        "http: {{ discover: {{ links: {{ page: \"http://{place}/\", matching: \"*list_{{date:%Y%m%d}}*\" }} }},"
    );
    workplace.write_changed("my-list.yaml", &[("files: { path: \"lists\",", &from)]);
    let mut process = workplace.start(&["run", "my-list.yaml", "--dry", "--listen", "127.0.0.1:0"]);
    let address = address(&workplace);
    let (waiting, _) = publisher.accept().expect("it asks");
    assert_eq!(get(&address, "/status", "").is(200).json()["listens"], format!("http://{address}"));
    let topology = get(&address, "/topology", "").is(200).json();
    assert_eq!(topology[0]["topology"], "my-list", "{topology}");
    let scrape = Scrape::of(&address);
    assert_eq!(scrape.flows(), ["my-list/load"], "{}", scrape.text);
    process.signal("TERM");
    drop((waiting, publisher));
    assert_eq!(process.wait().code(), Some(75), "{}", workplace.said());
    assert!(!workplace.data().exists(), "it writes nowhere");

    workplace.write_changed("my-list.yaml", &[]);
    let mut command = workplace.command(&["run", "my-list.yaml", "--dry"]);
    let said: crate::program::Said = command.env("SPOTLIGHT_LISTEN", "").output().expect("it starts").into();
    assert!(!said.ends(0).errors.contains("listening"));
}

#[test]
fn elsewhere_than_on_loopback_a_token_is_asked_for_and_never_shown() {
    let workplace = Workplace::new();
    let words = ["run", "my-list.yaml", "--clickhouse", "http://127.0.0.1:1", "--listen", "0.0.0.0:0"];
    let said = workplace.say(&words).ends(78).errors;
    assert!(said.contains("nothing says who may ask there") && said.contains("--listen-token FILE"), "{said}");
    workplace.write("token.txt", "short\n");
    let with_token = [&words[..], &["--listen-token", "token.txt"]].concat();
    let said = workplace.say(&with_token).ends(78).errors;
    assert!(said.contains("too short") && !said.contains("`short`"), "{said}");
    assert!(!workplace.data().exists(), "a run that cannot be watched leaves no folder behind");

    let token = "0f3c5a9d7e21b4c6-secret";
    workplace.write("token.txt", &format!("{token}\n"));
    let mut process = workplace.start(&with_token);
    let port = address(&workplace).rsplit(':').next().expect("a port").to_owned();
    let address = format!("127.0.0.1:{port}");
    // Health is for everybody, without a word of what is wrong.
    get(&address, "/live", "").is(200);
    assert_eq!(get(&address, "/ready", "").is(503).body, "not ready\n");
    for page in ["/metrics", "/status", "/topology"] {
        get(&address, page, "").is(401);
        get(&address, page, "Authorization: Bearer 0f3c5a9d7e21b4c6-secres\r\n").is(401);
        get(&address, page, &format!("Authorization: Basic {token}\r\n")).is(401);
    }
    let shown = format!("Authorization: Bearer {token}\r\n");
    let metrics = get(&address, "/metrics", &shown).is(200).body;
    assert!(!metrics.contains(token));
    for scheme in ["bearer", "BEARER "] {
        get(&address, "/metrics", &format!("authorization: {scheme} {token}\r\n")).is(200);
    }
    assert_eq!(get(&address, "/ready", &shown).is(503).body, "not ready: the run has not begun\n");
    // By whatever name: the token says enough.
    send(&address, &format!("GET /metrics HTTP/1.1\r\nHost: feeds.example\r\nConnection: close\r\n{shown}\r\n"))
        .is(200);
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    assert!(!workplace.said().contains(token), "{}", workplace.said());
}

#[test]
fn a_port_that_is_taken_is_named_and_ends_only_a_run_that_was_told_to_have_it() {
    let workplace = Workplace::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let there = taken.local_addr().expect("an address").to_string();
    let said = workplace.say(&["run", "my-list.yaml", "--listen", &there]).ends(78).errors;
    assert!(said.contains(&format!("the run cannot listen at {there}")) && said.contains("--listen off"), "{said}");
    let said = workplace.say(&["run", "my-list.yaml", "--listen", "9484"]).ends(64).errors;
    assert!(said.contains("no address to listen at"), "{said}");

    // Taken by this test, or by somebody else already.
    let _usual = TcpListener::bind("127.0.0.1:9484");
    let mut command = workplace.command(&["run", "my-list.yaml"]);
    command.env_remove("SPOTLIGHT_LISTEN");
    let mut process = workplace.start_command(command);
    until("the run goes on and loads", || workplace.said().contains("document closed").then_some(()));
    assert!(workplace.said().contains("the run cannot listen at 127.0.0.1:9484: "), "{}", workplace.said());
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}
