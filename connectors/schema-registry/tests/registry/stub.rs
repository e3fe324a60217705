//! Answers that a real registry cannot be made to give: overload, faults, half of an answer, Confluent's own reasons.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::scope;
use std::time::Duration;

use schema_registry_connector::{
    Class, Compatibility, Kind, Reference, Registry, RegistryError, RegistrySettings, SchemaId,
};

/// Reads one request; returns its first line.
fn request(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).expect("a request");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length");
        }
    }
    reader.read_exact(&mut vec![0; length]).expect("a body");
    first
}

/// Gives one answer after another, each on a connection of its own, to what `ask` does. Returns the requests.
fn answering(answers: &[String], ask: impl FnOnce(&Registry)) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut settings = RegistrySettings::new(format!("http://{address}/api/"));
    settings.timeout = Duration::from_secs(20);
    let registry = Registry::new(&settings).expect("good settings");
    scope(|threads| {
        let serving = threads.spawn(|| {
            let serve = |answer: &String| {
                let (mut stream, _) = listener.accept().expect("a connection");
                let first = request(&mut stream);
                stream.write_all(answer.as_bytes()).expect("written");
                first
            };
            answers.iter().map(serve).collect()
        });
        ask(&registry);
        serving.join().expect("no panic")
    })
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn each_answer_says_what_to_do() {
    let html = "<html>a proxy's own page</html>";
    let cases: [(String, Class, &str); 10] = [
        (
            answer("429 Too Many Requests", "{\"error_code\":429,\"message\":\"slow down\"}"),
            Class::Transient,
            "slow down",
        ),
        (
            answer("500 Internal Server Error", "{\"error_code\":50001,\"message\":\"storage\"}"),
            Class::Transient,
            "storage",
        ),
        (answer("502 Bad Gateway", html), Class::Transient, "502"),
        (answer("504 Gateway Timeout", html), Class::Transient, "504"),
        (answer("403 Forbidden", html), Class::Operator, "403"),
        (answer("404 Not Found", html), Class::Operator, "404"),
        (answer("302 Found", ""), Class::Operator, "302"),
        (answer("200 OK", html), Class::Operator, "cannot be used"),
        (answer("200 OK", "{}"), Class::Operator, "cannot be used"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"schema\"".to_owned(), Class::Transient, "cannot be asked"),
    ];
    for (answer, class, words) in cases {
        // The converter asks the first, this crate itself the second.
        answering(&[answer.clone(), answer.clone()], |registry| {
            for error in [
                registry.schema(SchemaId(1)).expect_err("no schema"),
                registry.compatibility("a", "\"long\"").expect_err("no answer"),
            ] {
                assert_eq!(error.class(), class, "{answer}\n{error:?}");
                assert!(error.to_string().contains(words), "{answer}\n{error}");
            }
        });
    }
}

#[test]
fn an_answer_that_does_not_come_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut settings = RegistrySettings::new(format!("http://{}", listener.local_addr().expect("an address")));
    settings.timeout = Duration::from_millis(50);
    let registry = Registry::new(&settings).expect("good settings");
    for error in [
        registry.schema(SchemaId(1)).expect_err("no answer"),
        registry.compatibility("a", "\"long\"").expect_err("no answer"),
    ] {
        assert_eq!(error.class(), Class::Transient, "{error:?}");
    }
}

#[test]
fn reasons_are_told_field_by_field() {
    let reason = "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/1' in \
                  the new schema has no default value and is missing in the old schema', additionalInfo:'b'}";
    let said = format!(
        "{{\"is_compatible\":false,\"messages\":[\"{reason}\",\"{{oldSchemaVersion: 1}}\",\"{{compatibility: 'BACKWARD'}}\"]}}"
    );
    let conflict =
        answer("409 Conflict", "{\"error_code\":409,\"message\":\"Schema being registered is incompatible\"}");
    let answers = [answer("200 OK", &said), conflict, answer("200 OK", &said)];
    let requests = answering(&answers, |registry| {
        let found = registry.compatibility("a/b", "\"long\"");
        assert_eq!(found, Ok(Compatibility::Incompatible { reasons: vec![reason.to_owned()] }));
        let refused = registry.register("a/b", "\"long\"", true);
        let reasons = vec![reason.to_owned()];
        assert_eq!(refused, Err(RegistryError::Incompatible { subject: "a/b".to_owned(), reasons }));
    });
    let question = "POST /api/compatibility/subjects/a%2Fb/versions?verbose=true HTTP/1.1\r\n";
    assert_eq!(requests, [question, "POST /api/subjects/a%2Fb/versions HTTP/1.1\r\n", question]);
}

#[test]
fn a_schema_says_what_it_is_written_in_and_what_it_names() {
    let body = r#"{"schema":"syntax","schemaType":"PROTOBUF","references":[{"name":"n","subject":"s","version":3}]}"#;
    let requests = answering(&[answer("200 OK", body)], |registry| {
        let schema = registry.schema(SchemaId(5)).expect("a schema");
        let reference = Reference { name: "n".to_owned(), subject: "s".to_owned(), version: 3 };
        assert_eq!((&schema.kind, &schema.references), (&Kind::Protobuf, &vec![reference]));
        // Known: the second time nobody is there to answer.
        assert_eq!(registry.schema(SchemaId(5)), Ok(schema));
    });
    assert_eq!(requests, ["GET /api/schemas/ids/5?deleted=true HTTP/1.1\r\n"]);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let mut cases: Vec<RegistrySettings> =
        ["registry:8081", "", "ftp://registry", "http://me:secret@registry:8081", "http://me:secret@registry:99999"]
            .map(RegistrySettings::new)
            .into();
    for bytes in [&b"no certificate"[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let mut settings = RegistrySettings::new("https://registry:8081");
        settings.authorities = Some(bytes.to_vec());
        cases.push(settings);
    }
    for settings in cases {
        let error = Registry::new(&settings).expect_err("wrong");
        assert_eq!((error.class(), error.code().0), (Class::Operator, "E5607"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
