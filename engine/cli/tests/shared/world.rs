//! The services that processes share, and what is done to the processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clickhouse_connector::{ClickHouse, ClickHouseSettings, EmbeddedServer, EmbeddedSettings, Fetch, Program};
use testkit::{HeldService, Random, service_folder};

use crate::independent;
use crate::load::{self, Load};
use crate::program::{Process, Said, spotlight, until, variable};

/// Fresh messages of each of the four files.
const ROWS: u64 = 1_500;

/// Longer than a process may be silent before others take its work over.
const PAST_THE_SESSION: Duration = Duration::from_secs(8);

/// A Kafka, a registry and a ClickHouse. They end with the test.
pub(crate) struct Services {
    kafka: HeldService,
    registry: HeldService,
    clickhouse: EmbeddedServer,
}

impl Services {
    /// Where Kafka answers.
    pub(crate) fn kafka(&self) -> &str {
        self.kafka.address()
    }

    /// Where the registry answers.
    pub(crate) fn registry(&self) -> &str {
        self.registry.address()
    }

    /// Starts them in a folder of this process, below the build's.
    pub(crate) fn start(build: &Path) -> Self {
        let folder = service_folder(build, "shared");
        let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.unwrap_or_else(|| PathBuf::from(variable("HOME").expect("HOME is set")).join(".cache"));
        let library = Fetch::new(cache.join("spotlight")).library(&mut |_, _| {}).expect("the embedded ClickHouse");
        let child = vec![env!("CARGO_BIN_EXE_spotlight").into(), "clickhouse-child".into()];
        let settings = EmbeddedSettings::new(folder.join("clickhouse"), Program::Library { child, library });
        Self {
            kafka: HeldService::start("kafka.sh", &folder.join("kafka"), &[]),
            registry: HeldService::start("registry.sh", &folder.join("registry"), &[]),
            clickhouse: EmbeddedServer::start(settings).expect("the embedded ClickHouse starts"),
        }
    }
}

/// One load, and the processes that work it.
pub(crate) struct World<'a> {
    services: &'a Services,
    folder: PathBuf,
    load: Load,
    running: BTreeMap<String, Process>,
    /// Bytes of output that earlier lives of each instance have left.
    said_before: BTreeMap<String, u64>,
    /// How many instances have had a name of their own so far.
    named: u32,
    history: Vec<String>,
}

impl<'a> World<'a> {
    /// Topics of a namespace of their own, and empty tables.
    pub(crate) fn new(services: &'a Services, folder: &Path, seed: u64) -> Self {
        let folder = folder.join(format!("seed-{seed}"));
        std::fs::create_dir(&folder).expect("a folder");
        let load = load::make(&folder, seed, ROWS);
        let clickhouse = services.clickhouse.client_settings();
        let text = format!(
            "kafka:\n  servers: [\"{}\"]\n  namespace: {}\n  session-timeout: 6s\n  transaction-timeout: 6s\n\
             registry: {{ url: \"{}\" }}\nclickhouse:\n  url: \"{}\"\n  login: {{ user: {}, password: {{ env: \
             TEST_PASSWORD }} }}\nshared-folder: shared\n",
            services.kafka.address(),
            namespace(seed),
            services.registry.address(),
            clickhouse.url,
            clickhouse.user
        );
        std::fs::write(folder.join("connections.yaml"), text).expect("a file");
        let world = Self {
            services,
            folder,
            load,
            running: BTreeMap::new(),
            said_before: BTreeMap::new(),
            named: 2,
            history: vec![format!("seed {seed}")],
        };
        for database in ["swaps", "spotlight"] {
            world.clickhouse().execute(&format!("DROP DATABASE IF EXISTS {database} SYNC"), &[]).expect("dropped");
        }
        world
    }

    pub(crate) fn history(&self) -> String {
        self.history.join(", ")
    }

    fn settings(&self) -> ClickHouseSettings {
        self.services.clickhouse.client_settings()
    }

