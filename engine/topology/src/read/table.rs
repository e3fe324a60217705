//! `schemas/tables/NAME.yaml`: a table that people query.

use batch::{PartitionBy, RowsMeaning, TableColumn, TableDefinition};

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::fields::Walk;
use crate::language;
use crate::parameters::Parameters;
use crate::reader::Node;
use crate::stored;
use crate::written::{Partition, Table};

/// Reads a table's file. `None` after a finding.
pub(crate) fn table(root: &Node, name: &str, findings: &Findings) -> Option<Table> {
    let before = findings.errors();
    let parameters = Parameters::default();
    let walk = Walk { findings, parameters: &parameters };
    let fields = walk.fields(root, &language::TABLE)?;
    let name_node = fields.required("table")?;
    let found = walk.dotted(name_node, "a table")?;
    if &*found != name {
        let finding =
            Diagnostic::new(codes::PLACE, name_node, format!("the file of the table `{name}` declares `{found}`"));
        walk.push(finding.remedy("make the two names the same"));
    }
    let mut columns = Vec::new();
    let mut nodes = Vec::new();
    for entry in fields.required("columns").and_then(|node| walk.entries(node, "`columns`")).unwrap_or(&[]) {
        if entry.key.text().starts_with('_') {
            let finding = Diagnostic::new(codes::NAME, &entry.key, "names that begin with `_` are the engine's");
            walk.push(finding.remedy("take the `_` away"));
        }
        let Some(fields) = walk.fields(&entry.value, &language::COLUMN) else { continue };
        let Some(column_type) = fields.required("type").and_then(|node| walk.column_type(node)) else { continue };
        let about = fields.get("about").and_then(|node| walk.text(node, "`about`")).unwrap_or_default();
        let unit = fields.get("unit").and_then(|node| walk.text(node, "`unit`"));
        let about = match unit {
            None => about.to_string(),
            Some(unit) if about.is_empty() => format!("in {unit}"),
            Some(unit) => format!("{about} (in {unit})"),
        };
        nodes.push(entry.key.clone());
        columns.push(TableColumn { name: entry.key.shared(), column_type, about });
    }
    let key = fields.required("key").and_then(|node| super::landing::key(&walk, node)).unwrap_or_default();
    let partition = fields.get("partition").and_then(|node| super::landing::partition(&walk, node));
    let by = partition.as_ref().map_or(PartitionBy::Nothing, |partition| partition.by.clone());
    let good = findings.errors() == before;
    if good {
        let column = |name: &str| columns.iter().find(|column| &*column.name == name);
        let unknown = |node: &Node, name: &str| {
            let finding =
                Diagnostic::new(codes::NO_COLUMN, node, format!("the table has no column `{}`", batch::bounded(name)));
            let finding = finding.names(name, "columns", columns.iter().map(|column| &*column.name));
            walk.push(finding.otherwise("name one of these, or declare it under `columns:`"));
        };
        for node in &key {
            match column(node.text()) {
                None => unknown(node, node.text()),
                Some(found) if found.column_type.nullable => {
                    let finding = Diagnostic::new(codes::VALUE, node, "a column of the key cannot be null");
                    walk.push(finding.remedy("make the column not nullable, or take it out of the key"));
                }
                Some(_) => {}
            }
        }
        if let Some(Partition { by, node }) = &partition {
            match by {
                PartitionBy::Column(name)
                | PartitionBy::Year(name)
                | PartitionBy::Month(name)
                | PartitionBy::Day(name)
                    if column(name).is_none() =>
                {
                    unknown(node, name);
                }
                _ => {}
            }
        }
        stored::keys(findings, &columns, &key, partition.as_ref());
        let places: Vec<(&str, &Node)> = nodes.iter().map(|node| (node.text(), node)).collect();
        stored::names(findings, &columns, |name| {
            places.iter().find(|(known, _)| *known == name).map_or(name_node, |(_, node)| node)
        });
    }
    let definition = TableDefinition {
        name: found,
        about: fields
            .get("about")
            .and_then(|node| walk.text(node, "`about`"))
            .unwrap_or_default()
            .trim_end()
            .to_owned(),
        columns,
        key: key.iter().map(Node::shared).collect(),
        partition: by,
        rows: RowsMeaning::Append,
    };
    (findings.errors() == before).then(|| Table {
        definition,
        name: name_node.clone(),
        columns: nodes,
        partition: partition.map(|partition| partition.node),
    })
}
