//! All topics of the files that are loaded: who fills them, with which columns and key.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use batch::{ColumnType, Type};
use indexmap::IndexMap;

use super::World;
use super::avro;
use super::order;
use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::plan::{self, Columns, RecordDecode, RecordKey, RecordValues, Tombstones};
use crate::reader::Node;
use crate::source::Source;
use crate::written::{Flow, From, To, Topology};

/// Partitions of a topic for which nothing is said: few enough for one machine, and some room to spread.
const PARTITIONS: i32 = 4;

/// What is known of topics.
#[derive(Default)]
pub(crate) struct Topics {
    known: IndexMap<Arc<str>, Topic>,
    broken: HashSet<Arc<str>>,
    /// A flow could not be read, so there may be topics that are not known.
    incomplete: bool,
    partitions: IndexMap<Arc<str>, i32>,
    schemas: IndexMap<PathBuf, Option<Arc<Schema>>>,
}

/// A topic that a flow fills.
struct Topic {
    columns: Columns,
    key: Vec<Arc<str>>,
    /// The first producer.
    node: Node,
}

/// A schema file of a topic.
pub(crate) struct Schema {
    pub(crate) text: Arc<str>,
    pub(crate) columns: Columns,
    pub(crate) key: Vec<Arc<str>>,
    pub(crate) source: Arc<Source>,
}

impl Topics {
    /// Collects what files say about numbers of partitions, which all flows of a topic share.
    pub(super) fn gather(written: &[Topology], findings: &Findings) -> Self {
        let lost = |topology: &Topology| {
            topology.flow_names.len() > topology.flows.len()
                || topology.flows.iter().any(|flow| matches!(flow.to, To::Broken))
        };
        let mut topics = Self { incomplete: written.iter().any(lost), ..Self::default() };
        let mut first: IndexMap<Arc<str>, &Node> = IndexMap::new();
        for flow in written.iter().flat_map(|topology| &topology.flows) {
            let read = match &flow.from {
                From::Topic(read) => Some((&read.topic, read.partitions)),
                From::Documents(_) | From::Broken => None,
            };
            let to = match &flow.to {
                To::Topic(write) => Some((&write.topic, write.partitions)),
                To::Table(_) | To::Broken => None,
            };
            let outputs = flow.outputs.iter().map(|(_, write)| (&write.topic, write.partitions));
            for (topic, partitions) in read.into_iter().chain(to).chain(outputs) {
                let Some(partitions) = partitions else { continue };
                let name = topic.shared();
                match topics.partitions.get(&name) {
                    Some(known) if *known != partitions => {
                        let what =
                            format!("the topic `{name}` has {known} partitions elsewhere, and {partitions} here");
                        let finding = Diagnostic::new(codes::PRODUCERS, topic, what);
                        let finding =
                            first.get(&name).map_or(finding.clone(), |node| finding.related(&node.span, "elsewhere"));
                        findings.push(finding.remedy("say the number once"));
                    }
                    Some(_) => {}
                    None => {
                        topics.partitions.insert(Arc::clone(&name), partitions);
                        first.insert(name, topic);
                    }
                }
            }
        }
        topics
    }

    pub(super) fn partitions(&self, topic: &str) -> i32 {
        self.partitions.get(topic).copied().unwrap_or(PARTITIONS)
    }

    /// Readers of what this flow writes are left alone.
    pub(super) fn break_outputs(&mut self, flow: &Flow) {
        self.broken.extend(order::writes(flow).map(Node::shared));
    }

    fn is_broken(&self, topic: &str) -> bool {
        self.broken.contains(topic)
    }
}

/// The schema file of a topic, if there is one. `Err` after a finding.
pub(super) fn schema(world: &mut World<'_>, topology: &Topology, topic: &Node) -> Result<Option<Arc<Schema>>, ()> {
    let path = topology.root.join("schemas").join("topics").join(format!("{}.avsc", topic.text()));
    if let Some(known) = world.topics.schemas.get(&path) {
        return known.clone().map(Some).ok_or(());
    }
    if !world.files.exists(&path) {
        return Ok(None);
    }
    let schema = avro::read(world, &path, topic).map(Arc::new);
    world.topics.schemas.insert(path, schema.clone());
    schema.map(Some).ok_or(())
}

