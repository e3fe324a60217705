//! What every log owes the engine, as checks with names. The contract in words stands in the crate `log`.
//!
//! [`run`] gives each check a fresh, empty log. [`run_durable`] opens one log again and again. [`run_gapless`] has the
//! checks of what a log may promise beyond the contract: offsets without gaps. All checks run; the failing ones are
//! named together at the end. The clock of the logs may go backwards: arrivals must not.

mod deletion;
mod gapless;
mod threads;

use batch::{Headers, Record, Records, RecordsBuilder};
use log::{Appended, Log, LogError, Position, TopicSettings, Written};

/// Why a check failed.
type Failure = Box<dyn std::error::Error>;
type Check = fn(&dyn Log) -> Result<(), Failure>;

const CHECKS: &[(&str, Check)] = &[
    ("an empty topic has partitions without records", empty_topic),
    ("a topic that exists is found again with its identity", topic_again),
    ("topics have identities of their own", identities),
    ("another number of partitions is an error", other_partitions),
    ("names that are none are refused", bad_names),
    ("topics are listed in order of name", names_sorted),
    ("unknown topics and partitions are errors", unknown_partitions),
    ("records come back in order", order),
    ("appends of one transaction follow one another and say where", appends_follow),
    ("an append without records says where it would be", empty_append),
    ("nothing can be seen before the commit", invisible),
    ("a dropped transaction leaves nothing", dropped),
    ("a commit shows all partitions and positions", atomic),
    ("offsets outside the partition are errors", out_of_range),
    ("reading starts at the offset, also inside a block", read_from_anywhere),
    ("reading stops at the bytes, after one record at least", max_bytes),
    ("every shape of record survives", shapes),
    ("a slice is appended as it is", slices),
    ("columns of different lengths are refused", uneven_columns),
    ("missing arrivals are set, never backwards, and others kept", arrivals),
    ("a record of 8 MiB survives", large_record),
    ("many records in one append survive", many_records),
    ("a position keeps offset and metadata", positions),
    ("the last position of a transaction counts", last_position),
    ("positions belong to group and partition", positions_apart),
    ("metadata of 4,096 bytes fits, of 4,097 does not", metadata_limit),
    ("a refused call leaves the transaction usable", refused_call),
    ("a wait returns when something committed", threads::wait),
    ("a wait in another thread is woken", threads::wait_in_thread),
    ("writers in several threads lose and mix nothing", threads::concurrent_writers),
    ("a reader never sees half of a transaction", threads::concurrent_reader),
];

/// Runs all checks, each on a fresh log.
///
/// # Panics
/// If a check fails; the text names all that failed.
pub fn run(make: &dyn Fn() -> Box<dyn Log>) {
    run_checks(&[CHECKS, deletion::CHECKS].concat(), make);
}

/// Runs the checks of logs whose offsets have no gaps, each on a fresh log.
///
/// # Panics
/// If a check fails; the text names all that failed.
pub fn run_gapless(make: &dyn Fn() -> Box<dyn Log>) {
    run_checks(gapless::CHECKS, make);
}

fn with_causes(failure: &dyn std::error::Error) -> String {
    failure.source().map_or_else(|| failure.to_string(), |cause| format!("{failure}: {}", with_causes(cause)))
}

fn run_checks(checks: &[(&str, Check)], make: &dyn Fn() -> Box<dyn Log>) {
    let failures: Vec<String> = checks
        .iter()
        .filter_map(|(name, check)| {
            check(make().as_ref()).err().map(|failure| format!("{name}: {}", with_causes(&*failure)))
        })
        .collect();
    assert!(failures.is_empty(), "the log breaks its contract:\n{}", failures.join("\n"));
}

/// Opens one log several times; `reopen` gives the same log each time, an empty one at first. The log before is dropped
/// when it is called.
///
/// # Panics
/// If something that was committed is not there, or something else is.
pub fn run_durable(reopen: &mut dyn FnMut() -> Box<dyn Log>) {
    let outcome = durable(reopen);
    assert!(outcome.is_ok(), "the log breaks its contract after it was opened again: {outcome:?}");
}

