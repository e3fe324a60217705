//! Landings: the table's file, the rules of `rows:`, and what landings of one table share.

use std::sync::Arc;

use batch::{ColumnType, PartitionBy, RowsMeaning, TableColumn, TableDefinition};
use indexmap::IndexMap;

use super::World;
use super::chain::Chain;
use super::compile;
use super::target::{self, Target};
use crate::codes;
use crate::diagnostic::{Diagnostic, Severity};
use crate::files::Site;
use crate::plan;
use crate::read;
use crate::reader::{self, Node};
use crate::stored::{self, Version};
use crate::written::{Flow, Landing, Table, Topology};

/// The first landing of each table.
#[derive(Default)]
pub(crate) struct Landings(IndexMap<Arc<str>, First>);

struct First {
    definition: TableDefinition,
    node: Node,
}

/// The table's file, if there is one. `Err` after a finding in it.
pub(super) fn table(world: &mut World<'_>, topology: &Topology, name: &Node) -> Result<Option<Arc<Table>>, ()> {
    let path = topology.root.join("schemas").join("tables").join(format!("{}.yaml", name.text()));
    if let Some(known) = world.tables.get(&path) {
        return known.clone().map(Some).ok_or(());
    }
    if !world.files.exists(&path) {
        return Ok(None);
    }
    let shown = path.display().to_string();
    let found = match world.files.read(&path) {
        Ok(bytes) => reader::read(&shown, &bytes, world.findings)
            .and_then(|root| read::table(&root, name.text(), world.findings)),
        Err(error) => {
            world.findings.push(Diagnostic::new(codes::UNREADABLE, name, format!("`{shown}` cannot be read: {error}")));
            None
        }
    };
    let found = found.map(Arc::new);
    world.tables.insert(path, found.clone());
    found.map(Some).ok_or(())
}

/// What the table's file wants of the rows.
pub(super) fn target(table: &Table) -> Target {
    Target {
        what: format!("the table `{}`", table.definition.name),
        columns: table
            .definition
            .columns
            .iter()
            .map(|column| (Arc::clone(&column.name), column.column_type.clone()))
            .collect(),
        places: table.columns.iter().map(|node| node.span.clone()).collect(),
    }
}

/// Checks a landing and makes its table's definition. `None` after a finding.
pub(super) fn landing(
    world: &mut World<'_>,
    topology: &Topology,
    flow: &Flow,
    written: &Landing,
    from: &plan::From,
    chain: &mut Chain<'_>,
    declared: Option<&Target>,
) -> Option<plan::TableWrite> {
    let findings = world.findings;
    let before = findings.errors();
    meaning(world, written, from);
    let table = table(world, topology, &written.table).ok()?;
    let mut definition = match (&table, declared) {
        (Some(table), Some(target)) => {
            target::fit(chain, target, &written.table);
            agrees_with_file(world, written, table);
            table.definition.clone()
        }
        _ => derived(world, topology, written, chain)?,
    };
    definition.rows = written.rows.clone();
    let place = match &table {
        Some(table) => table.partition.as_ref(),
        None => written.partition.as_ref().map(|partition| &partition.node),
    };
    rules(world, flow, written, &definition, from, place);
    version_type(world, written, &definition, table.as_deref(), chain);
    share(world, written, &definition);
    (findings.errors() == before).then_some(plan::TableWrite {
        table: definition,
        batch_rows: written.batch_rows,
        batch_age: written.batch_age,
        at_least_once: written.at_least_once,
        declared: table
            .iter()
            .flat_map(|table| &table.columns)
            .map(|node| (node.shared(), node.span.position()))
            .collect(),
    })
}

/// What `rows:` needs of the source.
fn meaning(world: &World<'_>, written: &Landing, from: &plan::From) {
    match (&written.rows, from) {
        (RowsMeaning::Append, plan::From::Documents(_)) => {
            let what = "documents have versions, and `append` would keep the rows of all of them";
            let finding = Diagnostic::new(codes::APPEND_DOCUMENTS, &written.rows_node, what);
            world.findings.push(finding.remedy("write `rows: by-document`, or put a topic and a `dedupe` between"));
        }
        (RowsMeaning::ByDocument, plan::From::Topic(read)) => {
            let what = format!("`by-document` needs documents, and this flow reads the topic `{}`", read.topic);
            let finding = Diagnostic::new(codes::BY_DOCUMENT, &written.rows_node, what);
            world.findings.push(finding.remedy("write `rows: append` or `rows: by-key`"));
        }
        _ => {}
    }
}

fn agrees_with_file(world: &World<'_>, written: &Landing, table: &Table) {
    let key: Option<Vec<Arc<str>>> = written.key.as_ref().map(|key| key.iter().map(Node::shared).collect());
    let key_differs = key.is_some_and(|key| key != table.definition.key);
    let partition_differs =
        written.partition.as_ref().is_some_and(|partition| partition.by != table.definition.partition);
    if key_differs || partition_differs {
        let what = format!("key and partition of `{}` stand in its file, and are others here", table.definition.name);
        let finding =
            Diagnostic::new(codes::LANDINGS, &written.table, what).related(&table.name.span, "the table's file");
        world.findings.push(finding.remedy("take `key` and `partition` out of the landing"));
    }
}

