//! `tests:`: what goes in and what must come out. Their columns are checked when the flows are known.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::fields::{Fields, Walk};
use crate::files::Site;
use crate::language;
use crate::plan::{Expect, Given, GivenRecord, Value};
use crate::reader::{Entry, Kind, Node, Style};
use crate::written::Test;

type Row = IndexMap<Arc<str>, Value>;

pub(super) fn tests(walk: &Walk<'_>, node: &Node, site: &Site<'_>) -> Vec<Test> {
    let items = walk.items(node, "`tests`").unwrap_or(&[]);
    let found: Vec<Test> = items.iter().filter_map(|item| test(walk, item, site)).collect();
    for (index, test) in found.iter().enumerate() {
        if let Some(first) = found[..index].iter().find(|earlier| earlier.name == test.name) {
            let finding = Diagnostic::new(codes::DUPLICATE_NAME, &test.node, "two tests have one name");
            walk.push(finding.related(&first.node.span, "the first is here").remedy("give one of them another name"));
        }
    }
    found
}

fn test(walk: &Walk<'_>, node: &Node, site: &Site<'_>) -> Option<Test> {
    let fields = walk.fields(node, &language::TEST)?;
    let name_node = fields.required("name");
    let name = name_node.and_then(|node| walk.text(node, "`name`"));
    let flow = fields.required("flow").filter(|node| walk.text(node, "`flow`").is_some());
    let mut given_columns = Vec::new();
    let mut texts = Vec::new();
    let given = fields.required("given").and_then(|node| given(walk, node, site, &mut given_columns, &mut texts));
    let (mut row_columns, mut outputs) = (Vec::new(), Vec::new());
    let expect = fields.required("expect").and_then(|node| expect(walk, node, &mut row_columns, &mut outputs));
    let given = given?;
    Some(Test {
        gives_documents: given.iter().any(|given| matches!(given, Given::Document { .. })),
        name: name?,
        node: name_node?.clone(),
        flow: flow?.clone(),
        given,
        texts,
        given_columns,
        row_columns,
        outputs,
        expect: expect?,
    })
}

fn given(
    walk: &Walk<'_>,
    node: &Node,
    site: &Site<'_>,
    columns: &mut Vec<Node>,
    texts: &mut Vec<Option<Node>>,
) -> Option<Vec<Given>> {
    let fields = walk.fields(node, &language::GIVEN)?;
    let entry = fields.exactly_one()?;
    match entry.key.text() {
        "document" => Some(vec![document(walk, &entry.value, site, texts)?]),
        "documents" => {
            let items = walk.items(&entry.value, "`documents`")?;
            items.iter().map(|item| document(walk, item, site, texts)).collect()
        }
        "records" => {
            let items = walk.items(&entry.value, "`records`")?;
            items.iter().map(|item| record(walk, item).map(Given::Record)).collect()
        }
        _ => Some(rows(walk, &entry.value, columns)?.into_iter().map(Given::Row).collect()),
    }
}

fn record(walk: &Walk<'_>, node: &Node) -> Option<GivenRecord> {
    let fields = walk.fields(node, &language::RECORD)?;
    let value = match fields.required("value")? {
        node if node.is_null() && !is_empty_text(node) => None,
        node if is_empty_text(node) => Some("".into()),
        node => Some(walk.text(node, "a record's value")?),
    };
    let key = match fields.get("key") {
        Some(node) => Some(walk.text(node, "`key`")?),
        None => None,
    };
    let headers = match fields.get("headers") {
        Some(node) => walk.entries(node, "`headers`")?,
        None => &[],
    };
    let header = |entry: &Entry| Some((entry.key.shared(), walk.text(&entry.value, "a header's value")?));
    Some(GivenRecord { value, key, headers: headers.iter().map(header).collect::<Option<Vec<_>>>()? })
}

/// True for `""`, which is a value, unlike nothing.
fn is_empty_text(node: &Node) -> bool {
    matches!(&node.kind, Kind::Scalar { text, style } if text.is_empty() && *style != Style::Plain)
}

