//! Settings of the Kafka client that connections may not set, and why. A catalogue: one entry, one shape.
//!
//! What may be set stands in `language`. What stands in neither is refused too: a setting that nobody has thought about
//! may change what is promised.

use std::collections::BTreeMap;

use topology::declared::{Node, Walk};

use crate::codes::{CLIENT_SETTING, finding};
use crate::language::{CLIENT, COMPRESSIONS, FAMILIES, NUMBER};

/// Settings that may not be set, why, and what to do. A `*` at the end stands for any rest.
const REFUSED: &[(&str, &str, &str)] = &[
    ("acks", "each record is written to all replicas in sync; less would lose records that were committed", LEAVE),
    ("allow.auto.create.topics", "topics are made as they are declared, never by a reader's mistake", LEAVE),
    ("auto.commit.*", COMMITS, LEAVE),
    (
        "auto.offset.reset",
        "nothing starts over by itself: a lost position is a hold",
        "say from where with `spotlight release TOPOLOGY/FLOW --from earliest`",
    ),
    ("batch.*", "`linger.ms` says how long records wait for others", "set `linger.ms`"),
    ("bootstrap.servers", "the servers have a field of their own", "write them under `servers:`"),
    ("check.crcs", "whether bytes are whole is always for the client to check where it can", LEAVE),
    ("debug", "the client's log is not shown", LEAVE),
    ("delivery.*", "it follows from the time of a transaction", LEAVE),
    ("enable.auto.commit", COMMITS, LEAVE),
    ("enable.auto.offset.store", "Spotlight computes positions itself, from what was processed", LEAVE),
    ("enable.idempotence", "without it a retry would write a record twice", LEAVE),
    (
        "enable.ssl.certificate.verification",
        "it would give the records to anyone who answers",
        "trust the right authority with `tls: { ca: FILE }`",
    ),
    ("group.*", "members of groups are named by the instance", "give the process a name with `--instance`"),
    ("isolation.level", "only what was committed may be read", LEAVE),
    ("max.in.flight*", "order within a partition hangs on it", LEAVE),
    ("message.max.bytes", "it follows from the largest record", LEAVE),
    ("metadata.broker.list", "the servers have a field of their own", "write them under `servers:`"),
    ("partitioner", "one partitioner everywhere, or keys would lie in two partitions", LEAVE),
    ("partition.assignment.strategy", "who reads a partition is decided in one place", LEAVE),
    ("plugin.library.paths", "it would run other code inside this process", LEAVE),
    (
        "queue.buffering.*",
        "a transaction must fit; `linger.ms` says how long records wait for others",
        "set `linger.ms`",
    ),
    ("request.required.acks", "each record is written to all replicas in sync; less would lose records", LEAVE),
    ("retries", "a record is tried until its transaction's time is over", LEAVE),
    (
        "sasl.kerberos.*",
        "this program is built without Kerberos, which would need a library of the system",
        "log in with SCRAM, PLAIN or a certificate",
    ),
    ("sasl.oauthbearer.*", "this program cannot fetch tokens yet", "log in with SCRAM, PLAIN or a certificate"),
    (
        "sasl.*",
        "the login has a field of its own, in which the password is no text",
        "write `login: { mechanism: ..., user: ..., password: ... }` below `kafka:`",
    ),
    ("security.protocol", "it follows from `tls` and `login`", "add `tls:` or `login:` below `kafka:`"),
    ("session.timeout.ms", "who owns a partition is decided by times that belong together", LEAVE),
    (
        "ssl.endpoint.identification.algorithm",
        "it would give the records to anyone who answers",
        "trust the right authority with `tls: { ca: FILE }`",
    ),
    (
        "ssl.*",
        "encryption has a field of its own",
        "write `tls: { ca: ..., certificate: ..., key: ... }` below `kafka:`",
    ),
    ("statistics.interval.ms", "what the client counts stands in /metrics, and is told often enough for that", LEAVE),
    ("test.*", "it would put a cluster that forgets into the place of the real one", LEAVE),
    ("transaction.timeout.ms", "it belongs to other times, which Spotlight sets together", LEAVE),
    (
        "transactional.id",
        "it is the instance's name: two processes of one name must fence each other",
        "give the process a name with `--instance`",
    ),
];
const LEAVE: &str = "take it away";
const COMMITS: &str = "Spotlight commits positions itself, in the transaction of what was made from the records";

/// Names of the settings that may be set.
#[must_use]
pub fn client_settings() -> Vec<&'static str> {
    CLIENT.names().collect()
}

/// Reads the settings; each that may not be set is a finding.
pub(crate) fn read(walk: &Walk<'_>, node: &Node) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for entry in walk.entries(node, "`client`").unwrap_or(&[]) {
        let name = entry.key.text();
        if CLIENT.names().any(|known| known == name) {
            settings.extend(value(walk, name, &entry.value).map(|value| (name.to_owned(), value)));
            continue;
        }
        let shown = batch::bounded(name);
        walk.push(match refusal(name) {
            Some((why, remedy)) => {
                finding(CLIENT_SETTING, &entry.key, format!("`{shown}` may not be set: {why}"), remedy)
            }
            None => {
                let what = format!("`{shown}` is none of the settings that may be set");
                let found = finding(CLIENT_SETTING, &entry.key, what, "take it away, or use one of the settings above");
                found.names(name, "settings", CLIENT.names())
            }
        });
    }
    settings
}

fn refusal(name: &str) -> Option<(&'static str, &'static str)> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    };
    REFUSED.iter().find(|(refused, ..)| matches(refused)).map(|(_, why, remedy)| (*why, *remedy))
}

fn value(walk: &Walk<'_>, name: &str, node: &Node) -> Option<String> {
    let good = match name {
        "broker.address.family" => walk.choice(node, "family of addresses", &FAMILIES).is_some(),
        "compression.type" => walk.choice(node, "compression", &COMPRESSIONS).is_some(),
        "client.id" | "client.rack" => walk.text(node, &format!("`{name}`")).is_some(),
        _ => {
            let number = |text: &str| text.parse::<i32>().ok().filter(|number| *number >= 0);
            walk.read(node, &NUMBER, number).is_some()
        }
    };
    good.then(|| node.text().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{REFUSED, client_settings, refusal};

    #[test]
    fn no_setting_is_both_allowed_and_refused() {
        for name in client_settings() {
            assert_eq!(refusal(name), None, "{name}");
        }
    }

    #[test]
    fn a_general_reason_does_not_hide_a_special_one() {
        for (position, (pattern, ..)) in REFUSED.iter().enumerate() {
            let name = pattern.trim_end_matches('*');
            let first = REFUSED.iter().position(|(other, ..)| match other.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => *other == name,
            });
            assert_eq!(first, Some(position), "{pattern}");
        }
    }
}
