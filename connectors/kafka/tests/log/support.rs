//! One broker for all tests of this binary, another for a test that kills it, and logs with names of their own.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kafka_connector::{KafkaLog, KafkaSettings};
use testkit::{HeldService, service_folder};

/// A broker that this process started.
pub(crate) struct Broker {
    service: HeldService,
    pub(crate) servers: String,
}

/// The broker that the tests share.
pub(crate) fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| Broker::start("shared"))
}

impl Broker {
    /// Starts a broker on a free port, in a folder of this run.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    /// The same with options of the script.
    pub(crate) fn start_with(name: &str, options: &[&str]) -> Self {
        let folder = service_folder(Path::new(env!("CARGO_TARGET_TMPDIR")), "kafka").join(name);
        let service = HeldService::start("kafka.sh", &folder, options);
        let servers = service.address().to_owned();
        Self { service, servers }
    }

    /// Kills the broker as a power cut would end its process.
    pub(crate) fn kill(&self) {
        self.service.kill();
    }

    /// Starts it again, on the same port, with its data; returns when it serves.
    pub(crate) fn start_again(&self) {
        self.service.start_again();
    }

    /// Stops the broker, works on the files with the first records of these topics, and starts it again.
    pub(crate) fn damage(&self, topics: &[String], work: impl Fn(&mut Vec<u8>)) {
        self.service.run("down", &[]);
        for topic in topics {
            let place = self.service.folder().join(format!("broker1/data/{topic}-0/00000000000000000000.log"));
            let mut bytes = std::fs::read(&place).expect("a segment");
            work(&mut bytes);
            std::fs::write(&place, bytes).expect("written");
        }
        self.service.start_again();
    }

    fn tool(&self, arguments: &[&str]) {
        let class = "org.apache.kafka.tools.TopicCommand";
        self.service.run("tool", &[&[class, "--bootstrap-server", &self.servers], arguments].concat());
    }

    /// Makes a topic as somebody else would, with one setting.
    pub(crate) fn make_topic(&self, name: &str, setting: &str) {
        self.tool(&["--create", "--topic", name, "--partitions", "1", "--config", setting]);
    }

    /// Deletes a topic as somebody else would.
    pub(crate) fn delete_topic(&self, name: &str) {
        self.tool(&["--delete", "--topic", name]);
    }

    /// Settings of a log on this broker in a namespace.
    pub(crate) fn settings(&self, namespace: &str, instance: &str) -> KafkaSettings {
        let mut settings = KafkaSettings::new(&self.servers, instance);
        settings.namespace = namespace.to_owned();
        settings
    }

    /// A log on this broker.
    pub(crate) fn open(&self, namespace: &str, instance: &str) -> KafkaLog {
        open(self.settings(namespace, instance))
    }
}

/// A log whose stuck calls end this process.
pub(crate) fn open(settings: KafkaSettings) -> KafkaLog {
    let stuck = Arc::new(|call: &'static str| {
        let _ = writeln!(std::io::stderr(), "a call into the client does not return: {call}");
        std::process::abort();
    });
    KafkaLog::open(settings, stuck).unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

/// A namespace that nobody has used.
pub(crate) fn namespace() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{}.", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until something holds, for a minute at most.
pub(crate) fn until(what: &str, holds: &mut dyn FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("within a minute it did not happen that {what}");
}
