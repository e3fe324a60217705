//! An `http:` source through the whole program, against a publisher on loopback whose answers change from run to run.
//! Needs the embedded ClickHouse.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod watched;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use watched::{fresh, said};

/// What is answered under a path: status, headers, body. A list is answered in turn, its last for ever.
type Answers = HashMap<String, Vec<(&'static str, String, String)>>;

#[derive(Default)]
struct Desk {
    answers: Answers,
    /// Heads of requests, in lower case.
    asked: Vec<String>,
}

/// A publisher. It ends with the process.
struct Publisher {
    address: String,
    desk: Arc<Mutex<Desk>>,
}

impl Publisher {
    #[expect(clippy::disallowed_methods, reason = "a test's own publisher, beside the engine")]
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let desk = Arc::new(Mutex::new(Desk::default()));
        let shared = Arc::clone(&desk);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is the client's matter.
                let _answered = serve(stream, &shared);
            }
        });
        Self { address, desk }
    }

    fn answers(&self, path: &str, in_turn: &[(&'static str, &str, &str)]) {
        let in_turn = in_turn.iter().map(|(status, headers, body)| (*status, (*headers).into(), (*body).into()));
        self.desk.lock().unwrap().answers.insert(path.to_owned(), in_turn.collect());
    }

    /// Requests since the last call: path, and the validator that was sent.
    fn asked(&self) -> Vec<(String, Option<String>)> {
        let heads = std::mem::take(&mut self.desk.lock().unwrap().asked);
        let request = |head: &String| {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let etag = head.lines().find_map(|line| line.strip_prefix("if-none-match: "));
            (path, etag.map(str::to_owned))
        };
        heads.iter().map(request).collect()
    }
}

fn serve(mut stream: TcpStream, desk: &Mutex<Desk>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, headers, body) = {
        let mut desk = desk.lock().unwrap();
        desk.asked.push(head.clone());
        match desk.answers.get_mut(&path) {
            Some(in_turn) if in_turn.len() > 1 => in_turn.remove(0),
            Some(in_turn) => in_turn[0].clone(),
            None => ("404 Not Found", String::new(), String::new()),
        }
    };
    let etag = headers.to_lowercase().lines().find_map(|line| line.strip_prefix("etag: ").map(str::to_owned));
    let is_known = etag.is_some_and(|etag| head.contains(&format!("if-none-match: {etag}\r\n")));
    let (status, body) = if is_known { ("304 Not Modified", String::new()) } else { (status, body) };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn topology(address: &str) -> String {
    format!(
        r#"topology: lists
about: Lists of a publisher on loopback.

flows:
  load:
    from:
      http:
        discover: {{ links: {{ page: "{address}/index.html", matching: "*/list_{{date:%Y%m%d}}.csv" }} }}
        file-names: ["list_{{date:%Y%m%d}}*"]
        every: 1h
        limits: {{ rate: 200/s }}
        absent: {{ status: [404] }}
        recheck: {{ for: 36500d, when: content-changed }}
    steps:
      - decode: {{ delimited: {{ layouts: {{ only: {{ header: [Symbol, Quantity] }} }}, names: snake_case }} }}
      - select: {{ day: document.date, symbol: trim(symbol), quantity: cast(quantity as bigint) }}
    to:
      clickhouse: {{ table: lists.rows, rows: by-document, key: [day, symbol], partition: month of day }}
"#
    )
}

/// What a run says of the one flow, and of holds.
fn run(file: &str, data: &std::path::Path, status: i32) -> (Value, Value) {
    let answer: Value =
        serde_json::from_str(&said(&["run", file, "--once", "--format", "json"], data, status)).unwrap();
    (answer["flows"]["lists/load"].clone(), answer["holds"].clone())
}

const CSV: &str = "Symbol,Quantity\nAAAA,1\nBBBB,2\n";
const PLAIN: &str = "Content-Type: text/csv\r\n";

#[test]
fn each_answer_of_a_publisher_becomes_what_it_should() {
    let publisher = Publisher::start();
    let data = fresh("http");
    std::fs::create_dir_all(&data).unwrap();
    let file = data.with_extension("yaml");
    std::fs::write(&file, topology(&publisher.address)).unwrap();
    let file = file.to_str().unwrap();
    let path = |day: u32| format!("/data/list_202601{day:02}.csv");
    let mut page = String::new();
    for day in 5..=8 {
        write!(page, "<a href=\"{}\">list</a>", path(day)).unwrap();
    }
    let html = "Content-Type: text/html\r\n";
    publisher.answers("/index.html", &[("200 OK", html, &page)]);
    // Moved; not there; busy at first; a page for people.
    publisher.answers(&path(5), &[("302 Found", "Location: /moved/five.csv\r\n", "")]);
    publisher.answers("/moved/five.csv", &[("200 OK", &format!("{PLAIN}ETag: \"five\"\r\n"), CSV)]);
    let busy = ("429 Too Many Requests", "Retry-After: 1\r\n", "");
    publisher.answers(&path(7), &[busy, ("200 OK", &format!("{PLAIN}ETag: \"seven\"\r\n"), CSV)]);
    publisher.answers(&path(8), &[("200 OK", html, "<html><body>come back later</body></html>")]);
    let (flow, holds) = run(file, &data, 0);
    assert_eq!(flow["documents"], json!({ "rows": 2, "absent": 2 }), "{flow}");
    assert_eq!((&flow["run"]["landed"], &flow["source_trouble"], &holds), (&json!(4), &Value::Null, &json!([])));
    let seven = publisher.asked().into_iter().filter(|(asked, _)| *asked == path(7)).count();
    assert_eq!(seven, 2, "asked once more after the rest");

    // The one that is not there is named, and counted.
    let absent: Value = serde_json::from_str(&said(&["receipts", "--absent", "--format", "json"], &data, 0)).unwrap();
    let told = |one: &Value| json!([one["name"], one["message"], one["outcome"], one["asked_again"]]);
    let mut absent: Vec<Value> = absent.as_array().unwrap().iter().map(told).collect();
    absent.sort_by_key(|one| one[0].to_string());
    let page = json!(["list_20260108.csv", "an HTML page instead of data", "absent", true]);
    assert_eq!(absent, [json!(["list_20260106.csv", "status 404", "absent", true]), page]);
    let told = said(&["receipts", "--absent"], &data, 0);
    assert!(told.contains("list_20260106.csv") && told.contains("status 404"), "{told}");
    let told = said(&["receipts"], &data, 0);
    assert!(told.contains("2 documents that a publisher does not have are left out: spotlight receipts --absent"));
    let told = said(&["status"], &data, 0);
    assert!(told.contains("absent: lists/load: 2 documents that the publisher does not have (2 asked for again)"));

    // Nothing has changed but one document, which has a row less: the others are asked for with their validators.
    publisher.answers(&path(7), &[("200 OK", &format!("{PLAIN}ETag: \"other\"\r\n"), "Symbol,Quantity\nAAAA,3\n")]);
    let (flow, _) = run(file, &data, 0);
    assert_eq!((&flow["found"], &flow["run"]["landed"]), (&json!(1), &json!(1)), "{flow}");
    assert_eq!(flow["documents"], json!({ "rows": 1 }), "absent ones are told once");
    let asked = publisher.asked();
    for (place, etag) in [("/moved/five.csv", "\"five\""), (&path(7), "\"seven\"")] {
        assert!(asked.contains(&(place.to_owned(), Some(etag.to_owned()))), "{place} in {asked:?}");
    }
    let rows = said(&["sql", "select day, symbol, quantity from lists.rows order by all", "--format", "TSV"], &data, 0);
    assert_eq!(rows, "2026-01-05\tAAAA\t1\n2026-01-05\tBBBB\t2\n2026-01-07\tAAAA\t3\n");

    // One address fails: the trouble is named with status 3, and a new document is taken all the same.
    publisher.answers(&path(6), &[("500 Internal Server Error", "", "")]);
    publisher.answers(&path(8), &[("200 OK", PLAIN, CSV)]);
    let (flow, holds) = run(file, &data, 3);
    let trouble = flow["source_trouble"].as_str().unwrap_or_default();
    assert!(trouble.contains("list_20260106.csv: status 500"), "{flow}");
    assert_eq!((&flow["documents"], &holds), (&json!({ "rows": 1 }), &json!([])));

    // A refusal is no absence: it waits for a person, with the code and what helps.
    publisher.answers(&path(6), &[("403 Forbidden", "", "")]);
    let (flow, holds) = run(file, &data, 3);
    assert_eq!((&flow["run"]["landed"], &holds[0]["code"]), (&json!(0), &json!("E5402")), "{holds}");
    assert!(holds[0]["remedy"].as_str().unwrap().contains("contact"), "{holds}");

    // Mended, the next run takes what was missing.
    publisher.answers(&path(6), &[("200 OK", PLAIN, CSV)]);
    let (flow, holds) = run(file, &data, 0);
    assert_eq!((&flow["documents"], &holds), (&json!({ "rows": 1 }), &json!([])));
    assert_eq!(flow["total"]["landed"], 9);
}
