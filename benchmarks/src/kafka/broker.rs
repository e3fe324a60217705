//! The services of the contest: a real broker and a real registry by the project's scripts, and the rival's programs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use schema_registry_connector::{Registry, RegistrySettings};

use super::{INPUT, Said, check, copied, project, words};
use crate::process;
use crate::stage::Stage;

/// Of the broker and of the rival.
pub(super) const VERSION: &str = "4.3.1";

/// Kafka's own scripts start a broker like this; the project's start one for tests, small and quick to be there.
const BROKERS_JAVA: &str = "-Xms1g -XX:TieredStopAtLevel=4 -XX:-UseSerialGC -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
                            -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent";

/// A service that ends with this process: its script ends it when its standard input does.
struct Held {
    process: Child,
    address: String,
}

impl Held {
    fn start(script: &Path, folder: &Path) -> Result<Self> {
        let mut command = Command::new(script);
        command.arg("hold").arg(folder).env("KAFKA_HEAP", "1g").env("KAFKA_JVM_OPTS", BROKERS_JAVA);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().context("its output")?).read_line(&mut address)?;
        ensure!(!address.trim().is_empty(), "{} did not start", script.display());
        Ok(Self { process, address: address.trim().to_owned() })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends as its input does.
        let _ = self.process.wait();
    }
}

/// What the contest takes place on.
pub(super) struct Services {
    kafka: Held,
    registry: Held,
    /// Of all that the contest writes.
    pub(super) folder: PathBuf,
    scripts: PathBuf,
}

