//! What a log on Kafka is told: where the servers are, who it is, and the few numbers that matter.

use std::collections::BTreeMap;
use std::time::Duration;

use batch::Code;
use rdkafka::ClientConfig;

use crate::client_settings::{Goes, judge};
use crate::explanations::{CLIENT_SETTING, NAME, NUMBER};

/// Most bytes of a namespace: with a topic's 200 it stays below Kafka's 249.
const LONGEST_NAMESPACE: usize = 48;
/// Most bytes of a topic's name in Kafka.
const LONGEST_TOPIC: usize = 249;
/// Most bytes of an instance's name.
const LONGEST_INSTANCE: usize = 200;
/// Most bytes of a record that may be chosen. A broker takes no request above 100 MiB unless told to.
const MOST_OF_A_RECORD: usize = 64 * 1024 * 1024;
/// What a batch needs beside its records, generously.
pub(crate) const AROUND_A_RECORD: usize = 64 * 1024;

/// What a log on Kafka is told.
#[derive(Clone)]
pub struct KafkaSettings {
    /// Addresses to start from, `host:port`, with commas between them.
    pub servers: String,
    /// Name of this process among those that share the work. Two processes of one name fence each other.
    pub instance: String,
    /// Put before each name of a topic, of a group and of an instance, so that several set-ups share a cluster. May be
    /// empty. Topics without it do not exist for this log.
    pub namespace: String,
    /// Topics of others, which have no namespace: their whole names in the cluster, by the names that this log gives them.
    /// They are never made here.
    pub elsewhere: BTreeMap<String, String>,
    /// Copies of each topic that is made; `None` leaves it to the cluster.
    pub replication: Option<i32>,
    /// Most bytes of one record's key, value and headers.
    pub largest_record: usize,
    /// After this long without an end the cluster aborts a transaction. Until then the records after those of a process
    /// that died wait, unless a process of its name starts again. So longer makes readers wait longer; shorter makes a
    /// slow commit fail.
    pub transaction_timeout: Duration,
    /// How long one question to the cluster may take.
    pub request_timeout: Duration,
    /// A call about a transaction that takes longer than this will never return. Must be more than twice the time of a
    /// transaction, which is what the slowest of these calls gives itself.
    pub stuck_after: Duration,
    /// After this long without a sign of life a member of a group is taken for dead, and others get its partitions. Longer
    /// makes them wait longer; shorter takes a busy process for dead. The brokers say what is allowed, by default 6 s to
    /// 30 min.
    pub session_timeout: Duration,
    /// Further settings of the client: those of a short list.
    pub client: BTreeMap<String, String>,
}

/// Without the client's settings, among which are passwords.
impl std::fmt::Debug for KafkaSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { servers, instance, namespace, .. } = self;
        let mut shown = formatter.debug_struct("KafkaSettings");
        shown.field("servers", servers).field("instance", instance).field("namespace", namespace);
        shown.finish_non_exhaustive()
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct SettingsError {
    /// Under which people find more.
    pub code: Code,
    /// What and why.
    pub message: String,
}

impl KafkaSettings {
    /// Settings with the defaults of this crate.
    #[must_use]
    pub fn new(servers: &str, instance: &str) -> Self {
        Self {
            servers: servers.to_owned(),
            instance: instance.to_owned(),
            namespace: String::new(),
            elsewhere: BTreeMap::new(),
            replication: None,
            largest_record: 16 * 1024 * 1024,
            transaction_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            stuck_after: Duration::from_secs(90),
            session_timeout: Duration::from_secs(30),
            client: BTreeMap::new(),
        }
    }