/// A document; its node goes to `texts` if it is a text, whose encoding the flow says.
fn document(walk: &Walk<'_>, node: &Node, site: &Site<'_>, texts: &mut Vec<Option<Node>>) -> Option<Given> {
    let fields = walk.fields(node, &language::DOCUMENT)?;
    let name = fields.required("name").and_then(|node| walk.text(node, "`name`"));
    let entry = fields.exactly_one()?;
    let text = match &entry.value {
        // A document can be empty.
        node if node.is_scalar() && node.text().is_empty() => "".into(),
        node => walk.text(node, "a document's text")?,
    };
    let is_text = entry.key.text() == "text";
    texts.push(is_text.then(|| walk.value(&entry.value).clone()));
    let bytes: Arc<[u8]> = if is_text {
        text.as_bytes().into()
    } else {
        let read = site.find(&text).map(|path| site.files.read(&path));
        match read {
            Some(Ok(bytes)) => bytes.into(),
            Some(Err(error)) => {
                walk.push(Diagnostic::new(
                    codes::UNREADABLE,
                    &entry.value,
                    format!("`{text}` cannot be read: {error}"),
                ));
                return None;
            }
            None => {
                let finding = Diagnostic::new(
                    codes::NO_FILE,
                    &entry.value,
                    format!("there is no file `{}`", batch::bounded(&text)),
                );
                walk.push(finding.note(site.looked_for(&text)).remedy("make it, or correct the path"));
                return None;
            }
        }
    };
    Some(Given::Document { name: name?, bytes })
}

fn rows(walk: &Walk<'_>, node: &Node, columns: &mut Vec<Node>) -> Option<Vec<Row>> {
    let items = walk.items(node, "`rows`")?;
    items.iter().map(|item| row(walk, item, columns)).collect()
}

fn row(walk: &Walk<'_>, node: &Node, columns: &mut Vec<Node>) -> Option<Row> {
    let entries = walk.entries(node, "a row")?;
    columns.extend(entries.iter().map(|entry| entry.key.clone()));
    Some(entries.iter().map(|entry| (entry.key.shared(), value(walk, &entry.value))).collect())
}

fn value(walk: &Walk<'_>, node: &Node) -> Value {
    let node = walk.value(node);
    match &node.kind {
        Kind::Scalar { .. } if node.is_null() => Value::Null,
        Kind::Scalar { text, .. } => Value::Scalar(Arc::clone(text)),
        Kind::Sequence(items) => Value::List(items.iter().map(|item| value(walk, item)).collect()),
        Kind::Mapping(entries) => {
            Value::Map(entries.iter().map(|entry| (entry.key.shared(), value(walk, &entry.value))).collect())
        }
    }
}

fn expect(walk: &Walk<'_>, node: &Node, row_columns: &mut Vec<Node>, outputs: &mut Vec<Node>) -> Option<Expect> {
    let fields = walk.fields(node, &language::EXPECT)?;
    let mut expect =
        Expect { rows: fields.get("rows").and_then(|node| rows(walk, node, row_columns)), ..Expect::default() };
    for entry in fields.get("outputs").and_then(|node| walk.entries(node, "`outputs`")).unwrap_or(&[]) {
        outputs.push(entry.key.clone());
        if let Some(found) = rows(walk, &entry.value, &mut Vec::new()) {
            expect.outputs.insert(entry.key.shared(), found);
        }
    }
    expect.dead_letters = fields.get("dead-letters").and_then(|node| walk.items(node, "`dead-letters`")).map(|items| {
        let read = |item| closed(walk, walk.fields(item, &language::DEAD_LETTER), item);
        items.iter().filter_map(read).collect()
    });
    if let Some(entries) = fields.get("dropped").and_then(|node| walk.entries(node, "`dropped`")) {
        let number = |node| walk.read(node, &language::COUNT, |text| text.parse::<u64>().ok());
        let counts = entries.iter().filter_map(|entry| Some((entry.key.shared(), number(&entry.value)?)));
        expect.dropped = Some(counts.collect());
    }
    expect.receipt = fields.get("receipt").and_then(|node| receipt(walk, node));
    if matches!(&node.kind, Kind::Mapping(entries) if entries.is_empty()) {
        let finding = Diagnostic::new(codes::MISSING, node, "the test expects nothing, so it cannot fail");
        walk.push(finding.remedy("add `rows:`, `outputs:`, `dead-letters:`, `dropped:` or `receipt:`"));
    }
    Some(expect)
}

fn closed(walk: &Walk<'_>, fields: Option<Fields<'_>>, node: &Node) -> Option<Row> {
    fields?;
    row(walk, node, &mut Vec::new())
}

fn receipt(walk: &Walk<'_>, node: &Node) -> Option<Row> {
    let fields = walk.fields(node, &language::RECEIPT)?;
    if let Some(outcome) = fields.get("outcome") {
        walk.choice(outcome, "outcome", &language::OUTCOMES)?;
    }
    for key in ["rows", "dead"] {
        let Some(count) = fields.get(key).filter(|count| count.text().parse::<u64>().is_err()) else { continue };
        let what = format!("`{key}` is a whole number, and this is `{}`", batch::bounded(count.text()));
        walk.push(Diagnostic::new(codes::VALUE, count, what).remedy(format!("write a number, such as `{key}: 2`")));
        return None;
    }
    row(walk, node, &mut Vec::new())
}
