//! The words of `connections.yaml`: every map of keys, every choice and every written form, declared once.
//!
//! The reader takes its keys, choices and forms from here, and [`schema`] makes the JSON Schema of them. What values
//! mean, and rules between them, are the reader's.

use serde_json::Value;
use topology::declared::{Form, Key, Keys, Named, Written, may, must, schema_of, written};

use crate::places::{Addressing, Mechanism};

/// The JSON Schema (draft 2020-12) of `connections.yaml`, for editors.
#[must_use]
pub fn schema() -> Value {
    schema_of("Spotlight: connections", &CONNECTIONS)
}

/// The keys of `connections.yaml`, from which all others can be reached.
#[must_use]
pub fn keys() -> &'static Keys {
    &CONNECTIONS
}

pub(crate) static CONNECTIONS: Keys = Keys::new(
    "the file",
    "Where the services of one environment live. All feeds share it.",
    &[
        may("about", Form::Text, "Prose for people."),
        may(
            "secrets",
            Form::Text,
            "The folder of secrets, one file each; a path from this file. `--secrets DIR` wins.",
        ),
        may("kafka", Form::Map(&KAFKA), "The log that several processes share."),
        may("registry", Form::Map(&REGISTRY), "The schema registry, which speaks Confluent's API."),
        may("clickhouse", Form::Map(&CLICKHOUSE), "Where tables are."),
        may(
            "object-store",
            Form::Map(&OBJECT_STORE),
            "Where documents' bytes are kept: a bucket of S3 or of its like.",
        ),
        may(
            "shared-folder",
            Form::Text,
            "Where documents' bytes are kept instead: a folder that all processes see; a path from this file.",
        ),
        may(
            "buckets",
            Form::Named(&BUCKETS),
            "Buckets in which `s3` sources find documents, by the names that topologies give them.",
        ),
    ],
)
.elsewhere(&[
    (&["schema-registry", "registries"], "registry"),
    (&["s3", "minio", "store", "raw-store", "storage"], "object-store"),
    (&["sources", "inputs", "incoming"], "buckets"),
    (&["broker", "brokers", "redpanda", "log"], "kafka"),
    (&["warehouse", "database"], "clickhouse"),
    (&["secret", "vault"], "secrets"),
]);

/// A secret: where it is, never what it is.
const SECRET_FORM: Form = Form::Map(&SECRET);
/// A secret, or a text where that gives nothing away.
const SECRET_OR_TEXT: Form = Form::Either(&[Form::Text, SECRET_FORM]);

pub(crate) static SECRET: Keys = Keys::new(
    "a secret",
    "Where a secret is.",
    &[
        may("secret", Form::Text, "The path of its file below the folder of secrets; one line end at its end is cut."),
        may("env", Form::Written(&VARIABLE), "The variable of the environment that holds it."),
    ],
)
.one(&["secret", "env"])
.elsewhere(&[
    (&["file", "path", "vault", "name", "key", "from"], "secret"),
    (&["variable", "environment", "env-var", "var"], "env"),
]);
pub(crate) static VARIABLE: Written =
    written("name of a variable", "letters, digits and `_`, as in `KAFKA_PASSWORD`", "[A-Za-z_][A-Za-z0-9_]*");

const URL_FORM: Form = Form::Written(&URL);
static URL: Written = written("address", "an address such as `https://host:8443`", "https?://[^@\\s]+");
const LOGIN_KEY: Key = may("login", Form::Map(&LOGIN), "As whom to log in.");
const CA: Key = may("ca", Form::Text, "A file of certificates (PEM) that are trusted beside the system's.");

pub(crate) static LOGIN: Keys = Keys::new("`login`", "As whom to log in.", &[USER, PASSWORD]).elsewhere(LOGIN_WORDS);
const USER: Key = must("user", SECRET_OR_TEXT, "The user.");
const PASSWORD: Key = must("password", SECRET_FORM, "The password: `{ secret: NAME }` or `{ env: NAME }`.");
const LOGIN_WORDS: &[(&[&str], &str)] =
    &[(&["username", "name", "api-key"], "user"), (&["pass", "pwd", "api-secret"], "password")];