fn durable(reopen: &mut dyn FnMut() -> Box<dyn Log>) -> Result<(), Failure> {
    let mut log = reopen();
    let identity = topic(&*log, "kept", 2)?;
    topic(&*log, "empty", 1)?;
    for round in 0..5_i64 {
        commit(&*log, &[("kept", 0, &["left", "right"]), ("kept", 1, &["other"])], Some(("group", "kept", 0, round)))?;
        let mut aborted = log.begin();
        aborted.append(written("kept", 0, &["aborted"]))?;
        aborted.commit_position("group", "kept", 0, at(99))?;
        drop(aborted);
        drop(log);
        log = reopen();
        ensure(topic(&*log, "kept", 2)? == identity, || "another identity".into())?;
        ensure(log.topics()?.iter().map(AsRef::as_ref).eq(["empty", "kept"]), || "other topics".into())?;
        ensure(log.end("empty", 0)? == 0, || format!("round {round}: an empty partition has an end"))?;
        let expected = ["left", "right"].repeat(round as usize + 1);
        same(&values(&*log, "kept", 0)?, &expected)?;
        same(&values(&*log, "kept", 1)?, &vec!["other"; round as usize + 1])?;
        ensure(log.position("group", "kept", 0)? == Some(at(round)), || format!("round {round}: position"))?;
        ensure(log.position("group", "kept", 1)?.is_none(), || "a position that nobody set".into())?;
        let set = all(&*log, "kept", 0)?;
        let set: Vec<i64> = set.iter().flat_map(|block| block.arrivals.values().to_vec()).collect();
        ensure(set.is_sorted(), || format!("arrivals go backwards: {set:?}"))?;
    }
    let end = log.end("kept", 0)?;
    log.delete_before("kept", 0, end)?;
    let first = log.first("kept", 0)?;
    ensure(first > 0, || "nothing was deleted".into())?;
    drop(log);
    log = reopen();
    let found = [log.first("kept", 0)?, log.end("kept", 0)?, log.first("kept", 1)?];
    ensure(found == [first, end, 0], || format!("first, end and another first are {found:?}"))?;
    ensure(topic(&*log, "new", 1)? != identity, || "a new topic has an old identity".into())
}

// What the checks are written with.

fn ensure(condition: bool, text: impl FnOnce() -> String) -> Result<(), Failure> {
    if condition { Ok(()) } else { Err(text().into()) }
}

fn same<Item: std::fmt::Debug + PartialEq<Other>, Other: std::fmt::Debug>(
    found: &[Item],
    expected: &[Other],
) -> Result<(), Failure> {
    ensure(found == expected, || format!("found {found:?}, expected {expected:?}"))
}

fn topic(log: &dyn Log, name: &str, partitions: i32) -> Result<batch::TopicIdentity, LogError> {
    Ok(log.ensure_topic(&TopicSettings { name: name.into(), partitions })?.identity)
}

fn at(offset: i64) -> Position {
    Position { offset, metadata: String::new() }
}

fn records(values: &[&str]) -> Records {
    let mut builder = RecordsBuilder::new();
    for value in values {
        builder.push(Some(b"key"), Some(value.as_bytes()), &Headers::new(), 0);
    }
    builder.finish()
}

fn written(topic: &str, partition: i32, values: &[&str]) -> Written {
    Written { topic: topic.into(), partition, records: records(values) }
}

/// One transaction with these values and perhaps a position (group, topic, partition, offset).
fn commit(
    log: &dyn Log,
    appends: &[(&str, i32, &[&str])],
    position: Option<(&str, &str, i32, i64)>,
) -> Result<Vec<Appended>, LogError> {
    let mut transaction = log.begin();
    for (topic, partition, values) in appends {
        transaction.append(written(topic, *partition, values))?;
    }
    if let Some((group, topic, partition, offset)) = position {
        transaction.commit_position(group, topic, partition, at(offset))?;
    }
    transaction.commit()
}

/// A partition from its start to its end, read in small pieces. Offsets rise; they may have gaps.
fn all(log: &dyn Log, topic: &str, partition: i32) -> Result<Vec<Records>, Failure> {
    let mut blocks: Vec<Records> = Vec::new();
    let mut next = 0;
    loop {
        let more = log.read(topic, partition, next, 10_000)?;
        if more.is_empty() {
            let end = log.end(topic, partition)?;
            ensure(end >= next, || format!("the end, {end}, is before {next}"))?;
            ensure(log.read(topic, partition, end, 10_000)?.is_empty(), || format!("records at the end, {end}"))?;
            return Ok(blocks);
        }
        for block in more {
            ensure(block.base_offset >= next, || format!("block at {} after {next}", block.base_offset))?;
            ensure(!block.is_empty(), || format!("an empty block at {next}"))?;
            next = block.next_offset();
            blocks.push(block);
        }
    }
}

