//! The services that processes share, and what is done to them. They end with the test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clickhouse_connector::{ClickHouse, ClickHouseSettings, EmbeddedServer, EmbeddedSettings, Fetch, Program};
use testkit::{HeldService, KafkaProxy, service_folder};

use crate::program::{signal, variable};

/// A Kafka, a registry and a ClickHouse.
pub(crate) struct Services {
    /// Where a proxy listens for Kafka, if there is one.
    proxied: Option<String>,
    kafka: HeldService,
    registry: HeldService,
    clickhouse: EmbeddedServer,
}

impl Services {
    /// Starts them in a folder of this process, below the build's.
    pub(crate) fn start(name: &str) -> Self {
        Self::with_brokers(name, "1")
    }

    /// The same with several brokers. From three on each topic has three copies, of which two must have a record.
    pub(crate) fn with_brokers(name: &str, brokers: &str) -> Self {
        Self::with(name, &["--brokers", brokers])
    }

    /// The same with a broker that all clients reach by a proxy.
    pub(crate) fn behind(name: &str, proxy: &KafkaProxy) -> Self {
        let advertised = format!("advertised.listeners=PLAINTEXT://{}", proxy.address);
        let mut services = Self::with(name, &["--set", &advertised]);
        proxy.forward_to(services.kafka.address());
        services.proxied = Some(proxy.address.to_string());
        services
    }

    fn with(name: &str, options: &[&str]) -> Self {
        let folder = folder(name);
        Self {
            proxied: None,
            kafka: HeldService::start("kafka.sh", &folder.join("kafka"), options),
            registry: HeldService::start("registry.sh", &folder.join("registry"), &[]),
            clickhouse: start_clickhouse(&folder.join("clickhouse")),
        }
    }

    /// Where Kafka answers.
    pub(crate) fn kafka(&self) -> &str {
        self.proxied.as_deref().unwrap_or_else(|| self.kafka.address())
    }

    /// Where the registry answers.
    pub(crate) fn registry(&self) -> &str {
        self.registry.address()
    }

    /// How tests of this program log in to ClickHouse.
    pub(crate) fn clickhouse_settings(&self) -> ClickHouseSettings {
        self.clickhouse.client_settings()
    }

    /// A client of ClickHouse.
    pub(crate) fn clickhouse(&self) -> ClickHouse {
        ClickHouse::new(&self.clickhouse_settings()).expect("a client")
    }

    /// A query's answer as text, of the newest rows only.
    pub(crate) fn ask(&self, query: &str) -> String {
        let mut answer = Vec::new();
        self.clickhouse().query_to(query, "TSV", &[("final", "1")], &mut answer).expect("answered");
        String::from_utf8(answer).expect("text").trim().to_owned()
    }

    /// The broker hangs: its connections stay open and nothing is answered.
    pub(crate) fn hang_broker(&self, time: Duration) {
        let broker = self.broker(1);
        assert!(signal(broker, "STOP"), "the broker runs");
        std::thread::sleep(time);
        assert!(signal(broker, "CONT"), "the broker was stopped");
    }

    /// The broker dies and comes back.
    pub(crate) fn lose_broker(&self, time: Duration) {
        self.kafka.kill();
        std::thread::sleep(time);
        self.kafka.start_again();
    }

    /// One of several brokers dies.
    pub(crate) fn kill_broker(&self, number: u32) {
        self.kafka.run("kill", &[&number.to_string()]);
    }

    /// All brokers that do not run are started.
    pub(crate) fn start_brokers(&self) {
        self.kafka.start_again();
    }

    /// The broker ends as it is asked to, something is done, and it starts again.
    pub(crate) fn without_broker(&self, work: impl FnOnce(&Path)) {
        self.kafka.run("down", &[]);
        work(self.kafka.folder());
        self.kafka.start_again();
    }

    /// The registry dies and comes back.
    pub(crate) fn lose_registry(&self, time: Duration) {
        self.registry.kill();
        std::thread::sleep(time);
        self.registry.start_again();
    }

    /// ClickHouse dies and comes back, on the same address with what it had.
    pub(crate) fn lose_clickhouse(&self, time: Duration) {
        let process = self.clickhouse.process().expect("it runs");
        assert!(signal(process, "KILL"), "it runs");
        std::thread::sleep(time);
        assert!(self.clickhouse.ensure_alive().expect("it starts again"), "it was dead");
    }

    fn broker(&self, number: u32) -> u32 {
        let place = self.kafka.folder().join(format!("broker{number}/pid"));
        let text = std::fs::read_to_string(place).expect("the number of the broker's process");
        text.trim().parse().expect("a number")
    }
}

/// A folder of this process for services.
fn folder(name: &str) -> PathBuf {
    service_folder(Path::new(env!("CARGO_TARGET_TMPDIR")), "shared").join(name)
}

/// A ClickHouse of a test's own.
pub(crate) fn start_clickhouse(folder: &Path) -> EmbeddedServer {
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(variable("HOME").expect("HOME is set")).join(".cache"));
    let library = Fetch::new(cache.join("spotlight")).library(&mut |_, _| {}).expect("the embedded ClickHouse");
    let child = vec![env!("CARGO_BIN_EXE_spotlight").into(), "clickhouse-child".into()];
    let settings = EmbeddedSettings::new(folder.to_owned(), Program::Library { child, library });
    EmbeddedServer::start(settings).expect("the embedded ClickHouse starts")
}
