//! The reference: a page for each step, connector and function, one for connections, metrics and codes each, and the
//! drawing of the shipped feeds.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use batch::Explanation;
use telemetry::Kind;
use topology::declared::{Form, Key, Keys, topology_keys};

use crate::program::{root, say};
use crate::words::{cell, maps, sections, table};
use crate::{compare, only, section};

/// What stands at the top of a page that is made.
const MADE: &str = "<!-- Made of the code's own declarations; the test `docs` writes and compares it. -->\n\n";

/// The map of keys at the end of a way of keys. Names of the user's own are passed over.
#[track_caller]
fn at(root: &'static Keys, way: &[&str]) -> &'static Keys {
    let mut keys = root;
    for name in way {
        let mut found = Vec::new();
        maps(&key(keys, name).form, &mut found);
        keys = found.first().copied().unwrap_or_else(|| unreachable!("`{name}` leads to no map"));
    }
    keys
}

#[track_caller]
fn key(keys: &'static Keys, name: &str) -> &'static Key {
    keys.keys.iter().find(|key| key.name == name).unwrap_or_else(|| unreachable!("{} has no `{name}`", keys.what))
}

/// The shortest way in which a shipped feed or the page of the language writes a step, as it stands there.
fn example(step: &str) -> Option<String> {
    let mut files = vec![root().join("topologies/LANGUAGE.md")];
    for folder in ["topologies", "topologies/templates"] {
        files.extend(std::fs::read_dir(root().join(folder)).expect("a folder").flatten().map(|entry| entry.path()));
    }
    files.sort();
    let mut found: Vec<String> = Vec::new();
    for text in files.iter().filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).expect("a file")) {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let inner = line.trim_start();
            if !inner.starts_with(&format!("- {step}: ")) && inner != format!("- {step}:") {
                continue;
            }
            let indent = line.len() - inner.len();
            let deeper = |line: &&&str| line.len() - line.trim_start().len() > indent && !line.trim().is_empty();
            let rest = lines[number + 1..].iter().take_while(deeper);
            let whole = [*line].into_iter().chain(rest.copied()).map(|line| line[indent..].trim_end());
            found.push(whole.collect::<Vec<_>>().join("\n"));
        }
    }
    found.into_iter().min_by_key(|text| (text.lines().count() < 2 && step == "decode", text.len(), text.clone()))
}

#[test]
fn each_step_has_its_page() {
    let step = at(topology_keys(), &["flows", "steps"]);
    let mut made = BTreeSet::new();
    let mut index =
        format!("# Steps\n\n{MADE}What happens to documents and rows, in order.\n\n| step | means |\n|---|---|\n");
    for verb in step.keys.iter().filter(|key| key.name != "name") {
        let name = verb.name;
        let mut text = format!("# `{name}`\n\n{MADE}{}\n\n", verb.about);
        let mut inner = Vec::new();
        maps(&verb.form, &mut inner);
        match inner.first() {
            Some(keys) => text.push_str(&sections(keys, 2)),
            None => {
                let takes = match &verb.form {
                    Form::Expression => "It takes an expression; where that fails, the row is a dead letter.",
                    Form::List(_) => "It takes a list of columns.",
                    _ => "It takes a map: a name of yours, and a text for each.",
                };
                let _ = write!(text, "{takes}\n\n");
            }
        }
        if let Some(example) = example(name) {
            let _ = write!(text, "## As it is written\n\n```text\n{example}\n```\n\n");
        }
        text.push_str(
            "[The page of the language](../../../topologies/LANGUAGE.md) says more; [all steps](README.md).\n",
        );
        let page = PathBuf::from(format!("docs/reference/steps/{name}.md"));
        compare(&page, &text);
        made.insert(page);
        let _ = writeln!(index, "| [`{name}`]({name}.md) | {} |", cell(verb.about));
    }
    let page = PathBuf::from("docs/reference/steps/README.md");
    compare(&page, &index);
    made.insert(page);
    only("docs/reference/steps", &made);
}