    fn clickhouse(&self) -> ClickHouse {
        ClickHouse::new(&self.settings()).expect("a client")
    }

    fn ask(&self, query: &str) -> String {
        let mut answer = Vec::new();
        let settings = [("final", "1")];
        self.clickhouse().query_to(query, "TSV", &settings, &mut answer).expect("answered");
        String::from_utf8(answer).expect("text").trim().to_owned()
    }

    /// Rows in the table, or 0 while there is none.
    fn rows(&self) -> u64 {
        let there = self.ask("SELECT count() FROM system.tables WHERE database = 'swaps' AND name = 'messages'");
        if there == "0" { 0 } else { self.ask("SELECT count() FROM swaps.messages").parse().expect("a number") }
    }

    fn command(&self, words: &[&str], instance: &str) -> std::process::Command {
        let mut command = spotlight(words.iter().copied());
        let data = self.folder.join(format!("data-{instance}"));
        command.arg("--data").arg(data).arg("--connections").arg(self.folder.join("connections.yaml"));
        command.args(["--instance", instance]).env("TEST_PASSWORD", self.settings().password.reveal());
        command
    }

    fn say(&self, words: &[&str]) -> Said {
        self.command(words, "one").output().expect("the program starts").into()
    }

    fn output(&self, instance: &str) -> PathBuf {
        self.folder.join(format!("output-{instance}.txt"))
    }

    /// Bytes of output of an instance, all its lives together.
    fn said(&self, instance: &str) -> u64 {
        std::fs::metadata(self.output(instance)).map_or(0, |file| file.len())
    }

    /// Starts an instance.
    pub(crate) fn start(&mut self, instance: &str) {
        let mut command = self.command(&["run"], instance);
        command.args(&self.load.topologies).arg("--documents").arg(&self.load.documents);
        self.history.push(format!("start {instance}"));
        self.said_before.insert(instance.to_owned(), self.said(instance));
        self.running.insert(instance.to_owned(), Process::start(command, &self.output(instance)));
    }

    /// Waits until a part of the rows is there that a seed decides; all of them at the most.
    pub(crate) fn wait_for_some_rows(&mut self, random: &mut Random) {
        let wanted = (self.rows() + random.below(self.load.unique / 3)).min(self.load.unique);
        self.wait_for_rows(wanted);
    }

    fn wait_for_rows(&mut self, wanted: u64) {
        let what = format!("{wanted} rows: {}; {}", self.history(), self.folder.display());
        until(&what, || {
            self.nobody_ended();
            (self.rows() >= wanted).then_some(())
        });
    }

    /// Fails if a process ended that nobody told to.
    fn nobody_ended(&mut self) {
        let ended = self.running.iter_mut().find_map(|(name, process)| Some((name.clone(), process.ended()?)));
        if let Some((name, status)) = ended {
            panic!("{name} ended with {status}: {}; {}", self.history(), self.told());
        }
    }

