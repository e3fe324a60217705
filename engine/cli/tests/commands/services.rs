//! `check --live`: a line of each service, and what helps.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::workplace::Workplace;

#[track_caller]
fn check(workplace: &Workplace, words: &[&str], status: i32, told: &[&str]) {
    let said = workplace.say(&[&["check", "--live"], words].concat()).ends(status).output;
    for words in told {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn folders_and_tables_are_looked_at_before_after_and_during_a_run() {
    let workplace = Workplace::new();
    let first = ["ok           ClickHouse: embedded; the first run on spotlight-data makes it", "there, 1 file fits"];
    check(&workplace, &["my-list.yaml"], 0, &first);
    assert!(!workplace.data().exists(), "a check makes no data folder");
    let nowhere = ["my-list.yaml", "--clickhouse", "http://127.0.0.1:1"];
    check(&workplace, &nowhere, 69, &["unreachable  ClickHouse", "to go on: start it", "ok           my-list/load: "]);

    let said = workplace.say(&[&["check", "--live", "--format", "json"][..], &nowhere].concat()).ends(69).json();
    assert_eq!(said["findings"], serde_json::json!([]), "{said}");
    let states: Vec<&str> =
        said["services"].as_array().expect("a list").iter().filter_map(|it| it["state"].as_str()).collect();
    assert_eq!(states, ["ok", "unreachable"], "{said}");
    assert!(said["services"][1]["remedy"].as_str().is_some_and(|remedy| remedy.starts_with("start it")), "{said}");
    assert!(said["services"][0]["remedy"].is_null(), "{said}");

    let mut run = workplace.endless();
    check(&workplace, &["my-list.yaml"], 0, &["ok           table demo.my_list: as planned"]);
    workplace.write_changed("wider.yaml", &[("topology: my-list", "topology: wider"), ("demo.my_list", "demo.wider")]);
    check(&workplace, &["wider.yaml"], 0, &["table demo.wider: missing; the first run makes it"]);
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());

    workplace.say(&["sql", "alter table demo.my_list modify column quantity Nullable(String)"]).ends(0);
    check(&workplace, &["my-list.yaml"], 78, &["wrong        table demo.my_list: E52", "to go on: "]);
    std::fs::remove_dir_all(workplace.path().join("lists")).expect("removed");
    check(&workplace, &["my-list.yaml"], 78, &["wrong        my-list/load: ", "E54"]);
    // A mistake in the file comes first, and then nothing is asked.
    workplace.write_changed("bad.yaml", &[("trim(symbol)", "trim(simbol)")]);
    workplace.say(&["check", "--live", "bad.yaml"]).ends(65);
    let said = workplace.say(&["check", "--live", "bad.yaml", "--format", "json"]).ends(65).json();
    assert_eq!((said["findings"][0]["code"].as_str(), &said["services"]), (Some("E3201"), &serde_json::json!([])));
}

/// The README's feed from a page of links.
fn linked(workplace: &Workplace, page: &str) {
    let source = format!(
        "http: {{ discover: {{ links: {{ page: \"{page}\", matching: \"*list_{{date:%Y%m%d}}.txt\" }} }}, \
         file-names: [\"list_{{date:%Y%m%d}}*\"] }}"
    );
    let files = r#"files: { path: "lists", file-names: ["list_{date:%Y%m%d}*"], every: 1h }"#;
    workplace.write_changed("linked.yaml", &[(files, &source)]);
}

#[test]
fn a_page_of_links_is_asked_for_once_and_nothing_behind_it() {
    let workplace = Workplace::new();
    let pages = [
        ("<a href=\"list_20260105.txt\">list</a>", 0, "ok           my-list/load: http://127.0.0.1:"),
        ("<a href=\"other.txt\">other</a>", 78, "no link matches"),
    ];
    for (page, status, told) in pages {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let publisher = std::thread::Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut request = String::new();
            BufReader::new(stream.try_clone().expect("a stream")).read_line(&mut request).expect("a line");
            let length = page.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n");
            write!(stream, "{head}Connection: close\r\n\r\n{page}").expect("answered");
            // Were anything else asked for, nobody would answer, and the check would not be fine.
            request
        });
        let publisher = publisher.expect("a thread");
        linked(&workplace, &format!("http://{address}/page"));
        check(&workplace, &["linked.yaml"], status, &[told]);
        assert!(publisher.join().expect("no panic").starts_with("GET /page "));
    }
    linked(&workplace, "http://127.0.0.1:1/page");
    check(&workplace, &["linked.yaml"], 69, &["unreachable  my-list/load: http://127.0.0.1:1/page"]);
}