#[test]
fn each_function_has_its_page() {
    let mut made = BTreeSet::new();
    let mut index = format!(
        "# Functions\n\n{MADE}`spotlight eval \"trim(name)\" --with name=A` tries an expression.\n\n\
         | function | what it does |\n|---|---|\n"
    );
    for function in expression::functions() {
        let name = function.name;
        assert!(function.about.ends_with('.'), "{name} says nothing of itself");
        let mut text =
            format!("# `{name}`\n\n{MADE}```text\n{}\n```\n\n{}\n\n", function.signatures.join("\n"), function.about);
        text.push_str("| expression | gives |\n|---|---|\n");
        for (given, gives) in function.examples {
            let _ = writeln!(text, "| `{}` | `{}` |", cell(given), cell(gives));
        }
        text.push_str("\nA test runs each of these. [All functions](README.md).\n");
        let page = PathBuf::from(format!("docs/reference/functions/{name}.md"));
        compare(&page, &text);
        made.insert(page);
        let _ = writeln!(index, "| [`{}`]({name}.md) | {} |", cell(function.signatures[0]), cell(function.about));
    }
    let page = PathBuf::from("docs/reference/functions/README.md");
    compare(&page, &index);
    made.insert(page);
    only("docs/reference/functions", &made);
}

/// A connector: its page, what it is, where its keys stand in topology files and in the file of connections, and its codes.
struct Connector {
    page: &'static str,
    title: &'static str,
    about: &'static str,
    topology: Option<&'static [&'static str]>,
    connections: Option<&'static str>,
    codes: &'static [Explanation],
}

const CONNECTORS: &[Connector] = &[
    Connector {
        page: "files",
        title: "Files",
        about: "Documents of a folder. A file is a document; several files of one document are its versions in order of name.",
        topology: Some(&["flows", "from", "files"]),
        connections: None,
        codes: file_connector::EXPLANATIONS,
    },
    Connector {
        page: "http",
        title: "HTTP",
        about: "Documents of a publisher's web server: one address a day, or the links of a page. It asks no faster than `rate`, \
                remembers what it has seen, and fetches again only what may have changed.",
        topology: Some(&["flows", "from", "http"]),
        connections: None,
        codes: http_connector::EXPLANATIONS,
    },
    Connector {
        page: "s3",
        title: "Buckets",
        about: "Documents of a bucket of S3 or of its like. An object is a document; several objects of one document are its \
                versions in order of name. It is read again when its entity tag, size or time is another one.",
        topology: Some(&["flows", "from", "s3"]),
        connections: Some("buckets"),
        codes: s3_connector::SOURCE_EXPLANATIONS,
    },
    Connector {
        page: "clickhouse",
        title: "ClickHouse",
        about: "Tables that people query. Each row lands once: [exactly-once.md](../../exactly-once.md) says how. Without a \
                ClickHouse in the file of connections or behind `--clickhouse` an embedded one is started.",
        topology: Some(&["flows", "to", "clickhouse"]),
        connections: Some("clickhouse"),
        codes: clickhouse_connector::EXPLANATIONS,
    },
    Connector {
        page: "kafka",
        title: "Kafka",
        about: "The log that several processes share: topics of flows, dead letters, ledgers and positions. Without it the log \
                is embedded in the data folder. A flow reads a topic with `from: { topic: NAME }` and fills one with \
                `to: { topic: NAME, key: [a] }`.",
        topology: None,
        connections: Some("kafka"),
        codes: kafka_connector::EXPLANATIONS,
    },
    Connector {
        page: "schema-registry",
        title: "Schema registry",
        about: "Schemas of records in Avro, in a registry that speaks Confluent's API. On Kafka one is needed.",
        topology: None,
        connections: Some("registry"),
        codes: schema_registry_connector::EXPLANATIONS,
    },
    Connector {
        page: "object-store",
        title: "Object store",
        about: "A bucket of S3 or of its like, in which the bytes of documents are kept. Without it that is a folder.",
        topology: None,
        connections: Some("object-store"),
        codes: s3_connector::EXPLANATIONS,
    },
];

const TOPICS: &str = "Where flows meet: records in order, by key, in partitions. They lie on Kafka, or in the log that is embedded in the \
                      data folder, where nobody else writes.";

