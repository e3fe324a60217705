//! Prints a plan in a stable form, for people, for golden tests and for the revision.
//!
//! Everything that changes what a topology does stands in it; places in files, prose, alerts and tests do not. Lines
//! that begin with `--` explain the others to people, and are no part of the revision.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use batch::{PartitionBy, RowsMeaning};
use expression::Constant;
use xxhash_rust::xxh3::xxh3_64;

use crate::plan::{
    ByLayout, Columns, Delimited, DelimitedRecords, Destination, Documents, EmptyOutcome, Flow, From, HttpPlan,
    KEY_FIELD, Naming, NewColumns, Proof, RecordDecode, RecordKey, RecordValues, S3Plan, SourcePlan, Step, TableWrite,
    To, Tombstones, TopicWrite, Topology, Verb,
};

/// A line more. Writing to a string cannot fail.
macro_rules! line {
    ($out:expr, $($argument:tt)*) => {{
        let _ = writeln!($out, $($argument)*);
    }};
}

/// The plan as text.
#[must_use]
pub fn describe(topology: &Topology) -> String {
    described(topology, true)
}

fn described(topology: &Topology, explained: bool) -> String {
    let mut out = String::new();
    line!(out, "topology {}", topology.name);
    for definition in &topology.definitions {
        line!(out, "  {definition}");
    }
    for flow in &topology.flows {
        describe_flow(&mut out, flow, explained);
    }
    out
}

/// Hash of the description: 16 hexadecimal digits.
pub(crate) fn revision(topology: &Topology) -> Arc<str> {
    format!("{:016x}", xxh3_64(described(topology, false).as_bytes())).into()
}

/// Hash of what makes rows of a flow's input and where they go: 16 hexadecimal digits. Where the input is found, how often
/// it is looked at and how the flow is called do not change it.
#[must_use]
pub fn making(topology: &Topology, flow: &Flow) -> String {
    let mut out = String::new();
    topology.definitions.iter().for_each(|definition| line!(out, "{definition}"));
    if let From::Documents(documents) = &flow.from {
        describe_members_and_decode(&mut out, documents);
    }
    describe_work(&mut out, flow, false);
    format!("{:016x}", xxh3_64(out.as_bytes()))
}

/// What a flow reads, as text: where its documents are found and how they are called, or the topic.
pub(crate) fn input(flow: &Flow) -> String {
    let mut out = String::new();
    match &flow.from {
        From::Documents(documents) => describe_documents(&mut out, documents),
        From::Topic(read) => line!(out, "  from topic {}", read.topic),
    }
    out
}

/// A parameter's value, as `with:` writes it.
pub(crate) fn constant(value: &Constant) -> String {
    match value {
        Constant::Null => "null".to_owned(),
        Constant::Boolean(value) => value.to_string(),
        Constant::Integer(value) => value.to_string(),
        Constant::Decimal(text) => text.to_string(),
        Constant::Text(text) => format!("{text:?}"),
        Constant::Date(date) => date.to_string(),
        Constant::TextList(list) => format!("[{}]", texts(list)),
    }
}

fn describe_flow(out: &mut String, flow: &Flow, explained: bool) {
    line!(out, "flow {}", flow.name);
    if let Some(was) = &flow.was {
        line!(out, "  was {was}");
    }
    line!(out, "  refuse above {} % bad rows", flow.bad_rows_above);
    match &flow.from {
        From::Documents(documents) => describe_documents(out, documents),
        From::Topic(read) => {
            line!(out, "  from topic {} key [{}] partitions {}", read.topic, read.key.join(", "), read.partitions);
            if let Some(decode) = &read.decode {
                describe_records(out, decode);
            }
            for fact in &read.facts {
                line!(out, "    {} {}", fact.name(), fact.column_type(&read.key_type()));
            }
            for (path, of) in read.key_fields().iter().filter(|_| read.needs_key_fields) {
                line!(out, "    {KEY_FIELD}{path} {of}");
            }
            describe_columns(out, "    ", &read.columns);
        }
    }
    describe_work(out, flow, explained);
}

