//! A small feed on Kafka: trades that a venue writes all the time, into four partitions, which processes share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tempfile::TempDir;

use crate::agent::{Agent, Allocation};
use crate::lists::variables_of_trials;
use crate::outside::{Outsider, TRADES, trade};
use crate::program::{Said, spotlight, until};
use crate::services::Services;

/// Partitions of the venue's topic.
pub(crate) const PARTITIONS: i32 = 4;

/// Time between two trades.
const PACE: Duration = Duration::from_millis(4);

/// One Kafka, one registry and one ClickHouse for all trials.
fn services() -> &'static Services {
    static SERVICES: OnceLock<Services> = OnceLock::new();
    SERVICES.get_or_init(|| Services::start("nomad"))
}

/// The feed in a folder of its own.
pub(crate) struct Trades {
    pub(crate) name: String,
    folder: TempDir,
    topic: String,
    schema_id: u32,
    venue: Option<Venue>,
    written: i64,
}

/// Somebody who writes trades until told to stop.
struct Venue {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<i64>,
}

impl Trades {
    pub(crate) fn new(name: &str) -> Self {
        let services = services();
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let outsider = Outsider::new(services.kafka(), services.registry());
        let topic = format!("{name}.venue.trades");
        outsider.make_wide(&topic, PARTITIONS);
        let schema_id = outsider.schema_id(&topic);
        let trades = Self { name: name.to_owned(), folder, topic, schema_id, venue: None, written: 0 };
        let settings = services.clickhouse_settings();
        trades.write(
            "connections.yaml",
            &format!(
                "kafka: {{ servers: [\"{}\"], namespace: \"{name}.\", session-timeout: 6s, transaction-timeout: 6s }}\n\
                 registry: {{ url: \"{}\" }}\nclickhouse:\n  url: \"{}\"\n  login: {{ user: {}, password: {{ secret: \
                 clickhouse/password }} }}\nshared-folder: \"{}\"\n",
                services.kafka(),
                services.registry(),
                settings.url,
                settings.user,
                trades.path("documents").display()
            ),
        );
        trades.write("secrets/clickhouse/password", settings.password.reveal());
        trades.write("schemas/topics/venue.trades.avsc", TRADES);
        trades.write_topology("cast(price as decimal(18, 2))");
        trades
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let place = self.path(name);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        std::fs::write(place, text).expect("a file");
    }

    /// The topology, by the expression that makes a price.
    pub(crate) fn write_topology(&self, price: &str) {
        let Self { name, .. } = self;
        self.write(
            &format!("{name}.yaml"),
            &format!(
                "topology: {name}\nflows:\n  load:\n    from: {{ topic: venue.trades, partitions: {PARTITIONS} }}\n    steps: [ {{ \
                 select: {{ number: number, price: \"{price}\" }} }} ]\n    to: {{ clickhouse: {{ table: venue.{name}, rows: \
                 append, key: [number], batch: {{ rows: 500, age: 300ms }} }} }}\n"
            ),
        );
    }

    /// The venue begins to write.
    pub(crate) fn begin(&mut self) {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, topic, id, first) = (Arc::clone(&stop), self.topic.clone(), self.schema_id, self.written);
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", services().kafka()).set("enable.idempotence", "true");
        let producer: BaseProducer = config.create().expect("a producer");
        let write = move || {
            let mut number = first;
            while !told.load(Ordering::Relaxed) {
                let value = trade(id, number);
                let partition = i32::try_from(number % i64::from(PARTITIONS)).expect("small");
                producer.send(BaseRecord::<(), [u8]>::to(&topic).partition(partition).payload(&value)).expect("room");
                number += 1;
                producer.poll(PACE);
                std::thread::sleep(PACE);
            }
            producer.flush(Duration::from_secs(30)).expect("written");
            number
        };
        let thread = std::thread::Builder::new().name("venue".to_owned()).spawn(write).expect("a thread");
        self.venue = Some(Venue { stop, thread });
    }

    /// The venue ends; says how many trades there are.
    pub(crate) fn end(&mut self) -> i64 {
        let Venue { stop, thread } = self.venue.take().expect("it writes");
        stop.store(true, Ordering::Relaxed);
        self.written = thread.join().expect("the venue ended well");
        self.written
    }

    /// Prints the job and runs it.
    pub(crate) fn run(&self, agent: &Agent, variables: &[(&str, &str)]) -> Said {
        let settings = services().clickhouse_settings();
        agent.keep_secrets(&self.name, &[("clickhouse_password", settings.password.reveal())]);
        let mut command = spotlight(["nomad-job", &format!("{}.yaml", self.name), "--connections", "connections.yaml"]);
        command.current_dir(self.folder.path());
        let printed = Said::from(command.output().expect("the program starts")).ends(0);
        let file = self.path("job.nomad.hcl");
        std::fs::write(&file, &printed.output).expect("a file");
        assert!(!printed.output.contains(settings.password.reveal()), "the password stands in the job");
        agent.check(&[Path::new(&file)]);
        agent.run(&file, &[&variables_of_trials()[..], variables].concat())
    }

    fn ask(&self, query: &str) -> String {
        services().ask(query)
    }

    /// Rows in the table, 0 before there is one.
    pub(crate) fn rows(&self) -> i64 {
        let there =
            self.ask(&format!("SELECT count() FROM system.tables WHERE database = 'venue' AND name = '{}'", self.name));
        if there == "0" {
            0
        } else {
            self.ask(&format!("SELECT count() FROM venue.{}", self.name)).parse().expect("a number")
        }
    }

    #[track_caller]
    pub(crate) fn wait_for_more(&self) {
        let wanted = self.rows() + 1_000;
        until(&format!("{wanted} rows"), || (self.rows() >= wanted).then_some(()));
    }

    /// Now, by the clock of ClickHouse, in milliseconds.
    pub(crate) fn moment(&self) -> i64 {
        self.ask("SELECT toUnixTimestamp64Milli(now64(3))").parse().expect("a number")
    }

    /// The longest time since a moment in which no row of a partition landed, in milliseconds, for each partition.
    pub(crate) fn gaps(&self, since: i64) -> String {
        self.ask(&format!(
            "SELECT arrayStringConcat(groupArray(toString(gap)), ' ms, ') FROM (SELECT _partition, \
             arrayMax(arrayDifference(arraySort(groupUniqArray(toUnixTimestamp64Milli(_loaded_at))))) AS gap FROM venue.{} WHERE \
             _loaded_at >= fromUnixTimestamp64Milli(toInt64({since})) GROUP BY _partition ORDER BY _partition)",
            self.name
        )) + " ms"
    }

    /// Fails unless each trade is in the table once, and `reconcile` agrees.
    #[track_caller]
    pub(crate) fn proven(&self, agent: &Agent, allocation: &Allocation) {
        let count = || self.ask(&format!("SELECT count() || ' ' || uniqExact(number) FROM venue.{}", self.name));
        let wanted = format!("{0} {0}", self.written);
        until(&format!("{} trades in the table, which has {}", self.written, count()), || {
            (self.rows() >= self.written).then_some(())
        });
        assert_eq!(count(), wanted);
        let mut command = spotlight(["reconcile", "--data"]);
        command.arg(agent.data(allocation)).arg("--connections").arg(self.path("connections.yaml"));
        let said: Said =
            command.arg("--secrets").arg(self.path("secrets")).output().expect("the program starts").into();
        let reconciled = said.ends(0).output;
        assert!(reconciled.contains(&format!("{}/load", self.name)), "{reconciled}");
        assert_eq!(count(), wanted);
    }
}
