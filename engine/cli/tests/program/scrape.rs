//! Asks a run over HTTP, and reads what Prometheus would.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use super::root;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Fails unless it has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Sends what is given, and reads until the other side closes.
pub(crate) fn send(address: &str, request: &str) -> Answer {
    let address = address.strip_prefix("http://").unwrap_or(address);
    let mut stream = TcpStream::connect(address).expect("a run listens");
    // Who refuses a request closes before it has read all of it.
    let _sent = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _read = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Gets a page; `more` are further lines of the head.
pub(crate) fn get(address: &str, path: &str, more: &str) -> Answer {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"))
}

/// What a scrape says.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    /// Name, labels and value of each sample.
    pub(crate) samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Scrape {
    #[track_caller]
    pub(crate) fn of(address: &str) -> Self {
        let answer = get(address, "/metrics", "").is(200);
        assert!(answer.head.contains("text/plain; version=0.0.4"), "{}", answer.head);
        let lines = answer.body.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(sample).collect();
        Self { text: answer.body, samples }
    }

    /// The sum of a metric over all samples that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |of: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| of.get(*label).is_some_and(|it| it == value))
        };
        self.samples.iter().filter(|(it, of, _)| it == name && has(of)).map(|(_, _, value)| value).sum()
    }

    /// True if it tells of a metric of one flow, whatever it says.
    pub(crate) fn tells(&self, name: &str, flow: &str) -> bool {
        let (topology, flow) = flow.split_once('/').expect("topology/flow");
        let of_flow = |of: &BTreeMap<String, String>| {
            of.get("topology").is_some_and(|it| it == topology) && of.get("flow").is_some_and(|it| it == flow)
        };
        self.samples.iter().any(|(it, of, _)| it == name && of_flow(of))
    }

    /// Fails unless each sample is of a declared metric, with its labels. Gives the metrics of which there are some.
    #[track_caller]
    pub(crate) fn declared(&self) -> BTreeSet<&'static str> {
        let metric = |sample: &str| {
            let parts = ["_bucket", "_sum", "_count"];
            let whole = telemetry::list::ALL.iter().find(|metric| metric.name == sample);
            whole.or_else(|| {
                let name = parts.iter().find_map(|part| sample.strip_suffix(part))?;
                telemetry::list::ALL.iter().find(|metric| metric.name == name)
            })
        };
        let mut seen = BTreeSet::new();
        for (name, labels, _) in &self.samples {
            assert!(metric(name).is_some(), "{name} is not declared");
            let Some(metric) = metric(name) else { continue };
            let mut wanted: Vec<&str> = metric.labels.iter().map(|label| label.name).collect();
            wanted.extend(name.ends_with("_bucket").then_some("le"));
            wanted.sort_unstable();
            assert_eq!(labels.keys().map(String::as_str).collect::<Vec<_>>(), wanted, "{name}");
            seen.insert(metric.name);
        }
        seen
    }

    /// Fails unless Prometheus' own check has nothing to say.
    #[track_caller]
    pub(crate) fn is_liked_by_promtool(&self) {
        let mut check = Command::new(root().join("services/prometheus.sh"));
        check
            .args(["promtool", "check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut check = check.spawn().expect("bash");
        check.stdin.take().expect("an input").write_all(self.text.as_bytes()).expect("it reads");
        let said = check.wait_with_output().expect("it ends");
        let words = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success() && words.trim().is_empty(), "{words}");
    }

    /// The sum of a metric of one flow.
    pub(crate) fn of_flow(&self, name: &str, flow: &str) -> f64 {
        let (topology, flow) = flow.split_once('/').expect("topology/flow");
        self.sum(name, &[("topology", topology), ("flow", flow)])
    }

    /// All flows, as `topology/flow`.
    pub(crate) fn flows(&self) -> Vec<String> {
        let of = |name: &str| name == "spotlight_flow_up";
        let flows = self.samples.iter().filter(|(name, _, _)| of(name));
        flows.map(|(_, labels, _)| format!("{}/{}", labels["topology"], labels["flow"])).collect()
    }

    /// Fails unless each row of each flow is accounted for; gives the rows that came into a flow.
    #[track_caller]
    pub(crate) fn balanced(&self) -> BTreeMap<String, f64> {
        let of = |flow: &str, name: &str| self.of_flow(&format!("spotlight_records_{name}_total"), flow);
        let flows: BTreeMap<String, f64> =
            self.flows().into_iter().map(|flow| (flow.clone(), of(&flow, "in"))).collect();
        assert!(!flows.is_empty(), "{}", self.text);
        for (flow, rows) in &flows {
            let come = rows + of(flow, "expanded");
            let gone = ["out", "dropped", "dead_lettered", "held"].map(|name| of(flow, name));
            assert!((come - gone.iter().sum::<f64>()).abs() < 0.5, "{flow}: {come} is not {gone:?}");
        }
        flows
    }
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (what, value) = line.rsplit_once(' ').expect("a value");
    let value = value.parse().expect("a number");
    let Some((name, labels)) = what.split_once('{') else { return (what.to_owned(), BTreeMap::new(), value) };
    let labels = labels.trim_end_matches('}').split("\",").map(|label| {
        let (name, value) = label.split_once("=\"").expect("a label");
        (name.to_owned(), value.trim_end_matches('"').to_owned())
    });
    (name.to_owned(), labels.collect(), value)
}
