//! The promises of the landing: whole or not at all, once for each token, seen, ended, withdrawn.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray};
use batch::{PartitionBy, RowsMeaning};
use clickhouse_connector::{ClickHouse, PositionCount, Reader};
use connect::{InsertOutcome, Landing, LandingError};

use crate::support::{ask, at, client, define, integers, made, piece, provenance, question, rows, run, server, texts};

#[test]
fn a_token_lands_once_and_another_token_lands_again() {
    let definition = define("protocol.token", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    let batch = rows(&definition, vec![integers(&[1, 2, 3])], &[(5, 0), (5, 1), (6, 0)], None);
    for token in ["first", "first", "second"] {
        assert_eq!(landing.insert(&piece(batch.clone(), token)).expect(token), InsertOutcome::Acknowledged);
    }
    assert_eq!(ask("SELECT count() FROM protocol.token"), "6");
    // The token alone decides: other rows under it are taken for the same.
    let other = rows(&definition, vec![integers(&[9])], &[(9, 0)], None);
    landing.insert(&piece(other, "first")).expect("acknowledged");
    assert_eq!(ask("SELECT count() FROM protocol.token WHERE key = 9"), "0");
    let reader = Reader::new(client(), &definition).expect("name");
    let counts = reader.count_by_offset(&provenance(), 0, 10).expect("asked");
    let shown: Vec<(i64, u64, u64)> = counts.iter().map(|count| (count.offset, count.rows, count.distinct)).collect();
    assert_eq!(shown, [(5, 4, 2), (6, 2, 1)]);
    let after_first = reader.positions(&provenance(), at(5, 0), 10).expect("asked");
    let twice = |position| PositionCount { position, rows: 2 };
    assert_eq!(after_first, [twice(at(5, 1)), twice(at(6, 0))]);
}

#[test]
fn the_largest_piece_is_one_part() {
    const ROWS: i64 = 1_000_000;
    let columns = [("key", "bigint"), ("name", "text")];
    let definition = define("protocol.large", &columns, RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    run("SYSTEM STOP MERGES protocol.large");
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
    // In the server each of these takes more room than here: the bytes' minimum must not cut them either.
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| format!("{row:0120}"))));
    let positions: Vec<(i64, i64)> = (0..ROWS).map(|row| (row / 1000, row % 1000)).collect();
    let batch = rows(&definition, vec![keys, names], &positions, None);
    for _ in 0..2 {
        landing.insert(&piece(batch.clone(), "large")).expect("inserted");
    }
    let parts =
        "SELECT count(), sum(rows) FROM system.parts WHERE database = 'protocol' AND table = 'large' AND active";
    assert_eq!(ask(parts), "1\t1000000");
}

#[test]
fn an_insert_that_is_cut_off_leaves_nothing() {
    let definition = define("protocol.cut", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    let batch = rows(&definition, vec![integers(&[1, 2])], &[(0, 0), (0, 1)], None);
    let mut stream = Vec::new();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut stream, &batch.schema()).expect("writer");
    writer.write(&batch).expect("written");
    writer.write(&batch).expect("written");
    writer.finish().expect("finished");
    // The schema and the first batch are whole; the connection ends within the second.
    let kept = &stream[..stream.len() - 100];
    let server = server();
    let address = server.url();
    let mut connection = TcpStream::connect(address.trim_start_matches("http://")).expect("connected");
    let head = format!(
        "POST /?query=INSERT+INTO+protocol.cut+FORMAT+ArrowStream&query_id=cut&async_insert=0 HTTP/1.1\r\nHost: localhost\r\n\
         X-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        server.user(),
        server.password().reveal(),
        stream.len(),
    );
    connection.write_all(head.as_bytes()).expect("sent");
    connection.write_all(kept).expect("sent");
    connection.shutdown(std::net::Shutdown::Write).expect("closed");
    // The server closes too when it has given up.
    let _ = connection.read_to_end(&mut Vec::new());
    landing.end_queries("cut").expect("ended");
    assert_eq!(ask("SELECT count() FROM protocol.cut"), "0");
    landing.insert(&piece(batch, "cut")).expect("inserted");
    assert_eq!(ask("SELECT count() FROM protocol.cut"), "2");
}