pub(crate) static KAFKA: Keys = Keys::new(
    "`kafka`",
    "The log that several processes share.",
    &[
        must("servers", Form::Filled(&Form::Written(&SERVER)), "Servers to start from, `host:port` each."),
        may("tls", Form::Map(&TLS), "Encrypt; without it nothing is encrypted."),
        may("login", Form::Map(&SASL), "As whom to log in (SASL)."),
        may(
            "namespace",
            Form::Written(&NAMESPACE),
            "Put before each name of a topic or group, so that several set-ups share a cluster.",
        ),
        may(
            "elsewhere",
            Form::Named(&ELSEWHERE),
            "Topics of others without `namespace`: by the name that topologies give them, their whole name in Kafka.",
        ),
        may(
            "replication",
            Form::Written(&REPLICATION),
            "Copies of each topic that is made; the cluster's own choice by default.",
        ),
        may(
            "session-timeout",
            Form::Written(&TIME_OUT),
            "After so long without a sign of life a process is taken for dead, and others do its work; 30 s by default.",
        ),
        may(
            "transaction-timeout",
            Form::Written(&TIME_OUT),
            "After so long the cluster aborts what a process that died left open; until then readers wait. 30 s by default.",
        ),
        may("client", Form::Map(&CLIENT), "Further settings of the Kafka client, by the client's own names."),
    ],
)
.elsewhere(&[
    (&["brokers", "bootstrap-servers", "bootstrap.servers", "bootstrap", "url", "hosts"], "servers"),
    (&["sasl", "user", "auth", "credentials"], "login"),
    (&["ssl", "ca", "security"], "tls"),
    (&["prefix"], "namespace"),
    (&["topics", "outside", "names", "aliases"], "elsewhere"),
    (&["replication-factor", "replicas"], "replication"),
    (&["settings", "properties", "config", "options"], "client"),
]);
pub(crate) static SERVER: Written = written("server of Kafka", "`host:port`", "[^@\\s,/]+:[0-9]+");
pub(crate) static TIME_OUT: Written = written("time-out", "a duration from `5s` to `15m`", "[0-9]+ *(ms|s|m|h|d)");
pub(crate) static NAMESPACE: Written =
    written("namespace", "at most 48 letters, digits, `.`, `_` and `-`", "[A-Za-z0-9._-]{1,48}");
static ELSEWHERE: Named = Named::of(Form::Written(&TOPIC));
pub(crate) static TOPIC: Written =
    written("name of a topic in Kafka", "at most 249 letters, digits, `.`, `_` and `-`", "[A-Za-z0-9._-]{1,249}");
pub(crate) static REPLICATION: Written = written("number of copies", "from 1 to 100", "[0-9]+").numbers(1, 100);

pub(crate) static TLS: Keys = Keys::new(
    "`tls`",
    "Who is trusted, and with which certificate the client shows who it is.",
    &[
        must("ca", Form::Text, "Who is trusted: a file of certificates (PEM), or `system` for those of the system."),
        may("certificate", Form::Text, "The client's own certificate (PEM)."),
        may("key", Form::Text, "Its private key (PEM)."),
        may("key-password", SECRET_FORM, "The password of the key's file."),
    ],
)
.together(&[("certificate", "key"), ("key", "certificate"), ("key-password", "key")])
.elsewhere(&[
    (&["truststore", "ca-location", "ca-file", "ssl.ca.location", "cacert"], "ca"),
    (&["cert", "keystore", "client-certificate", "ssl.certificate.location"], "certificate"),
    (&["ssl.key.location"], "key"),
    (&["ssl.key.password", "passphrase"], "key-password"),
]);

pub(crate) static SASL: Keys = Keys::new(
    "`login`",
    "As whom to log in to Kafka.",
    &[must("mechanism", Form::Choice(&MECHANISMS), "How the password is proven."), USER, PASSWORD],
)
.elsewhere(LOGIN_WORDS);
pub(crate) static MECHANISMS: [(&str, Mechanism); 3] =
    [("scram-sha-512", Mechanism::ScramSha512), ("scram-sha-256", Mechanism::ScramSha256), ("plain", Mechanism::Plain)];

pub(crate) static CLIENT: Keys = Keys::new(
    "`client`",
    "Settings of the Kafka client that cannot change what is promised.",
    &[
        may("broker.address.family", Form::Choice(&FAMILIES), "Which addresses of a server are used."),
        may("client.id", Form::Text, "The name by which the cluster's logs and quotas know the client."),
        may("client.rack", Form::Text, "Where this process is, so that it reads from the nearest copy."),
        may("compression.level", NUMBER_FORM, "How hard to compress."),
        may("compression.type", Form::Choice(&COMPRESSIONS), "How records are compressed on their way."),
        may("connections.max.idle.ms", NUMBER_FORM, "Milliseconds after which an idle connection is closed."),
        may("fetch.message.max.bytes", NUMBER_FORM, "Bytes that one partition gives to one request, at first."),
        may("fetch.wait.max.ms", NUMBER_FORM, "Milliseconds for which a server waits for records."),
        may("linger.ms", NUMBER_FORM, "Milliseconds for which a record waits for others."),
        may("queued.max.messages.kbytes", NUMBER_FORM, "Kilobytes that wait for a reader of a partition."),
        may("reconnect.backoff.max.ms", NUMBER_FORM, "Longest wait before a server is tried again, in milliseconds."),
        may("reconnect.backoff.ms", NUMBER_FORM, "First wait before a server is tried again, in milliseconds."),
    ],
);
const NUMBER_FORM: Form = Form::Written(&NUMBER);
pub(crate) static NUMBER: Written =
    written("whole number", "a whole number from 0 to 2147483647", "[0-9]+").numbers(0, 2_147_483_647);
