//! How documents become rows: `unzip` and `decode`, the first steps of their flow.

use std::sync::Arc;

use regex::Regex;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::encodings;
use crate::fields::{Fields, Walk};
use crate::files::Site;
use crate::language;
use crate::plan::{Delimited, EmptyOutcome, Layout, Members, Naming, NewColumns, Proof, Trailer, Unzip};
use crate::reader::{Entry, Kind, Node};
use crate::scalars;
use crate::written::Documents;

use super::header::{header, snake_case};
use super::steps::named as named_column;

const UNPACKED_LIMIT: u64 = 8 << 30;

/// Reads `unzip` and `decode` into `documents`; says how many steps that were.
pub(super) fn into_rows(
    walk: &Walk<'_>,
    steps: &[Node],
    documents: &mut Documents,
    flow: &Node,
    site: &Site<'_>,
) -> usize {
    let limit = documents.unzip.take().map_or(UNPACKED_LIMIT, |unzip| unzip.unpacked_limit);
    let mut index = 0;
    let first = steps.first().is_some_and(|step| verb(step, "unzip").is_some());
    // What stands in the map of one of these would be passed over: mostly a dash was forgotten.
    if !steps.iter().take(1 + usize::from(first)).all(|step| super::steps::alone(walk, step)) {
        return steps.len();
    }
    if let Some(value) = steps.first().and_then(|step| verb(step, "unzip")) {
        documents.unzip = unzip(walk, value, limit);
        index = 1;
    }
    match steps.get(index).and_then(|step| verb(step, "decode")) {
        Some(value) => {
            documents.decode = decode(walk, value, site, &mut documents.outcomes);
            index + 1
        }
        None => {
            let at = steps.get(index).unwrap_or(flow);
            if steps.get(index).is_some_and(|step| super::steps::misspelt(walk, step)) {
                return steps.len();
            }
            let finding = Diagnostic::new(
                codes::ORDER,
                at,
                "documents become rows by `decode`, which comes first or after `unzip`",
            );
            walk.push(
                finding
                    .remedy("begin the steps with `- unzip: ...` (if the documents are archives) and `- decode: ...`"),
            );
            // The steps after a misplaced `decode` would all be wrong for one reason.
            steps.len()
        }
    }
}

/// How many of the first steps belong to documents, where it is not known what the flow reads.
pub(super) fn leading(steps: &[Node]) -> usize {
    steps.iter().take_while(|step| verb(step, "unzip").is_some() || verb(step, "decode").is_some()).count()
}

pub(super) fn verb<'a>(step: &'a Node, name: &str) -> Option<&'a Node> {
    let Kind::Mapping(entries) = &step.kind else { return None };
    entries.iter().find(|entry| entry.key.text() == name).map(|entry| &entry.value)
}

fn unzip(walk: &Walk<'_>, node: &Node, unpacked_limit: u64) -> Option<Unzip> {
    let fields = walk.fields(node, &language::UNZIP)?;
    let members = match fields.get("members") {
        None => Members::Named(pattern::Pattern::parse("*").ok()?),
        Some(node) if node.is_scalar() => Members::Named(walk.pattern(node)?),
        Some(node) => {
            let fields = walk.fields(node, &language::MEMBERS)?;
            let entry = fields.exactly_one()?;
            let pattern = walk.pattern(&entry.value)?;
            if entry.key.text() == "named" { Members::Named(pattern) } else { Members::FirstLine(pattern) }
        }
    };
    Some(Unzip { members, unpacked_limit })
}