    fn told(&self) -> String {
        let told = |name: &String| {
            let text = std::fs::read_to_string(self.output(name)).unwrap_or_default();
            let last: Vec<&str> = text.lines().rev().take(40).collect();
            format!("\n--- {name}\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        format!("{}{}", self.folder.display(), self.running.keys().map(told).collect::<String>())
    }

    fn one_of(&self, random: &mut Random) -> String {
        let number = random.below(self.running.len() as u64);
        self.running.keys().nth(number as usize).expect("one of those that run").clone()
    }

    fn kill(&mut self, random: &mut Random) -> String {
        let name = self.one_of(random);
        self.running.remove(&name).expect("it runs").kill();
        self.history.push(format!("kill {name}"));
        name
    }

    /// What it had open is settled by the next process of its name.
    pub(crate) fn kill_and_start_again(&mut self, random: &mut Random) {
        let name = self.kill(random);
        self.start(&name);
    }

    /// What it had open is settled by the brokers, and others take its partitions over.
    pub(crate) fn kill_and_replace(&mut self, random: &mut Random) {
        self.kill(random);
        self.named += 1;
        self.start(&format!("number-{}", self.named));
    }

    /// It wakes up and believes that nothing has happened.
    pub(crate) fn stop_past_its_session(&mut self, random: &mut Random) {
        let name = self.one_of(random);
        self.history.push(format!("stop {name}"));
        let process = &self.running[&name];
        process.signal("STOP");
        std::thread::sleep(PAST_THE_SESSION);
        process.signal("CONT");
    }

    pub(crate) fn end_and_start_again(&mut self, random: &mut Random) {
        let name = self.one_of(random);
        self.history.push(format!("end {name}"));
        self.end(&name);
        self.start(&name);
    }

    fn end(&mut self, name: &str) {
        // A process that has only just begun to exist is ended by the system, not by itself.
        until("a process to have begun", || (self.said(name) > self.said_before[name]).then_some(()));
        let mut process = self.running.remove(name).expect("it runs");
        process.signal("TERM");
        let status = process.wait();
        assert!(status.success(), "{name} ended with {status}: {}; {}", self.history(), self.told());
    }

    /// One more takes a part of the work, and gives it back.
    pub(crate) fn come_and_go(&mut self) {
        self.named += 1;
        let name = format!("number-{}", self.named);
        self.start(&name);
        let output = self.output(&name);
        until("the new process to have work", || {
            std::fs::read_to_string(&output).is_ok_and(|text| text.contains("partitions gained")).then_some(())
        });
        self.history.push(format!("end {name}"));
        self.end(&name);
    }

    /// Waits for all rows, ends all processes, and looks at everything.
    pub(crate) fn finish(&mut self) {
        self.wait_for_rows(self.load.unique);
        let dead = self.load.dead.to_string();
        until("all dead letters in their table", || {
            (self.ask("SELECT count() FROM spotlight.dead_letters") == dead).then_some(())
        });
        let names: Vec<String> = self.running.keys().cloned().collect();
        names.iter().for_each(|name| self.end(name));
        let history = self.history();

        let found = self.ask(
            "SELECT count(), uniqExact(_landing, _partition, _offset, _row), \
             (SELECT count() FROM spotlight.receipts) FROM swaps.messages",
        );
        let Load { unique, files, .. } = self.load;
        assert_eq!(found, format!("{unique}\t{unique}\t{files}"), "{history}; {}", self.folder.display());
        let reconciled = self.say(&["reconcile"]);
        assert_eq!(reconciled.status, 0, "{history}: {reconciled:?}");
        assert!(reconciled.output.contains("swaps/messages"), "{reconciled:?}");
        let status = self.say(&["status", "--format", "json"]).ends(0).json();
        let accounted = status["accounted_for"].as_object().expect("flows");
        assert!(!accounted.is_empty() && accounted.values().all(|balanced| balanced == true), "{history}: {status}");

        // Each message that the first flow wrote stands in its topic once, and what passed dedupe once in the next.
        let topics =
            independent::read(self.services.kafka.address(), self.services.registry.address(), &self.namespace());
        assert!(topics.values().all(|topic| topic.all == topic.distinct), "{history}: {topics:?}");
        let all = |name: &str| topics[name].all as u64;
        assert_eq!(all("swaps.unique"), unique, "{history}: {topics:?}");
        let dropped = status["flows"]["swaps/unique"]["total"]["dropped"].as_object().expect("reasons");
        let dropped: u64 = dropped.values().filter_map(serde_json::Value::as_u64).sum();
        assert_eq!(all("swaps.messages"), unique + dropped + all("swaps.conflicts"), "{history}: {topics:?}");
    }

    fn namespace(&self) -> String {
        let seed = self.history[0].trim_start_matches("seed ").parse().expect("a number");
        namespace(seed)
    }
}

fn namespace(seed: u64) -> String {
    format!("seed{seed}.")
}