fn describe_work(out: &mut String, flow: &Flow, explained: bool) {
    let mut before = match &flow.from {
        From::Topic(read) => Some(&read.columns),
        From::Documents(_) => None,
    };
    for step in &flow.steps {
        line!(out, "  step {}", step.name);
        if explained && step.added {
            explain_added(out, step, before);
        }
        describe_step(out, step, explained);
        before = step.output.values().next();
    }
    for (name, write) in &flow.outputs {
        describe_topic(out, &format!("output {name}"), write);
    }
    match &flow.to {
        To::Topic(write) => describe_topic(out, "to", write),
        To::Table(write) => describe_table(out, write, explained),
    }
}

fn describe_records(out: &mut String, decode: &RecordDecode) {
    let key = match &decode.key {
        RecordKey::As(of) => of.to_string(),
        RecordKey::Fields { format, .. } => describe_values(format),
    };
    let tombstones = match decode.tombstones {
        Tombstones::Refuse => "refuse",
        Tombstones::Drop => "drop",
        Tombstones::Keep => "keep",
    };
    line!(out, "    of others: decode {} key {key} tombstones {tombstones}", describe_values(&decode.values));
}

fn describe_values(values: &RecordValues) -> String {
    match values {
        RecordValues::Avro => "avro by the registry".to_owned(),
        RecordValues::Json { refuse_others, .. } => {
            format!("json other-fields {}", if *refuse_others { "refuse" } else { "ignore" })
        }
        RecordValues::Delimited(lines) => {
            let DelimitedRecords { separator, quotes, encoding, empty_is_null, spill, .. } = lines;
            format!(
                "delimited separator {} quotes {} encoding {encoding} empty {} spill {}",
                written_separator(*separator),
                if *quotes { "double" } else { "none" },
                if *empty_is_null { "null" } else { "text" },
                spill.as_deref().unwrap_or("none")
            )
        }
    }
}

fn describe_documents(out: &mut String, documents: &Documents) {
    match &documents.source {
        SourcePlan::Files { path, every } => line!(out, "  from files {path} every {}", duration(*every)),
        SourcePlan::Http(http) => describe_http(out, http),
        SourcePlan::S3(S3Plan { bucket, prefix, every, at: _ }) => {
            line!(out, "  from s3 {bucket}/{prefix} every {}", duration(*every));
        }
    }
    for pattern in &documents.file_names {
        line!(out, "    file {}", pattern.text());
    }
    for (name, of) in &documents.fields {
        line!(out, "    document.{name} {of}");
    }
    for (name, of) in &documents.trailer_fields {
        line!(out, "    trailer.{name} {of}");
    }
    describe_members_and_decode(out, documents);
    if documents.steps_need_trailer {
        line!(out, "  trailer before rows");
    }
}

fn describe_members_and_decode(out: &mut String, documents: &Documents) {
    if let Some(unzip) = &documents.unzip {
        let (kind, pattern) = match &unzip.members {
            crate::plan::Members::Named(pattern) => ("named", pattern),
            crate::plan::Members::FirstLine(pattern) => ("first-line", pattern),
        };
        line!(out, "  unzip members {kind} {} up to {} bytes", pattern.text(), unzip.unpacked_limit);
    }
    describe_decode(out, &documents.decode);
}

fn describe_http(out: &mut String, http: &HttpPlan) {
    line!(out, "  from http every {} rate {}/s body {}", duration(http.every), http.rate, http.body_limit);
    match &http.discover {
        crate::plan::Discover::Calendar { url, from, to_days_ago, step_days, weekdays_only, zone } => {
            let days = if *weekdays_only { "weekdays" } else { "all days" };
            line!(out, "    calendar {from} to {to_days_ago} days ago step {step_days} {days} {zone}");
            line!(out, "    url {}", url.text());
        }
        crate::plan::Discover::Links { page, matching } => {
            line!(out, "    links of {page} matching {}", matching.text());
        }
    }
    let statuses: Vec<String> = http.absent_statuses.iter().map(u16::to_string).collect();
    let or_never = |limit: Option<Duration>| limit.map_or_else(|| "never".to_owned(), duration);
    line!(out, "    absent status [{}] give-up-after {}", statuses.join(", "), or_never(http.give_up_after));
    let contact = if http.contact_required { "required" } else { "optional" };
    line!(out, "    recheck for {} contact {contact}", or_never(http.recheck_for));
}