fn decode(
    walk: &Walk<'_>,
    node: &Node,
    site: &Site<'_>,
    outcomes: &mut Vec<(Node, EmptyOutcome)>,
) -> Option<Delimited> {
    let fields = walk.fields(node, &language::DECODE)?;
    let entry = fields.exactly_one()?;
    let of_records = ["json", "avro", "key", "tombstones"].iter().find_map(|key| fields.key(key));
    if let Some(key) = of_records {
        let what = format!("`{}` belongs to records of a topic, and this flow reads documents", key.text());
        let remedy = match key.text() {
            "json" | "avro" => {
                "documents in JSON, XML or Avro, or without a header, are not read yet: make delimited text with a header of \
                 them first, and say `delimited` here"
            }
            _ => "documents are decoded by `delimited` alone: leave this away",
        };
        walk.push(Diagnostic::new(codes::ORDER, key, what).remedy(remedy));
        return None;
    }
    let delimited_node = &entry.value;
    let fields = walk.fields(delimited_node, &language::DELIMITED)?;
    if let Some(key) = fields.key("columns") {
        let what = "`columns` belongs to records of a topic; a document begins with a header";
        let finding = Diagnostic::new(codes::UNKNOWN_FIELD, key, what);
        walk.push(finding.remedy("write `layouts: { NAME: { header: [...] } }`"));
        return None;
    }
    let names = naming(walk, &fields);
    let separator = fields.get("separator").map_or(Some(b','), |node| separator(walk, node));
    let layouts = fields.required("layouts").and_then(|node| walk.entries(node, "`layouts`"));
    let means = Means { naming: names.unwrap_or(Naming::AsPublished), separator: separator.unwrap_or(b',') };
    let read = |entry: &Entry| layout(walk, &entry.key, &entry.value, means, site);
    let found: Option<Vec<Option<Layout>>> = layouts.map(|entries| entries.iter().map(read).collect());
    let trailers = fields.get("trailer").map_or_else(Vec::new, |node| trailers(walk, node));
    let trailer_required = without_trailer(walk, &fields, trailers.is_empty());
    *outcomes = fields.get("outcome").map_or_else(Vec::new, |node| read_outcomes(walk, node));
    let empty_is_null = match fields.get("empty") {
        // `empty: null` in YAML is nothing, and means the default.
        Some(node) if !node.is_null() => walk.choice(node, "value of `empty`", &language::EMPTY).unwrap_or(true),
        _ => true,
    };
    let spill = fields.get("spill").and_then(|node| walk.text(node, "`spill`").map(|text| (node, text)));
    let encoding = fields.get("encoding").map_or(Some("utf-8".into()), |node| encoding(walk, node));
    let above = fields.get("lines-before-header");
    let above = above.and_then(|node| walk.read(node, &language::LINES_BEFORE_HEADER, language::above_header));
    let line_limit =
        fields.get("line-limit").and_then(|node| walk.read(node, &language::LINE_LIMIT, scalars::some_size));
    // What columns are called is not known, so each use of one would be a finding that follows from this one.
    if fields.get("names").is_none()
        && (names_elsewhere(delimited_node, &language::DELIMITED)
            || layouts.is_some_and(|all| all.iter().any(|entry| names_elsewhere(&entry.value, &language::LAYOUT))))
    {
        return None;
    }
    let names = names?;
    let delimited = Delimited {
        separator: separator?,
        quotes: fields
            .get("quotes")
            .and_then(|node| walk.choice(node, "kind of quotes", &language::QUOTES))
            .unwrap_or(true),
        encoding: encoding?,
        // A layout that could not be read would make every column of it unknown.
        layouts: found?.into_iter().collect::<Option<Vec<Layout>>>()?,
        names,
        spill: spill.as_ref().map(|(_, text)| Arc::clone(text)),
        trailers,
        trailer_required,
        new_columns: fields.get("new-columns").and_then(|node| new_columns(walk, node)).unwrap_or(NewColumns::Refuse),
        empty_is_null,
        outcomes: Vec::new(),
        lines_before_header: above.unwrap_or(0),
        line_limit: line_limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(1 << 20),
        raw_row: false,
    };
    check_columns(walk, &delimited, &fields, spill.map(|(node, _)| node));
    keeps_some(walk, &delimited, &fields);
    never_taken(walk, &delimited, layouts.unwrap_or(&[]));
    Some(delimited)
}

/// What a layout must know of the fields beside it.
#[derive(Clone, Copy)]
struct Means {
    naming: Naming,
    separator: u8,
}

/// How columns get their names. `None` after a finding.
fn naming(walk: &Walk<'_>, fields: &Fields<'_>) -> Option<Naming> {
    let Some(node) = fields.get("names") else { return Some(Naming::AsPublished) };
    let Kind::Mapping(entries) = &node.kind else { return walk.choice(node, "naming", &language::NAMING) };
    let pair = entries.first().filter(|entry| entry.value.is_scalar());
    let pair = pair.map_or("Published: ours".to_owned(), |entry| {
        format!("\"{}\": {}", batch::bounded(entry.key.text()), batch::bounded(entry.value.text()))
    });
    let finding =
        Diagnostic::new(codes::KIND, node, "`names` is one naming for all columns, and this is a map of keys");
    let remedy = format!("write `as: {{ {pair} }}` in the layout, and `names: snake_case` or nothing here");
    walk.push(finding.remedy(remedy));
    None
}

