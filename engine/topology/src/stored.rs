//! What ClickHouse refuses of a table: types of keys, partitions and versions, and names that would be one in its files.
//!
//! Each rule was tried on the server, which would say the same when the table is made, long after the file was checked.
//! Deliberately absent: types of columns that stand in no key. All of ours can be stored.

use batch::{ColumnType, PartitionBy, TableColumn, Type};

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::reader::Node;
use crate::written::Partition;

/// Where a version column is named and declared.
pub(crate) struct Version<'a> {
    /// Where the landing names it.
    pub(crate) node: &'a Node,
    /// Where the table's file declares it, if there is one.
    pub(crate) declared: Option<&'a Node>,
    /// `database.table`.
    pub(crate) table: &'a str,
}

/// Reports columns of a key and a partition that cannot be one. Names that are no column are reported elsewhere.
pub(crate) fn keys(findings: &Findings, columns: &[TableColumn], key: &[Node], partition: Option<&Partition>) {
    let type_of = |name: &str| columns.iter().find(|column| &*column.name == name).map(|column| &column.column_type);
    for node in key {
        let Some(of) = type_of(node.text()).filter(|of| is_collection(of)) else { continue };
        let what = format!("`{}` is {of}, which cannot be part of a key", batch::bounded(node.text()));
        let finding = Diagnostic::new(codes::NOT_STORED, node, what);
        let why = "ClickHouse keeps a table in the order of its key, and has no order of lists and maps.";
        findings.push(finding.because(why).remedy("take it out of the key"));
    }
    let Some(Partition { by, node }) = partition else { return };
    let (name, dated) = match by {
        PartitionBy::Nothing => return,
        PartitionBy::Column(name) => (name, false),
        PartitionBy::Year(name) | PartitionBy::Month(name) | PartitionBy::Day(name) => (name, true),
    };
    let Some(of) = type_of(name) else { return };
    let refused = if dated {
        !matches!(of.of, Type::Date | Type::Timestamp { .. })
    } else {
        is_collection(of) || of.of == Type::Double
    };
    if !refused {
        return;
    }
    findings.push(if dated {
        let what = format!("`{name}` is {of}, which has no year, month or day");
        let otherwise = if of.of == Type::Text {
            format!(
                "take a date or timestamp, such as a column `month: \"parse_date({name} || '01', '%Y-%m%d')\"` of a text \
                 `2026-01`; or write `partition: {name}`"
            )
        } else if is_collection(of) || of.of == Type::Double {
            "take a date or timestamp".to_owned()
        } else {
            format!("take a date or timestamp, or write `partition: {name}`")
        };
        Diagnostic::new(codes::VALUE, node, what).remedy(otherwise)
    } else {
        let what = format!("`{name}` is {of}, by which no table can be partitioned");
        let remedy = "take a column with few values, or `month of` a date; or leave `partition` out";
        let why = "ClickHouse keeps a partition for each value, and takes no fractions, lists and maps for one.";
        Diagnostic::new(codes::NOT_STORED, node, what).because(why).remedy(remedy)
    });
}

/// Reports a version column by which the server cannot tell which row is the newest.
pub(crate) fn version(findings: &Findings, column: &TableColumn, place: &Version<'_>) {
    let (name, of) = (&column.name, &column.column_type);
    let ordered =
        matches!(of.of, Type::Boolean | Type::Integer { .. } | Type::Double | Type::Date | Type::Timestamp { .. });
    let finding = |what: String| {
        let why = "ClickHouse keeps the row of a key whose version is the highest, so it makes no table whose versions \
                   have no order.";
        let finding = Diagnostic::new(codes::NOT_STORED, place.node, what).because(why);
        match place.declared {
            Some(declared) => finding.related(&declared.span, format!("declared as {of}")),
            None => finding,
        }
    };
    if !ordered {
        let what = format!("`{name}` is {of}, and a version is a whole number, a date or a timestamp");
        let remedy = "take another column, or make one in a `select` by `cast` or `parse_date`";
        findings.push(finding(what).remedy(remedy));
    } else if of.nullable {
        let what = format!("`{name}` may be null, and a row without a version is neither older nor newer than another");
        let always = format!("give it a value in a `select`, as in `{name}: coalesce({name}, {})`", oldest(&of.of));
        let file = format!("`schemas/tables/{}.yaml`", place.table);
        let or = match place.declared {
            Some(_) => {
                format!("and take `nullable` off it in {file}; without the first, rows without it are dead letters")
            }
            None => format!(
                "or declare the table in {file} with `{name}: {{ type: {} }}`: rows without it are dead letters then",
                quoted(of)
            ),
        };
        findings.push(finding(what).remedy(format!("{always}, {or}")));
    }
}

/// Reports columns that the server would keep under one name: `legs` beside a list `legs.price`.
pub(crate) fn names<'a>(findings: &Findings, columns: &[TableColumn], place: impl Fn(&str) -> &'a Node) {
    for column in columns.iter().filter(|column| matches!(column.column_type.of, Type::List(_))) {
        let Some((group, _)) = column.name.split_once('.') else { continue };
        let clash = columns.iter().find(|other| {
            let below = other.name.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
            *other.name == *group || (below && matches!(other.column_type.of, Type::Map(_)))
        });
        if let Some(clash) = clash {
            let what =
                format!("the list `{}` and the column `{}` would be stored under one name", column.name, clash.name);
            let why = "ClickHouse keeps the lists `x.a` and `x.b` as parts of one `x`, which can be nothing else then.";
            let finding = Diagnostic::new(codes::NOT_STORED, place(&column.name), what).because(why);
            findings.push(finding.remedy(format!("rename one of them, as in `rename: {{ {}: ... }}`", clash.name)));
        }
    }
}

fn is_collection(of: &ColumnType) -> bool {
    matches!(of.of, Type::List(_) | Type::Map(_))
}

/// A value of the type that is older than those that people have, as expressions write it.
fn oldest(of: &Type) -> &'static str {
    match of {
        Type::Date => "date '1970-01-01'",
        Type::Timestamp { zone: None, .. } => "timestamp '1970-01-01 00:00:00'",
        Type::Timestamp { .. } => "at_zone(timestamp '1970-01-01 00:00:00', 'UTC')",
        Type::Boolean => "false",
        _ => "0",
    }
}

/// The type without `nullable`, in quotes where YAML needs them.
fn quoted(of: &ColumnType) -> String {
    let text = of.of.to_string();
    if text.contains(',') { format!("\"{text}\"") } else { text }
}
