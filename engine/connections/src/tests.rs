//! Files in; connections, findings and secrets out. Each case changes one thing in a good file.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use topology::{Diagnostic, Severity};

use crate::{
    Addressing, Authorities, Connections, Credentials, EXPLANATIONS, Mechanism, Origin, Secret, Vault, describe, read,
    schema,
};

const EXAMPLE: &str = include_str!("../../../connections.example.yaml");

const GOOD: &str = r#"secrets: secrets
kafka:
  servers: [kafka-1:9093]
  tls: { ca: system }
  login: { mechanism: plain, user: feeds, password: { secret: kafka/password } }
  client: { linger.ms: 5 }
registry:
  url: https://registry:8081/api/
  login: { user: { env: REGISTRY_USER }, password: { env: REGISTRY_PASSWORD } }
clickhouse:
  url: http://localhost:8123
  login: { user: ingest, password: { secret: clickhouse } }
object-store:
  bucket: raw-archive
  region: eu-west-2
  credentials: ambient
"#;

fn texts(findings: &[Diagnostic]) -> String {
    findings.iter().map(|finding| finding.text(false)).collect::<Vec<_>>().join("\n\n")
}

fn good(text: &str) -> Connections<Origin> {
    let reading = read("etc/connections.yaml", text.as_bytes());
    reading.connections.unwrap_or_else(|| panic!("{}", texts(&reading.findings)))
}

fn stored(path: &Path) -> io::Result<Vec<u8>> {
    Ok(format!("secret of {}\n", path.display()).into_bytes())
}

fn variable(name: &str) -> Option<String> {
    (name != "UNSET").then(|| format!("value of {name}"))
}

fn resolved(text: &str) -> Result<Connections<Secret>, Vec<Diagnostic>> {
    good(text).resolve(&Vault { file: Some(&stored), variable: &variable })
}