/// Columns, key and partitions of a topic that a flow reads. `None` after a finding, or if its producer is broken.
pub(super) fn read(
    world: &mut World<'_>,
    topology: &Topology,
    from: &crate::written::TopicRead,
) -> Option<plan::TopicRead> {
    let name = from.topic.shared();
    let schema = schema(world, topology, &from.topic).ok()?;
    if world.topics.is_broken(&name) {
        return None;
    }
    let produced = world.topics.known.get(&name);
    let mut decode = from.decode.as_deref().cloned();
    if let Some((node, decode)) = &decode {
        misplaced(world, &name, node, decode, produced, schema.is_some())?;
    }
    let (columns, key) = match (&schema, produced) {
        (None, None) if let Some(columns) = decode.as_ref().and_then(|(_, decode)| decode.values.columns()) => {
            (columns, Vec::new())
        }
        (Some(schema), Some(topic)) => (schema.columns.clone(), topic.key.clone()),
        (Some(schema), None) => (schema.columns.clone(), schema.key.clone()),
        (None, Some(topic)) => (topic.columns.clone(), topic.key.clone()),
        (None, None) => {
            let what = format!("no flow of the loaded files fills the topic `{name}`, and no schema declares it");
            let finding = Diagnostic::new(codes::NO_PRODUCER, &from.topic, what);
            let finding = finding.names(&name, "topics", world.topics.known.keys().map(|name| &**name));
            let remedy = format!(
                "load the file of the flow that fills it too, or add `schemas/topics/{name}.avsc`; if others write it, begin \
                 the steps with `decode`"
            );
            // Its producer may be the flow that could not be read; a name that is almost known is misspelt.
            if !world.topics.incomplete || finding.nearest.is_some() {
                world.findings.push(finding.remedy(remedy));
            }
            return None;
        }
    };
    let given = from.key.as_ref().map(|key| key.iter().map(Node::shared).collect::<Vec<_>>());
    if let (Some(given), Some(topic)) = (&given, produced)
        && *given != topic.key
    {
        let finding =
            Diagnostic::new(codes::PRODUCERS, &from.topic, "the flow that fills this topic gives it another key");
        world.findings.push(
            finding.related(&topic.node.span, format!("key: [{}]", topic.key.join(", "))).remedy("leave `key` away"),
        );
        return None;
    }
    if let Some(node) = from.key.iter().flatten().find(|node| !columns.contains_key(node.text())) {
        let finding = Diagnostic::new(
            codes::NO_COLUMN,
            node,
            format!("the topic has no column `{}`", batch::bounded(node.text())),
        );
        world.findings.push(finding.names(node.text(), "columns", columns.keys().map(|name| &**name)));
        return None;
    }
    if let Some((node, decode)) = &mut decode {
        key_schema(world, topology, &name, node, &mut decode.key)?;
    }
    let columns = match &decode {
        Some((_, decode)) => with_tombstones(columns, decode.tombstones),
        None => columns,
    };
    Some(plan::TopicRead {
        partitions: world.topics.partitions(&name),
        topic: name,
        columns,
        key: given.unwrap_or(key),
        schema: schema.map(|schema| Arc::clone(&schema.text)),
        decode: decode.map(|(_, decode)| Box::new(decode)),
        facts: Vec::new(),
        needs_key_fields: false,
    })
}

/// Finds the fields of keys in Avro. `None` after a finding.
fn key_schema(world: &World<'_>, topology: &Topology, topic: &str, node: &Node, key: &mut RecordKey) -> Option<()> {
    let RecordKey::Fields { format: RecordValues::Avro, columns, schema } = key else { return Some(()) };
    let path = topology.root.join("schemas").join("topics").join(format!("{topic}-key.avsc"));
    if !world.files.exists(&path) {
        let what = format!("no schema declares the keys of `{topic}`");
        let remedy = format!("add `schemas/topics/{topic}-key.avsc`, a record whose fields are those of the keys");
        world.findings.push(Diagnostic::new(codes::NO_PRODUCER, node, what).remedy(remedy));
        return None;
    }
    let found = avro::read(world, &path, node)?;
    (*columns, *schema) = (found.columns, Some(found.text));
    Some(())
}