impl Services {
    /// Builds the rival, starts broker and registry, and registers the two schemas under the ids that the rival writes.
    pub(super) fn start(stage: &Stage) -> Result<Self> {
        let folder = stage.fresh("kafka")?;
        let rival = stage.work.join("kafka-streams");
        copied(&project(stage), &rival)?;
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "package", "-f"]).arg(rival.join("pom.xml")).stdout(Stdio::null());
        ensure!(maven.status().context("mvn, which builds the rival")?.success(), "the rival was not built");
        let scripts = stage.project.join("services");
        let kafka = Held::start(&scripts.join("kafka.sh"), &folder.join("broker"))?;
        let registry = Held::start(&scripts.join("registry.sh"), &folder.join("registry"))?;
        let services = Self { kafka, registry, folder, scripts };
        let client = Registry::new(&RegistrySettings::new(&services.registry.address))?;
        for (name, subject, id) in [("swap", format!("{INPUT}-value"), 1), ("clean", "peer.out-value".to_owned(), 2)] {
            let registered = client.register(&subject, &fs::read_to_string(services.schema(name))?, true)?.id.0;
            ensure!(registered == id, "the registry is not new: {subject} has id {registered}, the rival writes {id}");
        }
        Ok(services)
    }

    pub(super) fn kafka(&self) -> &str {
        &self.kafka.address
    }

    /// The rival's schema of this name.
    pub(super) fn schema(&self, name: &str) -> PathBuf {
        self.rival().join(format!("src/main/avro/{name}.avsc"))
    }

    fn rival(&self) -> PathBuf {
        self.folder.with_file_name("kafka-streams")
    }

    /// The argument that tells the rival's programs where Kafka is.
    pub(super) fn at(&self) -> [String; 1] {
        [format!("bootstrap={}", self.kafka.address)]
    }

    /// Milliseconds since 1970 UTC.
    pub(super) fn now(&self) -> Result<u128> {
        Ok(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis())
    }

    /// Java with the rival's classes.
    pub(super) fn java(&self, options: &[&str]) -> Command {
        let target = self.rival().join("target");
        let classes = format!("{}:{}/*", target.join("classes").display(), target.join("lib").display());
        let mut command = Command::new("java");
        command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn").args(options).args(["-cp", &classes]);
        command.stdin(Stdio::null());
        command
    }

    /// The file of connections of a run.
    pub(super) fn connections(&self, documents: &Path) -> Result<PathBuf> {
        let path = self.folder.join("connections.yaml");
        let (kafka, registry, documents) = (&self.kafka.address, &self.registry.address, text(documents)?);
        let file = format!(
            "kafka: {{ servers: [\"{kafka}\"], session-timeout: 6s }}\nregistry: {{ url: \"{registry}\" }}\nshared-folder: {documents}\n"
        );
        fs::write(&path, file)?;
        Ok(path)
    }

    fn topics(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.scripts.join("kafka.sh"));
        command.arg("tool").arg(self.folder.join("broker")).arg("org.apache.kafka.tools.TopicCommand");
        command.args(["--bootstrap-server", &self.kafka.address]).args(arguments);
        let output = command.stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    /// Makes a topic whose time stamps are the broker's.
    pub(super) fn create(&self, topic: &str) -> Result<()> {
        let stamps = "message.timestamp.type=LogAppendTime";
        self.topics(&["--create", "--if-not-exists", "--partitions", "4", "--topic", topic, "--config", stamps])
    }

    /// Makes a topic whose time stamps are the writer's.
    pub(super) fn create_plain(&self, topic: &str) -> Result<()> {
        self.topics(&["--create", "--if-not-exists", "--partitions", "4", "--topic", topic])
    }

    /// Deletes all topics of a round.
    pub(super) fn forget(&self, round: &str) -> Result<()> {
        self.topics(&["--delete", "--if-exists", "--topic", &format!(".*{round}.*")])
    }

    /// Fills a topic. Gives what was written, by the generator's names.
    pub(super) fn generate(&self, topic: &str, records: u64) -> Result<Said> {
        self.create_plain(topic)?;
        let mut java = self.java(&["-Xmx1g", "-XX:+UseSerialGC"]);
        java.arg("peer.Generate").args(self.at());
        let output = java.args([format!("topic={topic}"), format!("n={records}")]).output()?;
        ensure!(output.status.success(), "the generator: {}", String::from_utf8_lossy(&output.stderr));
        Ok(words(&String::from_utf8_lossy(&output.stdout)))
    }

    fn brokers_process(&self) -> Result<u32> {
        Ok(fs::read_to_string(self.folder.join("broker/broker1/pid"))?.trim().parse()?)
    }

    /// Reads a topic as it is written, for `seconds` behind the first `warm`, and gives the distribution of what its records
    /// took, in milliseconds.
    pub(super) fn latency(&self, output: &str, process: u32, warm: u64, seconds: u64) -> Result<Said> {
        let mut java = self.java(&["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        java.arg("peer.Measure").args(self.at()).args([
            "mode=latency".to_owned(),
            format!("out={output}"),
            format!("label={output}"),
            format!("warm={warm}"),
            format!("seconds={seconds}"),
            format!("app.pid={process}"),
            format!("broker.pid={}", self.brokers_process()?),
        ]);
        let said = java.output()?;
        ensure!(said.status.success(), "{output}: {}", String::from_utf8_lossy(&said.stderr));
        eprintln!("  {}", String::from_utf8_lossy(&said.stdout).trim());
        Ok(words(&String::from_utf8_lossy(&said.stdout)))
    }

    /// Waits until a group stands at the end of the input, and gives what that cost. `names`: the group, the topic that
    /// it writes, and that of its dead letters.
    pub(super) fn measure(
        &self,
        sum: &str,
        expected: &Said,
        start: u128,
        process: u32,
        [group, output, dead]: [&str; 3],
    ) -> Result<Said> {
        let broker = self.brokers_process()?;
        let sum = expected.get(sum).context("the generator said no sum")?;
        let mut java = self.java(&["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        java.arg("peer.Measure").args(self.at()).args([
            format!("group={group}"),
            format!("in={INPUT}"),
            format!("out={output}"),
            format!("dlq={dead}"),
            format!("label={group}"),
            format!("app.pid={process}"),
            format!("broker.pid={broker}"),
            format!("broker.cpu={}", process::cpu(broker).unwrap_or(0.0)),
            format!("t0={start}"),
            format!("check={sum}"),
        ]);
        let output = java.output()?;
        ensure!(output.status.success(), "{group}: {}", String::from_utf8_lossy(&output.stderr));
        let said = words(&String::from_utf8_lossy(&output.stdout));
        eprintln!("  {}", String::from_utf8_lossy(&output.stdout).trim());
        check(&said, expected)?;
        Ok(said)
    }
}

/// A path as text.
pub(super) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no Unicode")
}