fn written_separator(separator: u8) -> String {
    if separator == b'\t' { "tab".to_owned() } else { format!("\"{}\"", char::from(separator)) }
}

fn describe_decode(out: &mut String, decode: &Delimited) {
    line!(
        out,
        "  decode delimited separator {} quotes {} encoding {} names {} new-columns {} empty {} line-limit {}",
        written_separator(decode.separator),
        if decode.quotes { "double" } else { "none" },
        decode.encoding,
        match decode.names {
            Naming::AsPublished => "as-published",
            Naming::SnakeCase => "snake_case",
        },
        match decode.new_columns {
            NewColumns::Keep => "keep",
            NewColumns::Refuse => "refuse",
        },
        if decode.empty_is_null { "null" } else { "text" },
        decode.line_limit
    );
    if decode.lines_before_header > 0 {
        line!(out, "    lines-before-header {}", decode.lines_before_header);
    }
    if decode.raw_row {
        line!(out, "    raw row");
    }
    if let Some(spill) = &decode.spill {
        line!(out, "    spill {spill}");
    }
    for layout in &decode.layouts {
        let must_have =
            if layout.must_have.is_empty() { "the whole header in order".to_owned() } else { texts(&layout.must_have) };
        line!(out, "    layout {} must-have {must_have}", layout.name);
        for (published, name) in layout.header.iter().zip(&layout.names) {
            match &**name {
                "" => line!(out, "      {published:?} is no column"),
                name => line!(out, "      {published:?} as {name}"),
            }
        }
    }
    for trailer in &decode.trailers {
        let proof = |proof: &Proof| match proof {
            Proof::Count { group } => format!("count {group}"),
            Proof::Sum { column, group } => format!("sum {column} equals {group}"),
        };
        let proves = match trailer.proves.as_slice() {
            [] => "nothing".to_owned(),
            proofs => proofs.iter().map(proof).collect::<Vec<_>>().join(", "),
        };
        line!(out, "    trailer '{}' proves {proves}", trailer.matches.replace('\'', "''"));
    }
    if decode.trailer_required {
        line!(out, "    without-trailer incomplete");
    }
    for (condition, outcome) in &decode.outcomes {
        let outcome = match outcome {
            EmptyOutcome::Empty => "empty",
            EmptyOutcome::Unpublished => "unpublished",
        };
        line!(out, "    outcome {outcome} when {}", condition.text());
    }
}

fn describe_columns(out: &mut String, indent: &str, columns: &Columns) {
    for (name, of) in columns {
        line!(out, "{indent}{name} {of}");
    }
}

/// What a step that stands in no file does, column by column.
fn explain_added(out: &mut String, step: &Step, before: Option<&Columns>) {
    line!(out, "    -- put in by the engine: what does not fit the columns of the destination is a dead letter here");
    for (name, of) in step.output.values().flatten() {
        match before.and_then(|columns| columns.get(name)) {
            Some(was) if was == of => {}
            Some(was) => line!(out, "    -- {name}: {was} becomes {of}"),
            None => line!(out, "    -- {name}: becomes {of}"),
        }
    }
}

