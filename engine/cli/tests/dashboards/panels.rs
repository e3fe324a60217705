//! Every panel has something to show: its queries are asked of a Prometheus that scraped a run on Kafka into ClickHouse,
//! with rows that died, a document that was refused, a flow on hold and a feed that does not run.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::{HeldService, service_folder};

use crate::address;
use crate::program::scrape::Scrape;
use crate::program::{Process, Said, until};
use crate::prometheus::{Prometheus, Series};
use crate::workplace::Workplace;

/// Panels that have nothing to show of such a run, and why.
const NOTHING_TO_SHOW: [(&str, &str); 4] = [
    ("Spotlight / Landing / Tries that failed", "no insert failed"),
    ("Spotlight / Landing / Rows found in the table already", "nothing crashed between an insert and its commit"),
    ("Spotlight / One feed / Retention of the input", "topics that the engine makes keep their records for ever"),
    ("Spotlight / Dead letters / How long they are kept", "for ever, unless somebody limits that on Kafka"),
];

/// Letters from files to a topic, each once, into a table.
const LETTERS: &str = "topology: letters
about: Letters.
alerts: { fresh-within: 1s, dead-letters: 1 per day }
flows:
  read:
    from: { files: { path: letters, file-names: [\"letters_{date:%Y%m%d}.txt\"], every: 1s } }
    bad-rows-above: 60%
    steps:
      - decode: { delimited: { separator: \"|\", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
      - select: { id: id, size: cast(size as bigint) }
      - where: size is null or size < 100
    to: { topic: letters.all, key: [id] }
  once:
    from: { topic: letters.all }
    steps:
      - dedupe: { name: seen, key: [id], remember: 1d }
    to: { topic: letters.unique, key: [id] }
  land:
    from: { topic: letters.unique }
    steps:
      - select: { id: id, share: cast(100 / size as bigint) }
    to: { clickhouse: { table: demo.letters, rows: append, key: [id], batch: { rows: 10, age: 100ms } } }
";

/// Lands in a table that is another one than it wants: a hold.
const HELD: &str = "topology: held
about: Letters for a table that is not theirs.
flows:
  land:
    from: { topic: letters.unique }
    to: { clickhouse: { table: demo.not_ours, rows: append, key: [id], batch: { rows: 10, age: 100ms } } }
";

/// A workplace with the feeds on Kafka.
struct OnKafka {
    workplace: Workplace,
    _kafka: HeldService,
    _registry: HeldService,
}

impl OnKafka {
    fn new(folder: &Path) -> Self {
        let kafka = HeldService::start("kafka.sh", &folder.join("kafka"), &[]);
        let registry = HeldService::start("registry.sh", &folder.join("registry"), &[]);
        let workplace = Workplace::new();
        let connections = format!(
            "kafka: {{ servers: [\"{}\"], namespace: \"watched.\" }}\nregistry: {{ url: \"{}\" }}\nshared-folder: shared\n",
            kafka.address(),
            registry.address()
        );
        workplace.write("connections.yaml", &connections);
        workplace.write("letters.yaml", LETTERS);
        workplace.write("held.yaml", HELD);
        Self { workplace, _kafka: kafka, _registry: registry }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.workplace.command(words);
        command.env("SPOTLIGHT_CONNECTIONS", "connections.yaml");
        command
    }

    fn say(&self, words: &[&str]) -> Said {
        self.command(words).output().expect("the program starts").into()
    }

    /// A document with a row that dies when it is read, one when it lands, one that is dropped, and one twice.
    fn publish(&self, day: u32) {
        let rows = format!("a{day}|1\nb{day}|x\nc{day}|500\nd{day}|4\na{day}|1\ne{day}|0\n");
        self.workplace.write(&format!("letters/letters_202601{day:02}.txt"), &format!("Id|Size\n{rows}"));
    }

    /// Starts the run that is watched, and waits until it has told all that it knows before the first document.
    fn start(&self) -> (Process, String) {
        // The table that is not theirs has to be there before them.
        self.publish(1);
        self.say(&["run", "letters.yaml", "--once"]).ends(0);
        self.say(&["sql", "create table demo.not_ours (x UInt8) engine = MergeTree order by x"]).ends(0);
        let run = self.command(&["run", "letters.yaml", "held.yaml", "--listen", "127.0.0.1:0"]);
        let process = self.workplace.start_command(run);
        let address = address(&self.workplace);
        (process, address)
    }
}

/// Waits until so many rows of this process have landed or died on the way, and nothing waits but what is on hold.
fn wait_for_rows(address: &str, landed: f64) {
    until("all rows have come to their end", || {
        let scrape = Scrape::of(address);
        let out = scrape.of_flow("spotlight_records_out_total", "letters/land");
        let dead = scrape.of_flow("spotlight_records_dead_lettered_total", "letters/land");
        let lag = scrape.sum("spotlight_flow_lag_records", &[("topology", "letters")]);
        (out + dead >= landed && lag == 0.0).then_some(())
    });
}

/// All panels that are written, with their dashboard's title in front and the text of their queries.
fn panels(workplace: &Workplace) -> Vec<(String, Vec<String>)> {
    let folder = workplace.path().join("watching/grafana");
    let mut panels = Vec::new();
    for file in std::fs::read_dir(folder).expect("dashboards").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("a dashboard");
        let board: Value = serde_json::from_str(&text).expect("JSON");
        for panel in board["panels"].as_array().expect("panels").iter().filter(|panel| panel["type"] != "row") {
            let name = [&board["title"], &panel["title"]].map(|title| title.as_str().expect("a title")).join(" / ");
            let queries = panel["targets"].as_array().expect("queries").iter();
            panels.push((name, queries.filter_map(|target| Some(target["expr"].as_str()?.to_owned())).collect()));
        }
    }
    assert!(panels.len() > 60, "only {} panels", panels.len());
    panels
}

/// A query with the variables of Grafana as a person would have chosen them.
fn chosen(query: &str) -> String {
    let variables = [("$__rate_interval", "10m"), ("$__range", "10m"), ("$topology", "letters|held"), ("$flow", ".*")];
    let query = variables.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
    assert!(!query.contains('$'), "{query}");
    query
}

/// The panels that show nothing now.
fn silent_panels(workplace: &Workplace, prometheus: &Prometheus) -> BTreeSet<String> {
    let shows = |query: &String| prometheus.ask(&chosen(query)).iter().any(|series| series.value.is_finite());
    let silent = panels(workplace).into_iter().filter(|(_, queries)| !queries.iter().all(shows));
    silent.map(|(panel, _)| panel).collect()
}

#[test]
fn every_panel_shows_something_of_a_live_run() {
    let folder = service_folder(Path::new(env!("CARGO_TARGET_TMPDIR")), "dashboards").join("panels");
    let feeds = OnKafka::new(&folder);
    // `my-list.yaml` is watched for, and nobody runs it.
    feeds.say(&["dashboards", "letters.yaml", "held.yaml", "my-list.yaml", "--out", "watching"]).ends(0);
    let (mut process, address) = feeds.start();
    feeds.publish(2);
    wait_for_rows(&address, 3.0);

    // What is counted from now on has a rate.
    let prometheus = Prometheus::start(&feeds.workplace, &folder.join("prometheus"), &address, None);
    prometheus.wait_for_scrapes(2);
    feeds.publish(3);
    feeds.workplace.write("letters/letters_20260104.txt", "Id|Size\nf|x\ng|y\nh|z\n");
    wait_for_rows(&address, 6.0);
    until("the refusal and the hold", || {
        let scrape = Scrape::of(&address);
        let refused = scrape.of_flow("spotlight_document_refused", "letters/read");
        (refused == 1.0 && scrape.of_flow("spotlight_flow_held", "held/land") > 0.0).then_some(())
    });
    prometheus.wait_for_scrapes(3);

    let expected: BTreeSet<String> = NOTHING_TO_SHOW.iter().map(|(panel, _)| (*panel).to_owned()).collect();
    // A scrape that took too long on a busy machine leaves nothing to see until the next one.
    let mut before = BTreeSet::new();
    until("each panel shows something, but those that have nothing to show", || {
        let silent = silent_panels(&feeds.workplace, &prometheus);
        if silent != before {
            eprintln!("nothing is shown by {silent:?}");
        }
        before = silent;
        (before == expected).then_some(())
    });

    // Rules see the same: what is wrong is told, and nothing else fails.
    assert_eq!(prometheus.failing_rules(), Vec::<String>::new());
    // Held, late and dead letters, in Grafana's numbers for them.
    until("each flow's trouble is told", || {
        let trouble = prometheus.ask("floor(topology_flow:spotlight_trouble:rank)");
        let of = |topology: &str, flow: &str| {
            let of_flow = |series: &&Series| series.labels["topology"] == topology && series.labels["flow"] == flow;
            trouble.iter().find(of_flow).map(|series| series.value)
        };
        let found = [of("held", "land"), of("letters", "read"), of("letters", "land")];
        (found == [Some(7.0), Some(5.0), Some(2.0)]).then_some(())
    });
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", feeds.workplace.said());
}
