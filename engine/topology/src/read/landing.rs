//! `to:` and `outputs:`: a table or a topic.

use std::time::Duration;

use batch::{PartitionBy, RowsMeaning};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::fields::Walk;
use crate::files::Site;
use crate::language::{self, Keys, MOST_ROWS, RowsWord};
use crate::reader::{Kind, Node};
use crate::scalars;
use crate::written::{Landing, Partition, To, TopicWrite};

pub(super) fn to(walk: &Walk<'_>, node: &Node, site: &Site<'_>) -> To {
    if let Kind::Sequence(items) = &node.kind {
        let finding = Diagnostic::new(codes::ONE_OF, node, "a flow has one destination, and this is a list");
        let remedy =
            if items.len() < 2 { "write it without `- `" } else { "write a topic, and let second flows land it" };
        walk.push(finding.remedy(remedy));
        return To::Broken;
    }
    let Some(fields) = walk.fields(node, &language::TO) else {
        return To::Broken;
    };
    let Some(entry) = fields.exactly_one() else { return To::Broken };
    if entry.key.text() == "topic" {
        return topic(walk, node, &language::TO).map_or(To::Broken, To::Topic);
    }
    for key in ["key", "partitions"] {
        if let Some(node) = fields.key(key) {
            let finding = Diagnostic::new(codes::UNKNOWN_FIELD, node, format!("`{key}` belongs to a topic"));
            walk.push(finding.remedy(format!("write `{key}` inside `clickhouse:` or take it away")));
        }
    }
    landing(walk, &entry.value, site).map_or(To::Broken, |landing| To::Table(Box::new(landing)))
}

pub(super) fn topic(walk: &Walk<'_>, node: &Node, keys: &'static Keys) -> Option<TopicWrite> {
    let fields = walk.fields(node, keys)?;
    let topic = fields.required("topic")?;
    walk.dotted(topic, "a topic")?;
    let key = match fields.get("key") {
        Some(node) => Some(key(walk, node)?),
        None => None,
    };
    Some(TopicWrite {
        topic: walk.value(topic).clone(),
        key,
        partitions: fields.get("partitions").and_then(|node| super::source::partitions(walk, node)),
    })
}

/// The columns of a key; `None` after a finding.
pub(super) fn key(walk: &Walk<'_>, node: &Node) -> Option<Vec<Node>> {
    let before = walk.findings.errors();
    let key = walk.texts(node, "`key`");
    if key.is_empty() && walk.findings.errors() == before {
        let finding = Diagnostic::new(codes::VALUE, node, "a key has at least one column");
        walk.push(finding.remedy("name the columns that identify a row, as in `key: [day, id]`"));
    }
    let twice = |(index, node): &(usize, &Node)| key[..*index].iter().any(|known| known.text() == node.text());
    if let Some((_, again)) = key.iter().enumerate().find(twice) {
        let what = format!("`key` names `{}` twice", batch::bounded(again.text()));
        walk.push(Diagnostic::new(codes::VALUE, again, what).remedy("name it once"));
    }
    (!key.is_empty()).then_some(key)
}

fn landing(walk: &Walk<'_>, node: &Node, site: &Site<'_>) -> Option<Landing> {
    let fields = walk.fields(node, &language::CLICKHOUSE)?;
    let table = fields.required("table");
    let table_name = table.and_then(|node| walk.dotted(node, "a table"));
    if let (Some(node), Some(name)) = (table, &table_name)
        && name.split('.').count() != 2
    {
        walk.push(half_a_name(node, name, site));
        return None;
    }
    let rows_node = fields.required("rows");
    let rows = rows_node.and_then(|node| walk.choice(node, "meaning of rows", &language::ROWS_MEANINGS));
    let version = fields.get("version").filter(|node| walk.text(node, "`version`").is_some());
    if let (Some(node), Some(RowsWord::Append | RowsWord::ByDocument)) = (fields.key("version"), rows) {
        let finding = Diagnostic::new(
            codes::UNKNOWN_FIELD,
            node,
            "`version` says which row of a key wins, and that is a matter of `by-key`",
        );
        walk.push(finding.remedy("take `version` away, or write `rows: by-key`"));
    }
    // Without its key the table would be told to have none.
    if fields.get("key").is_none() && fields.is_meant("key") {
        return None;
    }
    let (batch_rows, batch_age) = batch_limits(walk, fields.get("batch"));
    Some(Landing {
        rows: match rows? {
            RowsWord::Append => RowsMeaning::Append,
            RowsWord::ByKey => RowsMeaning::ByKey { version: version.map(Node::shared) },
            RowsWord::ByDocument => RowsMeaning::ByDocument,
        },
        table: walk.value(table?).clone(),
        rows_node: rows_node?.clone(),
        version: version.cloned(),
        key: match fields.get("key") {
            Some(node) => Some(key(walk, node)?),
            None => None,
        },
        partition: fields.get("partition").and_then(|node| partition(walk, node)),
        batch_rows,
        batch_age,
        at_least_once: fields
            .get("delivery")
            .and_then(|node| walk.choice(node, "delivery", &language::DELIVERY))
            .unwrap_or(false),
    })
}

