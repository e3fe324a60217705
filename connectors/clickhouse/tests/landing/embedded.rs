//! The child process: it answers only to its password, comes back with its data, and ends with its parent's pipe.

use std::path::Path;
use std::process::Command;

use clickhouse_connector::{ClickHouse, ClickHouseSettings, EmbeddedError, EmbeddedServer, Password};
use connect::Landing;

use crate::support::{define, integers, piece, rows, scratch, settings, start};

use batch::{PartitionBy, RowsMeaning};
use clickhouse_connector::ClickHouseLanding;

fn kill(process: u32) {
    let status = Command::new("kill").args(["-KILL", &process.to_string()]).status().expect("kill runs");
    assert!(status.success());
}

#[test]
fn a_killed_server_comes_back_at_its_address_with_what_it_acknowledged() {
    let server = start(&scratch("killed"));
    let url = server.url();
    let client = ClickHouse::new(&server.client_settings()).expect("client");
    let definition = define("kept.rows", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = ClickHouseLanding::new(client.clone(), &definition).expect("name");
    let connect::Preflight::Missing { statements } = landing.preflight().expect("asked") else { panic!("there") };
    landing.apply(&statements).expect("made");
    let insert = || {
        let batch = rows(&definition, vec![integers(&[1, 2])], &[(0, 0), (0, 1)], None);
        landing.insert(&piece(batch, "kept")).expect("inserted");
    };
    let count = || client.query_bytes("SELECT count() FROM kept.rows", "TSV", &[]).expect("asked");
    insert();
    kill(server.process().expect("runs"));
    while server.is_alive() {
        std::thread::yield_now();
    }
    assert!(client.execute("SELECT 1", &[]).is_err());
    assert!(server.ensure_alive().expect("started again"));
    assert!(!server.ensure_alive().expect("runs"));
    assert_eq!(server.url(), url);
    assert_eq!(count(), b"2\n");
    // The token is remembered over the restart too.
    insert();
    assert_eq!(count(), b"2\n");
    server.restart().expect("restarted");
    assert_eq!(count(), b"2\n");
    server.stop();
    assert!(!server.is_alive());
}

#[test]
fn nobody_but_its_user_can_do_anything() {
    let server = crate::support::server();
    let ask = |user: &str, password: &str, sql: &str| {
        let settings = ClickHouseSettings::new(server.url(), user, Password::new(password));
        ClickHouse::new(&settings).expect("client").execute(sql, &[])
    };
    assert!(ask(server.user(), server.password().reveal(), "SELECT 1").is_ok());
    assert!(ask(server.user(), "", "SELECT 1").is_err());
    for sql in
        ["CREATE DATABASE theirs", "SELECT * FROM file('/etc/hostname', 'LineAsString')", "SELECT * FROM system.users"]
    {
        assert!(ask("default", "", sql).is_err(), "{sql}");
    }
}

#[test]
fn a_second_server_of_one_folder_is_refused_with_a_reason() {
    let folder = scratch("second");
    let first = start(&folder);
    let mut impatient = settings(&folder);
    impatient.start_deadline = std::time::Duration::from_secs(5);
    let error = EmbeddedServer::start(impatient).expect_err("one at a time");
    assert!(
        matches!(&error, EmbeddedError::Ended { output, .. } if output.contains("lock") || output.contains("another")),
        "{error}"
    );
    assert!(first.is_alive());
    let client = ClickHouse::new(&first.client_settings()).expect("client");
    client.execute("SELECT 1", &[]).expect("the first is not disturbed");
}

#[test]
fn a_child_that_cannot_start_is_told_from_a_silent_one() {
    let folder = scratch("broken");
    let mut broken = settings(&folder);
    broken.program = clickhouse_connector::Program::Library {
        child: vec![env!("CARGO_BIN_EXE_clickhouse-child").into()],
        library: Path::new("/nonexistent/libchdb.so").to_owned(),
    };
    let error = EmbeddedServer::start(broken).expect_err("no library");
    assert!(matches!(&error, EmbeddedError::Ended { output, .. } if output.contains("libchdb.so")), "{error}");
}