fn describe_step(out: &mut String, step: &Step, explained: bool) {
    match &step.verb {
        Verb::Where { condition } => {
            each(condition, |layout, condition| line!(out, "    {layout}where {}", condition.text()));
        }
        // Each column is itself, in another type; its explanation says more.
        Verb::Select { .. } if explained && step.added => {}
        Verb::Select { expressions } => {
            let names: Vec<Arc<str>> =
                step.output.values().next().map(|columns| columns.keys().cloned().collect()).unwrap_or_default();
            each(expressions, |layout, list| {
                for ((expression, _), name) in list.iter().zip(&names) {
                    line!(out, "    {layout}{name} = {}", expression.text());
                }
            });
        }
        Verb::Extend { columns } => each(columns, |layout, list| {
            for (name, expression, _) in list {
                line!(out, "    {layout}{name} = {}", expression.text());
            }
        }),
        Verb::Drop { columns } => line!(out, "    drop [{}]", columns.join(", ")),
        Verb::Rename { columns } => {
            for (old, new) in columns {
                line!(out, "    rename {old} to {new}");
            }
        }
        Verb::Dedupe(dedupe) => {
            let was = dedupe.was.as_ref().map_or_else(String::new, |was| format!(" was {was}"));
            line!(out, "    dedupe name {}{was} key [{}]", dedupe.name, dedupe.key.join(", "));
            let compare = if dedupe.compare_content { "content" } else { "key" };
            line!(out, "    remember {} compare {compare}", duration(dedupe.remember));
            let output = |name: &Option<Arc<str>>, without: &str| {
                name.as_deref().map_or(without.to_owned(), |to| format!("to {to}"))
            };
            line!(
                out,
                "    ignore [{}] conflicts {} late {}",
                dedupe.ignore.join(", "),
                output(&dedupe.conflicts, "none"),
                output(&dedupe.late, "to dead letters")
            );
        }
        Verb::Route { cases, default } => {
            for (condition, to) in cases {
                each(condition, |layout, condition| {
                    line!(out, "    {layout}{} when {}", destination(to), condition.text());
                });
            }
            line!(out, "    {} otherwise", destination(default));
        }
    }
    for (layout, columns) in &step.output {
        let layout = if layout.is_empty() { "" } else { &format!(" {layout}") };
        line!(out, "    leaves{layout}");
        describe_columns(out, "      ", columns);
    }
}

fn texts(texts: &[Arc<str>]) -> String {
    texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
}

fn destination(to: &Destination) -> String {
    match to {
        Destination::Next => "next".to_owned(),
        Destination::Output(name) => format!("to {name}"),
        Destination::Drop(reason) => format!("drop {reason}"),
    }
}

/// As topologies write it, in the largest unit that says it exactly.
fn duration(duration: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let milliseconds = duration.as_millis();
    let unit = UNITS.iter().find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{milliseconds}ms"), |(unit, name)| format!("{}{name}", milliseconds / unit))
}

fn each<T>(by_layout: &ByLayout<T>, mut print: impl FnMut(&str, &T)) {
    for (layout, value) in by_layout {
        let prefix = if layout.is_empty() { String::new() } else { format!("{layout}: ") };
        print(&prefix, value);
    }
}

fn describe_topic(out: &mut String, what: &str, write: &TopicWrite) {
    let schema = if write.schema.is_some() { "declared" } else { "derived" };
    line!(
        out,
        "  {what} topic {} key [{}] partitions {} schema {schema}",
        write.topic,
        write.key.join(", "),
        write.partitions
    );
    describe_columns(out, "    ", &write.columns);
}

fn describe_table(out: &mut String, write: &TableWrite, explained: bool) {
    let table = &write.table;
    line!(
        out,
        "  to table {} key [{}] partition {} rows {}",
        table.name,
        table.key.join(", "),
        match &table.partition {
            PartitionBy::Nothing => "none".to_owned(),
            PartitionBy::Column(name) => name.to_string(),
            PartitionBy::Year(name) => format!("year of {name}"),
            PartitionBy::Month(name) => format!("month of {name}"),
            PartitionBy::Day(name) => format!("day of {name}"),
        },
        match &table.rows {
            RowsMeaning::Append => "append".to_owned(),
            RowsMeaning::ByKey { version: None } => "by-key".to_owned(),
            RowsMeaning::ByKey { version: Some(version) } => format!("by-key version {version}"),
            RowsMeaning::ByDocument => "by-document".to_owned(),
        }
    );
    if explained && table.rows == RowsMeaning::ByDocument {
        line!(out, "    -- a key stands once in a document; rows of one key in two documents are both there");
    }
    let delivery = if write.at_least_once { "at-least-once" } else { "exactly-once" };
    line!(out, "    batch rows {} age {} delivery {delivery}", write.batch_rows, duration(write.batch_age));
    for column in &table.columns {
        line!(out, "    {} {}", column.name, column.column_type);
    }
}