pub(crate) static FAMILIES: [(&str, ()); 3] = [("any", ()), ("v4", ()), ("v6", ())];
pub(crate) static COMPRESSIONS: [(&str, ()); 5] =
    [("none", ()), ("gzip", ()), ("snappy", ()), ("lz4", ()), ("zstd", ())];

pub(crate) static REGISTRY: Keys = Keys::new(
    "`registry`",
    "The schema registry, which speaks Confluent's API.",
    &[must("url", URL_FORM, "Its address, with the path of the API if there is one."), LOGIN_KEY, CA],
)
.elsewhere(SERVICE_WORDS);
const SERVICE_WORDS: &[(&[&str], &str)] = &[
    (&["address", "endpoint", "host", "uri", "server", "servers"], "url"),
    (&["auth", "user", "username", "password", "credentials", "basic-auth"], "login"),
    (&["tls", "ssl", "ca-file", "cacert"], "ca"),
];

pub(crate) static CLICKHOUSE: Keys = Keys::new(
    "`clickhouse`",
    "Where tables are.",
    &[
        must("url", URL_FORM, "The address of its HTTP interface."),
        LOGIN_KEY,
        CA,
        may(
            "timeout",
            Form::Written(&TIME_OUT),
            "After so long without an answer a question is asked again, and of an insert it is asked whether it is there; \
             60 s by default.",
        ),
    ],
)
.elsewhere(SERVICE_WORDS);

pub(crate) static OBJECT_STORE: Keys = Keys::new(
    "`object-store`",
    "A bucket of S3 or of its like.",
    &[
        must("bucket", Form::Written(&BUCKET), "The bucket."),
        must("region", Form::Text, "Its region, such as `eu-west-2`; of a store without regions mostly `us-east-1`."),
        may("prefix", Form::Written(&PREFIX), "Put before each object's key, such as `production/`."),
        may("endpoint", URL_FORM, "The address of a store that is not Amazon's."),
        may(
            "addressing",
            Form::Choice(&ADDRESSING),
            "Where the bucket stands in an address; `virtual-hosted` by default.",
        ),
        must(
            "credentials",
            Form::Either(&[Form::Choice(&AMBIENT), Form::Map(&CREDENTIALS)]),
            "Keys, or `ambient` for what the machine was given (a role).",
        ),
        CA,
    ],
)
.elsewhere(&[
    (&["url", "address", "host"], "endpoint"),
    (&["path", "folder"], "prefix"),
    (&["path-style", "force-path-style", "style"], "addressing"),
    (&["login", "keys", "auth", "access-key-id", "secret-access-key", "identity"], "credentials"),
    (&["name"], "bucket"),
]);
static BUCKETS: Named = Named { names: BUCKET_NAME.pattern, of: Form::Map(&OBJECT_STORE) };
pub(crate) static BUCKET_NAME: Written =
    written("name of a bucket", "lower-case letters, digits and `-`, beginning with a letter", "[a-z][a-z0-9-]{0,99}");
pub(crate) static BUCKET: Written =
    written("bucket", "3 to 63 lower-case letters, digits, `.` and `-`", "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");
pub(crate) static PREFIX: Written =
    written("prefix", "folders that end with `/`, as in `production/`", "([A-Za-z0-9!_.*'()-]+/)+");
pub(crate) static ADDRESSING: [(&str, Addressing); 2] =
    [("virtual-hosted", Addressing::VirtualHosted), ("path-style", Addressing::PathStyle)];
pub(crate) static AMBIENT: [(&str, ()); 1] = [("ambient", ())];

pub(crate) static CREDENTIALS: Keys = Keys::new(
    "`credentials`",
    "Keys of the object store.",
    &[
        must("access-key-id", SECRET_OR_TEXT, "The name of the key."),
        must("secret-access-key", SECRET_FORM, "The key: `{ secret: NAME }` or `{ env: NAME }`."),
        may("session-token", SECRET_FORM, "The token of keys that end."),
    ],
)
.elsewhere(&[
    (&["access-key", "user", "key-id", "id", "aws_access_key_id"], "access-key-id"),
    (&["secret-key", "password", "secret", "aws_secret_access_key"], "secret-access-key"),
    (&["token"], "session-token"),
]);