fn values(log: &dyn Log, topic: &str, partition: i32) -> Result<Vec<String>, Failure> {
    let blocks = all(log, topic, partition)?;
    let values = blocks.iter().flat_map(Records::iter);
    Ok(values.map(|record| String::from_utf8_lossy(record.value.unwrap_or(b"null")).into_owned()).collect())
}

/// What a record is, without where it lies and when it came.
fn content<'a>(record: &Record<'a>) -> (Option<&'a [u8]>, Option<&'a [u8]>, &'a [u8]) {
    (record.key, record.value, record.headers)
}

// Topics.

fn empty_topic(log: &dyn Log) -> Result<(), Failure> {
    ensure(log.topic("prices")?.is_none() && log.topics()?.is_empty(), || "a new log is not empty".into())?;
    topic(log, "prices", 3)?;
    for partition in 0..3 {
        ensure(log.end("prices", partition)? == 0, || "the end is not 0".into())?;
        ensure(log.read("prices", partition, 0, 1000)?.is_empty(), || "there are records".into())?;
        ensure(log.position("group", "prices", partition)?.is_none(), || "there is a position".into())?;
    }
    Ok(())
}

fn topic_again(log: &dyn Log) -> Result<(), Failure> {
    let made = log.ensure_topic(&TopicSettings { name: "prices".into(), partitions: 3 })?;
    ensure(made.partitions == 3, || format!("{} partitions", made.partitions))?;
    commit(log, &[("prices", 0, &["one"])], None)?;
    let again = log.ensure_topic(&TopicSettings { name: "prices".into(), partitions: 3 })?;
    ensure(again == made && log.topic("prices")? == Some(made), || "it is another topic".into())?;
    same(&values(log, "prices", 0)?, &["one"])
}

fn identities(log: &dyn Log) -> Result<(), Failure> {
    let found = [topic(log, "one", 1)?, topic(log, "two", 1)?, topic(log, "three", 1)?];
    ensure(found[0] != found[1] && found[1] != found[2] && found[0] != found[2], || format!("{found:?}"))
}

fn other_partitions(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 3)?;
    for wanted in [1, 4] {
        let error = topic(log, "prices", wanted).err();
        let right = matches!(&error, Some(LogError::Partitions { found: 3, wanted: asked, .. }) if *asked == wanted);
        ensure(right, || format!("{error:?}"))?;
    }
    ensure(log.topic("prices")?.is_some_and(|state| state.partitions == 3), || "it has changed".into())
}

fn bad_names(log: &dyn Log) -> Result<(), Failure> {
    for (name, partitions) in [("", 1), ("a/b", 1), ("..", 1), ("a b", 1), ("ok", 0), ("ok", -1)] {
        let outcome = topic(log, name, partitions);
        let refused = matches!(outcome, Err(LogError::Misuse(_)));
        ensure(refused, || format!("`{name}` with {partitions}: {outcome:?}"))?;
    }
    topic(log, "A.b_c-9", 1)?;
    ensure(log.topics()?.len() == 1, || "a refused topic is there".into())
}

fn names_sorted(log: &dyn Log) -> Result<(), Failure> {
    for name in ["b", "c", "a"] {
        topic(log, name, 1)?;
    }
    let found = log.topics()?;
    ensure(found.iter().map(AsRef::as_ref).eq(["a", "b", "c"]), || format!("{found:?}"))
}

fn unknown_partitions(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 2)?;
    for (topic, partition) in [("none", 0), ("prices", 2), ("prices", -1), ("prices", i32::MAX)] {
        let mut transaction = log.begin();
        let errors = [
            log.end(topic, partition).err(),
            log.read(topic, partition, 0, 100).err(),
            log.position("group", topic, partition).err(),
            transaction.append(written(topic, partition, &["lost"])).err(),
            transaction.commit_position("group", topic, partition, at(0)).err(),
        ];
        let right = errors.iter().all(|error| matches!(error, Some(LogError::UnknownPartition { .. })));
        ensure(right, || format!("{topic}/{partition}: {errors:?}"))?;
    }
    Ok(())
}