/// The page of topics, which have no map of keys of their own.
fn topics() -> String {
    let [from, to] = ["from", "to"].map(|name| table(at(topology_keys(), &["flows", name])));
    let outputs = table(at(topology_keys(), &["flows", "outputs"]));
    let mut text = format!(
        "# Topics\n\n{MADE}{TOPICS}\n\n## A flow that reads one: `from`\n\n{from}## A flow that fills one: `to`\n\n{to}\
         ## Rows that leave on the way: an output\n\n{outputs}Records that others wrote are read by \
         [`decode`](../steps/decode.md).\n\n## Codes of the embedded log\n\n"
    );
    log::EXPLANATIONS.iter().for_each(|explanation| text.push_str(&section(explanation).replacen("## ", "### ", 1)));
    format!("{}\n", text.trim_end())
}

#[test]
fn each_connector_has_its_page() {
    let mut made = BTreeSet::new();
    let page = PathBuf::from("docs/reference/connectors/topics.md");
    compare(&page, &topics());
    made.insert(page);
    let mut index = format!(
        "# Connectors\n\n{MADE}What Spotlight reads from and writes to.\n\n| connector | what it is |\n|---|---|\n"
    );
    for connector in CONNECTORS {
        let Connector { page, title, about, topology, connections, codes } = connector;
        let mut text = format!("# {title}\n\n{MADE}{about}\n\n");
        if let Some(way) = topology {
            let _ = write!(text, "## In a topology\n\n{}", sections(at(topology_keys(), way), 3));
        }
        if let Some(name) = connections {
            let keys = at(connections::keys(), &[name]);
            let _ = write!(text, "## In the file of connections\n\n{}", sections(keys, 3));
        }
        text.push_str("## Its codes\n\n");
        codes.iter().for_each(|explanation| text.push_str(&section(explanation).replacen("## ", "### ", 1)));
        let path = PathBuf::from(format!("docs/reference/connectors/{page}.md"));
        compare(&path, &format!("{}\n", text.trim_end()));
        made.insert(path);
        let _ = writeln!(index, "| [{title}]({page}.md) | {} |", cell(about));
    }
    let _ = writeln!(index, "| [Topics](topics.md) | {} |", cell(TOPICS));
    let page = PathBuf::from("docs/reference/connectors/README.md");
    compare(&page, &index);
    made.insert(page);
    only("docs/reference/connectors", &made);
    let known: BTreeSet<&str> = CONNECTORS.iter().filter_map(|connector| connector.connections).collect();
    let is_service = |key: &&Key| matches!(key.form, Form::Map(_) | Form::Named(_));
    let declared = connections::keys().keys.iter().filter(is_service).map(|key| key.name);
    assert_eq!(known, declared.collect(), "a service has no page");
}

#[test]
fn each_metric_stands_on_the_page_of_metrics() {
    let mut text = format!(
        "# Metrics\n\n{MADE}A run without an end gives them at `/metrics`. For each flow rows in + expanded = out + dropped + \
         dead-lettered + held.\n\n| metric | kind | labels | says |\n|---|---|---|---|\n"
    );
    for metric in telemetry::list::ALL {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram { .. } => "histogram",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{}`", label.name)).collect();
        let _ = writeln!(text, "| `{}` | {kind} | {} | {} |", metric.name, labels.join(", "), cell(metric.help));
    }
    text.push_str("\n## Labels\n\n| label | its values are |\n|---|---|\n");
    let mut told = BTreeSet::new();
    for label in telemetry::list::ALL.iter().flat_map(|metric| metric.labels) {
        if told.insert(label.name) {
            let _ = writeln!(text, "| `{}` | {} |", label.name, cell(label.bounded_by));
        }
    }
    compare(&PathBuf::from("docs/reference/metrics.md"), &text);
}

/// The shipped feeds as `spotlight graph` draws them.
#[test]
fn the_drawing_of_the_shipped_feeds_is_that_of_the_program() {
    let drawn = say(["graph", "topologies/"]).ends(0).output;
    let text = format!(
        "# The shipped feeds\n\n{MADE}As `spotlight graph topologies/` draws them. What is dotted leaves a flow beside its \
         rows.\n\n```mermaid\n{drawn}```\n"
    );
    compare(&PathBuf::from("docs/reference/feeds.md"), &text);
    let dot = say(["graph", "topologies/swaps.yaml", "topologies/sec-ftd.yaml", "--format", "dot"]).ends(0).output;
    assert!(dot.starts_with("digraph spotlight {") && dot.contains("style=dashed"), "{dot}");
    say(["graph"]).ends(64);
}
