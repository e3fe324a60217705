//! A small feed whose input is a topic that others write: a landing and a copy read it. Its tables are in a ClickHouse of
//! its own, so that nothing that happens to it meets another test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::outside::{self, Outsider, TRADES};
use crate::program::{Process, Said, clickhouses_of, spotlight, until};
use crate::services::Services;

/// Rows of one range that lands.
pub(crate) const RANGE: i64 = 100;

/// Lands trades. The cast is what a price may fail at.
const LOAD: &str = "topology: trades
flows:
  load:
    from: { topic: venue.trades, partitions: 1 }
    steps: [ { select: { number: number, price: \"cast(price as decimal(18, 2))\" } } ]
    to: { clickhouse: { table: venue.trades, rows: append, key: [number], batch: { rows: 100, age: 500ms } } }
";

/// Copies them from topic to topic too.
const COPY: &str = "  copy:
    from: { topic: venue.trades, partitions: 1 }
    to: { topic: venue.copy, key: [number], partitions: 1 }
";

/// The feed, its folder and its namespace.
pub(crate) struct Feed<'a> {
    services: &'a Services,
    folder: TempDir,
    namespace: String,
    pub(crate) outsider: Outsider,
    schema_id: u32,
    /// What commands find in the variable `TEST_PASSWORD`.
    secret: OnceLock<String>,
}

impl<'a> Feed<'a> {
    /// Both flows, with an empty topic of trades. The name becomes a namespace.
    pub(crate) fn new(services: &'a Services, name: &str) -> Self {
        let feed = Self::without_copy(services, name);
        feed.write_file("trades.yaml", &format!("{LOAD}{COPY}"));
        feed
    }

    /// The landing alone.
    pub(crate) fn without_copy(services: &'a Services, name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let namespace = format!("{name}.");
        let outsider = Outsider::new(services.kafka(), services.registry());
        let topic = format!("{namespace}venue.trades");
        outsider.make(&topic);
        let schema_id = outsider.schema_id(&topic);
        let feed = Self { services, folder, namespace, outsider, schema_id, secret: OnceLock::new() };
        feed.write_file("trades.yaml", LOAD);
        feed.write_file("schemas/topics/venue.trades.avsc", TRADES);
        feed.connect("");
        feed
    }

    /// Only what the text says, without a topic or schema of trades.
    pub(crate) fn without_schema(services: &'a Services, name: &str, topology: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let outsider = Outsider::new(services.kafka(), services.registry());
        let feed =
            Self { services, folder, namespace: format!("{name}."), outsider, schema_id: 0, secret: OnceLock::new() };
        feed.write_file("trades.yaml", topology);
        feed.connect("");
        feed
    }

    /// Where Kafka is.
    pub(crate) fn servers(&self) -> &str {
        self.services.kafka()
    }

    /// Says where the services are. `more`: what else stands in the file, such as another ClickHouse than the embedded one.
    pub(crate) fn connect(&self, more: &str) {
        let text = format!(
            "kafka: {{ servers: [\"{}\"], namespace: \"{}\", session-timeout: 6s, transaction-timeout: 6s }}\n\
             registry: {{ url: \"{}\" }}\nshared-folder: shared\n{more}",
            self.services.kafka(),
            self.namespace,
            self.services.registry()
        );
        self.write_file("connections.yaml", &text);
    }

    pub(crate) fn write_file(&self, name: &str, text: &str) {
        let place = self.folder.path().join(name);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        std::fs::write(place, text).expect("a file");
    }

    pub(crate) fn read_file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect("a file")
    }

    /// A topic as Kafka knows it.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    /// The topic of trades as Kafka knows it.
    pub(crate) fn trades(&self) -> String {
        self.topic("venue.trades")
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A trade as the venue writes it.
    pub(crate) fn trade(&self, number: i64) -> Vec<u8> {
        outside::trade(self.schema_id, number)
    }

    /// The venue writes trades with these numbers.
    pub(crate) fn trade_all(&self, numbers: std::ops::Range<i64>) {
        let values: Vec<Vec<u8>> = numbers.map(|number| self.trade(number)).collect();
        self.outsider.write(&self.trades(), "lz4", &values);
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("output.txt")
    }

    /// What commands find in the variable `TEST_PASSWORD` from now on.
    pub(crate) fn know_secret(&self, secret: &str) {
        self.secret.set(secret.to_owned()).expect("one secret");
    }

    /// A command in the feed's folder, not yet started.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        self.command_of("data", words)
    }

    /// A command with another data folder.
    pub(crate) fn command_of(&self, data: &str, words: &[&str]) -> Command {
        let mut command = spotlight(words);
        command.current_dir(self.folder.path()).args(["--data", data, "--connections", "connections.yaml"]);
        command.envs(self.secret.get().map(|secret| ("TEST_PASSWORD", secret)));
        command
    }

    pub(crate) fn say(&self, words: &[&str]) -> Said {
        self.command(words).output().expect("the program starts").into()
    }

    /// A run to the end of all topics.
    #[track_caller]
    pub(crate) fn once(&self, status: i32) -> Said {
        let said = self.say(&["run", "trades.yaml", "--once"]).ends(status);
        // The next process would find the folder in use until then.
        until("the end of its ClickHouse", || clickhouses_of(&self.data()).is_empty().then_some(()));
        said
    }

    /// A run without an end; what it says goes to a file.
    pub(crate) fn start(&self) -> Process {
        self.start_with(&[])
    }

    /// The same with more words behind the command.
    pub(crate) fn start_with(&self, more: &[&str]) -> Process {
        Process::start(self.command(&[&["run", "trades.yaml"], more].concat()), &self.output())
    }

    /// What the runs without an end have said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.output()).unwrap_or_default()
    }

    /// Waits until a flow of a run is held, which must be for this reason.
    #[track_caller]
    pub(crate) fn wait_until_held(&self, run: &mut Process, flow: &str, code: &str) {
        let found = until(&format!("the hold of trades/{flow}: {}", self.output().display()), || {
            assert!(run.ended().is_none(), "the run ended: {}", self.said());
            if !self.data().join("control").exists() {
                return None;
            }
            let status = self.say(&["status", "--format", "json"]);
            // A run that died while it was asked says more than the command can.
            let ended = (status.status != 0).then(|| run.wait());
            assert!(ended.is_none(), "the run ended with {ended:?}: {}", self.said());
            let status = status.ends(0).json();
            let mut holds = status["holds"].as_array().expect("holds").iter();
            let hold = holds.find(|hold| hold["flow"] == format!("trades/{flow}"))?;
            hold["code"].as_str().map(str::to_owned)
        });
        assert_eq!(found, code, "{}", self.said());
    }

    /// Ends a run as a person does.
    #[track_caller]
    pub(crate) fn end(&self, mut run: Process, status: i32) {
        run.signal("TERM");
        assert_eq!(run.wait().code(), Some(status), "{}", self.said());
        until("the end of its ClickHouse", || clickhouses_of(&self.data()).is_empty().then_some(()));
    }

    /// The answer of a query, as text.
    #[track_caller]
    pub(crate) fn ask(&self, query: &str) -> String {
        self.say(&["sql", "--format", "TSV", query]).ends(0).output.trim().to_owned()
    }

    /// Rows in the table and how many trades they are, as `ROWS TRADES`.
    #[track_caller]
    pub(crate) fn landed(&self) -> String {
        self.ask("select concat(toString(count()), ' ', toString(uniqExact(number))) from venue.trades")
    }

    /// Records in a topic that can be read.
    #[track_caller]
    pub(crate) fn records(&self, topic: &str) -> usize {
        outside::count(self.services.kafka(), &self.topic(topic))
    }

    /// Open dead letters.
    pub(crate) fn open_letters(&self) -> usize {
        let letters = self.say(&["dlq", "ls", "--format", "json"]).ends(0).json();
        letters.as_array().into_iter().flatten().filter(|letter| letter["state"] == "open").count()
    }

    /// Fails unless the counts of each flow balance and the table holds what the ledgers say.
    #[track_caller]
    pub(crate) fn balanced(&self) {
        let status = self.say(&["status", "--format", "json"]).ends(0).json();
        let accounted = status["accounted_for"].as_object().expect("flows");
        assert!(!accounted.is_empty() && accounted.values().all(|balanced| *balanced == Value::Bool(true)), "{status}");
        let reconciled = self.say(&["reconcile"]).ends(0).output;
        assert!(reconciled.contains("trades/load"), "{reconciled}");
    }

    /// The same where so many rows are of a topic that is gone, which `reconcile` says.
    #[track_caller]
    pub(crate) fn balanced_but(&self, strays: u64) {
        let reconciled = self.say(&["reconcile", "--format", "json"]).ends(4).json();
        let sum = |name: &str| -> u64 {
            reconciled.as_array().into_iter().flatten().filter_map(|landing| landing[name].as_u64()).sum()
        };
        assert_eq!((sum("gaps"), sum("repeats"), sum("strays")), (0, 0, strays), "{reconciled}");
    }
}

impl Drop for Feed<'_> {
    /// Kept if the test fails: what the processes said is the only witness.
    fn drop(&mut self) {
        self.folder.disable_cleanup(std::thread::panicking());
    }
}
