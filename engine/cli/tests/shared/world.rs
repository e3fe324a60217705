//! One load, the processes that work it, and what is done to them.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::Random;

use crate::independent;
use crate::load::{self, Load};
use crate::program::{Process, Said, spotlight, until};
use crate::services::Services;

/// How a process ends that wants to be started again: it was taken for dead, or a call did not return.
const AGAIN: i32 = 75;

/// Longer than a process may be silent before others take its work over.
const PAST_THE_SESSION: Duration = Duration::from_secs(8);

/// Where documents are kept that all processes see.
const SHARED_FOLDER: &str = "shared-folder: shared\n";

/// The signal by which a process ends itself.
const ABORTED: i32 = 6;

/// How much is loaded.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Fresh messages of each of the four files.
    pub(crate) rows: u64,
    /// True if all files are there from the start, false if they are published one by one.
    pub(crate) at_once: bool,
}

/// One load, and the processes that work it.
pub(crate) struct World<'a> {
    services: &'a Services,
    folder: PathBuf,
    namespace: String,
    /// Variables of the environment beside ClickHouse's password.
    secrets: Vec<(&'static str, &'static str)>,
    load: Load,
    size: Size,
    /// Documents that are not in their folder yet, the next one last.
    unpublished: Vec<PathBuf>,
    running: BTreeMap<String, Process>,
    /// Bytes of output that earlier lives of each instance have left.
    said_before: BTreeMap<String, u64>,
    /// How many instances have had a name of their own so far.
    named: u32,
    history: Vec<String>,
}

