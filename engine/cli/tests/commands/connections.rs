//! `check --connections` and `schema-json --connections`: what people are told, and that no password is.

use crate::program::{root, say};
use crate::workplace::Workplace;

const GOOD: &str = "kafka:
  servers: [localhost:9092]
  login: { mechanism: scram-sha-512, user: feeds, password: { secret: kafka/password } }
";

#[test]
fn a_file_of_connections_is_checked_alone() {
    let workplace = Workplace::new();
    workplace.write("connections.yaml", GOOD);
    let check = ["check", "--connections", "connections.yaml"];
    let said = workplace.say(&check).ends(0).output;
    assert!(said.contains("connections.yaml is fine:\nkafka at localhost:9092"), "{said}");
    assert!(said.contains("password *** (secret kafka/password)"), "{said}");
    assert_eq!(workplace.say(&[&check[..], &["--format", "json"]].concat()).ends(0).json(), serde_json::json!([]));

    workplace.write("connections.yaml", &GOOD.replace("{ secret: kafka/password }", "hunter2"));
    let said = workplace.say(&check).ends(78);
    assert!(said.errors.contains("error[E6001]") && said.errors.contains("connections.yaml:3:61"), "{}", said.errors);
    let json = workplace.say(&[&check[..], &["--format", "json"]].concat()).ends(78).output;
    assert!(json.contains("\"E6001\"") && !format!("{said:?}{json}").contains("hunter2"), "{json}");

    workplace.say(&["check", "--connections", "absent.yaml"]).ends(78);
    // Beside topologies it is looked at too, and a run takes nothing that is wrong.
    for command in ["check", "run"] {
        let said = workplace.say(&[command, "--connections", "connections.yaml", "my-list.yaml"]).ends(78).errors;
        assert!(said.contains("error[E6001]") && !said.contains("hunter2"), "{said}");
    }
    workplace.say(&["check"]).ends(64);
}

/// What a run on Kafka needs beside it, and what is told while Kafka is away.
#[test]
fn a_run_on_kafka_needs_a_registry_and_a_place_that_all_can_reach() {
    let workplace = Workplace::new();
    let run = ["run", "my-list.yaml", "--once", "--service-wait", "1", "--connections", "connections.yaml"];
    let kafka = "kafka: { servers: [\"127.0.0.1:1\"] }\n";
    let folder = "shared-folder: shared\n";
    let registry = "registry: { url: \"http://127.0.0.1:1\" }\n";
    let cases = [
        (format!("{kafka}{registry}"), 78, "nowhere to keep documents that every process can reach"),
        (format!("{kafka}{folder}"), 78, "no schema registry"),
        (format!("{kafka}{registry}{folder}"), 69, "Kafka at 127.0.0.1:1 cannot be used"),
    ];
    for (connections, status, words) in cases {
        workplace.write("connections.yaml", &connections);
        let said = workplace.say(&run).ends(status).errors;
        assert!(said.contains(words) && said.contains("to go on: "), "{connections}: {said}");
    }
    // A folder with a log of its own is not one to share.
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    workplace.write("connections.yaml", &format!("{kafka}{registry}{folder}"));
    let said = workplace.say(&run).ends(64).errors;
    assert!(said.contains("holds a log of its own"), "{said}");
}

#[test]
fn with_a_folder_each_secret_is_looked_for_and_not_shown() {
    let workplace = Workplace::new();
    workplace.write("connections.yaml", GOOD);
    let check = ["check", "--connections", "connections.yaml", "--secrets", "secrets"];
    let said = workplace.say(&check).ends(78).errors;
    assert!(said.contains("error[E6006]") && said.contains("the secret `kafka/password` cannot be read"), "{said}");
    workplace.write("secrets/kafka/password", "hunter2\n");
    let said = workplace.say(&check).ends(0);
    assert!(said.output.contains("is fine") && !format!("{said:?}").contains("hunter2"), "{said:?}");
}

/// The program takes the example that people copy, and an editor gets a schema for it.
#[test]
fn the_example_of_connections_is_fine() {
    let example = root().join("connections.example.yaml");
    let said = say(["check", "--connections", &example.display().to_string()]).ends(0);
    assert_eq!(said.errors, "");
    let schema = say(["schema-json", "--connections"]).ends(0).json();
    assert_eq!(schema["title"], "Spotlight: connections");
    assert!(schema["$defs"].as_object().is_some_and(|definitions| definitions.len() >= 10), "{schema}");
}