// Appends and reads.

fn order(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 2)?;
    let mut expected = Vec::new();
    for number in 0..50 {
        let names: Vec<String> = (0..=number % 4).map(|part| format!("{number}-{part}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        commit(log, &[("prices", 1, &names)], None)?;
        expected.extend(names.iter().map(|name| (*name).to_owned()));
    }
    ensure(log.end("prices", 1)? >= expected.len() as i64, || "the end is wrong".into())?;
    same(&values(log, "prices", 1)?, &expected)?;
    ensure(log.end("prices", 0)? == 0, || "the other partition has records".into())
}

fn appends_follow(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 2)?;
    commit(log, &[("prices", 0, &["before"])], None)?;
    let appended = commit(
        log,
        &[("prices", 0, &["a", "b"]), ("prices", 1, &["c"]), ("prices", 0, &["d"]), ("prices", 1, &["e"])],
        None,
    )?;
    for (append, (partition, first)) in appended.iter().zip([(0, "a"), (1, "c"), (0, "d"), (1, "e")]) {
        let blocks = log.read("prices", partition, append.first_offset, 1)?;
        let found = blocks.first().map(|block| block.get(0));
        let right =
            found.is_some_and(|found| found.offset == append.first_offset && found.value == Some(first.as_bytes()));
        let named = &*append.topic == "prices" && append.partition == partition;
        ensure(right && named, || format!("{first}: {append:?}, {found:?}"))?;
    }
    ensure(appended.len() == 4, || format!("{appended:?}"))?;
    same(&values(log, "prices", 0)?, &["before", "a", "b", "d"])?;
    same(&values(log, "prices", 1)?, &["c", "e"])
}

fn empty_append(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let appended = commit(log, &[("prices", 0, &[]), ("prices", 0, &["a"]), ("prices", 0, &[])], None)?;
    let offsets: Vec<i64> = appended.iter().map(|append| append.first_offset).collect();
    same(&offsets, &[offsets[1], offsets[1], offsets[1] + 1])?;
    let nothing = commit(log, &[], None)?;
    ensure(nothing.is_empty(), || "an empty transaction appended something".into())?;
    same(&values(log, "prices", 0)?, &["a"])
}

fn invisible(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let mut transaction = log.begin();
    transaction.append(written("prices", 0, &["later"]))?;
    transaction.commit_position("group", "prices", 0, at(7))?;
    ensure(log.end("prices", 0)? == 0, || "the end has moved".into())?;
    ensure(log.read("prices", 0, 0, 1000)?.is_empty(), || "records can be read".into())?;
    ensure(log.position("group", "prices", 0)?.is_none(), || "the position can be seen".into())?;
    transaction.commit()?;
    same(&values(log, "prices", 0)?, &["later"])
}

fn dropped(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let mut transaction = log.begin();
    transaction.append(written("prices", 0, &["lost"]))?;
    transaction.commit_position("group", "prices", 0, at(7))?;
    drop(transaction);
    commit(log, &[("prices", 0, &["kept"])], None)?;
    ensure(log.position("group", "prices", 0)?.is_none(), || "its position is there".into())?;
    same(&values(log, "prices", 0)?, &["kept"])
}

fn atomic(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "in", 2)?;
    topic(log, "out", 1)?;
    let appends: &[(&str, i32, &[&str])] = &[("in", 0, &["a"]), ("in", 1, &["b", "c"]), ("out", 0, &["d"])];
    commit(log, appends, Some(("group", "in", 0, 1)))?;
    let ends = [log.end("in", 0)?, log.end("in", 1)?, log.end("out", 0)?];
    ensure(ends[0] >= 1 && ends[1] >= 2 && ends[2] >= 1, || format!("ends {ends:?}"))?;
    ensure(log.position("group", "in", 0)? == Some(at(1)), || "the position is not there".into())
}

fn out_of_range(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    commit(log, &[("prices", 0, &["a", "b"])], None)?;
    let last = log.end("prices", 0)?;
    ensure(log.read("prices", 0, last, 1000)?.is_empty(), || "there are records at the end".into())?;
    for offset in [-1, last + 1, i64::MIN, i64::MAX] {
        let outcome = log.read("prices", 0, offset, 1000);
        let right = matches!(&outcome, Err(LogError::OutOfRange { first: 0, end, offset: asked, .. })
            if *asked == offset && *end == last);
        ensure(right, || format!("{offset}: {outcome:?}"))?;
    }
    Ok(())
}