impl<'a> World<'a> {
    /// Topics of a namespace of their own, and empty tables.
    pub(crate) fn new(services: &'a Services, folder: &Path, (test, seed): (&str, u64), size: Size) -> Self {
        let folder = folder.join(format!("seed-{seed}"));
        std::fs::create_dir(&folder).expect("a folder");
        let load = load::make(&folder, seed, size.rows);
        let namespace = format!("{test}{seed}.");
        let clickhouse = services.clickhouse_settings();
        let text = format!(
            "kafka:\n  servers: [{}]\n  namespace: {}\n  session-timeout: 6s\n  transaction-timeout: 6s\n\
             registry: {{ url: \"{}\" }}\nclickhouse:\n  url: \"{}\"\n  login: {{ user: {}, password: {{ env: \
             TEST_PASSWORD }} }}\n{SHARED_FOLDER}",
            services.kafka().split(',').map(|server| format!("{server:?}")).collect::<Vec<_>>().join(", "),
            namespace,
            services.registry(),
            clickhouse.url,
            clickhouse.user
        );
        std::fs::write(folder.join("connections.yaml"), text).expect("a file");
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&load.documents).expect("a folder").flatten().map(|file| file.path()).collect();
        // In each pair the earlier day comes first.
        files.sort();
        let unpublished: Vec<PathBuf> = files.into_iter().rev().filter(|_| !size.at_once).collect();
        for file in &unpublished {
            std::fs::rename(file, folder.join(file.file_name().expect("a name"))).expect("moved");
        }
        let world = Self {
            services,
            unpublished,
            folder,
            namespace,
            secrets: Vec::new(),
            load,
            size,
            running: BTreeMap::new(),
            said_before: BTreeMap::new(),
            named: 2,
            history: vec![format!("seed {seed}")],
        };
        for database in ["swaps", "spotlight"] {
            services.clickhouse().execute(&format!("DROP DATABASE IF EXISTS {database} SYNC"), &[]).expect("dropped");
        }
        world
    }

    pub(crate) fn history(&self) -> String {
        self.history.join(", ")
    }

    /// Notes what was done.
    pub(crate) fn note(&mut self, what: String) {
        self.history.push(what);
    }

    fn ask(&self, query: &str) -> String {
        self.services.ask(query)
    }

    /// Rows that the load must leave.
    pub(crate) fn wanted(&self) -> u64 {
        self.load.unique
    }

    /// Rows in the table, or 0 while there is none.
    pub(crate) fn rows(&self) -> u64 {
        let there = self.ask("SELECT count() FROM system.tables WHERE database = 'swaps' AND name = 'messages'");
        if there == "0" { 0 } else { self.ask("SELECT count() FROM swaps.messages").parse().expect("a number") }
    }

    fn command(&self, words: &[&str], instance: &str) -> std::process::Command {
        let mut command = spotlight(words.iter().copied());
        let data = self.folder.join(format!("data-{instance}"));
        command.arg("--data").arg(data).arg("--connections").arg(self.folder.join("connections.yaml"));
        command
            .args(["--instance", instance])
            .envs(self.secrets.iter().copied())
            .env("TEST_PASSWORD", self.services.clickhouse_settings().password.reveal());
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

    /// Has documents kept elsewhere than in the folder that all processes see: what a file of connections says of that, and
    /// the variables that it names.
    pub(crate) fn keep_documents(&mut self, instead: &str, secrets: &[(&'static str, &'static str)]) {
        self.secrets.extend(secrets);
        let place = self.folder.join("connections.yaml");
        let text = std::fs::read_to_string(&place).expect("a file");
        std::fs::write(place, text.replace(SHARED_FOLDER, instead)).expect("written");
    }

    /// Starts an instance.
    pub(crate) fn start(&mut self, instance: &str) {
        let command = self.run(instance);
        self.begin(instance, command);
    }

    fn run(&self, instance: &str) -> std::process::Command {
        let mut command = self.command(&["run"], instance);
        command.args(&self.load.topologies).arg("--documents").arg(&self.load.documents);
        command
    }

    fn begin(&mut self, instance: &str, command: std::process::Command) {
        self.history.push(format!("start {instance}"));
        self.said_before.insert(instance.to_owned(), self.said(instance));
        self.running.insert(instance.to_owned(), Process::start(command, &self.output(instance)));
    }

    /// Starts an instance that aborts at an arrow of the landing protocol, and waits for that. False if all rows were
    /// there before it came to the arrow; the instance is killed then.
    pub(crate) fn dies_at(&mut self, instance: &str, arrow: &str) -> bool {
        let mut command = self.run(instance);
        command.env("SPOTLIGHT_TEST_ABORT_AT", arrow);
        self.begin(instance, command);
        let what = format!("{instance} to die at {arrow}, or all rows: {}; {}", self.history(), self.folder.display());
        let died = until(&what, || {
            let status = self.running.get_mut(instance).expect("it runs").ended();
            match status {
                Some(status) if status.signal() == Some(ABORTED) => Some(true),
                Some(status) => panic!("{instance} ended with {status} before {arrow}: {}", self.told()),
                None => (self.rows() == self.load.unique).then_some(false),
            }
        });
        let mut process = self.running.remove(instance).expect("it ran");
        if died {
            self.history.push(format!("dead at {arrow} with {} rows", self.rows()));
        } else {
            // It may be about to come to the arrow, so it is not asked to end.
            process.kill();
            self.history.push(format!("kill {instance} before {arrow}"));
        }
        died
    }

    /// Waits until a part of the rows is there that a seed decides; all of them at the most.
    pub(crate) fn wait_for_some_rows(&mut self, random: &mut Random) {
        let wanted = (self.rows() + random.below(self.load.unique / 3)).min(self.load.unique);
        self.wait_for_rows(wanted);
    }

    /// Publishes the next document, and waits until a part of its rows is there that a seed decides, at most half of
    /// them: there is work left.
    pub(crate) fn publish(&mut self, random: &mut Random) {
        let before = self.rows();
        let file = self.unpublished.pop().expect("a document for each fault");
        self.put(&file);
        self.wait_for_rows(before + 1 + random.below(self.size.rows / 2));
    }

    /// Puts a document into the folder, which each process looks into when it starts.
    fn put(&mut self, file: &Path) {
        std::fs::rename(self.folder.join(file.file_name().expect("a name")), file).expect("moved");
        let names: Vec<String> = self.running.keys().cloned().collect();
        for name in names {
            self.end(&name);
            self.start(&name);
        }
    }

    /// Waits until what was published has landed.
    pub(crate) fn wait_for_published(&mut self) {
        // Of a later day some rows are repeats of the earlier one.
        let published = 4 - self.unpublished.len() as u64;
        self.wait_for_rows(self.load.unique / 4 * published);
    }

    /// Publishes what is left.
    pub(crate) fn publish_all(&mut self) {
        while let Some(file) = self.unpublished.pop() {
            self.put(&file);
        }
    }

    fn wait_for_rows(&mut self, wanted: u64) {
        let what = format!("{wanted} rows: {}; {}", self.history(), self.folder.display());
        until(&what, || {
            self.look_after_all();
            (self.rows() >= wanted).then_some(())
        });
    }

    /// Fails if a process ended that nobody told to. One that wants to be started again is, as its supervisor would do.
    fn look_after_all(&mut self) {
        let ended = self.running.iter_mut().find_map(|(name, process)| Some((name.clone(), process.ended()?)));
        let Some((name, status)) = ended else { return };
        assert!(status.code() == Some(AGAIN), "{name} ended with {status}: {}; {}", self.history(), self.told());
        self.note(format!("{name} ended with {AGAIN}"));
        self.start(&name);
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
        let fine = status.success() || status.code() == Some(AGAIN);
        assert!(fine, "{name} ended with {status}: {}; {}", self.history(), self.told());
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
        // They come after the rows that they are about.
        let files = self.load.files.to_string();
        until("all receipts in their table", || {
            (self.ask("SELECT count() FROM spotlight.receipts") == files).then_some(())
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
        let topics = independent::read(self.services.kafka(), self.services.registry(), &self.namespace);
        assert!(topics.values().all(|topic| topic.all == topic.distinct), "{history}: {topics:?}");
        let all = |name: &str| topics[name].all as u64;
        assert_eq!(all("swaps.unique"), unique, "{history}: {topics:?}");
        let dropped = status["flows"]["swaps/unique"]["total"]["dropped"].as_object().expect("reasons");
        let dropped: u64 = dropped.values().filter_map(serde_json::Value::as_u64).sum();
        assert_eq!(all("swaps.messages"), unique + dropped + all("swaps.conflicts"), "{history}: {topics:?}");
    }
}