/// A table without a file: its columns are those of the flow.
fn derived(
    world: &World<'_>,
    topology: &Topology,
    written: &Landing,
    chain: &mut Chain<'_>,
) -> Option<TableDefinition> {
    let Some(key) = &written.key else {
        let what = format!("the table `{}` has no file, so the landing must say its `key`", written.table.text());
        let file = format!("schemas/tables/{}.yaml", written.table.text());
        let site = Site { files: world.files, root: topology.root.clone(), folder: topology.root.clone() };
        let finding = Diagnostic::new(codes::NO_KEY, &written.table, what).note(site.looked_for(&file));
        let remedy = format!(
            "add `key: [...]` (and `partition:`), or declare it in `{file}`: `schemas/` stands beside the topology file or in \
             a folder above it. Who copies a topology copies that too"
        );
        let known = site.tables();
        let finding = finding.remedy(remedy);
        world.findings.push(if known.is_empty() {
            finding
        } else {
            finding.names(written.table.text(), "tables with a file", known.iter().map(String::as_str))
        });
        return None;
    };
    let shape = chain.one_shape(&written.table)?;
    let unknown = key.iter().filter(|node| !chain.known(node)).count();
    let partition = written.partition.as_ref();
    let column = partition.and_then(|partition| partition_column(&partition.by));
    if let (Some(partition), Some(column)) = (partition, column)
        && !shape.contains_key(column)
    {
        let finding = Diagnostic::new(codes::NO_COLUMN, &partition.node, format!("there is no column `{column}`"));
        world.findings.push(finding.names(column, "columns", shape.keys().map(|name| &**name)));
        return None;
    }
    if unknown > 0 {
        return None;
    }
    let never_null = |name: &Arc<str>| key.iter().any(|node| *node.text() == **name);
    let columns: Vec<(Arc<str>, ColumnType)> = shape
        .iter()
        .map(|(name, of)| (Arc::clone(name), ColumnType { nullable: of.nullable && !never_null(name), ..of.clone() }))
        .collect();
    let of_table: Vec<TableColumn> = columns
        .iter()
        .map(|(name, of)| TableColumn { name: Arc::clone(name), column_type: of.clone(), about: String::new() })
        .collect();
    refused(world, written, key, &of_table, chain);
    may_be_null(world, written, key, &shape, chain);
    if columns.iter().any(|(name, of)| shape.get(name) != Some(of)) {
        chain.project("convert", columns.clone(), &written.table);
    }
    Some(TableDefinition {
        name: written.table.shared(),
        about: String::new(),
        columns: of_table,
        key: key.iter().map(Node::shared).collect(),
        partition: partition.map_or(PartitionBy::Nothing, |partition| partition.by.clone()),
        rows: written.rows.clone(),
    })
}

/// Warns of key columns that may be null, as no file says what is meant by that.
fn may_be_null(world: &World<'_>, written: &Landing, key: &[Node], shape: &plan::Columns, chain: &Chain<'_>) {
    if written.rows != RowsMeaning::ByDocument {
        return;
    }
    let nullable = |node: &&Node| {
        let name = node.text();
        shape.get(name).is_some_and(|of| of.nullable) && !chain.is_poisoned(name) && !chain.is_there(name)
    };
    let open: Vec<&Node> = key.iter().filter(nullable).collect();
    let Some(first) = open.first() else { return };
    let names: Vec<String> = open.iter().map(|node| format!("`{}`", batch::bounded(node.text()))).collect();
    let one = if names.len() > 1 { "one of " } else { "" };
    let what = format!("a row without {one}{} is a dead letter: a key has no nulls", names.join(", "));
    let mut finding = Diagnostic::new(codes::KEY_NULL, first, what);
    finding.severity = Severity::Warning;
    let conditions: Vec<String> =
        open.iter().map(|node| format!("{} is not null", compile::shown_name(node.text()))).collect();
    let condition = conditions.join(" and ");
    let condition = if condition.contains('"') { compile::in_quotes(&condition) } else { condition };
    let remedy = format!(
        "add `- where: {condition}` or use `coalesce`; or declare the table in `schemas/tables/{}.yaml`",
        written.table.text()
    );
    world.findings.push(finding.remedy(remedy));
}

/// What the server would refuse of a table without a file.
fn refused(world: &World<'_>, written: &Landing, key: &[Node], columns: &[TableColumn], chain: &Chain<'_>) {
    let place = |name: &str| chain.place(name).unwrap_or(&written.table);
    for column in columns.iter().filter(|column| column.name.starts_with('_')) {
        let what = format!("the column `{}` would be one of the engine's: their names begin with `_`", column.name);
        let finding = Diagnostic::new(codes::NAME, place(&column.name), what);
        let finding =
            finding.because("The engine adds columns of its own to each table, such as `_landing` and `_offset`.");
        let plain = column.name.trim_start_matches('_');
        let plain = if plain.is_empty() { "NAME" } else { plain };
        world.findings.push(finding.remedy(format!("rename it, as in `rename: {{ {}: {plain} }}`", column.name)));
    }
    stored::names(world.findings, columns, place);
    // What is poisoned has no type yet.
    let sound: Vec<TableColumn> = columns.iter().filter(|column| !chain.is_poisoned(&column.name)).cloned().collect();
    stored::keys(world.findings, &sound, key, written.partition.as_ref());
}