#[test]
fn a_piece_of_two_partitions_is_refused_whole() {
    let columns = [("key", "bigint"), ("day", "date")];
    let definition = define("protocol.two", &columns, RowsMeaning::Append, PartitionBy::Month("day".into()));
    let landing = made(&definition);
    let days: ArrayRef = Arc::new(Date32Array::from(vec![18_000, 18_100]));
    let error =
        landing.insert(&piece(rows(&definition, vec![integers(&[1, 2]), days], &[(0, 0), (0, 1)], None), "two"));
    let Err(LandingError::Operator { code, .. }) = error else { panic!("{error:?}") };
    assert_eq!(code.0, "E5208");
    assert_eq!(ask("SELECT count() FROM protocol.two"), "0");
}

#[test]
fn a_question_finds_the_rows_of_a_range() {
    let columns = [("key", "bigint"), ("day", "date")];
    for (table, partition, answer, other) in [
        ("protocol.by_year", PartitionBy::Year("day".into()), "2019", "2020"),
        ("protocol.by_month", PartitionBy::Month("day".into()), "201904", "201905"),
        ("protocol.by_day", PartitionBy::Day("day".into()), "2019-04-14", "2019-04-15"),
        ("protocol.by_value", PartitionBy::Column("day".into()), "2019-04-14", "2019-04-15"),
    ] {
        let definition = define(table, &columns, RowsMeaning::ByKey { version: None }, partition);
        let landing = made(&definition);
        let days: ArrayRef = Arc::new(Date32Array::from(vec![18_000; 4]));
        let batch = rows(&definition, vec![integers(&[1, 2, 3, 4]), days], &[(4, 9), (5, 0), (5, 1), (6, 0)], None);
        landing.insert(&piece(batch, "range")).expect("inserted");
        let inside = landing.present(&question(at(5, 0), at(6, 0), Some(answer))).expect("asked");
        assert_eq!(inside, [at(5, 0), at(5, 1), at(6, 0)], "{table}");
        let within_a_record = landing.present(&question(at(5, 1), at(5, 1), None)).expect("asked");
        assert_eq!(within_a_record, [at(5, 1)], "{table}");
        assert!(landing.present(&question(at(5, 0), at(6, 0), Some(other))).expect("asked").is_empty(), "{table}");
    }
    let mut elsewhere = question(at(0, 0), at(9, 9), None);
    elsewhere.provenance.partition = 4;
    let definition =
        define("protocol.by_year", &columns, RowsMeaning::ByKey { version: None }, PartitionBy::Year("day".into()));
    let landing = clickhouse_connector::ClickHouseLanding::new(client(), &definition).expect("name");
    assert!(landing.present(&elsewhere).expect("asked").is_empty());
}

#[test]
fn the_row_of_the_highest_position_wins() {
    let columns = [("key", "bigint"), ("name", "text")];
    let definition = define("protocol.newest", &columns, RowsMeaning::ByKey { version: None }, PartitionBy::Nothing);
    let landing = made(&definition);
    for (position, name) in [((7, 1), "new"), ((6, 900), "old"), ((7, 0), "older")] {
        let batch = rows(&definition, vec![integers(&[1]), texts(&[name])], &[position], None);
        landing.insert(&piece(batch, name)).expect("inserted");
    }
    assert_eq!(ask("SELECT name FROM protocol.newest FINAL"), "new");
}