/// What becomes of columns outside a layout, also in words of other tools.
fn new_columns(walk: &Walk<'_>, node: &Node) -> Option<NewColumns> {
    let text = walk.value(node).text();
    let (ours, remedy) = match text {
        "ignore" | "drop" | "skip" | "discard" | "allow" | "accept" | "pass" => (
            "keep",
            "write `keep`, which reads past them (`row` alone has them), and give the layout `must-have: [...]`",
        ),
        "error" | "fail" | "reject" | "forbid" | "deny" => ("refuse", "write `refuse`, or leave it away"),
        _ => return walk.choice(node, "value of `new-columns`", &language::NEW_COLUMNS),
    };
    let finding = Diagnostic::new(codes::VALUE, walk.value(node), format!("`{text}` is no value of `new-columns`"));
    walk.push(finding.meant(ours).remedy(remedy));
    None
}

/// Nothing is kept of a document whose header must be a layout's whole one.
fn keeps_some(walk: &Walk<'_>, delimited: &Delimited, fields: &Fields<'_>) {
    let (NewColumns::Keep, Some(node)) = (delimited.new_columns, fields.get("new-columns")) else { return };
    if delimited.layouts.iter().any(|layout| !layout.must_have.is_empty()) {
        return;
    }
    let what = "`keep` is for layouts with `must-have`, and none has it: documents with other columns are refused";
    let finding = Diagnostic::new(codes::MISSING, node, what);
    let finding = finding.because("A layout without `must-have` is the whole header, so it has no new columns.");
    walk.push(
        finding.remedy("add `must-have: [...]` to the layout, with names by which it is known, or take `keep` away"),
    );
}

/// True if a naming stands under a key that does not exist, which was reported: `name: snake_case`.
fn names_elsewhere(node: &Node, keys: &language::Keys) -> bool {
    let Kind::Mapping(entries) = &node.kind else { return false };
    let is_naming = |node: &Node| node.is_scalar() && language::NAMING.iter().any(|(name, _)| *name == node.text());
    entries.iter().any(|entry| {
        let key = entry.key.text();
        !keys.has(key) && (is_naming(&entry.value) || matches!(key, "names" | "name" | "naming"))
    })
}

pub(super) fn encoding(walk: &Walk<'_>, node: &Node) -> Option<Arc<str>> {
    let node = walk.value(node);
    let text = walk.text(node, "`encoding`")?;
    let found = encodings::label(&text);
    if found.is_none() {
        let shown = batch::bounded(&text);
        let what = match encoding_rs::Encoding::for_label(text.as_bytes()) {
            None => format!("`{shown}` is no encoding"),
            Some(_) => format!("`{shown}` is an encoding that is not read: its characters can have several bytes"),
        };
        let finding = Diagnostic::new(codes::VALUE, node, what).names(&text, "encodings", encodings::COMMON);
        let remedy = "write `utf-8`, `utf-16`, `utf-16be`, or an encoding of one byte a character by its name on the \
                      web, such as `windows-1252` or `iso-8859-1`";
        walk.push(finding.remedy(remedy));
    }
    found
}

pub(super) fn separator(walk: &Walk<'_>, node: &Node) -> Option<u8> {
    walk.read(node, &language::SEPARATOR, |text| match text.as_bytes() {
        b"tab" => Some(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | b'"') => Some(*byte),
        _ => None,
    })
}

fn without_trailer(walk: &Walk<'_>, fields: &Fields<'_>, no_trailers: bool) -> bool {
    let Some(node) = fields.get("without-trailer") else { return !no_trailers };
    let required = walk.choice(node, "value of `without-trailer`", &language::WITHOUT_TRAILER);
    if no_trailers && fields.get("trailer").is_none() {
        let finding = Diagnostic::new(
            codes::MISSING,
            node,
            "`without-trailer` says what a missing trailer means, and there is no `trailer`",
        );
        walk.push(finding.remedy("add `trailer:` or take `without-trailer` away"));
    }
    required.unwrap_or(true) && !no_trailers
}

/// The first layout that fits is taken, so one behind another that fits all of its documents never is.
fn never_taken(walk: &Walk<'_>, delimited: &Delimited, written: &[Entry]) {
    for (index, later) in delimited.layouts.iter().enumerate() {
        let needs = if later.must_have.is_empty() { &later.header } else { &later.must_have };
        let takes_all = |earlier: &&Layout| match earlier.must_have.as_slice() {
            [] => later.must_have.is_empty() && earlier.header == later.header,
            some => some.iter().all(|name| needs.contains(name)),
        };
        let (Some(earlier), Some(entry)) = (delimited.layouts[..index].iter().find(takes_all), written.get(index))
        else {
            continue;
        };
        let what =
            format!("the layout `{}` is never taken: what fits it fits `{}` before it", later.name, earlier.name);
        let finding = Diagnostic::new(codes::HEADER, &entry.key, what);
        let first = written.iter().find(|entry| *entry.key.text() == *earlier.name);
        let finding = match first {
            Some(first) => finding.related(&first.key.span, "the first layout that fits is taken"),
            None => finding,
        };
        let remedy = format!(
            "put `{}` first, or add a column to `must-have` of `{}` that only its documents have",
            later.name, earlier.name
        );
        walk.push(finding.remedy(remedy));
    }
}

