//! What a look at the table finds.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::Builder;

use batch::{PartitionBy, RowsMeaning, TableDefinition};
use clickhouse_connector::{ClickHouse, ClickHouseLanding};
use connect::{Landing, LandingError, LeftOver, Preflight, told_left_over};

use crate::support::{ask, client, define, integers, made, piece, rows, run, server, texts};

const COLUMNS: &[(&str, &str)] = &[("key", "bigint"), ("name", "text"), ("price", "nullable decimal(18, 4)")];

fn verdict(definition: &TableDefinition) -> Preflight {
    ClickHouseLanding::new(client(), definition).expect("name").preflight().expect("asked")
}

#[test]
fn tables_of_every_meaning_are_ready_once_made() {
    for (table, rows, partition) in [
        ("preflight.append", RowsMeaning::Append, PartitionBy::Column("name".into())),
        ("preflight.by_key", RowsMeaning::ByKey { version: None }, PartitionBy::Nothing),
        ("preflight.by_version", RowsMeaning::ByKey { version: Some("key".into()) }, PartitionBy::Nothing),
        ("preflight.by_document", RowsMeaning::ByDocument, PartitionBy::Column("name".into())),
    ] {
        made(&define(table, COLUMNS, rows, partition));
    }
    assert_eq!(
        ask("SELECT comment FROM system.columns WHERE database = 'preflight' AND table = 'append' AND name = 'price'"),
        "the column's price"
    );
}