/// Whether the server can compare what says which row is the newest.
fn version_type(
    world: &World<'_>,
    written: &Landing,
    definition: &TableDefinition,
    table: Option<&Table>,
    chain: &Chain<'_>,
) {
    let (RowsMeaning::ByKey { version: Some(version) }, Some(node)) = (&definition.rows, &written.version) else {
        return;
    };
    if table.is_none() && chain.is_poisoned(version) {
        return;
    }
    let declared = table.and_then(|table| table.columns.iter().find(|node| node.text() == &**version));
    if let Some(column) = definition.columns.iter().find(|column| column.name == *version) {
        stored::version(world.findings, column, &Version { node, declared, table: &definition.name });
    }
}

fn partition_column(by: &PartitionBy) -> Option<&Arc<str>> {
    match by {
        PartitionBy::Nothing => None,
        PartitionBy::Column(name) | PartitionBy::Year(name) | PartitionBy::Month(name) | PartitionBy::Day(name) => {
            Some(name)
        }
    }
}

fn rules(
    world: &World<'_>,
    flow: &Flow,
    written: &Landing,
    definition: &TableDefinition,
    from: &plan::From,
    place: Option<&Node>,
) {
    let column = partition_column(&definition.partition);
    if let Some(column) = column.filter(|column| !definition.key.contains(column))
        && definition.rows != RowsMeaning::Append
    {
        let what = format!("the table is partitioned by `{column}`, which is not part of its key");
        let finding = Diagnostic::new(codes::PARTITION_KEY, place.unwrap_or(&written.table), what);
        let finding = finding.related(&written.rows_node.span, "newer rows replace older ones here");
        world.findings.push(finding.remedy(match definition.rows {
            RowsMeaning::ByKey { .. } => format!(
                "partition by a column of the key. Or add `{column}` to the key, if it never changes: then rows of two values \
                 of it are two rows, and neither replaces the other"
            ),
            _ => format!("add `{column}` to the key, or partition by a column of the key"),
        }));
    }
    let RowsMeaning::ByKey { version } = &definition.rows else { return };
    match (version, from) {
        (Some(version), _) => {
            let known = definition.columns.iter().any(|column| column.name == *version);
            if let Some(node) = written.version.as_ref().filter(|_| !known) {
                let finding = Diagnostic::new(codes::NO_COLUMN, node, format!("the table has no column `{version}`"));
                world.findings.push(finding.names(
                    version,
                    "columns",
                    definition.columns.iter().map(|column| &*column.name),
                ));
            }
        }
        (None, plan::From::Topic(read)) => {
            if let Some(lacking) = read.key.iter().find(|column| !definition.key.contains(column)) {
                let what =
                    format!("rows of one key can come from different partitions: the topic's key has `{lacking}`");
                let finding = Diagnostic::new(codes::KEYS_APART, &written.table, what);
                let finding = finding.note(format!("key of `{}`: [{}]", read.topic, read.key.join(", ")));
                world.findings.push(
                    finding.remedy("add the column to the table's key, or say which row wins with `version: COLUMN`"),
                );
            }
        }
        (None, plan::From::Documents(_)) => {
            let what = "rows of one key can stand in several documents, and nothing says which of them is the newest";
            let finding = Diagnostic::new(codes::NO_NEWEST, &written.rows_node, what);
            let finding = finding.note(format!("flow `{}` reads documents", flow.name.text()));
            world
                .findings
                .push(finding.remedy("say which row wins with `version: COLUMN`, for example the document's date; or write `rows: by-document`"));
        }
    }
}

/// Landings of one table mean the same by it.
fn share(world: &mut World<'_>, written: &Landing, definition: &TableDefinition) {
    let Some(first) = world.landings.0.get(&definition.name) else {
        let first = First { definition: definition.clone(), node: written.table.clone() };
        world.landings.0.insert(Arc::clone(&definition.name), first);
        return;
    };
    let differs = if first.definition.rows != definition.rows {
        Some("`rows` differ")
    } else if first.definition.key != definition.key || first.definition.partition != definition.partition {
        Some("key or partition differ")
    } else if first.definition.columns != definition.columns {
        Some("columns differ")
    } else if definition.rows == (RowsMeaning::ByKey { version: None }) {
        Some("each takes its own newest position for the winner")
    } else {
        None
    };
    if let Some(differs) = differs {
        let finding = Diagnostic::new(
            codes::LANDINGS,
            &written.table,
            format!("two landings of `{}` do not agree", definition.name),
        );
        let finding = finding.label(differs).related(&first.node.span, "the other landing");
        world.findings.push(finding.remedy("make them the same; with `by-key`, name a `version` column"));
    }
}