fn check_columns(walk: &Walk<'_>, delimited: &Delimited, fields: &Fields<'_>, spill: Option<&Node>) {
    if let (Some(node), Some(name)) = (spill, &delimited.spill) {
        // One finding, however many layouts lack it.
        if let Some(layout) = delimited.layouts.iter().find(|layout| name.is_empty() || !layout.names.contains(name)) {
            let what = format!("`spill` names no column of the layout `{}`", layout.name);
            let finding = Diagnostic::new(codes::HEADER, node, what);
            let finding = named(finding, name, layout);
            walk.push(finding.otherwise("name one of these columns; each layout needs it"));
        }
    }
    for proof in delimited.trailers.iter().flat_map(|trailer| &trailer.proves) {
        if let (Proof::Sum { column, .. }, Some(node)) = (proof, fields.get("trailer"))
            && let Some(layout) =
                delimited.layouts.iter().find(|layout| column.is_empty() || !layout.names.contains(column))
        {
            let what = format!("`sum` names no column of the layout `{}`", layout.name);
            let finding = Diagnostic::new(codes::NO_COLUMN, summed(node, column).unwrap_or(node), what);
            walk.push(named(finding, column, layout));
        }
    }
}

/// The columns of a layout beside a wrong name, which may be what the publisher calls one of them.
fn named(finding: Diagnostic, name: &str, layout: &Layout) -> Diagnostic {
    let finding = finding.names(name, "columns", layout.columns().map(|name| &**name));
    match layout.header.iter().position(|published| **published == *name && !published.trim().is_empty()) {
        Some(at) => finding.meant(&layout.names[at]),
        None => finding,
    }
}

/// Where a trailer's `sum` names the column.
fn summed<'a>(trailers: &'a Node, column: &str) -> Option<&'a Node> {
    let value = |node: &'a Node, key: &str| match &node.kind {
        Kind::Mapping(entries) => entries.iter().find(|entry| entry.key.text() == key).map(|entry| &entry.value),
        _ => None,
    };
    let Kind::Sequence(items) = &trailers.kind else { return None };
    items.iter().filter_map(|item| value(value(item, "proves")?, "sum")).find(|node| node.text() == column)
}

fn read_outcomes(walk: &Walk<'_>, node: &Node) -> Vec<(Node, EmptyOutcome)> {
    let items = walk.items(node, "`outcome`").unwrap_or(&[]);
    let read = |item| {
        let fields = walk.fields(item, &language::OUTCOME)?;
        let when = fields.required("when").filter(|node| walk.text(node, "`when`").is_some());
        let is = fields.required("is").and_then(|node| walk.choice(node, "outcome", &language::OUTCOME_KINDS));
        Some((when?.clone(), is?))
    };
    items.iter().filter_map(read).collect()
}

fn trailers(walk: &Walk<'_>, node: &Node) -> Vec<Trailer> {
    if node.is_scalar() && !node.is_null() {
        let text = node.text().replace('\'', "\'\'");
        let finding = Diagnostic::new(codes::KIND, node, "`trailer` is a list of lines, and this is one text");
        walk.push(finding.remedy(format!("write `[ {{ matches: '{}' }} ]`", batch::bounded(&text))));
        return Vec::new();
    }
    let items = walk.items(node, "`trailer`").unwrap_or(&[]);
    items.iter().filter_map(|item| trailer(walk, item)).collect()
}

