//! Tests of a file against the flows that they run.

use std::sync::Arc;

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::encodings;
use crate::plan::{self, From, Given, RecordValues, To};
use crate::reader::Node;
use crate::written::{self, Topology};

/// Checks all tests. A test of a flow that could not be resolved is left alone.
pub(super) fn tests(topology: &Topology, flows: &[Option<plan::Flow>], findings: &Findings) -> Vec<plan::Test> {
    let mut found = Vec::new();
    for test in &topology.tests {
        let Some(index) = topology.flows.iter().position(|flow| flow.name.text() == test.flow.text()) else {
            let finding = Diagnostic::new(
                codes::NO_FLOW,
                &test.flow,
                format!("there is no flow `{}`", batch::bounded(test.flow.text())),
            );
            let known = topology.flows.iter().map(|flow| flow.name.text());
            // Where the flow's own name is at fault, that is told.
            if !topology.flow_names.iter().any(|name| **name == *test.flow.text()) && !topology.flows.is_empty() {
                findings.push(finding.names(test.flow.text(), "flows", known));
            }
            continue;
        };
        let mut given = test.given.clone();
        if let Some(Some(flow)) = flows.get(index) {
            check(test, flow, findings);
            if let From::Documents(documents) = &flow.from {
                encode(&mut given, &test.texts, &documents.decode.encoding, findings);
            }
        }
        found.push(plan::Test {
            name: Arc::clone(&test.name),
            at: test.node.span.position(),
            flow: test.flow.shared(),
            given,
            expect: test.expect.clone(),
        });
    }
    found
}

fn check(test: &written::Test, flow: &plan::Flow, findings: &Findings) {
    let last: Vec<&str> = match &flow.to {
        To::Table(write) => write.table.columns.iter().map(|column| &*column.name).collect(),
        To::Topic(write) => write.columns.keys().map(|name| &**name).collect(),
    };
    columns(&test.row_columns, &last, "the flow's rows have", findings);
    match &flow.from {
        From::Documents(_) if !test.gives_documents && !test.given.is_empty() => {
            let finding = Diagnostic::new(
                codes::VALUE,
                &test.flow,
                format!("the flow `{}` reads documents, and the test gives none", flow.name),
            );
            findings.push(finding.remedy("give a `document`"));
        }
        From::Topic(read) if test.gives_documents => {
            let finding = Diagnostic::new(
                codes::VALUE,
                &test.flow,
                format!("the flow `{}` reads the topic `{}`, and the test gives documents", flow.name, read.topic),
            );
            findings.push(finding.remedy("give `rows`"));
        }
        From::Topic(read) if !test.given.iter().all(|given| is_given_so(given, read)) => {
            let (name, topic) = (&flow.name, &read.topic);
            let (what, remedy) = if of_texts(read) {
                (
                    format!("the flow `{name}` decodes the records of `{topic}`, and the test gives rows"),
                    "give `records`",
                )
            } else {
                (format!("the records of `{topic}` are Avro, and the test gives records as text"), "give `rows`")
            };
            findings.push(Diagnostic::new(codes::VALUE, &test.flow, what).remedy(remedy));
        }
        From::Topic(read) => {
            let known: Vec<&str> = read.columns.keys().map(|name| &**name).collect();
            columns(&test.given_columns, &known, "the topic has", findings);
        }
        From::Documents(_) => {}
    }
    for output in test.outputs.iter().filter(|output| !flow.outputs.contains_key(output.text())) {
        let finding = Diagnostic::new(
            codes::NO_OUTPUT,
            output,
            format!("the flow has no output `{}`", batch::bounded(output.text())),
        );
        findings.push(finding.names(output.text(), "outputs", flow.outputs.keys().map(|name| &**name)));
    }
}

/// True if records of the topic can be written as text.
fn of_texts(read: &plan::TopicRead) -> bool {
    read.decode.as_ref().is_some_and(|decode| decode.values != RecordValues::Avro)
}

fn is_given_so(given: &Given, read: &plan::TopicRead) -> bool {
    matches!(given, Given::Record(_)) == of_texts(read)
}

/// Texts become the bytes that a publisher would send.
fn encode(given: &mut [Given], texts: &[Option<Node>], encoding: &str, findings: &Findings) {
    for (given, text) in given.iter_mut().zip(texts) {
        let (Given::Document { bytes, .. }, Some(node)) = (given, text) else { continue };
        match encodings::encoded(node.text(), encoding) {
            Ok(encoded) => *bytes = encoded.into(),
            Err(at) => {
                let rest = node.text().get(at..).unwrap_or_default();
                let character = rest.chars().next().unwrap_or_default();
                let shown = batch::excerpt(&rest.as_bytes()[..character.len_utf8()], 10);
                let what = format!("the flow's encoding `{encoding}` has no character `{shown}`");
                let mut finding = Diagnostic::new(codes::VALUE, node, what);
                finding.excerpt = node.part(at..at + character.len_utf8()).excerpt();
                findings.push(finding.remedy("write what the encoding has, or give the document's bytes with `file:`"));
            }
        }
    }
}

fn columns(names: &[Node], known: &[&str], whose: &str, findings: &Findings) {
    let mut seen: Vec<&str> = Vec::new();
    for node in names.iter().filter(|node| !known.contains(&node.text())) {
        if seen.contains(&node.text()) {
            continue;
        }
        seen.push(node.text());
        let finding =
            Diagnostic::new(codes::NO_COLUMN, node, format!("{whose} no column `{}`", batch::bounded(node.text())));
        findings.push(finding.names(node.text(), "columns", known.iter().copied()));
    }
}
