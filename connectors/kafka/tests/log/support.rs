//! One broker for all tests of this binary, another for a test that kills it, and logs with names of their own.
//!
//! A broker is held by a pipe: `services/kafka.sh hold` stops it when the pipe closes, and the system closes the pipe
//! when this process ends, however it ends. So nothing is left behind, and nothing else is stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kafka_connector::{KafkaLog, KafkaSettings};

/// A broker that this process started.
pub(crate) struct Broker {
    folder: PathBuf,
    pub(crate) servers: String,
    script: Child,
    pipe: Option<ChildStdin>,
}

/// The broker that the tests share.
pub(crate) fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| Broker::start("shared"))
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services/kafka.sh")
}

impl Broker {
    /// Starts a broker on a free port, in a folder of this run.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    /// The same with options of the script.
    pub(crate) fn start_with(name: &str, options: &[&str]) -> Self {
        let folder = scratch(name);
        let mut command = Command::new(script());
        command
            .arg("hold")
            .arg(&folder)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut script = command.spawn().expect("services/kafka.sh runs");
        let pipe = script.stdin.take();
        let mut line = String::new();
        let mut output = BufReader::new(script.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("readable");
        if line.trim().is_empty() {
            let mut reason = String::new();
            let _ = script.stderr.take().expect("piped").read_to_string(&mut reason);
            panic!("these tests need a real Kafka, which did not start: {reason}");
        }
        Self { folder, servers: line.trim().to_owned(), script, pipe }
    }

    fn run(&self, command: &str) {
        let status = Command::new(script()).arg(command).arg(&self.folder).stdout(Stdio::null()).status();
        assert!(status.expect("services/kafka.sh runs").success(), "kafka.sh {command}");
    }

    /// Kills the broker as a power cut would end its process.
    pub(crate) fn kill(&self) {
        self.run("kill");
    }

    /// Starts it again, on the same port, with its data; returns when it serves.
    pub(crate) fn start_again(&self) {
        self.run("up");
    }

    fn tool(&self, arguments: &[&str]) {
        let class = "org.apache.kafka.tools.TopicCommand";
        let mut command = Command::new(script());
        command.arg("tool").arg(&self.folder).args([class, "--bootstrap-server", &self.servers]).args(arguments);
        let output = command.output().expect("services/kafka.sh runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
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

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.script.wait();
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

/// A folder of this run below the build's own; those of runs that have ended are removed.
fn scratch(name: &str) -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka");
    std::fs::create_dir_all(&base).expect("folder");
    for entry in std::fs::read_dir(&base).expect("folder").flatten() {
        let ended = entry.file_name().to_str().is_some_and(|process| !Path::new("/proc").join(process).exists());
        if ended {
            // Another run may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    base.join(std::process::id().to_string()).join(name)
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
