//! Checks of what becomes of a partition whose first records nobody needs any more.

use batch::Records;
use log::{Log, LogError};

use super::{Check, Failure, all, commit, ensure, topic};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("what lies before an offset can go, and all else stays as it is", front),
    ("all records can go, and the partition goes on at its end", everything),
    ("what cannot be deleted is refused, and what is gone is nothing to do", refused),
];

/// Offset and value of each record from an offset on.
fn from(log: &dyn Log, topic: &str, offset: i64) -> Result<Vec<(i64, Vec<u8>)>, Failure> {
    let (mut next, mut found) = (offset, Vec::new());
    loop {
        let blocks = log.read(topic, 0, next, 1000)?;
        let Some(last) = blocks.last() else { return Ok(found) };
        next = last.next_offset();
        let records = blocks.iter().flat_map(Records::iter);
        found.extend(records.map(|record| (record.offset, record.value.unwrap_or_default().to_vec())));
    }
}

/// Thirty commits: small ones, large ones, and those whose blocks lie close to one another.
fn write(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "numbers", 2)?;
    for number in 0..30_usize {
        let value = number.to_string().repeat(if number.is_multiple_of(3) { 30_000 } else { 1 });
        let values = vec![value.as_str(); number % 4 + 1];
        commit(log, &[("numbers", 0, &values), ("numbers", 1, &["other"])], None)?;
    }
    Ok(())
}

fn front(log: &dyn Log) -> Result<(), Failure> {
    write(log)?;
    let whole = from(log, "numbers", 0)?;
    let (end, other) = (log.end("numbers", 0)?, all(log, "numbers", 1)?.len());
    for index in [1, 20, 21, whole.len() / 2, whole.len() - 1] {
        let (offset, _) = whole[index];
        log.delete_before("numbers", 0, offset)?;
        let first = log.first("numbers", 0)?;
        ensure(first <= offset, || format!("{first} is the first, {offset} was to stay"))?;
        ensure(first >= 0 && index < 20 || first > 0, || "nothing went".into())?;
        ensure(from(log, "numbers", offset)? == whole[index..], || format!("from {offset} on not all is there"))?;
        let kept = from(log, "numbers", first)?;
        ensure(whole.ends_with(&kept), || format!("from {first} on there is something else"))?;
        if first > 0 {
            let outcome = log.read("numbers", 0, first - 1, 1000);
            let right = matches!(&outcome, Err(LogError::OutOfRange { first: told, .. }) if *told == first);
            ensure(right, || format!("before {first}: {outcome:?}"))?;
        }
        ensure(log.end("numbers", 0)? == end, || "the end moved".into())?;
    }
    ensure(all(log, "numbers", 1)?.len() == other, || "another partition lost records".into())
}

fn everything(log: &dyn Log) -> Result<(), Failure> {
    write(log)?;
    let end = log.end("numbers", 0)?;
    log.delete_before("numbers", 0, end)?;
    ensure(log.end("numbers", 0)? == end, || "the end moved".into())?;
    ensure(log.read("numbers", 0, end, 1000)?.is_empty(), || "there are records at the end".into())?;
    let appended = commit(log, &[("numbers", 0, &["after"])], None)?;
    ensure(appended[0].first_offset >= end, || format!("{appended:?} lies before {end}"))?;
    let found = from(log, "numbers", end)?;
    ensure(found.iter().map(|(_, value)| value.as_slice()).eq([b"after"]), || format!("{found:?}"))
}

fn refused(log: &dyn Log) -> Result<(), Failure> {
    write(log)?;
    let end = log.end("numbers", 0)?;
    for offset in [-1, end + 1, i64::MIN, i64::MAX] {
        let outcome = log.delete_before("numbers", 0, offset);
        ensure(matches!(outcome, Err(LogError::OutOfRange { .. })), || format!("{offset}: {outcome:?}"))?;
    }
    for (topic, partition) in [("numbers", 2), ("numbers", -1), ("nothing", 0)] {
        let unknown = |outcome: &dyn std::fmt::Debug, right| {
            ensure(right, || format!("partition {partition} of {topic}: {outcome:?}"))
        };
        let outcome = log.delete_before(topic, partition, 0);
        unknown(&outcome, matches!(outcome, Err(LogError::UnknownPartition { .. })))?;
        let outcome = log.first(topic, partition);
        unknown(&outcome, matches!(outcome, Err(LogError::UnknownPartition { .. })))?;
    }
    ensure(log.first("numbers", 0)? == 0, || "something went".into())?;
    let whole = from(log, "numbers", 0)?;
    let half = whole[whole.len() / 2].0;
    log.delete_before("numbers", 0, half)?;
    let first = log.first("numbers", 0)?;
    for offset in [0, first] {
        log.delete_before("numbers", 0, offset)?;
        ensure(log.first("numbers", 0)? == first, || format!("{offset} moved the first record"))?;
    }
    Ok(())
}