fn trailer(walk: &Walk<'_>, node: &Node) -> Option<Trailer> {
    let fields = walk.fields(node, &language::TRAILER)?;
    let matches_node = fields.required("matches")?;
    let matches = walk.text(matches_node, "`matches`")?;
    let regex = match Regex::new(&format!(r"\A(?:{matches})\z")) {
        Ok(regex) => regex,
        Err(error) => {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            walk.push(Diagnostic::new(codes::REGEX, matches_node, format!("this is no regular expression: {last}")));
            return None;
        }
    };
    let groups: Vec<&str> = regex.capture_names().flatten().collect();
    let group = |node: &Node| {
        let name = walk.text(node, "a group")?;
        if groups.contains(&&*name) {
            return Some(name);
        }
        let finding =
            Diagnostic::new(codes::REGEX, node, format!("`matches` has no group `{}`", batch::bounded(&name)));
        let listed: Vec<String> = groups.iter().take(10).map(|group| format!("`{group}`")).collect();
        let remedy = match listed.as_slice() {
            [] => format!("write `(?<{name}>...)` around the part of `matches` that is meant"),
            [only] => format!("name {only}, or add `(?<{name}>...)` to `matches`"),
            several => format!("name one of {}, or add `(?<{name}>...)` to `matches`", several.join(", ")),
        };
        walk.push(
            finding
                .names(&name, "groups", groups.iter().copied())
                .remedy(batch::bounded(&remedy))
                .related(&matches_node.span, "groups are written `(?<name>...)`"),
        );
        None
    };
    if let Some(node) = fields.get("as") {
        group(node);
    }
    let proves = fields.get("proves").map_or_else(Vec::new, |node| proofs(walk, node, &group));
    Some(Trailer { matches, proves })
}

/// What a trailer proves: a count, a sum, or both.
fn proofs(walk: &Walk<'_>, node: &Node, group: &dyn Fn(&Node) -> Option<Arc<str>>) -> Vec<Proof> {
    let Some(fields) = walk.fields(node, &language::PROVES) else { return Vec::new() };
    if fields.get("count").is_none() && fields.get("sum").is_none() && fields.get("equals").is_none() {
        fields.one_of(&["count", "sum"]);
    }
    let count = fields.get("count").and_then(|node| Some(Proof::Count { group: group(node)? }));
    let (sum, equals) = match fields.get("sum").or(fields.get("equals")) {
        Some(_) => (fields.required("sum"), fields.required("equals")),
        None => (None, None),
    };
    let column = sum.and_then(|node| walk.text(node, "`sum`"));
    let sum = column.and_then(|column| Some(Proof::Sum { column, group: group(equals?)? }));
    count.into_iter().chain(sum).collect()
}

fn layout(walk: &Walk<'_>, key: &Node, node: &Node, means: Means, site: &Site<'_>) -> Option<Layout> {
    let fields = walk.fields(node, &language::LAYOUT)?;
    let header_node = fields.required("header")?;
    let header = header(walk, header_node, means.separator, site)?;
    let mut good = true;
    let unknown = |node: &Node, what: &str| {
        let finding =
            Diagnostic::new(codes::HEADER, node, format!("{what} names a column that the header does not have"));
        let finding = finding.names(node.text(), "columns", header.iter().map(|name| &**name));
        walk.push(finding.otherwise("name a column as the header has it, or add it to the header"));
    };
    let must_have = fields.get("must-have").map_or_else(Vec::new, |node| walk.texts(node, "`must-have`"));
    for node in must_have.iter().filter(|node| !header.iter().any(|name| **name == *node.text())) {
        unknown(node, "`must-have`");
    }
    let renamed = fields.get("as").and_then(|node| walk.entries(node, "`as`")).unwrap_or(&[]);
    for entry in renamed.iter().filter(|entry| !header.iter().any(|name| **name == *entry.key.text())) {
        unknown(&entry.key, "`as`");
        good = false;
    }
    good &= renamed.iter().filter(|entry| entry.value.is_scalar()).all(|entry| named_column(walk, &entry.value));
    let mut names: Vec<Arc<str>> = Vec::new();
    for published in &header {
        let given = renamed.iter().find(|entry| *entry.key.text() == **published);
        let base = match given {
            Some(entry) => walk.text(&entry.value, "a column's name")?,
            // A cell without a name is read past: it is no column of the rows.
            None if published.trim().is_empty() => {
                names.push("".into());
                continue;
            }
            None => match means.naming {
                Naming::AsPublished => Arc::clone(published),
                Naming::SnakeCase => snake_case(published).into(),
            },
        };
        // A published name that stands twice is one of a pair; two published names that become one are a mistake.
        let earlier = header[..names.len()].iter().filter(|name| *name == published).count();
        let name: Arc<str> = if earlier == 0 { base } else { format!("{base}_{}", earlier + 1).into() };
        if let Some(at) = names.iter().position(|known| *known == name) {
            let what = format!("the columns `{}` and `{published}` are both called `{name}`", header[at]);
            let finding = Diagnostic::new(codes::HEADER, given.map_or(header_node, |entry| &entry.value), what);
            walk.push(finding.remedy(format!("give one of them another name: `as: {{ \"{published}\": ... }}`")));
            good = false;
        }
        names.push(name);
    }
    let must_have = must_have.iter().map(Node::shared).collect();
    good.then(|| Layout { name: key.shared(), header, must_have, names })
}
