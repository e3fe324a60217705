//! `docker-compose.yml`, as Compose's own reader understands it: it refuses to start without its passwords, and what it
//! then starts is pinned, reachable from this machine alone, and set as the scripts set the services of the tests.
//!
//! No engine is here, so no image was started.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::program::{Said, root, say};

/// The variables of `.env.example`, which are all empty there.
fn variables() -> Vec<String> {
    let text = std::fs::read_to_string(root().join(".env.example")).expect(".env.example");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let names: Vec<String> =
        lines.map(|line| line.strip_suffix('=').expect("no value stands in .env.example").to_owned()).collect();
    assert!(names.len() >= 8, "{names:?}");
    names
}

/// What Compose's reader says of the file with these variables set.
fn read(set: &[String]) -> Said {
    // Where nobody has a file `.env`.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let mut command = Command::new(root().join("services/compose.sh"));
    command.arg("read").arg(root().join("docker-compose.yml")).current_dir(folder.path());
    for name in variables() {
        command.env_remove(name);
    }
    for name in set {
        command.env(name, format!("value-of-{name}"));
    }
    command.output().expect("services/compose.sh starts").into()
}

fn services() -> Value {
    let said = read(&variables()).ends(0);
    said.json()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn it_is_refused_while_a_password_is_missing() {
    for missing in variables() {
        let set: Vec<String> = variables().into_iter().filter(|name| *name != missing).collect();
        let said = read(&set);
        assert_ne!(said.status, 0, "{missing} may be left out");
        assert!(said.errors.contains(&missing), "{missing}: {}", said.errors);
    }
}

#[test]
fn every_image_is_pinned_and_every_port_is_of_this_machine_alone() {
    let file = services();
    let all = file["services"].as_object().expect("services");
    assert!(all.len() >= 12, "{:?}", all.keys());
    let mut published = BTreeSet::new();
    for (name, service) in all {
        let image = service["image"].as_str().unwrap_or_default();
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        let pinned = tag.chars().filter(char::is_ascii_digit).count() >= 2 && tag.contains(['.', '-']);
        assert!(pinned && tag != "latest", "{name}: {image}");
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}: {port}");
            assert!(published.insert(port["published"].to_string()), "{name}: {port} is there twice");
        }
        let once = name.ends_with("-rules") || name.ends_with("-bucket") || name.ends_with("-start");
        assert_eq!(service["restart"].is_null(), once, "{name}: what runs for ever is started again");
        // Spotlight's own check is in its image.
        assert_eq!(service["healthcheck"].is_null(), once || name == "spotlight", "{name}");
        assert_ne!(service["privileged"], true, "{name}");
    }
    assert_eq!(published.len(), 10, "{published:?}");
}

#[test]
fn what_it_names_is_there() {
    let file = services();
    let all = file["services"].as_object().expect("services");
    let known = |kind: &str| -> BTreeSet<String> {
        file[kind].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let (volumes, secrets) = (known("volumes"), known("secrets"));
    let mut used = BTreeSet::new();
    for (name, service) in all {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume["source"].as_str().expect("a source");
            match volume["type"].as_str() {
                Some("volume") => {
                    assert!(volumes.contains(source), "{name}: {source}");
                    used.insert(source.to_owned());
                }
                // What `spotlight dashboards` writes may be written after this.
                Some("bind") if source.contains("/dashboards/") && !root().join("dashboards").exists() => {}
                Some("bind") => assert!(std::path::Path::new(source).exists(), "{name}: {source}"),
                other => assert_eq!(other, Some("tmpfs"), "{name}: {volume}"),
            }
            if volume["type"] == "bind" {
                assert_eq!(volume["read_only"], true, "{name}: {source}");
            }
        }
        for secret in service["secrets"].as_array().into_iter().flatten() {
            assert!(secrets.contains(secret["source"].as_str().unwrap_or_default()), "{name}: {secret}");
        }
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            let other = all.get(other).unwrap_or_else(|| unreachable!("{name} depends on {other}, which is not there"));
            let ends = other["restart"].is_null();
            let wanted = if ends { "service_completed_successfully" } else { "service_healthy" };
            assert_eq!(how["condition"], wanted, "{name}: {how}");
        }
    }
    assert_eq!(used, volumes, "a volume that nobody uses");
}

#[test]
fn prometheus_reads_what_it_is_given() {
    let mut command = Command::new(root().join("services/prometheus.sh"));
    command.args(["promtool", "check", "config", "--syntax-only"]);
    let said: Said =
        command.arg(root().join("packaging/compose/prometheus/prometheus.yml")).output().expect("promtool").into();
    said.ends(0);
}

/// No password stands in the file: each comes from the environment, and none has a value that anybody knows.
#[test]
fn every_secret_comes_from_the_environment() {
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).expect("the file");
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let secret = ["PASSWORD", "SECRET", "TOKEN"].iter().any(|word| line.contains(word));
        let from_outside = line.contains(":?set it in .env") || line.contains("environment: SPOTLIGHT_LISTEN_TOKEN");
        // A command of a shell reads the variable that its own service was given.
        assert!(!secret || from_outside || line.contains("\"$$MINIO_PASSWORD\""), "{line}");
    }
}

#[test]
fn settings_that_matter_are_those_of_the_tests() {
    let file = services();
    let of = |service: &str, name: &str| file["services"][service]["environment"][name].clone();
    let script = std::fs::read_to_string(root().join("services/kafka.sh")).expect("kafka.sh");
    assert!(script.contains("auto.create.topics.enable=false"));
    assert_eq!(of("kafka", "KAFKA_AUTO_CREATE_TOPICS_ENABLE"), "false");
    let version = |script: &str, name: &str| {
        let found = script.split_once(&format!("{name}=")).and_then(|(_, rest)| rest.split_whitespace().next());
        found.expect("a version").to_owned()
    };
    assert_eq!(file["services"]["kafka"]["image"], format!("apache/kafka:{}", version(&script, "KAFKA_VERSION")));
    let script = std::fs::read_to_string(root().join("services/registry.sh")).expect("registry.sh");
    assert!(
        script.contains("-Dapicurio.ccompat.use-canonical-hash=true") && script.contains("compat=${compat:-BACKWARD}")
    );
    assert_eq!(of("registry", "APICURIO_CCOMPAT_USE_CANONICAL_HASH"), "true");
    let image = format!("apicurio/apicurio-registry:{}", version(&script, "APICURIO_VERSION"));
    assert_eq!(file["services"]["registry"]["image"], image);
    let rules = texts(&file["services"]["registry-rules"]["command"]).join(" ");
    assert!(rules.contains(r#"{"compatibility":"BACKWARD"}"#) && rules.contains("/apis/ccompat/v7/config"), "{rules}");

    // What Spotlight is told names the services as they are called here.
    let command = texts(&file["services"]["spotlight"]["command"]);
    assert!(command.contains(&"--contact=value-of-SPOTLIGHT_CONTACT"), "{command:?}");
    let connections = say(["check", "--connections", "packaging/compose/connections.yaml"]).ends(0).output;
    for (service, address) in
        [("kafka", "kafka:9092"), ("registry", "http://registry:8080"), ("minio", "http://minio:9000")]
    {
        assert!(connections.contains(address), "{service}: {connections}");
        assert!(file["services"][service].is_object());
    }
    assert!(connections.contains("http://clickhouse:8123"), "{connections}");
    let bucket = texts(&file["services"]["minio-bucket"]["command"]).join(" ");
    assert!(bucket.contains("store/spotlight-documents") && connections.contains("spotlight-documents"), "{bucket}");
}
