//! How fast this log writes and reads, on a real broker: `cargo run --release -p kafka-connector --example throughput
//! HOST:PORT [RECORDS]`. Start a broker with `services/kafka.sh up DIR`.
//!
//! Writes records of 150 bytes in transactions of 10,000 and reads them back: through the log, by the safe client's
//! consumer, and by the C client's batch call with nothing done to the records. Prints wall time and the processor time of
//! this process, all threads of the client among it; the broker's is not counted.
#![expect(clippy::disallowed_methods, reason = "it measures time and reads its command line")]
#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(unsafe_code, reason = "the batch call is C's")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use batch::{Headers, Records, RecordsBuilder};
use kafka_connector::{KafkaLog, KafkaSettings, Stuck};
use log::{Log, TopicSettings, Written};
use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

type Outcome<Value> = Result<Value, Box<dyn std::error::Error>>;

const BYTES: usize = 150;
const A_TRANSACTION: usize = 10_000;

/// Processor time of this process so far, in seconds.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // User and system time, in hundredths of a second on Linux.
    (ticks(11) + ticks(12)) / 100.0
}

fn measure(what: &str, count: usize, work: &mut dyn FnMut() -> Outcome<usize>) -> Outcome<()> {
    let (started, before) = (Instant::now(), processor());
    let done = work()?;
    let (wall, spent) = (started.elapsed().as_secs_f64(), processor() - before);
    if done != count {
        return Err(format!("{what}: {done} records instead of {count}").into());
    }
    let million = count as f64 / 1e6;
    println!("{what:34} {:>10.0} records/s {:>6.2} µs of processor a record", count as f64 / wall, spent / million);
    Ok(())
}

fn write(log: &KafkaLog, count: usize) -> Outcome<usize> {
    let value = [b'v'; BYTES];
    for start in (0..count).step_by(A_TRANSACTION) {
        let mut builder = RecordsBuilder::new();
        for number in start..(start + A_TRANSACTION).min(count) {
            builder.push(Some(&(number as u64).to_be_bytes()), Some(&value), &Headers::new(), 0);
        }
        let mut transaction = log.begin();
        transaction.append(Written { topic: "numbers".into(), partition: 0, records: builder.finish() })?;
        transaction.commit()?;
    }
    Ok(count)
}

fn small(log: &KafkaLog, count: usize) -> Outcome<usize> {
    for _ in 0..count {
        let mut builder = RecordsBuilder::new();
        builder.push(None, Some(b"v"), &Headers::new(), 0);
        let mut transaction = log.begin();
        transaction.append(Written { topic: "small".into(), partition: 0, records: builder.finish() })?;
        transaction.commit()?;
    }
    Ok(count)
}

fn read(log: &KafkaLog) -> Outcome<usize> {
    let (mut next, mut count) = (0, 0);
    loop {
        let blocks = log.read("numbers", 0, next, 1024 * 1024)?;
        let Some(last) = blocks.last() else { return Ok(count) };
        next = last.next_offset();
        count += blocks.iter().map(Records::len).sum::<usize>();
    }
}

fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("group.id", "throughput").set("fetch.queue.backoff.ms", "1");
    config.set("enable.auto.commit", "false").set("queued.max.messages.kbytes", "16384");
    config
}

fn safe_consumer(servers: &str, topic: &str, count: usize) -> Outcome<usize> {
    let consumer: BaseConsumer = config(servers).create()?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&partitions)?;
    let (mut found, mut bytes) = (0, 0);
    while found < count {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            bytes += message?.payload().map_or(0, <[u8]>::len);
            found += 1;
        }
    }
    if bytes == found * BYTES { Ok(found) } else { Err("other bytes".into()) }
}

fn batch_calls(servers: &str, topic: &str, count: usize) -> Outcome<usize> {
    let consumer: BaseConsumer = config(servers).create()?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&partitions)?;
    let handle = consumer.client().native_ptr();
    let mut taken = vec![std::ptr::null_mut(); 1000];
    let (mut found, mut bytes) = (0, 0);
    // SAFETY: the consumer outlives the queue; each message is freed once.
    unsafe {
        let queue = sys::rd_kafka_queue_get_consumer(handle);
        while found < count {
            let some = sys::rd_kafka_consume_batch_queue(queue, 10, taken.as_mut_ptr(), taken.len());
            for message in &taken[..usize::try_from(some).unwrap_or(0)] {
                bytes += (**message).len;
                found += 1;
                sys::rd_kafka_message_destroy(*message);
            }
        }
        sys::rd_kafka_queue_destroy(queue);
    }
    if bytes == found * BYTES { Ok(found) } else { Err("other bytes".into()) }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().ok_or("the address of a broker is missing")?;
    let count: usize = arguments.next().map_or(Ok(1_000_000), |number| number.parse())?;
    let mut settings = KafkaSettings::new(&servers, "throughput");
    settings.namespace = format!("speed{}.", std::process::id());
    let topic = format!("{}numbers", settings.namespace);
    let stuck: Stuck = Arc::new(|_| std::process::abort());
    let open = || KafkaLog::open(settings.clone(), Arc::clone(&stuck));
    let log = open()?;
    for name in ["numbers", "small"] {
        log.ensure_topic(&TopicSettings { name: name.into(), partitions: 1 })?;
    }
    println!("{count} records of {BYTES} bytes, one partition");
    measure("write, 10,000 a transaction", count, &mut || write(&log, count))?;
    measure("write, 1 a transaction", 200, &mut || small(&log, 200))?;
    for _ in 0..3 {
        let fresh = open()?;
        measure("read through the log", count, &mut || read(&fresh))?;
        measure("read by the safe consumer", count, &mut || safe_consumer(&servers, &topic, count))?;
        measure("read by C's batch call, untouched", count, &mut || batch_calls(&servers, &topic, count))?;
    }
    Ok(())
}