/// What a change of the good file gives: each mistake is one finding, with its code, its words, and no secret.
#[test]
fn each_mistake_is_one_finding() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            "{ secret: kafka/password }",
            "hunter2",
            "E6001",
            "to do: put it into the file `kafka/password` below the folder",
        ),
        ("{ secret: kafka/password }", "\"${KAFKA_PASSWORD}\"", "E6001", "write `{ env: KAFKA_PASSWORD }`"),
        ("{ secret: kafka/password }", "{ hunter2 }", "E2107", "unknown field `***` in a secret"),
        ("{ secret: kafka/password }", "{ file: kafka }", "E2107", "did you mean `secret`?"),
        ("{ secret: kafka/password }", "{ secret: a, env: B }", "E2106", "only one can be"),
        ("{ secret: kafka/password }", "{ secret: ../../etc/shadow }", "E6005", "`..` leaves the folder"),
        ("{ secret: kafka/password }", "{ secret: /etc/shadow }", "E6005", "begins at the root"),
        ("{ env: REGISTRY_PASSWORD }", "{ env: registry-password }", "E2103", "is no name of a variable"),
        ("https://registry:8081/api/", "https://me:hunter2@registry:8081", "E6002", "the address holds a login"),
        ("kafka-1:9093", "me:hunter2@kafka-1:9093", "E6002", "below `kafka:`"),
        ("https://registry:8081/api/", "registry:8081", "E6003", "does not begin with `https://`"),
        ("https://registry:8081/api/", "https://registry:99999", "E6003", "invalid port number"),
        ("https://registry:8081/api/", "https://registry/?a=b", "E6003", "it has a `?`"),
        ("[kafka-1:9093]", "[kafka-1]", "E6003", "it has no port"),
        ("[kafka-1:9093]", "[\"a:1,b:2\"]", "E6003", "write `[a:1, b:2]`"),
        (
            "login: { user: ingest, password: { secret: clickhouse } }",
            "timeout: 1s",
            "E2103",
            "a duration from `5s` to `15m`",
        ),
        ("[kafka-1:9093]", "[]", "E6003", "Kafka has no address"),
        ("[kafka-1:9093]", "kafka-1:9093", "E2101", "write `[...]`"),
        ("  servers: [", "  brokers: [", "E2107", "did you mean `servers`?"),
        (
            "linger.ms: 5",
            "enable.auto.commit: \"true\"",
            "E6004",
            "Spotlight commits positions itself, in the transaction",
        ),
        ("linger.ms: 5", "sasl.password: hunter2", "E6004", "write `login: { mechanism:"),
        ("linger.ms: 5", "ssl.ca.location: /x", "E6004", "write `tls: { ca:"),
        (
            "servers: [kafka-1:9093]",
            "servers: [kafka-1:9093]\n  elsewhere: { a: 'b/c' }",
            "E2103",
            "is no name of a topic",
        ),
        (
            "servers: [kafka-1:9093]",
            "servers: [kafka-1:9093]\n  elsewhere: { a: others.c, b: others.c }",
            "E6008",
            "`a` and `b` are one topic in Kafka",
        ),
        ("linger.ms: 5", "linger.m: 5", "E6004", "did you mean `linger.ms`?"),
        ("linger.ms: 5", "linger.ms: soon", "E2103", "`soon` is no whole number"),
        ("linger.ms: 5", "compression.type: rar", "E2103", "write `none` or `gzip`"),
        ("  tls: { ca: system }\n", "", "E6007", "with `plain` and without `tls`"),
        ("https://registry:8081", "http://registry:8081", "E6007", "over `http`"),
        ("8123\n", "8123\n  ca: ca.pem\n", "E6008", "`http` asks nobody"),
        ("{ ca: system }", "{ ca: system, certificate: a.pem }", "E2102", "needs the field `key`"),
        ("{ ca: system }", "{ ca: system, key: a.pem }", "E2102", "needs the field `certificate`"),
        ("{ ca: system }", "on", "E2101", "`tls` is a map of keys"),
        ("mechanism: plain", "mechanism: scram", "E2103", "`scram` is no mechanism"),
        ("credentials: ambient", "credentials: role", "E2103", "write `ambient`"),
        (
            "credentials: ambient",
            "credentials: { access-key-id: A, secret-access-key: hunter2 }",
            "E6001",
            "object-store/key",
        ),
        (
            "credentials: ambient\n",
            "credentials: ambient\nbuckets: { in: { bucket: a-b, region: r, credentials: { access-key-id: A, \
             secret-access-key: hunter2 } } }\n",
            "E6001",
            "buckets/in/key",
        ),
        (
            "credentials: ambient\n",
            "credentials: ambient\nbuckets: { In: { bucket: a-b, region: r, credentials: ambient } }\n",
            "E2103",
            "`In` is no name of a bucket",
        ),
        ("credentials: ambient\n", "credentials: ambient\nbuckets: [in]\n", "E2101", "`buckets` is a map"),
        (
            "credentials: ambient\n",
            "credentials: ambient\nbuckets: { in: { bucket: a-b, credentials: ambient } }\n",
            "E2102",
            "needs the field `region`",
        ),
        ("bucket: raw-archive", "bucket: Raw_Archive", "E2103", "is no bucket"),
        ("region: eu-west-2", "region: eu-west-2\n  prefix: /a", "E2103", "is no prefix"),
        ("region: eu-west-2", "region: eu-west-2\n  addressing: path", "E2103", "`path` is no addressing"),
        ("  region: eu-west-2\n", "", "E2102", "needs the field `region`"),
        ("secrets: secrets", "secrets: secrets\npasword: hunter2", "E2107", "unknown field `pasword`"),
        ("secrets: secrets", "secrets: secrets\nsecrets: b", "E1003", "stands twice"),
        ("registry:\n", "schema-registry:\n", "E2107", "did you mean `registry`?"),
        ("{ secret: kafka/password } }", "hunter2: hunter2", "E1001", "this is not YAML"),
        ("{ secret: kafka/password } }", "'hunter2 }", "E1001", "this quote is not closed"),
        ("{ secret: kafka/password }", "{ secret: kafka/password }, password: hunter2", "E1003", "stands twice"),
        ("{ secret: kafka/password }", "hun(ter2, hunter2)", "E1011", "a comma inside brackets"),
    ];
    for (from, to, code, words) in cases {
        assert!(GOOD.contains(from), "{from}");
        let reading = read("connections.yaml", GOOD.replacen(from, to, 1).as_bytes());
        let told = texts(&reading.findings);
        let codes: Vec<&str> = reading.findings.iter().map(|finding| finding.code.0).collect();
        assert_eq!(codes, [*code], "{to}\n{told}");
        let flat = told.replace("\n", " ").replace("         ", " ");
        let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
        let flat = flat.replace(" | ", " ");
        assert!(flat.contains(words), "{to}: {words}\n{told}");
        let json = reading.findings[0].json().to_string();
        let seen = format!("{told}{json}{:?}", reading.findings);
        assert!(!seen.contains("hunter2") && !seen.contains("ter2"), "{to}\n{seen}");
        let error = reading.findings[0].severity == Severity::Error;
        assert_eq!(reading.connections.is_none(), error, "{to}");
    }
}

/// Broken anywhere, a file neither ends the program nor shows a password.
#[test]
fn a_file_that_ends_anywhere_shows_no_password() {
    let plain = EXAMPLE.replace("word: { secret: kafka/password }", "word: hunter2");
    let plain = plain.replace("https://", "https://me:hunter2@");
    assert_eq!(plain.matches("hunter2").count(), 4);
    let ends = plain.match_indices([' ', '\n']).map(|(at, _)| at + 1);
    for at in ends.step_by(2) {
        for text in [&plain[..at], &format!("{}{{{}", &plain[..at], &plain[at..])] {
            let told = format!("{:?}", read("connections.yaml", text.as_bytes()));
            assert!(!told.contains("hunter2"), "{at}: {told}");
        }
    }
}