#[test]
fn a_running_query_is_ended_by_its_prefix() {
    let definition = define("protocol.ended", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    let settings = server().client_settings();
    std::thread::scope(|scope| {
        let endless = scope.spawn(move || {
            let client = ClickHouse::new(&settings).expect("client");
            let ids = [("query_id", "to_end/0-9/1"), ("max_block_size", "1")];
            client.execute("SELECT sleepEachRow(1) FROM numbers(600) FORMAT Null SETTINGS function_sleep_max_microseconds_per_block = 0", &ids)
        });
        while ask("SELECT count() FROM system.processes WHERE query_id = 'to_end/0-9/1'") != "1" {
            assert!(!endless.is_finished(), "the query ended by itself: {:?}", endless.join());
        }
        // `_` would stand for any character in a pattern.
        landing.end_queries("to_end/0-").expect("ended");
        assert_eq!(ask("SELECT count() FROM system.processes WHERE query_id = 'to_end/0-9/1'"), "0");
        let ended = endless.join().expect("no panic").expect_err("killed");
        assert!(ended.to_string().contains("394"), "{ended}");
    });
    assert!(landing.end_queries("").is_err(), "everything starts with nothing");
}

#[test]
fn an_insert_runs_under_its_token_and_can_be_ended_by_it() {
    let definition = define("protocol.named", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&definition);
    // A view below the table holds the insert up.
    run("CREATE MATERIALIZED VIEW protocol.slow ENGINE = Null AS SELECT sleepEachRow(1) AS slept FROM protocol.named");
    let batch = rows(&definition, vec![integers(&[1, 2, 3])], &[(0, 0), (0, 1), (0, 2)], None);
    std::thread::scope(|scope| {
        let inserted = scope.spawn(|| landing.insert(&piece(batch, "named/0-9/1")));
        while ask("SELECT count() FROM system.processes WHERE query_id = 'named/0-9/1'") != "1" {
            assert!(!inserted.is_finished(), "no query of this id was seen");
        }
        landing.end_queries("named/0-").expect("ended");
        assert!(inserted.join().expect("no panic").is_err(), "it was ended before it was done");
    });
}

#[test]
fn a_document_takes_back_what_its_new_version_lacks() {
    let columns = [("key", "bigint"), ("day", "date"), ("name", "text")];
    let definition = define("protocol.document", &columns, RowsMeaning::ByDocument, PartitionBy::Year("day".into()));
    let landing = made(&definition);
    let insert = |keys: &[i64], first: i64, document: &str, version: u64| {
        let positions: Vec<(i64, i64)> = keys.iter().map(|key| (first, *key)).collect();
        let names: ArrayRef = texts(&keys.iter().map(|_| document).collect::<Vec<_>>());
        let days: ArrayRef = Arc::new(Date32Array::from(vec![18_000; keys.len()]));
        let batch = rows(&definition, vec![integers(keys), days, names], &positions, Some((document, version)));
        landing.insert(&piece(batch, &format!("{document}/{version}"))).expect("inserted");
    };
    let keys = || {
        ask("SELECT groupArray((key, _document)) FROM (SELECT * FROM protocol.document FINAL ORDER BY key, _document)")
    };
    insert(&[1, 2, 3], 10, "it's a", 1);
    insert(&[1, 2], 11, "b", 1);
    insert(&[2, 4], 12, "it's a", 2);
    let withdraw = |version| landing.withdraw("it's a", version, &provenance(), at(12, 99)).expect("withdrawn");
    assert_eq!(withdraw(2), 2);
    assert_eq!(keys(), r"[(1,'b'),(2,'b'),(2,'it\'s a'),(4,'it\'s a')]");
    assert_eq!(withdraw(2), 2, "in all");
    assert_eq!(keys(), r"[(1,'b'),(2,'b'),(2,'it\'s a'),(4,'it\'s a')]");
    // Deleted rows are no answer; those below them still are, for they landed.
    assert_eq!(landing.present(&question(at(12, 0), at(12, 99), None)).expect("asked"), [at(12, 2), at(12, 4)]);
    // A later version brings a row back.
    insert(&[1], 13, "it's a", 3);
    assert_eq!(withdraw(3), 2);
    assert_eq!(keys(), r"[(1,'b'),(1,'it\'s a'),(2,'b')]");
    run("OPTIMIZE TABLE protocol.document FINAL");
    assert_eq!(keys(), r"[(1,'b'),(1,'it\'s a'),(2,'b')]");
    assert_eq!(withdraw(3), 2, "a merge keeps the rows that say so");
}

#[test]
fn only_rows_of_documents_can_be_withdrawn() {
    let definition = define("protocol.plain", &[("key", "bigint")], RowsMeaning::Append, PartitionBy::Nothing);
    assert!(made(&definition).withdraw("a", 2, &provenance(), at(0, 0)).is_err());
}