/// A table's name that is not `database.table`.
fn half_a_name(node: &Node, name: &str, site: &Site<'_>) -> Diagnostic {
    let what = format!("`{}` is no table: a table is written `database.table`", batch::bounded(name));
    let finding = Diagnostic::new(codes::NAME, node, what);
    let table = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let example = format!("such as `demo.{}` (lower-case letters, digits, `_`)", table.replace('-', "_"));
    let finding = finding.remedy(format!("write it `database.table`, {}", batch::bounded(&example)));
    let known = site.tables();
    match known.iter().find(|known| known.split('.').nth(1) == Some(table.as_str())) {
        Some(near) => finding.meant(near),
        None if known.is_empty() => finding,
        None => finding.names(name, "tables", known.iter().map(String::as_str)),
    }
}

fn batch_limits(walk: &Walk<'_>, node: Option<&Node>) -> (usize, Duration) {
    let default = (500_000, Duration::from_secs(5));
    let Some(fields) = node.and_then(|node| walk.fields(node, &language::BATCH)) else { return default };
    let rows = |text: &str| text.replace('_', "").parse().ok().filter(|rows| (1..=MOST_ROWS).contains(rows));
    let rows = fields.get("rows").and_then(|node| walk.read(node, &language::BATCH_ROWS, rows));
    let age = fields.get("age").and_then(|node| walk.read(node, &language::BATCH_AGE, scalars::duration));
    (rows.unwrap_or(default.0), age.unwrap_or(default.1))
}

/// What a function of SQL or of ClickHouse means as a partition.
fn near_partition(text: &str) -> Option<String> {
    let (function, column) = text.strip_suffix(')')?.split_once('(')?;
    let unit = match function.trim().to_ascii_lowercase().as_str() {
        "year" | "toyear" | "tostartofyear" => "year",
        "month" | "toyyyymm" | "tomonth" | "tostartofmonth" => "month",
        "day" | "date" | "todate" | "toyyyymmdd" | "tostartofday" => "day",
        _ => return None,
    };
    Some(format!("{unit} of {}", column.trim()))
}

/// `COLUMN`, `year of COLUMN`, `month of COLUMN`, `day of COLUMN`; nothing is one partition.
pub(super) fn partition(walk: &Walk<'_>, node: &Node) -> Option<Partition> {
    if node.is_null() {
        return Some(Partition { by: PartitionBy::Nothing, node: node.clone() });
    }
    let text = walk.text(node, "`partition`")?;
    let by = match text.split_once(" of ") {
        None if !text.contains(char::is_whitespace) && near_partition(&text).is_none() => PartitionBy::Column(text),
        Some(("year", column)) => PartitionBy::Year(column.trim().into()),
        Some(("month", column)) => PartitionBy::Month(column.trim().into()),
        Some(("day", column)) => PartitionBy::Day(column.trim().into()),
        _ => {
            let finding = Diagnostic::new(codes::VALUE, node, format!("`{}` is no partition", batch::bounded(&text)));
            walk.push(match near_partition(&text) {
                Some(near) => finding.remedy(format!("write `{near}`")),
                None => finding.remedy("write `COLUMN`, `year of COLUMN`, `month of COLUMN` or `day of COLUMN`"),
            });
            return None;
        }
    };
    Some(Partition { by, node: node.clone() })
}