    /// Says whether these settings can be used.
    ///
    /// # Errors
    /// The first one that cannot.
    pub fn check(&self) -> Result<(), SettingsError> {
        let error = |code, message| Err(SettingsError { code, message });
        if self.servers.trim().is_empty() {
            return error(NAME, "Kafka has no address".to_owned());
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let names = [
            ("an instance", &self.instance, 1, LONGEST_INSTANCE),
            ("a namespace", &self.namespace, 0, LONGEST_NAMESPACE),
        ];
        for (what, name, least, most) in names {
            if !(least..=most).contains(&name.len()) || !name.bytes().all(legal) {
                let shown = batch::bounded(name);
                return error(
                    NAME,
                    format!("`{shown}` is not a name of {what}: {least} to {most} letters, digits, `.`, `_` or `-`"),
                );
            }
        }
        if !(1..=MOST_OF_A_RECORD).contains(&self.largest_record) {
            return error(
                NUMBER,
                format!("the largest record cannot have {} bytes, only 1 to {MOST_OF_A_RECORD}", self.largest_record),
            );
        }
        let mut outside = BTreeMap::new();
        for (name, whole) in &self.elsewhere {
            if !(1..=LONGEST_TOPIC).contains(&whole.len()) || !whole.bytes().all(legal) {
                let shown = batch::bounded(whole);
                return error(NAME, format!("`{shown}` is not a name of a topic in Kafka"));
            }
            if let Some(other) = outside.insert(whole, name) {
                return error(
                    NAME,
                    format!("`{other}` and `{name}` are both `{whole}` in Kafka: one topic has one name"),
                );
            }
        }
        let [transaction, stuck] = [self.transaction_timeout, self.stuck_after];
        if !(Duration::from_secs(5)..=Duration::from_mins(15)).contains(&transaction) {
            return error(NUMBER, format!("a transaction cannot last {transaction:?}, only 5 s to 15 min"));
        }
        if stuck <= 2 * transaction {
            return error(
                NUMBER,
                format!(
                    "calls are stuck after {stuck:?}, but may take twice {transaction:?}, the time of a transaction"
                ),
            );
        }
        if !(Duration::from_secs(1)..=Duration::from_mins(30)).contains(&self.session_timeout) {
            return error(NUMBER, format!("a session cannot last {:?}, only 1 s to 30 min", self.session_timeout));
        }
        for name in self.client.keys() {
            if let Err(why) = judge(name) {
                return error(CLIENT_SETTING, format!("`{}` may not be set: {why}", batch::bounded(name)));
            }
        }
        Ok(())
    }

    /// The name of a group or of an instance in the cluster.
    pub(crate) fn outside(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    /// The name of a topic in the cluster.
    #[must_use]
    pub fn topic_outside(&self, name: &str) -> String {
        self.elsewhere.get(name).cloned().unwrap_or_else(|| self.outside(name))
    }

    /// What this log calls a topic of the cluster; `None` if it does not exist for it.
    pub(crate) fn topic_inside<'name>(&'name self, outside: &'name str) -> Option<&'name str> {
        if let Some((name, _)) = self.elsewhere.iter().find(|(_, whole)| *whole == outside) {
            return Some(name);
        }
        // One that is found elsewhere hides its namesake within the namespace.
        outside.strip_prefix(&self.namespace).filter(|name| !self.elsewhere.contains_key(*name))
    }

    /// Settings of clients that read.
    pub(crate) fn reading(&self) -> ClientConfig {
        let mut config = self.everywhere();
        for (name, value) in [
            ("isolation.level", "read_committed"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "error"),
            // A broker gives a batch as it lies on its disk. Without this a damaged number is a number.
            ("check.crcs", "true"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // A reader that starts at another place waits for the fetch that is under way, so longer makes that slower;
            // shorter costs more empty fetches when nothing comes.
            ("fetch.wait.max.ms", "20"),
            // How long a partition is left alone after its queue was full. Its default of 1 s starves fast readers.
            ("fetch.queue.backoff.ms", "1"),
            // What may wait for each reader of a partition. More costs memory, less makes a fast reader wait.
            ("queued.max.messages.kbytes", "4096"),
        ] {
            config.set(name, value);
        }
        self.add(&mut config, Goes::Reading);
        config
    }

    /// Settings of clients that ask and read nothing.
    pub(crate) fn asking(&self) -> ClientConfig {
        let mut config = self.reading();
        // Who leads a partition, and whom to ask about topics, the client learns anew when a broker dies: too early, as the
        // cluster takes it for dead some seconds later. Who reads or writes then asks until there is a leader; who only
        // asks would put questions to the dead broker until this time has passed, by default five minutes.
        config.set("topic.metadata.refresh.interval.ms", "1000");
        config
    }

    /// Settings of clients that ask where a partition ends, transactions that are still open included.
    pub(crate) fn asking_of_all(&self) -> ClientConfig {
        let mut config = self.asking();
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// Settings of a client that is a member of a group, given by its name outside, and reads nothing.
    pub(crate) fn member(&self, group: &str) -> ClientConfig {
        let mut config = self.reading();
        let session = self.session_timeout.as_millis();
        for (name, value) in [
            ("group.id", group.to_owned()),
            ("group.instance.id", self.outside(&self.instance)),
            ("partition.assignment.strategy", "cooperative-sticky".to_owned()),
            ("session.timeout.ms", session.to_string()),
            ("heartbeat.interval.ms", (session / 6).clamp(200, 3000).to_string()),
            ("max.poll.interval.ms", session.max(300_000).to_string()),
            ("enable.partition.eof", "false".to_owned()),
            ("queued.max.messages.kbytes", "64".to_owned()),
        ] {
            config.set(name, value);
        }
        config
    }

    /// Settings of the client that writes.
    pub(crate) fn writing(&self) -> ClientConfig {
        let mut config = self.everywhere();
        let transaction = self.transaction_timeout.as_millis();
        config.set("transactional.id", self.outside(&self.instance));
        config.set("transaction.timeout.ms", transaction.to_string());
        // Below the transaction's, so that a record which cannot be sent fails while the transaction can be aborted.
        config.set("message.timeout.ms", (transaction * 4 / 5).to_string());
        config.set("socket.timeout.ms", (transaction / 2).clamp(1000, 60_000).to_string());
        // Full batches leave at once, and the rest when all of a transaction was handed over (a flush): so nothing waits
        // for this time, and no batch is sent half full because the client was quicker than its caller.
        config.set("linger.ms", "500");
        // As a user of Kafka's own clients would choose it: topics take half the disk, for a few percent of processor time.
        config.set("compression.type", "lz4");
        config.set("queue.buffering.max.messages", "1000000");
        self.add(&mut config, Goes::Writing);
        config
    }

    fn everywhere(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config.set("message.max.bytes", (self.largest_record + AROUND_A_RECORD).to_string());
        config.set("topic.metadata.refresh.fast.interval.ms", "50");
        config.set("reconnect.backoff.max.ms", "1000");
        config
    }

    fn add(&self, config: &mut ClientConfig, whose: Goes) {
        for (name, value) in &self.client {
            if judge(name).is_ok_and(|goes| goes == whose || goes == Goes::Everywhere) {
                config.set(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::KafkaSettings;

    fn elsewhere(names: &[(&str, &str)]) -> BTreeMap<String, String> {
        names.iter().map(|(name, whole)| ((*name).to_owned(), (*whole).to_owned())).collect()
    }

    #[test]
    fn settings_are_checked() {
        type Change = fn(&mut KafkaSettings);
        let cases: [(Change, Option<&str>); 14] = [
            (|_| (), None),
            (|settings| settings.servers = " ".into(), Some("E5502")),
            (|settings| settings.instance = String::new(), Some("E5502")),
            (|settings| settings.instance = "a/b".into(), Some("E5502")),
            (|settings| settings.namespace = "test.".into(), None),
            (|settings| settings.namespace = "n".repeat(49), Some("E5502")),
            (|settings| settings.elsewhere = elsewhere(&[("a", "others.a"), ("b", "others.b")]), None),
            (|settings| settings.elsewhere = elsewhere(&[("a", "others/a")]), Some("E5502")),
            (|settings| settings.elsewhere = elsewhere(&[("a", "others.a"), ("b", "others.a")]), Some("E5502")),
            (|settings| settings.largest_record = 0, Some("E5503")),
            (|settings| settings.transaction_timeout = Duration::from_secs(1), Some("E5503")),
            (|settings| settings.stuck_after = Duration::from_secs(60), Some("E5503")),
            (|settings| drop(settings.client.insert("acks".into(), "1".into())), Some("E5501")),
            (|settings| drop(settings.client.insert("compression.type".into(), "lz4".into())), None),
        ];
        for (index, (change, expected)) in cases.into_iter().enumerate() {
            let mut settings = KafkaSettings::new("localhost:9092", "one");
            change(&mut settings);
            assert_eq!(settings.check().err().map(|error| error.code.0), expected, "case {index}");
        }
    }

    #[test]
    fn a_setting_goes_where_it_belongs() {
        let mut settings = KafkaSettings::new("localhost:9092", "one");
        settings.client.insert("compression.type".into(), "lz4".into());
        settings.client.insert("fetch.wait.max.ms".into(), "7".into());
        settings.client.insert("client.id".into(), "me".into());
        let (reading, writing) = (settings.reading(), settings.writing());
        assert_eq!((reading.get("compression.type"), writing.get("compression.type")), (None, Some("lz4")));
        assert_eq!((reading.get("fetch.wait.max.ms"), writing.get("fetch.wait.max.ms")), (Some("7"), None));
        assert_eq!((reading.get("client.id"), writing.get("client.id")), (Some("me"), Some("me")));
        assert_eq!(reading.get("isolation.level"), Some("read_committed"));
        settings.client.insert("sasl.password".into(), "hunter2".into());
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
