//! How records that others wrote become rows: `decode`, the first step of their flow.

use std::sync::Arc;

use batch::{ColumnType, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::fields::Walk;
use crate::language;
use crate::plan::{Columns, DelimitedRecords, RecordDecode, RecordKey, RecordValues, Tombstones};
use crate::reader::Node;
use crate::written::{From, TopicRead};

/// Reads `decode` into `read`, if it is the first step; says how many steps that were.
pub(super) fn into_rows(walk: &Walk<'_>, steps: &[Node], mut read: TopicRead) -> (From, usize) {
    let Some(node) = steps.first().and_then(|step| super::decode::verb(step, "decode")) else {
        return (From::Topic(read), 0);
    };
    if !steps.iter().take(1).all(|step| super::steps::alone(walk, step)) {
        return (From::Broken, steps.len());
    }
    match decode(walk, node) {
        Some(decode) => {
            read.decode = Some(Box::new((node.clone(), decode)));
            (From::Topic(read), 1)
        }
        None => (From::Broken, 1),
    }
}

fn decode(walk: &Walk<'_>, node: &Node) -> Option<RecordDecode> {
    let fields = walk.fields(node, &language::DECODE)?;
    let entry = fields.exactly_one()?;
    let key = fields.get("key").map_or(Some(RecordKey::As(Type::Binary)), |node| key(walk, node));
    let tombstones = fields
        .get("tombstones")
        .map_or(Some(Tombstones::Refuse), |node| walk.choice(node, "value of `tombstones`", &language::TOMBSTONES));
    let values = match entry.key.text() {
        "json" => json(walk, &entry.value),
        "avro" => avro(walk, &entry.value),
        _ => delimited(walk, &entry.value).map(RecordValues::Delimited),
    };
    Some(RecordDecode { values: values?, key: key?, tombstones: tombstones? })
}

fn key(walk: &Walk<'_>, node: &Node) -> Option<RecordKey> {
    if node.is_scalar() {
        let name = walk.choice(node, "type of a key", &language::KEY_TYPES)?;
        return Type::parse(name).ok().map(RecordKey::As);
    }
    let fields = walk.fields(node, &language::KEY_FORMAT)?;
    let entry = fields.exactly_one()?;
    let format = if entry.key.text() == "json" { json(walk, &entry.value) } else { avro(walk, &entry.value) }?;
    // Those of Avro stand in a schema, which is looked for when the topic is known.
    Some(RecordKey::Fields { columns: format.columns().unwrap_or_default(), format, schema: None })
}

fn avro(walk: &Walk<'_>, node: &Node) -> Option<RecordValues> {
    walk.choice(node, "value of `avro`", &language::AVRO).map(|()| RecordValues::Avro)
}

fn json(walk: &Walk<'_>, node: &Node) -> Option<RecordValues> {
    let fields = walk.fields(node, &language::JSON)?;
    let others = fields.get("other-fields");
    let others =
        others.map_or(Some(false), |node| walk.choice(node, "value of `other-fields`", &language::OTHER_FIELDS));
    let declared = fields.required("fields")?;
    let entries = walk.entries(declared, "`fields`")?;
    if entries.is_empty() {
        let finding = Diagnostic::new(codes::MISSING, declared, "`fields` names nothing that could be read");
        walk.push(
            finding.remedy("name the fields with their types: `fields: { id: bigint, price: \"decimal(18, 4)\" }`"),
        );
        return None;
    }
    let mut columns: Option<Columns> = Some(Columns::new());
    for entry in entries {
        let of = walk.column_type(&entry.value).filter(|of| is_of_json(walk, &entry.value, of));
        let good = of.filter(|_| is_path(walk, &entry.key));
        columns = columns.zip(good).map(|(mut columns, of)| {
            columns.insert(entry.key.shared(), of);
            columns
        });
    }
    Some(RecordValues::Json { fields: columns?, refuse_others: others? })
}

/// Parts of a path are names: none is empty.
fn is_path(walk: &Walk<'_>, node: &Node) -> bool {
    let good = node.text().split('.').all(|part| !part.is_empty());
    if !good {
        let what = format!("`{}` is no path of a field", batch::bounded(node.text()));
        walk.push(
            Diagnostic::new(codes::NAME, node, what)
                .remedy("write a field's name, or `outer.inner` for one within an object"),
        );
    }
    good
}

/// Dates, times and bytes are texts in JSON, in many forms.
fn is_of_json(walk: &Walk<'_>, node: &Node, of: &ColumnType) -> bool {
    let mut inner = &of.of;
    while let Type::List(of) | Type::Map(of) = inner {
        inner = of;
    }
    if !matches!(inner, Type::Date | Type::Timestamp { .. } | Type::Binary) {
        return true;
    }
    let finding = Diagnostic::new(codes::TYPE, node, format!("JSON has no values of the type `{inner}`"));
    let how = match inner {
        Type::Binary => "write `text`, which is the text as it stands".to_owned(),
        inner => format!("write `text` (or `bigint`, if it is a number), and `cast(... as {inner})` in a step"),
    };
    walk.push(finding.remedy(how));
    false
}

/// Keys of `delimited` that say something of documents.
const OF_DOCUMENTS: [&str; 7] =
    ["layouts", "names", "trailer", "without-trailer", "new-columns", "outcome", "line-limit"];

fn delimited(walk: &Walk<'_>, node: &Node) -> Option<DelimitedRecords> {
    let fields = walk.fields(node, &language::DELIMITED)?;
    if let Some(key) = OF_DOCUMENTS.iter().find_map(|key| fields.key(key)) {
        let what = format!("`{}` belongs to documents, and a record is one line without a header", key.text());
        let finding = Diagnostic::new(codes::UNKNOWN_FIELD, key, what);
        walk.push(finding.remedy("name the cells with `columns: [...]`, and leave this away"));
        return None;
    }
    let nodes = walk.texts(fields.required("columns")?, "`columns`");
    let mut columns: Vec<Arc<str>> = Vec::new();
    for node in &nodes {
        if columns.contains(&node.shared()) {
            let what = format!("a second column `{}`", batch::bounded(node.text()));
            walk.push(Diagnostic::new(codes::DUPLICATE_NAME, node, what).remedy("give one of them another name"));
            return None;
        }
        columns.push(node.shared());
    }
    if columns.is_empty() {
        let finding = Diagnostic::new(codes::MISSING, node, "`columns` names no cell");
        walk.push(finding.remedy("name the cells in their order: `columns: [id, price]`"));
        return None;
    }
    let spill = fields.get("spill").map(|node| (node, walk.text(node, "`spill`")));
    if let Some((node, Some(name))) = &spill
        && !columns.contains(name)
    {
        let finding = Diagnostic::new(codes::HEADER, node, "`spill` names none of the `columns`");
        walk.push(finding.names(name, "columns", columns.iter().map(|name| &**name)));
        return None;
    }
    let encoding = fields.get("encoding").map_or(Some("utf-8".into()), |node| one_byte(walk, node));
    let empty = fields.get("empty").filter(|node| !node.is_null());
    let quotes = fields.get("quotes");
    Some(DelimitedRecords {
        columns,
        separator: fields.get("separator").map_or(Some(b','), |node| super::decode::separator(walk, node))?,
        quotes: quotes.map_or(Some(true), |node| walk.choice(node, "kind of quotes", &language::QUOTES))?,
        encoding: encoding?,
        empty_is_null: empty.map_or(Some(true), |node| walk.choice(node, "value of `empty`", &language::EMPTY))?,
        spill: match spill {
            Some((_, name)) => Some(name?),
            None => None,
        },
    })
}

/// An encoding in which a separator is one byte.
fn one_byte(walk: &Walk<'_>, node: &Node) -> Option<Arc<str>> {
    let label = super::decode::encoding(walk, node)?;
    if label.to_ascii_lowercase().starts_with("utf-16") {
        let finding = Diagnostic::new(codes::VALUE, node, "records are not read in UTF-16");
        walk.push(finding.remedy("write `utf-8`, or an encoding of one byte a character"));
        return None;
    }
    Some(label)
}