/// A `decode` of records whose form is known otherwise. `None` after a finding.
fn misplaced(
    world: &World<'_>,
    name: &str,
    node: &Node,
    decode: &RecordDecode,
    produced: Option<&Topic>,
    declared: bool,
) -> Option<()> {
    if let Some(topic) = produced {
        let what = format!("a flow fills `{name}`, and its records are rows already");
        let finding = Diagnostic::new(codes::DECODED, node, what).related(&topic.node.span, "filled here");
        world.findings.push(finding.remedy("take `decode` away"));
        return None;
    }
    if declared && decode.values != RecordValues::Avro {
        let what = format!("`schemas/topics/{name}.avsc` says that the records of this topic are Avro");
        let remedy = "write `avro: registry`, or remove the schema if it is of another topic";
        world.findings.push(Diagnostic::new(codes::DECODED, node, what).remedy(remedy));
        return None;
    }
    Some(())
}

/// The columns of rows, where some may be of records without a value.
fn with_tombstones(columns: Columns, tombstones: Tombstones) -> Columns {
    let plain = |of: &ColumnType| matches!(of.of, Type::List(_) | Type::Map(_));
    let widened = |(name, of): (Arc<str>, ColumnType)| {
        let nullable = of.nullable || (tombstones == Tombstones::Keep && !plain(&of));
        (name, ColumnType { nullable, ..of })
    };
    columns.into_iter().map(widened).collect()
}

/// Registers what a flow writes to a topic and compares it with what others write. `None` after a finding.
pub(super) fn write(
    world: &mut World<'_>,
    topology: &Topology,
    write: &crate::written::TopicWrite,
    columns: Columns,
    default_key: &[Arc<str>],
) -> Option<plan::TopicWrite> {
    let name = write.topic.shared();
    let schema = schema(world, topology, &write.topic).ok()?;
    let key: Vec<Arc<str>> = match &write.key {
        Some(nodes) => {
            let unknown = nodes.iter().find(|node| !columns.contains_key(node.text()));
            if let Some(node) = unknown {
                let what = format!("the rows have no column `{}`", batch::bounded(node.text()));
                let finding = Diagnostic::new(codes::NO_COLUMN, node, what);
                world.findings.push(finding.names(node.text(), "columns", columns.keys().map(|name| &**name)));
                return None;
            }
            nodes.iter().map(Node::shared).collect()
        }
        None => default_key.to_vec(),
    };
    if key.is_empty() {
        let finding =
            Diagnostic::new(codes::MISSING, &write.topic, "a topic needs a `key`, which decides where its rows lie");
        world.findings.push(finding.remedy("add `key: [...]` beside `topic`"));
        return None;
    }
    let mut columns = schema.as_ref().map_or(columns, |schema| schema.columns.clone());
    if let Some(known) = world.topics.known.get(&name) {
        let differs = difference(known, &columns, &key);
        if let Some(differs) = differs {
            let finding = Diagnostic::new(
                codes::PRODUCERS,
                &write.topic,
                format!("two flows fill the topic `{name}` and do not agree"),
            );
            let finding = finding.label(differs).related(&known.node.span, "the other flow's topic");
            world
                .findings
                .push(finding.remedy("make columns and key the same, or declare the topic in `schemas/topics/`"));
            return None;
        }
        // One order of columns, whoever writes.
        columns = known.columns.clone();
    } else {
        let topic = Topic { columns: columns.clone(), key: key.clone(), node: write.topic.clone() };
        world.topics.known.insert(Arc::clone(&name), topic);
    }
    Some(plan::TopicWrite {
        partitions: world.topics.partitions(&name),
        topic: name,
        columns,
        key,
        schema: schema.map(|schema| Arc::clone(&schema.text)),
    })
}

fn difference(known: &Topic, columns: &Columns, key: &[Arc<str>]) -> Option<String> {
    if known.key != key {
        return Some(format!("key [{}] there, [{}] here", known.key.join(", "), key.join(", ")));
    }
    for (name, of) in columns {
        match known.columns.get(name) {
            None => return Some(format!("`{name}` is only here")),
            Some(other) if other != of => return Some(format!("`{name}` is {other} there, {of} here")),
            Some(_) => {}
        }
    }
    let missing = known.columns.keys().find(|name| !columns.contains_key(*name));
    missing.map(|name| format!("`{name}` is only there"))
}