fn read_from_anywhere(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let lengths = [3, 1, 100, 1, 1, 20];
    let mut count = 0;
    for length in lengths {
        let names: Vec<String> = (count..count + length).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        commit(log, &[("prices", 0, &names)], None)?;
        count += length;
    }
    let numbered = |blocks: &[Records]| -> Vec<(i64, Option<usize>)> {
        let number = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).parse().ok();
        blocks.iter().flat_map(Records::iter).map(|record| (record.offset, number(record.value))).collect()
    };
    let whole = numbered(&all(log, "prices", 0)?);
    ensure(whole.iter().map(|(_, number)| *number).eq((0..count).map(Some)), || "not all are there".into())?;
    for offset in 0..log.end("prices", 0)? {
        let found = numbered(&log.read("prices", 0, offset, usize::MAX)?);
        let from = whole.partition_point(|(at, _)| *at < offset);
        ensure(found == whole[from..], || format!("from {offset}"))?;
    }
    Ok(())
}

fn max_bytes(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let value = "v".repeat(1000);
    let mut second = 0;
    for number in 0..50 {
        let appended = commit(log, &[("prices", 0, &[value.as_str(); 2])], None)?;
        second = if number == 0 { appended[0].first_offset + 1 } else { second };
    }
    for max_bytes in [0, 1, 1000, 5_000, 20_000] {
        let blocks = log.read("prices", 0, second, max_bytes)?;
        let bytes: usize =
            blocks.iter().flat_map(Records::iter).map(|record| record.value.map_or(0, <[u8]>::len)).sum();
        ensure(bytes >= 1000 && bytes <= max_bytes + 2000, || format!("{bytes} for {max_bytes}"))?;
        ensure(blocks.first().is_some_and(|block| block.base_offset == second), || "it starts elsewhere".into())?;
    }
    Ok(())
}

fn shapes(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let mut headers = Headers::new();
    headers.push("code", b"E4102");
    headers.push("code", b"");
    let keys: [Option<&[u8]>; 3] = [None, Some(b""), Some(&[0, 255])];
    let mut builder = RecordsBuilder::new();
    let mut single = Vec::new();
    for key in keys {
        for value in [None, Some(&b""[..]), Some(b"value")] {
            for headers in [Headers::new(), headers.clone()] {
                builder.push(key, value, &headers, 5);
                let mut alone = RecordsBuilder::new();
                alone.push(key, value, &headers, 5);
                single.push(alone.finish());
            }
        }
    }
    let together = builder.finish();
    let mut transaction = log.begin();
    for records in single.into_iter().chain([together.clone()]) {
        transaction.append(Written { topic: "prices".into(), partition: 0, records })?;
    }
    transaction.commit()?;
    let blocks = all(log, "prices", 0)?;
    let found: Vec<_> = blocks.iter().flat_map(Records::iter).map(|record| content(&record)).collect();
    let expected: Vec<_> = together.iter().chain(together.iter()).map(|record| content(&record)).collect();
    same(&found, &expected)
}

fn slices(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let names: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let whole = records(&names);
    let mut transaction = log.begin();
    for (start, length) in [(3, 5), (17, 1), (9, 0), (38, 2)] {
        let slice = whole.slice(start, length);
        transaction.append(Written { topic: "prices".into(), partition: 0, records: slice })?;
    }
    transaction.commit()?;
    same(&values(log, "prices", 0)?, &["3", "4", "5", "6", "7", "17", "38", "39"])
}

fn uneven_columns(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let mut uneven = records(&["a", "b"]);
    uneven.arrivals = uneven.arrivals.slice(0, 1);
    let outcome = log.begin().append(Written { topic: "prices".into(), partition: 0, records: uneven });
    ensure(matches!(outcome, Err(LogError::Misuse(_))), || format!("{outcome:?}"))
}

