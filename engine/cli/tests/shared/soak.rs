//! Two processes at half of what they can do, for long, while a fault strikes every few seconds: nothing is lost, nothing
//! is there twice, and the memory of the process that is never killed stays where it was.
//!
//! What they can do is measured first, on this machine, with this build. One record of twenty is a repeat, one of a
//! hundred is cut short. `./test` does this for half a minute; a soak is
//!
//! ```sh
//! SPOTLIGHT_SHARED_SOAK=20 cargo test --workspace --locked --test shared soak -- --nocapture      # minutes
//! SPOTLIGHT_SHARED_SOAK=20 SPOTLIGHT_SHARED_SEED=7 cargo test --workspace --locked --test shared soak -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use testkit::Random;

use crate::feed::Feed;
use crate::outages::troubled;
use crate::outside::TRADES;
use crate::program::{DEADLINE, Process, now, until, variable};
use crate::seeds;
use crate::services::Services;

/// From the venue's records to a topic without repeats, and from there into a table.
const FEED: &str = "topology: trades
flows:
  unique:
    from: { topic: venue.trades, key: [number], partitions: 4 }
    steps: [ { dedupe: { name: once, key: [number], remember: 1m } } ]
    to: { topic: venue.unique, key: [number], partitions: 4 }
  load:
    from: { topic: venue.unique }
    steps: [ { select: { number: number, price: \"cast(price as decimal(18, 2))\" } } ]
    to: { clickhouse: { table: venue.soak, rows: append, key: [number], batch: { rows: 10000, age: 500ms } } }
";

const PARTITIONS: i64 = 4;
/// Records by which the speed is measured.
const MEASURED: i64 = 40_000;
/// Minutes from which on memory is judged, and when it is first looked at.
const LONG: u64 = 10;
const WARM: Duration = Duration::from_secs(120);
/// How much more memory a process may have at the end.
const GROWTH: f64 = 1.10;

/// The venue: it writes the records in order of their numbers, and keeps those that no broker takes yet.
struct Venue {
    producer: BaseProducer,
    topic: String,
    schema_id: u32,
}

impl Venue {
    fn new(feed: &Feed<'_>, schema_id: u32) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", feed.servers()).set("enable.idempotence", "true").set("linger.ms", "20");
        Self { producer: config.create().expect("a producer"), topic: feed.trades(), schema_id }
    }

    /// Writes the record of a number: whole, or cut short.
    fn write(&self, number: i64) {
        let mut value = crate::outside::trade(self.schema_id, number);
        if is_cut(number) {
            value.truncate(7);
        }
        let partition = i32::try_from(number % PARTITIONS).expect("small");
        loop {
            let record = BaseRecord::<(), [u8]>::to(&self.topic).partition(partition).payload(&value);
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => panic!("{error}"),
            }
        }
        self.producer.poll(Duration::ZERO);
    }

    /// Writes the records of these numbers, and each twentieth once more.
    fn write_all(&self, numbers: std::ops::Range<i64>) {
        for number in numbers {
            self.write(number);
            if number % 20 == 0 && !is_cut(number) {
                self.write(number);
            }
        }
    }

    fn flush(&self) {
        self.producer.flush(DEADLINE).expect("all is written");
    }

    /// Writes so many records a second until it is told to end; says with which number it ended.
    fn write_evenly(&self, first: i64, per_second: u64, ended: &AtomicBool, written: &AtomicU64) {
        let (started, mut next) = (now(), first);
        while !ended.load(Ordering::Relaxed) {
            let due = first + (started.elapsed().as_secs_f64() * per_second as f64) as i64;
            self.write_all(next..due);
            next = next.max(due);
            written.store(next as u64, Ordering::Relaxed);
            self.producer.poll(Duration::from_millis(10));
        }
        self.flush();
    }
}

/// One record of a hundred is cut short.
fn is_cut(number: i64) -> bool {
    number % 100 == 99
}

/// Good and bad records of the numbers below.
fn expected(below: i64) -> (i64, i64) {
    let bad = (0..below).filter(|number| is_cut(*number)).count() as i64;
    (below - bad, bad)
}

/// The processes, and who looks after them.
struct Pair<'a> {
    feed: &'a Feed<'a>,
    services: &'a Services,
    running: BTreeMap<&'static str, Process>,
    history: Vec<String>,
}

impl Pair<'_> {
    fn output(&self, name: &str) -> PathBuf {
        self.feed.data().with_file_name(format!("output-{name}.txt"))
    }

    fn start(&mut self, name: &'static str) {
        let data = format!("data-{name}");
        let command = self.feed.command_of(&data, &["run", "trades.yaml", "--instance", name]);
        self.running.insert(name, Process::start(command, &self.output(name)));
    }

    /// Starts again what wants to be; fails if one ended otherwise.
    fn look_after(&mut self) {
        let ended = self.running.iter_mut().find_map(|(name, process)| Some((*name, process.ended()?)));
        let Some((name, status)) = ended else { return };
        assert_eq!(status.code(), Some(75), "{name} ended: {:?}; {}", self.history, self.output(name).display());
        self.history.push(format!("{name} ended with 75"));
        self.start(name);
    }

    fn strike(&mut self, random: &mut Random) {
        let (name, fault): (_, &mut dyn FnMut(&mut Self)) = match random.below(7) {
            0 => ("kill two", &mut |pair| {
                pair.running.remove("two").expect("it runs").kill();
                pair.start("two");
            }),
            1 => ("stop one past its session", &mut |pair| {
                pair.running["one"].signal("STOP");
                std::thread::sleep(Duration::from_secs(8));
                pair.running["one"].signal("CONT");
            }),
            2 => ("end two", &mut |pair| {
                let mut two = pair.running.remove("two").expect("it runs");
                two.signal("TERM");
                // It may be about to begin, and is then ended by the system.
                two.wait();
                pair.start("two");
            }),
            3 => ("hang the broker", &mut |pair| pair.services.hang_broker(Duration::from_secs(8))),
            4 => ("lose the broker", &mut |pair| pair.services.lose_broker(Duration::from_secs(4))),
            5 => ("lose the registry", &mut |pair| pair.services.lose_registry(Duration::from_secs(4))),
            _ => ("lose ClickHouse", &mut |pair| pair.services.lose_clickhouse(Duration::from_secs(3))),
        };
        fault(self);
        self.history.push(format!("{name} with {} rows", self.rows()));
    }

    fn rows(&self) -> i64 {
        let there = self.services.ask("SELECT count() FROM system.tables WHERE database = 'venue' AND name = 'soak'");
        if there == "0" { 0 } else { self.services.ask("SELECT count() FROM venue.soak").parse().expect("a number") }
    }

    /// Waits as long as rows come; a stall of the deadline's length fails.
    fn wait_for_rows(&mut self, wanted: i64) {
        let mut there = -1;
        while there < wanted {
            there = until(&format!("more than {there} of {wanted} rows: {:?}", self.history), || {
                self.look_after();
                Some(self.rows()).filter(|rows| *rows > there)
            });
        }
    }

    /// Memory of the process that no fault ends, in bytes, and its number.
    fn memory(&self) -> (u32, f64) {
        let process = self.running["one"].id();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
        (process, kibibytes * 1024.0)
    }
}

