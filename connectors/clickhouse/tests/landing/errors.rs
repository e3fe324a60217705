//! What each kind of trouble is said to be.

use std::sync::Arc;
use std::time::Duration;

use batch::{PartitionBy, RowsMeaning};
use clickhouse_connector::{ClickHouse, ClickHouseError, ClickHouseLanding, Password};
use connect::{Landing, LandingError};

use crate::support::{ask, at, client, define, integers, made, piece, question, rows, run, server};

fn code(error: &LandingError) -> &'static str {
    match error {
        LandingError::Operator { code, .. } => code.0,
        LandingError::Unknown { .. } => "unknown",
        LandingError::Transient { .. } => "transient",
    }
}

#[test]
fn a_table_that_went_away_is_a_persons_to_settle() {
    let definition = define("errors.gone", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    let batch = rows(&definition, vec![integers(&[1])], &[(0, 0)], None);
    landing.insert(&piece(batch.clone(), "before")).expect("inserted");
    run("DROP TABLE errors.gone SYNC");
    // First by the server's answer, then by the check that follows it.
    for token in ["after", "after"] {
        assert_eq!(code(&landing.insert(&piece(batch.clone(), token)).expect_err("gone")), "E5201");
    }
    assert_eq!(code(&landing.present(&question(at(0, 0), at(1, 0), None)).expect_err("gone")), "E5201");
}

#[test]
fn data_that_the_server_refuses_is_held() {
    let definition = define("errors.constraint", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    run("ALTER TABLE errors.constraint ADD CONSTRAINT small CHECK key < 10");
    let batch = |key| rows(&definition, vec![integers(&[1, key])], &[(0, 0), (0, 1)], None);
    assert_eq!(code(&landing.insert(&piece(batch(11), "large")).expect_err("refused")), "E5204");
    assert_eq!(ask("SELECT count() FROM errors.constraint"), "0");
    landing.insert(&piece(batch(9), "small")).expect("inserted");
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let mut settings = server().client_settings();
    settings.password = Password::new("wr0ng-secret");
    let client = ClickHouse::new(&settings).expect("client");
    let definition = define("errors.login", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = ClickHouseLanding::new(client, &definition).expect("name");
    let error = landing.preflight().expect_err("refused");
    assert_eq!(code(&error), "E5202");
    assert!(!format!("{error} {error:?}").contains("wr0ng-secret"));
}

#[test]
fn an_address_where_nothing_listens_passes() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("bound");
    let port = free.local_addr().expect("address").port();
    drop(free);
    let mut settings = server().client_settings();
    settings.url = format!("http://127.0.0.1:{port}");
    let client = ClickHouse::new(&settings).expect("client");
    let error = client.execute("SELECT 1", &[]).expect_err("nobody");
    assert!(matches!(error, ClickHouseError::Unreachable { .. }), "{error:?}");
    let definition = define("errors.nobody", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = ClickHouseLanding::new(client, &definition).expect("name");
    assert_eq!(code(&landing.preflight().expect_err("nobody")), "transient");
}

#[test]
fn an_insert_whose_answer_is_lost_is_unknown() {
    let definition = define("errors.lost", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    made(&definition);
    // A view below the table holds the insert up for longer than the client waits.
    run("CREATE MATERIALIZED VIEW errors.slow ENGINE = Null AS SELECT key, sleepEachRow(1) AS slept FROM errors.lost");
    let mut settings = server().client_settings();
    settings.timeout = Duration::from_millis(500);
    let landing = ClickHouseLanding::new(ClickHouse::new(&settings).expect("client"), &definition).expect("name");
    let batch = rows(&definition, vec![integers(&[1, 2])], &[(0, 0), (0, 1)], None);
    let error = landing.insert(&piece(batch, "lost")).expect_err("too slow");
    assert_eq!(code(&error), "unknown", "{error}");
    let patient = ClickHouseLanding::new(client(), &definition).expect("name");
    patient.end_queries("lost").expect("ended");
    // It is all there or not at all.
    let found = patient.present(&question(at(0, 0), at(0, 1), None)).expect("asked");
    assert!(found.is_empty() || found.len() == 2, "{found:?}");
}

#[test]
fn a_failure_within_a_stream_is_an_error() {
    let sql = "SELECT throwIf(number = 900000, 'halfway') FROM numbers(1000000) SETTINGS max_block_size = 1000";
    let error = client().query_bytes(sql, "TSV", &[]).expect_err("fails halfway");
    assert!(error.to_string().contains("halfway"), "{error}");
}

#[test]
fn several_threads_ask_at_once() {
    let client = Arc::new(client());
    let answers = std::thread::scope(|scope| {
        let ask = |number: usize| {
            let client = Arc::clone(&client);
            scope.spawn(move || client.query_bytes(&format!("SELECT {number}"), "TSV", &[]).expect("answered"))
        };
        let running: Vec<_> = (0..8).map(ask).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert_eq!(answers[7], b"7\n");
}