fn arrivals(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let mut expected = Vec::new();
    for number in 0..20_i64 {
        let given = [0, -5, i64::MAX, 0, number + 1];
        let mut builder = RecordsBuilder::new();
        for arrival in given {
            builder.push(None, Some(b"v"), &Headers::new(), arrival);
        }
        let mut transaction = log.begin();
        transaction.append(Written { topic: "prices".into(), partition: 0, records: builder.finish() })?;
        transaction.commit()?;
        expected.extend(given);
    }
    let blocks = all(log, "prices", 0)?;
    let found: Vec<i64> = blocks.iter().flat_map(Records::iter).map(|record| record.arrival).collect();
    let kept = expected.iter().zip(&found).all(|(given, found)| *given == 0 || given == found);
    ensure(kept && found.len() == expected.len(), || format!("not kept: {found:?}"))?;
    let set: Vec<i64> = expected.iter().zip(&found).filter(|(given, _)| **given == 0).map(|(_, at)| *at).collect();
    ensure(set.is_sorted() && set.iter().all(|at| *at > 0 && *at < i64::MAX), || format!("set to {set:?}"))
}

fn large_record(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let large = "L".repeat(8 * 1024 * 1024);
    let appended = commit(log, &[("prices", 0, &["before"]), ("prices", 0, &[&large, "after"])], None)?;
    let found = values(log, "prices", 0)?;
    ensure(found == ["before", large.as_str(), "after"], || "it has changed".into())?;
    let from = log.read("prices", 0, appended[1].first_offset, 1)?;
    let first = from.first().map(|block| block.get(0));
    ensure(first.is_some_and(|record| record.offset == appended[1].first_offset), || {
        "it is not read when few bytes are asked for".into()
    })
}

fn many_records(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let names: Vec<String> = (0..30_000).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let appended = commit(log, &[("prices", 0, &["first"]), ("prices", 0, &names)], None)?;
    ensure(appended.len() == 2 && appended[1].first_offset == appended[0].first_offset + 1, || {
        format!("{appended:?}")
    })?;
    let found = values(log, "prices", 0)?;
    ensure(found[1..].iter().eq(names.iter()), || "they have changed".into())
}

// Positions.

fn positions(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    for (offset, metadata) in [(5, "{\"last\": 9}"), (3, ""), (i64::MAX, "ä\u{0}\n")] {
        let position = Position { offset, metadata: metadata.into() };
        let mut transaction = log.begin();
        transaction.commit_position("group", "prices", 0, position.clone())?;
        transaction.commit()?;
        let found = log.position("group", "prices", 0)?;
        ensure(found == Some(position), || format!("{offset}: {found:?}"))?;
    }
    Ok(())
}

fn last_position(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let mut transaction = log.begin();
    for offset in [5, 9, 7] {
        transaction.commit_position("group", "prices", 0, at(offset))?;
    }
    transaction.commit()?;
    ensure(log.position("group", "prices", 0)? == Some(at(7)), || "another one counts".into())
}

fn positions_apart(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 2)?;
    topic(log, "trades", 2)?;
    let places = [("g", "prices", 0, 1), ("g", "prices", 1, 2), ("g", "trades", 1, 3), ("h/x ä", "prices", 0, 4)];
    for place in places {
        commit(log, &[], Some(place))?;
    }
    for (group, topic, partition, offset) in places {
        let found = log.position(group, topic, partition)?;
        ensure(found == Some(at(offset)), || format!("{group} {topic}/{partition}: {found:?}"))?;
    }
    ensure(log.position("h/x ä", "prices", 1)?.is_none(), || "a position that nobody set".into())
}

fn metadata_limit(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let position = |length| Position { offset: 0, metadata: "m".repeat(length) };
    let mut transaction = log.begin();
    transaction.commit_position("group", "prices", 0, position(4096))?;
    let refused = transaction.commit_position("group", "prices", 0, position(4097));
    ensure(matches!(refused, Err(LogError::Misuse(_))), || format!("{refused:?}"))?;
    transaction.commit()?;
    ensure(log.position("group", "prices", 0)? == Some(position(4096)), || "it has changed".into())
}

fn refused_call(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    let mut transaction = log.begin();
    transaction.append(written("prices", 0, &["a"]))?;
    ensure(transaction.append(written("none", 0, &["lost"])).is_err(), || "it was not refused".into())?;
    transaction.append(written("prices", 0, &["b"]))?;
    transaction.commit()?;
    same(&values(log, "prices", 0)?, &["a", "b"])
}
