//! Which settings of the Kafka client may be set, and why the others may not. A catalogue: one entry, one shape.
//!
//! Names are those of the C client. What stands in no table is refused too: a setting that nobody has thought about
//! may change what is promised.

/// Which clients a setting goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    Everywhere,
    Reading,
    Writing,
}

/// Settings that may be set.
const ALLOWED: &[(&str, Goes)] = &[
    ("broker.address.family", Goes::Everywhere),
    ("client.id", Goes::Everywhere),
    ("client.rack", Goes::Reading),
    ("compression.level", Goes::Writing),
    ("compression.type", Goes::Writing),
    ("connections.max.idle.ms", Goes::Everywhere),
    ("fetch.message.max.bytes", Goes::Reading),
    ("fetch.wait.max.ms", Goes::Reading),
    ("linger.ms", Goes::Writing),
    ("queued.max.messages.kbytes", Goes::Reading),
    ("reconnect.backoff.max.ms", Goes::Everywhere),
    ("reconnect.backoff.ms", Goes::Everywhere),
    ("sasl.mechanism", Goes::Everywhere),
    ("sasl.password", Goes::Everywhere),
    ("sasl.username", Goes::Everywhere),
    ("security.protocol", Goes::Everywhere),
    ("socket.keepalive.enable", Goes::Everywhere),
    ("ssl.ca.location", Goes::Everywhere),
    ("ssl.certificate.location", Goes::Everywhere),
    ("ssl.key.location", Goes::Everywhere),
    ("ssl.key.password", Goes::Everywhere),
];

/// Settings that may not be set, and why. A `*` at the end stands for any rest.
const REFUSED: &[(&str, &str)] = &[
    ("acks", "each record is written to all replicas in sync; less would lose records that were committed"),
    ("allow.auto.create.topics", "topics are made as they are declared, never by a reader's mistake"),
    ("auto.commit.*", "positions move in the transaction of what was made from the records"),
    ("auto.offset.reset", "nothing starts over by itself: a lost position is a hold, and `release` says from where"),
    ("batch.num.messages", "`linger.ms` says how long records wait for others"),
    ("batch.size", "`linger.ms` says how long records wait for others"),
    ("bootstrap.servers", "the servers have a field of their own"),
    ("check.crcs", "whether bytes are whole is always for the client to check where it can"),
    ("debug", "the client's log is not shown"),
    ("delivery.report.only.error", "where each record went is part of the answer to its transaction"),
    ("delivery.timeout.ms", "it follows from the time of a transaction"),
    ("enable.auto.commit", "positions move in the transaction of what was made from the records"),
    ("enable.auto.offset.store", "positions are computed from what was processed"),
    ("enable.gapless.guarantee", "a transaction is whole or is not there"),
    ("enable.idempotence", "without it a retry would write a record twice"),
    ("enable.partition.eof", "reading needs it to see the end of a partition"),
    ("enable.ssl.certificate.verification", "it would give the records to anyone who answers"),
    ("fetch.max.bytes", "it follows from the largest record"),
    ("fetch.min.bytes", "a reader at the end would wait for records that may not come"),
    ("fetch.queue.backoff.ms", "longer would leave a fast reader without records"),
    ("group.*", "members of groups are named by the instance"),
    ("isolation.level", "only what was committed may be read"),
    ("log.*", "the client's log is not shown"),
    ("max.in.flight*", "order within a partition hangs on it"),
    ("max.poll.interval.ms", "tasks say themselves that they are alive"),
    ("message.max.bytes", "it follows from the largest record, which has a field of its own"),
    ("message.send.max.retries", "a record is tried until its transaction's time is over"),
    ("message.timeout.ms", "it follows from the time of a transaction"),
    ("metadata.broker.list", "the servers have a field of their own"),
    ("partition.assignment.strategy", "who reads a partition is decided in one place"),
    ("partitioner", "one partitioner everywhere, or keys would lie in two partitions"),
    ("plugin.library.paths", "it would run other code inside this process"),
    ("queue.buffering.*", "a transaction must fit; `linger.ms` says how long records wait for others"),
    ("receive.message.max.bytes", "it follows from the largest record"),
    ("request.required.acks", "each record is written to all replicas in sync; less would lose records"),
    ("request.timeout.ms", "it follows from the time of a transaction"),
    ("retries", "a record is tried until its transaction's time is over"),
    ("sasl.kerberos.*", "this program is built without Kerberos, which would need a library of the system"),
    ("sasl.mechanisms", "its name here is `sasl.mechanism`"),
    ("sasl.oauthbearer.*", "this program cannot fetch tokens yet"),
    ("session.timeout.ms", "who owns a partition is decided by times that belong together"),
    ("ssl.endpoint.identification.algorithm", "it would give the records to anyone who answers"),
    ("statistics.interval.ms", "what the client counts stands in /metrics, and is told often enough for that"),
    ("test.*", "it would put a cluster that forgets into the place of the real one"),
    ("transaction.timeout.ms", "the time of a transaction has a field of its own"),
    ("transactional.id", "it is the instance's name: two processes of one name must fence each other"),
];

/// Where a setting goes, or why it may not be set.
pub(crate) fn judge(name: &str) -> Result<Goes, String> {
    if let Some((_, goes)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) {
        return Ok(*goes);
    }
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    };
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| matches(refused)) {
        return Err((*why).to_owned());
    }
    let names: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    Err(format!("it is none of those that can be set: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;

    use super::{ALLOWED, Goes, REFUSED, judge};

    #[test]
    fn settings_are_allowed_or_refused_with_a_reason() {
        let cases = [
            ("linger.ms", Ok(Goes::Writing)),
            ("sasl.password", Ok(Goes::Everywhere)),
            ("acks", Err("lose records")),
            ("isolation.level", Err("committed")),
            ("group.instance.id", Err("instance")),
            ("sasl.kerberos.keytab", Err("Kerberos")),
            ("transactional.id", Err("fence")),
            ("nonsense", Err("none of those that can be set: broker.address.family")),
        ];
        for (name, expected) in cases {
            match (judge(name), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{name}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{name}: {found}"),
                (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn the_client_knows_each_name_and_none_is_in_both_tables() {
        let known = |name: &str| {
            let mut config = ClientConfig::new();
            config.set(name, "x");
            let refusal = config.create_native_config().err().map(|error| error.to_string()).unwrap_or_default();
            !refusal.contains("No such configuration property")
        };
        for (name, _) in ALLOWED {
            assert!(known(name), "the client does not know {name}");
            assert!(REFUSED.iter().all(|(refused, _)| refused != name), "{name} is in both tables");
        }
        let names = ["auto.commit.*", "group.*", "log.*", "max.in.flight*", "queue.buffering.*", "test.*"];
        for (name, _) in REFUSED.iter().filter(|(name, _)| !name.ends_with('*')) {
            assert!(known(name), "the client does not know {name}");
        }
        assert!(names.iter().all(|name| REFUSED.iter().any(|(refused, _)| refused == name)));
        assert!(!known("nonsense"), "the test can tell");
    }
}
