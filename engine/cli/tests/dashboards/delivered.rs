//! One alert all the way: a flow is on hold, Prometheus sees it by the written rules, Alertmanager gets it and calls the
//! webhook of the written example, with the command that helps; and once that is done, it calls again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::{HeldService, service_folder};

use crate::address;
use crate::program::scrape::Scrape;
use crate::program::{root, until, variable};
use crate::prometheus::Prometheus;
use crate::workplace::Workplace;

/// Whether there is an Alertmanager. Says so where there is none, past the harness, which would swallow it.
fn there(test: &str) -> bool {
    let script = root().join("services/alertmanager.sh");
    let have = Command::new(script).arg("have").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = have.expect("services/alertmanager.sh runs").success();
    let asked_for = variable("SPOTLIGHT_TEST_ALERTS").is_some_and(|what| what == "all");
    assert!(there || !asked_for, "Alertmanager was not built: services/alertmanager.sh fetch");
    if !there {
        let words = format!("NOT RUN, for want of an Alertmanager: {test} (services/test-alerts builds it)");
        let _ = writeln!(std::io::stderr(), "{words}");
    }
    there
}

/// What is called when there is an alert.
struct Webhook(TcpListener);

impl Webhook {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("it can be asked");
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}/alerts?key=secret", self.0.local_addr().expect("an address"))
    }

    /// What somebody has called with, if somebody has.
    fn called(&self) -> Option<Value> {
        let (stream, _) = self.0.accept().ok()?;
        Some(body(stream))
    }
}

/// Reads a request and says that all is well.
fn body(stream: TcpStream) -> Value {
    stream.set_nonblocking(false).expect("it waits");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).expect("the whole of it");
    let mut stream = reader.into_inner();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("answered");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Starts an Alertmanager by the written example, which is told not to wait for more of a kind.
fn alertmanager(workplace: &Workplace, folder: &Path, webhook: &Webhook) -> HeldService {
    let config = workplace.path().join("watching/alertmanager/alertmanager.yaml");
    let text = std::fs::read_to_string(&config).expect("the example");
    let mut ours = text;
    let url = workplace.path().join("watching/alertmanager/webhook-url").display().to_string();
    let at_once = [("group_wait: 5s", "group_wait: 0s"), ("group_interval: 5m", "group_interval: 1s")];
    for (old, new) in at_once.into_iter().chain([("/etc/alertmanager/webhook-url", url.as_str())]) {
        assert!(ours.contains(old), "the example does not say `{old}`");
        ours = ours.replace(old, new);
    }
    std::fs::write(&config, ours).expect("written");
    workplace.write("watching/alertmanager/webhook-url", &webhook.url());
    HeldService::start("alertmanager.sh", folder, &["--config", &config.display().to_string()])
}

#[test]
fn a_hold_reaches_a_webhook_with_what_helps_and_so_does_its_end() {
    if !there("a_hold_reaches_a_webhook_with_what_helps_and_so_does_its_end") {
        return;
    }
    let folder = service_folder(Path::new(env!("CARGO_TARGET_TMPDIR")), "dashboards").join("delivered");
    let workplace = Workplace::new();
    let changes =
        [("topology: my-list", "topology: held-list"), ("demo.my_list", "demo.not_ours"), ("every: 1h", "every: 1s")];
    workplace.write_changed("held.yaml", &changes);
    workplace.say(&["dashboards", "my-list.yaml", "held.yaml", "--out", "watching"]).ends(0);
    let webhook = Webhook::open();
    let alertmanager = alertmanager(&workplace, &folder.join("alertmanager"), &webhook);

    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    workplace.say(&["sql", "create table demo.not_ours (x UInt8) engine = MergeTree order by x"]).ends(0);
    let mut process = workplace.start(&["run", "my-list.yaml", "held.yaml", "--listen", "127.0.0.1:0"]);
    let address = address(&workplace);
    until("the hold", || (Scrape::of(&address).sum("spotlight_flow_held", &[]) > 0.0).then_some(()));
    let at = alertmanager.address().trim_start_matches("http://").to_owned();
    let _prometheus = Prometheus::start(&workplace, &folder.join("prometheus"), &address, Some(&at));

    let held = |call: &Value, status: &str| -> Option<Value> {
        let mut alerts = call["alerts"].as_array()?.iter();
        alerts.find(|alert| alert["labels"]["alertname"] == "SpotlightFlowHeld" && alert["status"] == status).cloned()
    };
    let alert = until("the alert", || held(&webhook.called()?, "firing"));
    let (labels, notes) = (&alert["labels"], &alert["annotations"]);
    assert_eq!((&labels["topology"], &labels["flow"]), (&"held-list".into(), &"load".into()), "{alert}");
    assert_eq!(labels["severity"], "critical", "{alert}");
    let code = labels["code"].as_str().expect("a code");
    assert_eq!(notes["summary"], format!("held-list/load is on hold: {code}"), "{alert}");
    assert_eq!(notes["runbook"], "docs/alerts.md#spotlightflowheld", "{alert}");

    // A person does what it says.
    let commands: Vec<&str> = notes["command"].as_str().expect("commands").lines().collect();
    assert_eq!(commands.len(), 3, "{alert}");
    workplace.say(&["sql", "drop table demo.not_ours sync"]).ends(0);
    for command in commands {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let said = workplace.say(&words).ends(0).output;
        assert!(!said.is_empty(), "{command}");
    }
    until("the end of the alert", || held(&webhook.called()?, "resolved"));
    let rows = workplace.say(&["sql", "--format", "TSV", "select count() from demo.not_ours"]).ends(0).output;
    assert_eq!(rows.trim(), "2");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}