/// Ends the writing, also where the test fails meanwhile: it would be waited for, for ever.
struct EndsTheVenue<'a>(&'a AtomicBool);

impl Drop for EndsTheVenue<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_soak_leaves_each_row_once_and_memory_where_it_was() {
    let minutes = variable("SPOTLIGHT_SHARED_SOAK").map(|text| text.parse::<u64>().expect("minutes"));
    let (time, every) = match minutes {
        Some(minutes) => (Duration::from_secs(minutes * 60), Duration::from_secs(20)),
        None => (Duration::from_secs(30), Duration::from_secs(10)),
    };
    let services = troubled();
    let seed = seeds(1)[0];
    let feed = Feed::without_schema(&services, &format!("soak{seed}"), FEED);
    feed.write_file("schemas/topics/venue.trades.avsc", TRADES);
    let settings = services.clickhouse_settings();
    feed.know_secret(settings.password.reveal());
    feed.connect(&format!(
        "clickhouse: {{ url: \"{}\", login: {{ user: {}, password: {{ env: TEST_PASSWORD }} }} }}\n",
        settings.url, settings.user
    ));
    for database in ["venue", "spotlight"] {
        services.clickhouse().execute(&format!("DROP DATABASE IF EXISTS {database} SYNC"), &[]).expect("dropped");
    }
    feed.outsider.make_wide(&feed.trades(), PARTITIONS as i32);
    let venue = Venue::new(&feed, feed.outsider.schema_id(&feed.trades()));

    let mut pair = Pair { feed: &feed, services: &services, running: BTreeMap::new(), history: Vec::new() };
    venue.write_all(0..MEASURED);
    venue.flush();
    // From the start on: what is there at the first look has taken its time too, and a venue that is faster than they are
    // leaves hours of work behind it.
    let started = now();
    pair.start("one");
    pair.start("two");
    pair.wait_for_rows(expected(MEASURED).0);
    let speed = (MEASURED as f64 / started.elapsed().as_secs_f64()) as u64;
    println!("seed {seed}: {speed} records a second are possible, {} come", speed / 2);

    let (ended, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let (started, mut random, mut warm) = (now(), Random::new(seed), None);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| venue.write_evenly(MEASURED, speed / 2, &ended, &written));
        let end = EndsTheVenue(&ended);
        let mut next = every;
        while started.elapsed() < time {
            pair.look_after();
            if started.elapsed() >= next {
                pair.strike(&mut random);
                next = started.elapsed() + every;
            }
            if warm.is_none() && started.elapsed() >= WARM {
                warm = Some(pair.memory());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(end);
        writing.join().expect("the venue wrote");
    });
    let all = written.load(Ordering::Relaxed) as i64;
    let (good, bad) = expected(all);
    pair.wait_for_rows(good);
    until("all dead letters in their table", || {
        (services.ask("SELECT count() FROM spotlight.dead_letters") == bad.to_string()).then_some(())
    });
    println!("{all} records in {:?}, {}", started.elapsed(), pair.history.join(", "));
    assert_eq!(services.ask("SELECT count(), uniqExact(number) FROM venue.soak"), format!("{good}\t{good}"));
    if let Some((process, before)) = warm {
        let (now_process, after) = pair.memory();
        let same = if process == now_process { "" } else { ", of a later process of that name" };
        println!("memory after two minutes {before:.0} B, at the end {after:.0} B{same}");
        assert!(minutes.is_none_or(|minutes| minutes < LONG) || after <= before * GROWTH, "{before} grew to {after}");
    }
    for (name, mut process) in std::mem::take(&mut pair.running) {
        process.signal("TERM");
        let status = process.wait();
        assert!(matches!(status.code(), Some(0 | 75)), "{name} ended with {status}");
    }
    let reconciled = feed.command_of("data-one", &["reconcile"]).output().expect("the program starts");
    assert!(reconciled.status.success(), "{}", String::from_utf8_lossy(&reconciled.stdout));
}