#[test]
fn a_table_that_lacks_columns_is_behind_and_can_catch_up() {
    let old = define("preflight.behind", &COLUMNS[..1], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = made(&old);
    landing.insert(&piece(rows(&old, vec![integers(&[1])], &[(0, 0)], None), "old")).expect("inserted");
    // A column that cannot be null would get invented values for the row that is there.
    let inventing = define("preflight.behind", COLUMNS, RowsMeaning::Append, PartitionBy::Nothing);
    let Preflight::Different { what, .. } = verdict(&inventing) else { panic!("would invent") };
    assert!(what.contains("`name`") && what.contains("invented values"), "{what}");
    let nullable = [COLUMNS[0], ("name", "nullable text"), COLUMNS[2]];
    let new = define("preflight.behind", &nullable, RowsMeaning::Append, PartitionBy::Nothing);
    let landing = ClickHouseLanding::new(client(), &new).expect("name");
    let Preflight::Behind { statements, left_over } = landing.preflight().expect("asked") else { panic!("not behind") };
    assert_eq!(left_over, LeftOver::default());
    assert_eq!(statements.len(), 2, "{statements:?}");
    let batch = rows(&new, vec![integers(&[2]), texts(&["b"]), price()], &[(0, 1)], None);
    // Without the check the server would have dropped the columns in silence.
    let error = landing.insert(&piece(batch.clone(), "new")).expect_err("behind");
    assert!(
        matches!(&error, LandingError::Operator { code, remedy, .. } if code.0 == "E5201" && remedy.contains("ADD COLUMN")),
        "{error}"
    );
    landing.apply(&statements).expect("altered");
    let renamed = [COLUMNS[0], ("title", "nullable text"), COLUMNS[2]];
    let renamed = define("preflight.behind", &renamed, RowsMeaning::Append, PartitionBy::Nothing);
    let Preflight::Behind { left_over, .. } = verdict(&renamed) else { panic!("not behind") };
    let rename = "spotlight sql 'ALTER TABLE `preflight`.`behind` RENAME COLUMN `name` TO `title`'";
    assert_eq!(left_over, LeftOver { columns: vec!["name".to_owned()], rename: Some(rename.to_owned()) });
    // Which of two is meant, or a number that was text, a person must say.
    for columns in [
        [COLUMNS[0], ("title", "nullable text"), ("cost", "nullable decimal(18, 4)")],
        [COLUMNS[0], ("title", "nullable bigint"), COLUMNS[2]],
    ] {
        let unclear = define("preflight.behind", &columns, RowsMeaning::Append, PartitionBy::Nothing);
        let Preflight::Behind { left_over, .. } = verdict(&unclear) else { panic!("not behind") };
        assert!(left_over.rename.is_none() && left_over.columns.contains(&"name".to_owned()), "{left_over:?}");
        let told = told_left_over("preflight.behind", &left_over);
        assert!(told.ends_with("spotlight sql 'ALTER TABLE preflight.behind RENAME COLUMN BEFORE TO NOW'"), "{told}");
    }
    landing.insert(&piece(batch, "new")).expect("inserted");
    assert_eq!(ask("SELECT key, name, price FROM preflight.behind ORDER BY key"), "1\t\\N\t\\N\n2\tb\t1.5");
    let order = ask(
        "SELECT groupArray(name) FROM system.columns WHERE database = 'preflight' AND table = 'behind' AND position < 5",
    );
    assert_eq!(order, "['key','name','price','_landing']");
    let fewer = define("preflight.behind", &nullable[..2], RowsMeaning::Append, PartitionBy::Nothing);
    let landing = ClickHouseLanding::new(client(), &fewer).expect("name");
    assert_eq!(landing.preflight().expect("asked"), Preflight::Ready);
    assert_eq!(landing.filled_no_more().expect("asked"), ["price"]);
    landing.apply(&["ALTER TABLE preflight.behind MODIFY COLUMN price DEFAULT 1".to_owned()]).expect("altered");
    assert_eq!(landing.filled_no_more().expect("asked"), [""; 0], "the server fills it");
}

fn price() -> arrow::array::ArrayRef {
    let values = arrow::array::Decimal128Array::from(vec![15_000]);
    std::sync::Arc::new(values.with_precision_and_scale(18, 4).expect("fits"))
}

#[test]
fn what_a_person_must_settle_is_told_with_its_remedy() {
    let by_key = RowsMeaning::ByKey { version: None };
    // Change to the table, or a reader's other plan; the code; a part of what is said; a part of the remedy.
    let cases: [(&str, &str, RowsMeaning, &str, &str, &str); 10] = [
        // The server would make other numbers of those that stand there, without a word.
        (
            "narrower",
            "ALTER TABLE {} MODIFY COLUMN price Nullable(Decimal(18, 6))",
            RowsMeaning::Append,
            "E5201",
            "Nullable(Decimal(18, 6))",
            "fill a table of the new type from what is stored",
        ),
        (
            "unfilled",
            "ALTER TABLE {} ADD COLUMN title LowCardinality(String)",
            RowsMeaning::Append,
            "E5201",
            "a column `title`, which the plan does not fill and which cannot be null",
            "MODIFY COLUMN `title` LowCardinality(Nullable(String))",
        ),
        (
            "type",
            "ALTER TABLE {} MODIFY COLUMN price Nullable(Decimal(16, 2))",
            RowsMeaning::Append,
            "E5201",
            "Nullable(Decimal(16, 2))",
            "spotlight sql 'ALTER TABLE `preflight`.`type` MODIFY COLUMN `price` Nullable(Decimal(18, 4))",
        ),
        (
            "computed",
            "ALTER TABLE {} MODIFY COLUMN name String MATERIALIZED 'x'",
            RowsMeaning::Append,
            "E5201",
            "MATERIALIZED String",
            "MODIFY COLUMN `name`",
        ),
        (
            "window",
            "ALTER TABLE {} MODIFY SETTING non_replicated_deduplication_window = 0",
            RowsMeaning::Append,
            "E5203",
            "window is 0",
            "MODIFY SETTING non_replicated_deduplication_window = 10000",
        ),
        (
            "default_window",
            "ALTER TABLE {} RESET SETTING non_replicated_deduplication_window",
            RowsMeaning::Append,
            "E5203",
            "window is 0",
            "MODIFY SETTING",
        ),
        (
            "async",
            "ALTER TABLE {} MODIFY SETTING async_insert = 1",
            RowsMeaning::Append,
            "E5209",
            "asynchronous",
            "MODIFY SETTING async_insert = 0",
        ),
        (
            "engine",
            "RENAME TABLE {} TO preflight.engine_old; CREATE TABLE {} AS preflight.engine_old ENGINE = ReplacingMergeTree ORDER BY key",
            RowsMeaning::Append,
            "E5201",
            "not MergeTree",
            "RENAME TABLE",
        ),
        (
            "version",
            "RENAME TABLE {} TO preflight.version_old; CREATE TABLE {} AS preflight.version_old ENGINE = ReplacingMergeTree(_offset) ORDER BY key",
            by_key.clone(),
            "E5201",
            "ReplacingMergeTree(_offset)",
            "RENAME TABLE",
        ),
        (
            "sorting",
            "RENAME TABLE {} TO preflight.sorting_old; CREATE TABLE {} AS preflight.sorting_old ENGINE = ReplacingMergeTree(_version) ORDER BY (key, name)",
            by_key,
            "E5201",
            "replace each other by",
            "RENAME TABLE",
        ),
    ];
    for (name, change, meaning, expected, said, helps) in cases {
        let table = format!("preflight.{name}");
        let definition = define(&table, COLUMNS, meaning, PartitionBy::Nothing);
        made(&definition);
        change.replace("{}", &table).split("; ").for_each(run);
        run(&format!("INSERT INTO {table} (_offset) VALUES (1)"));
        let found = verdict(&definition);
        let Preflight::Different { code, what, remedy } = found else { panic!("{name}: {found:?}") };
        assert_eq!(code.0, expected, "{name}: {what}");
        assert!(what.contains(said), "{name}: {what}");
        assert!(remedy.contains(helps), "{name}: {remedy}");
    }
}

/// Who mends one thing does not want to hear of the next one afterwards.
#[test]
fn all_that_differs_is_told_at_once_and_an_empty_table_may_go() {
    let definition = define("preflight.twice", COLUMNS, RowsMeaning::Append, PartitionBy::Nothing);
    let told = || match verdict(&definition) {
        Preflight::Different { what, remedy, .. } => (what, remedy),
        other => panic!("{other:?}"),
    };
    made(&definition);
    let wider = "ALTER TABLE preflight.twice MODIFY COLUMN price Nullable(Decimal(16, 2))";
    run(wider);
    run("ALTER TABLE preflight.twice ADD COLUMN title String");
    run("INSERT INTO preflight.twice (_offset) VALUES (1)");
    let (what, remedy) = told();
    assert!(what.contains("Decimal(16, 2)") && what.contains("; `preflight`.`twice` has a column `title`"), "{what}");
    // Both commands, as they stand there, settle it.
    let quoted = remedy.replace("'\\''", "\"");
    let commands = quoted.split("spotlight sql '").skip(1).filter_map(|rest| rest.split('\'').next());
    commands.take(2).for_each(|statement| run(&statement.replace('"', "'")));
    assert_eq!(verdict(&definition), Preflight::Ready, "{remedy}");
    // What makes the table anew ends all of it.
    run("ALTER TABLE preflight.twice MODIFY COLUMN price Nullable(Decimal(18, 6)), ADD COLUMN other String");
    let (what, remedy) = told();
    assert!(what.contains("Decimal(18, 6)") && what.contains("`other`"), "{what}");
    assert!(remedy.starts_with("fill a table of the new type") && !remedy.contains("MODIFY"), "{remedy}");
    // No row stands there that could be lost.
    run("TRUNCATE TABLE preflight.twice");
    let (_, remedy) = told();
    assert!(remedy.starts_with("`preflight`.`twice` is empty: spotlight sql 'DROP TABLE"), "{remedy}");
    let statement = remedy.split('\'').nth(1).expect("a command");
    run(statement);
    assert!(matches!(verdict(&definition), Preflight::Missing { .. }));
}

#[test]
fn at_least_once_takes_what_only_breaks_once() {
    let definition = define("preflight.repeats", COLUMNS, RowsMeaning::Append, PartitionBy::Nothing);
    made(&definition);
    run("ALTER TABLE preflight.repeats MODIFY SETTING non_replicated_deduplication_window = 0, async_insert = 1");
    let landing = ClickHouseLanding::new(client(), &definition).expect("name").at_least_once();
    assert_eq!(landing.preflight().expect("asked"), Preflight::Ready);
    // What would lose values is refused all the same.
    run("ALTER TABLE preflight.repeats DROP COLUMN price");
    assert!(matches!(landing.preflight().expect("asked"), Preflight::Behind { .. }));
}

#[test]
fn several_servers_behind_one_address_are_refused() {
    let definition = define("preflight.several", COLUMNS, RowsMeaning::Append, PartitionBy::Nothing);
    made(&definition);
    let mut settings = server().client_settings();
    settings.url = balancer(settings.url.trim_start_matches("http://").to_owned());
    let client = ClickHouse::new(&settings).expect("client");
    let landing = ClickHouseLanding::new(client, &definition).expect("name");
    let found = landing.preflight().expect("asked");
    assert!(matches!(&found, Preflight::Different { code, .. } if code.0 == "E5212"), "{found:?}");
    assert_eq!(landing.at_least_once().preflight().expect("asked"), Preflight::Ready);
}

/// Passes connections on to a server; what every second one asks of the server's identity is another server's.
fn balancer(server: String) -> String {
    const QUESTION: &[u8] = b"toString(serverUUID())";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let accept = move || {
        for (number, near) in listener.incoming().flatten().enumerate() {
            let far = TcpStream::connect(&server).expect("connected");
            let (mut answers, mut asker) = (far.try_clone().expect("a copy"), near.try_clone().expect("a copy"));
            let back = move || drop(std::io::copy(&mut answers, &mut asker));
            Builder::new().spawn(back).expect("a thread");
            let there = move || {
                let (mut near, mut far, mut buffer) = (near, far, [0; 65_536]);
                while let Ok(count @ 1..) = near.read(&mut buffer) {
                    let found = buffer[..count].windows(QUESTION.len()).position(|part| part == QUESTION);
                    if let Some(at) = found.filter(|_| number % 2 == 1) {
                        buffer[at..at + QUESTION.len()].copy_from_slice(b"'the other one'       ");
                    }
                    if far.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                }
            };
            Builder::new().spawn(there).expect("a thread");
        }
    };
    Builder::new().spawn(accept).expect("a thread");
    address
}

#[test]
fn the_remedy_of_a_setting_helps() {
    let definition = define("preflight.helped", COLUMNS, RowsMeaning::Append, PartitionBy::Nothing);
    made(&definition);
    run("ALTER TABLE preflight.helped MODIFY SETTING non_replicated_deduplication_window = 0, async_insert = 1");
    for _ in 0..2 {
        let Preflight::Different { remedy, .. } = verdict(&definition) else { panic!("ready") };
        let statement = remedy.strip_prefix("spotlight sql '").and_then(|rest| rest.strip_suffix('\''));
        run(statement.expect("a command"));
    }
    assert_eq!(verdict(&definition), Preflight::Ready);
}

#[test]
fn another_partition_key_is_told() {
    let planned = |partition| define("preflight.partition", COLUMNS, RowsMeaning::Append, partition);
    made(&planned(PartitionBy::Nothing));
    let found = verdict(&planned(PartitionBy::Column("name".into())));
    assert!(matches!(&found, Preflight::Different { code, .. } if code.0 == "E5201"), "{found:?}");
    // With all else that differs.
    let columns = [COLUMNS, &[("note", "nullable text")]].concat();
    let other = define(
        "preflight.partition",
        &columns,
        RowsMeaning::ByKey { version: None },
        PartitionBy::Column("name".into()),
    );
    let Preflight::Different { what, .. } = verdict(&other) else { panic!("ready") };
    for told in ["the engine of", "is partitioned by", "; it lacks `note`"] {
        assert!(what.contains(told), "{what}");
    }
}

#[test]
fn columns_that_others_added_do_no_harm() {
    let definition = define("preflight.more", COLUMNS, RowsMeaning::Append, PartitionBy::Nothing);
    made(&definition);
    run("ALTER TABLE preflight.more ADD COLUMN theirs UInt8 DEFAULT 7");
    assert_eq!(verdict(&definition), Preflight::Ready);
}
