//! Traces over OTLP, as a collector gets them: read here by the messages of OpenTelemetry's own crate.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::program::Said;
use crate::workplace::Workplace;

/// Listens as a collector does, and gives what was sent to it.
#[expect(clippy::disallowed_methods, reason = "a collector is no work of the engine; it ends with the test")]
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bound");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || answer(&stream, &tell));
        }
    });
    (address, told)
}

/// Answers the requests of a connection: path, head in small letters, and body are told.
fn answer(mut stream: &TcpStream, tell: &Sender<(String, Vec<u8>)>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        reader.read_exact(&mut body).expect("the body");
        // The test may have seen enough.
        let _ = tell.send((head, body));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("answered");
    }
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    Some(format!("{:?}", found.value.as_ref()?.value.as_ref()?))
}

fn run(workplace: &Workplace, variables: &[(&str, &str)]) -> Said {
    let mut command = workplace.command(&["run", "my-list.yaml", "--once"]);
    command.envs(variables.iter().copied()).output().expect("the program starts").into()
}

#[test]
fn a_collector_gets_each_document_with_its_parts_and_no_value_of_a_row() {
    let workplace = Workplace::new();
    let (address, told) = collector();
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer hunter2");
    run(&workplace, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &address), headers]).ends(0);
    let mut spans: Vec<Span> = Vec::new();
    for (head, body) in told.try_iter() {
        assert!(head.starts_with("post /v1/traces ") && head.contains("authorization: bearer hunter2"), "{head}");
        let request = ExportTraceServiceRequest::decode(&*body).expect("a message of OTLP");
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.expect("a resource").attributes;
            assert_eq!(text(&resource, "service.name").as_deref(), Some("StringValue(\"spotlight\")"), "{resource:?}");
            spans.extend(of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans));
        }
    }
    let document = spans.iter().find(|span| span.name == "document").expect("a document");
    for (name, value) in [
        ("topology", "StringValue(\"my-list\")"),
        ("flow", "StringValue(\"load\")"),
        ("document", "StringValue(\"list_20260105.txt\")"),
        ("outcome", "StringValue(\"rows\")"),
    ] {
        assert_eq!(text(&document.attributes, name).as_deref(), Some(value), "{document:?}");
    }
    let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.parent_span_id == document.span_id) {
        *parts.entry(&span.name).or_default() += 1;
        let within = |time: u64| (document.start_time_unix_nano..=document.end_time_unix_nano).contains(&time);
        assert!(within(span.start_time_unix_nano) && within(span.end_time_unix_nano), "{span:?}");
    }
    assert_eq!(parts, BTreeMap::from([("commit", 1), ("insert", 1), ("steps", 1)]));
    // Receipts become rows by flows of topics: their ranges are there too.
    assert!(spans.iter().any(|span| span.name == "range"), "{spans:?}");
    let all = format!("{spans:?}");
    assert!(!all.contains("ABC") && !all.contains("hunter2"), "{all}");
}

#[test]
fn nobody_is_asked_unless_told_to_and_a_collector_that_is_away_costs_no_row() {
    let workplace = Workplace::new();
    let (address, told) = collector();
    let wanted = ("OTEL_EXPORTER_OTLP_ENDPOINT", &*address);
    for but in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        run(&workplace, &[wanted, but]).ends(0);
    }
    assert_eq!(told.try_iter().count(), 0);

    let workplace = Workplace::new();
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("bound").local_addr().expect("an address");
    let said = run(&workplace, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{free}"))]).ends(0);
    assert!(said.errors.contains("OTLP export"), "it is told: {}", said.errors);
    let rows = workplace.say(&["sql", "--format", "TSV", "select count() from demo.my_list"]).ends(0).output;
    assert_eq!(rows.trim(), "2");
}

#[test]
fn an_address_of_a_collector_that_is_none_is_told_and_the_run_goes_on() {
    let workplace = Workplace::new();
    let said = run(&workplace, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "no address")]).ends(0);
    assert!(said.errors.contains("traces are not sent"), "{}", said.errors);
}