#[test]
fn a_good_file_means_what_it_says() {
    let found = good(GOOD);
    assert_eq!(found.secrets, Some(PathBuf::from("etc/secrets")));
    let kafka = found.kafka.expect("kafka");
    assert_eq!(kafka.servers, ["kafka-1:9093"]);
    assert_eq!(kafka.tls.expect("tls").authorities, Authorities::System);
    assert_eq!(kafka.login.expect("a login").mechanism, Mechanism::Plain);
    assert_eq!(kafka.client["linger.ms"], "5");
    assert_eq!((kafka.namespace.as_str(), kafka.replication), ("", None));
    assert_eq!(found.registry.expect("a registry").url, "https://registry:8081/api");
    let store = found.object_store.expect("a store");
    assert_eq!((store.addressing, store.prefix.as_str()), (Addressing::VirtualHosted, ""));
    assert!(matches!(store.credentials, Credentials::Ambient));
    // An empty environment is one too: all is embedded.
    let nothing = good("about: Nothing.\n");
    assert!(nothing.kafka.is_none() && nothing.clickhouse.is_none() && nothing.secrets.is_none());
}

#[test]
fn secrets_are_fetched_and_never_shown() {
    let found = resolved(GOOD).expect("all there");
    let login = found.kafka.as_ref().and_then(|kafka| kafka.login.as_ref()).expect("a login");
    assert_eq!((login.login.user.reveal(), login.login.password.reveal()), ("feeds", "secret of kafka/password"));
    let login = found.registry.as_ref().and_then(|registry| registry.login.as_ref()).expect("a login");
    assert_eq!(login.user.reveal(), "value of REGISTRY_USER");
    let shown = format!("{found:?}{found:#?}");
    assert!(!shown.contains("secret of") && !shown.contains("value of") && shown.contains("password: ***"), "{shown}");
    let shown = format!("{:?}", good(GOOD));
    assert!(shown.contains("password: *** (secret kafka/password)"), "{shown}");
}

#[test]
fn all_secrets_that_are_missing_are_told_at_once_where_they_are_named() {
    let text = GOOD.replace("REGISTRY_USER", "UNSET");
    let absent = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
    let empty = |_: &Path| Ok(b"\n".to_vec());
    type Read<'a> = Option<&'a dyn Fn(&Path) -> io::Result<Vec<u8>>>;
    let cases: [(Read<'_>, &str); 3] = [
        (None, "give `--secrets DIR`"),
        (Some(&absent), "the secret `clickhouse` cannot be read: entity not found"),
        (Some(&empty), "the secret `clickhouse` is empty"),
    ];
    for (file, words) in cases {
        let findings = good(&text).resolve(&Vault { file, variable: &variable }).expect_err("missing");
        let told = texts(&findings);
        let lines: Vec<u32> = findings.iter().map(|finding| finding.excerpt.position.line).collect();
        assert_eq!(lines, [5, 9, 12], "{told}");
        assert!(findings.iter().all(|finding| finding.code.0 == "E6006"), "{told}");
        assert!(told.contains(words) && told.contains("the variable `UNSET`"), "{told}");
    }
}

/// The example names each key, is read without a finding, and describes itself without a secret.
#[test]
fn the_example_is_whole_and_good() {
    let reading = read("connections.example.yaml", EXAMPLE.as_bytes());
    assert!(reading.findings.is_empty(), "{}", texts(&reading.findings));
    let found = reading.connections.expect("no finding");
    expect_test::expect_file!["golden/example.txt"].assert_eq(&format!("{}\n", describe(&found)));
    let resolved = found.resolve(&Vault { file: Some(&stored), variable: &variable }).expect("all there");
    assert!(!format!("{resolved:?}").contains("secret of"));
    // Of the client's settings it shows a few.
    for (map, definition) in schema()["$defs"].as_object().expect("definitions") {
        for key in definition["properties"].as_object().expect("properties").keys() {
            let said = EXAMPLE.contains(&format!("{key}:"));
            assert!(said || map.starts_with("client"), "the example does not show `{key}` of {map}");
        }
    }
}

/// Every key is described, and nothing of a template is in it.
#[test]
fn the_schema_knows_the_file() {
    let schema = schema();
    let text = schema.to_string();
    assert!(!text.contains("param"), "{text}");
    let definitions = schema["$defs"].as_object().expect("definitions");
    assert!(definitions.len() >= 10, "{}", definitions.len());
    for (name, definition) in definitions {
        assert_eq!(definition["additionalProperties"], Value::Bool(false), "{name}");
        for (key, value) in definition["properties"].as_object().expect("properties") {
            assert!(value["description"].as_str().is_some_and(|said| said.len() > 8), "{name}.{key}");
        }
    }
    let root = schema["$ref"].as_str().expect("a reference").trim_start_matches("#/$defs/");
    let keys: BTreeSet<&str> =
        definitions[root]["properties"].as_object().expect("keys").keys().map(String::as_str).collect();
    let known = ["about", "buckets", "clickhouse", "kafka", "object-store", "registry", "secrets", "shared-folder"];
    assert_eq!(keys, known.into());
}

#[test]
fn every_code_is_raised_above() {
    let here = include_str!("tests.rs");
    for explanation in EXPLANATIONS {
        assert!(here.contains(&format!("\"{}\"", explanation.code)), "{}", explanation.code);
    }
}
