//! Prints a plan in a stable form, for people, for golden tests and for the revision.
//!
//! Everything that changes what a topology does stands in it; places in files, prose, alerts and tests do not.

use std::fmt::Write as _;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::plan::{
    ByLayout, Columns, Delimited, Documents, Flow, From, HttpPlan, SourcePlan, Step, TableWrite, To, TopicWrite,
    Topology, Verb,
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
    let mut out = String::new();
    line!(out, "topology {}", topology.name);
    for definition in &topology.definitions {
        line!(out, "  {definition}");
    }
    for flow in &topology.flows {
        describe_flow(&mut out, flow);
    }
    out
}

/// Hash of the description: 16 hexadecimal digits.
pub(crate) fn revision(topology: &Topology) -> Arc<str> {
    format!("{:016x}", xxh3_64(describe(topology).as_bytes())).into()
}

fn describe_flow(out: &mut String, flow: &Flow) {
    line!(out, "flow {}", flow.name);
    if let Some(was) = &flow.was {
        line!(out, "  was {was}");
    }
    line!(out, "  refuse above {} % bad rows", flow.bad_rows_above);
    match &flow.from {
        From::Documents(documents) => describe_documents(out, documents),
        From::Topic(read) => {
            line!(out, "  from topic {} key [{}] partitions {}", read.topic, read.key.join(", "), read.partitions);
            describe_columns(out, "    ", &read.columns);
        }
    }
    for step in &flow.steps {
        describe_step(out, step);
    }
    for (name, write) in &flow.outputs {
        describe_topic(out, &format!("output {name}"), write);
    }
    match &flow.to {
        To::Topic(write) => describe_topic(out, "to", write),
        To::Table(write) => describe_table(out, write),
    }
}

fn describe_documents(out: &mut String, documents: &Documents) {
    match &documents.source {
        SourcePlan::Files { path, every } => line!(out, "  from files {path} every {every:?}"),
        SourcePlan::Http(http) => describe_http(out, http),
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
    if let Some(unzip) = &documents.unzip {
        let (kind, pattern) = match &unzip.members {
            crate::plan::Members::Named(pattern) => ("named", pattern),
            crate::plan::Members::FirstLine(pattern) => ("with first line", pattern),
        };
        line!(out, "  unzip members {kind} {} up to {} bytes", pattern.text(), unzip.unpacked_limit);
    }
    describe_decode(out, &documents.decode);
    if documents.steps_need_trailer {
        line!(out, "  trailer before rows");
    }
}

fn describe_http(out: &mut String, http: &HttpPlan) {
    line!(out, "  from http every {:?} rate {} body {}", http.every, http.rate, http.body_limit);
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
    line!(out, "    absent [{}] give up after {:?}", statuses.join(", "), http.give_up_after);
    line!(out, "    recheck for {:?} contact required {}", http.recheck_for, http.contact_required);
}

fn describe_decode(out: &mut String, decode: &Delimited) {
    let separator = char::from(decode.separator);
    line!(
        out,
        "  decode delimited {separator:?} quotes {} encoding {} names {:?} new columns {:?} empty is null {} line limit {}",
        decode.quotes,
        decode.encoding,
        decode.names,
        decode.new_columns,
        decode.empty_is_null,
        decode.line_limit
    );
    if decode.raw_row {
        line!(out, "    raw row");
    }
    if let Some(spill) = &decode.spill {
        line!(out, "    spill {spill}");
    }
    for layout in &decode.layouts {
        line!(out, "    layout {} must have {:?}", layout.name, layout.must_have);
        for (published, name) in layout.header.iter().zip(&layout.names) {
            line!(out, "      {published:?} as {name}");
        }
    }
    for trailer in &decode.trailers {
        line!(out, "    trailer {:?} proves {:?}", trailer.matches, trailer.proves);
    }
    if decode.trailer_required {
        line!(out, "    incomplete without trailer");
    }
    for (condition, outcome) in &decode.outcomes {
        line!(out, "    outcome {outcome:?} when {}", condition.text());
    }
}

fn describe_columns(out: &mut String, indent: &str, columns: &Columns) {
    for (name, of) in columns {
        line!(out, "{indent}{name} {of}");
    }
}

fn describe_step(out: &mut String, step: &Step) {
    line!(out, "  step {}", step.name);
    match &step.verb {
        Verb::Where { condition } => {
            each(condition, |layout, condition| line!(out, "    {layout}where {}", condition.text()));
        }
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
            line!(out, "    dedupe store {} was {:?} key [{}]", dedupe.store, dedupe.was, dedupe.key.join(", "));
            line!(out, "    remember {:?} compare content {}", dedupe.remember, dedupe.compare_content);
            line!(
                out,
                "    ignore [{}] conflicts {:?} late {:?}",
                dedupe.ignore.join(", "),
                dedupe.conflicts,
                dedupe.late
            );
        }
        Verb::Route { cases, default } => {
            for (condition, to) in cases {
                each(condition, |layout, condition| line!(out, "    {layout}{to:?} when {}", condition.text()));
            }
            line!(out, "    {default:?} otherwise");
        }
    }
    for (layout, columns) in &step.output {
        let layout = if layout.is_empty() { "" } else { &format!(" {layout}") };
        line!(out, "    leaves{layout}");
        describe_columns(out, "      ", columns);
    }
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

fn describe_table(out: &mut String, write: &TableWrite) {
    let table = &write.table;
    line!(
        out,
        "  to table {} key [{}] partition {:?} rows {:?}",
        table.name,
        table.key.join(", "),
        table.partition,
        table.rows
    );
    line!(out, "    batch {} rows {:?} at least once {}", write.batch_rows, write.batch_age, write.at_least_once);
    for column in &table.columns {
        line!(out, "    {} {}", column.name, column.column_type);
    }
}
